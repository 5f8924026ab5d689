"""Private metrics of a table beside the exact figures.

    python benchmarks/private_metrics.py --data FOLDER [--epsilon 1] [--private-metrics-epsilon 0.05 0.1] [--repeat 20]

FOLDER holds ``train.csv`` and ``meta.json`` (target). One fit; each budget is spent ``--repeat`` times, which on a real
private table would be charged each time. Records the noisy figures, the exact ones, which a user never sees, and the
share of intervals that cover them. Writes ``benchmarks/results/private_metrics.json``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from environment import environment

from tabgan import TabGAN
from tabgan._util.rng import RandomStreams
from tabgan.assessment.private_request import (
    PrivateMetricsResult,
    measure_private_metrics,
    place_request,
    plan_private_metrics,
)
from tabgan.assessment.shareable import Sets
from tabgan.privacy.doors.private_metrics import Comparison
from tabgan.privacy.released import Noisy

PATH = Path(__file__).parent / "results" / "private_metrics.json"


def figures(result: PrivateMetricsResult) -> dict[str, Noisy]:
    """Return the figures over all columns."""
    metrics = result.metrics
    columns = list(metrics.columns.values())
    mean = Noisy(
        float(np.mean([each.value for each in columns])), columns[0].noise_stddev / np.sqrt(len(columns))
    )
    found = {"columns": mean, "pairs": metrics.pairs, "triples": metrics.triples, "accuracy": metrics.correct}
    return {name: noisy for name, noisy in found.items() if noisy is not None}


def main() -> None:
    """Fit, measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--epsilon", type=float, default=1.0)
    parser.add_argument("--private-metrics-epsilon", type=float, nargs="+", default=[0.05, 0.1, 0.5])
    parser.add_argument("--repeat", type=int, default=20)
    arguments = parser.parse_args()
    target = json.loads((arguments.data / "meta.json").read_text())["target"]
    train = pd.read_csv(arguments.data / "train.csv")
    fitted = TabGAN(epsilon=arguments.epsilon, random_state=0).fit(train)
    synthetic = fitted.sample(len(train))
    parts = fitted._fitted  # what model.evaluate hands on
    codes, synthetic_codes = (parts.encoder.without_cycles.transform(table) for table in (train, synthetic))
    compare = Comparison(codes, synthetic_codes, parts.encoder.without_cycles.sizes)
    sets = Sets.of(len(parts.encoder.without_cycles.columns), RandomStreams(0))
    singles = [(j,) for j in range(len(parts.encoder.without_cycles.columns))]
    exact = {
        name: compare.mean_distance(each) / len(train)
        for name, each in (("columns", singles), ("pairs", sets.pairs), ("triples", sets.triples))
    }
    runs = []
    for epsilon in arguments.private_metrics_epsilon:
        plan = plan_private_metrics(fitted.privacy_, epsilon, fitted.plan_.delta, fitted.plan_.unit)
        results = []
        for _ in range(arguments.repeat):
            request = place_request(parts, train, synthetic, plan, target=target)
            results.append(figures(measure_private_metrics(request, parts, train, target=target)))
        for name in results[0]:
            values = np.array([each[name].value for each in results])
            stddev = results[0][name].noise_stddev
            run = {
                "private_metrics_epsilon": epsilon,
                "figure": name,
                "exact": None if name not in exact else round(exact[name], 4),
                "median": round(float(np.median(values)), 4),
                "low": round(float(values.min()), 4),
                "high": round(float(values.max()), 4),
                "declared_stddev": round(stddev, 5),
                "stddev": round(float(values.std(ddof=1)), 5),
            }
            if name in exact:
                run["intervals_that_hold_it"] = int((np.abs(values - exact[name]) <= 1.96 * stddev).sum())
            runs.append(run)
            print(json.dumps(run), flush=True)
    result = {
        "question": __doc__.splitlines()[0],
        "command": f"python benchmarks/private_metrics.py --data {arguments.data.name} "
        f"--epsilon {arguments.epsilon:g} --private-metrics-epsilon "
        f"{' '.join(map(str, arguments.private_metrics_epsilon))} --repeat {arguments.repeat}",
        **environment(),
        "rows": len(train),
        "released_rows": round(parts.n_rows, 1),
        "repeat": arguments.repeat,
        "runs": runs,
    }
    PATH.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
