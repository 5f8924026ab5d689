"""Terminal output of the command line: progress with the time left, summaries, errors.

On a terminal, progress is a bar per stage; elsewhere it is a plain line per stage, so that logs stay readable.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from tabgan._util.logs import DATES
from tabgan._util.printed import at_least, at_most
from tabgan._util.progress import COPY_STAGES, ProgressBars
from tabgan.evaluation.catalog import GROUPS
from tabgan.evaluation.gate import Decision
from tabgan.jobs.config import Job
from tabgan.jobs.executors import JobFailure, JobOutcome, Watcher, refused
from tabgan.jobs.forecast import JobPlan, one_each
from tabgan.jobs.record import FinishedJob
from tabgan.jobs.run import JobResult, finished_before
from tabgan.planning.fitplan import FitPlan, curve_bars
from tabgan.privacy.filter import PrivacyStatement
from tabgan.privacy.ledger.summary import LedgerSummary

if TYPE_CHECKING:
    from tabgan.audit.outcome import AuditResult
    from tabgan.report.comparison import Cell, ComparedSystems

#: The mark over figures computed on real rows, wherever they are printed.
UNCOVERED = "computed on real rows, not covered by epsilon; do not pass on"

#: Characters of a line of a curve beside its bar.
_BESIDE_BARS = 36

NO_PRIVACY = (
    "Privacy is off (epsilon: null): model and rows may reveal rows of the table. Nothing is released."
)


def now() -> str:
    """Return the time as the lines of the log have it."""
    return time.strftime(DATES)


class PlainWatcher(Watcher):
    """A watcher that writes a line when a stage begins and one when a job ends."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._job = ""
        self._stages = set(COPY_STAGES)
        self._start = 0.0

    def started(self, job: Job) -> None:
        self._job, self._stages, self._start = job.name, set(COPY_STAGES), time.perf_counter()

    def progress(self, stage: str, done: int, total: int) -> None:
        if stage not in self._stages:
            self._stages.add(stage)
            seconds = time.perf_counter() - self._start if self._start else 0.0
            self._print(f"{stage} ({seconds:.0f} s)")

    def finished(self, outcome: JobOutcome) -> None:
        if isinstance(outcome, FinishedJob):
            self._job = outcome.name
            self._print("done before")
            return
        state = "failed" if isinstance(outcome, JobFailure) else "done"
        self._print(f"{state} ({time.perf_counter() - self._start:.0f} s)")

    def _print(self, line: str) -> None:
        prefix = f"{self._job}: " if self._job else ""
        self._console.print(f"{now()} {prefix}{line}", markup=False, highlight=False, soft_wrap=True)


class BatchWatcher(Watcher):
    """A watcher of simultaneous jobs: a line when one ends, with the number of finished ones.

    Args:
        console: The console to write to.
        n_jobs: Jobs in all.
    """

    def __init__(self, console: Console, n_jobs: int) -> None:
        self._console, self._n_jobs, self._n_ended = console, n_jobs, 0
        self._begun: dict[str, float] = {}

    def started(self, job: Job) -> None:
        self._begun[job.name] = time.perf_counter()

    def finished(self, outcome: JobOutcome) -> None:
        self._n_ended += 1
        state = state_of(outcome).plain
        seconds = ""
        if outcome.name in self._begun:
            seconds = f" ({time.perf_counter() - self._begun[outcome.name]:.0f} s)"
        self._print(f"{self._n_ended} of {self._n_jobs}: {outcome.name}: {state}{seconds}")

    def interrupted(self, job: Job, said: str) -> None:
        self._print(f"{job.name}: interrupted. {said}".rstrip())

    def _print(self, line: str) -> None:
        self._console.print(f"{now()} {line}", markup=False, highlight=False, soft_wrap=True)


