"""Associations of columns in the synthetic table, compared with those in the real one.

The association of two columns is one number for any kinds: Spearman's rank correlation of two numbers, from -1 to 1;
the correlation ratio of a number's ranks by category, from 0 to 1; the bias-corrected Cramer's V of two categories,
from 0 to 1. Ranks keep a single income in millions from deciding the figure.

References:
    Spearman (1904), *The Proof and Measurement of Association between Two Things*; Kruskal & Wallis (1952), *Use of
    Ranks in One-Criterion Variance Analysis*; Bergsma (2013), *A Bias-Correction for Cramer's V and Tschuprow's T*.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array
from scipy.stats import rankdata

from tabgan._util.rng import RandomStreams
from tabgan.evaluation.catalog import entries
from tabgan.evaluation.catalog.fidelity_figures import MAX_ASSOCIATED
from tabgan.evaluation.metric import Figure, Findings, NotComputed, measure
from tabgan.evaluation.result import Correlations, Pictures
from tabgan.evaluation.tables import Keys, Tables, drawn_columns, equal_rows

#: Largest numbers of rows of each table, and of columns, that are compared, and of columns that the picture shows.
MAX_ROWS, MAX_COLUMNS, MAX_SHOWN = 20_000, MAX_ASSOCIATED, 40

#: Number of categories of a column that are kept, the most frequent first; the others are pooled.
_MAX_CATEGORIES = 50


def association_findings(tables: Tables, streams: RandomStreams) -> Findings:
    """Return ``correlations``, and the picture of the most strongly associated columns.

    A pair that is undefined in the real table, such as one with a constant column, is left out. A pair defined there,
    but not in another table, counts as 0 in that one: a constant column is associated with none.
    """
    drawn: list[Correlations] = []

    def compute() -> list[Figure]:
        if len(tables.modelled) < 2:
            raise NotComputed("there are fewer than 2 columns that are not identifiers")
        rng = streams.numpy("evaluation.association")
        judged = drawn_columns(tables, MAX_COLUMNS, rng)
        rows = equal_rows(judged.values, MAX_ROWS, rng)
        found = rows.map(lambda values: associations(values, judged.keys))
        names = tuple(column.name for column in judged.modelled)
        drawn.append(_picture(names, found.real, found.synthetic))
        value, reference = (_difference(found.real, each) for each in (found.synthetic, found.holdout))
        return [Figure(value, reference=reference)]

    metrics = measure(entries("correlations"), compute)
    return Findings(metrics, pictures=Pictures(correlations=drawn[0] if drawn else None))


def associations(values: np.ndarray, keys: Sequence[Keys | None]) -> np.ndarray:
    """Return ``(columns, columns)`` associations, over rows that have both cells; NaN if undefined.

    Args:
        values: ``(rows, columns)`` as in :attr:`~tabgan.evaluation.tables.Tables.values`.
        keys: Categories of each column, ``None`` for numbers and moments.
    """
    is_number = np.array([each is None for each in keys])
    ranks = _ranks(values[:, is_number])
    # (rows, categories + 1) 0 and 1 of each column of categories, those beyond the most frequent as one
    indicators = [_indicators(values[:, j]) for j in np.flatnonzero(~is_number)]
    found = np.full((len(keys), len(keys)), np.nan)
    found[np.ix_(is_number, is_number)] = _rank_correlations(ranks)
    positions = np.flatnonzero(~is_number)
    for i, indicator in zip(positions, indicators, strict=True):
        found[i, is_number] = found[is_number, i] = _correlation_ratios(indicator, ranks)
        for j, other in zip(positions, indicators, strict=True):
            if i < j:
                found[i, j] = found[j, i] = cramers_v((indicator.T @ other).toarray())
    np.fill_diagonal(found, np.where(_varies(values), 1.0, np.nan))
    return found


def cramers_v(table: np.ndarray) -> float:
    """Return the bias-corrected Cramer's V of a ``(rows, columns)`` table of counts; NaN if a column does not vary.

    >>> cramers_v(np.array([[50, 0], [0, 50]])), cramers_v(np.array([[25, 25], [25, 25]]))
    (1.0, 0.0)
    """
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    n, (r, c) = table.sum(), table.shape
    if n < 2 or min(r, c) < 2:
        return float("nan")
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    phi2 = ((table - expected) ** 2 / expected).sum() / n
    corrected = max(0.0, phi2 - (r - 1) * (c - 1) / (n - 1))
    widths = [k - (k - 1) ** 2 / (n - 1) for k in (r, c)]
    least = min(widths) - 1
    return float(min(1.0, np.sqrt(corrected / least))) if least > 0 else float("nan")


def _varies(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.fmin.reduce(values, axis=0) < np.fmax.reduce(values, axis=0))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks among a column's present cells, from -1 to 1; NaN stays NaN."""
    if not values.size:
        return values
    n_present = np.maximum((~np.isnan(values)).sum(axis=0), 1)
    return np.asarray((2 * rankdata(values, axis=0, nan_policy="omit") - n_present - 1) / n_present)


