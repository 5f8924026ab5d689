"""Conditions of every form: each row meets them, and what else it holds is as among rows that happen to meet them."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tabgan import TabGAN
from tabgan.drawing.rows import EFFECTIVE
from tabgan.errors import ConfigError, DataError, SchemaError
from tabgan.schema import Categorical, Identifier, Numeric, Pii, Schema, Text
from tabgan.table.conditions import Between, coded, conditions_of

CONDITIONS = {
    "a range that cuts bins": {"age": Between(17, 43)},
    "a range that cuts wide cells": {"income": Between(1_237, 1_891)},
    "a set with ranges and missing": {"age": [Between(None, 7), 50, Between(90, None), None]},
    "a value that others are replaced by": {"sex": "f"},
    "the label of others, and missing": {"town": ["other (not released)", None]},
    "missing where others are shown as such": {"job": None},
    "not missing": {"job": {"missing": False}},
    "ordered categories": {"plan": Between("plus", "pro")},
    "a duration": {"stay": {"min": "3 hours 10 minutes", "max": "9 hours"}},
    "moments that cut codes, hours and weekdays": {"seen": Between("2020-03-05T10:00", "2020-04-09T03:17")},
    "days that cut months": {"day": [Between("2021-01-17", "2021-02-02"), None]},
    "a frequent number that ends a range": {"price": Between(10, 12.5)},
    "the twentieth column": {"c8": ["u", "v"]},
    "several": {"age": Between(20, 70), "sex": ["f", "m"], "town": ["a", "b"], "c3": ["u", "v"]},
}


def met(table, model, wanted):
    """Return ``(rows,)`` true for the rows of a table that meet conditions, each looked at by itself."""
    schema = model._fitted.encoder.schema
    stated = conditions_of(wanted, schema.names)
    return np.all([each.keeps(table[name], schema[name]) for name, each in stated.items()], axis=0)


def groups(series, column, like):
    """Return the group of each cell: its category, or its quarter of another series' values."""
    if column.has_categories:
        return series.map(lambda value: "missing" if value is None or value is pd.NA else str(value))
    places, quarters = column.read(series), np.nanquantile(column.read(like), [0.25, 0.5, 0.75])
    return pd.Series(np.where(np.isnan(places), -1, np.searchsorted(quarters, places)))


def differences(one, worth, other, schema):
    """Return the differences between all shares of two tables, in standard errors of both."""
    found = []
    for column in schema:
        if not column.is_modelled:
            continue
        a, b = (groups(table[column.name], column, other[column.name]) for table in (one, other))
        parts = [(a, b)]
        if column.quantity == "a moment":
            parts += [
                (getattr(one[column.name].dt, part), getattr(other[column.name].dt, part))
                for part in ("hour", "day_of_week", "month")
            ]
        for a, b in parts:
            shares = pd.concat(
                [a.value_counts(normalize=True), b.value_counts(normalize=True)], axis=1
            ).fillna(0)
            x, y = shares.to_numpy().T
            both = (x * worth + y * len(other)) / (worth + len(other))
            error = np.sqrt(np.maximum(both * (1 - both), 1e-4) * (1 / worth + 1 / len(other)))
            found += ((x - y) / error).tolist()
    return np.array(found)


@pytest.mark.family(keep=1)
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.family if i % 3 else ()) for i, name in enumerate(CONDITIONS)],
)
def test_rows_are_as_those_that_happen_to_meet_them(model, free, name):
    wanted = CONDITIONS[name]
    sample = model.sample(1_500, conditions=wanted, random_state=3)
    assert len(sample) == 1_500
    assert met(sample, model, wanted).all()
    assert sample.dtypes.equals(free.dtypes)
    others = free[met(free, model, wanted)].reset_index(drop=True)
    off = differences(sample, sample.attrs[EFFECTIVE], others, model._fitted.encoder.schema)
    assert len(off) > 60
    assert np.sqrt((off**2).mean()) < 1.35
    assert np.abs(off).max() < 4.5


def test_the_check_would_see_rows_of_another_distribution(model, free):
    """A negative control: the rows that do not meet the condition."""
    schema, is_met = model._fitted.encoder.schema, met(free, model, {"plan": "pro"})
    off = differences(free[~is_met].head(1_500), 1_500, free[is_met], schema)
    assert np.sqrt((off**2).mean()) > 2


def test_a_moment_with_cycles_does_not_thin_out_under_conditions_alone(model):
    """Its calendar draws without them: a condition must not tell of an end that a plain sample does not have."""
    encoder = model._fitted.encoder
    moments = encoder.columns[0]
    thin = replace(moments, encoder=moments.encoder.without_taper())
    thin.encoder.taper = np.array([1e-6, 1e-6])
    wanted = conditions_of({"seen": Between("2020-12-25")}, encoder.schema.names)
    plain, tapered = (coded(each, wanted) for each in (encoder, encoder.with_columns({0: thin})))
    np.testing.assert_allclose(plain.encoder.columns[0].weights, tapered.encoder.columns[0].weights)


