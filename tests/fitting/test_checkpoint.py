"""A checkpoint of an interrupted fit holds nothing private and nothing foreign, and is whole or refused."""

import hashlib
import json
import os
import stat

import numpy as np
import pandas as pd
import pytest

from tabgan._util import files as durable
from tabgan._util.files import sealed, unsealed
from tabgan.errors import CheckpointError, DataError
from tabgan.fitting.checkpoint import Checkpoint, KeptRequests, discard, holdout_seed
from tabgan.privacy.doors.digest import table_digest

REQUEST = {"epsilon": 1.0, "schema": {"columns": {"age": {"kind": "numeric"}}}, "random_state": None}
TABLE = pd.DataFrame({"age": [31, 47, 64], "town": ["Ulm", "Bonn", "Kiel"]})
#: Numbers that only come back if every bit of them does.
GRADIENT = [0.1, -0.2, 1 / 3, 5e-324, -1.7976931348623157e308]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "kept" / "checkpoint"


def opened(folder, request=REQUEST, entropy=7) -> Checkpoint:
    return Checkpoint(folder, request, entropy)


def filled(folder) -> Checkpoint:
    """A checkpoint with one of everything."""
    holdout_seed(folder)
    kept = opened(folder)
    kept.bind(TABLE)
    kept.journal().keep("1 a", {"scores": [1.0]})
    kept.journal().keep("2 b", {"drawn": GRADIENT})
    for name in ("ledger.jsonl", "ledger.jsonl.guard", "ledger.jsonl.lock"):
        (folder / name).write_text("")
    return kept


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# -- the folder -------------------------------------------------------------------------------------------------


def test_opening_writes_nothing(folder):
    assert opened(folder).is_new
    assert not folder.parent.exists()


def test_a_fit_keeps_its_name_and_its_seed(folder):
    first = opened(folder)
    first.bind(TABLE)
    again = opened(folder, entropy=99)
    assert not again.is_new
    assert (again.fit, again.entropy) == (first.fit, 7)
    other = opened(folder.with_name("other"))
    assert other.fit != first.fit


def test_a_seed_of_128_bits_survives(folder):
    opened(folder, entropy=2**128 - 1).bind(TABLE)
    assert opened(folder).entropy == 2**128 - 1


def test_only_its_owner_can_read_it(folder):
    before = os.umask(0)
    try:
        filled(folder)
    finally:
        os.umask(before)
    assert mode_of(folder) == 0o700
    for name in ("manifest.json", "released.jsonl", "holdout.json"):
        assert mode_of(folder / name) == 0o600, name


def test_an_empty_folder_that_was_there_is_closed(folder):
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    opened(folder).bind(TABLE)
    assert mode_of(folder) == 0o700


@pytest.mark.parametrize("name", ["notes.txt", "notes.tmp", ".manifest.json.tmp", "ledger.csv", "folder"])
def test_a_folder_with_foreign_files_is_refused_and_left_alone(folder, name):
    filled(folder)
    if name == "folder":
        (folder / name).mkdir()
    else:
        (folder / name).write_text("mine")
    before = sorted(folder.iterdir())
    for use in (opened, holdout_seed):
        with pytest.raises(CheckpointError, match=f"expected a new folder or a checkpoint's, found '{name}'"):
            use(folder)
    discard(folder)  # removes only its own files
    assert sorted(folder.iterdir()) == [folder / name] != before


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("mine")
    for use in (opened, holdout_seed):
        with pytest.raises(CheckpointError, match="expected a folder"):
            use(tmp_path / "file")


def test_discard_leaves_no_trace_and_no_folder_even_after_a_crash(folder):
    kept = filled(folder)
    (folder / ".manifest.json.0123abcd.tmp").write_text("half")
    (folder / ".ledger.jsonl.guard.0123abcd.tmp").write_text("half")
    assert not opened(folder).is_new  # what a crash has left is no foreign file
    kept.discard()
    assert not folder.exists()
    assert folder.parent.exists()
    kept.discard()  # again: nothing to do


def test_a_link_is_removed_and_what_it_points_to_is_not(folder, tmp_path):
    (tmp_path / "mine").write_text("mine")
    folder.mkdir(parents=True)
    (folder / "manifest.json").symlink_to(tmp_path / "mine")
    discard(folder)
    assert (tmp_path / "mine").read_text() == "mine"
    assert not folder.exists()


