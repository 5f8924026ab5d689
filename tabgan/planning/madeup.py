"""Made-up rows in place of a table whose public facts alone are known.

**Guarantee.** Nothing here sees a row of a table: columns are filled from their declarations and, where these leave
something open, from the assumptions that :data:`ASSUMPTIONS` states.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from tabgan.columns import Categorical, Column, Numeric, column_of_dtype
from tabgan.columns.lattice import has_range
from tabgan.columns.values import is_text
from tabgan.errors import SchemaError
from tabgan.schema import Schema
from tabgan.table.codes import TableEncoder
from tabgan.table.headers import PublicHeader
from tabgan.table.reduction import Reduction
from tabgan.table.summed import Rows

#: The most made-up rows; of larger tables each stands for a power of two of rows.
MOST_ROWS = 2_048

#: Categories of an open column, and integers of an open range.
OPEN_CATEGORIES, OPEN_INTEGERS = 3, 10_000

#: The exponents by which the shares of categories fall (Zipf), of an open column and of a declared list.
OPEN_FALL, FALL = 1.0, 1.5

#: The most rows of an open column of categories that hold rarer values, as a share, and their part of the threshold.
RARE, RARE_PART = 0.005, 0.5

#: Decimals of numbers that leave them open; moments then are days.
DECIMALS = 2

#: Share of the rows that hold the smallest of a column's integers.
LEAST_SHARE = 0.5

#: Numbers of a cycle, such as weeks, that an open range of moments holds.
OPEN_CYCLES = 10

#: The assumptions about what public facts leave open, in whole sentences.
ASSUMPTIONS = {
    "shares": f"The shares of declared categories fall as 1, 1/2**{FALL:g}, 1/3**{FALL:g}, ...",
    "categories": f"A column of open categories has {OPEN_CATEGORIES} frequent ones; at most {RARE:.1%} of its rows "
    "hold rarer ones, which are lost.",
    "numbers": f"A column of open numbers has {OPEN_INTEGERS:,} different ones, none of them very frequent.",
    "integers": "Half of the rows hold the smallest number of a column of integers, as with counts.",
    "kinds": "Of columns that come as text without a declared kind, every second one holds numbers, the others "
    "categories.",
    "objects": "Columns of dtype object without a declared kind hold categories.",
}


@dataclass
class MadeUpRows(Rows):
    """Made-up rows, each of which counts several times.

    Attributes:
        header: A table without rows, with the columns of the one that they replace.
        table: ``(rows, columns)`` the made-up values.
        times: Rows that each stands for.
    """

    header: pd.DataFrame
    table: pd.DataFrame
    times: int = 1

    def __len__(self) -> int:
        return len(self.table) * self.times

    def cells(self, name: str) -> Iterator[tuple[pd.Series, np.ndarray | None]]:
        yield self.table[name], np.full(len(self.table), self.times) if self.times > 1 else None

    def read(self, columns: Iterable[Column]) -> Rows:
        return self  # they are made as they would be read

    def reduced(self, reduction: Reduction) -> Rows:
        table, rng = reduction.reduce(self.table), np.random.default_rng(0)
        for part in reduction.merged:
            column = reduction.inner[part.name]
            if column.listed:  # such as one-hot columns, of which independent ones hardly ever keep the rule
                table[part.name] = _values(column, len(table), FALL, rng)
        return replace(self, header=table.iloc[:0], table=table)

    def codes(self, encoder: TableEncoder) -> np.ndarray:
        return encoder.transform(self.table)

    def together(
        self,
        of: Mapping[str, Callable[[pd.Series], list[object]]],
        known: Mapping[str, frozenset[Hashable]],
        weights: np.ndarray,
    ) -> list[Counter[Hashable]]:
        return super().together(of, known, weights * self.times)

    def frame(self, names: Sequence[str], where: np.ndarray | None = None) -> pd.DataFrame:
        some = self.table[list(names)]
        return some if where is None else some.iloc[where].reset_index(drop=True)


def made_up(header: PublicHeader, schema: Schema, n_rows: int, *, untyped_text: bool = False) -> MadeUpRows:
    """Return made-up rows for a table with a public header, at most :data:`MOST_ROWS` of them.

    Args:
        header: Names and dtypes of the table's columns.
        schema: The declared schema.
        n_rows: Rows of the table.
        untyped_text: True if text may represent numbers and booleans, as in a CSV.
    """
    times = 1
    while n_rows / times > MOST_ROWS:
        times *= 2
    n_made, rng, columns = max(round(n_rows / times), 1), np.random.default_rng(0), {}
    known = _known(header, schema)
    for column in assumed_columns(header, schema, untyped_text=untyped_text):
        own = known[column.name]
        values = _values(column, n_made, OPEN_FALL if own is None or own.is_discovered else FALL, rng)
        columns[column.name] = pd.Series(list(values), dtype=object) if own is None else values
    return MadeUpRows(header.empty(), pd.DataFrame(columns), times)


def assumed_columns(header: PublicHeader, schema: Schema, *, untyped_text: bool = False) -> list[Column]:
    """Return a header's columns with complete domains: declared ones, and assumed ones where they are open."""
    found, n_open, empty = [], 0, header.empty()
    for name, column in _known(header, schema).items():
        if column is None:
            n_open += 1
            is_number = untyped_text and n_open % 2 == 0
            column = Numeric(name=name) if is_number else Categorical(name=name, dtype="object")
        else:
            is_read = untyped_text and is_text(empty[name])
            column = column.with_table_dtype(str(header.dtypes[name]), is_read)
        found.append(_assumed(column))
    return found


