"""The game of the generator and the critic of a column."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch.nn import functional as F

from tabgan._util.tensors import one_thread
from tabgan.model.adversary.critic import Critic
from tabgan.model.adversary.natural import NaturalSteps
from tabgan.model.generator import Generator
from tabgan.model.loglinear import margin_shift
from tabgan.table.codes import TableEncoder

#: Rows that the generator draws for the critic's features and their information.
DRAWN = 8_192

#: Share above which a code is kept at its share: others are never drawn, or only by rounding.
LEAST_SHARE = 1e-6

#: Standard deviations of a row's slope, among the generator's rows, at which those of real rows are clipped.
SLOPE_BOUND = 3.0

#: Least standard deviation of a slope: of a critic that corrects nothing.
LEAST_SPREAD = 1e-6

#: Factors on ``D`` that a fit chooses from.
FACTORS = np.linspace(0.05, 2.0, 40)


class CriticSteps(Protocol):
    """A game's view of the object that trains a discriminator on the rows."""

    @property
    def steps_left(self) -> int:
        """Steps that may still be taken."""

    def step(self) -> None:
        """Take one step."""


class Game:
    """A column's critic against the generator that it corrects: the door's view of both.

    Args:
        generator: The anchored generator, on the device of the training.
        encoder: Encoder of the table.
        position: The column's position.
        rng: Source of the drawn rows, on the generator's device.
        max_rows: The most rows of a unit of privacy.
    """

    def __init__(
        self,
        generator: Generator,
        encoder: TableEncoder,
        position: int,
        rng: torch.Generator,
        max_rows: int = 1,
    ) -> None:
        self._generator, self.position = generator, position
        before, anchor = self._split(generator.draw(DRAWN, rng), torch.float32)
        columns = encoder.columns[: position + 1]
        self.critic = Critic.of_columns(columns, before.cpu(), anchor.cpu(), max_rows).to(generator.device)
        self._anchor, self._features = anchor, self.critic.features(before, anchor)

    @property
    def network(self) -> torch.nn.Linear:
        """The critic's trained layer."""
        return self.critic.network

    def _split(self, codes: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the positions of the ones before the column, and the anchors' logits of it."""
        before = self._generator.ones_before(codes, self.position)
        return before, self._generator.anchor_logits(codes, self.position, dtype)

    def prepare(self, codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the features ``(batch, m)`` of rows and all that their losses need, each row from itself alone.

        In float64: the last bit of a matrix product may depend on the number of rows, and so on a single row.

        Args:
            codes: ``(batch, columns)`` codes.
        """
        before, anchor = self._split(codes, torch.float64)
        own = codes[:, self.position].to(anchor.dtype)
        return self.critic.features(before, anchor), torch.cat([anchor, own[:, None]], dim=1)

    def losses(self, outputs: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
        """Return ``(batch,)`` negative log-likelihoods of the rows' codes under ``anchor * exp(D)``."""
        logits = given[:, :-1] + outputs @ self.critic.basis.to(outputs.dtype).T + self.critic.offset
        return F.cross_entropy(logits, given[:, -1].long(), reduction="none")

    @torch.no_grad()
    def _ratios(self, features: torch.Tensor, anchor: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return ``(batch, size)`` ``D``, minus its mean by the anchors, and their log-probabilities, in float64."""
        anchor = torch.log_softmax(anchor.double(), dim=1)
        outputs = features.double() @ self.network.weight.double().T
        ratios = outputs @ self.critic.basis.double().T + self.critic.offset.double()
        return ratios - (anchor.exp() * ratios).sum(1, keepdim=True), anchor

    @torch.no_grad()
    def slope_bound(self) -> float:
        """Return the size at which a row's slope is clipped: a few of its standard deviations by the generator."""
        ratios, anchor = self._ratios(self._features, self._anchor)
        return SLOPE_BOUND * max(float((anchor.exp() * ratios.square()).sum(1).mean().sqrt()), LEAST_SPREAD)

    @torch.no_grad()
    def slopes(self, codes: torch.Tensor) -> torch.Tensor:
        """Return ``(batch,)`` derivatives of the rows' log-likelihoods by a factor on ``D``, at 0.

        A row's slope is its code's ``D`` minus the mean of ``D`` by the anchors: the gain in log-likelihood by a small
        part of the critic, divided by that part.
        """
        features, given = self.prepare(codes)
        ratios, _ = self._ratios(features, given[:, :-1])
        return ratios.gather(1, given[:, -1:].long())[:, 0]

    @torch.no_grad()
    def costs(self, codes: torch.Tensor | None = None) -> np.ndarray:
        """Return for each of ``FACTORS`` the mean log-likelihood that a row loses to the normalisation.

        With a mean slope ``r`` among the rows, the critic times ``f`` gains ``f r`` minus this cost. The cost depends
        on the rows' other columns alone, so by default it is computed on the generator's rows.
        """
        features, anchor = self._features, self._anchor
        if codes is not None:
            features, given = self.prepare(codes)
            anchor = given[:, :-1]
        ratios, anchor = self._ratios(features, anchor)
        return np.array(
            [float(torch.logsumexp(anchor + factor * ratios, dim=1).mean()) for factor in FACTORS]
        )

    @torch.no_grad()
    def scale(self, factor: float) -> None:
        """Set the critic to a multiple of itself."""
        self.network.weight *= factor
        self.recentre()

    @torch.no_grad()
    def recentre(self) -> None:
        """Set the critic's offset, with which its codes are as frequent among the generator's rows as by the anchors.

        Clipping favours classes whose rows have short gradients: the frequent ones, if little predicts the target. The
        shares are known far better from the released counts. This is post-processing of both.
        """
        outputs = self._features @ self.network.weight.T
        logits = self._anchor + outputs @ self.critic.basis.T
        shares = torch.softmax(self._anchor, dim=1).mean(0)
        self.critic.offset = margin_shift(logits, torch.where(shares > LEAST_SHARE, shares, 0.0))

    @torch.no_grad()
    def information(self, weight: torch.Tensor) -> torch.Tensor:
        """Return ``(K, m, m)`` Fisher information of a row, among the generator's own, for each output."""
        basis = self.critic.basis
        probabilities = torch.softmax(
            self._anchor + self._features @ weight.to(basis.dtype).T @ basis.T, dim=1
        )
        variances = probabilities @ basis.square() - (probabilities @ basis).square()
        return torch.stack(
            [
                (self._features * variance[:, None]).T @ self._features / len(self._features)
                for variance in variances.T
            ]
        )

    def optimizer(self, n_rows: float, noise: float, sample_rate: float) -> Callable[..., NaturalSteps]:
        """Return a function that makes the optimizer of the network's weight."""
        return lambda parameters: NaturalSteps(parameters, self.information, n_rows, noise, sample_rate)


def play(game: Game, steps: CriticSteps, progress: Callable[[int, int], None] | None = None) -> Critic:
    """Train the critic of a game by all steps that are left, and return it with its offset."""
    with one_thread(next(game.critic.parameters()).device):
        total = steps.steps_left
        while steps.steps_left:
            steps.step()
            if progress:
                progress(total - steps.steps_left, total)
        game.recentre()
    return game.critic
