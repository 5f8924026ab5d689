"""Tables and queries of databases as sources, through SQLAlchemy or ADBC.

A column's dtype follows from its declared type: that of a named table, or the one that PostgreSQL tells of a query
before it runs. SQLite has no types that bind, and other databases' drivers tell too little of a query: those cells
become text, as in a CSV. A query is read once, in one transaction that is never committed: run again it may see other
rows, in another order. No message of a database is passed on, nor is an address with its password.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from tabgan._util.validate import nearest
from tabgan.errors import ConfigError, DataError, SourceError, TabGANError
from tabgan.io.answers import library
from tabgan.io.arrow_source import of_batches, of_duckdb
from tabgan.io.arrow_types import frame_of_arrow
from tabgan.io.cells import frame_of
from tabgan.io.data_source import DataSource, Reading
from tabgan.io.remote import told_errors, told_url
from tabgan.io.sources import check_readable
from tabgan.io.spreadsheets import texts_of_cells

#: Rows of a part: a driver returns each as a tuple of objects, which take more memory than columns.
_PART_ROWS = 1 << 15

#: Arrow types by PostgreSQL's number of a type, which has been the same in all its versions.
_POSTGRES: Mapping[int, pa.DataType] = {
    16: pa.bool_(),
    21: pa.int16(),
    23: pa.int32(),
    20: pa.int64(),
    26: pa.int64(),
    700: pa.float32(),
    701: pa.float64(),
    **dict.fromkeys((18, 19, 25, 1042, 1043, 2950), pa.string()),
    1082: pa.date32(),
    1083: pa.time64("us"),
    1114: pa.timestamp("us"),
    1184: pa.timestamp("us", "UTC"),
    1186: pa.duration("us"),
}

#: PostgreSQL's number of ``numeric``, whose values are decimals of any precision.
_POSTGRES_NUMERIC = 1700

#: Columns of a query: Arrow's type of each, ``object`` for decimals, ``None`` for one that the database does not tell.
_Types = Mapping[str, pa.DataType | type | None]


def of_query(
    database: object, reading: Reading, *, query: str | None, table: str | None, where: str = "source"
) -> DataSource:
    """Return the source of a query, or of a table, of a database.

    Args:
        database: An address such as ``postgresql://host/db``, an engine of SQLAlchemy, or a connection of ADBC or
            DuckDB.
        reading: The declared dtypes.
        query: One ``SELECT``.
        table: Name of a table, with its schema if need be.
        where: Place of the database, for messages.

    Raises:
        ConfigError: neither or both of ``query`` and ``table`` are given, or a package is not installed.
        SourceError: the database cannot be reached, or refuses the query.
        DataError: a fit does not support the type of a column; no row has been read.
    """
    if (query is None) == (table is None):
        raise ConfigError(
            f"{where}: a database needs either a query or a table. Name one (query, --query; table, --table)."
        )
    if is_duckdb(database):
        return reading.typed(_of_duckdb(database, query, table))
    if is_adbc(database):
        return _of_adbc(database, reading, query, table)
    return _of_sqlalchemy(database, reading, query, table, where)


def check_database(address: str, where: str = "source") -> None:
    """Raise unless an address is a database's, whose driver is installed; reaches no database.

    Raises:
        ConfigError: the address is not a database's, or its driver is not installed.
    """
    _engine(address, where).dispose()


def is_duckdb(database: object) -> bool:
    """Return true for a connection of DuckDB."""
    return type(database).__name__ == "DuckDBPyConnection"


def is_adbc(database: object) -> bool:
    """Return true for a connection of ADBC."""
    return hasattr(database, "adbc_get_info") and hasattr(database, "cursor")


def of_duckdb_file(path: Path, reading: Reading, *, query: str | None, table: str | None) -> DataSource:
    """Return the source of a query, or of a table, of a file of DuckDB."""
    duckdb = library("duckdb", "duckdb")
    with told_errors(path.name, "it cannot be opened as a DuckDB database"):
        connection = duckdb.connect(str(check_readable(path)), read_only=True)
    return of_query(connection, reading, query=query, table=table)


def _of_duckdb(connection: Any, query: str | None, table: str | None) -> DataSource:
    with _told_database("DuckDB", "it refuses the query or the table"):
        relation = connection.table(table) if query is None else connection.sql(query)
    if relation is None:
        raise ConfigError("query: expected one SELECT, got a statement that returns no rows.")
    return of_duckdb(relation, answer="pandas")


# -- ADBC -----------------------------------------------------------------------------------------------------------


def _of_adbc(connection: Any, reading: Reading, query: str | None, table: str | None) -> DataSource:
    """Return the source of a query through ADBC, by Arrow's types.

    Raises:
        ConfigError: the database is SQLite, whose driver finds a type for a whole column in its first rows: one row
            would change the cells of all others.
    """
    name = "ADBC connection"
    with _told_database(name, "it cannot be reached"):
        vendor = str(connection.adbc_get_info().get("vendor_name", ""))
    if vendor == "SQLite":
        raise ConfigError(
            "source: expected a database whose columns have types, got an ADBC connection to SQLite, whose driver "
            "takes them from the rows. Give the file, or the address sqlite:///FILE."
        )
    asked = _plain_query(query) if query is not None else f"SELECT * FROM {_quoted(str(table))}"

    def batches(text: str) -> Iterator[pa.RecordBatch]:
        with connection.cursor() as cursor:
            cursor.execute(text)
            yield from cursor.fetch_record_batch()

    with _told_database(name, "it refuses the query"), connection.cursor() as cursor:
        cursor.execute(_without_rows(asked))
        schema = cursor.fetch_record_batch().schema
    for field in schema:
        if isinstance(field.type, pa.BaseExtensionType):
            raise DataError(
                f"Column {field.name!r}: of type {field.type}, which is not supported. Cast it in the query."
            )
    found = of_batches(name, schema, lambda: batches(asked), is_rereadable=False, answer="pandas")
    return reading.typed(found)


# -- SQLAlchemy -----------------------------------------------------------------------------------------------------


def _of_sqlalchemy(
    database: Any, reading: Reading, query: str | None, table: str | None, where: str
) -> DataSource:
    engine = _engine(database, where)
    name = _told_engine(engine)
    with _told_database(name, "it cannot be reached, or refuses the query or the table"):
        asked, declared = (_plain_query(str(query)), None) if table is None else _table(engine, table)
        with _reading(engine) as connection:
            types = _types_of_query(connection, asked)
        if declared is not None and engine.dialect.name not in ("postgresql", "sqlite"):
            types = {str(each["name"]): _declared_type(str(each["name"]), each["type"]) for each in declared}
    names = list(types)
    is_untyped = engine.dialect.name == "sqlite" or any(type_ is None for type_ in types.values())
    rows = _rows_of(engine, name, asked)
    if is_untyped:
        return reading.untyped(
            name, names, lambda: (_as_text(columns, names) for columns in rows(names)), is_rereadable=False
        )
    header = _typed(dict.fromkeys(names, ()), types)
    found = DataSource(
        name, header, lambda: (_typed(columns, types) for columns in rows(names)), is_rereadable=False
    )
    return reading.typed(found)


def _engine(database: Any, where: str) -> Any:
    """Return SQLAlchemy's engine of an address.

    Raises:
        ConfigError: SQLAlchemy or the database's driver is not installed, the address is none, or a file is not there.
    """
    sqlalchemy = library("sqlalchemy", "sql", where)
    if isinstance(database, sqlalchemy.engine.Engine):
        return database
    text = database if isinstance(database, str) else ""
    try:
        url = sqlalchemy.engine.make_url(database)
        if url.drivername in ("postgresql", "postgres"):  # by default SQLAlchemy would take an older driver
            url = url.set(drivername="postgresql+psycopg")
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool)
    except ImportError as error:
        raise ConfigError(
            f"{where}: the driver of this database, {error.name}, is not installed. Run pip install {error.name}."
        ) from None
    except (sqlalchemy.exc.SQLAlchemyError, ValueError, TypeError):
        shown = told_url(text) if "://" in text else type(database).__name__
        raise ConfigError(
            f"{where}: expected the address of a database such as postgresql://host/db or sqlite:///people.db, got "
            f"{shown!r}."
        ) from None
    if (file := _file_of(engine)) is not None:
        check_readable(file, where)  # SQLite would make an empty one
    return engine


def _file_of(engine: Any) -> Path | None:
    """Return the file of an engine of SQLite."""
    url = engine.url
    is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(url.database.removeprefix("file:")) if is_file else None


def _told_engine(engine: Any) -> str:
    """Return an engine's address without user and password."""
    return told_url(engine.url.render_as_string(hide_password=True))


