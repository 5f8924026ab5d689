"""Jobs of a YAML file, which is checked as a whole: every problem at once, with its line and key path."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import TypeAdapter, ValidationError

from tabgan._util.validate import nearest, one_of
from tabgan._util.yaml import parse_with_lines
from tabgan.errors import ConfigError, SchemaError
from tabgan.io import CsvForm, check_readable, check_writable
from tabgan.jobs.bundle_options import BundleOptions
from tabgan.jobs.config import Job, Output, ReportOptions
from tabgan.jobs.expand import MOST_JOBS, RawJob, expand, with_value
from tabgan.jobs.resources import Resources
from tabgan.jobs.source_keys import Source, shown_without_password

#: Executors of jobs: on this machine, or on a cluster.
Executor = Literal["local", "ray"]
EXECUTORS: tuple[Executor, ...] = ("local", "ray")


def load_jobs(
    path: Path | str,
    *,
    only: str | None = None,
    output: Path | None = None,
    form: CsvForm | None = None,
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[str, object] | None = None,
) -> list[Job]:
    """Return the jobs of a YAML file.

    Args:
        path: The file.
        only: Name of the only job to return, besides those that it needs; the others are checked as well.
        output: Folder that replaces the jobs' own; with several jobs, each gets a folder in it.
        form: Keys of a CSV's form that replace those of every job's source.
        environ: Values of ``${NAME}``.
        overrides: By key path, such as ``model.epsilon``, values that replace those of every job, and that are checked
            as these are.

    Raises:
        ConfigError: the file has problems; one line for each, with file, job, key path, finding and fix.
    """
    path = Path(path)
    data, problems, lines = _read(path, environ)
    if not problems:
        jobs, problems = _build(data, lines, path, overrides or {})
    if problems:
        raise ConfigError("\n".join(f"{path}: {problem}" for problem in problems))
    jobs = _chosen(jobs, only, path)
    if output is not None:
        folders = [output if len(jobs) == 1 else output / job.name for job in jobs]
        jobs = [
            replace(job, output=replace(job.output, folder=f)) for job, f in zip(jobs, folders, strict=True)
        ]
    if form:
        given: dict[str, Any] = {**form}
        jobs = [replace(job, source=replace(job.source, **given)) for job in jobs]
    check_folders(jobs, path)
    return jobs


def executor_of(path: Path | str, environ: Mapping[str, str] = os.environ) -> Executor | None:
    """Return the executor that a file of jobs names beside ``jobs``; ``None`` if it names none.

    Raises:
        ConfigError: there is no such executor.
    """
    data, problems, _ = _read(Path(path), environ)
    named = data.get("executor") if isinstance(data, Mapping) and "jobs" in data and not problems else None
    return None if named is None else cast(Executor, one_of(f"{path}: executor", named, EXECUTORS))


def check_folders(jobs: Sequence[Job], path: Path) -> None:
    """Raise unless every job can write its folder, and no two share one.

    Raises:
        ConfigError: a folder cannot be written, or is shared; one line for each problem.
    """
    problems = []
    folders = [job.output.folder.resolve() for job in jobs]
    counts = Counter(folders)
    for job in jobs:
        try:
            check_writable(job.output.folder, "output.folder")
        except ConfigError as error:
            problems.append(f"{path}: job {job.name!r}: {error}")
        if counts[job.output.folder.resolve()] > 1:
            problems.append(
                f"{path}: job {job.name!r}: output.folder: another job writes to the same folder."
            )
        if any(folder in job.output.folder.resolve().parents for folder in folders):
            problems.append(
                f"{path}: job {job.name!r}: output.folder: it lies in the folder of another job. Name one next to it."
            )
    if problems:
        raise ConfigError("\n".join(problems))


def _read(path: Path, environ: Mapping[str, str]) -> tuple[Any, list[str], dict[str, int]]:
    check_readable(path, "jobs")
    try:
        return parse_with_lines(path.read_text(encoding="utf-8-sig"), environ)
    except OSError as error:
        return None, [f"cannot be read: {error.strerror}."], {}
    except UnicodeDecodeError:
        return None, ["cannot be read: it is not UTF-8 text."], {}


def _build(
    data: Any, lines: Mapping[str, int], path: Path, overrides: Mapping[str, object]
) -> tuple[list[Job], list[str]]:
    """Return the jobs in parsed YAML, and all their problems."""
    items, defaults, problems = _items(data)
    problems += _fixed(overrides, [defaults, *(item for _, item in items)])
    jobs, families, heads = [], {}, {}
    raws = list(_expanded(items, defaults, path, problems, lines))
    stated = {name for raw in raws for name in (str(raw.name), raw.family)}
    of_overrides: dict[str, list[str]] = {}
    for raw in raws:
        try:
            job, found = _job(_overridden(raw.data, overrides), path.parent)
        except ConfigError as error:
            of_overrides.setdefault(str(error), []).append(str(raw.name))
            continue
        for where, problem in found:
            if _is_overridden(where, overrides):
                of_overrides.setdefault(f"--set {problem}", []).append(str(raw.name))
                continue
            told = _told(lines, raw, where, problem)
            problems.append(told)  # repeated for each of several jobs made from one
        head = _line(lines, raw.place, "needs" if raw.data.get("needs") else "name")
        heads[str(raw.name)] = head
        if job:
            jobs.append(job)
            families[job.name] = raw.family
        else:
            problems += _vain_needs(raw, stated, head)
    for problem, names in of_overrides.items():
        others = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
        problems.append(f"job {names[0]!r}{others}: {problem}")
    last = {str(raw.name): _line(lines, raw.place, "name") for raw in raws}
    for name, count in Counter(str(raw.name) for raw in raws).items():
        if count > 1:
            problems.append(f"{last[name]}job {name!r}: name: {count} jobs have it.")
    jobs, in_vain = _in_order(jobs, families, stated, heads)
    return jobs, sorted(dict.fromkeys(problems + in_vain), key=_line_of)


def _line_of(problem: str) -> int:
    """Return the line that a problem begins with; 0 without one."""
    found = re.match(r"line (\d+): ", problem)
    return int(found[1]) if found else 0


def _vain_needs(raw: RawJob, stated: Collection[str], head: str) -> list[str]:
    """Return the needs of no job, of a job that has problems of its own."""
    needs = raw.data.get("needs")
    named = [need for need in needs if isinstance(need, str)] if isinstance(needs, list) else []
    return [
        f"{head}job {raw.family!r}: needs: no other job {need!r}.{nearest(need, sorted(stated))}"
        for need in named
        if need not in stated
    ]


def _fixed(overrides: Mapping[str, object], items: Sequence[Any]) -> list[str]:
    """Return the problems of overrides that no job may have."""
    problems = []
    for key in overrides:
        if key.partition(".")[0] in ("name", "needs", "matrix", "jobs", "defaults"):
            problems.append(
                f"--set {key}: expected a key of the job's work, such as model.epsilon. Edit the file."
            )
        for item in items:
            matrix = item.get("matrix") if isinstance(item, Mapping) else None
            if isinstance(matrix, Mapping) and key in matrix:
                problems.append(
                    f"--set {key}: a matrix of the file states it, and its jobs would be equal. Choose by --only."
                )
    return problems


def _overridden(data: Mapping[str, Any], overrides: Mapping[str, object]) -> dict[str, Any]:
    """Return a job's plain data with the overrides.

    Raises:
        ConfigError: a key on the way holds no mapping.
    """
    changed = dict(data)
    for key, value in overrides.items():
        changed = with_value(changed, key.split("."), value, f"--set {key}")
    return changed


def _is_overridden(where: str, overrides: Mapping[str, object]) -> bool:
    """Return True if a problem at a key path is one of an override: at it, within it, or of a key on the way."""
    return any(f"{where}.".startswith(f"{key}.") or f"{key}.".startswith(f"{where}.") for key in overrides)


def _expanded(
    items: Sequence[tuple[str, Any]],
    defaults: Mapping[str, Any],
    path: Path,
    problems: list[str],
    lines: Mapping[str, int],
) -> Iterator[RawJob]:
    """Return an iterator over the jobs of a file's items; adds problems of items to ``problems``."""
    n_jobs = 0
    for position, (place, item) in enumerate(items):
        name = path.stem if len(items) == 1 else f"job-{position + 1}"
        if not isinstance(item, Mapping):
            problems.append(
                f"{name}: expected a mapping with the key 'source', got {shown_without_password(item)}."
            )
            continue
        try:
            found = expand(item, defaults, place, name, path.parent)
        except ConfigError as error:
            where = str(error).partition(":")[0]
            problems.append(f"{_line(lines, place, where)}job {str(item.get('name', name))!r}: {error}")
            if not where.startswith("matrix"):
                continue
            found = expand({**item, "matrix": None}, defaults, place, name, path.parent)
        n_jobs += len(found)
        if n_jobs > MOST_JOBS:
            problems.append(f"expected at most {MOST_JOBS} jobs, got {n_jobs:,} or more. Use several files.")
            return
        yield from found


