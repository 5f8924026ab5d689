"""Private metrics: noisy figures on real rows, which may leave the organisation at an epsilon of their own.

Every figure is a sum over rows, or the distance of such a sum from its value in the synthetic table. One row changes it
by at most 1, however many columns it covers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from tabgan.columns.kind import read_text
from tabgan.privacy.doors.contributions import bound_contributions
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.events import GAUSSIAN, Door, Release
from tabgan.privacy.plan import Plan
from tabgan.privacy.released import Noisy, PrivateMetrics
from tabgan.table.codes import TableEncoder

#: Part of the budget (of mu**2) for the distances of single columns; the few figures over all share the rest.
COLUMNS_SHARE = 0.5

#: Cells of a joint table up to which it is counted in full.
_DENSE_CELLS = 2**18

#: Their door, and names of the figures, in the ledger.
DOOR: Door = "private_metrics"
COLUMN, PAIRS, TRIPLES = "distance of a column", "mean distance of pairs", "mean distance of triples"
CORRECT, MAJORITY = "rows predicted right", "rows of the majority class"


@dataclass(frozen=True)
class Guesser:
    """A model of the target that was trained on synthetic rows.

    Attributes:
        target: Position of the target among the codes.
        predict: From ``(rows, columns)`` codes to ``(rows,)`` codes of the target. Each row's guess follows from that
            row alone; otherwise one row would change the guesses of others.
        majority: The code that most synthetic rows have.
    """

    target: int
    predict: Callable[[np.ndarray], np.ndarray]
    majority: int


def release_private_metrics(
    df: pd.DataFrame,
    encoder: TableEncoder,
    synthetic_codes: np.ndarray,
    n_rows: float,
    plan: Plan,
    measurer: Measurer,
    *,
    pairs: Sequence[tuple[int, ...]] = (),
    triples: Sequence[tuple[int, ...]] = (),
    guesser: Guesser | None = None,
) -> PrivateMetrics:
    """Release noisy figures on how close a table is to a synthetic one.

    **Guarantee.** Contributions are bounded first. For columns ``S`` with synthetic shares ``s``, a table of ``N``
    rows and cells ``n_c``, ``1/2 * sum_c |n_c - N * s_c|`` is the total variation distance in rows. One row more in
    cell ``a`` changes it by at most ``1/2 * (1 - s_a + sum_{c != a} s_c) = 1 - s_a <= 1``, and a mean over many ``S``
    by no more; so a unit changes each figure by at most ``max_rows``, under add-or-remove-one adjacency. Counts of rows
    change by as much. Each is released with Gaussian noise; all of them together spend the plan's ``mu``. Public: the
    synthetic table, ``encoder``, ``n_rows``, the choice of pairs and triples, and ``guesser``.

    Args:
        df: ``(rows, columns)`` the private table, with the columns of the encoder's model.
        encoder: Released: between rows and codes.
        synthetic_codes: ``(synthetic rows, columns)``.
        n_rows: Released number of rows, by which distances in rows are divided.
        plan: Of :func:`~tabgan.privacy.plan.make_private_metrics_plan`.
        measurer: Charges, adds the noise.
        pairs: Positions of the columns in a mean distance; chosen without looking at the table.
        triples: Likewise.
        guesser: A model whose right guesses are counted, too.
    """
    codes = encoder.transform(read_text(bound_contributions(df, plan.unit).df, encoder.schema))
    compare = Comparison(codes, synthetic_codes, encoder.sizes)
    singles = [
        _Figure(COLUMN, lambda j=j: compare.distance((j,)), (name,))  # type: ignore[misc]
        for j, name in enumerate(encoder.names)
    ]
    means = [
        _Figure(what, lambda sets=sets: compare.mean_distance(sets))  # type: ignore[misc]
        for what, sets in ((PAIRS, pairs), (TRIPLES, triples))
        if sets
    ]
    if guesser is not None:
        means.append(_Figure(CORRECT, lambda: _n_right(codes, guesser)))
        means.append(_Figure(MAJORITY, lambda: float((codes[:, guesser.target] == guesser.majority).sum())))
    shares = _release(singles, COLUMNS_SHARE, n_rows, plan, measurer)
    rest = _release(means, 1 - COLUMNS_SHARE, n_rows, plan, measurer)
    found = {figure.what: noisy for figure, noisy in zip(means, rest, strict=True)}
    return PrivateMetrics(
        dict(zip(encoder.names, shares, strict=True)),
        *(found.get(what) for what in (PAIRS, TRIPLES, CORRECT, MAJORITY)),
    )


class _Figure(NamedTuple):
    """A number that a row changes by at most 1, with its name in the ledger."""

    what: str
    exact: Callable[[], float]
    columns: tuple[str, ...] = ()


def _release(
    figures: Sequence[_Figure], share: float, n_rows: float, plan: Plan, measurer: Measurer
) -> list[Noisy]:
    """Return figures as noisy shares of the rows; together they take a share of the budget, in equal parts."""
    if not figures:
        return []
    noise, unit = math.sqrt(len(figures) / share) / plan.mu, plan.unit.max_rows
    lines = [Release(DOOR, each.what, each.columns, GAUSSIAN, noise, sensitivity=unit) for each in figures]
    noisy = measurer.scores(lines, lambda: np.array([figure.exact() for figure in figures]))
    return [Noisy(float(value) / n_rows, lines[0].noise_stddev / n_rows) for value in noisy]


@dataclass(frozen=True)
class Comparison:
    """Codes of a private and of a synthetic table.

    Attributes:
        codes: ``(rows, columns)`` **private**.
        synthetic: ``(synthetic rows, columns)``.
        sizes: ``(columns,)`` numbers of codes.
    """

    codes: np.ndarray
    synthetic: np.ndarray
    sizes: Sequence[int]

    def mean_distance(self, sets: Sequence[tuple[int, ...]]) -> float:
        """Return the mean, over sets of columns, of the distance in rows."""
        return math.fsum(self.distance(columns) for columns in sets) / len(sets)

    def distance(self, columns: tuple[int, ...]) -> float:
        """Return the distance of the tables over some columns, in rows of the private one: exact until its division."""
        sizes = [self.sizes[j] for j in columns]
        keys = [_keys(table[:, list(columns)], sizes) for table in (self.codes, self.synthetic)]
        n_cells = math.prod(sizes)
        if n_cells > _DENSE_CELLS:
            occupied, joined = np.unique(np.concatenate(keys), return_inverse=True)
            n_cells, keys = len(occupied), np.split(joined, [len(keys[0])])
        counts, synthetic = (np.bincount(key, minlength=n_cells) for key in keys)
        gaps = np.abs(counts * len(keys[1]) - synthetic * len(keys[0]))
        return int(gaps.sum()) / (2 * len(keys[1]))


def _keys(codes: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    return np.asarray(np.ravel_multi_index(tuple(codes.T.astype(np.int64)), tuple(sizes)))


def _n_right(codes: np.ndarray, guesser: Guesser) -> float:
    if not len(codes):
        return 0.0
    return float((guesser.predict(codes) == codes[:, guesser.target]).sum())
