"""Which point lies closest, for many points at once."""

from __future__ import annotations

import numpy as np

#: Distances held at once: few enough to stay in a processor's cache, more or less.
_CELLS = 4_000_000

#: Dimensions from which single precision does: it takes half the time, and where rows differ in so much, what it gets
#: wrong are two rows that both lie within some thousandths.
_WIDE = 64


def nearest_rows(queries: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return ``(queries,)`` int64: which point is closest in Euclidean distance; the first of equals.

    From 64 dimensions on in single precision, so that rows about as close may be taken for one another.

    Args:
        queries: ``(queries, dimensions)`` float64.
        points: ``(points, dimensions)`` float64, one point or more.
    """
    if points.shape[1] >= _WIDE:
        queries, points = queries.astype(np.float32), points.astype(np.float32)
    squares = (points**2).sum(axis=1)
    closest = np.empty(len(queries), dtype=np.int64)
    size = max(1, _CELLS // len(points))
    for start in range(0, len(queries), size):
        # (chunk, points) squared distances, less the query's own square
        distances = queries[start : start + size] @ points.T
        distances *= -2
        distances += squares
        closest[start : start + size] = np.argmin(distances, axis=1)
    return closest


def nearest_distances(queries: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return ``(queries,)`` Euclidean distances to the closest point.

    Rounded so that distances that differ by floating point alone are ties.
    """
    # Once more for the closest one: products lose digits, and a copy is at 0 exactly.
    closest = points[nearest_rows(queries, points)]
    return np.asarray(np.linalg.norm(queries - closest, axis=1).round(9))
