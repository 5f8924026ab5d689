"""Files, folders, patterns and addresses as sources."""

from __future__ import annotations

import gzip
import os
import time
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from tabgan import Categorical, Numeric, Schema, TabGAN
from tabgan.errors import ConfigError, DataError, SourceError
from tabgan.io import arrow_source, file_source, remote
from tabgan.io.data_source import in_one_frame
from tabgan.io.opening import open_table
from tabgan.io.remote import told_url

SECRET = "4711-secret"


@pytest.fixture
def memory():
    fsspec = pytest.importorskip("fsspec")
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    return fs


def _table(source):
    return in_one_frame(source).to_dict("list")


def _text(df):
    return df.dtypes.astype(str).to_dict()


class TestCsvFolder:
    def test_files_in_the_order_of_their_names_in_the_declared_form(self, tmp_path):
        (tmp_path / "b.csv").write_bytes("Größe;n\n1.000,5;x\n".encode("cp1252"))
        with gzip.open(tmp_path / "a.csv.gz", "wb") as file:
            file.write('Größe;n\n"2,5";"é;"\n'.encode("cp1252"))
        schema = Schema([Numeric(name="Größe", dtype="float64")])
        source = open_table(tmp_path, encoding="cp1252", decimal=",", schema=schema)
        assert source.untyped_text
        assert source.form["separator"] == ";"
        assert _text(source.header) == {"Größe": "float64", "n": "object"}
        assert _table(source) == {"Größe": [2.5, 1000.5], "n": ["é;", "x"]}

    def test_parts_have_the_rows_of_the_whole(self, tmp_path, monkeypatch):
        monkeypatch.setattr(file_source, "PART_ROWS", 3)
        pd.DataFrame({"a": range(8), "b": "x"}).to_csv(tmp_path / "t.csv", index=False)
        source = open_table(tmp_path / "t.csv")
        assert [len(part) for part in source] == [3, 3, 2]
        assert _table(source)["a"] == [str(i) for i in range(8)]

    @pytest.mark.parametrize(
        ("second", "problem"),
        [
            ("a\n1\n", "Column 'self': 'b.csv' lacks it, and 'a.csv' has it"),
            ("a,self,c\n1,2,3\n", "Column 'c': 'b.csv' has it, and 'a.csv' does not"),
            ("self,a\n1,2\n", "'b.csv' has the columns of 'a.csv' in another order"),
        ],
    )
    def test_columns_that_differ_are_told_before_a_row_is_read(self, tmp_path, second, problem):
        (tmp_path / "a.csv").write_text("a,self\n1,2\n")
        (tmp_path / "b.csv").write_text(second)
        with pytest.raises(DataError, match=problem):
            open_table(tmp_path)

    def test_hive_folders_are_columns_of_text(self, tmp_path):
        for name, cell in (("self=2020", 1), ("self=a%20b", 2), ("self=__HIVE_DEFAULT_PARTITION__", 3)):
            (tmp_path / name).mkdir()
            (tmp_path / name / "t.csv").write_text(f"a\n{cell}\n")
        df = in_one_frame(open_table(tmp_path)).sort_values("a")
        assert df["self"].fillna("").tolist() == ["2020", "a b", ""]

    def test_a_row_that_is_no_row_names_its_file_and_no_cell(self, tmp_path):
        (tmp_path / "a.csv").write_text("a,b\n1,2\n")
        (tmp_path / "b.csv").write_text(f"a,b\n{SECRET},2,3\n")
        with pytest.raises(DataError, match=r"b\.csv' is not a readable csv file: line 2") as caught:
            list(open_table(tmp_path))
        assert SECRET not in str(caught.value)

    def test_categories_do_not_follow_from_rows(self, tmp_path):
        (tmp_path / "a.csv").write_text("a\nx\ny\n")
        schema = Schema([Categorical(name="a", dtype="category")])
        assert _text(open_table(tmp_path, schema=schema).header) == {"a": "object"}

    def test_a_dtype_that_cells_do_not_fit(self, tmp_path):
        (tmp_path / "a.csv").write_text(f"a\n1\n{SECRET}\n")
        with pytest.raises(DataError, match="Column 'a': its values cannot be read as int64") as caught:
            list(open_table(tmp_path, dtypes={"a": "int64"}))
        assert SECRET not in str(caught.value)


