"""Numerals: forms in which text writes numbers, such as ``1,234.5``, ``92,50``, ``$1.00``, ``12.5%``, ``7.03E+03``.

A form is named by the number 1234.5 as the form writes it: ``"$1,234.5"``, ``"1234,5%"``, ``"1.23E+03"``. Each text is
read by itself.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from tabgan.columns.multiples import PARTS
from tabgan.columns.values import float_of

#: Text that is a number without a form. ``01002`` and ``1E2`` are not: they are codes, which a number would destroy.
PLAIN = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-][0-9]+)?")

#: Text that would be a number but for a zero before it, as in codes that are all of one length.
PADDED = re.compile(r"[+-]?0[0-9]+(?:[.,][0-9]*)?")

#: Ballots of numerals, of those where text does not stand for numbers, and of those that begin with a zero.
NUMERALS, KEPT, CODES = "numerals", "numerals that are text", "numerals that begin with a zero"

#: Characters of what stands before or after a number at most, and digits of a mantissa.
_LONGEST_AFFIX, _MOST_DIGITS = 10, 15

#: Places of signs: before everything, before the digits, after them, after everything. Those of numbers without a sign
#: come first; then negative ones, the hyphen first, with typesetters' minus, brackets and the minus after a number of
#: accountants; and positive ones with a plus. ``±`` in an example stands for a plus and the typesetters' minus.
STYLES = (
    ("", "", "", ""),
    ("-", "", "", ""),
    ("", "-", "", ""),
    ("−", "", "", ""),
    ("", "−", "", ""),
    ("(", "", "", ")"),
    ("", "(", ")", ""),
    ("", "", "", "-"),
    ("", "", "-", ""),
    ("+", "", "", ""),
    ("", "+", "", ""),
)

#: Places of no sign, of the hyphen, of typesetters' minus, of brackets, and of the first plus.
_UNSIGNED, _HYPHEN, _TYPESET, _BRACKETS, _PLUS = 0, 1, 3, 5, 9

#: Cells of a vote on decimals, and of one on them by the style of a sign.
_N_PARTS = len(PARTS) + 1
N_COUNTS = len(STYLES) * _N_PARTS

_EXAMPLE = re.compile(
    r"(?P<first>[+−±(]?)(?P<before>[^0-9+\-−±()]*)(?P<second>[+−±(-]?)(?:"
    r"1(?P<thousands>[.,'’ \u00a0\u202f]?)234(?P<point>[.,])5|1(?P<mark>[.,])(?P<mantissa>2|23|2345?0*)E\+03"
    r")(?P<third>[)-]?)(?P<after>[^0-9+\-−±()]*)(?P<last>[)-]?)"
)

#: Signs of currencies before and after a number, and of percentages.
_BEFORE = ("$", "€", "£", "¥", "₹", "€ ", "$ ", "R$ ", "EUR ", "USD ", "CHF ")
_AFTER = ("€", " €", "\u00a0€", "%", " %", "\u00a0%", " kr", " $", " EUR", " USD", " CHF")

#: Styles with a minus behind the number, and the mark without which that is none: ``2-`` may be a grade.
_TRAILING, _MARK = (_BRACKETS + 2, _BRACKETS + 3), re.compile(r"[.,'\s]")

#: Characters that part thousands, besides commas and points: spaces (two of which break no line), the apostrophe.
_GAPS = (" ", "\u00a0", "\u202f", "'")

#: Most digits of a mantissa that the vote tells apart.
_MANTISSAS = 6


def floats_by(read: Callable[[str], float], values: Iterable[object]) -> Iterator[float]:
    """Return the numbers that text stands for, or numbers themselves; each text is read once."""
    known: dict[str, float] = {}
    for value in values:
        if not isinstance(value, str):
            yield float_of(value)
            continue
        if value not in known:
            known[value] = read(value)
        yield known[value]


@dataclass(frozen=True)
class NumberForm:
    """A form in which text writes numbers.

    Attributes:
        before: Text before the number.
        thousands: Mark between groups of three digits; ``""`` for none.
        point: Mark before the decimals.
        after: Text after the number.
        mantissa: Decimals of the mantissa of numbers such as ``7.03E+03``; 0 for numbers without an exponent.
        negative: Place in :data:`STYLES` of the sign of negative numbers.
        positive: The same of positive ones.
    """

    before: str = ""
    thousands: str = ""
    point: str = "."
    after: str = ""
    mantissa: int = 0
    negative: int = _HYPHEN
    positive: int = _UNSIGNED

    @classmethod
    def of(cls, example: str) -> NumberForm:
        """Return the form that an example shows.

        Raises:
            ValueError: the example is not 1234.5 in any form, or -1234.5 in one with another sign.
        """
        found = _EXAMPLE.fullmatch(example)
        if (
            not found
            or example != example.strip()
            or max(map(len, found.group("before", "after"))) > _LONGEST_AFFIX
        ):
            raise ValueError(_expected(example))
        mantissa = len(found["mantissa"] or "")
        point, thousands = found["point"] or found["mark"], found["thousands"] or ""
        signs = tuple(found[part] for part in ("first", "second", "third", "last"))
        negative, positive = _styles(signs, found["before"], found["after"])
        if point == thousands or mantissa > _MOST_DIGITS or negative is None:
            raise ValueError(_expected(example))
        return cls(found["before"], thousands, point, found["after"], mantissa, negative, positive)

    @property
    def example(self) -> str:
        """The number 1234.5 in the form, or -1234.5 where negative ones have another sign than a hyphen in front."""
        is_typeset = _TYPESET <= self.negative < _BRACKETS
        if self.positive != _UNSIGNED:
            return self.write(1234.5, 1).replace("+", "±" if is_typeset else "+", 1)
        return self.write(1234.5 if self.negative == _HYPHEN else -1234.5, 1)

    def with_styles(self, counts: Sequence[float]) -> NumberForm:
        """Return the form with the signs that most numbers have where its own are the usual ones.

        Args:
            counts: ``(styles,)`` numbers with each style.
        """
        negative, positive = self.negative, self.positive
        if negative == _HYPHEN and any(counts[_HYPHEN:_PLUS]):
            negative = max(range(_HYPHEN, _PLUS), key=lambda style: counts[style])
        if positive == _UNSIGNED and negative < _BRACKETS:
            positive = max((_UNSIGNED, *range(_PLUS, len(STYLES))), key=lambda style: counts[style])
        if positive != _UNSIGNED:  # both signs stand in one place
            negative = (_TYPESET if negative in range(_TYPESET, _BRACKETS) else _HYPHEN) + positive - _PLUS
        return replace(self, negative=negative, positive=positive)

    @property
    def is_affixed(self) -> bool:
        """True if there is text before or after the number, or an exponent."""
        return bool(self.before or self.after or self.mantissa)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """Expression with a group for each of the styles, which holds the digits."""
        point, gap = re.escape(self.point), re.escape(self.thousands)
        digits, certain = "[0-9]+", ""
        if self.thousands:
            grouped = f"[1-9][0-9]{{0,2}}(?:{gap}[0-9]{{3}})+"
            digits, certain = f"{grouped}|[0-9]+", f"|{grouped}"
        number = f"(?:{digits})(?:{point}[0-9]*)?|{point}[0-9]+"
        certain = f"(?:{digits})?{point}[0-9]+{certain}"  # 2- may be a grade
        if self.mantissa:
            number = certain = f"[0-9]+(?:{point}[0-9]*)?(?:[eE][+-]?[0-9]+)?"
        before, after = re.escape(self.before), re.escape(self.after)
        each = []
        for first, second, third, last in (tuple(map(re.escape, signs)) for signs in STYLES):
            own = certain if "-" in third + last else number
            each.append(f"{first}{before}{second}({own}){third}{after}{last}")
        return re.compile("|".join(each))

    def _found(self, text: str) -> tuple[str, int] | None:
        """Return the digits of text of the form, and the style of its sign."""
        found = self._pattern.fullmatch(text.strip())
        return (found[found.lastindex], found.lastindex - 1) if found and found.lastindex else None

    def read(self, text: str) -> float:
        """Return the number that text stands for, NaN if it is not of the form."""
        found = self._found(text)
        if found is None:
            return math.nan
        number = found[0].replace(self.thousands, "") if self.thousands else found[0]
        value = float(number.replace(self.point, "."))
        if not math.isfinite(value):
            return math.nan
        return -value if _HYPHEN <= found[1] < _PLUS else value

    def written(self, text: str) -> tuple[int, int]:
        """Return the style of the sign, and the decimals, of text of the form: ``$5.00`` has two."""
        found = self._found(text)
        return (0, 0) if found is None else (found[1], len(found[0].partition(self.point)[2]))

    def counts(self, values: Sequence[object], numbers: np.ndarray) -> np.ndarray:
        """Return ``(N_COUNTS,)`` counts: each number votes once, for the decimals and the sign that it is written with.

        Args:
            values: Cells.
            numbers: ``(rows,)`` the numbers that they stand for, NaN for none.
        """
        known: dict[object, int] = {}
        cells = []
        for value, number in zip(values, numbers.tolist(), strict=True):
            if math.isnan(number):
                continue
            if value not in known:
                style, decimals = self.written(value) if isinstance(value, str) else (_UNSIGNED, 0)
                part = PARTS.index(10**decimals) if 10**decimals in PARTS else len(PARTS)
                known[value] = style * _N_PARTS + part
            cells.append(known[value])
        return np.bincount(np.array(cells, dtype=np.int64), minlength=N_COUNTS)

    def with_voted_styles(self, vote: np.ndarray, surely: float) -> tuple[NumberForm, np.ndarray]:
        """Return the form with the signs that a vote is sure of, and ``(parts,)`` its counts of decimals.

        Args:
            vote: ``(N_COUNTS,)`` noisy counts.
            surely: A count that is more than noise for certain.
        """
        cells = np.reshape(vote, (len(STYLES), _N_PARTS))
        styles = np.where(cells > surely, cells, 0.0).sum(axis=1)
        is_seen = (styles > 0) | (np.arange(len(STYLES)) == _UNSIGNED)
        return self.with_styles(styles.tolist()), cells[is_seen].max(axis=0)

    def floats(self, values: Iterable[object]) -> Iterator[float]:
        """Return the numbers that text of the form, or a number itself, stands for; each text is read once."""
        return floats_by(self.read, values)

    def write(self, value: float, decimals: int) -> str:
        """Return a number as text of the form."""
        if self.mantissa:
            text = f"{abs(value):.{self.mantissa}E}"
        else:
            text = f"{abs(value):{',' if self.thousands else ''}.{decimals}f}"
        text = text.translate({ord(","): self.thousands, ord("."): self.point})
        is_negative = value < 0 and any(digit in text for digit in "123456789")
        first, second, third, last = STYLES[self.negative if is_negative else self.positive]
        return f"{first}{self.before}{second}{text}{third}{self.after}{last}"


def is_numeral(value: object) -> bool:
    """Return true for text that is a number without a form."""
    return (
        isinstance(value, str)
        and PLAIN.fullmatch(value.strip()) is not None
        and math.isfinite(float_of(value))
    )


def _expected(example: str) -> str:
    return (
        f"expected the number 1234.5 as the column writes it, such as '1,234.5', '1234,5', '$1,234.5', '1234.5%' or "
        f"'1.23E+03', or -1234.5 where negative numbers have another sign, such as '(1,234.5)', got {example!r}."
    )


def _styles(signs: tuple[str, ...], before: str, after: str) -> tuple[int | None, int]:
    """Return the styles of negative and positive numbers that the signs of an example show; ``None`` for no style."""
    first, second, third, last = signs
    if not before:
        first, second = first + second, ""
    if not after:
        third, last = "", third + last
        if second:
            third, last = last, third
    elif first == "(" and third == ")":
        first, second = second, first
    found = tuple(each.replace("±", "+") for each in (first, second, third, last))
    if found not in STYLES:
        return None, _UNSIGNED
    style = STYLES.index(found)
    if style < _PLUS:
        return style or _HYPHEN, _UNSIGNED
    return (_TYPESET if "±" in first + second else _HYPHEN) + style - _PLUS, style


@lru_cache(maxsize=256)
def form_of(example: str) -> NumberForm:
    """Return the form that an example shows, as :meth:`NumberForm.of` does."""
    return NumberForm.of(example)


# The vote: each text has one shape, and each form reads some shapes.


def _grouped(gap: str, least: int = 1) -> str:
    return f"[1-9][0-9]{{0,2}}(?:{re.escape(gap)}[0-9]{{3}}){{{least},}}"


#: Shapes of digits, in the order in which they are asked. Of ``1,234``, thousands or three decimals, other cells tell.
_SHAPES: dict[str, re.Pattern[str]] = {
    shape: re.compile(pattern)
    for shape, pattern in {
        "1234.5": r"(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+",
        "1,234": "[1-9][0-9]{0,2},[0-9]{3}",
        "1,234.5": rf"{_grouped(',')}\.[0-9]+|{_grouped(',', 2)}",
        "1234,5": "(?:0|[1-9][0-9]*)?,[0-9]+",
        "1.234,5": rf"{_grouped('.')},[0-9]+|{_grouped('.', 2)}",
        **{f"1{gap}234.5": rf"{_grouped(gap)}(?:\.[0-9]+)?" for gap in _GAPS},
        **{f"1{gap}234,5": f"{_grouped(gap)},[0-9]+" for gap in _GAPS[:-1]},
        **{
            f"1.{'2345000'[:n]}E+03": rf"[0-9]\.[0-9]{{{n}}}E[+-][0-9]{{2,3}}"
            for n in range(1, _MANTISSAS + 1)
        },
    }.items()
}

#: The numeral with decimal point, and shapes that only numbers without currency or percentage have.
_POINT = "1234.5"
_GAPPED = tuple(shape for shape in _SHAPES if shape[1] in _GAPS)
_SCIENTIFIC = tuple(shape for shape in _SHAPES if "E" in shape)
_MARKED = tuple(shape for shape in _SHAPES if shape not in (*_GAPPED, *_SCIENTIFIC))

_DIGITS = r"[0-9.,](?:[0-9.,'E+ \u00a0\u202f-]*[0-9.])?"
_SIGNED_BEFORE, _SIGNED_AFTER = (f"(?:{'|'.join(map(re.escape, each))})?" for each in (_BEFORE, _AFTER))
_PARTS = re.compile(
    "|".join(
        f"{first}({_SIGNED_BEFORE}){second}({_DIGITS}){third}({_SIGNED_AFTER}){last}"
        for first, second, third, last in (tuple(map(re.escape, signs)) for signs in STYLES)
    )
)

#: Shapes of numerals whose sign alone makes a form, by style, and digits of a number with a plus in front at most:
#: beyond, it is a telephone number.
_SIGNED = {_TYPESET: "−1234.5", _BRACKETS: "(1234.5)", _BRACKETS + 2: "1234.5-", _PLUS: "+1234.5"}
_MOST_WITH_PLUS = 7


@lru_cache(maxsize=1)
def shape_of(text: str) -> str | None:
    """Return the shape of a number in text, with the text before and after it; ``None`` for other text.

    Signs are left out where there is more: the style of a form's signs is no part of its shape.
    """
    found = _PARTS.fullmatch(text.strip())
    if not found or not found.lastindex:
        return None
    style = found.lastindex // 3 - 1
    before, digits, after = found.groups()[3 * style : 3 * style + 3]
    shape = next((shape for shape, pattern in _SHAPES.items() if pattern.fullmatch(digits)), None)
    if shape is None or (style in _TRAILING and not _MARK.search(digits)):
        return None
    if before or after or shape != _POINT or style not in _SIGNED:
        return before + shape + after
    is_number = style != _PLUS or len(digits.partition(".")[0]) <= _MOST_WITH_PLUS
    return _SIGNED[style] if is_number else None


def _reads(shape: str) -> tuple[str, ...]:
    """Return the further shapes that the form of a shape reads."""
    if shape in _SCIENTIFIC:
        return (_POINT, *_SCIENTIFIC)
    if shape in _SIGNED.values():
        return (_POINT, *_SIGNED.values())
    if shape in ("1,234", "1,234.5"):
        return (_POINT, "1,234", "1,234.5")
    if shape in _GAPPED:
        return (_POINT,) if shape.endswith(".5") else (_POINT, "1234,5", "1,234", shape.replace(",", "."))
    return {_POINT: (), "1234,5": (_POINT, "1,234"), "1.234,5": (_POINT, "1234,5", "1,234")}[shape]


def forms() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Return each shape that has a form, the form's example, and the further shapes that the form reads."""
    for before, after in [("", ""), *((sign, "") for sign in _BEFORE), *(("", sign) for sign in _AFTER)]:
        shapes = [shape for shape in _SHAPES if shape in _shapes_with(before, after)]
        signed = () if before or after else tuple(_SIGNED.values())
        for shape in (*shapes, *signed):
            if before + shape + after != _POINT:
                example = {"1,234": "1,234.5", _SIGNED[_PLUS]: _POINT}.get(
                    shape, shape
                )  # most may have no plus
                read = _reads(shape)
                read = (*read, *signed) if _POINT in read else read
                further = [
                    before + each + after
                    for each in dict.fromkeys(read)
                    if each in (*shapes, *signed) and each != shape
                ]
                yield before + shape + after, before + example + after, tuple(further)


def form_of_all(texts: Iterable[str]) -> str | None:
    """Return the example of the first form that reads every text; ``None`` if none does, or all are plain numerals."""
    texts = list(texts)
    shapes = {shape_of(text) for text in texts}
    if shapes <= {_POINT}:
        return None
    found = next((example for shape, example, further in forms() if shapes <= {shape, *further}), None)
    if found is None:
        return None
    styles = [form_of(found).written(text)[0] for text in texts]
    return form_of(found).with_styles([styles.count(style) for style in range(len(STYLES))]).example


def _shapes_with(before: str, after: str) -> tuple[str, ...]:
    """Return the shapes that numbers between two affixes may have."""
    if "%" in after:
        return (_POINT, "1234,5")
    if before:
        return _MARKED
    return tuple(_SHAPES) if not after else (*_MARKED, *_GAPPED)
