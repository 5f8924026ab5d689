"""A column of true and false: conditions, drafts, and values that are neither."""

import numpy as np
import pandas as pd
import pytest

from tabgan import Boolean
from tabgan.columns import columns_of_votes, vote_counts
from tabgan.errors import ConfigError, DataError
from tabgan.table.draft import draft_schema


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


@pytest.mark.parametrize("words", [("TRUE", "FALSE"), ("true", "false"), ("True", "False")])
def test_text_comes_back_as_it_was(words):
    """R, Excel and SQL write capitals, JSON small letters; all came back as True and False."""
    cells = pd.Series([words[0]] * 300 + [words[1]] * 700, dtype=object)
    votes = {"x": vote_counts(cells, True).astype(float)}
    column = columns_of_votes(votes, {"x": "object"}, 5.0, True)["x"].column
    form = None if words[0] == "True" else words[0]
    assert (column.kind, column.format) == ("boolean", form)
    encoder = column.encoder()
    found = encoder.inverse_transform(encoder.transform(cells), np.random.default_rng(0))
    assert found.astype(str).tolist() == cells.tolist()
    assert draft_schema(pd.DataFrame({"x": cells}), untyped_text=True)["x"].format == form
    assert encoder.contains(pd.Series([True, "FALSE", "true"], dtype=object))


def test_a_few_other_words_change_no_form():
    votes = vote_counts(pd.Series(["TRUE"] * 900 + ["True"] * 60 + ["false"] * 40, dtype=object), True)
    found = columns_of_votes({"x": votes.astype(float)}, {"x": "object"}, 5.0, True)["x"]
    assert (found.column.format, found.lost) == ("TRUE", 0)
