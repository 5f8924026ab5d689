"""A fit's releases, rehearsed: the doors' own code on made-up rows, without noise and without a charge to any ledger.

Names, order and noise of each release are therefore those of a fit, as far as they follow from public facts; those that
follow from released numbers are of a table as the assumptions describe it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tabgan._util.logs import unlogged
from tabgan.fitting.session import Request
from tabgan.planning.dependence import FINE, assumed_dependence
from tabgan.planning.madeup import made_up
from tabgan.privacy.doors import mechanisms
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.doors.measured_table import MeasuredTable, measure_table
from tabgan.privacy.events import Release
from tabgan.privacy.filter import PrivacyFilter
from tabgan.privacy.plan import Plan
from tabgan.privacy.released import N_ROWS, Discovered
from tabgan.table.headers import PublicHeader
from tabgan.table.summed import Observed

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The ledger's name for the histogram of a column whose domain is known.
ONE_WAY = "1-way histogram"

#: Releases of frequent numbers; open ranges are assumed to have none.
_FREQUENT = ("frequent numbers", "rare numbers")


class RehearsedFilter(PrivacyFilter):
    """A filter that collects the charges of a fit. Nothing is released, so nothing is checked or recorded."""

    def charge(self, *releases: Release, call: str = "") -> None:
        """Record releases in memory."""
        del call
        self.entries.extend(releases)
        self._spent = self._spent.plus(releases)


class RehearsedMeasurer(Measurer):
    """A measurer of made-up rows, whose answers are their counts, without noise; its filter writes to no ledger.

    Args:
        plan: The budget of the fit that is rehearsed.
        n_rows: Rows of its table.
        times: Rows that each made-up row stands for.
    """

    def __init__(self, plan: Plan, n_rows: int, times: int) -> None:
        super().__init__(RehearsedFilter(plan))
        self.n_rows, self.times = n_rows, times
        self.dependence: Mapping[tuple[str, ...], float] = {}
        self._most: dict[tuple[str, ...], float] = {}  # largest share of a cell

    def counts(
        self,
        releases: Sequence[Release],
        exact: Sequence[Callable[[], np.ndarray]],
        *,
        is_dispensable: bool = False,
    ) -> list[np.ndarray] | None:
        """Return the counts of made-up rows, each times the number of rows that it represents."""
        del is_dispensable
        self.privacy_filter.charge(*releases)
        answers = []
        for release, count in zip(releases, exact, strict=True):
            if release.what == N_ROWS:
                answers.append(np.array([float(self.n_rows)]))
            else:
                answers.append(count() * float(self.times if release.door == "marginals" else 1))
                if release.what == ONE_WAY:
                    self._most[release.columns] = answers[-1].max() / max(answers[-1].sum(), 1.0)
        return answers

    def scores(self, releases: Sequence[Release], exact: Callable[[], np.ndarray]) -> np.ndarray:
        """Return assumed dependences of pairs: made-up columns are independent."""
        del exact
        self.privacy_filter.charge(*releases)
        pairs = [release.columns for release in releases]
        n_fine = [sum(self._most.get((name,), 1.0) <= FINE for name in pair) for pair in pairs]
        self.dependence = dict(zip(pairs, assumed_dependence(n_fine), strict=True))
        return 2.0 * self.n_rows * np.array([self.dependence[pair] for pair in pairs])

    def discover(
        self, release: Release, exact: Callable[[], Iterable[Observed]], max_rows: int, is_once: bool = False
    ) -> Discovered:
        """Return the made-up categories whose counts are above the threshold, and the counts of public words."""
        del is_once
        self.privacy_filter.charge(release)
        if release.what in _FREQUENT:
            return Discovered([], np.zeros(0), 0.0)
        delta = release.delta / len(release.columns)
        least = mechanisms.threshold_for(release.noise_stddev, delta, max_rows)
        pieces = list(exact())
        found = {
            value: float(count)
            for observed in pieces
            for value, count in zip(observed.values, observed.counts, strict=True)
            if count >= least
        }
        values = sorted(found, key=lambda value: (type(value).__name__, value))
        public = np.sum([observed.public for observed in pieces], axis=0).astype(float)
        return Discovered(values, np.array([found[value] for value in values]), 0.0, public)


@dataclass(frozen=True)
class Rehearsal:
    """The outcome of a rehearsal.

    Attributes:
        plan: The budget.
        measured: The made-up table's answers.
        made_up: The made-up rows as they were modelled, under rules those of the reduced table.
        releases: Every release that was charged, in its order.
        dependence: Assumed total variation of each pair's table from independent columns, by names.
        n_rows: Rows of the table.
    """

    plan: Plan
    measured: MeasuredTable
    made_up: pd.DataFrame
    releases: tuple[Release, ...]
    dependence: Mapping[tuple[str, ...], float]
    n_rows: int


def rehearse(request: Request, header: PublicHeader, n_rows: int) -> Rehearsal:
    """Return the releases of a fit to a table with these columns and this many rows.

    **Guarantee.** Reads no row of the table: a header has none, and all counts are of made-up rows.

    Raises:
        DataError: the table has too few rows for any column to rise above the noise.
        SchemaError: the schema does not fit the header.
    """
    rows = made_up(header, request.schema, n_rows, untyped_text=request.untyped_text)
    measurer = RehearsedMeasurer(request.plan, n_rows, rows.times)
    with unlogged():  # warnings would be of made-up rows
        measured = measure_table(
            rows, request.schema, request.plan, measurer, untyped_text=request.untyped_text
        )
    names = [column.encoder.name for column in measured.released.columns]
    return Rehearsal(
        request.plan,
        measured,
        measured.rows.frame(names),
        measurer.privacy_filter.charged,
        measurer.dependence,
        n_rows,
    )