def _told(lines: Mapping[str, int], raw: RawJob, where: str, problem: str) -> str:
    """Return a problem with its line: that of the job's item, or of the matrix or the defaults that state its key."""
    stated = [key for key in _upward(where) if f"{raw.place}.matrix.{key}".lstrip(".") in lines]
    if stated:
        line = _line(lines, raw.place, f"matrix.{stated[0]}")
        return f"{line}job {raw.family!r}: matrix.{problem}"
    for keys in _upward(where):
        if f"{raw.place}.{keys}" in lines:
            break
        if f"defaults.{keys}" in lines:
            return f"line {lines[f'defaults.{keys}']}: defaults: {problem}"
    return f"{_line(lines, raw.place, where)}job {raw.family!r}: {problem}"


def _upward(keys: str) -> Iterator[str]:
    """Return an iterator over a key path and those around it."""
    while keys:
        yield keys
        keys = keys.rpartition(".")[0]


def _line(lines: Mapping[str, int], place: str, keys: str) -> str:
    """Return the line of a key path in an item, or of the nearest one around it, as the beginning of a problem."""
    while True:
        known = lines.get(f"{place}.{keys}" if place and keys else place or keys)
        if known is not None:
            return f"line {known}: "
        if not keys:
            return ""
        keys = keys.rpartition(".")[0]


