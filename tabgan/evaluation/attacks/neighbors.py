"""Nearest neighbours of many points at once."""

from __future__ import annotations

import numpy as np

#: Number of distances held at once: few enough to stay in a processor's cache, more or less.
_CELLS = 2_000_000

#: Number of dimensions from which single precision suffices: it takes half the time, and confuses only rows whose
#: distances agree to some thousandths.
_WIDE = 64


def nearest_rows(queries: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return ``(queries,)`` int64 positions of the closest points in Euclidean distance; the first of equals.

    From 64 dimensions on, single precision is used, so that rows at about the same distance may be confused.

    Args:
        queries: ``(queries, dimensions)`` float64.
        points: ``(points, dimensions)`` float64, one point or more.
    """
    if points.shape[1] >= _WIDE:
        queries, points = queries.astype(np.float32), points.astype(np.float32)
    squares = (points**2).sum(axis=1)
    closest = np.empty(len(queries), dtype=np.int64)
    size = max(1, _CELLS // len(points))
    doubled, turned = queries * -2, points.T  # exact, so that distances are the same to the last bit
    held = np.empty((min(size, len(queries)), len(points)), dtype=points.dtype)
    for start in range(0, len(queries), size):
        # (chunk, points) squared distances, less the query's own square
        distances = held[: min(size, len(queries) - start)]
        np.matmul(doubled[start : start + size], turned, out=distances)
        distances += squares
        closest[start : start + size] = distances.argmin(axis=1)
    return closest


def nearest_distances(queries: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return ``(queries,)`` Euclidean distances to the closest point.

    They are rounded so that distances that differ only by floating-point error are ties.
    """
    # Recomputed for the closest one: products lose digits, and a copy is at exactly 0.
    closest = points[nearest_rows(queries, points)]
    return np.asarray(np.linalg.norm(queries - closest, axis=1).round(9))
