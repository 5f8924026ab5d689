"""Arrow's types as dtypes: those of a column follow from its stored type alone, never from its rows.

pandas would restore the dtypes that a file's metadata records, or choose others as soon as one value is missing. Here
integers and booleans always get nullable dtypes, and dictionary columns become plain values, because a dictionary lists
the rows' values. A named index becomes columns at the end, any other is dropped. Columns of a type that no fit takes
are refused before a row is read.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.dataset import Dataset, dataset, partitioning

from tabgan.errors import DataError

#: pandas dtypes by stored type, where pandas' own choice would depend on missing values.
_NULLABLE = {
    pa.bool_(): pd.BooleanDtype(),
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.uint8(): pd.UInt8Dtype(),
    pa.uint16(): pd.UInt16Dtype(),
    pa.uint32(): pd.UInt32Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
}

#: Errors of Arrow and pandas about values that no type of theirs can hold.
UNHELD = (pa.ArrowException, ValueError, TypeError, OverflowError)

#: Name of a column that pandas writes for an index without a name.
_NAMELESS_INDEX = re.compile(r"__index_level_\d+__")

#: Days since 1970 of the first and the last date that Python can represent.
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896


def is_nameless_index(name: str) -> bool:
    """Return true for a column that pandas writes for an index without a name."""
    return _NAMELESS_INDEX.fullmatch(name) is not None


def frame_of_arrow(table: pa.Table | pa.RecordBatch) -> pd.DataFrame:
    """Return an Arrow table as a frame, with dtypes that depend on its schema alone.

    Raises:
        DataError: a fit does not support a column's type.
    """
    plain = pa.schema([_plain_field(field) for field in table.schema])
    columns = [_plain(column, field.type) for column, field in zip(table.columns, plain, strict=True)]
    kept = [place for place, name in enumerate(plain.names) if not is_nameless_index(name)]
    whole = pa.Table.from_arrays(columns, schema=plain).select(kept)
    return _with_objects(whole.to_pandas(types_mapper=_NULLABLE.get, ignore_metadata=True))


def header_of_schema(schema: pa.Schema) -> pd.DataFrame:
    """Return the frame without rows that :func:`frame_of_arrow` makes of tables with a schema.

    Raises:
        DataError: column names repeat, or a fit does not support a column's type.
    """
    repeated = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if repeated:
        raise DataError(
            f"source: column names repeat: {', '.join(map(repr, repeated))}. Rename or drop them."
        )
    return frame_of_arrow(schema.empty_table())


def parquet_files(path: Path) -> Dataset:
    """Return the dataset of a file, or of a folder's files; values in the names of folders are always text."""
    return files_of(str(path), "parquet")


def files_of(place: str | list[str], format: str, **options: object) -> Dataset:
    """Return the dataset of files that hold their types; values in the names of folders are text, and not guessed."""
    files = dataset(place, format=format, partitioning="hive", **options)
    first = next(files.get_fragments(), None)
    stored = [] if first is None else first.physical_schema.names
    folders = pa.schema([(name, pa.string()) for name in files.schema.names if name not in stored])
    if not folders:
        return files
    return dataset(place, format=format, partitioning=partitioning(folders, flavor="hive"), **options)


def common_schema(files: Dataset) -> pa.Schema:
    """Return the columns of all files, each with one stored type; a file's column of nulls alone does not count.

    Raises:
        DataError: two files store a column as different types, or one lacks it; names file and column. The types depend
            on the rows only if their writer made them so, and are public like the rest of the files' form.
    """
    fields: dict[str, pa.Field] = {}
    first: dict[str, str] = {}
    stored: dict[str, set[str]] = {}
    for fragment in files.get_fragments():
        name = Path(fragment.path).name
        stored[name] = set(fragment.physical_schema.names)
        for field in fragment.physical_schema:
            known = fields.setdefault(field.name, field)
            first.setdefault(field.name, name)
            if pa.types.is_null(known.type):
                fields[field.name], first[field.name] = field, name
            elif not pa.types.is_null(field.type) and _value_type(known.type) != _value_type(field.type):
                raise DataError(
                    f"Column {field.name!r}: the files of the folder store it as {known.type} and as {field.type} "
                    f"({first[field.name]!r} and {name!r}). Write them with one schema."
                )
    for name, names in stored.items():
        lacking = [column for column in fields if column not in names]
        if lacking:
            raise DataError(
                f"Column {lacking[0]!r}: {name!r} lacks it, and {first[lacking[0]]!r} has it. Write the files of a "
                "folder with one schema."
            )
    return pa.schema([*fields.values(), *(field for field in files.schema if field.name not in fields)])


def _value_type(type_: pa.DataType) -> pa.DataType:
    """Return the type of the stored values: of a dictionary's values, or of an extension's storage."""
    if isinstance(type_, pa.BaseExtensionType):
        type_ = type_.storage_type
    return type_.value_type if pa.types.is_dictionary(type_) else type_


def _plain_field(field: pa.Field) -> pa.Field:
    """Return a column's field with the type that it is read as.

    Raises:
        DataError: a fit does not support the stored type; raised before a row is read.
    """
    stored = _value_type(field.type)
    is_taken = (
        pa.types.is_primitive(stored)
        or pa.types.is_decimal(stored)
        or pa.types.is_null(stored)
        or _is_text(stored)
    )
    if not is_taken or pa.types.is_interval(stored):
        raise DataError(
            f"Column {field.name!r}: stored as {field.type}, which is not supported. Convert or drop it."
        )
    if pa.types.is_float16(stored):
        return pa.field(field.name, pa.float32())
    if pa.types.is_time(stored):
        return pa.field(field.name, pa.time64("us"))
    return pa.field(field.name, pa.date32() if pa.types.is_date64(stored) else stored)


def _is_text(type_: pa.DataType) -> bool:
    return any(
        is_type(type_) for is_type in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    )


def _plain(column: pa.ChunkedArray | pa.Array, type_: pa.DataType) -> pa.ChunkedArray:
    """Return a column as another type; dates that Python cannot represent become missing."""
    column = pa.chunked_array([column], column.type) if isinstance(column, pa.Array) else column
    if isinstance(column.type, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
    if pa.types.is_dictionary(column.type) and pa.types.is_string_view(column.type.value_type):
        # Arrow decodes no dictionary of views.
        chunks = [
            pa.DictionaryArray.from_arrays(each.indices, each.dictionary.cast(pa.string()))
            for each in column.chunks
        ]
        column = pa.chunked_array(chunks, pa.dictionary(column.type.index_type, pa.string())).cast(
            pa.string()
        )
    column = column.cast(type_, safe=False)
    if pa.types.is_date32(type_):
        days = column.cast(pa.int32())
        is_known = pc.and_(pc.greater_equal(days, _FIRST_DAY), pc.less_equal(days, _LAST_DAY))
        column = pc.if_else(is_known, column, pa.scalar(None, type_))
    return column


def _with_objects(df: pd.DataFrame) -> pd.DataFrame:
    """Return a table with text as objects, ``None`` where it is missing, as pandas before 3 reads it.

    Dtypes and cells are then the same under every pandas.
    """
    found = df.astype({name: object for name, dtype in df.dtypes.items() if str(dtype) == "str"})
    for name, dtype in df.dtypes.items():
        if str(dtype) == "str":
            found[name] = found[name].where(df[name].notna(), None)
    return found
