"""Contribution of the anchors and of the critic at equal total epsilon.

    python benchmarks/ablation.py --data FOLDER --judge evaluate.py [--epsilon 1 3 10 none] [--rows 0 300000]

FOLDER and the judge are those of ``benchmarks/utility.py``. The figures serve to choose, not to report, so the folder
is split again: three quarters of ``train.csv`` are fitted, the fourth serves the judge as the test table; ``test.csv``
is never read. Runs of one commit are collected in the file. ``--rows`` other than 0 draws that many rows with
replacement from the fitted part, for the signal of a larger table.

Settings, each at the same total epsilon and delta, with the public domain of the table and its target:

- ``anchors only``: ``adversary_share=0``;
- ``both, SHARE``: the critic spends that share of mu**2, the anchors the rest.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
from environment import environment, kept
from utility import must_be_judged, public_schema

from tabgan import Schema, TabGAN

RESULTS = Path(__file__).parent / "results"

#: Shares of the critic, by the name of the setting.
SHARES = {"anchors only": 0.0, "both, 0.1": 0.1, "both, 0.2": 0.2, "both, 0.35": 0.35}

FIGURES = ("tvd1", "tvd2", "tvd3", "tstr", "c2st")


def split(folder: Path, scratch: Path, n_rows: int) -> pd.DataFrame:
    """Write three quarters and one of the training table as a folder for the judge; return the rows to fit."""
    whole = pd.read_csv(folder / "train.csv").sample(frac=1.0, random_state=7)
    cut = len(whole) * 3 // 4
    train, test = whole.iloc[:cut], whole.iloc[cut:]
    train.to_csv(scratch / "train.csv", index=False)
    test.to_csv(scratch / "test.csv", index=False)
    (scratch / "meta.json").write_text((folder / "meta.json").read_text())
    return train.sample(n_rows, replace=True, random_state=7, ignore_index=True) if n_rows else train


def run(
    df: pd.DataFrame,
    schema: Schema,
    scratch: Path,
    judge: Path,
    epsilon: float | None,
    setting: str,
    seed: int,
) -> dict[str, Any]:
    """Fit, sample, let the judge score, and return the record."""
    start = time.perf_counter()
    model = TabGAN(epsilon=epsilon, schema=schema, adversary_share=SHARES[setting], random_state=seed)
    model.fit(df)
    seconds = time.perf_counter() - start
    path = scratch / "synthetic.csv"
    model.sample(min(len(df), 50_000)).to_csv(path, index=False)
    figures = must_be_judged(judge, scratch, path)
    record = {"epsilon": epsilon, "rows": len(df), "setting": setting, "seed": seed}
    spent = None if epsilon is None else model.privacy_.epsilon_spent
    return record | {
        "epsilon_spent": spent,
        "fit_seconds": round(seconds, 2),
        **{f: figures[f] for f in FIGURES},
    }


def case(record: dict[str, Any]) -> tuple[Any, ...]:
    """Return the key that distinguishes a run from others."""
    return tuple(record[key] for key in ("table", "drawn", "epsilon", "setting", "seed"))


def medians(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the median of every figure over the seeds of a setting."""
    keys = ["table", "epsilon", "rows", "setting"]
    groups = (
        pd.DataFrame(records).drop(columns=["drawn", "epsilon_spent"]).groupby(keys, sort=False, dropna=False)
    )
    found = groups.median().drop(columns="seed").round(4).assign(seeds=groups.size()).reset_index()
    return list(found.astype(object).where(found.notna(), None).to_dict("records"))


def main() -> None:
    """Run every requested setting and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--judge", type=Path, required=True)
    parser.add_argument("--epsilon", nargs="+", default=["1", "3", "10", "none"])
    parser.add_argument("--rows", nargs="+", type=int, default=[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--settings", nargs="+", default=list(SHARES), choices=list(SHARES))
    arguments = parser.parse_args()
    path = RESULTS / "ablation.json"
    records, commands = kept(path)
    for folder in arguments.data:
        with tempfile.TemporaryDirectory() as name:
            scratch = Path(name)
            for n_rows in arguments.rows:
                df = split(folder, scratch, n_rows)
                schema = public_schema(scratch, json.loads((scratch / "meta.json").read_text()))
                for text, setting, seed in (
                    (e, s, r) for e in arguments.epsilon for s in arguments.settings for r in arguments.seeds
                ):
                    epsilon = None if text == "none" else float(text)
                    record = run(df, schema, scratch, arguments.judge, epsilon, setting, seed)
                    record = {"table": folder.name, "drawn": n_rows} | record
                    records = [r for r in records if case(r) != case(record)] + [record]
                    print(json.dumps(record), flush=True)
    shown = " ".join(folder.name for folder in arguments.data)
    rest = ["--epsilon", *arguments.epsilon, "--rows", *map(str, arguments.rows)]
    rest += ["--seeds", *map(str, arguments.seeds), "--settings", *map(repr, arguments.settings)]
    command = f"python benchmarks/ablation.py --data {shown} --judge evaluate.py {' '.join(rest)}"
    result = {
        "question": __doc__.splitlines()[0],
        "commands": [*(c for c in commands if c != command), command],
        **environment(),
        "medians": medians(records),
        "runs": records,
    }
    RESULTS.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
