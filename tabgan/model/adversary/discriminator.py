"""The discriminator: one score per one-hot row, without any layer that mixes rows."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class Discriminator(nn.Module):
    """A small perceptron. No batch normalisation: it would let one row change another's gradient.

    **Shape.** ``(batch, width)`` one-hot rows to ``(batch, 1)`` logits, above 0 for real.

    Args:
        width: Codes of all columns.
        hidden: Width of its hidden layer. Keep it small: the noise of DP-SGD grows with the number of weights.
    """

    def __init__(self, width: int, hidden: int = 16) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 1))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the logits of rows."""
        logits: torch.Tensor = self.layers(rows)
        return logits


def generator_loss(logits: torch.Tensor) -> torch.Tensor:
    """Return the non-saturating loss, which is large when the discriminator recognises fakes.

    References:
        Goodfellow et al. (2014), *Generative Adversarial Nets*, Section 3.
    """
    return F.softplus(-logits).mean()
