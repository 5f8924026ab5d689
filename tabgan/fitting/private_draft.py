"""A draft of a table's schema, found under differential privacy: an entry of its own in the dataset's ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import torch

from tabgan._util.printed import at_most
from tabgan._util.progress import Progress, check_progress, told
from tabgan._util.validate import positive
from tabgan._util.yaml import dump, key_of
from tabgan.columns import Column, column_of_dtype
from tabgan.columns.encoder import MISSING
from tabgan.columns.lattice import is_on_lattice
from tabgan.columns.named import Found, Named, as_keys, by_released, shortened, without_templates
from tabgan.columns.recurring import recurring
from tabgan.columns.values import dtype_named
from tabgan.errors import ConfigError
from tabgan.fitting.checkpoint import folder_of
from tabgan.fitting.session import Request, Session, say_what_is_spent, warn_of_weak_promise, without_quotes
from tabgan.model.margins import joined
from tabgan.privacy.doors.broken import count_broken
from tabgan.privacy.doors.contributions import bound_contributions
from tabgan.privacy.doors.measured_table import MeasuredTable, measure_table
from tabgan.privacy.doors.release import release_table
from tabgan.privacy.filter import PrivacyStatement
from tabgan.privacy.ledger.records import LedgerConfig
from tabgan.privacy.plan import make_plan
from tabgan.privacy.released import ReleasedColumn, ReleasedTable
from tabgan.privacy.unit import PrivacyUnit
from tabgan.schema import Schema
from tabgan.table.checks import warn_if_synthetic
from tabgan.table.headings import as_named
from tabgan.table.losses import losses_of
from tabgan.table.proposals import (
    Proposals,
    Reason,
    named_columns,
    proposed_rules,
    with_losses_of,
    with_places,
)
from tabgan.table.relations import close_moments, in_questions, relations_of

#: Comments at the head of a private draft.
NOTICE = """\
# A draft, found under differential privacy at epsilon {epsilon}, delta {delta}: an entry of its own in the ledger.
# All that stands here is released, so a fit may take it as it is: both add up in the ledger. Ranges hold values with
# counts above the noise: values beyond, which few rows have, become an end of their range. Domains that noise hid are
# left open, and a fit looks for them again. Lines with LOSS tell what samples of such a fit lack, and the keys that
# would save it. The total of draft and fits is what `tabgan ledger show` says, not the statement of one of them.
"""

#: The loss that a draft announces of keys that several rows share.
_NOT_LOOKED_FOR = (
    "rows of a key are no more related than others; a draft does not look for columns that are the same in all of "
    "them. Remedy: a rule, {{same: [...], within: {key}}}"
)

#: The share of the rows whose values are not released, above which a column's domain is left open.
_MOST_LOST = 0.5

#: Measurements of a draft, each with its part of delta for discoveries.
_LOOKS = 2


@dataclass(frozen=True)
class PrivateDraft(Proposals):
    """A draft made of released facts alone, and the promise for it.

    Attributes:
        privacy: The promise and the spending: they add to those of every fit on the dataset.
    """

    privacy: PrivacyStatement | None = None


def infer_privately(
    df: pd.DataFrame,
    epsilon: float,
    delta: float = 1e-6,
    *,
    ledger: LedgerConfig | str | Path,
    entity: str | None = None,
    max_rows: int | None = None,
    targets: Sequence[str] = (),
    untyped_text: bool = False,
    checkpoint: str | Path | None = None,
    source_table: pd.DataFrame | None = None,
    progress: Progress | bool | None = None,
) -> PrivateDraft:
    """Return a draft of a table's schema that a fit may take unchanged: all that came from rows was released.

    **Guarantee.** ``(epsilon, delta)``-differential privacy for one row, or one entity, on top of all that the ledger
    holds: the entry is charged as a fit's is, each release before a row is read. Public are names, dtypes and
    arguments.

    Args:
        df: The private table.
        epsilon: The most that the draft may cost.
        delta: The probability with which it may cost more, in (0, 1).
        ledger: The dataset's ledger, or its path.
        entity: The column that names the person of each row, if people have several.
        max_rows: The most rows of a person that are used; together with ``entity`` or not at all.
        targets: Noted as the schema's targets.
        untyped_text: True if the table was read from a CSV as text.
        checkpoint: A folder from which an interrupted call resumes when it is made again.
        source_table: The table that ``df`` was taken from, if rows were held out: the ledger is that table's.
        progress: Called as ``progress(stage, done, total)``; by default bars on a terminal or in a
            notebook, which ``False`` turns off.

    Raises:
        ConfigError: an argument is out of its range.
        DataError, SchemaError: the table cannot be modelled, or has too few rows for the noise.
        LedgerError, CheckpointError, BudgetExceededError: as in :meth:`tabgan.TabGAN.fit`; nothing was charged.
    """
    check_progress(progress)
    df, source_table = as_named(df, None), as_named(source_table, None)
    declared = named_columns(df, entity=entity, max_rows=max_rows, targets=targets, untyped_text=untyped_text)
    request = draft_request(epsilon, delta, declared, untyped_text=untyped_text)
    config = LedgerConfig.of(ledger)
    if config is None:
        raise ConfigError(
            "ledger: expected the dataset's ledger, got none. A private draft is an entry of it."
        )
    session = Session(request, config, folder_of(checkpoint))
    warn_of_weak_promise(request)
    warn_if_synthetic(df)
    try:
        session.begin(df, source_table)
        with told(progress) as tell:
            return without_quotes(lambda listener: _drafted(df, request, session, listener), tell)
    except BaseException as error:  # any error or interrupt: all charges stay spent
        session.fail(error)
        if session.privacy_filter.charged:
            say_what_is_spent(error, session.privacy_filter.statement())
        raise


def check_cap(
    epsilon: float,
    delta: float,
    ledger: LedgerConfig,
    *,
    entity: str | None = None,
    max_rows: int | None = None,
    untyped_text: bool = False,
) -> None:
    """Raise if a ledger's cap refuses a draft with these arguments. Needs no table.

    Raises:
        ConfigError, SchemaError, LedgerError, BudgetExceededError: see :func:`infer_privately`.
    """
    declared = named_columns(None, entity=entity, max_rows=max_rows)
    Session(draft_request(epsilon, delta, declared, untyped_text=untyped_text), ledger, None)


def draft_request(epsilon: float, delta: float, declared: Schema, *, untyped_text: bool) -> Request:
    """Return the arguments of a private draft, with the plan of its budget. Reads no table.

    Raises:
        ConfigError: epsilon or delta is out of its range.
    """
    epsilon = positive("epsilon", epsilon, fix="A draft without privacy is made by propose().")
    plan = make_plan(
        epsilon,
        delta,
        adversary_share=0.0,
        n_targets=0,
        unit=PrivacyUnit.of_schema(declared),
        untyped_text=untyped_text,
    )
    return Request(plan, declared, torch.device("cpu"), None, untyped_text, "draft of a schema")


def _drafted(df: pd.DataFrame, request: Request, session: Session, progress: Progress) -> PrivateDraft:
    """Measure a table twice: first its kinds and domains, then whatever these leave open, and its pairs."""
    plan, measurer, untyped_text = request.plan, session.measurer(), request.untyped_text
    plan = replace(plan, discovery_delta=plan.discovery_delta / _LOOKS)
    table = bound_contributions(df, plan.unit)
    first = release_table(table.df, request.schema, plan, measurer, untyped_text=untyped_text)
    named = {r.encoder.name: by_released(r.encoder.column, _found_of(r, first)) for r in first.columns}
    changed = {name: each for name, each in named.items() if each is not None}
    schema = _for_the_second(first, changed)
    session.privacy_filter.reserve("relations")
    measured = measure_table(table.df, schema, plan, measurer, progress, untyped_text=untyped_text)
    n_rows = measured.released.n_rows
    draft = _draft_of(first, changed, measured, request)
    placed = {name for pair in draft.schema.geo for name in pair.sides.values()}
    pairs = joined(measured.pairs)
    relations = relations_of(measured.encoder, pairs, n_rows)
    relations = [each for each in relations if not placed & set(each.rule.sides.values())]
    broken = count_broken(measured, relations, measurer) or ()
    session.finish()
    draft = replace(draft, privacy=session.privacy_filter.statement())
    noise = plan.noise_stddev("relations", max(len(in_questions(relations)), 1))
    close = close_moments(measured.encoder, pairs)
    rules = proposed_rules(relations if broken else [], broken, noise, n_rows, draft.schema, close)
    declared = draft.schema.with_rules([each.rule for each in rules if each.is_on])
    return replace(draft, schema=declared, rules=rules, reasons=with_losses_of(rules, draft.reasons))


def _found_of(released: ReleasedColumn, table: ReleasedTable) -> Found:
    """Return the released numbers of a column that its kind may depend on."""
    encoder, counts = released.encoder, released.counts
    n_present = max(table.n_rows - float(counts[MISSING]), 1.0)
    values = float(counts[1 : 1 + encoder.n_values].sum())
    n_distinct = table.distinct.get(encoder.name)
    if is_on_lattice(encoder) and not encoder.is_unseen:
        n_distinct = float(encoder.edges[-1] - encoder.edges[0])
    return Found(n_present, min(max(1.0 - values / n_present, 0.0), 1.0), n_distinct)


def _is_hidden(released: ReleasedColumn, table: ReleasedTable) -> bool:
    """Return true if noise hid the domain of a column, so that it is to be left open."""
    encoder = released.encoder
    is_unseen = is_on_lattice(encoder) and encoder.is_unseen
    return is_unseen or encoder.n_values == 0 or encoder.name in table.unsure


def _opened(column: Column) -> Column:
    """Return a column without its domain."""
    return column.undeclared().with_(dtype=column.dtype)


def _for_the_second(first: ReleasedTable, changed: Mapping[str, Named]) -> Schema:
    """Return the schema of the second measurement: completed, but for columns that another kind calls for."""
    hidden = {r.encoder.name for r in first.columns if _is_hidden(r, first)}
    columns = []
    for column in first.schema:
        if column.name in changed:
            columns.append(changed[column.name].column)
        else:
            columns.append(_opened(column) if column.name in hidden else column)
    return first.schema.replace(columns)


def _draft_of(
    first: ReleasedTable,
    changed: Mapping[str, Named],
    measured: MeasuredTable,
    request: Request,
) -> PrivateDraft:
    """Return the draft that follows from released numbers, without rules; of places, from columns' names."""
    second = measured.released
    losses = {loss.column: loss for loss in losses_of(measured.encoder, second.n_rows, is_private=True)}
    hidden = {r.encoder.name for r in second.columns if _is_hidden(r, second)}
    hidden |= {name for name, loss in losses.items() if loss.share is None or loss.share > _MOST_LOST}
    columns, reasons = [], {}
    for column in measured.encoder.schema:
        name = column.name
        if name in first.unclear:
            continue
        loss = losses.get(name)
        said = "" if loss is None else f"{loss.text}. Remedy: {loss.remedy}"
        why = changed[name].why if name in changed else _why(column, request)
        made = as_keys(column, second.n_rows) or without_templates(column)
        if made is not None:
            column, why, said = made.column, made.why, ""
        elif name in hidden:
            column, why = _opened(column), f"{why}; noise hides its domain, or most of it"
        columns.append(_as_read(column, request))
        if recurring(columns[-1]) is not None:
            said = said or _NOT_LOOKED_FOR.format(key=key_of(name))
        reasons[name] = Reason(why, said)
    schema = with_places(request.schema.replace(columns))
    return PrivateDraft(schema, reasons, notice=_notice(request, first))


def _as_read(column: Column, request: Request) -> Column:
    """Return a column as a draft shows it: of a CSV without a dtype, by which its cells would have to be readable."""
    return shortened(column.with_(dtype=None) if request.untyped_text else column)


def _why(column: Column, request: Request) -> str:
    """Return the reason given for a column about which the vote alone was released."""
    if column.name in request.schema:
        return f"{column.kind}: by its name"
    is_typed = (
        column.dtype is not None and column_of_dtype(dtype_named(column.dtype), column.name) is not None
    )
    by = "its dtype" if is_typed and not request.untyped_text else "a noisy vote"
    return f"{column.kind}: by {by}"


def _notice(request: Request, first: ReleasedTable) -> str:
    """Return the comments at the head of a draft."""
    said = NOTICE.format(epsilon=at_most(request.plan.epsilon), delta=at_most(request.plan.delta))
    lines = [
        f"# Left out, since noise hides its kind: {dump(name).splitlines()[0]}\n" for name in first.unclear
    ]
    return said + "".join(lines)
