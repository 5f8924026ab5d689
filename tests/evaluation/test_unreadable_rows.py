"""Real and held-out cells that nobody can read: figures say so, a gate fails closed, and no job fails by them."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

import tabgan.evaluation
from tabgan.errors import DataError
from tabgan.evaluation import Inequality, evaluate
from tabgan.evaluation.gate import Gate
from tabgan.evaluation.tables import prepare
from tabgan.jobs.loading import load_jobs
from tabgan.jobs.run import run_job
from tabgan.report.figures.overlays import NoOverlay, overlay
from tabgan.schema import Boolean, Categorical, Datetime, Duration, Numeric, Schema, Time

SECRET = "Zanzibar-4711"
SCHEMA = Schema(
    [
        Numeric(name="n", bounds=(0, 9), decimals=0),
        Categorical(name="c", categories=("a", "b")),
        Datetime(name="d", bounds=("2020-01-01", "2020-12-31"), resolution="day"),
        Datetime(name="t", format="%Y-%m-%d", bounds=("2020-01-01", "2020-12-31"), resolution="day"),
        Boolean(name="b"),
        Duration(name="l", bounds=("0 days", "2 days"), resolution="hour"),
        Time(name="z", bounds=("00:00", "23:59"), resolution="minute"),
    ]
)
CELLS = [
    10**400, 10**5000, np.inf, -np.inf, Decimal("sNaN"), Decimal("1E+999999"), 1j, SECRET, "\ud800", "a\0b", b"x",
    dt.date(9999, 12, 31), dt.time(1), pd.Timestamp(np.datetime64("20000-01-01", "s")), np.datetime64(2**62, "Y"),
    pd.Timedelta(1), pd.Timedelta.min, np.timedelta64(2**62, "s"), np.timedelta64(5, "M"), np.datetime64(5, "as"),
    np.str_("1 days"), True, object(),
]  # fmt: skip


def _table(n_rows: int = 40, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    days = pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 300, n_rows), "D"))
    return pd.DataFrame(
        {
            "n": rng.integers(0, 10, n_rows),
            "c": rng.choice(["a", "b"], n_rows),
            "d": days,
            "t": days.dt.strftime("%Y-%m-%d"),
            "b": rng.random(n_rows) < 0.5,
            "l": pd.to_timedelta(rng.integers(0, 48, n_rows), "h"),
            "z": [dt.time(int(hour)) for hour in rng.integers(0, 24, n_rows)],
        }
    )


@pytest.mark.parametrize("column", SCHEMA.names)
def test_a_cell_that_nobody_can_read_is_read_as_missing_or_as_another_value(column):
    """Pitfall 36. Each in a row of its own, in the real and in the held-out rows."""
    odd = _table(len(CELLS) + 20)
    odd[column] = pd.Series([*CELLS, *odd[column][len(CELLS) :]], dtype=object)
    tables = prepare(odd, odd, _table(), SCHEMA)
    assert tables.unreadable == ()
    assert tables.values.real.shape == (len(odd), len(SCHEMA))
    clean = ~np.isnan(tables.values.real[:, SCHEMA.names.index(column)])
    assert clean[len(CELLS) :].all()
    found = overlay(SCHEMA[column], odd[column], odd[column], _table()[column])
    assert SECRET not in repr(found)


@pytest.mark.family
def test_figures_on_odd_cells_are_there_or_say_why_not():
    """Pitfall 36."""
    odd = _table(60)
    for column in SCHEMA.names:
        odd[column] = odd[column].astype(object)
        for row, cell in enumerate(CELLS):
            odd.iat[row, odd.columns.get_loc(column)] = cell
    found = evaluate(odd, odd, _table(60, 1), schema=SCHEMA, target="c", rules=[Inequality("n", 5)])
    assert not {metric.name: metric.reason for metric in found.metrics if "failed" in (metric.reason or "")}
    assert SECRET not in json.dumps(found.to_dict(), allow_nan=False)


def test_an_unreadable_holdout_makes_figures_void_and_a_gate_fail():
    """Pitfall 36. Its column is not what it is in the real table, and all that is compared with it would be wrong."""
    holdout = _table(60, 2).assign(n=SECRET)
    tables = (_table(60), holdout, _table(60, 1))
    with pytest.raises(DataError, match="no cell of column 'n' in the holdout table can be read"):
        evaluate(*tables, schema=SCHEMA)
    found = evaluate(*tables, schema=SCHEMA, target="c", refuses_unreadable=False)
    computed = {metric.group for metric in found.metrics if metric.is_computed}
    assert computed == {"validity"}
    reason = "no cell of column 'n' in the holdout table can be read as it is in the real table"
    assert reason in {metric.reason for metric in found.metrics}
    assert all(column.tvd is None and column.reference is None for column in found.columns)
    gate = Gate.from_dict({"epsilon": 10, "fidelity": {"tvd1": 1.0}, "copies": {"exact_copies": 1.0}})
    decision = gate.decide(found, (1.0, 1e-6))
    assert decision.outcome == "failed"
    assert {check.name for check in decision.checks if not check.is_passed} == {"tvd1", "exact_copies"}


@pytest.mark.family
@pytest.mark.unexpected
def test_a_step_that_fails_costs_its_figures_only(monkeypatch, caplog):
    """Pitfall 36."""

    def broken(*args):
        raise KeyError(SECRET)

    monkeypatch.setattr(tabgan.evaluation.suite, "rare_metrics", broken)
    found = evaluate(_table(), _table(40, 2), _table(40, 1), schema=SCHEMA)
    assert "rare_categories" not in {metric.name for metric in found.metrics}
    assert "Unexpected KeyError, so that one step of the evaluation is left out" in caplog.text
    assert "evaluation/suite.py" in caplog.text
    assert SECRET not in caplog.text
    decision = Gate.from_dict({"fidelity": {"rare_categories": 0.1}}).decide(found, (1.0, 1e-6))
    assert decision.outcome == "failed"


@pytest.mark.unexpected
def test_a_column_that_cannot_be_counted_has_no_picture():
    cells = pd.Series([[SECRET], {SECRET: 1}], dtype=object)
    found = overlay(SCHEMA["c"], cells, cells, cells)
    assert found == NoOverlay("Not computed: its cells cannot be counted (TypeError).")


@pytest.mark.family
def test_a_job_ends_well_whatever_is_held_out(tmp_path, monkeypatch, few_trees):
    """Pitfall 36. What was paid for is written."""
    monkeypatch.chdir(tmp_path)
    _table(400).to_csv("real.csv", index=False)
    _table(30, 2).assign(n=SECRET, t="20000-01-01").to_csv("held.csv", index=False)
    job = "name: x\nsource: {path: real.csv, holdout: held.csv}\nmodel: {epsilon: 8, adversary_share: 0}\n"
    (tmp_path / "job.yaml").write_text(job + "report: {html: false, card: false}\n")
    assert run_job(load_jobs("job.yaml")[0]).decision.outcome == "open"
    assert (tmp_path / "out/x/release/synthetic.csv").is_file()
    report = (tmp_path / "out/x/internal/report.json").read_text()
    assert "in the holdout table can be read" in report
    assert SECRET not in report
