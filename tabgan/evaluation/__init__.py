"""Door 3: comparison of a synthetic table with real ones. Figures from here are outside the guarantee."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tabgan._util.lazy import lazy_names

if TYPE_CHECKING:
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

# A gate, and the names of figures, need neither scikit-learn nor sdmetrics.
__getattr__, __dir__ = lazy_names(
    __name__,
    dict.fromkeys(["ColumnResult", "Evaluation", "Interval", "Metric"], "tabgan.evaluation.result")
    | dict.fromkeys(["FixedCombinations", "Inequality", "Rule"], "tabgan.rules")
    | {"evaluate": "tabgan.evaluation.suite", "schema_validity": "tabgan.evaluation.validity"},
)
