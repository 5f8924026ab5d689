"""Door 1b: pair marginals of the coded table, chosen and measured under differential privacy.

One row lies in one cell of each pair's table, so a table of counts has L2 sensitivity 1 and ``k`` of them
together sqrt(k), under add-or-remove-one adjacency; for entities, ``max_rows`` times as much. Noisy scores decide
the choice of pairs and the noise of each; the plan fixes the GDP total of all of them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from tabgan.errors import BudgetExceededError, PrivacyError
from tabgan.privacy.choice import Chosen, chosen_pairs
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.events import GAUSSIAN, PLACES, Release
from tabgan.privacy.plan import Plan
from tabgan.privacy.released import Marginal
from tabgan.table.summed import CodesElsewhere, pair_tables

Pair = tuple[int, int]

#: Pairs charged and measured at a time: bounds the loss of a crash, and the number of waits for the disk.
BLOCK = 16

#: The ledger's names for a pair's tables: of codes, of groups of these, and of the cells of columns of a rule.
TWO_WAY, OF_GROUPS, OF_CELLS = "2-way marginal", "2-way marginal of groups", "2-way marginal of cells"

#: Each row's flat cell in a table of places by codes and places of that row, -1 for none.
Cells = Callable[[np.ndarray, np.ndarray], np.ndarray]


def measure_pairs(
    codes: np.ndarray | CodesElsewhere,
    sizes: Sequence[int],
    names: Sequence[str],
    one_ways: Sequence[np.ndarray],
    n_rows: float,
    plan: Plan,
    measurer: Measurer,
    progress: Callable[[int, int], None] | None = None,
    targets: Collection[int] = (),
    known: Collection[Pair] = (),
    required: Collection[Pair] = (),
    groups: Sequence[np.ndarray | None] = (),
    may_be_related: Callable[[Mapping[Pair, float], float], bool] = lambda scores, noise_stddev: False,
) -> list[Marginal]:
    """Return noisy tables of the pairs whose dependence outweighs their noise.

    **Guarantee.** Scores: ``k`` numbers of sensitivity ``max_rows`` each, charged as Gaussians with the noise of the
    stage ``selection``. Tables: Gaussians that together spend the rest of the plan's ``mu``. Both are charged
    before a count is taken. Tables whose charge was recorded before an interruption, but whose counts were not, stay
    unmeasured: their budget is spent.

    Args:
        codes: ``(rows, columns)`` the private table, coded.
        sizes: Number of codes of each column.
        names: Names of the columns, for the ledger.
        one_ways: Released counts by code, one array per column.
        n_rows: Noisy number of rows.
        plan: Noise scales.
        measurer: The object that charges, adds the noise, and keeps the answers.
        progress: Called with the number of pairs done and the total.
        targets: Positions of the declared targets: their pairs get less noise.
        known: Moments and their cycles: these pairs are left out, since their dependence is public.
        required: Pairs that are measured regardless of their scores, since rules exclude some of their codes.
        groups: Groups of each column's codes, by released counts: a pair of two such columns has a second table.
        may_be_related: True, by noisy scores and their noise's standard deviation, to reserve the stage ``found``.

    Returns:
        Marginals over two columns each; none for a table of a single column.
    """
    pairs = [pair for pair in itertools.combinations(range(len(sizes)), 2) if pair not in known]
    if not pairs:
        return []
    tables = PairTables(codes, sizes, names, plan.unit.max_rows, measurer)
    noise = plan.noise_multiplier("selection", len(pairs))
    scores = tables.scores(pairs, noise, one_ways, n_rows, progress)
    if may_be_related(dict(zip(pairs, scores, strict=True)), plan.noise_stddev("selection", len(pairs))):
        measurer.privacy_filter.reserve("found")
    mu = measurer.privacy_filter.remaining_mu()
    if mu <= 0:  # interruptions have used up all of it
        return []
    cycles, unit = {later for _, later in known}, (n_rows, plan.unit.max_rows)
    chosen = chosen_pairs(pairs, sizes, scores, mu, unit, targets, cycles, required, groups)
    marginals: list[Marginal] = []
    for start in range(0, len(chosen), BLOCK):
        marginals += tables.measure(chosen[start : start + BLOCK])
        if progress:
            progress(len(pairs) + min(start + BLOCK, len(chosen)), len(pairs) + len(chosen))
    return marginals


def measure_places(
    cells: Sequence[tuple[str, Cells]], shape: tuple[int, int], rows: Sequence[np.ndarray], measurer: Measurer
) -> list[np.ndarray] | None:
    """Return noisy tables of places of columns; ``None`` if interruptions lost them or used up their share.

    **Guarantee.** A row is in at most one cell of a table, by its own codes and places and by released numbers: L2
    sensitivity ``max_rows``, charged before a row is read. Together they spend the stage ``places``.
    """
    plan, size = measurer.privacy_filter.plan, math.prod(shape)
    noise, unit = plan.noise_multiplier("places", len(cells)), plan.unit.max_rows
    lines = [Release("marginals", PLACES, (name,), GAUSSIAN, noise, sensitivity=unit) for name, _ in cells]

    def counts(cell: Cells) -> np.ndarray:
        found = cell(*rows)
        if found.shape != rows[0].shape[:1]:
            raise PrivacyError(f"{PLACES}: expected one cell a row. Nothing was released.")
        return np.bincount(found[(found >= 0) & (found < size)], minlength=size).reshape(shape)

    try:
        return measurer.counts(lines, [partial(counts, cell) for _, cell in cells], is_dispensable=True)
    except BudgetExceededError:  # nothing was charged, and no row was read
        return None


@dataclass(frozen=True)
class PairTables:
    """The coded rows, with the measurer that every access to them goes through."""

    codes: np.ndarray | CodesElsewhere
    sizes: Sequence[int]
    names: Sequence[str]
    max_rows: int
    measurer: Measurer

    def _release(self, what: str, pair: Pair, noise: float) -> Release:
        columns = (self.names[pair[0]], self.names[pair[1]])
        return Release("marginals", what, columns, GAUSSIAN, noise, sensitivity=self.max_rows)

    def scores(
        self,
        pairs: Sequence[Pair],
        noise: float,
        one_ways: Sequence[np.ndarray],
        n_rows: float,
        progress: Callable[[int, int], None] | None,
    ) -> np.ndarray:
        """Return ``(len(pairs),)`` noisy dependences."""

        def exact() -> np.ndarray:
            scores = np.empty(len(pairs))
            tables = pair_tables(self.codes, pairs, self.sizes)
            for done, (pair, table) in enumerate(zip(pairs, tables, strict=True)):
                scores[done] = _dependence(table, one_ways, pair, n_rows)
                if progress:
                    progress(done + 1, 2 * len(pairs))
            return scores

        return self.measurer.scores([self._release("dependence score", pair, noise) for pair in pairs], exact)

    def measure(self, chosen: Sequence[Chosen], what: str = TWO_WAY) -> list[Marginal]:
        """Return noisy tables; none of codes if an interruption left a charge for them without an answer."""
        whats = [what if each.groups is None else OF_GROUPS for each in chosen]
        releases = [self._release(w, each.pair, each.noise) for w, each in zip(whats, chosen, strict=True)]
        pairs = list(dict.fromkeys(each.pair for each in chosen))
        counted = cache(lambda: dict(zip(pairs, pair_tables(self.codes, pairs, self.sizes), strict=True)))
        exact = [lambda each=each: each.summed(counted()[each.pair]) for each in chosen]
        tables = self.measurer.counts(releases, exact, is_dispensable=what == TWO_WAY)
        measured = [] if tables is None else zip(chosen, tables, releases, strict=True)
        return [Marginal(each.pair, table, r.noise_stddev, each.groups) for each, table, r in measured]


def _dependence(table: np.ndarray, one_ways: Sequence[np.ndarray], pair: Pair, n_rows: float) -> float:
    """Return the L1 distance of a pair's counts from the product of its released 1-ways.

    Sensitivity 1 per row: the product is public, and one row changes one cell of the table by one.
    """
    expected = np.outer(one_ways[pair[0]], one_ways[pair[1]]) / n_rows
    return float(np.abs(table - expected).sum())
