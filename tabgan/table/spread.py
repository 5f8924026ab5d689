"""A table whose parts lie with several holders, perhaps on other machines; each counts its own.

A holder keeps a private copy of its part. The doors' questions go to all of them, and only sums come back: counts, the
distinct values of a column that categories or frequent numbers are found among, the entity of each row where
contributions are bounded, and codes of the rows that critics and tables of places look at. All of that is exact, and
private; noise is added once, where the sums are.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from tabgan._util.progress import Listener, silent
from tabgan.columns import Column
from tabgan.errors import PrivacyError
from tabgan.table.codes import TableEncoder
from tabgan.table.reduction import Reduction
from tabgan.table.spooled import SpooledTable
from tabgan.table.summed import CodesElsewhere, Rows, SpooledRows, TableElsewhere, _merged, pair_tables

T = TypeVar("T")


@dataclass
class Held:
    """All that a holder has.

    Attributes:
        table: The private copy of its part.
        known: Rows and codes that were made of it, by the number of the step that made them.
    """

    table: SpooledTable
    known: dict[int, object] = field(default_factory=dict)


class Holders(Protocol):
    """Those who hold the parts of a table, in a fixed order."""

    def __len__(self) -> int:
        """Return their number, at least 1."""

    def each(self, work: Callable[..., T], *shares: Sequence[object]) -> list[T]:
        """Return what each makes of ``work(held, *arguments)``, where ``shares`` hold each one's arguments."""


class SpreadTable(TableElsewhere):
    """A table in parts that lie with holders.

    Args:
        holders: They.
        header: The table without its rows.
    """

    def __init__(self, holders: Holders, header: pd.DataFrame) -> None:
        self.header, self.holders, self._listener = header, holders, Listener(silent)
        self.of_holders = [list(lengths) for lengths in holders.each(_lengths)]
        self.lengths = [length for lengths in self.of_holders for length in lengths]
        self.steps = itertools.count()

    def each(self, work: Callable[[SpooledTable], T]) -> list[T]:
        return self.holders.each(_of_table, [work] * len(self.holders))

    def column(self, name: str) -> SpreadColumn:  # type: ignore[override]
        """Return the numbers of a column's distinct values, for the bound on contributions."""
        return SpreadColumn(*zip(*self.holders.each(_numbers, [name] * len(self.holders)), strict=True))

    def frame(self, number: int, names: Sequence[str]) -> pd.DataFrame:
        """Refuse rows as they are.

        Raises:
            PrivacyError: always.
        """
        raise PrivacyError("fit: rows of a table that lies elsewhere stay there.")

    def rows(self, kept: list[np.ndarray] | None) -> Rows:
        recipes = []
        blocks = iter(kept or ())
        for lengths in self.of_holders:
            own = None if kept is None else list(itertools.islice(blocks, len(lengths)))
            recipes.append(_Recipe(own))
        return SpreadRows(self, recipes)


class SpreadColumn:
    """A column of entities: the distinct values of each holder, one after the other, and numbers of these.

    Args:
        values: Distinct values by holder.
        numbers: Numbers of a holder's values, block by block.
    """

    def __init__(self, values: Sequence[pd.Series], numbers: Sequence[Sequence[np.ndarray]]) -> None:
        self.values = pd.concat(list(values), ignore_index=True)
        firsts = np.cumsum([0, *map(len, values)])
        self._numbers = [
            codes.astype(np.int64) + first
            for first, blocks in zip(firsts, numbers, strict=False)
            for codes in blocks
        ]

    def numbers(self) -> list[np.ndarray]:
        """Return the numbers of the values of every block."""
        return self._numbers


@dataclass(frozen=True)
class _Recipe:
    """The way from a holder's part to rows: those that are kept, and then steps, each with a number of its own."""

    kept: list[np.ndarray] | None
    steps: tuple[tuple[int, str, Any], ...] = ()
    names: tuple[str, ...] = ()


