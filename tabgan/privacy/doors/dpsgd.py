"""Door 2: DP-SGD, the only training of the discriminator on private rows. The only import of opacus.

One object holds the rows and does everything that the guarantee depends on: it charges the ledger, draws Poisson
batches, has Opacus clip and add noise, and stops after the planned number of steps.
"""

from __future__ import annotations

import copy
import math
import secrets
import warnings
from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
import torch
from opacus.grad_sample import GradSampleModuleFastGradientClipping
from opacus.optimizers import DPOptimizerFastGradientClipping
from torch import nn
from torch.nn import functional as F

from tabgan._util.tensors import pack, unpack
from tabgan.errors import BudgetExceededError, PrivacyError
from tabgan.privacy.accounting import SubsampledGaussian
from tabgan.privacy.events import POISSON_GAUSSIAN, Release
from tabgan.privacy.filter import PrivacyFilter

#: The most that one privacy unit may change a step's sum of gradients; the noise is scaled to it.
MAX_GRAD_NORM = 1.0

#: The norm that Opacus clips to: slightly lower, so that rounding in norms and sums never takes a row past the bound.
CLIP_NORM = MAX_GRAD_NORM * (1 - 1e-4)

#: Steps charged at a time, before the first of them: bounds the loss of a crash, and the number of waits for the disk.
BLOCK = 10

#: The ledger's name for the call that all blocks belong to.
CALL = "discriminator"

#: Bytes of the state of torch's CPU generator, and the position and number of the words of its Mersenne Twister: each
#: is 32 bits in 8 bytes, after the seed, the rest of the block, and the next word's number.
_STATE_BYTES, _FIRST_WORD, _WORDS = 5056, 3, 624


#: Single precision has 24 bits: noise this close to its own single-precision value was drawn with no more. The noise
#: is found by subtraction, so it is judged only where it is a large enough part of the sum for those bits to survive.
_SINGLE, _TOLD = 2.0**-30, 2.0**-20

#: Fewest weights to judge the noise by: one in 32 is that close by chance.
_ENOUGH = 16


class _DoubleNoise(DPOptimizerFastGradientClipping):
    """Opacus' optimizer, checked for the noise that the guarantee needs: double precision, on the gradients' device.

    Some versions of Opacus have drawn noise in torch's default precision regardless of the gradients' own, and none
    promises a device. So each step inspects the noise itself.
    """

    def add_noise(self) -> None:
        """Add noise to the sums of clipped gradients.

        Raises:
            PrivacyError: a sum or its noise is not in double precision, or not on the noise generator's device.
        """
        sums = [parameter.summed_grad for parameter in self.params]
        self._check(sums, "the sum of gradients")
        super().add_noise()
        noisy = [parameter.grad for parameter in self.params]
        self._check(noisy, "the noisy sum")
        total = torch.cat([each.flatten() for each in sums])
        noise = torch.cat([each.flatten() for each in noisy]) - total
        noise = noise[noise.abs() > _TOLD * total.abs()]
        is_single = (noise - noise.float().double()).abs() <= _SINGLE * noise.abs()
        if len(noise) >= _ENOUGH and is_single.double().mean() > 0.5:
            raise PrivacyError(
                "dpsgd: expected noise in double precision, found less. The step was not taken."
            )

    def _check(self, gradients: list[torch.Tensor], what: str) -> None:
        device = self.generator.device
        for each in gradients:
            if each.dtype != torch.float64 or each.device.type != device.type:
                raise PrivacyError(
                    f"dpsgd: expected {what} as {torch.float64} on {device.type}, found {each.dtype} on "
                    f"{each.device.type}. The step was not taken."
                )


