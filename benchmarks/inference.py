"""Intervals from synthetic rows: how often those of a statistician, who takes the rows for real ones, hold the truth.

    python benchmarks/inference.py --first 0 --seeds 60

Each seed is a study: a table of made-up people, a fit, ten synthetic tables, and 95% intervals of four numbers. The
truth is that of two million people. Runs are added to ``benchmarks/results/inference.json``.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from environment import environment

from tabgan import Boolean, Categorical, Numeric, Schema, TabGAN
from tabgan.datasets import make_people

PATH = Path(__file__).parent / "results" / "inference.json"
PAGE = Path(__file__).parents[1] / "docs" / "concepts" / "statistician.md"
N_ROWS, N_TABLES, EPSILON = 4_000, 10, 1.0
SCHEMA = Schema(
    columns=[
        Numeric(name="age", bounds=(0, 105), decimals=0),
        Categorical(name="sex", categories=("female", "male")),
        Categorical(name="ward", categories=("surgery", "cardiology", "geriatrics")),
        Numeric(name="weight", bounds=(20, 140), decimals=1),
        Boolean(name="readmitted", nullable=False),
    ]
)

Estimate = tuple[float, float]
"""A number and the variance that a textbook gives it."""


def share(df: pd.DataFrame) -> Estimate:
    """Return the share of people who were readmitted."""
    p = float(df["readmitted"].mean())
    return p, p * (1 - p) / len(df)


def age(df: pd.DataFrame) -> Estimate:
    """Return the mean age."""
    return float(df["age"].mean()), float(df["age"].var()) / len(df)


def difference(df: pd.DataFrame) -> Estimate:
    """Return the readmissions of one ward minus those of another."""
    first, second = (share(df[df["ward"] == ward]) for ward in ("cardiology", "surgery"))
    return first[0] - second[0], first[1] + second[1]


def slope(df: pd.DataFrame) -> Estimate:
    """Return the slope of the readmissions on age, by least squares."""
    x, y = df["age"].to_numpy(float), df["readmitted"].to_numpy(float)
    x = x - x.mean()
    b = float((x * y).sum() / (x * x).sum())
    rest = y - y.mean() - b * x
    return b, float((rest * rest).sum() / (len(x) - 2) / (x * x).sum())


NUMBERS: dict[str, Callable[[pd.DataFrame], Estimate]] = {
    "share readmitted": share,
    "mean age": age,
    "difference of two wards": difference,
    "slope on age": slope,
}


def combined(estimates: list[Estimate]) -> dict[str, Estimate]:
    """Return the estimate of several synthetic tables, with the variance of each combining rule."""
    values = np.array([value for value, _ in estimates])
    within, between, m = float(np.mean([v for _, v in estimates])), float(values.var(ddof=1)), len(values)
    mean = float(values.mean())
    return {
        "Reiter (2003), partially synthetic": (mean, within + between / m),
        "Raghunathan et al. (2003), fully synthetic": (mean, max((1 + 1 / m) * between - within, within / m)),
        "Raab et al. (2016), simple synthesis": (mean, within * (1 + 1 / m)),
    }


def from_counts(counts: pd.DataFrame) -> dict[str, Estimate]:
    """Return what follows from the released counts, with the variance of the rows and of the noise."""
    single = counts[(counts["column_1"] == "readmitted") & counts["column_2"].isna()]
    found = {"share readmitted": _share(single, "value_1")}
    pair = counts[(counts["column_1"] == "ward") & (counts["column_2"] == "readmitted")]
    if len(pair):
        first, second = (
            _share(pair[pair["value_1"] == ward], "value_2") for ward in ("cardiology", "surgery")
        )
        found["difference of two wards"] = first[0] - second[0], first[1] + second[1]
    return found


def _share(counts: pd.DataFrame, column: str) -> Estimate:
    by_value = {str(row[column]): row for _, row in counts.iterrows()}
    yes, no = (float(by_value[key]["count"]) for key in ("True", "False"))
    noise = float(by_value["True"]["noise_stddev"]) ** 2
    n = yes + no
    p = yes / n
    return p, p * (1 - p) / n + noise * ((1 - p) ** 2 + p**2) / n**2


def study(seed: int) -> dict[str, Any]:
    """Return the estimates of one study by number and way."""
    real = make_people(N_ROWS, random_state=seed).drop(columns="patient")
    model = TabGAN(epsilon=EPSILON, schema=SCHEMA, random_state=seed).fit(real)
    tables = [model.sample(N_ROWS, random_state=1_000 * seed + place) for place in range(N_TABLES)]
    counts = from_counts(model.marginals())
    found: dict[str, Any] = {}
    for name, estimate in NUMBERS.items():
        of_tables = [estimate(table) for table in tables]
        found[name] = {
            "real rows": estimate(real),
            "one synthetic table": of_tables[0],
            **combined(of_tables),
        }
        if name in counts:
            found[name]["released counts, with their noise"] = counts[name]
    rounded = {
        name: {way: [float(f"{each:.6g}") for each in pair] for way, pair in ways.items()}
        for name, ways in found.items()
    }
    return {"seed": seed, "estimates": rounded}


def summary(runs: list[dict[str, Any]], truth: dict[str, float]) -> list[dict[str, Any]]:
    """Return coverage and error of each way for each number."""
    rows = []
    for name in NUMBERS:
        for way in dict.fromkeys(way for run in runs for way in run["estimates"][name]):
            both = [run["estimates"][name][way] for run in runs if way in run["estimates"][name]]
            off = np.array([value for value, _ in both]) - truth[name]
            half = 1.96 * np.sqrt([variance for _, variance in both])
            rows.append(
                {
                    "number": name,
                    "way": way,
                    "studies": len(both),
                    "coverage": round(float((np.abs(off) <= half).mean()), 3),
                    "bias": float(off.mean()),
                    "rmse": float(math.sqrt((off**2).mean())),
                    "mean_half_width": float(half.mean()),
                }
            )
    return rows


def table(result: dict[str, Any]) -> str:
    """Return the page's table: coverage and error of each way, by number."""
    rows = result["summary"]
    names = list(dict.fromkeys(row["number"] for row in rows))
    lines = ["| 95% interval from | " + " | ".join(names) + " |", "|---" * (1 + len(names)) + "|"]
    for way in dict.fromkeys(row["way"] for row in rows):
        cells = [_cell(rows, name, way) for name in names]
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(rows: list[dict[str, Any]], name: str, way: str) -> str:
    of = {row["way"]: row for row in rows if row["number"] == name}
    if way not in of:
        return "–"
    return f"{of[way]['coverage']:.0%} ({of[way]['rmse'] / of['real rows']['rmse']:.1f})"


