"""Time of an evaluation, and size of its report.

    python benchmarks/evaluation.py [--rows 10000 100000] [--columns 30] [--repeat 3]

Tables are made up: numbers, amounts with many zeros, 2 to 200 categories, dates, missing cells, a target that
depends on several columns. The holdout has a quarter of the rows. Writes ``benchmarks/results/evaluation.json``:
seconds of the whole evaluation, of its steps and of rendering, and the sizes of page and twin.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from environment import environment

from tabgan.evaluation import evaluate
from tabgan.evaluation.result import Evaluation
from tabgan.privacy.filter import PrivacyStatement
from tabgan.report import collect, to_html, to_json
from tabgan.schema import Categorical, Schema

PATH = Path(__file__).parent / "results" / "evaluation.json"


def table(n_rows: int, n_columns: int, seed: int) -> pd.DataFrame:
    """Return a mixed table; tables of two seeds come from one distribution."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(n_rows, 3))
    columns: dict[str, Any] = {}
    for j in range(n_columns - 1):
        mix = hidden @ np.random.default_rng(j).normal(size=3) + rng.normal(size=n_rows)
        kind = j % 5
        if kind == 0:
            columns[f"number {j}"] = np.round(100 * mix).astype(int)
        elif kind == 1:
            columns[f"amount {j}"] = np.where(mix > 0.5, np.round(np.exp(mix) * 100, 2), 0.0)
        elif kind == 2:
            n_categories = (2, 5, 20, 200)[(j // 5) % 4]
            places = np.clip(((mix + 5) * n_categories / 10).astype(int), 0, n_categories - 1)
            columns[f"category {j}"] = np.array([f"c{k}" for k in range(n_categories)], dtype=object)[places]
        elif kind == 3:
            columns[f"date {j}"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(
                (mix * 100).astype(int), unit="D"
            )
        else:
            columns[f"gap {j}"] = np.where(rng.random(n_rows) < 0.2, np.nan, np.round(mix, 1))
    columns["target"] = np.where(hidden.sum(axis=1) + rng.normal(size=n_rows) > 1, "yes", "no")
    return pd.DataFrame(columns)


def judge(n_rows: int, n_columns: int) -> tuple[Evaluation, tuple[pd.DataFrame, ...], dict[str, float]]:
    """Return an evaluation, its tables, and the seconds of each step."""
    tables = (table(n_rows, n_columns, 0), table(n_rows // 4, n_columns, 1), table(n_rows, n_columns, 2))
    start, cpu = time.perf_counter(), time.process_time()
    marks: list[float] = []
    found = evaluate(*tables, target="target", progress=lambda *_: marks.append(time.perf_counter()))
    seconds = {"wall": time.perf_counter() - start, "cpu": time.process_time() - cpu}
    return found, tables, seconds | {"longest step": max(np.diff([start, *marks]))}


def render(found: Evaluation, tables: tuple[pd.DataFrame, ...]) -> dict[str, float]:
    """Return seconds and sizes of the report."""
    real = tables[0]
    columns = [
        Categorical(name=name, categories=tuple(sorted(real[name].unique())))
        if real[name].dtype == object
        else {"name": name, "kind": "datetime", "bounds": ("2000-01-01", "2040-01-01"), "resolution": "day"}
        if "date" in name
        else {
            "name": name,
            "kind": "numeric",
            "bounds": (-100_000, 100_000),
            "decimals": 0 if "number" in name else 2,
        }
        for name in real
    ]
    nothing = PrivacyStatement(False, None, None, None, 0.0)
    data = collect(
        found, *tables, privacy=nothing, schema=Schema(columns), title="benchmark", target="target"
    )
    start = time.perf_counter()
    page = to_html(data)
    seconds = time.perf_counter() - start
    return {
        "html seconds": seconds,
        "html bytes": len(page.encode()),
        "json bytes": len(to_json(data).encode()),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--columns", type=int, nargs="+", default=[30])
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    runs = []
    for n_columns in arguments.columns:
        for n_rows in arguments.rows:
            seconds = []
            for _ in range(arguments.repeat):
                found, tables, taken = judge(n_rows, n_columns)
                seconds.append(taken)
            run: dict[str, Any] = {"rows": n_rows, "columns": n_columns, "not computed": [
                metric.name for metric in found.metrics if not metric.is_computed
            ]}  # fmt: skip
            for name in seconds[0]:
                values = sorted(round(each[name], 2) for each in seconds)
                run[f"{name} seconds"] = {
                    "median": statistics.median(values),
                    "low": values[0],
                    "high": values[-1],
                }
            run |= {name: round(value, 2) for name, value in render(found, tables).items()}
            run["peak memory of the process, GB"] = round(
                resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2
            )
            runs.append(run)
            print(json.dumps(run))
    result = {
        "command": f"python benchmarks/evaluation.py --rows {' '.join(map(str, arguments.rows))} --columns "
        f"{' '.join(map(str, arguments.columns))} --repeat {arguments.repeat}",
        **environment(),
        "runs": runs,
    }
    PATH.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
