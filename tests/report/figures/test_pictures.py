from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd
import pytest

from tabgan.evaluation.result import Correlations, Distances, Projection, RocCurve
from tabgan.privacy.spending import group_ledger
from tabgan.report.figures import pictures
from tabgan.report.figures.pairs import furthest_pairs, pair_pictures
from tabgan.schema import Categorical, Identifier, Numeric, Schema

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


class TestPairs:
    SCHEMA = Schema(
        columns=[Categorical(name="a", categories=("x", "y")), Numeric(name="b", bounds=(0, 9), decimals=0),
                 Identifier(name="c")]
    )  # fmt: skip

    def frames(self):
        real = pd.DataFrame({"a": ["x", "x", "y", "secret", None], "b": [0, 0, 9, 9, 9], "c": list("12345")})
        return real, pd.DataFrame({"a": ["x", "y", "y", "x"], "b": [1, 8, 8, 1], "c": list("1234")})

    def test_joint_shares_of_rows_that_have_both(self):
        real, synthetic = self.frames()
        (picture,) = pair_pictures(CORRELATIONS, self.SCHEMA, real, synthetic)
        assert (picture.first, picture.first_labels) == ("a", ("x", "y", "others"))
        assert picture.second_labels == ("1", "8", "others")
        assert picture.synthetic == ((0.5, 0.0, 0.0), (0.0, 0.5, 0.0), (0.0, 0.0, 0.0))
        assert picture.real == ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.5, 0.25, 0.25))

    def test_flags_have_two_cells_and_many_numbers_ranges_that_are_not_empty(self):
        schema = Schema(
            columns=[
                Numeric(name="a", bounds=(0, 1), decimals=0),
                Numeric(name="b", bounds=(0, 99), decimals=0),
                Identifier(name="c"),
            ]
        )
        skewed = [*range(20), *[99] * 80]
        table = pd.DataFrame({"a": [0, 1] * 50, "b": skewed, "c": list(map(str, range(100)))})
        (picture,) = pair_pictures(CORRELATIONS, schema, table, table)
        assert picture.first_labels == ("0", "1")
        assert picture.second_labels[-1].startswith("> ")
        assert sum(picture.synthetic[-1]) == pytest.approx(0.8, abs=0.1)

    def test_no_value_of_a_real_row_is_named(self):
        real, synthetic = self.frames()
        told = repr(pair_pictures(CORRELATIONS, self.SCHEMA, real.assign(b=7), synthetic))
        assert "secret" not in told
        assert "7" not in told

    def test_nothing_to_count(self):
        real, synthetic = self.frames()
        assert pair_pictures(None, self.SCHEMA, real, synthetic) == ()
        assert pair_pictures(CORRELATIONS, self.SCHEMA, real[:0], synthetic) == ()

    def test_one_scale_for_both(self):
        (picture,) = pair_pictures(CORRELATIONS, self.SCHEMA, *self.frames())
        grids = pictures.pair_grids(picture)
        assert (grids.width, grids.height) == (3, 3)
        assert painted(grids.synthetic) == {(0, 2): 8, (1, 1): 8}
        assert painted(grids.real) == {(0, 0): 8, (1, 0): 6, (2, 0): 6}


class TestHalves:
    def test_real_above_the_diagonal_and_synthetic_below(self):
        cells = painted(pictures.halves(CORRELATIONS).both)
        assert (cells[1, 0], cells[0, 1]) == (2, 2)  # 0.5 and 0.3, on a scale of five steps
        assert (2, 0) not in cells
        assert (0, 0) not in cells


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
