"""Executors of many jobs, in which one job's failure does not stop the others, and a finished job is not run again."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass

from tabgan._util.logs import log_to_stderr
from tabgan._util.processes import end_with, threads_each, without_main
from tabgan._util.progress import Progress
from tabgan.errors import TabGANError, unexpected
from tabgan.jobs.config import Job
from tabgan.jobs.record import FinishedJob
from tabgan.jobs.run import JobResult, finished_before, run_job
from tabgan.privacy.filter import SPENT, UNTOLD


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

#: Beginning of the note on an interrupted job whose checkpoint is there.
KEPT = "Its checkpoint"

#: Jobs that one process runs before another takes its place, so that memory does not grow with their number.
JOBS_A_PROCESS = 100


class Watcher:
    """A listener to the progress of jobs; ignores everything by default."""

    def started(self, job: Job) -> None:
        """Take note that a job begins."""

    def progress(self, stage: str, done: int, total: int) -> None:
        """Take note of the current job's progress, where one runs after the other."""

    def finished(self, outcome: JobOutcome) -> None:
        """Take note of a job's outcome."""


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
                outcome = outcome_of(job, watcher.progress)
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
        self._own = threading.local()
        self._pools: list[ProcessPoolExecutor] = []

    def run(self, jobs: Sequence[Job], watcher: Watcher | None = None) -> list[JobOutcome]:
        """Run every job, each after those that it needs, and return the outcome of each, in their order.

        An interrupt is passed on to the processes, which end as on their own.
        """
        watcher = watcher or Watcher()
        outcomes: dict[str, JobOutcome] = {}
        waiting = list(jobs)
        running: dict[Future[JobOutcome], Job] = {}
        n_threads = max((os.cpu_count() or 1) // self._workers, 1)
        try:
            with threads_each(n_threads), without_main(), ThreadPoolExecutor(self._workers) as threads:
                while waiting or running:
                    ready = [job for job in waiting if set(job.needs) <= outcomes.keys()]
                    for job in ready[: self._workers - len(running)]:
                        waiting.remove(job)
                        before = known(job, outcomes, self._again)
                        if before is not None:
                            watcher.finished(before)
                            outcomes[job.name] = before
                            continue
                        watcher.started(job)
                        running[threads.submit(self._in_process, job)] = job
                    done, _ = wait(running, return_when=FIRST_COMPLETED) if running else (set(), None)
                    for future in done:
                        job = running.pop(future)
                        outcomes[job.name] = future.result()
                        watcher.finished(outcomes[job.name])
        except BaseException:
            self._interrupt()
            raise
        finally:
            for pool in self._pools:
                pool.shutdown(wait=False, cancel_futures=True)
        return [outcomes[job.name] for job in jobs]

    def _in_process(self, job: Job) -> JobOutcome:
        """Run a job in the process of this thread, which is replaced if it ends."""
        if not hasattr(self._own, "pool"):
            self._own.pool = ProcessPoolExecutor(
                1,
                multiprocessing.get_context("spawn"),
                _begin,
                (os.getpid(),),
                max_tasks_per_child=JOBS_A_PROCESS,
            )
            self._pools.append(self._own.pool)
        try:
            outcome: JobOutcome = self._own.pool.submit(_outcome_there, job).result()
        except BrokenProcessPool:
            del self._own.pool
            return JobFailure(
                job.name,
                "Its process ended, as one does for lack of memory. The same command runs it again, from its "
                "checkpoint if it has one; with fewer workers each has more memory.",
            )
        return outcome

    def _interrupt(self) -> None:
        """Interrupt the jobs that run."""
        for pool in self._pools:
            for process in list((pool._processes or {}).values()):
                with suppress(OSError):
                    os.kill(int(process.pid or 0), signal.SIGINT)


def _begin(parent: int) -> None:
    """Prepare a process that runs jobs: its log has the form of the command line's, and names the job."""
    end_with(parent)
    log_to_stderr("%(processName)s: ")


def _outcome_there(job: Job) -> JobOutcome:
    """Return the outcome of a job that is run in a process of its own, which has its name meanwhile."""
    multiprocessing.current_process().name = job.name
    return outcome_of(job)


def known(job: Job, outcomes: Mapping[str, JobOutcome], again: bool) -> JobOutcome | None:
    """Return the outcome of a job that is not run: it is done, or one that it needs did not succeed."""
    for need in job.needs:
        if need in outcomes and exit_code([outcomes[need]]):
            return JobFailure(job.name, f"Not run: it needs the job {need!r}, which did not succeed.")
    return None if again else finished_before(job)


def outcome_of(job: Job, progress: Progress | None = None) -> JobOutcome:
    """Return the outcome of a job that is run."""
    try:
        return run_job(job, progress=progress)
    except KeyboardInterrupt as error:
        if job.resumes_from is not None and job.resumes_from.exists():
            error.add_note(f"{KEPT} {str(job.resumes_from)!r} is kept: the same command resumes from it.")
        raise
    except Exception as error:  # any error: the next job must still run
        return JobFailure(job.name, describe_error(error), trace_of(error))


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


def describe_error(error: BaseException) -> str:
    """Return an error's description without any cell of a table.

    tabgan's own messages, and the system's on files, are passed on. Those of other libraries are not:
    parsers and data frames often quote the offending value.
    """
    return " ".join([_words(error), *spent_notes(error)])


def spent_notes(error: BaseException) -> list[str]:
    """Return tabgan's own notes on the budget among an error's notes; they hold no cell of a table."""
    notes = getattr(error, "__notes__", ())
    return [note for note in notes if note.startswith(SPENT) or note == UNTOLD]


def _words(error: BaseException) -> str:
    if isinstance(error, TabGANError):
        return str(error)
    if isinstance(error, OSError) and error.errno in errno.errorcode and error.strerror:
        name = f": {str(error.filename)!r}" if error.filename is not None else ""
        return f"{type(error).__name__}: {error.strerror}{name}."
    return f"{unexpected(error)} Use --debug to see the traceback."


def trace_of(error: BaseException) -> str:
    """Return the frames that an error passed through, without its message."""
    return "".join(traceback.format_tb(error.__traceback__)).rstrip()
