"""The totals of a dataset's ledger: spent, held and remaining budget."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tabgan._util import html
from tabgan._util.files import canonical, finite
from tabgan._util.printed import at_least, at_most
from tabgan.errors import ConfigError
from tabgan.privacy.accounting import Cost, affordable_mu, largest
from tabgan.privacy.ledger.file import LedgerFile
from tabgan.privacy.ledger.records import Cap, FitRecord

if TYPE_CHECKING:
    import pandas as pd

#: Characters of a bar in text.
BAR_WIDTH = 40


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


@dataclass(frozen=True, repr=False)
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
        epsilon_once: The part of it that the first release takes, and no later one; ``None`` without a cap.
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
    epsilon_once: float | None
    epsilon_cap: float | None
    delta_cap: float | None
    epsilon_next: float | None
    adopted: int
    has_guard: bool

    def to_json(self) -> str:
        """Return JSON; an infinite epsilon, the result of a delta that is used up, is null."""
        return canonical(finite(asdict(self)))

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each fit, in the order in which they began."""
        import pandas as pd

        return pd.DataFrame([asdict(fit) for fit in self.fits], columns=list(FitSummary.__dataclass_fields__))

    @property
    def words(self) -> tuple[tuple[str, str], ...]:
        """Labels and sentences on the spent, counted and remaining budget, for a new reader."""
        spent = (
            f"epsilon {at_most(self.epsilon_spent)} at delta {at_most(self.delta)}: what all releases so far can tell "
            "together"
            + (", if no fit was planned after seeing another's results" if self._n_charged > 1 else "")
        )
        if self.epsilon_cap is None or self.epsilon_held is None:
            return ("spent", spent), ("cap", "none: nothing is refused. `tabgan ledger cap` sets one")
        return (
            ("spent", spent),
            ("counted", f"epsilon {at_most(self.epsilon_held)}: {self._why_counted}"),
            ("cap", f"epsilon {at_most(self.epsilon_cap)} at delta {at_most(self.delta_cap)}"),
            ("remaining", f"epsilon {at_least(self.remaining, 4)} of the cap"),
            ("next fit", self._next_fit),
        )

    @property
    def _n_charged(self) -> int:
        return sum(fit.releases > 0 for fit in self.fits)

    @property
    def remaining(self) -> float | None:
        """The part of the cap that is not counted; ``None`` without a cap."""
        if self.epsilon_cap is None or self.epsilon_held is None:
            return None
        return max(self.epsilon_cap - self.epsilon_held, 0.0)

    @property
    def _why_counted(self) -> str:
        if not self.epsilon_held:
            return "nothing of the cap is used"
        unfinished = sum(fit.state == "unfinished" for fit in self.fits)
        whole = f", with the whole plan of {unfinished} unfinished" if unfinished else ""
        once = f"; epsilon {at_most(self.epsilon_once)} of it is counted once, however many fits follow"
        return (
            f"what the cap counts for them{whole}, a bound that also holds if each fit was planned after seeing the "
            f"results of earlier ones{once if self.epsilon_once else ''}"
        )

    @property
    def _next_fit(self) -> str:
        if not self.epsilon_next:
            return "nothing: the cap refuses the next one"
        delta = _delta_of_next([fit.delta for fit in self.fits], self.delta_cap or 0.0)
        return (
            f"may ask for epsilon {at_least(self.epsilon_next)} at delta {at_most(delta)}, about: costs compose; they "
            "are not simply added"
        )

    @property
    def shares(self) -> tuple[float, float] | None:
        """Shares of the cap: spent, and counted beyond that; ``None`` without a cap."""
        if not self.epsilon_cap or self.epsilon_held is None:
            return None
        spent = min(self.epsilon_spent / self.epsilon_cap, 1.0)
        return spent, min(max(self.epsilon_held / self.epsilon_cap, spent), 1.0) - spent

    @property
    def bar(self) -> str:
        """The shares of the cap as text; empty without a cap."""
        if self.shares is None:
            return ""
        spent, counted = self.shares
        first = round(BAR_WIDTH * spent) or (1 if spent > 0 else 0)
        second = max(round(BAR_WIDTH * (spent + counted)) - first, 0)
        drawn = "█" * first + "▒" * second + "·" * (BAR_WIDTH - first - second)
        return f"[{drawn}]  █ spent  ▒ counted besides  · remaining"

    def __repr__(self) -> str:
        longest = max(len(label) for label, _ in self.words)
        lines = [f"  {label:<{longest}}  {text}" for label, text in self.words]
        counted = f"{len(self.fits)} {'fit' if len(self.fits) == 1 else 'fits, each'}"
        head = f"Ledger {self.path}: {counted} protects one {self.privacy_unit}"
        return "\n".join([head, *([f"  {self.bar}"] if self.bar else []), *lines])

    def _repr_html_(self) -> str:
        parts = []
        if self.shares is not None:
            spent, counted = self.shares
            told = (html.Part("spent", spent), html.Part("counted besides", counted))
            parts.append(
                html.bar(
                    told,
                    f"{spent:.0%} of the cap is spent, {spent + counted:.0%} is counted",
                    rest="remaining",
                )
            )
        if not self.has_guard:
            parts.append(html.note("Read without its guard: missing lines at the end would not show."))
        parts.append(html.facts([*self.words, ("protects", f"one {self.privacy_unit}")]))
        head = ("Fit", "Began (UTC)", "Promised", "Spent", "Releases", "State")
        rows = [
            (
                fit.name,
                fit.began[:16].replace("T", " "),
                at_most(fit.epsilon),
                at_most(fit.epsilon_spent),
                f"{fit.releases:,}",
                fit.state,
            )
            for fit in self.fits
        ]
        if rows:
            parts.append(html.table(head, rows, numbers=(2, 3, 4)))
        return html.card(f"Ledger {self.path}", *parts)


