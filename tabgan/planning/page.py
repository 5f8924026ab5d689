"""A plan as an HTML page, with a picture of the expected error over epsilon."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from tabgan._util.version import __version__
from tabgan.planning.expected import CurvePoint, ExpectedError
from tabgan.report.figures.charts import Tick, round_step

#: Size of the picture in its own units, and the room for its labels.
WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM, TOP = 640, 300, 52, 16, 44, 14


@dataclass(frozen=True)
class CurveLine:
    """One line of the picture.

    Attributes:
        path: The line, as an SVG path.
        band: Its interval, as a closed path.
        marks: Places of its points.
    """

    path: str
    band: str
    marks: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class CurveChart:
    """The picture of a curve.

    Attributes:
        one_way: Of single columns.
        two_way: Of pairs.
        x_ticks: Epsilons.
        y_ticks: Errors.
        own: Place of the fit's own epsilon.
        hopeless: Right end of the epsilons at which a fit is hopeless; ``None`` if there are none.
    """

    one_way: CurveLine
    two_way: CurveLine
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    own: float
    hopeless: float | None


def plan_page(plan: object, curve: Sequence[CurvePoint], epsilon: float, title: str) -> str:
    """Return a plan as an HTML page without scripts, which loads nothing.

    Args:
        plan: The :class:`~tabgan.planning.fitplan.FitPlan`.
        curve: Its curve.
        epsilon: Its own epsilon.
        title: The page's title.
    """
    chart = curve_chart(curve, epsilon) if curve else None
    return _template().render(
        plan=plan,
        title=title,
        chart=chart,
        version=__version__,
        size={"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT, "bottom": BOTTOM, "top": TOP},
    )


def curve_chart(points: Sequence[CurvePoint], own: float) -> CurveChart:
    """Return the picture of a curve: epsilon on a logarithmic axis."""
    low, high = math.log(points[0].epsilon), math.log(points[-1].epsilon)

    def x(epsilon: float) -> float:
        part = (math.log(epsilon) - low) / ((high - low) or 1.0)
        return round(LEFT + part * (WIDTH - LEFT - RIGHT), 1)

    shown = [point for point in points if point.one_way is not None and point.two_way is not None]
    ends = [error.high for point in shown for error in (point.one_way, point.two_way) if error is not None]
    top, step = round_step(max(ends, default=0.1))

    def y(value: float) -> float:
        return round(HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - TOP), 1)

    hopeless = [point.epsilon for point in points if point.two_way is None]
    return CurveChart(
        _line(shown, lambda point: point.one_way, x, y),
        _line(shown, lambda point: point.two_way, x, y),
        tuple(Tick(x(point.epsilon), f"{point.epsilon:g}") for point in points),
        tuple(Tick(y(k * step), f"{k * step:.3g}") for k in range(round(top / step) + 1)),
        x(own),
        x(max(hopeless)) if hopeless else None,
    )


def _line(
    points: Sequence[CurvePoint],
    error_of: Callable[[CurvePoint], ExpectedError | None],
    x: Callable[[float], float],
    y: Callable[[float], float],
) -> CurveLine:
    """Return the line of one error."""
    known = [(x(point.epsilon), error) for point in points if (error := error_of(point)) is not None]
    marks = tuple((at, y(error.value)) for at, error in known)
    upper = [(at, y(error.high)) for at, error in known]
    lower = [(at, y(error.low)) for at, error in reversed(known)]
    return CurveLine(_path(marks), _path([*upper, *lower]) + ("Z" if known else ""), marks)


def _path(places: Sequence[tuple[float, float]]) -> str:
    """Return an SVG path along some places."""
    return "".join(f"{'L' if number else 'M'}{at} {height}" for number, (at, height) in enumerate(places))


@lru_cache(maxsize=1)
def _template() -> Template:
    """Return the compiled page."""
    environment = Environment(
        loader=PackageLoader("tabgan.planning"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("plan.html.j2")
