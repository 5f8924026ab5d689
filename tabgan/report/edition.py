"""Differences between the two editions: their words, and a guard on the content of the shareable one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tabgan._util.printed import at_most
from tabgan.errors import PrivacyError
from tabgan.report.content import ColumnCard, ReportData
from tabgan.report.figures.overlays import Bars, Counts, Histogram
from tabgan.report.text import short, shown

NOTICE = (
    "INTERNAL: computed on real rows, outside the privacy guarantee. Do not pass on with the synthetic table."
)

#: Addition to the notice of a fit without privacy.
NO_PRIVACY = (
    "NO PRIVACY GUARANTEE: the synthetic table and the model may give away rows of the original table."
)

#: Addition to the notice of a table of another generator.
NOT_CLAIMED = (
    "NO PRIVACY GUARANTEE IS KNOWN: no epsilon is claimed for this table, and it may give away rows of the original "
    "table."
)


@dataclass(frozen=True)
class NoPromise:
    """Words of a report on a table without a guarantee.

    Attributes:
        title: The alarm's heading.
        text: The alarm.
        tile: The line under the tile of privacy.
        lead: The first words of the section on privacy.
        rest: The rest of its first paragraph.
    """

    title: str
    text: str
    tile: str
    lead: str
    rest: str


#: Words of a fit with epsilon=None.
_SWITCHED_OFF = NoPromise(
    title="NO PRIVACY GUARANTEE",
    text="This model was fitted with epsilon: null. The synthetic table and the model may give away rows of the "
    "original table. Handle them like the original.",
    tile="epsilon: null",
    lead="This fit gives no privacy guarantee.",
    rest="It was run with epsilon: null, without noise. The model may have memorised rows, and the synthetic table may "
    "repeat them. No figure in this report changes that, least of all the copy checks.",
)

#: Words of a table of another generator.
_UNKNOWN = NoPromise(
    title="NO PRIVACY GUARANTEE IS KNOWN",
    text="No epsilon is claimed for this table: the report knows the table alone, not the way in which it was made. "
    "Figures and attacks can show faults; they cannot show that people are protected.",
    tile="no epsilon is claimed",
    lead="No privacy guarantee is known for this table, and no epsilon is claimed.",
    rest="The report knows the table alone, not the generator that made it. If that is differentially private, its own "
    "documents say so, and must be believed or checked there. Attacks that fail here do not prove that others fail, "
    "least of all the copy checks.",
)


@dataclass(frozen=True)
class Words:
    """Words of an edition.

    Attributes:
        mark: The mark in the band, beside every heading and on top of every printed page.
        name: The edition's name in a sentence.
        notice: The whole warning or promise.
        band: The text after the mark, in the band on the screen.
        header: The running header of print.
        footer: The running footer of print.
        real: The name of the original's series in legends and tables.
        real_short: A shorter name, for narrow places.
        real_of: The name in a sentence: "share of ...".
    """

    mark: str
    name: str
    notice: str
    band: str
    header: str
    footer: str
    real: str
    real_short: str
    real_of: str
    no_promise: NoPromise = _SWITCHED_OFF


#: Addition to the notice of a report whose gate refuses the release.
REFUSED = "REFUSED: limits set in advance are not met. Do not release."


def words(data: ReportData) -> Words:
    """Return the words of a report's edition."""
    spoken = _internal(data) if data.is_internal else _shareable(data)
    return replace(spoken, notice=f"{spoken.notice} {REFUSED}") if is_refused(data) else spoken


def is_refused(data: ReportData) -> bool:
    """Return True if limits set in advance are not met: the release is then refused without a person's decision."""
    return data.decision.outcome == "failed"


def _internal(data: ReportData) -> Words:
    is_private, is_fit = data.privacy.is_private, data.origin == "fit"
    band = (
        "Computed on real rows, outside the privacy guarantee."
        if is_private
        else "Computed on real rows. The fit has NO PRIVACY GUARANTEE."
        if is_fit
        else "Computed on real rows. The table has NO KNOWN PRIVACY GUARANTEE."
    )
    lacks = "outside the privacy guarantee" if is_private else "NO PRIVACY GUARANTEE"
    return Words(
        mark="INTERNAL",
        name="internal edition",
        notice=NOTICE if is_private else f"{NOTICE} {NO_PRIVACY if is_fit else NOT_CLAIMED}",
        band=band,
        header=f"INTERNAL – computed on real rows, {lacks}",
        footer="INTERNAL – do not pass on with the synthetic table",
        real="Real",
        real_short="Real",
        real_of="real rows",
        no_promise=_SWITCHED_OFF if is_fit else _UNKNOWN,
    )


def _shareable(data: ReportData) -> Words:
    epsilon, delta = data.total or (None, None)
    cover = f"epsilon {short(epsilon)}" + ("" if delta is None else f", delta {at_most(delta, 3)}")
    holds = "derived only from DP releases and the synthetic table"
    return Words(
        mark="SHAREABLE",
        name="shareable edition",
        notice=f"SHAREABLE: {holds}; covered by {cover}.",
        band=f"{holds[0].upper()}{holds[1:]}; covered by {cover}.",
        header=f"SHAREABLE – {holds}",
        footer=f"SHAREABLE – covered by {cover}",
        real="Released (noisy)",
        real_short="Released",
        real_of="released, noisy counts",
    )


def check_edition(data: ReportData) -> None:
    """Refuse a report with content that its edition may not hold.

    **Guarantee.** The last check before a shareable report is rendered. The data's builder is responsible for the
    claim that its values were released; this function checks the data's form. A figure must be marked as shareable;
    comparisons with holdout rows and pictures drawn from rows are refused.

    Raises:
        PrivacyError: listing everything that must not go out. Nothing is left out silently: such data is a mistake
            of its builder.
    """
    if data.is_internal:
        return
    found = list(_private_parts(data))
    if found:
        raise PrivacyError(
            f"report: the shareable edition holds content computed on real rows: {'; '.join(found)}. "
            "Leave it out, or write the internal edition."
        )


def _private_parts(data: ReportData) -> Iterator[str]:
    evaluation, pictures = data.evaluation, data.evaluation.pictures
    if not data.privacy.is_private or data.total is None:
        yield "a fit without privacy"
    for metric in evaluation.metrics:
        if not metric.is_shareable:
            yield f"the figure {metric.name!r}"
    if evaluation.n_holdout:
        yield "a number of holdout rows"
    if evaluation.subgroups:
        yield "figures of subgroups"
    if evaluation.unshown:
        yield "names of values that were not released"
    if data.pairs:
        yield "joint counts of real rows"
    for name in ("correlations", "calibration", "projection", "distances", "membership"):
        if getattr(pictures, name) is not None:
            yield f"the picture {name!r}"
    for check in data.decision.checks:
        if check.name not in ("epsilon", "delta", "audit"):
            yield f"the gate's check of {check.name!r}"
    for card in data.columns:
        if _is_private(card):
            yield f"figures of holdout rows of the column {shown(card.name)!r}"


def _is_private(card: ColumnCard) -> bool:
    was_told_apart = card.result is not None and card.result.giveaway is not None
    return was_told_apart or any(counts.holdout for counts in _counts(card))


def _counts(card: ColumnCard) -> Iterator[Counts]:
    overlay = card.overlay
    if isinstance(overlay, Histogram):
        yield from (one.counts for one in overlay.bins)
        yield from (overlay.missing, overlay.unreadable)
    elif isinstance(overlay, Bars):
        yield from (bar.counts for bar in overlay.bars)
        yield from (overlay.others, overlay.outside, overlay.missing)
