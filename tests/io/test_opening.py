"""Sources of all kinds behind one protocol: columns and dtypes before any row, and never a cell in an error."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.dataset import CsvFileFormat, dataset

import tabgan
from tabgan import Categorical, Numeric, Schema
from tabgan.errors import ConfigError, DataError, SourceError
from tabgan.io import arrow_source, data_source, file_source, opening
from tabgan.io.arrow_source import frames_of
from tabgan.io.data_source import in_one_frame
from tabgan.io.opening import as_frame, for_fit, open_table
from tabgan.table.partitions import FrameParts, Partitions

SECRET = "4711-secret"

TABLE = pa.table(
    {
        "age": pa.array([31, None, 7], pa.int16()),
        "name": pa.array(["a", None, SECRET]),
        "town": pa.array(["x", "y", None]).dictionary_encode(),
        "born": pa.array([dt.date(2000, 1, 1), None, dt.date(1990, 5, 5)]),
        "price": pa.array([Decimal("1.50"), None, Decimal("2.00")], pa.decimal128(9, 2)),
        "seen": pa.array([0, 1, None], pa.timestamp("us", "Europe/Zurich")),
    }
)

DTYPES = {
    "age": "Int16",
    "name": "object",
    "town": "object",
    "born": "object",
    "price": "object",
    "seen": "datetime64[us, Europe/Zurich]",
}


class CStream:
    """A table of a library that nobody here knows."""

    def __arrow_c_stream__(self, requested_schema=None):
        return TABLE.__arrow_c_stream__(requested_schema)


def _dtypes(df):
    return df.dtypes.astype(str).to_dict()


ARROW = {
    "table": lambda: TABLE,
    "batch": lambda: TABLE.combine_chunks().to_batches()[0],
    "reader": lambda: TABLE.to_reader(),
    "stream": CStream,
    "dataset": lambda: dataset(TABLE),
}


class TestArrow:
    @pytest.mark.parametrize("kind", ARROW)
    def test_header_parts_and_kind_of_answer(self, kind):
        source = open_table(ARROW[kind]())
        assert isinstance(source, Partitions)
        assert len(source.header) == 0
        assert _dtypes(source.header) == DTYPES
        whole = in_one_frame(source)
        assert _dtypes(whole) == DTYPES
        assert whole["price"].tolist() == [Decimal("1.50"), None, Decimal("2.00")]
        assert source.answer.kind == "arrow"
        assert not source.untyped_text

    @pytest.mark.parametrize("kind", ["reader", "stream"])
    def test_a_stream_is_read_once(self, kind):
        source = open_table(ARROW[kind]())
        assert not source.is_rereadable
        list(source)
        with pytest.raises(SourceError, match="it can be read once, and was"):
            list(source)

    def test_others_are_read_as_often_as_need_be(self):
        source = open_table(TABLE)
        assert source.is_rereadable
        pd.testing.assert_frame_equal(in_one_frame(source), in_one_frame(source))

    def test_small_batches_are_joined_and_large_ones_cut(self, monkeypatch):
        monkeypatch.setattr("tabgan.io.arrow_source.PART_ROWS", 4)
        table = pa.table({"a": range(11)})
        batches = [*table.slice(0, 3).to_batches(max_chunksize=1), *table.slice(3).to_batches()]
        assert [frame["a"].tolist() for frame in frames_of(batches, table.schema)] == [
            [0, 1, 2],
            [3, 4, 5, 6],
            [7, 8, 9, 10],
        ]

    @pytest.mark.parametrize("type_", [pa.list_(pa.int8()), pa.binary(), pa.struct([("x", pa.int8())])])
    def test_a_type_that_no_fit_takes_is_refused_before_a_row_is_read(self, type_):
        def read():
            pytest.fail("read")
            yield

        reader = pa.RecordBatchReader.from_batches(pa.schema([("a", type_)]), read())
        with pytest.raises(DataError, match=r"Column 'a': stored as .* not supported\. Convert or drop it"):
            open_table(reader)

    def test_types_that_arrow_guesses_from_rows_are_refused(self, tmp_path):
        (tmp_path / "a.csv").write_text("a\n1\n")
        with pytest.raises(ConfigError, match="csv files has types that Arrow guesses from rows"):
            open_table(dataset(tmp_path, format=CsvFileFormat()))

    def test_an_error_of_a_reader_is_told_without_its_message(self):
        def read():
            yield TABLE.to_batches()[0]
            raise ValueError(SECRET)

        source = open_table(pa.RecordBatchReader.from_batches(TABLE.schema, read()))
        with pytest.raises(SourceError, match=r"Arrow stream: reading it stopped \(") as caught:
            list(source)
        assert (
            SECRET
            not in f"{caught.value}{caught.value.__notes__ if hasattr(caught.value, '__notes__') else ''}"
        )

    def test_the_label_of_a_synthetic_table_is_read(self):
        labelled = TABLE.replace_schema_metadata({"tabgan.synthetic": '{"tabgan": "0"}'})
        assert open_table(labelled).header.attrs == {"tabgan.synthetic": {"tabgan": "0"}}
        assert in_one_frame(open_table(labelled)).attrs == {}  # one part; the header has it


class TestFrames:
    def test_a_pandas_frame_is_itself(self, people):
        assert in_one_frame(open_table(people)) is people
        assert as_frame(people) is people

    def test_declared_dtypes_leave_a_frame_as_it_is(self, people):
        schema = Schema([Numeric(name="age", dtype="float64")])
        assert in_one_frame(open_table(people, schema=schema)) is people

    def test_a_table_in_parts(self, people):
        source = open_table(FrameParts(people, 7))
        pd.testing.assert_frame_equal(in_one_frame(source), people)

    def test_a_part_with_other_dtypes_is_refused(self):
        source = open_table(FrameParts(pd.DataFrame({"a": [1, 2]})))
        changed = data_source.replace(source, parts=lambda: [pd.DataFrame({"a": ["x"]})])
        with pytest.raises(DataError, match="Part 1 of the table, column 'a': expected dtype int64"):
            list(changed)

    def test_no_part_at_all(self):
        assert len(in_one_frame(open_table(TABLE.slice(0, 0)))) == 0

    @pytest.mark.parametrize("odd", [[1], {"a": [1]}, np.zeros(3), 7, pd.Series([SECRET])], ids=type)
    def test_anything_else_is_refused(self, odd):
        with pytest.raises(DataError, match="expected a pandas DataFrame, got") as caught:
            open_table(odd)
        assert SECRET not in str(caught.value)

    def test_text_of_several_lines_is_no_path(self):
        with pytest.raises(DataError, match="expected a path, got text of several lines") as caught:
            open_table(f"a,b\n{SECRET},2")
        assert SECRET not in str(caught.value)

    @pytest.mark.parametrize(
        ("given", "what"),
        [({"query": "select 1"}, "a database"), ({"sheet": 0}, "a path"), ({"format": "csv"}, "a path")],
    )
    def test_an_argument_that_does_not_go_with_it(self, people, given, what):
        with pytest.raises(ConfigError, match=f"{next(iter(given))}: expected {what} with it"):
            open_table(people, **given)


class TestPolars:
    @pytest.fixture
    def pl(self):
        return pytest.importorskip("polars", reason="polars is not installed (extra polars)")

    @pytest.mark.parametrize("is_lazy", [False, True])
    def test_frame(self, pl, is_lazy):
        frame = pl.from_arrow(TABLE)
        source = open_table(frame.lazy() if is_lazy else frame)
        assert _dtypes(source.header) == DTYPES
        pd.testing.assert_frame_equal(in_one_frame(source), in_one_frame(open_table(TABLE)))
        assert source.answer.kind == "polars"

    def test_a_lazy_frame_is_computed_in_batches(self, pl, monkeypatch):
        monkeypatch.setattr("tabgan.io.arrow_source.PART_ROWS", 10)
        source = open_table(pl.LazyFrame({"a": range(95)}).filter(pl.col("a") >= 5))
        assert not source.is_rereadable
        parts = list(source)
        assert len(parts) > 1
        assert sorted(pd.concat(parts)["a"]) == list(range(5, 95))

    @pytest.mark.parametrize("dtype", ["Object", "Int128"])
    def test_a_column_that_arrow_does_not_know_is_refused(self, pl, dtype):
        frame = pl.DataFrame({"a": pl.Series([1], dtype=getattr(pl, dtype))})
        with pytest.raises(DataError, match=f"Column 'a': a Polars column of type {dtype}"):
            open_table(frame)

    def test_rows_of_a_query_that_ends_early_are_missed(self, pl, tmp_path):
        """A thread of Polars panics over a file that is shorter than it was, and its batches end without an error."""
        for number in range(6):
            pl.DataFrame({"a": [f"{number} {row}" for row in range(900)]}).write_parquet(
                tmp_path / f"{number}.parquet"
            )
        source = open_table(pl.scan_parquet(tmp_path / "*.parquet"))
        pl.DataFrame({"a": ["x"]}).write_parquet(tmp_path / "3.parquet")
        with pytest.raises(SourceError, match="Polars LazyFrame"):
            in_one_frame(source)

    def test_the_row_that_ends_a_query_is_no_row(self, pl):
        frame = pl.LazyFrame({"end of the rows": [1, 2], "b": [None, "x"]})
        assert in_one_frame(open_table(frame))["end of the rows"].tolist() == [1, 2]
        assert in_one_frame(open_table(frame.limit(0))).empty

    def test_an_error_of_a_query_is_told_without_its_message(self, pl):
        frame = pl.LazyFrame({"a": [SECRET]}).select(pl.col("a").cast(pl.Int64))
        with pytest.raises(SourceError, match="Polars LazyFrame: reading it stopped") as caught:
            list(open_table(frame))
        assert SECRET not in str(caught.value)

    def test_narwhals(self, pl):
        nw = pytest.importorskip("narwhals")
        assert open_table(nw.from_native(pl.from_arrow(TABLE))).answer.kind == "polars"
        assert open_table(nw.from_native(pl.LazyFrame({"a": [1]}))).answer.kind == "polars"
        df = pd.DataFrame({"a": [1]})
        assert in_one_frame(open_table(nw.from_native(df))) is df


class TestDuckdb:
    @pytest.fixture
    def duckdb(self):
        return pytest.importorskip("duckdb", reason="duckdb is not installed (extra duckdb)")

    def test_relation(self, duckdb):
        source = open_table(duckdb.sql("select range::integer as a, 'x' || range as b from range(5)"))
        assert _dtypes(source.header) == {"a": "Int32", "b": "object"}
        assert source.answer.kind == "duckdb"
        assert in_one_frame(source)["b"].tolist() == ["x0", "x1", "x2", "x3", "x4"]

    @pytest.mark.family
    def test_a_sample_is_a_relation_again(self, duckdb, tmp_path):
        rows = duckdb.sql("select (range % 40)::smallint as age, 'x' || range % 3 as town from range(900)")
        model = tabgan.TabGAN(3.0, random_state=0).fit(rows)
        sample = model.sample(50)
        assert type(sample) is type(rows)
        assert sample.columns == rows.columns
        assert sample.types == rows.types
        assert duckdb.sql("select count(*) from sample").fetchall() == [(50,)]
        model.save(tmp_path / "m.tabgan")
        again = tabgan.TabGAN.load(tmp_path / "m.tabgan").sample(50)
        assert again.fetchall() == model.sample(50, as_="duckdb").fetchall() == sample.fetchall()
        assert isinstance(model.sample(5, as_="pandas"), pd.DataFrame)

    def test_connection_and_file(self, duckdb, tmp_path):
        with duckdb.connect(str(tmp_path / "t.duckdb")) as connection:
            connection.execute("create table people as select 7 as age")
            assert in_one_frame(open_table(connection, table="people"))["age"].tolist() == [7]
            assert open_table(connection, table="people").answer.kind == "pandas"
            assert in_one_frame(open_table(connection, query="select age + 1 as b from people"))["b"][0] == 8
        assert in_one_frame(open_table(tmp_path / "t.duckdb", table="people"))["age"].tolist() == [7]

    def test_a_query_that_it_refuses(self, duckdb):
        with pytest.raises(
            SourceError, match=r"DuckDB: it refuses the query or the table \(ParserException\)"
        ):
            open_table(duckdb.connect(), query="selec 1")


class TestWithoutTheExtra:
    @pytest.mark.parametrize(
        ("name", "extra", "given"),
        [
            ("t.db", "sql", {"table": "t"}),
            ("t.duckdb", "duckdb", {"table": "t"}),
            ("t.xlsx", "excel", {}),
        ],
    )
    def test_its_name_is_told(self, tmp_path, monkeypatch, name, extra, given):
        def absent(name):
            raise ImportError

        monkeypatch.setattr("tabgan.io.answers.importlib.import_module", absent)
        (tmp_path / name).touch()
        with pytest.raises(ConfigError, match=rf"not installed\. Run pip install 'tabgan-dp\[{extra}\]'"):
            open_table(tmp_path / name, **given)


def test_the_package_has_it():
    assert tabgan.open_table is open_table


def test_as_frame_reads_text_as_the_columns_of_a_schema(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,x\n2,y\n")
    schema = Schema([Numeric(name="a", dtype="int64"), Categorical(name="b")])
    assert as_frame(str(tmp_path / "t.csv"), schema).to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}
    pq.write_table(pa.table({"a": [1]}), tmp_path / "t.parquet")
    assert as_frame(Path(tmp_path / "t.parquet"))["a"].tolist() == [1]


def test_a_source_that_can_be_read_once_is_fitted_small_and_large(monkeypatch):
    """The parts that told its size are not read again."""
    frame = pd.DataFrame({"x": range(10), "y": list("ab") * 5})

    def once():
        return replace(open_table(FrameParts(frame, 4)), is_rereadable=False)

    with for_fit(once(), Schema()) as small:
        pd.testing.assert_frame_equal(small, frame)
    monkeypatch.setattr(opening, "MOST_IN_MEMORY", 5)
    with for_fit(once(), Schema()) as large:
        pd.testing.assert_frame_equal(pd.concat(list(large.frames()), ignore_index=True), frame)


class TestProgress:
    """Reading tells its rows against those that the source, or else the schema, says to have."""

    def told(self, source, declared=None):
        calls = []
        list(open_table(source).told(lambda *told: calls.append(told), declared))
        assert calls[0] == ("read", 0, 1)
        assert calls[-1] == ("read", 1, 1)
        return calls[1:-1]

    @pytest.fixture(autouse=True)
    def _small_parts(self, monkeypatch):
        for module in (file_source, arrow_source):
            monkeypatch.setattr(module, "PART_ROWS", 2_500)

    def test_files_know_it_by_their_footers(self, tmp_path):
        df = pd.DataFrame({"a": range(5_100)})
        for name in ("1", "2"):
            df.to_parquet(tmp_path / f"{name}.parquet")
        told = self.told(tmp_path)
        assert told[0] == ("read", 2_000, 11_000)
        assert len(told) >= 4
        assert self.told(dataset(str(tmp_path))) == told
        assert self.told(pa.Table.from_pandas(df))[0] == ("read", 2_000, 6_000)

    def test_a_text_file_does_not_and_the_schema_may_declare_it(self, tmp_path):
        pd.DataFrame({"a": range(5_100)}).to_csv(tmp_path / "a.csv", index=False)
        assert self.told(tmp_path / "a.csv") == [("read", 2_000, 0), ("read", 5_000, 0)]
        assert self.told(tmp_path / "a.csv", 9_000) == [("read", 2_000, 9_000), ("read", 5_000, 9_000)]

    def test_one_part_tells_no_number(self, people):
        assert self.told(people) == []
        assert self.told(TABLE) == []

    def test_a_footer_that_cannot_be_read_is_no_error(self):
        def lost():
            raise OSError("gone")

        assert self.told(replace(open_table(TABLE), n_rows=lost)) == []
