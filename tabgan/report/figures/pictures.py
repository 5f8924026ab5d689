"""Geometry of the pictures beside the figures: numbers for the templates to draw.

A picture of cells is drawn as one path per colour, with adjacent cells of a colour in one rectangle, so that the
associations of a hundred columns stay small.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tabgan.evaluation.result import (
    Calibration,
    CalibrationPoint,
    Correlations,
    Distances,
    Projection,
    RocCurve,
)
from tabgan.privacy.spending import LedgerGroup
from tabgan.report.figures.charts import Tick, round_step
from tabgan.report.figures.pairs import PairPicture

#: Size of a square picture, in its own units, and of the room for its labels.
SIZE, LEFT, BOTTOM, TOP = 320, 56, 36, 8

#: Steps of the diverging scale on either side of its middle, and steps of a density.
DIVERGING, DENSITY = 5, 8

#: Start of the axes of the membership curve: one row in a thousand.
LEAST = 1e-3

_Cells = Sequence[Sequence[float | None]]


@dataclass(frozen=True)
class Patch:
    """All cells of one colour, as an SVG path; ``level`` runs from ``-DIVERGING`` or from 1."""

    level: int
    path: str


@dataclass(frozen=True)
class Grid:
    """A picture of square cells, one unit each.

    Attributes:
        n: Cells along a side.
        patches: By level.
    """

    n: int
    patches: tuple[Patch, ...]


@dataclass(frozen=True)
class Triple:
    """Real, synthetic and their difference, on scales that can be compared.

    Attributes:
        real: The original.
        synthetic: The synthetic table, on the same scale.
        difference: Synthetic minus real.
        top: The value of the difference's strongest colour.
    """

    real: Grid
    synthetic: Grid
    difference: Grid
    top: float


@dataclass(frozen=True)
class Line:
    """A line through points of the unit square, drawn into a square picture."""

    path: str
    dots: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class SpendBar:
    """One group of the ledger as a step of the spending: its start and its length, in percent."""

    group: LedgerGroup
    start: float
    width: float


def associations(correlations: Correlations) -> Triple:
    """Return the three heatmaps: both tables from -1 to 1, the difference on a scale that shows it."""
    gaps = _differences(correlations.real, correlations.synthetic)
    largest = max((abs(gap) for row in gaps for gap in row if gap is not None), default=0.0)
    top = next(top for top in (0.1, 0.25, 0.5, 1.0, 2.0) if largest <= top or top == 2.0)
    return Triple(
        _grid(correlations.real, _diverging(1.0)),
        _grid(correlations.synthetic, _diverging(1.0)),
        _grid(gaps, _diverging(top)),
        top,
    )


@dataclass(frozen=True)
class Halves:
    """Associations of both tables in one picture, and their difference.

    Attributes:
        both: The original above the diagonal, the synthetic table below it.
        difference: Synthetic minus real.
        top: The value of the difference's strongest colour.
    """

    both: Grid
    difference: Grid
    top: float


def halves(correlations: Correlations) -> Halves:
    """Return the associations of both tables, one on either side of the diagonal, and their difference."""
    triple = associations(correlations)
    both = [
        [None if i == j else (correlations.real if j > i else correlations.synthetic)[i][j] for j in range(len(row))]
        for i, row in enumerate(correlations.real)
    ]  # fmt: skip
    return Halves(_grid(both, _diverging(1.0)), triple.difference, triple.top)


def density(projection: Projection) -> Triple:
    """Return the density of the rows: darker for more, by the square root of their share, on one scale for both."""
    real, synthetic = projection.real[::-1], projection.synthetic[::-1]  # a picture's rows run downwards
    top = max((share for cells in (real, synthetic) for row in cells for share in row), default=0.0) or 1.0
    gaps = _differences(real, synthetic)
    furthest = max((abs(gap) for row in gaps for gap in row if gap is not None), default=0.0) or 1.0
    level = _density_level(top)
    return Triple(
        _grid(real, level), _grid(synthetic, level), _grid(gaps, _diverging(furthest, is_root=True)), furthest
    )


def overlap(projection: Projection) -> float:
    """Return the share of rows that lie in the same cells: 1 minus the total variation distance."""
    return math.fsum(
        min(a, b)
        for real, synthetic in zip(projection.real, projection.synthetic, strict=True)
        for a, b in zip(real, synthetic, strict=True)
    )


def _differences(real: _Cells, synthetic: _Cells) -> list[list[float | None]]:
    return [
        [None if a is None or b is None else b - a for a, b in zip(*rows, strict=True)]
        for rows in zip(real, synthetic, strict=True)
    ]


def _diverging(top: float, *, is_root: bool = False) -> Callable[[float], int]:
    def level(value: float) -> int:
        part = min(abs(value) / top, 1.0)
        return round(math.copysign(DIVERGING * (math.sqrt(part) if is_root else part), value))

    return level


def _grid(cells: _Cells, level: Callable[[float], int]) -> Grid:
    """Return cells as patches; a cell without a value gets no colour, nor does level 0."""
    paths: dict[int, list[str]] = {}
    for y, row in enumerate(cells):
        levels = [0 if value is None or not math.isfinite(value) else level(value) for value in row]
        start = 0
        for x in range(1, len(levels) + 1):
            if x < len(levels) and levels[x] == levels[start]:
                continue
            if levels[start]:
                paths.setdefault(levels[start], []).append(f"M{start} {y}h{x - start}v1h-{x - start}z")
            start = x
    return Grid(len(cells), tuple(Patch(key, "".join(paths[key])) for key in sorted(paths)))


def calibration_line(points: Sequence[CalibrationPoint]) -> Line:
    """Return predicted probabilities against observed frequencies."""
    return _line([(point.predicted, point.observed) for point in points])


def has_points(calibration: Calibration) -> bool:
    """Return True if there is anything to draw."""
    return bool(calibration.synthetic or calibration.real)


def membership_line(curve: RocCurve) -> Line:
    """Return the curve on logarithmic axes from ``LEAST`` to 1."""
    places = [
        (_log_place(x), _log_place(y))
        for x, y in zip(curve.false_positive, curve.true_positive, strict=True)
        if x >= LEAST
    ]
    return replace(_line(places), dots=())


def membership_points(curve: RocCurve) -> tuple[tuple[float, float | None], ...]:
    """Return the largest shares found at no more than 0.1%, 1% and 10% of false positives.

    ``None`` if a single false positive exceeds that share, as there is then no figure either.
    """
    pairs = list(zip(curve.false_positive, curve.true_positive, strict=True))
    least = min((x for x, _ in pairs if x > 0), default=1.0)
    return tuple(
        (rate, max(y for x, y in pairs if x <= rate) if least <= rate else None)
        for rate in (0.001, 0.01, 0.1)
    )


def _log_place(value: float) -> float:
    return math.log10(max(value, LEAST)) / -math.log10(LEAST) + 1


def _line(places: Sequence[tuple[float, float]]) -> Line:
    dots = tuple((place_x(x), place_y(y)) for x, y in places)
    return Line("".join(f"{'L' if i else 'M'}{x} {y}" for i, (x, y) in enumerate(dots)), dots)


def place_x(part: float) -> float:
    """Return the place of a part of the horizontal axis in a square picture."""
    return round(LEFT + part * (SIZE - LEFT - TOP), 1)


def place_y(part: float) -> float:
    """Return the place of a part of the vertical axis in a square picture."""
    return round(SIZE - BOTTOM - part * (SIZE - BOTTOM - TOP), 1)


@dataclass(frozen=True)
class DistancesChart:
    """Two outlines over one axis, and its ticks."""

    training: str
    holdout: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


def distances_chart(distances: Distances) -> DistancesChart:
    """Return the distances of synthetic rows to the closest row of either table as two outlines."""
    low, high = distances.edges[0], distances.edges[-1]
    span = (high - low) or 1.0
    top, step = round_step(max((*distances.training, *distances.holdout), default=0.0))
    along = [place_x((edge - low) / span) for edge in distances.edges]

    def outline(heights: Sequence[float]) -> str:
        path = f"M{along[0]} {place_y(0)}"
        for x, height in zip(along[1:], heights, strict=True):
            path += f"V{place_y(height / top)}H{x}"
        return path + f"V{place_y(0)}"

    x_ticks = tuple(
        Tick(place_x(part), f"{low + part * span:.3g}", anchor)
        for part, anchor in ((0, "start"), (0.5, "middle"), (1, "end"))
    )
    y_ticks = tuple(
        Tick(place_y(k * step / top), f"{100 * k * step:.4g}%") for k in range(round(top / step) + 1)
    )
    return DistancesChart(outline(distances.training), outline(distances.holdout), x_ticks, y_ticks)


def spend(groups: Sequence[LedgerGroup]) -> tuple[SpendBar, ...]:
    """Return the ledger's groups as steps of the used budget, in the order of their first line."""
    bars, start = [], 0.0
    for group in groups:
        if group.share is None:
            return ()
        bars.append(SpendBar(group, round(100 * start, 2), round(100 * group.share, 2)))
        start += group.share
    return tuple(bars)


@dataclass(frozen=True)
class PairGrids:
    """A pair's two pictures, on one scale, and their size in cells."""

    real: Grid
    synthetic: Grid
    width: int
    height: int


def pair_grids(picture: PairPicture) -> PairGrids:
    """Return the pictures of a pair: darker for more, by the square root of the share of a cell."""
    real, synthetic = picture.real[::-1], picture.synthetic[::-1]  # a picture's rows run downwards
    level = _density_level(max(share for cells in (real, synthetic) for row in cells for share in row))
    return PairGrids(
        _grid(real, level), _grid(synthetic, level), len(picture.first_labels), len(picture.second_labels)
    )


def _density_level(top: float) -> Callable[[float], int]:
    def level(share: float) -> int:
        return math.ceil(DENSITY * math.sqrt(min(share / top, 1.0))) if share > 0 else 0

    return level
