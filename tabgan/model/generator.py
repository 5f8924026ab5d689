"""The generator: log-linear conditionals of the columns in sequence, corrected by critics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from tabgan._util.tensors import draw_codes, part
from tabgan.model.adversary.critic import Critic
from tabgan.model.loglinear import LogLinear

#: Prefix of the critics' tensors in a state.
_CRITICS = "critics."


class Generator(nn.Module):
    """An autoregressive model over columns, ``p(code | earlier codes)`` proportional to ``anchors * exp(D)``.

    The anchors' logits of column ``i`` are ``bias_i + sum_{j<i} direct_ji[x_j]``, which models pairs. A column may
    have a critic, whose log-ratio ``D`` of the earlier codes is added to them. Rows are drawn column by column.

    Args:
        sizes: Codes of each column.
        critics: By the position of their columns.
    """

    offsets: torch.Tensor

    def __init__(self, sizes: Sequence[int], critics: Mapping[int, Critic] | None = None) -> None:
        super().__init__()
        self.sizes = list(sizes)
        width = sum(self.sizes)
        self.direct = nn.Parameter(torch.zeros(width, width), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(width), requires_grad=False)
        self.critics = nn.ModuleDict({str(position): critic for position, critic in (critics or {}).items()})
        starts = torch.tensor([0, *self.sizes[:-1]]).cumsum(0)
        self.register_buffer("offsets", starts, persistent=False)

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.direct.device

    @torch.no_grad()
    def start_from(self, loglinear: LogLinear) -> None:
        """Copy the anchors' log-linear conditionals."""
        self.direct.copy_(loglinear.direct)
        self.bias.copy_(loglinear.bias)

    def correct(self, position: int, critic: Critic) -> None:
        """Add a critic's log-ratio to the logits of a column."""
        self.critics[str(position)] = critic.to(self.device)

    def start(self, n_rows: int) -> torch.Tensor:
        """Return the state ``(n_rows, width)`` of rows before any column is drawn: empty one-hot blocks."""
        return torch.zeros(n_rows, len(self.bias), device=self.device)

    def anchor_logits(self, state: torch.Tensor, position: int) -> torch.Tensor:
        """Return ``(batch, size)`` logits of one column by the anchors alone; later blocks of the state are ignored."""
        first, size = int(self.offsets[position]), self.sizes[position]
        block = slice(first, first + size)
        direct, bias = (each.to(state.dtype) for each in (self.direct[:first, block], self.bias[block]))
        return bias + state[:, :first] @ direct

    def logits(self, state: torch.Tensor, position: int) -> torch.Tensor:
        """Return ``(batch, size)`` logits of one column, given the one-hot blocks of the earlier ones."""
        anchor = self.anchor_logits(state, position)
        if str(position) not in self.critics:
            return anchor
        critic: Critic = self.critics[str(position)]  # type: ignore[assignment]
        return anchor + critic.log_ratio(state[:, : int(self.offsets[position])], anchor)

    def advance(self, state: torch.Tensor, codes: torch.Tensor, position: int) -> torch.Tensor:
        """Return the state after a column was drawn; changes the given state in place."""
        return state.scatter_(1, (self.offsets[position] + codes)[:, None], 1.0)

    def state_of(self, codes: torch.Tensor) -> torch.Tensor:
        """Return the state ``(batch, width)`` of whole rows ``(batch, columns)``."""
        return self.start(len(codes)).scatter_(1, codes.long() + self.offsets, 1.0)

    @torch.no_grad()
    def draw(self, batch: int, rng: torch.Generator) -> torch.Tensor:
        """Return ``(batch, columns)`` int64 codes; ``rng`` is on the generator's device."""
        state = self.start(batch)
        codes = torch.empty(batch, len(self.sizes), dtype=torch.int64, device=self.device)
        for position in range(len(self.sizes)):
            codes[:, position] = draw_codes(self.logits(state, position), rng)
            state = self.advance(state, codes[:, position], position)
        return codes

    @classmethod
    def of_state(cls, sizes: Sequence[int], state: Mapping[str, torch.Tensor]) -> Generator:
        """Return a generator with the values of a state dictionary's tensors.

        Raises:
            KeyError, ValueError, RuntimeError: the tensors do not belong together.
        """
        width = sum(sizes)
        own = {name: value for name, value in state.items() if not name.startswith(_CRITICS)}
        # Compared before anything is allocated: a few bytes of a file can ask for a large network.
        if {name: tuple(value.shape) for name, value in own.items()} != {
            "direct": (width, width),
            "bias": (width,),
        }:
            raise ValueError("tensors do not belong together")
        if not all(value.is_floating_point() and bool(value.isfinite().all()) for value in own.values()):
            raise ValueError("weights are not numbers")
        parts = part(state, _CRITICS)
        critics = {
            position: Critic.of_state(sizes, position, part(parts, f"{position}."))
            for position in sorted({int(name.partition(".")[0]) for name in parts})
        }
        generator = cls(sizes, critics)
        generator.load_state_dict(dict(state), strict=True)
        return generator
