"""The section on real tables of the page of figures: measured figures, and the aims that it reaches."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import numpy as np

#: Columns without a value that could be released: unique keys, and names of people and pets.
ASIDE = {"license_number", "animal_name", "fake_first_name", "idNum", "test_id"}

#: Rows from which on a table is large, and the fewest of a small one.
LARGE, SMALL = 5_000, 1_000

Record = dict[str, Any]

#: An aim, the figure, and true if it is reached; ``None`` if it was not measured.
Aim = tuple[str, str, bool | None]


def lines_of(result: dict[str, Any]) -> list[str]:
    """Return the lines of the section."""
    records = result["records"]
    lines = ["## Real tables", "", result["what"], ""]
    lines += ["| table | rows | epsilon | through | fits | shape | tvd2 over chance |", "|---" * 7 + "|"]
    for (name, rows, epsilon, is_csv), fits in sorted(
        _grouped(records).items(), key=lambda g: (g[0][2], g[0])
    ):
        shapes, ratios = [r["shape"] for r in fits], [r["tvd2"] / r["tvd2_by_chance"] for r in fits]
        road = "CSV" if is_csv else "frame"
        figures = f"{_spread(shapes, 3)} | {_spread(ratios, 2)}"
        lines.append(f"| {name} | {rows:,} | {epsilon:g} | {road} | {len(fits)} | {figures} |")
    lines += [
        "",
        "Aims, at epsilon 1 with nothing declared, tables of 5,000 rows and more unless said otherwise:",
        "",
    ]
    lines += ["| aim | measured | |", "|---|---|---|"]
    for aim, measured, is_reached in [*_of_tables(records), *_of_columns(records), *_of_roads(records)]:
        said = "not measured" if is_reached is None else "reached" if is_reached else "missed"
        lines.append(f"| {aim} | {measured} | {said} |")
    return [*lines, ""]


def _grouped(records: list[Record]) -> dict[tuple[str, int, float, bool], list[Record]]:
    groups = defaultdict(list)
    for record in records:
        groups[record["table"], record["rows"], record["epsilon"], record["csv"]].append(record)
    return groups


def _spread(values: list[float], digits: int) -> str:
    middle = f"{np.median(values):.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def _large(records: list[Record], is_csv: bool = False) -> list[Record]:
    return [r for r in records if r["rows"] >= LARGE and r["epsilon"] == 1 and r["csv"] == is_csv]


def _of_tables(records: list[Record]) -> list[Aim]:
    """Return aims of whole tables: the medians of their fits, and the median of these."""
    groups = _grouped(_large(records)).values()
    shape = float(np.median([np.median([r["shape"] for r in fits]) for fits in groups]))
    ratio = float(np.median([np.median([r["tvd2"] / r["tvd2_by_chance"] for r in fits]) for fits in groups]))
    return [
        (
            "shape of .97 in the median of the tables, keys and names included",
            f"{shape:.3f} ({len(groups)} tables)",
            shape >= 0.97,
        ),
        (
            "tvd2 of three times chance at most, in the median",
            f"{ratio:.2f} ({len(groups)} tables)",
            ratio <= 3,
        ),
    ]


def _of_columns(records: list[Record]) -> list[Aim]:
    """Return aims of columns, with those that miss them and the number of fits in which they do."""
    large = _large(records)
    small = [r for r in records if SMALL <= r["rows"] < LARGE and not r["csv"]]
    aims = [
        ("shape of .93 for each column, keys and names aside", large, "shapes_below_0.93"),
        ("rows in lost categories: 8% at most, keys and names aside", large, "rows_in_lost_categories"),
        ("no column off its grid", large, "off_their_grid"),
        ("no column all missing", large, "all_missing"),
        ("calendar effects: 70%", large, "calendar_effects_below_0.7"),
        ("no impossible 0/1 or month", large, "impossible_flags_and_months"),
        (
            "1,000 to 5,000 rows: no column wholly outside its range",
            [r for r in small if r["epsilon"] == 1],
            "wholly_outside",
        ),
    ]
    found = []
    for aim, fits, key in aims:
        missed = Counter(
            (r["table"], " by ".join(map(str, each[2:0:-1])) if isinstance(each, list) else each)
            for r in fits
            for each in r[key]
            if isinstance(each, list) or each not in ASIDE
        )
        n_fits = Counter(r["table"] for r in fits)
        told = ", ".join(
            f"`{column}` ({table}, {n} of {n_fits[table]})" for (table, column), n in sorted(missed.items())
        )
        found.append((aim, told or "none misses it", not missed))
    return found


def _of_roads(records: list[Record]) -> list[Aim]:
    """Return aims of a CSV beside the frame, and of small tables at epsilon 3."""
    shapes = {key: float(np.median([r["shape"] for r in fits])) for key, fits in _grouped(records).items()}
    gaps = {
        n: shapes[n, rows, 1, True] - shapes[n, rows, 1, False]
        for n, rows, e, csv in shapes
        if csv and e == 1
    }
    small = {
        n: shape
        for (n, rows, e, csv), shape in shapes.items()
        if SMALL <= rows < LARGE and e == 3 and not csv
    }
    return [
        (
            "through a CSV within .02 of the frame's shape",
            ", ".join(f"{name} {gap:+.3f}" for name, gap in sorted(gaps.items())) or "",
            min(gaps.values()) >= -0.02 if gaps else None,
        ),
        (
            "1,000 to 5,000 rows at epsilon 3: shape of .95",
            ", ".join(f"{name} {shape:.3f}" for name, shape in sorted(small.items())) or "",
            min(small.values()) >= 0.95 if small else None,
        ),
    ]
