"""Door 1b: the number of rows that break each of some undeclared rules."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from tabgan.errors import BudgetExceededError, PrivacyError
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.doors.measured_table import MeasuredTable
from tabgan.privacy.events import GAUSSIAN, Release
from tabgan.privacy.plan import Stage
from tabgan.table.relations import Relation

#: The ledger's name for the number of rows that break a rule.
BROKEN = "rows that break a rule"


def count_broken(
    measured: MeasuredTable, relations: Sequence[Relation], measurer: Measurer, stage: Stage = "relations"
) -> list[float] | None:
    """Return the noisy number of rows that break each relation; ``None`` if they are lost, or nothing is left to spend.

    **Guarantee.** Relations follow from public facts and released numbers, and judge each row by itself: L2 sensitivity
    ``max_rows`` each, charged as Gaussians of a stage before a row is read.
    """
    plan, described = measurer.privacy_filter.plan, {c.name: c for c in measured.released.schema}
    noise, unit = plan.noise_multiplier(stage, len(relations)), plan.unit.max_rows

    def broken(relation: Relation) -> np.ndarray:
        codes = np.asarray(measured.codes) if relation.positions else np.zeros((0, 0))
        kept = relation.keeps(measured.rows.frame(relation.names), codes, described)
        if kept.shape != (len(measured.rows),):
            raise PrivacyError(f"{BROKEN}: expected one answer a row. Nothing was released.")
        return np.array([np.count_nonzero(~kept)])

    lines = [Release("marginals", BROKEN, r.names, GAUSSIAN, noise, sensitivity=unit) for r in relations]
    try:
        found = measurer.counts(lines, [partial(broken, each) for each in relations], is_dispensable=True)
    except BudgetExceededError:  # nothing was charged, and no row was read
        return None
    return None if found is None else [float(counts[0]) for counts in found]
