"""Events of a batch of jobs, for machines: a JSON line each, and the outcomes as a whole."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tabgan._util.progress import COPY_STAGES
from tabgan._util.version import __version__
from tabgan.jobs.config import Job
from tabgan.jobs.executors import JobFailure, JobOutcome, Watcher, exit_code, refused
from tabgan.jobs.record import FinishedJob
from tabgan.jobs.run import JobResult

logger = logging.getLogger(__name__)

#: The exit code of an interrupted command.
INTERRUPTED = 130


class Watchers(Watcher):
    """Several watchers as one."""

    def __init__(self, *watchers: Watcher) -> None:
        self._all = watchers

    def started(self, job: Job) -> None:
        for each in self._all:
            each.started(job)

    def progress(self, stage: str, done: int, total: int) -> None:
        for each in self._all:
            each.progress(stage, done, total)

    def finished(self, outcome: JobOutcome) -> None:
        for each in self._all:
            each.finished(outcome)

    def interrupted(self, job: Job, said: str) -> None:
        for each in self._all:
            each.interrupted(job, said)


@dataclass(frozen=True)
class JobUnfinished:
    """A job of a batch that was interrupted.

    Attributes:
        name: The job's name.
        has_begun: True if it ran.
        message: Its words on budget and checkpoint.
    """

    name: str
    has_begun: bool = False
    message: str = ""


class Collected(Watcher):
    """A watcher that keeps the outcomes of jobs, as a batch that is interrupted returns none."""

    def __init__(self) -> None:
        self._found: dict[str, JobOutcome | JobUnfinished] = {}

    def started(self, job: Job) -> None:
        self._found[job.name] = JobUnfinished(job.name, has_begun=True)

    def finished(self, outcome: JobOutcome) -> None:
        self._found[outcome.name] = outcome

    def interrupted(self, job: Job, said: str) -> None:
        self._found[job.name] = JobUnfinished(job.name, has_begun=True, message=said)

    def of(self, jobs: Sequence[Job]) -> list[JobOutcome | JobUnfinished]:
        """Return the outcome of each job so far."""
        return [self._found.get(job.name, JobUnfinished(job.name)) for job in jobs]


class EventLog(Watcher):
    """A watcher that appends a JSON line to a file when a job or one of its stages begins, and when a job ends.

    A job that is interrupted has a line, too. No line holds a cell of a table, or a figure computed on real rows. If
    a line cannot be written, as on a full disk, a warning says so, and the jobs go on without further ones.

    Args:
        path: The file; lines are added to those that it has.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._job, self._stages, self._is_lost = "", set(COPY_STAGES), False
        self._begun: dict[str, float] = {}

    def started(self, job: Job) -> None:
        self._job, self._stages = job.name, set(COPY_STAGES)
        self._begun[job.name] = time.monotonic()
        self._write("started", job.name)

    def progress(self, stage: str, done: int, total: int) -> None:
        if stage not in self._stages:
            self._stages.add(stage)
            self._write("stage", self._job, stage=stage)

    def finished(self, outcome: JobOutcome) -> None:
        begun = self._begun.get(outcome.name)
        seconds = {} if begun is None else {"seconds": round(time.monotonic() - begun, 1)}
        self._write("finished", outcome.name, **plain(outcome), **seconds)

    def interrupted(self, job: Job, said: str) -> None:
        self._write("interrupted", job.name, **({"note": said} if said else {}))

    def _write(self, event: str, job: str, **more: Any) -> None:
        if self._is_lost:
            return
        line = json.dumps({"time": _now(), "event": event, "job": job, **more})
        end = self._path.stat().st_size if self._path.exists() else 0
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            self._is_lost = True
            with suppress(OSError):
                os.truncate(self._path, end)  # no half of a line
            reason = error.strerror
            logger.warning("Cannot write %r: %s. The jobs go on, without events.", str(self._path), reason)


def plain(outcome: JobOutcome | JobUnfinished) -> dict[str, object]:
    """Return the state of a job, with its promise or its error, as plain data."""
    if isinstance(outcome, JobUnfinished):
        note = {"note": outcome.message} if outcome.message else {}
        return {"state": "interrupted" if outcome.has_begun else "not begun", **note}
    if isinstance(outcome, JobFailure):
        return {"state": "failed", "error": outcome.message}
    state = "withheld" if refused(outcome) else "done"
    if isinstance(outcome, FinishedJob):
        return {"state": state, "rows": outcome.n_rows, "finished_before": outcome.when}
    epsilon, delta = outcome.promised
    return {
        "state": state,
        "rows": outcome.n_rows,
        "epsilon": epsilon,
        "delta": delta,
        "stages": {stage: round(spent, 2) for stage, spent in outcome.seconds.items()},
    }


def summary_of(
    jobs: Sequence[Job], outcomes: Sequence[JobOutcome | JobUnfinished], file: Path
) -> dict[str, object]:
    """Return what is known of a batch when it has ended, or was interrupted, as plain data.

    Args:
        jobs: Its jobs.
        outcomes: The outcome of each.
        file: The file that describes them.
    """
    ended = [
        {"job": job.name, "folder": str(job.output.folder), **plain(outcome), "files": _files(outcome)}
        for job, outcome in zip(jobs, outcomes, strict=True)
    ]
    known = [outcome for outcome in outcomes if not isinstance(outcome, JobUnfinished)]
    return {
        "format": "tabgan-batch",
        "version": 1,
        "tabgan": __version__,
        "file": str(file),
        "ended": _now(),
        "exit_code": exit_code(known) if len(known) == len(outcomes) else INTERRUPTED,
        "jobs": ended,
    }


def _files(outcome: JobOutcome | JobUnfinished) -> list[str]:
    return [str(path) for path in outcome.files] if isinstance(outcome, JobResult | FinishedJob) else []


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
