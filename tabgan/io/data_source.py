"""Sources of rows behind one protocol: names and dtypes known before any row, and the rows in parts.

A library's own message may quote a cell, a query or a password, so none is passed on: an error tells its kind alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace

import pandas as pd

from tabgan._util.processes import free_memory
from tabgan._util.progress import PassOverRows, Progress, silent
from tabgan.errors import OutOfMemoryError, SourceError, unspent
from tabgan.io.answers import AnswerForm
from tabgan.io.cells import frame_of
from tabgan.io.dialect import CsvForm, Dialect
from tabgan.io.remote import told_errors
from tabgan.io.sources import check_dtype, check_names, of_cells, with_dtypes
from tabgan.schema import Schema
from tabgan.table.partitions import checked
from tabgan.table.spooled import SpooledTable

#: Rows of a part, about.
PART_ROWS = 1 << 17

#: Copies of a table that are there at once: its rows, as parts or in one table, a part of them, and the same as values.
_COPIES = 3

#: Rows of a part whose memory is looked at, cell by cell.
_LOOKED_AT = 1_000


@dataclass(frozen=True)
class DataSource:
    """A table in parts, as :class:`~tabgan.table.partitions.Partitions` describes it.

    Attributes:
        name: Name in messages, without passwords.
        header: The columns and their dtypes, without a row.
        parts: Returns an iterator over the parts, from the first one on.
        is_rereadable: True if it may be read more than once.
        untyped_text: True if its cells have no types, as in a CSV: text may then stand for numbers and booleans.
        form: Form of the CSV; empty for any other source.
        answer: Form of samples of a model of it.
        spread: Returns, for a schema, a context of the table with its parts where they lie; ``None`` if they come here.
        n_rows: Returns the number of rows, private and for progress alone, or ``None`` where only reading tells it.
    """

    name: str
    header: pd.DataFrame
    parts: Callable[[], Iterable[pd.DataFrame]] = field(repr=False)
    is_rereadable: bool = True
    untyped_text: bool = False
    form: CsvForm = field(default_factory=CsvForm)
    answer: AnswerForm = field(default_factory=AnswerForm)
    spread: Callable[[Schema], AbstractContextManager[SpooledTable]] | None = field(default=None, repr=False)
    n_rows: Callable[[], int | None] = field(default=lambda: None, repr=False)
    _begun: list[bool] = field(default_factory=list, repr=False)

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Yield the parts, each with the columns and dtypes of the header.

        Raises:
            SourceError: the source cannot be read to its end, or is read again although it can be read once.
            DataError: it has changed, or cells do not fit a declared dtype.
        """
        if self._begun and not self.is_rereadable:
            raise SourceError(f"{self.name}: it can be read once, and was. Open it again.")
        self._begun.append(True)
        parts = self._told_parts()
        for number, part in enumerate(parts, 1):
            yield checked(part, self.header, number)

    def told(self, progress: Progress, declared: int | None = None) -> Iterator[pd.DataFrame]:
        """Yield the parts, and tell the rows that are read.

        Args:
            progress: Called with ``"read"``, see :class:`~tabgan._util.progress.PassOverRows`.
            declared: The declared number of rows, for a source that does not know its own.
        """
        n_rows = None
        with suppress(Exception):  # reading tells what is wrong
            n_rows = self.n_rows()
        reading = PassOverRows(progress, "read", declared if n_rows is None else n_rows)
        last = 0
        for part in self:
            if last:
                reading.add(last)
            yield part
            last = len(part)
        reading.end()

    def _told_parts(self) -> Iterator[pd.DataFrame]:
        with told_errors(self.name, "reading it stopped"):
            yield from self.parts()


