"""Door 2: private rows train the discriminator, by DP-SGD and nothing else. The only import of opacus.

One object holds the rows and does all that the guarantee rests on: it charges the ledger, draws Poisson
batches, has Opacus clip and noise, and stops after the charged number of steps.
"""

from __future__ import annotations

import copy
import secrets
from typing import Protocol

import numpy as np
import torch
from opacus.grad_sample import GradSampleModuleFastGradientClipping
from opacus.optimizers import DPOptimizerFastGradientClipping
from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping
from torch import nn
from torch.nn import functional as F

from tabgan.errors import BudgetExceededError
from tabgan.privacy.accounting import SubsampledGaussian
from tabgan.privacy.ledger import POISSON_GAUSSIAN, Ledger, Release

#: Per-example clipping bound.
MAX_GRAD_NORM = 1.0


class DiscriminatorSteps(Protocol):
    """What the training loop knows of whoever trains the discriminator."""

    module: nn.Module
    steps_left: int
    batch_size: int

    def step(self, fakes: torch.Tensor) -> None:
        """Take one step on private rows and on ``fakes`` ``(batch_size, width)``."""


class PrivateSteps:
    """DP-SGD on the discriminator's real rows, with fakes in the same update.

    **Guarantee.** Each step is one Poisson-subsampled Gaussian mechanism with the sampling rate and the noise
    multiplier of ``run``, under add-or-remove-one adjacency; all of ``run.steps`` are charged before the first.
    Sensitivity: each row's gradient is clipped to ``MAX_GRAD_NORM``, over all weights together, before the sum.
    Fakes come from the generator, which has only met released numbers; they are clipped alike and enter the
    same sum, so they add nothing to the sensitivity, and real and fake gradients cancel where the two cannot be
    told apart. An empty Poisson batch is a batch of fakes alone: it is noised and counted like any other.
    The divisor is the expected batch size, from the noisy number of rows, never the batch's own.

    Noise and batches are seeded for every step by the operating system. The noise is torch's floating-point
    Gaussian: attacks on its lowest bits (Mironov 2012) are not excluded, but the discriminator never leaves
    the fit, only a generator trained through it.

    Args:
        module: The discriminator, on ``device``; without layers that mix rows. Holds the weights after each step.
        codes: ``(rows, columns)`` the private table, coded.
        offsets: ``(columns,)`` where each column's block begins.
        n_rows: Noisy number of rows.
        run: Sampling rate, noise multiplier, steps.
        ledger: Charged in the constructor.
        device: Where the rows go, once.
        learning_rate: Of Adam.

    References:
        Abadi et al. (2016), *Deep Learning with Differential Privacy*, Algorithm 1.
        Li, Tramer, Liang & Hashimoto (2022), *Large Language Models Can Be Strong Differentially Private Learners*,
        ghost clipping.
    """

    def __init__(
        self,
        module: nn.Module,
        codes: np.ndarray,
        offsets: torch.Tensor,
        n_rows: float,
        run: SubsampledGaussian,
        ledger: Ledger,
        device: torch.device,
        learning_rate: float = 2e-3,
    ) -> None:
        ledger.charge(
            Release(
                "dpsgd",
                "discriminator's gradients",
                (),
                POISSON_GAUSSIAN,
                run.noise_multiplier,
                sample_rate=run.sample_rate,
                steps=run.steps,
            )
        )
        self.module = module
        self.steps_left = run.steps
        self.batch_size = max(1, round(run.sample_rate * n_rows))
        self._rate = run.sample_rate
        self._codes = torch.as_tensor(codes).to(device)
        self._offsets = offsets.to(device)
        self._entropy = torch.Generator(device=device)
        # Opacus hangs hooks on the module that it wraps; the generator learns through one that has none.
        self._wrapped = GradSampleModuleFastGradientClipping(
            copy.deepcopy(module), max_grad_norm=MAX_GRAD_NORM, use_ghost_clipping=True, loss_reduction="mean"
        )
        self._optimizer = DPOptimizerFastGradientClipping(
            torch.optim.Adam(self._wrapped.parameters(), lr=learning_rate, betas=(0.5, 0.99)),
            noise_multiplier=run.noise_multiplier,
            max_grad_norm=MAX_GRAD_NORM,
            expected_batch_size=self.batch_size,
            loss_reduction="mean",
            generator=self._entropy,
        )
        criterion = nn.BCEWithLogitsLoss(reduction="mean")
        self._loss = DPLossFastGradientClipping(self._wrapped, self._optimizer, criterion, "mean")

    def step(self, fakes: torch.Tensor) -> None:
        """Take one noisy, counted step.

        Raises:
            BudgetExceededError: when all charged steps have been taken; no row is touched then.
        """
        if self.steps_left <= 0:
            raise BudgetExceededError("dpsgd: every charged step has been taken. Plan more steps instead.")
        self.steps_left -= 1
        self._entropy.manual_seed(secrets.randbits(63))
        real = _one_hot(self._poisson_batch(), self._offsets, fakes.shape[1])
        rows = torch.cat([real, fakes.detach()])
        labels = torch.cat([rows.new_ones(len(real)), rows.new_zeros(len(fakes))])
        rows.requires_grad_()  # Opacus' backward hooks ask for an input that has a gradient
        self._optimizer.zero_grad()
        # One loss a row, of shape (batch,). Of (batch, 1), Opacus 1.6 multiplies every loss with every clipping
        # factor, and no row is clipped any more.
        self._loss(self._wrapped(rows).squeeze(1), labels).backward()
        self._optimizer.step()
        with torch.no_grad():
            for shown, trained in zip(self.module.parameters(), self._wrapped.parameters(), strict=True):
                shown.copy_(trained)

    def _poisson_batch(self) -> torch.Tensor:
        """Return ``(realised batch, columns)`` codes: each row is in with probability ``run.sample_rate``."""
        draws = torch.rand(len(self._codes), generator=self._entropy, device=self._codes.device)
        return self._codes[draws < self._rate]


