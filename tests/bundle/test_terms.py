import datetime as dt
import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from tabgan.bundle.terms import HealthTerms, Terms
from tabgan.errors import ConfigError


def test_what_is_stated_and_what_is_not():
    terms = Terms.of(
        {
            "license": "CC-BY-4.0",
            "keywords": ["a", "b"],
            "review_date": dt.date(2027, 1, 31),
            "url": None,
            "health": {"min_age": 18, "coding_systems": ["ICD-10"]},
        }
    )
    assert terms.license_url == "https://spdx.org/licenses/CC-BY-4.0"
    assert (terms.keywords, terms.review_date, terms.url) == (("a", "b"), "2027-01-31", None)
    assert terms.health == HealthTerms(min_age=18, coding_systems=("ICD-10",))
    filled = terms.filled(source="wards", license=None)
    assert (filled.source, filled.license) == ("wards", "CC-BY-4.0")


def test_a_licence_may_be_an_address():
    assert Terms.of({"license": "https://example.org/terms"}).license_url == "https://example.org/terms"


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ({"licence": "MIT"}, "about.licence: unknown key. Did you mean 'license'"),
        ({"license": "the usual one"}, "about.license: expected an SPDX identifier"),
        ({"url": "example.org"}, "about.url: expected an address"),
        ({"url": "javascript:alert(1)"}, "about.url: expected an address"),
        ({"review_date": "next year"}, "about.review_date: expected a date"),
        ({"review_date": 2027}, "about.review_date: expected a date"),
        ({"keywords": "a, b"}, "about.keywords: expected a list"),
        ({"title": 7}, "about.title: expected text"),
        ({"title": "  "}, "about.title: expected text"),
        ({"health": "EHRS"}, "about.health: expected a mapping"),
        ({"health": {"min_age": "18"}}, "about.health.min_age: expected a number of years"),
        ({"health": {"min_age": True}}, "about.health.min_age: expected a number of years"),
        ({"health": {"theme": 3}}, "about.health.theme: expected text"),
    ],
)
def test_unusable_statements_are_refused(stated, words):
    with pytest.raises(ConfigError, match=words.replace(".", r"\.")):
        Terms.of(stated)


def test_all_problems_are_told_at_once():
    with pytest.raises(ConfigError) as raised:
        Terms.of({"licence": "MIT", "url": 3, "health": {"themes": "x"}})
    assert len(str(raised.value).splitlines()) == 3


def test_the_page_has_every_statement():
    page = (Path(__file__).parents[2] / "docs" / "bundle.md").read_text(encoding="utf-8")
    stated = yaml.safe_load(re.search(r"```yaml\n(bundle:.*?)```", page, re.DOTALL)[1])["bundle"]["about"]
    known = {field.name for field in fields(Terms)} - {"source", "controller", "contact"}  # the report's
    assert set(stated) == known
    assert set(stated["health"]) == {field.name for field in fields(HealthTerms)}
    assert Terms.of(stated).health.coding_systems == ("ICD-10",)
