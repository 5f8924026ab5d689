from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from tabgan.evaluation import suite

Maker = Callable[..., pd.DataFrame]

#: The steps of an evaluation: functions by the names that it calls them by, and figures that are computed alone.
FUNCTIONS = frozenset(
    name for name in vars(suite) if name.endswith(("_findings", "_metrics")) or name == "attack_steps"
)
STEPS = FUNCTIONS | suite.COMPUTED.keys()


@pytest.fixture(autouse=True)
def only_the_modules_steps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the other steps of an evaluation out where a module of tests names its own in ``STEPS``.

    Steps draw from streams of their own, so that their figures are those of a whole evaluation: ``test_evaluate.py``
    holds both against each other.
    """
    kept = frozenset(getattr(request.module, "STEPS", STEPS))
    assert kept <= STEPS
    for name in FUNCTIONS - kept:
        monkeypatch.setattr(suite, name, lambda *args: ())
    monkeypatch.setattr(
        suite, "COMPUTED", {name: suite.COMPUTED[name] for name in suite.COMPUTED if name in kept}
    )


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def shuffled() -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Return a function that keeps every column and breaks every row."""

    def shuffle(df: pd.DataFrame) -> pd.DataFrame:
        rng = np.random.default_rng(9)
        return pd.DataFrame({name: df[name].to_numpy()[rng.permutation(len(df))] for name in df})

    return shuffle
