from __future__ import annotations

import pytest

from tabgan.report.text import decimals, isolated, short, shown, signed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "(empty)"),
        ("a\tb\r\u2028c", "a⇥b↵↵c"),
        ("\x00\ud800", "\ufffd\ufffd"),
        ("\U0001f600", "\U0001f600"),
        (3, "3"),
    ],
)
def test_what_cannot_be_seen_is_shown(text, expected):
    assert shown(text) == expected


def test_long_text_is_cut():
    assert shown("x" * 10_000) == "x" * 47 + "…"


def test_text_cannot_leave_its_isolation():
    assert isolated("a\u2069b") == "\u2068ab\u2069"


@pytest.mark.parametrize("form", [decimals, signed, short])
@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_what_is_no_number_is_a_dash(form, value):
    assert form(value) == "–"
