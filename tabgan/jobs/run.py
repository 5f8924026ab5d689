"""The run of one job, from its source to its folder of results.

Held-out rows go to the evaluation and nowhere else. Figures that the evaluation computes on real rows are not
covered by epsilon, and stay in the folder ``internal``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from tabgan._util.printed import at_most
from tabgan._util.progress import Progress, silent
from tabgan._util.rng import RandomStreams
from tabgan._util.version import __version__
from tabgan.bundle.keyless import check_services
from tabgan.bundle.names import (
    CARD,
    DE_IDENTIFICATION,
    DESCRIPTIONS,
    INPUT_KEY,
    MARGINALS,
    MODEL,
    REPORT_HTML,
    REPORT_JSON,
    REPORT_PDF,
    SCHEMA,
    SEALS,
    SUMMARY_PDF,
    SYNTHETIC_CSV,
    SYNTHETIC_PARQUET,
)
from tabgan.columns.kind import read_text
from tabgan.errors import DataError, kept_note, measured_note, spent_note
from tabgan.evaluation.gate import NO_GATE, Decision
from tabgan.fitting.checkpoint import discard, discard_if_ended, has_begun, holdout_seed, sample_seed
from tabgan.fitting.modelfile import keep_form
from tabgan.io import (
    CsvForm,
    DataSource,
    check_inner,
    check_writable,
    in_one_frame,
    staged_folder,
    write_table,
    write_text,
)
from tabgan.io.data_source import in_free_memory
from tabgan.jobs.config import Job, Output, ReportOptions
from tabgan.jobs.record import OUTCOME, FinishedJob, fingerprint, finished, write_record
from tabgan.privacy.doors.contributions import units_of
from tabgan.privacy.filter import PrivacyStatement
from tabgan.privacy.unit import PrivacyUnit
from tabgan.report.pdf import has_pdf
from tabgan.rules import check_rule_columns
from tabgan.schema import Schema
from tabgan.table.checks import check_columns
from tabgan.table.conditions import check_declared, conditions_of
from tabgan.table.labels import beside, check_label_column, with_label_column

if TYPE_CHECKING:
    from tabgan.synthesizer import TabGAN

LABEL_FILE = beside(Path(SYNTHETIC_CSV)).name

#: Folders of results that may leave the organisation, that must not, and that were refused release.
RELEASE, INTERNAL, WITHHELD = "release", "internal", "withheld"

_TABLES = (SYNTHETIC_CSV, LABEL_FILE, SYNTHETIC_PARQUET, MODEL, MARGINALS, SCHEMA)
_REPORTS = (REPORT_HTML, REPORT_JSON, REPORT_PDF, SUMMARY_PDF, CARD)

#: The archive of a bundle, next to its folder.
ARCHIVE = f"{RELEASE}.zip"

#: All files that a job may write into its folder.
FILES = (
    *(f"{RELEASE}/{name}" for name in (*_TABLES, *_REPORTS, *DESCRIPTIONS, *SEALS)),
    *(f"{INTERNAL}/{name}" for name in (MODEL, OUTCOME, *_REPORTS, DE_IDENTIFICATION, INPUT_KEY)),
    *(f"{WITHHELD}/{name}" for name in _TABLES),
    ARCHIVE,
)


@dataclass(frozen=True)
class JobResult:
    """The result of a job.

    Attributes:
        name: The job's name.
        files: The files that were written.
        n_rows: Rows of the synthetic table.
        seconds: Wall time by stage.
        privacy: Promise and spending of the fit.
        headline: The evaluation's most important figures, as label and text; empty without a report.
        decision: The gate's decision.
        total: Epsilon and delta of fit and private metrics together; ``None`` without privacy or a report.
    """

    name: str
    files: tuple[Path, ...]
    n_rows: int
    seconds: dict[str, float]
    privacy: PrivacyStatement
    headline: tuple[tuple[str, str], ...] = ()
    decision: Decision = NO_GATE
    total: tuple[float, float] | None = None

    @property
    def promised(self) -> tuple[float | None, float | None]:
        """Epsilon and delta of fit and private metrics together; ``None`` twice without privacy."""
        own = (self.privacy.epsilon, self.privacy.delta) if self.privacy.is_private else (None, None)
        return self.total or own

    def to_record(self, names: Sequence[str]) -> dict[str, object]:
        """Return what a later run says of the job instead of running it again, as plain data.

        Args:
            names: Its files, within its folder.
        """
        return {
            "decision": self.decision.outcome,
            "reasons": [check.text for check in self.decision.failed],
            "n_rows": self.n_rows,
            "files": list(names),
            "headline": [list(line) for line in self.headline],
            "epsilon": self.promised[0],
            "seconds": {stage: round(spent, 2) for stage, spent in self.seconds.items()},
        }


@dataclass
class _Clock:
    """A clock that times the stages and passes progress on."""

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, *, reports_itself: bool = False) -> Iterator[None]:
        """Time a stage; one without progress reports of its own is shown as a single step."""
        start = time.perf_counter()
        if not reports_itself:
            self.progress(name, 0, 1)
        yield
        self.seconds[name] = time.perf_counter() - start
        if not reports_itself:
            self.progress(name, 1, 1)


def run_job(job: Job, *, progress: Progress | None = None) -> JobResult:
    """Run a job and return its result.

    Results are made in a hidden folder and take their names at the end: after a failure the job's folder is
    as it was before. ``release`` holds only results that may leave the organisation: the table, its model and schema,
    and the report's shareable edition; with the key ``bundle``, also all that describes and seals them. The model there
    does not name its fit's place in a ledger; the one in ``internal``, next to the internal edition, does. If the gate
    fails, or there is no guarantee, there is no ``release``; tables and model are in ``withheld``.

    Raises:
        ConfigError: the folder cannot be written, or nobody vouches for the signer; raised before anything is read.
        BundleError: Sigstore's services, which the bundle asks for, do not answer; raised as early.
        AuditError: the gate requires an audit, and the installation fails it.
        TabGANError: any error of reading, fitting, sampling or evaluating.
    """
    check_writable(job.output.folder, "output.folder")
    check_inner(job.output.folder, (RELEASE, INTERNAL, WITHHELD), "output.folder")
    clock, wanted = _Clock(progress or silent), job.output.wanted
    mark = fingerprint(job)
    if job.checkpoint is None and job.ledger is not None and job.resumes_from is not None:
        discard_if_ended(job.resumes_from, job.ledger.path)
    _check_columns(job)
    _check_budget(job)
    if job.bundle is not None and job.bundle.services is not None:
        check_services(job.bundle.services, "bundle.sigstore")
    audit = _audit(job, clock)
    with staged_folder(job.output.folder, FILES) as folder:
        with clock.stage("read", reports_itself=True):
            source = job.source.open(job.schema)
            tables = read_split(job, source, clock.progress)
        with clock.stage("fit", reports_itself=True):
            model = _fit(job, tables, source.untyped_text, clock.progress)
            keep_form(model, source.form)
        kept, extra = job.resumes_from, job.private_metrics_epsilon
        with says_what_is_spent(model, kept), clock.stage("sample"):
            n_rows, seed = rows_to_sample(job.output, model.n_rows_), _sample_seed(job)
            synthetic = model.sample(n_rows, random_state=seed, as_="pandas")
            # Figures judge the model by rows of its own; those that are written may be others.
            table = model.sample(n_rows, random_state=seed, as_="pandas", **wanted) if wanted else synthetic
        report: Any = None
        if job.report is not None and tables.holdout is not None:
            with says_what_is_spent(model, kept, extra), clock.stage("evaluate", reports_itself=True):
                report = _evaluate(job, model, tables, synthetic, audit, clock.progress)
        decision = NO_GATE if report is None else report.decision
        with says_what_is_spent(model, kept, extra), clock.stage("write"):
            is_released = model.privacy_.is_private and decision.outcome != "failed"
            results = _folder(folder, RELEASE if is_released else WITHHELD)
            has_marginals = job.output.marginals or (job.bundle is not None and is_released)
            _write(job.output, model, table, source.form, results, has_marginals)
            if job.output.model and is_released and model.privacy_.place is not None:
                model.save(_folder(folder, INTERNAL) / MODEL)  # it knows its ledger, which later charges need
            if report is not None and job.report is not None:
                _write_report(job.report, report, _folder(folder, INTERNAL))
                if is_released:
                    _write_report(_reports_of(job), report.shareable, _folder(folder, RELEASE))
            if job.bundle is not None and is_released:
                _bundle(job, model, table, source.form, report, folder)
        written = [name for name in FILES if (folder / name).is_file()]
        files = tuple(job.output.folder / name for name in written)
        result = JobResult(job.name, files, len(table), clock.seconds, model.privacy_)
        if report is not None:
            result = replace(result, headline=report.headline, decision=decision, total=report.data.total)
        write_record(job, mark, result.to_record(written), _folder(folder, INTERNAL))
    if job.resumes_from is not None:
        discard(job.resumes_from)
    return result


def finished_before(job: Job) -> FinishedJob | None:
    """Return the record of the same job if an earlier run has finished it; ``None`` if it is to be run.

    Runs that were killed after the job was done, and before they could remove its checkpoint, have left it: it goes.
    """
    found = finished(job, job.output.folder / INTERNAL / OUTCOME)
    if found is not None and job.resumes_from is not None and job.resumes_from.exists():
        discard(job.resumes_from)
    return found


def forget(job: Job) -> None:
    """Remove the record of an earlier run of a job that is to run again."""
    (job.output.folder / INTERNAL / OUTCOME).unlink(missing_ok=True)


def _sample_seed(job: Job) -> int | None:
    """Return the seed of the sample: a resumed job's private metrics are of the rows that they were measured for."""
    if job.random_state is not None or job.resumes_from is None or not has_begun(job.resumes_from):
        return job.random_state
    return sample_seed(job.resumes_from)


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir(exist_ok=True)
    return folder


