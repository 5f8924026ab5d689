"""The rows that a synthetic table cannot show: small tables with answers by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabgan.evaluation import evaluate
from tabgan.evaluation.coverage import MIN_NAMED_ROWS
from tabgan.evaluation.gate import Gate
from tabgan.report.findings import judge
from tabgan.schema import Identifier, Schema

STEPS = ("coverage_findings",)

N = 1_000
TOWNS = np.repeat(["Ulm", "Bonn", "Kiel", "Rust"], [700, 200, 70, 30])


def table(**columns) -> pd.DataFrame:
    base = {"town": TOWNS, "age": np.arange(N) % 50, "flag": np.arange(N) % 2 == 0}
    return pd.DataFrame(base | columns)


def judged(synthetic, holdout=None):
    return evaluate(table(), table() if holdout is None else holdout, synthetic)


class TestMissingRows:
    def test_a_copy_misses_nobody(self):
        found = judged(table())
        assert (found["missing_rows"].value, found["lost_columns"].value) == (0, 0)
        assert judge(found["missing_rows"]) == "good"
        assert found.unshown == ()

    def test_rows_of_lost_categories_count_once(self):
        """70 of Kiel and 30 of Rust; half the rows have the lost flag: 450 of the others, and the 100."""
        towns = np.where(np.isin(TOWNS, ["Kiel", "Rust"]), "elsewhere", TOWNS)
        found = judged(table(town=towns, flag=True))
        assert found["missing_rows"].value == pytest.approx(0.55)
        assert {c.name: c.unshown for c in found.columns} == {"town": 0.1, "age": 0.0, "flag": 0.5}
        assert judge(found["missing_rows"]) == "attention"

    def test_an_empty_column_shows_nobody(self):
        found = judged(table(age=pd.array([None] * N, dtype="Int64")))
        assert found["missing_rows"].value == 1.0
        assert found["lost_columns"].value == pytest.approx(1 / 3)

    def test_a_constant_one_shows_its_value(self):
        found = judged(table(age=7))
        assert found["missing_rows"].value == pytest.approx(1 - 20 / N)

    def test_no_number_is_missing_where_several_are_drawn(self):
        assert judged(table(age=np.arange(N) % 2))["missing_rows"].value == 0

    def test_the_reference_is_the_holdout_in_its_place(self):
        found = judged(table(), table(town=np.where(TOWNS == "Rust", "Ulm", TOWNS)))
        assert found["missing_rows"].reference == pytest.approx(0.03)

    def test_missing_cells_are_nobodys_value(self):
        real = table(town=np.where(TOWNS == "Rust", None, TOWNS))
        found = evaluate(real, real, table(town=np.where(TOWNS == "Rust", "Ulm", TOWNS)))
        assert found["missing_rows"].value == 0


class TestNames:
    def test_categories_of_few_rows_have_none(self):
        found = judged(table(town="Ulm"))
        assert [(each.category, each.share) for each in found.unshown] == [("Bonn", 0.2), ("Kiel", 0.07)]
        assert MIN_NAMED_ROWS == 50  # Rust has 30 rows

    def test_rows_of_one_person_are_one(self):
        """Kiel has 70 rows, all of one person; those of Bonn have two people behind each."""
        real = table()
        real["who"] = [f"p{n}" for n in np.where(TOWNS == "Kiel", -1, np.arange(len(TOWNS)) // 2)]
        schema = Schema([Identifier(name="who")], entity="who", max_rows=100)
        synthetic = table(town="Ulm").assign(who=[f"s{n}" for n in range(len(TOWNS))])
        found = evaluate(real, real, synthetic, schema=schema)
        assert [each.category for each in found.unshown] == ["Bonn"]


class TestGate:
    @pytest.mark.parametrize(("limit", "is_passed"), [(0.1, True), (0.09, False), ({"within": 0.1}, True)])
    def test_limits_it(self, limit, is_passed):
        towns = np.where(np.isin(TOWNS, ["Kiel", "Rust"]), "Ulm", TOWNS)
        gate = Gate.from_dict({"coverage": {"missing_rows": limit}})
        decision = gate.decide(judged(table(town=towns)), (1.0, 1e-6))
        assert (decision.outcome == "passed") == is_passed

    def test_few_rows_do_not_pass_beside_a_reference(self):
        gate = Gate.from_dict({"coverage": {"missing_rows": {"within": 0.5}}})
        decision = gate.decide(evaluate(table(), table()[:50], table()), (1.0, 1e-6))
        assert decision.outcome == "failed"


def test_hostile_columns_do_not_stop_it():
    real = pd.DataFrame({"x": [None] * 9 + [1.0], "y": ["a", None] * 5})
    found = evaluate(real, real, real.assign(x=np.nan))
    assert found["missing_rows"].value == pytest.approx(0.1)
