"""Open fixed combinations of columns as one column of categories; rare ones lose their finest values.

A category is a JSON list of values, one for each column. Where noise hides most combinations, those of fewer columns
are looked for, of rows that have none of the released ones: ``["Ohio", {}]`` is any other city of Ohio. A sample shows
a released combination that has the same values elsewhere, each as often, or a label in a gap without one. So
the columns that stay keep their distribution. No one declares such a column: rules of a schema make it.
"""

from __future__ import annotations

import copy
import datetime as dt
import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import ClassVar, Literal, Self

import numpy as np
import pandas as pd

from tabgan.columns.categorical import Categorical, CategoricalEncoder
from tabgan.columns.encoder import CutCells, Ends, can_hold_missing
from tabgan.columns.keys import typed, value_of
from tabgan.columns.kind import Column
from tabgan.columns.lattice import has_range

#: Positions of the columns whose values a coarser combination keeps.
KeptPositions = tuple[int, ...]

#: A gap in place of a value, which no cell can be.
GAP: dict[str, object] = {}

#: The cell of a row without a combination that may be released: no schema can list a date as a category.
BROKEN = dt.date.min

#: Most levels of coarser combinations that are looked for.
MOST_LEVELS = 3

#: Most coarser combinations of declared values that are counted as they are, without a threshold.
MOST_DECLARED = 1_000


def written(values: Iterable[object]) -> str:
    """Return values as the text of one category."""
    plain = [int(v) if isinstance(v, float) and v.is_integer() else v for v in values]
    return json.dumps(plain, ensure_ascii=False)


def coarsened(row: Sequence[object], level: KeptPositions) -> str:
    """Return the text of a combination without the values that a level leaves out."""
    return written(value if j in level else GAP for j, value in enumerate(row))


def stand_in(column: Column) -> object:
    """Return a value for rows of a column of which nothing was released: missing, ``None``, where it can be.

    Else the first of the declared domain, or one that its dtype holds.
    """
    if isinstance(column, Combination):
        return written(column.stand_ins)
    dtype = pd.api.types.pandas_dtype(column.dtype or "object")
    if column.nullable is not False and can_hold_missing(str(dtype)):
        return None
    if column.listed:
        return value_of(typed([column.listed[0]])[0])
    bounds = column.domain().bounds
    if bounds is not None:
        return bounds[0]
    if pd.api.types.is_bool_dtype(dtype) and not has_range(column):
        return False
    return 0 if has_range(column) or pd.api.types.is_numeric_dtype(dtype) else "unknown"


def _is(value: object, label: object) -> bool:
    return value == label and isinstance(value, bool) == isinstance(label, bool)


@lru_cache(maxsize=64)
def _choices(listed: tuple[str, ...], levels: tuple[KeptPositions, ...]) -> dict[str, tuple[str, ...]]:
    """Return, by coarser combination, the whole ones with the same values."""
    found: dict[str, list[str]] = {}
    for text in listed:
        row = json.loads(text)
        for level in levels if GAP not in row else ():
            found.setdefault(coarsened(row, level), []).append(text)
    return {coarse: tuple(texts) for coarse, texts in found.items()}


