"""Private metrics on request: one more entry in the dataset's ledger, after the fit's."""

from __future__ import annotations

import hashlib
import logging
import math
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from tabgan._util.files import canonical, sha256
from tabgan._util.printed import at_most
from tabgan._util.rng import RandomStreams
from tabgan._util.validate import integer_at_least, real_in
from tabgan.assessment.shareable import Sets, TrainedGuesser, train_guesser
from tabgan.errors import (
    UNTOLD,
    BudgetExceededError,
    ConfigError,
    DataError,
    LedgerError,
    SchemaError,
    TabGANError,
)
from tabgan.evaluation.gate import Gate
from tabgan.fitting.checkpoint import BegunRequest, KeptRequests
from tabgan.fitting.modelfile import Fitted
from tabgan.privacy.doors.digest import table_digest
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.doors.private_metrics import release_private_metrics
from tabgan.privacy.filter import UNTOLD_PLACE, PrivacyFilter, PrivacyStatement
from tabgan.privacy.ledger.file import FitEntry, LedgerFile
from tabgan.privacy.ledger.records import LedgerConfig
from tabgan.privacy.plan import Plan, make_private_metrics_plan
from tabgan.privacy.released import PrivateMetrics
from tabgan.privacy.unit import ROW, PrivacyUnit
from tabgan.report.content import SAMPLE_FACT

logger = logging.getLogger(__name__)

#: Assumptions of the guarantee of private metrics; printed with them.
ASSUMPTIONS = (
    "Private metrics were measured on the training rows, each used once.",
    SAMPLE_FACT,
)


@dataclass(frozen=True)
class PrivateMetricsResult:
    """Private metrics, the sets of columns that they cover, and their cost.

    Attributes:
        metrics: The noisy figures.
        sets: Pairs and triples of columns.
        guesser: The guesser whose right guesses were counted; ``None`` if the target has no classes.
        statement: The promise for these figures, and for those that an interruption lost: it adds to the fit's.
    """

    metrics: PrivateMetrics
    sets: Sets
    guesser: TrainedGuesser | None
    statement: PrivacyStatement


def terms_of(
    plan: Plan | None, delta: float | None, entity: str | None, max_rows: int | None
) -> tuple[float, PrivacyUnit]:
    """Return delta and unit of a request: the caller's, else those of a fit that was made in this process.

    Args:
        plan: The plan of that fit; ``None`` if the model was loaded.
        delta: The caller's delta.
        entity: The caller's entity column; ``None`` for rows.
        max_rows: The caller's rows per entity; together with ``entity`` or not at all.

    Raises:
        ConfigError: they are out of their ranges, or missing for a loaded model.
    """
    if (entity is None) != (max_rows is None):
        raise ConfigError("entity: expected entity and max_rows together, got only one of them.")
    unit = ROW if entity is None else PrivacyUnit(entity, integer_at_least("max_rows", max_rows, 1))
    if plan is not None:
        return plan.delta if delta is None else delta, plan.unit if entity is None else unit
    if delta is None:
        raise ConfigError(
            "private_metrics_delta: expected the fit's delta, because the model was loaded: its file is not signed, so "
            "its statement cannot scale noise. Give private_metrics_delta, and entity and max_rows if the fit's "
            "schema has them."
        )
    return real_in("private_metrics_delta", delta, 0.0, 1.0), unit


def plan_private_metrics(privacy: PrivacyStatement, epsilon: float, delta: float, unit: PrivacyUnit) -> Plan:
    """Return the plan of private metrics on the table of a fit, with its unit and its delta again.

    **Guarantee.** Noise is scaled by the caller's arguments alone: a statement may come from a file that anybody may
    have written.

    Args:
        privacy: The model's statement.
        epsilon: The largest cost of the figures.
        delta: The fit's delta, as the caller gives it.
        unit: The fit's unit of privacy, as the caller gives it.

    Raises:
        ConfigError: the fit was not private, the model states another delta or unit, or ``epsilon`` is out of range.
    """
    if not privacy.is_private or privacy.delta is None:
        raise ConfigError(
            "private_metrics_epsilon: a fit with epsilon=None promises nothing, so no metric added to it is private. "
            "Leave it out."
        )
    if delta != privacy.delta:
        raise ConfigError(
            f"private_metrics_delta: expected the fit's delta, got {delta!r}, and the model states {privacy.delta!r}. "
            "Give the delta of the fit's configuration; if the model states another, do not use the model."
        )
    if unit != privacy.unit:
        raise ConfigError(
            f"entity: the model states that it protects one {privacy.unit.name}, and private metrics were to protect "
            f"one {unit.name}. Give entity and max_rows as the fit's schema declares them; if the model states others, "
            "do not use the model."
        )
    return make_private_metrics_plan(epsilon, delta, unit)