class TestTypedFolder:
    @pytest.mark.parametrize("suffix", ["parquet", "arrow"])
    def test_folder(self, tmp_path, suffix):
        write = pq.write_table if suffix == "parquet" else pyarrow.feather.write_feather
        for year in (2020, 2021):
            (tmp_path / f"year={year}").mkdir()
            write(
                pa.table({"a": pa.array([year, None], pa.int64())}),
                tmp_path / f"year={year}" / f"t.{suffix}",
            )
        (tmp_path / "_SUCCESS").touch()
        (tmp_path / ".part.crc").touch()
        source = open_table(tmp_path)
        assert _text(source.header) == {"a": "Int64", "year": "object"}
        assert in_one_frame(source)["year"].tolist() == ["2020", "2020", "2021", "2021"]
        assert source.answer.kind == "pandas"

    def test_types_that_differ_are_told_before_a_row_is_read(self, tmp_path):
        pq.write_table(pa.table({"a": [1]}), tmp_path / "0.parquet")
        pq.write_table(pa.table({"a": ["x"]}), tmp_path / "1.parquet")
        with pytest.raises(
            DataError, match=r"Column 'a': .* int64 and as string \('0\.parquet' and '1\.parquet'\)"
        ):
            open_table(tmp_path)

    def test_a_damaged_file(self, tmp_path):
        pq.write_table(pa.table({"a": [1]}), tmp_path / "0.parquet")
        (tmp_path / "1.parquet").write_text(SECRET)
        with pytest.raises(DataError, match=r"1\.parquet' is not a readable parquet file") as caught:
            open_table(tmp_path)
        assert SECRET not in str(caught.value).replace(str(tmp_path), "")
        (tmp_path / "0.parquet").write_text(SECRET)
        with pytest.raises(DataError, match=r"0\.parquet' is not a readable parquet file"):
            open_table(tmp_path)

    def test_the_label_of_a_synthetic_table_is_read(self, tmp_path):
        table = pa.table({"a": [1]}).replace_schema_metadata({"tabgan.synthetic": "{}"})
        pq.write_table(table, tmp_path / "0.parquet")
        assert open_table(tmp_path).header.attrs == {"tabgan.synthetic": {}}


class TestWhichFiles:
    def test_pattern(self, tmp_path):
        for name in ("a1.csv", "a2.csv", "b.csv", "README.md"):
            (tmp_path / name).write_text(f"x\n{name}\n")
        assert _table(open_table(str(tmp_path / "a*.csv"))) == {"x": ["a1.csv", "a2.csv"]}
        with pytest.raises(ConfigError, match=r"no file '.*c\*\.csv'"):
            open_table(str(tmp_path / "c*.csv"))

    @pytest.mark.parametrize("other", ["README.md", "b.parquet"])
    def test_a_folder_of_mixed_files_is_refused(self, tmp_path, other):
        (tmp_path / "a.csv").write_text("x\n1\n")
        (tmp_path / other).touch()
        with pytest.raises(ConfigError, match=f"cannot tell the format of '{other}'.*by a pattern"):
            open_table(tmp_path)

    def test_an_empty_folder(self, tmp_path):
        with pytest.raises(ConfigError, match="holds no file"):
            open_table(tmp_path)

    def test_no_such_file(self, tmp_path):
        (tmp_path / "people.csv").touch()
        with pytest.raises(ConfigError, match="no file '.*peple.csv'. Did you mean 'people.csv'"):
            open_table(tmp_path / "peple.csv")

    def test_the_format_may_be_named(self, tmp_path):
        pq.write_table(pa.table({"a": [1]}), tmp_path / "part-0")
        assert _table(open_table(tmp_path, format="parquet")) == {"a": [1]}
        with pytest.raises(ConfigError, match="format: expected"):
            open_table(tmp_path, format="word")

    def test_an_unreadable_file_is_told_by_the_system(self, tmp_path):
        (tmp_path / "a.csv").write_text("x\n1\n")
        os.chmod(tmp_path / "a.csv", 0)
        if os.access(tmp_path / "a.csv", os.R_OK):
            pytest.skip("root reads everything")
        with pytest.raises(DataError, match="Permission denied"):
            open_table(tmp_path / "a.csv")


