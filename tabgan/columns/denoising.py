"""Denoising of the counts of ordered cells.

Every function here is post-processing of released counts; none sees a row.
"""

from __future__ import annotations

import numpy as np

from tabgan.columns.occupied import LIKELY, least_clear

#: Differences between halves that are taken for noise, on average, among those that are taken for detail; and noise
#: standard deviations below which one of two unlike halves is taken for empty.
FALSE_DETAIL, PRESENT = 0.25, 0.5

#: The same of regions of a map, of which most is empty: noise standard deviations of a difference, and of a half. Found
#: on made-up towns (ADR 24).
MAP_DETAIL, MAP_PRESENT = 0.7, 1.5

#: Partitions into halves that are averaged, each shifted against the others.
SHIFTS = 16

#: Integers of both neighbours of a cell of one integer, from which on it is as full as one of theirs unless it differs
#: clearly. Even cells are of one integer and of two in turn, so it is more than these.
WIDE_BESIDE = 3


def denoise_ordered(
    counts: np.ndarray, noise_stddev: float, total: float, *, is_linear: bool = True
) -> np.ndarray:
    """Return non-negative counts of ordered cells that sum to ``total``, without detail that is only noise.

    From the whole range downwards, each run of cells is halved and its mass split between the halves in
    proportion to their noisy sums; evenly by cells when the sums differ by no more than noise does; all to one
    half when the other does not rise above noise. Spikes stay sharp, smooth stretches become flat: Haar wavelet
    thresholding with a constraint. The threshold of each width of halves follows from their differences, so that
    :data:`FALSE_DETAIL` of those above it are noise on average: many spikes lower it, few raise it. The result is the
    mean over partitions that are shifted against each other, which takes away steps at the ends of halves.

    Args:
        counts: ``(cells,)`` noisy counts.
        noise_stddev: Of one cell.
        total: Sum of the result, above 0.
        is_linear: False for regions of a map along a curve.

    References:
        Donoho & Johnstone (1994), *Ideal Spatial Adaptation by Wavelet Shrinkage*; Coifman & Donoho (1995),
        *Translation-Invariant De-Noising*; Abramovich, Benjamini, Donoho & Johnstone (2006), *Adapting to Unknown
        Sparsity by Controlling the False Discovery Rate*.
    """
    if noise_stddev == 0:
        positive = np.maximum(counts, 0.0) if (counts > 0).any() else np.ones(len(counts))
        return np.asarray(positive / positive.sum() * total)
    depth = max(len(counts) - 1, 0).bit_length()
    shifts = np.unique(np.linspace(0, 2**depth - 1, SHIFTS).astype(int)).tolist()
    shares = [_denoised(counts, noise_stddev, depth, shift, is_linear) for shift in shifts]
    return np.asarray(np.mean(shares, axis=0) * total)


def thin_between(edges: np.ndarray, counts: np.ndarray, noise_stddev: float) -> np.ndarray:
    """Return ``(cells,)`` true for cells of one integer between wide ones that differ by no more than the noise does.

    Zero, and the first day of 1970 among moments, have cells of their own, since many columns have a spike there. If
    this one has none, such a cell has as many rows as any other integer, and not as many as the cells beside it.

    Args:
        edges: ``(cells + 1,)`` lattice integers.
        counts: ``(cells,)`` noisy counts.
        noise_stddev: Of one cell.
    """
    width, found = np.diff(edges), np.zeros(len(counts), dtype=bool)
    is_wide, rates = width >= WIDE_BESIDE, np.maximum(counts, 0.0) / width
    even = (rates[:-2] + rates[2:]) / 2
    is_thin = np.abs(counts[1:-1] - even) <= LIKELY * noise_stddev
    found[1:-1] = (width[1:-1] == 1) & is_wide[:-2] & is_wide[2:] & is_thin & (noise_stddev > 0)
    return found


def spread_between(edges: np.ndarray, smooth: np.ndarray, is_thin: np.ndarray) -> np.ndarray:
    """Return ``(cells,)`` counts with those of :func:`thin_between`, as even as the cells beside them.

    Args:
        edges: ``(cells + 1,)`` lattice integers.
        smooth: Counts of the other cells.
        is_thin: ``(cells,)`` true for the cells that have none.
    """
    counts, thin = np.zeros(len(is_thin)), np.flatnonzero(is_thin)
    counts[~is_thin] = smooth
    rates = counts / np.diff(edges)
    counts[thin] = (rates[thin - 1] + rates[thin + 1]) / 2
    return counts


def _denoised(counts: np.ndarray, noise_stddev: float, depth: int, shift: int, is_linear: bool) -> np.ndarray:
    """Return shares of ordered cells, by a partition into blocks of powers of two that is moved by ``shift`` cells."""
    n = len(counts)
    size = 2 ** (depth if shift == 0 else depth + 1)
    sums, sizes = np.zeros(size), np.zeros(size)
    sums[shift : shift + n], sizes[shift : shift + n] = counts, 1.0
    shares = []
    while len(sums) > 1:
        shares.append(_left_shares(sums, sizes, noise_stddev, is_linear))
        sums, sizes = sums[0::2] + sums[1::2], sizes[0::2] + sizes[1::2]
    mass = np.ones(1)
    for left in reversed(shares):
        mass = np.column_stack([mass * left, mass * (1.0 - left)]).ravel()
    return np.asarray(mass[shift : shift + n])


def _left_shares(sums: np.ndarray, sizes: np.ndarray, noise_stddev: float, is_linear: bool) -> np.ndarray:
    """Return the part of the mass of each pair of neighbouring blocks that lies in the first."""
    (left, right), (n_left, n_right) = (sums[0::2], sums[1::2]), (sizes[0::2], sizes[1::2])
    even = n_left / np.maximum(n_left + n_right, 1.0)
    is_cut = (n_left > 0) & (n_right > 0)
    noise = noise_stddev * np.hypot((1 - even) * np.sqrt(n_left), even * np.sqrt(n_right))
    clear = np.abs((1 - even) * left - even * right)[is_cut] / noise[is_cut]
    detail, present = (
        (least_clear(clear, FALSE_DETAIL / 2), PRESENT) if is_linear else (MAP_DETAIL, MAP_PRESENT)
    )
    has_left, has_right = (
        block > present * noise_stddev * np.sqrt(n) for block, n in ((left, n_left), (right, n_right))
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        split = np.where(has_left & has_right, left / (left + right), left > right)
    even[is_cut] = np.where(clear > detail, split[is_cut], even[is_cut])
    return np.asarray(even)
