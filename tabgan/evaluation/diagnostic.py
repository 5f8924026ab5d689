"""SDMetrics' diagnostic score, for comparison with other generators."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tabgan.evaluation.metric import Definition, Figure, measure
from tabgan.evaluation.result import Metric
from tabgan.evaluation.sdmetrics_scores import data_validity, table_structure
from tabgan.evaluation.tables import Tables
from tabgan.evaluation.validity import without_unit
from tabgan.schema import Identifier

DIAGNOSTIC = Definition(
    name="diagnostic",
    label="SDMetrics diagnostic",
    group="validity",
    direction="higher",
    format="percent",
    meaning="The overall score of the Diagnostic Report of SDMetrics, a library that others report too: the mean of "
    "Data Validity (values between the real table's smallest and largest, categories that it has, unique keys) and "
    "Data Structure (the same columns, stored as the schema says or else as in the real table). The reference is what "
    "the held-out real rows score.",
    good="100%, or the reference where that is lower: a few real rows that were held out lie outside of the others' "
    "range too.",
)


def diagnostic_metrics(tables: Tables) -> tuple[Metric, ...]:
    """Return ``diagnostic``.

    SDMetrics is handed numbers for moments and categories, which it cannot tell from the cells themselves, and so
    takes tables of any types.
    """

    def compute() -> list[Figure]:
        value, reference = _scores(tables)
        return [Figure(value, reference=reference)]

    return measure([DIAGNOSTIC], compute)


def _scores(tables: Tables) -> tuple[float, float]:
    real, holdout, synthetic = (_coded(tables, i) for i in range(3))
    dtypes = [
        {column.name: str(frame[column.name].dtype) for column in tables.columns} for frame in tables.frames
    ]
    declared = dtypes[0] | {column.name: column.dtype for column in tables.columns if column.dtype}
    found = []
    for expected, stored, other in ((declared, dtypes[2], synthetic), (dtypes[0], dtypes[1], holdout)):
        structure = table_structure(_empty(expected), _empty(stored))
        found.append(float(np.nanmean([_data_validity(tables, real, other), structure])))
    return found[0], found[1]


def _empty(dtypes: dict[str, str]) -> pd.DataFrame:
    """Return a table without rows, stored alike, whatever unit pandas has picked for moments."""
    return pd.DataFrame({name: pd.Series(dtype=without_unit(dtype)) for name, dtype in dtypes.items()})


def _coded(tables: Tables, i: int) -> pd.DataFrame:
    """Return one table as numbers, columns named by their place."""
    modelled = {column.name: j for j, column in enumerate(tables.modelled)}
    columns: dict[str, Any] = {}
    for place, column in enumerate(tables.columns):
        if isinstance(column, Identifier):
            series = tables.frames[i][column.name]
            codes = pd.factorize(series.astype(object).map(repr))[0].astype(float)
            columns[str(place)] = np.where(series.isna(), np.nan, codes)
        else:
            columns[str(place)] = tables.values[i][:, modelled[column.name]]
    return pd.DataFrame(columns)


def _data_validity(tables: Tables, real: pd.DataFrame, other: pd.DataFrame) -> float:
    keyed = {column.name: keys is not None for column, keys in zip(tables.modelled, tables.keys, strict=True)}
    kinds = {
        str(place): {True: "categorical", False: "numerical", None: "id"}[keyed.get(column.name)]
        for place, column in enumerate(tables.columns)
    }
    return data_validity(real, other, kinds)
