"""Kinds that a column's name suggests: personal data, text with a form, keys, codes and free text.

For drafts, and for the vote on a CSV's columns of codes: a name is public.
A draft that reads rows asks :func:`by_name`. A private one asks :func:`by_name_alone` before anything is released, and
:func:`by_released` for what the released numbers of a column add to its name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from tabgan.columns.categorical import Categorical
from tabgan.columns.identifier import MIN_KEY_ROWS, Identifier, either_of
from tabgan.columns.keys import typed
from tabgan.columns.kind import Column
from tabgan.columns.naming import says, words_of
from tabgan.columns.numeric import Numeric
from tabgan.columns.patterns import pattern_of
from tabgan.columns.people import Pii
from tabgan.columns.plaintext import Text
from tabgan.columns.values import Dtype, dtype_named, is_text, objects

#: Words that stand before a name, a telephone or an address of a person.
_WHO = (
    "customer|client|patient|employee|person|people|passenger|driver|member|teacher|student|user|contact|owner|author|"
    "doctor|physician|nurse|manager|player|guest|tenant|applicant|candidate|respondent|participant|holder|spouse|"
    "partner|mother|father|parent|child|guardian|voter|officer|agent|seller|buyer|borrower|instructor|coach|resident|"
    "visitor|subscriber|sender|recipient|beneficiary|beneficial_owner|cust|emp|pat|kunden|patienten"
)
_WHERE = "home|work|office|business|private|personal|emergency|primary|secondary|alternate|daytime|evening"

#: First words that say that a column counts or answers, and holds nothing of what it names.
_COUNTS = re.compile(
    "^(is|has|have|had|was|were|can|did|does|do|allows?|accepts?|wants?|prefers|needs|opt(ed|_in|_out)?|sent|n|num|"
    "count|total|mean|avg|share|percent|pct|(number|no|nr|num)_of)_"
)

#: Names of personal data, by Faker's provider; words are parted by ``_``.
_PEOPLE = {
    "email": "e_?mail(_?(addr(ess)?|adresse))?|(?<!_)mail|courriel",
    "phone_number": (
        "(?<!smart_)(?<!head_)(?<!ear_)(tele)?phone(_?(no|nr|number))?|(telefon|handy|mobil|ruf)_?(nr|nummer)|telefon|"
        f"((?<!_)|({_WHO}|{_WHERE})_?)(handy|mobile|cell|fax|tel)"
    ),
    "first_name": "(first|given)_?names?|forenames?|fname|vornamen?|prenom",
    "last_name": "(last|family)_?names?|surnames?|lname|nachnamen?|familienname",
    "user_name": "user_?names?|login_?names?|(?<!_)logins?|user_?login|nick(_?name)?",
    "street_address": (
        "street(_?address)?|(?<!ip_)(?<!mac_)(?<!web_)(?<!wallet_)(?<!memory_)(?<!host_)(?<!server_)"
        "(address(_?line)?(_?1)?|addr)|strasse|adresse"
    ),
    "iban": "iban",
    "ssn": "ssn|social_?security(_?(no|nr|number))?",
}

#: Names of people, where most cells differ: many a column that is called so is short. One that is called the name of
#: something else, such as a team or a file, is not.
_PERSON_NAME = f"(full|{_WHO})_?names?"
_FULL_NAME = f"{_PERSON_NAME}|(?<!_)names?"

#: Names of the number of an account, a card, a contract or a person, whose digits are not a quantity.
_NUMBER = (
    "(((credit|debit|bank|giro|gift)_?)?(card|account|acct)|policy|contract|insurance|member(ship)?|passport|customer|"
    "client|patient|employee|tax|nhs|medical_?record)_?(no|nr|num|number)|"
    "(konto|karten|kreditkarten|policen|vertrags|versicherten|versicherungs|kunden|patienten|personal|steuer|ausweis)_?"
    "(nr|nummer)|pan|mrn|imei|isbn|ean|gtin"
)

#: Names of text with a form: digits in it are not numbers.
_FORMED = (
    "post_?code|postal(_?code)?|postleit_?zahl|zip(_?code)?|plz|(licen[cs]e|number|car|vehicle)_?plate|kennzeichen|vin|"
    "serial(_?(no|nr|number))?"
)

#: Names of free text.
_FREE = (
    "comments?|remarks?|notes?|descriptions?|texts?|messages?|reviews?|bemerkung(en)?|summary|abstract|body"
)

#: Names of keys, also where several rows share one.
_KEY = f"id|key|uuid|guid|{_NUMBER}|hh_?id|u?subj_?id|(pat|pers(on)?|resp|case|cust|acct|account|user|client|member)id"

#: Names that are nothing but a word for a unit whose rows recur, and one that stands for free text, too.
_UNIT = (
    "patient(in)?|participant|respondent|proband(in)?|person|customer|client|employee|student|pupil|member|user|"
    "household|haushalt|kunde|mitarbeiter|versicherter"
)
_UNIT_OR_TEXT = "subject"

#: Names of categories, also where they are numbered.
_CODE = "status|type|class|precinct|district|zone|region|race|ethnicity|sex|gender"

#: The most rows that a key has on average, and the share of differing cells above which they are not categories.
_ROWS_A_KEY, _DIFFERING = 20, 0.5

#: The share of differing cells above which a noisy number of them says that all do.
_ALL = 0.97

#: Names of a latitude, and those of the longitude beside it, as one of their words.
_LATITUDE = {"latitude": ("longitude",), "lat": ("lon", "lng", "long"), "breitengrad": ("laengengrad",)}

#: Characters on average from which cells are sentences, unless nearly all are one word without a blank.
_SENTENCE, _ONE_WORD = 30, "[!-~]+"

#: Patterns of keys that are text, and of a UUID.
_KEYS_OF_TEXT = "ID{:06d}"
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"

#: Patterns that any table's keys may have: UUIDs, and hashes of 64 to 512 bits.
_PUBLIC_FORMS = (
    _UUID,
    *("-".join(f"[0-9{x}]{{{n}}}" for n in (8, 4, 4, 4, 12)) for x in ("a-f", "A-F")),
    *(f"[0-9{x}]{{{n}}}" for n in (16, 32, 40, 56, 64) for x in ("a-f", "A-F")),
)


#: The placeholder of free text, and the reasons of codes and of keys.
_REMOVED, _NUMBERED = "(removed)", "by its name: its numbers are codes"
_FEW_ROWS = "by its name; few rows share a key"

#: Strings of a pattern for each row of a table, at least, or a larger sample would run out of keys.
_ROOM = 10


class Named(NamedTuple):
    """A column for a draft.

    Attributes:
        column: The column, with a domain that is left open.
        why: The reason in words.
        is_from_rows: True if rows were looked at.
    """

    column: Column
    why: str
    is_from_rows: bool


class Found(NamedTuple):
    """Released numbers of a column.

    Attributes:
        n_rows: Rows with a value.
        lost: Share of them that have none of the released categories.
        n_distinct: Different values; of whole numbers, those that their range has room for. ``None`` if unknown.
    """

    n_rows: float
    lost: float
    n_distinct: float | None


def by_name(series: pd.Series, name: str, drafted: Column) -> Named | None:
    """Return the column that a name suggests; ``None`` where it suggests nothing. Not private.

    Args:
        series: The column's cells.
        name: Its name.
        drafted: The column that its cells alone speak for.
    """
    words = words_of(name)
    if is_text(series) and (alone := _of_text(name, words)) is not None:
        return alone
    if _is_whole(drafted):
        cells = typed(series.dropna())
        return _of_integers(drafted, words, len(cells), len(set(cells)), is_from_rows=True)
    if not is_text(series) or not isinstance(drafted, Categorical | Identifier):
        return None
    if says(words, "uuid|guid") and isinstance(drafted, Identifier):
        return Named(
            Identifier(name=name, pattern=_UUID), "by its name, and no cell of the rows repeats", True
        )
    return _by_cells(series, name, words, drafted)


def places_by_name(columns: Sequence[Column]) -> list[tuple[str, str]]:
    """Return pairs of columns of numbers that are a latitude and a longitude by their names, in their order."""
    named = {words_of(column.name): column.name for column in columns if column.quantity == "a number"}
    found = []
    for words, name in named.items():
        parts = words.split("_")
        for at, part in enumerate(parts):
            others = ("_".join([*parts[:at], each, *parts[at + 1 :]]) for each in _LATITUDE.get(part, ()))
            beside = next((named[each] for each in others if each in named), None)
            if beside is not None:
                found.append((name, beside))
    return found


def by_name_alone(name: str, dtype: Dtype, *, is_all_text: bool) -> Named | None:
    """Return the column that a name and a dtype suggest; ``None`` where they suggest nothing. Reads no cell.

    Args:
        name: The column's name.
        dtype: The table's dtype of it.
        is_all_text: True if a column of objects is known to hold text, as that of a CSV does.
    """
    words = words_of(name)
    if isinstance(dtype, pd.StringDtype) or (is_all_text and dtype == np.dtype(object)):
        return _of_text(name, words)
    if pd.api.types.is_integer_dtype(dtype) and says(words, _CODE):
        return Named(Categorical(name=name, dtype=str(dtype)), _NUMBERED, False)
    return None


def by_released(column: Column, found: Found) -> Named | None:
    """Return the column that its name and released numbers suggest; ``None`` where it stays as it is.

    Post-processing of released numbers.

    Args:
        column: The column that they were released for.
        found: Them.
    """
    words, name = words_of(column.name), column.name
    if _is_whole(column):
        n_distinct = found.n_distinct
        named = None if n_distinct is None else _of_integers(column, words, found.n_rows, n_distinct)
        return None if named is None else named._replace(column=named.column.with_(dtype=column.dtype))
    if not isinstance(column, Categorical) or not _holds_text(column):
        return None
    alone = _of_text(name, words)
    if alone is not None or found.n_distinct is None or found.lost < _DIFFERING:
        return alone
    return _of_differing(name, words, found.n_distinct / max(found.n_rows, 1.0))


def as_keys(column: Column, n_rows: float) -> Named | None:
    """Return keys in the place of a column of text that is named as one; ``None`` for others.

    Their form is that of the released templates, if these have strings enough. How many rows share a key was not
    released where their form was, and is left to a fit.
    """
    if not isinstance(column, Text) or not _says_key(words_of(column.name)):
        return None
    source = either_of(column.listed)
    if source is not None and pattern_of(source).n_strings < _ROOM * n_rows:
        source = None
    own = _UUID if says(words_of(column.name), "uuid|guid") else _KEYS_OF_TEXT
    key = Identifier(name=column.name, pattern=source or own, recurrence=None if column.unique else True)
    form = "; noise hides their form" if source is None else "; their form is that of the released templates"
    return Named(key, _FEW_ROWS + form, False)


def without_templates(column: Column) -> Named | None:
    """Return free text for a column of text without a released template; ``None`` for others."""
    if not isinstance(column, Text) or column.listed:
        return None
    return Named(Text(name=column.name, placeholder=_REMOVED), "free text: no form of it is frequent", False)


def shortened(column: Column) -> Column:
    """Return a column of keys without the zeros at the end of its shares; others as they are."""
    if not isinstance(column, Identifier) or not isinstance(column.recurrence, tuple):
        return column
    most = max((i for i, share in enumerate(column.recurrence) if share > 0), default=0)
    return column.with_(recurrence=column.recurrence[: most + 1])


def _says_key(words: str) -> bool:
    """Return true if a name is that of keys: it ends with a word for them, or is one for a unit of several rows."""
    return says(words, _KEY) or re.fullmatch(_UNIT, words) is not None


def _of_text(name: str, words: str) -> Named | None:
    """Return the column of text that a name alone suggests."""
    if _COUNTS.match(words):
        return None
    for provider, names in _PEOPLE.items():
        if says(words, names):
            return Named(Pii(name=name, provider=provider), "by its name; made up, never read", False)
    if says(words, _FORMED):
        return Named(Text(name=name), "by its name; cells keep their form, characters are made up", False)
    return None


def _of_integers(
    column: Column, words: str, n_rows: float, n_distinct: float, *, is_from_rows: bool = False
) -> Named | None:
    """Return a column of whole numbers that are keys or codes by its name."""
    if says(words, _CODE):
        return Named(Categorical(name=column.name, dtype=column.dtype), _NUMBERED, False)
    is_key = _says_key(words) or words == _UNIT_OR_TEXT
    if not is_key or n_rows > _ROWS_A_KEY * n_distinct:
        return None
    key = Identifier(name=column.name, dtype=column.dtype, recurrence=True)
    return Named(key, _FEW_ROWS, is_from_rows)


def _of_differing(name: str, words: str, differing: float) -> Named | None:
    """Return a column of text in which a share of the cells differ, and are seldom repeated."""
    if _says_key(words) and differing * _ROWS_A_KEY >= 1:
        return Named(Text(name=name, unique=differing >= _ALL), _FEW_ROWS, False)  # for now, see as_keys
    if differing < _DIFFERING:
        return None
    if says(words, _FULL_NAME):
        return Named(Pii(name=name, provider="name"), "by its name, and most cells differ", False)
    if says(words, _FREE):
        return Named(Text(name=name, placeholder=_REMOVED), "free text by its name", False)
    return Named(Text(name=name, unique=differing >= _ALL), "most cells differ; cells keep their form", False)


def _by_cells(series: pd.Series, name: str, words: str, drafted: Column) -> Named | None:
    """Return a column of text in which most cells differ: of names, of sentences, of keys, or of some form."""
    cells = [cell for cell in objects(series.dropna()) if isinstance(cell, str)]
    if len(cells) < MIN_KEY_ROWS:
        return None
    n_distinct, is_unique = len(set(cells)), isinstance(drafted, Identifier)
    if len(cells) <= _ROWS_A_KEY * n_distinct:
        recurrence = None if is_unique else True
        form = _public_form(cells)
        if form is not None:
            key = Identifier(name=name, pattern=form, recurrence=recurrence)
            return Named(key, "keys: cells are UUIDs or hashes, and few rows share one", True)
        if not is_unique and _says_key(words):
            return Named(Identifier(name=name, pattern=_KEYS_OF_TEXT, recurrence=recurrence), _FEW_ROWS, True)
    if n_distinct < _DIFFERING * len(cells):
        return None
    if says(words, _FULL_NAME):
        return Named(Pii(name=name, provider="name"), "by its name, and most cells of the rows differ", True)
    if says(words, _FREE) or _are_sentences(cells):
        placeholder = Text(name=name, placeholder=_REMOVED)
        return Named(placeholder, "free text: most cells of the rows differ, or are sentences", True)
    if not is_unique:
        return Named(Text(name=name), "most cells of the rows differ; cells keep their form", True)
    if not _says_key(words) and not says(words, "no|nr|number"):
        return Named(Text(name=name, unique=True), "no cell of the rows repeats; cells keep their form", True)
    return None


def _public_form(cells: Sequence[str]) -> str | None:
    """Return the pattern that all cells have of those that any table's keys may have; ``None`` if there is none."""
    if all(cell.isdecimal() for cell in cells):
        return None
    found = (form for form in _PUBLIC_FORMS if all(re.fullmatch(form, cell) for cell in cells))
    return next(found, None)


