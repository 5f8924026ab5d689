"""Categories and booleans: one cell per value."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd

from tabgan.encoding.base import ColumnEncoder
from tabgan.errors import DataError
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
        index = pd.Index(typed(self.categories), dtype=object)
        return index.get_indexer(pd.Index(typed(series), dtype=object))

    def _encode(self, series: pd.Series) -> np.ndarray:
        positions = self._positions(series)
        if not self.has_other and (positions < 0).any():
            raise DataError(
                f"Column {self.name!r}: {int((positions < 0).sum())} rows hold values that are not among the schema's "
                "categories. Add them, or set unknown: other."
            )
        return np.where(positions < 0, self.n_values, positions).astype(np.int32) + 1

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

    Integral floats and NumPy scalars become Python's integers, so that a category read from YAML matches the
    value in a float column; booleans are set apart from 0 and 1.
    """
    keys: list[Hashable] = []
    for value in values:
        item = value.item() if isinstance(value, np.generic) else value
        if isinstance(item, bool):
            keys.append(("bool", item))
        elif isinstance(item, float) and item.is_integer():
            keys.append(int(item))
        else:
            keys.append(item)
    return keys
