"""Door 1a, continued: how often the hours, weekdays and months of a table's moments occur."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from tabgan.columns.lattice import is_on_lattice
from tabgan.privacy.coding import MAX_WIDTH, resolution_of
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.events import GAUSSIAN, Release
from tabgan.privacy.plan import Plan
from tabgan.privacy.released import ReleasedColumn, ReleasedTable
from tabgan.table.calendar import CycleEncoder, cycles_of, spread_within
from tabgan.table.coded import CodedColumn, code_cycle
from tabgan.table.codes import TableEncoder
from tabgan.table.summed import Rows, rows_of

#: A cycle is measured if a moment's code leaves it open: least chance that two moments of one code differ in it. Or if
#: it has this many times fewer values than the moment has codes, because weak effects show only in its smaller tables.
LEAST_OPEN, COARSER = 0.2, 2.0

#: The most noise of a cycle's histogram, and of its table with a column of the most bins, as shares of all rows.
NOISE_SHARE, TABLE_NOISE_SHARE = 0.5, 0.4


def with_cycles(
    df: pd.DataFrame | Rows,
    released: ReleasedTable,
    encoder: TableEncoder,
    plan: Plan,
    mu: float,
    measurer: Measurer,
) -> tuple[ReleasedTable, TableEncoder]:
    """Return a released table and its encoder, in which the cycles of moments are columns of their own.

    **Guarantee.** One noisy histogram for each cycle, in which a row is in one cell: L2 sensitivity ``max_rows``, under
    add-or-remove-one adjacency; together they spend the stage ``cycles`` of the plan. Charged before a row is counted.
    The choice of cycles follows from released columns, their codes, and the plan; each row's value from its own cell.

    Args:
        df: ``(rows, columns)`` the private table, as the released columns read it.
        released: The table without cycles.
        encoder: Its codes.
        plan: Noise scales.
        mu: The GDP parameter that was left for the pairs when the codes were made.
        measurer: The object that charges, adds the noise, and keeps the answers.
    """
    chosen = _chosen(released, encoder, plan)
    if not chosen:
        return released, encoder
    unit = plan.unit.max_rows
    noise = plan.noise_multiplier("cycles", len(chosen))
    lines = [
        Release("release", "1-way histogram of a cycle", (c.name,), GAUSSIAN, noise, sensitivity=unit)
        for c in chosen
    ]
    counts = measurer.counts(lines, [_counting(rows_of(df), cycle) for cycle in chosen]) or []
    n_bins, _, pair_noise = resolution_of(released, plan, mu)
    n_codes = n_bins if pair_noise == 0 else int(TABLE_NOISE_SHARE * released.n_rows / pair_noise / n_bins)
    blocks: list[list[tuple[ReleasedColumn, CodedColumn]]] = []
    for column, own in zip(released.columns, encoder.columns, strict=True):
        blocks.append([(column, own)])
        for cycle, line, found in sorted(
            zip(chosen, lines, counts, strict=True), key=lambda each: each[0].cycle.length
        ):
            if cycle.moment is own.encoder:
                whole = ReleasedColumn(cycle, found, line.noise_stddev)
                coded = code_cycle(cycle, own, found, line.noise_stddev, released.n_rows, max(n_codes, 4))
                blocks[-1].append((whole, coded))
    # Moments come first, so that columns which depend on the hour and the day are related through them.
    blocks.sort(key=lambda block: released.turn(block[0][0].encoder.name, has_cycles=len(block) > 1))
    columns, codes = zip(*itertools.chain(*blocks), strict=True)
    return replace(released, columns=columns), TableEncoder(encoder.schema, codes)


def _counting(rows: Rows, cycle: CycleEncoder) -> Callable[[], np.ndarray]:
    """Return a function that counts the rows by their value of a cycle."""

    def exact() -> np.ndarray:
        return rows.total(
            cycle.column.name, lambda cells: np.bincount(cycle.transform(cells), minlength=cycle.n_cells)
        )

    return exact


def _chosen(released: ReleasedTable, encoder: TableEncoder, plan: Plan) -> list[CycleEncoder]:
    """Return the cycles that the codes of moments leave open, as far as noise and width allow."""
    found = []
    for coded in encoder.columns:
        moment = coded.encoder
        if not is_on_lattice(moment):
            continue
        for cycle in cycles_of(moment):
            spread = spread_within(moment, coded.weights, coded.code_of_cell, cycle)
            if spread >= LEAST_OPEN or coded.width >= COARSER * (1 + cycle.n_values):
                found.append(CycleEncoder(moment, cycle))
    # The fewest cells first: each moment has some of its cycles before any has all.
    found.sort(key=lambda each: each.n_cells)
    while found:
        noise = plan.noise_stddev("cycles", len(found))
        width = encoder.width + sum(each.n_cells for each in found)
        if found[-1].n_cells * noise <= NOISE_SHARE * released.n_rows and width <= MAX_WIDTH:
            break
        found.pop()
    return found
