"""Round numbers: within a cell of many integers, people prefer some.

Steps are nested, each divides the next: 1, 5, 10, 50, ... of a number's last decimal, or second, minute, ..., day. An
integer's class is the largest step that divides it, counted from the origin of a grid where numbers lie on one. Known
of a column is the number of rows that each class has in wide cells; within each of them, integers of a class then weigh
by one factor, the same for all cells. Everything here is public or post-processing of released counts.
"""

from __future__ import annotations

import numpy as np

#: Steps of moments, in seconds.
SECONDS = (1, 60, 300, 900, 3_600, 86_400)

#: Standard deviations, of noise and count, above which a class is taken to be more, or less, frequent than even
#: cells make it.
CLEAR = 3.5

#: Rounds of fitting factors, the share of all rows by which the last one may miss, and the least of them: in a cell of
#: 10**9 integers, few of which are round, even one in a million would outweigh these.
_ROUNDS, _CLOSE, _LEAST = 100, 1e-6, 1e-30

#: Parts of a cell that thins out, and the factor by which the cells before it are denser at least.
_PARTS, CLEARLY = 64, 2.0


def number_steps(largest: int) -> np.ndarray:
    """Return ``(classes,)`` steps up to the largest absolute value of a lattice: 1, 5, 10, 50, 100, ..."""
    steps = [1]
    while steps[-1] <= largest // 2:
        steps.append(steps[-1] * (5 if len(steps) % 2 else 2))
    return np.array([step for step in steps if step <= max(largest, 1)], dtype=np.int64)


def steps_of_grid(steps: np.ndarray, step: int, remainder: int) -> np.ndarray:
    """Return nested steps with that of a grid: of round numbers, those remain that agree with it."""
    coarser = steps[(steps > step) & (steps % step == 0)] if remainder == 0 else steps[:0]
    finer = steps[(steps < step) & (step % steps == 0) & (remainder % steps == 0)]
    return np.concatenate([finer, [step], coarser]).astype(np.int64)


def classes(lattice: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return ``(rows,)`` positions of the largest step that divides each integer."""
    found = np.zeros(len(lattice), dtype=np.int64)
    for step in steps[1:]:
        found += lattice % step == 0
    return found


def members(start: np.ndarray, stop: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return ``(cells, classes)`` numbers of integers of each class in each ``[start, stop)``."""
    multiples = (stop[:, None] - 1) // steps - (start[:, None] - 1) // steps
    multiples[:, :-1] -= multiples[:, 1:].copy()
    return np.asarray(multiples)


def emphasis(
    edges: np.ndarray, mass: np.ndarray, steps: np.ndarray, counts: np.ndarray, noise_stddev: float
) -> np.ndarray:
    """Return ``(classes,)`` factors by which integers weigh, so that classes are as frequent as was counted.

    A class keeps the count that even cells would give it if its own lies within the noise of that.

    Args:
        edges: ``(cells + 1,)`` lattice integers.
        mass: ``(cells,)`` non-negative released counts.
        steps: ``(classes,)`` nested, ascending, the first is 1.
        counts: ``(classes,)`` noisy counts of the rows in cells of more than one integer.
        noise_stddev: Of a count.

    References:
        Deming & Stephan (1940), *On a Least Squares Adjustment of a Sampled Frequency Table*: scaling in turn.
    """
    is_used = (np.diff(edges) > 1) & (mass > 0)
    inside = members(edges[:-1][is_used], edges[1:][is_used], steps).astype(float)
    mass = mass[is_used]
    even = (mass / inside.sum(axis=1)) @ inside
    is_clear = np.abs(counts - even) > CLEAR * np.sqrt(noise_stddev**2 + even)
    wanted = np.where(is_clear, np.maximum(counts, 0.0), even)
    factors = np.ones(len(steps))
    if wanted.sum() <= 0:
        return factors
    wanted *= mass.sum() / wanted.sum()
    for _ in range(_ROUNDS):
        weighted = inside * factors
        found = (mass / weighted.sum(axis=1)) @ weighted
        if np.abs(found - wanted).sum() <= _CLOSE * mass.sum():
            break
        factors *= np.where(found > 0, wanted / np.maximum(found, 1e-300), 1.0)
        factors = np.maximum(factors / factors.max(), _LEAST)
    return factors


def draw(
    edges: np.ndarray, positions: np.ndarray, steps: np.ndarray, factors: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return ``(rows,)`` integers from the given cells: a class by its weight in the cell, then any of its integers."""
    counts = np.bincount(positions)  # its rows are counted, not sorted: there are few cells
    cells, rows = np.flatnonzero(counts), (np.cumsum(counts > 0) - 1)[positions]
    start = edges[cells]
    inside = members(start, edges[cells + 1], steps)
    bounds = np.cumsum(inside * factors, axis=1)
    uniform = (1.0 - rng.random(len(positions))) * bounds[rows, -1]
    drawn = (bounds[rows] < uniform[:, None]).sum(axis=1)
    nth = (rng.random(len(positions)) * inside[rows, drawn]).astype(np.int64)
    return _nth_of_class(start[rows], nth, drawn, steps)


def _nth_of_class(start: np.ndarray, nth: np.ndarray, drawn: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return the n-th integer, from ``start`` on and beginning with 0, of each class.

    In units of its step, a class is all integers but the multiples of ``ratio``; of the last class, all.
    """
    step = steps[drawn]
    before = (start - 1) // step  # the last unit before the start
    ratio = np.append(steps[1:] // steps[:-1], 0)[drawn]
    is_last = ratio == 0
    others = np.maximum(ratio - 1, 1)
    number = (
        before - before // np.maximum(ratio, 1) + nth
    )  # units of the class from 1 on, before the one wanted
    unit = np.where(is_last, before + 1 + nth, number + number // others + 1)
    return np.asarray(unit * step)


def thinning(ends: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Return edges of the parts of a cell ``[start, stop)``, and the shares of its rows that these have.

    The rows of each integer are ``exp(-rate)`` of those of the one before.
    """
    edges = np.unique(np.linspace(ends[0], ends[1], _PARTS + 1).astype(np.int64)) if rate else ends
    shares = -np.diff(np.exp(-rate * (edges - edges[0]))) if rate else np.ones(1)
    return edges, shares / shares.sum()


def rate_of(mass: np.ndarray, width: np.ndarray) -> float:
    """Return the rate at which a last cell thins out if it begins as the two before it end; 0 for none.

    A range whose last value is known to lie between 256 and 511, and no more, seldom goes on to 511: rows begin
    as dense as those before them end, and thin out to be as many as were counted.

    Args:
        mass: ``(3,)`` non-negative released counts of the last cells, the last one's at the end.
        width: ``(3,)`` their numbers of integers.
    """
    before, beside, density = mass / width
    if not 0 < density < beside:
        return 0.0
    slope = max(np.log(before / beside), 0.0) / (width[:2].sum() / 2) if before > 0 else 0.0
    starts = beside * np.exp(-slope * width[1] / 2) * width[2] / mass[2]
    low, high = 0.0, 500.0
    if starts <= CLEARLY:
        return 0.0
    for _ in range(
        60
    ):  # rate * width, by bisection: it falls short of what the rows begin with until it is found
        middle = (low + high) / 2
        low, high = (middle, high) if middle / -np.expm1(-middle) < starts else (low, middle)
    return float(low / width[2])
