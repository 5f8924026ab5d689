"""The accountant: the ``(epsilon, delta)`` of all mechanisms together.

The total is composed with privacy loss distributions (PLD). All plain Gaussian releases enter
through one number, ``mu``: a Gaussian mechanism with noise multiplier ``z`` (noise standard deviation
over L2 sensitivity) is ``1/z``-GDP, and composing them, adaptively or not, gives
``mu = sqrt(sum 1/z**2)`` exactly, hence a single Gaussian mechanism with multiplier ``1/mu``. DP-SGD
enters as ``steps`` Poisson-subsampled Gaussian mechanisms; where each step takes every unit, they are plain ones, and
enter through ``mu`` as well. Neighbours differ by one added or removed
privacy unit throughout.

References:
    Dong, Roth & Su (2022), *Gaussian Differential Privacy*, JRSS-B, Corollary 3.3.
    Smith & Thakurta (2022), *Fully Adaptive Composition for Gaussian Differential Privacy*.
    Doroshenko et al. (2022), *Connect the Dots: Tighter Discrete Approximations of Privacy Loss
    Distributions*, the PLD method of ``dp_accounting``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from scipy.special import log_ndtr

from tabgan.errors import PrivacyError

#: Width of a cell of the discretised privacy loss at mu <= 1/4, proportional to mu above. Rounding is
#: upwards: a coarser grid only over-counts.
VALUE_DISCRETIZATION_INTERVAL = 1e-4

#: Limits beyond which the accountant would run for minutes or out of memory, and refuses; plans stay far below them.
#: Largest GDP parameter; least noise multiplier of DP-SGD; most steps; largest privacy loss of all steps together
#: (``steps * sample_rate / noise_multiplier**2``, twice its mean if each unit takes part).
MOST_MU, LEAST_NOISE, MOST_STEPS, MOST_LOSS = 1e4, 0.2, 1_000_000, 1_000.0

#: The mu above which the grid's width grows with the square of mu, so that the number of cells stays bounded.
_WIDE_MU = 100.0


@dataclass(frozen=True)
class SubsampledGaussian:
    """A run of ``steps`` rounds that each take every unit with probability ``sample_rate`` and release a noisy sum.

    Attributes:
        noise_multiplier: Noise standard deviation over the clipping bound, above 0.
        sample_rate: Poisson inclusion probability, in (0, 1].
        steps: Number of rounds, at least 1.
    """

    noise_multiplier: float
    sample_rate: float
    steps: int


@dataclass(frozen=True)
class Cost:
    """The cost of a set of releases, in three parts, each of which composes by addition.

    Attributes:
        mu_squared: Squared GDP parameter of all plain Gaussian releases together.
        runs: Poisson-subsampled Gaussians; those with the same noise and rate form one run.
        delta: Delta that threshold mechanisms add to the total's by themselves.
    """

    mu_squared: float = 0.0
    runs: tuple[SubsampledGaussian, ...] = ()
    delta: float = 0.0

    @property
    def mu(self) -> float:
        """GDP parameter of all plain Gaussian releases together; NaN, which nothing accepts, if it has no root."""
        return math.sqrt(self.mu_squared) if self.mu_squared >= 0 else math.nan

    def __add__(self, other: Cost) -> Cost:
        runs = _merged((*self.runs, *other.runs))
        return Cost(self.mu_squared + other.mu_squared, runs, self.delta + other.delta)

    def covers(self, other: Cost) -> bool:
        """Return true if this cost is at least ``other`` in every part, and so at any delta."""
        steps = {(run.noise_multiplier, run.sample_rate): run.steps for run in self.runs}
        return (
            other.mu_squared <= self.mu_squared * (1 + 1e-9)  # sums of 1/z**2 round
            and other.delta <= self.delta * (1 + 1e-9)
            and all(
                run.steps <= steps.get((run.noise_multiplier, run.sample_rate), 0)
                for run in _merged(other.runs)
            )
        )

    def epsilon(self, delta: float) -> float:
        """Return an upper bound on epsilon at a total of ``delta``; infinite if the thresholds use all of it up.

        It holds if the parameters of the releases, or the total of those that are adaptive, were fixed
        beforehand: see :func:`epsilon_of`.

        Raises:
            PrivacyError: a parameter is not a number or out of its range.
        """
        remaining = delta - self.delta
        if self.delta > 0 and not remaining > 0:
            return math.inf
        return epsilon_of(self.mu, self.runs, remaining)

    def adaptive_epsilon(self, delta: float, order: float) -> float:
        """Return an upper bound on epsilon that also holds if each fit was planned after seeing earlier results.

        It composes Renyi divergences of one ``order``, which has to be fixed before the first fit.

        Raises:
            PrivacyError: a parameter is not a number or out of its range.

        References:
            Feldman & Zrnic (2021), *Individual Privacy Accounting via a Renyi Filter*, Theorem 4.3, at a fixed order.
        """
        remaining = delta - self.delta
        if not remaining > 0:
            return math.inf
        check_parameters(self.mu, self.runs, remaining)
        import dp_accounting
        from dp_accounting import rdp

        accountant = rdp.RdpAccountant([order])
        if self.mu > 0:
            accountant.compose(dp_accounting.GaussianDpEvent(1.0 / self.mu))
        for run in self.runs:
            step = dp_accounting.GaussianDpEvent(run.noise_multiplier)
            accountant.compose(dp_accounting.PoissonSampledDpEvent(run.sample_rate, step), run.steps)
        return float(accountant.get_epsilon(remaining))


def _merged(runs: Iterable[SubsampledGaussian]) -> tuple[SubsampledGaussian, ...]:
    steps: dict[tuple[float, float], int] = {}
    for run in runs:
        key = (run.noise_multiplier, run.sample_rate)
        steps[key] = steps.get(key, 0) + run.steps
    return tuple(SubsampledGaussian(*key, count) for key, count in sorted(steps.items()))


#: Candidate orders of a filter.
_ORDERS = (*(x / 10 for x in range(20, 110)), *range(11, 65), *(64 * 2 ** (k / 4) // 1 for k in range(1, 33)))


def filter_order(epsilon: float, delta: float) -> float:
    """Return the Renyi order at which the most Gaussian releases fit into ``(epsilon, delta)``.

    It is a function of public caps alone. Releases of ``mu`` have divergence ``order * mu**2 / 2``, for which epsilon
    leaves room after the conversion to ``(epsilon, delta)`` has taken its part.

    References:
        Canonne, Kamath & Steinke (2020), *The Discrete Gaussian for Differential Privacy*, Proposition 12.
    """

    def mu_squared(order: float) -> float:
        return 2 * (epsilon - epsilon_of_conversion(order, delta)) / order

    return float(max(_ORDERS, key=mu_squared))


def epsilon_of_conversion(order: float, delta: float) -> float:
    """Return the epsilon that the conversion of a divergence of one order takes, whatever the divergence.

    References:
        Canonne, Kamath & Steinke (2020), *The Discrete Gaussian for Differential Privacy*, Proposition 12.
    """
    return math.log1p(-1 / order) - math.log(delta * order) / (order - 1)


def gaussian_delta(mu: float, epsilon: float) -> float:
    """Return the exact delta of a ``mu``-GDP mechanism at ``epsilon``.

    References:
        Balle & Wang (2018), *Improving the Gaussian Mechanism for Differential Privacy*, Theorem 8.
    """
    first = float(log_ndtr(mu / 2 - epsilon / mu))
    second = epsilon + float(log_ndtr(-mu / 2 - epsilon / mu))
    return math.exp(first) * -math.expm1(second - first)


@lru_cache(maxsize=256)
def epsilon_of(mu: float, subsampled: tuple[SubsampledGaussian, ...], delta: float) -> float:
    """Return an upper bound on epsilon at ``delta`` for everything composed.

    Args:
        mu: GDP parameter of all plain Gaussian releases together; 0 when there are none.
        subsampled: The DP-SGD runs.
        delta: In (0, 1).

    Raises:
        PrivacyError: a parameter is not a number or out of its range; nothing is ever guessed.
    """
    check_parameters(mu, subsampled, delta)
    from dp_accounting.pld import privacy_loss_distribution as pld_lib

    plain = [run.steps / run.noise_multiplier**2 for run in subsampled if run.sample_rate == 1.0]
    mu = math.sqrt(math.fsum([mu**2, *plain])) if plain else mu
    parts = []
    width = VALUE_DISCRETIZATION_INTERVAL * max(1.0, 4.0 * mu) * max(1.0, mu / _WIDE_MU)
    if mu > 0:
        parts.append(pld_lib.from_gaussian_mechanism(1.0 / mu, value_discretization_interval=width))
    for run in subsampled:
        if run.sample_rate < 1.0:
            step = pld_lib.from_gaussian_mechanism(
                run.noise_multiplier, sampling_prob=run.sample_rate, value_discretization_interval=width
            )
            parts.append(step.self_compose(run.steps))
    if not parts:
        return 0.0
    total = parts[0]
    for part in parts[1:]:
        total = total.compose(part)
    return float(total.get_epsilon_for_delta(delta))


def check_parameters(mu: float, subsampled: tuple[SubsampledGaussian, ...], delta: float = 0.5) -> None:
    """Raise unless parameters are in their ranges, and small enough for the accountant to finish.

    Raises:
        PrivacyError: a parameter is out of its range, or too large.
    """
    usable = 0 <= mu <= MOST_MU and 0 < delta < 1
    for run in subsampled:
        usable &= LEAST_NOISE <= run.noise_multiplier < math.inf and 0 < run.sample_rate <= 1
        usable &= isinstance(run.steps, int) and 1 <= run.steps <= MOST_STEPS
        usable = usable and run.steps * run.sample_rate / run.noise_multiplier**2 <= MOST_LOSS
    if not usable:
        raise PrivacyError(
            f"accounting: expected finite positive parameters, enough noise, and delta in (0, 1), got "
            f"mu={mu}, delta={delta}, {subsampled}. Nothing was released with them."
        )


def affordable_mu(epsilon: float, delta: float) -> float:
    """Return the largest ``mu`` of plain Gaussian releases that the accountant puts within the target.

    It is solved in closed form, then lowered until :func:`epsilon_of`, which rounds upwards, agrees. The steps double:
    below a delta of about 1e-22 the truncated tails count for more than ``delta``, and many steps are needed.
    """
    mu = largest(lambda value: gaussian_delta(value, epsilon) <= delta, 1e-6, 100.0, tolerance=1e-9)
    step = 1e-5
    while mu > 1e-6 and not epsilon_of(mu, (), delta) <= epsilon:
        mu *= 1.0 - step
        step = min(2.0 * step, 0.5)
    return mu


def largest(
    is_affordable: Callable[[float], bool], low: float, high: float, tolerance: float = 1e-4
) -> float:
    """Return nearly the largest affordable number in ``[low, high]``, never one that is not affordable.

    ``is_affordable`` must be true up to some point and false beyond it. ``low`` is returned
    unchecked if nothing above it is affordable: the caller verifies it.
    """
    while high - low > tolerance * high:
        middle = (low + high) / 2
        low, high = (middle, high) if is_affordable(middle) else (low, middle)
    return low
