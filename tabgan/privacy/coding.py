"""The model's codes of released columns: post-processing of released numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tabgan.columns import rounding
from tabgan.columns.lattice import is_on_lattice
from tabgan.columns.spans import tapered
from tabgan.privacy.plan import Plan
from tabgan.privacy.released import Marginal, ReleasedColumn, ReleasedTable, check_seen
from tabgan.table.coded import CodedColumn, code_column
from tabgan.table.codes import TableEncoder
from tabgan.table.merged import Merged, coarse_of

#: Fewest and most codes of a numeric column; without privacy it has the most.
MIN_BINS, MAX_BINS = 4, 32

#: Codes of all columns together that keep a fit fast and small: its time and memory grow with their square. Tables that
#: would have more get fewer bins per column, and fewer categories, but at least MIN_CATEGORIES.
MAX_WIDTH, MIN_CATEGORIES, MAX_CATEGORIES = 1_600, 32, 256

#: Noise of a pair's table, summed over its cells, as a share of all rows: the number of bins aims at it.
TABLE_NOISE_SHARE = 1.5


def code_table(released: ReleasedTable, plan: Plan, mu: float, merged: Sequence[Merged] = ()) -> TableEncoder:
    """Return the codes of a table: as many per column as the expected noise of the pairs allows.

    ``mu`` is the GDP parameter left for the pairs. Rare categories of ``merged`` columns share codes by their groups.

    Raises:
        DataError: noise hides the range of columns' values, and missing ones are ruled out; it names all of them.
    """
    check_seen([c.encoder for c in released.columns])
    n_bins, n_categories, noise = resolution_of(released, plan, mu)
    coarse = coarse_of(merged, [c.encoder.column for c in released.columns])
    rest = (released.n_rows, n_bins, n_categories, 2 * noise)
    columns = [
        code_column(
            c.encoder, c.counts, c.noise_stddev, *rest, coarse.get(c.encoder.name), released.rows_noise
        )
        for c in released.columns
    ]
    coded = list(map(_emphasised, columns, released.columns))
    known = {each.encoder.name: each.encoder.column for each in coded}
    return TableEncoder(released.schema.replace([known.get(c.name, c) for c in released.schema]), coded)


def resolution_of(released: ReleasedTable, plan: Plan, mu: float) -> tuple[int, int, float]:
    """Return the bins of a column, its most categories, and the noise to be expected of a pair's count."""
    n_columns = len(released.columns)
    n_bins, noise = MAX_BINS, 0.0
    if not math.isinf(mu):
        half_the_pairs = max(n_columns * (n_columns - 1) / 4, 1.0)
        noise = math.sqrt(half_the_pairs) / mu * plan.unit.max_rows
        n_bins = int(np.clip(math.sqrt(TABLE_NOISE_SHARE * released.n_rows / noise), MIN_BINS, MAX_BINS))
    n_bins = max(min(n_bins, MAX_WIDTH // n_columns), MIN_BINS)
    n_categories = int(np.clip(4 * MAX_WIDTH // n_columns, MIN_CATEGORIES, MAX_CATEGORIES))
    return n_bins, n_categories, noise


def _emphasised(coded: CodedColumn, released: ReleasedColumn) -> CodedColumn:
    """Return a column that draws integers within its cells by their released roundness, and thinning at open ends."""
    encoder = coded.encoder
    if not is_on_lattice(encoder):
        return coded
    mass = coded.weights[1 : 1 + encoder.n_values]
    encoder = tapered(encoder, mass).with_extent(mass > 0)
    coded = replace(coded, encoder=encoder)
    if released.round_counts is None:
        return coded
    edges, mass = encoder.edges - encoder.origin, np.where(encoder.is_wide, mass, 0.0)
    factors = rounding.emphasis(edges, mass, encoder.steps, *released.round_counts)
    return replace(coded, encoder=encoder.emphasising(factors))


def one_way_marginals(released: ReleasedTable, encoder: TableEncoder) -> list[Marginal]:
    """Return the released counts of every column by code, with the noise of the cells that each code sums.

    The code for other values gets the noisy number of rows minus the counts of the values.
    """
    marginals = []
    for position, (column, coded) in enumerate(zip(released.columns, encoder.columns, strict=True)):
        counts = coded.code_weights
        if coded.encoder.has_other:
            counts[-1] = max(released.n_rows - counts[:-1].sum(), 0.0)
        counts *= released.n_rows / max(counts.sum(), 1.0)
        cells = np.maximum(np.bincount(coded.code_of_cell, minlength=coded.width), 1)
        if coded.encoder.has_other:
            cells[-1] = coded.encoder.n_cells - 1
        marginals.append(Marginal((position,), counts, column.noise_stddev * np.sqrt(cells)))
    return marginals
