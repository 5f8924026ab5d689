"""The test that rows pass before they are shown."""

from __future__ import annotations

import pandas as pd

from tabgan.drawing.kept import Kept
from tabgan.rules import Inequality, Unique
from tabgan.schema import Numeric
from tabgan.table.conditions import Condition

DESCRIBED = {name: Numeric(name=name) for name in "ab"}


def test_a_value_is_shown_once_and_a_row_that_fails_takes_none():
    keeps = Kept([Inequality("a", "b"), Unique(("a",))], {}, DESCRIBED)
    first = pd.DataFrame({"a": [1, 2, 2, None, None], "b": [0, 2, 3, 0, 0]})
    assert keeps(first).tolist() == [False, True, False, True, True]
    assert keeps(pd.DataFrame({"a": [1, 2], "b": [1, 9]})).tolist() == [True, False]


def test_conditions():
    table = pd.DataFrame({"a": [1, 2, None], "b": [1, 1, 1]})
    assert Kept([], {"a": Condition(values=(2.0,)), "b": Condition(values=(1,))}, DESCRIBED)(
        table
    ).tolist() == [False, True, False]
    assert Kept([], {"a": Condition(missing=True)}, DESCRIBED)(table).tolist() == [False, False, True]
