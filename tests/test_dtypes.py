"""One table of dtypes: what a fit takes comes back, and goes through evaluation, draft, model file and every sink."""

from __future__ import annotations

import datetime as dt
import inspect
import logging
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabgan import (
    Boolean,
    Categorical,
    Datetime,
    Duration,
    Identifier,
    Inequality,
    Numeric,
    Schema,
    TabGAN,
    Time,
)
from tabgan.columns.values import floats, shortest
from tabgan.errors import DataError, SchemaError, TabGANError
from tabgan.evaluation import evaluate
from tabgan.evaluation.tables import prepare
from tabgan.evaluation.validity import check_columns
from tabgan.io.sinks import write_table
from tabgan.io.sources import read_table
from tabgan.model import loglinear
from tabgan.rules import keeps_rules
from tabgan.table.checks import check_table
from tabgan.table.draft import draft_schema, draft_yaml

N = 80
#: pandas has its dtype of text with NaN from 2.3 on.
HAS_STR = "na_value" in inspect.signature(pd.StringDtype).parameters

CODES = np.arange(N) % 5
IS_MISSING = np.arange(N) % 7 == 0


@pytest.fixture(autouse=True, scope="module")
def small_pools():
    """Fit one column on few drawn rows."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("POOL", "MIN_POOL", "FRESH"):
            patch.setattr(loglinear, name, 256)
        yield


def _fit(series: pd.Series, *columns: Any, **options: Any) -> TabGAN:
    model = TabGAN(
        options.pop("epsilon", None),
        schema=Schema(columns=columns),
        adversary_share=0,
        device="cpu",
        random_state=0,
    )
    return model.fit(pd.DataFrame({"c": series}), **options)


def _values(make: Callable[[int], Any], *, missing: bool = True) -> list[Any]:
    return [
        None if missing and is_missing else make(int(code))
        for code, is_missing in zip(CODES, IS_MISSING, strict=True)
    ]


def _objects(make: Callable[[int], Any], *, missing: bool = True) -> pd.Series:
    return pd.Series(_values(make, missing=missing), dtype=object)


def _arrow(make: Callable[[int], Any], dtype: pa.DataType) -> pd.Series:
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.array(_values(make), type=dtype)))


def _tenth(code: int) -> float:
    return code / 10


def _text(code: int) -> str:
    return f"t{code}"


def _date(code: int) -> dt.date:
    return dt.date(2020, 1, 1 + code)


def _midnight(code: int) -> dt.datetime:
    return dt.datetime(2020, 1, 1 + code)


def _noon(code: int) -> dt.datetime:
    return dt.datetime(2020, 1, 1 + code, 12, 30)


def _time(code: int) -> dt.time:
    return dt.time(8 + code, 30)


def _hours(code: int) -> dt.timedelta:
    return dt.timedelta(hours=code)


BERLIN = dt.timezone(dt.timedelta(hours=1))
UNITS = ("s", "ms", "us", "ns")
MOMENTS = pd.Series(pd.to_datetime(_values(_noon)))

#: Every dtype that a fit takes, in the form of a column.
TAKEN: dict[str, pd.Series] = {
    **{
        f"{sign}int{bits}": pd.Series(CODES).astype(f"{sign}int{bits}")
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    },
    **{
        f"{sign}Int{bits}".replace("uI", "UI"): pd.Series(
            _values(int), dtype=f"{sign}Int{bits}".replace("uI", "UI")
        )
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    },
    **{
        t: pd.Series(_values(_tenth), dtype="float64").astype(t)
        for t in ("float16", "float32", "float64", "Float32", "Float64", "longdouble")
    },
    "bool": pd.Series(CODES > 1),
    "boolean": pd.Series(_values(lambda code: code > 1), dtype="boolean"),
    "string[python]": pd.Series(_values(_text), dtype="string[python]"),
    "string[pyarrow]": pd.Series(_values(_text), dtype="string[pyarrow]"),
    **(
        {"str": pd.Series(_values(_text), dtype=pd.StringDtype("pyarrow", na_value=np.nan))}
        if HAS_STR
        else {}
    ),
    "category of text": pd.Series(_values(_text)).astype("category"),
    "ordered category": pd.Series(
        pd.Categorical(_values(_text), categories=["t3", "t0", "t1", "t2", "t4"], ordered=True)
    ),
    "category of integers": pd.Series(pd.Categorical(_values(int), categories=range(5))),
    "category of floats": pd.Series(CODES / 2).astype("category"),
    "category of booleans": pd.Series(
        pd.Categorical(_values(lambda code: code > 1), categories=[False, True])
    ),
    "category of several types": _objects(lambda code: ("a", 1, 2.5, "b", True)[code]).astype("category"),
    "text in objects": _objects(_text),
    "integers in objects": _objects(int),
    "NumPy's integers in objects": _objects(np.int64),
    "floats in objects": _objects(_tenth),
    "NumPy's single floats in objects": _objects(lambda code: np.float32(code / 10)),
    "integers and floats in objects": _objects(lambda code: (1, 2.5, 3, 4.5, 5)[code]),
    "fractions in objects": _objects(lambda code: Fraction(code, 4)),
    "decimals in objects": _objects(lambda code: Decimal(code).scaleb(-2)),
    "whole decimals in objects": _objects(Decimal),
    "booleans in objects": _objects(lambda code: code > 1),
    "NumPy's booleans in objects": _objects(lambda code: np.bool_(code > 1)),
    "dates in objects": _objects(_date),
    "datetimes in objects": _objects(_noon),
    "midnights in objects": _objects(_midnight),
    "timestamps in objects": _objects(lambda code: pd.Timestamp(_noon(code))),
    "NumPy's moments in objects": _objects(lambda code: np.datetime64(_noon(code))),
    "times in objects": _objects(_time),
    "durations in objects": _objects(_hours),
    "NumPy's durations in objects": _objects(lambda code: np.timedelta64(code, "h")),
    "nothing in objects": pd.Series([None] * N, dtype=object),
    **{f"datetime64[{unit}]": MOMENTS.astype(f"datetime64[{unit}]") for unit in UNITS},
    **{
        f"datetime64[{unit}, Europe/Berlin]": MOMENTS.astype(f"datetime64[{unit}]").dt.tz_localize(
            "Europe/Berlin"
        )
        for unit in UNITS
    },
    "datetime64[ns, UTC+01:00]": MOMENTS.dt.tz_localize(BERLIN),
    **{
        f"timedelta64[{unit}]": pd.Series(pd.to_timedelta(_values(_hours))).astype(f"timedelta64[{unit}]")
        for unit in UNITS
    },
    **{
        f"{t}[pyarrow]": _arrow(int, getattr(pa, t)())
        for t in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
    },
    "halffloat[pyarrow]": pd.Series(pd.arrays.ArrowExtensionArray(pa.array((CODES / 10).astype("float16")))),
    "float[pyarrow]": _arrow(_tenth, pa.float32()),
    "double[pyarrow]": _arrow(_tenth, pa.float64()),
    "Arrow's string": _arrow(_text, pa.string()),
    "large_string[pyarrow]": _arrow(_text, pa.large_string()),
    "bool[pyarrow]": _arrow(lambda code: code > 1, pa.bool_()),
    **{f"timestamp[{unit}][pyarrow]": _arrow(_noon, pa.timestamp(unit)) for unit in UNITS},
    "timestamp[us, tz=Europe/Berlin][pyarrow]": _arrow(
        lambda code: _noon(code).replace(tzinfo=BERLIN), pa.timestamp("us", "Europe/Berlin")
    ),
    "date32[day][pyarrow]": _arrow(_date, pa.date32()),
    "date64[ms][pyarrow]": _arrow(_date, pa.date64()),
    **{f"time32[{unit}][pyarrow]": _arrow(_time, pa.time32(unit)) for unit in ("s", "ms")},
    **{f"time64[{unit}][pyarrow]": _arrow(_time, pa.time64(unit)) for unit in ("us", "ns")},
    "null[pyarrow]": pd.Series(pd.arrays.ArrowExtensionArray(pa.nulls(N))),
}

#: The dtype that ``str`` is: pandas 3's of text, and before that NumPy's, which writes text for missing values.
STR = "str" if int(pd.__version__.split(".")[0]) >= 3 else "object"

#: Those that do not come back as they were.
BECOMES = {"str": STR, "Arrow's string": "string"}

#: Values that come back as another type of Python's, equal to theirs.
BECOMES_PLAIN = {
    "NumPy's integers in objects": {int},
    "NumPy's single floats in objects": {float},
    "integers and floats in objects": {float},
    "fractions in objects": {float},
    "NumPy's booleans in objects": {bool},
    "datetimes in objects": {pd.Timestamp},
    "midnights in objects": {pd.Timestamp},
    "NumPy's moments in objects": {pd.Timestamp},
    "durations in objects": {pd.Timedelta},
    "NumPy's durations in objects": {pd.Timedelta},
}

#: Columns that Parquet has no one type for.
NO_PARQUET = {"category of several types"}

#: Every dtype, and type of values, that is refused in words.
REFUSED: dict[str, pd.Series] = {
    "complex64": pd.Series(CODES + 1j).astype("complex64"),
    "complex128": pd.Series(CODES + 1j),
    "period": pd.Series(pd.period_range("2020", periods=N)),
    "interval": pd.Series(pd.interval_range(0, N)),
    "sparse integers": pd.Series(pd.arrays.SparseArray(CODES)),
    "sparse booleans": pd.Series(pd.arrays.SparseArray(CODES > 1)),
    "category of moments": pd.Series(MOMENTS.astype("category")),
    "category of intervals": pd.cut(pd.Series(CODES / 1.0), 2),
    "category of decimals": _objects(Decimal).astype("category"),
    "category of fractions": _objects(lambda code: Fraction(code, 4)).astype("category"),
    "text and integers": _objects(lambda code: ("a", 1, 2, 3, 4)[code]),
    "dates and datetimes": _objects(lambda code: _date(code) if code else _noon(code)),
    "bytes": _objects(lambda code: b"a"),
    "lists": _objects(lambda code: [code]),
    "complex numbers": _objects(lambda code: code + 1j),
    "Arrow's dictionary": pd.Series(
        pd.arrays.ArrowExtensionArray(pa.array(_values(_text)).dictionary_encode())
    ),
    "Arrow's durations": _arrow(_hours, pa.duration("us")),
    "Arrow's decimal128": _arrow(Decimal, pa.decimal128(10, 2)),
    "Arrow's decimal256": _arrow(Decimal, pa.decimal256(50, 2)),
    "Arrow's bytes": _arrow(lambda code: b"a", pa.binary()),
    "Arrow's lists": _arrow(lambda code: [code], pa.list_(pa.int64())),
    "Arrow's string_view": _arrow(_text, pa.string_view()),
}


def _types(series: pd.Series) -> set[type]:
    return {type(value) for value in series.dropna()}


def _moment(value):
    """Return NumPy's moments and durations as those of pandas, which before NumPy 2.2 have other hashes."""
    kinds = ((np.datetime64, pd.Timestamp), (np.timedelta64, pd.Timedelta))
    return next((of_pandas(value) for of_numpy, of_pandas in kinds if isinstance(value, of_numpy)), value)


