"""Helpers for torch: parts of flat dictionaries, products with one-hot rows, draws of codes, threads and devices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch.nn import functional as F

from tabgan._util import validate
from tabgan.errors import ConfigError


def part(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """Return the tensors whose names begin with ``prefix``, under their names without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def one_hot_product(ones: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """Return ``(batch, width)`` products of one-hot rows with a table, each from its own row alone, to the last bit.

    Args:
        ones: ``(batch, blocks)`` int64 positions of the ones.
        table: ``(positions, width)``.
    """
    if not ones.shape[1]:
        return table.new_zeros(len(ones), table.shape[1])
    return F.embedding_bag(ones, table, mode="sum")


def draw_codes(logits: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Return ``(batch,)`` draws from the softmax of ``(batch, size)`` logits, by inverting its distribution.

    One uniform number per row, in (0, 1] in steps of 2**-24, so a code of probability 0 is never drawn, the first and
    the last included. NaN logits give the last code.
    """
    bounds = _weights(logits).cumsum(dim=1)
    uniform = 1.0 - torch.rand(len(logits), 1, generator=rng, device=logits.device)
    return torch.searchsorted(bounds, uniform * bounds[:, -1:]).squeeze(1).clamp_max(logits.shape[1] - 1)


def _weights(logits: torch.Tensor) -> torch.Tensor:
    """Return ``(batch, size)`` weights in proportion to the probabilities: of few codes ten times as fast as these."""
    if logits.shape[1] >= 16:  # what a vector of the processor holds
        return torch.softmax(logits, dim=1)
    return (logits - logits.amax(dim=1, keepdim=True)).exp_()


@contextmanager
def one_thread(device: torch.device) -> Iterator[None]:
    """Restrict torch to one thread on the CPU.

    The matrices are small. On two idle cores a second thread saved a quarter of the time; with one core busy, both
    threads kept waiting for each other, and a fit took two to four times as long.
    """
    threads = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def resolve_device(device: object) -> torch.device:
    """Return the device of a name.

    Raises:
        ConfigError: the name is unknown, or there is no such device.
    """
    name = validate.one_of("device", device, ("auto", "cpu", "cuda"))
    has_cuda = torch.cuda.is_available()
    if name == "cuda" and not has_cuda:
        raise ConfigError("device: expected a CUDA device for 'cuda', found none. Use 'auto' or 'cpu'.")
    return torch.device("cuda" if has_cuda and name != "cpu" else "cpu")
