"""Door 1b: the number of rows that break each of some undeclared rules."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import chain

import numpy as np

from tabgan.errors import BudgetExceededError, PrivacyError
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.doors.measured_table import MeasuredTable
from tabgan.privacy.events import GAUSSIAN, Release
from tabgan.privacy.plan import Stage
from tabgan.table.relations import Relation, in_questions

#: The ledger's name for the number of rows that break a rule.
BROKEN = "rows that break a rule"


def count_broken(
    measured: MeasuredTable, relations: Sequence[Relation], measurer: Measurer, stage: Stage = "relations"
) -> list[float] | None:
    """Return the noisy number of rows that break each relation; ``None`` if they are lost, or nothing is left to spend.

    **Guarantee.** Relations follow from public facts and released numbers, and judge each row by itself. Of opposite
    orders, a row counts in one at most: L2 sensitivity ``max_rows`` each, charged as Gaussians before a row is read.
    """
    plan, described = measurer.privacy_filter.plan, {c.name: c for c in measured.released.schema}
    asked = in_questions(relations)
    noise, unit = plan.noise_multiplier(stage, len(asked)), plan.unit.max_rows

    def broken(numbers: Sequence[int]) -> np.ndarray:
        counts, is_free = [], np.ones(len(measured.rows), dtype=bool)
        for relation in (relations[number] for number in numbers):
            kept = relation.keeps(measured.rows.frame(relation.names), measured.codes, described)
            if kept.shape != is_free.shape:
                raise PrivacyError(f"{BROKEN}: expected one answer a row. Nothing was released.")
            counts.append(np.count_nonzero(is_free & ~kept))
            is_free &= kept
        return np.array(counts)

    names = (relations[own[0]].names for own in asked)
    lines = [Release("marginals", BROKEN, each, GAUSSIAN, noise, sensitivity=unit) for each in names]
    try:
        found = measurer.counts(lines, [partial(broken, each) for each in asked], is_dispensable=True)
    except BudgetExceededError:  # nothing was charged, and no row was read
        return None
    told = dict(zip(chain(*asked), chain(*found or ()), strict=found is not None))
    return None if found is None else [float(told[number]) for number in range(len(relations))]
