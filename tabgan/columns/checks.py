"""Refuses tables that cannot be learnt, before anything is released.

After these checks nothing raises because of a value, so that whether a fit succeeds follows from noisy numbers alone:
that a table passed them is taken as public. Messages name columns and kinds, never values or how many there are.
"""

from __future__ import annotations

import datetime as dt
import decimal
import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from tabgan.columns.categorical import typed
from tabgan.columns.lattice import declared_range, dtype_range, to_lattice
from tabgan.columns.values import booleans, float_of, floats, objects, seconds
from tabgan.errors import DataError, SchemaError
from tabgan.schema import MAX_DECIMALS, Boolean, Categorical, Datetime, Numeric, Schema, nearest

_FAMILIES: tuple[tuple[str, type | tuple[type, ...]], ...] = (
    ("text", str),
    ("booleans", (bool, np.bool_)),
    ("numbers", (Real, decimal.Decimal)),
    ("datetimes", (dt.datetime, np.datetime64)),
    ("dates", dt.date),
)

#: Columns of a table at most: a fit's time and memory grow with the square of their number.
MAX_COLUMNS = 1_000

_PLAIN = {"text", "booleans", "numbers"}

_DATES = {"dates", "datetimes"}


def check_table(df: object, schema: Schema, *, untyped_text: bool = False) -> None:
    """Raise unless ``df`` is a table that ``schema`` fits.

    Args:
        df: The table.
        schema: What is declared of it.
        untyped_text: Whether declared numbers and booleans may come as text.

    Raises:
        DataError: not a DataFrame, empty, too many columns, unusable column names, a column of mixed or unusable types,
            infinite numbers, values that the schema refuses.
        SchemaError: the schema names columns that the table lacks, or declares of one what its dtype rules out.
    """
    if not isinstance(df, pd.DataFrame):
        raise DataError(f"fit: expected a pandas DataFrame, got {type(df).__name__}.")
    _check_names(df)
    if len(df) == 0:
        raise DataError("fit: expected a table with rows, got none.")
    check_columns(schema, list(df.columns))
    families = {name: _check_column(df[name], name) for name in df.columns}
    for column in schema:
        series = df[column.name]
        is_read = untyped_text and families[column.name] == {"text"} and isinstance(column, Numeric | Boolean)
        if not is_read:
            _check_kind(column, families[column.name])
        if column.dtype or not is_read:
            _check_output(column.model_copy(update={"dtype": column.dtype or str(series.dtype)}))
        _check_values(column, series)


def check_columns(schema: Schema, names: Sequence[str]) -> None:
    """Raise unless a table with these columns has those of a schema, its target among them.

    Raises:
        SchemaError: it lacks one.
    """
    for column in schema:
        if column.name not in names:
            raise SchemaError(
                f"Column {column.name!r}: in the schema, but not in the table.{nearest(column.name, names)}"
            )
    if schema.target is not None and schema.target not in names:
        raise SchemaError(f"target: no column {schema.target!r}.{nearest(schema.target, names)}")


def _check_names(df: pd.DataFrame) -> None:
    if df.shape[1] == 0:
        raise DataError("fit: expected a table with columns, got none.")
    if df.shape[1] > MAX_COLUMNS:
        raise DataError(
            f"fit: expected at most {MAX_COLUMNS:,} columns, found {df.shape[1]:,}. Drop those that are not needed."
        )
    if isinstance(df.columns, pd.MultiIndex) or not all(isinstance(name, str) for name in df.columns):
        raise DataError("fit: expected column names that are text. Use df.columns = df.columns.map(str).")
    repeated = sorted(set(df.columns[df.columns.duplicated()]))
    if repeated:
        raise DataError(f"fit: column names repeat: {', '.join(map(repr, repeated))}. Rename or drop them.")


