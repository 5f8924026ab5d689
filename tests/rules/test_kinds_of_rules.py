"""Every kind of rule by hand: the rows that keep it, and declarations that it refuses."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from tabgan.errors import ConfigError, SchemaError
from tabgan.rules import (
    FixedCombinations,
    Formula,
    Inequality,
    Missing,
    Near,
    OneOf,
    Unique,
    keeps_rules,
    rule_from_dict,
)
from tabgan.rules.expressions import Expression
from tabgan.schema import Boolean, Categorical, Datetime, Duration, Identifier, Numeric, Schema

COLUMNS = (
    Numeric(name="a", decimals=0),
    Numeric(name="b", decimals=0),
    Numeric(name="net price", decimals=2),
    Datetime(name="start"),
    Datetime(name="end"),
    Duration(name="stay"),
    Datetime(name="day", format="%d.%m.%Y"),
    Boolean(name="known"),
    Categorical(name="town", categories=("Ulm", "Bonn")),
    Categorical(name="flag", categories=(0, 1)),
)
TABLE = pd.DataFrame(
    {
        "a": [1.0, 2.0, 3.0, np.nan],
        "b": [3.0, 2.0, 9.0, 4.0],
        "net price": [1.19, 2.38, 0.0, 4.0],
        "start": pd.to_datetime(
            ["2020-02-29 13:30", "2019-12-31", "2021-01-01 23:59:59", None], format="ISO8601"
        ),
        "end": pd.to_datetime(
            ["2020-03-01 13:30", "2019-12-31 01:00", "2021-01-02", "2021-01-01"], format="ISO8601"
        ),
        "stay": pd.to_timedelta(["1 days", "01:00:00", "1 s", None]),
        "day": ["29.02.2020", "31.12.2019", "02.01.2021", "01.01.2021"],
        "known": [True, False, True, False],
        "town": ["Ulm", None, "Bonn", "Ulm"],
        "flag": [0, 1, 0, 1],
    }
)


def kept(rule) -> list[bool]:
    return keeps_rules([rule], COLUMNS, TABLE).tolist()


class TestFormulas:
    @pytest.mark.parametrize(
        ("column", "equals", "rows"),
        [
            ("b", "a + 2", [True, False, False, True]),
            ("b", "a * a", [False, False, True, True]),
            ("b", "-a + 2 * (a + 1) - (a - 1)", [True, False, False, True]),
            ("net price", "a * 1.19", [True, True, False, True]),
            ("b", "6 / a", [False, False, False, True]),
            ("a", "`net price` / 1.19", [True, True, False, True]),
            ("a", "'net price' / 1.19", [True, True, False, True]),
            ("b", "month(start) + 1", [True, False, False, True]),
            ("a", "year(start) - 2018", [False, False, True, True]),
            ("a", "weekday(end) - 5", [True, False, False, True]),
            ("b", "day(end) + hour(end)", [False, False, False, False]),
            ("day", "date(start)", [True, True, False, True]),
            ("stay", "end - start", [True, True, True, True]),
            ("a", "days(end - start)", [True, False, False, True]),
            ("a", "days(date(end) - date(start))", [True, False, False, True]),
            ("b", "hours(stay) + 1", [False, True, False, True]),
            ("b", "minutes(end - start) + 9", [False, False, True, True]),
            ("end", "start + stay", [True, True, True, True]),
            ("end", "start + stay * 2", [False, False, False, True]),
        ],
    )
    def test_rows(self, column, equals, rows):
        assert kept(Formula(column, equals)) == rows

    def test_a_number_may_be_rounded_either_way_and_no_further(self):
        columns = Numeric(name="x", decimals=2), Numeric(name="y", decimals=1)
        table = pd.DataFrame({"x": [0.25, 0.25, 0.25, 0.24], "y": [0.2, 0.3, 0.4, 0.3]})
        assert keeps_rules([Formula("y", "x")], columns, table).tolist() == [True, True, False, False]

    def test_no_value_where_it_divides_by_zero(self):
        columns = Numeric(name="x"), Numeric(name="y")
        table = pd.DataFrame({"x": [0.0, 2.0], "y": [5.0, 5.0]})
        assert np.isnan(Formula("y", "10 / x").values(table, {c.name: c for c in columns})[0])
        assert keeps_rules([Formula("y", "10 / x")], columns, table).tolist() == [True, True]

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "a +",
            "a ** 2",
            "a if b else 1",
            "__import__('os')",
            "open('x')",
            "a.real",
            "a[0]",
            "[a]",
            "(lambda: a)()",
            "year(a, b)",
            "year(a=b)",
            "a and b",
            "a < b",
            "a @ b",
            "a // b",
            "True + a",
            "1 + 2",
            "1e999 + a",
            "1" + "0" * 400 + " + a",
            "-" * 200 + "a",
            "a + " * 100 + "a",
            "a\n+ b\n; c",
            "a := 1",
            5,
            None,
        ],
    )
    def test_texts_that_are_no_formula(self, text):
        with pytest.raises(ConfigError):
            Expression.of(text)

    def test_ends_and_decimals_by_hand(self):
        ends = {"a": (1.0, 3.0), "b": (-2.0, 5.0), "t": (0.0, 86_400.0 * 366)}
        for text, expected in (
            ("a + b", (-1, 8)),
            ("a - b", (-4, 5)),
            ("a * b", (-6, 15)),
            ("b / a", (-2, 5)),
            ("a / b", (-np.inf, np.inf)),
            ("a + c", (-np.inf, np.inf)),
            ("-a", (-3, -1)),
            ("month(t)", (1, 12)),
            ("year(t)", (1970, 1971)),
        ):
            assert Expression.of(text).interval(ends) == expected, text
        steps = {"a": Fraction(1, 100), "b": Fraction(1), "c": None}
        for text, expected in (
            ("a + b", Fraction(1, 100)),
            ("a * a", Fraction(1, 10_000)),
            ("a / b", None),
            ("b + c", None),
            ("b * 1.25", Fraction(5, 4)),
            ("-b", 1),
            ("b + (b - 1) / 12", Fraction(1, 12)),
            ("b / (3 - 1)", Fraction(1, 2)),
            ("b / 4 - b / 6", Fraction(1, 12)),
            ("b / (1e299 * 1e299)", None),
            ("a * 0 + b", 1),
            ("month(t) * 3", 3),
        ):
            assert Expression.of(text).step(steps) == expected, text


class TestGroups:
    def test_one_hot_of_booleans_numbers_and_categories(self):
        columns = Boolean(name="x"), Numeric(name="y"), Categorical(name="z", categories=(0, 1))
        table = pd.DataFrame(
            {"x": [True, False, False, True, None], "y": [0, 1, 0, 1, 1], "z": [0, 0, 0, 0, 0]}
        )
        assert keeps_rules([OneOf(("x", "y", "z"))], columns, table).tolist() == [
            True,
            True,
            False,
            False,
            False,
        ]

    def test_uniqueness_keeps_the_first_and_those_with_missing_values(self):
        columns = Numeric(name="x"), Categorical(name="y")
        table = pd.DataFrame({"x": [1, 1, 1.0, np.nan, np.nan], "y": ["a", "b", "a", "a", "a"]})
        assert keeps_rules([Unique(("x", "y"))], columns, table).tolist() == [True, True, False, True, True]


class TestMissing:
    @pytest.mark.parametrize(
        ("rule", "rows"),
        [
            (Missing("town", {"known": False}), [True, True, True, False]),
            (Missing("town", {"known": True}), [False, True, False, True]),
            (Missing("town", {"flag": [0, 1], "known": False}), [True, True, True, False]),
            (Missing("town", {"a": None}), [True, True, True, False]),
            (Missing("a", {"start": "2019-12-31"}), [True, False, True, True]),
            (Missing("a", {"day": "2021-01-01"}), [True, True, True, True]),
            (Missing("b", {"day": "01.01.2021"}), [True, True, True, False]),
            (Missing("b", {"stay": "1 hour"}), [True, False, True, True]),
            (Missing("b", {"town": "Kiel"}), [True, True, True, True]),
        ],
    )
    def test_rows(self, rule, rows):
        assert kept(rule) == rows


def test_durations_are_compared():
    assert kept(Inequality("1 hour", "stay")) == [True, True, False, True]
    assert kept(Inequality("stay", "36 hours")) == [True, True, True, True]


#: A schema that each bad rule is declared in.
DECLARED = (
    Numeric(name="a", bounds=(0, 5), decimals=0),
    Numeric(name="b", bounds=(10, 11), decimals=0),
    Numeric(name="c", format="$1234.5"),
    Boolean(name="m"),
    Boolean(name="whole", nullable=False),
    Categorical(name="town", categories=("Ulm", "Bonn")),
    Datetime(name="t"),
    Identifier(name="key"),
)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([Inequality("b", "a")], r"rules\[0\]: 'b' is at least 10 and 'a' at most 5"),
        ([Inequality("a", -1)], r"rules\[0\]: 'a' is at least 0 and -1 at most -1"),
        ([Inequality(12, "b")], r"rules\[0\]: 12 is at least 12 and 'b' at most 11"),
        ([Inequality("b", "x"), Inequality("x", "a")], r"rules\[1\]: .* no row can keep it"),
        ([Inequality("a", "x", True), Inequality("x", "a")], r"no row keeps both"),
        ([Inequality("a", "t")], r"rules\[0\]: expected two numbers or two moments"),
        ([Inequality("key", "a")], r"rules\[0\]: column 'key' is generated"),
        ([FixedCombinations(("key", "town"))], r"rules\[0\]: column 'key' is generated"),
        (
            [FixedCombinations(("a", "town"), ((1, "Kiel"),))],
            r"allowed\[0\]: column 'town', .* cannot hold 'Kiel'",
        ),
        ([FixedCombinations(("a", "town"), ((6, "Ulm"),))], r"allowed\[0\]: column 'a', .* cannot hold 6"),
        ([FixedCombinations(("c", "town"))], r"columns\[0\]: 'c' has a format.*decimals"),
        (
            [Formula("a", "b + 1")],
            r"rules\[0\]: the formula lies between 11 and 12, and column 'a' between 0 and 5",
        ),
        ([Formula("m", "a + b")], r"column: expected a column of numbers.*'m', which is boolean"),
        (
            [Formula("x", "a"), Formula("x", "b")],
            r"rules\[1\]\.column: 'x' is computed by rules\[0\] already",
        ),
        ([Formula("x", "y + a"), Formula("y", "x")], r"columns .*'x'.* depend on each other in a circle"),
        ([Missing("x", {"y": 1}), Missing("y", {"x": 1})], r"depend on each other in a circle"),
        ([Formula("a", "m + 1")], r"equals: expected numbers, moments and durations, got column 'm'"),
        ([Formula("a", "t + b")], r"equals: a moment \+ a number is nothing"),
        ([Formula("t", "a + b")], r"the formula gives a number, and column 't' holds a moment"),
        ([Formula("a", "year(b)")], r"year\(\) takes a moment, got a number"),
        ([Formula("a", "days(b)")], r"days\(\) takes a duration, got a number"),
        ([OneOf(("m", "town"))], r"one_of\[1\]: expected a column that holds true and false.*'town'"),
        ([OneOf(("m", "b"))], r"one_of\[1\]: .*'b'"),
        (
            [OneOf(("m", "whole")), FixedCombinations(("m", "town"))],
            r"rules\[1\]: column 'm' is made by rules\[0\]",
        ),
        (
            [Formula("x", "a"), FixedCombinations(("x", "town"))],
            r"rules\[1\]: column 'x' is made by rules\[0\]",
        ),
        ([Missing("whole", {"m": True})], r"missing: column 'whole' has nullable: false"),
        ([Missing("town", {"m": 3})], r"when\.m: .* cannot hold 3"),
        (
            [{"low": "a", "hihg": "b"}],
            r"rules\[0\]: expected the keys low, high, is_strict, got 'hihg'.*'high'",
        ),
        ([{"column": "x"}], r"rules\[0\]\.equals: expected the key equals, got nothing"),
        ([{"unique": []}], r"rules\[0\]\.unique: expected a list of one column or more"),
        ([{"missing": "a", "when": {}}], r"rules\[0\]\.when: expected columns with values"),
        ({"low": "a"}, r"rules: expected a list"),
        (
            [5, {"one_of": ["a"]}],
            r"rules\[0\]: expected a mapping.*\n.*rules\[1\]\.one_of: expected a list of two",
        ),
    ],
)
def test_a_schema_refuses(rules, message):
    with pytest.raises(SchemaError, match=message):
        Schema(DECLARED, rules=rules)


def test_a_schema_refuses_a_target_that_is_computed():
    with pytest.raises(SchemaError, match=r"rules\[0\]\.column: 'x' is a target"):
        Schema(DECLARED, target="x", rules=[Formula("x", "a")])


RULES = (
    Inequality("a", "b", True),
    Inequality("2020-01-01", "t"),
    FixedCombinations(("town", "m"), (("Ulm", True), (None, False))),
    Formula("x", "a + `net price`"),
    OneOf(("u", "v")),
    Unique(("a", "key")),
    Missing("town", {"m": [True, None]}),
    Near("a", "b"),
)


def test_rules_come_back_from_yaml_and_json():
    schema = Schema(DECLARED, rules=RULES)
    assert Schema.from_yaml(schema.to_yaml()) == schema
    assert Schema.from_dict(schema.to_dict()) == schema
    assert schema.rules == RULES
    assert Schema(DECLARED, rules=[rule.to_dict() for rule in RULES]) == schema
    assert schema.replace(schema.columns).rules == schema.with_targets(["m"]).rules == RULES
    assert "rules=[" in repr(schema)
    assert all(hash(rule) == hash(rule_from_dict(rule.to_dict())) for rule in RULES)
