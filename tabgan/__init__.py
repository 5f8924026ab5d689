"""Differentially private synthetic tables from a GAN that is anchored on noisy marginals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tabgan._util.lazy import lazy_names
from tabgan._util.version import __version__ as __version__

if TYPE_CHECKING:
    from tabgan.comparing import compare
    from tabgan.evaluation import evaluate
    from tabgan.evaluation.gate import Gate
    from tabgan.io.opening import open_table
    from tabgan.privacy.ledger.records import LedgerConfig
    from tabgan.privacy.ledger.summary import read_ledger
    from tabgan.report import report
    from tabgan.rules import FixedCombinations, Formula, Inequality, Missing, Near, OneOf, Same, Unique
    from tabgan.schema import (
        Boolean,
        Categorical,
        Constant,
        Datetime,
        Duration,
        Identifier,
        Numeric,
        Pii,
        Schema,
        Text,
        Time,
    )
    from tabgan.synthesizer import TabGAN
    from tabgan.table.conditions import Between

__all__ = [
    "Between",
    "Boolean",
    "Categorical",
    "Constant",
    "Datetime",
    "Duration",
    "FixedCombinations",
    "Formula",
    "Gate",
    "Identifier",
    "Inequality",
    "LedgerConfig",
    "Missing",
    "Near",
    "Numeric",
    "OneOf",
    "Pii",
    "Same",
    "Schema",
    "TabGAN",
    "Text",
    "Time",
    "Unique",
    "compare",
    "evaluate",
    "open_table",
    "read_ledger",
    "report",
]

# Nothing here waits for torch, pandas or scikit-learn before it needs them.
__getattr__, __dir__ = lazy_names(
    __name__,
    dict.fromkeys(__all__, "tabgan.schema")
    | dict.fromkeys(
        ["FixedCombinations", "Formula", "Inequality", "Missing", "Near", "OneOf", "Same", "Unique"],
        "tabgan.rules",
    )
    | {
        "Between": "tabgan.table.conditions",
        "Gate": "tabgan.evaluation.gate",
        "LedgerConfig": "tabgan.privacy.ledger.records",
        "TabGAN": "tabgan.synthesizer",
        "compare": "tabgan.comparing",
        "evaluate": "tabgan.evaluation",
        "open_table": "tabgan.io.opening",
        "read_ledger": "tabgan.privacy.ledger.summary",
        "report": "tabgan.report",
    },
)