class TestAddresses:
    def test_parquet_folder(self, memory):
        for year in (1, 2):
            with memory.open(f"/people/y={year}/t.parquet", "wb") as file:
                pq.write_table(pa.table({"a": [year]}), file)
        assert _table(open_table("memory://people")) == {"a": [1, 2], "y": ["1", "2"]}
        assert _table(open_table("memory://people/*/t.parquet")) == {"a": [1, 2], "y": ["1", "2"]}
        assert _table(open_table("memory://people/y=2/t.parquet")) == {"a": [2]}

    def test_csv(self, memory):
        with memory.open("/people/t.csv.gz", "wb", compression="gzip") as file:
            file.write(b"a;b\n1;x\n")
        assert _table(open_table("memory://people/t.csv.gz")) == {"a": ["1"], "b": ["x"]}
        assert _table(open_table("memory://people", separator=";")) == {"a": ["1"], "b": ["x"]}

    def test_file(self, tmp_path):
        (tmp_path / "a b.csv").write_text("x\n1\n")
        assert _table(open_table(f"file://{tmp_path}/a%20b.csv")) == {"x": ["1"]}

    def test_no_such_file(self, memory):
        with pytest.raises(ConfigError, match="no file 'memory://nowhere.csv'"):
            open_table("memory://nowhere.csv")

    def test_a_file_that_goes_away(self, memory):
        with memory.open("/t.csv", "wb") as file:
            file.write(b"a\n1\n")
        source = open_table("memory://t.csv")
        memory.rm("/t.csv")
        with pytest.raises(SourceError, match=r"memory://t\.csv' has gone since it was opened"):
            list(source)

    def test_a_protocol_without_its_package(self):
        pytest.importorskip("fsspec")
        with pytest.raises(ConfigError, match="hdfs|gs|needs another package"):
            open_table("oci://bucket/folder")

    @pytest.mark.parametrize(
        ("url", "told"),
        [
            ("s3://bucket/folder", "s3://bucket/folder"),
            (f"ftp://me:{SECRET}@host/x.csv", "ftp://host/x.csv"),
            (f"https://host/x.csv?signature={SECRET}", "https://host/x.csv"),
            (f"postgresql://me:{SECRET}/@x@host:1/db?password={SECRET}", "postgresql://host:1/db"),
            (f"postgresql:///db?user=me&password={SECRET}", "postgresql:///db"),
            (f"postgresql://me:half?{SECRET}@host/db", "postgresql://…"),
            (f"ftp://me:half#{SECRET}@host/db", "ftp://…"),
            (f"postgresql://host/db?user=a@b&password={SECRET}", "postgresql://…"),
        ],
    )
    def test_no_password_is_told(self, url, told):
        assert told_url(url) == told


