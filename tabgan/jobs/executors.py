"""Executors of many jobs, in which one job's failure does not stop the others, and a finished job is not run again."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tabgan._util.logs import log_to_stderr
from tabgan._util.printed import at_most
from tabgan._util.processes import Worker, WorkerLostError, end_all, first_ready, threads_each
from tabgan._util.progress import Progress
from tabgan.errors import (
    TabGANError,
    describe_error,
    kept_note,
    kept_notes,
    measured_note,
    spent_note,
    spent_notes,
    trace_of,
)
from tabgan.fitting.checkpoint import fit_of
from tabgan.jobs.config import Job
from tabgan.jobs.record import FinishedJob
from tabgan.jobs.run import JobResult, finished_before, run_job
from tabgan.privacy.ledger.records import LedgerConfig


@dataclass(frozen=True)
class JobFailure:
    """A job that failed.

    Attributes:
        name: The job's name.
        message: The reason, without any cell of a table.
        trace: The error's stack: files, lines, code; no messages.
    """

    name: str
    message: str
    trace: str = ""


JobOutcome = JobResult | FinishedJob | JobFailure

#: The exit code of a release that a gate refuses; scripts can tell it from that of a failed job.
GATE_REFUSES = 3

#: The message of a job without a process.
NOT_STARTED = (
    "Its process could not be started, as for lack of memory. Nothing was spent in this run. The same command runs it "
    "again; with fewer workers each has more memory."
)

#: Jobs that one process runs before another takes its place, so that memory does not grow with their number: by 7 MB in
#: 100 jobs, where a new process takes 5 s to load its libraries.
JOBS_A_PROCESS = 500


class Watcher:
    """A listener to the progress of jobs; ignores everything by default."""

    def started(self, job: Job) -> None:
        """Take note of the beginning of a job."""

    def progress(self, stage: str, done: int, total: int) -> None:
        """Take note of the current job's progress, where one runs after the other."""

    def finished(self, outcome: JobOutcome) -> None:
        """Take note of a job's outcome."""

    def interrupted(self, job: Job, said: str) -> None:
        """Take note that a running job was interrupted, and of its words on budget and checkpoint."""


class LocalExecutor:
    """An executor that runs one job after the other, in this process.

    Args:
        again: True if jobs run again that an earlier run has finished.
    """

    def __init__(self, again: bool = False) -> None:
        self._again = again

    def run(self, jobs: Sequence[Job], watcher: Watcher | None = None) -> list[JobOutcome]:
        """Run every job, each after those that it needs, and return the outcome of each."""
        watcher = watcher or Watcher()
        outcomes: dict[str, JobOutcome] = {}
        for job in jobs:
            outcome = known(job, outcomes, self._again)
            if outcome is None:
                watcher.started(job)
                try:
                    outcome = outcome_of(job, watcher.progress)
                except KeyboardInterrupt as error:
                    watcher.interrupted(job, _said_of(error))
                    raise
            watcher.finished(outcome)
            outcomes[job.name] = outcome
        return list(outcomes.values())