@dataclass(frozen=True)
class Reading:
    """Public facts that say how the cells of a source are read.

    Attributes:
        dtypes: pandas dtypes by column, beside those of the schema.
        schema: Kinds of the columns, as far as they are declared.
        dialect: The form of text.
    """

    dtypes: Mapping[str, str] = field(default_factory=dict)
    schema: Schema | None = None
    dialect: Dialect = field(default_factory=Dialect)

    def checked_dtypes(self, names: Sequence[str]) -> dict[str, str]:
        """Return the dtypes of a table with these columns.

        Categories are left as they are stored: a dtype of them follows from the rows.

        Raises:
            ConfigError, DataError: a dtype is unknown, or its column; or names repeat.
        """
        declared = {column.name: column.dtype for column in self.schema or () if column.dtype}
        found = {
            name: check_dtype(dtype, f"dtypes.{name}") for name, dtype in {**declared, **self.dtypes}.items()
        }
        check_names(names, found)
        return {name: dtype for name, dtype in found.items() if dtype != "category"}

    @property
    def declared(self) -> frozenset[str]:
        """Names of the columns that somebody has declared."""
        return frozenset(self.dtypes) | {column.name for column in self.schema or ()}

    def typed(self, source: DataSource) -> DataSource:
        """Return a source of typed columns, with the given dtypes, whose parts come here."""
        wanted = self.checked_dtypes([str(name) for name in source.header.columns])
        if not wanted:
            return source
        header = with_dtypes(source.header.copy(), wanted)
        read = source.parts
        return replace(
            source, header=header, parts=lambda: (with_dtypes(part, wanted) for part in read()), spread=None
        )

    def untyped(
        self,
        name: str,
        names: Sequence[str],
        cells: Callable[[], Iterable[pd.DataFrame]],
        *,
        form: CsvForm | None = None,
        is_rereadable: bool = True,
    ) -> DataSource:
        """Return a source of cells of text, empty where they are missing."""
        wanted = self.checked_dtypes(names)

        def read(part: pd.DataFrame) -> pd.DataFrame:
            return of_cells(part, self.dialect, wanted, True, self.schema)

        header = read(frame_of([()] * len(names), names))
        return DataSource(name, header, lambda: map(read, cells()), is_rereadable, True, form or CsvForm())


def in_one_frame(source: DataSource, progress: Progress = silent) -> pd.DataFrame:
    """Return all parts of a source as one table in memory."""
    return joined(list(source.told(progress)), source.header)


def in_free_memory(
    source: DataSource, n_bytes: int, where: str, fix: str, progress: Progress = silent
) -> pd.DataFrame:
    """Return all parts of a source as one table, if free memory has room for the table and its copies.

    Args:
        source: The source.
        n_bytes: Size of its files, which its rows take at least; 0 if it is not known.
        where: Place of the source, for the message.
        fix: A sentence on what helps, for the message.
        progress: Told of the rows that are read.

    Raises:
        OutOfMemoryError: it has not: before a row is read where the files show it, else as soon as the rows do.
    """
    free = free_memory()
    _check_room(n_bytes, free, where, "its files take", fix)
    parts, used = [], 0.0
    for part in source.told(progress):
        parts.append(part)
        head = part.iloc[:_LOOKED_AT]
        used += float(head.memory_usage(deep=True).sum()) * len(part) / max(len(head), 1)
        _check_room(used, free, where, "the rows read so far take", fix)
    return joined(parts, source.header)


def _check_room(used: float, free: float, where: str, what: str, fix: str) -> None:
    if used * _COPIES > free:
        raise unspent(
            OutOfMemoryError(
                f"{where}: the rows need more memory than is free: {what} {used / 2**30:,.1f} GiB, of which {_COPIES} "
                f"copies are needed, and {free / 2**30:,.1f} GiB are free. {fix}"
            )
        )


def joined(parts: Sequence[pd.DataFrame], header: pd.DataFrame) -> pd.DataFrame:
    """Return the parts of a source as one table in memory."""
    if len(parts) == 1:
        return parts[0]
    whole = pd.concat(parts, ignore_index=True) if parts else header.copy()
    whole.attrs = dict(header.attrs)
    return whole
