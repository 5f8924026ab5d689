import json

import pytest

from tabgan.bundle.manifest import FileFact, is_plain, manifest_text, read_manifest
from tabgan.errors import BundleError

TOLD = dict.fromkeys(("title", "created", "synthetic", "guarantee", "config", "request", "versions", "input"))
FACT = FileFact("a.csv", 3, "0" * 64)


def text(**changes):
    return manifest_text(TOLD, {"a.csv": FACT} | changes)


def test_it_reads_what_it_wrote():
    read = read_manifest(text().encode())
    assert read.files == {"a.csv": FACT}
    assert read.content["title"] is None


def test_every_changed_byte_is_found():
    raw = text().encode()
    for place in range(len(raw)):
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        with pytest.raises(BundleError, match=r"manifest\.json"):
            read_manifest(changed)
    for other in (raw + b"\n", raw[:-1], b"", b"\xef\xbb\xbf" + raw, raw.replace(b" ", b"  ", 1)):
        with pytest.raises(BundleError, match="changed since it was sealed"):
            read_manifest(other)


def test_another_version_is_told():
    for version, said in ((2, "got 2"), ("x" * 5_000, "got another")):
        raw = json.dumps(json.loads(text()) | {"version": version}).encode()
        with pytest.raises(BundleError, match=f"expected version 1 of the format, {said}"):
            read_manifest(raw)


@pytest.mark.parametrize(
    "fact",
    [
        FileFact("../a.csv", 3, "0" * 64),
        FileFact("/etc/passwd", 3, "0" * 64),
        FileFact("a.csv", -1, "0" * 64),
        FileFact("a.csv", True, "0" * 64),
        FileFact("a.csv", 3, "0" * 63),
        FileFact("a.csv", 3, "G" * 64),
    ],
)
def test_facts_of_no_file_are_refused(fact):
    with pytest.raises(BundleError):
        read_manifest(manifest_text(TOLD, {fact.name: fact}).encode())


@pytest.mark.parametrize("raw", [b"[]", b"null", b"{}", b"[" * 100_000, b'{"format": NaN}', b"\xff"])
def test_no_manifest_at_all(raw):
    with pytest.raises(BundleError, match="not the manifest"):
        read_manifest(raw)


def test_plain_names():
    assert is_plain("synthetic.csv.meta.json")
    for name in ("", ".hidden", "..", "a/b", "a\\b", "c:d", "a\0b", "a\nb", "x" * 300):
        assert not is_plain(name)
