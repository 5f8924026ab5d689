"""Cycles of moments: charged, as noisy as charged, left out where they are of no use, and kept in a sample."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tabgan.errors import BudgetExceededError
from tabgan.privacy.coding import MAX_WIDTH, code_table
from tabgan.privacy.doors import mechanisms
from tabgan.privacy.doors.cycle_counts import with_cycles
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.doors.measured_table import measure_table
from tabgan.privacy.doors.release import release_table
from tabgan.privacy.filter import PrivacyFilter
from tabgan.privacy.plan import make_plan
from tabgan.privacy.unit import PrivacyUnit
from tabgan.schema import Schema
from tabgan.synthesizer import TabGAN

WHAT = "1-way histogram of a cycle"
PARTS = ["t (hour of three)", "t (three hours of the day)", "t (weekday)", "t (month)"]


def table(n_rows=4_000, n_days=900, **more):
    """Return moments, and a number that follows their hour, weekday and month."""
    rng = np.random.default_rng(0)
    at = 1_577_836_800 + rng.integers(0, n_days * 24, n_rows) * 3_600
    when = pd.Series(at.astype("datetime64[s]"))
    warm = 8.0 * (when.dt.hour // 6 == 2) + 6.0 * (when.dt.day_of_week > 4) + 6.0 * (when.dt.month < 4)
    return pd.DataFrame({"x": (warm + rng.normal(0, 2, n_rows)).round(1), "t": when, **more})


def measured(df, epsilon=3.0, schema=None, unit=None):
    """Return a table's released columns, codes, plan, and what was left for its pairs."""
    plan = make_plan(epsilon, 1e-6, adversary_share=0.0, **({} if unit is None else {"unit": unit}))
    ledger = PrivacyFilter(plan)
    released = release_table(df, schema or Schema(), plan, Measurer(ledger))
    mu = ledger.remaining_mu()
    return released, code_table(released, plan, mu), plan, mu


def names_of(df, epsilon=3.0):
    released, encoder, plan, mu = measured(df, epsilon)
    _, whole = with_cycles(df, released, encoder, plan, mu, Measurer(PrivacyFilter(plan)))
    return whole.names


@pytest.fixture(scope="module")
def parts():
    df = table()
    return df, *measured(df, unit=PrivacyUnit("who", 2))


class TestTheRelease:
    def test_each_cycle_has_a_line_before_it_is_counted(self, parts, monkeypatch):
        df, released, encoder, plan, mu = parts
        ledger, drawn = PrivacyFilter(plan), []
        noisy = mechanisms.noisy_vector

        def spy(values, stddev):
            drawn.append(stddev)
            assert {entry.columns for entry in ledger.entries} == {(name,) for name in PARTS}
            return noisy(values, stddev)

        monkeypatch.setattr(mechanisms, "noisy_vector", spy)
        with_cycles(df, released, encoder, plan, mu, Measurer(ledger))
        assert {entry.what for entry in ledger.entries} == {WHAT}
        assert drawn == [entry.noise_multiplier * 2 for entry in ledger.entries]
        spent = sum(1 / entry.noise_multiplier**2 for entry in ledger.entries)
        assert spent == pytest.approx(plan.shares["cycles"] * plan.mu**2)

    def test_a_plan_that_cannot_pay_stops_it_before_any_count(self, parts, monkeypatch):
        df, released, encoder, plan, mu = parts
        monkeypatch.setattr(mechanisms, "noisy_vector", lambda *_: pytest.fail("counted without a charge"))
        with pytest.raises(BudgetExceededError):
            poor = replace(make_plan(0.001, 1e-6, adversary_share=0.0), unit=plan.unit)
            with_cycles(df, released, encoder, plan, mu, Measurer(PrivacyFilter(poor)))

    @pytest.mark.fresh_noise
    def test_its_noise_is_the_charged_one_times_the_rows_of_a_unit(self, parts):
        """Two-sided, with wrong scales as controls: without the sensitivity, 2/3 and 3/2."""
        df, released, encoder, plan, mu = parts
        noise, ledger = [], None
        for _ in range(15):
            ledger = PrivacyFilter(plan)
            whole, _ = with_cycles(df, released, encoder, plan, mu, Measurer(ledger))
            for column in whole.columns[1:5]:
                exact = np.bincount(column.encoder.transform(df["t"]), minlength=column.encoder.n_cells)
                noise.append(column.counts - exact)
        draws, stddev = np.concatenate(noise), ledger.entries[0].noise_multiplier * 2
        assert [column.noise_stddev for column in whole.columns[1:5]] == [stddev] * 4

        def fits(scale):
            low, high = stats.chi2.interval(1 - 1e-7, len(draws))
            return bool(low < (draws**2).sum() / scale**2 < high)

        assert fits(stddev)
        assert not any(fits(stddev * wrong) for wrong in (1 / 2, 2 / 3, 3 / 2))

    def test_a_row_has_one_value_of_each(self, parts):
        df, released, encoder, plan, mu = parts
        _, whole = with_cycles(df, released, encoder, plan, mu, Measurer(PrivacyFilter(plan)))
        for position in whole.cycles[0]:
            part = whole.columns[position].encoder
            one_less = (
                np.bincount(part.transform(rows["t"]), minlength=part.n_cells) for rows in (df, df[1:])
            )
            assert np.abs(np.subtract(*one_less)).sum() == 1


