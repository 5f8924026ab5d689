"""Inequalities between the modelled columns of a sample: rows of one code exchange values until they hold.

Rows of one code are alike to the model, so their values can change places without changing any column's distribution.
Only rows that no exchange mends get new values, and those that no draw mends stay, to be drawn anew as whole rows.
"""

from __future__ import annotations

import graphlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from tabgan.columns import Column
from tabgan.columns.lattice import has_range
from tabgan.rules import Inequality, Rule
from tabgan.rules.inequality import constant, places

#: Times that the values of broken rows are drawn again within their codes, and draws for each at a time.
TRIES, AT_ONCE = 6, 16

#: Times that each broken row proposes exchanges in each of its columns, or all propose in vain; the rows that it
#: proposes to each time; and the excess of two equal values of which one is to be smaller.
SWEEPS, IDLE, CHOICES, LEAST_EXCESS = 60, 3, 8, 1e-9

NO_ROWS = np.zeros(0, dtype=np.int64)

#: Places of rows, and by how much they are ahead of UTC.
Clocks = tuple[np.ndarray, np.ndarray]

#: A function that draws values of a column for some rows.
Draw = Callable[[str, np.ndarray], pd.Series]

#: A function that returns ``(rows,)`` codes of a column's values.
CodesOf = Callable[[str, pd.Series], np.ndarray]


