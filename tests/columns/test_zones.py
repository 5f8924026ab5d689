"""Moments of different time zones: conditions, bounds and rules convert; public text is ISO 8601 or refused."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from tabgan import Datetime, Duration, Inequality, Numeric
from tabgan.columns.values import ahead_of_utc, declared_duration, declared_moment, moments, seconds
from tabgan.errors import ConfigError, SchemaError
from tabgan.evaluation.tables import prepare
from tabgan.evaluation.validity import check_columns
from tabgan.rules import check_rules, keeps_rules
from tabgan.schema import Schema

EAST = "datetime64[ns, US/Eastern]"
ZONE = dt.timezone(dt.timedelta(hours=2))


def second(moment):
    return int(np.datetime64(moment, "s").astype(np.int64))


def eastern(**fields):
    return Datetime(name="z", dtype=EAST, resolution="second", **fields)


class TestConditions:
    @pytest.mark.parametrize(
        "value",
        [
            pd.Timestamp("2020-01-03 12:00", tz="UTC"),
            pd.Timestamp("2020-01-03 13:00", tz="Europe/Berlin"),
            dt.datetime(2020, 1, 3, 14, tzinfo=ZONE),
            "2020-01-03T14:00+02:00",
            "2020-01-03T12:00:00Z",
            "2020-01-03T07:00",  # without a zone: the column's wall clock
            pd.Timestamp("2020-01-03 07:00"),
        ],
    )
    def test_are_of_the_column_s_zone(self, value):
        encoder = eastern(bounds=("2020-01-01", "2020-01-10")).encoder()
        series = pd.Series([value], dtype=object)
        assert encoder.contains(series)
        assert encoder.column.to_lattice(series)[0].tolist() == [second("2020-01-03T07:00")]
        found = encoder.repeat(value, 2)
        assert str(found.dtype) == EAST
        assert (found == pd.Timestamp("2020-01-03 12:00", tz="UTC")).all()

    def test_an_hour_that_the_clock_shows_twice(self):
        for utc in ("2020-11-01 05:30", "2020-11-01 06:30"):
            value = pd.Timestamp(utc, tz="UTC")
            encoder = eastern(bounds=("2020-10-31", "2020-11-02")).encoder()
            assert encoder.contains(pd.Series([value], dtype=object))
            assert encoder.repeat(value, 1).tolist() == [value]

    @pytest.mark.parametrize("zone", ["America/New_York", "-05:00", "UTC"])
    def test_arrow_s_moments_are_of_their_zone(self, zone):
        column = Datetime(name="z", dtype=f"timestamp[us, tz={zone}][pyarrow]", resolution="second")
        encoder = column.with_(bounds=("2020-01-01", "2020-01-10")).encoder()
        value = pd.Timestamp("2020-01-03T21:00+09:00")
        assert encoder.contains(pd.Series([value], dtype=object))
        assert encoder.repeat(value, 2).tolist() == [value, value]

    def test_text_of_utc(self):
        column = Datetime(name="z", dtype="object", format="%Y-%m-%dT%H:%M:%SZ", resolution="second")
        encoder = column.with_(bounds=("2020-01-01", "2020-01-10")).encoder()
        assert encoder.repeat(pd.Timestamp("2020-01-03 14:00", tz=ZONE), 1).tolist() == [
            "2020-01-03T12:00:00Z"
        ]

    def test_without_a_zone_it_is_the_wall_clock(self):
        column = Datetime(name="a", dtype="datetime64[ns]", resolution="second")
        values = pd.Series([dt.datetime(2020, 1, 3, 14, tzinfo=ZONE), "2020-01-03T14:00-05:00"], dtype=object)
        assert column.to_lattice(values)[0].tolist() == [second("2020-01-03T14:00")] * 2

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("2020-01-03", "2020-01-03T00:00-05:00"),
            ("2020-01-03T12:00Z", "2020-01-03T12:00+00:00"),
            ("2020-01-03 14:00:30+02:00", "2020-01-03T12:00:30+00:00"),
        ],
    )
    def test_on_the_command_line(self, text, found):
        column = eastern()
        value = column.parse(text, "--condition z")
        assert pd.Timestamp(value if value.tzinfo else value.tz_localize("US/Eastern")) == pd.Timestamp(found)

    def test_on_the_command_line_of_text(self):
        column = Datetime(name="a", format="%d.%m.%Y")
        assert column.parse("31.01.2020", "-") == column.parse("2020-01-31", "-") == "31.01.2020"


class TestBounds:
    def test_are_converted(self):
        column = eastern(bounds=("2020-01-01T05:00:00+00:00", "2020-01-10T07:00+02:00"))
        assert column.declared_range() == (second("2020-01-01"), second("2020-01-10"))
        assert column.domain().bounds == (second("2020-01-01"), second("2020-01-10"))

    def test_may_be_moments(self):
        column = eastern(bounds=(pd.Timestamp("2020-01-01", tz="UTC"), dt.datetime(2020, 1, 2, tzinfo=ZONE)))
        assert column.bounds == ("2020-01-01T00:00:00+00:00", "2020-01-02T00:00:00+02:00")
        assert Datetime(
            name="a", bounds=(dt.date(2020, 1, 1), np.datetime64("2020-01-02"))
        ).declared_range() == (
            second("2020-01-01"),
            second("2020-01-02"),
        )

    def test_their_order_is_that_of_the_moments(self):
        Datetime(name="a", bounds=("2020-01-01T02:00+02:00", "2020-01-01T01:00+00:00"))
        with pytest.raises(SchemaError, match="the earlier one first"):
            Datetime(name="a", bounds=("2020-01-01T01:00+00:00", "2020-01-01T02:00+02:00"))

    @pytest.mark.parametrize("schema", ["declared", "tables"])
    def test_judge_cells_in_the_column_s_zone(self, schema):
        low, high = "2020-01-01T05:00Z", "2020-01-09T05:00Z"
        days = pd.date_range("2020-01-01", "2020-01-09", tz="US/Eastern")
        df = pd.DataFrame({"z": days, "u": range(len(days))})
        declared = Schema([Datetime(name="z", bounds=(low, high), resolution="day"), Numeric(name="u")])
        tables = prepare(df, df, df, declared if schema == "tables" else None)
        checked = check_columns(tables, declared if schema == "declared" else None)
        assert checked["z"].counts["bounds"] == (9, 9)


class TestPublicText:
    @pytest.mark.parametrize(
        "text", ["now", "today", "NaT", "2020", "20200131", "01/02/2020", "2020-W05-1", "1e9", " ", ""]
    )
    def test_that_is_no_moment(self, text):
        assert declared_moment(text) is None
        with pytest.raises(SchemaError, match="two moments in ISO 8601"):
            Datetime(name="a", bounds=("2020-01-01", text))
        with pytest.raises(ConfigError, match="--condition a: expected a moment in ISO 8601"):
            Datetime(name="a").parse(text, "--condition a")
        with pytest.raises(ConfigError, match=r"rules\[0\]"):
            check_rules([Inequality("a", text)], [Datetime(name="a")])

    @pytest.mark.parametrize(
        "text", ["36", "1.5", "now", "nat", "1 day 25", "5 fortnights", "inf", "1e3", "1 2 hours", ""]
    )
    def test_that_is_no_duration(self, text):
        assert declared_duration(text) is None
        with pytest.raises(SchemaError, match="two durations such as"):
            Duration(name="a", bounds=("0 days", text))
        with pytest.raises(ConfigError, match="expected a duration"):
            Duration(name="a").parse(text, "--condition a")

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("36 hours", 129_600),
            ("1 day 2 hours", 93_600),
            ("2h30min", 9_000),
            ("1.5 hours", 5_400),
            ("-90 s", -90),
            ("1 days 02:00:00", 93_600),
            ("P1DT2H", 93_600),
            ("00:00:01.5", 1.5),
            ("250 ms", 0.25),
            ("3 minutes", 180),
        ],
    )
    def test_that_is_a_duration(self, text, found):
        assert declared_duration(text) == found

    @pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", "1_000"])
    def test_that_is_no_number(self, text):
        with pytest.raises(ConfigError, match="expected a number"):
            Numeric(name="a").parse(text, "--condition a")


class TestRules:
    UTC = pd.Series(pd.date_range("2020-01-01", periods=3, freq="h", tz="UTC"))

    def kept(self, rule, **columns):
        table = pd.DataFrame(columns)
        described = [Datetime(name=name, dtype=str(series.dtype)) for name, series in table.items()]
        check_rules([rule], described)
        return keeps_rules([rule], described, table, ()).tolist()

    def test_two_zones_are_compared_in_utc(self):
        later = (self.UTC + pd.Timedelta(minutes=1)).dt.tz_convert("US/Pacific")
        assert self.kept(Inequality("a", "b"), a=self.UTC, b=later) == [True] * 3
        assert self.kept(Inequality("b", "a"), a=self.UTC, b=later) == [False] * 3
        assert (
            self.kept(Inequality("b", "a"), a=self.UTC.astype(object), b=later.astype(object)) == [False] * 3
        )

    def test_a_constant_with_an_offset(self):
        berlin = self.UTC.dt.tz_convert("Europe/Berlin")
        for constant in (
            "2020-01-01T01:00Z",
            "2020-01-01T03:00+02:00",
            dt.datetime(2020, 1, 1, 3, tzinfo=ZONE),
        ):
            assert self.kept(Inequality("a", constant), a=berlin) == [True, True, False]

    def test_without_a_zone_on_one_side_wall_clocks_are_compared(self):
        berlin, naive = self.UTC.dt.tz_convert("Europe/Berlin"), self.UTC.dt.tz_localize(None)
        assert self.kept(Inequality("a", "b"), a=naive, b=berlin) == [True] * 3
        assert self.kept(Inequality("b", "a"), a=naive, b=berlin) == [False] * 3
        assert self.kept(Inequality("a", "2020-01-01T02:00"), a=berlin) == [True, True, False]


def test_a_cell_beyond_the_calendar_of_another_zone_is_missing():
    values = pd.Series(
        [dt.datetime(9999, 12, 31, 23, tzinfo=dt.UTC), dt.datetime(2020, 1, 1, tzinfo=dt.UTC), None],
        dtype=object,
    )
    assert seconds(values, None, ZONE)[1].tolist() == [False, True, False]
    assert np.isnan(moments(values, None, ZONE)).tolist() == [True, False, True]
    assert np.isnan(ahead_of_utc(values, None, ZONE)).tolist() == [True, False, True]
    assert ahead_of_utc(values, None, ZONE)[1] == 7_200
