"""The values of a column, each read by itself.

The result for a value depends on that value and on public facts (the dtype, the schema) alone, never on its
neighbours: one row more changes no other row. Nothing here raises on a value; one that cannot be read is missing.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd

#: Formats in which text is tried as a moment.
DATETIME_FORMATS = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%d.%m.%Y")

#: Text that is a duration: as pandas and Python write it, or ISO 8601.
_DURATION = re.compile(
    r"[+-]?(?:\d+ days?,?)?\s*[+-]?(?:\d+:\d{2}:\d{2}(?:\.\d+)?)?"
    r"|-?P(?=.)(?:\d+D)?(?:T(?=.)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?"
)

#: Seconds of pandas' units of durations.
_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}

_EPOCH = dt.datetime(1970, 1, 1)

#: Words that programs write for a missing value, pandas' own list. In a column of text each may be a value as well.
MISSING_WORDS = frozenset(
    [
        "#N/A",
        "#N/A N/A",
        "#NA",
        "-1.#IND",
        "-1.#QNAN",
        "-NaN",
        "-nan",
        "1.#IND",
        "1.#QNAN",
        "<NA>",
        "N/A",
        "NA",
    ]
) | frozenset(["NULL", "NaN", "None", "n/a", "nan", "null"])


def floats(series: pd.Series) -> np.ndarray:
    """Return ``(rows,)`` float64, NaN where a value is missing, infinite, or not a number.

    Text is read as Python reads a number, for tables that come as text.
    """
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "cmM":
        return np.full(len(series), np.nan)
    if pd.api.types.is_numeric_dtype(series.dtype):
        with np.errstate(over="ignore"):  # a warning would tell of a value
            values = series.to_numpy(dtype="float64", na_value=np.nan)
    else:
        values = np.fromiter(map(float_of, objects(series)), dtype="float64", count=len(series))
    return np.where(np.isfinite(values), values, np.nan)


def seconds(series: pd.Series, format_: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(rows,)`` int64 seconds of the wall clock since 1970, and ``(rows,)`` true where there is a value.

    Args:
        series: datetime64, with or without a time zone; dates and datetimes as objects; or text.
        format_: ``strptime`` format of text; ``None`` takes ISO 8601.
    """
    if _is_datetime(series.dtype):
        found = _wall_clock(series).to_numpy(dtype="datetime64[s]", na_value=np.datetime64("NaT"))
        return found.astype(np.int64), ~np.isnat(found)
    clocks = _clocks(series, format_)
    present = np.array([clock is not None for clock in clocks], dtype=bool)
    return np.array([0 if clock is None else clock[0] for clock in clocks], dtype=np.int64), present


def moments(series: pd.Series, format_: str | None) -> np.ndarray:
    """Return ``(rows,)`` float64 seconds as :func:`seconds`, with fractions, NaN where there is no value."""
    if _is_datetime(series.dtype):
        found = _wall_clock(series).to_numpy().astype("datetime64[us]")
        return np.where(np.isnat(found), np.nan, found.astype(np.int64) / 1e6)
    clocks = _clocks(series, format_)
    return np.array(
        [np.nan if clock is None else clock[0] + clock[1] / 1e6 for clock in clocks], dtype=np.float64
    )


