"""Schemas, rules and tables at random: every sampled row keeps both, or an error says why before a charge."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tabgan import Schema, TabGAN
from tabgan.errors import ConfigError, DataError, SchemaError
from tabgan.evaluation.validity import schema_validity
from tabgan.model import loglinear
from tabgan.privacy.filter import PrivacyFilter
from tabgan.rules import FixedCombinations, keeps_rules

#: Errors of noise, which nobody can foresee before it is drawn.
OF_NOISE = ("too few rows", "the noise hides where")

N = 150


def column(rng: np.random.Generator, kind: str) -> pd.Series:
    """Return the cells of a kind, a few of them missing where the dtype has missing ones."""
    moments = pd.Series(pd.Timestamp("2021-03-01") + pd.to_timedelta(rng.integers(0, 9_000, N), unit="h"))
    whole = pd.Series(rng.integers(0, 9, N))
    cells = {
        "int": lambda: whole,
        "float": lambda: pd.Series(rng.normal(5, 2, N).round(1)),
        "Int64": lambda: whole.astype("Int64"),
        "decimal text": lambda: (whole / 4).map("{:.2f}".format).astype(object),
        "bool": lambda: whole > 4,
        "boolean": lambda: (whole > 4).astype("boolean"),
        "words": lambda: pd.Series(rng.choice(["Ulm", "Bonn", "Kiel"], N), dtype=object),
        "category": lambda: pd.Series(
            pd.Categorical(rng.choice(["lo", "mid", "hi"], N), ["lo", "mid", "hi"], ordered=True)
        ),
        "codes": lambda: pd.Series([f"Z{i:03d}" for i in rng.integers(0, 400, N)], dtype=object),
        "moment": lambda: moments,
        "zoned": lambda: moments.dt.tz_localize("UTC"),
        "date": lambda: pd.Series([each.date() for each in moments], dtype=object),
        "date text": lambda: moments.dt.strftime("%d.%m.%Y").astype(object),
        "duration": lambda: pd.Series(pd.to_timedelta(rng.integers(0, 90, N), unit="min")),
        "time": lambda: pd.Series([dt.time(int(h), 30) for h in rng.integers(0, 24, N)], dtype=object),
        "key": lambda: pd.Series(rng.integers(0, 60, N)),
        "place": lambda: pd.Series(rng.normal(47, 0.3, N).round(2)),
    }[kind]()
    can_miss = cells.dtype != bool and not (isinstance(cells.dtype, np.dtype) and cells.dtype.kind == "i")
    return cells.mask(rng.random(N) < 0.1) if can_miss and rng.random() < 0.4 else cells


#: Declarations of each kind of cells, ``None`` for none.
DECLARED: dict[str, list[dict[str, Any] | None]] = {
    "int": [
        None,
        {"kind": "numeric", "bounds": (0, 8)},
        {"kind": "categorical"},
        {"kind": "constant", "value": 3},
    ],
    "float": [
        None,
        {"kind": "numeric", "decimals": 1},
        {"kind": "numeric", "bounds": (2, 6), "multiple_of": 0.5},
    ],
    "Int64": [None, {"kind": "numeric"}, {"kind": "categorical", "categories": list(range(9))}],
    "decimal text": [
        None,
        {"kind": "numeric", "format": "1234.5", "decimals": 2},
        {"kind": "text", "pattern": "[0-2][.]00"},
    ],
    "bool": [None, {"kind": "boolean"}],
    "boolean": [None, {"kind": "boolean"}],
    "words": [
        None,
        {"kind": "categorical"},
        {"kind": "categorical", "categories": ["Ulm", "Bonn"]},
        {"kind": "categorical", "categories": ["Ulm"], "unreleased": {"pattern": "[A-C]x"}},
        {"kind": "text"},
        {"kind": "pii", "provider": "first_name"},
    ],
    "category": [None, {"kind": "categorical", "categories": ["lo", "mid", "hi"], "ordered": True}],
    "codes": [
        None,
        {"kind": "text", "pattern": "Z[0-9]{3}", "unique": True},
        {"kind": "text"},
        {"kind": "text", "placeholder": "-"},
    ],
    "moment": [None, {"kind": "datetime", "bounds": ("2021-03-01", "2022-04-01"), "resolution": "second"}],
    "zoned": [None, {"kind": "datetime"}],
    "date": [None, {"kind": "datetime", "objects": "date"}],
    "date text": [None, {"kind": "datetime", "format": "%d.%m.%Y"}],
    "duration": [None, {"kind": "duration", "bounds": ("0 min", "2 hours"), "resolution": "minute"}],
    "time": [None, {"kind": "time"}, {"kind": "time", "bounds": ("06:00", "20:00"), "resolution": "minute"}],
    "key": [
        {"kind": "identifier"},
        {"kind": "identifier", "recurrence": True},
        {"kind": "identifier", "pattern": "K[0-9]{4}"},
    ],
    "place": [None, {"kind": "numeric", "bounds": (45, 49)}],
}

FORMULAS = (
    "{} + {}",
    "{} - {}",
    "{} * 2 + {}",
    "{} / {}",
    "year({})",
    "date({}) - {}",
    "{} * {} - 3",
    "month({})",
)


@st.composite
def tables(
    draw: st.DrawFn,
) -> tuple[list[tuple[str, dict[str, Any] | None]], list[dict[str, Any]], dict[str, Any]]:
    """Draw the kinds of a table's columns with their declarations, rules of all kinds, and keys of its schema."""
    kinds = draw(st.lists(st.sampled_from(sorted(DECLARED)), min_size=3, max_size=7))
    columns = [(kind, draw(st.sampled_from(DECLARED[kind]))) for kind in kinds]
    names = [f"c{i}" for i in range(len(columns))]
    name = st.sampled_from(names)
    constants = st.sampled_from([0, 4, 2.5, "2021-06-01", "09:30", "30 min"])
    few = st.lists(name, min_size=2, max_size=3, unique=True)
    rule = st.one_of(
        st.fixed_dictionaries({"low": name, "high": st.one_of(name, constants), "is_strict": st.booleans()}),
        st.fixed_dictionaries({"low": constants, "high": name}),
        few.map(lambda found: {"columns": found}),
        st.builds(
            lambda at, form, a, b: {"column": at, "equals": form.format(a, b)},
            name,
            st.sampled_from(FORMULAS),
            name,
            name,
        ),
        few.map(lambda found: {"one_of": found}),
        st.builds(
            lambda at, when, value: {"missing": at, "when": {when: value}},
            name,
            name,
            st.sampled_from([True, 3, "Ulm", None]),
        ),
        few.map(lambda found: {"unique": found}),
    )
    owners = [n for n, kind in zip(names, kinds, strict=True) if kind == "key"]
    if owners:
        several = st.lists(name, min_size=1, max_size=3, unique=True)
        rule = st.one_of(rule, several.map(lambda found: {"same": found, "within": owners[0]}))
    places = [n for n, kind in zip(names, kinds, strict=True) if kind == "place"]
    keys: dict[str, Any] = {}
    if len(places) > 1 and draw(st.booleans()):
        keys["geo"] = [places[:2]]
    if draw(st.booleans()):
        keys["target"] = draw(name)
    if owners and draw(st.booleans()):
        keys |= {"entity": owners[0], "max_rows": 3}
    return columns, draw(st.lists(rule, max_size=4)), keys


