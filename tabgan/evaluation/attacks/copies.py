"""Checks for synthetic rows that repeat training rows.

They find copies and nothing more: a table that passes may still give people away, and only the mechanism's epsilon
bounds the risk.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from tabgan._util.rng import RandomStreams
from tabgan.evaluation.attacks.neighbors import nearest_distances
from tabgan.evaluation.attacks.risk import attack_figure
from tabgan.evaluation.catalog import entries
from tabgan.evaluation.catalog.attack_figures import NEAR_SHARE
from tabgan.evaluation.metric import Figure, Findings, NotComputed, measure, wilson_interval
from tabgan.evaluation.result import Distances, Pictures
from tabgan.evaluation.tables import Tables, Three, embed, require_columns, subsample

#: Largest numbers of synthetic rows whose neighbours are searched, and of rows of each real table searched for them.
MAX_QUERIES, MAX_NEIGHBOURS = 5_000, 20_000

#: Likewise for near copies, with more real rows, because a row that is not searched is not found.
MAX_NEAR_QUERIES, MAX_TRAINING = 2_500, 100_000

#: Largest share of the holdout, beyond chance, that may be training rows: with more it is not a control.
MAX_SHARED = 0.05

#: Least number of holdout rows that define nearness, and of those that it is tested on.
MIN_NEAR_ROWS = 100

#: Least number of rows of each table for a meaningful share.
MIN_ROWS = 20

_BINS = 40


def copy_findings(tables: Tables, streams: RandomStreams) -> Findings:
    """Return the metrics of the group ``copies``, and the distances of synthetic rows from both real tables."""
    pictures: list[Distances] = []

    def closer() -> list[Figure]:
        to_real, to_holdout = _distances(tables, streams.numpy("evaluation.copies"))
        pictures.append(distance_shares(to_real, to_holdout))
        share = float(((to_real < to_holdout) + 0.5 * (to_real == to_holdout)).mean())
        # The searched rows are a sample, too: if they are fewer, they determine the uncertainty.
        n_rows = min(len(to_real), len(tables.values.real), len(tables.values.holdout))
        return [Figure(share, wilson_interval(share * n_rows, n_rows))]

    metrics = (
        *measure(entries("dcr_share"), closer),
        *measure(
            entries("near_copies"), lambda: [_near_share(tables, streams.numpy("evaluation.near_copies"))]
        ),
        *measure(entries("exact_copies"), lambda: [_copied_share(tables)]),
    )
    return Findings(metrics, pictures=Pictures(distances=pictures[0] if pictures else None))


def distance_shares(to_real: np.ndarray, to_holdout: np.ndarray) -> Distances:
    """Return shares of the synthetic rows by distance; the last bin includes all larger distances."""
    farthest = float(np.quantile(np.concatenate([to_real, to_holdout]), 0.99))
    edges = np.linspace(0.0, farthest or 1.0, _BINS + 1)
    training, holdout = (
        np.histogram(np.minimum(each, edges[-1]), edges)[0] / len(each) for each in (to_real, to_holdout)
    )
    return Distances(tuple(edges.tolist()), tuple(training.tolist()), tuple(holdout.tolist()))


def _distances(tables: Tables, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return synthetic rows' distances to the closest of equally many training and holdout rows."""
    require_control(tables)
    points = embed(tables)
    n_rows = min(len(points.real), len(points.holdout), MAX_NEIGHBOURS)
    queries = subsample(points.synthetic, MAX_QUERIES, rng)
    if min(n_rows, len(queries)) < MIN_ROWS:
        raise NotComputed(f"a table has fewer than {MIN_ROWS} rows")
    to_real = nearest_distances(queries, subsample(points.real, n_rows, rng))
    return to_real, nearest_distances(queries, subsample(points.holdout, n_rows, rng))


def _near_share(tables: Tables, rng: np.random.Generator) -> Figure:
    """Return the share of near copies.

    One half of the holdout rows defines nearness, the other half is the reference. Rows exactly at the limit count in
    both: if whole rows coincide by chance the limit is 0, and the figure is the share of copies.
    """
    require_control(tables)
    points = embed(tables)
    held_out = subsample(points.holdout, MAX_NEAR_QUERIES, rng)
    queries = subsample(points.synthetic, MAX_NEAR_QUERIES, rng)
    if min(len(points.real), len(queries)) < MIN_ROWS or len(held_out) < 2 * MIN_NEAR_ROWS:
        raise NotComputed(
            f"a table has fewer than {MIN_ROWS} rows, or the holdout fewer than {2 * MIN_NEAR_ROWS}"
        )
    training = subsample(points.real, MAX_TRAINING, rng)
    calibration, others = np.array_split(nearest_distances(rng.permutation(held_out), training), 2)
    limit = np.quantile(calibration, NEAR_SHARE, method="inverted_cdf")
    n_near = int((nearest_distances(queries, training) <= limit).sum())
    return attack_figure(n_near, len(queries), int((others <= limit).sum()), len(others))


def _copied_share(tables: Tables) -> Figure:
    hashes = require_control(tables)
    copied = Three(*(np.isin(each, hashes.real) for each in hashes))
    return attack_figure(
        int(copied.synthetic.sum()),
        len(copied.synthetic),
        int(copied.holdout.sum()),
        len(copied.holdout),
    )


def require_control(tables: Tables) -> Three[np.ndarray]:
    """Return ``(rows,)`` hashes of rows, if the holdout can be a control.

    Holdout rows coincide with training rows by chance as often as training rows do with one another. If they do so much
    more often, they are training rows, and anything compared with them looks harmless.

    Raises:
        NotComputed: there is no column to compare, or the holdout contains training rows.
    """
    require_columns(tables)
    hashes = tables.row_hashes
    shared = float(np.isin(hashes.holdout, hashes.real).mean())
    by_chance = float(pd.Series(hashes.real).duplicated(keep=False).mean())
    if shared - by_chance > MAX_SHARED + 3 / math.sqrt(len(hashes.holdout)):
        raise NotComputed("the holdout contains training rows, so it cannot be a control")
    return hashes
