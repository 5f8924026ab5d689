"""The generator, an autoregressive network: the next column's distribution given latent noise and earlier columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from tabgan._util.tensors import draw_codes
from tabgan.model.loglinear import LogLinear

#: Logit of the padding codes that bring all columns to the same width.
_NEVER = -1e9


@dataclass(frozen=True)
class Draws:
    """Rows drawn from the generator, with the latent noise to recompute their probabilities.

    Attributes:
        latent: ``(batch, latent)`` the noise that each row started from.
        codes: ``(batch, columns)`` int64.
        one_hot: ``(batch, sum(sizes))`` the same as float one-hot blocks.
    """

    latent: torch.Tensor
    codes: torch.Tensor
    one_hot: torch.Tensor


class Generator(nn.Module):
    """An autoregressive model over columns: a wide, log-linear layer, and a deep one with a hidden state.

    The logits of column ``i`` are the sum of ``b_i + sum_{j<i} D_ji[x_j]``, which models pairs, and the output of a
    small perceptron, one per column, of the state ``h_i = W z + sum_{j<i} E_j[x_j]``, as in NADE, which models more
    than pairs. Rows are drawn column by column without gradients; the probabilities of rows already drawn come from a
    few matrix products over all columns at once.

    **Shape.** ``forward``: ``Draws`` to ``(batch, sum(sizes))`` probabilities, one block per column.

    Args:
        sizes: Codes of each column.
        hidden: Width of the state.
        head: Width of each column's own hidden layer.
        latent: Width of the noise.

    References:
        Cheng et al. (2016), *Wide & Deep Learning for Recommender Systems*.
        Larochelle & Murray (2011), *The Neural Autoregressive Distribution Estimator*.
        Uria, Murray & Larochelle (2014), *A Deep and Tractable Density Estimator*.
    """

    is_code: torch.Tensor
    is_earlier: torch.Tensor
    offsets: torch.Tensor
    places: torch.Tensor

    def __init__(self, sizes: Sequence[int], hidden: int = 32, head: int = 32, latent: int = 16) -> None:
        super().__init__()
        self.sizes = list(sizes)
        self.latent = latent
        n_columns, widest, width = len(self.sizes), max(self.sizes), sum(self.sizes)
        self.from_latent = nn.Linear(latent, hidden)
        self.embeddings = nn.Parameter(torch.randn(width, hidden) / hidden**0.5)
        self.direct = nn.Parameter(torch.zeros(width, width))
        self.head_weight = nn.Parameter(torch.empty(n_columns, hidden, head).uniform_(-1, 1) / hidden**0.5)
        self.head_bias = nn.Parameter(torch.zeros(n_columns, 1, head))
        self.code_weight = nn.Parameter(torch.empty(n_columns, head, widest).uniform_(-1, 1) / head**0.5)
        self.code_bias = nn.Parameter(torch.zeros(n_columns, 1, widest))
        is_code = torch.arange(widest)[None, :] < torch.tensor(self.sizes)[:, None]
        starts = torch.tensor([0, *self.sizes[:-1]]).cumsum(0)
        column = torch.repeat_interleave(torch.arange(n_columns), torch.tensor(self.sizes))
        self.register_buffer("is_earlier", column[:, None] < column[None, :], persistent=False)
        self.register_buffer("is_code", is_code[:, None, :], persistent=False)
        self.register_buffer("offsets", starts, persistent=False)
        self.register_buffer("places", torch.nonzero(is_code.flatten()).flatten(), persistent=False)

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.embeddings.device

    @torch.no_grad()
    def start_from(self, loglinear: LogLinear) -> None:
        """Initialise the wide layer with log-linear conditionals, and the deep layer's output with zero."""
        self.direct.copy_(loglinear.direct)
        for position, bias in enumerate(loglinear.bias.split(self.sizes)):
            self.code_bias[position, 0, : len(bias)] = bias
        self.code_weight.zero_()

    def forward(self, draws: Draws) -> torch.Tensor:
        """Return the probabilities of each column's codes in each row, given the row's earlier columns."""
        places = draws.codes.T + self.offsets[:, None]
        start = self.from_latent(draws.latent)[None]
        steps = torch.cat([start, torch.nn.functional.embedding(places[:-1], self.embeddings)])
        deep = self._head(steps.cumsum(0), self.head_weight, self.head_bias, self.code_weight, self.code_bias)
        wide = self._padded(draws.one_hot @ (self.direct * self.is_earlier))
        logits = deep + wide.unflatten(1, deep.shape[::2]).transpose(0, 1)
        probabilities = torch.softmax(logits.masked_fill(~self.is_code, _NEVER), dim=2)
        return probabilities.transpose(0, 1).flatten(1).index_select(1, self.places)

    def _padded(self, blocks: torch.Tensor) -> torch.Tensor:
        """Return ``(rows, width)`` blocks, each padded to the width of the widest column."""
        return blocks.new_zeros(len(blocks), self.is_code.numel()).index_copy(1, self.places, blocks)

    @staticmethod
    def _head(
        state: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        code_weight: torch.Tensor,
        code_bias: torch.Tensor,
    ) -> torch.Tensor:
        inner = torch.relu(torch.baddbmm(bias, torch.relu(state), weight))
        return torch.baddbmm(code_bias, inner, code_weight)

    def start(self, latent: torch.Tensor) -> torch.Tensor:
        """Return the state ``(batch, hidden + width)`` before any column is drawn: hidden part and one-hot blocks."""
        return torch.nn.functional.pad(self.from_latent(latent), (0, len(self.embeddings)))

    def logits(self, state: torch.Tensor, position: int) -> torch.Tensor:
        """Return ``(batch, size)`` logits of one column before it is drawn."""
        hidden, drawn = state.tensor_split([self.embeddings.shape[1]], dim=1)
        inner = torch.relu(torch.relu(hidden) @ self.head_weight[position] + self.head_bias[position])
        first, size = int(self.offsets[position]), self.sizes[position]
        deep = inner @ self.code_weight[position, :, :size] + self.code_bias[position, :, :size]
        return deep + drawn[:, :first] @ self.direct[:first, first : first + size]

    def advance(self, state: torch.Tensor, codes: torch.Tensor, position: int) -> torch.Tensor:
        """Return the state after a column was drawn; changes the given state in place."""
        places, hidden = self.offsets[position] + codes, self.embeddings.shape[1]
        state[:, :hidden] += self.embeddings[places]
        return state.scatter_(1, hidden + places[:, None], 1.0)

    @torch.no_grad()
    def draw(self, batch: int, rng: torch.Generator) -> Draws:
        """Return ``batch`` rows; ``rng`` is on the generator's device."""
        latent = torch.randn(batch, self.latent, generator=rng, device=self.device)
        state = self.start(latent)
        codes = torch.empty(batch, len(self.sizes), dtype=torch.int64, device=self.device)
        for position in range(len(self.sizes)):
            codes[:, position] = draw_codes(self.logits(state, position), rng)
            state = self.advance(state, codes[:, position], position)
        return Draws(latent, codes, state[:, self.embeddings.shape[1] :])

    @classmethod
    def of_state(cls, sizes: Sequence[int], state: Mapping[str, torch.Tensor]) -> Generator:
        """Return a generator with the shapes and values of a state dictionary's tensors.

        Raises:
            KeyError, ValueError, RuntimeError: the tensors do not belong together.
        """
        hidden, latent = state["from_latent.weight"].shape
        head, n_columns, widest = state["head_bias"].shape[-1], len(sizes), max(sizes)
        shapes = {
            "from_latent.weight": (hidden, latent),
            "from_latent.bias": (hidden,),
            "embeddings": (sum(sizes), hidden),
            "direct": (sum(sizes), sum(sizes)),
            "head_weight": (n_columns, hidden, head),
            "head_bias": (n_columns, 1, head),
            "code_weight": (n_columns, head, widest),
            "code_bias": (n_columns, 1, widest),
        }
        # Compared before anything is allocated: a few bytes of a file can ask for a large network.
        if {name: tuple(value.shape) for name, value in state.items()} != shapes:
            raise ValueError("tensors do not belong together")
        if not all(value.is_floating_point() and bool(value.isfinite().all()) for value in state.values()):
            raise ValueError("weights are not numbers")
        generator = cls(sizes, hidden=hidden, head=head, latent=latent)
        generator.load_state_dict(dict(state), strict=True)
        return generator
