"""Codes and labels of many values: told by noisy scores where their tables are too large to be measured."""

import logging

import numpy as np
import pytest

from tabgan.columns import Column
from tabgan.rules import FixedCombinations
from tabgan.schema import Categorical, Numeric, Schema
from tabgan.table.coded import CodedColumn
from tabgan.table.codes import TableEncoder
from tabgan.table.together import Scores, _joined, say_together

N, VALUES, NOISE = 20_000, 100, 60.0

RNG = np.random.default_rng(0)
SHARES = RNG.gamma(1.0, 1.0, VALUES)
LABEL = RNG.choice(VALUES, N, p=SHARES / SHARES.sum())
OF_LABEL = RNG.permutation(VALUES)


def text(name: str, n_values: int = VALUES) -> Column:
    categories = tuple(f"{name}{i:03d}" for i in range(n_values))
    return Categorical(name=name, categories=categories, dtype="object", nullable=False)


def coded(column: Column, values: np.ndarray) -> CodedColumn:
    """Return a column with a code for each value, and its counts."""
    encoder = (
        column.encoder() if not isinstance(column, Numeric) else column.lattice_encoder(np.arange(VALUES + 1))
    )
    counts = np.zeros(encoder.n_cells)
    counts[1 : 1 + encoder.n_values] = np.bincount(values, minlength=encoder.n_values)[: encoder.n_values]
    codes = np.maximum(np.arange(encoder.n_cells) - 1, 0)
    return CodedColumn(encoder, codes, counts, np.ones(int(codes.max()) + 1, dtype=bool))


def told(
    first: Column, second: Column, values: np.ndarray, others: np.ndarray, measured=(), rules=()
) -> list[FixedCombinations]:
    """Return the rules on two columns, by the noisy distance of their counts from those of independent ones."""
    columns = [coded(first, values), coded(second, others)]
    encoder = TableEncoder(Schema([first, second], rules=rules), columns)
    table = np.zeros([column.width for column in columns])
    np.add.at(table, (values, others), 1)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / N
    scores = Scores(encoder, N)
    scores({(0, 1): float(np.abs(table - expected).sum() + RNG.normal(0, NOISE))}, NOISE)
    return scores.together(measured)


def test_a_code_and_its_label_are_told():
    assert told(text("country"), text("code"), LABEL, OF_LABEL[LABEL]) == [
        FixedCombinations(("country", "code"))
    ]


def test_a_column_that_determines_another_comes_first():
    county = text("county")
    assert told(text("state", 20), county, LABEL // 5, LABEL) == [FixedCombinations(("county", "state"))]


def test_numbers_count_if_their_name_says_that_they_are_codes():
    for name, n in (("country_id", 1), ("income", 0)):
        number = Numeric(name=name, bounds=(0, VALUES - 1), decimals=0, dtype="int64", nullable=False)
        assert len(told(text("country"), number, LABEL, OF_LABEL[LABEL])) == n


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_columns_that_go_together_in_some_rows_are_not(share):
    others = np.where(RNG.random(N) < share, OF_LABEL[LABEL], RNG.permutation(LABEL))
    assert told(text("country"), text("team"), LABEL, others) == []


def test_what_samples_keep_is_not_told():
    country, code = text("country"), text("code")
    assert told(country, code, LABEL, OF_LABEL[LABEL], measured=[(0, 1)]) == []
    assert told(text("state", 5), text("town"), LABEL // 20, LABEL) == []
    rule = FixedCombinations(("country", "code"))
    assert told(country, code, LABEL, OF_LABEL[LABEL], rules=[rule]) == []


def test_a_name_and_its_codes_are_one_rule():
    assert _joined([("a3", "name"), ("a2", "name"), ("a3", "a2")]) == [
        FixedCombinations(("a3", "name", "a2"))
    ]
    pairs = [("town", "county"), ("firm", "county")]
    assert _joined(pairs) == [FixedCombinations(pair) for pair in pairs]


def test_the_line_of_a_schema_is_said(caplog):
    with caplog.at_level(logging.WARNING):
        say_together([])
        say_together([FixedCombinations(("country", "code"))])
    (said,) = caplog.messages
    assert said.endswith("under rules: in the schema:\n- columns: [country, code]")