@pytest.fixture(scope="module")
def few_rows():
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"POOL": 1_024, "MIN_POOL": 512, "FRESH": 512, "ITERATIONS": 10}.items():
            patch.setattr(loglinear, name, value)
        patch.setattr("tabgan.drawing.rows.LEAST_DRAWN", 1_000)
        patch.setattr("tabgan.drawing.rows.BATCH_SIZE", 500)
        yield


def check(drawn: Any, seed: int, epsilon: float | None) -> str:
    """Fit and sample a drawn table, and return the step that ended it."""
    columns, rules, keys = drawn
    rng = np.random.default_rng(seed)
    df = pd.DataFrame({f"c{i}": column(rng, kind) for i, (kind, _) in enumerate(columns)})
    charges: list[object] = []
    charge = PrivacyFilter.charge
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            PrivacyFilter, "charge", lambda *args, **kw: (charges.append(1), charge(*args, **kw))[1]
        )
        try:
            declared = [{"name": f"c{i}", **given} for i, (_, given) in enumerate(columns) if given]
            schema = Schema(declared, rules=rules, **keys)
            model = TabGAN(epsilon, schema=schema, random_state=0, adversary_share=0.0).fit(df)
        except (SchemaError, ConfigError):
            assert not charges
            return "refused"
        except DataError as error:
            if charges and not any(said in str(error) for said in OF_NOISE):
                raise
            return "too noisy" if charges else "refused"
    try:
        sample = model.sample(40)
    except DataError as error:
        if any(
            said in str(error)
            for said in ("drawn rows keep the rules", "drawn rows keeps the rules", "has only")
        ):
            return "out of reach"
        raise
    assert list(sample) == list(df)
    for name in df:  # of text, a vote finds the kind, and of `category` the categories
        is_found = str(df[name].dtype) in ("object", "str", "category")
        assert is_found or sample[name].dtype == df[name].dtype, name
    _, shares = schema_validity(sample, model.schema_, [])
    assert all(share == 1.0 for share in shares.values()), shares
    # Told: no value of a column was released, or noise hides the pairs that a rule is about.
    lost = {
        loss.column
        for loss in model.losses_
        if loss.kind == "unseen" or loss.remedy.startswith("the combinations of ")
    }
    for rule in model.schema_.rules:
        if isinstance(rule, FixedCombinations) and lost & set(rule.columns):
            continue
        assert keeps_rules([rule], model.schema_.columns, sample, [df]).all(), rule
    return "kept"


@pytest.mark.usefixtures("few_rows")
@pytest.mark.parametrize("kinds", [("category", "zoned"), ("words", "moment")])
def test_noise_that_hides_which_moments_go_with_a_word_is_told(kinds):
    """Hours of which nearly all occur once have no pair that may be released."""
    for seed in range(2):
        assert (
            check(([(kind, None) for kind in kinds], [{"columns": ["c0", "c1"]}], {}), seed, 50.0) == "kept"
        )
    few = [("category", None), ("int", None)]
    assert check((few, [{"columns": ["c0", "c1"]}], {}), 0, 50.0) == "kept"


@pytest.mark.slow
@pytest.mark.usefixtures("few_rows")
@hypothesis_settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=tables(), seed=st.integers(0, 99), epsilon=st.sampled_from([None, 50.0]))
def test_whatever_is_drawn_rows_keep_it_or_it_is_refused_before_a_charge(drawn, seed, epsilon):
    check(drawn, seed, epsilon)
