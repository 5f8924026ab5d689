"""One function for all sources: frames, Arrow tables, files, folders, object stores, databases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, cast

import pandas as pd

from tabgan._util.progress import Listener, Progress, silent
from tabgan._util.validate import one_of
from tabgan.columns.kind import read_text
from tabgan.errors import ConfigError, DataError, OutOfMemoryError, SchemaError, SourceError, unspent
from tabgan.io.arrow_source import native, of_memory
from tabgan.io.data_source import DataSource, Reading, in_one_frame, joined
from tabgan.io.databases import is_adbc, is_duckdb, of_duckdb_file, of_query
from tabgan.io.dialect import Dialect
from tabgan.io.file_source import FILE_FORMATS, FileFormat, of_files
from tabgan.io.ray_source import is_ray_dataset, of_ray_dataset
from tabgan.io.remote import is_url, remote_path
from tabgan.io.sources import format_by_suffix
from tabgan.schema import Schema
from tabgan.table.headings import named_columns_of
from tabgan.table.partitions import FrameParts, is_in_parts
from tabgan.table.spooled import SpooledTable, spooled

#: Cells up to which a fit keeps a source in memory.
MOST_IN_MEMORY = 5_000_000


def open_table(
    source: object,
    *,
    query: str | None = None,
    table: str | None = None,
    sheet: str | int | None = None,
    format: str | None = None,
    schema: Schema | None = None,
    dtypes: Mapping[str, str] | None = None,
    separator: str | None = "auto",
    decimal: str | None = None,
    encoding: str | None = None,
    na_values: Sequence[str] | None = None,
    storage_options: Mapping[str, object] | None = None,
) -> DataSource:
    """Open a table of any kind for a fit: its columns and dtypes are known then, and no row has been read.

    Args:
        source: A pandas or Polars frame, a Polars LazyFrame, an Arrow table, reader or dataset, a DuckDB relation,
            a dataset of Ray, anything with an Arrow C stream or known to narwhals; a path or pattern of CSV, Parquet,
            Arrow or Excel files, or a folder of them; an address of such files, such as ``s3://bucket/folder``; a
            database: an address of SQLAlchemy, its engine, an ADBC or DuckDB connection, or a file of SQLite or DuckDB.
        query: One ``SELECT``, of a database.
        table: A table's name, of a database.
        sheet: An Excel sheet's name, or its place from 0; the first one by default.
        format: ``"csv"``, ``"parquet"``, ``"arrow"`` or ``"excel"``, if suffixes do not tell.
        schema: Kinds of the columns, as far as they are declared: their dtypes are converted to.
        dtypes: pandas dtypes by column, which go before those of the schema.
        separator: As in :func:`~tabgan.io.read_table`, like the next three; by default found in the header.
        decimal: A CSV's decimal mark.
        encoding: A CSV's encoding.
        na_values: Texts for missing values.
        storage_options: Arguments of fsspec's file system.

    Raises:
        ConfigError: there is no such file, an argument does not go with the source, or a package is not installed.
        DataError: the source cannot be read as a table, or a fit does not support the type of a column.
        SourceError: a file system or a database cannot be reached.
    """
    dialect = Dialect.of(separator, decimal, encoding, na_values)
    reading = Reading(dict(dtypes or {}), schema, dialect)
    source = native(source)
    kind = None if format is None else cast(FileFormat, one_of("format", format, FILE_FORMATS))
    if is_database(source):
        _check_unused("a file", format=format, sheet=sheet)
        if isinstance(source, str | Path) and not is_url(source):
            if format_by_suffix(str(source)) == "duckdb":
                return of_duckdb_file(Path(source), reading, query=query, table=table)
            source = f"sqlite:///{source}"
        return of_query(source, reading, query=query, table=table)
    _check_unused("a database", query=query, table=table)
    if isinstance(source, str) and ("\n" in source or "\0" in source):
        raise DataError("source: expected a path, got text of several lines. Write it to a file.")
    if isinstance(source, str | Path):
        path = (
            remote_path(str(source), options=storage_options) if is_url(source) else Path(source).expanduser()
        )
        return of_files(path, reading, format=kind, sheet=sheet)
    _check_unused("a path", sheet=sheet, format=format)
    found = _in_memory(source)
    return Reading(reading.dtypes).typed(found) if dtypes else found


def _in_memory(source: Any) -> DataSource:
    """Return the source of a table in memory, or of one in parts.

    Raises:
        DataError: the argument is not a table.
    """
    if isinstance(source, DataSource):
        return source
    if isinstance(source, pd.DataFrame):
        source = FrameParts(source)
    if is_in_parts(source):
        n_rows = source.__len__ if isinstance(source, FrameParts) else lambda: None
        return DataSource(
            type(source).__name__, source.header, source.__iter__, source.is_rereadable, n_rows=n_rows
        )
    found = of_ray_dataset(source) if is_ray_dataset(source) else of_memory(source)
    if found is None:
        raise DataError(
            f"source: expected a pandas DataFrame, got {type(source).__name__}. A source may also be a Polars frame, "
            "an Arrow table, a DuckDB relation, a path, an address, or what tabgan.open_table returns."
        )
    return found


def is_database(source: object) -> bool:
    """Return true for a database: an address, an engine, a connection, or a file of SQLite or DuckDB."""
    if isinstance(source, str) and is_url(source):
        import fsspec

        return source.partition("://")[0] not in fsspec.available_protocols()
    if isinstance(source, str | Path):
        return format_by_suffix(str(source)) in ("sqlite", "duckdb")
    is_engine = type(source).__module__.partition(".")[0] == "sqlalchemy"
    return is_engine or is_duckdb(source) or is_adbc(source)


def _check_unused(needed: str, **given: object) -> None:
    for name, value in given.items():
        if value is not None:
            raise ConfigError(f"{name}: expected {needed} with it. Leave it out.")


@contextmanager
def called(where: str) -> Iterator[None]:
    """Replace ``source`` at the start of errors with the caller's word for it, such as an option."""
    try:
        yield
    except (ConfigError, DataError, SchemaError) as error:
        raise type(error)(f"{where}: {str(error).removeprefix('source: ')}") from None


