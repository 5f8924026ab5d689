"""Door 3: comparison of a synthetic table with real ones. Figures from here are outside the guarantee."""

from __future__ import annotations

from tabgan.evaluation.result import ColumnResult, Evaluation, Interval, Metric
from tabgan.evaluation.suite import evaluate
from tabgan.evaluation.validity import schema_validity
from tabgan.rules import FixedCombinations, Inequality, Rule

__all__ = [
    "ColumnResult",
    "Evaluation",
    "FixedCombinations",
    "Inequality",
    "Interval",
    "Metric",
    "Rule",
    "evaluate",
    "schema_validity",
]
