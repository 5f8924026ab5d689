"""The part of the synthesizer that judges synthetic rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from tabgan._util.progress import Progress, told
from tabgan._util.renamed import renamed_arguments
from tabgan._util.validate import nearest
from tabgan._util.version import __version__
from tabgan.errors import DataError, SchemaError
from tabgan.fitting.checkpoint import folder_of
from tabgan.fitting.modelview import UNSIGNED
from tabgan.io import as_frame
from tabgan.privacy.ledger.records import LedgerConfig
from tabgan.table.headings import as_named

if TYPE_CHECKING:
    from tabgan.assessment.assess import Subject
    from tabgan.audit.outcome import AuditResult
    from tabgan.evaluation import Rule
    from tabgan.evaluation.gate import Gate
    from tabgan.fitting.modelfile import Fitted
    from tabgan.report import Report
    from tabgan.schema import Schema

#: New names of arguments on private metrics.
OLD_NAMES = {"evaluation_epsilon": "private_metrics_epsilon", "evaluation_delta": "private_metrics_delta"}


class AssessorMixin:
    """Methods of a fitted synthesizer that judge synthetic rows, and report on them.

    Attributes:
        schema: The declared schema.
        schema_: The completed schema.
    """

    if TYPE_CHECKING:
        schema: Schema | None
        schema_: Schema

        def _check_fitted(self) -> Fitted: ...

    @renamed_arguments(part_of="source_table", **OLD_NAMES)
    def evaluate(
        self,
        real: object,
        holdout: object,
        *,
        synthetic: object = None,
        target: str | None = None,
        rules: Sequence[Rule] = (),
        subgroups: Sequence[str] | None = None,
        gate: Gate | Mapping[str, object] | str | None = None,
        audit: AuditResult | None = None,
        private_metrics_epsilon: float | None = None,
        private_metrics_delta: float | None = None,
        entity: str | None = None,
        max_rows: int | None = None,
        ledger: LedgerConfig | str | Path | None = None,
        checkpoint: str | Path | None = None,
        source_table: object = None,
        title: str = "Evaluation",
        about: Mapping[str, str] | None = None,
        created: str | None = None,
        stated: Mapping[str, str | None] | None = None,
        declared: Schema | None = None,
        random_state: int = 0,
        progress: Progress | bool | None = None,
    ) -> Report:
        """Compare synthetic rows with the training rows and with a holdout.

        **Guarantee.** None: figures are computed on real rows without noise, and stay in the organisation. The report's
        ``shareable`` edition holds what follows from the fit's releases, and private metrics:
        ``private_metrics_epsilon`` adds to the fit's epsilon, and once more its delta to its delta.

        Args:
            real: The training rows of ``fit``: a pandas frame, or anything that ``fit`` takes, like the other tables.
            holdout: Rows of the same kind that it has not seen.
            synthetic: The rows to judge; by default a sample of about as many as ``real`` has. The guarantee covers
                the shareable edition only if they are a sample of the model, from which nothing was removed or
                changed after looking at real rows.
            target: The column that models predict; the schema's first target by default. Further ones have a report of
                their own.
            rules: Rules for every row, such as ``Inequality("start", "end")``, besides those of the schema, which are
                enforced; these are only checked.
            subgroups: Columns whose values define groups to report utility for; chosen automatically by default.
            gate: Limits that decide on the release: a :class:`~tabgan.Gate`, a mapping as in YAML, or ``"standard"``;
                ``None`` leaves the decision to a person.
            audit: Result of :func:`tabgan.audit.audit_model`, for the report; the gate may limit it.
            private_metrics_epsilon: Epsilon of private metrics: noisy figures on ``real`` for the shareable edition.
            private_metrics_delta: The fit's delta, spent on them once more. It has to be given for a model that was
                loaded: a file is not signed, and what it states must not scale noise. Otherwise the fit's own.
            entity: For private metrics beside a loaded model: the column that says whose a row is, as in its schema.
            max_rows: For private metrics beside a loaded model: the most rows of an entity, as in its schema.
            ledger: The dataset's ledger, which private metrics add to.
            checkpoint: The one of the fit, which keeps the private metrics too: called again with the same tables and
                arguments, it returns them and spends nothing more. All that were measured beside the fit count in the
                report's total. Without ``ledger`` charges are recorded in the checkpoint's own.
            source_table: The table that ``real`` was taken from, if rows were held out: the ledger is that table's.
            title: Title of the report.
            about: Its description of the model; the model's arguments by default.
            created: Its printed date; today's date in UTC by default.
            stated: Facts about the original for both editions, under ``source``, ``controller`` and ``contact``.
            declared: Schema that defines valid cells in the internal edition; by default the one given to ``fit``; a
                loaded model has none. Without one, the real rows define them.
            random_state: Seed of the sample, the subsamples and the models.
            progress: Called as ``progress("evaluate", done, total)``; by default bars as in :meth:`fit`.

        Returns:
            A :class:`~tabgan.report.Report`: figures, ``decision``, ``to_html(path)``, ``to_json(path)``,
            ``to_pdf(path)`` and ``to_markdown(path)``, and the same of its ``shareable`` edition.

        Raises:
            NotFittedError: ``fit`` was not called.
            SchemaError: there is no column ``target``.
            ConfigError: an argument is out of its range.
            DataError: a table is empty, or its columns are not those of the real one.
            LedgerError, BudgetExceededError: the ledger cannot be used, or its cap refuses the private metrics.
            CheckpointError: the checkpoint is damaged, not of a fit, or in use by another process.
        """
        from tabgan.assessment.assess import assess  # not on top: sdmetrics takes seconds to import
        from tabgan.assessment.private_request import requested, terms_of
        from tabgan.evaluation.gate import Gate

        fitted = self._check_fitted()
        headings = fitted.answer.headings
        real, holdout = as_named(real, headings), as_named(holdout, headings)
        synthetic, source_table = as_named(synthetic, headings), as_named(source_table, headings)
        with told(progress) as tell:
            real = as_frame(real, self.schema_, "real", tell)
            holdout = as_frame(holdout, self.schema_, "holdout", tell)
            synthetic = as_frame(synthetic, self.schema_, "synthetic", tell)
            source_table = as_frame(source_table, self.schema_, "source_table", tell)
        subject = self._subject(synthetic, target, title, random_state, about, created, stated, declared)
        limits = Gate.of(gate, has_target=subject.schema.target is not None)
        terms = None
        if private_metrics_epsilon is not None:
            terms = terms_of(getattr(self, "plan_", None), private_metrics_delta, entity, max_rows)
        with (
            requested(
                fitted,
                real,
                subject.synthetic,
                private_metrics_epsilon,
                terms=terms,
                gate=limits,
                target=subject.schema.target,
                ledger=LedgerConfig.of(ledger),
                checkpoint=folder_of(checkpoint),
                source_table=source_table,
                random_state=random_state,
            ) as (measure, before),
            told(progress) as tell,
        ):
            return assess(
                subject,
                real,
                holdout,
                rules=rules,
                subgroups=subgroups,
                gate=limits,
                audit=audit,
                measure=measure,
                earlier_private_metrics=before,
                progress=tell,
            )

    def shareable_report(
        self,
        *,
        synthetic: pd.DataFrame | None = None,
        target: str | None = None,
        audit: AuditResult | None = None,
        title: str = "Evaluation",
        created: str | None = None,
        stated: Mapping[str, str | None] | None = None,
        random_state: int = 0,
    ) -> Report:
        """Return the shareable edition of the report, which may accompany a synthetic table; it needs no real row.

        Args:
            synthetic: As in :meth:`evaluate`.
            target: As in :meth:`evaluate`.
            audit: As in :meth:`evaluate`.
            title: As in :meth:`evaluate`.
            created: As in :meth:`evaluate`.
            stated: As in :meth:`evaluate`.
            random_state: As in :meth:`evaluate`.

        Raises:
            NotFittedError: ``fit`` was not called.
            SchemaError: there is no column ``target``.
            PrivacyError: the fit was not private.
        """
        from tabgan.assessment.assess import shareable_data
        from tabgan.report import Report

        subject = self._subject(synthetic, target, title, random_state, None, created, stated)
        data = shareable_data(subject, audit=audit)
        return Report(data, data)

    def _subject(
        self: Any,
        synthetic: pd.DataFrame | None,
        target: str | None,
        title: str,
        random_state: int,
        about: Mapping[str, str] | None = None,
        created: str | None = None,
        stated: Mapping[str, str | None] | None = None,
        declared: Schema | None = None,
    ) -> Subject:
        from tabgan.assessment.assess import Subject
        from tabgan.report import Stated, today

        fitted = self._check_fitted()
        if target is not None and target not in self.schema_:
            raise SchemaError(f"target: no column {target!r}.{nearest(target, self.schema_.names)}")
        if synthetic is None:
            synthetic = self.sample(max(1, round(self.n_rows_)), random_state=random_state, as_="pandas")
        synthetic = as_named(synthetic, fitted.answer.headings)
        lacking = [name for name in self.schema_.names if name not in getattr(synthetic, "columns", ())]
        if lacking:
            raise DataError(
                f"evaluate: the synthetic table lacks {lacking[0]!r}. Give it the columns of the model."
            )
        named = self.schema_.targets if target is None else (target, *self.schema_.targets)
        schema = self.schema_.with_targets(tuple(dict.fromkeys(named)))
        chosen = {key: str(value) for key, value in self.get_params(deep=False).items() if key != "schema"}
        if not hasattr(self, "plan_"):
            chosen["loaded"] = UNSIGNED
        known = {"tabgan": __version__} | chosen if about is None else dict(about)
        said = declared or self.schema, created or today(), Stated.of(stated or {})
        return Subject(fitted, synthetic, schema, title, known, random_state, *said)
