"""The protocol of a rule: a public statement about every row of a table.

A rule is declared, never found in rows, and nothing here depends on real rows: a rule is checked against the columns as
a schema describes them, and a table that is judged is judged row by row. A real row may break a rule; no part of a fit
asks.
"""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from tabgan._util.validate import nearest, shown
from tabgan.columns import Column
from tabgan.columns.keys import typed
from tabgan.columns.lattice import has_range
from tabgan.columns.values import declared_duration, declared_moment, is_boolean
from tabgan.errors import ConfigError

#: Values of a column: places on its axis, or positions in its keys, and the keys; ``None`` for places.
Values = tuple[np.ndarray, tuple[Hashable, ...] | None]


class Rule(ABC):
    """A statement that every row keeps.

    Attributes:
        keys: Its keys in YAML, those without a default first.
        required: Number of the keys without a default.
        changes: The column that the rule computes or empties; ``None`` if it only restricts.
        computes: The column that the rule computes from others; ``None`` if there is none.
        needs_rows: True if the rule can only be judged beside a real table.
    """

    keys: ClassVar[tuple[str, ...]]
    required: ClassVar[int] = 1

    @property
    def changes(self) -> str | None:
        """The column that the rule computes or empties; ``None`` if it only restricts."""
        return self.computes

    @property
    def computes(self) -> str | None:
        """The column that the rule computes from others; ``None`` if there is none."""
        return None

    @property
    def needs_rows(self) -> bool:
        """True if the rule can only be judged beside a real table."""
        return False

    @property
    @abstractmethod
    def sides(self) -> dict[str, str]:
        """The text that names a column, or may, by its key in YAML."""

    def is_constant(self, side: str) -> bool:
        """Return true if a side that names no column of the table stands for a constant."""
        del side
        return False

    def touches(self, names: Collection[str]) -> list[str]:
        """Return the columns that the rule is about, of those of a table."""
        return [side for side in dict.fromkeys(self.sides.values()) if side in names]

    def check_names(self, names: Collection[str], where: str) -> None:
        """Raise unless the rule's columns are among those of a table: all that can be checked before kinds are known.

        Raises:
            ConfigError: naming the rule's place and key.
        """
        for key, side in self.sides.items():
            if side not in names and not self.is_constant(side):
                raise no_column(f"{where}.{key}", side, names, "a column of the table")

    @abstractmethod
    def check(self, described: Mapping[str, Column], where: str) -> None:
        """Raise unless the rule can be judged on columns as they are described: they exist, and are of such kinds.

        Args:
            described: Columns by name.
            where: Name of the place in errors, such as ``rules[0]``.

        Raises:
            ConfigError: naming the rule's place and key.
        """

    def check_domain(self, described: Mapping[str, Column], where: str) -> None:
        """Raise unless some row of the declared domains keeps the rule, so that it can be enforced.

        Not for domains that a fit has completed.

        Args:
            described: Columns by name.
            where: Name of the place in errors.

        Raises:
            ConfigError: naming the rule's place and key.
        """
        del described, where

    def check_room(self, described: Mapping[str, Column], where: str, n_rows: int) -> None:
        """Raise if fewer rows than requested can keep the rule together.

        Args:
            described: Columns by name.
            where: Name of the place in errors.
            n_rows: Declared number of rows, 0 if it is open.

        Raises:
            ConfigError: naming the rule's place.
        """
        del described, where, n_rows

    @abstractmethod
    def keeps(
        self, table: pd.DataFrame, described: Mapping[str, Column], known: Sequence[pd.DataFrame] = ()
    ) -> np.ndarray:
        """Return ``(rows,)`` booleans, true for rows that keep the rule: each is judged by itself.

        Args:
            table: The table to judge.
            described: Its columns by name.
            known: Tables whose combinations are allowed if the rule names none.
        """

    def to_dict(self) -> dict[str, object]:
        """Return plain data, as in YAML, without defaults."""
        data: dict[str, object] = {}
        for position, key in enumerate(self.keys):
            value = getattr(self, key)
            if position < self.required or value != getattr(type(self), key, None):
                data[key] = _plain(value)
        return data


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return {key: _plain(each) for key, each in value.items()} if isinstance(value, Mapping) else value


