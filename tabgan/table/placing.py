"""Places of a table's values within their codes."""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd

from tabgan.columns.encoder import MISSING, ColumnEncoder
from tabgan.columns.lattice import LatticeEncoder, is_on_lattice
from tabgan.table.coded import CodedColumn
from tabgan.table.codes import TableEncoder

#: Most formulas of a table: each takes a part of the budget for tables of places.
MOST_NEAR_FORMULAS = 4


def placed_columns(encoder: TableEncoder) -> list[int]:
    """Return the positions of ordered columns whose values have places within codes; moments with cycles have not."""
    return [
        position
        for position in sorted(encoder.positions.values())
        if (column := encoder.columns[position]).encoder.is_ordered
        and column.encoder.is_linear
        and position not in encoder.cycles
        and 1 < (n_codes := len(range(*column.values.indices(column.width)))) <= column.encoder.n_values
        and (n_codes < column.encoder.n_values or _is_wide(column.encoder))
    ]


def _is_wide(encoder: ColumnEncoder) -> bool:
    """Return true if some cell holds several values that have an order."""
    return is_on_lattice(encoder) and bool(encoder.is_wide.any())


def columns_of_numbers(encoder: TableEncoder) -> list[int]:
    """Return the positions of columns of numbers that formulas may use."""
    return [
        position
        for position in sorted(encoder.positions.values())
        if is_on_lattice((column := encoder.columns[position]).encoder)
        and column.encoder.column.quantity == "a number"
        and not column.encoder.is_unseen
        and column.encoder.n_values > 1
    ]


def may_have_places(encoder: TableEncoder) -> bool:
    """Return true if places of a column may follow those of another, or the numbers of two others."""
    placed = placed_columns(encoder)
    return len(placed) > 1 or (len(placed) == 1 and len(columns_of_numbers(encoder)) > 2)


def most_tables(encoder: TableEncoder) -> int:
    """Return the most tables of places of a fit: one a column but the first, and one a formula."""
    n_placed = len(placed_columns(encoder))
    return n_placed - 1 + min(n_placed, MOST_NEAR_FORMULAS)


def places_of_rows(encoder: TableEncoder, df: pd.DataFrame) -> np.ndarray:
    """Return ``(rows, columns)`` places of the values within their codes, in [0, 1]; NaN for columns without.

    Each follows from the row's own cells alone. Within what the lattice tells, a place is made up from them, so that it
    is about uniform.
    """
    columns, placed = encoder.columns, placed_columns(encoder)
    places = np.full((len(df), len(columns)), np.nan, dtype=np.float32)
    if not may_have_places(encoder):
        return places
    cells = {each: columns[each].encoder.transform(df[columns[each].encoder.column.name]) for each in placed}
    key = np.zeros(len(df), dtype=np.uint64)
    for each in cells.values():
        key = _mixed(key + each.astype(np.uint64))
    for position, each in cells.items():
        key = _mixed(key)
        own = columns[position].encoder
        part = _part_of_cell(own, df[own.column.name], each, (key >> np.uint64(11)) * 2.0**-53)
        lows, highs = ends_of_cells(columns[position], each)
        places[:, position] = lows + part * (highs - lows)
    return places


def _part_of_cell(
    encoder: ColumnEncoder, series: pd.Series, cells: np.ndarray, uniform: np.ndarray
) -> np.ndarray:
    """Return ``(rows,)`` how far into its cell each value lies, from 0 to 1; ``uniform`` within a lattice integer."""
    if not is_on_lattice(encoder) or not _is_wide(encoder):
        return uniform
    lattice, _ = encoder.column.to_lattice(series)
    rows = np.flatnonzero(cells != MISSING)
    rows = rows[encoder.is_wide[cells[rows] - 1]]
    first = encoder.edges[cells[rows] - 1]
    width = encoder.edges[cells[rows]] - first
    found = uniform.copy()
    found[rows] = (np.clip(lattice[rows] - first, 0, width - 1) + uniform[rows]) / width
    return found


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


def numbers_within(column: CodedColumn, steps: int) -> np.ndarray:
    """Return ``(values, steps + 1)`` numbers on the axis at evenly spaced places within each code of values.

    They follow from released counts, and run up from the first code to the last.

    Args:
        column: On a lattice.
        steps: Parts of each code.
    """
    encoder = cast(LatticeEncoder, column.encoder)
    own, edges = encoder.column, encoder.edges
    lows, highs = own.places(edges[:-1]), own.places(edges[1:] - 1)
    if encoder.exact is not None:
        is_single = ~np.isnan(encoder.exact)
        lows, highs = (np.where(is_single, encoder.exact, each) for each in (lows, highs))
    order, cumulative, bounds = column.drawing
    found = np.empty((len(range(*column.values.indices(column.width))), steps + 1))
    for i, code in enumerate(range(*column.values.indices(column.width))):
        cells = order[bounds[code] : bounds[code + 1]]
        ends = cumulative[bounds[code] : bounds[code + 1] + 1]
        at = np.stack([ends[:-1], ends[1:]], axis=1).ravel()
        numbers = np.stack([lows[cells - 1], highs[cells - 1]], axis=1).ravel()
        found[i] = np.interp(np.linspace(ends[0], ends[-1], steps + 1), at, numbers)
    return np.maximum.accumulate(found.ravel()).reshape(found.shape)


def _mixed(keys: np.ndarray) -> np.ndarray:
    """Return 64 bits for each key that look random.

    References:
        Steele, Lea & Flood (2014), *Fast Splittable Pseudorandom Number Generators*: the finaliser of SplitMix64.
    """
    keys = keys + np.uint64(0x9E3779B97F4A7C15)
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(keys ^ (keys >> np.uint64(31)))
