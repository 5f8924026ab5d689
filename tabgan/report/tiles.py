"""The four tiles of the summary: privacy, fidelity, utility and attacks, each as value, reference and bar."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tabgan._util.printed import at_most
from tabgan.evaluation.catalog import Group
from tabgan.evaluation.result import Evaluation, Metric
from tabgan.report.content import ReportData
from tabgan.report.findings import (
    REASONABLE_EPSILON,
    STRONG_EPSILON,
    FindingStatus,
    expected_of,
    figure_text,
    judge,
    percent,
)
from tabgan.report.text import short

#: Ends of the bar of epsilon, which is logarithmic.
LEAST_EPSILON, LARGEST_EPSILON = 0.1, 100.0

_NOT_HERE = "Attacks need real rows, so they are not in this edition."


@dataclass(frozen=True)
class TileBar:
    """A value and its reference on a line, in percent of its length.

    Attributes:
        value: The value's place; the line is filled up to it.
        reference: The place of the mark; ``None`` for none.
        low: Start of the interval; ``None`` for none.
        high: Its end.
        ticks: Further marks.
    """

    value: float
    reference: float | None = None
    low: float | None = None
    high: float | None = None
    ticks: tuple[float, ...] = ()


@dataclass(frozen=True)
class TileRow:
    """A further figure of a tile: its label, value, reference and bar."""

    label: str
    value: str
    reference: str
    status: FindingStatus | None = None
    bar: TileBar | None = None


@dataclass(frozen=True)
class Tile:
    """One of the four.

    Attributes:
        title: Its heading.
        section: Anchor of the section with all its figures.
        status: The worst status of its figures; ``None`` if there is nothing to compare with.
        value: The figure that stands for them.
        label: Its name.
        beside: Its reference, in words.
        bar: Its bar.
        rows: Further figures.
        absent: The reason why it is empty; ``None`` if it is not.
    """

    title: str
    section: str
    status: FindingStatus | None = None
    value: str = "–"
    label: str = ""
    beside: str = ""
    bar: TileBar | None = None
    rows: tuple[TileRow, ...] = ()
    absent: str | None = None


def tiles(data: ReportData) -> tuple[Tile, ...]:
    """Return the four tiles of a report."""
    return _privacy(data), _fidelity(data), _utility(data), _attacks(data)


def _privacy(data: ReportData) -> Tile:
    tile = Tile("Privacy", "privacy")
    if data.total is None or not data.privacy.is_private:
        beside = "Nothing bounds what the table gives away."
        return replace(tile, status="alarm", value="none", label="no guarantee", beside=beside)
    epsilon, delta = data.total
    status: FindingStatus = "good" if epsilon <= REASONABLE_EPSILON else "attention"
    audits = [metric for metric in data.evaluation.group("audit") if metric.is_computed]
    rows = [
        TileRow("Delta", at_most(delta, 3), ""),
        TileRow("Odds change at most", f"× {short(math.exp(min(epsilon, 700.0)))}", ""),
    ]
    rows += [
        TileRow(
            f"Belief of {row.before:.0%} becomes",
            f"≤ {percent(row.at_most)}",
            "",
            bar=TileBar(_place(row.at_most), _place(row.before)),
        )
        for row in data.odds
        if row.before == 0.5
    ]
    rows += [
        TileRow("Shown by an audit", f"≥ {short(metric.value)}", "", judge(metric, data.privacy.epsilon))
        for metric in audits
    ]
    return replace(
        tile,
        status="alarm" if any(row.status == "attention" for row in rows) else status,
        value=f"ε {short(epsilon)}",
        label=f"bounds what one {data.privacy.privacy_unit} can change",
        beside=f"up to {STRONG_EPSILON:g} strong, up to {REASONABLE_EPSILON:g} reasonable",
        bar=TileBar(_log_place(epsilon), ticks=(_log_place(STRONG_EPSILON), _log_place(REASONABLE_EPSILON))),
        rows=(*rows, *_spent(data)),
    )


def _spent(data: ReportData) -> tuple[TileRow, ...]:
    """Return the parts of the total, or the part that was used."""
    if data.private_metrics is not None:
        of_fit, extra = short(data.privacy.epsilon), short(data.private_metrics.epsilon)
        return (TileRow("Of ε, for the fit", of_fit, ""), TileRow("Of ε, for private metrics", extra, ""))
    return (TileRow("Of ε, spent", short(data.privacy.epsilon_spent), ""),)


#: Figures of fidelity by edition: the first that was computed stands on top, the others below it.
_SHOWN_FIDELITY = {
    True: (("tvd2", "Pairs of columns alike"), ("tvd1", "Single columns"), ("tvd3", "Triples of columns")),
    False: (
        ("tvd2_private", "Pairs of columns alike"),
        ("tvd1_released", "Single columns alike"),
        ("tvd1_private", "Single columns, measured"),
        ("tvd3_private", "Triples of columns"),
    ),
}


def _fidelity(data: ReportData) -> Tile:
    evaluation, is_internal = data.evaluation, data.is_internal
    tile = Tile("Fidelity", "fidelity", _worst(evaluation, "fidelity"))
    found = [(m, label) for name, label in _SHOWN_FIDELITY[is_internal] if (m := _computed(evaluation, name))]
    if not found:
        return replace(tile, absent="Nothing was measured here.")
    (first, label), *others = found
    rows = [_alike(metric, label) for metric, label in others]
    rows += [
        _row(metric, label)
        for name, label in (("c2st", "Told from real (0.5: never)"), ("rare_categories", "Rare categories kept"))
        if (metric := _computed(evaluation, name))
    ]  # fmt: skip
    top = _alike(first, label)
    return replace(
        tile,
        value=top.value,
        label=label.lower(),
        beside=f"{'a real holdout' if is_internal else 'two samples, by chance'}: {top.reference}",
        bar=top.bar,
        rows=tuple(rows),
    )


def _utility(data: ReportData) -> Tile:
    evaluation = data.evaluation
    tile = Tile("Utility", "utility", _worst(evaluation, "utility"))
    names = ("tstr", "tstr_linear") if data.is_internal else ("accuracy_private",)
    found = [metric for name in names if (metric := _computed(evaluation, name))]
    if not found:
        return replace(tile, absent=_why_no_utility(data))
    first, *others = found
    score = "R²" if "R2" in first.label else "accuracy" if first.format == "percent" else "ROC AUC"
    reference = figure_text(expected_of(first), first.format)
    rows = [_row(metric, "Linear models") for metric in others]
    majority, group = _computed(evaluation, "majority_private"), _computed(evaluation, "tstr_subgroups")
    rows += [] if majority is None else [_row(majority, "Always the most frequent class")]
    rows += [] if group is None else [replace(_row(group, "Largest loss of a group"), bar=None)]
    who = data.who
    if who.n_groups:
        status: FindingStatus = "attention" if who.groups else "good"
        rows.append(
            TileRow("Groups that lose more than all rows", f"{len(who.groups)}", f"of {who.n_groups}", status)
        )
    return replace(
        tile,
        value=figure_text(first.value, first.format),
        label=f"{score} of models trained on synthetic rows",
        beside=f"{'trained on real rows' if data.is_internal else 'on unseen synthetic rows'}: {reference}",
        bar=_bar(first),
        rows=tuple(rows),
    )


def _why_no_utility(data: ReportData) -> str:
    if not data.is_internal and data.private_metrics is None:
        return "Not measured: private metrics, which cost epsilon, would hold the score of a model."
    name = "tstr" if data.is_internal else "accuracy_private"
    metric = next((each for each in data.evaluation.metrics if each.name == name), None)
    if metric is None or metric.reason is None:
        return "Nothing was measured here."
    return f"Not computed: {metric.reason}."


_SHOWN_ATTACKS = (
    ("singling_out", "Singling out"),
    ("linkability", "Linkability"),
    ("inference", "Inference, closest"),
    ("attribute_inference", "Inference, model"),
    ("membership_auc", "Membership"),
)

#: Labels of further attacks, where those of the catalogue are long.
_SHORT = {"membership_tpr_1": "Membership, 1% FPR", "membership_tpr_01": "Membership, 0.1% FPR"}


def _attacks(data: ReportData) -> Tile:
    evaluation = data.evaluation
    status = _worst(evaluation, "attacks", "copies")
    tile = Tile("Attacks", "attacks", status)
    risks = [
        (metric, label) for name, label in _SHOWN_ATTACKS if (metric := _computed(evaluation, name)) and metric.risk
    ]  # fmt: skip
    if not risks:
        bounded = "" if data.total is None else " The guarantee bounds every attack, known or not."
        return replace(
            tile, absent=(_NOT_HERE if not data.is_internal else "No attack has a figure.") + bounded
        )
    worst = max(metric.risk.interval.high for metric, _ in risks if metric.risk is not None)
    likely = max(metric.risk.value for metric, _ in risks if metric.risk is not None)
    rows = [_risk_row(metric, label) for metric, label in risks]
    copies = _computed(evaluation, "exact_copies")
    rows += [] if copies is None else [_row(copies, "Exact copies")]
    named = {"exact_copies", *(name for name, _ in _SHOWN_ATTACKS)}
    others = [m for m in (*evaluation.group("attacks"), *evaluation.group("copies")) if m.name not in named]
    behind = [metric for metric in others if judge(metric) == "attention"]
    rows += [_risk_row(metric, _SHORT.get(metric.name, metric.label)) for metric in behind]
    return replace(
        tile,
        value=percent(max(likely, 0.0)),
        label="largest excess risk of five attacks"
        if len(risks) == 5
        else "largest excess risk of an attack",
        beside=f"no excess: 0%; with 95% confidence at most {percent(max(worst, 0.0))}",
        bar=TileBar(_place(likely), 0.0, 0.0, _place(worst)),
        rows=tuple(rows),
    )


def _computed(evaluation: Evaluation, name: str) -> Metric | None:
    return next((each for each in evaluation.metrics if each.name == name and each.is_computed), None)


def _worst(evaluation: Evaluation, *groups: Group) -> FindingStatus | None:
    judged = {judge(metric) for group in groups for metric in evaluation.group(group)}
    order: Sequence[FindingStatus] = ("attention", "good")
    return next((status for status in order if status in judged), None)


def _alike(metric: Metric, label: str) -> TileRow:
    """Return a distance as closeness: 1 minus it."""
    value, expected = 1.0 - (metric.value or 0.0), expected_of(metric)
    near = None if expected is None else 1.0 - expected
    bar = TileBar(_place(value), None if near is None else _place(near))
    return TileRow(label, percent(value), percent(near), judge(metric), bar)


def _row(metric: Metric, label: str) -> TileRow:
    reference = figure_text(expected_of(metric), metric.format)
    return TileRow(label, figure_text(metric.value, metric.format), reference, judge(metric), _bar(metric))


def _risk_row(metric: Metric, label: str) -> TileRow:
    risk = metric.risk
    if risk is None:
        return _row(metric, label)
    low, high = (_place(max(end, 0.0)) for end in (risk.interval.low, risk.interval.high))
    bar = TileBar(_place(risk.value), None, low, high)
    return TileRow(label, percent(risk.value), f"≤ {percent(risk.interval.high)}", judge(metric), bar)


def _bar(metric: Metric) -> TileBar | None:
    if metric.value is None or not 0 <= metric.value <= 1:
        return None
    expected = expected_of(metric)
    interval = metric.interval
    return TileBar(
        _place(metric.value),
        None if expected is None else _place(expected),
        None if interval is None else _place(interval.low),
        None if interval is None else _place(interval.high),
    )


def _place(part: float) -> float:
    return round(100 * min(max(part, 0.0), 1.0), 2)


def _log_place(epsilon: float) -> float:
    span = math.log10(LARGEST_EPSILON / LEAST_EPSILON)
    return _place(math.log10(max(epsilon, LEAST_EPSILON) / LEAST_EPSILON) / span)
