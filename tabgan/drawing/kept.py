"""The test that drawn rows pass before they are shown: declared rules, and conditions that no code can fix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from tabgan.columns import Column
from tabgan.errors import DataError
from tabgan.rules import Missing, Rule, Unique
from tabgan.rules.formula import InBounds
from tabgan.table.codes import TableEncoder
from tabgan.table.conditions import Condition
from tabgan.table.reduction import computed_by

#: The values that rules of uniqueness have seen.
Memory = dict[Unique, set[tuple[object, ...]]]


@dataclass
class Kept:
    """A test of the rows of one sample, which remembers those that it has passed for rules of uniqueness.

    Attributes:
        rules: Rules that a row may break.
        conditions: Conditions that the model's codes do not ensure, by column.
        described: Columns by name.
    """

    rules: Sequence[Rule]
    conditions: Mapping[str, Condition]
    described: Mapping[str, Column]
    _seen: Memory = field(default_factory=dict)

    def afresh(self, memory: Memory | None = None) -> Kept:
        """Return the same test with no memory, or with that of another test of the same sample."""
        return Kept(self.rules, self.conditions, self.described, {} if memory is None else memory)

    def __call__(self, synthetic: pd.DataFrame) -> np.ndarray:
        """Return ``(rows,)`` booleans, true for rows that may be shown."""
        is_kept = np.ones(len(synthetic), dtype=bool)
        for name, condition in self.conditions.items():
            is_kept &= condition.keeps(synthetic[name], self.described[name])
        for rule in self.rules:
            if not isinstance(rule, Unique):
                is_kept &= rule.keeps(synthetic, self.described)
        uniques = [rule for rule in self.rules if isinstance(rule, Unique)]
        if uniques:
            is_kept &= self._is_new(uniques, synthetic, is_kept)
        return is_kept

    def _is_new(self, rules: Sequence[Unique], synthetic: pd.DataFrame, is_kept: np.ndarray) -> np.ndarray:
        """Return ``(rows,)`` booleans, true for kept rows whose values no row before has, and remember them."""
        columns = [(rule.values(synthetic, self.described), rule.is_whole(synthetic)) for rule in rules]
        is_new = np.zeros(len(synthetic), dtype=bool)
        for row in np.flatnonzero(is_kept):
            keys = [
                (rule, found[row])
                for rule, (found, is_whole) in zip(rules, columns, strict=True)
                if is_whole[row]
            ]
            if any(key in self._seen.setdefault(rule, set()) for rule, key in keys):
                continue
            is_new[row] = True
            for rule, key in keys:
                self._seen[rule].add(key)
        return is_new


def test_of(encoder: TableEncoder, conditions: Mapping[str, Condition]) -> Kept | None:
    """Return the test of a sample's rows; ``None`` if every row that is drawn may be shown."""
    if encoder.reduction is None and not encoder.found:
        return None
    described = {column.name: column for column in encoder.schema}
    emptied = {rule.missing for rule in encoder.schema.rules if isinstance(rule, Missing)}
    parts, declared = (
        ((), []) if encoder.reduction is None else (encoder.reduction.merged, encoder.reduction.to_test)
    )
    merged = {name for part in parts for name in part.members} - emptied
    # Of columns in an order or a formula, some change their values after they are drawn.
    computed = computed_by(encoder.formulas)
    moved = emptied.union(encoder.orders.names, computed, *(each.names for each in encoder.related))
    tested = {
        name: condition
        for name, condition in conditions.items()
        if name in moved or (name not in encoder.positions and name not in merged)
    }
    # A generated key is unique, and is made once the row is kept.
    in_bounds = InBounds.of(encoder.schema.rules, described)
    rules = [
        rule
        for rule in (*declared, *in_bounds)
        if all(described[name].is_modelled for name in rule.touches(described))
    ]
    return Kept(rules, tested, described) if rules or tested else None


def of_modelled(encoder: TableEncoder, conditions: Mapping[str, Condition]) -> dict[str, Condition]:
    """Return those conditions that modelled columns can meet: on merged columns as sets of categories.

    Raises:
        DataError: no released combination meets them.
    """
    if encoder.reduction is None:
        return dict(conditions)
    computed = computed_by(encoder.schema.rules)
    found = {name: condition for name, condition in conditions.items() if name not in computed}
    for part in encoder.reduction.merged:
        own = {name: found.pop(name) for name in part.members if name in found}
        if not own:
            continue
        met = part.meeting(own, encoder.reduction.inner[part.name], encoder.reduction.described)
        if not any(met):
            name = next(iter(own))
            raise DataError(
                f"Column {name!r}: the value asked for is not in the column's released domain. "
                f"See model.schema_[{name!r}]."
            )
        found[part.name] = Condition(*met)
    return found


def has_uniqueness(encoder: TableEncoder) -> bool:
    """Return true if rows depend on those before them, by a declared rule of uniqueness."""
    test = test_of(encoder, {})
    return test is not None and any(isinstance(rule, Unique) for rule in test.rules)
