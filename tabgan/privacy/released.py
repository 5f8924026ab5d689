"""Released numbers of a table, and facts that follow from them without another look at its rows."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple, cast

import numpy as np
import pandas as pd

from tabgan._util.yaml import key_of
from tabgan.columns import Column
from tabgan.columns.combination import stand_in
from tabgan.columns.encoder import ColumnEncoder
from tabgan.columns.grid import Span
from tabgan.columns.keys import Value, typed
from tabgan.columns.lattice import LatticeColumn, LatticeEncoder, is_on_lattice
from tabgan.columns.occupied import LIKELY, SURELY, tight_ends
from tabgan.columns.spans import IN_DOUBT, Repeated, tightened, with_clear_stand_ins
from tabgan.columns.vote import Verdict
from tabgan.columns.words import are_found, is_whole_set, is_word, stand_out
from tabgan.errors import ConfigError, DataError
from tabgan.privacy.plan import Plan, look_together, parts_of_looks, with_coarser
from tabgan.schema import Schema
from tabgan.table.coded import MISSING_SIGNAL, POOL_SIGNAL, pool_noise
from tabgan.table.losses import Hidden
from tabgan.table.summed import TOTAL

#: The fewest rows of a fit, in multiples of the noise of a 1-way count.
MIN_SIGNAL = 4.0

#: Share of all rows in values that were not released, above which a closer look is worth its budget, and the
#: number of standard deviations of the noise.
LOST_SHARE, LOST_SIGNAL = 0.03, 3.0

#: The share of the numbers of a range that are found, above which none of its numbers lie apart.
DENSE = 0.5

#: The ledger's name for the release of the number of rows.
N_ROWS = "number of rows"


@dataclass(frozen=True)
class Discovered:
    """Categories that passed a threshold.

    Attributes:
        values: The categories, sorted.
        counts: ``(len(values),)`` noisy counts.
        n_missing: Noisy number of missing values.
        public: Noisy counts of public values, which need none.
    """

    values: list[Value]
    counts: np.ndarray
    n_missing: float
    public: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def with_words(self, words: Sequence[str], noise_stddev: float) -> Discovered:
        """Return the same categories, and the public words that the column has by their counts."""
        return self._with(words, are_found(self.public, noise_stddev)) if len(self.public) else self

    def numbers(self, public: Sequence[float], noise_stddev: float) -> dict[float, float]:
        """Return noisy counts by number, of public ones too where these stand out from the noise together.

        Public ones are every number of a range. One of 20 may be noise, which does no harm between others. Beyond them
        the range would go on to it, so that only those count that continue it or are sure, if most numbers of the range
        are found: others lie apart, such as multiples of 5.
        """
        found = self
        if len(self.public):
            is_found = stand_out(self.public, noise_stddev)
            first, last = tight_ends(np.arange(len(public) + 1), self.public, noise_stddev)
            if is_found[first : last + 1].mean() > DENSE:
                is_found[:first] &= self.public[:first] > SURELY * noise_stddev
                is_found[last + 1 :] &= self.public[last + 1 :] > SURELY * noise_stddev
            found = self._with(public, is_found)
        return dict(zip(map(float, found.values), found.counts.tolist(), strict=True))

    def _with(self, public: Sequence[Value], is_found: np.ndarray) -> Discovered:
        values = [*self.values, *itertools.compress(public, is_found)]
        counts = np.concatenate([self.counts, self.public[is_found]])
        order = sorted(range(len(values)), key=lambda i: (type(values[i]).__name__, values[i]))
        return replace(self, values=[values[i] for i in order], counts=counts[order])

    def without(self, label: Value | None) -> Discovered:
        """Return the same categories but for a label: cells that hold it are pooled, and a sample's stands for both."""
        own = typed([label])
        is_kept = np.array([typed([value]) != own for value in self.values], dtype=bool)
        values = list(itertools.compress(self.values, is_kept))
        return replace(self, values=values, counts=self.counts[is_kept])


#: Stands for a discovery that was charged, and that an interruption lost.
LOST = Discovered([], np.zeros(0), math.nan)


@dataclass(frozen=True)
class Marginal:
    """A measured table of counts.

    Attributes:
        columns: Positions of the columns, ascending.
        counts: Noisy counts, one axis per column.
        noise_stddev: Standard deviation of a cell's noise, one for all cells or one for each; 0 without privacy.
        groups: Of a table of groups of codes, the group of each code, of both columns; else ``None``.
    """

    columns: tuple[int, ...]
    counts: np.ndarray
    noise_stddev: float | np.ndarray
    groups: tuple[np.ndarray, np.ndarray] | None = None


