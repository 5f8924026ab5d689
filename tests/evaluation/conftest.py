from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

Maker = Callable[..., pd.DataFrame]


@pytest.fixture
def make() -> Maker:
    """Return a function that draws people: ``bought`` follows ``income``, which follows ``age``."""

    def draw(n_rows: int, seed: int) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        age = rng.integers(18, 90, n_rows)
        income = (20 * age + rng.normal(1000, 200, n_rows)).round(2)
        town = np.where(age > 50, *rng.choice(["Ulm", "Bonn", "Kiel"], (2, n_rows), p=[0.6, 0.3, 0.1]))
        bought = np.where(income + rng.normal(0, 100, n_rows) > 2000, "yes", "no")
        df = pd.DataFrame({"age": age, "income": income, "town": town, "bought": bought})
        df["height"] = rng.normal(170, 10, n_rows).round(1)
        return df.mask(rng.random(df.shape) < [0, 0, 0.05, 0, 0.1])

    return draw


@pytest.fixture
def shuffled() -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Return a function that keeps every column and breaks every row."""

    def shuffle(df: pd.DataFrame) -> pd.DataFrame:
        rng = np.random.default_rng(9)
        return pd.DataFrame({name: df[name].to_numpy()[rng.permutation(len(df))] for name in df})

    return shuffle
