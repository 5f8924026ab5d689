"""Columns that lie near another: the distance between them is measured, and one of them computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from tabgan.columns import Column
from tabgan.columns.lattice import has_range
from tabgan.columns.timeofday import Time
from tabgan.errors import ConfigError
from tabgan.rules.rule import Rule, check_written, no_column, one_name


@dataclass(frozen=True)
class Near(Rule):
    """The statement that a column lies near another, such as a discharge near its admission. Every row keeps it.

    The distance between the two is measured in place of the column, which is computed in a sample. So the distance
    keeps its relation to other columns where the two share nearly all of their codes. It may be negative, unless an
    :class:`~tabgan.rules.Inequality` of the two is declared as well. Where ``near`` is missing, the column is, too.

    Attributes:
        column: The column that is computed: of numbers, moments or durations.
        near: The other one, of the same kind.

    Raises:
        ConfigError: a name is not text, or both are the same.

    >>> Near("discharge", "admit").to_dict()
    {'column': 'discharge', 'near': 'admit'}
    """

    column: str
    near: str

    keys: ClassVar[tuple[str, ...]] = ("column", "near")
    required: ClassVar[int] = 2

    def __post_init__(self) -> None:
        for key in self.keys:
            one_name(key, getattr(self, key))
        if self.column == self.near:
            raise ConfigError(f"near: expected another column than {self.column!r}, got itself.")

    @property
    def computes(self) -> str:
        """The column that is computed."""
        return self.column

    @property
    def sides(self) -> dict[str, str]:
        return {"column": self.column, "near": self.near}

    def check(self, described: Mapping[str, Column], where: str) -> None:
        for key, name in self.sides.items():
            if name not in described:
                raise no_column(f"{where}.{key}", name, described, "a column of the table")
            kind = described[name]
            if kind.quantity is None or kind.quantity == Time.quantity or not has_range(kind):
                raise ConfigError(
                    f"{where}.{key}: expected a column of numbers, moments or durations, got {name!r}, which is "
                    f"{kind.kind}. Declare another kind, or drop the rule."
                )
        column, near = described[self.column], described[self.near]
        if column.quantity != near.quantity:
            raise ConfigError(
                f"{where}: {self.column!r} holds {column.quantity}, and {self.near!r} {near.quantity}. Name columns of "
                "one kind."
            )
        zones = [str(getattr(each, "zone", None)) for each in (column, near)]
        if zones[0] != zones[1]:
            raise ConfigError(
                f"{where}: {self.column!r} and {self.near!r} have the time zones {zones[0]} and {zones[1]}. Convert "
                "one of them, or drop the rule."
            )

    def check_domain(self, described: Mapping[str, Column], where: str) -> None:
        check_written(self.column, described[self.column], where)

    def keeps(
        self, table: pd.DataFrame, described: Mapping[str, Column], known: Sequence[pd.DataFrame] = ()
    ) -> np.ndarray:
        return np.ones(len(table), dtype=bool)
