"""Geometry of the charts: numbers for the templates to draw, so that all text is escaped in one place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tabgan.evaluation.result import OUTSIDE, Evaluation, Interval, Metric
from tabgan.report.figures.overlays import Bars, Bin, Counts, Histogram, Overlay
from tabgan.report.findings import expected_of

#: Size of a histogram, in its own units, and of the room for its labels.
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 260, 130, 36, 18, 16

#: The axis is cut when one bin towers over the next by this factor, and then shows the next with this headroom.
_TOWERS, _HEADROOM = 4.0, 1.5

#: Least height of a bin that holds a row, and least length of such a bar in percent: one row of a thousand is seen.
_LEAST_HEIGHT, _LEAST_LENGTH = 2.0, 1.2

#: Largest number of single values that are drawn as bars, as of a column that is 0 or 1.
MAX_BAR_VALUES = 3

#: Size of a sparkline, in its own units.
SPARK_WIDTH, SPARK_HEIGHT = 100, 24

#: Characters of a day, and of all labels of an axis, beyond which the middle one runs into the others on a phone.
_DATE, _MOST_CHARACTERS = 10, 22

#: Columns with this many bins or fewer have a label under each.
_ALL_LABELLED = 8


@dataclass(frozen=True)
class Tick:
    """A label at a place on an axis."""

    at: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True)
class Cut:
    """A bin taller than the axis, and its shares."""

    at: float
    real: float
    synthetic: float


@dataclass(frozen=True)
class HistogramChart:
    """Paths and ticks of an overlaid histogram.

    Attributes:
        real: Outline, as an SVG path.
        synthetic: Area, as an SVG path.
        x_ticks: Along the bottom.
        y_ticks: Along the left side.
        cuts: Bins that are cut off.
    """

    real: str
    synthetic: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    cuts: tuple[Cut, ...]


@dataclass(frozen=True)
class Shares:
    """Parts of the rows of each table, in [0, 1]."""

    real: float
    holdout: float
    synthetic: float


@dataclass(frozen=True)
class BarRow:
    """One row of a bar chart.

    Attributes:
        category: The category that the row counts; ``None`` for a pool.
        label: The name of a pool; ``None`` for a category.
        shares: Parts of the tables' rows.
        real: Length of the bar of the real rows, in percent of the longest bar of the chart.
        synthetic: Length of the bar of the synthetic rows.
    """

    category: object
    label: str | None
    shares: Shares
    real: float
    synthetic: float


@dataclass(frozen=True)
class Gauge:
    """A figure on a line from 0 to 1, in percent of the line's length."""

    value: float
    expected: float | None
    low: float | None
    high: float | None


def shares(counts: Counts, evaluation: Evaluation) -> Shares:
    """Return counts as parts of the tables' rows."""
    return Shares(
        counts.real / max(evaluation.n_real, 1),
        counts.holdout / max(evaluation.n_holdout, 1),
        counts.synthetic / max(evaluation.n_synthetic, 1),
    )


def histogram_chart(histogram: Histogram, evaluation: Evaluation) -> HistogramChart:
    """Return the chart of a histogram."""
    parts = [shares(one.counts, evaluation) for one in histogram.bins]
    top, step = _top([max(part.real, part.synthetic) for part in parts])
    n_bins = len(parts)
    width = (WIDTH - LEFT) / n_bins
    heights = {
        table: [_height(getattr(part, table), top, HEIGHT - BOTTOM - TOP) for part in parts]
        for table in ("real", "synthetic")
    }
    cuts = tuple(
        Cut(LEFT + (position + 0.5) * width, part.real, part.synthetic)
        for position, part in enumerate(parts)
        if max(part.real, part.synthetic) > top
    )
    y_ticks = tuple(Tick(_y(k * step / top), _percent(k * step)) for k in range(round(top / step) + 1))
    return HistogramChart(
        real=_steps(heights["real"], width, is_closed=False),
        synthetic=_steps(heights["synthetic"], width, is_closed=True),
        x_ticks=_x_ticks(histogram, width),
        y_ticks=y_ticks,
        cuts=cuts,
    )


