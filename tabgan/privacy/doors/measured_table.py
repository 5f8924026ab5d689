"""Door 1 from end to end: a table's columns are released, then its pairs; and the rows that later releases read."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from tabgan._util.progress import Progress, silent
from tabgan.privacy.choice import Chosen
from tabgan.privacy.coding import code_table, one_way_marginals
from tabgan.privacy.doors.cycle_counts import with_cycles
from tabgan.privacy.doors.marginals import OF_CELLS, PairTables, measure_pairs
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.doors.release import release_table
from tabgan.privacy.plan import Plan
from tabgan.privacy.released import Marginal, ReleasedTable
from tabgan.schema import Schema
from tabgan.table.codes import TableEncoder
from tabgan.table.impossible import possible_pairs
from tabgan.table.placing import may_have_places
from tabgan.table.reduction import Reduction
from tabgan.table.related import Related
from tabgan.table.runs import groups_of
from tabgan.table.summed import CodesElsewhere, Rows, rows_of
from tabgan.table.together import Scores

#: Rows above which critics and tables of places get a random part, and its expected rows. Beyond this their cost does
#: not grow, and the noise, charged as if all rows took part, is still far below the signal of that many rows.
MANY_ROWS, DRAWN_ROWS = 2**19, 2**18

#: Units drawn at a time, which bounds the memory.
DRAWS = 2**20


@dataclass(frozen=True)
class MeasuredTable:
    """A table's released numbers, and its rows, which are not released.

    Attributes:
        released: The released columns, of the reduced table if rules are declared; declared targets come last.
        encoder: Encoder between rows and codes; moments' cycles are columns of their own.
        histograms: Noisy 1-way marginals by cell as they were released, one per column.
        one_ways: The same by code.
        pairs: Noisy 2-way marginals, by position: of codes, and of groups of these.
        codes: ``(rows, columns)`` **private**, in a file for a table in parts: for critics and tables of places only.
        rows: The rows themselves, **private**, as the columns read them.
        scores: Noisy dependence of the pairs.
    """

    released: ReleasedTable
    encoder: TableEncoder
    histograms: list[Marginal]
    one_ways: list[Marginal]
    pairs: list[Marginal]
    codes: np.ndarray | CodesElsewhere = field(repr=False, compare=False)
    rows: Rows = field(repr=False, compare=False)
    scores: Scores | None = None


def measure_table(
    df: pd.DataFrame | Rows,
    schema: Schema,
    plan: Plan,
    measurer: Measurer,
    progress: Progress | None = None,
    *,
    untyped_text: bool = False,
) -> MeasuredTable:
    """Release a table's columns and pairs.

    **Guarantee.** That of :func:`~tabgan.privacy.doors.release.release_table`, of :func:`measure_related`, of
    :func:`~tabgan.privacy.doors.cycle_counts.with_cycles` and, with the rest of the Gaussian budget, of
    :func:`~tabgan.privacy.doors.marginals.measure_pairs`. Coding and order of columns depend only on released numbers
    and on declared targets and rules. Under declared rules they are those of the reduced table: each of its rows is a
    function of one row and of public facts.

    Args:
        df: ``(rows, columns)`` the private table, checked, with bounded contributions; a frame, or rows in parts.
        schema: The declared schema.
        plan: Noise scales.
        measurer: The object that charges, adds the noise, and keeps the answers.
        progress: Called with ``"release"`` or ``"measure"``, the number of steps done, and the total.
        untyped_text: True if text may represent numbers and booleans.

    Raises:
        DataError: the noisy row count is too small for the plan, or every column is an identifier.
    """
    progress = progress or silent
    progress("release", 0, 1)
    rows = rows_of(df)
    reduction = Reduction.of_table(rows.header, schema, untyped_text=untyped_text, is_private=plan.is_private)
    if reduction is not None:
        rows, schema = rows.reduced(reduction), reduction.inner
    released = release_table(rows, schema, plan, measurer, untyped_text=untyped_text)
    released = released.with_last(schema.targets, () if reduction is None else reduction.shared)
    progress("release", 1, 1)
    mu = measurer.privacy_filter.remaining_mu()
    rows = rows.read(released.schema)
    coded = code_table(released, plan, mu, () if reduction is None else reduction.merged)
    whole, inner = with_cycles(rows, released, coded, plan, mu, measurer)
    encoder = inner.of_table(reduction, measure_related(rows, inner, reduction, measurer))
    histograms = [Marginal((i,), c.counts, c.noise_stddev) for i, c in enumerate(whole.columns)]
    if may_have_places(encoder):
        measurer.privacy_filter.reserve("places")
    one_ways = one_way_marginals(whole, encoder)
    codes, scores = rows.codes(inner), Scores(encoder, released.n_rows)
    pairs = measure_pairs(
        codes,
        encoder.sizes,
        encoder.names,
        [marginal.counts for marginal in one_ways],
        released.n_rows,
        plan,
        measurer,
        lambda done, total: progress("measure", done, total),
        {encoder.positions[name] for name in schema.targets if name in encoder.positions},
        encoder.calendar_lifts().keys(),
        possible_pairs(encoder).keys(),
        [groups_of(column, each.counts) for column, each in zip(encoder.columns, one_ways, strict=True)],
        scores,
    )
    return MeasuredTable(released, encoder, histograms, one_ways, pairs, codes, rows, scores)


def measure_related(
    rows: Rows, encoder: TableEncoder, reduction: Reduction | None, measurer: Measurer
) -> list[Related]:
    """Return the cells that columns of rules have together, by noisy tables that spend the stage ``relations``.

    **Guarantee.** A row is in one cell of a table: L2 sensitivity ``max_rows``, charged before a row is read.
    """
    if reduction is None or not reduction.related:
        return []
    plan, names = measurer.privacy_filter.plan, [name for pair in reduction.related for name in pair.columns]
    cells = encoder.of_cells(names)
    noise = plan.noise_multiplier("relations", len(names) // 2)
    tables = PairTables(rows.codes(cells), cells.sizes, names, plan.unit.max_rows, measurer)
    pairs = [(first, first + 1) for first in range(0, len(names), 2)]
    found = tables.measure([Chosen(pair, noise) for pair in pairs], OF_CELLS)
    return [
        Related.of(cells.columns[i], cells.columns[i + 1], m.counts, float(m.noise_stddev))
        for (i, _), m in zip(pairs, found, strict=True)
    ]


@dataclass(frozen=True)
class TrainingRows:
    """The rows that critics are trained and tested on, and that tables of places count: **private**.

    Attributes:
        codes: ``(rows, columns)``.
        units: ``(rows,)`` the unit of each row, ``0..n - 1``.
        places: ``(rows, columns)`` places of values within their codes, NaN in columns without.
        n_rows: Their noisy number.
    """

    codes: np.ndarray = field(repr=False)
    units: np.ndarray = field(repr=False)
    places: np.ndarray = field(repr=False)
    n_rows: float


def training_rows(measured: MeasuredTable, units: np.ndarray) -> TrainingRows:
    """Return all rows of a table, or, for a large table, those of a random part of its units.

    **Guarantee.** If the released number of rows is above ``MANY_ROWS``, each unit is drawn independently, with all its
    rows or none, by the system's entropy and with a probability that follows from that number. Given the draw,
    neighbouring tables have neighbouring parts, so a release on a part costs at most as much as on the whole table, and
    that is charged. The draw hides units further, but nothing is claimed for it. So all releases may use the same part.
    """
    n_rows = measured.released.n_rows
    rate = 1.0 if n_rows <= MANY_ROWS else DRAWN_ROWS / n_rows
    where, codes, own = None, measured.codes, units
    if rate < 1.0:
        where = np.flatnonzero(drawn_units(int(units.max(initial=-1)) + 1, rate)[units])
        codes = np.asarray(codes[where])
        _, own = np.unique(units[where], return_inverse=True)
    places = measured.rows.places(measured.encoder, where)
    return TrainingRows(np.asarray(codes), own, places, rate * n_rows)


def drawn_units(n_units: int, rate: float) -> np.ndarray:
    """Return ``(n_units,)`` true for the units of a Poisson draw, each independently with probability ``rate``.

    Draws lie in [0, 1) on a grid of 2**-53. Units with draws near 1 are included; their share is the rate, rounded
    down to the grid.
    """
    lets_in = 1.0 - math.floor(rate * 2**53) / 2**53
    is_in = np.empty(n_units, dtype=bool)
    for start in range(0, n_units, DRAWS):
        part = is_in[start : start + DRAWS]
        part[:] = _draws(len(part)) >= lets_in
    return is_in


def _draws(n: int) -> np.ndarray:
    """Return ``(n,)`` uniform draws in [0, 1), on a grid of 2**-53, from the operating system's entropy."""
    return (np.frombuffer(secrets.token_bytes(8 * n), dtype=np.uint64) >> np.uint64(11)) * 2.0**-53
