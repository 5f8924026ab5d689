"""Numerals: forms in which text writes numbers, such as ``1,234.5``, ``92,50``, ``$1.00``, ``12.5%``, ``7.03E+03``.

A form is named by the number 1234.5 as the form writes it: ``"$1,234.5"``, ``"1234,5%"``, ``"1.23E+03"``. Each text is
read by itself.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from tabgan.columns.values import float_of

#: Text that is a number without a form. ``01002`` and ``1E2`` are not: they are codes, which a number would destroy.
PLAIN = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-][0-9]+)?")

#: Text that would be a number but for a zero before it, as in codes that are all of one length.
PADDED = re.compile(r"[+-]?0[0-9]+(?:[.,][0-9]*)?")

#: Ballots of numerals, of those where text does not stand for numbers, and of those that begin with a zero.
NUMERALS, KEPT, CODES = "numerals", "numerals that are text", "numerals that begin with a zero"

#: Characters of what stands before or after a number at most, and digits of a mantissa.
_LONGEST_AFFIX, _MOST_DIGITS = 10, 15

_EXAMPLE = re.compile(
    r"(?P<before>[^0-9+\-−]*)(?:"
    r"1(?P<thousands>[.,'’ \u00a0\u202f]?)234(?P<point>[.,])5|1(?P<mark>[.,])(?P<mantissa>2|23|2345?0*)E\+03"
    r")(?P<after>[^0-9+\-−]*)"
)

#: Signs of a negative number: the hyphen, and the minus of typesetters.
_SIGNS = "+−-"

#: Signs of currencies before and after a number, and of percentages.
_BEFORE = ("$", "€", "£", "¥", "₹", "€ ")
_AFTER = ("€", " €", "\u00a0€", "%", " %", "\u00a0%", " kr")

#: Characters that part thousands, besides commas and points: spaces (two of which break no line), the apostrophe.
_GAPS = (" ", "\u00a0", "\u202f", "'")

#: Most digits of a mantissa that the vote tells apart.
_MANTISSAS = 6


@dataclass(frozen=True)
class NumberForm:
    """A form in which text writes numbers.

    Attributes:
        before: Text before the number.
        thousands: Mark between groups of three digits; ``""`` for none.
        point: Mark before the decimals.
        after: Text after the number.
        mantissa: Decimals of the mantissa of numbers such as ``7.03E+03``; 0 for numbers without an exponent.
    """

    before: str = ""
    thousands: str = ""
    point: str = "."
    after: str = ""
    mantissa: int = 0

    @classmethod
    def of(cls, example: str) -> NumberForm:
        """Return the form that an example shows.

        Raises:
            ValueError: the example is not 1234.5 in any form.
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
        if point == thousands or mantissa > _MOST_DIGITS:
            raise ValueError(_expected(example))
        return cls(found["before"], thousands, point, found["after"], mantissa)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        point, gap, sign = re.escape(self.point), re.escape(self.thousands), f"(?:[{_SIGNS}]?)"
        digits = "[0-9]+"
        if self.thousands:
            digits = f"[1-9][0-9]{{0,2}}(?:{gap}[0-9]{{3}})+|[0-9]+"
        number = f"(?:{digits})(?:{point}[0-9]*)?|{point}[0-9]+"
        if self.mantissa:
            number = f"[0-9]+(?:{point}[0-9]*)?(?:[eE][+-]?[0-9]+)?"
        before, after = re.escape(self.before), re.escape(self.after)
        return re.compile(f"({sign}){before}({sign})({number}){after}")

    def read(self, text: str) -> float:
        """Return the number that text stands for, NaN if it is not of the form."""
        found = self._pattern.fullmatch(text.strip())
        if not found or (found[1] and found[2]):
            return math.nan
        number = found[3].replace(self.thousands, "") if self.thousands else found[3]
        value = float(number.replace(self.point, "."))
        if not math.isfinite(value):
            return math.nan
        return -value if (found[1] or found[2]) in ("-", "−") else value

    def decimals(self, text: str) -> int:
        """Return the number of decimals that text of the form is written with, as ``$5.00`` with two."""
        found = self._pattern.fullmatch(text.strip())
        return len(found[3].partition(self.point)[2]) if found else 0

    def floats(self, values: Iterable[object]) -> Iterator[float]:
        """Return the numbers that text of the form, or a number itself, stands for; each text is read once."""
        known: dict[str, float] = {}
        for value in values:
            if not isinstance(value, str):
                yield float_of(value)
                continue
            if value not in known:
                known[value] = self.read(value)
            yield known[value]

    def write(self, value: float, decimals: int) -> str:
        """Return a number as text of the form."""
        if self.mantissa:
            text = f"{abs(value):.{self.mantissa}E}"
        else:
            text = f"{abs(value):{',' if self.thousands else ''}.{decimals}f}"
        text = text.translate({ord(","): self.thousands, ord("."): self.point})
        sign = "-" if value < 0 and any(digit in text for digit in "123456789") else ""
        return f"{sign}{self.before}{text}{self.after}"


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
        f"'1.23E+03', got {example!r}."
    )


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

