"""Runs of ordered codes, and groups of neighbours among them."""

import numpy as np
import pytest

from tabgan.columns.categorical import CategoricalEncoder
from tabgan.columns.numeric import NumericEncoder
from tabgan.schema import Categorical, Numeric
from tabgan.table.coded import CodedColumn, code_column
from tabgan.table.runs import GROUPS, LEAST_RUN, groups_of, smooth_run


def numbers(counts: list[float]) -> CodedColumn:
    """Return a column with a code for each of some counts, of missing values first."""
    column = Numeric(name="a", bounds=(0, len(counts) - 2), decimals=0, dtype="float64", nullable=True)
    encoder = NumericEncoder(column, "float64", np.arange(len(counts)))
    return code_column(encoder, np.array(counts), 0.0, sum(counts), len(counts), 64, 1.0)


def test_a_run_leaves_out_missing_values_heavy_ones_and_those_without_rows():
    coded = numbers([50.0, *[100.0] * 5, 5_000.0, *[100.0] * 14])
    counts = coded.code_weights.copy()
    counts[3] = -4.0
    assert smooth_run(coded, counts).tolist() == [1, 2, 4, 5, *range(7, coded.width)]


def test_groups_are_neighbours_and_other_codes_stay_alone():
    coded = numbers([50.0, *[100.0] * 10, 5_000.0, *[100.0] * 14])
    groups = groups_of(coded, coded.code_weights)
    assert groups is not None
    run = smooth_run(coded, coded.code_weights)
    sizes = np.bincount(groups)
    assert sorted(sizes[groups[[0, 11]]]) == [1, 1]
    assert len(np.unique(groups[run])) == GROUPS
    assert {int(n) for n in sizes[np.unique(groups[run])]} == {3}
    assert (np.diff([np.flatnonzero(groups == each)[0] for each in groups[run]]) >= 0).all()
    assert len(sizes) == GROUPS + 2


@pytest.mark.parametrize(("n_codes", "has_groups"), [(LEAST_RUN - 1, False), (LEAST_RUN, True)])
def test_a_short_run_has_none(n_codes, has_groups):
    coded = numbers([0.0, *[100.0] * n_codes])
    assert (groups_of(coded, coded.code_weights) is not None) == has_groups


def test_categories_without_an_order_have_none():
    names = tuple(chr(65 + i) for i in range(26))
    encoder = CategoricalEncoder(Categorical(name="a", categories=names, dtype="object"), "object")
    coded = code_column(encoder, np.array([0.0, *[100.0] * 26]), 0.0, 2_600.0, 4, 256, 0.0)
    assert groups_of(coded, coded.code_weights) is None
