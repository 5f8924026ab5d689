"""Executors of many jobs, in which one job's failure does not stop the others."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

from tabgan.errors import TabGANError, unexpected
from tabgan.jobs.config import Job
from tabgan.jobs.run import JobResult, run_job
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


Outcome = JobResult | JobFailure

#: The exit code of a release that a gate refuses; scripts can tell it from that of a failed job.
GATE_REFUSES = 3


class Watcher:
    """A listener to the progress of jobs; ignores everything by default."""

    def started(self, job: Job) -> None:
        """Take note that a job begins."""

    def progress(self, stage: str, done: int, total: int) -> None:
        """Take note of the current job's progress."""

    def finished(self, outcome: Outcome) -> None:
        """Take note of the current job's outcome."""


class LocalExecutor:
    """An executor that runs one job after the other, in this process."""

    def run(self, jobs: Sequence[Job], watcher: Watcher | None = None) -> list[Outcome]:
        """Run every job and return the outcome of each."""
        watcher = watcher or Watcher()
        outcomes: list[Outcome] = []
        for job in jobs:
            watcher.started(job)
            try:
                outcome: Outcome = run_job(job, progress=watcher.progress)
            except Exception as error:  # any error: the next job must still run
                outcome = JobFailure(job.name, describe_error(error), trace_of(error))
            watcher.finished(outcome)
            outcomes.append(outcome)
        return outcomes


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """Return 0 if every job succeeded, 1 if one failed, and 3 if a gate refused a release."""
    results = [outcome for outcome in outcomes if isinstance(outcome, JobResult)]
    if any(result.decision.outcome == "failed" for result in results):
        return GATE_REFUSES
    return int(len(results) < len(outcomes))


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
