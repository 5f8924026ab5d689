"""Marks in text of numbers: limits such as ``<0.6``, ``>1000`` and ``85+``, and signs beside numbers such as ``1.2*``.

A limit stands for a number beside it: ``<0.6`` for 0.5 where others have one decimal. So it keeps its place in the
order of a column's values, and is written back. Limits that many rows have are found by counts of public ones.
Signs beside numbers, such as the flags of a laboratory, are left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np

from tabgan.columns import numerals
from tabgan.columns.numerals import N_COUNTS, NumberForm

#: Labels of ballots: limits and numbers with a sign beside them, with a decimal point and a decimal comma.
LIMITS, FLAGGED = ("<1234.5", "<1234,5"), ("1234.5*", "1234,5*")

#: Signs before a limit and, last, the one after it; with the side on which the values lie, 0 for the limit itself.
_SIDES = {"<": -1, ">": 1, "<=": 0, "≤": 0, ">=": 0, "≥": 0}
_SIGNS = {sign + gap: side for sign, side in _SIDES.items() for gap in ("", " ")} | {"+": 0}

#: Public limits: numbers of at most three digits with at most two decimals, or of two with more; and multiples of them.
_MOST_DIGITS, _FEW_DIGITS, _MOST_DECIMALS, _FINEST, _MOST_ZEROS = 999, 99, 2, 4, 4

#: Limits for each number at most: beyond, all are categories, as in an answer scale from ``<1`` to ``5+``.
MOST_LIMITS = 0.5

#: Characters of a mark at most.
LONGEST = 100

#: The most limits that are found, and counts that those of one, two and three digits need, in ones that are sure: noise
#: standard deviations of 4.5, 5 and 5.5. Among 45,000 limits that no row has, noise passes them once in 100 columns.
MOST, _SURER = 50, (1.0, 5.0 / 4.5, 5.5 / 4.5)

_NUMBER = r"(?:0|[1-9][0-9]*)(?:[.,][0-9]+)?|[.,][0-9]+"
_LIMIT = re.compile(f"((?:<=|>=|[<>≤≥]) ?)({_NUMBER})|({_NUMBER})(\\+)")
_THOUSANDS = re.compile(".*,[0-9]{3}")
_FLAG = re.compile(r"(.*[0-9+]) ?(?:\*{1,3}|[†‡§¶]|\((?:[A-Za-z]|HH|LL)\))|(.*[0-9+]) (?:HH|LL|[HL])")


def are_valid(marks: Mapping[str, float]) -> bool:
    """Return true if every mark is short text for a finite number."""
    return all(0 < len(text.strip()) <= LONGEST and math.isfinite(each) for text, each in marks.items())


def shape_of(text: str) -> str | None:
    """Return the label of text that is a limit, or a number with a sign beside it; ``None`` for other text."""
    text = text.strip()
    bare, number = _without_flag(text), _number_of(text)
    limit = _limit_of(bare)
    if _THOUSANDS.fullmatch(number) or not re.fullmatch(_NUMBER, number) or (limit is None and bare == text):
        return None  # 1,000 may be a thousand, or 1
    return (FLAGGED if limit is None else LIMITS)["," in number]


def form_of_all(texts: Iterable[str]) -> tuple[str | None, bool]:
    """Return the example of a form that reads every text, and true if some have marks; ``None`` if there is none."""
    texts = list(texts)
    labels = [shape_of(text) for text in texts]
    n_limits = sum(label in LIMITS for label in labels)
    if not any(labels) or n_limits > MOST_LIMITS * (len(texts) - n_limits):
        return numerals.form_of_all(texts), False
    numbers = [_number_of(text) for text in texts]
    if any(numerals.shape_of(number) is None for number in numbers):
        return None, False
    example = numerals.form_of_all(numbers) or "1234.5"
    return (None, False) if numerals.form_of(example).is_affixed else (example, True)


def floats(form: NumberForm, marks: Mapping[str, float], values: Iterable[object]) -> Iterator[float]:
    """Return the numbers that text stands for: of a mark, of the form, or of a limit that is no mark."""
    return numerals.floats_by(lambda text: _read(form, marks, text.strip()), values)


def counts(form: NumberForm, values: Sequence[object], numbers: np.ndarray) -> np.ndarray:
    """Return ``(N_COUNTS + limits,)`` counts: each number votes once, as it is written, or for its limit."""
    places, own = _places(form.point), []
    is_limit = np.zeros(len(values), dtype=bool)
    for row, value in enumerate(values):
        text = _without_flag(value.strip()) if isinstance(value, str) else ""
        is_limit[row] = _limit_of(text) is not None
        if text in places:
            own.append(places[text])
    plain = [_without_flag(value.strip()) if isinstance(value, str) else value for value in values]
    written = form.counts(plain, np.where(is_limit, np.nan, numbers))
    found = np.bincount(np.array(own, dtype=np.int64), minlength=len(places))
    return np.concatenate([written, found])


def found_in(
    form: NumberForm, vote: np.ndarray, surely: float, scale: float, declared: Mapping[str, float]
) -> dict[str, float]:
    """Return marks with the limits that a vote is sure of, the most frequent first, and the numbers of all.

    Args:
        form: The form of the column's numbers.
        vote: ``(N_COUNTS + limits,)`` noisy counts.
        surely: A count that is more than noise for certain.
        scale: Number of the column's steps that make up 1.
        declared: Marks that a schema has, which come first.
    """
    texts, own = list(_places(form.point)), vote[N_COUNTS:]
    found = dict(declared)
    for place in np.argsort(-own, kind="stable")[:MOST].tolist():
        text = texts[place]
        least = _SURER[min(_n_digits(text), len(_SURER)) - 1] * surely
        if own[place] > max(least, 0.0) and text not in found and len(found) < MOST:
            found[text] = _beside(form, text, scale)
    return found


def _n_digits(text: str) -> int:
    """Return the number of digits of a limit, without zeros at its ends."""
    return max(len("".join(sign for sign in text if sign.isdigit()).strip("0")), 1)


def _beside(form: NumberForm, text: str, scale: float) -> float:
    """Return the multiple of a step that a limit stands for: the next one on its side, or the nearest to the limit."""
    sign, number = _limit_of(text) or ("", "")
    steps, side = form.read(number) * scale, _SIGNS[sign]
    if side < 0:
        return (math.ceil(steps - 1e-9) - 1) / scale
    return (math.floor(steps + 1e-9) + 1) / scale if side else round(steps) / scale


def _read(form: NumberForm, marks: Mapping[str, float], text: str) -> float:
    if text in marks:
        return marks[text]
    value = form.read(text)
    if not math.isnan(value):
        return value
    bare = _without_flag(text)
    return marks[bare] if bare in marks else form.read(_number_of(text))


def _number_of(text: str) -> str:
    bare = _without_flag(text.strip())
    limit = _limit_of(bare)
    return bare if limit is None else limit[1]


def _without_flag(text: str) -> str:
    found = _FLAG.fullmatch(text)
    return text if found is None else found[1] or found[2]


def _limit_of(text: str) -> tuple[str, str] | None:
    """Return the sign and the number of a limit; ``None`` for other text."""
    found = _LIMIT.fullmatch(text)
    if found is None:
        return None
    return (found[1], found[2]) if found[1] else (found[4], found[3])


@lru_cache(maxsize=2)
def _places(point: str) -> dict[str, int]:
    """Return the place of each public limit, as text."""
    numbers = [
        f"{digits / 10**decimals:.{decimals}f}".replace(".", point)
        for decimals in range(_FINEST + 1)
        for digits in range(1, (_MOST_DIGITS if decimals <= _MOST_DECIMALS else _FEW_DIGITS) + 1)
    ]
    numbers += [
        str(digits * 10**zeros)
        for zeros in range(1, _MOST_ZEROS + 1)
        for digits in range(10, _FEW_DIGITS + 1)
    ]
    texts = [number + sign if sign == "+" else sign + number for sign in _SIGNS for number in numbers]
    return {text: place for place, text in enumerate(dict.fromkeys(texts))}
