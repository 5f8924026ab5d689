from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tabgan.errors import CheckpointError, PrivacyError, TabGANError
from tabgan.model.adversary import training
from tabgan.model.adversary.anchors import AnchorLoss
from tabgan.model.adversary.training import TrainingConfig, adversary_schedule, train
from tabgan.model.generator import Generator
from tabgan.privacy.doors.marginals import Marginal

SIZES = [2, 2]
TRUTH = np.array([[0.45, 0.05], [0.05, 0.45]])  # two columns that mostly agree
N_ROWS = 10_000.0


def _generator(seed=0, sizes=SIZES):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Generator(sizes, hidden=16, head=16, latent=4)


def _anchors(joint=TRUTH, noise=50.0):
    tables = [((0,), joint.sum(1)), ((1,), joint.sum(0)), ((0, 1), joint)]
    return AnchorLoss(SIZES, [Marginal(c, N_ROWS * t, noise) for c, t in tables], N_ROWS)


def _rng(seed=0):
    return torch.Generator().manual_seed(seed)


def _joint(generator):
    codes = generator.draw(20_000, _rng(9)).codes
    return np.bincount(codes[:, 0] * 2 + codes[:, 1], minlength=4).reshape(2, 2) / 20_000


class FakeSteps:
    """Stands in for whoever trains the discriminator; remembers its fakes and likes code 1 of column 0."""

    def __init__(self, steps_left=8, batch_size=6):
        self.module = nn.Linear(sum(SIZES), 1)
        with torch.no_grad():
            self.module.weight.copy_(torch.tensor([[-20.0, 20, 0, 0]]))
            self.module.bias.zero_()
        self.steps_left, self.batch_size = steps_left, batch_size
        self.fakes = []

    def step(self, fakes):
        assert not fakes.requires_grad
        self.steps_left -= 1
        self.fakes.append(fakes)


class TestTrain:
    def test_a_dependence_is_learnt(self):
        config = TrainingConfig(steps=250, batch_size=500, learning_rate=4e-3)
        before = np.abs(_joint(_generator()) - TRUTH).sum()
        after = np.abs(_joint(train(_generator(), _anchors(), None, config, _rng())) - TRUTH).sum()
        assert before > 0.5
        assert after < 0.06

    def test_one_seed_one_result(self):
        config = TrainingConfig(steps=6, batch_size=20)
        first, again, other = (
            train(_generator(), _anchors(), None, config, _rng(seed)).embeddings for seed in (0, 0, 1)
        )
        assert torch.equal(first, again)
        assert not torch.equal(first, other)

    def test_global_generator_is_left_alone(self):
        before = torch.get_rng_state()
        train(_generator(), _anchors(), None, TrainingConfig(steps=2, batch_size=4), _rng())
        assert torch.equal(torch.get_rng_state(), before)

    def test_progress_grows_to_the_end(self):
        seen = []
        config = TrainingConfig(steps=50, batch_size=4)
        train(_generator(), _anchors(), None, config, _rng(), lambda *done: seen.append(done))
        assert seen == [(20, 50), (40, 50), (50, 50)]

    @pytest.mark.parametrize("steps", [1, 2, 3])
    def test_few_steps(self, steps):
        config = TrainingConfig(steps=steps, batch_size=4)
        trained = train(_generator(), _anchors(), FakeSteps(), config, _rng())
        assert all(torch.isfinite(weight).all() for weight in trained.parameters())

    def test_a_loss_that_is_no_number_stops_it(self):
        anchors = _anchors()
        anchors.target.fill_(torch.nan)
        with pytest.raises(TabGANError, match="training: the loss is not finite"):
            train(_generator(), anchors, None, TrainingConfig(steps=3, batch_size=4), _rng())


class TestAverage:
    """Pitfall 18: the weights that are kept are a copy, not a reference to those still being trained."""

    def test_is_no_live_reference(self):
        generator = _generator()
        kept = train(generator, _anchors(), None, TrainingConfig(steps=10, batch_size=20), _rng())
        assert kept is not generator
        pointers = {weight.data_ptr() for weight in generator.parameters()}
        assert pointers.isdisjoint(weight.data_ptr() for weight in kept.parameters())
        before = copy.deepcopy(kept.state_dict())
        with torch.no_grad():
            for weight in generator.parameters():
                weight.fill_(7.0)
        for name, value in kept.state_dict().items():
            assert torch.equal(value, before[name])

    def test_lies_between_the_weights_that_it_averages(self):
        generator = _generator()
        config = TrainingConfig(steps=20, batch_size=20, average_start=0.0, average_rate=0.5)
        kept = train(generator, _anchors(), None, config, _rng())
        assert not torch.equal(kept.embeddings, generator.embeddings)

    def test_a_rate_of_one_keeps_the_last(self):
        generator = _generator()
        config = TrainingConfig(steps=20, batch_size=20, average_rate=1.0)
        kept = train(generator, _anchors(), None, config, _rng())
        torch.testing.assert_close(kept.embeddings, generator.embeddings)


