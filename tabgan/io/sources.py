"""Sources of tables: CSV and Parquet files, and tables inside an installed package.

A parser's own message may quote the offending row, so none is passed on: messages name files,
columns and dtypes.

A CSV has no dtypes, and pandas guesses them from its rows, while a fit assumes that dtypes are public. Tables that are
read for a fit therefore stay text (``as_text``), and the fit finds kinds under differential privacy. Its form
(:mod:`tabgan.io.dialect`) is declared, or stands in the header line; rows that do not keep it are refused.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import lzma
import math
import re
import warnings
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.dataset import dataset, partitioning

from tabgan._util.validate import nearest, one_of
from tabgan.columns.values import dtype_named, elapsed, is_text, objects
from tabgan.errors import ConfigError, DataError
from tabgan.io.cells import is_typed, read_cells, with_missing
from tabgan.io.dialect import Dialect, open_text, read_header
from tabgan.schema import Schema
from tabgan.table.labels import LABEL, labelled, of_json, of_side_file

Format = Literal["csv", "parquet"]

#: Format by suffix. pandas decompresses by the last suffix.
_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".csv.bz2": "csv",
    ".csv.xz": "csv",
    ".tsv": "csv",
    ".tsv.gz": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}

#: True if pandas reads numbers to the last bit by itself, and warns if it is told to.
_IS_EXACT = tuple(int(part) for part in pd.__version__.split(".")[:2]) >= (3, 1)

#: Errors of the decompressors, besides OSError.
_ARCHIVE_ERRORS = (EOFError, zlib.error, lzma.LZMAError)


def format_of(path: Path, where: str = "source") -> Format:
    """Return the format of a file's suffix.

    Raises:
        ConfigError: the suffix is unknown.

    >>> format_of(Path("people.csv.gz"))
    'csv'
    """
    for suffix, format_ in _SUFFIXES.items():
        if path.name.lower().endswith(suffix):
            return format_
    raise ConfigError(
        f"{where}: expected a name ending in {', '.join(_SUFFIXES)}, got {path.name!r}. "
        "Rename it, or name its format."
    )


def is_csv(path: Path, format: Format | None = None) -> bool:
    """Return true if a table is read from a CSV, which has no dtypes."""
    return (format or format_of(path)) == "csv"


def check_readable(path: Path, where: str = "source") -> Path:
    """Return ``path`` if it exists.

    Raises:
        ConfigError: it does not; suggests the nearest name in the same folder.
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
    format: Format | None = None,
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
    kind = format_of(path) if format is None else one_of("format", format, get_args(Format))
    dialect = Dialect.of(separator, decimal, encoding, na_values)
    wanted = {name: check_dtype(dtype, f"dtypes.{name}") for name, dtype in (dtypes or {}).items()}
    try:
        if kind == "csv":
            _check_names(_header(path, dialect), wanted)
            return labelled(_read_csv(path, dialect, wanted, as_text, schema), of_side_file(path))
        _check_names(_parquet_names(path), wanted)  # pyarrow's own error for repeated names is not clear
        df = _read_parquet(path)
        _check_names([str(name) for name in df.columns], wanted)
        for name, dtype in wanted.items():
            df[name] = _cast(df[name], name, dtype)
        return labelled(df, of_json((_files(path).schema.metadata or {}).get(LABEL.encode())))
    except OSError as error:
        reason = error.strerror or "the file is damaged"
        raise DataError(f"source: cannot read {str(path)!r}: {reason}.") from None
    except _ARCHIVE_ERRORS:
        raise DataError(f"source: cannot read {str(path)!r}: the archive is damaged or cut off.") from None
    except UnicodeError:
        fix = "Name its encoding, such as cp1252 for Western Windows (encoding, --encoding)."
        raise DataError(
            f"source: {str(path)!r} is not a readable {kind} file: it is not {encoding or 'UTF-8'} text. {fix}"
        ) from None
    except pa.ArrowException:
        raise DataError(f"source: {str(path)!r} is not a readable {kind} file.") from None


