"""The totals of a dataset's ledger: spent, held and remaining budget."""

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
        name: The fit's random name.
        began: Time of its start, in UTC.
        epsilon: The promised epsilon.
        delta: The promised delta.
        epsilon_spent: Cost of its charges, at its own delta.
        releases: Number of releases that it charged.
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
    """The totals of a ledger.

    Attributes:
        path: Path of the file.
        ledger: The ledger's random name.
        entries: Number of lines.
        hash: Hash of the last line.
        privacy_unit: The unit of privacy, in words.
        fits: All fits, in the order in which they began.
        delta: Delta of the totals.
        epsilon_spent: All charges composed, for fits that were planned beforehand.
        epsilon_spent_adaptive: The same for fits that were planned after seeing earlier results, as a cap counts it;
            ``None`` without a cap, whose order it takes.
        epsilon_held: Epsilon that counts against the cap before a next fit, with the whole plans of unfinished fits;
            ``None`` without a cap.
        epsilon_cap: The cap; ``None`` without one.
        delta_cap: The cap's delta; ``None`` without a cap.
        epsilon_next: About the largest epsilon, at the last fit's delta, that the cap allows for a next fit; 0 for
            none, ``None`` without a cap.
        adopted: Number of times that the ledger was accepted after losing its guard.
        has_guard: True if the guard confirms the end of the file.
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
        """Return JSON; an infinite epsilon, the result of a delta that is used up, is null."""
        return canonical(_finite(asdict(self)))


def summarize(file: LedgerFile, delta: float | None = None) -> LedgerSummary:
    """Return the totals of a ledger.

    Args:
        file: The ledger, which was checked when it was read.
        delta: Delta of the totals; the cap's by default, or without a cap the sum of all fits'.
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
    """Return about the largest epsilon that the cap allows for a next fit, treated as one Gaussian."""

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
