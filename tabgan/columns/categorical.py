"""Categories: one cell per value."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Hashable, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from pydantic import field_validator, model_validator

from tabgan._util.validate import nearest
from tabgan.columns import numerals
from tabgan.columns.encoder import MISSING, ColumnEncoder, CutCells, Ends, can_hold_missing, known_dtype
from tabgan.columns.filling import column_of
from tabgan.columns.keys import counted, typed, value_of
from tabgan.columns.kind import BOOLEANS, NUMBERS, RARE, TEXT, Ballot, Column, Domain, Scalar, has_many_rare
from tabgan.columns.occupied import SURELY
from tabgan.columns.patterns import pattern_of
from tabgan.columns.tails import Tail, tail_of
from tabgan.columns.values import Dtype, boolean_of, float_of, objects
from tabgan.columns.words import WORDS
from tabgan.errors import ConfigError, DataError, SchemaError

#: Share of numerals that begin with a zero, above which all of a column's are codes.
FEW_CODES = 0.01

#: The category that stands for values that were not released.
OTHER_LABEL = "other (not released)"


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

    @property
    def shown(self) -> list[Hashable]:
        """The values of a sample, in the order of their cells: the categories, and the label of other values."""
        label = self.column.other_label if self.shows_other else None
        return [*self.categories, *([] if label is None else [label])]

    @property
    def _tail(self) -> Tail | None:
        """The values that the cell of other values shows, ``None`` if it shows a label, or nothing."""
        return self.column.tail if self.shows_other else None

    @property
    def n_shown(self) -> int:
        return len(self.shown) + int(self._tail is not None)

    def label(self, positions: np.ndarray) -> str:
        chosen = [self.categories[position] for position in positions]
        return str(chosen[0]) if len(chosen) == 1 else json.dumps(chosen, ensure_ascii=False, default=str)

    def in_dictionary(self) -> Self:
        is_text = known_dtype(self.dtype) in ("object", "str") and all(
            isinstance(each, str) for each in self.shown
        )
        if not is_text or self._tail is not None:
            return self
        found = copy.copy(self)
        found.dtype = "category"
        return found

    def contains(self, series: pd.Series) -> bool:
        others = set(typed(self.column.cells(series))) - set(typed(self.shown))
        return not others or (self._tail is not None and all(map(self._tail.holds, others)))

    def repeat(self, value: object, n_rows: int) -> pd.Series:
        cell = self.transform(pd.Series([value], dtype=object))[0]
        if self._tail is None or cell <= self.n_values:
            return super().repeat(value, n_rows)
        if self.dtype == "category":
            return pd.Series(pd.Categorical([value] * n_rows, dtype=self._dtype(self._tail)), name=self.name)
        return column_of([value] * n_rows, self.name, self.dtype)

    def cut(self, values: Sequence[object], ranges: Sequence[Ends], with_missing: bool) -> CutCells:
        found = super().cut(values, ranges, with_missing)
        if len(values) + len(ranges) + with_missing > 1 and self._draws(values):
            raise DataError(
                f"Column {self.name!r}: some of its values are made up, cell by cell, so that a condition on them can "
                "ask for one alone. State one value."
            )
        return found

    def _draws(self, values: Sequence[object]) -> bool:
        """Return true if any of the values shares a cell with other values, which are drawn cell by cell."""
        if self._tail is None or not len(values):
            return False
        return bool((self.transform(pd.Series(list(values), dtype=object)) > self.n_values).any())

    def _between(self, low: object, high: object) -> np.ndarray:
        if not self.is_ordered or (low is None and high is None):
            return super()._between(low, high)
        first, last = 0, self.n_values - 1
        if low is not None:
            first = self._position(low)
        if high is not None:
            last = self._position(high)
        if first > last:
            raise DataError(f"Column {self.name!r}: expected a range with its smaller end first.")
        cells = np.arange(self.n_cells)
        return (cells > first) & (cells <= last + 1)

    def _position(self, value: object) -> int:
        position = int(self._positions(pd.Series([value], dtype=object))[0])
        if position < 0:
            raise DataError(
                f"Column {self.name!r}: expected one of the released categories as the end of a range. "
                f"See model.schema_[{self.name!r}]."
            )
        return position

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
        lookup = np.empty(self.n_shown, dtype=object)
        lookup[: len(self.shown)] = self.shown
        values = np.asarray(lookup[positions])
        is_other = positions == len(self.shown)
        if self._tail is not None and is_other.any():
            values[is_other] = self._tail.draw(int(is_other.sum()), rng, typed(self.categories))
        return values

    def inverse_transform(self, cells: np.ndarray, rng: np.random.Generator) -> pd.Series:
        if self.dtype != "category":
            return super().inverse_transform(cells, rng)
        if self._tail is not None:
            present = np.asarray(cells) != MISSING
            values = np.full(len(cells), None, dtype=object)
            values[present] = self._decode(np.asarray(cells)[present].astype(np.int64) - 1, rng)
            return pd.Series(pd.Categorical(values, dtype=self._dtype(self._tail)), name=self.name)
        dtype = pd.CategoricalDtype(self.shown, ordered=self.is_ordered)
        codes = np.where(np.asarray(cells) > self.n_shown, 0, cells).astype(np.int64) - 1
        return pd.Series(pd.Categorical.from_codes(codes, dtype=dtype), name=self.name)

    def _dtype(self, tail: Tail) -> pd.CategoricalDtype:
        """Return the dtype of a categorical whose other values have a list."""
        values = dict(
            zip(typed([*self.categories, *tail.values]), [*self.categories, *tail.values], strict=True)
        )
        return pd.CategoricalDtype(list(values.values()), ordered=self.is_ordered)


class Categorical(Column):
    """A column of values from a list.

    Attributes:
        categories: The public list; ``None`` has it discovered by a threshold mechanism.
        ordered: True if the order of ``categories`` means something.
        unknown: The fate of a value outside the list: it is pooled (``"other"``), or refused (``"error"``).
        unreleased: The form of pooled values in a sample: a category of their own (``"other"``), missing cells
            (``"missing"``), or the listed categories, in proportion to their counts (``"redistribute"``); or declared
            values, drawn for each cell: ``{"pattern": "[A-Z][0-9]{2}"}`` or ``{"list": ["x", "y"]}``. ``None``
            stands for a category of their own where the label is of the categories' type and the dtype holds it, and
            the categories have no order; else for the listed ones.
        unreleased_label: The category that stands for pooled values in a sample; where it does, none of ``categories``.
    """

    kind: Literal["categorical"] = "categorical"
    categories: tuple[Scalar, ...] | None = None
    ordered: bool = False
    unknown: Literal["other", "error"] = "other"
    unreleased: Literal["other", "missing", "redistribute"] | Tail | None = None
    unreleased_label: Scalar = OTHER_LABEL

    has_categories: ClassVar[bool] = True

    @field_validator("unreleased", mode="before")
    @classmethod
    def _check_unreleased(cls, unreleased: object) -> object:
        return tail_of(unreleased)

    @model_validator(mode="after")
    def _check_categories(self) -> Categorical:
        if self.categories is not None:
            if any(isinstance(value, float) and not math.isfinite(value) for value in self.categories):
                raise ValueError("categories: expected finite numbers. A missing value is not a category.")
            if len({(isinstance(value, bool), value) for value in self.categories}) < len(self.categories):
                raise ValueError("categories: expected each value once; 1 and 1.0 are one value.")
            if self.other_label is not None and self.unknown == "other" and self._lists_label():
                raise ValueError(
                    f"unreleased_label: expected none of the categories, got {self.unreleased_label!r}. Name "
                    "another, or set unreleased: redistribute."
                )
        return self

    def _lists_label(self) -> bool:
        return bool(set(typed([self.unreleased_label])) & set(typed(self.listed)))

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
    def public_words(self) -> tuple[str, ...]:
        return WORDS if self.categories is None else ()

    @property
    def is_empty(self) -> bool:
        return self.categories == ()

    @property
    def pools_unknown(self) -> bool:
        return self.unknown == "other"

    @property
    def unreleased_as(self) -> Literal["other", "missing", "redistribute"]:
        if isinstance(self.unreleased, Tail):
            return "other"
        return self.unreleased or ("other" if self._can_show_label() and not self.ordered else "redistribute")

    @property
    def other_label(self) -> Scalar | None:
        return self.unreleased_label if self.tail is None and self.unreleased_as == "other" else None

    @property
    def tail(self) -> Tail | None:
        return self.unreleased if isinstance(self.unreleased, Tail) else None

    def _can_show_label(self) -> bool:
        """Return true if the label is of the type of all categories, and the dtype can hold it."""
        label = self.unreleased_label
        return set(map(_type_of, self.listed)) <= {_type_of(label)} and _holds(
            self.dtype or "object", [label]
        )

    def describe(self) -> str:
        if self.categories is None:
            return "open"
        n = len(self.categories)
        return ("1 category" if n == 1 else f"{n:,} categories") + (", ordered" if self.ordered else "")

    def domain(self) -> Domain:
        label = [] if self.other_label is None or not self.pools_unknown else [self.other_label]
        keys = None if self.categories is None else frozenset(typed([*self.categories, *label]))
        holds = self.tail.holds if self.tail is not None and self.pools_unknown else None
        return Domain(keys=keys, may_miss=self.nullable is not False, holds=holds)

    def parse(self, text: str, where: str) -> Scalar:
        categories = {str(category): category for category in self.listed}
        if text not in categories and self.tail is not None:
            categories |= {str(value): value for value in self.tail.values}
            if self.tail.holds(text):
                return text
        if text not in categories:
            raise ConfigError(f"{where}: no category {text!r}.{nearest(text, list(categories))}")
        return categories[text]

    @classmethod
    def has_dtype(cls, dtype: Dtype) -> bool:
        return isinstance(dtype, pd.CategoricalDtype)

    @classmethod
    def ballots(cls) -> tuple[Ballot, ...]:
        def is_text(value: Any, _: bool) -> bool:
            return isinstance(value, str)

        def is_kept(value: Any, untyped_text: bool) -> bool:
            return not untyped_text and numerals.is_numeral(value)

        def is_code(value: Any, untyped_text: bool) -> bool:
            return (
                untyped_text
                and isinstance(value, str)
                and numerals.PADDED.fullmatch(value.strip()) is not None
            )

        def column(name: str, dtype: str) -> Categorical:
            return cls(name=name, dtype=dtype)

        return (
            Ballot(numerals.CODES, is_code, column, reads=None, same_as="text", is_fallback=True),
            Ballot(numerals.KEPT, is_kept, column, reads=None, same_as="text", is_fallback=True),
            Ballot("text", is_text, column, reads=None, weight=0.8, is_fallback=True),
        )

    @classmethod
    def settled(cls, labels: Sequence[str], vote: np.ndarray, noise_stddev: float) -> np.ndarray:
        """Return the counts with numerals among text where more than a few beside them begin with a zero.

        ``10`` in a column that has ``01`` too is a code of two digits, and ``1`` would be another one.
        """
        plain, code, text = map(labels.index, (numerals.NUMERALS, numerals.CODES, "text"))
        vote = vote.copy()
        few = FEW_CODES * (max(vote[plain], 0.0) + vote[code])
        if vote[code] > max(SURELY * noise_stddev, few):
            vote[text] += max(vote[plain], 0.0) + vote[code]
            vote[[plain, code]] = 0.0
        return vote

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
        return frozenset(map(_type_of, self.listed))

    def advice(self, found: frozenset[str]) -> str:
        return f"Write the categories as {' and '.join(sorted(found))}, or convert the column."

    def check_output(self) -> None:
        super().check_output()
        if self.unreleased == "other" and not self._can_show_label():
            raise SchemaError(
                f"Column {self.name!r}: unreleased_label: {self.unreleased_label!r} is not of the categories' type, or "
                f"dtype {self.dtype} cannot hold it. Name another label, or set unreleased: redistribute."
            )
        if self.tail is not None:
            self._check_tail(self.tail)
        if self.unreleased == "missing" and (
            self.nullable is False or not can_hold_missing(self.dtype or "object")
        ):
            raise SchemaError(
                f"Column {self.name!r}: unreleased: missing needs a column that can hold missing cells. Set nullable: "
                "true and a dtype that has them, or another value."
            )

    def _check_tail(self, tail: Tail) -> None:
        """Raise unless the declared values of the tail can stand beside the categories, in the column's dtype."""
        types = set(map(_type_of, tail.values)) or {TEXT}
        is_held = _holds(
            self.dtype or "object", tail.values or [pattern_of(str(tail.pattern)).at(np.array([0]))[0]]
        )
        if self.dtype == "category" and tail.pattern is not None:
            raise SchemaError(
                f"Column {self.name!r}: unreleased: a pattern has no list of categories, which dtype category needs. "
                "Declare dtype: object."
            )
        if not is_held or len(types | set(map(_type_of, self.listed))) > 1:
            raise SchemaError(
                f"Column {self.name!r}: unreleased: its values are not of the categories' type, or dtype {self.dtype} "
                "cannot hold them. Declare others."
            )

    def trials(self) -> list[ColumnEncoder]:
        made_up: tuple[tuple[Scalar, ...], ...] = (("a", "b"), (0, 1), (False, True))
        if self.dtype == "null[pyarrow]":
            made_up = ((),)  # it holds nothing else
        domains = made_up if self.categories is None else (self.categories,)
        return [self.with_(categories=domain).encoder() for domain in domains]

    def check_values(self, series: pd.Series) -> None:
        super().check_values(series)
        if self.dtype is not None and self.categories is None and not self._holds(series):
            raise DataError(
                f"Column {self.name!r}: values that dtype {self.dtype} cannot hold. Declare another dtype."
            )
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

    def _holds(self, series: pd.Series) -> bool:
        """Return true if the column's dtype can hold each of the values that a schema can list."""
        return self.with_(categories=tuple(counted(series.dropna())[0])).comes_back()

    @classmethod
    def draft(cls, series: pd.Series, name: str) -> Categorical:
        return cls(name=name, dtype=str(series.dtype))

    def loss_in(self, series: pd.Series) -> tuple[str, str] | None:
        found = super().loss_in(series)
        if found is None and self.categories is None and has_many_rare(self.keys(series)):
            saves = "categories: [...], or unreleased: {list: [...]}, or kind: text or pii"
            return (
                f"many rows hold values that fewer than {RARE} rows have, and these may not be released",
                saves,
            )
        return found

    def with_domain_of(self, present: pd.Series) -> Categorical:
        values = [value_of(key) for key in dict.fromkeys(typed(present))]
        if isinstance(present.dtype, pd.CategoricalDtype) and present.dtype.ordered:
            order = [value_of(key) for key in typed(present.dtype.categories)]
            return self.with_(categories=tuple(value for value in order if value in values), ordered=True)
        return self.with_(categories=tuple(sorted(values, key=lambda value: (type(value).__name__, value))))


def _type_of(category: Scalar) -> str:
    """Return the type of cells that a category is of."""
    return TEXT if isinstance(category, str) else BOOLEANS if isinstance(category, bool) else NUMBERS


def _holds(dtype: Dtype, values: Sequence[Hashable]) -> bool:
    """Return true if a dtype can hold values."""
    try:
        pd.Series(list(values), dtype=object).astype(dtype)
    except (TypeError, ValueError, OverflowError, NotImplementedError):
        return False
    return True
