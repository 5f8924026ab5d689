"""Numbers and other values that go together: from a noisy table of cells, and in every row of a sample."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabgan.columns import Categorical, Numeric
from tabgan.table.coded import CodedColumn
from tabgan.table.related import Related

AGE = Numeric(name="age", dtype="Int64", bounds=(0, 99), decimals=0)
GROUP = Categorical(name="group", categories=("child", "grown", "old"))


def coded(column, edges=None) -> CodedColumn:
    encoder = column.encoder() if edges is None else column.lattice_encoder(np.asarray(edges))
    cells = np.arange(encoder.n_cells)
    is_value = (cells > 0) & (cells <= encoder.n_values)
    return CodedColumn(encoder, cells, np.ones(encoder.n_cells), is_value)


AGES, GROUPS = coded(AGE, np.arange(101)), coded(GROUP)


def counts(n_rows: float = 5_000.0) -> np.ndarray:
    """Return rows by age and group: children below 18, old people from 65 on, and few of them."""
    ages = np.arange(100)
    rows = n_rows * np.exp(-((ages / 60.0) ** 2))
    which = 1 + (ages >= 18).astype(int) + (ages >= 65)
    table = np.zeros((AGES.encoder.n_cells, GROUPS.encoder.n_cells))
    table[1 + ages, which] = np.round(1_000 * rows / rows.sum())
    return table


def related(table: np.ndarray, noise: float = 0.0, seed: int = 0) -> Related:
    noisy = table + np.random.default_rng(seed).normal(0, noise, table.shape) if noise else table
    return Related.of(AGES, GROUPS, noisy * 50, noise * 50)


def right(cells: np.ndarray) -> np.ndarray:
    return 1 + (cells - 1 >= 18).astype(int) + (cells - 1 >= 65)


def test_rare_numbers_have_the_value_of_their_stretch():
    found = related(counts())
    cells = np.arange(1, 101)
    assert (found.weights[cells].argmax(axis=1) == right(cells)).all()
    assert (found.weights[cells] > 0).any(axis=1).all()
    assert found.doubtful_share(AGES) == 0


@pytest.mark.parametrize("seed", range(5))
def test_what_noise_leaves_in_doubt_is_not_shown(seed):
    """A cell has its right value or none; all but a few have one."""
    found = related(counts(), 0.5, seed)
    cells = np.flatnonzero((found.weights[1:] > 0).any(axis=1)) + 1
    assert (found.weights[cells].argmax(axis=1) == right(cells)).all()
    assert len(cells) > 80
    assert ((found.weights > 0).sum(axis=1) <= 1).all()


def test_codes_in_no_order_count_where_they_stand_out():
    table = np.zeros((AGES.encoder.n_cells, GROUPS.encoder.n_cells))
    table[[10, 20, 30, 40, 50, 60], [1, 2, 1, 2, 1, 2]] = 100.0
    table[70, 1] = 1.0  # lost in the noise
    found = related(table, 1.0)
    assert np.argwhere(found.weights[1:] > 0).tolist() == [
        [9, 1],
        [19, 2],
        [29, 1],
        [39, 2],
        [49, 1],
        [59, 2],
    ]


def test_few_numbers_with_many_values_each_keep_their_ends():
    number = coded(Numeric(name="age", dtype="Int64", bounds=(1, 5), decimals=0))
    other = coded(Categorical(name="group", categories=tuple(map(str, range(40)))))
    table = np.zeros((number.encoder.n_cells, other.encoder.n_cells))
    table[1 + np.arange(40) % 5, 1 + np.arange(40)] = 50.0
    found = Related.of(number, other, table + np.random.default_rng(0).normal(0, 1, table.shape), 1.0)
    assert ((found.weights > 0) == (table > 0))[1:].all()


def test_every_row_goes_together_and_given_cells_stay():
    table = np.zeros((AGES.encoder.n_cells, GROUPS.encoder.n_cells))
    table[[10, 20, 30, 40, 50, 60], [1, 2, 1, 2, 1, 2]] = 100.0
    found, rng = related(table), np.random.default_rng(0)
    rows = {
        "age": pd.Series([9, 11, 58, 19, 44], dtype="Int64"),
        "group": pd.Series(["grown", "grown", "child", "grown", "grown"], dtype=object),
    }
    shown = found.arranged(rows, rng)
    assert found.keeps(shown).all()
    assert shown["age"].tolist() == [9, 19, 49, 19, 39]  # 9 is known; others move to where their group is
    assert shown["group"].tolist() == ["child", "grown", "child", "grown", "grown"]
    given = {
        "group": np.array([True, False, False, False, False]),
        "age": np.array([False, True, False, False, True]),
    }
    shown = found.arranged(rows, rng, given)
    assert shown["group"][0] == "grown"
    assert shown["age"][0] == 19
    assert shown["age"].tolist()[1::3] == [11, 44]
    assert found.keeps(shown).tolist() == [True, False, True, True, False]  # 11 and 44 go with nothing


def test_a_cell_of_several_numbers_at_a_cut_is_in_doubt():
    ages = coded(AGE, np.arange(0, 101, 5))
    table = np.zeros((ages.encoder.n_cells, GROUPS.encoder.n_cells))
    table[1:4, 1], table[4:14, 2], table[14:, 3] = 100.0, 100.0, 10.0
    table[4, 1] = 60.0  # 15 to 19: the cut lies within
    found = Related.of(ages, GROUPS, table, 0.0)
    assert np.flatnonzero(~(found.weights[1:] > 0).any(axis=1)).tolist() == [2, 3, 12, 13]
    shown = found.arranged(
        {"age": pd.Series([17, 15], dtype="Int64"), "group": pd.Series(["child", "grown"])},
        np.random.default_rng(0),
    )
    assert 5 <= shown["age"][0] <= 9
    assert 20 <= shown["age"][1] <= 24


def test_a_short_range_is_counted_number_by_number():
    found = coded(AGE, np.arange(0, 101, 5)).by_cell()
    assert found.encoder.n_values == 100
    assert found.weights[1:].sum() == pytest.approx(20)
    assert coded(AGE.with_(bounds=(0, 9_999)), np.arange(0, 10_001, 100)).by_cell().encoder.n_values == 100


def test_missing_numbers_have_the_value_that_most_of_them_have():
    table = counts()
    table[0, 2] = 40.0
    assert np.flatnonzero(related(table, 0.5).weights[0]).tolist() == [2]


def test_numbers_of_values_that_were_not_released_show_a_label():
    table = counts()
    table[:, 4], table[:, 3] = table[:, 3], 0.0
    found = related(table, 0.5)
    shown = found.arranged(
        {"age": pd.Series([80], dtype="Int64"), "group": pd.Series(["grown"], dtype=object)},
        np.random.default_rng(0),
    )
    assert (shown["age"][0], shown["group"][0]) == (80, "other (not released)")


def test_nothing_known_changes_nothing():
    table = np.zeros((AGES.encoder.n_cells, 2))
    empty = coded(Categorical(name="group", categories=()))
    rows = {"age": pd.Series([1], dtype="Int64"), "group": pd.Series([None], dtype=object)}
    assert (
        Related.of(AGES, empty, table[:, : empty.encoder.n_cells], 1.0).arranged(
            rows, np.random.default_rng(0)
        )
        == rows
    )


@pytest.mark.parametrize("shift", range(1, 8))
def test_a_number_that_stands_for_others_across_a_cut_is_in_doubt(shift):
    """Of ages that many have, 62 stands for 61 to 68; rows of 65 and more say nothing about 62."""
    edges = np.unique([0, *range(10, 65 - shift), *range(72 - shift, 101)])
    encoder = AGE.lattice_encoder(edges)
    encoder.exact = np.where(np.diff(edges) > 1, edges[:-1] + 1.0, edges[:-1])
    cells = np.arange(encoder.n_cells)
    column = CodedColumn(encoder, cells, np.ones(encoder.n_cells), (cells > 0) & (cells <= encoder.n_values))
    whole = counts()
    table = np.vstack([whole[:1], np.add.reduceat(whole[1:101], edges[:-1]), whole[101:]])
    found = Related.of(column, GROUPS, table * 50, 25.0)
    at = 1 + int(np.searchsorted(edges, 64 - shift))
    assert edges[at] - edges[at - 1] == 8
    assert set(np.flatnonzero(found.weights[at])) <= {2}
    assert (found.weights[at - 1].argmax(), found.weights[at + 1].argmax()) == (2, 3)
