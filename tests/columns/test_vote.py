"""The decision of a noisy vote keeps the most cells, and says where noise leaves it open."""

from __future__ import annotations

import numpy as np
import pytest

from tabgan.columns import ballots, columns_of_votes
from tabgan.columns.vote import decide

BALLOTS, KINDS = ballots()
LABELS = [ballot.label for ballot in BALLOTS]
PLACES = {name: i for i, label in enumerate(LABELS) for name in (label, label.replace(" ", "_"))}


def vote_of(**counts: float) -> np.ndarray:
    vote = np.zeros(len(LABELS))
    for name, count in counts.items():
        vote[PLACES[name]] = count
    return vote


def verdict(vote, noise=1.0, untyped=True, **others):
    votes = {"x": vote} | others
    return decide(BALLOTS, KINDS, votes, dict.fromkeys(votes, "object"), noise, untyped)["x"]


@pytest.mark.parametrize(
    ("counts", "kind", "format_"),
    [
        ({"numerals": 1000}, "numeric", None),
        ({"numerals": 920, "text": 80}, "numeric", None),  # markers
        ({"numerals": 880, "text": 120}, "categorical", None),  # an answer scale
        ({"numerals": 580, "text": 420}, "categorical", None),
        ({"text": 1000}, "categorical", None),
        ({"true_or_false": 1000}, "boolean", None),
        ({"true_or_false": 600, "text": 400}, "categorical", None),
        ({"%Y-%m-%d": 990, "text": 10}, "datetime", "%Y-%m-%d"),
        ({"%Y-%m-%d": 600, "%d.%m.%Y": 400}, "datetime", "%Y-%m-%d"),
        ({"1,234": 1000}, "numeric", "1,234.5"),
        ({"numerals": 950, "1,234": 50}, "numeric", "1,234.5"),  # few values reach a thousand
        ({"1,234": 300, "1234,5": 600, "numerals": 100}, "numeric", "1234,5"),
        ({"1,234": 300, "1,234.5": 600, "numerals": 100}, "numeric", "1,234.5"),
        ({"1.234,5": 300, "1234,5": 600, "numerals": 100}, "numeric", "1.234,5"),
        ({"1234.5%": 1000}, "numeric", "1234.5%"),
        ({"1.23E+03": 1000}, "numeric", "1.23E+03"),
        ({"$1234.5": 500, "text": 500}, "categorical", None),
    ],
)
@pytest.mark.parametrize("noise", [0.0, 5.0])
def test_a_clear_vote(counts, kind, format_, noise):
    found = verdict(vote_of(**counts), noise)
    assert (found.column.kind, getattr(found.column, "format", None), found.is_clear) == (kind, format_, True)


@pytest.mark.parametrize(
    ("counts", "noise", "lost"),
    [
        ({"numerals": 920, "text": 80}, 5.0, 0.08),  # hours of sleep, with "<5" among them
        ({"numerals": 980, "text": 20}, 5.0, 0.02),  # traces of rain
        ({"numerals": 920, "text": 14}, 5.0, 0.0),  # noise may be all
        ({"%Y-%m-%d": 950, "text": 50}, 0.0, 0.05),
        ({"%Y-%m-%d": 600, "%d.%m.%Y": 400}, 5.0, 0.4),
        ({"numerals": 880, "text": 120}, 5.0, 0.0),  # text keeps all
        ({"numerals": 950, "1,234": 50}, 5.0, 0.0),  # one form reads both
        ({"true_or_false": 1000}, 5.0, 0.0),
    ],
)
def test_values_that_are_lost_are_told(counts, noise, lost):
    assert verdict(vote_of(**counts), noise).lost == pytest.approx(lost, abs=1e-9)


def test_text_that_missing_cells_may_be_is_in_doubt():
    found = [verdict(vote_of(numerals=1_000 - text, text=text), 5.0) for text in (9, 12, 20)]
    assert [each.doubtful for each in found] == [0.0, pytest.approx(0.012), 0.0]
    assert [each.lost for each in found] == [0.0, 0.0, pytest.approx(0.02)]


@pytest.mark.family
def test_noise_in_a_thousand_cells_is_no_loss():
    rng = np.random.default_rng(4)
    noisy = [vote_of(text=0) + rng.normal(0, 1.0, len(LABELS)) for _ in range(3_000)]
    clear = [vote for vote in noisy if vote.max() > 4.5]
    assert len(clear) >= 5  # above what one cell alone would need
    dates = vote_of(**{"%Y-%m-%d": 1_500})
    assert all(verdict(np.maximum(dates, vote)).lost == 0 for vote in clear)


@pytest.mark.parametrize("name", ["zip_code", "ZipCode", "home postcode", "PLZ", "phone", "fips"])
@pytest.mark.parametrize("noise", [0.5, 20.0])
def test_digits_of_codes_stay_text(name, noise):
    """Most postcodes look like numbers, and some, such as 01002 or 98126-2920, do not."""
    vote = np.append(vote_of(numerals=1000, text=2), 0.0)
    found = columns_of_votes(
        {name: vote, "unzipped": vote}, dict.fromkeys((name, "unzipped"), "object"), noise, untyped_text=True
    )
    assert (found[name].column.kind, found["unzipped"].column.kind) == ("categorical", "numeric")
    assert found[name].is_clear


