"""Parts of HTML for notebooks: whatever text holds, it stays text."""

import pytest

from tabgan._util import html

HOSTILE = '<script>alert("1")</script>\'{{ 7*7 }}'
RTL = "\u202eevil"


@pytest.mark.parametrize(
    "made",
    [
        html.card(HOSTILE, html.soft(HOSTILE), html.note(HOSTILE)),
        html.facts([(HOSTILE, HOSTILE)]),
        html.table([HOSTILE], [[HOSTILE], [HOSTILE]]),
        html.table(["a", ""], [["x", html.small_bar(0.5)], ["y", HOSTILE]], numbers=(1,)),
        html.bar([html.Part(HOSTILE, 0.3)], HOSTILE),
        html.folded(HOSTILE, html.listed([HOSTILE])),
    ],
)
def test_all_text_is_escaped(made):
    assert "<script" not in made
    assert 'alert("' not in made
    assert "&lt;script&gt;" in made


def test_only_what_this_module_made_is_taken_as_html():
    assert "<svg" in html.table(["a"], [[html.small_bar(1.0)]])
    assert "&lt;svg" in html.table(["a"], [["<svg>"]])


def test_text_is_cut_and_cannot_turn_the_text_around_it():
    assert html.said("x" * 500, 10) == "<bdi>xxxxxxxxx…</bdi>"
    assert html.said(RTL).startswith("<bdi>\u202e")
    assert html.legible("a\x00\nb") == "a\N{REPLACEMENT CHARACTER}↵b"


def test_long_tables_say_how_much_is_left_out():
    assert "and 5 more" in html.table(["a"], [[i] for i in range(15)], most=10)


@pytest.mark.parametrize(("share", "width"), [(-1.0, "0.0%"), (0.25, "25.0%"), (7.0, "100.0%")])
def test_bars_stay_within_their_track(share, width):
    assert f'width="{width}"' in html.small_bar(share)


def test_parts_of_a_bar_never_pass_its_end():
    made = html.bar([html.Part("a", 0.8), html.Part("b", 0.8)], "both", rest="nothing")
    assert 'x="80.00%" width="20.00%"' in made
    assert "nothing" in made