@contextmanager
def _told_database(name: str, failure: str) -> Iterator[None]:
    """Replace an error of a database with its kind, and the class of a driver's error; no message is passed on.

    Raises:
        SourceError: the database or its driver raised an error.
    """
    try:
        yield
    except TabGANError:
        raise
    except Exception as error:
        cause = getattr(error, "orig", None) or error
        raise SourceError(
            f"{name}: {failure} ({type(cause).__name__}). The message of the database may quote rows, so it is not "
            "shown."
        ) from None


@contextmanager
def _reading(engine: Any) -> Iterator[Any]:
    """Yield a connection in one transaction that is rolled back, read-only where the database can.

    Raises:
        SourceError: the file of an SQLite database has gone, of which SQLite would make an empty one.
    """
    file = _file_of(engine)
    if file is not None and not file.exists():
        raise SourceError(f"{_told_engine(engine)}: the file has gone since it was opened. Open it again.")
    options: dict[str, Any] = {"stream_results": True, "no_parameters": True}
    if engine.dialect.name == "postgresql":
        options |= {"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"}
    with engine.connect().execution_options(**options) as connection:
        yield connection


def _plain_query(query: str) -> str:
    """Return a query without the semicolon at its end.

    Raises:
        ConfigError: the query is empty.
    """
    text = query.strip().rstrip(";").strip()
    if not text:
        raise ConfigError("query: expected one SELECT, got nothing.")
    return text


