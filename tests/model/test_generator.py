from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from tabgan.model.generator import Draws, Generator
from tabgan.model.loglinear import LogLinear

SIZES = [3, 1, 4]


@pytest.fixture
def generator():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = Generator(SIZES, hidden=8, head=6, latent=4)
        torch.nn.init.normal_(generator.direct)
        return generator


def _rng(seed=0):
    return torch.Generator().manual_seed(seed)


def _with(draws, codes):
    blocks = [torch.nn.functional.one_hot(codes[:, i], size) for i, size in enumerate(SIZES)]
    return Draws(draws.latent, codes, torch.cat(blocks, dim=1).float())


class TestProbabilities:
    def test_sum_to_one_in_every_column(self, generator):
        probabilities = generator(generator.draw(50, _rng()))
        assert probabilities.shape == (50, sum(SIZES))
        assert (probabilities >= 0).all()
        for block in probabilities.split(SIZES, dim=1):
            torch.testing.assert_close(block.sum(1), torch.ones(50))

    def test_of_all_columns_at_once_are_those_of_drawing_one_by_one(self, generator):
        draws = generator.draw(20, _rng())
        blocks = generator(draws).split(SIZES, dim=1)
        state = generator.start(draws.latent)
        for position in range(len(SIZES)):
            expected = torch.softmax(generator.logits(state, position), dim=1)
            torch.testing.assert_close(blocks[position], expected)
            state = generator.advance(state, draws.codes[:, position], position)

    def test_a_column_depends_on_those_before_it_only(self, generator):
        draws = generator.draw(10, _rng())
        changed = draws.codes.clone()
        changed[:, 2] = (changed[:, 2] + 1) % 4
        torch.testing.assert_close(generator(_with(draws, changed)), generator(draws))
        changed[:, 0] = (changed[:, 0] + 1) % 3
        blocks = generator(_with(draws, changed)).split(SIZES, dim=1)
        before = generator(draws).split(SIZES, dim=1)
        torch.testing.assert_close(blocks[0], before[0])
        assert not torch.allclose(blocks[2], before[2])

    def test_every_weight_that_matters_gets_a_gradient(self, generator):
        generator(generator.draw(200, _rng())).square().sum().backward()
        for name, weight in generator.named_parameters():
            assert weight.grad is not None, name
            assert weight.grad.abs().sum() > 0, name


class TestDraw:
    def test_shapes(self, generator):
        draws = generator.draw(7, _rng())
        assert draws.latent.shape == (7, 4)
        assert draws.codes.shape == (7, 3)
        assert draws.codes.dtype == torch.int64
        assert not draws.codes.requires_grad

    def test_codes_are_within_the_sizes(self, generator):
        codes = generator.draw(1000, _rng()).codes
        assert (codes >= 0).all()
        assert (codes < torch.tensor(SIZES)).all()
        assert {tuple(row) for row in codes.tolist()} <= set(itertools.product(*map(range, SIZES)))

    def test_one_seed_one_draw(self, generator):
        first, again, other = (generator.draw(50, _rng(seed)).codes for seed in (0, 0, 1))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)

    def test_global_generator_is_left_alone(self, generator):
        before = torch.get_rng_state()
        generator.draw(5, _rng())
        assert torch.equal(torch.get_rng_state(), before)

    def test_one_hot_blocks_are_those_of_the_codes(self, generator):
        draws = generator.draw(50, _rng())
        assert torch.equal(draws.one_hot, _with(draws, draws.codes).one_hot)


class TestStart:
    def test_from_log_linear_conditionals(self, generator):
        bias = torch.tensor([0.5, 0.3, 0.2, 1.0, 1e-9, 0.7, 0.3, 1e-9]).log()
        direct = torch.zeros(8, 8)
        direct[0, 6] = 50.0  # a first 0 makes a third 2 certain
        generator.start_from(LogLinear(direct, bias))
        codes = generator.draw(20_000, _rng()).codes
        found = np.bincount(codes[:, 0], minlength=3) / 20_000
        np.testing.assert_allclose(found, [0.5, 0.3, 0.2], atol=0.02)
        is_zero = codes[:, 0] == 0
        assert set(codes[is_zero, 2].tolist()) == {2}
        found = np.bincount(codes[~is_zero, 2], minlength=4) / int((~is_zero).sum())
        np.testing.assert_allclose(found, [0, 0.7, 0.3, 0], atol=0.02)

    def test_weights_of_later_columns_are_ignored(self, generator):
        draws = generator.draw(10, _rng())
        before = generator(draws)
        with torch.no_grad():
            generator.direct[4:, :4] += 7.0
            generator.direct[:3, :3] += 7.0
        torch.testing.assert_close(generator(draws), before)


class TestState:
    def test_round_trip(self, generator):
        state = {name: value.clone() for name, value in generator.state_dict().items()}
        again = Generator.of_state(SIZES, state)
        assert torch.equal(again.draw(100, _rng()).codes, generator.draw(100, _rng()).codes)

    def test_is_a_copy(self, generator):
        again = Generator.of_state(SIZES, generator.state_dict())
        with torch.no_grad():
            again.embeddings.add_(1)
        assert not torch.equal(again.embeddings, generator.embeddings)

    def test_holds_weights_only(self, generator):
        assert set(generator.state_dict()) == {name for name, _ in generator.named_parameters()}

    @pytest.mark.parametrize("name", ["from_latent.weight", "embeddings", "code_bias", "direct"])
    def test_a_missing_tensor(self, generator, name):
        state = dict(generator.state_dict())
        del state[name]
        with pytest.raises((KeyError, ValueError)):
            Generator.of_state(SIZES, state)

    def test_an_unknown_tensor(self, generator):
        with pytest.raises(ValueError, match="belong together"):
            Generator.of_state(SIZES, {**generator.state_dict(), "discriminator": torch.zeros(1)})

    @pytest.mark.parametrize("sizes", [[3, 1], [3, 1, 5], [3, 1, 4, 2]])
    def test_other_sizes(self, generator, sizes):
        with pytest.raises(ValueError, match="belong together"):
            Generator.of_state(sizes, generator.state_dict())

    @pytest.mark.parametrize("bad", [torch.nan, torch.inf])
    def test_weights_that_are_no_numbers(self, generator, bad):
        state = dict(generator.state_dict())
        state["embeddings"] = torch.full_like(state["embeddings"], bad)
        with pytest.raises(ValueError, match="not numbers"):
            Generator.of_state(SIZES, state)

    def test_a_few_bytes_do_not_make_it_allocate_a_lot(self, generator):
        state = {
            **generator.state_dict(),
            "from_latent.weight": torch.zeros(10**7, 1),
            "head_bias": torch.zeros(10**7),
        }
        with pytest.raises(ValueError, match="belong together"):
            Generator.of_state(SIZES, state)
