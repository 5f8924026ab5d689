"""Rules in an evaluation: the share of rows that keep them."""

from __future__ import annotations

import pytest

from tabgan.errors import ConfigError
from tabgan.evaluation import FixedCombinations, Inequality, evaluate, schema_validity
from tabgan.schema import Schema

#: The steps of an evaluation that are tested here.
STEPS = ("validity_metrics",)


def test_share_of_an_evaluation(make):
    tables = [make(100, i) for i in range(3)]
    tables[2].loc[:24, "age"] = 5
    rules = [Inequality(18, "age"), FixedCombinations(["town", "bought"])]
    found = evaluate(*tables, rules=rules)["rules"]
    assert found.value == 0.75
    assert evaluate(*tables)["rules"].reason == "no rules were given"


def test_an_evaluation_refuses_them_at_once(make):
    seen = []
    with pytest.raises(ConfigError, match=r"rules\[0\]\.low"):
        evaluate(
            make(30, 0),
            make(30, 1),
            make(30, 2),
            rules=[Inequality("agee", 9)],
            progress=lambda *step: seen.append(step),
        )
    assert not seen


def test_rules_of_a_schema_are_judged_without_being_listed(make):
    tables = [make(100, i) for i in range(3)]
    tables[2].loc[:24, "age"] = 5
    schema = Schema(rules=[Inequality(18, "age")])
    assert evaluate(*tables, schema=schema)["rules"].value == 0.75
    assert evaluate(*tables, schema=schema, rules=[Inequality("age", 4)])["rules"].value == 0.0
    declared = Schema([{"name": "age", "kind": "numeric"}], rules=[Inequality(18, "age")])
    metrics, _ = schema_validity(tables[2][["age"]], declared, declared.rules)
    assert {metric.name: metric.value for metric in metrics}["rules"] == 0.75
