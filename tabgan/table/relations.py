"""Rules that names and released numbers suggest, to be held against rows by a door.

A private draft offers them, and samples of a fit keep those that few rows can break. Post-processing: a relation is
made of public facts, noisy histograms and noisy tables of pairs.
"""

from __future__ import annotations

import itertools
import logging
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from keyword import iskeyword
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from tabgan._util.yaml import key_of
from tabgan.columns import Column
from tabgan.columns.encoder import MISSING
from tabgan.columns.lattice import LatticeEncoder, is_on_lattice
from tabgan.errors import ConfigError
from tabgan.rules import FixedCombinations, Formula, Inequality, Near, Rule, Same
from tabgan.rules.same import shared_columns
from tabgan.table.coded import CodedColumn
from tabgan.table.codes import TableEncoder

logger = logging.getLogger(__name__)

#: The most relations of each form: more of them share the noise of one stage. A fit holds few against the rows:
#: formulas by names, sums, dependences and pairs of columns in an order, and so many in all. It holds more, as orders
#: of a day's prices, if the noise of all stays below a share of the rows.
MOST, MOST_FORMULAS, MOST_SUMS, MOST_DEPENDENCES, MOST_ORDERS, MOST_IN_ALL = 8, 5, 2, 4, 4, 8
MOST_CLEAR_ORDERS, MOST_CLEAR, _CLEAR = 16, 28, 0.01

#: An order is of interest if at least this share of the rows that have both numbers breaks it by chance, and that of
#: all rows.
LEAST_BY_CHANCE, _LEAST_OF_ALL = 0.005, 0.0005

#: Share of the rows that break a relation in noisy tables, up to which it is held against the rows.
_PROMISING = 0.1

#: The part of the rows that chance would put above an order in a noisy table, up to which that is promising.
_OF_TABLE = 0.25

#: Part of the dependence of a column that another determines, from which on a score makes one likely.
_OF_DETERMINED = 0.7

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


#: Two moments are close if this share of the rows has them in the same or in neighbouring codes, and at most that share
#: would by chance.
_CLOSE, _CLOSE_BY_CHANCE = 0.8, 0.4

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

    def keeps(self, df: pd.DataFrame, codes: npt.ArrayLike, described: Mapping[str, Column]) -> np.ndarray:
        """Return ``(rows,)`` booleans, true for rows that keep it: each is judged by itself."""
        if self.allowed is None:
            with np.errstate(all="ignore"):  # a warning would tell of a value
                return self.rule.keeps(df, described)
        own = np.asarray(codes)
        return np.asarray(self.allowed[tuple(own[:, i].astype(np.int64) for i in self.positions)])


def relations_of(encoder: TableEncoder, pairs: Sequence[Table], n_rows: float) -> list[Relation]:
    """Return the relations that may hold in a table, by what was released of it."""
    named = _named(encoder)[:MOST]
    sums, orders = _sums(encoder, pairs, n_rows), _orders(encoder, pairs, n_rows)[:MOST]
    return [*named, *sums, *_dependences(encoder, pairs, n_rows), *itertools.chain(*orders)]


def in_questions(relations: Sequence[Relation]) -> list[list[int]]:
    """Return the numbers of relations, those together of which a row breaks one at most: opposite orders."""
    found: list[list[int]] = []
    waiting: dict[tuple[object, object], list[int]] = {}
    for number, relation in enumerate(relations):
        rule = relation.rule
        if isinstance(rule, Inequality) and (rule.high, rule.low) in waiting:
            waiting.pop((rule.high, rule.low)).append(number)
            continue
        found.append([number])
        if isinstance(rule, Inequality):
            waiting[rule.low, rule.high] = found[-1]
    return found


def _own(encoder: TableEncoder) -> list[tuple[int, CodedColumn]]:
    """Return the table's own columns and their positions, in its order."""
    return [(position, encoder.columns[position]) for position in encoder.own_positions]


# Inequalities.


