from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace

import pytest

from tabgan.evaluation.result import Interval, Risk
from tabgan.report import to_html, to_json, to_markdown
from tabgan.report.findings import badge, columns_behind, figure_text, find, judge
from tabgan.table.losses import Loss


class TestJudge:
    @pytest.mark.parametrize(
        ("value", "reference", "direction", "expected"),
        [
            (0.97, 0.98, "higher", "good"),
            (0.95, 0.98, "higher", "attention"),
            (0.034, 0.007, "lower", "attention"),
            (0.082, 0.04, "lower", "attention"),
            (0.08, 0.04, "lower", "good"),
            (0.006, 0.001, "lower", "good"),
            (0.007, 0.001, "lower", "attention"),
            (0.01, 0.04, "lower", "good"),
            (0.99, None, "higher", None),
            (0.99, float("nan"), "higher", None),
        ],
    )
    def test_against_the_reference(self, zoo, value, reference, direction, expected):
        assert judge(zoo.metric("m", "fidelity", value, reference, direction=direction)) == expected

    @pytest.mark.parametrize(
        ("value", "own", "of_reference", "expected"),
        [
            (0.87, (0.85, 0.89), (0.88, 0.92), "attention"),
            (0.87, (0.83, 0.91), (0.88, 0.92), "attention"),  # its own interval reaches the reference
            (0.88, (0.86, 0.90), (0.88, 0.92), "good"),
            (0.95, (0.93, 0.97), (0.88, 0.92), "good"),
            (0.87, (0.83, 0.91), None, "good"),
            (0.87, (0.85, 0.89), None, "attention"),
            (0.896, None, None, "good"),
            (0.87, None, None, "attention"),
        ],
    )
    def test_what_models_score_is_held_against_the_spread_of_the_reference(
        self, zoo, value, own, of_reference, expected
    ):
        own, of_reference = (each and Interval(*each) for each in (own, of_reference))
        metric = zoo.metric("tstr", "utility", value, 0.9, interval=own, reference_interval=of_reference)
        assert judge(metric) == expected

    @pytest.mark.parametrize(
        ("value", "interval", "expected"),
        [(1.0, None, "attention"), (0.52, (0.49, 0.55), "good"), (0.52, (0.51, 0.53), "attention")],
    )
    def test_telling_tables_apart_is_held_against_guessing(self, zoo, value, interval, expected):
        """An area of 1 is twice that of guessing, and no distance."""
        metric = zoo.metric(
            "c2st", "fidelity", value, direction="lower", interval=interval and Interval(*interval)
        )
        assert judge(metric) == expected

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


class TestOneVerdict:
    """A badge, the table's status, the key findings and both twins say the same of every figure."""

    def figures(self, zoo):
        for group, direction in (("fidelity", "lower"), ("fidelity", "higher"), ("utility", "higher")):
            for value, reference in itertools.product(
                (0.0, 0.007, 0.034, 0.05, 0.5, 0.87, 0.95, 1.0), repeat=2
            ):
                for half in (None, 0.03):
                    options = {
                        "direction": direction,
                        "reference_interval": half and Interval(reference - half, 1.0),
                    }
                    yield group, direction, half, zoo.metric("m", group, value, reference, **options)

    def test_over_a_grid(self, zoo):
        metrics = tuple(
            replace(metric, name=f"m{i}", label=f"Figure {i}")
            for i, (*_, metric) in enumerate(self.figures(zoo))
        )
        data = zoo.make(metrics=metrics)
        said = {
            label: finding.status
            for finding in data.findings
            if finding.subject in ("Fidelity", "Utility")
            for label in re.findall(r"Figure \d+", finding.text)
        }
        page, card, twin = to_html(data), to_markdown(data), json.loads(to_json(data))
        rows = re.findall(r'class="what">(Figure \d+)<.*?class="chip (\w+)">\S+ ([^<]+)<', page, re.DOTALL)
        told = {row[0]: row[1:] for row in rows}
        in_card = dict(re.findall(r"\| (Figure \d+) \|.*\| ([^|]+) \|\n", card))
        in_twin = {metric["label"]: metric["judgement"] for metric in twin["evaluation"]["metrics"]}
        assert set(told) == set(said) == set(in_card) == {metric.label for metric in metrics}
        assert set(said.values()) == {"good", "attention"}
        for metric in metrics:
            status, words = badge(metric)
            assert told[metric.label] == (status, words)
            assert (said[metric.label], in_twin[metric.label], in_card[metric.label]) == (
                status,
                status,
                words,
            )
            assert (words == "Needs attention") == (status == "attention")

    def test_the_rule_is_printed(self, data):
        assert "at most 2 times the reference&#39;s" in to_html(data)
        assert "at most 2 times the reference" in to_markdown(data)


class TestFind:
    def test_attention_comes_first(self, zoo):
        statuses = [finding.status for finding in find(zoo.evaluation(), zoo.privacy)]
        assert statuses == sorted(statuses, key=["alarm", "attention", "good", "open"].index)

    @pytest.mark.parametrize(
        ("distances", "behind"),
        [
            ([(0.02, 0.01), (0.021, 0.01)], [1]),
            ([(0.02, 0.0001), (0.02, 0.03)], []),  # one reference is small by chance
            ([(0.034, 0.0001), (0.02, 0.03)], [0]),
            ([(0.005, 0.0), (0.006, 0.0), (None, None)], [1]),
            ([(0.02, None)], [0]),
        ],
    )
    def test_a_column_is_held_against_the_spread_of_its_reference(self, zoo, distances, behind):
        column = zoo.evaluation().columns[0]
        columns = [
            replace(column, name=str(i), tvd=tvd, reference=reference)
            for i, (tvd, reference) in enumerate(distances)
        ]
        assert [each.name for each in columns_behind(columns)] == [str(i) for i in behind]

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

    def test_private_metrics_count_towards_epsilon(self, zoo):
        privacy = replace(zoo.privacy, epsilon=0.8)
        (finding,) = (
            f
            for f in find(zoo.evaluation(), privacy, private_metrics=zoo.private_metrics)
            if f.subject == "Privacy"
        )
        assert "Epsilon is 1.3, 0.5 of it for private metrics" in finding.text
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


class TestLosses:
    LOSSES = (
        Loss("y", "constant", None, "one value alone stands out", "{name: y}"),
        Loss("town", "unreleased", 0.3, "about 30% of the rows", "{name: town}"),
    )

    def test_are_told_first(self, data):
        found = find(data.evaluation, data.privacy, losses=self.LOSSES, target="y")
        target, losses = found[:2]
        assert (target.status, target.subject, target.columns) == ("alarm", "Target", ("y",))
        assert "Nothing can be predicted" in target.text
        assert (losses.status, losses.subject, set(losses.columns)) == (
            "attention",
            "Who is missing",
            {"town", "y"},
        )

    def test_nothing_is_told_of_a_fit_that_lost_nothing(self, data):
        nobody = replace(data.evaluation, metrics=())
        assert not {"Target", "Who is missing"} & {each.subject for each in find(nobody, data.privacy)}

    def test_stand_in_every_form(self, data, tmp_path):
        told = replace(data, losses=self.LOSSES)
        texts = [to_html(told), to_json(told), to_markdown(told)]
        assert all("about 30% of the rows" in text for text in texts)
        assert "30.0%" in texts[0]
        assert not any("about 30% of the rows" in form(data) for form in (to_html, to_json, to_markdown))
