"""The parts of the page, in order, and the reasons why an edition leaves one empty."""

from __future__ import annotations

from dataclasses import dataclass

from tabgan.evaluation.result import Pictures
from tabgan.report.content import ReportData


@dataclass(frozen=True)
class Section:
    """One part of the page.

    Attributes:
        id: Its anchor, and the name of its template.
        title: Its heading.
        absent: The reason why it is empty; ``None`` if it is not.
    """

    id: str
    title: str
    absent: str | None = None


_NEEDS_ROWS = (
    "Not in the shareable edition: it would have to be computed on real rows, outside the guarantee."
)

_NOT_MEASURED = "Nothing was measured here."


def sections(data: ReportData) -> tuple[Section, ...]:
    """Return the parts of the appendix: decision and promise first, then the evidence, then its background."""
    evaluation = data.evaluation
    has_attacks = any(evaluation.group(group) for group in ("attacks", "copies", "audit"))
    not_asked = "Not in the shareable edition: it has no private metrics. Tests on real rows cost epsilon."
    return (
        Section("decision", "Decision and recipients"),
        Section(
            "who", "Who is missing", None if evaluation.group("coverage") or data.losses else _NOT_MEASURED
        ),
        Section("privacy", "Privacy statement"),
        Section("ledger", "Ledger"),
        Section("validity", "Validity", None if evaluation.group("validity") else _NOT_MEASURED),
        Section(
            "fidelity", "Fidelity", None if evaluation.group("fidelity") or data.columns else _NOT_MEASURED
        ),
        Section("utility", "Utility", _absent(data, bool(evaluation.group("utility")), not_asked)),
        Section("attacks", "Attacks and copies", _absent(data, has_attacks, _NEEDS_ROWS)),
        Section("overlays", "Distributions", None if data.columns else "The table has no columns."),
        Section("pictures", "Pictures", _no_picture(data)),
        Section("card", "Data and model card"),
        Section("reproducibility", "Integrity and reproducibility"),
        Section("glossary", "Glossary and references"),
    )


def _absent(data: ReportData, is_there: bool, why_shareable: str) -> str | None:
    if is_there:
        return None
    return _NOT_MEASURED if data.is_internal else why_shareable


def _no_picture(data: ReportData) -> str | None:
    """Return the reason why a report has no picture beside its figures; ``None`` if it has one."""
    missing = missing_pictures(data)
    if len(missing) < len(_PICTURES) or data.pairs:
        return None
    why = "" if data.is_internal else "Not in the shareable edition, because it needs real rows: "
    return f"{why or 'Not drawn, because not computed: '}{'; '.join(missing)}."


_PICTURES = {
    "correlations": "associations of columns",
    "projection": "principal components",
    "calibration": "calibration",
    "distances": "distances to the closest rows",
    "membership": "membership inference",
}


def missing_pictures(data: ReportData) -> tuple[str, ...]:
    """Return the names of the pictures that were not computed."""
    drawn: Pictures = data.evaluation.pictures
    return tuple(name for key, name in _PICTURES.items() if getattr(drawn, key) is None)
