"""Three small tables with every kind of column, hostile names among them, and an evaluation to go with them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabgan.evaluation.gate import Check, Decision
from tabgan.evaluation.result import (
    Calibration,
    CalibrationPoint,
    ColumnResult,
    Correlations,
    Distances,
    Evaluation,
    Interval,
    Metric,
    Pictures,
    Projection,
    Risk,
    RocCurve,
    SubgroupResult,
    UnshownCategory,
)
from tabgan.privacy.events import GAUSSIAN, GAUSSIAN_THRESHOLD, POISSON_GAUSSIAN, Release
from tabgan.privacy.filter import PrivacyStatement
from tabgan.report import ReportData, collect
from tabgan.report.figures.overlays import Bars, Counts, Histogram
from tabgan.report.figures.pairs import pair_pictures
from tabgan.report.findings import find
from tabgan.schema import Boolean, Categorical, Datetime, Identifier, Numeric, Schema

SECRET = "Zanzibar-4711"
HOSTILE = '<script>alert("1")</script>\'{{ 7*7 }}'
LONG = "x" * 10_000
RTL = "\u202eevil \u05e9\u05dc\u05d5\u05dd\u2069"
try:
    pd.Index(["\ud800"])
    SURROGATE = "\ud800"
except UnicodeEncodeError:  # pandas 3 has no such text
    SURROGATE = ""
ODD = f"line\nbreak\x00{SURROGATE} \U0001f600"

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
    metric("missing_rows", "coverage", 0.02, 0.001, direction="lower", format="percent"),
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
        Release("dpsgd", "discriminator's gradient", (), POISSON_GAUSSIAN, 1.0, sample_rate=0.1, steps=50),
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


def risk(value: float, half: float = 0.02) -> Risk:
    """Return a risk with an interval around it."""
    return Risk(value, Interval(value - half, value + half))


def full_metrics() -> tuple[Metric, ...]:
    """Return every figure that an evaluation can hold."""
    low = {"direction": "lower", "format": "percent"}
    valid = [
        metric(name, "validity", 1.0, format="percent")
        for name in (
            "validity",
            "types",
            "bounds",
            "precision",
            "categories",
            "missing_policy",
            "rules",
            "dtypes",
        )
    ]
    attacks = [
        metric(
            name,
            "attacks",
            0.3 + excess,
            0.3,
            baseline=0.25,
            risk=risk(excess),
            interval=Interval(0.2, 0.5),
            **low,
        )
        for name, excess in (
            ("singling_out", 0.01),
            ("linkability", 0.0),
            ("inference", 0.2),
            ("attribute_inference", -0.03),
        )
    ]
    return (
        metric("missing_rows", "coverage", 0.08, 0.001, **low),
        metric("lost_columns", "coverage", 0.0, 0.0, **low),
        *valid,
        metric("unique_ids", "validity", None, format="percent", reason="no column is an identifier"),
        metric("diagnostic", "validity", 1.0, format="percent"),
        metric("shapes", "fidelity", 0.95, 0.98),
        metric("trends", "fidelity", 0.9, 0.97),
        *(
            metric(f"tvd{k}", "fidelity", 0.05 * k, 0.02 * k, direction="lower", format="distance")
            for k in (1, 2, 3)
        ),
        metric("correlations", "fidelity", 0.04, 0.01, direction="lower", format="distance"),
        metric("rare_categories", "fidelity", 0.7, 0.9, format="percent"),
        metric("c2st", "fidelity", 0.63, 0.5, direction="lower"),
        metric("duplicates", "fidelity", 0.01, 0.01, **low),
        metric("tstr", "utility", 0.81, 0.9, interval=Interval(0.79, 0.83)),
        metric("trtr", "utility", 0.9, interval=Interval(0.88, 0.92)),
        metric("tstr_linear", "utility", 0.83, 0.85),
        metric("trtr_linear", "utility", 0.85),
        metric("tstr_subgroups", "utility", 0.7, 0.8),
        *attacks,
        metric(
            "membership_auc",
            "attacks",
            0.51,
            0.5,
            baseline=0.5,
            interval=Interval(0.48, 0.53),
            direction="lower",
        ),
        metric("membership_tpr_1", "attacks", 0.02, 0.01, interval=Interval(0.012, 0.03), **low),
        metric("membership_tpr_01", "attacks", 0.001, 0.001, interval=Interval(0.0, 0.004), **low),
        metric("dcr_share", "copies", 0.5, direction="none", format="percent", interval=Interval(0.48, 0.52)),
        metric("exact_copies", "copies", 0.0, 0.0, interval=Interval(0.0, 0.001), **low),
        metric("near_copies", "copies", 0.02, 0.01, interval=Interval(0.015, 0.03), **low),
        metric("audit_bound", "audit", 0.41, 0.6, direction="lower"),
    )


def full_pictures(names: tuple[str, ...], cells: int = 24) -> Pictures:
    """Return every picture, of made-up numbers."""
    rng = np.random.default_rng(5)
    n = len(names)
    real = np.clip(rng.normal(0, 0.4, (n, n)), -1, 1)
    real = np.triu(real) + np.triu(real, 1).T
    np.fill_diagonal(real, 1.0)
    synthetic = np.clip(real * 0.8 + rng.normal(0, 0.05, (n, n)), -1, 1)
    synthetic = np.triu(synthetic) + np.triu(synthetic, 1).T
    matrix = [
        tuple(None if i == 2 or j == 2 else float(v) for j, v in enumerate(row)) for i, row in enumerate(real)
    ]
    grid = np.linspace(-2, 2, cells)
    bell = np.exp(-(grid[:, None] ** 2) - (grid[None, :] - 0.6) ** 2 / 0.5)
    wide = np.exp(-(grid[:, None] ** 2) / 1.6 - (grid[None, :] - 0.3) ** 2 / 0.7)
    spread = np.exp(-((np.arange(20) - 6) ** 2) / 12)
    points = [(0.05 + 0.1 * k, 0.05 + 0.1 * k) for k in range(10)]
    rates = np.concatenate([[0.0], np.geomspace(1e-3, 1, 30)])
    return Pictures(
        Correlations(names, tuple(matrix), tuple(tuple(map(float, row)) for row in synthetic)),
        Calibration(
            HOSTILE,
            tuple(CalibrationPoint(x, min(1.0, 0.1 + 0.75 * y), 30) for x, y in points),
            tuple(CalibrationPoint(x, y, 30) for x, y in points),
        ),
        Projection(
            (0.41, 0.17),
            tuple(tuple(map(float, row)) for row in bell / bell.sum()),
            tuple(tuple(map(float, row)) for row in wide / wide.sum()),
        ),
        Distances(
            tuple(float(x) for x in np.linspace(0, 2, 21)),
            tuple(map(float, spread / spread.sum())),
            tuple(map(float, np.roll(spread, 1) / spread.sum())),
        ),
        RocCurve(tuple(map(float, rates)), tuple(map(float, np.minimum(1, rates**0.95)))),
    )


SUBGROUPS = (
    SubgroupResult(ODD, True, 40, 0.8, 0.85, 0.05, Interval(-0.02, 0.12)),
    SubgroupResult(HOSTILE, "<img src=x onerror=alert(1)>", 60, 0.6, 0.9, 0.3, Interval(0.2, 0.4)),
    SubgroupResult(ODD, False, 3, reason="fewer than 30 holdout rows"),
    SubgroupResult(HOSTILE, None, 70, 0.7, 0.9, 0.2, Interval(0.1, 0.3)),
)

UNSHOWN = (UnshownCategory(HOSTILE, LONG, 0.06), UnshownCategory(HOSTILE, RTL, 0.02))

DECISION = Decision(
    "failed",
    (
        Check("tstr", "TSTR", "at_least", 0.85, 0.81, False, "TSTR is 0.81; at least 0.85 was asked for."),
        Check("epsilon", "Epsilon", "at_most", 2.0, 1.0, True, "Epsilon is 1; at most 2 was allowed."),
    ),
)

PRIVATE_METRICS = PrivacyStatement(
    is_private=True,
    epsilon=0.5,
    delta=1e-7,
    epsilon_spent=0.5,
    delta_spent=0.0,
    entries=(Release("release", "number of right predictions", ("age",), GAUSSIAN, 4.0),),
)


def make_full(**changes: Any) -> ReportData:
    """Return the data of an internal report that holds all there can be."""
    base = make()
    columns = tuple(
        replace(
            c, giveaway=0.01 * i if c.tvd is not None else None, unshown=0.08 if c.name == HOSTILE else 0.0
        )
        for i, c in enumerate(base.evaluation.columns)
    )
    judged = replace(
        base.evaluation,
        metrics=full_metrics(),
        columns=columns,
        subgroups=SUBGROUPS,
        pictures=full_pictures(tuple(SCHEMA.names)),
        unshown=UNSHOWN,
    )
    cards = tuple(replace(card, result=result) for card, result in zip(base.columns, columns, strict=True))
    options = {
        "decision": DECISION,
        "private_metrics": PRIVATE_METRICS,
        "findings": find(judged, PRIVACY, private_metrics=PRIVATE_METRICS),
        "pairs": pair_pictures(judged.pictures.correlations, SCHEMA, table(300, 0), table(300, 2)),
    }
    return replace(base, evaluation=judged, columns=cards, **(options | changes))


def without_holdout(counts: Counts) -> Counts:
    """Return counts of which nobody held any out."""
    return replace(counts, holdout=0)


def released(overlay: Any) -> Any:
    """Return an overlay without held-out rows."""
    if isinstance(overlay, Histogram):
        return replace(
            overlay,
            bins=tuple(replace(one, counts=without_holdout(one.counts)) for one in overlay.bins),
            missing=without_holdout(overlay.missing),
            unreadable=without_holdout(overlay.unreadable),
        )
    if isinstance(overlay, Bars):
        return replace(
            overlay,
            bars=tuple(replace(bar, counts=without_holdout(bar.counts)) for bar in overlay.bars),
            others=without_holdout(overlay.others),
            outside=without_holdout(overlay.outside),
            missing=without_holdout(overlay.missing),
        )
    return overlay


def make_shareable(**changes: Any) -> ReportData:
    """Return the data of a shareable report, as if the counts of the tables had been released."""
    base = make()
    columns = tuple(replace(c, reference=None) for c in base.evaluation.columns)
    metrics = (
        metric(
            "missing_rows_released", "coverage", 0.0, direction="lower", format="percent", is_shareable=True
        ),
        metric("validity", "validity", 1.0, format="percent", is_shareable=True),
        metric("shapes", "fidelity", 0.93, is_shareable=True),
    )
    judged = replace(base.evaluation, metrics=metrics, columns=columns, n_holdout=0)
    cards = tuple(
        replace(card, result=result, overlay=released(card.overlay))
        for card, result in zip(base.columns, columns, strict=True)
    )
    options = {"edition": "shareable", "findings": find(judged, PRIVACY, is_internal=False)}
    return replace(base, evaluation=judged, columns=cards, **(options | changes))


@pytest.fixture(scope="session")
def data() -> ReportData:
    """Return the data of a private report."""
    return make()


@pytest.fixture(scope="session")
def full() -> ReportData:
    """Return the data of an internal report that holds all there can be."""
    return make_full()


@pytest.fixture(scope="session")
def shareable() -> ReportData:
    """Return the data of a shareable report."""
    return make_shareable()


@pytest.fixture(scope="session")
def zoo() -> SimpleNamespace:
    """Return what the tests build their own reports from."""
    return SimpleNamespace(
        make=make,
        make_full=make_full,
        make_shareable=make_shareable,
        full_pictures=full_pictures,
        full_metrics=full_metrics,
        subgroups=SUBGROUPS,
        unshown=UNSHOWN,
        private_metrics=PRIVATE_METRICS,
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
