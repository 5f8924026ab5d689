"""Numbers that stand for missing values: cells of their own, kept where their counts are clear."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabgan.columns import grid, spans, standins
from tabgan.columns.lattice import DOUBLING_EDGES as EDGES
from tabgan.columns.numeric import Numeric
from tabgan.privacy.released import ReleasedColumn
from tabgan.schema import Datetime
from tabgan.table.coded import code_column

NOISE = 40.0


@pytest.mark.parametrize(
    ("column", "held", "not_held"),
    [
        (Numeric(name="a", decimals=0, dtype="int64"), [-9, 0, 99, 998, 999_999], [99.9]),
        (Numeric(name="a", decimals=1, dtype="float64"), [-9, 99.9, 9_999], [99.99]),
        (Numeric(name="a", decimals=0, dtype="uint8"), [0, 99], [-9, 999]),
        (Numeric(name="a", multiple_of=5, dtype="int64"), [0], [99, 999]),
    ],
)
def test_a_column_has_those_that_it_can_hold(column, held, not_held):
    places = column.places(standins.places_of(column))
    assert np.isin(held, places).all()
    assert not np.isin(not_held, places).any()


def test_moments_have_none():
    assert not len(standins.places_of(Datetime(name="a", resolution="day")))


def released(values, span, noise=NOISE, seed=0, **options):
    """Return a column's noisy counts, as a fit has them; ``noise`` is added once, from a seed."""
    column = Numeric(name="x", decimals=0, dtype="int64", **options)
    encoder, span = spans.encoder_of_span(column, span, 100, noise, None)
    counts = np.bincount(encoder.transform(pd.Series(values)), minlength=encoder.n_cells).astype(float)
    counts += np.random.default_rng(seed).normal(0, noise, len(counts))
    found = ReleasedColumn(encoder, counts, noise).of_span(span)
    found = found.tightened(span) if column.bounds is None else found
    assert found.counts.sum() + found.cut.sum() == pytest.approx(counts.sum())
    assert len(found.counts) == found.encoder.n_cells
    return found


def coded(found, n_rows):
    return code_column(found.encoder, found.counts, found.noise_stddev, n_rows, 32, 64, 80.0)


def span_of(values, noise=70.0):
    return grid.span_of(EDGES, np.histogram(values, EDGES)[0].astype(float), noise, None)


def shares(column, *numbers):
    """Return the shares of the rows that a sample shows at numbers."""
    cells = column.encoder.transform(pd.Series(numbers))
    return [column.weights[cell] / column.weights.sum() for cell in cells]


class TestKept:
    rng = np.random.default_rng(1)
    AGES = rng.integers(18, 90, 20_000)

    @pytest.mark.parametrize("number", [999, -9, 9_999, 99_998])
    def test_one_in_a_hundred_rows_beyond_the_range(self, number):
        """The range cells hid them: they were shown as the nearest end, or spread over [128, 1023]."""
        values = np.concatenate([self.AGES, np.full(240, number)])
        for span in (span_of(self.AGES), span_of(values)):
            found = released(values, span, seed=1)
            assert number in found.encoder.column.bounds
            column = coded(found, len(values))
            cell = column.encoder.transform(pd.Series([number]))[0]
            assert column.encoder.exact[cell - 1] == number
            assert column.weights[cell] / len(values) == pytest.approx(240 / len(values), abs=0.006)
            assert (column.code_of_cell[1:] == column.code_of_cell[cell]).sum() == 1
            between = (column.encoder.edges[1:] > 128) & (np.isnan(column.encoder.exact))
            assert column.weights[1:][between].sum() == 0
            drawn = column.encoder.inverse_transform(np.full(5, cell), np.random.default_rng(0))
            assert drawn.tolist() == [number] * 5
            assert drawn.dtype == "int64"

    def test_one_within_the_range(self):
        incomes = np.random.default_rng(2).lognormal(10, 1, 20_000).round().astype(int)
        values = np.concatenate([incomes, np.full(260, 9_999)])
        column = coded(released(values, span_of(values)), len(values))
        assert shares(column, 9_999)[0] == pytest.approx(0.013, abs=0.006)

    def test_where_bounds_are_declared(self):
        values = np.concatenate([self.AGES, np.full(240, 999)])
        edges = np.array([0, 64, 128, 1_000])
        counts = np.histogram(values, edges)[0].astype(float)
        span = grid.Span(0, 999, edges, counts, counts=counts)
        column = coded(released(values, span, bounds=(0, 999)), len(values))
        assert shares(column, 999)[0] == pytest.approx(0.012, abs=0.006)


