from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from tabgan.errors import ConfigError
from tabgan.evaluation.gate import Decision
from tabgan.evaluation.result import ColumnResult
from tabgan.privacy.events import GAUSSIAN, Release
from tabgan.report import Stated, collect, to_html, to_json, to_markdown, write
from tabgan.report.text import isolated, shown
from tabgan.schema import Categorical, Numeric, Schema

SECTIONS = (
    "summary", "decision", "who", "privacy", "ledger", "validity", "fidelity", "utility", "attacks", "overlays",
    "pictures", "card", "reproducibility", "glossary",
)  # fmt: skip
VOID = {"meta", "br", "link", "img", "input", "hr"}


def skeleton(html: str) -> list[str]:
    """Return the tags of a page in their order, with the names of their attributes."""
    tags: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag, attrs):
            tags.append(" ".join([tag, *(key for key, _ in attrs)]))

        def handle_endtag(self, tag):
            tags.append(f"/{tag}")

    Tags().feed(html)
    return tags


class Page(HTMLParser):
    """Checks that tags are balanced; keeps attributes, text, and what stands under each heading."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.headings: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, key, value or "") for key, value in attrs]
        if tag == "h2":
            self.headings.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, key, value or "") for key, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)
        if "h2" in self.open:
            self.headings[-1] += data

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def values(self, *keys: str) -> list[str]:
        return [value for _, key, value in self.attributes if key in keys]


@pytest.fixture(scope="module")
def html(data):
    return to_html(data)


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


@pytest.fixture(scope="module")
def full_page(full):
    return Page(to_html(full))


class TestPage:
    def test_order_of_sections(self, full_page):
        ids = [value for tag, key, value in full_page.attributes if (tag, key) == ("section", "id")]
        assert tuple(ids) == SECTIONS

    def test_ids_are_unique_and_links_lead_somewhere(self, page):
        ids = page.values("id")
        assert len(ids) == len(set(ids))
        assert {link.removeprefix("#") for link in page.values("href")} <= set(ids)
        assert set(" ".join(page.values("aria-labelledby")).split()) <= set(ids)

    def test_every_section_says_internal(self, page):
        """Pitfall 27."""
        headings = [heading for heading in page.headings if heading != "Contents"]
        assert len(headings) == len(SECTIONS)
        assert all("INTERNAL" in heading for heading in headings)

    def test_needs_nothing_but_itself(self, html, page):
        assert page.values("src", "srcset", "data", "action") == []
        assert all(link.startswith("#") for link in page.values("href"))
        assert not re.search(r"https?://|url\(|@import|<script [^>]", html)

    @pytest.mark.family
    def test_is_deterministic(self, html, zoo):
        assert to_html(zoo.make()) == html

    def test_charts_have_names(self, html):
        images = re.findall(r"<svg[^>]*>", html)
        assert images
        assert all("aria-label" in image or "aria-hidden" in image for image in images)

    def test_not_computed_says_why(self, page):
        assert "not computed: no column is an identifier" in page.text

    def test_copy_checks_are_no_evidence_of_privacy(self, page):
        assert "not evidence of privacy" in page.text

    def test_odds(self, html):
        rows = re.findall(
            r'class="number">(\d+\.\d%)</th><td class="number">(.*?)</td><td class="number">(.*?)</td>', html
        )
        assert rows == [("10.0%", "3.9%", "23.2%"), ("50.0%", "26.9%", "73.1%"), ("90.0%", "76.8%", "96.1%")]

    def test_the_promise_is_what_was_fixed_and_not_what_was_spent(self, zoo):
        data = zoo.make(replace(zoo.privacy, epsilon=math.log(3), epsilon_spent=math.log(2)))
        text = Page(to_html(data)).text
        assert "(1.099, 1e-06)-differentially private" in text
        assert "(1.099, 1e-06)-differential privacy" in text
        assert "at most 3 times as likely" in text
        assert "0.6932 of 1.099" in text
        odds = json.loads(to_json(data))["privacy"]["odds"]
        assert [row["at_most"] for row in odds] == pytest.approx([0.25, 0.75, 27 / 28])

    def test_assumptions_and_ledger(self, page):
        assert "The column names are public." in page.text
        assert "4 releases in 3 groups" in page.text

    def test_what_is_not_stated_says_so(self, data):
        text = Page(to_html(data)).text
        assert "date not stated" in text
        for label in ("Source of the original", "Controller", "Author", "Purpose", "Recipient", "Contact"):
            assert f"{label} : not stated" in text

    def test_what_is_stated_is_printed_in_every_rendering(self, data, zoo):
        said = replace(
            data, created="2031-05-06", stated=Stated(zoo.hostile, "The bureau", "office@example.org")
        )
        assert {zoo.hostile, "The bureau", "office@example.org"} <= {
            w.strip() for w in Page(to_html(said)).words
        }
        twin = json.loads(to_json(said))
        assert (twin["source"], twin["controller"]) == (zoo.hostile, "The bureau")
        assert "- Controller: The bureau" in to_markdown(said)
        assert "2031" in to_markdown(said)

    @pytest.mark.family
    def test_groups_that_are_not_named_say_why(self, full):
        text = Page(to_html(full)).text
        assert "not in the released domain" in text
        assert "None" not in [word.strip() for word in Page(to_html(full)).words]

    @pytest.mark.family
    def test_a_refused_gate_leaves_nobody_to_decide(self, full, shareable):
        """In every rendering of both editions; and nothing of it where the gate is passed."""
        for data in (full, replace(shareable, decision=Decision("failed", full.decision.checks[1:]))):
            assert data.decision.outcome == "failed"
            renderings = Page(to_html(data)).text, to_markdown(data), json.loads(to_json(data))["notice"]
            for text in renderings:
                assert re.search("(?i)do not release", text)
                assert not re.search("your decision|for you to decide|controller.?'s own decision", text)
            assert "the release is refused" in renderings[0]
            passed = replace(data, decision=Decision("passed"))
            for text in (
                Page(to_html(passed)).text,
                to_markdown(passed),
                json.loads(to_json(passed))["notice"],
            ):
                assert not re.search("(?i)do not release|REFUSED", text)

    def test_created_is_printed_when_it_is_given(self, data):
        assert "2031-05-06" in Page(to_html(replace(data, created="2031-05-06"))).text


class TestWithoutPrivacy:
    def test_is_loud(self, zoo):
        page = Page(to_html(zoo.make(zoo.plain)))
        assert page.text.count("NO PRIVACY GUARANTEE") >= 2
        assert "This fit gives no privacy guarantee." in page.text
        assert all("NO PRIVACY" in heading for heading in page.headings if heading != "Contents")

    def test_the_twin_says_so(self, zoo):
        twin = json.loads(to_json(zoo.make(zoo.plain)))
        assert "NO PRIVACY GUARANTEE" in twin["notice"]
        assert (twin["privacy"]["is_private"], twin["privacy"]["odds"]) == (False, [])

    def test_has_no_odds(self, zoo):
        assert "Belief before" not in to_html(zoo.make(zoo.plain))

    @pytest.mark.family
    def test_a_ledger_without_noise(self, zoo):
        entries = (Release("release", "1-way histogram", ("age",), GAUSSIAN, 0.0),)
        page = Page(to_html(zoo.make(replace(zoo.plain, entries=entries))))
        assert "1 release in 1 group" in page.text


class TestHostileNames:
    def test_names_are_text(self, html, page, zoo):
        assert html.count("<script") == 1  # the page's own
        assert "<img" not in html
        assert zoo.hostile in page.text
        assert {tag for tag, _, _ in page.attributes}.isdisjoint({"img", "iframe", "a:href"})
        assert not [key for _, key, _ in page.attributes if key.startswith("on")]

    def test_long_names_are_cut(self, html):
        assert max(map(len, re.findall("x+", html))) <= 240

    def test_direction_is_isolated(self, html, zoo):
        outside = re.sub(r"<bdi[^>]*>.*?</bdi>|<title.*?</title>|[\w-]+=\".*?\"", "", html)
        assert "\u202e" not in outside
        assert isolated(zoo.rtl).count("\N{POP DIRECTIONAL ISOLATE}") == 1

    def test_control_characters_are_shown(self, html):
        assert "line↵break" in html
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]", html)

    def test_nothing_shown_is_empty(self):
        assert shown("") == "(empty)"

    def test_the_structure_is_that_of_a_harmless_table(self, full):
        """Whatever names and categories hold, the page has the same elements and attributes."""

        def harmless(value):
            if is_dataclass(value) and not isinstance(value, type):
                changed = {
                    field.name: value.reason
                    if field.name == "reason"
                    else harmless(getattr(value, field.name))
                    for field in fields(value)
                }
                return replace(value, **changed)
            if isinstance(value, tuple):
                return tuple(map(harmless, value))
            return value.translate(tame) if isinstance(value, str) else value

        tame = {ord(character): "x" for character in "<>\"'&{}/\\`=\n\u202e\u2069\x00\ud800"}
        assert skeleton(to_html(harmless(full))) == skeleton(to_html(full))

    def test_a_script_cannot_be_closed_or_opened(self, full):
        html = to_html(full)
        script = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
        assert len(script) == html.count("<script") == html.lower().count("</script") == 1
        assert "alert" not in script[0]


class TestPolicy:
    def test_allows_the_page_its_own_script_and_style_alone(self, html):
        policy = re.search(r'Content-Security-Policy" content="(.*?)"', html).group(1)
        for tag, rule in (("script", "script-src"), ("style", "style-src")):
            (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, flags=re.DOTALL)
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"{rule} 'sha256-{digest}'" in policy
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert 'style="' not in html  # the policy would forbid it


class TestFull:
    """Everything that a report can hold."""

    def test_decision(self, full_page):
        assert "Failed: 1 of 2 limits is not met. Do not release." in full_page.text
        assert "TSTR is 0.81; at least 0.85 was asked for." in full_page.text

    @pytest.mark.parametrize(
        ("outcome", "words"), [("passed", "Passed: every limit"), ("open", "a person decides")]
    )
    def test_other_outcomes(self, data, outcome, words):
        assert words in Page(to_html(replace(data, decision=Decision(outcome)))).text

    def test_the_total_is_told(self, full_page):
        assert "(1.5, 1.1e-06)-differential privacy covers" in full_page.text.replace(
            "privacy  covers", "privacy covers"
        )
        assert "Private metrics Figures in this report that were computed on real rows" in full_page.text

    def test_attacks_have_control_baseline_and_risk(self, full_page):
        assert "Excess risk" in full_page.text
        assert "18.0% to 22.0%" in full_page.text
        assert full_page.text.index("Copy checks") < full_page.text.index("Audit of the installation")

    def test_pictures(self, full_page):
        for words in (
            "Associations of columns", "Density of the rows", "Calibration of models", "Distances to the closest rows",
            "Membership inference", "Spend by release", "Columns that give synthetic rows away", "By group",
        ):  # fmt: skip
            assert words in full_page.text

    def test_says_what_is_not_drawn(self, html):
        assert "Not drawn, because not computed" in html

    @pytest.mark.parametrize("words", ["SP 800-226", "WP216", "27559", "28/2024", "Mitchell", "Gebru"])
    def test_references(self, full_page, words):
        assert words in full_page.text


class TestPrivateValues:
    def test_categories_outside_the_schema_never_appear(self, html, data, zoo):
        assert zoo.secret not in html
        assert zoo.secret not in to_json(data)
        assert "not in the released domain" in html

    def test_extremes_never_appear(self, html, data):
        for text in (html, to_json(data)):
            assert not re.search(r"987[,_]?654", text)


class TestJson:
    def test_is_strict_and_versioned(self, data):
        def refuse(constant: str) -> None:
            raise AssertionError(constant)

        twin = json.loads(to_json(data), parse_constant=refuse)
        assert (twin["schema_version"], twin["edition"]) == (6, "internal")
        assert "INTERNAL" in twin["notice"]
        assert list(twin) == [
            "schema_version", "edition", "notice", "title", "created", "source", "controller", "contact", "author",
            "purpose", "recipient", "decision", "findings", "losses", "persons", "privacy", "private_metrics", "ledger",
            "private_metrics_ledger", "evaluation", "audit",
            "pictures", "pairs", "columns", "origin", "target",
            "further_targets", "model", "versions",
        ]  # fmt: skip

    def test_holds_the_counts_and_the_reasons(self, data, zoo):
        twin = json.loads(to_json(data))
        age, identifier = twin["columns"][0], twin["columns"][-1]
        overlay = age["overlay"]
        assert overlay["type"] == "histogram"
        assert sum(part["counts"]["real"] for part in overlay["bins"]) + overlay["missing"]["real"] == 300
        assert (identifier["overlay"]["type"], identifier["result"]["tvd"]) == ("none", None)
        metrics = {metric["name"]: metric for metric in twin["evaluation"]["metrics"]}
        assert metrics["unique_ids"]["value"] is None
        assert metrics["unique_ids"]["reason"] == "no column is an identifier"
        assert metrics["tvd2"]["judgement"] == "attention"
        assert [card["name"] for card in twin["columns"]] == zoo.schema.names

    @pytest.mark.family
    def test_what_json_has_no_number_for(self, zoo):
        broken = ColumnResult("age", "numeric", float("nan"), float("inf"), np.float64(1), 0.0, 0.0)
        data = zoo.make(columns=(broken,))
        result = json.loads(to_json(data))["columns"][0]["result"]
        assert (result["tvd"], result["reference"], result["valid"]) == (None, None, 1.0)
        assert "nan" not in Page(to_html(data)).text.split()


class TestWrite:
    @pytest.mark.parametrize("name", ["report.html", "report.json", "REPORT.HTML"])
    def test_by_suffix(self, data, tmp_path, name):
        path = write(data, tmp_path / "new" / name)
        text = path.read_text(encoding="utf-8")
        assert text == (to_json(data) if name.endswith("json") else to_html(data))

    def test_any_other_suffix(self, data, tmp_path):
        with pytest.raises(ConfigError, match=r"\.html, \.pdf, \.json or \.md, got 'report\.txt'"):
            write(data, tmp_path / "report.txt")

    def test_a_folder_that_is_none(self, data, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(ConfigError, match="expected a folder"):
            write(data, str(tmp_path / "file" / "report.html"))


@pytest.mark.family
def test_a_hundred_columns_stay_below_3_mb(zoo):
    names = [f"{'c' * 200}{i}" for i in range(100)]
    wide = tuple(f"{'v' * 300}{i}" for i in range(40))
    schema = Schema(
        columns=[
            Numeric(name=name, bounds=(0, 1e6), decimals=2)
            if i % 2
            else Categorical(name=name, categories=wide)
            for i, name in enumerate(names)
        ]
    )
    rng = np.random.default_rng(0)
    df = pd.DataFrame(
        {name: rng.uniform(0, 1e6, 200) if i % 2 else rng.choice(wide, 200) for i, name in enumerate(names)}
    )
    pairs = [(a, b) for i, a in enumerate(names) for b in names[:i]]
    entries = tuple(
        Release("marginals", what, pair, GAUSSIAN, 50.0)
        for what in ("dependence score", "2-way marginal")
        for pair in pairs
    )
    data = collect(
        zoo.evaluation(schema, len(df)),
        df,
        df,
        df,
        privacy=replace(zoo.privacy, entries=entries),
        schema=schema,
        title="wide",
    )
    data = replace(
        data, evaluation=replace(data.evaluation, pictures=zoo.full_pictures(tuple(names), cells=40))
    )
    assert len(to_html(data).encode()) < 3_000_000


def test_nothing_to_show(zoo):
    empty = pd.DataFrame(index=range(3))
    judged = replace(zoo.evaluation(), metrics=(), columns=(), target=None)
    statement = replace(zoo.privacy, entries=(), assumptions=(), epsilon=900.0, epsilon_spent=900.0)
    data = collect(judged, empty, empty, empty, privacy=statement, schema=Schema(), title="")
    assert "The ledger holds no release." in Page(to_html(data)).text
    assert json.loads(to_json(data))["columns"] == []
