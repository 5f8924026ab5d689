from __future__ import annotations

from dataclasses import replace

from tabgan.report.sections import missing_pictures, sections


def absent(data):
    return {section.id: section.absent for section in sections(data) if section.absent}


def test_a_full_report_has_all(full):
    assert absent(full) == {}
    assert missing_pictures(full) == ()


def test_what_was_not_measured_says_so(data):
    empty = replace(data, evaluation=replace(data.evaluation, metrics=()))
    assert set(absent(empty)) == {"who", "validity", "utility", "attacks", "pictures"}
    assert set(absent(empty).values()) == {
        "Nothing was measured here.",
        "Not drawn, because not computed: associations of columns; principal components; calibration; distances to "
        "the closest rows; membership inference.",
    }


def test_the_shareable_edition_says_why(shareable, zoo):
    assert set(absent(shareable)) == {"utility", "attacks", "pictures"}
    assert "it has no private metrics" in absent(shareable)["utility"]
    private = zoo.metric("tstr", "utility", 0.7, is_shareable=True)
    metrics = (*shareable.evaluation.metrics, private)
    assert "utility" not in absent(
        replace(shareable, evaluation=replace(shareable.evaluation, metrics=metrics))
    )
