"""Cells that rows of a key share by a rule: those of generated columns, and those that a person gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tabgan.columns import Column
from tabgan.columns.filling import Filling
from tabgan.columns.keys import numbers_of
from tabgan.columns.recurring import recurring
from tabgan.errors import DataError
from tabgan.rules.same import numbered
from tabgan.schema import Schema


@dataclass
class _Last:
    """The cell of the last key of a table, which the first rows of the next one may continue.

    Attributes:
        n_keys: Keys before the next one, at most the rows.
        cell: ``(1,)`` the cell; ``None`` before the first key.
    """

    n_keys: int
    cell: pd.Series | None = None


def filled_by_key(
    column: Column, table: pd.DataFrame, filling: Filling, starts: np.ndarray, *, is_key: bool
) -> pd.Series:
    """Return a generated column with one cell for each key.

    Args:
        column: The column.
        table: ``(rows, modelled columns)``; rows of a key come one after the other.
        filling: The sample that the rows belong to.
        starts: ``(rows,)`` true for the first row of each key.
        is_key: True for the column of the keys themselves.
    """
    last = filling.kept(f"last {column.name}", lambda: _Last(filling.origin))
    firsts = table[starts].reset_index(drop=True)
    keys = recurring(column)
    if is_key and keys is not None:
        cells = keys.keys_from(last.n_keys, len(firsts), filling)
    else:
        cells = column.fill(firsts, filling)
    number = np.cumsum(starts) - 1
    if last.cell is not None:
        cells, number = pd.concat([last.cell, cells], ignore_index=True), number + 1
    last.n_keys += len(firsts)
    last.cell = cells.iloc[-1:] if len(cells) else last.cell
    return cells.iloc[number].reset_index(drop=True)


def with_shared(
    rows: pd.DataFrame, schema: Schema, key: str, shared: Sequence[str], *, ignores_unknown: bool
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return given rows in which those of one key have the cells that any of them has of the columns that they share.

    With ``(rows,)`` the number of each row's key; a row without one has a number of its own.

    Args:
        rows: Given cells, missing where there is none.
        schema: Of the model.
        key: The column of keys.
        shared: Columns that rows of a key share.
        ignores_unknown: True if cells that contradict each other stay as they are.

    Raises:
        DataError: cells of rows of one key contradict each other; none is quoted.
    """
    n_rows = len(rows)
    keys = np.full(n_rows, -1) if key not in rows else numbers_of(rows[key])
    group = np.where(keys >= 0, keys, n_rows + np.arange(n_rows))
    rows = rows.copy(deep=False)
    for name in shared:
        present = np.flatnonzero(rows[name].notna()) if name in rows else np.zeros(0, dtype=np.int64)
        if not len(present):
            continue
        known, first = np.unique(group[present], return_index=True)
        source = present[first]
        at = np.searchsorted(known, group).clip(max=len(known) - 1)
        is_known = known[at] == group
        cells = numbered(rows[name].reset_index(drop=True), schema[name])
        n_others = int((cells[present] != cells[source[at[present]]]).sum())
        if n_others and not ignores_unknown:
            raise DataError(
                f"complete: column {name!r}: {n_others:,} given cells differ from those of other rows of the same "
                f"{key!r}, which share it by a rule. Correct them, or set unknown='ignore' to keep them."
            )
        lacks = is_known & rows[name].isna().to_numpy(dtype=bool)
        place = np.where(lacks, source[at], np.arange(n_rows))
        rows[name] = rows[name].take(place).set_axis(rows.index)
    return rows, np.unique(group, return_inverse=True)[1]
