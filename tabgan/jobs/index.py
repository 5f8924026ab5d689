"""A page about a batch of jobs: their states, promises and figures, with links to their results."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from tabgan._util.printed import at_most
from tabgan._util.version import __version__
from tabgan.jobs.eventlog import JobUnfinished, plain
from tabgan.jobs.executors import JobFailure, JobOutcome
from tabgan.jobs.run import INTERNAL, RELEASE, WITHHELD, JobResult

#: Folders whose files a row links to, in this order, and the most such links.
_FOLDERS, _MOST_LINKS = (RELEASE, WITHHELD, INTERNAL), 40

#: Files that a row links to at once; the others are folded.
_FIRST_FILES = ("report.html", "report.pdf")

#: States that a person has to look at: these rows come first.
_FIRST = ("failed", "withheld", "withheld before", "interrupted")


@dataclass(frozen=True)
class _Row:
    """One job's row of the page."""

    name: str
    state: str
    epsilon: str | None = None
    n_rows: int | None = None
    headline: dict[str, str] = field(default_factory=dict)
    reports: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    error: str = ""
    broken: tuple[str, ...] = ()


def index_page(outcomes: Sequence[JobOutcome | JobUnfinished], path: Path, ended: str, file: str = "") -> str:
    """Return the page as HTML. It is INTERNAL: figures on real rows are among its figures.

    Args:
        outcomes: The outcomes of the jobs.
        path: The place of the page, to which its links are relative.
        ended: The time at which the batch ended.
        file: The file that describes the jobs.
    """
    rows = [_row(outcome, path.parent.absolute()) for outcome in outcomes]
    rows.sort(key=lambda row: row.state not in _FIRST)  # else in their order
    labels = list(dict.fromkeys(label for row in rows for label in row.headline))
    states = Counter(row.state for row in rows)
    ended_as = ", ".join(f"{n:,} {state}" for state, n in states.items())
    counted = f"{len(rows):,} {'job' if len(rows) == 1 else 'jobs'}: {ended_as}"
    return _template().render(
        title=f"Jobs of {Path(file).name}" if file else "Batch of jobs",
        rows=rows,
        labels=labels,
        counted=counted,
        ended=f"{ended[:16].replace('T', ' ')} UTC" if ended.endswith("+00:00") else ended,
        version=__version__,
    )


def _row(outcome: JobOutcome | JobUnfinished, folder: Path) -> _Row:
    state = str(plain(outcome)["state"])
    if isinstance(outcome, JobFailure | JobUnfinished):
        return _Row(outcome.name, state, error=outcome.message)
    if isinstance(outcome, JobResult):
        promised = outcome.promised[0]
        epsilon = None if promised is None else at_most(promised)
        broken = tuple(each.text for each in outcome.decision.failed)
        state = state if outcome.privacy.is_private or state != "done" else "no release"
    else:
        epsilon, state, broken = outcome.epsilon, f"{state} before", outcome.reasons
    links = [
        (_told(file), quote(os.path.relpath(file.absolute(), folder))) for file in _linked(outcome.files)
    ]
    first = tuple(link for link in links if link[0].rpartition("/")[2] in _FIRST_FILES)
    others = tuple(link for link in links if link not in first)
    headline = dict(outcome.headline)
    return _Row(outcome.name, state, epsilon, outcome.n_rows, headline, first, others, broken=broken)


def _linked(files: Sequence[Path]) -> list[Path]:
    """Return the files that a row links to: an archive of the release, which lies beside the folders, after them."""
    places = {name: place for place, name in enumerate(_FOLDERS)}
    return sorted(files, key=lambda file: places.get(file.parent.name, len(places)))[:_MOST_LINKS]


def _told(file: Path) -> str:
    """Return a file's name within the folder of its job."""
    return f"{file.parent.name}/{file.name}" if file.parent.name in _FOLDERS else file.name


@lru_cache(maxsize=1)
def _template() -> Template:
    """Return the compiled page."""
    environment = Environment(
        loader=PackageLoader("tabgan.jobs"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("index.html.j2")
