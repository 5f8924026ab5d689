"""Formulas solved for a missing number, given the computed cell and the formula's other parts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tabgan.columns.kind import Column, read_text
from tabgan.columns.lattice import has_range
from tabgan.rules import Formula
from tabgan.table.codes import TableEncoder
from tabgan.table.partial import is_known


def with_solved(rows: pd.DataFrame, encoder: TableEncoder) -> pd.DataFrame:
    """Return rows in which a number is filled in that follows from a given computed cell and the formula's other parts.

    ``high`` of ``total = low + high`` follows from ``total`` and ``low``. What the model has no place for stays open.

    Args:
        rows: Given cells.
        encoder: Of the model.
    """
    described = {column.name: column for column in encoder.schema}
    rows = _with_distances(rows, encoder)
    for rule in encoder.schema.rules:
        if not isinstance(rule, Formula) or rule.column not in rows or _is_no_number(described[rule.column]):
            continue
        inputs = [name for name in rule.touches(described) if name != rule.column]
        for name in inputs:
            others = [each for each in inputs if each != name]
            if (
                _is_no_number(described[name])
                or name not in encoder.positions
                or not set(others) <= set(rows)
            ):
                continue
            is_open = rows[name].isna() if name in rows else pd.Series(True, index=rows.index)
            at = np.flatnonzero(rows[[rule.column, *others]].notna().all(axis=1) & is_open)
            if len(at):
                rows = _solved(rows, at, rule, name, others, encoder)
    return rows


def _with_distances(rows: pd.DataFrame, encoder: TableEncoder) -> pd.DataFrame:
    """Return rows with the distances of columns that lie near others, where both are given."""
    reduction = encoder.reduction
    if reduction is None:
        return rows
    for each in reduction.differences:
        if set(each.members) <= set(rows):
            read = read_text(rows[list(each.members)], [reduction.described[name] for name in each.members])
            rows = rows.assign(**{each.name: each.merge(read, reduction.described).set_axis(rows.index)})
    return rows


def _solved(
    rows: pd.DataFrame, at: np.ndarray, rule: Formula, name: str, others: list[str], encoder: TableEncoder
) -> pd.DataFrame:
    """Return rows with a number filled in at some places, where the formula is linear in it."""
    described = {column.name: column for column in encoder.schema}
    column = described[name]
    known = {each: rows[each].iloc[at].reset_index(drop=True) for each in others}
    wanted = described[rule.column].read(rows[rule.column].iloc[at])

    def computed(values: np.ndarray) -> np.ndarray:
        cells = column.written(values) if has_range(column) else pd.Series(values)
        return rule.values(known | {name: cells}, described)

    with np.errstate(all="ignore"):
        nought, one = computed(np.zeros(len(at))), computed(np.ones(len(at)))
        found = (wanted - nought) / (one - nought)
        found = np.where(np.isfinite(found), found, np.nan)
        is_right = np.isclose(computed(found), wanted, rtol=1e-9, atol=1e-9)
    cells = column.written(found) if has_range(column) else pd.Series(found)
    is_right &= cells.notna().to_numpy(dtype=bool)
    kept = np.flatnonzero(is_right)
    kept = kept[is_known(encoder, encoder.positions[name], cells.iloc[kept].reset_index(drop=True))]
    filled = rows[name].astype(object) if name in rows else pd.Series(None, index=rows.index, dtype=object)
    filled.iloc[at[kept]] = cells.iloc[kept].astype(object).to_numpy()
    rows = rows.copy(deep=False)
    rows[name] = filled
    return rows


def _is_no_number(column: Column) -> bool:
    return column.quantity != "a number"


def with_rows(table: pd.DataFrame, rows: np.ndarray, others: pd.DataFrame) -> pd.DataFrame:
    """Return a table in which some rows are replaced; column by column, so that dtypes stay."""
    if not len(rows):
        return table
    places = np.arange(len(table))
    places[rows] = len(table) + np.arange(len(rows))
    columns = {
        name: pd.concat([table[name], others[name]], ignore_index=True).take(places).reset_index(drop=True)
        for name in table.columns
    }
    return pd.DataFrame(columns, index=table.index)