def _check_column(series: pd.Series, name: str) -> set[str]:
    """Return what a column's values are: a single family, or none where all are missing."""
    dtype = series.dtype
    is_numpy = isinstance(dtype, np.dtype)
    if isinstance(dtype, pd.CategoricalDtype):
        families = _families(pd.Series(list(dtype.categories), dtype=object), name)
        if not families <= _PLAIN:
            raise DataError(
                f"Column {name!r}: categories that are {' and '.join(sorted(families))} are not supported. "
                "Convert the column."
            )
        return families
    if (is_numpy and dtype.kind in "cVm") or not (is_numpy or _has_name(dtype)):
        raise DataError(f"Column {name!r}: columns of dtype {dtype} are not supported. Convert or drop it.")
    if pd.api.types.is_bool_dtype(dtype):
        return {"booleans"}
    if pd.api.types.is_numeric_dtype(dtype):
        if np.isinf(series.to_numpy(dtype="float64", na_value=np.nan)).any():
            raise DataError(f"Column {name!r}: values are infinite. Replace them or make them missing.")
        return {"numbers"}
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return {"datetimes"}
    families = _families(series, name)
    if len(families) > 1:
        raise DataError(
            f"Column {name!r}: expected values of one kind, found {' and '.join(sorted(families))}. Convert it to one."
        )
    return families


def _has_name(dtype: Any) -> bool:
    """Return whether an extension dtype is one that its name, which a model file keeps, brings back."""
    if isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype | pd.SparseDtype) or dtype.kind == "m":
        return False
    try:
        pd.api.types.pandas_dtype(str(dtype))
    except (TypeError, ValueError, NotImplementedError):
        return False
    return True


def _families(series: pd.Series, name: str) -> set[str]:
    """Return the families of the types in a column of objects."""
    families = set()
    try:
        present = [value for value in objects(series[series.notna()]) if value is not None]
    except (
        ArithmeticError
    ):  # a signalling NaN raises when it is compared, so that nobody can ask if it is missing
        raise DataError(
            f"Column {name!r}: holds signalling NaNs, which cannot be compared. Make them missing."
        ) from None
    for type_ in set(map(type, present)):
        family = next((label for label, types in _FAMILIES if issubclass(type_, types)), None)
        if family is None:
            raise DataError(
                f"Column {name!r}: expected text, numbers, booleans, dates or datetimes; found values of another type. "
                "Convert or drop it."
            )
        families.add(family)
    if families == {"numbers"} and any(map(_is_infinite, present)):
        raise DataError(f"Column {name!r}: values are infinite. Replace them or make them missing.")
    if families == {"text"} and not _is_unicode(present):
        raise DataError(
            f"Column {name!r}: text that is no valid Unicode (lone surrogates), which no file can hold. Mend it, or "
            "make it missing."
        )
    return families


def _is_unicode(texts: list[str]) -> bool:
    """Return whether every text can be written as UTF-8."""
    try:
        "\n".join(texts).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _is_infinite(value: object) -> bool:
    return isinstance(value, float | np.floating | decimal.Decimal) and math.isinf(float_of(value))


def _check_kind(column: Any, families: set[str]) -> None:
    """Raise unless the declared kind can be made of what a column holds."""
    if isinstance(column, Numeric):
        usable = {"numbers", "booleans"}
    elif isinstance(column, Boolean):
        usable = {"booleans"}
    elif isinstance(column, Datetime):
        usable = {"text"} if column.format else _DATES
    elif isinstance(column, Categorical):
        usable = _PLAIN
    else:
        return
    if families <= usable:
        return
    needs_format = isinstance(column, Datetime) and families == {"text"}
    raise SchemaError(
        f"Column {column.name!r}: declared as {column.kind}, which takes {' or '.join(sorted(usable))}; the table "
        f"holds {' and '.join(sorted(families))}. "
        + (
            "Set format, such as '%Y-%m-%d'."
            if needs_format
            else "Declare another kind, or convert the column."
        )
    )


def _check_output(column: Any) -> None:
    """Raise unless a column's dtype can hold what is declared of it."""
    resolved = pd.api.types.pandas_dtype(column.dtype)
    is_text = resolved == np.dtype(object) or pd.api.types.is_string_dtype(resolved)
    is_number = pd.api.types.is_numeric_dtype(resolved)
    if isinstance(column, Numeric):
        fits = is_number or resolved == np.dtype(object)
    elif isinstance(column, Boolean):
        fits = pd.api.types.is_bool_dtype(resolved) or resolved == np.dtype(object)
    elif isinstance(column, Datetime):
        fits = is_text or (column.format is None and not is_number and column.dtype != "category")
    elif isinstance(column, Categorical):
        fits = _can_hold(resolved, column.categories or ())
    else:
        fits = (is_text or is_number) and not pd.api.types.is_bool_dtype(resolved)
    if not fits:
        raise SchemaError(
            f"Column {column.name!r}: dtype {column.dtype} cannot hold what is declared as {column.kind}. "
            "Declare another dtype or kind."
        )
    if isinstance(column, Numeric | Datetime):
        _check_range(column)