def replaced(page: str, result: dict[str, Any]) -> str:
    """Return the page with the table in its place."""
    start, end = "<!-- coverage -->\n", "<!-- /coverage -->"
    before, rest = page.split(start)
    return f"{before}{start}{table(result)}\n{end}{rest.split(end)[1]}"


def _text(result: dict[str, Any]) -> str:
    """Return a result as JSON, a line for each run."""
    runs = ",\n".join(f"  {json.dumps(run)}" for run in result["runs"])
    head = json.dumps({**result, "runs": []}, indent=1)
    return head.replace('"runs": []', f'"runs": [\n{runs}\n ]') + "\n"


def main() -> None:
    """Run studies, add them to the file, and summarise all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=60)
    arguments = parser.parse_args()
    runs = json.loads(PATH.read_text())["runs"] if PATH.exists() else []
    done = {run["seed"] for run in runs}
    everyone = make_people(2_000_000, random_state=10**6)
    truth = {name: estimate(everyone)[0] for name, estimate in NUMBERS.items()}
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        if seed not in done:
            runs.append(study(seed))
            result = {
                "question": "How often does a 95% interval hold the truth?",
                "command": "python benchmarks/inference.py",
                **environment(),
                "settings": {"rows": N_ROWS, "tables": N_TABLES, "epsilon": EPSILON, "delta": 1e-6},
                "truth": truth,
                "summary": summary(runs, truth),
                "runs": runs,
            }
            PATH.write_text(_text(result))
    result = json.loads(PATH.read_text())
    PAGE.write_text(replaced(PAGE.read_text(), result))
    print(pd.DataFrame(result["summary"]).to_string(), file=sys.stderr)


if __name__ == "__main__":
    main()