def plain_value(value: object) -> object:
    """Return a declared value as Python's own that JSON can hold: NumPy's as Python's, dates as text in ISO 8601."""
    if isinstance(value, np.generic):
        return value.item()
    return value.isoformat() if isinstance(value, dt.date) else value


def no_column(where: str, name: str, described: Collection[str], rule: str) -> ConfigError:
    """Return the error of a side that names no column."""
    return ConfigError(f"{where}: expected {rule}, got {name!r}.{nearest(name, list(described))}")


def several_names(key: str, columns: object, least: int) -> tuple[str, ...]:
    """Return names of columns.

    Raises:
        ConfigError: they are not a list of different texts, or too few.
    """
    names = tuple(columns) if isinstance(columns, list | tuple) else ()
    if len(names) < least or not all(isinstance(n, str) for n in names) or len(set(names)) < len(names):
        some = {1: "one column", 2: "two different columns"}[least]
        raise ConfigError(f"{key}: expected a list of {some} or more, got {shown(columns)}.")
    return names


def check_written(name: str, column: Column, where: str) -> None:
    """Raise unless computed values of a column can be written with what is declared of it.

    Raises:
        ConfigError: naming the rule's place and the column.
    """
    if has_range(column) and not column.is_writable:
        raise ConfigError(
            f"{where}.column: {name!r} has a format, so its precision has to be declared: {column.precision.key}."
        )


def one_name(key: str, name: object) -> str:
    """Return the name of a column.

    Raises:
        ConfigError: the name is not text.
    """
    if not isinstance(name, str):
        raise ConfigError(f"{key}: expected the name of a column, got {shown(name)}.")
    return name


def values_of(series: pd.Series, column: Column) -> Values:
    """Return ``(rows,)`` float64 of one column: places on its axis, or positions in its keys, NaN where missing.

    The keys, of categories and identifiers, are in the order in which they come; ``None`` for places.
    """
    if not column.has_categories and column.is_modelled:
        return column.read(series), None
    known: dict[Hashable, int] = {}
    codes = [np.nan if key is None else known.setdefault(key, len(known)) for key in column.keys(series)]
    return np.array(codes, dtype=np.float64), tuple(known)


def place_of_value(value: object, column: Column) -> Hashable | None:
    """Return a declared value as :func:`values_of` tells values apart: a key, or a place; ``None`` for others."""
    if column.has_categories or not column.is_modelled:
        return typed([value])[0]
    if is_boolean(value):
        return None
    place = float(column.read(pd.Series([value], dtype=object))[0])
    if np.isnan(place) and column.quantity == "a duration":
        return declared_duration(value)
    if np.isnan(place) and column.quantity == "a moment":
        moment = declared_moment(value)
        return None if moment is None else moment[0] + moment[1] / 1e6
    return None if np.isnan(place) else place


def is_within(value: object, column: Column) -> bool:
    """Return true if a column as it is described may hold a declared value, ``None`` for missing."""
    domain = column.domain()
    if value is None:
        return domain.may_miss
    place = place_of_value(value, column)
    if place is None:
        return False
    if domain.keys is not None:
        return place in domain.keys
    if domain.bounds is None or not has_range(column):
        return True
    return domain.bounds[0] <= place <= domain.bounds[1]  # type: ignore[operator]


def is_one_of(series: pd.Series, column: Column, values: Sequence[object]) -> np.ndarray:
    """Return ``(rows,)`` booleans, true for cells that hold one of some declared values, ``None`` for missing."""
    found, keys = values_of(series, column)
    places = [place_of_value(value, column) for value in values if value is not None]
    if keys is not None:
        position = {key: i for i, key in enumerate(keys)}
        places = [position.get(place) for place in places]
    wanted = [float(place) for place in places if place is not None]  # type: ignore[arg-type]
    is_there = np.isin(found, np.array(wanted, dtype=np.float64))
    return is_there | np.isnan(found) if None in values else is_there
