from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tabgan.columns.categorical import Categorical
from tabgan.model.adversary.critic import Critic
from tabgan.model.generator import Generator
from tabgan.model.loglinear import LogLinear
from tabgan.table.coded import CodedColumn

SIZES = [3, 1, 4]


def _rng(seed=0):
    return torch.Generator().manual_seed(seed)


def coded(size: int) -> CodedColumn:
    """A column of as many categories, all as frequent, coded as they are."""
    column = Categorical(
        name="c", dtype="object", categories=[f"v{i}" for i in range(size)], unknown="error", nullable=False
    )
    encoder = column.encoder()
    code_of_cell = np.concatenate([[0], np.arange(size)])
    weights = np.concatenate([[0.0], np.full(size, 10.0)])
    return CodedColumn(encoder, code_of_cell, weights, np.ones(size, dtype=bool))


def critic_of(generator: Generator, seed: int = 0) -> Critic:
    """A critic of the last column with weights at random."""
    state = generator.state_of(generator.draw(200, _rng()))
    before, anchor = state[:, :4], generator.anchor_logits(state, 2)
    critic = Critic.of_columns([coded(3), coded(1), coded(4)], before, anchor)
    with torch.no_grad():
        critic.network.weight.copy_(torch.randn(critic.network.weight.shape, generator=_rng(seed)))
    return critic


@pytest.fixture
def generator():
    generator = Generator(SIZES)
    with torch.no_grad():
        generator.direct.copy_(torch.randn(generator.direct.shape, generator=_rng(1)))
        generator.bias.copy_(torch.randn(generator.bias.shape, generator=_rng(2)))
    return generator


@pytest.fixture
def corrected(generator):
    generator.correct(2, critic_of(generator))
    return generator


class TestDraw:
    @pytest.mark.parametrize("name", ["generator", "corrected"])
    def test_codes_are_within_the_sizes(self, request, name):
        codes = request.getfixturevalue(name).draw(1000, _rng())
        assert codes.shape == (1000, 3)
        assert codes.dtype == torch.int64
        assert not codes.requires_grad
        assert {tuple(row) for row in codes.tolist()} <= set(itertools.product(*map(range, SIZES)))

    def test_one_seed_one_draw(self, corrected):
        first, again, other = (corrected.draw(50, _rng(seed)) for seed in (0, 0, 1))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)

    def test_global_generator_is_left_alone(self, generator):
        before = torch.get_rng_state()
        generator.draw(5, _rng())
        assert torch.equal(torch.get_rng_state(), before)

    def test_the_state_of_rows_is_that_of_drawing_them(self, generator):
        codes = generator.draw(50, _rng())
        state = generator.start(50)
        for position in range(3):
            state = generator.advance(state, codes[:, position], position)
        assert torch.equal(generator.state_of(codes), state)
        assert torch.equal(
            state, torch.cat([F.one_hot(codes[:, i], s) for i, s in enumerate(SIZES)], 1).float()
        )


