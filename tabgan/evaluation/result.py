"""What an evaluation returns: typed figures that say what they mean, or why they could not be computed.

Every figure was computed on real rows outside the privacy guarantee. It may stay in the house; it does not go
out with the synthetic table.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

Group = Literal["validity", "fidelity", "utility", "copies"]
Direction = Literal["higher", "lower", "none"]
Format = Literal["percent", "score", "distance"]


@dataclass(frozen=True)
class Interval:
    """A confidence interval: ``low`` to ``high`` at ``level``."""

    low: float
    high: float
    level: float = 0.95


@dataclass(frozen=True)
class Metric:
    """One figure.

    Attributes:
        name: What code calls it, such as ``"tvd2"``; unique in an evaluation.
        label: What people call it.
        group: The part of the report that it belongs to.
        value: The figure; ``None`` when it could not be computed.
        interval: Its uncertainty, where that is known.
        reference: What the real holdout scores in the synthetic table's place; ``None`` where there is no such thing.
        direction: Which way is better; ``"none"`` where ``good`` alone tells.
        format: How it is printed.
        meaning: One sentence: what is measured.
        good: What good looks like, in words.
        reason: Why it was not computed; ``None`` when it was.
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
        valid: Share of synthetic cells that keep to the type, bounds and categories of the schema.
        missing_real: Share of real cells that are missing.
        missing_synthetic: Share of synthetic cells that are missing.
    """

    name: str
    kind: str
    tvd: float | None
    reference: float | None
    valid: float
    missing_real: float
    missing_synthetic: float


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
    """

    metrics: tuple[Metric, ...]
    columns: tuple[ColumnResult, ...]
    n_real: int
    n_holdout: int
    n_synthetic: int
    target: str | None
    random_state: int

    def __getitem__(self, name: str) -> Metric:
        """Return the metric of that name."""
        for metric in self.metrics:
            if metric.name == name:
                return metric
        raise KeyError(name)

    def group(self, group: Group) -> tuple[Metric, ...]:
        """Return the metrics of one part of the report."""
        return tuple(metric for metric in self.metrics if metric.group == group)

    @property
    def headline(self) -> tuple[tuple[str, str], ...]:
        """The few figures that a summary shows, as label and text."""
        return tuple((label, self[name].text) for name, label in HEADLINE if self._is_told(name))

    def _is_told(self, name: str) -> bool:
        return any(metric.name == name and metric.is_computed for metric in self.metrics)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON: NumPy's numbers become Python's."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


#: Metrics of the headline and what they are called there.
HEADLINE = (
    ("validity", "valid"),
    ("shapes", "shapes"),
    ("trends", "trends"),
    ("tvd2", "pairs TVD"),
    ("tstr", "TSTR"),
    ("trtr", "TRTR"),
    ("dcr_share", "DCR share"),
)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value
