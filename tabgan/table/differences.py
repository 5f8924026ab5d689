"""Distances of columns that lie near others, measured in place of the columns.

An admission and a discharge that are days apart in a range of years share nearly all of their codes, so that the stay
between them would be lost. A row's distance follows from the row alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tabgan.columns import Column, Duration, Numeric
from tabgan.columns.encoder import can_hold_missing
from tabgan.columns.lattice import LIMIT, has_range
from tabgan.rules import Inequality, Near, Rule
from tabgan.rules.expressions import Expression
from tabgan.rules.formula import completed_by
from tabgan.table.merged import free_name

#: Decimals that a distance of numbers keeps: more are rounding errors of a difference.
_DECIMALS = 9

#: The longest distance of two moments in seconds, which timedelta64[ns] holds.
_LONGEST = 106_751 * 86_400.0


@dataclass(frozen=True)
class Difference:
    """The distance of a column from another one, in its place.

    Attributes:
        name: Its name, which no column of the table has.
        near: The other column, which is modelled as it is.
        of: The column that is computed in a sample: ``near`` and the distance together.
        ends: Ends of the distance by declared inequalities of the two: 0, or infinite.
    """

    name: str
    near: str
    of: str
    ends: tuple[float, float] = (-np.inf, np.inf)

    @property
    def members(self) -> tuple[str, str]:
        """The columns of the table that it is made of."""
        return self.near, self.of

    @property
    def _sum(self) -> Expression:
        return Expression.sum_of(self.near, self.name)

    @property
    def remedy(self) -> str:
        """The declaration that would save values that a fit loses."""
        return f"the distance of {self.of} from {self.near}: a column of it in the table, with its bounds"

    def column(self, described: Mapping[str, Column]) -> Column:
        """Return the description of the distance, open where it is to be released."""
        both = [described[name] for name in self.members]
        can_miss = any(c.nullable is not False and can_hold_missing(c.dtype or "object") for c in both)
        nullable = None if can_miss else False
        if both[0].quantity != Numeric.quantity:
            is_of_days = all(has_range(c) and _is_in_days(c.with_implied_precision()) for c in both)
            resolution = "day" if is_of_days else None
            return Duration(name=self.name, dtype="timedelta64[ns]", nullable=nullable, resolution=resolution)
        are_whole = all(pd.api.types.is_integer_dtype(c.dtype or "object") for c in both)
        decimals: list[int | None] = [getattr(column, "decimals", None) for column in both]
        known = None if None in decimals else max(map(int, filter(None, decimals)), default=0)
        return Numeric(
            name=self.name, dtype="Int64" if are_whole else "float64", nullable=nullable, decimals=known
        )

    def merge(self, df: Mapping[str, pd.Series], described: Mapping[str, Column]) -> pd.Series:
        """Return ``(rows,)`` distances of a table, each from its own row; 0 in a row that breaks an inequality."""
        near, of = (described[name].read(df[name]) for name in self.members)
        with np.errstate(all="ignore"):  # a warning would tell of a value
            distance = np.clip(of - near, *self.ends)
        distance[~np.isfinite(distance)] = np.nan
        if described[self.of].quantity != Numeric.quantity:
            found = np.rint(np.nan_to_num(np.clip(distance, -_LONGEST, _LONGEST)) * 1e9).astype(
                "timedelta64[ns]"
            )
            found[np.isnan(distance)] = np.timedelta64("NaT", "ns")
            return pd.Series(found, name=self.name)
        column = described.get(self.name) or self.column(described)
        with np.errstate(all="ignore"):
            cells = pd.Series(np.round(np.clip(distance, 1 - LIMIT, LIMIT - 1), _DECIMALS), name=self.name)
        return cells.round().astype("Int64") if column.dtype == "Int64" else cells

    def values(self, columns: Mapping[str, pd.Series], described: Mapping[str, Column]) -> np.ndarray:
        """Return ``(rows,)`` places of the column, within its bounds: the other one and the distance together."""
        found = self._sum.values({name: described[name].read(columns[name]) for name in self._sum.names})
        bounds = described[self.of].domain().bounds
        return found if bounds is None else np.clip(found, *bounds)

    def led(self, columns: Mapping[str, pd.Series], described: Mapping[str, Column]) -> np.ndarray:
        """Return ``(rows,)`` places of the other column: the column less the distance."""
        return np.asarray(
            described[self.of].read(columns[self.of]) - described[self.name].read(columns[self.name])
        )

    def completed(self, described: Mapping[str, Column]) -> Column:
        """Return the column with the precision and bounds that follow from the other one and the distance."""
        near, of = described[self.near], described[self.of]
        kind = getattr(near, "objects", None)
        if kind is not None and getattr(of, "objects", kind) is None:
            of = of.with_(objects=kind)
        if has_range(of) and all(map(_is_in_days, (near, described[self.name]))):
            of = of.in_days()
        return completed_by(self._sum, of, described)


def differences_of(rules: Sequence[Rule], names: Collection[str]) -> tuple[Difference, ...]:
    """Return the distances that rules call for, of a table with columns of these names."""
    below = {(rule.low, rule.high) for rule in rules if isinstance(rule, Inequality)}
    found, taken = [], set(names)
    for rule in rules:
        if isinstance(rule, Near):
            name = free_name(f"{rule.column} - {rule.near}", taken)
            least = 0.0 if (rule.near, rule.column) in below else -np.inf
            most = 0.0 if (rule.column, rule.near) in below else np.inf
            found.append(Difference(name, rule.near, rule.column, (least, most)))
    return tuple(found)


def _is_in_days(column: Column) -> bool:
    return getattr(column, "resolution", None) == "day"
