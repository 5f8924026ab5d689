"""Declared rules from outside: every sampled row keeps them, or an error says why before anything is charged."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tabgan import TabGAN
from tabgan.errors import ConfigError, DataError, SchemaError
from tabgan.privacy.doors.broken import BROKEN
from tabgan.privacy.filter import PrivacyFilter
from tabgan.rules import (
    FixedCombinations,
    Formula,
    Inequality,
    Missing,
    Near,
    OneOf,
    Rule,
    Unique,
    keeps_rules,
)
from tabgan.rules.formula import InBounds
from tabgan.schema import Categorical, Datetime, Identifier, Numeric, Schema
from tabgan.table.conditions import conditions_of
from tabgan.table.draft import draft_schema

RULES = (
    Inequality("low", "high"),
    Inequality("start", "end", is_strict=True),
    Inequality("start", "2024-01-01"),
    Formula("total", "low * 2 + high"),
    Formula("year", "year(start)"),
    Formula("day", "date(start)"),
    FixedCombinations(("state", "city")),
    FixedCombinations(("plan", "price"), (("basic", 10), ("pro", 20), (None, None))),
    OneOf(("red", "green", "blue")),
    Missing("spouse_age", {"married": False}),
)

SCHEMA = Schema([Datetime(name="day"), Categorical(name="state"), Categorical(name="plan")], rules=RULES)

CITIES = [("BY", "Ulm"), ("BY", "Augsburg"), ("NW", "Bonn"), ("SH", None)]


def table(n: int, seed: int = 0) -> pd.DataFrame:
    """Return rows that keep the rules."""
    rng = np.random.default_rng(seed)
    low = rng.poisson(4, n)
    start = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 1_000 * 86_400, n), unit="s")
    which, plan = rng.integers(0, 4, n), rng.integers(0, 3, n)
    married = rng.random(n) < 0.5
    colour = rng.integers(0, 3, n)
    df = pd.DataFrame({"low": low, "high": low + rng.poisson(2, n)})
    df["total"] = df.low * 2 + df.high
    df["start"] = start
    df["day"] = pd.Series([moment.date() for moment in start], dtype=object)
    df["year"] = start.year.astype("int16")
    df["end"] = start + pd.to_timedelta(rng.integers(1, 9 * 86_400, n), unit="s")
    df["city"] = pd.Series([CITIES[i][1] for i in which], dtype=object)
    df["married"] = married
    df["state"] = pd.Categorical([CITIES[i][0] for i in which], categories=["BY", "NW", "SH"])
    df["spouse_age"] = pd.Series(rng.integers(20, 80, n), dtype="Int64").mask(
        ~married | (rng.random(n) < 0.2)
    )
    df["plan"] = pd.Series([("basic", "pro", None)[i] for i in plan], dtype=object)
    df["price"] = np.array([10.0, 20.0, np.nan])[plan]
    for i, name in enumerate(("red", "green", "blue")):
        df[name] = (colour == i) if name == "red" else (colour == i).astype("int8")
    return df


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_parts_of_whole_numbers_are_computed_as_the_table_has_them(few_rows, dtype):
    df = pd.MultiIndex.from_product([range(2000, 2010), range(1, 13)], names=["year", "month"]).to_frame(
        index=False
    )
    df["date"] = (df["year"] + (df["month"] - 1) / 12).astype(dtype)
    schema = Schema(rules=[Formula("date", "year + (month - 1) / 12")])
    model = TabGAN(epsilon=None, schema=schema, random_state=0).fit(df)
    sample = model.sample(400, random_state=1)
    assert set(sample["date"]) <= set(df["date"])
    assert sample["date"].dtype == dtype
    assert model.schema_["date"].multiple_of == 1 / 12


@pytest.fixture(scope="module")
def model(few_rows) -> TabGAN:
    return TabGAN(epsilon=None, schema=SCHEMA, random_state=0).fit(table(600))


@pytest.fixture(scope="module")
def private(few_rows) -> TabGAN:
    return TabGAN(
        epsilon=30.0, schema=SCHEMA.with_targets(["married"]), random_state=0, adversary_share=0.0
    ).fit(table(900))


def all_kept(model: TabGAN, sample: pd.DataFrame, rules=RULES) -> bool:
    return bool(keeps_rules(rules, model.schema_.columns, sample, [table(600)]).all())


class TestSamples:
    def test_every_row_keeps_every_rule(self, model):
        sample = model.sample(1_000)
        for rule in RULES:
            assert all_kept(model, sample, [rule]), rule

    def test_dtypes_order_and_missing_markers_are_the_tables(self, model):
        df, sample = table(600), model.sample(500)
        assert sample.dtypes.to_dict() == df.dtypes.to_dict()
        assert list(sample) == list(df)
        assert isinstance(sample.day[0], dt.date)
        assert not isinstance(sample.day[0], dt.datetime)
        assert set(sample.city.unique()) == {"Ulm", "Augsburg", "Bonn", None}
        assert sample.spouse_age.isna().mean() == pytest.approx(df.spouse_age.isna().mean(), abs=0.1)
        assert sample.state.dtype == df.state.dtype

    @pytest.mark.family
    def test_batches_and_no_rows(self, model):
        batches = list(model.sample_batches(700, 300))
        assert [len(batch) for batch in batches] == [300, 300, 100]
        assert all_kept(model, pd.concat(batches, ignore_index=True))
        assert model.sample(0).dtypes.to_dict() == table(5).dtypes.to_dict()

    def test_a_private_fit_spends_nothing_on_what_follows(self, private):
        charged = {name for entry in private.privacy_.entries for name in entry.columns}
        assert charged == {
            *("low", "high", "start", "end", "married", "spouse_age"),
            *("state & city", "plan & price", "red & green & blue"),
            *(name for name in charged if name.startswith(("start (", "end ("))),
        }
        assert private.privacy_.epsilon_spent <= 30.0
        assert all_kept(private, private.sample(1_000))

    @pytest.mark.slow
    def test_a_hundred_thousand_rows(self, model):
        assert all_kept(model, model.sample(100_000))

    @pytest.mark.family
    def test_a_file_keeps_it_all(self, model, tmp_path):
        model.save(tmp_path / "model")
        loaded = TabGAN.load(tmp_path / "model")
        assert loaded.schema_ == model.schema_
        pd.testing.assert_frame_equal(loaded.sample(200), model.sample(200))


class TestTheSchema:
    def test_is_of_the_tables_own_columns(self, model):
        assert model.schema_.names == list(table(5))
        assert model.schema_.rules == RULES
        assert set(model.schema_["city"].listed) == {"Ulm", "Augsburg", "Bonn"}
        assert model.schema_["state"].listed == ("BY", "NW", "SH")
        assert model.schema_["total"].bounds == tuple(
            2 * a + b for a, b in zip(model.schema_["low"].bounds, model.schema_["high"].bounds, strict=True)
        )
        assert model.schema_["year"].bounds == (2020.0, 2022.0)
        assert model.schema_["price"].bounds == (10.0, 20.0)

    def test_a_loss_is_told_of_each_member(self, few_rows):
        df = pd.DataFrame(
            {"a": [str(i) for i in range(200)], "b": [str(i) for i in range(200)], "c": [0, 1] * 100}
        )
        fitted = TabGAN(20.0, schema=Schema(rules=[FixedCombinations(("a", "b"))]), random_state=0).fit(df)
        assert {loss.column for loss in fitted.losses_} >= {"a", "b"}
        assert (fitted.sample(5)[["a", "b"]] == "other (not released)").all(axis=None)


class TestConditions:
    @pytest.mark.family(keep=2)
    @pytest.mark.parametrize(
        "conditions",
        [
            {"city": "Ulm"},
            {"city": None},
            {"total": 12},
            {"red": True, "state": "NW"},
            {"low": 3},
            {"high": 5, "married": False},
            {"price": 20.0},
            {"year": 2021},
        ],
    )
    def test_are_met_beside_the_rules(self, model, conditions):
        sample = model.sample(40, conditions=conditions)
        assert len(sample) == 40
        assert all_kept(model, sample)
        for name, value in conditions.items():
            assert sample[name].isna().all() if value is None else (sample[name] == value).all()

    def test_one_outside_of_the_domain_is_refused(self, model):
        with pytest.raises(
            DataError, match="'city': the value asked for is not in the column's released domain"
        ):
            model.sample(5, conditions={"city": "Kiel"})

    @pytest.mark.family
    def test_one_that_breaks_a_rule_ends_with_the_yield(self, model, monkeypatch):
        monkeypatch.setattr("tabgan.drawing.rows.LEAST_DRAWN", 1_000)
        monkeypatch.setattr("tabgan.drawing.rows.BATCH_SIZE", 500)
        monkeypatch.setattr("tabgan.model.sampling.AMPLE", 2**12)
        with pytest.raises(DataError, match=r"sample: 0 of [0-9,]+ drawn rows keep the rules and conditions"):
            model.sample(5, conditions={"total": 0, "high": 3})
        with pytest.raises(DataError, match="practically never occurs"):
            model.sample(5, conditions={"married": False, "spouse_age": 30})


class TestUniqueness:
    @pytest.fixture
    def model(self, few_rows) -> TabGAN:
        df = pd.DataFrame({"x": np.arange(300) % 60, "y": ["a", "b", None] * 100, "key": range(300)})
        schema = Schema([Identifier(name="key")], rules=[Unique(("x", "y")), Unique(("key",))])
        return TabGAN(epsilon=None, schema=schema, random_state=0).fit(df)

    def test_holds_across_batches(self, model):
        sample = pd.concat(list(model.sample_batches(110, 20)), ignore_index=True)
        whole = sample[sample.y.notna()]
        assert not whole.duplicated(["x", "y"]).any()
        assert sample.key.is_unique

    def test_holds_across_parts_with_shares(self, model):
        sample = model.sample(100, proportions={"y": {"a": 0.4, "b": 0.4}}, random_state=0)
        assert (sample.y == "a").sum() == 40
        assert not sample[sample.y.notna()].duplicated(["x", "y"]).any()

    def test_holds_among_completed_rows(self, model):
        """Of 15 rows with the same letter, first draws meet in one of its 20 numbers."""
        whole = model.complete(pd.DataFrame({"y": ["a"] * 15}), random_state=0)
        assert whole.y.eq("a").all()
        assert whole.x.is_unique

    @pytest.mark.family
    def test_holds_across_files_and_a_resumed_sample_is_the_same(self, model, monkeypatch, tmp_path):
        monkeypatch.setattr("tabgan.drawing.stream.CHUNK", 40)
        wanted = {"rows_per_file": 25, "format": "csv", "random_state": 3}
        manifest = model.sample_to(tmp_path / "out", 110, **wanted)
        parts = sorted((tmp_path / "out").glob("part*.csv"))
        sample = pd.concat(map(pd.read_csv, parts), ignore_index=True)
        assert len(sample) == 110
        assert not sample[sample.y.notna()].duplicated(["x", "y"]).any()
        parts[1].unlink()
        parts[3].unlink()
        assert model.sample_to(tmp_path / "out", 110, **wanted).files == manifest.files
        model.sample_to(tmp_path / "one.csv", 110, random_state=3)
        pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "one.csv"), sample)
        with pytest.raises(ConfigError, match="workers: expected 1"):
            model.sample_to(tmp_path / "other", 110, workers=2)

    def test_ends_with_the_yield_when_there_are_no_more(self, model, monkeypatch):
        monkeypatch.setattr("tabgan.drawing.rows.LEAST_DRAWN", 1_000)
        monkeypatch.setattr("tabgan.drawing.rows.BATCH_SIZE", 500)
        monkeypatch.setattr("tabgan.drawing.rows.MOST_DRAWN", 1)
        with pytest.raises(DataError, match=r"drawn rows keep the rules .* and 100,000 are asked for"):
            model.sample(100_000)


@pytest.mark.slow
def test_both_editions_of_a_report_judge_declared_rules(private, few_steps, few_trees):
    report = private.evaluate(
        table(300, 1), table(300, 2), synthetic=private.sample(300), private_metrics_epsilon=1.0
    )
    internal, shareable = report.data.evaluation, report.shareable.data.evaluation
    assert internal["rules"].value == shareable["rules"].value == 1.0
    assert "state" in {column.name for column in shareable.columns}
    assert report.shareable.data.columns
    merged = {column.name: column for column in shareable.columns}
    assert merged["city"].tvd == merged["state"].tvd is not None
    assert merged["city"].missing_real == pytest.approx(0.25, abs=0.08)
    assert merged["state"].missing_real == 0


BAD = (
    (table(60).drop(columns="year"), SCHEMA, r"rules\[4\]\.column: no column 'year'"),
    (table(60).assign(day="2020-01-01"), Schema(rules=RULES), r"rules\[5\]: column 'day' has dtype"),
    (table(60), Schema([Numeric(name="total", bounds=(-9, -5))], rules=RULES[3:4]), None),
    (
        table(60).assign(spouse_age=1),
        Schema(rules=RULES[9:]),
        r"spouse_age' has dtype int64, and cannot be missing",
    ),
    (table(60), Schema(rules=[Inequality("low", "city")]), r"rules\[0\]: column 'city' has dtype"),
    (table(60), Schema(rules=[OneOf(("red", "low", "plan"))]), r"rules\[0\]: column 'plan' has dtype"),
    (
        table(60),
        Schema(rules=[Formula("total", "low + nothing")]),
        r"rules\[0\]\.equals: no column 'nothing'",
    ),
    (
        table(60).assign(key="a"),
        Schema(entity="key", max_rows=2, rules=[Unique(("key", "x"))]),
        r"no column|'x'",
    ),
)


@pytest.mark.parametrize(("df", "schema", "message"), BAD)
def test_a_table_that_cannot_keep_them_is_refused_before_a_charge(df, schema, message, monkeypatch):
    charged = []
    monkeypatch.setattr(PrivacyFilter, "charge", lambda self, *releases, call="": charged.append(releases))
    if message is not None:
        with pytest.raises(SchemaError, match=message):
            TabGAN(1.0, schema=schema).fit(df)
    assert not charged


def test_a_target_that_is_computed_is_refused():
    with pytest.raises(ConfigError, match=r"'total' is a target"):
        TabGAN(1.0, schema=SCHEMA.with_targets(["total"])).check_params()


@pytest.mark.family
def test_rows_that_break_a_rule_change_nothing_but_counts(few_rows):
    """The privacy trap: no error, no warning and no other rule because real rows break one."""
    df = table(300).drop(columns=["start", "end", "day", "year", "plan", "price"])
    rules = [rule for rule in RULES if set(rule.sides.values()) <= set(df)]
    df.loc[:50, "high"] = 0
    df.loc[60:90, "city"] = "Kiel"
    df.loc[70:80, ["red", "green"]] = True, 1
    df.loc[90:95, "married"] = False
    df["total"] = 7
    fitted = TabGAN(
        epsilon=None, schema=Schema([Categorical(name="state")], rules=rules), random_state=0
    ).fit(df)
    assert len(rules) == 5
    assert all_kept(fitted, fitted.sample(300), [rule for rule in rules if not rule.needs_rows])


@pytest.mark.parametrize("epsilon", [None, 20.0])
def test_declared_bounds_of_a_computed_column_hold_beside_its_formula(few_rows, epsilon, tmp_path):
    """Its formula leaves them in rows that a model draws: these are drawn again."""
    rng = np.random.default_rng(0)
    df = pd.DataFrame(rng.integers(0, 100, (1_500, 2)), columns=list("ab"))
    df = df.assign(t=df["a"] + df["b"], y=rng.choice(list("uv"), 1_500))
    schema = Schema([Numeric(name="t", bounds=(0, 120))], rules=[Formula("t", "a + b")])
    model = TabGAN(epsilon, schema=schema, random_state=0).fit(df[df["t"] <= 120].reset_index(drop=True))
    model.save(tmp_path / "m")
    samples = [
        model.sample(2_000, random_state=1),
        TabGAN.load(tmp_path / "m").sample(500, random_state=1),
        model.sample(300, conditions={"y": "u"}, random_state=1),
        model.complete(pd.DataFrame({"a": [90] * 200}), random_state=1),
        model.complete(pd.DataFrame({"t": [120] * 50, "a": 60}), random_state=1),
    ]
    for sample in samples:
        assert (sample["t"] == sample["a"] + sample["b"]).all()
        assert sample["t"].between(0, 120).all()
    with pytest.raises(DataError, match="for 1 of 1 rows, none of"):
        model.complete(pd.DataFrame({"a": [90], "b": [91]}))
    free = TabGAN(epsilon, schema=Schema(rules=[Formula("t", "a + b")]), random_state=0).fit(df)
    assert not InBounds.of(free.schema_.rules, {column.name: column for column in free.schema_})


# Schemas, rules and tables at random.

NAMES = ("a", "b", "c", "d", "e")


@st.composite
def drawn_rules(draw) -> list[Rule]:
    """Draw a few rules over numbers a, b, c, words d and truth e, some of which contradict each other."""
    number, any_ = st.sampled_from(NAMES[:3]), st.sampled_from(NAMES)
    kinds = st.one_of(
        st.builds(Inequality, number, st.one_of(number, st.integers(0, 12)), st.booleans()),
        st.builds(Formula, number, st.sampled_from(["a + b", "b - c", "a * 2", "b / c", "c * a"])),
        st.builds(
            lambda pair: FixedCombinations(tuple(pair)), st.lists(any_, min_size=2, max_size=3, unique=True)
        ),
        st.builds(Missing, any_, st.fixed_dictionaries({"e": st.booleans()})),
        st.builds(lambda pair: Near(*pair), st.permutations(NAMES[:3]).map(lambda names: names[:2])),
        st.just(Unique(("a", "b", "c"))),
        st.just(OneOf(("e", "f"))),
    )
    rules = []
    for _ in range(draw(st.integers(1, 4))):
        try:
            rules.append(draw(kinds))
        except ConfigError:
            continue
    return rules


@pytest.mark.family
@pytest.mark.usefixtures("few_rows")
@hypothesis_settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(rules=drawn_rules(), seed=st.integers(0, 99), epsilon=st.sampled_from([None, 50.0]))
def test_whatever_is_drawn_rows_keep_it_or_it_is_refused_before_a_charge(rules, seed, epsilon):
    rng = np.random.default_rng(seed)
    df = pd.DataFrame({name: rng.integers(0, 9, 200) for name in "abc"})
    df["c"] = df["c"].astype("Int64").mask(rng.random(200) < 0.2)
    df["d"] = rng.choice(["Ulm", "Bonn", "Kiel"], 200)
    df["e"] = rng.random(200) < 0.5
    df["f"] = ~df["e"]
    charges: list[object] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tabgan.drawing.rows.LEAST_DRAWN", 1_000)
        patch.setattr("tabgan.drawing.rows.BATCH_SIZE", 500)
        charge = PrivacyFilter.charge
        patch.setattr(
            PrivacyFilter, "charge", lambda *args, **kw: (charges.append(1), charge(*args, **kw))[1]
        )
        try:
            model = TabGAN(epsilon, schema=Schema(rules=rules), random_state=0, adversary_share=0.0).fit(df)
        except (SchemaError, ConfigError):
            assert not charges
            return
        try:
            sample = model.sample(60)
        except DataError as error:
            if "drawn rows keep the rules" in str(error):
                return
            raise
    assert sample.dtypes.to_dict() == df.dtypes.to_dict()
    assert all(keeps_rules([rule], model.schema_.columns, sample, [df]).all() for rule in rules)


MAP = Schema(
    [Numeric(name="lat", bounds=(46, 48)), Numeric(name="lon", bounds=(6, 10))], geo=[["lat", "lon"]]
)


def towns(n: int, seed: int = 0) -> pd.DataFrame:
    """Return places in four towns, a tenth of them missing, and the town."""
    rng = np.random.default_rng(seed)
    town = rng.integers(0, 4, n)
    places = np.array([[46.1, 6.5], [46.5, 9.5], [47.5, 8.0], [47.9, 6.2]])[town]
    places = (places + rng.normal(0, 0.02, (n, 2))).round(3)
    df = pd.DataFrame(places, columns=["lat", "lon"])
    df[rng.random(n) < 0.1] = np.nan
    return df.assign(town=np.array(list("abcd"))[town])[["town", "lon", "lat"]]


@pytest.fixture(scope="module")
def places(few_rows) -> TabGAN:
    return TabGAN(epsilon=None, schema=MAP, random_state=0).fit(towns(2_000))


class TestPlaces:
    """Latitude and longitude as one."""

    def test_points_lie_in_towns_and_go_with_other_columns(self, places):
        df, sample = towns(2_000), places.sample(2_000)
        assert sample.dtypes.to_dict() == df.dtypes.to_dict()
        assert list(sample) == list(df)
        assert (sample.lat.isna() == sample.lon.isna()).all()
        assert sample.lat.isna().mean() == pytest.approx(0.1, abs=0.03)
        means = df.groupby("town")[["lat", "lon"]].mean()
        far = (sample[["lat", "lon"]].to_numpy() - means.loc[sample.town].to_numpy()).__abs__().max(axis=1)
        assert (far[~np.isnan(far)] < 0.1).mean() > 0.9
        assert (sample.lat.dropna().round(3) == sample.lat.dropna()).all()
        assert places.schema_["lat"].decimals == 3
        assert places.schema_["lat"].bounds[0] > 46.0

    @pytest.mark.family(keep=2)
    @pytest.mark.parametrize(
        "conditions",
        [
            {"lat": {"min": 47.45, "max": 47.55}},
            {"lat": {"min": 47}, "lon": {"max": 6.3}},
            {"lon": 9.512},
            {"lat": [46.101, None]},
            {"lat": {"missing": False}, "town": "c"},
            {"lon": None},
        ],
    )
    def test_conditions_on_one_of_both_or_both_are_met(self, places, conditions):
        sample = places.sample(300, conditions=conditions)
        assert len(sample) == 300
        for name, wish in conditions_of(conditions, list(sample)).items():
            assert wish.keeps(sample[name], places.schema_[name]).all()

    @pytest.mark.family
    def test_conditional_frequencies_are_those_of_a_large_sample(self, places):
        sample = places.sample(4_000, conditions={"lat": {"min": 47.0}})
        whole = places.sample(20_000, random_state=1)
        expected = whole[whole.lat >= 47].town.value_counts(normalize=True)
        found = sample.town.value_counts(normalize=True)
        assert found.reindex(expected.index).to_numpy() == pytest.approx(expected.to_numpy(), abs=0.04)
        assert sample.lon.mean() == pytest.approx(whole[whole.lat >= 47].lon.mean(), abs=0.1)

    def test_a_value_that_no_place_has_is_an_error(self, places):
        with pytest.raises(DataError, match="'lat'.*not in the column's released domain"):
            places.sample(5, conditions={"lat": 46.1012345})

    def test_a_file_keeps_it_all(self, places, tmp_path):
        places.save(tmp_path / "model")
        loaded = TabGAN.load(tmp_path / "model")
        assert loaded.schema_ == places.schema_
        pd.testing.assert_frame_equal(loaded.sample(50), places.sample(50))

    @pytest.mark.slow
    def test_both_editions_of_a_report_show_both_columns(self, few_rows, few_steps, few_trees, tmp_path):
        model = TabGAN(epsilon=20.0, schema=MAP, random_state=0).fit(towns(2_000))
        report = model.evaluate(towns(2_000), towns(800, 1), private_metrics_epsilon=5.0)
        for edition in (report, report.shareable):
            found = {column.name: column for column in edition.data.evaluation.columns}
            assert list(found) == ["town", "lon", "lat"]
            for name in ("lon", "lat"):
                assert found[name].missing_real == pytest.approx(0.1, abs=0.03)
                assert found[name].missing_synthetic == pytest.approx(0.1, abs=0.03)
                assert found[name].tvd is not None
                assert found[name].valid > 0.9
            edition.to_html(tmp_path / "report.html")
            edition.to_json(tmp_path / "report.json")
            assert "Histogram of \u2068lat\u2069" in (tmp_path / "report.html").read_text(encoding="utf-8")

    def test_a_private_fit_charges_one_column_and_says_so(self, few_rows):
        model = TabGAN(epsilon=20.0, schema=Schema(geo=["lat", "lon"]), random_state=0).fit(towns(2_000))
        charged = {name for entry in model.privacy_.entries for name in entry.columns}
        assert charged == {"town", "lat & lon"}
        sample, df = model.sample(2_000), towns(2_000)
        assert sample.lat.between(45.5, 48.5).mean() + sample.lat.isna().mean() == pytest.approx(1, abs=0.01)
        medians = [each.groupby("town").lat.median()[list("abcd")].to_numpy() for each in (sample, df)]
        assert medians[0] == pytest.approx(medians[1], abs=0.15)  # noise may list a word as a fifth town
        values = model.marginals().query("column_1 == 'lat & lon' and column_2.isna()").value_1.dropna()
        assert values.str.contains(" to ").any()


class TestCompletions:
    """Whole rows around given cells, under rules."""

    @pytest.fixture(autouse=True)
    def few_candidates(self, monkeypatch):
        monkeypatch.setattr("tabgan.model.sampling.EACH_IN_ALL", 2**10)
        monkeypatch.setattr("tabgan.model.sampling.LEAST_EACH", 8)

    @pytest.mark.family
    def test_cells_of_merged_and_computed_columns_may_be_given(self, model):
        rows = pd.DataFrame(
            {
                "state": ["BY", "BY", None, "NW"] * 20,
                "city": [None, "Ulm", "Bonn", None] * 20,
                "plan": ["basic", None, "pro", None] * 20,
                "year": pd.Series([2021, None, None, None] * 20, dtype="Int64"),
                "green": [None, 1, None, None] * 20,
            },
            index=[f"r{i}" for i in range(80)],
        )
        whole = model.complete(rows, random_state=0)
        assert whole.index.equals(rows.index)
        assert all_kept(model, whole.reset_index(drop=True))
        for name in rows:
            given = rows[name].notna()
            assert (whole.loc[given, name].astype(object) == rows.loc[given, name].astype(object)).all()
        assert set(whole.city[whole.state == "BY"]) == {"Ulm", "Augsburg"}
        assert (whole.price[rows.plan == "basic"] == 10).all()
        assert (whole.start.dt.year[rows.year.notna()] == 2021).all()

    @pytest.mark.family
    def test_given_parts_draw_the_others_as_a_large_sample_has_them(self, model):
        whole = model.complete(pd.DataFrame({"state": ["BY"] * 400}), random_state=0)
        free = model.sample(2_000, random_state=1)
        for name in ("city", "married", "low"):
            found = whole[name].value_counts(normalize=True)
            expected = free[free.state == "BY"][name].value_counts(normalize=True)
            assert (found - expected).fillna(0).abs().max() < 0.11

    @pytest.mark.family
    def test_rows_that_break_a_rule_are_drawn_anew(self, model):
        rows = pd.DataFrame({"low": [4] * 9, "spouse_age": [50] * 9, "total": [14] * 9})
        whole = model.complete(rows, random_state=0)
        assert all_kept(model, whole)
        assert (whole.high == 6).all()
        assert model.complete(pd.DataFrame({"high": [9], "total": [13]})).low.tolist() == [2]
        assert whole.married.all()

    @pytest.mark.family
    def test_given_cells_that_break_a_rule_are_an_error_or_kept(self, model):
        rows = pd.DataFrame({"low": [9, 1], "high": [3, 3]})
        with pytest.raises(DataError, match=r"given cells of 1 rows break rules\[0\]"):
            model.complete(rows)
        assert model.complete(rows, unknown="ignore").high.tolist() == [3, 3]
        rows = pd.DataFrame({"state": ["BY", "BY"], "city": ["Bonn", "Ulm"]})
        with pytest.raises(
            DataError, match="Columns 'state' and 'city': 1 given cells are not in the column's rel"
        ):
            model.complete(rows)
        assert model.complete(rows, unknown="ignore").city.tolist() == ["Bonn", "Ulm"]

    @pytest.mark.family
    def test_what_no_draw_meets_is_an_error_with_the_yield(self, model, monkeypatch):
        monkeypatch.setattr("tabgan.drawing.completion.TRIES", 20)
        with pytest.raises(DataError, match="for 2 of 3 rows, none of [0-9]+ drawn rows keeps the rules"):
            model.complete(pd.DataFrame({"total": [100_000, 100_000, None]}))

    @pytest.mark.family
    def test_imputed_rows_keep_them_too(self, model):
        rows = model.sample(10, random_state=5)
        rows = rows.drop(columns="day").mask(
            np.random.default_rng(0).random((len(rows), rows.shape[1] - 1)) < 0.4
        )
        whole = model.impute(rows, unknown="ignore", random_state=0)
        assert all_kept(model, whole)
        assert not whole[["low", "high", "start", "total"]].isna().any().any()

    def test_a_half_given_place_is_completed(self, places):
        rows = pd.DataFrame({"lat": [47.5, None, 46.104], "lon": [None, 9.5, 6.5]})
        whole = places.complete(pd.concat([rows] * 20, ignore_index=True), random_state=0)
        assert whole.lat[::3].eq(47.5).all()
        assert whole.lon[::3].between(7.8, 8.2).mean() > 0.8
        assert whole.lat[1::3].between(46.3, 46.7).mean() > 0.8
        assert (whole.town[2::3] == "a").mean() > 0.8
        with pytest.raises(DataError, match="Column 'lat': 1 given cells"):
            places.complete(pd.DataFrame({"lat": [80.0]}))


@pytest.fixture(scope="module")
def cities() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    state = np.minimum(rng.geometric(0.3, 3_000) - 1, 9).tolist()
    city = [f"{s}-{'large' if s == 0 and rng.random() < 0.5 else rng.integers(0, 99)}" for s in state]
    return pd.DataFrame({"city": city, "state": [f"S{s}" for s in state], "x": [s % 2 == 0 for s in state]})


@pytest.fixture(scope="module")
def thin(few_rows, cities) -> TabGAN:
    rules = [FixedCombinations(("city", "state"))]
    return TabGAN(3.0, schema=Schema(rules=rules), random_state=0).fit(cities)


class TestRareCombinations:
    """Cities that noise hides: their states stay, and show another city of theirs, or a label."""

    def test_the_coarse_column_keeps_its_distribution_and_its_relations(self, cities, thin):
        sample = thin.sample(6_000, random_state=0)
        shares = [df.state.value_counts(normalize=True) for df in (cities, sample)]
        assert shares[0].sub(shares[1], fill_value=0).abs().sum() / 2 < 0.12
        assert sample[sample.state == "S1"].x.mean() < 0.3 < 0.7 < sample[sample.state == "S0"].x.mean()
        assert keeps_rules(thin.schema_.rules, thin.schema_.columns, sample, [cities]).all()
        first = sample[sample.state == "S0"]
        assert (first.city == "0-large").mean() > 0.95  # the one released city of it
        assert sample.city[sample.state == "S1"].eq("other (not released)").all()

    @pytest.mark.parametrize("columns", [("city", "state"), ("state", "city")])
    def test_a_sample_with_labels_is_fitted_again(self, few_rows, thin, columns):
        """Its labels were released as values, which no schema takes: the fit ended with its budget spent."""
        first = thin.sample(3_000, random_state=3)
        assert first.city.eq("other (not released)").mean() > 0.4
        rules = [FixedCombinations(columns)]
        again = TabGAN(20.0, schema=Schema(rules=rules), random_state=0).fit(first)
        second = again.sample(3_000, random_state=3)
        assert "other (not released)" not in again.schema_["city"].listed
        shares = [df.state.value_counts(normalize=True) for df in (first, second)]
        assert shares[0].sub(shares[1], fill_value=0).abs().sum() / 2 < 0.12
        assert second.city[second.state == "S1"].eq("other (not released)").all()

    def test_a_label_is_judged_by_the_other_columns(self, cities):
        rules, columns = [FixedCombinations(("city", "state"))], draft_schema(cities).columns
        rows = pd.DataFrame(
            {
                "city": ["other (not released)"] * 3 + ["0-large"],
                "state": ["S0", "S77", "other (not released)", "S1"],
            }
        ).assign(x=True)
        assert keeps_rules(rules, columns, rows, [cities]).tolist() == [True, False, True, False]

    @pytest.mark.parametrize(
        "conditions",
        [{"state": "S1"}, {"city": "0-large"}, {"city": "other (not released)", "state": ["S2", "S1"]}],
    )
    def test_conditions_are_met(self, thin, conditions):
        sample = thin.sample(300, conditions=conditions, random_state=0)
        for name, wish in conditions_of(conditions, list(sample)).items():
            assert wish.keeps(sample[name], thin.schema_[name]).all()

    def test_a_condition_on_a_city_leaves_its_part_of_rare_rows(self, thin):
        whole = thin.sample(20_000, random_state=1)
        found = thin.sample(4_000, conditions={"city": "0-large"}, random_state=2)
        assert found.x.mean() == pytest.approx(whole[whole.city == "0-large"].x.mean(), abs=0.03)

    def test_rows_are_completed_and_the_model_comes_back(self, thin, tmp_path):
        whole = thin.complete(pd.DataFrame({"state": ["S1", "S0"] * 20}), random_state=0)
        assert set(whole.city[::2]) == {"other (not released)"}
        assert set(whole.city[1::2]) <= {"0-large", "other (not released)"}
        thin.save(tmp_path / "model")
        loaded = TabGAN.load(tmp_path / "model")
        assert loaded.schema_ == thin.schema_
        pd.testing.assert_frame_equal(loaded.sample(200), thin.sample(200))

    def test_the_loss_of_the_cities_is_told(self, thin):
        (loss,) = (loss for loss in thin.losses_ if loss.column == "city")
        assert 0.7 < loss.share < 0.95
        assert "'other (not released)', or another one that goes with these" in loss.text

    @pytest.mark.family
    def test_declared_states_need_no_threshold(self, few_rows, cities):
        states = Categorical(name="state", categories=tuple(f"S{s}" for s in range(10)))
        rules = [FixedCombinations(("state", "city"))]
        fitted = TabGAN(1.5, schema=Schema([states], rules=rules), random_state=0).fit(cities)
        what = {entry.what for entry in fitted.privacy_.entries if entry.columns == ("state & city",)}
        assert "1-way histogram" in what
        assert "coarser combinations" not in what
        assert fitted.sample(3_000, random_state=0).state.nunique() >= 6


@pytest.fixture(scope="module")
def people_of_ages() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    age = np.minimum(18 + rng.gamma(2.0, 12.0, 4_000).astype(int), 99)
    group = np.select([age < 25, age < 60], ["young", "grown"], "old")
    return pd.DataFrame(
        {"group": pd.Series(group, dtype=object), "age": age, "x": age + rng.integers(0, 9, 4_000)}
    )


@pytest.fixture(scope="module")
def aged(few_rows, people_of_ages) -> TabGAN:
    return TabGAN(2.0, schema=Schema(rules=[FixedCombinations(("group", "age"))]), random_state=0).fit(
        people_of_ages
    )


class TestNumbersAndTheirGroups:
    """Rare numbers need no threshold: they have the value of their stretch."""

    @pytest.mark.family
    def test_both_columns_keep_their_distribution(self, people_of_ages, aged):
        sample = aged.sample(4_000, random_state=0)
        (rule,) = aged.schema_.rules
        is_kept = rule.keeps(sample, {c.name: c for c in aged.schema_}, [people_of_ages])
        assert is_kept[sample.age.isin(people_of_ages.age)].all()
        assert (
            is_kept.mean() > 0.9
        )  # ages that none has, beyond the largest among them where noise fills a cell
        assert ((sample.age < 25) == (sample.group == "young")).all()
        assert ((sample.age >= 60) == (sample.group == "old")).all()
        shares = [df.group.value_counts(normalize=True) for df in (people_of_ages, sample)]
        assert shares[0].sub(shares[1], fill_value=0).abs().max() < 0.04
        assert (sample.age > 75).mean() == pytest.approx((people_of_ages.age > 75).mean(), abs=0.03)

    @pytest.mark.family
    def test_conditions_and_given_cells(self, aged, tmp_path):
        assert (aged.sample(200, conditions={"group": "old"}, random_state=0).age >= 60).all()
        assert set(aged.sample(50, conditions={"age": 20}, random_state=0).group) == {"young"}
        whole = aged.complete(
            pd.DataFrame({"age": [20.0, None, 70.0], "group": [None, "old", "old"]}), random_state=0
        )
        assert whole.group.tolist() == ["young", "old", "old"]
        assert whole.age.tolist()[::2] == [20, 70]
        assert whole.age[1] >= 60
        with pytest.raises(DataError, match="Columns 'age' and 'group': 1 given cells"):
            aged.complete(pd.DataFrame({"age": [20], "group": ["old"]}))
        aged.save(tmp_path / "model")
        loaded = TabGAN.load(tmp_path / "model")
        pd.testing.assert_frame_equal(loaded.sample(200), aged.sample(200))


@pytest.fixture(scope="module")
def fares() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    net = rng.gamma(2.0, 20.0, 5_000).round(1)
    return pd.DataFrame(
        {"net": net, "gross": (net + rng.gamma(1.0, 8.0, 5_000)).round(1), "x": rng.random(5_000) < 0.5}
    )


class TestOrdersThatNobodyDeclared:
    @pytest.mark.family
    def test_what_few_rows_can_break_is_kept(self, few_rows, fares, tmp_path):
        model = TabGAN(2.0, random_state=0).fit(fares)
        sample = model.sample(5_000, random_state=0)
        assert (sample.net <= sample.gross).all()
        assert [entry.columns for entry in model.privacy_.entries if entry.what == BROKEN] == [
            ("net", "gross")
        ]
        assert model.schema_.rules == ()
        model.save(tmp_path / "model")
        pd.testing.assert_frame_equal(TabGAN.load(tmp_path / "model").sample(200), model.sample(200))
        assert (model.sample(50, conditions={"gross": 10.0}).gross == 10.0).all()

    @pytest.mark.family
    def test_what_a_fifth_of_the_rows_breaks_is_none(self, few_rows, fares):
        model = TabGAN(2.0, random_state=0).fit(fares.assign(gross=fares.gross - 3))
        sample = model.sample(5_000, random_state=0)
        assert 0.2 < (sample.net > sample.gross).mean() < 0.4


@pytest.mark.family
def test_rows_of_entities_are_completed_under_rules(few_rows, fares):
    schema = Schema(rules=[Inequality("net", "gross")], entity="who", max_rows=2)
    model = TabGAN(None, schema=schema, random_state=0).fit(fares.assign(who=np.arange(5_000) // 2))
    whole = model.complete(pd.DataFrame({"net": [20.0, None], "who": [7, 8]}), random_state=0)
    assert (whole.net <= whole.gross).all()
    assert whole.who.tolist() == [7, 8]


def test_a_formula_is_solved_for_a_column_of_any_name():
    df = pd.DataFrame({"self": np.arange(200) % 5}).assign(total=lambda t: t["self"] * 2)
    schema = Schema(
        [Numeric(name="self", bounds=(0, 4), decimals=0), Numeric(name="total", bounds=(0, 8), decimals=0)],
        rules=[Formula("total", "self * 2")],
    )
    model = TabGAN(epsilon=None, schema=schema, adversary_share=0, random_state=0).fit(df)
    assert model.complete(pd.DataFrame({"total": [6]}))["self"].tolist() == [3]