def column_names(
    path: Path | str,
    format: Format | None = None,
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
        return _header(path, dialect) if is_csv(path, format) else _parquet_names(path)
    except (OSError, ValueError, pa.ArrowException, *_ARCHIVE_ERRORS):
        return None  # reading the table will raise the right error


def check_dtype(dtype: str, where: str) -> str:
    """Return ``dtype`` if pandas knows it.

    Raises:
        ConfigError: it does not.
    """
    if dtype_named(dtype) is None:
        raise ConfigError(f"{where}: expected a pandas dtype such as 'Int64', got {dtype!r}.")
    return dtype


def _header(path: Path, dialect: Dialect) -> list[str]:
    """Return a CSV's column names as in the file."""
    with open_text(path, dialect.encoding) as file:
        return list(read_header(file, path, dialect.separator).names)


def _check_names(names: Sequence[str], dtypes: Mapping[str, str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(
            f"source: column names repeat: {', '.join(map(repr, repeated))}. Rename or drop them."
        )
    for name in dtypes:
        if name not in names:
            raise ConfigError(f"Column {name!r}: given a dtype, but not in the table.{nearest(name, names)}")


def _read_csv(
    path: Path, dialect: Dialect, dtypes: Mapping[str, str], as_text: bool, schema: Schema | None
) -> pd.DataFrame:
    """Return a CSV, its columns converted to the given dtypes; others are text, or as pandas guesses them."""
    cells = read_cells(path, dialect)
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
    except (ValueError, TypeError, OverflowError, pa.ArrowException):
        raise _dtype_error(name, dtype) from None


def _with_objects(df: pd.DataFrame) -> pd.DataFrame:
    """Return a table with text as objects, as pandas before 3 reads it: dtypes are then the same under every pandas."""
    return df.astype({name: object for name, dtype in df.dtypes.items() if str(dtype) == "str"})


#: pandas dtypes by stored type, where pandas' own choice would depend on missing values.
_NULLABLE = {
    pa.bool_(): pd.BooleanDtype(),
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.uint8(): pd.UInt8Dtype(),
    pa.uint16(): pd.UInt16Dtype(),
    pa.uint32(): pd.UInt32Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
}

#: Name of a column that pandas writes for an index without a name.
_NAMELESS_INDEX = re.compile(r"__index_level_\d+__")


#: Days since 1970 of the first and the last date that Python can represent.
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896


def _read_parquet(path: Path) -> pd.DataFrame:
    """Return a Parquet table with dtypes that depend on the stored types alone.

    A file written by pandas records the dtypes of the frame, and pandas would restore them, or others as soon as one
    value is missing; these records are ignored. Integers and booleans always get nullable dtypes, and dictionary
    columns become plain values, because a dictionary lists the rows' values. A named index becomes columns at the
    end, any other is dropped. Names of folders that represent values (``year=2020``) are read as text.

    Raises:
        DataError: files of a folder differ in a column's stored type, or a fit does not support it.
    """
    files = _files(path)
    fields = _common_fields(files)
    plain = pa.schema([_plain_field(field) for field in fields])
    table = files.replace_schema(pa.schema(fields)).to_table()
    columns = [_plain(column, field.type) for column, field in zip(table.columns, plain, strict=True)]
    table = pa.table(columns, schema=plain)
    kept = [i for i, name in enumerate(table.column_names) if not _NAMELESS_INDEX.fullmatch(name)]
    return _with_objects(table.select(kept).to_pandas(types_mapper=_NULLABLE.get, ignore_metadata=True))


def _parquet_names(path: Path) -> list[str]:
    """Return the names of the columns that :func:`_read_parquet` returns."""
    return [str(name) for name in _files(path).schema.names if not _NAMELESS_INDEX.fullmatch(str(name))]


def _files(path: Path) -> Any:
    """Return the dataset of a file, or of a folder's files; values in the names of folders are always text."""
    files = dataset(path, format="parquet", partitioning="hive")
    first = next(files.get_fragments(), None)
    stored = [] if first is None else first.physical_schema.names
    folders = pa.schema([(name, pa.string()) for name in files.schema.names if name not in stored])
    return (
        dataset(path, format="parquet", partitioning=partitioning(folders, flavor="hive"))
        if folders
        else files
    )


def _common_fields(files: Any) -> list[pa.Field]:
    """Return the columns of all files, each with one stored type; a file's column of nulls alone does not count.

    Raises:
        DataError: two files store a column as different types. The types depend on the rows only if their writer made
            them so, and are public like the rest of the files' form.
    """
    fields = {field.name: field for field in files.schema}
    for fragment in files.get_fragments():
        for field in fragment.physical_schema:
            known = fields.setdefault(field.name, field)
            if pa.types.is_null(known.type):
                fields[field.name] = field
            elif not pa.types.is_null(field.type) and _value_type(known.type) != _value_type(field.type):
                raise DataError(
                    f"Column {field.name!r}: the files of the folder store it as {known.type} and as {field.type}. "
                    "Write them with one schema."
                )
    return list(fields.values())


def _value_type(type_: pa.DataType) -> pa.DataType:
    """Return the type of the stored values: of a dictionary's values, or of an extension's storage."""
    if isinstance(type_, pa.BaseExtensionType):
        type_ = type_.storage_type
    return type_.value_type if pa.types.is_dictionary(type_) else type_


def _plain_field(field: pa.Field) -> pa.Field:
    """Return a column's field with the type that it is read as.

    Raises:
        DataError: a fit does not support the stored type; raised before a row is read.
    """
    stored = _value_type(field.type)
    is_taken = (
        pa.types.is_primitive(stored)
        or pa.types.is_decimal(stored)
        or pa.types.is_null(stored)
        or _is_text(stored)
    )
    if not is_taken or pa.types.is_interval(stored):
        raise DataError(
            f"Column {field.name!r}: stored as {field.type}, which is not supported. Convert or drop it."
        )
    if pa.types.is_float16(stored):
        return pa.field(field.name, pa.float32())
    if pa.types.is_time(stored):
        return pa.field(field.name, pa.time64("us"))
    return pa.field(field.name, pa.date32() if pa.types.is_date64(stored) else stored)


def _is_text(type_: pa.DataType) -> bool:
    return any(
        is_type(type_) for is_type in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    )


def _plain(column: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    """Return a column as another type; dates that Python cannot represent become missing."""
    if isinstance(column.type, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
    column = column.cast(type_, safe=False)
    if pa.types.is_date32(type_):
        days = column.cast(pa.int32())
        is_known = pc.and_(pc.greater_equal(days, _FIRST_DAY), pc.less_equal(days, _LAST_DAY))
        column = pc.if_else(is_known, column, pa.scalar(None, type_))
    return column


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
    except (ValueError, TypeError, OverflowError, pa.ArrowException):
        raise _dtype_error(name, dtype) from None


def _integers(series: pd.Series, dtype: str) -> pd.Series:
    """Return a column of text as integers, each cell read by itself: pandas takes all for floats where one is 1.0.

    Raises:
        ValueError, OverflowError, TypeError: a cell is no integer of the dtype, or missing where it has no such.
    """
    resolved = pd.api.types.pandas_dtype(dtype)
    limits = np.iinfo(getattr(resolved, "numpy_dtype", resolved))
    values = [_integer(cell) if isinstance(cell, str) else cell for cell in objects(series)]
    values = [None if is_missing else v for v, is_missing in zip(values, pd.isna(values), strict=True)]
    if any(not limits.min <= value <= limits.max for value in values if value is not None):
        raise OverflowError
    return pd.Series(pd.array(values, dtype=resolved), index=series.index, name=series.name)


def _integer(text: str) -> int | None:
    """Return the integer that text stands for, also as ``1.0`` or ``1e3``; ``None`` for ``nan``.

    Raises:
        ValueError: it stands for none.
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
