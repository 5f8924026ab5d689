"""Pictures of a report as objects: SVG by themselves, or drawn on axes of matplotlib.

All text is escaped; a picture has a ground of its own, light or dark as the reader's system is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from tabgan._util.html import legible
from tabgan._util.validate import nearest
from tabgan.errors import ConfigError
from tabgan.evaluation.result import Correlations, Evaluation
from tabgan.io import check_writable, write_text
from tabgan.report.content import ColumnCard, ReportData
from tabgan.report.edition import check_edition, words
from tabgan.report.figures import charts, pictures
from tabgan.report.figures.overlays import Bars, Histogram
from tabgan.report.findings import figure_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Names of the pictures beside those of the columns.
PICTURES = ("figures", "associations", "distances", "membership", "calibration")

#: Columns up to which a picture of associations names them, and the height of such a name.
MOST_NAMES, _LINE = 40, 12

_STYLE = """<style>
.ground{fill:#fff}text{fill:#3c444c;font:12px system-ui,sans-serif}.head{font-weight:650;font-size:14px;fill:#191c20}
.soft{fill:#69727c}.real{stroke:#3d3d3d;fill:none;stroke-width:1.7}.fill{fill:#0072b2}.area{fill:#0072b2;fill-opacity:.5}
.line{stroke:#0072b2;fill:none;stroke-width:2}.rule{stroke:#d9dee4}
.chance{stroke:#8a929b;fill:none;stroke-width:1.4;stroke-dasharray:2 4}
.mark{stroke:#191c20;stroke-width:2}.range{stroke:#0072b2;
stroke-width:4;stroke-opacity:.35}.holdout{stroke:#c05000;fill:none;stroke-width:2;stroke-dasharray:5 3}
.hollow{fill:none;stroke:#3d3d3d;stroke-width:1.5}
@media (prefers-color-scheme:dark){.ground{fill:#14171a}text{fill:#c3cad1}.head{fill:#e7eaed}.soft{fill:#a6aeb7}
.real,.hollow{stroke:#d6d6d6}.fill,.area{fill:#56b4e9}.line,.range{stroke:#56b4e9}.rule{stroke:#343a41}.mark{stroke:#e7eaed}
.holdout{stroke:#e69f00}}
</style>"""


@dataclass(frozen=True)
class Plot(ABC):
    """A picture.

    Attributes:
        title: Its heading.
    """

    title: str

    @abstractmethod
    def shapes(self) -> tuple[int, int, str]:
        """Return width and height, and the shapes below the heading, as SVG."""

    @abstractmethod
    def draw(self, ax: Axes) -> Axes:
        """Draw the picture on axes of matplotlib, and return these."""

    @property
    def svg(self) -> str:
        """The picture as SVG, which stands by itself."""
        width, height, shapes = self.shapes()
        head = escape(legible(self.title, 90))
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height + 34}" width="{width}" '
            f'height="{height + 34}" role="img" aria-label="{head}">{_STYLE}'
            f'<rect class="ground" width="{width}" height="{height + 34}"/>'
            f'<text class="head" x="10" y="20">{head}</text><g transform="translate(0 34)">{shapes}</g></svg>'
        )

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"{type(self).__name__}({legible(self.title)!r}): show it in a notebook, or to_svg(path)"

    def to_svg(self, path: str | Path) -> Path:
        """Write the picture and return its path.

        Raises:
            ConfigError: the name does not end in .svg, or the folder cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() != ".svg":
            raise ConfigError(f"plot: expected a name ending in .svg, got {path.name!r}.")
        check_writable(path.parent, "plot")
        return write_text(self.svg + "\n", path)


def _text(x: float, y: float, text: object, anchor: str = "start", of_class: str = "") -> str:
    named = f' class="{of_class}"' if of_class else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(legible(text, 48))}</text>'


@dataclass(frozen=True)
class Level:
    """One figure of a picture of figures, all in [0, 1]."""

    label: str
    text: str
    value: float
    low: float | None
    high: float | None
    expected: float | None


@dataclass(frozen=True, repr=False)
class FiguresPlot(Plot):
    """All figures between 0 and 1, each with its interval, beside its reference."""

    levels: tuple[Level, ...]

    def shapes(self) -> tuple[int, int, str]:
        left, right, step = 350, 640, 22
        height = step * len(self.levels) + 26

        def at(value: float) -> float:
            return left + (right - left) * value

        found = [
            f'<line class="rule" x1="{at(t)}" x2="{at(t)}" y1="0" y2="{height - 24}"/>' for t in (0, 0.5, 1)
        ]
        found += [_text(at(t), height - 8, f"{t:g}", "middle", "soft") for t in (0, 0.5, 1)]
        for place, level in enumerate(self.levels):
            y = step * place + 12
            found.append(_text(10, y + 4, level.label))
            if level.low is not None and level.high is not None:
                ends = f'x1="{at(level.low):.1f}" x2="{at(level.high):.1f}"'
                found.append(f'<line class="range" {ends} y1="{y}" y2="{y}"/>')
            if level.expected is not None:
                x = at(level.expected)
                found.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 7}" y2="{y + 7}"/>')
            found.append(f'<circle class="fill" cx="{at(level.value):.1f}" cy="{y}" r="4.5"/>')
            found.append(_text(right + 14, y + 4, level.text))
        return 720, height, "".join(found)

    def draw(self, ax: Axes) -> Axes:
        places = list(range(len(self.levels)))[::-1]
        for y, level in zip(places, self.levels, strict=True):
            if level.low is not None and level.high is not None:
                ax.plot([level.low, level.high], [y, y], color="C0", alpha=0.35, linewidth=4)
            if level.expected is not None:
                ax.plot([level.expected], [y], marker="|", markersize=12, color="black")
            ax.plot([level.value], [y], marker="o", color="C0")
        ax.set_yticks(places, [legible(level.label, 48) for level in self.levels])
        ax.set_xlim(-0.02, 1.02)
        ax.set_title(legible(self.title))
        return ax


@dataclass(frozen=True, repr=False)
class HistogramPlot(Plot):
    """The distribution of a column of numbers or moments: real rows as an outline, synthetic ones as an area."""

    histogram: Histogram
    evaluation: Evaluation
    real: str

    def shapes(self) -> tuple[int, int, str]:
        chart = charts.histogram_chart(self.histogram, self.evaluation)
        found = []
        for tick in chart.y_ticks:
            found.append(f'<line class="rule" x1="38" x2="400" y1="{tick.at}" y2="{tick.at}"/>')
            found.append(_text(33, tick.at + 4, tick.text, "end", "soft"))
        found.append(f'<path class="area" d="{chart.synthetic}"/><path class="real" d="{chart.real}"/>')
        found += [_text(tick.at, 165, tick.text, tick.anchor, "soft") for tick in chart.x_ticks]
        found += [
            _text(min(max(cut.at, 90), 330), 11, f"↑ {cut.real:.0%}, synthetic {cut.synthetic:.0%}", "middle")
            for cut in chart.cuts
        ]
        return 420, 195, f'<g transform="translate(8 0)">{"".join(found)}</g>{_legend(self.real, 186)}'

    def draw(self, ax: Axes) -> Axes:
        parts = [charts.shares(one.counts, self.evaluation) for one in self.histogram.bins]
        places = list(range(len(parts)))
        ax.bar(
            places, [part.synthetic for part in parts], width=1.0, color="C0", alpha=0.5, label="Synthetic"
        )
        ax.step(places, [part.real for part in parts], where="mid", color="black", label=self.real)
        ends = (0, len(parts) - 1)
        texts = [legible(charts.bin_text(self.histogram.bins[end], self.histogram.decimals)) for end in ends]
        ax.set_xticks(list(ends), texts)
        return _labelled(ax, self.title, "share of rows")


@dataclass(frozen=True, repr=False)
class BarsPlot(Plot):
    """The distribution of a column of categories: two bars for each."""

    bars: Bars
    evaluation: Evaluation
    real: str

    @property
    def _rows(self) -> list[tuple[str, charts.BarRow]]:
        rows = charts.bar_rows(self.bars, self.evaluation)
        return [(row.label or legible(row.category, 40), row) for row in rows]

    def shapes(self) -> tuple[int, int, str]:
        step, left, width = 30, 190, 200
        found = []
        for place, (label, row) in enumerate(self._rows):
            y = step * place
            found.append(_text(left - 8, y + 15, label, "end"))
            real = row.real / 100 * width
            found.append(f'<rect class="hollow" x="{left}" y="{y + 2}" width="{real:.1f}" height="8"/>')
            synthetic = row.synthetic / 100 * width
            found.append(f'<rect class="fill" x="{left}" y="{y + 13}" width="{synthetic:.1f}" height="9"/>')
            said = f"{row.shares.real:.1%} · {row.shares.synthetic:.1%}"
            found.append(_text(left + width + 10, y + 15, said, of_class="soft"))
        height = step * len(self._rows) + 24
        return 500, height, "".join(found) + _legend(self.real, height - 10)

    def draw(self, ax: Axes) -> Axes:
        places = list(range(len(self._rows)))[::-1]
        shares = [row.shares for _, row in self._rows]
        up, down = [place + 0.2 for place in places], [place - 0.2 for place in places]
        ax.barh(
            up, [share.real for share in shares], height=0.38, fill=False, edgecolor="black", label=self.real
        )
        ax.barh(down, [share.synthetic for share in shares], height=0.38, color="C0", label="Synthetic")
        ax.set_yticks(places, [label for label, _ in self._rows])
        ax.set_xlabel("share of rows")
        ax.set_title(legible(self.title))
        ax.legend()
        return ax


@dataclass(frozen=True)
class Curve:
    """One line of a picture: its name, its class of style, and points of the unit square."""

    name: str
    style: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, repr=False)
class CurvesPlot(Plot):
    """Lines over one square."""

    curves: tuple[Curve, ...]
    x_label: str
    y_label: str
    x_ends: tuple[str, str] = ("0", "1")
    y_ends: tuple[str, str] = ("0", "1")

    def shapes(self) -> tuple[int, int, str]:
        found = ['<rect class="hollow rule" x="56" y="8" width="256" height="276"/>']
        for place, curve in enumerate(self.curves):
            steps = ((pictures.place_x(x), pictures.place_y(y)) for x, y in curve.points)
            path = "".join(f"{'L' if i else 'M'}{x} {y}" for i, (x, y) in enumerate(steps))
            found.append(f'<path class="{curve.style}" d="{path}"/>')
            y = 30 + 20 * place
            found.append(f'<path class="{curve.style}" d="M330 {y}H354"/>{_text(360, y + 4, curve.name)}')
        found += [
            _text(56, 300, self.x_ends[0], "middle", "soft"),
            _text(312, 300, self.x_ends[1], "middle", "soft"),
        ]
        found += [_text(48, 288, self.y_ends[0], "end", "soft"), _text(48, 16, self.y_ends[1], "end", "soft")]
        found.append(_text(184, 316, self.x_label, "middle"))
        found.append(f'<g transform="rotate(-90 16 146)">{_text(16, 146, self.y_label, "middle")}</g>')
        return 500, 326, "".join(found)

    def draw(self, ax: Axes) -> Axes:
        colours = {"real": "black", "line": "C0", "holdout": "C1", "chance": "grey"}
        for curve in self.curves:
            xs, ys = zip(*curve.points, strict=True) if curve.points else ((), ())
            ax.plot(xs, ys, color=colours[curve.style], label=curve.name)
        ax.set_xlabel(self.x_label)
        ax.set_xticks([0, 1], list(self.x_ends))
        ax.set_yticks([0, 1], list(self.y_ends))
        return _labelled(ax, self.title, self.y_label)


@dataclass(frozen=True, repr=False)
class AssociationsPlot(Plot):
    """Associations of all pairs of columns: real, synthetic and their difference."""

    correlations: Correlations

    def shapes(self) -> tuple[int, int, str]:
        triple, names = pictures.associations(self.correlations), self.correlations.names
        is_named = len(names) <= MOST_NAMES
        side, room = (max(180, _LINE * len(names)), 130) if is_named else (180, 10)
        step = side / max(len(names), 1)
        found = [
            _text(room - 6, 22 + step * (row + 0.5) + 4, legible(name, 20), "end", "soft")
            for row, name in enumerate(names if is_named else ())
        ]
        for place, (name, grid) in enumerate(
            (("Real", triple.real), ("Synthetic", triple.synthetic), ("Difference", triple.difference))
        ):
            left = room + (side + 20) * place
            cells = "".join(
                f'<path d="{patch.path}" fill="{_diverging(patch.level)}"/>' for patch in grid.patches
            )
            found.append(_text(left + side / 2, 14, name, "middle"))
            found.append(f'<rect class="hollow rule" x="{left}" y="22" width="{side}" height="{side}"/>')
            found.append(f'<g transform="translate({left} 22) scale({step:.4f})">{cells}</g>')
        found.append(
            _text(
                room,
                side + 42,
                f"from −1 to 1; the difference from −{triple.top:g} to {triple.top:g}",
                of_class="soft",
            )
        )
        return room + 3 * side + 50, side + 52, "".join(found)

    def draw(self, ax: Axes) -> Axes:
        gaps = [
            [float("nan") if a is None or b is None else b - a for a, b in zip(*rows, strict=True)]
            for rows in zip(self.correlations.real, self.correlations.synthetic, strict=True)
        ]
        ax.imshow(gaps, cmap="PuOr", vmin=-1, vmax=1)
        names = [legible(name, 24) for name in self.correlations.names]
        ax.set_xticks(range(len(names)), names, rotation=90)
        ax.set_yticks(range(len(names)), names)
        ax.set_title(f"{legible(self.title)}: synthetic minus real")
        return ax


def _diverging(level: int) -> str:
    """Return the colour of a level: orange below 0, purple above, stronger further away."""
    ground, end = (243, 243, 245), (179, 88, 6) if level < 0 else (94, 63, 151)
    part = min(abs(level) / pictures.DIVERGING, 1.0)
    mixed = (round(a + (b - a) * part) for a, b in zip(ground, end, strict=True))
    return "#" + "".join(f"{value:02x}" for value in mixed)


def _legend(real: str, y: float) -> str:
    return (
        f'<path class="real" d="M10 {y}H34"/>{_text(40, y + 4, real)}'
        f'<rect class="fill" x="170" y="{y - 5}" width="24" height="9"/>{_text(200, y + 4, "Synthetic")}'
    )


def _labelled(ax: Axes, title: str, label: str) -> Axes:
    ax.set_ylabel(label)
    ax.set_title(legible(title))
    ax.legend()
    return ax


def picture_of(data: ReportData, what: str) -> Plot:
    """Return a picture of a report.

    Args:
        data: The report's content.
        what: One of ``PICTURES``, or the name of a column; a column called as a picture is named ``column:NAME``.

    Raises:
        ConfigError: there is no such picture, or it was not computed.
        PrivacyError: a shareable report holds content computed on real rows.
    """
    check_edition(data)
    cards = {card.name: card for card in data.columns}
    name = what.removeprefix("column:") if isinstance(what, str) else what
    if what in PICTURES:
        found = _drawn(data, what)
        if found is None:
            raise ConfigError(f"plot: the picture {what!r} was not computed for this report.")
        return found
    if name not in cards:
        hint = nearest(name, [*PICTURES, *cards]) or f" Pictures: {', '.join(PICTURES)}, or a column's name."
        raise ConfigError(f"plot: expected a picture or a column, got {legible(name)!r}.{hint}")
    return _distribution(cards[name], data)


def _distribution(card: ColumnCard, data: ReportData) -> Plot:
    real, title = words(data).real, f"{legible(card.name, 48)}: {card.kind}"
    if isinstance(card.overlay, Histogram):
        return HistogramPlot(title, card.overlay, data.evaluation, real)
    if isinstance(card.overlay, Bars):
        return BarsPlot(title, card.overlay, data.evaluation, real)
    raise ConfigError(f"plot: column {legible(card.name)!r} has no picture. {card.overlay.reason}")


def _drawn(data: ReportData, what: str) -> Plot | None:
    """Return a picture that is not of one column; ``None`` if it was not computed."""
    drawn = data.evaluation.pictures
    if what == "figures":
        return FiguresPlot(
            f"{legible(data.title, 40)}: figures, {words(data).mark}", tuple(_levels(data.evaluation))
        )
    if what == "associations" and drawn.correlations is not None:
        return AssociationsPlot("Associations of columns", drawn.correlations)
    if what == "membership" and drawn.membership is not None:
        curve = tuple(zip(drawn.membership.false_positive, drawn.membership.true_positive, strict=True))
        curves = (Curve("attack", "line", curve), Curve("guessing", "chance", ((0.0, 0.0), (1.0, 1.0))))
        return CurvesPlot("Membership inference", curves, "others accused", "training rows found")
    if what == "calibration" and drawn.calibration is not None:
        tables = {"trained on real": ("real", drawn.calibration.real)}
        tables["trained on synthetic"] = ("line", drawn.calibration.synthetic)
        lines = tuple(
            Curve(name, style, tuple((point.predicted, point.observed) for point in points))
            for name, (style, points) in tables.items()
        )
        return CurvesPlot("Calibration", lines, "predicted", "observed")
    if what == "distances" and drawn.distances is not None:
        edges = drawn.distances.edges
        low, span = edges[0], (edges[-1] - edges[0]) or 1.0
        top = max((*drawn.distances.training, *drawn.distances.holdout), default=0.0) or 1.0

        def steps(heights: Sequence[float]) -> tuple[tuple[float, float], ...]:
            return tuple(
                ((edge - low) / span, height / top)
                for i, height in enumerate(heights)
                for edge in edges[i : i + 2]
            )

        lines = (
            Curve("to training rows", "line", steps(drawn.distances.training)),
            Curve("to holdout rows", "holdout", steps(drawn.distances.holdout)),
        )
        ends = (f"{low:.3g}", f"{edges[-1]:.3g}")
        return CurvesPlot(
            "Distances to the closest row", lines, "distance", "share of rows", ends, ("0", f"{top:.1%}")
        )
    return None


def _levels(evaluation: Evaluation) -> Iterator[Level]:
    for metric in evaluation.metrics:
        at = charts.gauge(metric)
        if at is None:
            continue
        low, high, expected = (
            None if each is None else each / 100 for each in (at.low, at.high, at.expected)
        )
        text = figure_text(metric.value, metric.format)
        yield Level(metric.label, text, at.value / 100, low, high, expected)