def test_answers_without_a_manifest_are_not_taken_for_those_of_a_new_fit(folder):
    """A crash may have come while the checkpoint was removed."""
    filled(folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(CheckpointError, match=r"has 'released.jsonl' but no 'manifest.json'"):
        opened(folder)


def test_a_seed_alone_is_a_new_checkpoint(folder):
    holdout_seed(folder)
    assert opened(folder).is_new


# -- what it is of ----------------------------------------------------------------------------------------------


def test_other_arguments_are_named(folder):
    filled(folder)
    before = contents(folder)
    with pytest.raises(
        CheckpointError, match="belongs to a fit with other arguments: epsilon, random_state differ"
    ):
        opened(folder, REQUEST | {"epsilon": 1.5, "random_state": 0})
    with pytest.raises(CheckpointError, match="schema differ"):
        opened(folder, REQUEST | {"schema": {"columns": {}}})
    with pytest.raises(CheckpointError, match="more differ"):
        opened(folder, REQUEST | {"more": 1})
    assert contents(folder) == before
    opened(folder)


def test_another_table_is_refused(folder):
    filled(folder)
    before = contents(folder)
    for other in (TABLE.iloc[:2], TABLE.assign(age=[31, 47, 65]), TABLE[["town", "age"]]):
        with pytest.raises(CheckpointError, match="belongs to a fit to another table"):
            opened(folder).bind(other)
    with pytest.raises(DataError):
        opened(folder).bind("table.csv")
    assert contents(folder) == before
    opened(folder).bind(TABLE.copy())


def test_the_same_rows_may_come_in_another_order_but_not_in_another_form(folder):
    """Of a column's dtype follows what is released of it, and so which answers can be read again."""
    filled(folder)
    opened(folder).bind(TABLE.iloc[::-1])
    for other in (TABLE.astype({"age": "int32"}), TABLE.astype({"town": "category"}), TABLE.astype(str)):
        with pytest.raises(CheckpointError, match="Fit to the same rows, with the same columns and dtypes"):
            opened(folder).bind(other)


def test_an_older_checkpoint_is_held_against_its_own_digest(folder):
    filled(folder)
    manifest = unsealed((folder / "manifest.json").read_text())
    key = bytes.fromhex(manifest["key"])
    older = " ".join([table_digest(TABLE, key, 1), table_digest(TABLE.iloc[:2], key, 1)])
    (folder / "manifest.json").write_text(sealed(manifest | {"table": older}))
    opened(folder).bind(TABLE, TABLE.iloc[:2])
    with pytest.raises(CheckpointError, match="another table"):
        opened(folder).bind(TABLE.iloc[::-1], TABLE.iloc[:2])


def test_no_plain_hash_of_the_table_stands_in_it(folder):
    """Pitfall 28."""
    kept = []
    for name in ("one", "other"):
        opened(folder / name).bind(TABLE)
        kept.append(unsealed((folder / name / "manifest.json").read_text()))
    assert kept[0]["table"] != kept[1]["table"]
    assert kept[0]["table"].startswith(f"3:{table_digest(TABLE, bytes.fromhex(kept[0]['key']))} ")
    hashes = pd.util.hash_pandas_object(TABLE, index=False).to_numpy().tobytes()
    for data in (hashes, TABLE.to_csv(index=False).encode(), TABLE.to_csv().encode()):
        assert hashlib.sha256(data).hexdigest() not in json.dumps(kept)
    assert table_digest(TABLE, b"") not in json.dumps(kept)


# -- damage -----------------------------------------------------------------------------------------------------


@pytest.mark.family(keep=1)
@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("manifest.json", opened),
        ("holdout.json", holdout_seed),
        ("released.jsonl", lambda folder: opened(folder).journal()),
    ],
)
def test_a_damaged_file_is_refused_and_nothing_is_removed(folder, name, use):
    filled(folder)
    path, rng = folder / name, np.random.default_rng(0)
    use(folder)
    whole = path.read_bytes()
    n_bytes = len(whole) - (name == "released.jsonl")  # its last line's end: see test_journal
    for position in rng.choice(n_bytes, min(n_bytes, 250), replace=False):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        with pytest.raises(
            CheckpointError, match=f"{name}' is damaged. Restore it|{name}' is damaged. Its charges"
        ):
            use(folder)
        assert path.read_bytes() == damaged
    if name != "released.jsonl":  # which may lack lines
        for cut in rng.choice(len(whole), 20, replace=False):
            path.write_bytes(whole[:cut])
            with pytest.raises(CheckpointError, match="is damaged"):
                use(folder)
    path.write_bytes(whole)
    use(folder)


