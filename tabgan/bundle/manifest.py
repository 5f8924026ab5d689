"""The manifest: every file of a bundle with its SHA-256, under a seal that shows any change of the manifest itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tabgan._util.files import parse, sha256
from tabgan.errors import BundleError

FORMAT, VERSION = "tabgan-release-bundle", 1

#: Most bytes of a manifest that is read, and most files that one may list.
MOST_BYTES, MOST_FILES = 16_000_000, 10_000

_KEYS = {
    "format",
    "version",
    "title",
    "created",
    "synthetic",
    "guarantee",
    "config",
    "request",
    "versions",
    "input",
}


@dataclass(frozen=True)
class FileFact:
    """A file of a bundle.

    Attributes:
        name: Its name.
        bytes: Its size.
        sha256: The digest of its bytes in hexadecimal.
    """

    name: str
    bytes: int
    sha256: str


def fact_of(path: Path) -> FileFact:
    """Return the facts of a file on the disk."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileFact(path.name, path.stat().st_size, digest)


def manifest_text(told: Mapping[str, object], files: Mapping[str, FileFact]) -> str:
    """Return the text of a manifest's file: JSON that ends with the digest of all entries before."""
    listed = [asdict(files[name]) for name in sorted(files)]
    return _sealed({"format": FORMAT, "version": VERSION, **told, "files": listed})


def _sealed(content: Mapping[str, Any]) -> str:
    seal = sha256(_text(content))
    return _text({**content, "seal": seal})


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


@dataclass(frozen=True)
class ReadManifest:
    """A manifest that was read, and is intact.

    Attributes:
        content: Its content as plain data.
        files: Its files by their names.
    """

    content: Mapping[str, object]
    files: Mapping[str, FileFact]


def read_manifest(raw: bytes) -> ReadManifest:
    """Return a manifest, which was not changed since it was sealed.

    Raises:
        BundleError: it is damaged, was changed, or is of another version.
    """
    try:
        text = raw.decode("utf-8")
        content = parse(text)
        if content["format"] != FORMAT:
            raise ValueError
        if content["version"] != VERSION:
            raise BundleError(
                f"manifest.json: expected version {VERSION} of the format, got {_number(content['version'])}. Use the "
                "tabgan that wrote the bundle, or a newer one."
            )
        rest = {key: value for key, value in content.items() if key != "seal"}
        if _sealed(rest) != text or set(rest) != _KEYS | {"files"}:
            raise ValueError
        facts = [FileFact(**each) for each in content["files"]]
        if not all(_is_fact(fact) for fact in facts) or not 0 < len(facts) <= MOST_FILES:
            raise ValueError
        files = {fact.name: fact for fact in facts}
        if len(files) < len(facts):
            raise ValueError
    except BundleError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BundleError(
            "manifest.json: it was changed since it was sealed, is damaged, or is not the manifest of a bundle. Get "
            "the bundle "
            "again from whoever made it."
        ) from None
    return ReadManifest(content, files)


def _number(version: object) -> str:
    return str(version) if isinstance(version, int) and abs(version) < 10**6 else "another"


def _is_fact(fact: FileFact) -> bool:
    is_size = isinstance(fact.bytes, int) and not isinstance(fact.bytes, bool) and fact.bytes >= 0
    is_digest = (
        isinstance(fact.sha256, str)
        and len(fact.sha256) == 64
        and set(fact.sha256) <= set("0123456789abcdef")
    )
    return is_size and is_digest and isinstance(fact.name, str) and is_plain(fact.name)


def is_plain(name: str) -> bool:
    """Return true if a name is that of a file directly in a bundle: no folder, no hidden file, no sign of another."""
    return (
        0 < len(name) <= 200
        and not name.startswith(".")
        and not set(name) & set('/\\:*?"<>|')
        and name.isprintable()
    )