@dataclass(frozen=True)
class ReleasedColumn:
    """A column's domain and its noisy histogram.

    Attributes:
        encoder: Cells of the column.
        counts: ``(encoder.n_cells,)`` float64 noisy counts; NaN for the cell of other values, which is not measured.
        noise_stddev: Standard deviation of their noise.
        round_counts: ``(classes,)`` noisy counts of values by roundness, and the standard deviation of their noise;
            ``None`` where every cell is one value, or all values are equally round.
        cut: ``(cells,)`` noisy counts of cells that were measured, and left out as noise.
        replaced: Released number of rows whose numbers were not released, and show the nearest that were.
    """

    encoder: ColumnEncoder
    counts: np.ndarray
    noise_stddev: float
    round_counts: tuple[np.ndarray, float] | None = None
    cut: np.ndarray = field(default_factory=lambda: np.zeros(0))
    replaced: float = 0.0

    def within(self, encoder: ColumnEncoder, first: int, stop: int) -> ReleasedColumn:
        """Return the column without the values' cells before ``first``, and from ``stop`` on.

        Args:
            encoder: Of the others.
            first: Place among the values' cells.
            stop: Place after the last.
        """
        values = self.counts[1:]
        counts = np.concatenate([self.counts[:1], values[first:stop]])
        return replace(
            self,
            encoder=encoder,
            counts=counts,
            cut=np.concatenate([self.cut, values[:first], values[stop:]]),
        )

    def tightened(self, span: Span) -> ReleasedColumn:
        """Return a column of an open range without the cells at its ends that contain only noise."""
        encoder = cast(LatticeEncoder, self.encoder)
        return self.within(*tightened(encoder, self.counts, self.noise_stddev, span))

    def of_span(self, span: Span) -> ReleasedColumn:
        """Return the column of a span, where numbers that stand for missing values have cells if these are clear."""
        encoder, counts, left_out = with_clear_stand_ins(
            cast(LatticeEncoder, self.encoder), self.counts, self.noise_stddev, span
        )
        cut = np.append(self.cut, left_out)
        return replace(self, encoder=encoder, counts=counts, cut=cut, replaced=span.replaced)

    def settled(self, dtype: object) -> ReleasedColumn:
        """Return discovered categories in the order of the table's dtype, which is public, though its list is not.

        If none was found, and no cell can say so, it is one that is made up.
        """
        column = self.encoder.column
        if not column.listed and not self.encoder.is_nullable and column.unreleased_as == "redistribute":
            made_up = column.with_listed((stand_in(column),))
            return replace(self, encoder=made_up.encoder(), counts=np.insert(self.counts, 1, 0.0))
        if not isinstance(dtype, pd.CategoricalDtype) or not dtype.ordered:
            return self
        place = {key: i for i, key in enumerate(typed(dtype.categories))}
        listed = column.listed
        order = sorted(range(len(listed)), key=lambda i: place.get(typed([listed[i]])[0], len(place)))
        column = column.with_(categories=tuple(listed[i] for i in order), ordered=True)
        counts = self.counts[[0, *(1 + i for i in order), len(listed) + 1]]
        return replace(self, encoder=column.encoder(), counts=counts)


