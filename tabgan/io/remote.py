"""Files on object stores and other file systems, through fsspec: a path for each, whose text shows no password."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Literal, Protocol, TypeAlias, overload
from urllib.parse import unquote, urlsplit

from tabgan.errors import ConfigError, OutOfMemoryError, SourceError, TabGANError, lacks_memory


@contextmanager
def told_errors(name: str, failure: str) -> Iterator[None]:
    """Replace an error of another library, or of the system, with one that gives its type and no message.

    Raises:
        SourceError: the library or the system raised an error.
        OutOfMemoryError: memory is short.
    """
    try:
        yield
    except TabGANError:
        raise
    except Exception as error:
        if lacks_memory(error):
            raise OutOfMemoryError(
                f"{name}: {failure}: memory was not enough. Give the process more, or read fewer columns."
            ) from None
        number = error.errno if isinstance(error, OSError) else None
        reason = type(error).__name__ if number is None else os.strerror(number)
        raise SourceError(
            f"{name}: {failure} ({reason}). The message of the library may quote rows, so it is not shown."
        ) from None


#: A file's state: another one is that of another version; ``None`` where there is no file.
Stamp: TypeAlias = tuple[object, ...] | None

#: Names by which file systems tell of a file's size, version and times of change, in lower case without other signs.
_VERSIONED = (
    *(
        "size",
        "etag",
        "versionid",
        "generation",
        "sha",
        "checksum",
        "digest",
        "contentmd5",
        "md5hash",
        "crc32c",
    ),
    *("mtime", "lastmodified", "modified", "modificationtime", "lastcommit", "updated", "created"),
)


class FileSystem(Protocol):
    """The methods of a file system of fsspec that are used here, or by pyarrow."""

    def open(self, path: str, mode: str, *, compression: str | None) -> IO[bytes]: ...
    def exists(self, path: str) -> bool: ...
    def isdir(self, path: str) -> bool: ...
    def glob(self, path: str) -> list[str]: ...
    @overload
    def find(self, path: str) -> list[str]: ...
    @overload
    def find(self, path: str, *, detail: Literal[True]) -> dict[str, dict[str, object]]: ...
    def info(self, path: str) -> dict[str, object]: ...
    def invalidate_cache(self) -> None: ...


@dataclass(frozen=True)
class RemotePath:
    """A file or folder of a file system of fsspec.

    Attributes:
        path: Path within the file system.
        protocol: Beginning of its address, such as ``s3``.
        fs: The file system.
    """

    path: str
    protocol: str
    fs: FileSystem = field(repr=False, compare=False)

    def __str__(self) -> str:
        return told_url(self.path if "://" in self.path else f"{self.protocol}://{self.path.lstrip('/')}")

    def __repr__(self) -> str:
        return f"RemotePath({str(self)!r})"

    @property
    def pure(self) -> PurePosixPath:
        """The path without the query and fragment of a web address."""
        return PurePosixPath(self.path.partition("?")[0] if "://" in self.path else self.path)

    @property
    def name(self) -> str:
        """Last part of the path."""
        return self.pure.name

    @property
    def suffixes(self) -> list[str]:
        """All suffixes of the name."""
        return self.pure.suffixes

    def open(self) -> IO[bytes]:
        """Open the file, decompressed by its suffix, and return it."""
        return self.fs.open(self.path, "rb", compression="infer")

    def exists(self) -> bool:
        """Return true if there is such a file or folder."""
        return self.fs.exists(self.path)

    def is_dir(self) -> bool:
        """Return true for a folder; the web has none."""
        return self.protocol not in ("http", "https") and self.fs.isdir(self.path)

    def matching(self) -> list[RemotePath]:
        """Return the file, or all whose names fit a pattern, in the order of their names."""
        if "://" not in self.path and glob.has_magic(self.path):
            return [RemotePath(path, self.protocol, self.fs) for path in sorted(self.fs.glob(self.path))]
        return [self] if self.exists() else []

    def stamps(self, paths: Sequence[str]) -> list[Stamp]:
        """Return the state of files in this folder, several of them by one listing of it."""
        self.fs.invalidate_cache()
        if len(paths) > 1:
            found = self.fs.find(self.path, detail=True)
            return [_stamp_of(found.get(path)) for path in paths]
        try:
            return [_stamp_of(self.fs.info(path)) for path in paths]
        except FileNotFoundError:
            return [None]

    def files(self) -> list[RemotePath]:
        """Return all files of a folder and the folders in it, in the order of their names."""
        return [RemotePath(path, self.protocol, self.fs) for path in sorted(self.fs.find(self.path))]


def _stamp_of(info: Mapping[str, object] | None) -> Stamp:
    """Return what a file system tells of a file's version; times of reading, which some tell, are left out."""
    if info is None or info.get("type") == "directory":
        return None
    plain = {"".join(filter(str.isalnum, key.lower())): value for key, value in info.items()}
    return tuple((key, str(plain[key])) for key in _VERSIONED if plain.get(key) is not None)


#: A file on this machine or another.
AnyPath: TypeAlias = Path | RemotePath


def is_url(text: object) -> bool:
    """Return true for an address, as opposed to a path on this machine."""
    return isinstance(text, str) and "://" in text and urlsplit(text).scheme.isascii()


def told_url(url: str) -> str:
    """Return an address without user, password and query, as messages may show it.

    Of one in which a sign that may begin a query stands before an ``@``, nothing is shown: the sign may be part of the
    password, and the ``@`` of the query.

    >>> told_url("postgresql://me:secret@host:5432/people?password=secret")
    'postgresql://host:5432/people'
    >>> told_url("postgresql://me:half?secret@host/people")
    'postgresql://…'
    """
    scheme, _, rest = url.partition("://")
    if any("@" in rest.partition(sign)[2] for sign in "?#"):
        return f"{scheme}://…"
    rest = rest.partition("?")[0].partition("#")[0]
    host, slash, path = rest.partition("/")
    if "@" in path:  # a password with a slash in it
        host, slash, path = rest.rpartition("@")[2].partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def remote_path(url: str, where: str = "source", options: Mapping[str, object] | None = None) -> AnyPath:
    """Return the file or folder at an address such as ``s3://bucket/folder``.

    Args:
        url: The address.
        where: Place of the address, for messages.
        options: Arguments of fsspec's file system, such as ``anon=True``.

    Raises:
        ConfigError: there is no such protocol, or its package is not installed.
        SourceError: the file system cannot be reached.
    """
    protocol = url.partition("://")[0]
    if protocol == "file" and not options:
        return Path(unquote(urlsplit(url).path))
    import fsspec

    try:
        fsspec.get_filesystem_class(protocol)
    except ImportError as error:
        raise ConfigError(f"{where}: {protocol}:// needs another package. {error}.") from None
    except ValueError:
        raise ConfigError(
            f"{where}: expected a path or an address such as s3://bucket/folder, got one of the unknown protocol "
            f"{protocol!r}."
        ) from None
    with told_errors(told_url(url), "it cannot be reached"):
        fs, path = fsspec.core.url_to_fs(url, **(options or {}))
    return RemotePath(str(path), protocol, fs)