@dataclass(frozen=True)
class PrivateMetricsRequest:
    """A request for private metrics that can be met, or that an interrupted job has met and that is reread.

    Attributes:
        name: The request's own random name.
        plan: Its budget.
        codes: ``(synthetic rows, columns)`` of the synthetic table.
        sets: Pairs and triples of columns.
        config: The ledger; ``None`` keeps none.
        has_place: True if the ledger is the dataset's, so that statements give the request's place in it.
        kept: The checkpoint; ``None`` for none.
        subject: Digest of everything that determines its answers; empty without a checkpoint.
        before: The promise for other private metrics that the job has measured.
        is_charged: True if an interrupted job has already charged for it.
    """

    name: str
    plan: Plan
    codes: np.ndarray
    sets: Sets
    config: LedgerConfig | None
    has_place: bool
    kept: KeptRequests | None = None
    subject: str = ""
    before: PrivacyStatement | None = None
    is_charged: bool = False


@contextmanager
def requested(
    fitted: Fitted,
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    epsilon: float | None,
    *,
    terms: tuple[float, PrivacyUnit] | None = None,
    gate: Gate | None = None,
    target: str | None = None,
    ledger: LedgerConfig | None = None,
    checkpoint: Path | None = None,
    source_table: pd.DataFrame | None = None,
    random_state: int = 0,
) -> Iterator[tuple[Callable[[], PrivateMetricsResult] | None, PrivacyStatement | None]]:
    """Yield a function that measures private metrics, and the promise for earlier ones, while locking the checkpoint.

    Args:
        fitted: The model's parts.
        real: As in :func:`measure_private_metrics`.
        synthetic: The synthetic table.
        epsilon: The largest cost of the metrics; with ``None`` there is no function.
        terms: Delta and unit, of :func:`terms_of`; needed with ``epsilon``.
        gate: The gate; metrics whose cost it would refuse are not measured.
        target: The column to guess.
        ledger: The dataset's ledger.
        checkpoint: The fit's checkpoint; ``None`` for none.
        source_table: As in :func:`measure_private_metrics`.
        random_state: As in :func:`measure_private_metrics`.

    Raises:
        ConfigError: the fit was not private, ``epsilon`` is out of its range, or over the gate's limit.
        LedgerError, BudgetExceededError, CheckpointError: see :func:`place_request`.
    """
    with ExitStack() as stack:
        kept = None
        if checkpoint is not None and fitted.privacy.is_private:
            kept = KeptRequests(checkpoint)
            stack.enter_context(kept.taken())
        if epsilon is None:
            yield None, None if kept is None else earlier_private_metrics(kept, fitted.privacy)
            return
        if terms is None:
            raise ConfigError(
                "private_metrics_epsilon: expected delta and unit of the fit with it, got neither."
            )
        plan = plan_private_metrics(fitted.privacy, epsilon, *terms)
        same: dict[str, Any] = {"target": target, "source_table": source_table, "random_state": random_state}
        request = place_request(fitted, real, synthetic, plan, ledger=ledger, kept=kept, **same)
        if not request.is_charged:
            _check_totals(gate, fitted.privacy, plan, request.before)
        yield partial(measure_private_metrics, request, fitted, real, **same), request.before


