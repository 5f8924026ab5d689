"""Groups of columns: one-hot ones, exactly one of them true, and those whose values occur together once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from tabgan.columns import Column
from tabgan.columns.keys import typed
from tabgan.columns.values import boolean_of, float_of, objects
from tabgan.errors import ConfigError
from tabgan.rules.rule import Rule, is_within, several_names, values_of


@dataclass(frozen=True)
class OneOf(Rule):
    """The rule that exactly one of some columns is true, or 1, and the others are false, or 0. Missing breaks it.

    Attributes:
        one_of: Names of two columns or more, of booleans or of the numbers 0 and 1.

    Raises:
        ConfigError: they are not a list of different names.
    """

    one_of: tuple[str, ...]

    keys: ClassVar[tuple[str, ...]] = ("one_of",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "one_of", several_names("one_of", self.one_of, 2))

    @property
    def sides(self) -> dict[str, str]:
        return {f"one_of[{j}]": name for j, name in enumerate(self.one_of)}

    def check(self, described: Mapping[str, Column], where: str) -> None:
        self.check_names(described, where)

    def check_domain(self, described: Mapping[str, Column], where: str) -> None:
        for j, name in enumerate(self.one_of):
            if marks_of(described[name]) is None:
                raise ConfigError(
                    f"{where}.one_of[{j}]: expected a column that holds true and false, or 1 and 0, got {name!r}, "
                    f"which is {described[name].kind}, {described[name].describe()}."
                )

    def keeps(
        self, table: pd.DataFrame, described: Mapping[str, Column], known: Sequence[pd.DataFrame] = ()
    ) -> np.ndarray:
        marks = np.stack([is_marked(table[name]) for name in self.one_of])
        return np.asarray((np.nansum(marks, axis=0) == 1) & ~np.isnan(marks).any(axis=0))


def marks_of(column: Column) -> tuple[object, object] | None:
    """Return a column's two values for false and true, ``None`` if it holds others."""
    if column.has_categories:
        of_kind = [(each, is_marked(pd.Series([each], dtype=object))[0]) for each in column.listed]
        low, high = (next((each for each, mark in of_kind if mark == value), None) for value in (0.0, 1.0))
        return None if low is None or high is None else (low, high)
    is_number = column.quantity == "a number" and is_within(0, column) and is_within(1, column)
    return (0, 1) if is_number else None


def is_marked(series: pd.Series) -> np.ndarray:
    """Return ``(rows,)`` 1 for true and 1, 0 for false and 0, as text too, and NaN for anything else."""
    known: dict[tuple[type, object], float] = {}

    def mark(value: object) -> float:
        truth = boolean_of(value)
        number = float_of(value) if truth is None else float(truth)
        return number if number in (0.0, 1.0) else np.nan

    found = []
    for value, is_missing in zip(objects(series), series.isna(), strict=True):
        place = (type(value), None if is_missing else value)
        if place not in known:
            known[place] = np.nan if is_missing else mark(value)
        found.append(known[place])
    return np.array(found, dtype=np.float64)


@dataclass(frozen=True)
class Unique(Rule):
    """The rule that no two rows have the same values in some columns. A row in which one is missing keeps it.

    Attributes:
        unique: Names of the columns.

    Raises:
        ConfigError: they are not a list of different names.
    """

    unique: tuple[str, ...]

    keys: ClassVar[tuple[str, ...]] = ("unique",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "unique", several_names("unique", self.unique, 1))

    @property
    def sides(self) -> dict[str, str]:
        return {f"unique[{j}]": name for j, name in enumerate(self.unique)}

    def check(self, described: Mapping[str, Column], where: str) -> None:
        self.check_names(described, where)

    def check_domain(self, described: Mapping[str, Column], where: str) -> None:
        if any(described[name].has_unique_values for name in self.unique):
            return
        for j, name in enumerate(self.unique):
            if described[name].is_filled:
                raise ConfigError(
                    f"{where}.unique[{j}]: column {name!r} is {described[name].kind}, whose cells are made once a row "
                    "is drawn, so that nothing keeps them apart. Leave it out of the rule, or declare it as unique."
                )

    def check_room(self, described: Mapping[str, Column], where: str, n_rows: int) -> None:
        room = self._room(described)
        if n_rows > room:
            raise ConfigError(
                f"{where}: its columns have {room:,.0f} different values together, and n_rows is {n_rows:,}. Add a "
                "column, or drop the rule."
            )

    def _room(self, described: Mapping[str, Column]) -> float:
        """Return the number of the columns' values, infinite where a domain is open or cells may be missing."""
        found = 1.0
        for name in self.unique:
            domain = described[name].domain()
            if domain.may_miss or domain.holds is not None or described[name].is_made_up:
                return math.inf
            if domain.keys is not None:
                found *= len(domain.keys)
            elif domain.bounds is not None and domain.step:
                found *= math.floor((domain.bounds[1] - domain.bounds[0]) / domain.step + 1e-9) + 1
            else:
                return math.inf
        return found

    def keeps(
        self, table: pd.DataFrame, described: Mapping[str, Column], known: Sequence[pd.DataFrame] = ()
    ) -> np.ndarray:
        keys = self.values(table, described)
        return np.asarray(~pd.Series(keys).duplicated(keep="first").to_numpy() | ~self.is_whole(table))

    def is_whole(self, table: pd.DataFrame) -> np.ndarray:
        """Return ``(rows,)`` booleans, true for rows in which none of the columns is missing."""
        return np.asarray(table[list(self.unique)].notna().all(axis=1))

    def values(self, table: pd.DataFrame, described: Mapping[str, Column]) -> list[tuple[object, ...]]:
        """Return the values of each row, equal for equal ones."""
        columns = []
        for name in self.unique:
            if described[name].is_made_up:  # a category stands for many distinct values
                columns.append(typed(table[name]))
                continue
            found, keys = values_of(table[name], described[name])
            columns.append([None if np.isnan(v) else keys[int(v)] if keys is not None else v for v in found])
        return list(zip(*columns, strict=True))
