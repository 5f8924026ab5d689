"""The evaluation of a synthetic table against real ones: all groups of figures, each step on its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

import tabgan.evaluation.diagnostic  # noqa: F401 - registers its figure
from tabgan._util.progress import Progress, told
from tabgan._util.rng import RandomStreams
from tabgan._util.validate import integer_at_least, nearest
from tabgan.errors import DataError, TabGANError, log_unexpected
from tabgan.evaluation.association import association_findings
from tabgan.evaluation.attacks.anonymity import attack_steps
from tabgan.evaluation.attacks.copies import copy_findings
from tabgan.evaluation.attacks.membership import membership_findings
from tabgan.evaluation.catalog import position
from tabgan.evaluation.coverage import coverage_findings
from tabgan.evaluation.detection import detection_findings
from tabgan.evaluation.fidelity import (
    column_distances,
    equal_cells,
    quality_metrics,
    rare_metrics,
    tvd_metrics,
)
from tabgan.evaluation.metric import Findings
from tabgan.evaluation.overlap import REFUSED, overlap_of
from tabgan.evaluation.projection import projection_findings
from tabgan.evaluation.result import ColumnResult, Evaluation, Metric
from tabgan.evaluation.steps import COMPUTED, Inputs, computed
from tabgan.evaluation.subgroups import group_columns
from tabgan.evaluation.tables import Tables, prepare, why_void
from tabgan.evaluation.utility import utility_findings
from tabgan.evaluation.validity import Checked, check_columns, validity_metrics
from tabgan.rules import Rule, check_rules
from tabgan.schema import Schema

logger = logging.getLogger(__name__)

_OVERLAP = (
    "evaluate: some of the holdout table's rows are rows of the real table, beyond those that are equal by chance; the "
    "internal report says how many. References and controls are then too good. Hold rows out before the generator is "
    "trained."
)


def evaluate(
    real: pd.DataFrame,
    holdout: pd.DataFrame,
    synthetic: pd.DataFrame,
    *,
    schema: Schema | None = None,
    target: str | None = None,
    rules: Sequence[Rule] = (),
    subgroups: Sequence[str] | None = None,
    random_state: int = 0,
    declared: Schema | None = None,
    progress: Progress | bool | None = None,
    refuses_unreadable: bool = True,
    refuses_overlap: bool = False,
) -> Evaluation:
    """Return the evaluation of a synthetic table against the real one and against a holdout.

    Any three tables with the same columns can be compared, whatever made the synthetic one. Large tables are sampled;
    the same tables and seed give the same figures.

    **Guarantee.** None: every figure is computed on real rows without noise and stays within the organisation.

    Args:
        real: The training rows.
        holdout: Rows of the same kind that the model never saw.
        synthetic: The table to evaluate.
        schema: Kinds and domains of the columns; anything that it leaves open is read off the rows.
        target: The column that models predict; the schema's by default.
        rules: Rules for every row, such as ``Inequality("start", "end")``, besides those of the schema. These are only
            checked: the sampler enforces those that were declared before the fit.
        subgroups: Columns whose values define the groups of utility by group; ``None`` for the first six with 2 to 8
            categories, in the table's order.
        random_state: Seed of samples and models.
        declared: A person's declaration of the columns, if ``schema`` was completed under privacy: validity is then
            judged by it, and by the rows where it leaves something open. ``None`` if ``schema`` was declared.
        progress: Called with ``"evaluate"``, the steps done and all steps; by default bars on a terminal or in a
            notebook, which ``False`` turns off.
        refuses_unreadable: True to raise if no holdout cell of a column is of its kind in the real table. If False,
            comparisons with holdout rows are reported as not computed, with the reason: unreadable rows must not cost
            a release that was paid for.
        refuses_overlap: True to raise if most holdout rows are training rows, beyond those that are equal by chance. If
            False, the log and the report say so.

    Raises:
        ConfigError: ``random_state`` is not a non-negative integer, or a rule cannot be used.
        DataError: a table is empty, its columns are not those of the real one, ``target`` or one of ``subgroups`` is
            not a column, a holdout column cannot be read, or the holdout is refused.
    """
    seed = integer_at_least("random_state", random_state, 0)
    streams = RandomStreams(seed)
    target = target if target is not None else schema.target if schema is not None else None
    tables = prepare(real, holdout, synthetic, schema)
    entity = None if schema is None else schema.entity
    units, holdout_units = (_units(table, entity) for table in (real, holdout))
    if tables.unreadable and refuses_unreadable:
        raise DataError(f"evaluate: {why_void(tables.unreadable)}. Give both the same dtype.")
    overlap = overlap_of(tables)
    if overlap > REFUSED and refuses_overlap:
        raise DataError(
            "evaluate: most of the holdout table's rows are rows of the real table, beyond those that are equal by "
            "chance. Hold rows out before the generator is trained, and give it the others alone."
        )
    if overlap:
        logger.warning(_OVERLAP)
    if target is not None and target not in tables.frames.real.columns:
        raise DataError(
            f"target: no column {target!r} in the tables.{nearest(target, list(tables.frames.real.columns))}"
        )
    check_rules(rules, tables.columns)
    if schema is not None:
        rules = tuple(dict.fromkeys((*schema.rules, *rules)))
    group_columns(tables, target, subgroups)  # raises before the steps take their time
    checked = check_columns(tables, declared)
    cells = equal_cells(tables, streams)
    distances = column_distances(tables, cells)
    inputs = Inputs(tables, target, rules, streams)
    steps: list[Callable[[], Findings | tuple[Metric, ...]]] = [
        lambda: coverage_findings(tables, streams, units),
        lambda: validity_metrics(tables, checked, rules),
        lambda: quality_metrics(tables, streams),
        lambda: tvd_metrics(cells, distances, streams),
        lambda: association_findings(tables, streams),
        lambda: rare_metrics(tables, streams),
        lambda: detection_findings(tables, streams, holdout_units),
        lambda: projection_findings(tables, streams),
        lambda: utility_findings(tables, target, subgroups, streams),
        *attack_steps(tables, streams),
        lambda: membership_findings(tables, streams, holdout_units),
        lambda: copy_findings(tables, streams),
        *(partial(computed, name, inputs) for name in COMPUTED),
    ]
    with told(progress) as tell:
        found = _run(steps, tell)
    if tables.unreadable:
        found, distances = _void(found, why_void(tables.unreadable)), {}
    return Evaluation(
        metrics=tuple(sorted(found.metrics, key=lambda metric: position(metric.name, metric.group))),
        columns=_column_results(tables, checked, distances, found),
        n_real=len(real),
        n_holdout=len(holdout),
        n_synthetic=len(synthetic),
        target=target,
        random_state=seed,
        subgroups=found.subgroups,
        pictures=found.pictures,
        unshown=found.unshown,
        overlap=overlap,
    )


def _units(table: pd.DataFrame, entity: str | None) -> np.ndarray | None:
    """Return the ``(rows,)`` numbers of the people behind a table's rows; ``None`` if each person has one row."""
    return pd.factorize(table[entity], use_na_sentinel=False)[0] if entity in table else None


