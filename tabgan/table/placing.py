"""Places of a table's values within their codes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tabgan.table.coded import CodedColumn
from tabgan.table.codes import TableEncoder


def placed_columns(encoder: TableEncoder) -> list[int]:
    """Return the positions of ordered columns whose values have places within codes; moments with cycles have not."""
    return [
        position
        for position in sorted(encoder.positions.values())
        if (column := encoder.columns[position]).encoder.is_ordered
        and column.encoder.is_linear
        and position not in encoder.cycles
        and 1 < len(range(*column.values.indices(column.width))) < column.encoder.n_values
    ]


def places_of_rows(encoder: TableEncoder, df: pd.DataFrame) -> np.ndarray:
    """Return ``(rows, columns)`` places of the values within their codes, in [0, 1]; NaN for columns without.

    A place within a cell is not known here. It is made up from the row's own cells, so that it depends on no other
    row, and is about uniform.
    """
    columns, placed = encoder.columns, placed_columns(encoder)
    places = np.full((len(df), len(columns)), np.nan, dtype=np.float32)
    if len(placed) < 2:
        return places
    cells = {each: columns[each].encoder.transform(df[columns[each].encoder.column.name]) for each in placed}
    key = np.zeros(len(df), dtype=np.uint64)
    for each in cells.values():
        key = _mixed(key + each.astype(np.uint64))
    for position, each in cells.items():
        key = _mixed(key)
        lows, highs = ends_of_cells(columns[position], each)
        places[:, position] = lows + (key >> np.uint64(11)) * 2.0**-53 * (highs - lows)
    return places


def ends_of_cells(column: CodedColumn, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(rows,)`` the places within their codes, in [0, 1], at which cells begin and end, by released counts."""
    order, cumulative, bounds = column.drawing
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    rank, code = ranks[cells], column.code_of_cell[cells]
    start, stop = cumulative[bounds[code]], cumulative[bounds[code + 1]]
    lows, highs = (
        np.divide(cumulative[at] - start, stop - start, out=np.full(len(cells), 0.5), where=stop > start)
        for at in (rank, rank + 1)
    )
    return np.clip(lows, 0.0, 1.0), np.clip(highs, 0.0, 1.0)


def _mixed(keys: np.ndarray) -> np.ndarray:
    """Return 64 bits for each key that look random.

    References:
        Steele, Lea & Flood (2014), *Fast Splittable Pseudorandom Number Generators*: the finaliser of SplitMix64.
    """
    keys = keys + np.uint64(0x9E3779B97F4A7C15)
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(keys ^ (keys >> np.uint64(31)))