@pytest.mark.family
def test_a_seed_and_a_set_draw_the_same_rows(model):
    wanted = [{"town": {"a", "b", None}, "age": Between(30)}, {"age": {"min": 30}, "town": [None, "b", "a"]}]
    one, other = (model.sample(50, conditions=each, random_state=5) for each in wanted)
    pd.testing.assert_frame_equal(one, other)
    assert not one.equals(model.sample(50, conditions=wanted[0], random_state=6))


@pytest.mark.parametrize(("n", "sizes"), [(0, [0]), (25, [10, 10, 5])])
def test_exactly_as_many_in_batches(model, n, sizes):
    batches = list(model.sample_batches(n, 10, conditions={"age": Between(30, 40)}, random_state=0))
    assert [len(batch) for batch in batches] == sizes
    assert pd.concat(batches)["key"].tolist() == [str(number) for number in range(1, n + 1)]


class TestEffectiveSize:
    def test_is_told_where_rows_repeat(self, model, caplog, monkeypatch):
        for name, few in (("AMPLE", 0), ("CANDIDATES", 1), ("MOST_CANDIDATES", 1), ("MIN_CANDIDATES", 1)):
            monkeypatch.setattr(f"tabgan.model.sampling.{name}", few)
        rare = {"c6": "u", "c7": "v", "c8": "w"}
        with caplog.at_level(logging.WARNING):
            sample = model.sample(400, conditions=rare, random_state=1)
        worth = sample.attrs[EFFECTIVE]
        assert 0 < worth < 400
        assert "the 400 rows are worth about" in caplog.text
        assert len(sample) == 400
        assert met(sample, model, rare).all()

    def test_is_the_number_of_rows_elsewhere(self, model, caplog):
        sample = model.sample(100, conditions={"age": Between(30, 40)}, random_state=0)
        assert sample.attrs[EFFECTIVE] == 100
        assert EFFECTIVE not in model.sample(5, random_state=0).attrs
        assert not caplog.records


class TestUnreleased:
    def test_values_of_a_set_are_left_out_and_told(self, model, caplog):
        sample = model.sample(20, conditions={"town": ["a", "Atlantis"], "age": [5, 500, -3]}, random_state=0)
        assert set(sample["town"]) == {"a"}
        assert set(sample["age"]) == {5}
        assert "column 'town': 1 of the 2 values asked for are not in its released domain" in caplog.text
        assert "column 'age': 2 of the 3" in caplog.text
        assert "Atlantis" not in caplog.text

    @pytest.mark.parametrize(
        "wanted",
        [
            {"town": "Atlantis"},
            {"town": ["Atlantis", "Mu"]},
            {"age": Between(200, 300)},
            {"income": Between(17.2, 17.8)},
            {"plan": ["free"]},
        ],
    )
    def test_nothing_that_remains_is_an_error(self, model, wanted):
        (name,) = wanted
        with pytest.raises(DataError, match=f"Column '{name}': the value asked for is not in") as caught:
            model.sample(5, conditions=wanted)
        assert "Atlantis" not in str(caught.value)


@pytest.mark.parametrize(
    ("wanted", "error", "words"),
    [
        ({"key": ["1"]}, DataError, "column 'key' is an identifier, which is generated and cannot be fixed"),
        ({"sexx": ["f"]}, SchemaError, "conditions: no column 'sexx'. Did you mean 'sex'"),
        ({"sex": []}, ConfigError, "column 'sex': expected at least one value, got an empty list"),
        ({"sex": {}}, ConfigError, "column 'sex': no key. Known: min, max, missing"),
        ({"age": {"low": 1}}, ConfigError, "column 'age': unknown key 'low'"),
        ({"age": {"missing": "no"}}, ConfigError, "column 'age': missing: expected true or false, got str"),
        ({"sex": Between("f", "m")}, DataError, "Column 'sex': expected single values, got a range"),
        ({"age": Between(65, 18)}, DataError, "Column 'age': expected a range with its smaller end first"),
        (
            {"plan": Between("pro", "plus")},
            DataError,
            "Column 'plan': expected a range with its smaller end first",
        ),
        (
            {"plan": Between("free", "pro")},
            DataError,
            "Column 'plan': expected one of the released categories",
        ),
        ({"age": Between("young")}, DataError, "Column 'age': expected a number, got str"),
        ({"age": "young"}, DataError, "Column 'age': expected a number, got str"),
        ({"age": True}, DataError, "Column 'age': expected a number, got bool"),
        ({"age": [30, np.True_]}, DataError, "Column 'age': expected a number, got bool"),
        ({"age": Between(False, 30)}, DataError, "Column 'age': expected a number, got bool"),
        ({"seen": [3]}, DataError, "Column 'seen': expected a moment, got int"),
        ({"in": [None]}, DataError, "Column 'in': missing cells were asked for, and samples have none"),
        ({"c3": None}, DataError, "Column 'c3': missing cells were asked for, and samples have none"),
        ({"seen": Between("2020")}, DataError, "Column 'seen': expected a moment, got str"),
        ({"stay": Between(5)}, DataError, "Column 'stay': expected a duration, got int"),
    ],
)
def test_bad_input_ends_in_words(model, wanted, error, words):
    with pytest.raises(error, match=words) as caught:
        model.sample(5, conditions=wanted)
    assert "young" not in str(caught.value)