class BarWatcher(Watcher):
    """A watcher that shows a bar with the time left for every stage of the running job.

    Use it as a context manager.
    """

    def __init__(self, console: Console) -> None:
        self._bars = ProgressBars(console)
        self._job = ""

    def __enter__(self) -> BarWatcher:
        self._bars.show()
        return self

    def __exit__(self, *error: object) -> None:
        self._bars.close()

    def started(self, job: Job) -> None:
        self._job = job.name

    def progress(self, stage: str, done: int, total: int) -> None:
        self._bars(stage, done, total, self._job)

    def finished(self, outcome: JobOutcome) -> None:
        self._bars.end()


def show_jobs(console: Console, jobs: Sequence[Job], plans: Sequence[JobPlan], again: bool) -> None:
    """Print a table of jobs as they would run: what each promises, writes to, and whether it runs at all."""
    columns = [Column(name, overflow="fold") for name in ("job", "epsilon", "state", "folder")]
    table = Table(*columns, box=SIMPLE, padding=(0, 1, 0, 0))
    for job in jobs:
        state = state_before(job, again)
        if state == "runs" and job.needs:
            state = f"runs after {_few(job.needs)}"
        table.add_row(Text(job.name), _promise_of(job), state, Text(str(job.output.folder)))
    console.print(table)
    show_job_plans(console, plans)
    console.print("No row was read, and nothing is spent.", highlight=False)


def _few(names: Sequence[str]) -> str:
    """Return names, the first of them only if they are many."""
    n_others = len(names) - 3
    return ", ".join(names) if n_others <= 1 else f"{', '.join(names[:3])} and {n_others:,} more"


def state_before(job: Job, again: bool) -> str:
    """Return in a few words whether a job would run: "runs", "resumes", or "done before" with a time."""
    done = None if again else finished_before(job)
    if done is not None:
        return f"done before, {done.when[:16].replace('T', ' ')}"
    return "resumes" if job.resumes_from is not None and job.resumes_from.exists() else "runs"


def show_job_plans(console: Console, plans: Sequence[JobPlan]) -> None:
    """Print the expectations of jobs, and why some have none."""
    figures = [Column(name, no_wrap=True) for name in ("rows", "pairs", "columns", "lost below", "time")]
    table = Table(Column("job", overflow="fold"), *figures, box=SIMPLE, padding=(0, 1, 0, 0))
    for each in one_each(plans, lambda each: (id(each.plan), each.n_rows, each.problem)):
        rows = f"{each.n_rows:,}" + ("" if each.is_declared else " ?")
        if each.plan is None:
            table.add_row(Text(each.name), rows, "no plan", "", "", "")
            continue
        errors = (f"{each.plan.two_way.value:.3f}", f"{each.plan.one_way.value:.3f}")
        lost = "" if each.plan.threshold is None else f"{each.plan.threshold:,.0f}"
        table.add_row(Text(each.name), rows, *errors, lost, f"about {each.plan.time}")
    if not plans:
        return
    console.print(table)
    told = (
        "Expected errors are total variation distances of tables of two columns and of one; see tabgan plan."
    )
    console.print(told, highlight=False, soft_wrap=True)
    if not all(each.is_declared for each in plans):
        said = "?: n_rows is not declared in the schema, and rows are never counted for a plan. Declare it."
        console.print(said, highlight=False, soft_wrap=True)
    for each in one_each(plans, lambda each: each.problem):
        if each.problem:
            console.print(Text(f"{each.name}: {each.problem}", style="red"), soft_wrap=True)


def show_plan(console: Console, plan: FitPlan) -> None:
    """Print a plan: its figures, and the curve over epsilon as bars."""
    _show_lines(console, plan.lines())
    if plan.curve:
        console.print()
        grid = Table("epsilon", "error of pairs", "", box=SIMPLE, padding=(0, 1, 0, 0))
        for epsilon, bar, figure in curve_bars(plan.curve, min(max(console.width - _BESIDE_BARS, 8), 40)):
            grid.add_row(epsilon, Text(bar), figure)
        console.print(grid)
    for note in plan.notes:
        console.print(note, highlight=False, markup=False, soft_wrap=True)


