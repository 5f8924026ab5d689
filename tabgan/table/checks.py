"""Checks that refuse a table that no model can be fitted to, before anything is released.

After these checks nothing raises because of a value, so that the success of a fit follows from noisy numbers alone:
that a table passed them is taken as public. Messages name columns and kinds, never values or how many there are.
"""

from __future__ import annotations

import datetime as dt
import decimal
import logging
import math
from collections.abc import Callable, Iterable, Sequence
from numbers import Rational, Real

import numpy as np
import pandas as pd

from tabgan._util.validate import nearest
from tabgan.columns.kind import (
    BOOLEANS,
    DATES,
    DATETIMES,
    DURATIONS,
    NUMBERS,
    TEXT,
    TIMES,
    ZONED_DATETIMES,
    ZONED_TIMES,
    Column,
)
from tabgan.columns.values import Dtype, dtype_named, float_of, has_type, objects
from tabgan.errors import DataError, SchemaError
from tabgan.schema import Schema
from tabgan.table.labels import LABEL, label_of
from tabgan.table.reduction import check_rules_of_table

logger = logging.getLogger(__name__)

_FAMILIES: tuple[tuple[str, type | tuple[type, ...]], ...] = (
    (TEXT, str),
    (BOOLEANS, (bool, np.bool_)),
    (DURATIONS, (dt.timedelta, np.timedelta64)),
    (NUMBERS, (Real, decimal.Decimal)),
    (DATETIMES, (dt.datetime, np.datetime64)),
    (DATES, dt.date),
    (TIMES, dt.time),
)

#: Columns of a table at most: a fit's time and memory grow with the square of their number.
MAX_COLUMNS = 1_000

#: Families of objects that say their time zone, which a column of objects cannot keep.
_ZONED = {DATETIMES: ZONED_DATETIMES, TIMES: ZONED_TIMES}

_PLAIN = {TEXT, BOOLEANS, NUMBERS}


def check_table(df: object, schema: Schema, *, untyped_text: bool = False) -> None:
    """Raise unless ``df`` is a table that ``schema`` fits.

    Args:
        df: The table.
        schema: The declared part of its schema.
        untyped_text: True if declared numbers and booleans may come as text.

    Raises:
        DataError: not a DataFrame, empty, too many columns, unusable column names, a column of mixed or unusable types,
            infinite numbers, values that the schema refuses.
        SchemaError: the schema names columns that the table lacks, or declares a domain that a dtype rules out, or
            rules that the columns cannot keep.
    """
    if not isinstance(df, pd.DataFrame):
        raise DataError(f"fit: expected a pandas DataFrame, got {type(df).__name__}.")
    check_header(df, schema, untyped_text=untyped_text)
    check_cells(df, lambda name: [df[name]], len(df), schema, untyped_text=untyped_text)


def check_header(header: pd.DataFrame, schema: Schema, *, untyped_text: bool = False) -> None:
    """Raise unless a table's columns are ones that ``schema`` fits. Reads no row.

    Raises:
        DataError, SchemaError: see :func:`check_table`.
    """
    _check_names(header)
    for name, dtype in header.dtypes.items():
        if not (isinstance(dtype, pd.CategoricalDtype) or _is_taken(dtype)):
            raise DataError(
                f"Column {name!r}: columns of dtype {dtype} are not supported. Convert or drop it."
            )
    check_columns(schema, list(header.columns))
    check_rules_of_table(header, schema, untyped_text=untyped_text)


def check_cells(
    header: pd.DataFrame,
    parts: Callable[[str], Sequence[pd.Series]],
    n_rows: int,
    schema: Schema,
    *,
    untyped_text: bool = False,
) -> None:
    """Raise unless ``schema`` fits the cells of a table, each of which is judged by itself.

    Args:
        header: The table; only its names and dtypes are read here.
        parts: Function from a column's name to series that together hold each of its values at least once.
        n_rows: Number of rows.
        schema: The declared part of its schema.
        untyped_text: True if declared numbers and booleans may come as text.

    Raises:
        DataError, SchemaError: see :func:`check_table`.
    """
    if n_rows == 0:
        raise DataError("fit: expected a table with rows, got none.")
    families = {name: _check_column(parts(name), name) for name in header.columns}
    declared = frozenset(schema.names)
    for name in header.columns:
        if name not in declared:
            _check_zones(families[name], name)
    for column in schema:
        is_read = untyped_text and families[column.name] == {TEXT} and column.reads_from_text
        if column.dtype:
            _check_output(column)
        if not is_read:
            _check_kind(column, families[column.name])
            _check_output(column.with_(dtype=column.dtype or str(header[column.name].dtype)))
        for series in parts(column.name):
            column.check_values(series)


def warn_if_synthetic(df: object) -> None:
    """Log a warning about a table that is labelled as synthetic; reads the label alone."""
    if label_of(df) is not None:
        logger.warning(
            "The table is labelled as synthetic, made by tabgan: a fit to it learns that model's noise, and promises "
            "nothing to the people behind the original. Fit to the original, or drop df.attrs[%r].",
            LABEL,
        )


