"""What a reader should know first: figures held against what real rows score in their place.

The thresholds are conventions of this report, not of a law or a standard, and are printed with the findings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tabgan.evaluation.result import ColumnResult, Evaluation, Format, Metric, format_figure
from tabgan.privacy.ledger import PrivacyStatement

Status = Literal["good", "attention", "open"]

#: How much worse than its reference a figure may be before it needs attention: 5 points of a percentage,
#: 0.05 of a score or distance.
TOLERANCE = 0.05

#: How far the whole interval of a copy check may lie above what is expected: one row in a thousand, for the
#: expectation is measured on a sample too.
COPY_TOLERANCE = 0.001

#: Figures whose best value is known without a reference: telling rows apart by guessing, and by a coin.
EXPECTED = {"c2st": 0.5, "dcr_share": 0.5}

#: Tiers of epsilon: Ponomareva et al. (2023), *How to DP-fy ML*, section 5.
STRONG_EPSILON, REASONABLE_EPSILON = 1.0, 10.0


_ORDER: tuple[Status, ...] = ("attention", "good", "open")


@dataclass(frozen=True)
class Finding:
    """One line of the decision box.

    Attributes:
        status: ``"open"`` for what could not be computed.
        subject: What it is about, in a word or two.
        text: The finding, in whole sentences.
        columns: Columns that it names, worst first.
    """

    status: Status
    subject: str
    text: str
    columns: tuple[str, ...] = ()


def percent(part: float | None) -> str:
    """Return a share as people read it: only what is 0 or 1 reads 0% or 100%; a dash where there is none.

    >>> percent(0.1234), percent(0.0), percent(0.0001), percent(0.99999), percent(None)
    ('12.3%', '0%', '<0.1%', '>99.9%', '–')
    """
    if part is None or not math.isfinite(part):
        return "–"
    if abs(part) < 1e-9 or part == 1:  # the lower end of an interval misses 0 by rounding
        return f"{100 * part:.0f}%"
    if 0 < part < 0.0005:
        return "<0.1%"
    return ">99.9%" if 0.9995 <= part < 1 else f"{100 * part:.1f}%"


def figure_text(value: float | None, format: Format) -> str:
    """Return a figure as people read it; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    return percent(value) if format == "percent" else format_figure(value, format)


def expected_of(metric: Metric) -> float | None:
    """Return what a figure is held against: its reference, or a best value that is known without one."""
    if metric.reference is not None and math.isfinite(metric.reference):
        return metric.reference
    return EXPECTED.get(metric.name)


def judge(metric: Metric) -> Status | None:
    """Return how a figure compares; ``None`` where there is nothing to compare it with.

    Validity has to be complete. A copy check fails when its whole interval lies above what is expected without
    copying. Any other figure may be worse than its reference by ``TOLERANCE``.
    """
    if metric.value is None:
        return "open"
    if metric.group == "validity":
        return "good" if metric.value >= 1 else "attention"
    expected = expected_of(metric)
    if expected is None:
        return None
    if metric.group == "copies" and metric.interval is not None:
        return "attention" if metric.interval.low > expected + COPY_TOLERANCE else "good"
    behind = expected - metric.value if metric.direction == "higher" else metric.value - expected
    return "attention" if behind > TOLERANCE else "good"


def is_behind(column: ColumnResult) -> bool:
    """Return whether a column is further from the real rows than a holdout is, by more than the tolerance."""
    return column.tvd is not None and column.tvd - (column.reference or 0.0) > TOLERANCE


def find(evaluation: Evaluation, privacy: PrivacyStatement) -> tuple[Finding, ...]:
    """Return the key findings: what needs attention first, each part in the order of the report."""
    found = (
        *_privacy(evaluation, privacy),
        *_validity(evaluation),
        *_compared(
            "Fidelity",
            "Near an equally large real holdout",
            "Short of an equally large real holdout",
            evaluation.group("fidelity"),
        ),
        *_columns(evaluation),
        *_compared(
            "Utility",
            "Near models trained on real rows",
            "Short of models trained on real rows",
            evaluation.group("utility"),
        ),
        *_compared(
            "Copy checks",
            "No more than expected without copying",
            "More than expected without copying",
            evaluation.group("copies"),
        ),
        *_not_computed(evaluation),
    )
    return tuple(sorted(found, key=lambda finding: _ORDER.index(finding.status)))


