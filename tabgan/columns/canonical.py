"""The canonical bytes of values: one form of a value, whatever dtype, file or text represents it.

- a number is its value: ``1`` of any integer dtype, ``1.0``, ``Decimal("1.00")`` and the texts ``"1"``, ``"1.0"``,
  ``"1e0"``. Text with a leading zero, a plus or a space (``"01"``) is not a number. Numbers that are not whole are
  compared as float64; a float32 counts as the shortest decimal that represents it, as a CSV would hold it.
  ``pandas.read_csv`` misses the last bit of some numbers of 16 and more digits unless ``float_precision="round_trip"``.
- a boolean is ``true`` or ``false`` in upper or lower case, and never ``1`` or ``0``.
- a moment is its wall clock, to the nanosecond, and its offset from UTC, if it has one: datetime64 of any unit, dates,
  datetimes, and text in ISO 8601. A date is its midnight.
- all missing values are the same: ``None``, NaN, NaT, ``pandas.NA``, and empty text, which a CSV cannot distinguish
  from them.
- a category is its value; text is text, whatever its dtype.
- a duration is its nanoseconds: timedelta64 of any unit, timedeltas, and text as pandas writes it.
- a time of day is its text in ISO 8601, as a CSV would hold it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from tabgan.columns.values import whole_seconds

#: Bytes of a value in its canonical form: a tag, and a payload of 16.
WIDTH = 17

#: Tags of the kinds of value.
_MISSING, _BOOLEAN, _WHOLE, _FLOAT, _MOMENT, _OTHER, _DURATION = range(7)

_NUMERAL = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_ISO = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:\.([0-9]{1,9}))?)?"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})?"
)

#: Durations as pandas writes them into a CSV: days, of any sign, and the time of day that is added to them.
_SPAN = re.compile(r"(-?[0-9]{1,18}) days(?: \+?([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?)?")

#: Nanoseconds of NumPy's units of durations that have a length.
_NANOSECONDS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9} | {
    "m": 60 * 10**9, "h": 3_600 * 10**9, "D": 86_400 * 10**9, "W": 604_800 * 10**9
}  # fmt: skip

#: Dtypes of numbers with a mask.
_MASKED = (
    pd.BooleanDtype,
    *(pd.Int8Dtype, pd.Int16Dtype, pd.Int32Dtype, pd.Int64Dtype),
    *(pd.UInt8Dtype, pd.UInt16Dtype, pd.UInt32Dtype, pd.UInt64Dtype),
    *(pd.Float32Dtype, pd.Float64Dtype),
)

#: Most characters of a numeral or a moment: longer text is text.
_LONGEST = 400

#: Seconds from UTC of a moment without an offset.
_NO_OFFSET = -(2**31)

_PAYLOAD = np.dtype([("second", "<i8"), ("nanosecond", "<i4"), ("offset", "<i4")])


# -- columns --------------------------------------------------------------------------------------------------------


def canonical_bytes(series: pd.Series, key: bytes, version: int) -> np.ndarray:
    """Return ``(rows, WIDTH)`` uint8 canonical bytes of a column; each value's are independent of the others.

    Args:
        series: Values of any type.
        key: Of the keyed hash that stands for what does not fit.
        version: Of the digest that they are for: 3, or 2, which knows no durations.

    Raises:
        TypeError, ValueError, ArithmeticError: a value has no canonical form.
    """
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        used = series.cat.remove_unused_categories().cat
        known = canonical_bytes(pd.Series(used.categories), key, version)
        codes = used.codes.to_numpy()  # -1, missing, is the last entry
        return np.asarray(np.concatenate([known, _blank(1)])[codes])
    if isinstance(dtype, pd.DatetimeTZDtype):
        wall = series.dt.tz_localize(None).to_numpy()
        utc = series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
        offsets = (wall - utc).astype("timedelta64[s]").astype(np.int64)
        return _moments(wall, np.where(np.isnat(wall), 0, offsets))
    if isinstance(dtype, _MASKED):
        cells = _numbers(series.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.numpy_dtype.type(0)), key)
        cells[series.isna().to_numpy()] = 0
        return cells
    if isinstance(dtype, np.dtype) and dtype.kind in "iufb":
        return _numbers(series.to_numpy(), key)
    if isinstance(dtype, np.dtype) and dtype.kind == "M":
        return _moments(series.to_numpy(), np.int64(_NO_OFFSET))
    return _objects(series, key, version)


def _blank(n_rows: int) -> np.ndarray:
    """Return the canonical bytes of missing values, which are zero."""
    return np.zeros((n_rows, WIDTH), dtype=np.uint8)


def _numbers(values: np.ndarray, key: bytes) -> np.ndarray:
    """Return the canonical bytes of booleans, integers or floats."""
    cells = _blank(len(values))
    if values.dtype.kind == "b":
        cells[:, 0], cells[:, 1] = _BOOLEAN, values
        return cells
    if values.dtype.kind == "f":
        if values.dtype.itemsize != 8:
            values = values.astype(str).astype(np.float64)
        is_there = ~np.isnan(values)
        is_small = is_there & (np.abs(values) < 2.0**63)
        is_whole = is_small & (np.floor(values) == values)
    else:
        is_there = np.ones(len(values), dtype=bool)
        is_small = is_whole = values <= 2**63 - 1
    is_broken = is_small & ~is_whole
    cells[is_whole, 0], cells[is_broken, 0] = _WHOLE, _FLOAT
    cells[is_whole, 1:9] = _as_bytes(values[is_whole].astype("<i8"))
    cells[is_broken, 1:9] = _as_bytes(values[is_broken].astype("<f8"))
    for place in np.flatnonzero(is_there & ~is_small):
        cells[place] = np.frombuffer(_cell(values[place].item(), key, 2), dtype=np.uint8)
    return cells


def _moments(values: np.ndarray, offsets: Any) -> np.ndarray:
    """Return the canonical bytes of moments on the wall clock, with their seconds from UTC."""
    is_there = ~np.isnat(values)
    payload = np.zeros(len(values), dtype=_PAYLOAD)
    payload["second"], payload["nanosecond"] = whole_seconds(values)
    payload["offset"] = offsets
    cells = _blank(len(values))
    cells[:, 0], cells[:, 1:] = _MOMENT, _as_bytes(payload)
    cells[~is_there] = 0
    return cells


def _objects(series: pd.Series, key: bytes, version: int) -> np.ndarray:
    """Return the canonical bytes of values of any type; equal values are encoded once."""
    known: dict[tuple[type, Any], int] = {}
    places = [known.setdefault((type(value), value), len(known)) for value in map(_plain, series)]
    cells = b"".join(_cell(value, key, version) for _, value in known)
    return np.frombuffer(cells, dtype=np.uint8).reshape(-1, WIDTH)[np.array(places, dtype=np.intp)]


def _as_bytes(values: np.ndarray) -> np.ndarray:
    """Return ``(rows, item size)`` bytes of an array."""
    return np.frombuffer(values.tobytes(), dtype=np.uint8).reshape(len(values), values.dtype.itemsize)


# -- values ---------------------------------------------------------------------------------------------------------


def _cell(value: object, key: bytes, version: int) -> bytes:
    """Return the 17 canonical bytes of one value."""
    if isinstance(value, str):
        return _text(value, key, version)
    if pd.isna(value):
        return bytes(WIDTH)
    if isinstance(value, bool | np.bool_):
        return _tagged(_BOOLEAN, bytes([bool(value)]))
    if isinstance(value, dt.timedelta | np.timedelta64) and version > 2:
        return _duration(value, key)
    if isinstance(value, int | np.integer):
        return _whole(int(value), key)
    if isinstance(value, float | np.floating):
        return _float(value if isinstance(value, float) else float(str(value)), key)
    if isinstance(value, Decimal) and value.is_finite() and value.adjusted() < _LONGEST:
        is_whole = value == value.to_integral_value()
        return _whole(int(value), key) if is_whole else _float(float(value), key)
    if isinstance(value, dt.date | np.datetime64):
        return _moment(value)
    if isinstance(value, dt.time):
        return _other(f"text {value.isoformat()}", key)
    return _other(f"{type(value).__name__} {value!r}", key)


def _text(text: str, key: bytes, version: int) -> bytes:
    """Return the canonical bytes of text, which may stand for a number, a boolean, a moment or a duration."""
    if not text:
        return bytes(WIDTH)
    if len(text) <= _LONGEST:
        if _NUMERAL.fullmatch(text):
            is_whole = text.removeprefix("-").isdigit()
            number = int(text) if is_whole else float(text)
            if abs(number) != np.inf:
                return _whole(number, key) if isinstance(number, int) else _float(number, key)
        if text.lower() in ("true", "false"):
            return _tagged(_BOOLEAN, bytes([text.lower() == "true"]))
        moment = _iso(text)
        if moment is not None:
            return moment
        if version > 2 and (found := _SPAN.fullmatch(text)):
            days, *clock, fraction = (
                int(part or 0) for part in (*found.groups()[:4], (found[5] or "").ljust(9, "0"))
            )
            seconds = days * 86_400 + clock[0] * 3_600 + clock[1] * 60 + clock[2]
            return _nanoseconds(seconds * 10**9 + fraction)
    return _other(f"text {text}", key)


def _whole(number: int, key: bytes) -> bytes:
    if -(2**63) <= number < 2**63:
        return _tagged(_WHOLE, number.to_bytes(8, "little", signed=True))
    return _other(f"number {number:x}", key)  # of any length, unlike str()


def _float(number: float, key: bytes) -> bytes:
    if number in (np.inf, -np.inf):
        return _other(f"text {number}", key)  # as in a CSV
    if number.is_integer():
        return _whole(int(number), key)
    return _tagged(_FLOAT, np.array([number], dtype="<f8").tobytes())


def _moment(value: Any) -> bytes:
    """Return the canonical bytes of a date, a datetime, or pandas' and numpy's own."""
    offset: int = _NO_OFFSET
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        delta = value.utcoffset()
        offset = _NO_OFFSET if delta is None else int(delta.total_seconds())
    if isinstance(value, pd.Timestamp):
        value = value.tz_localize(None).to_datetime64()
    elif isinstance(value, dt.datetime):
        value = np.datetime64(value.replace(tzinfo=None), "us")
    elif isinstance(value, dt.date):
        value = np.datetime64(value, "D")
    return _moments(np.array([value]), np.int64(offset)).tobytes()


def _duration(value: Any, key: bytes) -> bytes:
    """Return the canonical bytes of a duration: its nanoseconds; of a unit that has none, number and unit."""
    if isinstance(value, pd.Timedelta):
        value = value.asm8
    if isinstance(value, dt.timedelta):
        return _nanoseconds(((value.days * 86_400 + value.seconds) * 10**6 + value.microseconds) * 1_000)
    unit, times = np.datetime_data(value.dtype)
    number = int(value.astype(np.int64)) * times
    if unit not in _NANOSECONDS:
        return _other(f"duration {number} {unit}", key)
    return _nanoseconds(number * _NANOSECONDS[unit])


def _nanoseconds(number: int) -> bytes:
    return _tagged(_DURATION, number.to_bytes(WIDTH - 1, "little", signed=True))


def _plain(value: object) -> object:
    """Return text as plain ``str``, so that equal texts of a subclass are one."""
    return str.__str__(value) if isinstance(value, str) else value


def _iso(text: str) -> bytes | None:
    """Return the canonical bytes of a moment in ISO 8601, ``None`` for any other text."""
    found = _ISO.fullmatch(text)
    if found is None or (found[4] and not found[2]):
        return None
    day, clock, fraction, zone = found.groups()
    try:
        moment = dt.datetime.fromisoformat(f"{day} {clock or '00:00'}{zone or ''}")
    except ValueError:
        return None
    delta = moment.utcoffset()
    payload = np.zeros(1, dtype=_PAYLOAD)
    payload["second"] = np.datetime64(moment.replace(tzinfo=None), "s").astype(np.int64)
    payload["nanosecond"] = int((fraction or "").ljust(9, "0"))
    payload["offset"] = _NO_OFFSET if delta is None else int(delta.total_seconds())
    return _tagged(_MOMENT, payload.tobytes())


def _other(text: str, key: bytes) -> bytes:
    """Return a keyed digest of text that names the kind of value and represents it."""
    data = text.encode("utf-8", "surrogatepass")
    return _tagged(_OTHER, hashlib.blake2b(data, digest_size=16, key=key, person=b"tabgan value").digest())


def _tagged(tag: int, payload: bytes) -> bytes:
    return bytes([tag]) + payload.ljust(WIDTH - 1, b"\0")
