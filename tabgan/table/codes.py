"""The whole table as small integer codes: the only place that knows the position of a column's block.

Cells of a column are merged into codes: neighbouring numbers until each code holds about equally many rows,
rare categories into one. The merging follows released counts only. Decoding draws the cell within a code in
proportion to the same released counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType

import numpy as np
import pandas as pd

from tabgan._util.validate import nearest
from tabgan._util.yaml import key_of
from tabgan.columns.encoder import MISSING, ColumnEncoder, CutCells
from tabgan.columns.grid import SURELY, denoise_ordered, project_to_simplex, without_stray
from tabgan.columns.lattice import is_on_lattice
from tabgan.errors import DataError, SchemaError
from tabgan.schema import Schema
from tabgan.table.calendar import Calendar, CycleEncoder, is_cycle
from tabgan.table.coarsening import equal_mass, pool_rare
from tabgan.table.orders import Orders
from tabgan.table.reduction import Reduction

#: The ends of a range of at most so many integers keep a count of this many noise standard deviations. That they occur
#: was released or, where they are declared, is likely; who compares two tables often cuts both between their ends.
FEW_INTEGERS, END_SIGNAL = 32, 0.25

#: Missing values below this many noise standard deviations count as none.
MISSING_SIGNAL = 3.0


#: No column has the same value in all rows.
NO_CONSTANTS: Mapping[str, object] = MappingProxyType({})

#: Rows outside of the released categories below this many noise standard deviations of their number count as none.
POOL_SIGNAL = 3.0


@dataclass(frozen=True)
class CodedColumn:
    """A column's cells, merged into codes.

    Attributes:
        encoder: Between values and cells.
        code_of_cell: ``(n_cells,)`` the code of each cell.
        weights: ``(n_cells,)`` non-negative released counts; of other values their number, 0 if that is noise.
        is_sampled: ``(width,)`` true if sampled rows may show a code: not the one for values outside the domain, unless
            the column says so; not missing, and no value, where the released count of them is noise.
        allowed: ``(n_cells,)`` true for cells that a condition leaves to sampled rows; ``None`` leaves all.
    """

    encoder: ColumnEncoder
    code_of_cell: np.ndarray
    weights: np.ndarray
    is_sampled: np.ndarray
    allowed: np.ndarray | None = None

    @property
    def width(self) -> int:
        """Number of codes."""
        return len(self.is_sampled)

    @property
    def exists(self) -> np.ndarray:
        """``(width,)`` true for codes that rows may have: those that are sampled, and a pooled one."""
        exists = self.is_sampled.copy()
        if self.has_pooled:
            exists[-1] = self.is_unseen or self.weights[-1] > 0
        return exists

    @property
    def is_unseen(self) -> bool:
        """True if values are there, and noise hid their range: they come back as missing."""
        return is_on_lattice(self.encoder) and self.encoder.is_unseen

    @property
    def has_pooled(self) -> bool:
        """True if rows may have the last code and no row of a sample may show it."""
        return (self.encoder.has_other and not self.encoder.shows_other) or self.is_unseen

    @property
    def code_weights(self) -> np.ndarray:
        """``(width,)`` released counts by code."""
        return np.bincount(self.code_of_cell, weights=self.weights, minlength=self.width)

    @property
    def shown_weights(self) -> np.ndarray:
        """``(width,)`` weights of the codes that replace a cell outside the domain: released counts of the values.

        Such a cell holds a value, so it becomes a missing one only where no value may be sampled. It stands for people
        of whom nothing but their number was released: the values that it gets say nothing of them.
        """
        is_value = self.is_sampled.copy()
        is_value[0] &= not self.encoder.is_nullable
        values = is_value if is_value.any() else self.is_sampled
        weights = np.where(values, self.code_weights, 0.0)
        weights = weights if weights.sum() > 0 else values.astype(np.float64)
        left = weights if self.allowed is None else weights * self._own_chances
        return left if left.sum() > 0 else weights

    @property
    def chances(self) -> np.ndarray:
        """``(width,)`` the chance that a row with a code shows an allowed cell; 0 for codes that are not there."""
        chances = np.where(self.is_sampled, self._own_chances, 0.0)
        if self.has_pooled and self.exists[-1]:
            shown = replace(self, allowed=None).shown_weights
            chances[-1] = shown @ chances / shown.sum()
        return chances

    @property
    def _own_chances(self) -> np.ndarray:
        """``(width,)`` the share of allowed cells in a code."""
        weights = self._cell_weights
        allowed = np.ones(len(weights), dtype=bool) if self.allowed is None else self.allowed
        total, left = (
            np.bincount(self.code_of_cell, weights=w, minlength=self.width)
            for w in (weights, weights * allowed)
        )
        any_left = np.bincount(self.code_of_cell, weights=allowed, minlength=self.width) > 0
        return np.asarray(np.where(total > 0, left / np.where(total > 0, total, 1.0), any_left))

    @property
    def _cell_weights(self) -> np.ndarray:
        """``(n_cells,)`` weights of the cells within their codes."""
        weights = np.maximum(self.weights, 1e-12)
        if not self.encoder.is_nullable:
            weights[MISSING] = 0.0  # its code is the first value's
        if self.encoder.has_other:
            weights[-1] = 0.0
        return np.asarray(weights)

    def meeting(self, cut: CutCells) -> CodedColumn:
        """Return the column with cut cells, of which sampled rows have only the allowed ones."""
        weights = np.maximum(self.weights, 1e-12)[cut.parent] * cut.share
        if self.encoder.has_other:
            weights[-1] = self.weights[-1]
        return replace(
            self,
            encoder=cut.encoder,
            code_of_cell=self.code_of_cell[cut.parent],
            weights=weights,
            allowed=cut.allowed,
        )

    def without_missing(self) -> CodedColumn:
        """Return the column without the codes that a sample shows as missing."""
        is_sampled = self.is_sampled.copy()
        if self.encoder.is_nullable:
            is_sampled[0] = False
        if self.encoder.n_shown < self.encoder.n_values + int(self.encoder.shows_other):
            is_sampled[-1] = False
        return replace(self, is_sampled=is_sampled)

    @cached_property
    def _drawing(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Cells by code, the running sum of their weights, and the start of each code."""
        weights = self._cell_weights
        order = np.argsort(self.code_of_cell, kind="stable")
        if self.allowed is not None:
            order = order[self.allowed[order]]
        cumulative = np.concatenate([[0.0], np.cumsum(weights[order])])
        return order, cumulative, np.searchsorted(self.code_of_cell[order], np.arange(self.width + 1))

    def cells_of(self, codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a cell for each code, drawn in proportion to the released counts."""
        order, cumulative, bounds = self._drawing
        start, stop = cumulative[bounds[codes]], cumulative[bounds[codes + 1]]
        drawn = start + rng.random(len(codes)) * (stop - start)
        places = np.searchsorted(cumulative, drawn, side="right") - 1
        return np.asarray(order[np.clip(places, bounds[codes], bounds[codes + 1] - 1)])


def code_column(
    encoder: ColumnEncoder,
    counts: np.ndarray,
    noise_stddev: float,
    n_rows: float,
    n_bins: int,
    n_categories: int,
    min_rows: float,
    coarse: np.ndarray | None = None,
) -> CodedColumn:
    """Merge a column's cells into codes by their released counts.

    Args:
        encoder: Of the column.
        counts: ``(n_cells,)`` noisy counts; NaN for the cell of other values.
        noise_stddev: Standard deviation of their noise.
        n_rows: Noisy number of rows.
        n_bins: Codes aimed at for the values of an ordered column.
        n_categories: Codes of the values of one that is not, at most, the one for rare values not counted.
        min_rows: Released count below which a category is merged with the other rare ones.
        coarse: ``(values,)`` groups of categories: rare ones are merged within theirs, if it has that many rows. By
            default they are one group.

    Raises:
        DataError: if nothing could be sampled: no category was released, or no range seen, and missing values are ruled
            out.
    """
    is_unseen = is_on_lattice(encoder) and encoder.is_unseen
    if is_unseen and not encoder.is_nullable:
        raise DataError(
            f"Column {encoder.name!r}: the noise hides where its values lie, and the column can hold no missing ones. "
            f"Declare its bounds, as in {key_of(encoder.name)}: {{kind: {encoder.column.kind}, bounds: [low, high]}}, "
            "raise epsilon, or drop columns."
        )
    has_missing = encoder.is_nullable and counts[MISSING] > MISSING_SIGNAL * noise_stddev
    is_all_missing = has_missing and _holds_only_noise(
        counts[1 : 1 + encoder.n_values], n_rows - counts[MISSING], noise_stddev
    )
    weights = _denoise(encoder, counts, noise_stddev, n_rows, has_missing)
    if encoder.has_other:
        weights[-1] = _pooled_rows(weights, counts, noise_stddev, n_rows)
        if encoder.column.unreleased_as != "redistribute" and weights[-1] > 0:
            encoder = encoder.showing_other()
    if encoder.n_values == 0 and not (encoder.is_nullable or encoder.shows_other):
        raise DataError(
            f"Column {encoder.name!r}: no value is frequent enough to show above the noise, and the column can hold "
            "no missing ones. Declare its categories, or another kind."
        )
    values = np.arange(1, 1 + encoder.n_values)
    if encoder.is_ordered:
        merged = equal_mass(weights[values], n_bins, min_rows)
    else:
        merged = pool_rare(weights[values], n_categories, min_rows, coarse)
    first = int(encoder.is_nullable)
    n_codes = first + (int(merged.max()) + 1 if len(merged) else 0)
    code_of_cell = np.zeros(encoder.n_cells, dtype=np.int64)
    code_of_cell[values] = first + merged
    if encoder.has_other:
        code_of_cell[-1] = n_codes
    is_sampled = np.full(n_codes + int(encoder.has_other), not (is_all_missing or is_unseen))
    if first:
        is_empty = encoder.n_values == 0 and not encoder.shows_other
        is_sampled[0] = has_missing or is_empty or is_unseen
    if encoder.has_other:
        is_sampled[-1] = encoder.shows_other
    return CodedColumn(encoder, code_of_cell, weights, is_sampled)


def code_cycle(
    encoder: CycleEncoder,
    moments: CodedColumn,
    counts: np.ndarray,
    noise_stddev: float,
    n_rows: float,
    n_codes: int,
) -> CodedColumn:
    """Return a moment's cycle, coded: missing as often as the moment is, with neighbours merged to ``n_codes`` values.

    Args:
        encoder: Of the cycle.
        moments: The coded moments.
        counts: ``(cells,)`` noisy counts.
        noise_stddev: Standard deviation of their noise.
        n_rows: Noisy number of rows.
        n_codes: Codes aimed at for the values of a smooth cycle; the others keep one for each.
    """
    weights = np.zeros(encoder.n_cells)
    weights[MISSING] = moments.weights[MISSING]
    total = n_rows - weights[MISSING]
    smooth = denoise_ordered(counts[1:], noise_stddev, total)
    weights[1:] = smooth * (total / smooth.sum())
    merged = np.arange(encoder.n_values)
    if encoder.cycle.is_smooth and n_codes < encoder.n_values:
        merged = equal_mass(weights[1:], n_codes, 0.0)
    first = int(encoder.is_nullable)
    is_sampled = np.ones(first + int(merged.max()) + 1, dtype=bool)
    is_sampled[:first] = moments.is_sampled[:first]
    return CodedColumn(encoder, np.concatenate([[0], first + merged]), weights, is_sampled)


def _pooled_rows(weights: np.ndarray, counts: np.ndarray, noise_stddev: float, n_rows: float) -> float:
    """Return the released number of rows outside of a column's categories; 0 if noise alone explains it.

    A pooled cell is drawn with the row and replaced by a value that knows nothing of the row, so a pool of noise would
    loosen the column from all others.
    """
    found = float(counts[1:-1].sum())
    pool = n_rows - weights[MISSING] - found
    return pool if pool > POOL_SIGNAL * noise_stddev * np.sqrt(len(counts)) else 0.0


def _holds_only_noise(values: np.ndarray, n_present: float, noise_stddev: float) -> bool:
    """Return true if no count, of one value, of all or of missing ones, shows that there is any."""
    surely = SURELY * noise_stddev
    return bool(
        n_present <= 2 * surely
        and values.max(initial=0.0) <= surely
        and values.sum() <= surely * np.sqrt(len(values))
    )


def _denoise(
    encoder: ColumnEncoder, counts: np.ndarray, noise_stddev: float, n_rows: float, has_missing: bool
) -> np.ndarray:
    """Return ``(n_cells,)`` non-negative counts: of missing, of the values, and 0 for other values."""
    weights = np.zeros(encoder.n_cells)
    weights[MISSING] = min(counts[MISSING], n_rows - 1) if has_missing else 0.0
    values = counts[1 : 1 + encoder.n_values]
    total = n_rows - weights[MISSING]
    if encoder.has_other:
        total = min(total, float(np.maximum(values, 0.0).sum()))
    if encoder.is_ordered and total > 0:
        has_few = is_on_lattice(encoder) and bool(encoder.edges[-1] - encoder.edges[0] <= FEW_INTEGERS)
        if is_on_lattice(encoder) and has_few:  # of many, thin ones beside full ones are what people round to
            values = without_stray(encoder.edges, values, noise_stddev)
        smooth = denoise_ordered(values, noise_stddev, total)
        if has_few:
            smooth[[0, -1]] = np.maximum(smooth[[0, -1]], END_SIGNAL * noise_stddev)
        weights[1 : 1 + encoder.n_values] = smooth * (total / smooth.sum())
    elif encoder.n_values:
        weights[1 : 1 + encoder.n_values] = project_to_simplex(values, total)
    return weights


class TableEncoder:
    """An encoder of tables as codes, and back.

    Args:
        schema: Completed, in the order of the output's columns.
        columns: Those that are modelled, in the order of the codes; each moment's cycles come after it, shortest first.
        reduction: Between tables and those that are coded, if the schema has rules; completed.
    """

    def __init__(
        self, schema: Schema, columns: Sequence[CodedColumn], reduction: Reduction | None = None
    ) -> None:
        self.schema, self.reduction = schema, reduction
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

    def of_table(self, reduction: Reduction | None) -> TableEncoder:
        """Return the encoder of a table whose reduction this one codes; ``None`` if it is the table itself."""
        if reduction is None:
            return self
        whole = reduction.completed(self.schema)
        return TableEncoder(whole.schema, self.columns, whole)

    @cached_property
    def without_cycles(self) -> TableEncoder:
        """The same encoder with the table's own columns only, at :attr:`own_positions`."""
        own = [self.columns[position] for position in self.own_positions]
        if len(own) == len(self.columns):
            return self
        return TableEncoder(self.schema, own, self.reduction)

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
        return TableEncoder(self.schema, own, self.reduction)

    def without_missing(self, names: Iterable[str]) -> TableEncoder:
        """Return an encoder whose sampled rows have a value in some columns, a moment's cycles included.

        Raises:
            DataError: no value of one was released.
        """
        columns: dict[int, CodedColumn] = {}
        for name in names:
            position = self.positions[name]
            for place in (position, *self.cycles.get(position, ())):
                columns[place] = self.columns[place].without_missing()
            if not columns[position].is_sampled.any():
                raise DataError(
                    f"Column {name!r}: no value of it was released, so that none can be drawn for a missing cell. "
                    "Leave missing cells in, or drop the column."
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
        """Return what the calendar says of each moment and its cycles, by their positions.

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
        return np.dtype(np.uint8 if max(self.sizes) <= 256 else np.int16)

    def transform(self, df: pd.DataFrame) -> np.ndarray:
        """Return ``(rows, columns)`` codes of ``code_dtype``."""
        if self.reduction is not None:
            df = self.reduction.reduce(df)
        codes = np.empty((len(df), len(self.columns)), dtype=self.code_dtype)
        for position, column in enumerate(self.columns):
            codes[:, position] = column.code_of_cell[column.encoder.transform(df[column.encoder.column.name])]
        return codes

    def inverse_transform(
        self, codes: np.ndarray, rng: np.random.Generator, first_row: int = 0
    ) -> pd.DataFrame:
        """Return a table with the schema's columns, order and dtypes.

        Args:
            codes: ``(rows, columns)``.
            rng: Draws cells within codes and values within cells.
            first_row: Rows that were made before these: identifiers continue after them.
        """
        return self.with_generated(self.modelled(codes, rng), first_row)

    def modelled(
        self, codes: np.ndarray, rng: np.random.Generator, constants: Mapping[str, object] = NO_CONSTANTS
    ) -> pd.DataFrame:
        """Return a table without generated columns, in the schema's order; see :meth:`inverse_transform`.

        Args:
            codes: ``(rows, columns)``.
            rng: Draws cells within codes and values within cells.
            constants: Values that whole columns have.
        """
        ordered = [column.name for column in self.inner if column.name in self.positions]

        def draw(name: str, rows: np.ndarray) -> pd.Series:
            if name in constants:
                return self.constant(name, constants[name], len(rows))
            return self._series(self.positions[name], codes[rows], rng)

        every = np.arange(len(codes))
        series = {name: draw(name, every) for name in self.positions}
        if self.reduction is not None:
            keys = {name: self._keys(name, codes) for name in self.orders.names}
            series = self.orders.arranged(series, keys, draw, rng, constants)
        table = pd.DataFrame({name: series[name] for name in ordered})
        return table if self.reduction is None else self.reduction.restore(table)

    def _keys(self, name: str, codes: np.ndarray) -> list[np.ndarray]:
        """Return ``(rows,)`` numbers, equal for rows of which a column's values are drawn alike; the finest first.

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
        return Orders.of(self.schema.rules, {column.name: column for column in self.inner})

    def with_generated(self, table: pd.DataFrame, first_row: int) -> pd.DataFrame:
        """Return the schema's columns: those of a table of modelled ones, and generated ones.

        Args:
            table: ``(rows, modelled columns)``.
            first_row: Rows that were made before these: identifiers continue after them.
        """
        return pd.DataFrame(
            {
                column.name: table[column.name]
                if column.name in table
                else column.generate(len(table), first_row)
                for column in self.schema
            }
        )

    def _series(self, position: int, codes: np.ndarray, rng: np.random.Generator) -> pd.Series:
        """Return one column of a table: a moment with cycles is drawn among those that agree with them."""
        column, own = self.columns[position], codes[:, position].astype(np.int64)
        if position not in self.cycles:
            return column.encoder.inverse_transform(column.cells_of(own, rng), rng)
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
            DataError: it is an identifier, or as in :meth:`code_of_value`.
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
