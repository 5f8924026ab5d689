"""Door 1a: the release, under differential privacy, of the facts that a table's schema leaves open.

Rows are read and counted here, and every count leaves through :class:`~tabgan.privacy.doors.measure.Measurer`, after
its line is in the ledger. One row changes one cell of a column's histogram by one, so every histogram below has L2
sensitivity 1 under add-or-remove-one adjacency of rows, and ``max_rows`` under that of entities: an entity's rows may
all lie in one cell. Everything derived from a noisy count (a kind, a bound, a bin edge) is post-processing.

Public: column names, their order, dtypes, and everything that the schema declares.
"""

from __future__ import annotations

import datetime as dt
import logging
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from tabgan.columns import grid
from tabgan.columns.categorical import CategoricalEncoder, typed
from tabgan.columns.encoder import ColumnEncoder
from tabgan.columns.lattice import (
    DatetimeEncoder,
    LatticeEncoder,
    NumericEncoder,
    declared_range,
    released_bounds,
    to_lattice,
)
from tabgan.columns.values import (
    DATETIME_FORMATS,
    boolean_of,
    float_of,
    floats,
    is_text,
    objects,
    read_text,
    second_of,
    seconds,
)
from tabgan.errors import ConfigError, DataError
from tabgan.privacy.doors.measure import Measurer, Observed
from tabgan.privacy.events import GAUSSIAN, GAUSSIAN_THRESHOLD, Release
from tabgan.privacy.plan import Plan, Stage
from tabgan.schema import MAX_DECIMALS, Boolean, Categorical, Datetime, Identifier, Numeric, Schema

logger = logging.getLogger(__name__)

#: Text that is a number. ``01002`` and ``1E2`` are codes, which reading them as numbers would destroy.
_NUMERAL = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-][0-9]+)?")

#: Cells of the vote on the kind of an object column.
_VOTE = ("text", *DATETIME_FORMATS, "booleans", "numbers", "dates", "datetimes", "true or false", "numerals")

#: dtypes of columns that are read from text.
TEXT_INTEGER, TEXT_FLOAT, TEXT_BOOLEAN = "Int64", "float64", "boolean"

#: Cells of the vote on decimals.
_DECIMALS = (0, 1, 2, 3, 4, 5, 6, MAX_DECIMALS)

#: Times that each discovery can be afforded: its part of delta leaves room for one more, after an interruption.
DISCOVERY_TRIES = 2

#: The fewest rows of a fit, in multiples of the noise of a 1-way count.
MIN_SIGNAL = 4.0


#: The ledger's name for the release of the number of rows.
N_ROWS = "number of rows"


@dataclass(frozen=True)
class ReleasedColumn:
    """A column's domain and its noisy histogram.

    Attributes:
        encoder: Cells of the column.
        counts: ``(encoder.n_cells,)`` float64 noisy counts; NaN for the cell of other values, which is not measured.
        noise_stddev: Standard deviation of their noise.
        round_counts: ``(classes,)`` noisy counts of values by roundness, and the standard deviation of their noise;
            ``None`` where every cell is one value, or all values are equally round.
    """

    encoder: ColumnEncoder
    counts: np.ndarray
    noise_stddev: float
    round_counts: tuple[np.ndarray, float] | None = None


@dataclass(frozen=True)
class ReleasedTable:
    """Everything that door 1a releases.

    Attributes:
        schema: The completed schema, in the table's order.
        columns: One per modelled column: all except identifiers.
        n_rows: Noisy number of rows.
    """

    schema: Schema
    columns: tuple[ReleasedColumn, ...]
    n_rows: float

    def with_last(self, name: str | None) -> ReleasedTable:
        """Return the same table with one column moved to the end: the last one drawn depends on all others."""
        columns = sorted(self.columns, key=lambda column: column.encoder.name == name)
        return replace(self, columns=tuple(columns))


