"""From cells to codes and back: merging follows released counts, and what is drawn stays in the schema."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabgan.columns.categorical import CategoricalEncoder
from tabgan.columns.datetime import DatetimeEncoder
from tabgan.columns.numeric import NumericEncoder
from tabgan.errors import DataError
from tabgan.schema import Boolean, Categorical, Datetime, Identifier, Numeric, Schema
from tabgan.table.coded import CodedColumn, code_column
from tabgan.table.codes import TableEncoder


def _numeric(counts, n_bins=4, min_rows=1.0, noise=0.0, dtype="int64", nullable=None, n_rows=None):
    """Return a column of integers from 0 on; ``counts`` of missing first."""
    column = Numeric(name="a", bounds=(0, len(counts) - 2), decimals=0, dtype=dtype, nullable=nullable)
    encoder = NumericEncoder(column, dtype, np.arange(len(counts)))
    values = np.array(counts, dtype=float)
    return code_column(encoder, values, noise, n_rows or sum(counts), n_bins, 64, min_rows)


def _categorical(counts, min_rows=0.0, noise=0.0, dtype="object", n_rows=None, **options):
    """Return a column of categories ``A, B, ...``; ``counts`` of missing first."""
    names = tuple(chr(65 + i) for i in range(len(counts) - 1))
    encoder = CategoricalEncoder(Categorical(name="a", categories=names, dtype=dtype, **options), dtype)
    values = np.array([*counts, *([np.nan] if encoder.has_other else [])], dtype=float)
    return code_column(encoder, values, noise, n_rows or sum(counts), 4, 256, min_rows)


@pytest.mark.parametrize("ordered", [True, False])
def test_rows_of_other_values_are_no_rows_of_the_listed_ones(ordered):
    coded = _categorical(
        [0, 600, 300], n_rows=1_000.0, ordered=ordered, unreleased="other", unreleased_label="Z"
    )
    np.testing.assert_allclose(coded.weights, [0, 600, 300, 100])


class TestMerging:
    def test_numbers_into_bins_of_about_equal_mass(self):
        coded = _numeric([0, 10, 10, 10, 10, 10, 10, 10, 10], n_bins=4)
        assert coded.code_of_cell.tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 3]
        assert coded.code_weights.tolist() == [20, 20, 20, 20]

    def test_a_spike_has_a_bin_of_its_own(self):
        coded = _numeric([0, 5, 5, 1000, 5, 5], n_bins=3)
        spike = coded.code_of_cell[3]
        assert (coded.code_of_cell == spike).sum() == 1

    def test_the_ends_of_a_short_range_keep_a_little(self):
        counts = [0, -9.0, 300, 300, 300, -9.0]
        coded = _numeric(counts, n_bins=8, noise=20.0)
        assert coded.weights[1] > 0
        assert coded.weights[-1] > 0
        assert coded.weights[1] + coded.weights[-1] < 20.0
        assert coded.weights.sum() == pytest.approx(sum(counts))
        assert _numeric(counts, n_bins=8, noise=0.0).weights[1] == 0

    @pytest.mark.parametrize("first", [0, 40])  # a range of few integers, and one of many
    def test_codes_that_lie_apart_stay_apart(self, first):
        codes = np.array([1, 2, 9, 13 + first, 14 + first])
        rows = np.zeros(16 + first)
        rows[codes] = [9_400, 10_200, 400, 3_000, 350]
        off, drawn = [], []
        for seed in range(20):
            noisy = rows[1 : 15 + first] + np.random.default_rng(seed).normal(0.0, 56.0, 14 + first)
            column = Numeric(name="a", bounds=(1, 14 + first), decimals=0, dtype="int64")
            encoder = NumericEncoder(column, "int64", np.arange(1, 16 + first))
            weights = code_column(encoder, np.r_[0.0, noisy], 56.0, rows.sum(), 32, 64, 1.0).weights
            is_code = np.isin(np.arange(1, 15 + first), codes)
            off.append(weights[1:][~is_code].sum() / rows.sum())
            drawn.append(weights[1:][is_code].min())
        assert np.median(off) == 0.0
        assert np.mean(off) < 0.008
        assert min(drawn) > 100

    def test_rows_that_thin_out_are_no_gap(self):
        rows = np.array([5_000, 3_000, 800, 250, 80, 25])
        noisy = rows + np.random.default_rng(1).normal(0.0, 20.0, 6)
        weights = _numeric([0, *noisy], n_bins=8, noise=20.0).weights
        assert (weights[1:] > 0).all()
        valley = np.array(
            [0, 900, 130, 60, 60, 60, 130, 900]
        )  # each alone may be noise, all together are none
        assert (_numeric(valley, n_bins=16, noise=30.0).weights[1:] > 0).all()

    def _around_zero(self, at_zero, kind=Numeric, noise=20.0, exact=None):
        options = {"decimals": 0} if kind is Numeric else {"resolution": "day"}
        dtype = "int64" if kind is Numeric else "datetime64[s]"
        edges = np.array([-800, -400, 0, 1, 400, 800])
        encoder = kind(name="a", dtype=dtype, **options).lattice_encoder(edges)
        encoder.exact = exact
        counts = np.array([0.0, 300, 300, at_zero, 300, 300])
        return code_column(encoder, counts, noise, counts.sum(), 4, 64, 1.0).weights

    @pytest.mark.parametrize("kind", [Numeric, Datetime])
    @pytest.mark.parametrize("at_zero", [-30.0, 5.0, 50.0])
    def test_zero_and_1970_have_no_spike_that_noise_explains(self, kind, at_zero):
        weights = self._around_zero(at_zero, kind)
        assert weights[3] == pytest.approx(0.75, abs=0.1)  # as any other integer
        assert weights[[1, 2, 4, 5]] == pytest.approx((1_200 + at_zero) / 4, rel=0.01)

    @pytest.mark.parametrize("at_zero", [60.0, 900.0])
    def test_a_spike_that_stands_out_stays(self, at_zero):
        assert self._around_zero(at_zero)[3] > at_zero / 2
        assert self._around_zero(900.0)[3] == pytest.approx(900.0, rel=0.05)

    def test_a_number_that_was_found_keeps_its_cell_and_counts_without_noise_stay(self):
        exact = np.array([np.nan, np.nan, 0.0, np.nan, np.nan])
        assert self._around_zero(50.0, exact=exact)[3] > 25
        assert self._around_zero(5.0, noise=0.0)[3] == 5.0

    def test_bins_follow_the_order(self):
        coded = _numeric([0, 1, 50, 2, 3, 40, 1, 1, 30, 2], n_bins=5)
        assert (np.diff(coded.code_of_cell[1:]) >= 0).all()

    def test_no_bin_is_empty(self):
        coded = _numeric([0, 0, 0, 100, 0, 0, 100, 0], n_bins=8)
        assert (coded.code_weights > 0).all()

    def test_rare_categories_share_a_code(self):
        coded = _categorical([0, 100, 3, 50, 2], min_rows=10, unknown="error")
        assert coded.code_of_cell[1:].tolist() == [1, 3, 2, 3]

    def test_a_single_rare_category_keeps_its_own(self):
        coded = _categorical([0, 100, 3, 50], min_rows=10, unknown="error")
        assert coded.code_of_cell[1:].tolist() == [1, 2, 3]

    def test_missing_is_a_code_where_it_is_more_than_noise(self):
        assert _categorical([50, 100], noise=10).is_sampled[0]
        assert not _categorical([15, 100], noise=10).is_sampled[0]

    def test_where_nearly_all_is_missing_nothing_else_is_sampled(self):
        coded = _numeric([1000, 0, 0, 0], dtype="float64")
        assert coded.is_sampled.tolist() == [True] + [False] * (coded.width - 1)
        assert _numeric([1000, 1, 0, 0], dtype="float64").is_sampled.all()
        noisy = _categorical([1000, 5, 3], noise=10.0, n_rows=1008)
        assert noisy.is_sampled.tolist() == [True] + [False] * (noisy.width - 1)

    @pytest.mark.parametrize(("counts", "is_shown"), [((40, -60, 30), False), ((400, 300, 250), True)])
    def test_values_of_a_range_that_noise_has_made_are_not_sampled(self, counts, is_shown):
        """Of 1,000 rows with a value, none lies in the range."""
        coded = _numeric([6_000, *counts], noise=100.0, n_rows=7_000.0, dtype="float64")
        assert coded.is_sampled.tolist() == [True] + [is_shown] * (coded.width - 1)

    def test_the_code_for_other_values_is_never_sampled(self):
        coded = _categorical([0, 10, 10])
        assert coded.encoder.has_other
        assert not coded.is_sampled[-1]
        assert coded.code_of_cell[-1] == coded.width - 1

    def test_nothing_to_sample_at_all(self):
        encoder = CategoricalEncoder(Categorical(name="a", categories=(), nullable=False), "object")
        coded = code_column(encoder, np.array([0, np.nan]), 50.0, 100, 4, 64, 1.0)
        assert coded.is_sampled.tolist() == [True]  # the label, though noise hides that there are rows
        assert coded.encoder.shown == ["other (not released)"]
        assert _categorical([0]).is_sampled.tolist() == [True, False]

    @pytest.mark.family
    @settings(deadline=None)
    @given(
        counts=st.lists(st.floats(-20, 1000), min_size=2, max_size=40),
        n_bins=st.integers(1, 32),
        min_rows=st.floats(0, 50),
        noise=st.just(0.0) | st.floats(1e-6, 20),
        is_ordered=st.booleans(),
        dtype=st.sampled_from(["int64", "Int64"]),
        seed=st.integers(0, 2**32),
    )
    def test_any_counts_give_codes_that_decode(
        self, counts, n_bins, min_rows, noise, is_ordered, dtype, seed
    ):
        n_rows = max(sum(counts), 1.0)
        values = tuple(range(len(counts) - 1))
        if is_ordered:
            column = Numeric(name="a", bounds=(0, len(counts) - 2), decimals=0)
            encoder = NumericEncoder(column, dtype, np.arange(len(counts)))
        else:
            encoder = CategoricalEncoder(Categorical(name="a", categories=values, unknown="error"), dtype)
        coded = code_column(encoder, np.array(counts), noise, n_rows, n_bins, 64, min_rows)
        assert set(coded.code_of_cell) == set(range(coded.width))
        assert (coded.weights >= 0).all()
        np.testing.assert_allclose(coded.weights.sum(), n_rows, rtol=1e-6)
        assert coded.is_sampled.any()
        rng = np.random.default_rng(seed)
        codes = rng.choice(np.flatnonzero(coded.is_sampled), 200)
        cells = coded.cells_of(codes, rng)
        np.testing.assert_array_equal(coded.code_of_cell[cells], codes)
        decoded = encoder.inverse_transform(cells, rng)
        assert str(decoded.dtype) == dtype
        assert decoded.dropna().isin(values).all()
        assert encoder.is_nullable or decoded.notna().all()


class TestCells:
    def test_drawn_in_proportion_to_the_released_counts(self):
        coded = _numeric([0, 30, 10, 60, 0], n_bins=1, min_rows=1000)
        assert coded.width == 1
        cells = coded.cells_of(np.zeros(20_000, dtype=int), np.random.default_rng(0))
        np.testing.assert_allclose(
            np.bincount(cells, minlength=5) / 20_000, [0, 0.3, 0.1, 0.6, 0], atol=0.015
        )

    def test_a_value_that_nobody_has_is_no_missing_value(self):
        """A boolean column that is always true: its code for false has no weight, and no missing cell either."""
        encoder = CategoricalEncoder(Boolean(name="a"), "bool")
        coded = code_column(encoder, np.array([0.0, 0, 100]), 0.0, 100, 4, 64, 0.0)
        cells = coded.cells_of(np.zeros(500, dtype=int), np.random.default_rng(0))
        assert set(cells) == {1}
        assert encoder.inverse_transform(cells, np.random.default_rng(0)).dtype == bool

    def test_no_cell_of_other_values_is_ever_drawn(self):
        coded = _categorical([0, 10])
        cells = coded.cells_of(np.full(100, coded.width - 1), np.random.default_rng(0))
        assert coded.encoder.inverse_transform(cells, np.random.default_rng(0)).isna().all()


@pytest.fixture
def table():
    """Return an encoder of four modelled columns and a key, and rows for it."""
    schema = Schema(
        [
            Identifier(name="key", pattern="P{:03d}", start=5, dtype="object"),
            Numeric(name="n", bounds=(0, 3), decimals=0, dtype="int16"),
            Categorical(name="c", categories=("x", "y"), dtype="category", ordered=True),
            Boolean(name="b", dtype="boolean"),
            Datetime(name="d", bounds=("2024-01-01", "2024-01-04"), resolution="day", dtype="datetime64[s]"),
        ]
    )
    n, c, b, d = schema.columns[1:]
    first = np.datetime64("2024-01-01", "D").astype(int)
    encoders = [
        NumericEncoder(n, n.dtype, np.arange(5)),
        CategoricalEncoder(c, c.dtype),
        CategoricalEncoder(b, b.dtype),
        DatetimeEncoder(d, d.dtype, np.arange(first, first + 5)),
    ]
    counts = [[0, 9, 9, 9, 9], [9, 9, 9, np.nan], [9, 9, 9], [9, 9, 9, 9, 9]]
    columns = [
        code_column(e, np.array(c, dtype=float), 0.0, 36, 8, 64, 0.0)
        for e, c in zip(encoders, counts, strict=True)
    ]
    df = pd.DataFrame(
        {
            "key": pd.Series(["P005", "P006", "P007"], dtype=object),
            "n": np.array([0, 3, 1], dtype="int16"),
            "c": pd.Categorical(["y", None, "x"], categories=["x", "y"], ordered=True),
            "b": pd.array([True, None, False], dtype="boolean"),
            "d": np.array(["2024-01-04", "NaT", "2024-01-01"], dtype="datetime64[s]"),
        }
    )
    return TableEncoder(schema, columns), df


class TestTable:
    def test_round_trip(self, table):
        encoder, df = table
        codes = encoder.transform(df)
        pd.testing.assert_frame_equal(encoder.inverse_transform(codes, np.random.default_rng(0)), df)

    def test_codes_are_within_their_blocks(self, table):
        encoder, df = table
        codes = encoder.transform(df)
        assert codes.shape == (3, 4)
        assert codes.dtype == np.uint8
        assert (codes < np.array(encoder.sizes)).all()
        assert encoder.offsets == [0, 4, 8, 11, 16]
        assert encoder.width == sum(encoder.sizes) == 16
        assert encoder.names == ["n", "c", "b", "d"]

    def test_the_rarest_of_very_many_categories_share_a_code(self):
        coded = _categorical([0, *range(1_000, 1_300)])
        assert coded.width == 1 + 256 + 2  # missing, the rare ones together, and other values
        assert len(np.unique(coded.code_of_cell[1:45])) == 1
        assert len(np.unique(coded.code_of_cell[45:-1])) == 256

    def test_other_values_exist_and_are_never_sampled(self):
        coded = _categorical([0, 100, 50])
        assert coded.is_sampled.tolist() == [False, True, True, False]
        assert coded.exists.tolist() == [False, True, True, False]  # all rows are accounted for

    @pytest.mark.parametrize(
        ("n_rows", "rows_noise", "exists"),
        [
            (150, 0, False),
            (160, 0, False),
            (200, 0, False),
            (205, 0, True),
            (275, 40, False),
            (285, 40, True),
        ],
    )
    def test_a_pool_of_noise_is_none(self, n_rows, rows_noise, exists):
        """No sample shows, and no row is drawn of, a pool that noise alone explains, that of the number of rows too."""
        column = Categorical(name="a", categories=("x", "y"), dtype="object")
        counts = np.array([0.0, 100.0, 50.0, np.nan])
        coded = code_column(column.encoder(), counts, 10.0, n_rows, 8, 8, 1.0, rows_noise=rows_noise)
        assert coded.exists[-1] == exists
        assert coded.weights[-1] == (n_rows - 150 if exists else 0)
        assert coded.is_sampled[-1] == exists

    def test_many_codes_take_a_wider_type(self):
        coded = _categorical([0] + [1] * 300)
        encoder = TableEncoder(Schema([coded.encoder.column]), [coded])
        assert encoder.code_dtype == np.int16
        values = pd.DataFrame({"a": [coded.encoder.categories[200]]})
        assert encoder.transform(values)[0, 0] == 201

    def test_no_rows(self, table):
        encoder, df = table
        empty = encoder.inverse_transform(np.empty((0, 4), dtype=np.int64), np.random.default_rng(0))
        pd.testing.assert_series_equal(empty.dtypes, df.dtypes)
        assert len(empty) == 0

    def test_the_order_of_the_tables_columns_does_not_matter(self, table):
        encoder, df = table
        np.testing.assert_array_equal(encoder.transform(df[df.columns[::-1]]), encoder.transform(df))


class TestConditions:
    @pytest.mark.parametrize(
        ("name", "value", "code"),
        [
            ("n", 2, 2),
            ("c", "y", 2),
            ("c", None, 0),
            ("b", False, 1),
            ("b", pd.NA, 0),
            ("d", "2024-01-01", 1),
        ],
    )
    def test_code_of_a_value(self, table, name, value, code):
        assert table[0].code_of_value(name, value) == code

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("n", 4),
            ("n", -1),
            ("n", 1.5),
            ("n", None),
            ("c", "z"),
            ("b", 1),
            ("d", "2024-01-05"),
            ("d", "2024-01-01 12:00"),
        ],
    )
    def test_values_outside_of_the_domain(self, table, name, value):
        with pytest.raises(
            DataError, match=f"Column '{name}': the value asked for is not in the column's released domain"
        ) as caught:
            table[0].code_of_value(name, value)
        assert "'x'" not in str(caught.value)
        assert "2024" not in str(caught.value)

    @pytest.mark.parametrize("value", [[1], (1, 2), {1}, {"a": 1}, np.array([1])])
    def test_several_values(self, table, value):
        with pytest.raises(DataError, match="Column 'n': expected one value or None"):
            table[0].code_of_value("n", value)

    @pytest.mark.parametrize("value", ["many", "2024-01-01"])
    def test_values_of_another_kind(self, table, value):
        with pytest.raises(DataError, match="Column 'n': the value asked for is not"):
            table[0].code_of_value("n", value)

    @pytest.mark.parametrize(
        ("name", "value"), [("n", 2), ("c", "y"), ("c", None), ("b", None), ("d", "2024-01-02")]
    )
    def test_constant_has_the_dtype(self, table, name, value):
        encoder, df = table
        series = encoder.constant(name, value, 3)
        assert series.dtype == df[name].dtype
        assert series.isna().all() if value is None else (series.astype(str).str[:10] == str(value)).all()


class TestIdentifiers:
    @settings(deadline=None)
    @given(start=st.integers(0, 10**9), n_rows=st.integers(0, 50), first_row=st.integers(0, 10**6))
    def test_unique_and_of_the_pattern(self, start, n_rows, first_row):
        column = Identifier(name="a", pattern="P-{:04d}/x", start=start)
        keys = column.generate(n_rows, first_row)
        assert keys.is_unique
        assert keys.tolist() == [f"P-{i:04d}/x" for i in range(start + first_row, start + first_row + n_rows)]
        assert keys.dtype == object

    @pytest.mark.parametrize("dtype", ["int64", "Int32", "float64", "uint8", "string", "int64[pyarrow]"])
    def test_dtypes(self, dtype):
        keys = Identifier(name="a", dtype=dtype).generate(3, 10)
        assert str(keys.dtype) == dtype
        assert [str(int(key)) for key in keys] == ["11", "12", "13"]

    @pytest.mark.parametrize("dtype", ["int8", "uint8"])
    def test_more_than_the_dtype_can_hold(self, dtype):
        with pytest.raises(DataError, match=f"Column 'a': dtype {dtype} cannot hold 300"):
            Identifier(name="a", dtype=dtype).generate(300, 0)


def test_coded_columns_of_one_code():
    encoder = CategoricalEncoder(
        Categorical(name="a", categories=("x",), unknown="error", nullable=False), "object"
    )
    coded = CodedColumn(encoder, np.array([0, 0]), np.array([0.0, 5.0]), np.array([True]))
    assert coded.cells_of(np.zeros(3, dtype=int), np.random.default_rng(0)).tolist() == [1, 1, 1]


class TestRareOnesOfAGroup:
    """Rare categories share a code with those that are alike in the coarsest part."""

    def _codes(self, counts, coarse, n_categories=9, min_rows=50.0):
        column = Categorical(name="x", categories=tuple(f"c{i}" for i in range(len(counts))), unknown="error")
        encoder = column.encoder()
        noisy = np.array([0.0, *counts])
        made = code_column(encoder, noisy, 0.0, noisy.sum(), 5, n_categories, min_rows, np.array(coarse))
        return made.code_of_cell[1:].tolist()

    def test_have_its_code(self):
        assert self._codes([500, 30, 40, 20, 40, 300], [0, 0, 0, 1, 1, 1]) == [1, 3, 3, 4, 4, 2]

    def test_and_small_groups_share_one(self):
        assert self._codes([500, 30, 40, 4, 5, 6], [0, 0, 0, 1, 2, 2]) == [1, 2, 2, 3, 3, 3]

    def test_one_group_is_as_before(self):
        assert self._codes([500, 30, 40], [0, 0, 0]) == self._codes([500, 30, 40], [0, 0, 0], 9) == [1, 2, 2]

    def test_no_more_codes_than_there_is_room_for(self):
        counts = [100] * 12
        assert max(self._codes(counts, list(range(12)), 6, 50.0)) <= 7