@pytest.mark.filterwarnings("ignore:Could not infer format")
@pytest.mark.family(keep=16)
@pytest.mark.parametrize("name", TAKEN)
class TestEveryDtype:
    def test_comes_back_from_the_model_and_its_file(self, name, tmp_path):
        series = TAKEN[name]
        model = _fit(series)
        sampled = model.sample(N, random_state=1)
        assert str(sampled["c"].dtype) == BECOMES.get(name, str(series.dtype))
        if name == "ordered category":
            assert sampled["c"].dtype == series.dtype
        if not series.isna().all():
            assert _types(sampled["c"]) == BECOMES_PLAIN.get(name, _types(series))
            found, real = sampled["c"].dropna(), series.dropna()
            if "NumPy's single" not in name:
                assert set(found.map(_moment).tolist()) <= set(real.map(_moment).tolist())
        assert abs(sampled["c"].isna().mean() - series.isna().mean()) < 0.15
        model.save(tmp_path / "model")
        again = TabGAN.load(tmp_path / "model", device="cpu").sample(N, random_state=1)
        pd.testing.assert_frame_equal(again, sampled)
        for value in list(dict.fromkeys(sampled["c"].dropna().tolist()))[
            :3
        ]:  # PyArrow 19 has no unique of half floats
            assert (model.sample(2, conditions={"c": value}, random_state=1)["c"] == value).all()
        write_table(sampled, tmp_path / "t.csv", escape_formulas=True)
        if name not in NO_PARQUET:
            write_table(sampled, tmp_path / "t.parquet")
            read = read_table(tmp_path / "t.parquet")["c"]
            assert read.isna().tolist() == sampled["c"].isna().tolist()
            return
        with pytest.raises(DataError, match="Write csv instead"):
            write_table(sampled, tmp_path / "t.parquet")

    def test_is_evaluated_and_drafted(self, name):
        series = TAKEN[name]
        table = pd.DataFrame({"c": series})
        checked = check_columns(prepare(table, table, table, None))
        assert checked["c"].valid == 1.0
        drafted = Schema.from_yaml(draft_yaml(draft_schema(table, with_domain=True), with_domain=True))
        check_table(table, drafted)
        check_table(table, draft_schema(table))


