"""The command that completes rows."""

from __future__ import annotations

import pandas as pd
import pytest
from typer.testing import CliRunner

from tabgan import TabGAN
from tabgan.cli.app import app
from tabgan.model import loglinear

SECRET = "Zanzibar-4711"


def run(*arguments: object, code: int = 0):
    result = CliRunner().invoke(app, [*map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    """Return the file of a model of people, fitted to few rows."""
    df = pd.DataFrame({"age": [31, 44, 58, 23] * 40, "plan": ["pro", "basic", None, "pro"] * 40})
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"POOL": 512, "MIN_POOL": 256, "FRESH": 256, "ITERATIONS": 5}.items():
            patch.setattr(loglinear, name, value)
        model = TabGAN(epsilon=None, random_state=0).fit(df)
    path = tmp_path_factory.mktemp("model") / "m.tabgan"
    model.save(path)
    return path


def test_given_cells_stay_and_the_others_are_drawn(model_file, tmp_path):
    rows, out = tmp_path / "rows.csv", tmp_path / "out.csv"
    rows.write_text("plan,age\npro,31\n,44\nbasic,\n")
    said = run("complete", model_file, rows, "-o", out).output
    assert "3 rows, with the cells given in" in said
    whole = pd.read_csv(out)
    assert list(whole) == ["age", "plan"]
    assert whole.age.tolist()[:2] == [31, 44]
    assert whole.plan[0] == "pro"
    assert whole.age.notna().all()
    run("complete", model_file, rows, "-o", tmp_path / "out.parquet", "--impute", "--random-state", 1)
    assert not pd.read_parquet(tmp_path / "out.parquet").isna().any().any()


def test_what_cannot_be_completed_is_refused_without_a_cell(model_file, tmp_path):
    rows, out = tmp_path / "rows.csv", tmp_path / "out.csv"
    rows.write_text(f"age,plan\n{SECRET},pro\n")
    said = run("complete", model_file, rows, "-o", out, code=2).output
    assert "column 'age': 1 given cells cannot be read as numeric" in said
    assert SECRET not in said
    assert not out.exists()
    rows.write_text("wage\n3\n")
    assert "no column 'wage'" in run("complete", model_file, rows, "-o", out, code=2).output
    rows.write_text("age\n500\n")
    run("complete", model_file, rows, "-o", out, code=2)
    run("complete", model_file, rows, "-o", out, "--unknown", "ignore")
    assert pd.read_csv(out).age.tolist() == [500]
    assert "exists" in run("complete", model_file, rows, "-o", out, code=2).output
