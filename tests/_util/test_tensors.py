"""Parts of dictionaries, threads, and draws of codes."""

import contextlib

import pytest
import torch

from tabgan._util.tensors import draw_codes, one_thread, part


def test_a_prefix_is_taken_off():
    tensors = {"x.a": torch.zeros(1), "x.b.c": torch.ones(2), "y.a": torch.ones(1)}
    assert part(tensors, "x.").keys() == {"a", "b.c"}
    assert part(tensors, "z.") == {}


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
