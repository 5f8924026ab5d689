"""Sums of a ledger: two totals, the part that is held, and the next fit that the cap lets pass."""

import json
import re
from dataclasses import replace

import pytest

from tabgan.errors import ConfigError
from tabgan.privacy.accounting import filter_order
from tabgan.privacy.events import GAUSSIAN, Release
from tabgan.privacy.ledger.file import LedgerFile
from tabgan.privacy.ledger.records import LedgerConfig
from tabgan.privacy.ledger.summary import BAR_WIDTH, read_ledger, summarize
from tabgan.privacy.plan import make_plan

PLAN = make_plan(1.0, 1e-6, adversary_share=0.0)


def ledger(path, n_fits, config=None, *, is_ended=True):
    file = LedgerFile(path)
    for number in range(n_fits):
        name = f"fit{number}"
        file.begin(name, PLAN, config or LedgerConfig(path), lambda key: "same")
        release = Release("release", "rows", (), GAUSSIAN, 1 / PLAN.mu)
        file.charge(name, "1 rows", [release])
        if is_ended:
            file.end(name, "done")
    return file


def test_totals_are_those_of_the_accountant(tmp_path):
    summary = summarize(ledger(tmp_path / "l", 3), 1e-5)
    assert summary.epsilon_spent == pytest.approx((PLAN.cost + PLAN.cost + PLAN.cost).epsilon(1e-5), rel=0.02)
    assert summary.epsilon_spent < 3 * summary.fits[0].epsilon_spent
    assert (summary.epsilon_spent_adaptive, summary.epsilon_held, summary.epsilon_next) == (None, None, None)
    assert summary.delta == 1e-5
    assert summarize(LedgerFile(tmp_path / "l")).delta == pytest.approx(3e-6)


def test_the_cap_counts_more_than_fits_that_were_planned_beforehand(tmp_path):
    config = LedgerConfig(tmp_path / "l", 3.0, 1e-5)
    summary = summarize(ledger(tmp_path / "l", 3, config))
    assert summary.epsilon_spent < summary.epsilon_spent_adaptive == summary.epsilon_held <= 3.0


@pytest.mark.parametrize("n_fits", [1, 3])
def test_a_next_fit_of_what_remains_passes_and_one_of_much_more_does_not(tmp_path, n_fits):
    config = LedgerConfig(tmp_path / "l", 3.0, 1e-5)
    file = ledger(tmp_path / "l", n_fits, config)
    remains = summarize(file).epsilon_next
    file.check_cap(make_plan(remains, 1e-6, adversary_share=0.0), config)
    with pytest.raises(Exception, match="over its cap"):
        file.check_cap(make_plan(remains * 1.05, 1e-6, adversary_share=0.0), config)


def test_an_unfinished_fit_holds_its_plan(tmp_path):
    config = LedgerConfig(tmp_path / "l", 3.0, 1e-5)
    summary = summarize(ledger(tmp_path / "l", 1, config, is_ended=False))
    assert summary.fits[0].state == "unfinished"
    order = filter_order(3.0, 1e-5)
    assert summary.epsilon_held == pytest.approx(PLAN.cost.adaptive_epsilon(1e-5, order))


def test_a_delta_that_is_used_up_is_no_number_in_json(tmp_path):
    file = LedgerFile(tmp_path / "l")
    plan = make_plan(1.0, 1e-6)
    file.begin("fit", plan, LedgerConfig(tmp_path / "l"), lambda key: "same")
    release = Release("release", "c", ("c",), "discrete Gaussian with threshold", 100.0, 1e-7)
    file.charge("fit", "1 c", [release])
    assert json.loads(summarize(file, 1e-8).to_json())["epsilon_spent"] is None


