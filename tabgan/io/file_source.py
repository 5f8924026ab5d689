"""Files and folders of files as sources: CSV, Parquet, Arrow and Excel, on this machine or through fsspec.

The form of every file of a folder is checked before a row is read: an error names file and column.
"""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import unquote

import pandas as pd
import pyarrow as pa

from tabgan.errors import ConfigError, DataError, SourceError
from tabgan.io.arrow_source import of_batches, rows_in_footers
from tabgan.io.arrow_types import common_schema, files_of
from tabgan.io.cells import cells_in_parts
from tabgan.io.data_source import PART_ROWS, DataSource, Reading
from tabgan.io.dialect import Dialect, Header, form_in_full, open_text, read_header
from tabgan.io.first_line import check_headings
from tabgan.io.remote import AnyPath, RemotePath, Stamp, told_errors
from tabgan.io.sources import check_readable, format_by_suffix, readable, unknown_suffix
from tabgan.io.spreadsheets import cells_of_sheet
from tabgan.table.labels import labelled, of_side_file

FileFormat = Literal["csv", "parquet", "arrow", "excel"]

FILE_FORMATS: tuple[FileFormat, ...] = ("csv", "parquet", "arrow", "excel")

#: Name of a folder that stands for a missing value, as Hive writes it.
_HIVE_MISSING = "__HIVE_DEFAULT_PARTITION__"


def of_files(
    path: AnyPath, reading: Reading, *, format: FileFormat | None = None, sheet: str | int | None = None
) -> DataSource:
    """Return the source of a file, of all files of a folder, or of those whose names fit a pattern such as ``*.csv``.

    Raises:
        ConfigError: there is no such file, or its format cannot be told.
        DataError: a file cannot be read, or two differ in their columns; no row has been read.
    """
    base, files = _listed(path)
    stamps = _stamps(files, base)
    source = _of_listed(base, files, path, reading, format, sheet)
    return replace(source, parts=lambda: _unchanged(source.parts, stamps, base))


def _of_listed(
    base: AnyPath,
    files: Sequence[AnyPath],
    path: AnyPath,
    reading: Reading,
    format: FileFormat | None,
    sheet: str | int | None,
) -> DataSource:
    """Return the source of some files, in the order of their names; see :func:`of_files`."""
    format = format or _common_format(files, path)
    if sheet is not None and format != "excel":
        raise ConfigError(f"sheet: expected an Excel file with it, got {format}. Leave it out.")
    if format == "excel":
        return _of_excel(files, reading, sheet)
    if format == "csv":
        return _of_csv(files, base, str(path), reading)
    with readable(path, format), _naming_one_of(files, base, format):
        return reading.typed(_of_dataset(files, base, str(path), format))


def _stamps(files: Sequence[AnyPath], base: AnyPath) -> dict[AnyPath, Stamp]:
    """Return the state of each file: size and time here, elsewhere all that tells its versions apart."""
    if isinstance(base, RemotePath):
        with told_errors(str(base), "it cannot be reached"):
            return dict(zip(files, base.stamps([_path_of(file) for file in files]), strict=True))
    return {file: _stamp(Path(str(file))) for file in files}


def _stamp(file: Path) -> Stamp:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _unchanged(
    parts: Callable[[], Iterable[pd.DataFrame]], stamps: Mapping[AnyPath, Stamp], base: AnyPath
) -> Iterator[pd.DataFrame]:
    """Yield the parts of files that stay as they were when they were opened.

    Two passes then see the same rows, and one pass no half of a file before a change and half of it after.

    Raises:
        SourceError: a file has changed, or is gone.
    """
    _check_stamps(stamps, base)
    try:
        yield from parts()
    except Exception:
        _check_stamps(stamps, base)  # the reason of a parser's error
        raise
    _check_stamps(stamps, base)


def _check_stamps(stamps: Mapping[AnyPath, Stamp], base: AnyPath) -> None:
    for file, now in _stamps(list(stamps), base).items():
        if now is None or now != stamps[file]:
            what = "has gone" if now is None else "has changed"
            raise SourceError(f"source: {str(file)!r} {what} since it was opened. Open it again.")