def _promise_of(job: Job) -> str:
    """Return the epsilon of a job's fit, and that of its private metrics."""
    if not job.is_private:
        return "no privacy"
    extra = job.private_metrics_epsilon
    return at_most(job.epsilon or 0.0) + ("" if extra is None else f" + {at_most(extra)}")


def show_outcomes(console: Console, outcomes: Sequence[JobOutcome]) -> None:
    """Print every job's summary, and a table of all if there are several."""
    for outcome in outcomes:
        console.print()
        if isinstance(outcome, JobResult):
            _show_result(console, outcome)
        elif isinstance(outcome, FinishedJob):
            _show_finished(console, outcome)
        else:
            console.print(Text(f"{outcome.name}: failed", style="bold red"))
            console.print(Text(outcome.message, style="red"), soft_wrap=True)
    if len(outcomes) > 1:
        console.print()
        console.print(_overview(outcomes))


def _show_result(console: Console, result: JobResult) -> None:
    console.print(Text(f"{result.name}: done in {sum(result.seconds.values()):.0f} s", style="bold"))
    if not result.privacy.is_private:
        console.print(Text(NO_PRIVACY, style="red"), soft_wrap=True)
    lines = _privacy_lines(result.privacy)
    if result.total is not None and result.total[0] != result.privacy.epsilon:
        epsilon, delta = result.total
        lines.append(
            (
                "with figures",
                f"epsilon {at_most(epsilon)}, delta {at_most(delta)}, private metrics of the report included",
            )
        )
    lines.append(("rows", f"{result.n_rows:,}"))
    if result.headline:
        lines += [("INTERNAL", UNCOVERED), *result.headline]
    _show_lines(console, lines)
    by_folder: dict[str, list[str]] = {}
    for path in result.files:
        by_folder.setdefault(str(path.parent), []).append(path.name)
    for folder, names in by_folder.items():  # a path that is broken into lines cannot be copied
        console.print(Text(f"written: {folder}/ {', '.join(names)}"), soft_wrap=True)
    show_decision(console, result.decision)


def _show_finished(console: Console, found: FinishedJob) -> None:
    console.print(Text(f"{found.name}: done before, {found.when}", style="bold"))
    said = "Nothing has changed since, so it was not run again; --again runs it, and spends its budget once more."
    console.print(Text(said), soft_wrap=True)
    if refused(found):
        console.print(Text("Its gate refused the release.", style="bold red"))
        for reason in found.reasons:
            console.print(Text(f"  {reason}", style="red"), soft_wrap=True)


def show_decision(console: Console, decision: Decision) -> None:
    """Print a gate's decision with its reasons; nothing without a gate."""
    n_failed, n_checks = len(decision.failed), len(decision.checks)
    if decision.outcome == "passed":
        console.print(Text(f"The gate passes the table: {n_checks} of {n_checks} limits met.", style="green"))
    elif decision.outcome == "failed":
        text = f"The gate refuses the release: {n_failed} of {n_checks} limits not met."
        console.print(Text(text, style="bold red"), soft_wrap=True)
        for check in decision.failed:
            console.print(Text(f"  {check.text}", style="red"), soft_wrap=True)


