"""Numbers and moments: integers on a lattice, cut into cells.

A number with ``d`` decimals is the integer ``value * 10**d``, a moment the days or seconds since 1970.
A cell is a run of such integers, ``[edge, next edge)``; a cell of one integer is exact, a wider one is drawn
from uniformly. The edges come from declared bounds or released counts, never from the rows.
"""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd

from tabgan.encoding.base import MISSING, ColumnEncoder, missing_value
from tabgan.errors import DataError
from tabgan.schema import LIMIT, Datetime, Numeric

_SECONDS = {"day": 86_400, "second": 1}

#: What datetime64[ns] holds, and what Python's dates do.
_NANO_RANGE = (np.datetime64("1677-09-22", "s"), np.datetime64("2262-04-11", "s"))
_CALENDAR = (np.datetime64("0001-01-01", "s"), np.datetime64("9999-12-31T23:59:59", "s"))


class LatticeEncoder(ColumnEncoder):
    """Cells over the lattice of a column.

    Args:
        column: A completed column.
        dtype: pandas dtype of the output.
        edges: ``(cells + 1,)`` ascending lattice integers; the last one lies beyond the largest value.
    """

    is_ordered = True

    def __init__(self, column: Numeric | Datetime, dtype: str, edges: np.ndarray) -> None:
        super().__init__(column.name, dtype, column.nullable)
        self.column = column
        self.edges = np.asarray(edges, dtype=np.int64)

    @property
    def n_values(self) -> int:
        return len(self.edges) - 1

    def _encode(self, series: pd.Series) -> np.ndarray:
        lattice = to_lattice(self.column, series)
        low, high = self.edges[0], self.edges[-1] - 1
        outside = (lattice < low) | (lattice > high)
        if self.column.out_of_range == "error" and outside.any():
            raise DataError(
                f"Column {self.name!r}: {int(outside.sum())} rows lie outside the declared bounds "
                f"{list(self.column.bounds or ())}. Widen the bounds or set out_of_range: clip."
            )
        cells = np.searchsorted(self.edges, np.clip(lattice, low, high), side="right")
        return cells.astype(np.int32)

    def contains(self, series: pd.Series) -> bool:
        lattice = to_lattice(self.column, series)
        is_inside = (lattice >= self.edges[0]) & (lattice < self.edges[-1])
        return bool(is_inside.all()) and self._is_on_lattice(series, lattice)

    def repeat(self, value: object, n_rows: int) -> pd.Series:
        series = pd.Series([value], dtype=object)
        if series.isna().all():
            return super().repeat(value, n_rows)
        exact = to_lattice(self.column, series)[0] + np.array([0, 1])
        encoder = type(self)(self.column, self.dtype, exact)
        return encoder.inverse_transform(np.ones(n_rows, dtype=np.int64), np.random.default_rng(0))

    def _decode(self, positions: np.ndarray, rng: np.random.Generator) -> np.ndarray | pd.Series:
        lattice = rng.integers(self.edges[positions], self.edges[positions + 1])
        return self._from_lattice(lattice)

    @abstractmethod
    def _is_on_lattice(self, series: pd.Series, lattice: np.ndarray) -> bool:
        """Return whether values have no more precision than their lattice integers."""

    @abstractmethod
    def _from_lattice(self, lattice: np.ndarray) -> np.ndarray | pd.Series:
        """Return values of lattice integers."""


class NumericEncoder(LatticeEncoder):
    """Cells over multiples of ``10**-decimals``."""

    column: Numeric

    def _is_on_lattice(self, series: pd.Series, lattice: np.ndarray) -> bool:
        scaled = to_floats(self.name, series) * 10.0 ** (self.column.decimals or 0)
        return bool(np.allclose(scaled, lattice, rtol=1e-12, atol=1e-6))

    def _from_lattice(self, lattice: np.ndarray) -> np.ndarray:
        decimals = self.column.decimals or 0
        kind = getattr(pd.api.types.pandas_dtype(self.dtype), "kind", "O")
        if decimals == 0 and kind != "f":
            return lattice
        return np.round(lattice / 10.0**decimals, decimals)


class DatetimeEncoder(LatticeEncoder):
    """Cells over days or seconds of the wall clock."""

    column: Datetime

    def _is_on_lattice(self, series: pd.Series, lattice: np.ndarray) -> bool:
        moments = (lattice * _SECONDS[self.column.resolution or "second"]).astype("datetime64[s]")
        return bool((to_moments(self.column, series).to_numpy() == moments).all())

    def _from_lattice(self, lattice: np.ndarray) -> pd.Series:
        seconds = lattice * _SECONDS[self.column.resolution or "second"]
        moments = pd.Series(seconds.astype("datetime64[s]"))
        resolved = pd.api.types.pandas_dtype(self.dtype)
        if self.column.format is not None:
            return moments.dt.strftime(self.column.format).astype(object)
        if isinstance(resolved, pd.DatetimeTZDtype):
            return moments.dt.tz_localize(
                resolved.tz, ambiguous=np.ones(len(moments), bool), nonexistent="shift_forward"
            )
        if self.column.resolution == "day" and (resolved == np.dtype(object) or resolved.kind == "O"):
            return moments.dt.date
        return moments

    def inverse_transform(self, cells: np.ndarray, rng: np.random.Generator) -> pd.Series:
        resolved = pd.api.types.pandas_dtype(self.dtype)
        present = cells != MISSING
        values = pd.Series(self._decode(cells[present].astype(np.int64) - 1, rng))
        values.index = pd.Index(np.flatnonzero(present))
        if resolved == np.dtype(object) or pd.api.types.is_string_dtype(resolved):
            column = pd.Series([missing_value(self.dtype)] * len(cells), dtype=object)
            column[present] = values.astype(object)
        else:
            column = values.reindex(range(len(cells)))
        return column.astype(self.dtype).rename(self.name)