def _in_order(
    jobs: Sequence[Job], families: Mapping[str, str], stated: Collection[str], heads: Mapping[str, str]
) -> tuple[list[Job], list[str]]:
    """Return the jobs, each after those that it needs, which are named in full, and the problems of these needs.

    Needs of jobs that have problems of their own are left alone. ``heads`` begin the problems of jobs with their lines.
    """
    problems, needs = [], {}
    members: dict[str, list[str]] = {}
    for name, family in families.items():
        members.setdefault(family, []).append(name)
    for job in jobs:
        named = [([need] if need in families else members.get(need, []), need) for need in job.needs]
        for found, need in named:
            if (not found and need not in stated) or job.name in found:
                hint = " It cannot need itself." if found else nearest(need, list(families))
                problems.append(f"{heads[job.name]}job {job.name!r}: needs: no other job {need!r}.{hint}")
        wanted = dict.fromkeys(name for found, _ in named for name in found if name != job.name)
        needs[job.name] = tuple(wanted)
    ordered: list[Job] = []
    waiting, done = list(jobs), set[str]()
    while waiting:
        ready = [job for job in waiting if set(needs[job.name]) <= done]
        if not ready:
            names = ", ".join(repr(job.name) for job in waiting)
            head = heads[waiting[0].name]
            problems.append(f"{head}needs: the jobs {names} wait for each other. Drop one of their needs.")
            break
        ordered += [replace(job, needs=needs[job.name]) for job in ready]
        done |= {job.name for job in ready}
        waiting = [job for job in waiting if job.name not in done]
    return ordered, problems


def _items(data: Any) -> tuple[list[tuple[str, Any]], Mapping[str, Any], list[str]]:
    """Return the items of a file with their key paths, the defaults, and problems."""
    if isinstance(data, Mapping) and "jobs" in data:
        known = ("jobs", "defaults", "executor")
        problems = [f"{key}: unknown key beside 'jobs'." for key in data if key not in known]
        defaults = data.get("defaults", {})
        if not isinstance(defaults, Mapping):
            problems.append(
                f"defaults: expected a mapping of a job's keys, got {shown_without_password(defaults)}."
            )
            defaults = {}
        own = {"name", "needs"} & set(defaults)
        problems += [f"defaults.{key}: expected in each job, not among the defaults." for key in sorted(own)]
        items = data["jobs"]
        if not isinstance(items, list) or not items:
            return [], {}, [*problems, _EMPTY]
        return [(f"jobs[{place}]", item) for place, item in enumerate(items)], defaults, problems
    if isinstance(data, list) and data:
        return [(f"[{place}]", item) for place, item in enumerate(data)], {}, []
    if isinstance(data, Mapping) and data:
        return [("", data)], {}, []
    return [], {}, [_EMPTY]


