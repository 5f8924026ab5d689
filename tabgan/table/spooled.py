"""A table in parts, read once and copied into a private folder, by column and in blocks of rows.

A source is read a single time, so that it cannot change, or go away, between two passes of a fit; nothing is spent
before it is read to its end. A column is kept as numbers of its distinct values, in the smallest integer type, and from
a quarter of a million distinct values on as it is. Each distinct value is kept once, with the dtype that it came with.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
from filelock import FileLock, Timeout

from tabgan._util.progress import Listener, PassOverRows, Progress, silent
from tabgan.columns.values import Dtype
from tabgan.errors import SourceError, TabGANError, unexpected, unspent
from tabgan.schema import Schema
from tabgan.table.checks import check_cells, check_header, check_table
from tabgan.table.partitions import Partitions, checked, is_in_parts

T = TypeVar("T")

#: Name of a private folder, and of its lock, which its owner holds as long as it lives.
PREFIX, _LOCK = "tabgan-rows-", "lock"

#: Seconds that a folder may be without a lock while its owner makes it.
_YOUNG = 60.0

#: Rows of a block at most; distinct values of a column up to which it is kept as their numbers.
ROWS, MOST_VALUES = 2**18, 2**18


@contextmanager
def private_folder() -> Iterator[Path]:
    """Yield a folder that only its owner can enter, and remove it at the end.

    It lies where the system keeps temporary files (``TMPDIR``). Folders of processes that were killed are removed
    first: nobody holds their locks.

    Raises:
        SourceError: the folder cannot be made.
    """
    parent = Path(tempfile.gettempdir())
    _sweep(parent)
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))  # 0700, by mkdtemp's promise
    except OSError as error:
        raise _no_room(parent, error) from None
    lock = FileLock(folder / _LOCK)
    lock.acquire()
    try:
        yield folder
    finally:
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(parent: Path) -> None:
    """Remove the folders of this user whose owners are gone."""
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError, Timeout):
            found = folder.lstat()
            is_own = not hasattr(os, "getuid") or found.st_uid == os.getuid()
            is_young = time.time() - found.st_mtime < _YOUNG
            if folder.is_symlink() or not is_own or (is_young and not (folder / _LOCK).exists()):
                continue
            with FileLock(folder / _LOCK, timeout=0):
                pass
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def spooled(
    source: T, schema: Schema, *, untyped_text: bool = False, progress: Progress = silent
) -> Iterator[T | SpooledTable]:
    """Yield a table in parts as a :class:`SpooledTable`, and anything else as it is.

    Args:
        source: A table in parts, a frame, or anything else.
        schema: The declared schema. All distinct values of its entity, and of keys whose rows are to be counted, are
            kept in memory.
        untyped_text: True if declared numbers and booleans may come as text.
        progress: Told of passes over the copy.

    Raises:
        DataError, SchemaError: the header is not one that the schema fits, and no row was read; or a part is not like
            the header.
        SourceError: the source cannot be read to its end, or the folder cannot hold it.
    """
    if not is_in_parts(source):
        yield source
        return
    header = source.header  # type: ignore[attr-defined]
    check_header(header, schema, untyped_text=untyped_text)
    with private_folder() as folder:
        keys = {column.name for column in schema if column.has_open_recurrence}
        table = SpooledTable(folder, header, {*keys, schema.entity}, progress)
        table.read(source)  # type: ignore[arg-type]
        yield table


def check_any(table: object, schema: Schema, *, untyped_text: bool = False) -> None:
    """Raise unless a frame, or a table in parts that was read, is one that ``schema`` fits.

    Raises:
        DataError, SchemaError: see :func:`~tabgan.table.checks.check_table`.
    """
    if isinstance(table, SpooledTable):
        table.each(partial(_check_part, n_rows=len(table), schema=schema, untyped_text=untyped_text))
    else:
        check_table(table, schema, untyped_text=untyped_text)


def _check_part(part: SpooledTable, n_rows: int, schema: Schema, untyped_text: bool) -> None:
    check_cells(part.header, part.values, n_rows, schema, untyped_text=untyped_text)


class SpooledTable:
    """A private copy of a table in parts.

    Args:
        folder: The private folder.
        header: The table without its rows.
        whole: Names of columns whose distinct values are all kept in memory, as many as there are.
        progress: Told of passes over the rows.

    Attributes:
        header: The table without its rows.
        lengths: Numbers of rows of the blocks; private.
    """

    def __init__(
        self,
        folder: Path,
        header: pd.DataFrame,
        whole: Collection[str | None] = (),
        progress: Progress = silent,
    ) -> None:
        self.folder, self.header, self._listener = folder, header, Listener.of(progress)
        self.lengths: list[int] = []
        self._columns: dict[str, SpooledColumn] = {}
        for position, name in enumerate(map(str, header.columns)):
            path = folder / f"{position}.column"
            self._columns.setdefault(name, SpooledColumn(path, header.iloc[:, position], name in whole))

    def __len__(self) -> int:
        return sum(self.lengths)

    @property
    def columns(self) -> pd.Index:
        """The names, which are public."""
        return self.header.columns

    @property
    def dtypes(self) -> pd.Series:
        """The dtypes, which are public."""
        return self.header.dtypes

    @property
    def attrs(self) -> dict[Hashable, object]:
        """The header's label."""
        return dict(self.header.attrs)

    def read(self, source: Partitions) -> None:
        """Copy all parts of a source, each of them read once.

        Raises:
            DataError: a part is not like the header.
            SourceError: reading or writing failed.
        """
        number = 0
        try:
            for number, part in enumerate(source, 1):
                frame = checked(part, self.header, number)
                for start in range(0, len(frame), ROWS):
                    self._write(frame.iloc[start : start + ROWS])
            self._close()
        except Exception as error:
            if isinstance(error, TabGANError) or error is self._listener.raised:
                raise
            told = unexpected(error)
            if (
                isinstance(error, OSError) and error.errno is not None
            ):  # of the system, which says no more than its file
                told = f"{os.strerror(error.errno)}: {str(error.filename)!r}."
            raise unspent(
                SourceError(
                    f"fit: the table could not be read beyond its part {number}. {told} Read it from the start once it "
                    "is whole again."
                )
            ) from None
        finally:
            with suppress(SourceError):
                self._close()

    def _close(self) -> None:
        """Close the files, each of them, whatever the others say; what is left to be written is written then.

        Raises:
            SourceError: the folder cannot hold it.
        """
        failed: OSError | None = None
        for column in self._columns.values():
            try:
                column.close()
            except OSError as error:
                failed = error
        if failed is not None:
            raise _no_room(self.folder.parent, failed) from None

    def _write(self, block: pd.DataFrame) -> None:
        try:
            for name, column in self._columns.items():
                column.write(block[name])
        except OSError as error:
            raise _no_room(self.folder.parent, error) from None
        self.lengths.append(len(block))

    def passed(self, stage: str, numbers: Iterable[int] | None = None) -> Iterator[int]:
        """Yield the numbers of blocks, by default of all, and tell the rows of each when the next one is asked for."""
        numbers = list(range(len(self.lengths)) if numbers is None else numbers)
        told = PassOverRows(self._listener, stage, sum(self.lengths[number] for number in numbers))
        for number in numbers:
            yield number
            told.add(self.lengths[number])
        told.end()

    def each(self, work: Callable[[SpooledTable], T]) -> list[T]:
        """Return what ``work`` makes of the table, or of each of its parts if they lie elsewhere."""
        return [work(self)]

    def column(self, name: str) -> SpooledColumn:
        """Return a column."""
        return self._columns[name]

    def values(self, name: str) -> Sequence[pd.Series]:
        """Return series that together hold each value of a column at least once."""
        return _Values(self._columns[name])

    def store(self, name: str, dtype: np.dtype, width: int, blocks: Iterable[np.ndarray]) -> np.ndarray:
        """Write ``(rows, width)`` numbers to the folder, and return them as an array that is read from there.

        Raises:
            SourceError: the folder cannot hold them.
        """
        path, n_rows = self.folder / name, 0
        try:
            with path.open("wb") as file:
                for block in blocks:
                    file.write(np.ascontiguousarray(block, dtype=dtype).data)
                    n_rows += len(block)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise _no_room(self.folder.parent, error) from None
        if n_rows == 0:
            return np.empty((0, width), dtype=dtype)
        return np.memmap(path, dtype=dtype, mode="c", shape=(n_rows, width))

    def add(self, name: str, dtype: Dtype, cells: Callable[[int], pd.Series]) -> None:
        """Add a column, given a function of a block's number that returns its rows.

        Raises:
            SourceError: the folder cannot hold it.
        """
        header = pd.Series([], dtype=dtype, name=name)
        column = SpooledColumn(self.folder / f"{len(self._columns)}.column", header, is_whole=False)
        try:
            for number in self.passed("code"):
                column.write(cells(number))
            column.close()
        except OSError as error:
            raise _no_room(self.folder.parent, error) from None
        finally:
            with suppress(OSError):
                column.close()
        self._columns[name] = column

    def frame(self, number: int, names: Sequence[str]) -> pd.DataFrame:
        """Return some columns of a block."""
        index = pd.RangeIndex(self.lengths[number])
        return pd.DataFrame({name: self._columns[name].cells(number) for name in names}, index=index)

    def frames(self) -> Iterator[pd.DataFrame]:
        """Yield the table, block by block, to be compared."""
        for number in self.passed("check"):
            yield self.frame(number, list(self.header.columns))


