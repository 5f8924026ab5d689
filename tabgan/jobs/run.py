"""One job from its source to its folder of results.

Rows that are held out go to the evaluation and nowhere else. Figures that the evaluation computes on real
rows are not covered by epsilon.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

import tabgan
from tabgan.checkpoint import discard, has_begun, holdout_seed
from tabgan.encoding.values import read_text
from tabgan.errors import DataError
from tabgan.io import check_writable, is_csv, read_table, staged_folder, write_table, write_text
from tabgan.jobs.config import Job, Output
from tabgan.privacy.ledger import PrivacyStatement, spent_note
from tabgan.privacy.unit import units_of
from tabgan.progress import Progress, silent
from tabgan.rng import RandomStreams

#: Called with a stage, what is done of it, and all of it.

SYNTHETIC_CSV = "synthetic.csv"
SYNTHETIC_PARQUET = "synthetic.parquet"
MODEL = "model.tabgan"
SCHEMA = "schema.yaml"
REPORT_HTML = "report.html"
REPORT_JSON = "report.json"

#: All that a job may write into its folder.
FILES = (SYNTHETIC_CSV, SYNTHETIC_PARQUET, MODEL, SCHEMA, REPORT_HTML, REPORT_JSON)


@dataclass(frozen=True)
class JobResult:
    """What a job did.

    Attributes:
        name: The job's name.
        files: What was written.
        n_rows: Rows of the synthetic table.
        seconds: Wall time by stage.
        privacy: What was promised and spent.
        headline: The evaluation's most telling figures, as label and text; empty without a report.
    """

    name: str
    files: tuple[Path, ...]
    n_rows: int
    seconds: dict[str, float]
    privacy: PrivacyStatement
    headline: tuple[tuple[str, str], ...] = ()


@dataclass
class _Clock:
    """Times the stages and passes progress on."""

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, *, reports_itself: bool = False) -> Iterator[None]:
        """Time a stage; one that does not report what it has done is shown as a single step."""
        start = time.perf_counter()
        if not reports_itself:
            self.progress(name, 0, 1)
        yield
        self.seconds[name] = time.perf_counter() - start
        if not reports_itself:
            self.progress(name, 1, 1)


def run_job(job: Job, *, progress: Progress | None = None) -> JobResult:
    """Run a job and return what it did.

    Results are made in a hidden folder and take their names at the end: after a failure the job's folder is
    as it was before.

    Raises:
        ConfigError: the folder cannot be written; raised before anything is read.
        TabGANError: whatever reading, fitting, sampling or evaluating raises.
    """
    check_writable(job.output.folder, "output.folder")
    clock = _Clock(progress or silent)
    _check_ledger(job)
    with staged_folder(job.output.folder, FILES) as folder:
        with clock.stage("read"):
            tables = read_tables(job)
        with clock.stage("fit", reports_itself=True):
            model = _fit(job, tables, clock.progress)
        with says_what_is_spent(model), clock.stage("sample"):
            synthetic = model.sample(rows_to_sample(job.output, model.n_rows_), random_state=job.random_state)
        with says_what_is_spent(model), clock.stage("write"):
            _write(job.output, model, synthetic, folder)
        headline: tuple[tuple[str, str], ...] = ()
        if job.report is not None and tables.holdout is not None:
            with says_what_is_spent(model), clock.stage("evaluate", reports_itself=True):
                real, holdout = (read_text(t, model.schema_) for t in (tables.real, tables.holdout))
                headline = _report(job, model, (real, holdout, synthetic), folder, clock.progress)
        names = sorted((path.name for path in folder.iterdir()), key=FILES.index)
    if job.checkpoint is not None:
        discard(job.checkpoint)
    files = tuple(job.output.folder / name for name in names)
    return JobResult(job.name, files, len(synthetic), clock.seconds, model.privacy_, headline)


def _check_ledger(job: Job) -> None:
    """Raise if the ledger's cap refuses the job, before its source is read. One that goes on is let pass to the fit."""
    if job.ledger is not None and not has_begun(job.checkpoint):
        _model(job).check_room(job.ledger)


class Tables(NamedTuple):
    """A job's rows: all that the source holds, those to learn from, those held out."""

    source: pd.DataFrame
    real: pd.DataFrame
    holdout: pd.DataFrame | None


