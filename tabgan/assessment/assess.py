"""A synthetic table assessed: figures, private metrics, the gate's decision, and both editions of the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from tabgan._util.progress import Progress
from tabgan._util.rng import RandomStreams
from tabgan.assessment.private_request import PrivateMetricsResult
from tabgan.assessment.shareable import evaluate_released, released_frame
from tabgan.audit.result import AuditResult
from tabgan.errors import ConfigError
from tabgan.evaluation import Metric, Rule, evaluate
from tabgan.evaluation.gate import NO_GATE, Gate
from tabgan.fitting.modelfile import Fitted
from tabgan.privacy.doors.release import N_ROWS
from tabgan.privacy.filter import PrivacyStatement
from tabgan.report import NOT_STATED, Report, ReportData, Stated, collect, collect_shareable
from tabgan.schema import Schema

#: Rows that stand for the released distributions in pictures, at most.
MAX_RELEASED_ROWS = 200_000


@dataclass(frozen=True)
class Subject:
    """What is assessed.

    Attributes:
        fitted: The model's parts.
        synthetic: Its table.
        schema: Its completed schema, with the target.
        title: What the report is called.
        model: What to say of the model.
        random_state: Seed of samples and models.
        declared: What a person declared of the columns; validity in the internal edition is judged by it, else by the
            real rows. ``None`` where that is not known, as of a loaded model.
        created: When; ``None`` is not stated.
        stated: What the report says of the original's source and controller.
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
    """Return the internal edition, with the shareable one where the fit was private.

    **Guarantee.** None for the internal edition. The shareable one is made by :func:`shareable_data`.

    Args:
        subject: What is assessed.
        real: The rows that the model learnt from.
        holdout: Rows that it has not seen.
        rules: What rows should keep.
        subgroups: Columns whose values are groups.
        gate: Decides on the release.
        audit: Of the installation.
        measure: Measures private metrics; called once all other figures are there, so that none is paid for whose
            report fails.
        earlier_private_metrics: The promise for those of before; that of ``measure`` holds them, too.
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
            private_metrics=private_metrics,
        )
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
    """Raise if an audit is of another promise than the fit's.

    Raises:
        ConfigError: its epsilon or delta is another.
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
    """Return the edition that may go out with the table.

    **Guarantee.** No argument holds a real row or a figure that was computed on one without noise, so the edition is
    post-processing of releases, where the synthetic table is: a sample of the model, from which nothing was taken out
    or changed after looking at real rows. An audit is of the installation, on a table that it makes up. Of the gate it
    says whether the promises keep to their limits; what a gate says of figures on real rows is no release.

    Raises:
        PrivacyError: the fit was not private.
    """
    fitted, seed = subject.fitted, subject.random_state
    further: tuple[Metric, ...] = () if audit is None else (audit.metric,)
    evaluation = evaluate_released(
        subject.synthetic,
        fitted.encoder,
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
        released_frame(fitted.encoder, fitted.n_rows, n_drawn, seed),
        subject.synthetic,
        privacy=fitted.privacy,
        schema=subject.schema,
        title=subject.title,
        model=subject.model,
        target=subject.schema.target,
        created=subject.created,
        stated=subject.stated,
        private_metrics=earlier_private_metrics if private_metrics is None else private_metrics.statement,
    )
    decision = NO_GATE if gate is None else gate.promises.decide(evaluation, data.total)
    return replace(data, decision=decision)


def _fresh_codes(subject: Subject) -> tuple[np.ndarray, np.ndarray]:
    """Return codes of two more samples of the model, as many rows as the real and as the synthetic table have."""
    fitted = subject.fitted
    sampler = fitted.sampler()
    rng = RandomStreams(subject.random_state).torch("shareable.fresh", fitted.generator.device)
    sizes = [min(max(1, round(n)), MAX_RELEASED_ROWS) for n in (fitted.n_rows, len(subject.synthetic))]
    first, second = (np.concatenate(list(sampler.batches(n, rng))) for n in sizes)
    return first, second


def _rows_stddev(privacy: PrivacyStatement) -> float:
    """Return the noise of the released number of rows, or a little more: other releases tell of it too."""
    found = [entry.noise_stddev for entry in privacy.entries if entry.what == N_ROWS]
    return min(found, default=0.0)
