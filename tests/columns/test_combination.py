"""Open combinations: the finest one that is listed, and the whole ones that a coarser one shows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabgan.columns import Boolean, Numeric
from tabgan.columns.combination import BROKEN, Combination, stand_in

LISTED = ('["BY", "Ulm"]', '["BY", "Bonn"]', '["BY", {}]', '["NW", {}]')


def column(**changes: object) -> Combination:
    given = {"domains": (None, None), "labels": ("others", "others"), "levels": ((0,),), "categories": LISTED}
    return Combination(name="state & city", dtype="object", **{**given, **changes})


def cells(which: Combination, *texts: object) -> list[object]:
    return which.cells(pd.Series(texts, dtype=object))


def test_a_row_is_in_its_finest_combination():
    assert cells(column(), '["BY", "Ulm"]', '["BY", "Hof"]', '["NW", null]', None) == [
        *('["BY", "Ulm"]', '["BY", {}]', '["NW", {}]', None)
    ]


def test_a_combination_that_nothing_could_show_stays_whole():
    unlabelled = column(labels=("others", None), categories=LISTED[:2])
    assert cells(unlabelled, '["BY", "Hof"]', '["SH", "Kiel"]') == ['["BY", {}]', '["SH", "Kiel"]']


def test_a_row_with_a_label_among_its_values_has_no_whole_combination():
    """A label in a table, as in another model's sample, stands for no value: it is pooled, and the others count."""
    rows = '["BY", "others"]', '["others", "Ulm"]', '["others", "others"]', '["BY", "Others"]', '["BY", true]'
    assert cells(column(levels=(), categories=()), *rows) == [BROKEN, BROKEN, BROKEN, *rows[3:]]
    assert cells(column(), *rows) == ['["BY", {}]', BROKEN, BROKEN, '["BY", {}]', '["BY", {}]']
    assert cells(column(levels=((0,), (1,))), *rows[:2]) == ['["BY", {}]', '[{}, "Ulm"]']
    plain = column(labels=(None, None), levels=(), categories=())
    assert cells(plain, *rows) == list(rows)
    ones = column(labels=(None, 1), levels=(), categories=())
    assert cells(ones, '["BY", true]', '["BY", 1]') == ['["BY", true]', BROKEN]


def test_a_coarser_one_shows_whole_ones_each_as_often_and_a_label_without_any():
    encoder = column().encoder()
    found = encoder.inverse_transform(np.repeat([3, 4], 400), np.random.default_rng(0))
    assert found[400:].eq('["NW", {}]').all()
    assert set(found[:400]) == set(LISTED[:2])
    assert found[:400].eq(LISTED[0]).mean() == pytest.approx(0.5, abs=0.1)


def test_a_condition_leaves_the_part_of_a_coarser_one_that_meets_it():
    encoder = column().encoder()
    cut = encoder.cut([LISTED[0]], [], with_missing=False)
    assert cut.parent.tolist() == [0, 1, 2, 3, 3, 4, 5]
    assert cut.share.tolist() == [1, 1, 1, 0.5, 0.5, 1, 1]
    assert cut.allowed.tolist() == [False, True, False, True, False, False, False]
    found = cut.encoder.inverse_transform(np.flatnonzero(cut.allowed), np.random.default_rng(0))
    assert found.tolist() == [LISTED[0]] * 2
    assert encoder.cut([], [(None, None)], with_missing=False).allowed[1:6].all()


@pytest.mark.parametrize(
    ("listed", "domains", "levels"),
    [
        ((), (None, None), ((0,), (1,))),
        ((), (None, ("BY", "NW")), ((1,), (0,))),
        (('["Ulm", "BY"]', '["Hof", "BY"]'), (None, None), ((1,), (0,))),
        (
            ('["Ulm", 1, "BY"]', '["Hof", 1, "BY"]', '["Hof", 2, "BY"]', '["Au", 2, "BY"]'),
            (None,) * 3,
            ((1, 2), (2,), (1,)),
        ),
    ],
)
def test_columns_of_few_values_are_kept_the_longest(listed, domains, levels):
    looked = column(categories=listed, domains=domains, labels=("others",) * len(domains), levels=())
    found = []
    while (looked := looked.coarser()) is not None:
        found.append(looked.levels[-1])
    assert tuple(found) == levels


def test_declared_values_are_listed_without_a_look():
    declared = column(domains=(("BY", "SH", None), None), categories=LISTED[:1])
    assert declared.closed().listed == (LISTED[0], '["BY", {}]', '["SH", {}]', "[null, {}]")
    assert column().closed() is None


def test_rows_of_nothing_show_labels_once_all_was_looked_for():
    assert column().other_label is None
    assert column(levels=((0,), (1,))).other_label == "[{}, {}]"
    assert column(levels=((0,), (1,)), labels=("others", None)).other_label is None


def test_no_public_word_is_a_combination():
    assert column(categories=None, levels=()).public_words == ()


def test_a_boolean_that_is_declared_as_a_number_has_a_number_for_values_that_were_not_released():
    """A combination of it has numbers; a boolean among them had no decimals, and stopped a fit that was charged."""
    found = [stand_in(Numeric(name="a", dtype=dtype, nullable=None)) for dtype in ("bool", "int8")]
    assert [(value, type(value)) for value in found] == [(0, int)] * 2
    assert stand_in(Boolean(name="a", dtype="bool")) is False
