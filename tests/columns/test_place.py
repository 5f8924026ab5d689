"""Places: two columns of numbers as one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabgan.columns.place import GLOBE, Place, squares_of
from tabgan.errors import DataError
from tabgan.schema import Numeric
from tabgan.table.conditions import Condition

RNG = np.random.default_rng(0)


def place(bounds=GLOBE, decimals=(4, 4), **fields) -> Place:
    lat, lon = (
        Numeric(name=name, dtype="float64", bounds=each, decimals=d)
        for name, each, d in zip(("lat", "lon"), bounds, decimals, strict=True)
    )
    return Place(name="lat & lon", dtype="float64", axes=(lat, lon), **fields)


def points(n: int, bounds=GLOBE, decimals: int = 4) -> tuple[pd.Series, pd.Series]:
    first, second = (pd.Series(RNG.uniform(low, high, n).round(decimals)) for low, high in bounds)
    return first, second


@pytest.mark.parametrize("bounds", [GLOBE, ((46, 48), (6.1, 10.5)), ((-3.5, -3.5), (0, 1e-4))])
def test_places_come_back(bounds):
    lat, lon = points(500, bounds)
    lat[:2], lon[:2] = bounds[0], bounds[1]
    found = place(bounds)
    back = found.parts_of(found.places_of(lat, lon))
    pd.testing.assert_series_equal(back[0], lat, check_names=False)
    pd.testing.assert_series_equal(back[1], lon, check_names=False)


def test_what_lies_outside_goes_to_the_ends_and_half_a_place_is_none():
    found = place(((46, 48), (6, 10)))
    lat, lon = pd.Series([50.0, 47, np.nan, np.inf]), pd.Series([3.0, np.nan, 7, 7])
    places = found.places_of(lat, lon)
    assert np.isnan(places).tolist() == [False, True, True, True]
    assert [each.tolist()[0] for each in found.parts_of(places)] == [48, 6]


@pytest.mark.parametrize("decimals", [0, 1, 3, 5])
def test_open_decimals_are_voted_on_and_shown(decimals):
    found = place(decimals=(None, None))
    lat, lon = points(400, decimals=decimals)
    series = pd.Series(found.places_of(lat, lon))
    counts = found.precision_counts(series)
    assert counts.sum() == 400
    assert counts.argmax() == decimals
    settled = found.with_voted_precision(counts, 20.0, 10.0)
    back = settled.parts_of(series.to_numpy())
    pd.testing.assert_series_equal(back[0], lat, check_names=False)
    pd.testing.assert_series_equal(back[1], lon, check_names=False)
    assert found.with_voted_precision(counts, 1e9, 1e9).decimals == 9  # nothing is known: no whole degrees


def test_one_declared_precision_is_kept():
    found = place(decimals=(0, None)).with_precision(2)
    assert [each.decimals for each in found.members()] == [0, 2]


def encoder(found: Place, n: int = 60):
    ends = np.unique(np.r_[0, RNG.integers(0, found.declared_range()[1], n), found.declared_range()[1] + 1])
    return found.lattice_encoder(ends)


@pytest.mark.family(keep=3)
@pytest.mark.parametrize(
    ("lat", "lon"),
    [
        (Condition(ranges=((46.5, 47.25),)), None),
        (Condition(values=(46.7,)), Condition(ranges=((None, 7.0), (9.5, None)))),
        (Condition(values=(47.5, 47.9)), Condition(values=(6.0,), is_excluded=True)),
        (None, Condition(ranges=((6.5, 8.0), (7.0, 9.0)), is_excluded=True)),
    ],
)
@pytest.mark.parametrize("decimals", [4, 1])
def test_cells_are_cut_where_conditions_begin(lat, lon, decimals):
    found = place(((46, 48), (6, 10)), decimals=(None, None)).with_precision(decimals)
    whole = encoder(found)
    sides = [
        [(0, 2**26 - 1)] if wish is None else squares_of(grid, wish)
        for grid, wish in zip(found.grids, (lat, lon), strict=True)
    ]
    corners = tuple(((w, s), (e, n)) for w, e in sides[0] for s, n in sides[1])
    cut = whole.cut((), corners, with_missing=False)
    cells = np.flatnonzero(cut.allowed)
    drawn = cut.encoder.inverse_transform(np.repeat(cells, 40), RNG)
    back = found.parts_of(drawn.to_numpy())
    for series, wish, axis in zip(back, (lat, lon), found.members(), strict=True):
        assert wish is None or wish.keeps(series, axis).all()
    assert (whole.transform(drawn) == np.repeat(cut.parent[cells], 40)).all()
    # The shares are those of a large unconditional draw.
    every = RNG.integers(0, found.declared_range()[1], 20_000).astype(float)
    parts = found.parts_of(every)
    is_met = np.logical_and.reduce(
        [w.keeps(s, a) for s, w, a in zip(parts, (lat, lon), found.members(), strict=True) if w]
    )
    sizes = np.diff(whole.edges) / (found.declared_range()[1] + 1)
    expected = (cut.share * np.r_[0, sizes][cut.parent])[cut.allowed].sum()
    assert is_met.mean() == pytest.approx(expected, abs=4 * (expected / 20_000) ** 0.5 + 1e-4)


def test_frequent_places_are_met_or_not_as_a_whole():
    found = place(((46, 48), (6, 10)))
    whole = found.lattice_encoder(np.array([0, 2**50, found.declared_range()[1] + 1]))
    lat, lon = pd.Series([46.5, 47.5]), pd.Series([6.5, 9.5])
    whole.exact = np.sort(found.places_of(lat, lon))
    (south,) = squares_of(found.grids[0], Condition(ranges=((46, 47),)))
    cut = whole.cut((), (((south[0], 0), (south[1], 2**26 - 1)),), with_missing=True)
    assert cut.share.tolist() in ([1, 1, 0, 0, 1], [1, 0, 1, 1, 0])
    (cell,) = np.flatnonzero(cut.allowed[1:]) + 1
    drawn = cut.encoder.inverse_transform(np.array([cell]), RNG)
    assert found.parts_of(drawn.to_numpy())[0].tolist() == [46.5]
    assert cut.allowed[0]


def test_ends_of_ranges_are_checked():
    grid = place().grids[0]
    with pytest.raises(DataError, match="'lat'.*smaller end first"):
        squares_of(grid, Condition(ranges=((2.0, 1.0),)))
    with pytest.raises(DataError, match="'lat'.*expected a number"):
        squares_of(grid, Condition(ranges=(("north", None),)))
    assert squares_of(grid, Condition(values=(91.0, 1.00001))) == []


def test_a_region_is_named_by_its_ends_and_the_extent_is_that_of_full_cells():
    found = place(((0, 1), (0, 1)), decimals=(2, 2))
    whole = found.lattice_encoder(np.array([0, 2**50, found.declared_range()[1] + 1]))
    assert whole.label(np.array([0])) == "0 to 0.5, 0 to 0.5"
    known = whole.with_extent(np.array([True, False])).column
    assert [each.bounds for each in known.members()] == [(0.0, 0.5), (0.0, 0.5)]
    assert Place(**known.model_dump(mode="json")) == known
    assert whole.with_extent(np.array([False, False])) is whole