def as_frame(
    table: object, schema: Schema | None = None, where: str = "source", progress: Progress = silent
) -> pd.DataFrame | None:
    """Return a table of any kind in memory; a pandas frame as it is.

    Args:
        table: The table; ``None`` stays so.
        schema: Kinds of the columns, as far as they are known; text without types stands for their values.
        where: The table's name in messages.
        progress: Told of the rows that are read.
    """
    if isinstance(table, pd.DataFrame):
        return named_columns_of(table)
    if table is None:
        return table
    with called(where):
        source = open_table(table, schema=schema)
        frame = in_one_frame(source, progress)
    return read_text(frame, schema) if source.untyped_text and schema is not None else frame


@contextmanager
def says_unspent() -> Iterator[None]:
    """Add to an error about a source that this call spent nothing: a fit reads all of it before it charges."""
    try:
        yield
    except (SourceError, DataError, SchemaError, OutOfMemoryError) as error:
        unspent(error)
        raise


@contextmanager
def for_fit(
    table: object, schema: Schema, *, untyped_text: bool = False, progress: Progress = silent
) -> Iterator[pd.DataFrame | SpooledTable | None]:
    """Yield a table of any kind as a fit takes it: a small one as a frame, a large one as a private copy on the disk.

    Args:
        table: The table; a frame, and ``None``, stay as they are.
        schema: The declared schema.
        untyped_text: True if declared numbers and booleans may come as text.
        progress: Told of the rows that are read, and of later passes over a copy on the disk.

    Raises:
        ConfigError, DataError, SourceError: see :func:`open_table` and :func:`~tabgan.table.spooled.spooled`.
        OutOfMemoryError: memory is short.
    """
    if table is None or isinstance(table, pd.DataFrame):
        yield table
        return
    progress = Listener.of(progress)  # an error of the caller's own is none of the source
    with ExitStack() as stack:
        with says_unspent():
            source = table if isinstance(table, DataSource) else open_table(table, schema=schema)
            found = stack.enter_context(_read(source, schema, untyped_text, progress))
        yield found


@dataclass(frozen=True)
class _Begun:
    """A table in parts whose reading goes on.

    Attributes:
        header: The table without its rows.
        parts: Those that were read, and then the others.
    """

    header: pd.DataFrame
    parts: Iterator[pd.DataFrame]
    is_rereadable = False

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return self.parts


@contextmanager
def _read(source: DataSource, schema: Schema, untyped_text: bool, progress: Progress) -> Iterator[Any]:
    """Yield a source's table once it is read to its end, here or where its parts lie."""
    if source.spread is not None and not untyped_text:
        with source.spread(schema) as spread:
            yield spread
        return
    first, n_cells, parts = [], 0, source.told(progress, schema.n_rows)
    for part in parts:
        first.append(part)
        n_cells += part.size
        if n_cells > MOST_IN_MEMORY:
            break
    else:
        yield joined(first, source.header)
        return
    begun = _Begun(source.header, chain(first, parts))
    with spooled(begun, schema, untyped_text=untyped_text, progress=progress) as copy:
        yield copy
