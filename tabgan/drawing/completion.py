"""Whole rows around given cells: drawn given them, and drawn anew until the rules of the schema hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
import torch

from tabgan._util.rng import RandomStreams
from tabgan.columns import Column
from tabgan.columns.encoder import MISSING
from tabgan.columns.filling import Filling
from tabgan.columns.recurring import with_own_keys
from tabgan.drawing.kept import has_uniqueness
from tabgan.errors import DataError
from tabgan.fitting.modelfile import Fitted
from tabgan.model.sampling import CodeSampler
from tabgan.rules import Inequality, Rule, Unique
from tabgan.rules.formula import InBounds
from tabgan.rules.inequality import implied_by
from tabgan.rules.judging import named
from tabgan.rules.same import numbered
from tabgan.schema import Schema
from tabgan.table.codes import TableEncoder
from tabgan.table.partial import PartialRows, partial_rows
from tabgan.table.reduction import computed_by
from tabgan.table.solving import with_rows

#: Rows drawn for each row that still breaks a rule: all in all, and at most in one round for all rows together.
TRIES, AT_ONCE = 1_024, 2**12

#: Draws for each row with a given end that what it lies near cannot follow: the closest one is taken.
CLOSE = 512


@dataclass
class Completion:
    """A completion of some rows.

    Attributes:
        fitted: The model.
        partial: The given cells.
        streams: Sources of all draws.
        suits: Further test of whole rows, given with their numbers among the partial ones; ``None`` if there is none.
    """

    fitted: Fitted
    partial: PartialRows
    streams: RandomStreams
    suits: Callable[[pd.DataFrame, np.ndarray], np.ndarray] | None = None

    def __post_init__(self) -> None:
        self._codes = self.streams.torch("complete", self.fitted.generator.device)
        self._values = self.streams.numpy("decode")
        self._filling = Filling.of(self.streams.numpy("generated"))
        schema = self.fitted.encoder.schema
        self._computed = computed_by(schema.rules)
        self._described = {column.name: column for column in schema}
        self._rules = _rules_of(schema)

    def rows(self) -> pd.DataFrame:
        """Return the whole rows, in the order of the given ones.

        Raises:
            DataError: see :meth:`modelled`.
        """
        return self._whole(self.modelled())

    def modelled(self) -> pd.DataFrame:
        """Return the modelled columns of whole rows, with drawn cells in place of the given ones.

        Raises:
            DataError: a dtype cannot hold a given cell; given cells break a rule by themselves; or no drawn row keeps
                the rules beside the given cells of some, and the message says of how many.
        """
        n_rows = len(self.partial.given)
        drawn = self._drawn(np.arange(n_rows))
        if not self._rules or not n_rows:
            return drawn
        tested = self.tested()
        drawn = self._closest(drawn, tested)
        open_ = np.flatnonzero(~self._kept(drawn, np.arange(n_rows), tested, with_unique=True))
        tries, spent = 1, 0
        while len(open_):
            if spent >= TRIES:
                raise DataError(
                    f"complete: for {len(open_):,} of {n_rows:,} rows, none of {spent:,} drawn rows keeps the "
                    "rules together with their given cells. Give fewer cells of these rows, or loosen the rules."
                )
            rows = np.repeat(open_, tries)
            others = self._drawn(rows)
            is_kept = self._kept(others, rows, tested[rows], with_unique=False)
            first = np.flatnonzero(is_kept)
            taken, at = np.unique(rows[first], return_index=True)
            drawn = with_rows(drawn, taken, others.iloc[first[at]])
            spent += tries
            tries = int(np.clip(2 * tries, 1, max(AT_ONCE // len(open_), 1)))
            every = np.arange(n_rows)
            open_ = np.flatnonzero(~self._kept(drawn, every, tested, with_unique=True))
        return drawn

    def _closest(self, synthetic: pd.DataFrame, tested: np.ndarray) -> pd.DataFrame:
        """Return drawn rows, those of given ends that nothing can move to the closest of CLOSE draws.

        Where the other column is made by a rule it cannot follow the given end. Of draws whose own end is close to the
        given one, the rest of the row is as it is given the end.
        """
        ends = self._held_ends()
        rows = np.flatnonzero(np.logical_or.reduce([np.zeros(len(synthetic), dtype=bool), *ends.values()]))
        parts = []
        for part in np.array_split(rows, -(-len(rows) * CLOSE // AT_ONCE)) if len(rows) else []:
            asked = np.repeat(part, CLOSE)
            others = self._drawn(asked)
            gaps = np.zeros(len(asked))
            for name, is_held in ends.items():
                column = self._described[name]
                wanted = column.read(self.partial.given[name].reset_index(drop=True))[asked]
                gap = np.abs(column.read(others[name]) - wanted)
                gaps += np.where(is_held[asked], np.where(np.isnan(gap), np.inf, gap), 0.0)
            gaps[~self._kept(others, asked, tested[asked], with_unique=False)] = np.inf
            best = gaps.reshape(len(part), CLOSE).argmin(axis=1)
            parts.append(others.iloc[np.arange(len(part)) * CLOSE + best])
        return with_rows(synthetic, rows, pd.concat(parts, ignore_index=True)) if parts else synthetic

    def _held_ends(self) -> dict[str, np.ndarray]:
        """Return ``(rows,)`` true for given cells of columns that lie near one that cannot follow them, by column."""
        given, reduction = self.partial.given, self.fitted.encoder.reduction
        if reduction is None:
            return {}
        found = {}
        for each in reduction.differences:
            if each.of in given and not reduction.is_movable(each.near):
                is_held = given[each.of].notna().to_numpy(dtype=bool) & ~self.partial.is_ignored(each.of)
                is_held &= given[each.near].isna().to_numpy(dtype=bool) if each.near in given else True
                found[each.of] = is_held
        return found

    def _drawn(self, rows: np.ndarray) -> pd.DataFrame:
        """Return drawn rows, one for each of some given ones, without generated columns."""
        encoder, partial = self.fitted.encoder, self.partial.taken(rows)
        codes, places = self._sampler.completed(
            partial.codes, self._codes, partial.chances(encoder), partial.places
        )
        within = partial.draw_within(encoder, self._values)
        drawn = encoder.modelled(codes, self._values, places, within=within)
        if encoder.reduction is None and not encoder.formulas:
            return drawn
        # What rules compute follows from the given cells, not from those that were drawn in their place.
        own = [c for c in encoder.schema if c.name in drawn and c.name not in self._computed]
        differences = () if encoder.reduction is None else encoder.reduction.differences
        every = [c for c in encoder.schema if c.name in drawn]
        whole = partial.completed(drawn, every if differences else own).reset_index(drop=True)
        columns = {column.name: whole[column.name] for column in own}
        given = {name: partial.given[name].notna().to_numpy(dtype=bool) for name in partial.given}
        for each in encoder.related:
            columns = each.arranged(columns, self._values, given)
        columns = encoder.following(columns, given)
        if encoder.reduction is None:
            return pd.DataFrame(columns)
        if differences:
            columns |= encoder.reduction.led(dict(whole) | columns, drawn, given)
        return encoder.reduction.following(columns)

    @cached_property
    def _sampler(self) -> CodeSampler:
        """The sampler of the codes: one, since it keeps what it has looked at ahead."""
        return self.fitted.sampler()

    def _whole(self, drawn: pd.DataFrame) -> pd.DataFrame:
        encoder = self.fitted.encoder
        return self.partial.completed(encoder.with_generated(drawn, self._filling), encoder.schema)

    def tested(self) -> np.ndarray:
        """Return ``(rows, rules)`` true where drawn cells decide if a row keeps a rule.

        Raises:
            DataError: given cells alone break one, and unknown cells are refused.
        """
        given, schema = self.partial.given, self.fitted.encoder.schema
        is_given = given.notna()
        tested = np.ones((len(given), len(self._rules)), dtype=bool)
        for j, (where, rule) in enumerate(self._rules):
            names = rule.touches(schema.names)
            whole = np.ones(len(given), dtype=bool)
            for name in names:
                whole &= is_given[name].to_numpy() if name in given else False
                tested[:, j] &= ~self.partial.is_ignored(name)
            tested[:, j] &= ~whole
            self._check_given(where, rule, whole & ~tested[:, j])
        return tested

    def _check_given(self, where: str, rule: Rule, whole: np.ndarray) -> None:
        """Raise if given cells alone break a rule."""
        if self.partial.ignores_unknown or not whole.any():
            return
        rows = self.partial.given[whole].reset_index(drop=True)
        broken = int((~rule.keeps(rows, self._described)).sum())
        if broken:
            raise DataError(
                f"complete: the given cells of {broken:,} rows break {where}. Correct them, make one of them missing; "
                "or set unknown='ignore' to keep them."
            )

    def _kept(
        self, drawn: pd.DataFrame, rows: np.ndarray, tested: np.ndarray, *, with_unique: bool
    ) -> np.ndarray:
        """Return ``(rows,)`` true for rows that keep the rules with the given cells in place."""
        schema = self.fitted.encoder.schema
        names = list(dict.fromkeys(n for _, rule in self._rules for n in rule.touches(schema.names)))
        described = [schema[name] for name in names]
        whole = self.partial.taken(rows).completed(drawn, described).reset_index(drop=True)
        kept = np.ones(len(rows), dtype=bool) if self.suits is None else self.suits(whole, rows)
        for j, (_, rule) in enumerate(self._rules):
            if isinstance(rule, Unique):
                if not with_unique:
                    continue
                # Rows whose given cells decide come first: they cannot be drawn anew.
                order = np.argsort(tested[:, j], kind="stable")
                found = rule.keeps(whole.iloc[order].reset_index(drop=True), self._described)
                is_kept = np.empty(len(rows), dtype=bool)
                is_kept[order] = found
            else:
                is_kept = rule.keeps(whole, self._described)
            kept &= is_kept | ~tested[:, j]
        return kept


@dataclass(frozen=True)
class Further:
    """A test of the first rows of keys: beside what they share, given cells of further rows keep the rules.

    Attributes:
        parts: Rules with the given cells that they are about, each combination once, and ``(cells,)`` the key of each.
        described: Columns by name.
    """

    parts: Sequence[tuple[Rule, pd.DataFrame, np.ndarray]]
    described: Mapping[str, Column]

    @classmethod
    def of(cls, partial: PartialRows, of_row: np.ndarray, encoder: TableEncoder) -> Further | None:
        """Return the test of the rows' keys; ``None`` if no rule connects drawn shared cells with given ones.

        Args:
            partial: The given cells of all rows.
            of_row: ``(rows,)`` each row's key.
            encoder: Of the model.
        """
        parts, given, schema, shared = [], partial.given, encoder.schema, encoder.shared
        rules = [rule for _, rule in _rules_of(schema)]
        orders = [rule for rule in rules if isinstance(rule, Inequality)]
        rules += implied_by(
            orders,
            schema.names,
            [name for name, at in encoder.positions.items() if not encoder.columns[at].encoder.is_nullable],
        )
        for rule in rules:
            names = rule.touches(schema.names)
            own = [name for name in names if name not in shared]
            if isinstance(rule, Unique) or len(own) in (0, len(names)) or not set(own) <= set(given):
                continue
            ignored = np.logical_or.reduce([partial.is_ignored(name) for name in names])
            rows = np.flatnonzero(given[own].notna().all(axis=1).to_numpy(dtype=bool) & ~ignored)
            if len(rows):
                cells = given[own].iloc[rows].reset_index(drop=True)
                known = [of_row[rows], *(numbered(cells[name], schema[name]) for name in own)]
                once = np.flatnonzero(~pd.DataFrame(dict(enumerate(known))).duplicated())
                once = once[np.argsort(of_row[rows[once]], kind="stable")]
                parts.append((rule, cells.take(once), of_row[rows[once]]))
        return cls(parts, {column.name: column for column in schema}) if parts else None

    def __call__(self, synthetic: pd.DataFrame, keys: np.ndarray) -> np.ndarray:
        """Return ``(rows,)`` true for those beside which all given cells of their keys keep the rules."""
        kept = np.ones(len(synthetic), dtype=bool)
        for rule, cells, key in self.parts:
            starts, ends = (np.searchsorted(key, keys, side=side) for side in ("left", "right"))
            row = np.repeat(np.arange(len(keys)), ends - starts)
            cell = np.arange(len(row)) + np.repeat(ends - np.cumsum(ends - starts), ends - starts)
            drawn = synthetic.take(row).reset_index(drop=True)
            table = drawn.assign(**dict(cells.take(cell).reset_index(drop=True)))
            kept[row[~rule.keeps(table, self.described)]] = False
        return kept


@dataclass
class KeyedCompletion:
    """A completion of rows whose keys share values by a rule: one row of each key comes first, the others follow it.

    Attributes:
        fitted: The model.
        partial: The given cells; those that rows of a key share are given in all of them.
        keys: ``(rows,)`` the number of each row's key.
        streams: Sources of all draws.
    """

    fitted: Fitted
    partial: PartialRows
    keys: np.ndarray
    streams: RandomStreams

    def rows(self) -> pd.DataFrame:
        """Return the whole rows, in the order of the given ones.

        Raises:
            DataError: see :meth:`Completion.modelled`.
        """
        _, first, of_row = np.unique(self.keys, return_index=True, return_inverse=True)
        others = np.setdiff1d(np.arange(len(self.keys)), first)
        Completion(
            self.fitted, self.partial, self.streams
        ).tested()  # raises if given cells alone break a rule
        drawn = self._firsts(first, of_row)
        if len(others):
            # Under a rule of uniqueness, rows depend on those before them.
            rest = np.arange(len(self.keys)) if has_uniqueness(self.fitted.encoder) else others
            table = self._following(drawn, first, of_row, rest)
            table = table.take(np.searchsorted(rest, others))
            place = np.empty(len(self.keys), dtype=np.int64)
            place[first], place[others] = np.arange(len(first)), len(first) + np.arange(len(others))
            drawn = pd.concat([drawn, table], ignore_index=True).take(place).reset_index(drop=True)
        else:
            drawn = drawn.take(of_row).reset_index(drop=True)
        return self._whole(drawn)

    def _firsts(self, first: np.ndarray, of_row: np.ndarray) -> pd.DataFrame:
        """Return the modelled columns of one row of each key, the given cells among them.

        Each goes with the given cells of its key's other rows.

        Args:
            first: ``(keys,)`` the number of the row.
            of_row: ``(rows,)`` each row's key.
        """
        partial, encoder = self.partial.taken(first), self.fitted.encoder
        suits = Further.of(self.partial, of_row, encoder)
        streams = self.streams.child("first rows")
        drawn = Completion(self.fitted, partial, streams, suits).modelled()
        own = [column for column in self.fitted.encoder.schema if column.name in drawn]
        return partial.completed(drawn, own).reset_index(drop=True)

    def _following(
        self, synthetic: pd.DataFrame, first: np.ndarray, of_row: np.ndarray, rows: np.ndarray
    ) -> pd.DataFrame:
        """Return the modelled columns of some rows, given what they share with the first one of their key."""
        encoder = self.fitted.encoder
        shared = [name for name in encoder.shared if name in synthetic]
        given = self.partial.given.iloc[rows].copy(deep=False)
        cells = synthetic[shared].take(of_row[rows]).reset_index(drop=True)
        are_first = np.flatnonzero(np.isin(rows, first))
        of_first = list(synthetic) if len(are_first) else []
        whole = given.reindex(columns=list(dict.fromkeys([*given, *of_first, *shared])))
        for name in of_first:
            column = whole[name].astype(object)
            column.iloc[are_first] = synthetic[name].take(of_row[rows[are_first]]).astype(object).to_numpy()
            whole[name] = column
        for name in shared:
            whole[name] = cells[name].set_axis(whole.index)
        partial = partial_rows(encoder, whole, ignores_unknown=True)
        for name in encoder.shared_inner:
            position = encoder.positions[name]
            if name in shared and encoder.columns[position].encoder.is_nullable:
                for place in (position, *encoder.cycles.get(position, ())):
                    partial.codes[cells[name].isna().to_numpy(dtype=bool), place] = MISSING
        table = Completion(self.fitted, partial, self.streams.child("further rows")).modelled()
        return table.assign(**{name: cells[name] for name in shared})

    def _whole(self, synthetic: pd.DataFrame) -> pd.DataFrame:
        """Return whole rows: given cells, drawn ones, and generated ones, one for each key if its rows share them."""
        encoder = self.fitted.encoder
        order = np.argsort(self.keys, kind="stable")
        filling = Filling.of(self.streams.numpy("generated"))
        filling.starts = np.diff(self.keys[order], prepend=-1) != 0
        made = encoder.with_generated(synthetic.take(order).reset_index(drop=True), filling)
        made = made.take(np.argsort(order)).reset_index(drop=True)
        # A row without a key gets one of its own.
        described = [with_own_keys(c) if c.name == encoder.key else c for c in encoder.schema]
        return self.partial.completed(made, described)


def _rules_of(schema: Schema) -> list[tuple[str, Rule]]:
    """Return the rules that drawn rows may break, with their names in errors."""
    in_bounds = InBounds.of(schema.rules, {column.name: column for column in schema})
    bounds = [(f"the bounds of {rule.column!r}", rule) for rule in in_bounds]
    return [
        (where, rule)
        for where, rule in (*named(schema.statements), *bounds)
        if not rule.needs_rows and all(schema[name].is_modelled for name in rule.touches(schema.names))
    ]


def completed(
    fitted: Fitted,
    partial: PartialRows,
    streams: RandomStreams,
    *,
    imputes: bool,
    keys: np.ndarray | None = None,
) -> pd.DataFrame:
    """Return whole rows around given cells, under the rules of a model's schema.

    Args:
        fitted: The model.
        partial: The given cells.
        streams: Sources of all draws.
        imputes: True if no drawn cell may be missing, but where a rule says so, or no value of a column was released.
        keys: ``(rows,)`` the number of each row's key, if rows of a key share values by a rule.

    Raises:
        DataError: see :meth:`Completion.modelled`.
    """
    if imputes:
        fitted = replace(fitted, encoder=fitted.encoder.without_missing(partial.to_draw(fitted.encoder)))
    with torch.no_grad():
        if keys is not None:
            return KeyedCompletion(fitted, partial, keys, streams).rows()
        return Completion(fitted, partial, streams).rows()
