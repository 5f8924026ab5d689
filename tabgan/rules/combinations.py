"""Fixed combinations: the values that some columns have together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from tabgan._util.validate import shown
from tabgan.columns import Column
from tabgan.columns.lattice import has_range
from tabgan.errors import ConfigError
from tabgan.rules.rule import Rule, Values, is_within, place_of_value, plain_value, several_names, values_of


@dataclass(frozen=True)
class FixedCombinations(Rule):
    """The rule that every row has one of the allowed combinations of values. Missing is a value here.

    Attributes:
        columns: Names of two columns or more.
        allowed: The combinations, each with one value per column in the order of ``columns``, ``None`` for missing;
            ``None`` for those that occur: in a fit those that a threshold mechanism releases, in an evaluation those
            of the real and the holdout rows.

    Raises:
        ConfigError: the columns or combinations are not of that form.
    """

    columns: tuple[str, ...]
    allowed: tuple[tuple[object, ...], ...] | None = None

    keys: ClassVar[tuple[str, ...]] = ("columns", "allowed")

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", several_names("columns", self.columns, 2))
        if self.allowed is not None:
            object.__setattr__(self, "allowed", _combinations(self.allowed, len(self.columns)))

    @property
    def needs_rows(self) -> bool:
        return self.allowed is None

    @property
    def sides(self) -> dict[str, str]:
        return {f"columns[{j}]": name for j, name in enumerate(self.columns)}

    def check(self, described: Mapping[str, Column], where: str) -> None:
        self.check_names(described, where)

    def check_domain(self, described: Mapping[str, Column], where: str) -> None:
        for j, name in enumerate(self.columns):
            column = described[name]
            if column.is_made_up:
                raise ConfigError(
                    f"{where}.columns[{j}]: column {name!r} is {column.kind}, whose cells are made up, so that none "
                    "belongs to a value of another column. Leave it out of the rule, or declare it as categorical."
                )
            if has_range(column) and not column.is_writable:
                raise ConfigError(
                    f"{where}.columns[{j}]: {name!r} has a format, so its precision has to be declared: "
                    f"{column.precision.key}."
                )
            for i, row in enumerate(self.allowed or ()):
                if not is_within(row[j], column):
                    raise ConfigError(
                        f"{where}.allowed[{i}]: column {name!r}, declared as {column.kind} ({column.describe()}), "
                        f"cannot hold {row[j]!r}. Correct one of them."
                    )

    def keeps(
        self, table: pd.DataFrame, described: Mapping[str, Column], known: Sequence[pd.DataFrame] = ()
    ) -> np.ndarray:
        if self.allowed is None and not known:
            raise ConfigError("allowed: the combinations are open, and no real table is there to show them.")
        read = []
        for j, name in enumerate(self.columns):
            column = described[name]
            parts = [values_of(frame[name], column) for frame in (table, *(() if self.allowed else known))]
            if self.allowed is not None:
                parts.append(_declared([row[j] for row in self.allowed], column))
            read.append(_together(parts))
        judged, *others = (np.stack(part, axis=1) for part in zip(*read, strict=True))
        allowed, kept = np.concatenate(others), np.ones(len(judged), dtype=bool)
        # A label stands for values that were not released: the other columns decide.
        is_told = np.ones(judged.shape, dtype=bool)
        if self.allowed is None:
            is_told = ~np.stack([_shows_label(table[name], described[name]) for name in self.columns], axis=1)
        for told in np.unique(is_told, axis=0):
            rows = (is_told == told).all(axis=1)
            if told.any():
                kept[rows] = np.isin(_hashes(judged[rows][:, told]), _hashes(allowed[:, told]))
        return kept


def _hashes(rows: np.ndarray) -> np.ndarray:
    """Return ``(rows,)`` uint64, equal for equal rows, and different for others but for a chance of 2**-64."""
    found = pd.util.hash_pandas_object(pd.DataFrame(rows), index=False)
    return np.asarray(found.to_numpy())


def _shows_label(series: pd.Series, column: Column) -> np.ndarray:
    """Return ``(rows,)`` true for cells that show the label of values that were not released."""
    label = getattr(column, "other_label", None)
    return (
        np.zeros(len(series), dtype=bool) if label is None else (series == label).fillna(False).to_numpy(bool)
    )


def _declared(values: Sequence[object], column: Column) -> Values:
    """Return declared values as :func:`values_of` returns those of a table."""
    if column.has_categories or not column.is_modelled:
        return values_of(pd.Series(values, dtype=object), column)
    places = [None if value is None else place_of_value(value, column) for value in values]
    return np.array(places, dtype=np.float64), None


def _together(read: Sequence[Values]) -> list[np.ndarray]:
    """Return ``(rows,)`` numbers of each part of one column, equal for equal cells; NaN is missing."""
    distinct = dict.fromkeys(chain.from_iterable(keys or () for _, keys in read))
    position = {key: float(i) for i, key in enumerate(distinct)}
    together = []
    for values, keys in read:
        if keys is not None:
            lookup = np.array([*(position[key] for key in keys), np.nan])
            values = lookup[np.nan_to_num(values, nan=len(keys)).astype(np.int64)]
        together.append(values + 0.0)  # one zero
    return together


def _combinations(allowed: object, width: int) -> tuple[tuple[Any, ...], ...]:
    rows = tuple(allowed) if isinstance(allowed, list | tuple) else ()
    is_whole = all(isinstance(row, list | tuple) and len(row) == width for row in rows)
    if not rows or not is_whole:
        raise ConfigError(
            f"allowed: expected a list of combinations of {width} values, got {shown(allowed)}."
        )
    for row in rows:
        for cell in row:
            if not (cell is None or isinstance(cell, str | Real | dt.date)):
                raise ConfigError(f"allowed: expected text, numbers, dates or nothing, got {shown(cell)}.")
    return tuple(tuple(map(plain_value, row)) for row in rows)
