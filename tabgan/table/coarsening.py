"""Cells of a column merged by their released counts: runs of about equal mass, and rare categories."""

from __future__ import annotations

import numpy as np


def equal_mass(
    weights: np.ndarray, n_bins: int, min_rows: float, apart: np.ndarray | None = None
) -> np.ndarray:
    """Return a bin for each ordered cell: each heavy cell alone, the others in runs of about equal weight.

    Cells ``apart``, ``(cells,)`` true, are alone from ``min_rows`` on: their numbers say nothing of those beside.
    """
    if len(weights) <= 1:
        return np.zeros(len(weights), dtype=np.int64)
    is_heavy = weights >= max(weights.sum() / n_bins, min_rows)
    is_heavy |= False if apart is None else apart & (weights >= max(min_rows, 1.0))
    light = weights[~is_heavy].sum()
    target = max(light / max(n_bins - int(is_heavy.sum()), 1), min_rows)
    bins = np.zeros(len(weights), dtype=np.int64)
    current, mass = 0, 0.0
    for cell, weight in enumerate(weights):
        if is_heavy[cell]:
            current += int(mass > 0 or (cell > 0 and is_heavy[cell - 1]))
            bins[cell], mass = current, 0.0
            continue
        starts_anew = cell > 0 and (is_heavy[cell - 1] or mass >= target)
        if starts_anew:
            current, mass = current + 1, 0.0
        bins[cell] = current
        mass += weight
    return _merge_empty(bins, weights)


def _merge_empty(bins: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return bins renumbered after those without any weight joined a neighbour."""
    totals = np.bincount(bins, weights=weights)
    renumbered = np.zeros(len(totals), dtype=np.int64)
    number = -1
    for bin_, total in enumerate(totals):
        number += int(total > 0 or bin_ == 0)
        renumbered[bin_] = number
    return np.asarray(renumbered[bins])


def pool_rare(
    weights: np.ndarray, n_categories: int, min_rows: float, coarse: np.ndarray | None = None
) -> np.ndarray:
    """Return a code for each category: its own, or a shared last one where there are several rare ones.

    Those of a group in ``coarse`` that are rare share a code of their own if together they are not, so that a sample
    keeps the relation of the group to other columns.
    """
    n_groups = 1 if coarse is None else len(np.unique(coarse))
    n_alone = n_categories if n_groups == 1 else max(n_categories - n_groups, n_categories // 2)
    is_rare = weights < min_rows
    is_rare[np.argsort(-weights, kind="stable")[n_alone:]] = True
    if is_rare.sum() <= 1:
        return np.arange(len(weights))
    codes = np.cumsum(~is_rare) - 1
    codes[is_rare] = int((~is_rare).sum())
    if coarse is None or n_groups == 1:
        return codes
    rare = np.bincount(coarse[is_rare], weights=weights[is_rare], minlength=int(coarse.max()) + 1)
    own = np.flatnonzero(rare >= max(min_rows, 1e-12))
    own = own[np.argsort(-rare[own], kind="stable")][: n_categories - int((~is_rare).sum())]
    place = np.full(len(rare), len(own))
    place[own] = np.arange(len(own))
    codes[is_rare] += place[coarse[is_rare]]
    return np.asarray(np.unique(codes, return_inverse=True)[1])