def elapsed(series: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(rows,)`` float64 seconds of durations, and ``(rows,)`` true where there is one.

    Args:
        series: timedelta64; timedeltas as objects; or text as pandas writes them, or in ISO 8601.
    """
    if isinstance(series.dtype, np.dtype) and series.dtype.kind == "m":
        found = series.to_numpy()
        values = found.astype(np.int64) * _UNITS[np.datetime_data(found.dtype)[0]]
        return np.where(np.isnat(found), 0.0, values), ~np.isnat(found)
    known: dict[str, float | None] = {}
    numbers = []
    for value in objects(series):
        if isinstance(value, str):
            if value not in known:
                known[value] = duration_of(value)
            numbers.append(known[value])
        else:
            numbers.append(duration_of(value))
    present = np.array([number is not None for number in numbers], dtype=bool)
    return np.array([number or 0.0 for number in numbers], dtype=np.float64), present


def _is_datetime(dtype: Any) -> bool:
    is_numpy = isinstance(dtype, np.dtype | pd.DatetimeTZDtype)
    return is_numpy and bool(pd.api.types.is_datetime64_any_dtype(dtype))


def _wall_clock(series: pd.Series) -> pd.Series:
    return series.dt.tz_localize(None) if isinstance(series.dtype, pd.DatetimeTZDtype) else series


def _clocks(series: pd.Series, format_: str | None) -> list[tuple[int, int] | None]:
    """Return a second and a microsecond of each moment, ``None`` where there is none."""
    read = _text_reader(format_)
    return [read(value) if isinstance(value, str) else _clock(value) for value in objects(series)]


def booleans(series: pd.Series) -> list[bool | None]:
    """Return ``(rows,)`` true, false, or ``None`` for anything else. Text is read as ``true`` or ``false``."""
    return [boolean_of(value) for value in objects(series)]


def objects(series: Iterable[Any]) -> list[Any]:
    """Return values as Python's own, ``None`` for one that its library cannot make into any.

    Arrow holds moments and dates beyond the calendar, which raise when they are looked at. Text of a subclass, such as
    NumPy's, becomes plain text: readers take the one and refuse the other, and equal texts must be one to all of them.
    """
    try:
        values = list(series)
    except Exception:
        values = [_object(series, row) for row in range(len(series))]  # type: ignore[arg-type]
    is_plain = all(type(value) is str or not isinstance(value, str) for value in values)
    return values if is_plain else [str.__str__(v) if isinstance(v, str) else v for v in values]


def _object(series: Any, row: int) -> Any:
    try:
        return series.iloc[row]
    except Exception:
        return None


def is_text(series: pd.Series) -> bool:
    """Return true if a column's dtype is one that text has."""
    return series.dtype == np.dtype(object) or isinstance(series.dtype, pd.StringDtype)


def float_of(value: object) -> float:
    """Return a number as a float, NaN for anything else.

    Text is read as Python reads a number, but for ``1_000``, which no table means as one. Any exception means that
    there is none: a value may be of a class that raises what it likes.
    """
    if isinstance(value, str) and "_" in value:
        return np.nan
    try:
        return float(value)  # type: ignore[arg-type]
    except Exception:
        return np.nan


def says_missing(value: object) -> bool:
    """Return true for text that is blank, or a word that programs write for a missing value."""
    return isinstance(value, str) and (not value.strip() or value.strip() in MISSING_WORDS)


def boolean_of(value: object) -> bool | None:
    """Return true or false, ``None`` for anything else."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return bool(value) if isinstance(value, bool | np.bool_) else None


def second_of(text: str, format_: str | None) -> int | None:
    """Return the wall clock's second that text stands for in a ``strptime`` format, by default ISO 8601."""
    clock = _clock_of(text, format_)
    return None if clock is None else clock[0]


def duration_of(value: object) -> float | None:
    """Return the seconds of a duration, ``None`` for anything else."""
    if isinstance(value, str):
        value = str.__str__(value)
        if not _DURATION.fullmatch(value.strip()):
            return None  # pandas takes a bare number for nanoseconds
    if not isinstance(value, str | dt.timedelta | np.timedelta64):
        return None
    try:
        found = pd.Timedelta(value)
        seconds = None if found is pd.NaT else float(found.total_seconds())
    except Exception:
        return None
    if seconds and isinstance(value, str) and (seconds < 0) != value.strip().startswith("-"):
        return None  # beyond its range, pandas comes back on the other side
    return seconds


def _clock_of(text: str, format_: str | None) -> tuple[int, int] | None:
    try:
        return _clock(dt.datetime.strptime(text, format_) if format_ else dt.datetime.fromisoformat(text))
    except Exception:
        return None


def _clock(value: object) -> tuple[int, int] | None:
    """Return second and microsecond of the wall clock of a date or a datetime, whatever its time zone."""
    if isinstance(value, np.datetime64):
        try:
            return _numpy_clock(value)
        except Exception:  # a unit finer than any calendar
            return None
    if value is pd.NaT or not isinstance(value, dt.date):
        return None
    if isinstance(value, pd.Timestamp):  # may lie in a year that Python's datetime does not know
        try:
            clock = _numpy_clock(value.tz_localize(None).asm8)
        except Exception:
            return None
        return clock
    of_day = (value.hour, value.minute, value.second) if isinstance(value, dt.datetime) else ()
    moment = dt.datetime(value.year, value.month, value.day, *of_day)
    return (moment - _EPOCH) // dt.timedelta(seconds=1), getattr(value, "microsecond", 0)


def _numpy_clock(value: np.datetime64) -> tuple[int, int] | None:
    """Return a moment's second and microsecond, ``None`` where 64 bits cannot count so many seconds."""
    second = value.astype("datetime64[s]")
    is_coarser = np.datetime_data(value.dtype)[0] in ("Y", "M", "W", "D", "h", "m", "s")
    if np.isnat(second) or (is_coarser and second.astype(value.dtype) != value):
        return None
    fraction = 0 if is_coarser else int((value - second) / np.timedelta64(1, "us"))
    return int(second.astype(np.int64)), fraction


def _text_reader(format_: str | None) -> Callable[[str], tuple[int, int] | None]:
    """Return a reader of text that remembers what it has read."""
    known: dict[str, tuple[int, int] | None] = {}

    def read(text: str) -> tuple[int, int] | None:
        if text not in known:
            known[text] = _clock_of(text, format_)
        return known[text]

    return read
