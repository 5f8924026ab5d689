"""Quality of the synthetic rows of a real table, and time of a fit.

    python benchmarks/utility.py --data FOLDER --judge evaluate.py [--epsilon 1 3 none] [--seeds 0 1 2]

FOLDER holds ``train.csv``, ``test.csv`` and ``meta.json`` (target, numeric columns). The judge is a separate
script that scores a CSV file against such a folder and prints JSON; it is not part of this repository. Every run adds
a record to ``benchmarks/results/utility-NAME.json``, which keeps runs of one commit only. ``--domain public`` declares
categories, bounds and decimals of train and test together as public, as peers' figures on these tables do;
``--domain private`` declares nothing. ``benchmarks/peers/run.py`` fits the peers; ``benchmarks/compare.py`` puts both
side by side.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from environment import environment, kept

from tabgan import Categorical, Numeric, Schema, TabGAN

RESULTS = Path(__file__).parent / "results"


def public_schema(folder: Path, meta: dict[str, Any]) -> Schema:
    """Return the domain of train and test together, taken as public."""
    train, test = (pd.read_csv(folder / name) for name in ("train.csv", "test.csv"))
    both = pd.concat([train, test])
    columns: list[Any] = []
    for name in train.columns:
        values = both[name].dropna()
        if name in meta["numeric"]:
            decimals = next((d for d in range(6) if np.allclose(values, values.round(d), atol=1e-9)), 6)
            columns.append(Numeric(name=name, bounds=(values.min(), values.max()), decimals=decimals))
        else:
            columns.append(Categorical(name=name, categories=tuple(sorted(values.unique().tolist()))))
    return Schema(columns, target=meta["target"])


def run(
    folder: Path, judge: Path, epsilon: float | None, seed: int, domain: str, drop: list[str]
) -> dict[str, Any]:
    """Fit, sample as many rows as the table has, let the judge score them, and return the record."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = without(folder, drop, Path(scratch))
        meta = json.loads((folder / "meta.json").read_text())
        train = pd.read_csv(folder / "train.csv")
        schema = public_schema(folder, meta) if domain == "public" else None
        start = time.perf_counter()
        model = TabGAN(epsilon=epsilon, schema=schema, random_state=seed).fit(train)
        fitted = time.perf_counter()
        synthetic = model.sample(len(train))
        sampled = time.perf_counter()
        path = Path(scratch) / "synthetic.csv"
        synthetic.to_csv(path, index=False)
        figures, reason = judged(judge, folder, path)
    return {
        "epsilon": epsilon,
        "epsilon_spent": model.privacy_.epsilon_spent,
        "domain": domain,
        "seed": seed,
        "fit_seconds": round(fitted - start, 2),
        "sample_seconds": round(sampled - fitted, 3),
        "judge": figures,
        "reason": reason,
    }


def judged(
    judge: Path, folder: Path, synthetic: Path, *options: str
) -> tuple[dict[str, Any] | None, str | None]:
    """Return the judge's figures of a CSV file, or ``None`` and the reason."""
    scored = subprocess.run(
        [sys.executable, str(judge), *options, str(folder), str(synthetic)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        check=False,
    )
    if scored.returncode != 0:
        return None, scored.stderr.strip().splitlines()[-1]
    return json.loads(scored.stdout.splitlines()[-1]), None


def must_be_judged(judge: Path, folder: Path, synthetic: Path) -> dict[str, Any]:
    """Return the judge's figures of a CSV file except those of sdmetrics, which take longest.

    Raises:
        RuntimeError: it has none.
    """
    figures, reason = judged(judge, folder, synthetic, "--no-sdm")
    if figures is None:
        raise RuntimeError(f"judge: {reason}")
    return figures


def without(folder: Path, drop: list[str], scratch: Path) -> Path:
    """Return a folder with the same tables without some columns."""
    if not drop:
        return folder
    for name in ("train.csv", "test.csv"):
        pd.read_csv(folder / name).drop(columns=drop).to_csv(scratch / name, index=False)
    meta = json.loads((folder / "meta.json").read_text())
    meta["numeric"] = [name for name in meta["numeric"] if name not in drop]
    (scratch / "meta.json").write_text(json.dumps(meta))
    return scratch


def spread(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return median, minimum and maximum of every figure over the seeds of a setting."""
    settings: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for record in records:
        if record["judge"]:
            figures = record["judge"] | {key: record[key] for key in ("fit_seconds", "sample_seconds")}
            settings.setdefault((record["epsilon"], record["domain"]), []).append(figures)
    return [
        {"epsilon": epsilon, "domain": domain, "seeds": len(runs)}
        | {
            name: [float(f([run[name] for run in runs])) for f in (np.median, np.min, np.max)]
            for name in runs[0]
        }
        for (epsilon, domain), runs in settings.items()
    ]


def setting(record: dict[str, Any]) -> tuple[Any, ...]:
    """Return the key that distinguishes a run from others."""
    return record["epsilon"], record["domain"], record["seed"]


def main() -> None:
    """Run every requested setting and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--judge", type=Path, required=True)
    parser.add_argument("--epsilon", nargs="+", default=["1"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--domain", nargs="+", choices=["public", "private"], default=["public", "private"])
    parser.add_argument("--drop", nargs="*", default=[], help="columns that the judge cannot score")
    arguments = parser.parse_args()
    name = arguments.data.name
    path = RESULTS / f"utility-{name}.json"
    records, commands = kept(path)
    for domain in arguments.domain:
        for text in arguments.epsilon:
            epsilon = None if text == "none" else float(text)
            for seed in arguments.seeds:
                record = run(arguments.data, arguments.judge, epsilon, seed, domain, arguments.drop)
                records = [r for r in records if setting(r) != setting(record)] + [record]
                print(json.dumps(record), flush=True)
    shown = [
        "--epsilon",
        *arguments.epsilon,
        "--seeds",
        *map(str, arguments.seeds),
        "--domain",
        *arguments.domain,
    ]
    shown += ["--drop", *arguments.drop] if arguments.drop else []
    command = f"python benchmarks/utility.py --data {name} --judge evaluate.py {' '.join(shown)}"
    result = {
        "question": __doc__.splitlines()[0],
        "commands": [*(c for c in commands if c != command), command],
        "table": name,
        **environment(),
        "median_min_max": spread(records),
        "runs": records,
    }
    RESULTS.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