class TestWords:
    def test_a_lay_reader_learns_what_was_spent_counts_and_remains(self, tmp_path):
        config = LedgerConfig(tmp_path / "l", 3.0, 1e-5)
        summary = summarize(ledger(tmp_path / "l", 2, config))
        words = dict(summary.words)
        assert list(words) == ["spent", "counted", "cap", "remaining", "next fit"]
        assert "what all releases so far can tell together, if no fit was planned after" in words["spent"]
        assert "what the cap counts for them, a bound that also holds if" in words["counted"]
        once = float(re.search(r"epsilon ([\d.]+) of it is counted once", words["counted"])[1])
        assert summary.epsilon_once <= once < summary.epsilon_held
        assert words["cap"] == "epsilon 3 at delta 1e-05"
        assert re.match(r"may ask for epsilon [\d.]+ at delta 1e-06, about: ", words["next fit"])
        assert summary.remaining == pytest.approx(3.0 - summary.epsilon_held)
        for text in words.values():
            assert text in repr(summary)

    def test_a_later_fit_counts_for_no_more_than_its_own_part(self, tmp_path):
        """Beyond what is counted once, as much for each of equal fits."""
        config = LedgerConfig(tmp_path / "l", 9.0, 1e-5)
        one, both = (summarize(ledger(tmp_path / f"l{n}", n, config)) for n in (1, 2))
        assert one.epsilon_once == both.epsilon_once > 0
        once = one.epsilon_once
        assert both.epsilon_held - once == pytest.approx(2 * (one.epsilon_held - once))

    def test_where_nothing_was_released_nothing_counts(self, tmp_path):
        file = LedgerFile(tmp_path / "l")
        file.begin("fit", PLAN, LedgerConfig(tmp_path / "l", 3.0, 1e-5), lambda key: "same")
        file.end("fit", "failed")
        summary = summarize(file)
        assert summary.epsilon_once == summary.epsilon_held == 0
        assert "nothing of the cap is used" in dict(summary.words)["counted"]

    def test_printed_numbers_never_promise_more_than_is_true(self, tmp_path):
        config = LedgerConfig(tmp_path / "l", 3.0, 1e-5)
        summary = summarize(ledger(tmp_path / "l", 2, config))
        words = dict(summary.words)
        assert float(words["spent"].split()[1]) >= summary.epsilon_spent
        assert float(words["counted"].split()[1].rstrip(":")) >= summary.epsilon_held
        assert float(words["remaining"].split()[1]) <= summary.remaining

    def test_an_unfinished_fit_is_named(self, tmp_path):
        config = LedgerConfig(tmp_path / "l", 3.0, 1e-5)
        summary = summarize(ledger(tmp_path / "l", 1, config, is_ended=False))
        assert "with the whole plan of 1 unfinished" in dict(summary.words)["counted"]
        spent, counted = summary.shares
        assert counted > 0
        assert 0 < spent + counted < 1
        assert "█" in summary.bar
        assert "▒" in summary.bar
        assert summary.bar.index("]") == BAR_WIDTH + 1

    def test_a_full_ledger_has_nothing_left(self, tmp_path):
        config = LedgerConfig(tmp_path / "l", 1.0, 1e-5)
        summary = replace(summarize(ledger(tmp_path / "l", 1, config)), epsilon_held=1.4, epsilon_next=0.0)
        assert summary.remaining == 0
        assert dict(summary.words)["next fit"] == "nothing: the cap refuses the next one"
        assert "·" not in summary.bar.split("]")[0]

    def test_without_a_cap(self, tmp_path):
        summary = summarize(ledger(tmp_path / "l", 1))
        assert summary.bar == ""
        assert summary.remaining is None
        assert "nothing is refused" in repr(summary)
        assert "nothing is refused" in summary._repr_html_()

    def test_html_escapes_the_path_and_has_the_picture(self, tmp_path):
        path = tmp_path / "<script>"
        summary = summarize(ledger(path, 2, LedgerConfig(path, 3.0, 1e-5)))
        made = summary._repr_html_()
        assert "<script" not in made
        assert "<svg" in made
        assert "fit1" in made
        assert summary.to_frame()["name"].tolist() == ["fit0", "fit1"]

    def test_reading_one(self, tmp_path):
        ledger(tmp_path / "l", 1)
        assert len(read_ledger(tmp_path / "l").fits) == 1
        with pytest.raises(ConfigError, match="ledger: no file"):
            read_ledger(tmp_path / "none")
        assert not (tmp_path / "none").exists()
