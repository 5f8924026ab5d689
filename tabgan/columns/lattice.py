"""Columns on a lattice: values that are integers in units of the column's precision, cut into cells.

A number with ``d`` decimals is the integer ``value * 10**d``, a moment the days or seconds since 1970, a duration its
seconds. A cell is a run of such integers, ``[edge, next edge)``; a cell of one integer is exact, a wider one is drawn
from uniformly, or with an emphasis on round ones. Edges come from declared bounds or released counts, never from rows.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Self, TypeGuard

import numpy as np
import pandas as pd

from tabgan.columns import rounding
from tabgan.columns.encoder import MISSING, ColumnEncoder, CutCells, Ends, missing_value
from tabgan.columns.kind import Column, Domain, is_text_dtype
from tabgan.errors import DataError, SchemaError

#: Lattice integers stay below this: floats hold no larger ones exactly.
LIMIT = 2**53

#: Edges of coarse cells that double: ``..., [-4, -2), [-2, -1), [-1, 0), [0, 1), [1, 2), [2, 4), ...``
_POWERS = 2 ** np.arange(int(np.log2(LIMIT)) + 1, dtype=np.int64)
DOUBLING_EDGES = np.concatenate([1 - _POWERS[::-1], _POWERS])


class Precision(NamedTuple):
    """The key of a schema that declares the precision of values, and the words for the coarsest one."""

    key: str
    coarsest: str


class LatticeColumn(Column):
    """A column whose values lie on a lattice.

    Attributes:
        bounds: Smallest and largest value, in the form that a person writes.
        out_of_range: Values outside the bounds are clipped (``"clip"``), or refused (``"error"``).
    """

    if TYPE_CHECKING:  # fields of each kind, in the order that its YAML has
        bounds: tuple[float, float] | tuple[str, str] | None
        out_of_range: Literal["clip", "error"]

    precision: ClassVar[Precision]
    #: Steps that a precision may have, coarsest first, in the units of :meth:`read`.
    known_steps: ClassVar[tuple[float, ...]]

    @property
    def has_lossy_text(self) -> bool:
        """True if values are written as text that may hold less of them, such as a month."""
        return False

    @property
    def is_counting(self) -> bool:
        """True of whole numbers: those that begin close to 1 mostly begin with it."""
        return False

    @property
    @abstractmethod
    def has_precision(self) -> bool:
        """True if the precision is declared, or known from the dtype."""

    @property
    def is_complete(self) -> bool:
        return self.bounds is not None and self.has_precision

    @property
    @abstractmethod
    def step(self) -> float:
        """The size of one lattice integer in the units of :meth:`read`, with a default if the precision is open."""

    @abstractmethod
    def with_finest_precision(self) -> Self:
        """Return the column with the finest precision where it is open."""

    @abstractmethod
    def precision_counts(self, series: pd.Series) -> np.ndarray:
        """Return ``(precisions,)`` counts: each value votes for the coarsest precision that holds it."""

    @abstractmethod
    def with_precision(self, finest: int) -> Self:
        """Return the column with a precision by its position in :meth:`precision_counts`."""

    def with_voted_precision(self, vote: np.ndarray, surely: float, likely: float) -> Self:
        """Return the column with the finest precision whose noisy count is above a threshold.

        If none is above ``surely``, it is the one with the largest count above ``likely``, else the coarsest.
        """
        real = np.flatnonzero(vote > surely)
        if len(real):
            return self.with_precision(int(real[-1]))
        return self.with_precision(int(np.argmax(vote)) if vote.max(initial=-np.inf) > likely else 0)

    @abstractmethod
    def to_lattice(self, series: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        """Return the lattice integers of a series, ``(rows,)`` int64, and ``(rows,)`` true where there is a value.

        Each value is read by itself; one that cannot be read counts as missing.
        """

    @abstractmethod
    def declared_range(self) -> tuple[int, int]:
        """Return the smallest and the largest lattice integer of declared bounds."""

    @abstractmethod
    def dtype_range(self) -> tuple[int, int]:
        """Return the smallest and the largest lattice integer that the column's dtype can hold."""

    @abstractmethod
    def bounds_of(self, low: int, high: int) -> tuple[float, float] | tuple[str, str]:
        """Return ``bounds`` for a range of lattice integers: the inverse of :meth:`declared_range`."""

    def drawn_places(self, series: pd.Series) -> np.ndarray:
        """Return ``(rows,)`` places on the axis for a picture, at the column's precision; NaN where a cell has none."""
        return self.read(series) // self.step * self.step

    def drawn_bound(self, bound: float | str) -> float:
        """Return a declared bound's place on the axis of a picture, at the column's precision."""
        return self.place(bound) // self.step * self.step

    @abstractmethod
    def place(self, bound: float | str) -> float:
        """Return a declared bound in the units of :meth:`read`."""

    @abstractmethod
    def shown(self, value: float) -> float | str:
        """Return a place on the axis as a picture labels it."""

    def in_days(self) -> Self:
        """Return a column of moments with a precision of days where it is open; others as they are."""
        return self

    @property
    def is_writable(self) -> bool:
        """True if values on the axis can be written with what is declared."""
        return True

    @abstractmethod
    def integers(self, places: np.ndarray) -> np.ndarray:
        """Return ``(rows,)`` lattice integers of places on the axis."""

    @abstractmethod
    def places(self, lattice: np.ndarray) -> np.ndarray:
        """Return ``(rows,)`` places on the axis of lattice integers."""

    def at_precision(self, places: np.ndarray) -> np.ndarray:
        """Return ``(rows,)`` places on the axis at the column's precision."""
        return self.places(self.integers(places))

    def written(self, places: np.ndarray) -> pd.Series:
        """Return ``(rows,)`` values of places on the axis, in the column's dtype; NaN is missing.

        The dtype cannot hold some: they become its ends, and a missing one its smallest value.
        """
        present = ~np.isnan(places)
        lattice = np.clip(self.integers(np.where(present, places, 0.0)), *self.dtype_range())
        edges = np.union1d(lattice, lattice + 1) if len(lattice) else np.array([0, 1])
        encoder = self.lattice_encoder(edges)
        cells = np.searchsorted(edges, lattice, side="right")
        cells = np.where(present | (not encoder.is_nullable), cells, MISSING)
        return encoder.inverse_transform(cells, np.random.default_rng(0))

    def with_derived(self, parts: int | None, ends: tuple[float, float] | None) -> Self:
        """Return a column whose values are computed, with a precision and bounds where they are open.

        Args:
            parts: Equal parts of 1 that computed numbers are made of; ``None`` if none are known.
            ends: Ends of the computed values, as places; ``None`` leaves the bounds as they are.
        """
        del parts
        column = self.with_finest_precision()
        if ends is None:
            return column
        low, high = np.clip(column.integers(np.array(ends)), *column.dtype_range()).tolist()
        return column.with_range(low, high)

    def with_range(self, low: int, high: int) -> Self:
        """Return the column with the bounds of a range of lattice integers."""
        return self.with_(bounds=self.bounds_of(low, high))

    def coarse_edges(self) -> np.ndarray:
        """Return edges of coarse cells that are the same for every table; by default zero and doubling ranges."""
        return DOUBLING_EDGES

    def repeated(self, series: pd.Series, is_exact: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return the distinct numbers of a series, exactly or at the column's precision, and how often each occurs.

        Only for columns of which :attr:`may_repeat_values` is true.
        """
        raise TypeError(f"Column {self.name!r}: a column of kind {self.kind} does not support this.")

    @property
    def may_have_odd_step(self) -> bool:
        """True if numbers have many decimals, and frequent ones may show a step that is not a decimal."""
        return False

    def with_step_of(self, values: np.ndarray) -> tuple[Self, float]:
        """Return the column with a step that released numbers share, and the old one's size in new ones.

        By default nothing changes.
        """
        del values
        return self, 1.0

    def scaled(self, series: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        """Return lattice integers as :meth:`to_lattice` does, by default the same; as floats they have no limit."""
        return self.to_lattice(series)

    def with_range_axis(self) -> tuple[Self, np.ndarray]:
        """Return the column with a precision to look for its range with, and the edges of coarse cells for that.

        Only for columns whose precision is not declared: it is settled by :meth:`with_room_for` once the range is
        known. By default nothing changes.
        """
        low, high = self.dtype_range()
        return self, np.unique(np.clip(self.coarse_edges(), low, high + 1))

    def with_room_for(self, largest: float) -> tuple[Self, float]:
        """Return the column with a precision that holds a lattice integer, and the old step's size in new ones."""
        del largest
        return self, 1.0

    @abstractmethod
    def lattice_encoder(self, edges: np.ndarray) -> LatticeEncoder:
        """Return the encoder over given edges."""

    def encoder(self) -> LatticeEncoder:
        low, high = self.declared_range()
        return self.lattice_encoder(np.arange(low, high + 2, dtype=np.int64))

    def trials(self) -> list[ColumnEncoder]:
        column = self.with_implied_precision()
        smallest, largest = column.dtype_range()
        low, high = (
            column.declared_range() if column.bounds is not None else (max(smallest, 0), min(largest, 99))
        )
        edges = {low, high + 1} if self.has_lossy_text else {low, (low + high + 1) // 2, high + 1}
        return [column.lattice_encoder(np.array(sorted(edges)))]

    def encoder_of(self, arrays: Mapping[str, np.ndarray]) -> tuple[ColumnEncoder, bool]:
        encoder = self.lattice_encoder(arrays["edges"]).emphasising(arrays.get("emphasis"))
        encoder.exact, encoder.grid, encoder.taper = map(arrays.get, ("exact", "grid", "taper"))
        is_whole = arrays["edges"].dtype == np.int64
        return encoder, is_whole and (encoder.is_unseen or self.is_complete) and encoder.is_as_fitted

    def rounded(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(values // self.step) if self.has_precision else values

    def describe(self) -> str:
        if self.bounds is None:
            return "open"
        low, high = map(_in_words, self.bounds)
        return f"{low} to {high}"

    def domain(self) -> Domain:
        bounds = None if self.bounds is None else (self.place(self.bounds[0]), self.place(self.bounds[1]))
        step = self.step if self.has_precision else None
        return Domain(bounds, step, None, self.nullable is not False)

    def check_output(self) -> None:
        if self.bounds is not None and self.fits_dtype(pd.api.types.pandas_dtype(self.dtype)):
            low, high = self.declared_range()
            smallest, largest = self.dtype_range()
            if low < smallest or high > largest:
                raise SchemaError(
                    f"Column {self.name!r}: bounds: dtype {self.dtype} cannot hold {list(self.bounds)}. "
                    "Narrow the bounds, or declare another dtype."
                )
        super().check_output()

    def check_values(self, series: pd.Series) -> None:
        super().check_values(series)
        self.check_readable(series)
        if self.dtype is not None and self.bounds is None:
            lattice, present = self.to_lattice(series)
            low, high = self.dtype_range()
            if (present & ((lattice < low) | (lattice > high))).any():
                raise DataError(
                    f"Column {self.name!r}: values that dtype {self.dtype} cannot hold. Declare another dtype, or "
                    "bounds to which values are clipped."
                )
        if self.out_of_range != "error":
            return
        if self.bounds is None:
            raise SchemaError(f"Column {self.name!r}: out_of_range: error needs bounds. Add some, or clip.")
        exact = self.with_finest_precision()  # at the precision that is declared, or exactly
        lattice, present = exact.to_lattice(series)
        low, high = exact.declared_range()
        if (present & ((lattice < low) | (lattice > high))).any():
            raise DataError(
                f"Column {self.name!r}: rows lie outside the declared bounds {list(self.bounds)}. "
                "Widen the bounds or set out_of_range: clip."
            )

    @abstractmethod
    def check_readable(self, series: pd.Series) -> None:
        """Raise ``DataError`` if a value that is not missing cannot be read."""


class LatticeEncoder(ColumnEncoder):
    """An encoder with cells over the lattice of a column.

    Args:
        column: A completed column.
        dtype: pandas dtype of the output.
        edges: ``(cells + 1,)`` ascending lattice integers; the last one lies beyond the largest value.

    Attributes:
        emphasis: ``(classes,)`` factors by which round integers weigh within a cell; ``None`` for even ones.
        taper: ``(2,)`` rates per integer at which the first and the last cell thin out towards the ends of the range;
            ``None`` for even ones.
        exact: ``(cells,)`` the only number of a cell, NaN where integers are drawn; ``None`` if they are everywhere.
        grid: ``(2,)`` step and remainder of the integers that may be commoner than others; ``None`` for round ones.
    """

    is_ordered = True
    column: LatticeColumn

    def __init__(self, column: LatticeColumn, dtype: str, edges: np.ndarray) -> None:
        super().__init__(column.name, dtype, column.nullable)
        self.column = column
        self.edges = np.asarray(edges, dtype=np.int64)
        self.emphasis: np.ndarray | None = None
        self.taper: np.ndarray | None = None
        self.exact: np.ndarray | None = None
        self.grid: np.ndarray | None = None

    @property
    def n_values(self) -> int:
        return len(self.edges) - 1

    @property
    def is_unseen(self) -> bool:
        """True if the noise hid the range of the values: then no value can be sampled."""
        return self.column.bounds is None

    def arrays(self) -> dict[str, np.ndarray]:
        optional = {
            "emphasis": self.emphasis,
            "taper": self.taper,
            "exact": self.exact,
            "grid": self.grid,
        }
        return {"edges": self.edges} | {name: array for name, array in optional.items() if array is not None}

    def label(self, positions: np.ndarray) -> str:
        if self.is_unseen:
            return "range not released"
        first, last = int(positions[0]), int(positions[-1])
        if first == last and self.exact is not None and not np.isnan(self.exact[first]):
            return f"{self.exact[first]:.15g}"
        low, high = self.column.bounds_of(int(self.edges[first]), int(self.edges[last + 1]) - 1)
        ends = [f"{end:.15g}" if isinstance(end, float) else str(end) for end in (low, high)]
        return ends[0] if ends[0] == ends[1] else " to ".join(ends)

    @property
    def is_as_fitted(self) -> bool:
        """True if edges and emphasis could have been left behind by a fit."""
        edges, emphasis = self.edges, self.emphasis
        if self.is_unseen:
            is_bare = emphasis is self.exact is self.grid is self.taper is None
            return edges.tolist() == [0, 1] and is_bare and self.is_nullable
        ends = (int(edges[0]), int(edges[-1]) - 1)
        is_grid = edges.ndim == 1 and bool((np.diff(edges) > 0).all())
        is_grid &= bool(np.allclose(ends, self.column.declared_range(), rtol=1e-15, atol=0))
        is_grid &= self.taper is None or _is_taper(self.taper)
        is_grid &= self.exact is None or self._has_exact_cells(self.exact)
        is_grid &= self.grid is None or (_is_grid(self.grid) and self.grid[0] in self.steps)
        if not is_grid or not self.has_wide_cells:
            return is_grid and emphasis is None
        if emphasis is None:
            return False
        is_weight = emphasis.dtype == np.float64 and emphasis.shape == self.steps.shape
        return is_weight and bool(np.isfinite(emphasis).all() and (emphasis > 0).all())

    @property
    @abstractmethod
    def steps(self) -> np.ndarray:
        """Steps that tell round integers from others; see :mod:`tabgan.columns.rounding`."""

    @property
    def origin(self) -> int:
        """The integer from which :attr:`steps` count."""
        return 0 if self.grid is None else int(self.grid[1])

    def _has_exact_cells(self, exact: np.ndarray) -> bool:
        """Return true if exact numbers are those of their cells."""
        if exact.dtype != np.float64 or exact.shape != (self.n_values,):
            return False
        cells = np.flatnonzero(~np.isnan(exact))
        return len(cells) > 0 and bool((self._encode(pd.Series(exact[cells])) == cells + 1).all())

    @property
    def has_wide_cells(self) -> bool:
        """True if some cell has integers of several classes of roundness."""
        return len(self.steps) > 1 and bool(self.is_wide.any())

    @property
    def is_wide(self) -> np.ndarray:
        """``(cells,)`` true for cells with several integers to draw."""
        is_drawn = True if self.exact is None else np.isnan(self.exact)
        return (np.diff(self.edges) > 1) & is_drawn

    def emphasising(self, factors: np.ndarray | None) -> Self:
        """Return the same encoder with factors for each class of round integers."""
        other = copy.copy(self)
        other.emphasis = factors
        return other

    def with_extent(self, is_full: np.ndarray) -> Self:
        """Return the encoder of a column that knows the cells with rows, ``(cells,)`` true for these."""
        del is_full
        return self

    def without_taper(self) -> Self:
        """Return the same encoder, whose end cells do not thin out."""
        other = copy.copy(self)
        other.taper = None
        return other

    def round_classes(self, series: pd.Series) -> np.ndarray:
        """Return the class of round integers of each value in a wide cell, ``(values,)``, each from itself alone."""
        lattice, present = self.column.to_lattice(series)
        inside = np.clip(lattice[present], self.edges[0], self.edges[-1] - 1)
        is_wide = self.is_wide[np.searchsorted(self.edges, inside, side="right") - 1]
        return rounding.classes(inside[is_wide] - self.origin, self.steps)

    def _encode(self, series: pd.Series) -> np.ndarray:
        lattice, present = self.column.to_lattice(series)
        inside = np.clip(lattice, self.edges[0], self.edges[-1] - 1)
        return np.where(present, np.searchsorted(self.edges, inside, side="right"), MISSING)

    def contains(self, series: pd.Series) -> bool:
        lattice, present = self.column.to_lattice(series)
        is_inside = present & (lattice >= self.edges[0]) & (lattice < self.edges[-1])
        return bool(is_inside.all()) and self._is_on_lattice(series, lattice)

    def can_place(self, series: pd.Series) -> np.ndarray:
        lattice, present = self.column.to_lattice(series)
        is_inside = (lattice >= self.edges[0]) & (lattice < self.edges[-1])
        return np.asarray(present & is_inside)

    def cut(self, values: Sequence[object], ranges: Sequence[Ends], with_missing: bool) -> CutCells:
        """Return cells cut at the ends of the given values and ranges; a cell of one number is never cut."""
        places = self.column.read(pd.Series(list(values), dtype=object)) if len(values) else np.zeros(0)
        spans = [self._span(*ends) for ends in ranges]
        if len(values):
            whole, _ = self.column.to_lattice(pd.Series(list(values), dtype=object))
            spans += [(int(at), int(at), np.nan, np.nan) for at in np.unique(whole)]
        ends = np.array([end for first, last, *_ in spans for end in (first, last + 1)], dtype=np.int64)
        ends = ends[(ends > self.edges[0]) & (ends < self.edges[-1])]
        if self.exact is not None:
            ends = ends[np.isnan(self.exact[np.searchsorted(self.edges, ends, side="right") - 1])]
        parts, shares = self._parts()
        finer = copy.copy(self)
        finer.edges, finer.taper = np.union1d(parts, ends), None  # parts have their shares as cells
        starts, stops = finer.edges[:-1], finer.edges[1:]
        parent = np.searchsorted(self.edges, starts, side="right")
        size = np.diff(finer.edges).astype(float)
        if self.emphasis is not None:
            size = rounding.members(starts - self.origin, stops - self.origin, self.steps) @ self.emphasis
        part = np.searchsorted(parts, starts, side="right") - 1
        share = np.concatenate([[1.0], shares[part] * size / np.bincount(part, weights=size)[part]])
        allowed = np.zeros(1 + len(starts), dtype=bool)
        for first, last, *_ in spans:
            allowed[1 + np.searchsorted(starts, first) : 1 + np.searchsorted(starts, last, side="right")] = (
                True
            )
        if self.exact is not None:
            finer.exact = self.exact[parent - 1]
            single = np.flatnonzero(~np.isnan(finer.exact))
            among = np.isin(finer.exact[single], places)
            for *_, low, high in spans:
                among |= (finer.exact[single] >= low) & (finer.exact[single] <= high)
            allowed[1 + single] = among
        return CutCells(finer, np.concatenate([[MISSING], parent]), share, self._with(allowed, with_missing))

    def _span(self, low: object, high: object) -> tuple[int, int, float, float]:
        """Return the first and the last lattice integer of a range, as far as the column goes, and its ends' places."""
        least, most = self._place(low, -np.inf), self._place(high, np.inf)
        if least > most:
            raise DataError(f"Column {self.name!r}: expected a range with its smaller end first.")
        first, last = int(self.edges[0]), int(self.edges[-1]) - 1
        if least > -np.inf:
            at, place = self._nearest(low)
            first = at if place >= least - self._tolerance(place) else at + 1
        if most < np.inf:
            at, place = self._nearest(high)
            last = at if place <= most + self._tolerance(place) else at - 1
        return first, last, least, most

    def _nearest(self, bound: object) -> tuple[int, float]:
        """Return a lattice integer of the column next to the end of a range, and its place on the axis."""
        lattice = self.column.to_lattice(pd.Series([self.column.stated(bound)], dtype=object))[0]
        lattice = np.clip(lattice, self.edges[0], self.edges[-1] - 1)
        return int(lattice[0]), float(self.column.read(pd.Series(self._from_lattice(lattice)))[0])

    def _tolerance(self, place: float) -> float:
        """Return the distance below which two places are one."""
        return float(max(1e-6 * self.column.step, 1e-15 * abs(place)))

    def _place(self, bound: object, open_end: float) -> float:
        """Return the place on the axis of the end of a range."""
        if bound is None or (isinstance(bound, float) and bound == open_end):
            return open_end
        return float(self.column.read(pd.Series([self.column.stated(bound)], dtype=object))[0])

    def repeat(self, value: object, n_rows: int) -> pd.Series:
        series = pd.Series([value], dtype=object)
        if series.isna().all():
            return super().repeat(value, n_rows)
        exact = self.column.to_lattice(series)[0][0] + np.array([0, 1])
        encoder = type(self)(self.column, self.dtype, exact)
        return encoder.inverse_transform(np.ones(n_rows, dtype=np.int64), np.random.default_rng(0))

    def _decode(self, positions: np.ndarray, rng: np.random.Generator) -> np.ndarray | pd.Series:
        edges, places = self._within(positions, rng)
        if self.emphasis is None:
            return self._from_lattice(rng.integers(edges[places], edges[places + 1]))
        drawn = rounding.draw(edges - self.origin, places, self.steps, self.emphasis, rng)
        return self._from_lattice(drawn + self.origin)

    def _within(self, positions: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return finer edges, and a cell of these for each of the given ones: parts of the end cells, as they thin."""
        if self.taper is None:
            return self.edges, positions
        edges, shares = self._parts()
        starts = np.searchsorted(edges, self.edges)  # the first part of each cell
        places = starts[positions]
        for cell in (0, self.n_values - 1):
            rows, own = np.flatnonzero(positions == cell), shares[starts[cell] : starts[cell + 1]]
            places[rows] = starts[cell] + rng.choice(len(own), len(rows), p=own)
        return edges, places

    def _parts(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the edges of the parts of cells that do not thin out, and the share that each has of its cell."""
        if self.taper is None:
            return self.edges, np.ones(self.n_values)
        first = rounding.thinning(-self.edges[[1, 0]], self.taper[0])
        last = rounding.thinning(self.edges[-2:], self.taper[1])
        edges = np.concatenate([-first[0][::-1], self.edges[2:-2], last[0]])
        return edges, np.concatenate([first[1][::-1], np.ones(self.n_values - 2), last[1]])

    def _as_series(self, cells: np.ndarray, rng: np.random.Generator) -> pd.Series:
        """Return ``(rows,)`` values of a kind whose values are a series, for :meth:`inverse_transform`."""
        resolved = pd.api.types.pandas_dtype(self.dtype)
        present = cells != MISSING
        values = pd.Series(self._decode(cells[present].astype(np.int64) - 1, rng))
        values.index = pd.Index(np.flatnonzero(present))
        if is_text_dtype(resolved):
            column = pd.Series([missing_value(self.dtype)] * len(cells), dtype=object)
            column[present] = values.astype(object)
        else:
            column = values.reindex(range(len(cells)))
        return column.astype(self.dtype).rename(self.name)

    @abstractmethod
    def _is_on_lattice(self, series: pd.Series, lattice: np.ndarray) -> bool:
        """Return true if values have no more precision than their lattice integers."""

    @abstractmethod
    def _from_lattice(self, lattice: np.ndarray) -> np.ndarray | pd.Series:
        """Return values of lattice integers."""


def _is_grid(grid: np.ndarray) -> bool:
    """Return true for a step and a smaller remainder."""
    return grid.dtype == np.int64 and grid.shape == (2,) and bool(0 <= grid[1] < grid[0] and grid[0] > 1)


def _is_taper(taper: np.ndarray) -> bool:
    """Return true for two rates."""
    is_rate = taper.dtype == np.float64 and taper.shape == (2,)
    return is_rate and bool(np.isfinite(taper).all() and (taper >= 0).all())


def is_on_lattice(encoder: ColumnEncoder) -> TypeGuard[LatticeEncoder]:
    """Return true for an encoder whose cells are runs of lattice integers."""
    return isinstance(encoder, LatticeEncoder)


def has_range(column: Column) -> TypeGuard[LatticeColumn]:
    """Return true for a column whose values lie on a lattice, in a range that is declared or found."""
    return isinstance(column, LatticeColumn)


def _in_words(bound: float | str) -> str:
    """Return a bound as a report shows it."""
    if isinstance(bound, str):
        return bound.removesuffix("T00:00:00")
    if abs(bound) < 10_000:
        return f"{bound:g}"
    return f"{bound:,.0f}" if bound == round(bound) else f"{bound:,.9f}".rstrip("0")
