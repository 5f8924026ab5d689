"""The statistics of a one-run privacy audit: lower bounds on the epsilon of a single training run.

Canaries, rows made up for the purpose, are each included in the table by a fair coin of their own. After one run an
attacker guesses the coins of the canaries that it is most certain of. An ``(epsilon, delta)``-DP mechanism limits the
number of correct guesses, so too many of them refute the statement. One coin adds or removes one row: that is the
neighbouring relation that is audited.

An audit gives a lower bound. Failing it disproves a stated epsilon, up to the confidence; passing it proves nothing,
because a better attack, or other canaries, might have shown more. Even a perfect attack on a mechanism that spends
all of its epsilon falls short of it: :func:`simulated_bound` says by how much.

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

#: Shares of the canaries that are guessed, in one attempt each.
GUESS_SHARES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)

#: Distance of the bisection's result from the bound, from below.
TOLERANCE = 1e-6

#: Seed of the order of equal scores; an unusual one, so that no coins are drawn from the same stream.
_TIES_SEED = 2305_08846_02


@dataclass(frozen=True)
class AuditBound:
    """The bound of an audit, which refutes any smaller stated epsilon.

    A bound below the stated epsilon, 0 included, is not evidence that the statement is right.

    Attributes:
        epsilon_lower_bound: The mechanism is not ``(epsilon, delta)``-DP for any epsilon below this; 0 if nothing
            was refuted.
        confidence: Probability, over coins and mechanism, that such a bound is not too high.
        n_canaries: All canaries, included in the table or not.
        n_guesses: Canaries guessed in the attempt that gave the bound.
        n_correct: Number of these guesses that were right.
    """

    epsilon_lower_bound: float
    confidence: float
    n_canaries: int
    n_guesses: int
    n_correct: int


@dataclass(frozen=True)
class ExpectedBound:
    """The bound to expect for a mechanism that leaks exactly as much as it may.

    Attributes:
        median: Median of the bound, over repetitions of the audit.
        low: Its 5% quantile.
        high: Its 95% quantile.
        n_canaries: Canaries of each audit.
        repetitions: Number of simulated audits.
    """

    median: float
    low: float
    high: float
    n_canaries: int
    repetitions: int


def p_value(n_canaries: int, n_guesses: int, n_correct: int, epsilon: float, delta: float) -> float:
    """Return the largest probability of ``n_correct`` or more right guesses under an ``(epsilon, delta)``-DP mechanism.

    Without delta, the right guesses are stochastically no more than a binomial ``W`` of ``n_guesses`` trials that
    succeed with ``q = 1 / (1 + exp(-epsilon))``. Delta adds some, at most ``2 * n_canaries * delta`` in expectation.
    Their worst effect on the probability of ``v`` right guesses is to come rarely and ``i`` at a time, with the worst
    ``i``: ``p = P[W >= v] + 2 * n_canaries * delta * max over i in 1..v of P[v - i <= W < v] / i``.

    **Guarantee.** A valid p-value for any attacker, if the coins are fair, independent of each other and of everything
    else, the number of guesses was fixed beforehand, and the guesses were made from the mechanism's release alone.

    Args:
        n_canaries: All canaries, including those without a guess: delta counts for each.
        n_guesses: Number of guesses.
        n_correct: Number of right guesses.
        epsilon: The epsilon to refute, at least 0.
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
    """Return the largest epsilon that right guesses refute, rounded down; 0 if they refute none.

    **Guarantee.** For an ``(epsilon, delta)``-DP mechanism the bound exceeds epsilon with probability at most
    ``1 - confidence``, under the conditions of :func:`p_value`. It is a lower bound: a small one proves nothing.

    Args:
        n_canaries: All canaries, including those without a guess.
        n_guesses: Number of guesses.
        n_correct: Number of right guesses.
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

    Each share is an attempt: of that share of the canaries, the top half is guessed in, the bottom half out. Reporting
    the best attempt is a choice made after looking, so each must reach the level ``1 - confidence`` over the number of
    attempts.

    **Guarantee.** As :func:`epsilon_lower_bound`. It is broken by scores that know the truth other than through the
    mechanism's release, or an ``is_included`` that is not independent fair coins, such as exactly half of all.

    Args:
        scores: One per canary, higher for canaries more likely to be included, such as log-likelihood ratios. They may
            be infinite; equal scores are ordered by a fixed rule that does not depend on their position.
        is_included: The coins, as booleans.
        delta: In [0, 1).
        shares: Shares of the canaries to guess, each in (0, 1], chosen before looking at the scores.
        confidence: Confidence of the returned bound, in (0, 1).

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
    """Return the bound of this audit for any mechanism whose scores can be drawn.

    Args:
        draw: Function from the coins and a generator to one score per canary.
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
    log_choose.flags.writeable = False  # all callers share it
    return log_choose


def _largest_refuted(n_canaries: int, n_guesses: int, n_correct: int, delta: float, level: float) -> float:
    """Return an epsilon whose p-value is below the level, while that of an epsilon ``TOLERANCE`` above is not."""

    def is_refuted(epsilon: float) -> bool:
        return _p_value(n_canaries, n_guesses, n_correct, epsilon, delta) < level

    if not is_refuted(0.0):
        return 0.0
    low, high = 0.0, 1.0
    while is_refuted(high):  # terminates: with an epsilon of 64 every guess may be right
        low, high = high, 2 * high
    while high - low > TOLERANCE:
        middle = (low + high) / 2
        low, high = (middle, high) if is_refuted(middle) else (low, middle)
    return low


def _descending(scores: NDArray[np.float64]) -> NDArray[np.intp]:
    # In a sorted table the first of equal scores would be guessed in, and may be exactly the included ones.
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
    return sorted({max(1, round(share * n_canaries)) for share in each})  # with few canaries some coincide


def _check_counts(n_canaries: int, n_guesses: int, n_correct: int) -> None:
    integer_at_least("n_canaries", n_canaries, 1)
    integer_at_least("n_guesses", n_guesses, 0)
    integer_at_least("n_correct", n_correct, 0)
    if n_guesses > n_canaries:
        raise ConfigError(
            f"n_guesses: expected at most n_canaries, {n_canaries}, got {n_guesses}. "
            "Count the canaries without a guess in n_canaries too."
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
            "Give one score per canary."
        )
    if truth.shape != values.shape or truth.dtype != np.bool_:
        raise ConfigError(
            f"is_included: expected booleans of the scores' shape {values.shape}, "
            f"got {truth.dtype} of shape {truth.shape}. Give one coin per canary."
        )
    n_nan = int(np.isnan(values).sum())
    if n_nan:
        raise ConfigError(f"scores: expected no NaN, got {n_nan}. Use 0 for an uninformative score.")
    return values.astype(np.float64), truth


def _checked_delta(delta: float) -> float:
    return real_in("delta", delta, 0.0, 1.0, open_low=False, fix="Use the delta of the stated epsilon.")


def _checked_confidence(confidence: float) -> float:
    return real_in("confidence", confidence, 0.0, 1.0, fix="0.95 is usual.")
