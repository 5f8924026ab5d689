"""Checks of arguments, with one wording for errors: where, rule, found, fix."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Sequence
from numbers import Integral, Real

from tabgan.errors import ConfigError


def shown(found: object) -> str:
    """Return an argument as text for an error; a table that was passed by mistake is shown by its type only."""
    return repr(found) if found is None or isinstance(found, str | Real) else f"a {type(found).__name__}"


def _message(where: str, rule: str, found: object, fix: str) -> str:
    tail = f" {fix}" if fix else ""
    return f"{where}: expected {rule}, got {shown(found)}.{tail}"


def real_in(
    where: str,
    value: object,
    low: float,
    high: float,
    *,
    open_low: bool = True,
    open_high: bool = True,
    fix: str = "",
) -> float:
    """Return ``value`` as a float if it lies in the interval, else raise ``ConfigError``.

    NaN never passes: every comparison with it is false, and a false comparison raises.
    """
    rule = f"a number in {'(' if open_low else '['}{low:g}, {high:g}{')' if open_high else ']'}"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ConfigError(_message(where, rule, value, fix))
    number = float(value)
    above = number > low if open_low else number >= low
    below = number < high if open_high else number <= high
    if not (above and below):
        raise ConfigError(_message(where, rule, value, fix))
    return number


def positive(where: str, value: object, *, fix: str = "") -> float:
    """Return ``value`` as a finite float above zero, else raise ``ConfigError``."""
    return real_in(where, value, 0.0, math.inf, fix=fix)


def integer_at_least(where: str, value: object, low: int, *, fix: str = "") -> int:
    """Return ``value`` as an int that is at least ``low``, else raise ``ConfigError``."""
    is_integer = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_integer or int(value) < low:  # type: ignore[call-overload]
        raise ConfigError(_message(where, f"an integer of at least {low}", value, fix))
    return int(value)  # type: ignore[call-overload, no-any-return]


def true_or_false(where: str, value: object) -> bool:
    """Return ``value`` if it is true or false, else raise ``ConfigError``."""
    if not isinstance(value, bool):
        raise ConfigError(_message(where, "true or false", value, ""))
    return value


def one_of(where: str, value: object, choices: Collection[str], *, fix: str = "") -> str:
    """Return ``value`` if it is one of ``choices``, else raise ``ConfigError``."""
    if not isinstance(value, str) or value not in choices:
        raise ConfigError(_message(where, "one of " + ", ".join(map(repr, choices)), value, fix))
    return value


def nearest(name: object, candidates: Sequence[str]) -> str:
    """Return `` Did you mean 'x'?`` for the closest candidate, or an empty string."""
    close = difflib.get_close_matches(str(name), [str(c) for c in candidates], n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
