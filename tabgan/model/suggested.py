"""Formulas of two columns that rows of the generator suggest for a third."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import torch

from tabgan.model.formulas import OPERATIONS, SCALED, SIDE, STEPS, NearFormula, numbers_of, place_of
from tabgan.table.codes import TableEncoder
from tabgan.table.placing import MOST_NEAR_FORMULAS, columns_of_numbers, numbers_within

#: Factors between units: powers of ten, and parts of years and hours.
FACTORS = (1.0, *(10.0**power for power in (-4, -3, -2, -1, 1, 2, 3, 4)), 12.0, 1 / 12, 60.0, 1 / 60)

#: Most columns that are tried for one, those that go most with it; two of them at a time.
MOST_INPUTS = 6

#: Rows of which the quartiles tell if a formula is worth a closer look.
GLANCE = 512

#: The least share of a column's rows in which a formula gives a number.
LEAST_GIVEN = 0.5

#: The largest distance of the distributions of a formula's and of a column's ranks (Kolmogorov and Smirnov's), over the
#: share of rows that have both, and the least correlation of the two.
MOST_APART, LEAST_TOGETHER = 0.1, 0.4

#: The correlation of a formula's results with one of its columns above which that column alone decides.
MOST_ALIKE = 0.998


def suggested_formulas(
    encoder: TableEncoder, positions: Sequence[int], drawn: torch.Tensor, within: torch.Tensor
) -> dict[int, NearFormula]:
    """Return the few formulas of two earlier columns that may best give a column's numbers, by the column's position.

    In rows of the generator their results are distributed as the column's numbers, and go with them as far as tables
    of pairs tell. Post-processing of released numbers.

    Args:
        encoder: The table's encoder.
        positions: Those of the columns that are asked for.
        drawn: ``(rows, columns)`` codes that the generator drew.
        within: ``(rows, columns)`` places within them.
    """
    known = columns_of_numbers(encoder)
    columns = {each: _Numbers.of(encoder, each, drawn, within) for each in known}
    together = _together(list(columns.values()))
    found = []
    for i, position in enumerate(known):
        if i >= 2 and position in positions:
            nearest = sorted(torch.argsort(-together[i, :i], stable=True)[:MOST_INPUTS].tolist())
            best = _best(columns[position], {known[j]: columns[known[j]] for j in nearest})
            found += [] if best is None else [(best.apart, position, best)]
    return {
        position: _formula(encoder, columns, position, each, drawn, within)
        for _, position, each in sorted(found, key=lambda each: each[:2])[:MOST_NEAR_FORMULAS]
    }


@dataclass(frozen=True)
class _Numbers:
    """Numbers of a column in rows of the generator.

    Attributes:
        knots: ``(values, STEPS + 1)`` numbers within its codes.
        widths: ``(values,)`` released shares of these.
        numbers: ``(rows,)`` numbers, NaN for none.
        ordered: The numbers that there are, ascending.
    """

    knots: torch.Tensor
    widths: torch.Tensor
    numbers: torch.Tensor
    ordered: torch.Tensor

    @classmethod
    def of(cls, encoder: TableEncoder, position: int, drawn: torch.Tensor, within: torch.Tensor) -> Self:
        """Return the numbers of one column."""
        column, values = encoder.columns[position], encoder.columns[position].values
        knots = torch.as_tensor(numbers_within(column, STEPS))
        numbers = numbers_of(knots, drawn[:, position], within[:, position], values.start, values.stop - 1)
        return cls(knots, _widths(encoder, position), numbers, numbers[numbers.isfinite()].sort().values)

    def rank(self, numbers: torch.Tensor) -> torch.Tensor:
        """Return ``(batch,)`` ranks of numbers among released counts."""
        code, place = place_of(self.knots, numbers)
        return self.widths.cumsum(0)[code] + (place - 1.0) * self.widths[code]

    def factor(self, ordered: torch.Tensor) -> float:
        """Return the factor of a unit by which numbers in ascending order are nearest to these, by their middles."""
        if not len(ordered) or not len(self.ordered):
            return 1.0
        return _factor(float(ordered[len(ordered) // 2]), float(self.ordered[len(self.ordered) // 2]))

    def may_be(self, ordered: torch.Tensor) -> bool:
        """Return true if some numbers in ascending order have about the quartiles of these."""
        if len(ordered) < 4 or not len(self.ordered):
            return False
        parts = torch.tensor([0.25, 0.5, 0.75])
        quartiles = ordered[(parts * len(ordered)).long()]
        low, high = (torch.searchsorted(self.ordered, quartiles, right=side) for side in (False, True))
        near = torch.minimum(torch.maximum(parts * len(self.ordered), low), high) / len(self.ordered)
        return bool((near - parts).abs().max() <= 1.5 * MOST_APART)


class _Best(NamedTuple):
    """A formula, and how far apart its results and a column's numbers are distributed."""

    apart: float
    pair: tuple[int, int]
    operation: int
    factor: float


