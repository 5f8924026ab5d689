"""Door 2: private rows train the discriminator, by DP-SGD and nothing else. The only import of opacus.

One object holds the rows and does all that the guarantee rests on: it charges the ledger, draws Poisson
batches, has Opacus clip and noise, and stops after the planned number of steps.
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

#: The most that one privacy unit may move a step's sum of gradients; the noise is scaled to it.
MAX_GRAD_NORM = 1.0

#: Where Opacus clips: a little below, so that rounding in norms and sums never carries a row past the bound.
CLIP_NORM = MAX_GRAD_NORM * (1 - 1e-4)

#: Steps that are charged at a time, before the first of them: what a crash may cost, and how often a disk waits.
BLOCK = 10

#: The call of a fit, for its ledger, that all blocks belong to.
CALL = "discriminator"

#: Bytes of the state of torch's CPU generator, and where in it the 624 words of its Mersenne Twister lie: each is
#: 32 bits in 8 bytes, after the seed, what is left of the block, and the next word's number.
_STATE_BYTES, _FIRST_WORD, _WORDS = 5056, 3, 624


#: Single precision has 24 bits: noise this close to its own single-precision value was drawn with no more. It is
#: found by subtraction, so only where it is at least so large a part of the sum that rounding leaves those bits.
_SINGLE, _TOLD = 2.0**-30, 2.0**-20

#: Weights from which on it is judged: one in 32 is that close by chance.
_ENOUGH = 16


class _DoubleNoise(DPOptimizerFastGradientClipping):
    """Opacus' optimizer, held to what the guarantee says of its noise: double precision, on the gradients' device.

    Versions of Opacus have drawn noise in torch's default precision, whatever the gradients' own, and none promises
    where it is drawn. So each step looks at the noise itself.
    """

    def add_noise(self) -> None:
        """Add noise to the sums of clipped gradients.

        Raises:
            PrivacyError: a sum or its noise is not in double precision, or not on the device of the noise's generator.
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
    """What the training loop knows of whoever trains the discriminator."""

    module: nn.Module
    batch_size: int

    @property
    def steps_left(self) -> int:
        """Steps that may still be taken."""

    def step(self, fakes: torch.Tensor) -> None:
        """Take one step on private rows and on ``fakes`` ``(fakes, width)``, which weigh as many as ``batch_size``."""

    def state(self) -> dict[str, torch.Tensor]:
        """Return copies of what the next step depends on, rows and randomness aside."""

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go back to what :meth:`state` returned. What was charged since then stays spent."""


class PrivateSteps:
    """DP-SGD on the discriminator's real rows, with fakes in the same update.

    **Guarantee.** Each step is one Poisson-subsampled Gaussian mechanism with the sampling rate and the noise
    multiplier of ``run``, under add-or-remove-one adjacency of the unit. Steps are charged in blocks of ``BLOCK``,
    before the first of a block; what was charged before an interruption counts as taken, whether it was or not.
    Sensitivity: a unit's rows come into a batch together or not at all, at most ``max_rows`` of them. Each row's
    gradient is clipped to ``CLIP_NORM / max_rows``, over all weights together, before the sum, and the noise is scaled
    to ``MAX_GRAD_NORM``, which is larger than a unit's share by 1e-4 of it. All of it is done in float64: in float32
    the sum over a batch of 20,000 rows moved by 1.0003 of the bound for one row. Each step checks that sums and noise
    are, and lie on the generator's device.
    Fakes come from the generator, which has only met released numbers; they are clipped alike, weighed up to the
    expected batch size, and enter the same sum, so they add nothing to the sensitivity, and real and fake gradients
    cancel where the two cannot be told apart. An empty Poisson batch is a batch of fakes alone: it is noised and
    counted like any other.
    The divisor is the expected batch size, from the noisy number of rows, never the batch's own.

    Batches and noise of every step come from a generator that the operating system has filled anew: on the CPU all
    19,968 bits of a Mersenne Twister's state, on CUDA the 64-bit key of Philox. Neither generator is a cryptographic
    one. The noise is torch's floating-point Gaussian: attacks on its lowest bits (Mironov 2012) are not excluded, but
    the discriminator never leaves the fit, only a generator trained through it.

    Args:
        module: The discriminator, on ``device``; without layers that mix rows. Holds the weights after each step.
        codes: ``(rows, columns)`` the private table, coded.
        units: ``(rows,)`` whose rows they are, ``0..n - 1``; see :class:`~tabgan.privacy.unit.BoundedTable`.
        offsets: ``(columns,)`` where each column's block begins.
        n_rows: Noisy number of rows.
        run: Sampling rate, noise multiplier, steps.
        privacy_filter: Charged before each block. Its plan says how many rows a unit may have.
        device: Where the rows go, once.
        learning_rate: Of Adam.

    Raises:
        PrivacyError: if ``run`` has no noise, or is not the one of the filter's plan; no row is touched then.

    References:
        Abadi et al. (2016), *Deep Learning with Differential Privacy*, Algorithm 1.
        Li, Tramer, Liang & Hashimoto (2022), *Large Language Models Can Be Strong Differentially Private Learners*,
        ghost clipping.
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
            raise PrivacyError(
                f"dpsgd: expected the run that the plan has room for, got {run}. No row was read."
            )
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
        #: The smallest draw, on a grid of 2**-53, that lets a unit in: up to 1 it is the rate, rounded down.
        self._lets_in = 1.0 - math.floor(run.sample_rate * 2**53) / 2**53
        self._offsets = offsets.to(device)
        self._entropy = torch.Generator(device=device)
        # Opacus hangs hooks on the module that it wraps; the generator learns through one that has none.
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
        #: The least parameter of each layer: what flows back to it flows through the layer's hook.
        self._ends = [
            min(own, key=torch.numel) for own in map(_own_parameters, self._wrapped.modules()) if own
        ]

    @property
    def steps_left(self) -> int:
        """Steps that may still be taken, charged for or not."""
        return self._charged + self._uncharged

    def watch(self, observer: Callable[[list[torch.Tensor]], None]) -> None:
        """Have ``observer`` called in each step with the noisy gradients: what the mechanism releases, by weights.

        They are the sum of the clipped gradients and the noise, over the expected batch size.
        """
        self._optimizer.attach_step_hook(
            lambda optimizer: observer([parameter.grad.detach().clone() for parameter in optimizer.params])
        )

    def step(self, fakes: torch.Tensor) -> None:
        """Take one noisy, counted step.

        Raises:
            BudgetExceededError: when all planned steps have been taken; no row is touched then.
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
        """Let every parameter's gradient be the sum of the rows' clipped ones, each times a public weight.

        Opacus' hooks take the norm of each row's gradient from what flows back through each layer. So the first pass
        goes back to the biases alone, which costs next to nothing; the weights' gradients are taken in the second, of
        the losses times Opacus' clipping factors. Opacus' own loss takes them in both, and the rows' as well.
        """
        for parameter in self._wrapped.parameters():
            parameter._norm_sample = None  # one of an earlier batch must never clip this one
        losses = F.binary_cross_entropy_with_logits(self._wrapped(rows).squeeze(1), labels, reduction="none")
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", "Full backward hook is firing"
            )  # of rows, which want no gradient
            losses.mean().backward(inputs=self._ends, retain_graph=True)
            self._optimizer.zero_grad()
            factors = self._wrapped.get_clipping_coef()
            if factors.shape != losses.shape:  # of (batch, 1), each would be multiplied with every loss
                raise PrivacyError(f"dpsgd: expected a clipping factor for each of {len(rows)} rows.")
            self._wrapped.disable_hooks()
            try:
                (losses * factors * weights).sum().backward()
            finally:
                self._wrapped.enable_hooks()

    def draw_batch_size(self) -> int:
        """Return the number of rows of a batch that is drawn as a step draws it, and not used.

        It is a function of the number of rows and of chance, which leaves through no mechanism: for audits of tables
        that are made up.
        """
        _fill_with_entropy(self._entropy)
        return len(self._poisson_batch())

    def _show(self) -> None:
        """Bring the weights that the generator learns through up to date."""
        with torch.no_grad():
            for shown, trained in zip(self.module.parameters(), self._wrapped.parameters(), strict=True):
                shown.copy_(trained)

    def _charge_block(self) -> None:
        """Charge the next steps, as many as a block has or the plan has left."""
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
        """Return copies of the weights and of what the optimizer keeps of them."""
        return pack(self._wrapped, self._optimizer.original_optimizer)

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go back to what :meth:`state` returned."""
        unpack(self._wrapped, self._optimizer.original_optimizer, state)
        self._show()

    def _poisson_batch(self) -> torch.Tensor:
        """Return ``(realised batch, columns)`` codes: each unit's rows are in with probability ``run.sample_rate``.

        Draws lie in [0, 1) on a grid of 2**-53. Seen from 1, the share of them that is let in is the rate rounded down.
        """
        shape, device = (self._n_units,), self._codes.device
        draws = torch.rand(shape, generator=self._entropy, device=device, dtype=torch.float64)
        is_in = draws >= self._lets_in
        if self._units is not None:
            is_in = is_in[self._units]
        return self._codes.index_select(0, is_in.nonzero().squeeze(1))


