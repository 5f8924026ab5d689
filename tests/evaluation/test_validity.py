from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from tabgan.evaluation.tables import prepare
from tabgan.evaluation.validity import check_columns, validity_metrics
from tabgan.schema import Boolean, Categorical, Datetime, Identifier, Numeric, Schema


def _valid(column, real, synthetic) -> float:
    real, synthetic = pd.DataFrame({"x": real}), pd.DataFrame({"x": synthetic})
    schema = None if column is None else Schema(columns=[column])
    return check_columns(prepare(real, real, synthetic, schema))["x"].valid


DAY, TEXT = dt.date(2020, 1, 1), "2020-01-01"


@pytest.mark.parametrize(
    ("column", "real", "synthetic", "share"),
    [
        (Numeric(name="x", bounds=(0, 9), decimals=0), [1, 2], [0, 9, 10, -1], 0.5),
        (Numeric(name="x", bounds=(0, 9), decimals=0), [1, 2], [0.5, 1.0, np.nan, np.inf], 0.5),
        (Numeric(name="x", bounds=(0, 9), decimals=0, nullable=False), [1, 2], [1.0, np.nan], 0.5),
        (Numeric(name="x", bounds=(0, 9), decimals=2), [1.0], [0.29, 1.15, 8.123, 7.0], 0.75),
        (Numeric(name="x", bounds=(0, 1e6), decimals=2), [1.0], np.float32([123456.78, 0.1]), 1.0),
        (Numeric(name="x", bounds=(0, 0.1), decimals=1), [0.1], np.float32([0.1, 0.2]), 0.5),
        (Numeric(name="x"), [1, 5], [1, 3, 6, 5], 0.75),
        (Numeric(name="x"), [1.5, 5.5], [2.5, 2.55], 0.5),
        (None, [1, 5], [1, None], 0.5),
        (Numeric(name="x"), [1, 5], ["1", "one"], 0.5),
        (Categorical(name="x", categories=("a", "b")), ["a", "z"], ["a", "b", "z", None], 0.75),
        (Categorical(name="x"), ["a", "z"], ["a", "b", "z", None], 0.75),
        (Categorical(name="x", categories=(1, 2)), [1, 2], [1.0, 2.0, np.nan, 3.0], 0.75),
        (Categorical(name="x", categories=("1",)), ["1"], ["1", 1], 0.5),
        (Boolean(name="x"), [True], [True, False], 1.0),
        (Boolean(name="x"), [True], [1, 0], 0.0),
        (Datetime(name="x", bounds=("2020-01-01", "2020-12-31")), [DAY], [DAY, dt.date(2021, 1, 1)], 0.5),
        (Datetime(name="x", format="%Y-%m-%d"), [TEXT], [TEXT, "01.01.2020", "?", None], 0.5),
        (
            Datetime(name="x", bounds=("2020-01-01", "2020-12-31"), resolution="day"),
            pd.to_datetime([TEXT]),
            pd.to_datetime(["2020-02-01 00:00", "2020-02-01 12:00"]),
            0.5,
        ),
        (Identifier(name="x"), [1, 2, 3], [1, 2, 2, None], 0.25),
        (None, [None, None], [None, None], 1.0),
    ],
)
def test_share_of_valid_cells(column, real, synthetic, share):
    assert _valid(column, real, synthetic) == share


def test_a_wall_clock_is_a_wall_clock_in_any_zone():
    column = Datetime(name="x", bounds=("2020-01-01", "2020-01-01T12:00"))
    noon = pd.to_datetime(["2020-01-01 12:00"]).tz_localize("Asia/Tokyo")
    assert _valid(column, noon, noon) == 1


def test_dtypes_and_identifiers():
    real = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "id": [1, 2], "when": pd.to_datetime([TEXT, TEXT])})
    synthetic = real.assign(a=[1.0, 2.0], id=[5, 5], when=real["when"].astype("datetime64[s]"))
    schema = Schema(columns=[Identifier(name="id"), Categorical(name="b", dtype="object")])
    tables = prepare(real, real, synthetic, schema)
    found = {metric.name: metric.value for metric in validity_metrics(tables, check_columns(tables))}
    assert (found["dtypes"], found["unique_ids"], found["validity"]) == (0.75, 0, 0.75)
