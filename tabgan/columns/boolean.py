"""Booleans: true and false."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from tabgan.columns.categorical import CategoricalEncoder
from tabgan.columns.keys import typed
from tabgan.columns.kind import BOOLEANS, Ballot, Column, Domain
from tabgan.columns.values import Dtype, boolean_of, booleans, objects
from tabgan.errors import ConfigError, DataError

#: dtype of booleans that are read from text.
TEXT_BOOLEAN = "boolean"


class Boolean(Column):
    """A column of true and false: a domain that needs no discovery."""

    kind: Literal["boolean"] = "boolean"

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
                "true or false",
                _says_boolean,
                lambda name, _: cls(name=name, dtype=TEXT_BOOLEAN),
                weight=0.05,
                is_untyped=True,
            ),
        )

    def with_table_dtype(self, dtype: str, is_read_from_text: bool) -> Boolean:
        return super().with_table_dtype(TEXT_BOOLEAN if is_read_from_text else dtype, is_read_from_text)

    @property
    def reads_from_text(self) -> bool:
        return True

    def of_text(self, series: pd.Series) -> pd.Series:
        return pd.Series(booleans(series), index=series.index, dtype="boolean")

    def cells(self, series: pd.Series) -> list[object]:
        return list(booleans(series))

    def encoder(self) -> CategoricalEncoder:
        return CategoricalEncoder(self, self.dtype or "object")

    @property
    def takes(self) -> frozenset[str]:
        return frozenset((BOOLEANS,))

    def fits_dtype(self, dtype: Dtype) -> bool:
        is_category = isinstance(dtype, pd.CategoricalDtype)
        return is_category or bool(pd.api.types.is_bool_dtype(dtype)) or dtype == np.dtype(object)

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
    return untyped_text and isinstance(value, str) and boolean_of(value) is not None