def release_table(
    df: pd.DataFrame, declared: Schema, plan: Plan, measurer: Measurer, *, untyped_text: bool = False
) -> ReleasedTable:
    """Complete the schema of a table and measure every column once.

    **Guarantee.** Every number computed from rows is charged and noised by ``measurer`` with the noise of its stage
    in ``plan``. Stages: kinds of object columns, number of rows, decimals
    and resolutions, ranges, coarse histograms of wide columns, 1-way histograms or category discovery, which
    adds its part of delta, and roundness of the values of wide columns.

    Args:
        df: ``(rows, columns)`` the private table, which has passed :func:`tabgan.columns.checks.check_table`, and in
            which no unit has more than ``plan.unit.max_rows`` rows.
        declared: The public schema; columns may be absent or partly open.
        plan: Noise scales.
        measurer: The object that charges, adds the noise, and keeps the answers.
        untyped_text: True if the table was read as text: a column of text is then numbers or booleans where most of it
            can be read that way.

    Raises:
        DataError: the noisy row count is too small for the plan.
    """
    door = _Door(df, plan, measurer, untyped_text)
    columns = door.name_kinds(declared)
    n_rows = door.count_rows(len([c for c in columns if not isinstance(c, Identifier)]))
    columns = door.find_precision(columns)
    modelled = [c for c in columns if not isinstance(c, Identifier)]
    n_cells = grid.fine_cells(n_rows, plan.noise_stddev("one_way", len(modelled)))
    released = door.measure(modelled, door.find_spans(columns, n_rows, n_cells), n_cells)
    released = door.find_roundness(released)
    _warn_of_coarse_columns(released, door.unsure)
    completed = {r.encoder.name: r.encoder.column for r in released}  # type: ignore[attr-defined]
    schema = declared.replace([completed.get(c.name, c) for c in columns])
    return ReleasedTable(schema, tuple(released), _pool_rows(n_rows, released, plan))


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
    keys = {column.name for column in schema if isinstance(column, Identifier)}
    n_columns = max(len({*schema.names, *names} - keys), 1)
    needed = math.ceil(needed_rows(plan, n_columns))
    if schema.n_rows < needed:
        raise ConfigError(
            f"schema: n_rows: {schema.n_rows} rows are too few for epsilon={plan.epsilon:g} and {n_columns} columns: "
            f"about {needed} are needed for any column to rise above the noise. Raise epsilon, or drop columns. "
            "No row was read, and nothing is spent."
        )


def _warn_of_coarse_columns(released: Sequence[ReleasedColumn], unsure: Collection[str]) -> None:
    """Log the columns whose decimals or resolution did not rise above the noise; uses released numbers only."""
    columns: list[Any] = [r.encoder.column for r in released if r.encoder.name in unsure]  # type: ignore[attr-defined]
    for key, kept, kind in (("decimals", "whole numbers", Numeric), ("resolution", "days", Datetime)):
        names = [c.name for c in columns if isinstance(c, kind) and c.bounds is not None]
        if names:
            logger.warning(
                "The noise hides the %s of %s, so values are kept as %s. Declare %s in the schema, raise "
                "epsilon, or drop columns.",
                key,
                ", ".join(map(repr, names)),
                kept,
                key,
            )


