"""Throughput and memory of many small jobs, and what kills in the middle of a batch leave behind.

    python benchmarks/batch.py [--jobs 200] [--workers 2] [--kills 30]

Every job fits a made-up table of 1,000 rows and 4 columns at epsilon 1, with a ledger of its own, samples as many rows,
and writes them. ``throughput`` compares the wall-clock time of the batch with the processor time of the same jobs, one
after the other in one process that has loaded its libraries, divided by the cores. ``kills`` kills a batch of ten
(SIGKILL, its own process and those that it started) at random moments, starts the same command again each time, and
looks at the ledgers once it was allowed to end.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from environment import environment

from tabgan.jobs.executors import LocalExecutor
from tabgan.jobs.loading import load_jobs
from tabgan.privacy.ledger.file import LedgerFile

RESULTS = Path(__file__).parent / "results"

#: Epsilon of a job, and the cap of its ledger, under which it fits once.
EPSILON, CAP = 1.0, 1.05


def main() -> None:
    """Run both, and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kills", type=int, default=30)
    arguments = parser.parse_args()
    result = {
        "question": __doc__.splitlines()[0],
        "command": f"python benchmarks/batch.py --jobs {arguments.jobs} --workers {arguments.workers} "
        f"--kills {arguments.kills}",
        **environment(),
        "load_before": round(os.getloadavg()[0], 1),
        "throughput": throughput(arguments.jobs, arguments.workers),
        "kills": kills(arguments.kills, arguments.workers),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "batch.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def make(folder: Path, n_jobs: int) -> Path:
    """Write tables and a file of jobs, and return the file."""
    rng = np.random.default_rng(0)
    lines = ["defaults:\n  report: null\n  random_state: 0\njobs:\n"]
    for number in range(n_jobs):
        hidden = rng.normal(size=1_000)
        table = pd.DataFrame(
            {
                "age": np.clip(np.round(40 + 12 * hidden), 18, 90).astype(int),
                "hours": np.clip(np.round(38 + 6 * rng.normal(size=1_000)), 0, 80).astype(int),
                "sex": rng.choice(["f", "m"], 1_000),
                "owns": (hidden + rng.normal(size=1_000) > 0).astype(int),
            }
        )
        table.to_csv(folder / f"t{number}.csv", index=False)
        ledger = f"{{path: t{number}.ledger, epsilon_cap: {CAP}, delta_cap: 1.0e-5}}"
        lines.append(
            f"  - {{name: t{number}, source: {{path: t{number}.csv}}, output: {{folder: {folder}/out/t{number}}}, "
            f"model: {{epsilon: {EPSILON}}}, ledger: {ledger}}}\n"
        )
    (folder / "jobs.yaml").write_text("".join(lines))
    return folder / "jobs.yaml"


def start(file: Path, workers: int) -> subprocess.Popen[bytes]:
    """Start the command in a process group of its own."""
    command = [sys.executable, "-m", "tabgan", "run", str(file), "--workers", str(workers)]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def throughput(n_jobs: int, workers: int) -> dict[str, Any]:
    """Return wall-clock time and peak memory of a batch, beside the time of its jobs alone."""
    with tempfile.TemporaryDirectory() as scratch:
        alone = Path(scratch, "alone")
        alone.mkdir()
        jobs = load_jobs(make(alone, 12))
        LocalExecutor().run(jobs[:2])
        before = time.process_time()
        LocalExecutor().run(jobs[2:])
        each = (time.process_time() - before) / 10
        batch = Path(scratch, "batch")
        batch.mkdir()
        file = make(batch, n_jobs)
        began, peak = time.perf_counter(), 0.0
        process = start(file, workers)
        while process.poll() is None:
            peak = max(peak, megabytes(process.pid))
            time.sleep(1.0)  # looking takes time of the cores that the batch runs on
        seconds = time.perf_counter() - began
        used = os.times()
    ideal = n_jobs * each / min(workers, os.cpu_count() or 1)
    return {
        "jobs": n_jobs,
        "workers": workers,
        "exit_code": process.returncode,
        "seconds": round(seconds, 1),
        "cpu_seconds_of_a_job_alone": round(each, 3),
        "cpu_seconds_of_the_batch": round(used.children_user + used.children_system, 1),
        "seconds_over_ideal": round(seconds / ideal, 2),
        "peak_megabytes_of_all_processes": round(peak),
    }


def megabytes(group: int) -> float:
    """Return the proportional memory of all processes of a group."""
    total = 0
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(path.name)) == group:
                lines = (path / "smaps_rollup").read_text().splitlines()
                total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except (OSError, StopIteration):
            continue
    return total / 1e3


def kills(n_kills: int, workers: int) -> dict[str, Any]:
    """Return what kills at random moments, each followed by the same command, have left behind."""
    rng = random.Random(0)
    n_killed = 0
    results = []
    while n_killed < n_kills:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            file = make(folder, 10)
            process, began = start(file, workers), time.perf_counter()
            process.wait()
            whole, seconds = process.returncode, time.perf_counter() - began
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            file = make(folder, 10)
            while n_killed < n_kills:
                process = start(file, workers)
                try:
                    process.wait(timeout=rng.uniform(0.2, 1.0) * seconds)
                    break
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
                    n_killed += 1
            process = start(file, workers)
            process.wait()
            results.append({"undisturbed": whole, "rerun": process.returncode, **left_behind(folder)})
    return {"kills": n_killed, "batches": len(results), "results": results}


def left_behind(folder: Path) -> dict[str, Any]:
    """Return what is in the folders of a batch of ten, and in its ledgers."""
    complete = [
        all(
            (folder / "out" / f"t{n}" / "release" / name).is_file()
            for name in ("synthetic.csv", "model.tabgan")
        )
        for n in range(10)
    ]
    fits = [LedgerFile(folder / f"t{n}.ledger").fits for n in range(10)]
    strays = [path.name for path in folder.rglob("*") if path.name.endswith((".tmp", ".checkpoint"))]
    return {
        "complete": sum(complete),
        "fits_a_ledger": sorted(len(each) for each in fits),
        "largest_epsilon_spent": max(fit.spent.epsilon(1e-6) for each in fits for fit in each),
        "half_written": strays,
    }


if __name__ == "__main__":
    main()
