"""Choice of pairs, and the noise of each: post-processing of noisy scores."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

#: Least score of a pair worth measuring, over the raw error that its noise would leave in its table. Below 1, since
#: the generator's fit shares strength between tables and so leaves less error.
WORTH = 0.5

#: Weight of a pair with a declared target, relative to other pairs, which get more noise in exchange: predictions of
#: the target depend on these pairs.
TARGET_WEIGHT = 2.0

#: Weight of a pair with a moment's cycle: small tables, of effects that are weak beside all that varies in a column.
CYCLE_WEIGHT = 2.0

#: Part of a pair's precision that counts of its groups of codes take where both columns have groups, and the mean count
#: of a cell, over its noise, from which on codes alone say enough.
GROUPED_PART, CLEAR = 0.3, 10.0


@dataclass(frozen=True)
class Chosen:
    """A table of a pair that is measured.

    Attributes:
        pair: Positions of its columns.
        noise: Noise multiplier.
        groups: The group of each code, of both columns, where groups are counted; ``None`` where codes are.
    """

    pair: tuple[int, int]
    noise: float
    groups: tuple[np.ndarray, np.ndarray] | None = None

    def summed(self, table: np.ndarray) -> np.ndarray:
        """Return exact counts by code as they are, or added up by groups: door 1 adds the noise after that."""
        if self.groups is None:
            return table
        first, second = self.groups
        found = np.zeros((int(first.max()) + 1, int(second.max()) + 1), dtype=table.dtype)
        np.add.at(found, (first[:, None], second), table)
        return found


def chosen_pairs(
    pairs: Sequence[tuple[int, int]],
    sizes: Sequence[int],
    scores: np.ndarray,
    mu: float,
    unit: tuple[float, int],
    targets: Collection[int] = (),
    cycles: Collection[int] = (),
    required: Collection[tuple[int, int]] = (),
    groups: Sequence[np.ndarray | None] = (),
) -> list[Chosen]:
    """Return the tables of pairs that are measured and the noise of each; together they spend ``mu``.

    A pair of columns that both have groups has two tables, of codes and of groups, unless the former's counts are
    clear. The slow waves of a table of many codes are drowned by the noise of each of them; groups show these.

    Args:
        pairs: Positions of the columns of each possible pair.
        sizes: Number of codes of each column.
        scores: Noisy score of each pair.
        mu: GDP parameter that is left for the pairs.
        unit: Noisy number of rows, and the most rows of a unit of privacy.
        targets: Positions of declared targets.
        cycles: Positions of cycles of moments.
        required: Pairs that are measured whatever their scores are.
        groups: Groups of each column's codes; ``None`` for a column that has none.
    """
    n_rows, max_rows = unit
    cells = np.array([sizes[i] * sizes[j] for i, j in pairs])
    weights = np.array(
        [
            pair_weight(n, not {*pair}.isdisjoint(targets))
            * (1.0 if {*pair}.isdisjoint(cycles) else CYCLE_WEIGHT)
            for n, pair in zip(cells, pairs, strict=True)
        ]
    )
    places = choose_pairs(scores, cells, weights, mu / max_rows)
    places = sorted({*places, *(place for place, pair in enumerate(pairs) if pair in required)})
    chosen = []
    for place, noise in zip(places, pair_noises(weights[places], mu), strict=True):
        first, second = (groups[i] if len(groups) else None for i in pairs[place])
        is_clear = n_rows > CLEAR * cells[place] * noise * max_rows
        if first is None or second is None or is_clear:
            chosen.append(Chosen(pairs[place], noise))
            continue
        of_codes, of_groups = (noise / math.sqrt(part) for part in (1.0 - GROUPED_PART, GROUPED_PART))
        chosen += [Chosen(pairs[place], of_codes), Chosen(pairs[place], of_groups, (first, second))]
    return chosen


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
