"""The privacy filter of a fit, and the statement of its releases and their total cost.

A release is charged *before* its mechanism reads a row, so a crash can over-count but never
under-count. A statement's total is not stored: it is recomputed from the entries.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tabgan._util import html
from tabgan._util.printed import at_most
from tabgan.errors import BudgetExceededError, PrivacyError
from tabgan.privacy.events import (
    POISSON_GAUSSIAN,
    Release,
    RunningCost,
    cost_of,
    is_number,
    sensitivity_of,
)
from tabgan.privacy.plan import Plan, Stage
from tabgan.privacy.spending import mu_squared, spending_html, spending_lines
from tabgan.privacy.unit import PrivacyUnit

if TYPE_CHECKING:
    import pandas as pd

#: Facts that a fit assumes to be public unless the schema pins them; printed in every statement.
PUBLIC_FACTS = (
    "The column names, their order and their pandas dtypes are public.",
    "Everything that the schema declares is public, and was not read off the table.",
    "That the table passed the checks of its form is public: one kind of value a column, no infinite numbers, no "
    "text outside of Unicode, and nothing that the schema forbids.",
    "epsilon, delta and all other arguments of the fit were chosen without looking at the table.",
)

#: The further assumption if the unit is an entity.
ENTITY_FACT = "All rows of an entity have one value in its column, which no other entity has."


@dataclass(frozen=True)
class LedgerPlace:
    """A fit's place in its dataset's ledger; it shows a later reader if the file was rolled back.

    Attributes:
        ledger: The ledger's own random name.
        entry: Number of the last line that the fit wrote.
        hash: That line's hash, which covers every line before it.
    """

    ledger: str
    entry: int
    hash: str


#: Relative difference allowed between recomputed and stated epsilon: other versions' accountants use other grids.
_ROUNDING = 1e-4

#: The place in a released model: its fit is recorded in a ledger, which is not named.
UNTOLD_PLACE = LedgerPlace("", 0, "")


@dataclass(frozen=True)
class CriticOutcome:
    """The outcome of a critic's noisy test, by which it joined the generator or was left out.

    Attributes:
        column: The target that it judges.
        is_let_in: True if it corrects the target's conditional.
        gain: Noisy mean gain of a row in log-likelihood with the factor; ``None`` if an interruption lost it.
        noise_stddev: Standard deviation of its noise; without privacy, of the rows held out for the test as a sample.
        factor: Number, found by the test, that the critic is multiplied with.
    """

    column: str
    is_let_in: bool
    gain: float | None
    noise_stddev: float
    factor: float = 1.0

    def __str__(self) -> str:
        return f"critic of {self.column!r}: {self.text}"

    @property
    def text(self) -> str:
        """The outcome in words, without the column."""
        if self.gain is None:
            return (
                "left out, so that the anchors alone draw the column: an interruption lost the result of its test, "
                "which is paid for once"
            )
        noise = f", with noise of {self.noise_stddev:.2g}" if self.noise_stddev else ""
        said = f"{self.gain:+.2g} a row{noise}"
        if self.is_let_in:
            return f"admitted, times {self.factor:.2g}: it corrects the column; its gain in log-likelihood is {said}"
        return f"left out, so that the anchors alone draw the column; its gain in log-likelihood is {said}"


@dataclass(frozen=True)
class PrivacyStatement:
    """The promise of a fit and its spending. ``model.privacy_`` is one.

    **Guarantee.** ``(epsilon, delta)``, the total that was fixed before the table was read and that no charge may
    exceed. ``epsilon_spent`` is bookkeeping, not a promise: noisy answers decide the number of releases and their
    noise, so the amount spent is itself an outcome of the fit. The proof covers a filter with its fixed
    total, not the reading at the end.

    Attributes:
        is_private: False for a fit with ``epsilon=None``: then there is no guarantee at all.
        epsilon: The promised epsilon, as requested; ``None`` without privacy.
        delta: The promised delta, as requested.
        epsilon_spent: Cost of the entries at ``delta``; at most ``epsilon``.
        delta_spent: Part of ``delta`` that threshold mechanisms use up by themselves.
        privacy_unit: The unit of privacy, whose presence is protected: ``"row"`` or ``"entity"``.
        neighboring_relation: The relation between neighbouring tables.
        entries: Every release, in the order in which it was charged.
        assumptions: Facts assumed to be public, in whole sentences.
        entity: The column that identifies a row's unit; ``None`` where every row is a unit.
        max_rows: The most rows of one unit that were used.
        place: The fit's place in its dataset's ledger; ``None`` without a ledger, and ``UNTOLD_PLACE`` in a released
            model, which does not name it.
        critics: Outcomes of the tests of critics, in the order of the targets. They follow from entries' answers.

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
    entity: str | None = None
    max_rows: int = 1
    place: LedgerPlace | None = None
    critics: tuple[CriticOutcome, ...] = ()

    @property
    def unit(self) -> PrivacyUnit:
        """The unit of privacy, whose presence is protected."""
        return PrivacyUnit(self.entity, self.max_rows)

    def to_dict(self) -> dict[str, object]:
        """Return plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, object]) -> PrivacyStatement:
        """Return the statement that :meth:`to_dict` wrote.

        The stated spending is recomputed from the entries. This shows that the statement is consistent, not that it
        is authentic.

        Raises:
            PrivacyError: a field is missing or unknown, since no privacy parameter has a default on load; or fields
                contradict each other.
        """
        try:
            if set(data) != set(cls.__dataclass_fields__):
                raise KeyError
            plain: dict[str, Any] = dict(data)
            parts = {
                "entries": tuple(Release.from_dict(entry) for entry in plain["entries"]),
                "assumptions": tuple(plain["assumptions"]),
                "place": None if plain["place"] is None else LedgerPlace(**plain["place"]),
                "critics": tuple(CriticOutcome(**critic) for critic in plain["critics"]),
            }
            statement = cls(**{**plain, **parts})
            statement._check()
            return statement
        except (KeyError, TypeError, ValueError) as error:
            raise PrivacyError(
                "privacy statement: fields are missing or unknown; the file is damaged."
            ) from error

    def _check(self) -> None:
        """Raise ``ValueError`` unless the fields are valid and consistent: a loaded statement may hold anything."""
        promised = (self.epsilon, self.delta, self.epsilon_spent)
        if self.is_private is True:
            is_whole = all(map(_is_positive, promised)) and self.delta < 1  # type: ignore[operator]
            is_kept = is_whole and self.epsilon_spent <= self.epsilon  # type: ignore[operator]
        else:
            is_kept = self.is_private is False and promised == (None, None, None)
        unit = PrivacyUnit.from_dict({"entity": self.entity, "max_rows": self.max_rows})
        is_kept &= self.privacy_unit == unit.kind
        is_kept &= self.neighboring_relation == "add_or_remove_one" and self._is_of_its_entries()
        texts = [self.neighboring_relation, *self.assumptions, *(critic.column for critic in self.critics)]
        for critic in self.critics:
            is_kept &= isinstance(critic.is_let_in, bool) and is_number(critic.noise_stddev)
            is_kept &= (critic.gain is None or is_number(abs(critic.gain))) and _is_positive(critic.factor)
        if self.place is not None:
            texts += [self.place.ledger, self.place.hash]
            is_kept &= isinstance(self.place.entry, int)
        if not is_kept or not is_number(self.delta_spent) or not all(isinstance(t, str) for t in texts):
            raise ValueError

    def _is_of_its_entries(self) -> bool:
        """Return true if the stated spending is the cost of the entries, and each was scaled to the unit."""
        if self.is_private is not True or self.delta is None or self.epsilon_spent is None:
            return self.is_private is False
        for entry in self.entries:
            entry.check()
            if entry.door != "dpsgd" and entry.sensitivity != sensitivity_of(
                entry.what, entry.columns, self.unit
            ):
                return False
            if entry.door not in ("release", "marginals", "dpsgd", "private_metrics"):
                return False
            if (entry.door == "dpsgd") != (entry.mechanism == POISSON_GAUSSIAN):
                return False
        delta = math.fsum(entry.delta for entry in self.entries)
        if not math.isclose(self.delta_spent, delta, rel_tol=1e-9, abs_tol=1e-300):
            return False
        cost = cost_of(self.entries)
        if len(cost.runs) > 1:  # a fit has one discriminator; more would only slow the accountant down
            return False
        return math.isclose(self.epsilon_spent, cost.epsilon(self.delta), rel_tol=_ROUNDING)

    def __str__(self) -> str:
        return "\n".join([self.promise, *map(str, self.critics), *self._spending])

    @property
    def _spending(self) -> list[str]:
        """The spending by kind of release, in lines."""
        if not self.is_private or not self.entries:
            return []
        return ["spent on:", *(f"  {line}" for line in spending_lines(self.entries))]

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each release, in the order in which they were charged.

        ``mu_squared`` is what a release uses of the Gaussian budget, and ``share`` its part of the sum; both are empty
        without noise. ``noise_stddev`` is in units of the released quantity.
        """
        import pandas as pd

        lines: list[dict[str, object]] = []
        for entry in self.entries:
            line = {**entry.to_dict(), "columns": ", ".join(entry.columns)}
            lines.append(line | {"noise_stddev": entry.noise_stddev, "mu_squared": mu_squared(entry)})
        names = [*Release.__dataclass_fields__, "noise_stddev", "mu_squared"]
        frame = pd.DataFrame(lines, columns=names)
        frame["mu_squared"] = frame["mu_squared"].astype("float64")
        frame["share"] = frame["mu_squared"] / frame["mu_squared"].sum(skipna=False)
        return frame

    def _repr_html_(self) -> str:
        if not self.is_private:
            said = "No privacy guarantee (epsilon=None): model and rows may reveal rows of the table."
            return html.card("Privacy statement", html.note(said, "bad"))
        facts = [
            ("Promise", f"epsilon {at_most(self.epsilon)}, delta {at_most(self.delta)}"),
            ("Protects", f"one {self.unit.name}; {self.neighboring_relation.replace('_', ' ')}"),
            ("Spent", f"epsilon {at_most(self.epsilon_spent)}, in {len(self.entries):,} releases"),
            ("Ledger", _place_text(self.place)),
            *(("Critic", str(critic)) for critic in self.critics),
        ]
        parts = [html.facts(facts)]
        if self.entries:
            parts.append(spending_html(self.entries))
        if self.assumptions:
            parts.append(html.folded("Holds if these facts are public", html.listed(self.assumptions)))
        return html.card("Privacy statement", *parts)

    @property
    def promise(self) -> str:
        """The promise and its spending in one line."""
        if not self.is_private:
            return "no privacy guarantee (epsilon=None)"
        epsilon, delta = at_most(self.epsilon), at_most(self.delta)
        return (
            f"({epsilon}, {delta})-differential privacy of one {self.unit.name}; "
            f"spent {at_most(self.epsilon_spent)} of {epsilon} in {len(self.entries)} releases"
        )


