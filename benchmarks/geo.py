"""Latitude and longitude on a made-up map: two columns of numbers, one grid at the same budget, or declared as a place.

    python benchmarks/geo.py

Writes ``benchmarks/results/geo.json``.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

import tabgan
from tabgan import Schema, TabGAN

PLACE = ["lat", "lon"]

#: Towns of the map, cells of the figure in each direction, and standard deviations from which on a square is split.
TOWNS, CELLS, SURELY = 25, 20, 3.5


def made_up(n_rows: int, seed: int, n_others: int) -> pd.DataFrame:
    """Return places in towns and a valley, and other columns, of which the first tells the town."""
    rng, fixed = np.random.default_rng(seed), np.random.default_rng(7)
    centres = np.c_[fixed.uniform(46, 48, TOWNS), fixed.uniform(6, 10.5, TOWNS)]
    shares, widths = fixed.dirichlet(np.ones(TOWNS)), fixed.uniform(0.01, 0.08, TOWNS)
    town = rng.choice(TOWNS, n_rows, p=shares)
    places = centres[town] + rng.normal(size=(n_rows, 2)) * widths[town, None]
    along = rng.random(n_rows)
    valley = np.c_[46.2 + 1.5 * along, 6.5 + 3.5 * along] + rng.normal(size=(n_rows, 2)) * 0.05
    places = np.where(rng.random((n_rows, 1)) < 0.1, valley, places).round(4)
    others = {"region": town % 5, "size": (rng.gamma(2, 10, n_rows) + town).round()}
    others |= {f"flag {i}": rng.random(n_rows) < 0.3 for i in range(n_others - len(others))}
    return pd.DataFrame(places, columns=PLACE).assign(**dict(list(others.items())[:n_others]))


def figures(real: pd.DataFrame, holdout: pd.DataFrame, synthetic: pd.DataFrame) -> dict[str, float]:
    """Return the share of points in cells without a real one, the distance of the cells, and c2st of the places."""
    low, high = real[PLACE].min().to_numpy(), real[PLACE].max().to_numpy()

    def cells(table: pd.DataFrame) -> np.ndarray:
        inside = np.clip(table[PLACE].to_numpy(), low, high)
        ends = [[low[0], high[0]], [low[1], high[1]]]
        counts = np.histogram2d(inside[:, 0], inside[:, 1], bins=CELLS, range=ends)[0]
        return np.asarray(counts / counts.sum())

    expected, found = cells(real), cells(synthetic)
    both = pd.concat([holdout[PLACE], synthetic[PLACE]]).to_numpy()
    is_synthetic = np.arange(len(both)) >= len(holdout)
    model = HistGradientBoostingClassifier(random_state=0)
    guessed = cross_val_predict(model, both, is_synthetic, cv=3, method="predict_proba")[:, 1]
    return {
        "empty": round(float(found[expected == 0].sum()), 4),
        "tvd": round(float(np.abs(expected - found).sum() / 2), 4),
        "c2st": round(float(roc_auc_score(is_synthetic, guessed)), 4),
    }


def leaves(counts: np.ndarray, noise: float) -> list[tuple[int, int, int, float]]:
    """Return squares of a noisy grid in which no finer square differs from its share by more than the noise."""
    found, waiting = [], [(0, 0, len(counts))]
    while waiting:
        row, column, size = waiting.pop()
        square = counts[row : row + size, column : column + size]
        total, finer = float(square.sum()), size // 2
        is_even = True
        while finer and is_even and total > 0:
            parts = square.reshape(size // finer, finer, size // finer, finer).sum((1, 3))
            even = total * (finer / size) ** 2
            is_even = bool(
                (np.abs(parts - even) <= SURELY * math.sqrt((noise * finer) ** 2 + max(even, 1))).all()
            )
            finer //= 2
        if is_even:
            found.append((row, column, size, total))
            continue
        half = size // 2
        waiting += [(row + i, column + j, half) for i in (0, half) for j in (0, half)]
    return found


def of_grid(real: pd.DataFrame, noise: float, n_cells: int, seed: int) -> pd.DataFrame:
    """Return places drawn from the squares of one noisy grid over the map; its ends are taken as public."""
    rng, low = np.random.default_rng(seed), real[PLACE].min().to_numpy()
    high = real[PLACE].max().to_numpy() + 1e-4
    ends = [[low[0], high[0]], [low[1], high[1]]]
    counts = np.histogram2d(real["lat"], real["lon"], bins=n_cells, range=ends)[0]
    squares = np.array(leaves(counts + rng.normal(size=counts.shape) * noise, noise))
    weights = np.where(squares[:, 3] < 2 * noise * squares[:, 2], 0.0, squares[:, 3])
    chosen = squares[rng.choice(len(squares), len(real), p=weights / weights.sum())]
    places = low + (chosen[:, :2] + rng.random((len(real), 2)) * chosen[:, 2:3]) * (high - low) / n_cells
    return pd.DataFrame(places, columns=PLACE)


def main() -> None:
    """Measure both forms, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    logging.disable(logging.WARNING)
    results = []
    for n_others in (0, 3, 18):
        for seed in range(asked.seeds):
            real, holdout = (made_up(asked.rows, each, n_others) for each in (seed, seed + 100))
            model = TabGAN(epsilon=1.0, adversary_share=0, random_state=seed).fit(real)
            own = [
                entry
                for entry in model.privacy_.entries
                if entry.columns and set(entry.columns) <= set(PLACE)
            ]
            pair = [entry.noise_stddev for entry in own if entry.what == "2-way marginal"]
            noise = sum(entry.noise_multiplier**-2 for entry in own) ** -0.5
            told = {"columns": 2 + n_others, "seed": seed}
            pairs = figures(real, holdout, model.sample(asked.rows, random_state=0))
            results.append({**told, "form": "two columns", "pair_noise": pair[0] if pair else None, **pairs})
            for declared in ("the globe", "the map"):
                bounds = [
                    {"name": name, "kind": "numeric", "bounds": ends}
                    for name, ends in zip(PLACE, ((45.8, 48.2), (5.9, 10.6)), strict=True)
                ]
                schema = Schema(bounds if declared == "the map" else [], geo=[PLACE])
                model = TabGAN(epsilon=1.0, adversary_share=0, schema=schema, random_state=seed).fit(real)
                lines = [entry for entry in model.privacy_.entries if entry.what == "1-way histogram"]
                (stddev,) = (e.noise_stddev for e in lines if e.columns == (" & ".join(PLACE),))
                found = figures(real, holdout, model.sample(asked.rows, random_state=0))
                results.append({**told, "form": f"place on {declared}", "noise": round(stddev, 2), **found})
            for n_cells in (32, 64, 128):
                places = of_grid(real, noise, n_cells, seed)
                found = figures(real, holdout, places)
                results.append({**told, "form": f"grid of {n_cells}", "noise": round(noise, 2), **found})
            print(*results[-6:], sep="\n", flush=True)
    about = {
        "command": "python benchmarks/geo.py",
        "tabgan": tabgan.__version__,
        "rows": asked.rows,
        "epsilon": 1.0,
    }
    path = Path(__file__).parent / "results" / "geo.json"
    path.write_text(json.dumps({**about, "results": results}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
