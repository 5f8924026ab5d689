"""The data step: the whole content of the report, as typed plain data.

Nothing is measured here. Figures come from the evaluation, the guarantee from the ledger; this module adds the counts
behind the overlays, sums of the ledger's lines and the arithmetic of the odds table.
"""

from __future__ import annotations

import datetime as dt
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from importlib import metadata
from typing import TYPE_CHECKING, Literal

import pandas as pd

from tabgan._util.validate import nearest
from tabgan.errors import ConfigError, DataError, PrivacyError
from tabgan.evaluation.gate import NO_GATE, Decision
from tabgan.evaluation.result import ColumnResult, Evaluation
from tabgan.privacy.filter import UNTOLD_PLACE, PrivacyStatement
from tabgan.privacy.spending import LedgerGroup, group_ledger
from tabgan.report.figures.overlays import Overlay, overlay, scaled
from tabgan.report.figures.pairs import PairPicture, pair_pictures
from tabgan.report.findings import Finding, find
from tabgan.report.who import WhoIsMissing, who_is_missing
from tabgan.schema import Schema
from tabgan.table.losses import Loss
from tabgan.table.persons import Shown

if TYPE_CHECKING:
    from tabgan.audit.outcome import AuditResult

Edition = Literal["internal", "shareable"]

#: Origins of a synthetic table: a fit, whose statement says what it promises; or any other generator, of which nothing
#: is claimed.
Origin = Literal["fit", "other"]

#: Beliefs before seeing the table, for the odds table.
PRIORS = (0.1, 0.5, 0.9)

#: The shareable edition's assumption beyond those of the fit.
SAMPLE_FACT = (
    "The synthetic table is a sample of the model; after looking at real rows, nothing in it was removed or "
    "changed."
)

#: Packages whose version the report names, when they are installed.
PACKAGES = ("dp-accounting", "numpy", "opacus", "opendp", "pandas", "scikit-learn", "torch")


@dataclass(frozen=True)
class Odds:
    """Bounds on an attacker's belief that someone is in the table.

    Attributes:
        before: The belief before the release.
        at_least: The smallest belief after it.
        at_most: The largest belief after it.
    """

    before: float
    at_least: float
    at_most: float


@dataclass(frozen=True)
class ColumnCard:
    """A column's public description, its results, and the counts of its overlay."""

    name: str
    kind: str
    dtype: str
    domain: str
    is_target: bool
    result: ColumnResult | None
    overlay: Overlay


@dataclass(frozen=True)
class Stated:
    """The caller's statements about the original; ``None`` is not stated. Both editions print them.

    Attributes:
        source: Its origin.
        controller: The party responsible for it.
        contact: The person to ask.
        author: The person who made the synthetic table and the report.
        purpose: The purpose of the synthetic table.
        recipient: Its recipient, or the public.
    """

    source: str | None = None
    controller: str | None = None
    contact: str | None = None
    author: str | None = None
    purpose: str | None = None
    recipient: str | None = None

    @classmethod
    def of(cls, stated: Mapping[str, str | None]) -> Stated:
        """Return the statements of a mapping.

        Raises:
            ConfigError: it has a key that a report does not print, or a value that is not text.
        """
        known = [field.name for field in fields(cls)]
        for key, value in stated.items():
            if key not in known:
                raise ConfigError(
                    f"stated: unknown key {key!r}.{nearest(str(key), known) or ' Known: ' + ', '.join(known) + '.'}"
                )
            if value is not None and not isinstance(value, str):
                raise ConfigError(f"stated.{key}: expected text, got {type(value).__name__}.")
        return cls(**stated)

    @property
    def lines(self) -> tuple[tuple[str, str | None], ...]:
        """The statements, by their labels."""
        return (
            ("Source of the original", self.source),
            ("Controller", self.controller),
            ("Author", self.author),
            ("Purpose", self.purpose),
            ("Recipient", self.recipient),
            ("Contact", self.contact),
        )


#: No statement.
NOT_STATED = Stated()


def today() -> str:
    """Return the date in UTC, in ISO 8601: the default date of a report."""
    return dt.datetime.now(dt.UTC).date().isoformat()


