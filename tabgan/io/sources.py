"""Sources of tables: CSV and Parquet files, and tables inside an installed package.

A parser's own message may quote the offending row, so none is passed on: messages name files,
columns and dtypes.

A CSV has no dtypes, and pandas guesses them from its rows, while a fit assumes that dtypes are public. Tables that are
read for a fit therefore stay text (``as_text``), and the fit finds kinds under differential privacy. Its form
(:mod:`tabgan.io.dialect`) is declared, or found in the header line; rows that do not keep it are refused.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import io
import lzma
import math
import os
import warnings
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
import pyarrow as pa

from tabgan._util.validate import nearest, one_of
from tabgan.columns.values import dtype_named, elapsed, is_text, objects
from tabgan.errors import ConfigError, DataError, SourceError
from tabgan.io.arrow_types import UNHELD, common_schema, frame_of_arrow, is_nameless_index, parquet_files
from tabgan.io.cells import is_typed, read_cells, with_missing
from tabgan.io.dialect import Dialect, open_text, read_header
from tabgan.io.first_line import check_headings
from tabgan.io.remote import AnyPath
from tabgan.schema import Schema
from tabgan.table.labels import LABEL, labelled, of_json, of_side_file

TableFormat = Literal["csv", "parquet"]

#: Format by suffix. pandas decompresses by the last suffix.
_SUFFIXES: dict[str, TableFormat] = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".csv.bz2": "csv",
    ".csv.xz": "csv",
    ".tsv": "csv",
    ".tsv.gz": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}

#: Further formats by suffix, of sources that are more than one table of a file.
_OTHER_SUFFIXES = {
    **dict.fromkeys((".arrow", ".feather", ".ipc"), "arrow"),
    **dict.fromkeys((".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"), "excel"),
    **dict.fromkeys((".db", ".sqlite", ".sqlite3"), "sqlite"),
    ".duckdb": "duckdb",
}

#: True if pandas reads numbers to the last bit by itself, and warns if it is told to.
_IS_EXACT = tuple(int(part) for part in pd.__version__.split(".")[:2]) >= (3, 1)

#: Errors of the decompressors, besides OSError.
ARCHIVE_ERRORS = (EOFError, zlib.error, lzma.LZMAError)


def format_of(path: Path, where: str = "source") -> TableFormat:
    """Return the format of a file's suffix.

    Raises:
        ConfigError: the suffix is unknown.

    >>> format_of(Path("people.csv.gz"))
    'csv'
    """
    for suffix, format_ in _SUFFIXES.items():
        if path.name.lower().endswith(suffix):
            return format_
    raise unknown_suffix(path.name, get_args(TableFormat), where)


def unknown_suffix(name: str, formats: Collection[str], where: str) -> ConfigError:
    """Return the error about a file whose name ends in no suffix of some formats."""
    known = [suffix for suffix, format_ in {**_SUFFIXES, **_OTHER_SUFFIXES}.items() if format_ in formats]
    return ConfigError(
        f"{where}: expected a name ending in {', '.join(known)}, got {name!r}. Rename it, or name its format."
    )


def format_by_suffix(name: str) -> str | None:
    """Return the format of any source by the suffix of its name: of a table, a sheet, or a database of one file.

    >>> format_by_suffix("people.XLSX"), format_by_suffix("README.md")
    ('excel', None)
    """
    known = {**_SUFFIXES, **_OTHER_SUFFIXES}
    return next((known[suffix] for suffix in known if name.lower().endswith(suffix)), None)


def is_csv(path: Path, format: TableFormat | None = None) -> bool:
    """Return true if a table is read from a CSV, which has no dtypes."""
    return (format or format_of(path)) == "csv"


def check_readable(path: Path, where: str = "source") -> Path:
    """Return ``path`` if it exists.

    Raises:
        ConfigError: the path does not exist; suggests the nearest name in the same folder.
    """
    if path.exists():
        return path
    neighbours = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    raise ConfigError(f"{where}: no file {str(path)!r}.{nearest(path.name, neighbours)}")


def package_table(package: str, table: str, where: str = "source") -> Path:
    """Return the file of a table inside an installed package. No code of the package runs.

    Raises:
        ConfigError: the package is not installed, or has no such table.
    """
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            f"{where}.package: expected an installed package, got {package!r}. Install it with pip; "
            "those of the examples come with tabgan-dp[demo]."
        )
    tables = {}
    for folder in spec.submodule_search_locations:
        for path in sorted(Path(folder).rglob("*")):
            suffix = next((s for s in _SUFFIXES if path.name.endswith(s)), None)
            if suffix is not None:
                tables[path.name.removesuffix(suffix)] = path
    if table not in tables:
        raise ConfigError(
            f"{where}.table: no table {table!r} in package {package!r}.{nearest(table, list(tables))}"
        )
    return tables[table]


def read_table(
    path: Path | str,
    *,
    format: TableFormat | None = None,
    na_values: Sequence[str] | None = None,
    dtypes: Mapping[str, str] | None = None,
    as_text: bool = False,
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    schema: Schema | None = None,
) -> pd.DataFrame:
    """Return the table in a CSV or Parquet file.

    Args:
        path: The file; with ``format="parquet"`` also a folder of Parquet files.
        format: Format of the file; ``None`` takes it from the suffix.
        na_values: Texts that stand for a missing value in any column of a CSV, besides the empty cell. ``None`` takes
            ``NA``, ``null``, ``None`` and the like for missing in columns of numbers, booleans, moments or durations,
            and where declared categories do not list them; in other columns they are values.
        dtypes: pandas dtypes by column; others are guessed (CSV) or as stored (Parquet).
        as_text: Flag: leave a CSV's other columns as text instead of guessing, so that no row can change a dtype.
        separator: Character between a CSV's fields, or ``"auto"`` for the comma, semicolon, tab or ``|`` that splits
            the header line. ``None`` is a comma, and refuses a file whose header line has another of them instead.
        decimal: A CSV's decimal mark, ``"."`` (by default) or ``","``: points are then separators of thousands.
        encoding: A CSV's encoding; ``None`` is UTF-8, or what the mark at the beginning of the file says.
        schema: Kinds of the columns, as far as they are declared, for ``na_values`` and ``decimal``.

    Raises:
        ConfigError: the file does not exist, the format is unknown, or ``dtypes`` has an unknown column or dtype.
        DataError: the content cannot be read, column names repeat, rows differ in their number of fields, or values do
            not fit their dtype.
    """
    path = check_readable(Path(path))
    kind = format_of(path) if format is None else one_of("format", format, get_args(TableFormat))
    dialect = Dialect.of(separator, decimal, encoding, na_values)
    wanted = {name: check_dtype(dtype, f"dtypes.{name}") for name, dtype in (dtypes or {}).items()}
    with readable(path, kind, encoding):
        if kind == "csv":
            names = csv_names(path, dialect)
            check_headings(names, {*wanted, *(column.name for column in schema or ())}, path.name)
            check_names(names, wanted)
            cells = read_cells(path, dialect)
            return labelled(of_cells(cells, dialect, wanted, as_text, schema), of_side_file(path))
        check_names(_parquet_names(path), wanted)  # pyarrow's own error for repeated names is not clear
        df = _read_parquet(path)
        check_names([str(name) for name in df.columns], wanted)
        df = with_dtypes(df, wanted)
        return labelled(df, of_json((parquet_files(path).schema.metadata or {}).get(LABEL.encode())))


@contextmanager
def readable(
    path: AnyPath, kind: str, encoding: str | None = None, *, has_begun: bool = False
) -> Iterator[None]:
    """Replace an error about an unreadable file with one in words, without a cell.

    Args:
        path: The file.
        kind: Its format.
        encoding: Its encoding.
        has_begun: True if it was there before: an error of the system then says that it went away.

    Raises:
        DataError, SourceError: the file could not be read.
    """
    try:
        yield
    except OSError as error:
        is_damaged = error.errno is None and type(error) in (OSError, gzip.BadGzipFile)
        told = type(error).__name__ if error.errno is None else os.strerror(error.errno)
        reason = "the file is damaged" if is_damaged else told
        if has_begun and not is_damaged:
            raise SourceError(f"source: reading {str(path)!r} stopped: {reason}. Run it again.") from None
        raise DataError(f"source: cannot read {str(path)!r}: {reason}.") from None
    except ARCHIVE_ERRORS:
        raise DataError(f"source: cannot read {str(path)!r}: the archive is damaged or cut off.") from None
    except UnicodeError:
        fix = "Name its encoding, such as cp1252 for Western Windows (encoding, --encoding)."
        raise DataError(
            f"source: {str(path)!r} is not a readable {kind} file: it is not {encoding or 'UTF-8'} text. {fix}"
        ) from None
    except pa.ArrowException:
        raise DataError(f"source: {str(path)!r} is not a readable {kind} file.") from None


def with_dtypes(df: pd.DataFrame, dtypes: Mapping[str, str]) -> pd.DataFrame:
    """Return a table whose columns have the given dtypes.

    Raises:
        DataError: a column's values do not fit.
    """
    for name, dtype in dtypes.items():
        df[name] = _cast(df[name], name, dtype)
    return df


def column_names(
    path: Path | str,
    format: TableFormat | None = None,
    *,
    separator: str | None = None,
    encoding: str | None = None,
) -> list[str] | None:
    """Return a table's column names from its header or its file's schema, or ``None`` if unreadable; reads no row.

    Args:
        path: As in :func:`read_table`, like all others.
        format: Format of the file.
        separator: Character between a CSV's fields.
        encoding: A CSV's encoding.
    """
    path = Path(path)
    dialect = Dialect.of(separator, None, encoding)
    try:
        return csv_names(path, dialect) if is_csv(path, format) else _parquet_names(path)
    except (OSError, ValueError, pa.ArrowException, *ARCHIVE_ERRORS):
        return None  # reading the table will raise the right error


def check_dtype(dtype: str, where: str) -> str:
    """Return ``dtype`` if pandas knows it.

    Raises:
        ConfigError: pandas does not know the dtype.
    """
    if dtype_named(dtype) is None:
        raise ConfigError(f"{where}: expected a pandas dtype such as 'Int64', got {dtype!r}.")
    return dtype


def csv_names(path: AnyPath, dialect: Dialect) -> list[str]:
    """Return a CSV's column names as in the file."""
    with open_text(path, dialect.encoding) as file:
        return list(read_header(file, path, dialect.separator).names)


