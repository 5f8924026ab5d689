"""SDMetrics' diagnostic score, for comparison with other generators."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tabgan.evaluation.metric import Figure
from tabgan.evaluation.sdmetrics_scores import data_validity, table_structure
from tabgan.evaluation.steps import Inputs, computes
from tabgan.evaluation.tables import Tables
from tabgan.evaluation.validity import without_unit


@computes("diagnostic")
def diagnostic(inputs: Inputs) -> Figure:
    """Return SDMetrics' score of the synthetic table, and of the holdout rows.

    SDMetrics receives moments and categories as numbers, so that tables of any types can be compared.
    """
    value, reference = _scores(inputs.tables)
    return Figure(value, reference=reference)


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
    """Return a table without rows and with the same dtypes, apart from the unit that pandas picked for moments."""
    return pd.DataFrame({name: pd.Series(dtype=without_unit(dtype)) for name, dtype in dtypes.items()})


def _coded(tables: Tables, i: int) -> pd.DataFrame:
    """Return one table as numbers, columns named by their place."""
    modelled = {column.name: j for j, column in enumerate(tables.modelled)}
    columns: dict[str, Any] = {}
    for place, column in enumerate(tables.columns):
        if not (column.is_modelled or column.has_unique_values):
            continue  # made up, and no key: there is nothing to compare
        if not column.is_modelled:
            series = tables.frames[i][column.name]
            codes = pd.factorize(series.astype(object).map(repr))[0].astype(float)
            columns[str(place)] = np.where(series.isna(), np.nan, codes)
        else:
            columns[str(place)] = tables.values[i][:, modelled[column.name]]
    return pd.DataFrame(columns)


def _data_validity(tables: Tables, real: pd.DataFrame, other: pd.DataFrame) -> float:
    keyed = {column.name: keys is not None for column, keys in zip(tables.modelled, tables.keys, strict=True)}
    unkeyed = {True: "id", False: "categorical"}
    kinds = {
        str(place): {True: "categorical", False: "numerical", None: unkeyed[column.has_unique_values]}[
            keyed.get(column.name)
        ]
        for place, column in enumerate(tables.columns)
        if column.is_modelled or column.has_unique_values
    }
    return data_validity(real, other, kinds)
