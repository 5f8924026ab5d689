"""Checks of the mechanisms themselves, in seconds: each compares a mechanism's output with its charge.

Every check is two-sided if both too little and too much are wrong, and gives a false alarm about once in a hundred
thousand runs. They run the same code as a fit, on made-up tables.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy import stats

from tabgan.audit.whitebox import CellGame
from tabgan.privacy.accounting import SubsampledGaussian
from tabgan.privacy.doors import mechanisms
from tabgan.privacy.doors.dpsgd import CHUNK, PrivateSteps
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.doors.measured_table import measure_table
from tabgan.privacy.doors.private_metrics import Guesser, release_private_metrics
from tabgan.privacy.events import MAX_GRAD_NORM
from tabgan.privacy.filter import PrivacyFilter
from tabgan.privacy.plan import Plan, make_plan, make_private_metrics_plan
from tabgan.privacy.unit import PrivacyUnit
from tabgan.schema import Categorical, Schema

#: Probability that a check of a sound mechanism fails.
FALSE_ALARM = 1e-5

#: Cells, rows, steps: enough to tell a scale from two thirds of it, and a rate from a tenth more.
CELLS, ROWS, STEPS = 4_000, 2_000, 10

#: Practically no noise, but a number that the optimizer accepts; used only with a plan without privacy.
_QUIET = 1e-9

#: Columns of a table for private metrics, and times that all of their figures are measured.
_WIDTH, _TIMES = 12, 25

#: Codes of each of the two columns of a table for gradients.
_SIDE = 20


@dataclass(frozen=True)
class MechanismCheck:
    """One figure, with the interval that a sound mechanism stays in.

    Attributes:
        name: The checked property, in words.
        expected: The charged, or correct, value.
        observed: The observed value.
        low: The least value that passes.
        high: The largest value that passes.
    """

    name: str
    expected: float
    observed: float
    low: float
    high: float

    @property
    def has_passed(self) -> bool:
        """True if the figure lies in its interval; NaN does not."""
        return bool(self.low <= self.observed <= self.high)


def check_mechanisms(progress: Callable[[int, int], None] | None = None) -> tuple[MechanismCheck, ...]:
    """Return a check of each property that the guarantee depends on, door by door.

    Args:
        progress: Called with the number of checks done and the total.
    """
    checks: list[MechanismCheck] = []
    groups = (
        _count_noise,
        _independence,
        _threshold,
        _clipping,
        _gradient_noise,
        _sampling,
        _private_metrics,
    )
    for group in groups:
        checks += group()
        if progress:
            progress(len(checks), 20)
    return tuple(checks)


def scale_check(name: str, noise: np.ndarray, stddev: float) -> MechanismCheck:
    """Check a sample's standard deviation against the charged one, by the chi-squared interval."""
    low, high = stats.chi2.interval(1 - FALSE_ALARM, noise.size)
    observed = math.sqrt(float((noise**2).mean()))
    return MechanismCheck(
        name, stddev, observed, stddev * math.sqrt(low / noise.size), stddev * math.sqrt(high / noise.size)
    )


def _count_noise() -> Iterator[MechanismCheck]:
    """Yield checks of the noise on counts: its scale, small and large, and its shape."""
    for stddev in (1.0, 25.0):
        noise = mechanisms.noisy_vector(np.full(CELLS, 17), stddev) - 17
        yield scale_check(f"counts: noise of standard deviation {stddev:g}", noise, stddev)
    p_value = float(stats.kstest(noise / stddev, "norm").pvalue)
    yield MechanismCheck("counts: Gaussian shape, p-value", 0.5, p_value, FALSE_ALARM, 1.0)


