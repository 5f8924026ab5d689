"""Lengths of time as text are told apart by their form, read, and written back in it."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabgan import Duration, TabGAN
from tabgan.columns import ballots, columns_of_votes, lengths, vote_counts
from tabgan.columns.values import duration_of
from tabgan.table.draft import draft_schema

FORMS = [lengths.PYTHON, lengths.ISO, lengths.ISO_WHOLE, lengths.ISO_HOURS, lengths.HOURS]
LABELS = [ballot.label for ballot in ballots()[0]]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("1 day, 2:00:00", lengths.PYTHON),
        ("12 days, 0:00:00", lengths.PYTHON),
        ("P3D", lengths.ISO),
        ("PT15H", lengths.ISO),
        ("P3DT0H0M0S", lengths.ISO_WHOLE),
        ("PT38H", lengths.ISO_HOURS),
        ("38:31:00", lengths.HOURS),
        *(
            (text, None)
            for text in ("3 days", "3 days 02:00:00", "14:30:00", "58:05", "P", "12", "PT", "n/k")
        ),
    ],
)
def test_forms_are_told_apart(text, form):
    assert lengths.form_of(text) == form


@pytest.mark.parametrize("form", FORMS)
def test_a_form_is_named_by_one_length(form):
    assert lengths.written(form, [(26 * 60 + 3) * 60_000]) == [form]
    assert Duration(name="x", format=form).format == form


@given(form=st.sampled_from(FORMS), milliseconds=st.integers(0, 400 * 86_400_000))
def test_what_is_written_is_read(form, milliseconds):
    (text,) = lengths.written(form, [milliseconds])
    assert duration_of(text) == pytest.approx(milliseconds / 1_000, abs=1e-6)
    if form == lengths.PYTHON:
        assert text == str(dt.timedelta(milliseconds=milliseconds))
    if form == lengths.ISO_WHOLE and milliseconds % 1_000 == 0:
        assert text == pd.Timedelta(milliseconds=milliseconds).isoformat()


def test_none_at_all_has_the_unit_of_the_others():
    found = [lengths.written(lengths.ISO, [0], unit) for unit in (86_400_000, 3_600_000, 60_000, 1_000, 1)]
    assert found == [["P0D"], ["PT0H"], ["PT0M"], ["PT0S"], ["PT0S"]]


@given(form=st.sampled_from([f for f in FORMS if f != lengths.PYTHON]), seconds=st.integers(1, 10**7))
def test_negative_lengths(form, seconds):
    assert duration_of(lengths.written(form, [-seconds * 1_000])[0]) == -seconds


CELLS = {
    lengths.PYTHON: lambda hours: str(dt.timedelta(hours=hours)),
    lengths.ISO: lambda hours: f"P{hours}D",
    lengths.ISO_WHOLE: lambda hours: pd.Timedelta(hours=hours).isoformat(),
    lengths.ISO_HOURS: lambda hours: f"PT{hours}H",
    lengths.HOURS: lambda hours: f"{hours:02d}:30:00",
    None: lambda hours: f"{hours} days",
}


@pytest.mark.parametrize("form", CELLS)
def test_the_vote_finds_the_form_and_nothing_is_lost(form):
    """A third of Python's have no day and looked like times of day; hours beyond a day were text."""
    cells = pd.Series(
        [CELLS[form](int(h)) for h in np.random.default_rng(0).integers(1, 72, 2_000)], dtype=object
    )
    votes = vote_counts(cells, True)
    assert votes.sum() == len(cells)
    for noise in (0.0, 5.0):
        found = columns_of_votes({"x": votes.astype(float)}, {"x": "object"}, noise, True)["x"]
        assert (found.column.kind, found.column.format, found.lost) == ("duration", form, 0)
    column = draft_schema(pd.DataFrame({"x": cells}), untyped_text=True)["x"]
    assert (column.kind, column.format) == ("duration", form)
    assert columns_of_votes({"x": vote_counts(cells, False).astype(float)}, {"x": "object"}, 5.0, False)[
        "x"
    ].column.kind in ("categorical", "time")
    if form is not None:
        unit = "day" if form == lengths.ISO else "minute"
        complete = Duration(
            name="x", format=form, bounds=("0 days", "80 days"), resolution=unit, dtype="object"
        )
        encoder = complete.lattice_encoder(np.arange(0, 80 * 1_441))
        assert (
            list(encoder.inverse_transform(encoder.transform(cells), np.random.default_rng(0)))
            == cells.tolist()
        )


def test_minutes_and_seconds_stay_text():
    cells = pd.Series(["58:05", "12:30"] * 500, dtype=object)
    found = columns_of_votes({"x": vote_counts(cells, True).astype(float)}, {"x": "object"}, 5.0, True)["x"]
    assert found.column.kind == "categorical"


def test_the_whole_way_of_a_csv():
    rng = np.random.default_rng(0)
    hours = rng.integers(1, 72, 2_000)
    df = pd.DataFrame(
        {
            "stay": [f"P{h // 3}D" for h in hours],
            "run": [CELLS[lengths.HOURS](int(h)) for h in hours],
            "late": np.where(hours > 40, "TRUE", "FALSE"),
        },
        dtype=object,
    )
    model = TabGAN(epsilon=3.0, random_state=0).fit(df, untyped_text=True)
    sample = model.sample(1_000, random_state=0)
    assert sample["stay"].str.fullmatch(r"P\d+D").all()
    assert sample["run"].str.fullmatch(r"\d\d:\d\d:00").all()
    assert set(sample["late"]) == {"TRUE", "FALSE"}
    late = model.sample(200, conditions={"late": True}, random_state=0)
    assert set(late["late"]) == {"TRUE"}
    assert np.median([duration_of(text) for text in late["run"]]) > 40 * 3_600
