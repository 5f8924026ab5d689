"""Door 1's one way from rows to numbers: charged, then counted, then noised as charged, then kept."""

import math

import numpy as np
import pytest
from scipy import stats

from tabgan.errors import BudgetExceededError, PrivacyError
from tabgan.privacy.doors import measure, mechanisms
from tabgan.privacy.doors.measure import Measurer, Observed
from tabgan.privacy.events import GAUSSIAN, GAUSSIAN_THRESHOLD, Release
from tabgan.privacy.filter import PrivacyFilter
from tabgan.privacy.ledger.journal import Journal
from tabgan.privacy.plan import Plan, make_plan

PLAN = Plan(5.0, 1e-6, 1e-7, 2.0, {})
COUNTS = np.array([30, 7, 0])
OBSERVED = Observed(["Ulm", "Bonn", "Zanzibar-4711"], np.array([5_000, 4_000, 1]), 300)


def release(noise=10.0, what="histogram", column="age", sensitivity=1.0):
    return Release("release", what, (column,), GAUSSIAN, noise, sensitivity=sensitivity)


def threshold(noise=10.0, delta=1e-8):
    return Release("release", "categories", ("town",), GAUSSIAN_THRESHOLD, noise, delta)


class Book:
    """Keeps charges as a file would."""

    def __init__(self):
        self.past, self.doubtful = [], ()

    def write(self, call, releases):
        self.past.append((call, tuple(releases)))

    def place(self):
        return None


def unread():
    raise AssertionError("a row was read")


class Dies(BaseException):
    """A kill, which no process survives."""


def dies():
    raise Dies


@pytest.fixture
def book():
    return Book()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "released.jsonl"


def measurer(book=None, path=None, plan=PLAN) -> Measurer:
    """One of a fit that resumes with the charges and answers of its ledger and its file."""
    return Measurer(PrivacyFilter(plan, book), None if path is None else Journal(path, "fit"))


#: The three ways to ask a measurer.
ASK = {
    "counts": lambda m, exact=None: m.counts([release()], [exact or (lambda: COUNTS)]),
    "scores": lambda m, exact=None: m.scores([release()], exact or (lambda: np.array([1.5]))),
    "discover": lambda m, exact=None: m.discover(threshold(), exact or (lambda: OBSERVED), 1),
}


def plain(answer):
    """An answer as something that can be compared."""
    if isinstance(answer, list):
        return [array.tolist() for array in answer]
    if isinstance(answer, np.ndarray):
        return answer.tolist()
    return [answer.values, answer.counts.tolist(), answer.n_missing]


