"""Types of the catalog's entries: one for a figure, one for a group of figures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Group = Literal["coverage", "validity", "fidelity", "utility", "attacks", "copies", "audit"]
Direction = Literal["higher", "lower", "none"]
FigureFormat = Literal["percent", "score", "distance"]

#: The sense of a gate's limit on a figure.
Sense = Literal["at_most", "at_least"]

#: The reference of a figure: holdout rows in the synthetic table's place; an attack on holdout rows; a model trained on
#: real rows; chance; the same figure on synthetic rows; a mechanism that is as stated.
Reference = Literal["holdout", "control", "real", "chance", "synthetic", "stated"]

#: The rules of :func:`tabgan.report.findings.judge`: complete, or as good as real rows; a share of missing rows
#: near its reference, or near 0 without one; a distance near its reference; a score near its reference; an attack's
#: excess; a copy check's excess; at most the stated epsilon.
VerdictRule = Literal["complete", "missing", "distance", "score", "attack", "copies", "epsilon"]

#: The editions of a report that may hold a figure: a figure computed on real rows is internal; one that follows from
#: DP releases, the synthetic table or a made-up one alone is shareable; some are computed either way.
Editions = Literal["internal", "shareable", "both"]


@dataclass(frozen=True)
class Entry:
    """The description of one figure, independent of its value.

    Attributes:
        name: Its name in code, such as ``"tvd2"``; unique in the catalog.
        label: Its name for readers.
        group: Its part of the report and of a gate.
        direction: The better direction; ``"none"`` if only ``good`` can say.
        format: Its kind, and the way it is printed.
        meaning: Its definition, in whole sentences.
        good: A good value, in words.
        told: Its short description on the page in ``docs``.
        source: Its origin, for that page.
        range: Its smallest and largest possible values.
        reference: The value that it is compared with; ``None`` for none.
        best: Its best value, if known without a reference.
        verdict: The rule that judges it; ``None`` for the group's.
        gate: The sense in which a gate may limit it; ``None`` for no limit.
        needs: The argument that it needs; ``None`` for none.
        editions: The editions that may hold it.
        on_rows: Addition to its meaning when it is computed on real rows.
        on_releases: Addition to its meaning when it is computed without them.
        headline: Its name in a summary; ``None`` to leave it out there.
    """

    name: str
    label: str
    group: Group
    direction: Direction
    format: FigureFormat
    meaning: str
    good: str
    told: str = ""
    source: str = ""
    range: tuple[float, float] = (0.0, 1.0)
    reference: Reference | None = None
    best: float | None = None
    verdict: VerdictRule | None = None
    gate: Sense | None = None
    needs: Literal["target", "rules"] | None = None
    editions: Editions = "internal"
    on_rows: str = ""
    on_releases: str = ""
    headline: str | None = None

    def within(self, edition: Literal["internal", "shareable"]) -> Entry:
        """Return the entry as worded in one edition.

        Raises:
            ValueError: that edition may not hold the figure.
        """
        if self.editions not in (edition, "both"):
            raise ValueError(f"figure {self.name!r}: expected the edition {self.editions}, got {edition}.")
        added = self.on_rows if edition == "internal" else self.on_releases
        return replace(self, editions=edition, meaning=self.meaning + added)


@dataclass(frozen=True)
class GroupEntry:
    """The description of a group of figures.

    Attributes:
        name: Its name in code.
        subject: Its name in findings.
        verdict: The rule that judges its figures.
        badge: The words beside a figure that compares well.
        near: A finding's words for such figures; empty if the group's findings have words of their own.
        behind: A finding's words for the others.
        near_released: As ``near``, for an edition that reads no real row; empty if equal to ``near``.
        behind_released: As ``behind``, for that edition.
        is_limited: True if a gate may limit its figures.
        told: Its description on the page in ``docs``.
        source: Its origin, for that page.
    """

    name: Group
    subject: str
    verdict: VerdictRule
    badge: str
    near: str = ""
    behind: str = ""
    near_released: str = ""
    behind_released: str = ""
    is_limited: bool = True
    told: str = ""
    source: str = ""

    def words(self, is_internal: bool) -> tuple[str, str]:
        """Return a finding's words for figures near their reference, and for the others."""
        if is_internal:
            return self.near, self.behind
        return self.near_released or self.near, self.behind_released or self.behind


#: Groups in the order of the report.
GROUPS: dict[Group, GroupEntry] = {
    each.name: each
    for each in (
        GroupEntry(
            "coverage",
            "Who is missing",
            "missing",
            "As expected",
            told="rows of the original that the synthetic table cannot show",
        ),
        GroupEntry(
            "validity", "Validity", "complete", "Complete", told="cells and columns as they should be"
        ),
        GroupEntry(
            "fidelity",
            "Fidelity",
            "distance",
            "Near the reference",
            near="Near an equally large real holdout",
            behind="Worse than an equally large real holdout",
            near_released="As close as chance allows",
            behind_released="Further off than chance explains",
            told="similarity to the real distributions",
        ),
        GroupEntry(
            "utility",
            "Utility",
            "score",
            "Near the reference",
            near="Near models trained on real rows",
            behind="Worse than models trained on real rows",
            near_released="Near the score on synthetic rows",
            behind_released="Below the score on synthetic rows",
            told="models trained on the synthetic table",
        ),
        GroupEntry(
            "attacks",
            "Attacks",
            "attack",
            "No excess shown",
            near="Not shown to work better on training rows than on others",
            behind="Work better on training rows than on others",
            told="success on training rows; control: on holdout rows; baseline: without the table; risk: "
            "(success − control) / (1 − control), good at 0",
            source="Giomi et al. (2023)",
        ),
        GroupEntry(
            "copies",
            "Copy checks",
            "copies",
            "As expected",
            near="No more than expected without copying",
            behind="More than expected without copying",
            told="checks for copies, not evidence of privacy",
        ),
        GroupEntry(
            "audit",
            "Audit",
            "epsilon",
            "Not above epsilon",
            is_limited=False,
            told="the installation, on a made-up table",
        ),
    )
}