@dataclass(frozen=True)
class Orders:
    """Inequalities between columns, and between columns and constants, that can be kept by exchanging values.

    Attributes:
        described: The modelled columns by name.
        rules: Inequalities whose columns are modelled, those that follow from several among them.
    """

    described: Mapping[str, Column]
    rules: tuple[Inequality, ...]

    @classmethod
    def of(cls, rules: Sequence[Rule], described: Mapping[str, Column]) -> Orders:
        """Return the inequalities among rules that are about columns as they are modelled."""
        own = [
            rule
            for rule in rules
            if isinstance(rule, Inequality)
            and all(side in described or rule.is_constant(side) for side in rule.sides.values())
        ]
        strict = {(rule.low, rule.high): False for rule in own}
        for rule in own:
            strict[rule.low, rule.high] |= rule.is_strict
        sides = list(dict.fromkeys(side for pair in strict for side in pair))
        for middle, low, high in product(sides, sides, sides):
            if low != high and (low, middle) in strict and (middle, high) in strict:
                is_strict = strict[low, middle] or strict[middle, high]
                strict[low, high] = strict.get((low, high), False) or is_strict
        kept = [
            Inequality(low, high, is_strict)
            for (low, high), is_strict in strict.items()
            if low in described or high in described
        ]
        return cls(described, tuple(kept))

    @property
    def names(self) -> list[str]:
        """The columns, each after the columns below it where that is possible."""
        named = [side for rule in self.rules for side in rule.touches(self.described)]
        below: dict[str, set[str]] = {name: set() for name in named}
        for rule in self.rules:
            if rule.low in below and rule.high in below:
                below[str(rule.high)].add(str(rule.low))
        try:
            return list(graphlib.TopologicalSorter(below).static_order())
        except graphlib.CycleError:  # columns that are equal
            return list(dict.fromkeys(named))

    def is_kept(self, columns: Mapping[str, pd.Series]) -> np.ndarray:
        """Return ``(rows,)`` booleans, true for rows that keep all inequalities."""
        table = pd.DataFrame({name: columns[name] for name in self.names})
        kept = [rule.keeps(table, self.described) for rule in self.rules]
        return np.asarray(np.logical_and.reduce(kept))

    def arranged(
        self,
        columns: dict[str, pd.Series],
        keys: Mapping[str, Sequence[np.ndarray]],
        draw: Draw,
        rng: np.random.Generator,
        fixed: Collection[str] = (),
        codes_of: CodesOf | None = None,
    ) -> dict[str, pd.Series]:
        """Return columns in which the inequalities hold in nearly all rows whose codes allow it.

        Rows that exchanges leave broken get each other's values where that leaves their codes as they are, then others
        of their codes, and only at last values of other codes: under a condition few rows have partners.

        Args:
            columns: Drawn values of all columns.
            keys: For each column in an inequality, ``(rows,)`` numbers: rows of one are exchangeable. Of several, the
                later ones serve rows that the earlier ones leave broken.
            draw: Draws further values.
            rng: Source of random choices.
            fixed: Columns that keep their values.
            codes_of: Tells the code of a value; by default codes may change before further values are drawn.
        """
        if not self.rules or not len(next(iter(columns.values()))):
            return columns
        found = dict(columns)
        for part in self.apart:
            swapped = part.swapped(found, keys, rng)
            found |= {name: found[name].take(order).reset_index(drop=True) for name, order in swapped.items()}
            may_turn = not set(fixed) & set(part.names)
            if may_turn:
                part.turn(found, codes_of)
            part.mend(found, draw)
            if may_turn and codes_of is not None:
                part.turn(found)
        return found

    def swapped(
        self,
        columns: Mapping[str, pd.Series],
        keys: Mapping[str, Sequence[np.ndarray]],
        rng: np.random.Generator,
    ) -> dict[str, np.ndarray]:
        """Return, for each column, ``(rows,)`` places of the values that rows get after exchanges within their keys.

        A broken row proposes an exchange of one value to a few other rows of its key, at random; with one of them it
        takes place, if together they are less broken afterwards. So every column keeps all its values.
        """
        read = {name: places(columns[name], self.described[name]) for name in self.names}
        order = {name: np.arange(len(values)) for name, (values, _) in read.items()}
        read = {
            name: (values, np.array(np.nan) if np.isnan(ahead).all() else ahead)
            for name, (values, ahead) in read.items()
        }

        def excess(rows: np.ndarray, name: str = "", others: np.ndarray = NO_ROWS) -> np.ndarray:
            taken = {each: others if each == name else place[rows] for each, place in order.items()}
            return self._excess({each: _rows_of(*read[each], at) for each, at in taken.items()})

        broken = np.flatnonzero(excess(np.arange(len(next(iter(order.values()))))) > 0)
        for level in range(max(len(keys[name]) for name in self.names)):
            alike = {name: _Alike(keys[name][min(level, len(keys[name]) - 1)]) for name in self.names}
            idle = 0
            for turn in range(SWEEPS * len(self.names)):
                name = self.names[turn % len(self.names)]
                first = np.repeat(broken, CHOICES)
                second = alike[name].partners(first, rng)
                before = excess(first) + excess(second)
                after = excess(first, name, order[name][second]) + excess(second, name, order[name][first])
                gain = (before - after).reshape(-1, CHOICES)
                best = np.arange(len(broken)) * CHOICES + gain.argmax(axis=1)
                best = best[gain.max(axis=1) > 0]
                idle = 0 if len(best) else idle + 1
                if idle > IDLE * len(self.names):
                    break
                pairs = best[_disjoint(first[best], second[best])]
                first, second = first[pairs], second[pairs]
                order[name][first], order[name][second] = order[name][second], order[name][first]
                concerned = np.union1d(broken, second)
                broken = concerned[excess(concerned) > 0]
                if not len(broken):
                    return order
        return order

    def _excess(self, read: Mapping[str, Clocks]) -> np.ndarray:
        """Return ``(rows,)`` by how much all inequalities together are broken, 0 where they hold."""
        total: Any = 0.0
        for rule in self.rules:
            (low, low_ahead), (high, high_ahead) = (
                read[str(side)] if side in read else constant(side) for side in (rule.low, rule.high)
            )
            have_zone = ~(np.isnan(low_ahead) | np.isnan(high_ahead))
            gap = (low - np.where(have_zone, low_ahead, 0.0)) - (high - np.where(have_zone, high_ahead, 0.0))
            if rule.is_strict:
                gap = np.where(gap == 0, LEAST_EXCESS, gap)
            total = total + np.where(gap > 0, gap, 0.0)  # NaN, where one is missing, is not
        return np.asarray(total)

    @property
    def apart(self) -> list[Orders]:
        """The inequalities in groups that share no column."""
        groups: list[set[str]] = []
        for rule in self.rules:
            joined = set(rule.touches(self.described))
            joined = joined.union(*(group for group in groups if group & joined))
            groups = [group for group in groups if not group & joined] + [joined]
        return [
            Orders(self.described, tuple(r for r in self.rules if set(r.touches(self.described)) <= group))
            for group in groups
        ]

    def turn(self, columns: dict[str, pd.Series], codes_of: CodesOf | None = None) -> None:
        """Replace, in place, the values of broken rows by those of their other columns, which differ little here.

        Only where each column may hold the value that it gets, and, if ``codes_of`` is given, has no other code by it.
        """
        broken = np.flatnonzero(~self.is_kept(columns))
        some = {name: columns[name].take(broken).reset_index(drop=True) for name in self.names}
        read = {name: places(series, self.described[name]) for name, series in some.items()}
        if not len(broken) or not all(np.isnan(ahead).all() for _, ahead in read.values()):
            return
        values = {name: found.copy() for name, (found, _) in read.items()}
        pairs = [(str(r.low), str(r.high)) for r in self.rules if r.low in values and r.high in values]
        for low, high in pairs * len(self.names):
            is_wrong = values[low] > values[high]
            values[low], values[high] = (
                np.where(is_wrong, values[high], values[low]),
                np.where(is_wrong, values[low], values[high]),
            )
        is_held = np.ones(len(broken), dtype=bool)
        for name, series in some.items():
            column = self.described[name]
            low_end, high_end = column.domain().bounds or (-np.inf, np.inf)
            is_same = np.isclose(values[name], read[name][0], rtol=0, atol=0, equal_nan=True)
            is_held &= is_same | ((values[name] >= low_end) & (values[name] <= high_end))
            if has_range(column) and not is_same.all():
                moved = column.written(values[name][~is_same]).astype(series.dtype)
                some[name] = with_values(series, np.flatnonzero(~is_same), moved)
                if codes_of is not None:
                    is_held &= codes_of(name, some[name]) == codes_of(name, series)
        good = np.flatnonzero(is_held & self.is_kept(some))
        for name in self.names if len(good) else ():
            columns[name] = with_values(columns[name], broken[good], some[name].take(good))

    def mend(self, columns: dict[str, pd.Series], draw: Draw) -> None:
        """Replace, in place, the values of broken rows by others within their codes, if a few draws find any."""
        names = self.names
        broken = np.flatnonzero(~self.is_kept(columns))
        for _ in range(TRIES):
            if not len(broken):
                return
            rows = np.tile(broken, AT_ONCE)
            again = {name: draw(name, rows).reset_index(drop=True) for name in names}
            good = np.flatnonzero(self.is_kept(again))
            mended, first = np.unique(rows[good], return_index=True)
            for name in names if len(mended) else ():
                columns[name] = with_values(columns[name], mended, again[name].take(good[first]))
            broken = np.setdiff1d(broken, mended)


