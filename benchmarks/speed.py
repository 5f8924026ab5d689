"""Time of a fit, a step of the critic and a sample, and memory of a fit.

    python benchmarks/speed.py [--data FOLDER] [--runs 3]

FOLDER is as in ``utility.py``; its domain is declared as public. Without one, a table is made up. Tables of a given
number of rows are bootstrapped from the training rows; tables of more columns than the folder has are extended by a
row-shuffled copy of themselves. Every fit is the first in its own process, and imports are not counted; processor
seconds beside wall-clock seconds show the load of other processes. Steps are those of the critic of such a fit:
``private`` is tabgan's own, ``plain`` the same on as many rows without clipping and noise.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from environment import environment
from utility import public_schema

from tabgan import Schema, TabGAN
from tabgan._util.tensors import one_thread
from tabgan.model.adversary.training import Game
from tabgan.privacy.accounting import SubsampledGaussian
from tabgan.privacy.doors.dpsgd import PlainSteps, PrivateSteps
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.filter import PrivacyFilter
from tabgan.privacy.plan import Plan, make_plan

RESULTS = Path(__file__).parent / "results"
EPSILON, DELTA = 1.0, 1e-6

#: Numbers of rows and columns to fit; rows for the steps of a critic, and numbers of steps and of warm-up steps.
ROWS, COLUMNS = (30_000, 100_000, 300_000, 1_000_000), (5, 10, 15, 30, 60)
STEP_ROWS, STEPS, WARM_UP = (30_000, 300_000, 1_000_000), 4, 1

SAMPLED = 200_000

#: Size of the made-up table, without a folder.
MADE_ROWS, MADE_COLUMNS = 30_000, 15

Table = tuple[pd.DataFrame, Schema]
Step = Callable[[], None]


def main() -> None:
    """Run everything, each task in its own process, and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--task", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        task = json.loads(arguments.task)
        print(json.dumps(TASKS[task.pop("task")](arguments.data, **task)))
        return
    name = arguments.data.name if arguments.data else "made up"
    shown = f" --data {name}" if arguments.data else ""
    load = round(os.getloadavg()[0], 1)
    result = {
        "question": __doc__.splitlines()[0],
        "command": f"python benchmarks/speed.py{shown} --runs {arguments.runs}",
        "table": name,
        **environment(),
        "threads": torch.get_num_threads(),
        "load_before": load,
        "epsilon": EPSILON,
        **figures(arguments.data, arguments.runs),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "speed.json").write_text(json.dumps(result, indent=1) + "\n")


def figures(folder: Path | None, n_runs: int) -> dict[str, Any]:
    """Return the tasks' measurements, as medians over the runs."""

    def fits(**size: int) -> dict[str, Any]:
        return median([ask(folder, task="fit", seed=seed, **size) for seed in range(n_runs)])

    return {
        "fit_by_bootstrapped_rows": [fits(rows=rows) for rows in ROWS],
        "fit_by_columns": [fits(columns=columns) for columns in COLUMNS],
        "critic_step": [ask(folder, task="steps", rows=rows, runs=n_runs) for rows in STEP_ROWS],
        "sample": ask(folder, task="sample", runs=n_runs),
    }


def ask(folder: Path | None, **task: Any) -> dict[str, Any]:
    """Return a task's measurements from a fresh process."""
    data = ["--data", str(folder)] if folder else []
    command = [sys.executable, __file__, *data, "--task", json.dumps(task)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps(task), json.dumps(figures), flush=True)
    return figures


