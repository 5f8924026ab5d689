"""The error that a plan expects of the tables of a sample: sampling, noise, and the dependence that noise hides.

A synthetic table of as many rows as the real one differs from it, in half the sum of the differences of shares over a
table's cells (total variation), for three reasons. Its rows are a sample: a share ``p`` of ``n`` rows varies by
``sqrt(p / n)``. Counts were noisy: a cell by a standard deviation that the plan fixes, of which pooling over tables and
shrinking leave a part. And what the noise hides is not modelled: a pair's error is at most its dependence. Errors of
cells are independent, so the three add up in squares.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tabgan.columns.lattice import has_range, is_on_lattice
from tabgan.evaluation.catalog.fidelity_figures import QUANTILES
from tabgan.model.margins import joined, margin_variance, noise_variance
from tabgan.planning.madeup import RARE, RARE_PART
from tabgan.planning.rehearsal import Rehearsal
from tabgan.privacy.doors import mechanisms
from tabgan.privacy.events import GAUSSIAN_THRESHOLD
from tabgan.privacy.released import Marginal
from tabgan.table.coded import CodedColumn

#: Parts of the noise that remain in 1-way and 2-way tables after a fit, and the part of its dependence that a pair
#: lacks which was not measured: found on public tables by ``benchmarks/plan.py``.
ONE_WAY_PART, PAIR_PART, HIDDEN_PART = 1.0, 0.8, 0.8

#: Expected size of a standard normal error.
_MEAN_SIZE = math.sqrt(2.0 / math.pi)


@dataclass(frozen=True)
class TableError:
    """The expected total variation of one table, or the mean of several.

    Attributes:
        sampling: The error of a perfect model's rows.
        total: The error, that of noise and hidden dependence included.
    """

    sampling: float
    total: float


@dataclass(frozen=True)
class Expectation:
    """Expected errors.

    Attributes:
        columns: Of each column's table, by name.
        pairs: Of each pair's table, by names.
        measured: Pairs that are measured.
    """

    columns: dict[str, TableError]
    pairs: dict[tuple[str, str], TableError]
    measured: frozenset[tuple[str, str]]

    @property
    def one_way(self) -> TableError:
        """The mean over columns."""
        return _mean(list(self.columns.values()))

    @property
    def two_way(self) -> TableError:
        """The mean over pairs; that over columns if there is only one."""
        return _mean(list(self.pairs.values()) or list(self.columns.values()))


def _mean(errors: list[TableError]) -> TableError:
    return TableError(
        float(np.mean([each.sampling for each in errors])), float(np.mean([each.total for each in errors]))
    )


def expect(rehearsal: Rehearsal) -> Expectation:
    """Return the expected errors of a sample of as many rows as the table has."""
    measured, n_rows = rehearsal.measured, rehearsal.n_rows
    encoder = measured.encoder
    own = sorted(encoder.positions.values())
    shares = {i: _shares(rehearsal, encoder.names[i]) for i in own}
    tables = joined(measured.pairs)
    noises = {table.columns: math.sqrt(float(np.mean(noise_variance(table)))) for table in tables}
    counts = [marginal.counts for marginal in measured.one_ways]
    margins = {i: _margin_error(rehearsal, tables, i, len(shares[i])) for i in own}
    lost = {i: _lost(encoder.columns[i]) for i in own}
    for release in rehearsal.releases:
        i = encoder.positions.get(release.columns[0]) if release.mechanism == GAUSSIAN_THRESHOLD else None
        if i is not None and encoder.columns[i].encoder.has_other:
            least = mechanisms.threshold_for(
                release.noise_stddev, release.delta, rehearsal.plan.unit.max_rows
            )
            lost[i] = max(lost[i], min(RARE_PART * least / n_rows, RARE))
    columns = {
        encoder.names[i]: TableError(
            _sampling(shares[i], n_rows), math.hypot(_sampling(shares[i], n_rows), margins[i]) + lost[i]
        )
        for i in own
    }
    pairs, shown = {}, set()
    part = len(noises) / max(math.comb(len(own), 2), 1)
    for i, j in itertools.combinations(own, 2):
        names = (encoder.names[i], encoder.names[j])
        sampling = _sampling(np.outer(shares[i], shares[j]).ravel(), n_rows)
        hidden = (1.0 - HIDDEN_PART * part) * rehearsal.dependence.get(names, 0.0)
        if (i, j) in noises:
            shown.add(names)
            expected = np.outer(counts[i], counts[j]) / n_rows
            noise = PAIR_PART * _noise(noises[i, j], expected, n_rows)
            hidden = hidden * noise / max(math.hypot(hidden, noise), 1e-12)
        error = math.hypot(sampling, margins[i], margins[j], hidden) + lost[i] + lost[j]
        pairs[names] = TableError(sampling, error)
    return Expectation(columns, pairs, frozenset(shown))


def _shares(rehearsal: Rehearsal, name: str) -> np.ndarray:
    """Return the shares of the cells in which an evaluation counts a column: quantiles of numbers, or categories."""
    counts = rehearsal.made_up[name].value_counts().to_numpy()
    shares = counts / max(counts.sum(), 1)
    if not has_range(rehearsal.measured.released.schema[name]) or len(shares) <= QUANTILES:
        return np.asarray(shares)
    heavy = shares[shares > 1.0 / QUANTILES]
    rest = 1.0 - heavy.sum()
    n_bins = max(round(QUANTILES * rest), 1)
    return np.concatenate([heavy, np.full(n_bins, rest / n_bins)])


def _lost(column: CodedColumn) -> float:
    """Return the share of rows whose values are not released: a sample has others in their place."""
    if is_on_lattice(column.encoder) and column.encoder.is_unseen:
        return 1.0
    if not column.encoder.has_other:
        return 0.0
    return float(column.weights[-1] / max(column.weights.sum(), 1e-12))


def _sampling(shares: np.ndarray, n_rows: int) -> float:
    """Return the expected total variation of a sample from its own distribution; rare cells are Poisson's."""
    return 0.5 * float(np.minimum(_MEAN_SIZE * np.sqrt(shares / n_rows), 2 * shares).sum())


def _noise(noise_stddev: float | np.ndarray, counts: np.ndarray, n_rows: int) -> float:
    """Return the total variation that noise makes, given expected counts, below which a cell cannot fall."""
    sizes = np.minimum(_MEAN_SIZE * np.asarray(noise_stddev), 2 * np.maximum(counts, 0.0))
    return 0.5 * float(sizes.sum()) / n_rows


def _margin_error(rehearsal: Rehearsal, tables: Sequence[Marginal], position: int, n_bins: int) -> float:
    """Return the total variation that noise leaves in a column's table of ``n_bins`` bins.

    The number of rows of a code is averaged over the tables that show it; their places within it are known from the
    column's own histogram alone.
    """
    measured = rehearsal.measured
    own, whole = measured.one_ways[position], measured.histograms[position]
    precision = np.broadcast_to(np.asarray(own.noise_stddev, dtype=float) ** -2.0, own.counts.shape).copy()
    for pair in tables:
        if position in pair.columns:
            precision += 1.0 / margin_variance(pair, pair.columns.index(position))
    each = max(n_bins / len(own.counts), 1.0)  # bins of a code
    within = (
        float(np.mean(whole.noise_stddev)) ** 2 * max(len(whole.counts) / n_bins, 1.0) * (1.0 - 1.0 / each)
    )
    noise = np.sqrt(1.0 / precision / each**2 + within)
    return ONE_WAY_PART * each * _noise(noise, own.counts / each, rehearsal.n_rows)