def place_request(
    fitted: Fitted,
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    plan: Plan,
    *,
    target: str | None = None,
    ledger: LedgerConfig | None = None,
    source_table: pd.DataFrame | None = None,
    random_state: int = 0,
    kept: KeptRequests | None = None,
) -> PrivateMetricsRequest:
    """Return a request that has room in its ledger. Charges nothing, and counts no row.

    An interrupted job's request is resumed if everything that determines its answers is unchanged (rows, synthetic
    table, sets of columns, plan, target and seed) and every charge has its answer. Otherwise it stays spent, and a new
    request is made: :attr:`PrivateMetricsRequest.before` holds the promise for all others.

    Args:
        fitted: The model's parts.
        real: As in :func:`measure_private_metrics`; with a checkpoint a keyed digest of it is taken.
        synthetic: The synthetic table.
        plan: The result of :func:`plan_private_metrics`.
        target: The column to guess.
        ledger: The dataset's ledger; ``None`` keeps none except the checkpoint's own.
        source_table: As in :func:`measure_private_metrics`.
        random_state: As in :func:`measure_private_metrics`.
        kept: The checkpoint, locked by the caller.

    Raises:
        LedgerError: the fit is recorded in another ledger.
        BudgetExceededError: the cap would be exceeded.
        CheckpointError: the checkpoint is damaged.
    """
    _check_place(fitted.privacy, ledger)
    encoder = fitted.encoder.without_cycles
    codes = encoder.transform(synthetic)
    sets = Sets.of(len(encoder.columns), RandomStreams(random_state))
    request = PrivateMetricsRequest(secrets.token_hex(8), plan, codes, sets, ledger, ledger is not None)
    if kept is not None:
        subject = _subject(fitted.n_rows, codes, sets, plan, target, random_state)
        subject += [
            kept.digest(real),
            kept.digest(real if source_table is None else source_table),
            _path_of(ledger),
        ]
        config = LedgerConfig(kept.ledger_path, table_may_change=True) if ledger is None else ledger
        request = replace(request, config=config, kept=kept, subject=sha256(canonical(subject)))
        request = _taken_up(request, kept, fitted.privacy)
    if request.config is not None:
        file = LedgerFile(request.config.path)
        if file.fit(request.name) is None:
            _check_cap(file, plan, request.config)
    return request


def _subject(
    n_rows: float, codes: np.ndarray, sets: Sets, plan: Plan, target: str | None, random_state: int
) -> list[Any]:
    """Return everything but the real rows that determines the answers, as plain data."""
    table = [list(codes.shape), str(codes.dtype), hashlib.sha256(codes.tobytes()).hexdigest()]
    columns = [[int(j) for j in each] for each in (*sets.pairs, *sets.triples)]
    budget = [plan.epsilon, plan.delta, plan.mu, plan.unit.entity, plan.unit.max_rows]
    return [float(n_rows), table, columns, budget, target, int(random_state)]


def _taken_up(
    request: PrivateMetricsRequest, kept: KeptRequests, privacy: PrivacyStatement
) -> PrivateMetricsRequest:
    """Return a request under the name of the interrupted one that it resumes, if there is one.

    All other open requests are ended: only their actual spending still counts against a cap.
    """
    begun = kept.begun()
    same = [each for each in begun if each.subject == request.subject and _goes_on(each, kept)]
    for each in begun:
        file = _ledger_of(each, kept)
        fit = file.fit(each.name)
        if each not in same[-1:] and fit is not None and fit.outcome is None:
            file.end(each.name, "failed")
    before = earlier_private_metrics(kept, privacy, besides=same[-1].name if same else None)
    if before is not None:
        logger.warning(
            "Private metrics measured before the job was interrupted cannot be reread, because an answer was lost or "
            "the tables changed: their cost is spent, and counts in the total."
        )
    if not same:
        return replace(request, before=before)
    fit = _ledger_of(same[-1], kept).fit(same[-1].name)
    is_charged = fit is not None and bool(fit.charges)
    return replace(request, name=same[-1].name, before=before, is_charged=is_charged)


def _path_of(ledger: LedgerConfig | None) -> str:
    """Return a checkpoint's name for a dataset's ledger; empty for its own, which moves along with it."""
    return "" if ledger is None else str(ledger.path.absolute())


