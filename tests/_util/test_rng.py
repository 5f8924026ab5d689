from __future__ import annotations

import numpy as np
import pytest
import torch

from tabgan._util.rng import RandomStreams
from tabgan.errors import ConfigError


def _numbers(streams, name):
    return streams.numpy(name).integers(2**60, size=8).tolist()


def test_one_seed_and_name_give_one_stream():
    assert _numbers(RandomStreams(3), "a") == _numbers(RandomStreams(3), "a")
    assert RandomStreams(3).torch("a").initial_seed() == RandomStreams(3).torch("a").initial_seed()


def test_a_stream_does_not_depend_on_what_was_drawn_from_others():
    streams = RandomStreams(3)
    streams.numpy("b").random(100)
    torch.rand(100, generator=streams.torch("a"))
    assert _numbers(streams, "a") == _numbers(RandomStreams(3), "a")


def test_names_and_seeds_set_streams_apart():
    streams = [RandomStreams(seed) for seed in (0, 1, 2**100)]
    drawn = {tuple(_numbers(s, name)) for s in streams for name in ("a", "b", "")}
    assert len(drawn) == 9
    assert RandomStreams(0).torch("a").initial_seed() != RandomStreams(0).torch("b").initial_seed()


def test_no_seed_is_fresh_entropy_but_one_stream_within_it():
    streams = RandomStreams()
    assert _numbers(streams, "a") == _numbers(streams, "a")
    assert _numbers(streams, "a") != _numbers(RandomStreams(), "a")


def test_global_generators_are_left_alone():
    before = torch.get_rng_state()
    RandomStreams(0).torch("a")
    assert torch.equal(torch.get_rng_state(), before)


def test_numpy_integers_are_seeds():
    assert _numbers(RandomStreams(np.int64(3)), "a") == _numbers(RandomStreams(3), "a")


@pytest.mark.parametrize("seed", [-1, 1.0, "1", True, np.random.default_rng(0), [1]])
def test_other_seeds_are_refused(seed):
    with pytest.raises(ConfigError, match="random_state: expected None or a non-negative integer"):
        RandomStreams(seed)
