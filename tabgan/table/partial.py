"""Partial rows: cells that a person gives, the codes that they have, and whole rows around them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pandas as pd

from tabgan._util.validate import nearest
from tabgan.columns.encoder import MISSING, cast
from tabgan.columns.filling import Filling
from tabgan.columns.kind import Column, is_text_dtype
from tabgan.columns.values import is_boolean, objects
from tabgan.errors import ConfigError, DataError, SchemaError
from tabgan.rules.rule import values_of
from tabgan.table.coded import CodedColumn
from tabgan.table.codes import DrawWithin, TableEncoder
from tabgan.table.conditions import Condition
from tabgan.table.merged import Merged
from tabgan.table.placing import ends_of_cells, placed_columns


@dataclass(frozen=True)
class Within:
    """A merged column with some parts given, row by row.

    Attributes:
        pattern: ``(rows,)`` the row's place among ``columns``; the first is of rows without a given part.
        columns: The coded column as each pattern of given parts leaves it.
        chances: ``(patterns, codes)`` chances that a code meets the parts.
    """

    pattern: np.ndarray
    columns: tuple[CodedColumn, ...]
    chances: np.ndarray

    def taken(self, rows: np.ndarray) -> Within:
        """Return some of the rows."""
        return replace(self, pattern=self.pattern[rows])

    def draw(self, rows: np.ndarray, codes: np.ndarray, rng: np.random.Generator) -> pd.Series:
        """Return cells of some rows with some codes that meet the given parts."""
        parts = []
        for which in np.unique(self.pattern[rows]):
            own, column = np.flatnonzero(self.pattern[rows] == which), self.columns[which]
            cells = column.cells_of(codes[own], rng)
            parts.append(column.encoder.inverse_transform(cells, rng).set_axis(own))
        if not parts:
            return self.columns[0].encoder.inverse_transform(np.zeros(0, dtype=np.int64), rng)
        return pd.concat(parts).sort_index().reset_index(drop=True)


@dataclass(frozen=True)
class PartialRows:
    """Rows with some cells given.

    Attributes:
        given: Their table, with columns of the schema.
        codes: ``(rows, modelled columns)`` codes of the given cells, -1 of those that are not given, or not used.
        places: ``(rows, modelled columns, 2)`` places within their codes at which given cells begin and end, NaN where
            there is none.
        within: Of merged columns with given parts, by their positions, that which the parts leave.
        present: ``(rows,)`` true where a column may not be drawn missing, by its position.
        ignored: ``(rows,)`` true for cells that the model has no place for, by their column.
        ignores_unknown: True if these stay as they are, and are not refused.
    """

    given: pd.DataFrame
    codes: np.ndarray
    places: np.ndarray
    within: Mapping[int, Within] = field(default_factory=dict)
    present: Mapping[int, np.ndarray] = field(default_factory=dict)
    ignored: Mapping[str, np.ndarray] = field(default_factory=dict)
    ignores_unknown: bool = False

    def taken(self, rows: np.ndarray) -> PartialRows:
        """Return some of the rows, which may repeat."""
        return replace(
            self,
            given=self.given.iloc[rows],
            codes=self.codes[rows],
            places=self.places[rows],
            within={position: each.taken(rows) for position, each in self.within.items()},
            present={position: each[rows] for position, each in self.present.items()},
            ignored={name: each[rows] for name, each in self.ignored.items()},
        )

    def is_ignored(self, name: str) -> np.ndarray:
        """Return ``(rows,)`` true for given cells of a column that the model has no place for."""
        return self.ignored.get(name, np.zeros(len(self.given), dtype=bool))

    def chances(self, encoder: TableEncoder) -> dict[int, np.ndarray]:
        """Return ``(rows, codes)`` chances that each code of a column meets the given cells of others, by position."""
        found = {position: each.chances[each.pattern] for position, each in self.within.items()}
        for position, is_present in self.present.items():
            given = self.codes[:, position]
            is_open = is_present & (given < 0)
            if is_open.any():
                codes = np.arange(encoder.columns[position].width)
                found[position] = ((given[:, None] < 0) | (given[:, None] == codes)).astype(np.float64)
                found[position][is_open, MISSING] = 0.0
        return found

    def draw_within(self, encoder: TableEncoder, rng: np.random.Generator) -> dict[str, DrawWithin]:
        """Return the functions that draw cells of merged columns with given parts."""
        return {
            encoder.columns[position].encoder.name: partial(each.draw, rng=rng)
            for position, each in self.within.items()
        }

    def to_draw(self, encoder: TableEncoder) -> list[str]:
        """Return the names of modelled columns with a cell that is not given."""
        return [name for name in encoder.positions if name not in self.given or self.given[name].isna().any()]

    def completed(self, drawn: pd.DataFrame, described: Iterable[Column]) -> pd.DataFrame:
        """Return whole rows: the given cells, and those of drawn rows in all other places.

        Raises:
            DataError: a column's dtype cannot hold a given cell as it is.
        """
        columns = {column.name: self._column(drawn[column.name], column) for column in described}
        return pd.DataFrame(columns).set_axis(self.given.index)

    def _column(self, drawn: pd.Series, column: Column) -> pd.Series:
        if column.name not in self.given:
            return drawn
        given = self.given[column.name].reset_index(drop=True)
        is_given = given.notna().to_numpy(bool)
        if given.dtype == drawn.dtype and is_given.all():
            return given
        if not is_given.any():
            return drawn
        cells = drawn.astype(object).to_numpy(copy=True)
        cells[is_given] = _of_text(given[is_given].astype(object), drawn, column).to_numpy()
        values = pd.Series(cells, index=drawn.index, name=drawn.name, dtype=object)
        if not column.is_modelled:
            values = _apart(values, is_given, column)
        whole = _as_dtype(values, drawn)
        if whole is None or not _are_same(whole[is_given], given[is_given], column):
            raise DataError(
                f"Column {column.name!r}: dtype {drawn.dtype} cannot hold a given cell as it is. Convert the column."
            )
        return whole


def partial_rows(encoder: TableEncoder, rows: pd.DataFrame, *, ignores_unknown: bool) -> PartialRows:
    """Return the given cells of a table as codes, each cell by itself.

    Args:
        encoder: Of the model.
        rows: A table that :func:`check_rows` has passed; a missing cell is not given.
        ignores_unknown: True if no other cell depends on a given one that the model has no place for, False if it is
            refused.

    Raises:
        DataError: the model has no place for a cell; no cell is quoted.
    """
    codes = np.full((len(rows), len(encoder.columns)), -1, dtype=np.int64)
    ignored = {name: np.zeros(len(rows), dtype=bool) for name in rows.columns}
    places, placed = np.full((*codes.shape, 2), np.nan), placed_columns(encoder)
    differences = () if encoder.reduction is None else encoder.reduction.differences
    whose = {each.name: f"The distance of {each.of!r} from {each.near!r}" for each in differences}
    for name in rows.columns:
        if name not in encoder.positions:
            continue
        position, series = encoder.positions[name], rows[name].reset_index(drop=True)
        present = np.flatnonzero(series.notna())
        are_known = is_known(encoder, position, series[present])
        ignored[name][present[~are_known]] = True
        if not (ignores_unknown or are_known.all()):
            who = whose.get(name, f"Column {name!r}")
            raise _unknown(who, int((~are_known).sum()), None if name in whose else name)
        known = present[are_known]
        for place in (position, *encoder.cycles.get(position, ())):
            column = encoder.columns[place]
            known_cells = column.encoder.transform(series[known])
            codes[known, place] = column.code_of_cell[known_cells]
            if place in placed:
                places[known, place] = np.stack(ends_of_cells(column, known_cells), axis=1)
    present_at = {
        encoder.positions[each.name]: rows[each.of].notna().to_numpy(dtype=bool)
        for each in differences
        if each.of in rows and encoder.columns[encoder.positions[each.name]].encoder.is_nullable
    }
    within = {}
    for part in () if encoder.reduction is None else encoder.reduction.merged:
        if any(name in rows and rows[name].notna().any() for name in part.members):
            found, is_unknown = _within(encoder, part, rows.reset_index(drop=True))
            within[encoder.positions[part.name]] = found
            names = [name for name in part.members if name in rows]
            for name in names:
                ignored[name] |= is_unknown
            if is_unknown.any() and not ignores_unknown:
                who = (
                    f"Column {names[0]!r}" if len(names) == 1 else f"Columns {' and '.join(map(repr, names))}"
                )
                raise _unknown(who, int(is_unknown.sum()), names[0])
    for each in encoder.related:
        if set(each.names) <= set(rows):
            whole = np.flatnonzero(rows[list(each.names)].notna().all(axis=1))
            are_alone = ~each.keeps({name: rows[name].iloc[whole] for name in each.names})
            if are_alone.any() and not ignores_unknown:
                raise _unknown(
                    f"Columns {' and '.join(map(repr, each.names))}", int(are_alone.sum()), each.names[0]
                )
    return PartialRows(rows, codes, places, within, present_at, ignored, ignores_unknown)


def check_rows(encoder: TableEncoder, rows: object) -> None:
    """Raise unless rows to complete are a table with some of the schema's columns, or all.

    Raises:
        DataError: it is not a table, or two columns share a name.
        SchemaError: a column is none of the schema's.
    """
    if not isinstance(rows, pd.DataFrame):
        raise DataError(f"rows: expected a pandas DataFrame, got {type(rows).__name__}.")
    if not rows.columns.is_unique:
        raise DataError("rows: expected columns of different names. Rename one.")
    for name in rows.columns:
        if name not in encoder.schema:
            raise SchemaError(f"rows: no column {name!r}.{nearest(name, encoder.schema.names)}")


def _unknown(who: str, count: int, name: str | None) -> DataError:
    where = "" if name is None else f" See model.schema_[{name!r}]."
    return DataError(
        f"{who}: {count:,} given cells are not in the column's released domain.{where} Correct them or make them "
        "missing; with unknown='ignore' they are kept, and no other cell depends on them."
    )


def _within(encoder: TableEncoder, part: Merged, rows: pd.DataFrame) -> tuple[Within, np.ndarray]:
    """Return the part of a merged column that agrees with given parts, and ``(rows,)`` true where none does."""
    column = encoder.columns[encoder.positions[part.name]]
    names = [name for name in part.members if name in rows]
    described = {name: encoder.schema[name] for name in names}
    cells = {name: objects(rows[name]) for name in names}
    keys = {name: _keys(rows[name], described[name]) for name in names}
    known: dict[tuple[object, ...], int] = {(None,) * len(names): 0}
    columns, chances = [column], [np.ones(column.width)]
    pattern, is_unknown = np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows), dtype=bool)
    for row, key in enumerate(zip(*keys.values(), strict=True)):
        if key not in known:
            wishes = {
                name: Condition(values=(cells[name][row],))
                for name, each in zip(names, key, strict=True)
                if each is not None
            }
            left = _left(encoder, part, column, wishes)
            known[key] = -1 if left is None else len(columns)
            if left is not None:
                columns.append(left[0])
                chances.append(left[1])
        pattern[row], is_unknown[row] = max(known[key], 0), known[key] < 0
    return Within(pattern, tuple(columns), np.array(chances)), is_unknown


def _keys(series: pd.Series, column: Column) -> list[object]:
    """Return ``(rows,)`` values that are equal for equal cells, ``None`` for missing ones."""
    found, keys = values_of(series, column)
    present = series.notna().to_numpy(dtype=bool)
    return [
        None
        if not is_there
        else ("unread",)
        if np.isnan(each)
        else keys[int(each)]
        if keys is not None
        else each
        for each, is_there in zip(found, present, strict=True)
    ]


def _left(
    encoder: TableEncoder, part: Merged, column: CodedColumn, wishes: Mapping[str, Condition]
) -> tuple[CodedColumn, np.ndarray] | None:
    """Return a merged column restricted by conditions on its parts, and its codes' chances; ``None`` if it is empty."""
    if encoder.reduction is None:
        return None
    try:
        met = part.meeting(wishes, encoder.reduction.inner[part.name], encoder.reduction.described)
    except DataError:  # text that is not a value of the column
        return None
    if not any(met):
        return None
    left = column.meeting(Condition(*met).cut(column.encoder))
    chances = left.chances
    if left.has_pooled:
        chances[-1] = 0.0
    return (left, chances) if chances.any() else None


def is_known(encoder: TableEncoder, position: int, present: pd.Series) -> np.ndarray:
    """Return ``(cells,)`` true for each that has a code which rows may have."""
    column = encoder.columns[position]
    if not len(present):
        return np.zeros(0, dtype=bool)
    found = column.code_of_cell[column.encoder.transform(present)]
    is_known = column.encoder.can_place(present) & column.exists[found]
    if not column.encoder.column.has_categories:  # which true and false are none of
        is_known &= ~np.fromiter(map(is_boolean, objects(present)), dtype=bool, count=len(present))
    return np.asarray(is_known)


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
