"""The critic's optimizer: natural-gradient steps that know their noise.

A noisy sum of the rows' gradients at weights ``w`` is ``n F (w* - w)`` plus noise, to first order, with ``F`` the
Fisher information of one row. ``F`` is computed on the generator's own rows, which cost nothing, and the noise is
known. So the weights have a Gaussian posterior, updated step by step as by a Kalman filter: a direction that varies
little among rows, or is drowned by noise, hardly moves. The prior's variance is the one under which the first sum is
likeliest; if that is noise, the weights stay near 0. All of it is post-processing of the noisy sums.

References:
    Amari (1998), *Natural Gradient Works Efficiently in Learning*.
    Kalman (1960), *A New Approach to Linear Filtering and Prediction Problems*.
    Efron & Morris (1973), *Stein's Estimation Rule and its Competitors*, on the prior's variance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch

#: Candidates for the prior's variance of a weight.
PRIORS = np.logspace(-4.0, 1.5, 24)

#: Least noise variance, as a part of the largest information: for sums without noise.
_LEAST_NOISE = 1e-6


class NaturalSteps(torch.optim.Optimizer):
    """Steps of a linear layer's ``(K, m)`` weight, each output apart from the others.

    A step expects the gradient of the rows' mean loss.

    Args:
        parameters: One weight ``(K, m)``.
        information: Function of the weight that returns ``(K, m, m)`` Fisher information of one row.
        n_rows: Noisy number of rows.
        noise: Standard deviation of the noise of a sum over all rows.
        sample_rate: Share of the rows in a sum that was scaled up to all rows.
    """

    def __init__(
        self,
        parameters: Iterable[torch.Tensor],
        information: Callable[[torch.Tensor], torch.Tensor],
        n_rows: float,
        noise: float,
        sample_rate: float = 1.0,
    ) -> None:
        super().__init__(parameters, {})
        self._information = information
        self._n_rows, self._noise, self._sample_rate = n_rows, noise, sample_rate
        self._precision: list[torch.Tensor] = []

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update the weight by its gradient."""
        del closure
        (weight,) = self.param_groups[0]["params"]
        information = self._n_rows * self._information(weight).double()
        for output, each in enumerate(information):
            shown = -self._n_rows * weight.grad[output].double()
            if len(self._precision) <= output:
                self._precision.append(self._prior_precision(each, shown))
            noise = each / self._sample_rate
            noise.diagonal().add_(self._noise_variance(each))
            gain = torch.linalg.solve(noise, each)
            self._precision[output] += each @ gain
            weight[output] += torch.linalg.solve(self._precision[output], gain.T @ shown).to(weight.dtype)

    def _noise_variance(self, information: torch.Tensor) -> float:
        return max(self._noise**2, _LEAST_NOISE * float(information.diagonal().max()))

    def _prior_precision(self, information: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
        """Return the prior's precision, a multiple of the unit matrix, under which a sum is likeliest."""
        values, vectors = torch.linalg.eigh(information)
        values = values.clamp_min(0.0)
        squares = (vectors.T @ shown).square()
        noise = values / self._sample_rate + self._noise_variance(information)
        variance = values.square() * torch.as_tensor(PRIORS, device=values.device)[:, None] + noise
        likelihood = -(torch.log(variance) + squares / variance).sum(1)
        prior = float(PRIORS[int(likelihood.argmax())])
        return torch.eye(len(values), dtype=torch.float64, device=values.device) / prior
