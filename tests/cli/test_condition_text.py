"""Conditions as text: one value as ever, and several, ranges and missing in signs that no value can be taken for."""

from __future__ import annotations

import pytest

from tabgan.cli import options
from tabgan.cli.condition_text import condition_of
from tabgan.errors import ConfigError
from tabgan.schema import Categorical, Datetime, Duration, Numeric, Schema
from tabgan.table.conditions import Between

NUMBER, PLAN = (
    Numeric(name="n"),
    Categorical(name="c", categories=("a", "b", "a|b", "..", "a..b", 'say "a"', "1|2")),
)
DAY, STAY = Datetime(name="d", resolution="day"), Duration(name="s", resolution="hour")


def read(text, column=NUMBER):
    return condition_of(text, lambda part: column.parse(part, "here"), "here")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("18", 18.0),
        ("18..65", Between(18.0, 65.0)),
        ("-3..-1", Between(-3.0, -1.0)),
        ("0.5..0.9", Between(0.5, 0.9)),
        ("..65", Between(None, 65.0)),
        ("18..", Between(18.0, None)),
        ("..", Between()),
        ("", None),
        ("1|2|", [1.0, 2.0, None]),
        ("..17|65..", [Between(None, 17.0), Between(65.0)]),
        ('"18".."65"', Between(18.0, 65.0)),
        ('"18"', 18.0),
    ],
)
def test_numbers(text, wanted):
    assert read(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a", "a"),
        ("a|b", "a|b"),  # one of the categories, as ever
        ('"a"|"b"', ["a", "b"]),
        ("b|a", ["b", "a"]),
        ("..", ".."),
        ("a..b", "a..b"),
        ('"a".."b"', Between("a", "b")),
        ("b..", Between("b")),
        ('b|"a|b"|say "a"', ["b", "a|b", 'say "a"']),
        ('"say ""a"""|b', ['say "a"', "b"]),
        ("", None),
    ],
)
def test_categories_that_hold_the_signs(text, wanted):
    assert read(text, PLAN) == wanted


def test_moments_and_durations():
    days = read("2020-01-31..2020-02-29|", DAY)
    assert [str(days[0].min)[:10], str(days[0].max)[:10], days[1]] == ["2020-01-31", "2020-02-29", None]
    assert read("2 hours..1 days 02:00:00", STAY).max.total_seconds() == 26 * 3_600


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("old", "expected a number, got 'old'"),
        ("1|old", "expected a number, got 'old'"),
        ("1..old", "expected a number, got '1..old'"),
        ("1...5", "expected the ends of a range to be plain, got '1...5'. Put them in quotes"),
        ('"1', "expected a number"),
    ],
)
def test_what_stands_for_nothing(text, words):
    with pytest.raises(ConfigError, match=words):
        read(text)


class TestOptions:
    SCHEMA = Schema([NUMBER, PLAN, Numeric(name="a=b"), Categorical(name="x|y..z", categories=("u", "v"))])

    def test_names_may_hold_the_signs(self):
        pairs = ["a=b=1..2", "x|y..z=u|v", "c=a|b", "n=.."]
        assert options.conditions_of(pairs, self.SCHEMA) == {
            "a=b": Between(1.0, 2.0),
            "x|y..z": ["u", "v"],
            "c": "a|b",
            "n": Between(),
        }

    def test_a_decimal_comma_holds_within_ranges(self):
        assert options.conditions_of(["n=1,5..2.000,25|7"], self.SCHEMA, ",") == {
            "n": [Between(1.5, 2000.25), 7.0]
        }

    def test_two_on_one_column_are_refused(self):
        with pytest.raises(ConfigError, match="--condition n: expected one condition on a column, got two"):
            options.conditions_of(["n=1..", "n=..5"], self.SCHEMA)

    def test_shares(self):
        found = options.proportions_of(["n=..17:0.25", "n=18..:0.5", "n=:.25"], self.SCHEMA)
        shares = [(Between(None, 17.0), 0.25), (Between(18.0), 0.5), (None, 0.25)]
        assert found == {"n": [{"value": value, "share": share} for value, share in shares]}
        assert options.proportions_of(["n=1,5:0,5"], self.SCHEMA, ",") == {
            "n": [{"value": 1.5, "share": 0.5}]
        }

    @pytest.mark.parametrize(
        ("pair", "words"),
        [
            ("n", "--proportion: expected column=value:share, got 'n'"),
            ("m=1:0.5", "--proportion: no column 'm'"),
            ("n=1", "--proportion n: expected value:share such as female:0.5, got '1'"),
            ("n=1:half", "--proportion n: expected value:share"),
            ("n=old:0.5", "--proportion n: expected a number, got 'old'"),
        ],
    )
    def test_shares_that_are_none(self, pair, words):
        with pytest.raises(ConfigError, match=words):
            options.proportions_of([pair], self.SCHEMA)
