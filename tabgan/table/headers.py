"""The public facts of a table behind a plan: names and dtypes of its columns, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from tabgan.schema import Schema


@dataclass(frozen=True)
class PublicHeader:
    """Names and dtypes of a table's columns: no row can be read through it.

    Attributes:
        dtypes: The pandas dtype of each column, by name.
    """

    dtypes: Mapping[str, object]

    @classmethod
    def of_table(cls, table: pd.DataFrame) -> PublicHeader:
        """Return the header of a table; no cell is read."""
        return cls({str(name): dtype for name, dtype in zip(table.columns, table.dtypes, strict=True)})

    @classmethod
    def of_schema(cls, schema: Schema) -> PublicHeader:
        """Return the header of a CSV with a schema's columns: text where no dtype is declared."""
        empty = {column.name: pd.Series([], dtype=column.dtype or "object") for column in schema}
        return cls.of_table(pd.DataFrame(empty))

    @property
    def names(self) -> list[str]:
        """Names of the columns, in the table's order."""
        return list(self.dtypes)

    def empty(self) -> pd.DataFrame:
        """Return a table with these columns and no rows."""
        return pd.DataFrame({name: pd.Series([], dtype=dtype) for name, dtype in self.dtypes.items()})

    def some(self, names: Iterable[str]) -> PublicHeader:
        """Return the header of some columns, in the table's order."""
        kept = set(names)
        return PublicHeader({name: dtype for name, dtype in self.dtypes.items() if name in kept})

    def __iter__(self) -> Iterator[str]:
        return iter(self.dtypes)

    def __len__(self) -> int:
        return len(self.dtypes)
