from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabgan.errors import DataError
from tabgan.evaluation import evaluate, utility

#: The steps of an evaluation that are tested here.
STEPS = ("utility_findings",)

MODELS = ("tstr", "trtr", "tstr_linear", "trtr_linear")


class TestTask:
    @pytest.mark.family
    def test_a_number_is_regressed(self, make):
        found = evaluate(make(600, 0), make(300, 1), make(600, 2), target="income")
        assert "R2" in found["tstr"].label
        assert found["tstr"].value > 0.7
        assert found["tstr_linear"].value > 0.7
        assert found["tstr"].interval.low < found["tstr"].value < found["tstr"].interval.high

    def test_a_number_with_few_values_is_a_class(self, make):
        tables = [make(300, i).assign(bought=lambda df: (df["bought"] == "yes") * 1.0) for i in range(3)]
        found = evaluate(*tables, target="bought")
        assert "ROC AUC" in found["tstr"].label
        assert found["tstr"].value > 0.9

    @pytest.mark.family
    def test_many_classes(self, make):
        tables = [
            make(300, i).assign(target=lambda df: pd.cut(df["income"], 5).cat.codes.astype(str))
            for i in range(3)
        ]
        found = evaluate(*tables, target="target")
        assert found["trtr"].value > 0.9
        assert found["trtr_linear"].value > 0.8
        for name in ("", "_linear"):  # what a verdict on the first is held against
            tstr, trtr = found[f"tstr{name}"], found[f"trtr{name}"]
            assert (tstr.reference, tstr.reference_interval) == (trtr.value, trtr.interval)

    @pytest.mark.family
    def test_rare_classes_do_not_upset_the_trees(self):
        """Without a penalty on leaves, this table's own ROC AUC is 0.66."""

        def table(seed: int) -> pd.DataFrame:
            rng = np.random.default_rng(seed)
            x = rng.normal(size=(2000, 4))
            level = np.abs(6 * x[:, 0] + rng.normal(size=2000)).astype(int)
            return pd.DataFrame(x, columns=list("abcd")).assign(level=level.astype(str))

        assert evaluate(table(0), table(1), table(2), target="level")["trtr"].value > 0.8

    @pytest.mark.family
    def test_missing_targets_are_dropped(self, make, few_trees):
        tables = [make(200, i) for i in range(3)]
        for table in tables:
            table.loc[::2, "bought"] = None
            table.loc[::3, "income"] = np.nan
        for target in ("bought", "income"):
            assert evaluate(*tables, target=target)["tstr"].is_computed

    def test_rare_classes_that_one_table_lacks(self, make, few_trees):
        real, holdout, synthetic = (make(150, i) for i in range(3))
        real["town"], holdout["town"], synthetic["town"] = (
            list(classes * 50) for classes in (["a", "b", "c"], ["a", "b", "d"], ["a", "e", "c"])
        )
        found = evaluate(real, holdout, synthetic, target="town")
        assert all(found[name].is_computed for name in MODELS)


class TestReasons:
    def _reasons(self, tables, target) -> set[str | None]:
        found = evaluate(*tables, target=target)
        assert all(found[name].value is None for name in MODELS)
        return {found[name].reason for name in MODELS}

    def test_no_target(self, make):
        found = evaluate(make(50, 0), make(50, 1), make(50, 2))
        reasons = {metric.name: metric.reason for metric in found.group("utility")}
        assert reasons == dict.fromkeys(["tstr", "tstr_subgroups"], "no target was named")

    def test_no_such_target(self, make):
        with pytest.raises(
            DataError, match="target: no column 'wealht' in the tables. Did you mean 'wealth'"
        ):
            evaluate(*(make(50, i).assign(wealth=1) for i in range(3)), target="wealht")

    def test_constant_target(self, make):
        tables = [make(50, i).assign(bought="yes") for i in range(3)]
        assert self._reasons(tables, "bought") == {"the target is constant in the real table"}

    def test_constant_target_in_the_holdout(self, make):
        tables = [make(50, 0), make(50, 1).assign(bought="yes"), make(50, 2)]
        assert self._reasons(tables, "bought") == {"the target is constant in the holdout"}

    def test_constant_target_in_the_synthetic_table(self, make, few_trees):
        found = evaluate(make(50, 0), make(50, 1), make(50, 2).assign(bought="yes"), target="bought")
        assert found["tstr"].reason == "the target is constant in the rows to train on"
        assert found["trtr"].is_computed

    def test_missing_target(self, make):
        tables = [make(50, i).assign(bought=None) for i in range(3)]
        assert self._reasons(tables, "bought") == {"the target is constant in the real table"}

    def test_too_many_classes(self, make):
        tables = [make(70, i).assign(name=[f"n{i}" for i in range(60)] + ["n0"] * 10) for i in range(3)]
        assert self._reasons(tables, "name") == {"the target has more than 50 classes"}

    def test_a_key(self, make):
        tables = [make(50, i).assign(id=range(50)) for i in range(3)]
        assert self._reasons(tables, "id") == {"the target is an identifier"}

    def test_few_rows(self, make):
        tables = [make(50, 0), make(19, 1), make(50, 2)]
        assert self._reasons(tables, "bought") == {"the target is present in fewer than 20 holdout rows"}
        tables = [make(50, 0), make(50, 1), make(19, 2)]
        assert self._reasons(tables, "bought") == {
            "the target is present in fewer than 20 rows to train on",
        }

    def test_nothing_to_learn_from(self, make):
        tables = [make(50, i)[["bought"]].assign(constant=1, empty=None) for i in range(3)]
        reasons = self._reasons([table.assign(empty=np.nan) for table in tables], "bought")
        assert reasons == {"every column but the target is constant"}


def test_columns_that_trees_cannot_bin(make, few_trees):
    """A column that is constant or missing in one table only must not stop the others."""
    real, holdout, synthetic = (make(120, i) for i in range(3))
    found = evaluate(real, holdout, synthetic.assign(height=np.nan, age=50), target="bought")
    assert all(found[name].is_computed for name in MODELS)
    assert utility.MIN_ROWS == 20