_SIGN = f"[{_SIGNS}]?"
_PARTS = re.compile(
    f"(?:{_SIGN}(?P<before>{'|'.join(map(re.escape, _BEFORE))})|(?P<other>{'|'.join(map(re.escape, _BEFORE))})?{_SIGN})"
    f"(?P<digits>[0-9.,](?:[0-9.,'E+ \u00a0\u202f-]*[0-9.])?)(?P<after>{'|'.join(map(re.escape, _AFTER))})?"
)


@lru_cache(maxsize=1)
def shape_of(text: str) -> str | None:
    """Return the shape of a number in text, with the text before and after it; ``None`` for other text."""
    found = _PARTS.fullmatch(text.strip())
    if not found:
        return None
    shape = next((shape for shape, pattern in _SHAPES.items() if pattern.fullmatch(found["digits"])), None)
    return shape and (found["before"] or found["other"] or "") + shape + (found["after"] or "")


def _reads(shape: str) -> tuple[str, ...]:
    """Return the further shapes that the form of a shape reads."""
    if shape in _SCIENTIFIC:
        return (_POINT, *_SCIENTIFIC)
    if shape in ("1,234", "1,234.5"):
        return (_POINT, "1,234", "1,234.5")
    if shape in _GAPPED:
        return (_POINT,) if shape.endswith(".5") else (_POINT, "1234,5", "1,234", shape.replace(",", "."))
    return {_POINT: (), "1234,5": (_POINT, "1,234"), "1.234,5": (_POINT, "1234,5", "1,234")}[shape]


def forms() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Return each shape that has a form, the form's example, and the further shapes that the form reads."""
    for before, after in [("", ""), *((sign, "") for sign in _BEFORE), *(("", sign) for sign in _AFTER)]:
        shapes = [shape for shape in _SHAPES if shape in _shapes_with(before, after)]
        for shape in shapes:
            if before + shape + after != _POINT:
                example = shape + ".5" if shape == "1,234" else shape
                further = [
                    before + each + after for each in _reads(shape) if each in shapes and each != shape
                ]
                yield before + shape + after, before + example + after, tuple(further)


def form_of_all(texts: Iterable[str]) -> str | None:
    """Return the example of the first form that reads every text; ``None`` if none does, or all are plain numerals."""
    shapes = {shape_of(text) for text in texts}
    if shapes <= {_POINT}:
        return None
    return next((example for shape, example, further in forms() if shapes <= {shape, *further}), None)


def _shapes_with(before: str, after: str) -> tuple[str, ...]:
    """Return the shapes that numbers between two affixes may have."""
    if "%" in after:
        return (_POINT, "1234,5")
    if before:
        return _MARKED
    return tuple(_SHAPES) if not after else (*_MARKED, *_GAPPED)
