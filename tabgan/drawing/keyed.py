"""Rows of a sample key by key: the first row of a key is drawn as any row, the others given what they share with it.

A key has as many rows as its column says, whatever they hold. So each row by itself has the model's distribution: that
of the first row, and, given the shared columns, that of the rest of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import torch

from tabgan._util.rng import RandomStreams
from tabgan.columns.recurring import recurring
from tabgan.drawing.kept import Kept, Memory
from tabgan.drawing.rows import EFFECTIVE, RowSource, Test, check_yield, wanted_rows
from tabgan.errors import DataError
from tabgan.fitting.modelfile import Fitted
from tabgan.model.sampling import Drawn
from tabgan.rules import Unique
from tabgan.table.conditions import Condition

#: Rounds in which a further row of a key is drawn anew while it breaks a rule, and draws for each such row at most.
ROUNDS, MOST_EACH = 24, 64

#: Rows drawn at once for those that still break a rule.
AT_ONCE = 2**14


@dataclass(frozen=True)
class _Rows:
    """Drawn rows with all that further rows of their keys need.

    Attributes:
        raw: Codes and places as they were drawn.
        codes: ``(rows, columns)`` codes that are shown.
        inner: The table that is coded.
        table: The modelled columns of the sample.
    """

    raw: Drawn
    codes: np.ndarray
    inner: pd.DataFrame
    table: pd.DataFrame

    def __len__(self) -> int:
        return len(self.codes)

    def taken(self, rows: np.ndarray) -> _Rows:
        """Return some of the rows, which may repeat."""
        at = torch.as_tensor(rows, device=self.raw[0].device)
        frames = (frame.take(rows).reset_index(drop=True) for frame in (self.inner, self.table))
        return _Rows((self.raw[0][at], self.raw[1][at]), self.codes[rows], *frames)

    @classmethod
    def joined(cls, parts: Sequence[_Rows]) -> _Rows:
        """Return the rows of all parts."""
        if len(parts) == 1:
            return parts[0]
        raw = tuple(torch.cat([part.raw[k] for part in parts]) for k in (0, 1))
        frames = (
            pd.concat([getattr(part, name) for part in parts], ignore_index=True)
            for name in ("inner", "table")
        )
        return cls((raw[0], raw[1]), np.concatenate([part.codes for part in parts]), *frames)


@dataclass(frozen=True)
class KeyedSource(RowSource):
    """Rows of a fitted model whose rule says that rows of a key share values."""

    def by_key(
        self, n: int, batch_size: int, streams: RandomStreams, memory: Memory | None = None
    ) -> Iterator[tuple[pd.DataFrame, np.ndarray | None]]:
        if n == 0:
            yield from ((table, np.zeros(0, dtype=bool)) for table in self.modelled(0, batch_size, streams))
            return
        keys = SampledKeys(self, streams, self.test(memory))
        for first in range(0, n, batch_size):
            yield keys.table(min(batch_size, n - first))

    def key_sizes(self, n_rows: int, rng: np.random.Generator) -> np.ndarray:
        """Return numbers of rows of keys that have at least ``n_rows`` together, and fewer without the last.

        Raises:
            DataError: the keys have one row each.
        """
        encoder = self.fitted.encoder
        column = None if encoder.key is None else recurring(encoder.schema[encoder.key])
        if column is None:
            raise DataError("sample: no key has several rows.")
        return column.sizes(n_rows, rng)

    def whole_keys(self, n_rows: int, rng: np.random.Generator) -> np.ndarray:
        """Return numbers of rows of keys that have exactly ``n_rows`` together: the last may lack some."""
        sizes = self.key_sizes(n_rows, rng)[: n_rows if n_rows else 0]
        if len(sizes):
            sizes[-1] -= sizes.sum() - n_rows
        return sizes


@dataclass
class SampledKeys:
    """The keys of a sample, one after the other; a table may end within one, and the next one goes on with it.

    Attributes:
        source: The rows.
        streams: Sources of all draws.
        keeps: The test that shown rows pass; ``None`` keeps all.
        sizes: Numbers of rows of all keys, if they are decided; ``None`` draws them.
    """

    source: KeyedSource
    streams: RandomStreams
    keeps: Test | None = None
    sizes: np.ndarray | None = None
    _spare: list[_Rows] = field(default_factory=list)
    _last: _Rows | None = None
    _lacks: int = 0
    _drawn: int = 0
    _kept: int = 0

    def __post_init__(self) -> None:
        device = self.source.fitted.generator.device
        self._rng, self._values = self.streams.torch("sample", device), self.streams.numpy("decode")
        self._size_rng = self.streams.numpy("sizes of keys")
        self._sampler = self.source.sampler
        self._before = self._sampler.effective_size

    def table(self, size: int) -> tuple[pd.DataFrame, np.ndarray]:
        """Return the next rows of the modelled columns, and ``(rows,)`` true for the first one of each key.

        Raises:
            DataError: so few rows keep the rules that these cannot be reached.
        """
        goes_on = min(self._lacks, size)
        sizes = self._next_sizes(size - goes_on)
        parts = [self._last] if self._last is not None and goes_on else []
        parts += [self._firsts(len(sizes))] if len(sizes) else []
        whole = _Rows.joined(parts)
        lengths = np.concatenate([[goes_on] if goes_on else [], sizes]).astype(np.int64)
        key = np.repeat(np.arange(len(lengths)), lengths)[:size]
        starts = np.ones(size, dtype=bool)
        starts[1:] = key[1:] != key[:-1]
        starts[0] = not goes_on
        self._lacks += int(sizes.sum()) - size
        self._last = whole.taken(np.array([len(whole) - 1]))
        further = np.flatnonzero(~starts)
        table = whole.table.take(key)
        if len(further):
            place = key.copy()
            place[further] = len(whole) + np.arange(len(further))
            table = pd.concat([whole.table, self._others(whole, key[further])], ignore_index=True).take(place)
        table = table.reset_index(drop=True)
        if self.source.fixed:
            table.attrs[EFFECTIVE] = size * (self._sampler.effective_size - self._before) / self._drawn
        return table, starts

    def _next_sizes(self, n_rows: int) -> np.ndarray:
        """Return the numbers of rows of the next keys: enough of them for some rows."""
        if self.sizes is None:
            return self.source.key_sizes(n_rows, self._size_rng)
        n_keys = int(np.searchsorted(np.cumsum(self.sizes), n_rows)) + 1 if n_rows else 0
        sizes, self.sizes = self.sizes[:n_keys], self.sizes[n_keys:]
        return sizes

    def _firsts(self, n: int) -> _Rows:
        """Return the first rows of ``n`` keys.

        Raises:
            DataError: so few rows keep the rules that these cannot be reached.
        """
        while (lacking := n - sum(map(len, self._spare))) > 0:
            wanted = lacking
            if self.keeps is not None:
                check_yield(self._drawn, self._kept, n)
                wanted = wanted_rows(self._drawn, self._kept, lacking)
            rows = self._decoded(self._sampler.raw_rows(wanted, self._rng, self.source.fixed))
            if self.keeps is not None:
                rows = rows.taken(np.flatnonzero(self.keeps(rows.table)))
            self._spare.append(rows)
            self._drawn, self._kept = self._drawn + wanted, self._kept + len(rows)
        whole = _Rows.joined(self._spare)
        if len(whole) == n:
            self._spare = []
            return whole
        self._spare = [whole.taken(np.arange(n, len(whole)))]
        return whole.taken(np.arange(n))

    def _decoded(self, raw: Drawn, first: _Rows | None = None) -> _Rows:
        """Return rows of some codes; with the shared cells of the first rows of their keys, if these are given."""
        encoder, source = self.source.fitted.encoder, self.source
        codes, places = self._sampler.shown(raw, self._rng, source.fixed)
        held = {}
        if first is not None:
            codes[:, encoder.shared_positions] = first.codes[:, encoder.shared_positions]
            held = {name: first.inner[name] for name in encoder.shared_inner}
        inner = encoder.inner_table(codes, self._values, places, source.constants, held=held)
        return _Rows(raw, codes, inner, encoder.restored(inner))

    def _others(self, whole: _Rows, key: np.ndarray) -> pd.DataFrame:
        """Return further rows of keys, drawn anew while they break a rule or a condition.

        Where none is found, which takes a first row that itself is a rare one, the row has the first one's values.

        Args:
            whole: First rows of keys.
            key: ``(rows,)`` the place of each row's key among them.

        Raises:
            DataError: none is found, and a rule of uniqueness rules out the first row's values.
        """
        origin = replace(
            whole, inner=whole.inner[self.source.fitted.encoder.shared_inner], table=whole.table[[]]
        )
        lacking, tables, rows = np.arange(len(key)), [], []
        tries = 1
        for _ in range(ROUNDS):
            if not len(lacking):
                break
            asked = np.repeat(lacking, tries)
            found, is_kept = self._tried(origin.taken(key[asked]))
            kept = np.flatnonzero(is_kept)
            own, at = np.unique(asked[kept], return_index=True)
            tables.append(found.take(kept[at]))
            rows.append(own)
            lacking = np.setdiff1d(lacking, own)
            most = 1 if self._remembers else min(2 * tries, MOST_EACH)
            tries = int(np.clip(AT_ONCE // max(len(lacking), 1), 1, most))
        if len(lacking):
            if self._remembers:
                raise DataError(
                    f"sample: for {len(lacking):,} further rows of keys, none of the drawn rows keeps the rules beside "
                    "the values that rows of a key share. Loosen the rules, or ask for fewer rows."
                )
            tables.append(whole.table.take(key[lacking]))
            rows.append(lacking)
        order = np.argsort(np.concatenate(rows), kind="stable")
        return pd.concat(tables, ignore_index=True).take(order)

    def _tried(self, first: _Rows) -> tuple[pd.DataFrame, np.ndarray]:
        """Return further rows, one for each of some first ones, and ``(rows,)`` true for those that may be shown."""
        encoder = self.source.fitted.encoder
        raw, is_met = self._sampler.alike(first.raw, encoder.shared_positions, self._rng, self.source.fixed)
        table = self._decoded(raw, first).table
        if self.keeps is not None:
            met = np.flatnonzero(is_met)
            is_met[met] = self.keeps(table.take(met).reset_index(drop=True))
        return table, is_met

    @property
    def _remembers(self) -> bool:
        """True if rows depend on those before them: then every drawn row that may be shown is."""
        return isinstance(self.keeps, Kept) and any(isinstance(rule, Unique) for rule in self.keeps.rules)


def source_of(fitted: Fitted, conditions: object, impute: bool = False) -> RowSource:
    """Return the rows of a model under conditions as a person states them, key by key if keys share values.

    Raises:
        ConfigError, SchemaError, DataError: a condition cannot be met.
    """
    return _kind(fitted).of(fitted, conditions, impute)


def source_under(fitted: Fitted, conditions: Mapping[str, Condition]) -> RowSource:
    """Return the rows of a model under conditions, key by key if keys share values.

    Raises:
        DataError: a condition cannot be met.
    """
    return _kind(fitted).under(fitted, conditions)


def _kind(fitted: Fitted) -> type[RowSource]:
    return RowSource if fitted.encoder.key is None else KeyedSource


def interleaved(
    sources: Sequence[RowSource],
    n_rows: Sequence[int],
    batch_size: int,
    streams: RandomStreams,
    memory: Memory,
) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
    """Return an iterator over tables with as many rows of each source as are asked for, whole keys in random order.

    Args:
        sources: Rows key by key, of which each is of one part of the sample.
        n_rows: Rows of each.
        batch_size: Most rows of a table.
        streams: Sources of all draws.
        memory: The values that no row may repeat.
    """
    keyed = [source for source in sources if isinstance(source, KeyedSource)]
    sizes = [
        source.whole_keys(n, streams.numpy(f"sizes of part {p}"))
        for p, (source, n) in enumerate(zip(keyed, n_rows, strict=True))
    ]
    keys = [
        SampledKeys(source, streams.child(f"part {p}"), source.test(memory), sizes[p])
        for p, source in enumerate(keyed)
    ]
    part_of_key = np.repeat(np.arange(len(sizes)), list(map(len, sizes)))
    part_of_key = streams.numpy("order").permutation(part_of_key)
    rows_of_key = np.empty(len(part_of_key), dtype=np.int64)
    for p, own in enumerate(sizes):
        rows_of_key[part_of_key == p] = own
    part_of_row = np.repeat(part_of_key, rows_of_key)
    for first in range(0, len(part_of_row), batch_size):
        parts = part_of_row[first : first + batch_size]
        found = [keys[p].table(int((parts == p).sum())) for p in np.unique(parts)]
        worth = sum(table.attrs.pop(EFFECTIVE, float(len(table))) for table, _ in found)
        places = np.argsort(np.argsort(parts, kind="stable"), kind="stable")
        whole = (
            pd.concat([table for table, _ in found], ignore_index=True).iloc[places].reset_index(drop=True)
        )
        whole.attrs[EFFECTIVE] = worth
        yield whole, np.concatenate([starts for _, starts in found])[places]
