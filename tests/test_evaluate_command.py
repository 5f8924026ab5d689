"""``tabgan evaluate`` and ``TabGAN.evaluate``, with the real model in few steps."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from tabgan import TabGAN
from tabgan.cli import app
from tabgan.errors import DataError, NotFittedError


def table(n_rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.integers(20, 80, n_rows)
    return pd.DataFrame({"age": age, "ill": np.where(rng.random(n_rows) < age / 100, "yes", "no")})


@pytest.fixture(scope="module")
def model() -> TabGAN:
    return TabGAN(epsilon=5.0, steps=40, random_state=0).fit(table(1_500, 0))


def test_the_method_returns_figures_that_can_be_written(model, tmp_path):
    report = model.evaluate(table(1_500, 0), table(600, 1), target="ill")
    assert dict(report.headline)["valid"] == "100.0%"
    assert report.evaluation.target == "ill"
    assert report.evaluation["tstr"].is_computed
    assert "INTERNAL" in report.to_html(tmp_path / "r.html").read_text()
    assert json.loads(report.to_json(tmp_path / "r.json").read_text())["edition"] == "internal"


def test_tables_of_other_columns_are_refused(model):
    with pytest.raises(DataError, match="ill"):
        model.evaluate(table(200, 0), table(200, 1)[["age"]])


def test_before_fit_there_is_nothing_to_evaluate():
    with pytest.raises(NotFittedError):
        TabGAN().evaluate(table(10, 0), table(10, 1))


def run(*arguments: object, code: int = 0):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


def test_the_command_writes_the_report(model, tmp_path):
    model.save(tmp_path / "m.tabgan")
    for name, frame in {
        "real": table(1_500, 0),
        "holdout": table(600, 1),
        "synthetic": model.sample(900),
    }.items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    files = ["--real", tmp_path / "real.csv", "--holdout", tmp_path / "holdout.csv"]
    result = run("evaluate", tmp_path / "m.tabgan", *files, "--target", "ill", "-o", tmp_path / "r.html")
    assert "INTERNAL" in result.stdout
    assert "TSTR" in result.stdout
    run(
        "evaluate",
        tmp_path / "m.tabgan",
        *files,
        "--synthetic",
        tmp_path / "synthetic.csv",
        "-o",
        tmp_path / "r.json",
    )
    assert json.loads((tmp_path / "r.json").read_text())["edition"] == "internal"


def test_bad_arguments_are_found_before_anything_is_read(tmp_path):
    (tmp_path / "m.tabgan").write_text("x")
    files = ["--real", tmp_path / "none.csv", "--holdout", tmp_path / "none.csv"]
    assert (
        "--real" in run("evaluate", tmp_path / "m.tabgan", *files, "-o", tmp_path / "r.html", code=2).output
    )
    assert (
        ".html or .json"
        in run("evaluate", tmp_path / "m.tabgan", *files, "-o", tmp_path / "r.pdf", code=2).output
    )