def _privacy(evaluation: Evaluation, privacy: PrivacyStatement) -> list[Finding]:
    if not privacy.is_private:
        text = "There is none. Protect the synthetic table and the model as you protect the original rows."
        return [Finding("attention", "Privacy", text)]
    epsilon = privacy.epsilon or 0.0
    status: Status = "good" if epsilon <= REASONABLE_EPSILON else "attention"
    tier = (
        f"up to {STRONG_EPSILON:g} is called strong"
        if epsilon <= STRONG_EPSILON
        else f"up to {REASONABLE_EPSILON:g} is called reasonable, up to {STRONG_EPSILON:g} strong"
        if epsilon <= REASONABLE_EPSILON
        else f"above {REASONABLE_EPSILON:g} is called weak"
    )
    text = f"Epsilon is {epsilon:.4g}; {tier} (Ponomareva et al. 2023)."
    found = [Finding(status, "Privacy", text)]
    if privacy.delta is not None and privacy.delta * evaluation.n_real >= 1:
        text = f"Delta is {privacy.delta:.3g}; it should be well below one over the number of rows."
        found.append(Finding("attention", "Privacy", text))
    return found


def _validity(evaluation: Evaluation) -> list[Finding]:
    judged = evaluation.group("validity")
    short = [metric for metric in judged if judge(metric) == "attention"]
    broken = sorted((c for c in evaluation.columns if not c.valid >= 1), key=lambda c: c.valid)
    if short or broken:
        shares = "; ".join(f"{m.label}: {figure_text(m.value, m.format)}" for m in short)
        text = f"{shares or 'Some cells are not valid'}. Expected: 100%."
        return [Finding("attention", "Validity", text, tuple(c.name for c in broken))]
    if not any(judge(metric) == "good" for metric in judged):
        return []
    return [Finding("good", "Validity", "Everything keeps to the schema: 100% where it was measured.")]


def _compared(subject: str, is_near: str, is_not: str, metrics: Sequence[Metric]) -> list[Finding]:
    """Return one finding for the figures that are near their reference, and one for those that are not."""
    found = []
    near = [metric for metric in metrics if judge(metric) == "good"]
    behind = [metric for metric in metrics if judge(metric) == "attention"]
    if behind:
        found.append(Finding("attention", subject, f"{is_not}: {_figures(behind)}."))
    if near:
        found.append(Finding("good", subject, f"{is_near}: {_figures(near)}."))
    return found


def _columns(evaluation: Evaluation) -> list[Finding]:
    compared = [c for c in evaluation.columns if c.tvd is not None]
    behind = sorted(filter(is_behind, compared), key=lambda c: -(c.tvd or 0.0))
    if behind:
        text = (
            f"{len(behind)} of {len(compared)} are further from the real distribution than a holdout is, "
            f"by more than {TOLERANCE:g}."
        )
        return [Finding("attention", "Columns", text, tuple(c.name for c in behind))]
    if not compared:
        return []
    text = f"All {len(compared)} distributions are within {TOLERANCE:g} of what a real holdout reaches."
    return [Finding("good", "Columns", text)]


def _not_computed(evaluation: Evaluation) -> list[Finding]:
    missing = [metric for metric in evaluation.metrics if not metric.is_computed]
    if not missing:
        return []
    text = "; ".join(f"{metric.label} ({(metric.reason or '').rstrip('.')})" for metric in missing)
    return [Finding("open", "Not computed", f"{text}.")]


def _figures(metrics: Sequence[Metric]) -> str:
    return "; ".join(
        f"{m.label} {figure_text(m.value, m.format)} against {figure_text(expected_of(m), m.format)}"
        for m in metrics
    )