class SpooledColumn:
    """A column in a file: blocks of numbers of its distinct values, or of its cells.

    Args:
        path: Path of the file.
        header: The column without its rows.
        is_whole: Flag: the distinct values are all kept, as many as there are.

    Attributes:
        values: The distinct values, in the order in which they occur first.
    """

    def __init__(self, path: Path, header: pd.Series, is_whole: bool) -> None:
        self.path, self.values = path, header
        self._is_whole, self._is_full = is_whole, False
        self._keys: dict[Hashable, int] = {}
        self._fresh: list[pd.Series] = []
        self._blocks: list[tuple[int, int, np.dtype | None]] = []
        self._odd: dict[int, dict[int, object]] = {}
        self._file: BinaryIO | None = None
        self._size = 0

    def write(self, series: pd.Series) -> None:
        """Append a block."""
        if not self._is_full and not self._is_whole and len(self._keys) > MOST_VALUES and _can_be_raw(series):
            self._is_full, self._keys = True, {}
        if not self._is_full:
            codes, distinct, keys = _distinct(series)
            known = len(self._keys)
            places = np.array([self._keys.setdefault(key, len(self._keys)) for key in keys], dtype=np.int64)
            is_new = places >= known
            if is_new.any():
                self._fresh.append(distinct[is_new])
            top = int(places.max(initial=0))
            dtype = np.dtype(np.uint8 if top < 2**8 else np.uint16 if top < 2**16 else np.uint32)
            self._append(len(series), places.astype(dtype)[codes].tobytes(), dtype)
        else:
            plain, self._odd[len(self._blocks)] = _without_odd(series)
            self._append(len(series), _raw_bytes(plain), None)

    def _append(self, n_rows: int, data: bytes, dtype: np.dtype | None) -> None:
        if self._file is None:
            self._file = self.path.open("wb")
        self._file.write(data)
        self._blocks.append((self._size, n_rows, dtype))
        self._size += len(data)

    def close(self) -> None:
        """Close the file, and drop all that only writing needs."""
        file, self._file = self._file, None
        if file is not None:
            file.close()
        if self._fresh:
            # Without the empty header, whose dtype is that of the values.
            self.values = pd.concat(self._fresh, ignore_index=True).rename(self.values.name)
        self._fresh, self._keys = [], {}

    def is_coded(self, number: int) -> bool:
        """Return true if a block holds numbers of the values."""
        return self._blocks[number][2] is not None

    def codes(self, number: int) -> np.ndarray | None:
        """Return ``(rows,)`` numbers of a block's values, ``None`` if it holds the cells themselves."""
        offset, n_rows, dtype = self._blocks[number]
        return None if dtype is None else np.fromfile(self.path, dtype=dtype, count=n_rows, offset=offset)

    def numbers(self) -> list[np.ndarray]:
        """Return the numbers of the values of every block that holds them."""
        found = map(self.codes, range(self.n_blocks))
        return [codes for codes in found if codes is not None]

    def cells(self, number: int) -> pd.Series:
        """Return ``(rows,)`` cells of a block."""
        codes = self.codes(number)
        if codes is not None:
            return self.values.take(codes).reset_index(drop=True)
        offset, n_rows, _ = self._blocks[number]
        ends = [start for start, _, _ in self._blocks[number + 1 : number + 2]] or [self._size]
        with self.path.open("rb") as file:
            file.seek(offset)
            cells = _of_raw(file.read(ends[0] - offset), n_rows, self.values)
        for row, cell in self._odd[number].items():
            cells.iat[row] = cell
        return cells

    @property
    def n_blocks(self) -> int:
        """The number of blocks."""
        return len(self._blocks)


