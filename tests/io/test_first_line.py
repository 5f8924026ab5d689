"""First lines of files that hold a row: its cells must not be published as names of columns."""

from __future__ import annotations

import pandas as pd
import pytest

from tabgan import TabGAN, open_table
from tabgan.errors import DataError
from tabgan.io import read_table
from tabgan.io.first_line import check_headings
from tabgan.schema import Categorical, Numeric, Schema

ROW = "39,Private,77516,SECRET"


@pytest.mark.parametrize(
    "names",
    [
        ("age", "sex"),
        ("0", "1", "2"),  # pandas' own names of columns without one
        ("0",),
        ("1", "2"),
        ("country", "2019", "2020", "2021"),
        ("1990", "1995", "2000"),
        tuple(f"2020-01-{day:02d}" for day in range(1, 13)),
        ("", "q1"),
        ("1st", "p90"),
    ],
)
def test_names(names):
    check_headings(names, (), "people.csv")


@pytest.mark.parametrize(
    ("names", "columns"),
    [
        (("39", "Private", "77516", "Bachelors", "13"), "columns 1, 3, 5"),
        (("5.1", "3.5", "setosa"), "columns 1, 2"),
        (("1", "male"), "column 1"),
        (("country", "2019", "2020"), "columns 2, 3"),
        (("-1", "2", "5"), "columns 1, 2, 3"),
        (("3", "3", "3"), "columns 1, 2, 3"),
        (("m", "2020-01-05"), "column 2"),
        (("m", "05.01.2020 13:30"), "column 2"),
        (tuple("987654321"), "columns 1, 2, 3, 4, 5, ..."),
    ],
)
def test_rows(names, columns):
    with pytest.raises(DataError, match=rf"expected \({columns}\)"):
        check_headings(names, (), "people.csv")


def test_declared_names_are_names():
    check_headings(("country", "2019", "2020"), {"2019", "2020"}, "people.csv")
    with pytest.raises(DataError, match=r"\(column 3\)"):
        check_headings(("country", "2019", "2020"), {"2019"}, "people.csv")


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(f"{ROW}\n" * 200)
    return path


@pytest.mark.parametrize("read", [read_table, open_table, lambda path: TabGAN(1.0).fit(str(path))])
def test_a_file_without_names_is_refused_and_not_quoted(rows, read):
    with pytest.raises(DataError, match="would be published as names") as caught:
        read(rows)
    assert not any(cell in str(caught.value) for cell in ROW.split(","))


def test_a_sheet_without_names(tmp_path):
    pytest.importorskip("openpyxl")
    pd.DataFrame([ROW.split(",")] * 9).to_excel(tmp_path / "people.xlsx", header=False, index=False)
    with pytest.raises(DataError, match="would be published as names"):
        open_table(tmp_path / "people.xlsx")


def test_a_schema_says_that_they_are_names(tmp_path):
    path = tmp_path / "years.csv"
    path.write_text("country,2019\n" + "a,1\nb,2\n" * 9)
    schema = Schema([Categorical(name="country", categories=("a", "b")), Numeric(name="2019")])
    assert list(read_table(path, schema=schema)) == ["country", "2019"]
    assert list(open_table(path, schema=schema).header) == ["country", "2019"]
    assert list(read_table(path, dtypes={"2019": "int64"})) == ["country", "2019"]
