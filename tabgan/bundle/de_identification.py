"""The de-identification statement: a form for the controller, filled in as far as guarantee and attacks say.

The form never decides for the controller: it gives evidence, and leaves blank what only a person can state.

References:
    Article 29 Working Party (2014), *Opinion 05/2014*, on singling out, linkability and inference.
    Kasiviswanathan & Smith (2014), *On the 'Semantics' of Differential Privacy: A Bayesian Formulation*.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from tabgan._util.printed import at_most
from tabgan.bundle.contents import Contents
from tabgan.bundle.dp_statement import mechanisms_of, not_covered, parts_of
from tabgan.bundle.wording import worded
from tabgan.evaluation.result import Metric
from tabgan.privacy.ledger.summary import LedgerSummary

_BLANK = "______________________________"

#: Note in the edition with figures on real rows.
INTERNAL_NOTE = (
    "> **INTERNAL.** This edition holds figures of attacks on real rows, which no epsilon covers. It must not "
    "leave the "
    "organisation with the data; the edition in the release has none of them."
)


def de_identification_of(
    contents: Contents, attacks: Sequence[Metric] | None = None, all_fits: LedgerSummary | None = None
) -> str:
    """Return the statement in Markdown.

    Args:
        contents: The bundle's contents.
        attacks: Figures of attacks on real rows, for the edition that stays in the organisation; ``None`` for the one
            that goes out.
        all_fits: Totals of the dataset's ledger, for that edition too; ``None`` if there is none.
    """
    parts = [
        f"# De-identification statement: {worded(contents.title, 200)}",
        *([] if attacks is None else [INTERNAL_NOTE]),
        "The controller completes and signs this form. The program that made the table has filled in what its "
        "guarantee "
        "says. It takes no position on the legal status of the table: that is the controller's decision.",
        *_release(contents),
        *_guarantee(contents),
        *([] if all_fits is None else [_all_fits(all_fits)]),
        *_attacks(attacks, contents),
        *_means(contents),
        *_decision(contents),
    ]
    return "\n\n".join(parts) + "\n"


def _rows(rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join(
        ["| Item | Statement |", "| --- | --- |", *(f"| {item} | {text} |" for item, text in rows)]
    )


def _told(text: str | None) -> str:
    return _BLANK if text is None else worded(text, 1_000)


def _release(contents: Contents) -> list[str]:
    terms = contents.terms
    return [
        "## 1. The release",
        _rows(
            (
                ("Controller", _told(terms.controller)),
                ("Contact", _told(terms.contact)),
                ("Source of the original", _told(terms.source)),
                ("Recipient", _told(terms.recipient)),
                ("Purpose", _told(terms.purpose)),
                (
                    "Released",
                    f"{contents.n_rows:,} synthetic rows, {len(contents.fields)} columns, and a model of them",
                ),
                ("Date", _told(contents.created)),
                ("Software", worded(contents.software)),
            )
        ),
    ]


def _guarantee(contents: Contents) -> list[str]:
    """Return the section on the guarantee, in bounds on what anybody can learn about one unit."""
    epsilon, delta = contents.total
    unit = worded(contents.privacy.unit.name)
    odds = "\n".join(
        f"- believed before with {each.before:.0%}: afterwards between {each.at_least:.1%} and {each.at_most:.1%}"
        for each in contents.report.odds
    )
    parts = "; ".join(f"{what} {each.epsilon:g}" for what, each in parts_of(contents))
    mechanisms = ", ".join(
        f"{each['name']} ({each['releases']})"
        for each in mechanisms_of(release for _, privacy in parts_of(contents) for release in privacy.entries)
    )
    return [
        "## 2. What the guarantee says",
        f"({epsilon:g}, {delta:g})-differential privacy for one {unit} added or removed. Epsilon by part: {parts}. "
        f"Mechanisms, with the number of their releases: {worded(mechanisms, 400)}.",
        "Whatever an attacker knows already, and whatever means they have, the release changes what they may "
        "believe about "
        f"one {unit} by no more than the following, but for a small probability, which delta ({delta:g}) limits in its "
        "order of magnitude only:",
        odds,
        f"An attacker who guesses if one {unit} is among the originals, with even odds, is right in at most "
        f"{_best_guess(epsilon, delta):.1%} of cases; without the release, in 50%.",
        "It holds if:",
        "\n".join(f"- {worded(assumption, 600)}" for assumption in contents.report.assumptions),
        "It does not cover:",
        "\n".join(f"- {worded(each, 600)}" for each in not_covered(contents)),
    ]


def _all_fits(ledger: LedgerSummary) -> str:
    """Return a sentence on everything that was ever released from the original, by its ledger."""
    epsilon, delta = (math.fsum(getattr(fit, name) for fit in ledger.fits) for name in ("epsilon", "delta"))
    cap = "" if ledger.epsilon_cap is None else f"; its cap is {ledger.epsilon_cap:g}"
    return (
        f"By the ledger of the original, its {len(ledger.fits)} entries (fits and private metrics) promise epsilon "
        f"{at_most(epsilon)} at delta {at_most(delta)} together, and spent {at_most(ledger.epsilon_spent)}{cap}. "
        f"Whoever has every release is right in at most {_best_guess(epsilon, min(delta, 1.0)):.1%} of cases."
    )


def _best_guess(epsilon: float, delta: float) -> float:
    """Return the most frequent success of a guess on one unit's presence, at even odds.

    References:
        Kairouz, Oh & Viswanath (2015), *The Composition Theorem for Differential Privacy*, on the regions of tests.
    """
    grown = math.exp(min(epsilon, 700.0))
    return min((grown + delta) / (1.0 + grown), 1.0)


def _attacks(attacks: Sequence[Metric] | None, contents: Contents) -> list[str]:
    """Return the section on attacks: their figures in the internal edition, and their place elsewhere."""
    head = "## 3. What attacks say"
    audits = [metric for metric in contents.report.evaluation.metrics if metric.name == "audit_bound"]
    audit = [
        f"An audit of the installation on a made-up table: {worded(metric.label)} {metric.text}, against the claimed "
        f"epsilon of {contents.privacy.epsilon:g}. It can disprove a claim, and proves none."
        for metric in audits
        if metric.is_computed
    ]
    if attacks is None:
        return [
            head,
            "Attacks on the table (singling out, linkability, inference, membership) compare real rows with synthetic "
            "ones. Their figures are not covered by epsilon, so they stay with the controller, in the internal "
            "edition of this form and of the report. Section 2 bounds every attack, also those that nobody has tried.",
            *audit,
        ]
    shown = [(worded(metric.label), _risk(metric)) for metric in attacks]
    return [head, _rows(shown) if shown else "No attack was run.", *audit]


def _risk(metric: Metric) -> str:
    if not metric.is_computed:
        return f"not computed: {worded(metric.reason or '', 200)}"
    if metric.risk is None:
        return worded(metric.text)
    low, high = metric.risk.interval.low, metric.risk.interval.high
    return f"{worded(metric.text)}; beyond its control {metric.risk.value:.1%} ({low:.1%} to {high:.1%})"


def _means(contents: Contents) -> list[str]:
    return [
        "## 4. Means reasonably likely to be used",
        "By the controller, the recipient or anybody else: other tables with the same people, knowledge of "
        "neighbours or "
        "colleagues, computing power, the released model, which answers any number of questions.",
        f"Statement of the controller: {_told(contents.terms.means)}",
        "Singling out, linking and inferring are each to be considered with these means. Facts about a group may be "
        "inferred for its members even if none of them is among the originals; no epsilon changes that.",
    ]


def _decision(contents: Contents) -> list[str]:
    return [
        "## 5. Decision and review",
        _rows(
            (
                ("Safeguards for the recipient (contract, access, retention)", _BLANK),
                ("Decision, with reasons", _BLANK),
                ("Next review", _told(contents.terms.review_date)),
                (
                    "Events that bring it forward",
                    "another release from the same original; a new source that can be linked",
                ),
                ("Name, role, date, signature", _BLANK),
            )
        ),
    ]
