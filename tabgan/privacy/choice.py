"""Choice of pairs, and the noise of each: post-processing of noisy scores."""

from __future__ import annotations

import math

import numpy as np

#: Least score of a pair worth measuring, over the raw error that its noise would leave in its table. Below 1, since
#: the generator's fit shares strength between tables and so leaves less error.
WORTH = 0.5

#: Weight of a pair with a declared target, relative to other pairs, which get more noise in exchange: predictions of
#: the target depend on these pairs.
TARGET_WEIGHT = 2.0


def pair_weight(cells: int, has_target: bool) -> float:
    """Return the weight that a pair's ``1/noise**2`` is proportional to.

    The total L1 error of all tables is least with weights proportional to ``cells**(2/3)``.
    """
    return float(cells ** (2 / 3) * (TARGET_WEIGHT if has_target else 1.0))


def choose_pairs(scores: np.ndarray, cells: np.ndarray, weights: np.ndarray, mu: float) -> list[int]:
    """Return the positions of the pairs worth measuring, ascending: post-processing of noisy scores.

    Pairs are taken in falling order of score over error, up to the last whose score is above ``WORTH`` times the
    error ``sqrt(2/pi) * cells * noise`` that its table would have. At least one pair is chosen.
    """
    if math.isinf(mu):
        return list(range(len(scores)))
    order = np.argsort(-scores * np.sqrt(weights) / cells)
    noise = np.sqrt(np.cumsum(weights[order]) / weights[order]) / mu
    is_worth = scores[order] > WORTH * math.sqrt(2 / math.pi) * cells[order] * noise
    last = int(np.flatnonzero(is_worth)[-1]) if is_worth.any() else 0
    return sorted(order[: last + 1].tolist())


def pair_noises(weights: np.ndarray, mu: float) -> list[float]:
    """Return the noise of each table: ``1/noise**2`` is proportional to its weight, and sums to ``mu**2``."""
    if math.isinf(mu):
        return [0.0] * len(weights)
    return list(np.sqrt(weights.sum() / weights) / (mu * (1.0 - 1e-9)))
