"""Door 0: a table in which no unit of privacy has more than its share of rows.

Contributions are bounded before anything else is done with the table, because every sensitivity relies on the bound.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tabgan._util.validate import nearest
from tabgan.errors import DataError
from tabgan.privacy.unit import PrivacyUnit
from tabgan.table.spooled import SpooledTable
from tabgan.table.summed import Rows, rows_of

#: Rows that are collected, at least, before those that no unit keeps are dropped.
_WAITING = 2**21


@dataclass(frozen=True)
class BoundedTable:
    """A table in which no unit has more than its share of rows.

    Attributes:
        df: The rows that were kept, in their original order: a frame with a fresh index, or rows in parts.
        units: ``(rows,)`` int64, equal for rows of the same unit, ``0..n_units - 1``.
        n_units: Number of units. Private, like the number of rows.
    """

    df: pd.DataFrame | Rows
    units: np.ndarray
    n_units: int


def bound_contributions(df: pd.DataFrame | SpooledTable, unit: PrivacyUnit) -> BoundedTable:
    """Return the table with at most ``unit.max_rows`` rows of each unit, chosen at random.

    **Guarantee.** Adding or removing one unit adds or removes at most ``max_rows`` rows of the result and leaves every
    other row's chance of being kept unchanged: the rows are shuffled with the operating system's entropy, and each
    unit keeps its first ones. A random order stays a random order of the remaining rows when one unit's rows are
    removed from it.

    Args:
        df: The private table.
        unit: The unit whose contributions are bounded; rows are returned unchanged when each is a unit of its own.

    Raises:
        DataError: ``df`` is not a DataFrame; or the entity column is absent, has missing values, or holds values that
            cannot be compared. The contribution of a row without an entity cannot be bounded.

    References:
        Wilson et al. (2020), *Differentially Private SQL with Bounded User Contribution*, Section 3.
    """
    units = units_of(df, unit.entity)
    if isinstance(df, SpooledTable):
        return _bounded_parts(df, unit, units)
    if unit.entity is None:
        return BoundedTable(df, units, len(df))
    keys = np.frombuffer(secrets.token_bytes(8 * len(df)), dtype=np.uint64)
    order = np.argsort(keys, kind="stable")
    place = pd.Series(units[order]).groupby(units[order], sort=False).cumcount().to_numpy()
    kept = np.sort(order[place < unit.max_rows])
    _, dense = np.unique(units[kept], return_inverse=True)
    return BoundedTable(df.iloc[kept].reset_index(drop=True), dense, int(dense.max(initial=-1)) + 1)


def _bounded_parts(table: SpooledTable, unit: PrivacyUnit, units_of_values: np.ndarray) -> BoundedTable:
    """Return the rows of a table in parts that are kept; one entity's may lie in many.

    Each row gets a random priority, and each unit keeps the rows with the smallest ones, as in a random order of its
    rows. Units with no more than their share keep all rows, whatever their priorities. Memory: a few bytes per row,
    plus some in proportion to the units.
    """
    if unit.entity is None:
        return BoundedTable(rows_of(table), units_of_values, len(table))
    units = [units_of_values.astype(np.int32)[codes] for codes in table.column(unit.entity).numbers()]
    n_rows = np.bincount(np.concatenate(units))
    has_more, first, waiting, most = n_rows > unit.max_rows, 0, [np.zeros((3, 0), dtype=np.uint64)], _WAITING
    for number in table.passed("bound"):
        each = units[number]
        keys = np.frombuffer(secrets.token_bytes(8 * len(each)), dtype=np.uint64)
        rows = np.flatnonzero(has_more[each])
        waiting.append(np.stack([each[rows].astype(np.uint64), keys[rows], (rows + first).astype(np.uint64)]))
        first += len(each)
        if sum(some.shape[1] for some in waiting) > most:
            waiting = [_smallest(np.concatenate(waiting, axis=1), unit.max_rows)]
            most = max(_WAITING, 2 * waiting[0].shape[1])
    is_kept = ~has_more[np.concatenate(units)]
    is_kept[_smallest(np.concatenate(waiting, axis=1), unit.max_rows)[2].astype(np.int64)] = True
    kept = np.split(is_kept, np.cumsum(table.lengths)[:-1])
    own = np.concatenate([each[k] for each, k in zip(units, kept, strict=True)])
    return BoundedTable(rows_of(table, kept), own, len(n_rows))


def _smallest(rows: np.ndarray, most: int) -> np.ndarray:
    """Return the columns of ``(unit, key, row)`` with the smallest keys of each unit."""
    rows = rows[:, np.lexsort((rows[1], rows[0]))]
    starts = np.flatnonzero(np.diff(rows[0], prepend=rows[0][:1] + np.uint64(1)))
    sizes = np.diff(starts, append=rows.shape[1])
    return rows[:, np.arange(rows.shape[1]) - np.repeat(starts, sizes) < most]


def units_of(df: pd.DataFrame | SpooledTable, entity: str | None) -> np.ndarray:
    """Return ``(rows,)`` int64 unit numbers, consecutive from 0 and equal for rows of the same unit.

    For a table in parts: one number for each distinct value of the entity's column, instead of one for each row.

    Keys are the same if Python considers them equal. pandas' ``factorize`` cuts text off at a null character, which
    would merge several units into one, so that each would influence which rows of the others are kept.

    Raises:
        DataError: see :func:`bound_contributions`.
    """
    if isinstance(df, SpooledTable):
        if entity is None:
            return np.arange(len(df), dtype=np.int32)
        df = df.column(entity).values.to_frame(entity) if entity in df.columns else df.header
    if not isinstance(df, pd.DataFrame):
        raise DataError(f"fit: expected a pandas DataFrame, got {type(df).__name__}.")
    if entity is None:
        return np.arange(len(df))
    if entity not in df.columns:
        raise DataError(
            f"schema.entity: no column {entity!r}.{nearest(entity, [str(c) for c in df.columns])}"
        )
    series = df[entity]
    if isinstance(series, pd.DataFrame):
        raise DataError(f"schema.entity: column {entity!r} occurs more than once. Rename or drop the others.")
    if series.isna().any():
        raise DataError(
            f"Column {entity!r}: the schema's entity has missing values, and the contribution of a row without an "
            "entity cannot be bounded. Fill them in, or drop those rows."
        )
    known: dict[Any, int] = {}
    try:
        units = np.array([known.setdefault(key, len(known)) for key in series], dtype=np.int64)
        is_comparable = all(
            key == key for key in known
        )  # False for NaN, each of which would be its own entity
    except (TypeError, ValueError, ArithmeticError):
        is_comparable = False
    if not is_comparable:
        raise DataError(
            f"Column {entity!r}: the schema's entity holds values that cannot be compared. Use text or numbers."
        )
    return units