class DiscriminatorSteps(Protocol):
    """The training loop's view of an object that trains the discriminator."""

    module: nn.Module
    batch_size: int

    @property
    def steps_left(self) -> int:
        """Steps that may still be taken."""

    def step(self, fakes: torch.Tensor) -> None:
        """Take one step on private rows and on ``fakes`` ``(fakes, width)``, weighted to a total of ``batch_size``."""

    def state(self) -> dict[str, torch.Tensor]:
        """Return copies of all state that the next step depends on, except rows and randomness."""

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Restore a state returned by :meth:`state`. Charges made since then stay spent."""


class PrivateSteps:
    """DP-SGD on the discriminator's real rows, with fakes in the same update.

    **Guarantee.** Each step is one Poisson-subsampled Gaussian mechanism with the sampling rate and the noise
    multiplier of ``run``, under add-or-remove-one adjacency of the unit. Steps are charged in blocks of ``BLOCK``,
    before the first of a block; steps charged before an interruption count as taken, even if they were not.
    Sensitivity: a unit's rows, at most ``max_rows`` of them, enter a batch together or not at all. Each row's
    gradient is clipped to ``CLIP_NORM / max_rows``, over all weights together, before the sum, and the noise is scaled
    to ``MAX_GRAD_NORM``, which exceeds a unit's share by 1e-4 of it. All of this is done in float64: in float32
    the sum over a batch of 20,000 rows changed by 1.0003 of the bound for one row. Each step checks that sums and noise
    are in float64, and on the generator's device.
    Fakes come from the generator, which has seen only released numbers; they are clipped in the same way, weighted up
    to the expected batch size, and enter the same sum, so they add nothing to the sensitivity, and real and fake
    gradients cancel where the two are indistinguishable. An empty Poisson batch is a batch of fakes alone: it gets
    noise and is counted like any other.
    The divisor is the expected batch size, from the noisy number of rows, never the batch's own.

    Batches and noise of every step come from a generator refilled by the operating system: on the CPU all
    19,968 bits of a Mersenne Twister's state, on CUDA the 64-bit key of Philox. Neither generator is
    cryptographic. The noise is torch's floating-point Gaussian: attacks on its lowest bits (Mironov 2012) are not
    excluded, but the discriminator never leaves the fit, only a generator trained through it.

    Args:
        module: The discriminator, on ``device``; without layers that mix rows. Holds the weights after each step.
        codes: ``(rows, columns)`` the private table, coded.
        units: ``(rows,)`` units of the rows, ``0..n - 1``; see
            :class:`~tabgan.privacy.doors.contributions.BoundedTable`.
        offsets: ``(columns,)`` start of each column's block.
        n_rows: Noisy number of rows.
        run: Sampling rate, noise multiplier, steps.
        privacy_filter: Charged before each block. Its plan bounds the rows of a unit.
        device: Device that holds the rows.
        learning_rate: Learning rate of Adam.

    Raises:
        PrivacyError: a private filter's plan holds another run than ``run``; no row is read.

    References:
        Abadi et al. (2016), *Deep Learning with Differential Privacy*, Algorithm 1.
        Li, Tramer, Liang & Hashimoto (2022), *Large Language Models Can Be Strong Differentially Private Learners*,
        on ghost clipping.
    """

    def __init__(
        self,
        module: nn.Module,
        codes: np.ndarray,
        units: np.ndarray,
        offsets: torch.Tensor,
        n_rows: float,
        run: SubsampledGaussian,
        privacy_filter: PrivacyFilter,
        device: torch.device,
        learning_rate: float = 2e-3,
    ) -> None:
        if privacy_filter.is_private and privacy_filter.plan.adversary != run:
            raise PrivacyError(f"dpsgd: expected the run of the plan, got {run}. No row was read.")
        self.module = module
        self.batch_size = max(1, round(run.sample_rate * n_rows))
        self._run = run
        self._filter = privacy_filter
        charged = sum(release.steps for releases in privacy_filter.recall(CALL) for release in releases)
        self._charged = 0
        self._uncharged = run.steps - charged
        self._codes = torch.as_tensor(codes).to(device)
        self._n_units = int(units.max(initial=-1)) + 1
        is_row = np.array_equal(units, np.arange(len(codes)))
        self._units = None if is_row else torch.as_tensor(units).to(device)
        #: The smallest draw, on a grid of 2**-53, that includes a unit: from there to 1 is the rate, rounded down.
        self._lets_in = 1.0 - math.floor(run.sample_rate * 2**53) / 2**53
        self._offsets = offsets.to(device)
        self._entropy = torch.Generator(device=device)
        # Opacus adds hooks to the module that it wraps: a copy, since the generator trains through one without hooks.
        self._wrapped = GradSampleModuleFastGradientClipping(
            copy.deepcopy(module).double(),
            max_grad_norm=CLIP_NORM / privacy_filter.plan.unit.max_rows,
            use_ghost_clipping=True,
            loss_reduction="mean",
        )
        self._optimizer = _DoubleNoise(
            torch.optim.Adam(self._wrapped.parameters(), lr=learning_rate, betas=(0.5, 0.99)),
            noise_multiplier=run.noise_multiplier,
            max_grad_norm=MAX_GRAD_NORM,
            expected_batch_size=self.batch_size,
            loss_reduction="mean",
            generator=self._entropy,
        )
        #: The smallest parameter of each layer: a gradient that reaches it has passed the layer's hook.
        self._ends = [
            min(own, key=torch.numel) for own in map(_own_parameters, self._wrapped.modules()) if own
        ]

    @property
    def steps_left(self) -> int:
        """Steps that may still be taken, charged or not."""
        return self._charged + self._uncharged

    def watch(self, observer: Callable[[list[torch.Tensor]], None]) -> None:
        """Call ``observer`` in each step with the noisy gradients, which the mechanism releases, one per weight.

        They are the sum of the clipped gradients and the noise, over the expected batch size.
        """
        self._optimizer.attach_step_hook(
            lambda optimizer: observer([parameter.grad.detach().clone() for parameter in optimizer.params])
        )

    def step(self, fakes: torch.Tensor) -> None:
        """Take one noisy, counted step.

        Raises:
            BudgetExceededError: all planned steps have been taken; no row is read.
        """
        if self.steps_left <= 0:
            raise BudgetExceededError("dpsgd: every planned step has been taken. Plan more steps instead.")
        if self._charged == 0:
            self._charge_block()
        self._charged -= 1
        _fill_with_entropy(self._entropy)
        batch = self._poisson_batch()
        rows = fakes.new_zeros(len(batch) + len(fakes), fakes.shape[1], dtype=torch.float64)
        rows[: len(batch)].scatter_(1, batch.long() + self._offsets, 1.0)
        rows[len(batch) :] = fakes.detach()
        is_real = (torch.arange(len(rows), device=rows.device) < len(batch)).double()
        weights = torch.where(is_real > 0, is_real, self.batch_size / max(len(fakes), 1))
        self._clip(rows, is_real, weights)
        self._optimizer.step()
        self._show()

    def _clip(self, rows: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor) -> None:
        """Set every parameter's gradient to the sum of the rows' clipped gradients, each times a public weight.

        Opacus' hooks compute the norm of each row's gradient from the gradients that pass back through each layer. So
        the first pass goes back to the biases alone, which costs next to nothing; the second computes the weights'
        gradients, of the losses times Opacus' clipping factors. Opacus' own loss computes them, and the rows', in both.
        """
        for parameter in self._wrapped.parameters():
            parameter._norm_sample = None  # a norm of an earlier batch must never clip this one
        losses = F.binary_cross_entropy_with_logits(self._wrapped(rows).squeeze(1), labels, reduction="none")
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", "Full backward hook is firing"
            )  # of rows, which need no gradient
            losses.mean().backward(inputs=self._ends, retain_graph=True)
            self._optimizer.zero_grad()
            factors = self._wrapped.get_clipping_coef()
            if (
                factors.shape != losses.shape
            ):  # with shape (batch, 1), each would be multiplied with every loss
                raise PrivacyError(f"dpsgd: expected a clipping factor for each of {len(rows)} rows.")
            self._wrapped.disable_hooks()
            try:
                (losses * factors * weights).sum().backward()
            finally:
                self._wrapped.enable_hooks()

    def draw_batch_size(self) -> int:
        """Return the number of rows of an unused batch, drawn exactly as in a step.

        It depends on the number of rows and passes through no mechanism: only for audits on made-up tables.
        """
        _fill_with_entropy(self._entropy)
        return len(self._poisson_batch())

    def _show(self) -> None:
        """Update the weights that the generator trains through."""
        with torch.no_grad():
            for shown, trained in zip(self.module.parameters(), self._wrapped.parameters(), strict=True):
                shown.copy_(trained)

    def _charge_block(self) -> None:
        """Charge the next block of steps, or all that the plan has left if they are fewer."""
        steps = min(BLOCK, self._uncharged)
        self._filter.charge(
            Release(
                "dpsgd",
                "discriminator's gradients",
                (),
                POISSON_GAUSSIAN,
                self._run.noise_multiplier,
                sample_rate=self._run.sample_rate,
                steps=steps,
                sensitivity=MAX_GRAD_NORM,
            ),
            call=CALL,
        )
        self._uncharged -= steps
        self._charged = steps

    def state(self) -> dict[str, torch.Tensor]:
        """Return copies of the weights and of the optimizer's state."""
        return pack(self._wrapped, self._optimizer.original_optimizer)

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Restore a state returned by :meth:`state`."""
        unpack(self._wrapped, self._optimizer.original_optimizer, state)
        self._show()

    def _poisson_batch(self) -> torch.Tensor:
        """Return ``(realised batch, columns)`` codes: each unit's rows are drawn with probability ``run.sample_rate``.

        Draws lie in [0, 1) on a grid of 2**-53. Units with draws near 1 are included; their share is the rate, rounded
        down to the grid.
        """
        shape, device = (self._n_units,), self._codes.device
        draws = torch.rand(shape, generator=self._entropy, device=device, dtype=torch.float64)
        is_in = draws >= self._lets_in
        if self._units is not None:
            is_in = is_in[self._units]
        return self._codes.index_select(0, is_in.nonzero().squeeze(1))


class PlainSteps:
    """Ordinary training of the discriminator, for a fit with ``epsilon=None``: no clipping, no noise.

    **Guarantee.** None, and so it refuses a fit that promises one: see ``privacy_filter``.

    Args:
        module: The discriminator, on ``device``.
        codes: ``(rows, columns)`` the table, coded.
        offsets: ``(columns,)`` start of each column's block.
        privacy_filter: The fit's filter. Nothing is charged to it.
        steps: Steps that may be taken.
        batch_size: Real rows of a batch, and fakes.
        rng: Generator that draws batches, on ``device``.
        device: Device that holds the rows.
        learning_rate: Learning rate of Adam.

    Raises:
        PrivacyError: the filter belongs to a private fit; no row is read.
    """

    def __init__(
        self,
        module: nn.Module,
        codes: np.ndarray,
        offsets: torch.Tensor,
        privacy_filter: PrivacyFilter,
        steps: int,
        batch_size: int,
        rng: torch.Generator,
        device: torch.device,
        learning_rate: float = 1e-3,
    ) -> None:
        if privacy_filter.is_private:
            raise PrivacyError(
                "dpsgd: training without noise was asked for in a fit that promises "
                f"epsilon={privacy_filter.plan.epsilon:g}. Use PrivateSteps."
            )
        self.module = module
        self._steps_left = steps
        self.batch_size = min(batch_size, len(codes))
        self._codes = torch.as_tensor(codes).to(device)
        self._offsets = offsets.to(device)
        self._rng = rng
        self._optimizer = torch.optim.Adam(module.parameters(), lr=learning_rate, betas=(0.5, 0.99))

    @property
    def steps_left(self) -> int:
        """Steps that may still be taken."""
        return self._steps_left

    def step(self, fakes: torch.Tensor) -> None:
        """Take one step."""
        self._steps_left -= 1
        size, device = (self.batch_size,), self._codes.device
        chosen = torch.randint(len(self._codes), size, generator=self._rng, device=device)
        real = _one_hot(self._codes[chosen], self._offsets, fakes.shape[1])
        loss = F.softplus(-self.module(real)).mean() + F.softplus(self.module(fakes.detach())).mean()
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()

    def state(self) -> dict[str, torch.Tensor]:
        """Return copies of the weights, the optimizer's state, the steps left and the generator's state."""
        left = {"steps_left": torch.tensor(self.steps_left), "rng": self._rng.get_state()}
        return {**pack(self.module, self._optimizer), **left}

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Restore a state returned by :meth:`state`."""
        unpack(self.module, self._optimizer, state)
        self._steps_left = int(state["steps_left"])
        self._rng.set_state(state["rng"])