class ProcessExecutor:
    """An executor that runs several jobs at once, each in one of several processes, which share the cores.

    Args:
        workers: Processes, at least 1.
        again: True if jobs run again that an earlier run has finished.
    """

    def __init__(self, workers: int, again: bool = False) -> None:
        self._workers, self._again = workers, again

    def run(self, jobs: Sequence[Job], watcher: Watcher | None = None) -> list[JobOutcome]:
        """Run every job, each after those that it needs, and return the outcome of each, in their order.

        An interrupt is passed on to the processes, which end as on their own.
        """
        watcher = watcher or Watcher()
        outcomes: dict[str, JobOutcome] = {}
        with threads_each(max((os.cpu_count() or 1) // self._workers, 1)), _Pool(watcher) as pool:
            try:
                self._run_all(jobs, pool, watcher, outcomes)
            except BaseException:
                pool.interrupt()
                raise
        return [outcomes[job.name] for job in jobs]

    def _run_all(
        self, jobs: Sequence[Job], pool: _Pool, watcher: Watcher, outcomes: dict[str, JobOutcome]
    ) -> None:
        """Run every job, and keep the outcomes of those that have ended."""
        waiting = list(jobs)

        def end(job: Job, outcome: JobOutcome) -> None:
            """Keep the outcome of a job."""
            watcher.finished(outcome)
            outcomes[job.name] = outcome

        while waiting or pool.running:
            ready = [job for job in waiting if set(job.needs) <= outcomes.keys()]
            for job in ready[: self._workers - len(pool.running)]:
                waiting.remove(job)
                outcome = known(job, outcomes, self._again)
                if outcome is None:
                    watcher.started(job)
                    outcome = None if pool.begin(job) else JobFailure(job.name, NOT_STARTED)
                if outcome is not None:
                    end(job, outcome)
            if pool.running:
                job, found = pool.ended()
                end(job, found or lost(job, self._again))


@dataclass(frozen=True)
class _Interrupted:
    """A job that was interrupted in its process.

    Attributes:
        said: Its words on budget and checkpoint.
    """

    said: str


class _Pool:
    """Processes that run a job each, and are replaced after many. As a context, it ends them.

    Args:
        watcher: Told of jobs that were interrupted.

    Attributes:
        running: The jobs that run, by their processes.
    """

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._idle: list[Worker] = []
        self._n_jobs: dict[Worker, int] = {}
        self.running: dict[Worker, Job] = {}

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, *error: object) -> None:
        end_all([*self.running, *self._idle])

    def begin(self, job: Job) -> bool:
        """Have a process run a job; return false if none can."""
        try:
            worker = self._idle.pop() if self._idle else Worker(_begin)
        except WorkerLostError:
            return False
        except KeyboardInterrupt:
            self._watcher.interrupted(job, "")
            raise
        self.running[worker] = job
        self._n_jobs[worker] = self._n_jobs.get(worker, 0) + 1
        with suppress(WorkerLostError):  # as its answer says then
            worker.ask(_outcome_there, job)
        return True

    def ended(self) -> tuple[Job, JobOutcome | None]:
        """Return a job that has ended, once one has, and its outcome, or ``None`` if its process was lost.

        Raises:
            KeyboardInterrupt: it was interrupted.
        """
        worker = first_ready(list(self.running))
        outcome = _answer_of(worker)
        job = self.running.pop(worker)
        if outcome is None or self._n_jobs[worker] >= JOBS_A_PROCESS:
            del self._n_jobs[worker]
            worker.end()
        else:
            self._idle.append(worker)
        if isinstance(outcome, _Interrupted):
            self._watcher.interrupted(job, outcome.said)
            raise KeyboardInterrupt
        return job, outcome

    def interrupt(self) -> None:
        """Interrupt the jobs that run, once their processes have loaded what they need, and wait for their ends."""
        for worker in self.running:
            worker.interrupt()
        for worker, job in self.running.items():
            outcome = _answer_of(worker)
            if outcome is None or isinstance(outcome, _Interrupted):
                self._watcher.interrupted(job, spent_by_lost(job) if outcome is None else outcome.said)
            else:
                self._watcher.finished(outcome)


def _answer_of(worker: Worker) -> JobOutcome | _Interrupted | None:
    """Return the outcome of the job that a process runs, once it has ended; ``None`` if the process was lost."""
    try:
        outcome: JobOutcome | _Interrupted = worker.answer()
    except WorkerLostError:
        return None
    return outcome


def _begin() -> None:
    """Prepare a process that runs jobs: its log has the form of the command line's, and names the job."""
    log_to_stderr("%(processName)s: ")


def _outcome_there(job: Job) -> JobOutcome | _Interrupted:
    """Return the outcome of a job that is run in a process of its own, which has its name meanwhile."""
    multiprocessing.current_process().name = job.name
    try:
        return outcome_of(job)
    except KeyboardInterrupt as error:
        return _Interrupted(_said_of(error))


def _said_of(error: BaseException) -> str:
    """Return the words of an interrupted job on its budget and its checkpoint."""
    return " ".join(spent_notes(error) + kept_notes(error))


def known(job: Job, outcomes: Mapping[str, JobOutcome], again: bool) -> JobOutcome | None:
    """Return the outcome of a job that is not run, because it is done or a job that it needs did not succeed."""
    for need in job.needs:
        if need in outcomes and exit_code([outcomes[need]]):
            return JobFailure(job.name, f"Not run: it needs the job {need!r}, which did not succeed.")
    return None if again else finished_before(job)


def lost(job: Job, again: bool = False) -> JobOutcome:
    """Return the outcome of a job whose process was lost, which says what its fit has spent.

    Args:
        job: The job.
        again: True if an earlier run may have left a record of it.
    """
    done = None if again else finished_before(job)
    if done is not None:  # the process was lost between its last word and the answer
        return done
    parts = (
        "Its process ended, as for lack of memory.",
        spent_by_lost(job),
        "The same command runs it again, from its checkpoint if it has one; with fewer workers each has more memory.",
    )
    return JobFailure(job.name, " ".join(filter(None, parts)))


def spent_by_lost(job: Job) -> str:
    """Return the words on the budget that a lost job has spent, as its ledger says, or at most; "" without privacy."""
    if job.epsilon is None:
        return ""
    whole, extra = job.epsilon, job.private_metrics_epsilon
    most = spent_note(f"up to {at_most(whole + (extra or 0.0))}, which no record of the fit says better")
    if job.resumes_from is None:
        return most
    try:
        fit = fit_of(job.resumes_from, None if job.ledger is None else job.ledger.path)
    except (TabGANError, OSError):
        return most
    if fit is None:  # its checkpoint, or its ledger, may have been there and gone
        return most
    if not fit.charges:
        return "Nothing was spent."
    told = f"{at_most(fit.spent.epsilon(fit.delta))} of {at_most(whole)}"
    if extra is not None and fit.outcome == "done":
        told += measured_note(at_most(extra))
    return spent_note(told)


def outcome_of(job: Job, progress: Progress | None = None) -> JobOutcome:
    """Return the outcome of a job that is run."""
    try:
        return run_job(job, progress=progress)
    except KeyboardInterrupt as error:
        if job.resumes_from is not None and job.resumes_from.exists() and not kept_notes(error):
            error.add_note(kept_note(job.resumes_from))
        raise
    except Exception as error:  # any error: the next job must still run
        if job.resumes_from is not None and not kept_notes(error) and _is_open(job.resumes_from, job.ledger):
            error.add_note(kept_note(job.resumes_from))
        return JobFailure(job.name, describe_error(error), trace_of(error))


def _is_open(checkpoint: Path, ledger: LedgerConfig | None) -> bool:
    """Return true if a fit has begun at a checkpoint and may resume, as after a full disk."""
    try:
        fit = fit_of(checkpoint, None if ledger is None else ledger.path)
    except (TabGANError, OSError):
        return False
    return fit is not None and fit.outcome not in ("failed", "closed")


def exit_code(outcomes: Sequence[JobOutcome]) -> int:
    """Return 0 if every job succeeded, 1 if one failed, and 3 if a gate refused a release."""
    if any(refused(outcome) for outcome in outcomes):
        return GATE_REFUSES
    return int(any(isinstance(outcome, JobFailure) for outcome in outcomes))


def refused(outcome: JobOutcome) -> bool:
    """Return true if a gate refused the job's release."""
    if isinstance(outcome, JobResult):
        return outcome.decision.outcome == "failed"
    return isinstance(outcome, FinishedJob) and outcome.decision == "failed"
