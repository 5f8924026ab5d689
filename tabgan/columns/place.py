"""Places: two columns of numbers, such as latitude and longitude, as one column along a Hilbert curve.

A place is a square of a fine grid over the declared bounds of both, and a number: its place on a curve through all
squares, on which neighbours are neighbours. So its cells are regions of the map, small where many rows are, and found,
counted and merged as those of any number are. No one declares such a column: ``geo`` of a schema makes it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import ClassVar, Literal, Protocol, Self

import numpy as np
import pandas as pd

from tabgan.columns.curve import LENGTH, SIDE, along, blocks, square_of
from tabgan.columns.encoder import MISSING, ColumnEncoder, CutCells, Ends
from tabgan.columns.kind import Column
from tabgan.columns.lattice import LatticeColumn, LatticeEncoder, Precision
from tabgan.columns.numeric import MAX_DECIMALS, Numeric
from tabgan.columns.values import Dtype, floats
from tabgan.errors import DataError

#: Bounds of a latitude and of a longitude for which none are declared.
GLOBE = ((-90.0, 90.0), (-180.0, 180.0))

#: Squares of the grid in which the places of a table are looked for first, as a power of four.
_COARSE = 4**5


class Place(LatticeColumn):
    """Two columns of numbers as one.

    Attributes:
        bounds: The ends of the curve.
        axes: The two columns, with bounds.
        decimals: Decimals of those whose precision is not declared.
        extent: Smallest and largest value of each in the regions that hold rows, by released counts.
    """

    kind: Literal["place"] = "place"
    bounds: tuple[float, float] = (0.0, float(LENGTH - 1))
    out_of_range: Literal["clip"] = "clip"
    axes: tuple[Numeric, Numeric]
    decimals: int | None = None
    extent: tuple[tuple[float, float], tuple[float, float]] | None = None

    quantity: ClassVar[str | None] = "a place"
    precision: ClassVar[Precision] = Precision(
        "decimals", "places with all decimals that the bounds have room for"
    )
    known_steps: ClassVar[tuple[float, ...]] = (1.0,)
    is_linear: ClassVar[bool] = False

    @property
    def grids(self) -> tuple[_Grid, _Grid]:
        """The grid's two sides."""
        first, second = (_Grid.of(axis, self.decimals) for axis in self.axes)
        return first, second

    def places_of(self, first: pd.Series, second: pd.Series) -> np.ndarray:
        """Return ``(rows,)`` float64 places of the cells of both columns, each row by itself; NaN if one is missing."""
        (x, has_x), (y, has_y) = (g.squares(s) for g, s in zip(self.grids, (first, second), strict=True))
        return np.where(has_x & has_y, along(x, y).astype(np.float64), np.nan)

    def parts_of(self, places: np.ndarray) -> tuple[pd.Series, pd.Series]:
        """Return the cells of both columns: the inverse of :meth:`places_of`, at the columns' precision."""
        present = ~np.isnan(places)
        squares = square_of(np.where(present, places, 0.0))
        first, second = (
            grid.shown.written(np.where(present, grid.values(square), np.nan))
            for grid, square in zip(self.grids, squares, strict=True)
        )
        return first, second

    def members(self) -> tuple[Numeric, Numeric]:
        """Return the completed columns, with the bounds of the regions that hold rows."""
        extents = (None, None) if self.extent is None else self.extent
        first, second = (
            grid.shown if extent is None else grid.shown.with_(bounds=extent)
            for grid, extent in zip(self.grids, extents, strict=True)
        )
        return first, second

    @property
    def has_precision(self) -> bool:
        return self.decimals is not None or all(axis.has_precision for axis in self.axes)

    @property
    def step(self) -> float:
        return 1.0

    def with_finest_precision(self) -> Self:
        return self if self.has_precision else self.with_precision(MAX_DECIMALS)

    def precision_counts(self, series: pd.Series) -> np.ndarray:
        lattice, present = self.to_lattice(series)
        needed = np.zeros(int(present.sum()), dtype=np.int64)
        for axis, square in zip(self.axes, square_of(lattice[present]), strict=True):
            if not axis.has_precision:
                needed = np.maximum(needed, _Grid.of(axis, MAX_DECIMALS).decimals_of(square))
        return np.bincount(needed, minlength=MAX_DECIMALS + 1)

    def with_precision(self, finest: int) -> Self:
        return self.with_(decimals=finest)

    def with_voted_precision(self, vote: np.ndarray, surely: float, likely: float) -> Self:
        if not (vote > likely).any():  # nothing is known: the cells decide
            return self.with_precision(MAX_DECIMALS)
        return super().with_voted_precision(vote, surely, likely)

    @property
    def may_repeat_values(self) -> bool:
        return True

    def repeated(self, series: pd.Series, is_exact: bool) -> tuple[np.ndarray, np.ndarray]:
        lattice, present = self.to_lattice(series)
        found, counts = np.unique(lattice[present].astype(np.float64), return_counts=True)
        return found, counts.astype(np.int64)

    def read(self, series: pd.Series) -> np.ndarray:
        return floats(series)

    def to_lattice(self, series: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        values = floats(series)
        present = np.asarray(~np.isnan(values))
        return self.integers(np.where(present, values, 0.0)), present

    def integers(self, places: np.ndarray) -> np.ndarray:
        return np.asarray(np.clip(np.rint(places), 0, LENGTH - 1), dtype=np.int64)

    def places(self, lattice: np.ndarray) -> np.ndarray:
        return lattice.astype(np.float64)

    def declared_range(self) -> tuple[int, int]:
        return 0, LENGTH - 1

    def dtype_range(self) -> tuple[int, int]:
        return 0, LENGTH - 1

    def bounds_of(self, low: int, high: int) -> tuple[float, float]:
        return float(low), float(high)

    def place(self, bound: float | str) -> float:
        return float(bound)

    def shown(self, value: float) -> float:
        return float(value)

    def coarse_edges(self) -> np.ndarray:
        return np.arange(0, LENGTH + 1, LENGTH // _COARSE, dtype=np.int64)

    def describe(self) -> str:
        return "places of " + " and ".join(axis.name for axis in self.axes)

    def lattice_encoder(self, edges: np.ndarray) -> PlaceEncoder:
        return PlaceEncoder(self, "float64", edges)

    @property
    def takes(self) -> frozenset[str]:
        return frozenset()

    def advice(self, found: frozenset[str]) -> str:
        return (
            "A place is made of two columns of numbers: declare geo: [[latitude, longitude]] in the schema."
        )

    def fits_dtype(self, dtype: Dtype) -> bool:
        return bool(dtype == np.dtype("float64"))

    def check_readable(self, series: pd.Series) -> None:
        del series


def axis_of(column: Column, which: int) -> Numeric:
    """Return a column of a place with bounds: its own, or those of the globe for the latitude, 0, or longitude, 1."""
    axis = column if isinstance(column, Numeric) else Numeric(name=column.name)
    return axis if axis.bounds is not None else axis.with_(bounds=GLOBE[which])


class _Grid:
    """One side of the grid: a column's lattice integers, and squares.

    Attributes:
        finest: The column with the most decimals that the grid tells apart.
        shown: The column as a sample has it.
        low: Smallest lattice integer of the former.
        size: Number of its integers, at most that of squares.
        parts: Its integers for each of ``shown``.
    """

    def __init__(self, finest: Numeric, shown: Numeric) -> None:
        self.finest, self.shown = finest, shown
        self.low, high = finest.declared_range()
        self.size = high - self.low + 1
        self.parts = max(round(shown.step / finest.step), 1)

    @classmethod
    def of(cls, axis: Numeric, decimals: int | None) -> _Grid:
        """Return the side of a column with bounds; ``decimals`` are those of a sample where it declares none."""
        if axis.has_precision:
            return cls(axis, axis.with_final_dtype())
        low, high = axis.bounds or (0.0, 1.0)
        most = max((d for d in range(MAX_DECIMALS + 1) if (high - low) * 10**d < SIDE), default=0)
        usable = (d for d in range(most) if math.ceil(low * 10**d - 1e-9) <= math.floor(high * 10**d + 1e-9))
        least = next(usable, most)
        kept = min(max(MAX_DECIMALS if decimals is None else decimals, least), most)
        return cls(axis.with_(decimals=most), axis.with_(decimals=kept).with_final_dtype())

    def squares(self, series: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        """Return ``(rows,)`` squares of cells, those outside the bounds at their ends, and true where there is one."""
        lattice, present = self.finest.to_lattice(series)
        return self._first(np.clip(lattice - self.low, 0, self.size - 1)), present

    def _first(self, at: np.ndarray) -> np.ndarray:
        """Return the first square of lattice integers that count from ``low``."""
        return np.asarray(-((-at * SIDE) // self.size))

    def _lattice(self, squares: np.ndarray) -> np.ndarray:
        return np.asarray(squares * self.size // SIDE + self.low)

    def values(self, squares: np.ndarray) -> np.ndarray:
        """Return ``(rows,)`` places on the axis of squares, at the precision of a sample."""
        lattice = (self._lattice(squares) + self.parts // 2) // self.parts
        return self.shown.places(np.clip(lattice, *self.shown.declared_range()))

    def decimals_of(self, squares: np.ndarray) -> np.ndarray:
        """Return ``(rows,)`` the decimals that each value needs."""
        lattice, most = self._lattice(squares), self.finest.decimals or 0
        needed = np.zeros(len(lattice), dtype=np.int64)
        for decimals in range(most):
            needed = np.where(lattice % 10 ** (most - decimals) == 0, needed, decimals + 1)
        return needed

    def integers_between(self, low: object, high: object) -> tuple[int, int]:
        """Return the first and the last lattice integer of a sample within a range; ``None`` is an open end.

        Raises:
            DataError: an end is not a number, or the larger one is first.
        """
        least, most = self.shown.declared_range()
        ends = [None if end is None else self.shown.stated(end) for end in (low, high)]
        places = [
            math.nan if end is None else float(self.shown.read(pd.Series([end], dtype=object))[0])
            for end in ends
        ]
        if places[0] > places[1]:
            raise DataError(f"Column {self.shown.name!r}: expected a range with its smaller end first.")
        units = [place / self.shown.step for place in places]
        first = least if low is None else math.ceil(min(max(units[0], least), most + 1) - 1e-6)
        last = most if high is None else math.floor(max(min(units[1], most), least - 1) + 1e-6)
        return first, last

    def between(self, first: int, last: int) -> tuple[int, int]:
        """Return the squares of a range of lattice integers of a sample."""
        least, most = self.shown.declared_range()
        below, above = self.parts // 2, self.parts - 1 - self.parts // 2
        start = 0 if first <= least else first * self.parts - below - self.low
        stop = self.size - 1 if last >= most else last * self.parts + above - self.low
        ends = np.clip(np.array([start, stop + 1]), 0, self.size)
        x = self._first(ends)
        return int(x[0]), int(x[1]) - 1


class WantedNumbers(Protocol):
    """A condition on a column of numbers."""

    @property
    def values(self) -> tuple[object, ...]:
        """Values that meet it."""

    @property
    def ranges(self) -> tuple[Ends, ...]:
        """Ranges of values that meet it, both ends included; ``None`` is an open end."""

    @property
    def is_excluded(self) -> bool:
        """True if all other values meet it instead."""


def squares_of(grid: _Grid, wish: WantedNumbers) -> list[tuple[int, int]]:
    """Return the disjoint, ascending ranges of squares of one side whose values meet a condition.

    Args:
        grid: The side.
        wish: The condition.

    Raises:
        DataError: an end of a range is not a number, or the larger one is first.
    """
    least, most = grid.shown.declared_range()
    ends = [(value, value) for value in wish.values] + list(wish.ranges)
    spans = sorted(span for span in (grid.integers_between(*each) for each in ends) if span[0] <= span[1])
    apart: list[list[int]] = []
    for first, last in spans:
        if apart and first <= apart[-1][1] + 1:
            apart[-1][1] = max(apart[-1][1], last)
        else:
            apart.append([first, last])
    if wish.is_excluded:
        firsts, lasts = [least, *(last + 1 for _, last in apart)], [*(first - 1 for first, _ in apart), most]
        apart = [[first, last] for first, last in zip(firsts, lasts, strict=True) if first <= last]
    return [grid.between(first, last) for first, last in apart]


class PlaceEncoder(LatticeEncoder):
    """An encoder whose cells are runs of the curve: regions of the map."""

    column: Place
    is_linear = False

    @property
    def steps(self) -> np.ndarray:
        return np.array([1], dtype=np.int64)

    def _is_on_lattice(self, series: pd.Series, lattice: np.ndarray) -> bool:
        return True

    def _from_lattice(self, lattice: np.ndarray) -> np.ndarray:
        return lattice.astype(np.float64)

    def _decode(self, positions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        values = np.asarray(super()._decode(positions, rng))
        if self.exact is None:
            return values
        exact = self.exact[positions]
        return np.where(np.isnan(exact), values, exact)

    @property
    def regions(self) -> tuple[np.ndarray, np.ndarray]:
        """Blocks of squares, ``(blocks, 4)``, and the cell of each, ``(blocks,)`` from 0; in the order of cells."""
        known = self.__dict__.get("_regions")
        if known is None or known[0] is not self.edges or known[1] is not self.exact:
            starts, stops = self.edges[:-1].copy(), self.edges[1:].copy()
            if self.exact is not None:
                single = np.flatnonzero(~np.isnan(self.exact))
                starts[single] = self.exact[single].astype(np.int64)
                stops[single] = starts[single] + 1
            found, cells = blocks(starts, stops)
            order = np.argsort(cells, kind="stable")
            known = (self.edges, self.exact, (found[order], cells[order]))
            self.__dict__["_regions"] = known
        return known[2]

    def with_extent(self, is_full: np.ndarray) -> Self:
        found, cells = self.regions
        inside = found[is_full[cells]]
        if not len(inside):
            return self
        extent = [
            tuple(grid.values(np.array([inside[:, 2 * k].min(), inside[:, 2 * k + 1].max()])).tolist())
            for k, grid in enumerate(self.column.grids)
        ]
        other = copy.copy(self)
        other.column = self.column.with_(extent=(extent[0], extent[1]))
        return other

    def label(self, positions: np.ndarray) -> str:
        found, cells = self.regions
        own = found[(cells >= positions[0]) & (cells <= positions[-1])]
        said = []
        for k, grid in enumerate(self.column.grids):
            low, high = grid.values(np.array([own[:, 2 * k].min(), own[:, 2 * k + 1].max()])).tolist()
            said.append(f"{low:.15g}" if low == high else f"{low:.15g} to {high:.15g}")
        return ", ".join(said)

    def cut(self, values: Sequence[object], ranges: Sequence[Ends], with_missing: bool) -> CutCells:
        """Return cells, each cut into the part that lies between given corners, and the rest.

        Args:
            values: None.
            ranges: The south-west and the north-east corner of each rectangle, as squares; they do not overlap.
            with_missing: As of the base.
        """
        found, cells = self.regions
        inside = [found[:0]]
        owners = [cells[:0]]
        for low, high in ranges:
            if low is None or high is None:
                inside, owners = [found], [cells]
                break
            part = _overlap(found, low, high)  # type: ignore[arg-type]
            is_there = (part[:, 0] <= part[:, 1]) & (part[:, 2] <= part[:, 3])
            inside.append(part[is_there])
            owners.append(cells[is_there])
        met, owner = np.concatenate(inside), np.concatenate(owners)
        order = np.argsort(owner, kind="stable")
        met, owner = met[order], owner[order]
        whole = np.bincount(cells, weights=_areas(found), minlength=self.n_values)
        share = np.bincount(owner, weights=_areas(met), minlength=self.n_values) / whole
        finer = CutPlaces(self, met, owner)
        parent = np.concatenate([[MISSING], np.tile(np.arange(1, 1 + self.n_values), 2)])
        allowed = np.concatenate([[False], share > 0, np.zeros(self.n_values, dtype=bool)])
        shares = np.concatenate([[1.0], share, 1.0 - share])
        return CutCells(finer, parent, shares, self._with(allowed, with_missing))


class CutPlaces(ColumnEncoder):
    """An encoder of places that draws within parts of cells: for each first the part that is asked for, then the rest.

    Args:
        whole: The encoder of whole cells.
        found: ``(blocks, 4)`` blocks of the parts that are asked for.
        cells: ``(blocks,)`` the cell of each, ascending.
    """

    is_ordered = True
    is_linear = False

    def __init__(self, whole: PlaceEncoder, found: np.ndarray, cells: np.ndarray) -> None:
        super().__init__(whole.name, whole.dtype, whole.column.nullable)
        self.column, self._whole, self._blocks = whole.column, whole, found
        self._ends = np.concatenate([[0], np.cumsum(_areas(found))]).astype(np.int64)
        self._starts = np.searchsorted(cells, np.arange(whole.n_values + 1))

    @property
    def n_values(self) -> int:
        return 2 * self._whole.n_values

    def contains(self, series: pd.Series) -> bool:
        return self._whole.contains(series)

    def _encode(self, series: pd.Series) -> np.ndarray:
        return self._whole.transform(series)

    def _decode(self, positions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        cell = positions % self._whole.n_values
        start, stop = self._ends[self._starts[cell]], self._ends[self._starts[cell + 1]]
        is_met = (positions < self._whole.n_values) & (stop > start)
        # Those that are not met are never asked for. pandas 3 hands out arrays that cannot be written to.
        found: np.ndarray = self._whole.inverse_transform(1 + cell, rng).to_numpy(copy=True)
        at = rng.integers(start[is_met], stop[is_met])
        block = self._blocks[np.searchsorted(self._ends, at, side="right") - 1]
        x, y = (rng.integers(block[:, 2 * k], block[:, 2 * k + 1] + 1) for k in (0, 1))
        found[is_met] = along(x, y)
        return found


def _overlap(found: np.ndarray, low: tuple[int, int], high: tuple[int, int]) -> np.ndarray:
    """Return the parts of blocks between two corners; those whose first end is behind the last are empty."""
    return np.stack(
        [
            np.maximum(found[:, 0], low[0]),
            np.minimum(found[:, 1], high[0]),
            np.maximum(found[:, 2], low[1]),
            np.minimum(found[:, 3], high[1]),
        ],
        axis=1,
    )


def _areas(found: np.ndarray) -> np.ndarray:
    """Return the squares of blocks."""
    return np.asarray((found[:, 1] - found[:, 0] + 1) * (found[:, 3] - found[:, 2] + 1))
