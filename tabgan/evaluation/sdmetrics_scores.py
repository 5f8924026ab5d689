"""The scores of SDMetrics, for comparison with other generators. No other module imports it.

SDMetrics imports plotly, so it is imported only when a score is requested; without it, its scores are not computed.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pandas as pd
from scipy.stats import ConstantInputWarning, NearConstantInputWarning

from tabgan.evaluation.metric import NotComputed

#: Kinds of columns that SDMetrics knows, by the names of the columns.
Kinds = Mapping[str, str]


def column_scores(real: pd.DataFrame, other: pd.DataFrame, kinds: Kinds) -> tuple[float, float]:
    """Return Column Shapes and Column Pair Trends; NaN for one with nothing to average.

    Raises:
        NotComputed: SDMetrics is not installed.
    """
    scores = _scores(_imported().reports.QualityReport(), real, other, _metadata(kinds))
    return float(scores["Column Shapes"]), float(scores["Column Pair Trends"])


def data_validity(real: pd.DataFrame, other: pd.DataFrame, kinds: Kinds) -> float:
    """Return Data Validity; columns of the kind ``id`` are keys.

    Raises:
        NotComputed: SDMetrics is not installed.
    """
    metadata = _metadata(kinds)
    ids = [name for name, kind in kinds.items() if kind == "id"]
    if ids:
        metadata |= {"primary_key": ids[0], "alternate_keys": ids[1:]}
    return float(_scores(_imported().reports.DiagnosticReport(), real, other, metadata)["Data Validity"])


def table_structure(expected: pd.DataFrame, stored: pd.DataFrame) -> float:
    """Return Data Structure: the similarity of two tables' column names and dtypes.

    Raises:
        NotComputed: SDMetrics is not installed.
    """
    return float(_imported().single_table.TableStructure.compute(expected, stored))


def _imported() -> Any:
    try:
        with _quiet():
            import sdmetrics.reports
            import sdmetrics.single_table
    except ModuleNotFoundError as error:
        raise NotComputed("sdmetrics is not installed") from error
    return sdmetrics


def _metadata(kinds: Kinds) -> dict[str, Any]:
    return {"columns": {name: {"sdtype": kind} for name, kind in kinds.items()}}


def _scores(report: Any, real: pd.DataFrame, other: pd.DataFrame, metadata: dict[str, Any]) -> Any:
    """Return a report's score of each property."""
    with _quiet():
        report.generate({"table": real}, {"table": other}, {"tables": {"table": metadata}}, verbose=False)
        return report.get_properties().set_index("Property")["Score"]


@contextmanager
def _quiet() -> Iterator[None]:
    """Ignore warnings about odd columns: their scores are NaN."""
    with warnings.catch_warnings():
        for category in (
            ConstantInputWarning,
            NearConstantInputWarning,
            RuntimeWarning,
            FutureWarning,
            UserWarning,
        ):
            warnings.simplefilter("ignore", category)
        yield
