"""Privacy events: immutable records of the mechanisms that ran, separate from their cost."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any, Literal

from tabgan.errors import PrivacyError
from tabgan.privacy.accounting import MOST_MU, Cost, SubsampledGaussian, check_parameters
from tabgan.privacy.unit import PrivacyUnit

Door = Literal["release", "marginals", "dpsgd", "private_metrics"]

#: Doors by the names that older ledgers hold.
_OLD_DOORS: dict[str, Door] = {"evaluation": "private_metrics"}

#: Names of the mechanisms in the ledger.
GAUSSIAN = "discrete Gaussian"
GAUSSIAN_THRESHOLD = "discrete Gaussian with threshold"
POISSON_GAUSSIAN = "Poisson-subsampled Gaussian (DP-SGD)"
MECHANISMS = (GAUSSIAN, GAUSSIAN_THRESHOLD, POISSON_GAUSSIAN)


#: The ledger's names for the numbers of keys by their rows, for the test of a critic, and for a table of places.
RECURRENCE, GAIN, PLACES = "rows that share a key", "critic's gain", "table of places"

#: The most that one privacy unit may change a step's sum of gradients; the noise is scaled to it.
MAX_GRAD_NORM = 1.0


def sensitivity_of(what: str, columns: tuple[str, ...], unit: PrivacyUnit) -> float:
    """Return the L2 sensitivity of a histogram, or of a number of rows: ``max_rows`` where each row is in one cell.

    In the histogram of keys by their rows, a row moves its key from one cell to the next, by sqrt(2) in L2, and each
    row of a unit may move another. The column that names the entities is the exception: a unit is one key there, in one
    cell, and its rows move no other.
    """
    if what != RECURRENCE:
        return unit.max_rows
    return 1.0 if columns == (unit.entity,) else math.sqrt(2.0) * unit.max_rows


@dataclass(frozen=True)
class Release:
    """One line of a ledger: a mechanism, its input and its parameters.

    Attributes:
        door: The door through which the rows were read.
        what: The released quantity, in a few words.
        columns: Columns that it was computed on; empty for all of them.
        mechanism: The mechanism's name.
        noise_multiplier: Noise standard deviation over L2 sensitivity.
        delta: Probability mass that a threshold mechanism adds to the total's delta.
        sample_rate: Poisson inclusion probability of a unit; 1 where every unit takes part.
        steps: Number of times that the mechanism ran.
        sensitivity: L2 norm of the largest change that one privacy unit makes to the exact value, before the noise.
    """

    door: Door
    what: str
    columns: tuple[str, ...]
    mechanism: str
    noise_multiplier: float
    delta: float = 0.0
    sample_rate: float = 1.0
    steps: int = 1
    sensitivity: float = 1.0

    @property
    def noise_stddev(self) -> float:
        """Standard deviation of the noise, in units of the released quantity."""
        return self.noise_multiplier * self.sensitivity

    def check(self) -> None:
        """Raise unless this is a private release with parameters in their ranges.

        Raises:
            PrivacyError: a parameter is out of its range, NaN or infinite.
        """
        is_sampled = self.mechanism == POISSON_GAUSSIAN
        if not (
            self.mechanism in MECHANISMS
            and 1 / MOST_MU <= self.noise_multiplier < math.inf
            and 0 < self.sensitivity < math.inf
            and 0 <= self.delta < 1
            and 0 < self.sample_rate <= 1
            and (is_sampled or (self.sample_rate == 1 and self.steps == 1))
            and (self.delta > 0) == (self.mechanism == GAUSSIAN_THRESHOLD)
            and isinstance(self.steps, int)
            and self.steps >= 1
        ):
            raise PrivacyError(
                f"ledger: {self.what!r} by {self.mechanism!r} has noise_multiplier={self.noise_multiplier}, "
                f"sensitivity={self.sensitivity}, delta={self.delta}, sample_rate={self.sample_rate} and "
                f"steps={self.steps}; a private release needs finite positive noise and parameters in their ranges."
            )
        check_parameters(self.cost.mu, self.cost.runs)

    @property
    def cost(self) -> Cost:
        """The release's cost, in parts that compose. Defined only for a release that passes :meth:`check`."""
        if self.mechanism == POISSON_GAUSSIAN:
            return Cost(runs=(SubsampledGaussian(self.noise_multiplier, self.sample_rate, self.steps),))
        return Cost(mu_squared=self.noise_multiplier**-2, delta=self.delta)

    def to_dict(self) -> dict[str, object]:
        """Return plain data for JSON."""
        return asdict(self) | {"columns": list(self.columns)}

    @classmethod
    def from_dict(cls, data: dict[str, object]) -> Release:
        """Return the release that :meth:`to_dict` wrote; no field has a default on load.

        Raises:
            KeyError, TypeError, ValueError: a field is missing, unknown, or of the wrong type.
        """
        if set(data) != set(cls.__dataclass_fields__):
            raise KeyError
        plain: dict[str, Any] = dict(data)
        if not isinstance(plain["columns"], list):
            raise ValueError  # text would become one column per letter
        door = _OLD_DOORS.get(plain["door"], plain["door"])
        release = cls(**{**plain, "door": door, "columns": tuple(plain["columns"])})
        numbers = (release.noise_multiplier, release.delta, release.sample_rate, release.sensitivity)
        texts = (release.door, release.what, release.mechanism, *release.columns)
        is_count = isinstance(release.steps, int) and is_number(release.steps)
        if (
            not is_count
            or not all(map(is_number, numbers))
            or not all(isinstance(text, str) for text in texts)
        ):
            raise ValueError
        return release


def is_number(value: object) -> bool:
    """Return true if a value is a finite number of at least 0."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def cost_of(releases: Iterable[Release]) -> Cost:
    """Return the cost of releases together.

    Squares are summed exactly before rounding, so the order of the releases does not matter.
    """
    releases = tuple(releases)
    plain = [r for r in releases if r.mechanism != POISSON_GAUSSIAN]
    total = Cost(math.fsum(r.noise_multiplier**-2 for r in plain), (), math.fsum(r.delta for r in plain))
    sampled = (r.cost.runs for r in releases if r.mechanism == POISSON_GAUSSIAN)
    return total + Cost(runs=tuple(run for runs in sampled for run in runs))


@dataclass(frozen=True)
class RunningCost:
    """The cost of releases that are added a few at a time; adding reads the new ones alone.

    **Guarantee.** :attr:`cost` is that of :func:`cost_of` for all releases so far, to the last bit. A float is a
    fraction, and sums of fractions are exact; the one rounding, to the nearest float when the cost is read, is that of
    ``math.fsum``. So no number of releases, and no order, makes the total drift.
    """

    mu_squared: Fraction = Fraction(0)
    delta: Fraction = Fraction(0)
    steps: Mapping[tuple[float, float], int] = field(default_factory=dict)

    def plus(self, releases: Iterable[Release]) -> RunningCost:
        """Return the cost with further releases."""
        mu_squared, delta, steps = self.mu_squared, self.delta, dict(self.steps)
        for release in releases:
            cost = release.cost
            mu_squared += Fraction(cost.mu_squared)
            delta += Fraction(cost.delta)
            for run in cost.runs:
                key = (run.noise_multiplier, run.sample_rate)
                steps[key] = steps.get(key, 0) + run.steps
        return RunningCost(mu_squared, delta, steps)

    @property
    def cost(self) -> Cost:
        """The cost of all releases so far."""
        runs = tuple(SubsampledGaussian(*key, count) for key, count in sorted(self.steps.items()))
        return Cost(float(self.mu_squared), runs, float(self.delta))
