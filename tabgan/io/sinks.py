"""Sinks of tables and folders: a reader sees a whole result or none of it."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from decimal import Decimal as PlainDecimal
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tabgan._util.files import atomic_path, leftovers, sync, umask
from tabgan.errors import ConfigError, DataError
from tabgan.io.arrow_types import UNHELD
from tabgan.io.dialect import AUTO, Dialect
from tabgan.io.sources import format_of
from tabgan.table.labels import LABEL, beside, label_of, to_json


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


def write_table(
    df: pd.DataFrame,
    path: Path | str,
    *,
    escape_formulas: bool = False,
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
) -> Path:
    """Write a table as CSV or Parquet, by the suffix of ``path``, and return the path.

    A missing value is an empty cell of a CSV, and each text stands as it is, ``NA`` and ``None`` too. Names that
    :func:`~tabgan.io.read_table` could take for several are in quotes.

    A table that is labelled as synthetic, as a sample of a model is, stays so: Parquet's metadata have the key
    ``tabgan.synthetic``, and beside a CSV a file ``NAME.csv.meta.json`` is written.

    Args:
        df: The table.
        path: The file; its suffix is the format.
        escape_formulas: Flag: in a CSV, put an apostrophe before text, and column names, that a spreadsheet would run
            as a formula. Numbers are unchanged. Programs that read the file see the apostrophe.
        separator: Character between a CSV's fields; by default a comma, and a tab where the suffix is ``.tsv``.
        decimal: A CSV's decimal mark, ``"."`` (by default) or ``","``.
        encoding: A CSV's encoding; by default UTF-8.

    Raises:
        ConfigError: the suffix is compressed or unknown, or the form of a CSV cannot be used.
        DataError: a column holds values that the format or the encoding cannot store.
    """
    path = Path(path)
    if path.suffix.lower() not in (".csv", ".tsv", ".parquet", ".pq"):
        raise ConfigError(f"output: expected a name ending in .csv or .parquet, got {path.name!r}.")
    dialect = Dialect.of(separator, decimal, encoding)
    with atomic_path(path) as temporary:
        if format_of(path) == "csv":
            is_tabbed = path.suffix.lower() == ".tsv"
            mark = dialect.separator if dialect.separator not in (None, AUTO) else "\t" if is_tabbed else ","
            _write_csv(without_formulas(df) if escape_formulas else df, temporary, str(mark), dialect)
            if (label := label_of(df)) is not None:
                write_label(label, path)
        else:
            _write_parquet(df, temporary)
    return path


def _write_csv(df: pd.DataFrame, path: Path, separator: str, dialect: Dialect) -> None:
    """Write a CSV; see :func:`write_csv_part`."""
    encoding = dialect.encoding or "utf-8"
    with open(path, "w", encoding=encoding, newline="") as file:
        write_csv_part(df, file, separator, dialect.decimal, encoding, has_header=True)


def write_csv_part(
    df: pd.DataFrame, file: IO[str], separator: str, decimal: str, encoding: str, *, has_header: bool
) -> None:
    """Write rows to a CSV, the first part after a header whose names can be read in one way only.

    Raises:
        DataError: the encoding cannot hold some text.
    """
    names = [name if isinstance(name, str) else str(name) for name in df.columns]
    if decimal == ",":
        df = df.apply(_with_commas)
    breaks = any(isinstance(v, str) and "\r" in v for name in _texts(df) for v in df.iloc[:, name])
    quoting: Any = (
        csv.QUOTE_NONNUMERIC if breaks else csv.QUOTE_MINIMAL
    )  # of a carriage return, pandas quotes none
    form: dict[str, Any] = {"sep": separator, "decimal": decimal, "quoting": quoting}
    try:
        if has_header:
            file.write(separator.join(map(_quoted_name, names)) + "\n")
        df.to_csv(file, index=False, header=False, lineterminator="\n", **form)
    except UnicodeError:
        raise DataError(
            f"output: some text has characters that {encoding} cannot hold. Choose another encoding, such as utf-8."
        ) from None


def _texts(df: pd.DataFrame) -> list[int]:
    """Return the places of the columns that may hold text."""
    return [
        place
        for place, dtype in enumerate(df.dtypes)
        if not (pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_datetime64_any_dtype(dtype))
    ]


def _with_commas(series: pd.Series) -> pd.Series:
    """Return a column whose numbers pandas writes with a decimal comma: of objects and masked floats it does not."""
    if pd.api.types.is_float_dtype(series.dtype):
        return series.astype("float64") if str(series.dtype) in ("Float64", "Float32") else series
    if series.dtype != object:
        return series
    return series.map(
        lambda v: str(v).replace(".", ",") if isinstance(v, float | PlainDecimal) else v, "ignore"
    )


def _quoted_name(name: str) -> str:
    """Return a column's name as a header holds it, in quotes unless it can only be read as one."""
    is_plain = name and not re.search(r"[\s\"',;|\0]", name) and not name.lower().startswith("sep=")
    return name if is_plain else '"' + name.replace('"', '""') + '"'


def without_formulas(df: pd.DataFrame) -> pd.DataFrame:
    """Return a table in which no text, column names included, begins like a formula."""

    def escaped(value: object) -> object:
        return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value

    def column(series: pd.Series) -> pd.Series:
        if isinstance(series.dtype, pd.CategoricalDtype):
            series = series.astype(object)
        is_text = series.dtype == object or isinstance(series.dtype, pd.StringDtype | pd.ArrowDtype)
        return series.map(escaped, na_action="ignore") if is_text else series

    return df.apply(column).rename(columns=escaped)


def write_label(label: Mapping[str, object], path: Path) -> None:
    """Write the label of a CSV beside it."""
    write_text(json.dumps({LABEL: dict(label)}, indent=1) + "\n", beside(path))


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
    """Return true if a folder holds only files of these names, complete or half written, and their folders."""
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


def storable(df: pd.DataFrame) -> pd.DataFrame:
    """Return a table without NumPy's longest floats, which Arrow does not have."""
    long = [name for name, dtype in df.dtypes.items() if dtype == np.longdouble != np.dtype(np.float64)]
    return df.astype(dict.fromkeys(long, "float64"))


def _write_parquet(df: pd.DataFrame, path: Path) -> None:
    try:
        if (label := label_of(df)) is None:
            storable(df).to_parquet(path, index=False)
            return
        table = pa.Table.from_pandas(storable(df), preserve_index=False)
        known = {**(table.schema.metadata or {}), LABEL: to_json(label)}
        pq.write_table(table.replace_schema_metadata(known), path)
    except UNHELD:
        raise DataError(
            "output: a column holds values that Parquet cannot store in one type. Write csv instead."
        ) from None
