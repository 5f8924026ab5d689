"""Rules for rows: one column at most another, and fixed combinations of values.

Rules only judge a synthetic table. The sampler does not enforce them, so a table may break a rule that every real row
keeps; the figure ``rules`` reports the share of rows that keep them.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from tabgan._util.validate import nearest, shown
from tabgan.columns import Column
from tabgan.columns.values import declared_moment
from tabgan.errors import ConfigError
from tabgan.evaluation.metric import NotComputed
from tabgan.evaluation.tables import read_alone

Side = str | int | float


@dataclass(frozen=True)
class Inequality:
    """The rule ``low <= high`` in every row. A row in which either is missing keeps it.

    A text is the name of a column if the table has one of that name, else a moment in ISO 8601. Two moments of
    different time zones are compared in UTC; if one of them has no zone, by their wall clocks.

    Attributes:
        low: A numeric or datetime column, or a constant: a finite number or a moment in ISO 8601.
        high: The same; at least one of the two is a column, and both are of one kind.
        is_strict: True if equality breaks the rule.

    Raises:
        ConfigError: a side is neither text nor a finite number, or both are numbers.

    >>> Inequality("start", "2030-01-01").high
    '2030-01-01'
    """

    low: Side
    high: Side
    is_strict: bool = False

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            object.__setattr__(self, name, _side(name, getattr(self, name)))
        if not isinstance(self.low, str) and not isinstance(self.high, str):
            raise ConfigError("high: expected a column on at least one side, got two numbers. Name a column.")
        if not isinstance(self.is_strict, bool):
            raise ConfigError(f"is_strict: expected true or false, got {shown(self.is_strict)}.")


@dataclass(frozen=True)
class FixedCombinations:
    """The rule that every row has one of the allowed combinations of values. Missing is a value here.

    Attributes:
        columns: Names of two columns or more.
        allowed: The combinations, each with one value per column in the order of ``columns``, ``None`` for missing;
            ``None`` for those that occur in the real or in the holdout rows.

    Raises:
        ConfigError: the columns or combinations are not of that form.
    """

    columns: tuple[str, ...]
    allowed: tuple[tuple[object, ...], ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", _names(self.columns))
        if self.allowed is not None:
            object.__setattr__(self, "allowed", _combinations(self.allowed, len(self.columns)))


Rule = Inequality | FixedCombinations

_KEYS: dict[type, tuple[str, ...]] = {
    Inequality: ("low", "high", "is_strict"),
    FixedCombinations: ("columns", "allowed"),
}


def rule_from_dict(data: object, where: str = "rule") -> Rule:
    """Return the rule that a mapping, as in YAML, describes.

    Args:
        data: ``{low: start, high: end}`` and optionally ``is_strict``, or ``{columns: [...]}`` and optionally
            ``allowed``.
        where: Name of the place in errors, such as ``rules[0]``.

    Raises:
        ConfigError: the mapping has other keys, lacks one, or a value is not usable.

    >>> rule_from_dict({"low": 0, "high": "age"})
    Inequality(low=0, high='age', is_strict=False)
    """
    if not isinstance(data, Mapping):
        raise ConfigError(
            f"{where}: expected a mapping such as {{low: start, high: end}}, got {shown(data)}."
        )
    made: type[Inequality] | type[FixedCombinations] = FixedCombinations if "columns" in data else Inequality
    unknown = [key for key in data if key not in _KEYS[made]]
    if unknown:
        known = ", ".join(_KEYS[made])
        raise ConfigError(f"{where}: expected the keys {known}, got {str(unknown[0])!r}.{_meant(unknown[0])}")
    lacking = [key for key in ("low", "high") if made is Inequality and key not in data]
    if lacking:
        raise ConfigError(f"{where}.{lacking[0]}: expected a column or a constant, got nothing.")
    try:
        return made(**data)
    except ConfigError as error:
        raise ConfigError(f"{where}.{error}") from None


def check_rules(rules: object, columns: Sequence[Column]) -> None:
    """Check that rules are valid, and that their columns exist and can be compared.

    Args:
        rules: The caller's rules.
        columns: The columns of the table, as the schema describes them.

    Raises:
        ConfigError: naming the rule by its place, and its side.
    """
    if isinstance(rules, str | Mapping) or not isinstance(rules, Sequence):
        raise ConfigError(
            f"rules: expected a list of rules, got {shown(rules)}. Use rules=[Inequality(...)]."
        )
    described = {column.name: column for column in columns}
    for i, rule in enumerate(rules):
        where = f"rules[{i}]"
        if isinstance(rule, Inequality):
            kinds = [_kind(rule, side, described, where) for side in ("low", "high")]
            if kinds[0] != kinds[1]:
                raise ConfigError(
                    f"{where}: expected two numbers or two moments, got {kinds[0]} and {kinds[1]}. "
                    "Compare columns of one kind."
                )
        elif isinstance(rule, FixedCombinations):
            for j, name in enumerate(rule.columns):
                if name not in described:
                    raise _no_column(f"{where}.columns[{j}]", name, described, "a column of the table")
        else:
            raise ConfigError(f"{where}: expected Inequality or FixedCombinations, got {shown(rule)}.")


def check_rule_columns(rules: Sequence[Rule], names: Sequence[str]) -> None:
    """Check that the columns named by rules exist: all that can be checked before a fit finds their kinds.

    Raises:
        ConfigError: naming the rule by its place, and its side.
    """
    for i, rule in enumerate(rules):
        if isinstance(rule, FixedCombinations):
            sides = {f"columns[{j}]": name for j, name in enumerate(rule.columns)}
        else:
            sides = {side: getattr(rule, side) for side in ("low", "high")}
        for side, name in sides.items():
            is_constant = isinstance(rule, Inequality) and math.isfinite(_constant(name)[0])
            if name not in names and not is_constant:
                raise _no_column(f"rules[{i}].{side}", name, dict.fromkeys(names), "a column of the table")


def keeps_rules(
    rules: Sequence[Rule], columns: Sequence[Column], table: pd.DataFrame, known: Sequence[pd.DataFrame]
) -> np.ndarray:
    """Return ``(rows,)`` booleans, True for rows of the table that keep every rule.

    Args:
        rules: As :func:`check_rules` accepts them.
        columns: The columns of the table, as the schema describes them.
        table: The table to judge.
        known: Tables whose combinations are allowed if a rule names none; may be empty.

    Raises:
        NotComputed: there are no rules, or one leaves the combinations open and ``known`` is empty.
    """
    if not rules:
        raise NotComputed("no rules were given")
    described = {column.name: column for column in columns}
    is_kept = np.ones(len(table), dtype=bool)
    for rule in rules:
        if isinstance(rule, Inequality):
            is_kept &= _keeps_inequality(rule, described, table)
        else:
            is_kept &= _keeps_combinations(rule, described, table, known)
    return is_kept


def _keeps_inequality(rule: Inequality, described: Mapping[str, Column], table: pd.DataFrame) -> np.ndarray:
    (low, low_ahead), (high, high_ahead) = (
        _places(table[str(side)], described[str(side)]) if side in described else _constant(side)
        for side in (rule.low, rule.high)
    )
    have_zone = ~(np.isnan(low_ahead) | np.isnan(high_ahead))
    low, high = low - np.where(have_zone, low_ahead, 0.0), high - np.where(have_zone, high_ahead, 0.0)
    is_kept = np.less(low, high) if rule.is_strict else np.less_equal(low, high)
    return np.asarray(is_kept | np.isnan(low) | np.isnan(high))


def _places(series: pd.Series, column: Column) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(rows,)`` places of a column, and by how much they are ahead of UTC; see ``Column.ahead_of_utc``."""
    return read_alone(series, column)[0], column.ahead_of_utc(series)


