"""The exceptions that tabgan raises on purpose.

Every message names the place, the rule, the finding and the fix. The finding is a name, a kind or
a count of the *declared* configuration: never a cell of a private table.
"""

from __future__ import annotations

import errno
import logging
import os
import traceback
from pathlib import Path
from typing import TypeVar

logger = logging.getLogger(__name__)

_PACKAGE = Path(__file__).parent

Error = TypeVar("Error", bound="TabGANError")


class TabGANError(Exception):
    """Base class of every error that tabgan raises on purpose.

    Attributes:
        is_unspent: True if the message says that this call spent nothing.
    """

    is_unspent: bool = False


class ConfigError(TabGANError, ValueError):
    """An unusable argument, or key of a configuration file."""


class PlanError(ConfigError):
    """A fit whose plan shows that it would be useless; the message says what would help."""


class SchemaError(TabGANError, ValueError):
    """A schema that contradicts itself or its table."""


class DataError(TabGANError, ValueError):
    """An unusable table: its shape, its names or the types in a column."""


class SourceError(TabGANError):
    """A source of rows that cannot be read to its end, or a disk that cannot hold their private copy."""


class StorageError(TabGANError, OSError):
    """A disk, or a quota, that is full: the file keeps its earlier state.

    Args:
        path: The file that could not be written.
        number: The system's number of the error.
    """

    def __init__(self, path: Path, number: int) -> None:
        said = os.strerror(number)
        super().__init__(f"Cannot write {str(path)!r}: {said}. Free some space there, and call again.")
        self.errno, self.strerror, self.filename = number, said, str(path)

    def __str__(self) -> str:
        return str(self.args[0])  # the system's own form of it has no fix

    def __reduce__(self) -> tuple[type[StorageError], tuple[Path, int]]:
        return type(self), (Path(self.filename), self.errno or 0)


class OutOfMemoryError(TabGANError, MemoryError):
    """Work that needs more memory than the process can have."""


class ConditionError(DataError):
    """Conditions that practically never hold under a model.

    Args:
        message: The place, the rule, the finding and the fix.
        share: Estimated share of the model's rows that hold what is asked for, among those that meet the rest.
    """

    def __init__(self, message: str, share: float = 0.0) -> None:
        super().__init__(message)
        self.share = share


class NotFittedError(TabGANError, ValueError, AttributeError):
    """Use of a fitted attribute or method before ``fit``."""


class ModelFileError(TabGANError, ValueError):
    """A model file that is damaged, incomplete, or not written by tabgan."""


class CheckpointError(TabGANError, ValueError):
    """A checkpoint that is damaged, or belongs to another fit, table or version."""


class BundleError(TabGANError, ValueError):
    """A release bundle that is damaged, was changed, or is of another version."""


class PrivacyError(TabGANError):
    """A step that would break a privacy promise. Never downgraded to a warning."""


class BudgetExceededError(PrivacyError):
    """A release that would cost more than the plan or the cap allows."""


class LedgerError(PrivacyError):
    """A dataset's ledger that is damaged, was tampered with, or belongs to another dataset."""


class AuditError(PrivacyError):
    """A failed audit: the protection is weaker than stated."""


class UnexpectedError(TabGANError):
    """An unforeseen error of another library, without its message, which may quote rows."""


def place_of(error: BaseException) -> str:
    """Return the last line of tabgan's code that an error passed through."""
    place = "unknown code"
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if path.is_relative_to(_PACKAGE):
            place = f"{path.relative_to(_PACKAGE.parent)} line {frame.lineno}, {frame.name}"
    return place


def frames_of(error: BaseException) -> str:
    """Return the frames that an error passed through, the innermost last, without its message."""
    frames = traceback.extract_tb(error.__traceback__)
    return " > ".join(f"{'/'.join(Path(f.filename).parts[-2:])}:{f.lineno} {f.name}" for f in frames)


def log_unexpected(error: Exception, consequence: str) -> None:
    """Log an unforeseen error, which must not discard results whose budget is already spent.

    The frames tell a developer where it happened; the message may quote rows, and is left out. In the project's own
    tests such a line fails the test.

    Args:
        error: The error.
        consequence: Name of what is left out because of it.
    """
    logger.warning(
        "Unexpected %s, so that %s is left out. Please report these frames, which hold no cell: %s",
        type(error).__name__,
        consequence,
        frames_of(error),
    )