def check_columns(schema: Schema, names: Sequence[str]) -> None:
    """Raise unless a table with these columns has those of a schema, its targets among them.

    Raises:
        SchemaError: the table lacks a column of the schema.
    """
    for column in schema:
        if column.name not in names:
            raise schema.error(
                f"Column {column.name!r}: in the schema, but not in the table.{nearest(column.name, names)}"
            )
        if column.follows_column is not None and column.follows_column not in names:
            raise schema.error(
                f"Column {column.name!r}: follows: no column {column.follows_column!r}."
                f"{nearest(column.follows_column, names)}"
            )
    for target in schema.targets:
        if target not in names:
            fix = nearest(target, names) or " Name a column of the table."
            raise schema.error(f"target: no column {target!r}.{fix}")


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


def _check_column(parts: Sequence[pd.Series], name: str) -> frozenset[str]:
    """Return the families of a column's values: none if all are missing, several in a ``category`` alone."""
    families = frozenset[str]().union(*(_families_of(series, name) for series in parts))
    if len(families) > 1 and not isinstance(parts[0].dtype, pd.CategoricalDtype):
        raise DataError(
            f"Column {name!r}: expected values of one kind, found {' and '.join(sorted(families))}. Convert it to one."
        )
    return families


def _check_zones(families: frozenset[str], name: str) -> None:
    """Raise unless a column that nobody declared can keep the time zones that its objects say.

    Raises:
        DataError: it cannot: cells would come back by the wall clock of each, without its zone.
    """
    advice = {
        ZONED_DATETIMES: f"df[{name!r}] = pd.to_datetime(df[{name!r}], utc=True)",
        ZONED_TIMES: "times of day without one",
    }
    for family in families & advice.keys():
        raise DataError(
            f"Column {name!r}: {family} stand as objects, and a column of objects cannot keep the zone. "
            f"Convert it: {advice[family]}."
        )


def _families_of(series: pd.Series, name: str) -> frozenset[str]:
    """Return the families of some values of a column."""
    dtype = series.dtype
    is_numpy = isinstance(dtype, np.dtype)
    if isinstance(dtype, pd.CategoricalDtype):
        families = _families(pd.Series(list(dtype.categories), dtype=object), name)
        if any(
            isinstance(each, decimal.Decimal | Rational) and not isinstance(each, int | np.integer)
            for each in dtype.categories
        ):
            families |= {"decimals"}
        if not families <= _PLAIN:
            raise DataError(
                f"Column {name!r}: categories that are {' and '.join(sorted(families))} are not supported. "
                "Convert the column."
            )
        return families
    if is_numpy and dtype.kind == "m":
        return frozenset({DURATIONS})
    if pd.api.types.is_bool_dtype(dtype):
        return frozenset({BOOLEANS})
    if pd.api.types.is_numeric_dtype(dtype):
        if np.isinf(series.to_numpy(dtype="float64", na_value=np.nan)).any():
            raise DataError(f"Column {name!r}: values are infinite. Replace them or make them missing.")
        return frozenset({NUMBERS})
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return frozenset({DATETIMES})
    return _families(series, name)


def _check_output(column: Column) -> None:
    """Raise unless a column's dtype is one that a table may have, and made-up values of the column come back from it.

    Raises:
        SchemaError: no table may have the dtype, or values do not come back from it.
    """
    dtype = pd.api.types.pandas_dtype(column.dtype)
    if not (isinstance(dtype, pd.CategoricalDtype) or _is_taken(dtype)):
        raise SchemaError(f"Column {column.name!r}: dtype: {dtype} is not supported. Declare another.")
    column.check_output()


def _is_taken(dtype: Dtype) -> bool:
    """Return true for a dtype whose values can be read, and that its name alone determines, as a model file needs."""
    if isinstance(dtype, np.dtype):
        return dtype.kind not in "cV"
    if isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype | pd.SparseDtype):
        return False
    return dtype.kind != "m" and has_type(dtype) and dtype_named(str(dtype)) is not None


def _families(series: pd.Series, name: str) -> frozenset[str]:
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
                f"Column {name!r}: expected text, numbers, booleans, dates, datetimes, times of day or durations; "
                "found values of another type. Convert or drop it."
            )
        families.add(family)
    if families in ({DATETIMES}, {TIMES}):
        (family,) = families
        families = {_ZONED[family] if _has_zone(value) else family for value in present}
    if families == {"numbers"} and any(map(_is_infinite, present)):
        raise DataError(f"Column {name!r}: values are infinite. Replace them or make them missing.")
    if families == {"text"} and not _is_unicode(present):
        raise DataError(
            f"Column {name!r}: text that is not valid Unicode (lone surrogates), which no file can hold. Correct "
            "it, or make it missing."
        )
    return frozenset(families)


def _has_zone(value: object) -> bool:
    return getattr(value, "tzinfo", None) is not None


def _is_unicode(texts: Iterable[object]) -> bool:
    """Return true if every text can be written as UTF-8."""
    try:
        "\n".join(map(str, texts)).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _is_infinite(value: object) -> bool:
    return isinstance(value, float | np.floating | decimal.Decimal) and math.isinf(float_of(value))


def _check_kind(column: Column, families: frozenset[str]) -> None:
    """Raise unless the declared kind can be made of the cells of a column."""
    if families <= column.takes:
        return
    raise SchemaError(
        f"Column {column.name!r}: declared as {column.kind}, which takes {' or '.join(sorted(column.takes))}; the "
        f"table holds {' and '.join(sorted(families))}. {column.advice(families)}"
    )
