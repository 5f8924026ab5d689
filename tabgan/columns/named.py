"""Kinds that a column's name speaks for: personal data, text with a form, keys and free text. For drafts alone."""

from __future__ import annotations

import re
from typing import NamedTuple

import pandas as pd

from tabgan.columns.categorical import Categorical
from tabgan.columns.identifier import MIN_KEY_ROWS, Identifier
from tabgan.columns.kind import Column
from tabgan.columns.people import Pii
from tabgan.columns.plaintext import Text
from tabgan.columns.values import is_text, objects

#: Names of personal data, by Faker's provider; words are parted by ``_``.
_PEOPLE = {
    "email": "e_?mail(_?addr(ess)?)?|mail",
    "phone_number": "(tele)?phone(_?(no|nr|number))?|telefon(nummer)?|mobile|cell|fax|handy|tel",
    "first_name": "(first|given)_?names?|forenames?|fname|vornamen?|prenom",
    "last_name": "(last|family)_?names?|surnames?|lname|nachnamen?|familienname",
    "user_name": "user_?names?|logins?|nick(_?name)?",
    "street_address": "street(_?address)?|address(_?line)?(_?1)?|strasse|adresse|addr",
    "iban": "iban",
    "ssn": "ssn|social_?security(_?(no|nr|number))?",
}

#: Names of people, where most cells differ: many a column that is called so is short.
_FULL_NAME = (
    "((full|customer|client|patient|employee|person|passenger|driver|member|teacher|student)_?)?names?"
)

#: Names of text with a form: digits in it are no numbers.
_FORMED = "post_?code|postal(_?code)?|zip(_?code)?|plz|(licen[cs]e_?)?plate|kennzeichen|vin|serial(_?(no|nr|number))?"

#: Names of free text.
_FREE = (
    "comments?|remarks?|notes?|descriptions?|texts?|messages?|reviews?|bemerkung(en)?|summary|abstract|body"
)

#: Characters on average from which cells are sentences.
_SENTENCE = 30

#: A UUID.
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


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


def by_name(series: pd.Series, name: str, drafted: Column) -> Named | None:
    """Return a column of text as its name has it; ``None`` where the name says nothing. Not private.

    Args:
        series: The column's cells.
        name: Its name.
        drafted: The column that its cells alone speak for.
    """
    if not is_text(series):
        return None
    words = re.sub("[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower())
    for provider, names in _PEOPLE.items():
        if _says(words, names):
            return Named(Pii(name=name, provider=provider), "by its name; made up, never read", False)
    if _says(words, _FORMED):
        return Named(Text(name=name), "by its name; cells keep their form, characters are made up", False)
    if not isinstance(drafted, Categorical | Identifier):
        return None
    if _says(words, "uuid|guid") and isinstance(drafted, Identifier):
        return Named(
            Identifier(name=name, pattern=_UUID), "by its name, and no cell of the rows repeats", True
        )
    return _by_cells(series, name, words, drafted)


def _by_cells(series: pd.Series, name: str, words: str, drafted: Column) -> Named | None:
    """Return a column of text in which most cells differ: of names, of sentences, or of some form."""
    cells = [cell for cell in objects(series.dropna()) if isinstance(cell, str)]
    if len(cells) < MIN_KEY_ROWS or len(set(cells)) < 0.5 * len(cells):
        return None
    if _says(words, _FULL_NAME):
        return Named(Pii(name=name, provider="name"), "by its name, and most cells of the rows differ", True)
    if _says(words, _FREE) or sum(map(len, cells)) > _SENTENCE * len(cells):
        placeholder = Text(name=name, placeholder="(removed)")
        return Named(placeholder, "free text: most cells of the rows differ, or are sentences", True)
    if isinstance(drafted, Identifier) and not re.search("(^|_)(id|key|no|nr|number)$", words):
        return Named(Text(name=name, unique=True), "no cell of the rows repeats; cells keep their form", True)
    return None


def _says(words: str, names: str) -> bool:
    """Return true if the words of a name are, or end with, one of some names."""
    return re.search(f"(^|_)({names})$", words) is not None
