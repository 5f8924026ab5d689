"""Numbers and moments: integers on a lattice, cut into cells.

A number with ``d`` decimals is the integer ``value * 10**d``, a moment the days or seconds since 1970.
A cell is a run of such integers, ``[edge, next edge)``; a cell of one integer is exact, a wider one is drawn from
uniformly, or with an emphasis on round ones. The edges come from declared bounds or released counts, never from the
rows.
"""

from __future__ import annotations

import copy
import datetime as dt
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import pandas as pd

from tabgan.columns import rounding
from tabgan.columns.encoder import MISSING, ColumnEncoder, missing_value
from tabgan.columns.values import floats, seconds
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

    Attributes:
        emphasis: ``(classes,)`` by what factors round integers weigh within a cell; ``None`` for even ones.
    """

    is_ordered = True

    def __init__(self, column: Numeric | Datetime, dtype: str, edges: np.ndarray) -> None:
        super().__init__(column.name, dtype, column.nullable)
        self.column = column
        self.edges = np.asarray(edges, dtype=np.int64)
        self.emphasis: np.ndarray | None = None

    @property
    def n_values(self) -> int:
        return len(self.edges) - 1

    @property
    def is_unseen(self) -> bool:
        """Whether the noise hid where the values lie: then no value can be sampled."""
        return self.column.bounds is None

    @property
    @abstractmethod
    def steps(self) -> np.ndarray:
        """Steps by which integers are told to be round; see :mod:`tabgan.columns.rounding`."""

    @property
    def has_wide_cells(self) -> bool:
        """Whether a cell holds integers of which some are rounder than others."""
        return len(self.steps) > 1 and bool((np.diff(self.edges) > 1).any())

    def emphasising(self, factors: np.ndarray | None) -> Self:
        """Return the same encoder with factors for each class of round integers."""
        other = copy.copy(self)
        other.emphasis = factors
        return other

    def round_classes(self, series: pd.Series) -> np.ndarray:
        """Return how round each value is that lies in a wide cell: ``(values,)`` classes, each from itself alone."""
        lattice, present = to_lattice(self.column, series)
        inside = np.clip(lattice[present], self.edges[0], self.edges[-1] - 1)
        is_wide = np.diff(self.edges)[np.searchsorted(self.edges, inside, side="right") - 1] > 1
        return rounding.classes(inside[is_wide], self.steps)

    def _encode(self, series: pd.Series) -> np.ndarray:
        lattice, present = to_lattice(self.column, series)
        inside = np.clip(lattice, self.edges[0], self.edges[-1] - 1)
        return np.where(present, np.searchsorted(self.edges, inside, side="right"), MISSING)

    def contains(self, series: pd.Series) -> bool:
        lattice, present = to_lattice(self.column, series)
        is_inside = present & (lattice >= self.edges[0]) & (lattice < self.edges[-1])
        return bool(is_inside.all()) and self._is_on_lattice(series, lattice)

    def repeat(self, value: object, n_rows: int) -> pd.Series:
        series = pd.Series([value], dtype=object)
        if series.isna().all():
            return super().repeat(value, n_rows)
        exact = to_lattice(self.column, series)[0][0] + np.array([0, 1])
        encoder = type(self)(self.column, self.dtype, exact)
        return encoder.inverse_transform(np.ones(n_rows, dtype=np.int64), np.random.default_rng(0))

    def _decode(self, positions: np.ndarray, rng: np.random.Generator) -> np.ndarray | pd.Series:
        if self.emphasis is None:
            return self._from_lattice(rng.integers(self.edges[positions], self.edges[positions + 1]))
        return self._from_lattice(rounding.draw(self.edges, positions, self.steps, self.emphasis, rng))

    @abstractmethod
    def _is_on_lattice(self, series: pd.Series, lattice: np.ndarray) -> bool:
        """Return whether values have no more precision than their lattice integers."""

    @abstractmethod
    def _from_lattice(self, lattice: np.ndarray) -> np.ndarray | pd.Series:
        """Return values of lattice integers."""


class NumericEncoder(LatticeEncoder):
    """Cells over multiples of ``10**-decimals``."""

    column: Numeric

    @property
    def steps(self) -> np.ndarray:
        return rounding.number_steps(int(max(abs(self.edges[0]), abs(self.edges[-1] - 1))))

    def _is_on_lattice(self, series: pd.Series, lattice: np.ndarray) -> bool:
        scaled = floats(series) * 10.0 ** (self.column.decimals or 0)
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

    @property
    def steps(self) -> np.ndarray:
        is_day = self.column.resolution == "day"
        return np.array(rounding.SECONDS[:1] if is_day else rounding.SECONDS, dtype=np.int64)

    def _is_on_lattice(self, series: pd.Series, lattice: np.ndarray) -> bool:
        moments, _ = seconds(series, self.column.format)
        return bool((moments == lattice * _SECONDS[self.column.resolution or "second"]).all())

    def _from_lattice(self, lattice: np.ndarray) -> pd.Series:
        since_epoch = lattice * _SECONDS[self.column.resolution or "second"]
        moments = pd.Series(since_epoch.astype("datetime64[s]"))
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


def to_lattice(column: Numeric | Datetime, series: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return the lattice integers of a series, ``(rows,)`` int64, and whether there is a value.

    Each value is read by itself; what cannot be read counts as missing.
    """
    if isinstance(column, Numeric):
        values = floats(series)
        present = ~np.isnan(values)
        with np.errstate(over="ignore"):  # a warning would tell of a value
            scaled = np.rint(np.where(present, values, 0.0) * 10.0 ** (column.decimals or 0))
        return np.clip(scaled, 1 - LIMIT, LIMIT - 1).astype(np.int64), present
    moments, present = seconds(series, column.format)
    return moments // _SECONDS[column.resolution or "second"], present


def declared_range(column: Numeric | Datetime) -> tuple[int, int]:
    """Return the smallest and the largest lattice integer of declared bounds."""
    bounds: Any = column.bounds
    if isinstance(column, Numeric):
        low, high = (float(bound) * 10.0 ** (column.decimals or 0) for bound in bounds)
        return _snapped(low, np.ceil), _snapped(high, np.floor)
    ends = [pd.Timestamp(bound).tz_localize(None).as_unit("s").to_datetime64() for bound in bounds]
    (low, high), _ = to_lattice(column.model_copy(update={"format": None}), pd.Series(np.array(ends)))
    return int(low), int(high)


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
    width = _SECONDS[column.resolution or "second"]
    epoch = dt.datetime(1970, 1, 1)
    return tuple((epoch + dt.timedelta(seconds=end * width)).isoformat() for end in (low, high))
