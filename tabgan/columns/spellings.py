"""Spellings of moments that text is tried in, and the choice among them by released counts.

The spellings are a fixed list, the same for every table. Text has at most one of them, found from the text alone, so
each row of a column is in one cell of the vote. ``03/04/2020`` may begin with the month or with the day: such text has
a cell of its own, and counts for the order of which the noisy counts of other text are larger. Where these are
equal, ``03/04/2020`` begins with the month and ``03-04-2020`` with the day, and the fit says so.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from tabgan.columns.formats import DAYS, MONTHS, compiled

#: Noise standard deviations above which a single cell counts, and many together: among all cells, noise passes the
#: first about once in 250 columns.
_CELL, _SURELY = 4.5, 4.5

#: Least share of a spelling's rows that decides how all are written, and of a column's that are dates of digits alone.
_SOME, _NEARLY_ALL = 0.02, 0.95

#: Dates of digits alone are of these years: other numerals are numbers.
_YEARS_OF_DIGITS = (1900, 2100)

MONTH_FIRST, DAY_FIRST, EITHER = "month first", "day first", "either"

DIGITS, TYPED_DIGITS = "%Y%m%d of numerals", "%Y%m%d of text"


class Spelling(NamedTuple):
    """One cell of the vote.

    Attributes:
        label: Name of the cell.
        format: The format that it stands for.
        family: Name of the cells among which one is chosen for all their rows.
        order: Order of day and month; ``None`` where it is never in doubt.
        is_bare_date: True if a day or a month has no zero before one digit.
        is_bare_hour: True if an hour has none.
        detail: Digits of the fraction; or 1 for months in full; 0 for neither.
        is_midnight: True if the time of day is midnight.
    """

    label: str
    format: str
    family: str
    order: str | None = None
    is_bare_date: bool = False
    is_bare_hour: bool = False
    detail: int = 0
    is_midnight: bool = False


def _zoned() -> Iterator[str]:
    """Yield formats in the manner of ISO 8601, the most usual ones first."""
    fractions = ("", ".%3f", ".%f", ".%9f", ".%7f", ".%1f", ".%2f")
    for mark, zone, fraction in itertools.product(
        " T", ("", "Z", "%:z", "%z", "%:::z", " UTC", " %z"), fractions
    ):
        yield f"%Y-%m-%d{mark}%H:%M:%S{fraction}{zone}"
    for mark, zone in itertools.product(" T", ("", "Z", "%:z", " UTC")):
        yield f"%Y-%m-%d{mark}%H:%M{zone}"
    yield "%Y-%m-%d %H:%M:%S,%3f"


#: Times of day that stand behind a date.
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")

#: Formats without a zero before one digit are tried too, and those with month and day in the other order.
_PADDED: tuple[str, ...] = (
    *(f"%Y-%m-%d{clock}" for clock in _CLOCKS),
    *(f"%Y/%m/%d{clock}" for clock in _CLOCKS),
    *(f"%Y.%m.%d{clock}" for clock in _CLOCKS[:3]),
    *(f"%d.%m.{year}{clock}" for year in ("%Y", "%y") for clock in _CLOCKS[:3]),
    *(f"%m/%d/{year}{clock}" for year in ("%Y", "%y") for clock in _CLOCKS),
    *("%m/%d/%Y %I:%M %P", "%m/%d/%Y %I:%M:%S %P", "%m/%d/%Y %I:%M%p", "%m/%d/%Y %I:%M:%S%p"),
    *("%m/%d/%Y, %H:%M", "%m/%d/%Y, %H:%M:%S", "%m/%d/%Y, %I:%M %p", "%m/%d/%Y, %I:%M:%S %p"),
    *(f"%d-%m-%Y{clock}" for clock in _CLOCKS),
    "%d-%m-%y",
    *(f"%d-%b-{year}{clock}" for year in ("%Y", "%y") for clock in _CLOCKS),
    *("%d-%^b-%Y", "%d-%^b-%y", "%d-%^b-%Y %H:%M:%S", "%d/%b/%Y", "%d/%b/%Y %H:%M:%S"),
    *(f"%d %b %Y{clock}" for clock in _CLOCKS),
    *(f"%d %B %Y{clock}" for clock in _CLOCKS[:3]),
    *("%d. %B %Y", "%d %^b %Y", "%d %b %y", "%d %b, %Y", "%d %B, %Y"),
    *(f"{month} %d, %Y{clock}" for month in ("%b", "%B") for clock in _CLOCKS),
    *("%b %d %Y", "%B %d %Y", "%b %d, %Y, %I:%M:%S %p"),
    *("%a, %d %b %Y", "%a %d %b %Y", "%a %b %d %Y", "%a, %b %d, %Y", "%a, %B %d, %Y"),
    *(
        "%A, %d %B %Y",
        "%A, %B %d, %Y",
        "%A %d %B %Y",
        "%a, %d %b %Y %H:%M:%S %z",
        "%a, %d %b %Y %H:%M:%S GMT",
    ),
)

#: Formats that are tried as they stand.
_FIXED: tuple[str, ...] = (
    *("%d%b%Y", "%d%^b%Y", "%d%b%Y:%H:%M:%S", "%d%^b%Y:%H:%M:%S", "%d/%b/%Y:%H:%M:%S %z"),
    *("%a %b %e %H:%M:%S %Y", "%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S %z %Y", "%a %b %e %H:%M:%S UTC %Y"),
    *("%a %b %d %H:%M:%S UTC %Y", "%Y%m%dT%H%M%S", "%Y%m%dT%H%M%SZ", "%Y%m%d %H:%M:%S"),
    *("%Y-%m", "%Y/%m", "%m/%Y", "%b-%y", "%b-%Y", "%b %Y", "%B %Y"),
)

#: The order that is taken where the counts tell nothing, by the mark between the parts.
_USUAL = {"/": MONTH_FIRST, "-": DAY_FIRST}

_EITHER_ORDER = re.compile(r"^(%-?[md])([/-])(%-?[md])")


class _Entry(NamedTuple):
    """Formats that are tried on text of one shape, month first before day first, and the cells of what they read."""

    formats: tuple[str, ...]
    cells: dict[tuple[bool, ...], tuple[Spelling, Spelling]]


def _entries() -> Iterator[_Entry]:
    """Yield the formats in the order in which text is tried."""
    for format_ in _zoned():
        yield _entry(format_, format_, False, False)
    for format_ in _PADDED:
        has_hour = re.search("%[HI]", format_) is not None
        for bare_date, bare_hour in itertools.product((False, True), (False, True) if has_hour else (False,)):
            if not (format_ in ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S") and not bare_date and not bare_hour):
                yield _entry(format_, _bare(format_, bare_date, bare_hour), bare_date, bare_hour)
    for format_ in _FIXED:
        yield _entry(format_, format_, False, False)
    digits = Spelling(TYPED_DIGITS, "%Y%m%d", TYPED_DIGITS)
    yield _Entry(("%Y%m%d",), {(True,): (digits, digits)})


def _entry(padded: str, format_: str, bare_date: bool, bare_hour: bool) -> _Entry:
    family = re.sub(r"[.,]%\d?f", "", padded).replace("%B", "%b")
    digits = re.search(r"[.,]%(\d?)f", padded)
    detail = int(digits[1] or 6) if digits else int("%B" in padded)
    has_clock = "%M" in padded

    def cells(label: str, of: str, order: str | None) -> tuple[Spelling, Spelling]:
        cell = Spelling(label, of, family, order, bare_date, bare_hour, detail)
        at_midnight = cell._replace(label=f"{label} at midnight", is_midnight=True)
        return cell, at_midnight if has_clock else cell

    found = _EITHER_ORDER.match(format_)
    if found is None:
        return _Entry((format_,), {(True,): cells(format_, format_, None)})
    rest = format_[found.end() :]
    first, mark, second = found.groups()
    months, days = (first, second) if first.endswith("m") else (second, first)
    by_month, by_day = f"{months}{mark}{days}{rest}", f"{days}{mark}{months}{rest}"
    usual = by_month if _USUAL[mark] == MONTH_FIRST else by_day
    return _Entry(
        (by_month, by_day),
        {
            (True, False): cells(by_month, by_month, MONTH_FIRST),
            (False, True): cells(by_day, by_day, DAY_FIRST),
            (True, True): cells(f"{by_month} or {by_day}", usual, EITHER),
        },
    )


def _bare(format_: str, date: bool, hour: bool) -> str:
    if date:
        format_ = re.sub("%([md])", r"%-\1", format_)
    return re.sub("%([HI])", r"%-\1", format_) if hour else format_


#: Shapes of text, digits as 0 and letters as A and a, of each directive.
_SHAPES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("%y", "%m", "%d", "%H", "%I", "%M", "%S"), ("00",)),
    **dict.fromkeys(("%-m", "%-d", "%-H", "%-I"), ("0", "00")),
    **dict.fromkeys(("%b", "%a"), ("Aaa",)),
    **{f"%{n}f": ("0" * n,) for n in (1, 2, 3, 7)},
    "%f": ("0000", "00000", "000000"),
    "%9f": ("00000000", "000000000"),
    "%Y": ("0000",),
    "%e": (" 0", "00"),
    "%^b": ("AAA",),
    "%B": tuple({"A" + "a" * (len(name) - 1) for name in MONTHS}),
    "%A": tuple({"A" + "a" * (len(name) - 1) for name in DAYS}),
    "%p": ("AA",),
    "%P": ("aa",),
    "%z": ("+0000", "-0000"),
    "%:z": ("+00:00", "-00:00"),
    "%:::z": ("+00", "-00"),
}

_SHAPE_OF = {
    **dict.fromkeys(map(ord, "0123456789"), "0"),
    **dict.fromkeys(map(ord, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), "A"),
    **dict.fromkeys(map(ord, "abcdefghijklmnopqrstuvwxyz"), "a"),
}

_LONGEST = 64


def _shapes(format_: str) -> Iterator[str]:
    parts = re.split(r"(%(?:\^b|-[dmHI]|[1-9]f|:::z|:z|.))", format_)
    for chosen in itertools.product(*(_SHAPES.get(part, (part.translate(_SHAPE_OF),)) for part in parts)):
        yield "".join(chosen)


class _List(NamedTuple):
    spellings: tuple[Spelling, ...]
    by_shape: dict[str, list[_Entry]]


@lru_cache(maxsize=1)
def _list() -> _List:
    spellings: dict[str, Spelling] = {}
    by_shape: dict[str, list[_Entry]] = {}
    for entry in _entries():
        for cells in entry.cells.values():
            spellings |= {cell.label: cell for cell in cells}
        for shape in dict.fromkeys(itertools.chain.from_iterable(map(_shapes, entry.formats))):
            by_shape.setdefault(shape, []).append(entry)
    spellings[DIGITS] = Spelling(DIGITS, "%Y%m%d", DIGITS)
    return _List(tuple(spellings.values()), by_shape)


def spellings() -> tuple[Spelling, ...]:
    """Return every cell, in a fixed order."""
    return _list().spellings


def label_of(value: object, untyped_text: bool) -> str | None:
    """Return the label of the spelling that text has, ``None`` for any other value. It depends on the value alone."""
    if not isinstance(value, str) or len(value) > _LONGEST:
        return None
    for entry in _list().by_shape.get(value.translate(_SHAPE_OF), ()):
        clocks = [compiled(format_).read(value) for format_ in entry.formats]
        cells = entry.cells.get(tuple(clock is not None for clock in clocks))
        if cells and not _is_other(entry.formats[0], value):
            found = next(clock for clock in clocks if clock is not None)
            label = cells[found[0] % 86_400 == 0].label
            return DIGITS if label == TYPED_DIGITS and untyped_text else label
    return None


def _is_other(format_: str, text: str) -> bool:
    """Return true for text that is more likely a number, or two years such as 2003-04, than a date."""
    if format_ == "%Y%m%d":
        return not _YEARS_OF_DIGITS[0] <= int(text[:4]) <= _YEARS_OF_DIGITS[1]
    return format_ in ("%Y-%m", "%Y/%m") and int(text[5:]) == (int(text[:4]) + 1) % 100


def settled(labels: Sequence[str], vote: np.ndarray, noise_stddev: float, numerals: str) -> np.ndarray:
    """Return the noisy counts of a vote after each family of spellings has given its counts to one of its cells.

    Post-processing of released counts. Cells that noise alone explains become zero.

    Args:
        labels: Of all ballots, text last.
        vote: ``(ballots,)`` noisy counts.
        noise_stddev: Standard deviation of their noise.
        numerals: Label of the ballot for numbers that come as text.
    """
    places = {label: place for place, label in enumerate(labels)}
    families: dict[str, list[Spelling]] = {}
    for spelling in spellings():
        if spelling.label in places:
            families.setdefault(spelling.family, []).append(spelling)
    result = np.array(vote, dtype=np.float64)
    for family in families.values():
        at = np.array([places[spelling.label] for spelling in family])
        result[at] = _one_cell(family, result[at], noise_stddev)
    for label, other in ((DIGITS, places.get(numerals)), (TYPED_DIGITS, len(labels) - 1)):
        if label in places and other is not None and result[places[label]] > 0:
            clear = result[result > _CELL * noise_stddev].sum()
            if result[places[label]] < _NEARLY_ALL * clear:
                result[other] += result[places[label]]
                result[places[label]] = 0.0
    return result


def _one_cell(family: list[Spelling], counts: np.ndarray, noise: float) -> np.ndarray:
    """Return the counts of a family with those that one spelling can read in its cell."""
    clear = np.where(counts > _CELL * noise, counts, 0.0)
    if clear.sum() <= 0 and counts.sum() > _SURELY * noise * np.sqrt(len(family)):
        clear = np.maximum(counts, 0.0)
    if clear.sum() <= 0:
        return np.zeros(len(family))
    order = _order(family, clear, noise)
    read_by = {MONTH_FIRST: (MONTH_FIRST, EITHER), DAY_FIRST: (DAY_FIRST, EITHER)}
    usual = _usual(family)
    read = np.array([s.order in read_by.get(order or usual or "", (s.order,)) for s in family])
    mass = np.where(read, clear, 0.0)
    if mass.sum() <= 0:  # another order than the usual one, below the noise
        return clear
    some = _SOME * mass.sum()

    def has(holds: Sequence[bool]) -> bool:
        return bool(mass[np.array(holds)].sum() > some)

    by_detail = np.bincount([s.detail for s in family], weights=mass)
    wanted = {
        "order": order or (EITHER if usual else None),
        "is_bare_date": has([s.is_bare_date for s in family]),
        "is_bare_hour": has([s.is_bare_hour for s in family]),
        "detail": int(1 + by_detail[1:].argmax()) if by_detail[1:].sum() > some else 0,
        "is_midnight": not has([not s.is_midnight for s in family]),
    }
    fits = [sum(getattr(s, key) == value for key, value in wanted.items()) for s in family]
    chosen = max(range(len(family)), key=lambda i: (bool(read[i]), fits[i], mass[i]))
    result = np.where(read, 0.0, clear)
    result[chosen] += mass.sum()
    return result


def _order(family: list[Spelling], counts: np.ndarray, noise: float) -> str | None:
    """Return the order of day and month with the surely larger counts; ``None`` if neither is."""
    first, last = (
        float(sum(c for c, s in zip(counts, family, strict=True) if s.order == order))
        for order in (MONTH_FIRST, DAY_FIRST)
    )
    if abs(first - last) <= _SURELY * noise:
        return None
    return MONTH_FIRST if first > last else DAY_FIRST


def _usual(family: list[Spelling]) -> str | None:
    """Return the order that is assumed where the counts decide nothing; ``None`` where it is never in doubt."""
    either = next((s for s in family if s.order == EITHER), None)
    if either is None:
        return None
    return MONTH_FIRST if either.format.lstrip("%-").startswith("m") else DAY_FIRST
