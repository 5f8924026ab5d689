"""Runs many jobs, so that one that fails does not take the others with it."""

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
    """A job that did not come to its end.

    Attributes:
        name: The job's name.
        message: Why, without any cell of a table.
        trace: Where the error passed through: files, lines, code; no messages.
    """

    name: str
    message: str
    trace: str = ""


Outcome = JobResult | JobFailure

#: The exit code of a release that a gate refuses; another than that of a wrong file, so that a script can tell.
GATE_REFUSES = 3


class Watcher:
    """Told of what goes on; does nothing by itself."""

    def started(self, job: Job) -> None:
        """A job begins."""

    def progress(self, stage: str, done: int, total: int) -> None:
        """The job that began last has come so far."""

    def finished(self, outcome: Outcome) -> None:
        """The job that began last is over."""


class LocalExecutor:
    """One job after the other, in this process."""

    def run(self, jobs: Sequence[Job], watcher: Watcher | None = None) -> list[Outcome]:
        """Run every job and return what came of each."""
        watcher = watcher or Watcher()
        outcomes: list[Outcome] = []
        for job in jobs:
            watcher.started(job)
            try:
                outcome: Outcome = run_job(job, progress=watcher.progress)
            except Exception as error:  # whatever it is, the next job is not to blame for it
                outcome = JobFailure(job.name, describe_error(error), trace_of(error))
            watcher.finished(outcome)
            outcomes.append(outcome)
        return outcomes


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """Return 0 if every job came to its end, 1 if one did not, and 3 if a gate refused a release."""
    results = [outcome for outcome in outcomes if isinstance(outcome, JobResult)]
    if any(result.decision.outcome == "failed" for result in results):
        return GATE_REFUSES
    return int(len(results) < len(outcomes))


def describe_error(error: BaseException) -> str:
    """Return an error in words that hold no cell of a table.

    Our own messages, and what the system says of a file, are passed on. Those of other libraries are not:
    parsers and frames like to quote the value that they choked on.
    """
    return " ".join([_words(error), *spent_notes(error)])


def spent_notes(error: BaseException) -> list[str]:
    """Return what an error's notes say of the budget: ours, which hold no cell of a table."""
    notes = getattr(error, "__notes__", ())
    return [note for note in notes if note.startswith(SPENT) or note == UNTOLD]


def _words(error: BaseException) -> str:
    if isinstance(error, TabGANError):
        return str(error)
    if isinstance(error, OSError) and error.errno in errno.errorcode and error.strerror:
        name = f": {str(error.filename)!r}" if error.filename is not None else ""
        return f"{type(error).__name__}: {error.strerror}{name}."
    return f"{unexpected(error)} Use --debug to see the way there."


def trace_of(error: BaseException) -> str:
    """Return the frames that an error passed through, without its message."""
    return "".join(traceback.format_tb(error.__traceback__)).rstrip()
