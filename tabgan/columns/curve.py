"""The Hilbert curve: an order of a grid's squares in which consecutive squares are neighbours.

References:
    Hilbert (1891), *Ueber die stetige Abbildung einer Linie auf ein Flächenstück*.
    Warren (2012), *Hacker's Delight*, chapter 16.
"""

from __future__ import annotations

import numpy as np

#: Bits of a square's place on each side of the grid; floats hold places on the curve, of twice as many, exactly.
BITS = 26

#: Squares on each side, and in all.
SIDE, LENGTH = 2**BITS, 4**BITS


def along(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the places on the curve, ``0..LENGTH - 1``, of squares ``0..SIDE - 1`` by ``0..SIDE - 1``."""
    x, y = x.astype(np.int64), y.astype(np.int64)
    found = np.zeros_like(x)
    for bit in range(BITS - 1, -1, -1):
        right, upper = (x >> bit) & 1, (y >> bit) & 1
        found += ((3 * right) ^ upper) << (2 * bit)
        x, y = _turned(x, y, right, upper, SIDE - 1)
    return found


def square_of(place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the squares of places on the curve: the inverse of :func:`along`."""
    rest = place.astype(np.int64)
    x, y = np.zeros_like(rest), np.zeros_like(rest)
    for bit in range(BITS):
        right = (rest >> 1) & 1
        upper = (rest ^ right) & 1
        x, y = _turned(x, y, right, upper, (1 << bit) - 1)
        x += right << bit
        y += upper << bit
        rest >>= 2
    return x, y


def _turned(
    x: np.ndarray, y: np.ndarray, right: np.ndarray, upper: np.ndarray, last: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return squares of a quarter as the curve runs through the whole."""
    is_flipped = (upper == 0) & (right == 1)
    x, y = np.where(is_flipped, last - x, x), np.where(is_flipped, last - y, y)
    return np.where(upper == 0, y, x), np.where(upper == 0, x, y)


def blocks(starts: np.ndarray, stops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the fewest square blocks that make up runs of the curve.

    Args:
        starts: ``(runs,)`` the first place of each run.
        stops: ``(runs,)`` the place after its last one.

    Returns:
        ``(blocks, 4)`` the smallest and the largest ``x`` of each, then of ``y``, and ``(blocks,)`` its run.
    """
    at, runs = starts.astype(np.int64), np.arange(len(starts))
    found, owners = [], []
    while len(at):
        left = stops[runs] - at
        level = np.minimum(_twos(at), _log2(left)) // 2
        x, y = square_of(at)
        corner = np.stack([x, y]) >> level << level
        width = np.int64(1) << level
        found.append(np.stack([corner[0], corner[0] + width - 1, corner[1], corner[1] + width - 1], axis=1))
        owners.append(runs)
        at = at + width * width
        is_open = at < stops[runs]
        at, runs = at[is_open], runs[is_open]
    if not found:
        return np.zeros((0, 4), dtype=np.int64), np.zeros(0, dtype=np.int64)
    return np.concatenate(found), np.concatenate(owners)


def _twos(numbers: np.ndarray) -> np.ndarray:
    """Return how often 2 divides each number; of 0 as often as the whole curve has it."""
    lowest = numbers & -numbers
    return np.where(numbers == 0, 2 * BITS, _log2(lowest))


def _log2(numbers: np.ndarray) -> np.ndarray:
    """Return the logarithms to base 2, rounded down, as int64: before NumPy 2, shifts by narrower ones overflow."""
    return np.frexp(numbers.astype(np.float64))[1].astype(np.int64) - 1
