"""Refuses tables that cannot be learnt, before anything is released.

Messages name columns and kinds, never values.
"""

from __future__ import annotations

import datetime as dt
import decimal
from numbers import Number

import numpy as np
import pandas as pd

from tabgan.errors import DataError, SchemaError
from tabgan.schema import Schema, nearest

_FAMILIES: tuple[tuple[str, type | tuple[type, ...]], ...] = (
    ("text", str),
    ("booleans", (bool, np.bool_)),
    ("numbers", (Number, decimal.Decimal)),
    ("datetimes", (dt.datetime, np.datetime64)),
    ("dates", dt.date),
)


def check_table(df: object, schema: Schema) -> None:
    """Raise unless ``df`` is a table that ``schema`` fits.

    Raises:
        DataError: not a DataFrame, empty, unusable column names, a column of mixed or unusable types,
            infinite numbers.
        SchemaError: the schema names columns that the table lacks.
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
    for name in df.columns:
        _check_column(df[name], name)


def _check_names(df: pd.DataFrame) -> None:
    if df.shape[1] == 0:
        raise DataError("fit: expected a table with columns, got none.")
    if isinstance(df.columns, pd.MultiIndex) or not all(isinstance(name, str) for name in df.columns):
        raise DataError("fit: expected column names that are text. Use df.columns = df.columns.map(str).")
    repeated = sorted(set(df.columns[df.columns.duplicated()]))
    if repeated:
        raise DataError(f"fit: column names repeat: {', '.join(map(repr, repeated))}. Rename or drop them.")


def _check_column(series: pd.Series, name: str) -> None:
    kind = series.dtype.kind if isinstance(series.dtype, np.dtype) else None
    if kind == "f":
        infinite = int(np.isinf(series.to_numpy()).sum())
        if infinite:
            raise DataError(
                f"Column {name!r}: {infinite} values are infinite. Replace them or make them missing."
            )
    elif kind in ("c", "V", "m") or isinstance(
        series.dtype, pd.PeriodDtype | pd.IntervalDtype | pd.SparseDtype
    ):
        raise DataError(
            f"Column {name!r}: columns of dtype {series.dtype} are not supported. Convert or drop it."
        )
    elif kind == "O":
        _check_objects(series, name)


def _check_objects(series: pd.Series, name: str) -> None:
    families = set()
    for type_ in set(map(type, series[series.notna()])):
        family = next((label for label, types in _FAMILIES if issubclass(type_, types)), None)
        if family is None:
            raise DataError(
                f"Column {name!r}: values of type {type_.__name__} are not supported. Convert or drop it."
            )
        families.add(family)
    if len(families) > 1:
        raise DataError(
            f"Column {name!r}: expected values of one kind, found {' and '.join(sorted(families))}. Convert it to one."
        )
