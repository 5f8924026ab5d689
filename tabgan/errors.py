"""The exceptions that tabgan raises on purpose.

Every message names the place, the rule, what was found and the fix. What was found is a
name, a kind, a count of the *declared* configuration: never a cell of a private table.
"""

from __future__ import annotations

import traceback
from pathlib import Path

_PACKAGE = Path(__file__).parent


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


class UnexpectedError(TabGANError):
    """Another library raised what nobody foresaw; its message may quote rows and is left out."""


def place_of(error: BaseException) -> str:
    """Return the last line of ours that an error passed through."""
    place = "unknown code"
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if path.is_relative_to(_PACKAGE):
            place = f"{path.relative_to(_PACKAGE.parent)} line {frame.lineno}, {frame.name}"
    return place


def is_told(error: BaseException) -> bool:
    """Return whether an error's message may be shown: ours, the system's on a file, and what is no failure at all."""
    return isinstance(error, TabGANError | OSError) or not isinstance(error, Exception)


def unexpected(error: BaseException) -> str:
    """Return what may be said of an error of another library: its type, and its place in the code.

    Parsers and frames like to quote the value that they choked on, so their message is left out.
    """
    return f"Unexpected {type(error).__name__} in {place_of(error)}. Its message may quote rows, so it is not shown."


def without_cells(error: BaseException) -> BaseException:
    """Return an error of another library without its message, its notes, and the errors that it came of.

    It keeps its type, so that who expects it catches it; one whose message cannot be taken away becomes an
    :class:`UnexpectedError`.
    """
    said = unexpected(error)
    error.args = (said,)
    error.__notes__ = []
    error.__cause__ = error.__context__ = None
    if said in str(error):
        return error
    return UnexpectedError(said).with_traceback(error.__traceback__)
