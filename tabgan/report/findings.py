"""Key findings: figures compared with the scores of real rows in the synthetic table's place.

The thresholds are conventions of this report, not of a law or a standard, and are printed with the findings. The
tolerated distance of a figure from its reference follows from the reference's own spread.

References:
    Snoke, Raab, Nowok, Dibben & Slavkovic (2018), *General and Specific Utility Measures for Synthetic Data*: a figure
    is compared with its distribution under a correct model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tabgan._util.printed import at_least, at_most
from tabgan.evaluation.catalog import GROUPS, FigureFormat, Group, best_of, verdict_of
from tabgan.evaluation.result import ColumnResult, Evaluation, Metric, format_figure
from tabgan.privacy.filter import PrivacyStatement
from tabgan.report.who import LISTED_SHARE, WhoIsMissing, who_is_missing
from tabgan.table.losses import Loss
from tabgan.table.persons import Shown

Status = Literal["good", "attention", "open"]

#: The status of a finding: ``"alarm"`` for people who are missing, or a target that is lost, beyond a limit.
FindingStatus = Literal["alarm", "attention", "good", "open"]

#: A distance without an interval is near its reference up to twice that reference: such distances fall with the square
#: root of the rows, so a real table of a quarter of the rows would show as much by chance.
NEAR_FACTOR = 2.0

#: Or up to this much beyond it, for references close to 0.
NEAR_SLACK = 0.005

#: The rule for near figures, in words.
NEAR_RULE = (
    "Fidelity and utility are compared with their reference, given its spread. A figure is near if it is no worse than "
    "the reference's interval or, where only the figure has an interval, if that reaches the reference. Where neither "
    f"has one, a distance, or the shortfall from 1, must be at most {NEAR_FACTOR:g} times the reference's, which a "
    f"quarter of the rows would show by chance, or lie within {NEAR_SLACK:g} of it; the score of a model, or of "
    f"telling tables apart, must lie within {NEAR_SLACK:g}. Comparing figures with chance follows Snoke et al. (2018); "
    "the numbers are conventions of this report."
)

#: Tolerance of a figure that is compared with real rows: one row in a thousand, because these are a sample, too. The
#: whole interval of a copy check may lie this far above the expected value.
ROW_TOLERANCE = 0.001

#: Figures that a finding lists in the summary.
MAX_BRIEF = 3

#: Share of rows with unreleased values below which it is indistinguishable from noise.
MISSING_SLACK = 0.01

#: Tiers of epsilon: Ponomareva et al. (2023), *How to DP-fy ML*, section 5.
STRONG_EPSILON, REASONABLE_EPSILON = 1.0, 10.0

_ORDER: tuple[FindingStatus, ...] = ("alarm", "attention", "good", "open")


@dataclass(frozen=True)
class Finding:
    """One line of the summary.

    Attributes:
        status: ``"open"`` for figures that could not be computed; ``"alarm"`` beyond a limit.
        subject: Its topic, in a word or two.
        text: The finding, in whole sentences.
        columns: Columns that it names, worst first.
        brief: The same in fewer words, for the summary; empty if ``text`` is short.
    """

    status: FindingStatus
    subject: str
    text: str
    columns: tuple[str, ...] = ()
    brief: str = ""


#: The finding on the privacy of a table of another generator.
_NOT_CLAIMED = Finding(
    "attention",
    "Privacy",
    "No epsilon is claimed for this table, and no guarantee is known. Protect it like the original rows, unless its "
    "generator has a guarantee that you have checked.",
)


def percent(part: float | None) -> str:
    """Return a share as readable text: only 0 and 1 become 0% and 100%; a dash for none.

    >>> percent(0.1234), percent(0.0), percent(0.0001), percent(-0.0001), percent(0.99999), percent(None)
    ('12.3%', '0%', '<0.1%', '>−0.1%', '>99.9%', '–')
    """
    if part is None or not math.isfinite(part):
        return "–"
    if abs(part) < 1e-9 or part == 1:  # the lower end of an interval misses 0 by rounding
        return f"{100 * part:.0f}%"
    if 0 < abs(part) < 0.0005:
        return "<0.1%" if part > 0 else ">−0.1%"
    return ">99.9%" if 0.9995 <= part < 1 else f"{100 * part:.1f}%".replace("-", "−")


def figure_text(value: float | None, format: FigureFormat) -> str:
    """Return a figure as readable text; a dash for none."""
    if value is None or not math.isfinite(value):
        return "–"
    return percent(value) if format == "percent" else format_figure(value, format)


def expected_of(metric: Metric) -> float | None:
    """Return the value that a figure is compared with: its reference, or a best value known without one."""
    if metric.reference is not None and math.isfinite(metric.reference):
        return metric.reference
    return best_of(metric.name)


def judge(metric: Metric, epsilon: float | None = None) -> Status | None:
    """Return the status of a figure; ``None`` if there is nothing to compare it with.

    The catalog names the rule. A share of missing rows must be near its reference, or below ``MISSING_SLACK`` without
    one. Validity must be complete, or as good as that of real rows if these fall short. A copy
    check fails if its whole interval lies above the value expected without copying. An attack fails if the whole
    interval of its risk lies above 0, as for one attack in forty by chance, or, if it has no risk, if the whole
    interval of its success lies above the expected value. An audit fails if it finds more than the stated ``epsilon``.
    Any other figure must be near its reference, by ``NEAR_RULE``.
    """
    if metric.value is None:
        return "open"
    verdict = verdict_of(metric.name, metric.group)
    if verdict == "complete":
        complete = 1.0 if metric.reference is None else min(1.0, metric.reference) - ROW_TOLERANCE
        return "good" if metric.value >= complete else "attention"
    if verdict == "missing":
        limit = MISSING_SLACK if metric.reference is None else _near_limit(metric.reference)
        return "good" if metric.value <= limit + 1e-9 else "attention"
    is_copy = verdict == "copies"
    if verdict == "epsilon":
        return None if epsilon is None else "attention" if metric.value > epsilon else "good"
    if metric.risk is not None:
        return "attention" if metric.risk.interval.low > (ROW_TOLERANCE if is_copy else 0.0) else "good"
    expected = expected_of(metric)
    if expected is None:
        return None
    if verdict == "attack" and metric.interval is not None:
        return "attention" if metric.interval.low > expected else "good"
    if is_copy and metric.interval is not None:
        return "attention" if metric.interval.low > expected + ROW_TOLERANCE else "good"
    return "good" if _is_near(metric, metric.value, expected, verdict == "distance") else "attention"


def badge(metric: Metric, epsilon: float | None = None) -> tuple[Status | None, str]:
    """Return the status of a figure, by :func:`judge`, and the words shown beside it."""
    status = judge(metric, epsilon)
    if status == "good":
        return status, GROUPS[metric.group].badge
    return status, {"attention": "Needs attention", "open": "Not computed", None: "–"}[status]


def _is_near(metric: Metric, value: float, expected: float, is_distance: bool) -> bool:
    """Return True if a figure is as good as its reference, up to the reference's spread: see ``NEAR_RULE``."""
    is_higher = metric.direction == "higher"
    bound = metric.reference_interval
    if bound is not None:
        return value >= bound.low if is_higher else value <= bound.high
    if metric.interval is not None:
        return metric.interval.high >= expected if is_higher else metric.interval.low <= expected
    # A model's score on real rows, or that of guessing, is not a distance that grows with fewer rows.
    best = expected if not is_distance else 1.0 if is_higher else 0.0
    sign = -1 if is_higher else 1
    return sign * (value - best) <= _near_limit(sign * (expected - best)) + 1e-9  # of floats


