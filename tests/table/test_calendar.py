"""Moments that are drawn to agree with their cycles, and cycles that are never missing without them."""

import numpy as np
import pandas as pd
import pytest

from tabgan.columns.datetime import DatetimeEncoder
from tabgan.schema import Datetime, Schema
from tabgan.table.calendar import NEVER, Calendar, CycleEncoder, cycles_of, is_cycle, spread_within
from tabgan.table.coded import CodedColumn, code_column, code_cycle
from tabgan.table.codes import TableEncoder

DAY = 86_400
MONDAY = 18_995  # 2022-01-03, in days since 1970


def days(n_days=70, nullable=None, n_codes=2):
    """Return the codes of so many days from a Monday on, the same number of rows on each."""
    bounds = tuple(str(np.datetime64(day, "D")) for day in (MONDAY, MONDAY + n_days - 1))
    column = Datetime(name="d", bounds=bounds, resolution="day", dtype="datetime64[s]", nullable=nullable)
    encoder = DatetimeEncoder(column, column.dtype, np.arange(MONDAY, MONDAY + n_days + 1))
    counts = np.r_[50.0 if nullable is None else 0.0, np.full(n_days, 10.0)]
    return code_column(encoder, counts, 0.0, counts.sum(), n_codes, 8, 0.0)


def with_cycles(moments, **counts):
    """Return an encoder of one column with its cycles, each with given counts, evenly by default."""
    coded = [moments]
    n_rows = moments.weights.sum()
    for cycle in cycles_of(moments.encoder):
        values = np.asarray(counts.get(cycle.name, np.ones(cycle.n_values)), dtype=float)
        values = np.r_[moments.weights[0], values / values.sum() * (n_rows - moments.weights[0])]
        encoder = CycleEncoder(moments.encoder, cycle)
        coded.append(code_cycle(encoder, moments, values, 0.0, n_rows, 24))
    return TableEncoder(Schema([moments.encoder.column]), coded)


def seconds(n_days=40):
    column = Datetime(
        name="t",
        bounds=("2022-01-03T00:00:00", str(np.datetime64((MONDAY + n_days) * DAY - 1, "s"))),
        resolution="second",
        dtype="datetime64[s]",
    )
    edges = np.linspace(MONDAY * DAY, (MONDAY + n_days) * DAY, 5).astype(np.int64)
    emphasis = np.array([1e-9, 1e-9, 1e-9, 1e-9, 1.0, 1.0])  # whole hours only
    encoder = DatetimeEncoder(column, column.dtype, edges).emphasising(emphasis)
    return code_column(encoder, np.r_[0.0, np.full(4, 100.0)], 0.0, 400.0, 4, 8, 0.0)


class TestWhichThereAre:
    @pytest.mark.parametrize(
        ("n_days", "names"),
        [(14, []), (15, ["weekday"]), (90, ["weekday"]), (91, ["weekday", "month"])],
    )
    def test_a_cycle_has_to_come_round(self, n_days, names):
        assert [cycle.name for cycle in cycles_of(days(n_days).encoder)] == names

    def test_hours_of_many_years_are_too_many(self):
        def names(last):
            column = Datetime(
                name="t", bounds=("1950-01-01", last), resolution="second", dtype="datetime64[s]"
            )
            low, high = column.declared_range()
            encoder = DatetimeEncoder(column, column.dtype, np.array([low, high + 1]))
            return [cycle.name for cycle in cycles_of(encoder)]

        assert names("2009-01-01") == ["hour of three", "three hours of the day", "weekday", "month"]
        assert names("2020-01-01") == ["three hours of the day", "weekday", "month"]
        assert names("9999-01-01") == ["month"]

    def test_what_noise_hid_has_none(self):
        column = Datetime(name="t", resolution="second", dtype="datetime64[s]")
        assert cycles_of(DatetimeEncoder(column, column.dtype, np.array([0, 1]))) == []

    def test_a_code_of_one_day_fixes_its_weekday(self):
        single, whole = (days(28, n_codes=n) for n in (28, 1))
        weekday = cycles_of(single.encoder)[0]
        for moments, spread in ((single, 0.0), (whole, 6 / 7)):
            parts = (moments.encoder, moments.weights, moments.code_of_cell, weekday)
            assert spread_within(*parts) == pytest.approx(spread)


