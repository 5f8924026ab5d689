"""Time and memory of fits to tables of many columns.

    python benchmarks/wide.py [--columns 60 120 300] [--rows 20000]

The tables are made up: a third of the columns are numbers, a third categories, a third flags, and all follow from eight
hidden numbers. Nothing is declared. Each fit, at epsilon 1, is a process of its own, whose peak memory
``/usr/bin/time -v`` tells from outside; processor seconds beside those of the clock show the load of other processes.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from environment import environment, measured_outside

from tabgan import TabGAN

RESULTS = Path(__file__).parent / "results"
EPSILON, DELTA, HIDDEN = 1.0, 1e-6, 8


def main() -> None:
    """Run every number of columns in a process of its own, and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--columns", type=int, nargs="+", default=[60, 120, 300])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--task", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        print(json.dumps(fit(arguments.rows, arguments.task)))
        return
    runs = []
    for columns in arguments.columns:
        runs.append(measured_outside(__file__, "--rows", str(arguments.rows), "--task", str(columns)))
        print(json.dumps(runs[-1]), flush=True)
    result = {
        "question": __doc__.splitlines()[0],
        "command": "python benchmarks/wide.py --columns "
        f"{' '.join(map(str, arguments.columns))} --rows {arguments.rows}",
        **environment(),
        "epsilon": EPSILON,
        "runs": runs,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "wide.json").write_text(json.dumps(result, indent=1) + "\n")


def made_up(rows: int, columns: int) -> pd.DataFrame:
    """Return numbers, categories and flags that depend on each other."""
    rng = np.random.default_rng(0)
    hidden, made = rng.normal(size=(rows, HIDDEN)), {}
    for i in range(columns):
        value = 0.8 * hidden[:, i % HIDDEN] + 0.6 * rng.normal(size=rows)
        if i % 3 == 0:
            made[f"number {i}"] = value.round(3)
        elif i % 3 == 1:
            made[f"category {i}"] = np.array(list("abcdef"))[np.clip((1.2 * value + 3).astype(int), 0, 5)]
        else:
            made[f"flag {i}"] = value > 0.5
    return pd.DataFrame(made)


def fit(rows: int, columns: int) -> dict[str, Any]:
    """Return the seconds of a fit, and of a sample of as many rows."""
    table = made_up(rows, columns)
    start, cpu = time.perf_counter(), time.process_time()
    model = TabGAN(EPSILON, DELTA, random_state=0).fit(table)
    fitted, fitted_cpu = time.perf_counter(), time.process_time()
    model.sample(rows)
    return {
        "rows": rows,
        "columns": columns,
        "fit_seconds": round(fitted - start, 1),
        "fit_cpu_seconds": round(fitted_cpu - cpu, 1),
        "sample_cpu_seconds": round(time.process_time() - fitted_cpu, 1),
        "pairs": sum(1 for entry in model.privacy_.entries if entry.what == "2-way marginal"),
    }


if __name__ == "__main__":
    main()
