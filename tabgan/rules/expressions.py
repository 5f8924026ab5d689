"""Expressions over the columns of a row: sums, differences, products, quotients and parts of dates.

They are parsed by Python's own grammar into a tree of a few known parts; nothing is ever run. A name with blanks
stands in quotes or backticks: ```"net price" * 1.19```.
"""

from __future__ import annotations

import ast
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np

from tabgan.columns import Column, Datetime, Duration, Numeric
from tabgan.errors import ConfigError

#: The most characters of an expression, and of parts within parts.
MOST_CHARACTERS, MOST_DEPTH = 500, 50

NUMBER, MOMENT, DURATION = Numeric.quantity, Datetime.quantity, Duration.quantity

#: Ends of the values of a part.
ValueRange = tuple[float, float]

_EVERYTHING: ValueRange = (-math.inf, math.inf)


def _days(seconds: np.ndarray, unit: str) -> np.ndarray:
    """Return seconds in whole calendar units since 1970."""
    return np.asarray(np.floor(seconds).astype("datetime64[s]").astype(f"datetime64[{unit}]"))


def _year(seconds: np.ndarray) -> np.ndarray:
    return np.asarray(_days(seconds, "Y").astype(np.int64) + 1970)


def _month(seconds: np.ndarray) -> np.ndarray:
    return np.asarray(_days(seconds, "M").astype(np.int64) % 12 + 1)


def _day(seconds: np.ndarray) -> np.ndarray:
    days = _days(seconds, "D")
    return np.asarray((days - days.astype("datetime64[M]")).astype(np.int64) + 1)


def _weekday(seconds: np.ndarray) -> np.ndarray:
    return (np.floor(seconds / 86_400) + 3) % 7


def _hour(seconds: np.ndarray) -> np.ndarray:
    return np.floor(seconds / 3_600) % 24


def _date(seconds: np.ndarray) -> np.ndarray:
    return np.floor(seconds / 86_400) * 86_400


