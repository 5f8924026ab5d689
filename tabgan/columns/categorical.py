"""Categories: one cell per value."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import model_validator

from tabgan._util.validate import nearest
from tabgan.columns import numerals
from tabgan.columns.encoder import MISSING, ColumnEncoder
from tabgan.columns.keys import typed, value_of
from tabgan.columns.kind import BOOLEANS, NUMBERS, TEXT, Ballot, Column, Domain, Scalar
from tabgan.columns.values import boolean_of, float_of, objects
from tabgan.errors import ConfigError, DataError, SchemaError


class CategoricalEncoder(ColumnEncoder):
    """An encoder with one cell per category of the schema, in its order.

    Args:
        column: A completed column.
        dtype: pandas dtype of the output. ``category`` becomes a categorical over the schema's categories.
    """

    def __init__(self, column: Column, dtype: str) -> None:
        super().__init__(column.name, dtype, column.nullable)
        self.column = column
        self.categories: Sequence[Hashable] = column.listed
        self.has_other = column.pools_unknown
        self.is_ordered = column.is_ordered

    @property
    def n_values(self) -> int:
        return len(self.categories)

    def contains(self, series: pd.Series) -> bool:
        return bool((self._positions(series) >= 0).all())

    def _positions(self, series: pd.Series) -> np.ndarray:
        """Return ``(rows,)`` positions in the categories, -1 for other values."""
        positions = {key: position for position, key in enumerate(typed(self.categories))}
        return np.array([positions.get(key, -1) for key in typed(self.column.cells(series))], dtype=np.int64)

    def _encode(self, series: pd.Series) -> np.ndarray:
        positions = self._positions(series)
        other = self.n_values + 1 if self.has_other else MISSING
        cells = np.where(positions < 0, other, positions + 1)
        return np.where(series.isna().to_numpy(dtype=bool), MISSING, cells)

    def _decode(self, positions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        lookup = np.empty(self.n_values, dtype=object)
        lookup[:] = list(self.categories)
        return np.asarray(lookup[positions])

    def inverse_transform(self, cells: np.ndarray, rng: np.random.Generator) -> pd.Series:
        if self.dtype != "category":
            return super().inverse_transform(cells, rng)
        dtype = pd.CategoricalDtype(list(self.categories), ordered=self.is_ordered)
        codes = np.where(np.asarray(cells) > self.n_values, 0, cells).astype(np.int64) - 1
        return pd.Series(pd.Categorical.from_codes(codes, dtype=dtype), name=self.name)


class Categorical(Column):
    """A column of values from a list.

    Attributes:
        categories: The public list; ``None`` has it discovered by a threshold mechanism.
        ordered: True if the order of ``categories`` means something.
        unknown: The fate of a value outside the list: it is pooled, and replaced in samples by listed ones
            (``"other"``), or refused (``"error"``).
    """

    kind: Literal["categorical"] = "categorical"
    categories: tuple[Scalar, ...] | None = None
    ordered: bool = False
    unknown: Literal["other", "error"] = "other"

    has_categories: ClassVar[bool] = True

    @model_validator(mode="after")
    def _check_categories(self) -> Categorical:
        if self.categories is not None:
            if any(isinstance(value, float) and not math.isfinite(value) for value in self.categories):
                raise ValueError("categories: expected finite numbers. A missing value is no category.")
            if len({(isinstance(value, bool), value) for value in self.categories}) < len(self.categories):
                raise ValueError("categories: expected each value once; 1 and 1.0 are one value.")
        return self

    @property
    def listed(self) -> tuple[Scalar, ...]:
        """The categories; none if they are open."""
        return self.categories or ()

    @property
    def is_ordered(self) -> bool:
        """True if neighbouring categories are neighbouring values."""
        return self.ordered

    @property
    def is_complete(self) -> bool:
        return self.categories is not None

    @property
    def is_discovered(self) -> bool:
        return self.categories is None

    @property
    def is_empty(self) -> bool:
        return self.categories == ()

    @property
    def pools_unknown(self) -> bool:
        return self.unknown == "other"

    def describe(self) -> str:
        if self.categories is None:
            return "open"
        n = len(self.categories)
        return ("1 category" if n == 1 else f"{n:,} categories") + (", ordered" if self.ordered else "")

    def domain(self) -> Domain:
        keys = None if self.categories is None else frozenset(typed(self.categories))
        return Domain(keys=keys, may_miss=self.nullable is not False)

    def parse(self, text: str, where: str) -> Scalar:
        categories = {str(category): category for category in self.listed}
        if text not in categories:
            raise ConfigError(f"{where}: no category {text!r}.{nearest(text, list(categories))}")
        return categories[text]

    @classmethod
    def has_dtype(cls, dtype: Any) -> bool:
        return isinstance(dtype, pd.CategoricalDtype)

    @classmethod
    def ballots(cls) -> tuple[Ballot, ...]:
        def is_text(value: Any, _: bool) -> bool:
            return isinstance(value, str)

        def is_kept(value: Any, untyped_text: bool) -> bool:
            return not untyped_text and numerals.is_numeral(value)

        def column(name: str, dtype: str) -> Categorical:
            return cls(name=name, dtype=dtype)

        return (
            Ballot(numerals.KEPT, is_kept, column, reads=None, same_as="text", is_fallback=True),
            Ballot("text", is_text, column, reads=None, weight=0.8, is_fallback=True),
        )

    @property
    def reads_from_text(self) -> bool:
        return not self.takes <= {TEXT} and self.categories is not None

    @property
    def is_read_by_value(self) -> bool:
        return self.reads_from_text

    def of_text(self, series: pd.Series) -> pd.Series | None:
        """Return the declared categories of the same value: text ``1.0`` is 1, ``True`` is true; other text stays."""
        if not self.reads_from_text:
            return None
        known: dict[Any, Any] = dict(zip(typed(self.listed), self.listed, strict=True))
        reading: dict[str, Any] = {}

        def read(value: Any) -> Any:
            if not isinstance(value, str):
                return value
            if value not in reading:
                keys = [value, *typed([boolean_of(value), float_of(value)])]
                reading[value] = next((known[key] for key in keys if key in known), value)
            return reading[value]

        values = [read(value) for value in objects(series)]
        return pd.Series(values, index=series.index, dtype=object)

    def encoder(self) -> CategoricalEncoder:
        return CategoricalEncoder(self, self.dtype or "object")

    @property
    def takes(self) -> frozenset[str]:
        if not self.listed:
            return frozenset((TEXT, BOOLEANS, NUMBERS))
        return frozenset(
            TEXT if isinstance(value, str) else BOOLEANS if isinstance(value, bool) else NUMBERS
            for value in self.listed
        )

    def advice(self, found: frozenset[str]) -> str:
        return f"Write the categories as {' and '.join(sorted(found))}, or convert the column."

    def fits_dtype(self, dtype: Any) -> bool:
        try:
            held = pd.Series(list(self.listed), dtype=object).astype(dtype)
        except (TypeError, ValueError, OverflowError):
            return False
        return typed(held) == typed(self.listed)

    def check_values(self, series: pd.Series) -> None:
        super().check_values(series)
        if self.unknown != "error":
            return
        if self.categories is None:
            raise SchemaError(
                f"Column {self.name!r}: unknown: error needs categories. Declare them, or use other."
            )
        if not set(typed(series.dropna())) <= set(typed(self.categories)):
            raise DataError(
                f"Column {self.name!r}: values are not among the schema's categories. Add them, or set unknown: other."
            )

    @classmethod
    def draft(cls, series: pd.Series, name: str) -> Categorical:
        return cls(name=name, dtype=str(series.dtype))

    def with_domain_of(self, present: pd.Series) -> Categorical:
        values = [value_of(key) for key in dict.fromkeys(typed(present))]
        return self.with_(categories=tuple(sorted(values, key=lambda value: (type(value).__name__, value))))
