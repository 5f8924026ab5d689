"""Jobs that a file states together: defaults, a glob over sources, a matrix of settings.

All of it happens on the file's plain data, before a job is checked::

    defaults: {model: {epsilon: 1.0}, ledger: {path: people.ledger}}
    jobs:
      - name: region
        source: {glob: regions/*.csv}                       # a job for each file: region-north, region-south
        matrix: {model.epsilon: [0.5, 1], random_state: [0, 1]}     # and four of each of these
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tabgan.errors import ConfigError

#: Jobs of one file, at most: more are likely a slip in a matrix.
MOST_JOBS = 500

_SIMPLE = re.compile(r"[A-Za-z0-9._-]+")

#: Keys of a job whose places are a job's own: each of several made from one gets a part of its own.
_OWN_PLACES = (("output", "folder"), ("checkpoint",))


@dataclass(frozen=True)
class RawJob:
    """The plain data of one job.

    Attributes:
        data: Its keys and values.
        place: The key path of its item in the file, such as ``jobs[2]``; empty for a file of one job.
        family: The name that the file gives to all jobs of the item.
        suffix: The part of its name that tells it from these; empty for an only one.
    """

    data: Mapping[str, object]
    place: str
    family: str
    suffix: str = ""

    @property
    def name(self) -> object:
        """Its name, if it has a valid one."""
        return self.data.get("name", self.family)


def expand(
    item: Mapping[str, object], defaults: Mapping[str, object], place: str, name: str, folder: Path
) -> list[RawJob]:
    """Return the jobs of one item of a file.

    Args:
        item: The item's plain data.
        defaults: Keys of every job that does not say otherwise.
        place: The item's key path.
        name: Its name, if it has none.
        folder: The folder that globs are relative to.

    Raises:
        ConfigError: a glob or a matrix cannot be used; begins with its key.
    """
    data: dict[str, Any] = merged(defaults, item)
    family = data.get("name", name)
    data["name"] = family
    shared = defaults.get("output")
    own = item.get("output")
    if isinstance(shared, Mapping) and isinstance(shared.get("folder"), str) and not _names_folder(own):
        data["output"] = {**data["output"], "folder": f"{shared['folder']}/{family}"}
    matrix = data.pop("matrix", None)
    jobs = [RawJob(data, place, str(family))]
    jobs = [each for job in jobs for each in _of_glob(job, folder)]
    if matrix is not None:
        jobs = [each for job in jobs for each in _of_matrix(job, matrix)]
    return [_with_places(job) for job in jobs]


def _names_folder(output: object) -> bool:
    return isinstance(output, Mapping) and "folder" in output


def merged(defaults: Mapping[str, object], given: Mapping[str, object]) -> dict[str, object]:
    """Return the given keys on top of the defaults; mappings are merged key by key, other values replaced."""
    both = dict(defaults)
    for key, value in given.items():
        default = both.get(key)
        if isinstance(default, Mapping) and isinstance(value, Mapping):
            value = merged(default, value)
        both[key] = value
    return both


def _of_glob(job: RawJob, folder: Path) -> Iterator[RawJob]:
    """Return an iterator over a job for each file that its source's glob finds; the job itself without one."""
    source = job.data.get("source")
    if not isinstance(source, Mapping) or "glob" not in source:
        yield job
        return
    pattern = source["glob"]
    if not isinstance(pattern, str) or not pattern:
        raise ConfigError("source.glob: expected a pattern as text, such as regions/*.csv.")
    others = {"path", "package", "sql"} & set(source)
    if others:
        raise ConfigError(f"source.glob: expected it alone, got {min(others)} as well. Drop one.")
    base = Path(pattern).expanduser()
    root = Path(base.anchor) if base.is_absolute() else folder
    files = sorted(path for path in root.glob(str(base.relative_to(base.anchor))) if path.is_file())
    if not files:
        raise ConfigError(
            f"source.glob: no file matches {pattern!r}. Paths are relative to the file of jobs."
        )
    rest = {key: value for key, value in source.items() if key != "glob"}
    stems = [path.name.partition(".")[0] for path in files]
    for number, (path, stem) in enumerate(zip(files, stems, strict=True)):
        part = stem if stems.count(stem) == 1 and _SIMPLE.fullmatch(stem) else str(number)
        yield _named(replace(job, data={**job.data, "source": {**rest, "path": str(path.absolute())}}), part)


def _of_matrix(job: RawJob, matrix: object) -> Iterator[RawJob]:
    """Return an iterator over a job for each combination of a matrix's values."""
    if not isinstance(matrix, Mapping) or not matrix:
        raise ConfigError("matrix: expected a mapping of keys to lists, such as {model.epsilon: [0.5, 1]}.")
    for key, values in matrix.items():
        if not isinstance(values, list) or not values:
            raise ConfigError(f"matrix.{key}: expected a list of values, got something else, or none.")
        if key in ("name", "needs", "output.folder", "checkpoint"):
            raise ConfigError(
                f"matrix.{key}: expected another key: each job has a {key} of its own, or shares it."
            )
    n_jobs = 1
    for values in matrix.values():
        n_jobs *= len(values)
        if n_jobs > MOST_JOBS:
            raise ConfigError(
                f"matrix: expected at most {MOST_JOBS} jobs, got {n_jobs:,} or more. Use fewer values."
            )
    for chosen in itertools.product(*(list(enumerate(values)) for values in matrix.values())):
        data, parts = job.data, []
        for key, (number, value) in zip(matrix, chosen, strict=True):
            data = with_value(data, key.split("."), value, f"matrix.{key}")
            text = "none" if value is None else str(value)
            shown = (
                text
                if isinstance(value, str | int | float | None) and _SIMPLE.fullmatch(text)
                else str(number)
            )
            parts.append(f"{key.rpartition('.')[2]}-{shown}")
        yield _named(replace(job, data=data), "-".join(parts))


def with_value(data: Mapping[str, object], keys: list[str], value: object, where: str) -> dict[str, object]:
    """Return data with a value at a key path.

    Raises:
        ConfigError: a key on the way holds no mapping; begins with ``where``.
    """
    if len(keys) == 1:
        return {**data, keys[0]: value}
    inner = data.get(keys[0], {})
    if not isinstance(inner, Mapping):
        raise ConfigError(
            f"{where}: {keys[0]!r} is not a mapping of keys and values in this job. Write it as one."
        )
    return {**data, keys[0]: with_value(inner, keys[1:], value, where)}


def _named(job: RawJob, part: str) -> RawJob:
    """Return a job with one more part of its name."""
    suffix = f"{job.suffix}-{part}" if job.suffix else part
    return replace(job, suffix=suffix, data={**job.data, "name": f"{job.family}-{suffix}"})


def _with_places(job: RawJob) -> RawJob:
    """Return one of several jobs with places of its own within those that the file names."""
    data = dict(job.data)
    for first, *rest in _OWN_PLACES if job.suffix else ():
        inner = data.get(first)
        if rest and isinstance(inner, Mapping) and isinstance(inner.get(rest[0]), str):
            data[first] = {**inner, rest[0]: f"{inner[rest[0]]}/{job.suffix}"}
        elif not rest and isinstance(inner, str):
            data[first] = f"{inner}-{job.suffix}"
    return replace(job, data=data)