@dataclass(frozen=True)
class ReportData:
    """The content of the report.

    Attributes:
        title: The job's name.
        edition: ``"internal"`` holds everything; ``"shareable"`` only content that follows from DP releases and the
            synthetic table, and may go out with it. There "real" counts and figures are the released, noisy ones.
        decision: The gate's decision.
        created: The date or time, in the caller's words; ``None`` is not stated, and keeps reports comparable.
        evaluation: The figures.
        privacy: The statement of the fit.
        private_metrics: The statement of private metrics, which have an epsilon of their own; ``None`` for none.
        findings: Key findings.
        ledger: The releases of the fit, grouped; those of private metrics are in their own statement.
        columns: In the table's order.
        target: The column that utility was measured on.
        further_targets: The schema's other targets.
        origin: The origin of the synthetic table.
        model: The caller's details of the model: versions, seed, arguments.
        versions: Software that made the report.
        stated: The caller's statements about the original.
        losses: Values that no sample of the model shows, from released numbers.
        persons: Values of single persons that samples show, by the names of their columns.
        pairs: Joint shares of the pairs of columns whose association differs most; internal.
        audit: An audit of the installation, on made-up tables; ``None`` for none.
    """

    title: str
    created: str | None
    evaluation: Evaluation
    privacy: PrivacyStatement
    findings: tuple[Finding, ...]
    ledger: tuple[LedgerGroup, ...]
    columns: tuple[ColumnCard, ...]
    target: str | None
    model: tuple[tuple[str, str], ...]
    versions: tuple[tuple[str, str], ...]
    edition: Edition = "internal"
    decision: Decision = NO_GATE
    private_metrics: PrivacyStatement | None = None
    stated: Stated = NOT_STATED
    losses: tuple[Loss, ...] = ()
    persons: tuple[Shown, ...] = ()
    further_targets: tuple[str, ...] = ()
    pairs: tuple[PairPicture, ...] = ()
    origin: Origin = "fit"
    audit: AuditResult | None = None

    @property
    def who(self) -> WhoIsMissing:
        """The people whom the table does not show, or does not serve."""
        return who_is_missing(self.evaluation, self.losses)

    @property
    def is_internal(self) -> bool:
        """True if the report must stay within the organisation."""
        return self.edition == "internal"

    @property
    def total(self) -> tuple[float, float] | None:
        """Epsilon and delta of all releases of the table here; ``None`` without privacy.

        Those of the fit and of the private metrics are added up: basic composition.
        """
        if self.privacy.epsilon is None or self.privacy.delta is None:
            return None
        extra = self.private_metrics
        epsilon, delta = (0.0, 0.0) if extra is None else (extra.epsilon or 0.0, extra.delta or 0.0)
        return self.privacy.epsilon + epsilon, self.privacy.delta + delta

    @property
    def assumptions(self) -> tuple[str, ...]:
        """The assumptions of the guarantee, in whole sentences."""
        theirs = () if self.private_metrics is None else self.private_metrics.assumptions
        own = () if self.is_internal or SAMPLE_FACT in theirs else (SAMPLE_FACT,)
        return (*self.privacy.assumptions, *theirs, *own)

    @property
    def odds(self) -> tuple[Odds, ...]:
        """Bounds on a belief after all releases; empty without privacy."""
        return () if self.total is None else odds(self.total[0])

    @property
    def largest_distance(self) -> float:
        """The largest distance of a column, its holdout's included; 0 for none."""
        results = [card.result for card in self.columns if card.result is not None]
        return max((max(result.tvd or 0.0, result.reference or 0.0) for result in results), default=0.0)

    @property
    def worst_first(self) -> tuple[ColumnCard, ...]:
        """The columns by their distance, the largest first; those without one at the end."""

        def distance(card: ColumnCard) -> float:
            return -1.0 if card.result is None or card.result.tvd is None else card.result.tvd

        return tuple(sorted(self.columns, key=distance, reverse=True))


