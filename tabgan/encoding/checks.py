"""Refuses tables that cannot be learnt, before anything is released.

Messages name columns and kinds, never values.
"""

from __future__ import annotations

import datetime as dt
import decimal
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd

from tabgan.encoding.lattice import declared_range, dtype_range
from tabgan.errors import DataError, SchemaError
from tabgan.schema import Boolean, Categorical, Datetime, Numeric, Schema, nearest

_FAMILIES: tuple[tuple[str, type | tuple[type, ...]], ...] = (
    ("text", str),
    ("booleans", (bool, np.bool_)),
    ("numbers", (Number, decimal.Decimal)),
    ("datetimes", (dt.datetime, np.datetime64)),
    ("dates", dt.date),
)

_PLAIN = {"text", "booleans", "numbers"}

_DATES = {"dates", "datetimes"}


def check_table(df: object, schema: Schema) -> None:
    """Raise unless ``df`` is a table that ``schema`` fits.

    Raises:
        DataError: not a DataFrame, empty, unusable column names, a column of mixed or unusable types,
            infinite numbers.
        SchemaError: the schema names columns that the table lacks, or declares of one what its dtype rules out.
    """
    if not isinstance(df, pd.DataFrame):
        raise DataError(f"fit: expected a pandas DataFrame, got {type(df).__name__}.")
    _check_names(df)
    if len(df) == 0:
        raise DataError("fit: expected a table with rows, got none.")
    for column in schema:
        if column.name not in df.columns:
            raise SchemaError(
                f"Column {column.name!r}: in the schema, but not in the table.{nearest(column.name, list(df.columns))}"
            )
    if schema.target is not None and schema.target not in df.columns:
        raise SchemaError(f"target: no column {schema.target!r}.{nearest(schema.target, list(df.columns))}")
    families = {name: _check_column(df[name], name) for name in df.columns}
    for column in schema:
        dtype = str(df[column.name].dtype)
        _check_kind(column, families[column.name])
        _check_output(column.model_copy(update={"dtype": column.dtype or dtype}))


def _check_names(df: pd.DataFrame) -> None:
    if df.shape[1] == 0:
        raise DataError("fit: expected a table with columns, got none.")
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
        infinite = int(np.isinf(series.dropna().astype("float64").to_numpy()).sum())
        if infinite:
            raise DataError(
                f"Column {name!r}: {infinite} values are infinite. Replace them or make them missing."
            )
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
    except (TypeError, NotImplementedError):
        return False
    return True


def _families(series: pd.Series, name: str) -> set[str]:
    """Return the families of the types in a column of objects."""
    families = set()
    for type_ in set(map(type, series[series.notna()])):
        family = next((label for label, types in _FAMILIES if issubclass(type_, types)), None)
        if family is None or issubclass(type_, complex):
            raise DataError(
                f"Column {name!r}: values of type {type_.__name__} are not supported. Convert or drop it."
            )
        families.add(family)
    return families


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
