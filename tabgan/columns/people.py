"""Personal data that is made up: names, e-mail addresses, phone numbers and the like, from Faker.

Nothing is read of such a column. All such columns of one locale describe the same made-up person in each row: the
e-mail address and the user name fit the name. Faker is an extra (``tabgan-dp[people]``), imported here alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
import pandas as pd
from pydantic import Field, field_validator, model_validator

from tabgan._util.validate import nearest
from tabgan.columns.encoder import ColumnEncoder
from tabgan.columns.filling import Filling, column_of
from tabgan.columns.kind import NUMBERS, TEXT, Column, Domain, is_text_dtype
from tabgan.columns.plaintext import TextEncoder, check_missing_share
from tabgan.columns.values import Dtype, objects
from tabgan.errors import ConfigError, SchemaError

if TYPE_CHECKING:
    from faker import Faker

#: Locales in which the family name comes first, and the sign between the names.
_FAMILY_FIRST = {"hu_HU": " ", "ja_JP": " ", "vi_VN": " ", "ko_KR": "", "zh_CN": "", "zh_TW": ""}

#: Words for women and men, in lower case; any other cell of a column that is followed says neither.
_WOMEN = frozenset(
    [
        "f",
        "female",
        "woman",
        "w",
        "weiblich",
        "frau",
        "femme",
        "féminin",
        "mujer",
        "femenino",
        "donna",
        "vrouw",
        "kvinna",
        "女",
    ]
)
_MEN = frozenset(
    ["m", "male", "man", "männlich", "mann", "homme", "masculin", "hombre", "masculino", "uomo", "mand", "男"]
)

#: Letters that no decomposition turns into Latin ones.
_LATIN = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
)

#: Domains that belong to nobody (RFC 2606).
_DOMAINS = ("example.com", "example.net", "example.org")

#: The present cells of a column in which only missing ones are distinguished.
_PRESENT = "x"


class Person(NamedTuple):
    """The made-up person of one row.

    Attributes:
        first_name: First name.
        last_name: Family name.
        name: Both, in the order of the locale.
        user_name: Both in small Latin letters, with a number if another row has the same; each row has its own.
    """

    first_name: str
    last_name: str
    name: str
    user_name: str


#: Providers that follow from the person, those that follow from a state, and all that there are.
_OF_PERSON = ("name", "first_name", "last_name", "user_name", "email")
_OF_PLACE = ("postcode", "state_abbr")
PROVIDERS = (
    *_OF_PERSON,
    *(
        "phone_number",
        "street_address",
        "city",
        "postcode",
        "state_abbr",
        "country",
        "iban",
        "ssn",
        "company",
        "job",
    ),
)


class Pii(Column):
    """A column of personal data, made up for every row and never read.

    Attributes:
        provider: The data, such as ``"email"``: one of ``PROVIDERS``.
        locale: Language and country, such as ``"de_DE"``.
        follows: The name of another column, of women and men, that the first names follow.
        missing: Public share of missing cells. Instead, ``nullable: true`` has the share released, with its dependence
            on other columns.
    """

    kind: Literal["pii"] = "pii"
    provider: Annotated[str, Field(json_schema_extra={"enum": list(PROVIDERS)})]
    locale: str = "en_US"
    follows: str | None = None
    missing: Annotated[float, Field(ge=0, lt=1)] | None = None

    generated_as: ClassVar[str] = "made-up personal data"
    has_categories: ClassVar[bool] = True

    @field_validator("provider")
    @classmethod
    def _check_provider(cls, provider: str) -> str:
        if provider not in PROVIDERS:
            raise ValueError(
                f"expected one of {', '.join(PROVIDERS)}, got {provider!r}.{nearest(provider, PROVIDERS)}"
            )
        return provider

    @model_validator(mode="after")
    def _check(self) -> Pii:
        if re.fullmatch("[a-z]{2,3}_[A-Z]{2}", self.locale) is None:
            raise ValueError(
                f"locale: expected a language and a country such as 'de_DE', got {self.locale!r}."
            )
        if self.missing is not None and self.nullable is not None:
            raise ValueError("missing: needs no key nullable. Leave out one.")
        return self

    @property
    def is_modelled(self) -> bool:
        return self.nullable is True

    @property
    def is_made_up(self) -> bool:
        return True

    @property
    def is_filled(self) -> bool:
        return True

    @property
    def follows_column(self) -> str | None:
        return self.follows

    @property
    def listed(self) -> tuple[str, ...]:
        return (_PRESENT,)

    def describe(self) -> str:
        return f"made up ({self.provider}, {self.locale})"

    def domain(self) -> Domain:
        return Domain(keys=frozenset(self.listed), may_miss=self.nullable is not False)

    def undeclared(self) -> Pii:
        return self

    def cells(self, series: pd.Series) -> list[object]:
        return [None if is_missing else _PRESENT for is_missing in series.isna()]

    def keys(self, series: pd.Series) -> list[object]:
        return self.cells(series)

    def encoder(self) -> TextEncoder:
        return TextEncoder(self, self.dtype or "object")

    def is_generated(self, series: pd.Series) -> np.ndarray:
        is_text = [isinstance(each, str) for each in objects(series)]
        return np.asarray(is_text | (series.isna().to_numpy(dtype=bool) & bool(self.missing)))

    def fill(self, table: pd.DataFrame, filling: Filling) -> pd.Series:
        if self.is_modelled:
            is_missing = table[self.name].isna().to_numpy(dtype=bool)
        else:
            is_missing = filling.rng(self.name).random(len(table)) < (self.missing or 0.0)
        return column_of(self._made(table, filling), self.name, self.dtype or "object", is_missing)

    def _made(self, table: pd.DataFrame, filling: Filling) -> list[str]:
        """Return ``(rows,)`` cells, none missing."""
        if self.provider in _OF_PERSON:
            people = _people(table, filling, self.locale)
            if self.provider != "email":
                return [str(getattr(person, self.provider)) for person in people]
            domains = filling.rng(f"domains {self.locale}").integers(0, len(_DOMAINS), len(people))
            return [f"{p.user_name}@{_DOMAINS[d]}" for p, d in zip(people, domains, strict=True)]
        if self.provider in _OF_PLACE and hasattr(_faker(self.locale), "postcode_in_state"):
            return [place[self.provider == "postcode"] for place in _places(len(table), filling, self.locale)]
        draw = getattr(_drawn(filling, f"{self.name} {self.locale}", self.locale), self.provider)
        return [" ".join(str(draw()).split()) for _ in range(len(table))]

    @property
    def takes(self) -> frozenset[str]:
        return frozenset((TEXT, NUMBERS))

    def fits_dtype(self, dtype: Dtype) -> bool:
        return is_text_dtype(dtype)

    def check_output(self) -> None:
        super().check_output()
        check_missing_share(self, self.missing)
        try:
            has_one = hasattr(_faker(self.locale), self.provider)
        except AttributeError:
            raise SchemaError(f"Column {self.name!r}: locale: Faker does not know {self.locale!r}.") from None
        if self.provider not in _OF_PERSON and not has_one:
            raise SchemaError(
                f"Column {self.name!r}: provider: Faker has no {self.provider!r} for the locale {self.locale!r}. "
                "Choose another of either."
            )

    def trials(self) -> list[ColumnEncoder]:
        return [self.encoder()]


def made_together(columns: Iterable[Column]) -> list[tuple[tuple[str, ...], str | None]]:
    """Return the names of columns that describe one made-up person or place, and the column that its names follow."""
    found: dict[tuple[str, bool], list[Pii]] = {}
    for column in columns:
        is_person = isinstance(column, Pii) and column.provider in _OF_PERSON
        if isinstance(column, Pii) and (is_person or column.provider in _OF_PLACE):
            found.setdefault((column.locale, is_person), []).append(column)
    followed = next((c.follows for group in found.values() for c in group if c.follows is not None), None)
    return [
        (tuple(column.name for column in group), followed if is_person else None)
        for (_, is_person), group in found.items()
    ]


def _faker(locale: str) -> Faker:
    """Return Faker for a locale, not seeded.

    Raises:
        ConfigError: Faker is not installed.
        AttributeError: Faker does not know the locale.
    """
    try:
        from faker import Faker
    except ImportError:
        raise ConfigError(
            'kind: pii needs the package Faker, which is not installed. Run pip install "tabgan-dp[people]".'
        ) from None
    return Faker(locale)


def _drawn(filling: Filling, name: str, locale: str) -> Faker:
    """Return the seeded Faker of one name, the same one for every table of a sample."""
    key = f"faker {name}"

    def make() -> Faker:
        fake = _faker(locale)
        fake.seed_instance(filling.seed_here(key))
        return fake

    return filling.kept(key, make)


@dataclass
class _Made:
    """The values that were made for all columns of the last table, and that table's place and rows."""

    place: tuple[int, int] | None = None
    values: list[Any] = field(default_factory=list)


