"""The values of a column, each read by itself.

The result for a value depends on that value and on public facts (the dtype, the schema) alone, never on its
neighbours: one row more changes no other row. Nothing here raises on a value; one that cannot be read is missing.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from tabgan.columns.formats import compiled

#: A resolved dtype: NumPy's, or one of pandas' own.
Dtype: TypeAlias = np.dtype | pd.api.extensions.ExtensionDtype

#: The errors of pandas about dtypes, or types, that it does not know.
_UNKNOWN = (TypeError, ValueError, NotImplementedError)

#: Text that is a duration: as pandas and Python write it, or ISO 8601.
_DURATION = re.compile(
    r"[+-]?(?:\d+ days?,?)?\s*[+-]?(?:\d+:\d{2}:\d{2}(?:\.\d+)?)?"
    r"|-?P(?=.)(?:\d+D)?(?:T(?=.)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?"
)

#: Such text in ISO 8601, with its parts: pandas reads no more than two digits of hours; and the longest one that it
#: reads, in seconds.
_ISO_DURATION = re.compile(r"(-?)P(?=.)(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_LONGEST = 106_751 * 86_400

#: Seconds of pandas' units of durations.
_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}

#: A declared duration: a number with its unit, or several; or text that is a duration in a cell.
_DECLARED = re.compile(
    r"[+-]?(?:\s*\d+(?:\.\d+)?\s*(?:days?|d|hours?|h|minutes?|min|m|seconds?|s|milliseconds?|ms),?)+",
    re.IGNORECASE,
)

#: A declared moment: ISO 8601 to the day or further, with or without an offset, or a month.
_ISO = re.compile(
    r"\d{4}-\d\d(?:-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?)?", re.ASCII
)

_EPOCH = dt.datetime(1970, 1, 1)

#: Parts of a second in the units in which pandas counts moments.
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}

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


#: Floats of less than double precision, with the digits that each always keeps, and those that tell all apart.
_SHORT = {np.dtype(np.float16): (3, 5), np.dtype(np.float32): (6, 9)}

#: Share of a number that is lost when it is written with 15 digits.
_WRITTEN = 5e-15


def floats(series: pd.Series) -> np.ndarray:
    """Return ``(rows,)`` float64, NaN where a value is missing, infinite, or not a number.

    Text is read as Python reads a number, for tables that come as text. A float of less than double precision is the
    shortest decimal that it stands for, as a CSV would hold it: 0.1, and not 0.10000000149; so is one that was widened
    to double precision, see :func:`narrowed`.
    """
    return narrowed(series)[0]


def narrowed(series: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of :func:`floats`, and ``(rows,)`` true for those that were floats of single precision before.

    Statistical programs store 2.04 as a float of 32 bits; widened to 64 it is 2.0399999618530273. Each cell is judged
    by itself: a float of 32 bits holds it, up to what 15 digits of a CSV lose, and no decimal of nine places is it. Any
    other is taken for one once in a million times, and then moves by less than one part in ten million.
    """
    values = stored(series)
    with np.errstate(over="ignore", invalid="ignore"):  # a warning would tell of a value
        off = np.abs(values.astype(np.float32).astype(np.float64) - values)
        is_single: np.ndarray = off <= _WRITTEN * np.abs(values)
    is_single[is_single] = values[is_single].round(9) != values[is_single]
    if is_single.any():
        values[is_single] = shortest(values[is_single], np.dtype(np.float32))
    return values, is_single


def stored(series: pd.Series) -> np.ndarray:
    """Return ``(rows,)`` float64 as the cells hold them, those of less than double precision as decimals."""
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "cmM":
        return np.full(len(series), np.nan)
    if pd.api.types.is_numeric_dtype(series.dtype):
        with np.errstate(over="ignore"):  # a warning would tell of a value
            values = series.to_numpy(dtype="float64", na_value=np.nan)
        values = shortest(values, short_float(series.dtype))
    else:
        values = np.fromiter(map(float_of, objects(series)), dtype="float64", count=len(series))
    return np.where(np.isfinite(values), values, np.nan)


def dtype_named(name: str) -> Dtype | None:
    """Return the dtype that pandas knows by a name; ``None`` if it knows none."""
    try:
        found: Dtype = pd.api.types.pandas_dtype(name)
    except _UNKNOWN:
        return None
    return found


