"""Shares of several columns at once, on the second and on the last column of a model of twenty."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabgan.drawing import raking
from tabgan.drawing.raking import Margin, Raked, raked, rounded
from tabgan.drawing.rows import EFFECTIVE
from tabgan.errors import ConfigError, DataError
from tabgan.schema import Schema
from tabgan.synthesizer import TabGAN
from tabgan.table.conditions import Between, Condition

SHARES = {"in": {True: 0.7, False: 0.3}, "c8": {"u": 0.6, "v": 0.3}, "sex": {"f": 0.5, "m": 0.5}}


@pytest.fixture(autouse=True)
def few_candidates(monkeypatch):
    monkeypatch.setattr(raking, "PILOT", 4_096)


@pytest.mark.family
def test_shares_of_the_second_and_the_twentieth_column_are_met(model):
    names = model._fitted.encoder.names
    sample = model.sample(2_000, proportions=SHARES, random_state=0)
    assert len(sample) == 2_000
    assert {"c8", "in"} <= {names[1], names[-1], *names}
    for name, shares in SHARES.items():
        for value, share in shares.items():
            assert abs((sample[name] == value).sum() - 2_000 * share) <= 2, (name, value)
    assert sample["key"].is_unique
    assert 100 < sample.attrs[EFFECTIVE] < 500  # of 4,096 candidates


@pytest.mark.family
def test_the_rest_is_as_near_to_the_model_as_the_shares_allow(model):
    """The odds ratio of two raked columns is the model's, and so are other columns given both."""
    free = model.sample(20_000, random_state=1)
    sample = model.sample(6_000, proportions={"in": {True: 0.5}, "sex": {"f": 0.5, "m": 0.5}}, random_state=0)

    def log_odds(df: pd.DataFrame) -> float:
        table = pd.crosstab(df["sex"] == "f", df["in"] == True).to_numpy() + 0.5  # noqa: E712
        return float(np.log(table[0, 0] * table[1, 1] / table[0, 1] / table[1, 0]))

    assert log_odds(sample) == pytest.approx(log_odds(free), abs=0.3)
    given = [df[(df["sex"] == "f") & (df["in"] == True)] for df in (sample, free)]  # noqa: E712
    assert given[0]["c8"].eq("u").mean() == pytest.approx(given[1]["c8"].eq("u").mean(), abs=0.06)
    assert given[0]["age"].mean() == pytest.approx(given[1]["age"].mean(), abs=3.0)


@pytest.mark.family
def test_ranges_conditions_batches_and_seeds(model):
    shares = {
        "age": [{"value": Between(18, 39), "share": 0.5}, {"value": None, "share": 0.1}],
        "in": {True: 0.5},
    }
    ask = {"proportions": shares, "conditions": {"sex": "f"}, "random_state": 0}
    batches = list(model.sample_batches(60, 25, **ask))
    assert [len(batch) for batch in batches] == [25, 25, 10]
    whole = pd.concat(batches, ignore_index=True)
    assert abs(whole["age"].between(18, 39).sum() - 30) <= 1
    assert abs(whole["age"].isna().sum() - 6) <= 1
    assert set(whole["sex"]) == {"f"}
    pd.testing.assert_frame_equal(pd.concat(model.sample_batches(60, 25, **ask), ignore_index=True), whole)
    assert len(model.sample(0, proportions=SHARES)) == 0


@pytest.mark.family
def test_rare_combinations_are_drawn_under_conditions(model, monkeypatch):
    monkeypatch.setattr(raking, "MOST_CANDIDATES", 1)
    sample = model.sample(4_000, proportions={"in": {True: 0.02}, "c8": {"u": 0.95}}, random_state=0)
    assert abs((sample["in"] == True).sum() - 80) <= 2  # noqa: E712
    assert abs((sample["c8"] == "u").sum() - 3_800) <= 2


def test_what_no_candidate_has_is_an_error(model, monkeypatch):
    monkeypatch.setattr(raking, "PILOT", 16)
    shares = {"age": [{"value": Between(93, 93), "share": 0.5}], "sex": {"f": 0.5}}
    with pytest.raises(
        DataError, match="column 'age': of 16 drawn rows, none has the values of its share number 1"
    ):
        model.sample(5, proportions=shares, random_state=0)


def test_shares_that_contradict_each_other_are_an_error(model):
    """Both columns are equal in every candidate."""
    condition = Condition((True,))
    margins = [
        Margin("in", [condition] * 2, [0.5, 0.5]),
        Margin("sex", [condition] * 2, [0.9, 0.1]),
    ]
    source = Raked(model._fitted, {}, margins)
    with pytest.raises(
        DataError, match="columns 'in', 'sex' contradict each other under the model: share number"
    ):
        source._shares(np.repeat([[0, 0], [1, 1]], 50, axis=0))
    cells, shares, worth = source._shares(np.repeat([[0, 0], [1, 1], [0, 1], [1, 0]], 50, axis=0))
    assert shares[(cells == [0, 0]).all(axis=1)] == pytest.approx(0.45)
    assert worth == pytest.approx(1 / (50 * (2 * 0.45**2 + 2 * 0.05**2) / 50**2))


def test_made_up_columns_are_refused(model):
    with pytest.raises(
        DataError, match="column 'key' is an identifier, which is generated and cannot be fixed"
    ):
        model.sample(5, proportions={"key": {"1": 0.5}, "sex": {"f": 0.5}})


def test_columns_that_are_filled_row_by_row_have_shares_alone():
    """Missing cells of made-up names are modelled, and the names are not."""
    df = pd.DataFrame({"name": ["Ann", None] * 150, "b": np.arange(300) % 3})
    schema = Schema([{"name": "name", "kind": "pii", "provider": "first_name", "nullable": True}])
    model = TabGAN(None, schema=schema, adversary_share=0.0, random_state=0).fit(df)
    shares = {"name": [{"value": None, "share": 0.3}]}
    assert model.sample(20, proportions=shares)["name"].isna().sum() == 6
    with pytest.raises(ConfigError, match="column 'name': its values are made up, row by row"):
        model.sample(20, proportions=shares | {"b": {0: 0.5}})


def test_raking_by_hand():
    """Deming and Stephan: the odds ratio stays, the margins are met."""
    places = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    shares = raked(np.array([4.0, 1, 1, 4]), places, [[0.8, 0.2], [0.5, 0.5]])
    assert shares[:2].sum() == pytest.approx(0.8)
    assert shares[::2].sum() == pytest.approx(0.5)
    assert shares[0] * shares[3] / shares[1] / shares[2] == pytest.approx(16.0)
    assert raked(np.array([4.0, 1, 1, 4]), places, [[1.0, 0.0], [0.5, 0.5]]).tolist() == [0.5, 0.5, 0, 0]


@pytest.mark.parametrize("n", [1, 7, 100])
def test_rounding_keeps_the_margins(n):
    rng = np.random.default_rng(n)
    places = np.stack(np.meshgrid(range(3), range(4), range(2)), axis=-1).reshape(-1, 3)
    shares = rng.dirichlet(np.ones(24))
    margins = [np.bincount(places[:, k], weights=shares) for k in range(3)]
    wanted = [raking.quotas(margin, n) for margin in margins]
    found = rounded(shares, places, wanted, n)
    assert found.sum() == n
    assert (
        np.abs(found - shares * n).max() < 2
    )  # a further row here and there, and no cell in another's place
    for k, rows in enumerate(wanted):
        assert np.bincount(places[:, k], weights=found).tolist() == list(rows)