def _near_limit(distance: float) -> float:
    """Return the largest distance that is near a reference of ``distance``."""
    return max(NEAR_FACTOR * distance, distance + NEAR_SLACK)


def columns_behind(columns: Sequence[ColumnResult]) -> tuple[ColumnResult, ...]:
    """Return the columns that are not near the holdout, or chance, the furthest first.

    A single column's reference is one draw, and sometimes close to 0 by chance: the columns' mean reference may be
    doubled instead if it is larger.
    """
    compared = [column for column in columns if column.tvd is not None]
    references = [column.reference or 0.0 for column in compared]
    mean = math.fsum(references) / len(references) if references else 0.0

    def is_behind(column: ColumnResult) -> bool:
        own = column.reference or 0.0
        return (column.tvd or 0.0) > max(NEAR_FACTOR * mean, _near_limit(own)) + 1e-9

    return tuple(sorted(filter(is_behind, compared), key=lambda column: -(column.tvd or 0.0)))


def find(
    evaluation: Evaluation,
    privacy: PrivacyStatement,
    *,
    private_metrics: PrivacyStatement | None = None,
    is_internal: bool = True,
    losses: Sequence[Loss] = (),
    persons: Sequence[Shown] = (),
    target: str | None = None,
    is_fit: bool = True,
) -> tuple[Finding, ...]:
    """Return the key findings: who is missing, then those that need attention, in the order of the report.

    Args:
        evaluation: The figures.
        privacy: The statement of the fit.
        private_metrics: The statement of private metrics, which have a budget of their own.
        is_internal: True if columns were compared with real rows, not with released statistics.
        losses: Values that no sample of the model shows.
        persons: Values of single persons that samples show.
        target: The column that models predict.
        is_fit: False for a table of another generator, for which nothing is claimed.
    """
    found = (
        *_lost_target(losses, target),
        *_who(evaluation, losses, is_internal),
        *(_privacy(evaluation, privacy, private_metrics) if is_fit else [_NOT_CLAIMED]),
        *_persons(persons),
        *_overlap(evaluation),
        *_validity(evaluation, is_internal),
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
    evaluation: Evaluation, privacy: PrivacyStatement, private_metrics: PrivacyStatement | None
) -> list[Finding]:
    if not privacy.is_private:
        text = "No guarantee. Protect the synthetic table and the model like the original rows."
        return [Finding("attention", "Privacy", text)]
    extra = (private_metrics.epsilon or 0.0) if private_metrics is not None else 0.0
    epsilon = (privacy.epsilon or 0.0) + extra
    status: Status = "good" if epsilon <= REASONABLE_EPSILON else "attention"
    tier = (
        f"up to {STRONG_EPSILON:g} is considered strong"
        if epsilon <= STRONG_EPSILON
        else f"up to {REASONABLE_EPSILON:g} is considered reasonable, up to {STRONG_EPSILON:g} strong"
        if epsilon <= REASONABLE_EPSILON
        else f"above {REASONABLE_EPSILON:g} is considered weak"
    )
    of_it = f", {at_most(extra)} of it for private metrics" if extra else ""
    found = [
        Finding(status, "Privacy", f"Epsilon is {at_most(epsilon)}{of_it}; {tier} (Ponomareva et al. 2023).")
    ]
    delta = privacy.delta or 0.0
    if private_metrics is not None:
        delta += private_metrics.delta or 0.0
    if delta * evaluation.n_real >= 1:
        text = f"Delta is {at_most(delta, 3)}; it should be well below 1 / number of rows."
        found.append(Finding("attention", "Privacy", text))
    return found


