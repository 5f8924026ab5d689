"""The vote on columns of numbers: its ballots, and what follows from the counts of numbers with marks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from tabgan.columns import marks, numerals
from tabgan.columns.kind import Ballot, Column
from tabgan.columns.lattice import LIMIT
from tabgan.columns.marks import FLAGGED, LIMITS, MOST_LIMITS
from tabgan.columns.numerals import KEPT, NUMERALS
from tabgan.columns.occupied import SURELY
from tabgan.columns.values import float_of

#: Share of the columns that one of a written form is expected to be, before any was seen.
_RARE = 0.0005

#: Plain numerals as a form, and labels of numbers in that form.
_PLAIN = "1234.5"
_NUMBERS = (
    NUMERALS,
    KEPT,
    *(shape for shape, example, _ in numerals.forms() if not numerals.form_of(example).is_affixed),
)


def of_numbers(kind: Callable[..., Column]) -> tuple[Ballot, ...]:
    """Return the ballots of a kind of numbers, in the order in which to ask: numerals, numbers, forms of text."""

    def form(shape: str, example: str, further: tuple[str, ...], same_as: str) -> Ballot:
        return Ballot(
            shape,
            lambda value, untyped_text: _shape_of(value, untyped_text) == shape,
            lambda name, dtype: kind(name=name, dtype=dtype, format=example),
            _shape_of,
            further,
            same_as,
            _RARE,
        )

    return (
        Ballot(
            NUMERALS,
            _is_numeral,
            lambda name, _: kind(name=name),
            weight=1.0,
            is_untyped=True,
            is_fallback=True,
        ),
        Ballot(
            "decimals",
            lambda value, _: isinstance(value, Decimal),
            lambda name, dtype: kind(name=name, dtype=dtype, objects="decimal"),
            reads=("numbers",),
        ),
        Ballot(
            "numbers",
            lambda value, _: not isinstance(value, str),
            lambda name, dtype: kind(name=name, dtype=dtype),
            reads=("decimals",),
            weight=0.02,
        ),
        *(form(*each) for each in _forms()),
    )


def _forms() -> list[tuple[str, str, tuple[str, ...], str]]:
    """Return each shape that has a form, the form's example, the further labels that it reads, and the first shape."""
    found = []
    marked = [
        (label, example, ())
        for label, example in zip((*LIMITS, *FLAGGED), (_PLAIN, "1234,5") * 2, strict=True)
    ]
    for shape, example, further in [*numerals.forms(), *marked]:
        first = LIMITS[0] if example == _PLAIN else example
        own = numerals.form_of(example)
        read = list(further)
        if example == _PLAIN or _PLAIN in further:
            read += [NUMERALS, KEPT]
        if not own.is_affixed:
            read += [LIMITS[0], FLAGGED[0], *((LIMITS[1], FLAGGED[1]) if own.point == "," else ())]
        found.append((shape, example, tuple(read), "" if first == shape else first))
    return found


def without_scales(labels: Sequence[str], vote: np.ndarray, noise_stddev: float) -> np.ndarray:
    """Return counts with limits among text where there are many for the numbers beside them.

    In an answer scale from ``<1`` to ``5+`` all are categories.
    """
    counts, vote = vote[[labels.index(label) for label in _NUMBERS]], vote.copy()
    numbers = counts[counts > SURELY * noise_stddev].sum()
    for place in map(labels.index, LIMITS):
        if vote[place] > max(SURELY * noise_stddev, MOST_LIMITS * numbers):
            vote[labels.index("text")] += vote[place]
            vote[place] = 0.0
    return vote


def shares_of_marks(labels: Sequence[str], vote: np.ndarray, noise_stddev: float) -> np.ndarray:
    """Return ``(2,)`` the shares of limits, and of numbers with a sign beside them, that surely have rows."""
    rows = np.where(vote > SURELY * noise_stddev, vote, 0.0)
    found = [sum(rows[labels.index(label)] for label in own) for own in (LIMITS, FLAGGED)]
    return np.asarray(np.array(found) / max(rows.sum(), 1.0))


def _is_numeral(value: Any, untyped_text: bool) -> bool:
    if not (untyped_text and numerals.is_numeral(value)) or value.strip()[0] == "+":  # which is a form
        return False
    is_long = abs(float_of(value)) >= LIMIT and value.strip().lstrip("-").isdigit()
    return not is_long  # more digits are a code's


def _shape_of(value: Any, _: bool) -> str | None:
    """Return the shape of text that a form reads; plain numerals have a ballot of their own, or none."""
    if not isinstance(value, str):
        return None
    shape = numerals.shape_of(value) or marks.shape_of(value)
    return None if shape == _PLAIN else shape