class TestExcel:
    @pytest.fixture
    def book(self, tmp_path):
        pytest.importorskip("openpyxl", reason="openpyxl is not installed (extra excel)")
        import openpyxl

        book = openpyxl.Workbook()
        sheet = book.active
        sheet.title = "people"
        sheet.append(["age", "name", None, "seen", "is_member"])
        sheet.append([31, "a", 0.5, pd.Timestamp("2020-01-02 03:04:05").to_pydatetime(), True])
        sheet.append([None, "NA", 2.0, None, False])
        book.create_sheet("other").append(["x"])
        book.save(tmp_path / "t.xlsx")
        return tmp_path / "t.xlsx"

    def test_every_cell_becomes_text_by_itself(self, book):
        source = open_table(book)
        assert source.untyped_text
        assert set(_text(source.header).values()) == {"object"}
        df = in_one_frame(source)
        assert df.fillna("-").to_dict("list") == {
            "age": ["31", "-"],
            "name": ["a", "NA"],
            "Unnamed: 2": ["0.5", "2"],
            "seen": ["2020-01-02 03:04:05", "-"],
            "is_member": ["True", "False"],
        }

    def test_declared_dtypes(self, book):
        df = in_one_frame(open_table(book, dtypes={"age": "Int64", "seen": "datetime64[s]"}))
        assert df["age"].tolist() == [31, pd.NA]
        assert df["seen"][0] == pd.Timestamp("2020-01-02 03:04:05")

    @pytest.mark.parametrize("sheet", ["other", 1])
    def test_sheet(self, book, sheet):
        assert list(open_table(book, sheet=sheet).header.columns) == ["x"]

    @pytest.mark.parametrize("sheet", ["peple", 7])
    def test_no_such_sheet(self, book, sheet):
        with pytest.raises(ConfigError, match=r"sheet: (no sheet 'peple'|expected a place from 0 to 1)"):
            open_table(book, sheet=sheet)

    def test_damaged(self, tmp_path):
        pytest.importorskip("openpyxl", reason="openpyxl is not installed (extra excel)")
        (tmp_path / "t.xlsx").write_text(SECRET)
        with pytest.raises(DataError, match=r"'t\.xlsx' is not a readable Excel file") as caught:
            open_table(tmp_path / "t.xlsx")
        assert SECRET not in str(caught.value)


def _written(folder, suffix, n_files=3):
    """Write a table of a hundred rows a file."""
    for number in range(n_files):
        df = pd.DataFrame({"a": [0.5 + number] * 100, "b": ["x"] * 100})
        path = folder / f"{number}.{suffix}"
        if suffix == "csv":
            df.to_csv(path, index=False)
        elif suffix == "xlsx":
            df.to_excel(path, index=False)
        else:
            write = pq.write_table if suffix == "parquet" else pyarrow.feather.write_feather
            write(pa.Table.from_pandas(df, preserve_index=False), path)
    return folder


def _rewritten(path):
    """Write other rows in the place of a file's, in as many bytes."""
    data = path.read_bytes()
    path.write_bytes(data.replace(b"x", b"y"))
    assert path.stat().st_size == len(data)


#: Changes of a file, some of which a parser does not see: Arrow knows the end of a file of Parquet, and of other rows.
CHANGES = {
    "has gone": Path.unlink,
    "has changed": lambda path: path.write_bytes(path.read_bytes()[:-5]),
    "other rows has changed": _rewritten,
    "empty has changed": lambda path: path.write_bytes(b""),
    "no table has changed": lambda path: path.write_text(SECRET),
    "folder has changed": lambda path: (path.unlink(), path.mkdir()),
}