def _keeps_combinations(
    rule: FixedCombinations,
    described: Mapping[str, Column],
    table: pd.DataFrame,
    known: Sequence[pd.DataFrame],
) -> np.ndarray:
    names = list(rule.columns)
    if rule.allowed is not None:
        known = [pd.DataFrame(list(rule.allowed), columns=names, dtype=object)]
    elif not known:
        raise NotComputed("a rule leaves open which combinations are allowed")
    read = [_read_together(described[name], [frame[name] for frame in (table, *known)]) for name in names]
    # For each frame, (rows,) uint64, equal for equal rows, and different for others but for a chance of 2**-64.
    judged, *others = (
        pd.util.hash_pandas_object(pd.DataFrame(dict(enumerate(part))), index=False).to_numpy()
        for part in zip(*read, strict=True)
    )
    return np.isin(judged, np.concatenate(others))


def _read_together(column: Column, parts: Sequence[pd.Series]) -> list[np.ndarray]:
    """Return ``(rows,)`` numbers of each part of one column, equal for equal cells; NaN is missing."""
    read = [read_alone(part, column) for part in parts]
    distinct = dict.fromkeys(chain.from_iterable(keys or () for _, keys in read))
    position = {key: float(i) for i, key in enumerate(distinct)}
    together = []
    for values, keys in read:
        if keys is not None:
            lookup = np.array([*(position[key] for key in keys), np.nan])
            values = lookup[np.nan_to_num(values, nan=len(keys)).astype(np.int64)]
        together.append(values + 0.0)  # one zero
    return together


