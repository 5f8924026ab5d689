"""Tables that no fit takes, and that no message quotes."""

from __future__ import annotations

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import pytest

from tabgan.errors import DataError, SchemaError
from tabgan.schema import Boolean, Categorical, Datetime, Identifier, Numeric, Schema
from tabgan.table.checks import check_table

SECRET = "Zanzibar-4711"


AWARE = dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC)


class Odd:
    def __repr__(self):
        return SECRET


def _objects(*values):
    return pd.DataFrame({"a": pd.Series(list(values), dtype=object), "b": 1.0})


class TestTable:
    @pytest.mark.parametrize("table", [[[SECRET]], {"a": [SECRET]}, np.array([[1]]), None, SECRET])
    def test_no_frame(self, table):
        with pytest.raises(DataError, match=f"fit: expected a pandas DataFrame, got {type(table).__name__}"):
            check_table(table, Schema())

    def test_no_rows(self):
        with pytest.raises(DataError, match="expected a table with rows"):
            check_table(pd.DataFrame({"a": []}), Schema())

    def test_no_columns(self):
        with pytest.raises(DataError, match="expected a table with columns"):
            check_table(pd.DataFrame(index=[SECRET]), Schema())

    def test_very_many_columns(self):
        check_table(pd.DataFrame(np.zeros((1, 1_000))).add_prefix("x"), Schema())
        with pytest.raises(DataError, match="expected at most 1,000 columns, found 1,001. Drop those"):
            check_table(pd.DataFrame(np.zeros((1, 1_001))).add_prefix("x"), Schema())

    def test_repeated_names(self):
        with pytest.raises(DataError, match="column names repeat: 'a', 'c'. Rename or drop them"):
            check_table(pd.DataFrame([[SECRET] * 5], columns=["c", "a", "b", "a", "c"]), Schema())

    @pytest.mark.parametrize("names", [[0, 1], ["a", 1], ["a", None], [("a", "b"), ("a", "c")]])
    def test_names_that_are_no_text(self, names):
        with pytest.raises(DataError, match="expected column names that are text. Use df.columns"):
            check_table(pd.DataFrame([[SECRET, SECRET]], columns=names), Schema())

    def test_column_that_the_table_lacks(self):
        with pytest.raises(SchemaError, match="Column 'agee': in the schema.*Did you mean 'age'"):
            check_table(pd.DataFrame({"age": [1]}), Schema([Boolean(name="agee")]))

    def test_target_that_the_table_lacks(self):
        with pytest.raises(SchemaError, match="target: no column 'agee'. Did you mean 'age'"):
            check_table(pd.DataFrame({"age": [1]}), Schema(target="agee"))


class TestTypes:
    @pytest.mark.parametrize(
        "series",
        [
            pd.Series([1 + 2j]),
            pd.Series(pd.period_range("2024", periods=1)),
            pd.Series(pd.arrays.SparseArray([4711])),
            pd.Series(pd.interval_range(0, 4711, periods=1)),
            pd.Series(pd.cut([1.0, 4711.0], 2)),
            pd.Series(pd.Categorical(pd.to_datetime(["2024-01-01"]))),
        ],
        ids=lambda series: str(series.dtype),
    )
    def test_dtypes_that_are_not_supported(self, series):
        with pytest.raises(DataError, match=r"Column 'a': .*Convert") as caught:
            check_table(pd.DataFrame({"a": series}), Schema())
        assert "4711" not in str(caught.value)

    @pytest.mark.parametrize(
        "value",
        [[SECRET], (SECRET,), {SECRET: 1}, SECRET.encode(), Odd()],
    )
    def test_objects_that_are_not_supported(self, value):
        with pytest.raises(DataError, match="Column 'a': .* found values of another type") as caught:
            check_table(_objects("x", value), Schema())
        assert SECRET not in str(caught.value)

    def test_complex_numbers_in_objects(self):
        with pytest.raises(DataError, match="Column 'a': .* found values of another type"):
            check_table(_objects(1j), Schema())

    @pytest.mark.parametrize(
        ("values", "found"),
        [
            ((SECRET, 1), "numbers and text"),
            ((True, 1), "booleans and numbers"),
            ((SECRET, dt.date(2024, 1, 1)), "dates and text"),
            ((dt.datetime(2024, 1, 1), dt.date(2024, 1, 1)), "dates and datetimes"),
        ],
    )
    def test_mixed(self, values, found):
        with pytest.raises(
            DataError, match=f"Column 'a': expected values of one kind, found {found}"
        ) as caught:
            check_table(_objects(*values, None), Schema())
        assert SECRET not in str(caught.value)

    @pytest.mark.parametrize(
        ("values", "found"),
        [
            ((AWARE, None), "datetimes with a time zone"),
            ((AWARE, AWARE.astimezone(dt.timezone(dt.timedelta(hours=3)))), "datetimes with a time zone"),
            ((dt.time(9, tzinfo=dt.UTC), None), "times of day with a time zone"),
        ],
    )
    def test_zones_that_objects_cannot_keep(self, values, found):
        with pytest.raises(DataError, match=f"Column 'a': {found} stand as objects") as caught:
            check_table(_objects(*values), Schema())
        assert "2024" not in str(caught.value)

    def test_moments_with_and_without_a_zone(self):
        with pytest.raises(DataError, match="found datetimes and datetimes with a time zone"):
            check_table(_objects(AWARE, AWARE.replace(tzinfo=None)), Schema())

    def test_a_declared_zone_takes_moments_that_say_theirs(self):
        table = _objects(AWARE, None)
        check_table(table, Schema([Datetime(name="a", dtype="datetime64[ns, UTC]")]))
        with pytest.raises(SchemaError, match="Declare a dtype with a zone"):
            check_table(table, Schema([Datetime(name="a")]))

    @pytest.mark.parametrize("dtype", ["float64", "float32", "Float64", "double[pyarrow]"])
    def test_infinities(self, dtype):
        with pytest.raises(DataError, match="Column 'a': values are infinite. Replace them"):
            check_table(pd.DataFrame({"a": pd.Series([1, np.inf, -np.inf], dtype=dtype)}), Schema())

    @pytest.mark.parametrize(
        "values",
        [
            (SECRET, None, np.nan),
            (1, 2.5, np.int8(3), decimal.Decimal("1.5"), None),
            (True, np.bool_(False), pd.NA),
            (dt.date(2024, 1, 1), pd.NaT),
            (None, None),
        ],
    )
    def test_objects_of_one_kind_pass(self, values):
        check_table(_objects(*values), Schema())


