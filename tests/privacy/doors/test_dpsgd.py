"""Door 2: what one row can do to an update, and that batches, noise and accounting are one thing."""

import copy
import importlib
import math
from fractions import Fraction
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from opacus import GradSampleModule
from opacus.optimizers import DPOptimizerFastGradientClipping
from scipy import stats
from torch import nn
from torch.nn import functional as F

from tabgan.errors import BudgetExceededError, PrivacyError
from tabgan.model.adversary.discriminator import Discriminator
from tabgan.privacy.accounting import SubsampledGaussian
from tabgan.privacy.doors import dpsgd
from tabgan.privacy.doors.dpsgd import BLOCK, CLIP_NORM, MAX_GRAD_NORM, PlainSteps, PrivateSteps
from tabgan.privacy.events import POISSON_GAUSSIAN
from tabgan.privacy.filter import PrivacyFilter
from tabgan.privacy.plan import Plan, make_plan
from tabgan.privacy.unit import ROW, PrivacyUnit

#: The place of the step's noise.
OPACUS_OPTIMIZER = importlib.import_module(DPOptimizerFastGradientClipping.__module__)

SIZES = (3, 4)
WIDTH = sum(SIZES)
OFFSETS = torch.tensor([0, 3])
CPU = torch.device("cpu")
QUIET = 1e-9  # no noise to speak of, but a number that a mechanism can have


def table(n_rows: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(size, size=n_rows) for size in SIZES], axis=1).astype(np.int16)


def fakes(n_rows: int, seed: int = 1) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.cat([F.one_hot(torch.randint(s, (n_rows,), generator=rng), s) for s in SIZES], 1).float()


def discriminator(seed: int = 0) -> Discriminator:
    torch.manual_seed(seed)
    return Discriminator(WIDTH, 8)


def ledger_for(run: SubsampledGaussian, epsilon: float = 50.0, unit: PrivacyUnit = ROW) -> PrivacyFilter:
    """A ledger whose plan is the run and nothing else; without privacy where there is no noise to speak of."""
    is_private = run.noise_multiplier != QUIET
    plan = Plan(epsilon if is_private else None, 1e-5, 0.0, 0.0, {}, True, run if is_private else None, unit)
    return PrivacyFilter(plan)


def steps(
    noise: float = QUIET,
    *,
    rate: float = 1.0,
    n_steps: int = 50,
    codes=None,
    module=None,
    n_rows: float = 64,
    units=None,
    unit: PrivacyUnit = ROW,
) -> PrivateSteps:
    codes = table(64) if codes is None else codes
    units = np.arange(len(codes)) if units is None else units
    run = SubsampledGaussian(noise, rate, n_steps)
    ledger = ledger_for(run, unit=unit)
    return PrivateSteps(module or discriminator(), codes, units, OFFSETS, n_rows, run, ledger, CPU)


def weights(trained) -> torch.Tensor:
    return torch.cat([p.detach().ravel() for p in trained.module.parameters()])


def gradient(trained: PrivateSteps) -> torch.Tensor:
    """The update direction that the last step handed to Adam: clipped, noised, divided."""
    return torch.cat([p.grad.ravel() for p in trained._wrapped.parameters()])