def _kind(rule: Inequality, side: str, described: Mapping[str, Column], where: str) -> str:
    """Return the kind of a side, in words.

    Raises:
        ConfigError: the side is neither a number nor a moment.
    """
    value = getattr(rule, side)
    if value in described:
        column = described[value]
        if column.quantity is None:
            raise ConfigError(
                f"{where}.{side}: expected a numeric or datetime column, got {value!r}, which is {column.kind}."
            )
        return str(column.quantity)
    if not isinstance(value, str):
        return "a number"
    if not math.isfinite(_constant(value)[0]):
        raise _no_column(f"{where}.{side}", value, described, "a column, a number or a moment in ISO 8601")
    other = rule.high if side == "low" else rule.low
    if other not in described:
        raise _no_column(f"{where}.{side}", value, described, "a column on at least one side")
    return "a moment"


def _constant(value: Side) -> tuple[float, float]:
    """Return a constant as :func:`_places` returns a column; NaN for text that is no moment in ISO 8601."""
    if not isinstance(value, str):
        return float(value), math.nan
    found = declared_moment(value)
    if found is None:
        return math.nan, math.nan
    second, microsecond, ahead = found
    return second + microsecond / 1e6, math.nan if ahead is None else float(ahead)


def _side(name: str, value: object) -> Side:
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, str):
        return value
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value):  # type: ignore[arg-type]
        raise ConfigError(f"{name}: expected a column, a finite number or a moment, got {shown(value)}.")
    return value  # type: ignore[return-value]


def _names(columns: object) -> tuple[str, ...]:
    names = tuple(columns) if isinstance(columns, list | tuple) else ()
    if len(names) < 2 or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise ConfigError(f"columns: expected a list of two different columns or more, got {shown(columns)}.")
    return names


def _combinations(allowed: object, width: int) -> tuple[tuple[Any, ...], ...]:
    rows = tuple(allowed) if isinstance(allowed, list | tuple) else ()
    is_whole = all(isinstance(row, list | tuple) and len(row) == width for row in rows)
    if not rows or not is_whole:
        raise ConfigError(
            f"allowed: expected a list of combinations of {width} values, got {shown(allowed)}."
        )
    for row in rows:
        for cell in row:
            if not (cell is None or isinstance(cell, str | Real | dt.date)):
                raise ConfigError(f"allowed: expected text, numbers, dates or nothing, got {shown(cell)}.")
    return tuple(tuple(row) for row in rows)


def _no_column(where: str, name: str, described: Mapping[str, object], rule: str) -> ConfigError:
    return ConfigError(f"{where}: expected {rule}, got {name!r}.{nearest(name, list(described))}")


def _meant(key: object) -> str:
    return nearest(key, [key for keys in _KEYS.values() for key in keys])
