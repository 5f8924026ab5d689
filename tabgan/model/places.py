"""The place of a value within its code, given the codes and the places of other columns.

A pair's table relates codes to codes. Within a code the released counts alone decide, so two columns
that are copies of each other would agree only in their codes. Here a column's conditional distribution, over its codes
in order, is drawn by inverting its distribution function at a number ``u`` in [0, 1), which determines the code and the
place within it. Without other information ``u`` is uniform. The places of earlier columns add information: a value that
lies high in its code pushes this column up, in the direction of its next code; the sum of all pushes, in standard
deviations of the conditional, is ``s``. One noisy table of ``u`` and ``s``, for all codes together, shows how far ``u``
follows ``s``. Copies, ratios and sums follow from it, since several columns push at once.

References:
    Rosenblatt (1952), *Remarks on a Multivariate Transformation*, on ``u``.
    Sklar (1959), *Fonctions de repartition a n dimensions et leurs marges*: the table is a copula.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from scipy.fft import dctn, idctn
from torch import nn

#: Bounds of the cells of ``s``, and the number of cells of ``u``.
PUSHES = (-1.6, -1.2, -0.9, -0.6, -0.4, -0.2, -0.08, 0.08, 0.2, 0.4, 0.6, 0.9, 1.2, 1.6)
LEVELS = 16

#: Most columns that push another, the least mean size of the push of one and of all together, and the least
#: agreement of a column's pushes from below and from above: where they differ, its order says nothing about the other.
PARTNERS, LEAST_PUSH, LEAST_PUSHES, LEAST_AGREEMENT = 4, 0.03, 0.08, 0.2

#: Least share of a cell among those of its push.
_LEAST_SHARE = 1e-6

#: Least variance of a conditional, in squared ranks.
_LEAST_VARIANCE = 1e-9


@dataclass(frozen=True)
class PlaceDistribution(ABC):
    """The joint distribution of a column's codes and the places within them, row by row.

    A number ``u`` in [0, 1) determines both.

    Attributes:
        shares: ``(rows, values)`` shares of the codes of values where ``u`` is uniform.
    """

    shares: torch.Tensor

    @property
    def ends(self) -> torch.Tensor:
        """``(rows, values)`` the ``u`` at which each code ends."""
        return self.shares.cumsum(1).clamp_max(1.0)

    @property
    def masses(self) -> torch.Tensor:
        """``(rows, values)`` probabilities of the codes."""
        ends = self.reached(self.ends)
        return torch.diff(ends, dim=1, prepend=ends.new_zeros(len(ends), 1)).clamp_min(0.0)

    def at(self, values: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """Return ``(rows, k)`` the ``u`` of ``k`` codes of values, counted from their first, and places within them."""
        return (self.ends[:, values] + (places - 1.0) * self.shares[:, values]).clamp(0.0, 1.0)

    def log_density(self, values: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """Return ``(rows,)`` logs of the density of each row's code, counted from the first, and place within it."""
        at = values[:, None]
        own = self.shares.gather(1, at)
        u = self.ends.gather(1, at) + (places[:, None] - 1.0) * own
        return (own * self.density(u)).log().squeeze(1)

    @abstractmethod
    def reached(self, u: torch.Tensor) -> torch.Tensor:
        """Return ``(rows, k)`` probabilities of values below each of ``(rows, k)`` numbers ``u``."""

    @abstractmethod
    def density(self, u: torch.Tensor) -> torch.Tensor:
        """Return ``(rows, k)`` densities of ``(rows, k)`` numbers ``u``."""

    @abstractmethod
    def between(self, low: torch.Tensor, high: torch.Tensor, widths: torch.Tensor) -> torch.Tensor:
        """Return ``(rows, k)`` probabilities between two ``u`` that are ``widths`` apart.

        Of a narrow stretch, the difference of two sums would be nothing: there it is the density times the width.
        """

    @abstractmethod
    def drawn_between(self, low: torch.Tensor, high: torch.Tensor, part: torch.Tensor) -> torch.Tensor:
        """Return ``(rows,)`` the ``u`` that a ``part``, in [0, 1], of the probability between two others lies below."""

    @abstractmethod
    def of_rows(self, rows: torch.Tensor) -> Self:
        """Return the distribution of some rows."""


