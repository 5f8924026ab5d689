"""Tables in parts: one protocol for all that a fit may read in pieces, and its implementation for a frame in memory.

The names, dtypes and order of the columns are known before a row is read, and follow from none. Whatever holds the
rows, a database or a folder of files, is an adapter's business; a fit reads parts, one at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import pandas as pd

from tabgan._util.validate import nearest
from tabgan.errors import ConfigError, DataError


@runtime_checkable
class Partitions(Protocol):
    """A table in parts: private, but for its header.

    Attributes:
        header: ``(0, columns)`` the columns, public: their names, order and dtypes, known before a row is read.
        is_rereadable: True if it may be read as often as need be; otherwise once, and a fit keeps a copy meanwhile,
            in a private folder.
    """

    @property
    def header(self) -> pd.DataFrame:
        """The table without its rows."""

    @property
    def is_rereadable(self) -> bool:
        """Flag: the parts may be read more than once."""

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Yield frames with exactly the header's columns and dtypes: the same ones, in the same order, each time."""


class FrameParts:
    """A frame in memory, as one part or in slices.

    Args:
        df: The table.
        rows: The most rows of a part, at least 1; ``None`` for a single part.
    """

    is_rereadable = True

    def __init__(self, df: pd.DataFrame, rows: int | None = None) -> None:
        if not isinstance(df, pd.DataFrame):
            raise DataError(f"fit: expected a pandas DataFrame, got {type(df).__name__}.")
        if rows is not None and rows < 1:
            raise ConfigError(f"partitions: expected at least 1 row in a part, got {rows}.")
        self._df, self._rows = df, rows

    @property
    def header(self) -> pd.DataFrame:
        """The table without its rows."""
        return self._df.iloc[:0]

    def __len__(self) -> int:
        return len(self._df)

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Yield the slices, in order."""
        if self._rows is None:
            yield self._df
            return
        for start in range(0, len(self._df), self._rows):
            yield self._df.iloc[start : start + self._rows]


def is_in_parts(source: object) -> bool:
    """Return true for a table in parts, false for a frame or anything else."""
    return not isinstance(source, pd.DataFrame) and isinstance(source, Partitions)


def checked(part: object, header: pd.DataFrame, number: int) -> pd.DataFrame:
    """Return a part if its columns and dtypes are the header's, with its categories in the header's order.

    Raises:
        DataError: columns or dtypes differ from the header's; names the column, and no cell.
    """
    if not isinstance(part, pd.DataFrame):
        raise DataError(
            f"Part {number} of the table: expected a pandas DataFrame, got {type(part).__name__}."
        )
    expected, found = [str(name) for name in header.columns], [str(name) for name in part.columns]
    for name in [*expected, *found]:
        if expected.count(name) != found.count(name):
            known = nearest(name, found if name in expected else expected)
            wrong = "lacks" if name in expected else "has, unlike the table's header,"
            raise DataError(
                f"Part {number} of the table: it {wrong} the column {name!r}.{known} Give every part the same columns."
            )
    if expected != found:
        raise DataError(
            f"Part {number} of the table: its columns are not in the order of the table's header."
        )
    frame: pd.DataFrame = part
    for position, name in enumerate(expected):
        asked, got = header.dtypes.iloc[position], part.dtypes.iloc[position]
        if asked != got:
            raise DataError(
                f"Part {number} of the table, column {name!r}: expected dtype {asked}, as in the table's header, "
                f"found {got}. Give every part the same dtypes, or convert the column."
            )
        if isinstance(asked, pd.CategoricalDtype) and list(asked.categories) != list(got.categories):
            # Equal to pandas, which compares sets; codes of one order mean other values in another.
            frame = frame.copy(deep=False)
            frame.isetitem(position, frame.iloc[:, position].cat.set_categories(asked.categories))
    return frame
