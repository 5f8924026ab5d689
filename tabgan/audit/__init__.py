"""Audits of an installation's stated privacy: checks of the mechanisms, and canaries through both doors in one run.

An audit needs no private table: it makes one up. It costs nothing and can be repeated.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np

from tabgan._util import validate
from tabgan._util.progress import Progress, told
from tabgan.audit.canaries import CanaryScores, run_canaries
from tabgan.audit.mechanism_checks import MechanismCheck, check_mechanisms, scale_check
from tabgan.audit.outcome import AuditResult, CanaryResult
from tabgan.audit.statistics import bound_from_scores, simulated_bound
from tabgan.errors import ConfigError, PrivacyError
from tabgan.fitting.modelfile import Fitted
from tabgan.privacy.accounting import SubsampledGaussian
from tabgan.privacy.events import cost_of
from tabgan.privacy.filter import PrivacyStatement
from tabgan.privacy.plan import Plan, make_plan
from tabgan.privacy.unit import ROW, PrivacyUnit

__all__ = [
    "AuditResult",
    "CanaryResult",
    "MechanismCheck",
    "audit",
    "audit_model",
    "check_mechanisms",
    "run_canaries",
]

#: Simulated audits of a mechanism with the stated privacy, for comparison.
REPETITIONS = 60

#: Standard deviations that a separation may be off: a false alarm about once in ten thousand audits, because the
#: standard deviations are estimates too.
SPREADS = 4.5

#: Name of the entity column of an audit's own table.
_ENTITY = "unit"


def audit(
    epsilon: float = 1.0,
    delta: float = 1e-6,
    *,
    adversary_share: float | None = None,
    max_rows: int = 1,
    n_rows: int | None = None,
    n_canaries: int = 5_000,
    confidence: float = 0.95,
    progress: Progress | bool | None = None,
    n_targets: int = 1,
) -> AuditResult:
    """Audit this installation's stated privacy, with its own code on a made-up table.

    First the mechanisms are checked one by one: the noise on counts and gradients (too little, too much, its shape),
    independence, thresholds, clipping, sampling. Then both doors run once, with the plan of a fit with these arguments,
    on a table with canaries; an attacker that knows everything else guesses the included ones.

    The bound is below epsilon for a sound mechanism, and far below if epsilon is small: ``expected`` is the bound of
    even a perfect attack. With ``epsilon=8`` an audit is more sensitive to a mistake than with 1.

    Args:
        epsilon: The stated epsilon, above 0.
        delta: In (0, 1).
        adversary_share: The discriminator's part of the budget, as in :class:`~tabgan.TabGAN`.
        max_rows: Most rows of a privacy unit; more than 1 audits the guarantee for entities.
        n_rows: The number of rows that the fit declares, from which the sampling rate of DP-SGD follows.
        n_canaries: Number of canaries, 100 to 30,000, each of which is included in the table or not.
        confidence: Joint confidence of all bounds, in (0, 1).
        progress: Called with a stage, the number of its steps done, and their total; by default bars on a terminal
            or in a notebook, which ``False`` turns off.
        n_targets: The number of targets that the fit declares, at least 1: each has a critic, with steps of its own.

    Raises:
        ConfigError: an argument is out of its range.

    References:
        Steinke, Nasr & Jagielski (2023), *Privacy Auditing with One (1) Training Run*, NeurIPS.
    """
    start = time.perf_counter()
    epsilon = validate.positive("epsilon", epsilon, fix="Without privacy there is nothing to audit.")
    max_rows = validate.integer_at_least("max_rows", max_rows, 1)
    n_canaries = validate.integer_at_least("n_canaries", n_canaries, 100, fix="Fewer show nothing.")
    if n_canaries > 30_000:
        raise ConfigError(f"n_canaries: expected at most 30000, got {n_canaries}. The table grows with them.")
    confidence = validate.real_in("confidence", confidence, 0.0, 1.0)
    unit = ROW if max_rows == 1 else PrivacyUnit(_ENTITY, max_rows)
    if n_rows is not None:
        n_rows = validate.integer_at_least("n_rows", n_rows, 1)
    plan = make_plan(
        epsilon,
        delta,
        has_discovery=False,
        adversary_share=adversary_share,
        n_targets=validate.integer_at_least(
            "n_targets", n_targets, 1, fix="Without one set adversary_share=0."
        ),
        n_rows=n_rows,
        unit=unit,
    )
    with told(progress) as tell:
        checks = check_mechanisms(lambda done, total: tell("checks", done, total))
        tell("canaries", 0, 1)
        scores = run_canaries(plan, n_canaries)
        tell("canaries", 1, 1)
    kinds = _kinds(scores, plan)
    found = [scale_check("a fit's histograms: noise over charged noise", scores.histogram_noise, 1.0)]
    found += [_separation_check(kind, scores.is_in) for kind in kinds]
    canaries = _bounds(kinds, scores.is_in, float(delta), confidence)
    seconds = time.perf_counter() - start
    return AuditResult(epsilon, float(delta), unit.name, (*checks, *found), canaries, confidence, seconds)


class Auditable(Protocol):
    """The part of a fitted synthesizer that its audit uses."""

    adversary_share: float | None
    privacy_: PrivacyStatement

    def _check_fitted(self) -> Fitted: ...


def audit_model(
    model: Auditable, *, n_canaries: int = 5_000, progress: Progress | bool | None = None
) -> AuditResult:
    """Audit the privacy that a fitted model states: its own releases, and this installation with its fit's arguments.

    First the accountant composes the model's releases anew. The rest is :func:`audit`: it cannot see the rows that the
    model was fitted to, so it tests the code that a fit here would run, not the fit.

    Args:
        model: A fitted :class:`~tabgan.TabGAN`, or a loaded one.
        n_canaries: As in :func:`audit`.
        progress: As in :func:`audit`.

    Raises:
        NotFittedError: it is not fitted.
        PrivacyError: the fit was not private.
    """
    schema, privacy = model._check_fitted().encoder.schema, model.privacy_
    epsilon, delta, spent = privacy.epsilon, privacy.delta, privacy.epsilon_spent
    if epsilon is None or delta is None or spent is None:
        raise PrivacyError("audit: a fit with epsilon=None claims nothing. Fit with an epsilon.")
    found = audit(
        epsilon,
        delta,
        adversary_share=model.adversary_share if schema.targets else 0.0,
        max_rows=privacy.unit.max_rows,
        n_rows=schema.n_rows,
        n_canaries=n_canaries,
        n_targets=max(len(schema.targets), 1),
        progress=progress,
    )
    cost = cost_of(privacy.entries).epsilon(delta)
    name = f"the model's {len(privacy.entries):,} releases: epsilon, composed anew"
    own = MechanismCheck(name, spent, cost, 0.0, epsilon * (1 + 1e-9))
    return replace(found, privacy_unit=privacy.unit.name, checks=(own, *found.checks))


@dataclass(frozen=True)
class _Kind:
    """Scores from one door's releases, or from all of them, and a sampler of a sound mechanism's scores."""

    name: str
    scores: np.ndarray
    draw: Callable[[np.ndarray, np.random.Generator], np.ndarray]


def _kinds(scores: CanaryScores, plan: Plan) -> tuple[_Kind, ...]:
    counts = partial(_draw_counts, scores.mu_counts)
    if plan.adversary is None:
        return (_Kind("counts", scores.counts, counts),)
    gradients = partial(_draw_gradients, plan.adversary)
    return (
        _Kind("counts", scores.counts, counts),
        _Kind("gradients", scores.gradients, gradients),
        _Kind(
            "both",
            scores.counts + scores.gradients,
            lambda is_in, rng: counts(is_in, rng) + gradients(is_in, rng),
        ),
    )


def _bounds(
    kinds: Sequence[_Kind], is_in: np.ndarray, delta: float, confidence: float
) -> tuple[CanaryResult, ...]:
    """Return a bound for each kind of scores, at levels that add up to ``confidence``."""
    each = 1 - (1 - confidence) / len(kinds)
    results = []
    for kind in kinds:
        bound = bound_from_scores(kind.scores, is_in, delta, confidence=each)
        expected = simulated_bound(kind.draw, len(is_in), delta, confidence=each, repetitions=REPETITIONS)
        results.append(CanaryResult(kind.name, bound, expected))
    return tuple(results)


def _separation_check(kind: _Kind, is_in: np.ndarray) -> MechanismCheck:
    """Check the separation of included and excluded canaries' scores against simulations, from both sides.

    Less noise than stated shows here long before a bound exceeds epsilon; more means that the attack saw too little.
    """
    rng = np.random.default_rng(0)
    found = [_separation(kind.draw(is_in, rng), is_in) for _ in range(REPETITIONS)]
    mean, spread = float(np.mean(found)), float(np.std(found, ddof=1))
    low, high = mean - SPREADS * spread, mean + SPREADS * spread
    return MechanismCheck(
        f"canaries in {kind.name}: separation", mean, _separation(kind.scores, is_in), low, high
    )


def _separation(scores: np.ndarray, is_in: np.ndarray) -> float:
    """Return the distance of the two groups' means over the standard deviation within them."""
    inside, outside = scores[is_in], scores[~is_in]
    if len(inside) < 2 or len(outside) < 2:
        return 0.0
    within = math.sqrt((inside.var(ddof=1) + outside.var(ddof=1)) / 2)
    apart = float(inside.mean() - outside.mean())
    return apart / within if within > 0 else math.copysign(math.inf, apart)


def _draw_counts(mu: float, is_in: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return log-likelihood ratios of one Gaussian release whose noise is ``1 / mu`` sensitivities."""
    return mu * (mu * is_in + rng.standard_normal(len(is_in))) - mu**2 / 2


def _draw_gradients(run: SubsampledGaussian, is_in: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return log-likelihood ratios of a run whose gradients reveal a canary as far as clipping allows."""
    scores = np.zeros(len(is_in))
    for _ in range(run.steps):
        takes_part = is_in & (rng.random(len(is_in)) < run.sample_rate)
        seen = takes_part + run.noise_multiplier * rng.standard_normal(len(is_in))
        scores += np.log1p(run.sample_rate * np.expm1((seen - 0.5) / run.noise_multiplier**2))
    return scores
