"""Validity of synthetic cells: of their column's kind and within its domain.

A person declares a column's domain. For the figures that stay within the organisation, undeclared parts are read off
the real and the holdout rows; :func:`schema_validity` sees neither, and reports the figures that it cannot compute.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from tabgan.columns import Column
from tabgan.columns.keys import typed
from tabgan.columns.kind import Domain
from tabgan.columns.lattice import has_range
from tabgan.columns.values import short_float
from tabgan.errors import DataError
from tabgan.evaluation.catalog import ENTRIES, Entry, entries
from tabgan.evaluation.metric import Figure, NotComputed, measure, metric_of
from tabgan.evaluation.result import Metric
from tabgan.evaluation.tables import Keys, Tables, check_frame, listed, read_alone
from tabgan.rules import Rule, check_rules, keeps_rules
from tabgan.schema import Schema

#: Results of one column's cells, by the aspect that is checked.
_ASPECTS = ("types", "bounds", "precision", "categories", "missing_policy")

_NOTHING = {
    "types": "there are only identifiers, or no cell is present",
    "bounds": "no column holds numbers or moments with bounds",
    "precision": "no column holds numbers or moments of limited precision",
    "categories": "no column holds categories",
    "missing_policy": "every column may have missing values",
}


@dataclass(frozen=True)
class Checked:
    """The results of one column.

    Attributes:
        valid: Share of cells that are valid in every respect; for an identifier, that are present and unique; for a
            constant, that have its value.
        counts: By aspect, the number of valid cells, and the number of checked cells.
    """

    valid: float
    counts: Mapping[str, tuple[int, int]]


def judged_columns(tables: Tables, declared: Schema | None = None) -> tuple[Column, ...]:
    """Return the declared part of the columns' domains, which judges their cells; the rest is open.

    Args:
        tables: The three tables, whose columns may have been completed with noise, beyond the range of the rows.
        declared: A person's declaration of the table; ``None`` if the tables' columns hold nothing else.
    """
    if declared is None:
        return tables.columns
    return tuple(_as_declared(tables, column, declared) for column in tables.columns)


def _as_declared(tables: Tables, column: Column, declared: Schema) -> Column:
    if not column.is_modelled:
        return column
    found = next((each for each in declared if each.name == column.name), None)
    if found is None or found.kind != column.kind:
        found = column.undeclared()
    found = found.with_(dtype=found.dtype or column.dtype)  # which says the zone of bounds
    if found.nullable is not None:
        return found
    is_missing = any(bool(frame[column.name].isna().any()) for frame in tables.frames[:2])
    return found.model_copy(update={"nullable": is_missing})


def check_columns(tables: Tables, declared: Schema | None = None) -> dict[str, Checked]:
    """Return the results of every column of the synthetic table; see :func:`judged_columns`."""
    checked = {}
    for column in judged_columns(tables, declared):
        series = tables.frames.synthetic[column.name]
        if not column.is_modelled:
            checked[column.name] = Checked(float(column.is_generated(series).mean()), {})
            continue
        j = tables.position(column.name)
        is_coded = tables.keys[j] is not None
        values, keys = read_alone(series, column) if is_coded else (tables.values.synthetic[:, j], None)
        checked[column.name] = _check(series, column, values, keys, _observed_domain(tables, column, j))
    return checked


def validity_metrics(
    tables: Tables,
    checked: Mapping[str, Checked],
    rules: Sequence[Rule] = (),
) -> tuple[Metric, ...]:
    """Return the metrics of the group ``validity``; ``checked`` is the result of :func:`check_columns`."""
    frames = tables.frames
    known = [frames.real, frames.holdout]

    def on_rows(*names: str) -> list[Entry]:
        return [each.within("internal") for each in entries(*names)]

    return (
        *measure(on_rows("validity"), lambda: [Figure(_mean_valid(checked))]),
        *measure(on_rows(*_ASPECTS), lambda: _aspects(checked)),
        *measure(
            on_rows("dtypes"), lambda: [Figure(_right_dtypes(tables.columns, frames.synthetic, frames.real))]
        ),
        *measure(on_rows("unique_ids"), lambda: [Figure(_worst_identifier(tables.columns, checked))]),
        *measure(on_rows("rules"), lambda: [_kept_share(rules, tables.columns, frames.synthetic, known)]),
    )


def schema_validity(
    synthetic: pd.DataFrame, schema: Schema, rules: Sequence[Rule] = ()
) -> tuple[tuple[Metric, ...], dict[str, float]]:
    """Return the validity of a synthetic table, and of each column, by its schema alone.

    **Guarantee.** No real row is read. The figures follow from the arguments alone, so if the table was made under
    differential privacy, and the schema is declared or was completed under it, they are post-processing: they cost no
    epsilon and may accompany the table.

    Args:
        synthetic: The table to judge, with the schema's columns.
        schema: A complete schema. Figures that need a part that it leaves open are not computed.
        rules: Rules to check; fixed combinations must list the allowed ones.

    Returns:
        The metrics, all shareable; and by column the share of valid cells, in [0, 1], without columns whose domain
        the schema leaves open.

    Raises:
        ConfigError: a rule cannot be used.
        DataError: the table is empty, or its columns are not those of the schema.
    """
    check_frame(synthetic, "synthetic")
    _check_names(synthetic, schema)
    check_rules(rules, schema.columns)
    checked = {}
    for column in schema:
        series = synthetic[column.name].reset_index(drop=True)
        if not column.is_modelled:
            checked[column.name] = Checked(float(column.is_generated(series).mean()), {})
        else:
            checked[column.name] = _check(series, column, *read_alone(series, column), column.domain())
    computed: dict[str, Callable[[], Figure]] = {
        "validity": lambda: Figure(_mean_valid(checked)),
        "dtypes": lambda: Figure(_right_dtypes(schema.columns, synthetic, None)),
        "unique_ids": lambda: Figure(_worst_identifier(schema.columns, checked)),
        "rules": lambda: _kept_share(rules, schema.columns, synthetic, ()),
    }

    def compute(name: str) -> list[Figure]:
        return [computed[name]() if name in computed else _aspect(checked, name)]

    metrics: tuple[Metric, ...] = ()
    for name in ("validity", *_ASPECTS, "dtypes", "unique_ids", "rules"):
        entry = ENTRIES[name].within("shareable")
        names = _left_open(schema, name)
        reason = f"the schema leaves open what this needs of {listed(names)}"
        metrics += (metric_of(entry, reason),) if names else measure([entry], partial(compute, name))
    is_open = set(_left_open(schema, "validity"))
    return metrics, {name: found.valid for name, found in checked.items() if name not in is_open}


def _check_names(synthetic: pd.DataFrame, schema: Schema) -> None:
    lacking = [name for name in schema.names if name not in synthetic.columns]
    extra = [name for name in synthetic.columns if name not in schema]
    if lacking or extra:
        found = [f"lacks {listed(lacking)}"] if lacking else []
        found += [f"has {listed(extra)} besides"] if extra else []
        raise DataError(
            f"schema_validity: expected the columns of the schema, but the synthetic table {' and '.join(found)}. "
            "Declare or drop them."
        )


def _left_open(schema: Schema, name: str) -> list[str]:
    """Return the columns for which a figure needs more than the schema declares."""
    needed: Mapping[str, Callable[[Column], bool]] = {
        "validity": lambda column: column.is_complete,
        "types": lambda column: not column.is_discovered,
        "bounds": lambda column: not has_range(column) or column.bounds is not None,
        "precision": lambda column: not has_range(column) or column.has_precision,
        "categories": lambda column: not column.is_discovered,
    }
    is_enough = needed.get(name)
    return [column.name for column in schema if is_enough is not None and not is_enough(column)]


def _mean_valid(checked: Mapping[str, Checked]) -> float:
    return float(np.mean([each.valid for each in checked.values()]))


def _aspects(checked: Mapping[str, Checked]) -> list[Figure | str]:
    found: list[Figure | str] = []
    for name in _ASPECTS:
        try:
            found.append(_aspect(checked, name))
        except NotComputed as answer:
            found.append(str(answer))
    return found


def _aspect(checked: Mapping[str, Checked], name: str) -> Figure:
    counts = [each.counts[name] for each in checked.values() if name in each.counts]
    kept, looked_at = (sum(each) for each in zip(*counts, strict=True)) if counts else (0, 0)
    if not looked_at:
        raise NotComputed(_NOTHING[name])
    return Figure(kept / looked_at)


def _plain_dtype(dtype: str) -> str:
    """Return a dtype's name without its unit, nullable ones as NumPy's: a file does not distinguish them.

    Text of dtype ``str``, as pandas 3 has it, is ``object``, as it was before.
    """
    plain = without_unit(dtype)
    return {"boolean": "bool", "str": "object"}.get(
        plain, plain.lower() if plain.lower().startswith(("int", "uint")) else plain
    )


def _right_dtypes(columns: Sequence[Column], synthetic: pd.DataFrame, real: pd.DataFrame | None) -> float:
    expected = {
        column.name: column.dtype or (None if real is None else str(real[column.name].dtype))
        for column in columns
    }
    declared = {name: dtype for name, dtype in expected.items() if dtype is not None}
    if not declared:
        raise NotComputed("the schema names no dtype")
    return float(
        np.mean(
            [
                _plain_dtype(dtype) == _plain_dtype(str(synthetic[name].dtype))
                for name, dtype in declared.items()
            ]
        )
    )


def without_unit(dtype: str) -> str:
    """Return a dtype without the unit of datetimes, which pandas picks by a column's origin."""
    for unit in ("s", "ms", "us"):
        dtype = dtype.replace(f"datetime64[{unit}", "datetime64[ns")
    return dtype


