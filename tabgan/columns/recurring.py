"""Keys that several rows share."""

from __future__ import annotations

from tabgan.columns.identifier import Identifier
from tabgan.columns.kind import Column


def recurring(column: Column) -> Identifier | None:
    """Return a column of keys that several rows may share; ``None`` for any other column."""
    return column if isinstance(column, Identifier) and column.recurrence else None
