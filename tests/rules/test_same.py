"""Columns that have one value in all rows of a key: rows that keep the rule, and declarations that cannot be kept."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabgan import TabGAN
from tabgan.errors import ConfigError, SchemaError
from tabgan.privacy.filter import PrivacyFilter
from tabgan.rules import (
    FixedCombinations,
    Formula,
    Inequality,
    Missing,
    OneOf,
    Same,
    Unique,
    keeps_rules,
    rule_from_dict,
)
from tabgan.schema import Boolean, Categorical, Datetime, Identifier, Numeric, Pii, Schema, Text

KEY = Identifier(name="patient", recurrence=True)
TABLE = pd.DataFrame(
    {
        "patient": ["a", "b", "a", "b", None, None, "c"],
        "sex": ["f", "m", "f", "m", "f", "m", None],
        "age": [4.0, np.nan, 4.0, np.nan, 1.0, 2.0, 3.0],
        "name": ["Ann", "Bo", "Ann", "Bob", "x", "y", "z"],
    }
)
COLUMNS = (KEY, Categorical(name="sex"), Numeric(name="age"), Text(name="name"))


class TestRows:
    @pytest.mark.parametrize(
        ("names", "rows"),
        [
            (["sex"], [True] * 7),
            (["age"], [True] * 7),
            (["sex", "name"], [True, False, True, False, True, True, True]),
        ],
    )
    def test_all_rows_of_a_key_break_it_together(self, names, rows):
        assert keeps_rules([Same(names, "patient")], COLUMNS, TABLE).tolist() == rows

    def test_missing_is_a_value(self):
        table = TABLE.assign(age=[4.0, 5.0, np.nan, 5.0, 1.0, 2.0, 3.0])
        kept = keeps_rules([Same(["age"], "patient")], COLUMNS, table)
        assert kept.tolist() == [False, True, False, True, True, True, True]

    @pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
    def test_rows_without_a_key_are_rows_of_none(self, missing):
        table = TABLE.assign(patient=["a", "b", "a", "b", missing, missing, "c"])
        assert keeps_rules([Same(["sex"], "patient")], COLUMNS, table).all()

    def test_no_rows(self):
        assert keeps_rules([Same(["age"], "patient")], COLUMNS, TABLE.iloc[:0]).tolist() == []


def test_yaml_and_python_are_the_same():
    schema = Schema([KEY], rules=[Same(("sex", "birth"), "patient")])
    assert "- same: [sex, birth]\n  within: patient" in schema.to_yaml()
    assert Schema.from_yaml(schema.to_yaml()) == schema
    assert rule_from_dict({"same": ["sex"], "within": "patient"}) == Same(("sex",), "patient")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"same": ["sex"]}, "rule.within: expected the key within, got nothing"),
        ({"within": "patient"}, "rule.same: expected the key same, got nothing"),
        ({"same": "sex", "within": "patient"}, "rule.same: expected a list of one column or more"),
        ({"same": ["sex", "sex"], "within": "patient"}, "rule.same: expected a list of one column or more"),
        ({"same": ["sex", "patient"], "within": "patient"}, "rule.same: column 'patient' is the key itself"),
        ({"same": ["sex"], "within": 3}, "rule.within: expected the name of a column"),
        ({"same": ["sex"], "within": "patient", "of": 1}, "expected the keys same, within, got 'of'"),
    ],
)
def test_other_data_are_refused(data, said):
    with pytest.raises(ConfigError, match=said):
        rule_from_dict(data)


SHARED = Same(("a", "b"), "patient")

#: Columns, rules beside the one on ``a`` and ``b``, and the error.
REFUSED = [
    ([Identifier(name="patient")], [], r"rules\[0\].within: .* an identifier whose keys have one row each"),
    ([Numeric(name="patient")], [], r"rules\[0\].within: .* got 'patient', which is numeric"),
    ([KEY, Identifier(name="b")], [], r"rules\[0\].same\[1\]: column 'b' is identifier with keys of its own"),
    ([KEY, Identifier(name="b", recurrence=(1, 1))], [], r"rules\[0\].same\[1\]: column 'b' is identifier"),
    ([KEY, Text(name="a", unique=True)], [], r"rules\[0\].same\[0\]: column 'a' is text with keys"),
    (
        [KEY, Identifier(name="house", recurrence=True)],
        [Same(("c",), "house")],
        r"rules\[1\].within: expected one key for all rules of this kind, got 'house' beside 'patient'",
    ),
    ([KEY], [FixedCombinations(("b", "c"))], r"rules\[0\]: column 'b' is tied to 'c' by rules\[1\]"),
    ([KEY], [OneOf(("c", "b"))], r"rules\[0\]: column 'b' is tied to 'c' by rules\[1\]"),
    ([KEY], [Formula("b", "a + c")], r"rules\[0\]: column 'b' follows from 'c' by rules\[1\]"),
    ([KEY], [Missing("b", {"a": True, "c": 1})], r"rules\[0\]: column 'b' follows from 'c' by rules\[1\]"),
    ([KEY], [Unique(("a",))], r"rules\[1\]: its columns are the same in all rows of a key by rules\[0\]"),
    (
        [KEY, Numeric(name="a"), Numeric(name="d")],
        [Formula("d", "a * 2"), Unique(("d", "b"))],
        r"rules\[2\]: its columns are the same in all rows of a key",
    ),
    (
        [KEY, Pii(name="a", provider="name"), Pii(name="c", provider="email")],
        [],
        r"rules\[0\]: columns 'a', 'c' describe one made-up person or place. List all of them, or none",
    ),
    (
        [KEY, Pii(name="a", provider="name", follows="c")],
        [],
        r"rules\[0\]: made-up names follow column 'c', which may differ",
    ),
]


@pytest.mark.parametrize(("columns", "rules", "said"), REFUSED)
def test_declarations_that_cannot_be_kept_are_refused(columns, rules, said):
    with pytest.raises(SchemaError, match=said):
        Schema(columns, rules=[SHARED, *rules])


def test_half_a_place_is_refused():
    with pytest.raises(SchemaError, match=r"rules\[0\]: column 'lat' is tied to 'lon' by geo\[0\]"):
        Schema([KEY], rules=[Same(["lat"], "patient")], geo=[["lat", "lon"]])


@pytest.mark.parametrize(
    "rules",
    [
        [Inequality("a", "c")],
        [Formula("c", "a + b")],
        [Formula("c", "a + d")],
        [Formula("b", "a * 2")],
        [Missing("c", {"a": True})],
        [Unique(("a", "c"))],
        [FixedCombinations(("c", "d"))],
        [FixedCombinations(("a", "b"))],
        [Same(("c",), "patient")],
    ],
)
def test_others_are_not(rules):
    assert Schema([KEY], rules=[SHARED, *rules]).rules


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (Schema(rules=[SHARED]), r"rules\[0\].within: expected a key that several rows share, got 'patient'"),
        (Schema([KEY], rules=[Same(("a", "x"), "patient")]), r"rules\[0\].same\[1\]: .* got 'x'"),
        (Schema(rules=[Same(("a",), "nobody")]), r"rules\[0\].within: .* got 'nobody'"),
    ],
)
def test_a_table_that_cannot_keep_it_is_refused_before_a_charge(schema, said, monkeypatch):
    charged: list[object] = []
    monkeypatch.setattr(PrivacyFilter, "charge", lambda self, *releases, call="": charged.append(releases))
    df = pd.DataFrame({"patient": ["x", "y"] * 20, "a": range(40), "b": [True, False] * 20})
    with pytest.raises(SchemaError, match=said):
        TabGAN(1.0, schema=schema).fit(df)
    assert not charged


def test_an_entity_needs_recurrence():
    with pytest.raises(
        SchemaError, match=r"rules\[0\].within: .* Declare it as \{kind: identifier, recurrence: true\}"
    ):
        Schema(rules=[SHARED], entity="patient", max_rows=3)


def test_kinds_of_columns_are_left_to_a_fit():
    assert Schema([KEY, Boolean(name="a"), Datetime(name="b")], rules=[SHARED])