def _best(own: _Numbers, inputs: Mapping[int, _Numbers]) -> _Best | None:
    """Return the formula of two columns whose results are distributed most like a column; ``None`` for none."""
    best, rank = None, own.rank(own.numbers)
    for pair in itertools.combinations(inputs, 2):
        for operation, (_, function) in enumerate(OPERATIONS):
            some = function(*(inputs[each].numbers[:GLANCE] for each in pair))
            ordered = some[some.isfinite()].sort().values
            factor = own.factor(ordered) if operation in SCALED else 1.0
            if not own.may_be(factor * ordered):
                continue
            result = factor * function(*(inputs[each].numbers for each in pair))
            result = torch.where(result.isfinite(), result, torch.nan)
            apart = _distance(own.rank(result), rank)
            if apart < (MOST_APART if best is None else best.apart) and not any(
                abs(_correlation(result, inputs[each].numbers)) > MOST_ALIKE for each in pair
            ):  # else one of the two decides, and tables of places follow it
                best = _Best(apart, pair, operation, factor)
    return best


def _together(columns: Sequence[_Numbers]) -> torch.Tensor:
    """Return ``(columns, columns)`` sizes of the correlations of ranks, a missing number having the middle one."""
    if not columns:
        return torch.zeros(0, 0)
    ranks = []
    for each in columns:
        is_there = each.numbers.isfinite()
        own = torch.zeros(len(is_there), dtype=torch.float64)
        own[is_there] = _ranks(each.numbers[is_there]) - len(each.ordered)
        ranks.append(own)
    return torch.corrcoef(torch.stack(ranks)).reshape(len(columns), -1).nan_to_num(0.0).abs()


def _factor(middle: float, wanted: float) -> float:
    """Return the factor of a unit that brings a number nearest to another; 1 if they differ in sign."""
    if not (middle > 0 < wanted or middle < 0 > wanted):
        return 1.0
    missing = math.log(abs(wanted)) - math.log(abs(middle))  # their ratio may be no number
    return min(FACTORS, key=lambda factor: abs(math.log(factor) - missing))


def _distance(result: torch.Tensor, rank: torch.Tensor) -> float:
    """Return the distance of the distributions of a formula's and a column's ranks; 1 if the two hardly go together."""
    both = result.isfinite() & rank.isfinite()
    share = int(both.sum()) / max(int(rank.isfinite().sum()), 1)
    if share < LEAST_GIVEN:
        return 1.0
    first, second = result[both].sort().values, rank[both].sort().values
    line = torch.cat([first, second])
    below = [torch.searchsorted(each, line, right=True) / len(each) for each in (first, second)]
    apart = float((below[0] - below[1]).abs().max()) / share
    return apart if apart < MOST_APART and _correlation(result, rank) >= LEAST_TOGETHER else 1.0


def _correlation(one: torch.Tensor, other: torch.Tensor) -> float:
    """Return the correlation of the ranks of two columns among rows that have both; 0 if one does not vary.

    Equal numbers share a rank: the order of the rows is no part of it.
    """
    both = one.isfinite() & other.isfinite()
    ranks = torch.stack([_ranks(each[both]) for each in (one, other)])
    found = torch.corrcoef(ranks)[0, 1] if ranks.shape[1] > 2 else torch.tensor(0.0)
    return float(found.nan_to_num(0.0))


def _ranks(numbers: torch.Tensor) -> torch.Tensor:
    line = numbers.sort().values
    return (torch.searchsorted(line, numbers) + torch.searchsorted(line, numbers, right=True)).double()


def _widths(encoder: TableEncoder, position: int) -> torch.Tensor:
    """Return ``(values,)`` released shares of a column's codes of values."""
    column = encoder.columns[position]
    weights = np.where(column.exists, column.code_weights, 0.0)[column.values]
    return torch.as_tensor(weights / max(weights.sum(), 1e-300))


def _formula(
    encoder: TableEncoder,
    columns: Mapping[int, _Numbers],
    position: int,
    chosen: _Best,
    drawn: torch.Tensor,
    within: torch.Tensor,
) -> NearFormula:
    """Return a formula whose distances are those of rows of the generator."""
    values, pair = encoder.columns[position].values, chosen.pair
    ends = [(encoder.columns[i].values.start, encoder.columns[i].values.stop - 1) for i in pair]
    first, second = (columns[i].knots for i in pair)
    formula = NearFormula(
        torch.tensor([values.start, values.stop]),
        columns[position].widths,
        columns[position].knots,
        torch.tensor(pair),
        torch.tensor(ends),
        (first, second),
        chosen.operation,
        chosen.factor,
        torch.zeros(2 * SIDE, dtype=torch.float64),
    )
    cells = formula.cells(torch.zeros(len(drawn), values.stop - values.start), drawn, within, position)
    formula.distances.copy_(torch.bincount(cells[cells >= 0], minlength=2 * SIDE) / len(drawn))
    return formula
