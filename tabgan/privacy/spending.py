"""Spending of a fit: its releases by door and kind, with the part of the budget that each kind uses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tabgan._util import html
from tabgan.privacy.events import POISSON_GAUSSIAN, Release

#: Readable names of the doors.
DOORS = {
    "release": "Schema and histograms",
    "marginals": "Pairs of columns",
    "dpsgd": "Critic of the target",
    "private_metrics": "Private metrics",
}


@dataclass(frozen=True)
class LedgerGroup:
    """Lines of the ledger of the same kind.

    Attributes:
        door: The door that read the rows.
        what: The released object.
        mechanism: The mechanism's name.
        releases: The lines.
        mu_squared: Sum of ``1 / noise_multiplier**2``; for DP-SGD by its central limit,
            ``sample_rate**2 * steps * (exp(1 / noise_multiplier**2) - 1)`` (Bu, Dong, Long & Su 2020); ``None``
            without noise.
        share: Part of the sum over all groups; ``None`` if unknown.
        delta: Part of delta that the lines use up by themselves.
    """

    door: str
    what: str
    mechanism: str
    releases: tuple[Release, ...]
    mu_squared: float | None
    share: float | None
    delta: float


def group_ledger(entries: tuple[Release, ...]) -> tuple[LedgerGroup, ...]:
    """Return the ledger's lines by door, mechanism and released object, in the order of their first line."""
    lines: dict[tuple[str, str, str], list[Release]] = {}
    for entry in entries:
        lines.setdefault((entry.door, entry.what, entry.mechanism), []).append(entry)
    costs = {key: _total([mu_squared(entry) for entry in group]) for key, group in lines.items()}
    total = _total(list(costs.values()))
    return tuple(
        LedgerGroup(
            *key,
            releases=tuple(group),
            mu_squared=costs[key],
            share=None if total is None or costs[key] is None else (costs[key] or 0.0) / total,
            delta=math.fsum(entry.delta for entry in group),
        )
        for key, group in lines.items()
    )


def mu_squared(entry: Release) -> float | None:
    """Return the part of the budget that a release uses, ``None`` without noise; see :class:`LedgerGroup`."""
    if not 0 < entry.noise_multiplier < math.inf:
        return None
    precision = entry.noise_multiplier**-2
    if entry.mechanism != POISSON_GAUSSIAN or entry.sample_rate == 1.0:
        return precision * entry.steps
    return entry.sample_rate**2 * entry.steps * math.expm1(precision) if precision < 700 else None


def _total(parts: list[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return math.fsum(known) if known and len(known) == len(parts) else None


def spending_lines(entries: Sequence[Release], width: int = 20) -> list[str]:
    """Return a line for each kind of release: its share of the budget, also as a bar, its number and its noise.

    Args:
        entries: The releases.
        width: Characters of the longest bar.
    """
    groups = group_ledger(tuple(entries))
    longest = max((len(group.what) for group in groups), default=0)
    most = max((group.share or 0.0 for group in groups), default=0.0) or 1.0
    return [
        f"{group.what:<{longest}}  {_share(group):>6}  {_bar(group, width, most):<{width}}  "
        f"{len(group.releases):>5,} x  noise multiplier {_noise(group)}"
        for group in groups
    ]


def spending_html(entries: Sequence[Release]) -> str:
    """Return the same as a table of HTML."""
    groups = group_ledger(tuple(entries))
    most = max((group.share or 0.0 for group in groups), default=0.0) or 1.0
    rows = (
        (
            group.what,
            DOORS.get(group.door, group.door),
            _share(group),
            html.small_bar((group.share or 0.0) / most),
            f"{len(group.releases):,}",
            _noise(group),
        )
        for group in groups
    )
    head = ("Released", "For", "Share", "", "Releases", "Noise multiplier")
    return html.table(head, rows, numbers=(2, 4, 5))


def _share(group: LedgerGroup) -> str:
    return "–" if group.share is None else f"{group.share:.1%}"


def _bar(group: LedgerGroup, width: int, most: float) -> str:
    share = group.share or 0.0
    return "█" * max(round(width * share / most), 1 if share > 0 else 0)


def _noise(group: LedgerGroup) -> str:
    noises = [entry.noise_multiplier for entry in group.releases]
    low, high = f"{min(noises):.3g}", f"{max(noises):.3g}"
    return low if low == high else f"{low} to {high}"
