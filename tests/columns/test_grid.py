"""Cuts of a lattice, by examples worked by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabgan.columns import grid, occupied, spans
from tabgan.columns.occupied import Outermost
from tabgan.privacy.released import ReleasedColumn
from tabgan.schema import Datetime, Numeric

COUNTS = st.lists(st.floats(-1e4, 1e6), min_size=1, max_size=60).map(np.array)


class TestSimplex:
    @pytest.mark.parametrize(
        ("counts", "total", "expected"),
        [
            ([3.0, 1.0], 4, [3, 1]),
            ([4.0, 2.0], 4, [3, 1]),
            ([1.0, 0.0], 4, [2.5, 1.5]),
            ([10.0, -5.0, 1.0], 10, [9.5, 0, 0.5]),
            ([-3.0, -1.0], 5, [1.5, 3.5]),
            ([7.0], 2, [2]),
        ],
    )
    def test_worked_by_hand(self, counts, total, expected):
        np.testing.assert_allclose(grid.project_to_simplex(np.array(counts), total), expected)

    @settings(deadline=None)
    @given(counts=COUNTS, total=st.floats(1, 1e6))
    def test_sums_to_the_total_and_is_non_negative_and_idempotent(self, counts, total):
        projected = grid.project_to_simplex(counts, total)
        assert (projected >= 0).all()
        np.testing.assert_allclose(projected.sum(), total, rtol=1e-6)
        np.testing.assert_allclose(
            grid.project_to_simplex(projected, total), projected, rtol=1e-6, atol=1e-6 * total
        )

    @settings(deadline=None)
    @given(counts=COUNTS, total=st.floats(1, 1e4), seed=st.integers(0, 2**32))
    def test_no_other_point_is_closer(self, counts, total, seed):
        projected = grid.project_to_simplex(counts, total)
        other = np.random.default_rng(seed).dirichlet(np.ones(len(counts))) * total
        assert np.linalg.norm(counts - projected) <= np.linalg.norm(counts - other) * (1 + 1e-9)

    def test_a_total_below_one_counts_as_one(self):
        assert grid.project_to_simplex(np.array([5.0, 1.0]), -3).sum() == pytest.approx(1)


class TestCoarseEdges:
    def test_numbers(self):
        edges = grid.range_edges(Numeric(name="a", decimals=0)).tolist()
        middle = edges.index(0)
        assert edges[middle - 3 : middle + 5] == [-7, -3, -1, 0, 1, 2, 4, 8]
        assert (edges[0], edges[-1]) == (1 - 2**53, 2**53)

    def test_years(self):
        edges = grid.range_edges(Datetime(name="a", resolution="day", format="%d.%m.%Y"))
        days = pd.to_datetime(edges, unit="D")
        assert (days[0], days[-1]) == (pd.Timestamp("1900-01-01"), pd.Timestamp("2101-01-01"))
        assert (days.month == 1).all()
        assert (days.day == 1).all()
        assert len(days) == 202

    @pytest.mark.parametrize(
        ("dtype", "low", "stop"),
        [("int8", -128, 128), ("UInt8", 0, 256), ("int16", -(2**15), 2**15), ("int64", 1 - 2**53, 2**53)],
    )
    def test_no_further_than_the_dtype_goes(self, dtype, low, stop):
        edges = grid.range_edges(Numeric(name="a", decimals=0, dtype=dtype))
        assert (edges[0], edges[-1]) == (low, stop)
        assert (np.diff(edges) > 0).all()

    def test_as_far_as_the_declared_bounds_go(self):
        edges = grid.range_edges(Datetime(name="a", bounds=("1850-01-01", "2150-06-30"), resolution="day"))
        days = edges.astype("datetime64[D]").astype(str)
        assert (days[0], days[1]) == ("1850-01-01", "1900-01-01")
        assert (days[-2], days[-1]) == ("2101-01-01", "2150-07-01")


EDGES = grid.range_edges(Numeric(name="a", decimals=0))


def _span(counts_by_value, noise=1.0, declared=None):
    """Return the span of a histogram that is zero but for some values."""
    counts = np.zeros(len(EDGES) - 1)
    for value, count in counts_by_value.items():
        counts[np.searchsorted(EDGES, value, side="right") - 1] = count
    return grid.span_of(EDGES, counts, noise, declared)


class TestSpan:
    @pytest.mark.parametrize(
        "counts",
        [{5: 100}, {5: 100, 1000: 50}, {-5: 40, 5: 40}, {0: 1000}, {-1_000_000: 30}, {0: 10, 1: 10, 2: 10}],
    )
    def test_covers_all_occupied_cells(self, counts):
        span = _span(counts)
        assert span.low <= min(counts)
        assert span.high >= max(counts)
        assert span.high - span.low < 16 * (max(map(abs, counts)) + 1)

    def test_a_range_of_positive_numbers_does_not_go_below_zero(self):
        assert _span({0: 100, 1: 100, 3: 100}).low == 0

    def test_declared_bounds_win(self):
        span = _span({5: 100, 5000: 100}, declared=(3, 9))
        assert (span.low, span.high) == (3, 9)

    @pytest.mark.family
    def test_noise_alone_rarely_stretches_the_range(self):
        rng = np.random.default_rng(0)
        stretched = 0
        for _ in range(500):
            counts = rng.normal(0, 10, len(EDGES) - 1)
            counts[np.searchsorted(EDGES, 100, side="right") - 1] += 5_000
            span = grid.span_of(EDGES, counts, 10.0, None)
            assert span.low <= 64
            assert span.high >= 127
            stretched += span.low < 0 or span.high > 2**14
        assert stretched < 0.08 * 500

    def test_mass_is_what_rises_above_noise(self):
        span = _span({5: 100, 50: 0.01})
        assert span.mass[np.searchsorted(EDGES, 5, side="right") - 1] == 100
        assert span.mass.sum() == 100

    def test_a_column_of_nothing_but_noise_has_a_span_all_the_same(self):
        span = grid.span_of(EDGES, np.zeros(len(EDGES) - 1), 1.0, None)
        assert span.low <= span.high


class TestGridEdges:
    @pytest.mark.parametrize(
        ("low", "high", "n", "expected"),
        [
            (0, 3, 10, [0, 1, 2, 3, 4]),
            (5, 5, 4, [5, 6]),
            (0, 9, 2, [0, 5, 10]),
            (-4, 3, 4, [-4, -2, 0, 2, 4]),
        ],
    )
    def test_even(self, low, high, n, expected):
        assert grid.even_edges(low, high, n).tolist() == expected

    def test_a_narrow_span_has_a_cell_per_integer(self):
        span = grid.Span(3, 6, np.array([0, 4, 8]), np.array([1.0, 1.0]))
        assert grid.grid_edges(span, 1024).tolist() == [3, 4, 5, 6, 7]

    def test_cells_are_narrow_where_rows_are(self):
        span = grid.Span(0, 2047, np.array([0, 1024, 2048]), np.array([300.0, 100.0]))
        edges = grid.grid_edges(span, 64)
        first, second = (edges < 1024).sum(), (edges > 1024).sum()
        assert edges[0] == 0
        assert edges[-1] == 2048
        assert (first, second) == (49, 16)  # 48 and 16, and zero on its own

    def test_a_full_zero_takes_no_cells_from_the_others(self):
        span = grid.Span(0, 2047, np.array([0, 1, 1024, 2048]), np.array([9_000.0, 300.0, 100.0]))
        edges = grid.grid_edges(span, 64)
        assert ((edges > 0) & (edges < 1024)).sum() == 48
        assert (edges > 1024).sum() == 16

    def test_empty_neighbours_are_one_cell(self):
        edges = grid.grid_edges(
            grid.Span(0, 2047, np.array([0, 512, 1024, 1536, 2048]), np.array([9.0, 0, 0, 9])), 8
        )
        assert np.isin([512, 1536], edges).all()
        assert 1024 not in edges

    def test_a_wide_last_cell_is_cut_where_values_may_end(self):
        span = grid.Span(0, 2047, np.array([0, 1024, 2048]), np.array([9.0, 0.0]))
        edges = grid.grid_edges(span, 128)
        assert np.diff(edges)[-5:].tolist() == [8, 32, 128, 512, 344]
        assert grid.grid_edges(span, 32)[-1] == 2048

    def test_few_rows_outside_of_zero_get_few_cells(self):
        span = grid.Span(0, 2047, np.array([0, 1, 1024, 2048]), np.array([9_000.0, 300.0, 100.0]))
        assert span.scattered == 400
        assert grid.cells_apart(span, 5.0) == 13
        assert grid.cells_apart(span, 5.0, less=300.0) == grid.FEW_CELLS
        assert grid.cells_apart(span, 0.0) == grid.EXACT_CELLS

    def test_covers_what_lies_beyond_the_coarse_cells(self):
        """As a frequent number does that lies below all cells that stand out."""
        span = grid.Span(1, 70, np.array([2, 4, 8, 32, 64]), np.array([90.0, 80.0, 70.0, 60.0]))
        edges = grid.grid_edges(span, 8)
        assert (edges[0], edges[-1]) == (1, 71)

    def test_zero_has_its_own_cell(self):
        span = grid.Span(-5000, 5000, np.array([-5000, 5001]), np.array([1.0]))
        edges = grid.grid_edges(span, 8)
        assert 1 in np.diff(edges)[edges[:-1] == 0]

    @settings(deadline=None)
    @given(
        low=st.integers(-(10**12), 10**12),
        width=st.integers(0, 10**12),
        masses=st.lists(st.floats(0, 1e6), min_size=107, max_size=107),
        n_cells=st.integers(1, 1024),
    )
    def test_covers_the_span_exactly(self, low, width, masses, n_cells):
        mass = np.zeros(len(EDGES) - 1)
        mass[: len(masses)] = masses[: len(mass)]
        edges = grid.grid_edges(grid.Span(low, low + width, EDGES, mass), n_cells)
        assert edges[0] == low
        assert edges[-1] == low + width + 1
        assert (np.diff(edges) > 0).all()


class TestFineCells:
    def test_without_noise_as_many_as_there_may_be(self):
        assert grid.fine_cells(10, 0.0) == grid.EXACT_CELLS

    def test_each_holds_more_rows_than_noise(self):
        cells = grid.fine_cells(10_000, 20.0)
        assert 10_000 / cells >= grid.ROWS_OVER_NOISE * 20.0

    @pytest.mark.parametrize(("n_rows", "expected"), [(1, grid.MIN_CELLS), (10**9, grid.MAX_CELLS)])
    def test_within_limits(self, n_rows, expected):
        assert grid.fine_cells(n_rows, 10.0) == expected


class TestWhatIsNotSeen:
    """Pitfall 42: noise is no range."""

    @pytest.mark.family
    def test_noise_alone_has_no_range(self):
        rng = np.random.default_rng(0)
        found = [occupied.occupied(rng.normal(0, 10.0, 107), 10.0) for _ in range(300)]
        assert sum(each is not None for each in found) <= 1
        span = grid.span_of(EDGES, rng.normal(0, 10.0, len(EDGES) - 1), 10.0, None)
        assert not span.is_seen
        assert (span.low, span.high) == (0, 0)  # a constant, not the place of the loudest noise

    def test_a_place_that_no_single_cell_shows_is_seen_by_many(self):
        rng = np.random.default_rng(1)
        counts = rng.normal(0, 10.0, 107)
        counts[40:60] += 25.0  # each is 2.5 standard deviations
        first, last = occupied.occupied(counts, 10.0)
        assert 35 <= first <= 44
        assert 55 <= last <= 65

    @pytest.mark.parametrize("n_values", [2, 12])
    def test_a_column_of_few_full_values_ends_with_them(self, n_values):
        """A flag stays 0 and 1, a month 1 to 12; noise stands beside them in every second column."""
        rng = np.random.default_rng(2)
        edges = np.arange(-3, n_values + 4)
        is_value = (edges[:-1] >= 0) & (edges[:-1] < n_values)
        for _ in range(300):
            counts = np.where(is_value, 2_000.0, 0.0) + rng.normal(0, 40.0, len(edges) - 1)
            first, last = occupied.tight_ends(edges, counts, 40.0)
            assert (edges[first], edges[last]) == (0, n_values - 1)

    @pytest.mark.family
    def test_a_rare_flag_is_likelier_than_a_constant(self):
        """One row in fifty has a 1, at 3.5 standard deviations of the noise; beside a constant noise rarely has it."""
        rng, edges = np.random.default_rng(3), np.arange(-3, 6)
        found = {count: [] for count in (0.0, 160.0)}
        for count, ends in found.items():
            for _ in range(300):
                counts = np.where(edges[:-1] == 0, 8_000.0, 0.0) + rng.normal(0, 45.0, len(edges) - 1)
                counts[edges[:-1] == 1] += count
                ends.append(occupied.tight_ends(edges, counts, 45.0))
        assert sum(ends != (3, 3) for ends in found[0.0]) <= 6
        assert sum(ends == (3, 4) for ends in found[160.0]) >= 200

    def test_a_thin_tail_of_a_thinning_column_is_kept(self):
        edges = np.arange(0, 9)
        counts = np.array([60.0, 170.0, 330.0, 650.0, 5_000.0, 4_000.0, 900.0, 400.0])
        assert occupied.tight_ends(edges, counts, 45.0) == (0, 7)

    def test_integers_that_only_noise_vouches_for_get_no_rows(self):
        edges = np.arange(0, 6)
        counts = np.array([900.0, 60.0, 1_200.0, 300.0, 800.0])
        np.testing.assert_array_equal(
            occupied.without_stray(edges, counts, 40.0), [900.0, 0.0, 1_200.0, 300.0, 800.0]
        )
        thin = np.array([90.0, 60.0, 120.0, 100.0, 80.0])
        np.testing.assert_array_equal(occupied.without_stray(edges, thin, 40.0), thin)

    @pytest.mark.family
    def test_a_thin_tail_that_is_sure_as_a_run_is_kept_beside_a_full_cell(self):
        """Visits, most of them none: each count is below the noise, all of them together far above it."""
        rng = np.random.default_rng(3)
        edges = np.arange(34)
        real = np.array([1_000.0] + [23.0] * 12 + [0.0] * 20)
        for side in (1, -1):
            kept = [
                occupied.tight_ends(edges, (real + rng.normal(0, 10.0, 33))[::side], 10.0) for _ in range(200)
            ]
            lengths = np.array([last - first for first, last in kept])
            assert (lengths >= 8).mean() > 0.99

    def test_thin_values_that_are_sure_together_keep_their_rows(self):
        """Ages that people round: every second one is thin, and all thin ones are a seventh of the rows."""
        counts = np.where(np.arange(200) % 2, 20.0, 120.0) + np.random.default_rng(4).normal(0, 10.0, 200)
        np.testing.assert_array_equal(occupied.without_stray(np.arange(201), counts, 10.0), counts)

    @pytest.mark.family
    def test_a_month_ends_with_december_where_its_cells_are_no_fuller_than_nine_times_the_noise(self):
        rng = np.random.default_rng(5)
        edges = np.arange(0, 32)
        real = np.where((edges[:-1] >= 1) & (edges[:-1] <= 12), 90.0, 0.0)
        ends = [occupied.tight_ends(edges, real + rng.normal(0, 10.0, 31), 10.0) for _ in range(300)]
        assert np.mean([end == (1, 12) for end in ends]) > 0.97

    def test_a_thin_tail_goes_on_beside_a_cell_that_is_not_sure(self):
        """Adult's education: 51, 168 and 333 rows have the lowest three levels, and noise is 46."""
        counts = np.array([51.0, 168.0, 333.0, 650.0, 5_000.0])
        assert occupied.tight_ends(np.arange(6), counts, 46.0) == (0, 4)

    @pytest.mark.parametrize(("least", "often"), [([51.0, 168.0], 0.85), ([30.0, 60.0, 150.0], 0.65)])
    def test_counting_begins_with_one_where_noise_may_hide_it(self, least, often):
        """A range that lacked the least of 16 grades was cut at other places than the real one."""
        rng = np.random.default_rng(8)
        real = np.array([0.0, *least, 333.0, 650.0, 5_000.0, 2_000.0])
        edges = np.arange(len(real) + 1)
        drawn = real + rng.normal(0, 46.0, (300, len(real)))
        ends = [occupied.tight_ends(edges, counts, 46.0, is_counting=True)[0] for counts in drawn]
        assert np.mean([end == 1 for end in ends]) > often
        others = [occupied.tight_ends(edges, counts, 46.0)[0] for counts in drawn]
        assert np.mean([end == 1 for end in others]) < often - 0.2

    @pytest.mark.parametrize("begins", [2, 3])
    def test_counting_begins_later_where_that_is_sure(self, begins):
        rng = np.random.default_rng(9)
        real = np.where(np.arange(12) >= begins, 3_000.0, 0.0)
        drawn = real + rng.normal(0, 46.0, (300, 12))
        ends = [occupied.tight_ends(np.arange(13), counts, 46.0, is_counting=True)[0] for counts in drawn]
        assert np.mean([end == begins for end in ends]) > 0.95

    def test_a_range_that_begins_far_from_one_stays(self):
        counts = np.array([0.0, 40.0, 40.0, 30.0, 900.0, 950.0])
        assert occupied.tight_ends(np.arange(7), counts, 46.0, is_counting=True) == (4, 5)
        apart = np.array([-64, 0, 2, 3, 4])
        assert occupied.tight_ends(apart, np.array([0.0, 40, 900, 900]), 46.0, is_counting=True) == (2, 3)

    @pytest.mark.parametrize("side", [1, -1])
    def test_a_tail_behind_a_gap_is_found(self, side):
        """Debts: most people have none, and nobody a small one."""
        rng = np.random.default_rng(6)
        real = np.array([5_000.0] + [0.0] * 8 + [25.0] * 8)
        edges = np.concatenate([[0, 1], 2 ** np.arange(1, 17)])
        kept = 0
        for _ in range(300):
            counts = (real + rng.normal(0, 10.0, 17))[::side]
            first, last = occupied.tight_ends(edges if side > 0 else -edges[::-1], counts, 10.0)
            kept += last - first >= 14
        assert kept > 0.97 * 300

    @pytest.mark.family
    def test_noise_behind_a_full_cell_is_seldom_a_tail(self):
        rng = np.random.default_rng(7)
        counts = rng.normal(0, 1.0, (1_000, 60))
        counts[:, 0] = 500.0
        assert np.mean([occupied.occupied(each, 1.0)[1] > 0 for each in counts]) < 0.04

    @staticmethod
    def ends_of(values, noise, seed, *, has_rows=True) -> tuple[int, int]:
        """Return the first and the last number of a range, of doubling cells and then of one cell for each number."""
        rng = np.random.default_rng(seed)
        doubling = np.concatenate([[0], 2 ** np.arange(12)])
        coarse = np.histogram(values, doubling)[0] + rng.normal(0, 1.5 * noise, 12)
        known = grid.span_of(doubling, coarse, 1.5 * noise, None).known
        if not has_rows:
            known = replace(known, below=None, above=None)
        edges = np.arange(int(doubling[-1]) + 1)
        counts = np.bincount(values, minlength=len(edges) - 1)[: len(edges) - 1]
        first, last = occupied.tight_ends(edges, counts + rng.normal(0, noise, len(counts)), noise, known)
        return int(edges[first]), int(edges[last])

    def test_a_tail_goes_on_as_long_as_rows_are_lacking_that_a_wider_cell_has(self):
        """Delays: in no cell of one minute beyond 256 does a row stand out, and together they are a thousand."""
        values = np.minimum(np.random.default_rng(0).exponential(45, 300_000).astype(int), 2_047)
        ends = [self.ends_of(values, 50.0, seed)[1] for seed in range(30)]
        others = [self.ends_of(values, 50.0, seed, has_rows=False)[1] for seed in range(30)]
        assert np.median([(values > end).sum() for end in ends]) < 350
        assert np.median([(values > end).sum() for end in others]) > 900  # the control: what was lost

    @pytest.mark.parametrize("last", [1, 5, 12, 90, 300])
    def test_a_range_of_full_cells_ends_where_it_did(self, last):
        values = np.random.default_rng(0).integers(0, last + 1, 300_000)
        ends = [self.ends_of(values, 50.0, seed) for seed in range(60)]
        assert np.mean([end == (0, last) for end in ends]) > 0.9

    def test_what_was_surely_seen_once_need_not_show_again(self):
        edges = np.array([0, 1, 2, 4, 8, 16, 32])
        first = grid.span_of(edges, np.array([900.0, 0, 0, 0, 60, 50]), 10.0, None)
        assert first.known.core == (0, 16)
        again = grid.span_of(edges, np.array([900.0, 0, 0, 0, 9, 9]), 10.0, None, first.known)
        assert again.high == 31
        assert occupied.tight_ends(edges, np.array([900.0, 0, 0, 0, 9, 9]), 10.0, first.known) == (0, 5)
        assert occupied.tight_ends(edges, np.array([900.0, 0, 0, 0, 9, 9]), 10.0) == (0, 0)

    @pytest.mark.parametrize(
        ("real", "kept"),
        [([60.0] * 4, (3.0, 4.0)), ([240.0, 0, 0, 0], (1.0, 1.5)), ([80.0, 80, 80, 0], (2.5, 3.3))],
    )
    @pytest.mark.parametrize("side", [1, -1])
    def test_a_range_ends_where_the_rows_of_its_last_cell_are_likely_to(self, real, kept, side):
        known = Outermost(0, 0, 2, 5) if side > 0 else Outermost(0, 3, 5, 5)
        rng, found = np.random.default_rng(3), []
        for _ in range(500):
            counts = np.concatenate([[600.0, 0], real])[::side] + rng.normal(0, 50.0, 6)
            first, last = occupied.occupied(counts, 50.0, known)
            found.append(last - first - 1)
        assert kept[0] <= np.mean(found) <= kept[1]

    def test_of_one_known_cell_all_is_kept_unless_values_are_surely_in_a_part(self):
        known = Outermost(0, 1023, 0, 1023)
        edges = np.arange(0, 1025, 128)
        assert known.core is None
        assert known.in_cells(edges).filled(np.array([1.0, 20, 0, 5, 12, 0, 3, 8]), 10.0) == (0, 7)
        assert known.in_cells(edges).filled(np.array([1.0, 2, 0, 90, 70, 0, 3, 0]), 10.0) == (3, 4)

    def test_outermost_ranges_of_two_histograms_are_joined_by_side(self):
        coarse, fine = Outermost(0, 15, 64, 127), Outermost(2, 3, 64, 79)
        assert coarse.joined(fine) == fine.joined(coarse) == Outermost(2, 3, 64, 79)
        assert coarse.joined(None) == coarse
        overlapping = Outermost(10, 30, 10, 30).joined(Outermost(20, 40, 20, 40))
        assert (overlapping, overlapping.core) == (Outermost(10, 40, 10, 40), None)
        assert Outermost(0, 99, 0, 99).joined(Outermost(20, 40, 20, 40)) == Outermost(20, 40, 20, 40)
        assert overlapping.in_cells(np.arange(8, 44)).filled(np.zeros(35), 5.0) == (2, 32)
        assert coarse.joined(Outermost(70, 90, 70, 90)) == Outermost(0, 15, 70, 90)

    def test_one_cell_says_nothing_of_the_ends_within_it(self):
        assert (
            grid.span_of(np.array([0, 1, 1024, 2048]), np.array([0.0, 900, 0]), 10.0, None).known.core is None
        )