class TestImputing:
    def test_no_cell_is_missing(self, model):
        assert not model.sample(300, impute=True, random_state=0).isna().any().any()
        assert not model.sample(50, impute=True, conditions={"age": Between(20, 30)}).isna().any().any()

    def test_what_was_missing_is_drawn_given_the_rest(self, model, free):
        """Rows are not left out: an early column has the shares that it has without imputing."""
        sample = model.sample(4_000, impute=True, random_state=0)
        for name in ("sex", "in"):
            for value, share in free[name].value_counts(normalize=True).items():
                found = (sample[name] == value).mean()
                assert abs(found - share) < 0.08  # later columns follow values instead of missing cells
        present = free["age"].notna()
        assert abs(sample["age"].mean() - free.loc[present, "age"].mean()) < 2

    @pytest.mark.family
    def test_a_column_of_which_nothing_was_released_stays_missing_and_is_told(self, caplog):
        df = pd.DataFrame({"age": np.arange(600) % 40, "never": np.nan, "paid": np.arange(600) % 7 * 0.5})
        df.loc[::5, "paid"] = np.nan
        model = TabGAN(epsilon=5.0, random_state=0).fit(df)
        for draw in (lambda: model.sample(200, impute=True), lambda: model.impute(df[["paid"]].head(50))):
            caplog.clear()
            rows = draw()
            assert rows["never"].isna().all()
            assert not rows[["age", "paid"]].isna().any().any()
            assert "impute: no value was released of 'never', so missing cells stay" in caplog.text

    @pytest.mark.parametrize("value", [1, None, "yes"])
    def test_another_word_is_refused(self, model, value):
        with pytest.raises(ConfigError, match="impute: expected true or false"):
            model.sample(5, impute=value)


class TestProportions:
    @pytest.mark.family
    def test_are_met_up_to_rounding(self, model, free):
        sample = model.sample(
            1_001, proportions={"plan": {"pro": 0.5, "basic": 0.2, None: 0.1}}, random_state=0
        )
        counts = sample["plan"].value_counts(dropna=False)
        assert (counts["pro"], counts["basic"], counts[None]) in {
            (501, 200, 100),
            (500, 201, 100),
            (500, 200, 101),
        }
        others = free.loc[free["plan"].isin(["plus", "max"]), "plan"].value_counts(normalize=True)
        share = counts["plus"] / (counts["plus"] + counts["max"])
        assert abs(share - others["plus"]) < 4 * np.sqrt(0.25 / 200)
        assert sample["key"].is_unique
        assert sample["plan"].head(20).nunique(dropna=False) > 1  # in random order
        assert sample.attrs[EFFECTIVE] == 1_001

    @pytest.mark.family
    def test_of_ranges_and_under_conditions(self, model):
        shares = [{"value": Between(18, 39), "share": 0.5}, {"value": {"min": 60}, "share": 0.5}]
        batches = model.sample_batches(
            40, 15, proportions={"age": shares}, conditions={"sex": ["f", "m"]}, random_state=0
        )
        batches = list(batches)
        assert [len(batch) for batch in batches] == [15, 15, 10]
        whole = pd.concat(batches)
        assert whole["age"].between(18, 39).sum() == (whole["age"] >= 60).sum() == 20
        assert set(whole["sex"]) == {"f", "m"}

    @pytest.mark.family
    def test_parts_have_the_conditional_distribution(self, model, free):
        sample = model.sample(3_000, proportions={"sex": {"f": 0.5, "m": 0.5}}, random_state=0)
        part = sample[sample["sex"] == "f"]
        off = differences(part, len(part), free[free["sex"] == "f"], model._fitted.encoder.schema)
        assert np.sqrt((off**2).mean()) < 1.35

    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize("n", [0, 1, 2])
    def test_of_few_rows(self, model, n):
        one, other = (model.sample(n, proportions={"sex": {"f": 0.5}}, random_state=7) for _ in range(2))
        assert len(one) == n
        pd.testing.assert_frame_equal(one, other)

    @pytest.mark.parametrize(
        ("shares", "error", "words"),
        [
            ({"sex": {"f": 0.5, "m": 0.7}}, ConfigError, "shares that sum to at most 1, got 1.2"),
            ({"sex": {"f": -0.1}}, ConfigError, r"share: expected a number in \[0, 1\], got -0.1"),
            ({"sex": {"f": "half"}}, ConfigError, r"share: expected a number in \[0, 1\]"),
            ({"sex": {}}, ConfigError, "expected at least one share, got none"),
            ({"sex": 0.5}, ConfigError, "expected shares by column such as"),
            ([], ConfigError, "expected shares by column such as"),
            ({"sex": [{"value": "f"}]}, ConfigError, "expected a list of parts such as"),
            ({}, ConfigError, "expected shares by column such as"),
            (
                {"sex": {"f": 1.0}, "in": {True: 2.0}},
                ConfigError,
                r"'in': share: expected a number in \[0, 1\]",
            ),
            ({"sexx": {"f": 1.0}}, SchemaError, "proportions: no column 'sexx'"),
            ({"key": {"1": 1.0}}, DataError, "column 'key' is an identifier"),
            (
                {"sex": {"f": 0.4, "m": 0.4, "x": 0.1}},
                DataError,
                "sum to 0.9, and the model has no other value",
            ),
            ({"sex": {"Atlantis": 1.0}}, DataError, "Column 'sex': the value asked for is not in"),
            (
                {"age": [{"value": Between(1, 5), "share": 0.5}, {"value": 5, "share": 0.5}]},
                ConfigError,
                "column 'age': two shares are of the same value",
            ),
        ],
    )
    def test_bad_input_ends_in_words(self, model, shares, error, words):
        with pytest.raises(error, match=words):
            model.sample(10, proportions=shares)

    def test_a_condition_on_the_same_column_is_refused(self, model):
        with pytest.raises(ConfigError, match="column 'sex': expected no condition on it, too"):
            model.sample(10, proportions={"sex": {"f": 1.0}}, conditions={"sex": "m"})


