"""A table in which a fit finds much to release, and its header."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabgan import Categorical, Numeric, Schema


@pytest.fixture(scope="session")
def people() -> pd.DataFrame:
    """Return 3,000 rows with numbers, categories, a moment and a kind that a vote decides."""
    rng, n_rows = np.random.default_rng(0), 3_000
    return pd.DataFrame(
        {
            "age": rng.integers(18, 90, n_rows),
            "weight": rng.normal(70, 12, n_rows).round(1),
            "sex": pd.Series(rng.choice(["f", "m"], n_rows), dtype=object),
            "plan": pd.Series(rng.choice(["a", "b", "c"], n_rows, p=[0.5, 0.3, 0.2]), dtype=object),
            "churned": rng.random(n_rows) < 0.3,
        }
    )


@pytest.fixture(scope="session")
def declared() -> Schema:
    """Return a schema of people, with a target."""
    return Schema(
        [
            Numeric(name="age", bounds=(0, 120), decimals=0),
            Numeric(name="weight", bounds=(30, 200), decimals=1),
            Categorical(name="sex", categories=("f", "m")),
            Categorical(name="plan", categories=("a", "b", "c")),
        ],
        target="churned",
    )