class PlainSteps:
    """Ordinary training of the discriminator, for a fit with ``epsilon=None``: no clipping, no noise.

    **Guarantee.** None, and so it cannot be had where one is promised: see ``privacy_filter``.

    Args:
        module: The discriminator, on ``device``.
        codes: ``(rows, columns)`` the table, coded.
        offsets: ``(columns,)`` where each column's block begins.
        privacy_filter: The fit's. Nothing is charged to it.
        steps: Steps that may be taken.
        batch_size: Real rows of a batch, and fakes.
        rng: Draws batches; on ``device``.
        device: Where the rows go, once.
        learning_rate: Of Adam.

    Raises:
        PrivacyError: when the filter is one of a private fit; no row is touched then.
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
        """Return copies of the weights and of what the optimizer keeps of them."""
        left = {"steps_left": torch.tensor(self.steps_left), "rng": self._rng.get_state()}
        return {**pack(self.module, self._optimizer), **left}

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go back to what :meth:`state` returned."""
        unpack(self.module, self._optimizer, state)
        self._steps_left = int(state["steps_left"])
        self._rng.set_state(state["rng"])


def _own_parameters(module: nn.Module) -> list[torch.Tensor]:
    return list(module.parameters(recurse=False))


def _fill_with_entropy(generator: torch.Generator) -> None:
    """Let a generator start anew from the operating system's entropy.

    On the CPU a seed is not enough: of ``manual_seed``, torch hands 32 bits to its Mersenne Twister. So each of the
    twister's words is filled. Philox, on CUDA, takes a seed of 64 bits as its key.

    Raises:
        PrivacyError: when torch keeps the state otherwise than we know.
    """
    if generator.device.type != "cpu":
        generator.manual_seed(secrets.randbits(64))
        return
    state = generator.manual_seed(0).get_state()  # nothing drawn yet, no Gaussian kept for later
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
