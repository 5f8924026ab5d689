from __future__ import annotations

import re

import pytest

from tabgan.report import to_markdown
from tabgan.report.datacard import escaped


class TestEscaped:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("plain text", "plain text"),
            ("| a | b", r"\| a \| b"),
            ("![x](javascript:1)", r"\!\[x\]\(javascript\:1\)"),
            ("<b>&amp;</b>", r"\<b\>\&amp;\</b\>"),
            ("a\n# b", r"a↵\# b"),
            ("`code` \\", r"\`code\` \\"),
        ],
    )
    def test_is_text(self, text, expected):
        assert escaped(text) == expected

    def test_is_cut(self):
        assert len(escaped("x" * 10_000)) <= 80

    def test_direction_is_isolated(self, zoo):
        assert escaped(zoo.rtl)[0] == "\N{FIRST STRONG ISOLATE}"


class TestCard:
    def test_hostile_text_stays_text(self, full):
        card = to_markdown(full)
        assert not re.search(r"(?<!\\)<(?!/?$)[a-zA-Z/!]", card)
        assert not re.search(r"(?<!\\)\]\(", card)
        assert "x" * 81 not in card
        assert not re.search("[\x00-\x08\x0b-\x1f\ud800-\udfff]", card)

    def test_every_table_has_rows_of_one_width(self, full):
        blocks = [block for block in to_markdown(full).split("\n\n") if block.startswith("|")]
        assert len(blocks) == 3
        for block in blocks:
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.strip().split("\n")}) == 1

    def test_says_what_a_recipient_needs(self, full):
        card = to_markdown(full)
        for words in (
            "> **INTERNAL.**", "1.5, 1.1e-06", "The column names are public", "not met", "**Not meant for**",
            "| age |", "excess risk 20.0%",
        ):  # fmt: skip
            assert words in card

    def test_the_mark_stands_once(self, full, shareable):
        assert "> **INTERNAL.** Computed on real rows" in to_markdown(full)
        assert "> **SHAREABLE.** Derived only from" in to_markdown(shareable)

    def test_without_privacy(self, zoo):
        assert "**None.** The table and the model may give away rows" in to_markdown(zoo.make(zoo.plain))

    @pytest.mark.family
    def test_is_deterministic(self, full, zoo):
        assert to_markdown(full) == to_markdown(zoo.make_full())
