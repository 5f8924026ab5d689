"""Rules that names and released numbers suggest, to be held against rows by a door, and offered in a private draft.

Post-processing: a relation is made of public facts, noisy histograms and noisy tables of pairs.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from keyword import iskeyword
from typing import Protocol

import numpy as np
import pandas as pd

from tabgan.columns import Column
from tabgan.columns.encoder import MISSING
from tabgan.columns.lattice import is_on_lattice
from tabgan.errors import ConfigError
from tabgan.rules import FixedCombinations, Formula, Inequality, Rule
from tabgan.table.coded import CodedColumn
from tabgan.table.codes import TableEncoder

#: The most relations of each form: more of them share the noise of one stage; and of orders that a fit may keep.
MOST, MOST_ORDERS = 8, 4

#: Share of the rows that may break a rule which a draft declares, and that share of what would break it by chance.
MOST_BROKEN, OF_CHANCE = 0.02, 0.25

#: Share of the rows in which a column may differ from what others determine: almost a function will do.
_ALMOST = 0.005

#: A dependence is of interest if a row breaks it by chance with at least this probability.
LEAST_BY_CHANCE = 0.01

#: Share of the rows that break a relation in noisy tables, up to which it is held against the rows.
_PROMISING = 0.1

#: Share of the rows that a column's codes of one value each have, from which on they tell if it determines another.
_JUDGED = 0.5

#: Share of the rows that have a number, in a column that may be part of a sum.
_PRESENT = 0.45

#: Columns named as parts of a moment, by the function of the part.
_PARTS = {
    "year": "year|yr|jahr",
    "month": "month|mon|mth|monat",
    "day": "day|mday|day_of_month|tag",
    "weekday": "weekday|wday|day_of_week|dow",
    "hour": "hour|hr|stunde",
}

#: Numbers that stand for a time or a date: names of the parts, the column's own, and the formula.
_IDIOMS = (
    (("hour", "minute"), "time", "{} * 100 + {}"),
    (("year", "month"), "date|time", "{} + ({} - 1) / 12"),
)

#: Means may differ from a sum's by this share of it.
_SAME_MEAN = 0.03


#: A column and its position.
Placed = tuple[int, CodedColumn]


class Table(Protocol):
    """A noisy table of two columns: a measured marginal."""

    @property
    def columns(self) -> tuple[int, ...]:
        """Positions of the columns."""

    @property
    def counts(self) -> np.ndarray:
        """Noisy counts."""

    @property
    def noise_stddev(self) -> float | np.ndarray:
        """Standard deviation of their noise."""


@dataclass(frozen=True)
class Relation:
    """A rule, and a function of a single row that says if it is kept: of its cells, or of its codes in two columns.

    Attributes:
        rule: The rule.
        by_chance: Share of the rows that would break it if its columns had nothing to do with each other.
        positions: Positions of two coded columns; none if the rule judges the cells.
        allowed: ``(codes, codes)`` true where a row keeps it, from released numbers alone.
        judged: Share of the rows that could break it: those of other codes are taken to keep it.
    """

    rule: Rule
    by_chance: float
    positions: tuple[int, ...] = ()
    allowed: np.ndarray | None = None
    judged: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that it is about."""
        return tuple(dict.fromkeys(self.rule.sides.values()))

    def keeps(self, df: pd.DataFrame, codes: np.ndarray, described: Mapping[str, Column]) -> np.ndarray:
        """Return ``(rows,)`` booleans, true for rows that keep it: each is judged by itself."""
        if self.allowed is None:
            with np.errstate(all="ignore"):  # a warning would tell of a value
                return self.rule.keeps(df, described)
        return np.asarray(self.allowed[tuple(codes[:, i].astype(np.int64) for i in self.positions)])


def relations_of(encoder: TableEncoder, pairs: Sequence[Table], n_rows: float) -> list[Relation]:
    """Return the relations that may hold in a table, by what was released of it."""
    named = [*_parts_of_moments(encoder), *_clocks(encoder)][:MOST]
    sums, orders = _sums(encoder, pairs, n_rows), _orders(encoder, pairs, n_rows)
    return [*named, *sums, *_dependences(encoder, pairs, n_rows), *orders]


