"""Jobs in processes of their own, really run: slow, but for what needs no process."""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tabgan
from tabgan._util.processes import end_with, threads_each, without_main
from tabgan.jobs import executors
from tabgan.jobs.config import ReportOptions
from tabgan.jobs.executors import JobFailure, ProcessExecutor, exit_code, lost
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


#: A module that the processes can import: a job in one that is killed as a system without memory does it.
KILLING = """
import os, signal
from tabgan.jobs.executors import outcome_of

def killed_at(phase, job):
    def progress(stage, done, total):
        if stage == phase:
            os.kill(os.getpid(), signal.SIGKILL)
    return outcome_of(job, progress)
"""


OF_FIT = r"Already spent by this fit: epsilon 0?\.?\d+ of 1\."
AND_METRICS = OF_FIT[:-2] + r", and at least 0\.1 if private metrics were measured already\."


@pytest.mark.slow
@pytest.mark.parametrize(
    ("phase", "spent"),
    [
        ("read", r"epsilon up to 1, which"),
        ("release", r"Nothing was spent\."),
        ("measure", OF_FIT),
        ("anchor", OF_FIT),
        ("train", OF_FIT),
        ("sample", AND_METRICS),
        ("evaluate", AND_METRICS),
        ("write", AND_METRICS),
    ],
)
def test_a_process_that_is_killed_fails_its_job_alone_and_says_what_is_spent(
    folder, monkeypatch, phase, spent
):
    job = replace(load_jobs("jobs.yaml", only="one")[0], target="town")
    if phase in ("sample", "evaluate", "write"):
        cap = replace(job.ledger, epsilon_cap=1.2)
        job = replace(job, report=ReportOptions(private_metrics_epsilon=0.1), ledger=cap)
        job = replace(job, source=replace(job.source, holdout=0.3))
    (folder / "killing.py").write_text(KILLING)
    monkeypatch.syspath_prepend(folder)
    sys.modules.pop("killing", None)  # of another folder
    killed_at = importlib.import_module("killing").killed_at
    with monkeypatch.context() as patch:
        patch.setattr(executors, "_outcome_there", partial(killed_at, phase))
        (first,) = ProcessExecutor(2).run([job])
    assert isinstance(first, JobFailure)
    assert "Its process ended" in first.message
    assert re.search(spent, first.message), first.message
    assert not [path for path in folder.rglob("synthetic*") if ".tmp" not in str(path)]
    if phase == "measure":
        (second,) = ProcessExecutor(2).run([job])
        assert isinstance(second, JobResult)
        (fit,) = LedgerFile(Path("one.ledger")).fits
        assert fit.outcome == "done"
        assert not [path for path in folder.iterdir() if path.name.endswith(".checkpoint")]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "epsilon up to 1, which no record of the fit says better"),
        ({"model": {"epsilon": None}}, None),
        (
            {"report": {"private_metrics_epsilon": 0.5}},
            "epsilon up to 1.5, which no record of the fit says better",
        ),
        ({"checkpoint": "kept"}, "epsilon up to 1, which no record of the fit says better"),
        ({"ledger": "no.ledger"}, "epsilon up to 1, which no record of the fit says better"),
    ],
)
def test_a_lost_job_without_a_record_says_the_most_that_it_can_have_spent(folder, given, told):
    base = {"source": {"path": "people.csv"}, "report": None}
    Path("one.yaml").write_text(json.dumps({"jobs": [{"name": "one"} | base | given]}))
    (job,) = load_jobs("one.yaml")
    outcome = lost(job)
    assert isinstance(outcome, JobFailure)
    assert ("spent" in outcome.message.lower()) == (told is not None)
    assert told is None or told in outcome.message


def test_processes_that_cannot_start_fail_their_jobs(folder, monkeypatch):
    def start(self):
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr("multiprocessing.context.SpawnProcess.start", start)
    jobs = load_jobs("jobs.yaml")
    outcomes = ProcessExecutor(2).run(jobs)
    assert [type(outcome) for outcome in outcomes] == [JobFailure] * 4
    assert "could not be started" in outcomes[0].message
    assert "Nothing was spent in this run." in outcomes[0].message
    assert "Not run: it needs the job 'one'" in outcomes[2].message


@pytest.mark.family
@pytest.mark.slow
@pytest.mark.parametrize(
    ("moment", "by", "given", "to"),
    [
        ("libraries are loaded", signal.SIGINT, signal.SIG_DFL, "the command"),
        ("libraries are loaded", signal.SIGTERM, signal.SIG_DFL, "all"),
        ("a fit runs", signal.SIGINT, signal.SIG_DFL, "the command"),
        ("a fit runs", signal.SIGTERM, signal.SIG_IGN, "the command"),
        ("a fit runs", signal.SIGTERM, signal.SIG_DFL, "all"),
    ],
)
def test_an_interrupt_ends_all_jobs_in_words(folder, moment, by, given, to):
    # A terminal and a manager of services send it to all processes; a shell has those in the background ignore SIGINT.
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.integers(0, 9, (5_000, 15)), columns=[f"c{i}" for i in range(15)])
    wide.to_csv("people.csv", index=False)
    arguments = "-m tabgan run jobs.yaml --workers 2 --log-json log.jsonl --run-folder run"
    started = subprocess.Popen(
        [sys.executable, *arguments.split()],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(tabgan.__file__).parents[1])},
        preexec_fn=lambda: signal.signal(signal.SIGINT, given),
        start_new_session=True,
    )
    until = Path("log.jsonl" if moment == "libraries are loaded" else "one.ledger")
    while not (until.exists() and until.stat().st_size > 0):
        assert started.poll() is None
        time.sleep(0.01)
    time.sleep(0.5 if moment == "libraries are loaded" else 0.0)  # the line comes before the process
    (os.kill if to == "the command" else os.killpg)(started.pid, by)
    said = started.communicate(timeout=120)[1]
    assert started.returncode == 130
    assert "Traceback" not in said
    assert "one: interrupted." in said
    assert ("resumes from it" in said) == Path("one.ledger").exists()
    assert '"interrupted"' in Path("log.jsonl").read_text()
    assert not Path("out/one").exists()
    batch = json.loads(Path("run/batch.json").read_text())
    assert batch["exit_code"] == 130
    assert {job["state"] for job in batch["jobs"]} <= {"interrupted", "not begun", "failed"}
    assert "interrupted" in Path("run/index.html").read_text()


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
