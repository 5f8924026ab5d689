"""The reduced table: each row by itself, and what comes back."""

from __future__ import annotations

import pandas as pd
import pytest

from tabgan.errors import SchemaError
from tabgan.rules import FixedCombinations, Formula, Inequality, Missing, OneOf, Unique
from tabgan.schema import Categorical, Numeric, Schema
from tabgan.table.reduction import Reduction, check_rules_of_table

DF = pd.DataFrame(
    {
        "x": [1, 2, 3],
        "s": ["A", "A", "B"],
        "y": [2, 4, 7],
        "c": ["u", "u", "v"],
        "p": [True, False, True],
        "q": [False, True, True],
        "z": ["k", None, "l"],
    }
)
TEXT = DF["z"].dtype
RULES = (
    Formula("y", "x * 2"),
    FixedCombinations(("c", "s")),
    OneOf(("p", "q")),
    Missing("z", {"p": False}),
    Inequality("x", "y"),
)


def reduction(df: pd.DataFrame = DF, **given) -> Reduction:
    found = Reduction.of_table(df, Schema(rules=RULES, **given), untyped_text=False)
    assert found is not None
    return found


def test_a_row_is_reduced_by_itself():
    whole = reduction().reduce(DF)
    assert list(whole) == ["x", "c & s", "p & q", "z"]
    for row in range(3):
        one = DF.iloc[[row]].reset_index(drop=True)
        assert reduction(one).reduce(one).iloc[0].tolist() == whole.iloc[row].tolist()


def test_the_index_is_the_tables():
    df = DF.set_axis([7, 7, 3])
    assert reduction(df).reduce(df).index.tolist() == [7, 7, 3]


def test_a_target_in_a_group_is_the_groups():
    assert reduction(target="s").inner.target == "c & s"
    assert reduction(target="x").inner.target == "x"


def test_what_is_computed_and_emptied_follows_from_the_rest():
    inner = Schema(
        [
            Numeric(name="x", dtype="int64", bounds=(1, 3), decimals=0),
            Categorical(name="c & s", categories=('["u", "A"]', '["v", "B"]')),
            Categorical(name="p & q", categories=("p", "q"), nullable=False),
            Categorical(name="z", categories=("k", "l")),
        ]
    )
    done = reduction().completed(inner)
    sample = pd.DataFrame(
        {"x": [3, 1], "c & s": ['["v", "B"]', '["u", "A"]'], "p & q": ["q", "p"], "z": ["k", "l"]},
    ).astype({"z": object})
    found = done.restore(sample)
    assert list(found) == list(DF)
    assert found.to_dict("list") == {
        "x": [3, 1],
        "s": ["B", "A"],
        "y": [6, 2],
        "c": ["v", "u"],
        "p": [False, True],
        "q": [True, False],
        "z": [None, "l"],
    }
    assert done.schema["y"].bounds == (2, 6)
    assert done.schema.names == list(DF)
    assert done.completed(inner).schema == done.schema
    assert done.to_test == [RULES[0], RULES[4]]


def test_no_rules_no_reduction():
    assert Reduction.of_table(DF, Schema(), untyped_text=False) is None


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (Formula("y", "x + w"), "no column 'w'"),
        (Inequality("z", "x"), f"rules.0.: column 'z' has dtype {TEXT}"),
        (Missing("z", {"c": "u"}), f"rules.0.: column 'c' has dtype {TEXT}"),
        (Missing("p", {"x": 1}), "column 'p' has dtype bool, and cannot be missing"),
        (OneOf(("p", "z")), f"rules.0.: column 'z' has dtype {TEXT}"),
        (Unique(("x", "nothing")), "got 'nothing'"),
    ],
)
def test_kinds_that_only_a_vote_would_find_are_refused(rule, message):
    with pytest.raises(SchemaError, match=message):
        check_rules_of_table(DF, Schema(rules=[rule]), untyped_text=False)


def test_a_csv_is_read_as_declared():
    df = DF.astype(object).map(lambda value: None if value is None else str(value))
    numbers = [Numeric(name="x", decimals=0)]
    truths = [{"name": name, "kind": "boolean"} for name in "pq"]
    schema = Schema([*numbers, *truths], rules=RULES)
    found = Reduction.of_table(df, schema, untyped_text=True)
    assert found is not None
    assert found.reduce(df)["p & q"].tolist()[:2] == ["p", "q"]
    assert found.described["y"] == Numeric(name="y")  # text that a formula says is a number