_EMPTY = "expected a job (a mapping with the key 'source') or a list of jobs, got none."


def _job(raw: dict[str, Any], folder: Path) -> tuple[Job | None, list[tuple[str, str]]]:
    """Return a job, or its problems, each with the key path in its item."""
    if "output" not in raw:
        raw["output"] = {}
    if isinstance(raw["output"], Mapping):
        raw["output"] = {"folder": f"out/{raw['name']}"} | dict(raw["output"])
    lines: list[tuple[str, str]] = []
    # The source is checked first and alone: pydantic checks across keys only once each of them is valid.
    context = {"folder": folder, "prefix": ""}
    try:
        if isinstance(raw.get("source"), Mapping):
            raw["source"] = TypeAdapter(Source).validate_python(
                raw["source"], context=context | {"prefix": "source."}
            )
    except ValidationError as error:
        lines += _explain(error, ("source",))
        raw.pop("source")
    try:
        return TypeAdapter(Job).validate_python(raw, context=context), lines
    except ValidationError as error:
        missing_again = "source" not in raw and bool(lines)
        found = _explain(error, ())
        return None, lines + [line for line in found if not (missing_again and line[1].startswith("source:"))]


_CLASSES: dict[tuple[str, ...], Any] = {
    (): Job,
    ("source",): Source,
    ("output",): Output,
    ("report",): ReportOptions,
    ("bundle",): BundleOptions,
    ("resources",): Resources,
}


def _explain(error: ValidationError, prefix: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return pydantic's findings in tabgan's wording, each with its key path: rule, finding, nearest key."""
    lines: list[tuple[str, str]] = []
    for finding in error.errors():
        keys = prefix + tuple(str(key) for key in finding["loc"])
        where = ".".join(keys)
        cause = finding.get("ctx", {}).get("error")
        is_list = finding["type"] in ("tuple_type", "list_type")
        rule = "a list" if is_list else finding["msg"].removeprefix("Input should be ")
        if isinstance(cause, ConfigError | SchemaError):
            lines += [(_place(line, where), line) for line in str(cause).splitlines()]
        elif finding["type"] == "unexpected_keyword_argument":
            known = [f.name for f in fields(_CLASSES[keys[:-1]])]
            hint = nearest(keys[-1], known) or " Known: " + ", ".join(known) + "."
            lines.append((where, f"{where}: unknown key.{hint}"))
        elif finding["type"] == "missing":
            lines.append((where, f"{where}: expected a value, got nothing. The key is required."))
        elif finding["type"] in ("dataclass_type", "dict_type"):
            shown = shown_without_password(finding["input"])
            lines.append((where, f"{where}: expected a mapping of keys and values, got {shown}."))
        else:
            lines.append(
                (where, f"{where}: expected {rule}, got {shown_without_password(finding['input'])}.")
            )
    return lines


def _place(problem: str, where: str) -> str:
    """Return the key path of a problem that another check found: a column of the schema, or the key of the value."""
    column = re.match(r"Column '(.*?)':", problem)
    if column is not None:
        return f"schema.columns.{column[1]}"
    begins_with = problem.partition(":")[0]
    return begins_with if begins_with.startswith(where) else where


def _chosen(jobs: Sequence[Job], only: str | None, path: Path) -> list[Job]:
    if only is None:
        return list(jobs)
    names = [job.name for job in jobs]
    if only not in names:
        raise ConfigError(
            f"{path}: no job {only!r}.{nearest(only, names) or ' Jobs: ' + ', '.join(names) + '.'}"
        )
    chosen = {only}
    for job in reversed(jobs):  # each stands after those that it needs
        chosen |= set(job.needs) if job.name in chosen else set()
    return [job for job in jobs if job.name in chosen]
