"""Round numbers: what is counted of them, and that what is drawn has as many."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabgan.columns import rounding, spans
from tabgan.columns.datetime import DatetimeEncoder
from tabgan.columns.numeric import NumericEncoder
from tabgan.schema import Datetime, Numeric

STEPS = [rounding.number_steps(20_000), np.array(rounding.SECONDS), np.array([1])]


def _rng(seed=0):
    return np.random.default_rng(seed)


class TestSteps:
    @pytest.mark.parametrize(
        ("largest", "expected"),
        [(0, [1]), (1, [1]), (4, [1]), (5, [1, 5]), (10, [1, 5, 10]), (999, [1, 5, 10, 50, 100, 500])],
    )
    def test_of_numbers(self, largest, expected):
        assert rounding.number_steps(largest).tolist() == expected

    @pytest.mark.parametrize("steps", [rounding.number_steps(2**53), np.array(rounding.SECONDS)])
    def test_each_divides_the_next(self, steps):
        assert (steps[1:] % steps[:-1] == 0).all()
        assert (steps[1:] > steps[:-1]).all()

    @pytest.mark.parametrize(
        ("grid", "expected"),
        [((18, 14), [1, 18]), ((20, 0), [1, 5, 10, 20, 100, 500]), ((50, 25), [1, 5, 50])],
    )
    def test_of_a_grid_agree_with_it(self, grid, expected):
        assert rounding.steps_of_grid(rounding.number_steps(999), *grid).tolist() == expected

    def test_class_is_the_largest_step_that_divides(self):
        found = rounding.classes(np.array([0, 1, 5, -5, 10, 250, 1_000, -20_000, 15_001]), STEPS[0])
        assert STEPS[0][found].tolist() == [20_000 // 2, 1, 5, 5, 10, 50, 1_000, 10_000, 1]


class TestMembers:
    @settings(deadline=None)
    @given(start=st.integers(-5_000, 5_000), width=st.integers(1, 3_000), which=st.integers(0, 2))
    def test_are_as_many_as_there_are(self, start, width, which):
        steps = STEPS[which]
        found = rounding.members(np.array([start]), np.array([start + width]), steps)
        exact = np.bincount(rounding.classes(np.arange(start, start + width), steps), minlength=len(steps))
        assert found.tolist() == [exact.tolist()]

    @settings(deadline=None)
    @given(start=st.integers(-5_000, 5_000), width=st.integers(1, 3_000), which=st.integers(0, 2))
    def test_each_can_be_named(self, start, width, which):
        steps = STEPS[which]
        values = np.arange(start, start + width)
        found = rounding.classes(values, steps)
        for class_ in range(len(steps)):
            mine = values[found == class_]
            same = np.full(len(mine), start), np.arange(len(mine)), np.full(len(mine), class_)
            assert rounding._nth_of_class(*same, steps).tolist() == mine.tolist()


def test_integers_of_a_grid_are_drawn():
    """Of 3200 and every 18th before and after, 95% of the rows; of the others, 5%."""
    encoder = NumericEncoder(
        Numeric(name="x", decimals=2, bounds=(-20.0, 99.99)), "float64", [-2000, 0, 5000, 10000]
    )
    encoder.grid = np.array([18, 14])
    mass = np.array([100.0, 500.0, 400.0])
    counts = np.array([50.0, 950.0])
    factors = rounding.emphasis(encoder.edges - encoder.origin, mass, encoder.steps, counts, 0.0)
    encoder = encoder.emphasising(factors)
    assert encoder.is_as_fitted
    cells = _rng().choice(3, 4_000, p=mass / mass.sum())
    values = encoder.inverse_transform(1 + cells, _rng(1))
    assert (encoder._encode(values) == 1 + cells).all()
    assert np.bincount(encoder.round_classes(values)) / 4_000 == pytest.approx(counts / 1_000, abs=0.02)


@pytest.mark.parametrize("grid", [[18, 18], [1, 0], [18, -1], [18], [18.0, 14.0]])
def test_no_other_grid_is_one_of_a_fit(grid):
    encoder = NumericEncoder(Numeric(name="x", decimals=0, bounds=(0, 99)), "int64", [0, 50, 100])
    encoder.grid = np.array(grid)
    encoder = encoder.emphasising(np.ones(len(encoder.steps)) if len(grid) == 2 and grid[0] > 1 else None)
    assert not encoder.is_as_fitted


class TestEmphasis:
    edges = np.arange(0, 10_001, 100)

    def _factors(self, counts, noise=0.0, mass=None):
        mass = np.full(100, 100.0) if mass is None else mass
        return rounding.emphasis(self.edges, mass, rounding.number_steps(9_999), np.array(counts), noise)

    def test_even_counts_give_even_factors(self):
        values = _rng().integers(0, 10_000, 10_000)
        steps = rounding.number_steps(9_999)
        counts = np.bincount(rounding.classes(values, steps), minlength=len(steps))
        np.testing.assert_allclose(self._factors(counts), 1.0, atol=1e-3)

    def test_what_is_drawn_is_as_round_as_what_was_counted(self):
        """A third of the values are multiples of 100, one in ten of 1,000."""
        rng, steps = _rng(), rounding.number_steps(9_999)
        values = rng.integers(0, 10_000, 30_000)
        values[:10_000] -= values[:10_000] % 100
        values[:3_000] -= values[:3_000] % 1_000
        counts = np.bincount(rounding.classes(values, steps), minlength=len(steps))
        mass = np.histogram(values, self.edges)[0].astype(float)
        factors = self._factors(counts, mass=mass)
        positions = np.repeat(np.arange(100), mass.astype(int))
        drawn = rounding.draw(self.edges, positions, steps, factors, rng)
        assert ((drawn >= self.edges[positions]) & (drawn < self.edges[positions + 1])).all()
        found = np.bincount(rounding.classes(drawn, steps), minlength=len(steps))
        assert np.abs(found - counts).sum() / len(values) < 0.03
        even = rng.integers(self.edges[positions], self.edges[positions + 1])
        lost = np.bincount(rounding.classes(even, steps), minlength=len(steps))
        assert np.abs(lost - counts).sum() / len(values) > 0.5

    @pytest.mark.parametrize("n_rows", [200, 1_000, 10_000, 100_000])
    def test_noise_is_not_taken_for_roundness(self, n_rows):
        steps = rounding.number_steps(9_999)
        even = rounding.members(self.edges[:-1], self.edges[1:], steps).sum(0) * (n_rows / 10_000)
        rng = _rng()
        mass = np.full(100, n_rows / 100)
        clear = 0
        for _ in range(300):
            noisy = even + 60 * rng.standard_normal(len(steps))
            factors = self._factors(noisy, noise=60.0, mass=mass)
            clear += bool(np.abs(factors / np.median(factors) - 1).max() > 0.01)
        assert clear < 6

    def test_round_numbers_are_seen_in_very_wide_cells_too(self):
        """Half of the values are whole, of nine decimals each: one integer in 10**9."""
        edges, steps = np.array([0, 10**9 + 1, 2 * 10**9 + 1]), rounding.number_steps(2 * 10**9)
        counts = np.zeros(len(steps))
        counts[0], counts[np.flatnonzero(steps == 10**9)] = 5_000.0, 5_000.0
        factors = rounding.emphasis(edges, np.array([5_000.0, 5_000.0]), steps, counts, 10.0)
        drawn = rounding.draw(edges, np.repeat([0, 1], 5_000), steps, factors, _rng())
        assert (drawn % 10**9 == 0).mean() == pytest.approx(0.5, abs=0.03)

    @pytest.mark.parametrize(
        "counts",
        [np.zeros(8), np.full(8, -5.0), np.full(8, -1e9), np.r_[np.zeros(7), 1e9], np.r_[1e9, np.zeros(7)]],
    )
    def test_odd_counts_give_positive_numbers(self, counts):
        for mass in (np.zeros(100), np.r_[np.zeros(99), 5.0], None):
            factors = self._factors(counts, mass=mass)
            assert np.isfinite(factors).all()
            assert (factors > 0).all()

    def test_cells_of_one_integer_say_nothing(self):
        """Rows at zero, which has a cell of its own, are no multiples of 1,000."""
        edges = np.array([0, 1, 1_000, 2_000])
        steps = rounding.number_steps(1_999)
        exact = rounding.members(edges[1:-1], edges[2:], steps).sum(0).astype(float)
        mass = np.array([1e6, 999.0, 1_000.0])
        np.testing.assert_allclose(rounding.emphasis(edges, mass, steps, exact, 0.0), 1.0, atol=1e-6)


class TestEncoder:
    def test_numbers_are_classed_by_their_last_decimal(self):
        encoder = NumericEncoder(
            Numeric(name="a", dtype="float64", bounds=(0, 10), decimals=2),
            "float64",
            np.array([0, 1, 501, 1_001]),
        )
        values = pd.Series([0.0, 0.25, 1.0, 7.5, np.nan, 99.0, 3.33])
        assert encoder.steps[encoder.round_classes(values)].tolist() == [5, 100, 50, 1_000, 1]
        assert encoder.has_wide_cells

    def test_moments_by_seconds_minutes_hours_and_days(self):
        encoder = DatetimeEncoder(
            Datetime(name="a", dtype="datetime64[s]", resolution="second"),
            "datetime64[s]",
            np.array([0, 10**9]),
        )
        moments = pd.to_datetime(
            ["1999-01-01", "1999-01-01 12:00", "1999-01-01 12:05", "1999-01-01 12:05:07"], format="ISO8601"
        )
        found = encoder.round_classes(pd.Series(moments).astype("datetime64[s]"))
        assert encoder.steps[found].tolist() == [86_400, 3_600, 300, 1]

    def test_days_are_all_as_round(self):
        column = Datetime(name="a", dtype="datetime64[s]", resolution="day")
        assert not DatetimeEncoder(column, "datetime64[s]", np.array([0, 1_000])).has_wide_cells

    def test_cells_of_single_integers_are_exact_without(self):
        column = Numeric(name="a", dtype="int64", bounds=(0, 50), decimals=0)
        assert not NumericEncoder(column, "int64", np.arange(52)).has_wide_cells

    def test_emphasis_is_the_copys_own(self):
        column = Numeric(name="a", dtype="int64", bounds=(0, 99), decimals=0)
        encoder = NumericEncoder(column, "int64", np.array([0, 100]))
        other = encoder.emphasising(np.array([1e-6, 1e-6, 1e-6, 1.0]))
        cells = np.ones(1_000, dtype=int)
        assert encoder.emphasis is None
        assert set(other.inverse_transform(cells, _rng())) == {0, 50}
        assert len(set(encoder.inverse_transform(cells, _rng()))) > 90
        assert len(other.inverse_transform(cells[:0], _rng())) == 0


class TestThinEnds:
    def test_a_last_cell_goes_on_as_dense_as_those_before_it(self):
        """Ids to 312 in [256, 512): the last one lies near the start of the cell, not anywhere in it."""
        rate = rounding.rate_of(np.array([64.0, 64, 56]), np.array([64, 64, 256]))
        edges, shares = rounding.thinning(np.array([256, 512]), rate)
        density = 56 * shares / np.diff(edges)
        assert density[0] == pytest.approx(1.0, rel=0.1)
        assert shares[edges[1:] <= 384].sum() > 0.85
        assert (edges[0], edges[-1], shares.sum()) == (256, 512, pytest.approx(1.0))

    @pytest.mark.parametrize(
        "mass", [[64.0, 64, 256], [64, 64, 400], [64, 64, 160], [64, 0, 60], [64, 64, 0], [64, 32, 16]]
    )
    def test_no_other_does(self, mass):
        """As dense, denser, a little less dense, behind a gap, empty, and half as many rows in each of three cells."""
        width = np.array([64, 64, 256 if mass[-1] > 16 else 64])
        assert rounding.rate_of(np.array(mass), width) == 0.0

    @pytest.mark.parametrize("factors", [None, np.ones(8)])
    def test_values_stay_in_their_cells_and_come_back_from_a_file(self, factors):
        column = Numeric(name="a", bounds=(-200, 511), decimals=0, dtype="int64")
        edges = np.array([-200, -100, 0, 100, 200, 512])
        encoder = column.lattice_encoder(edges)
        encoder.emphasis = None if factors is None else np.ones(len(encoder.steps))
        thin = spans.tapered(encoder, np.array([10.0, 100, 100, 100, 60]))
        assert (thin.taper > 0).all()
        assert encoder.taper is None
        cells = np.repeat(np.arange(1, 6), 2_000)
        drawn = thin.inverse_transform(cells, _rng())
        np.testing.assert_array_equal(thin.transform(drawn), cells)
        assert (
            drawn[cells == 5].mean() < 300 < 350 < encoder.inverse_transform(cells, _rng())[cells == 5].mean()
        )
        assert drawn[cells == 1].mean() > -140
        again, is_valid = column.encoder_of(thin.arrays())
        pd.testing.assert_series_equal(again.inverse_transform(cells, _rng()), drawn)
        assert is_valid or factors is None
        for wrong in (np.array([-1.0, 0]), np.array([np.nan, 0]), np.array([1.0])):
            assert not column.encoder_of({**thin.arrays(), "taper": wrong})[1]

    def test_a_condition_within_an_end_knows_how_thin_it_is(self):
        column = Numeric(name="a", bounds=(0, 511), decimals=0, dtype="int64")
        encoder = column.lattice_encoder(np.array([0, 100, 200, 300, 512]))
        encoder.taper = np.array([0.0, 0.02])
        values = encoder.inverse_transform(np.full(40_000, 4), _rng())
        for low, high in ((350, 511), (320, 400)):
            cut = encoder.cut([], [(low, high)], False)
            cells, within = np.flatnonzero(cut.allowed), values[values.between(low, high)]
            assert cut.share[cells].sum() == pytest.approx(len(within) / 40_000, abs=0.02)
            shares = cut.share[cells] / cut.share[cells].sum()
            found = cut.encoder.inverse_transform(_rng().choice(cells, 40_000, p=shares), _rng())
            assert found.between(low, high).all()
            assert found.mean() == pytest.approx(within.mean(), abs=1)

    def test_a_cell_of_one_number_does_not_thin_out(self):
        column = Numeric(name="a", bounds=(0, 511), decimals=0, dtype="int64")
        encoder = column.lattice_encoder(np.array([0, 100, 200, 300, 512]))
        encoder.exact = np.array([np.nan, np.nan, np.nan, 400.0])
        assert spans.tapered(encoder, np.array([100.0, 100, 100, 30])).taper is None

    def test_an_end_beside_single_numbers_thins_out_too(self):
        """Calls to 170 in [128, 256), with frequent numbers and cells of one integer before it: few reach 200."""
        column = Numeric(name="a", bounds=(64, 255), decimals=0, dtype="int64")
        encoder = column.lattice_encoder(np.array([64, 80, 96, 112, 113, 114, 115, 116, 120, 121, 128, 256]))
        encoder.exact = np.where(encoder.edges[:-1] == 120, 120.0, np.nan)
        mass = np.array([480.0, 640, 640, 40, 40, 40, 40, 120, 900, 140, 360])
        drawn = spans.tapered(encoder, mass).inverse_transform(np.full(4_000, 11), _rng())
        assert drawn.median() < 150
        assert (drawn > 200).mean() < 0.05

    def test_zeros_beside_an_end_say_nothing_of_how_it_thins_out(self):
        column = Numeric(name="a", bounds=(0, 15), decimals=0, dtype="int64")
        encoder = column.lattice_encoder(np.array([0, 1, 2, 3, 4, 16]))
        assert spans.tapered(encoder, np.array([9_000.0, 30, 20, 10, 15])).taper is None
