"""Commands on release bundles, and their exit codes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from tabgan import TabGAN
from tabgan.cli.app import app


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Return the path of a small model in a ledger."""
    folder = tmp_path_factory.mktemp("model")
    rng = np.random.default_rng(0)
    df = pd.DataFrame({"age": rng.integers(18, 90, 200), "town": rng.choice(["Ulm", "Bonn"], 200)})
    fit = TabGAN(epsilon=5.0, adversary_share=0, random_state=0).fit(df, ledger=folder / "people.ledger")
    fit.save(folder / "people.tabgan")
    return folder / "people.tabgan"


def run(*arguments):
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    return result.exit_code, " ".join(result.output.split())


def test_from_a_model_to_a_verified_release(model, tmp_path):
    (tmp_path / "about.yaml").write_text("license: CC-BY-4.0\npurpose: teaching\nreview_date: 2027-01-31\n")
    folder, key = tmp_path / "people", tmp_path / "input-key.json"
    options = ("--about", tmp_path / "about.yaml", "--input-key", key, "--archive", "--no-pdf")
    code, said = run("release", "bundle", model, "-o", folder, "-n", 30, "--random-state", 0, *options)
    assert (code, "a release bundle. Check it with: tabgan verify" in said) == (0, True)
    assert len(pd.read_csv(folder / "synthetic.csv")) == 30
    assert key.stat().st_mode & 0o077 == 0
    code, said = run("verify", folder, "--input-key", key)
    assert (code, said.endswith("people: intact")) == (0, True)
    assert "input: line" in said
    assert run("verify", folder.with_suffix(".zip"))[0] == 0
    code, said = run("release", "bundle", model, "-o", folder)
    assert (code, "exists. Name another" in said) == (2, True)

    (folder / "synthetic.csv").write_text("other")
    code, said = run("verify", folder)
    assert (code, "bundle: changed: synthetic.csv" in said) == (1, True)
    assert run("release", "seal", folder)[0] == 1
    assert run("verify", tmp_path / "nothing")[0] == 2
    assert run("verify", tmp_path / "about.yaml")[0] == 1


def test_a_gate_that_refuses_has_an_exit_code_of_its_own(model, tmp_path):
    (tmp_path / "gate.yaml").write_text("epsilon: 1.0\n")
    code, said = run("release", "bundle", model, "-o", tmp_path / "people", "--gate", tmp_path / "gate.yaml")
    assert (code, "not written, because the gate refuses" in said) == (3, True)
    assert not (tmp_path / "people").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--about", "{about}"], "unknown key. Did you mean 'license'"),
        (["--gate", "{gate}"], "expected limits on epsilon and delta alone"),
        (["--format", "xlsx"], "--format"),
        (["-n", "0"], "-n: expected"),
        (["--about", "none.yaml"], "none.yaml"),
        (["--input-key", "{about}"], "exists"),
    ],
)
def test_wrong_arguments_are_found_before_anything_is_made(model, tmp_path, options, words):
    (tmp_path / "about.yaml").write_text("licence: MIT\n")
    (tmp_path / "gate.yaml").write_text("fidelity: {tvd2: 0.1}\n")
    places = {"about": tmp_path / "about.yaml", "gate": tmp_path / "gate.yaml"}
    given = [each.format(**places) for each in options]
    code, said = run("release", "bundle", model, "-o", tmp_path / "people", *given)
    assert (code, words in said) == (2, True), said
    assert not (tmp_path / "people").exists()


def test_a_model_without_a_guarantee_is_not_released(tmp_path):
    df = pd.DataFrame({"age": np.arange(50)})
    TabGAN(epsilon=None, adversary_share=0, random_state=0).fit(df).save(tmp_path / "plain.tabgan")
    code, said = run("release", "bundle", tmp_path / "plain.tabgan", "-o", tmp_path / "people")
    assert (code, "epsilon=None" in said) == (1, True), said
    assert not (tmp_path / "people").exists()