@pytest.fixture(scope="module")
def made_up():
    n = 400
    df = pd.DataFrame(
        {
            "plate": [f"{'AB'[i % 2]}-{i:03d}" if i % 4 else f"{i:05d}" for i in range(n)],
            "code": ["x" if i % 2 else f"Z{i:03d}" for i in range(n)],
            "mail": ["a@b.c" if i % 3 else None for i in range(n)],
            "id": range(n),
            "y": [i % 2 for i in range(n)],
        }
    )
    columns = [
        Text(name="plate", templates=("[A-Z]-[0-9]{3}", "[0-9]{5}"), unique=True),
        Categorical(name="code", categories=("x",), unreleased={"pattern": "Z[0-9]{3}"}),
        Pii(name="mail", provider="email", nullable=True),
        Identifier(name="id", pattern="[A-Z]{3}", dtype="object"),
        Numeric(name="y", bounds=(0, 1), decimals=0),
    ]
    return TabGAN(epsilon=None, schema=Schema(columns), random_state=0).fit(df)


class TestMadeUpCells:
    """Cells that are made up: one value can be asked for, and given ones stay."""

    @pytest.mark.parametrize(
        ("name", "value"), [("plate", "Q-777"), ("code", "Z999"), ("code", "x"), ("mail", None)]
    )
    def test_one_value(self, made_up, name, value):
        rows = made_up.sample(5, conditions={name: value}, random_state=1)[name]
        assert rows.isna().all() if value is None else rows.tolist() == [value] * 5

    def test_any_value(self, made_up):
        rows = made_up.sample(
            9, conditions={"mail": {"missing": False}, "plate": {"missing": False}}, random_state=1
        )
        assert rows["mail"].str.contains("@example.").all()
        assert rows["plate"].is_unique

    @pytest.mark.parametrize(
        "wanted", [{"plate": ["Q-777", "A-001"]}, {"code": ["x", "Z999"]}, {"plate": ["Q-777", None]}]
    )
    def test_several_are_refused(self, made_up, wanted):
        with pytest.raises(DataError, match="some of its values are made up, cell by cell"):
            made_up.sample(5, conditions=wanted)

    def test_generated_columns_are_refused(self, made_up):
        with pytest.raises(DataError, match="column 'id' is an identifier, which is generated"):
            made_up.sample(5, conditions={"id": "ABC"})

    def test_rows_that_are_completed(self, made_up):
        given = pd.DataFrame({"plate": ["Q-777", None, "12345"], "y": [1, 0, 1]})
        whole = made_up.complete(given, random_state=1)
        assert whole["plate"].tolist()[::2] == ["Q-777", "12345"]
        assert whole["y"].tolist() == [1, 0, 1]
        assert whole["mail"].dropna().str.contains("@example.").all()
        assert whole["id"].is_unique