@pytest.mark.parametrize(
    ("counts", "noise", "kind"),
    [
        ({"numerals": 910, "numerals_that_begin_with_a_zero": 90}, 0.0, "categorical"),  # 01 to 99
        ({"numerals": 910, "numerals_that_begin_with_a_zero": 90}, 5.0, "categorical"),
        ({"numerals": 700, "text": 200, "numerals_that_begin_with_a_zero": 100}, 5.0, "categorical"),
        ({"numerals": 996, "numerals_that_begin_with_a_zero": 4}, 0.0, "numeric"),  # slips of the pen
        ({"numerals": 910, "numerals_that_begin_with_a_zero": 90}, 30.0, "numeric"),  # noise may be all
        ({"numerals_that_begin_with_a_zero": 900}, 5.0, "categorical"),
    ],
)
def test_numerals_beside_those_that_begin_with_a_zero_are_codes(counts, noise, kind):
    votes = {"x": np.append(vote_of(**counts), 0.0)}
    assert columns_of_votes(votes, {"x": "object"}, noise, untyped_text=True)["x"].column.kind == kind


def test_numbers_with_markers_stay_numbers_among_many_columns_of_text():
    others = {f"t{i}": vote_of(text=1000) for i in range(60)}
    assert verdict(vote_of(numerals=950, text=50), 5.0, **others).column.kind == "numeric"
    assert verdict(vote_of(numerals=850, text=150), 5.0, **others).column.kind == "categorical"


def test_decimal_commas_of_other_columns_do_not_make_thousands_decimals():
    others = {f"c{i}": vote_of(**{"1234,5": 990, "numerals": 10}) for i in range(30)}
    for vote in (vote_of(**{"1,234": 600, "numerals": 400}), vote_of(**{"1,234": 1000})):
        assert verdict(vote, 5.0, **others).column.format == "1,234.5"


def test_text_on_the_typed_road_stays_text_and_a_form_reads_its_numerals():
    kept = vote_of(numerals_that_are_text=600, text=400)
    assert verdict(kept, untyped=False).column.kind == "categorical"
    form = vote_of(**{"numerals_that_are_text": 600, "1,234": 400})
    assert verdict(form, untyped=False).column.format == "1,234.5"


def test_a_vote_of_noise_leads_to_numbers_where_text_may_be_numbers_and_is_said():
    noise = vote_of(text=-50, **{"1,234": 250, "%Y-%m-%d": 200})
    found = verdict(noise, 100.0)
    assert (found.column.kind, found.is_clear, found.line) == ("numeric", False, "x: {kind: categorical}")
    assert verdict(noise, 100.0, untyped=False).column.kind == "categorical"


def test_no_multiple_of_the_noise_is_needed_where_one_kind_leads():
    assert verdict(vote_of(numerals=300, text=20), 100.0).column.kind == "numeric"
    assert verdict(vote_of(numerals=20, text=300), 100.0).column.kind == "categorical"


def test_the_other_columns_weigh_in_where_a_vote_is_unclear():
    unclear = vote_of(numerals=100, text=160)
    others = {f"n{i}": vote_of(numerals=500) for i in range(30)}
    assert verdict(unclear, 100.0).column.kind == "categorical"
    assert verdict(unclear, 100.0, **others).column.kind == "numeric"


@pytest.mark.family
@pytest.mark.parametrize(
    ("n_rows", "n_columns", "tries", "most"), [(500, 20, 8, 0.08), (1_000, 20, 5, 0.02), (2_000, 40, 3, 0.01)]
)
def test_few_columns_change_sides_among_noise(n_rows, n_columns, tries, most):
    """At epsilon 1: with a share of 3% the noise is 25 rows times the root of the number of columns."""
    rng = np.random.default_rng(0)
    noise, wrong, total = 25.0 * n_columns**0.5, 0, 0
    for _ in range(tries):
        kinds = rng.random(n_columns) < 0.65
        votes = {
            str(i): vote_of(**{"numerals" if is_number else "text": n_rows})
            + rng.normal(0, noise, len(LABELS))
            for i, is_number in enumerate(kinds)
        }
        found = decide(BALLOTS, KINDS, votes, dict.fromkeys(votes, "object"), noise, True)
        wrong += sum((v.column.kind == "numeric") != k for v, k in zip(found.values(), kinds, strict=True))
        total += n_columns
    assert wrong / total <= most


@pytest.mark.parametrize("n_others", [6, 30, 120])
def test_plain_numerals_among_columns_of_text_are_clear(n_others):
    others = {f"t{i}": vote_of(text=5_000) for i in range(n_others)}
    found = verdict(vote_of(numerals=5_000), 75.0, **others)
    assert (found.column.kind, found.is_clear) == ("numeric", True)


def test_an_answer_scale_that_noise_blurs_is_not_clear_because_text_reads_everything():
    others = {f"t{i}": vote_of(text=1_500) for i in range(6)}
    assert not verdict(vote_of(numerals=1_290, text=160), 75.0, **others).is_clear
