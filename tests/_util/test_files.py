"""Files that survive a crash: whole, old, or a line short, and never half of anything."""

import errno
import os
import pickle
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabgan._util.files import (
    append_line,
    atomic_path,
    canonical,
    drop_torn_line,
    leftovers,
    parse,
    read_lines,
    sealed,
    sha256,
    sync,
    unsealed,
)
from tabgan.errors import StorageError


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def no_mask():
    """Files would be readable by all: whatever is closed was closed on purpose."""
    before = os.umask(0)
    yield
    os.umask(before)


class TestAtomicPath:
    def test_a_file_takes_its_name_when_it_is_whole(self, tmp_path):
        path = tmp_path / "new" / "file"
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            assert not path.exists()
            temporary.write_text("whole")
        assert path.read_text() == "whole"
        assert list(path.parent.iterdir()) == [path]

    def test_an_error_leaves_what_was_there(self, tmp_path):
        path = tmp_path / "file"
        path.write_text("old")
        with pytest.raises(KeyboardInterrupt), atomic_path(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]

    def test_a_full_disk_is_told_by_the_name_of_the_file(self, tmp_path):
        path = tmp_path / "file"
        with pytest.raises(StorageError, match="No space left.*Free some space") as raised, atomic_path(path):
            raise OSError(errno.ENOSPC, "of another library")
        assert raised.value.filename == str(path)
        assert list(tmp_path.iterdir()) == []
        sent = pickle.loads(pickle.dumps(raised.value))  # noqa: S301 - as from another process
        assert (str(sent), sent.errno, sent.strerror) == (
            str(raised.value),
            errno.ENOSPC,
            "No space left on device",
        )

    def test_a_secret_is_never_readable_by_others_not_even_half_written(self, tmp_path, no_mask):
        path = tmp_path / "key"
        with atomic_path(path, mode=0o600) as temporary:
            assert mode_of(temporary) == 0o600
            temporary.write_text("secret")
            assert mode_of(temporary) == 0o600
        assert mode_of(path) == 0o600

    def test_others_may_read_what_is_for_them(self, tmp_path):
        path = tmp_path / "file"
        for mask, expected in ((0o022, 0o644), (0o077, 0o600)):
            before = os.umask(mask)
            try:
                with atomic_path(path) as temporary:
                    temporary.touch(mode=0o600)
                assert os.umask(mask) == mask  # looked at, and put back
            finally:
                os.umask(before)
            assert mode_of(path) == expected

    def test_contents_are_on_the_disk_before_the_name_and_the_name_before_it_returns(
        self, tmp_path, monkeypatch
    ):
        done, fsync, replace = [], os.fsync, os.replace
        monkeypatch.setattr(
            os, "fsync", lambda h: (done.append(os.readlink(f"/proc/self/fd/{h}")), fsync(h))[1]
        )
        monkeypatch.setattr(os, "replace", lambda a, b: (done.append("named"), replace(a, b))[1])
        with atomic_path(tmp_path / "file") as temporary:
            temporary.write_text("x")
        assert done == [str(temporary), "named", str(tmp_path)]

    def test_what_a_crash_leaves_can_be_found(self, tmp_path):
        path = tmp_path / "file"
        (tmp_path / ".file.0123abcd.tmp").touch()
        for other in (
            "file",
            ".file.guard.0123abcd.tmp",
            ".other.0123abcd.tmp",
            "file.0123abcd.tmp",
            ".file.tmp",
        ):
            (tmp_path / other).touch()
        assert leftovers(path) == [tmp_path / ".file.0123abcd.tmp"]
        with pytest.raises(KeyError), atomic_path(path) as temporary:
            assert temporary in leftovers(path)
            raise KeyError


class TestLines:
    def test_they_are_appended_in_order(self, tmp_path):
        path = tmp_path / "lines"
        for line in ("a", "é", ""):
            append_line(path, line)
        assert read_lines(path) == ["a", "é", ""]

    def test_a_new_file_has_its_mode_and_an_old_one_keeps_its(self, tmp_path, no_mask):
        path = tmp_path / "lines"
        append_line(path, "a", mode=0o600)
        append_line(path, "b", mode=0o666)
        assert mode_of(path) == 0o600

    def test_each_is_on_the_disk_when_it_returns_and_so_is_the_name_of_the_first(self, tmp_path, monkeypatch):
        path, done, fsync = tmp_path / "lines", [], os.fsync

        def spy(handle):
            name = os.readlink(f"/proc/self/fd/{handle}")
            done.append((name, path.read_text()))
            fsync(handle)

        monkeypatch.setattr(os, "fsync", spy)
        append_line(path, "a")
        append_line(path, "b")
        assert done == [(str(path), "a\n"), (str(tmp_path), "a\n"), (str(path), "a\nb\n")]

    @pytest.mark.parametrize(
        ("data", "lines"),
        [
            (b"", []),
            (b"torn", []),
            (b"a\n", ["a"]),
            (b"a\ntorn", ["a"]),
            (b"a\r\n\nb\x1c\n", ["a\r", "", "b\x1c"]),
        ],
    )
    def test_only_whole_lines_are_read_and_a_torn_one_is_cut_off(self, tmp_path, data, lines):
        path = tmp_path / "lines"
        path.write_bytes(data)
        assert read_lines(path) == lines
        drop_torn_line(path)
        assert path.read_bytes() == data[: data.rfind(b"\n") + 1]
        append_line(path, "next")
        assert read_lines(path) == [*lines, "next"]

    def test_a_folders_names_can_be_synced(self, tmp_path):
        sync(tmp_path)
        with pytest.raises(FileNotFoundError):
            sync(tmp_path / "nothing")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


class TestJson:
    @given(data=PLAIN)
    def test_data_survives_and_has_one_text(self, data):
        assert parse(canonical(data)) == data
        assert canonical(parse(canonical(data))) == canonical(data)
        assert unsealed(sealed(data)) == data

    def test_the_order_of_keys_does_not_matter(self):
        assert canonical({"b": 1, "a": {"d": 2, "c": 3}}) == canonical({"a": {"c": 3, "d": 2}, "b": 1})
        assert "\n" not in canonical({"text": "two\nlines \u2028"})

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
    def test_it_has_no_nan(self, value):
        with pytest.raises(ValueError, match="not JSON compliant"):
            canonical([value])

    @pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a":-Infinity}'])
    def test_and_none_is_read(self, text):
        with pytest.raises(ValueError, match="is not JSON"):
            parse(text)

    @pytest.mark.parametrize("text", ["", "{", "[1,]", "'a'", '{"a":1}x'])
    def test_what_is_no_json_is_not_read(self, text):
        with pytest.raises(ValueError, match="line 1 column"):
            parse(text)

    def test_every_change_of_what_is_sealed_shows(self):
        text = sealed({"key": "0af3", "count": 12, "list": [1.5, None, True]})
        for position in range(len(text)):
            for other in "0a 9}":
                if other != text[position]:
                    with pytest.raises(ValueError, match=r".*"):
                        unsealed(text[:position] + other + text[position + 1 :])

    def test_another_writing_of_the_same_number_is_damage(self):
        with pytest.raises(ValueError, match="damaged"):
            unsealed(sealed([0.1]).replace("0.1", "0.10"))

    @pytest.mark.parametrize("text", ["{}", "[]", "7", '{"data":1}', '{"data":1,"sha256":null}', "null"])
    def test_what_was_never_sealed_is_refused(self, text):
        with pytest.raises(ValueError, match="not sealed|damaged"):
            unsealed(text)

    def test_the_digest_is_sha256(self):
        assert sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
