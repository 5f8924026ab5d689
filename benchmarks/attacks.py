"""Attacks on tables of known risk: copies, fresh rows, shuffled columns and a fit.

    python benchmarks/attacks.py --data FOLDER [--epsilon 1] [--seed 0]

FOLDER holds ``train.csv``, ``test.csv`` and ``meta.json`` (target). One half of the test rows is the holdout. The
tables to judge: the training rows themselves; the other half of the test rows; the training rows with every column
shuffled; a sample of a fit. Where anonymeter is installed its figures stand beside ours. Its pins exclude current
releases of NumPy, so it has an environment of its own:

    python -m venv VENV && VENV/bin/pip install . "anonymeter==1.1.0"
    VENV/bin/python benchmarks/attacks.py --data FOLDER

Writes ``benchmarks/results/attacks.json``.
"""

from __future__ import annotations

import argparse
import json
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anonymeter_adapter import anonymeter_metrics
from environment import environment
from threadpoolctl import threadpool_limits

from tabgan import TabGAN
from tabgan._util.rng import RandomStreams
from tabgan.evaluation.attacks.anonymity import attack_steps
from tabgan.evaluation.attacks.copies import copy_findings
from tabgan.evaluation.attacks.membership import membership_findings
from tabgan.evaluation.result import Metric
from tabgan.evaluation.tables import prepare

PATH = Path(__file__).parent / "results" / "attacks.json"


def tables_to_judge(
    train: pd.DataFrame, fresh: pd.DataFrame, epsilon: float, seed: int
) -> dict[str, pd.DataFrame]:
    """Return the known extremes and a sample of a fit."""
    rng = np.random.default_rng(seed)
    shuffled = {name: train[name].to_numpy()[rng.permutation(len(train))] for name in train}
    model = TabGAN(epsilon=epsilon, random_state=seed).fit(train)
    return {
        "copy of the training rows": train,
        "fresh rows": fresh,
        "shuffled columns": pd.DataFrame(shuffled),
        f"tabgan, epsilon {epsilon:g}": model.sample(len(train)),
    }


def record(metric: Metric) -> dict[str, Any]:
    """Return a metric's findings, rounded."""
    if metric.value is None:
        return {"reason": metric.reason}
    found: dict[str, Any] = {
        "success": metric.value,
        "control": metric.reference,
        "baseline": metric.baseline,
    }
    if metric.risk is not None:
        found |= {
            "risk": metric.risk.value,
            "low": metric.risk.interval.low,
            "high": metric.risk.interval.high,
        }
    return {name: None if value is None else round(float(value), 4) for name, value in found.items()}


def run(
    train: pd.DataFrame, holdout: pd.DataFrame, synthetic: pd.DataFrame, target: str, seed: int
) -> dict[str, Any]:
    """Attack one table on one core and return figures and seconds."""
    tables, streams = prepare(train, holdout, synthetic, None), RandomStreams(seed)
    groups = {
        "attacks": lambda: [metric for step in attack_steps(tables, streams) for metric in step()],
        "membership": lambda: membership_findings(tables, streams).metrics,
        "anonymeter": lambda: anonymeter_metrics(tables, target, streams),
        "copies": lambda: copy_findings(tables, streams).metrics,
    }
    figures, seconds = {}, {}
    for name, attack in groups.items():
        start = time.perf_counter()
        with threadpool_limits(1):
            figures |= {metric.name: record(metric) for metric in attack()}
        seconds[name] = round(time.perf_counter() - start, 1)
    return {"seconds": seconds, "figures": figures}


def main() -> None:
    """Attack every table and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--epsilon", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    target = json.loads((arguments.data / "meta.json").read_text())["target"]
    train, test = (pd.read_csv(arguments.data / f"{name}.csv") for name in ("train", "test"))
    test = test.sample(frac=1, random_state=arguments.seed)
    fresh, holdout = test[: len(test) // 2], test[len(test) // 2 :]
    rows = []
    for name, synthetic in tables_to_judge(train, fresh, arguments.epsilon, arguments.seed).items():
        rows.append({"synthetic": name, **run(train, holdout, synthetic, target, arguments.seed)})
        print(json.dumps(rows[-1]), flush=True)
    try:
        anonymeter = version("anonymeter")
    except PackageNotFoundError:
        anonymeter = None
    result = {
        "question": __doc__.splitlines()[0],
        "command": f"python benchmarks/attacks.py --data {arguments.data.name} --epsilon {arguments.epsilon:g} "
        f"--seed {arguments.seed}",
        "rows_of": {"training": len(train), "holdout": len(holdout), "fresh": len(fresh)},
        **environment(),
        "anonymeter": anonymeter,
        "rows": rows,
    }
    PATH.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
