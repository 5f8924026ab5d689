"""Door 2: DP-SGD, the only training of a discriminator on private rows. The only import of opacus.

One object holds the rows and does everything that the guarantee depends on: it charges the ledger, draws Poisson
batches, has Opacus clip and add noise, and stops after the planned number of steps. A second release measures the gain
of the training.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from opacus.grad_sample import GradSampleModuleFastGradientClipping
from opacus.optimizers import DPOptimizerFastGradientClipping
from torch import nn

from tabgan.errors import BudgetExceededError, PrivacyError
from tabgan.privacy.accounting import SubsampledGaussian
from tabgan.privacy.doors import mechanisms
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.doors.measured_table import drawn_units
from tabgan.privacy.events import GAIN, GAUSSIAN, MAX_GRAD_NORM, POISSON_GAUSSIAN, Release
from tabgan.privacy.filter import PrivacyFilter

#: The norm that Opacus clips to: slightly lower, so that rounding in norms and sums never takes a row past the bound.
CLIP_NORM = MAX_GRAD_NORM * (1 - 1e-4)

#: Rows whose gradients are computed at a time: bounds the memory of a large batch, and keeps its work in the cache.
CHUNK = 2_048

#: The part of the rows that the test of a critic reads without privacy.
HELD_OUT = 0.2


class _ExactNoise(DPOptimizerFastGradientClipping):
    """Opacus' optimizer with the noise of door 1: OpenDP's discrete Gaussian, from the system's entropy.

    Opacus' own noise is torch's floating-point Gaussian, from a generator whose whole state follows from a few thousand
    known draws; that would show whether a guessed table is the right one.
    """

    def add_noise(self) -> None:
        """Add noise to the sums of clipped gradients.

        They are rounded to the noise's grid, which may move the sensitivity by one step in each weight: the noise is
        scaled up to match.

        Raises:
            PrivacyError: a sum is not in double precision.
        """
        for parameter in self.params:
            if parameter.summed_grad.dtype != torch.float64:
                raise PrivacyError(
                    f"dpsgd: expected the sum of gradients as {torch.float64}, found {parameter.summed_grad.dtype}. "
                    "The step was not taken."
                )
        total = torch.cat([parameter.summed_grad.flatten() for parameter in self.params])
        scale = 1.0 + math.sqrt(len(total)) / mechanisms.GRID
        noise = self.noise_multiplier * self.max_grad_norm * scale
        noisy = torch.as_tensor(mechanisms.noisy_vector(total.cpu().numpy(), noise), device=total.device)
        for parameter, part in zip(self.params, noisy.split([p.numel() for p in self.params]), strict=True):
            parameter.grad = part.view_as(parameter)


class Discriminator(Protocol):
    """The door's view of a discriminator: a network, its inputs, and losses that follow from each row alone."""

    @property
    def network(self) -> nn.Module:
        """The network, without layers that mix rows. It holds the weights after each step."""

    def prepare(self, codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the network's inputs ``(batch, ...)`` for coded rows, and further arguments of their losses."""

    def losses(self, outputs: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
        """Return ``(batch,)`` losses of the network's outputs."""

    def optimizer(
        self, n_rows: float, noise: float, sample_rate: float
    ) -> Callable[..., torch.optim.Optimizer]:
        """Return the optimizer's constructor, given the noise of a sum of gradients scaled up to all rows."""


class PrivateSteps:
    """DP-SGD on a discriminator's real rows.

    **Guarantee.** Each step is one Poisson-subsampled Gaussian mechanism with the sampling rate and the noise
    multiplier of ``run``, under add-or-remove-one adjacency of the unit; at a rate of 1, which takes every unit, a
    plain Gaussian. A step is charged before a row is read. Its noisy gradient is kept like an answer of door 1, so a
    resumed fit takes the same step without reading a row; a step that was charged but whose gradient was lost counts
    as taken.
    Sensitivity: a unit's rows, at most ``max_rows`` of them, enter a batch together or not at all. Each row's
    gradient is clipped to ``CLIP_NORM / max_rows``, over all weights together, before the sum, and the noise is scaled
    to ``MAX_GRAD_NORM``, which exceeds a unit's share by 1e-4 of it. All of this is done in float64: in float32, one
    row changed the sum over a batch of 20,000 rows by 1.0003 times the bound. An empty batch gets noise and is
    counted like any other. The divisor is the expected batch size, from the noisy number of rows, never its own.

    Batches and noise of every step come from the operating system's entropy; the noise is that of door 1, exact on its
    grid.

    Args:
        game: The discriminator, its inputs and its losses: functions of one row and of released numbers.
        codes: ``(rows, columns)`` the private table, coded.
        units: ``(rows,)`` units of the rows, ``0..n - 1``; see
            :class:`~tabgan.privacy.doors.contributions.BoundedTable`.
        n_rows: Noisy number of rows.
        run: Sampling rate, noise multiplier, steps of all discriminators of the fit together.
        measurer: The object that charges each step and keeps its gradient. Its plan bounds the rows of a unit.
        device: Device that holds the rows.
        steps: Steps of this discriminator; all of ``run`` by default. The filter limits the total to that of ``run``.
        column: Name of the discriminator's column, for the ledger.

    Raises:
        PrivacyError: the plan of a private filter has another run than ``run``; no row is read.

    References:
        Abadi et al. (2016), *Deep Learning with Differential Privacy*, Algorithm 1.
        Li et al. (2022), *Large Language Models Can Be Strong Differentially Private Learners*, on ghost clipping.
    """

    def __init__(
        self,
        game: Discriminator,
        codes: np.ndarray,
        units: np.ndarray,
        n_rows: float,
        run: SubsampledGaussian,
        measurer: Measurer,
        device: torch.device,
        steps: int | None = None,
        column: str | None = None,
    ) -> None:
        plan = measurer.privacy_filter.plan
        if plan.is_private and plan.adversary != run:
            raise PrivacyError(f"dpsgd: expected the run of the plan, got {run}. No row was read.")
        self.batch_size = max(1, round(run.sample_rate * n_rows))
        self._game, self._run, self._measurer = game, run, measurer
        self._steps_left = run.steps if steps is None else steps
        self._columns = () if column is None else (column,)
        self._codes = torch.as_tensor(np.asarray(codes)).to(device)
        self._n_units = int(units.max(initial=-1)) + 1
        is_row = self._n_units == len(codes) == len(units) and bool((np.diff(units) == 1).all())
        self._units = None if is_row else torch.as_tensor(units).to(device)
        # Opacus adds hooks to the module that it wraps: a copy, since rows are drawn through one without hooks.
        self._wrapped = GradSampleModuleFastGradientClipping(
            copy.deepcopy(game.network).double(),
            max_grad_norm=CLIP_NORM / plan.unit.max_rows,
            use_ghost_clipping=True,
            loss_reduction="mean",
        )
        noise = run.noise_multiplier * MAX_GRAD_NORM / run.sample_rate
        self._optimizer = _ExactNoise(
            game.optimizer(n_rows, noise, run.sample_rate)(self._wrapped.parameters()),
            noise_multiplier=run.noise_multiplier,
            max_grad_norm=MAX_GRAD_NORM,
            expected_batch_size=self.batch_size,
            loss_reduction="mean",
        )
        #: The smallest parameter of each layer: a gradient that reaches it has passed the layer's hook.
        layers = (list(module.parameters(recurse=False)) for module in self._wrapped.modules())
        self._ends = [min(own, key=torch.numel) for own in layers if own]
        self._observers: list[Callable[[torch.Tensor], None]] = []

    @property
    def steps_left(self) -> int:
        """Steps that may still be taken."""
        return self._steps_left

    def watch(self, observer: Callable[[torch.Tensor], None]) -> None:
        """Call ``observer`` in each step with the noisy gradient of all weights, flat, which the mechanism releases.

        It is the sum of the clipped gradients and the noise, over the expected batch size.
        """
        self._observers.append(observer)

    def step(self) -> None:
        """Take one noisy, counted step.

        Raises:
            BudgetExceededError: all planned steps have been taken; no row is read.
        """
        if self._steps_left <= 0:
            raise BudgetExceededError("dpsgd: every planned step has been taken. Plan more steps instead.")
        self._steps_left -= 1
        release = Release(
            "dpsgd",
            "discriminator's gradient",
            self._columns,
            POISSON_GAUSSIAN,
            self._run.noise_multiplier,
            sample_rate=self._run.sample_rate,
            steps=1,
            sensitivity=MAX_GRAD_NORM,
        )
        with torch.enable_grad():
            released = self._measurer.drawn(release, self._noisy_gradient)
        if released is None:  # charged before an interruption, and lost in it
            return
        gradient = torch.as_tensor(released, device=self._codes.device)
        for observer in self._observers:
            observer(gradient)
        parameters = list(self._wrapped.parameters())
        for parameter, part in zip(parameters, gradient.split([p.numel() for p in parameters]), strict=True):
            parameter.grad = part.reshape(parameter.shape)
        self._optimizer.original_optimizer.step()
        with torch.no_grad():
            for shown, trained in zip(self._game.network.parameters(), parameters, strict=True):
                shown.copy_(trained)

    def _noisy_gradient(self) -> np.ndarray:
        """Return the noisy sum of a batch's clipped gradients over the expected batch size, of all weights, flat."""
        parameters = list(self._wrapped.parameters())
        sums = [torch.zeros_like(parameter) for parameter in parameters]
        for rows in self._poisson_batch().split(CHUNK):
            if len(rows):
                self._clip(rows)
                for total, parameter in zip(sums, parameters, strict=True):
                    total += parameter.grad
        self._optimizer.zero_grad()
        for total, parameter in zip(sums, parameters, strict=True):
            parameter.grad = total
        self._optimizer.pre_step()  # adds the noise and divides
        return torch.cat([parameter.grad.ravel() for parameter in parameters]).cpu().numpy()

    def _clip(self, codes: torch.Tensor) -> None:
        """Set every parameter's gradient to the sum of the rows' clipped gradients.

        Opacus' hooks compute the norm of each row's gradient from the gradients that pass back through each layer. So
        the first pass goes back to each layer's smallest weight alone; the second computes the weights'
        gradients, of the losses times Opacus' clipping factors. Opacus' own loss computes them in both.
        """
        for parameter in self._wrapped.parameters():
            parameter._norm_sample = None  # a norm of an earlier batch must never clip this one
        inputs, given = self._game.prepare(codes)
        losses = self._game.losses(self._wrapped(inputs.detach().double()), given.detach().double())
        if losses.shape != (len(codes),):
            raise PrivacyError("dpsgd: expected one loss for each row.")
        with warnings.catch_warnings():  # of rows, which need no gradient
            warnings.filterwarnings("ignore", "Full backward hook is firing")
            losses.mean().backward(inputs=self._ends, retain_graph=True)
            self._optimizer.zero_grad()
            factors = self._wrapped.get_clipping_coef()
            if factors.shape != losses.shape:  # of shape (batch, 1), each would be multiplied with every loss
                raise PrivacyError("dpsgd: expected one clipping factor for each row.")
            self._wrapped.disable_hooks()
            try:
                (losses * factors).sum().backward()
            finally:
                self._wrapped.enable_hooks()

    def draw_batch_size(self) -> int:
        """Return the number of rows of an unused batch, drawn exactly as in a step.

        It depends on the number of rows and passes through no mechanism: only for audits on made-up tables.
        """
        return len(self._poisson_batch())

    def _poisson_batch(self) -> torch.Tensor:
        """Return ``(realised batch, columns)`` codes: each unit with probability ``run.sample_rate``."""
        drawn = drawn_units(self._n_units, self._run.sample_rate)
        is_in = torch.as_tensor(drawn, device=self._codes.device)
        if self._units is not None:
            is_in = is_in[self._units]
        return self._codes.index_select(0, is_in.nonzero().squeeze(1))


class PlainSteps:
    """Training of the discriminator for a fit with ``epsilon=None``: no sampling, no clipping, no noise.

    Some rows are held out for its test, since nothing else keeps it from memorising rows.

    **Guarantee.** None, and so it refuses a fit that promises one: see ``privacy_filter``.

    Args:
        game: The discriminator, its inputs and its losses.
        codes: ``(rows, columns)`` the table, coded.
        privacy_filter: The fit's filter. Nothing is charged to it.
        steps: Steps that may be taken.
        device: Device that holds the rows.
        rng: Chooses the rows that are held out, a part ``HELD_OUT`` of them; by default none are.

    Attributes:
        held_out: ``(rows, columns)`` codes of these.

    Raises:
        PrivacyError: the filter belongs to a private fit; no row is read.
    """

    def __init__(
        self,
        game: Discriminator,
        codes: np.ndarray,
        privacy_filter: PrivacyFilter,
        steps: int,
        device: torch.device,
        rng: np.random.Generator | None = None,
    ) -> None:
        if privacy_filter.is_private:
            raise PrivacyError(
                "dpsgd: training without noise was asked for in a fit that promises "
                f"epsilon={privacy_filter.plan.epsilon:g}. Use PrivateSteps."
            )
        self._game, self._steps_left = game, steps
        mixed = codes if rng is None else rng.permutation(codes)
        self.held_out, kept = np.split(mixed, [0 if rng is None else int(HELD_OUT * len(codes))])
        self._codes = torch.as_tensor(kept).to(device)
        self._optimizer = game.optimizer(float(len(kept)), 0.0, 1.0)(game.network.parameters())

    @property
    def steps_left(self) -> int:
        """Steps that may still be taken."""
        return self._steps_left

    def step(self) -> None:
        """Take one step."""
        self._steps_left -= 1
        self._optimizer.zero_grad()
        for rows in self._codes.split(CHUNK):
            inputs, given = self._game.prepare(rows)
            outputs = self._game.network(inputs.float())
            (self._game.losses(outputs, given.float()).sum() / len(self._codes)).backward()
        self._optimizer.step()

    def told_by_held_out(self, figures: Callable[[torch.Tensor], np.ndarray]) -> np.ndarray:
        """Return figures of the held-out coded rows."""
        return figures(torch.as_tensor(self.held_out).to(self._codes.device))


def measure_gain(
    slopes: Callable[[torch.Tensor], torch.Tensor],
    bound: float,
    codes: np.ndarray,
    column: str,
    measurer: Measurer,
    device: torch.device,
) -> tuple[float | None, float]:
    """Return the noisy sum of the rows' gains by a small part of a critic, and its standard deviation.

    **Guarantee.** Each row's slope, a function of that row and of released numbers, is divided by ``bound`` and clipped
    to [-1, 1], so a unit changes the sum by at most ``max_rows``. It is charged as one Gaussian with the noise of its
    part of the stage ``gain``, which all critics share, before a row is read. Rounding the sum to the noise's grid
    may add one step to its sensitivity; the noise is scaled up to match.

    Args:
        slopes: Returns ``(batch,)`` gains of coded rows by a small part of the critic, divided by that part.
        bound: The largest slope that counts in full, from released numbers alone.
        codes: ``(rows, columns)`` the private table, coded.
        column: Name of the critic's column, for the ledger.
        measurer: The object that charges, adds the noise, and keeps the answer.
        device: Device of the computation.

    Returns:
        Both in units of ``bound``. The deviation is that of the noise or, without privacy, of the rows as a sample. The
        sum is ``None`` if an interruption lost it after its charge, or if earlier interruptions used up its share.
    """
    plan = measurer.privacy_filter.plan
    noise = plan.noise_multiplier("gain", plan.critics)
    release = Release("release", GAIN, (column,), GAUSSIAN, noise, sensitivity=plan.unit.max_rows)

    def part(rows: torch.Tensor) -> torch.Tensor:
        each = (slopes(rows.to(device)).double() / bound).nan_to_num(0.0).clamp(-1.0, 1.0)
        if each.shape != (len(rows),):
            raise PrivacyError("dpsgd: expected one gain for each row. Nothing was released.")
        return each

    def noisy_sum() -> np.ndarray:
        each = torch.cat([part(rows) for rows in torch.as_tensor(codes).split(CHUNK)])
        if not plan.is_private:
            return np.array([float(each.sum()), float(each.square().sum())])
        total = np.array([float(each.sum())])
        return mechanisms.noisy_vector(total, release.noise_stddev * mechanisms.ROUNDING)

    try:
        answer = measurer.drawn(release, noisy_sum)
    except BudgetExceededError:  # nothing was charged, and no row was read
        answer = None
    if answer is None or plan.is_private:
        return (None if answer is None else float(answer[0])), release.noise_stddev
    return float(answer[0]), math.sqrt(answer[1])