def _are_sentences(cells: Sequence[str]) -> bool:
    """Return true if cells are long, and nearly all are more than a word of Latin letters, digits and signs."""
    is_long = sum(map(len, cells)) > _SENTENCE * len(cells)
    return is_long and sum(re.fullmatch(_ONE_WORD, cell) is not None for cell in cells) < len(cells) / 2


def _is_whole(column: Column) -> bool:
    """Return true for a column of numbers whose dtype is one of integers."""
    dtype = dtype_named(column.dtype or "object")
    return isinstance(column, Numeric) and dtype is not None and pd.api.types.is_integer_dtype(dtype)


def _holds_text(column: Categorical) -> bool:
    """Return true if no released category is anything but text."""
    return all(isinstance(value, str) for value in column.listed)


def line_of_name(name: str) -> str | None:
    """Return the declaration, without the name, that a name of text suggests; ``None`` where it suggests nothing."""
    words = words_of(name)
    found = _of_text(name, words)
    if found is not None:
        return _line(found.column)
    if says(words, _FULL_NAME):
        return _line(Pii(name=name, provider="name"))
    return _line(Identifier(name=name)) if _says_key(words) else None


def line_of_person(name: str) -> str | None:
    """Return the same where a name says that each value is of one person, account or contract; else ``None``."""
    words = words_of(name)
    if _COUNTS.match(words):
        return None
    is_person = says(words, f"{_PERSON_NAME}|{_NUMBER}") or any(says(words, one) for one in _PEOPLE.values())
    return line_of_name(name) if is_person else None


def _line(column: Column) -> str:
    """Return the keys of a column as a line of a schema has them."""
    keys = column.model_dump(mode="json", exclude_defaults=True, exclude={"name"})
    return f"{{{', '.join(f'{key}: {value}' for key, value in ({'kind': column.kind} | keys).items())}}}"


def says_codes(name: str) -> bool:
    """Return true if a column's name says that its digits are not numbers: of postcodes, telephones, serial numbers."""
    words = words_of(name)
    return not _COUNTS.match(words) and says(words, f"{_FORMED}|{_PEOPLE['phone_number']}|fips(_?code)?")
