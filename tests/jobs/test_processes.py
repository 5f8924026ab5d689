"""Jobs in processes of their own, really run: slow, but for what needs no process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabgan._util.processes import end_with, threads_each, without_main
from tabgan.jobs.executors import JobFailure, ProcessExecutor, Watcher, exit_code
from tabgan.jobs.loading import load_jobs
from tabgan.jobs.record import FinishedJob
from tabgan.jobs.run import JobResult
from tabgan.privacy.ledger.file import LedgerFile

TEXT = """
defaults:
  source: {path: people.csv}
  report: null
  random_state: 0
  output: {parquet: false}
jobs:
  - {name: one, ledger: {path: one.ledger, epsilon_cap: 1.05, delta_cap: 1.0e-5}}
  - {name: odd, source: {path: broken.csv}}
  - {name: two, needs: [one], model: {epsilon: 2}}
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


@pytest.mark.slow
def test_several_run_at_once_and_a_failure_stops_none_but_those_that_need_it(folder):
    outcomes = ProcessExecutor(2).run(load_jobs("jobs.yaml"))
    by_name = {outcome.name: outcome for outcome in outcomes}
    assert [type(by_name[name]) for name in ("one", "two")] == [JobResult, JobResult]
    assert by_name["one"].privacy.epsilon == 1.0
    assert isinstance(by_name["odd"], JobFailure)
    assert "Not run: it needs the job 'odd'" in by_name["three"].message
    assert exit_code(outcomes) == 1
    again = ProcessExecutor(2).run(load_jobs("jobs.yaml"))
    assert sum(isinstance(outcome, FinishedJob) for outcome in again) == 2
    assert len(LedgerFile(Path("one.ledger")).fits) == 1


@pytest.mark.slow
def test_a_process_that_is_killed_fails_its_job_alone_and_the_same_command_resumes_it(folder):
    executor = ProcessExecutor(2)

    class Killer(Watcher):
        def started(self, job):
            if job.name == "one":
                threading.Thread(target=self.kill, daemon=True).start()

        def kill(self):
            while not Path("one.ledger").exists():
                time.sleep(0.005)
            for pool in executor._pools:
                for process in (pool._processes or {}).values():
                    os.kill(process.pid, signal.SIGKILL)

    jobs = [job for job in load_jobs("jobs.yaml") if job.name in ("one", "two")]
    first = executor.run(jobs, Killer())
    assert isinstance(first[0], JobFailure)
    assert "Its process ended" in first[0].message
    second = ProcessExecutor(2).run(jobs)
    assert [type(outcome) for outcome in second] == [JobResult, JobResult]
    (fit,) = LedgerFile(Path("one.ledger")).fits
    assert fit.outcome == "done"
    assert not [path for path in folder.iterdir() if path.name.endswith(".checkpoint")]


@pytest.mark.family
def test_a_process_ends_with_its_parent():
    code = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import sys, time; sys.path.insert(0, sys.argv[2]);"
        "from tabgan._util.processes import end_with; end_with(int(sys.argv[1])); print(1, flush=True);"
        "time.sleep(60)',"
        " str(os.getpid()), sys.argv[1]], stdout=subprocess.PIPE)\n"
        "child.stdout.readline(); print(child.pid, flush=True)\n"
    )
    root = str(Path(__file__).parents[2])
    pid = int(
        subprocess.run([sys.executable, "-c", code, root], capture_output=True, text=True, check=True).stdout
    )
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        state = Path(f"/proc/{pid}/stat").read_text().split()[2]
        if state == "Z":
            break
        time.sleep(0.1)
    else:
        assert not Path(f"/proc/{pid}").exists()


def test_a_process_whose_parent_lives_goes_on():
    end_with(os.getppid())
    time.sleep(0.05)


def test_threads_are_shared_unless_the_environment_says_otherwise(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with threads_each(2):
        assert (os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"]) == ("3", "2")
    assert os.environ["OMP_NUM_THREADS"] == "3"
    assert "MKL_NUM_THREADS" not in os.environ


def test_the_callers_script_is_hidden_while_processes_start():
    main = sys.modules["__main__"]
    before = vars(main).get("__file__"), main.__spec__
    with without_main():
        assert "__file__" not in vars(main)
        assert main.__spec__ is None
    assert (vars(main).get("__file__"), main.__spec__) == before