def _show_lines(console: Console, lines: Sequence[tuple[str, str]]) -> None:
    """Print labels and texts side by side; long texts are folded."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in lines:
        grid.add_row(Text(label), Text(text))
    console.print(grid)


def _privacy_lines(privacy: PrivacyStatement) -> list[tuple[str, str]]:
    if not privacy.is_private:
        return [("epsilon", epsilon_text(privacy))]
    unit = f"one {privacy.unit.name}; {privacy.neighboring_relation.replace('_', ' ')}"
    spent = (
        f"{at_most(privacy.epsilon_spent)} of {epsilon_text(privacy)}, in {len(privacy.entries):,} releases"
    )
    lines = [
        ("epsilon", epsilon_text(privacy)),
        ("delta", at_most(privacy.delta)),
        ("protects", unit),
        ("epsilon spent", spent),
    ]
    if privacy.place is not None:
        place = privacy.place
        lines.append(("ledger", f"{place.ledger}, entry {place.entry}, hash {place.hash[:16]}…"))
    return lines


def show_audit(console: Console, result: AuditResult) -> None:
    """Print an audit's findings: every check, and the bounds beside the claim."""
    table = Table("check", "observed", "passes", "", box=SIMPLE, padding=(0, 1, 0, 0))
    for check in result.checks:
        verdict = Text("ok", style="green") if check.has_passed else Text("FAILED", style="bold red")
        table.add_row(check.name, f"{check.observed:.3g}", f"{check.low:.3g} to {check.high:.3g}", verdict)
    console.print(table)
    headers = ("canaries in", "epsilon at least", "expected if sound", "guesses", "correct")
    bounds = Table(*headers, box=SIMPLE, padding=(0, 1, 0, 0))
    for found in result.canaries:
        bound, expected = found.bound, found.expected
        bounds.add_row(
            found.kind,
            f"{at_least(bound.epsilon_lower_bound)}",
            f"{expected.median:.3g} ({expected.low:.3g} to {expected.high:.3g})",
            f"{bound.n_guesses:,} of {bound.n_canaries:,}",
            f"{bound.n_correct:,}",
        )
    console.print(bounds)
    stated = (
        f"Claimed: epsilon {at_most(result.epsilon)}, delta {at_most(result.delta)}, for one {result.privacy_unit}. "
        f"Found: epsilon of at least {at_least(result.epsilon_lower_bound)}, with confidence {result.confidence:g}; "
        f"{result.seconds:.0f} s."
    )
    console.print(Text(stated), soft_wrap=True)
    if result.has_passed:
        console.print(
            Text("Nothing disproves the claim. An audit can disprove a guarantee; it cannot prove one."),
            soft_wrap=True,
        )


def show_ledger(console: Console, summary: LedgerSummary) -> None:
    """Print a ledger's summary in words, with a bar of its cap and a line per fit."""
    state = (
        "intact"
        if summary.has_guard
        else "an intact chain; without its guard, missing lines at the end would not show"
    )
    console.print(Text(f"{summary.path}: {state}, {summary.entries} entries", style="bold"), soft_wrap=True)
    if summary.bar:
        console.print(Text(summary.bar), soft_wrap=True)
    lines = [
        ("ledger", summary.ledger),
        ("last hash", summary.hash),
        ("protects", f"one {summary.privacy_unit}"),
        *summary.words,
    ]
    if summary.adopted:
        lines.append(("adopted", f"{summary.adopted} times without its guard: lines may be missing"))
    _show_lines(console, lines)
    if summary.fits:
        console.print(_fits(summary))


def _fits(summary: LedgerSummary) -> Table:
    names, began = Column("fit", overflow="fold"), Column("began (UTC)", min_width=10)
    others = [Column(name, no_wrap=True) for name in ("promised", "spent", "releases", "state")]
    table = Table(names, began, *others, box=SIMPLE, padding=(0, 1, 0, 0))
    for fit in summary.fits:
        style = "yellow" if fit.state == "unfinished" else ""
        table.add_row(
            fit.name,
            fit.began[:16].replace("T", " "),
            f"{at_most(fit.epsilon)}, {at_most(fit.delta)}",
            f"{at_most(fit.epsilon_spent)}",
            f"{fit.releases:,}",
            Text(fit.state, style=style),
        )
    return table


#: Figures of the headline that fit into the table of several jobs.
OVERVIEW = ("valid", "shapes", "trends", "TSTR")


