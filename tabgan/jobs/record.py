"""The record of a finished job, by which the same command does not run it twice."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from tabgan._util.files import parse, sha256
from tabgan._util.printed import at_most
from tabgan._util.version import __version__
from tabgan.io import write_text
from tabgan.jobs.config import Job

#: The record's name in the folder of internal results.
OUTCOME = "outcome.json"

_FORMAT, _VERSION = "tabgan-outcome", 1

#: Keys of a job on which its results do not depend.
_NOT_OF_RESULTS = ("needs", "resources")


@dataclass(frozen=True)
class FinishedJob:
    """A job that an earlier run has finished.

    Attributes:
        name: The job's name.
        when: The time at which it was finished, ISO 8601 with its offset.
        decision: The gate's outcome: ``"passed"``, ``"failed"`` or ``"open"``.
        n_rows: Rows of its synthetic table.
        files: Its files.
        headline: The evaluation's most important figures, as label and text: INTERNAL.
        epsilon: Epsilon of fit and private metrics together, in words; ``None`` without privacy.
        reasons: The gate's limits that were not met, in words: INTERNAL.
    """

    name: str
    when: str
    decision: str
    n_rows: int
    files: tuple[Path, ...]
    headline: tuple[tuple[str, str], ...] = ()
    epsilon: str | None = None
    reasons: tuple[str, ...] = ()


def fingerprint(job: Job) -> str | None:
    """Return a digest that is equal for the same job on the same files by the same version.

    ``None`` for a source that cannot tell if its rows have changed.
    """
    states = job.source.states()
    if states is None:
        return None
    described = [repr(getattr(job, each.name)) for each in fields(job) if each.name not in _NOT_OF_RESULTS]
    return sha256("\n".join([__version__, *described, *states]))


def write_record(job: Job, mark: str | None, record: dict[str, object], folder: Path) -> None:
    """Write the record of a finished job, unless a later run could not recognise it.

    Args:
        job: The job.
        mark: Its :func:`fingerprint` when it began.
        record: Decision and its reasons, rows, headline and epsilon.
        folder: The folder of internal results.
    """
    if mark is None:
        return
    when = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    data = {"format": _FORMAT, "version": _VERSION, "name": job.name, "fingerprint": mark, "when": when}
    write_text(json.dumps(data | record, indent=1) + "\n", folder / OUTCOME)


def finished(job: Job, path: Path) -> FinishedJob | None:
    """Return the record of the same job, if its results are all there.

    Args:
        job: The job.
        path: The place of the record.
    """
    mark = fingerprint(job)
    try:
        data = parse(path.read_text(encoding="utf-8"))
        is_same = data["format"] == _FORMAT and data["version"] == _VERSION and data["fingerprint"] == mark
        files = tuple(job.output.folder / name for name in data["files"])
        found = FinishedJob(
            job.name,
            str(data["when"]),
            str(data["decision"]),
            int(data["n_rows"]),
            files,
            tuple((str(label), str(text)) for label, text in data["headline"]),
            None if data["epsilon"] is None else at_most(float(data["epsilon"])),
            tuple(map(str, data["reasons"])),
        )
    except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError):
        return None
    return found if mark is not None and is_same and all(file.is_file() for file in files) else None
