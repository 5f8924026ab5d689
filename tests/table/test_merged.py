"""Columns as one column of categories, and back."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from tabgan.rules import FixedCombinations, OneOf
from tabgan.schema import Boolean, Categorical, Datetime, Numeric
from tabgan.table.merged import BROKEN, merged_of

DESCRIBED = {
    "town": Categorical(name="town", categories=("Ulm", "Bonn")),
    "zip": Numeric(name="zip", dtype="Int64", bounds=(1, 99), decimals=0),
    "open": Categorical(name="open"),
    "day": Datetime(name="day", format="%d.%m.%Y", dtype="object"),
    "a": Boolean(name="a", dtype="bool"),
    "b": Numeric(name="b", dtype="float64"),
}


def combination(*names: str, allowed=None):
    (part,) = merged_of([FixedCombinations(names, allowed)], names)
    return part


def test_values_of_every_kind_come_back():
    part = combination("town", "zip", "open", "day", "a")
    df = pd.DataFrame(
        {
            "town": pd.Series(["Ulm", "Bonn", None, "Ulm"], dtype=object),
            "zip": pd.Series([89, None, 53, 89], dtype="Int64"),
            "open": ["x", 1.5, True, "ü\0"],
            "day": pd.Series(["01.02.2020", None, "31.12.1999", "01.02.2020"], dtype=object),
            "a": [True, False, True, True],
        }
    )
    merged = part.merge(df, DESCRIBED)
    assert merged[0] == '["Ulm", 89, "x", 1580515200, true]'
    categories = tuple(merged.unique())
    described = DESCRIBED | part.completed(part.column(DESCRIBED).with_(categories=categories), DESCRIBED)
    found = pd.DataFrame(part.part(merged, described))
    pd.testing.assert_frame_equal(found, df)
    assert described["zip"].bounds == (1, 99)
    assert set(described["open"].listed) == {"x", 1.5, True, "ü\0"}


def test_a_row_is_merged_by_itself():
    part = combination("town", "zip")
    df = pd.DataFrame({"town": ["Ulm", "Bonn", "Kiel", None], "zip": [89, 53, 1, 100]})
    whole = part.merge(df, DESCRIBED).tolist()
    each = [part.merge(df.iloc[[i]].reset_index(drop=True), DESCRIBED)[0] for i in range(4)]
    assert whole == each == ['["Ulm", 89]', '["Bonn", 53]', BROKEN, BROKEN]


def test_what_is_allowed_are_the_categories_and_no_other():
    part = combination("town", "zip", allowed=(("Ulm", 89), ("Ulm", 89.0), (None, 53)))
    assert part.column(DESCRIBED).categories == ('["Ulm", 89]', "[null, 53]")
    cells = (
        part.column(DESCRIBED)
        .encoder()
        .transform(
            part.merge(
                pd.DataFrame({"town": ["Ulm", "Bonn", None, "Kiel"], "zip": [89, 53, 53, 2]}), DESCRIBED
            )
        )
    )
    assert cells.tolist() == [1, 3, 2, 3]


def test_rare_ones_are_alike_in_the_coarsest_column():
    part = combination("town", "open")
    listed = ['["Ulm", "u1"]', '["Bonn", "b1"]', '["Ulm", "u2"]', '["Bonn", "b2"]']
    assert part.coarse(listed).tolist() == [0, 1, 0, 1]
    assert combination("a", "open").coarse(['[true, "x"]', '[true, "y"]']).tolist() == [0, 1]


def test_one_hot_columns():
    (part,) = merged_of([OneOf(("a", "b"))], ("a", "b", "a & b"))
    assert part.name == "a & b'"
    df = pd.DataFrame({"a": [True, False, True, False], "b": [0.0, 1.0, 1.0, np.nan]})
    merged = part.merge(df, DESCRIBED)
    assert merged.tolist() == ["a", "b", BROKEN, BROKEN]
    described = DESCRIBED | part.completed(part.column(DESCRIBED), DESCRIBED)
    found = part.part(pd.Series(["b", "a"]), described)
    assert found["a"].tolist() == [False, True]
    assert found["b"].tolist() == [1.0, 0.0]
    assert found["b"].dtype == np.float64
    assert described["b"].bounds == (0, 1)


def test_the_mark_of_a_broken_row_is_no_category():
    assert isinstance(BROKEN, dt.date)
    assert not isinstance(BROKEN, bool | int | float | str)
