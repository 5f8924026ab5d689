"""Dates and points in time, as days or seconds of the wall clock."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import model_validator

from tabgan.columns import rounding
from tabgan.columns.cycles import Cycle, clock_cycles
from tabgan.columns.kind import DATES, DATETIMES, TEXT, Ballot, Column, is_text_dtype
from tabgan.columns.lattice import LatticeColumn, LatticeEncoder, Precision
from tabgan.columns.values import DATETIME_FORMATS, moments, objects, second_of, seconds
from tabgan.errors import DataError

_SECONDS = {"day": 86_400, "second": 1}

#: Moments that datetime64[ns] holds, and those of Python's dates.
_NANO_RANGE = (np.datetime64("1677-09-22", "s"), np.datetime64("2262-04-11", "s"))
_CALENDAR = (np.datetime64("0001-01-01", "s"), np.datetime64("9999-12-31T23:59:59", "s"))

_FIRST_YEAR, _LAST_YEAR = 1900, 2100


class Datetime(LatticeColumn):
    """A column of dates or points in time: datetime64, ``datetime.date`` objects, or text in one format.

    Attributes:
        bounds: First and last moment, in ISO 8601.
        resolution: The precision that is kept: days or seconds.
        format: ``strptime`` format of a column that holds text; ``None`` for datetime64 and dates.
    """

    kind: Literal["datetime"] = "datetime"
    bounds: tuple[str, str] | None = None
    resolution: Literal["day", "second"] | None = None
    format: str | None = None
    out_of_range: Literal["clip", "error"] = "clip"

    quantity: ClassVar[str | None] = "a moment"
    can_group: ClassVar[bool] = False
    is_exact: ClassVar[bool] = True
    precision: ClassVar[Precision] = Precision("resolution", "days")
    known_steps: ClassVar[tuple[float, ...]] = (86_400.0, 1.0)

    @model_validator(mode="after")
    def _check_bounds(self) -> Datetime:
        if self.bounds is not None:
            try:
                low, high = (pd.Timestamp(moment) for moment in self.bounds)
                is_ordered = bool(low <= high)
            except (ValueError, TypeError, OverflowError) as error:
                raise ValueError("bounds: expected two moments in ISO 8601 of one time zone.") from error
            if not is_ordered:
                raise ValueError("bounds: expected two moments, the earlier one first.")
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

    def undeclared(self) -> Datetime:
        return type(self)(name=self.name, format=self.format)

    @classmethod
    def has_dtype(cls, dtype: Any) -> bool:
        return bool(pd.api.types.is_datetime64_any_dtype(dtype))

    @classmethod
    def ballots(cls) -> tuple[Ballot, ...]:
        return (
            Ballot("datetimes", _is_datetime, lambda name, dtype: cls(name=name, dtype=dtype)),
            Ballot("dates", _is_date, lambda name, dtype: cls(name=name, dtype=dtype, resolution="day")),
            *(_format_ballot(cls, format_) for format_ in DATETIME_FORMATS),
        )

    def with_implied_precision(self) -> Datetime:
        if self.resolution is None and self.format:
            return self.with_(resolution="second" if "%H" in self.format else "day")
        return self

    def with_finest_precision(self) -> Datetime:
        return self if self.has_precision else self.with_(resolution="second")

    def precision_counts(self, series: pd.Series) -> np.ndarray:
        found, present = seconds(series, self.format)
        at_midnight = int((found[present] % 86_400 == 0).sum())
        return np.array([at_midnight, int(present.sum()) - at_midnight])

    def with_precision(self, finest: int) -> Datetime:
        return self.with_(resolution=("day", "second")[finest])

    def read(self, series: pd.Series) -> np.ndarray:
        return moments(series, self.format)

    def to_lattice(self, series: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        found, present = seconds(series, self.format)
        return found // self.unit, present

    def declared_range(self) -> tuple[int, int]:
        low, high = (_second(bound) // self.unit for bound in self.bounds or ())
        return low, high

    def dtype_range(self) -> tuple[int, int]:
        resolved = pd.api.types.pandas_dtype(self.dtype or "object")
        base = resolved.base if isinstance(resolved, pd.DatetimeTZDtype) else resolved
        is_nano = isinstance(base, np.dtype) and base.kind == "M" and np.datetime_data(base)[0] == "ns"
        low, high = (
            int(end.astype(np.int64)) // self.unit for end in (_NANO_RANGE if is_nano else _CALENDAR)
        )
        return low, high

    def bounds_of(self, low: int, high: int) -> tuple[str, str]:
        epoch = dt.datetime(1970, 1, 1)
        first, last = (epoch + dt.timedelta(seconds=end * self.unit) for end in (low, high))
        return first.isoformat(), last.isoformat()

    def place(self, bound: str) -> float:
        return float(pd.Timestamp(bound).tz_localize(None).timestamp())

    def shown(self, value: float) -> str:
        moment = str(np.datetime64(round(value), "s"))
        return moment[:10] if self.resolution == "day" else moment

    def coarse_edges(self) -> np.ndarray:
        """Return calendar years from 1900 to 2100."""
        years = np.arange(_FIRST_YEAR, _LAST_YEAR + 2) - 1970
        starts = years.astype("datetime64[Y]").astype("datetime64[s]").astype(np.int64)
        return np.asarray(starts // self.unit)

    def cycles(self) -> tuple[Cycle, ...]:
        return clock_cycles(self.unit)

    def lattice_encoder(self, edges: np.ndarray) -> DatetimeEncoder:
        return DatetimeEncoder(self, self.dtype or "float64", edges)

    @property
    def takes(self) -> frozenset[str]:
        return frozenset((TEXT,) if self.format else (DATES, DATETIMES))

    def advice(self, found: frozenset[str]) -> str:
        return "Set format, such as '%Y-%m-%d'." if found == {TEXT} else super().advice(found)

    def fits_dtype(self, dtype: Any) -> bool:
        if is_text_dtype(dtype):
            return True
        is_other = pd.api.types.is_numeric_dtype(dtype) or getattr(dtype, "kind", "O") == "m"
        return self.format is None and not is_other and self.dtype != "category"

    def check_readable(self, series: pd.Series) -> None:
        if (~seconds(series, self.format)[1] & series.notna().to_numpy(bool)).any():
            expected = f"text in the format {self.format!r}" if self.format else "dates or datetimes"
            raise DataError(
                f"Column {self.name!r}: expected {expected}, found other values. Mend them or make them missing."
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
            return cls(name=name, resolution="day" if is_date else None)
        if not types or not all(issubclass(each, str) for each in types):
            return None
        distinct = set(present)
        for format_ in DATETIME_FORMATS:
            if all(second_of(text, format_) is not None for text in distinct):
                return cls(name=name, dtype=str(series.dtype), format=format_)
        return None

    def with_domain_of(self, present: pd.Series) -> Column:
        found, is_read = seconds(present, self.format)
        found = found[is_read]
        if not len(found):
            return self
        is_daily = bool((found % 86_400 == 0).all())
        whole = self.with_(resolution="second").bounds_of(int(found.min()), int(found.max()))
        return self.with_(bounds=whole, resolution="day" if is_daily else "second")


class DatetimeEncoder(LatticeEncoder):
    """An encoder with cells over days or seconds of the wall clock."""

    column: Datetime

    @property
    def steps(self) -> np.ndarray:
        is_day = self.column.resolution == "day"
        return np.array(rounding.SECONDS[:1] if is_day else rounding.SECONDS, dtype=np.int64)

    def _is_on_lattice(self, series: pd.Series, lattice: np.ndarray) -> bool:
        found, _ = seconds(series, self.column.format)
        return bool((found == lattice * self.column.unit).all())

    def _from_lattice(self, lattice: np.ndarray) -> pd.Series:
        found = pd.Series((lattice * self.column.unit).astype("datetime64[s]"))
        resolved = pd.api.types.pandas_dtype(self.dtype)
        if self.column.format is not None:
            return found.dt.strftime(self.column.format).astype(object)
        if isinstance(resolved, pd.DatetimeTZDtype):
            return found.dt.tz_localize(
                resolved.tz, ambiguous=np.ones(len(found), bool), nonexistent="shift_forward"
            )
        if self.column.resolution == "day" and (resolved == np.dtype(object) or resolved.kind == "O"):
            return found.dt.date
        return found

    def inverse_transform(self, cells: np.ndarray, rng: np.random.Generator) -> pd.Series:
        return self._as_series(cells, rng)


def _is_datetime(value: Any, _: bool) -> bool:
    return isinstance(value, dt.datetime | np.datetime64)


def _is_date(value: Any, _: bool) -> bool:
    return isinstance(value, dt.date)


def _format_ballot(cls: type[Datetime], format_: str) -> Ballot:
    return Ballot(
        format_,
        lambda value, _: isinstance(value, str) and second_of(value, format_) is not None,
        lambda name, dtype: cls(name=name, dtype=dtype, format=format_),
    )


def _second(bound: str) -> int:
    """Return the wall clock's second of a declared bound."""
    return int(pd.Timestamp(bound).tz_localize(None).as_unit("s").to_datetime64().astype(np.int64))
