"""An attacker on DP-SGD who sees every noisy gradient, and knows everything but membership."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from tabgan.privacy.accounting import SubsampledGaussian
from tabgan.privacy.doors.dpsgd import CLIP_NORM, PrivateSteps
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.events import MAX_GRAD_NORM

#: Length of a row's gradient before clipping, in units of its error: well above the bound, and scores stay small.
_SCALE = 20.0


class CellGame:
    """A discriminator with one weight for every cell of a pair's table: the worst case that door 2 can be given.

    A row's gradient lies along its own cell's weight alone, and exceeds the clipping bound. So a canary alone in its
    cell changes a weight that nobody else changes, by as much as is allowed.
    :class:`~tabgan.privacy.doors.dpsgd.PrivateSteps` makes its promise for any game.
    """

    def __init__(self, side: int) -> None:
        self._side = side
        self.network = nn.Linear(side * side, 1, bias=False)
        nn.init.zeros_(self.network.weight)

    def prepare(self, codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the one-hot cells of rows, scaled."""
        cells = codes[:, 0].long() * self._side + codes[:, 1].long()
        return _SCALE * F.one_hot(cells, self._side**2).double(), torch.ones(len(codes))

    def losses(self, outputs: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
        """Return the losses of rows as real ones."""
        return F.binary_cross_entropy_with_logits(outputs[:, 0], given, reduction="none")

    def optimizer(
        self, n_rows: float, noise: float, sample_rate: float
    ) -> Callable[..., torch.optim.Optimizer]:
        """Return the constructor of an optimizer whose steps keep the scores small."""
        del n_rows, noise, sample_rate
        return lambda parameters: torch.optim.Adam(parameters, lr=2e-3, betas=(0.5, 0.99))


class GradientAttack:
    """An attack that runs DP-SGD, and scores canaries by its releases.

    A canary's cell has no base rows. Its weight's sum is noise and, in a share ``sample_rate`` of the steps, the
    canary's clipped gradient, if it is included.

    Args:
        run: The discriminator's run.
        side: Codes of each of the two columns.
        max_rows: Rows of a canary.
    """

    def __init__(self, run: SubsampledGaussian, side: int, max_rows: int) -> None:
        self._run = run
        self._side = side
        self._max_rows = max_rows
        self._observed = torch.zeros(0)

    def scores(
        self, codes: np.ndarray, units: np.ndarray, n_rows: float, measurer: Measurer, canaries: np.ndarray
    ) -> np.ndarray:
        """Take all steps of the run, and return ``(canaries,)`` log-likelihood ratios.

        Args:
            codes: ``(rows, 2)`` the table with its canaries, coded.
            units: ``(rows,)`` units of the rows.
            n_rows: Noisy number of rows.
            measurer: Charged by the run.
            canaries: ``(canaries, 2)`` codes of all canaries, included or not.
        """
        game = CellGame(self._side)
        steps = PrivateSteps(game, codes, units, n_rows, self._run, measurer, torch.device("cpu"))
        steps.watch(self._observe)
        cells = torch.as_tensor(canaries[:, 0].astype(np.int64) * self._side + canaries[:, 1])
        variance = (self._run.noise_multiplier * MAX_GRAD_NORM) ** 2
        scores = torch.zeros(len(cells), dtype=torch.float64)
        while steps.steps_left:
            logits = _SCALE * game.network.weight.detach().double().ravel()
            steps.step()
            left = self._observed * steps.batch_size
            own = self._max_rows * self._clipped(torch.sigmoid(logits) - 1)
            exponent = ((left * own - own**2 / 2) / variance)[cells]
            scores += torch.log1p(self._run.sample_rate * torch.expm1(exponent))
        return scores.numpy()

    def _observe(self, gradient: torch.Tensor) -> None:
        self._observed = gradient

    def _clipped(self, errors: torch.Tensor) -> torch.Tensor:
        """Return the contribution of one row of each cell to its weight's sum, from the errors of its scores."""
        bound = CLIP_NORM / self._max_rows
        return (_SCALE * errors).clamp(-bound, bound)
