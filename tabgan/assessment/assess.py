"""Assessment of a synthetic table: figures, private metrics, the gate's decision, and both editions of the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tabgan._util.progress import Progress
from tabgan._util.rng import RandomStreams
from tabgan.assessment.private_request import PrivateMetricsResult
from tabgan.assessment.shareable import evaluate_released, released_frame
from tabgan.errors import ConfigError
from tabgan.evaluation import Metric, Rule, evaluate
from tabgan.evaluation.gate import NO_GATE, Gate
from tabgan.fitting.modelfile import Fitted
from tabgan.privacy.filter import PrivacyStatement
from tabgan.privacy.released import N_ROWS
from tabgan.report import NOT_STATED, Report, ReportData, Stated, collect, collect_shareable
from tabgan.schema import Schema

if TYPE_CHECKING:
    from tabgan.audit.outcome import AuditResult

#: Largest number of rows that represent the released distributions in pictures.
MAX_RELEASED_ROWS = 200_000


@dataclass(frozen=True)
class Subject:
    """The subject of an assessment.

    Attributes:
        fitted: The model's parts.
        synthetic: Its table.
        schema: Its completed schema, with the target.
        title: The report's title.
        model: Details of the model to print.
        random_state: Seed of samples and models.
        declared: A person's declaration of the columns; validity in the internal edition is judged by it, else by the
            real rows. ``None`` if unknown, as for a loaded model.
        created: The date or time to print; ``None`` is not stated.
        stated: The caller's statements about the original's source and controller.
    """

    fitted: Fitted
    synthetic: pd.DataFrame
    schema: Schema
    title: str
    model: Mapping[str, str] = field(default_factory=dict)
    random_state: int = 0
    declared: Schema | None = None
    created: str | None = None
    stated: Stated = NOT_STATED


def assess(
    subject: Subject,
    real: pd.DataFrame,
    holdout: pd.DataFrame,
    *,
    rules: Sequence[Rule] = (),
    subgroups: Sequence[str] | None = None,
    gate: Gate | None = None,
    audit: AuditResult | None = None,
    measure: Callable[[], PrivateMetricsResult] | None = None,
    earlier_private_metrics: PrivacyStatement | None = None,
    progress: Progress | None = None,
) -> Report:
    """Return the internal edition, with the shareable one if the fit was private.

    **Guarantee.** None for the internal edition. The shareable one is made by :func:`shareable_data`.

    Args:
        subject: The subject of the assessment.
        real: The training rows.
        holdout: Rows that the model never saw.
        rules: Rules for every row.
        subgroups: Columns whose values define groups.
        gate: The gate that decides on the release.
        audit: An audit of the installation.
        measure: Function that measures private metrics; called after all other figures are computed, so that nothing
            is spent on a report that fails.
        earlier_private_metrics: The promise for earlier private metrics; that of ``measure`` includes them.
        progress: Called with ``"evaluate"``, the steps done and all steps.

    Raises:
        ConfigError: the audit is of another epsilon or delta than the fit's.
        DataError: a table is empty, or its columns are not those of the real one.
    """
    _check_audit(audit, subject)
    evaluation = evaluate(
        real,
        holdout,
        subject.synthetic,
        schema=subject.schema,
        rules=rules,
        subgroups=subgroups,
        random_state=subject.random_state,
        declared=subject.declared if subject.declared is not None else Schema(),
        progress=progress,
        refuses_unreadable=False,
    )
    if audit is not None:
        evaluation = replace(evaluation, metrics=(*evaluation.metrics, audit.metric))

    def internal(private_metrics: PrivacyStatement | None) -> ReportData:
        data = collect(
            evaluation,
            real,
            holdout,
            subject.synthetic,
            privacy=subject.fitted.privacy,
            schema=subject.schema,
            title=subject.title,
            model=subject.model,
            target=subject.schema.target,
            created=subject.created,
            stated=subject.stated,
            losses=subject.fitted.losses,
            persons=subject.fitted.shown_persons,
            private_metrics=private_metrics,
        )
        data = replace(data, audit=audit)
        return data if gate is None else replace(data, decision=gate.decide(evaluation, data.total))

    data, result = internal(earlier_private_metrics), None
    if measure is not None:
        result = measure()
        data = internal(result.statement)
    if not subject.fitted.privacy.is_private:
        return Report(data)
    shareable = shareable_data(
        subject,
        rules=rules,
        gate=gate,
        audit=audit,
        private_metrics=result,
        earlier_private_metrics=earlier_private_metrics,
    )
    return Report(data, shareable)


def _check_audit(audit: AuditResult | None, subject: Subject) -> None:
    """Check that an audit has the epsilon and delta of the fit.

    Raises:
        ConfigError: its epsilon or delta differs.
    """
    promised = subject.fitted.privacy.epsilon, subject.fitted.privacy.delta
    if audit is not None and (audit.epsilon, audit.delta) != promised:
        raise ConfigError(
            f"audit: expected one of the fit's epsilon={promised[0]} and delta={promised[1]}, got one of "
            f"epsilon={audit.epsilon:g} and delta={audit.delta:g}. Audit with the fit's arguments."
        )


def shareable_data(
    subject: Subject,
    *,
    rules: Sequence[Rule] = (),
    gate: Gate | None = None,
    audit: AuditResult | None = None,
    private_metrics: PrivateMetricsResult | None = None,
    earlier_private_metrics: PrivacyStatement | None = None,
) -> ReportData:
    """Return the edition that may accompany the table.

    **Guarantee.** No argument holds a real row or a figure that was computed on one without noise, so the edition is
    post-processing of releases if the synthetic table is: a sample of the model, from which nothing was removed or
    changed after looking at real rows. An audit tests the installation, on a made-up table. The edition holds the
    gate's checks of the promises only; its checks of figures on real rows are not releases.

    Raises:
        ConfigError: the audit is of another epsilon or delta than the fit's.
        PrivacyError: the fit was not private.
    """
    _check_audit(audit, subject)
    fitted, seed = subject.fitted, subject.random_state
    further: tuple[Metric, ...] = () if audit is None else (audit.metric,)
    evaluation = evaluate_released(
        subject.synthetic,
        fitted.encoder.without_cycles,
        fitted.n_rows,
        target=subject.schema.target,
        private_metrics=None if private_metrics is None else private_metrics.metrics,
        sets=None if private_metrics is None else private_metrics.sets,
        guesser=None if private_metrics is None else private_metrics.guesser,
        fresh=None if private_metrics is None else _fresh_codes(subject),
        n_rows_stddev=_rows_stddev(fitted.privacy),
        rules=rules,
        further=further,
        random_state=seed,
    )
    n_drawn = min(max(1, round(fitted.n_rows)), MAX_RELEASED_ROWS)
    data = collect_shareable(
        evaluation,
        released_frame(fitted.encoder.without_cycles, fitted.n_rows, n_drawn, seed),
        subject.synthetic,
        privacy=fitted.privacy,
        schema=subject.schema,
        title=subject.title,
        model=subject.model,
        target=subject.schema.target,
        created=subject.created,
        stated=subject.stated,
        losses=subject.fitted.losses,
        persons=subject.fitted.shown_persons,
        private_metrics=earlier_private_metrics if private_metrics is None else private_metrics.statement,
    )
    decision = NO_GATE if gate is None else gate.promises.decide(evaluation, data.total)
    return replace(data, decision=decision, audit=audit)


def _fresh_codes(subject: Subject) -> tuple[np.ndarray, np.ndarray]:
    """Return codes of two more samples of the model, with as many rows as the real and the synthetic table."""
    fitted = subject.fitted
    sampler = fitted.sampler()
    rng = RandomStreams(subject.random_state).torch("shareable.fresh", fitted.generator.device)
    sizes = [min(max(1, round(n)), MAX_RELEASED_ROWS) for n in (fitted.n_rows, len(subject.synthetic))]
    own = fitted.encoder.own_positions
    first, second = (np.concatenate(list(sampler.batches(n, rng)))[:, own] for n in sizes)
    return first, second


def _rows_stddev(privacy: PrivacyStatement) -> float:
    """Return the noise of the released number of rows, or a little more: other releases estimate it, too."""
    found = [entry.noise_stddev for entry in privacy.entries if entry.what == N_ROWS]
    return min(found, default=0.0)
