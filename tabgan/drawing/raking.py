"""Samples with stated shares of the values of several columns at once, by raking drawn candidates."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd

from tabgan._util.rng import RandomStreams
from tabgan.drawing.kept import Kept, Memory
from tabgan.drawing.keyed import interleaved, source_under
from tabgan.drawing.rows import EFFECTIVE, RowSource, TableSource
from tabgan.errors import ConfigError, DataError
from tabgan.fitting.modelfile import Fitted
from tabgan.rules import Unique
from tabgan.table.conditions import ROUNDING, Condition

#: The most candidates by which the shares of combinations are found, and that are drawn for each row of a sample.
PILOT, MOST_CANDIDATES = 2**16, 16

#: Rounds of raking, and the distance of a share from the stated one that ends them, or is an error after all rounds.
ROUNDS, EXACT, OFF = 2_000, 1e-9, 1e-3


@dataclass(frozen=True)
class Margin:
    """The stated shares of one column's values.

    Attributes:
        name: Name of the column.
        parts: Conditions that its values meet, no two of them at once.
        shares: Their shares, which sum to 1.
    """

    name: str
    parts: Sequence[Condition]
    shares: Sequence[float]


def quotas(shares: Sequence[float], n: int) -> list[int]:
    """Return numbers that sum to ``n``: each share's whole part, and one more for the largest remainders.

    >>> quotas([0.5, 0.3, 0.2], 9)
    [4, 3, 2]
    """
    exact = [share * n for share in shares]
    whole = [math.floor(each + ROUNDING) for each in exact]
    order = sorted(range(len(shares)), key=lambda part: whole[part] - exact[part])
    for part in order[: n - sum(whole)]:
        whole[part] += 1
    return whole


def raked(counts: np.ndarray, places: np.ndarray, margins: Sequence[Sequence[float]]) -> np.ndarray:
    """Return ``(cells,)`` shares with stated margins, as near to some counts as there are (Deming and Stephan 1940).

    Where no cells have such margins, some sums differ from them.

    Args:
        counts: ``(cells,)`` positive.
        places: ``(cells, margins)`` the part of each margin that a cell is in.
        margins: Shares of the parts, by margin.

    >>> raked(np.array([6.0, 2, 1, 1]), np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), [[0.5, 0.5]] * 2).round(2)
    array([0.32, 0.18, 0.18, 0.32])
    """
    shares = counts / counts.sum()
    targets = [np.asarray(margin, dtype=float) for margin in margins]
    for _ in range(ROUNDS):
        off = 0.0
        for k, target in enumerate(targets):
            found = np.bincount(places[:, k], weights=shares, minlength=len(target))
            off = max(off, float(np.abs(found - target).max()))
            shares = shares * np.where(found > 0, target / np.where(found > 0, found, 1.0), 0.0)[places[:, k]]
        if off < EXACT:
            break
    return np.asarray(shares / shares.sum())


def rounded(shares: np.ndarray, places: np.ndarray, wanted: Sequence[Sequence[int]], n: int) -> np.ndarray:
    """Return ``(cells,)`` numbers of rows that sum to ``n``; margins are the wanted ones, or differ by few rows."""
    whole = np.floor(shares * n + 1e-9).astype(np.int64)
    lacking = [
        np.asarray(rows, dtype=np.int64)
        - np.bincount(places[:, k], weights=whole, minlength=len(rows)).astype(int)
        for k, rows in enumerate(wanted)
    ]
    order, left = np.argsort(whole - shares * n, kind="stable"), n - int(whole.sum())
    order = order[shares[order] > 0]
    needed = len(wanted)  # margins that a further row has to bring nearer to the wanted one
    while left > 0:
        before = left
        for cell in order:
            own = [each[places[cell, k]] > 0 for k, each in enumerate(lacking)]
            if left and sum(own) >= needed:
                whole[cell], left = whole[cell] + 1, left - 1
                for k, each in enumerate(lacking):
                    each[places[cell, k]] -= 1
        needed -= int(left == before)
    return whole


class Candidates(NamedTuple):
    """Drawn rows, and ``(rows, margins)`` the parts that they are in."""

    table: pd.DataFrame
    places: np.ndarray


@dataclass
class Raked(TableSource):
    """Rows of a model whose columns have stated shares, and which are the model's own within each combination of parts.

    Attributes:
        fitted: The model.
        conditions: Conditions on other columns.
        margins: The stated shares, by column.
    """

    fitted: Fitted
    conditions: Mapping[str, Condition]
    margins: Sequence[Margin]
    source: RowSource = field(init=False)
    _under: dict[tuple[int, ...], RowSource] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.source = source_under(self.fitted, self.conditions)
        for margin in self.margins:
            if self.fitted.encoder.schema[margin.name].is_filled:
                raise ConfigError(
                    f"proportions: column {margin.name!r}: its values are made up, row by row, so that it has no "
                    "shares beside those of other columns. State its shares alone."
                )

    def modelled(
        self, n: int, batch_size: int, streams: RandomStreams, memory: Memory | None = None
    ) -> Iterator[pd.DataFrame]:
        seeds, memory = streams.numpy("parts"), {} if memory is None else memory
        if n == 0:
            yield from self.source.modelled(0, batch_size, streams, memory)
            return
        pool = self._candidates(PILOT, RandomStreams(int(seeds.integers(2**62))))
        cells, sizes, worth = self._sizes(pool, n)
        cell_of_row = streams.numpy("order").permutation(np.repeat(np.arange(len(cells)), sizes))
        for first in range(0, n, batch_size):
            rows = cell_of_row[first : first + batch_size]
            own = RandomStreams(int(seeds.integers(2**62)))
            whole, repeated = self._filled(rows, cells, pool, own, memory)
            pool = Candidates(pool.table.iloc[:0], pool.places[:0])  # no row of the pilot is shown twice
            whole.attrs[EFFECTIVE] = min(worth * len(rows) / n, repeated)
            yield whole

    def by_key(
        self, n: int, batch_size: int, streams: RandomStreams, memory: Memory | None = None
    ) -> Iterator[tuple[pd.DataFrame, np.ndarray | None]]:
        if self.fitted.encoder.key is None or not n:
            yield from super().by_key(n, batch_size, streams, memory)
            return
        cells, sizes, worth = self._sizes(self._candidates(PILOT, streams.child("pilot")), n)
        own = [self._source(tuple(cell)) for cell in cells.tolist()]
        for table, starts in interleaved(
            own, sizes.tolist(), batch_size, streams, {} if memory is None else memory
        ):
            table.attrs[EFFECTIVE] = min(worth * len(table) / n, table.attrs[EFFECTIVE])
            yield table, starts

    def _sizes(self, pool: Candidates, n: int) -> tuple[np.ndarray, np.ndarray, float]:
        """Return combinations of parts, their rows of ``n``, and the independent rows that the pilot is worth."""
        cells, shares, worth = self._shares(pool.places)
        wanted = [quotas(margin.shares, n) for margin in self.margins]
        return cells, rounded(shares, cells, wanted, n), worth

    def _candidates(self, n: int, streams: RandomStreams) -> Candidates:
        """Return drawn rows with the parts that they are in."""
        tables = list(self.source.modelled(n, n, streams, {}))
        table = pd.concat(tables, ignore_index=True)
        places = np.zeros((len(table), len(self.margins)), dtype=np.int64)
        for k, margin in enumerate(self.margins):
            column = self.fitted.encoder.schema[margin.name]
            kept = np.stack([part.keeps(table[margin.name], column) for part in margin.parts])
            places[:, k] = np.where(kept.any(axis=0), kept.argmax(axis=0), -1)
        return Candidates(table, places)

    def _shares(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Return combinations of parts, their shares, and the independent rows that raked candidates are worth.

        Raises:
            DataError: a part does not occur among the candidates, or the shares contradict each other.
        """
        cells, counts = np.unique(places[(places >= 0).all(axis=1)], axis=0, return_counts=True)
        for k, margin in enumerate(self.margins):
            for p in range(len(margin.parts)):
                if margin.shares[p] > 0 and p not in cells[:, k]:
                    raise DataError(
                        f"proportions: column {margin.name!r}: of {len(places):,} drawn rows, none has the values of "
                        f"its share number {p + 1}. State the shares of this column alone, or of others."
                    )
        shares = raked(counts.astype(float), cells, [margin.shares for margin in self.margins])
        for k, margin in enumerate(self.margins):
            found = np.bincount(cells[:, k], weights=shares, minlength=len(margin.shares))
            off = np.abs(found - margin.shares)
            if off.max() > OFF:
                p = int(off.argmax())
                names = ", ".join(repr(each.name) for each in self.margins)
                raise DataError(
                    f"proportions: the shares of columns {names} contradict each other under the model: share number "
                    f"{p + 1} of {margin.name!r} comes to {found[p]:.3f} instead of {margin.shares[p]:.3f}. State "
                    "other shares, or those of fewer columns."
                )
        weights = shares / counts
        return cells, shares, float(1.0 / (counts @ weights**2))

    def _filled(
        self,
        rows: np.ndarray,
        cells: np.ndarray,
        pool: Candidates,
        streams: RandomStreams,
        memory: Memory,
    ) -> tuple[pd.DataFrame, float]:
        """Return rows of some combinations, in that order, and the independent ones that they are worth."""
        seeds = streams.numpy("seeds")
        lacking = np.bincount(rows, minlength=len(cells))
        tables, of_cell, worth = [], [], 0.0
        drawn, most = len(pool.places), max(MOST_CANDIDATES * len(rows), PILOT)
        number = {tuple(cell): c for c, cell in enumerate(cells.tolist())}
        while not self._remembers and lacking.any():
            if len(pool.places):
                found = np.array([number.get(tuple(place), -1) for place in pool.places.tolist()])
                taken = _first(found, lacking)
                tables.append(pool.table.iloc[taken])
                of_cell.append(found[taken])
                lacking -= np.bincount(found[taken], minlength=len(cells))
                worth += len(taken)
            if drawn >= most or not lacking.any():
                break
            size = min(max(4 * int(lacking.sum()), 1_024), most - drawn)
            pool = self._candidates(size, RandomStreams(int(seeds.integers(2**62))))
            drawn += size
        for cell in np.flatnonzero(lacking):  # too rare among all rows
            own, size = RandomStreams(int(seeds.integers(2**62))), int(lacking[cell])
            (table,) = self._source(tuple(cells[cell].tolist())).modelled(size, size, own, memory)
            worth += table.attrs.pop(EFFECTIVE, float(size))
            tables.append(table)
            of_cell.append(np.full(size, cell))
        order = np.argsort(np.concatenate(of_cell), kind="stable")
        asked = np.argsort(np.argsort(rows, kind="stable"), kind="stable")
        whole = pd.concat(tables, ignore_index=True).iloc[order].iloc[asked]
        return whole.reset_index(drop=True), worth

    @property
    def _remembers(self) -> bool:
        """True if rows depend on those before them: then every drawn row is shown."""
        keeps = self.source.keeps
        return isinstance(keeps, Kept) and any(isinstance(rule, Unique) for rule in keeps.rules)

    def _source(self, cell: tuple[int, ...]) -> RowSource:
        if cell not in self._under:
            own = {margin.name: margin.parts[p] for margin, p in zip(self.margins, cell, strict=True)}
            self._under[cell] = source_under(self.fitted, {**self.conditions, **own})
        return self._under[cell]


def _first(cells: np.ndarray, lacking: np.ndarray) -> np.ndarray:
    """Return the positions of the first rows of each cell, as many as are lacking, in ascending order."""
    order = np.argsort(cells, kind="stable")
    ordered = cells[order]
    starts = np.searchsorted(ordered, ordered)
    is_taken = (ordered >= 0) & (np.arange(len(order)) - starts < lacking[ordered])
    return np.sort(order[is_taken])
