"""Several synthetic tables side by side: a row for each figure, a column for each system, and the best of each row.

A difference counts only beyond the spread of both figures. The whole is INTERNAL: it was computed on real rows.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tabgan._util.printed import at_most
from tabgan.evaluation.catalog import ENTRIES, GROUPS, Direction, FigureFormat, Group
from tabgan.evaluation.gate import Decision
from tabgan.evaluation.result import Evaluation, Interval, Metric
from tabgan.report.findings import NEAR_SLACK, expected_of, figure_text

if TYPE_CHECKING:
    import pandas as pd

#: Version of the JSON; it rises when a key changes its meaning or is removed.
COMPARISON_VERSION = 1

#: The rule of the marks, in words.
RULE = (
    "The best of a row is marked, and every other whose distance from it is within the spread of both: the root of "
    "the sum of their squared half intervals of 95%; where a figure has no interval, that of the reference, or "
    f"{NEAR_SLACK:g}. Where all are within it, the row shows no difference, and none is marked. Attacks are compared "
    "by their excess risk. Better than the reference counts as the reference: no table is better than an equally large "
    "one of real rows, but a copy of the training rows."
)

#: Figures of real rows alone, which others have as their reference.
REFERENCES = ("trtr", "trtr_linear")

#: Columns whose distances the page lists.
MAX_COLUMNS = 30


@dataclass(frozen=True)
class System:
    """One synthetic table of a comparison.

    Attributes:
        name: Its name.
        evaluation: Its figures.
        n_rows: Rows that it has; as many as all have are judged.
        promise: Epsilon and delta that its model states; ``None`` where none is claimed.
        decision: The gate's decision on its figures.
    """

    name: str
    evaluation: Evaluation
    n_rows: int
    promise: tuple[float, float] | None
    decision: Decision

    @property
    def promised(self) -> str:
        """The stated epsilon as text."""
        return "none claimed" if self.promise is None else at_most(self.promise[0])


@dataclass(frozen=True)
class Cell:
    """One system's figure.

    Attributes:
        value: The value that systems are compared by: the figure, of an attack its excess risk; ``None`` for none.
        interval: Its uncertainty, if known.
        text: The value as readable text.
        reason: The reason for its absence.
        mark: ``"best"``, ``"tied"`` if it is within the spread of the best, or ``""``.
    """

    value: float | None
    interval: Interval | None
    text: str
    reason: str | None = None
    mark: str = ""


@dataclass(frozen=True)
class Row:
    """One figure of all systems.

    Attributes:
        name: The figure's name in code.
        label: Its name for readers.
        group: Its part of the report.
        direction: The better direction.
        format: The way it is printed.
        meaning: Its definition.
        reference: The score of real rows in the synthetic table's place, as text.
        expected: The same as a number, where it is the same for all systems.
        cells: By system.
    """

    name: str
    label: str
    group: Group
    direction: Direction
    format: FigureFormat
    meaning: str
    reference: str
    expected: float | None
    cells: tuple[Cell, ...]

    @property
    def differs(self) -> bool:
        """True if one system is better than another beyond the spread."""
        return any(cell.mark for cell in self.cells)


@dataclass(frozen=True, repr=False)
class ComparedSystems:
    """Several synthetic tables, judged by the same real rows. INTERNAL.

    Attributes:
        title: Its title.
        created: Its date.
        systems: The tables, in the caller's order.
        n_real: Number of training rows.
        n_holdout: Number of holdout rows.
        n_judged: Number of synthetic rows that were judged of each.
        target: The column that utility was measured on.
        random_state: Seed of subsamples and models.
    """

    title: str
    created: str
    systems: tuple[System, ...]
    n_real: int
    n_holdout: int
    n_judged: int
    target: str | None
    random_state: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the systems."""
        return tuple(system.name for system in self.systems)

    @property
    def is_refused(self) -> bool:
        """True if there is a gate, and no system meets its limits."""
        return all(system.decision.outcome == "failed" for system in self.systems)

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The figures, in the order of a report."""
        found: dict[str, Metric] = {}
        for system in self.systems:
            for metric in system.evaluation.metrics:
                if metric.name not in found or not found[metric.name].is_computed:
                    found[metric.name] = metric
        order = {name: place for place, name in enumerate(GROUPS)}
        told = sorted(found.values(), key=lambda metric: order[metric.group])
        return tuple(
            _row(metric, self.systems)
            for metric in told
            if metric.is_computed and metric.name not in REFERENCES
        )

    @property
    def not_computed(self) -> tuple[str, ...]:
        """Labels of the figures that no system has."""
        return tuple(
            metric.label
            for metric in self.systems[0].evaluation.metrics
            if not any(_has(system.evaluation, metric.name) for system in self.systems)
        )

    def wins(self, group: Group) -> tuple[int, ...]:
        """Return the number of a group's figures in which each system is best, or within the spread of the best.

        Rows that show no difference count for none.
        """
        rows = [row for row in self.rows if row.group == group]
        return tuple(sum(row.cells[i].mark != "" for row in rows) for i in range(len(self.systems)))

    def n_told(self, group: Group) -> int:
        """Return the number of a group's figures that show a difference."""
        return sum(row.differs for row in self.rows if row.group == group)

    @property
    def groups(self) -> tuple[Group, ...]:
        """Groups that have figures."""
        return tuple(group for group in GROUPS if any(row.group == group for row in self.rows))

    @property
    def counted_groups(self) -> tuple[Group, ...]:
        """Groups in which a figure shows a difference."""
        return tuple(group for group in self.groups if self.n_told(group))

    @cached_property
    def columns(self) -> tuple[tuple[str, float | None, tuple[float | None, ...]], ...]:
        """Columns with their reference and each system's distance, the largest distance first."""
        tables = [{each.name: each for each in system.evaluation.columns} for system in self.systems]
        told = [
            (name, first.reference, tuple(table[name].tvd for table in tables))
            for name, first in tables[0].items()
            if first.tvd is not None
        ]
        return tuple(sorted(told, key=lambda each: -max(tvd or 0.0 for tvd in each[2])))

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each figure: its group, name and label, the reference, and each system's value.

        ``best`` names the systems that are best, or within the spread of the best; it is empty where none differs.
        """
        import pandas as pd

        lines: list[dict[str, object]] = []
        for row in self.rows:
            values: dict[str, object] = {n: cell.value for n, cell in zip(self.names, row.cells, strict=True)}
            best = [name for name, cell in zip(self.names, row.cells, strict=True) if cell.mark]
            lines.append(
                {"group": row.group, "figure": row.name, "label": row.label, "reference": row.expected}
                | values
                | {"best": ", ".join(best)}
            )
        return pd.DataFrame(lines)

    def to_dict(self) -> dict[str, object]:
        """Return plain data for JSON."""
        return {
            "format": "tabgan-comparison",
            "version": COMPARISON_VERSION,
            "edition": "internal",
            "title": self.title,
            "created": self.created,
            "n_real": self.n_real,
            "n_holdout": self.n_holdout,
            "n_judged": self.n_judged,
            "target": self.target,
            "random_state": self.random_state,
            "systems": [_plain(system) for system in self.systems],
            "figures": [_plain_row(row, self.names) for row in self.rows],
            "columns": [
                {"name": name, "reference": reference, "distances": dict(zip(self.names, tvds, strict=True))}
                for name, reference, tvds in self.columns
            ],
        }

    def as_json(self) -> str:
        """Return strict JSON: the same comparison gives the same bytes."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"