def reference_sum(module: nn.Module, rows: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The clipped gradients' sum by Opacus' plain hooks, one gradient a row."""
    wrapped, rows, labels = copy.deepcopy(module).double(), rows.double(), labels.double()
    wrapped = GradSampleModule(wrapped, loss_reduction="sum")
    F.binary_cross_entropy_with_logits(
        wrapped(rows.clone().requires_grad_()), labels, reduction="sum"
    ).backward()
    each = torch.cat([p.grad_sample.flatten(1) for p in wrapped.parameters()], dim=1)
    factor = (CLIP_NORM / (each.norm(dim=1) + 1e-6)).clamp(max=1.0)
    return (each * factor[:, None]).sum(0)


def one_hot(codes: np.ndarray) -> torch.Tensor:
    return torch.cat(
        [F.one_hot(torch.as_tensor(codes[:, i]).long(), s) for i, s in enumerate(SIZES)], 1
    ).float()


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
@pytest.mark.parametrize("scale", [0.1, 30.0])
def test_without_noise_the_update_is_the_sum_of_clipped_gradients(scale):
    """Ghost clipping against Opacus' per-row gradients, with rows below and above the bound."""
    module = discriminator()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(scale)
    codes, fake = table(64), fakes(64)
    trained = steps(codes=codes, module=copy.deepcopy(module))
    trained.step(fake)
    rows = torch.cat([one_hot(codes), fake])
    labels = torch.cat([torch.ones(64, 1), torch.zeros(64, 1)])
    expected = reference_sum(module, rows, labels) / trained.batch_size
    assert torch.allclose(gradient(trained), expected, atol=1e-8)


@pytest.mark.parametrize("n_rows", [64, 20_000])
@pytest.mark.parametrize("seed", range(5))
def test_one_row_more_moves_the_sum_by_at_most_the_clipping_bound(seed, n_rows):
    """In sums over batches of (batch, 1) losses, Opacus lets it move by hundreds; in float32, by 1.0003."""
    codes = table(n_rows, seed)
    module = discriminator(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(8.0)
    sums = []
    for rows in (codes, codes[:-1]):
        trained = steps(codes=rows, module=copy.deepcopy(module))
        trained.step(fakes(64))
        sums.append(gradient(trained).double() * trained.batch_size)
    moved = (sums[0] - sums[1]).norm().item()
    assert 0.01 < moved <= MAX_GRAD_NORM


def test_changing_the_fakes_changes_the_update():
    """Pitfall 14."""
    updates = []
    for seed in (1, 2):
        trained = steps()
        trained.step(fakes(64, seed))
        updates.append(gradient(trained))
    assert (updates[0] - updates[1]).norm() > 1e-4


def test_few_fakes_weigh_as_many_as_the_batch():
    few = fakes(8)
    updates = []
    for fake in (few, few.repeat(8, 1)):
        trained = steps()
        assert trained.batch_size == 64
        trained.step(fake)
        updates.append(gradient(trained))
    assert torch.allclose(*updates, atol=1e-12)


@pytest.mark.parametrize("nth", [1, 2])
def test_a_step_that_was_cut_off_in_a_way_back_leaves_no_row_unclipped(monkeypatch, nth):
    """Rows of very different norms: factors of an earlier batch would show."""
    module = discriminator()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(30.0)
    trained = steps(module=copy.deepcopy(module), rate=0.5)
    trained.step(fakes(32))
    backward, calls = torch.Tensor.backward, []

    def interrupted(self, *args, **kwargs):
        calls.append(self)
        if len(calls) == nth:
            raise KeyboardInterrupt
        return backward(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(torch.Tensor, "backward", interrupted)
        with pytest.raises(KeyboardInterrupt):
            trained.step(fakes(32))
    for seed in range(20):
        before = discriminator().double()
        before.load_state_dict(trained._wrapped._module.state_dict())
        batch = table(64, seed)[:32]
        monkeypatch.setattr(trained, "_poisson_batch", partial(torch.as_tensor, batch))
        try:
            trained.step(fakes(32))
        except (NotImplementedError, RuntimeError):
            continue  # refused: Opacus still has what it knew of the step that was cut off
        rows = torch.cat([one_hot(batch), fakes(32)])
        labels = torch.cat([torch.ones(32, 1), torch.zeros(32, 1)])
        expected = reference_sum(before, rows, labels) / trained.batch_size
        assert torch.allclose(gradient(trained), expected, atol=1e-8)


def test_clipping_factors_of_another_shape_are_refused():
    """Multiplied with losses of shape (batch,), factors of (batch, 1) would clip no row."""
    trained = steps()
    factors = trained._wrapped.get_clipping_coef
    trained._wrapped.get_clipping_coef = lambda: factors()[:, None]
    with pytest.raises(PrivacyError, match="clipping factor"):
        trained.step(fakes(64))


def test_changing_the_rows_changes_the_update():
    updates = []
    for seed in (0, 1):
        trained = steps(codes=table(64, seed))
        trained.step(fakes(64))
        updates.append(gradient(trained))
    assert (updates[0] - updates[1]).norm() > 1e-4


def test_noise_reaches_the_weights():
    """Pitfall 15: written after the gradients, and not wiped before the step."""
    quiet, again, loud = steps(), steps(), steps(1_000.0)
    for trained in (quiet, again, loud):
        trained.step(fakes(64))
    assert torch.allclose(weights(quiet), weights(again))
    assert not torch.allclose(weights(quiet), weights(loud))


def noise_of_updates(noise: float, n_steps: int = 12) -> torch.Tensor:
    """Return the noise of updates: the rest beside the rows' and the fakes' share, equal at every step."""
    module = discriminator()
    trained = steps(noise, n_steps=n_steps, module=module)
    quiet = steps(n_steps=1, module=copy.deepcopy(module))
    quiet.step(fakes(64))
    start = copy.deepcopy(trained._wrapped.state_dict())
    found = []
    for _ in range(n_steps):
        trained._wrapped.load_state_dict(start)
        trained.step(fakes(64))
        found.append((gradient(trained) - gradient(quiet)) * trained.batch_size)
    return torch.cat(found)


def test_noise_has_the_scale_that_was_charged():
    """Two-sided, with wrong scales and no noise as controls."""
    found = noise_of_updates(5.0).numpy()

    def fits(stddev: float) -> bool:
        low, high = stats.chi2.interval(1 - 1e-5, len(found))
        return bool(low < (found**2).sum() / stddev**2 < high)

    assert fits(5.0 * MAX_GRAD_NORM)
    assert not fits(5.0 * MAX_GRAD_NORM * 3 / 2)
    assert not fits(5.0 * MAX_GRAD_NORM * 2 / 3)
    assert (np.abs(noise_of_updates(QUIET).numpy()) < 1e-4).all()


def single_noise(std, reference, generator=None, secure_mode=False):
    """Opacus' noise as some of its versions drew it: in torch's default precision."""
    noise = torch.normal(0.0, std, reference.shape, device=reference.device, generator=generator)
    return noise.to(reference.dtype)


@pytest.mark.parametrize("noise", [0.3, 1.0, 40.0])
def test_noise_in_single_precision_is_refused(monkeypatch, noise):
    trained = steps(noise)
    before = weights(trained)
    trained.step(fakes(64))  # the control: Opacus' own noise passes
    assert not torch.equal(weights(trained), before)
    before = weights(trained)
    monkeypatch.setattr(OPACUS_OPTIMIZER, "_generate_noise", single_noise)
    with pytest.raises(PrivacyError, match="double precision"):
        trained.step(fakes(64))
    assert torch.equal(weights(trained), before)


def test_gradients_in_single_precision_are_refused():
    trained = steps(1.0)
    trained._wrapped.float()
    trained._clip = lambda *_: [
        setattr(p, "grad", torch.zeros_like(p)) for p in trained._wrapped.parameters()
    ]
    with pytest.raises(PrivacyError, match=r"torch\.float64 on cpu, found torch\.float32"):
        trained.step(fakes(64))


def test_gradients_on_another_device_than_the_noise_are_refused():
    trained = steps(1.0)
    trained._clip = lambda *_: [
        setattr(p, "grad", torch.zeros_like(p, device="cpu")) for p in trained._wrapped.parameters()
    ]
    trained._optimizer.generator = SimpleNamespace(device=torch.device("cuda"))
    with pytest.raises(PrivacyError, match="on cuda, found"):
        trained.step(fakes(64))


def test_noise_never_repeats_under_a_seed():
    """Pitfall 20."""
    found = []
    for _ in range(2):
        torch.manual_seed(0)
        trained = steps(100.0, module=discriminator())
        trained.step(fakes(64))
        found.append(gradient(trained))
    assert not torch.equal(found[0], found[1])


def test_batches_are_poisson_at_the_charged_rate():
    """Pitfall 7: every row by a coin of its own, so that sizes vary as a binomial does."""
    n_rows, rate, runs = 2_000, 0.05, 300
    trained = steps(rate=rate, codes=table(n_rows))
    sizes = []
    for seed in range(runs):
        trained._entropy.manual_seed(seed)
        sizes.append(len(trained._poisson_batch()))
    mean, variance = n_rows * rate, n_rows * rate * (1 - rate)
    assert np.mean(sizes) == pytest.approx(mean, abs=4.5 * math.sqrt(variance / runs))
    low, high = stats.chi2.interval(1 - 1e-5, runs - 1)
    assert low < np.var(sizes, ddof=1) * (runs - 1) / variance < high


def test_the_share_of_draws_that_lets_a_row_in_is_never_above_the_charged_rate(monkeypatch):
    """A draw of float32 is below 0.02 with probability 335545 / 2**24, which is more."""
    rate, trained = 0.02, steps(rate=0.02, codes=table(9))
    around = int((1 - Fraction(rate)) * 2**53) + np.arange(-4, 5)
    drawn = []

    def rand(shape, *, generator, device, dtype):
        assert (shape, generator, dtype) == ((9,), trained._entropy, torch.float64)
        drawn.append(torch.as_tensor(around / 2**53, dtype=dtype))
        return drawn[0]

    monkeypatch.setattr(dpsgd.torch, "rand", rand)
    trained._codes = torch.arange(9)[:, None]
    assert trained._n_units == 9
    let_in = trained._poisson_batch().ravel().tolist()
    assert let_in == list(range(let_in[0], 9))  # the draws from some point up to 1
    share = 1 - Fraction(int(around[let_in[0]]), 2**53)
    assert Fraction(rate) - Fraction(1, 2**53) < share <= Fraction(rate)


class System:
    """Stands in for the operating system: its entropy is one large number, and however much is asked for is its end."""

    def __init__(self, monkeypatch):
        self.entropy = int.from_bytes(np.random.default_rng(0).bytes(4_000), "little")
        source = SimpleNamespace(
            token_bytes=lambda n: (self.entropy % 2 ** (8 * n)).to_bytes(n, "little"),
            randbits=lambda n: self.entropy % 2**n,
        )
        monkeypatch.setattr(dpsgd, "secrets", source)


def test_the_systems_entropy_reaches_noise_and_batch_beyond_32_bits(monkeypatch):
    """Of ``manual_seed``, torch's CPU generator takes 32 bits: two seeds that differ above them are one."""
    system, found = System(monkeypatch), []
    beyond = int.from_bytes(np.random.default_rng(1).bytes(4_000), "little") << 32
    for flipped in (0, beyond, beyond):
        system.entropy ^= flipped
        trained = steps(100.0, rate=0.5)
        trained.step(fakes(64))
        found.append((gradient(trained), trained._poisson_batch()))
    assert not torch.equal(found[0][0], found[1][0])
    assert not torch.equal(found[0][1], found[1][1])
    assert torch.equal(found[0][0], found[2][0])  # that nothing else was different
    assert trained._optimizer.generator is trained._entropy


@pytest.mark.parametrize("bit", [31, 32, 63, 64, 127, 5_000, 19_967])
def test_every_word_of_the_generators_state_is_the_systems(monkeypatch, bit):
    system, found = System(monkeypatch), []
    for flipped in (0, 2**bit):
        system.entropy ^= flipped
        generator = torch.Generator()
        torch.rand(5, generator=generator)
        dpsgd._fill_with_entropy(generator)
        found.append(torch.rand(700, generator=generator, dtype=torch.float64))
    assert not torch.equal(found[0], found[1])


def test_a_generator_filled_with_entropy_is_uniform_and_normal():
    generator = torch.Generator()
    dpsgd._fill_with_entropy(generator)
    uniform = torch.rand(20_000, generator=generator, dtype=torch.float64)
    normal = torch.randn(20_000, generator=generator, dtype=torch.float64)
    assert stats.kstest(uniform.numpy(), "uniform").pvalue > 1e-5
    assert stats.kstest(normal.numpy(), "norm").pvalue > 1e-5


def test_a_generator_that_is_laid_out_otherwise_is_refused(monkeypatch):
    monkeypatch.setattr(dpsgd, "_STATE_BYTES", 2_500)
    with pytest.raises(PrivacyError, match="expected torch's generator to have a state of 2500 bytes"):
        steps().step(fakes(64))


def test_an_empty_batch_takes_a_noisy_counted_step():
    """Pitfall 8."""
    trained = steps(50.0, rate=1e-9, n_steps=2)
    before = weights(trained)
    trained.step(fakes(4))
    assert trained.steps_left == 1
    assert gradient(trained).norm() * trained.batch_size > 10
    assert not torch.equal(before, weights(trained))


def test_the_divisor_and_the_fakes_follow_the_noisy_count_not_the_batch():
    """Pitfalls 9 and 10."""
    trained = steps(rate=0.5, n_steps=1, n_rows=100.4)
    assert trained.batch_size == 50
    assert trained._optimizer.expected_batch_size == 50


def test_every_block_is_charged_before_its_first_step_and_none_comes_after_the_last():
    """Pitfall 19: what is sampled, noised and counted is what is charged."""
    trained = steps(9.0, rate=0.1, n_steps=BLOCK + 2)
    entries = trained._filter.entries
    assert entries == []
    for taken in range(BLOCK + 2):
        trained.step(fakes(6))
        assert sum(entry.steps for entry in entries) == (BLOCK if taken < BLOCK else BLOCK + 2)
        assert trained.steps_left == BLOCK + 1 - taken
    for entry in entries:
        assert (entry.mechanism, entry.noise_multiplier, entry.sample_rate, entry.sensitivity) == (
            POISSON_GAUSSIAN,
            trained._optimizer.noise_multiplier,
            trained._run.sample_rate,
            trained._optimizer.max_grad_norm,
        )
    with pytest.raises(BudgetExceededError, match="every planned step"):
        trained.step(fakes(6))


def test_a_run_that_the_plan_has_no_room_for_never_sees_a_row():
    run = SubsampledGaussian(0.5, 1.0, 50)
    with pytest.raises(PrivacyError, match="the run of the plan"):
        PrivateSteps(discriminator(), None, None, OFFSETS, 64, run, PrivacyFilter(make_plan(1.0, 1e-5)), CPU)


def test_a_run_without_noise_is_refused():
    run = SubsampledGaussian(0.0, 0.1, 5)
    ledger = PrivacyFilter(Plan(1.0, 1e-5, 0.0, 0.0, {}, True, run))
    trained = PrivateSteps(discriminator(), table(64), np.arange(64), OFFSETS, 64, run, ledger, CPU)
    before = weights(trained)
    with pytest.raises(PrivacyError, match="finite positive noise"):
        trained.step(fakes(6))
    assert torch.equal(weights(trained), before)


class TestEntities:
    """The unit of privacy is an entity of several rows."""

    THREE = PrivacyUnit("key", 3)

    @pytest.mark.parametrize("seed", range(5))
    def test_all_rows_of_an_entity_move_the_sum_by_at_most_the_clipping_bound(self, seed):
        codes, units = np.repeat(table(20, seed), 3, axis=0), np.repeat(np.arange(20), 3)
        sums = []
        for kept in (slice(None), slice(0, -3)):
            trained = steps(codes=codes[kept], units=units[kept], unit=self.THREE, module=discriminator(seed))
            trained.step(fakes(64))
            sums.append(gradient(trained).double() * trained.batch_size)
        moved = (sums[0] - sums[1]).norm().item()
        assert 0.3 < moved <= MAX_GRAD_NORM

    def test_without_the_unit_they_would_move_it_further(self):
        """The negative control."""
        codes = np.repeat(table(20), 3, axis=0)
        sums = []
        for kept in (slice(None), slice(0, -3)):
            trained = steps(codes=codes[kept])
            trained.step(fakes(64))
            sums.append(gradient(trained).double() * trained.batch_size)
        assert (sums[0] - sums[1]).norm().item() > 1.5 * MAX_GRAD_NORM

    def test_an_entitys_rows_come_together_at_the_charged_rate(self):
        units = np.repeat(np.arange(400), 3)
        trained = steps(rate=0.2, codes=np.stack([units, units], 1), units=units, unit=self.THREE)
        sizes = []
        for seed in range(100):
            trained._entropy.manual_seed(seed)
            drawn = trained._poisson_batch()[:, 0].numpy()
            entities, rows = np.unique(drawn, return_counts=True)
            assert (rows == 3).all()
            sizes.append(len(entities))
        assert np.mean(sizes) == pytest.approx(80, abs=4.5 * math.sqrt(400 * 0.2 * 0.8 / 100))


def test_what_is_watched_is_the_noisy_gradient_and_nothing_before_it():
    trained, seen = steps(5.0), []
    trained.watch(seen.append)
    trained.step(fakes(64))
    assert torch.equal(torch.cat([part.ravel() for part in seen[0]]), gradient(trained))


def test_a_state_goes_on_where_it_was_and_what_was_charged_stays_so():
    trained = steps(5.0, n_steps=50)
    for seed in range(13):
        trained.step(fakes(64, seed))
    state = trained.state()
    other = steps(5.0, n_steps=50, module=discriminator(7))
    other.restore(state)
    assert torch.equal(weights(other), weights(trained))
    assert other.steps_left == 50  # its own ledger knows of none
    moments = other._optimizer.original_optimizer.state_dict()["state"]
    assert all(float(kept["step"]) == 13 for kept in moments.values())


def test_the_generators_view_of_the_discriminator_follows_and_has_no_hooks():
    trained = steps()
    trained.step(fakes(64))
    inner = torch.cat([p.detach().ravel() for p in trained._wrapped.parameters()])
    assert torch.equal(weights(trained), inner.float())
    for module in trained.module.modules():
        assert not module._forward_hooks
        assert not module._backward_hooks
        assert not module._full_backward_hooks if hasattr(module, "_full_backward_hooks") else True


def test_the_discriminator_mixes_no_rows():
    """Pitfalls 11 to 13: a row's score does not depend on its neighbours in the batch."""
    module = discriminator()
    rows = fakes(10)
    assert torch.allclose(module(rows)[:3], module(rows[:3]))
    kinds = (nn.modules.batchnorm._BatchNorm, nn.Dropout)
    assert not any(isinstance(part, kinds) for part in Discriminator(WIDTH, 16).modules())


def test_it_learns_to_tell_when_there_is_little_noise():
    """The door works: rows that are all of one kind are told from uniform fakes."""
    codes = np.zeros((64, 2), dtype=np.int16)
    trained = steps(codes=codes, n_steps=150)
    for seed in range(150):
        trained.step(fakes(64, seed))
    with torch.no_grad():
        gap = trained.module(one_hot(codes)).mean() - trained.module(fakes(64, 999)).mean()
    assert gap > 0.3


def test_plain_steps_learn_without_any_noise():
    codes = np.zeros((64, 2), dtype=np.int16)
    rng = torch.Generator().manual_seed(0)
    plain = PlainSteps(
        discriminator(), codes, OFFSETS, PrivacyFilter(make_plan(None, 1e-6)), 100, 32, rng, CPU
    )
    for seed in range(100):
        plain.step(fakes(32, seed))
    with torch.no_grad():
        gap = plain.module(one_hot(codes)).mean() - plain.module(fakes(64, 999)).mean()
    assert plain.steps_left == 0
    assert gap > 0.3


def test_plain_steps_cannot_be_had_in_a_fit_that_promises_anything():
    rng = torch.Generator()
    with pytest.raises(PrivacyError, match="without noise was asked for in a fit that promises epsilon=50"):
        PlainSteps(
            discriminator(), table(64), OFFSETS, PrivacyFilter(make_plan(50.0, 1e-5)), 100, 32, rng, CPU
        )
