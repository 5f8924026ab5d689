"""Door 1b: which pairs are measured, with how much noise, and that the total is what was left."""

import math

import numpy as np
import pytest
from scipy import stats

from tabgan.errors import BudgetExceededError, PrivacyError
from tabgan.privacy.choice import TARGET_WEIGHT, choose_pairs, pair_noises, pair_weight
from tabgan.privacy.doors import mechanisms
from tabgan.privacy.doors.marginals import PLACES, measure_pairs, measure_places
from tabgan.privacy.doors.measure import Measurer
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


class TestPlaces:
    SHAPE = (2, 30)

    def measured(self, plan, measurer=None, n=2):
        codes = table(600)
        places = np.random.default_rng(1).random(codes.shape)
        measurer = measurer or Measurer(PrivacyFilter(plan))
        cells = dict.fromkeys(["a", "b"][:n], first_codes)
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
                {"a": lambda *_: (_ for _ in ()).throw(RuntimeError("read"))},
                (2, 2),
                (table(9), table(9)),
                measurer,
            )
        assert [entry.what for entry in measurer.privacy_filter.entries] == [PLACES]

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
            measure_places({"a": lambda codes, _: codes.ravel()}, (2, 2), (table(9), table(9)), measurer)

    def test_their_share_is_kept_from_the_pairs(self):
        plan = make_plan(1.0, 1e-6, n_targets=0)
        ledger = PrivacyFilter(plan)
        assert ledger.remaining_mu() == pytest.approx(plan.mu)
        ledger.reserve("places")
        assert ledger.remaining_mu() == pytest.approx(plan.mu * (1 - plan.shares["places"]) ** 0.5)
