"""What a dataset's ledger adds up to: what was spent, what is held, what remains."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from tabgan._util.files import canonical
from tabgan.privacy.accounting import Cost, affordable_mu, largest
from tabgan.privacy.ledger.file import LedgerFile
from tabgan.privacy.ledger.records import Cap, FitRecord


@dataclass(frozen=True)
class FitSummary:
    """One fit of a ledger.

    Attributes:
        name: The fit's own random name.
        began: When, in UTC.
        epsilon: What it promises.
        delta: What it promises.
        epsilon_spent: What it charged, at its own delta.
        releases: How many lines of releases it charged.
        state: ``"done"``, ``"failed"``, ``"closed"`` or ``"unfinished"``.
    """

    name: str
    began: str
    epsilon: float
    delta: float
    epsilon_spent: float
    releases: int
    state: str


@dataclass(frozen=True)
class LedgerSummary:
    """What a ledger adds up to.

    Attributes:
        path: Of the file.
        ledger: Its own random name.
        entries: Number of lines.
        hash: Of the last line.
        privacy_unit: Whose presence is protected, in words.
        fits: In the order in which they began.
        delta: At which the totals are stated.
        epsilon_spent: All charges composed, for fits that were planned beforehand.
        epsilon_spent_adaptive: The same for fits that were planned after looking at the ones before, as a cap counts
            it; ``None`` without a cap, whose order it takes.
        epsilon_held: As the cap counts it for a next fit, with the whole plans of unfinished fits; ``None`` without.
        epsilon_cap: The cap; ``None`` without.
        delta_cap: The cap's delta; ``None`` without.
        epsilon_next: About the largest epsilon of a next fit, of the last one's delta, that the cap lets pass; 0 for
            none, ``None`` without a cap.
        adopted: How often the ledger had lost its guard, and was accepted without.
        has_guard: Whether the guard vouched for the end of the file.
    """

    path: str
    ledger: str
    entries: int
    hash: str
    privacy_unit: str
    fits: tuple[FitSummary, ...]
    delta: float
    epsilon_spent: float
    epsilon_spent_adaptive: float | None
    epsilon_held: float | None
    epsilon_cap: float | None
    delta_cap: float | None
    epsilon_next: float | None
    adopted: int
    has_guard: bool

    def to_json(self) -> str:
        """Return JSON; an infinite epsilon, which a delta that is used up has, is null."""
        return canonical(_finite(asdict(self)))


def summarize(file: LedgerFile, delta: float | None = None) -> LedgerSummary:
    """Return what a ledger adds up to.

    Args:
        file: The ledger, which was checked when it was read.
        delta: Of the totals; the cap's by default, or the sum of all fits' where there is none.
    """
    cap, fits = file.cap, file.fits
    spent = sum((fit.spent for fit in fits), Cost())
    total_delta = delta or (cap.delta if cap else min(sum(fit.delta for fit in fits), 0.5)) or 1e-6
    held = None if cap is None else _held(file, cap)
    return LedgerSummary(
        path=str(file.path),
        ledger=file.place().ledger,
        entries=len(file.records),
        hash=file.place().hash,
        privacy_unit=file.unit.name,
        fits=tuple(_summary(fit) for fit in fits),
        delta=total_delta,
        epsilon_spent=spent.epsilon(total_delta),
        epsilon_spent_adaptive=None
        if cap is None
        else file.adaptive_epsilon(spent, Cap(cap.epsilon, total_delta)),
        epsilon_held=held,
        epsilon_cap=None if cap is None else cap.epsilon,
        delta_cap=None if cap is None else cap.delta,
        epsilon_next=None if cap is None else _next(file, cap, fits[-1].delta if fits else cap.delta / 2),
        adopted=sum(record["kind"] == "adopted" for record in file.records),
        has_guard=file.has_guard,
    )


def _summary(fit: FitRecord) -> FitSummary:
    releases = sum(len(releases) for _, releases in fit.charges)
    state = fit.outcome or "unfinished"
    return FitSummary(
        fit.name, fit.began, fit.epsilon, fit.delta, fit.spent.epsilon(fit.delta), releases, state
    )


def _held(file: LedgerFile, cap: Cap) -> float:
    held = file.held(cap)
    return 0.0 if held == Cost() else file.adaptive_epsilon(held, cap)


def _next(file: LedgerFile, cap: Cap, delta: float) -> float:
    """Return about the largest epsilon of a fit that the cap lets pass, as if it were one Gaussian."""

    def is_affordable(epsilon: float) -> bool:
        return file.epsilon_with(Cost(affordable_mu(epsilon, delta) ** 2), cap) <= cap.epsilon

    if not is_affordable(0.01):
        return 0.0
    return math.floor(largest(is_affordable, 0.01, 2 * cap.epsilon, tolerance=1e-2) * 100) / 100


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