def _places(column: CodedColumn) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest place on the axis of each cell of a column on a lattice."""
    encoder = cast(LatticeEncoder, column.encoder)
    own, edges = encoder.column, encoder.edges
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


@dataclass(frozen=True)
class _Above:
    """The share of the rows in which a column is surely above another, by the ends of their codes.

    Attributes:
        share: In a noisy table of the two.
        by_chance: If the two were independent.
        noise: Standard deviation of the former's noise.
    """

    share: float
    by_chance: float
    noise: float


def _above(
    low: Placed, high: Placed, tables: Mapping[tuple[int, ...], Table], n_rows: float
) -> _Above | None:
    """Return the share of the rows in which ``low`` is surely above ``high``; ``None`` if the two are unmeasured."""
    (i, first), (j, second) = low, high
    table = tables.get((min(i, j), max(i, j)))
    if table is None:
        return None
    counts = table.counts if i < j else table.counts.T
    is_above = _ends_of_codes(first)[0][:, None] > _ends_of_codes(second)[1][None, :]
    noise = float(np.max(table.noise_stddev)) * float(is_above.sum()) ** 0.5 / n_rows
    expected = np.outer(first.code_weights, second.code_weights)[is_above].sum() / n_rows**2
    return _Above(max(float(counts[is_above].sum()) / n_rows, 0.0), float(expected), noise)


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
            have_both = _present_share(low[1], n_rows) * _present_share(high[1], n_rows)
            if chance >= max(LEAST_BY_CHANCE * have_both, _LEAST_OF_ALL):
                yield low, high, chance


def _present_share(column: CodedColumn, n_rows: float) -> float:
    """Return the share of the rows that have a number, by released counts."""
    return float(column.weights[1 : 1 + column.encoder.n_values].sum()) / max(n_rows, 1.0)


def may_be_related(
    encoder: TableEncoder, n_rows: float, scores: Mapping[tuple[int, int], float], noise_stddev: float
) -> bool:
    """Return true if a relation of columns may be found that no rule declares.

    Args:
        encoder: Of the table; the names of its columns and their released histograms tell.
        n_rows: Noisy number of rows.
        scores: Noisy dependence of pairs of columns, see :func:`~tabgan.privacy.doors.marginals.measure_pairs`.
        noise_stddev: Of the scores.
    """
    return (
        any(_is_open(encoder, relation) for relation in _named(encoder))
        or any(_is_open_order(encoder, low, high) for low, high, _ in _ordered(encoder, n_rows))
        or _may_determine(encoder, scores, noise_stddev, n_rows)
    )


def _may_determine(
    encoder: TableEncoder, scores: Mapping[tuple[int, int], float], noise_stddev: float, n_rows: float
) -> bool:
    """Return true if some pair depends on each other about as much as if one column determined the other.

    A row of a code that goes with one value of share ``p`` adds ``2 * (1 - p)`` to the score at least.
    """
    free = {column.encoder.name for column in _free(encoder)}
    own = {place: column for place, column in _own(encoder) if column.encoder.name in free}
    single = {place: float(c.code_weights[_single_codes(c)].sum()) for place, c in own.items()}
    by_chance = {place: 1.0 - float(c.code_weights.max()) / n_rows for place, c in own.items()}
    for pair, score in scores.items():
        for known, told in itertools.permutations(pair) if own.keys() >= set(pair) else ():
            least = 2 * single[known] * by_chance[told] * _OF_DETERMINED
            if score + 2 * noise_stddev >= least and _may_tell(own[known], own[told], n_rows):
                return True
    return False


def open_relations(
    encoder: TableEncoder, pairs: Sequence[Table], n_rows: float, noise_of: Callable[[int], float]
) -> list[Relation]:
    """Return the few relations of columns that names and measured pairs suggest most and that no rule declares.

    Args:
        encoder: Of the table.
        pairs: Measured pairs of its columns.
        n_rows: Noisy number of rows.
        noise_of: Standard deviation of the noise of a count of rows, by the number of questions that are asked.
    """
    placed = {column.encoder.name: (i, column) for i, column in _own(encoder)}
    orders = [
        each
        for each in _orders(encoder, pairs, n_rows)
        if _is_open_order(encoder, *(placed[name] for name in each[0].names))
    ]
    by_form = (
        (_named(encoder), MOST_FORMULAS),
        (_sums(encoder, pairs, n_rows), MOST_SUMS),
        (_dependences(encoder, pairs, n_rows), MOST_DEPENDENCES),
    )
    forms = [([each for each in relations if _is_open(encoder, each)], most) for relations, most in by_form]
    found = [relation for relations, most in forms for relation in relations[:most]]
    found = found[: MOST_IN_ALL - min(len(orders), MOST_ORDERS)]
    n_clear = next((n for n in range(MOST_CLEAR, 0, -1) if noise_of(n) <= _CLEAR * n_rows), 0)
    n_orders = max(min(n_clear - len(found), MOST_CLEAR_ORDERS), MOST_ORDERS)
    kept = orders[:n_orders]
    taken = set(map(id, found))
    others = [each for relations, _ in forms for each in relations if id(each) not in taken]
    return [*found, *others[: max(n_clear - len(found) - len(kept), 0)], *itertools.chain(*kept)]


def _named(encoder: TableEncoder) -> list[Relation]:
    """Return formulas that names of columns suggest."""
    return [*_parts_of_moments(encoder), *_clocks(encoder)]


def _is_open(encoder: TableEncoder, relation: Relation) -> bool:
    shared = set(shared_columns(encoder.schema.rules))  # not to be computed from what differs within a key
    is_kept_apart = relation.rule.changes in shared and not shared.issuperset(relation.names)
    return not is_kept_apart and set(relation.names) <= {column.encoder.name for column in _free(encoder)}


def _free(encoder: TableEncoder) -> list[CodedColumn]:
    """Return the table's own columns that no declared rule is about."""
    rules = [rule for rule in encoder.schema.statements if not isinstance(rule, Same)]
    tied = {name for rule in rules for name in rule.sides.values()}
    free = set(encoder.schema.names) - tied - set(encoder.inner.targets)
    return [column for _, column in _own(encoder) if column.encoder.name in free]


