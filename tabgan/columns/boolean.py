"""Booleans: true and false."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from tabgan.columns.categorical import CategoricalEncoder
from tabgan.columns.keys import typed
from tabgan.columns.kind import BOOLEANS, TEXT, Ballot, Column, Domain, is_text_dtype
from tabgan.columns.occupied import SURELY
from tabgan.columns.values import Dtype, boolean_of, booleans, objects
from tabgan.errors import ConfigError, DataError

#: dtype of booleans that are read from text.
TEXT_BOOLEAN = "boolean"


#: The ballot of text as pandas and Python write it.
_OF_PANDAS = "true or false"

#: Words of text for true and false, by the one for true, and the ballots of text that has them.
_WORDS = {"TRUE": ("FALSE", "TRUE"), "true": ("false", "true")}
_LABELS = {"TRUE": "TRUE or FALSE", "true": "true or false in small letters"}


class BooleanEncoder(CategoricalEncoder):
    """An encoder with a cell for false and one for true, which are written as the column's text has them."""

    column: Boolean

    def _decode(self, positions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if self.column.format is None or not is_text_dtype(pd.api.types.pandas_dtype(self.dtype)):
            return super()._decode(positions, rng)
        return np.asarray(np.array(_WORDS[self.column.format], dtype=object)[positions])


class Boolean(Column):
    """A column of true and false: a domain that needs no discovery.

    Attributes:
        format: The word for true as text in the column writes it, ``"TRUE"`` or ``"true"``; samples are text, too.
            ``None`` for booleans, which files have as ``True`` and ``False``.
    """

    kind: Literal["boolean"] = "boolean"
    format: Literal["TRUE", "true"] | None = None

    has_categories: ClassVar[bool] = True

    @property
    def saving_line(self) -> str:
        return "{kind: boolean} (noise hid the rarer value, which no key declares: raise epsilon)"

    @property
    def listed(self) -> tuple[bool, bool]:
        return (False, True)

    def describe(self) -> str:
        return "true, false"

    def domain(self) -> Domain:
        return Domain(keys=frozenset(typed(self.listed)), may_miss=self.nullable is not False)

    def parse(self, text: str, where: str) -> bool:
        if text.lower() not in ("true", "false"):
            raise ConfigError(f"{where}: expected true or false, got {text!r}.")
        return text.lower() == "true"

    @classmethod
    def has_dtype(cls, dtype: Dtype) -> bool:
        is_category = isinstance(dtype, pd.CategoricalDtype)
        return not is_category and bool(pd.api.types.is_bool_dtype(dtype))

    @classmethod
    def ballots(cls) -> tuple[Ballot, ...]:
        return (
            Ballot("booleans", _is_boolean, lambda name, dtype: cls(name=name, dtype=dtype)),
            Ballot(
                _OF_PANDAS,
                _says_boolean,
                lambda name, _: cls(name=name, dtype=TEXT_BOOLEAN),
                _label_of,
                reads=tuple(_LABELS.values()),
                weight=0.05,
                is_untyped=True,
            ),
            *(_form_ballot(cls, form) for form in _LABELS),
        )

    @classmethod
    def settled(cls, labels: Sequence[str], vote: np.ndarray, noise_stddev: float) -> np.ndarray:
        """Return the counts with those of all spellings in the cell of the most frequent one."""
        places = [labels.index(label) for label in (_OF_PANDAS, *_LABELS.values())]
        most = max(places, key=lambda place: vote[place])
        if vote[most] <= SURELY * noise_stddev:
            return vote
        vote, total = vote.copy(), np.maximum(vote[places], 0.0).sum()
        vote[places] = 0.0
        vote[most] = total
        return vote

    def with_table_dtype(self, dtype: str, is_read_from_text: bool) -> Boolean:
        is_read = is_read_from_text and self.format is None
        return super().with_table_dtype(TEXT_BOOLEAN if is_read else dtype, is_read_from_text)

    def undeclared(self) -> Boolean:
        return type(self)(name=self.name, format=self.format)

    @property
    def reads_from_text(self) -> bool:
        return True

    def of_text(self, series: pd.Series) -> pd.Series:
        return pd.Series(booleans(series), index=series.index, dtype="boolean")

    def cells(self, series: pd.Series) -> list[object]:
        return list(booleans(series))

    def encoder(self) -> CategoricalEncoder:
        return BooleanEncoder(self, self.dtype or "object")

    @property
    def takes(self) -> frozenset[str]:
        return frozenset((BOOLEANS,) if self.format is None else (BOOLEANS, TEXT))

    def fits_dtype(self, dtype: Dtype) -> bool:
        is_category = isinstance(dtype, pd.CategoricalDtype)
        is_text = self.format is not None and is_text_dtype(dtype)
        return is_category or is_text or bool(pd.api.types.is_bool_dtype(dtype)) or dtype == np.dtype(object)

    def check_values(self, series: pd.Series) -> None:
        super().check_values(series)
        if None in booleans(series[series.notna()]):
            raise DataError(
                f"Column {self.name!r}: expected true or false, found other values. Correct them, or make "
                "them missing."
            )

    @classmethod
    def draft(cls, series: pd.Series, name: str) -> Boolean | None:
        if cls.has_dtype(series.dtype):
            return cls(name=name, dtype=str(series.dtype))
        types = set(map(type, objects(series.dropna())))
        return cls(name=name) if types and types <= {bool, np.bool_} else None


def _is_boolean(value: Any, _: bool) -> bool:
    return isinstance(value, bool | np.bool_)


def _says_boolean(value: Any, untyped_text: bool) -> bool:
    return _label_of(value, untyped_text) == _OF_PANDAS


def _label_of(value: Any, untyped_text: bool) -> str | None:
    """Return the label of the ballot that holds text, ``None`` if none does."""
    if not (untyped_text and isinstance(value, str)) or boolean_of(value) is None:
        return None
    form = next((form for form, words in _WORDS.items() if value in words), None)
    return _OF_PANDAS if form is None else _LABELS[form]


def _form_ballot(cls: type[Boolean], form: str) -> Ballot:
    others = (label for label in (_OF_PANDAS, *_LABELS.values()) if label != _LABELS[form])
    return Ballot(
        _LABELS[form],
        lambda value, untyped_text: _label_of(value, untyped_text) == _LABELS[form],
        lambda name, dtype: cls(name=name, dtype=dtype, format=form),
        _label_of,
        reads=tuple(others),
        weight=0.05,
        is_untyped=True,
    )
