"""The examples run as they stand; only the steps of a fit and the trees of an evaluation are fewer."""

from __future__ import annotations

import importlib.util
import json
import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "examples"

#: Files that each leaves in the working folder.
WRITTEN = {
    "01_quickstart.py": {"synthetic.csv", "people.tabgan"},
    "02_schema.py": {"schema.yaml", "synthetic.csv"},
    "03_ledger.py": {"people.ledger", "people.ledger.guard"},
    "04_report.py": {"internal.html", "shareable.html"},
    "05_mlflow.py": {"mlruns.db", "artifacts"},
}


def test_all_are_run():
    assert {path.name for path in FOLDER.glob("*.py")} == set(WRITTEN)


@pytest.mark.parametrize("name", WRITTEN)
def test_it_fits_a_screen_and_says_what_it_writes(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert len(text.splitlines()) < 60
    assert f"python examples/{name}" in text


@pytest.mark.family(keep=2)
@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.filterwarnings("ignore")
def test_it_runs(name, tmp_path, monkeypatch, capsys, few_trees):
    if name == "05_mlflow.py":
        pytest.importorskip("mlflow", reason="no mlflow")
    monkeypatch.chdir(tmp_path)
    names = runpy.run_path(str(FOLDER / name))
    assert {path.name for path in tmp_path.iterdir() if path.suffix != ".lock"} == WRITTEN[name]
    printed = capsys.readouterr().out
    if name == "03_ledger.py":
        assert "epsilon" in printed.splitlines()[-1]
        assert names["model"].privacy_.epsilon <= 1.0
    elif name == "04_report.py":
        assert names["report"].decision.outcome in printed
    elif name == "05_mlflow.py":
        assert len(list(tmp_path.rglob("model.tabgan"))) == 1
        assert not [path for path in tmp_path.rglob("*") if "internal" in path.name]
    else:
        assert len(names["synthetic"]) == 1_000


NOTEBOOKS = FOLDER / "notebooks"
SPEC = importlib.util.spec_from_file_location("notebooks", FOLDER.parent / "docs" / "tools" / "notebooks.py")
TOOL = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(TOOL)


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.py")), ids=lambda path: path.name)
def test_a_notebook_is_that_of_its_script_and_was_run(path):
    """Else: make notebooks."""
    notebook = json.loads(path.with_suffix(".ipynb").read_text(encoding="utf-8"))
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
    assert cells == TOOL.cells_of(path.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert not [
        output
        for cell in code
        for output in cell["outputs"]
        if output["output_type"] in ("error", "stream") and output.get("name") != "stdout"
    ]
    assert path.with_suffix(".ipynb").stat().st_size < 60_000


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.py")), ids=lambda path: path.name)
@pytest.mark.filterwarnings("ignore")
def test_a_notebook_runs(path):
    pytest.importorskip("nbclient", reason="no extra docs")
    pytest.importorskip("ipykernel", reason="no extra docs")
    assert all(cell.get("execution_count") for cell in TOOL.run(path).cells if cell.cell_type == "code")