@dataclass
class _Door:
    """The rows, with the plan and the measurer that every access to them goes through.

    ``unsure`` are the columns in which no count of decimals or resolutions rises above the noise.
    """

    df: pd.DataFrame
    plan: Plan
    measurer: Measurer
    untyped_text: bool
    unsure: frozenset[str] = frozenset()

    def histograms(
        self, stage: Stage, what: str, count: Mapping[str, Callable[[], np.ndarray]]
    ) -> dict[str, np.ndarray]:
        """Release one histogram per column with the stage's noise. Each of a unit's rows changes one cell by one."""
        noise = self.plan.noise_multiplier(stage, len(count))
        releases = [self._release(what, (name,), noise) for name in count]
        noisy = self.measurer.counts(releases, list(count.values()))
        return dict(zip(count, noisy or [], strict=True))

    def _release(
        self, what: str, columns: tuple[str, ...], noise: float, mechanism: str = GAUSSIAN, delta: float = 0.0
    ) -> Release:
        """Return the ledger's line of a histogram, or of a number of rows."""
        unit = self.plan.unit.max_rows
        return Release("release", what, columns, mechanism, noise, delta, sensitivity=unit)

    def present(self, name: str) -> pd.Series:
        """Return the values of a column that are not missing."""
        series = self.df[name]
        return series[series.notna()]

    def name_kinds(self, declared: Schema) -> list[Any]:
        """Return a schema column for every column of the table; the kinds of object columns by a noisy vote."""
        columns = {c.name: _with_dtype(c, self.df[c.name], self.untyped_text) for c in declared}
        open_names = [name for name in self.df.columns if name not in columns]
        to_vote = []
        for name in open_names:
            column = _column_of_dtype(self.df[name], name)
            if column is None:
                to_vote.append(name)
            else:
                columns[name] = column
        counts = {name: partial(self._vote, name) for name in to_vote}
        votes = self.histograms("kinds", "kind of the values", counts)
        noise = self.plan.noise_stddev("kinds", len(to_vote))
        for name, vote in votes.items():
            columns[name] = _column_of_vote(name, str(self.df[name].dtype), vote, noise)
        named = [columns[name] for name in self.df.columns]
        self.df = read_text(self.df, named)
        return named

    def count_rows(self, n_columns: int) -> float:
        """Return the noisy number of rows.

        Raises:
            DataError: the noisy number is too small for the noise of the 1-ways.
        """
        if n_columns == 0:
            raise DataError("fit: every column is an identifier, so there is nothing to learn.")
        release = self._release(N_ROWS, (), self.plan.noise_multiplier("rows", 1))
        (noisy,) = self.measurer.counts([release], [lambda: np.array([len(self.df)])]) or []
        n_rows = float(noisy[0])
        needed = needed_rows(self.plan, n_columns)
        if n_rows < needed:
            raise DataError(
                f"fit: the table has too few rows for epsilon={self.plan.epsilon:g} and {n_columns} columns: about "
                f"{needed:.0f} are needed for any column to rise above the noise. Raise epsilon, or drop columns. "
                "With n_rows declared in the schema, a table this small is refused before anything is spent."
            )
        return max(n_rows, 1.0)

    def find_precision(self, columns: Sequence[Any]) -> list[Any]:
        """Return the columns with decimals and resolutions filled in, by a noisy vote where undeclared."""
        known = [_precision_of_dtype(c) for c in columns]
        counts: dict[str, Callable[[], np.ndarray]] = {}
        for column in known:
            if isinstance(column, Numeric) and column.decimals is None:
                counts[column.name] = partial(_decimals_counts, column, self.df[column.name])
            elif isinstance(column, Datetime) and column.resolution is None:
                counts[column.name] = partial(_resolution_counts, column, self.df[column.name])
        votes = self.histograms("precision", "decimals or resolution", counts)
        noise = self.plan.noise_stddev("precision", len(counts))
        self.unsure = frozenset(name for name, vote in votes.items() if vote.max() <= grid.SURELY * noise)
        found = [_with_precision(c, votes[c.name], noise) if c.name in votes else c for c in known]
        return [_with_number_dtype(c) for c in found]

    def find_spans(self, columns: Sequence[Any], n_rows: float, n_cells: int) -> dict[str, grid.Span]:
        """Return the span of the rows of every column with open or wide bounds, by noisy counts.

        First over coarse cells that are the same for every table; then, for spans with more integers than the final
        ``n_cells``, over cells placed by the first counts.
        """
        coarse = {
            c.name: grid.range_edges(c)
            for c in columns
            if isinstance(c, Numeric | Datetime) and _is_open(c, n_cells)
        }
        spans = self._spans("ranges", "range", columns, coarse)
        wide = {name: span for name, span in spans.items() if span.is_wide(n_cells)}
        noise = self.plan.noise_stddev("zoom", len(wide))
        n_zoom = grid.fine_cells(n_rows, noise, grid.ZOOM_CELLS)
        zoomed = {name: grid.grid_edges(span, n_zoom) for name, span in wide.items()}
        closer = self._spans("zoom", "coarse histogram", columns, zoomed)
        return spans | {name: span for name, span in closer.items() if span.is_seen}

    def _spans(
        self, stage: Stage, what: str, columns: Sequence[Any], edges: dict[str, np.ndarray]
    ) -> dict[str, grid.Span]:
        """Return a span for each column in ``edges``, with declared or released ends."""
        counts, ends = {}, {}
        for column in columns:
            if column.name in edges:
                counts[column.name] = partial(self._over, column, edges[column.name])
                if column.bounds is not None:
                    ends[column.name] = declared_range(column)
        noise = self.plan.noise_stddev(stage, len(counts))
        return {
            name: grid.span_of(edges[name], noisy, noise, ends.get(name))
            for name, noisy in self.histograms(stage, what, counts).items()
        }

    def _vote(self, name: str) -> np.ndarray:
        return _vote_counts(self.present(name), self.untyped_text)

    def _over(self, column: Any, edges: np.ndarray) -> np.ndarray:
        """Return ``(len(edges) - 1,)`` counts of a column's values; values outside go to the end cells."""
        lattice, present = to_lattice(column, self.df[column.name])
        return np.histogram(np.clip(lattice[present], edges[0], edges[-1] - 1), edges)[0]

    def measure(
        self, columns: Sequence[Any], spans: dict[str, grid.Span], n_cells: int
    ) -> list[ReleasedColumn]:
        """Return every column's cells and noisy 1-way counts; open categories are discovered."""
        noise = self.plan.noise_multiplier("one_way", len(columns))
        n_open = sum(isinstance(c, Categorical) and c.categories is None for c in columns)
        delta = self.plan.discovery_delta / max(n_open, 1) / DISCOVERY_TRIES
        released = []
        for column in columns:
            if isinstance(column, Categorical) and column.categories is None:
                released.append(self._discover(column, noise, delta))
            else:
                counted = self._count(_encoder(column, spans.get(column.name), n_cells), noise)
                is_open = isinstance(column, Numeric | Datetime) and column.bounds is None
                released.append(_tightened(counted) if is_open and spans[column.name].is_seen else counted)
        return released

    def find_roundness(self, released: Sequence[ReleasedColumn]) -> list[ReleasedColumn]:
        """Return the columns with counts of values by roundness, where cells hold several integers."""
        encoders = {r.encoder.name: r.encoder for r in released}
        counts = {
            name: partial(self._roundness, encoder)
            for name, encoder in encoders.items()
            if isinstance(encoder, LatticeEncoder) and encoder.has_wide_cells
        }
        noise = self.plan.noise_stddev("round", len(counts))
        found = self.histograms("round", "round numbers", counts)
        return [
            replace(r, round_counts=(found[r.encoder.name], noise)) if r.encoder.name in found else r
            for r in released
        ]

    def _roundness(self, encoder: LatticeEncoder) -> np.ndarray:
        return np.bincount(encoder.round_classes(self.df[encoder.name]), minlength=len(encoder.steps))

    def _count(self, encoder: ColumnEncoder, noise: float) -> ReleasedColumn:
        def exact() -> np.ndarray:
            return np.bincount(encoder.transform(self.df[encoder.name]), minlength=encoder.n_cells)

        release = self._release("1-way histogram", (encoder.name,), noise)
        (counts,) = self.measurer.counts([release], [exact]) or []
        return ReleasedColumn(encoder, counts, release.noise_stddev)

    def _discover(self, column: Categorical, noise: float, delta: float) -> ReleasedColumn:
        """Return the categories that pass the threshold, with their noisy counts."""
        release = self._release(
            "categories and 1-way histogram", (column.name,), noise, GAUSSIAN_THRESHOLD, delta
        )
        found = self.measurer.discover(release, partial(self._observe, column), self.plan.unit.max_rows)
        complete = column.model_copy(update={"categories": tuple(found.values)})
        encoder = CategoricalEncoder(complete, column.dtype or "object")
        counts = np.concatenate([[found.n_missing], found.counts, [np.nan]])
        return ReleasedColumn(encoder, counts, release.noise_stddev)

    def _observe(self, column: Categorical) -> Observed:
        """Return a column's categories and their exact counts, for values that a schema can hold."""
        present = self.present(column.name)
        # Not with pandas' factorize, which ends text at a null character.
        found = Counter(typed(present))
        plain = [key for key in found if isinstance(_value(key), bool | int | float | str)]
        counts = np.array([found[key] for key in plain], dtype=np.int64)
        return Observed([_value(key) for key in plain], counts, len(self.df) - len(present))


