"""Columns that lie near others, from outside: the distance keeps its relation to all other columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabgan import FixedCombinations, Formula, Inequality, Near, TabGAN
from tabgan.drawing import kept
from tabgan.errors import DataError, SchemaError
from tabgan.model import loglinear
from tabgan.privacy.filter import PrivacyFilter
from tabgan.rules import keeps_rules
from tabgan.schema import Datetime, Numeric, Schema
from tabgan.table.partitions import FrameParts

ORDER = Inequality("admit", "left")
NEAR = Schema(rules=[Near("left", "admit"), ORDER])


def visits(n: int, seed: int = 0) -> pd.DataFrame:
    """Return stays of up to two weeks in three years, longer ones of severe cases."""
    rng = np.random.default_rng(seed)
    severity = rng.integers(1, 6, n)
    admit = pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.integers(0, 1_095, n), unit="D")
    left = admit + pd.to_timedelta(rng.poisson(2 * severity), unit="D")
    df = pd.DataFrame({"admit": admit, "severity": severity, "left": left})
    df.loc[rng.random(n) < 0.1, "left"] = pd.NaT
    return df


def days(df: pd.DataFrame) -> pd.Series:
    return (df["left"] - df["admit"]).dt.days


def relation(df: pd.DataFrame) -> float:
    return float(days(df).corr(df["severity"]))


@pytest.fixture(scope="module")
def few_rows():
    """Fit on few drawn rows, where it matters that a fit runs, and not how well."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"POOL": 2_048, "MIN_POOL": 1_024, "FRESH": 1_024, "ITERATIONS": 10}.items():
            patch.setattr(loglinear, name, value)
        yield


@pytest.fixture(scope="module")
def model(few_rows) -> TabGAN:
    return TabGAN(epsilon=None, schema=NEAR, random_state=0).fit(visits(3_000))


class TestSamples:
    def test_the_distance_goes_with_other_columns(self, few_rows):
        df = visits(4_000)
        near = TabGAN(3.0, schema=NEAR, random_state=0).fit(df).sample(4_000)
        far = TabGAN(3.0, schema=Schema(rules=[ORDER]), random_state=0).fit(df).sample(4_000)
        assert relation(df) > 0.7
        assert relation(near) > 0.55
        assert abs(relation(far)) < 0.25  # the control: what is lost without the rule

    def test_look_like_the_table(self, model):
        df, sample = visits(3_000), model.sample(3_000)
        assert sample.dtypes.to_dict() == df.dtypes.to_dict()
        assert list(sample) == list(df)
        assert (days(sample).dropna() >= 0).all()
        assert sample["left"].isna().mean() == pytest.approx(0.1, abs=0.03)
        assert days(sample).mean() == pytest.approx(days(df).mean(), rel=0.1)
        assert (sample["left"].dropna() == sample["left"].dropna().dt.normalize()).all()

    def test_without_an_order_distances_are_negative_too(self, few_rows):
        df = visits(2_000)
        df["left"] -= pd.Timedelta(days=5)
        schema = Schema(rules=[Near("left", "admit")])
        sample = TabGAN(None, schema=schema, random_state=0).fit(df).sample(2_000)
        assert (days(sample) < 0).mean() == pytest.approx((days(df) < 0).mean(), abs=0.05)

    def test_a_chain_holds(self, few_rows):
        df = visits(1_000)
        df["paid"] = df["left"] + pd.to_timedelta(np.arange(1_000) % 4, unit="D")
        rules = [*NEAR.rules, Near("paid", "left"), Inequality("left", "paid")]
        sample = TabGAN(None, schema=Schema(rules=rules), random_state=0).fit(df).sample(1_000)
        assert set((sample["paid"] - sample["left"]).dt.days.dropna()) == {0, 1, 2, 3}

    def test_an_order_of_two_columns_near_the_same_is_kept_without_drawing_anew(self, few_rows, monkeypatch):
        df = visits(1_500).dropna()
        df["paid"] = df["left"] + pd.to_timedelta(np.arange(len(df)) % 4, unit="D")
        rules = [*NEAR.rules, Near("paid", "admit"), Inequality("left", "paid")]
        model = TabGAN(None, schema=Schema(rules=rules), random_state=0).fit(df)
        assert Inequality("left - admit", "paid - admit") in model._fitted.encoder.orders.rules
        drawn = []
        keeps = kept.Kept.__call__
        monkeypatch.setattr(kept.Kept, "__call__", lambda *args: drawn.append(keeps(*args)) or drawn[-1])
        model.sample(1_500)
        assert np.concatenate(drawn).mean() > 0.99

    def test_a_formula_may_use_the_column(self, few_rows):
        df = visits(1_000).assign(stay=lambda df: days(df))
        rules = [*NEAR.rules, Formula("stay", "days(left - admit)")]
        sample = TabGAN(None, schema=Schema(rules=rules), random_state=0).fit(df).sample(500)
        pd.testing.assert_series_equal(sample["stay"], days(sample), check_names=False)

    def test_declared_bounds_are_kept(self, few_rows):
        last = pd.Timestamp("2023-06-30")
        schema = Schema([Datetime(name="left", bounds=("2021-01-01", str(last)))], rules=NEAR.rules)
        sample = TabGAN(None, schema=schema, random_state=0).fit(visits(1_000)).sample(1_000)
        assert sample["left"].max() == last

    @pytest.mark.parametrize("scale", [1, 0.25])
    def test_numbers_may_lie_near_each_other(self, few_rows, scale):
        rng = np.random.default_rng(0)
        low = rng.integers(0, 9_000, 2_000)
        df = pd.DataFrame({"low": low * scale, "high": (low + rng.integers(0, 8, 2_000)) * scale})
        df = df.astype("int64") if scale == 1 else df
        schema = Schema(rules=[Near("high", "low"), Inequality("low", "high")])
        sample = TabGAN(None, schema=schema, random_state=0).fit(df).sample(1_000)
        assert sample.dtypes.to_dict() == df.dtypes.to_dict()
        assert set(sample["high"] - sample["low"]) <= {i * scale for i in range(8)}

    def test_text_that_is_declared_as_dates_keeps_its_form(self, few_rows):
        df = visits(800).assign(**{n: visits(800)[n].dt.strftime("%d/%m/%Y") for n in ("admit", "left")})
        columns = [Datetime(name=name, format="%d/%m/%Y") for name in ("admit", "left")]
        sample = TabGAN(None, schema=Schema(columns, rules=NEAR.rules), random_state=0).fit(df).sample(200)
        moments = sample[["admit", "left"]].apply(pd.to_datetime, format="%d/%m/%Y")
        assert ((moments["left"] - moments["admit"]).dt.days.dropna() >= 0).all()
        assert (moments["left"] - moments["admit"]).dt.days.max() < 40