class TestLogits:
    def test_a_column_depends_on_those_before_it_only(self, corrected):
        codes = corrected.draw(10, _rng())
        changed = codes.clone()
        changed[:, 2] = (changed[:, 2] + 1) % 4
        state, other = corrected.state_of(codes), corrected.state_of(changed)
        for position in range(3):
            torch.testing.assert_close(corrected.logits(state, position), corrected.logits(other, position))
        changed[:, 0] = (changed[:, 0] + 1) % 3
        other = corrected.state_of(changed)
        torch.testing.assert_close(corrected.logits(state, 0), corrected.logits(other, 0))
        assert not torch.allclose(corrected.logits(state, 2), corrected.logits(other, 2))

    def test_are_the_anchors_and_the_critics_log_ratio(self, corrected):
        state = corrected.state_of(corrected.draw(10, _rng()))
        critic, anchor = corrected.critics["2"], corrected.anchor_logits(state, 2)
        expected = anchor + critic.network(critic.features(state[:, :4], anchor)) @ critic.basis.T
        torch.testing.assert_close(corrected.logits(state, 2), expected)
        torch.testing.assert_close(corrected.logits(state, 0), corrected.anchor_logits(state, 0))

    def test_a_critic_that_has_not_learned_changes_nothing(self, generator):
        critic = critic_of(generator)
        torch.nn.init.zeros_(critic.network.weight)
        before = generator.draw(100, _rng())
        generator.correct(2, critic)
        assert torch.equal(generator.draw(100, _rng()), before)

    def test_from_log_linear_conditionals(self, generator):
        bias = torch.tensor([0.5, 0.3, 0.2, 1.0, 1e-9, 0.7, 0.3, 1e-9]).log()
        direct = torch.zeros(8, 8)
        direct[0, 6] = 50.0  # a first 0 makes a third 2 certain
        generator.start_from(LogLinear(direct, bias))
        codes = generator.draw(20_000, _rng())
        found = np.bincount(codes[:, 0], minlength=3) / 20_000
        np.testing.assert_allclose(found, [0.5, 0.3, 0.2], atol=0.02)
        is_zero = codes[:, 0] == 0
        assert set(codes[is_zero, 2].tolist()) == {2}
        found = np.bincount(codes[~is_zero, 2], minlength=4) / int((~is_zero).sum())
        np.testing.assert_allclose(found, [0, 0.7, 0.3, 0], atol=0.02)


class TestState:
    @pytest.mark.parametrize("name", ["generator", "corrected"])
    def test_round_trip(self, request, name):
        generator = request.getfixturevalue(name)
        state = {key: value.clone() for key, value in generator.state_dict().items()}
        again = Generator.of_state(SIZES, state)
        assert torch.equal(again.draw(100, _rng()), generator.draw(100, _rng()))

    @pytest.mark.parametrize("name", ["bias", "direct", "critics.2.table", "critics.2.network.weight"])
    def test_a_missing_tensor(self, corrected, name):
        state = dict(corrected.state_dict())
        del state[name]
        with pytest.raises((KeyError, ValueError, RuntimeError)):
            Generator.of_state(SIZES, state)

    @pytest.mark.parametrize("name", ["discriminator", "critics.2.more"])
    def test_an_unknown_tensor(self, corrected, name):
        with pytest.raises(ValueError, match="belong together"):
            Generator.of_state(SIZES, {**corrected.state_dict(), name: torch.zeros(1)})

    @pytest.mark.parametrize("sizes", [[3, 1], [3, 1, 5], [3, 1, 4, 2]])
    def test_other_sizes(self, generator, sizes):
        with pytest.raises(ValueError, match="belong together"):
            Generator.of_state(sizes, generator.state_dict())

    @pytest.mark.parametrize("bad", [torch.nan, torch.inf])
    @pytest.mark.parametrize("name", ["direct", "critics.2.network.weight", "critics.2.mean"])
    def test_weights_that_are_no_numbers(self, corrected, name, bad):
        state = dict(corrected.state_dict())
        state[name] = torch.full_like(state[name], bad)
        with pytest.raises(ValueError, match="not"):
            Generator.of_state(SIZES, state)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("spread", -1.0),
            ("spread", 0.0),
            ("scale", 0.0),
            ("scale", 2.0),
            ("owner", 2),
            ("owner", -2),
            ("crossed", 0),
            ("crossed", 99),
        ],
    )
    def test_critics_that_no_fit_makes(self, corrected, name, value):
        state = dict(corrected.state_dict())
        state[f"critics.2.{name}"] = torch.full_like(state[f"critics.2.{name}"], value)
        with pytest.raises(ValueError, match="not a critic"):
            Generator.of_state(SIZES, state)

    @pytest.mark.parametrize("position", ["3", "-1", "x"])
    def test_a_critic_of_no_column(self, corrected, position):
        state = {
            name.replace("critics.2", f"critics.{position}"): v for name, v in corrected.state_dict().items()
        }
        with pytest.raises(ValueError, match="such column|invalid literal"):
            Generator.of_state(SIZES, state)