def read_tables(job: Job) -> Tables:
    """Return the source's rows, those of them to learn from, and those held out.

    A share is held out unit by unit, each by a coin of its own, so that one unit more or less in the source changes
    only its own rows in what is learnt from: a split of fixed size would tie all rows together. In a private job the
    coins are fresh: seeded ones would go by position, and a row less at the top would deal all others anew. A job
    with a checkpoint keeps the fresh seed of its coins there, so that it goes on with the same rows.

    Raises:
        DataError: when one of the two has no rows, or the columns of a held-out table differ.
        CheckpointError: the checkpoint is damaged.
    """
    df = _read(job, job.source.file())
    if job.holdout is None:
        return Tables(df, df, None)
    if isinstance(job.holdout, Path):
        holdout = _read(job, job.holdout)
        if list(holdout.columns) != list(df.columns):
            raise DataError(
                "source.holdout: expected the columns of the source, in their order. Make them the same."
            )
        return Tables(df, df, holdout)
    seed = None if job.is_private else job.random_state
    if job.checkpoint is not None and seed is None:
        seed = holdout_seed(job.checkpoint)
    coins = RandomStreams(seed).numpy("holdout")
    units = units_of(df, None if job.schema is None else job.schema.entity)
    is_held_out = (coins.random(int(units.max(initial=-1)) + 1) < job.holdout)[units]
    if is_held_out.all() or not is_held_out.any():
        raise DataError(
            "source.holdout: the table has too few rows to hold any out. Name a file, or set report: false."
        )
    real, holdout = df[~is_held_out].reset_index(drop=True), df[is_held_out].reset_index(drop=True)
    return Tables(df, real, holdout)


def rows_to_sample(output: Output, n_rows: float) -> int:
    """Return how many rows a job samples; ``n_rows`` is the fit's noisy count."""
    return max(1, round(n_rows)) if output.rows == "same" else int(output.rows)


@contextmanager
def says_what_is_spent(model: Any) -> Iterator[None]:
    """Have an error that comes after the fit say that its budget is gone."""
    try:
        yield
    except BaseException as error:
        if model.privacy_.is_private:
            error.add_note(spent_note(f"{model.privacy_.epsilon:g}"))
        raise


def _read(job: Job, path: Path) -> pd.DataFrame:
    """Return a table of the job's source, text where a CSV has no declared dtype."""
    declared = {column.name: column.dtype for column in job.schema or () if column.dtype}
    source = job.source
    dtypes = declared | source.dtypes
    return read_table(path, format=source.format, na_values=source.na_values, dtypes=dtypes, as_text=True)


def _model(job: Job) -> Any:
    from tabgan.synthesizer import TabGAN  # not on top: it brings torch and opacus along

    return TabGAN(**job.model, schema=job.declared_schema, random_state=job.random_state)


def _fit(job: Job, tables: Tables, progress: Progress) -> Any:
    return _model(job).fit(
        tables.real,
        progress=progress,
        reads_text=is_csv(job.source.file(), job.source.format),
        ledger=job.ledger,
        checkpoint=job.checkpoint,
        part_of=tables.source,
    )


def _write(output: Output, model: Any, synthetic: pd.DataFrame, folder: Path) -> None:
    if output.csv:
        write_table(synthetic, folder / SYNTHETIC_CSV)
    if output.parquet:
        write_table(synthetic, folder / SYNTHETIC_PARQUET)
    if output.model:
        model.save(folder / MODEL)
    write_text(model.schema_.to_yaml(), folder / SCHEMA)


def _report(
    job: Job,
    model: Any,
    tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame],
    folder: Path,
    progress: Progress,
) -> tuple[tuple[str, str], ...]:
    """Evaluate, write the report's editions, and return the headline."""
    from tabgan.evaluation import evaluate
    from tabgan.report import collect, write

    target = model.schema_.target
    seed = job.random_state or 0
    evaluation = evaluate(*tables, schema=model.schema_, target=target, random_state=seed, progress=progress)
    data = collect(
        evaluation,
        *tables,
        privacy=model.privacy_,
        schema=model.schema_,
        title=job.name,
        model=describe_model(job),
        target=target,
    )
    assert job.report is not None  # run_job asks for a report only then
    if job.report.html:
        write(data, folder / REPORT_HTML)
    if job.report.json:
        write(data, folder / REPORT_JSON)
    return headline_of(evaluation)


def describe_model(job: Job) -> dict[str, str]:
    """Return what the report says of the model: version, seed and arguments that were chosen."""
    chosen = {key: str(value) for key, value in job.model.items()}
    return {"tabgan": tabgan.__version__, "random_state": str(job.random_state)} | chosen


def headline_of(evaluation: Any) -> tuple[tuple[str, str], ...]:
    """Return an evaluation's most telling figures."""
    return tuple((str(label), str(text)) for label, text in getattr(evaluation, "headline", ()))
