"""Whether synthetic cells are of their column's kind, within its domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tabgan.evaluation.measure import Definition, Figure, NotComputed, measure
from tabgan.evaluation.result import Metric
from tabgan.evaluation.tables import Tables, declared_keys
from tabgan.schema import MAX_DECIMALS, Categorical, Datetime, Identifier, Numeric

_SECONDS = {"day": 86_400, "second": 1}

VALIDITY = Definition(
    name="validity",
    label="Valid cells",
    group="validity",
    direction="higher",
    format="percent",
    meaning="Share of synthetic cells that are of their column's kind, within its bounds, precision and categories, "
    "and missing only where that is allowed. What the schema leaves open is read off the real rows.",
    good="100% where the schema declares all. Where it does not, a value just outside of what the rows hold may be "
    "right.",
)
DTYPES = Definition(
    name="dtypes",
    label="Columns of the right dtype",
    group="validity",
    direction="higher",
    format="percent",
    meaning="Share of columns whose dtype is that of the schema, or of the real table where the schema names none.",
    good="100%: code that runs on the real table runs on the synthetic one.",
)
UNIQUE_IDS = Definition(
    name="unique_ids",
    label="Unique identifiers",
    group="validity",
    direction="higher",
    format="percent",
    meaning="Share of rows whose identifier is present and not used by another row; "
    "the worst column where there are several.",
    good="100%: a key names one row.",
)


def valid_shares(tables: Tables) -> dict[str, float]:
    """Return, by column, the share of synthetic cells that keep to the schema."""
    shares = {}
    for column in tables.columns:
        is_valid = (
            _is_unique(tables.frames.synthetic[column.name])
            if isinstance(column, Identifier)
            else _is_valid(tables, column, tables.position(column.name))
        )
        shares[column.name] = float(np.mean(is_valid))
    return shares


def validity_metrics(tables: Tables, shares: dict[str, float]) -> tuple[Metric, ...]:
    """Return the metrics of the group ``validity``."""
    return (
        *measure([VALIDITY], lambda: [Figure(float(np.mean(list(shares.values()))))]),
        *measure([DTYPES], lambda: [Figure(_right_dtypes(tables))]),
        *measure([UNIQUE_IDS], lambda: [Figure(_worst_identifier(tables, shares))]),
    )


def _right_dtypes(tables: Tables) -> float:
    frames = tables.frames
    expected = [column.dtype or str(frames.real[column.name].dtype) for column in tables.columns]
    found = [str(frames.synthetic[column.name].dtype) for column in tables.columns]
    return float(np.mean([_plain(a) == _plain(b) for a, b in zip(expected, found, strict=True)]))


def _plain(dtype: str) -> str:
    """Return a dtype without the unit of datetimes, which pandas picks by how a column was made."""
    for unit in ("s", "ms", "us"):
        dtype = dtype.replace(f"datetime64[{unit}", "datetime64[ns")
    return dtype


def _worst_identifier(tables: Tables, shares: dict[str, float]) -> float:
    found = [shares[column.name] for column in tables.columns if isinstance(column, Identifier)]
    if not found:
        raise NotComputed("no column is an identifier")
    return min(found)


def _is_unique(series: pd.Series) -> np.ndarray:
    text = series.astype(object).map(repr)  # repr: such cells may be of any type
    return np.asarray(series.notna() & ~text.duplicated(keep=False), dtype=bool)


def _is_valid(tables: Tables, column: Any, j: int) -> np.ndarray:
    """Return, by synthetic row, whether a modelled column's cell is valid."""
    series, values = tables.frames.synthetic[column.name], tables.values.synthetic[:, j]
    known = np.concatenate([tables.values.real[:, j], tables.values.holdout[:, j]])
    known = known[~np.isnan(known)]
    if isinstance(column, Numeric):
        is_inside = _is_number_inside(column, values, known, _precision(series))
    elif isinstance(column, Datetime):
        is_inside = _is_moment_inside(column, values, known)
    else:
        is_inside = _is_listed(column, values, tables.keys[j] or ())
    may_miss = column.nullable is not False
    return np.where(series.isna().to_numpy(dtype=bool), may_miss, is_inside & ~np.isnan(values))


def _precision(series: pd.Series) -> float:
    """Return the relative spacing of a column's floats."""
    name = str(series.dtype).lower()
    return float(np.finfo(np.float32 if "float32" in name else np.float64).eps)


def _is_number_inside(column: Numeric, values: np.ndarray, known: np.ndarray, eps: float) -> np.ndarray:
    decimals = column.decimals
    if decimals is None:
        fits = (d for d in range(MAX_DECIMALS) if _is_multiple(known, 10.0**-d, eps).all())
        decimals = next(fits, MAX_DECIMALS)
    is_inside = _is_within(values, column.bounds or _range(known), eps)
    # More decimals than that is every float there is.
    return is_inside if decimals >= MAX_DECIMALS else is_inside & _is_multiple(values, 10.0**-decimals, eps)


def _is_moment_inside(column: Datetime, values: np.ndarray, known: np.ndarray) -> np.ndarray:
    bounds = _range(known)
    if column.bounds is not None:
        low, high = (pd.Timestamp(bound).tz_localize(None).timestamp() for bound in column.bounds)
        bounds = (low, high)
    units: Sequence[str] = [column.resolution] if column.resolution else ["day", "second"]
    eps = float(np.finfo(np.float64).eps)
    fits = (_SECONDS[unit] for unit in units if column.resolution or (known % _SECONDS[unit] == 0).all())
    unit = next(fits, None)
    is_inside = _is_within(values, bounds, eps)
    return is_inside if unit is None else is_inside & (values % unit == 0)


def _is_listed(column: Any, values: np.ndarray, keys: Sequence[object]) -> np.ndarray:
    if isinstance(column, Categorical) and column.categories is None:
        return values < len(keys)
    declared = set(declared_keys(column))
    is_declared = np.array([*(key in declared for key in keys), False])
    return is_declared[np.nan_to_num(values, nan=len(keys)).astype(np.int64)]


def _range(known: np.ndarray) -> tuple[float, float]:
    return (float(known.min()), float(known.max())) if len(known) else (-np.inf, np.inf)


def _is_within(values: np.ndarray, bounds: tuple[float, float], eps: float) -> np.ndarray:
    low, high = bounds
    slack = 4 * eps * max(abs(bound) if np.isfinite(bound) else 0.0 for bound in bounds)
    return (values >= low - slack) & (values <= high + slack)


def _is_multiple(values: np.ndarray, step: float, eps: float) -> np.ndarray:
    """Return whether values are multiples of a step, but for what their floats cannot hold."""
    scaled = values / step
    return np.abs(scaled - np.rint(scaled)) <= 1e-6 + 8 * eps * np.abs(scaled)
