"""Door 1 from end to end: what is released of a table's columns, and then of its pairs."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from tabgan._util.progress import Progress, silent
from tabgan.columns.kind import read_text
from tabgan.privacy.doors.coding import code_table, one_way_marginals
from tabgan.privacy.doors.marginals import Marginal, measure_pairs
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.doors.release import ReleasedTable, release_table
from tabgan.privacy.plan import Plan
from tabgan.schema import Schema
from tabgan.table.codes import TableEncoder


@dataclass(frozen=True)
class MeasuredTable:
    """A table's released numbers, and its rows, which are not released.

    Attributes:
        released: Its columns; a declared target after all others.
        encoder: Between rows and codes.
        one_ways: Noisy 1-ways by code, one a column.
        pairs: Noisy pairs, by position.
        codes: ``(rows, columns)`` **private**: for the discriminator alone.
    """

    released: ReleasedTable
    encoder: TableEncoder
    one_ways: list[Marginal]
    pairs: list[Marginal]
    codes: np.ndarray = field(repr=False, compare=False)


def measure_table(
    df: pd.DataFrame,
    schema: Schema,
    plan: Plan,
    measurer: Measurer,
    progress: Progress | None = None,
    *,
    untyped_text: bool = False,
) -> MeasuredTable:
    """Release a table's columns and pairs.

    **Guarantee.** That of :func:`~tabgan.privacy.doors.release.release_table` and, with what it leaves of the Gaussian
    budget, of :func:`~tabgan.privacy.doors.marginals.measure_pairs`. The coding and the order of columns follow from
    what the first released and from the declared target.

    Args:
        df: ``(rows, columns)`` the private table, checked and its contributions bounded.
        schema: What is declared of it.
        plan: Noise scales.
        measurer: Charges, adds the noise, and keeps the answers.
        progress: Called with ``"release"`` or ``"measure"``, what is done, and what there is.
        untyped_text: Whether text stands for numbers and booleans.

    Raises:
        DataError: the plan is too small, or a column too noisy, to learn anything.
    """
    progress = progress or silent
    progress("release", 0, 1)
    released = release_table(df, schema, plan, measurer, untyped_text=untyped_text).with_last(schema.target)
    progress("release", 1, 1)
    encoder = code_table(released, plan, measurer.privacy_filter.remaining_mu())
    one_ways = one_way_marginals(released, encoder)
    codes = encoder.transform(read_text(df, released.schema))
    pairs = measure_pairs(
        codes,
        encoder.sizes,
        encoder.names,
        [marginal.counts for marginal in one_ways],
        released.n_rows,
        plan,
        measurer,
        lambda done, total: progress("measure", done, total),
        encoder.names.index(schema.target) if schema.target in encoder.names else None,
    )
    return MeasuredTable(released, encoder, one_ways, pairs, codes)