def _known(header: PublicHeader, schema: Schema) -> dict[str, Column | None]:
    """Return a header's columns as they are declared, or as their dtypes say; ``None`` if only a vote can tell."""
    return {
        name: schema[name] if name in schema else column_of_dtype(dtype, name)
        for name, dtype in header.dtypes.items()
    }


def voted(header: PublicHeader, schema: Schema, *, untyped_text: bool = False) -> frozenset[str]:
    """Return the names of columns whose kind a fit decides by a vote, so that a plan's is arbitrary."""
    known = _known(header, schema)
    return (
        frozenset(name for name, column in known.items() if column is None) if untyped_text else frozenset()
    )


def _assumed(column: Column) -> Column:
    """Return a column with an assumed domain where its own is open."""
    if has_range(column):
        column = column.with_implied_precision()
        if not column.has_precision:
            column = column.with_precision(DECIMALS if column.quantity == "a number" else 0)
        column = column.with_final_dtype()
        if column.bounds is not None:
            return column
        smallest, largest = column.dtype_range()
        longest = max((cycle.length for cycle in column.cycles()), default=0)
        most = max(OPEN_INTEGERS, OPEN_CYCLES * longest)
        return column.with_range(max(smallest, 0), min(largest, most))
    if not column.is_discovered:
        return column
    named = tuple(
        f"made-up {number}" for number in range(OPEN_CATEGORIES)
    )  # no public word, which needs no threshold
    domains = (named, tuple(range(OPEN_CATEGORIES)), (False, True))
    tried = [column.with_listed(domain) for domain in domains]
    tried += [trial.column for trial in column.trials()]  # templates are other than categories
    for assumed in tried:
        if assumed.comes_back():
            return assumed
    raise SchemaError(
        f"Column {column.name!r}: dtype {column.dtype} holds no made-up value. Declare its domain."
    )


def _values(column: Column, n_rows: int, fall: float, rng: np.random.Generator) -> pd.Series:
    """Return ``(rows,)`` made-up values of a column with a complete domain, independent of other columns."""
    if not column.is_modelled:
        return pd.Series(np.arange(n_rows), name=column.name)  # never read, but for keys
    if not has_range(column):
        encoder = column.encoder()
        shares = (1.0 + np.arange(max(encoder.n_values, 1))) ** -fall
        return encoder.inverse_transform(_spread(shares, n_rows, rng) + (encoder.n_values > 0), rng)
    low, high = column.declared_range()
    n_cells = int(min(high - low + 1, MOST_ROWS))
    edges = np.unique(low + np.rint(np.linspace(0, high + 1 - low, n_cells + 1)).astype(np.int64))
    encoder = column.lattice_encoder(edges)
    shares = np.ones(encoder.n_values)
    if column.step == 1.0 and column.quantity == "a number":  # such as counts
        shares[0] = LEAST_SHARE / (1.0 - LEAST_SHARE) * max(encoder.n_values - 1, 1)
    return encoder.inverse_transform(1 + _spread(shares, n_rows, rng), rng)


def _spread(shares: np.ndarray, n_rows: int, rng: np.random.Generator) -> np.ndarray:
    """Return ``(rows,)`` positions in random order, each as often as its share says."""
    at = (rng.permutation(n_rows) + 0.5) / n_rows * shares.sum()
    return np.asarray(np.minimum(np.searchsorted(np.cumsum(shares), at), len(shares) - 1))


def assumptions_of(header: PublicHeader, schema: Schema, *, untyped_text: bool = False) -> tuple[str, ...]:
    """Return the assumptions on the facts that a header and a schema leave open."""
    found = _known(header, schema)
    known = [column for column in found.values() if column is not None and column.is_modelled]
    is_voted = untyped_text and None in found.values()
    needed: Mapping[str, bool] = {
        "shares": any(not has_range(column) and not column.is_discovered for column in known),
        "categories": any(column.is_discovered for column in known) or None in found.values(),
        "numbers": is_voted or any(has_range(column) and not column.is_complete for column in known),
        "integers": any(has_range(column) and column.quantity == "a number" for column in known),
        "kinds": is_voted,
        "objects": not untyped_text and None in found.values(),
    }
    return tuple(text for key, text in ASSUMPTIONS.items() if needed[key])
