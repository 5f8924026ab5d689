"""Columns that are generated beside a model: their state over all tables of one sample."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TypeVar, cast

import numpy as np
import pandas as pd

from tabgan.columns import encoder
from tabgan.columns.encoder import known_dtype, missing_value
from tabgan.columns.patterns import Pattern, permuted
from tabgan.errors import DataError

T = TypeVar("T")


@dataclass
class Filling:
    """One sample, or a part of it, whose tables are filled one after the other.

    Parts are filled apart, by several processes as well, and no value of a key is in two of them: keys follow the
    number of the row in the whole sample, or part ``p`` of ``P`` takes each ``P``-th number from ``p`` on.

    Attributes:
        seed: Seed of all that is generated, the same for all parts.
        first_row: Rows of the sample before the next table.
        part: The part's number, from 0.
        n_parts: Parts in all.
        n_rows: Rows of all parts, if known.
        follows: The modelled column that made-up persons follow, ``None`` if they follow none.
        starts: ``(rows,)`` true for rows of the next table that are the first of their key; ``None`` if keys are drawn
            with their column.
        memory: State of each column, or of several together, by a name of their own.
        counted: Numbers used so far, by a name.
        origin: Rows of the sample before this part.
    """

    seed: int = 0
    first_row: int = 0
    part: int = 0
    n_parts: int = 1
    n_rows: int = 0
    follows: str | None = None
    starts: np.ndarray | None = None
    memory: dict[str, object] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)
    origin: int = field(init=False)

    def __post_init__(self) -> None:
        self.origin = self.first_row

    @classmethod
    def of(
        cls, rng: np.random.Generator, *, first_row: int = 0, part: int = 0, n_parts: int = 1, n_rows: int = 0
    ) -> Filling:
        """Return the filling of a sample, or of one of its parts; one draw of ``rng`` seeds it."""
        return cls(int(rng.integers(2**62)), first_row, part, n_parts, n_rows)

    def seed_of(self, name: str) -> int:
        """Return the seed of one column."""
        digest = hashlib.sha256(f"{self.seed} {name}".encode(errors="surrogatepass")).digest()
        return int.from_bytes(digest[:7], "little")

    def seed_here(self, name: str) -> int:
        """Return the seed of one column in this part."""
        return self.seed_of(f"{name} of part {self.part}")

    def rng(self, name: str) -> np.random.Generator:
        """Return the generator of one column in this part, the same one for every table."""
        return self.kept(f"rng {name}", lambda: np.random.default_rng(self.seed_here(name)))

    def kept(self, key: str, make: Callable[[], T]) -> T:
        """Return the state under a name, which the first call creates."""
        if key not in self.memory:
            self.memory[key] = make()
        return cast(T, self.memory[key])

    def numbered(self, name: str, pattern: Pattern, numbers: np.ndarray) -> np.ndarray:
        """Return strings of a pattern by their numbers, in an order of strings that the seed decides.

        Raises:
            DataError: the pattern has fewer strings.
        """
        if len(numbers) and int(numbers.max()) >= pattern.n_strings:
            raise too_few(name, pattern.n_strings)
        return pattern.at(permuted(numbers, pattern.n_strings, self.seed_of(name)))

    def numbers(self, key: str, n: int) -> np.ndarray:
        """Return ``n`` numbers from 0 on that no table of the sample, and no other part, has yet."""
        done = self.counted.get(key, 0)
        self.counted[key] = done + n
        return self.part + self.n_parts * np.arange(done, done + n)


def too_few(name: str, n_strings: int) -> DataError:
    """Return the error of a key with fewer values than requested rows."""
    return DataError(
        f"Column {name!r}: its pattern has {n_strings:,} different strings, and the sample needs more. Declare a "
        "longer pattern, or sample fewer rows."
    )


def column_of(
    values: Collection[object], name: str, dtype: str, is_missing: np.ndarray | None = None
) -> pd.Series:
    """Return generated values as a column, with missing cells in some rows."""
    known = known_dtype(dtype)
    cells = np.empty(len(values), dtype=object)
    cells[:] = list(values)
    if is_missing is not None and is_missing.any():
        cells[is_missing] = missing_value(known)
    return encoder.cast(pd.Series(cells, name=name, dtype=object), known)
