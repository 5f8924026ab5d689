"""Runs of ordered codes that are about equally frequent, and groups of neighbours among them."""

from __future__ import annotations

import numpy as np

from tabgan.table.coded import CodedColumn

#: Codes with more than this multiple of the average share are excluded from a smooth run.
HEAVY = 3.0

#: Groups that a run is cut into, and the fewest codes of a run that has groups.
GROUPS, LEAST_RUN = 8, 16


def smooth_run(column: CodedColumn, shares: np.ndarray) -> np.ndarray:
    """Return the ordered codes of values of similar mass, ascending; none of a column without an order.

    Args:
        column: The coded column.
        shares: ``(width,)`` released shares or counts of its codes.
    """
    if not column.encoder.is_ordered:
        return np.zeros(0, dtype=np.int64)
    is_smooth = (shares > 0) & (shares <= HEAVY * np.maximum(shares, 0).sum() / len(shares))
    is_smooth[: int(column.encoder.is_nullable)] = False
    is_smooth[len(shares) - int(column.encoder.has_other) :] = False
    return np.flatnonzero(is_smooth)


def groups_of(column: CodedColumn, counts: np.ndarray) -> np.ndarray | None:
    """Return ``(width,)`` groups of a column's codes, neighbours of its smooth run together and others alone.

    ``None`` for a column whose run is too short for that.
    """
    run = smooth_run(column, counts)
    if len(run) < LEAST_RUN:
        return None
    groups = np.arange(len(counts))
    for part in np.array_split(run, GROUPS):
        groups[part] = part[0]
    return np.unique(groups, return_inverse=True)[1]
