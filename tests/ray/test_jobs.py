"""Jobs on a cluster of Ray, really run."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabgan.jobs.executors import JobFailure, LocalExecutor, Watcher, exit_code
from tabgan.jobs.loading import executor_of, load_jobs
from tabgan.jobs.ray_executor import RayExecutor, may_run_again
from tabgan.jobs.record import FinishedJob
from tabgan.jobs.run import JobResult
from tabgan.privacy.ledger.file import LedgerFile

ray = pytest.importorskip("ray")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]

TEXT = """
executor: ray
defaults:
  source: {path: people.csv}
  report: null
  random_state: 0
  output: {parquet: false}
jobs:
  - {name: one, ledger: {path: one.ledger, epsilon_cap: 1.05, delta_cap: 1.0e-5}}
  - {name: odd, source: {path: broken.csv}}
  - {name: two, needs: [one], model: {epsilon: 2}, resources: {cpus: 1, memory_gb: 0.5}}
  - {name: three, needs: [odd]}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)  # enough rows that noise lets every fit through
    table = pd.DataFrame({"age": rng.integers(18, 90, 2_000), "town": rng.choice(["Ulm", "Bonn"], 2_000)})
    table.to_csv("people.csv", index=False)
    Path("broken.csv").write_text("a,b\n1,2\n3\n")
    Path("jobs.yaml").write_text(TEXT)
    return tmp_path


def test_jobs_run_on_nodes_and_a_failure_stops_none_but_those_that_need_it(nodes, folder):
    assert executor_of("jobs.yaml") == "ray"
    outcomes = RayExecutor().run(load_jobs("jobs.yaml"))
    by_name = {outcome.name: outcome for outcome in outcomes}
    assert [type(by_name[name]) for name in ("one", "two")] == [JobResult, JobResult], outcomes
    assert by_name["one"].privacy.epsilon == 1.0
    assert isinstance(by_name["odd"], JobFailure)
    assert "Not run: it needs the job 'odd'" in by_name["three"].message
    assert exit_code(outcomes) == 1
    assert [outcome.name for outcome in outcomes] == ["one", "odd", "two", "three"]
    again = RayExecutor().run(load_jobs("jobs.yaml"))
    assert sum(isinstance(outcome, FinishedJob) for outcome in again) == 2
    assert (
        sum(isinstance(outcome, FinishedJob) for outcome in LocalExecutor().run(load_jobs("jobs.yaml"))) == 2
    )
    assert len(LedgerFile(Path("one.ledger")).fits) == 1
    assert not list(folder.rglob(".tabgan-*"))


def test_a_job_whose_node_is_killed_runs_again_and_resumes_what_it_has_charged(nodes, folder):
    class Killer(Watcher):
        def started(self, job):
            threading.Thread(target=self.kill, daemon=True).start()

        def kill(self):
            while not list(folder.glob("one.ledger.one.checkpoint/released.jsonl")):
                time.sleep(0.005)
            (answers,) = folder.glob("one.ledger.one.checkpoint/released.jsonl")
            nodes.kill_the_one_with("job one")
            self.answers = answers.read_text()
            self.charges = LedgerFile(Path("one.ledger")).fits[0].charges

    (job, *_) = load_jobs("jobs.yaml")
    watcher = Killer()
    (outcome,) = RayExecutor().run([job], watcher)
    assert isinstance(outcome, JobResult), outcome
    (fit,) = LedgerFile(Path("one.ledger")).fits
    assert fit.outcome == "done"
    assert fit.charges[: len(watcher.charges)] == watcher.charges
    assert len(fit.charges) > len(watcher.charges)
    assert watcher.answers
    assert not list(folder.glob("*.checkpoint"))
    assert outcome.privacy.epsilon_spent <= 1.0


def test_a_private_job_without_a_checkpoint_is_not_run_again_by_itself(nodes, folder):
    rows = pd.read_csv("people.csv")
    pd.concat([rows] * 300).to_csv("people.csv", index=False)  # seconds to read: it is killed meanwhile
    job = replace(load_jobs("jobs.yaml")[0], ledger=None)
    assert not may_run_again(job)

    class Killer(Watcher):
        def started(self, job):
            threading.Thread(target=nodes.kill_the_one_with, args=("job one",), daemon=True).start()

    (outcome,) = RayExecutor().run([job], Killer())
    assert "its process or its node was lost" in outcome.message
    assert "with a ledger or a checkpoint, Ray does so on its own" in outcome.message
    assert not list(Path("out").glob("[!.]*"))  # a half-made folder is hidden, and swept by the next run


def test_an_interrupt_ends_the_jobs(nodes, folder):
    rows = pd.read_csv("people.csv").sample(40_000, replace=True, random_state=0)
    more = {f"town_{i}": rows["town"].sample(frac=1, random_state=i).to_numpy() for i in range(60)}
    rows.assign(**more).to_csv(
        "people.csv", index=False
    )  # many seconds lie between its first release and its last

    class Impatient(Watcher):
        def started(self, job):
            if job.name == "odd":
                while not list(folder.glob("one.ledger.one.checkpoint/released.jsonl")):
                    time.sleep(0.01)
                raise KeyboardInterrupt

    jobs = load_jobs("jobs.yaml")
    with pytest.raises(KeyboardInterrupt):
        RayExecutor().run(jobs, Impatient())
    (fit,) = LedgerFile(Path("one.ledger")).fits
    assert fit.outcome is None
    assert not Path("out/one").exists()
    assert not list(folder.rglob(".tabgan-*"))
    (outcome,) = RayExecutor().run(jobs[:1])
    assert isinstance(outcome, JobResult)
    assert len(LedgerFile(Path("one.ledger")).fits) == 1


def test_the_command_runs_on_the_cluster_that_the_environment_names(nodes, folder):
    command = [sys.executable, "-m", "tabgan", "run", "jobs.yaml", "--only", "one", "--executor", "ray"]
    address = {**os.environ, "RAY_ADDRESS": nodes.cluster.address}
    done = subprocess.run(command, capture_output=True, text=True, env=address, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert Path("out/one/release/synthetic.csv").exists()
