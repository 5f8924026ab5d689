"""The generator: log-linear conditionals of the columns in sequence, corrected by critics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from tabgan._util.tensors import draw_codes, one_hot_product, part
from tabgan.model.adversary.critic import Critic
from tabgan.model.formulas import NearFormula
from tabgan.model.loglinear import LogLinear
from tabgan.model.places import PlaceDistribution, Places

#: Prefixes of the tensors of critics and places in a state.
_CRITICS, _PLACES = "critics.", "places."


class Generator(nn.Module):
    """An autoregressive model over columns, ``p(code | earlier codes)`` proportional to ``anchors * exp(D)``.

    The anchors' logits of column ``i`` are ``bias_i + sum_{j<i} direct_ji[x_j]``, which models pairs. A column may
    have a critic, whose log-ratio ``D`` of the earlier codes is added to them. Rows are drawn column by column. For
    some columns the place within the code is drawn with it, given the earlier columns' codes and places.

    Args:
        sizes: Codes of each column.
        critics: By the position of their columns.
        places: By the position of their columns.
    """

    offsets: torch.Tensor

    def __init__(
        self,
        sizes: Sequence[int],
        critics: Mapping[int, Critic] | None = None,
        places: Mapping[int, Places | NearFormula] | None = None,
    ) -> None:
        super().__init__()
        self.sizes = list(sizes)
        width = sum(self.sizes)
        self.direct = nn.Parameter(torch.zeros(width, width), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(width), requires_grad=False)
        self.critics = nn.ModuleDict({str(position): critic for position, critic in (critics or {}).items()})
        self.places = nn.ModuleDict({str(position): each for position, each in (places or {}).items()})
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

    def place(self, position: int, places: Places | NearFormula) -> None:
        """Draw a column's places within its codes from now on."""
        self.places[str(position)] = places.to(self.device)

    def places_at(self, position: int) -> Places | NearFormula:
        """Return the places of a column that has some."""
        found: Places | NearFormula = self.places[str(position)]  # type: ignore[assignment]
        return found

    @property
    def placed(self) -> list[int]:
        """Positions of columns whose places are drawn here, of their partners too."""
        partners = {int(i) for each in self.places.values() for i in each.partners}  # type: ignore[union-attr]
        return sorted({int(position) for position in self.places} | partners)

    def parents(self, position: int) -> list[int] | None:
        """Return the positions of the columns whose codes alone determine a column's distribution.

        ``None`` for a column with a critic or with places, which depends on more.
        """
        if str(position) in self.critics or str(position) in self.places:
            return None
        first = int(self.offsets[position])
        block = self.direct.detach()[:first, first : first + self.sizes[position]]
        depends = (block != 0).any(dim=1).split(self.sizes[:position])
        return [parent for parent, each in enumerate(depends) if bool(each.any())]

    def weights_of(self, position: int, places: Places | NearFormula) -> list[torch.Tensor]:
        """Return for each partner of a column ``(its codes, values)``, the weights of its codes for the values."""
        first = int(self.offsets[position])
        block = self.direct.detach()[:, first + places.block.start : first + places.block.stop]
        return [
            block[int(self.offsets[i]) : int(self.offsets[i]) + self.sizes[i]]
            for i in places.partners.tolist()
        ]

    def place_distribution(
        self, logits: torch.Tensor, codes: torch.Tensor, places: torch.Tensor, position: int
    ) -> PlaceDistribution | None:
        """Return the distribution of a column's codes of values and places; ``None`` if no column pushes it."""
        if str(position) not in self.places:
            return None
        own = self.places_at(position)
        return own.distribution(logits[:, own.block], codes, places, self.weights_of(position, own))

    def log_drawn(
        self, logits: torch.Tensor, codes: torch.Tensor, places: torch.Tensor, position: int
    ) -> torch.Tensor:
        """Return ``(rows,)`` logs of the probability with which :meth:`draw_column` draws a column's codes.

        A code that is drawn with its place has that of the code times the density of the place.
        """
        log_p = torch.log_softmax(logits, dim=1)
        found = log_p.gather(1, codes[:, position, None]).squeeze(1).double()
        if not places.shape[1] or str(position) not in self.places:
            return found
        own = self.places_at(position)
        rows = own.holds_value(codes[:, position]).nonzero().squeeze(1)
        drawn = own.distribution(
            logits[rows][:, own.block], codes[rows], places[rows], self.weights_of(position, own)
        )
        values = codes[rows, position] - own.block.start
        is_value = log_p[rows][:, own.block].double().logsumexp(1)
        found[rows] = is_value + drawn.log_density(values, places[rows, position].double())
        return found

    def draw_column(
        self,
        logits: torch.Tensor,
        codes: torch.Tensor,
        places: torch.Tensor,
        position: int,
        rng: torch.Generator,
    ) -> torch.Tensor:
        """Return ``(batch,)`` codes of one column, drawn by its logits, given the earlier columns.

        If the column's places are drawn with its codes, writes them into ``places``, and otherwise leaves it unchanged.
        """
        drawn = draw_codes(logits, rng)
        if not places.shape[1] or str(position) not in self.places:
            return drawn
        own = self.places_at(position)
        rows = own.holds_value(drawn).nonzero().squeeze(1)
        weights = self.weights_of(position, own)
        drawn[rows], places[rows, position] = own.draw(
            logits[rows][:, own.block], codes[rows], places[rows], weights, rng
        )
        return drawn

    def ones_before(self, codes: torch.Tensor, position: int) -> torch.Tensor:
        """Return ``(batch, position)`` int64 positions of the ones in the one-hot blocks of the earlier columns."""
        return codes[:, :position].long() + self.offsets[:position]

    def anchor_logits(
        self, codes: torch.Tensor, position: int, dtype: torch.dtype = torch.float32
    ) -> torch.Tensor:
        """Return ``(batch, size)`` logits of one column by the anchors alone; codes of later ones are ignored."""
        return self._anchor(self.ones_before(codes, position), position, dtype)

    def _anchor(self, ones: torch.Tensor, position: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        first, size = int(self.offsets[position]), self.sizes[position]
        block = slice(first, first + size)
        direct, bias = (each.to(dtype) for each in (self.direct[:first, block], self.bias[block]))
        return one_hot_product(ones, direct.contiguous()) + bias

    def logits(self, codes: torch.Tensor, position: int) -> torch.Tensor:
        """Return ``(batch, size)`` logits of one column, given the codes ``(batch, columns)`` of the earlier ones."""
        ones = self.ones_before(codes, position)
        anchor = self._anchor(ones, position)
        if str(position) not in self.critics:
            return anchor
        critic: Critic = self.critics[str(position)]  # type: ignore[assignment]
        return anchor + critic.log_ratio(ones, anchor)

    @torch.no_grad()
    def draw(self, batch: int, rng: torch.Generator) -> torch.Tensor:
        """Return ``(batch, columns)`` int64 codes; ``rng`` is on the generator's device."""
        codes = torch.zeros(batch, len(self.sizes), dtype=torch.int64, device=self.device)
        for position in range(len(self.sizes)):
            codes[:, position] = draw_codes(self.logits(codes, position), rng)
        return codes

    @classmethod
    def of_state(cls, sizes: Sequence[int], state: Mapping[str, torch.Tensor]) -> Generator:
        """Return a generator with the values of a state dictionary's tensors.

        Raises:
            KeyError, ValueError, RuntimeError: the tensors do not belong together.
        """
        width = sum(sizes)
        own = {name: value for name, value in state.items() if not name.startswith((_CRITICS, _PLACES))}
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
        parts = part(state, _PLACES)
        places = {
            position: _placed_of_state(sizes, position, part(parts, f"{position}."))
            for position in sorted({int(name.partition(".")[0]) for name in parts})
        }
        generator = cls(sizes, critics, places)
        generator.load_state_dict(dict(state), strict=True)
        return generator


def _placed_of_state(
    sizes: Sequence[int], position: int, state: Mapping[str, torch.Tensor]
) -> Places | NearFormula:
    kind = NearFormula if "operation" in state else Places
    return kind.of_state(sizes, position, state)
