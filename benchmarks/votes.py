"""Columns of a table of text whose kind the noisy vote gets wrong.

    python benchmarks/votes.py

Writes ``benchmarks/results/votes.json``.
"""

from __future__ import annotations

import argparse
import json
from itertools import product
from pathlib import Path

import numpy as np

import tabgan
from tabgan.columns import ballots
from tabgan.columns.vote import decide
from tabgan.privacy.plan import SHARES, UNTYPED_KINDS_SHARE, make_plan

BALLOTS, KINDS = ballots()
LABELS = [ballot.label for ballot in BALLOTS]

#: Ballots of the rule before: a majority that stands 4.5 standard deviations above the noise, else text.
BEFORE, SURELY = 13, 4.5

#: Kinds of the made-up columns, how often each occurs, and the share of their cells by ballot.
COLUMNS = {
    "numbers": (0.6, {"numerals": 1.0}),
    "text": (0.3, {"text": 1.0}),
    "true or false": (0.05, {"true or false": 1.0}),
    "answer scale": (0.05, {"numerals": 0.6, "text": 0.4}),
}
WANTED = {
    "numbers": "numeric",
    "text": "categorical",
    "true or false": "boolean",
    "answer scale": "categorical",
}

#: Shares of missing cells, one of which a column has.
MISSING = (0.0, 0.0, 0.0, 0.05, 0.3, 0.6)


def count_before(vote: np.ndarray, noise: float, rng: np.random.Generator) -> str:
    """Return the kind that the former rule finds."""
    named = {label: vote[LABELS.index(label)] for label in ("numerals", "text", "true or false")}
    others = rng.normal(0, noise, BEFORE - len(named))
    winner = max(named, key=lambda label: named[label])
    total = sum(max(count, 0.0) for count in named.values()) + np.maximum(others, 0).sum()
    is_clear = named[winner] > max(total / 2, SURELY * noise) and named[winner] > others.max()
    return (
        {"numerals": "numeric", "true or false": "boolean"}.get(winner, "categorical")
        if is_clear
        else "categorical"
    )


def measure(epsilon: float, n_rows: int, n_columns: int, tables: int) -> dict[str, object]:
    """Return the share of columns of each kind that get another one, before and after."""
    rng, mu = np.random.default_rng(0), make_plan(epsilon, 1e-6).mu
    noises = {
        "before": (n_columns / SHARES["kinds"]) ** 0.5 / mu,
        "after": (n_columns / UNTYPED_KINDS_SHARE) ** 0.5 / mu,
    }
    wrong: dict[str, dict[str, list[bool]]] = {when: {name: [] for name in COLUMNS} for when in noises}
    for _ in range(tables):
        names = rng.choice(list(COLUMNS), n_columns, p=[share for share, _ in COLUMNS.values()])
        for when, noise in noises.items():
            votes = {}
            for i, name in enumerate(names):
                votes[str(i)] = rng.normal(0, noise, len(LABELS))
                n_present = n_rows * (1 - rng.choice(MISSING))
                for label, share in COLUMNS[name][1].items():
                    votes[str(i)][LABELS.index(label)] += share * n_present
            if when == "before":
                kinds = [count_before(vote, noise, rng) for vote in votes.values()]
            else:
                found = decide(BALLOTS, KINDS, votes, dict.fromkeys(votes, "object"), noise, True)
                kinds = [verdict.column.kind for verdict in found.values()]
            for name, kind in zip(names, kinds, strict=True):
                wrong[when][name].append(kind != WANTED[name])
    shares = {
        when: {name: round(float(np.mean(each)), 4) for name, each in of.items() if each}
        for when, of in wrong.items()
    }
    return {"epsilon": epsilon, "rows": n_rows, "columns": n_columns, **shares}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "votes.json")
    parser.add_argument("--tables", type=int, default=30)
    arguments = parser.parse_args()
    cases = product((1.0, 3.0), (500, 1_000, 2_000, 5_000), (10, 20, 40))
    result = {
        "command": "python benchmarks/votes.py",
        "tabgan": tabgan.__version__,
        "tables": arguments.tables,
        "wrong": [measure(*case, arguments.tables) for case in cases],
    }
    arguments.output.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
