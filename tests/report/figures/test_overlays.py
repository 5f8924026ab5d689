from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from tabgan.report.figures.overlays import MAX_BARS, MAX_BINS, Bars, Counts, Histogram, NoOverlay, overlay
from tabgan.schema import Boolean, Categorical, Datetime, Identifier, Numeric


def _real_counts(column, values, dtype=None) -> list[int]:
    """Return the first table's counts of each bin or bar; the other tables are empty."""
    real = pd.Series(values, dtype=dtype)
    result = overlay(column, real, real[:0], real[:0])
    parts = result.bins if isinstance(result, Histogram) else result.bars
    return [part.counts.real for part in parts]


class TestHistogram:
    def test_one_bin_a_value_and_the_outside_at_the_ends(self):
        column = Numeric(name="x", bounds=(1, 4), decimals=0)
        assert _real_counts(column, [-99, 1, 2, 2, 4, 5, 1e300, np.inf]) == [2, 2, 0, 4]

    def test_the_axis_is_the_schemas(self):
        column = Numeric(name="x", bounds=(0, 1000), decimals=1)
        real = pd.Series([3.25, 700.75])
        bins = overlay(column, real, real, real).bins
        assert len(bins) <= MAX_BINS
        assert (bins[0].low, bins[-1].high) == (0.0, 1000.0)
        assert "700.7" not in repr(bins)

    def test_bins_are_equally_wide(self):
        column = Numeric(name="x", bounds=(0, 79), decimals=0)
        assert _real_counts(column, list(range(80))) == [2] * 40

    @pytest.mark.parametrize(
        "values",
        [
            pd.array([1, 2, None], dtype="Int64"),
            pd.array([1, 2, None], dtype="Float64"),
            pd.Categorical([1, 2, None]),
            np.array([1.0, 2.0, np.nan]),
            np.array([1, 2, None], dtype=object),
        ],
    )
    def test_dtypes_of_numbers(self, values):
        column = Numeric(name="x", bounds=(1, 2), decimals=0)
        real = pd.Series(values)
        result = overlay(column, real, real, real)
        assert [part.counts for part in result.bins] == [Counts(1, 1, 1)] * 2
        assert (result.missing, result.unreadable) == (Counts(1, 1, 1), Counts(0, 0, 0))

    def test_values_of_another_kind_are_counted_apart(self):
        column = Numeric(name="x", bounds=(1, 2), decimals=0)
        real = pd.Series(["1", "secret", None], dtype=object)
        result = overlay(column, real, real[:0], real[:0])
        assert (result.unreadable.real, result.missing.real) == (1, 1)
        assert "secret" not in repr(result)

    @pytest.mark.parametrize(
        ("values", "format_"),
        [
            (pd.to_datetime(["2020-01-01", "2020-01-03", None]), None),
            (pd.to_datetime(["2020-01-01 23:59", "2020-01-03 01:00", None]).tz_localize("Asia/Tokyo"), None),
            ([dt.date(2020, 1, 1), dt.date(9999, 12, 31), None], None),
            (["01/01/2020", "31/12/9999", None], "%d/%m/%Y"),
        ],
    )
    def test_moments(self, values, format_):
        column = Datetime(name="x", bounds=("2020-01-01", "2020-01-03"), resolution="day", format=format_)
        real = pd.Series(values)
        result = overlay(column, real, real, real)
        assert [part.low for part in result.bins] == ["2020-01-01", "2020-01-02", "2020-01-03"]
        assert [part.counts.real for part in result.bins] == [1, 0, 1]
        assert (result.missing.real, result.unreadable.real) == (1, 0)

    def test_bounds_beside_the_lattice(self):
        assert _real_counts(Numeric(name="x", bounds=(0.5, 3.5), decimals=0), [1, 2, 2, 3]) == [1, 2, 1]
        assert _real_counts(Numeric(name="x", bounds=(0.1, 0.3), decimals=1), [0.1, 0.2, 0.3]) == [1, 1, 1]
        days = Datetime(name="x", bounds=("2020-01-01T12:00", "2020-01-02T12:00"), resolution="day")
        assert _real_counts(days, pd.to_datetime(["2020-01-01", "2020-01-02"])) == [1, 1]

    def test_constant_and_all_missing(self):
        column = Numeric(name="x", bounds=(5, 5), decimals=2)
        assert _real_counts(column, [5.0, 5.0]) == [2]
        assert _real_counts(column, [None, None], "Float64") == [0]


class TestBars:
    def test_what_the_schema_lacks_has_no_name(self):
        column = Categorical(name="x", categories=("a", "b"))
        real = pd.Series(["a", "a", "b", "secret", None])
        result = overlay(column, real, real[:1], real[:0])
        assert [(bar.category, bar.counts.real) for bar in result.bars] == [("a", 2), ("b", 1)]
        assert (result.outside.real, result.missing.real) == (1, 1)
        assert "secret" not in repr(result)

    def test_the_rest_is_pooled(self):
        column = Categorical(name="x", categories=tuple(range(30)))
        real = pd.Series(np.repeat(np.arange(30), np.arange(1, 31)))
        result = overlay(column, real, real, real)
        assert [bar.category for bar in result.bars] == list(range(29, 29 - MAX_BARS, -1))
        assert (result.n_others, result.others.real) == (18, sum(range(1, 19)))

    def test_no_pool_of_one(self):
        column = Categorical(name="x", categories=tuple(range(MAX_BARS + 1)))
        assert len(_real_counts(column, [0])) == MAX_BARS + 1

    def test_ordered_categories_keep_their_order(self):
        column = Categorical(name="x", categories=("low", "mid", "high"), ordered=True)
        assert _real_counts(column, ["high", "high", "low"]) == [1, 0, 2]

    @pytest.mark.parametrize("values", [[1.0, 2.0, 1.0], [1, 2, 1], np.array([1, 2, 1], dtype="int8")])
    def test_numbers_match_across_dtypes(self, values):
        assert _real_counts(Categorical(name="x", categories=(1, 2)), values) == [2, 1]

    def test_true_is_not_one(self):
        assert _real_counts(Categorical(name="x", categories=(1, 0)), [True, False]) == [0, 0]

    @pytest.mark.parametrize("dtype", ["bool", "boolean", "object"])
    def test_booleans(self, dtype):
        real = pd.Series([True, False, True], dtype=dtype)
        result = overlay(Boolean(name="x"), real, real, real)
        assert isinstance(result, Bars)
        assert {bar.category: bar.counts.real for bar in result.bars} == {True: 2, False: 1}


class TestNone:
    @pytest.mark.parametrize(
        ("column", "reason"),
        [
            (Identifier(name="x"), "not modelled"),
            (Numeric(name="x"), "open"),
            (Numeric(name="x", bounds=(0.2, 0.8)), "open"),
            (Datetime(name="x", bounds=("2020-01-01", "2020-01-02")), "open"),
            (Categorical(name="x"), "no categories"),
        ],
    )
    def test_says_why(self, column, reason):
        real = pd.Series(["a", "b"])
        result = overlay(column, real, real, real)
        assert isinstance(result, NoOverlay)
        assert reason in result.reason