class PlainSteps:
    """Ordinary training of the discriminator, for a fit with ``epsilon=None``: no clipping, no noise.

    Args:
        module: The discriminator, on ``device``.
        codes: ``(rows, columns)`` the table, coded.
        offsets: ``(columns,)`` where each column's block begins.
        steps: Steps that may be taken.
        batch_size: Real rows of a batch, and fakes.
        rng: Draws batches; on ``device``.
        device: Where the rows go, once.
        learning_rate: Of Adam.
    """

    def __init__(
        self,
        module: nn.Module,
        codes: np.ndarray,
        offsets: torch.Tensor,
        steps: int,
        batch_size: int,
        rng: torch.Generator,
        device: torch.device,
        learning_rate: float = 1e-3,
    ) -> None:
        self.module = module
        self.steps_left = steps
        self.batch_size = min(batch_size, len(codes))
        self._codes = torch.as_tensor(codes).to(device)
        self._offsets = offsets.to(device)
        self._rng = rng
        self._optimizer = torch.optim.Adam(module.parameters(), lr=learning_rate, betas=(0.5, 0.99))

    def step(self, fakes: torch.Tensor) -> None:
        """Take one step."""
        self.steps_left -= 1
        size, device = (self.batch_size,), self._codes.device
        chosen = torch.randint(len(self._codes), size, generator=self._rng, device=device)
        real = _one_hot(self._codes[chosen], self._offsets, fakes.shape[1])
        loss = F.softplus(-self.module(real)).mean() + F.softplus(self.module(fakes.detach())).mean()
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()


def _one_hot(codes: torch.Tensor, offsets: torch.Tensor, width: int) -> torch.Tensor:
    """Return ``(batch, width)`` float one-hot blocks of ``(batch, columns)`` codes."""
    rows = torch.zeros(len(codes), width, device=codes.device)
    return rows.scatter_(1, codes.long() + offsets, 1.0)