KINDS = {
    "numeric": Numeric,
    "boolean": Boolean,
    "datetime": Datetime,
    "categorical": Categorical,
    "identifier": Identifier,
}


class TestKinds:
    @pytest.mark.parametrize(
        ("kind", "values"),
        [
            ("numeric", pd.Series([SECRET])),
            ("numeric", pd.Series(pd.to_datetime(["2024-01-01"]))),
            ("boolean", pd.Series([4711])),
            ("boolean", pd.Series([SECRET])),
            ("datetime", pd.Series([4711])),
            ("datetime", pd.Series([SECRET])),
            ("datetime", pd.Series([True])),
            ("categorical", pd.Series(pd.to_datetime(["2024-01-01"]))),
            ("categorical", pd.Series([dt.date(2024, 1, 1)])),
        ],
    )
    def test_that_the_values_cannot_be(self, kind, values):
        with pytest.raises(SchemaError, match=f"Column 'a': declared as {kind}, which takes") as caught:
            check_table(pd.DataFrame({"a": values}), Schema([KINDS[kind](name="a")]))
        assert SECRET not in str(caught.value)
        assert "4711" not in str(caught.value)

    def test_text_moments_need_a_format(self):
        df = pd.DataFrame({"a": ["2024-01-01"]})
        with pytest.raises(SchemaError, match="Set format, such as '%Y-%m-%d'"):
            check_table(df, Schema([Datetime(name="a")]))
        check_table(df, Schema([Datetime(name="a", format="%Y-%m-%d")]))

    @pytest.mark.parametrize(
        ("column", "values"),
        [
            (Numeric(name="a", dtype="object"), [1]),
            (Numeric(name="a"), [True, False]),
            (Numeric(name="a", dtype="int16"), [1.0]),
            (Boolean(name="a", dtype="boolean"), [True]),
            (Datetime(name="a", dtype="string", format="%Y"), ["2024"]),
            (Datetime(name="a", dtype="datetime64[s]"), [dt.date(2024, 1, 1)]),
            (Categorical(name="a", dtype="category"), [1]),
            (Categorical(name="a", dtype="string", categories=("1", "2")), ["1"]),
            (Identifier(name="a", dtype="string"), [1]),
            (Identifier(name="a", dtype="int64"), ["x"]),
        ],
    )
    def test_that_go_with_the_dtype(self, column, values):
        check_table(pd.DataFrame({"a": values}), Schema([column]))

    @pytest.mark.parametrize(
        ("column", "values"),
        [
            (Numeric(name="a", dtype="string"), [1]),
            (Numeric(name="a", dtype="category"), [1]),
            (Boolean(name="a", dtype="int64"), [True]),
            (Datetime(name="a", dtype="int64"), [dt.date(2024, 1, 1)]),
            (Datetime(name="a", dtype="datetime64[ns]", format="%Y"), ["2024"]),
            (Categorical(name="a", dtype="int64", categories=("x",)), [1]),
            (Identifier(name="a", dtype="bool"), [1]),
            (Identifier(name="a", dtype="datetime64[ns]"), [1]),
            (Identifier(name="a", dtype="category"), [1]),
        ],
    )
    def test_that_the_dtype_cannot_hold(self, column, values):
        with pytest.raises(
            SchemaError, match=rf"Column 'a': dtype {column.dtype.replace('[', '.')[:5]}.*cannot hold"
        ):
            check_table(pd.DataFrame({"a": values}), Schema([column]))

    @pytest.mark.parametrize(
        ("values", "categories", "untyped_text"),
        [
            ([1, 2], ("1", "2"), False),
            (["1", "2"], (1, 2), False),
            ([1.5, 2.5], (True, False), False),
            ([True, False], (0, 1), False),
            (pd.Series([1, 2], dtype=object), ("1", "2"), True),
        ],
    )
    def test_categories_of_another_type_than_the_cells(self, values, categories, untyped_text):
        """They would match nothing, and samples would be noise."""
        schema = Schema([Categorical(name="a", categories=categories)])
        with pytest.raises(SchemaError, match="Column 'a'.*declared as categorical.*Write the categories as"):
            check_table(pd.DataFrame({"a": values}), schema, untyped_text=untyped_text)

    def test_categories_that_a_declared_dtype_would_change(self):
        schema = Schema([Categorical(name="a", dtype="int64", categories=(1.5, 2))])
        with pytest.raises(SchemaError, match="dtype int64 cannot hold"):
            check_table(pd.DataFrame({"a": [1, 2]}), schema)

    @pytest.mark.parametrize(
        ("column", "dtype"),
        [
            (Numeric(name="a", bounds=(0, 128)), "int8"),
            (Numeric(name="a", bounds=(-1, 10)), "UInt8"),
            (Numeric(name="a", bounds=(0, 1e5)), "float16"),
            (Datetime(name="a", bounds=("1500-01-01", "2000-01-01")), "datetime64[ns]"),
        ],
    )
    def test_bounds_that_the_dtype_cannot_hold(self, column, dtype):
        with pytest.raises(SchemaError, match=rf"Column 'a': bounds: dtype {dtype[:6]}.* cannot hold \["):
            check_table(pd.DataFrame({"a": pd.Series([1], dtype=dtype)}), Schema([column]))

    @pytest.mark.parametrize("dtype", ["int64", "Int8"])
    def test_decimals_that_the_dtype_cannot_hold(self, dtype):
        with pytest.raises(SchemaError, match=f"Column 'a': decimals: 2 do not go with dtype {dtype}. Use 0"):
            check_table(
                pd.DataFrame({"a": pd.Series([1], dtype=dtype)}), Schema([Numeric(name="a", decimals=2)])
            )


