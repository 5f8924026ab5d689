"""The rows of a table as the doors count them: a map over parts, and a sum.

A count of door 1a is a sum over the cells of one column, each judged by itself. So a frame in memory and a table in
parts have the same counts, to the bit: of the latter, each distinct value is judged once and counts as often as it
occurs. All results here are exact, and private.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tabgan.columns import Column
from tabgan.columns.keys import Value, add_keys, listed, typed
from tabgan.columns.kind import read_text
from tabgan.table.codes import TableEncoder
from tabgan.table.differences import Difference
from tabgan.table.merged import Merged
from tabgan.table.placing import placed_columns, places_of_rows
from tabgan.table.reduction import Reduction
from tabgan.table.spooled import SpooledTable

#: Rows that are counted at a time: their codes stay in the processor's cache.
BLOCK = 2**17

#: Part of a row's weight in a column with which it counts towards the column's total, where several columns are counted
#: together: one over it is an integer.
TOTAL = 0.2

#: Cells of a column, beside its numbered values, whose distinct values are counted at a time.
PIECE = 2**21


@dataclass(frozen=True)
class Observed:
    """The exact counts of a column of categories: private, to be released only through a mechanism.

    As a sequence, a histogram in one piece.

    Attributes:
        values: Every category that occurs.
        counts: ``(len(values),)`` integers of at least 1.
        n_missing: Number of missing values.
        public: ``(words,)`` the same of public values, which have a cell whether or not they occur, and are none of
            ``values``.
    """

    values: list[Value]
    counts: np.ndarray
    n_missing: int
    public: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def apart(self, words: Sequence[Value]) -> Observed:
        """Return the same histogram, in which some public values have cells of their own."""
        places, public = {word: i for i, word in enumerate(words)}, np.zeros(len(words), dtype=np.int64)
        own = set(map(type, words))
        at = np.array([places.get(v, -1) if type(v) in own else -1 for v in self.values], dtype=np.int64)
        np.add.at(public, at[at >= 0], self.counts[at >= 0])
        others = [value for value, place in zip(self.values, at, strict=True) if place < 0]
        return Observed(others, self.counts[at < 0], self.n_missing, public)

    def __iter__(self) -> Iterator[Observed]:
        yield self


class Rows(ABC):
    """Rows that answer questions about one column at a time, each a sum over its cells.

    Attributes:
        header: The table without its rows, public.
    """

    header: pd.DataFrame

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def cells(self, name: str) -> Iterator[tuple[pd.Series, np.ndarray | None]]:
        """Yield cells of a column and how often each of them counts, ``None`` for once."""

    @abstractmethod
    def read(self, columns: Iterable[Column]) -> Rows:
        """Return the rows as columns read their text, see :func:`~tabgan.columns.kind.read_text`."""

    @abstractmethod
    def reduced(self, reduction: Reduction) -> Rows:
        """Return the rows of the reduced table."""

    @abstractmethod
    def codes(self, encoder: TableEncoder) -> np.ndarray | CodesElsewhere:
        """Return ``(rows, columns)`` codes: an array, or codes that lie elsewhere."""

    @abstractmethod
    def frame(self, names: Sequence[str], where: np.ndarray | None = None) -> pd.DataFrame:
        """Return some columns of some rows, by their ascending numbers, or of all."""

    def places(self, encoder: TableEncoder, where: np.ndarray | None = None) -> np.ndarray:
        """Return ``(rows, columns)`` places of values within their codes, of some rows, or of all."""
        names = [encoder.columns[each].encoder.column.name for each in placed_columns(encoder)]
        return places_of_rows(encoder, self.frame(names, where))

    def total(self, name: str, count: Callable[[pd.Series], np.ndarray]) -> np.ndarray:
        """Return the counts of a column, given those of some of its cells: integers that add up over cells."""
        found = [n * count(cells) for cells, n in _once_each(self.cells(name))]
        return sum(found[1:], found[0]) if found else count(self.header[name])

    def pieces(self, name: str) -> int:
        """Return the number of pieces in which the distinct values of a column are counted, to bound the memory."""
        del name
        return 1

    def counted(
        self, name: str, of: Callable[[pd.Series], list[object]]
    ) -> Iterator[tuple[list[Value], np.ndarray]]:
        """Yield the distinct categories of a column's cells that are not missing, and how often each occurs.

        In pieces if there are very many, by the hash of a category.
        """
        pieces = self.pieces(name)
        whole = self._counter(name, of, 0, 1, math.inf if pieces == 1 else PIECE)
        if whole is not None:
            yield listed(whole)
            return
        for piece in range(pieces):
            yield listed(self._counter(name, of, piece, pieces, math.inf) or Counter())

    def _counter(
        self, name: str, of: Callable[[pd.Series], list[Any]], piece: int, pieces: int, most: float
    ) -> Counter[Hashable] | None:
        """Return the counts of one piece of the categories, ``None`` if it has more of them than ``most``."""
        found: Counter[Hashable] = Counter()
        for cells, times in self.cells(name):
            present = cells.notna().to_numpy(dtype=bool)
            keys = typed(of(cells[present]))
            add_keys(found, keys, None if times is None else times[present], (piece, pieces))
            if len(found) > most:
                return None
        return found

    def numbers(
        self, name: str, of: Callable[[pd.Series], tuple[np.ndarray, np.ndarray]]
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the distinct numbers of a column, ascending, and how often each occurs, given those of some cells.

        In pieces if there are very many, by a hash of the number.
        """
        pieces = self.pieces(name)
        whole = self._numbers(name, of, 0, 1, math.inf if pieces == 1 else PIECE)
        if whole is not None:
            yield whole
            return
        for piece in range(pieces):
            found = self._numbers(name, of, piece, pieces, math.inf)
            if found is not None:
                yield found

    def _numbers(
        self,
        name: str,
        of: Callable[[pd.Series], tuple[np.ndarray, np.ndarray]],
        piece: int,
        pieces: int,
        most: float,
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Return one piece of the distinct numbers and their counts, ``None`` if it has more of them than ``most``."""
        waiting: list[tuple[np.ndarray, np.ndarray]] = []
        for cells, n in _once_each(self.cells(name)):
            values, counts = of(cells)
            is_in = _hashes(values) % np.uint64(pieces) == piece if pieces > 1 else slice(None)
            waiting.append((values[is_in], n * counts[is_in]))
            if sum(len(each) for each, _ in waiting[1:]) > PIECE:
                waiting = [_merged(waiting)]
                if len(waiting[0][0]) > most:
                    return None
        whole = _merged(waiting or [of(self.header[name])])
        return None if len(whole[0]) > most else whole

    def distinct(self, name: str) -> tuple[pd.Series, np.ndarray]:
        """Return cells that hold every present value of a column at least once, and how often each counts."""
        found = [(cells, np.ones(len(cells), int) if n is None else n) for cells, n in self.cells(name)]
        cells, times = pd.concat([each for each, _ in found]), np.concatenate([n for _, n in found])
        is_there = cells.notna().to_numpy(dtype=bool)
        return cells[is_there], times[is_there]

    def frames(self, names: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Yield some columns of all rows, piece by piece."""
        yield self.frame(names)

    def together(
        self,
        of: Mapping[str, Callable[[pd.Series], list[object]]],
        known: Mapping[str, frozenset[Hashable]],
        weights: np.ndarray,
    ) -> list[Counter[Hashable]]:
        """Return the sums of the rows' weights by category, for each of several columns, without known categories.

        Args:
            of: The categories of a column's cells that are not missing, by its name.
            known: Their keys that do not count.
            weights: ``(columns + 1,)`` int64 weight of a row in each column in which it counts, by the number of these.
        """
        found: list[Counter[Hashable]] = [Counter() for _ in of]
        for frame in self.frames(list(of)):
            keys, counts = [], np.zeros((len(of), len(frame)), dtype=bool)
            for place, (name, categories) in enumerate(of.items()):
                present = frame[name].notna().to_numpy(dtype=bool)
                own = typed(categories(frame[name][present]))
                is_open = [key not in known[name] for key in own]
                counts[place, present] = is_open
                keys.append(list(compress(own, is_open)))
            own_weights = weights[counts.sum(0)]
            for column, own, is_counted in zip(found, keys, counts, strict=True):
                add_keys(column, own, own_weights[is_counted], (0, 1))
        return found

    def missing(self, name: str) -> int:
        """Return the number of missing cells of a column."""
        return int(self.total(name, lambda cells: np.array([cells.isna().sum()]))[0])


def weights_together(n_columns: int, steps: int) -> np.ndarray:
    """Return ``(n_columns + 1,)`` int64 weights of a row in each column in which it counts, by the number of these.

    With those towards the columns' totals, their squares sum to ``steps`` squared at most: as a vector, a row is no
    longer than one that counts once.
    """
    whole = round(1 / TOTAL)
    roots = np.sqrt(np.maximum(np.arange(n_columns + 1), 1) * (1.0 + TOTAL**2))
    weights = whole * np.floor(steps / roots / whole).astype(np.int64)
    weights[0] = 0
    return weights


def observed_together(
    found: Sequence[Counter[Hashable]], words: Sequence[Sequence[str]], steps: int
) -> Observed:
    """Return one histogram of several columns: each category with its column's number, as JSON, totals and words apart.

    Args:
        found: Sums of weights by category, for each column, in steps of which a row has ``steps`` at most.
        words: Public words of each column.
        steps: As said.
    """
    values: list[Value] = []
    counts, public = [np.zeros(0)], [np.zeros(0)]
    for place, (column, own) in enumerate(zip(found, words, strict=True)):
        listed_ = Observed(*listed(column), 0).apart(own)
        values += [json.dumps([place, value]) for value in listed_.values]
        counts.append(listed_.counts / steps)
        public += [np.array([sum(column.values()) * TOTAL / steps]), listed_.public / steps]
    return Observed(values, np.concatenate(counts), 0, np.concatenate(public))


def _merged(found: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Return distinct numbers, ascending, with their counts, joined from several such lists."""
    if len(found) == 1:
        return found[0]
    numbers, places = np.unique(np.concatenate([each for each, _ in found]), return_inverse=True)
    counts = np.zeros(len(numbers), dtype=np.int64)
    np.add.at(counts, places, np.concatenate([each for _, each in found]))
    return numbers, counts


def _hashes(numbers: np.ndarray) -> np.ndarray:
    """Return 64 bits for each number: the same for the same one."""
    bits = np.ascontiguousarray(numbers + 0.0).view(np.uint64)
    return (bits ^ (bits >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(20)


def _once_each(weighted: Iterable[tuple[pd.Series, np.ndarray | None]]) -> Iterator[tuple[pd.Series, int]]:
    """Yield groups of cells with one count each, powers of two that add up to the cells' own counts."""
    for cells, times in weighted:
        if times is None:
            yield cells, 1
            continue
        for digit in range(int(times.max(initial=0)).bit_length()):
            has_digit = (times >> digit) & 1 == 1
            if has_digit.any():
                yield cells[has_digit], 1 << digit


class TableElsewhere(SpooledTable):
    """A table in parts that lie with others, who count them."""

    @abstractmethod
    def rows(self, kept: list[np.ndarray] | None) -> Rows:
        """Return the rows that count: for each block ``(rows,)`` true for those, or all."""


class CodesElsewhere(ABC):
    """Codes of rows in parts that lie with others. ``np.asarray`` brings them here."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, where: np.ndarray) -> np.ndarray: ...

    @abstractmethod
    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> np.ndarray: ...

    @abstractmethod
    def tables(self, pairs: Sequence[tuple[int, int]], sizes: Sequence[int]) -> list[np.ndarray]:
        """Return the exact ``(size, size)`` counts of pairs."""


def pair_tables(
    codes: np.ndarray | CodesElsewhere, pairs: Sequence[tuple[int, int]], sizes: Sequence[int]
) -> list[np.ndarray]:
    """Return the exact ``(size, size)`` counts of pairs: a sum over blocks of rows."""
    if isinstance(codes, CodesElsewhere):
        return codes.tables(pairs, sizes)
    tables = [np.zeros(sizes[i] * sizes[j], dtype=np.int64) for i, j in pairs]
    for start in range(0, len(codes), BLOCK):
        block = codes[start : start + BLOCK]
        columns = {i: block[:, i].astype(np.int64) for i in {i for pair in pairs for i in pair}}
        for table, (i, j) in zip(tables, pairs, strict=True):
            table += np.bincount(columns[i] * sizes[j] + columns[j], minlength=len(table))
    return [table.reshape(sizes[i], sizes[j]) for table, (i, j) in zip(tables, pairs, strict=True)]


def rows_of(table: pd.DataFrame | SpooledTable | Rows, kept: list[np.ndarray] | None = None) -> Rows:
    """Return the rows of a frame, or of a table in parts those that are kept."""
    if isinstance(table, Rows):
        return table
    if isinstance(table, TableElsewhere):
        return table.rows(kept)
    return SpooledRows(table, kept) if isinstance(table, SpooledTable) else FrameRows(table)


@dataclass
class FrameRows(Rows):
    """The rows of a frame in memory."""

    df: pd.DataFrame

    def __post_init__(self) -> None:
        self.header = self.df.iloc[:0]

    def __len__(self) -> int:
        return len(self.df)

    def cells(self, name: str) -> Iterator[tuple[pd.Series, np.ndarray | None]]:
        yield self.df[name], None

    def read(self, columns: Iterable[Column]) -> Rows:
        return FrameRows(read_text(self.df, columns))

    def reduced(self, reduction: Reduction) -> Rows:
        return FrameRows(reduction.reduce(self.df))

    def codes(self, encoder: TableEncoder) -> np.ndarray:
        return encoder.transform(self.df)

    def frame(self, names: Sequence[str], where: np.ndarray | None = None) -> pd.DataFrame:
        some = self.df[list(names)]
        return some if where is None else some.iloc[where].reset_index(drop=True)


@dataclass
class SpooledRows(Rows):
    """The rows of a table in parts that are kept once contributions are bounded.

    Attributes:
        table: The private copy.
        kept: For each block ``(rows,)`` true for its rows that count; ``None`` for all.
        readers: Columns that read text, by name.
        names: Names of the columns; those of the copy by default.
    """

    table: SpooledTable
    kept: list[np.ndarray] | None = None
    readers: Mapping[str, Column] = field(default_factory=dict)
    names: Sequence[str] = ()

    def __post_init__(self) -> None:
        names = list(self.names or self.table.header.columns)
        self.header = pd.DataFrame({name: self.table.column(name).values.iloc[:0] for name in names})
        self._times: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.table) if self.kept is None else sum(int(kept.sum()) for kept in self.kept)

    def _read(self, cells: pd.Series) -> pd.Series:
        reader = self.readers.get(str(cells.name))
        return cells if reader is None else read_text(cells.to_frame(), [reader])[cells.name]

    def _of(self, number: int, rows: Any) -> Any:
        return rows if self.kept is None else rows[self.kept[number]]

    def cells(self, name: str) -> Iterator[tuple[pd.Series, np.ndarray | None]]:
        column = self.table.column(name)
        if name not in self._times:
            times = np.zeros(len(column.values), dtype=np.int64)
            for number in self.table.passed("count", filter(column.is_coded, range(column.n_blocks))):
                times += np.bincount(self._of(number, column.codes(number)), minlength=len(times))
            self._times[name] = times
        times = self._times[name]  # of values that bounded contributions leave out altogether, 0
        yield self._read(column.values[times > 0]), times[times > 0]
        raw = [number for number in range(column.n_blocks) if not column.is_coded(number)]
        for number in self.table.passed("count", raw) if raw else ():
            yield self._read(self._of(number, column.cells(number))), None

    def pieces(self, name: str) -> int:
        column = self.table.column(name)
        raw = [n for each, n in enumerate(self.table.lengths) if not column.is_coded(each)]
        return 1 + sum(raw) // PIECE

    def read(self, columns: Iterable[Column]) -> Rows:
        read = replace(self, readers={**self.readers, **{column.name: column for column in columns}})
        read._times = self._times
        return read

    def reduced(self, reduction: Reduction) -> Rows:
        for part in reduction.made:
            dtype = reduction.inner[part.name].dtype or "object"
            self.table.add(part.name, dtype, partial(self._made, reduction, part))
        return replace(self, names=reduction.inner_names)

    def _made(self, reduction: Reduction, part: Merged | Difference, number: int) -> pd.Series:
        return reduction.merge(part, self.table.frame(number, part.members))

    def codes(self, encoder: TableEncoder) -> np.ndarray:
        columns = [self.table.column(coded.encoder.column.name) for coded in encoder.columns]
        code_of = [
            coded.code_of_cell[coded.encoder.transform(self._read(column.values))].astype(encoder.code_dtype)
            for coded, column in zip(encoder.columns, columns, strict=True)
        ]

        def block(number: int) -> np.ndarray:
            found = np.empty((self.table.lengths[number], len(columns)), dtype=encoder.code_dtype)
            for position, (coded, column) in enumerate(zip(encoder.columns, columns, strict=True)):
                if column.is_coded(number):
                    found[:, position] = code_of[position][column.codes(number)]
                else:
                    cells = coded.encoder.transform(self._read(column.cells(number)))
                    found[:, position] = coded.code_of_cell[cells]
            return np.asarray(self._of(number, found))

        blocks = map(block, self.table.passed("code"))
        return self.table.store("codes", encoder.code_dtype, len(columns), blocks)

    def frame(self, names: Sequence[str], where: np.ndarray | None = None) -> pd.DataFrame:
        frames, first = [self.header[list(names)]], 0
        for number in self.table.passed("count"):
            block = self._of(number, self.table.frame(number, names))
            last = first + len(block)
            if where is not None:
                block = block.iloc[where[slice(*np.searchsorted(where, [first, last]))] - first]
            frames.append(block)
            first = last
        whole = pd.concat(frames[1:] or frames, ignore_index=True)
        return pd.DataFrame({name: self._read(whole[name]) for name in names}, index=whole.index)

    def frames(self, names: Sequence[str]) -> Iterator[pd.DataFrame]:
        for number in self.table.passed("count"):
            block = self._of(number, self.table.frame(number, names))
            yield pd.DataFrame({name: self._read(block[name]) for name in names})