def to_lattice(column: Numeric | Datetime, series: pd.Series) -> np.ndarray:
    """Return the lattice integers of a series without missing values, int64.

    Raises:
        DataError: naming the column, when a value is not of its kind.
    """
    if isinstance(column, Numeric):
        return _numbers_to_lattice(column, series)
    wall_clock = to_moments(column, series)
    seconds = wall_clock.to_numpy().astype("datetime64[s]").astype(np.int64)
    return np.asarray(seconds // _SECONDS[column.resolution or "second"])


def _numbers_to_lattice(column: Numeric, series: pd.Series) -> np.ndarray:
    values = to_floats(column.name, series)
    scaled = np.rint(values * 10.0 ** (column.decimals or 0))
    return np.clip(scaled, 1 - LIMIT, LIMIT - 1).astype(np.int64)


def to_floats(name: str, series: pd.Series) -> np.ndarray:
    """Return float64 of a series without missing values.

    Raises:
        DataError: when a value is not a finite number.
    """
    values = None
    with suppress(ValueError, TypeError, OverflowError):
        values = series.astype("float64").to_numpy()
    if values is None:
        # Raised out here: inside of `except`, the message of pandas, which quotes the cell, would hang on.
        raise DataError(f"Column {name!r}: expected numbers, found values that are none.")
    if not np.isfinite(values).all():
        raise DataError(
            f"Column {name!r}: {int((~np.isfinite(values)).sum())} values are infinite. "
            "Replace them or make them missing."
        )
    return np.asarray(values)


def to_moments(column: Datetime, series: pd.Series) -> pd.Series:
    """Return naive wall-clock moments of a series without missing values.

    Raises:
        DataError: when a value cannot be read as a moment in the column's format.
    """
    moments = None
    with suppress(ValueError, TypeError, OverflowError):
        moments = _parsed(series, column.format)
    if moments is None or not pd.api.types.is_datetime64_any_dtype(moments.dtype):
        expected = f"text in the format {column.format!r}" if column.format else "dates or datetimes"
        raise DataError(f"Column {column.name!r}: expected {expected}, found values that are none.")
    return moments.dt.tz_localize(None) if moments.dt.tz is not None else moments


def _parsed(series: pd.Series, format_: str | None) -> pd.Series:
    """Return moments, in seconds where nanoseconds cannot hold them, such as the year 9999."""
    try:
        return pd.to_datetime(series, format=format_) if format_ else pd.to_datetime(series)
    except pd.errors.OutOfBoundsDatetime:
        moments = [dt.datetime.strptime(text, format_) for text in series] if format_ else series.to_numpy()
        return pd.Series(np.array(moments, dtype="datetime64[s]"), index=series.index)


def declared_range(column: Numeric | Datetime) -> tuple[int, int]:
    """Return the smallest and the largest lattice integer of declared bounds."""
    bounds: Any = column.bounds
    if isinstance(column, Numeric):
        low, high = (float(bound) * 10.0 ** (column.decimals or 0) for bound in bounds)
        return _snapped(low, np.ceil), _snapped(high, np.floor)
    ends = [pd.Timestamp(bound).tz_localize(None).as_unit("s").to_datetime64() for bound in bounds]
    low, high = to_lattice(column.model_copy(update={"format": None}), pd.Series(np.array(ends))).tolist()
    return low, high


def _snapped(scaled: float, rounding: Callable[[float], Any]) -> int:
    """Return an integer that the product is up to rounding errors, else the next one within the bounds."""
    nearest = round(scaled)
    return nearest if abs(scaled - nearest) <= 1e-9 + 4e-16 * abs(scaled) else int(rounding(scaled))


def dtype_range(column: Numeric | Datetime) -> tuple[int, int]:
    """Return the smallest and the largest lattice integer that a column's dtype can hold."""
    resolved = pd.api.types.pandas_dtype(column.dtype or "object")
    base = resolved.base if isinstance(resolved, pd.DatetimeTZDtype) else resolved
    base = getattr(base, "numpy_dtype", base)
    if isinstance(column, Datetime):
        is_nano = isinstance(base, np.dtype) and base.kind == "M" and np.datetime_data(base)[0] == "ns"
        ends = _NANO_RANGE if is_nano else _CALENDAR
        low, high = (int(end.astype(np.int64)) // _SECONDS[column.resolution or "second"] for end in ends)
        return low, high
    low, high = 1 - LIMIT, LIMIT - 1
    if isinstance(base, np.dtype) and base.kind in "iu":
        return max(low, int(np.iinfo(base).min)), min(high, int(np.iinfo(base).max))
    if isinstance(base, np.dtype) and base.kind == "f":
        largest = int(min(float(np.finfo(base).max) * 10.0 ** (column.decimals or 0), high))
        return -largest, largest
    return low, high


def released_bounds(column: Numeric | Datetime, low: int, high: int) -> Any:
    """Return a column's ``bounds`` for a range of lattice integers: the inverse of :func:`declared_range`."""
    if isinstance(column, Numeric):
        scale = 10.0 ** (column.decimals or 0)
        return (low / scale, high / scale)
    seconds = _SECONDS[column.resolution or "second"]
    epoch = dt.datetime(1970, 1, 1)
    return tuple((epoch + dt.timedelta(seconds=end * seconds)).isoformat() for end in (low, high))
