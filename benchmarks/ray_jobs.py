"""Overhead of a cluster of Ray, and its speed-up from one node to two.

    python benchmarks/ray_jobs.py [--jobs 6] [--rows 20000] [--sample 2000000]

Clusters on this machine: a head without cores, and one or two nodes of a core each. Jobs fit 15 columns of a made-up
table, and write a sample; a sample is written into eight files. A first job on each node, which loads the package, is
timed apart. Where other work shares the cores, as ``load_before`` tells, seconds say little by themselves.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import ray
from environment import environment
from ray.cluster_utils import Cluster

from tabgan import TabGAN
from tabgan._util.ray_cluster import submitted, taken
from tabgan.jobs.executors import LocalExecutor, exit_code
from tabgan.jobs.loading import load_jobs
from tabgan.jobs.ray_executor import RayExecutor

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Measure, and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=6)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--sample", type=int, default=2_000_000)
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        table = made_up(arguments.rows)
        table.to_parquet("table.parquet")
        model = TabGAN(1.0, random_state=0).fit(table)
        here = timed_jobs(LocalExecutor(), "here", 2)
        runs = {n: measured(n, model, arguments.jobs, arguments.sample) for n in (1, 2)}
    one, two = runs[1], runs[2]
    result = {
        "question": __doc__.splitlines()[0],
        "command": f"python benchmarks/ray_jobs.py --jobs {arguments.jobs} --rows {arguments.rows} "
        f"--sample {arguments.sample}",
        **environment(),
        "ray": ray.__version__,
        "load_before": round(load, 1),
        "load_after": round(os.getloadavg()[0], 1),
        "seconds_of_a_job_here": round(here / 2, 2),
        "one_node": one,
        "two_nodes": two,
        "speed_up_of_jobs": round(one["seconds_of_jobs"] / two["seconds_of_jobs"], 2),
        "speed_up_of_a_sample": round(one["seconds_of_a_sample"] / two["seconds_of_a_sample"], 2),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "ray_jobs.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def made_up(n_rows: int) -> pd.DataFrame:
    """Return a table of 15 columns that depend on each other."""
    rng = np.random.default_rng(0)
    base = rng.normal(size=n_rows)
    columns = {f"n{i}": np.round(50 + 10 * (base * i / 10 + rng.normal(size=n_rows))) for i in range(8)}
    words = np.array(["a", "b", "c", "d", "e"])
    columns |= {
        f"c{i}": words[np.clip(base + rng.normal(size=n_rows) + 2, 0, 4).astype(int)] for i in range(7)
    }
    return pd.DataFrame(columns)


@contextmanager
def cluster(n_nodes: int) -> Iterator[None]:
    """Connect to a cluster of so many nodes beside its head."""
    whole = Cluster()
    whole.add_node(num_cpus=0, object_store_memory=80 * 2**20, include_dashboard=False)
    for _ in range(n_nodes):
        whole.add_node(num_cpus=1, object_store_memory=80 * 2**20)
    whole.wait_for_nodes()
    ray.init(address=whole.address, logging_level="ERROR", log_to_driver=False)
    try:
        yield
    finally:
        ray.shutdown()
        whole.shutdown()


def measured(n_nodes: int, model: TabGAN, n_jobs: int, n_rows: int) -> dict[str, float]:
    """Return the seconds of all work on a cluster of so many nodes."""
    with cluster(n_nodes):
        first = timed_jobs(RayExecutor(), f"first-{n_nodes}", n_nodes)
        began = time.perf_counter()
        for _ in range(20):
            taken(ray, submitted(ray, os.getpid))
        call = (time.perf_counter() - began) / 20
        alone = timed_jobs(RayExecutor(), f"alone-{n_nodes}", 1)
        jobs = timed_jobs(RayExecutor(), f"many-{n_nodes}", n_jobs)
        model.sample_to(f"warm-{n_nodes}", 16_000, rows_per_file=2_000, random_state=0, executor="ray")
        began = time.perf_counter()
        model.sample_to(f"out-{n_nodes}", n_rows, rows_per_file=n_rows // 8, random_state=0, executor="ray")
        sample = time.perf_counter() - began
        began = time.perf_counter()
        TabGAN(1.0, random_state=0).fit(
            ray.data.read_parquet("table.parquet", override_num_blocks=2 * n_nodes)
        )
        fit = time.perf_counter() - began
    return {
        "seconds_of_first_jobs_which_load_the_package": round(first, 1),
        "milliseconds_of_a_call": round(1_000 * call, 1),
        "seconds_of_a_small_job": round(alone, 2),
        "seconds_of_jobs": round(jobs, 1),
        "seconds_of_a_sample": round(sample, 1),
        "seconds_of_a_fit_to_a_dataset": round(fit, 1),
    }


def timed_jobs(executor: LocalExecutor | RayExecutor, name: str, n_jobs: int) -> float:
    """Return the seconds of some jobs."""
    keys = (
        "source: {path: table.parquet}, report: false, random_state: 0, output: {rows: 1000, parquet: false}"
    )
    Path("jobs.yaml").write_text("".join(f"- {{name: {name}-{i}, {keys}}}\n" for i in range(n_jobs)))
    jobs = load_jobs("jobs.yaml")
    began = time.perf_counter()
    outcomes = executor.run(jobs)
    assert exit_code(outcomes) == 0, outcomes
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
