"""The summary: tiles, who is missing, and two pages of paper."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace

import pypdf
import pytest

from tabgan.errors import ConfigError
from tabgan.evaluation.gate import Decision
from tabgan.evaluation.result import Interval, SubgroupResult
from tabgan.report import Report, Stated, to_html, to_json, to_markdown, write
from tabgan.report.findings import find
from tabgan.report.pdf import has_pdf, to_pdf
from tabgan.report.tiles import tiles
from tabgan.report.who import RED_SHARE, who_is_missing
from tabgan.table.losses import Loss

LOSS = Loss(
    "town", "unreleased", 0.3, "about 30% of the rows hold none of the 3 categories", "town: {kind: x}"
)


def of(tile):
    return {row.label: row for row in tile.rows}


class TestTiles:
    def test_of_the_internal_edition(self, full):
        privacy, fidelity, utility, attacks = tiles(full)
        assert (privacy.value, privacy.status) == ("ε 1.5", "good")
        assert (fidelity.value, fidelity.beside) == ("90.0%", "a real holdout: 96.0%")
        assert (fidelity.bar.value, fidelity.bar.reference) == (90.0, 96.0)
        assert (utility.value, utility.beside) == ("0.810", "trained on real rows: 0.900")
        assert (attacks.value, attacks.status) == ("20.0%", "attention")
        assert "at most 22.0%" in attacks.beside

    def test_an_audit_beyond_epsilon_is_red(self, full, zoo):
        data = replace(full, privacy=replace(zoo.privacy, epsilon=0.2), private_metrics=None)
        assert tiles(data)[0].status == "alarm"

    def test_without_privacy(self, zoo):
        tile = tiles(zoo.make(zoo.plain))[0]
        assert (tile.value, tile.status, tile.bar) == ("none", "alarm", None)

    def test_the_shareable_edition_says_what_it_lacks(self, shareable):
        *_, utility, attacks = tiles(shareable)
        assert "private metrics" in utility.absent
        assert "bounds every attack" in attacks.absent

    def test_private_metrics_without_a_score_of_a_model_give_its_reason(self, shareable, zoo):
        why = {"reason": "no target was named that is a class", "is_shareable": True}
        metrics = (*shareable.evaluation.metrics, zoo.metric("accuracy_private", "utility", None, **why))
        evaluation = replace(shareable.evaluation, metrics=metrics)
        data = replace(shareable, evaluation=evaluation, private_metrics=zoo.private_metrics)
        assert tiles(data)[2].absent == "Not computed: no target was named that is a class."


class TestWhoIsMissing:
    @pytest.mark.parametrize(
        ("share", "reference", "status"),
        [(0.0, 0.0, "good"), (0.005, 0.0, "good"), (0.02, 0.0, "attention"), (0.2, 0.16, "good"),
         (0.055, 0.004, "alarm"), (0.055, 0.006, "attention")],
    )  # fmt: skip
    def test_is_red_beyond_the_limit(self, zoo, share, reference, status):
        metric = zoo.metric("missing_rows", "coverage", share, reference, direction="lower", format="percent")
        found = find(replace(zoo.evaluation(), metrics=(metric,), columns=()), zoo.privacy)
        (finding,) = (each for each in found if each.subject == "Who is missing")
        assert finding.status == status
        assert (found[0] == finding) or status == "good"

    def test_hidden_values_of_an_unknown_share_are_no_zero(self, zoo):
        metric = zoo.metric("missing_rows_released", "coverage", 0.0, format="percent", is_shareable=True)
        evaluation = replace(zoo.evaluation(), metrics=(metric,), columns=(), subgroups=(), unshown=())
        lost = Loss("widowed", "constant", None, "one value stands out", "widowed: {kind: boolean}")
        found = find(evaluation, zoo.privacy, is_internal=False, losses=[lost])
        (finding,) = (each for each in found if each.subject == "Who is missing")
        assert finding.text == "The noise hides values of 1 column; no share of rows is known."

    def test_a_gate_that_passes_beside_a_red_finding_says_so(self, full):
        passed = replace(full, decision=Decision("passed"))
        assert "a finding in red below is left to a person" in to_html(passed)
        calm = replace(passed, findings=tuple(each for each in full.findings if each.status != "alarm"))
        assert "every limit set in advance is met." in to_html(calm)

    def test_stands_first(self, full):
        assert (full.findings[0].subject, full.findings[0].status) == ("Who is missing", "alarm")

    def test_the_internal_edition_names_categories(self, full, zoo):
        html = to_html(full, summary=True)
        assert "x" * 40 in html
        assert json.loads(to_json(full))["evaluation"]["unshown"][0]["share"] == 0.06

    def test_empty_columns_and_impossible_values(self, zoo):
        first, second, *others = zoo.evaluation().columns
        columns = (replace(first, missing_synthetic=1.0), replace(second, valid=0.9), *others)
        who = who_is_missing(replace(zoo.evaluation(), columns=columns), ())
        assert (who.empty, who.impossible[0][0], who.is_red) == (("age",), "income", True)

    def test_ranges_that_may_go_on_are_told_apart_from_missing_rows(self, full, zoo):
        text = "noise may hide up to 12% of the rows beyond either end of its range, which show the end"
        ends = Loss("age", "ends", None, text, "age: {kind: numeric, bounds: [low, high]}")
        who = who_is_missing(zoo.evaluation(), (ends,))
        assert (who.ends, who.columns) == ((ends,), who_is_missing(zoo.evaluation(), ()).columns)
        found = find(zoo.evaluation(), zoo.privacy, losses=(ends,))
        (finding,) = (each for each in found if each.subject == "Who is missing")
        assert "Ranges or categories of 1 column may go on beyond what the noise shows." in finding.text
        html = to_html(replace(full, losses=(ends,)))
        assert "Ranges that may go on:" in html
        assert text in html
        assert "Ranges that may go on:" not in to_html(full)

    def test_keys_whose_rows_share_nothing_are_told_apart_too(self, full, zoo):
        loss = Loss("age", "unrelated", None, "rows that share a key", "rules: [{same: [...], within: age}]")
        who = who_is_missing(zoo.evaluation(), (loss,))
        assert (who.unrelated, who.columns) == ((loss,), who_is_missing(zoo.evaluation(), ()).columns)
        found = find(zoo.evaluation(), zoo.privacy, losses=(loss,))
        (finding,) = (each for each in found if each.subject == "Who is missing")
        assert "Rows that share a key are no more related than others." in finding.text
        html = to_html(replace(full, losses=(loss,)))
        assert "Rows of a key that are no more related than others:" in html
        assert "same: [...], within: age" in html

    @pytest.mark.parametrize(
        ("low", "is_told", "is_red"), [(0.05, False, False), (0.1, True, False), (0.15, True, True)]
    )
    def test_groups_that_lose_more_than_all_rows(self, zoo, low, is_told, is_red):
        """All rows lose 0.09."""
        group = SubgroupResult("sex", "f", 60, 0.6, 0.8, 0.2, Interval(low, 0.3))
        who = who_is_missing(replace(zoo.evaluation(), subgroups=(group,)), ())
        assert (len(who.groups), who.is_red) == (is_told, is_red)
        assert RED_SHARE == 0.05

    def test_the_shareable_edition_has_noisy_shares_and_names_columns_alone(self, shareable, zoo):
        metric = zoo.metric(
            "missing_rows_released", "coverage", 0.3, direction="lower", format="percent", is_shareable=True
        )
        judged = replace(shareable.evaluation, metrics=(metric,))
        findings = find(judged, zoo.privacy, is_internal=False, losses=(LOSS,))
        data = replace(shareable, evaluation=judged, losses=(LOSS,), findings=findings)
        assert (findings[0].status, findings[0].columns) == ("alarm", ("town",))
        assert "by noisy shares" in findings[0].text
        for text in (to_html(data), to_html(data, summary=True), to_json(data), to_markdown(data)):
            assert "30.0%" in text or "0.3" in text
            assert zoo.secret not in text


class TestPage:
    def test_the_summary_stands_first_and_alone_if_it_is_asked_for(self, full, tmp_path):
        whole, brief = to_html(full), to_html(full, summary=True)
        assert 'id="fidelity"' in whole
        assert 'id="fidelity"' not in brief
        assert len(brief) < len(whole) / 2
        assert not re.search('href="#(?!summary)', brief)
        assert Report(full).to_html(tmp_path / "s.html", summary=True).read_text(encoding="utf-8") == brief

    def test_lines_to_fill_in(self, data):
        stated = replace(
            data, stated=Stated(controller="The bureau", author="A. N. Other", purpose="teaching")
        )
        html = to_html(stated, summary=True)
        assert html.count('class="blank"') == 3 + 3  # source, recipient, contact; and the sign-off
        assert all(text in html for text in ("The bureau", "A. N. Other", "teaching", "Date and signature"))

    @pytest.mark.parametrize("name", ["report.json", "report.md"])
    def test_other_forms_have_no_summary(self, data, tmp_path, name):
        with pytest.raises(ConfigError, match=r"ends in \.html or \.pdf"):
            write(data, tmp_path / name, summary=True)


@pytest.mark.family
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("which", ["full", pytest.param("shareable", marks=pytest.mark.slow)])
def test_two_pages_of_paper(request, which):
    if not has_pdf():
        pytest.skip("WeasyPrint is not installed")
    pdf = to_pdf(to_html(request.getfixturevalue(which), summary=True))
    assert len(pypdf.PdfReader(io.BytesIO(pdf)).pages) == 2