def collect(
    evaluation: Evaluation,
    real: pd.DataFrame,
    holdout: pd.DataFrame,
    synthetic: pd.DataFrame,
    *,
    privacy: PrivacyStatement,
    schema: Schema,
    title: str,
    model: Mapping[str, str] | None = None,
    target: str | None = None,
    created: str | None = None,
    stated: Stated = NOT_STATED,
    decision: Decision = NO_GATE,
    private_metrics: PrivacyStatement | None = None,
    losses: Sequence[Loss] = (),
    persons: Sequence[Shown] = (),
    origin: Origin = "fit",
) -> ReportData:
    """Return the content of the internal edition.

    **Guarantee.** None: the result holds figures of real rows. Of their values it names only categories that many of
    them hold and that the synthetic table lacks (:class:`~tabgan.evaluation.result.UnshownCategory`); other categories,
    and bounds, are those of the schema.

    Args:
        evaluation: The result of :func:`tabgan.evaluation.evaluate` for the three tables.
        real: The training rows.
        holdout: Rows that the model never saw.
        synthetic: The evaluated rows.
        privacy: The fit's ``privacy_``.
        schema: The fit's ``schema_``.
        title: The report's title.
        model: Details of the model to print, such as its version and arguments.
        target: The column that utility was measured on.
        created: A date or time to print; ``None`` is printed as not stated.
        stated: The caller's statements about the original.
        decision: The gate's decision.
        private_metrics: The statement of private metrics; ``None`` for none.
        losses: Values that no sample of the model shows.
        persons: Values of single persons that samples show.
        origin: The origin of the synthetic table.

    Raises:
        DataError: one of the tables lacks a column of the schema.
    """
    for name, table in (("real", real), ("holdout", holdout), ("synthetic", synthetic)):
        _check_columns(name, table, schema)
    overlays = {c.name: overlay(c, real[c.name], holdout[c.name], synthetic[c.name]) for c in schema}
    cards = _cards(schema, evaluation, overlays, real, target)
    told = replace(privacy, place=None) if privacy.place == UNTOLD_PLACE else privacy
    about = _About(
        *(told, private_metrics, title, model or {}, target, created, decision, stated),
        *(tuple(losses), tuple(persons)),
        _further(schema, target),
        origin,
    )
    pairs = pair_pictures(evaluation.pictures.correlations, schema, real, synthetic)
    return replace(about.data("internal", evaluation, cards), pairs=pairs)


def collect_shareable(
    evaluation: Evaluation,
    released: pd.DataFrame,
    synthetic: pd.DataFrame,
    *,
    privacy: PrivacyStatement,
    schema: Schema,
    title: str,
    model: Mapping[str, str] | None = None,
    target: str | None = None,
    created: str | None = None,
    stated: Stated = NOT_STATED,
    decision: Decision = NO_GATE,
    private_metrics: PrivacyStatement | None = None,
    losses: Sequence[Loss] = (),
    persons: Sequence[Shown] = (),
) -> ReportData:
    """Return the content of the shareable edition.

    **Guarantee.** No argument holds a real row, or a figure that was computed on one without noise: the edition is
    post-processing of the releases. The fit's place in its dataset's ledger is left out: the line's hash covers a
    digest of the table, which is keyed but not noised.

    Args:
        evaluation: The result of :func:`tabgan.assessment.shareable.evaluate_released`.
        released: ``(rows, columns)`` drawn from the released distributions of columns, each by itself.
        synthetic: The evaluated rows.
        privacy: The ``privacy_`` of a private fit.
        schema: The fit's ``schema_``.
        title: As in :func:`collect`.
        model: As in :func:`collect`.
        target: As in :func:`collect`.
        created: As in :func:`collect`.
        stated: As in :func:`collect`.
        decision: The decision of a gate that limits promises only.
        private_metrics: As in :func:`collect`.
        losses: As in :func:`collect`.
        persons: As in :func:`collect`.

    Raises:
        DataError: the synthetic table lacks a column of the schema.
        PrivacyError: the fit was not private, or a figure is not shareable.
    """
    if not privacy.is_private:
        raise PrivacyError(
            "report: expected a private fit, got one with epsilon=None. Nothing derived from it may be shared as "
            "private; use the internal edition."
        )
    for metric in evaluation.metrics:
        if not metric.is_shareable:
            raise PrivacyError(
                f"report: {metric.name!r} was computed on real rows. It cannot be in the shareable edition."
            )
    _check_columns("synthetic", synthetic, schema)
    factor = evaluation.n_real / max(len(released), 1)
    nobody = synthetic.iloc[:0]
    overlays = {
        c.name: scaled(overlay(c, released[c.name] if c.name in released else nobody[c.name], nobody[c.name],
                               synthetic[c.name]), factor)
        for c in schema
    }  # fmt: skip
    cards = _cards(schema, evaluation, overlays, synthetic, target)
    extra = None if private_metrics is None else replace(private_metrics, place=None)
    told = replace(privacy, place=None)
    said = (told, extra, title, model or {}, target, created, decision, stated)
    about = _About(*said, tuple(losses), tuple(persons), _further(schema, target))
    return about.data("shareable", evaluation, cards)


