"""A data card in Markdown, to accompany the table: a short datasheet and model card.

References:
    Gebru et al. (2021), *Datasheets for Datasets*. Mitchell et al. (2019), *Model Cards for Model Reporting*.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from tabgan._util.printed import at_most
from tabgan.evaluation.catalog import GROUPS
from tabgan.evaluation.result import Metric
from tabgan.report.content import ReportData
from tabgan.report.edition import check_edition, is_refused, words
from tabgan.report.findings import NEAR_RULE, badge, expected_of, figure_text, judged_by, percent
from tabgan.report.text import isolated, short, shown

#: Characters with a meaning in Markdown, or in HTML inside it.
_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&$:=@^\"'])")

#: Classes of characters that change the direction of the text after them, by Unicode's bidirectional algorithm.
_TURNS = {"R", "AL", "AN", "RLE", "RLO", "RLI", "LRE", "LRO", "LRI", "FSI", "PDF", "PDI"}


def to_markdown(data: ReportData) -> str:
    """Return the data card. Names and categories are escaped: they stay text in Markdown and in HTML made of it.

    Raises:
        PrivacyError: a shareable report holds content computed on real rows.
    """
    check_edition(data)
    parts = (_head, _privacy, _composition, _figures, _use, _provenance)
    return "\n\n".join(block for part in parts for block in part(data)) + "\n"


def escaped(text: object, limit: int = 80) -> str:
    r"""Return text escaped for Markdown, in one line.

    >>> print(escaped("[a](b) <b> | *c*"))
    \[a\]\(b\) \<b\> \| \*c\*
    """
    plain = shown(text, limit)
    turns = any(unicodedata.bidirectional(character) in _TURNS for character in plain)
    return _SPECIAL.sub(r"\\\1", isolated(plain) if turns else plain)


def _head(data: ReportData) -> Iterator[str]:
    says = words(data)
    yield f"# Data card: {escaped(data.title)}"
    notice = says.notice.removeprefix(f"{says.mark}: ")
    yield f"> **{says.mark}.** {escaped(notice[0].upper() + notice[1:], 600)}"
    use = (
        "This card states why it is not to be released"
        if is_refused(data)
        else "This card is evidence for the controller's own decision"
    )
    made = (
        "drawn from a model of an original table. Its rows are drawn, not taken; some may coincide with real ones"
        if data.origin == "fit"
        else "made by a generator that this card does not know"
    )
    yield (
        f"A synthetic table of {data.evaluation.n_synthetic:,} rows and {len(data.columns):,} columns, {made}. {use}; "
        "it does not claim compliance with any law."
    )
    stated = (("Made on", data.created), *data.stated.lines)
    yield "\n".join(f"- {label}: {escaped(text, 200) if text else 'not stated'}" for label, text in stated)
    yield f"**Decision.** {_outcome(data)}"
    if data.decision.failed:
        yield "\n".join(f"- {escaped(check.text, 300)}" for check in data.decision.failed)


def _outcome(data: ReportData) -> str:
    if not data.is_internal and data.decision.outcome != "failed":
        kept = "The promises meet the limits that were set for them. " if data.decision.checks else ""
        return f"{kept}You decide if the promise and the releases suffice."
    return {
        "passed": "All limits set in advance are met.",
        "failed": "Limits set in advance are not met: do not release.",
        "open": "No limits were set in advance: a person decides.",
    }[data.decision.outcome]


def _privacy(data: ReportData) -> Iterator[str]:
    yield "## Guarantee"
    privacy = data.privacy
    if data.origin != "fit":
        said = words(data).no_promise
        yield f"**{said.lead}** {said.rest}"
        return
    if data.total is None:
        yield "**None.** The table and the model may give away rows of the original. Handle them like the original."
        return
    epsilon, delta = data.total
    private_metrics = data.private_metrics
    extra = (
        f" Of this epsilon, {short(privacy.epsilon)} is the fit's and {short(private_metrics.epsilon)} that of private "
        "metrics."
        if private_metrics is not None
        else ""
    )
    unit = "row" if privacy.entity is None else f"entity, a value of {escaped(privacy.entity)},"
    yield (
        f"({short(epsilon)}, {at_most(delta, 3)})-differential privacy for one {unit} added or removed.{extra} "
        "It bounds what anybody can learn from the table about a single one, whatever they already know."
    )
    if data.assumptions:
        yield "It holds if:"
        yield "\n".join(f"- {escaped(assumption, 600)}" for assumption in data.assumptions)


def _composition(data: ReportData) -> Iterator[str]:
    yield "## Columns"
    if not data.columns:
        yield "None."
        return
    rows = (
        (
            escaped(card.name),
            card.kind,
            escaped(card.dtype),
            escaped(card.domain),
            "target" if card.is_target else "",
        )
        for card in data.columns
    )
    yield _table(("Column", "Kind", "dtype", "Domain", "Role"), rows)
    if data.privacy.critics:
        yield "## Critics of the targets"
        told = ((escaped(each.column), escaped(each.text, 200)) for each in data.privacy.critics)
        yield _table(("Target", "Critic"), told)
    if data.losses:
        yield "## Values that the synthetic rows lack"
        lost = (
            (
                escaped(loss.column),
                percent(loss.share),
                escaped(loss.text, 300),
            )
            for loss in data.losses
        )
        yield _table(("Column", "Rows (noisy)", "Loss"), lost)
    if data.persons:
        yield "## Values of single persons"
        yield "Many rows hold these values, so they are shown as they are; the guarantee protects rows."
        yield _table(
            ("Column", "Values"), ((escaped(each.column), f"{each.n_values:,}") for each in data.persons)
        )


def _figures(data: ReportData) -> Iterator[str]:
    yield "## Figures"
    evaluation = data.evaluation
    metrics = [metric for group in GROUPS for metric in evaluation.group(group)]
    if not metrics:
        yield "This edition holds no figures."
    else:
        epsilon = data.privacy.epsilon
        rows = ((escaped(m.label), _value(m), _against(m), badge(m, epsilon)[1]) for m in metrics)
        yield _table(("Figure", "Value", "Compared with", "Finding"), rows)
        yield escaped(f"Cells are judged by {judged_by(data.is_internal)}. {NEAR_RULE}", 1_000)
    compared = [card for card in data.worst_first if card.result is not None and card.result.tvd is not None][
        :5
    ]
    if compared:
        of = "the real distribution" if data.is_internal else "the released, noisy distribution"
        named = "; ".join(
            f"{escaped(card.name)} {card.result.tvd:.3f}" for card in compared if card.result is not None
        )
        yield f"Columns furthest from {of}, by total variation distance: {named}."


def _value(metric: Metric) -> str:
    return (
        figure_text(metric.value, metric.format) if metric.is_computed else escaped(metric.reason or "", 120)
    )


def _against(metric: Metric) -> str:
    if metric.risk is not None:
        low, high = metric.risk.interval.low, metric.risk.interval.high
        return f"excess risk {percent(metric.risk.value)} ({percent(low)} to {percent(high)})"
    return figure_text(expected_of(metric), metric.format)


def _use(data: ReportData) -> Iterator[str]:
    yield "## Use"
    yield (
        "**Meant for** exploring data, testing software and training models where the original must not go.\n\n"
        "**Not meant for** decisions about individuals, or for findings about small groups that are not checked "
        "against the original: noise hides patterns that few rows carry."
    )
    yield (
        "**Limits.** Facts that hold for many people stay visible. Rules between columns are checked where given, and "
        "enforced where the schema declares them. Biases of the original carry over, and can grow for small groups."
    )


def _provenance(data: ReportData) -> Iterator[str]:
    yield "## Provenance"
    facts = [("evaluation seed", str(data.evaluation.random_state)), *data.model, *data.versions]
    place = data.privacy.place
    if place is not None:
        facts += [("ledger", place.ledger), ("ledger entry", f"{place.entry}"), ("entry's hash", place.hash)]
    yield _table(("Item", "Value"), ((escaped(key), escaped(value, 200)) for key, value in facts))
    yield "Form: Gebru et al. (2021), Datasheets for Datasets; Mitchell et al. (2019), Model Cards for Model Reporting."


def _table(head: Sequence[str], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
