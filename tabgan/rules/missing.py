"""Columns that are missing where others have some value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import ClassVar

import numpy as np
import pandas as pd

from tabgan._util.validate import shown
from tabgan.columns import Column
from tabgan.columns.encoder import can_hold_missing
from tabgan.errors import ConfigError
from tabgan.rules.rule import Rule, is_one_of, is_within, one_name


@dataclass(frozen=True)
class Missing(Rule):
    """The rule that a column is missing in the rows in which others have some value; elsewhere it may be missing, too.

    Attributes:
        missing: The column that is missing.
        when: Columns with the value that each of them has in those rows, or a list of possible values;
            ``None`` stands for missing.

    Raises:
        ConfigError: the names or values are not of that form.

    >>> Missing("spouse_age", {"married": False}).to_dict()
    {'missing': 'spouse_age', 'when': {'married': False}}
    """

    missing: str
    when: Mapping[str, object]

    keys: ClassVar[tuple[str, ...]] = ("missing", "when")
    required: ClassVar[int] = 2

    def __post_init__(self) -> None:
        one_name("missing", self.missing)
        if (
            not isinstance(self.when, Mapping)
            or not self.when
            or not all(isinstance(n, str) for n in self.when)
        ):
            raise ConfigError(
                f"when: expected columns with values, as in {{married: false}}, got {shown(self.when)}."
            )
        if self.missing in self.when:
            raise ConfigError(f"when: column {self.missing!r} depends on itself. Name other columns.")
        for name, values in self.values.items():
            if not values or not all(v is None or isinstance(v, str | Real) for v in values):
                raise ConfigError(
                    f"when.{name}: expected text, a number, true, false or nothing, or a list of such."
                )
        plain = {name: list(v) if isinstance(v, list | tuple) else v for name, v in self.when.items()}
        object.__setattr__(self, "when", plain)

    def __hash__(self) -> int:
        return hash((self.missing, repr(self.when)))

    @property
    def values(self) -> dict[str, tuple[object, ...]]:
        """The values of each column in ``when``."""
        return {name: tuple(v) if isinstance(v, list | tuple) else (v,) for name, v in self.when.items()}

    @property
    def changes(self) -> str:
        """The column that is missing."""
        return self.missing

    @property
    def sides(self) -> dict[str, str]:
        return {"missing": self.missing} | {f"when.{name}": name for name in self.when}

    def check(self, described: Mapping[str, Column], where: str) -> None:
        self.check_names(described, where)

    def check_domain(self, described: Mapping[str, Column], where: str) -> None:
        column = described[self.missing]
        if column.nullable is False or (column.dtype is not None and not can_hold_missing(column.dtype)):
            found = "nullable: false" if column.nullable is False else f"dtype {column.dtype}"
            raise ConfigError(
                f"{where}.missing: column {self.missing!r} has {found}, and cannot be missing. Declare another dtype, "
                "such as Int64 or boolean, or drop the rule."
            )
        for name, values in self.values.items():
            for value in values:
                if not is_within(value, described[name]):
                    raise ConfigError(
                        f"{where}.when.{name}: the column, declared as {described[name].kind} "
                        f"({described[name].describe()}), cannot hold {value!r}. Correct one of them."
                    )

    def applies(
        self, table: Mapping[str, pd.Series] | pd.DataFrame, described: Mapping[str, Column]
    ) -> np.ndarray:
        """Return ``(rows,)`` booleans, true for rows in which the column is missing by the rule."""
        met = [is_one_of(table[name], described[name], values) for name, values in self.values.items()]
        return np.asarray(np.logical_and.reduce(met))

    def keeps(
        self, table: pd.DataFrame, described: Mapping[str, Column], known: Sequence[pd.DataFrame] = ()
    ) -> np.ndarray:
        return np.asarray(~self.applies(table, described) | table[self.missing].isna().to_numpy())
