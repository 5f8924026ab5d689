"""Places of a table's values within their codes."""

from __future__ import annotations

from collections.abc import Mapping

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
    columns = encoder.columns
    names = {position: columns[position].encoder.column.name for position in placed_columns(encoder)}
    cells = {each: columns[each].encoder.transform(df[name]) for each, name in names.items() if name in df}
    return places_of_cells(encoder, cells, len(df))


def places_of_cells(encoder: TableEncoder, cells: Mapping[int, np.ndarray], n_rows: int) -> np.ndarray:
    """Return ``(n_rows, columns)`` places of cells as :func:`places_of_rows` does.

    Args:
        encoder: Of the table.
        cells: ``(n_rows,)`` cells by the positions of columns with places; -1 of a cell that is not known.
        n_rows: Number of rows.
    """
    places = np.full((n_rows, len(encoder.columns)), np.nan, dtype=np.float32)
    if len(placed_columns(encoder)) < 2:
        return places
    key = np.zeros(n_rows, dtype=np.uint64)
    for each in cells.values():
        key = _mixed(key + each.astype(np.uint64))
    for position, each in cells.items():
        key = _mixed(key)
        found = _places_of(encoder.columns[position], each, (key >> np.uint64(11)) * 2.0**-53)
        places[:, position] = np.where(each < 0, np.nan, found)
    return places


def _places_of(column: CodedColumn, cells: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return ``(rows,)`` places of cells among those of their codes, by released counts, given places within cells."""
    order, cumulative, bounds = column.drawing
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    rank, code = ranks[cells], column.code_of_cell[cells]
    start, stop = cumulative[bounds[code]], cumulative[bounds[code + 1]]
    inside = cumulative[rank] + at * (cumulative[rank + 1] - cumulative[rank]) - start
    shares = np.divide(inside, stop - start, out=np.full(len(cells), 0.5), where=stop > start)
    return np.asarray(np.clip(shares, 0.0, 1.0))


def _mixed(keys: np.ndarray) -> np.ndarray:
    """Return 64 bits for each key that look random.

    References:
        Steele, Lea & Flood (2014), *Fast Splittable Pseudorandom Number Generators*: the finaliser of SplitMix64.
    """
    keys = keys + np.uint64(0x9E3779B97F4A7C15)
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(keys ^ (keys >> np.uint64(31)))
