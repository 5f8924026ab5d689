"""The privacy budget of a fit and its split: a plan that is complete before any row is read.

The plan fixes every noise scale that the accounting depends on. Nothing in it is a function of the
table: the sampling rate of DP-SGD follows from the declared number of rows, the number of its steps is a constant,
and the Gaussian stages have fixed shares of one GDP budget, regardless of the number of releases in a stage. So later
choices (pairs, number of bins) may depend on earlier noisy answers: adaptive Gaussian composition with a fixed total is
covered by Smith & Thakurta (2022), and no parameter of DP-SGD, or of the release after it, is chosen after looking at
the table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np

from tabgan._util import validate
from tabgan.errors import ConfigError
from tabgan.privacy.accounting import Cost, SubsampledGaussian, affordable_mu, epsilon_of, largest
from tabgan.privacy.unit import ROW, PrivacyUnit

Stage = Literal[
    "kinds",
    "rows",
    "precision",
    "recurrence",
    "relations",
    "found",
    "ranges",
    "zoom",
    "closer",
    "exact",
    "one_way",
    "map",
    "distinct",
    "numbers",
    "rare",
    "round",
    "cycles",
    "selection",
    "gain",
    "places",
]

#: Shares of the Gaussian budget (of mu**2) of the stages before the pairs. The pairs take the rest, including the
#: shares of stages that a schema makes unnecessary, which are never charged.
SHARES: dict[Stage, float] = {
    "kinds": 0.01,
    "rows": 0.005,
    "precision": 0.01,
    "ranges": 0.04,
    "zoom": 0.02,
    "closer": 0.01,
    "exact": 0.016,
    "one_way": 0.12,
    "distinct": 0.004,
    "numbers": 0.004,
    "rare": 0.12,
    "round": 0.01,
    "cycles": 0.02,
    "selection": 0.046,
    "gain": 0.01,
    "places": 0.004,
}

#: Shares of stages that a table has on request: rows that share a key, regions of places, and cells of columns that go
#: together, by its schema; rows that break a rule which a private draft may propose, or samples of a fit may keep.
ON_REQUEST: dict[Stage, float] = {"recurrence": 0.03, "map": 0.1, "relations": 0.05, "found": 0.03}

#: The part of the stage ``rare`` that coarser combinations have at least, where combinations lost many rows.
COARSER_LEAST = 0.5

#: The share of the votes on kinds where a table comes as text, so that every column has one.
UNTYPED_KINDS_SHARE = 0.03

#: Times that each discovery can be afforded: its part of delta leaves room for one more, after an interruption. The
#: budget does not for a closer look at rare values, which is asked once.
DISCOVERY_TRIES = 2

#: Discoveries of an open column, at most: one with the 1-ways, and a closer one where it lost many rows.
DISCOVERIES = 2

#: The ledger's names for the discovery of rare categories, of coarser combinations, and of several columns' at once.
RARE, COARSER, TOGETHER = "rare categories", "coarser combinations", "rare categories of several columns"

#: Part of delta that category discovery may use up, if there is any.
DISCOVERY_DELTA_SHARE = 0.1

#: Share of the rows in lost categories above which a closer look at one column may take the whole of its stage; its
#: threshold is meant to be a half of the rows that they have in the mean, and is of use up to three times as many;
#: standard deviations of the noise by which their number may be wrong, to either side; and the weight of a column of
#: numbers beside categories: its lost numbers lie between others, and lost categories are in no row.
MOST_LOST, AIMED_AT, OF_USE, IN_DOUBT, NUMBERS_WEIGHT = 0.15, 0.5, 3.0, 2.0, 0.2

#: Closer looks at categories may take several times their stage, MOST_ROOM at most, where pairs are measured well,
#: as the noise of a pair of CODES codes each, summed over its table, is less than this multiple of the rows.
ROOM_SHARE, MOST_ROOM, CODES = 6.0, 3.0, 32

#: Share of the rows that a column may have lost, at most, for a look at several columns at once.
MOST_TOGETHER = 0.5

#: The share of the whole budget (of mu**2) that trains the critics of declared targets, and the steps of each.
ADVERSARY_SHARE = 0.2
ADVERSARY_STEPS = 4

#: Expected rows of a batch where more rows are declared; of fewer, each step takes all.
ADVERSARY_BATCH = 65_536

#: Headroom that keeps rounding in sums of 1/z**2 from counting as an overspend.
_HEADROOM = 1.0 - 1e-6

#: The least useful budget: with less mu, nothing rises above the noise.
_LEAST_MU = 1e-4

#: The inverse of the least noise multiplier of a run that samples, about: with less, a ledger that composes Renyi
#: divergences counts a step far above its cost. Larger batches allow more noise.
MOST_PRECISION = 1.0

#: The inverse of the largest useful noise multiplier: with more noise, a discriminator cannot train.
_LEAST_PRECISION = 1e-6


@dataclass(frozen=True)
class Plan:
    """The budget of a fit and of each of its stages.

    Attributes:
        epsilon: The whole fit's target; ``None`` for a fit without privacy.
        delta: The whole fit's target.
        discovery_delta: Part of ``delta`` that threshold mechanisms may use, all columns together.
        mu: GDP parameter that the Gaussian stages may spend together; infinite without privacy.
        shares: Shares of ``mu**2`` of the stages before the pairs.
        critics: Number of discriminators that are trained, one for each target.
        adversary: The private run of all discriminators together, with as many steps for each; ``None`` if they are
            switched off or need no privacy.
        unit: The unit of privacy; its most rows scale every sensitivity.
    """

    epsilon: float | None
    delta: float
    discovery_delta: float
    mu: float
    shares: dict[Stage, float] = field(default_factory=dict)
    critics: int = 0
    adversary: SubsampledGaussian | None = None
    unit: PrivacyUnit = ROW

    @property
    def cost(self) -> Cost:
        """The most that the fit may cost. Defined only for a private plan."""
        return Cost(self.mu**2, () if self.adversary is None else (self.adversary,), self.discovery_delta)

    @property
    def has_adversary(self) -> bool:
        """True if a discriminator is trained."""
        return self.critics > 0

    @property
    def is_private(self) -> bool:
        """True if the plan promises differential privacy."""
        return self.epsilon is not None

    def delta_of_discovery(self, n_columns: int, n_coarser: int) -> float:
        """Return the delta of one discovery, if every column and coarser combination has all that it may have."""
        return self.discovery_delta / max(DISCOVERIES * n_columns + n_coarser, 1) / DISCOVERY_TRIES

    def noise_multiplier(self, stage: Stage, releases: int) -> float:
        """Return the noise multiplier of each of ``releases`` equal releases that share a stage.

        It is 0, for no noise, only without privacy.
        """
        if not self.is_private:
            return 0.0
        return math.sqrt(max(releases, 1) / self.shares[stage]) / self.mu

    def one_way_noises(self, are_linear: Sequence[bool]) -> dict[bool, float]:
        """Return the noise multipliers of 1-way histograms, of numbers and the like by true, of places by false."""
        n_places = sum(not each for each in are_linear)
        return {
            True: self.noise_multiplier("one_way", len(are_linear) - n_places),
            False: self.noise_multiplier("map", n_places),
        }

    def noise_stddev(self, stage: Stage, releases: int) -> float:
        """Return the noise of each release in rows: a unit changes a count by as many rows as it may contribute."""
        return self.noise_multiplier(stage, releases) * self.unit.max_rows

    def room_for_looks(self, n_rows: float, n_columns: int) -> float:
        """Return the multiple of the stage ``rare``, at least 1, that closer looks may take from the pairs' share.

        Args:
            n_rows: Noisy number of rows.
            n_columns: Number of columns, of whose pairs half are measured.
        """
        if not self.is_private:
            return 1.0
        left = self.mu * math.sqrt(1.0 - sum(SHARES.values()))
        noise = math.sqrt(max(n_columns * (n_columns - 1) / 4, 1.0)) / left * self.unit.max_rows
        return min(max(ROOM_SHARE * n_rows / (CODES**2 * noise), 1.0), MOST_ROOM)


def parts_of_looks(
    lost: Sequence[float],
    numbers: Sequence[float],
    noise_stddev: float | Sequence[float],
    n_rows: float,
    threshold: float,
    are_categories: Sequence[bool] | None = None,
    room: float = 1.0,
    are_together: bool = False,
) -> list[float]:
    """Return the part of the stage ``rare`` that a closer look at each open column gets, 0 for none.

    More for a column that has lost more rows, and no more than its categories need; where that is more than there is,
    columns of numbers give way. A key, or a name that few people share, gets none: no look would find its values.

    Args:
        lost: Released number of rows in lost categories, by column.
        numbers: Noisy number of these categories.
        noise_stddev: Of the latter, one for all or one for each.
        n_rows: Noisy number of rows.
        threshold: Of a look that takes the whole stage.
        are_categories: True for categories, false for numbers; all are categories by default.
        room: Multiple of the stage that all looks at categories may take.
        are_together: True if categories of all columns are looked for at once, in which case each column has the part.
    """
    needs, are_categories = [], are_categories or [True] * len(lost)
    noises = np.broadcast_to(noise_stddev, len(lost)).tolist()
    for rows, number, noise, is_category in zip(lost, numbers, noises, are_categories, strict=True):
        number, doubt = max(number, 0.0), IN_DOUBT * noise
        most, least = (rows / max(each, 1.0) for each in (number - doubt, number + doubt))
        need = min(rows / n_rows / MOST_LOST, 1.0) * min(OF_USE / 2 * most / threshold, 1.0)
        enough = (threshold / (AIMED_AT * least)) ** 2
        reach = OF_USE * most * math.sqrt(room if is_category else 1.0)
        needs.append(min(need * (room if is_category else 1.0), enough) if reach > threshold else 0.0)
    of_categories = [need for need, is_category in zip(needs, are_categories, strict=True) if is_category]
    wanted, of_numbers = sum(of_categories), sum(needs) - sum(of_categories)
    if are_together:
        wanted = max(of_categories, default=0.0)
        needs = [wanted if need and each else need for need, each in zip(needs, are_categories, strict=True)]
    share = {True: min(1.0, room / max(wanted + NUMBERS_WEIGHT * of_numbers, 1e-9))}
    left = min(room - share[True] * wanted, 1.0)
    share[False] = min(1.0, left / max(of_numbers, 1e-9))
    return [need * share[kind] for need, kind in zip(needs, are_categories, strict=True)]


def look_together(parts: Sequence[float], lost: Sequence[float], n_rows: float) -> bool:
    """Return true if one look is better than several at columns of categories with such parts and lost rows.

    One that lost most rows, as names do, would take weight from nearly all rows of the others.
    """
    of_use = [rows for part, rows in zip(parts, lost, strict=True) if part]
    return len(of_use) > 1 and max(of_use) <= MOST_TOGETHER * n_rows


def with_coarser(parts: Sequence[float], n_columns: int, room: float = 1.0) -> tuple[list[float], float]:
    """Return parts of the stage ``rare`` that leave room for coarser combinations, and the part of such a column.

    They have what other looks leave of the stage, and half of it at least.
    """
    if not n_columns:
        return list(parts), 0.0
    used = min(sum(parts), room - COARSER_LEAST)
    share = used / sum(parts) if used else 0.0
    return [part * share for part in parts], max(1.0 - used, COARSER_LEAST) / n_columns


def coarser_noise(number: int) -> float:
    """Return the noise of a column's first, second, ... look for coarser combinations, relative to its whole part's.

    The first has two thirds of it, the second two thirds of the rest, and so on: seldom more than one is needed.
    """
    return math.sqrt(1.5 * 3.0 ** (number - 1))


def check_budget(
    epsilon: float | None, delta: float, adversary_share: float | None, *, n_targets: int = 0
) -> tuple[float | None, float, float]:
    """Return the arguments of a budget as floats if they are in their ranges; see :func:`make_plan`.

    The share is ``ADVERSARY_SHARE`` by default if there are targets, whose conditionals critics correct, and else 0.

    Raises:
        ConfigError: an argument is out of its range; names the first.
    """
    if epsilon is not None:
        epsilon = validate.positive(
            "epsilon", epsilon, fix="Write None explicitly for a fit without privacy."
        )
    delta = validate.real_in("delta", delta, 0.0, 1.0, fix="Use less than 1 / number of rows.")
    if adversary_share is None:
        adversary_share = ADVERSARY_SHARE
    share = validate.real_in("adversary_share", adversary_share, 0.0, 1.0, open_low=False)
    return epsilon, delta, share if n_targets else 0.0


def make_plan(
    epsilon: float | None,
    delta: float,
    *,
    has_discovery: bool = True,
    adversary_share: float | None = None,
    n_targets: int = 1,
    n_rows: int | None = None,
    unit: PrivacyUnit = ROW,
    untyped_text: bool = False,
) -> Plan:
    """Split ``(epsilon, delta)`` over the stages of a fit, without looking at a table.

    **Guarantee.** All stages together, the adversary's run included, compose to at most ``epsilon`` at
    ``delta``; the search ends on the private side of the target.

    Args:
        epsilon: Above 0, or ``None`` for no privacy.
        delta: In (0, 1).
        has_discovery: True if categories or frequent numbers have to be discovered, which takes a part of ``delta``.
        adversary_share: Part of the budget (of mu**2) for the discriminators, in [0, 1), by default
            ``ADVERSARY_SHARE``.
        n_targets: Number of targets that the schema declares, each with a discriminator; these share the budget in
            equal parts, since all their steps have the same noise.
        n_rows: The declared number of rows, if there is one, from which the sampling rate of DP-SGD follows.
        unit: The unit of privacy.
        untyped_text: True for a table that comes as text, whose kinds are all voted on.

    Raises:
        ConfigError: an argument is out of its range, or the target is too small to plan with.
    """
    epsilon, delta, adversary_share = check_budget(epsilon, delta, adversary_share, n_targets=n_targets)
    critics = n_targets if adversary_share > 0 else 0
    if epsilon is None:
        return Plan(None, delta, 0.0, math.inf, critics=critics, unit=unit)
    discovery_delta = DISCOVERY_DELTA_SHARE * delta if has_discovery else 0.0
    remaining = (delta - discovery_delta) * _HEADROOM
    mu = affordable_mu(epsilon, remaining) * _HEADROOM
    if mu <= _LEAST_MU:
        raise ConfigError(f"epsilon: {epsilon:g} at delta={delta:g} is too small to plan with. Raise either.")
    adversary = None
    if critics:
        adversary_mu = mu * math.sqrt(adversary_share)
        mu *= math.sqrt(1.0 - adversary_share)
        rate = min(1.0, ADVERSARY_BATCH / max(n_rows or 1, 1))
        adversary = _calibrate_adversary(
            adversary_mu, mu, epsilon, remaining, rate, critics * ADVERSARY_STEPS
        )
    shares = SHARES | ON_REQUEST | ({"kinds": UNTYPED_KINDS_SHARE} if untyped_text else {})
    return Plan(epsilon, delta, discovery_delta, mu, shares, critics, adversary, unit)


def make_private_metrics_plan(epsilon: float, delta: float, unit: PrivacyUnit = ROW) -> Plan:
    """Return the plan of private metrics for a report: one Gaussian budget, on top of the fit's.

    **Guarantee.** What spends at most its ``mu`` composes to at most ``epsilon`` at ``delta``.

    Args:
        epsilon: Above 0.
        delta: In (0, 1).
        unit: The unit of privacy of the fit.

    Raises:
        ConfigError: an argument is out of its range, or too small to plan with.
    """
    epsilon = validate.positive("private_metrics_epsilon", epsilon, fix="Leave it out to measure nothing.")
    delta = validate.real_in("delta", delta, 0.0, 1.0)
    mu = affordable_mu(epsilon, delta * _HEADROOM) * _HEADROOM
    if mu <= _LEAST_MU:
        raise ConfigError(
            f"private_metrics_epsilon: {epsilon:g} at delta={delta:g} is too small to measure anything with. Raise it."
        )
    return Plan(epsilon, delta, 0.0, mu, unit=unit)


@lru_cache(maxsize=64)
def _calibrate_adversary(
    adversary_mu: float,
    mu: float,
    epsilon: float,
    delta: float,
    sample_rate: float = 1.0,
    steps: int = ADVERSARY_STEPS,
) -> SubsampledGaussian:
    """Return the DP-SGD run with about the least noise that fits together with Gaussian releases of ``mu``.

    The search starts from the central limit of subsampled Gaussians, ``mu_D = q sqrt(T (exp(1/z**2) - 1))``
    (Bu, Dong, Long & Su 2020). Where every unit takes part, ``mu_D = sqrt(T) / z`` holds exactly, and nothing is left
    to search. The accountant alone decides.
    """

    def run(precision: float) -> SubsampledGaussian:
        return SubsampledGaussian(1.0 / precision, sample_rate, steps)

    def is_affordable(precision: float) -> bool:
        return epsilon_of(mu, (run(precision),), delta) <= epsilon

    guess = adversary_mu / math.sqrt(steps)
    sample_rate = min(max(sample_rate, guess / math.sqrt(math.expm1(MOST_PRECISION**2))), 1.0)
    precision = guess
    if sample_rate < 1 and guess > _LEAST_PRECISION:
        guess = math.sqrt(math.log1p((guess / sample_rate) ** 2))
        precision = largest(is_affordable, guess / 2, guess * 1.25, tolerance=2e-3)
    if precision < _LEAST_PRECISION or not is_affordable(precision):
        raise ConfigError(
            f"adversary_share: it leaves nothing of epsilon={epsilon:g} for the discriminator. "
            "Raise it, or set adversary_share=0."
        )
    return run(precision)
