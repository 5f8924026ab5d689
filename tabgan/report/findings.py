"""What a reader should know first: figures held against what real rows score in their place.

The thresholds are conventions of this report, not of a law or a standard, and are printed with the findings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tabgan._figures import at_least, at_most
from tabgan.evaluation.result import EXPECTED, ColumnResult, Evaluation, Format, Group, Metric, format_figure
from tabgan.privacy.ledger import PrivacyStatement

Status = Literal["good", "attention", "open"]

#: How much worse than its reference a figure may be before it needs attention: 5 points of a percentage,
#: 0.05 of a score or distance.
TOLERANCE = 0.05

#: How far a figure that is held against real rows may be off: one row in a thousand, for these are a sample too. So far
#: may the whole interval of a copy check lie above what is expected.
ROW_TOLERANCE = 0.001

#: Tiers of epsilon: Ponomareva et al. (2023), *How to DP-fy ML*, section 5.
STRONG_EPSILON, REASONABLE_EPSILON = 1.0, 10.0

_ORDER: tuple[Status, ...] = ("attention", "good", "open")

#: Groups of figures that are held against a reference: what they are called, and what is said of either side of it.
_COMPARED: dict[Group, tuple[str, str, str]] = {
    "fidelity": (
        "Fidelity",
        "Near an equally large real holdout",
        "Short of an equally large real holdout",
    ),
    "utility": ("Utility", "Near models trained on real rows", "Short of models trained on real rows"),
    "copies": (
        "Copy checks",
        "No more than expected without copying",
        "More than expected without copying",
    ),
}

#: The same where no real row may have been looked at.
_COMPARED_RELEASED: dict[Group, tuple[str, str, str]] = {
    "fidelity": ("Fidelity", "Near what chance shows", "Further off than chance shows"),
    "utility": ("Utility", "Near what synthetic rows promise", "Short of what synthetic rows promise"),
}


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
    return ">99.9%" if 0.9995 <= part < 1 else f"{100 * part:.1f}%".replace("-", "−")


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


def judge(metric: Metric, epsilon: float | None = None) -> Status | None:
    """Return how a figure compares; ``None`` where there is nothing to compare it with.

    Validity has to be complete, or as good as that of real rows where these fall short. A copy check fails when its
    whole interval lies above what is expected without copying. An attack fails when the whole interval of its risk
    lies above 0, as of one attack in forty by chance, or, where it has no risk, the whole interval of its success above
    what is expected. An audit fails when it finds more than the stated ``epsilon``. Any other figure may be worse than
    its reference by ``TOLERANCE``.
    """
    if metric.value is None:
        return "open"
    if metric.group == "validity":
        complete = 1.0 if metric.reference is None else min(1.0, metric.reference) - ROW_TOLERANCE
        return "good" if metric.value >= complete else "attention"
    is_copy = metric.group == "copies"
    if metric.group == "audit":
        return None if epsilon is None else "attention" if metric.value > epsilon else "good"
    if metric.risk is not None:
        return "attention" if metric.risk.interval.low > (ROW_TOLERANCE if is_copy else 0.0) else "good"
    expected = expected_of(metric)
    if expected is None:
        return None
    if metric.group == "attacks" and metric.interval is not None:
        return "attention" if metric.interval.low > expected else "good"
    if is_copy and metric.interval is not None:
        return "attention" if metric.interval.low > expected + ROW_TOLERANCE else "good"
    behind = expected - metric.value if metric.direction == "higher" else metric.value - expected
    return "attention" if behind > TOLERANCE else "good"


def is_behind(column: ColumnResult) -> bool:
    """Return whether a column is further from the real rows than a holdout is, by more than the tolerance."""
    return column.tvd is not None and column.tvd - (column.reference or 0.0) > TOLERANCE


def find(
    evaluation: Evaluation,
    privacy: PrivacyStatement,
    *,
    bought: PrivacyStatement | None = None,
    is_internal: bool = True,
) -> tuple[Finding, ...]:
    """Return the key findings: what needs attention first, each part in the order of the report.

    Args:
        evaluation: The figures.
        privacy: The statement of the fit.
        bought: The statement of figures that were bought with a budget of their own.
        is_internal: Whether columns were compared with real rows, not with what was released of them.
    """
    found = (
        *_privacy(evaluation, privacy, bought),
        *_validity(evaluation),
        *_compared("fidelity", evaluation, is_internal),
        *_columns(evaluation, is_internal),
        *_compared("utility", evaluation, is_internal),
        *_attacks(evaluation),
        *_compared("copies", evaluation, is_internal),
        *_audit(evaluation, privacy),
        *_not_computed(evaluation),
    )
    return tuple(sorted(found, key=lambda finding: _ORDER.index(finding.status)))


def _privacy(
    evaluation: Evaluation, privacy: PrivacyStatement, bought: PrivacyStatement | None
) -> list[Finding]:
    if not privacy.is_private:
        text = "There is none. Protect the synthetic table and the model as you protect the original rows."
        return [Finding("attention", "Privacy", text)]
    extra = (bought.epsilon or 0.0) if bought is not None else 0.0
    epsilon = (privacy.epsilon or 0.0) + extra
    status: Status = "good" if epsilon <= REASONABLE_EPSILON else "attention"
    tier = (
        f"up to {STRONG_EPSILON:g} is called strong"
        if epsilon <= STRONG_EPSILON
        else f"up to {REASONABLE_EPSILON:g} is called reasonable, up to {STRONG_EPSILON:g} strong"
        if epsilon <= REASONABLE_EPSILON
        else f"above {REASONABLE_EPSILON:g} is called weak"
    )
    with_bought = f", {at_most(extra)} of it for figures of this report" if extra else ""
    found = [
        Finding(
            status, "Privacy", f"Epsilon is {at_most(epsilon)}{with_bought}; {tier} (Ponomareva et al. 2023)."
        )
    ]
    delta = (privacy.delta or 0.0) + ((bought.delta or 0.0) if bought is not None else 0.0)
    if delta * evaluation.n_real >= 1:
        text = f"Delta is {at_most(delta, 3)}; it should be well below one over the number of rows."
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


def _compared(group: Group, evaluation: Evaluation, is_internal: bool) -> list[Finding]:
    """Return one finding for the figures that are near their reference, and one for those that are not."""
    words = _COMPARED if is_internal else _COMPARED | _COMPARED_RELEASED
    subject, is_near, is_not = words[group]
    metrics = evaluation.group(group)
    found = []
    near = [metric for metric in metrics if judge(metric) == "good"]
    behind = [metric for metric in metrics if judge(metric) == "attention"]
    if behind:
        found.append(Finding("attention", subject, f"{is_not}: {_figures(behind)}."))
    if near:
        found.append(Finding("good", subject, f"{is_near}: {_figures(near)}."))
    return found


def _columns(evaluation: Evaluation, is_internal: bool) -> list[Finding]:
    compared = [c for c in evaluation.columns if c.tvd is not None]
    behind = sorted(filter(is_behind, compared), key=lambda c: -(c.tvd or 0.0))
    if behind:
        further = (
            "are further from the real distribution than a holdout is, by more than"
            if is_internal
            else "are further from what was released of them, with noise, than chance allows, by more than"
        )
        text = f"{len(behind)} of {len(compared)} {further} {TOLERANCE:g}."
        return [Finding("attention", "Columns", text, tuple(c.name for c in behind))]
    if not compared:
        return []
    of = "what a real holdout reaches" if is_internal else "what chance allows beside the released ones"
    return [
        Finding("good", "Columns", f"All {len(compared)} distributions are within {TOLERANCE:g} of {of}.")
    ]


def _attacks(evaluation: Evaluation) -> list[Finding]:
    """Return one finding for the attacks that succeed beyond their control, and one for those that do not."""
    attacks = evaluation.group("attacks")
    works = [metric for metric in attacks if judge(metric) == "attention"]
    fails = [metric for metric in attacks if judge(metric) == "good"]
    found = []
    if works:
        text = f"Work better on rows that were learnt from than on others: {_successes(works)}."
        found.append(Finding("attention", "Attacks", f"{text} One attack in forty seems to by chance."))
    if fails:
        text = f"Not shown to work better on rows that were learnt from than on others: {_successes(fails)}."
        found.append(Finding("good", "Attacks", text))
    return found


def _successes(metrics: Sequence[Metric]) -> str:
    return "; ".join(
        f"{m.label} {figure_text(m.value, m.format)}"
        if m.risk is None
        else f"{m.label}, excess risk {percent(m.risk.value)} "
        f"({percent(m.risk.interval.low)} to {percent(m.risk.interval.high)})"
        for m in metrics
    )


def _audit(evaluation: Evaluation, privacy: PrivacyStatement) -> list[Finding]:
    found = []
    for metric in evaluation.group("audit"):
        status = judge(metric, privacy.epsilon)
        if status not in ("good", "attention") or metric.value is None:
            continue
        stands = "above" if status == "attention" else "not above"
        text = f"{metric.label}: {at_least(metric.value, 4)}, {stands} the stated {at_most(privacy.epsilon)}."
        if status == "attention":
            text += " The guarantee as stated does not hold: do not release."
        found.append(Finding(status, "Audit", text))
    return found


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
