"""Answers outlive an interruption as they were, or not at all."""

import json
import stat

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabgan._util.files import canonical, sealed
from tabgan.errors import CheckpointError
from tabgan.privacy.ledger.journal import Journal

ANSWER = {"arrays": [{"shape": [2], "values": [3.5, -0.25]}]}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "released.jsonl"


@pytest.fixture
def written(path):
    journal = Journal(path, "fit")
    journal.keep("1 a", ANSWER)
    journal.keep("2 b", {"values": ["Ulm", 7, 7.5, True, "é\ud800"], "counts": [1.0], "missing": 0.1})
    journal.keep("3 c", {"scores": [1e-300, 1 / 3, 2**53 + 1.0]})
    return path


def answers(path):
    journal = Journal(path, "fit")
    return [journal.answer(call) for call in ("1 a", "2 b", "3 c")]


def test_what_was_kept_comes_back_to_the_last_bit(written):
    first, second, third = answers(written)
    assert first == ANSWER
    assert [type(value) for value in second["values"]] == [str, int, float, bool, str]
    assert third["scores"] == [1e-300, 1 / 3, 2**53 + 1.0]
    assert Journal(written, "fit").answer("4 d") is None


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_every_number_survives(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("journal") / "j"
    Journal(path, "fit").keep("1 a", values)
    assert np.array_equal(Journal(path, "fit").answer("1 a"), values)


def test_it_is_made_by_the_first_answer_for_its_owner_only(path):
    journal = Journal(path, "fit")
    assert not path.exists()
    journal.keep("1 a", ANSWER)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_damage_is_found_wherever_it_changes_anything(written):
    """But for the last line's end: without it a line counts as never kept, which costs its charge once more."""
    whole, before = written.read_bytes(), answers(written)
    rng = np.random.default_rng(0)
    n_found = 0
    for position in range(len(whole) - 1):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << rng.integers(8)
        written.write_bytes(damaged)
        try:
            found = answers(written)
        except CheckpointError:
            n_found += 1
        else:
            assert found == before  # \ud800 as \uD800
        assert written.read_bytes() == damaged
    assert n_found > 0.98 * len(whole)


def test_a_torn_last_line_was_never_kept_and_is_written_over_by_the_next(written):
    whole = written.read_bytes()
    start = whole.rindex(b"\n", 0, -1) + 1
    for cut in range(start, len(whole)):
        written.write_bytes(whole[:cut])
        assert answers(written)[2] is None
        assert written.read_bytes() == whole[:cut]  # looking changes nothing
    Journal(written, "fit").keep("3 c", {"scores": [1.0]})
    assert answers(written)[2] == {"scores": [1.0]}
    assert len(written.read_text().splitlines()) == 3


@pytest.mark.parametrize(
    "line",
    [
        "",
        "7",
        "null",
        "[]",
        "{}",
        '{"data":["1 a",1]}',
        sealed(7),
        sealed(["fit", "1 a"]),
        sealed(["other", "1 a", 2]),
        sealed(["fit", ["1 a"], 1]),
        "[" * 100_000,
        '{"data":["1 a",NaN],"sha256":""}',
        canonical({"call": "1 a", "answer": 1}),
    ],
)
def test_a_line_that_is_none_of_ours_is_refused(written, line):
    with written.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(CheckpointError, match="is damaged"):
        Journal(written, "fit")


def test_what_is_no_text_is_refused(written):
    written.write_bytes(b"\xff\xfe\n")
    with pytest.raises(CheckpointError):
        Journal(written, "fit")


@pytest.mark.parametrize("answer", [float("nan"), float("inf"), b"bytes", {1, 2}])
def test_an_answer_that_json_cannot_hold_is_not_kept(written, answer):
    before = written.read_bytes()
    with pytest.raises((ValueError, TypeError)):
        Journal(written, "fit").keep("4 d", answer)
    assert written.read_bytes() == before


def test_every_line_can_be_checked_without_this_library(written):
    for line in written.read_text().splitlines():
        assert set(json.loads(line)) == {"data", "sha256"}
