"""One fit's arguments, ledger, answers and random streams; errors that state its spending and quote no cell."""

from __future__ import annotations

import logging
import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, TypeVar

import torch

from tabgan._util.printed import at_most
from tabgan._util.progress import Listener, Progress
from tabgan._util.rng import RandomStreams
from tabgan._util.version import __version__
from tabgan.errors import (
    UNTOLD,
    BudgetExceededError,
    CheckpointError,
    ConfigError,
    DataError,
    LedgerError,
    OutOfMemoryError,
    SchemaError,
    SourceError,
    StorageError,
    TabGANError,
    is_told,
    lacks_memory,
    place_of,
    spent_note,
    unspent,
    without_cells,
)
from tabgan.fitting.checkpoint import NEW_FIT, Checkpoint, new_fit
from tabgan.privacy.doors.contributions import units_of
from tabgan.privacy.doors.digest import table_digest
from tabgan.privacy.filter import PrivacyFilter, PrivacyStatement
from tabgan.privacy.ledger.file import FitEntry, LedgerFile
from tabgan.privacy.ledger.records import LedgerConfig
from tabgan.privacy.plan import Plan
from tabgan.schema import Schema
from tabgan.table.spooled import check_any

if TYPE_CHECKING:
    from tabgan.privacy.doors.measure import Measurer

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: Beyond these a fit warns that it promises little: conventions, the ones of the standard gate.
WEAK_EPSILON, WEAK_DELTA = 10.0, 1e-5


class FitOptions(TypedDict, total=False):
    """Arguments of a fit that leave open what kind of table its samples are."""

    progress: Progress | None
    untyped_text: bool
    ledger: LedgerConfig | str | Path | None
    checkpoint: str | Path | None
    source_table: object
    keep_index: bool


@dataclass(frozen=True)
class Request:
    """The arguments of a fit, all of them public.

    Attributes:
        plan: The budget of each stage.
        schema: The declared schema.
        device: The device to train on.
        random_state: Seed of all randomness except privacy noise.
        untyped_text: True if text may represent numbers and booleans.
        purpose: Empty for a fit; else one word for the use of the answers.
    """

    plan: Plan
    schema: Schema
    device: torch.device
    random_state: int | None
    untyped_text: bool = False
    purpose: str = ""

    def to_dict(self) -> dict[str, object]:
        """Return plain data that is equal for equal fits."""
        plan, purpose = self.plan, {"purpose": self.purpose} if self.purpose else {}
        return purpose | {
            "version": __version__,
            "epsilon": plan.epsilon,
            "delta": plan.delta,
            "adversary": None if plan.adversary is None else vars(plan.adversary),
            "has_adversary": plan.has_adversary,
            "schema": self.schema.to_dict(),
            "random_state": None if self.random_state is None else int(self.random_state),
            "untyped_text": self.untyped_text,
        }


def warn_of_weak_promise(request: Request) -> None:
    """Log a warning if epsilon or delta is so large that little, or nothing, is promised."""
    epsilon, delta = request.plan.epsilon, request.plan.delta
    if epsilon is not None and epsilon > WEAK_EPSILON:
        odds = "more than a million" if epsilon > math.log(1e6) else f"{math.exp(epsilon):,.0f}"
        logger.warning(
            "epsilon=%g promises little: the model may multiply the odds that somebody is in the table by %s. "
            "Choose %g or less.",
            epsilon,
            odds,
            WEAK_EPSILON,
        )
    if delta is not None and delta > WEAK_DELTA:
        logger.warning(
            "delta=%g promises little: publishing each row with that probability would satisfy it. Use less than 1 "
            "/ n_rows, and at most %g.",
            delta,
            WEAK_DELTA,
        )
    n_rows = request.schema.n_rows
    if epsilon is not None and n_rows is not None and delta >= 1 / n_rows:
        logger.warning(
            "delta=%g promises little for the %d rows that the schema declares: publishing each with that "
            "probability would satisfy it, and likely reveal one. Use less than 1 / n_rows, %.1e.",
            delta,
            n_rows,
            1 / n_rows,
        )