def _with_dtype(column: Any, series: pd.Series, untyped_text: bool) -> Any:
    """Return a declared column with its own dtype or the table's; without one yet for a number read from text."""
    is_read = untyped_text and is_text(series)
    if column.dtype or (is_read and isinstance(column, Numeric)):
        return column
    is_boolean = is_read and isinstance(column, Boolean)
    return column.model_copy(update={"dtype": TEXT_BOOLEAN if is_boolean else str(series.dtype)})


def _column_of_dtype(series: pd.Series, name: str) -> Any:
    """Return the open column that a dtype implies; ``None`` where the kind depends on the values."""
    dtype = str(series.dtype)
    if isinstance(series.dtype, pd.CategoricalDtype):
        return Categorical(name=name, dtype=dtype, ordered=False)
    if pd.api.types.is_bool_dtype(series.dtype):
        return Boolean(name=name, dtype=dtype)
    if pd.api.types.is_numeric_dtype(series.dtype):
        return Numeric(name=name, dtype=dtype)
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        return Datetime(name=name, dtype=dtype)
    return None


def _vote_counts(series: pd.Series, untyped_text: bool) -> np.ndarray:
    """Return ``(len(_VOTE),)`` counts: each value votes once for its kind, independently of the others.

    Values that cannot be read do not vote.
    """
    known: dict[str, int] = {}
    votes = []
    for value in objects(series):
        if not isinstance(value, str):
            votes += [] if value is None else [_VOTE.index(_label_of_object(value))]
            continue
        if value not in known:
            known[value] = _VOTE.index(_label_of_text(value, untyped_text))
        votes.append(known[value])
    return np.bincount(np.array(votes, dtype=np.int64), minlength=len(_VOTE))


