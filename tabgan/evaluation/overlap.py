"""Holdout rows that are training rows: they spoil the control of every attack, and flatter every reference."""

from __future__ import annotations

import math

import numpy as np

from tabgan.evaluation.tables import Tables

#: Least share beyond chance that is reported, and standard deviations by which it must exceed chance.
LEAST, CERTAIN = 0.01, 4.0

#: Share of the holdout above which it is refused: it is then the same table, or a part of it.
REFUSED = 0.5


def overlap_of(tables: Tables) -> float:
    """Return the share of holdout rows that are training rows beyond those that are equal by chance; 0 if none shows.

    Equal rows are natural where columns are few: as many holdout rows should have an equal training row as training
    rows have another one. The two shares are compared by their pooled variance. Tables of a few rows show nothing.
    """
    if not tables.modelled:
        return 0.0
    real, holdout, _ = tables.row_hashes
    _, place, counts = np.unique(real, return_inverse=True, return_counts=True)
    repeated, found = int((counts[place] > 1).sum()), int(np.isin(holdout, real).sum())
    natural, shared = repeated / len(real), found / len(holdout)
    pooled = (repeated + found) / (len(real) + len(holdout))
    spread = math.sqrt(pooled * (1 - pooled) * (1 / len(real) + 1 / len(holdout)))
    if shared - natural <= max(LEAST, CERTAIN * spread):
        return 0.0
    return (shared - natural) / (1 - natural)
