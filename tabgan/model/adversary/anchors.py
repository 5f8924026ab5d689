"""The anchor loss: the distance of the generator's marginals from the measured ones.

Everything here is post-processing of released counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from tabgan.model.generator import Generator
from tabgan.model.loglinear import WIDTH
from tabgan.privacy.doors.marginals import Marginal

#: Noise assumed for measurements without any, as a share of the rows: the loss then weights all cells equally.
EXACT_NOISE_SHARE = 0.001

#: Rows drawn for a generator's own tables, fewer with more codes than WIDTH; and rows drawn at once.
SMOOTHING_ROWS, SMOOTHING_BATCH = 65_536, 8_192


class AnchorLoss(nn.Module):
    """The mean squared distance to given marginals, in units of their measurement noise.

    All pairs are one matrix product of draws of the earlier column and probabilities of the later one, which has
    the same mean as draws of both and less variance. Draws carry no gradient: each softmax trains on its own
    column given the earlier ones (``docs/adr/0002-detached-draws.md``). The two halves of a batch give independent
    estimates, so the product of their errors is an unbiased squared distance. It is 0 if the generator matches the
    marginals, and 1 if it is off by one standard deviation of their noise.

    **Shape.** Two of ``(batch, width)`` to a scalar; ``batch`` is even.

    Args:
        sizes: Codes of each column.
        marginals: 1-ways and pairs to stay close to: a generator's own (:func:`marginals_of`).
        n_rows: Noisy number of rows.
    """

    target: torch.Tensor
    weight: torch.Tensor
    target_one: torch.Tensor
    weight_one: torch.Tensor

    def __init__(self, sizes: Sequence[int], marginals: Sequence[Marginal], n_rows: float) -> None:
        super().__init__()
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        width = int(offsets[-1])
        target, weight = np.zeros((width, width)), np.zeros((width, width))
        target_one, weight_one = np.zeros(width), np.zeros(width)
        for marginal in marginals:
            noise = np.maximum(marginal.noise_stddev, EXACT_NOISE_SHARE * n_rows)
            blocks = tuple(slice(offsets[c], offsets[c + 1]) for c in marginal.columns)
            shares, precision = marginal.counts / n_rows, (n_rows / noise) ** 2
            if len(blocks) == 1:
                target_one[blocks[0]], weight_one[blocks[0]] = shares, precision
            else:
                target[blocks], weight[blocks] = shares, precision
        self.n_cells = int((weight > 0).sum() + (weight_one > 0).sum())
        for name, array in (
            ("target", target),
            ("weight", weight / self.n_cells),
            ("target_one", target_one),
            ("weight_one", weight_one / self.n_cells),
        ):
            self.register_buffer(name, torch.as_tensor(array, dtype=torch.float32))

    def forward(self, one_hot: torch.Tensor, probabilities: torch.Tensor) -> torch.Tensor:
        """Return the loss of one batch of draws and their probabilities."""
        half = len(one_hot) // 2
        errors = []
        for rows in (slice(0, half), slice(half, 2 * half)):
            pairs = one_hot[rows].T @ probabilities[rows] / half - self.target
            errors.append((pairs, probabilities[rows].mean(0) - self.target_one))
        (pairs_a, ones_a), (pairs_b, ones_b) = errors
        return (self.weight * pairs_a * pairs_b).sum() + (self.weight_one * ones_a * ones_b).sum()


def marginals_of(
    generator: Generator, measured: Sequence[Marginal], n_rows: float, rng: torch.Generator
) -> list[Marginal]:
    """Return the generator's own tables in place of the measured ones, as denoised versions of them.

    Args:
        generator: A generator that agrees with the measured tables as far as these rise above their noise.
        measured: 1-ways and pairs.
        n_rows: Noisy number of rows.
        rng: Source of at most ``SMOOTHING_ROWS`` drawn rows, on the generator's device.
    """
    starts = np.concatenate([[0], np.cumsum(generator.sizes)])
    blocks = [slice(int(starts[i]), int(starts[i + 1])) for i in range(len(generator.sizes))]
    width = int(starts[-1])
    n_batches = math.ceil(SMOOTHING_ROWS / SMOOTHING_BATCH * WIDTH / max(width, WIDTH))
    total = torch.zeros(width, width, device=generator.device)
    for _ in range(n_batches):
        rows = generator.draw(SMOOTHING_BATCH, rng).one_hot
        total.addmm_(rows.T, rows)
    pairs = total.double().cpu().numpy() * (n_rows / (n_batches * SMOOTHING_BATCH))
    return [
        Marginal(
            m.columns,
            np.diag(pairs)[blocks[m.columns[0]]]
            if len(m.columns) == 1
            else pairs[blocks[m.columns[0]], blocks[m.columns[1]]],
            m.noise_stddev,
        )
        for m in measured
    ]
