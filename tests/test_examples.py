"""The examples run as they stand; only the steps of a fit and the trees of an evaluation are fewer."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from tabgan import TabGAN

FOLDER = Path(__file__).parent.parent / "examples"

#: Files that each leaves in the working folder.
WRITTEN = {
    "01_quickstart.py": {"synthetic.csv", "people.tabgan"},
    "02_schema.py": {"schema.yaml", "synthetic.csv"},
    "03_ledger.py": {"people.ledger", "people.ledger.guard"},
    "04_report.py": {"internal.html", "shareable.html"},
}


def test_all_are_run():
    assert {path.name for path in FOLDER.glob("*.py")} == set(WRITTEN)


@pytest.mark.parametrize("name", WRITTEN)
def test_it_fits_a_screen_and_says_what_it_writes(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert len(text.splitlines()) < 60
    assert f"python examples/{name}" in text


@pytest.mark.family(keep=3)
@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.filterwarnings("ignore")
def test_it_runs(name, tmp_path, monkeypatch, capsys, few_trees):
    monkeypatch.chdir(tmp_path)
    defaults = dict(TabGAN.__init__.__kwdefaults__, steps=5)
    monkeypatch.setattr(TabGAN.__init__, "__kwdefaults__", defaults)
    names = runpy.run_path(str(FOLDER / name))
    assert {path.name for path in tmp_path.iterdir() if path.suffix != ".lock"} == WRITTEN[name]
    printed = capsys.readouterr().out
    if name == "03_ledger.py":
        assert "epsilon" in printed.splitlines()[-1]
        assert names["model"].privacy_.epsilon <= 1.0
    elif name == "04_report.py":
        assert names["report"].decision.outcome in printed
    else:
        assert len(names["synthetic"]) == 1_000