def _check_columns(job: Job) -> None:
    """Raise if schema, target, rules or the rows to sample name a column that the source's header lacks.

    No row is read yet. Nor may the schema be a draft off rows, or the rows to sample contradict what it declares.

    Raises:
        SchemaError, ConfigError, DataError: the header lacks a named column.
    """
    declared = job.declared_schema or Schema()
    declared.check_confirmed()
    check_declared(conditions_of(job.output.conditions, list(job.output.conditions)), declared)
    names = [str(name) for name in job.source.open().header.columns]
    check_columns(declared, names)
    check_label_column(job.output.label_column, names)
    check_rule_columns(declared.rules, names)
    check_rule_columns(job.rules, names)
    conditions_of(job.output.conditions, names, "output.conditions")
    conditions_of(dict.fromkeys(job.output.proportions or ()), names, "output.proportions")


def _check_budget(job: Job) -> None:
    """Raise if the declared number of rows or the ledger's cap refuses the job, before its source is read.

    A resumed job is not checked against the cap here: its fit does that.
    """
    _model(job).check_params()
    if job.ledger is not None and not has_begun(job.resumes_from):
        _model(job).check_cap(job.ledger, private_metrics_epsilon=job.private_metrics_epsilon)


def _audit(job: Job, clock: _Clock) -> Any:
    """Return an audit of the installation at the job's epsilon, if its gate requires one; it needs no row.

    Raises:
        AuditError: the installation fails the audit.
    """
    gate, epsilon = job.release_gate, job.epsilon
    if gate is None or gate.audit is None or epsilon is None:
        return None
    from tabgan.audit import audit

    model, schema = _model(job), job.declared_schema or Schema()
    with clock.stage("audit", reports_itself=True):
        return audit(
            epsilon,
            model.delta,
            adversary_share=model.adversary_share,
            max_rows=PrivacyUnit.of_schema(schema).max_rows,
            n_rows=schema.n_rows,
            n_targets=max(len(schema.targets), 1),
            progress=lambda _, done, total: clock.progress("audit", done, total),
        ).raise_if_failed()


