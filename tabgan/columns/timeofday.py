"""Times of day: hours, minutes or seconds since midnight, by the wall clock."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import field_validator, model_validator

from tabgan.columns import occupied, rounding
from tabgan.columns.formats import compiled
from tabgan.columns.kind import TEXT, TIMES, Ballot, Column, is_text_dtype
from tabgan.columns.lattice import LatticeColumn, LatticeEncoder, Precision
from tabgan.columns.lengths import HOURS, PYTHON
from tabgan.columns.values import Dtype, coarsest_units, objects
from tabgan.errors import ConfigError, DataError, SchemaError

#: Seconds of each resolution, coarsest first.
_SECONDS = {"hour": 3_600, "minute": 60, "second": 1}

_RESOLUTIONS = tuple(_SECONDS)

_DAY = 86_400

#: A declared time of day.
_DECLARED = re.compile(r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?", re.ASCII)

#: Formats that a vote tries, each with the one without a zero before one digit of the hour.
_FORMATS = {
    "%H:%M": "%-H:%M",
    "%H:%M:%S": "%-H:%M:%S",
    "%I:%M %p": "%-I:%M %p",
    "%I:%M:%S %p": "%-I:%M:%S %p",
}

_WRITTEN = re.compile(
    r"(?:(?P<hour>[01]\d|2[0-3]|\d)|(?P<more>\d{2,3})):[0-5]\d(?P<second>:[0-5]\d)?(?P<noon> [AP]M)?",
    re.ASCII,
)

#: The vote of text such as ``26:30:00``, a length of time: a column that has it holds no times of day.
_BEYOND = "hours beyond a day"

#: Share of a format's rows without a zero before one digit above which all are written without it.
_SOME = 0.02


class Time(LatticeColumn):
    """A column of times of day: ``datetime.time`` objects, Arrow's times, or text in one format.

    They lie on an axis from midnight to midnight; the end of one day is not next to its beginning.

    Attributes:
        bounds: First and last time, such as ``["08:00", "18:30"]``.
        resolution: The precision that is kept.
        format: Format of a column that holds text, such as ``"%H:%M"``; ``None`` for times as objects.
    """

    kind: Literal["time"] = "time"
    bounds: tuple[str, str] | None = None
    resolution: Literal["hour", "minute", "second"] | None = None
    format: str | None = None
    out_of_range: Literal["clip", "error"] = "clip"

    quantity: ClassVar[str | None] = "a time of day"
    is_regressed: ClassVar[bool] = True
    is_exact: ClassVar[bool] = True
    can_group: ClassVar[bool] = False
    precision: ClassVar[Precision] = Precision("resolution", "hours")
    known_steps: ClassVar[tuple[float, ...]] = tuple(map(float, _SECONDS.values()))

    @field_validator("bounds", mode="before")
    @classmethod
    def _check_text(cls, bounds: Any) -> Any:
        if isinstance(bounds, list | tuple):
            return tuple(b.isoformat() if isinstance(b, dt.time) else b for b in bounds)
        return bounds

    @field_validator("format")
    @classmethod
    def _check_format(cls, format_: str | None) -> str | None:
        if format_ is not None and _resolution_of(format_) is None:
            raise ValueError(
                f"expected a format in which a time of day can be written and read back, such as '%H:%M' or "
                f"'%I:%M %p', without a date or an offset, got {format_!r}."
            )
        return format_

    @model_validator(mode="after")
    def _check_bounds(self) -> Time:
        if self.bounds is not None:
            low, high = map(declared_time, self.bounds)
            if low is None or high is None:
                raise ValueError("bounds: expected two times of day such as '08:00' and '18:30'.")
            if low > high:
                raise ValueError("bounds: expected two times of day, the earlier one first.")
            if self.resolution and low % self.step:
                raise ValueError(
                    f"bounds: expected a first time that is kept with resolution: {self.resolution}. Choose a "
                    "finer one, or an earlier time."
                )
        return self

    @property
    def has_precision(self) -> bool:
        return self.resolution is not None

    @property
    def unit(self) -> int:
        """Seconds of one lattice integer; 1 if the resolution is open."""
        return _SECONDS[self.resolution or "second"]

    @property
    def step(self) -> float:
        return float(self.unit)

    @property
    def has_lossy_text(self) -> bool:
        return self.format is not None

    def undeclared(self) -> Time:
        return type(self)(name=self.name, format=self.format)

    def parse(self, text: str, where: str) -> object:
        if self.format and compiled(self.format).read(text) is not None:
            return text
        found = declared_time(text)
        if found is None:
            form = f" or text in the format {self.format!r}" if self.format else ""
            raise ConfigError(f"{where}: expected a time of day such as '14:30'{form}, got {text!r}.")
        if self.format:
            return compiled(self.format).write(np.array([int(found)]))[0]
        return _time_of(found)

    @classmethod
    def has_dtype(cls, dtype: Dtype) -> bool:
        return isinstance(dtype, pd.ArrowDtype) and dtype.type is dt.time

    @classmethod
    def ballots(cls) -> tuple[Ballot, ...]:
        return (
            Ballot("times of day", _is_time, lambda name, dtype: cls(name=name, dtype=dtype)),
            *_text_ballots(cls),
        )

    @classmethod
    def settled(cls, labels: Sequence[str], vote: np.ndarray, noise_stddev: float) -> np.ndarray:
        """Return the counts with those of one format in one cell; cells that noise alone explains become zero.

        ``9:05`` alone may be a score or a ratio: unless ``14:30`` is seen beside it, it counts as text, as does all
        of a column with hours beyond a day; with seconds they are lengths of time, in the form seen beside them.
        """
        vote, at = vote.copy(), {label: place for place, label in enumerate(labels)}
        surely, text = occupied.SURELY * noise_stddev, at["text"]
        length = max((at[HOURS], at[PYTHON]), key=lambda place: vote[place])  # 2:03:00 beside 1 day, 2:03:00
        is_length = bool(max(vote[at[_BEYOND]], vote[length]) > surely)
        vote[text] += vote[at[_BEYOND]] if is_length else 0.0
        vote[at[_BEYOND]] = 0.0
        for format_, bare_format in _FORMATS.items():
            padded, bare = at[format_], at[bare_format]
            found, few = vote[[padded, bare]], _SOME * (vote[padded] + vote[bare])
            vote[[padded, bare]] = 0.0
            if not (found > surely).any():
                continue
            is_bare = bool(found[1] > max(surely, few))
            is_clock = not is_length and (not is_bare or "%p" in format_ or bool(found[0] > surely))
            other = length if "%S" in format_ and vote[length] > surely else text
            chosen = (bare if is_bare else padded) if is_clock else other
            vote[chosen] += np.maximum(found, 0.0).sum()
        return vote

    def with_implied_precision(self) -> Time:
        implied = _resolution_of(self.format) if self.format else None
        return self.with_(resolution=implied) if implied and self.unit < _SECONDS[implied] else self

    def with_finest_precision(self) -> Time:
        return self if self.has_precision else self.with_(resolution="second")

    def precision_counts(self, series: pd.Series) -> np.ndarray:
        found = self.read(series)
        return coarsest_units(found[~np.isnan(found)], list(_SECONDS.values()))

    def with_precision(self, finest: int) -> Time:
        return self.with_(resolution=_RESOLUTIONS[finest])

    def read(self, series: pd.Series) -> np.ndarray:
        known: dict[str, float] = {}
        read = _reader(self.format)
        places = []
        for value in objects(series):
            if isinstance(value, str):
                if value not in known:
                    known[value] = read(value)
                places.append(known[value])
            else:
                places.append(_seconds_of(value))
        return np.array(places, dtype=np.float64)

    def to_lattice(self, series: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        found = self.read(series)
        present = ~np.isnan(found)
        return (np.where(present, found, 0.0) // self.unit).astype(np.int64), present

    def integers(self, places: np.ndarray) -> np.ndarray:
        return np.asarray(np.clip(places, 0, _DAY - 1) // self.unit).astype(np.int64)

    def places(self, lattice: np.ndarray) -> np.ndarray:
        return np.asarray(lattice * float(self.unit))

    def declared_range(self) -> tuple[int, int]:
        low, high = map(self.place, self.bounds or ())
        return int(-(-low // self.unit)), int(high // self.unit)

    def dtype_range(self) -> tuple[int, int]:
        return 0, _DAY // self.unit - 1

    def bounds_of(self, low: int, high: int) -> tuple[str, str]:
        first, last = (_time_of(end * self.unit).isoformat() for end in (low, high))
        return first, last

    def place(self, bound: float | str) -> float:
        found = declared_time(bound)
        if found is None:
            raise SchemaError(
                f"Column {self.name!r}: bounds: expected times of day such as '14:30', got {bound!r}."
            )
        return found

    def shown(self, value: float) -> str:
        text = _time_of(min(max(value, 0), _DAY - 1)).isoformat("seconds")
        return text if self.resolution in (None, "second") else text[:5]

    def coarse_edges(self) -> np.ndarray:
        """Return the hours of the day."""
        return np.arange(25, dtype=np.int64) * (3_600 // self.unit)

    def lattice_encoder(self, edges: np.ndarray) -> TimeEncoder:
        return TimeEncoder(self, self.dtype or "object", edges)

    @property
    def takes(self) -> frozenset[str]:
        return frozenset((TEXT if self.format else TIMES,))

    def advice(self, found: frozenset[str]) -> str:
        return "Set format, such as '%H:%M'." if found == {TEXT} else super().advice(found)

    def fits_dtype(self, dtype: Dtype) -> bool:
        is_object = dtype == np.dtype(object)
        return is_text_dtype(dtype) if self.format else is_object or self.has_dtype(dtype)

    def check_readable(self, series: pd.Series) -> None:
        if (np.isnan(self.read(series)) & series.notna().to_numpy(bool)).any():
            expected = f"text in the format {self.format!r}" if self.format else "times of day"
            raise DataError(
                f"Column {self.name!r}: expected {expected}, found other values. Correct them or make them missing."
            )

    @classmethod
    def draft(cls, series: pd.Series, name: str) -> Time | None:
        if cls.has_dtype(series.dtype):
            return cls(name=name, dtype=str(series.dtype))
        if not is_text_dtype(series.dtype):
            return None
        present = objects(series.dropna())
        if present and all(isinstance(value, dt.time) for value in present):
            return cls(name=name)
        labels = [ballot.label for ballot in _text_ballots(cls)]
        known = [_label_of(value, False) for value in present]
        if not known or None in known:
            return None
        vote = np.bincount([labels.index(str(label)) for label in known], minlength=len(labels) + 3)
        best = int(cls.settled([*labels, HOURS, PYTHON, "text"], vote.astype(np.float64), 0.0).argmax())
        if best >= len(labels):
            return None
        is_read = all(compiled(labels[best]).read(str(text)) is not None for text in set(present))
        return cls(name=name, dtype=str(series.dtype), format=labels[best]) if is_read else None

    def with_domain_of(self, present: pd.Series) -> Column:
        counts = self.precision_counts(present)
        if not counts.any():
            return self
        finest = self.with_precision(int(np.flatnonzero(counts)[-1]))
        lattice, is_read = finest.to_lattice(present)
        return finest.with_range(int(lattice[is_read].min()), int(lattice[is_read].max()))


class TimeEncoder(LatticeEncoder):
    """An encoder with cells over whole hours, minutes or seconds of a day."""

    column: Time

    @property
    def steps(self) -> np.ndarray:
        unit = self.column.unit
        return np.array([step // unit for step in rounding.SECONDS if step >= unit], dtype=np.int64)

    def _is_on_lattice(self, series: pd.Series, lattice: np.ndarray) -> bool:
        return bool((self.column.read(series) == lattice * self.column.unit).all())

    def _from_lattice(self, lattice: np.ndarray) -> pd.Series:
        seconds = lattice * self.column.unit
        if self.column.format is not None:
            return pd.Series(compiled(self.column.format).write(seconds), dtype=object)
        distinct, places = np.unique(seconds, return_inverse=True)
        times = [_time_of(second) for second in distinct.tolist()]
        return pd.Series([times[place] for place in places.tolist()], dtype=object)

    def inverse_transform(self, cells: np.ndarray, rng: np.random.Generator) -> pd.Series:
        return self._as_series(cells, rng)


def _is_time(value: Any, _: bool) -> bool:
    return isinstance(value, dt.time)


def _seconds_of(value: object) -> float:
    """Return the seconds since midnight of a time of day by its own clock, NaN for anything else."""
    if not isinstance(value, dt.time):
        return np.nan
    return value.hour * 3_600 + value.minute * 60 + value.second + value.microsecond / 1e6


def _time_of(seconds: float) -> dt.time:
    """Return the time of day of seconds since midnight."""
    whole, part = divmod(seconds, 1)
    minutes, second = divmod(int(whole), 60)
    return dt.time(*divmod(minutes, 60), second, round(part * 1e6))


def declared_time(text: object) -> float | None:
    """Return the seconds since midnight of a declared time of day, ``None`` for anything else."""
    if not isinstance(text, str) or not _DECLARED.fullmatch(text):
        return None
    return _seconds_of(dt.time.fromisoformat(text if text[2] == ":" else f"0{text}"))


def _reader(format_: str | None) -> Callable[[str], float]:
    """Return a reader of text: its seconds since midnight, NaN where it is not of the format."""
    if format_ is None:
        return lambda text: np.nan
    form = compiled(format_)

    def read(text: str) -> float:
        found = form.read(text)
        return np.nan if found is None else found[0] % _DAY + found[1] / 1e6

    return read


@lru_cache(maxsize=1_024)
def _resolution_of(format_: str) -> str | None:
    """Return the finest resolution that a format of times of day keeps, ``None`` if it is no such format."""
    form, probes = compiled(format_), np.array([0, 5, 60 * 7, 3_600 * 12, 3_600 * 13 + 60 * 59, _DAY - 1])
    try:
        written, next_day = form.write(probes), form.write(probes + 40 * _DAY)
        moments = form.write(np.array([0, 1, 60, 3_600]))
    except Exception:  # of the system's C library
        return None
    if written != next_day or form.has_offset:
        return None
    finest = next(
        (
            name
            for name, text in zip(("second", "minute", "hour"), moments[1:], strict=True)
            if text != moments[0]
        ),
        None,
    )
    if finest is None:
        return None
    kept = [form.read(text) for text in written]
    unit = _SECONDS[finest]
    is_kept = all(
        k is not None and k[0] % _DAY == p // unit * unit for k, p in zip(kept, probes.tolist(), strict=True)
    )
    return finest if is_kept else None


@lru_cache(maxsize=1)
def _text_ballots(cls: type[Time]) -> tuple[Ballot, ...]:
    beyond = Ballot(_BEYOND, _holds(_BEYOND), partial(_column, cls, None), _label_of)
    pairs = [(format_, other) for pair in _FORMATS.items() for format_, other in (pair, pair[::-1])]
    return (
        *(Ballot(f, _holds(f), partial(_column, cls, f), _label_of, reads=(other,)) for f, other in pairs),
        beyond,
    )


def _holds(label: str) -> Callable[[object, bool], bool]:
    return lambda value, untyped_text: _label_of(value, untyped_text) == label


def _column(cls: type[Time], format_: str | None, name: str, dtype: str) -> Time:
    return cls(name=name, dtype=dtype, format=format_)


def _label_of(value: object, untyped_text: bool) -> str | None:
    """Return the label of the ballot that holds text, ``None`` if none does."""
    found = _WRITTEN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    hour, second = found["hour"], ":%S" if found["second"] else ""
    if hour is None:
        return (HOURS if untyped_text and second else _BEYOND) if not found["noon"] else None
    bare = "-" if len(hour) == 1 else ""
    if not found["noon"]:
        return f"%{bare}H:%M{second}"
    return f"%{bare}I:%M{second} %p" if 1 <= int(hour) <= 12 else None
