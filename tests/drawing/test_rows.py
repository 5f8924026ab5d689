"""Rows that are drawn until enough of them are kept."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabgan import TabGAN
from tabgan._util.rng import RandomStreams
from tabgan.drawing.rows import RowSource
from tabgan.errors import DataError
from tabgan.schema import Boolean, Identifier, Numeric, Schema


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    df = pd.DataFrame({"key": range(500), "age": rng.integers(0, 10, 500), "is_in": rng.random(500) < 0.1})
    schema = Schema(
        [Identifier(name="key"), Numeric(name="age", bounds=(0, 9), decimals=0), Boolean(name="is_in")]
    )
    return TabGAN(epsilon=None, schema=schema, random_state=0).fit(df)._fitted


def _tables(fitted, n, batch_size, keeps, seed=0):
    return list(RowSource(fitted, {}, {}, keeps).tables(n, batch_size, RandomStreams(seed)))


@pytest.mark.parametrize(
    ("n", "batch_size", "sizes"), [(0, 5, [0]), (1, 5, [1]), (12, 5, [5, 5, 2]), (60_000, 10**6, [60_000])]
)
@pytest.mark.parametrize("keeps", [None, lambda table: table["is_in"].to_numpy(bool)])
@pytest.mark.family(keep=3)
def test_exactly_as_many_as_asked_for(fitted, n, batch_size, sizes, keeps):
    tables = _tables(fitted, n, batch_size, keeps)
    assert [len(table) for table in tables] == sizes
    whole = pd.concat(tables, ignore_index=True)
    assert whole["key"].tolist() == list(range(1, n + 1))  # numbered after the others were left out
    if keeps is not None:
        assert whole["is_in"].all()


def test_kept_rows_have_the_distribution_of_the_model_under_the_test(fitted):
    (kept,) = _tables(fitted, 20_000, 10**6, lambda table: (table["age"] > 4).to_numpy())
    (free,) = _tables(fitted, 40_000, 10**6, None, seed=1)
    wanted = free[free["age"] > 4]
    assert abs(kept["is_in"].mean() - wanted["is_in"].mean()) < 4 * np.sqrt(0.1 / 20_000 + 0.1 / len(wanted))
    assert abs((kept["age"] == 7).mean() - (wanted["age"] == 7).mean()) < 0.02


def test_a_frame_has_columns_of_one_type_side_by_side(fitted):
    """Of a frame in more than a hundred pieces, pandas warns whoever adds a column to it."""
    model = TabGAN(random_state=0)
    model._fitted = fitted
    for n in (10, 20_000):
        drawn = model.sample(n, random_state=0)
        assert drawn._mgr.nblocks == drawn.dtypes.nunique()


def test_the_same_seed_draws_the_same_rows(fitted):
    first, second = (
        _tables(fitted, 50, 20, lambda table: table["is_in"].to_numpy(bool))[1] for _ in range(2)
    )
    pd.testing.assert_frame_equal(first, second)


def test_a_test_that_no_row_passes_ends_in_words(fitted):
    with pytest.raises(DataError, match=r"0 of 2\d\d,\d{3} drawn rows keep the rules"):
        _tables(fitted, 10, 10, lambda table: np.zeros(len(table), dtype=bool))
