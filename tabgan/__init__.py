"""Differentially private synthetic tables from a GAN that is anchored on noisy marginals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from tabgan.evaluation import evaluate
    from tabgan.evaluation.gate import Gate
    from tabgan.privacy.ledger.records import LedgerConfig
    from tabgan.rules import FixedCombinations, Formula, Inequality, Missing, OneOf, Unique
    from tabgan.synthesizer import TabGAN
    from tabgan.table.conditions import Between

__version__ = "0.1.0"

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
    "Numeric",
    "OneOf",
    "Pii",
    "Schema",
    "TabGAN",
    "Text",
    "Time",
    "Unique",
    "evaluate",
]

_LAZY = {
    "Between": "tabgan.table.conditions",
    "FixedCombinations": "tabgan.rules",
    "Formula": "tabgan.rules",
    "Gate": "tabgan.evaluation.gate",
    "Inequality": "tabgan.rules",
    "Missing": "tabgan.rules",
    "OneOf": "tabgan.rules",
    "Unique": "tabgan.rules",
    "LedgerConfig": "tabgan.privacy.ledger.records",
    "TabGAN": "tabgan.synthesizer",
    "evaluate": "tabgan.evaluation",
}


def __getattr__(name: str) -> Any:
    """Import torch and scikit-learn only when they are needed: ``tabgan --version`` should not wait for them."""
    if name not in _LAZY:
        raise AttributeError(f"module 'tabgan' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    """Offer the names that are imported when they are asked for, too."""
    return sorted({*globals(), *__all__})
