"""Critics of the declared targets within a fit: their training, and the noisy test that admits them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch

from tabgan._util.progress import Progress
from tabgan.fitting.session import Session
from tabgan.model.adversary.training import FACTORS, Game, play
from tabgan.model.generator import Generator
from tabgan.privacy.accounting import SubsampledGaussian
from tabgan.privacy.doors.dpsgd import PlainSteps, PrivateSteps, measure_gain
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.doors.measured_table import MeasuredTable, TrainingRows
from tabgan.privacy.filter import CriticOutcome
from tabgan.privacy.plan import ADVERSARY_STEPS

logger = logging.getLogger(__name__)

#: A critic corrects the generator if its noisy slope is above this many standard deviations of the noise: one that
#: gains nothing is admitted once in six times.
LET_IN = 1.0

#: Standard deviation of the best factor on a critic, about 1, before its test.
FACTOR_SPREAD = 0.5

#: The bound of a row's slope without privacy, which none exceeds.
UNCLIPPED = 1e6


def correct_targets(
    generator: Generator,
    targets: Sequence[int],
    measured: MeasuredTable,
    units: np.ndarray,
    rows: TrainingRows,
    session: Session,
    measurer: Measurer,
    progress: Progress,
) -> tuple[CriticOutcome, ...]:
    """Train a critic of each target, by DP-SGD if the plan is private, and admit those whose noisy test shows a gain.

    They are trained one after another, each beside the generator with those before it, whose columns it may look at.

    Args:
        generator: The anchored generator, which the admitted ones correct.
        targets: The targets' positions.
        measured: The released numbers of the table, and its codes.
        units: The unit of privacy of each row of these codes.
        rows: The training rows of full batches.
        session: The fit.
        measurer: The object that charges, adds the noise, and keeps answers.
        progress: Called with the stage ``train``, steps done, and their number.

    Returns:
        The outcome of each test.
    """
    plan, device = session.request.plan, session.request.device
    rng, total = session.streams.torch("critic", device), len(targets) * ADVERSARY_STEPS
    outcomes = []
    for place, target in enumerate(targets):
        game = Game(generator, measured.encoder, target, rng, plan.unit.max_rows)
        name, tell = measured.encoder.names[target], partial(_told, progress, place * ADVERSARY_STEPS, total)
        if plan.adversary is None:
            outcome = _train_plainly(game, name, rows, session, measurer, tell)
        else:
            everyone = (np.asarray(measured.codes), units, measured.released.n_rows)
            outcome = _train_privately(game, name, rows, everyone, plan.adversary, session, measurer, tell)
        if outcome.is_let_in:
            game.scale(outcome.factor)
            generator.correct(target, game.critic)
        logger.info("%s.", str(outcome).capitalize())
        outcomes.append(outcome)
    return tuple(outcomes)


def _train_privately(
    game: Game,
    name: str,
    rows: TrainingRows,
    everyone: tuple[np.ndarray, np.ndarray, float],
    budget: SubsampledGaussian,
    session: Session,
    measurer: Measurer,
    progress: Callable[[int, int], None],
) -> CriticOutcome:
    """Train a column's critic by DP-SGD, and return the outcome of its noisy test."""
    device, whose = session.request.device, (rows.codes, rows.units, rows.n_rows)
    if budget.sample_rate < 1:  # a batch that is charged as a part of all rows is drawn from all
        whose = everyone
    play(game, PrivateSteps(game, *whose, budget, measurer, device, ADVERSARY_STEPS, name), progress)
    bound = game.slope_bound()
    slope, noise = measure_gain(game.slopes, bound, rows.codes, name, measurer, device)
    unit = bound / max(rows.n_rows, 1.0)
    return _judge(game.costs(), name, None if slope is None else slope * unit, noise * unit)


def _train_plainly(
    game: Game,
    name: str,
    rows: TrainingRows,
    session: Session,
    measurer: Measurer,
    progress: Callable[[int, int], None],
) -> CriticOutcome:
    """Train a column's critic without privacy, test it on rows held out, and train one that gains by all rows."""
    device, chosen = session.request.device, session.streams.numpy("held out")
    steps = PlainSteps(game, rows.codes, session.privacy_filter, ADVERSARY_STEPS, device, chosen)
    play(game, steps, progress)
    costs = steps.told_by_held_out(game.costs)
    slope, noise = measure_gain(game.slopes, UNCLIPPED, steps.held_out, name, measurer, device)
    unit = UNCLIPPED / max(len(steps.held_out), 1)
    outcome = _judge(costs, name, None if slope is None else slope * unit, noise * unit, is_plain=True)
    if outcome.is_let_in:
        torch.nn.init.zeros_(game.network.weight)
        play(game, PlainSteps(game, rows.codes, session.privacy_filter, ADVERSARY_STEPS, device))
    return outcome


def _judge(
    costs: np.ndarray, name: str, slope: float | None, noise: float, is_plain: bool = False
) -> CriticOutcome:
    """Return the outcome of a critic's test, with the factor on it that promises the largest gain.

    A critic times ``f`` gains ``f`` times the slope, minus a cost. The weights are a posterior mean, so before the test
    1 is the best guess of the factor; the noisy slope is averaged with the one for which 1 is best, by variance.

    Args:
        costs: That cost, for each of ``FACTORS``.
        name: The critic's column.
        slope: Noisy mean slope of the rows; ``None`` if it was lost.
        noise: Standard deviation of its noise or, without privacy, of the rows as a sample.
        is_plain: Flag: no gradient was clipped or noised, so a critic that clearly gains as it is stays as it is.
    """
    if slope is None:
        return CriticOutcome(name, False, None, noise, 1.0)
    whole = int(np.abs(FACTORS - 1.0).argmin())
    gain = slope - float(costs[whole])
    if not slope > LET_IN * noise:
        return CriticOutcome(name, False, gain, noise, 1.0)
    guessed = float(np.gradient(costs, FACTORS)[whole])
    doubt = noise**2 / max(noise**2 + (FACTOR_SPREAD * guessed) ** 2, 1e-300)
    likely = slope + doubt * (guessed - slope)
    best = whole if is_plain and gain > noise else int(np.argmax(FACTORS * likely - costs))
    factor = float(FACTORS[best])
    return CriticOutcome(name, True, factor * slope - float(costs[best]), factor * noise, factor)


def _told(progress: Progress, before: int, total: int, done: int, _: int) -> None:
    """Call ``progress`` with the steps of all critics, given those done by one and before it."""
    progress("train", before + done, total)
