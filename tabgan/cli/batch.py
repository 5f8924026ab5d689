"""The command that runs the jobs of a file, and the JSON Schema of such a file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from tabgan import io
from tabgan._util.validate import integer_at_least, one_of
from tabgan.cli import options
from tabgan.cli.parts import (
    AsJson,
    Debug,
    DecimalMark,
    Encoding,
    Force,
    NaValue,
    Quiet,
    Separator,
    TextOutput,
    check_output,
    exits,
    is_quiet,
    say,
    show_error,
    watcher_on_stderr,
    write_editor_schema,
)

if TYPE_CHECKING:
    from tabgan.jobs.config import Job
    from tabgan.jobs.eventlog import Collected, JobUnfinished
    from tabgan.jobs.executors import JobOutcome, Watcher
    from tabgan.jobs.forecast import JobPlan

jobs_app = typer.Typer(help="Work on files of jobs, which `tabgan run` runs.", no_args_is_help=True)

#: Files of a run folder.
EVENTS, SUMMARY, INDEX = "events.jsonl", "batch.json", "index.html"


def run(
    file: Annotated[Path, typer.Argument(help="YAML file with one or more jobs.")],
    only: Annotated[str | None, typer.Option(help="Run only the job with this name.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder to write to, instead of those in the file.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Jobs that run at once, each in a process of its own.")] = 1,
    executor: Annotated[
        str | None,
        typer.Option(
            help="local (by default), or ray: each job on a node of a cluster of Ray; see docs/ray.md."
        ),
    ] = None,
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="Run jobs again that are done and have not changed. This spends their budget once more.",
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Check the file, and print the jobs that would run and the expected errors of their fits. "
            "Nothing is spent.",
        ),
    ] = False,
    run_folder: Annotated[
        Path | None,
        typer.Option(help="Folder for a page about all jobs, their outcomes as JSON, and their events."),
    ] = None,
    log_json: Annotated[
        Path | None, typer.Option(help="File to which events are appended, a JSON line each.")
    ] = None,
    override: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="key=value, such as model.epsilon=0.5, to override a key of every job in the file; may be repeated. "
            "The value is YAML, and is checked like the file.",
        ),
    ] = None,
    na_value: NaValue = None,
    separator: Separator = None,
    decimal: DecimalMark = None,
    encoding: Encoding = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Run the jobs of a YAML file: read, fit, sample, evaluate, report.

    The same command continues what was interrupted, and skips what is done.
    """
    with exits(debug):
        integer_at_least("--workers", workers, 1)
        from tabgan.cli import terminal
        from tabgan.jobs.eventlog import Collected, summary_of
        from tabgan.jobs.executors import JobFailure, exit_code
        from tabgan.jobs.forecast import plans_of
        from tabgan.jobs.loading import EXECUTORS, executor_of, load_jobs

        if executor is not None:
            one_of("--executor", executor, EXECUTORS)
        form = options.given_form(separator, decimal, encoding, na_value)
        changed = options.overrides_of(override or [])
        jobs = load_jobs(file, only=only, output=output, form=form, overrides=changed)
        if dry_run:
            plans = plans_of(jobs)
            say(
                found=_planned(jobs, plans, again),
                show=lambda: terminal.show_jobs(Console(), jobs, plans, again),
            )
            return
        on_ray = (executor or executor_of(file)) == "ray"
        is_several = len(jobs) > 1 and (on_ray or workers > 1)
        kept = Collected()
        try:
            with _watcher(len(jobs), is_several or on_ray, run_folder, log_json, kept) as watcher:
                outcomes = _executor(on_ray, workers if is_several else 1, again).run(jobs, watcher)
        except KeyboardInterrupt:
            if run_folder is not None:
                _write_run(run_folder, summary_of(jobs, kept.of(jobs), file), kept.of(jobs))
            raise
        for outcome in outcomes if debug else ():
            if isinstance(outcome, JobFailure):
                typer.echo(f"{outcome.name}:\n{outcome.trace}", err=True)
        if is_quiet():
            for failed in (each for each in outcomes if isinstance(each, JobFailure)):
                show_error(Console(stderr=True), f"{failed.name}: {failed.message}")
        summary = summary_of(jobs, outcomes, file)
        say(found=summary, show=lambda: terminal.show_outcomes(Console(), outcomes))
        if run_folder is not None:
            _write_run(run_folder, summary, outcomes)
            say(f"{run_folder / INDEX}: INTERNAL: all {len(jobs):,} jobs on one page")
        raise typer.Exit(exit_code(outcomes))


def _executor(on_ray: bool, workers: int, again: bool) -> Any:
    """Return the executor of jobs: ``workers`` at once on this machine, or as many as a cluster has room for."""
    from tabgan.jobs.executors import LocalExecutor, ProcessExecutor

    if on_ray:
        from tabgan.jobs.ray_executor import RayExecutor

        return RayExecutor(again)
    return LocalExecutor(again) if workers == 1 else ProcessExecutor(workers, again)


def _planned(jobs: Sequence[Job], plans: Sequence[JobPlan], again: bool) -> dict[str, Any]:
    """Return what would run, and what to expect of it, as plain data."""
    from tabgan.cli.terminal import state_before

    expected: dict[str, list[dict[str, Any]]] = {job.name: [] for job in jobs}
    for each in plans:
        found = {"problem": each.problem} if each.plan is None else {"plan": each.plan.to_dict()}
        expected[each.name].append({"n_rows": each.n_rows, "is_declared": each.is_declared, **found})
    told = [
        {
            "job": job.name,
            "folder": str(job.output.folder),
            "epsilon": job.epsilon,
            "needs": list(job.needs),
            "state": state_before(job, again),
            "expected": expected[job.name],
        }
        for job in jobs
    ]
    return {"jobs": told}


@contextmanager
def _watcher(
    n_jobs: int, is_several: bool, run_folder: Path | None, log_json: Path | None, kept: Collected
) -> Iterator[Watcher]:
    """Yield a watcher that shows progress, keeps outcomes, and writes events where they are asked for."""
    from tabgan.cli.terminal import BatchWatcher
    from tabgan.jobs.eventlog import EventLog, Watchers

    logs = []
    if run_folder is not None:
        io.check_writable(run_folder, "--run-folder")
        run_folder.mkdir(parents=True, exist_ok=True)
        logs.append(EventLog(run_folder / EVENTS))
    if log_json is not None:
        io.check_writable(log_json.parent, "--log-json")
        logs.append(EventLog(log_json))
    with ExitStack() as stack:
        shown: Any = (
            BatchWatcher(Console(stderr=True), n_jobs)
            if is_several and not is_quiet()
            else stack.enter_context(watcher_on_stderr())
        )
        yield Watchers(shown, kept, *logs)


def _write_run(folder: Path, summary: dict[str, Any], outcomes: Sequence[JobOutcome | JobUnfinished]) -> None:
    """Write the page and the outcomes of a batch."""
    from tabgan.jobs.index import index_page

    io.write_text(json.dumps(summary, indent=1) + "\n", folder / SUMMARY)
    io.write_text(index_page(outcomes, folder / INDEX, summary["ended"], summary["file"]), folder / INDEX)


@jobs_app.command("json-schema")
def jobs_json_schema(output: TextOutput = None, force: Force = False, debug: Debug = False) -> None:
    """Write the JSON Schema of a file of jobs, by which editors complete and check it."""
    with exits(debug):
        check_output(output, force)

        from tabgan.jobs.file_schema import file_schema

        write_editor_schema(file_schema(), output, "jobs.schema.json", "a file of jobs")
