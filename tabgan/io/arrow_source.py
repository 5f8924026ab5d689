"""Sources in memory: tables of Arrow, Polars and DuckDB, and anything that offers the Arrow C stream or narwhals."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

import pandas as pd
import pyarrow as pa
from pyarrow.dataset import Dataset, ParquetFileFragment

from tabgan.errors import ConfigError, DataError, SourceError
from tabgan.io.answers import Answer, AnswerForm
from tabgan.io.arrow_types import common_schema, frame_of_arrow, header_of_schema
from tabgan.io.data_source import PART_ROWS, DataSource
from tabgan.io.remote import told_errors
from tabgan.table.labels import LABEL, labelled, of_json

if TYPE_CHECKING:
    import duckdb


def of_memory(table: object) -> DataSource | None:
    """Return the source of a table in memory, or of a lazy one; ``None`` for anything else.

    Raises:
        DataError: a fit does not support the type of a column; no row has been read.
        SourceError: a lazy table cannot be computed.
    """
    if isinstance(table, pa.Table):
        return of_batches(
            "Arrow table",
            table.schema,
            lambda: table.to_batches(max_chunksize=PART_ROWS),
            n_rows=lambda: int(table.num_rows),
        )
    if isinstance(table, pa.RecordBatch):
        return of_memory(pa.Table.from_batches([table]))
    if isinstance(table, Dataset):
        return _of_dataset(table)
    if isinstance(table, pa.RecordBatchReader):
        return of_batches("Arrow stream", table.schema, lambda: table, is_rereadable=False)
    if _is_from(table, "polars", "LazyFrame"):
        return _of_lazy_polars(table)
    if _is_from(table, "polars", "DataFrame"):
        return _of_polars(table)
    if _is_from(table, "duckdb", "DuckDBPyRelation"):
        return of_duckdb(cast("duckdb.DuckDBPyRelation", table))
    if hasattr(table, "__arrow_c_stream__"):
        name = type(table).__name__
        with told_errors(name, "it cannot be opened as an Arrow stream"):
            try:
                reader = pa.RecordBatchReader.from_stream(table)
            except pa.ArrowInvalid:  # a single column, and no table
                return None
        return of_batches(name, reader.schema, lambda: reader, is_rereadable=False)
    return _of_narwhals(table)


def native(table: object) -> object:
    """Return the frame that a frame of narwhals wraps; anything else as it is."""
    is_wrapped = any(_is_from(table, "narwhals", name) for name in ("DataFrame", "LazyFrame"))
    wrapped: Any = table
    return wrapped.to_native() if is_wrapped else table


def _of_dataset(table: Dataset) -> DataSource:
    """Return the source of a dataset of Arrow.

    Raises:
        ConfigError: its types follow from rows.
        DataError: its files differ in their columns.
    """
    format_ = getattr(table, "format", None)
    if format_ is not None and format_.default_extname in ("csv", "json"):
        raise ConfigError(
            f"source: an Arrow dataset of {format_.default_extname} files has types that Arrow guesses from rows. Give "
            "the path of the folder instead, and dtypes where they are known."
        )
    name = "Arrow dataset"
    if format_ is not None:
        with told_errors(name, "its files cannot be opened"):
            common_schema(table)
    return of_batches(
        name,
        table.schema,
        lambda: table.to_batches(batch_size=PART_ROWS),
        n_rows=lambda: rows_in_footers(table),
    )


def of_batches(
    name: str,
    schema: pa.Schema,
    batches: Callable[[], Iterable[pa.RecordBatch]],
    *,
    is_rereadable: bool = True,
    answer: Answer = "arrow",
    n_rows: Callable[[], int | None] = lambda: None,
) -> DataSource:
    """Return the source of Arrow batches with a schema."""
    label = of_json((schema.metadata or {}).get(LABEL.encode()))
    return DataSource(
        name,
        labelled(header_of_schema(schema), label),
        lambda: frames_of(batches(), schema),
        is_rereadable=is_rereadable,
        answer=AnswerForm() if answer == "pandas" else AnswerForm.of_schema(answer, schema),
        n_rows=n_rows,
    )


def rows_in_footers(files: Dataset) -> int | None:
    """Return the number of rows in Parquet files, of which Arrow has read the footers, ``None`` for others.

    Of a dataset with a filter, the rows before it.
    """
    fragments = list(files.get_fragments())
    if not all(isinstance(each, ParquetFileFragment) for each in fragments):
        return None
    return sum(int(each.metadata.num_rows) for each in fragments)


def of_duckdb(relation: duckdb.DuckDBPyRelation, answer: Answer = "duckdb") -> DataSource:
    """Return the source of a DuckDB relation, which runs when it is read; another run may order rows differently."""
    name = "DuckDB relation"
    with told_errors(name, "its columns cannot be found"):
        schema = pa.RecordBatchReader.from_stream(relation.limit(0)).schema
    return of_batches(
        name,
        schema,
        lambda: pa.RecordBatchReader.from_stream(relation),
        is_rereadable=False,
        answer=answer,
    )


def frames_of(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pd.DataFrame]:
    """Yield frames of about as many rows each; small batches are joined, and those without a row left out."""
    held: list[pa.RecordBatch] = []
    n_held = 0
    for whole in batches:
        for start in range(0, whole.num_rows, PART_ROWS):
            batch = whole.slice(start, PART_ROWS)
            if n_held and n_held + batch.num_rows > PART_ROWS:
                yield frame_of_arrow(pa.Table.from_batches(held, schema))
                held, n_held = [], 0
            held.append(batch)
            n_held += batch.num_rows
    if n_held:
        yield frame_of_arrow(pa.Table.from_batches(held, schema))


def _is_from(table: object, package: str, name: str | None = None) -> bool:
    """Return true for an object of a class of a package, without importing the package."""
    class_ = type(table)
    return class_.__module__.partition(".")[0] == package and name in (None, class_.__name__)


def _check_polars(schema: Any) -> None:
    """Raise for a column of Python's objects, or of a type that Arrow does not have.

    Raises:
        DataError: the table has such a column.
    """
    for name, dtype in schema.items():
        if str(dtype) in ("Object", "Int128", "UInt128", "Unknown"):
            raise DataError(
                f"Column {name!r}: a Polars column of type {dtype} has no type that Arrow knows. Cast or drop it."
            )


def _polars_schema(frame: Any) -> pa.Schema:
    """Return the Arrow schema of a Polars frame, without its rows."""
    _check_polars(frame.schema)
    with told_errors("Polars frame", "it cannot be opened as an Arrow stream"):
        return pa.RecordBatchReader.from_stream(frame.head(0)).schema


def _of_polars(frame: Any) -> DataSource:
    schema = _polars_schema(frame)
    return of_batches(
        "Polars frame",
        schema,
        lambda: pa.RecordBatchReader.from_stream(frame),
        answer="polars",
        n_rows=lambda: int(frame.height),
    )


def _of_lazy_polars(frame: Any) -> DataSource:
    """Return the source of a lazy frame, which is computed in batches each time it is read."""
    name = "Polars LazyFrame"
    if not hasattr(frame, "collect_batches"):
        raise ConfigError(
            f"source: {name}: this version of polars computes no batches. Install polars 1.34 or newer, or give "
            "frame.collect()."
        )
    with told_errors(name, "its schema cannot be computed"):
        empty = frame.collect_schema().to_frame()
    schema = _polars_schema(empty)

    def batches() -> Iterator[pa.RecordBatch]:
        for part in _whole_batches(frame, empty):
            yield from pa.RecordBatchReader.from_stream(part).cast(schema)

    # Another run of a query may see other rows.
    return of_batches(name, schema, batches, is_rereadable=False, answer="polars")


def _whole_batches(frame: Any, empty: Any) -> Iterator[Any]:
    """Yield a lazy frame in parts. A row that is added at its end shows that none is missing.

    A thread of Polars that panics, as over a file that has changed, ends the parts as if they were all.

    Args:
        frame: The lazy frame.
        empty: The same without rows.

    Raises:
        SourceError: the parts ended before the last row.
    """
    import polars

    mark = "end of the rows"
    while mark in empty.columns:
        mark += "_"
    last = polars.LazyFrame({name: [None] for name in empty.columns}, schema=empty.schema)
    marked = [
        each.with_columns(polars.lit(is_last).alias(mark)) for each, is_last in ((frame, False), (last, True))
    ]
    is_whole = False
    for part in polars.concat(marked).collect_batches(chunk_size=PART_ROWS, maintain_order=True):
        is_whole = len(part) > 0 and bool(part[mark][-1])
        yield part.drop(mark).head(len(part) - is_whole)
    if not is_whole:
        raise SourceError(
            "Polars LazyFrame: its rows ended before the last one, and Polars gave no reason, as where a file changes "
            "while it is read. Open it again."
        )


def _of_narwhals(table: Any) -> DataSource | None:
    """Return the source of a frame that narwhals knows, by way of Arrow; ``None`` if it knows none."""
    if isinstance(table, str | bytes) or importlib.util.find_spec("narwhals") is None:
        return None
    import narwhals

    frame = narwhals.from_native(table, pass_through=True)
    name = type(narwhals.to_native(table, pass_through=True)).__name__
    if isinstance(frame, narwhals.LazyFrame):
        with told_errors(name, "it cannot be computed"):
            return of_memory(frame.collect(backend="pyarrow").to_arrow())
    if isinstance(frame, narwhals.DataFrame):
        with told_errors(name, "it cannot be made an Arrow table"):
            return of_memory(frame.to_arrow())
    return None
