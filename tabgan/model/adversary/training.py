"""Training of the generator, on the anchors at first and then on the discriminator as well.

The loop sees released counts and a discriminator that is trained elsewhere; it never sees a row.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from tabgan._util.tensors import named, one_thread, pack, part, unpack
from tabgan.errors import CheckpointError, PrivacyError, TabGANError
from tabgan.model.adversary.anchors import AnchorLoss
from tabgan.model.adversary.discriminator import generator_loss
from tabgan.model.generator import Draws, Generator
from tabgan.privacy.doors.dpsgd import DiscriminatorSteps

#: Most fakes drawn for a step of the discriminator, which weights them up to its batch size. Drawing them dominates the
#: cost of such a step, and the gain from more fakes would be far below its noise.
MOST_FAKES = 1_000

#: Prefixes and names of tensors in a saved state.
_GENERATOR, _AVERAGE, _ADVERSARY = "generator.", "average.", "adversary."
_STEP, _DUE, _LEFT, _RNG = "step", "due", "left", "rng"


@dataclass(frozen=True)
class TrainingConfig:
    """The settings of the generator's training. Public: chosen without looking at the table.

    Attributes:
        steps: Generator steps.
        batch_size: Rows drawn per step; even.
        reuse: Steps per batch of draws. A draw costs as much as a step, and changes little from one step to the next.
        learning_rate: Adam's initial learning rate; it falls to a twentieth along a cosine.
        adversary_start: Fraction of the steps before the adversary joins.
        adversary_weight: Weight of its loss relative to the anchors'.
        average_start: Fraction of the steps after which weights are averaged.
        average_rate: Rate of the exponential average.
        save_every: Steps between two saved states, if any; a multiple of ``reuse``.
    """

    steps: int = 300
    batch_size: int = 1_000
    reuse: int = 4
    learning_rate: float = 1e-3
    adversary_start: float = 0.2
    adversary_weight: float = 0.02
    average_start: float = 0.6
    average_rate: float = 0.02
    save_every: int = 100


class Saver(Protocol):
    """A keeper of the training's state, from which an interrupted training resumes."""

    def load(self) -> Mapping[str, torch.Tensor] | None:
        """Return the last saved state; ``None`` if there is none."""

    def save(self, state: Mapping[str, torch.Tensor]) -> None:
        """Save a state; it is complete, and on the disk, when this returns."""


def train(
    generator: Generator,
    anchors: AnchorLoss,
    adversary: DiscriminatorSteps | None,
    config: TrainingConfig,
    rng: torch.Generator,
    progress: Callable[[int, int], None] | None = None,
    saver: Saver | None = None,
) -> Generator:
    """Return an averaged copy of the generator after training.

    The adversary takes a quarter of its steps when it joins, the rest spread evenly over the generator's; fewer if an
    interruption has cost it some.

    Args:
        generator: Trained in place; keep the returned copy.
        anchors: The anchor loss, on the generator's device.
        adversary: The trainer of the discriminator, or ``None`` for anchors alone.
        config: Lengths and rates.
        rng: Source of all draws, on the generator's device.
        progress: Called with the number of steps done and the total.
        saver: Keeper of the state, which may hold one to resume from.

    Raises:
        TabGANError: the loss is not finite. It is a function of released numbers only.
        CheckpointError: the saved state belongs to another training.
        PrivacyError: the adversary has more steps left than when the state was saved, so its ledger has lost some.
    """
    with one_thread(generator.device):
        return _Training(generator, anchors, adversary, config, rng).run(progress, saver)