def _worst_identifier(columns: Sequence[Column], checked: Mapping[str, Checked]) -> float:
    found = [checked[column.name].valid for column in columns if column.has_unique_values]
    if not found:
        raise NotComputed("no column is an identifier")
    return min(found)


def _kept_share(
    rules: Sequence[Rule], columns: Sequence[Column], synthetic: pd.DataFrame, known: Sequence[pd.DataFrame]
) -> Figure:
    if not rules:
        raise NotComputed("no rules were given")
    if not known and any(rule.needs_rows for rule in rules):
        raise NotComputed("a rule leaves open which combinations are allowed")
    return Figure(float(keeps_rules(rules, columns, synthetic, known).mean()))


def _check(
    series: pd.Series, column: Column, values: np.ndarray, keys: Keys | None, domain: Domain
) -> Checked:
    """Return the results of one modelled column."""
    is_missing = series.isna().to_numpy(dtype=bool)
    is_of_kind = ~is_missing & ~np.isnan(values)
    aspects: dict[str, np.ndarray] = {}
    if keys is not None:
        families = {_family(key) for key in domain.keys or ()} | {
            _family(key) for key in keys if domain.holds is not None and domain.holds(key)
        }
        is_of_kind &= _pick(values, [_family(key) in families for key in keys])
        if domain.keys is not None:
            aspects["categories"] = _pick(
                values,
                [key in domain.keys or (domain.holds is not None and domain.holds(key)) for key in keys],
            )
    else:
        eps = float(np.finfo(np.float64).eps) if column.is_exact else _precision(series)
        if domain.bounds is not None:
            aspects["bounds"] = _is_within(values, domain.bounds, eps)
        if domain.step is not None:
            aspects["precision"] = _is_multiple(values, domain.step, eps, column.is_exact)
    is_valid = np.logical_and.reduce([is_of_kind, *aspects.values()])
    # A category of another kind is also unknown; a cell that is not a number has no bounds to keep.
    looked_at = is_of_kind if keys is None else ~is_missing
    counts = {name: (int((kept & looked_at).sum()), int(looked_at.sum())) for name, kept in aspects.items()}
    counts["types"] = (int(is_of_kind.sum()), int((~is_missing).sum()))
    if not domain.may_miss:
        counts["missing_policy"] = (int((~is_missing).sum()), len(series))
    return Checked(float(np.where(is_missing, domain.may_miss, is_valid).mean()), counts)


