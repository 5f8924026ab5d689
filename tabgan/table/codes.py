"""The whole table as small integer codes: the only place that knows the position of a column's block.

Cells of a column are merged into codes: neighbouring numbers until each code holds about equally many rows,
rare categories into one. The merging follows released counts only. Decoding draws the cell within a code in
proportion to the same released counts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType

import numpy as np
import pandas as pd

from tabgan._util.validate import nearest
from tabgan.columns.encoder import MISSING
from tabgan.columns.filling import Filling
from tabgan.columns.kind import Column
from tabgan.columns.lattice import has_range
from tabgan.errors import DataError, SchemaError
from tabgan.rules import Formula, Rule
from tabgan.rules.judging import in_order
from tabgan.rules.same import shared_columns, shared_key
from tabgan.schema import Schema
from tabgan.table.calendar import Calendar, is_cycle
from tabgan.table.coded import CodedColumn
from tabgan.table.orders import Orders, with_values
from tabgan.table.reduction import Reduction
from tabgan.table.related import Related
from tabgan.table.shared import filled_by_key

logger = logging.getLogger(__name__)

#: No column has the same value in all rows.
NO_CONSTANTS: Mapping[str, object] = MappingProxyType({})

#: A function of rows and their codes that returns a column's cells.
DrawWithin = Callable[[np.ndarray, np.ndarray], pd.Series]


class TableEncoder:
    """An encoder of tables as codes, and back.

    Args:
        schema: Completed, in the order of the output's columns.
        columns: Those that are modelled, in the order of the codes; each moment's cycles come after it, shortest first.
        reduction: Between tables and those that are coded, if the schema has rules; completed.
        related: The cells that columns of rules have together, which are coded each by itself.
        found: Orders and formulas of columns that no rule says, and that few rows can break.
    """

    def __init__(
        self,
        schema: Schema,
        columns: Sequence[CodedColumn],
        reduction: Reduction | None = None,
        related: Sequence[Related] = (),
        found: Sequence[Rule] = (),
    ) -> None:
        self.schema, self.reduction = schema, reduction
        self.related, self.found = tuple(related), tuple(found)
        self.columns = tuple(columns)
        self.names = [column.encoder.name for column in self.columns]
        self.sizes = [column.width for column in self.columns]
        self.offsets = np.concatenate([[0], np.cumsum(self.sizes)]).astype(int).tolist()
        #: Position of each modelled column of the table, by name.
        self.positions = {c.encoder.name: i for i, c in enumerate(self.columns) if not is_cycle(c.encoder)}

    @cached_property
    def own_positions(self) -> list[int]:
        """Positions of the table's own columns; in its order if there are cycles, since moments are moved then."""
        if len(self.positions) == len(self.columns):
            return list(range(len(self.columns)))
        return [self.positions[column.name] for column in self.inner if column.name in self.positions]

    @property
    def inner(self) -> Schema:
        """The completed schema of the table that is coded: the schema, or that of the reduced table."""
        return self.schema if self.reduction is None else self.reduction.inner

    def of_table(self, reduction: Reduction | None, related: Sequence[Related] = ()) -> TableEncoder:
        """Return the encoder of a table whose reduction this one codes; ``None`` if it is the table itself."""
        if reduction is None:
            return self
        whole = reduction.completed(self.schema)
        return TableEncoder(whole.schema, self.columns, whole, related)

    def with_found(self, found: Sequence[Rule]) -> TableEncoder:
        """Return the same encoder, which keeps orders and formulas of columns that were found."""
        return TableEncoder(self.schema, self.columns, self.reduction, self.related, found)

    @cached_property
    def without_cycles(self) -> TableEncoder:
        """The same encoder with the table's own columns only, at :attr:`own_positions`."""
        own = [self.columns[position] for position in self.own_positions]
        if len(own) == len(self.columns):
            return self
        return TableEncoder(self.schema, own, self.reduction, self.related, self.found)

    def of_cells(self, names: Sequence[str]) -> TableEncoder:
        """Return an encoder of some columns whose codes are their cells."""
        columns = [self.columns[self.positions[name]] for name in names]
        return TableEncoder(self.schema, [column.by_cell() for column in columns])

    @cached_property
    def cycles(self) -> dict[int, list[int]]:
        """Positions of the cycles, shortest first, by the position of their moment."""
        found: dict[int, list[int]] = {}
        for position, column in enumerate(self.columns):
            if is_cycle(column.encoder):
                found.setdefault(self.positions[column.encoder.column.name], []).append(position)
        return found

    @cached_property
    def _calendars(self) -> dict[int, Calendar]:
        """For each moment with cycles, the stretches between which a cell or a cycle changes, by its position."""
        calendars = {}
        for position, cycles in self.cycles.items():
            moments, parts = self.columns[position], [self.columns[cycle] for cycle in cycles]
            calendars[position] = Calendar(
                moments.encoder,  # type: ignore[arg-type]
                moments.weights,
                moments.code_of_cell,
                [part.encoder.cycle for part in parts],  # type: ignore[attr-defined]
                [part.weights for part in parts],
                [part.code_of_cell for part in parts],
                moments.allowed,
            )
        return calendars

    def with_columns(self, columns: Mapping[int, CodedColumn]) -> TableEncoder:
        """Return the same encoder with other columns, of as many codes, at some positions."""
        if not columns:
            return self
        own = [columns.get(i, column) for i, column in enumerate(self.columns)]
        return TableEncoder(self.schema, own, self.reduction, self.related, self.found)

    def without_missing(self, names: Iterable[str]) -> TableEncoder:
        """Return an encoder whose sampled rows have a value in some columns, a moment's cycles included.

        Columns of which no value was released stay missing, and the log names them.
        """
        columns: dict[int, CodedColumn] = {}
        empty = []
        for name in names:
            position = self.positions[name]
            found = {
                place: self.columns[place].without_missing()
                for place in (position, *self.cycles.get(position, ()))
            }
            if found[position].is_sampled.any():
                columns |= found
            else:
                empty.append(name)
        if empty:
            logger.warning(
                "impute: no value was released of %s, so missing cells stay. Declare bounds or categories, raise "
                "epsilon, or drop such columns.",
                ", ".join(map(repr, empty)),
            )
        return self.with_columns(columns)

    def ways(self, position: int, which: int, codes: np.ndarray) -> np.ndarray:
        """Return the chances that rows show an allowed cell of a moment, by the code of its next cycle.

        Args:
            position: Of the moment.
            which: Position of the cycle among the moment's.
            codes: ``(rows, at least the columns before the cycle)``.

        Returns:
            ``(rows, codes of the cycle)`` of the last cycle the chance itself, of another one 1 if it is not zero.
        """
        moments, cycles = self.columns[position], self.cycles[position]
        own = codes[:, position].astype(np.int64)
        present = ~(moments.encoder.is_nullable & (own == MISSING))
        found = np.ones((len(codes), self.sizes[cycles[which]]))
        before = codes[present][:, cycles[:which]].astype(np.int64)
        found[present] = self._calendars[position].ways(own[present], before, found.shape[1])
        return found

    def calendar_lifts(self) -> dict[tuple[int, int], np.ndarray]:
        """Return the calendar's weights of each moment and its cycles, by their positions.

        That is ``(codes, cycle codes)``: the log of how much likelier a cycle's code is within a code than over all.
        """
        return {
            (position, cycle): self._calendars[position].log_lift(i, self.sizes[position], self.sizes[cycle])
            for position, cycles in self.cycles.items()
            for i, cycle in enumerate(cycles)
        }

    @property
    def width(self) -> int:
        """Codes of all columns together."""
        return int(self.offsets[-1])

    @property
    def code_dtype(self) -> np.dtype:
        """The smallest integer type that holds every code."""
        most = max(self.sizes)
        return np.dtype(np.uint8 if most <= 2**8 else np.int16 if most <= 2**15 else np.int32)

    def transform(self, df: pd.DataFrame) -> np.ndarray:
        """Return ``(rows, columns)`` codes of ``code_dtype``."""
        if self.reduction is not None:
            df = self.reduction.reduce(df)
        codes = np.empty((len(df), len(self.columns)), dtype=self.code_dtype)
        for position, column in enumerate(self.columns):
            codes[:, position] = column.code_of_cell[column.encoder.transform(df[column.encoder.column.name])]
        return codes

    def inverse_transform(
        self,
        codes: np.ndarray,
        rng: np.random.Generator,
        first_row: int = 0,
        places: np.ndarray | None = None,
    ) -> pd.DataFrame:
        """Return a table with the schema's columns, order and dtypes.

        Args:
            codes: ``(rows, columns)``.
            rng: Draws cells within codes and values within cells.
            first_row: Rows that were made before these: running numbers continue after them.
            places: ``(rows, columns)`` places within the codes; NaN in columns that ``rng`` draws; ``(rows, 0)`` if it
                draws all, as by default.
        """
        return self.with_generated(self.modelled(codes, rng, places), Filling(first_row=first_row))

    def modelled(
        self,
        codes: np.ndarray,
        rng: np.random.Generator,
        places: np.ndarray | None = None,
        constants: Mapping[str, object] = NO_CONSTANTS,
        within: Mapping[str, DrawWithin] = MappingProxyType({}),
    ) -> pd.DataFrame:
        """Return a table without generated columns, in the schema's order; see :meth:`inner_table`."""
        return self.restored(self.inner_table(codes, rng, places, constants, within))

    def restored(self, inner: pd.DataFrame) -> pd.DataFrame:
        """Return the table's own columns, without generated ones, of a sample of the table that is coded."""
        return inner if self.reduction is None else self.reduction.restore(inner)

    def inner_table(
        self,
        codes: np.ndarray,
        rng: np.random.Generator,
        places: np.ndarray | None = None,
        constants: Mapping[str, object] = NO_CONSTANTS,
        within: Mapping[str, DrawWithin] = MappingProxyType({}),
        held: Mapping[str, pd.Series] = MappingProxyType({}),
    ) -> pd.DataFrame:
        """Return the table that is coded, which has no generated columns, in the schema's order.

        Args:
            codes: ``(rows, columns)``.
            rng: Draws cells within codes and values within cells.
            places: As of :meth:`inverse_transform`.
            constants: Values that whole columns have.
            within: Of columns whose cells have conditions row by row, the function that draws them.
            held: Cells that stay as they are, of columns that are not drawn.
        """
        ordered = [column.name for column in self.inner if column.name in self.positions]
        has_places = places is not None and bool(places.shape[1])

        def draw(name: str, rows: np.ndarray | None, at: np.ndarray | None = None) -> pd.Series:
            drawn = codes if rows is None else codes[rows]
            if name in held:
                return held[name] if rows is None else held[name].take(rows).reset_index(drop=True)
            if name in constants:
                return self.constant(name, constants[name], len(drawn))
            if name in within:
                every = np.arange(len(codes)) if rows is None else rows
                return within[name](every, drawn[:, self.positions[name]].astype(np.int64))
            return self._series(self.positions[name], drawn, rng, at)

        series = {
            name: draw(name, None, places[:, position] if has_places else None)  # type: ignore[index]
            for name, position in self.positions.items()
        }
        given = {name: np.ones(len(codes), dtype=bool) for name in held}
        if self.orders.rules or self.related:
            keys = {
                name: [np.arange(len(codes))] if name in held else self._keys(name, codes)
                for name in self.orders.names
            }
            fixed = {*constants, *held}
            series = self.orders.arranged(series, keys, draw, rng, fixed, self._codes_of)
            for each in self.related:
                series = each.arranged(series, rng, given)
        series = self.following(series, given)
        return pd.DataFrame({name: series[name] for name in ordered}, copy=False)

    def _codes_of(self, name: str, values: pd.Series) -> np.ndarray:
        """Return ``(rows,)`` codes of a column's values."""
        column = self.columns[self.positions[name]]
        return np.asarray(column.code_of_cell[column.encoder.transform(values)])

    def _keys(self, name: str, codes: np.ndarray) -> list[np.ndarray]:
        """Return ``(rows,)`` numbers, equal for rows whose values of a column are drawn alike; the finest first.

        Of a moment those of the same code and cycles; then fewer cycles, the longest left out first.
        """
        position = self.positions[name]
        keys = [codes[:, position].astype(np.int64)]
        for cycle in self.cycles.get(position, ()):
            keys.insert(0, keys[0] * self.sizes[cycle] + codes[:, cycle])
        return keys

    @cached_property
    def orders(self) -> Orders:
        """The inequalities between modelled columns."""
        implied = () if self.reduction is None else self.reduction.orders
        described = {column.name: column for column in self.inner}
        return Orders.of((*self.schema.rules, *implied, *self.found), described)

    @cached_property
    def formulas(self) -> list[Formula]:
        """The formulas of columns that were found, each after those that compute what it needs."""
        return [rule for rule in in_order(self.found) if isinstance(rule, Formula)]

    def following(
        self, series: Mapping[str, pd.Series], given: Mapping[str, np.ndarray] = MappingProxyType({})
    ) -> dict[str, pd.Series]:
        """Return columns that keep the formulas that were found, where all of their cells are present.

        Args:
            series: All modelled columns.
            given: For columns, ``(rows,)`` true for cells that stay as they are.
        """
        described, found = {column.name: column for column in self.inner}, dict(series)
        for rule in self.formulas:
            column, own = described[rule.column], found[rule.column]
            values = rule.values(found, described)
            moves = ~np.isnan(values) & own.notna().to_numpy(dtype=bool)
            rows = np.flatnonzero(moves & ~given.get(rule.column, np.zeros(len(own), dtype=bool)))
            if has_range(column) and len(rows):
                cells = column.written(values[rows]).astype(own.dtype)
                found[rule.column] = with_values(own, rows, cells)
        return found

    def with_generated(
        self, table: pd.DataFrame, filling: Filling, fixed: Collection[str] = ()
    ) -> pd.DataFrame:
        """Return the schema's columns: those of a table of modelled ones, and generated ones.

        Args:
            table: ``(rows, modelled columns)``.
            filling: The sample that the rows belong to.
            fixed: Modelled columns whose cells are to stay as they are.

        Raises:
            DataError: a generated column has not enough different values.
        """
        filling.follows = next((c.follows_column for c in self.schema if c.follows_column is not None), None)
        return pd.DataFrame(
            {
                column.name: table[column.name]
                if column.name in table and (column.name in fixed or not column.is_filled)
                else self._filled(column, table, filling)
                for column in self.schema
            },
            copy=False,
        )

    def _filled(self, column: Column, table: pd.DataFrame, filling: Filling) -> pd.Series:
        """Return a generated column of a table: with one cell for each key where a rule says so."""
        is_key = column.name == self.key
        if filling.starts is None or not (is_key or column.name in self.shared):
            return column.fill(table, filling)
        return filled_by_key(column, table, filling, filling.starts, is_key=is_key)

    @cached_property
    def key(self) -> str | None:
        """The column of keys whose rows share values by a rule; ``None`` if none does."""
        return shared_key(self.schema.rules)

    @cached_property
    def shared(self) -> tuple[str, ...]:
        """The table's columns that have one value in all rows of a key."""
        return shared_columns(self.schema.rules)

    @cached_property
    def shared_inner(self) -> list[str]:
        """The modelled columns that have one value in all rows of a key."""
        names = [] if self.reduction is None else self.reduction.shared
        return [name for name in names if name in self.positions]

    @cached_property
    def shared_positions(self) -> list[int]:
        """Positions of the coded columns that have one value in all rows of a key, cycles of moments among them."""
        own = [self.positions[name] for name in self.shared_inner]
        return sorted({*own, *(cycle for position in own for cycle in self.cycles.get(position, ()))})

    def _series(
        self, position: int, codes: np.ndarray, rng: np.random.Generator, places: np.ndarray | None = None
    ) -> pd.Series:
        """Return one column of a table: a moment with cycles is drawn among those that agree with them."""
        column, own = self.columns[position], codes[:, position].astype(np.int64)
        if position not in self.cycles:
            if places is not None and np.isnan(places).any():
                places = None
            return column.values_of(own, rng, places)
        calendar, cells = self._calendars[position], np.zeros(len(codes), dtype=np.int64)
        present = ~(column.encoder.is_nullable & (own == MISSING))
        parts = codes[present][:, self.cycles[position]].astype(np.int64)
        cells[present] = 1 + calendar.draw(own[present], parts, rng)
        return calendar.encoder.inverse_transform(cells, rng)

    def code_of_value(self, name: str, value: object) -> int:
        """Return the code of one value of a column; ``None`` stands for missing.

        Raises:
            DataError: if the value is of the wrong kind, lies outside the released domain, or is never sampled.
        """
        column = self.columns[self.positions[name]]
        if pd.api.types.is_list_like(value):
            raise DataError(f"Column {name!r}: expected one value or None, got {type(value).__name__}.")
        series = pd.Series([value], dtype=object)
        is_inside = column.encoder.is_nullable if series.isna().all() else column.encoder.contains(series)
        code = int(column.code_of_cell[column.encoder.transform(series)[0]]) if is_inside else -1
        if not is_inside or not column.is_sampled[code]:
            raise DataError(
                f"Column {name!r}: the value asked for is not in the column's released domain. "
                f"See model.schema_[{name!r}]."
            )
        return code

    def codes_of(self, conditions: Mapping[str, object]) -> dict[int, int]:
        """Return the code of every conditioned column by its position; a condition on a moment fixes its cycles too.

        Raises:
            SchemaError: there is no such column.
            DataError: it is generated, or as in :meth:`code_of_value`.
        """
        fixed = {}
        for name, value in conditions.items():
            if name not in self.inner:
                raise SchemaError(f"conditions: no column {name!r}.{nearest(name, self.schema.names)}")
            if name not in self.positions:
                raise DataError(
                    f"conditions: column {name!r} is {self.schema[name].generated_as}, which is generated and cannot "
                    "be fixed."
                )
            position = self.positions[name]
            fixed[position] = self.code_of_value(name, value)
            for cycle in self.cycles.get(position, ()):
                part = self.columns[cycle]
                fixed[cycle] = int(
                    part.code_of_cell[part.encoder.transform(pd.Series([value], dtype=object))[0]]
                )
        return fixed

    def constant(self, name: str, value: object, n_rows: int) -> pd.Series:
        """Return ``n_rows`` times one value, in the column's dtype."""
        return self.columns[self.positions[name]].encoder.repeat(value, n_rows)
