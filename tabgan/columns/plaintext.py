"""Text by template: cells keep their form, and their characters are made up.

A template is the pattern of a cell's classes of characters: ``AB-1234`` has ``[A-Z]{2}-[0-9]{4}``. Each cell is read by
itself. **Guarantee.** A letter or digit of a cell never leaves: of it, a template holds its class alone. All other
characters (``-``, a space, ``/``, ``.``) stay in the template. That is safe because templates are released as the
categories of a column are, by a threshold mechanism: a template that few rows have, with its separators, lengths and
classes, is not released at all, and the counts of the others carry noise. Cells are filled by drawing characters.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Hashable, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from tabgan.columns.categorical import CategoricalEncoder
from tabgan.columns.encoder import ColumnEncoder
from tabgan.columns.filling import Filling, column_of
from tabgan.columns.keys import keys_of, typed
from tabgan.columns.kind import RARE, TEXT, Column, Domain, has_many_rare, is_text_dtype
from tabgan.columns.patterns import MOST_CHARACTERS, Pattern, literal, pattern_of
from tabgan.columns.values import Dtype, objects
from tabgan.errors import SchemaError

#: Longer cells have one template together, of one character more than this.
MOST_CELL = 100

#: The classes of characters; the first is that of digits.
DIGIT, UPPER, LOWER = "[0-9]", "[A-Z]", "[a-z]"

_TOO_LONG = f"[a-z ]{{{MOST_CELL + 1}}}"


def template_of(text: str) -> str:
    """Return the pattern of the classes of a text's characters.

    Letters of all alphabets count as upper-case or lower-case ones of the Latin alphabet, and so do marks on them, such
    as accents and signs of vowels; signs that cannot be printed count as spaces. Every string of a template has that
    template.

    >>> template_of("N-0815 Xy")
    '[A-Z]-[0-9]{4} [A-Z][a-z]'
    """
    if len(text) > MOST_CELL:
        return _TOO_LONG
    parts = []
    for class_, run in itertools.groupby(text, _class_of):
        n = len(list(run))
        is_class = len(class_) == len(DIGIT)
        parts.append(class_ * n if n == 1 or not is_class else f"{class_}{{{n}}}")
    return "".join(parts)


def _class_of(sign: str) -> str:
    if sign.isnumeric():
        return DIGIT
    is_part = unicodedata.category(sign).startswith(
        "M"
    )  # of a letter: an accent, or a vowel in many an alphabet
    if sign.isalpha() or sign.isupper() or sign.islower() or is_part:
        return UPPER if sign.isupper() else LOWER
    return literal(sign if sign.isprintable() else " ")


class TextEncoder(CategoricalEncoder):
    """An encoder with one cell per pattern, whose values are drawn from its strings."""

    def in_dictionary(self) -> Self:
        return self  # its values are made up

    def contains(self, series: pd.Series) -> bool:
        return set(self.column.cells(series)) <= set(self.categories)

    def _draws(self, values: Sequence[object]) -> bool:
        return len(values) > 0

    def repeat(self, value: object, n_rows: int) -> pd.Series:
        if pd.isna(value):
            return super().repeat(value, n_rows)
        return column_of([value] * n_rows, self.name, self.dtype)

    def _decode(self, positions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        values = np.empty(len(positions), dtype=object)
        for position in np.unique(positions):
            rows = np.flatnonzero(positions == position)
            values[rows] = pattern_of(str(self.categories[position])).draw(len(rows), rng)
        return values


class Text(Column):
    """A column of text whose cells are made up: by a declared pattern, or by the frequent templates of its cells.

    Attributes:
        pattern: The pattern of all cells, such as ``"N[0-9]{5}[A-Z]"``: nothing is read of the column. ``None`` has
            templates found.
        placeholder: The text of all cells instead of a pattern, for free text.
        unique: True if no cell of a sample may repeat.
        missing: Public share of missing cells, with a pattern or a placeholder. Instead, ``nullable: true`` has the
            share released, with its dependence on other columns.
        templates: The known templates; if they are left out, the fit finds them.
    """

    kind: Literal["text"] = "text"
    pattern: str | None = None
    placeholder: str | None = None
    unique: bool = False
    missing: Annotated[float, Field(ge=0, lt=1)] | None = None
    templates: tuple[str, ...] | None = None

    generated_as: ClassVar[str] = "made-up text"
    has_categories: ClassVar[bool] = True

    @model_validator(mode="after")
    def _check(self) -> Text:
        given = [key for key in ("pattern", "placeholder", "templates") if getattr(self, key) is not None]
        if len(given) > 1:
            raise ValueError(f"{given[1]}: {given[0]} says the same. Leave out one.")
        if self.pattern == "":
            raise ValueError("pattern: expected a pattern with a character, such as 'N[0-9]{5}[A-Z]'.")
        if self.placeholder is not None and not (
            0 < len(self.placeholder) <= MOST_CHARACTERS and self.placeholder.isprintable()
        ):
            raise ValueError(f"placeholder: expected printable text of 1 to {MOST_CHARACTERS} characters.")
        if self.unique and self.placeholder is not None:
            raise ValueError("unique: a placeholder is the same in all cells. Leave out one.")
        if self.missing is not None and (self._source is None or self.nullable is not None):
            raise ValueError("missing: needs a pattern or a placeholder, and no key nullable. Leave out one.")
        for each in (*self.listed, *([self.pattern] if self.pattern else [])):
            pattern_of(each)
        return self

    @property
    def _source(self) -> str | None:
        """The pattern of all cells, ``None`` if templates stand for them."""
        return self.pattern if self.placeholder is None else literal(self.placeholder)

    @property
    def is_modelled(self) -> bool:
        return self._source is None or self.nullable is True

    @property
    def is_made_up(self) -> bool:
        return True

    @property
    def is_filled(self) -> bool:
        return self.unique or not self.is_modelled

    @property
    def has_unique_values(self) -> bool:
        return self.unique

    @property
    def n_strings(self) -> int | None:
        return pattern_of(self._source).n_strings if self.unique and self._source is not None else None

    @property
    def saving_line(self) -> str:
        return '{kind: text, pattern: "[A-Z]{2}[0-9]{4}"} (or placeholder: "text")'

    @property
    def listed(self) -> tuple[str, ...]:
        return (self._source,) if self._source is not None else self.templates or ()

    @property
    def is_complete(self) -> bool:
        return self._source is not None or self.templates is not None

    @property
    def is_discovered(self) -> bool:
        return not self.is_complete

    @property
    def is_empty(self) -> bool:
        return self.templates == ()

    @property
    def pools_unknown(self) -> bool:
        return self._source is None

    def with_listed(self, values: Sequence[object]) -> Text:
        return self.with_(templates=tuple(values))

    def describe(self) -> str:
        if self._source is not None:
            return "generated by a pattern" if self.placeholder is None else "a placeholder"
        n = len(self.listed)
        return "open" if self.templates is None else "1 template" if n == 1 else f"{n:,} templates"

    def domain(self) -> Domain:
        keys = frozenset(typed(self.listed)) if self.is_complete else None
        return Domain(keys=keys, may_miss=self.nullable is not False)

    def undeclared(self) -> Text:
        return type(self)(name=self.name, pattern=self.pattern, placeholder=self.placeholder)

    def cells(self, series: pd.Series) -> list[object]:
        """Return ``(rows,)`` patterns of the cells, ``None`` where a cell is not text."""
        known: dict[str, str] = {}

        def pattern(value: Hashable) -> str | None:
            if not isinstance(value, str):
                return None
            if self._source is not None:
                return self._source
            if value not in known:
                known[value] = template_of(value)
            return known[value]

        return [pattern(value) for value in objects(series)]

    def keys(self, series: pd.Series) -> list[Hashable]:
        return keys_of(pd.Series(self.cells(series), dtype=object), self.name)

    def encoder(self) -> TextEncoder:
        return TextEncoder(self, self.dtype or "object")

    def fill(self, table: pd.DataFrame, filling: Filling) -> pd.Series:
        """Return generated cells; of a modelled column that is unique, new ones of the same templates."""
        if self.is_modelled:
            patterns = np.array(self.cells(table[self.name]), dtype=object)
        else:
            patterns = np.full(len(table), self._source, dtype=object)
            if self.missing:
                patterns[filling.rng(self.name).random(len(table)) < self.missing] = None
        values = np.empty(len(table), dtype=object)
        for source in sorted({each for each in patterns if each is not None}):
            rows = np.flatnonzero(patterns == source)
            values[rows] = self._made(pattern_of(source), rows, filling)
        is_missing = np.array([each is None for each in patterns], dtype=bool)
        return column_of(values, self.name, self.dtype or "object", is_missing)

    def _made(self, pattern: Pattern, rows: np.ndarray, filling: Filling) -> Any:
        """Return strings of a pattern for rows of a table, all different if the column is unique."""
        if not self.unique:
            return pattern.draw(len(rows), filling.rng(self.name))
        is_only = self._source is not None  # then each row has a number of its own
        numbers = (
            filling.first_row + rows
            if is_only
            else filling.numbers(f"{self.name} {pattern.source}", len(rows))
        )
        return filling.numbered(self.name, pattern, numbers)

    def is_generated(self, series: pd.Series) -> np.ndarray:
        own = pattern_of(self._source or "")
        is_missing = series.isna().to_numpy(dtype=bool) & bool(self.missing)
        is_repeated = series.duplicated(keep=False).to_numpy(dtype=bool) & self.unique
        return np.asarray(([own.matches(each) for each in objects(series)] & ~is_repeated) | is_missing)

    @property
    def takes(self) -> frozenset[str]:
        return frozenset((TEXT,))

    def advice(self, found: frozenset[str]) -> str:
        return "Declare kind: identifier for keys that are numbers, or convert the column to text."

    def fits_dtype(self, dtype: Dtype) -> bool:
        return is_text_dtype(dtype)

    def check_output(self) -> None:
        for each in self.templates or ():
            found = {template_of(text) for text in pattern_of(each).draw(20, np.random.default_rng(0))}
            if found != {each}:
                raise SchemaError(
                    f"Column {self.name!r}: templates: {each!r} stands for cells of other templates, such as "
                    f"{min(found - {each})!r}. A template has [0-9], [A-Z] and [a-z] for all digits and letters, and "
                    "fixed numbers of them: list one for each form of cells, or declare a pattern for all."
                )
        super().check_output()
        check_missing_share(self, self.missing)

    def loss_in(self, series: pd.Series) -> tuple[str, str] | None:
        found = super().loss_in(series)
        if found is None and self.is_discovered and has_many_rare(self.cells(series)):
            saves = 'pattern: "...", or placeholder: "..." for free text'
            return f"many rows have a form that fewer than {RARE} rows have, and get another", saves
        return found

    def trials(self) -> list[ColumnEncoder]:
        return [(self if self.is_complete else self.with_(templates=("[a-z]", "[0-9]{2}"))).encoder()]


def check_missing_share(column: Column, missing: float | None) -> None:
    """Raise ``SchemaError`` if a column declares a share of missing cells that its dtype cannot hold."""
    if missing and not column.encoder().is_nullable:
        raise SchemaError(
            f"Column {column.name!r}: missing: dtype {column.dtype} cannot hold missing cells. Declare another dtype."
        )
