"""Steps of numbers: powers of ten and fractions that values vote for, and steps that conversions of units leave."""

from __future__ import annotations

import math

import numpy as np

from tabgan.columns import rounding

#: Cells of the vote on precision: a value votes for the first step of ``1 / part`` that holds it, in this order; the
#: last cell is for those that none does. Halves come before tenths, and hundredths before thirds.
PARTS = (1, 2, 4, 8, 16, 10, 20, 100, 3, 6, 9, 12, 24, 60, *(10**d for d in range(3, 7)))

#: Decimals of the steps that have any; the steps of the last ones are not decimals.
DECIMALS_OF = {2: 1, 4: 2, 8: 3, 16: 4, 20: 2} | {10**d: d for d in range(7)}

#: Parts that a column may be made of, coarsest first: one that all voted ones divide.
COMMON = (1, 2, 3, 4, 6, 8, 9, 10, 12, 16, 20, 24, 60, *(10**d for d in range(2, 7)))

#: Decimals of numbers that may be multiples of a step that a unit's conversion has left; the fewest frequent ones that
#: tell, and the most steps of the largest; and the fewest digits of a step that is not a round number.
LEAST_DECIMALS, _LEAST_MULTIPLES, _MOST_STEPS, _UNROUND_DIGITS = 3, 3, 200, 4

#: Columns of which one has frequent numbers that lie on a coarser grid by chance; and the fewest numbers of which one
#: may lie elsewhere.
_BY_CHANCE, _LEAST_WITH_OTHER = 100.0, 5

#: Decimals of computed numbers of which no parts are known, or too many, and the most parts that are not decimals.
_DERIVED_DECIMALS, _MOST_PARTS = 6, 10**6

#: Distance from a multiple, in steps, that rounding explains, and as a share of the multiple.
_CLOSE, _CLOSE_SHARE = 1e-9, 4e-15


def precision_of_parts(
    parts: int | None, most_decimals: int, most_parts: float
) -> tuple[int | None, float | None]:
    """Return the decimals of numbers that are computed, or a step where no decimals write them; ``None`` for the other.

    Args:
        parts: Equal parts of 1 that they are made of; ``None`` if none are known.
        most_decimals: The most decimals that the largest of them leaves room for.
        most_parts: The most parts that it leaves room for.

    >>> precision_of_parts(8, 9, 1e9), precision_of_parts(4 * 3, 9, 1e9)
    ((3, None), (None, 0.08333333333333333))
    """
    twos = 0 if parts is None else (parts & -parts).bit_length() - 1
    rest, fives = (0 if parts is None else parts >> twos), 0
    while rest and rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest > 1 and parts is not None and parts <= min(most_parts, _MOST_PARTS):
        return None, 1.0 / parts
    decimals = max(twos, fives) if rest == 1 else _DERIVED_DECIMALS
    return max(min(decimals, most_decimals), 0), None


def whole(places: np.ndarray, step: int, largest: int) -> np.ndarray:
    """Return ``(rows,)`` whole multiples of a step: int64, or Python's own integers where 64 bits would wrap round.

    Args:
        places: ``(rows,)`` int64.
        step: The step, 1 or more.
        largest: The largest absolute value of a place of the column: the dtype must not follow from the rows drawn.
    """
    if step * largest <= np.iinfo(np.int64).max:
        return places * step
    return np.array([place * step for place in places.tolist()], dtype=object)


def _is_made_of(values: np.ndarray, part: int, short: np.dtype | None) -> np.ndarray:
    """Return ``(values,)`` true for multiples of ``1 / part``: as floats for decimals, up to rounding for others."""
    with np.errstate(over="ignore", invalid="ignore"):  # a warning would tell of a value
        if short is not None:
            return np.asarray((np.rint(values * part) / part).astype(short) == values.astype(short))
        if part in DECIMALS_OF and part == 10 ** DECIMALS_OF[part]:
            return np.asarray(np.round(values, DECIMALS_OF[part]) == values)
        scaled = values * part
        nearest = np.rint(scaled)
        if part in DECIMALS_OF:
            return np.asarray(np.round(nearest / part, DECIMALS_OF[part]) == values)
        is_close = np.abs(scaled - nearest) <= np.minimum(_CLOSE + _CLOSE_SHARE * np.abs(scaled), 1e-6)
    return np.asarray(is_close & (nearest != 0))


def common_step(values: np.ndarray) -> float | None:
    """Return the largest step that divides all of some numbers; ``None`` for none, or for a round one.

    Knots that are written in miles per hour are multiples of 1.15078, and so are those of them that are too rare to be
    found one by one.

    Args:
        values: Released numbers.
    """
    sizes = np.unique(np.abs(values[values != 0]))
    if len(sizes) < _LEAST_MULTIPLES:
        return None
    gap = min(float(np.diff(sizes).min()), float(sizes[0]))
    for divisor in range(1, 9):
        multiples = np.rint(sizes / (gap / divisor))
        if multiples[-1] > _MOST_STEPS:
            return None
        step = float(sizes[-1] / multiples[-1])
        if np.abs(sizes - multiples * step).max() <= 1e-6 * step:
            written = [float(f"{step:.{digits}g}") for digits in range(1, 16)]
            kept = [int((multiples * each == sizes).sum()) for each in (*written, step)]
            digits = int(np.argmax(kept))
            return (*written, step)[digits] if digits + 1 >= _UNROUND_DIGITS else None
    return None


def progression(places: np.ndarray) -> tuple[int, int] | None:
    """Return the step of a grid on which frequent integers lie, and their remainder; ``None`` for none, or round ones.

    Tenths of a degree Celsius, written in Fahrenheit with two decimals, are 3200 hundredths and every 18th before and
    after. One of the integers, such as a code for missing values, may lie elsewhere. The grid is a guess: the counts of
    round numbers tell how many rows are on it.

    Args:
        places: Lattice integers of released numbers.
    """
    places = np.unique(places)
    step = _common_gap(places)
    if step == 1 and len(places) >= _LEAST_WITH_OTHER:
        places = max((np.delete(places, i) for i in range(len(places))), key=_common_gap)
        step = _common_gap(places)
    if (len(places) - 1) * math.log(max(step, 1)) < math.log(_BY_CHANCE):
        return None
    remainder = int(places[0]) % step
    return None if remainder == 0 and rounding.number_steps(step)[-1] == step else (step, remainder)


def _common_gap(places: np.ndarray) -> int:
    """Return the largest integer that divides all differences of ascending ones."""
    return int(np.gcd.reduce(np.diff(places))) if len(places) > 1 else 1


def coarsest(values: np.ndarray, short: np.dtype | None) -> np.ndarray:
    """Return ``(values,)`` places in ``PARTS`` of the coarsest step that holds each value, by itself; else the end.

    Args:
        values: Numbers without missing ones.
        short: NumPy's dtype of their column if it has less than double precision.
    """
    needed = np.full(len(values), len(PARTS))
    for position in range(len(PARTS) - 1, -1, -1):
        needed[_is_made_of(values, PARTS[position], short)] = position
    return needed