def _height(part: float, top: float, room: float) -> float:
    """Return the height of a bin; one that holds any row is seen."""
    return max(min(part, top) / top * room, _LEAST_HEIGHT) if part > 0 else 0.0


@dataclass(frozen=True)
class Sparkline:
    """A column's distribution in the size of a line: an outline and an area, as SVG paths."""

    real: str
    synthetic: str


def sparkline(shown: Overlay, evaluation: Evaluation) -> Sparkline | None:
    """Return the sparkline of an overlay; ``None`` without one."""
    if isinstance(shown, Histogram):
        parts = [shares(one.counts, evaluation) for one in shown.bins]
    elif isinstance(shown, Bars):
        counts = [*(bar.counts for bar in shown.bars), shown.others, shown.outside, shown.missing]
        parts = [shares(each, evaluation) for each in counts if not each.is_empty]
    else:
        return None
    tallest = max((max(part.real, part.synthetic) for part in parts), default=0.0)
    if not tallest:
        return None
    width, room = SPARK_WIDTH / len(parts), SPARK_HEIGHT - 2
    real, synthetic = (
        [_height(math.sqrt(getattr(part, table)), math.sqrt(tallest), room) for part in parts]
        for table in ("real", "synthetic")
    )
    return Sparkline(
        _outline(real, width, 0, SPARK_HEIGHT, is_closed=False),
        _outline(synthetic, width, 0, SPARK_HEIGHT, is_closed=True),
    )


def is_of_bars(shown: Overlay) -> bool:
    """Return True if a column is drawn as bars: categories, or very few numbers."""
    if isinstance(shown, Bars):
        return True
    if not isinstance(shown, Histogram):
        return False
    return len(shown.bins) <= MAX_BAR_VALUES and all(one.low == one.high for one in shown.bins)


def _y(part: float) -> float:
    return round(HEIGHT - BOTTOM - part * (HEIGHT - BOTTOM - TOP), 1)


def _top(heights: Sequence[float]) -> tuple[float, float]:
    """Return the end of the axis, and its step: two to five round steps that reach the tallest bin.

    If one or two bins tower over all others, the axis ends above the others.
    """
    falling = sorted(heights, reverse=True)
    tallest = falling[0] or 1.0
    for n_tall in (1, 2):
        rest = falling[n_tall] if len(falling) > _ALL_LABELLED else 0.0
        if rest > 0 and falling[n_tall - 1] > _TOWERS * rest:
            tallest = rest * _HEADROOM
            break
    return round_step(tallest)


def round_step(tallest: float) -> tuple[float, float]:
    """Return the end of an axis that reaches ``tallest``, and its step, a round number.

    >>> round_step(0.23), round_step(0.0)
    ((0.3, 0.1), (1.0, 0.5))
    """
    tallest = tallest if tallest > 0 else 1.0
    raw = tallest / 3
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(magnitude * factor for factor in (1, 2, 5, 10) if magnitude * factor >= raw * (1 - 1e-9))
    return round(step * math.ceil(tallest / step - 1e-9), 12), step


def _steps(heights: Sequence[float], width: float, *, is_closed: bool) -> str:
    """Return an SVG path over the tops of bins; closed, it goes down to the axis between empty ones."""
    return _outline(heights, width, LEFT, HEIGHT - BOTTOM, is_closed=is_closed)


def _outline(heights: Sequence[float], width: float, left: float, base: float, *, is_closed: bool) -> str:
    path = f"M{left} {base}"
    for position, height in enumerate(heights):
        path += f"V{base - height:.1f}H{left + (position + 1) * width:.1f}"
    return path + f"V{base}" + ("Z" if is_closed else "")