def _own_parameters(module: nn.Module) -> list[torch.Tensor]:
    return list(module.parameters(recurse=False))


def _fill_with_entropy(generator: torch.Generator) -> None:
    """Reinitialise a generator from the operating system's entropy.

    On the CPU a seed is not enough: torch passes only 32 bits of ``manual_seed`` to its Mersenne Twister. So each of
    the twister's words is filled. Philox, on CUDA, takes a seed of 64 bits as its key.

    Raises:
        PrivacyError: torch's generator has a state of an unknown layout.
    """
    if generator.device.type != "cpu":
        generator.manual_seed(secrets.randbits(64))
        return
    state = generator.manual_seed(0).get_state()  # nothing drawn yet, no spare Gaussian kept
    if len(state) != _STATE_BYTES:
        raise PrivacyError(
            f"dpsgd: expected torch's generator to have a state of {_STATE_BYTES} bytes, got {len(state)}. "
            "Use the version of torch that tabgan was tested with."
        )
    words = np.frombuffer(secrets.token_bytes(4 * _WORDS), dtype=np.uint32).astype(np.int64)
    state.view(torch.int64)[_FIRST_WORD : _FIRST_WORD + _WORDS] = torch.from_numpy(words)
    generator.set_state(state)


def _one_hot(codes: torch.Tensor, offsets: torch.Tensor, width: int) -> torch.Tensor:
    """Return ``(batch, width)`` float one-hot blocks of ``(batch, columns)`` codes."""
    rows = torch.zeros(len(codes), width, device=codes.device)
    return rows.scatter_(1, codes.long() + offsets, 1.0)