def _ledger_of(begun: BegunRequest, kept: KeptRequests) -> LedgerFile:
    return LedgerFile(Path(begun.ledger) if begun.ledger else kept.ledger_path)


def _goes_on(begun: BegunRequest, kept: KeptRequests) -> bool:
    """Return True if every charge of a request has its answer, and it was not ended before it was done."""
    fit = _ledger_of(begun, kept).fit(begun.name)
    if fit is None:
        return True  # nothing was charged; answers without charges are refused when they are read
    journal = kept.journal(begun.name)
    return fit.outcome in (None, "done") and all(journal.answer(call) is not None for call, _ in fit.charges)


def earlier_private_metrics(
    kept: KeptRequests, privacy: PrivacyStatement, *, besides: str | None = None
) -> PrivacyStatement | None:
    """Return the promise for all private metrics of a checkpoint's fit; ``None`` if none were charged.

    **Guarantee.** Epsilons and deltas of all requests are added up: basic composition. A charged request counts with
    its full budget, and so does one that is missing from its ledger.

    Args:
        kept: The checkpoint.
        privacy: The fit's statement, which gives the unit.
        besides: Name of a request that is left out.
    """
    found = [_statement_of(begun, kept, privacy) for begun in kept.begun() if begun.name != besides]
    charged = [statement for statement in found if statement is not None]
    return _added_up(*charged) if charged else None


def _statement_of(
    begun: BegunRequest, kept: KeptRequests, privacy: PrivacyStatement
) -> PrivacyStatement | None:
    """Return the promise for an earlier request; ``None`` if its ledger says that it charged nothing."""
    fit = _ledger_of(begun, kept).fit(begun.name)
    if fit is not None and not fit.charges:
        return None
    entries = () if fit is None else tuple(release for _, releases in fit.charges for release in releases)
    return replace(
        privacy,
        epsilon=begun.epsilon,
        delta=begun.delta,
        epsilon_spent=begun.epsilon if fit is None else fit.spent.epsilon(begun.delta),
        delta_spent=math.fsum(release.delta for release in entries),
        entries=entries,
        assumptions=ASSUMPTIONS,
        place=None,
        critics=(),
    )


def _added_up(*statements: PrivacyStatement) -> PrivacyStatement:
    """Return one promise for several of one unit: epsilons and deltas are added up (basic composition)."""
    return replace(
        statements[-1],
        epsilon=math.fsum(each.epsilon or 0.0 for each in statements),
        delta=math.fsum(each.delta or 0.0 for each in statements),
        epsilon_spent=math.fsum(each.epsilon_spent or 0.0 for each in statements),
        delta_spent=math.fsum(each.delta_spent for each in statements),
        entries=tuple(entry for each in statements for entry in each.entries),
    )


def _check_totals(
    gate: Gate | None, privacy: PrivacyStatement, plan: Plan, before: PrivacyStatement | None
) -> None:
    """Check that a gate can pass the total including a request, before anything is measured.

    Raises:
        ConfigError: epsilon or delta of fit and private metrics exceed the gate's.
    """
    for name in ("epsilon", "delta"):
        limit = getattr(gate, name, None)
        total = getattr(privacy, name) + getattr(plan, name) + (getattr(before, name) if before else 0.0)
        if limit is not None and total > limit:
            raise ConfigError(
                f"private_metrics_epsilon: with private metrics the {name} would be {at_most(total)}, over the gate's "
                f"limit of {limit:g}. Ask for less, or leave it out."
            )


def _check_place(privacy: PrivacyStatement, config: LedgerConfig | None) -> None:
    """Check that a request is recorded in the same ledger as the fit. Reads no row.

    Raises:
        LedgerError: the fit is recorded in another ledger.
    """
    place = privacy.place
    if place == UNTOLD_PLACE:
        raise LedgerError(
            "ledger: the model was released, and does not name its fit's ledger, where its private metrics must be "
            "recorded. Use the model in the job's internal folder, or the one that was saved with its place."
        )
    file = None if config is None else LedgerFile(config.path)
    if place is not None and (file is None or not file.records or file.head["ledger"] != place.ledger):
        raise LedgerError(
            f"ledger: the fit is recorded in the ledger {place.ledger}, and its private metrics must be, too. "
            "Give that file."
        )


