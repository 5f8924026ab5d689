"""Columns that noise hides, and the bounds of columns of 0 and 1.

    python benchmarks/unseen.py

Writes ``benchmarks/results/unseen.json``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

import tabgan
from tabgan import TabGAN
from tabgan.datasets import load_happiness

SEEDS = range(8)


def small_table(n_rows: int, n_columns: int, seed: int) -> pd.DataFrame:
    """Return whole numbers with one missing row, so that every column can be missing."""
    rng = np.random.default_rng(seed)
    df = pd.DataFrame({f"c{i}": rng.normal(60 + 10 * i, 15, n_rows).round() for i in range(n_columns)})
    df.iloc[0, :] = np.nan
    return df


def measure_small(n_rows: int, n_columns: int = 16) -> dict[str, int]:
    """Count columns of small tables that come back missing, and those that lie wholly outside the real range."""
    found = {"rows": n_rows, "columns": 0, "all_missing": 0, "wholly_outside": 0}
    for seed in SEEDS:
        df = small_table(n_rows, n_columns, seed)
        sample = TabGAN(epsilon=1.0, adversary_share=0, random_state=seed).fit(df).sample(n_rows)
        for name in df:
            values = sample[name].dropna()
            found["columns"] += 1
            found["all_missing"] += int(values.empty)
            is_outside = not values.empty and (values.min() > df[name].max() or values.max() < df[name].min())
            found["wholly_outside"] += int(is_outside)
    return found


def measure_flags(fits: int = 4) -> dict[str, int]:
    """Count columns of 0 and 1 of the quick start's table with other released bounds."""
    df = load_happiness()
    flags = [name for name in df if set(df[name].dropna().unique()) <= {0, 1}]
    others = 0
    for seed in range(fits):
        schema = TabGAN(epsilon=1.0, adversary_share=0, random_state=seed).fit(df).schema_
        others += sum(getattr(schema[name], "bounds", None) != (0.0, 1.0) for name in flags)
    return {"fits": fits, "flags": fits * len(flags), "other_bounds": others}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "unseen.json")
    output = parser.parse_args().output
    result = {
        "command": "python benchmarks/unseen.py",
        "tabgan": tabgan.__version__,
        "epsilon": 1.0,
        "seeds": len(SEEDS),
        "small": [measure_small(500), measure_small(1_000)],
        "flags": measure_flags(),
    }
    output.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
