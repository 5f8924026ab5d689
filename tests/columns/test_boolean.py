"""A column of true and false: conditions, drafts, and values that are neither."""

import pandas as pd
import pytest

from tabgan import Boolean
from tabgan.errors import ConfigError, DataError


@pytest.mark.parametrize(("text", "value"), [("true", True), ("TRUE", True), ("False", False)])
def test_a_condition(text, value):
    assert Boolean(name="a").parse(text, "--condition a") is value


@pytest.mark.parametrize("text", ["yes", "1", ""])
def test_no_condition(text):
    with pytest.raises(ConfigError, match="--condition a: expected true or false"):
        Boolean(name="a").parse(text, "--condition a")


def test_other_values_are_refused_and_not_quoted():
    column = Boolean(name="a")
    column.check_values(pd.Series([True, None, "false"], dtype=object))
    with pytest.raises(DataError, match="Column 'a': expected true or false, found other values") as caught:
        column.check_values(pd.Series([True, "Zanzibar"], dtype=object))
    assert "Zanzibar" not in str(caught.value)


@pytest.mark.parametrize(
    ("series", "dtype"),
    [
        (pd.Series([True, None], dtype="boolean"), "boolean"),
        (pd.Series([True, None], dtype=object), None),
    ],
)
def test_a_draft(series, dtype):
    assert Boolean.draft(series, "a") == Boolean(name="a", dtype=dtype)


@pytest.mark.parametrize("values", [[True, "x"], [1, 0], [None]])
def test_no_draft(values):
    assert Boolean.draft(pd.Series(values, dtype=object), "a") is None


def test_is_told_by_its_values():
    assert Boolean(name="a").describe() == "true, false"