class CombinationEncoder(CategoricalEncoder):
    """An encoder of combinations: a coarser one shows a whole one with the same values, where there are any."""

    column: Combination
    _shown_as: Sequence[str] | None = None

    def in_dictionary(self) -> Self:
        return self  # it shows others than are listed

    def _decode(self, positions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if self._shown_as is not None:
            return np.asarray(np.array(self._shown_as, dtype=object)[positions])
        values, choices = super()._decode(positions, rng), self.column.choices
        for text in set(values[[value in choices for value in values]]) if choices else ():
            rows = np.flatnonzero(values == text)
            drawn = rng.integers(0, len(choices[text]), len(rows))
            values[rows] = np.array(choices[text], dtype=object)[drawn]
        return values

    def cut(self, values: Sequence[object], ranges: Sequence[Ends], with_missing: bool) -> CutCells:
        found, choices = super().cut(values, ranges, with_missing), self.column.choices
        parts = [choices.get(str(text), (str(text),)) for text in self.categories]
        numbers = np.array([1, *map(len, parts), *([1] if self.has_other else [])])
        parent = np.repeat(np.arange(self.n_cells), numbers)
        split = copy.copy(self)
        split._shown_as = [text for part in parts for text in part]
        # A part of a coarser combination is a category like no other.
        split.categories = [
            text if len(part) == 1 and part[0] == whole else f"{whole}{text}"
            for whole, part in zip(map(str, self.categories), parts, strict=True)
            for text in part
        ]
        asked = set(map(str, values))
        allowed = found.allowed[parent]
        allowed[1 : 1 + len(split._shown_as)] |= [text in asked for text in split._shown_as]
        return CutCells(split, parent, 1.0 / numbers[parent], allowed)


class Combination(Categorical):
    """The columns of an open rule of fixed combinations as one.

    Attributes:
        domains: For each column the declared values, as a category's text holds them; ``None`` for open ones.
        labels: For each column the label that can stand for a value that was not released; ``None`` where none can.
            A row with one among its values has no whole combination: in a sample, a label is such a value.
        levels: Columns that coarser combinations keep, in the order in which these were looked for.
        stand_ins: For each column a value that stands for those that were not released, where nothing was.
    """

    kind: Literal["combination"] = "combination"  # type: ignore[assignment]
    domains: tuple[tuple[object, ...] | None, ...]
    labels: tuple[object, ...]
    levels: tuple[KeptPositions, ...] = ()
    stand_ins: tuple[object, ...] = ()
    unreleased: Literal["redistribute"] = "redistribute"

    most_coarser: ClassVar[int] = MOST_LEVELS

    @property
    def public_words(self) -> tuple[str, ...]:
        """No public words: a word is a part of combinations, never a whole one."""
        return ()

    @property
    def choices(self) -> dict[str, tuple[str, ...]]:
        """The whole combinations with the same values, by coarser combination, also those that were not released."""
        return _choices(tuple(map(str, self.listed)), self.levels) if self.levels else {}

    def cells(self, series: pd.Series) -> list[object]:
        """Return ``(rows,)`` combinations, each as the finest one that is listed, or of the last level."""
        cells, known = super().cells(series), {}
        listed, choices = set(self.listed), self.choices
        for text in {cell for cell in cells if isinstance(cell, str)} - listed:
            row = json.loads(text)
            pooled = {j for j, label in enumerate(self.labels) if label is not None and _is(row[j], label)}
            whole = BROKEN if pooled else text
            coarse = [whole if pooled & set(level) else coarsened(row, level) for level in self.levels]
            can_show = bool(coarse) and (coarse[-1] in choices or self._can_show(self.levels[-1]))
            known[text] = next((each for each in coarse if each in listed), coarse[-1] if can_show else whole)
        return [known.get(cell, cell) if isinstance(cell, str) else cell for cell in cells]

    def _can_show(self, level: KeptPositions) -> bool:
        return all(label is not None for j, label in enumerate(self.labels) if j not in level)

    def coarser(self) -> Self | None:
        """Return the column that finds combinations of fewer columns, coarser with each call."""
        planned = self._planned()
        if len(self.levels) >= len(planned):
            return None
        return self.with_(levels=planned[: len(self.levels) + 1])

    @property
    def n_coarser(self) -> int:
        return len(self.levels)

    def closed(self) -> Self | None:
        """Return the column with the last level's combinations of declared values; ``None`` if those are open."""
        level = self.levels[-1]
        domains = [self.domains[j] for j in level]
        size = np.prod([0 if domain is None else len(domain) for domain in domains])
        if len(level) > 1 or not 0 < size <= MOST_DECLARED or not self._can_show(level):
            return None
        (domain,), (j,) = domains, level
        gaps = [GAP] * len(self.domains)
        texts = [written([*gaps[:j], value, *gaps[j + 1 :]]) for value in domain or ()]
        return self.with_(categories=tuple(dict.fromkeys((*self.listed, *texts))))

    def _planned(self) -> tuple[KeptPositions, ...]:
        """Return the levels to look for: columns of few values are kept the longest, as far as that is known.

        Their values are counted in whole combinations; of columns with as many, the first named ones are kept.
        """
        rows = [row for row in (json.loads(str(text)) for text in self.listed) if GAP not in row]
        n = len(self.domains)
        numbers = [len(set(typed(row[j] for row in rows))) for j in range(n)]
        declared = [np.inf if domain is None else len(domain) for domain in self.domains]
        order = sorted(range(n), key=lambda j: (numbers[j], declared[j], j))
        kept = [order[:k] for k in range(n - 1, 0, -1)][-(MOST_LEVELS - 1) :]
        return tuple(tuple(sorted(level)) for level in (*kept, order[1:2]))

    @property
    def unreleased_as(self) -> Literal["other", "missing", "redistribute"]:
        """The form of rows without any released combination: labels, where all levels were looked for."""
        is_told = None not in self.labels and 0 < len(self.levels) >= len(self._planned())
        return "other" if is_told else "redistribute"

    @property
    def other_label(self) -> str | None:
        return written([GAP] * len(self.domains)) if self.unreleased_as == "other" else None

    def encoder(self) -> CombinationEncoder:
        return CombinationEncoder(self, self.dtype or "object")
