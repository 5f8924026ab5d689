import copy

import pytest

from tabgan.bundle.ledger_extract import extract_of, recomputed
from tabgan.errors import BundleError


@pytest.fixture
def extract(model):
    return copy.deepcopy(extract_of(model.privacy_, None))


def test_epsilon_is_that_of_the_fit(extract, model):
    (part,) = recomputed(extract)
    assert part.recomputed == pytest.approx(model.privacy_.epsilon_spent, rel=1e-9)
    assert part.releases == model.privacy_.entries
    assert part.problems == ()


def test_it_names_no_ledger_no_fit_and_no_day(extract):
    assert set(extract) == {"format", "version", "unit", "neighboring_relation", "parts"}
    assert set(extract["parts"][0]) == {
        "what",
        "epsilon",
        "delta",
        "epsilon_spent",
        "delta_spent",
        "releases",
    }


def test_private_metrics_are_a_part_of_their_own(model):
    parts = recomputed(extract_of(model.privacy_, model.privacy_))
    assert [part.what for part in parts] == ["fit", "private metrics"]


def test_less_noise_than_is_stated_is_found(extract):
    for release in extract["parts"][0]["releases"]:
        release["noise_multiplier"] /= 2
    (part,) = recomputed(extract)
    over, more = part.problems
    assert "over the promised 5" in over
    assert "is stated as spent" in more


def test_a_line_more_is_found(extract):
    releases = extract["parts"][0]["releases"]
    releases.append(min(releases, key=lambda release: release["noise_multiplier"]))
    (part,) = recomputed(extract)
    assert any("stated as spent" in problem for problem in part.problems)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "another"},
        {"unit": {"entity": None, "max_rows": 3}},
        {"unit": {"entity": None, "max_rows": True}},
        {"parts": []},
        {"parts": {}},
        {"neighboring_relation": "replace_one"},
    ],
)
def test_damaged_ones_are_refused(extract, change):
    with pytest.raises(BundleError, match="ledger extract"):
        recomputed(extract | change)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("epsilon", -1.0),
        ("epsilon", None),
        ("epsilon", "5"),
        ("delta", 1.5),
        ("delta", True),
        ("epsilon_spent", 0.0),
        ("what", "metrics"),
        ("releases", None),
    ],
)
def test_damaged_parts_are_refused(extract, key, value):
    extract["parts"][0][key] = value
    with pytest.raises(BundleError, match="damaged"):
        recomputed(extract)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("noise_multiplier", 1e-12),
        ("noise_multiplier", 0.0),
        ("steps", 10**9),
        ("mechanism", "none"),
        ("sensitivity", 0.1),
        ("delta", 0.5),
    ],
)
def test_lines_that_would_take_minutes_or_mean_nothing_are_refused(extract, key, value):
    """Pitfall 44."""
    extract["parts"][0]["releases"][0][key] = value
    with pytest.raises(BundleError, match="damaged"):
        recomputed(extract)


def test_another_version_is_told(extract):
    with pytest.raises(BundleError, match="expected version 1 of its format, got 2"):
        recomputed(extract | {"version": 2})
