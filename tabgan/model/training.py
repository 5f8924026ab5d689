"""Training: the generator follows the anchors, then the discriminator as well.

The loop sees released counts and a discriminator that somebody else trains; it never meets a row.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from tabgan.errors import TabGANError
from tabgan.model.anchors import AnchorLoss
from tabgan.model.discriminator import generator_loss
from tabgan.model.generator import Generator
from tabgan.privacy.dpsgd import DiscriminatorSteps


@dataclass(frozen=True)
class TrainingConfig:
    """How the generator is trained. Public: chosen without looking at the table.

    Attributes:
        steps: Generator steps.
        batch_size: Rows drawn a step; even.
        reuse: Steps that one batch of draws serves. A draw costs as much as a step and changes little between two.
        learning_rate: Of Adam at the start; it falls to a twentieth along a cosine.
        adversary_start: Part of the steps before the adversary joins.
        adversary_weight: Weight of its loss beside the anchors'.
        average_start: Part of the steps after which weights are averaged.
        average_rate: Of the exponential average.
    """

    steps: int = 1_500
    batch_size: int = 1_000
    reuse: int = 4
    learning_rate: float = 4e-3
    adversary_start: float = 0.5
    adversary_weight: float = 0.02
    average_start: float = 0.6
    average_rate: float = 0.02


def train(
    generator: Generator,
    anchors: AnchorLoss,
    adversary: DiscriminatorSteps | None,
    config: TrainingConfig,
    rng: torch.Generator,
    progress: Callable[[int, int], None] | None = None,
) -> Generator:
    """Return an averaged copy of the generator after training.

    The adversary takes a quarter of its steps when it joins, the rest spread evenly over the generator's.

    Args:
        generator: Trained in place; the copy is what should be kept.
        anchors: On the generator's device.
        adversary: Trains the discriminator, or ``None`` for anchors alone.
        config: Lengths and rates.
        rng: All draws; on the generator's device.
        progress: Called with steps done and steps in all.

    Raises:
        TabGANError: if the loss stops being a number. It is a function of released numbers only.
    """
    with _one_thread(generator.device):
        return _train(generator, anchors, adversary, config, rng, progress)


def _train(
    generator: Generator,
    anchors: AnchorLoss,
    adversary: DiscriminatorSteps | None,
    config: TrainingConfig,
    rng: torch.Generator,
    progress: Callable[[int, int], None] | None,
) -> Generator:
    optimizer = torch.optim.Adam(generator.parameters(), lr=config.learning_rate, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps, config.learning_rate / 20)
    average: Generator | None = None
    joins = int(config.adversary_start * config.steps)
    averages = int(config.average_start * config.steps)
    due = adversary_schedule(adversary.steps_left if adversary else 0, config.steps, joins)
    for step in range(config.steps):
        has_adversary = adversary is not None and step >= joins
        if has_adversary and adversary is not None:
            _train_adversary(generator, adversary, int(due[step]), rng)
        if step % config.reuse == 0:
            draws = generator.draw(config.batch_size, rng)
            one_hot = generator.one_hot(draws.codes)
        probabilities = generator(draws)
        loss = anchors(one_hot, probabilities)
        if has_adversary and adversary is not None:
            # Straight-through: the row as drawn forwards, its probabilities backwards.
            relaxed = one_hot + probabilities - probabilities.detach()
            loss = loss + config.adversary_weight * generator_loss(adversary.module(relaxed))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step >= averages:
            average = _averaged(average, generator, config.average_rate)
        if progress and (step % 20 == 19 or step == config.steps - 1):
            _check_finite(loss)
            progress(step + 1, config.steps)
    _check_finite(loss)
    return average if average is not None else copy.deepcopy(generator)


@contextmanager
def _one_thread(device: torch.device) -> Iterator[None]:
    """Let torch use one thread on the CPU.

    The matrices are small. On two idle cores a second thread saved a quarter of the time; with one of them busy, both
    spent it waiting for each other, and a fit took two to four times as long.
    """
    threads = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def adversary_schedule(total: int, steps: int, joins: int) -> np.ndarray:
    """Return ``(steps,)`` how many discriminator steps go before each generator step; they sum to ``total``."""
    schedule = np.zeros(steps, dtype=np.int64)
    first = total // 4
    due = np.floor(np.linspace(0, total - first, steps - joins + 1) + 1e-9).astype(np.int64)
    schedule[joins:] = np.diff(due)
    schedule[joins] += first
    return schedule


def _train_adversary(
    generator: Generator, adversary: DiscriminatorSteps, due: int, rng: torch.Generator
) -> None:
    """Let the discriminator take ``due`` steps against fresh fakes."""
    for _ in range(due):
        adversary.step(generator.one_hot(generator.draw(adversary.batch_size, rng).codes))


def _averaged(average: Generator | None, generator: Generator, rate: float) -> Generator:
    """Return the exponential average of the weights, a copy of its own."""
    if average is None:
        return copy.deepcopy(generator)
    with torch.no_grad():
        for kept, current in zip(average.parameters(), generator.parameters(), strict=True):
            kept.lerp_(current, rate)
    return average


def _check_finite(loss: torch.Tensor) -> None:
    if not torch.isfinite(loss).item():
        raise TabGANError("training: the loss is not a number. Lower learning_rate.")
