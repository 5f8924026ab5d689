"""Reads the values of a column, each by itself.

The result for a value depends on that value and on public facts (the dtype, the schema) alone, never on its
neighbours: one row more changes no other row. Nothing here raises on a value: what cannot be read counts as missing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from tabgan.schema import Boolean, Column, Numeric

#: Formats in which text is tried as a moment.
DATETIME_FORMATS = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%d.%m.%Y")

_EPOCH = dt.datetime(1970, 1, 1)


def floats(series: pd.Series) -> np.ndarray:
    """Return ``(rows,)`` float64, NaN where a value is missing, infinite, or not a number.

    Text is read as Python reads a number, for tables that come as text.
    """
    if pd.api.types.is_numeric_dtype(series.dtype):
        with np.errstate(over="ignore"):  # a warning would tell of a value
            values = series.to_numpy(dtype="float64", na_value=np.nan)
    else:
        values = np.fromiter(map(float_of, objects(series)), dtype="float64", count=len(series))
    return np.where(np.isfinite(values), values, np.nan)


def seconds(series: pd.Series, format_: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(rows,)`` int64 seconds of the wall clock since 1970, and whether there is a value.

    Args:
        series: datetime64, with or without a time zone; dates and datetimes as objects; or text.
        format_: ``strptime`` format of text; ``None`` takes ISO 8601.
    """
    is_numpy = isinstance(series.dtype, np.dtype | pd.DatetimeTZDtype)
    if is_numpy and pd.api.types.is_datetime64_any_dtype(series.dtype):
        wall_clock = series.dt.tz_localize(None) if isinstance(series.dtype, pd.DatetimeTZDtype) else series
        moments = wall_clock.to_numpy(dtype="datetime64[s]", na_value=np.datetime64("NaT"))
        return moments.astype(np.int64), ~np.isnat(moments)
    read = _text_reader(format_)
    numbers = [read(value) if isinstance(value, str) else _second(value) for value in objects(series)]
    present = np.array([number is not None for number in numbers], dtype=bool)
    return np.array([number or 0 for number in numbers], dtype=np.int64), present


def booleans(series: pd.Series) -> list[bool | None]:
    """Return ``(rows,)`` true, false, or ``None`` for anything else. Text is read as ``true`` or ``false``."""
    return [boolean_of(value) for value in objects(series)]


def objects(series: Iterable[Any]) -> list[Any]:
    """Return values as Python's own, ``None`` for one that its library cannot make into any.

    Arrow holds moments and dates beyond the calendar, which raise when they are looked at.
    """
    try:
        return list(series)
    except Exception:
        return [_object(series, row) for row in range(len(series))]  # type: ignore[arg-type]


def _object(series: Any, row: int) -> Any:
    try:
        return series.iloc[row]
    except Exception:
        return None


def is_text(series: pd.Series) -> bool:
    """Return true if a column's dtype is one that text has."""
    return series.dtype == np.dtype(object) or isinstance(series.dtype, pd.StringDtype)


def read_text(df: pd.DataFrame, columns: Iterable[Column]) -> pd.DataFrame:
    """Return a table in which text stands for what its columns say: numbers and booleans are read once.

    A column of a schema whose dtype is that of the table stays as it is.
    """
    read = {}
    for column in columns:
        series = df[column.name]
        if not is_text(series) or column.dtype == str(series.dtype):
            continue
        if isinstance(column, Numeric):
            read[column.name] = pd.Series(floats(series), index=df.index)
        elif isinstance(column, Boolean):
            read[column.name] = pd.Series(booleans(series), index=df.index, dtype="boolean")
    return df.assign(**read) if read else df


def float_of(value: object) -> float:
    """Return a number as a float, NaN for anything else.

    Any exception means that there is none: a value may be of a class that raises what it likes.
    """
    try:
        return float(value)  # type: ignore[arg-type]
    except Exception:
        return np.nan


def boolean_of(value: object) -> bool | None:
    """Return true or false, ``None`` for anything else."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return bool(value) if isinstance(value, bool | np.bool_) else None


def second_of(text: str, format_: str | None) -> int | None:
    """Return the wall clock's second that text stands for in a ``strptime`` format, by default ISO 8601."""
    try:
        return _second(dt.datetime.strptime(text, format_) if format_ else dt.datetime.fromisoformat(text))
    except Exception:
        return None


def _second(value: object) -> int | None:
    """Return the wall clock's second of a date or a datetime, whatever its time zone; ``None`` where there is none."""
    if isinstance(value, np.datetime64):
        return _numpy_second(value)
    if value is pd.NaT or not isinstance(value, dt.date):
        return None
    if isinstance(value, pd.Timestamp):  # may lie in a year that Python's datetime does not know
        try:
            return _numpy_second(value.tz_localize(None).asm8)
        except Exception:
            return None
    clock = (value.hour, value.minute, value.second) if isinstance(value, dt.datetime) else ()
    moment = dt.datetime(value.year, value.month, value.day, *clock)
    return (moment - _EPOCH) // dt.timedelta(seconds=1)


def _numpy_second(value: np.datetime64) -> int | None:
    """Return a moment's second, ``None`` where 64 bits cannot count so many."""
    second = value.astype("datetime64[s]")
    is_coarser = np.datetime_data(value.dtype)[0] in ("Y", "M", "W", "D", "h", "m")
    if np.isnat(second) or (is_coarser and second.astype(value.dtype) != value):
        return None
    return int(second.astype(np.int64))


def _text_reader(format_: str | None) -> Callable[[str], int | None]:
    """Return a reader of text that remembers what it has read."""
    known: dict[str, int | None] = {}

    def read(text: str) -> int | None:
        if text not in known:
            known[text] = second_of(text, format_)
        return known[text]

    return read
