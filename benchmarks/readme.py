"""What figures does the README show? Writes its table from the results, so that it shows nothing that nobody measured.

python benchmarks/readme.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
FIGURES = ("tvd2", "tvd3", "shape", "trend", "tstr", "c2st", "fit_seconds")
TITLES = ("", "tvd2", "tvd3", "shape", "trend", "TSTR", "c2st", "fit, s")
NAMES = {"public": "declared", "private": "nothing declared"}


def table(result: dict[str, Any]) -> str:
    """Return the README's table: medians over seeds, in brackets their spread."""
    seeds = {row["seeds"] for row in result["median_min_max"]}
    lines = [f"| {' | '.join(TITLES)} |", "|---" * len(TITLES) + "|"]
    for row in result["median_min_max"]:
        if row["epsilon"] != 1.0:
            continue
        cells = [_cell(name, *row[name]) for name in FIGURES]
        lines.append(f"| {NAMES[row['domain']]} | {' | '.join(cells)} |")
    counted = " or ".join(str(n) for n in sorted(seeds))
    return "\n".join([*lines, "", f"Medians of {counted} seeds, and their range."])


def _cell(name: str, median: float, low: float, high: float) -> str:
    digits = 0 if name == "fit_seconds" else 3
    return f"{median:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def replaced(readme: str, result: dict[str, Any]) -> str:
    """Return the README with the table in its place."""
    start, end = "<!-- figures -->\n", "<!-- /figures -->"
    before, rest = readme.split(start)
    return f"{before}{start}{table(result)}\n{end}{rest.split(end)[1]}"


if __name__ == "__main__":
    path = ROOT / "README.md"
    result = json.loads((ROOT / "benchmarks" / "results" / "utility-adult.json").read_text())
    path.write_text(replaced(path.read_text(), result))