def _own(encoder: TableEncoder) -> list[tuple[int, CodedColumn]]:
    """Return the table's own columns and their positions, in its order."""
    return [(position, encoder.columns[position]) for position in encoder.own_positions]


# Inequalities.


def _places(column: CodedColumn) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest place on the axis of each cell of a column on a lattice."""
    edges: np.ndarray = column.encoder.edges  # type: ignore[attr-defined]
    own = column.encoder.column
    return own.places(edges[:-1]), own.places(edges[1:] - 1)


def _chance_above(low: CodedColumn, high: CodedColumn, n_rows: float) -> float:
    """Return the share of the rows in which ``low`` would be above ``high`` if they were independent."""
    (first, last), (others_first, others_last) = _places(low), _places(high)
    weights, others = low.weights[1 : 1 + len(first)], high.weights[1 : 1 + len(others_first)]
    middle, others_middle = (first + last) / 2, (others_first + others_last) / 2
    order = np.argsort(others_middle)
    below = np.concatenate([[0.0], np.cumsum(others[order])])
    return float(weights @ below[np.searchsorted(others_middle[order], middle)]) / max(n_rows, 1.0) ** 2


def _ends_of_codes(column: CodedColumn) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(codes,)`` the lowest and the highest place of each code of values; NaN for others."""
    first, last = _places(column)
    codes = column.code_of_cell[1 : 1 + len(first)]
    low, high = np.full(column.width, np.inf), np.full(column.width, -np.inf)
    np.minimum.at(low, codes, first)
    np.maximum.at(high, codes, last)
    is_value = np.zeros(column.width, dtype=bool)
    is_value[column.values] = True
    return np.where(is_value, low, np.nan), np.where(is_value, high, np.nan)


def _share_above(
    low: tuple[int, CodedColumn],
    high: tuple[int, CodedColumn],
    tables: Mapping[tuple[int, ...], Table],
    n_rows: float,
) -> tuple[float, float] | None:
    """Return the share of the rows in which ``low`` is surely above ``high``, and its noise; ``None`` if unmeasured."""
    (i, first), (j, second) = low, high
    table = tables.get((min(i, j), max(i, j)))
    if table is None:
        return None
    counts = table.counts if i < j else table.counts.T
    is_above = _ends_of_codes(first)[0][:, None] > _ends_of_codes(second)[1][None, :]
    noise = float(np.max(table.noise_stddev)) * float(is_above.sum()) ** 0.5 / n_rows
    return max(float(counts[is_above].sum()) / n_rows, 0.0), noise


def _ordered(encoder: TableEncoder, n_rows: float) -> Iterator[tuple[Placed, Placed, float]]:
    """Return an iterator over columns of one quantity, and the share of rows that would break their order by chance.

    Not those in which that is rare.
    """
    own = [
        (i, column)
        for i, column in _own(encoder)
        if is_on_lattice(column.encoder) and not column.encoder.is_unseen and column.encoder.n_values > 1
    ]
    for low, high in itertools.permutations(own, 2):
        quantity = low[1].encoder.column.quantity
        if quantity is not None and quantity == high[1].encoder.column.quantity:
            chance = _chance_above(low[1], high[1], n_rows)
            if chance >= LEAST_BY_CHANCE:
                yield low, high, chance


def may_be_ordered(encoder: TableEncoder, n_rows: float) -> bool:
    """Return true if an order of two columns may be found that rules do not say, by released histograms."""
    return any(_is_open(encoder, low, high) for low, high, _ in _ordered(encoder, n_rows))


def open_orders(encoder: TableEncoder, pairs: Sequence[Table], n_rows: float) -> list[Relation]:
    """Return the few orders of columns that measured pairs suggest most and that no rule says."""
    own = dict(_own(encoder))
    placed = {column.encoder.name: (i, column) for i, column in own.items()}
    return [
        relation
        for relation in _orders(encoder, pairs, n_rows)
        if _is_open(encoder, *(placed[name] for name in relation.names))
    ][:MOST_ORDERS]


