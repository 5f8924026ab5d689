from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tabgan.evaluation.result import Correlations, Distances, Projection, RocCurve
from tabgan.report.collect import group_ledger
from tabgan.report.figures import pictures
from tabgan.report.figures.pairs import furthest_pairs

CORRELATIONS = Correlations(
    ("a", "b", "c"),
    ((1.0, 0.5, None), (0.5, 1.0, -1.0), (None, -1.0, 1.0)),
    ((1.0, 0.3, 0.1), (0.3, 1.0, -1.0), (0.1, -1.0, 1.0)),
)


def painted(grid):
    """Return the level of every cell that has a colour."""
    cells = {}
    for patch in grid.patches:
        for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", patch.path):
            for i in range(int(x), int(x) + int(width)):
                assert (i, int(y)) not in cells
                cells[i, int(y)] = patch.level
    return cells


class TestAssociations:
    def test_cells(self):
        triple = pictures.associations(CORRELATIONS)
        real = painted(triple.real)
        assert real == {(0, 0): 5, (1, 1): 5, (2, 2): 5, (1, 0): 2, (0, 1): 2, (2, 1): -5, (1, 2): -5}
        assert (2, 0) not in real  # a cell without a value has no colour

    def test_the_difference_has_a_scale_that_shows_it(self):
        triple = pictures.associations(CORRELATIONS)
        assert triple.top == 0.25
        assert painted(triple.difference) == {(1, 0): -4, (0, 1): -4}

    def test_a_copy_has_no_difference(self):
        triple = pictures.associations(replace(CORRELATIONS, synthetic=CORRELATIONS.real))
        assert triple.difference.patches == ()

    def test_furthest_pairs(self):
        pairs = furthest_pairs(CORRELATIONS)
        assert [(pair.first, pair.second) for pair in pairs] == [("a", "b"), ("b", "c")]
        assert pairs[0].difference == pytest.approx(-0.2)

    def test_nothing(self):
        assert pictures.associations(Correlations((), (), ())).real.n == 0


class TestDensity:
    PROJECTION = Projection((0.5, 0.2), ((0.0, 1.0), (0.0, 0.0)), ((0.0, 0.25), (0.75, 0.0)))

    def test_the_second_component_runs_upwards(self):
        triple = pictures.density(self.PROJECTION)
        assert painted(triple.real) == {(1, 1): 8}
        assert painted(triple.synthetic) == {(1, 1): 4, (0, 0): 7}  # by the root of the share
        assert set(painted(triple.difference).values()) == {5, -5}

    def test_overlap(self):
        assert pictures.overlap(self.PROJECTION) == pytest.approx(0.25)


class TestCurves:
    def test_membership_points(self):
        curve = RocCurve((0.0, 0.001, 0.01, 0.2, 1.0), (0.0, 0.002, 0.05, 0.5, 1.0))
        assert pictures.membership_points(curve) == ((0.001, 0.002), (0.01, 0.05), (0.1, 0.05))

    def test_logarithmic_axes(self):
        line = pictures.membership_line(RocCurve((0.0, 0.001, 1.0), (0.0, 0.001, 1.0)))
        assert line.path == "M56.0 284.0L312.0 8.0"  # from corner to corner

    def test_distances_without_spread(self):
        chart = pictures.distances_chart(Distances((1.0, 1.0), (0.0,), (0.0,)))
        assert "nan" not in chart.training


class TestSpend:
    def test_steps_follow_each_other(self, zoo):
        bars = pictures.spend(group_ledger(zoo.privacy.entries))
        assert bars[0].start == 0
        assert bars[-1].start + bars[-1].width == pytest.approx(100, abs=0.05)

    def test_without_noise_there_is_none(self, zoo):
        groups = group_ledger(zoo.privacy.entries)
        assert pictures.spend((replace(groups[0], share=None),)) == ()
