"""Three small tables with every kind of column, hostile names among them, and an evaluation to go with them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabgan.evaluation.result import ColumnResult, Evaluation, Interval, Metric
from tabgan.privacy.events import GAUSSIAN, GAUSSIAN_THRESHOLD, POISSON_GAUSSIAN, Release
from tabgan.privacy.ledger import PrivacyStatement
from tabgan.report import ReportData, collect
from tabgan.schema import Boolean, Categorical, Datetime, Identifier, Numeric, Schema

SECRET = "Zanzibar-4711"
HOSTILE = '<script>alert("1")</script>\'{{ 7*7 }}'
LONG = "x" * 10_000
RTL = "\u202eevil \u05e9\u05dc\u05d5\u05dd\u2069"
ODD = "line\nbreak\x00\ud800 \U0001f600"

SCHEMA = Schema(
    columns=[
        Numeric(name="age", bounds=(18, 90), decimals=0),
        Numeric(name="income", bounds=(0, 100_000), decimals=2),
        Numeric(name="constant", bounds=(5, 5), decimals=0),
        Numeric(name="nothing", bounds=(0, 1), decimals=0),
        Categorical(name=HOSTILE, categories=("a & b", "<img src=x onerror=alert(1)>", "javascript:1", LONG)),
        Categorical(name=LONG, categories=(1, 2, 3), ordered=True),
        Categorical(name=RTL, categories=("", ODD, RTL)),
        Boolean(name=ODD),
        Datetime(name="day", bounds=("2020-01-01", "2020-12-31"), resolution="day"),
        Datetime(name="zoned", bounds=("2020-01-01T00:00:00", "2020-01-31T00:00:00"), resolution="second"),
        Datetime(name="text", bounds=("1999-01-01", "9999-12-31"), resolution="day", format="%d.%m.%Y"),
        Identifier(name="id", pattern="P{:06d}"),
    ],
    target="age",
)


def table(n: int, seed: int) -> pd.DataFrame:
    """Return ``n`` rows of the schema; the first has a category and numbers that it does not hold."""
    rng = np.random.default_rng(seed)
    days = pd.to_datetime("2020-01-01") + pd.to_timedelta(rng.integers(0, 366, n), unit="D")
    df = pd.DataFrame(
        {
            "age": pd.Series(rng.integers(18, 91, n), dtype="Int64"),
            "income": rng.gamma(2, 10_000, n).round(2),
            "constant": 5,
            "nothing": pd.Series([None] * n, dtype="Float64"),
            HOSTILE: pd.Series(rng.choice(list(SCHEMA[HOSTILE].categories), n)).astype(object),
            LONG: pd.Categorical(rng.integers(1, 4, n), categories=[1, 2, 3], ordered=True),
            RTL: rng.choice(np.array(SCHEMA[RTL].categories, dtype=object), n),
            ODD: pd.Series(rng.random(n) < 0.3, dtype="boolean"),
            "day": [day.date() for day in days],
            "zoned": (
                pd.to_datetime("2020-01-01") + pd.to_timedelta(rng.integers(0, 720, n), unit="h")
            ).tz_localize("Europe/Berlin"),
            "text": days.strftime("%d.%m.%Y"),
            "id": [f"P{i:06d}" for i in range(n)],
        }
    )
    df.loc[0, HOSTILE], df.loc[0, "income"], df.loc[0, "text"] = SECRET, 987_654.25, "31.12.9999"
    df.loc[1, ["age", HOSTILE, "day", "zoned", "text"]] = None
    return df


def metric(name: str, group: Any, value: float | None, reference: float | None = None, **more: Any) -> Metric:
    """Return a metric with words that can be looked for."""
    options = {"direction": "higher", "format": "score", "meaning": f"{name} means.", "good": f"{name} good."}
    return Metric(
        name=name, label=f"Label of {name}", group=group, value=value, reference=reference, **(options | more)
    )


METRICS = (
    metric("validity", "validity", 0.99999, format="percent"),
    metric("unique_ids", "validity", None, format="percent", reason="no column is an identifier"),
    metric("shapes", "fidelity", 0.95, 0.98),
    metric("tvd2", "fidelity", 0.21, 0.04, direction="lower", format="distance"),
    metric("tstr", "utility", 0.81, 0.9, interval=Interval(0.79, 0.83)),
    metric("trtr", "utility", 0.9, interval=Interval(0.88, 0.92)),
    metric("dcr_share", "copies", 0.5, direction="none", format="percent", interval=Interval(0.48, 0.52)),
)

PRIVACY = PrivacyStatement(
    is_private=True,
    epsilon=1.0,
    delta=1e-6,
    epsilon_spent=1.0,
    delta_spent=1e-7,
    entries=(
        Release("release", "1-way histogram", ("age",), GAUSSIAN, 2.0),
        Release("release", "1-way histogram", ("income",), GAUSSIAN, 2.0),
        Release("release", "categories", (HOSTILE,), GAUSSIAN_THRESHOLD, 1.0, 1e-7),
        Release("dpsgd", "gradients", (), POISSON_GAUSSIAN, 1.0, sample_rate=0.1, steps=50),
    ),
    assumptions=("The column names are public.",),
)

PLAIN = PrivacyStatement(is_private=False, epsilon=None, delta=None, epsilon_spent=None, delta_spent=0.0)


def evaluation(schema: Schema = SCHEMA, n: int = 300) -> Evaluation:
    """Return an evaluation whose columns get worse from first to last."""
    columns = tuple(
        ColumnResult(
            column.name,
            column.kind,
            None if column.kind == "identifier" else 0.02 * position,
            None if column.kind == "identifier" else 0.01,
            1.0,
            0.0,
            0.0,
        )
        for position, column in enumerate(schema)
    )
    return Evaluation(METRICS, columns, n, n // 2, n, schema.target, 0)


def make(privacy: PrivacyStatement = PRIVACY, **changes: Any) -> ReportData:
    """Return the data of a report."""
    judged = replace(evaluation(), **changes)
    options: dict[str, Any] = {"privacy": privacy, "schema": SCHEMA, "title": HOSTILE, "target": "age"}
    return collect(
        judged, table(300, 0), table(150, 1), table(300, 2), model={"steps": "100", "x": HOSTILE}, **options
    )


@pytest.fixture(scope="session")
def data() -> ReportData:
    """Return the data of a private report."""
    return make()


@pytest.fixture(scope="session")
def zoo() -> SimpleNamespace:
    """Return what the tests build their own reports from."""
    return SimpleNamespace(
        make=make,
        evaluation=evaluation,
        metric=metric,
        table=table,
        schema=SCHEMA,
        plain=PLAIN,
        privacy=PRIVACY,
        secret=SECRET,
        hostile=HOSTILE,
        long=LONG,
        odd=ODD,
        rtl=RTL,
    )