def _persons(persons: Sequence[Shown]) -> list[Finding]:
    """Return a finding on values that are of one person each, by the name of their column."""
    if not persons:
        return []
    found = [
        f"{each.n_values:,} value{'' if each.n_values == 1 else 's'} of a column for which a schema would say "
        f"{each.line}"
        for each in persons
    ]
    text = (
        f"Synthetic rows show as they are: {'; '.join(found)}. By its name such a value is of one person, account or "
        "contract, and many rows hold it: the guarantee protects rows, not those who have many. Have the values made "
        "up, drop the column, or declare the entity whose rows belong together."
    )
    n_values = sum(each.n_values for each in persons)
    brief = (
        f"Synthetic rows show {n_values:,} value{'' if n_values == 1 else 's'} that by the name of the column "
        f"{'is' if n_values == 1 else 'are'} of one person, account or contract each: the guarantee protects rows, "
        "and these have many."
    )
    return [Finding("attention", "Persons", text, tuple(each.column for each in persons), brief)]


def _overlap(evaluation: Evaluation) -> list[Finding]:
    if not evaluation.overlap:
        return []
    text = (
        f"{percent(evaluation.overlap)} of its rows are training rows, beyond those that are equal by chance. "
        "References and controls are then too good: hold rows out before the generator is trained."
    )
    return [Finding("attention", "Holdout", text)]


