"""Distributions that are computed once: the draws are those of each row's own logits, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tabgan.model import tabulated
from tabgan.model.generator import Generator
from tabgan.model.sampling import BATCH_SIZE, CodeSampler
from tabgan.model.tabulated import DrawTables

SIZES = (3, 20, 4, 17, 5)

#: Columns on which each depends; the last one depends on many combinations.
PARENTS = ([], [0], [], [0, 2], [0, 1, 2, 3])


@pytest.fixture
def generator():
    rng, found = torch.Generator().manual_seed(0), Generator(SIZES)
    starts = np.cumsum([0, *SIZES])
    with torch.no_grad():
        found.bias.copy_(torch.randn(sum(SIZES), generator=rng))
        for position, parents in enumerate(PARENTS):
            for parent in parents:
                block = found.direct[
                    starts[parent] : starts[parent + 1], starts[position] : starts[position + 1]
                ]
                block.copy_(torch.randn(block.shape, generator=rng))
    return found


def _masks():
    masks = [np.ones(size, dtype=bool) for size in SIZES]
    masks[1][[0, 7]] = masks[3][-1] = False
    return masks


def _drawn(generator, seed=1):
    sampler = CodeSampler(generator, _masks())
    codes = np.concatenate(list(sampler.batches(3 * BATCH_SIZE, torch.Generator().manual_seed(seed))))
    return codes, sampler


def test_parents_are_found(generator):
    assert [generator.parents(position) for position in range(5)] == [*PARENTS]


def test_draws_are_those_of_the_logits(generator, monkeypatch):
    tabled, _ = _drawn(generator)
    monkeypatch.setattr(DrawTables, "of", lambda *_: None)
    plain, _ = _drawn(generator)
    np.testing.assert_array_equal(tabled, plain)
    assert not (np.isin(tabled[:, 1], [0, 7]) | (tabled[:, 3] == 16)).any()


def test_a_table_is_made_when_as_many_rows_were_drawn_and_once(generator):
    asked = []

    def logits(codes, position):
        asked.append((position, len(codes)))
        return generator.logits(codes, position)

    tables = DrawTables(SIZES, generator.parents, logits, generator.device)
    assert tables.of(1, 2) is None
    assert tables.of(1, 3).bounds.shape == (3, 20)
    assert tables.of(1, 3) is tables.of(1, 10**6)
    assert tables.of(4, 4_079) is None
    assert tables.of(4, 4_080).parents == (0, 1, 2, 3)
    assert asked == [(1, 3), (4, 4_080)]


def test_tables_hold_so_much_and_no_more(generator, monkeypatch):
    monkeypatch.setattr(tabulated, "MOST_ENTRIES", 400)
    monkeypatch.setattr(tabulated, "MOST_IN_ALL", 210)
    tables = DrawTables(SIZES, generator.parents, generator.logits, generator.device)
    assert tables.of(4, 10**6) is None
    assert tables.of(3, 10**6).bounds.numel() == 204
    assert tables.of(1, 10**6) is None
    assert tables.of(2, 10**6).bounds.numel() == 4


@pytest.mark.parametrize("part", ["critics", "places"])
def test_a_column_that_depends_on_more_has_no_table(generator, part):
    getattr(generator, part)["1"] = torch.nn.Identity()
    assert generator.parents(1) is None
    assert DrawTables(SIZES, generator.parents, generator.logits, generator.device).of(1, 10**6) is None