def _is_open(encoder: TableEncoder, low: Placed, high: Placed) -> bool:
    names = {low[1].encoder.name, high[1].encoder.name}
    return not any(names <= set(map(str, (rule.low, rule.high))) for rule in encoder.orders.rules)


def _orders(encoder: TableEncoder, pairs: Sequence[Table], n_rows: float) -> list[Relation]:
    """Return inequalities that no measured pair contradicts: first those that chance alone would break most often."""
    tables = {table.columns: table for table in pairs}
    found = []
    for low, high, chance in _ordered(encoder, n_rows):
        above = _share_above(low, high, tables, n_rows)
        if above is None or above[0] > min(_PROMISING, 0.5 * chance) + 2 * above[1]:
            continue  # where no table was measured, the scores say that the two are independent, or nearly so
        names = (low[1].encoder.name, high[1].encoder.name)
        found.append((above[0] - chance, Relation(Inequality(*names), chance)))
    found.sort(key=lambda each: each[0])
    return [relation for _, relation in found[:MOST]]


def kept_orders(
    relations: Sequence[Relation], broken: Sequence[float], noise_stddev: float, n_rows: float
) -> tuple[Inequality, ...]:
    """Return the orders that few rows can break, by noisy numbers of those that do: as in a private draft."""
    return tuple(
        relation.rule
        for relation, count in zip(relations, broken, strict=True)
        if isinstance(relation.rule, Inequality) and is_strong(relation, count, noise_stddev, n_rows)
    )


def is_strong(relation: Relation, count: float, noise_stddev: float, n_rows: float) -> bool:
    """Return true if few rows can break a relation, by the noisy number of those that do.

    None may, and surely a small part of those that would by chance; of almost a function, a few may.
    """
    share, doubt = max(count / n_rows, 0.0), 2 * noise_stddev / n_rows
    none = max(1.5 * doubt, 0.0 if isinstance(relation.rule, Inequality) else _ALMOST)
    return share <= none and share + doubt <= min(MOST_BROKEN, OF_CHANCE * relation.by_chance)


# Dependences.


def _single_codes(column: CodedColumn) -> np.ndarray:
    """Return ``(codes,)`` true for codes that stand for one value, or for missing ones."""
    encoder = column.encoder
    widths = np.ones(encoder.n_cells)
    if is_on_lattice(encoder):
        widths[1 : 1 + encoder.n_values] = np.diff(encoder.edges)
    if encoder.has_other:
        widths[-1] = 2
    if not encoder.is_nullable:
        widths[MISSING] = 0
    return np.asarray(np.bincount(column.code_of_cell, weights=widths, minlength=column.width) == 1)


def _dependences(encoder: TableEncoder, pairs: Sequence[Table], n_rows: float) -> list[Relation]:
    """Return columns whose every value goes with one value of another column, in noisy tables: the likeliest first."""
    own = dict(_own(encoder))
    found = []
    for table in pairs:
        for i, j in (table.columns, table.columns[::-1]) if set(table.columns) <= set(own) else ():
            counts = table.counts if i < j else table.counts.T
            noise = float(np.max(table.noise_stddev))
            dependence = _dependence((i, own[i]), (j, own[j]), counts, noise, n_rows)
            if dependence is not None:
                found.append(dependence)
    found.sort(key=lambda each: each[0])
    return [relation for _, relation in found[:MOST]]


