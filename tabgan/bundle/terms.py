"""The controller's statements about a release, which no program can make for them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from tabgan._util.validate import nearest, shown
from tabgan.errors import ConfigError

#: An address that others can open.
_ADDRESS = re.compile(r"https?://[^\s<>\"{}|\\^`]+")


@dataclass(frozen=True)
class HealthTerms:
    """HealthDCAT-AP's terms about the protected dataset; ``None`` is not stated.

    Attributes:
        category: Code of its category in Article 51 of Regulation (EU) 2025/327, such as ``EHRS``.
        theme: Code of the vocabulary of health themes, such as ``HEALTH_SYSTEMS``.
        dataset_type: Code of the EU's vocabulary of dataset types, such as ``STATISTICAL``.
        access_body: Name of the health data access body.
        access_body_contact: Its mail address, or page.
        access_url: Address at which access to the protected dataset is requested.
        population: Its population, in words.
        legal_basis: The legal basis of the processing, in words.
        coding_systems: Codes of the coding systems in use, such as ``ICD-10``.
        min_age: Typical lowest age.
        max_age: Typical highest age.
    """

    category: str | None = None
    theme: str | None = None
    dataset_type: str | None = None
    access_body: str | None = None
    access_body_contact: str | None = None
    access_url: str | None = None
    population: str | None = None
    legal_basis: str | None = None
    coding_systems: tuple[str, ...] = ()
    min_age: int | None = None
    max_age: int | None = None


@dataclass(frozen=True)
class Terms:
    """Statements about a release; ``None`` is not stated, and stays a blank to fill in.

    Attributes:
        title: Title of the dataset; by default the report's.
        description: A paragraph about it.
        license: An SPDX identifier such as ``CC-BY-4.0``, or the address of a licence.
        url: Address of the dataset's page.
        version: Version of the release.
        purpose: Purpose of the release.
        recipient: The recipient, or the public.
        means: Means reasonably likely to be used to identify somebody, as the controller sees them.
        review_date: Date of the next review, in ISO 8601.
        region: Region that the data describe.
        sector: Sector, such as ``Healthcare``.
        keywords: Keywords of a catalogue.
        language: Language of the values and names, as ``en``.
        source: Origin of the data.
        controller: Person or body responsible for it.
        contact: Contact for questions.
        health: Terms of HealthDCAT-AP; ``None`` for a dataset that is not about health.
    """

    title: str | None = None
    description: str | None = None
    license: str | None = None
    url: str | None = None
    version: str = "1.0.0"
    purpose: str | None = None
    recipient: str | None = None
    means: str | None = None
    review_date: str | None = None
    region: str | None = None
    sector: str | None = None
    keywords: tuple[str, ...] = ()
    language: str | None = None
    source: str | None = None
    controller: str | None = None
    contact: str | None = None
    health: HealthTerms | None = None

    @classmethod
    def of(cls, stated: Mapping[object, object], where: str = "about") -> Terms:
        """Return the terms of a mapping.

        Args:
            stated: Terms by their names.
            where: Place of the mapping, for messages.

        Raises:
            ConfigError: it has unknown keys or unusable values; one line for each.
        """
        health: Any = stated.get("health")
        problems = _problems(cls, {k: v for k, v in stated.items() if k != "health"}, where)
        if isinstance(health, Mapping):
            problems += _problems(HealthTerms, health, f"{where}.health")
        elif health is not None:
            problems.append(f"{where}.health: expected a mapping of terms, got {shown(health)}.")
        if problems:
            raise ConfigError("\n".join(problems))
        plain = {key: value for key, value in stated.items() if key != "health"}
        return cls(**_plain(plain), health=None if health is None else HealthTerms(**_plain(health)))

    def filled(self, **stated: str | None) -> Terms:
        """Return terms with what is stated elsewhere, which comes first; statements that are not terms are left out."""
        known = [each.name for each in fields(self)]
        given: dict[str, Any] = {
            key: text for key, text in stated.items() if text is not None and key in known
        }
        return replace(self, **given)

    @property
    def license_url(self) -> str | None:
        """Address of the licence; ``None`` if none is stated."""
        if self.license is None or _ADDRESS.fullmatch(self.license):
            return self.license
        return f"https://spdx.org/licenses/{self.license}"


_LISTS, _NUMBERS, _ADDRESSES = ("keywords", "coding_systems"), ("min_age", "max_age"), ("url", "access_url")


def _problems(of: type, stated: Mapping[Any, Any], where: str) -> list[str]:
    """Return the problems of a mapping of terms, one line each."""
    known = [field.name for field in fields(of)]
    found = []
    for key, value in stated.items():
        place = f"{where}.{key}"
        if key not in known:
            found.append(
                f"{place}: unknown key.{nearest(str(key), known) or ' Known: ' + ', '.join(known) + '.'}"
            )
        elif value is None:
            continue
        elif key in _LISTS:
            if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
                found.append(f"{place}: expected a list of texts, got {shown(value)}.")
        elif key in _NUMBERS:
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                found.append(f"{place}: expected a number of years, got {shown(value)}.")
        elif key == "review_date":
            found += _date_problems(value, place)
        elif not isinstance(value, str) or not value.strip():
            found.append(f"{place}: expected text, got {shown(value)}. Put it in quotes.")
        elif key in _ADDRESSES and not _ADDRESS.fullmatch(value):
            found.append(
                f"{place}: expected an address such as https://example.org/data, got {shown(value)}."
            )
        elif key == "license" and not (_ADDRESS.fullmatch(value) or re.fullmatch(r"[A-Za-z0-9.+-]+", value)):
            found.append(
                f"{place}: expected an SPDX identifier such as CC-BY-4.0, or an address, got {shown(value)}."
            )
    return found


def _date_problems(value: object, place: str) -> list[str]:
    if isinstance(value, dt.date):
        return []
    try:
        dt.date.fromisoformat(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return [f"{place}: expected a date such as 2027-01-31, got {shown(value)}."]
    return []


def _plain(stated: Mapping[Any, Any]) -> dict[str, Any]:
    """Return what is stated, a list as a tuple and a date as text."""
    found = {key: tuple(value) if isinstance(value, list) else value for key, value in stated.items()}
    found = {key: value.isoformat() if isinstance(value, dt.date) else value for key, value in found.items()}
    return {key: value for key, value in found.items() if value is not None}