@dataclass(frozen=True)
class PushedDistribution(PlaceDistribution):
    """A distribution whose ``u`` is even within cells of equal width.

    Attributes:
        levels: ``(rows, LEVELS + 1)`` probabilities that ``u`` lies below each bound of its cells, from 0 to 1.
    """

    levels: torch.Tensor

    def reached(self, u: torch.Tensor) -> torch.Tensor:
        below = _cell(u)
        low, high = self.levels.gather(1, below), self.levels.gather(1, below + 1)
        return low + (u * LEVELS - below) * (high - low)

    def density(self, u: torch.Tensor) -> torch.Tensor:
        cell = _cell(u)
        return (self.levels.gather(1, cell + 1) - self.levels.gather(1, cell)) * LEVELS

    def between(self, low: torch.Tensor, high: torch.Tensor, widths: torch.Tensor) -> torch.Tensor:
        is_within = _cell(low) == _cell(high)
        return torch.where(is_within, self.density(low) * widths, self.reached(high) - self.reached(low))

    def drawn_between(self, low: torch.Tensor, high: torch.Tensor, part: torch.Tensor) -> torch.Tensor:
        ends = self.reached(torch.stack([low, high], dim=1))
        wanted = ends[:, :1] + part[:, None] * (ends[:, 1:] - ends[:, :1])
        cell = (torch.searchsorted(self.levels, wanted, right=True) - 1).clamp(0, LEVELS - 1)
        first, last = self.levels.gather(1, cell), self.levels.gather(1, cell + 1)
        u = (cell + (wanted - first) / (last - first).clamp_min(1e-300)) / LEVELS
        return torch.minimum(torch.maximum(u.squeeze(1), low), high)

    def of_rows(self, rows: torch.Tensor) -> Self:
        return type(self)(self.shares[rows], self.levels[rows])


def _cell(u: torch.Tensor) -> torch.Tensor:
    return (u * LEVELS).floor().long().clamp(0, LEVELS - 1)