@pytest.mark.parametrize("ask", ASK.values(), ids=ASK)
class TestEveryWay:
    def test_the_charge_stands_before_a_row_is_read(self, ask, book):
        def exact():
            assert len(book.past) == 1
            raise Dies

        with pytest.raises(Dies):
            ask(measurer(book), exact)

    def test_what_the_plan_has_no_room_for_is_neither_read_nor_written(self, ask, book):
        with pytest.raises(BudgetExceededError):
            ask(measurer(book, plan=Plan(1.0, 1e-6, 0.0, 0.01, {})), unread)
        assert book.past == []

    def test_a_book_that_cannot_be_written_stops_it_before_a_row_is_read(self, ask):
        class Full(Book):
            def write(self, call, releases):
                raise OSError("no space left")

        with pytest.raises(OSError, match="no space"):
            ask(measurer(Full()), unread)

    def test_an_answer_that_was_kept_is_the_answer_and_no_row_is_read_for_it(
        self, ask, book, path, monkeypatch
    ):
        """Pitfall 20: nor is noise drawn for it again."""
        first = ask(measurer(book, path))
        monkeypatch.setattr(mechanisms, "noisy_vector", unread)
        monkeypatch.setattr(mechanisms, "discover", unread)
        resumed = measurer(book, path)
        assert plain(ask(resumed, unread)) == plain(first)
        assert len(book.past) == 1
        assert len(resumed.privacy_filter.entries) == 1  # its charge counts in the fit that goes on

    def test_a_charge_without_an_answer_is_charged_again(self, ask, book, path):
        """Pitfall 25."""
        for attempts in (1, 2):
            with pytest.raises(Dies):
                ask(measurer(book, path), dies)
            assert len(book.past) == attempts
        resumed = measurer(book, path)
        ask(resumed)
        assert len(book.past) == len(resumed.privacy_filter.entries) == 3

    def test_an_answer_without_a_charge_is_refused(self, ask, book, path):
        """Pitfall 25: its ledger was put back to an older state."""
        ask(measurer(book, path))
        with pytest.raises(PrivacyError, match="its ledger and its answers do not match at '1 "):
            ask(measurer(Book(), path), unread)

    def test_charges_for_something_else_are_refused(self, ask, book, path):
        ask(measurer(book, path))
        call, (charged,) = book.past[0]
        other = Release(charged.door, charged.what, ("another",), charged.mechanism, 10.0, charged.delta)
        book.past = [(call, (other,))]
        with pytest.raises(PrivacyError, match="answers do not match at"):
            ask(measurer(book, path), unread)

    def test_without_a_journal_nothing_is_kept(self, ask, book):
        ask(measurer(book))
        ask(measurer(book))
        assert len(book.past) == 2

    def test_an_answer_is_kept_after_its_noise_was_added(self, ask, book, path, monkeypatch):
        """A line in the file holds what has left through the door, never an exact count."""
        kept = []
        monkeypatch.setattr(Journal, "keep", lambda self, call, answer: kept.append(answer))
        monkeypatch.setattr(mechanisms, "noisy_vector", lambda values, noise: values * 0.0 - 7.0)
        monkeypatch.setattr(mechanisms, "discover", lambda *args: (np.array([0]), np.array([-7.0])))
        ask(measurer(book, path))
        assert "-7.0" in str(kept)
        assert not [exact for exact in ("30", "1.5", "5000", "300") if exact in str(kept)]

    def test_without_privacy_answers_are_kept_without_charges_in_a_book(self, ask, path):
        plan = make_plan(None, 1e-6)
        first = ask(measurer(None, path, plan))
        assert plain(ask(measurer(None, path, plan), unread)) == plain(first)


def test_a_fit_goes_on_where_it_was(book, path):
    """Two answers kept, the third charged and lost: that one only is taken again."""
    first = measurer(book, path)
    kept = [first.counts([release(what=what)], [lambda: COUNTS]) for what in ("a", "b")]
    with pytest.raises(Dies):
        first.counts([release(what="c")], [dies])
    resumed = measurer(book, path)
    again = [resumed.counts([release(what=what)], [unread]) for what in ("a", "b")]
    assert [plain(answer) for answer in again] == [plain(answer) for answer in kept]
    resumed.counts([release(what="c")], [lambda: COUNTS])
    resumed.counts([release(what="d")], [lambda: COUNTS])
    assert [call for call, _ in book.past] == ["1 a", "2 b", "3 c", "3 c", "4 d"]


def test_two_calls_of_one_name_are_two_calls(book, path):
    def ask(each):
        return [plain(each.counts([release()], [lambda: COUNTS])) for _ in range(2)]

    first = ask(measurer(book, path))
    assert first[0] != first[1]
    assert ask(measurer(book, path)) == first


def test_calls_in_another_order_are_refused(book, path):
    measurer(book, path).counts([release(what="a")], [lambda: COUNTS])
    with pytest.raises(PrivacyError, match="to resume with '1 a', got '1 b'"):
        measurer(book, path).counts([release(what="b")], [unread])


def test_what_is_dispensable_is_skipped_when_its_charge_was_spent_for_nothing(book, path):
    with pytest.raises(Dies):
        measurer(book, path).counts([release()], [dies], is_dispensable=True)
    resumed = measurer(book, path)
    assert resumed.counts([release()], [unread], is_dispensable=True) is None
    assert len(book.past) == len(resumed.privacy_filter.entries) == 1
    assert resumed.counts([release(what="b")], [lambda: COUNTS], is_dispensable=True) is not None


def test_releases_of_one_call_are_charged_together_or_not_at_all(book):
    with pytest.raises(BudgetExceededError):
        measurer(book).counts([release(), release(0.1)], [unread, unread])
    assert book.past == []


def test_several_arrays_keep_their_shapes(book, path):
    exact = [lambda: COUNTS, lambda: COUNTS.reshape(1, 3), lambda: np.zeros((0,))]
    releases = [release(column=name) for name in "abc"]
    first = measurer(book, path).counts(releases, exact)
    again = measurer(book, path).counts(releases, [unread] * 3)
    assert first is not None
    assert again is not None
    assert [array.shape for array in again] == [array.shape for array in first] == [(3,), (1, 3), (0,)]
    assert plain(again) == plain(first)


