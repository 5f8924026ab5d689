from __future__ import annotations

from dataclasses import replace

import pytest

from tabgan.evaluation.result import Interval
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

    def test_what_is_missing_is_named_with_its_reason(self, zoo):
        finding = find(zoo.evaluation(), zoo.privacy)[-1]
        assert (finding.status, "no column is an identifier" in finding.text) == ("open", True)


def test_only_complete_reads_100_percent():
    assert figure_text(0.99999, "percent") == ">99.9%"
    assert figure_text(1.0, "percent") == "100%"
    assert figure_text(float("nan"), "score") == "–"