def _lost_target(losses: Sequence[Loss], target: str | None) -> list[Finding]:
    lost = [loss for loss in losses if loss.column == target and loss.is_total]
    if not lost:
        return []
    text = f"Lost: {lost[0].text}. Nothing can be predicted from the synthetic rows."
    return [Finding("alarm", "Target", text, (lost[0].column,))]


def _who(evaluation: Evaluation, losses: Sequence[Loss], is_internal: bool) -> list[Finding]:
    """Return one finding on the people whom the table does not show, or does not serve."""
    who = who_is_missing(evaluation, losses)
    judged = [judge(metric) for metric in evaluation.group("coverage")]
    parts = _told(who, is_internal)
    if not judged and not parts:
        return []
    is_noted = "attention" in judged or bool(losses or who.empty or who.impossible or who.groups)
    status: FindingStatus = "alarm" if who.is_red else "attention" if is_noted else "good"
    if status == "good" and not any(each == "good" for each in judged):
        return []
    return [Finding(status, GROUPS["coverage"].subject, " ".join(parts), who.names if is_noted else ())]


def _told(who: WhoIsMissing, is_internal: bool) -> list[str]:
    """Return sentences on those who are missing, without a name."""
    parts = []
    if who.rows is not None and is_internal:
        beside = f" (a real holdout in its place: {percent(who.rows.reference)})"
        text = f"{percent(who.rows.value)} of the real rows hold a value that no synthetic row shows{beside}"
        n = sum((column.share or 0.0) >= LISTED_SHARE for column in who.columns)
        parts.append(f"{text}, in {counted(n, 'column')}." if n else f"{text}.")
    elif who.rows is not None and any(column.share is not None for column in who.columns):
        most = f" to {percent(who.up_to)}" if who.up_to > (who.rows.value or 0.0) else ""
        text = f"About {percent(who.rows.value)}{most} of the rows, by noisy shares, hold a value that was not released"
        parts.append(f"{text}, in {counted(len(who.columns), 'column')}.")
    elif who.rows is not None and not who.columns:
        parts.append("The released values cover nearly all rows.")
    elif who.columns:
        parts.append(
            f"The noise hides values of {counted(len(who.columns), 'column')}; no share of rows is known."
        )
    if who.ends:
        parts.append(
            f"Ranges or categories of {counted(len(who.ends), 'column')} may go on beyond what the noise shows."
        )
    if who.unrelated:
        parts.append("Rows that share a key are no more related than others.")
    if who.empty:
        parts.append(f"{counted(len(who.empty), 'column')} without a value in any synthetic row.")
    if who.impossible:
        worst = percent(who.impossible[0][1])
        parts.append(
            f"{counted(len(who.impossible), 'column')} with impossible values, up to {worst} of the cells."
        )
    if who.groups:
        parts.append(
            f"Utility falls further for {len(who.groups)} of {who.n_groups} groups than for all rows."
        )
    return parts


