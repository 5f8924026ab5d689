"""The statistics of a one-run privacy audit: how much epsilon a single training run gives away.

Canaries, rows made up for the purpose, are each put into the table if a fair coin of their own says so. After one
run an attacker guesses which coins came up, for those canaries that it is surest of. A mechanism that is
``(epsilon, delta)``-DP limits how often it is right, so too many right guesses refute the statement. One coin adds
or removes one row: that is the neighbouring relation that is audited.

An audit gives a lower bound. To fail it disproves a stated epsilon, up to the confidence; to pass it proves nothing,
for a better attack, or other canaries, might have shown more. Even an attack that is perfect on a mechanism that
spends all of its epsilon falls short of it: :func:`simulated_bound` says by how much.

References:
    Steinke, Nasr & Jagielski (2023), *Privacy Auditing with One (1) Training Run*, NeurIPS: Section 5 for the
    analysis with delta, Appendix D for the computation and for the figures that the tests compare with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, expit, gammaln, log_expit

from tabgan._util.validate import integer_at_least, real_in
from tabgan.errors import ConfigError

#: Shares of the canaries that are guessed, one attempt each.
GUESS_SHARES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)

#: How closely bisection comes to the bound, from below.
TOLERANCE = 1e-6

#: Seed of the order of equal scores; an odd one, so that no coins are drawn from the same stream.
_TIES_SEED = 2305_08846_02


@dataclass(frozen=True)
class AuditBound:
    """What an audit showed. A mechanism that was stated to have a smaller epsilon does not have it.

    A bound below the stated epsilon, 0 included, is no evidence that the statement is right.

    Attributes:
        epsilon_lower_bound: The mechanism is not ``(epsilon, delta)``-DP for any epsilon below this; 0 when nothing
            was refuted.
        confidence: Probability, over coins and mechanism, that such a bound is not too high.
        n_canaries: Canaries that a coin was thrown for, in the table or not.
        n_guesses: Canaries that were guessed in the attempt that gave the bound.
        n_correct: How many of these guesses were right.
    """

    epsilon_lower_bound: float
    confidence: float
    n_canaries: int
    n_guesses: int
    n_correct: int


@dataclass(frozen=True)
class ExpectedBound:
    """What an audit would show of a mechanism that leaks all that it may, and no more.

    Attributes:
        median: Of the bound, over repetitions of the audit.
        low: Its 5% quantile.
        high: Its 95% quantile.
        n_canaries: Canaries of each audit.
        repetitions: Audits that were simulated.
    """

    median: float
    low: float
    high: float
    n_canaries: int
    repetitions: int


def p_value(n_canaries: int, n_guesses: int, n_correct: int, epsilon: float, delta: float) -> float:
    """Return how probable so many right guesses are at most, if the mechanism is ``(epsilon, delta)``-DP.

    Without delta, the right guesses are no more than a binomial ``W`` of ``n_guesses`` trials that succeed with
    ``q = 1 / (1 + exp(-epsilon))``. Delta adds some, at most ``2 * n_canaries * delta`` in expectation. The worst
    they can do to the probability of ``v`` right guesses is to come rarely and ``i`` at a time, the ``i`` that makes
    most of them: ``p = P[W >= v] + 2 * n_canaries * delta * max over i in 1..v of P[v - i <= W < v] / i``.

    **Guarantee.** A valid p-value for any attacker, if the coins are fair, independent of each other and of all else,
    the number of guesses was fixed beforehand, and the guesses were made from what the mechanism released alone.

    Args:
        n_canaries: All canaries, those with no guess included: delta counts for each.
        n_guesses: How many were guessed.
        n_correct: How many guesses were right.
        epsilon: What is to be refuted, at least 0.
        delta: In [0, 1).

    Raises:
        ConfigError: a number is out of its range, or counts contradict each other.

    >>> round(p_value(100, 100, 75, math.log(3), 0.0), 3)  # q = 3/4: no surprise
    0.553
    """
    _check_counts(n_canaries, n_guesses, n_correct)
    epsilon = real_in("epsilon", epsilon, 0.0, math.inf, open_low=False)
    return _p_value(n_canaries, n_guesses, n_correct, epsilon, _checked_delta(delta))


def epsilon_lower_bound(
    n_canaries: int, n_guesses: int, n_correct: int, delta: float, confidence: float = 0.95
) -> float:
    """Return the largest epsilon that right guesses refute, rounded down; 0 when they refute none.

    **Guarantee.** Of a mechanism that is ``(epsilon, delta)``-DP the bound exceeds epsilon with probability at most
    ``1 - confidence``, on the conditions of :func:`p_value`. It is a lower bound: a small one proves nothing.

    Args:
        n_canaries: All canaries, those with no guess included.
        n_guesses: How many were guessed.
        n_correct: How many guesses were right.
        delta: In [0, 1).
        confidence: In (0, 1).

    Raises:
        ConfigError: a number is out of its range, or counts contradict each other.

    >>> round(epsilon_lower_bound(1000, 100, 75, 1e-4), 3)  # the example of Appendix D
    0.673
    """
    _check_counts(n_canaries, n_guesses, n_correct)
    level = 1.0 - _checked_confidence(confidence)
    return _largest_refuted(n_canaries, n_guesses, n_correct, _checked_delta(delta), level)


def bound_from_scores(
    scores: ArrayLike,
    is_included: ArrayLike,
    delta: float,
    *,
    shares: Sequence[float] = GUESS_SHARES,
    confidence: float = 0.95,
) -> AuditBound:
    """Return the best bound of an attacker that guesses "in" for high scores and "out" for low ones.

    Each share is an attempt: the top half of so many canaries is guessed in, the bottom half out. Reporting the best
    attempt is choosing after a look, so each is held to ``(1 - confidence)`` over the number of attempts.

    **Guarantee.** As :func:`epsilon_lower_bound`. What breaks it: scores that know the truth other than through what
    the mechanism released, or an ``is_included`` that is no independent fair coins, such as exactly half of all.

    Args:
        scores: One a canary, the higher the more probably included, such as log-likelihood ratios. Infinite ones may
            be; equal ones are put in an order that is fixed beforehand and has nothing to do with their place.
        is_included: The coins, as booleans.
        delta: In [0, 1).
        shares: Of the canaries to guess, each in (0, 1], chosen before a look at the scores.
        confidence: Of the bound in all, in (0, 1).

    Raises:
        ConfigError: a number is out of its range, a score is NaN, or the two arrays do not belong together.
    """
    values, truth = _checked_canaries(scores, is_included)
    n_canaries = len(truth)
    counts = _guess_counts(n_canaries, shares)
    level = (1.0 - _checked_confidence(confidence)) / len(counts)
    delta = _checked_delta(delta)
    ranked = truth[_descending(values)]
    best, best_guesses = 0.0, counts[-1]
    for n_guesses in counts:
        n_correct = _correct(ranked, n_guesses)
        if _p_value(n_canaries, n_guesses, n_correct, best, delta) < level:  # else it is no better
            best, best_guesses = _largest_refuted(n_canaries, n_guesses, n_correct, delta, level), n_guesses
    return AuditBound(best, float(confidence), n_canaries, best_guesses, _correct(ranked, best_guesses))


def simulated_bound(
    draw: Callable[[NDArray[np.bool_], np.random.Generator], NDArray[np.float64]],
    n_canaries: int,
    delta: float,
    *,
    shares: Sequence[float] = GUESS_SHARES,
    confidence: float = 0.95,
    repetitions: int = 200,
    rng_seed: int = 0,
) -> ExpectedBound:
    """Return what this audit would show of any mechanism whose scores can be drawn.

    Args:
        draw: Returns a score for each canary, from the coins and a generator.
        n_canaries: Canaries of each audit.
        delta: In [0, 1).
        shares: As in :func:`bound_from_scores`.
        confidence: As in :func:`bound_from_scores`.
        repetitions: Audits to simulate.
        rng_seed: Seed of the simulation, not negative.

    Raises:
        ConfigError: a number is out of its range.
    """
    integer_at_least("n_canaries", n_canaries, 1)
    integer_at_least("repetitions", repetitions, 1)
    rng = np.random.default_rng(integer_at_least("rng_seed", rng_seed, 0))
    bounds = np.empty(repetitions)
    for repetition in range(repetitions):
        is_included = rng.random(n_canaries) < 0.5
        scores = draw(is_included, rng)
        found = bound_from_scores(scores, is_included, delta, shares=shares, confidence=confidence)
        bounds[repetition] = found.epsilon_lower_bound
    low, median, high = (float(value) for value in np.quantile(bounds, [0.05, 0.5, 0.95]))
    return ExpectedBound(median, low, high, n_canaries, repetitions)


def _p_value(n_canaries: int, n_guesses: int, n_correct: int, epsilon: float, delta: float) -> float:
    if n_correct == 0:
        return 1.0
    by_chance = float(betainc(n_correct, n_guesses - n_correct + 1, expit(epsilon)))  # P[W >= v]
    if delta == 0:
        return by_chance
    just_below = np.arange(n_correct - 1, -1, -1)  # v - 1, v - 2, ..., 0
    log_mass = _log_choose(n_guesses)[just_below] + (
        just_below * log_expit(epsilon) + (n_guesses - just_below) * log_expit(-epsilon)
    )
    missing = np.cumsum(np.exp(log_mass)) / np.arange(1, n_correct + 1)  # P[v - i <= W < v] / i
    return min(1.0, by_chance + 2 * n_canaries * delta * float(missing.max()))


@lru_cache(maxsize=16)
def _log_choose(n: int) -> NDArray[np.float64]:
    k = np.arange(n + 1)
    log_choose: NDArray[np.float64] = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    log_choose.flags.writeable = False  # every caller gets this one
    return log_choose


def _largest_refuted(n_canaries: int, n_guesses: int, n_correct: int, delta: float, level: float) -> float:
    """Return an epsilon whose p-value is below the level, and that of one a tolerance above is not."""

    def is_refuted(epsilon: float) -> bool:
        return _p_value(n_canaries, n_guesses, n_correct, epsilon, delta) < level

    if not is_refuted(0.0):
        return 0.0
    low, high = 0.0, 1.0
    while is_refuted(high):  # it ends: of an epsilon of 64 every guess may be right
        low, high = high, 2 * high
    while high - low > TOLERANCE:
        middle = (low + high) / 2
        low, high = (middle, high) if is_refuted(middle) else (low, middle)
    return low


def _descending(scores: NDArray[np.float64]) -> NDArray[np.intp]:
    # Of a sorted table's equal scores the first would be guessed in, and those may be the ones that are in.
    shuffled = np.random.default_rng(_TIES_SEED).permutation(len(scores))
    order: NDArray[np.intp] = shuffled[np.argsort(-scores[shuffled], kind="stable")]
    return order


def _correct(ranked: NDArray[np.bool_], n_guesses: int) -> int:
    n_out = n_guesses // 2
    top, bottom = ranked[: n_guesses - n_out], ranked[len(ranked) - n_out :]
    return int(top.sum()) + n_out - int(bottom.sum())


def _guess_counts(n_canaries: int, shares: Sequence[float]) -> list[int]:
    fix = "Give the shares of the canaries to guess, such as (0.1, 1.0)."
    if len(shares) == 0:
        raise ConfigError(f"shares: expected at least one, got none. {fix}")
    each = [
        real_in(f"shares[{i}]", share, 0.0, 1.0, open_high=False, fix=fix) for i, share in enumerate(shares)
    ]
    return sorted({max(1, round(share * n_canaries)) for share in each})  # of few canaries some coincide


def _check_counts(n_canaries: int, n_guesses: int, n_correct: int) -> None:
    integer_at_least("n_canaries", n_canaries, 1)
    integer_at_least("n_guesses", n_guesses, 0)
    integer_at_least("n_correct", n_correct, 0)
    if n_guesses > n_canaries:
        raise ConfigError(
            f"n_guesses: expected at most n_canaries, {n_canaries}, got {n_guesses}. "
            "Count the canaries with no guess in n_canaries too."
        )
    if n_correct > n_guesses:
        raise ConfigError(
            f"n_correct: expected at most n_guesses, {n_guesses}, got {n_correct}. Count right guesses only."
        )


def _checked_canaries(
    scores: ArrayLike, is_included: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    values, truth = np.asarray(scores), np.asarray(is_included)
    if values.ndim != 1 or len(values) == 0 or values.dtype.kind not in "fiu":
        raise ConfigError(
            f"scores: expected numbers in one dimension, at least one, got {values.dtype} of shape {values.shape}. "
            "Give one score a canary."
        )
    if truth.shape != values.shape or truth.dtype != np.bool_:
        raise ConfigError(
            f"is_included: expected booleans of the scores' shape {values.shape}, "
            f"got {truth.dtype} of shape {truth.shape}. Give one coin a canary."
        )
    n_nan = int(np.isnan(values).sum())
    if n_nan:
        raise ConfigError(f"scores: expected no NaN, got {n_nan}. Score what tells nothing 0.")
    return values.astype(np.float64), truth


def _checked_delta(delta: float) -> float:
    return real_in("delta", delta, 0.0, 1.0, open_low=False, fix="Use the delta that epsilon was stated at.")


def _checked_confidence(confidence: float) -> float:
    return real_in("confidence", confidence, 0.0, 1.0, fix="0.95 is usual.")
