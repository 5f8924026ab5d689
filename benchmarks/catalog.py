"""List the figures that there are: writes the table of docs/evaluation.md, and the names in the report's JSON Schema.

python benchmarks/catalog.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tabgan.evaluation.catalog import GROUPS, Entry, figures
from tabgan.report.twin import json_schema

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "evaluation.md"
SCHEMA = ROOT / "tabgan" / "report" / "report.schema.json"
START, END = "<!-- catalog -->\n", "<!-- /catalog -->"

TITLES = ("name", "what it is", "better", "compared with", "gate", "edition", "source")
REFERENCES = {
    "holdout": "the holdout",
    "control": "its control",
    "real": "a model trained on real rows",
    "chance": "chance",
    "synthetic": "unseen synthetic rows",
    "stated": "a sound mechanism",
}


def table() -> str:
    """Return the page's table: a line a figure, by group."""
    head, *lines = (
        "|" + "".join(f" {cell} |" if cell else " |" for cell in line) for line in (TITLES, *_rows())
    )
    return "\n".join([head, "|---" * len(TITLES) + "|", *lines])


def _rows() -> Iterator[tuple[str, ...]]:
    for name, group in GROUPS.items():
        yield (f"**{name}**", group.told, "", "", "", "", group.source)
        for each in figures(name):
            better = "" if each.direction == "none" else each.direction
            gate = "" if each.gate is None else each.gate.replace("_", " ")
            yield (
                f"`{each.name}`",
                each.told,
                better,
                _compared_with(each),
                gate,
                each.editions,
                each.source,
            )


def _compared_with(entry: Entry) -> str:
    if entry.reference is None:
        return "100%" if entry.group == "validity" else ""
    best = "" if entry.best is None else f", {entry.best:g}"
    return REFERENCES[entry.reference] + best


def replaced(page: str) -> str:
    """Return the page with the table in its place."""
    before, rest = page.split(START)
    return f"{before}{START}{table()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    SCHEMA.write_text(json.dumps(json_schema(), indent=1) + "\n", encoding="utf-8")