class PlacedColumn(nn.Module, ABC):
    """A column whose codes of values are drawn together with the places within them.

    Attributes:
        values: ``(2,)`` first code of this column's values, and the one after the last.
    """

    values: torch.Tensor

    @property
    def block(self) -> slice:
        """Codes of this column's values."""
        return slice(int(self.values[0]), int(self.values[1]))

    def holds_value(self, codes: torch.Tensor) -> torch.Tensor:
        """Return ``(batch,)`` true where this column's codes are those of values."""
        return (codes >= self.values[0]) & (codes < self.values[1])

    @abstractmethod
    def distribution(
        self, logits: torch.Tensor, codes: torch.Tensor, places: torch.Tensor, weights: Sequence[torch.Tensor]
    ) -> PlaceDistribution:
        """Return the distribution by which codes and places are drawn, given the logits of the values."""

    def masses(
        self, logits: torch.Tensor, codes: torch.Tensor, places: torch.Tensor, weights: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        """Return ``(batch, values)`` probabilities with which each code of a value is drawn."""
        return self.distribution(logits, codes, places, weights).masses


class Places(PlacedColumn):
    """The place of one column's values within their codes.

    **Shape.** ``codes`` and ``places``: ``(batch, columns)``; ``logits``: ``(batch, values)``; ``weights``: for each
    partner ``(its codes, values)``, the parts of its codes in the logits.

    Args:
        values: ``(2,)`` first code of this column's values, and the one after the last.
        middles: ``(values,)`` middle of each code in the distribution of the values.
        widths: ``(values,)`` its share.
        partners: ``(P,)`` positions of the columns that push this one.
        ends: ``(P, 2)`` first and last code of their values.
        copula: ``(len(PUSHES) + 1, LEVELS)`` shares of ``u`` for each ``s``.
    """

    middles: torch.Tensor
    widths: torch.Tensor
    partners: torch.Tensor
    ends: torch.Tensor
    copula: torch.Tensor

    def __init__(
        self,
        values: torch.Tensor,
        middles: torch.Tensor,
        widths: torch.Tensor,
        partners: torch.Tensor,
        ends: torch.Tensor,
        copula: torch.Tensor,
    ) -> None:
        super().__init__()
        for name, value in {
            "values": values,
            "middles": middles,
            "widths": widths,
            "partners": partners,
            "ends": ends,
            "copula": copula,
        }.items():
            self.register_buffer(name, value)

    def pushes(
        self, logits: torch.Tensor, codes: torch.Tensor, weights: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        """Return ``(batch, P, 2)`` changes of the mean from a partner's last code to its own, and on to the next.

        Each sum runs along a single row, so that no row's result depends on another.
        """
        mean = self._mean(logits)
        found = []
        for i, weight in enumerate(weights):
            low, high = self.ends[i]
            own = codes[:, int(self.partners[i])].clamp(low, high)
            up, down = (own + 1).clamp_max(high), (own - 1).clamp_min(low)
            base = logits - weight[own]
            above, below = self._mean(base + weight[up]) - mean, mean - self._mean(base + weight[down])
            found.append(
                torch.stack([torch.where(up == own, below, above), torch.where(down == own, above, below)], 1)
            )
        return torch.stack(found, dim=1)

    def _mean(self, logits: torch.Tensor) -> torch.Tensor:
        return (torch.softmax(logits, dim=1) * self.middles.to(logits.dtype)).sum(1)

    def push(
        self, logits: torch.Tensor, codes: torch.Tensor, places: torch.Tensor, weights: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        """Return ``(batch,)`` ``s``, given the logits of the values."""
        partners = codes[:, self.partners]
        is_value = (partners >= self.ends[:, 0]) & (partners <= self.ends[:, 1])
        offsets = torch.where(is_value, places[:, self.partners].to(logits.dtype) - 0.5, 0.0)
        pushed = (offsets * self.pushes(logits, codes, weights).mean(2)).sum(1)
        return pushed / self.spread(logits)

    def spread(self, logits: torch.Tensor) -> torch.Tensor:
        """Return ``(batch,)`` standard deviations of the rank, with places uniform within codes."""
        middles, widths = self.middles.to(logits.dtype), self.widths.to(logits.dtype)
        shares = torch.softmax(logits, dim=1)
        variance = (shares * (middles.square() + widths.square() / 12)).sum(1) - (shares * middles).sum(
            1
        ).square()
        return variance.clamp_min(_LEAST_VARIANCE).sqrt()

    def cell(self, push: torch.Tensor) -> torch.Tensor:
        """Return ``(batch,)`` cells of ``s``."""
        return torch.bucketize(push, torch.tensor(PUSHES, dtype=push.dtype, device=push.device))

    def distribution(
        self, logits: torch.Tensor, codes: torch.Tensor, places: torch.Tensor, weights: Sequence[torch.Tensor]
    ) -> PlaceDistribution:
        """Return the distribution by which :meth:`draw` draws codes and places, given the logits of the values."""
        levels = self.copula[self.cell(self.push(logits, codes, places, weights))].double().cumsum(1)
        shares = torch.softmax(logits.double(), dim=1)
        return PushedDistribution(shares, torch.nn.functional.pad(levels / levels[:, -1:], (1, 0)))

    def draw(
        self,
        logits: torch.Tensor,
        codes: torch.Tensor,
        places: torch.Tensor,
        weights: Sequence[torch.Tensor],
        rng: torch.Generator,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return ``(batch,)`` codes of values and places within them, given the logits of the values."""
        bounds = self.copula[self.cell(self.push(logits, codes, places, weights))].cumsum(1)
        first, second = torch.rand(2, len(logits), 1, generator=rng, device=logits.device)
        level = torch.searchsorted(bounds, first * bounds[:, -1:], right=True).clamp_max(LEVELS - 1)
        u = ((level + second) / LEVELS).double()
        shares = torch.softmax(logits.double(), dim=1)
        ends = shares.cumsum(1)
        u = u * ends[:, -1:]
        own = torch.searchsorted(ends, u, right=True).clamp_max(logits.shape[1] - 1)
        share = shares.gather(1, own)
        place = (u - ends.gather(1, own) + share) / share.clamp_min(1e-300)
        return own.squeeze(1) + self.values[0], place.squeeze(1).clamp(0.0, 1.0).float()

    def cells(
        self,
        logits: torch.Tensor,
        codes: torch.Tensor,
        places: torch.Tensor,
        position: int,
        weights: Sequence[torch.Tensor],
    ) -> torch.Tensor:
        """Return ``(batch,)`` cells of ``s`` and ``u`` of this column's values, at its position; -1 for none."""
        push, own = self.push(logits, codes, places, weights), codes[:, position]
        shares = torch.softmax(logits, dim=1)
        at = (own.clamp(self.block.start, self.block.stop - 1) - self.values[0])[:, None]
        share = shares.gather(1, at)[:, 0]
        u = shares.cumsum(1).gather(1, at)[:, 0] - share + places[:, position].to(logits.dtype) * share
        level = (u * LEVELS).long().clamp(0, LEVELS - 1)
        return torch.where(self.holds_value(own), self.cell(push) * LEVELS + level, -1)

    def with_table(self, counts: np.ndarray, noise_stddev: float) -> Places:
        """Return the same with the copula of a noisy table, as far as it rises above its noise and sampling error."""
        parts = {name: value for name, value in self.named_buffers() if name != "copula"}
        return Places(**parts, copula=torch.as_tensor(smoothed(counts, noise_stddev), dtype=torch.float32))

    @classmethod
    def of_state(cls, sizes: Sequence[int], position: int, state: Mapping[str, torch.Tensor]) -> Places:
        """Return the places with a state dictionary's tensors.

        Raises:
            KeyError, ValueError, TypeError: the tensors do not belong together.
        """
        whole = {name: state[name] for name in ("values", "partners", "ends")}
        numbers = {name: state[name] for name in ("middles", "widths", "copula")}
        if set(state) != {*whole, *numbers} or any(each.dtype != torch.int64 for each in whole.values()):
            raise ValueError("tensors do not belong together")
        if whole["values"].shape != (2,) or not 0 <= position < len(sizes):
            raise ValueError("no such column")
        first, end = whole["values"].tolist()
        n_partners = len(whole["partners"])
        shapes = [(n_partners,), (n_partners, 2), (end - first,), (end - first,), (len(PUSHES) + 1, LEVELS)]
        parts = [whole["partners"], whole["ends"], *numbers.values()]
        is_usable = [tuple(each.shape) for each in parts] == shapes and 1 <= n_partners <= PARTNERS
        is_usable &= 0 <= first < end <= sizes[position] and end - first > 1
        is_usable &= all(
            each.dtype == torch.float32 and bool(each.isfinite().all()) for each in numbers.values()
        )
        if not is_usable or not bool((numbers["copula"] > 0).all() and (numbers["widths"] >= 0).all()):
            raise ValueError("not places of values")
        for partner, (low, high) in zip(whole["partners"].tolist(), whole["ends"].tolist(), strict=True):
            if not (0 <= partner < position and 0 <= low <= high < sizes[partner]):
                raise ValueError("no such partner")
        return cls(**whole, **numbers)


def smoothed(counts: np.ndarray, noise_stddev: float) -> np.ndarray:
    """Return ``(pushes, LEVELS)`` shares of ``u`` for each ``s`` from noisy counts; uniform where these show nothing.

    Waves of one octave along each axis are shrunk together, by their size beyond the noise of the counts and that of
    the rows as a sample, and beyond its spread: few waves of noise are large by chance.
    """
    rows = np.maximum(counts.sum(1), 0.0)
    n_rows = max(float(rows.sum()), 1.0)
    expected = np.repeat(rows[:, None] / counts.shape[1], counts.shape[1], axis=1)
    waves = dctn(counts - expected, norm="ortho")
    octaves = [np.ceil(np.log2(np.arange(size) + 1)).astype(int) for size in counts.shape]
    groups = octaves[0][:, None] * 100 + octaves[1]
    noise = noise_stddev**2 + n_rows / counts.size
    kept = np.zeros(counts.shape)
    for group in np.unique(groups):
        squares = np.square(waves[groups == group])
        chance = noise * (
            1.0 + (2.0 / squares.size) ** 0.5
        )  # the mean of that many squares of noise, and its spread
        beyond = max(float(squares.mean()) - chance, 0.0)
        kept[groups == group] = beyond / (beyond + noise)
    kept[:, 0] = 0.0  # the number of rows of each push
    table = np.maximum(expected + idctn(kept * waves, norm="ortho"), 0.0) / n_rows
    table = np.maximum(table, _LEAST_SHARE * np.maximum(rows[:, None] / n_rows, _LEAST_SHARE))
    return np.asarray(table / table.sum(1, keepdims=True))
