"""Formulas: a column that others determine."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import ClassVar

import numpy as np
import pandas as pd

from tabgan._util.validate import nearest
from tabgan.columns import Column
from tabgan.columns.lattice import has_range
from tabgan.errors import ConfigError
from tabgan.rules.expressions import Expression
from tabgan.rules.rule import Rule, check_written, one_name

#: Error of a computed number that is a rounding error: a share of it, and of one in a column of short floats.
_CLOSE, _CLOSE_SHORT = 1e-9, 2e-7

#: The most parts of 1 that a column's step may be made of.
_MOST_PARTS = 10**9


@dataclass(frozen=True)
class Formula(Rule):
    """The rule that a column has the value of a formula over others. A row in which any of them is missing keeps it.

    A number may differ by half a unit of the column's precision: the column is rounded. In a sample the column is
    computed, and nothing of it is released.

    Attributes:
        column: The column that is computed: of numbers, moments or durations.
        equals: The formula, such as ``"casual + registered"``, ``"year(date)"`` or ``"price * 1.19"``; names with
            blanks in quotes. Moments less moments are durations.

    Raises:
        ConfigError: the formula cannot be read, names no column, or names ``column`` itself.

    >>> Formula("total", "casual + registered").to_dict()
    {'column': 'total', 'equals': 'casual + registered'}
    """

    column: str
    equals: str

    keys: ClassVar[tuple[str, ...]] = ("column", "equals")
    required: ClassVar[int] = 2

    def __post_init__(self) -> None:
        one_name("column", self.column)
        try:
            names = self.expression.names
        except ConfigError as error:
            raise ConfigError(f"equals: {error}") from None
        if self.column in names:
            raise ConfigError(f"equals: column {self.column!r} is computed from itself. Name other columns.")

    @cached_property
    def expression(self) -> Expression:
        """The parsed formula."""
        return Expression.of(self.equals)

    @property
    def computes(self) -> str:
        """The column that is computed."""
        return self.column

    @property
    def sides(self) -> dict[str, str]:
        names = self.expression.names
        return {"column": self.column} | {
            "equals" if i == 0 else f"equals ({i + 1})": n for i, n in enumerate(names)
        }

    def check_names(self, names: object, where: str) -> None:
        known = list(names)  # type: ignore[call-overload]
        for key, name in [("column", self.column), *(("equals", each) for each in self.expression.names)]:
            if name not in known:
                raise ConfigError(f"{where}.{key}: no column {name!r} in the table.{nearest(name, known)}")

    def check(self, described: Mapping[str, Column], where: str) -> None:
        self.check_names(described, where)
        column = described[self.column]
        if not has_range(column):
            raise ConfigError(
                f"{where}.column: expected a column of numbers, moments or durations, got {self.column!r}, which is "
                f"{column.kind}. Declare another kind."
            )
        try:
            found = self.expression.quantity(described)
        except ConfigError as error:
            raise ConfigError(f"{where}.equals: {error}") from None
        if found != column.quantity:
            raise ConfigError(
                f"{where}: the formula gives {found}, and column {self.column!r} holds {column.quantity}. Declare it "
                "as another kind, or change the formula."
            )

    def check_domain(self, described: Mapping[str, Column], where: str) -> None:
        column = described[self.column]
        if not has_range(column):  # has been checked
            return
        check_written(self.column, column, where)
        low, high = self.expression.ends(described)
        bounds = column.domain().bounds
        if bounds is not None and (low - column.step > bounds[1] or high + column.step < bounds[0]):
            raise ConfigError(
                f"{where}: the formula lies between {low:g} and {high:g}, and column {self.column!r} between "
                f"{bounds[0]:g} and {bounds[1]:g}: no row can keep it. Change the formula, or the bounds."
            )

    def values(
        self, table: Mapping[str, pd.Series] | pd.DataFrame, described: Mapping[str, Column]
    ) -> np.ndarray:
        """Return ``(rows,)`` values of the formula on the axis of its column, NaN where there is none."""
        return self.expression.values({n: described[n].read(table[n]) for n in self.expression.names})

    def completed(self, described: Mapping[str, Column]) -> Column:
        """Return the computed column with the precision and the bounds that follow from completed columns."""
        return completed_by(self.expression, described[self.column], described)

    def keeps(
        self, table: pd.DataFrame, described: Mapping[str, Column], known: Sequence[pd.DataFrame] = ()
    ) -> np.ndarray:
        column = described[self.column]
        shown, computed = column.read(table[self.column]), self.values(table, described)
        if not has_range(column):
            return np.ones(len(table), dtype=bool)
        exact = np.where(np.isnan(computed), 0.0, computed)
        is_short = column.dtype in ("float32", "Float32", "float16")
        close = (_CLOSE_SHORT if is_short else _CLOSE) * np.maximum(np.abs(exact), 1.0)
        within = 0.5 * column.step if column.has_precision else 0.0
        if column.is_exact:
            close, within = np.full(len(exact), _CLOSE), 0.0
        is_kept = (np.abs(shown - exact) <= within + close) | (column.at_precision(exact) == shown)
        return np.asarray(is_kept | np.isnan(shown) | np.isnan(computed))


@dataclass(frozen=True)
class InBounds(Rule):
    """The statement that a computed column lies within its declared bounds, where its formula may leave them.

    Attributes:
        column: The column that is computed.
    """

    column: str

    keys: ClassVar[tuple[str, ...]] = ("column",)

    @classmethod
    def of(cls, rules: Sequence[Rule], described: Mapping[str, Column]) -> list[InBounds]:
        """Return the statements about formulas among some rules.

        Args:
            rules: The rules of a schema.
            described: Completed columns by name. Bounds that follow from a formula hold all of its values.
        """
        found = []
        for rule in rules:
            column = described[rule.column] if isinstance(rule, Formula) else None
            if not isinstance(rule, Formula) or column is None or not has_range(column):
                continue
            bounds, (low, high) = column.domain().bounds, rule.expression.ends(described)
            if bounds is not None and (low < bounds[0] - column.step or high > bounds[1] + column.step):
                found.append(cls(rule.column))
        return found

    @property
    def sides(self) -> dict[str, str]:
        return {"column": self.column}

    def check(self, described: Mapping[str, Column], where: str) -> None:
        self.check_names(described, where)

    def keeps(
        self, table: pd.DataFrame, described: Mapping[str, Column], known: Sequence[pd.DataFrame] = ()
    ) -> np.ndarray:
        column = described[self.column]
        values, bounds = column.read(table[self.column]), column.domain().bounds
        low, high = (-math.inf, math.inf) if bounds is None else bounds
        return np.asarray(((values >= low) & (values <= high)) | np.isnan(values))


def completed_by(expression: Expression, column: Column, described: Mapping[str, Column]) -> Column:
    """Return a column that an expression computes, with the precision and bounds that follow from completed columns."""
    if not has_range(column):  # has been checked
        return column
    column = column.with_implied_precision()
    if not has_range(column):
        return column
    step = expression.step({n: _step(described[n]) for n in expression.names})
    ends = expression.ends(described)
    is_free = column.bounds is None and all(map(math.isfinite, ends))
    if expression.is_of_days:
        column = column.in_days()
    parts = None if step is None else step.denominator
    return column.with_derived(parts, ends if is_free else None).with_final_dtype()


def _step(column: Column) -> Fraction | None:
    """Return the step of a column's numbers; ``None`` if it is open, or no fraction that they show."""
    if not has_range(column) or not column.has_precision:
        return None
    step = Fraction(column.step).limit_denominator(_MOST_PARTS)
    return step if math.isclose(column.step, step, rel_tol=_CLOSE) else None