class TestFilesThatChange:
    """Between two passes, or in the middle of one: no fit sees half of a file before a change and half after it."""

    @pytest.mark.family(keep=6)
    @pytest.mark.parametrize("suffix", ["csv", "parquet", "arrow"])
    @pytest.mark.parametrize("change", CHANGES)
    def test_after_it_was_opened(self, tmp_path, suffix, change):
        source = open_table(_written(tmp_path, suffix))
        assert len(in_one_frame(source)) == 300
        time.sleep(0.02)  # the clock of a file system
        CHANGES[change](tmp_path / f"1.{suffix}")
        said = change[change.index("has ") :]
        with pytest.raises(
            SourceError, match=rf"1\.{suffix}' {said} since it was opened\. Open it"
        ) as caught:
            list(source)
        assert SECRET not in str(caught.value)

    @pytest.mark.parametrize("suffix", ["csv", "parquet"])
    def test_while_it_is_read(self, tmp_path, suffix, monkeypatch):
        monkeypatch.setattr(file_source, "PART_ROWS", 10)
        monkeypatch.setattr(arrow_source, "PART_ROWS", 10)
        parts = iter(open_table(_written(tmp_path, suffix)))
        next(parts)
        time.sleep(0.02)
        _rewritten(tmp_path / f"2.{suffix}")
        with pytest.raises(SourceError, match="has changed since it was opened"):
            list(parts)

    @pytest.mark.parametrize("n_files", [1, 3])
    @pytest.mark.parametrize("suffix", ["csv", "parquet"])
    @pytest.mark.parametrize("change", ["has gone", "has changed"])
    def test_at_an_address_after_it_was_opened(self, tmp_path, memory, suffix, change, n_files):
        for path in sorted(_written(tmp_path, suffix).iterdir())[:n_files]:
            memory.pipe(f"/people/{path.name}", path.read_bytes())
        first = f"/people/0.{suffix}"
        source = open_table("memory://people" if n_files > 1 else f"memory://people/0.{suffix}")
        assert len(in_one_frame(source)) == 100 * n_files
        if change == "has gone":
            memory.rm(first)
        else:
            data = memory.cat(first)
            memory.pipe(first, data.replace(b"x", b"y"))
            assert memory.size(first) == len(data)
        with pytest.raises(SourceError, match=rf"memory://people/0\.{suffix}' {change} since it was opened"):
            list(source)

    @pytest.mark.parametrize("suffix", ["csv", "parquet"])
    def test_at_an_address_while_it_is_read(self, tmp_path, memory, suffix, monkeypatch):
        monkeypatch.setattr(file_source, "PART_ROWS", 10)
        monkeypatch.setattr(arrow_source, "PART_ROWS", 10)
        for path in _written(tmp_path, suffix).iterdir():
            memory.pipe(f"/people/{path.name}", path.read_bytes())
        parts = iter(open_table("memory://people"))
        next(parts)
        memory.pipe(f"/people/2.{suffix}", memory.cat(f"/people/2.{suffix}").replace(b"x", b"y"))
        with pytest.raises(SourceError, match="has changed since it was opened"):
            list(parts)

    def test_at_an_address_a_fit_says_that_it_spent_nothing(self, tmp_path, memory):
        for path in _written(tmp_path, "parquet").iterdir():
            memory.pipe(f"/people/{path.name}", path.read_bytes())
        source = open_table("memory://people")
        memory.rm("/people/1.parquet")
        with pytest.raises(SourceError, match=r"has gone since .*This call spent nothing\."):
            TabGAN(1.0).fit(source, ledger=tmp_path / "a.ledger")
        assert not (tmp_path / "a.ledger").exists()

    def test_a_time_of_reading_is_no_change(self):
        """As SFTP tells it: reading a file changes it."""
        info = {"size": 4, "type": "file", "mtime": 1, "ETag": '"a"', "time": 2}
        assert remote._stamp_of(info) == remote._stamp_of(info | {"time": 3})
        for key, other in (("size", 5), ("mtime", 2), ("ETag", '"b"')):
            assert remote._stamp_of(info) != remote._stamp_of(info | {key: other})

    def test_a_fit_says_that_it_spent_nothing(self, tmp_path):
        source = open_table(_written(tmp_path, "parquet"))
        (tmp_path / "2.parquet").unlink()
        with pytest.raises(SourceError, match=r"has gone since .*This call spent nothing\."):
            TabGAN(1.0).fit(source, ledger=tmp_path / "a.ledger")
        assert not (tmp_path / "a.ledger").exists()

    @pytest.mark.parametrize("suffix", ["csv", "parquet"])
    def test_so_does_one_to_files_that_differ(self, tmp_path, suffix):
        _written(tmp_path, suffix)
        other = pd.DataFrame({"a": [1.0], "c": ["x"]})
        getattr(other, f"to_{suffix}")(tmp_path / f"3.{suffix}", index=False)
        with pytest.raises(DataError, match=r"Column '[bc]': .* This call spent nothing\."):
            TabGAN(1.0).fit(tmp_path)
