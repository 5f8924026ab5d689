"""The spending of a fit: in lines, as a table, and as HTML."""

from dataclasses import replace

import pytest

from tabgan.privacy.events import GAUSSIAN, GAUSSIAN_THRESHOLD, Release
from tabgan.privacy.filter import LedgerPlace, PrivacyFilter, PrivacyStatement
from tabgan.privacy.plan import make_plan
from tabgan.privacy.spending import group_ledger, spending_html, spending_lines

HOSTILE = "<script>alert(1)</script>"

ENTRIES = (
    Release("release", "rows", (), GAUSSIAN, 20.0),
    Release("release", "1-way histogram", ("age",), GAUSSIAN, 10.0),
    Release("release", "1-way histogram", (HOSTILE,), GAUSSIAN, 5.0),
    Release("release", "categories", ("town",), GAUSSIAN_THRESHOLD, 40.0, delta=1e-8),
)


@pytest.fixture(scope="module")
def statement() -> PrivacyStatement:
    spent = PrivacyFilter(make_plan(2.0, 1e-6, adversary_share=0.0))
    spent.charge(*ENTRIES)
    return spent.statement()


def test_a_line_for_each_kind_says_its_share_its_number_and_its_noise():
    rows, histograms, categories = spending_lines(ENTRIES, width=10)
    assert rows.split() == ["rows", "4.7%", "█", "1", "x", "noise", "multiplier", "20"]
    assert "94.1%  ██████████" in histograms  # 0.05 of 0.053125
    assert histograms.endswith("2 x  noise multiplier 5 to 10")
    assert "█" in categories  # however little it is, it is there
    assert sum(group.share for group in group_ledger(ENTRIES)) == pytest.approx(1)


def test_printing_a_statement_lists_the_promise_and_the_spending(statement):
    head, *lines = str(statement).splitlines()
    assert head == statement.promise
    assert head.startswith("(2, 1e-06)-differential privacy of one row; spent ")
    assert lines[0] == "spent on:"
    assert len(lines) == 4


def test_as_a_table(statement):
    frame = statement.to_frame()
    assert frame["what"].tolist() == [entry.what for entry in ENTRIES]
    assert frame["mu_squared"].tolist() == pytest.approx([0.0025, 0.01, 0.04, 0.000625])
    assert frame["share"].sum() == pytest.approx(1)
    assert frame["delta"].tolist() == [0, 0, 0, 1e-8]
    assert PrivacyStatement(False, None, None, None, 0.0).to_frame().empty


def test_without_noise_there_is_no_share():
    entry = Release("release", "rows", (), GAUSSIAN, 0.0)
    frame = PrivacyStatement(False, None, None, None, 0.0, entries=(entry,)).to_frame()
    assert frame["share"].isna().all()
    assert "–" in spending_lines((entry,))[0]


def test_html_says_it_in_words_and_escapes_all(statement):
    told = replace(statement, entity=HOSTILE, privacy_unit="entity", place=LedgerPlace(HOSTILE, 7, "h"))
    for made in (statement._repr_html_(), told._repr_html_(), spending_html(ENTRIES)):
        assert "<script" not in made
        assert "1-way histogram" in made
    assert "up to entry 7" in told._repr_html_()
    assert "is not added up" in statement._repr_html_()
    off = PrivacyStatement(False, None, None, None, 0.0)
    assert "No privacy guarantee" in off._repr_html_()


def test_the_filter_shows_what_was_charged_so_far():
    spent = PrivacyFilter(make_plan(2.0, 1e-6, adversary_share=0.0))
    assert "Privacy statement" in spent._repr_html_()
    spent.charge(ENTRIES[0])
    assert "rows" in spent._repr_html_()
    assert spent.entries == [ENTRIES[0]]