def _dependence(
    first: tuple[int, CodedColumn],
    then: tuple[int, CodedColumn],
    counts: np.ndarray,
    noise: float,
    n_rows: float,
) -> tuple[float, Relation] | None:
    """Return the share of the rows that break a dependence in a noisy table, and the dependence; ``None`` for none."""
    (i, known), (j, told) = first, then
    weights, others = known.code_weights, told.code_weights
    is_single = _single_codes(known)
    single = float(weights[is_single].sum())
    by_chance = 1.0 - float(others.max()) / n_rows
    if single < _JUDGED * n_rows or by_chance < _PROMISING:
        return None
    if not 1 < np.count_nonzero(others > 0) <= np.count_nonzero(weights > 0):
        return None
    best = counts.argmax(axis=1)
    most = counts[np.arange(len(best)), best]
    share = float(np.maximum(weights - most, 0.0)[is_single].sum()) / n_rows
    doubt = noise * float(is_single.sum()) ** 0.5 / n_rows
    if share > _PROMISING + 2 * doubt:
        return None
    allowed = np.zeros(counts.shape, dtype=bool)
    allowed[np.arange(len(best)), best] = True
    allowed[~is_single] = True
    rule = FixedCombinations((known.encoder.name, told.encoder.name))
    return share / by_chance, Relation(rule, by_chance, (i, j), allowed, min(single / n_rows, 1.0))


# Formulas.


def _parts_of_moments(encoder: TableEncoder) -> Iterator[Relation]:
    """Return an iterator over formulas of columns that are named as parts of a moment."""
    columns = [column.encoder.column for _, column in _own(encoder)]
    moments = [column for column in columns if column.quantity == "a moment"]
    for column in columns if moments else ():
        words = re.sub("[^a-z0-9]+", "_", column.name.lower())
        part = next((p for p, names in _PARTS.items() if re.search(f"(^|_)({names})$", words)), None)
        if part is None or column.quantity != "a number":
            continue
        for moment in moments:
            formula = _formula(column.name, f"{part}({{}})", [moment.name])
            if formula is not None:
                yield Relation(formula, 1.0)


def _clocks(encoder: TableEncoder) -> Iterator[Relation]:
    """Return an iterator over formulas of numbers such as 517 and 2000.25, made of a time's or a date's parts."""
    numbers = [c.encoder.column for _, c in _own(encoder) if c.encoder.column.quantity == "a number"]
    for parts, named, equals in _IDIOMS:
        names = [next((c.name for c in numbers if c.name.lower() == part), None) for part in parts]
        for column in numbers if None not in names else ():
            if re.search(f"(^|[^a-z])({named})$", column.name.lower()):
                formula = _formula(column.name, equals, [str(name) for name in names])
                if formula is not None:
                    yield Relation(formula, 1.0)


def _sums(encoder: TableEncoder, pairs: Sequence[Table], n_rows: float) -> list[Relation]:
    """Return sums of two or three columns, none above the whole, whose means add up to its own in noisy histograms."""
    means, tables, places = {}, {table.columns: table for table in pairs}, {}
    for position, column in _own(encoder):
        own = column.encoder.column
        if own.quantity == "a number" and is_on_lattice(column.encoder) and column.encoder.n_values > 1:
            first, last = _places(column)
            weights = column.weights[1 : 1 + len(first)]
            if weights.sum() > _PRESENT * n_rows and first[0] >= 0:
                means[own.name] = float(weights @ (first + last) / 2 / weights.sum())
                places[own.name] = (position, column)
    found = []
    for total, mean in means.items():
        smaller = []
        for name in (name for name, value in means.items() if name != total and 0.02 * mean < value < mean):
            above = _share_above(places[name], places[total], tables, n_rows)
            if above is not None and above[0] <= 2 * above[1]:
                smaller.append(name)
        for n in (2, 3):
            for parts in itertools.combinations(smaller[:12], n):
                off = abs(sum(means[part] for part in parts) / mean - 1.0)
                formula = _formula(total, " + ".join(["{}"] * n), parts) if off <= _SAME_MEAN else None
                if formula is not None:
                    found.append((off, Relation(formula, 1.0)))
    found.sort(key=lambda each: each[0])
    return [relation for _, relation in found[: MOST // 2]]


def _formula(column: str, equals: str, names: Sequence[str]) -> Formula | None:
    """Return a formula in which ``{}`` stand for names; ``None`` if a formula cannot hold one of them."""
    plain = (name if name.isidentifier() and not iskeyword(name) else f"`{name}`" for name in names)
    try:
        formula = Formula(column, equals.format(*plain))
    except ConfigError:
        return None
    return formula if set(formula.expression.names) == set(names) else None