def has_type(dtype: Dtype) -> bool:
    """Return true for a resolved dtype if pandas knows the Python type of its values."""
    try:
        return dtype.type is not None
    except _UNKNOWN:
        return False


def short_float(dtype: Dtype) -> np.dtype | None:
    """Return NumPy's dtype of the floats of a resolved dtype if they have less than double precision."""
    base = getattr(dtype, "numpy_dtype", dtype)
    return base if isinstance(base, np.dtype) and base in _SHORT else None


def dtype_ends(dtype: str | None) -> tuple[float, float]:
    """Return the smallest and the largest number that a dtype can hold, infinite for objects."""
    resolved = pd.api.types.pandas_dtype(dtype or "object")
    base = getattr(resolved, "numpy_dtype", resolved)
    if pd.api.types.is_bool_dtype(resolved):
        return 0, 1
    if isinstance(base, np.dtype) and base.kind in "iu":
        return int(np.iinfo(base).min), int(np.iinfo(base).max)
    if isinstance(base, np.dtype) and base.kind == "f":
        return float(np.finfo(base).min), float(np.finfo(base).max)
    return -math.inf, math.inf


def integer_bits(dtype: str | None) -> int:
    """Return the power of two up to which integers of a dtype are looked for."""
    return min(math.ceil(math.log2(dtype_ends(dtype)[1])), 63)


def holds_integers(dtype: str | None) -> bool:
    """Return true for the name of a dtype of integers."""
    return bool(pd.api.types.is_integer_dtype(pd.api.types.pandas_dtype(dtype or "object")))


def shortest(values: np.ndarray, short: np.dtype | None) -> np.ndarray:
    """Return ``(rows,)`` float64 as a shorter float holds them: each the shortest decimal that it stands for."""
    if short is None:
        return values
    kept, most = _SHORT[short]
    with np.errstate(all="ignore"):  # a warning would tell of a value
        stored = values.astype(short)
        exact = stored.astype(np.float64)
        found = np.where(np.isfinite(exact), np.nan, exact)
        magnitude = np.floor(np.log10(np.abs(exact)))
        for digits in range(kept, most + 1):
            places = digits - 1 - magnitude
            up, down = 10.0 ** np.maximum(places, 0), 10.0 ** np.maximum(-places, 0)
            decimal = np.where(places > 0, np.rint(exact * up) / up, np.rint(exact / down) * down)
            found = np.where(np.isnan(found) & (decimal.astype(short) == stored), decimal, found)
    return np.where(np.isnan(found), exact, found)


