"""Loss of groups of people when a model is trained on the synthetic table.

Models are trained once on all rows and scored on the holdout rows of each group.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tabgan._util.rng import RandomStreams
from tabgan._util.validate import nearest, shown
from tabgan.columns.keys import typed
from tabgan.errors import DataError
from tabgan.evaluation.catalog import entries
from tabgan.evaluation.metric import Figure, Findings, NotComputed, measure
from tabgan.evaluation.result import OUTSIDE, SubgroupResult
from tabgan.evaluation.scores import Predictions, bootstrap, scorer
from tabgan.evaluation.tables import Keys, Tables

#: Largest numbers of columns that define groups, and of their categories, unless the caller names columns.
MAX_COLUMNS, MAX_CATEGORIES = 6, 8

#: Largest number of categories of a column that the caller names.
MAX_NAMED_CATEGORIES = 50

#: Least number of holdout rows of a group with a figure.
MIN_ROWS = 50

_FEW = f"fewer than {MIN_ROWS} holdout rows"

#: Label of the unnamed values, if no domain was declared or released.
_UNNAMED = "values of few rows, or absent from the synthetic table"

#: Largest number of classes with which scores within a group are meaningful.
MAX_CLASSES = 10


def group_columns(tables: Tables, target: str | None, named: object) -> tuple[int, ...]:
    """Return the positions of the modelled columns whose values define groups.

    Args:
        tables: The three tables.
        target: The predicted column, which defines no groups.
        named: Names of columns; ``None`` for the first six, in the table's order, that hold booleans or 2 to 8
            categories.

    Raises:
        DataError: a name is not a column, or its column's values cannot define groups.
    """
    if named is not None:
        if isinstance(named, str) or not isinstance(named, Sequence):
            raise DataError(
                f"subgroups: expected a list of columns, got {shown(named)}. Use subgroups=['sex']."
            )
        return tuple(_named_column(tables, target, name, i) for i, name in enumerate(dict.fromkeys(named)))
    chosen = [
        j
        for j, (column, keys) in enumerate(zip(tables.modelled, tables.keys, strict=True))
        if column.name != target and keys is not None and 2 <= len(keys) <= MAX_CATEGORIES
    ]
    return tuple(chosen[:MAX_COLUMNS])


def subgroup_findings(
    tables: Tables, columns: Sequence[int], judged: Predictions | str | None, streams: RandomStreams
) -> Findings:
    """Return ``tstr_subgroups`` and the result of every group.

    Args:
        tables: The three tables.
        columns: The result of :func:`group_columns`.
        judged: The trees' predictions, or the reason why there are none.
        streams: Random streams.
    """
    results: list[SubgroupResult] = []

    def compute() -> list[Figure]:
        if not isinstance(judged, Predictions):
            raise NotComputed(judged or "there is no model from both tables")
        if not columns:
            raise NotComputed(f"no column holds 2 to {MAX_CATEGORIES} categories")
        if judged.n_classes > MAX_CLASSES:
            raise NotComputed(f"the target has more than {MAX_CLASSES} classes")
        rng = streams.numpy("evaluation.subgroups")
        for j in columns:
            results.extend(_column_groups(tables, j, judged, rng))
        gaps = [each for each in results if each.gap is not None]
        if not gaps:
            raise NotComputed(f"no group has {MIN_ROWS} holdout rows in which the target varies")
        worst = max(gaps, key=lambda each: each.interval.high if each.interval else each.gap or 0.0)
        return [Figure(worst.gap or 0.0, worst.interval)]

    metrics = measure(entries("tstr_subgroups"), compute)
    return Findings(metrics, subgroups=tuple(results))


def shown_key(value: float, keys: Keys | None) -> object:
    """Return the meaning of a value of a modelled column: a number, or a category in the table's form."""
    if keys is None:
        return int(value) if value == int(value) else float(value)
    key = keys[int(value)]
    return key[1] if isinstance(key, tuple) and key[:1] == ("bool",) else _told(key)


def _told(key: Hashable) -> object:
    """Return a category of any type as plain data."""
    return key if isinstance(key, str | int | float) else str(key)