class TestAdversary:
    def test_its_gradient_reaches_the_generator(self):
        """It likes code 1 of the first column, and the anchors say nothing: so shall the generator."""
        silent = AnchorLoss(SIZES, [Marginal((1,), np.array([0.5, 0.5]) * N_ROWS, 1e9)], N_ROWS)
        config = TrainingConfig(
            steps=120, batch_size=100, adversary_start=0.0, adversary_weight=1.0, learning_rate=4e-3
        )
        adversary = FakeSteps()
        trained = train(_generator(), silent, adversary, config, _rng())
        alone = train(_generator(), silent, None, config, _rng())
        assert _joint(trained)[1].sum() > 0.9
        assert _joint(alone)[1].sum() < 0.8

    def test_its_weights_are_its_own_to_change(self):
        adversary = FakeSteps()
        before = adversary.module.weight.clone()
        train(_generator(), _anchors(), adversary, TrainingConfig(steps=10, batch_size=10), _rng())
        assert torch.equal(adversary.module.weight, before)

    def test_all_its_steps_are_taken_against_fresh_one_hot_fakes(self):
        adversary = FakeSteps(steps_left=9, batch_size=6)
        train(_generator(), _anchors(), adversary, TrainingConfig(steps=10, batch_size=10), _rng())
        assert adversary.steps_left == 0
        assert len(adversary.fakes) == 9
        for fakes in adversary.fakes:
            assert fakes.shape == (6, 4)
            assert ((fakes == 0) | (fakes == 1)).all()
            assert (fakes.sum(1) == 2).all()
        assert len({tuple(fakes.flatten().tolist()) for fakes in adversary.fakes}) > 1

    @pytest.mark.parametrize(("most", "drawn"), [(4, 4), (10, 10), (20, 10)])
    def test_a_step_gets_as_many_fakes_as_it_wants_or_are_drawn_at_most(self, monkeypatch, most, drawn):
        monkeypatch.setattr(training, "MOST_FAKES", most)
        adversary = FakeSteps(steps_left=3, batch_size=10)
        train(_generator(), _anchors(), adversary, TrainingConfig(steps=10, batch_size=10), _rng())
        assert [len(fakes) for fakes in adversary.fakes] == [drawn] * 3

    @settings(max_examples=100, deadline=None)
    @given(total=st.integers(0, 500), steps=st.integers(1, 300), share=st.floats(0, 0.99))
    def test_schedule_spends_every_step_after_joining(self, total, steps, share):
        joins = int(share * steps)
        schedule = adversary_schedule(total, steps, joins)
        assert schedule.shape == (steps,)
        assert (schedule >= 0).all()
        assert schedule.sum() == total
        assert (schedule[:joins] == 0).all()
        assert schedule[joins] >= total // 4

    @settings(max_examples=200, deadline=None)
    @given(
        total=st.integers(0, 500),
        steps=st.integers(1, 300),
        share=st.floats(0, 0.99),
        start=st.integers(0, 310),
    )
    def test_schedule_of_a_training_that_goes_on_spends_what_is_left(self, total, steps, share, start):
        joins = int(share * steps)
        schedule = adversary_schedule(total, steps, joins, start)
        assert schedule.shape == (steps,)
        assert (schedule[: max(joins, start)] == 0).all()
        if start >= steps:
            assert schedule.sum() == 0
            return
        assert schedule.sum() == total
        if start <= joins:
            assert np.array_equal(schedule, adversary_schedule(total, steps, joins))
        else:  # it has joined before, with all at once that it then had
            assert np.ptp(schedule[start:]) <= 1


class Learner(FakeSteps):
    """One whose module changes with the fakes that it sees."""

    def step(self, fakes):
        super().step(fakes)
        with torch.no_grad():
            self.module.weight.add_(fakes.mean(0, keepdim=True) - 0.5)

    def state(self):
        return {"weight": self.module.weight.detach().clone(), "steps_left": torch.tensor(self.steps_left)}

    def restore(self, state):
        with torch.no_grad():
            self.module.weight.copy_(state["weight"])
        self.steps_left = int(state["steps_left"])


class Memory:
    """Keeps states as a file would: copies, the last of which is there to go on from."""

    def __init__(self, *states):
        self.states = list(states)

    def load(self):
        return copy.deepcopy(self.states[-1]) if self.states else None

    def save(self, state):
        self.states.append(copy.deepcopy(dict(state)))


class StoppedError(Exception):
    pass


def stop_at(step):
    """Progress is told every 20 steps."""

    def progress(done, total):
        if done == step:
            raise StoppedError

    return progress


CONFIG = TrainingConfig(steps=100, batch_size=20, save_every=12, adversary_weight=1.0)


def run(saver=None, adversary=None, progress=None, config=CONFIG, seed=0):
    return train(_generator(), _anchors(), adversary, config, _rng(seed), progress, saver)


def _weights(generator):
    return torch.cat([weight.detach().ravel() for weight in generator.parameters()])


