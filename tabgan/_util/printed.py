"""Text of a guarantee's figures, rounded so that the printed promise is never stronger than the true one."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal


def at_most(value: float | None, digits: int = 4) -> str:
    """Return an epsilon or a delta with ``digits`` significant digits, rounded up; a dash for ``None``.

    >>> at_most(0.99961), at_most(1.00001), at_most(1.0), at_most(1e-6, 3)
    ('0.9997', '1.001', '1', '1e-06')
    """
    return _rounded(value, digits, ROUND_CEILING)


def at_least(value: float | None, digits: int = 3) -> str:
    """Return a lower bound of epsilon with ``digits`` significant digits, rounded down; a dash for ``None``.

    >>> at_least(2.7899), at_least(0.0)
    ('2.78', '0')
    """
    return _rounded(value, digits, ROUND_FLOOR)


def _rounded(value: float | None, digits: int, rounding: str) -> str:
    if value is None:
        return "–"
    number = float(value)
    if number == 0 or not math.isfinite(number):
        return f"{number:g}"
    exact = Decimal(repr(number))
    unit = Decimal(1).scaleb(exact.adjusted() - digits + 1)
    return f"{float(exact.quantize(unit, rounding=rounding)):.{digits}g}"
