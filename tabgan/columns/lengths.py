"""Forms in which text writes lengths of time, beside that of pandas: Python's, ISO 8601, and hours beyond a day.

A form is named by the length of one day, two hours and three minutes as the form writes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from tabgan.columns.values import duration_of

#: The forms: Python's; ISO 8601 without zeros, with them as pandas has it, and with hours for days; hours alone.
PYTHON, ISO, ISO_WHOLE, ISO_HOURS = "1 day, 2:03:00", "P1DT2H3M", "P1DT2H3M0S", "PT26H3M"
HOURS = "26:03:00"

_DAY, _SECOND = 86_400_000, 1_000
_LETTERS = {_DAY: "D", 3_600_000: "H", 60_000: "M"}

#: Expressions of text that is of a form beyond doubt, in the order in which they are asked.
_CERTAIN = {
    PYTHON: re.compile(r"-?\d+ days?, \d+:\d{2}:\d{2}(?:\.\d+)?"),
    ISO_WHOLE: re.compile(r"-?P\d+DT\d+H\d+M\d+(?:\.\d+)?S"),
    ISO_HOURS: re.compile(r"-?PT(?:2[4-9]|[3-9]\d|\d{3,})H[0-9MS.]*"),
    ISO: re.compile(r"-?P(?=.)[0-9DTHMS.]+"),
    HOURS: re.compile(r"-?(?:2[4-9]|[3-9]\d|\d{3,}):\d{2}:\d{2}"),
}


def form_of(text: str) -> str | None:
    """Return the form that text is of beyond doubt; ``None`` for other text, and for that of pandas."""
    text = text.strip()
    found = next((form for form, certain in _CERTAIN.items() if certain.fullmatch(text)), None)
    return found if found is not None and duration_of(text) is not None else None


def written(form: str, milliseconds: Iterable[int], unit: int = _SECOND) -> list[str]:
    """Return lengths of time as text of a form; ISO 8601 has none at all in their unit, of some milliseconds."""
    write = _WRITERS[form]
    none = f"P0{_LETTERS[unit]}" if unit == _DAY else f"PT0{_LETTERS.get(unit, 'S')}"
    is_short = form in (ISO, ISO_HOURS)
    return [none if is_short and not each else write(each) for each in milliseconds]


def _python(milliseconds: int) -> str:
    days, rest = divmod(milliseconds, _DAY)
    clock = f"{rest // 3_600_000}:{rest // 60_000 % 60:02d}:{_seconds(rest % 60_000, 2, 6)}"
    return f"{days} day{'' if abs(days) == 1 else 's'}, {clock}" if days else clock


def _hours(milliseconds: int) -> str:
    rest = abs(milliseconds)
    sign = "-" if milliseconds < 0 else ""
    return f"{sign}{rest // 3_600_000:02d}:{rest // 60_000 % 60:02d}:{_seconds(rest % 60_000, 2, 3)}"


def _iso(milliseconds: int, is_whole: bool = False, has_days: bool = True) -> str:
    rest = abs(milliseconds)
    days, hours = divmod(rest // 3_600_000, 24 if has_days else rest + 1)
    parts = {"D": days, "H": hours, "M": rest // 60_000 % 60}
    second = _seconds(rest % 60_000, 1, 3)
    shown = {unit: str(part) for unit, part in parts.items() if part or is_whole}
    if second != "0" or is_whole:
        shown["S"] = second
    day, clock = shown.pop("D", ""), "".join(part + unit for unit, part in shown.items())
    sign = "-" if milliseconds < 0 else ""
    return f"{sign}P{day + 'D' if day else ''}{'T' + clock if clock else ''}"


def _seconds(milliseconds: int, width: int, decimals: int) -> str:
    """Return seconds, with decimals where they are not whole."""
    second, rest = divmod(milliseconds, _SECOND)
    return f"{second:0{width}d}" + (f".{rest:03d}".ljust(decimals + 1, "0") if rest else "")


_WRITERS: dict[str, Callable[[int], str]] = {
    PYTHON: _python,
    ISO: _iso,
    ISO_WHOLE: lambda milliseconds: _iso(milliseconds, is_whole=True),
    ISO_HOURS: lambda milliseconds: _iso(milliseconds, has_days=False),
    HOURS: _hours,
}