def _indicators(codes: np.ndarray) -> csr_array:
    """Return ``(rows, categories)`` indicators, 0 or 1; all 0 in a row whose category is missing."""
    present = np.flatnonzero(~np.isnan(codes))
    columns = np.minimum(codes[present], _MAX_CATEGORIES).astype(np.int64)
    ones = np.ones(len(present))
    return csr_array((ones, (present, columns)), shape=(len(codes), _MAX_CATEGORIES + 1))


def _rank_correlations(ranks: np.ndarray) -> np.ndarray:
    """Return ``(numbers, numbers)`` Pearson correlations of ranks, over rows that have both."""
    is_present = (~np.isnan(ranks)).astype(float)
    filled = np.nan_to_num(ranks)
    n = is_present.T @ is_present
    first, second = (
        filled.T @ is_present,
        is_present.T @ filled,
    )  # sums of either over the rows that have both
    squares = (filled**2).T @ is_present
    with np.errstate(divide="ignore", invalid="ignore"):
        covariance = filled.T @ filled - first * second / n
        variances = (squares - first**2 / n) * (squares.T - second**2 / n)
        found = covariance / np.sqrt(variances)
    return np.where(variances > 1e-9 * n**2, np.clip(found, -1, 1), np.nan)


def _correlation_ratios(indicator: csr_array, ranks: np.ndarray) -> np.ndarray:
    """Return ``(numbers,)`` square roots of the share of a number's variance that is between categories."""
    is_present = (~np.isnan(ranks)).astype(float)
    filled = np.nan_to_num(ranks)
    counts = indicator.T @ is_present  # (categories, numbers)
    sums, squares = indicator.T @ filled, (indicator.T @ filled**2).sum(axis=0)
    n, is_occupied = counts.sum(axis=0), counts > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = sums.sum(axis=0) ** 2 / n
        between = np.where(is_occupied, sums**2 / counts, 0.0).sum(axis=0) - centre
        total = squares - centre
        found = np.sqrt(np.clip(between / total, 0.0, 1.0))
    return np.where((total > 1e-9 * n) & (is_occupied.sum(axis=0) > 1), found, np.nan)


def _difference(real: np.ndarray, other: np.ndarray) -> float:
    pairs = np.triu_indices(len(real), k=1)
    is_defined = ~np.isnan(real[pairs])
    if not is_defined.any():
        raise NotComputed("no two columns vary together in the real table")
    return float(np.abs(real[pairs] - np.nan_to_num(other[pairs]))[is_defined].mean())


def _picture(names: tuple[str, ...], real: np.ndarray, synthetic: np.ndarray) -> Correlations:
    """Return the columns of the strongest real pairs, ``MAX_SHOWN`` at most, in the table's order."""
    strength = np.abs(np.nan_to_num(real))
    np.fill_diagonal(strength, 0.0)
    shown = np.sort(np.argsort(-strength.max(axis=1), kind="stable")[:MAX_SHOWN])

    def plain(matrix: np.ndarray) -> tuple[tuple[float | None, ...], ...]:
        chosen = matrix[np.ix_(shown, shown)]
        return tuple(tuple(None if np.isnan(each) else float(each) for each in row) for row in chosen)

    return Correlations(tuple(names[j] for j in shown), plain(real), plain(synthetic))
