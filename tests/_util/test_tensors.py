"""A module and its optimizer come back as they were, or are refused."""

import contextlib
import copy

import pytest
import torch
from torch import nn

from tabgan._util.tensors import draw_codes, named, one_thread, pack, part, unpack


def trained(steps=3, *, seed=0, width=4, dtype=torch.float32):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = nn.Sequential(nn.Linear(3, width), nn.Tanh(), nn.Linear(width, 1)).to(dtype)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.1, betas=(0.5, 0.9))
    for step in range(steps):
        train(module, optimizer, step)
    return module, optimizer


def train(module, optimizer, seed):
    rows = torch.rand(5, 3, generator=torch.Generator().manual_seed(seed)).to(next(module.parameters()).dtype)
    optimizer.zero_grad()
    module(rows).square().mean().backward()
    optimizer.step()


def weights(module):
    return torch.cat([p.detach().ravel() for p in module.parameters()])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_training_goes_on_as_if_nothing_had_happened(dtype):
    module, optimizer = trained(dtype=dtype)
    other, others = trained(1, seed=7, dtype=dtype)
    unpack(other, others, pack(module, optimizer))
    assert torch.equal(weights(other), weights(module))
    for step in range(3, 6):
        train(module, optimizer, step)
        train(other, others, step)
    assert torch.equal(weights(other), weights(module))


def test_without_the_moments_it_would_go_on_otherwise():
    """The control: of the weights alone the next step differs."""
    module, optimizer = trained()
    other, others = trained(0, seed=7)
    unpack(other, others, {k: v for k, v in pack(module, optimizer).items() if k.startswith("weight.")})
    assert torch.equal(weights(other), weights(module))
    train(module, optimizer, 3)
    train(other, others, 3)
    assert not torch.equal(weights(other), weights(module))


def test_an_optimizer_that_has_not_stepped_has_only_weights():
    module, optimizer = trained(0)
    packed = pack(module, optimizer)
    assert set(packed) == {f"weight.{name}" for name in module.state_dict()}
    other, others = trained(0, seed=7)
    unpack(other, others, packed)
    assert torch.equal(weights(other), weights(module))


def test_what_is_packed_is_a_copy():
    module, optimizer = trained()
    packed = pack(module, optimizer)
    before = copy.deepcopy(packed)
    for step in range(3, 6):
        train(module, optimizer, step)
    assert all(torch.equal(packed[name], before[name]) for name in packed)


def without(packed, name):
    return {key: value for key, value in packed.items() if key != name}


@pytest.mark.parametrize(
    "damage",
    [
        lambda p: without(p, "weight.0.bias"),
        lambda p: p | {"weight.5.bias": torch.zeros(1)},
        lambda p: p | {"weight.0.bias": torch.zeros(5)},
        lambda p: p | {"weight.0.bias": torch.full((4,), torch.nan)},
        lambda p: p | {"moment.0.exp_avg": torch.full((4, 3), torch.inf)},
        lambda p: p | {"moment.0.exp_avg": torch.zeros(3, 4)},
        lambda p: p | {"moment.9.exp_avg": torch.zeros(4)},
        lambda p: p | {"moment.x.exp_avg": torch.zeros(4, 3)},
        lambda p: {},
    ],
)
def test_tensors_of_another_module_are_refused(damage):
    module, optimizer = trained()
    with pytest.raises((KeyError, ValueError, RuntimeError, IndexError)):
        unpack(*trained(0, seed=7), damage(pack(module, optimizer)))


def test_tensors_of_a_wider_module_are_refused():
    with pytest.raises(RuntimeError, match="size mismatch"):
        unpack(*trained(0), pack(*trained(width=5)))


def test_a_prefix_is_put_on_and_taken_off():
    tensors = {"a": torch.zeros(1), "b.c": torch.ones(2)}
    both = named(tensors, "x.") | named(tensors, "y.")
    assert part(both, "x.").keys() == tensors.keys()
    assert part(both, "z.") == {}


def test_torch_gets_its_threads_back():
    before = torch.get_num_threads()
    with contextlib.suppress(KeyError), one_thread(torch.device("cpu")):
        assert torch.get_num_threads() == 1
        raise KeyError
    assert torch.get_num_threads() == before


def test_codes_are_as_frequent_as_the_softmax_says():
    logits = torch.log(torch.tensor([0.5, 0.3, 0.2])).expand(40_000, 3)
    shares = torch.bincount(draw_codes(logits, torch.Generator().manual_seed(0)), minlength=3) / 40_000
    torch.testing.assert_close(shares, torch.tensor([0.5, 0.3, 0.2]), atol=0.01, rtol=0)


@pytest.mark.parametrize("uniform", [0.0, 0.4, 0.5, 0.9, 1.0 - 2**-24])
@pytest.mark.parametrize("total", [1.0, 3.0])
def test_codes_that_cannot_be_are_not_drawn_at_the_ends_either(monkeypatch, uniform, total):
    monkeypatch.setattr(torch, "rand", lambda rows, columns, **_: torch.full((rows, columns), uniform))
    logits = torch.tensor([-torch.inf, 0.0, -torch.inf, -1e9, total, -torch.inf]).expand(2, 6)
    assert set(draw_codes(logits, torch.Generator()).tolist()) <= {1, 4}


@pytest.mark.parametrize("logit", [torch.nan, torch.inf, -torch.inf])
def test_codes_stay_in_range_where_logits_are_no_numbers(logit):
    codes = draw_codes(torch.full((50, 4), logit), torch.Generator().manual_seed(0))
    assert ((codes >= 0) & (codes < 4)).all()