def _named_column(tables: Tables, target: str | None, name: object, place: int) -> int:
    where = f"subgroups[{place}]"
    described = {column.name: column for column in tables.columns}
    if not isinstance(name, str) or name not in described:
        raise DataError(
            f"{where}: expected a column of the tables, got {shown(name)}.{nearest(name, list(described))}"
        )
    if name == target:
        raise DataError(f"{where}: expected a column other than the target, got {name!r}. Name another.")
    if not described[name].can_group:
        raise DataError(
            f"{where}: expected a column of categories, got {name!r}, which is {described[name].kind}. Name another."
        )
    j = tables.position(name)
    n_codes = len(_codes(tables, j))
    if n_codes > MAX_NAMED_CATEGORIES:
        raise DataError(
            f"{where}: expected a column of at most {MAX_NAMED_CATEGORIES} values, got {name!r} with more. Put its "
            "values into groups first."
        )
    return j


def _codes(tables: Tables, j: int) -> Sequence[Any]:
    """Return the values of a modelled column that define groups: its categories, or its numbers in the real table."""
    keys, real = tables.keys[j], tables.values.real[:, j]
    return range(len(keys)) if keys is not None else np.unique(real[~np.isnan(real)]).tolist()


def _column_groups(
    tables: Tables, j: int, judged: Predictions, rng: np.random.Generator
) -> list[SubgroupResult]:
    """Return the groups of one column.

    A value is named if the schema declares it, or if it occurs in the synthetic table and in ``MIN_ROWS`` holdout rows,
    because values of few rows single people out. All others, including those missing from the synthetic table, form
    one group without a category; if the schema lists categories, these are the ones outside the released domain.
    """
    column, values = tables.modelled[j], tables.values.holdout[judged.rows, j]
    results, is_unnamed = [], np.zeros(len(values), dtype=bool)
    for code in _codes(tables, j):
        is_member = values == code
        is_large = is_member.sum() >= MIN_ROWS and is_in_synthetic(tables, j, code)
        if is_large or is_declared(tables, j, code):
            category = shown_key(code, tables.keys[j])
            results.append(_result(column.name, category, judged, is_member, rng))
        else:
            is_unnamed |= is_member
    if is_unnamed.any():
        has_domain = column.has_categories and not column.is_discovered
        unnamed = _result(column.name, None, judged, is_unnamed, rng)
        results.append(replace(unnamed, label=OUTSIDE if has_domain else _UNNAMED))
    return results


def is_declared(tables: Tables, j: int, code: float) -> bool:
    """Return True if the schema lists a category of a modelled column."""
    keys = tables.keys[j]
    return keys is not None and keys[int(code)] in set(typed(tables.modelled[j].listed))


def is_in_synthetic(tables: Tables, j: int, code: float) -> bool:
    """Return True if a value of a modelled column occurs in the synthetic table."""
    return bool((tables.values.synthetic[:, j] == code).any())


def _result(
    name: str, category: object, judged: Predictions, is_member: np.ndarray, rng: np.random.Generator
) -> SubgroupResult:
    truth, n_rows = judged.truth[is_member], int(is_member.sum())
    if n_rows < MIN_ROWS:
        return SubgroupResult(name, category, n_rows, reason=_FEW)
    if len(np.unique(truth)) < 2:
        return SubgroupResult(name, category, n_rows, reason="the target is constant in the group")
    real, synthetic = (
        scorer(truth, predicted[is_member], judged.n_classes) for predicted in (judged.real, judged.synthetic)
    )
    # Both models are scored on the same rows in every draw: the choice of rows does not blur the difference.
    gap = bootstrap(lambda weights: real(weights) - synthetic(weights), n_rows, rng)
    everyone = np.ones(n_rows)
    tstr, trtr = synthetic(everyone), real(everyone)
    if not np.isfinite(gap.value):
        return SubgroupResult(name, category, n_rows, reason="the score is not defined in the group")
    return SubgroupResult(name, category, n_rows, tstr, trtr, gap.value, gap.interval)
