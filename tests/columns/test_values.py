"""Every value is read by itself: one row more changes no other row, and none raises."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabgan.columns import vote_counts
from tabgan.columns.canonical import canonical_bytes
from tabgan.columns.keys import keys_of
from tabgan.columns.kind import read_text
from tabgan.columns.values import ahead_of_utc, booleans, elapsed, floats, moments, seconds
from tabgan.schema import Boolean, Categorical, Numeric

SECRET = "Zanzibar-4711"
ZONE = dt.timezone(dt.timedelta(hours=2))

ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=12),
    st.decimals(),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=st.just(ZONE)),
    st.sampled_from(
        [pd.NA, pd.NaT, SECRET, "9999-12-31", "nan", "inf", dt.date(9999, 12, 31), object(), 1j, [1]]
    ),
    st.timedeltas(),
    st.sampled_from(
        [
            *map(np.str_, ("1 days", "1.5", "true", "2020-01-31", "x")),
            *(
                "31/12/2020",
                "01/02/2020",
                "2020-01-31T10:00:00.5+02:00",
                "20200131",
                "9999-12-31T23:59:59-23:59",
            ),
            *("1 days", "1 days 02:00:00", "106751 days 23:47:17", "P1DT2H", "PT1.2.3S", "1_000", "a\0b"),
            *(np.timedelta64(5, unit) for unit in ("ns", "s", "D", "M", "Y")),
            *(np.timedelta64(2**62, "s"), np.datetime64(5, "as"), pd.Timedelta.min, pd.Timedelta.max),
        ]
    ),
)

#: Equal texts of two types: NumPy's is data like any other.
TEXTS = [
    kind(text)
    for text in ("1 days 02:00:00", "1 days", "1.5", "true", "2020-01-31", "a")
    for kind in (str, np.str_)
]


@settings(deadline=None)
@given(values=st.lists(ANYTHING, min_size=1, max_size=8), row=ANYTHING)
def test_one_row_more_changes_no_other_row(values, row):
    series, longer = pd.Series(values, dtype=object), pd.Series([*values, row], dtype=object)
    np.testing.assert_array_equal(floats(series), floats(longer)[:-1])
    assert booleans(series) == booleans(longer)[:-1]
    for format_, zone in ((None, None), (None, ZONE), ("%d/%m/%Y", None), ("%Y-%m-%dT%H:%M:%S.%f%z", dt.UTC)):
        for short, long in zip(seconds(series, format_, zone), seconds(longer, format_, zone), strict=True):
            np.testing.assert_array_equal(short, long[:-1])
        for read in (moments, ahead_of_utc):
            np.testing.assert_array_equal(read(series, format_, zone), read(longer, format_, zone)[:-1])
    np.testing.assert_array_equal(
        vote_counts(longer, True), vote_counts(series, True) + vote_counts(longer.iloc[-1:], True)
    )
    for short, long in zip(elapsed(series), elapsed(longer), strict=True):
        np.testing.assert_array_equal(short, long[:-1])


@pytest.mark.family
@given(values=st.lists(st.sampled_from(TEXTS), min_size=1, max_size=8))
def test_text_of_a_subclass_is_text_wherever_it_stands(values):
    """NumPy's strings: whichever of two equal texts came first once decided for all of them."""
    series, plain = pd.Series(values, dtype=object), pd.Series(list(map(str, values)), dtype=object)
    for read in (floats, booleans, lambda s: seconds(s, None), elapsed, lambda s: keys_of(s, "a")):
        np.testing.assert_equal(read(series), read(plain))
    votes = vote_counts(series, True)
    np.testing.assert_array_equal(votes, sum(vote_counts(series.iloc[[i]], True) for i in range(len(series))))
    np.testing.assert_array_equal(votes, vote_counts(plain, True))


class TestFloats:
    def test_what_is_no_finite_number_is_missing(self):
        values = [
            1,
            2.5,
            True,
            Decimal("0.5"),
            "7",
            " 8.5 ",
            None,
            pd.NA,
            np.nan,
            np.inf,
            "x",
            1j,
            10**400,
            dt.date(2020, 1, 1),
        ]
        found = floats(pd.Series(values, dtype=object))
        assert found[:6].tolist() == [1, 2.5, 1, 0.5, 7, 8.5]
        assert np.isnan(found[6:]).all()

    @pytest.mark.parametrize("dtype", ["Int64", "Float64", "boolean", "int8", "float32", "bool"])
    def test_every_number_dtype(self, dtype):
        assert floats(pd.Series([1, 0], dtype=dtype)).tolist() == [1, 0]

    def test_a_nan_inside_a_nullable_float_is_missing(self):
        series = pd.Series([0.0, 1.0], dtype="Float64")
        assert np.isnan(floats(series / series)[0])


