"""A made-up credit table: few distinct rates, round amounts, zero-heavy counts, a strong target.

    python benchmarks/simulate.py FOLDER

Writes 33,000 rows to ``train.csv``, 11,000 to ``test.csv``, and ``meta.json``, in the form that ``utility.py`` and the
judge read; the same ones every time. Default depends on thresholds, and on the interaction of home and purpose.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

N_ROWS, N_TRAIN, SEED = 44_000, 33_000, 11

TEXT = ("home", "intent", "grade", "prev_default")


def credit() -> pd.DataFrame:
    """Return the table."""
    rng = np.random.default_rng(SEED)
    age = np.clip(20 + rng.gamma(1.6, 5, N_ROWS), 20, 85).astype(int)
    home = rng.choice(["RENT", "MORTGAGE", "OWN", "OTHER"], N_ROWS, p=[0.5, 0.41, 0.085, 0.005])
    log_income = 10.9 + 0.5 * rng.standard_normal(N_ROWS) + 0.01 * (age - 27) + 0.35 * (home == "MORTGAGE")
    income = np.round(np.exp(log_income), -1).clip(4000, 2e6)
    income = np.where(rng.random(N_ROWS) < 0.7, np.round(income, -3), income).astype(int)
    employed = np.minimum(rng.geometric(0.18, N_ROWS) - 1, age - 18).astype(float)
    employed[rng.random(N_ROWS) < 0.03] = np.nan
    purposes = ["EDUCATION", "MEDICAL", "VENTURE", "PERSONAL", "DEBT", "HOME"]
    intent = rng.choice(purposes, N_ROWS, p=[0.2, 0.19, 0.17, 0.17, 0.16, 0.11])
    risk = rng.standard_normal(N_ROWS) - 0.3 * np.log(income / 55000)
    grade = np.digitize(risk, [-0.55, 0.35, 0.95, 1.5, 2.1, 2.6])
    rate = np.array([7.3, 11.0, 13.5, 15.3, 17.0, 18.6, 20.2])[grade]
    rate = rate + rng.choice(np.arange(-6, 7), N_ROWS) * 0.23 + 0.04 * rng.integers(0, 2, N_ROWS)
    rate = np.round(rate, 2).clip(5.42, 23.2)
    rate[rng.random(N_ROWS) < 0.095] = np.nan
    amount = np.exp(np.log(income) * 0.35 + 5.2 + 0.55 * rng.standard_normal(N_ROWS))
    amount = np.clip(np.round(amount / 25) * 25, 500, 35000)
    amount = np.where(rng.random(N_ROWS) < 0.6, np.round(amount / 500) * 500, amount)
    amount = amount.clip(500, 35000).astype(int)
    share = np.round(amount / income, 2).clip(0, 0.83)
    before = np.where(grade >= 2, np.where(rng.random(N_ROWS) < 0.5, "Y", "N"), "N")
    history = np.clip(np.round((age - 18) * 0.4 + rng.integers(-1, 3, N_ROWS)), 2, 30).astype(int)
    late = rng.poisson(np.where(rng.random(N_ROWS) < 0.8, 0, 1.6 + 0.3 * grade))
    records = (rng.random(N_ROWS) < 0.05) * rng.poisson(1.2, N_ROWS)
    has_none = rng.random(N_ROWS) < 0.35
    revolving = np.where(has_none, 0, np.round(np.exp(7.5 + rng.standard_normal(N_ROWS)), 0)).astype(int)
    used = np.where(revolving == 0, 0, np.round(rng.beta(1.5, 3, N_ROWS), 2))
    logit = (
        -3.2 + 27 * np.maximum(share - 0.3, 0) + 2.3 * (grade >= 3) + 1.8 * (home == "RENT") * (share > 0.2)
    )
    logit += 0.5 * late - 2.4 * (home == "OWN") * (intent == "VENTURE")
    logit += 1.12 * (intent == "MEDICAL") * (home == "MORTGAGE") + 0.8 * (used > 0.6)
    logit += -0.4 * np.log(income / 55000) + 0.25 * records
    default = (rng.random(N_ROWS) < 1 / (1 + np.exp(-1.35 * logit))).astype(int)
    columns = {
        "age": age,
        "income": income,
        "home": home,
        "emp_length": employed,
        "intent": intent,
        "grade": np.array(list("ABCDEFG"))[grade],
        "amount": amount,
        "rate": rate,
        "pct_income": share,
        "prev_default": before,
        "hist": history,
        "delinq": late,
        "pub_rec": records,
        "revol": revolving,
        "util": used,
        "default": default,
    }
    return pd.DataFrame(columns)


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    df = credit()
    df[:N_TRAIN].to_csv(folder / "train.csv", index=False)
    df[N_TRAIN:].to_csv(folder / "test.csv", index=False)
    numeric = [name for name in df.columns if name not in TEXT]
    meta = {
        "target": "default",
        "task": "classification",
        "numeric": numeric,
        "n": N_TRAIN,
        "cols": list(df.columns),
    }
    (folder / "meta.json").write_text(json.dumps(meta))


if __name__ == "__main__":
    main()