@pytest.mark.parametrize(
    ("mass", "cells"),
    [([0, 900, 0], grid.NARROW_CELLS), ([0, 500, 400], grid.FEW_CELLS), ([900, 0, 90], grid.FEW_CELLS)],
)
def test_values_in_one_coarse_cell_are_looked_for_in_more_cells(mass, cells):
    """Longitudes between -121.5 and -120.6 lie in [-128, -64), where six cells are ten degrees wide each."""
    span = grid.Span(0, 1023, np.array([0, 1, 512, 1024]), np.array(mass, dtype=float))
    assert grid.cells_apart(span, 60.0) == cells


class TestBeyondTheEnds:
    """Coarse cells beyond a range's ends cost nothing, and show rows that the coarse histogram hid."""

    def counted(self, values, span, noise=40.0):
        column = Numeric(name="x", dtype="int64", decimals=0)
        encoder, span = spans.encoder_of_span(column, span, 100, noise, None)
        counts = np.bincount(encoder.transform(pd.Series(values)), minlength=encoder.n_cells).astype(float)
        counts += np.random.default_rng(0).normal(0, noise, len(counts))
        found = ReleasedColumn(encoder, counts, noise).within(*spans.tightened(encoder, counts, noise, span))
        assert found.counts.sum() + found.cut.sum() == pytest.approx(counts.sum())
        return found.encoder, found.counts

    def test_rows_far_beyond_the_only_value_that_was_seen(self):
        """Debts: most have none, and no cell of the others is clear. All became 1."""
        values = np.concatenate(
            [np.zeros(3_700, np.int64), np.random.default_rng(1).integers(500, 4_000, 700)]
        )
        span = grid.span_of(EDGES, np.where(EDGES[:-1] == 0, 3_700.0, 0.0), 70.0, None)
        encoder, counts = self.counted(values, span)
        assert encoder.column.bounds in ((0, 4_095), (0, 8_191))
        assert len(counts) == encoder.n_cells

    def test_thin_tails_stay_in_the_last_cell(self):
        values = np.concatenate([np.arange(4_096) % 64, np.full(60, 90)])
        encoder, counts = self.counted(
            values, grid.Span(0, 63, EDGES, np.ones(len(EDGES) - 1), known=Outermost(0, 0, 32, 63)), 0.1
        )
        assert encoder.column.bounds == (0, 63)
        assert counts[-1] == pytest.approx(124, abs=1)

    @pytest.mark.family
    def test_noise_there_is_seldom_a_value(self):
        rng = np.random.default_rng(0)
        assert (
            np.mean([occupied.n_surely_beyond(rng.normal(0, 1, 52), 1.0) > 0 for _ in range(2_000)]) < 0.002
        )


@pytest.mark.parametrize(
    ("mass", "fills"),
    [([0, 900, 0], True), ([0, 500, 400], True), ([900, 0, 90], False), ([0, 300, 0, 300], False)],
)
def test_values_that_fill_one_or_two_cells_are_looked_for_in_finer_ones(mass, fills):
    """Years of one decade lie in a cell of sixty; zero alone says nothing of the others."""
    edges = np.array([0, 1, 512, 1024, 1536])[: len(mass) + 1]
    assert grid.Span(0, int(edges[-1]) - 1, edges, np.array(mass, dtype=float)).fills_few is fills