def lacks_memory(error: BaseException) -> bool:
    """Return true for an error that says that memory is short: Python's, its libraries', the system's, or torch's.

    The stack of a thread that is to start, and the code of a library that is to be loaded, need some as well.
    """
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    said = str(error)
    is_torch = isinstance(error, RuntimeError) and "allocat" in said and "memory" in said
    is_thread = isinstance(error, RuntimeError) and "can't start new thread" in said
    is_code = isinstance(error, ImportError) and (
        "cannot allocate" in said.lower() or "failed to map" in said
    )
    return is_torch or is_thread or is_code or type(error).__name__ == "OutOfMemoryError"


def is_told(error: BaseException) -> bool:
    """Return true if an error's message may be shown: tabgan's, the system's on a file, and interrupts and exits."""
    return isinstance(error, TabGANError | OSError) or not isinstance(error, Exception)


def unexpected(error: BaseException) -> str:
    """Return a message for another library's error that gives only its type and its place in the code.

    Parsers and data frames often quote the offending value, so their own message is omitted.
    """
    return f"Unexpected {type(error).__name__} in {place_of(error)}. Its message may quote rows, so it is not shown."


def without_cells(error: BaseException) -> BaseException:
    """Return another library's error without its message, its notes, its causes and all else that it carries.

    It keeps its type, so that handlers still catch it; one whose message cannot be removed becomes an
    :class:`UnexpectedError`.
    """
    said = unexpected(error)
    error.args = (said,)
    vars(error).clear()
    if isinstance(error, AttributeError):
        error.obj = None
    error.__cause__ = error.__context__ = None
    try:
        is_told_so = said in str(error)
    except Exception:  # its text was made of what it carried
        is_told_so = False
    return error if is_told_so else UnexpectedError(said).with_traceback(error.__traceback__)


#: The beginning of a note on the spending of a failed fit.
SPENT = "Already spent by this fit"


def spent_note(epsilon: str) -> str:
    """Return an error's note on the budget that the failed fit has spent."""
    return f"{SPENT}: epsilon {epsilon}. A second fit on the table adds to it."


def measured_note(epsilon: str) -> str:
    """Return what follows the spending of a fit in such a note if private metrics may have been measured."""
    return f", and at least {epsilon} if private metrics were measured already"


def unspent(error: Error) -> Error:
    """Return an error whose message says, once, that this call spent nothing; an earlier one of the fit may have."""
    if not error.is_unspent:
        error.args, error.is_unspent = (f"{error} This call spent nothing.",), True
    return error


#: An error's note on a fit whose failure could not be recorded in its ledger.
UNTOLD = "The failure of the fit could not be recorded in the ledger: its whole plan still counts."

_KEPT = "Its checkpoint"


def kept_note(checkpoint: Path) -> str:
    """Return an error's note on the checkpoint from which the same command resumes."""
    return f"{_KEPT} {str(checkpoint)!r} is kept: the same command resumes from it."


def describe_error(error: BaseException) -> str:
    """Return an error's description without any cell of a table.

    tabgan's own messages, and the system's on files, are passed on. Those of other libraries are not:
    parsers and data frames often quote the offending value.
    """
    return " ".join([_words(error), *spent_notes(error), *kept_notes(error)])


def spent_notes(error: BaseException) -> list[str]:
    """Return tabgan's own notes on the budget among an error's notes; they hold no cell of a table."""
    notes = getattr(error, "__notes__", ())
    return [note for note in notes if note.startswith(SPENT) or note == UNTOLD]


def kept_notes(error: BaseException) -> list[str]:
    """Return the notes on a checkpoint among an error's notes."""
    return [note for note in getattr(error, "__notes__", ()) if note.startswith(_KEPT)]


def _words(error: BaseException) -> str:
    if isinstance(error, TabGANError):
        return str(error)
    if isinstance(error, OSError) and error.errno in errno.errorcode and error.strerror:
        name = f": {str(error.filename)!r}" if error.filename is not None else ""
        return f"{type(error).__name__}: {error.strerror}{name}."
    if lacks_memory(error):
        return f"Memory was not enough in {place_of(error)}. Give the process more, or fit to fewer columns."
    return f"{unexpected(error)} Use --debug to see the traceback."


def trace_of(error: BaseException) -> str:
    """Return the frames that an error passed through, without its message."""
    return "".join(traceback.format_tb(error.__traceback__)).rstrip()
