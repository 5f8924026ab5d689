"""One contract for every kind of column: what is encoded comes back, in its dtype, and nothing else ever does."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabgan.columns.categorical import CategoricalEncoder
from tabgan.columns.datetime import DatetimeEncoder
from tabgan.columns.encoder import MISSING, can_hold_missing
from tabgan.columns.grid import even_edges
from tabgan.columns.keys import typed
from tabgan.columns.numeric import NumericEncoder
from tabgan.schema import Boolean, Categorical, Datetime, Numeric

SECRET = "Zanzibar-4711"


def _lattice(column, dtype, n_cells=None):
    """Return an encoder over declared bounds: a cell per integer, or ``n_cells``."""
    low, high = column.declared_range()
    kind = NumericEncoder if isinstance(column, Numeric) else DatetimeEncoder
    edges = np.arange(low, high + 2) if n_cells is None else even_edges(low, high, n_cells)
    return kind(column, dtype, edges)


def _integers(dtype, values=(0, 7, 100, 3)):
    return _lattice(Numeric(name="a", bounds=(0, 100), decimals=0), dtype), pd.Series(values, dtype=dtype)


def _floats(dtype, values):
    return _lattice(Numeric(name="a", bounds=(-2, 2), decimals=1), dtype), pd.Series(values, dtype=dtype)


def _moments(dtype, values, resolution="day", format_=None):
    column = Datetime(
        name="a", bounds=("2024-02-27", "2024-03-03"), resolution=resolution, format=format_, dtype=dtype
    )
    return _lattice(column, dtype), pd.Series(values, dtype=dtype)


def _categories(dtype, values, categories=("x", "y", "z"), ordered=False):
    column = Categorical(name="a", categories=categories, ordered=ordered)
    return CategoricalEncoder(column, dtype), pd.Series(values, dtype=dtype)


def _category(values, categories, ordered):
    encoder, _ = _categories("category", [], categories, ordered)
    return encoder, pd.Series(pd.Categorical(values, categories=list(categories), ordered=ordered))


DAYS = ["2024-02-28", "2024-02-29", "2024-03-01"]
TIMES = ["2024-02-28 23:59:59", "2024-02-29 00:00:00", "2024-03-01 12:30:01"]
DATES = [dt.date(2024, 2, 28), dt.date(2024, 2, 29), None]
STAMPS = [pd.Timestamp(time) for time in TIMES]

CASES = {
    **{
        t: _integers(t)
        for t in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "Int8", "UInt64")
    },
    "Int64 missing": _integers("Int64", [1, None, 3]),
    "int64[pyarrow] missing": _integers("int64[pyarrow]", [1, None, 3]),
    "integers in floats": _integers("float64", [1.0, np.nan, 3.0]),
    "integers in objects": _integers("object", [1, None, 3]),
    "float32": _floats("float32", [-1.5, 0.1, 2.0]),
    "float64 missing": _floats("float64", [-0.3, np.nan, 1.9]),
    "Float64 missing": _floats("Float64", [-0.3, None, 1.9]),
    "Float32": _floats("Float32", [-0.3, None, 1.9]),
    "negative int8": (
        _lattice(Numeric(name="a", bounds=(-128, 127), decimals=0), "int8"),
        pd.Series([-128, 0, 127], dtype="int8"),
    ),
    "bool": (CategoricalEncoder(Boolean(name="a"), "bool"), pd.Series([True, False, True])),
    "boolean missing": (
        CategoricalEncoder(Boolean(name="a"), "boolean"),
        pd.Series([True, None], dtype="boolean"),
    ),
    "booleans in objects": (
        CategoricalEncoder(Boolean(name="a"), "object"),
        pd.Series([True, None, False], dtype=object),
    ),
    "text": _categories("object", ["x", None, "z"]),
    "string": _categories("string", ["x", None, "z"]),
    "category": _category(["y", None, "x"], ("x", "y", "z"), False),
    "ordered category": _category(["mid", "lo"], ("lo", "mid", "hi"), True),
    "categories that are integers": _categories("int64", [10, 20], (10, 20)),
    "categories that are floats": _categories("float64", [0.5, np.nan, 2.0], (0.5, 2)),
    "categories of all types": _categories("object", [1, "1", True, None], (1, "1", True)),
    "datetime64[ns]": _moments("datetime64[ns]", [*DAYS, None]),
    "datetime64[s]": _moments("datetime64[s]", TIMES, "second"),
    "datetime64[us] missing": _moments("datetime64[us]", [*TIMES, None], "second"),
    "time zone": _moments(
        "datetime64[ns, Europe/Berlin]", pd.Series(TIMES, dtype="datetime64[ns, Europe/Berlin]"), "second"
    ),
    "dates": _moments("object", DATES),
    "datetimes in objects": _moments("object", STAMPS, "second"),
    "text dates": _moments("object", ["28.02.2024", None], format_="%d.%m.%Y"),
    "string times": _moments("string", [TIMES[0], None], "second", "%Y-%m-%d %H:%M:%S"),
    "date32[day][pyarrow]": _moments("date32[day][pyarrow]", DATES),
}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


class TestContract:
    def test_decode_after_encode_is_the_identity(self, case, rng):
        encoder, series = case
        decoded = encoder.inverse_transform(encoder.transform(series), rng)
        pd.testing.assert_series_equal(decoded, series.rename("a"))
        assert [type(v) for v in decoded.dropna()] == [type(v) for v in series.dropna()]

    def test_cells_are_within_the_sizes(self, case):
        encoder, series = case
        cells = encoder.transform(series)
        assert cells.dtype == np.int32
        assert cells.min() >= 0
        assert cells.max() < encoder.n_cells
        assert ((cells == MISSING) == series.isna()).all()

    def test_every_cell_decodes_to_the_dtype(self, case, rng):
        encoder, series = case
        cells = np.arange(int(not encoder.is_nullable), encoder.n_cells - int(encoder.has_other))[-500:]
        decoded = encoder.inverse_transform(cells, rng)
        assert decoded.dtype == series.dtype
        np.testing.assert_array_equal(encoder.transform(decoded), cells)

    def test_no_rows(self, case, rng):
        encoder, series = case
        assert len(encoder.transform(series[:0])) == 0
        assert encoder.inverse_transform(np.zeros(0, dtype=np.int64), rng).dtype == series.dtype

    def test_index_does_not_matter(self, case):
        encoder, series = case
        odd = series.set_axis([5] * len(series))
        np.testing.assert_array_equal(encoder.transform(odd), encoder.transform(series))

    def test_ruling_missing_out_changes_no_cell(self, case):
        """Nothing raises here: the check of the table has refused what is missing."""
        encoder, series = case
        strict = type(encoder)(
            encoder.column.model_copy(update={"nullable": False}),
            encoder.dtype,
            *([encoder.edges] if hasattr(encoder, "edges") else []),
        )
        np.testing.assert_array_equal(strict.transform(series), encoder.transform(series))

    def test_repeat_is_the_value_itself(self, case):
        encoder, series = case
        value = series.dropna().iloc[-1]
        repeated = encoder.repeat(value, 3)
        expected = pd.concat([series.dropna().iloc[-1:]] * 3, ignore_index=True).rename("a")
        pd.testing.assert_series_equal(repeated, expected)
        assert encoder.contains(pd.Series([value], dtype=object))

    def test_repeat_of_missing(self, case):
        encoder, series = case
        if not encoder.is_nullable:
            return
        assert encoder.repeat(None, 2).isna().all()
        assert encoder.repeat(None, 2).dtype == series.dtype


class TestMissing:
    @pytest.mark.parametrize("dtype", ["int64", "uint8", "bool"])
    def test_some_dtypes_have_none(self, dtype):
        assert not can_hold_missing(dtype)
        column = Boolean(name="a", nullable=True) if dtype == "bool" else Categorical(name="a", nullable=True)
        assert not CategoricalEncoder(column, dtype).is_nullable

    @pytest.mark.parametrize(
        "dtype", ["Int64", "float32", "boolean", "object", "string", "category", "datetime64[ns]"]
    )
    def test_the_others_have(self, dtype):
        assert can_hold_missing(dtype)

    def test_all_missing(self, rng):
        for encoder, series in CASES.values():
            if encoder.is_nullable:
                decoded = encoder.inverse_transform(np.zeros(4, dtype=np.int64), rng)
                assert decoded.isna().all()
                assert decoded.dtype == series.dtype


class TestCategories:
    def test_unknown_values_share_a_cell_that_decodes_to_missing(self, rng):
        encoder, _ = _categories("object", [])
        cells = encoder.transform(pd.Series(["x", SECRET, "other"]))
        assert cells.tolist() == [1, 4, 4]
        assert encoder.inverse_transform(cells, rng).tolist() == ["x", None, None]
        assert not encoder.contains(pd.Series([SECRET]))

    def test_order_of_the_schema_is_kept(self, rng):
        encoder, _ = _category([], ("lo", "mid", "hi"), True)
        decoded = encoder.inverse_transform(np.array([3, 1, 2]), rng)
        assert decoded.cat.categories.tolist() == ["lo", "mid", "hi"]
        assert decoded.cat.ordered
        assert decoded.max() == "hi"
        assert encoder.is_ordered

    def test_booleans_are_not_zero_and_one(self):
        encoder, _ = _categories("object", [], (0, 1, True))
        assert encoder.transform(pd.Series([True, 1, 0, False], dtype=object)).tolist() == [3, 2, 1, 4]

    def test_integers_match_integral_floats_and_numpy_scalars(self):
        assert typed([1, 1.0, np.int8(1), np.float32(1)]) == [1, 1, 1, 1]
        assert typed([True, np.bool_(False)]) == [("bool", True), ("bool", False)]
        assert typed(["1", 1.5]) == ["1", 1.5]

    def test_no_category_at_all(self, rng):
        encoder, _ = _categories("object", [], ())
        assert encoder.n_cells == 2
        cells = encoder.transform(pd.Series(["x", None]))
        assert cells.tolist() == [1, 0]
        assert encoder.inverse_transform(cells, rng).isna().all()


class TestNumbers:
    @settings(deadline=None)
    @given(
        decimals=st.integers(0, 9),
        values=st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=20),
        dtype=st.sampled_from(["float64", "Float64", "object"]),
    )
    def test_identity_at_the_declared_precision(self, decimals, values, dtype):
        scale = 10.0**decimals
        column = Numeric(name="a", bounds=(min(values) / scale, max(values) / scale), decimals=decimals)
        series = pd.Series(np.round(np.array(values) / scale, decimals))
        lattice, present = column.to_lattice(series)
        assert lattice.tolist() == values
        assert present.all()
        edges = np.unique(np.concatenate([lattice, lattice + 1]))
        encoder = NumericEncoder(column, dtype, edges)
        decoded = encoder.inverse_transform(encoder.transform(series), np.random.default_rng(0))
        assert decoded.tolist() == series.tolist()

    @settings(deadline=None)
    @given(
        low=st.integers(-(10**9), 10**9),
        width=st.integers(0, 10**9),
        n_cells=st.integers(1, 50),
        decimals=st.integers(0, 4),
        seed=st.integers(0, 2**32),
    )
    def test_what_is_drawn_stays_in_its_cell_and_in_the_bounds(self, low, width, n_cells, decimals, seed):
        bounds = (low / 10.0**decimals, (low + width) / 10.0**decimals)
        column = Numeric(name="a", bounds=bounds, decimals=decimals)
        encoder = _lattice(column, "float64", n_cells)
        cells = np.random.default_rng(seed).integers(1, encoder.n_cells, 50)
        decoded = encoder.inverse_transform(cells, np.random.default_rng(seed))
        assert decoded.between(*bounds).all()
        np.testing.assert_array_equal(encoder.transform(decoded), cells)
        assert (decoded.round(decimals) == decoded).all()

    def test_values_outside_are_clipped(self, rng):
        encoder, _ = _integers("int64")
        decoded = encoder.inverse_transform(encoder.transform(pd.Series([-5, 50, 10**12])), rng)
        assert decoded.tolist() == [0, 50, 100]
        assert not encoder.contains(pd.Series([-1]))

    def test_a_wide_cell_is_drawn_from_evenly(self):
        encoder = NumericEncoder(Numeric(name="a", bounds=(0, 9), decimals=0), "int64", np.array([0, 10]))
        drawn = encoder.inverse_transform(np.ones(20_000, dtype=int), np.random.default_rng(0))
        np.testing.assert_allclose(np.bincount(drawn) / 20_000, 0.1, atol=0.01)

    def test_precision_beyond_the_declared_is_not_in_the_domain(self):
        encoder = _lattice(Numeric(name="a", bounds=(0, 5), decimals=1), "float64")
        assert encoder.contains(pd.Series([0.1 + 0.2]))
        assert not encoder.contains(pd.Series([0.25]))
        assert encoder.repeat(0.1 + 0.2, 1).tolist() == [0.3]

    def test_numbers_that_floats_do_not_hold_are_clipped(self):
        lattice, _ = Numeric(name="a", decimals=0).to_lattice(pd.Series([1e300, -1e300]))
        assert lattice.tolist() == [2**53 - 1, 1 - 2**53]


class TestRanges:
    @settings(deadline=None)
    @given(low=st.integers(-(2**50), 2**50), width=st.integers(0, 10**6), decimals=st.integers(0, 9))
    def test_released_bounds_and_declared_range_are_inverse_for_numbers(self, low, width, decimals):
        column = Numeric(name="a", decimals=decimals)
        bounds = column.bounds_of(low, low + width)
        assert column.with_(bounds=bounds).declared_range() == (low, low + width)

    @settings(deadline=None)
    @given(low=st.integers(-30_000, 30_000), width=st.integers(0, 40_000))
    @pytest.mark.parametrize("resolution", ["day", "second"])
    def test_and_for_moments(self, resolution, low, width):
        column = Datetime(name="a", resolution=resolution)
        bounds = column.bounds_of(low, low + width)
        assert column.with_(bounds=bounds).declared_range() == (low, low + width)

    @pytest.mark.parametrize(
        ("bounds", "decimals", "expected"),
        [
            ((0, 9.99), 0, (0, 9)),
            ((-0.5, 0.5), 0, (0, 0)),
            ((0.1, 0.3), 1, (1, 3)),
            ((-1.1, -1.1), 1, (-11, -11)),
        ],
    )
    def test_only_what_lies_inside_of_declared_bounds(self, bounds, decimals, expected):
        assert Numeric(name="a", bounds=bounds, decimals=decimals).declared_range() == expected

    def test_moments_beyond_nanoseconds(self):
        column = Datetime(name="a", bounds=("0001-01-01", "9999-12-31"), resolution="day")
        assert column.declared_range() == (-719_162, 2_932_896)

    def test_days_of_bounds_in_a_time_zone_are_those_of_the_wall_clock(self):
        bounds = ("1970-01-02T00:00+14:00", "1970-01-03T23:00+14:00")
        assert Datetime(name="a", bounds=bounds, resolution="day").declared_range() == (1, 2)

    @pytest.mark.parametrize(
        ("column", "expected"),
        [
            (Numeric(name="a", dtype="int8"), (-128, 127)),
            (Numeric(name="a", dtype="UInt8"), (0, 255)),
            (Numeric(name="a", dtype="int16[pyarrow]"), (-(2**15), 2**15 - 1)),
            (Numeric(name="a", dtype="int64"), (1 - 2**53, 2**53 - 1)),
            (Numeric(name="a", dtype="float16", decimals=1), (-655040, 655040)),
            (Numeric(name="a", dtype="float64", decimals=9), (1 - 2**53, 2**53 - 1)),
            (Datetime(name="a", dtype="datetime64[ns]", resolution="day"), (-106_751, 106_751)),
            (Datetime(name="a", dtype="datetime64[ns, UTC]", resolution="day"), (-106_751, 106_751)),
            (Datetime(name="a", dtype="object", resolution="day"), (-719_162, 2_932_896)),
        ],
    )
    def test_what_a_dtype_holds(self, column, expected):
        assert column.dtype_range() == expected


class TestMoments:
    def test_year_9999(self):
        dates = pd.Series([dt.date(2024, 1, 1), dt.date(9999, 12, 31)], dtype=object)
        text = pd.Series(["01.01.2024", "31.12.9999"])
        column = Datetime(name="a", resolution="day")
        expected = column.to_lattice(dates)[0].tolist()
        assert expected[1] == 2_932_896
        assert column.with_(format="%d.%m.%Y").to_lattice(text)[0].tolist() == expected

    def test_fractions_of_the_resolution_are_cut(self, rng):
        encoder, _ = _moments("datetime64[ns]", [])
        series = pd.Series(pd.to_datetime(["2024-02-29 23:59:59.999"]))
        assert encoder.inverse_transform(encoder.transform(series), rng)[0] == pd.Timestamp("2024-02-29")
        assert not encoder.contains(series)

    def test_before_1970(self, rng):
        column = Datetime(name="a", bounds=("1969-12-30", "1970-01-02"), resolution="day")
        encoder = _lattice(column, "datetime64[ns]")
        series = pd.Series(pd.to_datetime(["1969-12-30 12:00", "1969-12-31 00:00", "1970-01-01 00:00"]))
        assert encoder.transform(series).tolist() == [1, 2, 3]

    def test_an_hour_that_daylight_saving_skips_is_moved_and_one_that_it_repeats_is_kept(self, rng):
        column = Datetime(name="a", bounds=("2024-03-31T02:30", "2024-10-27T02:30"), resolution="second")
        low, high = column.declared_range()
        encoder = DatetimeEncoder(
            column, "datetime64[ns, Europe/Berlin]", np.array([low, low + 1, high, high + 1])
        )
        drawn = encoder.inverse_transform(np.array([1, 3]), rng)
        assert drawn.dt.strftime("%m-%d %H:%M").tolist() == ["03-31 03:00", "10-27 02:30"]


@pytest.mark.parametrize("dtype", ["str", "object", "string"])
@pytest.mark.parametrize(
    "column",
    [
        Categorical(name="c", categories=("x", "y")),
        Datetime(name="c", bounds=("2024-01-01", "2024-01-02"), resolution="day", format="%Y-%m-%d"),
    ],
)
def test_missing_text_stays_missing(column, dtype):
    """``str`` is what text is under pandas 3; a model that was fitted there may be loaded under an older one."""
    days = np.arange(19_723, 19_726)
    encoder = (
        CategoricalEncoder(column, dtype)
        if isinstance(column, Categorical)
        else DatetimeEncoder(column, dtype, days)
    )
    sampled = encoder.inverse_transform(np.array([0, 1, 2]), np.random.default_rng(0))
    assert sampled.isna().tolist() == [True, False, False]
    assert sampled[1:].tolist() in (["x", "y"], ["2024-01-01", "2024-01-02"])
