"""Partial rows: given cells come back as they are, all others are drawn given them."""

from __future__ import annotations

import traceback
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from tabgan.errors import ConfigError, DataError, SchemaError
from tests.drawing.test_conditions import differences

SECRET = "Zanzibar-4711"


@pytest.fixture(autouse=True)
def few_candidates(monkeypatch):
    monkeypatch.setattr("tabgan.model.sampling.EACH_IN_ALL", 2**12)


@pytest.fixture(scope="module")
def masked(free):
    """Return rows with half of their cells made missing, under an index of their own."""
    rows = free.head(100).drop(columns="key")
    is_hidden = np.random.default_rng(0).random(rows.shape) < 0.5
    return rows.mask(is_hidden).set_axis([f"r{i}" for i in range(100)])


def test_given_cells_come_back_as_they_are(model, free, masked):
    whole = model.complete(masked, random_state=1)
    assert list(whole.columns) == model._fitted.encoder.schema.names
    assert whole.index.equals(masked.index)
    assert whole.dtypes.equals(free.dtypes)
    for name in masked:
        given = masked[name].notna()
        assert (
            whole.loc[given, name].astype(object).tolist() == masked.loc[given, name].astype(object).tolist()
        )
    assert whole["key"].is_unique
    pd.testing.assert_frame_equal(whole, model.complete(masked, random_state=1))
    assert not whole.equals(model.complete(masked, random_state=2))


@pytest.mark.family
def test_imputed_rows_lack_nothing(model, masked):
    assert model.complete(masked, random_state=1).isna().any().any()
    assert not model.impute(masked, random_state=1).isna().any().any()


@pytest.mark.parametrize("cells", [[True, False], np.array([True]), pd.array([True, None], dtype="boolean")])
def test_true_and_false_are_no_given_numbers(model, cells):
    with pytest.raises(DataError, match="Column 'age': [12] given cells are not in the column's released"):
        model.complete(pd.DataFrame({"age": cells}))


@pytest.mark.family
def test_whole_rows_are_as_those_of_the_model(model, free):
    """Given cells that are the model's own make whole rows that are its own."""
    rows = free.head(2_000).drop(columns="key")
    columns = ["seen", "sex", "town", "job", "stay", "c3", "c8"]
    given = rows[columns].dropna()
    others = free.dropna(subset=columns).reset_index(drop=True)
    whole = model.complete(given, random_state=3).reset_index(drop=True)
    off = differences(whole, len(whole), others, model._fitted.encoder.schema)
    assert np.sqrt((off**2).mean()) < 1.35
    assert np.abs(off).max() < 4.5


@pytest.mark.family
def test_a_cell_follows_the_given_ones(model, free):
    rows = pd.DataFrame({"c8": ["u"] * 400 + ["w"] * 400})
    whole = model.complete(rows, random_state=0)
    for value in ("u", "w"):
        part, like = whole[whole["c8"] == value], free[free["c8"] == value]
        off = differences(
            part.reset_index(drop=True), 400, like.reset_index(drop=True), model._fitted.encoder.schema
        )
        assert np.sqrt((off**2).mean()) < 1.35


@pytest.mark.parametrize(
    "rows", [pd.DataFrame(index=range(5)), pd.DataFrame({"age": []}), pd.DataFrame({"age": [np.nan]})]
)
def test_nothing_given(model, rows):
    whole = model.complete(rows, random_state=0)
    assert len(whole) == len(rows)
    assert whole.index.equals(rows.index)
    assert whole.dtypes.equals(model.sample(1).dtypes)


def test_values_that_the_dtype_holds_in_another_form(model):
    rows = pd.DataFrame({"age": [5.0, np.nan, 7.0], "seen": ["2020-03-01T10:00", None, "2020-05-01"]})
    whole = model.complete(rows, random_state=0)
    assert whole["age"].dtype == "Int64"
    assert whole["age"].tolist()[::2] == [5, 7]
    assert whole["seen"].tolist()[::2] == [pd.Timestamp("2020-03-01T10:00"), pd.Timestamp("2020-05-01")]


def test_given_keys_stay_and_others_are_none_of_them(model):
    whole = model.complete(pd.DataFrame({"key": ["1", None, "3", None]}), random_state=0)
    assert whole["key"].tolist() == ["1", "2", "3", "4"]


class Hostile:
    """A cell that no column can read, and that shows itself in every error."""

    def __repr__(self):
        return SECRET

    def __eq__(self, other):
        raise ValueError(SECRET)

    __hash__ = None


def test_an_integer_that_no_array_holds_stays(model):
    rows = pd.DataFrame({"plan": pd.Series([10**500, None], dtype=object)})
    assert model.complete(rows, unknown="ignore")["plan"][0] == 10**500


@pytest.mark.parametrize("cell", [Hostile(), [SECRET], Decimal("sNaN")])
def test_an_error_about_an_odd_cell_does_not_quote_it(model, cell):
    """Neither by itself nor by an error that it followed from."""
    rows = pd.DataFrame({"plan": pd.Series([cell, None], dtype=object)})
    with pytest.raises(Exception, match="quote rows") as caught:
        model.complete(rows, unknown="ignore")
    assert SECRET not in "".join(traceback.format_exception(caught.value))


class TestUnknown:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("age", 200),
            ("age", SECRET),
            ("plan", SECRET),
            ("in", SECRET),
            ("seen", "2031-01-01"),
            ("price", -1.0),
        ],
    )
    def test_cells_without_a_place_are_refused(self, model, name, value):
        rows = pd.DataFrame({name: [None, value]}, dtype=object)
        with pytest.raises(
            DataError, match=f"Column '{name}': 1 given cells are not in the column's released"
        ) as caught:
            model.complete(rows)
        assert str(value) not in str(caught.value)

    def test_or_kept_without_effect(self, model):
        whole = model.complete(pd.DataFrame({"age": [200, 30], "plan": [SECRET, "pro"]}), unknown="ignore")
        assert whole["age"].tolist() == [200, 30]
        assert whole["plan"].tolist() == [SECRET, "pro"]

    def test_values_outside_of_the_categories_stand_for_their_pool(self, model):
        whole = model.complete(
            pd.DataFrame({"town": [SECRET], "job": [SECRET], "sex": [SECRET]}), random_state=0
        )
        assert whole.loc[0, ["town", "job", "sex"]].tolist() == [SECRET] * 3

    def test_a_dtype_that_cannot_hold_them(self, model):
        with pytest.raises(DataError, match="Column 'age': dtype Int64 cannot hold a given cell as it is"):
            model.complete(pd.DataFrame({"age": [5.5]}))


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        ([{"age": 5}], DataError, "rows: expected a pandas DataFrame, got list"),
        (pd.DataFrame({"agee": [5]}), SchemaError, "rows: no column 'agee'. Did you mean 'age'"),
        (
            pd.DataFrame([[1, 2]], columns=["age", "age"]),
            DataError,
            "rows: expected columns of different names",
        ),
    ],
)
def test_bad_rows(model, rows, error, words):
    for call in (model.complete, model.impute):
        with pytest.raises(error, match=words):
            call(rows)


def test_another_word_for_unknown(model):
    with pytest.raises(ConfigError, match="unknown: expected one of 'error', 'ignore'"):
        model.complete(pd.DataFrame({"age": [5]}), unknown="drop")
