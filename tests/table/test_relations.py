"""Tests of relations that names and released numbers suggest, and that samples of a fit keep."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabgan._util.yaml import parse
from tabgan.privacy.doors.broken import BROKEN
from tabgan.rules import FixedCombinations, Formula, Inequality
from tabgan.rules.judging import rules_of
from tabgan.schema import Schema
from tabgan.synthesizer import TabGAN
from tabgan.table import together
from tabgan.table.decided import kept_relations, say_undecided, undecided_relations
from tabgan.table.relations import MOST_FORMULAS, Relation

N = 4_000


def tied(n=N, seed=0) -> pd.DataFrame:
    """Return a table in which a code tells a label, a moment its year, and two numbers their sum."""
    rng = np.random.default_rng(seed)
    seen = pd.Timestamp("2015-01-01") + pd.to_timedelta(rng.integers(0, 8 * 365, n), unit="D")
    code = rng.integers(1, 9, n)
    casual, members = rng.poisson(40.0, n), rng.poisson(90.0, n)
    return pd.DataFrame(
        {
            "seen": seen,
            "year": seen.year.to_numpy(np.int64),
            "code": code,
            "label": np.array(["low", "middle", "high"])[(code - 1) // 3],
            "casual": casual,
            "members": members,
            "total": casual + members,
        }
    )


def labels(rows: pd.DataFrame) -> pd.Series:
    return pd.Series(np.array(["low", "middle", "high"])[(rows["code"].to_numpy() - 1) // 3])


@pytest.fixture(scope="module")
def model():
    return TabGAN(epsilon=4.0, random_state=0).fit(tied())


class TestSamples:
    def test_formulas_hold_in_every_row(self, model):
        rows = model.sample(2_000)
        assert (rows["year"] == rows["seen"].dt.year).all()
        assert (rows["total"] == rows["casual"] + rows["members"]).all()

    def test_each_code_has_its_label(self, model):
        rows = model.sample(2_000)
        assert (rows["label"].astype(str) == labels(rows)).mean() > 0.98

    def test_conditions_on_a_computed_column_hold(self, model):
        rows = model.sample(300, conditions={"year": 2018})
        assert (rows["year"] == 2018).all()
        assert (rows["seen"].dt.year == 2018).all()

    def test_a_given_moment_decides_the_year_and_a_given_year_stays(self, model):
        moments = pd.DataFrame({"seen": pd.to_datetime(["2016-05-01", "2020-12-31"])})
        assert model.complete(moments)["year"].tolist() == [2016, 2020]
        both = moments.assign(year=[2021, 2021])
        assert model.complete(both)["year"].tolist() == [2021, 2021]

    def test_a_model_file_keeps_them(self, model, tmp_path):
        model.save(tmp_path / "m.tabgan")
        loaded = TabGAN.load(tmp_path / "m.tabgan")
        pd.testing.assert_frame_equal(loaded.sample(100, random_state=1), model.sample(100, random_state=1))

    @pytest.mark.family
    def test_what_many_rows_break_is_not_kept(self):
        df = tied()
        rng = np.random.default_rng(1)
        for name in ("year", "label", "total"):
            moved = rng.random(N) < 0.2
            df.loc[moved, name] = df[name].to_numpy()[rng.permutation(N)][moved]
        found = TabGAN(epsilon=4.0, random_state=0).fit(df)
        assert not found._fitted.encoder.formulas
        rows = found.sample(2_000)
        assert 0.7 < (rows["label"].astype(str) == labels(rows)).mean() < 0.95

    @pytest.mark.family
    def test_a_relation_for_which_no_share_was_kept_is_left(self, monkeypatch):
        """Noisy tables may show what the noisy scores did not; all is spent by then, and the fit goes on."""
        monkeypatch.setattr(together, "may_be_related", lambda *_: False)
        found = TabGAN(epsilon=4.0, random_state=0).fit(tied())
        assert not found._fitted.encoder.found
        assert BROKEN not in {entry.what for entry in found.privacy_.entries}

    @pytest.mark.family
    def test_declared_columns_are_left_to_their_rules(self):
        from tabgan.schema import Schema

        declared = Schema(rules=[Formula("total", "casual + members")])
        found = TabGAN(epsilon=4.0, schema=declared, random_state=0).fit(tied())
        assert [rule.column for rule in found._fitted.encoder.formulas] == ["year"]


class TestTimesOfParts:
    """Of nine columns that are named as times, one is made of the hour and the minute."""

    @staticmethod
    def table(n: int) -> pd.DataFrame:
        rng = np.random.default_rng(0)
        hour, minute = rng.integers(5, 23, n), rng.choice([0, 5, 15, 25, 30, 45, 59], n)
        others = {f"{name}_time": rng.integers(0, 2_400, n) for name in "abcdefgh"}
        return pd.DataFrame({**others, "sched_time": hour * 100 + minute, "hour": hour, "minute": minute})

    @pytest.mark.parametrize("n", [4_000, 40_000])  # with few rows noise allows few questions: the likeliest
    def test_the_one_of_the_nearest_mean_is_asked_first(self, n, caplog):
        rows = TabGAN(epsilon=2.0, random_state=0).fit(self.table(n)).sample(1_000)
        assert (rows["sched_time"] == rows["hour"] * 100 + rows["minute"]).all()
        assert "  sched_time:" not in caplog.text

    def test_more_are_asked_where_noise_allows(self):
        fits = [TabGAN(2.0, random_state=0).fit(self.table(n)) for n in (2_000, 40_000)]
        asked = [[each.columns for each in fit.privacy_.entries if each.what == BROKEN] for fit in fits]
        few, all_of_them = ([names for names in each if {"hour", "minute"} < set(names)] for each in asked)
        assert len(few) <= MOST_FORMULAS
        assert len(all_of_them) == 9


@pytest.mark.parametrize("epsilon", [3.0, None])
def test_a_copy_of_a_column_is_a_copy(epsilon):
    """Both orders hold; rows in which neither is broken are hard to draw, and were few, and not the usual ones."""
    rng = np.random.default_rng(0)
    df = pd.DataFrame({"a": rng.gamma(2, 50, N).round(2), "b": rng.choice(list("xyz"), N)})
    df["c"] = df["a"]
    sample = TabGAN(epsilon, random_state=0).fit(df).sample(1_000)
    assert (sample["a"] == sample["c"]).all()
    assert sample["a"].mean() == pytest.approx(df["a"].mean(), rel=0.1)


class TestWhichAreKept:
    @staticmethod
    def kept(*rules, by_chance=0.9):
        return [
            each.rule
            for each in kept_relations(
                [Relation(r, by_chance) for r in rules], [0.0] * len(rules), 10.0, 10_000
            )
        ]

    def test_a_column_is_computed_once_and_in_no_circle(self):
        first, again, back = Formula("t", "a + b"), Formula("t", "c + d"), Formula("a", "t + b")
        assert self.kept(first, again, back) == [first]

    def test_nothing_else_is_about_a_computed_column(self):
        formula = Formula("t", "a + b")
        apart = (FixedCombinations(("c", "d")), Inequality("a", "d"))
        assert self.kept(Inequality("a", "t"), FixedCombinations(("t", "c")), formula, *apart) == [
            formula,
            *apart,
        ]

    def test_opposite_orders_are_an_equality(self):
        below, above = Inequality("a", "b"), Inequality("b", "a")
        assert self.kept(below, Inequality("c", "d"), above) == [Formula("b", "a"), Inequality("c", "d")]

    def test_orders_go_round_in_no_circle(self):
        orders = [Inequality(*pair) for pair in ("ab", "bc", "ca", "cd")]
        assert self.kept(*orders) == [*orders[:2], orders[3]]

    @pytest.mark.parametrize(
        ("broken", "noise", "by_chance", "is_kept"),
        [
            (0, 10, 0.5, True),
            (300, 10, 0.5, False),
            (0, 1_200, 0.9, False),
            (0, 10, 0.001, True),
            (8, 10, 0.001, False),
            (20, 25, 0.005, True),
            (30, 25, 0.005, False),
            (100, 110, 0.03, False),
            (40, 20, 0.5, True),
        ],
    )
    def test_noise_and_chance_decide(self, broken, noise, by_chance, is_kept):
        order = Relation(Inequality("a", "b"), by_chance)
        assert (kept_relations([order], [broken], noise, 10_000) == [order]) == is_kept

    def test_a_dependence_that_chance_seldom_breaks_needs_as_much_evidence_as_any(self):
        relation = Relation(FixedCombinations(("a", "b")), 0.01)
        assert not kept_relations([relation], [0], 60.0, 10_000)
        assert kept_relations([relation], [0], 40.0, 10_000) == [relation]

    def test_those_that_noise_hides_are_told_as_rules(self, caplog):
        order, pair, broken, held = (
            Relation(Inequality("a", "b c"), 0.03),
            Relation(FixedCombinations(("code", "label")), 0.02),
            Relation(Inequality("c", "d"), 0.9),
            Relation(Inequality("d", "e"), 0.9),
        )
        every, counts = [order, pair, broken, held], [100.0, 50.0, 400.0, 0.0]
        told = undecided_relations(every, counts, 110.0, 10_000)
        assert told == [order, pair]
        assert not undecided_relations(every, counts, 0.0, 10_000)
        assert not undecided_relations(every, [np.inf] * 4, 110.0, 10_000)
        with caplog.at_level("WARNING"):
            say_undecided(told)
            say_undecided([])
        (record,) = caplog.records
        lines = record.getMessage().splitlines()[1:]
        assert lines == ["- {low: a, high: b c}", "- columns: [code, label]"]
        assert rules_of(parse("\n".join(lines), {})[0]) == (order.rule, pair.rule)


def test_an_order_of_a_column_that_is_mostly_missing_is_of_interest():
    """Of all rows, chance breaks it in one of 250; of those that have both, in one of nine."""
    rng = np.random.default_rng(0)
    n = 8_000
    speed = rng.gamma(2.0, 5.0, n).round(1)
    gust = np.where(rng.random(n) < 0.02, (speed + 3 + rng.gamma(2.0, 3.0, n)).round(1), np.nan)
    df = pd.DataFrame({"speed": speed, "gust": gust})
    assert 0.002 < (rng.permutation(speed) > gust).mean() < 0.005
    rows = TabGAN(epsilon=None, random_state=0).fit(df).sample(20_000)
    assert not (rows["speed"] > rows["gust"]).any()


class TestPrices:
    """Prices of a day have more orders than four, and noisy tables show few of them."""

    @staticmethod
    def days(n=12_000) -> pd.DataFrame:
        rng = np.random.default_rng(0)
        close = np.exp(4.0 + np.cumsum(rng.normal(0.0002, 0.01, n))).round(2)
        opened = (np.append(100.0, close[:-1]) * np.exp(rng.normal(0, 0.002, n))).round(2)
        high = (np.maximum(opened, close) * np.exp(rng.gamma(2.0, 0.003, n))).round(2)
        low = (np.minimum(opened, close) * np.exp(-rng.gamma(2.0, 0.003, n))).round(2)
        return pd.DataFrame({"open": opened, "high": high, "low": low, "close": close, "adj_close": close})

    def test_keep_all_their_orders_and_a_copy_stays_one(self):
        df = self.days()
        rows = TabGAN(1.0, random_state=0).fit(df).sample(4_000)
        for low, high in (("low", "open"), ("low", "close"), ("open", "high"), ("close", "high")):
            assert (df[low] <= df[high]).all()
            assert (rows[low] > rows[high]).mean() < 0.01
        assert (rows["close"] == rows["adj_close"]).all()


class TestCloseMoments:
    """Two moments in the same codes: the time between them goes with nothing else."""

    @staticmethod
    def visits(days) -> pd.DataFrame:
        rng = np.random.default_rng(0)
        admit = pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.integers(0, 1_095, 4_000), unit="D")
        left = admit + pd.to_timedelta(rng.integers(0, days, 4_000), unit="D")
        return pd.DataFrame({"admit": admit, "ward": rng.choice(list("AB"), 4_000), "left": left})

    @pytest.mark.parametrize("epsilon", [3.0, None])
    def test_are_told_with_the_rule_that_keeps_the_time(self, epsilon, caplog):
        with caplog.at_level("WARNING"):
            TabGAN(epsilon, random_state=0).fit(self.visits(12))
        (text,) = (r.getMessage() for r in caplog.records if "close together" in r.getMessage())
        assert "'admit' and 'left'" in text
        assert "{column: left, near: admit}; and {low: admit, high: left} if" in text

    @pytest.mark.parametrize("days", [400, 1_000])
    def test_others_are_not(self, days, caplog):
        with caplog.at_level("WARNING"):
            TabGAN(3.0, random_state=0).fit(self.visits(days))
        assert "close together" not in caplog.text

    def test_the_later_one_is_the_one_that_lies_near(self, caplog):
        df = self.visits(12).rename(columns={"admit": "b", "left": "a"})[["a", "ward", "b"]]
        with caplog.at_level("WARNING"):
            TabGAN(3.0, random_state=0).fit(df)
        assert "{column: a, near: b}" in caplog.text

    def test_nor_are_those_that_a_rule_computes(self, caplog):
        df = self.visits(12)
        df["time_between"] = df["left"] - df["admit"]
        schema = Schema(rules=[Formula("left", "admit + time_between")])
        with caplog.at_level("WARNING"):
            sample = TabGAN(3.0, schema=schema, random_state=0).fit(df).sample(500)
        assert "close together" not in caplog.text
        assert (sample["left"] - sample["admit"]).dt.days.quantile(0.9) <= 12