class TestDrawing:
    def test_a_day_agrees_with_its_weekday_and_lies_in_its_code(self):
        encoder = with_cycles(days())
        rng = np.random.default_rng(0)
        codes = np.stack([rng.integers(1, 3, 500), rng.integers(1, 8, 500)], axis=1)
        drawn = encoder.inverse_transform(codes, rng)["d"]
        assert (drawn.dt.day_of_week.to_numpy() == codes[:, 1] - 1).all()
        assert (encoder.transform(drawn.to_frame()) == codes).all()
        assert drawn.nunique() == 70

    def test_an_hour_agrees_and_is_as_round_as_the_others(self):
        encoder = with_cycles(seconds())
        assert encoder.names[1:] == [
            "t (hour of three)",
            "t (three hours of the day)",
            "t (weekday)",
        ]
        rng = np.random.default_rng(0)
        codes = np.stack([rng.integers(1, size, 500) for size in encoder.sizes], axis=1)
        drawn = encoder.inverse_transform(codes, rng)["t"].dt
        assert (drawn.hour.to_numpy() == 3 * (codes[:, 2] - 1) + codes[:, 1] - 1).all()
        assert (drawn.day_of_week.to_numpy() == codes[:, 3] - 1).all()
        assert (drawn.minute == 0).all()
        assert (drawn.second == 0).all()

    def test_within_a_code_of_several_values_their_own_counts_decide(self):
        moments = seconds()
        cycle = cycles_of(moments.encoder)[1]
        counts = np.r_[0.0, 300.0, 100.0, np.zeros(6)]
        part = code_cycle(CycleEncoder(moments.encoder, cycle), moments, counts, 0.0, 400.0, 1)
        assert part.width == 2
        encoder = TableEncoder(Schema([moments.encoder.column]), [moments, part])
        drawn = encoder.inverse_transform(np.tile([1, 1], (4_000, 1)), np.random.default_rng(0))["t"]
        assert (drawn.dt.hour // 3 == 0).mean() == pytest.approx(0.75, abs=0.03)
        assert (drawn.dt.hour // 3 <= 1).all()

    def test_where_nothing_agrees_the_month_goes_before_the_weekday_and_the_code_never(self):
        cells = np.arange(MONDAY, MONDAY + 43)  # six weeks of January and February, a code for each week
        column = Datetime(
            name="d", bounds=("2022-01-03", "2022-02-13"), resolution="day", dtype="datetime64[s]"
        )
        moment = DatetimeEncoder(column, column.dtype, cells)
        weeks = np.r_[0, 1 + np.arange(42) // 7]
        weekday, month = column.cycles()
        wide = [np.arange(1 + cycle.n_values) for cycle in (weekday, month)]
        calendar = Calendar(moment, np.ones(43), weeks, [weekday, month], [np.ones(8), np.ones(13)], wide)
        wanted = np.array([[1, 1, 1], [1, 7, 12], [6, 0, 2], [5, 7, 1], [5, 1, 1]])
        drawn = calendar.draw(wanted[:, 0], wanted[:, 1:], np.random.default_rng(0))
        assert drawn[:2].tolist() == [0, 6]  # of the second, no December: the Sunday of its week
        assert 35 <= drawn[2] <= 41
        assert drawn[3:].tolist() == [34, 28]

    def test_stretches_without_rows_do_not_count_as_agreeing(self):
        """Else hours that no row has would be drawn for a code that is only there by the calendar."""
        hours = MONDAY * DAY + 3_600 * np.arange(73)
        bounds = tuple(str(np.datetime64(int(end), "s")) for end in (hours[0], hours[-1] - 1))
        column = Datetime(name="t", bounds=bounds, resolution="second", dtype="datetime64[s]")
        moment = DatetimeEncoder(column, column.dtype, hours)
        counts = np.where(np.arange(72) == 5, 100.0, 0.0)
        one_code, of_three = np.r_[0, np.ones(72, dtype=int)], column.cycles()[0]
        calendar = Calendar(
            moment, np.r_[0.0, counts], one_code, [of_three], [np.r_[0, 1, 1, 98.0]], [np.arange(4)]
        )
        drawn = calendar.draw(
            np.ones(30, dtype=int), np.tile([[1], [2], [3]], (10, 1)), np.random.default_rng(0)
        )
        assert (moment.edges[drawn] == hours[5]).all()

    def test_parts_are_missing_with_their_moment_only(self):
        encoder = with_cycles(days())
        codes = np.array([[0, 0], [0, 3], [1, 0]])
        assert encoder.inverse_transform(codes, np.random.default_rng(0))["d"].isna().tolist() == [
            True,
            True,
            False,
        ]

    def test_no_rows(self):
        encoder = with_cycles(seconds())
        drawn = encoder.inverse_transform(np.empty((0, 4), dtype=np.int16), np.random.default_rng(0))
        assert drawn.dtypes.astype(str).to_dict() == {"t": "datetime64[s]"}

    def test_a_column_that_cannot_be_missing(self):
        encoder = with_cycles(days(nullable=False))
        assert encoder.sizes == [2, 7]
        drawn = encoder.inverse_transform(np.tile([0, 6], (20, 1)), np.random.default_rng(0))["d"]
        assert (drawn.dt.day_of_week == 6).all()


class TestCodes:
    def test_a_moment_beyond_the_range_has_the_parts_of_its_end(self):
        encoder = with_cycles(days())
        late = pd.DataFrame({"d": np.array(["2035-01-01", "2022-03-13"], dtype="datetime64[s]")})
        first, second = encoder.transform(late).tolist()
        assert first == second

    def test_a_condition_on_a_moment_fixes_its_parts(self):
        encoder = with_cycles(days())
        assert encoder.codes_of({"d": "2022-01-08"}) == {0: 1, 1: 6}
        assert encoder.codes_of({"d": None}) == {0: 0, 1: 0}

    def test_missing_values_that_are_noise_are_none_of_the_parts_either(self):
        moments = days()
        hidden = CodedColumn(
            moments.encoder, moments.code_of_cell, moments.weights, np.array([False, True, True])
        )
        assert with_cycles(hidden).columns[1].is_sampled.tolist() == [False] + [True] * 7

    def test_without_cycles_the_columns_are_the_tables(self):
        encoder = with_cycles(days())
        assert encoder.without_cycles.names == ["d"]
        assert encoder.without_cycles.without_cycles is encoder.without_cycles
        assert [is_cycle(column.encoder) for column in encoder.columns] == [False, True]
        assert encoder.positions == {"d": 0}
        assert encoder.cycles == {0: [1]}

    def test_the_calendar_says_what_cannot_be(self):
        lift = with_cycles(days(14 + 1, n_codes=15)).calendar_lifts()[0, 1]
        assert lift.shape == (16, 8)
        assert lift[0, 0] == 0
        assert (lift[0, 1:] == NEVER).all()
        assert (lift[1:, 0] == NEVER).all()
        assert (lift[1:, 1:] > NEVER).sum(axis=1).tolist() == [1] * 15  # every day has one weekday
        # By its released counts each weekday is a seventh of all rows.
        assert np.exp(lift[1, 1]) == pytest.approx(7)
