"""Partial rows: cells that a person gives, the codes that they have, and whole rows around them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tabgan._util.validate import nearest
from tabgan.columns.encoder import cast
from tabgan.columns.filling import Filling
from tabgan.columns.kind import Column, is_text_dtype
from tabgan.columns.values import objects
from tabgan.errors import ConfigError, DataError, SchemaError
from tabgan.schema import Schema
from tabgan.table.codes import TableEncoder


@dataclass(frozen=True)
class PartialRows:
    """Rows of which some cells are given.

    Attributes:
        given: Their table, with columns of the schema.
        codes: ``(rows, modelled columns)`` codes of the given cells, -1 of those that are not given, or not used.
    """

    given: pd.DataFrame
    codes: np.ndarray

    def to_draw(self, encoder: TableEncoder) -> list[str]:
        """Return the names of modelled columns of which a cell is not given."""
        return [name for name in encoder.positions if name not in self.given or self.given[name].isna().any()]

    def completed(self, drawn: pd.DataFrame, schema: Schema) -> pd.DataFrame:
        """Return whole rows: the given cells, and those of drawn rows in all other places.

        Raises:
            DataError: a column's dtype cannot hold a given cell as it is.
        """
        columns = {column.name: self._column(drawn[column.name], column) for column in schema}
        return pd.DataFrame(columns).set_axis(self.given.index)

    def _column(self, drawn: pd.Series, column: Column) -> pd.Series:
        if column.name not in self.given:
            return drawn
        given = self.given[column.name].reset_index(drop=True)
        is_given = given.notna().to_numpy(bool)
        if given.dtype == drawn.dtype and is_given.all():
            return given
        values = drawn.astype(object)
        values[is_given] = _of_text(given[is_given].astype(object), drawn, column)
        if not column.is_modelled:
            values = _apart(values, is_given, column)
        whole = _as_dtype(values, drawn)
        if whole is None or not _are_same(whole[is_given], given[is_given], column):
            raise DataError(
                f"Column {column.name!r}: dtype {drawn.dtype} cannot hold a given cell as it is. Convert the column."
            )
        return whole


def partial_rows(encoder: TableEncoder, rows: object, *, ignores_unknown: bool) -> PartialRows:
    """Return the given cells of a table as codes, each cell by itself.

    Args:
        encoder: Of the model.
        rows: A table with some of the schema's columns, or all; a missing cell is not given.
        ignores_unknown: True if no other cell depends on a given one that the model has no place for, False if it is
            refused.

    Raises:
        DataError: it is no table, two columns share a name, or the model has no place for a cell; no cell is quoted.
        SchemaError: a column is none of the schema's.
    """
    if not isinstance(rows, pd.DataFrame):
        raise DataError(f"rows: expected a pandas DataFrame, got {type(rows).__name__}.")
    if not rows.columns.is_unique:
        raise DataError("rows: expected columns of different names. Rename one.")
    for name in rows.columns:
        if name not in encoder.schema:
            raise SchemaError(f"rows: no column {name!r}.{nearest(name, encoder.schema.names)}")
    codes = np.full((len(rows), len(encoder.columns)), -1, dtype=np.int64)
    for name in rows.columns:
        if name not in encoder.positions:
            if encoder.schema[name].is_modelled:
                raise ConfigError(
                    f"rows: column {name!r} is made of others by a rule of the schema, and cannot be given. Leave it "
                    "out."
                )
            continue
        position, series = encoder.positions[name], rows[name].reset_index(drop=True)
        present = np.flatnonzero(series.notna())
        is_known = _is_known(encoder, position, series[present])
        if not (ignores_unknown or is_known.all()):
            raise DataError(
                f"Column {name!r}: {int((~is_known).sum()):,} given cells are not in the column's released domain. "
                f"See model.schema_[{name!r}]. Correct them or make them missing; with unknown='ignore' they are "
                "kept, and no other cell depends on them."
            )
        known = present[is_known]
        for place in (position, *encoder.cycles.get(position, ())):
            column = encoder.columns[place]
            codes[known, place] = column.code_of_cell[column.encoder.transform(series[known])]
    return PartialRows(rows, codes)


def _is_known(encoder: TableEncoder, position: int, present: pd.Series) -> np.ndarray:
    """Return ``(cells,)`` true for each that has a code which rows may have."""
    column = encoder.columns[position]
    if not len(present):
        return np.zeros(0, dtype=bool)
    found = column.code_of_cell[column.encoder.transform(present)]
    return np.asarray(column.encoder.can_place(present) & column.exists[found])


def _of_text(given: pd.Series, like: pd.Series, column: Column) -> pd.Series:
    """Return given cells, text among them as the values that it stands for where the column holds no text."""
    if column.has_categories or not column.is_modelled or is_text_dtype(like.dtype):
        return given
    try:
        read = [column.parse(cell, column.name) if isinstance(cell, str) else cell for cell in objects(given)]
    except ConfigError:
        return given  # the dtype cannot hold it, either
    return pd.Series(read, index=given.index, dtype=object)


def _as_dtype(values: pd.Series, like: pd.Series) -> pd.Series | None:
    """Return objects in the dtype of another series, ``None`` if it cannot hold them."""
    try:
        if isinstance(like.dtype, pd.CategoricalDtype):
            return values.astype(like.dtype)
        return cast(values, str(like.dtype)).rename(like.name)
    except Exception:  # pandas, NumPy and Arrow raise what they like, and quote the cell
        return None


def _are_same(one: pd.Series, other: pd.Series, column: Column) -> bool:
    """Return true if the cells of two series stand for the same values."""
    if column.has_categories or not column.is_modelled:
        return column.keys(one) == column.keys(other)
    return np.array_equal(column.read(one), column.read(other), equal_nan=True)


def _apart(values: pd.Series, is_given: np.ndarray, column: Column) -> pd.Series:
    """Return generated cells beside given ones; a key that is given is not generated again."""
    if not column.has_unique_values:
        return values
    lacking = int((~is_given).sum())
    taken = set(column.keys(values[is_given]))
    fresh = column.fill(pd.DataFrame(index=range(lacking + len(taken))), Filling())
    kept = [
        cell for cell, key in zip(fresh.astype(object), column.keys(fresh), strict=True) if key not in taken
    ]
    values = values.copy()
    values[~is_given] = pd.Series(kept[:lacking], index=values.index[~is_given], dtype=object)
    return values