class TestValues:
    """Values that a declaration refuses are refused before anything is spent, each by itself."""

    @pytest.mark.parametrize(
        ("column", "values", "message"),
        [
            (
                Numeric(name="a", bounds=(0, 9), decimals=0, out_of_range="error"),
                [4711, 3],
                "outside the declared bounds",
            ),
            (Numeric(name="a", bounds=(0, 9), out_of_range="error"), [9.5, 3], "outside the declared bounds"),
            (Numeric(name="a", nullable=False), [1.0, None], "nullable: false"),
            (
                Categorical(name="a", categories=("x",), unknown="error"),
                ["x", SECRET],
                "not among the schema's categories",
            ),
            (Datetime(name="a", format="%Y-%m-%d"), ["2024-01-31", SECRET], "expected text in the format"),
            (
                Datetime(name="a", bounds=("2024-01-01", "2024-12-31"), out_of_range="error"),
                [dt.date(2023, 12, 31)],
                "outside the declared bounds",
            ),
        ],
    )
    def test_refused(self, column, values, message):
        with pytest.raises(DataError, match=f"Column 'a': .*{message}") as caught:
            check_table(pd.DataFrame({"a": pd.Series(values, dtype=object)}), Schema([column]))
        assert SECRET not in str(caught.value)
        assert "4711" not in str(caught.value)

    @pytest.mark.parametrize(
        ("column", "values"),
        [
            (Numeric(name="a", bounds=(0, 9), decimals=0, out_of_range="error"), [0, 9]),
            (Numeric(name="a", nullable=True), [1.0, None]),
            (Categorical(name="a", categories=("x",)), ["x", SECRET]),
            (Categorical(name="a", categories=(1, 2), unknown="error"), [1.0, 2.0, None]),
            (Datetime(name="a", format="%Y-%m-%d"), ["2024-01-31", "9999-12-31", None]),
        ],
    )
    def test_taken(self, column, values):
        check_table(pd.DataFrame({"a": pd.Series(values, dtype=object)}), Schema([column]))

    @pytest.mark.parametrize(
        ("column", "key"),
        [
            (Numeric(name="a", out_of_range="error"), "bounds"),
            (Categorical(name="a", unknown="error"), "categories"),
        ],
    )
    def test_refusing_needs_a_domain_to_refuse_by(self, column, key):
        """Released bounds are noise: what they leave out says nothing of the declaration."""
        with pytest.raises(SchemaError, match=f"needs {key}"):
            check_table(pd.DataFrame({"a": pd.Series([1, 2], dtype=object)}), Schema([column]))

    def test_text_stands_for_numbers_only_where_it_may(self):
        df = pd.DataFrame({"a": ["1", "2"]})
        schema = Schema([Numeric(name="a", bounds=(0, 9))])
        with pytest.raises(SchemaError, match="declared as numeric"):
            check_table(df, schema)
        check_table(df, schema, untyped_text=True)
        with pytest.raises(DataError, match="expected numbers") as caught:
            check_table(pd.DataFrame({"a": ["1", SECRET]}), schema, untyped_text=True)
        assert SECRET not in str(caught.value)