@pytest.mark.parametrize("name", REFUSED)
def test_every_other_dtype_is_refused_in_words(name):
    table = pd.DataFrame({"c": REFUSED[name]})
    for refusing in (
        lambda: _fit(table["c"]),
        lambda: draft_schema(table),
        lambda: evaluate(table, table, table),
    ):
        with pytest.raises(DataError, match="Column 'c'.*(Convert|Make them missing)"):
            refusing()


#: Declarations, and columns that they fit.
DECLARED: list[tuple[Any, pd.Series]] = [
    (Numeric(name="c"), pd.Series(CODES)),
    (Numeric(name="c", bounds=(0, 4), decimals=0), pd.Series(CODES)),
    (Numeric(name="c", bounds=(0, 0.4), decimals=1), pd.Series(CODES / 10)),
    (Numeric(name="c"), pd.Series(_values(int), dtype="Int64")),
    (Boolean(name="c"), pd.Series(CODES > 1)),
    (Boolean(name="c"), _objects(lambda code: code > 1)),
    (Categorical(name="c"), pd.Series(CODES)),
    (Categorical(name="c"), pd.Series(CODES / 2)),
    (Categorical(name="c", categories=("t0", "t1", "t2", "t3", "t4")), _objects(_text)),
    (Categorical(name="c", categories=(0, 1, 2, 3, 4)), pd.Series(_values(int), dtype="Int64")),
    (Categorical(name="c"), _objects(_text)),
    (Datetime(name="c"), MOMENTS),
    (Datetime(name="c", format="%Y-%m-%d"), _objects(lambda code: f"2020-01-0{code + 1}")),
    (Duration(name="c"), pd.Series(pd.to_timedelta(_values(_hours)))),
    (Time(name="c"), _objects(_time)),
    (Time(name="c", format="%H:%M"), _objects(lambda code: f"08:3{code}")),
]

