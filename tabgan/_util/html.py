"""HTML for notebooks: parts that escape all text, and that are legible on a light and on a dark page.

A page's own colours are kept: lines and soft text are mixed from the colour of its text, and nothing is run or fetched.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

#: Length of a text that is shown.
MAX_CHARACTERS = 120

#: Colours of the parts of a bar, legible on white and on black; later parts take the last.
_COLOURS = ("#2f7ec2", "#d1812b", "#3f9a63", "#8a6fc4", "#b0586f", "#7b8794")

_STYLE = """<style>
.tabgan-card { font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; max-width: 60rem; }
.tabgan-card .head { font-size: 15px; font-weight: 650; margin: 0 0 .3rem; }
.tabgan-card .soft { opacity: .72; margin: .25rem 0; }
.tabgan-card .scroll { overflow-x: auto; }
.tabgan-card table { border-collapse: collapse; margin: .35rem 0; background: none;
  font-variant-numeric: tabular-nums; }
.tabgan-card tr, .tabgan-card tr:nth-child(odd), .tabgan-card tr:hover { background: none; }
.tabgan-card th, .tabgan-card td { text-align: left; vertical-align: top; padding: .22rem 1.1rem .22rem 0; border: 0;
  border-bottom: 1px solid color-mix(in srgb, currentColor 22%, transparent); color: inherit; background: none; }
.tabgan-card thead th { opacity: .72; font-weight: 600; }
.tabgan-card tbody th { font-weight: 560; white-space: nowrap; }
.tabgan-card .number { text-align: right; white-space: nowrap; }
.tabgan-card .note { border-left: 4px solid #d1812b; background: color-mix(in srgb, #d1812b 16%, transparent);
  padding: .35rem .7rem; margin: .4rem 0; }
