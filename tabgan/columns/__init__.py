"""Kinds of columns, one a file; a new kind is one file, and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Union

from tabgan.columns.boolean import Boolean
from tabgan.columns.categorical import Categorical
from tabgan.columns.datetime import Datetime
from tabgan.columns.duration import Duration
from tabgan.columns.identifier import Identifier
from tabgan.columns.kind import Column
from tabgan.columns.numeric import Numeric

#: Every kind, in the order in which they are asked what values are: the first that says yes has them.
KINDS: tuple[type[Column], ...] = (
    Boolean,
    Datetime,
    Duration,
    Identifier,
    Numeric,
    Categorical,
)

if TYPE_CHECKING:
    AnyColumn = Column
else:
    AnyColumn = Union[KINDS]  # noqa: UP007 - of a tuple

__all__ = [
    "KINDS",
    "AnyColumn",
    "Boolean",
    "Categorical",
    "Column",
    "Datetime",
    "Duration",
    "Identifier",
    "Numeric",
    "column_of_dtype",
]


def column_of_dtype(dtype: Any, name: str) -> Column | None:
    """Return the open column that a dtype stands for, ``None`` if only the values can tell."""
    for kind in KINDS:
        if kind.has_dtype(dtype):
            return kind(name=name, dtype=str(dtype))
    return None