def _place_text(place: LedgerPlace | None) -> str:
    """Return a fit's place in a ledger in words."""
    if place is None:
        return "none: the spending of other fits on the table is not added up"
    if place == UNTOLD_PLACE:
        return "recorded in one that is not named here"
    return f"{place.ledger}, up to entry {place.entry}"


def _is_positive(value: object) -> bool:
    return is_number(value) and value != 0


class Book(Protocol):
    """A durable record of a fit's charges, which a resumed fit finds again after an interruption."""

    @property
    def past(self) -> Sequence[tuple[str, tuple[Release, ...]]]:
        """Charges that this fit made before it was interrupted: the call and its releases, in order."""

    @property
    def doubtful(self) -> Sequence[Release]:
        """Releases whose charge could not be recorded to its end, and counts all the same: none of them was made."""

    def write(self, call: str, releases: Sequence[Release]) -> None:
        """Record a charge. It is on the disk when this returns."""

    def place(self) -> LedgerPlace | None:
        """Return the fit's current place in its ledger."""


class PrivacyFilter:
    """A filter: the releases of one fit, checked against its plan.

    **Guarantee.** All charges admitted here compose to at most the plan's ``(epsilon, delta)`` under add-or-remove-one
    adjacency of its unit. The plan fixed a total for each of the three parts that compose before anything was
    read: ``mu**2`` of all Gaussians, one run of DP-SGD, one delta of all thresholds. :meth:`charge` raises instead of
    exceeding any of them, so the choice of releases, and their noise, may depend on earlier answers.
    A mechanism runs only after its charge has returned, and by then the charge is recorded in ``book``.

    Args:
        plan: The budget. One without privacy keeps the list, without any promise.
        book: The durable record of charges; ``None`` keeps them in memory only.

    References:
        Smith & Thakurta (2022), *Fully Adaptive Composition for Gaussian Differential Privacy*, Theorem 1.
    """

    def __init__(self, plan: Plan, book: Book | None = None) -> None:
        self.plan = plan
        self.entries: list[Release] = []
        self._spent = RunningCost()
        self._book = book
        self._reserved: set[Stage] = {"gain"} if plan.has_adversary else set()
        self._past = deque(book.past if book is not None else ())

    def _repr_html_(self) -> str:
        return self.statement()._repr_html_()

    @property
    def is_private(self) -> bool:
        """True if the fit promises differential privacy."""
        return self.plan.is_private

    def recall(self, call: str) -> list[tuple[Release, ...]]:
        """Take over this fit's charges for ``call`` from before an interruption, and return them, one per attempt.

        The order of calls is determined by public arguments and released numbers.

        Raises:
            PrivacyError: the fit's next charge was for another call: this is not the fit that was interrupted.
        """
        charged = []
        while self._past and self._past[0][0] == call:
            charged.append(self._past.popleft()[1])
            self._admit(charged[-1])
        if self._past and not charged:
            raise PrivacyError(
                f"ledger: expected the interrupted fit to resume with {self._past[0][0]!r}, got {call!r}. The "
                "checkpoint belongs to another fit or version; start a new fit with a new checkpoint."
            )
        return charged

    def charge(self, *releases: Release, call: str = "") -> None:
        """Record releases before their mechanisms run.

        Args:
            releases: Admitted together or not at all.
            call: The fit's call that they are for.

        Raises:
            BudgetExceededError: the total would exceed the plan; nothing is recorded.
            PrivacyError: a private release has no noise, or a parameter out of its range.
        """
        if self.is_private:
            for release in releases:
                release.check()
        self._admit(releases, self._book, call)

    def _admit(self, releases: Sequence[Release], book: Book | None = None, call: str = "") -> None:
        """Add releases to the entries if the plan has room for them, recording them first if there is a book.

        Their cost is added to the exact cost of the entries, which makes it that of all of them: each charge reads its
        own releases alone. Without privacy there is nothing to add up.
        """
        spent = self._spent.plus(releases if self.is_private else ())
        if self.is_private and not self.plan.cost.covers(spent.cost):
            raise BudgetExceededError(
                f"ledger: {releases[0].what!r} would bring the total over the plan for "
                f"epsilon={self.plan.epsilon:g} and delta={self.plan.delta:g}. Nothing was released."
            )
        if book is not None:
            book.write(call, releases)
        self.entries.extend(releases)
        self._spent = spent

    def finish(self) -> None:
        """Raise if the finished fit has not repeated every call that it charged before an interruption.

        Raises:
            PrivacyError: this is not the fit that was interrupted.
        """
        if self._past:
            raise PrivacyError(
                f"ledger: the fit ended without {self._past[0][0]!r}, which it had charged before it was "
                "interrupted. The checkpoint belongs to another fit or version; start a new fit with a new checkpoint."
            )

    def reserve(self, stage: Stage) -> None:
        """Keep the share of a stage that comes after the pairs; the call follows from public or released numbers."""
        self._reserved.add(stage)

    def remaining_mu(self) -> float:
        """Return the budget left for plain Gaussian releases, as a GDP parameter; infinite without privacy.

        The shares of reserved stages are not among it: of critics' tests, and of places. The allocation to releases may
        depend on earlier answers: the total is fixed.
        """
        if not self.is_private:
            return math.inf
        kept = sum(self.plan.shares.get(stage, 0.0) for stage in self._reserved)
        return math.sqrt(max(self.plan.mu**2 * (1 - kept) - self._spent.cost.mu_squared, 0.0))

    @property
    def charged(self) -> tuple[Release, ...]:
        """Every release that was charged, including those from before an interruption that were not repeated yet.

        One whose charge a full disk has cut off counts if it does in the ledger.
        """
        doubtful = () if self._book is None else self._book.doubtful
        return (*self.entries, *(release for _, releases in self._past for release in releases), *doubtful)

    def statement(self) -> PrivacyStatement:
        """Return the promise and the spending so far; the total is recomputed from the entries.

        Raises:
            PrivacyError: the accountant puts the total above the promise, which no charge should have allowed.
        """
        plan = self.plan
        charged, place = self.charged, None if self._book is None else self._book.place()
        delta_spent = math.fsum(release.delta for release in charged)
        if plan.epsilon is None:
            return PrivacyStatement(False, None, None, None, delta_spent, entries=charged, place=place)
        spent = cost_of(charged).epsilon(plan.delta)
        if not spent <= plan.epsilon:
            raise PrivacyError(
                f"ledger: the releases come to epsilon={at_most(spent, 6)}, over the promise of {plan.epsilon:g}. Do "
                "not use this fit, and report it."
            )
        return PrivacyStatement(
            is_private=True,
            epsilon=plan.epsilon,
            delta=plan.delta,
            epsilon_spent=spent,
            delta_spent=delta_spent,
            privacy_unit=plan.unit.kind,
            entries=charged,
            assumptions=PUBLIC_FACTS if plan.unit.entity is None else (*PUBLIC_FACTS, ENTITY_FACT),
            entity=plan.unit.entity,
            max_rows=plan.unit.max_rows,
            place=place,
        )
