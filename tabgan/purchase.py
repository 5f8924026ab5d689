"""Buying figures: one more entry in the dataset's ledger, after the fit's."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd
from threadpoolctl import threadpool_limits

from tabgan.errors import BudgetExceededError, ConfigError, LedgerError, TabGANError
from tabgan.modelfile import Fitted
from tabgan.privacy.bought import Bought, buy_figures
from tabgan.privacy.budget import Plan, make_evaluation_plan
from tabgan.privacy.digest import table_digest
from tabgan.privacy.ledger import UNTOLD, Ledger, PrivacyStatement
from tabgan.privacy.ledger_file import FitBook, LedgerFile
from tabgan.privacy.measure import Measurer
from tabgan.privacy.records import LedgerConfig
from tabgan.report.collect import SAMPLE_FACT
from tabgan.rng import RandomStreams
from tabgan.shareable import Sets, TrainedGuesser, train_guesser

#: What the guarantee of bought figures rests on; printed with them.
ASSUMPTIONS = (
    "Figures were bought on the rows that the model learnt from, each of them once.",
    SAMPLE_FACT,
)


@dataclass(frozen=True)
class Purchase:
    """What was bought, what it was taken over, and what it cost.

    Attributes:
        bought: The noisy figures.
        sets: Pairs and triples of columns.
        guesser: Whose right guesses were counted; ``None`` where there was no class to guess.
        statement: The promise for these figures alone: it adds to the fit's.
    """

    bought: Bought
    sets: Sets
    guesser: TrainedGuesser | None
    statement: PrivacyStatement


def plan_purchase(privacy: PrivacyStatement, epsilon: float) -> Plan:
    """Return what may be spent on figures about the table of a fit: its unit and its delta, once more.

    Raises:
        ConfigError: the fit was not private, or ``epsilon`` is out of its range.
    """
    if not privacy.is_private or privacy.delta is None:
        raise ConfigError(
            "evaluation_epsilon: a fit with epsilon=None promises nothing, so nothing that is bought beside it can. "
            "Leave it out."
        )
    return make_evaluation_plan(epsilon, privacy.delta, privacy.unit)


def check_ledger(privacy: PrivacyStatement, plan: Plan, config: LedgerConfig | None) -> None:
    """Raise unless a purchase is put down where the fit is, and its ledger has room for it. Reads no row.

    Raises:
        LedgerError: the fit stands in a ledger, and this is not it.
        BudgetExceededError: the cap would be passed.
    """
    place = privacy.place
    file = None if config is None else LedgerFile(config.path)
    if place is not None and (file is None or not file.records or file.head["ledger"] != place.ledger):
        raise LedgerError(
            f"ledger: the fit stands in the ledger {place.ledger}, and what is bought beside it belongs there, too. "
            "Give that file."
        )
    if file is None or config is None:
        return
    try:
        file.check_room(plan, config)
    except BudgetExceededError as error:
        raise BudgetExceededError(
            f"{error} Or leave out evaluation_epsilon: the fit itself is done."
        ) from None


@threadpool_limits.wrap(limits=1)  # as in an evaluation
def buy(
    fitted: Fitted,
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    plan: Plan,
    *,
    target: str | None = None,
    ledger: LedgerConfig | None = None,
    part_of: pd.DataFrame | None = None,
    random_state: int = 0,
) -> Purchase:
    """Release noisy figures on how close a synthetic table is to the one that was learnt.

    **Guarantee.** That of :func:`~tabgan.privacy.bought.buy_figures`: at most ``plan``'s epsilon and delta, on top of
    the fit's. Charges stand in the ledger before a row is counted. A purchase that fails or is interrupted stays
    charged, and made again is charged again.

    Args:
        fitted: The model's parts.
        real: ``(rows, columns)`` the private table that was learnt, with the schema's columns.
        synthetic: The synthetic table.
        plan: Of :func:`plan_purchase`.
        target: The column to guess.
        ledger: The dataset's; ``None`` keeps none.
        part_of: The table that ``real`` was taken from: whose ledger it is.
        random_state: Seed of which pairs and triples are taken, and of the model.

    Raises:
        LedgerError, BudgetExceededError: the ledger cannot be used, or its cap would be passed; no row was read.
    """
    streams = RandomStreams(random_state)
    codes = fitted.encoder.transform(synthetic)
    guesser = train_guesser(codes, fitted.encoder, target, streams)
    sets = Sets.of(len(fitted.encoder.columns), streams)
    file = None if ledger is None else LedgerFile(ledger.path)
    name = secrets.token_hex(8)
    table = real if part_of is None else part_of
    if file is not None and ledger is not None:
        file.begin(name, plan, ledger, partial(table_digest, table))
    account = Ledger(plan, None if file is None else FitBook(file, name))
    try:
        bought = buy_figures(
            real,
            fitted.encoder,
            codes,
            fitted.n_rows,
            plan,
            Measurer(account),
            pairs=sets.pairs,
            triples=sets.triples,
            guesser=None if guesser is None else guesser.guesser,
        )
    except BaseException as error:
        _end(file, name, "failed", error)
        raise
    _end(file, name, "done")
    statement = replace(account.statement(), assumptions=ASSUMPTIONS)
    return Purchase(bought, sets, guesser, statement)


def _end(file: LedgerFile | None, name: str, outcome: str, error: BaseException | None = None) -> None:
    """Put down that a purchase is over; an ``error`` that it ends with is not covered up by another one."""
    if file is None:
        return
    try:
        file.end(name, outcome)
    except (TabGANError, OSError):
        if error is None:
            raise
        error.add_note(UNTOLD)