class TestConditionsAndCompletions:
    def test_conditions_on_either_column_are_met(self, model):
        of = model.sample(200, conditions={"left": {"min": "2022-05-01", "max": "2022-07-31"}})
        assert of["left"].between("2022-05-01", "2022-07-31").all()
        assert days(of).mean() == pytest.approx(days(visits(3_000)).mean(), rel=0.25)
        near = model.sample(200, conditions={"admit": {"min": "2022-05-01", "max": "2022-07-31"}})
        assert near["admit"].between("2022-05-01", "2022-07-31").all()

    def test_a_given_end_leads_the_beginning(self, model):
        rows = pd.DataFrame({"left": [pd.Timestamp("2022-03-10")] * 400, "severity": [1, 5] * 200})
        whole = model.complete(rows)
        assert (whole["left"] == rows["left"]).all()
        stays = days(whole).groupby(whole["severity"]).mean()
        assert stays[1] == pytest.approx(2, abs=1)
        assert stays[5] == pytest.approx(10, abs=1.5)

    def test_what_is_drawn_depends_on_a_given_distance(self, model):
        admit = pd.Timestamp("2022-03-01")
        rows = pd.DataFrame({"admit": admit, "left": [admit, admit + pd.Timedelta(days=12)] * 300})
        whole = model.complete(rows)
        pd.testing.assert_frame_equal(whole[["admit", "left"]], rows, check_dtype=False)
        severity = whole["severity"].groupby(days(whole)).mean()
        assert severity[12] > severity[0] + 1.5

    def test_a_given_distance_without_a_place_is_an_error(self, model):
        rows = pd.DataFrame({"admit": [pd.Timestamp("2021-02-01")], "left": [pd.Timestamp("2022-02-01")]})
        with pytest.raises(DataError, match="The distance of 'left' from 'admit': 1 given cells"):
            model.complete(rows)
        assert model.complete(rows, unknown="ignore")["left"].item() == rows["left"].item()

    def test_what_is_led_keeps_its_bounds_and_its_combinations(self, few_rows):
        rng = np.random.default_rng(0)
        low = rng.choice([100, 400, 700], 900)
        df = pd.DataFrame(
            {"low": low, "name": np.array(list("abc"))[low // 300], "high": low + rng.integers(0, 9, 900)}
        )
        rows = pd.DataFrame({"high": [100, 101, 405, 707] * 20})
        near, bounded = Near("high", "low"), [Numeric(name="low", bounds=(100, 700))]
        model = TabGAN(None, schema=Schema(bounded, rules=[near]), random_state=0).fit(df)
        assert model.complete(rows)["low"].between(100, 700).all()
        tied = Schema(rules=[near, FixedCombinations(("low", "name"))])
        whole = TabGAN(None, schema=tied, random_state=0).fit(df).complete(rows)
        assert set(zip(whole["low"], whole["name"], strict=True)) <= set(zip(low, df["name"], strict=True))

    @pytest.mark.parametrize("is_computed", [True, False])
    def test_a_given_end_comes_with_the_distances_of_rows_with_that_end(self, few_rows, is_computed):
        """A beginning that a rule makes cannot be moved: rows whose end is close to the given one are taken."""
        rng = np.random.default_rng(0)
        df = pd.DataFrame({"a": rng.integers(0, 1_000, 1_500), "g": rng.integers(0, 4, 1_500)})
        if is_computed:
            df, rule = df.assign(begin=df["a"] + 1), Formula("begin", "a + 1")
        else:
            df, rule = df.assign(begin=df["a"] // 100 * 100), FixedCombinations(("begin", "k"))
            df["k"] = np.array(list("xyzuvwpqrs"))[df["a"] // 100]
            df = df.drop(columns="a")
        df["end"] = df["begin"] + rng.poisson(1 + 3 * df["g"])
        schema = Schema(rules=[rule, Near("end", "begin"), Inequality("begin", "end")])
        model = TabGAN(epsilon=None, schema=schema, random_state=0).fit(df)
        whole = model.complete(pd.DataFrame({"end": [503, 509] * 100}), random_state=1)
        assert whole["end"].tolist() == [503, 509] * 100
        assert keeps_rules(schema.rules, model.schema_.columns, whole, [df]).all()
        distance = (whole["end"] - whole["begin"]).groupby([whole["end"], whole["g"]]).mean().unstack()
        if is_computed:
            assert distance.to_numpy().max() < 25
            assert (distance[3] - distance[0] > 3).all()
        else:
            assert (distance.loc[503] == 3).all()
            assert (distance.loc[509].dropna() == 9).all()
            counts = whole.groupby("end")["g"].value_counts().unstack(fill_value=0)
            assert counts.loc[509, 3] > 2 * counts.loc[503, 3]
        led = model.complete(pd.DataFrame({"end": [503] * 200, "g": [0, 3] * 100}), random_state=1)
        assert (led["end"] - led["begin"]).max() < 40

    def test_given_cells_that_break_the_order_are_an_error(self, model):
        rows = pd.DataFrame({"admit": [pd.Timestamp("2021-02-02")], "left": [pd.Timestamp("2021-02-01")]})
        with pytest.raises(DataError, match=r"the given cells of 1 rows break rules\[1\]"):
            model.complete(rows)


class TestAFit:
    def test_charges_the_distance_in_place_of_the_column(self, few_rows):
        private = TabGAN(20.0, schema=NEAR, random_state=0).fit(visits(1_500))
        charged = {name for entry in private.privacy_.entries for name in entry.columns}
        assert "left - admit" in charged
        assert not any(name == "left" or name.startswith("left (") for name in charged)
        assert private.schema_.names == ["admit", "severity", "left"]
        assert private.schema_["left"].bounds[0] == private.schema_["admit"].bounds[0]

    def test_comes_back_from_a_file(self, model, tmp_path):
        model.save(tmp_path / "model")
        loaded = TabGAN.load(tmp_path / "model")
        assert loaded.schema_ == model.schema_
        pd.testing.assert_frame_equal(loaded.sample(200), model.sample(200))

    def test_is_the_same_in_parts(self, few_rows):
        df = visits(900)
        fits = [TabGAN(None, schema=NEAR, random_state=0).fit(each) for each in (df, FrameParts(df, 200))]
        pd.testing.assert_frame_equal(*(fitted.sample(300) for fitted in fits))

    def test_tells_the_rows_that_lack_the_other_column(self, few_rows):
        df = visits(2_000)
        df.loc[:499, "admit"] = pd.NaT
        fitted = TabGAN(20.0, schema=NEAR, random_state=0).fit(df)
        (loss,) = (loss for loss in fitted.losses_ if loss.column == "left")
        assert "25% of the rows lack 'admit'" in loss.text
        sample = fitted.sample(500)
        assert sample["left"][sample["admit"].isna()].isna().all()

    @pytest.mark.filterwarnings("error")
    @pytest.mark.parametrize(
        ("dtype", "odd"),
        [
            ("uint64", (0, 2**64 - 1)),
            ("int64", (-(2**63), 2**63 - 1)),
            ("Int64", (None, 2**63 - 1)),
            ("float64", (1e308, -1e308)),
            ("float32", (3.4e38, -3.4e38)),
            ("datetime64[ns]", (pd.Timestamp.min, pd.Timestamp.max)),
            ("timedelta64[ns]", (pd.Timedelta.max, pd.Timedelta.min)),
        ],
    )
    def test_cells_that_lie_as_far_apart_as_can_be_end_no_fit_and_warn_of_nothing(self, few_rows, dtype, odd):
        """An error, or a warning, would tell that a row has them."""
        times = {"datetime64[ns]": pd.Timestamp("2020"), "timedelta64[ns]": pd.Timedelta("1 days")}
        usual = [times.get(dtype, 5)] * 198
        one, other = (pd.Series(pd.array([*cells, *usual], dtype=dtype)) for cells in (odd, odd[::-1]))
        df = pd.DataFrame({"one": one, "other": other}).astype(dtype)
        schema = Schema(rules=[Near("other", "one")])
        sample = TabGAN(30.0, schema=schema, random_state=0, adversary_share=0.0).fit(df).sample(20)
        assert sample.dtypes.to_dict() == df.dtypes.to_dict()

    def test_both_editions_of_a_report_have_the_column(self, few_rows, few_steps, few_trees, tmp_path):
        fitted = TabGAN(20.0, schema=NEAR, random_state=0, adversary_share=0.0).fit(visits(900))
        report = fitted.evaluate(visits(300, 1), visits(300, 2), synthetic=fitted.sample(300))
        shareable = report.shareable.data.evaluation
        (own,) = (column for column in shareable.columns if column.name == "left")
        assert own.missing_real == pytest.approx(0.1, abs=0.05)
        assert report.data.evaluation["rules"].value == 1.0
        pages = [each.to_html(tmp_path / "page.html").read_text() for each in (report, report.shareable)]
        assert ["Computed in a sample: nothing of it was released." in page for page in pages] == [
            False,
            True,
        ]


ZONE = visits(60).assign(left=visits(60)["left"].dt.tz_localize("UTC"))
MONEY = [Numeric(name=name, format="$1,234.5") for name in "ab"]


@pytest.mark.parametrize(
    ("df", "given", "message"),
    [
        (visits(60), {"rules": [Near("left", "severity")]}, "holds a moment, and 'severity' a number"),
        (visits(60), {"rules": [Near("left", "lft")]}, r"rules\[0\]\.near: .*'lft'"),
        (visits(60).assign(left="2020"), {"rules": NEAR.rules}, "only a noisy vote would find its kind"),
        (ZONE, {"rules": [Near("left", "admit")]}, "time zones UTC and None"),
        (visits(60), {"rules": [Near("left", "admit"), Near("admit", "left")]}, "in a circle"),
        (visits(60), {"rules": NEAR.rules, "target": "left"}, "'left' is a target"),
        (
            visits(60).assign(a="$1.00", b="$2.00"),
            {"columns": MONEY, "rules": [Near("a", "b")]},
            r"rules\[0\]\.column: 'a' has a format, so its precision has to be declared",
        ),
        (
            visits(60),
            {"rules": [Near("left", "admit"), Formula("left", "admit + (admit - admit)")]},
            r"rules\[1\]\.column: 'left' is computed by rules\[0\] already",
        ),
    ],
)
def test_a_table_that_cannot_keep_it_is_refused_before_a_charge(df, given, message, monkeypatch):
    charged = []
    monkeypatch.setattr(PrivacyFilter, "charge", lambda self, *releases, call="": charged.append(releases))
    with pytest.raises(SchemaError, match=message):
        TabGAN(1.0, schema=Schema(**given)).fit(df)
    assert not charged