def _check_cap(file: LedgerFile, plan: Plan, config: LedgerConfig) -> None:
    """Check that a ledger has room for a request. Reads no row.

    Raises:
        BudgetExceededError: the cap would be exceeded.
    """
    try:
        file.check_cap(plan, config)
    except BudgetExceededError as error:
        raise BudgetExceededError(
            f"{error} Or leave out private_metrics_epsilon: the fit itself is done."
        ) from None


@threadpool_limits.wrap(limits=1)  # type: ignore[untyped-decorator]  # one thread, as in an evaluation
def measure_private_metrics(
    request: PrivateMetricsRequest,
    fitted: Fitted,
    real: pd.DataFrame,
    *,
    target: str | None = None,
    source_table: pd.DataFrame | None = None,
    random_state: int = 0,
) -> PrivateMetricsResult:
    """Release noisy figures on the closeness of a synthetic table to the training rows of its model.

    **Guarantee.** That of :func:`~tabgan.privacy.doors.private_metrics.release_private_metrics`: at most the plan's
    epsilon and delta, on top of the fit's and of those of :attr:`PrivateMetricsRequest.before`. Charges are in the
    ledger before a row is counted. With a checkpoint, a recorded answer is returned unchanged, without new noise.
    Without one, a request that fails or is interrupted stays charged, and a repeated request is charged again.

    Args:
        request: The result of :func:`place_request`, with the same tables and arguments.
        fitted: The model's parts.
        real: ``(rows, columns)`` the private training table, with the schema's columns.
        target: The column to guess.
        source_table: The table that ``real`` was taken from, to which the ledger belongs.
        random_state: Seed of the choice of pairs and triples, and of the model.

    Raises:
        LedgerError, BudgetExceededError: the ledger cannot be used, or its cap would be exceeded; no row was read.
        PrivacyError: the checkpoint's answers and the ledger's charges do not match.
    """
    plan, name, kept, ledger = request.plan, request.name, request.kept, request.config
    encoder = fitted.encoder.without_cycles
    guesser = train_guesser(request.codes, encoder, target, RandomStreams(random_state))
    file = None if ledger is None else LedgerFile(ledger.path)
    if file is not None and ledger is not None:
        if kept is not None:  # before the ledger: every charge has a record here
            place = _path_of(ledger if request.has_place else None)
            kept.begin(BegunRequest(name, request.subject, plan.epsilon or 0.0, plan.delta, place))
        file.begin(name, plan, ledger, partial(table_digest, real if source_table is None else source_table))
    account = PrivacyFilter(plan, None if file is None else FitEntry(file, name, request.has_place))
    try:
        metrics = release_private_metrics(
            real,
            encoder,
            request.codes,
            fitted.n_rows,
            plan,
            Measurer(account, None if kept is None else kept.journal(name)),
            pairs=request.sets.pairs,
            triples=request.sets.triples,
            guesser=None if guesser is None else guesser.guesser,
        )
        account.finish()
    except BaseException as error:
        if kept is None or isinstance(error, DataError | SchemaError | BudgetExceededError):
            _end(file, name, "failed", error)
        raise
    _end(file, name, "done")
    own = replace(account.statement(), assumptions=ASSUMPTIONS)
    statement = own if request.before is None else _added_up(request.before, own)
    return PrivateMetricsResult(metrics, request.sets, guesser, statement)


def _end(file: LedgerFile | None, name: str, outcome: str, error: BaseException | None = None) -> None:
    """Record the end of a request; an ``error`` that ended it is not masked by another one."""
    fit = None if file is None else file.fit(name)
    if file is None or (fit is not None and fit.outcome is not None):
        return
    try:
        file.end(name, outcome)
    except (TabGANError, OSError):
        if error is None:
            raise
        error.add_note(UNTOLD)
