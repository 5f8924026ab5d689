from __future__ import annotations

import pandas as pd
import pytest

from tabgan.evaluation import evaluate

#: The steps of an evaluation that are tested here.
STEPS = ("diagnostic",)


@pytest.mark.family
def test_sdmetrics_own_score(make):
    """The table that is handed over is coded; the score is that of the table itself."""
    reports = pytest.importorskip("sdmetrics.reports")

    real, holdout, synthetic = (
        make(300, i).assign(id=[f"k{j}" for j in range(300)], when=pd.Timestamp("2020-01-01"))
        for i in range(3)
    )
    synthetic = synthetic.assign(age=synthetic["age"] * 1.5)
    synthetic.loc[:9, "town"], synthetic.loc[:9, "id"] = "Rome", "k11"
    synthetic.loc[:99, "when"] = pd.Timestamp("2030-01-01")
    kinds = dict.fromkeys(("town", "bought"), "categorical")
    kinds |= dict.fromkeys(("age", "income", "height"), "numerical") | {"id": "id", "when": "datetime"}
    report = reports.DiagnosticReport()
    metadata = {"columns": {name: {"sdtype": kinds[name]} for name in real}, "primary_key": "id"}
    report.generate({"t": real}, {"t": synthetic}, {"tables": {"t": metadata}}, verbose=False)
    found = evaluate(real, holdout, synthetic)["diagnostic"]
    assert found.value == pytest.approx(report.get_score())
    assert found.value < 0.95 < found.reference <= 1


def test_all_is_well_with_a_copy(make):
    pytest.importorskip("sdmetrics")
    real = make(100, 0)
    assert evaluate(real, make(100, 1), real)["diagnostic"].value == 1


def test_identifiers_alone():
    pytest.importorskip("sdmetrics")
    table = pd.DataFrame({"id": range(50), "no": range(50)})
    assert evaluate(table, table, table)["diagnostic"].value == 1
    assert evaluate(table, table, table.assign(id=7, no=7))["diagnostic"].value < 0.6
