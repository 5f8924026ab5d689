"""The command that plans a fit, and the plans of a dry run."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from tabgan.cli.app import app
from tabgan.jobs import forecast

SCHEMA = """\
columns:
  age: {kind: numeric, bounds: [0, 120], decimals: 0}
  sex: {kind: categorical, categories: [f, m]}
  city: {kind: categorical}
"""


def run(*arguments: object, code: int = 0):
    result = CliRunner().invoke(app, [*map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Make a folder with a schema and a CSV the current directory; the CSV's row cannot be read as a table."""
    (tmp_path / "schema.yaml").write_text(SCHEMA)
    (tmp_path / "people.csv").write_text("age,sex,city\nnot,a,row,of,this,table\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_of_a_schema():
    said = run("plan", "schema.yaml", "--rows", 20_000).output
    for words in (
        "20,000 rows",
        "expected error",
        "lost categories",
        "█",
        "No row was read, and nothing is spent.",
    ):
        assert words in said


def test_of_a_source_reads_its_header_alone():
    said = run("plan", "people.csv", "--rows", 20_000, "--schema", "schema.yaml", "--target", "sex").output
    assert "20% of the budget trains one critic" in said


@pytest.mark.family
def test_for_machines(folder):
    data = json.loads(run("plan", "schema.yaml", "--rows", 20_000, "--json", "--html", "plan.html").stdout)
    assert data["n_rows"] == 20_000
    assert (folder / "plan.html").read_text().startswith("<!DOCTYPE html>")
    assert "exists" in run("plan", "schema.yaml", "--rows", 20_000, "--html", "plan.html", code=2).output


@pytest.mark.parametrize("epsilon", ["none", "-1", "nan"])
def test_an_epsilon_that_is_none_is_refused_and_none_is_not_advised(epsilon):
    said = run("plan", "schema.yaml", "--rows", 20_000, "--epsilon", epsilon, code=2).output
    assert "--epsilon" in said
    assert "none" not in said.lower()


@pytest.mark.family
def test_a_hopeless_one_is_refused_with_help():
    said = run("plan", "schema.yaml", "--rows", 60, "--epsilon", 0.1, code=2).output
    assert "Each of these alone would help" in said


def test_rows_are_to_be_declared():
    assert "--rows: expected a number of rows" in run("plan", "people.csv", code=2).output
    assert (
        "--rows: expected an integer of at least 1" in run("plan", "people.csv", "--rows", -5, code=2).output
    )


@pytest.mark.family
def test_a_dry_run_prints_plans(folder):
    for name, n_rows in (("a", "n_rows: 20000\n"), ("b", "")):
        (folder / f"{name}.schema.yaml").write_text(SCHEMA + n_rows)
    job = (
        "- {{name: {0}, source: {{path: people.csv}}, schema: {0}.schema.yaml, output: {{folder: out/{0}}}}}"
    )
    (folder / "jobs.yaml").write_text("\n".join(job.format(name) for name in ("a", "b")))
    said = run("run", "jobs.yaml", "--dry-run").output
    assert "20,000 " in said
    assert said.count(" ?") == len(forecast.UNDECLARED)
    assert "n_rows is not declared in the schema, and rows are never counted for a plan" in said
    assert "No row was read, and nothing is spent." in said


def test_a_file_of_many_jobs_has_as_many_plans_as_there_is_time_for(folder, monkeypatch):
    monkeypatch.setattr(forecast, "MOST_PLANS", 1)
    (folder / "jobs.yaml").write_text(
        "matrix: {model.epsilon: [1, 2], random_state: [0, 1]}\n"
        "source: {path: people.csv}\nschema: s.yaml\noutput: {folder: out}\n"
    )
    (folder / "s.yaml").write_text(SCHEMA + "n_rows: 20000\n")
    said = run("run", "jobs.yaml", "--dry-run").output
    assert said.count("no plan") == 1  # seeds share one
    assert "and 1 more: only the first" in said


@pytest.mark.family
def test_a_dry_run_has_its_plans_as_json_and_warns_of_no_made_up_rows(folder, caplog):
    (folder / "jobs.yaml").write_text(
        "matrix: {model.epsilon: [1, 2], random_state: [0, 1]}\nsource: {path: people.csv}\n"
        "needs: []\nschema: {n_rows: 20000}\noutput: {folder: out}\n"
    )
    jobs = json.loads(run("run", "jobs.yaml", "--dry-run", "--json").stdout)["jobs"]
    assert [job["state"] for job in jobs] == ["runs"] * 4
    (planned,) = jobs[0]["expected"]
    assert planned["n_rows"] == 20_000
    assert planned["plan"]["two_way"]["value"] > 0
    assert not caplog.records


@pytest.mark.family
def test_it_may_be_quiet():
    assert run("plan", "schema.yaml", "--rows", 20_000, "--quiet", "--html", "plan.html").stdout == ""