def check_names(names: Sequence[str], dtypes: Mapping[str, str]) -> None:
    """Raise unless the names of columns differ, and those with a dtype are among them.

    Raises:
        DataError: a name is there twice.
        ConfigError: there is a dtype for a column that is not there.
    """
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(
            f"source: column names repeat: {', '.join(map(repr, repeated))}. Rename or drop them."
        )
    for name in dtypes:
        if name not in names:
            raise ConfigError(f"Column {name!r}: given a dtype, but not in the table.{nearest(name, names)}")


def of_cells(
    cells: pd.DataFrame, dialect: Dialect, dtypes: Mapping[str, str], as_text: bool, schema: Schema | None
) -> pd.DataFrame:
    """Return a table of cells of text, converted to the given dtypes; others are text, or as pandas guesses them."""
    read = with_missing(cells, dialect, dtypes, schema)
    columns = []
    for place, name in enumerate(read.columns):
        text = read.iloc[:, place]
        dtype = dtypes.get(name, "object" if as_text else None)
        if dtype is None:
            (guessed,) = with_missing(cells.iloc[:, [place]], dialect, {name: "float64"}, None).items()
            columns.append(_guessed(text, guessed[1]))
        elif dtype.startswith(("datetime64", "timedelta64")) or not is_typed(dtype):
            columns.append(_cast(text, name, dtype))
        else:
            columns.append(_converted(text, name, dtype))
    return _of_columns(columns, read.columns)


