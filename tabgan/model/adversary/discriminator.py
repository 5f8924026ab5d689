"""The discriminator: one-hot rows to one score, without anything that mixes rows."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class Discriminator(nn.Module):
    """A small perceptron. No batch normalisation: it would let one row change another's gradient.

    **Shape.** ``(batch, width)`` one-hot rows to ``(batch, 1)`` logits, above 0 for real.

    Args:
        width: Codes of all columns.
        hidden: Width of its hidden layer. Few weights: the noise of DP-SGD grows with their number.
    """

    def __init__(self, width: int, hidden: int = 16) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 1))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        logits: torch.Tensor = self.layers(rows)
        return logits


def generator_loss(logits: torch.Tensor) -> torch.Tensor:
    """Return the non-saturating loss: how surely the discriminator tells fakes.

    References:
        Goodfellow et al. (2014), *Generative Adversarial Nets*, Section 3.
    """
    return F.softplus(-logits).mean()
