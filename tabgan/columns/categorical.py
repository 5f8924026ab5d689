"""Categories and booleans: one cell per value."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from tabgan.columns.encoder import MISSING, ColumnEncoder
from tabgan.columns.values import booleans, float_of, objects
from tabgan.schema import Boolean, Categorical


class CategoricalEncoder(ColumnEncoder):
    """One cell per category of the schema, in its order.

    Args:
        column: A completed column.
        dtype: pandas dtype of the output. ``category`` becomes a categorical over the schema's categories.
    """

    def __init__(self, column: Categorical | Boolean, dtype: str) -> None:
        super().__init__(column.name, dtype, column.nullable)
        self.column = column
        is_open = isinstance(column, Categorical) and column.unknown == "other"
        self.categories: Sequence[Hashable] = (
            (column.categories or ()) if isinstance(column, Categorical) else (False, True)
        )
        self.has_other = is_open
        self.is_ordered = isinstance(column, Categorical) and column.ordered

    @property
    def n_values(self) -> int:
        return len(self.categories)

    def contains(self, series: pd.Series) -> bool:
        return bool((self._positions(series) >= 0).all())

    def _positions(self, series: pd.Series) -> np.ndarray:
        """Return ``(rows,)`` positions in the categories, -1 for other values."""
        values = booleans(series) if isinstance(self.column, Boolean) else series
        positions = {key: position for position, key in enumerate(typed(self.categories))}
        return np.array([positions.get(key, -1) for key in typed(values)], dtype=np.int64)

    def _encode(self, series: pd.Series) -> np.ndarray:
        positions = self._positions(series)
        other = self.n_values + 1 if self.has_other else MISSING
        cells = np.where(positions < 0, other, positions + 1)
        return np.where(series.isna().to_numpy(dtype=bool), MISSING, cells)

    def _decode(self, positions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        lookup = np.empty(self.n_values, dtype=object)
        lookup[:] = list(self.categories)
        return lookup[positions]

    def inverse_transform(self, cells: np.ndarray, rng: np.random.Generator) -> pd.Series:
        if self.dtype != "category":
            return super().inverse_transform(cells, rng)
        dtype = pd.CategoricalDtype(list(self.categories), ordered=self.is_ordered)
        codes = np.where(np.asarray(cells) > self.n_values, 0, cells).astype(np.int64) - 1
        return pd.Series(pd.Categorical.from_codes(codes, dtype=dtype), name=self.name)


def typed(values: Sequence[Hashable] | pd.Series) -> list[Hashable]:
    """Return values as keys under which 1, 1.0 and True are one only where pandas would store them as one.

    Integral numbers become Python's integers, other numbers its floats, and text plain ``str``, so that a category
    read from YAML matches the value in a float column, and no key depends on which of several equal values came
    first; booleans are set apart from 0 and 1.
    """
    return [_key(_python_of(value)) for value in objects(values)]


def _python_of(value: Hashable) -> Hashable:
    """Return Python's own value for one of NumPy's; its longest floats have none but the nearest float."""
    if isinstance(value, np.floating):
        return float(value)
    return value.item() if isinstance(value, np.generic) else value


def _key(item: Hashable) -> Hashable:
    if isinstance(item, bool):
        return ("bool", item)
    if isinstance(item, str):
        return str(item)
    if isinstance(item, int | float | Decimal | Real):
        number = float_of(item)
        if not math.isfinite(number):
            return _text_of(item)
        if item == int(item):
            return int(item)
        return int(number) if number.is_integer() else number  # the nearest float may be whole
    return item


def _text_of(item: Any) -> str:
    """Return a number that floats cannot hold as text, which is a key like any other."""
    try:
        return str(item)
    except ValueError:  # of more digits than Python writes
        return hex(int(item))