def files_at(path: Path, where: str = "source") -> list[Path]:
    """Return a file, all visible files of a folder, or those that fit a pattern, in the order of their names.

    Raises:
        ConfigError: there is no such file.
    """
    return [Path(str(file)) for file in _listed(path, where)[1]]


def format_at(path: Path, where: str = "source") -> FileFormat:
    """Return the format of a file, of all files of a folder, or of those that fit a pattern.

    Raises:
        ConfigError: there is no such file, or its format cannot be told.
    """
    return _common_format(_listed(path, where)[1], path, where)


def _listed(path: AnyPath, where: str = "source") -> tuple[AnyPath, list[AnyPath]]:
    """Return the folder that files lie in, and the files, in the order of their names."""
    found: list[AnyPath]
    if isinstance(path, RemotePath):
        with told_errors(str(path), "it cannot be reached"):
            if path.is_dir():
                return path, list(_visible(path.files(), path.path))
            found = [*path.matching()]
    elif path.is_dir():
        return path, list(_visible((file for file in sorted(path.rglob("*")) if file.is_file()), str(path)))
    elif glob.has_magic(str(path)) and not path.exists():
        found = [Path(name) for name in sorted(glob.glob(str(path), recursive=True)) if Path(name).is_file()]
    else:
        return path.parent, [check_readable(path, where)]
    if not found:
        raise ConfigError(f"{where}: no file {str(path)!r}.")
    whole = "/".join(_path_of(path).split("/")[: -1 if len(found) == 1 else None])
    parts = list(takewhile(lambda part: not glob.has_magic(part), whole.split("/")))
    root = "/".join(parts)
    return RemotePath(root, path.protocol, path.fs) if isinstance(path, RemotePath) else Path(root), found


def _visible(files: Any, folder: str) -> Iterator[Any]:
    """Yield files that are not hidden, as are those whose names, or folders, begin with a point or an underscore."""
    for file in files:
        inner = str(file.path if isinstance(file, RemotePath) else file)[len(folder) :]
        if not any(part.startswith((".", "_")) for part in inner.split("/")):
            yield file


def _common_format(files: Sequence[AnyPath], path: AnyPath, where: str = "source") -> FileFormat:
    """Return the format of all files, by their suffixes.

    Raises:
        ConfigError: there is no file, one of unknown format, or two formats.
    """
    known = [(file, format_by_suffix(file.name)) for file in files]
    if not known:
        raise ConfigError(f"{where}: the folder {str(path)!r} holds no file.")
    format_ = known[0][1]
    if format_ not in FILE_FORMATS and files[0].name == path.name:
        raise unknown_suffix(path.name, FILE_FORMATS, where)
    odd = next((file for file, each in known if each is None or each != format_), None)
    if format_ is None or odd is not None:
        raise ConfigError(
            f"{where}: cannot tell the format of {(odd or files[0]).name!r} among the files of {str(path)!r}. Name "
            "the format (format, --format), or the files by a pattern such as 'folder/*.parquet'."
        )
    return cast(FileFormat, format_)


@contextmanager
def _naming_one_of(files: Sequence[AnyPath], base: AnyPath, format: FileFormat) -> Iterator[None]:
    """Replace an error about several files by that of the first which cannot be opened alone."""
    try:
        yield
    except (pa.ArrowException, OSError):
        for file in files:
            with readable(file, format):
                _of_dataset([file], base, file.name, format)
        raise


def _of_dataset(files: Sequence[AnyPath], base: AnyPath, name: str, format: FileFormat) -> DataSource:
    """Return the source of files that hold their types; values in the names of folders are text."""
    first = files[0]
    inner: dict[str, Any] = {"filesystem": first.fs} if isinstance(first, RemotePath) else {}
    found = files_of(
        [_path_of(file) for file in files],
        "ipc" if format == "arrow" else format,
        partition_base_dir=_path_of(base),
        **inner,
    )
    schema = common_schema(found).with_metadata(found.schema.metadata)
    whole = found.replace_schema(schema)
    return of_batches(
        name,
        schema,
        lambda: whole.to_batches(batch_size=PART_ROWS),
        answer="pandas",
        n_rows=lambda: rows_in_footers(found),
    )


