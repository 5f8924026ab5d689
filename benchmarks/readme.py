"""The README's table of figures, written from the results so that it shows nothing that nobody measured.

python benchmarks/readme.py
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
FIGURES = ("tvd2", "tvd3", "shape", "trend", "tstr", "c2st", "fit_seconds")
TITLES = ("epsilon 1", "seeds", "tvd2", "tvd3", "shape", "trend", "TSTR", "c2st", "fit, s")
NAMES = {"public": "**tabgan**, domain declared", "private": "**tabgan**, nothing declared"}
PEERS = {"AIM": "AIM (dpmm)", "MST": "MST (dpmm)", "PATECTGAN": "PATE-CTGAN (smartnoise)"}


def table(result: dict[str, Any]) -> str:
    """Return the README's table at epsilon 1: medians over seeds with their range, tabgan first and then its peers."""
    lines = [f"| {' | '.join(TITLES)} |", "|---" * len(TITLES) + "|"]
    for row in result["median_min_max"]:
        if row["epsilon"] == 1.0:
            lines.append(_line(NAMES[row["domain"]], row["seeds"], {name: row[name] for name in FIGURES}))
    runs = json.loads((RESULTS / "peers-adult.json").read_text())["runs"]
    for method, name in PEERS.items():
        found = [
            (run.get("judge_rounded") or run["judge"]) | {"fit_seconds": run["fit_seconds"]}
            for run in runs
            if run["method"] == method and run["epsilon"] == 1.0 and run["judge"]
        ]
        values = {figure: [each[figure] for each in found] for figure in FIGURES}
        spread = {figure: (median(v), min(v), max(v)) for figure, v in values.items()}
        lines.append(_line(name, len(found), spread))
    return "\n".join(lines)


def _line(name: str, seeds: int, figures: dict[str, Any]) -> str:
    cells = [_cell(figure, *figures[figure], is_alone=seeds == 1) for figure in FIGURES]
    return f"| {name} | {seeds} | {' | '.join(cells)} |"


def _cell(name: str, median: float, low: float, high: float, *, is_alone: bool) -> str:
    digits = 0 if name == "fit_seconds" else 3
    spread = "" if is_alone else f" ({low:.{digits}f}–{high:.{digits}f})"
    return f"{median:.{digits}f}{spread}"


def replaced(readme: str, result: dict[str, Any]) -> str:
    """Return the README with the table in its place."""
    start, end = "<!-- figures -->\n", "<!-- /figures -->"
    before, rest = readme.split(start)
    return f"{before}{start}{table(result)}\n{end}{rest.split(end)[1]}"


if __name__ == "__main__":
    path = ROOT / "README.md"
    result = json.loads((RESULTS / "utility-adult.json").read_text())
    path.write_text(replaced(path.read_text(), result))
