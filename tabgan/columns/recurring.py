"""Keys that several rows share."""

from __future__ import annotations

from tabgan.columns.identifier import Identifier
from tabgan.columns.kind import Column


def recurring(column: Column) -> Identifier | None:
    """Return a column of keys that several rows may share; ``None`` for any other column."""
    return column if isinstance(column, Identifier) and column.recurrence else None


def with_own_keys(column: Column) -> Column:
    """Return a column of keys of which each row has its own; any other column as it is."""
    return column.with_(recurrence=None) if isinstance(column, Identifier) else column
