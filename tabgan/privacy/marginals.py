"""Door 1b: pair marginals of the coded table, chosen and measured under differential privacy.

One row lies in one cell of each pair's table, so a table of counts has L2 sensitivity 1 and ``k`` of them
together sqrt(k), under add-or-remove-one adjacency. Which pairs are measured, and with how much noise
each, follows from noisy scores; the GDP total of all of them is fixed by the plan.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tabgan.privacy import mechanisms
from tabgan.privacy.budget import Plan
from tabgan.privacy.ledger import GAUSSIAN, Ledger, Release

Pair = tuple[int, int]

#: Score that a pair must have, over the error that its noise leaves in its table after the generator's fit.
#: That error is below the table's raw noise, since the fit shares strength between tables.
WORTH = 0.5


@dataclass(frozen=True)
class Marginal:
    """A measured table of counts.

    Attributes:
        columns: Positions of the columns, ascending.
        counts: Noisy counts, one axis a column.
        noise_stddev: Standard deviation of the noise of a cell, one for all or one for each; 0 without privacy.
    """

    columns: tuple[int, ...]
    counts: np.ndarray
    noise_stddev: float | np.ndarray


def measure_pairs(
    codes: np.ndarray,
    sizes: Sequence[int],
    names: Sequence[str],
    one_ways: Sequence[np.ndarray],
    n_rows: float,
    plan: Plan,
    ledger: Ledger,
    progress: Callable[[int, int], None] | None = None,
) -> list[Marginal]:
    """Return noisy tables of the pairs whose dependence outweighs their noise.

    **Guarantee.** Scores: ``k`` numbers of sensitivity 1 each, charged as Gaussians with the noise of the stage
    ``selection``. Tables: Gaussians that together spend what the plan's ``mu`` still holds. Both are charged
    before a count is taken.

    Args:
        codes: ``(rows, columns)`` the private table, coded.
        sizes: Number of codes of each column.
        names: Of the columns, for the ledger.
        one_ways: Released counts by code, one array a column.
        n_rows: Noisy number of rows.
        plan: Noise scales.
        ledger: Charged first.
        progress: Called with pairs done and pairs in all.

    Returns:
        Marginals over two columns each; none for a table of a single column.
    """
    pairs = list(itertools.combinations(range(len(sizes)), 2))
    if not pairs:
        return []
    noise = plan.noise_multiplier("selection", len(pairs))
    ledger.charge(
        *(Release("marginals", "dependence score", (names[i], names[j]), GAUSSIAN, noise) for i, j in pairs)
    )
    scores = np.empty(len(pairs))
    for done, pair in enumerate(pairs):
        scores[done] = _dependence(_table(codes, pair, sizes), one_ways, pair, n_rows)
        if progress:
            progress(done + 1, 2 * len(pairs))
    scores = mechanisms.noisy_vector(scores, noise * mechanisms.ROUNDING)
    mu = ledger.remaining_mu(plan.mu)
    chosen = choose_pairs(scores, [sizes[i] * sizes[j] for i, j in pairs], mu)
    noises = pair_noises([sizes[i] * sizes[j] for i, j in (pairs[c] for c in chosen)], mu)
    measured = [(pairs[c], z) for c, z in zip(chosen, noises, strict=True)]
    ledger.charge(
        *(Release("marginals", "2-way marginal", (names[i], names[j]), GAUSSIAN, z) for (i, j), z in measured)
    )
    marginals = []
    for done, (pair, z) in enumerate(measured):
        marginals.append(Marginal(pair, mechanisms.noisy_vector(_table(codes, pair, sizes), z), z))
        if progress:
            progress(len(pairs) + done + 1, len(pairs) + len(measured))
    return marginals


def _table(codes: np.ndarray, pair: Pair, sizes: Sequence[int]) -> np.ndarray:
    """Return the exact ``(size, size)`` counts of a pair."""
    first, second = pair
    keys = codes[:, first].astype(np.int64) * sizes[second] + codes[:, second]
    return np.bincount(keys, minlength=sizes[first] * sizes[second]).reshape(sizes[first], sizes[second])


def _dependence(table: np.ndarray, one_ways: Sequence[np.ndarray], pair: Pair, n_rows: float) -> float:
    """Return the L1 distance of a pair's counts from the product of its released 1-ways.

    Sensitivity 1: the product is public, and one row changes one cell of the table by one.
    """
    expected = np.outer(one_ways[pair[0]], one_ways[pair[1]]) / n_rows
    return float(np.abs(table - expected).sum())


def choose_pairs(scores: np.ndarray, cells: Sequence[int], mu: float) -> list[int]:
    """Return positions of the pairs worth measuring, ascending: post-processing of noisy scores.

    Pairs enter by falling score over the noise that their size calls for, while the score outweighs the
    error ``sqrt(2/pi) * cells * noise`` that the table would have. At least one pair is chosen.
    """
    if math.isinf(mu):
        return list(range(len(scores)))
    weight = np.asarray(cells, dtype=float) ** (2 / 3)
    order = np.argsort(-scores / weight)
    total = np.cumsum(weight[order])
    error = math.sqrt(2 / math.pi) * weight[order] * np.sqrt(total) / mu
    is_worth = scores[order] > WORTH * error
    last = int(np.flatnonzero(is_worth)[-1]) if is_worth.any() else 0
    return sorted(order[: last + 1].tolist())


def pair_noises(cells: Sequence[int], mu: float) -> list[float]:
    """Return the noise of each table: the total L1 error is least when 1/noise**2 goes with cells**(2/3)."""
    if math.isinf(mu):
        return [0.0] * len(cells)
    weight = np.asarray(cells, dtype=float) ** (2 / 3)
    mu *= 1.0 - 1e-9
    return list(np.sqrt(weight.sum() / weight) / mu)
