"""The notebooks of ``examples/notebooks``, made of the scripts beside them and run.

    python -m pip install -e ".[docs]" && python docs/tools/notebooks.py [NAME ...]      (make notebooks)

A script is divided by lines ``# %%``, as editors and jupytext know it; ``# %% [markdown]`` begins text.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "examples" / "notebooks"


def cells_of(script: str) -> list[tuple[str, str]]:
    """Return the cells of a script: ``markdown`` or ``code``, and the text."""
    found = []
    for part in re.split(r"^# %%", script, flags=re.MULTILINE)[1:]:
        first, _, rest = part.partition("\n")
        text = rest.strip("\n")
        if "markdown" in first:
            found.append(("markdown", re.sub(r"^# ?", "", text, flags=re.MULTILINE)))
        else:
            found.append(("code", text))
    return found


def notebook_of(script: str) -> Any:
    """Return the notebook of a script, which has not been run."""
    from nbformat import v4

    cells = []
    for place, (kind, text) in enumerate(cells_of(script)):
        cell = v4.new_markdown_cell(text) if kind == "markdown" else v4.new_code_cell(text)
        cell["id"] = f"cell-{place}"
        cells.append(cell)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return v4.new_notebook(cells=cells, metadata=kernel)


def run(script: Path) -> Any:
    """Return the notebook of a script after a run in an empty folder."""
    from nbclient import NotebookClient

    notebook = notebook_of(script.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook, timeout=600, resources={"metadata": {"path": folder}}, record_timing=False
        ).execute()
    return notebook


if __name__ == "__main__":
    import nbformat

    chosen = sys.argv[1:] or sorted(path.stem for path in FOLDER.glob("*.py"))
    for script in (FOLDER / f"{name}.py" for name in chosen):
        nbformat.write(run(script), script.with_suffix(".ipynb"))