def _of_columns(columns: Sequence[pd.Series], names: pd.Index) -> pd.DataFrame:
    """Return a table of columns of any dtype, whatever the names are."""
    table = pd.DataFrame(dict(enumerate(columns)))
    table.columns = names
    return table


def _guessed(text: pd.Series, number: pd.Series) -> pd.Series:
    """Return a column as pandas guesses it, and as text if that makes no numbers or booleans of it.

    Args:
        text: The cells with those missing that are in a column of text.
        number: The cells with those missing that are in a column of numbers.
    """
    found = _parsed(number, None)
    present = found.dropna()
    if found.dtype != object and str(found.dtype) != "str":
        return found if len(present) or text.isna().all() else text
    return found if len(present) and present.map(type).eq(bool).all() else text


def _parsed(text: pd.Series, dtype: str | None) -> pd.Series:
    """Return a column of text as pandas reads it from a CSV."""
    buffer = io.StringIO()
    text.to_frame("x").to_csv(buffer, index=False, header=False, quoting=csv.QUOTE_ALL)
    buffer.seek(0)
    options: dict[str, Any] = {"low_memory": False, "keep_default_na": False, "na_values": [""]}
    if not _IS_EXACT:
        options["float_precision"] = "round_trip"  # by default pandas misses the last bit of 16 digits
    table = pd.read_csv(buffer, header=None, names=["x"], dtype=dtype, skip_blank_lines=False, **options)
    return table["x"]