@dataclass(frozen=True)
class ReleasedTable:
    """Everything that door 1a releases.

    Attributes:
        schema: The completed schema, in the table's order.
        columns: One per modelled column: all except those that are generated.
        n_rows: Noisy number of rows.
        rows_noise: Standard deviation of its noise.
        verdicts: Results of the votes on kinds.
        unsure: Columns of which noise may hide finer decimals or resolutions.
        distinct: Noisy numbers of categories, of columns that lost many rows.
        hidden: Rows that noise may hide beyond either end of a range, by column.
        first: Columns that are drawn before all others.
    """

    schema: Schema
    columns: tuple[ReleasedColumn, ...]
    n_rows: float
    rows_noise: float = 0.0
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    unsure: frozenset[str] = frozenset()
    distinct: Mapping[str, float] = field(default_factory=dict)
    hidden: Mapping[str, float] = field(default_factory=dict)
    first: frozenset[str] = frozenset()

    @property
    def hidden_rows(self) -> dict[str, Hidden]:
        """Rows that noise hides, by column."""
        return {column.encoder.name: self._hidden(column) for column in self.columns}

    def _hidden(self, column: ReleasedColumn) -> Hidden:
        """Return the rows of a column that noise hides.

        Those in categories that were not released are the ones that have none of the released, where noise alone may
        explain their number, and two standard deviations. Of sets of public words that are whole, none is missed.
        """
        encoder, noise = column.encoder, MISSING_SIGNAL * column.noise_stddev
        beyond, missing = (
            self.hidden.get(encoder.name, 0.0),
            encoder.is_nullable and column.counts[0] <= noise,
        )
        listed = encoder.column.listed if encoder.has_other else ()
        if len(listed) and not is_whole_set(listed):
            pool_stddev = pool_noise(column.counts, column.noise_stddev, self.rows_noise)
            pool = self.n_rows - float(np.nansum(column.counts))
            is_noise = pool <= POOL_SIGNAL * pool_stddev
            beyond = max(pool + IN_DOUBT * pool_stddev, 0.0) if is_noise else beyond
        return Hidden(beyond, noise if missing else 0.0, column.replaced)

    @property
    def unclear(self) -> dict[str, Verdict]:
        """The votes in which the noise leaves the kind open."""
        return {name: verdict for name, verdict in self.verdicts.items() if not verdict.is_clear}

    def with_last(self, names: Sequence[str], first: Collection[str] = ()) -> ReleasedTable:
        """Return the same table with columns moved to the end: those drawn last depend on all others.

        Args:
            names: The last columns.
            first: Columns that come before all others, unless they are among the last.
        """
        places = {**dict.fromkeys(first, -1), **{name: 1 + place for place, name in enumerate(names)}}
        columns = sorted(self.columns, key=lambda column: places.get(column.encoder.name, 0))
        return replace(self, columns=tuple(columns), first=frozenset(first) - set(names))

    def turn(self, name: str, *, has_cycles: bool) -> tuple[bool, bool]:
        """Return a column's place in the order of drawing: those that come first, then moments, then all others."""
        return name not in self.first, not has_cycles or name in self.schema.targets


@dataclass(frozen=True)
class Noisy:
    """A released share of the rows.

    Attributes:
        value: As it was released, below 0 or above 1 by chance too.
        noise_stddev: Of its Gaussian noise. The error of the released number of rows comes on top, in proportion.
    """

    value: float
    noise_stddev: float


@dataclass(frozen=True)
class PrivateMetrics:
    """Noisy figures on how close a table is to a synthetic one.

    Attributes:
        columns: Total variation distance of each column, by name.
        pairs: Mean distance over pairs of columns; ``None`` where there are none.
        triples: Mean distance over triples.
        correct: Share of the rows whose target the model guesses; ``None`` without a model.
        majority: Share that have the class that most synthetic rows have.
    """

    columns: dict[str, Noisy]
    pairs: Noisy | None = None
    triples: Noisy | None = None
    correct: Noisy | None = None
    majority: Noisy | None = None


def needed_rows(plan: Plan, n_columns: int) -> float:
    """Return the number of rows that a fit needs for ``n_columns`` to rise above the noise; 0 without privacy."""
    return MIN_SIGNAL * plan.noise_stddev("one_way", n_columns) + 2 * plan.noise_stddev("rows", 1)


def check_declared_rows(schema: Schema, names: Iterable[str], plan: Plan) -> None:
    """Refuse a fit whose declared number of rows is too small.

    **Guarantee.** Reads no row: the number is the schema's, the noise the plan's.

    Args:
        schema: The declared schema; without ``n_rows``, nothing is refused.
        names: Columns of the table, as far as they are known: more columns need more rows.
        plan: Noise scales.

    Raises:
        ConfigError: the number is below :func:`needed_rows`.
    """
    if schema.n_rows is None:
        return
    keys = {column.name for column in schema if not column.is_modelled}
    n_columns = max(len({*schema.names, *names} - keys), 1)
    needed = math.ceil(needed_rows(plan, n_columns))
    if schema.n_rows < needed:
        raise ConfigError(
            f"schema: n_rows: {schema.n_rows} rows are too few for epsilon={plan.epsilon:g} and {n_columns} columns: "
            f"about {needed} are needed for any column to rise above the noise. Raise epsilon, or drop columns. "
            "No row was read, and nothing is spent."
        )


