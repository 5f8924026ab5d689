"""Columns that rules connect, merged into one column of categories, and split again.

A row's category follows from the row alone. A row that breaks the rule has a mark that no list of categories can hold,
so that it is counted with the values that were not released.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd

from tabgan.columns import Categorical, Column
from tabgan.columns.combination import BROKEN, GAP, Combination, stand_in, written
from tabgan.columns.curve import SIDE
from tabgan.columns.encoder import MISSING, can_hold_missing
from tabgan.columns.keys import typed, value_of
from tabgan.columns.lattice import has_range
from tabgan.columns.place import Place, WantedNumbers, axis_of, squares_of
from tabgan.columns.values import floats
from tabgan.rules import FixedCombinations, Geo, OneOf
from tabgan.rules.groups import is_marked, marks_of
from tabgan.rules.rule import place_of_value, values_of

Described = Mapping[str, Column]


class Met(NamedTuple):
    """The cells of a merged column that meet conditions: single values, ranges, and missing ones."""

    values: tuple[object, ...] = ()
    ranges: tuple[tuple[object, object], ...] = ()
    missing: bool = False


class Wanted(WantedNumbers, Protocol):
    """A condition on a column."""

    @property
    def missing(self) -> bool:
        """True if a missing cell meets it."""

    def keeps(self, series: pd.Series, column: Column) -> np.ndarray:
        """Return ``(rows,)`` true for the cells that meet it."""


@dataclass(frozen=True)
class Merged(ABC):
    """Some columns as one.

    Attributes:
        name: Name of the one, which no column of the table has.
        members: Names of the columns, in the rule's order.
    """

    name: str
    members: tuple[str, ...]

    @abstractmethod
    def column(self, described: Described) -> Column:
        """Return the one column, open where its categories are to be released."""

    @abstractmethod
    def merge(self, df: Mapping[str, pd.Series], described: Described) -> pd.Series:
        """Return ``(rows,)`` categories, or places, of a table, each from its own row alone."""

    @abstractmethod
    def part(self, series: pd.Series, described: Described) -> dict[str, pd.Series]:
        """Return the columns behind ``(rows,)`` categories, with their completed descriptions."""

    @abstractmethod
    def completed(self, column: Column, described: Described) -> dict[str, Column]:
        """Return descriptions of the columns, with the domains that follow from released categories."""

    def meeting(self, conditions: Mapping[str, Wanted], column: Column, described: Described) -> Met:
        """Return the cells of the one column that meet conditions on the several.

        Args:
            conditions: Conditions (:class:`~tabgan.table.conditions.Condition`) by column.
            column: The one, completed.
            described: Completed columns by name.
        """
        listed = pd.Series(column.listed, dtype=object)
        members = self.part(listed, described)
        met = np.logical_and.reduce(
            [wish.keeps(members[name], described[name]) for name, wish in conditions.items()]
        )
        return Met(tuple(listed[met]))

    @property
    def remedy(self) -> str:
        """The declaration that would save values that a fit loses."""
        return f"the combinations of {', '.join(self.members)}: the key allowed of their rule"

    def gaps(self, column: Column) -> dict[str, np.ndarray]:
        """Return, by column, ``(categories,)`` true for merged categories that were released without its value.

        Nothing where categories were not looked for in that way.
        """
        del column
        return {}

    def missing(self, column: Column) -> dict[str, np.ndarray]:
        """Return, by column, ``(categories,)`` true for merged categories in which it is missing, if there are any."""
        del column
        return {}

    def coarse(self, categories: Sequence[object]) -> np.ndarray:
        """Return ``(categories,)`` numbers of groups that rare categories may share a code within; one by default."""
        return np.zeros(len(categories), dtype=np.int64)


@dataclass(frozen=True)
class MergedCombination(Merged):
    """The columns of fixed combinations as one: its categories are texts that list the values."""

    rule: FixedCombinations

    def column(self, described: Described) -> Categorical:
        if self.rule.allowed is None:
            members = [described[name] for name in self.members]
            return Combination(
                name=self.name,
                dtype="object",
                nullable=None if self._can_miss(described) else False,
                domains=tuple(map(_declared, members)),
                labels=tuple(map(_label, members)),
                stand_ins=tuple(map(stand_in, members)),
            )
        rows = [
            [
                None if v is None else place_of_value(v, described[n])
                for n, v in zip(self.members, row, strict=True)
            ]
            for row in self.rule.allowed
        ]
        allowed = tuple(dict.fromkeys(written([value_of(value) for value in row]) for row in rows))
        return Categorical(
            name=self.name,
            dtype="object",
            nullable=None if self._can_miss(described) else False,
            categories=allowed,
            unreleased="redistribute",
        )

    def _can_miss(self, described: Described) -> bool:
        return all(
            described[name].nullable is not False and can_hold_missing(described[name].dtype or "object")
            for name in self.members
        )

    def merge(self, df: Mapping[str, pd.Series], described: Described) -> pd.Series:
        columns = [_distinct(df[name], described[name]) for name in self.members]
        rows, positions = np.unique(
            np.stack([places for places, _ in columns], axis=1), axis=0, return_inverse=True
        )
        texts = np.empty(len(rows), dtype=object)
        for i, row in enumerate(rows):
            values = [known[place] for place, (_, known) in zip(row, columns, strict=True)]
            texts[i] = BROKEN if any(value is BROKEN for value in values) else written(values)
        return pd.Series(texts[positions.reshape(-1)], dtype=object, name=self.name)

    def part(self, series: pd.Series, described: Described) -> dict[str, pd.Series]:
        positions, texts = pd.factorize(series)
        rows = list(map(json.loads, texts))
        if (positions < 0).any():  # missing: the last row
            rows.append([None] * len(self.members))
        labels = self._labels(described)
        return {
            name: _series([row[j] for row in rows], described[name], labels[j])
            .take(positions if len(series) else [])
            .reset_index(drop=True)
            for j, name in enumerate(self.members)
        }

    def gaps(self, column: Column) -> dict[str, np.ndarray]:
        if not isinstance(column, Combination) or not column.levels:
            return {}
        rows = [json.loads(str(text)) for text in column.listed]
        return {
            name: np.array([row[j] == GAP for row in rows], dtype=bool) for j, name in enumerate(self.members)
        }

    def missing(self, column: Column) -> dict[str, np.ndarray]:
        rows = [json.loads(str(text)) for text in column.listed]
        return {
            name: np.array([row[j] is None for row in rows], dtype=bool)
            for j, name in enumerate(self.members)
        }

    def _labels(self, described: Described) -> list[Any]:
        """Return, for each column, the label of values that were not released; ``None`` where none is shown."""
        column = described.get(self.name)
        found: list[Any] = [None] * len(self.members)
        if isinstance(column, Combination) and column.levels:
            label = [] if column.other_label is None else [column.other_label]
            for text in (*column.listed, *label):
                row = json.loads(str(text))
                for j, name in enumerate(self.members):
                    if row[j] == GAP and text not in column.choices:
                        found[j] = described[name].other_label
        return found

    def meeting(self, conditions: Mapping[str, Wanted], column: Column, described: Described) -> Met:
        # Whole ones take the place of a coarser one, in parts that are cut off.
        shown = [text for text in column.listed if text not in getattr(column, "choices", ())]
        label = getattr(column, "other_label", None)
        shown += [] if label is None else [label]
        return super().meeting(conditions, column.with_(categories=tuple(shown)), described)

    def completed(self, column: Column, described: Described) -> dict[str, Column]:
        rows = [json.loads(str(category)) for category in column.listed]
        return {
            name: _with_values([row[j] for row in rows if row[j] not in (None, GAP)], described[name])
            for j, name in enumerate(self.members)
        }

    def coarse(self, categories: Sequence[object]) -> np.ndarray:
        """Return ``(categories,)`` value numbers of the column with the fewest values, but more than one."""
        rows = [json.loads(str(category)) for category in categories]
        found = [
            pd.factorize(pd.Series(map(written, zip(each)), dtype=object))[0]
            for each in zip(*rows, strict=True)
        ]
        several = [codes for codes in found if codes.max(initial=0) > 0]
        return min(several, key=lambda codes: codes.max()) if several else super().coarse(categories)


@dataclass(frozen=True)
class MergedChoice(Merged):
    """One-hot columns as one: its categories are their names."""

    def column(self, described: Described) -> Categorical:
        return Categorical(
            name=self.name, dtype="object", nullable=False, categories=self.members, unreleased="redistribute"
        )

    def merge(self, df: Mapping[str, pd.Series], described: Described) -> pd.Series:
        marks = np.stack([is_marked(df[name]) for name in self.members])
        is_kept = OneOf(self.members).keeps(pd.DataFrame(df), described)
        names = np.array([*self.members, BROKEN], dtype=object)
        which = np.where(is_kept, np.nan_to_num(marks).argmax(axis=0), len(self.members))
        return pd.Series(names[which], dtype=object, name=self.name)

    def part(self, series: pd.Series, described: Described) -> dict[str, pd.Series]:
        found = {}
        for name in self.members:
            marks = marks_of(described[name]) or (False, True)
            is_it = (series == name).to_numpy(dtype=bool)
            found[name] = _series(list(marks), described[name]).take(is_it.astype(int)).reset_index(drop=True)
        return found

    def completed(self, column: Column, described: Described) -> dict[str, Column]:
        return {name: _with_values([0, 1], described[name]) for name in self.members}


@dataclass(frozen=True)
class MergedPlace(Merged):
    """A latitude and a longitude as one: a place."""

    def column(self, described: Described) -> Place:
        axes = [axis_of(described[name], k).with_implied_precision() for k, name in enumerate(self.members)]
        can_miss = all(a.nullable is not False and can_hold_missing(a.dtype or "object") for a in axes)
        return Place(
            name=self.name, dtype="float64", nullable=None if can_miss else False, axes=(axes[0], axes[1])
        )

    def _place(self, described: Described) -> Place:
        """Return the completed column, or the one to be completed."""
        known = described.get(self.name)
        return known if isinstance(known, Place) else self.column(described)

    def merge(self, df: Mapping[str, pd.Series], described: Described) -> pd.Series:
        first, second = (df[name] for name in self.members)
        return pd.Series(self._place(described).places_of(first, second), name=self.name)

    def part(self, series: pd.Series, described: Described) -> dict[str, pd.Series]:
        cells = self._place(described).parts_of(floats(series))
        return {name: cell.rename(name) for name, cell in zip(self.members, cells, strict=True)}

    def completed(self, column: Column, described: Described) -> dict[str, Column]:
        place = column if isinstance(column, Place) else self._place(described)
        return dict(zip(self.members, place.members(), strict=True))

    def meeting(self, conditions: Mapping[str, Wanted], column: Column, described: Described) -> Met:
        place = column if isinstance(column, Place) else self._place(described)
        sides, may_miss = [], True
        for name, grid in zip(self.members, place.grids, strict=True):
            wish = conditions.get(name)
            sides.append([(0, SIDE - 1)] if wish is None else squares_of(grid, wish))
            may_miss &= wish is None or wish.missing != wish.is_excluded
        corners = tuple(((west, south), (east, north)) for (west, east), (south, north) in product(*sides))
        return Met((), corners, may_miss)

    @property
    def remedy(self) -> str:
        return f"the bounds of {' and '.join(self.members)}"


def free_name(name: str, taken: set[str]) -> str:
    """Return a name with as many apostrophes as it takes to be none of those taken, to which it is added."""
    while name in taken:
        name += "'"
    taken.add(name)
    return name


def merged_of(rules: Sequence[object], names: Sequence[str]) -> tuple[Merged, ...]:
    """Return the columns that rules merge, of a table with these columns."""
    found: list[Merged] = []
    taken = set(names)
    for rule in rules:
        if isinstance(rule, FixedCombinations | OneOf | Geo):
            members = tuple(rule.sides.values())
            name = free_name(" & ".join(members), taken)
            if isinstance(rule, OneOf):
                found.append(MergedChoice(name, members))
            elif isinstance(rule, Geo):
                found.append(MergedPlace(name, members))
            else:
                found.append(MergedCombination(name, members, rule))
    return tuple(found)


def coarse_of(merged: Sequence[Merged], columns: Sequence[Column]) -> dict[str, np.ndarray]:
    """Return, by the name of a merged column among completed ones, the groups of its categories."""
    parts = {part.name: part for part in merged}
    return {c.name: parts[c.name].coarse(c.listed) for c in columns if c.name in parts}


def _declared(column: Column) -> tuple[Any, ...] | None:
    """Return the declared values of a column with categories, and missing; ``None`` if they are open."""
    if not column.has_categories or not column.is_complete or has_range(column):
        return None
    may_miss = column.nullable is not False and can_hold_missing(column.dtype or "object")
    return (*(value_of(key) for key in typed(column.listed)), *([None] if may_miss else []))


def _label(column: Column) -> object:
    return column.other_label if column.has_categories else None


def _distinct(series: pd.Series, column: Column) -> tuple[np.ndarray, list[Any]]:
    """Return ``(rows,)`` positions of cells in a list of values: missing first, then ``BROKEN``."""
    found, keys = values_of(series, column)
    domain = column.domain()
    if keys is None:
        distinct, positions = np.unique(found[~np.isnan(found)], return_inverse=True)
        places = np.zeros(len(found), dtype=np.int64)
        places[~np.isnan(found)] = 2 + positions
        values = [v if _is_inside(v, domain.bounds) else BROKEN for v in distinct.tolist()]
        return places, [None, BROKEN, *values]
    listed = domain.keys
    values = [
        value_of(key)
        if isinstance(value_of(key), bool | int | float | str) and (listed is None or key in listed)
        else BROKEN
        for key in keys
    ]
    return np.where(np.isnan(found), 0, 2 + np.nan_to_num(found)).astype(np.int64), [None, BROKEN, *values]


def _is_inside(place: float, bounds: tuple[float, float] | None) -> bool:
    return bounds is None or bounds[0] <= place <= bounds[1]


def _series(values: Sequence[Any], column: Column, label: Any = None) -> pd.Series:
    """Return declared or released values, ``None`` for missing, in the dtype of a completed column.

    A gap shows the label, or is missing without one.
    """
    values = [label if value == GAP else value for value in values]
    if has_range(column):
        return column.written(np.array([np.nan if v is None else v for v in values], dtype=np.float64))
    encoder = column.encoder() if label is None else column.encoder().showing_other()
    position = {key: 1 + i for i, key in enumerate(typed(column.listed))} | {None: MISSING}
    position |= {} if label is None else dict.fromkeys(typed([label]), encoder.n_values + 1)
    cells = np.array([position[key] for key in typed(values)], dtype=np.int64)
    return encoder.inverse_transform(cells, np.random.default_rng(0))


def _with_values(values: Sequence[Any], column: Column) -> Column:
    """Return a column with the domain of released values where it is open."""
    if not has_range(column):
        if column.is_complete:
            return column
        distinct = {key: value_of(key) for key in typed(values)}
        listed = sorted(distinct.values(), key=lambda value: (type(value).__name__, value))
        return column.with_(categories=tuple(listed))
    implied = column.with_implied_precision()
    if not has_range(implied):
        return column
    ends = (float(min(values)), float(max(values))) if values and column.bounds is None else None
    decimals = max((_decimals_of(value) for value in values), default=0)
    return implied.with_derived(10**decimals, ends).with_final_dtype()


def _decimals_of(value: float) -> int:
    return max(-int(Decimal(repr(value)).normalize().as_tuple().exponent), 0)
