"""Canaries through both doors in one run, and an attacker who knows everything except their inclusion.

The table is made up, so an audit costs nobody's privacy. It has two columns. Base rows lie on the diagonal of their
grid; each canary is a unit whose rows all lie in an off-diagonal cell of its own. A fair coin of the operating system
decides if it is included. Then the fit's own code runs both doors, once. The attacker reads everything that leaves
them: the measured table, and the noisy gradients of every step, which no model holds. It knows the base rows and the
weights, and scores each canary by the log-likelihood ratio of the releases. No recipient of a
synthetic table knows as much.

References:
    Steinke, Nasr & Jagielski (2023), *Privacy Auditing with One (1) Training Run*, NeurIPS.
    Nasr et al. (2023), *Tight Auditing of Differentially Private Machine Learning*, USENIX Security, on an attacker
    that sees the noisy gradients.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tabgan.audit.whitebox import GradientAttack
from tabgan.errors import AuditError
from tabgan.privacy.doors.contributions import bound_contributions
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.doors.measured_table import measure_table
from tabgan.privacy.filter import PrivacyFilter, PrivacyStatement
from tabgan.privacy.plan import Plan
from tabgan.privacy.released import ReleasedTable
from tabgan.schema import Categorical, Schema

#: Base rows of every category, over the noise of a 1-way count: enough for each category to keep its own code.
BASE_OVER_NOISE = 8.0

_NAMES = ("left", "right")


@dataclass(frozen=True)
class CanaryScores:
    """An attacker's scores of one run.

    Attributes:
        is_in: ``(canaries,)`` True for included canaries.
        counts: ``(canaries,)`` log-likelihood ratios given the measured table.
        gradients: ``(canaries,)`` the same given the noisy gradients; zeros without an adversary.
        mu_counts: GDP parameter of the measured table, as charged: the most that it can reveal of a canary.
        histogram_noise: Noise of the released 1-ways, in units of the charged noise.
        privacy: The run's statement.
    """

    is_in: np.ndarray
    counts: np.ndarray
    gradients: np.ndarray
    mu_counts: float
    histogram_noise: np.ndarray
    privacy: PrivacyStatement


@dataclass(frozen=True)
class Design:
    """The table of an audit.

    Attributes:
        side: Categories of each column.
        cells: ``(canaries, 2)`` off-diagonal cell of each canary.
        repeats: Base rows of every category.
        max_rows: Rows of a canary.
    """

    side: int
    cells: np.ndarray
    repeats: int
    max_rows: int

    @classmethod
    def of_plan(cls, n_canaries: int, plan: Plan) -> Design:
        """Return a design with a cell for each canary, and base rows that rise above the plan's noise."""
        side = math.ceil((1 + math.sqrt(1 + 4 * n_canaries)) / 2)  # side * (side - 1) cells off the diagonal
        cells = np.argwhere(~np.eye(side, dtype=bool))[:n_canaries]
        repeats = math.ceil(BASE_OVER_NOISE * plan.noise_stddev("one_way", len(_NAMES))) + 1
        return cls(side, cells, repeats, plan.unit.max_rows)

    def table(self, is_in: np.ndarray, plan: Plan) -> tuple[pd.DataFrame, Schema]:
        """Return the rows, and a schema that declares everything; every base row is a unit of its own."""
        base = np.arange(self.repeats * self.side) % self.side
        per_canary = self.max_rows + (
            plan.unit.entity is not None
        )  # one too many, which bounding has to drop
        canaries = self.cells[is_in].repeat(per_canary, axis=0)
        rows = np.concatenate([np.stack([base, base], axis=1), canaries])
        domain = [f"category {position}" for position in range(self.side)]
        data: dict[str, Any] = {
            name: np.array(domain, dtype=object)[rows[:, i]] for i, name in enumerate(_NAMES)
        }
        columns = [
            Categorical(name=name, dtype="object", categories=domain, unknown="error", nullable=False)
            for name in _NAMES
        ]
        if plan.unit.entity is None:
            return pd.DataFrame(data), Schema(columns)
        owners = len(base) + np.arange(len(canaries)) // per_canary
        data[plan.unit.entity] = np.concatenate([np.arange(len(base)), owners])
        return pd.DataFrame(data), Schema(columns, entity=plan.unit.entity, max_rows=self.max_rows)


def run_canaries(plan: Plan, n_canaries: int) -> CanaryScores:
    """Run both doors once on a table with canaries, and return an attacker's scores.

    Args:
        plan: Plan of the audited fit, which must be private.
        n_canaries: At least 2.

    Raises:
        AuditError: categories were merged, so that canaries share cells: the attack would be weaker than stated.
    """
    design, is_in = Design.of_plan(n_canaries, plan), coins(n_canaries)
    df, schema = design.table(is_in, plan)
    privacy_filter = PrivacyFilter(plan)
    table = bound_contributions(df, plan.unit)
    measurer = Measurer(privacy_filter)
    measured = measure_table(table.df, schema, plan, measurer)
    if measured.encoder.sizes != [design.side, design.side]:
        raise AuditError("audit: the noise hid some categories of the audit's own table. Run it again.")
    (pair,) = measured.pairs
    # The charge gives the noise that there should be; the audit tests the noise that was drawn.
    (charged,) = (entry for entry in privacy_filter.entries if entry.what == "2-way marginal")
    rows = design.max_rows
    noise = charged.noise_multiplier * rows
    # No base row lies off the diagonal, so a canary's cell holds its own rows and noise.
    counts = (rows * pair.counts[tuple(design.cells.T)] - rows**2 / 2) / noise**2
    gradients = np.zeros(n_canaries)
    if plan.adversary is not None:
        attack = GradientAttack(plan.adversary, design.side, design.max_rows)
        n_rows = measured.released.n_rows
        gradients = attack.scores(np.asarray(measured.codes), table.units, n_rows, measurer, design.cells)
    return CanaryScores(
        is_in,
        counts,
        gradients,
        rows / noise,
        _histogram_noise(measured.released, table.df, privacy_filter, rows),
        privacy_filter.statement(),
    )


def _histogram_noise(
    released: ReleasedTable, df: pd.DataFrame, privacy_filter: PrivacyFilter, rows: int
) -> np.ndarray:
    """Return the noise in the released histograms, over the charged multiplier times the rows of a unit."""
    charged = {
        entry.columns[0]: entry.noise_multiplier
        for entry in privacy_filter.entries
        if entry.what == "1-way histogram"
    }
    noise = []
    for column in released.columns:
        encoder = column.encoder
        exact = np.bincount(encoder.transform(df[encoder.name]), minlength=encoder.n_cells)
        noise.append((column.counts - exact) / (charged[encoder.name] * rows))
    return np.concatenate(noise)


def coins(n: int) -> np.ndarray:
    """Return ``(n,)`` fair coin flips from the operating system."""
    return np.asarray(np.frombuffer(secrets.token_bytes(n), dtype=np.uint8) % 2 == 1)
