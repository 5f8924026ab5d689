"""The sources of jobs, and of ``tabgan fit``."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tabgan.cli.app import app
from tabgan.errors import ConfigError, DataError
from tabgan.io.data_source import in_one_frame
from tabgan.jobs.loading import load_jobs
from tabgan.jobs.run import read_split, run_job

SECRET = "4711-secret"

pytestmark = pytest.mark.usefixtures("fake_model", "folder")


@pytest.fixture
def folder(tmp_path, people, monkeypatch):
    """Fill a folder with tables of every kind, and make it the current directory."""
    for name in ("data/a.csv", "data/b.csv", "town=x/a.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        people.to_csv(tmp_path / name, index=False, sep=";") if name.endswith("csv") else people[
            ["age"]
        ].to_parquet(tmp_path / name)
    with sqlite3.connect(tmp_path / "t.db") as connection:
        people[["age", "town"]].to_sql("people", connection, index=False)
    connection.close()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _job(source: str, **options):
    Path("jobs.yaml").write_text(f"source: {{{source}}}\n{options.pop('more', 'report: false')}")
    (job,) = load_jobs("jobs.yaml", **options)
    return job


class TestSources:
    def test_a_folder_is_one_table(self, people):
        source = _job("path: data").source.open()
        assert source.form["separator"] == ";"
        assert len(in_one_frame(read_split(_job("path: data")).real)) == 2 * len(people)
        assert len(in_one_frame(read_split(_job('path: "data/a*.csv", separator: ";"')).real)) == len(people)

    def test_one_file_of_a_hive_folder_has_no_column_of_its_name(self):
        assert list(read_split(_job("path: 'town=x'")).real.header.columns) == ["age"]

    def test_database(self, people):
        pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed (extra sql)")
        for keys in ("sql: t.db, table: people", "sql: 'sqlite:///t.db', query: select * from people"):
            job = _job(keys, more="report: {html: true}\nmodel: {epsilon: null}\nrandom_state: 0")
            assert job.source.states() is None
            split = read_split(job)
            assert len(split.real) + len(split.holdout) == len(people)
            assert run_job(job).n_rows > 0

    def test_states_change_with_the_files_of_a_folder(self):
        job = _job("path: data")
        before = job.source.states()
        assert len(before) == 2
        Path("data/b.csv").write_text("age\n1\n")
        assert job.source.states() != before

    def test_an_address(self, people):
        fsspec = pytest.importorskip("fsspec")
        with fsspec.open("memory://jobs/t.csv", "w") as file:
            people.to_csv(file, index=False)
        job = _job('path: "memory://jobs/t.csv"', form={"encoding": "utf-8"})
        assert job.source.states() is None
        assert len(in_one_frame(read_split(job).real)) == len(people)

    def test_options_for_a_csv_beside_an_address_of_something_else(self, people):
        fsspec = pytest.importorskip("fsspec")
        with fsspec.open("memory://jobs/t.parquet", "wb") as file:
            people.to_parquet(file)
        with pytest.raises(ConfigError, match=r"source\.decimal: expected a CSV with it"):
            _job('path: "memory://jobs/t.parquet", decimal: ","').source.open()

    @pytest.mark.parametrize(
        ("source", "problem"),
        [
            ("path: data, query: select 1", "source.query: expected sql with it"),
            ("path: data, table: people", "source: expected package and table together"),
            ("path: data, sheet: x", "source.sheet: expected an Excel file with it"),
            ("sql: t.db", "source: expected sql with either query or table"),
            ("sql: t.db, table: a, query: b", "source: expected sql with either query or table"),
            ("sql: nowhere.db, table: a", "source.sql: no file 'nowhere.db'"),
            ("sql: data, table: a", "source.sql: expected an address such as postgresql://host/db"),
            ("sql: t.db, table: a, path: data", "source: expected either path, or package and table, or sql"),
            (
                "sql: t.db, table: people, decimal: ','",
                "source.decimal: expected a CSV with it, got a databas",
            ),
            ("path: 'data/c*.csv'", "source.path: no file 'data/c*.csv'"),
            ("path: .", "source.path: cannot tell the format"),
        ],
    )
    def test_problems(self, source, problem):
        with pytest.raises(ConfigError) as caught:
            _job(source)
        assert problem in str(caught.value)

    @pytest.mark.parametrize(
        "text",
        [
            f"source: 'postgresql://me:{SECRET}@host/db'",
            f"source: {{sql: 'nobody://me:{SECRET}@host/db', table: people}}",
            f"source: {{sql: 'postgresql://me:{SECRET}@host/db', tabel: people}}",
            f"source: {{sql: ['postgresql://me:{SECRET}@host/db'], table: people}}",
            f"jobs: ['postgresql://me:{SECRET}@h']",
            f"defaults: 'postgresql://me:{SECRET}@h'\njobs: [{{source: {{path: data}}}}]",
        ],
    )
    def test_no_password_in_a_problem(self, text):
        pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed (extra sql)")
        Path("jobs.yaml").write_text(text)
        with pytest.raises(ConfigError) as caught:
            load_jobs("jobs.yaml")
        assert SECRET not in str(caught.value)
        assert SECRET[:6] not in str(caught.value)

    def test_nor_in_the_job(self):
        pytest.importorskip("psycopg", reason="psycopg is not installed (extra sql)")
        assert SECRET not in repr(_job(f"sql: 'postgresql://me:{SECRET}@host/db', table: people"))

    def test_files_that_differ_stop_a_job_before_a_row_is_read(self, monkeypatch):
        Path("data/b.csv").write_text("age\n1\n")
        monkeypatch.setattr("tabgan.jobs.run.in_free_memory", lambda *a: pytest.fail("read"))
        with pytest.raises(DataError, match="lacks it, and"):
            run_job(_job("path: data"))


class TestCommand:
    def _fit(self, *arguments, code=0):
        result = CliRunner().invoke(app, ["fit", *arguments, "-o", "m.tabgan", "--force"])
        assert result.exit_code == code, result.output
        return result.output

    def test_sources(self, fake_model, people):
        self._fit("data", "--separator", ";")
        self._fit("data/*.csv")
        self._fit("town=x")
        assert [len(model.df) / len(people) for model in fake_model.fitted] == [2, 2, 1]

    def test_database(self, fake_model, people):
        pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed (extra sql)")
        self._fit("t.db", "--table", "people")
        self._fit("sqlite:///t.db", "--query", "select age from people")
        assert [list(model.df.columns) for model in fake_model.fitted] == [["age", "town"], ["age"]]

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (("data", "--query", "select 1"), "query: expected a database with it"),
            (("town=x", "--decimal", ","), "--decimal: expected a CSV with it"),
            (("data", "--sheet", "x"), "sheet: expected an Excel file with it"),
            (("t.db",), "a database needs either a query or a table"),
            (("nowhere",), "no file 'nowhere'"),
        ],
    )
    def test_problems(self, arguments, problem):
        assert problem in " ".join(self._fit(*arguments, code=2).split())

    def test_no_password_is_told(self):
        pytest.importorskip("psycopg", reason="psycopg is not installed (extra sql)")
        address = f"postgresql://me:{SECRET}@127.0.0.1:9/db?connect_timeout=1"
        said = self._fit(address, "--table", "people", "--debug", code=1)
        assert "it cannot be reached" in " ".join(said.split())
        assert SECRET not in said
