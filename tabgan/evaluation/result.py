"""What an evaluation returns: typed figures that say what they mean, or why they could not be computed.

A figure says whether it may go out with the synthetic table. Most may not: they were computed on real rows
outside the privacy guarantee.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from tabgan._util.validate import nearest
from tabgan.evaluation.catalog import Direction, Format, Group, figures

#: What stands for a value that was neither declared nor released.
OUTSIDE = "not in the released domain"


@dataclass(frozen=True)
class Interval:
    """A confidence interval: ``low`` to ``high`` at ``level``."""

    low: float
    high: float
    level: float = 0.95


@dataclass(frozen=True)
class Risk:
    """How much more often an attack succeeds on rows that were learnt from than on rows that were not.

    ``(success - control) / (1 - control)``: 0 when the synthetic table tells nothing about a row because it was
    learnt from, 1 when it gives every such row away; negative by chance.

    References:
        Giomi, Boenisch, Wehmeyer & Tasnadi (2023), *A Unified Framework for Quantifying Privacy Risk in Synthetic
        Data*, PoPETs 2023(2), equation 1.
    """

    value: float
    interval: Interval


@dataclass(frozen=True)
class Metric:
    """One figure.

    Attributes:
        name: What code calls it, such as ``"tvd2"``; unique in an evaluation.
        label: What people call it.
        group: The part of the report that it belongs to.
        value: The figure; ``None`` when it could not be computed.
        interval: Its uncertainty, where that is known.
        reference: What the real holdout scores in the synthetic table's place; for an attack, its success on held-out
            rows, the control; ``None`` where there is no such thing.
        direction: Which way is better; ``"none"`` where ``good`` alone tells.
        format: How it is printed.
        meaning: One sentence: what is measured.
        good: What good looks like, in words.
        reason: Why it was not computed; ``None`` when it was.
        baseline: What an attacker reaches without the synthetic table; only of an attack.
        risk: What an attack reaches beyond its control; only of an attack.
        is_shareable: Whether it follows from DP releases and the synthetic table alone, so that it may go out.
        reference_interval: The reference's own uncertainty, where that is known.
    """

    name: str
    label: str
    group: Group
    value: float | None
    direction: Direction
    format: Format
    meaning: str
    good: str
    interval: Interval | None = None
    reference: float | None = None
    reason: str | None = None
    baseline: float | None = None
    risk: Risk | None = None
    is_shareable: bool = False
    reference_interval: Interval | None = None

    def __post_init__(self) -> None:
        if (self.value is None) == (self.reason is None):
            raise ValueError(
                f"metric {self.name!r}: expected either a value or the reason why there is none."
            )
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(
                f"metric {self.name!r}: expected a finite value. Give the reason why there is none."
            )

    @property
    def is_computed(self) -> bool:
        """Whether there is a figure."""
        return self.value is not None

    @property
    def text(self) -> str:
        """The figure as people read it, or ``"not computed"``."""
        if self.value is None:
            return "not computed"
        return format_figure(self.value, self.format)


def format_figure(value: float, format: Format) -> str:
    """Return a figure as people read it: percent with one decimal, or three decimals."""
    return f"{100 * value:.1f}%" if format == "percent" else f"{value:.3f}"


@dataclass(frozen=True)
class ColumnResult:
    """How one column came through.

    Attributes:
        name: The column.
        kind: Its kind in the schema.
        tvd: Total variation distance between its real and its synthetic distribution, in [0, 1]; missing counts as a
            value, numbers are cut into bins by the real rows' quantiles; ``None`` for identifiers.
        reference: The same between the real rows and the holdout.
        valid: Share of synthetic cells that keep to the column's type, bounds, precision and categories: as they were
            declared, else as the real rows have them; in the shareable edition, as they were declared or released.
        missing_real: Share of real cells that are missing.
        missing_synthetic: Share of synthetic cells that are missing.
        giveaway: How much less well synthetic rows are told from real ones, in ROC AUC, when the column is shuffled:
            what gives them away. ``None`` where it was not measured.
    """

    name: str
    kind: str
    tvd: float | None
    reference: float | None
    valid: float
    missing_real: float
    missing_synthetic: float
    giveaway: float | None = None


@dataclass(frozen=True)
class SubgroupResult:
    """How models trained on each table do on the held-out rows of one group.

    Attributes:
        column: The column that the group is of.
        category: Its value there; ``None`` for all values that are not named, together.
        n_rows: Held-out rows of the group that have a target.
        tstr: Score of the model trained on synthetic rows; ``None`` when there is none.
        trtr: Score of the one trained on as many real rows.
        gap: ``trtr - tstr``: what the group loses.
        interval: Of the gap, over the group's held-out rows.
        reason: Why there is no score; ``None`` when there is one.
        label: What stands in a category's place where it is ``None``.
    """

    column: str
    category: object
    n_rows: int
    tstr: float | None = None
    trtr: float | None = None
    gap: float | None = None
    interval: Interval | None = None
    reason: str | None = None
    label: str = OUTSIDE


@dataclass(frozen=True)
class Correlations:
    """How strongly every two columns go together, from -1 to 1; ``None`` where that is not defined.

    Attributes:
        names: ``(columns,)``.
        real: ``(columns, columns)``.
        synthetic: ``(columns, columns)``.
    """

    names: tuple[str, ...]
    real: tuple[tuple[float | None, ...], ...]
    synthetic: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True)
class CalibrationPoint:
    """Held-out rows that a model gave about the same probability.

    Attributes:
        predicted: Their mean predicted probability.
        observed: Share of them that have the class.
        n_rows: How many they are.
    """

    predicted: float
    observed: float
    n_rows: int


@dataclass(frozen=True)
class Calibration:
    """Whether predicted probabilities come true on held-out rows, for models trained on each table.

    Attributes:
        category: The class whose probability is predicted.
        synthetic: Of the model trained on synthetic rows, by rising probability.
        real: Of the one trained on as many real rows.
    """

    category: object
    synthetic: tuple[CalibrationPoint, ...]
    real: tuple[CalibrationPoint, ...]


@dataclass(frozen=True)
class Projection:
    """Where rows lie on the first two principal components of the real table, as shares of rows by square cell.

    Attributes:
        explained: Share of the variance that each of the two components explains.
        real: ``(cells, cells)`` shares of rows, first component along the second axis, from low to high.
        synthetic: The same cells.
    """

    explained: tuple[float, float]
    real: tuple[tuple[float, ...], ...]
    synthetic: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Distances:
    """How far synthetic rows are from the closest row of each real table, equally many rows of each.

    Attributes:
        edges: ``(bins + 1,)`` of distance.
        training: ``(bins,)`` shares of the synthetic rows, by their distance to rows that were learnt from.
        holdout: ``(bins,)`` the same for held-out rows.
    """

    edges: tuple[float, ...]
    training: tuple[float, ...]
    holdout: tuple[float, ...]


@dataclass(frozen=True)
class RocCurve:
    """What share of the rows that were learnt from an attacker finds, for each share of others that it accuses.

    Attributes:
        false_positive: ``(points,)`` rising.
        true_positive: ``(points,)``.
    """

    false_positive: tuple[float, ...]
    true_positive: tuple[float, ...]


@dataclass(frozen=True)
class Pictures:
    """What the report draws beside the figures; ``None`` for what could not be computed."""

    correlations: Correlations | None = None
    calibration: Calibration | None = None
    projection: Projection | None = None
    distances: Distances | None = None
    membership: RocCurve | None = None


@dataclass(frozen=True)
class Evaluation:
    """All figures of one synthetic table.

    Attributes:
        metrics: In the order in which the report shows them.
        columns: One a column, in the table's order.
        n_real: Rows that the model learnt from.
        n_holdout: Rows that it has not seen.
        n_synthetic: Rows that were judged.
        target: The column that utility was measured on, if any.
        random_state: What subsampling and models were seeded with.
        subgroups: Utility by group.
        pictures: What is drawn.
    """

    metrics: tuple[Metric, ...]
    columns: tuple[ColumnResult, ...]
    n_real: int
    n_holdout: int
    n_synthetic: int
    target: str | None
    random_state: int
    subgroups: tuple[SubgroupResult, ...] = ()
    pictures: Pictures = field(default_factory=Pictures)

    def __getitem__(self, name: str) -> Metric:
        """Return the metric of that name."""
        for metric in self.metrics:
            if metric.name == name:
                return metric
        raise KeyError(f"no figure {name!r}.{nearest(name, [metric.name for metric in self.metrics])}")

    def group(self, group: Group) -> tuple[Metric, ...]:
        """Return the metrics of one part of the report."""
        return tuple(metric for metric in self.metrics if metric.group == group)

    @property
    def headline(self) -> tuple[tuple[str, str], ...]:
        """The few figures that a summary shows, as label and text."""
        told = {each.name: each.headline for each in figures() if each.headline is not None}
        return tuple((label, self[name].text) for name, label in told.items() if self._is_told(name))

    def _is_told(self, name: str) -> bool:
        return any(metric.name == name and metric.is_computed for metric in self.metrics)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON: NumPy's numbers become Python's."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value
