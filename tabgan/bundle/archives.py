"""Reading of a bundle that may come from anybody: a folder or an archive, every limit checked before a byte is stored.

The archive is a zip without compression: Parquet is compressed already, and so the same bundle has the same bytes
everywhere, and a changed byte of the archive is found too.
"""

from __future__ import annotations

import errno
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tabgan._util.files import atomic_path
from tabgan.bundle.manifest import MOST_FILES, is_plain
from tabgan.errors import BundleError, ConfigError

#: Time and permissions of every entry: equal files make equal archives.
_TIME, _MODE = (1980, 1, 1, 0, 0, 0), 0o644

_CHUNK = 1 << 20


def pack(folder: Path, path: Path, inside: str) -> Path:
    """Write the files of a folder as an archive, which appears when it is complete, and return its path.

    Args:
        folder: A bundle's folder.
        path: The archive.
        inside: Name of the folder that it unpacks to.
    """
    with atomic_path(path) as temporary:
        _write_zip(folder, temporary, inside)
    return path


def _write_zip(folder: Path, path: Path, inside: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(folder.iterdir()):
            info = zipfile.ZipInfo(f"{inside}/{file.name}", _TIME)
            info.create_system, info.external_attr = 3, (stat.S_IFREG | _MODE) << 16
            info.file_size = file.stat().st_size
            with file.open("rb") as source, archive.open(info, "w") as target:
                shutil.copyfileobj(source, target, _CHUNK)


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """Yield the folder of a bundle; an archive is unpacked to a hidden one, which is removed at the end.

    Raises:
        BundleError: it holds links, folders, names that lead elsewhere, names twice, more than it states, or anything
            that the archive of a bundle does not hold.
        ConfigError: there is neither a folder nor a file, or it cannot be read.
    """
    if path.is_dir():
        check_folder(path)
        yield path
        return
    if not path.is_file():
        raise ConfigError(f"bundle: expected a folder or an archive, found neither at {str(path)!r}.")
    with tempfile.TemporaryDirectory(prefix="tabgan-bundle-") as hidden:
        folder = Path(hidden) / "bundle"
        folder.mkdir(mode=0o700)
        try:
            _unpack(path, folder, Path(hidden) / "again.zip")
        except OSError as error:
            raise ConfigError(f"bundle: cannot unpack {str(path)!r}: {error.strerror}.") from None
        yield folder


def check_folder(folder: Path) -> None:
    """Raise unless a folder holds plain files alone.

    Raises:
        BundleError: it holds links, folders or other special files, or too many.
    """
    entries = sorted(folder.iterdir())
    if len(entries) > MOST_FILES:
        raise BundleError(f"bundle: expected at most {MOST_FILES:,} files, got {len(entries):,}.")
    for entry in entries:
        mode = entry.lstat().st_mode
        if not stat.S_ISREG(mode):
            what = "a link" if stat.S_ISLNK(mode) else "a folder" if stat.S_ISDIR(mode) else "a special file"
            raise BundleError(
                f"bundle: expected plain files alone, got {what} at {entry.name!r}. Nothing was read."
            )


def _unpack(path: Path, folder: Path, again: Path) -> None:
    """Write the files of an archive to a folder, if packing them again gives the same bytes."""
    try:
        with zipfile.ZipFile(path) as archive:
            inside, infos = _checked(archive, path.stat().st_size)
            for info in infos:
                with (
                    archive.open(info) as source,
                    (folder / info.filename.rpartition("/")[2]).open("xb") as target,
                ):
                    shutil.copyfileobj(source, target, _CHUNK)
    except BundleError:
        raise
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        if isinstance(error, OSError) and error.errno not in (
            None,
            errno.EINVAL,
        ):  # EINVAL: it leads before its start
            raise
        raise BundleError(
            f"bundle: {path.name!r} is damaged, or not the archive of a bundle ({type(error).__name__})."
        ) from None
    _write_zip(folder, again, inside)
    if not _same(path, again):
        raise BundleError(
            f"bundle: {path.name!r} holds bytes that the archive of its files does not have: it was changed, or "
            f"packed by "
            "another program. Unpack it and verify the folder."
        )


def _checked(archive: zipfile.ZipFile, size: int) -> tuple[str, list[zipfile.ZipInfo]]:
    """Return the folder and the entries of an archive that is safe to unpack.

    Raises:
        BundleError: an entry is not safe to unpack.
    """
    infos = archive.infolist()
    names = [info.filename for info in infos]
    inside = names[0].partition("/")[0] if names else ""
    if not 0 < len(infos) <= MOST_FILES:
        raise BundleError(f"bundle: expected 1 to {MOST_FILES:,} files in the archive, got {len(infos):,}.")
    for info in infos:
        folder, _, name = info.filename.partition("/")
        if (
            info.orig_filename != info.filename
            or folder != inside
            or not (is_plain(folder) and is_plain(name))
        ):
            raise BundleError(
                f"bundle: expected files of one folder in the archive, got an entry that leads elsewhere or has "
                f"a name of "
                f"another kind: {info.orig_filename[:80]!r}. Nothing was unpacked."
            )
        if info.is_dir() or stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
            raise BundleError(
                f"bundle: expected plain files alone, got a link or a folder: {name!r}. Nothing was unpacked."
            )
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 0x1:
            raise BundleError(
                f"bundle: expected files without compression or password in the archive, got another at "
                f"{name!r}. Nothing "
                "was unpacked."
            )
    if len({name.lower() for name in names}) < len(names):
        raise BundleError(
            "bundle: expected each name once in the archive, got one twice. Nothing was unpacked."
        )
    if sum(info.file_size for info in infos) > size or any(i.file_size != i.compress_size for i in infos):
        raise BundleError("bundle: the archive states more bytes than it has. Nothing was unpacked.")
    return inside, infos


def _same(first: Path, second: Path) -> bool:
    if first.stat().st_size != second.stat().st_size:
        return False
    with first.open("rb") as one, second.open("rb") as other:
        while part := one.read(_CHUNK):
            if part != other.read(_CHUNK):
                return False
    return True