@dataclass
class SpreadRows(Rows):
    """The rows of a table that lies with holders.

    Attributes:
        table: The table.
        recipes: The way to the rows, for each holder.
    """

    table: SpreadTable
    recipes: list[_Recipe]

    def __post_init__(self) -> None:
        self.header: Any = self._each(_header)[0]  # none of codes

    def _each(self, work: Callable[..., T], *shares: Sequence[Any]) -> list[T]:
        works = [work] * len(self.recipes)
        return self.table.holders.each(_of_rows, self.recipes, works, *shares)

    def _asked(self, work: Callable[..., T], *arguments: Any) -> list[T]:
        """Return what each holder answers to the same question."""
        return self._each(work, *([argument] * len(self.recipes) for argument in arguments))

    def __len__(self) -> int:
        return sum(self._each(len))

    def cells(self, name: str) -> Iterator[tuple[pd.Series, np.ndarray | None]]:
        raise PrivacyError("fit: cells of a table that lies elsewhere stay there.")

    def with_step(self, method: str, argument: object) -> SpreadRows:
        """Return what a method of the rows makes of them, where they lie."""
        step = (next(self.table.steps), method, argument)
        return replace(self, recipes=[replace(each, steps=(*each.steps, step)) for each in self.recipes])

    def read(self, columns: Iterable[Column]) -> Rows:
        return self.with_step("read", list(columns))

    def reduced(self, reduction: Reduction) -> Rows:
        return self.with_step("reduced", reduction)

    def codes(self, encoder: TableEncoder) -> SpreadCodes:
        return SpreadCodes(self, encoder)

    def places(self, encoder: TableEncoder, where: np.ndarray | None = None) -> np.ndarray:
        return np.concatenate(self._each(_places, [encoder] * len(self.recipes), self.split(where)))

    def frame(self, names: Sequence[str], where: np.ndarray | None = None) -> pd.DataFrame:
        frames = self._each(SpooledRows.frame, [list(names)] * len(self.recipes), self.split(where))
        return pd.concat(frames, ignore_index=True)

    def split(self, where: np.ndarray | None) -> list[np.ndarray | None]:
        """Return the ascending numbers of rows, for each holder those of its own."""
        if where is None:
            return [None] * len(self.recipes)
        ends = np.cumsum([0, *self._each(len)])
        cuts = np.searchsorted(where, ends)
        return [where[a:b] - first for a, b, first in zip(cuts[:-1], cuts[1:], ends, strict=False)]

    def total(self, name: str, count: Callable[[pd.Series], np.ndarray]) -> np.ndarray:
        found = self._asked(SpooledRows.total, name, count)
        return sum(found[1:], found[0])

    def _counter(
        self, name: str, of: Callable[[pd.Series], list[Any]], piece: int, pieces: int, most: float
    ) -> Counter[Hashable] | None:
        whole: Counter[Hashable] = Counter()
        for each in self._asked(SpooledRows._counter, name, of, piece, pieces, most):
            whole.update(each)
        return whole

    def _numbers(
        self,
        name: str,
        of: Callable[[pd.Series], tuple[np.ndarray, np.ndarray]],
        piece: int,
        pieces: int,
        most: float,
    ) -> tuple[np.ndarray, np.ndarray] | None:
        found = self._asked(SpooledRows._numbers, name, of, piece, pieces, most)
        return _merged([each for each in found if each is not None])

    def frames(self, names: Sequence[str]) -> Iterator[pd.DataFrame]:
        raise PrivacyError("fit: rows of a table that lies elsewhere stay there.")

    def together(
        self,
        of: Mapping[str, Callable[[pd.Series], list[object]]],
        known: Mapping[str, frozenset[Hashable]],
        weights: np.ndarray,
    ) -> list[Counter[Hashable]]:
        whole: list[Counter[Hashable]] = [Counter() for _ in of]
        for each in self._asked(SpooledRows.together, of, known, weights):
            for column, own in zip(whole, each, strict=True):
                column.update(own)
        return whole

    def distinct(self, name: str) -> tuple[pd.Series, np.ndarray]:
        values, times = zip(*self._asked(SpooledRows.distinct, name), strict=True)
        return pd.concat(values), np.concatenate(times)


class SpreadCodes(CodesElsewhere):
    """Codes of rows that lie with holders, who make them once. An array of them brings them here.

    Args:
        rows: The rows.
        encoder: Encoder from rows to codes.
    """

    def __init__(self, rows: SpreadRows, encoder: TableEncoder) -> None:
        self._rows = rows.with_step("codes", encoder)
        self.shape = (sum(self._rows._each(len)), len(encoder.columns))

    def __len__(self) -> int:
        return self.shape[0]

    def tables(self, pairs: Sequence[tuple[int, int]], sizes: Sequence[int]) -> list[np.ndarray]:
        found = self._rows._asked(pair_tables, list(pairs), list(sizes))
        return [sum(own[1:], own[0]) for own in zip(*found, strict=True)]

    def __getitem__(self, where: np.ndarray) -> np.ndarray:
        """Return the codes of some rows, by their ascending numbers."""
        return self._some(where)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        del copy
        return np.asarray(self._some(None), dtype=dtype)

    def _some(self, where: np.ndarray | None) -> np.ndarray:
        return np.concatenate(self._rows._each(_some, self._rows.split(where)))


# -- at a holder ----------------------------------------------------------------------------------------------------


def _lengths(held: Held) -> list[int]:
    return held.table.lengths


def _of_table(held: Held, work: Callable[[SpooledTable], T]) -> T:
    return work(held.table)


def _numbers(held: Held, name: str) -> tuple[pd.Series, list[np.ndarray]]:
    column = held.table.column(name)
    return column.values, column.numbers()


def _of_rows(held: Held, recipe: _Recipe, work: Callable[..., T], *arguments: Any) -> T:
    """Return what ``work`` makes of rows, which are made once."""
    rows: Any = SpooledRows(held.table, recipe.kept, names=recipe.names)
    for step, method, argument in recipe.steps:
        if step not in held.known:
            held.known[step] = getattr(rows, method)(argument)
        rows = held.known[step]
    return work(rows, *arguments)


def _header(rows: Any) -> pd.DataFrame | None:
    return getattr(rows, "header", None)


def _places(rows: SpooledRows, encoder: TableEncoder, where: np.ndarray | None) -> np.ndarray:
    return rows.places(encoder, where)


def _some(codes: np.ndarray, where: np.ndarray | None) -> np.ndarray:
    return np.array(codes if where is None else codes[where])