def _check_values(column: Any, series: pd.Series) -> None:
    """Raise if a column holds values that its declaration refuses.

    Each is refused or not by itself; ``out_of_range`` and ``unknown`` do so only where a domain is declared.
    """
    if column.nullable is False and series.isna().any():
        raise DataError(
            f"Column {column.name!r}: the schema says nullable: false, but values are missing. Set nullable: true."
        )
    if isinstance(column, Numeric | Boolean) and not _are_readable(column, series):
        raise DataError(
            f"Column {column.name!r}: expected {'numbers' if isinstance(column, Numeric) else 'true or false'}, found "
            "other values. Mend them, or make them missing."
        )
    if (
        isinstance(column, Datetime)
        and (~seconds(series, column.format)[1] & series.notna().to_numpy(bool)).any()
    ):
        expected = f"text in the format {column.format!r}" if column.format else "dates or datetimes"
        raise DataError(
            f"Column {column.name!r}: expected {expected}, found other values. Mend them or make them missing."
        )
    if isinstance(column, Numeric | Datetime) and column.out_of_range == "error":
        _check_inside(column, series)
    if isinstance(column, Categorical) and column.unknown == "error":
        if column.categories is None:
            raise SchemaError(
                f"Column {column.name!r}: unknown: error needs categories. Declare them, or use other."
            )
        if not set(typed(series.dropna())) <= set(typed(column.categories)):
            raise DataError(
                f"Column {column.name!r}: values are not among the schema's categories. Add them, or set "
                "unknown: other."
            )


def _are_readable(column: Numeric | Boolean, series: pd.Series) -> bool:
    """Return whether every value that is not missing is a number, or true or false."""
    present = series[series.notna()]
    if isinstance(column, Boolean):
        return None not in booleans(present)
    return not np.isnan(floats(present)).any() or pd.api.types.is_float_dtype(series.dtype)


def _check_inside(column: Numeric | Datetime, series: pd.Series) -> None:
    """Raise if a value lies outside the declared bounds, at the precision that is declared, or exactly."""
    if column.bounds is None:
        raise SchemaError(
            f"Column {column.name!r}: out_of_range: error needs bounds. Declare them, or use clip."
        )
    finest = {"decimals": MAX_DECIMALS} if isinstance(column, Numeric) else {"resolution": "second"}
    if (column.decimals if isinstance(column, Numeric) else column.resolution) is None:
        column = column.model_copy(update=finest)
    lattice, present = to_lattice(column, series)
    low, high = declared_range(column)
    if (present & ((lattice < low) | (lattice > high))).any():
        raise DataError(
            f"Column {column.name!r}: rows lie outside the declared bounds {list(column.bounds or ())}. "
            "Widen the bounds or set out_of_range: clip."
        )


def _can_hold(dtype: Any, categories: tuple[Any, ...]) -> bool:
    """Return whether declared categories can be cast to a dtype."""
    try:
        pd.Series(list(categories), dtype=object).astype(dtype)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _check_range(column: Numeric | Datetime) -> None:
    """Raise unless a column's dtype can hold its declared bounds and decimals."""
    is_integer = pd.api.types.is_integer_dtype(pd.api.types.pandas_dtype(column.dtype or "object"))
    if isinstance(column, Numeric) and is_integer and column.decimals:
        raise SchemaError(
            f"Column {column.name!r}: decimals: {column.decimals} do not go with dtype {column.dtype}. "
            "Use 0, or another dtype."
        )
    if column.bounds is None:
        return
    low, high = declared_range(column)
    smallest, largest = dtype_range(column)
    if low < smallest or high > largest:
        raise SchemaError(
            f"Column {column.name!r}: bounds: dtype {column.dtype} cannot hold {list(column.bounds)}. "
            "Narrow the bounds, or declare another dtype."
        )
