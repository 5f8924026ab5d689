"""Code shared by the scripts of all peers: the public domain of a data folder, and the line that a run prints.

It needs only pandas, so that it runs in each peer's own environment.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

Domain = dict[str, dict[str, Any]]


def public_domain(folder: Path) -> Domain:
    """Return the domain of train and test together, taken as public, as ``benchmarks/utility.py`` takes it.

    A numeric column has ``lower``, ``upper`` and ``decimals``, any other its ``categories`` as text. ``missing`` says
    if a column has missing values.
    """
    meta = json.loads((folder / "meta.json").read_text())
    both = pd.concat([read(folder / name, meta["numeric"]) for name in ("train.csv", "test.csv")])
    domain: Domain = {}
    for name in both.columns:
        values = both[name].dropna()
        if name in meta["numeric"]:
            decimals = next((d for d in range(6) if np.allclose(values, values.round(d), atol=1e-9)), 6)
            domain[name] = {
                "lower": float(values.min()),
                "upper": float(values.max()),
                "decimals": decimals,
            }
        else:
            domain[name] = {"categories": sorted(values.unique().tolist())}
        domain[name]["missing"] = bool(both[name].isna().any())
    return domain


def read(path: Path, numeric: list[str]) -> pd.DataFrame:
    """Return a table with all columns as text except the numeric ones."""
    names = pd.read_csv(path, nrows=0).columns
    return pd.read_csv(path, dtype={name: str for name in names if name not in numeric})


def numeric_columns(domain: Domain) -> list[str]:
    """Return the names of the columns that have bounds."""
    return [name for name, column in domain.items() if "lower" in column]


class Task(NamedTuple):
    """A peer's input: the private table, its public domain, and the setting to fit."""

    train: pd.DataFrame
    domain: Domain
    method: str
    epsilon: float | None
    delta: float
    seed: int


class Peer(NamedTuple):
    """A peer. Its ``fit`` returns a sampler for a number of rows, and further entries to record."""

    package: str
    methods: tuple[str, ...]
    fit: Callable[[Task], tuple[Callable[[int], pd.DataFrame], dict[str, Any]]]
    depends: tuple[str, ...] = ()


def main(peer: Peer, question: str) -> None:
    """Fit, sample as many rows as the table has, write them, and print one line of JSON."""
    parser = argparse.ArgumentParser(description=question)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--method", choices=peer.methods, required=True)
    parser.add_argument("--epsilon", default="1", help="a number, or none")
    parser.add_argument("--delta", type=float, default=1e-6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--domain", type=Path, help="JSON of a public domain; that of the folder by default")
    arguments = parser.parse_args()
    epsilon = None if arguments.epsilon == "none" else float(arguments.epsilon)
    domain = json.loads(arguments.domain.read_text()) if arguments.domain else public_domain(arguments.data)
    train = read(arguments.data / "train.csv", numeric_columns(domain))
    task = Task(train, domain, arguments.method, epsilon, arguments.delta, arguments.seed)

    start = time.perf_counter()
    sample, notes = peer.fit(task)
    fitted = time.perf_counter()
    synthetic = sample(len(train))
    sampled = time.perf_counter()
    synthetic.to_csv(arguments.out, index=False)
    packages = (peer.package, *peer.depends, "numpy", "pandas")
    print(
        json.dumps(
            {
                "fit_seconds": round(fitted - start, 2),
                "sample_seconds": round(sampled - fitted, 3),
                "version": version(peer.package),
                "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                "peer_python": platform.python_version(),
                "peer_versions": {name: version(name) for name in packages},
                **notes,
            }
        )
    )
