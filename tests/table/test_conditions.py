"""Conditions as objects: their forms, the cells that they leave, and the cells that they keep."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabgan.columns.categorical import CategoricalEncoder
from tabgan.columns.numeric import NumericEncoder
from tabgan.errors import ConfigError, DataError
from tabgan.schema import Boolean, Categorical, Datetime, Duration, Identifier, Numeric, Schema
from tabgan.table.coded import code_column
from tabgan.table.conditions import Between, Condition, check_declared, conditions_of

NUMBER = Numeric(name="a", bounds=(0, 99), decimals=0, dtype="Int64")
ORDERED = Categorical(name="o", categories=("low", "mid", "high"), ordered=True, dtype="object")


@pytest.mark.parametrize(
    ("stated", "condition"),
    [
        (5, Condition((5,))),
        (None, Condition(missing=True)),
        (float("nan"), Condition(missing=True)),
        ([5, None], Condition((5,), missing=True)),
        ((1, 2), Condition((1, 2))),
        ({2, 1}, Condition((1, 2))),
        (range(3), Condition((0, 1, 2))),
        (np.array([1, 2]), Condition((1, 2))),
        (Between(1, 5), Condition(ranges=((1, 5),))),
        ({"min": 1}, Condition(ranges=((1, None),))),
        ({"max": 5, "missing": True}, Condition(ranges=((None, 5),), missing=True)),
        ({"missing": True}, Condition(missing=True)),
        ({"missing": False}, Condition(ranges=((None, None),))),
        ([Between(1, 5), {"min": 9}, 7, None], Condition((7,), ((1, 5), (9, None)), True)),
        (Condition((5,)), Condition((5,))),
    ],
)
def test_forms(stated, condition):
    assert Condition.of(stated, "here") == condition


@pytest.mark.parametrize("wanted", [["a"], "a", 5])
def test_conditions_that_are_no_mapping(wanted):
    with pytest.raises(ConfigError, match="conditions: expected a mapping from column names to values"):
        conditions_of(wanted, ["a"])


def _kept(stated, column, values):
    condition = Condition.of(stated, "here")
    kept = condition.keeps(pd.Series(values, dtype=object), column)
    others = Condition(condition.values, condition.ranges, condition.missing, is_excluded=True)
    assert (others.keeps(pd.Series(values, dtype=object), column) != kept).all()
    return kept.tolist()


class TestKeeps:
    @pytest.mark.parametrize(
        ("stated", "kept"),
        [
            (5, [True, False, False, False]),
            (Between(5, 7), [True, True, False, False]),
            (Between(5.5), [False, True, True, False]),
            (Between(float("-inf"), 6), [True, False, False, False]),
            ([None, 5], [True, False, False, True]),
            ({"missing": False}, [True, True, True, False]),
        ],
    )
    def test_numbers(self, stated, kept):
        assert _kept(stated, NUMBER, [5, 7, 50, None]) == kept

    @pytest.mark.parametrize(
        ("stated", "kept"),
        [
            ("mid", [False, True, False, False]),
            (Between("mid"), [False, True, True, False]),
            (Between(None, "mid"), [True, True, False, False]),
            (["low", None], [True, False, False, True]),
            (Between(), [True, True, True, False]),
        ],
    )
    def test_ordered_categories(self, stated, kept):
        assert _kept(stated, ORDERED, ["low", "mid", "high", None]) == kept

    def test_moments_and_durations(self):
        days = Datetime(name="d", dtype="datetime64[ns]", resolution="day")
        moments = [dt.datetime(2020, 1, 31), dt.datetime(2020, 2, 1), None]
        assert _kept(Between("2020-02-01"), days, moments) == [False, True, False]
        assert _kept(Between(max=dt.date(2020, 1, 31)), days, moments) == [True, False, False]
        stay = Duration(name="s", resolution="hour")
        assert _kept(Between("2 hours", pd.Timedelta("1 days")), stay, ["0 days 03:00:00", "2 days"]) == [
            True,
            False,
        ]

    def test_text_in_a_format(self):
        column = Datetime(name="d", dtype="object", format="%d/%m/%Y", resolution="day")
        assert _kept(Between("2020-02-01", "28/02/2020"), column, ["31/01/2020", "05/02/2020"]) == [
            False,
            True,
        ]

    def test_what_has_no_order_is_refused(self):
        for column, ends in ((Boolean(name="b"), (True, None)), (ORDERED, ("low", "huge"))):
            with pytest.raises(DataError, match=f"Column '{column.name}': expected a range between two"):
                Condition.of(Between(*ends), "here").keeps(pd.Series(["low"]), column)


values = st.one_of(st.integers(-5, 105), st.none())
ends = st.builds(lambda a, b: Between(*sorted((a, b))), *[st.floats(-5, 105, allow_nan=False)] * 2)


@pytest.mark.family
@given(
    st.lists(st.one_of(values, ends), min_size=1, max_size=5),
    st.sets(st.integers(1, 99), max_size=6),
    st.booleans(),
    st.integers(0, 2**16),
)
def test_cut_cells_hold_what_is_kept_and_nothing_else(stated, inner, is_excluded, seed):
    """Whatever the cells and the condition: allowed cells decode to what is kept, others to what is not."""
    encoder = NumericEncoder(NUMBER, "Int64", np.array([0, *sorted(inner), 100]))
    condition = Condition.of(stated, "here")
    inside = tuple(v for v in condition.values if 0 <= v < 100)
    condition = Condition(inside, condition.ranges, condition.missing, is_excluded)
    counts = np.random.default_rng(seed).integers(1, 50, encoder.n_cells).astype(float)
    coded = code_column(encoder, counts, 0.0, counts.sum(), 4, 8, 1.0)
    cut = condition.cut(encoder)
    np.testing.assert_allclose(np.bincount(cut.parent, weights=cut.share), 1.0)
    cells = np.repeat(np.arange(len(cut.allowed)), 30)
    decoded = cut.encoder.inverse_transform(cells, np.random.default_rng(seed))
    np.testing.assert_array_equal(condition.keeps(decoded, NUMBER), cut.allowed[cells])
    met = coded.meeting(cut)
    exact = {code: [] for code in range(coded.width)}
    sizes = np.concatenate([[1], np.diff(cut.encoder.edges)])
    weight = counts[cut.parent] * sizes / np.bincount(cut.parent, weights=sizes)[cut.parent]
    for cell, code in enumerate(met.code_of_cell):
        exact[code].append((weight[cell], bool(cut.allowed[cell])))
    expected = [sum(w for w, ok in cells if ok) / sum(w for w, _ in cells) for cells in exact.values()]
    np.testing.assert_allclose(met.chances, expected, atol=1e-9)
    possible = np.flatnonzero(met.chances > 0)
    if len(possible):
        drawn = met.cells_of(np.repeat(possible, 20), np.random.default_rng(seed))
        assert met.allowed[drawn].all()


class TestCells:
    def test_a_frequent_number_is_in_a_range_or_not(self):
        column = Numeric(name="p", bounds=(0, 1), decimals=2, dtype="float64")
        encoder = NumericEncoder(column, "float64", np.array([0, 40, 50, 101]))
        encoder.exact = np.array([np.nan, 0.45, np.nan])
        for stated, is_in in (
            (Between(0.44, 0.46), True),
            (Between(0.46), False),
            ([0.45, 0.9], True),
            ([0.44], False),
        ):
            cut = Condition.of(stated, "here").cut(encoder)
            cells = cut.encoder.inverse_transform(np.flatnonzero(cut.allowed), np.random.default_rng(0))
            assert (0.45 in cells.tolist()) is is_in
            assert Condition.of(stated, "here").keeps(cells, column).all()

    def test_round_numbers_stay_as_frequent_within_a_cut_cell(self):
        encoder = NumericEncoder(NUMBER, "Int64", np.array([0, 100]))
        encoder = encoder.emphasising(np.array([1.0, 10.0, 100.0, 1.0])[: len(encoder.steps)])
        cut = Condition.of(Between(5, 14), "here").cut(encoder)
        rng = np.random.default_rng(0)
        free = encoder.inverse_transform(np.ones(100_000, dtype=int), rng)
        within = free[free.between(5, 14)].value_counts(normalize=True)
        (allowed,) = np.flatnonzero(cut.allowed)
        found = cut.encoder.inverse_transform(np.full(20_000, allowed), rng).value_counts(normalize=True)
        assert abs(found[10] - within[10]) < 0.02
        assert abs(cut.share[allowed] - len(free[free.between(5, 14)]) / 1e5) < 0.01

    def test_the_label_of_others_is_in_no_range(self):
        column = ORDERED.with_(unreleased="other", unreleased_label="?")
        encoder = CategoricalEncoder(column, "object").showing_other()
        assert Condition.of(Between("mid"), "here").cut(encoder).allowed.tolist() == [
            False,
            False,
            True,
            True,
            False,
        ]
        assert Condition.of(["?", None], "here").cut(encoder).allowed.tolist() == [
            True,
            False,
            False,
            False,
            True,
        ]
        assert Condition.of(Between(), "here").cut(encoder).allowed.tolist() == [
            False,
            True,
            True,
            True,
            True,
        ]


class TestDeclared:
    SCHEMA = Schema([NUMBER, ORDERED, Identifier(name="k"), Numeric(name="open")])

    @pytest.mark.parametrize(
        ("wanted", "error", "words"),
        [
            (
                {"a": Between(200)},
                DataError,
                "conditions: column 'a': what is asked for is not in the declared domain",
            ),
            ({"o": "huge"}, DataError, "conditions: column 'o': what is asked for is not in"),
            ({"k": "1"}, ConfigError, "conditions: column 'k' is generated"),
            ({"a": [50, True]}, DataError, "Column 'a': expected a number, got bool"),
        ],
    )
    def test_what_cannot_be_met_is_refused_before_a_fit(self, wanted, error, words):
        with pytest.raises(error, match=words):
            check_declared(conditions_of(wanted, self.SCHEMA.names), self.SCHEMA)

    def test_the_rest_is_left_to_the_fit(self):
        wanted = {"a": [5, 500], "o": Between("mid"), "open": Between(5), "other": 1}
        check_declared(conditions_of(wanted, list(wanted)), self.SCHEMA)