class Split(NamedTuple):
    """A job's rows: the whole source, the training rows, and the holdout.

    Without a holdout the training rows are the source itself, which a fit reads in parts.
    """

    source: pd.DataFrame | None
    real: pd.DataFrame | DataSource
    holdout: pd.DataFrame | None


#: Sentence on larger tables, for a job that keeps all of its rows in memory.
_LARGER = (
    "A job with a report or a holdout keeps all rows in memory. Set report: false and leave the holdout out, and the "
    "fit reads them in parts; judge the model by a part of the table then (tabgan evaluate)."
)


def read_split(job: Job, source: DataSource | None = None, progress: Progress = silent) -> Split:
    """Return the source's rows, the training rows among them, and the holdout.

    A share is held out unit by unit, each by its own coin, so that adding or removing one unit in the source changes
    only its own rows among the training rows: a split of fixed size would couple all rows. In a private job the
    coins are fresh: seeded ones would depend on position, and removing the first row would reassign all others. A job
    with a checkpoint keeps the fresh seed of its coins there, so that it resumes with the same rows.

    Args:
        job: The job.
        source: Its source; opened anew by default.
        progress: Told of the rows that are read.

    Raises:
        DataError: training rows or holdout are empty, or the columns of a holdout table differ.
        OutOfMemoryError: the memory that is free is too small for rows of which some are held out.
        CheckpointError: the checkpoint is damaged.
    """
    source = source or job.source.open(job.schema)
    if job.holdout is None:
        return Split(None, source, None)
    df = in_free_memory(source, job.source.n_bytes(), "source", _LARGER, progress)
    if isinstance(job.holdout, Path | str):
        holdout = in_one_frame(job.source.open_holdout(job.schema), progress)
        if list(holdout.columns) != list(df.columns):
            raise DataError(
                "source.holdout: expected the columns of the source, in their order. Make them the same."
            )
        return Split(df, df, holdout)
    seed = None if job.is_private else job.random_state
    if job.resumes_from is not None and seed is None:
        seed = holdout_seed(job.resumes_from)
    coins = RandomStreams(seed).numpy("holdout")
    units = units_of(df, None if job.schema is None else job.schema.entity)
    is_held_out = (coins.random(int(units.max(initial=-1)) + 1) < job.holdout)[units]
    if is_held_out.all() or not is_held_out.any():
        raise DataError(
            "source.holdout: the table has too few rows to hold any out. Name a file, or set report: false."
        )
    real, holdout = df[~is_held_out].reset_index(drop=True), df[is_held_out].reset_index(drop=True)
    return Split(df, real, holdout)


