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
    codes = generator.draw(200, _rng())
    before, anchor = generator.ones_before(codes, 2), generator.anchor_logits(codes, 2)
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


class TestLogits:
    @pytest.mark.parametrize("position", [0, 1, 2])
    def test_the_anchors_are_a_product_with_the_one_hot_blocks_before(self, generator, position):
        codes = generator.draw(50, _rng())
        blocks = torch.cat([F.one_hot(codes[:, i], size) for i, size in enumerate(SIZES)], 1).float()
        first, stop = sum(SIZES[:position]), sum(SIZES[: position + 1])
        expected = blocks[:, :first] @ generator.direct[:first, first:stop] + generator.bias[first:stop]
        torch.testing.assert_close(generator.anchor_logits(codes, position), expected)

    def test_of_a_row_do_not_depend_on_the_rows_beside_it(self, corrected):
        """To the last bit, in float64, as door 2 needs it: a product of matrices may be summed in another order."""
        codes = corrected.draw(999, _rng())
        whole = corrected.anchor_logits(codes, 2, torch.float64)
        assert all(
            torch.equal(corrected.anchor_logits(codes[i : i + 1], 2, torch.float64)[0], whole[i])
            for i in (0, 500, 998)
        )

    def test_a_column_depends_on_those_before_it_only(self, corrected):
        codes = corrected.draw(10, _rng())
        changed = codes.clone()
        changed[:, 2] = (changed[:, 2] + 1) % 4
        for position in range(3):
            torch.testing.assert_close(corrected.logits(codes, position), corrected.logits(changed, position))
        changed[:, 0] = (changed[:, 0] + 1) % 3
        torch.testing.assert_close(corrected.logits(codes, 0), corrected.logits(changed, 0))
        assert not torch.allclose(corrected.logits(codes, 2), corrected.logits(changed, 2))

    def test_are_the_anchors_and_the_critics_log_ratio(self, corrected):
        codes = corrected.draw(10, _rng())
        critic, anchor = corrected.critics["2"], corrected.anchor_logits(codes, 2)
        features = critic.features(corrected.ones_before(codes, 2), anchor)
        torch.testing.assert_close(
            corrected.logits(codes, 2), anchor + critic.network(features) @ critic.basis.T
        )
        torch.testing.assert_close(corrected.logits(codes, 0), corrected.anchor_logits(codes, 0))

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
