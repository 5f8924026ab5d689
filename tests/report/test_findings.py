from __future__ import annotations

from dataclasses import replace

import pytest

from tabgan.evaluation.result import Interval, Risk
from tabgan.report.findings import figure_text, find, judge


class TestJudge:
    @pytest.mark.parametrize(
        ("value", "reference", "direction", "expected"),
        [
            (0.95, 0.98, "higher", "good"),
            (0.90, 0.98, "higher", "attention"),
            (0.10, 0.04, "lower", "attention"),
            (0.08, 0.04, "lower", "good"),
            (0.99, None, "higher", None),
            (0.99, float("nan"), "higher", None),
        ],
    )
    def test_against_the_reference(self, zoo, value, reference, direction, expected):
        assert judge(zoo.metric("m", "fidelity", value, reference, direction=direction)) == expected

    @pytest.mark.parametrize(("low", "expected"), [(0.49, "good"), (0.52, "attention")])
    def test_a_copy_check_looks_at_the_whole_interval(self, zoo, low, expected):
        metric = zoo.metric("dcr_share", "copies", 0.55, direction="none", interval=Interval(low, 0.6))
        assert judge(metric) == expected

    def test_validity_has_to_be_complete(self, zoo):
        assert judge(zoo.metric("validity", "validity", 1.0, format="percent")) == "good"
        assert judge(zoo.metric("validity", "validity", 0.9999, format="percent")) == "attention"

    @pytest.mark.parametrize(("low", "expected"), [(-0.1, "good"), (0.0, "good"), (0.001, "attention")])
    def test_an_attack_looks_at_the_whole_interval_of_its_risk(self, zoo, low, expected):
        metric = zoo.metric("linkability", "attacks", 0.9, 0.1, risk=Risk(0.3, Interval(low, 0.5)))
        assert judge(metric) == expected

    def test_a_copy_check_too_but_for_one_row_in_a_thousand(self, zoo):
        for low, expected in ((0.0009, "good"), (0.0011, "attention")):
            metric = zoo.metric("exact_copies", "copies", 0.3, 0.1, risk=Risk(0.2, Interval(low, 0.5)))
            assert judge(metric) == expected

    @pytest.mark.parametrize(("low", "expected"), [(0.49, "good"), (0.501, "attention")])
    def test_membership_looks_at_the_whole_interval_of_its_success(self, zoo, low, expected):
        metric = zoo.metric("membership_auc", "attacks", 0.55, direction="lower", interval=Interval(low, 0.6))
        assert judge(metric) == expected

    @pytest.mark.parametrize(("epsilon", "expected"), [(None, None), (1.0, "good"), (0.4, "attention")])
    def test_an_audit_is_held_against_the_stated_epsilon(self, zoo, epsilon, expected):
        assert judge(zoo.metric("audit_bound", "audit", 0.41, 0.6, direction="lower"), epsilon) == expected

    def test_not_computed(self, zoo):
        assert judge(zoo.metric("m", "fidelity", None, reason="too few rows")) == "open"


class TestFind:
    def test_attention_comes_first(self, zoo):
        statuses = [finding.status for finding in find(zoo.evaluation(), zoo.privacy)]
        assert statuses == sorted(statuses, key=["attention", "good", "open"].index)

    def test_columns_worst_first(self, zoo):
        (finding,) = (f for f in find(zoo.evaluation(), zoo.privacy) if f.subject == "Columns")
        assert finding.columns[:2] == ("text", "zoned")
        assert "id" not in finding.columns

    @pytest.mark.parametrize(
        ("epsilon", "status", "word"),
        [(1.0, "good", "strong"), (5.0, "good", "reasonable"), (20.0, "attention", "weak")],
    )
    def test_tiers_of_epsilon(self, zoo, epsilon, status, word):
        privacy = replace(zoo.privacy, epsilon=epsilon, epsilon_spent=0.5 * epsilon)
        (finding,) = (f for f in find(zoo.evaluation(), privacy) if f.subject == "Privacy")
        assert finding.status == status
        assert f"Epsilon is {epsilon:g};" in finding.text
        assert word in finding.text

    def test_a_large_delta_needs_attention(self, zoo):
        privacy = replace(zoo.privacy, delta=0.01)
        assert any("Delta is 0.01" in finding.text for finding in find(zoo.evaluation(), privacy))

    def test_bought_figures_count_towards_epsilon(self, zoo):
        privacy = replace(zoo.privacy, epsilon=0.8)
        (finding,) = (f for f in find(zoo.evaluation(), privacy, bought=zoo.bought) if f.subject == "Privacy")
        assert "Epsilon is 1.3, 0.5 of it for figures of this report" in finding.text
        assert "reasonable" in finding.text

    def test_attacks_are_told_with_their_risks(self, full):
        works, fails = (f for f in full.findings if f.subject == "Attacks")
        assert (works.status, fails.status) == ("attention", "good")
        assert "Label of inference, excess risk 20.0% (18.0% to 22.0%)" in works.text
        assert "Label of singling_out" in fails.text

    def test_an_audit_that_fails_forbids_release(self, zoo, full):
        privacy = replace(zoo.privacy, epsilon=0.3)
        (finding,) = (f for f in find(full.evaluation, privacy) if f.subject == "Audit")
        assert finding.status == "attention"
        assert "0.41, above the stated 0.3" in finding.text
        assert "do not release" in finding.text

    def test_the_shareable_edition_speaks_of_released_counts(self, shareable):
        (finding,) = (f for f in shareable.findings if f.subject == "Columns")
        assert "released" in finding.text
        assert "holdout" not in finding.text

    def test_what_is_missing_is_named_with_its_reason(self, zoo):
        finding = find(zoo.evaluation(), zoo.privacy)[-1]
        assert (finding.status, "no column is an identifier" in finding.text) == ("open", True)


def test_only_complete_reads_100_percent():
    assert figure_text(0.99999, "percent") == ">99.9%"
    assert figure_text(1.0, "percent") == "100%"
    assert figure_text(float("nan"), "score") == "–"
