"""Reads tables: CSV and Parquet files, and tables that come inside an installed package.

A parser's own message may quote the row that it choked on, so none is passed on: messages name files,
columns and dtypes.

A CSV has no dtypes, and pandas guesses them from its rows, while a fit takes dtypes as public. Tables that are read
for a fit are therefore left as text (``as_text``): the fit then finds kinds under differential privacy.
"""

from __future__ import annotations

import importlib.util
import lzma
import warnings
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd
import pyarrow as pa
from pyarrow.dataset import dataset

from tabgan._validate import one_of
from tabgan.errors import ConfigError, DataError
from tabgan.schema import nearest

Format = Literal["csv", "parquet"]

#: Suffixes by format. pandas decompresses by the last one.
_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".csv.bz2": "csv",
    ".csv.xz": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}

#: What the decompressors raise, beside OSError.
_ARCHIVE_ERRORS = (EOFError, zlib.error, lzma.LZMAError)


def format_of(path: Path, where: str = "source") -> Format:
    """Return the format that a file's suffix stands for.

    Raises:
        ConfigError: for any other suffix.

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
    """Return whether a table is read from text that has no dtypes."""
    return (format or format_of(path)) == "csv"


def check_readable(path: Path, where: str = "source") -> Path:
    """Return ``path`` if something to read is there.

    Raises:
        ConfigError: otherwise, with the nearest name in the same folder.
    """
    if path.exists():
        return path
    neighbours = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    raise ConfigError(f"{where}: no file {str(path)!r}.{nearest(path.name, neighbours)}")


def package_table(package: str, table: str, where: str = "source") -> Path:
    """Return the file of a table inside an installed package. No code of the package runs.

    Raises:
        ConfigError: when the package is not installed or has no such table.
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
) -> pd.DataFrame:
    """Return the table in a CSV or Parquet file.

    Args:
        path: The file. With ``format="parquet"`` also a folder of Parquet files.
        format: Taken from the suffix when ``None``.
        na_values: What stands for a missing value in a CSV, instead of pandas' own list.
        dtypes: pandas dtypes by column; the others are guessed (CSV) or as stored (Parquet).
        as_text: Leave a CSV's other columns as text instead of guessing: one row then changes no dtype.

    Raises:
        ConfigError: no such file, unknown format, ``dtypes`` with an unknown column or dtype.
        DataError: the content cannot be read, column names repeat, values do not fit their dtype.
    """
    path = check_readable(Path(path))
    kind = format_of(path) if format is None else one_of("format", format, get_args(Format))
    wanted = {name: check_dtype(dtype, f"dtypes.{name}") for name, dtype in (dtypes or {}).items()}
    try:
        if kind == "csv":
            _check_names(_header(path), wanted)
            return _read_csv(path, na_values, wanted, as_text)
        df = _read_parquet(path)
        _check_names([str(name) for name in df.columns], wanted)
        return _cast(df, wanted)
    except OSError as error:
        reason = error.strerror or "the file is damaged"
        raise DataError(f"source: cannot read {str(path)!r}: {reason}.") from None
    except _ARCHIVE_ERRORS:
        raise DataError(f"source: cannot read {str(path)!r}: the archive is damaged or cut off.") from None
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError, pa.ArrowException) as error:
        raise DataError(f"source: {str(path)!r} is not a readable {kind} file{_place(error)}.") from None


def _place(error: Exception) -> str:
    """Return why a file could not be read, as far as that says nothing of its rows."""
    if isinstance(error, UnicodeDecodeError):
        return ": it is not UTF-8 text"
    if isinstance(error, pd.errors.EmptyDataError):
        return ": it is empty"
    if isinstance(error, pd.errors.ParserError):
        return ": its rows differ in their number of fields, or a quote is never closed"
    return ""


def check_dtype(dtype: str, where: str) -> str:
    """Return ``dtype`` if pandas knows it.

    Raises:
        ConfigError: otherwise.
    """
    try:
        pd.api.types.pandas_dtype(dtype)
    except (TypeError, ValueError, NotImplementedError):
        raise ConfigError(f"{where}: expected a pandas dtype such as 'Int64', got {dtype!r}.") from None
    return dtype


def _header(path: Path) -> list[str]:
    """Return a CSV's names as they stand in the file: pandas renames repeated ones without a word."""
    header = pd.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    return [str(name) for name in header.iloc[0]]


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
    path: Path, na_values: Sequence[str] | None, dtypes: Mapping[str, str], as_text: bool
) -> pd.DataFrame:
    """Return a CSV as pandas reads it, moments converted after reading."""
    moments = {name: dtype for name, dtype in dtypes.items() if dtype.startswith("datetime64")}
    others: Any = {name: dtype for name, dtype in dtypes.items() if name not in moments}
    options: dict[str, Any] = {"low_memory": False, "index_col": False, "encoding": "utf-8-sig"}
    options["float_precision"] = "round_trip"  # by default pandas misses the last bit of numbers of 16 digits
    if na_values is not None:
        options |= {"na_values": list(na_values), "keep_default_na": False}
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            given = others | dict.fromkeys(moments, "object")
            df = pd.read_csv(
                path, dtype=defaultdict(lambda: "object", given) if as_text else given, **options
            )
        except pd.errors.ParserWarning:
            raise DataError(
                f"source: {str(path)!r} has rows with more fields than the header has names."
            ) from None
        except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError):
            raise
        except (ValueError, TypeError, OverflowError):
            raise _misfit(path, others, options) from None
    return _cast(df, moments)


def _misfit(path: Path, dtypes: Mapping[str, str], options: Mapping[str, Any]) -> DataError:
    """Return the error that names the column whose values do not fit its dtype."""
    for name, dtype in dtypes.items():
        try:
            pd.read_csv(path, dtype={name: dtype}, usecols=[name], **{**options, "index_col": None})
        except (ValueError, TypeError, OverflowError):
            return _dtype_error(name, dtype)
    return DataError(f"source: {str(path)!r} is not a readable csv file.")


def _read_parquet(path: Path) -> pd.DataFrame:
    """Return a Parquet table; a named index becomes columns, any other is dropped.

    Where pandas left no dtypes in the file, they follow from the stored types alone: left to itself, pandas would turn
    integers into floats as soon as one row has none.
    """
    options: Any = {} if dataset(path).schema.pandas_metadata else {"dtype_backend": "numpy_nullable"}
    try:
        df = pd.read_parquet(path, **options)
    except KeyError:  # some versions of pyarrow stumble over an index that they wrote themselves
        raise DataError(
            f"source: {str(path)!r} holds an index that cannot be read. Write it without one."
        ) from None
    return df.reset_index(drop=any(name is None for name in df.index.names))


def _cast(df: pd.DataFrame, dtypes: Mapping[str, str]) -> pd.DataFrame:
    """Return a table with some columns as other dtypes."""
    for name, dtype in dtypes.items():
        try:
            is_text = dtype.startswith("datetime64") and df[name].dtype == object
            series = pd.to_datetime(df[name], format="ISO8601") if is_text else df[name]
            df = df.assign(**{name: series.astype(dtype)})
        except (ValueError, TypeError, OverflowError, pa.ArrowException):
            raise _dtype_error(name, dtype) from None
    return df


def _dtype_error(name: str, dtype: str) -> DataError:
    return DataError(f"Column {name!r}: its values cannot be read as {dtype}. Choose another dtype for it.")
