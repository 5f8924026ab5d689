"""Helpers for torch: modules as flat dictionaries for safetensors, draws of codes, threads and devices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn

from tabgan._util import validate
from tabgan.errors import ConfigError

_WEIGHT, _MOMENT = "weight.", "moment."


def pack(module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Return copies, on the CPU, of all weights and of the optimizer's state."""
    tensors = {_WEIGHT + name: value for name, value in module.state_dict().items()}
    for position, kept in optimizer.state_dict()["state"].items():
        for name, value in kept.items():
            tensors[f"{_MOMENT}{position}.{name}"] = torch.as_tensor(value)
    return {name: value.detach().cpu().clone() for name, value in tensors.items()}


def unpack(module: nn.Module, optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]) -> None:
    """Restore the tensors that :func:`pack` returned.

    Raises:
        KeyError, ValueError, RuntimeError: the tensors belong to another module or optimizer, or are not finite.
    """
    if not all(bool(value.isfinite().all()) for value in tensors.values()):
        raise ValueError("tensors are not numbers")
    weights = part(tensors, _WEIGHT)
    module.load_state_dict(weights, strict=True)
    kept: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in part(tensors, _MOMENT).items():
        number, _, what = name.partition(".")
        kept.setdefault(int(number), {})[what] = value
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for position, moments in kept.items():
        if any(value.ndim and value.shape != parameters[position].shape for value in moments.values()):
            raise ValueError("moments do not belong to the weights")
    optimizer.load_state_dict({**optimizer.state_dict(), "state": kept})


def part(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """Return the tensors whose names begin with ``prefix``, under their names without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def named(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """Return the tensors with ``prefix`` before their names."""
    return {prefix + name: value for name, value in tensors.items()}


def draw_codes(logits: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Return ``(batch,)`` draws from the softmax of ``(batch, size)`` logits, by inverting its distribution.

    One uniform number per row, in (0, 1] in steps of 2**-24, so a code of probability 0 is never drawn, the first and
    the last included. NaN logits give the last code.
    """
    bounds = torch.softmax(logits, dim=1).cumsum(dim=1)
    uniform = 1.0 - torch.rand(len(logits), 1, generator=rng, device=logits.device)
    return torch.searchsorted(bounds, uniform * bounds[:, -1:]).squeeze(1).clamp_max(logits.shape[1] - 1)


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