def _is_open_order(encoder: TableEncoder, low: Placed, high: Placed) -> bool:
    names = {low[1].encoder.name, high[1].encoder.name}
    return not any(names <= set(map(str, (rule.low, rule.high))) for rule in encoder.orders.rules)


def _orders(encoder: TableEncoder, pairs: Sequence[Table], n_rows: float) -> list[list[Relation]]:
    """Return inequalities that no measured pair contradicts: first those broken least, for what chance would break.

    Those of two columns that lie in the same codes are opposite to each other, and stand together.
    """
    tables = {table.columns: table for table in pairs}
    found: dict[frozenset[str], list[tuple[float, Relation]]] = {}
    for low, high, chance in _ordered(encoder, n_rows):
        above = _above(low, high, tables, n_rows)
        if above is None or above.share > min(_PROMISING, _OF_TABLE * above.by_chance) + 2 * above.noise:
            continue  # where no table was measured, the scores say that the two are independent, or nearly so
        names = (low[1].encoder.name, high[1].encoder.name)
        at_most = above.by_chance + above.noise  # 0 where no two codes lie apart
        rank = (above.share + above.noise) / at_most if at_most > 0 else 1.0
        found.setdefault(frozenset(names), []).append((rank, Relation(Inequality(*names), chance)))
    ranked = sorted(found.values(), key=lambda each: min(rank for rank, _ in each))
    return [[relation for _, relation in each] for each in ranked]


def say_close(rules: Sequence[Near]) -> None:
    """Log moments that lie so close together that the time between them is lost on all other columns of a sample."""
    for rule in rules:
        column, near = key_of(rule.column), key_of(rule.near)
        logger.warning(
            "%r and %r lie so close together that in samples the time between them goes with no other column. "
            "Declare, under rules: in its schema: {column: %s, near: %s}; and {low: %s, high: %s} if that holds in "
            "every row.",
            *(rule.near, rule.column, column, near, near, column),
        )


def close_moments(encoder: TableEncoder, pairs: Sequence[Table]) -> list[Near]:
    """Return the rules of moments of which nearly all rows have two in the same or in neighbouring codes.

    The one that is later in the mean lies near the other one.
    """
    own = {
        place: column
        for place, column in _own(encoder)
        if column.encoder.column.quantity == "a moment" and not column.is_unseen
    }
    computed, found = {str(rule.changes) for rule in encoder.found if rule.changes}, []
    for table in pairs:
        i, j = table.columns if set(table.columns) <= set(own) else (-1, -1)
        if i < 0 or {own[i].encoder.name, own[j].encoder.name} & computed:
            continue
        (low, high), (other_low, other_high) = _ends_of_codes(own[i]), _ends_of_codes(own[j])
        reach, other_reach = high - low, other_high - other_low
        is_close = (low - reach)[:, None] <= other_high[None, :]
        is_close &= (other_low - other_reach)[None, :] <= high[:, None]
        expected = np.outer(own[i].code_weights, own[j].code_weights)
        have_both = np.outer(~np.isnan(low), ~np.isnan(other_low))
        by_chance = expected[is_close].sum() / max(expected[have_both].sum(), 1e-9)
        counts = table.counts
        if by_chance < _CLOSE_BY_CHANCE and counts[is_close].sum() > _CLOSE * counts[have_both].sum() > 0:
            later = (other_low + other_high)[None, :] - (low + high)[:, None]
            first, last = (i, j) if (counts * later)[have_both & is_close].sum() >= 0 else (j, i)
            found.append(Near(own[last].encoder.name, own[first].encoder.name))
    return found


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


def _may_tell(known: CodedColumn, told: CodedColumn, n_rows: float) -> bool:
    """Return true if each value of a column may go with one of another that varies, by released histograms."""
    weights, others = known.code_weights, told.code_weights
    is_varied = 1.0 - float(others.max()) / n_rows >= _PROMISING
    is_finer = 1 < np.count_nonzero(others > 0) <= np.count_nonzero(weights > 0)
    return bool(is_varied and is_finer) and float(weights[_single_codes(known)].sum()) >= _JUDGED * n_rows


