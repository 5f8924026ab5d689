"""Datasets of Ray as sources: columns and types are known before a row is read, and blocks come here once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from tabgan.errors import ConfigError
from tabgan.io.answers import AnswerForm
from tabgan.io.arrow_source import of_batches
from tabgan.io.data_source import PART_ROWS, DataSource
from tabgan.io.ray_parts import held_on_nodes, typed_blocks
from tabgan.io.remote import told_errors

if TYPE_CHECKING:
    import ray.data

_NAME = "Ray dataset"


def is_ray_dataset(table: object) -> bool:
    """Return true for a dataset of Ray, without importing Ray."""
    return any(
        class_.__module__ == "ray.data.dataset" and class_.__name__ == "Dataset"
        for class_ in type(table).__mro__
    )


def of_ray_dataset(dataset: ray.data.Dataset) -> DataSource:
    """Return the source of a dataset of Ray, which is computed when it is read.

    A fit leaves its rows on their nodes. For all else, such as an evaluation, they come to this machine, one block
    after the other.

    Raises:
        ConfigError: its columns and types are known only from rows.
        DataError: a fit does not support the type of a column.
        SourceError: the cluster cannot be reached.
    """
    with told_errors(_NAME, "its schema cannot be found"):
        found = dataset.schema(fetch_if_missing=False)
    if found is None:
        raise ConfigError(
            f"source: {_NAME}: its columns and types are not known before its rows, which is so after read_csv, map or "
            "map_batches. Read files that store types, such as Parquet, or write the dataset to such files first."
        )
    schema = found.base_schema
    if isinstance(schema, pa.Schema):
        # Another run of the same dataset may see other rows.
        source = of_batches(
            _NAME, schema, lambda: _batches(dataset, schema), is_rereadable=False, answer="ray"
        )
        return replace(source, spread=partial(held_on_nodes, dataset, source.header, schema))
    header = pd.DataFrame(
        {
            str(name): pd.Series([], dtype=dtype)
            for name, dtype in zip(schema.names, schema.types, strict=True)
        }
    )
    return DataSource(
        _NAME,
        header,
        lambda: _frames(dataset),
        is_rereadable=False,
        answer=AnswerForm("ray"),
        spread=partial(held_on_nodes, dataset, header, None),
    )


def _batches(dataset: Any, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield the blocks of a dataset, with the types of its schema."""
    for block in dataset.iter_batches(batch_size=None, batch_format="pyarrow"):
        yield from typed_blocks(block, schema)


def _frames(dataset: Any) -> Iterator[pd.DataFrame]:
    """Yield the rows of a dataset of pandas frames."""
    for block in dataset.iter_batches(batch_size=PART_ROWS, batch_format="pandas"):
        yield block.reset_index(drop=True)