def rows_to_sample(output: Output, n_rows: float) -> int:
    """Return the number of rows that a job samples; ``n_rows`` is the fit's noisy count."""
    return max(1, round(n_rows)) if output.rows == "same" else int(output.rows)


@contextmanager
def says_what_is_spent(
    model: TabGAN, checkpoint: Path | None, private_metrics_epsilon: float | None = None
) -> Iterator[None]:
    """Add to an error after the fit that its budget is spent, and that of private metrics if they were measured.

    A checkpoint of the fit, from which the same command resumes, is told of, too.
    """
    try:
        yield
    except BaseException as error:
        if model.privacy_.is_private:
            extra = ""
            if private_metrics_epsilon is not None:
                extra = measured_note(at_most(private_metrics_epsilon))
            error.add_note(spent_note(f"{at_most(model.privacy_.epsilon)}{extra}"))
        if checkpoint is not None and checkpoint.exists():
            error.add_note(kept_note(checkpoint))
        raise


def _model(job: Job) -> TabGAN:
    from tabgan.synthesizer import TabGAN  # not at the top: it imports torch and opacus

    arguments: Any = job.model
    return TabGAN(**arguments, schema=job.declared_schema, random_state=job.random_state)


def _fit(job: Job, tables: Split, untyped_text: bool, progress: Progress) -> Any:
    return _model(job).fit(
        tables.real,
        progress=progress,
        untyped_text=untyped_text,
        ledger=job.ledger,
        checkpoint=job.resumes_from,
        source_table=tables.source,
    )


