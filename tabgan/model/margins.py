"""Reconciliation of noisy tables that share columns, or show one pair twice: post-processing of released counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tabgan.columns.grid import project_to_simplex
from tabgan.privacy.released import Marginal

#: Share of a code that rows may have, but that none has as far as the noise shows.
LEAST_SHARE = 1e-6

#: Alternating corrections of a table's two margins.
_ROUNDS = 20


@dataclass(frozen=True)
class Joined(Marginal):
    """A pair's counts by code, from both of its tables: the unbiased estimate of the least variance.

    ``noise_stddev`` is that of the table of codes; no cell has more.

    Attributes:
        of_groups: The table of groups.
    """

    of_groups: Marginal | None = None


def joined(pairs: Sequence[Marginal]) -> list[Marginal]:
    """Return one table by code for each pair; sums over groups are corrected towards the table of groups."""
    grouped = {pair.columns: pair for pair in pairs if pair.groups is not None}
    return [_joined(pair, grouped.get(pair.columns)) for pair in pairs if pair.groups is None]


def _joined(pair: Marginal, of_groups: Marginal | None) -> Marginal:
    if of_groups is None:
        return pair
    first, second, share = _shares_of_groups(pair, of_groups)
    missing = of_groups.counts - first.T @ pair.counts @ second
    counts = pair.counts + first @ (share * missing) @ second.T
    return Joined(pair.columns, counts, pair.noise_stddev, of_groups=of_groups)


def _shares_of_groups(pair: Marginal, of_groups: Marginal) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ``(codes, groups)`` of both columns, 1 for a code's group, and the share of a cell in a correction."""
    first, second = (np.eye(int(each.max()) + 1)[each] for each in of_groups.groups or ())
    own, others = (
        float(np.mean(np.square(pair.noise_stddev))),
        float(np.mean(np.square(of_groups.noise_stddev))),
    )
    return first, second, own / np.maximum(np.outer(first.sum(0), second.sum(0)) * own + others, 1e-300)


def noise_variance(
    pair: Marginal, rows: np.ndarray | None = None, columns: np.ndarray | None = None
) -> np.ndarray:
    """Return the variances of the noise of ``rows.T @ counts @ columns``, by default of the counts themselves."""
    rows, columns = (
        np.eye(size) if basis is None else basis
        for size, basis in zip(pair.counts.shape, (rows, columns), strict=True)
    )
    noise = np.broadcast_to(np.square(pair.noise_stddev), pair.counts.shape)
    variance = np.square(rows).T @ noise @ np.square(columns)
    if isinstance(pair, Joined) and pair.of_groups is not None:
        first, second, share = _shares_of_groups(pair, pair.of_groups)
        less = share * np.mean(np.square(pair.noise_stddev))
        variance -= np.square(first.T @ rows).T @ less @ np.square(second.T @ columns)
    return np.asarray(np.maximum(variance, 0.0))


def margin_variance(pair: Marginal, axis: int) -> np.ndarray:
    """Return ``(codes,)`` the variances of the noise of a pair's margin along one of its two columns."""
    across = np.ones((pair.counts.shape[1 - axis], 1))
    return noise_variance(pair, *((across, None) if axis else (None, across))).ravel()


def pool_margins(
    one_ways: Sequence[Marginal],
    pairs: Sequence[Marginal],
    exists: Sequence[np.ndarray],
    n_rows: float,
) -> list[np.ndarray]:
    """Return each column's shares from its own counts and the margins of its pairs, by inverse variance.

    A column's own histogram is finer than its codes, so the noise of a code adds up over cells; the margins of ten
    pairs are about as accurate.

    Args:
        one_ways: One per column, in order.
        pairs: Measured tables over two columns each.
        exists: Codes of each column that rows may have.
        n_rows: Noisy number of rows, which corresponds to a total share of 1.
    """
    least = 1e-6 * n_rows
    precision = [1.0 / np.maximum(m.noise_stddev * np.ones(len(m.counts)), least) ** 2 for m in one_ways]
    total = [m.counts * weight for m, weight in zip(one_ways, precision, strict=True)]
    for pair in pairs:
        for axis, column in enumerate(pair.columns):
            cells = pair.counts.shape[1 - axis]
            weight = 1.0 / np.maximum(margin_variance(pair, axis), cells * least**2)
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
    table: np.ndarray,
    noise_stddev: np.ndarray | float,
    rows: np.ndarray,
    columns: np.ndarray,
    n_rows: float,
    possible: np.ndarray | float = 1.0,
) -> np.ndarray:
    """Return about the nearest table with given margins, correcting cells in proportion to their variance.

    The variance is the sum of the noise's and that of a count among ``n_rows`` rows, so a table without noise is
    scaled, as in iterative proportional fitting, and one that is mostly noise is shifted.

    Args:
        table: ``(rows, columns)`` noisy shares, some of them negative.
        noise_stddev: Standard deviation of the noise of a share.
        rows: Row sums of the result.
        columns: Column sums of the result, approximately: the row sums are met last.
        n_rows: Noisy number of rows.
        possible: False for cells that are empty, whatever was measured. Other cells may be negative: raising them to 0
            would add up to dependence that was not measured.

    References:
        Deming & Stephan (1940), *On a Least Squares Adjustment of a Sampled Frequency Table*.
    """
    noise, table = np.square(noise_stddev) + 1e-15, table * possible

    def parts(axis: int) -> np.ndarray:
        variance = (np.maximum(table, 0.0) / n_rows + noise) * possible
        return np.asarray(variance / np.maximum(variance.sum(axis, keepdims=True), 1e-300))

    for _ in range(_ROUNDS):
        table = table + (rows - table.sum(1))[:, None] * parts(1)
        table = table + (columns - table.sum(0))[None] * parts(0)
    return np.asarray(table + (rows - table.sum(1))[:, None] * parts(1))


def scaled_to(table: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return a table with its cells scaled to given margins as far as its zeros allow; the row sums are met last."""
    for _ in range(_ROUNDS):
        table = table * (columns / np.maximum(table.sum(0), 1e-300))
        table = table * (rows / np.maximum(table.sum(1), 1e-300))[:, None]
    return np.asarray(table)