class Session:
    """One fit's ledger, released answers and random streams; kept on the disk on request.

    Opening one reads no row. :meth:`begin` does, for digests that stay in the organisation, and only after a cap has
    admitted the fit.

    Args:
        request: The fit's arguments.
        ledger: The ledger of the dataset; ``None`` keeps none beyond this fit.
        checkpoint: The folder to resume from after an interruption; ``None`` for none.

    Raises:
        ConfigError: a ledger was given for a fit without privacy, or lies in the checkpoint's folder.
        LedgerError, BudgetExceededError, CheckpointError: ledger or checkpoint cannot be used; nothing was charged.
    """

    def __init__(self, request: Request, ledger: LedgerConfig | None, checkpoint: Path | None) -> None:
        self.request = request
        plan = request.plan
        if ledger is not None and not plan.is_private:
            raise ConfigError(
                "ledger: a fit with epsilon=None spends without limit, which no ledger can hold. Set epsilon, or leave "
                "the ledger out."
            )
        if ledger is not None and checkpoint is not None and _lies_in(ledger.path, checkpoint):
            raise ConfigError(
                "ledger: expected a place outside the checkpoint, which is removed when its fit is done. Keep it "
                "next to the data."
            )
        streams = RandomStreams(request.random_state)
        self._checkpoint = None
        self._has_begun = False
        self._is_datasets = ledger is not None
        if checkpoint is not None:
            asked = request.to_dict() | {"ledger": None if ledger is None else str(ledger.path.absolute())}
            self._checkpoint = Checkpoint(checkpoint, asked, streams.entropy)
            streams = RandomStreams(self._checkpoint.entropy)
            if ledger is None and plan.is_private:
                ledger = LedgerConfig(self._checkpoint.ledger_path)
        self.streams = streams
        self._config = ledger
        self._name = secrets.token_hex(8) if self._checkpoint is None else self._checkpoint.fit
        self._file = None if ledger is None else LedgerFile(ledger.path)
        self._check()
        self.privacy_filter = PrivacyFilter(plan)

    def _check(self) -> None:
        """Raise unless the ledger has room for the fit, or already holds it."""
        if self._file is None or self._config is None:
            return
        fit = self._file.fit(self._name)
        is_resumed = self._checkpoint is not None and not self._checkpoint.is_new
        if fit is None and is_resumed and self._checkpoint is not None and self._checkpoint.has_answers:
            raise CheckpointError(
                f"checkpoint: the ledger {str(self._file.path)!r} does not know the fit to resume. Restore the "
                f"ledger. {NEW_FIT}"
            )
        if fit is None:
            self._file.check_cap(self.request.plan, self._config)
        elif fit.outcome in ("failed", "closed"):
            raise CheckpointError(
                f"checkpoint: the ledger records the fit as {fit.outcome}, so it cannot resume. Its charges stay "
                f"spent. {NEW_FIT}"
            )
        elif fit.limit != self.request.plan.cost:
            raise CheckpointError(
                "checkpoint: the ledger holds another plan for this fit. Another version began it; resume with that "
                f"one. {new_fit(self._name)}"
            )
        elif fit.outcome is None and self._checkpoint is not None:
            self._checkpoint.check_answers({call for call, _ in fit.charges})

    def begin(self, df: object, source_table: object = None) -> None:
        """Bind the fit to its table, and record its start.

        Args:
            df: The training rows.
            source_table: The table that they were taken from, to which the ledger belongs; ``df`` by default.

        Raises:
            LedgerError, CheckpointError: they belong to another table, or another process has the checkpoint. Nothing
                was charged.
            DataError, SchemaError: one of the tables cannot be modelled; see :func:`check_table`.
        """
        table = df if source_table is None else source_table
        for whole in (table, df) if table is not df else (df,):
            check_any(whole, self.request.schema, untyped_text=self.request.untyped_text)
            units_of(whole, self.request.plan.unit.entity)
        if self._checkpoint is not None:
            self._checkpoint.take()
            self._checkpoint.bind(df, table)
        if self._file is not None and self._config is not None:
            plan = self.request.plan
            self._file.begin(self._name, plan, self._config, partial(table_digest, table))
            self.privacy_filter = PrivacyFilter(
                self.request.plan, FitEntry(self._file, self._name, self._is_datasets)
            )
        self._has_begun = True
        self._say_if_resumed()

    def _say_if_resumed(self) -> None:
        """Log the checkpoint of a resumed fit, and the part of its plan that is spent."""
        if self._checkpoint is None or self._checkpoint.is_new:
            return
        fit = None if self._file is None else self._file.fit(self._name)
        spent = "nothing is spent yet"
        if fit is not None and fit.charges:
            epsilon, whole = fit.spent.epsilon(self.request.plan.delta), self.request.plan.epsilon
            spent = f"epsilon {at_most(epsilon)} of {at_most(whole)} is spent already, and not spent again"
        logger.warning("The fit resumes from the checkpoint %r: %s.", str(self._checkpoint.folder), spent)

    def measurer(self) -> Measurer:
        """Return the object that charges, counts and keeps answers."""
        from tabgan.privacy.doors.measure import Measurer

        return Measurer(self.privacy_filter, None if self._checkpoint is None else self._checkpoint.journal())

    def finish(self) -> None:
        """Record that the fit is done."""
        self.privacy_filter.finish()
        self._end("done")
        self._leave()

    def _leave(self) -> None:
        """Release the checkpoint to other processes."""
        if self._checkpoint is not None:
            self._checkpoint.leave()

    def fail(self, error: BaseException) -> None:
        """Record that the fit has failed, unless it can resume from a checkpoint.

        A table that cannot be modelled fails again next time, and so does a fit whose interruptions have spent the
        budget that it needs. An error about an invalid or different table, before the fit began, proves neither.
        """
        self._leave()
        of_files = StorageError | CheckpointError | LedgerError | SourceError
        if isinstance(error, of_files) and not self.privacy_filter.charged:
            unspent(error)
        is_hopeless = isinstance(error, DataError | SchemaError | BudgetExceededError)
        if self._checkpoint is not None and not (self._has_begun and is_hopeless):
            return
        try:
            self._end("failed")
        except (TabGANError, OSError):
            error.add_note(UNTOLD)

    def _end(self, outcome: str) -> None:
        fit = None if self._file is None else self._file.fit(self._name)
        if self._file is not None and fit is not None and fit.outcome is None:
            self._file.end(self._name, outcome)


def _lies_in(path: Path, folder: Path) -> bool:
    return folder.resolve() in path.resolve().parents


def without_quotes(work: Callable[[Progress], T], progress: Progress) -> T:
    """Return the result of ``work``, whose errors are raised without messages that may quote a cell.

    Raises:
        UnexpectedError: see :func:`learn`.
    """
    listener = Listener.of(progress)
    try:
        return work(listener)
    except BaseException as error:
        if error is listener.raised or is_told(error):
            raise
        told = without_cells(error) if not lacks_memory(error) else _without_memory(error)
    raise told


def _without_memory(error: BaseException) -> OutOfMemoryError:
    return OutOfMemoryError(
        f"fit: memory was not enough in {place_of(error)}. Give the process more, fit to fewer columns, or give "
        "the table in parts, as a file or a folder: a frame lies in memory as a whole."
    )


def say_what_is_spent(error: BaseException, privacy: PrivacyStatement) -> None:
    """Add a failed fit's spending to its error: to the message of tabgan's own, as a note to others."""
    said = spent_note(f"{at_most(privacy.epsilon_spent)} of {at_most(privacy.epsilon)}")
    if isinstance(error, TabGANError):
        error.args = (f"{error} {said}",)
    else:
        error.add_note(said)
