from __future__ import annotations

import re
from types import SimpleNamespace

import pandas as pd
import pytest

from tabgan.report.figures.charts import bar_rows, histogram_chart, is_of_bars, sparkline
from tabgan.report.figures.overlays import NoOverlay, overlay
from tabgan.schema import Categorical, Datetime, Numeric

ROWS = SimpleNamespace(n_real=1_000, n_holdout=1_000, n_synthetic=1_000)


def drawn(column, real, synthetic):
    real, synthetic = (pd.Series(values) for values in (real, synthetic))
    return overlay(column, real, real, synthetic)


class TestSmallShares:
    """Two rows of a thousand are seen."""

    def test_in_a_histogram(self):
        column = Numeric(name="x", bounds=(0, 9), decimals=0)
        chart = histogram_chart(drawn(column, [0] * 998 + [9] * 2, [0] * 1_000), ROWS)
        heights = [float(y) for y in re.findall(r"V([\d.]+)", chart.real)]
        base = heights[-1]
        assert base - heights[-2] >= 2
        assert all(y == base for y in heights[1:-2])  # nothing stands where there is nothing

    def test_in_a_bar(self):
        column = Categorical(name="x", categories=("a", "b", "c"))
        a, b, c = bar_rows(drawn(column, ["a"] * 998 + ["b"] * 2, ["a"] * 1_000), ROWS)
        assert (a.real, c.real, b.synthetic) == (99.8, 0, 0)
        assert b.real > 1


class TestLabels:
    def test_moments_are_told_by_their_days_at_both_ends(self):
        column = Datetime(
            name="x", bounds=("2013-01-01T08:30:00", "2015-12-31T23:59:00"), resolution="second"
        )
        moments = pd.to_datetime(["2014-01-01 10:00", "2015-01-01 11:00"])
        chart = histogram_chart(drawn(column, moments, moments), ROWS)
        assert [tick.text for tick in chart.x_ticks] == ["2013-01-01", "2015-12-31"]

    def test_moments_of_one_day_by_their_times(self):
        column = Datetime(
            name="x", bounds=("2013-01-01T08:00:00", "2013-01-01T09:00:00"), resolution="second"
        )
        moments = pd.to_datetime(["2013-01-01 08:30"])
        chart = histogram_chart(drawn(column, moments, moments), ROWS)
        assert [tick.text for tick in chart.x_ticks] == ["2013-01-01 08:00", "2013-01-01 09:00"]

    def test_numbers_have_a_label_in_the_middle(self):
        chart = histogram_chart(drawn(Numeric(name="x", bounds=(0, 90), decimals=0), [0], [90]), ROWS)
        assert [tick.text for tick in chart.x_ticks][::2] == ["0", "90"]

    def test_three_long_numbers_do_not_fit_on_a_phone(self):
        """Adult's weights ran into each other at 390 pixels."""
        column = Numeric(name="x", bounds=(24_576, 2_097_151), decimals=0)
        chart = histogram_chart(drawn(column, [30_000], [90_000]), ROWS)
        assert [tick.text for tick in chart.x_ticks] == ["24,576", "2,097,151"]


class TestBars:
    @pytest.mark.parametrize(("high", "is_drawn_as_bars"), [(1, True), (2, True), (3, False)])
    def test_of_very_few_numbers(self, high, is_drawn_as_bars):
        shown = drawn(Numeric(name="x", bounds=(0, high), decimals=0), [0, 1, None], [1, 1, None])
        assert is_of_bars(shown) == is_drawn_as_bars

    def test_of_a_flag(self):
        shown = drawn(Numeric(name="x", bounds=(0, 1), decimals=0), [0, 1, 1, None], [1, 1, 1, 0])
        rows = bar_rows(shown, ROWS)
        assert [(row.category, row.label) for row in rows] == [("0", None), ("1", None), (None, "missing")]
        assert (rows[0].real, rows[1].synthetic) == (33.33, 100)


class TestSparkline:
    def test_of_both_forms(self):
        for column, values in (
            (Numeric(name="x", bounds=(0, 9), decimals=0), [0, 5, 9]),
            (Categorical(name="x", categories=("a", "b")), ["a", "b", "b"]),
        ):
            line = sparkline(drawn(column, values, values), ROWS)
            assert line.synthetic.endswith("Z")
            assert line.synthetic.removesuffix("Z") == line.real

    def test_of_nothing(self):
        assert sparkline(NoOverlay("none"), ROWS) is None
        assert sparkline(drawn(Numeric(name="x", bounds=(0, 1), decimals=0), [], []), ROWS) is None
