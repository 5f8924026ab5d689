"""Results of an evaluation: typed figures with their meaning, or the reason why they could not be computed.

Each figure is marked as shareable or not. Most may not go out with the synthetic table: they were computed on real
rows outside the privacy guarantee.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from tabgan._util.validate import nearest
from tabgan.evaluation.catalog import Direction, FigureFormat, Group, figures

#: Stand-in for a value that was neither declared nor released.
OUTSIDE = "not in the released domain"


@dataclass(frozen=True)
class Interval:
    """A confidence interval: ``low`` to ``high`` at ``level``."""

    low: float
    high: float
    level: float = 0.95


@dataclass(frozen=True)
class Risk:
    """The excess of an attack's success on training rows over its success on other rows.

    ``(success - control) / (1 - control)``: 0 if being a training row exposes a row no further, 1 if the synthetic
    table gives every training row away; negative by chance.

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
        name: Its name in code, such as ``"tvd2"``; unique in an evaluation.
        label: Its name for readers.
        group: Its part of the report.
        value: The figure; ``None`` if it could not be computed.
        interval: Its uncertainty, if known.
        reference: The holdout's score in the synthetic table's place; for an attack, its success on holdout rows, the
            control; ``None`` for none.
        direction: The better direction; ``"none"`` if only ``good`` can say.
        format: The way it is printed.
        meaning: Its definition.
        good: A good value, in words.
        reason: The reason why it was not computed; ``None`` if it was.
        baseline: An attacker's success without the synthetic table; only of an attack.
        risk: An attack's success beyond its control; only of an attack.
        is_shareable: True if it follows from DP releases and the synthetic table alone, so that it may go out.
        reference_interval: The reference's own uncertainty, if known.
    """

    name: str
    label: str
    group: Group
    value: float | None
    direction: Direction
    format: FigureFormat
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
            raise ValueError(f"metric {self.name!r}: expected either a value or a reason for its absence.")
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"metric {self.name!r}: expected a finite value. Give a reason for its absence.")

    @property
    def is_computed(self) -> bool:
        """True if there is a figure."""
        return self.value is not None

    @property
    def text(self) -> str:
        """The figure as readable text, or ``"not computed"``."""
        if self.value is None:
            return "not computed"
        return format_figure(self.value, self.format)


def format_figure(value: float, format: FigureFormat) -> str:
    """Return a figure as readable text: percent with one decimal, or three decimals."""
    return f"{100 * value:.1f}%" if format == "percent" else f"{value:.3f}"


@dataclass(frozen=True)
class ColumnResult:
    """The results of one column.

    Attributes:
        name: The column.
        kind: Its kind in the schema.
        tvd: Total variation distance between its real and its synthetic distribution, in [0, 1]; missing counts as a
            value, numbers are binned at the real rows' quantiles; ``None`` for identifiers.
        reference: The same between the real rows and the holdout.
        valid: Share of synthetic cells that keep to the column's type, bounds, precision and categories: as declared,
            else as in the real rows; in the shareable edition, as declared or released.
        missing_real: Share of real cells that are missing.
        missing_synthetic: Share of synthetic cells that are missing.
        giveaway: Loss in ROC AUC of telling synthetic rows from real ones when the column is shuffled; ``None`` if it
            was not measured.
        unshown: Share of real rows with a value that no synthetic row shows: a category, or any other value than the
            only one of a column that is constant there; in the shareable edition, a noisy share of the rows with a
            value that was not released; ``None`` if unknown.
    """

    name: str
    kind: str
    tvd: float | None
    reference: float | None
    valid: float
    missing_real: float
    missing_synthetic: float
    giveaway: float | None = None
    unshown: float | None = None


@dataclass(frozen=True)
class UnshownCategory:
    """A category of many real rows that no synthetic row shows; internal.

    Attributes:
        column: The column.
        category: The value.
        share: Share of the real rows that hold it.
    """

    column: str
    category: object
    share: float


@dataclass(frozen=True)
class SubgroupResult:
    """Scores on the holdout rows of one group, of models trained on each table.

    Attributes:
        column: The column that defines the group.
        category: Its value there; ``None`` for all unnamed values together.
        n_rows: Holdout rows of the group that have a target.
        tstr: Score of the model trained on synthetic rows; ``None`` for none.
        trtr: Score of the one trained on as many real rows.
        gap: ``trtr - tstr``: the group's loss.
        interval: Interval of the gap, over the group's holdout rows.
        reason: The reason why there is no score; ``None`` if there is one.
        label: Text in place of a category that is ``None``.
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
    """Association of each pair of columns, from -1 to 1; ``None`` where undefined.

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
    """Holdout rows to which a model gave about the same probability.

    Attributes:
        predicted: Their mean predicted probability.
        observed: Share of them that have the class.
        n_rows: Their number.
    """

    predicted: float
    observed: float
    n_rows: int


@dataclass(frozen=True)
class Calibration:
    """Calibration of predicted probabilities on holdout rows, for models trained on each table.

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
    """Density of the rows on the first two principal components of the real table, as shares of rows by square cell.

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
    """Distances of synthetic rows to the closest row of each real table, among equally many rows of each.

    Attributes:
        edges: ``(bins + 1,)`` edges of the bins of distance.
        training: ``(bins,)`` shares of the synthetic rows, by their distance to training rows.
        holdout: ``(bins,)`` the same for holdout rows.
    """

    edges: tuple[float, ...]
    training: tuple[float, ...]
    holdout: tuple[float, ...]


@dataclass(frozen=True)
class RocCurve:
    """Share of the training rows that an attacker finds, for each share of other rows that it accuses.

    Attributes:
        false_positive: ``(points,)`` rising.
        true_positive: ``(points,)``.
    """

    false_positive: tuple[float, ...]
    true_positive: tuple[float, ...]


@dataclass(frozen=True)
class Pictures:
    """Pictures of the report; ``None`` for those that could not be computed."""

    correlations: Correlations | None = None
    calibration: Calibration | None = None
    projection: Projection | None = None
    distances: Distances | None = None
    membership: RocCurve | None = None


@dataclass(frozen=True)
class Evaluation:
    """All figures of one synthetic table.

    Attributes:
        metrics: The figures, in the order of the report.
        columns: One result per column, in the table's order.
        n_real: Number of training rows.
        n_holdout: Number of holdout rows, which the model never saw.
        n_synthetic: Number of evaluated rows.
        target: The column that utility was measured on, if any.
        random_state: Seed of subsampling and models.
        subgroups: Utility by group.
        pictures: The pictures.
        unshown: Categories of many real rows that no synthetic row shows, the most frequent first.
        overlap: Share of the holdout rows that are training rows, beyond those that are equal by chance.
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
    unshown: tuple[UnshownCategory, ...] = ()
    overlap: float = 0.0

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
        """The few figures of a summary, as label and text."""
        told = {each.name: each.headline for each in figures() if each.headline is not None}
        return tuple((label, self[name].text) for name, label in told.items() if self._is_told(name))

    def _is_told(self, name: str) -> bool:
        return any(metric.name == name and metric.is_computed for metric in self.metrics)

    def to_dict(self) -> dict[str, object]:
        """Return plain data for JSON: NumPy's numbers become Python's."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value
