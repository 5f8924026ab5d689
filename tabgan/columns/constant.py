"""Constants: a declared value in every row; nothing is read, and nothing released."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import field_validator, model_validator

from tabgan.columns.encoder import ColumnEncoder
from tabgan.columns.keys import typed
from tabgan.columns.kind import Column, Domain, Scalar
from tabgan.columns.values import float_of

#: Largest relative difference of a value from what its dtype keeps of it, as single precision does.
_KEPT = 1e-6


class Constant(Column):
    """A column with one public value in every sampled row, whatever the table holds: it is never read.

    Attributes:
        value: The value; ``None`` for a column that is missing in every row.
    """

    kind: Literal["constant"] = "constant"
    value: Scalar | None = None

    generated_as: ClassVar[str] = "a constant"
    can_group: ClassVar[bool] = False

    @field_validator("value")
    @classmethod
    def _check_value(cls, value: Scalar | None) -> Scalar | None:
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"expected text, a finite number, true, false or null, got {value!r}.")
        return value

    @model_validator(mode="after")
    def _check_missing(self) -> Constant:
        if self.value is None and self.nullable is False:
            raise ValueError("value: null is a missing value, which nullable: false rules out.")
        return self

    @property
    def is_modelled(self) -> bool:
        return False

    def describe(self) -> str:
        return "always missing" if self.value is None else f"always {self.value}"

    def domain(self) -> Domain:
        return Domain()

    def undeclared(self) -> Constant:
        return self

    def trials(self) -> list[ColumnEncoder]:
        return []  # it has none

    def comes_back(self) -> bool:
        try:
            made = self.generate(2, 0)
            is_kept = str(made.dtype) == str(pd.api.types.pandas_dtype(self.dtype))
            return is_kept and self._is_kept(made.iloc[1])
        except Exception:  # pandas, NumPy and Arrow raise what they like
            return False

    def _is_kept(self, made: object) -> bool:
        """Return true if a cell of the column's dtype holds the value; moments and durations are declared as text."""
        if self.value is None or pd.isna(made):
            return self.value is None and bool(pd.isna(made))
        if isinstance(self.value, str):
            return made == self.value or isinstance(made, pd.Timestamp | pd.Timedelta)
        is_boolean = isinstance(self.value, bool)
        if isinstance(made, str) or is_boolean != isinstance(made, bool | np.bool_):
            return False
        return made == self.value or abs(float_of(made) - self.value) <= _KEPT * abs(self.value)

    def check_values(self, series: pd.Series) -> None:
        del series  # never read

    def generate(self, n_rows: int, first_row: int) -> pd.Series:
        """Return the value ``n_rows`` times."""
        del first_row
        return pd.Series([self.value] * n_rows, dtype=object).astype(self.dtype or "object")

    def is_generated(self, series: pd.Series) -> np.ndarray:
        if self.value is None:
            return np.asarray(series.isna().to_numpy(bool))
        expected = typed(self.generate(1, 0).astype(series.dtype))[0]
        return np.array([key == expected for key in self.keys(series)], dtype=bool)