def seconds(
    series: pd.Series, format_: str | None, zone: dt.tzinfo | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(rows,)`` int64 seconds of the wall clock since 1970, and ``(rows,)`` true where there is a value.

    Args:
        series: datetime64, with or without a time zone; dates and datetimes as objects; or text.
        format_: Format of text, as in :mod:`tabgan.columns.formats`; ``None`` takes ISO 8601.
        zone: Zone of the wall clock: moments that say theirs are converted. ``None`` takes each by its own.
    """
    if _is_datetime(series.dtype):
        found = _wall_clock(series, zone).to_numpy()
        return whole_seconds(found)[0], ~np.isnat(found)
    clocks = _clocks(series, format_, zone)
    present = np.array([clock is not None for clock in clocks], dtype=bool)
    return np.array([0 if clock is None else clock[0] for clock in clocks], dtype=np.int64), present


def moments(series: pd.Series, format_: str | None, zone: dt.tzinfo | None = None) -> np.ndarray:
    """Return ``(rows,)`` float64 seconds as :func:`seconds`, with fractions, NaN where there is no value."""
    if _is_datetime(series.dtype):
        found = _wall_clock(series, zone).to_numpy()
        second, nanosecond = whole_seconds(found)
        return np.where(np.isnat(found), np.nan, second + nanosecond // 1_000 / 1e6)
    clocks = _clocks(series, format_, zone)
    return np.array(
        [np.nan if clock is None else clock[0] + clock[1] / 1e6 for clock in clocks], dtype=np.float64
    )


def ahead_of_utc(series: pd.Series, format_: str | None, zone: dt.tzinfo | None = None) -> np.ndarray:
    """Return ``(rows,)`` float64 seconds by which :func:`moments` are ahead of UTC, NaN for those without a zone.

    Args:
        series: As in :func:`moments`.
        format_: As in :func:`moments`.
        zone: As in :func:`moments`.
    """
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        ahead: np.ndarray = moments(series, format_, zone) - moments(series, format_, dt.UTC)
        return ahead
    if format_ is not None and compiled(format_).is_utc:
        return np.zeros(len(series))
    if _is_datetime(series.dtype):
        return np.full(len(series), np.nan)
    found = np.full(len(series), np.nan)
    for row, value in enumerate(objects(series)):
        moment = _moment_of_iso(value) if isinstance(value, str) and format_ is None else value
        if isinstance(moment, dt.datetime) and moment is not pd.NaT and moment.tzinfo is not None:
            wall, utc = _clock(moment, zone), _clock(moment, dt.UTC)
            if wall is not None and utc is not None:
                found[row] = wall[0] - utc[0]
    return found


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


def whole_seconds(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(rows,)`` int64 seconds since 1970 of datetime64, rounded down, and the nanoseconds beyond; any for NaT.

    The first moments that nanoseconds can count round down to a second that they cannot: NumPy's own conversion wraps
    around there, and from 2.5 on it raises.
    """
    per_second = _PER_SECOND.get(np.datetime_data(values.dtype)[0])
    if per_second is None:
        found = values.astype("datetime64[s]")
        return found.astype(np.int64), (values - found).astype("timedelta64[ns]").astype(np.int64)
    numbers = values.astype(np.int64)
    return numbers // per_second, numbers % per_second * (10**9 // per_second)


def _is_datetime(dtype: Dtype) -> bool:
    is_numpy = isinstance(dtype, np.dtype | pd.DatetimeTZDtype)
    return is_numpy and bool(pd.api.types.is_datetime64_any_dtype(dtype))


def _wall_clock(series: pd.Series, zone: dt.tzinfo | None) -> pd.Series:
    if not isinstance(series.dtype, pd.DatetimeTZDtype):
        return series
    return (series if zone is None else series.dt.tz_convert(zone)).dt.tz_localize(None)


def _clocks(series: pd.Series, format_: str | None, zone: dt.tzinfo | None) -> list[tuple[int, int] | None]:
    """Return each moment as seconds and microseconds, ``None`` where a cell holds none."""
    read = _text_reader(format_, zone)
    return [read(value) if isinstance(value, str) else _clock(value, zone) for value in objects(series)]


def booleans(series: pd.Series) -> list[bool | None]:
    """Return ``(rows,)`` true, false, or ``None`` for anything else. Text is read as ``true`` or ``false``."""
    return [boolean_of(value) for value in objects(series)]


def objects(series: Iterable[object]) -> list[object]:
    """Return values as Python's own objects, ``None`` for one that its library cannot convert.

    Arrow holds moments and dates beyond the calendar, which raise when they are looked at. Text of a subclass, such as
    NumPy's, becomes plain text: readers take the one and refuse the other, and equal texts must be one to all of them.
    """
    try:
        values = list(series)
    except Exception:
        values = [_object(series, row) for row in range(len(series))]  # type: ignore[arg-type]
    is_plain = all(kind is str or not issubclass(kind, str) for kind in set(map(type, values)))
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
    there is no number: a value's class may raise anything.
    """
    if isinstance(value, str) and "_" in value:
        return np.nan
    try:
        is_short = isinstance(value, np.float16 | np.float32)
        return float(str(value) if is_short else value)  # type: ignore[arg-type]
    except Exception:
        return np.nan


def is_boolean(value: object) -> bool:
    """Return true for true and false, Python's and NumPy's, which are read as 1 and 0."""
    return isinstance(value, bool | np.bool_)


def says_missing(value: object) -> bool:
    """Return true for text that is blank, or a word that programs write for a missing value."""
    return isinstance(value, str) and (not value.strip() or value.strip() in MISSING_WORDS)


def boolean_of(value: object) -> bool | None:
    """Return true or false, ``None`` for anything else."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return bool(value) if isinstance(value, bool | np.bool_) else None


def declared_moment(text: object, zone: dt.tzinfo | None = None) -> tuple[int, int, int | None] | None:
    """Return the moment that public text, such as a bound, stands for in ISO 8601; ``None`` if it stands for no moment.

    ``now``, a bare year and ``01/02/2020`` are none.

    Args:
        text: The text.
        zone: The moment's wall clock is of this zone, if it says its own.

    Returns:
        Second of the wall clock, microsecond, and seconds ahead of UTC, ``None`` if the text has no offset.
    """
    if not isinstance(text, str) or not _ISO.fullmatch(text):
        return None
    moment = _moment_of_iso(f"{text}-01" if len(text) == 7 else text)
    clock = None if moment is None else _clock(moment, zone)
    if moment is None or clock is None:
        return None
    utc = None if moment.tzinfo is None else _clock(moment, dt.UTC)
    return (*clock, None if utc is None else clock[0] - utc[0])


def declared_duration(text: object) -> float | None:
    """Return the seconds of a declared duration such as ``36 hours``; ``None`` for a bare number, and all else."""
    if not isinstance(text, str):
        return None
    if not _DECLARED.fullmatch(text.strip()):
        return duration_of(text)
    try:
        return float(pd.Timedelta(text.strip().replace(",", "")).total_seconds())
    except (ValueError, OverflowError):
        return None


def duration_of(value: object) -> float | None:
    """Return the seconds of a duration, ``None`` for anything else."""
    if isinstance(value, str):
        value = str.__str__(value)
        if not _DURATION.fullmatch(value.strip()):
            return None  # pandas takes a bare number for nanoseconds
        if iso := _ISO_DURATION.fullmatch(value.strip()):
            parts = zip((86_400, 3_600, 60, 1), iso.groups()[1:], strict=True)
            length = sum(unit * float(part or 0) for unit, part in parts)
            return (-length if iso[1] else length) if length <= _LONGEST else None
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


def _moment_of_iso(text: str) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None


def _clock(value: object, zone: dt.tzinfo | None = None) -> tuple[int, int] | None:
    """Return second and microsecond of the wall clock of a date or a datetime, its own or that of ``zone``."""
    if isinstance(value, np.datetime64):
        try:
            return _numpy_clock(value)
        except Exception:  # a unit finer than any calendar
            return None
    if value is pd.NaT or not isinstance(value, dt.date):
        return None
    try:
        if zone is not None and isinstance(value, dt.datetime) and value.tzinfo is not None:
            value = value.astimezone(zone)
        if isinstance(value, pd.Timestamp):  # may lie in a year that Python's datetime does not know
            return _numpy_clock(value.tz_localize(None).asm8)
    except Exception:  # beyond the calendar
        return None
    of_day = (value.hour, value.minute, value.second) if isinstance(value, dt.datetime) else ()
    moment = dt.datetime(value.year, value.month, value.day, *of_day)
    return (moment - _EPOCH) // dt.timedelta(seconds=1), getattr(value, "microsecond", 0)


def _numpy_clock(value: np.datetime64) -> tuple[int, int] | None:
    """Return a moment's second and microsecond, ``None`` where 64 bits cannot count its seconds."""
    if np.isnat(value):
        return None
    second, nanosecond = (int(each[0]) for each in whole_seconds(np.array([value])))
    is_coarser = np.datetime_data(value.dtype)[0] in ("Y", "M", "W", "D", "h", "m")
    if is_coarser and np.datetime64(second, "s").astype(value.dtype) != value:
        return None
    return second, nanosecond // 1_000


def _text_reader(format_: str | None, zone: dt.tzinfo | None) -> Callable[[str], tuple[int, int] | None]:
    """Return a reader of text that remembers what it has read."""
    known: dict[str, tuple[int, int] | None] = {}

    def read(text: str) -> tuple[int, int] | None:
        if text not in known:
            known[text] = compiled(format_).read(text) if format_ else _clock(_moment_of_iso(text), zone)
        return known[text]

    return read


def coarsest_units(values: np.ndarray, units: Sequence[int]) -> np.ndarray:
    """Return ``(units,)`` the number of values that are whole in each unit and in no coarser one.

    Args:
        values: In the finest unit; what is whole in none counts for it.
        units: Each in terms of the finest, coarsest first; a finer one divides those before it.
    """
    needed = np.full(len(values), len(units) - 1)
    for position in range(len(units) - 2, -1, -1):
        needed[values % units[position] == 0] = position
    return np.bincount(needed, minlength=len(units))