@dataclass(frozen=True)
class _About:
    """The content common to both editions; fields as in :class:`ReportData`."""

    privacy: PrivacyStatement
    private_metrics: PrivacyStatement | None
    title: str
    model: Mapping[str, str]
    target: str | None
    created: str | None
    decision: Decision
    stated: Stated
    losses: tuple[Loss, ...]
    persons: tuple[Shown, ...]
    further_targets: tuple[str, ...]
    origin: Origin = "fit"

    def data(self, edition: Edition, evaluation: Evaluation, cards: tuple[ColumnCard, ...]) -> ReportData:
        """Return an edition."""
        return ReportData(
            title=self.title,
            created=self.created,
            evaluation=evaluation,
            privacy=self.privacy,
            findings=find(
                evaluation,
                self.privacy,
                private_metrics=self.private_metrics,
                is_internal=edition == "internal",
                losses=self.losses,
                persons=self.persons,
                target=self.target,
                is_fit=self.origin == "fit",
            ),
            ledger=group_ledger(self.privacy.entries),
            columns=cards,
            target=self.target,
            model=tuple(self.model.items()),
            versions=_versions(),
            edition=edition,
            decision=self.decision,
            private_metrics=self.private_metrics,
            stated=self.stated,
            losses=self.losses,
            persons=self.persons,
            further_targets=self.further_targets,
            origin=self.origin,
        )


def _further(schema: Schema, target: str | None) -> tuple[str, ...]:
    """Return a schema's targets other than the one that utility was measured on."""
    return tuple(name for name in schema.targets if name != target)


def _check_columns(name: str, table: pd.DataFrame, schema: Schema) -> None:
    for column in schema.names:
        if column not in table.columns:
            raise DataError(f"report: expected column {column!r} in the {name} table, found none.")


def _cards(
    schema: Schema,
    evaluation: Evaluation,
    overlays: Mapping[str, Overlay],
    typed: pd.DataFrame,
    target: str | None,
) -> tuple[ColumnCard, ...]:
    """Return a card for each column; if the schema names no dtype, it is that of ``typed``."""
    results = {result.name: result for result in evaluation.columns}
    return tuple(
        ColumnCard(
            name=column.name,
            kind=column.kind,
            dtype=column.dtype or str(typed[column.name].dtype),
            domain=column.describe(),
            is_target=column.name == target,
            result=results.get(column.name),
            overlay=overlays[column.name],
        )
        for column in schema
    )


def odds(epsilon: float | None) -> tuple[Odds, ...]:
    """Return the bounds on a belief that someone is in the table, after an ``epsilon``-private release.

    Bayes' rule with a likelihood ratio between ``exp(-epsilon)`` and ``exp(epsilon)``; delta is ignored.

    References:
        Kasiviswanathan & Smith (2014), *On the 'Semantics' of Differential Privacy: A Bayesian Formulation*.

    >>> [round(row.at_most, 3) for row in odds(1.0)]
    [0.232, 0.731, 0.961]
    """
    if epsilon is None:
        return ()
    return tuple(
        Odds(p, p / (p + (1 - p) * math.exp(min(epsilon, 700))), p / (p + (1 - p) * math.exp(-epsilon)))
        for p in PRIORS
    )


def _versions() -> tuple[tuple[str, str], ...]:
    found = [("python", platform.python_version())]
    for package in PACKAGES:
        try:
            found.append((package, metadata.version(package)))
        except metadata.PackageNotFoundError:
            continue
    return tuple(found)
