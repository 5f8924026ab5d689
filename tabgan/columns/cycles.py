"""Cycles of a lattice of moments: the hour of the day, the weekday, the month. Public arithmetic, no rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

_HOUR, _DAY = 3_600, 86_400


class Cycle(NamedTuple):
    """A part of a moment that comes round again.

    Attributes:
        name: Of the cycle, in words.
        n_values: Values that it takes in turn.
        length: Lattice integers in which it keeps one value, at most.
        least_range: Lattice integers up to which it says next to nothing beside the moment itself.
        is_smooth: True if neighbouring values are alike enough to share a code.
        of: A function that returns the values ``0..n_values - 1`` of lattice integers.
        starts: A function that returns, ascending, the integers of ``[low, high]`` at which a value begins; those of a
            longer cycle are among those of a shorter one.
    """

    name: str
    n_values: int
    length: int
    least_range: int
    is_smooth: bool
    of: Callable[[np.ndarray], np.ndarray]
    starts: Callable[[int, int], np.ndarray]


def clock_cycles(unit: int) -> tuple[Cycle, ...]:
    """Return the cycles of a lattice of wall clock seconds, shortest first.

    Args:
        unit: Seconds of one lattice integer, a divisor or a multiple of an hour.
    """
    day = _DAY // unit
    longer = (
        Cycle("weekday", 7, day, 14 * day, False, lambda at: (_days(at, unit) + 3) % 7, _every(_DAY, unit)),
        Cycle(
            "month", 12, 31 * day, 90 * day, True, lambda at: _months(at, unit) % 12, _starts_of_months(unit)
        ),
    )
    if unit > _HOUR:
        return longer
    hour = _HOUR // unit
    return (
        Cycle(
            "hour of three", 3, hour, 2 * day, False, lambda at: at * unit // _HOUR % 3, _every(_HOUR, unit)
        ),
        Cycle(
            "three hours of the day",
            8,
            3 * hour,
            2 * day,
            True,
            lambda at: at * unit // (3 * _HOUR) % 8,
            _every(3 * _HOUR, unit),
        ),
        *longer,
    )


def _days(at: np.ndarray, unit: int) -> np.ndarray:
    """Return the days since 1970 of lattice integers."""
    return np.asarray(at * unit // _DAY)


def _months(at: np.ndarray, unit: int) -> np.ndarray:
    """Return the months since 1970 of lattice integers."""
    return _days(at, unit).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def _every(seconds: int, unit: int) -> Callable[[int, int], np.ndarray]:
    step = seconds // unit
    return lambda low, high: np.arange(-(-low // step), high // step + 1, dtype=np.int64) * step


def _starts_of_months(unit: int) -> Callable[[int, int], np.ndarray]:
    def starts(low: int, high: int) -> np.ndarray:
        first, last = _months(np.array([low, high]), unit)
        days = np.arange(first, last + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        at = days * _DAY // unit
        return np.asarray(at[at >= low])

    return starts
