"""Tests of the stretches of codes that meet a condition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tabgan.columns.numeric import NumericEncoder
from tabgan.schema import Numeric
from tabgan.table.coded import CodedColumn
from tabgan.table.stretches import Stretches


@pytest.fixture
def column():
    """Seven cells of a nullable column: codes 1 (cells 1 to 3), 2 (cell 4) and 3 (cells 5 to 7)."""
    own = Numeric(name="x", dtype="float64", bounds=(0, 6), decimals=0)
    encoder = NumericEncoder(own, "float64", np.arange(8))
    code_of_cell = np.array([0, 1, 1, 1, 2, 3, 3, 3, 4])
    weights = np.array([5.0, 1.0, 2.0, 1.0, 7.0, 2.0, 2.0, 4.0, 0.0])
    return CodedColumn(encoder, code_of_cell, weights, np.array([True, True, True, True, False]))


def met(column, *cells):
    allowed = np.zeros(len(column.code_of_cell), dtype=bool)
    allowed[list(cells)] = True
    return replace(column, allowed=allowed)


@pytest.mark.parametrize(
    ("cells", "codes", "lows", "highs", "others"),
    [
        ([2], [1], [0.25], [0.75], []),
        ([0, 3, 4, 5], [1, 2, 3], [0.75, 0.0, 0.0], [1.0, 1.0, 0.25], [0]),
        ([1, 3], [1, 1], [0.0, 0.75], [0.25, 1.0], []),
        ([0], [], [], [], [0]),
        ([5, 6, 7], [3], [0.0], [1.0], []),
    ],
)
def test_are_the_released_parts_of_the_codes(column, cells, codes, lows, highs, others):
    found = Stretches.of(met(column, *cells))
    assert found.codes.tolist() == codes
    assert found.lows == pytest.approx(lows)
    assert found.highs == pytest.approx(highs)
    assert found.others.tolist() == others
    lengths = np.bincount(found.codes, weights=found.highs - found.lows, minlength=column.width)
    np.testing.assert_allclose(lengths[column.values], found.chances[column.values])


def test_places_within_them_choose_the_same_cells(column):
    """A place of the whole code, and that within its allowed part, show one cell; ends never show another."""
    some = met(column, 1, 3, 4, 6)
    wanted = Stretches.of(some)
    rng = np.random.default_rng(0)
    which = rng.integers(len(wanted.codes), size=20_000)
    at = np.where(rng.random(len(which)) < 0.2, rng.integers(0, 2, len(which)), rng.random(len(which)))
    places = wanted.lows[which] + at * (wanted.highs - wanted.lows)[which]
    codes = wanted.codes[which]
    expected = column.cells_of(codes, rng, places)
    found = some.cells_of(codes, rng, wanted.within(codes, places.astype(np.float32)))
    assert some.allowed[found].all()
    inside = (at > 1e-4) & (at < 1 - 1e-4)
    np.testing.assert_array_equal(found[inside], expected[inside])


def test_codes_without_a_stretch_keep_their_places(column):
    wanted = Stretches.of(met(column, 0, 2))
    np.testing.assert_allclose(wanted.within(np.array([0, 4, 1]), np.array([0.3, 0.9, 0.5])), [0.3, 0.9, 0.5])
    nothing = Stretches.of(met(column, 0))
    np.testing.assert_array_equal(nothing.within(np.array([0]), np.array([0.3])), [0.3])
