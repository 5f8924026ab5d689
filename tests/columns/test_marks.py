"""Limits and signs beside numbers in text are read, found by a vote, and limits are written back."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabgan import Numeric, Schema, TabGAN
from tabgan.columns import ballots, columns_of_votes, marks, vote_counts
from tabgan.columns.numerals import N_COUNTS, form_of
from tabgan.errors import DataError, SchemaError
from tabgan.table.draft import draft_schema

PLAIN = form_of("1234.5")
LABELS = [ballot.label for ballot in ballots()[0]]


def laboratory(n_rows: int = 4_000, seed: int = 0) -> pd.Series:
    """Return numbers with a limit of detection and one of the device, as text."""
    values = np.random.default_rng(seed).lognormal(0.5, 1, n_rows).round(1)
    return pd.Series(
        ["<0.6" if v < 0.6 else ">9" if v > 9 else str(v) for v in values], dtype=object, name="crp"
    )


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("<0.6", "<1234.5"),
        ("> 1000", "<1234.5"),
        ("≥3", "<1234.5"),
        ("85+", "<1234.5"),
        ("<0,6", "<1234,5"),
        ("1.2*", "1234.5*"),
        ("3.4 (H)", "1234.5*"),
        ("3.4 HH", "1234.5*"),
        ("1,2†", "1234,5*"),
        ("<0.6 (L)", "<1234.5"),
        *(
            (text, None)
            for text in ("0.6", "12a", "5 B", "<1,000", "ND", "1-4", "(H)", "<", "5++", "C++", "A+", "")
        ),
    ],
)
def test_the_labels_of_marked_numbers(text, label):
    """Letters beside whole numbers are house numbers, and 1,000 may be a thousand."""
    assert marks.shape_of(text) == label


def test_a_mark_stands_for_a_number_beside_it():
    known = {"<0.6": 0.5, "ND": 0.0}
    texts = ["<0.6", "<0.7", "ND", "1.2*", "3.4 (H)", "<0.6*", "85+", "n/k", "7", None]
    found = list(marks.floats(PLAIN, known, texts))
    assert np.array_equal(found, [0.5, 0.7, 0, 1.2, 3.4, 0.5, 85, np.nan, 7, np.nan], equal_nan=True)


@pytest.mark.parametrize(
    ("text", "decimals", "place"),
    [
        ("<0.6", 1, 0.5),
        ("<1", 0, 0),
        (">1000", 0, 1001),
        ("90+", 0, 90),
        ("≤0.5", 1, 0.5),
        ("<0.5", 0, 0),
        (">0.5", 0, 1),
    ],
)
def test_a_limit_lies_on_its_side(text, decimals, place):
    """So it keeps its place in the order of values: beside the number, which others may have."""
    vote = np.zeros(N_COUNTS + len(marks._places(".")))
    vote[N_COUNTS + marks._places(".")[text]] = 100
    assert marks.found_in(PLAIN, vote, 10.0, 10.0**decimals, {}) == {text: place}


def test_each_cell_votes_once():
    """Sensitivity 1: one row more changes one count by one."""
    column = Numeric(name="x", format="1234.5", marks={}, dtype="object")
    rows = ["<0.6", "<0.777777", "1.25", "3.4 (H)", "<0.6*", "n/k", "", "85+", None, 7, "<1,000", "(5)"]
    votes = [column.precision_counts(pd.Series([row], dtype=object)) for row in rows]
    assert [int(vote.sum()) for vote in votes] == [1, 0, 1, 1, 1, 0, 0, 1, 0, 1, 0, 1]
    assert np.array_equal(column.precision_counts(pd.Series(rows, dtype=object)), sum(votes))
    kinds = [vote_counts(pd.Series([row], dtype=object), True) for row in rows if row]
    assert all(vote.sum() == 1 for vote in kinds)


def test_declared_marks_come_first_and_there_are_at_most_fifty():
    vote = np.full(N_COUNTS + len(marks._places(".")), 100.0)
    found = marks.found_in(PLAIN, vote, 10.0, 10.0, {"<0.6": 0.3})
    assert (len(found), found["<0.6"]) == (50, 0.3)
    assert marks.found_in(PLAIN, -vote, 0.0, 10.0, {}) == {}


def test_noise_brings_up_no_limit():
    rng, size = np.random.default_rng(0), N_COUNTS + len(marks._places("."))
    assert size < 60_000
    assert sum(len(marks.found_in(PLAIN, rng.normal(0, 20, size), 90.0, 10.0, {})) for _ in range(100)) <= 4


def test_a_vote_finds_frequent_limits():
    column = Numeric(name="x", format="1234.5", marks={}, dtype="object")
    vote = column.precision_counts(laboratory())
    noisy = vote + np.random.default_rng(1).normal(0, 15, len(vote))
    found = column.with_voted_precision(noisy, 67.5, 41.0)
    assert (found.decimals, found.marks) == (1, {"<0.6": 0.5, ">9": 9.1})


@given(st.lists(st.sampled_from(["<0.6", "ND", ">9", *(f"{v / 10:.1f}" for v in range(6, 91))]), min_size=1))
def test_text_comes_back_as_it_was(texts):
    column = Numeric(
        name="x",
        format="1234.5",
        marks={"<0.6": 0.5, "ND": 0, ">9": 9.1},
        bounds=(0, 9.1),
        decimals=1,
        dtype="object",
    )
    encoder = column.encoder()
    cells = pd.Series(texts, dtype=object)
    assert list(encoder.inverse_transform(encoder.transform(cells), np.random.default_rng(0))) == texts


def verdict(counts, untyped=True):
    vote = np.zeros(len(LABELS) + 1)
    for label, count in counts.items():
        vote[LABELS.index(label)] = count
    return columns_of_votes({"x": vote}, {"x": "object"}, 5.0, untyped)["x"]


@pytest.mark.parametrize(
    ("counts", "kind", "format_", "known"),
    [
        ({"numerals": 800, "<1234.5": 200}, "numeric", "1234.5", {}),
        ({"numerals": 800, "1234.5*": 200}, "numeric", "1234.5", {}),
        ({"numerals": 700, "<1234.5": 150, "1234.5*": 100, "text": 50}, "numeric", "1234.5", {}),
        ({"1234,5": 700, "numerals": 100, "<1234,5": 150, "<1234.5": 50}, "numeric", "1234,5", {}),
        ({"1,234.5": 700, "numerals": 100, "<1234.5": 200}, "numeric", "1,234.5", {}),
        ({"numerals": 1000}, "numeric", None, None),
        ({"numerals": 580, "<1234.5": 420}, "categorical", None, None),  # an answer scale
        ({"numerals": 600, "<1234.5": 200, "text": 200}, "categorical", None, None),
        ({"$1234.5": 1000}, "numeric", "$1234.5", None),
    ],
)
def test_the_vote_on_columns_with_marks(counts, kind, format_, known):
    column = verdict(counts).column
    found = (column.kind, getattr(column, "format", None), getattr(column, "marks", None))
    assert found == (kind, format_, known)


def test_shares_of_marks_are_told():
    found = verdict({"numerals": 700, "<1234.5": 150, "1234.5*": 100, "text": 50})
    assert (found.limits, found.flagged, found.lost) == (0.15, 0.1, 0.05)
    assert found.marks_line == "x: {kind: numeric, format: '1234.5', marks: {ND: 0}}"


@pytest.mark.parametrize("is_csv", [True, False])
def test_a_column_of_a_laboratory_stays_numbers(is_csv):
    """It became text of which 96 of 384 numbers were released, and the rest one label."""
    crp = laboratory()
    high = np.where(crp.eq("<0.6"), "no", np.where(np.arange(len(crp)) % 2, "yes", "no"))
    df = pd.DataFrame({"crp": crp, "high": high})
    model = TabGAN(epsilon=3.0, random_state=0).fit(df, untyped_text=is_csv)
    column = model.schema_["crp"]
    assert (column.kind, column.decimals, column.marks) == ("numeric", 1, {"<0.6": 0.5, ">9": 9.1})
    sample = model.sample(4_000, random_state=0)
    for text in ("<0.6", ">9"):
        assert sample["crp"].eq(text).mean() == pytest.approx(crp.eq(text).mean(), abs=0.02)
    assert sample["high"][sample["crp"].eq("<0.6")].eq("yes").mean() < 0.1
    assert sample["crp"].str.fullmatch(r"<0\.6|>9|\d+\.\d").all()
    asked = model.sample(50, conditions={"crp": "<0.6"}, random_state=0)
    assert asked["crp"].eq("<0.6").all()
    again = pd.read_csv(io.StringIO(sample.to_csv(index=False)), dtype=object)["crp"]
    assert again.tolist() == sample["crp"].tolist()
    assert model.losses_ == ()


def test_what_is_left_out_is_told_with_a_line_that_saves_it(caplog):
    rng, crp = np.random.default_rng(0), laboratory()
    crp = crp.where(rng.random(len(crp)) > 0.08, "ND")
    crp = crp.where((rng.random(len(crp)) > 0.2) | ~crp.str.fullmatch(r"[\d.]+"), crp + "*")
    df = pd.DataFrame({"crp": crp})
    model = TabGAN(epsilon=3.0, random_state=0).fit(df, untyped_text=True)
    (loss,) = model.losses_
    assert loss.kind == "converted"
    assert "8% of its values are something else, and come back as missing" in loss.text
    assert "have a sign beside their number, as 1.2* has, which is left out" in loss.text
    assert "marks: {ND: 0}" in loss.remedy
    saved = Schema([Numeric(name="crp", format="1234.5", marks={"ND": 0})])
    model = TabGAN(epsilon=3.0, schema=saved, random_state=0).fit(df, untyped_text=True)
    assert list(model.schema_["crp"].marks) == ["ND", "<0.6", ">9"]
    sample = model.sample(4_000, random_state=0)["crp"]
    assert sample.eq("ND").mean() == pytest.approx(0.08, abs=0.02)
    assert not sample.isna().any()


def test_a_draft_reads_marks_as_a_fit_does():
    crp = laboratory()
    for untyped in (True, False):
        column = draft_schema(pd.DataFrame({"crp": crp}), untyped_text=untyped)["crp"]
        assert (column.kind, column.format, column.marks) == ("numeric", "1234.5", {})
    scale = pd.DataFrame({"n": np.array(["<1", "1", "2", "5+"], dtype=object).repeat(500)})
    assert draft_schema(scale, untyped_text=True)["n"].kind == "categorical"
    assert draft_schema(scale)["n"].kind == "categorical"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"marks": {"ND": 0}}, "needs format"),
        ({"format": "$1234.5", "marks": {"ND": 0}}, "without other signs"),
        ({"format": "1234.5", "marks": {" ": 0}}, "expected text"),
        ({"format": "1234.5", "marks": {"ND": float("nan")}}, "finite number"),
        ({"format": "1234.5", "marks": {"ND": float("inf")}}, "finite number"),
        ({"format": "1234.5", "marks": {"x" * 101: 0}}, "of 1 to 100 characters"),
        ({"format": "1234.5", "marks": {str(i): 0 for i in range(51)}}, "50"),
    ],
)
def test_marks_that_cannot_be_are_refused(keys, said):
    with pytest.raises(SchemaError, match=said):
        Numeric(name="x", **keys)


def test_a_mark_beyond_the_bounds_is_clipped_and_a_model_with_one_can_be_loaded():
    """Noise may hide the end of a range at which a limit lies."""
    column = Numeric(name="x", format="1234.5", marks={">9": 10}, bounds=(0, 9), decimals=0, dtype="object")
    encoder = column.encoder()
    cells = encoder.transform(pd.Series([">9", "3"], dtype=object))
    assert list(encoder.inverse_transform(cells, np.random.default_rng(0))) == ["9", "3"]
    schema = Schema([column])
    assert Schema.from_yaml(schema.to_yaml()) == schema


def test_undeclared_marks_of_a_complete_column_are_refused():
    schema = Schema([Numeric(name="crp", format="1234.5", decimals=1, bounds=(0, 20))])
    with pytest.raises(DataError, match="or marks"):
        TabGAN(epsilon=3.0, schema=schema).fit(pd.DataFrame({"crp": laboratory()}), untyped_text=True)
