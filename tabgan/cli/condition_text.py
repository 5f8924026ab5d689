"""Conditions as text of a command line: one value, several, ranges, missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tabgan.errors import ConfigError

if TYPE_CHECKING:
    from tabgan.table.conditions import Between

#: Signs between values, and between the ends of a range; and the one around text in which these mean nothing.
OR, TO, QUOTE = "|", "..", '"'


def condition_of(text: str, parse: Callable[[str], object], where: str) -> object:
    """Return the condition that a text expresses: a single value if the whole text can be read as one.

    Else ``a|b`` is one of several, ``a..b`` a range, ``a..`` and ``..b`` have an open end, ``..`` is any value, and
    nothing at all a missing cell. Text in double quotes is taken literally; a quote within is doubled.

    Args:
        text: The text.
        parse: A function that returns the value of text, and raises ``ConfigError`` if it is none.
        where: The place, for errors.

    Raises:
        ConfigError: the text is not a condition.
    """
    try:
        return parse(text)
    except ConfigError:
        parts = [_part(part, parse, where) for part in _split(text)]
    return parts[0] if len(parts) == 1 else parts


def _part(text: str, parse: Callable[[str], object], where: str) -> object:
    """Return the condition of one value or range."""
    from tabgan.table.conditions import Between

    if not text:
        return None
    if _is_quoted(text):
        return parse(_bare(text))
    problem: ConfigError
    try:
        return parse(text)
    except ConfigError as error:
        problem = error
    found: list[Between] = []
    for low, high in _sides(text):
        try:
            found.append(Between(*(_end(side, parse) for side in (low, high))))
        except ConfigError:
            continue
    if not found:
        raise problem
    if len(found) > 1:
        raise ConfigError(
            f"{where}: expected the ends of a range to be plain, got {text!r}. Put them in quotes."
        )
    return found[0]


def _end(text: str, parse: Callable[[str], object]) -> object:
    if not text:
        return None
    return parse(_bare(text) if _is_quoted(text) else text)


def _split(text: str) -> list[str]:
    """Return the parts between signs that stand outside of quotes, which open at the beginning of a part alone."""
    parts, start, at = [], 0, _after_quotes(text, 0)
    while at < len(text):
        if text[at] == OR:
            parts.append(text[start:at])
            start, at = at + 1, _after_quotes(text, at + 1)
        elif text.startswith(TO, at):
            at = _after_quotes(text, at + len(TO))
        else:
            at += 1
    return [*parts, text[start:]]


def _sides(text: str) -> Iterator[tuple[str, str]]:
    """Return an iterator over the two sides of each sign that may stand between the ends of a range."""
    at = text.find(TO, _after_quotes(text, 0))
    while at >= 0:
        yield text[:at], text[at + len(TO) :]
        if text.startswith(QUOTE):
            return
        at = text.find(TO, at + 1)


def _after_quotes(text: str, start: int) -> int:
    """Return the place behind text in quotes that begins at a place, or the place itself if none does."""
    if not text.startswith(QUOTE, start):
        return start
    at = start + 1
    while at < len(text):
        if text[at] == QUOTE:
            if not text.startswith(QUOTE, at + 1):
                return at + 1
            at += 1
        at += 1
    return start  # no quote ends it: a sign like any other


def _is_quoted(text: str) -> bool:
    return len(text) > 1 and _after_quotes(text, 0) == len(text)


def _bare(text: str) -> str:
    return text[1:-1].replace(QUOTE * 2, QUOTE)
