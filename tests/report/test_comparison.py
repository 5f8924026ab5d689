"""Marks of a comparison, worked by hand, and its page."""

from __future__ import annotations

import json
import re

import pytest

from tabgan.errors import ConfigError
from tabgan.evaluation.catalog import ENTRIES
from tabgan.evaluation.gate import NO_GATE
from tabgan.evaluation.metric import Figure, metric_of
from tabgan.evaluation.result import ColumnResult, Evaluation, Interval, Risk
from tabgan.report.comparison import System
from tabgan.report.sidebyside import SystemComparison

HOSTILE = '<script>alert("1")</script>'


def comparison(name: str, *found: Figure | str, names: str = "abcdef") -> SystemComparison:
    """Return a comparison of systems with one figure each."""
    column = ColumnResult(HOSTILE, "numeric", 0.2, 0.1, 1.0, 0.0, 0.0)
    systems = [
        System(
            letter,
            Evaluation((metric_of(ENTRIES[name], each),), (column,), 9, 8, 7, None, 0),
            7,
            None,
            NO_GATE,
        )
        for letter, each in zip(names, found, strict=False)
    ]
    return SystemComparison(HOSTILE, "2026-01-01", tuple(systems), 9, 8, 7, None, 0)


def marks(name: str, *found: Figure | str) -> list[str]:
    rows = comparison(name, *found).rows
    return [cell.mark for row in rows for cell in row.cells]


class TestMarks:
    def test_the_best_is_marked_and_whoever_is_within_the_slack(self):
        found = [Figure(value, reference=0.05) for value in (0.2, 0.1, 0.104, 0.3)]
        assert marks("tvd1", *found) == ["", "best", "tied", ""]

    def test_none_where_all_are(self):
        assert marks("tvd1", Figure(0.1, reference=0.05), Figure(0.104, reference=0.05)) == ["", ""]

    def test_intervals_make_the_spread(self):
        wide = [Figure(v, Interval(v - 0.06, v + 0.06), reference=0.9) for v in (0.8, 0.72, 0.7)]
        assert marks("tstr", *wide) == ["best", "tied", ""]  # 0.0849 apart at most

    def test_better_than_real_rows_is_no_merit(self):
        copy, good, bad = (Figure(value, reference=0.05) for value in (0.0, 0.05, 0.2))
        assert marks("tvd1", good, copy, bad) == ["best", "tied", ""]

    def test_attacks_by_their_excess_risk(self):
        def attack(success: float, risk: float) -> Figure:
            return Figure(success, reference=0.5, risk=Risk(risk, Interval(risk - 0.01, risk + 0.01)))

        found = comparison("linkability", attack(0.9, 0.0), attack(0.6, 0.3), attack(0.2, -0.2))
        assert [cell.mark for cell in found.rows[0].cells] == ["best", "", "tied"]
        assert found.rows[0].reference == "0%"

    def test_figures_that_are_not_there(self):
        found = comparison("tvd1", Figure(0.2, reference=0.1), "too few rows", Figure(0.1, reference=0.1))
        assert [cell.mark for cell in found.rows[0].cells] == ["", "", "best"]
        assert found.rows[0].cells[1].reason == "too few rows"
        assert comparison("tvd1", "no", "no").rows == ()
        assert comparison("tvd1", "no", "no").not_computed == ("Total variation distance, single columns",)

    def test_near_the_reference_where_no_direction_is_better(self):
        found = [Figure(v, Interval(v - 0.01, v + 0.01), reference=0.5) for v in (0.4, 0.51, 0.9)]
        assert marks("c2st", *found) == ["", "best", ""]

    def test_references_that_differ_are_told_as_a_range(self):
        found = comparison("tvd1", Figure(0.2, reference=0.1), Figure(0.3, reference=0.15)).rows[0]
        assert found.reference == "0.100 to 0.150"
        assert found.expected is None


FOUND = comparison("tvd1", Figure(0.2, reference=0.05), Figure(0.1, reference=0.05), names="<b")


def test_frame_names_the_best():
    frame = FOUND.to_frame()
    assert frame.loc[0, ["figure", "<", "b", "best"]].tolist() == ["tvd1", 0.2, 0.1, "b"]


def test_all_text_is_escaped(tmp_path):
    for page in (FOUND.to_html(tmp_path / "c.html").read_text(), FOUND._repr_html_()):
        assert HOSTILE not in page
        assert "<bdi><</bdi>" not in page
        assert "<script" not in page
        assert "INTERNAL" in page
    assert "default-src 'none'" in (tmp_path / "c.html").read_text()
    assert "<html" not in FOUND._repr_html_()


def test_on_a_phone_every_figure_says_of_which_system_it_is(tmp_path):
    """Columns of tables were cut off at 390 pixels: each row is a block there, and its cells have names."""
    page = FOUND.to_html(tmp_path / "c.html").read_text()
    (figures,) = re.findall(r"<tr><th scope=\"row\" title.*?</tr>", page, re.DOTALL)
    assert re.findall(r'<td class="number[^"]*" data-label="([^"]*)"', figures) == ["reference", "&lt;", "b"]
    assert page.count('<table class="stack">') == page.count("<table") >= 2


def test_groups_without_a_difference_have_no_column_of_zeros(tmp_path):
    alike = comparison("tvd1", Figure(0.2, reference=0.05), Figure(0.2, reference=0.05))
    page = alike.to_html(tmp_path / "c.html").read_text()
    assert "of 0" not in page
    assert "A figure counts" not in page
    assert "no difference" in page  # the figure itself has its row
    assert "Fidelity<small>of 1</small>" in FOUND._repr_html_()


def test_json_is_strict(tmp_path):
    data = json.loads(FOUND.to_json(tmp_path / "c.json").read_text(), parse_constant=pytest.fail)
    assert data["edition"] == "internal"
    assert data["figures"][0]["systems"]["b"]["mark"] == "best"
    assert data["columns"][0]["distances"] == {"<": 0.2, "b": 0.2}


def test_names_of_files(tmp_path):
    assert FOUND.write(tmp_path / "c.html").exists()
    with pytest.raises(ConfigError, match=r"ending in \.html or \.json, got 'c.txt'"):
        FOUND.write(tmp_path / "c.txt")
    with pytest.raises(ConfigError, match=r"ending in \.json, got 'c.html'"):
        FOUND.to_json(tmp_path / "c.html")
