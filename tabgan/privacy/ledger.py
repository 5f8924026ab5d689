"""What was released, and what it cost together.

A release is charged *before* its mechanism touches a row, so that a crash can over-count and never
under-count. The total is not kept: it is recomputed from the entries each time it is asked for.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from tabgan.errors import BudgetExceededError, PrivacyError
from tabgan.privacy.accounting import SubsampledGaussian, combined_mu, epsilon_of

Door = Literal["release", "marginals", "dpsgd"]


@dataclass(frozen=True)
class Release:
    """One line of the ledger: what a mechanism did, on what, with which parameters.

    Attributes:
        door: Through which door the rows were read.
        what: What was released, in a few words.
        columns: Columns that it was computed on; empty for all of them.
        mechanism: The mechanism's name.
        noise_multiplier: Noise standard deviation over L2 sensitivity.
        delta: Probability mass that a threshold mechanism adds to the total's delta.
        sample_rate: Poisson inclusion probability; 1 where every row takes part.
        steps: How often it was done.
    """

    door: Door
    what: str
    columns: tuple[str, ...]
    mechanism: str
    noise_multiplier: float
    delta: float = 0.0
    sample_rate: float = 1.0
    steps: int = 1


@dataclass(frozen=True)
class PrivacyStatement:
    """What a fit promises and what it spent. ``model.privacy_`` is one.

    **Guarantee.** ``(epsilon, delta)``, the total that was fixed before the table was read and that nothing was let
    past. ``epsilon_spent`` is bookkeeping, not a promise: noisy answers decide how many releases are made and with
    how much noise, so that what is spent is itself an outcome of the fit. What is proven of such a fit holds for a
    filter, with its fixed total, and not for the reading at the end.

    Attributes:
        is_private: False for a fit with ``epsilon=None``: then there is no guarantee at all.
        epsilon: What was asked for, and is promised; ``None`` without privacy.
        delta: What was asked for, and is promised.
        epsilon_spent: What the entries cost at ``delta``; at most ``epsilon``.
        delta_spent: Part of ``delta`` that threshold mechanisms use up by themselves.
        privacy_unit: Whose presence is protected.
        neighboring_relation: Which tables count as neighbours.
        entries: Every release, in the order in which it was charged.
        assumptions: What is taken as public, in whole sentences.

    References:
        Rogers, Roth, Ullman & Vadhan (2016), *Privacy Odometers and Filters: Pay-as-you-Go Composition*.
        Smith & Thakurta (2022), *Fully Adaptive Composition for Gaussian Differential Privacy*.
    """

    is_private: bool
    epsilon: float | None
    delta: float | None
    epsilon_spent: float | None
    delta_spent: float
    privacy_unit: str = "row"
    neighboring_relation: str = "add_or_remove_one"
    entries: tuple[Release, ...] = ()
    assumptions: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> PrivacyStatement:
        """Return the statement that :meth:`to_dict` wrote.

        Raises:
            PrivacyError: when a field is missing or unknown: a privacy parameter has no default on load.
        """
        try:
            if set(data) != set(cls.__dataclass_fields__):
                raise KeyError
            entries = tuple(_release_from(entry) for entry in data["entries"])
            statement = cls(**{**data, "entries": entries, "assumptions": tuple(data["assumptions"])})
            statement._check()
            return statement
        except (KeyError, TypeError, ValueError) as error:
            raise PrivacyError(
                "privacy statement: fields are missing or unknown; the file is damaged."
            ) from error

    def _check(self) -> None:
        """Raise ``ValueError`` unless the fields are what they should be: a loaded statement may hold anything."""
        promised = (self.epsilon, self.delta, self.epsilon_spent)
        if self.is_private is True:
            is_whole = all(_is_positive(number) for number in promised) and self.delta < 1  # type: ignore[operator]
            is_kept = is_whole and self.epsilon_spent <= self.epsilon  # type: ignore[operator]
        else:
            is_kept = self.is_private is False and promised == (None, None, None)
        texts = (self.privacy_unit, self.neighboring_relation, *self.assumptions)
        if not is_kept or not _is_number(self.delta_spent) or not all(isinstance(t, str) for t in texts):
            raise ValueError

    def __str__(self) -> str:
        if not self.is_private:
            return "no privacy guarantee (epsilon=None)"
        return (
            f"({self.epsilon:g}, {self.delta:g})-differential privacy of one {self.privacy_unit}; "
            f"spent {self.epsilon_spent:.4g} of {self.epsilon:g} in {len(self.entries)} releases"
        )


def _release_from(entry: dict[str, Any]) -> Release:
    if set(entry) != set(Release.__dataclass_fields__):
        raise KeyError
    release = Release(**{**entry, "columns": tuple(entry["columns"])})
    numbers = (release.noise_multiplier, release.delta, release.sample_rate, release.steps)
    texts = (release.door, release.what, release.mechanism, *release.columns)
    if not all(_is_number(n) for n in numbers) or not all(isinstance(text, str) for text in texts):
        raise ValueError
    return release


def _is_number(value: object) -> bool:
    """Whether a value is a finite number of at least 0."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _is_positive(value: object) -> bool:
    return _is_number(value) and value != 0


