"""Spread over seeds: infinite values, repeated rows, lost categories.

    python benchmarks/stability.py --data FOLDER ... --judge evaluate.py [--epsilon 1] [--seeds 20]

FOLDER and the judge are those of ``benchmarks/utility.py``; the domain is public. For every fit: the share of rows that
repeat an earlier synthetic row, beside the real table's own; the share of the real table's categories with at least
ten rows that occur at least once; the judge's figures. Writes ``benchmarks/results/stability.json``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from environment import environment
from utility import must_be_judged, public_schema, without

from tabgan import TabGAN

RESULTS = Path(__file__).parent / "results"

#: A category with fewer rows is not expected to survive.
FREQUENT = 10

#: Columns of the shared tables that the judge cannot score.
DROP = {"compas": ["c_jail_in", "c_jail_out"]}

FIGURES = ("tvd1", "tvd2", "tvd3", "tstr", "c2st")


def coverage(real: pd.DataFrame, synthetic: pd.DataFrame, numeric: list[str]) -> float:
    """Return the share of frequent categories that occur in the synthetic rows."""
    found = wanted = 0
    for name in (name for name in real if name not in numeric):
        counts = real[name].value_counts()
        frequent = set(counts.index[counts >= FREQUENT])
        wanted += len(frequent)
        found += len(frequent & set(synthetic[name].dropna()))
    return found / max(wanted, 1)


def run(folder: Path, judge: Path, epsilon: float, seed: int) -> dict[str, Any]:
    """Fit and sample with one seed, and return the record."""
    meta = json.loads((folder / "meta.json").read_text())
    train = pd.read_csv(folder / "train.csv")
    start = time.perf_counter()
    model = TabGAN(epsilon=epsilon, schema=public_schema(folder, meta), random_state=seed).fit(train)
    seconds = time.perf_counter() - start
    synthetic = model.sample(len(train))
    path = folder / "synthetic.csv"
    synthetic.to_csv(path, index=False)
    figures = must_be_judged(judge, folder, path)
    numbers = synthetic.select_dtypes("number").to_numpy(dtype=float)
    return {
        "seed": seed,
        "fit_seconds": round(seconds, 2),
        "infinite": int(np.isinf(numbers).sum()),
        "duplicates": float(synthetic.duplicated().mean()),
        "duplicates_real": float(train.duplicated().mean()),
        "coverage": coverage(train, synthetic, meta["numeric"]),
        **{name: figures[name] for name in FIGURES},
    }


def spread(records: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Return minimum, median, maximum and standard deviation of every figure over the seeds."""
    table = pd.DataFrame(records).drop(columns="seed")
    return {
        name: [round(float(value), 4) for value in (c.min(), c.median(), c.max(), c.std())]
        for name, c in table.items()
    }


def main() -> None:
    """Run all seeds on all tables and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--judge", type=Path, required=True)
    parser.add_argument("--epsilon", type=float, default=1.0)
    parser.add_argument("--seeds", type=int, default=20)
    arguments = parser.parse_args()
    tables = {}
    for folder in arguments.data:
        with tempfile.TemporaryDirectory() as name:
            scratch = Path(name)
            for file in ("train.csv", "test.csv", "meta.json"):
                (scratch / file).write_bytes((folder / file).read_bytes())
            without(scratch, DROP.get(folder.name, []), scratch)
            records = [
                run(scratch, arguments.judge, arguments.epsilon, seed) for seed in range(arguments.seeds)
            ]
        tables[folder.name] = {"min_median_max_std": spread(records), "runs": records}
        print(folder.name, json.dumps(tables[folder.name]["min_median_max_std"]), flush=True)
    shown = " ".join(folder.name for folder in arguments.data)
    result = {
        "question": __doc__.splitlines()[0],
        "command": f"python benchmarks/stability.py --data {shown} --judge evaluate.py "
        f"--epsilon {arguments.epsilon:g} --seeds {arguments.seeds}",
        "epsilon": arguments.epsilon,
        **environment(),
        "tables": tables,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "stability.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
