from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabgan._util import validate
from tabgan.errors import ConfigError

NO_NUMBERS = [None, "1", True, False, [1], 1j, math.nan, np.nan]


class TestRealIn:
    @given(st.floats(0, 1, exclude_min=True, exclude_max=True))
    def test_inside(self, value):
        assert validate.real_in("x", value, 0, 1) == value

    @pytest.mark.parametrize("value", [1, np.float32(1), np.int64(1)])
    def test_numbers_of_all_types_become_floats(self, value):
        result = validate.real_in("x", value, 0, 2)
        assert result == 1.0
        assert type(result) is float

    @pytest.mark.parametrize("value", [*NO_NUMBERS, 0, 1, -1, 2, math.inf])
    def test_outside(self, value):
        with pytest.raises(ConfigError, match=r"^delta: expected a number in \(0, 1\), got .*\. Use less\.$"):
            validate.real_in("delta", value, 0, 1, fix="Use less.")

    def test_ends(self):
        assert validate.real_in("x", 0, 0, 1, open_low=False) == 0
        assert validate.real_in("x", 1, 0, 1, open_high=False) == 1
        with pytest.raises(ConfigError, match=r"expected a number in \[0, 1\), got 1\."):
            validate.real_in("x", 1, 0, 1, open_low=False)


class TestPositive:
    @pytest.mark.parametrize("value", [*NO_NUMBERS, 0, -1e-300, math.inf, -math.inf])
    def test_refused(self, value):
        with pytest.raises(ConfigError, match=r"^epsilon: expected a number in \(0, inf\), got "):
            validate.positive("epsilon", value)

    @given(st.floats(1e-300, 1e300))
    def test_accepted(self, value):
        assert validate.positive("x", value) == value


class TestInteger:
    @pytest.mark.parametrize("value", [*NO_NUMBERS, 2, 3.0, math.inf])
    def test_refused(self, value):
        with pytest.raises(ConfigError, match=r"^n: expected an integer of at least 3, got "):
            validate.integer_at_least("n", value, 3)

    @pytest.mark.parametrize("value", [3, np.int8(3), 10**30])
    def test_accepted(self, value):
        result = validate.integer_at_least("n", value, 3)
        assert result == value
        assert type(result) is int


class TestOneOf:
    def test_accepted(self):
        assert validate.one_of("x", "a", ("a", "b")) == "a"

    @pytest.mark.parametrize("value", ["c", None, 1, ["a"], "A", ""])
    def test_refused(self, value):
        with pytest.raises(ConfigError, match=r"^x: expected one of 'a', 'b', got .*\. Use 'a'\.$"):
            validate.one_of("x", value, ("a", "b"), fix="Use 'a'.")


@pytest.mark.parametrize(
    "check",
    [
        lambda value: validate.positive("x", value),
        lambda value: validate.integer_at_least("x", value, 1),
        lambda value: validate.one_of("x", value, ("a", "b")),
    ],
    ids=["positive", "integer", "one_of"],
)
def test_a_table_passed_for_an_argument_is_not_echoed(check):
    """``TabGAN(df)`` is a likely slip."""
    with pytest.raises(ConfigError) as caught:
        check(pd.DataFrame({"name": ["Zanzibar-4711"]}))
    assert "Zanzibar" not in str(caught.value)
