"""Door 0: a table of which no unit of privacy holds more than its share.

Contributions are bounded before anything else is done with the table, so that all sensitivities can rest on it.
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
    """A table of which no unit holds more than its share.

    Attributes:
        df: The rows that were kept, in their order, with a fresh index.
        units: ``(rows,)`` int64, equal for rows of one unit, ``0..n_units - 1``.
        n_units: Number of units. Private, as the number of rows is.
    """

    df: pd.DataFrame
    units: np.ndarray
    n_units: int


def bound_contributions(df: pd.DataFrame, unit: PrivacyUnit) -> BoundedTable:
    """Return the table with at most ``unit.max_rows`` rows of each unit, chosen at random.

    **Guarantee.** Adding or removing one unit adds or removes at most ``max_rows`` rows of the result and changes no
    other row's chance to be kept: the rows are put in a random order by the operating system's entropy, and each
    unit keeps its first ones. Of the others, a random order without one unit's rows is a random order still.

    Args:
        df: The private table.
        unit: Whose contributions are bounded; rows are returned as they are when each is a unit.

    Raises:
        DataError: no DataFrame; the entity's column is missing, has missing values, or holds what cannot be compared.
            A row without an entity belongs to nobody whose contribution could be bounded.

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
    """Return ``(rows,)`` int64, equal for rows of one unit, from 0 on without a gap.

    Keys are one if Python holds them for equal. pandas' ``factorize`` takes text to end at a null character, which
    would make one unit of several, and let each decide which of the others' rows are kept.

    Raises:
        DataError: as :func:`bound_contributions`.
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
        raise DataError(
            f"schema.entity: column {entity!r} is there more than once. Rename or drop the others."
        )
    if series.isna().any():
        raise DataError(
            f"Column {entity!r}: the schema's entity has missing values, and a row without one has no bound on its "
            "contribution. Fill them in, or drop those rows."
        )
    known: dict[Any, int] = {}
    try:
        units = np.array([known.setdefault(key, len(known)) for key in series], dtype=np.int64)
        is_comparable = all(key == key for key in known)  # NaN is not: each would be an entity of its own
    except (TypeError, ValueError, ArithmeticError):
        is_comparable = False
    if not is_comparable:
        raise DataError(
            f"Column {entity!r}: the schema's entity holds values that cannot be compared. Use text or numbers."
        )
    return units
