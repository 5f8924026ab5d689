"""Counts of rows as sums over parts, and in pieces."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from tabgan.columns.values import objects
from tabgan.schema import Schema
from tabgan.table import spooled as spooled_module
from tabgan.table import summed
from tabgan.table.partitions import FrameParts
from tabgan.table.spooled import spooled
from tabgan.table.summed import TOTAL, FrameRows, SpooledRows, observed_together, weights_together


@pytest.fixture(params=[0, 50, 2**18], ids=["as they are", "some numbered", "numbered"])
def rows(request, monkeypatch, tmp_path):
    """Return the rows of a table in memory, and of the same in parts."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(spooled_module, "MOST_VALUES", request.param)
    rng = np.random.default_rng(0)
    df = pd.DataFrame(
        {
            "number": np.where(rng.random(400) < 0.1, np.nan, rng.integers(-40, 40, 400) / 4),
            "text": rng.choice([*map(str, range(90)), None, "a\0b"], 400),
        }
    )
    with spooled(FrameParts(df, 37), Schema()) as copy:
        yield FrameRows(df), SpooledRows(copy)


def distinct(series: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    return np.unique(series.dropna().to_numpy(), return_counts=True)


def test_totals(rows):
    for name in ("number", "text"):
        found = [each.total(name, lambda cells: np.array([len(cells), cells.isna().sum()])) for each in rows]
        assert found[0].tolist() == found[1].tolist() == [400, rows[0].df[name].isna().sum()]
        assert [each.missing(name) for each in rows] == [found[0][1]] * 2


def test_categories_and_numbers_in_one_piece_come_in_the_same_order(rows):
    whole, parts = rows
    ((values, counts),), ((other, others),) = (each.counted("text", objects) for each in rows)
    assert values == other
    assert counts.tolist() == others.tolist()
    for found in zip(*whole.numbers("number", distinct), *parts.numbers("number", distinct), strict=True):
        np.testing.assert_array_equal(*found)


def test_a_row_counts_for_less_where_it_counts_in_several_columns(rows):
    """By its own cells alone, and by the number of columns in which its value is there and not known."""
    known = {"text": frozenset(map(str, range(60))), "number": frozenset([*range(-10, 10)])}
    of, weights = {name: lambda cells: list(cells) for name in known}, np.array([0, 70, 50])
    first, again = (each.together(of, known, weights) for each in rows)
    assert first == again
    df = rows[0].df
    counts = pd.DataFrame({name: df[name].notna() & ~df[name].isin(known[name]) for name in known})
    weight = weights[counts.sum(axis=1)]
    for found, name in zip(first, known, strict=True):
        assert found == dict(pd.Series(weight).groupby(df[name].where(counts[name])).sum())


@pytest.mark.parametrize("n_columns", [2, 3, 17])
def test_a_row_that_counts_in_several_columns_is_no_longer_than_one_that_counts_once(n_columns):
    weights, steps = weights_together(n_columns, 2**16), 2**16
    assert weights[0] == 0
    lengths = np.sqrt(np.arange(1, n_columns + 1) * weights[1:] ** 2.0 * (1 + TOTAL**2)) / steps
    assert (lengths <= 1).all()
    assert lengths == pytest.approx(1, abs=1e-3)
    found = observed_together(
        [Counter({"Ulm": weights[1], "no": weights[2]}), Counter()], [["no"], []], steps
    )
    assert found.values == ['[0, "Ulm"]']
    sums = np.array([weights[1] + weights[2], 0]) * TOTAL
    np.testing.assert_array_equal(found.public * steps, [sums[0], weights[2], sums[1]])


@pytest.mark.family(keep=1)
@pytest.mark.parametrize("piece", [5, 60, 399])
def test_pieces_make_the_whole_and_share_no_value(rows, monkeypatch, piece):
    monkeypatch.setattr(summed, "PIECE", piece)
    whole, parts = rows
    ((values, counts),) = whole.counted("text", objects)
    pieces = list(parts.counted("text", objects))
    assert len(pieces) == parts.pieces("text")
    assert sorted(value for each, _ in pieces for value in each) == sorted(values)
    assert sum(counts.sum() for _, counts in pieces) == counts.sum()
    numbers = list(parts.numbers("number", distinct))
    together = np.concatenate([each for each, _ in numbers])
    ((values, counts),) = whole.numbers("number", distinct)
    order = np.argsort(together)
    np.testing.assert_array_equal(together[order], values)
    np.testing.assert_array_equal(np.concatenate([each for _, each in numbers])[order], counts)
    if len(numbers) > 40:
        assert sum(len(each) > 0 for each, _ in numbers) > 10  # the hash spreads them


def test_a_value_of_rows_that_are_left_out_is_not_there(rows):
    _, parts = rows
    lengths = parts.table.lengths
    kept = [np.arange(n) == 0 for n in lengths]
    some = SpooledRows(parts.table, kept)
    assert len(some) == len(lengths)
    ((values, counts),) = some.counted("text", objects)
    assert counts.min() == 1
    assert counts.sum() + some.missing("text") == len(lengths)
    assert set(values) <= set(rows[0].df["text"][::37])
    frame = some.frame(["number"], np.array([0, 2]))
    np.testing.assert_array_equal(frame["number"], rows[0].df["number"][[0, 74]])