def _has(evaluation: Evaluation, name: str) -> bool:
    metric = _of(evaluation, name)
    return metric is not None and metric.is_computed


def _row(metric: Metric, systems: Sequence[System]) -> Row:
    """Return a figure of all systems, with the best marked."""
    own = [_of(system.evaluation, metric.name) for system in systems]
    has_risk = any(each is not None and each.risk is not None for each in own)
    cells = [_cell(each, has_risk) for each in own]
    expected = [expected_of(each) for each in own if each is not None and each.is_computed]
    known = [0.0] if has_risk else [each for each in expected if each is not None]
    goal = known[0] if known and max(known) - min(known) < 1e-9 else None
    low, high = (min(known), max(known)) if known else (None, None)
    format: FigureFormat = "percent" if has_risk else metric.format
    reference = figure_text(low, format)
    if high != low and figure_text(high, format) != reference:
        reference = f"{reference} to {figure_text(high, format)}"
    spread = max(
        (_half(each.reference_interval) for each in own if each is not None and each.reference_interval),
        default=NEAR_SLACK,
    )
    direction: Direction = "lower" if has_risk else metric.direction
    return Row(
        name=metric.name,
        label=f"{metric.label}: excess risk" if has_risk else metric.label,
        group=metric.group,
        direction=direction,
        format=format,
        meaning=metric.meaning,
        reference=reference,
        expected=goal,
        cells=_marked(cells, direction, known, spread, is_capped=has_risk or _is_of_rows(metric)),
    )