def check_seen(encoders: Sequence[ColumnEncoder]) -> None:
    """Raise if a sample could show no value of some columns, and no missing one: none is made up.

    Raises:
        DataError: naming all of them, with the line of a schema that each needs.
    """
    unseen = [each for each in encoders if is_on_lattice(each) and each.is_unseen and not each.is_nullable]
    if not unseen:
        return
    who, their, they = ("Column", "its", "it") if len(unseen) == 1 else ("Columns", "their", "they")
    lines = (f"{key_of(e.name)}: {{kind: {e.column.kind}, bounds: [low, high]}}" for e in unseen)
    raise DataError(
        f"{who} {', '.join(repr(each.name) for each in unseen)}: the noise hides where {their} values lie, and {they} "
        f"can hold no missing ones. Declare {their} bounds ({', '.join(lines)}), raise epsilon, or drop columns."
    )


def combined(first: ReleasedColumn, closer: ReleasedColumn) -> ReleasedColumn:
    """Return a column with the categories of two discoveries, their counts averaged by inverse variance.

    The noise of a category that only the first found is larger than the column's; few are. A public word that was in
    doubt, and that the closer look has not found, is none. A closer look that was lost changes nothing.
    """
    if math.isnan(closer.counts[0]):
        return first
    counts: dict[tuple[str, Value], list[tuple[float, float]]] = {}
    for found in (first, closer):
        keys = [("", ""), *((type(value).__name__, value) for value in found.encoder.column.listed)]
        for key, count in zip(keys, found.counts[:-1], strict=True):
            counts.setdefault(key, []).append((float(count), found.noise_stddev**-2.0))
    doubt = LIKELY * first.noise_stddev if closer.noise_stddev < first.noise_stddev else 0.0
    sure = {(type(value).__name__, value) for value in closer.encoder.column.listed}
    counts = {
        key: each for key, each in counts.items() if key in sure or not is_word(key[1]) or each[0][0] > doubt
    }
    mean = {key: sum(n * w for n, w in each) / sum(w for _, w in each) for key, each in counts.items()}
    n_missing = mean.pop(("", ""))
    keys = sorted(mean)
    column = closer.encoder.column.with_listed(tuple(value for _, value in keys))
    noisy = np.array([n_missing, *(mean[key] for key in keys), np.nan])
    return ReleasedColumn(column.encoder(), noisy, closer.noise_stddev)


def sure_values(found: ReleasedColumn) -> list[Value]:
    """Return the categories of a discovery, without doubtful public words."""
    listed, doubt = found.encoder.column.listed, LIKELY * found.noise_stddev
    return [v for v, n in zip(listed, found.counts[1:-1], strict=True) if n > doubt or not is_word(v)]


def found_together(
    seen: Discovered,
    first: Mapping[str, ReleasedColumn],
    words: Sequence[Sequence[str]],
    lost: Sequence[float],
    noise_stddev: float,
) -> dict[str, ReleasedColumn]:
    """Return columns with the categories that a discovery for all of them has added, and their counts.

    In it a row counts for less where it counts in several columns. How much less in the mean of a column follows from
    its total; the categories' counts are raised by as much. Earlier counts stay, and so does their noise, the larger.
    All stays as it was if the discovery was lost.

    Args:
        seen: The discovery: categories with the number of their column, and public counts of each column in turn, its
            total and its public words.
        first: The columns as they were found before.
        words: Their public words.
        lost: Released numbers of their rows that count.
        noise_stddev: Of the discovery.
    """
    if seen is LOST:
        return dict(first)
    found = list(zip(map(json.loads, map(str, seen.values)), seen.counts, strict=True))
    after, start = {}, 0
    for place, (name, known) in enumerate(first.items()):
        total, public = seen.public[start] / TOTAL, seen.public[start + 1 : start + 1 + len(words[place])]
        start += 1 + len(public)
        least, most = 1.0, math.sqrt(len(first) * (1.0 + TOTAL**2))
        factor = float(np.clip(lost[place] / max(total, 1.0), least, most))
        own = {value: n for (column, value), n in found if column == place}
        more = Discovered(list(own), np.array(list(own.values()), dtype=np.float64), 0.0, public)
        more = more.with_words(words[place], noise_stddev)
        more = more.without(known.encoder.column.with_listed(()).other_label)
        closed = known.encoder.column.with_listed(tuple(more.values))
        counts = np.concatenate([known.counts[:1], more.counts * factor, [np.nan]])
        closer = ReleasedColumn(closed.encoder(), counts, noise_stddev * factor)
        after[name] = replace(combined(known, closer), noise_stddev=known.noise_stddev)
    return after