def _once(filling: Filling, key: str, n: int, make: Callable[[], list[Any]]) -> list[Any]:
    """Return values that are made once for all columns of a table of ``n`` rows."""
    last, place = filling.kept(key, _Made), (filling.first_row, n)
    if last.place != place:
        last.place, last.values = place, make()
    return list(last.values)


def _people(table: pd.DataFrame, filling: Filling, locale: str) -> list[Person]:
    """Return the persons of a table's rows, for one locale."""

    def make() -> list[Person]:
        n, fake = len(table), _drawn(filling, f"people {locale}", locale)
        are_women = filling.rng(f"women {locale}").random(n) < 0.5
        if filling.follows is not None:
            said = [str(each).strip().lower() for each in objects(table[filling.follows])]
            are_women = np.where([each in _WOMEN for each in said], True, are_women)
            are_women = np.where([each in _MEN for each in said], False, are_women)
        return [_person(fake, locale, is_woman, filling) for is_woman in are_women.tolist()]

    return _once(filling, f"persons {locale}", len(table), make)


def _person(fake: Faker, locale: str, is_woman: bool, filling: Filling) -> Person:
    sex = "female" if is_woman else "male"
    first, last = (str(getattr(fake, f"{part}_{sex}")()) for part in ("first_name", "last_name"))
    between = _FAMILY_FIRST.get(locale)
    name = f"{first} {last}" if between is None else f"{last}{between}{first}"
    user = ".".join(filter(None, map(_latin, (first, last)))) or "user"
    number = 1 + int(filling.numbers(f"user {locale} {user}", 1)[0])
    return Person(first, last, name, user if number == 1 else f"{user}{number}")


def _latin(name: str) -> str:
    """Return a name in small Latin letters; nothing of a name in another alphabet."""
    plain = unicodedata.normalize("NFKD", name.lower().translate(_LATIN))
    return re.sub("[^a-z]", "", plain)


def _places(n: int, filling: Filling, locale: str) -> list[tuple[str, str]]:
    """Return a state and a postcode within it for each row, where Faker knows which go together."""

    def make() -> list[tuple[str, str]]:
        fake = _drawn(filling, f"places {locale}", locale)
        states = [str(fake.state_abbr(include_territories=False)) for _ in range(n)]
        return [(state, str(fake.postcode_in_state(state))) for state in states]

    return _once(filling, f"states {locale}", n, make)