def _without_rows(query: str) -> str:
    """Return a query that has the columns of another and no row: it is not a statement that changes anything."""
    return f"SELECT * FROM (\n{query}\n) tabgan_columns WHERE 1 = 0"


def _quoted(name: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def _types_of_query(connection: Any, query: str) -> _Types:
    """Return the columns of a query, before it is run, with their types if the database states them."""
    result = connection.exec_driver_sql(_without_rows(query))
    described = [(str(each[0]), each[1]) for each in result.cursor.description]
    result.close()
    names = [name for name, _ in described]
    _check_unique(names)
    if connection.dialect.name != "postgresql":
        return dict.fromkeys(names)
    others = ",".join(str(int(code)) for code in {code for _, code in described} - set(_POSTGRES))
    asked = f"SELECT oid FROM pg_catalog.pg_type WHERE typtype = 'e' AND oid IN ({others or 0})"
    enumerations = {row[0] for row in connection.exec_driver_sql(asked)}
    return {name: _postgres_type(name, code, enumerations) for name, code in described}


def _check_unique(names: Sequence[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(
            f"source: column names repeat: {', '.join(map(repr, repeated))}. Name them with AS in the query."
        )


def _postgres_type(name: str, code: int, enumerations: Collection[int]) -> pa.DataType | type:
    if code == _POSTGRES_NUMERIC:
        return object
    if code in enumerations:
        return pa.string()
    if code not in _POSTGRES:
        raise DataError(
            f"Column {name!r}: its type in PostgreSQL (number {code}) is not supported. Cast it in the query, as in "
            f"{name}::text, or leave it out."
        )
    return _POSTGRES[code]


def _table(engine: Any, table: str) -> tuple[str, Sequence[Mapping[str, Any]]]:
    """Return the query of a whole table, and its columns as SQLAlchemy describes them.

    Raises:
        ConfigError: there is no such table.
    """
    sqlalchemy = library("sqlalchemy", "sql")
    inspector = sqlalchemy.inspect(engine)
    schema, _, bare = table.rpartition(".")
    if not inspector.has_table(bare, schema=schema or None):
        bare, schema = table, ""  # a name with a point in it
        if not inspector.has_table(bare):
            known = [*inspector.get_table_names(), *inspector.get_view_names()]
            raise ConfigError(
                f"source: the database has no table {table!r}, or none that this user may read.{nearest(table, known)}"
            )
    columns = inspector.get_columns(bare, schema=schema or None)
    found = sqlalchemy.table(
        bare, *(sqlalchemy.column(each["name"]) for each in columns), schema=schema or None
    )
    return str(sqlalchemy.select(found).compile(engine)), columns


def _declared_type(name: str, declared: Any) -> pa.DataType | type:
    """Return the type of a declared column of a table.

    Raises:
        DataError: a fit does not support it.
    """
    types = library("sqlalchemy", "sql").types
    try:
        known = declared.as_generic()
    except NotImplementedError:
        known = declared
    is_zoned = bool(getattr(known, "timezone", False))
    by_class: list[tuple[Any, pa.DataType | type]] = [
        (types.Boolean, pa.bool_()),
        (types.Integer, pa.int64()),
        (types.Float, pa.float64()),
        (types.Numeric, object),
        (types.DateTime, pa.timestamp("us", "UTC" if is_zoned else None)),
        (types.Date, pa.date32()),
        (types.Time, pa.time64("us")),
        (types.Interval, pa.duration("us")),
        ((types.Enum, types.String, types.Uuid), pa.string()),
    ]
    for class_, type_ in by_class:
        if isinstance(known, class_):
            return type_
    raise DataError(
        f"Column {name!r}: its type {type(declared).__name__} is not supported. Give a query that casts it, or leaves "
        "it out."
    )


def _rows_of(
    engine: Any, name: str, query: str
) -> Callable[[Sequence[str]], Iterator[dict[str, tuple[Any, ...]]]]:
    """Return a function that yields the rows of a query, in parts, as the cells of each column."""

    def rows(names: Sequence[str]) -> Iterator[dict[str, tuple[Any, ...]]]:
        with (
            _told_database(name, "the database went away, or refuses the query"),
            _reading(engine) as connection,
            closing(connection.execution_options(yield_per=_PART_ROWS).exec_driver_sql(query)) as result,
        ):
            found = [str(each) for each in result.keys()]  # noqa: SIM118 - no mapping
            _check_unique(found)
            if found != list(names):
                raise SourceError(f"{name}: the query has other columns than before. Open it again.")
            while part := result.fetchmany(_PART_ROWS):
                yield dict(zip(names, zip(*part, strict=True), strict=True))

    return rows


def _as_text(columns: Mapping[str, Sequence[object]], names: Sequence[str]) -> pd.DataFrame:
    return frame_of([texts_of_cells(columns[name], name) for name in names], names)


def _typed(columns: Mapping[str, Sequence[Any]], types: _Types) -> pd.DataFrame:
    """Return a table of cells of known types.

    Raises:
        SourceError: a cell is of another type than the database told.
    """
    known = {name: type_ for name, type_ in types.items() if isinstance(type_, pa.DataType)}
    arrays = {
        name: pa.array([_value(cell, type_) for cell in columns[name]], type_)
        for name, type_ in known.items()
    }
    frame = frame_of_arrow(pa.table(arrays)) if arrays else pd.DataFrame()
    others = {
        name: pd.Series(list(columns[name]), dtype=object) for name, type_ in types.items() if type_ is object
    }
    whole = pd.concat([frame, pd.DataFrame(others)], axis=1) if others else frame
    return whole[list(types)]


def _value(cell: Any, type_: pa.DataType) -> Any:
    """Return a cell as Arrow takes it: UUIDs and members of enumerations as text."""
    return str(cell) if cell is not None and pa.types.is_string(type_) else cell