class TestWhichThereAre:
    def test_moments_come_first_and_their_cycles_behind_them(self):
        assert names_of(table()) == ["t", *PARTS, "x"]

    def test_what_the_codes_fix_or_the_range_is_too_short_for_is_left_out(self):
        assert names_of(table(n_days=80)) == ["t", *PARTS[:3], "x"]
        assert names_of(table(n_days=10)) == ["t", *PARTS[:2], "x"]
        dates = table().assign(t=lambda df: df["t"].dt.floor("D"))
        assert names_of(dates) == ["t", *PARTS[2:], "x"]

    def test_what_noise_would_hide_is_left_out(self, parts):
        df, released, encoder, plan, mu = parts
        few, ledger = replace(released, n_rows=7 * plan.noise_stddev("cycles", 1)), PrivacyFilter(plan)
        assert with_cycles(df, few, encoder, plan, mu, Measurer(ledger))[1] is encoder
        assert not ledger.entries

    def test_a_table_without_moments_is_as_it_was(self):
        df = table()[["x"]]
        released, encoder, plan, mu = measured(df)
        ledger = PrivacyFilter(plan)
        same = with_cycles(df, released, encoder, plan, mu, Measurer(ledger))
        assert same[0] is released
        assert same[1] is encoder
        assert not ledger.entries

    @pytest.mark.family
    def test_many_moments_stay_within_the_width(self, monkeypatch):
        df = table(**{f"t{i}": table()["t"] for i in range(4)})
        released, encoder, plan, mu = measured(df, 50.0)
        monkeypatch.setattr("tabgan.privacy.doors.cycle_counts.MAX_WIDTH", encoder.width + 30)
        _, whole = with_cycles(df, released, encoder, plan, mu, Measurer(PrivacyFilter(plan)))
        assert encoder.width < whole.width <= encoder.width + 30 < MAX_WIDTH
        assert all(whole.cycles.values())
        assert len(whole.cycles) == 5  # each its first one before any has all

    @pytest.mark.family
    def test_a_target_stays_last(self):
        df = table(y=table()["x"] > 3)[["t", "y", "x"]]
        plan = make_plan(50.0, 1e-6, adversary_share=0.0)
        found = measure_table(df, Schema(target="y"), plan, Measurer(PrivacyFilter(plan)))
        assert found.encoder.names == ["t", *PARTS, "x", "y"]
        assert {pair.columns for pair in found.pairs}.isdisjoint(found.encoder.calendar_lifts())
        moments = measure_table(df, Schema(target="t"), plan, Measurer(PrivacyFilter(plan)))
        assert moments.encoder.names == ["y", "x", "t", *PARTS]
        both = measure_table(df, Schema(targets=["t", "y"]), plan, Measurer(PrivacyFilter(plan)))
        assert both.encoder.names == ["x", "t", *PARTS, "y"]


def share_explained(number, part):
    return float(number.groupby(part).transform("mean").var() / number.var())


@pytest.mark.slow
def test_a_sample_keeps_what_hours_weekdays_and_months_explain(tmp_path):
    """Of 6,000 rows, the prior of pairs takes a third of the weekdays' effect: more than is allowed here."""
    n_rows = 12_000
    df = table(n_rows)
    df.loc[: n_rows // 20 - 1, "t"] = pd.NaT
    model = TabGAN(epsilon=None, adversary_share=0.0, random_state=0).fit(df)
    drawn = model.sample(n_rows, random_state=1)
    assert drawn["t"].isna().mean() == pytest.approx(0.05, abs=0.01)
    for part in ("hour", "day_of_week", "month"):
        real, kept = (share_explained(each["x"], getattr(each["t"].dt, part)) for each in (df, drawn))
        assert real > 0.1
        assert 0.7 * real < kept < 1.3 * real
    held = model.sample(5, conditions={"t": "2021-06-05 14:00"})
    assert (held["t"] == pd.Timestamp("2021-06-05 14:00")).all()
    model.save(tmp_path / "m")
    pd.testing.assert_frame_equal(TabGAN.load(tmp_path / "m").sample(200), model.sample(200))
