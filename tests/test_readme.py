"""The README is true: its commands, its code, its figures."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

from tabgan.jobs.loading import load_jobs

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
    assert (
        block_after("tests")
        == 'python -m pip install -e ".[test]" && python -m pytest && python -m pytest -m family'
    )
    assert "tests" in (ROOT / ".ci" / "run").read_text()


def test_it_is_a_page_and_its_links_lead_somewhere():
    assert len(README.splitlines()) <= 160
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


@pytest.mark.family
@pytest.mark.filterwarnings("ignore")
def test_its_python_runs_exactly_as_it_stands(tmp_path, monkeypatch, few_trees, few_steps):
    """The blocks in order, in one namespace; only the figures and the trees of an evaluation are fewer."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        exec(block, names)
    assert (tmp_path / "model.tabgan").exists()
    assert list(names["synthetic"].columns) == ["age", "sex", "ward", "weight", "readmitted"]
    assert names["report"].evaluation["exact_copies"].is_computed  # which a holdout that was fitted to is not


def test_its_figures_are_the_measured_ones():
    path = ROOT / "benchmarks" / "readme.py"
    spec = importlib.util.spec_from_file_location("readme", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    result = json.loads((ROOT / "benchmarks" / "results" / "utility-adult.json").read_text())
    assert module.table(result) in README
