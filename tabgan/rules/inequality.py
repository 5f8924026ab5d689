"""Inequalities: one column, or constant, at most another."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from numbers import Real
from typing import ClassVar

import numpy as np
import pandas as pd

from tabgan._util.validate import shown
from tabgan.columns import Column
from tabgan.columns.timeofday import declared_time
from tabgan.columns.values import declared_duration, declared_moment
from tabgan.errors import ConfigError
from tabgan.rules.rule import Rule, no_column, plain_value

Side = str | int | float


@dataclass(frozen=True)
class Inequality(Rule):
    """The rule ``low <= high`` in every row. A row in which either is missing keeps it.

    A text is the name of a column if the table has one of that name, else a moment in ISO 8601, a duration such as
    ``36 hours``, or a time of day such as ``09:30``.
    Two moments of different time zones are compared in UTC; if one of them has no zone, by their wall
    clocks.

    Attributes:
        low: A column of numbers, moments, durations or times of day, or a constant: a finite number, a moment in
            ISO 8601, a duration, or a time of day.
        high: The same; at least one of the two is a column, and both are of one kind.
        is_strict: True if equality breaks the rule.

    Raises:
        ConfigError: a side is neither text nor a finite number, or both are numbers, or one column.

    >>> Inequality("start", "2030-01-01").high
    '2030-01-01'
    """

    low: Side
    high: Side
    is_strict: bool = False

    keys: ClassVar[tuple[str, ...]] = ("low", "high", "is_strict")
    required: ClassVar[int] = 2

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            object.__setattr__(self, name, _side(name, getattr(self, name)))
        if not isinstance(self.low, str) and not isinstance(self.high, str):
            raise ConfigError("high: expected a column on at least one side, got two numbers. Name a column.")
        if self.low == self.high:
            raise ConfigError(f"high: expected two different sides, got {self.high!r} twice.")
        if not isinstance(self.is_strict, bool):
            raise ConfigError(f"is_strict: expected true or false, got {shown(self.is_strict)}.")

    @property
    def sides(self) -> dict[str, str]:
        return {key: side for key in ("low", "high") if isinstance(side := getattr(self, key), str)}

    def is_constant(self, side: str) -> bool:
        return math.isfinite(constant(side)[0])

    def check(self, described: Mapping[str, Column], where: str) -> None:
        kinds = [self._kind(side, described, where) for side in ("low", "high")]
        if kinds[0] != kinds[1]:
            raise ConfigError(
                f"{where}: expected two numbers or two moments, got {kinds[0]} and {kinds[1]}. "
                "Compare columns of one kind."
            )

    def keeps(
        self, table: pd.DataFrame, described: Mapping[str, Column], known: Sequence[pd.DataFrame] = ()
    ) -> np.ndarray:
        (low, low_ahead), (high, high_ahead) = (
            places(table[str(side)], described[str(side)]) if side in described else constant(side)
            for side in (self.low, self.high)
        )
        have_zone = ~(np.isnan(low_ahead) | np.isnan(high_ahead))
        low, high = low - np.where(have_zone, low_ahead, 0.0), high - np.where(have_zone, high_ahead, 0.0)
        is_kept = np.less(low, high) if self.is_strict else np.less_equal(low, high)
        return np.asarray(is_kept | np.isnan(low) | np.isnan(high))

    def _kind(self, side: str, described: Mapping[str, Column], where: str) -> str:
        """Return the kind of a side, in words.

        Raises:
            ConfigError: the side is neither a number nor a moment nor a duration.
        """
        value = getattr(self, side)
        if value in described:
            column = described[value]
            if column.quantity is None:
                raise ConfigError(
                    f"{where}.{side}: expected a numeric or datetime column, or one of durations, got {value!r}, "
                    f"which is {column.kind}."
                )
            return str(column.quantity)
        if not isinstance(value, str):
            return "a number"
        if not self.is_constant(value):
            rule = "a column, a number, a moment in ISO 8601, a duration or a time of day"
            raise no_column(f"{where}.{side}", value, described, rule)
        other = self.high if side == "low" else self.low
        if other not in described:
            raise no_column(f"{where}.{side}", value, described, "a column on at least one side")
        if declared_moment(value) is not None:
            return "a moment"
        is_time = declared_time(value) is not None
        may_be_both = is_time and declared_duration(value) is not None  # 09:30:00
        if may_be_both:
            return str(described[str(other)].quantity)
        return "a time of day" if is_time else "a duration"


def places(series: pd.Series, column: Column) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(rows,)`` places of a column, and by how much they are ahead of UTC; see ``Column.ahead_of_utc``."""
    return column.read(series), column.ahead_of_utc(series)


def constant(value: Side) -> tuple[float, float]:
    """Return a constant as :func:`places` returns a column; NaN for text that is not a moment, duration or time."""
    if not isinstance(value, str):
        return float(value), math.nan
    found = declared_moment(value)
    if found is None:
        length = declared_duration(value)
        length = declared_time(value) if length is None else length
        return math.nan if length is None else length, math.nan
    second, microsecond, ahead = found
    return second + microsecond / 1e6, math.nan if ahead is None else float(ahead)


def implied_by(
    orders: Iterable[Inequality], names: Collection[str], between: Collection[str]
) -> list[Inequality]:
    """Return inequalities of columns that follow from two or more of some.

    Args:
        orders: The inequalities.
        names: Columns of the table.
        between: Those that no row lacks, so that what lies below one lies below all above it.
    """
    ordered = sorted(orders, key=lambda rule: rule.is_strict)
    given = {(rule.low, rule.high): rule for rule in ordered if rule.low in names and rule.high in names}
    found, sides = dict(given), list(dict.fromkeys(side for pair in given for side in pair))
    for middle, low, high in product([side for side in sides if side in between], sides, sides):
        below, above = found.get((low, middle)), found.get((middle, high))
        if below is not None and above is not None and low != high:
            known = found.get((low, high))
            is_strict = below.is_strict or above.is_strict or (known is not None and known.is_strict)
            found[low, high] = Inequality(low, high, is_strict)
    return [rule for rule in found.values() if rule not in given.values()]


def _side(name: str, value: object) -> Side:
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, str):
        return value
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value):  # type: ignore[arg-type]
        raise ConfigError(f"{name}: expected a column, a finite number or a moment, got {shown(value)}.")
    return plain_value(value)  # type: ignore[return-value]