class _Values(Sequence[pd.Series]):
    """The distinct values of a column, and the blocks that hold its cells themselves, which are read one by one."""

    def __init__(self, column: SpooledColumn) -> None:
        self._column = column
        self._raw = [n for n in range(column.n_blocks) if not column.is_coded(n)]

    def __len__(self) -> int:
        return 1 + len(self._raw)

    def __getitem__(self, place: Any) -> Any:
        if place == 0:
            return self._column.values
        return self._column.cells(self._raw[place - 1])


def _distinct(series: pd.Series) -> tuple[np.ndarray, pd.Series, list[Hashable]]:
    """Return the number of each cell's value, the distinct values, and keys that are equal for the same values only."""
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        codes, found = pd.factorize(series.cat.codes.to_numpy())
        own = [None if code < 0 else dtype.categories[code] for code in found]
        return codes, pd.Series(pd.Categorical.from_codes(found, dtype=dtype)), own
    if isinstance(dtype, np.dtype) and dtype.kind in "iufbmM" and dtype.itemsize <= 8:
        bits = np.ascontiguousarray(series.to_numpy()).view(f"i{dtype.itemsize}")
        codes, found = pd.factorize(bits)
        return codes, pd.Series(found.view(dtype), dtype=dtype), found.tolist()
    texts = _texts(series)
    if texts is not None:
        encoded = texts.dictionary_encode()
        words = encoded.dictionary.to_pylist()
        codes = encoded.indices.fill_null(len(words)).to_numpy()
        keys: list[Hashable] = [*words, None] if texts.null_count else words
        return codes, pd.Series(keys, dtype=dtype), keys
    if not isinstance(
        dtype, np.dtype | pd.StringDtype
    ):  # text that Arrow cannot convert is compared value by value
        codes, values = pd.factorize(series.array, use_na_sentinel=False)
        return codes, pd.Series(values, dtype=dtype), _keys_of(values)
    known: dict[Hashable, int] = {}
    first: list[int] = []
    codes = np.empty(len(series), dtype=np.int64)
    for row, value in enumerate(series):
        key = (type(value), _written(value))
        if key not in known:
            known[key] = len(known)
            first.append(row)
        codes[row] = known[key]
    return codes, series.iloc[first].reset_index(drop=True), list(known)