OUTPUT_DTYPES = [
    *("int8", "int64", "uint8", "Int8", "Int64", "float16", "float32", "float64", "Float32", "longdouble"),
    *("bool", "boolean", "object", "str", "string", "string[pyarrow]", "category", "complex64", "S3", "V4"),
    *("datetime64", "datetime64[D]", "datetime64[s]", "datetime64[ns]", "datetime64[ns, Europe/Berlin]"),
    *("timedelta64", "timedelta64[D]", "timedelta64[s]", "timedelta64[ns]", "period[D]", "interval[int64, right]"),
    *("Sparse[int]", "Sparse[float]", "int8[pyarrow]", "double[pyarrow]", "bool[pyarrow]", "date32[day][pyarrow]"),
    *("timestamp[us][pyarrow]", "duration[us][pyarrow]", "time64[us][pyarrow]", "binary[pyarrow]"),
]  # fmt: skip


@pytest.mark.family(keep=1)
@pytest.mark.parametrize("place", range(len(DECLARED)))
def test_a_declared_dtype_holds_what_is_sampled_or_is_refused_before_anything_is_spent(place):
    column, series = DECLARED[place]
    real = set(series.dropna().tolist())
    for dtype in OUTPUT_DTYPES:
        try:
            check_table(pd.DataFrame({"c": series}), Schema(columns=[column.with_(dtype=dtype)]))
        except TabGANError:
            continue
        sampled = _fit(series, column.with_(dtype=dtype)).sample(N, random_state=1)["c"]
        assert str(sampled.dtype) == (STR if dtype == "str" else str(pd.api.types.pandas_dtype(dtype)))
        assert abs(sampled.isna().mean() - series.isna().mean()) < 0.15, dtype
        if column.kind in ("boolean", "categorical") or (column.kind == "numeric" and "float16" not in dtype):
            found = {getattr(v, "item", lambda v=v: v)() for v in sampled.dropna()}
            assert all(
                min((abs(v - r) for r in real), default=0) < 1e-6 for v in found if not isinstance(v, str)
            )
            assert {v for v in found if isinstance(v, str)} <= real, dtype


def test_keys_have_a_dtype_that_holds_them_or_are_refused():
    series = pd.Series(np.arange(N))
    for dtype in OUTPUT_DTYPES:
        column = Identifier(name="c", start=120, dtype=dtype)
        try:
            check_table(pd.DataFrame({"c": series}), Schema(columns=[column]))
        except SchemaError:
            continue
        assert column.generate(2, 0).astype(str).tolist()[0].startswith("120")