def _independence() -> Iterator[MechanismCheck]:
    """Yield checks that cells of one table, and the same cells of two tables, have independent noise."""
    tables = mechanisms.noisy_vector(np.zeros((2, CELLS)), 5.0)
    bound = float(stats.norm.isf(FALSE_ALARM / 2)) / math.sqrt(CELLS)
    within = _correlation(tables[0, :-1], tables[0, 1:])
    yield MechanismCheck("counts: correlation of neighbouring cells", 0.0, within, -bound, bound)
    between = _correlation(tables[0], mechanisms.noisy_vector(np.zeros(CELLS), 5.0))
    yield MechanismCheck("counts: correlation of two releases", 0.0, between, -bound, bound)
    mean, spread = float(tables.mean()), 5.0 / math.sqrt(tables.size)
    limit = float(stats.norm.isf(FALSE_ALARM / 2)) * spread
    yield MechanismCheck("counts: mean of the noise", 0.0, mean, -limit, limit)


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return the correlation of two samples; 1 if either is constant, which no noise is."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 1.0
    return float(np.corrcoef(first, second)[0, 1])


def _threshold() -> Iterator[MechanismCheck]:
    """Yield checks that a lone unit's category shows as often as delta allows, for a row and an entity of 3 rows."""
    for rows in (1, 3):
        runs, delta = 20_000, 0.01
        shown = len(mechanisms.discover(np.full(runs, rows), 4.0 * rows, delta, rows)[0])
        share = delta / rows  # for as many categories as a unit may have
        low, high = stats.binom.interval(1 - FALSE_ALARM, runs, share)
        low = low if rows == 1 else 0.0  # OpenDP's map is stricter for entities than the closed form
        yield MechanismCheck(
            f"categories: lone units of {rows} shown, of {runs:,}", runs * share, shown, low, high
        )


def _steps(
    noise: float, rate: float, codes: np.ndarray, units: np.ndarray, unit: PrivacyUnit, n_rows: float
) -> PrivateSteps:
    """Return DP-SGD on a made-up table; without noise only under a plan without privacy."""
    run = SubsampledGaussian(noise, rate, 10_000)
    is_private = noise != _QUIET
    plan = Plan(1e6 if is_private else None, 0.5, 0.0, 0.0, {}, True, run if is_private else None, unit)
    measurer = Measurer(PrivacyFilter(plan))
    return PrivateSteps(CellGame(_SIDE), codes, units, n_rows, run, measurer, torch.device("cpu"))