def _pick(codes: np.ndarray, by_key: Sequence[bool]) -> np.ndarray:
    """Return ``(rows,)`` values of a property of each row's category; False if it is missing."""
    return np.asarray(np.array([*by_key, False])[np.nan_to_num(codes, nan=len(by_key)).astype(np.int64)])


def _family(key: Hashable) -> str:
    """Return the type of a category; booleans are read as tuples."""
    if isinstance(key, str):
        return "text"
    if isinstance(key, tuple):
        return "boolean"
    return "number" if isinstance(key, int | float) else type(key).__name__


def _observed_domain(tables: Tables, column: Column, j: int) -> Domain:
    """Return a modelled column's domain, with open parts taken from the real and holdout rows."""
    domain, keys = column.domain(), tables.keys[j]
    known = np.concatenate([tables.values.real[:, j], tables.values.holdout[:, j]])
    known = known[~np.isnan(known)]
    if keys is not None:  # those of a completed schema among them, which the rows need not hold
        seen = frozenset(keys[code] for code in np.unique(known).astype(np.int64) if code < len(keys))
        label = [] if column.other_label is None else typed([column.other_label])
        return replace(domain, keys=seen.union(label) if domain.keys is None else domain.keys)
    if not len(known):
        return domain
    if domain.bounds is None:
        domain = replace(domain, bounds=(float(known.min()), float(known.max())))
    if has_range(column) and not column.has_precision:
        eps = _precision(tables.frames.real[column.name])
        fits = (step for step in column.known_steps if _is_multiple(known, step, eps, column.is_exact).all())
        domain = replace(domain, step=next(fits, None))
    return domain


def _precision(series: pd.Series) -> float:
    """Return the relative spacing of a column's floats."""
    return float(np.finfo(short_float(series.dtype) or np.float64).eps)


def _is_within(values: np.ndarray, bounds: tuple[float, float], eps: float) -> np.ndarray:
    low, high = bounds
    slack = 4 * eps * max(abs(bound) if np.isfinite(bound) else 0.0 for bound in bounds)
    return (values >= low - slack) & (values <= high + slack)


def _is_multiple(values: np.ndarray, step: float, eps: float, is_exact: bool) -> np.ndarray:
    """Return ``(rows,)`` booleans, True for multiples of a step, exactly or within float precision."""
    if is_exact:
        return np.asarray(values % step == 0)
    scaled = values / step
    return np.abs(scaled - np.rint(scaled)) <= 1e-6 + 8 * eps * np.abs(scaled)
