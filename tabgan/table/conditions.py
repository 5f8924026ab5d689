"""Conditions on columns: one value, several, ranges, missing or not, as a person states them and as codes meet them."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from tabgan._util.validate import nearest, real_in
from tabgan.columns.encoder import ColumnEncoder, CutCells, Ends
from tabgan.columns.keys import typed
from tabgan.columns.kind import Column
from tabgan.columns.lattice import is_on_lattice
from tabgan.errors import ConfigError, DataError, SchemaError
from tabgan.schema import Schema
from tabgan.table.coded import CodedColumn
from tabgan.table.codes import TableEncoder
from tabgan.table.headings import name_of
from tabgan.table.placing import placed_columns
from tabgan.table.stretches import Chances, Stretches

logger = logging.getLogger(__name__)

#: Keys of a condition that is written as a mapping, and of a part of a sample with its share.
_KEYS, _PART = ("min", "max", "missing"), {"value", "share"}

#: Distance from 1 that a sum of shares may have.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Between:
    """A range of values, both ends included: of numbers, moments, durations, or categories with an order.

    Args:
        min: The smallest value; ``None`` leaves it open.
        max: The largest one; ``None`` leaves it open. Without both, it is any value that is not missing.

    >>> Between(18, 65)
    Between(min=18, max=65)
    """

    min: object = None
    max: object = None


@dataclass(frozen=True)
class Condition:
    """The cells that a column may have.

    Attributes:
        values: Values, none of them missing.
        ranges: Ranges of values, both ends included; ``None`` is an open end.
        missing: True if a cell may be missing.
        is_excluded: True if the cells must be any others instead.
    """

    values: tuple[object, ...] = ()
    ranges: tuple[Ends, ...] = ()
    missing: bool = False
    is_excluded: bool = False

    @classmethod
    def of(cls, wanted: object, where: str) -> Condition:
        """Return the condition that a person states.

        Args:
            wanted: A value; ``None`` for missing; :class:`Between`, or a mapping with ``min`` and ``max``, for a range;
                ``{"missing": False}`` for any value; a list or a set of all of these.
            where: The place in words, for errors.

        Raises:
            ConfigError: the argument is not a condition.
        """
        if isinstance(wanted, Condition):
            return wanted
        if isinstance(wanted, Between):
            return cls(ranges=((wanted.min, wanted.max),))
        if isinstance(wanted, Mapping):
            return cls._of_mapping(wanted, where)
        if not pd.api.types.is_list_like(wanted):
            return cls(missing=True) if _is_missing(wanted) else cls(values=(wanted,))
        several: Any = sorted(wanted, key=repr) if isinstance(wanted, Set) else wanted  # a set has no order
        parts = [cls.of(each, where) for each in several]
        if not parts:
            raise ConfigError(f"{where}: expected at least one value, got an empty list.")
        return cls(
            tuple(value for part in parts for value in part.values),
            tuple(ends for part in parts for ends in part.ranges),
            any(part.missing for part in parts),
        )

    @classmethod
    def _of_mapping(cls, wanted: Mapping[Any, Any], where: str) -> Condition:
        unknown = [key for key in wanted if key not in _KEYS]
        if unknown or not wanted:
            found = f"unknown key {unknown[0]!r}.{nearest(unknown[0], _KEYS)}" if unknown else "no key."
            raise ConfigError(f"{where}: {found} Known: {', '.join(_KEYS)}.")
        missing = wanted.get("missing", False)
        if not isinstance(missing, bool):
            raise ConfigError(f"{where}: missing: expected true or false, got {type(missing).__name__}.")
        if set(wanted) == {"missing"} and missing:
            return cls(missing=True)
        return cls(ranges=((wanted.get("min"), wanted.get("max")),), missing=missing)

    @property
    def is_single(self) -> bool:
        """True for one value, or missing, and nothing else."""
        return len(self.values) + len(self.ranges) + self.missing == 1 and not (
            self.ranges or self.is_excluded
        )

    @property
    def constant(self) -> object:
        """The value of a single one, ``None`` for missing."""
        return self.values[0] if self.values else None

    def keeps(self, series: pd.Series, column: Column) -> np.ndarray:
        """Return ``(rows,)`` true for the cells of a series of a column that meet the condition.

        Raises:
            DataError: the column's values have no order, or the end of a range is none of them.
        """
        is_missing = series.isna().to_numpy(dtype=bool)
        met = np.zeros(len(series), dtype=bool)
        if column.has_categories:
            keys, listed = column.keys(series), typed(self.values)
            met = np.array([key in set(listed) for key in keys], dtype=bool)
            places: dict[Hashable, int] = {key: at for at, key in enumerate(typed(column.listed))}
            for ends in self.ranges:
                first, last = (None if end is None else places.get(typed([end])[0]) for end in ends)
                is_open = ends == (None, None)
                if not is_open and (not column.is_ordered or [first, last].count(None) > ends.count(None)):
                    raise DataError(
                        f"Column {column.name!r}: expected a range between two of its ordered categories."
                    )
                at = np.array([places.get(key, -1) for key in keys])
                within = (at >= (first or 0)) & (at <= (len(places) if last is None else last)) & (at >= 0)
                met |= is_open | within
        else:
            found, step = column.read(series), 1e-6 * (column.domain().step or 0.0)
            ranges = [*self.ranges, *((value, value) for value in self.values)]
            for low, high in ranges:
                least, most = _place(column, low, -np.inf), _place(column, high, np.inf)
                met |= (found >= least - step) & (found <= most + step)
        return np.asarray(np.where(is_missing, self.missing, met) != self.is_excluded)

    def check_kind(self, column: Column) -> None:
        """Raise unless values are of the kind of a column's axis; categories may be of any kind.

        Raises:
            DataError: a value is of another kind.
        """
        for value in () if column.has_categories else self.values:
            column.stated(value)

    def cut(self, encoder: ColumnEncoder) -> CutCells:
        """Return the cells of a column, cut so that whole cells meet the condition."""
        cut = encoder.cut(self.values, self.ranges, self.missing)
        if not self.is_excluded:
            return cut
        every = encoder.cut((), ((None, None),), with_missing=True)
        return cut._replace(allowed=every.allowed[cut.parent] & ~cut.allowed)


def _place(column: Column, end: object, open_end: float) -> float:
    """Return the place on the axis of the end of a range."""
    if end is None or (isinstance(end, float) and end == open_end):
        return open_end
    return float(column.read(_series(column.stated(end)))[0])


def conditions_of(
    wanted: object, schema_names: Sequence[str], where: str = "conditions"
) -> dict[str, Condition]:
    """Return the conditions that a person states, by column.

    Raises:
        ConfigError: they are not a mapping, or one of them is not a condition.
        SchemaError: there is no such column.
    """
    if wanted is None:
        return {}
    if not isinstance(wanted, Mapping):
        raise ConfigError(
            f"{where}: expected a mapping from column names to values, got {type(wanted).__name__}."
        )
    wanted = {name if (known := name_of(name)) is None else known: each for name, each in wanted.items()}
    for name in wanted:
        if name not in schema_names:
            raise SchemaError(f"{where}: no column {name!r}.{nearest(name, schema_names)}")
    return {name: Condition.of(each, f"{where}: column {name!r}") for name, each in wanted.items()}


def check_proportions(wanted: object) -> list[tuple[str, list[Condition], list[float]]]:
    """Return the columns whose values have shares, each with the parts of its values, and their shares.

    Args:
        wanted: ``{column: {value: share}}``, or ``{column: [{"value": ..., "share": ...}]}`` where a value may be
            anything that a condition may be.

    Raises:
        ConfigError: these are not shares of columns.
    """
    if (
        not isinstance(wanted, Mapping)
        or not wanted
        or not all(isinstance(each, Mapping | list | tuple) for each in wanted.values())
    ):
        raise ConfigError("proportions: expected shares by column such as {sex: {female: 0.5, male: 0.5}}.")
    return [_shares_of_column(name, stated) for name, stated in wanted.items()]


def _shares_of_column(name: object, stated: Any) -> tuple[str, list[Condition], list[float]]:
    where = f"proportions: column {name!r}"
    if isinstance(stated, Mapping):
        pairs = list(stated.items())
    elif all(isinstance(part, Mapping) and set(part) == _PART for part in stated):
        pairs = [(part["value"], part["share"]) for part in stated]
    else:
        raise ConfigError(f"{where}: expected a list of parts such as {{value: female, share: 0.5}}.")
    if not pairs:
        raise ConfigError(f"{where}: expected at least one share, got none.")
    parts = [Condition.of(value, where) for value, _ in pairs]
    shares = [
        real_in(f"{where}: share", share, 0.0, 1.0, open_low=False, open_high=False) for _, share in pairs
    ]
    if sum(shares) > 1.0 + ROUNDING:
        raise ConfigError(f"{where}: expected shares that sum to at most 1, got {sum(shares):g}.")
    return name_of(name) or str(name), parts, shares


def check_declared(conditions: Mapping[str, Condition], schema: Schema) -> None:
    """Raise for conditions that contradict the declarations of a schema; columns that it leaves open are skipped.

    Raises:
        ConfigError: a column is generated.
        DataError: a declared domain has no such value.
    """
    for name, condition in conditions.items():
        if name not in schema:
            continue
        column = schema[name]
        if not column.is_modelled:
            raise ConfigError(
                f"conditions: column {name!r} is generated ({column.kind}) and cannot be fixed."
            )
        if column.is_complete and column.dtype is not None:
            condition.check_kind(column)
            encoder = column.trials()[0].showing_other()  # of few cells, however wide the bounds are
            known = tuple(v for v in condition.values if encoder.contains(_series(_of_text(encoder, v))))
            known = tuple(_of_text(encoder, value) for value in known)
            if not replace(condition, values=known).cut(encoder).allowed.any():
                raise DataError(
                    f"conditions: column {name!r}: what is asked for is not in the declared domain."
                )


@dataclass(frozen=True)
class CodedConditions:
    """Conditions in terms of a table's codes.

    Attributes:
        encoder: The encoder of the table, which decodes to cells that meet them.
        fixed: Chances that rows meet them by the position of a column: their product is that of the whole row.
        constants: Values that whole columns have.
    """

    encoder: TableEncoder
    fixed: dict[int, Chances] = field(default_factory=dict)
    constants: dict[str, object] = field(default_factory=dict)


def coded(encoder: TableEncoder, conditions: Mapping[str, Condition]) -> CodedConditions:
    """Return conditions on modelled columns in terms of a table's codes.

    Values that were not released are left out where others remain, and the log says how many.

    Raises:
        DataError: a column is generated, or no released value of it meets its condition.
    """
    columns: dict[int, CodedColumn] = {}
    constants: dict[str, object] = {}
    chances: dict[int, np.ndarray] = {}
    single: dict[int, dict[int, int]] = {}
    placed = placed_columns(encoder)
    for name, condition in conditions.items():
        if name not in encoder.positions:
            kind = encoder.schema[name].kind
            raise DataError(
                f"conditions: column {name!r} is {'an' if kind[0] in 'aeiou' else 'a'} {kind}, which is generated and "
                "cannot be fixed."
            )
        position = encoder.positions[name]
        column = encoder.columns[position]
        known = released(condition, column)
        drawn = column.encoder
        if position in encoder.cycles and is_on_lattice(drawn):
            drawn = drawn.without_taper()  # a calendar has none
        met = column.meeting(known.cut(drawn))
        chances[position] = met.chances
        if not met.chances.any():
            if known.missing and not (known.values or known.ranges or known.is_excluded):
                raise DataError(
                    f"Column {name!r}: missing cells were asked for, and samples have none: the fit found none above "
                    "the noise, or the column cannot hold them."
                )
            raise DataError(
                f"Column {name!r}: the value asked for is not in the column's released domain. "
                f"See model.schema_[{name!r}]."
            )
        if known.is_single:
            constants[name] = known.constant
            if np.count_nonzero(met.chances) == 1 and position not in placed:
                single[position] = encoder.codes_of({name: known.constant})
                continue
        columns[position] = met
    conditional = encoder.with_columns(columns)
    fixed: dict[int, Chances] = {}
    for position, each in chances.items():
        if position in single:
            fixed.update(single[position])
            continue
        if position in placed:
            fixed[position] = Stretches.of(columns[position])
            continue
        cycles = encoder.cycles.get(position, [])
        fixed[position] = (each > 0).astype(float) if cycles else each
        for which, cycle in enumerate(cycles):
            fixed[cycle] = partial(conditional.ways, position, which)
    return CodedConditions(conditional, fixed, constants)


def released(condition: Condition, column: CodedColumn) -> Condition:
    """Return a condition without the values that were not released of its column, and log how many are left out.

    Raises:
        DataError: none of them was, and it asks for nothing else; or they are of another kind than the column's.
    """
    encoder = column.encoder
    condition.check_kind(encoder.column)
    values = [_of_text(encoder, value) for value in condition.values]
    kept = tuple(
        values if _are_released(column, values) else (v for v in values if _are_released(column, [v]))
    )
    lost = len(values) - len(kept)
    if lost and not (kept or condition.ranges or condition.missing):
        raise DataError(
            f"Column {encoder.name!r}: the value asked for is not in the column's released domain. "
            f"See model.schema_[{encoder.name!r}]."
        )
    if lost:
        logger.warning(
            "conditions: column %r: %d of the %d values asked for are not in its released domain, and left out. See "
            "model.schema_[%r].",
            encoder.name,
            lost,
            len(values),
            encoder.name,
        )
    return replace(condition, values=kept)


def _are_released(column: CodedColumn, values: Sequence[object]) -> bool:
    """Return true if a sample may show each of some values."""
    series = pd.Series(list(values), dtype=object)
    if not column.encoder.contains(series):
        return False
    return bool(column.is_sampled[column.code_of_cell[column.encoder.transform(series)]].all())


def _of_text(encoder: ColumnEncoder, value: object) -> object:
    """Return a value of a column without categories, which may be given as text, as on a command line."""
    if not isinstance(value, str) or encoder.column.has_categories:
        return value
    if encoder.contains(_series(value)):
        return value
    try:
        return encoder.column.stated(value)
    except DataError:
        return value


def _is_missing(value: object) -> bool:
    return bool(_series(value).isna()[0])


def _series(value: object) -> pd.Series:
    return pd.Series([value], dtype=object)