def _table(n_rows: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(_SIDE, size=(n_rows, 2)).astype(np.int16)


def _gradient(steps: PrivateSteps) -> np.ndarray:
    """Take a step, and return the noisy sum of the clipped gradients."""
    seen: list[torch.Tensor] = []
    steps.watch(seen.append)
    steps.step()
    return (seen[-1] * steps.batch_size).numpy()


def _clipping() -> Iterator[MechanismCheck]:
    """Yield checks that one unit's rows change the sum, but by no more than the bound that the noise is scaled to."""
    for rows in (1, 3):
        n_units = (CHUNK + 60) // rows  # the unit in question is in the second part of the batch
        codes = np.repeat(_table(n_units), rows, axis=0)
        units = np.repeat(np.arange(n_units), rows)
        sums = [
            _gradient(_steps(_QUIET, 1.0, codes[kept], units[kept], PrivacyUnit("unit", rows), 64))
            for kept in (slice(None), slice(0, -rows))
        ]
        moved = float(np.linalg.norm(sums[0] - sums[1]))
        yield MechanismCheck(
            f"gradients: change by a unit of {rows}", MAX_GRAD_NORM, moved, 0.01, MAX_GRAD_NORM
        )


def _gradient_noise() -> Iterator[MechanismCheck]:
    """Yield checks that the noise of DP-SGD has the charged scale, even in a step without rows, and is independent."""
    noise = 5.0
    steps = _steps(noise, 1e-12, _table(10), np.arange(10), PrivacyUnit(), 64)
    drawn = [_gradient(steps) for _ in range(STEPS)]
    yield scale_check("gradients: noise of an empty step", np.concatenate(drawn), noise * MAX_GRAD_NORM)
    other = _gradient(_steps(noise, 1e-12, _table(10), np.arange(10), PrivacyUnit(), 64))
    bound = float(stats.norm.isf(FALSE_ALARM / 2)) / math.sqrt(other.size)
    for name, first, second in (
        ("of two steps", drawn[0], drawn[1]),
        ("of two runs", drawn[0], other),
        ("of neighbouring weights", other[:-1], other[1:]),
    ):
        yield MechanismCheck(
            f"gradients: correlation of the noise {name}", 0.0, _correlation(first, second), -bound, bound
        )


def _sampling() -> Iterator[MechanismCheck]:
    """Yield checks that batches are Poisson at the charged rate: mean and variance of their sizes."""
    rate, runs = 0.05, 400
    steps = _steps(5.0, rate, _table(ROWS), np.arange(ROWS), PrivacyUnit(), ROWS)
    sizes = np.array([steps.draw_batch_size() for _ in range(runs)])
    mean, variance = ROWS * rate, ROWS * rate * (1 - rate)
    margin = float(stats.norm.isf(FALSE_ALARM / 2)) * math.sqrt(variance / runs)
    yield MechanismCheck("batches: mean size", mean, float(sizes.mean()), mean - margin, mean + margin)
    low, high = (variance * bound / (runs - 1) for bound in stats.chi2.interval(1 - FALSE_ALARM, runs - 1))
    yield MechanismCheck("batches: variance of the size", variance, float(sizes.var(ddof=1)), low, high)


class _MetricsGame:
    """Private metrics of made-up columns with two values; the synthetic table shows only the second."""

    def __init__(self) -> None:
        names = [f"column {place}" for place in range(_WIDTH)]
        schema = Schema(
            [Categorical(name=name, categories=("a", "b"), dtype="str", nullable=False) for name in names]
        )
        plan = make_plan(100.0, 0.5, has_discovery=False, adversary_share=0.0)
        base = pd.DataFrame({name: np.repeat(["a", "b"], 50) for name in names})
        self.encoder = measure_table(base, schema, plan, Measurer(PrivacyFilter(plan))).encoder
        self._shown = self.encoder.transform(base[50:])

    def figures(self, rows: int, units: int, plan: Plan) -> np.ndarray:
        """Return all figures in rows: of 40 rows like the synthetic ones, and of units with ``rows`` others each."""
        table = pd.DataFrame({name: ["b"] * 40 + ["a"] * (rows * units) for name in self.encoder.names})
        if plan.unit.entity is not None:
            table[plan.unit.entity] = [*range(40), *np.repeat(np.arange(40, 40 + units), rows)]
        found = release_private_metrics(
            table,
            self.encoder,
            self._shown,
            1.0,
            plan,
            Measurer(PrivacyFilter(plan)),
            pairs=[(j, j + 1) for j in range(_WIDTH - 1)],
            triples=[(0, 1, 2)],
            guesser=Guesser(0, lambda codes: codes[:, 1], int(1 - self._shown[0, 0])),
        )
        rest = (found.pairs, found.triples, found.correct, found.majority)
        noisy = [*found.columns.values(), *(each for each in rest if each is not None)]
        return np.array([[each.value, each.noise_stddev] for each in noisy])


def _private_metrics() -> Iterator[MechanismCheck]:
    """Yield checks of private metrics: a unit moves each by its rows at most, and their noise has the charged scale."""
    game = _MetricsGame()
    for rows in (1, 3):
        unit = PrivacyUnit() if rows == 1 else PrivacyUnit("unit", rows)
        quiet = Plan(None, 0.5, 0.0, math.inf, unit=unit)
        given = rows if rows == 1 else rows + 1  # one too many, which bounding has to drop
        without, exact = (game.figures(given, units, quiet)[:, 0] for units in (0, 1))
        moved = float(np.abs(exact - without).max())
        yield MechanismCheck(f"private metrics: change by a unit of {rows}", rows, moved, 0.01, rows + 1e-9)
        plan = make_private_metrics_plan(1.0, 1e-6, unit)
        drawn = [game.figures(given, 1, plan) for _ in range(_TIMES)]
        noise = np.concatenate([(each[:, 0] - exact) / each[:, 1] for each in drawn])
        yield scale_check(f"private metrics: noise over charged noise, units of {rows}", noise, 1.0)
