"""Door 1a: the release, under differential privacy, of the facts that a table's schema leaves open.

Rows are read and counted here, and every count leaves through :class:`~tabgan.privacy.doors.measure.Measurer`, after
its line is in the ledger. One row changes one cell of a column's histogram by one, so every histogram below has L2
sensitivity 1 under add-or-remove-one adjacency of rows, and ``max_rows`` under that of entities: an entity's rows may
all lie in one cell. That of keys by their rows has its own, :func:`~tabgan.privacy.events.sensitivity_of`. Everything
derived from a noisy count (a kind, a bound, a bin edge) is post-processing.

Public: column names, their order, dtypes, and everything that the schema declares.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType

import numpy as np
import pandas as pd

from tabgan.columns import Column, column_of_dtype, columns_of_votes, grid, occupied, told, vote_counts
from tabgan.columns import spans as spans_
from tabgan.columns.encoder import ColumnEncoder
from tabgan.columns.keys import typed
from tabgan.columns.lattice import LatticeColumn, LatticeEncoder, has_range, is_on_lattice
from tabgan.columns.spans import Repeated
from tabgan.columns.values import is_text
from tabgan.columns.vote import Verdict
from tabgan.errors import DataError
from tabgan.privacy.doors import mechanisms
from tabgan.privacy.doors.contributions import units_of
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.events import GAUSSIAN, GAUSSIAN_THRESHOLD, RECURRENCE, Release, sensitivity_of
from tabgan.privacy.plan import COARSER, RARE, TOGETHER, Plan, Stage, coarser_noise
from tabgan.privacy.released import (
    N_ROWS,
    ReleasedColumn,
    ReleasedTable,
    check_seen,
    combined,
    found_together,
    looks_of,
    lost_rows,
    needed_rows,
    others_of,
    pool_rows,
    sure_values,
)
from tabgan.schema import Schema
from tabgan.table.summed import Observed, Rows, observed_together, rows_of, weights_together

logger = logging.getLogger(__name__)

#: The categories, or the frequent numbers, that a discovery has released.
_Found = ReleasedColumn | Repeated


def release_table(
    df: pd.DataFrame | Rows, declared: Schema, plan: Plan, measurer: Measurer, *, untyped_text: bool = False
) -> ReleasedTable:
    """Complete the schema of a table and measure every column once.

    **Guarantee.** Every number computed from rows is charged and noised by ``measurer`` with the noise of its stage
    in ``plan``. Stages: kinds of object columns, number of rows, decimals and resolutions, rows that share a key,
    ranges, coarse histograms of wide columns, 1-way histograms or category discovery, frequent numbers of wide columns,
    a second discovery where many rows have none of the released categories or numbers, and roundness of the values of
    wide columns. Discoveries add their parts of delta.

    Args:
        df: ``(rows, columns)`` the private table, which has passed :func:`tabgan.table.checks.check_table`; in it,
            no unit has more than ``plan.unit.max_rows`` rows.
        declared: The public schema; columns may be absent or partly open.
        plan: Noise scales.
        measurer: The object that charges, adds the noise, and keeps the answers.
        untyped_text: True if the table was read as text: a column of text is then numbers or booleans where most of it
            can be read that way.

    Raises:
        DataError: the noisy row count is too small for the plan, or noise hides the range of a column that cannot be
            missing; then later stages are not charged.
    """
    door = _Door(rows_of(df), plan, measurer, untyped_text)
    columns = door.name_kinds(declared)
    n_rows = door.count_rows(len([c for c in columns if c.is_modelled]))
    columns = door.find_recurrence(door.find_precision(columns), n_rows)
    modelled = [c for c in columns if c.is_modelled]
    n_cells = grid.fine_cells(n_rows, plan.noise_stddev("one_way", len(modelled)))
    columns, spans = door.find_spans(columns, n_cells)
    check_seen(spans_.unseen_encoders(columns, spans))
    modelled = [c for c in columns if c.is_modelled]
    released = door.measure(modelled, spans, n_rows, n_cells)
    released = door.find_roundness(released)
    completed = {r.encoder.name: r.encoder.column for r in released}
    schema = declared.replace([completed.get(c.name, c) for c in columns])
    found = (door.verdicts, door.unsure, door.distinct, dict.fromkeys(door.axes, door.hidden))
    rows, rows_noise = pool_rows(n_rows, released, plan)
    table = ReleasedTable(schema, tuple(released), rows, rows_noise, *found)
    told.warn_of_unclear_kinds(table.unclear)
    told.warn_of_limits(released, door.axes)
    told.warn_of_coarse_columns(released, door.unsure)
    told.warn_of_absent_categories(released, declared.names)
    return table


@dataclass
class _Door:
    """The rows, with the plan and the measurer that every access to them goes through.

    ``unsure`` are the columns in which noise may hide finer decimals or resolutions, ``verdicts`` the votes on
    kinds, ``open`` the columns of undeclared precision, ``axes`` the ends of the axis on which a range was searched,
    ``hidden`` the rows that may lie beyond it, ``delta`` the part of each discovery, ``spans`` the released ranges.
    """

    rows: Rows
    plan: Plan
    measurer: Measurer
    untyped_text: bool
    unsure: frozenset[str] = frozenset()
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    open: frozenset[str] = frozenset()
    axes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    hidden: float = 0.0
    delta: float = 0.0
    spans: Mapping[str, grid.Span] = field(default_factory=dict)
    distinct: dict[str, float] = field(default_factory=dict)

    def histograms(
        self, stage: Stage, what: str, count: Mapping[str, Callable[[], np.ndarray]]
    ) -> dict[str, np.ndarray]:
        """Release one histogram per column with the stage's noise."""
        noise = self.plan.noise_multiplier(stage, len(count))
        releases = [self._release(what, (name,), noise) for name in count]
        noisy = self.measurer.counts(releases, list(count.values()))
        return dict(zip(count, noisy or [], strict=True))

    def _release(
        self, what: str, columns: tuple[str, ...], noise: float, mechanism: str = GAUSSIAN, delta: float = 0.0
    ) -> Release:
        """Return the ledger's line of a histogram, or of a number of rows."""
        moved = sensitivity_of(what, columns, self.plan.unit)
        return Release("release", what, columns, mechanism, noise, delta, sensitivity=moved)

    def name_kinds(self, declared: Schema) -> list[Column]:
        """Return a schema column for every column of the table; the kinds of object columns by a noisy vote."""
        columns: dict[str, Column] = {}
        header = self.rows.header
        for stated in declared:
            series = header[stated.name]
            is_read = self.untyped_text and is_text(series)
            columns[stated.name] = stated.with_table_dtype(str(series.dtype), is_read)
        to_vote = []
        for name in header.columns:
            if name in columns:
                continue
            column = column_of_dtype(header[name].dtype, name)
            if column is None:
                to_vote.append(name)
            else:
                columns[name] = column

        untyped_text = self.untyped_text

        def vote(cells: pd.Series) -> np.ndarray:  # runs where the rows lie, and carries nothing else with it
            return vote_counts(cells[cells.notna()], untyped_text)

        counts = {name: partial(self.rows.total, name, vote) for name in to_vote}
        votes = self.histograms("kinds", "kind of the values", counts)
        noise = self.plan.noise_stddev("kinds", len(to_vote))
        dtypes = {name: str(header[name].dtype) for name in to_vote}
        self.verdicts = columns_of_votes(votes, dtypes, noise, self.untyped_text)
        columns |= {name: verdict.column for name, verdict in self.verdicts.items()}
        named = [columns[name] for name in header.columns]
        self.rows = self.rows.read(named)
        return named

    def count_rows(self, n_columns: int) -> float:
        """Return the noisy number of rows.

        Raises:
            DataError: the noisy number is too small for the noise of the 1-ways.
        """
        if n_columns == 0:
            raise DataError("fit: every column is an identifier or a constant, so there is nothing to learn.")
        release = self._release(N_ROWS, (), self.plan.noise_multiplier("rows", 1))
        (noisy,) = self.measurer.counts([release], [lambda: np.array([len(self.rows)])]) or []
        n_rows = float(noisy[0])
        needed = needed_rows(self.plan, n_columns)
        if n_rows < needed:
            raise DataError(
                f"fit: the table has too few rows for epsilon={self.plan.epsilon:g} and {n_columns} columns: about "
                f"{needed:.0f} are needed for any column to rise above the noise. Raise epsilon, or drop columns. "
                "With n_rows declared in the schema, a table this small is refused before anything is spent."
            )
        return max(n_rows, 1.0)

    def find_recurrence(self, columns: Sequence[Column], n_rows: float) -> list[Column]:
        """Return the columns with the noisy numbers of keys by their rows, where requested; see ``sensitivity_of``."""
        asked = {c.name: c for c in columns if c.has_open_recurrence}
        most = {name: self.plan.unit.max_rows if name == self.plan.unit.entity else None for name in asked}
        counts = {name: partial(self._recurrence, column, most[name]) for name, column in asked.items()}
        new = self.histograms("recurrence", RECURRENCE, counts)
        return [c.with_recurrence(new[c.name], most[c.name], n_rows) if c.name in new else c for c in columns]

    def _recurrence(self, column: Column, most: int | None) -> np.ndarray:
        """Return the numbers of keys by their rows, compared like units, or like categories, which NaN cannot stop."""
        is_entity = column.name == self.plan.unit.entity
        found, times = self.rows.distinct(column.name)
        keys = found if is_entity else pd.Series(typed(found), dtype=object)
        units = units_of(keys.to_frame(column.name), column.name)
        rows = np.bincount(units, times).astype(np.int64)
        return column.recurrence_counts(rows, column.recurrence_cells(most))

    def find_precision(self, columns: Sequence[Column]) -> list[Column]:
        """Return the columns with decimals and resolutions filled in, by a noisy vote where undeclared."""
        self.open = frozenset(c.name for c in columns if has_range(c) and not c.has_precision)
        known = [column.with_implied_precision() for column in columns]
        open_ = {c.name: c for c in known if has_range(c) and not c.has_precision}
        counts = {name: partial(self.rows.total, name, c.precision_counts) for name, c in open_.items()}
        votes = self.histograms("precision", "decimals or resolution", counts)
        noise = self.plan.noise_stddev("precision", len(counts))
        surely, likely = occupied.SURELY * noise, occupied.LIKELY * noise
        found = {name: open_[name].with_voted_precision(vote, surely, likely) for name, vote in votes.items()}
        finer = partial(told.may_be_finer, surely=surely, likely=likely)
        self.unsure = frozenset(name for name, vote in votes.items() if finer(found[name], vote))
        return [found.get(column.name, column).with_final_dtype() for column in known]

    def find_spans(
        self, columns: Sequence[Column], n_cells: int
    ) -> tuple[list[Column], dict[str, grid.Span]]:
        """Return the span of the rows of every column with open or wide bounds, by noisy counts, and the columns.

        First over coarse cells that are the same for every table; then, for spans with more integers than the final
        ``n_cells``, over cells placed by the first counts, and once more where most rows are in one or two of these.
        An undeclared precision becomes one that the range has room for.
        """
        settled, coarse = {column.name: column for column in columns}, {}
        for column in columns:
            if has_range(column) and spans_.is_open(column, n_cells):
                is_free = column.bounds is None and column.name in self.open
                axis, edges = column.with_range_axis() if is_free else (column, grid.range_edges(column))
                settled[column.name], coarse[column.name] = axis, edges
        spans = self._spans("ranges", "range", settled, coarse)
        self.hidden = occupied.TAIL * self.plan.noise_stddev("ranges", len(coarse))
        for name, span in spans.items():
            column = settled[name]
            if has_range(column) and column.bounds is None:
                room = column.with_room_for(span.largest)
                settled[name], share = room if name in self.open else (column, 1.0)
                spans[name] = span.scaled(share) if span.is_seen else span
                self.axes[name] = tuple(math.floor(end * share) for end in coarse[name][[0, -1]])
        stages: tuple[Stage, ...] = ("zoom", "closer")
        for stage in stages:
            wide = {name: span for name, span in spans.items() if span.is_wide(n_cells)}
            if stage == "closer":
                wide = {name: span for name, span in wide.items() if span.fills_few}
            noise = self.plan.noise_stddev(stage, len(wide))
            cells = {name: grid.cells_apart(span, noise, grid.ZOOM_CELLS) for name, span in wide.items()}
            zoomed = {name: grid.grid_edges(span, cells[name]) for name, span in wide.items()}
            found = self._spans(stage, "coarse histogram", settled, zoomed, spans)
            spans |= {name: span for name, span in found.items() if span.is_seen}
        return list(settled.values()), spans

    def _spans(
        self,
        stage: Stage,
        what: str,
        columns: Mapping[str, Column],
        edges: dict[str, np.ndarray],
        earlier: Mapping[str, grid.Span] = MappingProxyType({}),
    ) -> dict[str, grid.Span]:
        """Return a span for each column in ``edges``, with declared or released ends; ``earlier`` ones are coarser."""
        counts, ends = {}, {}
        for column in columns.values():
            if column.name in edges and has_range(column):
                counts[column.name] = partial(self._over, column, edges[column.name])
                if column.bounds is not None:
                    ends[column.name] = column.declared_range()
        noise, known = self.plan.noise_stddev(stage, len(counts)), {n: s.known for n, s in earlier.items()}
        return {
            name: grid.span_of(
                edges[name], noisy, noise, ends.get(name), known.get(name), is_linear=columns[name].is_linear
            )
            for name, noisy in self.histograms(stage, what, counts).items()
        }

    def _over(self, column: LatticeColumn, edges: np.ndarray) -> np.ndarray:
        """Return ``(len(edges) - 1,)`` counts of a column's values; values outside go to the end cells."""
        read = column.to_lattice if edges.dtype == np.int64 else column.scaled

        def counts(cells: pd.Series) -> np.ndarray:
            lattice, present = read(cells)
            return np.histogram(np.clip(lattice[present], edges[0], edges[-1] - 1), edges)[0]

        return self.rows.total(column.name, counts)

    def measure(
        self, columns: Sequence[Column], spans: dict[str, grid.Span], n_rows: float, n_cells: int
    ) -> list[ReleasedColumn]:
        """Return every column's cells and noisy 1-way counts; open categories and frequent numbers are discovered."""
        self.spans, noises = spans, self.plan.one_way_noises([column.is_linear for column in columns])
        can_discover = bool(not self.plan.is_private or self.plan.discovery_delta)
        repeating = spans_.repeating(columns, spans, n_cells) if can_discover else []
        found = self._discoveries([c for c in columns if c.is_discovered], noises[True], repeating, n_rows)
        released = []
        for column in columns:
            span, known = spans.get(column.name), found.get(column.name)
            noise = noises[column.is_linear]
            stddev = noise * self.plan.unit.max_rows
            if isinstance(known, ReleasedColumn):
                released.append(known.settled(self.rows.header[column.name].dtype))
                continue
            if span is None or not has_range(column):
                released.append(self._count(column.encoder(), noise))
                continue
            encoder, span = spans_.encoder_of_span(column, span, n_cells, stddev, known)
            counted = self._count(encoder, noise).of_span(span)
            released.append(counted.tightened(span) if column.bounds is None and span.is_seen else counted)
        return released

    def _discoveries(
        self, open_: Sequence[Column], noise: float, repeating: Sequence[LatticeColumn], n_rows: float
    ) -> dict[str, _Found]:
        """Return the categories of open columns, and the frequent numbers of wide ranges, after closer looks."""
        n_coarser = sum(column.most_coarser for column in open_)
        self.delta = self.plan.delta_of_discovery(len(open_) + len(repeating), n_coarser)
        found: dict[str, _Found] = {
            c.name: self._discover(c, "categories and 1-way histogram", noise) for c in open_
        }
        noise = self.plan.noise_multiplier("exact", len(repeating))
        found |= {c.name: self._repeated(c, "frequent numbers", noise, n_rows) for c in repeating}
        return self.find_rare([*open_, *repeating], found, n_rows) if self.plan.is_private else found

    def _repeated(
        self, column: LatticeColumn, what: str, noise: float, n_rows: float, earlier: Repeated | None = None
    ) -> Repeated:
        """Return the numbers of a column that are frequent enough to pass the threshold, and those found earlier.

        Each of a unit's rows is in one cell, that of its number or that of missing values. Those of a short range have
        public cells, without a threshold.
        """
        release = self._release(what, (column.name,), noise, GAUSSIAN_THRESHOLD, self.delta)
        exact, unit, is_once = partial(self._observe, column), self.plan.unit.max_rows, earlier is not None
        found = self.measurer.discover(release, exact, unit, is_once)
        if earlier is not None and math.isnan(found.n_missing):
            return earlier
        counts = found.numbers(spans_.numbers_of(column, self.spans.get(column.name)), release.noise_stddev)
        return Repeated.of(counts, n_rows - found.n_missing, release.noise_stddev, earlier)

    def find_roundness(self, released: Sequence[ReleasedColumn]) -> list[ReleasedColumn]:
        """Return the columns with counts of values by roundness, where cells hold several integers."""
        encoders = {r.encoder.name: r.encoder for r in released}
        counts = {
            name: partial(self._roundness, encoder)
            for name, encoder in encoders.items()
            if is_on_lattice(encoder) and encoder.has_wide_cells
        }
        noise = self.plan.noise_stddev("round", len(counts))
        found = self.histograms("round", "round numbers", counts)
        return [
            replace(r, round_counts=(found[r.encoder.name], noise)) if r.encoder.name in found else r
            for r in released
        ]

    def _roundness(self, encoder: LatticeEncoder) -> np.ndarray:
        n = len(encoder.steps)
        return self.rows.total(
            encoder.name, lambda cells: np.bincount(encoder.round_classes(cells), minlength=n)
        )

    def _count(self, encoder: ColumnEncoder, noise: float) -> ReleasedColumn:
        def exact() -> np.ndarray:
            return self.rows.total(
                encoder.name, lambda cells: np.bincount(encoder.transform(cells), minlength=encoder.n_cells)
            )

        release = self._release("1-way histogram", (encoder.name,), noise)
        (counts,) = self.measurer.counts([release], [exact]) or []
        return ReleasedColumn(encoder, counts, release.noise_stddev)

    def find_rare(
        self, columns: Sequence[Column], found: Mapping[str, _Found], n_rows: float
    ) -> dict[str, _Found]:
        """Return what was found, with a closer discovery where many rows have none of the released values.

        Released numbers give their number: the rows minus the released counts. The number of such a column's values is
        released, too: nothing more is spent on a column whose values are far rarer than the lowest threshold.
        """
        asked, after, unit = {c.name: c for c in columns}, dict(found), self.plan.unit.max_rows
        lost = {name: rows for name in asked if (rows := lost_rows(found[name], n_rows, self.plan))}
        distinct = self._count_values([asked[name] for name in lost])
        self.distinct = {name: number for name, (number, _) in distinct.items() if asked[name].is_discovered}
        others = others_of(distinct, found, asked, self.spans)
        lost, noise = {name: lost[name] for name in others}, self.plan.noise_multiplier("rare", 1)
        threshold = mechanisms.threshold_for(noise * unit, self.delta, unit) if lost else 1.0
        room = self.plan.room_for_looks(n_rows, len(self.rows.header.columns))
        looks = looks_of([asked[name] for name in lost], lost, others, n_rows, threshold, room)
        if looks.together:
            part = max(looks.parts[name] for name in looks.together)
            known_of = {name: found[name] for name in looks.together}
            first = {name: known for name, known in known_of.items() if isinstance(known, ReleasedColumn)}
            after |= self._look_together(asked, first, lost, noise / math.sqrt(part))
        for name in (each for each in lost if each not in looks.together):
            column, known, part = asked[name], found[name], looks.parts[name]
            closer = noise / math.sqrt(part) if part else 0.0
            if isinstance(known, ReleasedColumn):
                known = combined(known, self._discover(column, RARE, closer)) if part else known
                after[name] = self.find_coarser(known, noise / math.sqrt(looks.coarser or 1.0), n_rows)
            elif has_range(column):
                rare_ = self._repeated(column, "rare numbers", closer, n_rows, known) if part else known
                after[name] = rare_.with_others(known.rest, others[name].most)
        return after

    def _look_together(
        self,
        asked: Mapping[str, Column],
        first: Mapping[str, ReleasedColumn],
        lost: Mapping[str, float],
        noise: float,
    ) -> dict[str, ReleasedColumn]:
        """Return open columns with the categories that a single closer discovery for all of them finds.

        A row counts in the columns in which its category was not found, with weights whose squares sum to 1: as a
        vector it is as long as any other row. The threshold, with delta for each column, allows for a new cell in all.
        """
        names, unit, steps = tuple(first), self.plan.unit.max_rows, mechanisms.GRID
        release = self._release(TOGETHER, names, noise, GAUSSIAN_THRESHOLD, len(names) * self.delta)
        words = [asked[name].public_words for name in names]
        known = {n: frozenset(typed([*sure_values(each), asked[n].other_label])) for n, each in first.items()}

        def exact() -> Observed:
            of = {name: asked[name].cells for name in names}
            sums = self.rows.together(of, known, weights_together(len(names), steps))
            return observed_together(sums, words, steps)

        seen = self.measurer.discover(release, exact, unit, is_once=True)
        return found_together(seen, first, words, [lost[name] for name in names], release.noise_stddev)

    def find_coarser(self, found: ReleasedColumn, noise: float, n_rows: float) -> ReleasedColumn:
        """Return released combinations, with coarser ones while many rows have none: each row is in its finest one."""
        while lost_rows(found, n_rows, self.plan):
            column = found.encoder.column.coarser()
            if column is None:
                break
            closed, own = column.closed(), noise * coarser_noise(column.n_coarser)
            look = self._count(closed.encoder(), own) if closed else self._discover(column, COARSER, own)
            found = combined(found, look)
        return found

    def _count_values(self, columns: Sequence[Column]) -> dict[str, tuple[float, float]]:
        """Return columns' noisy numbers of categories, or of numbers, and the standard deviations of their noise."""
        found: dict[str, tuple[float, float]] = {}
        stages: dict[Stage, bool] = {"distinct": True, "numbers": False}
        for stage, is_open in stages.items():
            own = {c.name: partial(self._n_values, c) for c in columns if c.is_discovered == is_open}
            noisy = self.histograms(stage, "number of values", own)
            found |= {name: (float(noisy[name][0]), self.plan.noise_stddev(stage, len(own))) for name in own}
        return found

    def _n_values(self, column: Column) -> np.ndarray:
        """Return the number of a column's categories or numbers, ``(1,)``: each row changes it by at most one."""
        pieces = self._observe(column)
        return np.array([sum(len(each.values) + np.count_nonzero(each.public) for each in pieces)])

    def _discover(self, column: Column, what: str, noise: float) -> ReleasedColumn:
        """Return the categories that pass the threshold, with their noisy counts."""
        release = self._release(what, (column.name,), noise, GAUSSIAN_THRESHOLD, self.delta)
        exact, unit = partial(self._observe, column), self.plan.unit.max_rows
        found = self.measurer.discover(release, exact, unit, is_once=what == RARE)
        found = found.with_words(column.public_words, release.noise_stddev).without(column.other_label)
        encoder = column.with_listed(tuple(found.values)).encoder()
        counts = np.concatenate([[found.n_missing], found.counts, [np.nan]])
        return ReleasedColumn(encoder, counts, release.noise_stddev)

    def _observe(self, column: Column) -> Iterator[Observed]:
        """Yield a column's numbers, or categories that a schema can hold, with their exact counts, piece by piece."""
        if has_range(column):
            repeated, n_rest = partial(column.repeated, is_exact=column.name in self.open), len(self.rows)
            named = spans_.numbers_of(column, self.spans.get(column.name))
            for numbers, n_each in self.rows.numbers(column.name, repeated):
                yield Observed(numbers.tolist(), n_each, n_rest - int(n_each.sum())).apart(named)
                n_rest = 0
            return
        n_missing = self.rows.missing(column.name)
        for values, counts in self.rows.counted(column.name, column.cells):
            yield Observed(values, counts, n_missing).apart(column.public_words)
            n_missing = 0
