"""What the README says is true: its commands, its code, its figures."""

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabgan.jobs.config import load_jobs

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block_after(marker: str) -> str:
    return re.search(rf"<!-- {marker} -->\n```sh\n(.*?)```", README, re.DOTALL)[1].strip()


def test_the_main_job_installs_what_it_needs_and_names_a_job_that_loads():
    command = block_after("main-job")
    assert '".[demo]"' in command
    (job,) = load_jobs(ROOT / command.split("tabgan run ")[1])
    assert job.model["epsilon"] == 1.0


def test_the_test_command_is_what_ci_runs():
    assert block_after("tests") == 'python -m pip install -e ".[test]" && python -m pytest'
    assert "tests" in (ROOT / ".ci" / "run").read_text()


def test_it_is_a_page_and_its_links_lead_somewhere():
    assert len(README.splitlines()) <= 160
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


@pytest.mark.filterwarnings("ignore")
def test_its_python_runs(tmp_path, monkeypatch):
    """The blocks in order, in one namespace, on a small table and with few steps."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    df = pd.DataFrame(
        {
            "age": rng.integers(20, 90, 1_200),
            "sex": rng.choice(["female", "male"], 1_200),
            "patient": [f"P{i:06d}" for i in range(1_200)],
            "readmitted": rng.random(1_200) < 0.3,
        }
    )
    code = "\n".join(re.findall(r"```python\n(.*?)```", README, re.DOTALL))
    code = (
        code.replace("10_000_000", "40")
        .replace("1_000_000", "20")
        .replace("10_000", "30")
        .replace("1_000", "10")
    )
    code = code.replace("TabGAN(", "TabGAN(steps=5, ").replace("steps=5, )", "steps=5)")
    names = {"df": df.drop(columns="patient"), "train": df[:900], "test": df[900:]}
    first, rest = code.split("from tabgan import Categorical")
    exec(first, names)
    names["df"] = df
    exec("from tabgan import Categorical" + rest, names)
    assert (tmp_path / "model.tabgan").exists()
    assert list(names["synthetic"].columns) == ["age", "sex", "readmitted"]


def test_its_figures_are_the_measured_ones():
    path = ROOT / "benchmarks" / "readme.py"
    spec = importlib.util.spec_from_file_location("readme", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    result = json.loads((ROOT / "benchmarks" / "results" / "utility-adult.json").read_text())
    assert module.table(result) in README
