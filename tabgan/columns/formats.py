"""Text formats of moments: reading and writing in ``strptime`` directives, and in some of other programs.

Beyond Python's own there are ``%-d``, ``%-m``, ``%-H`` and ``%-I`` (no zero before one digit), ``%e`` (a space there),
``%1f`` to ``%9f`` (fractions with that many digits), ``%^b`` and ``%P`` (``JAN``, ``pm``), ``%:z`` and ``%:::z``
(``+02:00``, ``+02``), ``%F``, ``%T``, ``%R`` and ``%D``. Names of months and days are English. Other directives, such
as ``%j`` and ``%c``, are left to Python.

A moment with an offset is read in UTC, and written with the offset of UTC. Fractions are read, and written as zeros.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import cached_property, lru_cache
from typing import Final

import numpy as np

MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

#: Directives that stand for several.
_SHORT = {"%F": "%Y-%m-%d", "%T": "%H:%M:%S", "%R": "%H:%M", "%D": "%m/%d/%y", "%h": "%b"}

_DIRECTIVE = re.compile(r"%(?:\^b|-[dmHI]|[1-9]f|:::z|:z|.)", re.DOTALL)

_DAY, _HOUR = r"3[01]|[12]\d|0[1-9]|[1-9]| [1-9]", r"2[0-3]|[01]\d|\d"
_MONTH, _HALF = r"1[0-2]|0[1-9]|[1-9]", r"1[0-2]|0[1-9]|[1-9]"
_SHORT_MONTHS = "|".join(name[:3] for name in MONTHS)

#: Name of the part, its regular expression, and the form in which it is written, of each directive.
_PARTS: dict[str, tuple[str, str, str]] = {
    "%Y": ("year", r"\d{4}", "%04d"),
    "%y": ("short_year", r"\d\d", "%02d"),
    "%m": ("month", _MONTH, "%02d"),
    "%-m": ("month", _MONTH, "%d"),
    "%d": ("day", _DAY, "%02d"),
    "%-d": ("day", _DAY, "%d"),
    "%e": ("day", _DAY, "%2d"),
    "%b": ("abbreviated", _SHORT_MONTHS, "%s"),
    "%^b": ("capitals", _SHORT_MONTHS, "%s"),
    "%B": ("named", "|".join(MONTHS), "%s"),
    "%a": ("short_weekday", "|".join(name[:3] for name in DAYS), "%s"),
    "%A": ("weekday", "|".join(DAYS), "%s"),
    "%H": ("hour", _HOUR, "%02d"),
    "%-H": ("hour", _HOUR, "%d"),
    "%I": ("half", _HALF, "%02d"),
    "%-I": ("half", _HALF, "%d"),
    "%M": ("minute", r"[0-5]\d|\d", "%02d"),
    "%S": ("second", r"[0-5]\d|\d", "%02d"),
    "%p": ("noon", "[AP]M", "%s"),
    "%P": ("small_noon", "[AP]M", "%s"),
    "%f": ("fraction", r"\d{1,9}", "0" * 6),
    **{f"%{n}f": ("fraction", r"\d{1,9}", "0" * n) for n in range(1, 10)},
    "%z": ("offset", r"Z|[+-]\d\d(?::?[0-5]\d){0,2}", "+0000"),
    "%:z": ("offset", r"Z|[+-]\d\d(?::?[0-5]\d){0,2}", "+00:00"),
    "%:::z": ("offset", r"Z|[+-]\d\d(?::?[0-5]\d){0,2}", "+00"),
    "%Z": ("zone", "UTC|GMT|Z", "UTC"),
}

_MONTH_OF = {name[:3].lower(): number for number, name in enumerate(MONTHS, 1)}

_EPOCH, _EPOCH_DAY = dt.datetime(1970, 1, 1), dt.date(1970, 1, 1).toordinal()

#: Parts of a format that say in words that its moments are in UTC.
_SAYS_UTC = re.compile(r"%(?:[SMHIfpPXZ]|-[HI]|[1-9]f)Z$|\b(?:UTC|GMT)\b|(?<!%)(?:%%)*%Z")

#: Parts of a template that are written literally.
_FIXED = frozenset({"fraction", "offset", "zone"})

#: A moment by which formats are tried, and the later ones that a format tells apart from it or not.
_PROBE = np.datetime64("2001-02-03T16:05:06", "s")
_LATER = {"second": "2001-02-03T19:48:59", "day": "2001-02-25T16:05:06", "month": "2001-11-03T16:05:06"}


class Format:
    """A text format of moments, compiled once.

    Args:
        text: The format.
    """

    def __init__(self, text: str) -> None:
        for short, whole in _SHORT.items():
            text = re.sub(rf"(?<!%)((?:%%)*){short}", rf"\g<1>{whole}", text)
        self.text = text
        tokens = [t for t in re.split(f"({_DIRECTIVE.pattern})", text, flags=re.DOTALL) if t]
        self._is_own = all(t in _PARTS or t == "%%" or "%" not in t for t in tokens)
        self._names = [_PARTS[t][0] for t in tokens if t in _PARTS]
        if self._is_own:
            self._is_own = len(set(self._names)) == len(self._names)
        self._template = "".join(
            _PARTS[t][2] if t in _PARTS else t.replace("%%", "%").replace("%", "%%") for t in tokens
        )
        self._tokens = tokens

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        """The regular expression of a format; ``None`` where it is left to Python."""
        return re.compile(_pattern(self._tokens), re.IGNORECASE | re.ASCII) if self._is_own else None

    @property
    def has_offset(self) -> bool:
        """True if each moment has its own offset from UTC."""
        return re.search(r"(?<!%)(?:%%)*%:{0,3}z", self.text) is not None

    @property
    def has_fraction(self) -> bool:
        """True if moments have fractions of seconds."""
        return re.search(r"(?<!%)(?:%%)*%[1-9]?f", self.text) is not None

    @property
    def is_utc(self) -> bool:
        """True if moments are read and written in UTC."""
        return self.has_offset or _SAYS_UTC.search(self.text) is not None

    @property
    def years(self) -> tuple[int, int]:
        """The first and the last year that can be written; two digits stand for 1969 to 2068."""
        is_short = "short_year" in self._names and "year" not in self._names
        return (1969, 2068) if is_short else (1, 9999)

    @cached_property
    def resolution(self) -> str:
        """``second``, ``day``, ``month`` or ``year``: the finest in which two moments are written differently."""
        for resolution, later in _LATER.items():
            if self._writes(_PROBE) != self._writes(np.datetime64(later, "s")):
                return resolution
        return "year"

    @cached_property
    def fault(self) -> str | None:
        """The reason in words why moments cannot be written and read back; ``None`` if they can."""
        written = self._writes(_PROBE)
        if written is None:
            return "cannot be written on this system"
        if written == self._writes(np.datetime64("2034-02-03T16:05:06", "s")):
            return "holds no year"
        clock = self.read(written)
        if clock is None:
            return "cannot be read back"
        found = np.datetime64(clock[0], "s")
        unit = {"second": "h", "day": "D", "month": "M", "year": "Y"}[self.resolution]
        if found.astype(f"datetime64[{unit}]") == _PROBE.astype(f"datetime64[{unit}]"):
            return None
        if found.astype("datetime64[D]") == _PROBE.astype("datetime64[D]"):
            return "holds no hour, or no %p beside %I"
        return "holds no day, or no month" if self.resolution in ("second", "day") else "cannot be read back"

    def _writes(self, moment: np.datetime64) -> str | None:
        try:
            return self.write(np.array([moment.astype(np.int64)]))[0]
        except Exception:  # of the system's C library
            return None

    def read(self, text: str) -> tuple[int, int] | None:
        """Return second and microsecond of text, in UTC where it has an offset; ``None`` if it is not of the format."""
        if self._pattern is None:
            return self._read_by_python(text)
        found = self._pattern.fullmatch(text)
        if found is None:
            return None
        try:
            return _clock_of(found.groupdict())
        except (ValueError, OverflowError):  # no such day
            return None

    def _read_by_python(self, text: str) -> tuple[int, int] | None:
        try:
            moment = dt.datetime.strptime(text, self.text)
            offset = moment.utcoffset() or dt.timedelta(0)
            second = (moment.replace(tzinfo=None) - offset - _EPOCH) // dt.timedelta(seconds=1)
        except Exception:
            return None
        return second, moment.microsecond

    def write(self, seconds: np.ndarray) -> list[str]:
        """Return texts of ``(rows,)`` int64 seconds since 1970."""
        distinct, places = np.unique(np.asarray(seconds, dtype=np.int64), return_inverse=True)
        if not self._is_own:
            zone = dt.UTC if self.is_utc else None
            moments = (_EPOCH.replace(tzinfo=zone) + dt.timedelta(seconds=s) for s in distinct.tolist())
            texts = [moment.strftime(self.text) for moment in moments]
        else:
            written = [self._column(name, distinct) for name in self._names if name not in _FIXED]
            rows = zip(*written, strict=True) if written else [()] * len(distinct)
            texts = [self._template % row for row in rows]
        return [texts[place] for place in places.tolist()]

    @staticmethod
    def _column(name: str, seconds: np.ndarray) -> list[int] | list[str]:
        """Return the part of each moment that one directive writes."""
        days, clock = seconds // 86_400, seconds % 86_400
        date = days.astype("datetime64[D]")
        month = date.astype("datetime64[M]").astype(np.int64) % 12
        hour = clock // 3_600
        match name:
            case "year" | "short_year":
                year = date.astype("datetime64[Y]").astype(np.int64) + 1970
                found = year if name == "year" else year % 100
            case "month":
                found = month + 1
            case "day":
                found = (date - date.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64) + 1
            case "hour":
                found = hour
            case "half":
                found = (hour - 1) % 12 + 1
            case "minute":
                found = clock // 60 % 60
            case "second":
                found = clock % 60
            case _:
                return _named(name, month.tolist(), ((days + 3) % 7).tolist(), hour.tolist())
        return list(found.tolist())


@lru_cache(maxsize=1_024)
def compiled(text: str) -> Format:
    """Return a format, compiled once."""
    return Format(text)


def _named(name: str, months: list[int], weekdays: list[int], hours: list[int]) -> list[str]:
    if name in ("weekday", "short_weekday"):
        length = 3 if name == "short_weekday" else None
        return [DAYS[day][:length] for day in weekdays]
    if name in ("noon", "small_noon"):
        words = ("AM", "PM") if name == "noon" else ("am", "pm")
        return [words[hour >= 12] for hour in hours]
    names = MONTHS if name == "named" else [each[:3] for each in MONTHS]
    return [names[month].upper() if name == "capitals" else names[month] for month in months]


def _pattern(tokens: list[str]) -> str:
    """Return the regular expression of a format; a fraction may be left out, as where it is zero."""
    pattern = ""
    for token in tokens:
        if token not in _PARTS:
            pattern += re.sub(r"(?:\\?\s)+", r"\\s+", re.escape(token.replace("%%", "%")), flags=re.ASCII)
        elif _PARTS[token][0] == "fraction" and pattern.endswith((r"\.", ",")):
            mark = r"\." if pattern.endswith(r"\.") else ","
            pattern = f"{pattern.removesuffix(mark)}(?:{mark}(?P<fraction>{_PARTS[token][1]}))?"
        else:
            pattern += f"(?P<{_PARTS[token][0]}>{_PARTS[token][1]})"
    return pattern


def _clock_of(parts: dict[str, str]) -> tuple[int, int]:
    """Return second and microsecond of the parts of a moment.

    Raises:
        ValueError: there is no such day.
    """
    get = parts.get
    year = int(get("year") or 1900)
    if (short := get("short_year")) and not get("year"):
        year = int(short) + (1900 if int(short) >= 69 else 2000)
    name = get("abbreviated") or get("capitals") or get("named")
    month = _MONTH_OF[name[:3].lower()] if name else int(get("month") or 1)
    hour = int(get("hour") or 0)
    if half := get("half"):
        noon = get("noon") or get("small_noon") or "AM"
        hour = int(half) % 12 + 12 * (noon[0] in "Pp")
    day = dt.date(year, month, int(get("day") or 1)).toordinal() - _EPOCH_DAY
    second = day * 86_400 + hour * 3_600 + int(get("minute") or 0) * 60 + int(get("second") or 0)
    if offset := get("offset"):
        second -= _offset(offset)
    fraction = get("fraction")
    return second, int(fraction[:6].ljust(6, "0")) if fraction else 0


def _offset(text: str) -> int:
    """Return the seconds of an offset such as ``+02:00``.

    Raises:
        ValueError: the offset is a day or more.
    """
    if text in "Zz":
        return 0
    digits = text[1:].replace(":", "").ljust(6, "0")
    seconds = int(digits[:2]) * 3_600 + int(digits[2:4]) * 60 + int(digits[4:])
    if seconds >= 86_400:
        raise ValueError
    return -seconds if text[0] == "-" else seconds