def test_one_next_to_an_end_is_a_number_like_others():
    """Hours a week: 99 of them is one more than 98, and counts as the range's end where that was found to be 80."""
    column, wide = Numeric(name="a", decimals=0, dtype="int64"), np.array([0, 20_000])
    assert not np.isin([97, 98, 99], standins.places_apart(column, wide, 1, 80)).any()
    assert np.isin([-9, 0, 99, 998], standins.places_apart(column, wide, 1, 40)).all()
    assert np.isin([99, 9_999], standins.places_apart(column, wide, 5, 120)).all()
    assert standins.places_apart(column, wide, -40, 10).min() < -80
    assert -77 not in standins.places_apart(column, wide, -40, 10)


class TestNotMadeUp:
    @pytest.mark.family
    def test_a_column_without_them_is_as_it_was(self):
        """Forty cells more of noise: without a clear one, edges are those of a fit that has no such cells."""
        values = np.random.default_rng(3).integers(18, 90, 20_000)
        span, n_found = span_of(values), 0
        for seed in range(300):
            found = released(values, span, seed=seed)
            if found.encoder.exact is not None:
                n_found += 1
                continue
            assert found.encoder.column.bounds in {
                (low, high) for low in (16, 17, 18, 19) for high in range(85, 97)
            }
        assert n_found <= 1

    def test_noise_of_an_unclear_one_is_left_out_of_the_cell_around(self):
        edges, whole = np.array([0, 512, 999, 1_000, 1_024]), np.array([0, 512, 1_024])
        kept, counts, is_clear, left_out = standins.settled(
            edges, whole, np.array([999]), np.array([900.0, 300.0, 90.0, -50.0]), NOISE, 0, 1_023
        )
        assert kept.tolist() == whole.tolist()
        assert counts.tolist() == [900.0, pytest.approx(300.0 * 512 / 487)]
        assert not is_clear.any()
        assert left_out.tolist() == [90.0, -50.0, pytest.approx(-300.0 * 25 / 487)]

    def test_narrow_cells_of_a_range_are_not_cut(self):
        """Of [96, 98) half of the rows vanished with an unclear 97, and of [98, 100) all."""
        column = Numeric(name="a", decimals=0, dtype="int64")
        found = standins.places_apart(column, np.array([0, 64, 96, 98, 100, 512, 4_096]), 0, 1_023)
        assert not np.isin([97, 98, 99], found).any()
        assert np.isin([-9, 999, 9_999], found).all()

    @pytest.mark.family
    def test_counts_around_them_are_those_of_the_rows_in_the_mean(self):
        values = np.random.default_rng(4).lognormal(4.5, 0.8, 20_000).round().astype(int)
        offs = []
        for seed in range(40):
            found = released(values, span_of(values), seed=seed)
            edges = found.encoder.edges
            exact = np.histogram(values, edges)[0]
            near = (edges[:-1] <= 99) & (edges[1:] > 97)
            offs.append(((found.counts[1:] - exact) / NOISE)[near].mean())
        assert abs(np.mean(offs)) < 4 / np.sqrt(len(offs))

    def test_a_count_from_zero_on_has_none(self):
        """Its first cell goes on below zero: cells of single integers, as those of pairs are, are not of one number."""
        values = np.arange(5_000) % 5
        found = released(values, span_of(values))
        assert found.encoder.exact is None
        assert found.encoder.edges.tolist() == [0, 1, 2, 3, 4, 5]

    def test_numbers_that_have_a_cell_each_stay_as_they_are(self):
        edges = np.arange(90, 102)
        counts = np.full(11, 500.0)
        kept, sums, is_clear, left_out = standins.settled(
            edges, edges, np.array([97, 98, 99]), counts, NOISE, 90, 100
        )
        assert kept.tolist() == edges.tolist()
        assert sums.tolist() == counts.tolist()
        assert not is_clear.any()
        assert left_out.tolist() == [0.0]

    def test_rows_just_beyond_an_end_still_count_as_the_ends(self):
        """The first such number ends the stretch whose rows are taken for a thin tail."""
        values = np.concatenate([np.arange(4_096) % 64, np.full(60, 90)])
        span = grid.Span(0, 63, EDGES, np.ones(len(EDGES) - 1), known=grid.Outermost(0, 0, 32, 63))
        found = released(values, span, 0.1)
        assert found.encoder.column.bounds == (0, 63)
        assert found.counts[-1] == pytest.approx(124, abs=1)
