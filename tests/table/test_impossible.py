"""Pairs of codes that declared rules exclude."""

from __future__ import annotations

import numpy as np

from tabgan.rules import Inequality, Missing
from tabgan.schema import Boolean, Numeric, Schema
from tabgan.table.coded import CodedColumn, code_column
from tabgan.table.codes import TableEncoder
from tabgan.table.impossible import possible_pairs
from tabgan.table.reduction import Reduction


def encoder(*columns, rules) -> TableEncoder:
    schema = Schema(columns, rules=rules)
    coded = []
    for column in schema:
        made = column.encoder()
        counts = np.full(made.n_cells, 100.0)
        coded.append(code_column(made, counts, 0.0, float(counts.sum()), 5, 9, 0.0))
    plain = TableEncoder(schema, coded)
    reduction = Reduction.of(schema, schema.names)
    return TableEncoder(
        reduction.completed(reduction.inner).schema, plain.columns, reduction.completed(reduction.inner)
    )


def number(name: str, low: int, high: int) -> Numeric:
    return Numeric(name=name, dtype="float64", bounds=(low, high), decimals=0)


def ends(column: CodedColumn) -> list[tuple[int, int]]:
    edges, codes = column.encoder.edges, column.code_of_cell[1:]  # type: ignore[attr-defined]
    return [(edges[:-1][codes == c].min(), edges[1:][codes == c].max() - 1) for c in range(1, column.width)]


def test_codes_whose_values_all_break_the_order():
    found = encoder(number("b", 3, 12), number("a", 0, 9), rules=[Inequality("a", "b")])
    ((pair, possible),) = possible_pairs(found).items()
    assert pair == (0, 1)
    for i, (_, last) in enumerate(ends(found.columns[0])):
        for j, (first, _) in enumerate(ends(found.columns[1])):
            assert possible[i + 1, j + 1] == (first <= last)
    assert possible[0].all()
    assert possible[:, 0].all()


def test_a_missing_value_that_is_due():
    age = number("age", 0, 9)
    found = encoder(Boolean(name="known", dtype="bool"), age, rules=[Missing("age", {"known": False})])
    possible = possible_pairs(found)[0, 1]
    assert possible[0].tolist() == [True] + [False] * (found.columns[1].width - 1)
    assert possible[1].all()


def test_no_rule_excludes_no_pair():
    assert possible_pairs(TableEncoder(Schema(), [])) == {}
