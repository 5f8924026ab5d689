"""An attacker on the discriminator's training who sees every noisy gradient, and knows everything but membership."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from tabgan.privacy.accounting import SubsampledGaussian
from tabgan.privacy.doors.dpsgd import CLIP_NORM, MAX_GRAD_NORM, PrivateSteps
from tabgan.privacy.filter import PrivacyFilter

#: Length of a row's gradient before clipping, in units of its error: well above the bound, and scores stay small.
_SCALE = 20.0


class CellScores(nn.Module):
    """A discriminator with one weight for every cell of a pair's table: the worst case that door 2 can be given.

    A row's gradient lies along its own cell's weight alone, and exceeds the clipping bound. So a canary alone in its
    cell changes a weight that nobody else changes, by as much as is allowed.
    :class:`~tabgan.privacy.doors.dpsgd.PrivateSteps` makes its promise for any network.

    **Shape.** ``(batch, 2 * side)`` one-hot rows to ``(batch, 1)`` logits.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side
        self.cells = nn.Linear(side * side, 1, bias=False)
        nn.init.zeros_(self.cells.weight)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the logits of rows."""
        left, right = rows[:, : self.side], rows[:, self.side :]
        logits: torch.Tensor = self.cells(_SCALE * (left[:, :, None] * right[:, None, :]).flatten(1))
        return logits


class GradientAttack:
    """An attack that runs DP-SGD, and scores canaries by its releases.

    A canary's cell has no base rows. The attacker subtracts the contribution of the fakes, which it knows. The rest is
    noise and, in a share ``sample_rate`` of the steps, the canary's clipped gradient, if it is included.

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
        self,
        codes: np.ndarray,
        units: np.ndarray,
        one_ways: list[np.ndarray],
        n_rows: float,
        privacy_filter: PrivacyFilter,
        canaries: np.ndarray,
    ) -> np.ndarray:
        """Take all steps of the run, and return ``(canaries,)`` log-likelihood ratios.

        Args:
            codes: ``(rows, 2)`` the table with its canaries, coded.
            units: ``(rows,)`` units of the rows.
            one_ways: Released counts by code, from which fakes are drawn.
            n_rows: Noisy number of rows.
            privacy_filter: Charged by the run.
            canaries: ``(canaries, 2)`` codes of all canaries, included or not.
        """
        module = CellScores(self._side)
        offsets, device = torch.tensor([0, self._side]), torch.device("cpu")
        steps = PrivateSteps(module, codes, units, offsets, n_rows, self._run, privacy_filter, device)
        steps.watch(self._observe)
        cells = torch.as_tensor(canaries[:, 0].astype(np.int64) * self._side + canaries[:, 1])
        variance = (self._run.noise_multiplier * MAX_GRAD_NORM) ** 2
        rng, scores = np.random.default_rng(), torch.zeros(len(cells), dtype=torch.float64)
        while steps.steps_left:
            fakes = self._fakes(one_ways, steps.batch_size, rng)
            n_fakes = torch.bincount(fakes[:, 0] * self._side + fakes[:, 1], minlength=self._side**2)
            logits = _SCALE * module.cells.weight.detach().double().ravel()
            steps.step(self._one_hot(fakes))
            left = self._observed * steps.batch_size - n_fakes * self._clipped(torch.sigmoid(logits))
            own = self._max_rows * self._clipped(torch.sigmoid(logits) - 1)
            exponent = ((left * own - own**2 / 2) / variance)[cells]
            scores += torch.log1p(self._run.sample_rate * torch.expm1(exponent))
        return scores.numpy()

    def _observe(self, gradients: list[torch.Tensor]) -> None:
        self._observed = gradients[0].double().ravel()

    def _clipped(self, errors: torch.Tensor) -> torch.Tensor:
        """Return the contribution of one row of each cell to its weight's sum, from the errors of its scores."""
        bound = CLIP_NORM / self._max_rows
        return (_SCALE * errors).clamp(-bound, bound)

    def _fakes(self, one_ways: list[np.ndarray], n: int, rng: np.random.Generator) -> torch.Tensor:
        """Return ``(n, 2)`` codes of rows, drawn column by column from released counts."""
        drawn = [rng.choice(len(c), size=n, p=np.maximum(c, 0) / np.maximum(c, 0).sum()) for c in one_ways]
        return torch.as_tensor(np.stack(drawn, axis=1))

    def _one_hot(self, codes: torch.Tensor) -> torch.Tensor:
        rows = torch.zeros(len(codes), 2 * self._side)
        return rows.scatter_(1, codes + torch.tensor([0, self._side]), 1.0)
