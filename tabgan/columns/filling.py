"""Columns that are generated beside a model: their state over all tables of one sample."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from tabgan.columns.encoder import cast, known_dtype, missing_value
from tabgan.columns.patterns import Pattern, permuted
from tabgan.errors import DataError


@dataclass
class Filling:
    """One sample, whose tables are filled one after the other.

    Attributes:
        seed: Seed of all that is generated.
        first_row: Rows of the tables before.
        follows: The modelled column that made-up persons follow, ``None`` if they follow none.
        memory: State of each column, or of several together, by a name of their own.
    """

    seed: int = 0
    first_row: int = 0
    follows: str | None = None
    memory: dict[str, Any] = field(default_factory=dict)

    def seed_of(self, name: str) -> int:
        """Return the seed of one column."""
        digest = hashlib.sha256(f"{self.seed} {name}".encode(errors="surrogatepass")).digest()
        return int.from_bytes(digest[:7], "little")

    def rng(self, name: str) -> np.random.Generator:
        """Return the generator of one column, the same one for every table."""
        found: np.random.Generator = self.memory.setdefault(
            f"rng {name}", np.random.default_rng(self.seed_of(name))
        )
        return found

    def distinct(self, name: str, pattern: Pattern, n: int) -> np.ndarray:
        """Return ``n`` strings of a pattern that no table of the sample has yet, in an order that the seed decides.

        Raises:
            DataError: there are not so many.
        """
        key = f"number {name} {pattern.source}"
        done = self.memory.get(key, 0)
        if done + n > pattern.n_strings:
            raise too_few(name, pattern.n_strings)
        self.memory[key] = done + n
        numbers = permuted(np.arange(done, done + n), pattern.n_strings, self.seed_of(name))
        return pattern.at(numbers)


def too_few(name: str, n_strings: int) -> DataError:
    """Return the error of a key that has fewer values than rows are asked for."""
    return DataError(
        f"Column {name!r}: its pattern has {n_strings:,} different strings, and the sample needs more. Declare a "
        "longer pattern, or sample fewer rows."
    )


def column_of(values: Any, name: str, dtype: str, is_missing: np.ndarray | None = None) -> pd.Series:
    """Return generated values as a column, missing where it is said so."""
    known = known_dtype(dtype)
    cells = np.empty(len(values), dtype=object)
    cells[:] = list(values)
    if is_missing is not None and is_missing.any():
        cells[is_missing] = missing_value(known)
    return cast(pd.Series(cells, name=name, dtype=object), known)