def counted(n: int, noun: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "column"), counted(2, "column")
    ('1 column', '2 columns')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _validity(evaluation: Evaluation, is_internal: bool) -> list[Finding]:
    judged, by = evaluation.group("validity"), judged_by(is_internal)
    short = [metric for metric in judged if judge(metric) == "attention"]
    broken = sorted((c for c in evaluation.columns if not c.valid >= 1), key=lambda c: c.valid)
    if short or broken:
        shares = "; ".join(f"{m.label}: {figure_text(m.value, m.format)}" for m in short)
        text = f"{shares or 'Some cells are not valid'}. Expected: 100%. Judged by {by}."
        return [Finding("attention", "Validity", text, tuple(c.name for c in broken))]
    if not any(judge(metric) == "good" for metric in judged):
        return []
    return [Finding("good", "Validity", f"100% wherever measured. Judged by {by}.")]


def judged_by(is_internal: bool) -> str:
    """Return the standard that cells are judged by, in words, as each edition has it."""
    if is_internal:
        return "the declaration of each column, and where there is none by the real rows and the holdout"
    return "the completed schema: declared by a person, or released with noise"


def _compared(group: Group, evaluation: Evaluation, is_internal: bool) -> list[Finding]:
    """Return one finding for the figures near their reference, and one for the others."""
    subject, (is_near, is_not) = GROUPS[group].subject, GROUPS[group].words(is_internal)
    metrics = evaluation.group(group)
    found = []
    near = [metric for metric in metrics if judge(metric) == "good"]
    behind = [metric for metric in metrics if judge(metric) == "attention"]
    if behind:
        found.append(
            Finding("attention", subject, f"{is_not}: {_figures(behind)}.", (), _brief(is_not, behind))
        )
    if near:
        found.append(Finding("good", subject, f"{is_near}: {_figures(near)}.", (), _brief(is_near, near)))
    return found


def _brief(words: str, metrics: Sequence[Metric]) -> str:
    more = len(metrics) - MAX_BRIEF
    return f"{words}: {_figures(metrics[:MAX_BRIEF])}{f'; and {more} more' if more > 0 else ''}."


def _columns(evaluation: Evaluation, is_internal: bool) -> list[Finding]:
    compared = [c for c in evaluation.columns if c.tvd is not None]
    behind = columns_behind(compared)
    what = "the real distribution" if is_internal else "the released, noisy distribution"
    other = "the holdout is" if is_internal else "chance explains"
    far = f"{NEAR_FACTOR:g} times as far from {what} as {other}, for the column or on average"
    if behind:
        text = f"{len(behind)} of {len(compared)} are more than {far}."
        return [Finding("attention", "Columns", text, tuple(c.name for c in behind))]
    if not compared:
        return []
    return [
        Finding("good", "Columns", f"All {len(compared)} are at most {far}, or within {NEAR_SLACK:g} of it.")
    ]


def _attacks(evaluation: Evaluation) -> list[Finding]:
    """Return one finding for the attacks that succeed beyond their control, and one for the others."""
    attacks = evaluation.group("attacks")
    works = [metric for metric in attacks if judge(metric) == "attention"]
    fails = [metric for metric in attacks if judge(metric) == "good"]
    found = []
    if works:
        text = f"{GROUPS['attacks'].behind}: {_successes(works)}."
        found.append(
            Finding("attention", GROUPS["attacks"].subject, f"{text} One attack in forty does so by chance.")
        )
    if fails:
        text = f"{GROUPS['attacks'].near}: {_successes(fails)}."
        most = max(fails, key=lambda m: -1.0 if m.risk is None else m.risk.value)
        brief = (
            f"{GROUPS['attacks'].near}: {counted(len(fails), 'figure')}; the largest is {_successes([most])}."
        )
        found.append(Finding("good", GROUPS["attacks"].subject, text, (), brief))
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
            text += " The stated guarantee does not hold: do not release."
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
