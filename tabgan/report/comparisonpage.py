"""The pages of a comparison, with its part for a notebook, and of an audit. All text is escaped; nothing is run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tabgan._util.printed import at_least, at_most
from tabgan._util.version import __version__
from tabgan.evaluation.catalog import GROUPS, FigureFormat
from tabgan.evaluation.result import Interval
from tabgan.report.comparison import MAX_COLUMNS, RULE, Cell, ComparedSystems, Row
from tabgan.report.findings import figure_text
from tabgan.report.text import MAX_TOOLTIP, decimals, shown

if TYPE_CHECKING:
    from tabgan.audit.outcome import AuditResult

#: Ends of a strip, in its own units.
_LEFT, _RIGHT = 5.0, 195.0


@dataclass(frozen=True)
class Dot:
    """One system on a strip.

    Attributes:
        at: Place of its value.
        low: Place of the lower end of its interval; ``None`` without one.
        high: Place of the upper end.
        mark: Its mark.
    """

    at: float
    low: float | None
    high: float | None
    mark: str


@dataclass(frozen=True)
class Strip:
    """The systems of a row on one line each, over one axis; ``None`` for a system without a figure.

    Attributes:
        dots: By system.
        goal: Place of the reference.
    """

    dots: tuple[Dot | None, ...]
    goal: float | None


def page_of(comparison: ComparedSystems) -> str:
    """Return the comparison as one self-contained page. The same comparison gives the same page."""
    return _rendered(comparison, is_page=True)


def fragment_of(comparison: ComparedSystems) -> str:
    """Return the comparison as HTML for a notebook: without the columns."""
    return _rendered(comparison, is_page=False)


def audit_page(audit: AuditResult, title: str, created: str) -> str:
    """Return an audit's result as one self-contained page."""
    environment = _environment()
    style = environment.get_template("comparison.css.j2").render(is_page=True).strip()
    values: dict[str, Any] = {"audit": audit, "title": title, "created": created, "style": Markup(style)}
    return environment.get_template("audit.html.j2").render(**values).strip() + "\n"


def _rendered(comparison: ComparedSystems, *, is_page: bool) -> str:
    values: dict[str, Any] = {
        "data": comparison,
        "is_page": is_page,
        "has_gate": any(system.decision.outcome != "open" for system in comparison.systems),
        "subjects": {name: group.subject for name, group in GROUPS.items()},
    }
    environment = _environment()
    style = environment.get_template("comparison.css.j2").render(**values).strip()
    return environment.get_template("comparison.html.j2").render(**values, style=Markup(style)).strip() + "\n"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tabgan.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"shown": shown, "decimals": decimals, "count": lambda value: f"{value:,}"}
    environment.filters |= {"at_least": at_least, "at_most": at_most}
    environment.globals |= {
        "interval_text": _interval_text,
        "max_columns": MAX_COLUMNS,
        "max_tooltip": MAX_TOOLTIP,
        "rule": RULE,
        "strip_of": strip_of,
        "version": __version__,
    }
    return environment


def _interval_text(interval: Interval, format: FigureFormat) -> str:
    return f"{figure_text(interval.low, format)} to {figure_text(interval.high, format)}"


def strip_of(row: Row) -> Strip | None:
    """Return the systems of a row on one axis; ``None`` if fewer than two have a figure."""
    values = [cell.value for cell in row.cells if cell.value is not None]
    if len(values) < 2:
        return None
    ends = [*_ends(row.cells), *values, *([] if row.expected is None else [row.expected])]
    low, high = min(ends), max(ends)
    span = (high - low) or 1.0

    def place(value: float) -> float:
        return round(_LEFT + (value - low) / span * (_RIGHT - _LEFT), 1)

    def dot(cell: Cell) -> Dot | None:
        if cell.value is None:
            return None
        if cell.interval is None:
            return Dot(place(cell.value), None, None, cell.mark)
        return Dot(place(cell.value), place(cell.interval.low), place(cell.interval.high), cell.mark)

    goal = None if row.expected is None else place(row.expected)
    return Strip(tuple(map(dot, row.cells)), goal)


def _ends(cells: tuple[Cell, ...]) -> Iterator[float]:
    for cell in cells:
        if cell.interval is not None:
            yield from (cell.interval.low, cell.interval.high)
