"""A report as an object: in a notebook, as a table, and its pictures."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from tabgan.errors import ConfigError
from tabgan.evaluation.gate import Check, Decision
from tabgan.evaluation.result import Pictures
from tabgan.report import Report
from tabgan.report.figures.overlays import NoOverlay
from tabgan.report.figures.plots import PICTURES


@pytest.fixture(scope="module")
def report(full) -> Report:
    return Report(full)


def test_html_of_a_notebook_escapes_all_text(report, zoo):
    made = report._repr_html_()
    assert "<script" not in made
    assert "<img" not in made
    assert made.count("INTERNAL") >= 1
    assert zoo.secret not in made
    assert "All " in made


def test_a_refused_one_is_marked(report):
    failed = replace(
        report.data, decision=Decision("failed", (Check("x", "X", "at_most", 1, 2, False, "X: 2."),))
    )
    assert 'class="note bad"' in Report(failed)._repr_html_()
    assert "1 of 1 limits are not met" in Report(failed)._repr_html_()


def test_a_line_for_each_figure(report):
    frame = report.to_frame().set_index("figure")
    assert frame.index.tolist() == [metric.name for metric in report.evaluation.metrics]
    assert frame.loc["tstr", ["value", "reference"]].tolist() == [
        report.evaluation["tstr"].value,
        report.evaluation["tstr"].reference,
    ]
    assert set(frame["finding"].dropna()) <= {"good", "attention", "open"}


class Axes:
    """Axes of matplotlib, which remember what is drawn on them."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str):
        return lambda *args, **options: self.calls.append(name)


@pytest.mark.parametrize("what", PICTURES)
def test_pictures(report, what, tmp_path):
    plot = report.plot(what)
    root = ET.fromstring(plot._repr_svg_())  # well-formed, with no script
    assert root.tag.endswith("svg")
    assert not [each for each in root.iter() if each.tag.endswith("script")]
    assert plot.to_svg(tmp_path / "p.svg").read_text().startswith("<svg")
    axes = Axes()
    assert report.plot(what, ax=axes) is axes
    assert axes.calls
    assert "to_svg" in repr(plot)


def test_every_column_has_a_picture_or_a_reason(report, zoo):
    drawn = 0
    for card in report.data.columns:
        if isinstance(card.overlay, NoOverlay):
            with pytest.raises(ConfigError, match="has no picture"):
                report.plot(card.name)
            continue
        plot = report.plot(card.name)
        drawn += 1
        assert zoo.secret not in plot.svg
        ET.fromstring(plot.svg)
        axes = Axes()
        report.plot(card.name, ax=axes)
        assert axes.calls
    assert drawn > 5


def test_other_pictures_are_refused(report, tmp_path):
    with pytest.raises(ConfigError, match="expected a picture or a column, got 'agee'. Did you mean 'age'"):
        report.plot("agee")
    with pytest.raises(ConfigError, match=r"ending in \.svg, got 'p.png'"):
        report.plot().to_svg(tmp_path / "p.png")
    bare = replace(report.data.evaluation, pictures=Pictures())
    with pytest.raises(ConfigError, match="'membership' was not computed"):
        Report(replace(report.data, evaluation=bare)).plot("membership")


def test_a_column_that_is_called_as_a_picture(report):
    renamed = replace(
        report.data, columns=tuple(replace(card, name="figures") for card in report.data.columns[:1])
    )
    assert "figures: numeric" in Report(renamed).plot("column:figures").title


@pytest.mark.family
def test_on_real_axes_of_matplotlib(report):
    figure = pytest.importorskip("matplotlib.figure")
    for what in PICTURES:
        report.plot(what, ax=figure.Figure().add_subplot())
