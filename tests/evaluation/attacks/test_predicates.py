"""Rows that meet conditions, against a look at every row."""

from __future__ import annotations

import numpy as np
import pytest

from tabgan.evaluation.attacks.predicates import CellCondition, RowBits, SortedRows


@pytest.mark.parametrize("kind", [SortedRows, RowBits])
def test_counts_by_hand(kind):
    rows = kind(np.array([[1, 5], [2, 5], [2, np.nan], [3, 6.0]]))
    assert rows.count((CellCondition(0, 2, 1), CellCondition(1, 5, 0))) == 1
    assert rows.count((CellCondition(0, 2, -1), CellCondition(1, 5, 0))) == 2
    assert rows.count((CellCondition(0, 2, 0), CellCondition(1, np.nan, 0))) == 1
    assert rows.count((CellCondition(1, np.nan, 1),)) == 1


@pytest.mark.parametrize("seed", range(3))
def test_counts_are_those_of_a_look_at_every_row(seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 6, (200, 4)).astype(float)
    values[rng.random(values.shape) < 0.1] = np.nan
    values[:, 3] = np.nan if seed == 2 else values[:, 3]
    kinds = SortedRows(values), RowBits(values)
    for _ in range(300):
        columns = rng.choice(4, size=int(rng.integers(1, 5)), replace=False).tolist()
        cells = rng.choice([-1.0, 0.0, 2.0, 2.5, 5.0, 9.0, np.nan], len(columns)).tolist()
        sides = rng.integers(-1, 2, len(columns)).tolist()
        predicate = tuple(map(CellCondition, columns, cells, sides))
        holds = [each.holds(values[:, each.column]) for each in predicate]
        for rows in kinds:
            assert rows.count(predicate) == np.logical_and.reduce(holds).sum()


def test_of_no_row_none_meets_anything():
    for kind in (SortedRows, RowBits):
        assert kind(np.empty((0, 2))).count((CellCondition(1, 3.0, 1),)) == 0