def _dependence(
    first: tuple[int, CodedColumn],
    then: tuple[int, CodedColumn],
    counts: np.ndarray,
    noise: float,
    n_rows: float,
) -> tuple[float, Relation] | None:
    """Return the share of the rows that break a dependence in a noisy table, and the dependence; ``None`` for none."""
    (i, known), (j, told) = first, then
    if not _may_tell(known, told, n_rows):
        return None
    weights, is_single = known.code_weights, _single_codes(known)
    single, by_chance = float(weights[is_single].sum()), 1.0 - float(told.code_weights.max()) / n_rows
    best = counts.argmax(axis=1)
    most = counts[np.arange(len(best)), best]
    share = float(np.maximum(weights - most, 0.0)[is_single].sum()) / n_rows
    doubt = noise * float(is_single.sum()) ** 0.5 / n_rows
    if share > min(_PROMISING, 0.5 * by_chance) + 2 * doubt or by_chance - share < 2 * doubt:
        return None  # or noise hides what the table shows
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
            formula = formula_of(column.name, f"{part}({{}})", [moment.name])
            if formula is not None:
                yield Relation(formula, 1.0)


def _clocks(encoder: TableEncoder) -> Iterator[Relation]:
    """Return an iterator over formulas of numbers such as 517 and 2000.25, made of a time's or a date's parts.

    Of several columns that may be such a number, the one comes first whose mean is nearest in noisy histograms.
    """
    means = {c.encoder.name: _mean(c) for _, c in _own(encoder) if c.encoder.column.quantity == "a number"}

    def distance(formula: Formula) -> float:
        """Return the distance of a column's mean from that of a formula; infinite where one is not known."""
        parts = {name: np.array([means[name]]) for name in formula.expression.names}
        off = abs(means[str(formula.column)] - float(formula.expression.values(parts)[0]))
        return math.inf if math.isnan(off) else off

    for parts, named, equals in _IDIOMS:
        names = [next((name for name in means if name.lower() == part), None) for part in parts]
        columns = [name for name in means if re.search(f"(^|[^a-z])({named})$", name.lower())]
        known = names if None not in names else []
        formulas = (formula_of(name, equals, list(map(str, known))) for name in columns if known)
        for formula in sorted((each for each in formulas if each is not None), key=distance):
            yield Relation(formula, 1.0)


def _mean(column: CodedColumn) -> float:
    """Return the mean of a column of numbers, in its noisy histogram; NaN where that does not tell it."""
    if not is_on_lattice(column.encoder):
        return math.nan
    first, last = _places(column)
    weights = column.weights[1 : 1 + len(first)]
    return float(weights @ (first + last) / 2 / weights.sum()) if weights.sum() > 0 else math.nan


def _sums(encoder: TableEncoder, pairs: Sequence[Table], n_rows: float) -> list[Relation]:
    """Return sums of two or three columns, none above the whole, whose means add up to its own in noisy histograms."""
    means, tables, places = {}, {table.columns: table for table in pairs}, {}
    for position, column in _own(encoder):
        own = column.encoder.column
        if own.quantity == "a number" and is_on_lattice(column.encoder) and column.encoder.n_values > 1:
            first, _ = _places(column)
            if column.weights[1 : 1 + len(first)].sum() > _PRESENT * n_rows and first[0] >= 0:
                means[own.name], places[own.name] = _mean(column), (position, column)
    found = []
    for total, mean in means.items():
        smaller = []
        for name in (name for name, value in means.items() if name != total and 0.02 * mean < value < mean):
            above = _above(places[name], places[total], tables, n_rows)
            if above is not None and above.share <= 2 * above.noise:
                smaller.append(name)
        for n in (2, 3):
            for parts in itertools.combinations(smaller[:12], n):
                off = abs(sum(means[part] for part in parts) / mean - 1.0)
                formula = formula_of(total, " + ".join(["{}"] * n), parts) if off <= _SAME_MEAN else None
                if formula is not None:
                    found.append((off, Relation(formula, 1.0)))
    found.sort(key=lambda each: each[0])
    return [relation for _, relation in found[: MOST // 2]]


def formula_of(column: str, equals: str, names: Sequence[str]) -> Formula | None:
    """Return a formula in which ``{}`` stand for names; ``None`` if a formula cannot hold one of them."""
    plain = (name if name.isidentifier() and not iskeyword(name) else f"`{name}`" for name in names)
    try:
        formula = Formula(column, equals.format(*plain))
    except ConfigError:
        return None
    return formula if set(formula.expression.names) == set(names) else None