def _keys_of(values: Any) -> list[Hashable]:
    """Return distinct values as keys; Arrow's moments, which may lie beyond any calendar, as numbers of its units."""
    type_ = getattr(values.dtype, "pyarrow_dtype", None)
    if type_ is None or not pa.types.is_temporal(type_):
        return list(values)
    found = pa.chunked_array([values])
    return list(found.cast(pa.int64() if type_.bit_width == 64 else pa.int32()).to_pylist())


def _written(value: Any) -> Hashable:
    """Return a value's own text; of a number with more digits than Python writes the number itself."""
    try:
        return repr(value)
    except ValueError:
        return value  # type: ignore[no-any-return]


def _texts(series: pd.Series) -> pa.Array | None:
    """Return a column of text as Arrow has it, ``None`` if any cell is something else, or no valid text."""
    if not (series.dtype == np.dtype(object) or isinstance(series.dtype, pd.StringDtype)):
        return None
    try:
        found = pa.array(
            series.array if isinstance(series.dtype, pd.StringDtype) else series.to_numpy(), from_pandas=True
        )
    except Exception:  # Arrow raises what it likes about cells that are not text
        return None
    if isinstance(found, pa.ChunkedArray):
        found = found.combine_chunks()
    is_text = pa.types.is_string(found.type) or pa.types.is_large_string(found.type)
    return found if is_text and isinstance(found, pa.Array) else None


def _without_odd(series: pd.Series) -> tuple[pd.Series, dict[int, object]]:
    """Return a column without the cells that no file of text can hold, and these by their rows: they stay in memory.

    A column is kept as text once it has very many values; a later cell of another kind must not stop the fit.
    """
    if series.dtype != np.dtype(object) or _texts(series) is not None:
        return series, {}
    odd = {
        row: cell for row, cell in enumerate(series) if _texts(pd.Series([cell, ""], dtype=object)) is None
    }
    plain = series.copy()
    plain.iloc[list(odd)] = None
    return plain, odd


def _can_be_raw(series: pd.Series) -> bool:
    """Return true if the cells of a column can be kept as they are."""
    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        return dtype.kind in "iufbmM" or _texts(series) is not None
    return not isinstance(dtype, pd.CategoricalDtype) and hasattr(dtype, "__from_arrow__")


def _raw_bytes(series: pd.Series) -> bytes:
    """Return the cells of a column as bytes."""
    if isinstance(series.dtype, np.dtype) and series.dtype.kind != "O":
        return bytes(series.to_numpy().tobytes())
    texts = _texts(series)
    cells = pa.array(series.array) if texts is None else texts
    batch = pa.record_batch([cells], names=["cells"])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(memoryview(sink.getvalue()))


def _of_raw(data: bytes, n_rows: int, header: pd.Series) -> pd.Series:
    """Return the cells behind :func:`_raw_bytes`."""
    dtype = header.dtype
    if isinstance(dtype, np.dtype) and dtype.kind != "O":
        return pd.Series(np.frombuffer(data, dtype=dtype, count=n_rows), name=header.name)
    cells = pa.ipc.open_stream(data).read_all().column("cells")
    if isinstance(dtype, np.dtype):
        return pd.Series(np.array(cells.to_pylist(), dtype=object), dtype=object, name=header.name)
    return pd.Series(dtype.__from_arrow__(cells), name=header.name)


def _no_room(place: Path, error: OSError) -> SourceError:
    return SourceError(
        f"fit: a private copy of the table could not be written to {str(place)!r}: {os.strerror(error.errno or 0)}. "
        "Free some space there, or set TMPDIR to a folder with room: about a byte or two for each cell."
    )