class TestMissing:
    @pytest.mark.parametrize(
        ("column", "series"),
        [
            (Numeric(name="c", dtype="int64"), pd.Series(_values(float))),
            (Numeric(name="c", dtype="bool"), pd.Series(_values(lambda code: code > 1), dtype=object)),
            (Boolean(name="c", dtype="bool"), _objects(lambda code: code > 1)),
            (Categorical(name="c", dtype="uint8"), pd.Series(_values(float))),
        ],
    )
    def test_a_dtype_that_cannot_hold_them_is_refused_if_there_are_any(self, column, series):
        with pytest.raises(DataError, match=f"values are missing, which dtype {column.dtype} cannot hold"):
            _fit(series, column)
        _fit(series.dropna(), column).sample(3)

    def test_values_that_the_dtype_cannot_hold_are_refused(self):
        with pytest.raises(DataError, match="values that dtype int8 cannot hold"):
            _fit(pd.Series([1, 300] * 40), Numeric(name="c", dtype="int8"))
        with pytest.raises(DataError, match="values that dtype int64 cannot hold"):
            _fit(pd.Series([1.5, 2.0] * 40), Categorical(name="c", dtype="int64"))

    def test_a_category_of_booleans_may_be_declared_as_boolean(self):
        sampled = _fit(TAKEN["category of booleans"], Boolean(name="c")).sample(N)["c"]
        assert sampled.isna().any()
        assert set(sampled.dropna()) == {True, False}

    @pytest.mark.parametrize("dtype", ["datetime64", "datetime64[D]"])
    def test_nothing_is_spent_on_a_dtype_that_holds_nothing(self, dtype):
        model = TabGAN(1.0, schema=Schema(columns=[Datetime(name="c", dtype=dtype)]), adversary_share=0)
        with pytest.raises(SchemaError, match=f"dtype {dtype}".replace("[", r"\[") + " cannot hold"):
            model.fit(pd.DataFrame({"c": MOMENTS}))
        assert not hasattr(model, "privacy_")


class TestObjects:
    def test_decimals_have_the_released_number_of_places(self):
        sampled = _fit(TAKEN["decimals in objects"]).sample(N)["c"].dropna()
        assert {value.as_tuple().exponent for value in sampled} == {-2}

    def test_a_few_decimals_among_numbers_are_numbers(self):
        mixed = _objects(lambda code: Decimal(code) if code == 1 else code, missing=False)
        model = _fit(mixed)
        assert model.schema_["c"].kind == "numeric"
        assert _types(model.sample(N)["c"]) == {int}

    def test_half_of_them_are_still_numbers(self):
        mixed = _objects(lambda code: Decimal(code) if code % 2 else code, missing=False)
        assert _fit(mixed).schema_["c"].kind == "numeric"

    def test_declared_decimals(self):
        column = Numeric(name="c", bounds=(0, 1), decimals=2, objects="decimal")
        assert _types(_fit(TAKEN["decimals in objects"], column).sample(N)["c"]) == {Decimal}

    @pytest.mark.family(keep=2)
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("dates in objects", dt.date),
            ("midnights in objects", pd.Timestamp),
            ("datetimes in objects", pd.Timestamp),
        ],
    )
    def test_the_resolutions_vote_tells_dates_from_midnights(self, name, expected):
        model = _fit(TAKEN[name], Datetime(name="c", bounds=("2020-01-01", "2020-01-31")))
        assert _types(model.sample(N)["c"]) == {expected}

    def test_the_votes_have_one_cell_a_value(self):
        column = Datetime(name="c", dtype="object")
        cells = [_date(0), _midnight(0), _noon(0), _noon(1), None, pd.NaT]
        assert column.precision_counts(pd.Series(cells, dtype=object)).tolist() == [1, 1, 2]

    @pytest.mark.parametrize(
        "column", [Numeric(name="c", objects="decimal"), Datetime(name="c", objects="date")]
    )
    def test_only_objects_have_a_type_of_objects(self, column):
        series = pd.Series(CODES) if column.kind == "numeric" else MOMENTS
        with pytest.raises(SchemaError, match="objects: .* needs dtype object"):
            _fit(series, column)

    def test_decimals_come_back_from_parquet(self, tmp_path):
        write_table(pd.DataFrame({"c": TAKEN["decimals in objects"]}), tmp_path / "t.parquet")
        read = read_table(tmp_path / "t.parquet")["c"]
        write_table(pd.DataFrame({"c": _fit(read).sample(N)["c"]}), tmp_path / "s.parquet")
        assert _types(read_table(tmp_path / "s.parquet")["c"]) == {Decimal}


