"""Words of a column's name, which is public, and names of codes: numbers that are no quantity."""

from __future__ import annotations

import re
import unicodedata

#: German letters as two of the Latin alphabet; other letters lose their accents.
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})

#: Things that codes and keys stand for, as the last word of a name or before ``id``.
_OF = (
    "state|county|district|dist|tract|precinct|province|municipality|region|school|sch|industry|occupation|department|"
    "dept|store|shop|item|product|prod|merchant|vendor|supplier|brand|hospital|provider|clinic|airport|airline|carrier|"
    "station|site|plot|route|firm|company"
)
_CODES = re.compile(
    rf"(^|_)({_OF}|zip|plz|mcc|mnc|naics|nace|isic|sic|icd(_?(9|10))?|isco(_?(88|08))?|cpt|drg|ndc|[a-z]*code|"
    rf"[a-z]*fips|({_OF}|unit|movie|fam)(_?id)|[a-z0-9]+_(id|cd))$"
)

#: Last words of names of lengths of time, apart from a unit.
_LENGTHS = re.compile(
    r"(^|_)(durations?|time|times|elapsed|runtime|uptime|downtime|length|laps?|split|pace|delay|wait(ing)?|stay|los|age|"
    r"tenure|zeit|dauer)(_(d|h|hrs?|hours?|m|mins?|minutes?|s|secs?|seconds?|days?))?$"
)


def says_code(name: str) -> bool:
    """Return true if a name says that whole numbers are codes, of which most numbers between two do not exist.

    >>> says_code("countyfips"), says_code("dept_id"), says_code("age")
    (True, True, False)
    """
    return _CODES.search(words_of(name)) is not None


def says_length(name: str) -> bool:
    """Return true if a name may be that of lengths of time.

    >>> says_length("finish_time"), says_length("Dauer"), says_length("title")
    (True, True, False)
    """
    return _LENGTHS.search(words_of(name)) is not None


def words_of(name: str) -> str:
    """Return the words of a name in small letters without accents, parted by ``_``; umlauts are two letters."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", unicodedata.normalize("NFC", name))
    parted = parted.lower().translate(_UMLAUTS)
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", parted) if not unicodedata.combining(sign))
    return re.sub("[^a-z0-9]+", "_", plain)


def says(words: str, names: str) -> bool:
    """Return true if the words of a name are, or end with, one of some names."""
    return re.search(f"(^|_)({names})$", words) is not None
