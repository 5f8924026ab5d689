"""Forms of a synthetic table: a sample is the same kind of thing as the table of the fit, a pandas frame by default.

The kind and the types of the columns are public facts of the source, known before a row is read. A model keeps them.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar, cast

import pandas as pd
import pyarrow as pa

from tabgan._util.ray_cluster import ray_library
from tabgan._util.validate import one_of
from tabgan.errors import ConfigError
from tabgan.io.arrow_types import header_of_schema
from tabgan.io.sinks import storable
from tabgan.table.headings import Headings
from tabgan.table.labels import LABEL, label_of, to_json

if TYPE_CHECKING:
    import duckdb
    import polars as pl
    import ray.data
    import typing_extensions

    TableT = typing_extensions.TypeVar("TableT", bound="AnyTable", covariant=True, default=pd.DataFrame)
else:
    # The kind of table that a model is fitted to; a pandas frame, unless its type is known.
    TableT = TypeVar("TableT")

#: A table in memory of one of the kinds that a sample can be.
AnyTable: TypeAlias = "pd.DataFrame | pa.Table | pl.DataFrame | duckdb.DuckDBPyRelation | ray.data.Dataset"

Answer = Literal["pandas", "arrow", "polars", "duckdb", "ray"]

ANSWERS: tuple[Answer, ...] = ("pandas", "arrow", "polars", "duckdb", "ray")

_ZONED = re.compile(r"timestamp\[(s|ms|us|ns), tz=([^\]]+)\]")
_DECIMAL = re.compile(r"decimal(32|64|128|256)\((\d{1,2}), (-?\d{1,2})\)")
_DICTIONARY = re.compile(r"dictionary<values=(\w+), indices=\w+, ordered=[01]>")


class ArrowTable(Protocol):
    """An Arrow table, or another source in Arrow's batches, as a type checker tells it from a frame."""

    def to_batches(self) -> object:
        """Return its batches."""


@dataclass(frozen=True)
class AnswerForm:
    """The kind of thing that a sample is.

    Attributes:
        kind: A pandas frame, an Arrow table, a Polars frame, a relation of DuckDB or a dataset of Ray.
        types: Arrow's types by column, as text, of the table of the fit; none for a pandas frame.
        headings: Labels and index of a pandas frame that has others than names.
    """

    kind: Answer = "pandas"
    types: Mapping[str, str] = field(default_factory=dict)
    headings: Headings | None = None

    @classmethod
    def of_schema(cls, kind: Answer, schema: pa.Schema) -> AnswerForm:
        """Return the form of samples of a table with an Arrow schema.

        Numbers of a dictionary are as wide as its values are many, and these are those of the rows: the width is none.
        """
        known = {name: _name_of(type_) for name, type_ in zip(schema.names, schema.types, strict=True)}
        return cls(kind, {name: text for name, text in known.items() if _type_of(text) is not None})

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> AnswerForm:
        """Return the form that :meth:`to_dict` describes.

        Raises:
            ValueError, KeyError, TypeError: the data describe no form.
        """
        plain: dict[str, Any] = dict(data)
        headings = Headings.from_dict(plain["headings"]) if "headings" in plain else None
        form = cls(plain["kind"], dict(plain["types"]), headings)
        if form.kind not in ANSWERS or set(data) - {"headings"} != {"kind", "types"}:
            raise ValueError
        if any(_type_of(text) is None for text in form.types.values()):
            raise ValueError
        return form

    def to_dict(self) -> dict[str, object]:
        """Return the form as plain data."""
        plain: dict[str, Any] = {"kind": self.kind, "types": dict(self.types)}
        return plain if self.headings is None else {**plain, "headings": self.headings.to_dict()}


def check_answer(kind: str | None, default: Answer) -> Answer:
    """Return the kind of a sample.

    Raises:
        ConfigError: there is no such kind, or its library is not installed.
    """
    chosen = cast(Answer, one_of("as_", default if kind is None else kind, ANSWERS))
    if chosen in ("polars", "duckdb"):
        library(chosen, chosen, "as_")
    if chosen == "ray":
        ray_library("ray.data", "as_")
    return chosen


def library(name: str, extra: str, where: str = "source") -> ModuleType:
    """Return an optional library.

    Raises:
        ConfigError: the library is not installed; names the extra that brings it.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ConfigError(
            f"{where}: this needs the package {name}, which is not installed. Run pip install 'tabgan-dp[{extra}]'."
        ) from None


def answer_as(df: pd.DataFrame, kind: Answer, form: AnswerForm) -> AnyTable:
    """Return a synthetic table as another kind of thing, with the types of the table of the fit where it keeps them."""
    if kind == "pandas":
        return df if form.headings is None else form.headings.shown(df)
    columns = [_array(df.iloc[:, place], form.types.get(str(name))) for place, name in enumerate(df.columns)]
    schema = pa.schema(
        [pa.field(str(name), column.type) for name, column in zip(df.columns, columns, strict=True)]
    )
    label = label_of(df)
    told = {} if label is None else {LABEL: to_json(label)}
    told |= {key: str(value) for key, value in df.attrs.items() if key != LABEL}
    table = pa.Table.from_arrays(columns, schema=schema.with_metadata(told or None))
    if kind == "ray":
        return ray_library("ray.data", "as_").from_arrow(table)
    return table if kind == "arrow" else library(kind, kind).from_arrow(table)


def _array(series: pd.Series, text: str | None) -> pa.ChunkedArray:
    """Return a column as Arrow holds it; of the given type unless a declared dtype has made it another."""
    plain = storable(series.to_frame("x"))["x"]
    type_ = None if text is None else _type_of(text)
    column = pa.Table.from_pandas(plain.to_frame("x"), preserve_index=False).column("x")
    if type_ is None or header_of_schema(pa.schema([("x", type_)])).dtypes.iloc[0] != series.dtype:
        return column
    try:
        return _cast(column, type_)
    except pa.ArrowException:  # of objects: a declared format makes text of dates
        return column


def _cast(column: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_dictionary(type_):
        has_views = pa.types.is_string_view(type_.value_type)
        return column.cast(pa.string() if has_views else type_.value_type).dictionary_encode()
    is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    makes_text = any(
        check(type_) for check in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    )
    if is_text != makes_text and not pa.types.is_null(column.type):
        return column
    return column.cast(type_, safe=False)


def _name_of(type_: pa.DataType) -> str:
    """Return Arrow's name of a type, the same for dictionaries of any number of values."""
    if pa.types.is_dictionary(type_):
        type_ = pa.dictionary(pa.int32(), type_.value_type, type_.ordered)
    return str(type_)


def _type_of(text: str) -> pa.DataType | None:
    """Return the type of a column that a fit takes, by Arrow's name of it; ``None`` for any other text."""
    if match := _ZONED.fullmatch(text):
        return pa.timestamp(*match.groups())
    if match := _DICTIONARY.fullmatch(text):
        values = _type_of(match[1])
        return None if values is None else pa.dictionary(pa.int32(), values)
    try:
        if match := _DECIMAL.fullmatch(text):
            width, digits, scale = map(int, match.groups())
            return {32: pa.decimal32, 64: pa.decimal64, 128: pa.decimal128, 256: pa.decimal256}[width](
                digits, scale
            )
        return pa.type_for_alias(text)
    except ValueError:
        return None
