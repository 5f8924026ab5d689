"""Noisy tables brought into agreement: every one of them knows something of the same columns.

Everything here is post-processing of released counts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tabgan.columns.grid import project_to_simplex
from tabgan.privacy.doors.marginals import Marginal

#: Share of a code that rows may have and, as far as the noise lets tell, none has.
LEAST_SHARE = 1e-6

#: Alternating corrections of a table's two margins.
_ROUNDS = 20


def pool_margins(
    one_ways: Sequence[Marginal],
    pairs: Sequence[Marginal],
    exists: Sequence[np.ndarray],
    n_rows: float,
) -> list[np.ndarray]:
    """Return each column's shares from its own counts and the margins of its pairs, by inverse variance.

    A column's own histogram is finer than its codes, so the noise of a code adds up over cells; ten pairs know the
    column about as well as it does itself.

    Args:
        one_ways: One a column, in order.
        pairs: Measured tables over two columns each.
        exists: Codes of each column that rows may have.
        n_rows: Noisy number of rows, in which the shares sum to 1.
    """
    least = 1e-6 * n_rows
    precision = [1.0 / np.maximum(m.noise_stddev * np.ones(len(m.counts)), least) ** 2 for m in one_ways]
    total = [m.counts * weight for m, weight in zip(one_ways, precision, strict=True)]
    for pair in pairs:
        for axis, column in enumerate(pair.columns):
            noise = np.maximum(pair.noise_stddev * np.ones(pair.counts.shape), least)
            weight = 1.0 / (noise**2).sum(axis=1 - axis)
            total[column] = total[column] + weight * pair.counts.sum(axis=1 - axis)
            precision[column] = precision[column] + weight
    shares = []
    for column, mask in enumerate(exists):
        mask = mask if mask.any() else np.ones(len(mask), dtype=bool)
        counts = np.zeros(len(mask))
        counts[mask] = project_to_simplex(total[column][mask] / precision[column][mask], n_rows)
        counts[mask] = np.maximum(counts[mask], LEAST_SHARE * n_rows)
        shares.append(counts / counts.sum())
    return shares


def fit_margins(
    table: np.ndarray, noise_stddev: np.ndarray | float, rows: np.ndarray, columns: np.ndarray, n_rows: float
) -> np.ndarray:
    """Return about the nearest table with given margins: cells give way in proportion to their variance.

    The variance is that of the noise and that of a count of so many rows, so that a table without noise is scaled as
    iterative proportional fitting does, and one that is mostly noise is shifted.

    Args:
        table: ``(rows, columns)`` shares, noise and negative ones among them.
        noise_stddev: Of the noise of a share.
        rows: The sums over each row that the result has.
        columns: The sums over each column that the result has, up to what the rows leave open.
        n_rows: Noisy number of rows.

    References:
        Deming & Stephan (1940), *On a Least Squares Adjustment of a Sampled Frequency Table*.
    """

    def slack() -> np.ndarray:
        return np.asarray(noise_stddev) ** 2 + np.maximum(table, 0.0) / n_rows + 1e-15

    for _ in range(_ROUNDS):
        variance = slack()
        table = table + (rows - table.sum(1))[:, None] * variance / variance.sum(1, keepdims=True)
        variance = slack()
        table = table + (columns - table.sum(0))[None] * variance / variance.sum(0, keepdims=True)
    variance = slack()
    return np.asarray(table + (rows - table.sum(1))[:, None] * variance / variance.sum(1, keepdims=True))