def _of(evaluation: Evaluation, name: str) -> Metric | None:
    return next((metric for metric in evaluation.metrics if metric.name == name), None)


def _cell(metric: Metric | None, has_risk: bool) -> Cell:
    if metric is None:
        return Cell(None, None, "–", "not computed for this system")
    if metric.value is None:
        return Cell(None, None, "–", metric.reason)
    if not has_risk:
        return Cell(metric.value, metric.interval, figure_text(metric.value, metric.format))
    if metric.risk is None:
        return Cell(None, None, "–", "its excess risk is not defined")
    return Cell(metric.risk.value, metric.risk.interval, figure_text(metric.risk.value, "percent"))


def _is_of_rows(metric: Metric) -> bool:
    """Return True if the reference of a figure is the score of real rows."""
    return metric.name in ENTRIES and ENTRIES[metric.name].reference in ("holdout", "real")


def _marked(
    cells: Sequence[Cell], direction: Direction, goals: Sequence[float], spread: float, *, is_capped: bool
) -> tuple[Cell, ...]:
    """Return the cells with marks on the best, and on those within its spread; without marks where all are.

    Args:
        cells: By system.
        direction: The better direction; ``"none"`` is near the first goal.
        goals: The references.
        spread: The difference that counts where a figure has no interval.
        is_capped: Flag: better than the reference counts as the reference.
    """
    loss: dict[int, float] = {}
    for place, cell in enumerate(cells):
        if cell.value is None or (direction == "none" and not goals):
            continue
        sign = -1.0 if direction == "higher" else 1.0
        loss[place] = abs(cell.value - goals[0]) if direction == "none" else sign * cell.value
        if is_capped and goals and direction != "none":
            loss[place] = max(loss[place], sign * goals[0])
    if len(loss) < 2:
        return tuple(cells)
    best = min(loss, key=lambda place: (loss[place], place))
    tied = {
        place
        for place in loss
        if loss[place] - loss[best] <= _distance(cells[place], cells[best], spread) + 1e-12
    }
    if len(tied) == len(loss):
        return tuple(cells)
    marks = {place: "best" if place == best else "tied" for place in tied}
    return tuple(
        Cell(cell.value, cell.interval, cell.text, cell.reason, marks.get(place, ""))
        for place, cell in enumerate(cells)
    )


def _distance(one: Cell, other: Cell, spread: float) -> float:
    """Return the difference of two figures that chance may explain."""
    if one.interval is None or other.interval is None:
        return spread
    return math.hypot(_half(one.interval), _half(other.interval))


def _half(interval: Interval) -> float:
    return (interval.high - interval.low) / 2


def _plain(system: System) -> dict[str, object]:
    epsilon, delta = (None, None) if system.promise is None else system.promise
    return {
        "name": system.name,
        "n_rows": system.n_rows,
        "epsilon": epsilon,
        "delta": delta,
        "decision": system.decision.outcome,
        "limits_not_met": [check.text for check in system.decision.failed],
    }


def _plain_row(row: Row, names: Sequence[str]) -> dict[str, Any]:
    return {
        "name": row.name,
        "label": row.label,
        "group": row.group,
        "direction": row.direction,
        "reference": row.expected,
        "systems": {
            name: {
                "value": cell.value,
                "low": None if cell.interval is None else cell.interval.low,
                "high": None if cell.interval is None else cell.interval.high,
                "mark": cell.mark or None,
                "reason": cell.reason,
            }
            for name, cell in zip(names, row.cells, strict=True)
        },
    }
