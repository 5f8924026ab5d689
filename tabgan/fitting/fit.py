"""One fit from the bounded table to the trained generator."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pandas as pd
import torch

from tabgan._util.progress import Progress
from tabgan._util.rng import RandomStreams
from tabgan._util.tensors import one_thread
from tabgan.fitting.modelfile import Fitted
from tabgan.fitting.session import Session, without_quotes
from tabgan.model.generator import Generator
from tabgan.model.loglinear import axes_of, fit_loglinear
from tabgan.model.margins import joined, pool_margins
from tabgan.model.tallies import SHAPE, keep_shares, tallies_of
from tabgan.privacy.doors.broken import count_broken
from tabgan.privacy.doors.contributions import bound_contributions
from tabgan.privacy.doors.marginals import measure_places
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.doors.measured_table import (
    MeasuredTable,
    TrainingRows,
    measure_table,
    training_rows,
)
from tabgan.privacy.filter import CriticOutcome
from tabgan.privacy.released import Marginal
from tabgan.table.decided import kept_relations, say_undecided, undecided_relations
from tabgan.table.impossible import possible_pairs
from tabgan.table.losses import losses_of_release
from tabgan.table.persons import shown_persons
from tabgan.table.relations import (
    Relation,
    close_moments,
    in_questions,
    open_relations,
    say_close,
)
from tabgan.table.spooled import SpooledTable
from tabgan.table.together import say_together


def learn(df: pd.DataFrame | SpooledTable, session: Session, progress: Progress) -> Fitted:
    """Fit a generator to a table. The model object, whose arguments may change meanwhile, is never used.

    **Guarantee.** The caller has checked the form of the whole table. Contributions are bounded before anything is
    counted; then rows go to door 1, as they are and coded, and, coded, to door 2. Everything that comes back, and
    everything computed from it here, is released.

    Raises:
        UnexpectedError: another library failed, and its message, which may quote a cell, could not be removed; most
            errors are raised again without it. Errors of the caller's own ``progress``, interrupts, and the system's
            errors on files are raised unchanged.
    """
    return without_quotes(lambda listener: _learn(df, session, listener), progress)


def _learn(df: pd.DataFrame | SpooledTable, session: Session, progress: Progress) -> Fitted:
    """Run the fit of :func:`learn`."""
    request, plan, measurer = session.request, session.request.plan, session.measurer()
    table = bound_contributions(df, plan.unit)
    measured = measure_table(
        table.df, request.schema, plan, measurer, progress, untyped_text=request.untyped_text
    )
    pairs = joined(measured.pairs)
    measured, relations = _related(measured, pairs, measurer)
    encoder, n_rows = measured.encoder, measured.released.n_rows
    say_close(close_moments(encoder, pairs))
    say_together([] if measured.scores is None else measured.scores.together(p.columns for p in pairs))
    anchored = _anchored_generator(measured, pairs, relations, session.streams, progress)
    generator = anchored.to(request.device)
    targets = [encoder.positions[name] for name in encoder.inner.targets if name in encoder.positions]
    critics: tuple[CriticOutcome, ...] = ()
    rows = training_rows(measured, table.units)
    if plan.has_adversary and targets:
        from tabgan.fitting.critics import correct_targets  # not at the top: Opacus takes seconds to import

        critics = correct_targets(
            generator, targets, measured, table.units, rows, session, measurer, progress
        )
    _place(generator, measured, rows, session, measurer)
    session.finish()
    by_code = [pair for pair in measured.pairs if pair.groups is None]
    marginals = (*measured.histograms, *by_code) if plan.is_private else ()
    statement = replace(session.privacy_filter.statement(), critics=critics)
    told = losses_of_release(encoder, n_rows, measured.released.verdicts, measured.released.hidden_rows)
    persons = tuple(each.column for each in shown_persons(request.schema, encoder))
    return Fitted(
        encoder, generator.eval(), statement, n_rows, marginals=marginals, told=told, persons=persons
    )


def _related(
    measured: MeasuredTable, pairs: Sequence[Marginal], measurer: Measurer
) -> tuple[MeasuredTable, list[Relation]]:
    """Return a table whose samples keep orders and formulas that few rows can break, and all such relations."""
    n_rows = measured.released.n_rows
    noise_of = partial(measurer.privacy_filter.plan.noise_stddev, "found")
    relations = open_relations(measured.encoder, pairs, n_rows, noise_of)
    if not relations:
        return measured, []
    broken = count_broken(measured, relations, measurer, "found") or [math.inf] * len(relations)
    noise = noise_of(len(in_questions(relations)))
    kept = kept_relations(relations, broken, noise, n_rows)
    say_undecided(undecided_relations(relations, broken, noise, n_rows))
    rules = [each.rule for each in kept if each.allowed is None]
    return replace(measured, encoder=measured.encoder.with_found(rules)), kept


def _anchored_generator(
    measured: MeasuredTable,
    pairs: Sequence[Marginal],
    relations: Sequence[Relation],
    streams: RandomStreams,
    progress: Progress,
) -> Generator:
    """Return a generator that agrees with the measured tables, on the CPU; an adversary may refine it."""
    encoder, n_rows = measured.encoder, measured.released.n_rows
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(streams.numpy("generator").integers(2**62)))
        generator = Generator(encoder.sizes)
    exists = [column.exists for column in encoder.columns]
    shares = pool_margins(measured.one_ways, pairs, exists, n_rows)
    cpu = torch.device("cpu")
    with one_thread(cpu):
        loglinear = fit_loglinear(
            axes_of(encoder, shares),
            pairs,
            n_rows,
            streams.torch("pool", cpu),
            lambda done, total: progress("anchor", done, total),
            encoder.calendar_lifts(),
            possible_pairs(encoder, [(r.positions, r.allowed) for r in relations if r.allowed is not None]),
        )
    generator.start_from(loglinear)
    return generator


def _place(
    generator: Generator, measured: MeasuredTable, rows: TrainingRows, session: Session, measurer: Measurer
) -> None:
    """Measure tables of places, and add to the generator the places found in them."""
    cpu = torch.device("cpu")
    rng, on_cpu = session.streams.torch("places", cpu), copy.deepcopy(generator).to(cpu)
    with one_thread(cpu), torch.no_grad():
        tallies = tallies_of(on_cpu, measured.encoder, rng)
    if not tallies:
        return
    cells = [(measured.encoder.names[tally.position], tally.cells) for tally in tallies]
    tables = measure_places(cells, SHAPE, (rows.codes, rows.places), measurer)
    noise = session.request.plan.noise_stddev("places", len(tallies))
    for tally, table in zip(tallies, tables or (), strict=bool(tables)):
        found = tally.places.with_table(table, noise)
        if found is not None and str(tally.position) not in generator.places:  # a formula comes first
            generator.place(tally.position, found)
    if tables:
        exists = [column.exists for column in measured.encoder.columns]
        keep_shares(generator, exists, session.streams.torch("shares", generator.device))
