"""Identifiers: keys that are generated; nothing of them is released."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from tabgan.columns import numerals
from tabgan.columns.encoder import ColumnEncoder
from tabgan.columns.filling import Filling, column_of
from tabgan.columns.keys import typed
from tabgan.columns.kind import Column, Domain, is_text_dtype
from tabgan.columns.lattice import LIMIT
from tabgan.columns.patterns import Pattern, literal, pattern_of
from tabgan.columns.plaintext import template_of
from tabgan.columns.values import Dtype, objects
from tabgan.errors import DataError

#: The most characters of an identifier's pattern, and of the keys that it makes.
MAX_KEY = 100

#: Unique text in a table with fewer rows than this may well be a name for something that is not a key.
MIN_KEY_ROWS = 20

#: Numbers of rows of a key that have a cell each, as the first of each stretch; the last cell is open-ended.
_STRETCHES = (1, 2, 3, 4, 5, 6, 8, 11, 15, 20, 27, 36, 48, 64, 85, 113, 151, 201, 268, 357, 476, 635, 847)

#: The most templates of keys that are one pattern.
MOST_TEMPLATES = 8

#: The most rows that a key has in a sample.
MOST_ROWS_A_KEY = 1_000


@dataclass
class _LastKey:
    """The last key of a table, of which the next table has the rows that it lacks.

    Attributes:
        next_number: Number of the next key, at most that of the row.
        key: ``(1,)`` the last key; ``None`` before the first.
        lacks: Rows that it lacks.
    """

    next_number: int
    key: pd.Series | None = None
    lacks: int = 0


_KEY_NAME = re.compile(r"(^|[^a-z])(id|key|uuid|guid|no|nr|number)$", re.IGNORECASE)


class Identifier(Column):
    """A column of keys, generated from ``pattern`` for every sampled row and never modelled.

    Attributes:
        pattern: A format string with one field for the running number, such as ``"P{:06d}"``; or a pattern of text as
            in :mod:`tabgan.columns.patterns`, such as ``"N[0-9]{5}[A-Z]"``, whose strings come in a random order. An
            integer column takes the number itself. Neither a format nor a key of it may have more than ``MAX_KEY``
            characters.
        start: The first number of a format, below ``LIMIT``.
        recurrence: ``True`` has it released how many rows share a key, and gives the keys of a sample as many; a list
            declares it: the shares of keys with one row, two rows, and so on. ``None``: each row has a key of its own.
    """

    kind: Literal["identifier"] = "identifier"
    pattern: str = "{}"
    start: Annotated[int, Field(ge=0, lt=LIMIT)] = 1
    recurrence: bool | tuple[Annotated[float, Field(ge=0)], ...] | None = None

    generated_as: ClassVar[str] = "an identifier"
    can_group: ClassVar[bool] = False

    @model_validator(mode="after")
    def _check_pattern(self) -> Identifier:
        if _is_format(self.pattern):
            try:
                is_short = max(len(self.pattern), len(self.pattern.format(self.start))) <= MAX_KEY
            except (ValueError, IndexError, KeyError, OverflowError):
                is_short = False
            if not is_short:
                raise ValueError(_FORMAT_RULE)
        else:
            try:
                own = pattern_of(self.pattern)
            except ValueError as error:
                raise ValueError(
                    f"{_FORMAT_RULE} As the latter: {str(error).removeprefix('pattern: ')}"
                ) from None
            if own.n_strings < 2:
                raise ValueError(_FORMAT_RULE)
            if self.start != 1:
                raise ValueError(
                    "start: needs a pattern with a field for the running number, such as 'P{:06d}'."
                )
        return self

    @model_validator(mode="after")
    def _check_recurrence(self) -> Identifier:
        shares = self.recurrence
        if isinstance(shares, tuple) and not (0 < sum(shares) < np.inf and len(shares) <= MOST_ROWS_A_KEY):
            raise ValueError(
                "recurrence: expected true, or shares of keys with one row, two rows, and so on, as in [0.7, 0.2, "
                f"0.1], at most {MOST_ROWS_A_KEY} of them and not all 0."
            )
        return self

    @cached_property
    def _own(self) -> Pattern | None:
        """The pattern of the keys, ``None`` where they are running numbers."""
        return None if _is_format(self.pattern) else pattern_of(self.pattern)

    @property
    def is_modelled(self) -> bool:
        return False

    @property
    def is_complete(self) -> bool:
        return self.recurrence is not True

    @property
    def has_unique_values(self) -> bool:
        return not self.recurrence

    @property
    def n_strings(self) -> int | None:
        return None if self._own is None or not self.has_unique_values else self._own.n_strings

    @property
    def has_open_recurrence(self) -> bool:
        return self.recurrence is True

    def describe(self) -> str:
        return "generated"

    def domain(self) -> Domain:
        return Domain()

    def undeclared(self) -> Identifier:
        return self

    def fits_dtype(self, dtype: Dtype) -> bool:
        is_number = pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
        return is_text_dtype(dtype) or bool(is_number and self._own is None)

    def trials(self) -> list[ColumnEncoder]:
        return []  # it has none

    def comes_back(self) -> bool:
        try:
            made = self.fill(pd.DataFrame(index=range(2)), Filling())
            return str(made.dtype) == str(pd.api.types.pandas_dtype(self.dtype))
        except Exception:  # pandas, NumPy and Arrow raise what they like
            return False

    def generate(self, n_rows: int, first_row: int) -> pd.Series:
        """Return keys: running numbers, or the pattern filled with them.

        Args:
            n_rows: Number of keys.
            first_row: Rows that were made before these.

        Raises:
            DataError: the dtype cannot hold that many.
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

    def fill(self, table: pd.DataFrame, filling: Filling) -> pd.Series:
        if not self.recurrence:
            return self.keys_from(filling.first_row, len(table), filling)
        if len(table) == 0:
            return self.keys_from(0, 0, filling)
        last = filling.kept(self.name, lambda: _LastKey(filling.origin))
        sizes = self.sizes(max(len(table) - last.lacks, 0), filling.rng(self.name))
        keys = self.keys_from(last.next_number, len(sizes), filling)
        repeated = keys.iloc[
            np.repeat(np.arange(len(keys)), sizes)
        ]  # Series.repeat makes pandas' text of objects
        if last.lacks:
            repeated = pd.concat([pd.Series(last.key).iloc[np.zeros(last.lacks, dtype=np.int64)], repeated])
        last.next_number += len(sizes)
        last.key = keys.iloc[-1:] if len(sizes) else last.key
        last.lacks = len(repeated) - len(table)
        return repeated.iloc[: len(table)].reset_index(drop=True)

    def sizes(self, n_rows: int, rng: np.random.Generator) -> np.ndarray:
        """Return numbers of rows of keys that have at least ``n_rows`` together, and fewer without the last."""
        shares = np.array(self.recurrence if isinstance(self.recurrence, tuple) else (1.0,))
        sizes = 1 + rng.choice(len(shares), n_rows, p=shares / shares.sum())
        ends = np.cumsum(sizes)
        return np.asarray(sizes[: int(np.searchsorted(ends, n_rows)) + 1])

    def keys_from(self, first: int, n: int, filling: Filling) -> pd.Series:
        """Return ``n`` different keys by their numbers, from ``first`` on."""
        if self._own is None:
            return self.generate(n, first)
        made = filling.numbered(self.name, self._own, np.arange(first, first + n))
        return column_of(made, self.name, self.dtype or "object")

    # The number of rows that share a key.

    def recurrence_cells(self, max_rows: int | None) -> int:
        """Return the number of cells of a histogram of keys by their rows, at most ``max_rows`` of each key."""
        return sum(start <= min(max_rows or MOST_ROWS_A_KEY, MOST_ROWS_A_KEY) for start in _STRETCHES)

    def recurrence_counts(self, rows: np.ndarray, n_cells: int) -> np.ndarray:
        """Return ``(n_cells,)`` the numbers of keys by their rows.

        Args:
            rows: ``(keys,)`` number of rows of each key, at least 1.
            n_cells: Of :meth:`recurrence_cells`.
        """
        return np.bincount(np.searchsorted(_STRETCHES[:n_cells], rows, side="right") - 1, minlength=n_cells)

    def with_recurrence(self, counts: np.ndarray, max_rows: int | None, n_rows: float) -> Identifier:
        """Return the column with noisy numbers of keys by their rows: post-processing of released numbers.

        All keys together have no more rows than the table, which rules out most of what noise adds to keys of many.
        """
        most = min(max_rows or MOST_ROWS_A_KEY, MOST_ROWS_A_KEY)
        widths = np.diff([*_STRETCHES[: len(counts)], most + 1])
        present = np.maximum(counts, 0.0) if counts.max() > 0 else np.eye(1, len(counts))[0]
        known = _within_rows(present, np.array(_STRETCHES[: len(counts)]), n_rows)
        shares = np.trim_zeros(np.repeat(known / known.sum() / widths, widths).round(9), "b")
        return self.with_(recurrence=tuple(map(float, shares)))

    def loss_in(self, series: pd.Series) -> tuple[str, str] | None:
        keys = typed(series.dropna())
        if not self.recurrence and len(set(keys)) < len(keys):
            return "several rows have the same key, and no two rows of a sample would", "recurrence: true"
        texts = [key for key in objects(series.dropna()) if isinstance(key, str)]
        if texts and not any(map(self._has_form, texts)):
            return (
                "keys of a sample have another form",
                'pattern: "[A-Z][0-9]{6}", or "P{:06d}" for running numbers',
            )
        return None

    def _has_form(self, key: str) -> bool:
        """Return true if a key looks like those of a sample."""
        if self._own is not None:
            return self._own.matches(key)
        before, *after = (text for text, *_ in string.Formatter().parse(self.pattern))
        end = "".join(after)
        number = key[len(before) : len(key) - len(end)]
        return key.startswith(before) and key.endswith(end) and number.strip().isdecimal()

    def with_domain_of(self, present: pd.Series) -> Identifier:
        keys = [key for key in objects(present) if isinstance(key, str)]
        if not keys or any(self._has_form(key) or len(key) > MAX_KEY for key in keys):
            return self
        templates = {template_of(key) for key in keys}
        source = _common_form(keys) if len(templates) == 1 else either_of(sorted(templates))
        return self if source is None else self.with_(pattern=source)

    def is_generated(self, series: pd.Series) -> np.ndarray:
        """Return ``(rows,)`` true for keys that are present and, unless rows may share them, unique."""
        text = pd.Series(list(map(repr, objects(series))))  # repr: such cells may be of any type
        is_repeated = text.duplicated(keep=False) & (not self.recurrence)
        return np.asarray(series.notna().to_numpy(bool) & ~is_repeated, dtype=bool)

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
        is_text = is_text and numerals.form_of_all(map(str, objects(series))) is None  # prices may be unique
        if is_text and (is_long or (len(series) > 1 and is_key_name)) and _is_unique(series):
            return cls(name=name, dtype=str(series.dtype), pattern="ID{:06d}")
        return None