class Others(NamedTuple):
    """The released number of a column's values that were not found.

    Attributes:
        number: As it was released, less those that were found.
        noise_stddev: Of its noise.
    """

    number: float
    noise_stddev: float

    @property
    def most(self) -> float:
        """The number at most, as far as the noise allows."""
        return self.number + IN_DOUBT * self.noise_stddev


def others_of(
    distinct: Mapping[str, tuple[float, float]],
    found: Mapping[str, ReleasedColumn | Repeated],
    asked: Mapping[str, Column],
    spans: Mapping[str, Span],
) -> dict[str, Others]:
    """Return the numbers of values that were not found, of open categories and of columns of few numbers.

    Args:
        distinct: Noisy number of a column's values, and the standard deviation of its noise.
        found: Values that were found.
        asked: The columns.
        spans: Released ranges of columns of numbers.
    """
    others = {
        name: Others(number - len(found[name].counts), noise) for name, (number, noise) in distinct.items()
    }
    return {
        name: each
        for name, each in others.items()
        if isinstance(known := found[name], ReleasedColumn)
        or known.needs_others(cast(LatticeColumn, asked[name]), each.number, each.most, spans.get(name))
    }


@dataclass(frozen=True)
class Looks:
    """Closer looks at columns that lost rows.

    Attributes:
        parts: The part of the stage ``rare`` of each column's look, 0 for none.
        coarser: That of looks for coarser combinations, of each such column.
        together: Columns that one look is for, with the part of any of them.
    """

    parts: dict[str, float]
    coarser: float
    together: tuple[str, ...]


def looks_of(
    columns: Sequence[Column],
    lost: Mapping[str, float],
    others: Mapping[str, Others],
    n_rows: float,
    threshold: float,
    room: float,
) -> Looks:
    """Return the closer looks at columns, by released numbers; see :func:`~tabgan.privacy.plan.parts_of_looks`."""
    are_categories = [column.is_discovered for column in columns]
    numbers, noises = ([each[i] for each in map(others.__getitem__, lost)] for i in (0, 1))
    n_coarser = sum(column.most_coarser > 0 for column in columns)
    ask = partial(
        parts_of_looks, list(lost.values()), numbers, noises, n_rows, threshold, are_categories, room
    )
    chosen = {
        name: part
        for name, part, is_open in zip(lost, ask(), are_categories, strict=True)
        if part and is_open
    }
    is_one = not n_coarser and look_together(list(chosen.values()), [lost[n] for n in chosen], n_rows)
    parts, coarser = with_coarser(ask(are_together=is_one), n_coarser, room)
    return Looks(dict(zip(lost, parts, strict=True)), coarser, tuple(chosen) if is_one else ())


def lost_rows(found: ReleasedColumn | Repeated, n_rows: float, plan: Plan) -> float:
    """Return the released number of rows that have none of the values of a discovery; 0 for few."""
    if not isinstance(found, ReleasedColumn):
        return 0.0 if found.is_all or found.rest < LOST_SHARE * n_rows else found.rest
    noise = math.hypot(plan.noise_stddev("rows", 1), found.noise_stddev * len(found.counts) ** 0.5)
    rows = float(n_rows - np.nansum(found.counts))
    return rows if rows > max(LOST_SHARE * n_rows, LOST_SIGNAL * noise) else 0.0


def pool_rows(n_rows: float, released: Sequence[ReleasedColumn], plan: Plan) -> tuple[float, float]:
    """Return the number of rows, averaged by inverse variance over its own count and all complete 1-way totals.

    Cells that were left out as noise count in a total: those of a thin tail hold rows all the same.

    Returns:
        The number, and the standard deviation of its noise.
    """
    if not plan.is_private:
        return n_rows, 0.0
    estimates = [n_rows]
    variances = [plan.noise_stddev("rows", 1) ** 2]
    for column in released:
        if not np.isnan(column.counts).any():
            measured = np.concatenate([column.counts, column.cut])
            estimates.append(float(measured.sum()))
            variances.append(len(measured) * column.noise_stddev**2)
    weights = 1.0 / np.asarray(variances)
    return max(float(np.average(estimates, weights=weights)), 1.0), float(weights.sum() ** -0.5)
