"""A column that a product, quotient, sum or difference of two earlier ones nearly gives.

A customer has paid about a monthly price times a number of months. Tables of pairs do not show that: three columns are
needed at once. So the rank of a row's number, among the released counts of its column, is compared with the rank of the
number that the formula gives, and a noisy table counts the rows by the distance of the two. Where they lie closer
together than pairs tell, the column is drawn at such a distance from the formula.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import nn

from tabgan.model.places import PlacedColumn, PlaceDistribution

#: Functions of two numbers, in a fixed order: a model file keeps their positions.
OPERATIONS: tuple[tuple[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]], ...] = (
    ("{} * {}", lambda a, b: a * b),
    ("{} / {}", lambda a, b: a / b),
    ("{1} / {0}", lambda a, b: b / a),
    ("{} + {}", lambda a, b: a + b),
    ("{} - {}", lambda a, b: a - b),
    ("{1} - {0}", lambda a, b: b - a),
    ("{} / {}**2", lambda a, b: a / b**2),
    ("{1} / {0}**2", lambda a, b: b / a**2),
)

#: Positions of the formulas that may have a factor, that of a unit: a body mass index is 10,000 times kilograms by
#: squared centimetres.
SCALED = (0, 1, 2, 6, 7)

#: Cells on either side of no distance, which widen from the first, of 1/240 of all ranks, to the last, of 1/6.
SIDE = 24
_GROWTH = 4.5

#: Known places within a code, from its begin to its end.
STEPS = 64

#: A formula counts if the mean distance from it is at most this part of the one among rows of the generator.
CLOSER = 0.5

#: Standard deviations of the noise above which a sum of counts is more than noise.
_CLEAR = 2.0

#: Density of distances that no row has.
_EVEN = 1e-6

#: Logits this far below a row's largest are those of excluded codes.
_EXCLUDED = 500.0

#: Relative difference of a formula's result from a number that is that number.
_ROUNDING = 1e-9


def _ends_of_distances() -> np.ndarray:
    """Return ``(2 * SIDE + 1,)`` bounds of the cells of distances, from -1 to 1."""
    half = np.sinh(np.linspace(0.0, _GROWTH, SIDE + 1)) / np.sinh(_GROWTH)
    return np.concatenate([-half[::-1], half[1:]])


#: Bounds of the cells of distances between ranks.
DISTANCES = _ends_of_distances()


@dataclass(frozen=True)
class NearDistribution(PlaceDistribution):
    """A distribution whose ``u`` lies at a distance from a row's rank; it is even where there is no rank.

    Attributes:
        rank: ``(rows,)`` ranks that a formula gives; NaN for none.
        bounds: ``(cells + 1,)`` bounds of the cells of distances, from -1 to 1.
        below: ``(cells + 1,)`` shares of rows with a smaller distance, which rise from 0 to 1.
    """

    rank: torch.Tensor
    bounds: torch.Tensor
    below: torch.Tensor

    def reached(self, u: torch.Tensor) -> torch.Tensor:
        first, whole = self._ends()
        return torch.where(self._has_none, u, (self._below(u) - first) / whole)

    def density(self, u: torch.Tensor) -> torch.Tensor:
        cell = self._cell(u)
        own = (self.below[cell + 1] - self.below[cell]) / (self.bounds[cell + 1] - self.bounds[cell])
        return torch.where(self._has_none, 1.0, own / self._ends()[1])

    def between(self, low: torch.Tensor, high: torch.Tensor, widths: torch.Tensor) -> torch.Tensor:
        is_within = self._cell(low) == self._cell(high)
        return torch.where(is_within, self.density(low) * widths, self.reached(high) - self.reached(low))

    def drawn_between(self, low: torch.Tensor, high: torch.Tensor, part: torch.Tensor) -> torch.Tensor:
        first, last = self._below(torch.stack([low, high], dim=1)).unbind(1)
        near = self._own_rank[:, 0] + _interpolated(self.below, self.bounds, first + part * (last - first))
        u = torch.where(self.rank.isnan(), low + part * (high - low), near)
        return torch.minimum(torch.maximum(u, low), high)

    def of_rows(self, rows: torch.Tensor) -> Self:
        return type(self)(self.shares[rows], self.rank[rows], self.bounds, self.below)

    @property
    def _has_none(self) -> torch.Tensor:
        return self.rank.isnan()[:, None]

    @property
    def _own_rank(self) -> torch.Tensor:
        return self.rank.nan_to_num(0.5)[:, None]

    def _below(self, u: torch.Tensor) -> torch.Tensor:
        return _interpolated(self.bounds, self.below, u - self._own_rank)

    def _cell(self, u: torch.Tensor) -> torch.Tensor:
        return torch.bucketize(u - self._own_rank, self.bounds[1:-1], right=True)

    def _ends(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return ``(rows, 1)`` the share of distances that would lead below 0, and of those that stay in [0, 1]."""
        first = self._below(torch.zeros_like(self._own_rank))
        return first, self._below(torch.ones_like(self._own_rank)) - first


