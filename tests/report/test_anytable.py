"""Reports of tables that any generator may have made: nothing is claimed, and no cell of a real row is shown."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tabgan
from tabgan import Gate, Numeric, Schema
from tabgan.errors import ConfigError, DataError, PrivacyError, SchemaError
from tabgan.report.anytable import RealTables

pytestmark = pytest.mark.usefixtures("few_steps")

SECRET = "Zanzibar-4711"


def table(n_rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.integers(20, 80, n_rows)
    return pd.DataFrame(
        {
            "age": age,
            "income": (rng.random(n_rows) * 1e5).round(2),
            "ill": np.where(rng.random(n_rows) < age / 100, "yes", "no"),
            "since": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 99, n_rows), unit="D"),
        }
    )


@pytest.fixture(scope="module")
def tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    real = table(300, 0)
    real.loc[0, "ill"] = SECRET
    real.loc[1, "income"] = 987_654.32
    return real, table(150, 1), table(200, 2)


def test_the_package_is_the_function(tables):
    assert callable(tabgan.report)
    report = tabgan.report(*tables, gate="standard", title="t", progress=False)
    assert report.data.origin == "other"
    assert report.data.edition == "internal"
    assert report.data.total is None
    from tabgan.report import Report

    assert isinstance(report, Report)


@pytest.mark.family
def test_it_says_plainly_that_no_epsilon_is_claimed(tables, tmp_path):
    report = tabgan.report(*tables, target="ill")
    page = report.to_html(tmp_path / "r.html").read_text()
    assert "NO PRIVACY GUARANTEE IS KNOWN" in page
    assert "No epsilon is claimed for this table" in page
    assert "epsilon: null" not in page  # the words for a fit that was made without
    assert "This fit" not in page
    assert json.loads(report.to_json(tmp_path / "r.json").read_text())["origin"] == "other"
    assert "no epsilon is claimed" in report.to_markdown(tmp_path / "r.md").read_text()
    with pytest.raises(PrivacyError, match="no shareable edition"):
        report.shareable  # noqa: B018


def test_no_value_of_a_real_row_is_shown(tables, tmp_path):
    real = tables[0]
    report = tabgan.report(*tables)
    written = [report.to_html(tmp_path / "r.html"), report.to_json(tmp_path / "r.json")]
    written.append(report.to_markdown(tmp_path / "r.md"))
    for path in written:
        text = path.read_text()
        assert SECRET not in text
        assert "987" + "654" not in text.replace(",", "")
    copied = tabgan.report(real, tables[1], real.iloc[:150]).to_html(tmp_path / "c.html").read_text()
    assert SECRET in copied  # the control: what the synthetic table itself holds is shown


@pytest.mark.family
def test_a_standard_gate_limits_figures_alone(tables):
    report = tabgan.report(*tables, gate="standard")
    assert not {check.name for check in report.decision.checks} & {"epsilon", "delta", "guarantee"}
    passed = tabgan.report(*tables, gate={"validity": {"types": 1.0}})
    assert passed.decision.outcome == "passed"
    refused = tabgan.report(*tables, gate=Gate(epsilon=1.0))
    assert refused.decision.outcome == "failed"
    assert "no privacy guarantee" in refused.decision.failed[0].text


@pytest.mark.family
def test_any_kind_of_source(tables, tmp_path):
    real, holdout, synthetic = tables
    real.to_csv(tmp_path / "real.csv", index=False)
    synthetic.to_csv(tmp_path / "s.csv", index=False)
    holdout.to_parquet(tmp_path / "h.parquet")
    report = tabgan.report(tmp_path / "real.csv", str(tmp_path / "h.parquet"), tmp_path / "s.csv")
    assert report.evaluation.n_real == 300
    assert report.evaluation["dtypes"].value == 1.0  # text of a CSV is read as what it says
    assert report.evaluation["types"].value == 1.0


@pytest.mark.family
def test_other_dtypes_are_a_figure_and_no_error(tables):
    real, holdout, synthetic = tables
    other = synthetic.assign(age=synthetic["age"].astype(float) + 0.5, since=synthetic["since"].astype(str))
    figures = tabgan.report(real, holdout, other).evaluation
    assert figures["dtypes"].value == 0.5
    assert figures["precision"].value < 1


class TestBadInput:
    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (
                lambda df: df.drop(columns="age"),
                "synthetic: expected the columns .* but it lacks 'age'",
            ),
            (lambda df: df.assign(index=1), "it has 'index' besides"),
            (lambda df: df.iloc[:0], "synthetic: expected a table with rows and columns, got one of 0 rows"),
            (lambda df: df[[]], "0 columns"),
            (lambda df: None, "synthetic: expected a table, got NoneType"),
            (lambda df: 3, "synthetic: expected a table, got int"),
            (lambda df: {"a": 1}, "synthetic: expected a pandas DataFrame"),
        ],
    )
    def test_a_synthetic_table_that_does_not_fit(self, tables, change, said):
        with pytest.raises(DataError, match=said) as error:
            tabgan.report(tables[0], tables[1], change(tables[2]))
        assert SECRET not in str(error.value)

    def test_a_holdout_that_is_the_training_table(self, tables):
        with pytest.raises(DataError, match=r"most of the holdout table's rows are rows of the real table"):
            tabgan.report(tables[0], tables[0], tables[2])

    def test_a_holdout_that_is_empty(self, tables):
        with pytest.raises(DataError, match="holdout: expected a table with rows"):
            tabgan.report(tables[0], tables[1].iloc[:0], tables[2])

    def test_no_such_file(self, tables):
        with pytest.raises(ConfigError, match=r"holdout: no file 'nowhere\.csv'"):
            tabgan.report(tables[0], "nowhere.csv", tables[2])

    def test_a_model_file(self, tables, tmp_path):
        path = tmp_path / "m.tabgan"
        path.write_bytes(b"\x10" + bytes(7) + b'{"__metadata__":{}}')
        with pytest.raises(ConfigError, match="synthetic: expected a table, got a model file"):
            tabgan.report(tables[0], tables[1], path)

    def test_a_declared_column_that_is_not_there(self, tables):
        with pytest.raises(SchemaError, match="column 'ages' is declared, but not in the real table"):
            tabgan.report(*tables, schema=Schema([Numeric(name="ages")]))

    def test_a_target_that_is_not_there(self, tables):
        with pytest.raises(DataError, match="target: no column 'ills' in the tables. Did you mean 'ill'"):
            tabgan.report(*tables, target="ills")

    def test_progress_is_checked_first(self):
        with pytest.raises(ConfigError, match="progress"):
            tabgan.report(Path("no"), Path("no"), Path("no"), progress="yes")


def test_domains_are_declared_or_those_of_the_synthetic_table(tables):
    real, holdout, synthetic = tables
    read = RealTables.of(real, holdout, Schema([Numeric(name="age", bounds=(0, 120))]))
    completed = read.completed_by(synthetic)
    assert completed["age"].bounds == (0.0, 120.0)
    assert completed["age"].decimals == 0
    assert set(completed["ill"].categories) == {"yes", "no"}
    assert completed["income"].bounds[1] < 100_001