def _write(
    output: Output,
    model: Any,
    synthetic: pd.DataFrame,
    form: CsvForm,
    folder: Path,
    has_marginals: bool,
) -> None:
    synthetic = with_label_column(synthetic, output.label_column)
    if output.csv:
        csv: Any = {
            key: value for key, value in form.items() if key != "na_values"
        }  # an empty cell is missing
        write_table(synthetic, folder / SYNTHETIC_CSV, escape_formulas=output.escape_formulas, **csv)
    if output.parquet:
        write_table(synthetic, folder / SYNTHETIC_PARQUET)
    if output.model:
        model.save(folder / MODEL, with_place=folder.name != RELEASE)
    if has_marginals and model.privacy_.is_private:
        write_table(model.marginals(), folder / MARGINALS)
    write_text(model.schema_.to_yaml(), folder / SCHEMA)


def _evaluate(
    job: Job, model: Any, tables: Split, synthetic: pd.DataFrame, audit: Any, progress: Progress
) -> Any:
    """Return the report with both its editions."""
    return model.evaluate(
        read_text(tables.real, model.schema_),
        read_text(tables.holdout, model.schema_),
        synthetic=synthetic,
        rules=job.rules,
        gate=job.release_gate,
        audit=audit,
        private_metrics_epsilon=job.private_metrics_epsilon,
        ledger=job.ledger,
        checkpoint=job.resumes_from,
        source_table=tables.source,
        title=job.name,
        about=describe_model(job),
        stated=job.stated,
        random_state=job.random_state or 0,
        progress=progress,
    )


def _write_report(wanted: ReportOptions, report: Any, folder: Path) -> None:
    """Write an edition to the requested files."""
    if wanted.html:
        report.to_html(folder / REPORT_HTML)
    if wanted.json:
        report.to_json(folder / REPORT_JSON)
    if wanted.pdf:
        report.to_pdf(folder / REPORT_PDF)
        report.to_pdf(folder / SUMMARY_PDF, summary=True)
    if wanted.card:
        report.to_markdown(folder / CARD)


def _reports_of(job: Job) -> ReportOptions:
    """Return the files of the shareable edition: all of them if they go into a bundle."""
    wanted = job.report or ReportOptions()
    if job.bundle is None:
        return wanted
    pdf = wanted.pdf or has_pdf() if job.bundle.pdf is None else job.bundle.pdf
    return replace(wanted, html=True, json=True, card=True, pdf=pdf)


def _bundle(job: Job, model: Any, synthetic: pd.DataFrame, form: CsvForm, report: Any, folder: Path) -> None:
    """Complete the release to a bundle, and keep its input key and the internal statement in the internal folder."""
    from tabgan.bundle.archives import pack
    from tabgan.bundle.commitment import Commitment
    from tabgan.bundle.de_identification import de_identification_of
    from tabgan.bundle.writing import complete, contents_of
    from tabgan.privacy.ledger.file import LedgerFile
    from tabgan.privacy.ledger.summary import summarize

    options = job.bundle
    if options is None:
        return
    commitment = Commitment.to_place(model.privacy_.place)
    contents = contents_of(
        report.shareable.data,
        model.schema_,
        with_label_column(synthetic, job.output.label_column),
        form=form,
        has_escapes=job.output.escape_formulas,
        terms=options.about.filled(**job.stated),
        request={"rows": len(synthetic), **job.output.wanted},
        commitment=commitment,
    )
    complete(folder / RELEASE, contents, options.sign_key, options.services)
    if commitment is not None:
        commitment.keep(_folder(folder, INTERNAL) / INPUT_KEY)
    totals = None if job.ledger is None else summarize(LedgerFile(job.ledger.path))
    statement = de_identification_of(contents, report.evaluation.group("attacks"), totals)
    write_text(statement, _folder(folder, INTERNAL) / DE_IDENTIFICATION)
    if options.archive:
        pack(folder / RELEASE, folder / ARCHIVE, job.name)


def describe_model(job: Job) -> dict[str, str]:
    """Return the report's description of the model: version, seed and the arguments that the job sets."""
    chosen = {key: str(value) for key, value in job.model.items()}
    return {"tabgan": __version__, "random_state": str(job.random_state)} | chosen
