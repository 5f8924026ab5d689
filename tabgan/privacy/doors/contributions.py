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


@dataclass(frozen=True)
class BoundedTable:
    """A table in which no unit has more than its share of rows.

    Attributes:
        df: The rows that were kept, in their original order, with a fresh index.
        units: ``(rows,)`` int64, equal for rows of the same unit, ``0..n_units - 1``.
        n_units: Number of units. Private, like the number of rows.
    """

    df: pd.DataFrame
    units: np.ndarray
    n_units: int


def bound_contributions(df: pd.DataFrame, unit: PrivacyUnit) -> BoundedTable:
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
    if unit.entity is None:
        return BoundedTable(df, units, len(df))
    keys = np.frombuffer(secrets.token_bytes(8 * len(df)), dtype=np.uint64)
    order = np.argsort(keys, kind="stable")
    place = pd.Series(units[order]).groupby(units[order], sort=False).cumcount().to_numpy()
    kept = np.sort(order[place < unit.max_rows])
    _, dense = np.unique(units[kept], return_inverse=True)
    return BoundedTable(df.iloc[kept].reset_index(drop=True), dense, int(dense.max(initial=-1)) + 1)


def units_of(df: pd.DataFrame, entity: str | None) -> np.ndarray:
    """Return ``(rows,)`` int64 unit numbers, consecutive from 0 and equal for rows of the same unit.

    Keys are the same if Python considers them equal. pandas' ``factorize`` ends text at a null character, which would
    merge several units into one and let each of them decide which of the others' rows are kept.

    Raises:
        DataError: see :func:`bound_contributions`.
    """
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