def test_nothing_to_release_is_no_call(book, path):
    each = measurer(book, path)
    assert each.counts([], []) == []
    each.counts([release()], [lambda: COUNTS])
    assert [call for call, _ in book.past] == ["1 histogram"]


def test_categories_come_back_as_what_they_were(book, path):
    observed = Observed(["Ulm", 7, 7.5, True, "1"], np.full(5, 9_000), 0)
    first = measurer(book, path).discover(threshold(), lambda: observed, 1)
    again = measurer(book, path).discover(threshold(), unread, 1)
    assert again.values == first.values == [True, 7.5, 7, "1", "Ulm"]
    assert list(map(type, again.values)) == [bool, float, int, str, str]
    assert again.counts.dtype == np.float64


def test_a_rare_category_is_neither_returned_nor_kept(book, path):
    found = measurer(book, path).discover(threshold(), lambda: OBSERVED, 1)
    assert found.values == ["Bonn", "Ulm"]  # not in the order in which they were observed, which is the rows'
    assert "Zanzibar" not in path.read_text()


# -- the noise --------------------------------------------------------------------------------------------------


def fits(draws, stddev):
    low, high = stats.chi2.interval(1 - 1e-7, len(draws))
    return bool(low < (np.asarray(draws) ** 2).sum() / stddev**2 < high)


def draws_of(way, noise, sensitivity, n=3_000):
    each = measurer(plan=Plan(5.0, 1e-6, 0.5, 1e6, {}))
    if way == "counts":
        (noisy,) = each.counts([release(noise, sensitivity=sensitivity)], [lambda: np.zeros(n)])
        return noisy
    if way == "scores":
        return each.scores([release(noise, sensitivity=sensitivity)] * n, lambda: np.zeros(n))
    line = Release("release", "c", ("t",), GAUSSIAN_THRESHOLD, noise, 1e-8, sensitivity=sensitivity)
    observed = Observed(list(range(n)), np.full(n, 10_000), 0)
    return each.discover(line, lambda: observed, math.ceil(sensitivity)).counts - 10_000


@pytest.mark.parametrize("way", ["counts", "scores", "discover"])
@pytest.mark.parametrize(("noise", "sensitivity"), [(3.0, 1.0), (3.0, 4.0), (0.5, 7.0)])
@pytest.mark.fresh_noise
def test_noise_is_the_charged_multiplier_times_the_sensitivity(way, noise, sensitivity):
    """Two-sided, with wrong scales as controls: without the sensitivity, with its square, and with 2/3 and 3/2."""
    draws, stddev = draws_of(way, noise, sensitivity), noise * sensitivity
    assert fits(draws, stddev)
    for wrong in {noise, noise * sensitivity**2} - {stddev}:
        assert not fits(draws, wrong)
    assert not fits(draws, stddev * 2 / 3)
    assert not fits(draws, stddev * 3 / 2)


@pytest.mark.fresh_noise
def test_missing_values_have_the_noise_of_the_other_cells():
    line = threshold(3.0)
    draws = []
    for _ in range(400):
        each = measurer(plan=Plan(5.0, 1e-6, 0.5, 1e6, {}))
        draws.append(each.discover(line, lambda: Observed([], np.zeros(0, dtype=int), 50), 1).n_missing - 50)
    assert fits(draws, 3.0)
    assert not fits(draws, 4.5)


def test_scores_have_the_noise_of_a_sensitivity_that_rounding_may_add_to(monkeypatch):
    seen = []
    monkeypatch.setattr(
        measure.mechanisms, "noisy_vector", lambda values, noise: seen.append(noise) or values
    )
    measurer().scores([release(10.0, sensitivity=2.0)], lambda: np.array([1.5]))
    assert seen == [20.0 * (1 + 1 / mechanisms.GRID)]


@pytest.mark.fresh_noise
def test_noise_never_repeats():
    """Pitfall 20."""
    first, second = (draws_of("counts", 1.0, 1.0, 50) for _ in range(2))
    assert not np.array_equal(first, second)


def test_without_privacy_counts_are_exact():
    each = measurer(plan=make_plan(None, 1e-6))
    (counts,) = each.counts([release(0.0)], [lambda: COUNTS])
    assert counts.tolist() == COUNTS.tolist()
