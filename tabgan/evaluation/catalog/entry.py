"""The form of the catalog's entries: of one figure, and of one group of figures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Group = Literal["validity", "fidelity", "utility", "attacks", "copies", "audit"]
Direction = Literal["higher", "lower", "none"]
Format = Literal["percent", "score", "distance"]

#: Which way a gate holds a figure.
Sense = Literal["at_most", "at_least"]

#: What a figure is held against: real rows that were held out, in the synthetic table's place; an attack on held-out
#: rows; a model trained on real rows; chance; the same on synthetic rows; a mechanism that is as stated.
Reference = Literal["holdout", "control", "real", "chance", "synthetic", "stated"]

#: The rules that :func:`tabgan.report.findings.judge` judges by: complete, or as good as real rows; a distance near
#: its reference; a score near its reference; an attack's excess; a copy check's excess; at most the stated epsilon.
Verdict = Literal["complete", "distance", "score", "attack", "copies", "epsilon"]

#: The editions of a report that a figure may stand in: computed on real rows it is internal; shareable where it
#: follows from DP releases, the synthetic table or a made-up one alone; some are computed either way.
Editions = Literal["internal", "shareable", "both"]


@dataclass(frozen=True)
class Entry:
    """All that is said of one figure, whatever its value.

    Attributes:
        name: What code calls it, such as ``"tvd2"``; unique in the catalog.
        label: What people call it.
        group: The part of the report that it belongs to, and the part of a gate.
        direction: Which way is better; ``"none"`` where ``good`` alone tells.
        format: Its kind, and how it is printed.
        meaning: What is measured, in whole sentences.
        good: What good looks like, in words.
        told: What the page in ``docs`` says of it, in short.
        source: Where it comes from, for that page.
        range: The least and the most that it can be.
        reference: What it is held against; ``None`` where there is nothing.
        best: Its best value, where that is known without a reference.
        verdict: The rule that it is judged by; ``None`` for the group's.
        gate: Which way a gate may hold it; ``None`` for not at all.
        needs: What has to be named for it; ``None`` for nothing.
        editions: Where it may stand.
        on_rows: What its meaning adds where it is computed on real rows.
        on_releases: What its meaning adds where it is computed without them.
        headline: What a summary calls it; ``None`` for a figure that is not in it.
    """

    name: str
    label: str
    group: Group
    direction: Direction
    format: Format
    meaning: str
    good: str
    told: str = ""
    source: str = ""
    range: tuple[float, float] = (0.0, 1.0)
    reference: Reference | None = None
    best: float | None = None
    verdict: Verdict | None = None
    gate: Sense | None = None
    needs: Literal["target", "rules"] | None = None
    editions: Editions = "internal"
    on_rows: str = ""
    on_releases: str = ""
    headline: str | None = None

    def within(self, edition: Literal["internal", "shareable"]) -> Entry:
        """Return the entry as one edition has it.

        Raises:
            ValueError: the figure may not stand in that edition.
        """
        if self.editions not in (edition, "both"):
            raise ValueError(f"figure {self.name!r}: expected the edition {self.editions}, got {edition}.")
        added = self.on_rows if edition == "internal" else self.on_releases
        return replace(self, editions=edition, meaning=self.meaning + added)


@dataclass(frozen=True)
class GroupEntry:
    """All that is said of a group of figures.

    Attributes:
        name: What code calls it.
        subject: What findings call it.
        verdict: The rule that its figures are judged by.
        badge: What stands beside a figure that compares well.
        near: What a finding says of such figures; empty where the group's findings have words of their own.
        behind: What it says of the others.
        near_released: As ``near``, where no real row may have been looked at; empty where it is the same.
        behind_released: As ``behind``, there.
        is_limited: Whether it is a part of a gate.
        told: What the page in ``docs`` says of it.
        source: Where it comes from, for that page.
    """

    name: Group
    subject: str
    verdict: Verdict
    badge: str
    near: str = ""
    behind: str = ""
    near_released: str = ""
    behind_released: str = ""
    is_limited: bool = True
    told: str = ""
    source: str = ""

    def words(self, is_internal: bool) -> tuple[str, str]:
        """Return what a finding says of figures that are near their reference, and of those that are not."""
        if is_internal:
            return self.near, self.behind
        return self.near_released or self.near, self.behind_released or self.behind


#: Groups in the order of the report.
GROUPS: dict[Group, GroupEntry] = {
    each.name: each
    for each in (
        GroupEntry(
            "validity", "Validity", "complete", "Complete", told="cells and columns as they should be"
        ),
        GroupEntry(
            "fidelity",
            "Fidelity",
            "distance",
            "Near the reference",
            near="Near an equally large real holdout",
            behind="Short of an equally large real holdout",
            near_released="Near what chance shows",
            behind_released="Further off than chance shows",
            told="distributions like the real ones",
        ),
        GroupEntry(
            "utility",
            "Utility",
            "score",
            "Near the reference",
            near="Near models trained on real rows",
            behind="Short of models trained on real rows",
            near_released="Near what synthetic rows promise",
            behind_released="Short of what synthetic rows promise",
            told="models that are trained on the synthetic table",
        ),
        GroupEntry(
            "attacks",
            "Attacks",
            "attack",
            "No excess shown",
            near="Not shown to work better on rows that were learnt from than on others",
            behind="Work better on rows that were learnt from than on others",
            told="success on training rows; control: on held-out rows; baseline: without the table; risk: "
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
            told="checks for copies, and no evidence of privacy",
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
