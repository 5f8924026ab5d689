"""Door 2: what one row can do to an update, and that batches, noise and accounting are one thing."""

import copy
import math
from fractions import Fraction
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from opacus import GradSampleModule
from scipy import stats
from torch import nn
from torch.nn import functional as F

from tabgan.errors import BudgetExceededError, PrivacyError
from tabgan.privacy.accounting import SubsampledGaussian
from tabgan.privacy.doors import dpsgd, measured_table, mechanisms
from tabgan.privacy.doors.dpsgd import (
    CLIP_NORM,
    PlainSteps,
    PrivateSteps,
    measure_gain,
)
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.doors.measured_table import MeasuredTable
from tabgan.privacy.events import GAUSSIAN, MAX_GRAD_NORM, POISSON_GAUSSIAN
from tabgan.privacy.filter import PrivacyFilter
from tabgan.privacy.ledger.journal import Journal
from tabgan.privacy.plan import SHARES, Plan, make_plan
from tabgan.privacy.unit import ROW, PrivacyUnit
from tabgan.table.summed import FrameRows

SIZES = (3, 4)
CPU = torch.device("cpu")
QUIET = 1e-9  # no noise to speak of, but a number that a mechanism can have


class TinyGame:
    """A perceptron that predicts a row's second code from its first: two layers, so that norms add up over them."""

    def __init__(self, seed: int = 0, scale: float = 1.0) -> None:
        torch.manual_seed(seed)
        self.network = nn.Sequential(nn.Linear(SIZES[0], 8), nn.LeakyReLU(0.2), nn.Linear(8, SIZES[1]))
        with torch.no_grad():
            for parameter in self.network.parameters():
                parameter.mul_(scale)

    def prepare(self, codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return F.one_hot(codes[:, 0].long(), SIZES[0]).float(), codes[:, 1:].float()

    def losses(self, outputs: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(outputs, given[:, 0].long(), reduction="none")

    def optimizer(self, n_rows, noise, sample_rate):
        return lambda parameters: torch.optim.Adam(parameters, lr=2e-3)


def table(n_rows: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(size, size=n_rows) for size in SIZES], axis=1).astype(np.int16)


def measurer_for(
    run: SubsampledGaussian, unit: PrivacyUnit = ROW, journal: Journal | None = None
) -> Measurer:
    """A measurer whose plan is the run and nothing else; without privacy where there is no noise to speak of."""
    is_private = run.noise_multiplier != QUIET
    plan = Plan(50.0 if is_private else None, 1e-5, 0.0, 0.0, {}, True, run if is_private else None, unit)
    return Measurer(PrivacyFilter(plan), journal)


def steps(
    noise: float = QUIET,
    *,
    rate: float = 1.0,
    n_steps: int = 50,
    codes=None,
    game=None,
    n_rows: float = 64,
    units=None,
    unit: PrivacyUnit = ROW,
    journal: Journal | None = None,
) -> PrivateSteps:
    codes = table(64) if codes is None else codes
    units = np.arange(len(codes)) if units is None else units
    run = SubsampledGaussian(noise, rate, n_steps)
    return PrivateSteps(game or TinyGame(), codes, units, n_rows, run, measurer_for(run, unit, journal), CPU)


def weights(trained) -> torch.Tensor:
    return torch.cat([p.detach().ravel() for p in trained._game.network.parameters()])


def gradient(trained: PrivateSteps) -> torch.Tensor:
    """The update direction that the last step handed to Adam: clipped, noised, divided."""
    return torch.cat([p.grad.ravel() for p in trained._wrapped.parameters()])


def moved_by_the_last(codes: np.ndarray, rows: int, **kwargs) -> float:
    """Return the change of the clipped gradients' sum by the last rows of a table."""
    sums = []
    units = kwargs.pop("units", np.arange(len(codes)))
    game = kwargs.pop("game", TinyGame())
    for kept in (slice(None), slice(0, -rows)):
        trained = steps(codes=codes[kept], units=units[kept], game=copy.deepcopy(game), **kwargs)
        trained.step()
        sums.append(gradient(trained) * trained.batch_size)
    return float((sums[0] - sums[1]).norm())


def reference_sum(game: TinyGame, codes: np.ndarray) -> torch.Tensor:
    """The clipped gradients' sum by Opacus' plain hooks, one gradient a row."""
    wrapped = GradSampleModule(copy.deepcopy(game.network).double(), loss_reduction="sum")
    inputs, given = game.prepare(torch.as_tensor(codes))
    game.losses(wrapped(inputs.double().requires_grad_()), given).sum().backward()
    each = torch.cat([p.grad_sample.flatten(1) for p in wrapped.parameters()], dim=1)
    factor = (CLIP_NORM / (each.norm(dim=1) + 1e-6)).clamp(max=1.0)
    return (each * factor[:, None]).sum(0)


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
@pytest.mark.parametrize("chunk", [1, 10, 2_048])
@pytest.mark.parametrize("scale", [0.1, 30.0])
def test_without_noise_the_update_is_the_sum_of_clipped_gradients(monkeypatch, scale, chunk):
    """Ghost clipping, in parts of a batch, against Opacus' per-row gradients, with rows below and above the bound."""
    monkeypatch.setattr(dpsgd, "CHUNK", chunk)
    game, codes = TinyGame(scale=scale), table(64)
    trained = steps(codes=codes, game=copy.deepcopy(game))
    trained.step()
    expected = reference_sum(game, codes) / trained.batch_size
    assert torch.allclose(gradient(trained), expected, atol=1 / mechanisms.GRID)


@pytest.mark.parametrize("n_rows", [64, 20_000])
@pytest.mark.parametrize("seed", range(5))
def test_one_row_more_moves_the_sum_by_at_most_the_clipping_bound(seed, n_rows):
    """In sums over batches of (batch, 1) losses, Opacus lets it move by hundreds; in float32, by 1.0003."""
    assert 1e-4 < moved_by_the_last(table(n_rows, seed), 1, game=TinyGame(seed, 8.0)) <= MAX_GRAD_NORM


@pytest.mark.parametrize("nth", [1, 2])
def test_a_step_that_was_cut_off_in_a_way_back_leaves_no_row_unclipped(monkeypatch, nth):
    """Rows of very different norms: factors of an earlier batch would show, and so would its sum."""
    trained = steps(game=TinyGame(scale=30.0), rate=0.5)
    trained.step()
    backward, calls = torch.Tensor.backward, []

    def interrupted(self, *args, **kwargs):
        calls.append(self)
        if len(calls) == nth:
            raise KeyboardInterrupt
        return backward(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(torch.Tensor, "backward", interrupted)
        with pytest.raises(KeyboardInterrupt):
            trained.step()
    for seed in range(20):
        before = TinyGame()
        before.network.double().load_state_dict(trained._wrapped._module.state_dict())
        batch = table(64, seed)[:32]
        monkeypatch.setattr(trained, "_poisson_batch", partial(torch.as_tensor, batch))
        try:
            trained.step()
        except (NotImplementedError, RuntimeError):
            continue  # refused: Opacus still has what it knew of the step that was cut off
        expected = reference_sum(before, batch) / trained.batch_size
        assert torch.allclose(gradient(trained), expected, atol=1 / mechanisms.GRID)


def test_clipping_factors_of_another_shape_are_refused():
    """Multiplied with losses of shape (batch,), factors of (batch, 1) would clip no row."""
    trained = steps()
    factors = trained._wrapped.get_clipping_coef
    trained._wrapped.get_clipping_coef = lambda: factors()[:, None]
    with pytest.raises(PrivacyError, match="one clipping factor for each row"):
        trained.step()


@pytest.mark.parametrize(
    "wrong", [lambda each: each.mean(), lambda each: each[:, None], lambda each: each[:3]]
)
def test_losses_that_are_not_one_a_row_are_refused(wrong):
    trained = steps()
    losses = trained._game.losses
    trained._game.losses = lambda *args: wrong(losses(*args))
    with pytest.raises(PrivacyError, match="expected one loss for each row"):
        trained.step()


def test_changing_the_rows_changes_the_update():
    updates = []
    for seed in (0, 1):
        trained = steps(codes=table(64, seed))
        trained.step()
        updates.append(gradient(trained))
    assert (updates[0] - updates[1]).norm() > 1e-4


def test_noise_reaches_the_weights():
    """Pitfall 15: written after the gradients, and not wiped before the step."""
    quiet, again, loud = steps(), steps(), steps(1_000.0)
    for trained in (quiet, again, loud):
        trained.step()
    assert torch.allclose(weights(quiet), weights(again))
    assert not torch.allclose(weights(quiet), weights(loud))


def noise_of_updates(noise: float, n_steps: int = 12) -> torch.Tensor:
    """Return the noise of updates: the rest beside the rows' share, equal at every step."""
    game = TinyGame()
    trained = steps(noise, n_steps=n_steps, game=game)
    quiet = steps(n_steps=1, game=copy.deepcopy(game))
    quiet.step()
    start = copy.deepcopy(trained._wrapped.state_dict())
    found = []
    for _ in range(n_steps):
        trained._wrapped.load_state_dict(start)
        trained.step()
        found.append((gradient(trained) - gradient(quiet)) * trained.batch_size)
    return torch.cat(found)


@pytest.mark.fresh_noise
def test_noise_has_the_scale_that_was_charged():
    """Two-sided, with wrong scales and no noise as controls."""
    found = noise_of_updates(5.0).numpy()

    def fits(stddev: float) -> bool:
        low, high = stats.chi2.interval(1 - 1e-7, len(found))
        return bool(low < (found**2).sum() / stddev**2 < high)

    assert fits(5.0 * MAX_GRAD_NORM)
    assert not fits(5.0 * MAX_GRAD_NORM * 3 / 2)
    assert not fits(5.0 * MAX_GRAD_NORM * 2 / 3)
    assert (np.abs(noise_of_updates(QUIET).numpy()) < 1e-4).all()


def test_noise_is_that_of_the_counts_scaled_up_for_the_rounding(monkeypatch):
    """Discrete, on the grid, and drawn by OpenDP: no generator of torch's has a part in it."""
    asked = []

    def spy(values, noise):
        asked.append((values, noise))
        return mechanisms.noisy_vector(values, noise)

    trained = steps(5.0)
    n_weights = len(weights(trained))
    monkeypatch.setattr(dpsgd, "mechanisms", SimpleNamespace(noisy_vector=spy, GRID=mechanisms.GRID))
    trained.step()
    ((values, noise),) = asked
    assert values.shape == (n_weights,)
    assert noise == pytest.approx(
        5.0 * MAX_GRAD_NORM * (1 + math.sqrt(n_weights) / mechanisms.GRID), rel=1e-12
    )
    on_grid = gradient(trained).numpy() * trained.batch_size * mechanisms.GRID
    assert np.abs(on_grid - np.rint(on_grid)).max() < 1e-6


def test_gradients_in_single_precision_are_refused():
    trained = steps(1.0)
    trained._wrapped.float()
    trained._clip = lambda *_: [
        setattr(p, "grad", torch.zeros_like(p)) for p in trained._wrapped.parameters()
    ]
    with pytest.raises(PrivacyError, match=r"as torch\.float64, found torch\.float32"):
        trained.step()


@pytest.mark.fresh_noise
def test_noise_never_repeats_under_a_seed():
    """Pitfall 20."""
    found = []
    for _ in range(2):
        torch.manual_seed(0)
        trained = steps(100.0, game=TinyGame())
        trained.step()
        found.append(gradient(trained))
    assert not torch.equal(found[0], found[1])


@pytest.mark.fresh_noise
def test_batches_are_poisson_at_the_charged_rate():
    """Pitfall 7: every row by a coin of its own, so that sizes vary as a binomial does."""
    n_rows, rate, runs = 2_000, 0.05, 300
    trained = steps(rate=rate, codes=table(n_rows))
    sizes = []
    for _ in range(runs):
        sizes.append(len(trained._poisson_batch()))
    mean, variance = n_rows * rate, n_rows * rate * (1 - rate)
    margin = 5.5 * math.sqrt(variance / runs)
    assert abs(np.mean(sizes) - mean) < margin
    assert not any(abs(np.mean(sizes) - mean * wrong) < margin for wrong in (2 / 3, 3 / 2))
    low, high = stats.chi2.interval(1 - 1e-7, runs - 1)
    assert low < np.var(sizes, ddof=1) * (runs - 1) / variance < high


def test_the_share_of_draws_that_lets_a_row_in_is_never_above_the_charged_rate(monkeypatch):
    """A draw of float32 is below 0.02 with probability 335545 / 2**24, which is more."""
    rate, trained = 0.02, steps(rate=0.02, codes=table(9))
    around = int((1 - Fraction(rate)) * 2**53) + np.arange(-4, 5)

    monkeypatch.setattr(measured_table, "_draws", lambda n: around / 2**53)
    trained._codes = torch.arange(9)[:, None]
    assert trained._n_units == 9
    let_in = trained._poisson_batch().ravel().tolist()
    assert let_in == list(range(let_in[0], 9))  # the draws from some point up to 1
    share = 1 - Fraction(int(around[let_in[0]]), 2**53)
    assert Fraction(rate) - Fraction(1, 2**53) < share <= Fraction(rate)


@pytest.mark.fresh_noise
def test_draws_are_the_systems_entropy_and_uniform(monkeypatch):
    found = measured_table._draws(20_000)
    assert stats.kstest(found, "uniform").pvalue > 1e-7
    assert not np.array_equal(found, measured_table._draws(20_000))
    assert found.max() < 1.0
    for byte, expected in ((b"\0", 0.0), (b"\xff", 1 - 2.0**-53)):
        monkeypatch.setattr(
            measured_table, "secrets", SimpleNamespace(token_bytes=lambda n, byte=byte: byte * n)
        )
        assert measured_table._draws(3).tolist() == [expected] * 3


def measured(codes, n_rows: float) -> MeasuredTable:
    """Return as much of a measured table as the draw of a part of its rows asks for."""
    encoder = SimpleNamespace(columns=(), positions={}, cycles={})
    frame = FrameRows(pd.DataFrame(index=range(len(codes))))
    released = SimpleNamespace(n_rows=n_rows)
    return MeasuredTable(released, encoder, [], [], [], codes, frame)  # type: ignore[arg-type]


@pytest.mark.fresh_noise
def test_units_of_a_part_are_drawn_one_by_one_at_its_rate(monkeypatch):
    """Two-sided, with wrong rates as controls: units as independent coins, whose rows come together."""
    monkeypatch.setattr(measured_table, "MANY_ROWS", 4_000)
    monkeypatch.setattr(measured_table, "DRAWN_ROWS", 1_000)
    monkeypatch.setattr(measured_table, "DRAWS", 700)
    units = np.repeat(np.arange(2_500), 2)
    codes = np.stack([units, np.arange(5_000)], axis=1)
    many, runs, sizes, seen = measured(codes, 5_000.0), 200, [], np.zeros(2_500)
    for _ in range(runs):
        part = measured_table.training_rows(many, units)
        drawn = np.unique(part.codes[:, 0])
        assert part.n_rows == 1_000.0
        assert part.codes[:, 1].tolist() == np.flatnonzero(np.isin(units, drawn)).tolist()  # all their rows
        assert part.units.tolist() == np.repeat(np.arange(len(drawn)), 2).tolist()
        assert part.places.shape == (len(part.codes), 0)
        sizes.append(len(drawn))
        seen[drawn] += 1

    def fits(rate):
        mean, variance = 2_500 * rate, 2_500 * rate * (1 - rate)
        return bool(abs(np.mean(sizes) - mean) < 5.5 * math.sqrt(variance / runs))

    assert fits(0.2)
    assert not any(fits(0.2 * wrong) for wrong in (2 / 3, 3 / 2))
    low, high = stats.chi2.interval(1 - 1e-7, runs - 1)
    assert low < np.var(sizes, ddof=1) * (runs - 1) / (2_500 * 0.2 * 0.8) < high
    low, high = stats.chi2.interval(1 - 1e-7, 2_500)
    assert (
        low < ((seen - runs * 0.2) ** 2).sum() / (runs * 0.2 * 0.8) < high
    )  # no unit more often than another


def test_few_rows_are_a_part_as_they_are():
    codes = table(50)
    part = measured_table.training_rows(measured(codes, float(measured_table.MANY_ROWS)), np.arange(50))
    assert part.codes is codes
    assert part.n_rows == measured_table.MANY_ROWS


def test_an_empty_batch_takes_a_noisy_counted_step():
    """Pitfall 8."""
    trained = steps(50.0, rate=1e-9, n_steps=2)
    before = weights(trained)
    trained.step()
    assert trained.steps_left == 1
    assert gradient(trained).norm() * trained.batch_size > 10
    assert not torch.equal(before, weights(trained))


def test_the_divisor_follows_the_noisy_count_not_the_batch():
    """Pitfalls 9 and 10."""
    trained = steps(rate=0.5, n_steps=1, n_rows=100.4)
    assert trained.batch_size == 50
    assert trained._optimizer.expected_batch_size == 50


def test_every_step_is_charged_before_a_row_is_read_and_none_comes_after_the_last(monkeypatch):
    """Pitfall 19: what is sampled, noised and counted is what is charged."""
    trained = steps(9.0, rate=0.1, n_steps=3)
    entries, charged = trained._measurer.privacy_filter.entries, []
    drawn = trained._poisson_batch
    monkeypatch.setattr(trained, "_poisson_batch", lambda: (charged.append(len(entries)), drawn())[1])
    for taken in range(3):
        trained.step()
        assert trained.steps_left == 2 - taken
    assert charged == [1, 2, 3]
    for entry in entries:
        assert (
            entry.steps,
            entry.mechanism,
            entry.noise_multiplier,
            entry.sample_rate,
            entry.sensitivity,
        ) == (
            1,
            POISSON_GAUSSIAN,
            trained._optimizer.noise_multiplier,
            trained._run.sample_rate,
            trained._optimizer.max_grad_norm,
        )
    with pytest.raises(BudgetExceededError, match="every planned step"):
        trained.step()
    assert charged == [1, 2, 3]


def test_a_run_that_the_plan_has_no_room_for_never_sees_a_row():
    run = SubsampledGaussian(0.5, 1.0, 50)
    measurer = Measurer(PrivacyFilter(make_plan(1.0, 1e-5)))
    with pytest.raises(PrivacyError, match="the run of the plan"):
        PrivateSteps(TinyGame(), None, None, 64, run, measurer, CPU)


def test_a_run_without_noise_is_refused():
    run = SubsampledGaussian(0.0, 0.1, 5)
    measurer = Measurer(PrivacyFilter(Plan(1.0, 1e-5, 0.0, 0.0, {}, True, run)))
    trained = PrivateSteps(TinyGame(), table(64), np.arange(64), 64, run, measurer, CPU)
    before = weights(trained)
    with pytest.raises(PrivacyError, match="finite positive noise"):
        trained.step()
    assert torch.equal(weights(trained), before)


def test_a_recorded_gradient_is_taken_again_without_a_row_or_a_draw(monkeypatch, tmp_path):
    path = tmp_path / "answers.jsonl"
    first = steps(5.0, n_steps=3, journal=Journal(path, "fit"))
    first.step()
    first.step()
    again = steps(5.0, n_steps=3, codes=table(1), journal=Journal(path, "fit"))
    again._measurer.privacy_filter.recall = lambda call: (
        first._measurer.privacy_filter.entries[:1] and [tuple(first._measurer.privacy_filter.entries[:1])]
    )
    monkeypatch.setattr(again, "_poisson_batch", lambda: pytest.fail("a row was read"))
    monkeypatch.setattr(measured_table, "_draws", lambda n: pytest.fail("a batch was drawn"))
    monkeypatch.setattr(mechanisms, "noisy_vector", lambda *args: pytest.fail("noise was drawn"))
    again.step()
    again.step()
    assert again.steps_left == 1
    torch.testing.assert_close(weights(again), weights(first))


def test_a_step_whose_gradient_was_lost_counts_as_taken_and_is_not_drawn_again(monkeypatch, tmp_path):
    trained = steps(5.0, n_steps=3, journal=Journal(tmp_path / "answers.jsonl", "fit"))
    charge = steps(5.0, n_steps=3)
    charge.step()
    trained._measurer.privacy_filter.recall = lambda call: [tuple(charge._measurer.privacy_filter.entries)]
    monkeypatch.setattr(trained, "_poisson_batch", lambda: pytest.fail("a row was read"))
    before = weights(trained)
    trained.step()
    assert trained.steps_left == 2
    assert torch.equal(weights(trained), before)


class TestEntities:
    """The unit of privacy is an entity of several rows."""

    THREE = PrivacyUnit("key", 3)

    @pytest.mark.parametrize("seed", range(5))
    def test_all_rows_of_an_entity_move_the_sum_by_at_most_the_clipping_bound(self, seed):
        codes, units = np.repeat(table(20, seed), 3, axis=0), np.repeat(np.arange(20), 3)
        moved = moved_by_the_last(codes, 3, units=units, unit=self.THREE, game=TinyGame(seed))
        assert 0.3 < moved <= MAX_GRAD_NORM

    def test_without_the_unit_they_would_move_it_further(self):
        """The negative control."""
        assert moved_by_the_last(np.repeat(table(20), 3, axis=0), 3) > 1.5 * MAX_GRAD_NORM

    def test_an_entitys_rows_come_together_at_the_charged_rate(self):
        units = np.repeat(np.arange(400), 3)
        trained = steps(rate=0.2, codes=np.stack([units, units], 1), units=units, unit=self.THREE)
        sizes = []
        for _ in range(100):
            drawn = trained._poisson_batch()[:, 0].numpy()
            entities, rows = np.unique(drawn, return_counts=True)
            assert (rows == 3).all()
            sizes.append(len(entities))
        assert np.mean(sizes) == pytest.approx(80, abs=4.5 * math.sqrt(400 * 0.2 * 0.8 / 100))


def test_what_is_watched_is_the_noisy_gradient_and_nothing_before_it():
    trained, seen = steps(5.0), []
    trained.watch(seen.append)
    trained.step()
    assert torch.equal(seen[0], gradient(trained))


def test_the_generators_view_of_the_network_follows_and_has_no_hooks():
    trained = steps()
    trained.step()
    inner = torch.cat([p.detach().ravel() for p in trained._wrapped.parameters()])
    assert torch.equal(weights(trained), inner.float())
    for module in trained._game.network.modules():
        assert not module._forward_hooks
        assert not module._backward_hooks


def right(game: TinyGame) -> float:
    """Return the mean probability of the second code that each row of ``np.zeros`` has."""
    inputs, _ = game.prepare(torch.zeros(1, 2, dtype=torch.int64))
    return float(torch.softmax(game.network(inputs), dim=1)[0, 0].detach())


@pytest.mark.family
@pytest.mark.parametrize("is_private", [True, False])
def test_it_learns_what_rows_have_in_common_when_there_is_little_noise(is_private):
    """The door works: rows that all have the same second code are told."""
    codes, game = np.zeros((64, 2), dtype=np.int16), TinyGame()
    before = right(game)
    plain = PrivacyFilter(make_plan(None, 1e-6))
    trained = steps(codes=codes, n_steps=150, game=game)
    if not is_private:
        trained = PlainSteps(game, codes, plain, 150, CPU)
    while trained.steps_left:
        trained.step()
    assert right(game) > before + 0.3


def test_plain_steps_take_the_whole_gradient_in_parts(monkeypatch):
    found = []
    for chunk in (7, 2_048):
        monkeypatch.setattr(dpsgd, "CHUNK", chunk)
        game = TinyGame()
        plain = PlainSteps(game, table(64), PrivacyFilter(make_plan(None, 1e-6)), 1, CPU)
        plain.step()
        found.append(torch.cat([p.grad.ravel() for p in game.network.parameters()]))
    torch.testing.assert_close(found[0], found[1])


def test_plain_steps_never_see_the_rows_that_they_hold_out():
    codes, game = np.arange(100)[:, None], TinyGame()
    plain = PrivacyFilter(make_plan(None, 1e-6))
    trained = PlainSteps(game, codes, plain, 1, CPU, np.random.default_rng(0))
    seen = trained._codes.ravel().tolist()
    assert len(trained.held_out) == 20
    assert sorted([*seen, *trained.held_out.ravel().tolist()]) == list(range(100))
    assert len(PlainSteps(game, codes, plain, 1, CPU).held_out) == 0


def test_plain_steps_cannot_be_had_in_a_fit_that_promises_anything():
    with pytest.raises(PrivacyError, match="without noise was asked for in a fit that promises epsilon=50"):
        PlainSteps(TinyGame(), table(64), PrivacyFilter(make_plan(50.0, 1e-5)), 100, CPU)


class TestGain:
    """The noisy test of a critic."""

    THREE = PrivacyUnit("key", 3)

    def measure(self, gains, n_rows=64, mu=1.0, unit=ROW):
        plan = Plan(None if math.isinf(mu) else 50.0, 1e-5, 0.0, mu, dict(SHARES), True, None, unit)
        measurer = Measurer(PrivacyFilter(plan))
        return measure_gain(gains, 0.5, table(n_rows), "target", measurer, CPU), measurer.privacy_filter

    def test_without_privacy_it_is_the_clipped_sum(self):
        def gains(codes):
            return torch.where(codes[:, 0] == 0, 100.0, -0.1)

        first = int((table(64)[:, 0] == 0).sum())
        (gain, noise), _ = self.measure(gains, mu=math.inf)
        assert gain == pytest.approx(first - (64 - first) * 0.1 / 0.5)
        assert noise == pytest.approx((first + (64 - first) * 0.2**2) ** 0.5)  # that of the rows as a sample

    @pytest.mark.parametrize("extreme", [math.inf, -math.inf, math.nan, 1e30])
    def test_no_row_counts_for_more_than_one(self, extreme):
        gains = {
            n: self.measure(lambda codes: torch.full((len(codes),), extreme), n, math.inf)[0][0]
            for n in (9, 10)
        }
        assert abs(gains[10] - gains[9]) <= 1.0

    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize("unit", [ROW, THREE])
    @pytest.mark.fresh_noise
    def test_its_noise_has_the_scale_that_was_charged(self, unit):
        """Two-sided, with wrong scales as controls."""
        found = []
        for _ in range(400):
            (gain, noise), ledger = self.measure(lambda codes: torch.zeros(len(codes)), unit=unit)
            found.append(gain)
        (entry,) = ledger.entries
        assert (entry.mechanism, entry.columns, entry.sensitivity) == (GAUSSIAN, ("target",), unit.max_rows)
        assert noise == entry.noise_stddev == pytest.approx(unit.max_rows / math.sqrt(SHARES["gain"]))

        def fits(stddev):
            low, high = stats.chi2.interval(1 - 1e-7, len(found))
            return bool(low < (np.square(found) / stddev**2).sum() < high)

        assert fits(noise)
        assert not fits(noise * 3 / 2)
        assert not fits(noise * 2 / 3)

    @pytest.mark.parametrize("shape", [(64, 5), (1,), ()])
    def test_gains_that_are_not_one_a_row_are_refused(self, shape):
        with pytest.raises(PrivacyError, match="expected one gain for each row"):
            self.measure(lambda codes: torch.ones(shape))

    def test_it_is_charged_before_a_row_is_read(self):
        plan = Plan(50.0, 1e-5, 0.0, 1.0, dict(SHARES), True)
        measurer = Measurer(PrivacyFilter(plan))
        with pytest.raises(RuntimeError, match="read"):
            measure_gain(
                lambda codes: (_ for _ in ()).throw(RuntimeError("read")), 0.5, table(9), "t", measurer, CPU
            )
        assert [entry.what for entry in measurer.privacy_filter.entries] == ["critic's gain"]