def _rows_of(values: np.ndarray, ahead: np.ndarray, rows: np.ndarray) -> Clocks:
    """Return places of some rows, and by how much they are ahead of UTC: one number if none says its zone."""
    return values[rows], ahead[rows] if ahead.ndim else ahead


class _Alike:
    """Rows by a key; those with the same one are exchangeable."""

    def __init__(self, keys: np.ndarray) -> None:
        _, groups, counts = np.unique(keys, return_inverse=True, return_counts=True)
        self.rows = np.argsort(groups, kind="stable")
        self.first, self.counts = (np.cumsum(counts) - counts)[groups], counts[groups]

    def partners(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a random row of the same key for each of some rows."""
        chosen = self.first[rows] + (rng.random(len(rows)) * self.counts[rows]).astype(np.int64)
        return np.asarray(self.rows[chosen])


def _disjoint(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return positions of pairs that share no row."""
    every = np.stack([first, second], axis=1).reshape(-1)
    _, position = np.unique(every, return_index=True)
    is_first = np.zeros(len(every), dtype=bool)
    is_first[position] = True
    return np.flatnonzero(is_first.reshape(-1, 2).all(axis=1))


def with_values(series: pd.Series, rows: np.ndarray, values: pd.Series) -> pd.Series:
    """Return a series with other values in some rows, in its dtype."""
    source = np.arange(len(series))
    source[rows] = len(series) + np.arange(len(rows))
    joined = pd.concat([series, values.reset_index(drop=True)], ignore_index=True)
    return joined.take(source).reset_index(drop=True).astype(series.dtype)