.tabgan-card .note.bad { border-color: #d0453a; background: color-mix(in srgb, #d0453a 18%, transparent); }
.tabgan-card .note.good { border-color: #3f9a63; background: color-mix(in srgb, #3f9a63 16%, transparent); }
.tabgan-card svg { display: block; width: 100%; max-width: 34rem; margin: .4rem 0 .1rem; overflow: visible; }
.tabgan-card svg.small { width: 9rem; margin: .35rem 0 0; }
.tabgan-card svg .track { fill: currentColor; opacity: .14; }
.tabgan-card .key { margin: .1rem 0 .4rem; }
.tabgan-card .key span { margin-right: 1.1rem; white-space: nowrap; }
.tabgan-card .key i { display: inline-block; width: .75rem; height: .75rem; margin-right: .35rem;
  vertical-align: -1px; }
.tabgan-card .key i.track { background: color-mix(in srgb, currentColor 14%, transparent); }
.tabgan-card summary { cursor: pointer; }
.tabgan-card code { background: none; color: inherit; }
</style>"""


class Part(NamedTuple):
    """A part of a bar: its name, and its length as a share of the whole."""

    name: str
    share: float


def legible(text: object, limit: int = MAX_CHARACTERS) -> str:
    r"""Return text for display: control characters made visible, cut to ``limit`` characters.

    >>> legible("a\nb"), legible("x" * 100, 5), legible("")
    ('a↵b', 'xxxx…', '(empty)')
    """
    whole = str(text)
    cut = whole if len(whole) <= limit else whole[: limit - 1] + "…"
    return "".join(map(_visible, cut)) or "(empty)"


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category not in ("Cc", "Cs", "Zl", "Zp"):
        return character
    visible = {"\n": "↵", "\r": "↵", "\t": "⇥", "\N{LINE SEPARATOR}": "↵", "\N{PARAGRAPH SEPARATOR}": "↵"}
    return visible.get(character, "\N{REPLACEMENT CHARACTER}")


def said(text: object, limit: int = MAX_CHARACTERS) -> str:
    """Return text as HTML: escaped, cut, and unable to change the direction of the text around it."""
    return f"<bdi>{escape(legible(text, limit))}</bdi>"


def card(head: str, *parts: str) -> str:
    """Return parts of HTML under a heading, as one block.

    Args:
        head: The heading, as text.
        parts: HTML made by this module.
    """
    return f'{_STYLE}<div class="tabgan-card"><div class="head">{said(head)}</div>{"".join(parts)}</div>'


def soft(text: str) -> str:
    """Return a paragraph of less weight."""
    return f'<div class="soft">{said(text, 1_000)}</div>'


def note(text: str, tone: str = "") -> str:
    """Return a marked paragraph; ``tone`` is ``"bad"``, ``"good"`` or ``""`` for a caution."""
    return f'<div class="note {tone}" role="note">{said(text, 1_000)}</div>'


def facts(pairs: Iterable[tuple[str, object]]) -> str:
    """Return labels and texts side by side."""
    rows = "".join(f"<tr><th>{said(label)}</th><td>{said(text, 400)}</td></tr>" for label, text in pairs)
    return f'<div class="scroll"><table><tbody>{rows}</tbody></table></div>'


def table(
    head: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[int] = (), most: int = 200
) -> str:
    """Return a table whose cells are text, or HTML of this module where they are of :class:`Markup`.

    Args:
        head: The column heads.
        rows: The cells of each row; the first names it.
        numbers: Places of columns that are aligned to the right.
        most: The most rows that are shown.
    """
    listed = list(rows)
    further = [f"… and {len(listed) - most:,} more", *[""] * (len(head) - 1)] if len(listed) > most else None

    def line(cells: Sequence[object]) -> str:
        shown = []
        for place, cell in enumerate(cells):
            name = "th" if place == 0 else "td"
            of_class = ' class="number"' if place in numbers else ""
            shown.append(f"<{name}{of_class}>{cell if isinstance(cell, Markup) else said(cell)}</{name}>")
        return f"<tr>{''.join(shown)}</tr>"

    heads = "".join(
        ('<th class="number">' if place in numbers else "<th>") + (said(text) if text else "") + "</th>"
        for place, text in enumerate(head)
    )
    body = "".join(map(line, [*listed[:most], *([further] if further else [])]))
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'


class Markup(str):
    """HTML made by this module, which is not escaped again."""


def bar(parts: Sequence[Part], label: str, *, rest: str = "") -> str:
    """Return a bar of parts side by side, with their names below.

    Args:
        parts: The parts; what they leave of 1 stays empty.
        label: The bar in words, for readers who cannot see it.
        rest: Name of what they leave.
    """
    shapes, keys, start = [], [], 0.0
    for place, part in enumerate(parts):
        colour = _COLOURS[min(place, len(_COLOURS) - 1)]
        width = max(min(part.share, 1.0 - start), 0.0)
        shapes.append(
            f'<rect x="{100 * start:.2f}%" width="{100 * width:.2f}%" height="16" fill="{colour}"/>'
        )
        keys.append(f'<span><i style="background:{colour}"></i>{said(part.name)}</span>')
        start += width
    if rest:
        keys.append(f'<span><i class="track"></i>{said(rest)}</span>')
    return (
        f'<svg role="img" height="16" aria-label="{escape(label)}"><rect class="track" width="100%" height="16"/>'
        f'{"".join(shapes)}</svg><div class="key">{"".join(keys)}</div>'
    )


def small_bar(share: float) -> Markup:
    """Return a bar of one part, for a cell of a table."""
    width = f"{100 * min(max(share, 0.0), 1.0):.1f}%"
    return Markup(
        '<svg class="small" height="8" aria-hidden="true"><rect class="track" width="100%" height="8"/>'
        f'<rect width="{width}" height="8" fill="{_COLOURS[0]}"/></svg>'
    )


def folded(head: str, *parts: str) -> str:
    """Return parts of HTML that open on a click."""
    return f"<details><summary>{said(head)}</summary>{''.join(parts)}</details>"


def listed(texts: Iterable[str]) -> str:
    """Return texts as a list."""
    return f"<ul>{''.join(f'<li>{said(text, 600)}</li>' for text in texts)}</ul>"
