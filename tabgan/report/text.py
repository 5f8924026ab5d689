"""Readable forms of figures and of text from the table.

Names and categories may hold any text. They are cut to a readable length, their control characters are made
visible, and they cannot change the direction of the text around them.
"""

from __future__ import annotations

import math

from tabgan._util.html import legible
from tabgan._util.printed import at_most

#: Length of a name or a category in the page, and in a tooltip.
MAX_SHOWN, MAX_TOOLTIP = 48, 240


def shown(text: object, limit: int = MAX_SHOWN) -> str:
    r"""Return text for display: control characters made visible, cut to ``limit`` characters.

    >>> shown("a\nb"), shown("x" * 100, 5), shown("")
    ('a↵b', 'xxxx…', '(empty)')
    """
    return legible(text, limit)


def isolated(text: str) -> str:
    """Return text that cannot change the direction of the text around it, for places without ``<bdi>``.

    Characters that close the isolation are removed.
    """
    inner = text.replace("\N{POP DIRECTIONAL ISOLATE}", "")
    return f"\N{FIRST STRONG ISOLATE}{inner}\N{POP DIRECTIONAL ISOLATE}"


def decimals(value: float | None, places: int = 3) -> str:
    """Return a figure with a fixed number of decimals; a dash for none."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.{places}f}"


def signed(value: float | None, places: int = 3) -> str:
    """Return a difference with its sign; a dash for none.

    >>> signed(0.05), signed(-0.05), signed(-0.0001), signed(None)
    ('+0.050', '−0.050', '0.000', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{abs(value):.{places}f}"
    if not float(text):
        return text
    return ("−" if value < 0 else "+") + text


def short(value: float | None) -> str:
    """Return a figure of the guarantee with four significant digits, rounded up; a dash for none."""
    return at_most(value if value is not None and math.isfinite(value) else None)