def median(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the median of every figure, and all values of ``seconds``."""
    middle: dict[str, Any] = {}
    for key, value in records[0].items():
        values = [record[key] for record in records]
        middle[key] = median(values) if isinstance(value, dict) else statistics.median(values)
    return middle | ({"all_seconds": [r["seconds"] for r in records]} if "seconds" in middle else {})


# Tables


def read(folder: Path | None) -> Table:
    """Return the training rows and their domain, taken as public."""
    if folder is None:
        df = made_up()
        return df, Schema([], target=df.columns[-1])
    meta = json.loads((folder / "meta.json").read_text())
    return pd.read_csv(folder / "train.csv"), public_schema(folder, meta)


def made_up() -> pd.DataFrame:
    """Return numbers and categories that all depend on one hidden number."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=MADE_ROWS)
    df = pd.DataFrame(index=range(MADE_ROWS))
    for number in range(MADE_COLUMNS):
        values = hidden + rng.normal(scale=1.0 + number / 5, size=MADE_ROWS)
        is_number = number % 2 == 0
        df[f"column {number}"] = (
            np.round(10 * values) if is_number else pd.cut(values, 4 + number).codes.astype(str)
        )
    return df


def bootstrapped(table: Table, n_rows: int, seed: int = 0) -> Table:
    """Return a number of rows, drawn with replacement."""
    df, schema = table
    return df.sample(n_rows, replace=True, random_state=seed, ignore_index=True), schema


def widened(table: Table, n_columns: int) -> Table:
    """Return a number of columns, the target last; those beyond the table's come from shuffled rows."""
    df, schema = table
    target = str(schema.target)
    parts, columns = [], []
    for copy_ in range(-(-n_columns // (df.shape[1] - 1))):
        suffix = f" {copy_}" if copy_ else ""
        rows = df.sample(frac=1, random_state=copy_, ignore_index=True) if copy_ else df
        parts.append(rows.drop(columns=target).add_suffix(suffix))
        columns += [c.model_copy(update={"name": c.name + suffix}) for c in schema if c.name != target]
    wide = pd.concat(parts, axis=1).iloc[:, : n_columns - 1].assign(**{target: df[target]})
    declared = [column for column in columns if column.name in wide]
    declared += [schema[target]] if target in schema else []
    return wide, Schema(declared, target=target)


# Tasks


def fit(
    folder: Path | None, seed: int, rows: int | None = None, columns: int | None = None
) -> dict[str, Any]:
    """Fit, and return the seconds, by stage too, and the process's largest memory before and after."""
    table = read(folder)
    table = bootstrapped(table, rows, seed) if rows else table
    df, schema = widened(table, columns) if columns else table
    stamps: dict[str, float] = {}

    def note(stage: str, done: int, total: int) -> None:
        stamps["prepare" if (stage, done) == ("release", 0) else stage] = time.perf_counter()

    before = peak_megabytes()
    start, start_cpu = time.perf_counter(), time.process_time()
    TabGAN(epsilon=EPSILON, delta=DELTA, schema=schema, random_state=seed).fit(df, progress=note)
    end, end_cpu = time.perf_counter(), time.process_time()
    parts = np.diff([start, *stamps.values(), end])
    return {
        "rows": len(df),
        "columns": df.shape[1],
        "seconds": round(end - start, 2),
        "cpu_seconds": round(end_cpu - start_cpu, 2),
        "by_stage": {stage: round(spent, 2) for stage, spent in zip([*stamps, "finish"], parts, strict=True)},
        "peak_megabytes_before": before,
        "peak_megabytes": peak_megabytes(),
    }


def peak_megabytes() -> int:
    """Return the peak resident memory of the process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 1e6 if sys.platform == "darwin" else peak / 1e3)


def sample(folder: Path | None, runs: int) -> dict[str, Any]:
    """Return the rows per second that a fitted model samples, into a table and in discarded batches."""
    df, schema = read(folder)
    model = TabGAN(epsilon=EPSILON, delta=DELTA, schema=schema, random_state=0).fit(df)
    model.sample(1_000)

    def in_batches() -> None:
        for _ in model.sample_batches(SAMPLED):
            pass

    return {
        "rows": SAMPLED,
        "columns": df.shape[1],
        "table": per_second(lambda: model.sample(SAMPLED), runs),
        "batches": per_second(in_batches, runs),
    }


def per_second(work: Step, runs: int) -> dict[str, int]:
    """Return median rows per second of wall-clock and of processor time."""
    wall, cpu = [], []
    for _ in range(runs):
        start, start_cpu = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - start_cpu)
    return {
        "rows_per_second": round(SAMPLED / statistics.median(wall)),
        "rows_per_cpu_second": round(SAMPLED / statistics.median(cpu)),
    }


def steps(folder: Path | None, rows: int, runs: int) -> dict[str, Any]:
    """Return milliseconds per step of one critic with and without clipping and noise, taking turns."""
    df, schema = bootstrapped(read(folder), rows)
    fitted = (
        TabGAN(epsilon=EPSILON, delta=DELTA, schema=schema, adversary_share=0.0, random_state=0)
        .fit(df)
        ._fitted
    )
    codes, cpu = fitted.encoder.transform(df), torch.device("cpu")
    planned = make_plan(EPSILON, DELTA, has_discovery=False, n_rows=rows).adversary
    assert planned is not None
    n_steps = runs * (STEPS + WARM_UP)
    run = SubsampledGaussian(planned.noise_multiplier, planned.sample_rate, n_steps)
    plan = Plan(1e3, DELTA, 0.0, 0.0, {}, True, run)  # room for more steps than a fit takes
    size = round(planned.sample_rate * rows)
    games = [
        Game(fitted.generator, fitted.encoder, len(codes[0]) - 1, torch.Generator().manual_seed(0))
        for _ in range(2)
    ]
    private = PrivateSteps(
        games[0], codes, np.arange(rows), float(rows), run, Measurer(PrivacyFilter(plan)), cpu
    )
    plain = PlainSteps(games[1], codes[:size], PrivacyFilter(make_plan(None, DELTA)), n_steps, cpu)
    ways: dict[str, Step] = {"private": private.step, "plain": plain.step}
    spent: dict[str, list[float]] = {name: [] for name in ways}
    with one_thread(cpu):
        for _ in range(runs):
            for name, step in ways.items():
                spent[name] += timed(step, STEPS)
    medians = {name: float(np.median(each)) for name, each in spent.items()}
    return {
        "rows": rows,
        "batch": size,
        "features": games[0].network.in_features,
        "milliseconds": {name: round(each, 1) for name, each in medians.items()},
        "ratio_to_plain": round(medians["private"] / medians["plain"], 2),
    }


def timed(step: Step, n_steps: int) -> list[float]:
    """Return the milliseconds of each step after a warm-up."""
    for _ in range(WARM_UP):
        step()
    stamps = [time.perf_counter()]
    for _ in range(n_steps):
        step()
        stamps.append(time.perf_counter())
    return [1e3 * (end - start) for start, end in itertools.pairwise(stamps)]


TASKS: dict[str, Callable[..., dict[str, Any]]] = {"fit": fit, "sample": sample, "steps": steps}


if __name__ == "__main__":
    main()
