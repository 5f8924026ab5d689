"""Columns that have one value in all rows of a key: the sex and the birth date of a patient with many visits."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from tabgan.columns import Column
from tabgan.columns.keys import numbers_of
from tabgan.columns.people import made_together
from tabgan.columns.recurring import recurring
from tabgan.errors import ConfigError
from tabgan.rules.combinations import FixedCombinations
from tabgan.rules.formula import Formula
from tabgan.rules.geo import Geo
from tabgan.rules.groups import OneOf, Unique
from tabgan.rules.missing import Missing
from tabgan.rules.near import Near
from tabgan.rules.rule import Rule, one_name, several_names, values_of


@dataclass(frozen=True)
class Same(Rule):
    """The rule that some columns have one value in all rows of a key. Missing is a value; a row without a key keeps it.

    Attributes:
        same: Names of the columns.
        within: The column of keys, an identifier with ``recurrence``.

    Raises:
        ConfigError: the names are not of that form, or a column is the key itself.

    >>> Same(["sex", "birth"], "patient").to_dict()
    {'same': ['sex', 'birth'], 'within': 'patient'}
    """

    same: tuple[str, ...]
    within: str

    keys: ClassVar[tuple[str, ...]] = ("same", "within")
    required: ClassVar[int] = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "same", several_names("same", self.same, 1))
        one_name("within", self.within)
        if self.within in self.same:
            raise ConfigError(f"same: column {self.within!r} is the key itself. Leave it out.")

    @property
    def sides(self) -> dict[str, str]:
        return {f"same[{j}]": name for j, name in enumerate(self.same)} | {"within": self.within}

    def check(self, described: Mapping[str, Column], where: str) -> None:
        self.check_names(described, where)

    def check_domain(self, described: Mapping[str, Column], where: str) -> None:
        key = described.get(self.within)
        if key is not None and recurring(key) is None:
            found = "an identifier whose keys have one row each" if key.has_unique_values else key.kind
            raise ConfigError(
                f"{where}.within: expected a key that several rows share, got {self.within!r}, which is {found}. "
                "Declare it as {kind: identifier, recurrence: true}, or drop the rule."
            )
        for j, name in enumerate(self.same):
            column = described.get(name)
            if column is not None and (column.has_unique_values or recurring(column) is not None):
                raise ConfigError(
                    f"{where}.same[{j}]: column {name!r} is {column.kind} with keys of its own, which no rule shares "
                    f"out to those of {self.within!r}. Leave it out, or declare it as text without unique."
                )

    def keeps(
        self, table: pd.DataFrame, described: Mapping[str, Column], known: Sequence[pd.DataFrame] = ()
    ) -> np.ndarray:
        keys = numbers_of(table[self.within])
        has_key = np.flatnonzero(keys >= 0)
        _, first, group = np.unique(keys[has_key], return_index=True, return_inverse=True)
        differs = np.zeros(len(has_key), dtype=bool)
        for name in self.same:
            cells = numbered(table[name], described[name])[has_key]
            differs |= cells != cells[first][group]
        kept = np.ones(len(table), dtype=bool)
        kept[has_key] = np.bincount(group, weights=differs, minlength=len(first))[group] == 0
        return kept


def numbered(series: pd.Series, column: Column) -> np.ndarray:
    """Return ``(rows,)`` numbers, equal for equal cells; missing ones are equal."""
    if column.is_made_up or not column.is_modelled:  # a category stands for many distinct values
        return numbers_of(series)
    found = values_of(series, column)[0]
    return np.where(np.isnan(found), -np.inf, found)


def shared_columns(rules: Iterable[Rule]) -> tuple[str, ...]:
    """Return the columns that have one value in all rows of a key."""
    return tuple(dict.fromkeys(name for rule in rules if isinstance(rule, Same) for name in rule.same))


def shared_key(rules: Iterable[Rule]) -> str | None:
    """Return the key whose rows share values; ``None`` if no rule says so."""
    return next((rule.within for rule in rules if isinstance(rule, Same)), None)


def check_shared(statements: Sequence[tuple[str, Rule]], described: Mapping[str, Column]) -> None:
    """Raise unless rows of a key can share what they have to beside all other rules.

    Args:
        statements: Rules and places with their names in errors, each rule after those that compute what it needs.
        described: Columns by name, as far as they are known.

    Raises:
        ConfigError: naming the rules by their places, and the column.
    """
    own = [(where, rule) for where, rule in statements if isinstance(rule, Same)]
    if not own:
        return
    for where, each in own:
        each.check_domain(described, where)  # also where a table has columns that a schema leaves open
        if each.within != own[0][1].within:
            raise ConfigError(
                f"{where}.within: expected one key for all rules of this kind, got {each.within!r} beside "
                f"{own[0][1].within!r} of {own[0][0]}. Keep the rules of one of them."
            )
    shared = set(shared_columns([each for _, each in own]))
    for where, rule in statements:
        if isinstance(rule, FixedCombinations | OneOf | Geo):
            _check_all_or_none(where, list(rule.sides.values()), shared, own)
        elif isinstance(rule, Formula | Missing | Near) and rule.changes in shared:
            _check_closed(where, rule, shared, own)
        elif isinstance(rule, Formula) and shared.issuperset(rule.expression.names):
            shared.add(rule.column)
    for where, rule in statements:
        if isinstance(rule, Unique) and shared.issuperset(rule.unique):
            raise ConfigError(
                f"{where}: its columns are the same in all rows of a key by {_named(own)}, so that every further row "
                "breaks it. Add a column that differs within a key, or drop one of the rules."
            )
    for names, followed in made_together(described.values()):
        who = ", ".join(map(repr, names))
        if 0 < len(shared.intersection(names)) < len(names):
            raise ConfigError(
                f"{_named(own)}: columns {who} describe one made-up person or place. List all of them, or none."
            )
        if followed is not None and shared.issuperset(names) and followed not in shared:
            raise ConfigError(
                f"{_named(own)}: made-up names follow column {followed!r}, which may differ between rows of a key. "
                "List it, too."
            )


def _named(own: Sequence[tuple[str, Same]]) -> str:
    return " and ".join(where for where, _ in own)


def _check_all_or_none(
    where: str, names: Sequence[str], shared: Collection[str], own: Sequence[tuple[str, Same]]
) -> None:
    """Raise if rows of a key share some of the columns that are modelled as one, and not the others."""
    within = [name for name in names if name in shared]
    others = [name for name in names if name not in shared]
    if within and others:
        raise ConfigError(
            f"{_named(own)}: column {within[0]!r} is tied to {others[0]!r} by {where}, which may differ between rows "
            "of a key. List all columns of that rule, or none."
        )


def _check_closed(
    where: str, rule: Formula | Missing | Near, shared: Collection[str], own: Sequence[tuple[str, Same]]
) -> None:
    """Raise if a shared column is computed or emptied by one that rows of a key do not share."""
    needed = [name for name in rule.sides.values() if name != rule.changes and name not in shared]
    if needed:
        raise ConfigError(
            f"{_named(own)}: column {rule.changes!r} follows from {needed[0]!r} by {where}, which may differ between "
            f"rows of a key. List {needed[0]!r}, too, or leave out {rule.changes!r}."
        )
