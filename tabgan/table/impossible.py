"""Pairs of codes that rules exclude: a public fact about two columns, which a fit need not measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tabgan.columns.encoder import MISSING
from tabgan.columns.lattice import is_on_lattice
from tabgan.rules import Inequality, Missing
from tabgan.table.coded import CodedColumn
from tabgan.table.codes import TableEncoder


def possible_pairs(
    encoder: TableEncoder, together: Sequence[tuple[tuple[int, ...], np.ndarray]] = ()
) -> dict[tuple[int, int], np.ndarray]:
    """Return ``(codes, codes)`` false for pairs of codes that break a rule in every row, by positions, ascending.

    **Guarantee.** Post-processing of the released codes, by declared rules.

    Args:
        encoder: Between rows and codes.
        together: Positions of two columns, and ``(codes, codes)`` true for codes that go together, by released numbers.
    """
    rules, orders, columns, positions = (
        encoder.schema.rules,
        encoder.orders,
        encoder.columns,
        encoder.positions,
    )
    found: dict[tuple[int, int], np.ndarray] = {}

    def add(first: str, second: str, possible: np.ndarray) -> None:
        pair = (positions[first], positions[second])
        if pair[0] > pair[1]:
            pair, possible = (pair[1], pair[0]), possible.T
        if not possible.all():
            found[pair] = found.get(pair, True) & possible

    ends = {name: _ends(columns[positions[name]]) for name in orders.names if name in positions}
    for order in orders.rules:
        if order.low in ends and order.high in ends:
            low, high = ends[str(order.low)], ends[str(order.high)]
            if low is not None and high is not None and _have_one_clock(order, columns, positions):
                add(str(order.low), str(order.high), ~(low[0][:, None] > high[1][None, :]))
    for pair, allowed in together:
        first, second = (columns[position].encoder.name for position in pair)
        add(first, second, allowed)
    for rule in rules:
        if isinstance(rule, Missing) and len(rule.when) == 1 and rule.missing in positions:
            (name, values), column = next(iter(rule.values.items())), columns[positions[rule.missing]]
            if name in positions and column.encoder.is_nullable and column.is_sampled[MISSING]:
                meets = _codes_that_meet(columns[positions[name]], values)
                add(name, rule.missing, ~(meets[:, None] & (np.arange(column.width) != MISSING)[None, :]))
    return found


def _ends(column: CodedColumn) -> tuple[np.ndarray, np.ndarray] | None:
    """Return ``(codes,)`` the smallest and the largest place of each code's values, NaN for missing ones.

    ``None`` where they are not known. They are a step too wide, since a frequent number need not lie on the lattice.
    """
    encoder = column.encoder
    if not is_on_lattice(encoder) or encoder.is_unseen:
        return None
    firsts = encoder.column.places(encoder.edges[:-1]) - encoder.column.step * (encoder.exact is not None)
    lasts = encoder.column.places(encoder.edges[1:] - 1) + encoder.column.step * (encoder.exact is not None)
    low, high = np.full(column.width, np.nan), np.full(column.width, np.nan)
    codes = column.code_of_cell[1 : 1 + encoder.n_values]
    for code in np.unique(codes):
        own = codes == code
        low[code], high[code] = firsts[own].min(), lasts[own].max()
    return low, high


def _have_one_clock(rule: Inequality, columns: Sequence[CodedColumn], positions: Mapping[str, int]) -> bool:
    """Return true if places of both sides can be compared as they are."""
    zones = {
        str(getattr(columns[positions[str(side)]].encoder.column, "zone", None))
        for side in (rule.low, rule.high)
    }
    return len(zones) == 1 or "None" in zones


def _codes_that_meet(column: CodedColumn, values: Sequence[object]) -> np.ndarray:
    """Return ``(codes,)`` true for codes that show none but the given values."""
    encoder = column.encoder
    wanted = np.zeros(encoder.n_cells, dtype=bool)
    is_single = np.ones(encoder.n_values, dtype=bool)
    if is_on_lattice(encoder):
        is_single = np.diff(encoder.edges) == 1
    for value in values:
        if value is None:
            wanted[MISSING] = encoder.is_nullable
            continue
        series = pd.Series([value], dtype=object)
        if encoder.contains(series):
            cell = int(encoder.transform(series)[0])
            wanted[cell] = 1 <= cell <= encoder.n_values and bool(is_single[cell - 1])
    counted = np.ones(encoder.n_cells, dtype=bool)
    counted[MISSING] = encoder.is_nullable
    met = np.bincount(column.code_of_cell, weights=wanted & counted, minlength=column.width)
    return np.asarray(met == np.bincount(column.code_of_cell, weights=counted, minlength=column.width))