class NearFormula(PlacedColumn):
    """The codes of one column, and the places within them, near a formula of two earlier columns.

    **Shape.** ``codes`` and ``places``: ``(batch, columns)``; ``logits``: ``(batch, values)``, of which only those of
    excluded codes matter.

    Args:
        values: ``(2,)`` first code of this column's values, and the one after the last.
        widths: ``(values,)`` their released shares.
        knots: ``(values, STEPS + 1)`` numbers at evenly spaced places within each code.
        partners: ``(2,)`` positions of the columns of the formula.
        ends: ``(2, 2)`` first and last code of their values.
        inputs: For each of them ``(its values, STEPS + 1)`` numbers within its codes.
        operation: Position of the formula among :data:`OPERATIONS`.
        factor: Of its result.
        distances: ``(2 * SIDE,)`` shares of rows by the distance of the column's rank from the formula's; until a
            table tells, those of rows of the generator.
    """

    widths: torch.Tensor
    knots: torch.Tensor
    partners: torch.Tensor
    ends: torch.Tensor
    first: torch.Tensor
    second: torch.Tensor
    operation: torch.Tensor
    factor: torch.Tensor
    distances: torch.Tensor

    def __init__(
        self,
        values: torch.Tensor,
        widths: torch.Tensor,
        knots: torch.Tensor,
        partners: torch.Tensor,
        ends: torch.Tensor,
        inputs: Sequence[torch.Tensor],
        operation: int,
        factor: float,
        distances: torch.Tensor,
    ) -> None:
        super().__init__()
        first, second = inputs
        for name, value in {
            "values": values,
            "widths": widths,
            "knots": knots,
            "partners": partners,
            "ends": ends,
            "first": first,
            "second": second,
            "operation": torch.tensor(operation),
            "factor": torch.tensor(factor, dtype=torch.float64),
            "distances": distances,
        }.items():
            self.register_buffer(name, value)

    def formula(self, names: Sequence[str]) -> str:
        """Return the formula in words."""
        factor = f"{float(self.factor):.4g} * " if float(self.factor) != 1.0 else ""
        return factor + OPERATIONS[int(self.operation)][0].format(*names)

    def computed(self, codes: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """Return ``(batch,)`` what the formula gives; NaN where a number is missing, or none comes out."""
        numbers = [
            numbers_of(knots, codes[:, position], places[:, position], first, last)
            for knots, position, (first, last) in zip(
                (self.first, self.second), self.partners.tolist(), self.ends.tolist(), strict=True
            )
        ]
        result = self.factor * OPERATIONS[int(self.operation)][1](*numbers)
        return torch.where(result.isfinite(), result, torch.nan)

    def distribution(
        self,
        logits: torch.Tensor,
        codes: torch.Tensor,
        places: torch.Tensor,
        weights: Sequence[torch.Tensor] = (),
    ) -> PlaceDistribution:
        """Return the distribution by which :meth:`draw` draws codes and places; even where the formula gives none."""
        del weights
        shares = self._shares(logits)
        rank = self._rank(shares, *place_of(self.knots, self.computed(codes, places)))
        return NearDistribution(shares, rank, *self._distances())

    def draw(
        self,
        logits: torch.Tensor,
        codes: torch.Tensor,
        places: torch.Tensor,
        weights: Sequence[torch.Tensor],
        rng: torch.Generator,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return ``(batch,)`` codes of values and places within them."""
        found = self.distribution(logits, codes, places, weights)
        part = torch.rand(len(logits), generator=rng, device=logits.device, dtype=torch.float64)
        u = found.drawn_between(torch.zeros_like(part), torch.ones_like(part), part)[:, None]
        ends = found.ends
        own = torch.searchsorted(ends, u, right=True).clamp_max(ends.shape[1] - 1)
        share = found.shares.gather(1, own)
        place = ((u - ends.gather(1, own) + share) / share.clamp_min(1e-300)).clamp(0.0, 1.0)
        return own.squeeze(1) + self.values[0], place.squeeze(1).float()

    def cells(
        self,
        logits: torch.Tensor,
        codes: torch.Tensor,
        places: torch.Tensor,
        position: int,
        weights: Sequence[torch.Tensor] = (),
    ) -> torch.Tensor:
        """Return ``(batch,)`` cells of the distance of a row's rank from the formula's; -1 where one has none."""
        del weights
        own, shares = codes[:, position], self._shares(logits)
        code = own.clamp(self.block.start, self.block.stop - 1) - self.block.start
        rank = self._rank(shares, code, places[:, position].double())
        distance = rank - self._rank(shares, *place_of(self.knots, self.computed(codes, places)))
        bounds = torch.as_tensor(DISTANCES[1:-1], device=logits.device)
        found = torch.bucketize(distance.nan_to_num(0.0), bounds)
        return torch.where(self.holds_value(own) & distance.isfinite(), found, -1)

    def _distances(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the bounds of the cells of distances, and the shares of rows below each, which rise everywhere."""
        bounds = torch.as_tensor(DISTANCES, device=self.distances.device)
        shares = self.distances.double() / self.distances.sum() + _EVEN * bounds.diff()
        below = nn.functional.pad(shares.cumsum(0), (1, 0))
        return bounds, below / below[-1]

    def _shares(self, logits: torch.Tensor) -> torch.Tensor:
        """Return ``(batch, values)`` released shares of the codes, nearly 0 for those that a row must not have."""
        least = logits.max(1, keepdim=True).values - _EXCLUDED
        shares = torch.where(logits > least, self.widths.double(), 0.0) + 1e-12
        return shares / shares.cumsum(1)[:, -1:]  # in the order of the codes, however many rows there are

    @staticmethod
    def _rank(shares: torch.Tensor, code: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        """Return ``(batch,)`` ranks of places within codes of values, counted from the first."""
        ends, own = shares.cumsum(1).gather(1, code[:, None]), shares.gather(1, code[:, None])
        return (ends + (place[:, None] - 1.0) * own).squeeze(1).clamp(0.0, 1.0)

    def with_table(self, counts: np.ndarray, noise_stddev: float) -> NearFormula | None:
        """Return the same with the distances of a noisy table; ``None`` unless they are far smaller than without it.

        Args:
            counts: Noisy counts of rows, of which the first ``2 * SIDE`` are those of the cells of distances.
            noise_stddev: Standard deviation of their noise.
        """
        shares = falling_shares(np.asarray(counts, dtype=np.float64).reshape(-1)[: 2 * SIDE], noise_stddev)
        if shares is None or _mean_size(shares) > CLOSER * _mean_size(self.distances.numpy()):
            return None
        return self._of({**dict(self.named_buffers()), "distances": torch.as_tensor(shares)})

    @classmethod
    def _of(cls, tensors: Mapping[str, torch.Tensor]) -> NearFormula:
        """Return the formula with the given buffers."""
        parts = dict(tensors)
        inputs, factor = (parts.pop("first"), parts.pop("second")), float(parts.pop("factor"))
        return cls(inputs=inputs, operation=int(parts.pop("operation")), factor=factor, **parts)

    @classmethod
    def of_state(cls, sizes: Sequence[int], position: int, state: Mapping[str, torch.Tensor]) -> NearFormula:
        """Return the formula with a state dictionary's tensors.

        Raises:
            KeyError, ValueError, TypeError: the tensors do not belong together.
        """
        whole = {name: state[name] for name in ("values", "partners", "ends", "operation")}
        numbers = {
            name: state[name] for name in ("widths", "knots", "first", "second", "factor", "distances")
        }
        if set(state) != {*whole, *numbers} or any(each.dtype != torch.int64 for each in whole.values()):
            raise ValueError("tensors do not belong together")
        if [tuple(each.shape) for each in whole.values()] != [(2,), (2,), (2, 2), ()]:
            raise ValueError("no formula of two columns")
        first, end = whole["values"].tolist()
        if not (0 <= first < end <= sizes[position] and 0 <= int(whole["operation"]) < len(OPERATIONS)):
            raise ValueError("no such codes or formula")
        ends, partners = whole["ends"].tolist(), whole["partners"].tolist()
        for partner, (low, high) in zip(partners, ends, strict=True):
            if not (0 <= partner < position and 0 <= low <= high < sizes[partner]):
                raise ValueError("no such partner")
        lengths = [end - first, *(high - low + 1 for low, high in ends)]
        shapes = [(lengths[0],), *((length, STEPS + 1) for length in lengths), (), (2 * SIDE,)]
        is_usable = [tuple(each.shape) for each in numbers.values()] == shapes
        is_usable &= all(
            each.dtype == torch.float64 and bool(each.isfinite().all()) for each in numbers.values()
        )
        if not is_usable or not bool((numbers["widths"] >= 0).all() and (numbers["distances"] >= 0).all()):
            raise ValueError("not a formula's numbers")
        if not bool((numbers["knots"].reshape(-1).diff() >= 0).all() and numbers["distances"].sum() > 0):
            raise ValueError("not numbers in order")
        return cls._of(whole | numbers)


def numbers_of(
    knots: torch.Tensor, codes: torch.Tensor, places: torch.Tensor, first: int, last: int
) -> torch.Tensor:
    """Return ``(batch,)`` numbers at places within codes of a column, NaN where a code is none of its values.

    Args:
        knots: ``(values, STEPS + 1)`` numbers at evenly spaced places within each code of values.
        codes: ``(batch,)`` codes.
        places: ``(batch,)`` places within them; NaN stands for the middle.
        first: Code of the first value.
        last: Code of the last one.
    """
    own, at = codes.clamp(first, last) - first, places.double().nan_to_num(0.5).clamp(0.0, 1.0) * STEPS
    step = at.long().clamp_max(STEPS - 1)
    low, high = knots[own, step], knots[own, step + 1]
    found = low + (at - step) * (high - low)
    return torch.where((codes >= first) & (codes <= last), found, torch.nan)


def place_of(knots: torch.Tensor, numbers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ``(batch,)`` codes of numbers, and the places within them: NaN for NaN, ends for numbers beyond."""
    line, present = knots.reshape(-1), numbers.nan_to_num(0.0)
    width = present.abs() * _ROUNDING
    low = torch.searchsorted(line, present - width)
    high = torch.searchsorted(line, present + width, right=True)
    before, after = (low - 1).clamp(0, len(line) - 1), low.clamp(0, len(line) - 1)
    part = (present - line[before]) / (line[after] - line[before]).clamp_min(1e-300)
    at = torch.where(high > low, (low + high - 1) / 2, before + part.clamp(0.0, 1.0) * (after - before))
    code = (at / (STEPS + 1)).floor().long().clamp(0, len(knots) - 1)
    place = ((at - code * (STEPS + 1)) / STEPS).clamp(0.0, 1.0)
    return code, torch.where(numbers.isnan(), torch.nan, place)


def falling_shares(counts: np.ndarray, noise_stddev: float) -> np.ndarray | None:
    """Return shares of the cells of distances, whose density falls on either side of 0: the nearest to noisy counts.

    There are none beyond the distance from which on noise alone explains the counts on a side.

    Returns:
        ``(2 * SIDE,)`` shares; ``None`` if noise explains all counts.

    References:
        Barlow, Bartholomew, Bremner & Brunk (1972), *Statistical Inference under Order Restrictions*.
    """
    from scipy.optimize import isotonic_regression  # loads slowly, and few tables need it

    widths, sides = np.diff(DISTANCES)[SIDE:], []
    for side in (counts[:SIDE][::-1], counts[SIDE:]):
        beyond = side[::-1].cumsum()[::-1]
        is_clear = beyond > _CLEAR * noise_stddev * np.sqrt(np.arange(SIDE, 0, -1))
        n = int(np.flatnonzero(is_clear).max(initial=-1)) + 1
        falling = side[:0]
        if n:
            falling = isotonic_regression(side[:n] / widths[:n], weights=widths[:n] ** 2, increasing=False).x
        sides.append(np.pad(np.maximum(falling, 0.0) * widths[:n], (0, SIDE - n)))
    shares = np.concatenate([sides[0][::-1], sides[1]])
    return shares / shares.sum() if shares.sum() > 0 else None


def _mean_size(shares: np.ndarray) -> float:
    """Return the mean size of distances."""
    return float(shares @ np.abs((DISTANCES[1:] + DISTANCES[:-1]) / 2) / shares.sum())


def _interpolated(at: torch.Tensor, values: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Return values between known ones, piecewise linear, those of the ends beyond them."""
    after = torch.searchsorted(at, wanted.contiguous()).clamp(1, len(at) - 1)
    part = ((wanted - at[after - 1]) / (at[after] - at[after - 1])).clamp(0.0, 1.0)
    return values[after - 1] + part * (values[after] - values[after - 1])
