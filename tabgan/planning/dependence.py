"""The dependence of two columns that a plan assumes, as it is in public tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: The largest share of one value up to which a column counts as fine, as measured numbers do.
FINE = 0.1

#: Deciles of the total variation of a pair's table from that of independent columns, by the pair's fine columns: medians
#: over Adult, COMPAS, Telco, California housing, MAGIC and the General Social Survey, by ``benchmarks/plan.py``.
DECILES = (
    (0.002, 0.004, 0.012, 0.018, 0.026, 0.035, 0.046, 0.06, 0.085, 0.13, 0.6),
    (0.004, 0.013, 0.022, 0.030, 0.042, 0.060, 0.080, 0.10, 0.13, 0.20, 0.5),
    (0.03, 0.055, 0.068, 0.085, 0.11, 0.15, 0.19, 0.24, 0.32, 0.45, 0.75),
)

#: The inverse of the golden ratio, whose multiples spread evenly over [0, 1).
_GOLDEN = 0.6180339887498949


def assumed_dependence(n_fine: Sequence[int]) -> np.ndarray:
    """Return ``(pairs,)`` total variations from independence, spread evenly over the deciles.

    Args:
        n_fine: Number of fine columns of each pair, from 0 to 2.
    """
    groups, found = np.asarray(n_fine, dtype=np.int64), np.zeros(len(n_fine))
    for group, deciles in enumerate(DECILES):
        own = np.flatnonzero(groups == group)
        at = np.mod((np.arange(len(own)) + 0.5) * _GOLDEN, 1.0)
        found[own] = np.interp(at, np.linspace(0.0, 1.0, len(deciles)), deciles)
    return found