class TestInterrupted:
    @pytest.mark.parametrize("new_adversary", [lambda: None, Learner], ids=["alone", "adversary"])
    @pytest.mark.parametrize("stops", [[20], [60, 60, 80], [100]])
    def test_a_training_that_was_stopped_ends_with_the_very_same_weights(self, new_adversary, stops):
        memory = Memory()
        for step in stops:
            with pytest.raises(StoppedError):
                run(memory, new_adversary(), stop_at(step))
        resumed = run(memory, new_adversary())
        assert torch.equal(_weights(resumed), _weights(run(None, new_adversary())))

    def test_the_adversary_makes_a_difference_and_so_does_where_it_was(self):
        """The control: the states that are kept matter."""
        assert not torch.equal(_weights(run(None, Learner())), _weights(run()))
        memory = Memory()
        with pytest.raises(StoppedError):
            run(memory, Learner(), stop_at(80))
        memory.states[-1]["adversary.weight"] *= 0
        assert not torch.equal(_weights(run(memory, Learner())), _weights(run(None, Learner())))

    def test_states_are_kept_now_and_then_and_at_the_end(self):
        memory = Memory()
        run(memory, Learner())
        assert [int(state["step"]) for state in memory.states] == [*range(12, 100, 12), 100]

    @pytest.mark.parametrize("steps", [1, 10, 98, 100])
    def test_a_training_that_is_finished_takes_no_step_again(self, steps):
        memory, adversary = Memory(), Learner()
        config = dataclasses.replace(CONFIG, steps=steps)
        first = run(memory, adversary, config=config)
        again = Learner()
        assert torch.equal(_weights(run(memory, again, config=config)), _weights(first))
        assert again.fakes == []

    def test_one_without_a_state_begins_at_the_beginning(self):
        assert torch.equal(_weights(run(Memory())), _weights(run()))

    def test_what_an_interruption_cost_the_adversary_is_spread_over_what_is_left(self):
        """It had 8 steps, of which the ledger has 6 down after the crash."""
        memory = Memory()
        with pytest.raises(StoppedError):
            run(memory, Learner(), stop_at(60))
        memory.states[-1]["adversary.steps_left"] = torch.tensor(2)
        resumed = Learner()
        run(memory, resumed)
        assert len(resumed.fakes) == 2
        assert resumed.steps_left == 0

    def test_a_state_is_a_copy_of_numbers_of_the_training_alone(self):
        """Pitfalls 18 and 22: no row, no codes, no state of any generator of privacy noise."""
        memory = Memory()
        run(memory, Learner())
        names = {name.partition(".")[0] for name in memory.states[-1]}
        assert names == {"generator", "average", "adversary", "step", "due", "left", "rng"}
        assert not torch.equal(memory.states[3]["rng"], memory.states[4]["rng"])

    @pytest.mark.parametrize(
        "changed",
        [
            {"step": torch.tensor(13)},
            {"step": torch.tensor(-4)},
            {"step": torch.tensor(104)},
            {"step": torch.tensor([4, 8])},
            {"step": None},
            {"due": torch.zeros(99, dtype=torch.int64)},
            {"due": torch.zeros(100)},
            {"due": None},
            {"left": None},
            {"rng": torch.zeros(7, dtype=torch.uint8)},
            {"rng": torch.zeros(5056)},
            {"rng": None},
            {"generator.weight.embeddings": torch.zeros(2, 2)},
            {"generator.weight.embeddings": None},
            {"generator.weight.another": torch.zeros(2)},
            {"average.embeddings": torch.zeros(2, 2)},
            {"average.another": torch.zeros(2)},
            {"adversary.weight": torch.zeros(1, 9)},
            {"adversary.weight": None},
        ],
    )
    def test_a_state_of_another_training_is_refused(self, changed):
        memory = Memory()
        with pytest.raises(StoppedError):
            run(memory, Learner(), stop_at(80))
        state = memory.states[-1] | changed
        kept = Memory({name: value for name, value in state.items() if value is not None})
        adversary = Learner()
        with pytest.raises(CheckpointError, match="the state of the training does not belong to this fit"):
            run(kept, adversary)
        assert adversary.fakes == []

    def test_steps_that_the_ledger_has_lost_are_found(self):
        """Pitfall 25: a ledger that was put back to before them would let the adversary take them again."""
        memory, adversary = Memory(), Learner()
        with pytest.raises(StoppedError):
            run(memory, Learner(), stop_at(80))
        memory.states[-1]["adversary.steps_left"] += 1
        with pytest.raises(PrivacyError, match="has taken steps that the ledger lacks"):
            run(memory, adversary)
        assert adversary.fakes == []

    def test_a_state_of_a_wider_table_is_refused(self):
        memory = Memory()
        wide = AnchorLoss([3, 2], [Marginal((0,), np.full(3, N_ROWS / 3), 50.0)], N_ROWS)
        train(
            _generator(sizes=[3, 2]), wide, None, TrainingConfig(steps=8, batch_size=4), _rng(), None, memory
        )
        with pytest.raises(CheckpointError):
            run(memory)
