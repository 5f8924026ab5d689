"""An executor that runs jobs on the nodes of a cluster of Ray, beside the one ledger of their dataset."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tabgan._util.logs import log_to_stderr
from tabgan._util.ray_cluster import (
    RETRIES,
    SharedPlace,
    cancel,
    connected,
    shared_place,
    submitted,
    taken,
    warn_of_waiting,
)
from tabgan.errors import ConfigError, DataError, describe_error, trace_of
from tabgan.fitting.checkpoint import is_in_use
from tabgan.jobs.config import Job
from tabgan.jobs.executors import JobFailure, JobOutcome, Watcher, known, outcome_of, spent_by_lost
from tabgan.jobs.record import fingerprint
from tabgan.jobs.run import finished_before, forget

#: Seconds that a job waits for its checkpoint: a process that was lost may have it until it notices.
_PATIENCE = 60.0


class RayExecutor:
    """An executor that runs jobs as tasks of Ray, as many at once as the cluster has room for.

    A job whose process or node is lost is run again by Ray, and resumes from its checkpoint: no charge is made twice,
    and no answer given anew. One of a private fit that has no checkpoint is not run again.

    Args:
        again: True if jobs run again that an earlier run has finished.
    """

    def __init__(self, again: bool = False) -> None:
        self._again = again

    def run(self, jobs: Sequence[Job], watcher: Watcher | None = None) -> list[JobOutcome]:
        """Run every job, each after those that it needs, and return the outcome of each, in their order.

        An interrupt is passed on to the jobs, which end as on their own.

        Raises:
            ConfigError: Ray is not installed, or its cluster cannot be reached.
        """
        watcher = watcher or Watcher()
        outcomes: dict[str, JobOutcome] = {}
        waiting, running = list(jobs), dict[Any, Job]()
        with connected() as ray, ExitStack() as marks:
            places: dict[Path, SharedPlace] = {}
            try:
                while waiting or running:
                    for job in [job for job in waiting if set(job.needs) <= outcomes.keys()]:
                        waiting.remove(job)
                        outcome = known(job, outcomes, self._again)
                        if outcome is None:
                            forget(job)  # a record that a node finds is of this run
                            watcher.started(job)
                            outcome = _sent(ray, job, places, marks, running)
                        if outcome is not None:
                            watcher.finished(outcome)
                            outcomes[job.name] = outcome
                    done, _ = ray.wait(list(running)) if running else ([], None)
                    for reference in done:
                        job = running.pop(reference)
                        outcomes[job.name] = _outcome(ray, reference, job)
                        watcher.finished(outcomes[job.name])
            except BaseException:
                cancel(ray, running)
                for job in running.values():
                    watcher.interrupted(job, spent_by_lost(job))
                raise
        return [outcomes[job.name] for job in jobs]


@dataclass(frozen=True)
class NodeSetting:
    """All that a node must have in common with the driver before it runs a job.

    Attributes:
        folder: The working directory.
        places: Folders that it must share, each with the name of its use.
        mark: The job's fingerprint, in which the state of its source is.
    """

    folder: str
    places: tuple[tuple[str, SharedPlace], ...]
    mark: str | None

    def check(self, job: Job) -> None:
        """Raise unless this node has all of it; enters the working directory.

        Raises:
            ConfigError: the node lacks something.
        """
        for what, place in self.places:
            place.check(what)
        node = os.uname().nodename
        try:
            os.chdir(self.folder)
        except OSError:
            raise ConfigError(
                f"executor: the node {node} does not see the working directory {self.folder!r}, from which paths of "
                "the job start. Nothing was read or spent. Start the command in a folder that all nodes share."
            ) from None
        if fingerprint(job) != self.mark:
            raise ConfigError(
                f"source: the node {node} does not see the files that the machine of the command sees. Nothing was "
                "read or spent. Put them on a file system that all nodes share, under the same path."
            )


def _sent(
    ray: Any, job: Job, places: dict[Path, SharedPlace], marks: ExitStack, running: dict[Any, Job]
) -> JobFailure | None:
    """Add a job to those that wait for a node, or run on one; return a failure if it cannot be sent."""
    try:
        running[_reference(ray, job, places, marks)] = job
    except Exception as error:  # any error: the next job must still run
        return JobFailure(job.name, describe_error(error), trace_of(error))
    return None


def _reference(ray: Any, job: Job, places: dict[Path, SharedPlace], marks: ExitStack) -> Any:
    """Return Ray's reference to a job that waits for a node."""
    folders = {"its results": job.output.folder.parent}
    if job.ledger is not None:
        folders["the ledger"] = job.ledger.path.parent
    if job.resumes_from is not None:
        folders["the checkpoint"] = job.resumes_from.parent
    for folder in folders.values():
        if folder.absolute() not in places:
            places[folder.absolute()] = marks.enter_context(shared_place(folder))
    shared = tuple((what, places[folder.absolute()]) for what, folder in folders.items())
    setting = NodeSetting(os.getcwd(), shared, fingerprint(job))
    asked = job.resources
    warn_of_waiting(
        ray, {"CPU": asked.cpus, "GPU": asked.gpus, "memory": asked.memory}, f"The job {job.name!r}"
    )
    return submitted(
        ray,
        run_there,
        job,
        setting,
        name=f"job {job.name}",
        num_cpus=asked.cpus,
        num_gpus=asked.gpus,
        memory=asked.memory or None,
        max_retries=RETRIES if may_run_again(job) else 0,
    )


def may_run_again(job: Job) -> bool:
    """Return true if a job that was lost may run again by itself: it gives no second answer to the same questions.

    A node that seems lost may live on behind a broken line. The lock of a checkpoint keeps two processes apart, and
    its answers are taken again; without one, each would draw noise of its own.
    """
    return job.resumes_from is not None or not job.is_private


def _outcome(ray: Any, reference: Any, job: Job) -> JobOutcome:
    """Return the outcome of a job that has ended."""
    try:
        outcome: JobOutcome = taken(ray, reference, f"job {job.name!r}")
    except DataError as error:
        done = finished_before(job)
        if done is not None:  # the node was lost between the job's last word and the answer
            return done
        again = "The same command runs it again"
        if not may_run_again(job):
            again += "; with a ledger or a checkpoint, Ray does so on its own"
        parts = (describe_error(error), spent_by_lost(job), f"{again}.")
        return JobFailure(job.name, " ".join(filter(None, parts)))
    except Exception as error:
        return JobFailure(job.name, describe_error(error))
    return outcome


def run_there(job: Job, setting: NodeSetting) -> JobOutcome:
    """Return the outcome of a job, on a node.

    Raises:
        ConfigError: the node does not share the driver's places.
    """
    setting.check(job)
    log_to_stderr(f"{job.name}: ")
    torch.set_num_threads(job.resources.cpus)
    until = time.monotonic() + _PATIENCE
    while job.resumes_from is not None and is_in_use(job.resumes_from) and time.monotonic() < until:
        time.sleep(0.5)
    # The process that was lost may have finished: its record stands there before its checkpoint goes.
    return finished_before(job) or outcome_of(job)