#: What a fit takes as public unless the schema pins it; printed in every statement.
PUBLIC_FACTS = (
    "The column names, their order and their pandas dtypes are public.",
    "Everything that the schema declares is public, and was not read off the table.",
    "That the table passed the checks of its form is public: one kind of value a column, no infinite numbers, and "
    "nothing that the schema forbids.",
    "epsilon, delta and all other arguments of the fit were chosen without looking at the table.",
)


@dataclass
class Ledger:
    """The releases of one fit, held against a budget.

    **Guarantee.** Whatever is charged here composes to at most ``(epsilon, delta)`` under
    add-or-remove-one adjacency: :meth:`charge` raises instead of letting the total pass. A mechanism
    runs only after its charge came back.

    Args:
        epsilon: What may be spent; ``None`` keeps the list without any promise.
        delta: What may be spent, in (0, 1).
    """

    epsilon: float | None
    delta: float
    entries: list[Release] = field(default_factory=list)

    @property
    def is_private(self) -> bool:
        """Whether anything is promised at all."""
        return self.epsilon is not None

    def charge(self, *releases: Release) -> None:
        """Write releases down before their mechanisms run.

        Raises:
            BudgetExceededError: if the total would pass the budget; nothing is written then.
            PrivacyError: if a private release has no noise, or a parameter that is not a number.
        """
        if self.epsilon is not None:
            for release in releases:
                if not 0 < release.noise_multiplier < math.inf or not 0 <= release.delta < 1:
                    raise PrivacyError(
                        f"ledger: {release.what!r} has noise_multiplier={release.noise_multiplier} and "
                        f"delta={release.delta}; a private release needs finite positive noise."
                    )
            spent = self._epsilon_of([*self.entries, *releases])
            if not spent <= self.epsilon:
                raise BudgetExceededError(
                    f"ledger: {releases[0].what!r} would bring the total to epsilon={spent:.4g}, over the "
                    f"budget of {self.epsilon:g}. Nothing was released."
                )
        self.entries.extend(releases)

    def remaining_mu(self, mu: float) -> float:
        """Return what plain Gaussian releases may still spend of a joint budget ``mu``, as a GDP parameter.

        Which releases the rest goes to may depend on earlier answers: the total is fixed (Smith & Thakurta 2022).
        """
        if self.epsilon is None:
            return math.inf
        spent = math.fsum(1 / e.noise_multiplier**2 for e in self.entries if e.mechanism != POISSON_GAUSSIAN)
        return math.sqrt(max(mu**2 - spent, 0.0))

    @property
    def delta_spent(self) -> float:
        """Part of delta that threshold mechanisms use up by themselves."""
        return math.fsum(entry.delta for entry in self.entries)

    def _epsilon_of(self, entries: list[Release]) -> float:
        plain = [entry.noise_multiplier for entry in entries if entry.mechanism != POISSON_GAUSSIAN]
        runs = tuple(
            SubsampledGaussian(entry.noise_multiplier, entry.sample_rate, entry.steps)
            for entry in entries
            if entry.mechanism == POISSON_GAUSSIAN
        )
        remaining = self.delta - math.fsum(entry.delta for entry in entries)
        if not remaining > 0:
            raise BudgetExceededError(
                "ledger: the threshold releases alone use up delta. Nothing was released."
            )
        return epsilon_of(combined_mu(plain), runs, remaining)

    def statement(self) -> PrivacyStatement:
        """Return what has been promised and spent so far."""
        is_private = self.is_private
        return PrivacyStatement(
            is_private=is_private,
            epsilon=self.epsilon,
            delta=self.delta if is_private else None,
            epsilon_spent=self._epsilon_of(self.entries) if is_private else None,
            delta_spent=self.delta_spent,
            entries=tuple(self.entries),
            assumptions=PUBLIC_FACTS if is_private else (),
        )


#: How a note begins that says what a failed fit has spent.
SPENT = "What this fit charged until then is spent"


def spent_note(epsilon: str) -> str:
    """Return what an error says of the budget that is gone with it."""
    return f"{SPENT}: epsilon {epsilon}. A second fit on the table adds to it."


#: Names of the mechanisms, as they stand in the ledger.
GAUSSIAN = "discrete Gaussian"
GAUSSIAN_THRESHOLD = "discrete Gaussian with threshold"
POISSON_GAUSSIAN = "Poisson-subsampled Gaussian (DP-SGD)"