def _whole(unit: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function of seconds that counts whole units."""
    return lambda seconds: np.floor(seconds / unit)


#: Units of which a duration has a whole number, in seconds.
SPANS = {"days": 86_400, "hours": 3_600, "minutes": 60}

#: Parts of a moment, or of a duration: the function of seconds, of a moment those on the wall clock, and the ends of
#: its values; a date is a moment.
PARTS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], ValueRange]] = {
    "year": (_year, _EVERYTHING),
    "month": (_month, (1.0, 12.0)),
    "day": (_day, (1.0, 31.0)),
    "weekday": (_weekday, (0.0, 6.0)),
    "hour": (_hour, (0.0, 23.0)),
    "date": (_date, _EVERYTHING),
    **{name: (_whole(unit), _EVERYTHING) for name, unit in SPANS.items()},
}

#: Those that are larger of a later moment, and of a longer duration.
_RISING = ("year", "date", *SPANS)


class _Node(ABC):
    """A part of an expression."""

    @abstractmethod
    def quantity(self, described: Mapping[str, Column]) -> str:
        """Return the kind of the values in words.

        Raises:
            ConfigError: the parts do not go together.
        """

    @abstractmethod
    def values(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return ``(rows,)`` values, NaN where there is none."""

    @abstractmethod
    def interval(self, ends: Mapping[str, ValueRange]) -> ValueRange:
        """Return ends of the values, from those of the columns."""

    @abstractmethod
    def step(self, steps: Mapping[str, Fraction | None]) -> Fraction | None:
        """Return a number of which all values are multiples; ``None`` if none is known."""


@dataclass(frozen=True)
class _Name(_Node):
    name: str

    def quantity(self, described: Mapping[str, Column]) -> str:
        column = described[self.name]
        if column.quantity is None:
            raise ConfigError(
                f"expected numbers, moments and durations, got column {self.name!r}, which is {column.kind}."
            )
        return column.quantity

    def values(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        return columns[self.name]

    def interval(self, ends: Mapping[str, ValueRange]) -> ValueRange:
        return ends.get(self.name, _EVERYTHING)

    def step(self, steps: Mapping[str, Fraction | None]) -> Fraction | None:
        return steps.get(self.name)


@dataclass(frozen=True)
class _Number(_Node):
    number: float

    def quantity(self, described: Mapping[str, Column]) -> str:
        return str(NUMBER)

    def values(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        n_rows = len(next(iter(columns.values())))
        return np.full(n_rows, self.number)

    def interval(self, ends: Mapping[str, ValueRange]) -> ValueRange:
        return self.number, self.number

    def step(self, steps: Mapping[str, Fraction | None]) -> Fraction | None:
        return abs(_fraction(self.number))


@dataclass(frozen=True)
class _Operation(_Node):
    sign: str
    left: _Node
    right: _Node

    def quantity(self, described: Mapping[str, Column]) -> str:
        left, right = self.left.quantity(described), self.right.quantity(described)
        found = _OUTCOMES.get((left, self.sign, right))
        if found is None:
            raise ConfigError(f"{left} {self.sign} {right} is nothing that a column can hold.")
        return str(found)

    def values(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        return _computed(self.sign, self.left.values(columns), self.right.values(columns))

    def interval(self, ends: Mapping[str, ValueRange]) -> ValueRange:
        left, right = self.left.interval(ends), self.right.interval(ends)
        if self.sign == "/" and right[0] <= 0 <= right[1]:
            return _EVERYTHING
        pairs = np.array([(a, b) for a in left for b in right])
        with np.errstate(over="ignore", invalid="ignore"):
            found = _OPERATORS[self.sign](pairs[:, 0], pairs[:, 1])
        if np.isnan(found).any():
            return _EVERYTHING
        return float(found.min()), float(found.max())

    def step(self, steps: Mapping[str, Fraction | None]) -> Fraction | None:
        left, right = self.left.step(steps), self.right.step(steps)
        if left is None or right is None:
            return None
        if self.sign == "/":
            low, high = self.right.interval({})
            is_constant = low == high and math.isfinite(low)
            return left / abs(_fraction(low)) if is_constant else None
        if self.sign == "*":
            return left * right
        both = left.denominator * right.denominator
        return Fraction(math.gcd(int(left * both), int(right * both)), both)


@dataclass(frozen=True)
class _Part(_Node):
    function: str
    of: _Node

    def quantity(self, described: Mapping[str, Column]) -> str:
        found, takes = self.of.quantity(described), DURATION if self.function in SPANS else MOMENT
        if found != takes:
            raise ConfigError(f"{self.function}() takes {takes}, got {found}.")
        return str(MOMENT if self.function == "date" else NUMBER)

    def values(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        moments = self.of.values(columns)
        present = np.isfinite(moments)
        found = PARTS[self.function][0](np.where(present, moments, 0.0))
        return np.where(present, found.astype(np.float64), np.nan)

    def interval(self, ends: Mapping[str, ValueRange]) -> ValueRange:
        of = self.of.interval(ends)
        if self.function not in _RISING or not np.isfinite(of).all():
            return PARTS[self.function][1]
        low, high = PARTS[self.function][0](np.array(of)).astype(float).tolist()
        return low, high

    def step(self, steps: Mapping[str, Fraction | None]) -> Fraction | None:
        return Fraction(1)


_OPERATORS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
}

#: The quantity that an operation leads to; all others lead to none.
_OUTCOMES = {
    **{(NUMBER, sign, NUMBER): NUMBER for sign in _OPERATORS},
    (MOMENT, "-", MOMENT): DURATION,
    (MOMENT, "+", DURATION): MOMENT,
    (DURATION, "+", MOMENT): MOMENT,
    (MOMENT, "-", DURATION): MOMENT,
    (DURATION, "+", DURATION): DURATION,
    (DURATION, "-", DURATION): DURATION,
    (DURATION, "*", NUMBER): DURATION,
    (NUMBER, "*", DURATION): DURATION,
    (DURATION, "/", NUMBER): DURATION,
    (DURATION, "/", DURATION): NUMBER,
}

_SIGNS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}

_BACKTICKS = re.compile("`([^`]+)`")

_FIX = "Use columns, numbers, + - * / and " + ", ".join(f"{name}()" for name in PARTS) + "."


def _fraction(number: float) -> Fraction:
    """Return a finite number as it is written."""
    return Fraction(Decimal(repr(number)))


def _computed(sign: str, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):  # a warning would tell of a value
        found = _OPERATORS[sign](left, right)
    return np.where(np.isfinite(found), found, np.nan)


@dataclass(frozen=True)
class Expression:
    """A parsed expression.

    Attributes:
        names: The columns in it, each once.

    >>> Expression.of("casual + registered").names
    ('casual', 'registered')
    """

    root: _Node
    names: tuple[str, ...]

    @classmethod
    def of(cls, text: object) -> Expression:
        """Return the expression of some text.

        Raises:
            ConfigError: it is none, or names no column.
        """
        if not isinstance(text, str) or len(text) > MOST_CHARACTERS:
            raise ConfigError(f"expected text of at most {MOST_CHARACTERS} characters. {_FIX}")
        quoted = _BACKTICKS.sub(lambda found: repr(found[1]), text)
        try:
            tree = ast.parse(quoted.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise ConfigError(f"expected an expression such as 'a + b', got {text!r}. {_FIX}") from None
        names: dict[str, None] = {}
        root = _node(tree, names, 0)
        if not names:
            raise ConfigError(f"expected an expression over columns, got {text!r}, which names none.")
        return cls(root, tuple(names))

    @classmethod
    def sum_of(cls, first: str, second: str) -> Expression:
        """Return the sum of two columns."""
        return cls(_Operation("+", _Name(first), _Name(second)), (first, second))

    def quantity(self, described: Mapping[str, Column]) -> str:
        """Return the kind of the values in words.

        Raises:
            ConfigError: the parts do not go together.
        """
        return self.root.quantity(described)

    def values(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return ``(rows,)`` values, NaN where a column is missing, or a quotient has no value."""
        return self.root.values(columns)

    def interval(self, ends: Mapping[str, ValueRange]) -> ValueRange:
        """Return ends of the values, infinite where they are not known, from those of the columns."""
        return self.root.interval(ends)

    def step(self, steps: Mapping[str, Fraction | None]) -> Fraction | None:
        """Return a number of which all values are multiples, from those of the columns; ``None`` if none is known."""
        return self.root.step(steps)

    def ends(self, described: Mapping[str, Column]) -> ValueRange:
        """Return ends of the values by those of the columns, infinite where they are open."""
        found = {name: described[name].domain().bounds for name in self.names if name in described}
        return self.interval({name: ends for name, ends in found.items() if ends is not None})

    @property
    def is_of_days(self) -> bool:
        """True if the values are dates."""
        return isinstance(self.root, _Part) and self.root.function == "date"


def _node(tree: ast.expr, names: dict[str, None], depth: int) -> _Node:
    """Return the part of a parsed tree, with its columns added to ``names``.

    Raises:
        ConfigError: the tree has another part.
    """
    if depth > MOST_DEPTH:
        raise ConfigError(f"expected at most {MOST_DEPTH} parts within each other. Shorten it.")
    constant = getattr(tree, "value", None)  # all other parts have an expression there, or nothing
    match tree:
        case ast.Name(id=name):
            names[name] = None
            return _Name(name)
        case ast.expr() if isinstance(constant, str):
            names[constant] = None
            return _Name(constant)
        case ast.expr() if isinstance(constant, int | float) and not isinstance(constant, bool):
            if not abs(constant) < 1e300:
                raise ConfigError("expected numbers below 1e300.")
            return _Number(float(constant))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _Operation("*", _Number(-1.0), _node(operand, names, depth + 1))
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _node(operand, names, depth + 1)
        case ast.BinOp(op=op, left=left, right=right) if type(op) in _SIGNS:
            sides = _node(left, names, depth + 1), _node(right, names, depth + 1)
            if isinstance(op, ast.Div) and sides[1].interval({}) == (0.0, 0.0):
                raise ConfigError(
                    f"{ast.unparse(tree)!r} divides by 0, so no row has a value. Divide by another."
                )
            return _Operation(_SIGNS[type(op)], *sides)
        case ast.Call(func=ast.Name(id=function), args=[of], keywords=[]) if function in PARTS:
            return _Part(function, _node(of, names, depth + 1))
    raise ConfigError(f"{ast.unparse(tree)!r} is not part of a formula. {_FIX}")
