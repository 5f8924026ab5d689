"""Tables of the cells of columns that go together by a rule: charged before, and noised as charged."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tabgan.columns import Categorical, Numeric
from tabgan.columns.encoder import ColumnEncoder
from tabgan.errors import BudgetExceededError
from tabgan.privacy.doors import measured_table
from tabgan.privacy.doors.marginals import OF_CELLS
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.doors.measured_table import measure_related
from tabgan.privacy.filter import PrivacyFilter
from tabgan.privacy.plan import make_plan
from tabgan.privacy.unit import ROW, PrivacyUnit
from tabgan.rules import FixedCombinations
from tabgan.schema import Schema
from tabgan.table.coded import CodedColumn
from tabgan.table.codes import TableEncoder
from tabgan.table.partitions import FrameParts
from tabgan.table.reduction import Reduction
from tabgan.table.related import Related
from tabgan.table.spooled import spooled
from tabgan.table.summed import rows_of

AGE = Numeric(name="age", dtype="Int64", bounds=(0, 399), decimals=0)
GROUP = Categorical(name="group", dtype="object", categories=("child", "grown"))
RULE = FixedCombinations(("group", "age"))
DF = pd.DataFrame(
    {"age": pd.Series([3, 30, 31, None], dtype="Int64"), "group": ["child", "grown", None, "?"]}
)
SCHEMA = Schema([AGE, GROUP], rules=[RULE])


def encoder_of(*encoders: ColumnEncoder) -> TableEncoder:
    """Return an encoder of columns of one code each."""
    columns = [
        CodedColumn(each, np.zeros(each.n_cells, dtype=int), np.ones(each.n_cells), np.ones(1, dtype=bool))
        for each in encoders
    ]
    return TableEncoder(Schema([each.encoder.column for each in columns]), columns)


ENCODER = encoder_of(AGE.lattice_encoder(np.arange(401)), GROUP.encoder())


def measurer(epsilon: float | None = 4.0, unit: PrivacyUnit = ROW) -> Measurer:
    return Measurer(PrivacyFilter(make_plan(epsilon, 1e-6, n_targets=0, unit=unit)))


def counted(
    df: object, asked: Measurer, monkeypatch: pytest.MonkeyPatch, encoder: TableEncoder = ENCODER
) -> np.ndarray:
    """Return the table that would tell the cells that go together."""
    found = []
    monkeypatch.setattr(Related, "of", lambda *given: found.append(given))
    reduction = Reduction.of(SCHEMA, list(SCHEMA.names), [RULE])
    measure_related(rows_of(df), encoder, reduction, asked)
    ((first, second, table, noise),) = found
    assert [first.encoder.name, second.encoder.name] == list(RULE.columns)
    assert (
        noise == asked.privacy_filter.entries[0].noise_stddev if asked.privacy_filter.entries else noise == 0
    )
    return np.asarray(table)


@pytest.mark.parametrize("row", range(4))
def test_a_row_is_in_one_cell(row, monkeypatch):
    whole = counted(DF, measurer(None), monkeypatch)
    assert whole.shape == (4, 401)
    assert whole.sum() == 4
    fewer = counted(DF.drop(index=row), measurer(None), monkeypatch)
    assert np.abs(whole - fewer).sum() == 1


@pytest.mark.parametrize("rows", [None, 2], ids=["in memory", "in parts"])
def test_one_of_very_many_declared_values_has_a_cell_of_its_own(rows, monkeypatch):
    """Pitfall 35: its code, wrapped around, was below 0, and one row with it ended the fit after the charge."""
    group = Categorical(name="group", dtype="object", categories=tuple(map(str, range(40_000))))
    number = Numeric(name="age", dtype="Int64", bounds=(0, 1), decimals=0)
    encoder = encoder_of(number.lattice_encoder(np.arange(3)), group.encoder())
    df = pd.DataFrame(
        {"age": pd.Series([None, 0, 1], dtype="Int64"), "group": pd.Series(["39999", "39998", "0"])}
    )
    with spooled(df if rows is None else FrameParts(df, rows), Schema()) as table:
        found = counted(table, measurer(None), monkeypatch, encoder)
    assert np.argwhere(found).tolist() == [[1, 2], [39_999, 1], [40_000, 0]]


@pytest.mark.fresh_noise
def test_noise_is_the_charged_one_and_no_less(monkeypatch):
    """Two-sided, with wrong scales as controls: 1/3, 2/3 and 3/2."""
    asked = measurer(unit=PrivacyUnit("key", 3))
    exact = counted(DF, measurer(None), monkeypatch)
    noise = counted(DF, asked, monkeypatch) - exact
    (entry,) = asked.privacy_filter.entries
    assert (entry.what, entry.columns, entry.sensitivity) == (OF_CELLS, RULE.columns, 3)
    assert entry.noise_stddev == pytest.approx(asked.privacy_filter.plan.noise_stddev("relations", 1))

    def fits(scale: float) -> bool:
        low, high = stats.chi2.interval(1 - 1e-7, noise.size)
        return bool(low < (noise**2).sum() / scale**2 < high)

    assert fits(entry.noise_stddev)
    assert not any(fits(entry.noise_stddev * wrong) for wrong in (1 / 3, 2 / 3, 3 / 2))


def test_it_is_charged_before_a_row_is_read(monkeypatch):
    asked = measurer()
    asked.privacy_filter.charge = _refuse  # type: ignore[method-assign]
    monkeypatch.setattr(measured_table.PairTables, "scores", None)
    with pytest.raises(BudgetExceededError):
        counted(DF, asked, monkeypatch)


def _refuse(*releases, call):
    raise BudgetExceededError("no room")
