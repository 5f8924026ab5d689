"""``tabgan report`` and ``tabgan compare``: what is written, what is printed, and distinct exit codes."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from tabgan.cli.app import app

pytestmark = pytest.mark.usefixtures("few_steps")


def table(n_rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"age": rng.integers(20, 80, n_rows), "size": rng.random(n_rows).round(3)})


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, frame in {
        "real": table(300, 0),
        "holdout": table(150, 1),
        "good": table(200, 2),
        "bad": table(200, 3).assign(age=30),
    }.items():
        frame.to_csv(f"{name}.csv", index=False)
    return tmp_path


def run(*arguments: object, code: int = 0):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


TABLES = ("real.csv", "holdout.csv", "good.csv")


class TestReport:
    @pytest.mark.family
    def test_a_summary_and_a_page(self):
        said = run("report", *TABLES, "-o", "r.html").stdout
        assert said.startswith("r.html: INTERNAL. valid 100.0%")
        assert run("report", *TABLES).stdout.startswith("INTERNAL. valid")

    @pytest.mark.family
    def test_the_gate(self, folder):
        (folder / "g.yaml").write_text("fidelity: {tvd1: 0.0001}")
        refused = run("report", *TABLES, "--gate", "g.yaml", "-o", "r.html", code=3)
        assert "The gate refuses the release: 1 of 1 limits not met." in refused.stdout
        assert (folder / "r.html").exists()
        (folder / "g.yaml").write_text("fidelity: {tvd1: 0.9}")
        assert "passes the table" in run("report", *TABLES, "--gate", "g.yaml").stdout

    @pytest.mark.family
    def test_for_programs(self, folder):
        found = json.loads(run("report", *TABLES, "--json", "--target", "age").stdout)
        assert found["edition"] == "internal"
        assert found["epsilon"] is None
        assert found["figures"]["tvd1"]["reference"] > 0
        twin = json.loads(run("report", *TABLES, "-o", "-").stdout)
        assert twin["origin"] == "other"
        assert not (folder / "-").exists()

    def test_quiet(self):
        result = run("report", *TABLES, "--quiet", "-o", "r.json")
        assert (result.stdout, result.stderr) == ("", "")

    @pytest.mark.family(keep=4)
    @pytest.mark.parametrize(
        ("arguments", "code", "said"),
        [
            (("real.csv", "holdout.csv", "no.csv"), 2, "SYNTHETIC: no file 'no.csv'"),
            (("real.csv", "holdout.csv", "m.tabgan"), 2, "SYNTHETIC: expected a table, got a model file"),
            ((*TABLES, "-o", "r.txt"), 2, "--output: expected a name ending in .html, .json, .pdf or .md"),
            ((*TABLES, "--gate", "no.yaml"), 2, "--gate"),
            ((*TABLES, "--decimal", ";"), 2, "--decimal"),
            (("real.csv", "real.csv", "good.csv"), 2, "most of the holdout table's rows"),
            (("real.csv", "holdout.csv", "one.csv"), 2, "synthetic: expected the columns of the real table"),
            (("real.csv", "empty.csv", "good.csv"), 2, "holdout: expected a table with rows and columns"),
            (("twice.csv", "holdout.csv", "good.csv"), 2, "REAL: column names repeat: 'age'"),
            (("real.csv", "twice.csv", "good.csv"), 2, "HOLDOUT: column names repeat: 'age'"),
            (("real.csv", "holdout.csv", "twice.csv"), 2, "SYNTHETIC: column names repeat: 'age'"),
        ],
    )
    def test_wrong_files_have_codes_of_their_own(self, folder, arguments, code, said):
        (folder / "m.tabgan").write_bytes(b"\x10" + bytes(7) + b'{"__metadata__":{}}')
        (folder / "one.csv").write_text("age\n30\n31\n")
        (folder / "empty.csv").write_text("age,size\n")
        (folder / "twice.csv").write_text("age,age\n30,31\n")
        assert said in run("report", *arguments, code=code).stderr


SIDES = ("--real", "real.csv", "--holdout", "holdout.csv")


class TestCompare:
    @pytest.mark.family
    def test_on_the_terminal_and_on_a_page(self, folder):
        said = run("compare", "good.csv", "worse=bad.csv", *SIDES, "-o", "c.html").stdout
        assert "c.html: INTERNAL, 2 systems side by side" in said
        assert "worse" in said
        assert "● 0." in said
        assert "worse" in (folder / "c.html").read_text()

    @pytest.mark.family
    def test_for_programs(self):
        alike = run("compare", "good.csv", "same=good.csv", *SIDES).stdout
        assert "The same for all" in alike
        assert "Fidelity" not in alike.partition("The same for all")[0]  # no head without a figure below it
        found = json.loads(run("compare", "good.csv", "bad.csv", *SIDES, "--json").stdout)
        assert [each["name"] for each in found["systems"]] == ["good", "bad"]
        assert json.loads(run("compare", "good.csv", "bad.csv", *SIDES, "-o", "-").stdout)["version"] == 1

    @pytest.mark.family
    def test_refused_only_if_no_system_passes(self, folder):
        (folder / "g.yaml").write_text("fidelity: {tvd1: 0.3}")
        run("compare", "good.csv", "bad.csv", *SIDES, "--gate", "g.yaml")
        run("compare", "bad.csv", *SIDES, "--gate", "g.yaml", code=3)

    @pytest.mark.parametrize(
        ("systems", "code", "said"),
        [
            (("good.csv", "./good.csv"), 2, "two are called 'good'"),
            (("good.csv", "no.csv"), 2, "no: no file"),
            (("good.csv", "twice.csv"), 2, "twice: column names repeat: 'age'"),
            (("good.csv", "x="), 2, "SYSTEMS: expected a path, or NAME=PATH"),
            (
                ("good.csv", "one.csv"),
                2,
                "system 'one': expected the columns of the real table, but it lacks 'size'",
            ),
        ],
    )
    def test_bad_systems(self, folder, systems, code, said):
        (folder / "one.csv").write_text("age\n30\n31\n")
        (folder / "twice.csv").write_text("age,age\n30,31\n")
        assert said in run("compare", *systems, *SIDES, code=code).stderr
