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

    A code of probability 0 is never drawn, the first and the last included. NaN logits give the last code.
    """
    return draw_within(bounds_of(logits), rng)


def bounds_of(logits: torch.Tensor) -> torch.Tensor:
    """Return ``(batch, size)`` upper bounds of each code's part of a line, whose end is the last one.

    A row's bounds follow from its own logits alone, to the last bit.
    """
    # A vector of the processor holds 16; of fewer, exponentials are ten times as fast.
    if logits.shape[1] >= 16:
        return torch.softmax(logits, dim=1).cumsum(dim=1)
    return (logits - logits.amax(dim=1, keepdim=True)).exp_().cumsum(dim=1)


def draw_within(bounds: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Return ``(batch,)`` codes: each row's is the one whose part of its line a uniform number in (0, 1] falls into."""
    uniform = 1.0 - torch.rand(len(bounds), 1, generator=rng, device=bounds.device)
    drawn = torch.searchsorted(bounds, uniform * bounds[:, -1:])
    return drawn.squeeze(1).clamp_max(bounds.shape[1] - 1)


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