def _path_of(path: AnyPath) -> str:
    return path.path if isinstance(path, RemotePath) else str(path.absolute())


def _of_csv(files: Sequence[AnyPath], base: AnyPath, name: str, reading: Reading) -> DataSource:
    """Return the source of CSV files with the same header; their cells have no types."""
    dialect = reading.dialect
    headers = [_header(file, dialect) for file in files]
    folders = [_folders(file, base) for file in files]
    for file, header, inner in zip(files, headers, folders, strict=True):
        _check_same(list(headers[0].names), list(header.names), files[0].name, file.name)
        _check_same(list(folders[0]), list(inner), files[0].name, file.name)

    def cells() -> Iterator[pd.DataFrame]:
        for file, inner in zip(files, folders, strict=True):
            with readable(file, "csv", dialect.encoding, has_begun=True):
                for part in cells_in_parts(file, dialect, PART_ROWS):
                    for name, value in inner.items():
                        part[name] = value
                    yield part

    first = files[0]
    check_headings(headers[0].names, reading.declared, files[0].name)
    given: Any = {key: getattr(dialect, key) for key in ("separator", "decimal", "encoding", "na_values")}
    form = form_in_full(first, given)
    names = [*headers[0].names, *folders[0]]
    source = reading.untyped(name, names, cells, form=form)
    if isinstance(first, Path):
        labelled(source.header, of_side_file(first))
    return source


def _header(file: AnyPath, dialect: Dialect) -> Header:
    with readable(file, "csv", dialect.encoding), open_text(file, dialect.encoding) as text:
        return read_header(text, file, dialect.separator)


def _check_same(expected: list[str], found: list[str], first: str, name: str) -> None:
    """Raise unless two files of a folder have the same columns in the same order.

    Raises:
        DataError: their columns differ; names the second file, and a column.
    """
    if expected == found:
        return
    lacking = [each for each in expected if each not in found]
    further = [each for each in found if each not in expected]
    if lacking or further:
        column = (lacking or further)[0]
        which = (
            f"{name!r} lacks it, and {first!r} has it"
            if lacking
            else f"{name!r} has it, and {first!r} does not"
        )
        raise DataError(f"Column {column!r}: {which}. Write the files of a folder with the same columns.")
    raise DataError(
        f"source: {name!r} has the columns of {first!r} in another order. Write the files of a folder with the same "
        "columns."
    )


def _folders(file: AnyPath, base: AnyPath) -> dict[str, str]:
    """Return the values in the names of the folders between a file and the folder of all, as Hive writes them."""
    start, inner = _path_of(base).rstrip("/"), _path_of(file)
    pairs = [part.partition("=") for part in inner[len(start) :].split("/")[:-1] if "=" in part]
    return {key: "" if value == _HIVE_MISSING else unquote(value) for key, _, value in pairs}


def _of_excel(files: Sequence[AnyPath], reading: Reading, sheet: str | int | None) -> DataSource:
    """Return the source of a sheet in each of some Excel files."""

    def cells(file: AnyPath, n_rows: int | None = None) -> pd.DataFrame:
        with readable(file, "Excel"):
            content = file.open() if isinstance(file, RemotePath) else file.open("rb")
        with content:
            return cells_of_sheet(content, file.name, sheet, n_rows)

    headers = [[str(name) for name in cells(file, 0).columns] for file in files]
    for file, header in zip(files, headers, strict=True):
        _check_same(headers[0], header, files[0].name, file.name)
    check_headings(headers[0], reading.declared, files[0].name)
    return reading.untyped(str(files[0]), headers[0], lambda: map(cells, files))