def _x_ticks(histogram: Histogram, width: float) -> tuple[Tick, ...]:
    bins, decimals = histogram.bins, histogram.decimals
    if len(bins) <= _ALL_LABELLED and all(one.low == one.high for one in bins) and decimals is not None:
        return tuple(
            Tick(LEFT + (i + 0.5) * width, end_text(one.low, decimals)) for i, one in enumerate(bins)
        )
    middle = len(bins) // 2
    low, at, high = (end_text(each, decimals) for each in (bins[0].low, bins[middle].low, bins[-1].high))
    if isinstance(bins[0].low, str) and low[:_DATE] != high[:_DATE]:  # moments: days tell them apart
        low, at, high = (text[:_DATE] for text in (low, at, high))
    ends = [Tick(LEFT, low, "start"), Tick(WIDTH, high, "end")]
    if len(bins) < 3:
        return tuple(ends[: len(bins)])
    if len(low + at + high) > _MOST_CHARACTERS:
        return tuple(ends)
    return (ends[0], Tick(LEFT + (middle + 0.5) * width, at), ends[1])


def end_text(value: float | str, decimals: int | None) -> str:
    """Return the end of a bin as readable text."""
    if isinstance(value, str):
        return value.removesuffix("T00:00:00").replace("T", " ")[:16]
    if abs(value) >= 1e12 or 0 < abs(value) < 1e-4:
        return f"{value:.3g}"
    separator = "," if abs(value) >= 10_000 else ""  # none in a year
    return f"{value:{separator}.{decimals or 0}f}"


def bin_text(one: Bin, decimals: int | None) -> str:
    """Return the values of a bin as readable text."""
    low, high = end_text(one.low, decimals), end_text(one.high, decimals)
    return low if low == high else f"{low} – {high}"


def bar_rows(bars: Bars | Histogram, evaluation: Evaluation) -> tuple[BarRow, ...]:
    """Return the rows of a bar chart: the categories, or the few numbers, then the pools."""
    rows: list[tuple[object, str | None, Counts]]
    if isinstance(bars, Histogram):
        rows = [(bin_text(one, bars.decimals), None, one.counts) for one in bars.bins]
        pools = (("not of this kind", bars.unreadable), ("missing", bars.missing))
    else:
        rows = [(bar.category, None, bar.counts) for bar in bars.bars]
        if bars.n_others:
            rows.append((None, f"{bars.n_others:,} other categories", bars.others))
        pools = ((OUTSIDE, bars.outside), ("missing", bars.missing))
    rows += [(None, label, counts) for label, counts in pools if not counts.is_empty]
    parts = [shares(counts, evaluation) for _, _, counts in rows]
    longest = max((max(part.real, part.synthetic) for part in parts), default=0.0) or 1.0
    return tuple(
        BarRow(category, label, part, _bar_length(part.real / longest), _bar_length(part.synthetic / longest))
        for (category, label, _), part in zip(rows, parts, strict=True)
    )


def gauge(metric: Metric) -> Gauge | None:
    """Return a figure's place between 0 and 1; ``None`` if it lies outside."""
    if metric.value is None or not 0 <= metric.value <= 1:
        return None
    expected = expected_of(metric)
    interval = metric.interval or Interval(metric.value, metric.value)
    has_interval = metric.interval is not None
    return Gauge(
        _length(metric.value),
        _length(expected) if expected is not None and 0 <= expected <= 1 else None,
        _length(interval.low) if has_interval else None,
        _length(interval.high) if has_interval else None,
    )


def _bar_length(part: float) -> float:
    return max(_length(part), _LEAST_LENGTH) if part > 0 else 0.0


def _length(part: float) -> float:
    return round(100 * min(max(part, 0.0), 1.0), 2)


def _percent(part: float) -> str:
    """Return a label of the axis with as few decimals as its steps need."""
    return f"{100 * part:.4g}%"
