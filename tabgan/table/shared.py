"""Generated columns of a sample whose keys are made row by row: rows of a key share what a rule says they share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tabgan.columns import Column
from tabgan.columns.filling import Filling
from tabgan.columns.recurring import recurring


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
