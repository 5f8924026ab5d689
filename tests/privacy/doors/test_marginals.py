"""Door 1b: which pairs are measured, with how much noise, and that the total is what was left."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from tabgan.errors import BudgetExceededError, PrivacyError
from tabgan.privacy.choice import CLEAR, GROUPED_PART, TARGET_WEIGHT, choose_pairs, pair_noises, pair_weight
from tabgan.privacy.doors import mechanisms
from tabgan.privacy.doors.marginals import OF_GROUPS, TWO_WAY, measure_pairs, measure_places
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.events import PLACES
from tabgan.privacy.filter import PrivacyFilter
from tabgan.privacy.plan import make_plan
from tabgan.privacy.unit import PrivacyUnit

SIZES = [3, 4, 2]
NAMES = ["a", "b", "c"]


def combined_mu(noise_multipliers) -> float:
    """Return the GDP parameter of Gaussian releases together."""
    return math.sqrt(math.fsum(1.0 / z**2 for z in noise_multipliers))


def table(n_rows: int = 5_000) -> np.ndarray:
    """``a`` and ``b`` depend on each other, ``c`` on nothing."""
    rng = np.random.default_rng(0)
    a = rng.integers(3, size=n_rows)
    return np.stack([a, (a + (rng.random(n_rows) < 0.1)) % 4, rng.integers(2, size=n_rows)], axis=1).astype(
        np.int16
    )


def one_ways(codes):
    return [np.bincount(codes[:, i], minlength=size).astype(float) for i, size in enumerate(SIZES)]


def measure(epsilon, progress=None, targets=()):
    codes, plan = table(), make_plan(epsilon, 1e-6)
    ledger = PrivacyFilter(plan)
    marginals = measure_pairs(
        codes, SIZES, NAMES, one_ways(codes), len(codes), plan, Measurer(ledger), progress, targets
    )
    return marginals, ledger, plan, codes


def test_dependent_pairs_are_measured_and_close_to_the_truth():
    marginals, ledger, _, codes = measure(1.0)
    assert (0, 1) in [m.columns for m in marginals]
    measured = next(m for m in marginals if m.columns == (0, 1))
    exact = np.zeros((3, 4))
    np.add.at(exact, (codes[:, 0], codes[:, 1]), 1)
    assert np.abs(measured.counts - exact).max() < 6 * measured.noise_stddev
    assert [e.columns for e in ledger.entries if e.what == "dependence score"] == [
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
    ]


def test_the_pairs_spend_what_was_left_and_no_more():
    _, ledger, plan, _ = measure(1.0)
    spent = combined_mu(e.noise_multiplier for e in ledger.entries)
    assert spent <= plan.mu
    assert spent == pytest.approx(plan.mu * math.sqrt(1 - plan.shares["gain"]), rel=1e-6)


def test_without_privacy_all_pairs_are_exact():
    marginals, _, _, codes = measure(None)
    assert len(marginals) == 3
    assert all(m.counts.sum() == len(codes) for m in marginals)


def test_a_single_column_has_no_pairs():
    codes = table()[:, :1]
    plan = make_plan(1.0, 1e-6)
    measurer = Measurer(PrivacyFilter(plan))
    assert measure_pairs(codes, [3], ["a"], one_ways(table())[:1], 1.0, plan, measurer) == []


def test_a_score_moves_by_at_most_one_with_a_row():
    """Sensitivity, by removing rows one at a time: the scores are L1 distances to a fixed public table."""
    from tabgan.privacy.doors.marginals import _dependence
    from tabgan.table.summed import pair_tables

    codes = table(300)
    public = one_ways(codes)
    full = _dependence(*pair_tables(codes, [(0, 1)], SIZES), public, (0, 1), 300.0)
    for row in range(0, 300, 7):
        fewer = pair_tables(np.delete(codes, row, axis=0), [(0, 1)], SIZES)
        less = _dependence(*fewer, public, (0, 1), 300.0)
        assert abs(full - less) <= 1.0 + 1e-9


def _choose(scores, cells, mu):
    weights = np.array([pair_weight(n, False) for n in cells])
    return choose_pairs(np.array(scores), np.array(cells), weights, mu)


def test_pairs_are_chosen_by_what_they_are_worth():
    assert _choose([1_000.0, 2.0, 900.0], [6, 6, 6], 0.2) == [0, 2]
    assert _choose([0.0, -5.0, 0.0], [6, 6, 6], 0.2) != []  # one at least
    assert _choose([5.0, 6.0], [4, 4], math.inf) == [0, 1]


def test_large_tables_get_less_noise_a_cell_and_the_total_is_the_budget():
    noises = pair_noises(np.array([pair_weight(10, False), pair_weight(1_000, False)]), 0.3)
    assert noises[1] < noises[0]
    assert combined_mu(noises) == pytest.approx(0.3, rel=1e-6)
    assert combined_mu(noises) <= 0.3


def test_pairs_with_the_target_get_less_noise_for_the_same_budget():
    spent = []
    for targets, is_less in (([1], True), ([], False)):
        marginals, ledger, plan, _ = measure(1.0, targets=targets)
        spent.append(combined_mu(e.noise_multiplier for e in ledger.entries))
        assert spent[-1] <= plan.mu
        by_cells = {m.columns: m.noise_stddev * math.prod(m.counts.shape) ** (1 / 3) for m in marginals}
        with_target = [noise for columns, noise in by_cells.items() if 1 in columns]
        others = [noise for columns, noise in by_cells.items() if 1 not in columns]
        assert with_target
        if others:
            ratio = (others[0] / with_target[0]) ** 2
            assert ratio == pytest.approx(TARGET_WEIGHT if is_less else 1.0)
    assert spent[0] == pytest.approx(spent[1], rel=1e-6)


def test_progress_ends_at_its_total():
    seen = []
    measure(1.0, lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1]


def first_codes(codes, places):
    """Return the cell of a row: its first code, and none for those of the last."""
    return np.where(codes[:, 0] == 2, -1, codes[:, 0] * 30 + (places[:, 0] * 30).astype(int))


class TestGroups:
    """A pair of columns that both have groups has a second table, of sums of the first."""

    SIZES = (6, 4, 2)
    GROUPS = (np.array([0, 0, 1, 1, 2, 2]), np.array([0, 0, 1, 1]), None)

    def codes(self, n_rows: int = 40) -> np.ndarray:
        rng = np.random.default_rng(0)
        a, c = rng.integers(6, size=100_000), rng.integers(2, size=100_000)
        return np.stack([a, a % 4, c], axis=1).astype(np.int16)[:n_rows]

    def measured(self, plan, measurer=None, groups=GROUPS, n_rows=40):
        codes, measurer = self.codes(n_rows), measurer or Measurer(PrivacyFilter(plan))
        counts = [np.bincount(codes[:, i], minlength=n).astype(float) for i, n in enumerate(self.SIZES)]
        required = [(0, 1), (0, 2)]
        arguments = (codes, self.SIZES, NAMES, counts, float(len(codes)), plan, measurer)
        return measure_pairs(*arguments, required=required, groups=groups), measurer.privacy_filter

    def exact(self, marginal, n_rows=40):
        codes = self.codes(n_rows)[:, list(marginal.columns)]
        if marginal.groups is not None:
            codes = np.stack([each[codes[:, i]] for i, each in enumerate(marginal.groups)], axis=1)
        table = np.zeros(marginal.counts.shape)
        np.add.at(table, tuple(codes.T), 1)
        return table

    def test_a_pair_with_groups_is_counted_twice_and_others_once(self, monkeypatch):
        monkeypatch.setattr(mechanisms, "noisy_vector", lambda values, _: np.asarray(values, dtype=float))
        found, ledger = self.measured(make_plan(1.0, 1e-6))
        assert [(m.columns, m.groups is not None) for m in found if m.columns != (1, 2)] == [
            ((0, 1), False),
            ((0, 1), True),
            ((0, 2), False),
        ]
        for marginal in found:
            np.testing.assert_array_equal(marginal.counts, self.exact(marginal))
        lines = [(e.what, e.columns, e.sensitivity) for e in ledger.entries if e.what == OF_GROUPS]
        assert lines == [(OF_GROUPS, ("a", "b"), 1)]

    def test_one_row_is_in_one_cell_of_each(self, monkeypatch):
        monkeypatch.setattr(mechanisms, "noisy_vector", lambda values, _: np.asarray(values, dtype=float))
        plan = make_plan(1.0, 1e-6)
        more, less = (self.measured(plan, n_rows=n)[0] for n in (41, 40))
        for one, other in zip(more, less, strict=True):
            assert sorted(np.ravel(one.counts - other.counts)) == [0] * (one.counts.size - 1) + [1]

    def test_both_tables_together_spend_what_one_did(self):
        plan = make_plan(1.0, 1e-6)
        spent = {}
        for name, groups in (("one", ()), ("two", self.GROUPS)):
            _, ledger = self.measured(plan, groups=groups)
            spent[name] = combined_mu(e.noise_multiplier for e in ledger.entries)
            own = {
                what: sum(
                    e.noise_multiplier**-2
                    for e in ledger.entries
                    if (e.what, e.columns) == (what, ("a", "b"))
                )
                for what in (TWO_WAY, OF_GROUPS)
            }
        assert own[OF_GROUPS] / sum(own.values()) == pytest.approx(GROUPED_PART)
        assert spent["two"] == pytest.approx(spent["one"], rel=1e-9)
        assert spent["two"] <= plan.mu

    def test_clear_counts_need_none_and_there_are_none_without_privacy(self):
        plan = make_plan(1.0, 1e-6)
        few, _ = self.measured(plan)
        noise = max(float(m.noise_stddev) for m in few)
        many, ledger = self.measured(plan, n_rows=int(2 * CLEAR * 24 * noise))
        assert {m.columns for m in many} >= {(0, 1)}
        assert OF_GROUPS not in [entry.what for entry in ledger.entries]
        assert all(m.groups is None for m in self.measured(make_plan(None, 1e-6))[0])

    @pytest.mark.fresh_noise
    def test_their_noise_is_the_charged_one_times_the_rows_of_a_unit(self):
        """Two-sided, with wrong scales as controls: without the sensitivity, 2/3 and 3/2."""
        plan, noise = make_plan(1.0, 1e-6, unit=PrivacyUnit("key", 2)), []
        for _ in range(80):
            found, ledger = self.measured(plan)
            (marginal,) = (m for m in found if m.groups is not None)
            (entry,) = (e for e in ledger.entries if e.what == OF_GROUPS)
            assert entry.sensitivity == 2
            assert marginal.noise_stddev == pytest.approx(2 * entry.noise_multiplier)
            noise.append((marginal.counts - self.exact(marginal)).ravel() / (2 * entry.noise_multiplier))
        draws = np.concatenate(noise)

        def fits(scale):
            low, high = stats.chi2.interval(1 - 1e-7, len(draws))
            return bool(low < (draws**2).sum() / scale**2 < high)

        assert fits(1.0)
        assert not any(fits(wrong) for wrong in (1 / 2, 2 / 3, 3 / 2))

    def test_they_are_charged_before_a_row_is_read(self):
        measurer = Measurer(PrivacyFilter(make_plan(1.0, 1e-6)))
        charge = measurer.privacy_filter.charge

        def refused(*releases, call):
            if any(release.what == OF_GROUPS for release in releases):
                raise BudgetExceededError("no room")
            charge(*releases, call=call)

        measurer.privacy_filter.charge = refused  # type: ignore[method-assign]
        with pytest.raises(BudgetExceededError):
            self.measured(measurer.privacy_filter.plan, measurer)
        assert {entry.what for entry in measurer.privacy_filter.entries} == {"dependence score"}


class TestPlaces:
    SHAPE = (2, 30)

    def measured(self, plan, measurer=None, n=2):
        codes = table(600)
        places = np.random.default_rng(1).random(codes.shape)
        measurer = measurer or Measurer(PrivacyFilter(plan))
        cells = [(name, first_codes) for name in ["a", "b"][:n]]
        exact = np.bincount(first_codes(codes, places)[codes[:, 0] < 2], minlength=60).reshape(self.SHAPE)
        return (
            measure_places(cells, self.SHAPE, (codes, places), measurer),
            exact,
            measurer.privacy_filter.entries,
        )

    def test_each_row_is_counted_once_or_not_at_all(self):
        tables, exact, _ = self.measured(make_plan(None, 1e-6))
        assert exact.sum() < 600
        assert all((found == exact).all() for found in tables)

    @pytest.mark.fresh_noise
    def test_their_noise_is_the_charged_one_times_the_rows_of_a_unit(self):
        """Two-sided, with wrong scales as controls: without the sensitivity, 2/3 and 3/2."""
        plan, noise = make_plan(1.0, 1e-6, unit=PrivacyUnit("key", 2)), []
        for _ in range(25):
            tables, exact, entries = self.measured(plan)
            noise += [(found - exact).ravel() for found in tables]
        assert [(entry.what, entry.columns, entry.sensitivity) for entry in entries] == [
            (PLACES, ("a",), 2),
            (PLACES, ("b",), 2),
        ]
        draws, stddev = np.concatenate(noise), entries[0].noise_multiplier * 2
        spent = sum(entry.noise_multiplier**-2 for entry in entries)
        assert spent == pytest.approx(plan.shares["places"] * plan.mu**2)

        def fits(scale):
            low, high = stats.chi2.interval(1 - 1e-7, len(draws))
            return bool(low < (draws**2).sum() / scale**2 < high)

        assert fits(stddev)
        assert not any(fits(stddev * wrong) for wrong in (1 / 2, 2 / 3, 3 / 2))

    def test_they_are_charged_before_a_row_is_read(self, monkeypatch):
        measurer = Measurer(PrivacyFilter(make_plan(1.0, 1e-6)))
        with pytest.raises(RuntimeError, match="read"):
            measure_places(
                [("a", lambda *_: (_ for _ in ()).throw(RuntimeError("read")))],
                (2, 2),
                (table(9), table(9)),
                measurer,
            )
        assert [entry.what for entry in measurer.privacy_filter.entries] == [PLACES]

    def test_tables_that_an_interruption_lost_are_not_charged_again(self):
        """Pitfall 25: their charge stays spent, and the resumed fit goes on without them."""
        plan, past = make_plan(1.0, 1e-6), []
        book = SimpleNamespace(past=past, doubtful=(), write=lambda call, lines: past.append((call, lines)))

        def stopped(*_):
            raise KeyboardInterrupt

        rows = (table(9), table(9))
        with pytest.raises(KeyboardInterrupt):
            measure_places([("a", stopped)], (2, 2), rows, Measurer(PrivacyFilter(plan, book)))
        assert measure_places([("a", stopped)], (2, 2), rows, Measurer(PrivacyFilter(plan, book))) is None
        assert [len(lines) for _, lines in past] == [1]

    def test_a_plan_that_cannot_pay_reads_no_row(self, monkeypatch):
        monkeypatch.setattr(mechanisms, "noisy_vector", lambda *_: pytest.fail("counted without a charge"))
        measurer = Measurer(PrivacyFilter(make_plan(1.0, 1e-6)))
        monkeypatch.setattr(
            measurer.privacy_filter,
            "charge",
            lambda *_, **__: (_ for _ in ()).throw(BudgetExceededError("no")),
        )
        assert self.measured(None, measurer)[0] is None

    def test_other_than_one_cell_a_row_is_refused(self):
        measurer = Measurer(PrivacyFilter(make_plan(1.0, 1e-6)))
        with pytest.raises(PrivacyError, match="one cell a row"):
            measure_places([("a", lambda codes, _: codes.ravel())], (2, 2), (table(9), table(9)), measurer)

    def test_their_share_is_kept_from_the_pairs(self):
        plan = make_plan(1.0, 1e-6, n_targets=0)
        ledger = PrivacyFilter(plan)
        assert ledger.remaining_mu() == pytest.approx(plan.mu)
        ledger.reserve("places")
        assert ledger.remaining_mu() == pytest.approx(plan.mu * (1 - plan.shares["places"]) ** 0.5)