def _converted(text: pd.Series, name: str, dtype: str) -> pd.Series:
    """Return a column of text as a dtype of numbers or booleans."""
    if pd.api.types.is_integer_dtype(dtype):
        return _cast(text, name, dtype)
    try:
        if pd.api.types.is_float_dtype(
            dtype
        ):  # by some, pandas reads whole numbers another way beside decimals
            with np.errstate(
                over="ignore"
            ):  # a warning would tell of a row; a check refuses what is infinite
                return _parsed(text, "float64").astype(dtype)
        return _parsed(text, dtype)
    except UNHELD:
        raise _dtype_error(name, dtype) from None


def _read_parquet(path: Path) -> pd.DataFrame:
    """Return a Parquet table with dtypes that depend on the stored types alone; see :mod:`tabgan.io.arrow_types`.

    Names of folders that represent values (``year=2020``) are read as text.

    Raises:
        DataError: files of a folder differ in their columns or types, or a fit does not support one.
    """
    files = parquet_files(path)
    schema = common_schema(files)
    return frame_of_arrow(files.replace_schema(schema).to_table())


def _parquet_names(path: Path) -> list[str]:
    """Return the names of the columns that :func:`_read_parquet` returns."""
    return [str(name) for name in parquet_files(path).schema.names if not is_nameless_index(str(name))]


def _cast(series: pd.Series, name: str, dtype: str) -> pd.Series:
    """Return a column converted to another dtype."""
    try:
        if dtype.startswith("datetime64") and series.dtype == object:
            if series.isin(["now", "today"]).any():
                raise ValueError  # pandas takes them for the moment at which it reads them
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of offsets that differ: a warning would tell of a row
                series = pd.to_datetime(series, format="ISO8601")
        elif dtype.startswith("timedelta64") and series.dtype == object:
            if (~elapsed(series)[1] & series.notna().to_numpy(bool)).any():
                raise ValueError  # pandas takes a bare number for nanoseconds
            series = pd.to_timedelta(series)
        elif pd.api.types.is_integer_dtype(dtype) and is_text(series):
            return _integers(series, dtype)
        return series.astype(dtype)
    except UNHELD:
        raise _dtype_error(name, dtype) from None


def _integers(series: pd.Series, dtype: str) -> pd.Series:
    """Return a column of text as integers, each cell read by itself: pandas takes all for floats where one is 1.0.

    Raises:
        ValueError, OverflowError, TypeError: a cell is not an integer of the dtype, or missing where it has no such.
    """
    resolved = pd.api.types.pandas_dtype(dtype)
    limits = np.iinfo(getattr(resolved, "numpy_dtype", resolved))
    values: list[Any] = [_integer(cell) if isinstance(cell, str) else cell for cell in objects(series)]
    values = [None if is_missing else v for v, is_missing in zip(values, pd.isna(values), strict=True)]
    if any(not limits.min <= value <= limits.max for value in values if value is not None):
        raise OverflowError
    return pd.Series(pd.array(values, dtype=resolved), index=series.index, name=series.name)


def _integer(text: str) -> int | None:
    """Return the integer that text stands for, also as ``1.0`` or ``1e3``; ``None`` for ``nan``.

    Raises:
        ValueError: the text stands for no integer.
    """
    if not text.isascii() or "_" in text:
        raise ValueError
    try:
        return int(text)
    except ValueError:
        number = float(text)
    if math.isnan(number):
        return None
    if not number.is_integer():
        raise ValueError
    return int(number)


def _dtype_error(name: str, dtype: str) -> DataError:
    return DataError(f"Column {name!r}: its values cannot be read as {dtype}. Choose another dtype for it.")