def either_of(templates: Sequence[str]) -> str | None:
    """Return the pattern of keys that have one of some templates; ``None`` if there are none, or too many."""
    if not 1 <= len(templates) <= MOST_TEMPLATES:
        return None
    return templates[0] if len(templates) == 1 else f"({'|'.join(templates)})"


def _common_form(keys: Sequence[str]) -> str:
    """Return the pattern of keys of one template: letters that all of them have stay."""
    signs = [set(column) for column in zip(*keys, strict=True)]
    parts = [next(iter(each)) if len(each) == 1 and next(iter(each)).isalpha() else None for each in signs]
    found, position = "", 0
    while position < len(parts):
        part = parts[position]
        if part is not None:
            found, position = found + literal(part), position + 1
            continue
        end = next((i for i in range(position, len(parts)) if parts[i] is not None), len(parts))
        found, position = found + template_of(keys[0][position:end]), end
    return found


_FORMAT_RULE = (
    "pattern: expected one field for the running number, as in 'P{:06d}', and at most "
    f"{MAX_KEY} characters; or a pattern of text with several strings, as in 'N[0-9]{{5}}[A-Z]'."
)


def _is_format(pattern: str) -> bool:
    """Return true if a pattern is a format string with one field for the running number.

    It is looked at before anything is formatted: a field in a field, and a width, may ask for any length.
    """
    try:
        parsed = list(string.Formatter().parse(pattern))
    except ValueError:
        return False
    fields = [(field, spec or "") for _, field, spec, _ in parsed if field is not None]
    widths = [number for _, spec in fields for number in re.findall("[0-9]+", spec)]
    is_bounded = all(len(number) <= 3 and int(number) <= MAX_KEY for number in widths)
    return (
        [field for field, _ in fields] in ([""], ["0"])
        and is_bounded
        and "{" not in "".join(s for _, s in fields)
    )


def _is_unique(series: pd.Series) -> bool:
    """Return true if no value is missing or occurs twice; not as pandas, for which text ends at a null character."""
    return not series.isna().any() and len(set(typed(series))) == len(series)


def _within_rows(counts: np.ndarray, least: np.ndarray, n_rows: float) -> np.ndarray:
    """Return the nearest numbers of keys that have at most ``n_rows`` rows, if each has the ``least`` of its stretch.

    By Lagrange each is lowered in proportion to its rows, and none below 0; bisection finds by how much.
    """
    low, high = 0.0, float((counts / least).max())
    if counts @ least <= n_rows:
        return counts
    for _ in range(64):
        middle = (low + high) / 2
        is_above = np.maximum(counts - middle * least, 0.0) @ least > n_rows
        low, high = (middle, high) if is_above else (low, middle)
    return np.asarray(np.maximum(counts - low * least, 0.0))
