from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from tabgan.errors import PrivacyError
from tabgan.evaluation.gate import Check, Decision
from tabgan.report import to_html, to_json, to_markdown
from tabgan.report.edition import check_edition


class TestGuard:
    """Every renderer refuses figures that a shareable report may not hold."""

    def broken(self, shareable, zoo):
        judged = shareable.evaluation
        pictures = zoo.full_pictures(("a", "b", "c"))
        first, *others = shareable.columns
        private = zoo.metric("tstr", "utility", 0.5)
        yield "the figure 'tstr'", {"metrics": (*judged.metrics, private)}
        yield "holdout rows", {"n_holdout": 1}
        yield "subgroups", {"subgroups": zoo.subgroups}
        yield "names of values that were not released", {"unshown": zoo.unshown}
        for name in ("correlations", "calibration", "projection", "distances", "membership"):
            yield (
                f"the picture '{name}'",
                {"pictures": replace(judged.pictures, **{name: getattr(pictures, name)})},
            )
        for change in ({"giveaway": 0.1},):
            card = replace(first, result=replace(first.result, **change))
            yield "column 'age'", (card, *others)
        internal = zoo.make().columns[0].overlay
        yield "column 'age'", (replace(first, overlay=internal), *others)

    def test_refuses(self, shareable, zoo):
        for words, change in self.broken(shareable, zoo):
            if isinstance(change, tuple):
                data = replace(shareable, columns=change)
            else:
                data = replace(shareable, evaluation=replace(shareable.evaluation, **change))
            for render in (to_html, to_json, to_markdown):
                with pytest.raises(PrivacyError, match=words):
                    render(data)
            check_edition(replace(data, edition="internal"))

    def test_refuses_joint_counts_of_real_rows(self, shareable, full):
        for render in (to_html, to_json, to_markdown):
            with pytest.raises(PrivacyError, match="joint counts of real rows"):
                render(replace(shareable, pairs=full.pairs))

    def test_a_fit_without_privacy_has_no_shareable_edition(self, shareable, zoo):
        with pytest.raises(PrivacyError, match="without privacy"):
            to_html(replace(shareable, privacy=zoo.plain))

    @pytest.mark.parametrize(("name", "is_let"), [("epsilon", True), ("audit", True), ("tvd2", False)])
    def test_what_a_gate_says_of_real_rows(self, shareable, name, is_let):
        check = Check(name, "Label", "at_most", 1.0, 0.5, True, "Label: kept.")
        data = replace(shareable, decision=Decision("passed", (check,)))
        if not is_let:
            with pytest.raises(PrivacyError, match="the gate's check of 'tvd2'"):
                to_html(data)
            return
        for text in (to_html(data), to_markdown(data)):
            assert "The promises meet the limits that were set for them." in text
            assert "very limit" not in text


class TestShareablePage:
    def test_says_what_it_is(self, shareable):
        html = to_html(shareable)
        assert "INTERNAL" not in html
        assert html.count("SHAREABLE") > 12
        assert "covered by epsilon 1, delta 1e-06" in html
        twin = json.loads(to_json(shareable))
        assert (twin["edition"], twin["notice"][:9]) == ("shareable", "SHAREABLE")
        assert "**SHAREABLE.**" in to_markdown(shareable)

    def test_the_cover_is_the_total(self, shareable, zoo):
        html = to_html(replace(shareable, private_metrics=zoo.private_metrics))
        assert "covered by epsilon 1.5, delta 1.1e-06" in html

    def test_real_series_are_named_released(self, shareable):
        html = to_html(shareable)
        assert "Released (noisy) (outline)" in html
        assert not re.search(r"Real \(outline\)|>Real<|Missing, real", html)
        assert not re.search(r">Holdout</th>|, holdout ", html)

    def test_empty_sections_say_why_in_one_line(self, shareable):
        html = to_html(shareable)
        assert html.count("Not in the shareable edition: ") == 2
        assert "Not in the shareable edition, because" in html

    def test_without_any_rows(self, shareable):
        data = replace(shareable, evaluation=replace(shareable.evaluation, n_real=0))
        assert "about 0" not in to_html(data)


def test_odds_are_those_of_the_total(full, data, zoo):
    assert [row.before for row in data.odds] == [0.1, 0.5, 0.9]
    assert full.odds[1].at_most == pytest.approx(0.8176, abs=1e-4)  # 1 / (1 + exp(-1.5))
    assert zoo.make(zoo.plain).odds == ()
