"""Files that survive a crash: written as a whole or not at all, or line by line, each on the disk before it counts."""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import math
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tabgan.errors import StorageError

#: Limits on a text of plain data: depth of nesting, and digits of one number. Beyond its own limits Python raises other
#: errors, immediately or later, where nobody expects them.
MAX_DEPTH, MAX_DIGITS = 64, 300

#: Numbers of the system's errors for want of space: of a disk, of a quota, and of what one file may hold.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def is_safetensors(path: Path | str) -> bool:
    """Return True if a file begins as safetensors do, the format of model files. Only the beginning is read."""
    try:
        with Path(path).open("rb") as file:
            return file.read(24)[8:] == b'{"__metadata__":'
    except (OSError, ValueError):  # no such file, or a name that no file can have
        return False


@contextmanager
def atomic_path(path: Path, mode: int = 0o666) -> Iterator[Path]:
    """Yield a hidden path in the same folder; the file written there is renamed to ``path`` at the end.

    On any exception the hidden file is removed and ``path`` stays as it was. A crash may leave it behind: see
    :func:`leftovers`.

    Args:
        path: Path of the file.
        mode: Permissions, before the process's mask.

    Raises:
        StorageError: the disk is full.
        OSError: as the body did.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        # Created with its permissions, so that nobody can read a secret while it is written, or after a crash.
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
        yield temporary
        temporary.chmod(mode & ~umask())
        sync(temporary)
        os.replace(temporary, path)
        sync(path.parent)
    except OSError as error:
        _say_if_full(error, path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _say_if_full(error: OSError, path: Path) -> None:
    """Replace an error that says that the disk is full with this package's own.

    Raises:
        StorageError: the disk is full.
    """
    if error.errno in _FULL:
        raise StorageError(path, error.errno) from None


def leftovers(path: Path) -> list[Path]:
    """Return the hidden files of :func:`atomic_path` that crashes have left behind."""
    return list(path.parent.glob(f".{glob.escape(path.name)}.????????.tmp"))


def sweep(path: Path) -> None:
    """Remove :func:`leftovers` of a file that no other process writes at the same time."""
    for left in leftovers(path):
        left.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Flush a file, or a folder's list of names, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def append_line(path: Path, line: str, mode: int = 0o666) -> None:
    """Append a line to a file; it is on the disk when this returns. The file's folder must exist.

    Raises:
        StorageError: the disk is full. A part of the line may stand there, which :func:`read_lines` leaves out.
    """
    is_new = not path.exists()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, mode)
        try:
            with os.fdopen(handle, "ab", closefd=False) as file:
                file.write(line.encode() + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)
        if is_new:
            sync(path.parent)
    except OSError as error:
        _say_if_full(error, path)
        raise


def read_lines(path: Path) -> list[str]:
    """Return the complete lines of a file; a last one without a line end was never finished, and is omitted.

    Raises:
        OSError, UnicodeDecodeError: the file cannot be read.
    """
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    return whole.decode().split("\n") if whole else []


def drop_torn_line(path: Path) -> None:
    """Cut off an unfinished last line, so that the next one begins on a new line."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 1, 0))
        if file.read() in (b"", b"\n"):
            return
    os.truncate(path, path.read_bytes().rfind(b"\n") + 1)
    sync(path)


def finite(data: object) -> Any:
    """Return plain data for JSON, in which numbers that JSON cannot express are ``None`` and paths are text."""
    if isinstance(data, Mapping):
        return {str(key): finite(each) for key, each in data.items()}
    if isinstance(data, list | tuple):
        return [finite(each) for each in data]
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return str(data) if isinstance(data, Path) else data


def canonical(data: object) -> str:
    """Return JSON that is equal for equal data: sorted keys, no spaces, ASCII, no NaN.

    Raises:
        TypeError, ValueError: JSON cannot hold the data.
    """
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)


def parse(text: str) -> Any:
    """Return the data of a JSON text.

    Raises:
        ValueError: the text is not JSON, has NaN or infinities, is nested deeper than ``MAX_DEPTH``, or has a number of
            more than ``MAX_DIGITS`` digits.
    """
    try:
        data = json.loads(text, parse_constant=_refuse, parse_int=_int_of, parse_float=_float_of)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    level = [data]
    for _ in range(MAX_DEPTH + 1):
        if not level:
            return data
        inside = (each.values() if isinstance(each, dict) else each for each in level if _holds(each))
        level = [value for values in inside for value in values if _holds(value)]
    raise ValueError("nested too deeply")


def _holds(value: object) -> bool:
    return isinstance(value, dict | list)


def _int_of(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError("a number of too many digits")
    return int(digits)


def _float_of(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number beyond floats")
    return value


def _refuse(constant: str) -> None:
    """Raise for NaN and infinities, which are not JSON but which Python's reader accepts."""
    raise ValueError(f"{constant} is not JSON")


def sha256(text: str) -> str:
    """Return the SHA-256 digest of a text in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def sealed(data: object) -> str:
    """Return JSON that holds data and their digest, so that damage can be detected.

    Raises:
        TypeError, ValueError: JSON cannot hold the data.
    """
    return canonical({"data": data, "sha256": sha256(canonical(data))})


def unsealed(text: str) -> Any:
    """Return the data that :func:`sealed` was given.

    Raises:
        ValueError: the text was changed, or is not sealed.
    """
    read = parse(text)
    if not isinstance(read, dict) or set(read) != {"data", "sha256"}:
        raise ValueError("not sealed")
    # By the text, not the data alone: another last digit of a float may be the same number.
    if read["sha256"] != sha256(canonical(read["data"])) or text.rstrip("\n") != canonical(read):
        raise ValueError("damaged")
    return read["data"]


def umask() -> int:
    """Return the process's mask; needed because some writers create files that only their owner can read."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
