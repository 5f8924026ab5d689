"""The catalog of figures: the description of each, in the order of the report.

A new figure is one entry here, and one function that computes it (:func:`tabgan.evaluation.steps.computes`). The gate,
the report, the JSON schema and the table of ``docs/evaluation.md`` take it from here. The catalog computes nothing.
"""

from __future__ import annotations

from tabgan.evaluation.catalog.attack_figures import ATTACKS, AUDIT, COPIES
from tabgan.evaluation.catalog.coverage_figures import ENTRIES as COVERAGE
from tabgan.evaluation.catalog.entry import (
    GROUPS,
    Direction,
    Editions,
    Entry,
    FigureFormat,
    Group,
    GroupEntry,
    Reference,
    Sense,
    VerdictRule,
)
from tabgan.evaluation.catalog.fidelity_figures import ENTRIES as FIDELITY
from tabgan.evaluation.catalog.utility_figures import ENTRIES as UTILITY
from tabgan.evaluation.catalog.validity_figures import ENTRIES as VALIDITY

__all__ = [
    "ENTRIES",
    "GROUPS",
    "Direction",
    "Editions",
    "Entry",
    "FigureFormat",
    "Group",
    "GroupEntry",
    "Reference",
    "Sense",
    "VerdictRule",
    "best_of",
    "entries",
    "figures",
    "gate_rules",
    "position",
    "verdict_of",
]

#: By name.
ENTRIES: dict[str, Entry] = {
    each.name: each for each in (*COVERAGE, *VALIDITY, *FIDELITY, *UTILITY, *ATTACKS, *COPIES, *AUDIT)
}


def entries(*names: str) -> tuple[Entry, ...]:
    """Return the entries with these names."""
    return tuple(ENTRIES[name] for name in names)


def figures(group: Group | None = None) -> tuple[Entry, ...]:
    """Return the entries of a group, or of all groups, in the order of the report."""
    order = list(GROUPS)
    found = [each for each in ENTRIES.values() if group in (None, each.group)]
    return tuple(sorted(found, key=lambda each: order.index(each.group)))


def position(name: str, group: Group) -> tuple[int, int]:
    """Return a figure's place in the report, for sorting; figures outside the catalog come last in their group."""
    names = list(ENTRIES)
    return list(GROUPS).index(group), names.index(name) if name in ENTRIES else len(names)


def gate_rules() -> dict[Group, dict[str, Sense]]:
    """Return the figures that a gate may limit, by part of the report, with the sense of each limit."""
    return {
        group: {each.name: each.gate for each in figures(group) if each.gate is not None}
        for group, words in GROUPS.items()
        if words.is_limited
    }


def best_of(name: str) -> float | None:
    """Return a figure's best value, if it is known without a reference."""
    return ENTRIES[name].best if name in ENTRIES else None


def verdict_of(name: str, group: Group) -> VerdictRule:
    """Return the rule that judges a figure: its own, or its group's."""
    own = ENTRIES[name].verdict if name in ENTRIES else None
    return GROUPS[group].verdict if own is None else own
