"""Identifiers: keys that are generated, of which nothing is released."""

from __future__ import annotations

import re
import string
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from tabgan.columns import numerals
from tabgan.columns.encoder import ColumnEncoder
from tabgan.columns.keys import typed
from tabgan.columns.kind import Column, Domain, is_text_dtype
from tabgan.columns.lattice import LIMIT
from tabgan.columns.values import Dtype, objects
from tabgan.errors import DataError

#: The most characters of an identifier's pattern, and of the keys that it makes.
MAX_KEY = 100

#: Unique text in a table with fewer rows than this may well be a name for something that is not a key.
MIN_KEY_ROWS = 20

_KEY_NAME = re.compile(r"(^|[^a-z])(id|key|uuid|guid|no|nr|number)$", re.IGNORECASE)


class Identifier(Column):
    """A column of keys, generated from ``pattern`` for every sampled row and never modelled.

    Attributes:
        pattern: A format string with one field for the running number, such as ``"P{:06d}"``. An
            integer column takes the number itself. Neither it nor a key may have more than ``MAX_KEY`` characters.
        start: The first number, below ``LIMIT``.
    """

    kind: Literal["identifier"] = "identifier"
    pattern: str = "{}"
    start: Annotated[int, Field(ge=0, lt=LIMIT)] = 1

    is_modelled: ClassVar[bool] = False
    generated_as: ClassVar[str] = "an identifier"
    has_unique_values: ClassVar[bool] = True
    can_group: ClassVar[bool] = False

    @model_validator(mode="after")
    def _check_pattern(self) -> Identifier:
        try:
            if len(self.pattern) > MAX_KEY:
                raise ValueError
            parsed = list(string.Formatter().parse(self.pattern))
            fields = [(field, spec or "") for _, field, spec, _ in parsed if field is not None]
            widths = [number for _, spec in fields for number in re.findall("[0-9]+", spec)]
            is_bounded = all(len(number) <= 3 and int(number) <= MAX_KEY for number in widths)
            has_one = [field for field, _ in fields] in ([""], ["0"])
            if not (has_one and is_bounded) or any("{" in spec for _, spec in fields):
                raise ValueError  # before it is formatted: a field in a field, and a width, may ask for any length
            if len(self.pattern.format(self.start)) > MAX_KEY:
                raise ValueError
        except (ValueError, IndexError, KeyError, OverflowError):
            raise ValueError(
                f"pattern: expected one field for the running number, as in 'P{{:06d}}', and at most {MAX_KEY} "
                "characters."
            ) from None
        return self

    def describe(self) -> str:
        return "generated"

    def domain(self) -> Domain:
        return Domain()

    def undeclared(self) -> Identifier:
        return self

    def fits_dtype(self, dtype: Dtype) -> bool:
        is_number = pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
        return is_text_dtype(dtype) or bool(is_number)

    def trials(self) -> list[ColumnEncoder]:
        return []  # it has none

    def comes_back(self) -> bool:
        try:
            return str(self.generate(2, 0).dtype) == str(pd.api.types.pandas_dtype(self.dtype))
        except Exception:  # pandas, NumPy and Arrow raise what they like
            return False

    def generate(self, n_rows: int, first_row: int) -> pd.Series:
        """Return keys: running numbers, or the pattern filled with them.

        Args:
            n_rows: Number of keys.
            first_row: Rows that were made before these.

        Raises:
            DataError: the dtype cannot hold so many.
        """
        numbers = np.arange(self.start + first_row, self.start + first_row + n_rows)
        dtype = self.dtype or "object"
        if pd.api.types.is_numeric_dtype(pd.api.types.pandas_dtype(dtype)):
            keys = pd.Series(numbers).astype(dtype)
            if not (keys == numbers).all():
                raise DataError(
                    f"Column {self.name!r}: dtype {dtype} cannot hold {numbers[-1]}. Declare a wider one."
                )
            return keys
        return pd.Series([self.pattern.format(number) for number in numbers], dtype=object).astype(dtype)

    def is_generated(self, series: pd.Series) -> np.ndarray:
        """Return ``(rows,)`` true for keys that are present and unique."""
        text = pd.Series(list(map(repr, objects(series))))  # repr: such cells may be of any type
        return np.asarray(series.notna().to_numpy(bool) & ~text.duplicated(keep=False), dtype=bool)

    @classmethod
    def draft(cls, series: pd.Series, name: str) -> Identifier | None:
        is_key_name = _KEY_NAME.search(name) is not None
        is_long = len(series) >= MIN_KEY_ROWS
        if pd.api.types.is_integer_dtype(series.dtype):
            counts_up = (
                is_long
                and not series.isna().any()
                and bool((np.diff(np.array(objects(series), dtype=object)) == 1).all())
            )
            is_key = counts_up or (len(series) > 1 and is_key_name)
            return cls(name=name, dtype=str(series.dtype)) if is_key and _is_unique(series) else None
        is_text = is_text_dtype(series.dtype) and set(map(type, objects(series))) == {str}
        is_text = is_text and numerals.form_of_all(objects(series)) is None  # prices may be unique
        if is_text and (is_long or (len(series) > 1 and is_key_name)) and _is_unique(series):
            return cls(name=name, dtype=str(series.dtype), pattern="ID{:06d}")
        return None


def _is_unique(series: pd.Series) -> bool:
    """Return true if no value is missing or occurs twice; not as pandas, for which text ends at a null character."""
    return not series.isna().any() and len(set(typed(series))) == len(series)
