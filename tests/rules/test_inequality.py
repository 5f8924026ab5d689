"""Rules by hand, and what is wrong with those that cannot be used."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from tabgan.errors import ConfigError, SchemaError
from tabgan.rules import (
    FixedCombinations,
    Inequality,
    check_rules,
    keeps_rules,
    rule_from_dict,
)
from tabgan.schema import Boolean, Categorical, Datetime, Duration, Identifier, Numeric, Schema, Time

COLUMNS = (
    Numeric(name="low"),
    Numeric(name="high"),
    Datetime(name="start", format="%Y-%m-%d"),
    Datetime(name="end"),
    Categorical(name="town"),
    Categorical(name="zip"),
    Boolean(name="flag"),
    Identifier(name="key"),
)
TABLE = pd.DataFrame(
    {
        "low": [1.0, 2.0, 3.0, np.nan],
        "high": [2.0, 2.0, 2.0, 2.0],
        "start": ["2020-01-01", "2020-01-02", "2020-01-03", None],
        "end": pd.to_datetime(["2020-01-02"] * 4),
        "town": ["Ulm", "Ulm", "Bonn", None],
        "zip": pd.Series([89, 53, 53, 89], dtype=object),
        "flag": [True, False, True, False],
        "key": ["a", "b", "c", "d"],
    }
)


def _kept(rule, known=()) -> list[bool]:
    check_rules([rule], COLUMNS)
    return keeps_rules([rule], COLUMNS, TABLE, known).tolist()


class TestInequality:
    @pytest.mark.parametrize(
        ("rule", "kept"),
        [
            (Inequality("low", "high"), [True, True, False, True]),
            (Inequality("low", "high", is_strict=True), [True, False, False, True]),
            (Inequality(2, "low"), [False, True, True, True]),
            (Inequality("low", 2.5), [True, True, False, True]),
            (Inequality("start", "end"), [True, True, False, True]),
            (Inequality("start", "end", is_strict=True), [True, False, False, True]),
            (Inequality("start", "2020-01-02"), [True, True, False, True]),
            (Inequality("2020-01-02T00:00:01", "start"), [False, False, True, True]),
            (Inequality(dt.date(2020, 1, 2), "start"), [False, True, True, True]),
        ],
    )
    def test_by_hand(self, rule, kept):
        assert _kept(rule) == kept

    def test_a_column_comes_before_a_date(self):
        columns = (Numeric(name="2020-01-01"), Numeric(name="x"))
        table = pd.DataFrame({"2020-01-01": [1, 5], "x": [3, 3]})
        rule = Inequality("2020-01-01", "x")
        check_rules([rule], columns)
        assert keeps_rules([rule], columns, table, ()).tolist() == [True, False]


class TestCombinations:
    @pytest.mark.parametrize(
        ("allowed", "kept"),
        [
            ([("Ulm", 89), ("Bonn", 53)], [True, False, True, False]),
            ([("Ulm", 89.0), (None, 89)], [True, False, False, True]),
            ([("Ulm", "89")], [False] * 4),
            ([("Rome", 1)], [False] * 4),
        ],
    )
    def test_by_hand(self, allowed, kept):
        assert _kept(FixedCombinations(["town", "zip"], allowed)) == kept

    def test_columns_of_every_kind(self):
        names = ["low", "start", "end", "flag", "key"]
        allowed = [(1, "2020-01-01", dt.date(2020, 1, 2), True, "a"), (None, None, "2020-01-02", False, "d")]
        assert _kept(FixedCombinations(names, allowed)) == [True, False, False, True]

    def test_those_that_occur_in_what_is_known(self):
        rule = FixedCombinations(("town", "zip"))
        known = TABLE.iloc[:1], TABLE.iloc[[3, 3]].reset_index(drop=True)
        assert _kept(rule, known) == [True, False, False, True]
        with pytest.raises(ConfigError, match="the combinations are open"):
            _kept(rule)


def test_all_rules_at_once():
    rules = [Inequality("low", "high"), FixedCombinations(["town", "zip"], [["Ulm", 53], ["Bonn", 53]])]
    assert keeps_rules(rules, COLUMNS, TABLE, ()).tolist() == [False, True, False, False]


class TestYaml:
    @pytest.mark.parametrize(
        ("data", "rule"),
        [
            ({"low": "start", "high": "end"}, Inequality("start", "end")),
            ({"low": 0, "high": "age", "is_strict": True}, Inequality(0, "age", True)),
            ({"columns": ["town", "zip"]}, FixedCombinations(("town", "zip"))),
            (
                {"columns": ["town", "zip"], "allowed": [["Ulm", 89]]},
                FixedCombinations(("town", "zip"), (("Ulm", 89),)),
            ),
        ],
    )
    def test_rules(self, data, rule):
        assert rule_from_dict(data, "rules[0]") == rule
        assert hash(rule) == hash(rule_from_dict(data))

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (None, r"rules\[0\]: expected a mapping such as {low: start, high: end}, got None"),
            (["start", "end"], r"rules\[0\]: expected a mapping such as .* got a list"),
            ({}, r"rules\[0\]\.low: expected a column or a constant, got nothing"),
            ({"low": "start"}, r"rules\[0\]\.high: expected a column or a constant, got nothing"),
            (
                {"low": "a", "hihg": "b"},
                r"rules\[0\]: expected the keys low, high, is_strict, got 'hihg'.*'high'",
            ),
            ({"columns": ["a", "b"], "low": 1}, r"rules\[0\]: expected the keys columns, allowed, got 'low'"),
            ({"low": None, "high": "b"}, r"rules\[0\]\.low: expected a column, a finite number or a moment"),
            ({"low": True, "high": "b"}, r"rules\[0\]\.low: expected a column"),
            ({"low": float("nan"), "high": "b"}, r"rules\[0\]\.low: .* got nan"),
            ({"low": [1], "high": "b"}, r"rules\[0\]\.low: .* got a list"),
            ({"low": 1, "high": 2}, r"rules\[0\]\.high: expected a column on at least one side"),
            ({"low": "a", "high": "b", "is_strict": "no"}, r"rules\[0\]\.is_strict: expected true or false"),
            ({"columns": "town"}, r"rules\[0\]\.columns: expected a list of two different columns or more"),
            ({"columns": ["town"]}, r"rules\[0\]\.columns: expected a list of two"),
            ({"columns": ["town", "town"]}, r"rules\[0\]\.columns: expected a list of two"),
            (
                {"columns": ["a", "b"], "allowed": []},
                r"rules\[0\]\.allowed: expected a list of combinations of 2",
            ),
            (
                {"columns": ["a", "b"], "allowed": [["x"]]},
                r"rules\[0\]\.allowed: expected a list of combinations",
            ),
            ({"columns": ["a", "b"], "allowed": [["x", []]]}, r"rules\[0\]\.allowed: expected text, numbers"),
        ],
    )
    def test_what_is_wrong(self, data, message):
        with pytest.raises(ConfigError, match=message):
            rule_from_dict(data, "rules[0]")


class TestCheck:
    @pytest.mark.parametrize(
        ("rules", "message"),
        [
            (None, "rules: expected a list of rules, got None"),
            (Inequality("low", "high"), "rules: expected a list of rules, got a Inequality"),
            ([{"low": "low"}], r"rules\[0\]: expected one of FixedCombinations, .*, got a dict"),
            (
                [Inequality("lwo", "high")],
                r"rules\[0\]\.low: expected a column, .* got 'lwo'. Did you mean 'low'",
            ),
            (
                [Inequality("2020-01-01", "2021-01-01")],
                r"rules\[0\]\.low: expected a column on at least one side",
            ),
            (
                [Inequality("low", "town")],
                r"rules\[0\]\.high: expected a numeric or datetime column, .*categorical",
            ),
            (
                [Inequality("low", "end")],
                r"rules\[0\]: expected two numbers or two moments, got a number and a mom",
            ),
            ([Inequality("low", "2020-01-01")], r"rules\[0\]: expected two numbers or two moments"),
            (
                [Inequality("low", 1), FixedCombinations(("town", "zap"))],
                r"rules\[1\]\.columns\[1\]: expected a column of the table, got 'zap'. Did you mean 'zip'",
            ),
        ],
    )
    def test_rules_that_do_not_fit_the_table(self, rules, message):
        with pytest.raises(ConfigError, match=message):
            check_rules(rules, COLUMNS)


class TestTimesOfDay:
    """Constants on the axis of a day."""

    SHIFT = Time(name="opens", dtype="object")

    @pytest.mark.parametrize("side", ["09:30", "9:30", "09:30:00", dt.time(9, 30)])
    def test_a_column_is_compared_with_one(self, side):
        rule = Inequality(side, "opens")
        assert Schema([self.SHIFT], rules=[rule])
        opens = pd.Series([dt.time(9), dt.time(9, 30), dt.time(23), None], dtype=object)
        found = rule.keeps(pd.DataFrame({"opens": opens}), {"opens": self.SHIFT})
        assert found.tolist() == [False, True, True, True]
        assert Schema.from_yaml(Schema([self.SHIFT], rules=[rule]).to_yaml()).rules == (rule,)

    def test_it_is_no_duration_and_no_moment(self):
        with pytest.raises(SchemaError, match="got a time of day and a duration"):
            Schema([Duration(name="stay")], rules=[Inequality("09:30", "stay")])
        assert Schema([Duration(name="stay")], rules=[Inequality("09:30:00", "stay")])
        with pytest.raises(SchemaError, match="got a time of day and a duration"):
            Schema([self.SHIFT], rules=[Inequality("opens", "36 hours")])

    def test_bounds_are_held_against_it(self):
        late = Time(name="opens", bounds=("10:00", "12:00"))
        with pytest.raises(SchemaError, match="no row can keep it"):
            Schema([late], rules=[Inequality("opens", "09:30")])