@pytest.mark.parametrize(
    "manifest",
    [None, [], 7, {}, {"format": "tabgan-checkpoint"}, {"format": "another"}],
)
def test_a_manifest_of_something_else_is_refused(folder, manifest):
    filled(folder)
    whole = unsealed((folder / "manifest.json").read_text())
    for changed in (manifest, {key: value for key, value in whole.items() if key != "key"}):
        (folder / "manifest.json").write_text(sealed(changed))
        with pytest.raises(CheckpointError, match="is damaged"):
            opened(folder)


def test_a_manifest_of_another_version_is_named_as_such(folder):
    filled(folder)
    path = folder / "manifest.json"
    path.write_text(sealed(unsealed(path.read_text()) | {"version": 1}))
    with pytest.raises(CheckpointError, match="expected version 2 of the format"):
        opened(folder)


@pytest.mark.parametrize("seed", [None, [], {}, "x", "1.5"])
def test_a_seed_that_is_none_is_refused(folder, seed):
    folder.mkdir(parents=True)
    (folder / "holdout.json").write_text(sealed(seed))
    with pytest.raises(CheckpointError, match="is damaged"):
        holdout_seed(folder)


def test_the_seed_is_drawn_once(folder):
    seeds = {holdout_seed(folder) for _ in range(3)}
    assert len(seeds) == 1
    assert holdout_seed(folder.with_name("other")) not in seeds


# -- answers ----------------------------------------------------------------------------------------------------


def test_a_gradient_comes_back_with_every_bit_and_in_plain_text(folder):
    """Pitfall 23: JSON lines, not pickle."""
    filled(folder)
    assert opened(folder).journal().answer("2 b") == {"drawn": GRADIENT}
    fit = opened(folder).fit
    lines = [unsealed(line) for line in (folder / "released.jsonl").read_text().splitlines()]
    assert lines == [[fit, "1 a", {"scores": [1.0]}], [fit, "2 b", {"drawn": GRADIENT}]]
    for foreign in (b"\x80\x04N.\n", b"\xff" * 64 + b"\n", b"[[[[" * 50_000 + b"\n"):
        (folder / "released.jsonl").write_bytes(foreign)
        with pytest.raises(CheckpointError, match="released.jsonl' is damaged"):
            opened(folder).journal()


def test_an_answer_that_a_crash_cut_off_was_not_kept_and_those_before_it_were(folder, monkeypatch):
    kept = filled(folder)
    whole = (folder / "released.jsonl").read_bytes()

    def dies(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "fsync", dies)
        kept.journal().keep("3 c", {"drawn": GRADIENT})
    data = (folder / "released.jsonl").read_bytes()
    assert data.startswith(whole)
    for cut in (len(whole), len(whole) + 1, len(data) - 1):
        (folder / "released.jsonl").write_bytes(data[:cut])
        journal = opened(folder).journal()
        assert [journal.answer(call) is None for call in ("1 a", "2 b", "3 c")] == [False, False, True]
    journal.keep("3 c", {"drawn": GRADIENT})
    assert (folder / "released.jsonl").read_bytes() == data


def test_a_manifest_is_there_whole_or_not_at_all(folder, monkeypatch):
    def dies(path):
        path.write_bytes(path.read_bytes()[:100])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(durable, "sync", dies)
        opened(folder).bind(TABLE)
    assert list(folder.iterdir()) == []
    assert opened(folder).is_new


@pytest.mark.parametrize(("calls", "is_lost"), [((), False), (("1 a",), False), (("1 a", "2 b"), True)])
def test_answers_that_a_second_charge_proves_are_missed(folder, calls, is_lost):
    """One that was charged alone may have been lost before it was kept."""
    kept = filled(folder)
    kept.check_answers(calls)
    (folder / "released.jsonl").unlink()
    if not is_lost:
        kept.check_answers(calls)
        return
    with pytest.raises(CheckpointError, match="released.jsonl' is damaged"):
        kept.check_answers(calls)


def test_the_state_of_an_older_versions_training_is_no_foreign_file(folder):
    """Private metrics may still be asked for beside its fit, and it is removed with the rest."""
    kept = filled(folder)
    (folder / "training.safetensors").write_bytes(b"older")
    assert KeptRequests(folder).begun() == ()
    assert not opened(folder).is_new
    kept.discard()
    assert not folder.exists()
