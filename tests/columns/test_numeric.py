"""Numbers: the step that they are multiples of, by votes and within limits, and numbers that are kept exactly."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from tabgan.columns import grid
from tabgan.columns import spans as spans_
from tabgan.columns.lattice import LIMIT
from tabgan.columns.multiples import progression
from tabgan.columns.numeric import PARTS, common_step
from tabgan.columns.occupied import Outermost
from tabgan.columns.values import floats, narrowed
from tabgan.errors import SchemaError
from tabgan.schema import Numeric, Schema

RNG = np.random.default_rng(0)
DAYS = RNG.integers(0, 200, 500)


def voted(values, **fields) -> Numeric:
    """Return the column that all of some values vote for."""
    column = Numeric(name="a", dtype=str(pd.Series(values).dtype), **fields)
    return column.with_voted_precision(column.precision_counts(pd.Series(values)), 0.5, 0.5)


@pytest.mark.parametrize(
    ("values", "decimals", "multiple_of"),
    [
        (DAYS * 1.0, 0, None),
        (DAYS / 10, 1, None),
        (DAYS / 100, 2, None),
        (DAYS / 1000, 3, None),
        (DAYS / 2, 1, 0.5),
        (DAYS / 4, 2, 0.25),
        (DAYS / 16, 4, 0.0625),
        (DAYS / 20, 2, 0.05),
        (2000 + DAYS / 12, None, 1 / 12),
        (2000.0 + DAYS * (1 / 12), None, 1 / 12),
        ((DAYS - 32) * 5 / 9, None, 1 / 9),
        (DAYS / 60, None, 1 / 60),
        (np.r_[DAYS / 4, DAYS / 10], 2, 0.05),
        (np.r_[DAYS / 3, DAYS / 100], 9, None),
        (np.log1p(DAYS), 9, None),
        (RNG.random(500) * 1e-12, 9, None),
        (RNG.normal(0, 1e8, 500), 9, None),
        ((DAYS / 3).astype("float32"), None, 1 / 3),
        ((DAYS / 100).astype("float32").astype("float64"), 2, None),
        ((DAYS / 3).astype("float32").astype("float64"), None, 1 / 3),
        (np.log1p(DAYS).astype("float32").astype("float64"), 9, None),
    ],
)
def test_the_coarsest_step_that_holds_all_votes(values, decimals, multiple_of):
    column = voted(values)
    assert (column.decimals, column.multiple_of) == (decimals, multiple_of)


@pytest.mark.family
def test_each_value_votes_by_itself_and_once():
    values = np.r_[DAYS / 12, DAYS / 100, RNG.random(50), 1e300, 5e-324, -0.0]
    column = Numeric(name="a", dtype="float64")
    each = sum(column.precision_counts(pd.Series([value])) for value in values)
    np.testing.assert_array_equal(column.precision_counts(pd.Series(values)), each)
    assert each.sum() == len(values)
    assert len(each) == 2 * (len(PARTS) + 1)


class TestWidened:
    """Floats of 32 bits in a column of 64: what statistical programs store."""

    STORED = (DAYS / 100).astype("float32").astype("float64")

    def test_each_is_read_as_the_decimal_that_it_stands_for(self):
        cells = pd.Series(
            [
                float(np.float32(2.04)),
                2.04,
                0.1 + 0.2,
                2.0**-11,
                16_777_217.0,
                float(np.float32(1e-8)),
                np.nan,
            ]
        )
        expected = [2.04, 2.04, 0.1 + 0.2, 2.0**-11, 16_777_217.0, 1e-8, np.nan]
        np.testing.assert_array_equal(floats(cells), expected)
        np.testing.assert_array_equal(floats(cells.astype(object)), expected)
        assert narrowed(cells)[1].tolist() == [True, False, False, True, False, True, False]

    def test_reading_leaves_the_frame_as_it_is(self):
        cells = pd.Series(self.STORED.copy())
        floats(cells)
        np.testing.assert_array_equal(cells, self.STORED)

    @pytest.mark.parametrize("cells", [STORED, np.log1p(DAYS).astype("float32").astype("float64")])
    def test_samples_are_widened_as_the_column_is(self, cells):
        column = voted(cells)
        assert column.is_widened
        low, high = column.to_lattice(pd.Series(cells))[0][[cells.argmin(), cells.argmax()]]
        edges = np.linspace(low, high + 1, 50).astype(np.int64)
        encoder = column.with_range(int(low), int(high)).lattice_encoder(edges)
        back = encoder.inverse_transform(encoder.transform(pd.Series(cells)), RNG)
        assert back.dtype == np.float64
        np.testing.assert_array_equal(back, back.astype("float32"))
        assert encoder.contains(pd.Series(cells))

    def test_those_of_a_csv_are_found_as_well(self):
        """They were read as decimals before the vote, which then saw none."""
        cells = pd.Series([repr(value) for value in self.STORED.tolist()], dtype=object)
        read = Numeric(name="a").of_text(cells)
        np.testing.assert_array_equal(read, self.STORED)
        assert voted(read.to_numpy()).is_widened

    def test_decimals_come_back_to_the_bit(self):
        column = voted(self.STORED)
        low, high = column.to_lattice(pd.Series(self.STORED))[0][[self.STORED.argmin(), self.STORED.argmax()]]
        encoder = column.with_range(int(low), int(high)).encoder()
        back = encoder.inverse_transform(encoder.transform(pd.Series(self.STORED)), RNG)
        np.testing.assert_array_equal(back, self.STORED)

    @pytest.mark.parametrize(
        "cells", [DAYS / 100, DAYS * 1.0, RNG.normal(size=500), np.r_[STORED[:99], DAYS / 100]]
    )
    def test_others_are_not(self, cells):
        assert not voted(cells).is_widened


@pytest.mark.parametrize("values", [2000 + DAYS / 12, DAYS / 4, DAYS / 60, DAYS / 3, DAYS / 20])
def test_a_step_gives_the_floats_back(values):
    column = voted(values)
    low, high = column.to_lattice(pd.Series(values))[0][[values.argmin(), values.argmax()]]
    encoder = column.with_range(int(low), int(high)).encoder()
    back = encoder.inverse_transform(encoder.transform(pd.Series(values)), RNG)
    np.testing.assert_array_equal(back, values)
    assert encoder.contains(pd.Series(values))
    assert not encoder.contains(pd.Series([values.min() + 0.01]))


def test_a_step_survives_yaml_and_a_model_file(tmp_path):
    column = Numeric(name="a", bounds=(2000, 2015.5), multiple_of=1 / 12, dtype="float64")
    schema = Schema(columns=[column])
    assert Schema.from_dict(schema.to_dict()) == schema
    assert schema.is_complete
    encoder, is_usable = column.encoder_of(column.encoder().arrays())
    assert is_usable
    assert encoder.n_values == 187


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"multiple_of": 0.0}, "multiple_of"),
        ({"multiple_of": 1e-320, "bounds": (0, 1)}, "multiple_of: .* 1e-300 or more"),
        ({"multiple_of": 0.25, "decimals": 1}, "cannot hold multiple_of"),
        ({"multiple_of": 5.0, "bounds": (6, 9)}, "no number with multiple_of"),
    ],
)
def test_a_step_that_cannot_be_is_refused(fields, message):
    with pytest.raises(SchemaError, match=message):
        Numeric(name="a", **fields)


def test_a_fraction_is_refused_for_a_dtype_of_integers():
    with pytest.raises(SchemaError, match=r"multiple_of: 0.5 does not go with dtype int64"):
        Numeric(name="a", multiple_of=0.5, dtype="int64").check_output()


@pytest.mark.parametrize(("high", "decimals"), [(1e6, 9), (1e9, 6), (1e12, 3), (9e15, 0)])
def test_declared_bounds_cap_the_decimals(high, decimals):
    column = voted(RNG.lognormal(18, 1, 100), bounds=(0, high))
    assert column.decimals == decimals
    assert column.declared_range()[1] < LIMIT


@pytest.mark.parametrize("step", [1.15078, 0.3048, 0.45359237, 0.18, 2.5])
def test_multiples_of_a_decimal_are_decimals(step):
    """26 knots in miles per hour are 29.92028; the product of both as floats is 29.920279999999998."""
    column = Numeric(name="a", bounds=(0, 300 * step), multiple_of=step, dtype="float64")
    encoder = column.encoder()
    found = encoder.inverse_transform(np.arange(1, encoder.n_values + 1), np.random.default_rng(0))
    assert found.tolist() == [float(Decimal(repr(step)) * n) for n in range(301)]


@pytest.mark.parametrize(
    ("largest", "decimals", "multiple_of"),
    [(1.0, 9, None), (5e6, 8, None), (5e9, 5, None), (5e17, 0, 1e3), (5e-9, None, 1e-14)],
)
def test_an_open_precision_leaves_room_for_the_range(largest, decimals, multiple_of):
    axis, edges = Numeric(name="a", dtype="float64", decimals=9).with_range_axis()
    column, share = axis.with_room_for(largest * axis._scale)
    assert (column.decimals, column.multiple_of) == (decimals, multiple_of)
    assert share == pytest.approx(column._scale / axis._scale)
    assert largest * column._scale < LIMIT
    assert edges[-1] > 1e30 * axis._scale
    assert (np.diff(edges) > 0).all()


def test_a_step_whose_inverse_is_nearly_infinite_leaves_room_for_the_range():
    column, share = Numeric(name="a", dtype="float64", multiple_of=1e-300).with_room_for(LIMIT / 2.0)
    assert (column.decimals, column.multiple_of) == (None, pytest.approx(1e-299, rel=1e-9))
    assert share == pytest.approx(0.1)


def test_cells_that_fall_together_in_coarser_units_add_up():
    span = grid.Span(
        0, 799, np.array([0, 1, 2, 4, 8, 100, 800]), np.arange(1.0, 7.0), known=Outermost(0, 1, 100, 799)
    )
    coarser = span.scaled(0.1)
    assert coarser.edges.tolist() == [0, 10, 80]
    assert coarser.mass.tolist() == [15.0, 6.0]
    assert (coarser.low, coarser.high, coarser.known) == (0, 79, Outermost(0, 0, 10, 79))


@pytest.mark.parametrize(
    ("values", "step"),
    [
        (np.array([3, 5, 8, 20]) * 1.15078, 1.15078),
        (np.array([0, 2, 3, 7]) * 1.609344, 1.609344),
        (np.array([1, 2, 5]) * 0.5, None),  # a round number: people choose such values
        (np.log1p(np.arange(1, 9)), None),
        (np.sqrt(np.arange(1, 9)), None),
        (np.array([1.15078, 2.30156]), None),  # two are too few
    ],
)
def test_a_step_that_frequent_numbers_share(values, step):
    assert common_step(np.asarray(values)) == step


@pytest.mark.parametrize(
    ("places", "grid"),
    [
        ([3200, 3218, 3254, 5000], (18, 14)),
        ([-9999, 3200, 3218, 3254, 3272], (18, 14)),  # a code for missing values lies elsewhere
        ([-22, -4, 14, 32], (18, 14)),
        ([36, 48, 60, 24], (12, 0)),
        ([10, 35, 60, 110], (25, 10)),
        ([5, 10, 25, 45], None),  # round numbers
        ([100, 200, 500], None),
        ([3, 8], None),  # two are too few
        ([3, 8, 11, 20], None),
        ([7], None),
        ([], None),
    ],
)
def test_a_grid_that_frequent_integers_lie_on(places, grid):
    assert progression(np.array(places, dtype=np.int64)) == grid


class TestExactNumbers:
    LOGS = np.log1p(np.arange(6))

    def encoder(self, is_all=True):
        found = spans_.Repeated(self.LOGS, np.full(6, 100.0), is_all)
        column = Numeric(name="a", dtype="float64", decimals=9)
        found = found.within(column)
        column = column.with_range(found.low, found.high)
        edges = grid.edges_of_values(found.places, found.low, found.high)
        if not is_all:
            edges = grid.edges_with_values(grid.even_edges(found.low, found.high, 5), found.places)
        return spans_._with_exact(column.lattice_encoder(edges), found)

    def test_only_they_are_drawn_where_they_are_all(self):
        encoder = self.encoder()
        assert encoder.n_values == 6
        assert not encoder.has_wide_cells
        codes = encoder.transform(pd.Series(self.LOGS + 0.01))
        np.testing.assert_array_equal(encoder.inverse_transform(codes, RNG), self.LOGS)

    def test_they_have_cells_of_their_own_among_others(self):
        encoder = self.encoder(is_all=False)
        codes = encoder.transform(pd.Series(self.LOGS))
        np.testing.assert_array_equal(encoder.inverse_transform(codes, RNG), self.LOGS)
        assert encoder.has_wide_cells
        assert not np.isin(
            encoder.inverse_transform(encoder.transform(pd.Series([0.3] * 9)), RNG), self.LOGS
        ).any()

    @pytest.mark.parametrize("is_all", [True, False])
    def test_they_can_be_asked_for(self, is_all):
        encoder = self.encoder(is_all)
        assert encoder.contains(pd.Series([self.LOGS[2]], dtype=object))
        assert (encoder.repeat(self.LOGS[2], 3) == self.LOGS[2]).all()
        assert encoder.contains(pd.Series([0.3], dtype=object)) != is_all

    def test_survive_a_model_file_that_says_nothing_else(self):
        encoder = self.encoder()
        arrays = encoder.arrays()
        again, is_usable = encoder.column.encoder_of(arrays)
        assert is_usable
        np.testing.assert_array_equal(again.exact, encoder.exact)
        for wrong in (arrays["exact"][::-1], arrays["exact"][1:], np.full(6, np.nan), np.arange(6)):
            assert not encoder.column.encoder_of(arrays | {"exact": wrong})[1]

    def test_the_most_frequent_of_one_lattice_integer_is_kept(self):
        found = spans_.Repeated(np.array([0.1, 0.1 + 1e-12, 5.0]), np.array([10.0, 20.0, 9.0]), True)
        kept = found.within(Numeric(name="a", decimals=9, bounds=(0, 1)))
        assert kept.values.tolist() == [0.1 + 1e-12]

    def test_their_range_ends_where_the_lattice_does(self):
        """A number beyond what its step can count is clipped; a range that told of it began before all cells."""
        found = spans_.Repeated(np.array([-1.7e308, 0.0, 1.7e308]), np.full(3, 100.0), True)
        column = Numeric(name="a", multiple_of=1e16)
        kept = found.within(column)
        assert (kept.low, kept.high) == column.dtype_range() == (1 - 2**53, 2**53 - 1)
        counts = np.full(9, 100.0)
        edges = np.array([-(2**40), -2, -1, 0, 1, 2, 4, 8, 2**30, 2**40])
        span = grid.Span(-(2**40), 2**40 - 1, edges, counts, known=Outermost(-8, -4, 4, 7), counts=counts)
        encoder, span = spans_.encoder_of_span(column, span, 20, 5.0, found)
        counts = np.append(0.0, np.full(encoder.n_values, 100.0))
        tight, first, stop = spans_.tightened(encoder, counts, 5.0, span)
        assert (first, stop) == (0, encoder.n_values)
        np.testing.assert_array_equal(tight.edges, encoder.edges)

    def test_one_below_all_cells_of_the_range_has_a_cell(self):
        """Of a column without negative numbers, such as uint8: the fit ended in an error, and its budget was spent."""
        found = spans_.Repeated(np.array([1.0, 20.0]), np.array([80.0, 90.0]), False, rest=300.0)
        edges, counts = np.array([2, 4, 6, 8, 12, 16, 21, 26, 32, 64]), np.full(9, 60.0)
        span = grid.Span(2, 63, edges, counts, known=Outermost(2, 3, 26, 31), counts=counts)
        column = Numeric(name="a", dtype="uint8", decimals=0)
        encoder, span = spans_.encoder_of_span(column, span, 20, 5.0, found)
        assert encoder.column.places(encoder.edges[:2]).tolist() == [1.0, 2.0]
        counts = np.append(0.0, np.full(encoder.n_values, 60.0))
        tight, first, stop = spans_.tightened(encoder, counts, 5.0, span)
        assert (first, stop) == (0, encoder.n_values)
        assert tight.exact is not None
        assert tight.exact[0] == 1.0

    def test_none_are_made_up_between_them_where_a_column_has_few(self):
        edges = grid.edges_with_values(np.arange(0, 51, 10), np.array([12, 20, 33]))
        assert grid.edges_among_values(edges, np.array([12, 20, 33])).tolist() == [
            0,
            10,
            12,
            16,
            27,
            34,
            40,
            50,
        ]

    @pytest.mark.parametrize("has_few", [True, False])
    def test_values_between_them_are_the_nearest_where_a_column_has_few(self, has_few):
        values = np.array([100.0, 140.0, 300.0])
        found = spans_.Repeated(values, np.full(3, 900.0), False, rest=90.0, has_few=has_few)
        edges = np.arange(0, 401, 50)
        span = grid.Span(
            0, 399, edges, np.full(8, 90.0), known=Outermost(0, 49, 350, 399), counts=np.full(8, 90.0)
        )
        encoder, _ = spans_.encoder_of_span(
            Numeric(name="a", dtype="int64", decimals=0), span, 20, 5.0, found
        )
        codes = encoder.transform(pd.Series([101, 119, 121, 219, 221, 299] * 20))
        drawn = encoder.inverse_transform(codes, RNG)
        if has_few:
            np.testing.assert_array_equal(drawn, [100, 100, 140, 140, 300, 300] * 20)
        else:
            assert not np.isin(drawn, values).all()
        outside = encoder.inverse_transform(encoder.transform(pd.Series([20, 390] * 20)), RNG)
        assert not np.isin(outside, values).any()
        assert len(np.unique(outside)) > 4

    @pytest.mark.parametrize(
        ("rows", "most", "rest", "has_few"),
        [(500, 100, 150, True), (500, 101, 150, False), (900, 100, 250, False), (900, 100, -20, True)],
    )
    def test_a_column_has_few_if_the_others_repeat_and_hold_few_rows(self, rows, most, rest, has_few):
        found = spans_.Repeated(self.LOGS, np.full(6, 100.0), False, rest=rest)
        assert found.with_others(rows, most).has_few == has_few

    @pytest.mark.parametrize(
        ("number", "most", "width", "rest", "needs"),
        [
            (58, 600, 2_564, 10_000, True),  # interest rates, of which noise hides each
            (-90, 300, 2_564, 10_000, True),
            (58, 600, 2_564, 1_900, False),  # a fifth of the rows at least
            (1_700, 2_100, 2_564, 10_500, False),  # nearly every number of the range occurs
            (3_500, 4_000, 150_000, 10_000, False),  # each is rare
            (3_500, 4_000, 150_000, 30_000, True),
        ],
    )
    def test_the_number_of_the_others_shows_that_a_column_has_few(self, number, most, width, rest, needs):
        found = spans_.Repeated(np.array([0.0]), np.array([10_000.0]), False, rest=rest)
        column = Numeric(name="a", decimals=2)
        span = grid.Span(0, width, np.array([0, width + 1]), np.array([1e4]))
        assert found.needs_others(column, number, most, span) == needs
        assert not found.needs_others(column, 58, 30_000, span)
        if needs:
            assert found.needs_others(column, number, most, None)

    def test_each_number_of_a_short_range_is_public(self):
        column = Numeric(name="a", decimals=2)
        span = grid.Span(-1, 532, np.array([0, 533]), np.array([1e4]))
        numbers = spans_.numbers_of(column, span)
        assert numbers[:3] == [-0.01, 0.0, 0.01]
        assert numbers[-1] == 5.32
        assert math.copysign(1, numbers[1]) == 1
        assert spans_.numbers_of(column, None) == []
        assert spans_.numbers_of(column, grid.Span(0, 20_000, np.array([0, 20_001]), np.array([1e4]))) == []

    def test_a_closer_look_decides_on_numbers_that_were_in_doubt(self):
        first = spans_.Repeated.of({1.0: 500.0, 2.0: 44.0}, 1_000.0, 10.0)
        assert first.doubtful == {2.0}
        closer = spans_.Repeated.of({3.0: 70.0}, 1_000.0, 5.0, first)
        assert closer.values.tolist() == [1.0, 3.0]
        assert spans_.Repeated.of({2.0: 40.0}, 1_000.0, 5.0, first).values.tolist() == [1.0, 2.0]

    def test_numbers_in_doubt_make_no_grid_and_are_none_beside_one(self):
        rows = {round(0.32 + 0.18 * i, 2): 900.0 for i in range(9)} | {1.23: 41.0, 0.86: 41.0, 1.95: 41.0}
        found = spans_.Repeated.of(rows, 9_000.0, 10.0)
        kept = found.within(Numeric(name="a", decimals=2, bounds=(0.0, 2.0)))
        assert kept.values.tolist() == sorted(v for v, n in rows.items() if n == 900 or v == 0.86)

    def test_cells_end_midway(self):
        assert grid.edges_of_values(np.array([2, 6, 9]), 2, 9).tolist() == [2, 4, 8, 10]
        assert grid.edges_with_values(np.array([0, 10, 20]), np.array([3, 12, 99])).tolist() == [
            *(0, 3, 4, 10, 12, 13, 20)
        ]


@pytest.mark.parametrize("dtype", ["int8", "int16", "Int32", "int64"])
def test_the_axis_of_integers_ends_with_their_dtype(dtype):
    _, edges = Numeric(name="a", dtype=dtype, decimals=0).with_range_axis()
    smallest = np.iinfo(dtype.lower()).min
    assert edges[0] == smallest
    assert np.histogram([smallest], edges)[0][0] == 1


@pytest.mark.parametrize("objects", [None, "decimal"])
def test_whole_numbers_beyond_64_bits_do_not_wrap_round(objects):
    values = [10**30, 3 * 10**30, -(2 * 10**30)]
    cells = pd.Series([Decimal(value) for value in values] if objects else values, dtype=object)
    column = Numeric(name="a", dtype="object", bounds=(-4e30, 4e30), multiple_of=1e16, objects=objects)
    encoder = column.lattice_encoder(np.arange(-400, 402) * 10**12)
    drawn = encoder.inverse_transform(encoder.transform(cells), np.random.default_rng(0))
    assert all(type(number) is (Decimal if objects else int) for number in drawn)
    assert np.array(drawn, dtype=float) == pytest.approx(np.array(values, dtype=float), rel=0.01)


def test_frequent_numbers_beyond_64_bits_are_kept():
    column = Numeric(name="a", dtype="object", bounds=(0, 4e30), multiple_of=1e16)
    encoder = column.lattice_encoder(np.array([0, 10**14, 4 * 10**14]))
    encoder.exact = np.array([np.nan, 1e30])
    assert encoder.inverse_transform(np.array([2, 0, 2]), np.random.default_rng(0)).tolist() == [
        int(1e30),
        None,
        int(1e30),
    ]


def test_frequent_numbers_keep_a_declared_precision():
    series = pd.Series([1.23456, 1.21, 500.5, np.nan])
    values, counts = Numeric(name="a", dtype="float64", bounds=(0, 1e6), decimals=1).repeated(
        series, is_exact=False
    )
    assert (values.tolist(), counts.tolist()) == ([1.2, 500.5], [2, 1])
    values, _ = Numeric(name="a", dtype="float64", decimals=1).repeated(series, is_exact=True)
    assert values.tolist() == [1.21, 1.23456, 500.5]


class TestNumbersThatStandForOthers:
    """The nearest of a column's few found numbers stand for the others, unless these crowd in one place."""

    @pytest.mark.parametrize(("n_upper", "has_few"), [(100.0, True), (4_000.0, False)])
    def test_a_number_never_stands_for_many_rows_with_others(self, n_upper, has_few):
        """One of 0, 10, ..., 90 and 900: those from 91 to 899 all became 90 or 900."""
        values = np.array([*range(0, 100, 10), 900], dtype=float)
        found = spans_.Repeated(values, np.full(11, 1_000.0), False, rest=n_upper + 500, has_few=True)
        edges = np.array([0, 100, 300, 600, 900, 1_000])
        mass = np.array([10_500.0, n_upper / 3, n_upper / 3, n_upper / 3, 1_000.0])
        span = grid.Span(0, 999, edges, mass, known=Outermost(0, 99, 900, 999), counts=mass)
        encoder, span = spans_.encoder_of_span(
            Numeric(name="a", dtype="int64", decimals=0), span, 20, 5.0, found
        )
        drawn = encoder.inverse_transform(encoder.transform(pd.Series([200, 400, 600] * 40)), RNG)
        assert np.isin(drawn, values).all() == has_few
        assert span.replaced == (found.rest if has_few else 0.0)

    @pytest.mark.parametrize(("others", "is_all"), [(350.0, True), (1_500.0, False)])
    def test_noise_explains_few_rows_with_others_at_most(self, others, is_all):
        """Of 55 columns noise has a deviation of 950 rows: numbers above 18, 14% of the rows, all became 18."""
        found = dict.fromkeys(map(float, range(18)), 8_500.0 / 18)
        assert spans_.Repeated.of(found, 8_500.0 + others, 210.0).is_all == is_all
