"""Door 3: how a synthetic table compares with real ones. Figures from here are outside the guarantee."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from tabgan._validate import integer_at_least
from tabgan.evaluation.anonymeter_adapter import anonymeter_metrics
from tabgan.evaluation.attacks import attack_metrics
from tabgan.evaluation.copies import copy_metrics
from tabgan.evaluation.fidelity import (
    column_distances,
    detection_metrics,
    duplicate_metrics,
    equal_cells,
    quality_metrics,
    tvd_metrics,
)
from tabgan.evaluation.membership import membership_metrics
from tabgan.evaluation.result import ColumnResult, Evaluation, Interval, Metric, Pictures
from tabgan.evaluation.tables import Tables, prepare
from tabgan.evaluation.utility import utility_metrics
from tabgan.evaluation.validity import valid_shares, validity_metrics
from tabgan.progress import Progress
from tabgan.rng import RandomStreams
from tabgan.schema import Schema

__all__ = ["ColumnResult", "Evaluation", "Interval", "Metric", "evaluate"]


def evaluate(
    real: pd.DataFrame,
    holdout: pd.DataFrame,
    synthetic: pd.DataFrame,
    *,
    schema: Schema | None = None,
    target: str | None = None,
    random_state: int = 0,
    progress: Progress | None = None,
) -> Evaluation:
    """Return how a synthetic table compares with the real one, and with real rows held out.

    Any three tables with the same columns do, whatever made the synthetic one. Large tables are judged on
    samples; the same tables and seed give the same figures.

    **Guarantee.** None: every figure is computed on real rows without noise. It stays in the house.

    Args:
        real: The rows that the model learnt from.
        holdout: Rows of the same kind that it has not seen.
        synthetic: The table to judge.
        schema: What is known of the columns, for kinds and validity; what it leaves open is read off the rows.
        target: The column that models predict; the schema's by default.
        random_state: Seed of samples and models.
        progress: Called with ``"evaluate"``, the steps done and all steps.

    Raises:
        ConfigError: ``random_state`` is not a non-negative integer.
        DataError: a table is empty, or its columns are not those of the real one.
    """
    seed = integer_at_least("random_state", random_state, 0)
    streams = RandomStreams(seed)
    target = target if target is not None else schema.target if schema is not None else None
    tables = prepare(real, holdout, synthetic, schema)
    shares = valid_shares(tables)
    cells = equal_cells(tables, streams)
    distances = column_distances(tables, cells)
    pictures: dict[str, Any] = {}

    def keep(picture: str, found: tuple[tuple[Metric, ...], Any]) -> tuple[Metric, ...]:
        metrics, pictures[picture] = found
        return metrics

    steps: list[Callable[[], tuple[Metric, ...]]] = [
        lambda: validity_metrics(tables, shares),
        lambda: quality_metrics(tables, streams),
        lambda: tvd_metrics(cells, distances, streams),
        lambda: detection_metrics(tables, streams),
        lambda: duplicate_metrics(tables, streams),
        lambda: utility_metrics(tables, target, streams),
        lambda: attack_metrics(tables, streams),
        lambda: keep("membership", membership_metrics(tables, streams)),
        lambda: anonymeter_metrics(tables, target, streams),
        lambda: keep("distances", copy_metrics(tables, streams)),
    ]
    return Evaluation(
        metrics=_run(steps, progress),
        columns=_column_results(tables, shares, distances),
        n_real=len(real),
        n_holdout=len(holdout),
        n_synthetic=len(synthetic),
        target=target,
        random_state=seed,
        pictures=Pictures(**pictures),  # after the metrics, which fill it
    )


def _run(steps: Sequence[Callable[[], tuple[Metric, ...]]], progress: Progress | None) -> tuple[Metric, ...]:
    """Return all steps' metrics.

    On one thread: the samples are small, and where other work competes for the cores, threads that wait for one
    another make trees up to 100 times slower.
    """
    report = progress or (lambda stage, done, total: None)
    metrics: tuple[Metric, ...] = ()
    with threadpool_limits(1):
        for done, step in enumerate(steps):
            report("evaluate", done, len(steps))
            metrics += step()
    report("evaluate", len(steps), len(steps))
    return metrics


def _column_results(
    tables: Tables, shares: dict[str, float], distances: dict[str, tuple[float, float]]
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
                valid=shares[column.name],
                missing_real=float(tables.frames.real[column.name].isna().mean()),
                missing_synthetic=float(tables.frames.synthetic[column.name].isna().mean()),
            )
        )
    return tuple(results)
