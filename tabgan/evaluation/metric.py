"""Metrics from computations: a description, with a figure or the reason for its absence."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from scipy.special import ndtri

from tabgan.errors import TabGANError, log_unexpected
from tabgan.evaluation.catalog import Entry
from tabgan.evaluation.result import Interval, Metric, Pictures, Risk, SubgroupResult, UnshownCategory

T = TypeVar("T")

#: Level of every interval.
LEVEL = 0.95


class NotComputed(Exception):  # noqa: N818 - an answer, not an error
    """Reason why a figure cannot be computed, as a message for the report without a cell."""


class Figure(NamedTuple):
    """The result of a computation."""

    value: float
    interval: Interval | None = None
    reference: float | None = None
    baseline: float | None = None
    risk: Risk | None = None
    reference_interval: Interval | None = None


def metric_of(entry: Entry, found: Figure | str) -> Metric:
    """Return the metric of a figure, or of the reason for its absence, with the catalog's description."""
    reason = found if isinstance(found, str) else None
    figure = Figure(math.nan) if isinstance(found, str) else found
    if reason is None and not math.isfinite(figure.value):
        reason = "the figure is not defined on these tables"
    return Metric(
        name=entry.name,
        label=entry.label,
        group=entry.group,
        value=float(figure.value) if reason is None else None,
        direction=entry.direction,
        format=entry.format,
        meaning=entry.meaning,
        good=entry.good,
        interval=figure.interval if reason is None else None,
        reference=_finite(figure.reference) if reason is None else None,
        reason=reason,
        baseline=_finite(figure.baseline) if reason is None else None,
        risk=figure.risk if reason is None else None,
        is_shareable=entry.editions == "shareable",
        reference_interval=figure.reference_interval if reason is None else None,
    )


@dataclass(frozen=True)
class Findings:
    """The results of one step of an evaluation.

    Attributes:
        metrics: Its figures.
        giveaways: By column, the loss of ``c2st`` when the column is shuffled.
        subgroups: Utility by group.
        pictures: Its pictures; ``None`` for those of other steps.
        unshown_shares: By column, the share of real rows with a value that no synthetic row shows.
        unshown: Categories of many real rows that no synthetic row shows.
    """

    metrics: tuple[Metric, ...] = ()
    giveaways: Mapping[str, float] = field(default_factory=dict)
    subgroups: tuple[SubgroupResult, ...] = ()
    pictures: Pictures = field(default_factory=Pictures)
    unshown_shares: Mapping[str, float] = field(default_factory=dict)
    unshown: tuple[UnshownCategory, ...] = ()


def measure(entries: Sequence[Entry], compute: Callable[[], Sequence[Figure | str]]) -> tuple[Metric, ...]:
    """Return one metric per entry; ``compute`` returns a figure or a reason for each.

    An evaluation comes after the fit, and a library that fails on an odd column must not cost the table: its
    exception becomes the reason, and is logged with its frames. Its message is left out, because it may quote cells.
    """
    found: Sequence[Figure | str]
    try:
        found = compute()
    except NotComputed as answer:
        found = [str(answer)] * len(entries)
    except TabGANError:
        raise
    except Exception as error:
        log_unexpected(error, ", ".join(repr(entry.name) for entry in entries))
        found = [f"the computation failed ({type(error).__name__})"] * len(entries)
    return tuple(metric_of(entry, each) for entry, each in zip(entries, found, strict=True))


def draw(compute: Callable[[], T]) -> T | None:
    """Return the picture that ``compute`` returns; ``None`` if :func:`measure` would give a reason instead."""
    try:
        return compute()
    except NotComputed:
        return None
    except TabGANError:
        raise
    except Exception as error:
        log_unexpected(error, "a picture")
        return None


def wilson_interval(successes: float, n: int, level: float = LEVEL) -> Interval:
    """Return the interval of a share of ``n`` independent rows.

    Unlike the normal approximation it keeps its level, and stays in [0, 1], for shares near 0 or 1.

    References:
        Wilson (1927), *Probable Inference, the Law of Succession, and Statistical Inference*.

    >>> interval = wilson_interval(10, 20)
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.299, 0.701)
    """
    z = float(ndtri(0.5 + level / 2))
    share = successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return Interval(max(0.0, centre - half), min(1.0, centre + half), level)


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
