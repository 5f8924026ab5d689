"""Latitude and longitude: two columns that are one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from tabgan._util.validate import shown
from tabgan.columns import Column
from tabgan.columns.curve import SIDE
from tabgan.columns.place import axis_of
from tabgan.errors import ConfigError
from tabgan.rules.rule import Rule, several_names


@dataclass(frozen=True)
class Geo(Rule):
    """The statement that two columns are one place. Every row keeps it; it says how they are modelled.

    Attributes:
        geo: Names of the latitude and of the longitude, or of any two columns of numbers with declared bounds.

    Raises:
        ConfigError: the columns are not two names.
    """

    geo: tuple[str, str]

    keys: ClassVar[tuple[str, ...]] = ("geo",)

    def __post_init__(self) -> None:
        names = several_names("geo", self.geo, 2)
        if len(names) > 2:
            raise ConfigError(f"geo: expected a latitude and a longitude, got {shown(self.geo)}.")
        object.__setattr__(self, "geo", names)

    @property
    def sides(self) -> dict[str, str]:
        return dict(zip(("latitude", "longitude"), self.geo, strict=True))

    def check(self, described: Mapping[str, Column], where: str) -> None:
        self.check_names(described, where)
        for side, name in self.sides.items():
            column = described[name]
            if column.quantity != "a number":
                raise ConfigError(
                    f"{where}.{side}: column {name!r} is declared as {column.kind}, and a place is made of two columns "
                    "of numbers. Declare it as numeric, or leave out the pair."
                )

    def check_domain(self, described: Mapping[str, Column], where: str) -> None:
        for side, name in self.sides.items():
            axis = axis_of(described[name], 0 if side == "latitude" else 1).with_implied_precision()
            low, high = axis.declared_range()
            if high - low >= SIDE:
                raise ConfigError(
                    f"{where}.{side}: the bounds of column {name!r}, {list(axis.bounds or ())}, hold more than "
                    f"{SIDE:,} numbers with its decimals. Declare narrower bounds, or fewer decimals: five decimals of "
                    "a degree are a metre."
                )
            if axis.format is not None and not axis.has_precision:
                raise ConfigError(
                    f"{where}.{side}: column {name!r} has a format, so its precision has to be declared: decimals."
                )

    def keeps(
        self, table: pd.DataFrame, described: Mapping[str, Column], known: Sequence[pd.DataFrame] = ()
    ) -> np.ndarray:
        return np.ones(len(table), dtype=bool)


def geo_of(value: object) -> tuple[Geo, ...]:
    """Return the places of a schema: a list of pairs of names, or one pair.

    Raises:
        ConfigError: it is none, or a column is in two of them.
    """
    if not isinstance(value, list | tuple):
        raise ConfigError(f"geo: expected a list such as [[latitude, longitude]], got {shown(value)}.")
    pairs = [value] if value and all(isinstance(each, str) for each in value) else list(value)
    found = []
    for i, pair in enumerate(pairs):
        try:
            found.append(pair if isinstance(pair, Geo) else Geo(pair))  # type: ignore[arg-type]
        except ConfigError as error:
            raise ConfigError(f"geo[{i}]: {str(error).partition(': ')[2]}") from None
    names = [name for each in found for name in each.geo]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"geo: column {twice!r} is part of two places. Drop one of them.")
    return tuple(found)
