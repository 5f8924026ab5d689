"""Formulas of two columns that rows of the generator suggest for a third."""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch

from tabgan.model.formulas import OPERATIONS, SCALED, SIDE, STEPS, NearFormula, numbers_of, place_of
from tabgan.table.codes import TableEncoder
from tabgan.table.placing import columns_of_numbers, numbers_within

#: Factors between units: powers of ten, and parts of years and hours.
FACTORS = (1.0, *(10.0**power for power in (-4, -3, -2, -1, 1, 2, 3, 4)), 12.0, 1 / 12, 60.0, 1 / 60)

#: Most columns that are tried, those that go most with the column; two of them at a time.
MOST_INPUTS = 8

#: The least share of a column's rows in which a formula gives a number.
LEAST_GIVEN = 0.5

#: The largest distance of the distributions of a formula's and of a column's ranks (Kolmogorov and Smirnov's), over the
#: share of rows that have both, and the least correlation of the two.
MOST_APART, LEAST_TOGETHER = 0.1, 0.4

#: The correlation of a formula's results with one of its columns above which that column alone decides.
MOST_ALIKE = 0.998


def suggested_formula(
    encoder: TableEncoder, position: int, drawn: torch.Tensor, within: torch.Tensor
) -> NearFormula | None:
    """Return the formula of two earlier columns that may give a column's numbers; ``None`` if none may.

    In rows of the generator its results are distributed as the column's numbers, and go with them as far as tables of
    pairs tell. Post-processing of released numbers.

    Args:
        encoder: The table's encoder.
        position: The column's.
        drawn: ``(rows, columns)`` codes that the generator drew.
        within: ``(rows, columns)`` places within them.
    """
    known = [each for each in columns_of_numbers(encoder) if each <= position]
    if len(known) < 3 or known[-1] != position:
        return None
    numbers = {each: _numbers(encoder, each, drawn, within) for each in known}
    knots, own = torch.as_tensor(numbers_within(encoder.columns[position], STEPS)), numbers.pop(position)
    widths = _widths(encoder, position)
    rank = _rank(knots, widths, own)
    together = {each: abs(_correlation(values, rank)) for each, values in numbers.items()}
    inputs = sorted(sorted(together, key=lambda each: -together[each])[:MOST_INPUTS])
    best, chosen = MOST_APART, None
    for pair in itertools.combinations(inputs, 2):
        for operation, (_, function) in enumerate(OPERATIONS):
            result = function(*(numbers[each] for each in pair))
            result = torch.where(result.isfinite(), result, torch.nan)
            factor = _factor(result, own) if operation in SCALED else 1.0
            result = factor * result
            apart = _distance(_rank(knots, widths, result), rank)
            if apart < best and not any(
                abs(_correlation(result, numbers[each])) > MOST_ALIKE for each in pair
            ):  # else one of the two decides, and tables of places follow it
                best, chosen = apart, (pair, operation, factor)
    if chosen is None:
        return None
    formula = _formula(encoder, position, *chosen)
    cells = formula.cells(torch.zeros(len(drawn), len(widths)), drawn, within, position)
    formula.distances.copy_(torch.bincount(cells[cells >= 0], minlength=2 * SIDE) / len(drawn))
    return formula


def _factor(result: torch.Tensor, numbers: torch.Tensor) -> float:
    """Return the factor of a unit by which a formula's results are nearest to a column's numbers, by their middles."""
    middle, wanted = (float(each.nanmedian()) for each in (result, numbers))
    if not middle * wanted > 0:
        return 1.0
    missing = math.log(abs(wanted)) - math.log(abs(middle))  # their ratio may be no number
    return min(FACTORS, key=lambda factor: abs(math.log(factor) - missing))


def _distance(result: torch.Tensor, rank: torch.Tensor) -> float:
    """Return the distance of the distributions of a formula's and a column's ranks; 1 if the two hardly go together."""
    both = result.isfinite() & rank.isfinite()
    share = int(both.sum()) / max(int(rank.isfinite().sum()), 1)
    if share < LEAST_GIVEN or _correlation(result, rank) < LEAST_TOGETHER:
        return 1.0
    first, second = result[both].sort().values, rank[both].sort().values
    line = torch.cat([first, second])
    below = [torch.searchsorted(each, line, right=True) / len(each) for each in (first, second)]
    return float((below[0] - below[1]).abs().max()) / share


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


def _numbers(encoder: TableEncoder, position: int, drawn: torch.Tensor, within: torch.Tensor) -> torch.Tensor:
    values = encoder.columns[position].values
    knots = torch.as_tensor(numbers_within(encoder.columns[position], STEPS))
    return numbers_of(knots, drawn[:, position], within[:, position], values.start, values.stop - 1)


def _widths(encoder: TableEncoder, position: int) -> torch.Tensor:
    """Return ``(values,)`` released shares of a column's codes of values."""
    column = encoder.columns[position]
    weights = np.where(column.exists, column.code_weights, 0.0)[column.values]
    return torch.as_tensor(weights / max(weights.sum(), 1e-300))


def _rank(knots: torch.Tensor, widths: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    """Return ``(batch,)`` ranks of numbers among released counts."""
    code, place = place_of(knots, numbers)
    return widths.cumsum(0)[code] + (place - 1.0) * widths[code]


def _formula(
    encoder: TableEncoder, position: int, pair: tuple[int, int], operation: int, factor: float
) -> NearFormula:
    """Return a formula without distances yet."""
    values = encoder.columns[position].values
    ends = [(encoder.columns[i].values.start, encoder.columns[i].values.stop - 1) for i in pair]
    first, second = (torch.as_tensor(numbers_within(encoder.columns[i], STEPS)) for i in pair)
    return NearFormula(
        torch.tensor([values.start, values.stop]),
        _widths(encoder, position),
        torch.as_tensor(numbers_within(encoder.columns[position], STEPS)),
        torch.tensor(pair),
        torch.tensor(ends),
        (first, second),
        operation,
        factor,
        torch.zeros(2 * SIDE, dtype=torch.float64),
    )
