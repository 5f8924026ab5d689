"""Whether a synthetic table may be released: limits that were set beforehand, held against what was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["passed", "failed", "open"]


@dataclass(frozen=True)
class Check:
    """One limit, and what was found.

    Attributes:
        name: What code calls the figure: ``"epsilon"``, ``"delta"``, ``"audit"``, or a metric's name.
        label: What people call it.
        rule: Whether the limit is the most or the least that is allowed.
        limit: The limit.
        found: What is held against it; ``None`` when there is none, which fails.
        is_passed: Whether it is kept.
        text: The finding as a whole sentence.
    """

    name: str
    label: str
    rule: Literal["at_most", "at_least"]
    limit: float
    found: float | None
    is_passed: bool
    text: str


@dataclass(frozen=True)
class Decision:
    """What a gate says.

    Attributes:
        outcome: ``"open"`` when no gate was set: then a person decides.
        checks: Every limit, the broken ones first.
    """

    outcome: Outcome
    checks: tuple[Check, ...] = ()

    @property
    def failed(self) -> tuple[Check, ...]:
        """The limits that are not kept."""
        return tuple(check for check in self.checks if not check.is_passed)


#: Without a gate.
NO_GATE = Decision("open")
