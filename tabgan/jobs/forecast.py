"""Plans of the jobs of a file, from public facts alone."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tabgan.errors import TabGANError
from tabgan.jobs.config import Job
from tabgan.jobs.fields import synthesizer
from tabgan.planning.fitplan import FitPlan
from tabgan.schema import Schema

#: Numbers of rows that are planned for where a job declares none.
UNDECLARED = (1_000, 10_000, 100_000)

#: The most different plans that are made for a file; each takes about a second.
MOST_PLANS = 60

#: The reason why further jobs have none.
LATER = f"only the first {MOST_PLANS} plans are made at once; --only makes that of one job."


@dataclass(frozen=True)
class JobPlan:
    """The plan of a job's fit.

    Attributes:
        name: The job's name.
        n_rows: The declared number of rows, or one of :data:`UNDECLARED`.
        is_declared: True if the job's schema declares it.
        plan: The plan; ``None`` if there is none.
        problem: The reason for its absence.
    """

    name: str
    n_rows: int
    is_declared: bool
    plan: FitPlan | None
    problem: str = ""


def one_each(plans: Sequence[JobPlan], key: Callable[[JobPlan], Hashable]) -> list[JobPlan]:
    """Return the first plan of each key, named by its job and the number of others that share it."""
    sharing: dict[Hashable, list[JobPlan]] = {}
    for plan in plans:
        sharing.setdefault(key(plan), []).append(plan)
    found = []
    for first, *_ in sharing.values():
        n_others = len({each.name for each in sharing[key(first)]}) - 1
        found.append(replace(first, name=first.name + (f" and {n_others:,} more" if n_others else "")))
    return found


def plans_of(jobs: Sequence[Job]) -> list[JobPlan]:
    """Return the plans of private jobs, in their order; jobs that differ in nothing that matters share one.

    **Guarantee.** Reads names and dtypes of the sources' columns, and no row. Where a schema declares no ``n_rows``,
    the rows are not counted: the plans are those for several numbers.
    """
    known: dict[str, tuple[FitPlan | None, str]] = {}
    found = []
    for job in jobs:
        if not job.is_private:
            continue
        schema = job.declared_schema or Schema()
        for n_rows in UNDECLARED if schema.n_rows is None else (schema.n_rows,):
            key = repr((job.source, schema.to_dict(), sorted(job.model.items()), n_rows))
            if key not in known and len(known) < MOST_PLANS:
                known[key] = _plan_of(job, schema, n_rows)
            plan, problem = known.get(key, (None, LATER))
            found.append(JobPlan(job.name, n_rows, schema.n_rows is not None, plan, problem))
    return found


def _plan_of(job: Job, schema: Schema, n_rows: int) -> tuple[FitPlan | None, str]:
    """Return a job's plan, or the reason for its absence."""
    try:
        arguments: Any = job.model
        model = synthesizer()(**arguments, schema=schema)
        return model.plan(job.source.open(job.schema), n_rows, is_brief=True), ""
    except TabGANError as error:
        return None, str(error)
