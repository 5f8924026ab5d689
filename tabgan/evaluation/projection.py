"""Density of real and synthetic rows on the plane on which real rows vary most."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tabgan._util.rng import RandomStreams
from tabgan.evaluation.metric import Findings, draw
from tabgan.evaluation.result import Pictures, Projection
from tabgan.evaluation.tables import Tables, embed, subsample

#: Number of cells along each axis of the picture, and largest number of rows of each table.
N_CELLS, MAX_ROWS = 24, 5_000

#: Least number of real rows, and largest number of embedded dimensions; more dimensions take too long.
_MIN_ROWS, _MAX_DIMENSIONS = 20, 2_000

#: Rows outside these quantiles of both tables are counted in the cells at the border.
_QUANTILES = (0.005, 0.995)


def projection_findings(tables: Tables, streams: RandomStreams) -> Findings:
    """Return the picture of rows on the real table's first two principal components; none for too few rows.

    References:
        Hotelling (1933), *Analysis of a Complex of Statistical Variables into Principal Components*.
    """
    return Findings(pictures=Pictures(projection=draw(lambda: _projection(tables, streams))))


def _projection(tables: Tables, streams: RandomStreams) -> Projection | None:
    rng = streams.numpy("evaluation.projection")
    sampled = replace(tables, values=tables.values.map(lambda values: subsample(values, MAX_ROWS, rng)))
    real, synthetic = sampled.values.real, sampled.values.synthetic
    if not tables.modelled or min(len(real), len(synthetic)) < _MIN_ROWS:
        return None
    points = embed(sampled)
    if not 2 <= points.real.shape[1] <= _MAX_DIMENSIONS:
        return None
    centre = points.real.mean(axis=0)
    axes, explained = _components(points.real - centre)
    if explained is None:
        return None
    seen = [(each - centre) @ axes for each in (points.real, points.synthetic)]  # (rows, 2)
    edges = [_edges([each[:, axis] for each in seen]) for axis in range(2)]
    shares = [_shares(each, edges) for each in seen]
    return Projection(explained, *shares)


def _components(centred: np.ndarray) -> tuple[np.ndarray, tuple[float, float] | None]:
    """Return ``(dimensions, 2)`` axes, and the share of the variance that each explains; ``None`` without variance.

    Each axis points in the direction in which its largest weight is positive.
    """
    variances, vectors = np.linalg.eigh(centred.T @ centred)
    total, axes = variances.sum(), vectors[:, :-3:-1]
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    if total <= 1e-12 * len(centred):
        return axes, None
    first, second = (max(0.0, float(each / total)) for each in variances[:-3:-1])
    return axes * signs, (first, second)


def _edges(seen: list[np.ndarray]) -> np.ndarray:
    """Return the ``(cells - 1,)`` inner borders of equal cells between the extreme quantiles of both tables."""
    quantiles = np.array([np.quantile(each, _QUANTILES) for each in seen])
    low, high = quantiles[:, 0].min(), quantiles[:, 1].max()
    return np.linspace(low, high, N_CELLS + 1)[1:-1]


def _shares(seen: np.ndarray, edges: list[np.ndarray]) -> tuple[tuple[float, ...], ...]:
    """Return ``(cells, cells)`` shares of rows, the first component along the second axis."""
    column, row = (np.searchsorted(edges[axis], seen[:, axis], side="right") for axis in range(2))
    counts = np.bincount(row * N_CELLS + column, minlength=N_CELLS**2).reshape(N_CELLS, N_CELLS)
    return tuple(tuple(float(each) for each in line) for line in counts / len(seen))
