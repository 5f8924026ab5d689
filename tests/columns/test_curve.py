"""The Hilbert curve."""

from __future__ import annotations

import numpy as np

from tabgan.columns.curve import LENGTH, SIDE, along, blocks, square_of

RNG = np.random.default_rng(0)


def test_every_square_has_a_place_and_every_place_a_square():
    x, y = RNG.integers(0, SIDE, (2, 1_000))
    x[:2], y[:2] = [0, SIDE - 1], [0, SIDE - 1]
    back = square_of(along(x, y))
    assert (back[0] == x).all()
    assert (back[1] == y).all()
    assert along(np.array([0]), np.array([0])).tolist() == [0]
    assert along(np.array([SIDE - 1]), np.array([0])).tolist() == [LENGTH - 1]


def test_neighbours_on_the_curve_are_neighbours_on_the_map():
    place = RNG.integers(0, LENGTH - 1, 1_000)
    (x, y), (next_x, next_y) = square_of(place), square_of(place + 1)
    assert (np.abs(x - next_x) + np.abs(y - next_y) == 1).all()


def test_runs_are_made_of_blocks():
    ends = np.unique(np.r_[0, RNG.integers(0, LENGTH, 20), 5, 6, LENGTH])
    found, runs = blocks(ends[:-1], ends[1:])
    areas = (found[:, 1] - found[:, 0] + 1) * (found[:, 3] - found[:, 2] + 1)
    assert (np.bincount(runs, weights=areas) == np.diff(ends)).all()
    places = RNG.integers(0, LENGTH, 200)
    x, y = (each[:, None] for each in square_of(places))
    inside = (found[:, 0] <= x) & (x <= found[:, 1]) & (found[:, 2] <= y) & (y <= found[:, 3])
    assert (inside.sum(axis=1) == 1).all()
    assert (runs[inside.argmax(axis=1)] == np.searchsorted(ends, places, side="right") - 1).all()
    assert len(blocks(ends[:0], ends[:0])[0]) == 0
