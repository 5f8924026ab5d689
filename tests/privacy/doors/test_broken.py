"""Rows that break rules: counted one by one, charged before, and noised as charged."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tabgan.errors import PrivacyError
from tabgan.privacy.doors.broken import BROKEN, count_broken
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.events import GAUSSIAN, Release
from tabgan.privacy.filter import PrivacyFilter
from tabgan.privacy.plan import make_plan
from tabgan.privacy.unit import ROW, PrivacyUnit
from tabgan.rules import FixedCombinations, Formula, Inequality
from tabgan.schema import Numeric, Schema
from tabgan.table.relations import Relation
from tabgan.table.summed import rows_of

SCHEMA = Schema([Numeric(name="a", decimals=0), Numeric(name="b", decimals=0)])
DF = pd.DataFrame({"a": [1, 5, 3, 9], "b": [2, 4, 3, None]})
CODES = np.array([[0, 1], [1, 0], [0, 0], [1, 1]], dtype=np.uint8)
MEASURED = SimpleNamespace(codes=CODES, released=SimpleNamespace(schema=SCHEMA), rows=rows_of(DF))
ORDER = Relation(Inequality("a", "b"), 0.5)
PAIR = Relation(FixedCombinations(("a", "b")), 0.5, (0, 1), np.array([[False, True], [True, False]]))


def measurer(epsilon: float | None = None, unit: PrivacyUnit = ROW) -> Measurer:
    return Measurer(PrivacyFilter(make_plan(epsilon, 1e-6, n_targets=0, unit=unit)))


def test_rows_are_judged_by_their_cells_or_their_codes():
    assert count_broken(MEASURED, [ORDER, PAIR], measurer()) == [1.0, 2.0]  # missing keeps an order


@pytest.mark.parametrize("row", range(4))
def test_one_row_moves_each_number_by_one_at_most(row):
    fewer = SimpleNamespace(
        codes=np.delete(CODES, row, axis=0), released=MEASURED.released, rows=rows_of(DF.drop(index=row))
    )
    counts = [count_broken(measured, [ORDER, PAIR], measurer()) for measured in (MEASURED, fewer)]
    assert np.abs(np.subtract(*counts)).max() <= 1


OPPOSITE = Relation(Inequality("b", "a"), 0.5)


def test_opposite_orders_are_one_release_in_which_a_row_counts_once():
    asked = measurer(1.0)
    count_broken(MEASURED, [OPPOSITE, PAIR, ORDER], asked)
    plan = asked.privacy_filter.plan
    assert [entry.columns for entry in asked.privacy_filter.entries] == [("b", "a"), ("a", "b")]
    assert {entry.noise_stddev for entry in asked.privacy_filter.entries} == {
        plan.noise_stddev("relations", 2)
    }
    assert count_broken(MEASURED, [OPPOSITE, PAIR, ORDER], measurer()) == [1.0, 2.0, 1.0]


def test_a_row_that_breaks_both_orders_counts_in_one():
    """Both strict orders of equal numbers are broken: the release would have twice its stated sensitivity."""
    both = [Relation(Inequality(*pair, is_strict=True), 0.5) for pair in ("ab", "ba")]
    assert count_broken(MEASURED, both, measurer()) == [2.0, 1.0]
    equal = SimpleNamespace(
        codes=CODES, released=MEASURED.released, rows=rows_of(pd.DataFrame({"a": [1, 2], "b": [1, 2]}))
    )
    assert count_broken(equal, both, measurer()) == [2.0, 0.0]


def test_answers_that_are_not_one_a_row_are_not_released():
    """A rule that answers with fewer or more could count a row twice."""

    class Twice(Inequality):
        def keeps(self, df, described):
            return np.tile(super().keeps(df, described), 2)

    with pytest.raises(PrivacyError, match="expected one answer a row"):
        count_broken(MEASURED, [Relation(Twice("a", "b"), 0.5)], measurer())


def test_odd_cells_raise_nothing_and_warn_of_nothing():
    seen = pd.to_datetime(["2020-01-01", None, "1677-09-22", "2262-04-11"])
    df = pd.DataFrame({"seen": seen, "year": [2020, 1, 1e308, np.nan], "a": [1e308, -1e308, np.nan, 5e-324]})
    kinds = {"seen": "datetime", "year": "numeric", "a": "numeric"}
    schema = Schema([{"name": name, "kind": kind} for name, kind in kinds.items()])
    measured = SimpleNamespace(codes=CODES, released=SimpleNamespace(schema=schema), rows=rows_of(df))
    rules = (Formula("year", "year(seen)"), Formula("a", "year + year"), Inequality("a", "year"))
    found = count_broken(measured, [Relation(rule, 1.0) for rule in rules], measurer())
    assert found == [1.0, 2.0, 1.0]


@pytest.mark.fresh_noise
def test_noise_is_the_charged_one_and_no_less():
    """Two-sided, with wrong scales as controls: 1/3, 2/3 and 3/2."""
    n, asked = 600, measurer(4.0, PrivacyUnit("a", 3))
    found = count_broken(MEASURED, [ORDER] * n, asked)
    (stddev,) = {entry.noise_stddev for entry in asked.privacy_filter.entries}
    assert {entry.what for entry in asked.privacy_filter.entries} == {BROKEN}
    assert stddev == pytest.approx(asked.privacy_filter.plan.noise_stddev("relations", n))
    squares = ((np.array(found) - 1.0) ** 2).sum()

    def fits(scale):
        low, high = stats.chi2.interval(1 - 1e-7, n)
        return bool(low < squares / scale**2 < high)

    assert fits(stddev)
    assert not any(fits(stddev * wrong) for wrong in (1 / 3, 2 / 3, 3 / 2))


NO_ROWS = SimpleNamespace(released=MEASURED.released, rows="no rows")


def test_it_is_charged_before_a_row_is_read():
    """Without room, nothing is read, and nothing is raised: the fit has spent the rest of its budget by then."""
    asked = measurer(1.0)
    plan = asked.privacy_filter.plan
    asked.privacy_filter.charge(Release("marginals", "all", (), GAUSSIAN, 1.0001 / plan.mu))
    assert count_broken(NO_ROWS, [ORDER], asked) is None
    assert [entry.what for entry in asked.privacy_filter.entries] == ["all"]


def test_a_refused_charge_reads_no_row():
    """A negative control of the former: with room, the same call reads them."""
    with pytest.raises(AttributeError):
        count_broken(NO_ROWS, [ORDER], measurer(1.0))


def test_an_answer_that_an_interruption_lost_is_not_charged_again():
    """Pitfall 25: its charge stays spent, and the resumed fit goes on without the numbers; no row is read for them."""
    plan, past = make_plan(1.0, 1e-6), []
    book = SimpleNamespace(
        past=past, doubtful=(), write=lambda call, lines: past.append((call, tuple(lines)))
    )

    def asked() -> Measurer:
        return Measurer(PrivacyFilter(plan, book))

    with pytest.raises(AttributeError):
        count_broken(NO_ROWS, [ORDER], asked())
    assert count_broken(NO_ROWS, [ORDER], asked()) is None
    assert [len(lines) for _, lines in past] == [1]
