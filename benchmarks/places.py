"""Places within codes and near formulas: samples of one fit with them and without.

    python benchmarks/places.py --data FOLDER... --judge evaluate.py [--epsilon 1 none] [--seeds 0 1 2]

FOLDER and the judge are those of ``benchmarks/utility.py``; the training table is split as in
``benchmarks/ablation.py``, and ``test.csv`` is never read. Each fit is sampled twice: as it is, and without its tables
of places. Ratios are those of a column over its near formula, at five levels, in the real table and in both samples.
"""

from __future__ import annotations

import argparse
import copy
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ablation import FIGURES, split
from environment import environment, kept
from utility import must_be_judged, public_schema

from tabgan import TabGAN
from tabgan.model.formulas import NearFormula
from tabgan.model.generator import Generator

RESULTS = Path(__file__).parent / "results"

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def without_places(model: TabGAN) -> TabGAN:
    """Return a model whose generator has no tables of places."""
    generator = model._fitted.generator
    state = {n: value for n, value in generator.state_dict().items() if not n.startswith("places.")}
    other = copy.copy(model)
    other._fitted = replace(model._fitted, generator=Generator.of_state(generator.sizes, state))
    return other


def tables_of(model: TabGAN) -> dict[str, str]:
    """Return the columns with tables of places, and the formula or the columns that these follow."""
    names, found = model._fitted.encoder.names, {}
    for position, each in model._fitted.generator.places.items():
        partners = [names[i] for i in each.partners.tolist()]
        is_formula = isinstance(each, NearFormula)
        found[names[int(position)]] = each.formula(partners) if is_formula else ", ".join(partners)
    return found


def ratios(model: TabGAN, table: pd.DataFrame) -> dict[str, list[float]]:
    """Return levels of the ratio of each column to its near formula in a table."""
    names, found = model._fitted.encoder.names, {}
    for position, each in model._fitted.generator.places.items():
        if isinstance(each, NearFormula):
            formula = each.formula([f"`{names[i]}`" for i in each.partners.tolist()])
            ratio = (table[names[int(position)]] / table.eval(formula)).replace([np.inf, -np.inf], np.nan)
            found[names[int(position)]] = ratio.quantile(LEVELS).round(3).tolist()
    return found


def run(folder: Path, scratch: Path, judge: Path, epsilon: float | None, seed: int) -> list[dict[str, Any]]:
    """Fit once, sample twice, and return both records."""
    df = split(folder, scratch, 0)
    schema = public_schema(scratch, json.loads((scratch / "meta.json").read_text()))
    model = TabGAN(epsilon=epsilon, schema=schema, random_state=seed).fit(df)
    records, path = [], scratch / "synthetic.csv"
    for setting, own in (("without", without_places(model)), ("with", model)):
        sample = own.sample(len(df), random_state=seed + 1)
        sample.to_csv(path, index=False)
        figures = must_be_judged(judge, scratch, path)
        records.append(
            {"table": folder.name, "epsilon": epsilon, "seed": seed, "setting": setting}
            | {f: round(figures[f], 4) for f in FIGURES}
            | {"tables": tables_of(model), "ratios": ratios(model, sample), "real": ratios(model, df)}
        )
    return records


def changes(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the mean change of every figure from without to with, and its standard error over the fits."""
    found = []
    groups: dict[tuple[Any, ...], dict[str, dict[int, dict[str, Any]]]] = {}
    for record in records:
        own = groups.setdefault((record["table"], record["epsilon"]), {"without": {}, "with": {}})
        own[record["setting"]][record["seed"]] = record
    for (table, epsilon), own in groups.items():
        line: dict[str, Any] = {"table": table, "epsilon": epsilon, "fits": len(own["with"])}
        for figure in FIGURES:
            before, after = ([own[s][seed][figure] for seed in own["with"]] for s in ("without", "with"))
            change = np.subtract(after, before)
            error = float(change.std(ddof=1) / len(change) ** 0.5) if len(change) > 1 else None
            line[figure] = [round(float(np.mean(before)), 4), round(float(np.mean(after)), 4)]
            line[f"{figure}_change"] = [round(float(change.mean()), 4), error and round(error, 4)]
        found.append(line)
    return found


def main() -> None:
    """Run every fit and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--judge", type=Path, required=True)
    parser.add_argument("--epsilon", nargs="+", default=["1", "none"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    arguments = parser.parse_args()
    path = RESULTS / "places.json"
    records, commands = kept(path)
    for folder, text, seed in (
        (f, e, s) for f in arguments.data for e in arguments.epsilon for s in arguments.seeds
    ):
        epsilon = None if text == "none" else float(text)
        with tempfile.TemporaryDirectory() as name:
            new = run(folder, Path(name), arguments.judge, epsilon, seed)
        key = (folder.name, epsilon, seed)
        records = [r for r in records if (r["table"], r["epsilon"], r["seed"]) != key] + new
        print(json.dumps(new), flush=True)
    shown = " ".join(folder.name for folder in arguments.data)
    rest = f"--epsilon {' '.join(arguments.epsilon)} --seeds {' '.join(map(str, arguments.seeds))}"
    command = f"python benchmarks/places.py --data {shown} --judge evaluate.py {rest}"
    result = {
        "question": __doc__.splitlines()[0],
        "commands": [*(c for c in commands if c != command), command],
        **environment(),
        "changes": changes(records),
        "runs": records,
    }
    RESULTS.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