class _Training:
    """The training loop, with its state between two steps."""

    def __init__(
        self,
        generator: Generator,
        anchors: AnchorLoss,
        adversary: DiscriminatorSteps | None,
        config: TrainingConfig,
        rng: torch.Generator,
    ) -> None:
        self.generator, self.anchors, self.adversary = generator, anchors, adversary
        self.config, self.rng = config, rng
        self.optimizer = torch.optim.Adam(generator.parameters(), lr=config.learning_rate, betas=(0.9, 0.99))
        self.average: Generator | None = None
        self.step = 0
        self.due = np.zeros(config.steps, dtype=np.int64)  # the adversary's steps before each

    def run(self, progress: Callable[[int, int], None] | None, saver: Saver | None) -> Generator:
        """Take all steps, from the saved one on, and return the averaged generator."""
        config, adversary = self.config, self.adversary
        saved = None if saver is None else saver.load()
        if saved is not None:
            self._restore(saved)
        start, joins = self.step, int(config.adversary_start * config.steps)
        left = self._steps_left()
        if self.due[start:].sum() != left:  # at the start, or after an interruption has cost it some
            self.due = adversary_schedule(left, config.steps, joins, start)
        loss = torch.zeros(())
        for self.step in range(start, config.steps):
            step = self.step
            if saver is not None and step > start and step % config.save_every == 0:
                saver.save(self._state())
            if adversary is not None:
                _train_adversary(self.generator, adversary, int(self.due[step]), self.rng)
            if step % config.reuse == 0:
                draws = self.generator.draw(config.batch_size, self.rng)
            loss = self._update(draws, adversary if step >= joins else None)
            if progress and (step % 20 == 19 or step == config.steps - 1):
                _check_finite(loss)
                progress(step + 1, config.steps)
        _check_finite(loss)
        self.step = config.steps
        if saver is not None:
            saver.save(self._state())
        return self.average if self.average is not None else copy.deepcopy(self.generator)

    def _update(self, draws: Draws, adversary: DiscriminatorSteps | None) -> torch.Tensor:
        """Take one step of the generator and return its loss."""
        probabilities = self.generator(draws)
        loss: torch.Tensor = self.anchors(draws.one_hot, probabilities)
        if adversary is not None:
            # Straight-through: the drawn row in the forward pass, its probabilities in the backward pass.
            relaxed = draws.one_hot + probabilities - probabilities.detach()
            loss = loss + self.config.adversary_weight * generator_loss(adversary.module(relaxed))
        for group in self.optimizer.param_groups:
            group["lr"] = _learning_rate(self.config, self.step)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        if self.step >= int(self.config.average_start * self.config.steps):
            self.average = _averaged(self.average, self.generator, self.config.average_rate)
        return loss

    def _state(self) -> dict[str, torch.Tensor]:
        """Return the state that the next step depends on. It holds no rows and nothing of future privacy noise."""
        state = named(pack(self.generator, self.optimizer), _GENERATOR)
        if self.average is not None:
            state |= named({k: v.detach().cpu() for k, v in self.average.state_dict().items()}, _AVERAGE)
        if self.adversary is not None:
            state |= named(self.adversary.state(), _ADVERSARY)
        left, due = torch.tensor(self._steps_left()), torch.from_numpy(self.due.copy())
        return {**state, _STEP: torch.tensor(self.step), _DUE: due, _LEFT: left, _RNG: self.rng.get_state()}

    def _steps_left(self) -> int:
        return self.adversary.steps_left if self.adversary else 0

    def _restore(self, state: Mapping[str, torch.Tensor]) -> None:
        try:
            self._take_over(state)
        except (KeyError, ValueError, TypeError, RuntimeError, IndexError):
            raise CheckpointError(
                "checkpoint: the state of the training does not belong to this fit. Start a new fit in a new folder; "
                "all charges stay spent."
            ) from None

    def _take_over(self, state: Mapping[str, torch.Tensor]) -> None:
        unpack(self.generator, self.optimizer, part(state, _GENERATOR))
        average = part(state, _AVERAGE)
        if average:
            self.average = copy.deepcopy(self.generator)
            self.average.load_state_dict(average, strict=True)
        if self.adversary is not None:
            self.adversary.restore(part(state, _ADVERSARY))
        if self._steps_left() > int(state[_LEFT]):
            raise PrivacyError(
                "checkpoint: its discriminator has taken steps that the ledger lacks. One of the two was replaced; "
                "start a new fit with a new checkpoint."
            )
        self.rng.set_state(state[_RNG])
        self.step, due = int(state[_STEP]), state[_DUE].numpy()
        if due.shape != self.due.shape or due.dtype != self.due.dtype:
            raise ValueError("of another length")
        self.due = due
        is_last = self.step == self.config.steps
        if not 0 <= self.step <= self.config.steps or (self.step % self.config.reuse and not is_last):
            raise ValueError("not a step of this training")


def _learning_rate(config: TrainingConfig, step: int) -> float:
    """Return Adam's rate: a cosine from ``learning_rate`` down to a twentieth of it."""
    share = (1 + math.cos(math.pi * step / config.steps)) / 2
    return config.learning_rate * (1 / 20 + (1 - 1 / 20) * share)


def adversary_schedule(total: int, steps: int, joins: int, start: int = 0) -> np.ndarray:
    """Return ``(steps,)`` numbers of discriminator steps before each generator step, which sum to ``total``.

    A training resumed at ``start``, after the adversary has joined, spreads them over the remaining steps.
    """
    schedule = np.zeros(steps, dtype=np.int64)
    if start >= steps:
        return schedule
    first = total // 4 if start <= joins else 0
    joins = max(joins, start)
    due = np.floor(np.linspace(0, total - first, steps - joins + 1) + 1e-9).astype(np.int64)
    schedule[joins:] = np.diff(due)
    schedule[joins] += first
    return schedule


def _train_adversary(
    generator: Generator, adversary: DiscriminatorSteps, due: int, rng: torch.Generator
) -> None:
    """Train the discriminator for ``due`` steps against fresh fakes."""
    for _ in range(due):
        adversary.step(generator.draw(min(adversary.batch_size, MOST_FAKES), rng).one_hot)


def _averaged(average: Generator | None, generator: Generator, rate: float) -> Generator:
    """Return the exponential average of the weights, as a separate copy."""
    if average is None:
        return copy.deepcopy(generator)
    with torch.no_grad():
        for kept, current in zip(average.parameters(), generator.parameters(), strict=True):
            kept.lerp_(current, rate)
    return average


def _check_finite(loss: torch.Tensor) -> None:
    if not torch.isfinite(loss).item():
        raise TabGANError("training: the loss is not finite. Lower learning_rate.")
