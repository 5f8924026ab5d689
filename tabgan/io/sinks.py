"""Sinks of tables and folders, whose readers see all of a result or nothing of it."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from tabgan._util.files import atomic_path, leftovers, sync, umask
from tabgan.errors import ConfigError, DataError
from tabgan.io.sources import format_of


def check_writable(path: Path, where: str = "output") -> None:
    """Raise unless files can be created in ``path``, which may not exist yet. Leaves nothing behind.

    Raises:
        ConfigError: a part of the path is not a folder, or the system refuses.
    """
    folder = path.absolute()
    while not os.path.lexists(folder):
        folder = folder.parent
    if not folder.is_dir():
        raise ConfigError(f"{where}: expected a folder, got {str(folder)!r}, which is not one.")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(
            f"{where}: cannot write to {str(folder)!r}: {error.strerror}. Choose another folder."
        ) from None


#: First characters of text that a spreadsheet runs as a formula when it opens a CSV.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_table(df: pd.DataFrame, path: Path | str, *, escape_formulas: bool = False) -> Path:
    """Write a table as CSV or Parquet, by the suffix of ``path``, and return the path.

    Args:
        df: The table.
        path: The file; its suffix is the format.
        escape_formulas: Flag: in a CSV, put an apostrophe before text, and column names, that a spreadsheet would run
            as a formula. Numbers are unchanged. Programs that read the file see the apostrophe.

    Raises:
        ConfigError: the suffix is compressed or unknown.
        DataError: a column holds values that the format cannot store.
    """
    path = Path(path)
    if path.suffix.lower() not in (".csv", ".parquet", ".pq"):
        raise ConfigError(f"output: expected a name ending in .csv or .parquet, got {path.name!r}.")
    with atomic_path(path) as temporary:
        if format_of(path) == "csv":
            (_without_formulas(df) if escape_formulas else df).to_csv(temporary, index=False)
        else:
            _write_parquet(df, temporary)
    return path


def _without_formulas(df: pd.DataFrame) -> pd.DataFrame:
    """Return a table in which no text, column names included, begins like a formula."""

    def escaped(value: object) -> object:
        return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value

    def column(series: pd.Series) -> pd.Series:
        if isinstance(series.dtype, pd.CategoricalDtype):
            series = series.astype(object)
        is_text = series.dtype == object or isinstance(series.dtype, pd.StringDtype | pd.ArrowDtype)
        return series.map(escaped, na_action="ignore") if is_text else series

    return df.apply(column).rename(columns=escaped)


def write_text(text: str, path: Path) -> Path:
    """Write a text file as a whole, and return its path."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


@contextmanager
def staged_folder(folder: Path, owned: Collection[str]) -> Iterator[Path]:
    """Yield a hidden folder next to ``folder``; at the end its files move into ``folder``.

    A new folder appears complete, in one rename. In an existing one, files named in ``owned`` are removed
    before the first new one moves in, so that results of two runs never mix; all other files stay. On any exception
    before files move, ``folder`` is left as it was; an interrupt while they move leaves some of the new files and
    none of the old.

    Only its owner can enter the hidden folder. Hidden folders left by killed runs are removed first, if they contain
    only files that a run may write, and no running process holds them.

    Args:
        folder: Destination of the files.
        owned: Names of all files that a run may write, including their folders.
    """
    folder = folder.absolute()
    made = _make_parents(folder)
    _sweep(folder, owned)
    staging, hold = _make_staging(folder)
    try:
        yield staging
        _publish(staging, folder, owned)
        made = []
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        os.close(hold)
        for parent in made:
            if not any(parent.iterdir()):
                parent.rmdir()


def _make_staging(folder: Path) -> tuple[Path, int]:
    """Create the hidden folder; return it, and a handle by which this process locks it until it ends.

    It is locked before it gets the name that others sweep.
    """
    staging = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
    unheld = staging.with_suffix(".new")
    unheld.mkdir(mode=0o700)
    hold = os.open(unheld, os.O_RDONLY)
    with suppress(OSError):  # on a file system without locks, nobody sweeps
        fcntl.flock(hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return unheld.rename(staging), hold


def _sweep(folder: Path, owned: Collection[str]) -> None:
    """Remove hidden folders that killed runs have left next to ``folder``, and no others."""
    for left in leftovers(folder):
        if left.is_symlink() or not left.is_dir() or left.stat().st_uid != os.getuid():
            continue
        with suppress(OSError):
            hold = os.open(left, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _holds_only(left, owned):
                    shutil.rmtree(left)
            finally:
                os.close(hold)


def _holds_only(folder: Path, owned: Collection[str]) -> bool:
    """Return whether a folder holds only files of these names, complete or half written, and their folders."""
    known = {folder / name for name in owned}
    known |= {path.parent for path in known} | {left for path in known for left in leftovers(path)}
    return all(path in known and not path.is_symlink() for path in folder.rglob("*"))


def _publish(staging: Path, folder: Path, owned: Collection[str]) -> None:
    """Move files to their destination, after removing those of an earlier run."""
    made = sorted(path.relative_to(staging) for path in staging.rglob("*") if path.is_file())
    for name in made:
        sync(staging / name)
    if not folder.exists():
        os.replace(staging, folder)
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) | (0o777 & ~umask()))  # as any new folder
    else:
        for old in owned:
            (folder / old).unlink(missing_ok=True)
        for name in made:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(staging / name, folder / name)
    for inner in {(folder / name).parent for name in (*map(Path, owned), *made)} - {folder}:
        if inner.is_dir() and not any(inner.iterdir()):
            inner.rmdir()
        elif inner.is_dir():
            sync(inner)
    sync(folder)
    sync(folder.parent)


def check_inner(folder: Path, names: Collection[str], where: str = "output") -> None:
    """Raise if one of ``names`` exists in ``folder`` as anything but a real folder.

    Raises:
        ConfigError: one is a file, or a link that would redirect files elsewhere.
    """
    for name in names:
        path = folder / name
        if os.path.lexists(path) and (path.is_symlink() or not path.is_dir()):
            raise ConfigError(
                f"{where}: expected a folder at {str(path)!r}, found a link or a file. Remove it."
            )


def _make_parents(folder: Path) -> list[Path]:
    """Create the folders above ``folder``; return those that were missing, deepest first."""
    missing = [parent for parent in folder.parents if not parent.exists()]
    folder.parent.mkdir(parents=True, exist_ok=True)
    return missing


def _write_parquet(df: pd.DataFrame, path: Path) -> None:
    long = [name for name, dtype in df.dtypes.items() if dtype == np.longdouble != np.dtype(np.float64)]
    try:
        df.astype(dict.fromkeys(long, "float64")).to_parquet(path, index=False)
    except (pa.ArrowException, ValueError, TypeError):
        raise DataError(
            "output: a column holds values that Parquet cannot store in one type. Write csv instead."
        ) from None
