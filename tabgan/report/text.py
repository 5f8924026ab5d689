"""Text from the table, and figures, as people read them.

Names and categories may hold anything. They are cut to a readable length, their control characters are made
visible, and they are kept from changing the direction of what stands around them.
"""

from __future__ import annotations

import math
import unicodedata

from tabgan._util.printed import at_most

#: Characters of a name or a category that are shown, and that a tooltip holds.
MAX_SHOWN, MAX_TOOLTIP = 48, 240

_ELLIPSIS = "…"


def shown(text: object, limit: int = MAX_SHOWN) -> str:
    r"""Return text for display: control characters made visible, cut to ``limit`` characters.

    >>> shown("a\nb"), shown("x" * 100, 5), shown("")
    ('a↵b', 'xxxx…', '(empty)')
    """
    whole = str(text)
    cut = whole if len(whole) <= limit else whole[: limit - 1] + _ELLIPSIS
    return "".join(map(_visible, cut)) or "(empty)"


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category not in ("Cc", "Cs", "Zl", "Zp"):
        return character
    visible = {"\n": "↵", "\r": "↵", "\t": "⇥", "\N{LINE SEPARATOR}": "↵", "\N{PARAGRAPH SEPARATOR}": "↵"}
    return visible.get(character, "\N{REPLACEMENT CHARACTER}")


def isolated(text: str) -> str:
    """Return text that cannot turn what stands around it, for places where there is no ``<bdi>``.

    Characters that close the isolation are taken out of it.
    """
    inner = text.replace("\N{POP DIRECTIONAL ISOLATE}", "")
    return f"\N{FIRST STRONG ISOLATE}{inner}\N{POP DIRECTIONAL ISOLATE}"


def decimals(value: float | None, places: int = 3) -> str:
    """Return a figure with a fixed number of decimals; a dash where there is none."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.{places}f}"


def signed(value: float | None, places: int = 3) -> str:
    """Return a difference with its sign; a dash where there is none.

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
    """Return a figure of the guarantee with four significant digits, rounded up; a dash where there is none."""
    return at_most(value if value is not None and math.isfinite(value) else None)
