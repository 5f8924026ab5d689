"""The dependence of two columns that a plan assumes, as it is in public tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: The largest share of one value up to which a column counts as fine, as measured numbers do.
FINE = 0.1

#: Deciles of the total variation of a pair's table from that of independent columns, by the pair's fine columns: means
#: over tables with such pairs of Adult, COMPAS, Telco, California housing, MAGIC and the General Social Survey, as
#: ``benchmarks/plan.py --dependence`` finds them; of the last, from 300 of its pairs.
DECILES = (
    (0.001, 0.006, 0.015, 0.028, 0.035, 0.044, 0.066, 0.078, 0.104, 0.181, 0.613),
    (0.014, 0.019, 0.030, 0.042, 0.056, 0.075, 0.086, 0.116, 0.154, 0.206, 0.366),
    (0.084, 0.110, 0.126, 0.147, 0.168, 0.192, 0.265, 0.343, 0.440, 0.556, 0.736),
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
