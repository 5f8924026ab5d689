"""Conditional distributions of columns with few combinations of parents, each computed once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from tabgan._util.tensors import bounds_of, draw_within

#: Entries of one column's table at most, and of those of all columns together.
MOST_ENTRIES, MOST_IN_ALL = 2**21, 2**22

#: Combinations whose distributions are computed at once.
_AT_ONCE = 16_384

#: A function of ``(batch, columns)`` codes and a position that returns the column's ``(batch, size)`` logits.
Logits = Callable[[torch.Tensor, int], torch.Tensor]


@dataclass(frozen=True)
class Tabulated:
    """A column's distributions, by the codes of the columns that it depends on.

    Draws from them are those from each row's logits, to the last bit, since a row's logits
    follow from its own codes alone.

    Attributes:
        parents: Positions of these columns.
        strides: Rows of the table from one code of each parent to the next.
        bounds: ``(combinations, size)`` bounds of each, see :func:`bounds_of`.
    """

    parents: tuple[int, ...]
    strides: tuple[int, ...]
    bounds: torch.Tensor

    @classmethod
    def of(
        cls, sizes: Sequence[int], parents: Sequence[int], logits: Callable[[torch.Tensor], torch.Tensor]
    ) -> Tabulated:
        """Return a column's distributions for every combination of its parents' codes."""
        strides = tuple(_combinations(sizes, parents[place + 1 :]) for place in range(len(parents)))
        parts = []
        for numbers in torch.arange(_combinations(sizes, parents)).split(_AT_ONCE):
            codes = torch.zeros(len(numbers), len(sizes), dtype=torch.int64)
            for parent, stride in zip(parents, strides, strict=True):
                codes[:, parent] = numbers // stride % sizes[parent]
            parts.append(bounds_of(logits(codes)))
        return cls(tuple(parents), strides, torch.cat(parts))

    def draw(self, codes: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """Return ``(batch,)`` codes of the column, given ``(batch, columns)`` codes of the earlier ones."""
        rows = torch.zeros_like(codes[:, 0])
        for parent, stride in zip(self.parents, self.strides, strict=True):
            rows.add_(codes[:, parent], alpha=stride)
        return draw_within(self.bounds.index_select(0, rows), rng)


class DrawTables:
    """The distributions of all columns that have few: each is made once it pays.

    Args:
        sizes: Codes of each column.
        parents: Function of a position that returns those of the columns that it depends on; ``None`` for a column
            that depends on more.
        logits: Of the columns.
        device: Of the logits.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        parents: Callable[[int], list[int] | None],
        logits: Logits,
        device: torch.device,
    ) -> None:
        self._sizes, self._parents, self._logits, self._device = list(sizes), parents, logits, device
        self._known: dict[int, list[int] | None] = {}
        self._made: dict[int, Tabulated] = {}
        self._n_entries = 0

    def of(self, position: int, n_drawn: int) -> Tabulated | None:
        """Return a column's distributions; ``None`` if they are many, or more than the rows drawn so far."""
        if position not in self._known:
            self._known[position] = self._parents(position)
        parents = self._known[position]
        if parents is None or position in self._made:
            return self._made.get(position)
        n_rows = _combinations(self._sizes, parents)
        n_entries = n_rows * self._sizes[position]
        if n_rows > n_drawn or n_entries > min(MOST_ENTRIES, MOST_IN_ALL - self._n_entries):
            return None
        self._n_entries += n_entries
        logits = partial(self._at, position=position)
        self._made[position] = Tabulated.of(self._sizes, parents, logits)
        return self._made[position]

    def _at(self, codes: torch.Tensor, position: int) -> torch.Tensor:
        return self._logits(codes.to(self._device), position)


def _combinations(sizes: Sequence[int], parents: Sequence[int]) -> int:
    """Return the number of combinations of the codes of some columns."""
    return math.prod(sizes[parent] for parent in parents)