def read_ledger(path: str | Path, *, delta: float | None = None, has_guard: bool = True) -> LedgerSummary:
    """Return the totals of a dataset's ledger: spent, counted and remaining budget, and epsilon left for a next fit.

    Args:
        path: The ledger's file.
        delta: Delta of the totals; by default the cap's, or that of all fits together.
        has_guard: False for a copy without its guard: the chain alone is checked.

    Raises:
        ConfigError: there is no such file.
        LedgerError: it was changed or cut off, or cannot be read.
    """
    if not Path(path).is_file():
        raise ConfigError(f"ledger: no file {str(path)!r}. The first fit with ledger= creates one.")
    return summarize(LedgerFile(Path(path), has_guard=has_guard), delta)


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
        epsilon_once=None if cap is None or held is None else min(held, file.counted_once(cap)),
        epsilon_cap=None if cap is None else cap.epsilon,
        delta_cap=None if cap is None else cap.delta,
        epsilon_next=None
        if cap is None
        else _next(file, cap, _delta_of_next([fit.delta for fit in fits], cap.delta)),
        adopted=sum(record["kind"] == "adopted" for record in file.records),
        has_guard=file.has_guard,
    )


def _summary(fit: FitRecord) -> FitSummary:
    releases = sum(len(releases) for _, releases in fit.charges)
    state = fit.outcome or "unfinished"
    return FitSummary(
        fit.name, fit.began, fit.epsilon, fit.delta, fit.spent.epsilon(fit.delta), releases, state
    )


def _delta_of_next(deltas: Sequence[float], cap: float) -> float:
    """Return the delta that a next fit is taken to have: the last one's, or half of a cap's."""
    return deltas[-1] if deltas else cap / 2


def _held(file: LedgerFile, cap: Cap) -> float:
    held = file.held(cap)
    return 0.0 if held == Cost() else file.adaptive_epsilon(held, cap)


def _next(file: LedgerFile, cap: Cap, delta: float) -> float:
    """Return the approximate largest epsilon that the cap allows for a next fit, treated as one Gaussian."""

    def is_affordable(epsilon: float) -> bool:
        return file.epsilon_with(Cost(affordable_mu(epsilon, delta) ** 2), cap) <= cap.epsilon

    if not is_affordable(0.01):
        return 0.0
    return math.floor(largest(is_affordable, 0.01, 2 * cap.epsilon, tolerance=1e-2) * 100) / 100
