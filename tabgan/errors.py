"""The exceptions that tabgan raises on purpose.

Every message names the place, the rule, what was found and the fix. What was found is a
name, a kind, a count of the *declared* configuration: never a cell of a private table.
"""

from __future__ import annotations


class TabGANError(Exception):
    """Base class of every error that tabgan raises on purpose."""


class ConfigError(TabGANError, ValueError):
    """An argument or a key of a configuration file is not usable."""


class SchemaError(TabGANError, ValueError):
    """The schema contradicts itself or the table that it is meant for."""


class DataError(TabGANError, ValueError):
    """The table itself is not usable: its shape, its names or the types in a column."""


class NotFittedError(TabGANError, ValueError, AttributeError):
    """A fitted attribute or method was used before ``fit``."""


class ModelFileError(TabGANError, ValueError):
    """A model file is damaged, incomplete, or not one of ours."""


class CheckpointError(TabGANError, ValueError):
    """A checkpoint is damaged, or belongs to another fit, table or version."""


class PrivacyError(TabGANError):
    """A privacy promise would be broken by going on. Never downgraded to a warning."""


class BudgetExceededError(PrivacyError):
    """A release would cost more than the plan or the cap allows."""


class LedgerError(PrivacyError):
    """A dataset's ledger is damaged, was tampered with, or belongs to another dataset."""


class AuditError(PrivacyError):
    """An audit found that less is protected than stated."""
