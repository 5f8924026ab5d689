"""Values of one code exchange places until inequalities hold: nothing is lost, and nothing is made up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabgan.rules import Inequality
from tabgan.schema import Datetime, Numeric
from tabgan.table.orders import Orders

RNG = np.random.default_rng(0)


def orders(*rules: Inequality, described=None) -> Orders:
    return Orders.of(rules, described or {name: Numeric(name=name, decimals=2) for name in "abcd"})


def arranged(these: Orders, columns, keys=None, draw=None, fixed=()):
    n = len(next(iter(columns.values())))
    keys = keys or {name: [np.zeros(n, dtype=np.int64)] for name in columns}
    return these.arranged(columns, keys, draw or (lambda name, rows: columns[name].take(rows)), RNG, fixed)


def uniform(n: int, low: float = 0.0, high: float = 1.0) -> pd.Series:
    return pd.Series(RNG.uniform(low, high, n).round(2))


CHAIN = (Inequality("a", "b"), Inequality("a", "c"), Inequality("b", "d"), Inequality("c", "d"))


def test_every_row_keeps_a_chain_and_every_column_its_values():
    columns = {
        "a": uniform(400),
        "b": uniform(400, 0.2, 1.2),
        "c": uniform(400, 0.2, 1.2),
        "d": uniform(400, 0.5, 1.5),
    }
    found = arranged(orders(*CHAIN), columns)
    assert orders(*CHAIN).is_kept(found).all()
    for name, series in columns.items():
        assert sorted(found[name]) == sorted(series)


def test_rows_exchange_values_within_their_keys_only():
    columns = {"a": uniform(300), "b": uniform(300, 0.2, 1.2)}
    keys = np.arange(300) % 3
    found = arranged(orders(Inequality("a", "b")), columns, {name: [keys] for name in columns})
    for key in range(3):
        assert sorted(found["b"][keys == key]) == sorted(columns["b"][keys == key])


def test_coarser_keys_serve_what_finer_ones_leave():
    columns = {"a": pd.Series([1.0, 5.0, 2.0, 4.0]), "b": pd.Series([3.0, 4.5, 2.5, 6.0])}
    keys = {"a": [np.arange(4)], "b": [np.arange(4), np.zeros(4, dtype=np.int64)]}
    found = arranged(orders(Inequality("a", "b")), columns, keys)
    assert (found["a"] <= found["b"]).all()
    assert found["a"].tolist() == [1.0, 5.0, 2.0, 4.0]


def test_equal_values_where_one_is_to_be_smaller():
    columns = {"a": pd.Series([1.0, 2.0]), "b": pd.Series([2.0, 2.0])}
    strict = orders(Inequality("a", "b", is_strict=True))
    assert not strict.is_kept(arranged(strict, columns)).all()
    drawn = arranged(
        strict, columns, draw=lambda name, rows: pd.Series(np.full(len(rows), {"a": 1.5, "b": 3.0}[name]))
    )
    assert strict.is_kept(drawn).all()


def test_columns_of_a_row_exchange_what_rows_cannot():
    columns = {"a": pd.Series([5.0, 5.0]), "b": pd.Series([3.0, 4.0])}
    found = arranged(orders(Inequality("a", "b")), columns)
    assert sorted(found["a"]) == [3.0, 4.0]
    assert found["b"].tolist() == [5.0, 5.0]


def test_values_stay_in_their_codes_where_other_values_of_these_serve():
    """Nearly all monthly charges are above the total ones, with which they share a part of their range."""
    n = 400
    columns = {"a": uniform(n, 40, 60), "b": uniform(n, 20, 50)}

    def code_of(name, values):
        return (values >= 50 if name == "a" else values >= 60).to_numpy().astype(np.int64)

    def draw(name, rows):  # others of the same codes
        is_high = code_of("a", columns["a"].iloc[rows])
        return pd.Series(
            RNG.uniform(40, 50, len(rows)) + 10 * is_high if name == "a" else RNG.uniform(20, 60, len(rows))
        )

    keys = {name: [code_of(name, series)] for name, series in columns.items()}
    rule = orders(Inequality("a", "b"))
    found = rule.arranged(columns, keys, draw, RNG, codes_of=code_of)
    assert rule.is_kept(found).all()
    for name, series in columns.items():
        np.testing.assert_array_equal(code_of(name, found[name]), code_of(name, series))
    turned = rule.arranged(columns, keys, draw, RNG)
    assert (code_of("a", turned["a"]) != code_of("a", columns["a"])).mean() > 0.1


def test_but_not_a_column_that_is_fixed_or_a_value_outside_of_its_bounds():
    columns = {"a": pd.Series([5.0]), "b": pd.Series([3.0])}
    assert arranged(orders(Inequality("a", "b")), columns, fixed={"a"})["b"].tolist() == [3.0]
    described = {"a": Numeric(name="a", bounds=(4, 9), decimals=0), "b": Numeric(name="b", decimals=0)}
    assert arranged(orders(Inequality("a", "b"), described=described), columns)["a"].tolist() == [5.0]


def test_missing_values_and_constants():
    columns = {"a": pd.Series([9.0, np.nan, 1.0]), "b": pd.Series([1.0, 0.0, 2.0])}
    these = orders(Inequality("a", "b"), Inequality(0, "b"), Inequality("b", 8))
    found = arranged(these, columns, draw=lambda name, rows: pd.Series(np.full(len(rows), 4.0)))
    assert these.is_kept(found).all()
    assert np.isnan(found["a"]).sum() == 1


def test_moments_keep_their_dtype():
    described = {name: Datetime(name=name, resolution="second", dtype="datetime64[us]") for name in "ab"}
    start = pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(RNG.integers(0, 9_999, 200), unit="s"))
    columns = {
        "a": start.astype("datetime64[us]"),
        "b": start.sample(frac=1, random_state=0).reset_index(drop=True),
    }
    found = arranged(orders(Inequality("a", "b"), described=described), columns)
    assert (found["a"] <= found["b"]).all()
    assert found["a"].dtype == "datetime64[us]"
    assert found["b"].dtype == columns["b"].dtype


def test_an_inequality_that_follows_is_one_too():
    these = orders(Inequality("a", "b"), Inequality("b", "c", is_strict=True))
    assert Inequality("a", "c", is_strict=True) in these.rules
    assert these.names == ["a", "b", "c"]
    assert [part.names for part in orders(Inequality("a", "b"), Inequality("c", "d")).apart] == [
        ["a", "b"],
        ["c", "d"],
    ]


@pytest.mark.parametrize("rules", [(), (Inequality("a", "x"),)])
def test_nothing_to_do(rules):
    columns = {"a": uniform(5)}
    assert arranged(orders(*rules), columns) == columns