def _run(steps: Sequence[Callable[[], Findings | tuple[Metric, ...]]], report: Progress) -> Findings:
    """Return the findings of all steps.

    They run on one thread: the samples are small, and if other work competes for the cores, threads that wait for one
    another make trees up to 100 times slower.
    """
    found = Findings()
    with threadpool_limits(1):
        for done, step in enumerate(steps):
            report("evaluate", done, len(steps))
            found = _joined(found, _found_by(step))
    report("evaluate", len(steps), len(steps))
    return found


def _found_by(step: Callable[[], Findings | tuple[Metric, ...]]) -> Findings | tuple[Metric, ...]:
    """Return the findings of a step; none if it failed on an odd table, because it comes after the fit.

    A gate treats an absent figure as one that was not computed.
    """
    try:
        return step()
    except TabGANError:
        raise
    except Exception as error:
        log_unexpected(error, "one step of the evaluation")
        return Findings()


def _void(found: Findings, reason: str) -> Findings:
    """Return the findings that need no holdout row."""
    nothing = {"value": None, "interval": None, "reference": None, "baseline": None, "risk": None}
    metrics = (
        each if each.group == "validity" or not each.is_computed else replace(each, **nothing, reason=reason)  # type: ignore[arg-type]
        for each in found.metrics
    )
    return Findings(tuple(metrics))


def _joined(found: Findings, further: Findings | tuple[Metric, ...]) -> Findings:
    """Return earlier findings joined with later ones."""
    if isinstance(further, tuple):
        further = Findings(further)
    drawn = {name: each for name, each in vars(further.pictures).items() if each is not None}
    return Findings(
        metrics=found.metrics + further.metrics,
        giveaways={**found.giveaways, **further.giveaways},
        subgroups=found.subgroups + further.subgroups,
        pictures=replace(found.pictures, **drawn),
        unshown_shares={**found.unshown_shares, **further.unshown_shares},
        unshown=found.unshown + further.unshown,
    )


def _column_results(
    tables: Tables,
    checked: Mapping[str, Checked],
    distances: Mapping[str, tuple[float, float]],
    found: Findings,
) -> tuple[ColumnResult, ...]:
    results = []
    for column in tables.columns:
        value, reference = distances.get(column.name, (None, None))
        results.append(
            ColumnResult(
                name=column.name,
                kind=column.kind,
                tvd=value,
                reference=reference,
                valid=checked[column.name].valid,
                missing_real=float(tables.frames.real[column.name].isna().mean()),
                missing_synthetic=float(tables.frames.synthetic[column.name].isna().mean()),
                giveaway=found.giveaways.get(column.name),
                unshown=found.unshown_shares.get(column.name),
            )
        )
    return tuple(results)
