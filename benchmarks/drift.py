"""Drift along the columns: the error of drawn shares by position, in a made-up wide table of few rows.

    python benchmarks/drift.py OUT.json [--rows 1500] [--columns 30] [--epsilon 1 none] [--seeds 1]

Columns are drawn one after the other. Each record holds, by thirds of the drawn columns, the mean total-variation
distance of 32,768 drawn rows' shares from the released ones, and the mean of all pairs' from the table's own.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from environment import environment

from tabgan import Schema
from tabgan.model.generator import Generator
from tabgan.model.loglinear import axes_of, fit_loglinear
from tabgan.model.margins import pool_margins
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.doors.measured_table import MeasuredTable, measure_table
from tabgan.privacy.filter import PrivacyFilter
from tabgan.privacy.plan import make_plan

DRAWN = 32_768


def wide(n_rows: int, n_columns: int) -> pd.DataFrame:
    """Return a table of five factors: rounded and skewed numbers, categories, counts, flags, missing values."""
    rng = np.random.default_rng(0)
    factors, columns = rng.normal(size=(n_rows, 5)), {}
    for i in range(n_columns):
        z = factors @ rng.normal(size=5) * 0.45 + rng.normal(size=n_rows) * 0.8
        categories = np.array(list("abcdefg"))[np.digitize(z, [-1.2, -0.6, 0, 0.5, 1.1, 1.8])]
        counts = np.where(z > 0.4, 0, np.floor(np.abs(3 * z)))
        made = [np.round(50 + 12 * z), np.round(np.exp(2 + 0.7 * z), 2), categories, counts, z > 0.3][i % 5]
        if i % 5 < 2 and i % 3 == 0:
            made[(z + rng.normal(size=n_rows)) > 1.2] = np.nan
        columns[f"c{i:02d}"] = made
    return pd.DataFrame(columns)


def run(measured: MeasuredTable, seed: int) -> dict[str, Any]:
    """Return the record of one fit of the conditionals."""
    encoder, n_rows = measured.encoder, measured.released.n_rows
    exists = [column.exists for column in encoder.columns]
    shares = pool_margins(measured.one_ways, measured.pairs, exists, n_rows)
    rng = torch.Generator().manual_seed(seed)
    start = time.process_time()
    weights = fit_loglinear(axes_of(encoder, shares), measured.pairs, n_rows, rng)
    seconds = time.process_time() - start
    generator = Generator(encoder.sizes)
    generator.start_from(weights)
    drawn = np.concatenate([generator.draw(8_192, rng).codes.numpy() for _ in range(DRAWN // 8_192)])
    ones = np.array([_distance(_shares(drawn, [j], encoder.sizes), shares[j]) for j in range(len(shares))])
    pairs = [
        _distance(_shares(drawn, pair, encoder.sizes), _shares(measured.codes, pair, encoder.sizes))
        for pair in itertools.combinations(range(len(shares)), 2)
    ]
    return {
        "seed": seed,
        "width": encoder.width,
        "tvd1_by_third": [round(float(part.mean()), 4) for part in np.array_split(ones, 3)],
        "tvd1_most": round(float(ones.max()), 4),
        "tvd2_to_table": round(float(np.mean(pairs)), 4),
        "cpu_seconds": round(seconds, 1),
    }


def _shares(codes: np.ndarray, columns: Any, sizes: list[int]) -> np.ndarray:
    keys = np.zeros(len(codes), dtype=np.int64)
    for column in columns:
        keys = keys * sizes[column] + codes[:, column]
    return np.bincount(keys, minlength=int(np.prod([sizes[c] for c in columns]))) / len(codes)


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(0.5 * np.abs(a - b).sum())


def main() -> None:
    """Write the records."""
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rows", type=int, default=1_500)
    parser.add_argument("--columns", type=int, default=30)
    parser.add_argument("--epsilon", nargs="+", default=["1", "none"])
    parser.add_argument("--seeds", type=int, default=1)
    asked = parser.parse_args()
    runs = []
    for epsilon in (None if text == "none" else float(text) for text in asked.epsilon):
        plan = make_plan(epsilon, 1e-5, adversary_share=0.0)
        table = wide(asked.rows, asked.columns)
        measured = measure_table(table, Schema([]), plan, Measurer(PrivacyFilter(plan), None))
        runs += [{"epsilon": epsilon, **run(measured, seed)} for seed in range(asked.seeds)]
    command = f"python benchmarks/drift.py {asked.out} --rows {asked.rows} --columns {asked.columns}"
    command += f" --epsilon {' '.join(asked.epsilon)} --seeds {asked.seeds}"
    asked.out.write_text(json.dumps({**environment(), "command": command, "runs": runs}, indent=1) + "\n")


if __name__ == "__main__":
    main()
