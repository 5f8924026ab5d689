"""Dates and points in time, as days or seconds of the wall clock."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import field_validator, model_validator

from tabgan._util.yaml import key_of
from tabgan.columns import rounding, spellings
from tabgan.columns.cycles import Cycle, clock_cycles
from tabgan.columns.formats import compiled
from tabgan.columns.kind import (
    DATES,
    DATETIMES,
    TEXT,
    ZONED_DATETIMES,
    Ballot,
    Column,
    check_objects,
    is_text_dtype,
)
from tabgan.columns.lattice import LatticeColumn, LatticeEncoder, Precision
from tabgan.columns.values import Dtype, ahead_of_utc, declared_moment, moments, objects, seconds
from tabgan.errors import ConfigError, DataError, SchemaError

logger = logging.getLogger(__name__)

#: NumPy's name of each resolution.
_UNITS = {"year": "Y", "month": "M", "day": "D", "second": "s"}

#: Moments that datetime64[ns] holds, and those of Python's dates.
_NANO_RANGE = (np.datetime64("1677-09-22", "s"), np.datetime64("2262-04-11", "s"))
_CALENDAR = (np.datetime64("0001-01-01", "s"), np.datetime64("9999-12-31T23:59:59", "s"))

_FIRST_YEAR, _LAST_YEAR = 1900, 2100


#: Seconds since 1970 of the years that moments are looked for in, if no bounds are declared.
_USUAL = (-2_208_988_800, 4_102_444_800)


class Datetime(LatticeColumn):
    """A column of dates or points in time: datetime64, ``datetime.date`` objects, or text in one format.

    Attributes:
        bounds: First and last moment, in ISO 8601. With an offset they are converted to the column's zone.
        resolution: The precision that is kept: days or seconds; months or years where the format has no more.
        format: Format of a column that holds text, as in :mod:`tabgan.columns.formats`; ``None`` for datetime64 and
            dates.
        objects: Python's type of the cells of a column of objects, in samples; ``None`` leaves it to the vote on the
            resolution, and to dates where ``resolution: day`` is declared.
    """

    kind: Literal["datetime"] = "datetime"
    bounds: tuple[str, str] | None = None
    resolution: Literal["year", "month", "day", "second"] | None = None
    format: str | None = None
    out_of_range: Literal["clip", "error"] = "clip"
    objects: Literal["date", "datetime"] | None = None

    quantity: ClassVar[str | None] = "a moment"
    can_group: ClassVar[bool] = False
    is_exact: ClassVar[bool] = True
    precision: ClassVar[Precision] = Precision("resolution", "days")
    known_steps: ClassVar[tuple[float, ...]] = (86_400.0, 1.0)

    @field_validator("bounds", mode="before")
    @classmethod
    def _check_text(cls, bounds: Any) -> Any:
        return tuple(map(_text_of, bounds)) if isinstance(bounds, list | tuple) else bounds

    @field_validator("format")
    @classmethod
    def _check_format(cls, format_: str | None) -> str | None:
        fault = None if format_ is None else compiled(format_).fault
        if fault:
            raise ValueError(
                f"expected a format in which a moment can be written and read back, got {format_!r}, which {fault}. "
                "Complete it, as '%Y-%m-%d' is, or declare the column as categorical."
            )
        return format_

    @model_validator(mode="after")
    def _check_bounds(self) -> Datetime:
        if self.bounds is not None:
            low, high = (declared_moment(bound, dt.UTC) for bound in self.bounds)
            if low is None or high is None or (low[2] is None) != (high[2] is None):
                raise ValueError("bounds: expected two moments in ISO 8601 of one time zone.")
            if low[:2] > high[:2]:
                raise ValueError("bounds: expected two moments, the earlier one first.")
        return self

    @property
    def has_precision(self) -> bool:
        return self.resolution is not None

    @property
    def zone(self) -> dt.tzinfo | None:
        """The zone of the column's wall clock; ``None`` if it has none."""
        if self.format is not None:
            return dt.UTC if compiled(self.format).is_utc else None
        return _zone_of(pd.api.types.pandas_dtype(self.dtype or "object"))

    @property
    def has_lossy_text(self) -> bool:
        return self.format is not None

    @property
    def step(self) -> float:
        return 1.0 if self.resolution in (None, "second") else 86_400.0

    def lattice_of(self, found: np.ndarray) -> np.ndarray:
        """Return ``(rows,)`` lattice integers of seconds: years, months, days or seconds since 1970."""
        unit = _UNITS[self.resolution or "second"]
        return found.astype("datetime64[s]").astype(f"datetime64[{unit}]").astype(np.int64)

    def seconds_of(self, lattice: np.ndarray) -> np.ndarray:
        """Return ``(rows,)`` seconds at which lattice integers begin."""
        unit = _UNITS[self.resolution or "second"]
        return lattice.astype(f"datetime64[{unit}]").astype("datetime64[s]").astype(np.int64)

    def undeclared(self) -> Datetime:
        return type(self)(name=self.name, format=self.format)

    @classmethod
    def has_dtype(cls, dtype: Dtype) -> bool:
        return bool(pd.api.types.is_datetime64_any_dtype(dtype))

    @classmethod
    def ballots(cls) -> tuple[Ballot, ...]:
        return (
            Ballot("datetimes", _is_datetime, _open(cls, objects="datetime")),
            Ballot("dates", _is_date, _open(cls, objects="date", resolution="day")),
            *_text_ballots(cls),
        )

    @classmethod
    def settled(cls, labels: Sequence[str], vote: np.ndarray, noise_stddev: float) -> np.ndarray:
        return spellings.settled(labels, vote, noise_stddev, "numerals")

    def with_implied_precision(self) -> Datetime:
        implied = compiled(self.format).resolution if self.format else None
        if implied is None and (self.dtype or "").startswith(("date32", "date64")):  # Arrow's
            implied = "day"
        is_open = self.resolution is None or implied in ("year", "month")
        return self.with_(resolution=implied) if implied and is_open else self

    def with_finest_precision(self) -> Datetime:
        return self if self.has_precision else self.with_(resolution="second")

    def precision_counts(self, series: pd.Series) -> np.ndarray:
        found, present = seconds(series, self.format, self.zone)
        at_midnight = int((found[present] % 86_400 == 0).sum())
        counts = [at_midnight, int(present.sum()) - at_midnight]
        if self._votes_on_type:
            is_date = [isinstance(v, dt.date) and not isinstance(v, dt.datetime) for v in objects(series)]
            n_dates = int((np.array(is_date, dtype=bool) & present).sum())
            counts = [n_dates, at_midnight - n_dates, counts[1]]
        return np.array(counts)

    @property
    def _votes_on_type(self) -> bool:
        """True if each value's vote on the resolution tells dates from datetimes, in a cell of their own."""
        is_typed = self.format is None and self.objects is None
        return is_typed and pd.api.types.pandas_dtype(self.dtype or "object") == np.dtype(object)

    def with_precision(self, finest: int) -> Datetime:
        if not self._votes_on_type:
            return self.with_(resolution=("day", "second")[finest])
        return self.with_(
            resolution=("day", "day", "second")[finest], objects=("date", "datetime", "datetime")[finest]
        )

    def read(self, series: pd.Series) -> np.ndarray:
        return moments(series, self.format, self.zone)

    def ahead_of_utc(self, series: pd.Series) -> np.ndarray:
        return ahead_of_utc(series, self.format, self.zone)

    def to_lattice(self, series: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        found, present = seconds(series, self.format, self.zone)
        return self.lattice_of(found), present

    def in_days(self) -> Datetime:
        return self if self.has_precision else self.with_(resolution="day")

    def integers(self, places: np.ndarray) -> np.ndarray:
        low, high = _CALENDAR[0].astype(np.int64), _CALENDAR[1].astype(np.int64)
        return self.lattice_of(np.clip(np.floor(places), low, high).astype(np.int64))

    def places(self, lattice: np.ndarray) -> np.ndarray:
        return self.seconds_of(lattice).astype(np.float64)

    def declared_range(self) -> tuple[int, int]:
        ends = np.array([self._clock(bound)[0] for bound in self.bounds or ()])
        low, high = self.lattice_of(ends).tolist()
        return low, high

    def dtype_range(self) -> tuple[int, int]:
        resolved = pd.api.types.pandas_dtype(self.dtype or "object")
        base = resolved.base if isinstance(resolved, pd.DatetimeTZDtype) else resolved
        is_nano = isinstance(base, np.dtype) and base.kind == "M" and np.datetime_data(base)[0] == "ns"
        ends = np.array(_NANO_RANGE if is_nano else _CALENDAR)
        if self.format:
            first, last = (f"{year:04d}" for year in compiled(self.format).years)
            written = np.array([f"{first}-01-01", f"{last}-12-31T23:59:59"], dtype="datetime64[s]")
            ends = np.array([max(ends[0], written[0]), min(ends[1], written[1])])
        low, high = self.lattice_of(ends).tolist()
        return low, high

    def bounds_of(self, low: int, high: int) -> tuple[str, str]:
        first, last = map(str, self.seconds_of(np.array([low, high])).astype("datetime64[s]"))
        return first, last

    def place(self, bound: float | str) -> float:
        second, microsecond = self._clock(str(bound))
        return second + microsecond / 1e6

    def _clock(self, bound: str) -> tuple[int, int]:
        """Return second and microsecond of a declared bound on the column's wall clock.

        Raises:
            SchemaError: the bound is not a moment.
        """
        found = declared_moment(bound, self.zone)
        if found is None:
            raise SchemaError(f"Column {self.name!r}: bounds: expected moments in ISO 8601, got {bound!r}.")
        return found[:2]

    def shown(self, value: float) -> str:
        moment = str(np.datetime64(round(value), "s"))
        return moment[: {"year": 4, "month": 7, "day": 10}.get(self.resolution or "")]

    def coarse_edges(self) -> np.ndarray:
        """Return calendar years from 1900 to 2100."""
        years = np.arange(_FIRST_YEAR, _LAST_YEAR + 2) - 1970
        starts = years.astype("datetime64[Y]").astype("datetime64[s]").astype(np.int64)
        return self.lattice_of(starts)

    def cycles(self) -> tuple[Cycle, ...]:
        seconds_each = {"day": 86_400, "second": 1, None: 1}.get(self.resolution)
        return () if seconds_each is None else clock_cycles(seconds_each)

    def lattice_encoder(self, edges: np.ndarray) -> DatetimeEncoder:
        return DatetimeEncoder(self, self.dtype or "float64", edges)

    def parse(self, text: str, where: str) -> object:
        if self.format and compiled(self.format).read(text) is not None:
            return text
        found = declared_moment(text, self.zone)
        if found is None:
            form = f" or text in the format {self.format!r}" if self.format else ""
            raise ConfigError(
                f"{where}: expected a moment in ISO 8601 such as '2020-01-31T12:30'{form}, got {text!r}."
            )
        if self.format:
            return compiled(self.format).write(np.array(found[:1]))[0]
        moment = pd.Timestamp(np.datetime64(found[0], "s")) + pd.Timedelta(microseconds=found[1])
        if self.zone is None or found[2] is None:
            return moment
        return moment.tz_localize("UTC") - pd.Timedelta(seconds=found[2])

    @property
    def takes(self) -> frozenset[str]:
        if self.format:
            return frozenset((TEXT,))
        return frozenset((DATES, DATETIMES) if self.zone is None else (DATES, DATETIMES, ZONED_DATETIMES))

    def advice(self, found: frozenset[str]) -> str:
        if found == {ZONED_DATETIMES}:
            return "Declare a dtype with a zone, such as 'datetime64[ns, UTC]'."
        return "Set format, such as '%Y-%m-%d'." if found == {TEXT} else super().advice(found)

    def check_output(self) -> None:
        check_objects(self, self.objects)
        super().check_output()

    def fits_dtype(self, dtype: Dtype) -> bool:
        if is_text_dtype(dtype):
            return True
        is_other = pd.api.types.is_numeric_dtype(dtype) or getattr(dtype, "kind", "O") == "m"
        return self.format is None and not is_other and self.dtype != "category"

    def check_readable(self, series: pd.Series) -> None:
        if (~seconds(series, self.format)[1] & series.notna().to_numpy(bool)).any():
            expected = f"text in the format {self.format!r}" if self.format else "dates or datetimes"
            raise DataError(
                f"Column {self.name!r}: expected {expected}, found other values. Correct them or make them missing."
            )

    @classmethod
    def draft(cls, series: pd.Series, name: str) -> Datetime | None:
        if cls.has_dtype(series.dtype):
            return cls(name=name, dtype=str(series.dtype))
        if not is_text_dtype(series.dtype):
            return None
        present = objects(series.dropna())
        types = set(map(type, present))
        if types and all(issubclass(each, dt.date | np.datetime64) for each in types):
            is_date = not any(issubclass(each, dt.datetime | np.datetime64) for each in types)
            is_object = series.dtype == np.dtype(object)
            found = ("date" if is_date else "datetime") if is_object else None
            return cls(name=name, resolution="day" if is_date else None, objects=found)
        if not types or not all(issubclass(each, str) for each in types):
            return None
        return cls._draft_of_text(set(map(str, present)), name, str(series.dtype))

    @classmethod
    def _draft_of_text(cls, distinct: set[str], name: str, dtype: str) -> Datetime | None:
        """Return the column of the format that a fit's vote would choose; ``None`` if not all texts are in it."""
        listed = spellings.spellings()
        places = {spelling.label: place for place, spelling in enumerate(listed)}
        labels = [spellings.label_of(text, False) for text in distinct]
        known = [places[label] for label in labels if label is not None]
        if 2 * len(known) <= len(labels):
            return None
        vote = cls.settled([*places, "text"], np.bincount(known, minlength=len(listed) + 1), 0.0)
        format_ = listed[int(vote[:-1].argmax())].format
        is_read = all(compiled(format_).read(text) is not None for text in distinct)
        return cls(name=name, dtype=dtype, format=format_) if is_read else None

    def loss_in(self, series: pd.Series) -> tuple[str, str] | None:
        found = super().loss_in(series)
        if found is None and self.bounds is None:
            seen, is_read = seconds(series.dropna(), self.format, self.zone)
            is_usual = (seen >= _USUAL[0]) & (seen < _USUAL[1])
            if not is_usual[is_read].all():
                return (
                    "some moments lie outside of the years 1900 to 2100, and are clipped",
                    "bounds: [first, last]",
                )
        return found

    def with_domain_of(self, present: pd.Series) -> Column:
        found, is_read = seconds(present, self.format, self.zone)
        found = found[is_read]
        if not len(found):
            return self
        is_daily = bool((found % 86_400 == 0).all())
        whole = self.with_(resolution="second").bounds_of(int(found.min()), int(found.max()))
        column = self.with_(bounds=whole, resolution="day" if is_daily else "second")
        return column.with_implied_precision()


class DatetimeEncoder(LatticeEncoder):
    """An encoder with cells over days or seconds of the wall clock."""

    column: Datetime

    @property
    def steps(self) -> np.ndarray:
        is_second = self.column.resolution == "second"
        return np.array(rounding.SECONDS if is_second else rounding.SECONDS[:1], dtype=np.int64)

    def _is_on_lattice(self, series: pd.Series, lattice: np.ndarray) -> bool:
        found, _ = seconds(series, self.column.format, self.column.zone)
        return bool((found == self.column.seconds_of(lattice)).all())

    def repeat(self, value: object, n_rows: int) -> pd.Series:
        zone = _zone_of(pd.api.types.pandas_dtype(self.dtype))
        if zone is not None and isinstance(value, dt.datetime) and value.tzinfo is not None:
            exact = pd.Timestamp(value).tz_convert(zone)  # distinguishes an hour that the clock shows twice
            return pd.Series([exact] * n_rows, name=self.name).astype(self.dtype)
        return super().repeat(value, n_rows)

    def _from_lattice(self, lattice: np.ndarray) -> pd.Series:
        found = pd.Series(self.column.seconds_of(lattice).astype("datetime64[s]"))
        resolved = pd.api.types.pandas_dtype(self.dtype)
        if self.column.format is not None:
            written = compiled(self.column.format).write(self.column.seconds_of(lattice))
            return pd.Series(written, dtype=object)
        zone = _zone_of(resolved)
        if zone is not None:
            return found.dt.tz_localize(
                zone, ambiguous=np.ones(len(found), bool), nonexistent="shift_forward"
            )
        is_date = self.column.resolution not in (None, "second") and self.column.objects != "datetime"
        if is_date and (resolved == np.dtype(object) or resolved.kind == "O"):
            return found.dt.date
        return found

    def inverse_transform(self, cells: np.ndarray, rng: np.random.Generator) -> pd.Series:
        return self._as_series(cells, rng)


def _open(cls: type[Datetime], **known: Any) -> Callable[[str, str], Datetime]:
    return lambda name, dtype: cls(name=name, dtype=dtype, **known)


def _zone_of(dtype: Dtype) -> dt.tzinfo | None:
    """Return the time zone of the moments of pandas or Arrow; ``None`` for any other dtype."""
    name = getattr(getattr(dtype, "pyarrow_dtype", None), "tz", None)
    known = dtype if name is None else pd.DatetimeTZDtype(tz=name)
    return known.tz if isinstance(known, pd.DatetimeTZDtype) else None


def _is_datetime(value: Any, _: bool) -> bool:
    return isinstance(value, dt.datetime | np.datetime64)


def _is_date(value: Any, _: bool) -> bool:
    return isinstance(value, dt.date)


@lru_cache(maxsize=1)
def _text_ballots(cls: type[Datetime]) -> tuple[Ballot, ...]:
    return tuple(_ballot(cls, spelling) for spelling in spellings.spellings())


def _ballot(cls: type[Datetime], spelling: spellings.Spelling) -> Ballot:
    return Ballot(
        spelling.label,
        lambda value, untyped_text: spellings.label_of(value, untyped_text) == spelling.label,
        partial(_column, cls, spelling),
        spellings.label_of,
    )


def _column(cls: type[Datetime], spelling: spellings.Spelling, name: str, dtype: str) -> Datetime:
    """Return the open column of a spelling, and log any doubt about it and any loss."""
    format_ = spelling.format
    if spelling.order == spellings.EITHER:
        other = spelling.label.removesuffix(" at midnight").replace(format_, "").replace(" or ", "")
        logger.warning(
            "Column %r: the noisy counts do not tell the day from the month, and it is read as %r. If that is "
            "wrong, declare it: %s: {kind: datetime, format: %r}.",
            name,
            format_,
            key_of(name),
            other,
        )
    if compiled(format_).has_fraction:
        logger.warning("Column %r: fractions of seconds are not kept; they are written as zeros.", name)
    resolution = "day" if spelling.is_midnight else None
    return cls(name=name, dtype=dtype, format=format_, resolution=resolution)


def _text_of(bound: Any) -> Any:
    """Return a declared bound as text: moments and dates may stand as objects, too."""
    if isinstance(bound, np.datetime64):
        return str(bound.astype("datetime64[us]"))
    return bound.isoformat() if isinstance(bound, dt.date) and bound is not pd.NaT else bound
