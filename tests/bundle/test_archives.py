import io
import stat
import zipfile

import pytest

from tabgan.bundle.archives import opened, pack
from tabgan.errors import BundleError, ConfigError


def written(path, entries, **options):
    """Write a zip of names, or infos, and contents."""
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def refused(path, words):
    with pytest.raises(BundleError, match=words), opened(path):
        pytest.fail("opened")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "people"
    folder.mkdir()
    (folder / "a.txt").write_text("one")
    (folder / "b.txt").write_bytes(b"")
    return folder


def test_the_same_files_have_the_same_bytes(folder, tmp_path):
    first = pack(folder, tmp_path / "1.zip", "people").read_bytes()
    (folder / "a.txt").touch()
    assert pack(folder, tmp_path / "2.zip", "people").read_bytes() == first
    with opened(tmp_path / "1.zip") as found:
        assert {path.name: path.read_text() for path in found.iterdir()} == {"a.txt": "one", "b.txt": ""}
    assert not found.exists()


def test_other_programs_unpack_it(folder, tmp_path):
    with zipfile.ZipFile(pack(folder, tmp_path / "1.zip", "people")) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["people/a.txt", "people/b.txt"]


@pytest.mark.family
def test_a_changed_byte_is_found_wherever_it_is(folder, tmp_path):
    raw = pack(folder, tmp_path / "1.zip", "people").read_bytes()
    for place in range(0, len(raw), 3):
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        (tmp_path / "2.zip").write_bytes(changed)
        refused(tmp_path / "2.zip", "bundle:")


@pytest.mark.parametrize(
    "name",
    [
        "people/../../evil.txt",
        "../evil.txt",
        "/etc/evil.txt",
        "people/a/b.txt",
        "people/..\\evil.txt",
        "c:evil.txt",
        "people/.hidden",
        "other/a.txt",
        "evil.txt",
        "people/",
    ],
)
def test_names_that_lead_elsewhere(tmp_path, name):
    refused(written(tmp_path / "1.zip", [("people/a.txt", "one"), (name, "two")]), "leads elsewhere|a folder")
    assert not (tmp_path / "evil.txt").exists()


def test_links(tmp_path):
    info = zipfile.ZipInfo("people/link")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    refused(written(tmp_path / "1.zip", [(info, "/etc/passwd")]), "a link or a folder: 'link'")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["people/a.txt", "people/A.txt"])
def test_names_twice(tmp_path, second):
    refused(written(tmp_path / "1.zip", [("people/a.txt", "one"), (second, "two")]), "each name once")


def test_a_bomb_is_not_unpacked(tmp_path):
    bomb = written(tmp_path / "1.zip", [("people/a.txt", "0" * 10_000_000)], compression=zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 20_000
    refused(bomb, "without compression")


def test_a_bomb_of_many_files(tmp_path, monkeypatch):
    monkeypatch.setattr("tabgan.bundle.archives.MOST_FILES", 3)
    refused(written(tmp_path / "1.zip", [(f"people/{i}", "") for i in range(4)]), "expected 1 to 3 files")


def test_entries_that_overlap(folder, tmp_path):
    """Two entries of the directory point to the same bytes."""
    raw = pack(folder, tmp_path / "1.zip", "people").read_bytes()
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        start = archive.start_dir
    entry = raw[start : raw.index(b"PK\x01\x02", start + 4)]
    more = raw[:start] + entry * 300 + raw[start:]
    (tmp_path / "2.zip").write_bytes(more)
    refused(tmp_path / "2.zip", "bundle:")


def test_passwords(folder, tmp_path):
    raw = bytearray(pack(folder, tmp_path / "1.zip", "people").read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    raw[raw.index(b"PK\x03\x04") + 6] |= 1
    (tmp_path / "2.zip").write_bytes(raw)
    refused(tmp_path / "2.zip", "password")


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive", b"PK\x05\x06" + b"\0" * 18])
def test_no_archive_at_all(tmp_path, content):
    (tmp_path / "1.zip").write_bytes(content)
    refused(tmp_path / "1.zip", "not the archive of a bundle|expected 1 to")


def test_an_archive_of_another_program(folder, tmp_path):
    packed = written(tmp_path / "1.zip", [("people/a.txt", "one"), ("people/b.txt", "")])
    refused(packed, "packed by another program")


def test_nothing_there(tmp_path):
    with pytest.raises(ConfigError, match="found neither"), opened(tmp_path / "nothing"):
        pass


@pytest.mark.parametrize("what", ["link", "folder"])
def test_a_folder_holds_plain_files_alone(folder, what):
    if what == "link":
        (folder / "c.txt").symlink_to("/etc/passwd")
    else:
        (folder / "c.txt").mkdir()
    refused(folder, f"got a {what} at 'c.txt'")