class TestSinglePrecision:
    @settings(deadline=None)
    @given(st.floats(width=32, min_value=-(2.0**100), max_value=2.0**100))
    def test_a_single_float_is_its_shortest_decimal(self, number):
        value = float(np.float32(number))
        found = shortest(np.array([value]), np.dtype(np.float32))[0]
        assert np.float32(found) == np.float32(value)
        if abs(value) > 1e-6:
            assert abs(found - float(str(np.float32(value)))) <= 1e-15 * abs(value)

    def test_so_is_every_half_float(self):
        halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
        normal = halves[np.isfinite(halves) & (np.abs(halves) > 1e-4)]
        found = shortest(normal.astype(np.float64), np.dtype(np.float16))
        assert (found.astype(np.float16) == normal).all()
        assert (
            found != normal.astype(str).astype(np.float64)
        ).sum() <= 2  # 0.015625, of which both are shortest

    @pytest.mark.parametrize(
        "name", ["float16", "float32", "Float32", "halffloat[pyarrow]", "float[pyarrow]"]
    )
    def test_is_read_as_what_a_csv_would_hold(self, name):
        present = TAKEN[name].notna().to_numpy()
        assert (floats(TAKEN[name])[present] == (CODES / 10)[present]).all()
        assert _fit(TAKEN[name]).schema_["c"].decimals == 1

    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize("dtype", ["float16", "float32", "float[pyarrow]"])
    @pytest.mark.parametrize("decimals", [1, 9])
    def test_own_values_are_conditions(self, dtype, decimals):
        column = Numeric(name="c", bounds=(-63.123456789, 63.123456789), decimals=9)
        column = column if decimals == 9 else Numeric(name="c", bounds=(-63.1, 63.1), decimals=1)
        values = np.random.default_rng(0).normal(0, 60, N).clip(-63.1, 63.1).round(decimals)
        model = _fit(pd.Series(values).astype(dtype), column)
        for value in model.sample(12)["c"].unique():
            assert (model.sample(1, conditions={"c": value}, random_state=0)["c"] == value).all()

    @pytest.mark.parametrize("name", ["float16", "float32", "float[pyarrow]"])
    def test_declared_bounds_and_rules_hold_at_their_ends(self, name):
        column = Numeric(name="c", bounds=(0.1, 0.3), decimals=1, out_of_range="error")
        series = TAKEN[name].where(TAKEN[name].isna() | ((CODES > 0) & (CODES < 4)))
        table = pd.DataFrame({"c": series})
        check_table(table, Schema(columns=[column]))
        tables = prepare(table, table, table, Schema(columns=[column]))
        assert check_columns(tables)["c"].valid == 1.0
        for rule in (Inequality(0.1, "c"), Inequality("c", 0.3)):
            assert keeps_rules([rule], [column], table, []).all()


class TestLargeIntegers:
    @pytest.mark.parametrize("dtype", ["int64", "uint64", "Int64", "int64[pyarrow]", "object"])
    def test_are_told_of(self, dtype, caplog):
        series = pd.Series([2**60 + code for code in CODES.tolist()], dtype=dtype)
        with caplog.at_level(logging.WARNING):
            _fit(series)
        assert "c: it has integers of 2**53 or beyond, which are not kept exactly" in caplog.text

    def test_others_are_not(self, caplog):
        with caplog.at_level(logging.WARNING):
            _fit(pd.Series([2**40 + code for code in CODES.tolist()]))
        assert "2**53" not in caplog.text

    @pytest.mark.parametrize("dtype", ["int64", "uint64", "Int64", "object"])
    def test_are_exact_as_categories(self, dtype):
        series = pd.Series([2**60 + code for code in CODES.tolist()], dtype=dtype)
        assert set(_fit(series, Categorical(name="c")).sample(N)["c"]) <= set(series)

    def test_are_text_in_a_csv(self):
        series = pd.Series([str(10**17 + code) for code in CODES.tolist()], dtype=object)
        assert set(_fit(series, untyped_text=True).sample(N)["c"]) <= set(series)

    def test_a_draft_calls_them_keys(self):
        drafted = draft_schema(pd.DataFrame({"c": pd.Series(np.arange(2**60, 2**60 + N))}))
        assert drafted["c"].kind == "identifier"