def _label_of_object(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "booleans"
    if isinstance(value, dt.datetime | np.datetime64):
        return "datetimes"
    return "dates" if isinstance(value, dt.date) else "numbers"


def _label_of_text(text: str, untyped_text: bool) -> str:
    if untyped_text and boolean_of(text) is not None:
        return "true or false"
    if untyped_text and _NUMERAL.fullmatch(text.strip()) and math.isfinite(float_of(text)):
        return "numerals"
    return next((f for f in DATETIME_FORMATS if second_of(text, f) is not None), "text")


def _column_of_vote(name: str, dtype: str, vote: np.ndarray, noise: float) -> Any:
    """Return an object column of the kind with the noisy majority; categories of text without a clear one."""
    winner = int(np.argmax(vote))
    is_clear = vote[winner] > max(0.5 * np.maximum(vote, 0).sum(), grid.SURELY * noise)
    label = _VOTE[winner] if is_clear else "text"
    if label in DATETIME_FORMATS:
        return Datetime(name=name, dtype=dtype, format=label)
    if label in ("booleans", "true or false"):
        return Boolean(name=name, dtype=dtype if label == "booleans" else TEXT_BOOLEAN)
    if label in ("numbers", "numerals"):
        return Numeric(name=name, dtype=dtype if label == "numbers" else None)
    if label in ("dates", "datetimes"):
        return Datetime(name=name, dtype=dtype, resolution="day" if label == "dates" else None)
    return Categorical(name=name, dtype=dtype)


def _with_number_dtype(column: Any) -> Any:
    """Return a number column that was read from text with the dtype that its decimals need."""
    if not isinstance(column, Numeric) or column.dtype:
        return column
    return column.model_copy(update={"dtype": TEXT_FLOAT if column.decimals else TEXT_INTEGER})


def _precision_of_dtype(column: Any) -> Any:
    """Return a column with the precision that its dtype or format implies."""
    if isinstance(column, Numeric) and column.decimals is None and _is_integer(column.dtype):
        return column.model_copy(update={"decimals": 0})
    if isinstance(column, Datetime) and column.resolution is None and column.format:
        return column.model_copy(update={"resolution": "second" if "%H" in column.format else "day"})
    return column


def _is_integer(dtype: str | None) -> bool:
    return dtype is not None and bool(pd.api.types.is_integer_dtype(pd.api.types.pandas_dtype(dtype)))


def _decimals_counts(column: Numeric, series: pd.Series) -> np.ndarray:
    """Return ``(len(_DECIMALS),)`` counts: each value votes for the fewest decimals that represent it."""
    values = floats(series)
    values = values[~np.isnan(values)]
    is_single = column.dtype in ("float32", "Float32", "float16")
    needed = np.full(len(values), len(_DECIMALS) - 1)
    for position in range(len(_DECIMALS) - 2, -1, -1):
        with np.errstate(over="ignore"):  # a warning would reveal something about a value
            rounded = np.round(values, _DECIMALS[position])
        fits = rounded.astype(np.float32) == values.astype(np.float32) if is_single else rounded == values
        needed[fits] = position
    return np.bincount(needed, minlength=len(_DECIMALS))


def _resolution_counts(column: Datetime, series: pd.Series) -> np.ndarray:
    """Return ``(2,)`` counts of moments at midnight and at any other time."""
    moments, present = seconds(series, column.format)
    at_midnight = int((moments[present] % 86_400 == 0).sum())
    return np.array([at_midnight, int(present.sum()) - at_midnight])


def _with_precision(column: Any, vote: np.ndarray, noise: float) -> Any:
    """Return a column with the finest precision whose noisy count rises above the noise."""
    real = np.flatnonzero(vote > grid.SURELY * noise)
    finest = int(real[-1]) if len(real) else 0
    if isinstance(column, Datetime):
        return column.model_copy(update={"resolution": ("day", "second")[finest]})
    return column.model_copy(update={"decimals": max(_DECIMALS[finest], _decimals_of(column.bounds))})


def _decimals_of(bounds: tuple[float, float] | None) -> int:
    """Return the number of decimals of declared bounds: at least that many are public."""
    return max(
        (max(-int(Decimal(repr(b)).normalize().as_tuple().exponent), 0) for b in bounds or ()), default=0
    )


def _is_open(column: Numeric | Datetime, n_cells: int) -> bool:
    """Return whether a column's span has to be released: undeclared, or too wide for one cell per integer."""
    if column.bounds is None:
        return True
    low, high = declared_range(column)
    return high - low + 1 > n_cells


def _encoder(column: Any, span: grid.Span | None, n_cells: int) -> ColumnEncoder:
    """Return a completed column's encoder; a column without a span has few integers within its declared bounds.

    A column whose span did not rise above the noise keeps open bounds, and one cell for all values.
    """
    if not isinstance(column, Numeric | Datetime):
        return CategoricalEncoder(column, column.dtype or "object")
    if span is None:
        low, high = declared_range(column)
        return lattice_encoder(column, np.arange(low, high + 2, dtype=np.int64))
    if column.bounds is None and span.is_seen:
        column = column.model_copy(update={"bounds": released_bounds(column, span.low, span.high)})
    return lattice_encoder(column, grid.grid_edges(span, n_cells))


def _tightened(released: ReleasedColumn) -> ReleasedColumn:
    """Return a column without the cells at both ends of its range that contain only noise."""
    encoder: Any = released.encoder
    first, last = grid.tight_ends(encoder.edges, released.counts[1:], released.noise_stddev)
    stop = last + 1
    edges = encoder.edges[first : stop + 1]
    bounds = released_bounds(encoder.column, int(edges[0]), int(edges[-1]) - 1)
    column = encoder.column.model_copy(update={"bounds": bounds})
    counts = np.concatenate([released.counts[:1], released.counts[1 + first : 1 + stop]])
    return ReleasedColumn(lattice_encoder(column, edges), counts, released.noise_stddev)


def lattice_encoder(column: Numeric | Datetime, edges: np.ndarray) -> LatticeEncoder:
    """Return the encoder of a completed numeric or datetime column over the given edges."""
    kind = NumericEncoder if isinstance(column, Numeric) else DatetimeEncoder
    return kind(column, column.dtype or "float64", edges)


def _value(key: Any) -> Any:
    """Return the category of a key of :func:`typed`."""
    return key[1] if isinstance(key, tuple) else key


def _pool_rows(n_rows: float, released: Sequence[ReleasedColumn], plan: Plan) -> float:
    """Return the number of rows, averaged by inverse variance over its own count and all complete 1-way totals."""
    if not plan.is_private:
        return n_rows
    estimates = [n_rows]
    variances = [plan.noise_stddev("rows", 1) ** 2]
    for column in released:
        if not np.isnan(column.counts).any():
            estimates.append(float(column.counts.sum()))
            variances.append(len(column.counts) * column.noise_stddev**2)
    weights = 1.0 / np.asarray(variances)
    return max(float(np.average(estimates, weights=weights)), 1.0)
