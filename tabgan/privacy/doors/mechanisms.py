"""The only noise on counts.

All noise is OpenDP's discrete Gaussian, drawn exactly from the operating system's entropy: no floating-point sampler,
no seed. Counts are scaled to an integer grid of ``GRID`` steps per row before the noise is added, and scaled back after
it, so the noise is a Gaussian on a grid of 2**-16 of a row. At that width its privacy curve and that of the continuous
Gaussian, which the ledger composes, agree far below the rounding (always upwards) of the accountant's own grid.

References:
    Canonne, Kamath & Steinke (2020), *The Discrete Gaussian for Differential Privacy*.
    Rogers (2023), *A Unifying Privacy Analysis Framework for Unknown Domain Algorithms*.
"""

from __future__ import annotations

import math

import numpy as np
from opendp.domains import atom_domain, map_domain, vector_domain
from opendp.measurements import make_gaussian, make_gaussian_threshold
from opendp.metrics import absolute_distance, l02inf_distance, l2_distance
from opendp.mod import Measurement, enable_features
from scipy.special import ndtri

from tabgan.errors import PrivacyError

enable_features("contrib")

#: Steps of the noise's grid per unit of a count.
GRID = 2**16

#: Real-valued scores are rounded to the grid, which may add one step to their sensitivity: no more than one, even where
#: floating point adds less than a step to a whole sensitivity, because whole steps are released.
ROUNDING = 1.0 + 1.0 / GRID

#: The first raise of a threshold that OpenDP's map does not yet accept, in noise standard deviations, and the number
#: of raises, each twice the last: a tenth of the noise in all. The closed form and the map differ by far less; if they
#: differ by more, one of them is wrong.
_FIRST_RAISE, _RAISES = 1e-4, 10


def noisy_vector(values: np.ndarray, noise_stddev: float) -> np.ndarray:
    """Return ``values`` plus independent Gaussian noise in every cell.

    **Guarantee.** ``(sensitivity / noise_stddev)``-GDP, where ``sensitivity`` is the L2 norm of the largest
    change that one privacy unit can make to ``values``: the caller knows it, states it and charges for it.
    Real-valued input is rounded to the grid: its caller multiplies each cell's sensitivity by
    ``ROUNDING``. Integers are on the grid.

    Args:
        values: Any shape; counts or scores, below 2**46 in size.
        noise_stddev: Standard deviation of the noise in units of ``values``; 0 only for a fit without
            privacy (``epsilon=None``), which returns ``values`` unchanged.

    Returns:
        float64 of the same shape.

    Raises:
        PrivacyError: ``noise_stddev`` is negative or not finite, or a value is not finite.
    """
    if not 0 <= noise_stddev < math.inf or not np.isfinite(values).all():
        raise PrivacyError(
            f"mechanisms: expected finite values and a finite noise_stddev of at least 0, got noise_stddev="
            f"{noise_stddev}. Nothing was released."
        )
    if noise_stddev == 0 or values.size == 0:
        return np.asarray(values, dtype=np.float64)
    on_grid = np.rint(np.asarray(values, dtype=np.float64).ravel() * GRID).astype(np.int64)
    space = vector_domain(atom_domain(T="i64")), l2_distance(T="f64")
    mechanism = make_gaussian(*space, scale=noise_stddev * GRID)
    released = np.asarray(mechanism(on_grid.tolist()), dtype=np.float64)
    return (released / GRID).reshape(values.shape)


def threshold_for(noise_stddev: float, delta: float, max_rows: int = 1) -> float:
    """Return the smallest threshold that one unit's rows pass with probability at most ``delta``, in closed form.

    A category that one neighbour lacks has a count of at most ``max_rows`` in the other, so it is released when the
    noise exceeds ``threshold - max_rows``; there are at most ``max_rows`` of them. One step of the grid is added.
    """
    return max_rows + float(-ndtri(delta / max_rows)) * noise_stddev + 1.0 / GRID


def discover(
    counts: np.ndarray, noise_stddev: float, delta: float, max_rows: int = 1, n_columns: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the released categories, and their noisy counts.

    **Guarantee.** Gaussian noise on every observed category's count, released only above
    :func:`threshold_for`, or a little higher, where OpenDP's map puts the threshold's cost at ``delta`` or less.
    A unit's rows, at most ``max_rows``, change counts by that much in L2, or add that many categories in each column;
    so the release is ``max_rows/noise_stddev``-GDP except for an event of probability ``delta``.

    Args:
        counts: ``(categories,)`` on the grid and above 0, one per observed category; integers of a single column.
        noise_stddev: As in :func:`noisy_vector`; 0 releases all of them unchanged.
        delta: In (0, 1).
        max_rows: The most rows of one privacy unit.
        n_columns: Columns of the categories. A row's weights in several have squares that sum to 1 at most.

    Returns:
        Positions of the released categories in ``counts``, ascending, and float64 noisy counts.

    Raises:
        PrivacyError: OpenDP's map and the closed form are far apart; nothing is released.
    """
    if noise_stddev == 0:
        return np.arange(len(counts)), np.asarray(counts, dtype=np.float64)
    mechanism = _threshold_mechanism(noise_stddev, delta, max_rows, n_columns)
    released = mechanism({position: round(float(count) * GRID) for position, count in enumerate(counts)})
    positions = np.array(sorted(released), dtype=np.int64)
    return positions, np.array([released[int(p)] / GRID for p in positions], dtype=np.float64)


def _threshold_mechanism(noise_stddev: float, delta: float, max_rows: int, n_columns: int) -> Measurement:
    """Return OpenDP's mechanism with the lowest threshold tried that its own map puts within ``delta``."""
    domain = map_domain(atom_domain(T="u32"), atom_domain(T="i64"))
    metric = l02inf_distance(absolute_distance(T="f64"))
    scale = noise_stddev * GRID
    threshold = math.ceil(threshold_for(noise_stddev, delta / n_columns, max_rows) * GRID)
    moved = float(max_rows * GRID)
    unit = (max_rows * n_columns, moved, moved)  # categories, L2 and largest change of counts
    for raised in range(_RAISES + 1):
        mechanism = make_gaussian_threshold(domain, metric, scale=scale, threshold=threshold)
        _, delta_spent = mechanism.map(unit)
        if delta_spent <= delta:
            return mechanism
        threshold += math.ceil(_FIRST_RAISE * 2**raised * scale)
    raise PrivacyError(
        f"mechanisms: a threshold release costs delta={delta_spent:.3g}, over {delta:.3g}. Nothing was released."
    )
