from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from tabgan.errors import DataError
from tabgan.evaluation.catalog import Entry
from tabgan.evaluation.metric import Figure, NotComputed, draw, measure, metric_of, wilson_interval
from tabgan.evaluation.result import Evaluation, Interval, Metric

ONE = Entry("one", "One", "fidelity", "higher", "percent", "What is measured.", "What is good.")


class TestMetric:
    def test_a_value_or_a_reason(self):
        metric = metric_of(ONE, Figure(0.5))
        for changes in ({"value": None}, {"reason": "why"}):
            with pytest.raises(ValueError, match="either a value or a reason"):
                dataclasses.replace(metric, **changes)

    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_no_stand_ins(self, value):
        """Pitfall 29."""
        with pytest.raises(ValueError, match="finite"):
            dataclasses.replace(metric_of(ONE, Figure(0.5)), value=value)

    def test_text(self):
        assert metric_of(ONE, Figure(0.5)).text == "50.0%"
        assert metric_of(ONE, "no rows").text == "not computed"

    def test_numpys_numbers_become_pythons(self):
        metric = dataclasses.replace(
            metric_of(ONE, Figure(0.5)),
            value=np.float32(0.5),
            interval=Interval(np.float64(0), np.float32(1)),
        )
        found = Evaluation((metric,), (), np.int64(1), 2, 3, None, 0)
        assert json.loads(json.dumps(found.to_dict()))["metrics"][0]["interval"] == {
            "low": 0,
            "high": 1,
            "level": 0.95,
        }


class TestMeasure:
    def _raise(self, error: Exception) -> list[Figure]:
        raise error

    def test_a_figure_that_is_not_defined_has_a_reason(self):
        (metric,) = measure([ONE], lambda: [Figure(math.nan, reference=0.3)])
        assert (metric.value, metric.reference) == (None, None)
        assert metric.reason == "the figure is not defined on these tables"

    def test_a_reason_in_words(self):
        (metric,) = measure([ONE], lambda: self._raise(NotComputed("too few rows")))
        assert metric.reason == "too few rows"

    @pytest.mark.unexpected
    def test_what_a_library_raises_becomes_a_reason_without_its_message(self, caplog):
        (metric,) = measure([ONE], lambda: self._raise(ValueError("a cell")))
        assert metric.reason == "the computation failed (ValueError)"
        assert "evaluation/metric.py" in caplog.text
        assert "test_result.py" in caplog.text
        assert " _raise" in caplog.text
        assert "a cell" not in caplog.text

    @pytest.mark.unexpected
    def test_and_fails_the_suite(self, check_of_the_suite):
        """The negative control of the check that every test ends with."""
        measure([ONE], lambda: [Figure(0.5)])
        check_of_the_suite()
        for swallow in (measure, lambda _, compute: draw(compute)):
            swallow([ONE], lambda: self._raise(ValueError("a cell")))
            with pytest.raises(pytest.fail.Exception, match="Unexpected ValueError"):
                check_of_the_suite()
            swallow([ONE], lambda: self._raise(NotComputed("too few rows")))
            check_of_the_suite()

    def test_our_own_errors_pass(self):
        with pytest.raises(DataError):
            measure([ONE], lambda: self._raise(DataError("wrong table")))

    def test_a_missing_reference_is_none(self):
        (metric,) = measure([ONE], lambda: [Figure(0.5, reference=math.nan)])
        assert metric.reference is None
        assert isinstance(metric, Metric)


class TestWilson:
    @pytest.mark.parametrize(
        ("successes", "n", "low", "high"),
        # Newcombe (1998), Two-sided confidence intervals for the single proportion, table I, method 3.
        [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
    )
    def test_published_values(self, successes, n, low, high):
        interval = wilson_interval(successes, n)
        assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)
