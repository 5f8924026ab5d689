"""Processor seconds of the whole road from a file to a report, stage by stage.

    python benchmarks/road.py --data FOLDER [--runs 3]

FOLDER is as in ``utility.py``. Each run is a process of its own: imports, reading the training rows from CSV, every
stage of a fit at epsilon 1 with its target declared, drawing and writing as many rows as it was fitted to, and the
evaluation against a third of the rows, which the fit did not see. Seconds are the processor's, of all threads, which
other processes disturb little; ``share`` is a stage's part of all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
EPSILON, DELTA = 1.0, 1e-6


class Stages:
    """Processor seconds by stage, in order."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._begun = 0.0  # the interpreter's own start counts as import

    def end(self, stage: str) -> None:
        """Book the time since the last end on a stage."""
        now = time.process_time()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._begun
        self._begun = now


def main() -> None:
    """Take the road a few times, each in a process of its own, and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.seed is not None:
        print(json.dumps(walk(arguments.data, arguments.seed)))
        return
    from environment import environment

    load = round(os.getloadavg()[0], 1)
    runs = [walk_apart(arguments.data, seed) for seed in range(arguments.runs)]
    middle = {stage: statistics.median(run.get(stage, 0.0) for run in runs) for stage in runs[0]}
    whole = sum(middle.values())
    result = {
        "question": __doc__.splitlines()[0],
        "command": f"python benchmarks/road.py --data {arguments.data.name} --runs {arguments.runs}",
        "table": arguments.data.name,
        **environment(),
        "load_before": load,
        "epsilon": EPSILON,
        "cpu_seconds": round(whole, 1),
        "stages": {
            stage: {"cpu_seconds": round(each, 2), "share": round(each / whole, 3)}
            for stage, each in middle.items()
        },
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "road.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["stages"], indent=1))


def walk_apart(data: Path, seed: int) -> dict[str, float]:
    """Return the seconds by stage of one walk in a fresh process."""
    command = [sys.executable, __file__, "--data", str(data), "--seed", str(seed)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    seconds: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps(seconds), flush=True)
    return seconds


def walk(data: Path, seed: int) -> dict[str, float]:
    """Return the seconds by stage of one walk."""
    stages = Stages()
    import pandas as pd

    from tabgan import Schema, TabGAN

    stages.end("import")
    target = json.loads((data / "meta.json").read_text())["target"]
    df = pd.read_csv(data / "train.csv")
    stages.end("read")
    shuffled = df.sample(frac=1.0, random_state=seed, ignore_index=True)
    n_holdout = len(df) // 3
    train, holdout = shuffled.iloc[n_holdout:].reset_index(drop=True), shuffled.iloc[:n_holdout]
    last = "fit: codes"
    stages.end("read")

    def progress(stage: str, done: int, total: int) -> None:
        nonlocal last
        del done, total
        stages.end(last)
        last = f"fit: {stage}"

    model = TabGAN(EPSILON, DELTA, schema=Schema(target=target), random_state=seed)
    model.fit(train, progress=progress)
    stages.end(last)
    with tempfile.TemporaryDirectory() as folder:
        model.sample_to(Path(folder) / "synthetic.parquet", len(train), random_state=seed)
        stages.end("sample and write")
        report = model.evaluate(train, holdout.reset_index(drop=True))
        stages.end("evaluate")
        report.to_html(Path(folder) / "report.html")
        stages.end("report")
    return stages.seconds


if __name__ == "__main__":
    main()
