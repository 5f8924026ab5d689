"""Files of a table that are written part by part, so that memory holds one part at a time."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tabgan._util.validate import one_of
from tabgan.errors import ConfigError, DataError
from tabgan.io.arrow_types import UNHELD
from tabgan.io.dialect import AUTO, Dialect
from tabgan.io.sinks import storable, without_formulas, write_csv_part

#: Formats, and the compressions of each, its default first.
COMPRESSIONS: dict[str, tuple[str, ...]] = {
    "parquet": ("zstd", "snappy", "gzip", "none"),
    "csv": ("none", "gzip"),
    "arrow": ("none", "zstd", "lz4"),
}


class PartSink(Protocol):
    """A file that takes the parts of a table."""

    def write(self, part: pd.DataFrame) -> None:
        """Append rows.

        Raises:
            DataError: the format, or the encoding, cannot hold them.
        """


def compression_of(format: str, compression: str | None) -> str:
    """Return the compression of a format, by default its first.

    Raises:
        ConfigError: the format has no such compression.
    """
    known = COMPRESSIONS[one_of("format", format, tuple(COMPRESSIONS))]
    return known[0] if compression is None else one_of("compression", compression, known)


def suffix_of(format: str, compression: str) -> str:
    """Return the suffix of a file."""
    return f".{format}{'.gz' if (format, compression) == ('csv', 'gzip') else ''}"


def form_of_parts(
    format: str, form: Mapping[str, str | None], escape_formulas: bool = False
) -> dict[str, str]:
    """Return the form of a CSV in full: separator, decimal mark, encoding, and ``escape: formulas`` if it is asked for.

    Raises:
        ConfigError: it cannot be used, or is asked for in a format that has none.
    """
    escape = {"escape": "formulas"} if escape_formulas else {}
    given = {key: value for key, value in form.items() if value is not None}
    if format != "csv":
        if given | escape:
            name = next(iter(given | escape))
            raise ConfigError(f"{name}: expected none for {format}, which is not text. Leave it out.")
        return {}
    dialect = Dialect.of(**given)
    separator = "," if dialect.separator in (None, AUTO) else str(dialect.separator)
    encoding = dialect.encoding or "utf-8"
    return {"separator": separator, "decimal": dialect.decimal, "encoding": encoding} | escape


@contextmanager
def part_sink(
    path: Path, format: str, compression: str, form: Mapping[str, str], types: pa.Schema
) -> Iterator[PartSink]:
    """Yield a sink for a new file.

    Args:
        path: The file.
        format: One of ``COMPRESSIONS``.
        compression: As :func:`compression_of` returns it.
        form: As :func:`form_of_parts` returns it.
        types: The Arrow types of the columns, see :func:`types_of`.
    """
    with ExitStack() as stack:
        sink: PartSink
        if format == "csv":
            raw: Any = path.open("wb")
            stack.enter_context(raw)
            if compression == "gzip":  # no name and no time: equal rows are equal bytes
                raw = stack.enter_context(gzip.GzipFile("", "wb", fileobj=raw, mtime=0))
            text = stack.enter_context(io.TextIOWrapper(raw, form["encoding"], newline=""))
            sink = _CsvSink(text, form)
        else:
            sink = _ArrowSink(stack, path, format, compression, types)
        yield sink


def types_of(part: pd.DataFrame) -> pa.Schema:
    """Return the Arrow types of a table's columns; of one without any value, text.

    Raises:
        DataError: a column holds values of several types.
    """
    try:
        found = pa.Schema.from_pandas(storable(part), preserve_index=False)
    except UNHELD:
        raise DataError(
            "output: a column holds values that Arrow cannot store in one type. Write csv instead."
        ) from None
    fields = [field if field.type != pa.null() else field.with_type(pa.string()) for field in found]
    return pa.schema(fields, found.metadata)


class _CsvSink:
    """A sink of CSV: the header comes with the first part."""

    def __init__(self, file: IO[str], form: Mapping[str, str]) -> None:
        self._file, self._form, self._is_new = file, form, True

    def write(self, part: pd.DataFrame) -> None:
        if "escape" in self._form:
            part = without_formulas(part)
        form = (self._form["separator"], self._form["decimal"], self._form["encoding"])
        write_csv_part(part, self._file, *form, has_header=self._is_new)
        self._is_new = False


class _ArrowSink:
    """A sink of Parquet, or of Arrow's stream of record batches in a file."""

    def __init__(self, stack: ExitStack, path: Path, format: str, compression: str, types: pa.Schema) -> None:
        self._types = types
        if format == "parquet":
            self._file = stack.enter_context(pq.ParquetWriter(path, types, compression=compression))
        else:
            options = pa.ipc.IpcWriteOptions(compression=None if compression == "none" else compression)
            self._file = stack.enter_context(pa.ipc.new_file(str(path), types, options=options))

    def write(self, part: pd.DataFrame) -> None:
        try:
            columns = storable(part).items()
            arrays = [
                _array(series, field.type) for (_, series), field in zip(columns, self._types, strict=True)
            ]
            table = pa.Table.from_arrays(arrays, schema=self._types)
        except UNHELD:
            raise DataError(
                "output: a column holds values of another type than its first rows. Write csv instead."
            ) from None
        self._file.write_table(table)


def _array(series: pd.Series, type_: pa.DataType) -> pa.Array:
    """Return a column in an Arrow type."""
    if not isinstance(series.dtype, pd.CategoricalDtype):
        return pa.array(series, type_, from_pandas=True)
    return pa.array(series, from_pandas=True).cast(type_)  # asked for the type, Arrow would read each cell