class TestSeconds:
    def test_the_wall_clock_whatever_the_zone_and_the_year(self):
        """One value beyond nanoseconds once made all others be read in another way."""
        moment = dt.datetime(2024, 5, 6, 7, 8, 9, 123456)
        values = [
            moment,
            moment.replace(tzinfo=ZONE),
            pd.Timestamp(moment),
            np.datetime64("2024-05-06T07:08:09.5"),
        ]
        for more in ([], [dt.datetime(9999, 12, 31, tzinfo=ZONE)]):
            found, present = seconds(pd.Series(values + more, dtype=object), None)
            assert len(set(found[:4])) == 1
            assert present.all()

    def test_days_before_1970_round_down(self):
        found, _ = seconds(pd.Series(pd.to_datetime(["1969-12-31 23:59:59.999"])), None)
        assert found.tolist() == [-1]

    @pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
    @pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
    def test_every_unit_and_zone(self, unit, zone):
        series = (
            pd.Series(pd.to_datetime(["1970-01-02 00:00:01", None])).dt.as_unit(unit).dt.tz_localize(zone)
        )
        found, present = seconds(series, None)
        assert present.tolist() == [True, False]
        assert found[0] == 86_401

    def test_text_that_is_not_in_the_format_is_missing(self):
        _, present = seconds(pd.Series(["2024-01-31", "2024-31-01", SECRET, "", "now", None]), "%Y-%m-%d")
        assert present.tolist() == [True, False, False, False, False, False]


def test_booleans():
    values = [True, np.False_, "TRUE", "false", 1, "yes", None]
    assert booleans(pd.Series(values, dtype=object)) == [True, False, True, False, None, None, None]


def test_a_table_of_text_becomes_what_its_columns_say():
    df = pd.DataFrame({"n": ["1", "x", None], "b": ["true", "FALSE", "?"], "t": ["1", "2", "3"]})
    columns = [
        Numeric(name="n", dtype="Int64"),
        Boolean(name="b", dtype="boolean"),
        Categorical(name="t", dtype="object"),
    ]
    read = read_text(df, columns)
    assert read["n"].isna().tolist() == [False, True, True]
    assert read["b"].isna().tolist() == [False, False, True]
    assert read["t"].tolist() == ["1", "2", "3"]


@pytest.mark.parametrize("word", ["NA", "None", " null ", "", "  "])
def test_a_word_for_a_missing_value_has_no_vote_where_text_is_read(word):
    """It is a value of a column of text, and missing in one of numbers, which the other cells decide."""
    series = pd.Series(["1", word, "x", word], dtype=object)
    assert vote_counts(series, True)[:-1].sum() == 2
    assert vote_counts(series, False).sum() == 4


def test_text_is_read_whatever_the_columns_are_called():
    """Names such as ``self`` are no keywords."""
    df = pd.DataFrame({"self": ["1", "x"], "": ["2", "3"], "inplace": ["a", "b"]})
    read = read_text(df, [Numeric(name="self"), Numeric(name=""), Categorical(name="inplace")])
    assert read["self"].tolist() == [1, pytest.approx(np.nan, nan_ok=True)]
    assert read[""].tolist() == [2, 3]
    assert df["self"].tolist() == ["1", "x"]


@pytest.mark.parametrize(
    ("moment", "second"),
    [
        (pd.Timestamp.min, -9_223_372_037),
        (pd.Timestamp("1677-09-21 00:12:44"), -9_223_372_036),
        (pd.Timestamp("1969-12-31 23:59:59.999999999"), -1),
        (pd.Timestamp.max, 9_223_372_036),
    ],
)
def test_the_first_and_last_moments_of_nanoseconds_are_read_as_all_others(moment, second):
    """NumPy wraps around, or from 2.5 on raises, where the whole second lies before the first nanosecond."""
    column, cells = (
        pd.Series([moment, pd.NaT], dtype="datetime64[ns]"),
        pd.Series([moment, None], dtype=object),
    )
    for series in (column, cells):
        found, present = seconds(series, None)
        assert (found[0], present.tolist()) == (second, [True, False])
        assert moments(series, None)[0] == pytest.approx(second, abs=1.0)
    assert moments(column, None)[0] == moments(cells, None)[0]
    assert (canonical_bytes(column, b"k" * 32, 3) == canonical_bytes(cells, b"k" * 32, 3)).all()