def _overview(outcomes: Sequence[JobOutcome]) -> Table:
    """Return a table with one line per job: state, promise, quality. It fits 80 characters."""
    told = (label for o in outcomes if not isinstance(o, JobFailure) for label, _ in o.headline)
    labels = list(dict.fromkeys(label for label in told if label in OVERVIEW))
    names = ("state", "epsilon", *labels, "seconds")
    columns = [Column("job", overflow="fold"), *[Column(name, no_wrap=True) for name in names]]
    table = Table(*columns, box=SIMPLE, padding=(0, 1, 0, 0))
    if labels:
        table.caption = f"INTERNAL, {UNCOVERED}: {', '.join(labels)}"
    for outcome in outcomes:
        if isinstance(outcome, JobFailure):
            table.add_row(Text(outcome.name), state_of(outcome), *["-"] * (len(labels) + 2))
            continue
        headline = dict(outcome.headline)
        if isinstance(outcome, JobResult):
            promised, spent = outcome.promised[0], f"{sum(outcome.seconds.values()):.0f}"
            promise = "no privacy" if promised is None else at_most(promised)
        else:
            promise, spent = outcome.epsilon or "no privacy", "-"
        table.add_row(
            Text(outcome.name),
            state_of(outcome),
            promise,
            *[headline.get(label, "-") for label in labels],
            spent,
        )
    return table


def state_of(outcome: JobOutcome) -> Text:
    """Return the state of a job that has ended, in a word or two."""
    if isinstance(outcome, JobFailure):
        return Text("failed", style="red")
    if refused(outcome):
        return Text("withheld", style="bold red")
    if isinstance(outcome, FinishedJob):
        return Text("done before")
    return Text("done" if outcome.privacy.is_private else "no release")


def epsilon_text(privacy: PrivacyStatement) -> str:
    """Return the promised epsilon in a word."""
    return at_most(privacy.epsilon) if privacy.is_private else "no privacy"


def show_comparison(console: Console, found: ComparedSystems) -> None:
    """Print a comparison: a row for each figure, a column for each system, the best of each row marked."""
    console.print(Text(f"INTERNAL: {UNCOVERED}", style="bold"), soft_wrap=True)
    heads = [Column("figure"), Column("reference", justify="right", no_wrap=True)]
    heads += [Column(Text(name), justify="right", overflow="fold", min_width=8) for name in found.names]
    table = Table(*heads, box=SIMPLE, padding=(0, 1, 0, 0))
    table.add_row("rows", f"{found.n_holdout:,}", *[f"{system.n_rows:,}" for system in found.systems])
    promised = [system.promised if system.promise else "–" for system in found.systems]
    table.add_row("epsilon that its model states", "", *promised)
    if any(system.decision.outcome != "open" for system in found.systems):
        table.add_row("gate", "", *[_met(system.decision) for system in found.systems])
    same = []
    for group in found.groups:
        rows = [row for row in found.rows if row.group == group]
        differing = [row for row in rows if len({cell.text for cell in row.cells}) > 1]
        same += [f"{row.label} {row.cells[0].text}" for row in rows if row not in differing]
        if differing:
            table.add_section()
            table.add_row(Text(GROUPS[group].subject, style="bold"))
        for row in differing:
            table.add_row(Text(f"  {row.label}"), row.reference, *map(_marked, row.cells))
    console.print(table)
    if same:
        console.print(Text(f"The same for all: {'; '.join(same)}."), soft_wrap=True)
    said = f"● best, ○ within the spread of the best, where a difference shows. {found.n_judged:,} rows of each judged."
    console.print(Text(said), soft_wrap=True)


def _met(decision: Decision) -> Text:
    if decision.outcome == "failed":
        return Text(f"{len(decision.failed)} not met", style="bold red")
    return Text("met", style="green")


def _marked(cell: Cell) -> Text:
    signs = {"best": "● ", "tied": "○ ", "": ""}
    return Text(signs[cell.mark] + cell.text, style="bold" if cell.mark == "best" else "")
