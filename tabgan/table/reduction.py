"""The table that a fit measures in place of its own where rules determine part of it.

A column that a formula computes is left out, and computed in a sample; columns of fixed combinations, and one-hot
columns, become one column of categories; a column that lies near another becomes its distance from it. Every row is
reduced by itself, by a function of public facts, so that neighbouring tables have neighbouring reductions: one unit
more is one unit more there, and every sensitivity stays the same. A real row that breaks a rule is reduced like any
other, and nothing asks if there are any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from tabgan.columns import Categorical, Column, Duration, Numeric, column_of_dtype
from tabgan.columns.combination import BROKEN
from tabgan.columns.encoder import missing_value
from tabgan.columns.kind import read_text
from tabgan.columns.lattice import has_range
from tabgan.columns.values import is_text
from tabgan.errors import ConfigError
from tabgan.rules import FixedCombinations, Formula, Geo, Inequality, Missing, Near, OneOf, Rule, Same, Unique
from tabgan.rules.judging import check_together, in_order, named
from tabgan.rules.same import shared_columns
from tabgan.schema import Schema
from tabgan.table.differences import Difference, differences_of
from tabgan.table.merged import Merged, merged_of


@dataclass(frozen=True)
class Reduction:
    """A table's own columns, and those that are modelled in their place.

    Attributes:
        schema: The table's schema, with its rules; merged and computed columns are described.
        names: The table's columns, in its order.
        inner: The schema of the reduced table, which has no rules.
        merged: Columns that stand for several.
        differences: Distances that stand for columns that lie near others.
        related: Rules of fixed combinations whose columns are measured each by itself, and then together
            (:class:`~tabgan.table.related.Related`).
    """

    schema: Schema
    names: tuple[str, ...]
    inner: Schema
    merged: tuple[Merged, ...]
    described: Mapping[str, Column] = field(default_factory=dict, repr=False)
    related: tuple[FixedCombinations, ...] = ()
    differences: tuple[Difference, ...] = ()

    @classmethod
    def of(cls, schema: Schema, names: Sequence[str], related: Sequence[FixedCombinations] = ()) -> Reduction:
        """Return the reduction that a schema's rules call for, of a table with these columns and those declared.

        Columns that are not described yet are taken for text, which matters to nothing but :meth:`merge`.
        """
        every = tuple(dict.fromkeys((*names, *schema.names)))
        merged = merged_of([rule for rule in schema.statements if rule not in related], every)
        differences = differences_of(schema.rules, (*every, *(part.name for part in merged)))
        described: dict[str, Column] = {column.name: column for column in schema}
        gone = {name for part in merged for name in part.members} | computed_by(schema.rules)
        made: tuple[Merged | Difference, ...] = (*merged, *differences)
        for part in made:
            for name in part.members:
                described.setdefault(name, Categorical(name=name))
        instead = {name: part.name for part in merged for name in part.members}
        targets = list(dict.fromkeys(instead.get(name, name) for name in schema.targets))
        columns = [column for column in schema if column.name not in gone]
        columns += [part.column(described) for part in made]
        inner = Schema(columns, None, schema.entity, schema.max_rows, schema.n_rows, targets)
        return cls(schema, tuple(names), inner, merged, described, tuple(related), differences)

    @classmethod
    def of_table(
        cls, df: pd.DataFrame, schema: Schema, *, untyped_text: bool, is_private: bool = False
    ) -> Reduction | None:
        """Return the reduction of a table, by its columns' names and dtypes; ``None`` if no rule connects columns."""
        if not schema.statements:
            return None
        resolved = described_columns(df, schema, untyped_text=untyped_text)
        needed = {name for part in merged_of(schema.statements, ()) for name in part.members}
        needed |= {name for part in differences_of(schema.rules, ()) for name in part.members}
        needed |= computed_by(schema.rules)
        own = [column for column in schema if column.name not in needed]
        related = related_of(schema.rules, resolved) if is_private else ()
        resolved_schema = schema.replace([*own, *(resolved[name] for name in sorted(needed))])
        return cls.of(resolved_schema, list(df.columns), related)

    @property
    def made(self) -> tuple[Merged | Difference, ...]:
        """Columns of the reduced table that are none of the table itself."""
        return (*self.merged, *self.differences)

    @cached_property
    def orders(self) -> list[Inequality]:
        """The declared inequalities of columns that lie near the same one, as those of their distances."""
        by_column = {each.of: each for each in self.differences}
        found = []
        for rule in self.schema.rules:
            if isinstance(rule, Inequality) and rule.low in by_column and rule.high in by_column:
                low, high = by_column[str(rule.low)], by_column[str(rule.high)]
                found += [Inequality(low.name, high.name, rule.is_strict)] if low.near == high.near else []
        return found

    @property
    def inner_names(self) -> list[str]:
        """Names of the reduced table's columns: a merged one takes the place of its first, a distance its column's."""
        instead = {name: part.name for part in self.merged for name in part.members}
        instead |= {each.of: each.name for each in self.differences}
        computed = computed_by(self.schema.rules) - set(instead)
        return list(dict.fromkeys(instead.get(name, name) for name in self.names if name not in computed))

    @property
    def shared(self) -> list[str]:
        """Columns of the reduced table that have one value in all rows of a key."""
        own = set(shared_columns(self.schema.rules))
        own |= {part.name for part in self.made if own.issuperset(part.members)}
        return [name for name in self.inner_names if name in own]

    def reduce(self, df: pd.DataFrame) -> pd.DataFrame:
        """Return the reduced table: each row a function of itself."""
        if self.inner_names == list(df.columns):
            return df
        found = {part.name: self.merge(part, df) for part in self.made}
        return pd.DataFrame(
            {name: found.get(name, df.get(name)) for name in self.inner_names}, index=df.index
        )

    def merge(self, part: Merged | Difference, df: pd.DataFrame) -> pd.Series:
        """Return a made column of a table with at least its members: each cell a function of its row.

        A row that breaks a rule on missing cells of combined columns has none of the combinations that may be released.
        """
        read = read_text(df[list(part.members)], [self.described[name] for name in part.members])
        found = part.merge(read, self.described).set_axis(df.index)
        if isinstance(part, Difference):
            return found
        for rule in self.schema.rules:
            if isinstance(rule, Missing) and set(rule.sides.values()) <= set(part.members):
                found = found.mask(~rule.keeps(read, self.described), BROKEN)
        return found

    def completed(self, inner: Schema) -> Reduction:
        """Return the same reduction with the completed schema of the reduced table, and the table's own with it."""
        described = dict(self.described) | {column.name: column for column in inner}
        for part in self.merged:
            described |= part.completed(inner[part.name], described)
        for rule in in_order(self.schema.rules):
            if rule.computes is not None:
                described[rule.computes] = self._computing(rule).completed(described)
        schema = self.schema.replace([described[name] for name in self.names])
        return replace(self, schema=schema, inner=inner, described=described)

    @property
    def makes_cells(self) -> bool:
        """True if cells of a sample follow from those of the reduced table."""
        return bool(self.merged) or any(rule.changes for rule in self.schema.rules)

    def restore(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the table's own columns, without generated ones, of a sample of the reduced table."""
        if not self.makes_cells:
            return table
        columns: dict[str, pd.Series] = {str(name): table[name] for name in table.columns}
        for part in self.merged:
            columns |= part.part(columns.pop(part.name), self.described)
        return self.following(columns).set_axis(table.index)

    def following(self, columns: dict[str, pd.Series]) -> pd.DataFrame:
        """Return a table of the other columns and those that follow from them: computed, or emptied, by rules."""
        columns = dict(columns)
        for rule in in_order(self.schema.rules):
            if rule.computes is not None:
                columns[rule.computes] = self._computed(rule, columns)
            elif isinstance(rule, Missing):
                applies = rule.applies(columns, self.described)
                columns[rule.missing] = _emptied(columns[rule.missing], applies)
        return pd.DataFrame({name: columns[name] for name in self.names if name in columns})

    def led(
        self, shown: Mapping[str, pd.Series], drawn: pd.DataFrame, given: Mapping[str, np.ndarray]
    ) -> dict[str, pd.Series]:
        """Return the distances of drawn rows, and the columns that others lie near, moved to where these are given.

        Args:
            shown: Columns by name, with the given cells.
            drawn: The drawn rows, in which cells fit each other.
            given: ``(rows,)`` true for given cells, by column.
        """
        found: dict[str, pd.Series] = {}
        shown, known, none = dict(shown), dict(given), np.zeros(len(drawn), dtype=bool)
        order = [rule.computes for rule in in_order(self.schema.rules)]
        for each in sorted(self.differences, key=lambda each: -order.index(each.of)):
            found[each.name] = each.merge(drawn, self.described)
            has_distance = found[each.name].notna().to_numpy(dtype=bool)
            is_led = known.get(each.of, none) & ~known.get(each.near, none) & has_distance
            column = self.described[each.near]
            if is_led.any() and has_range(column) and self.is_movable(each.near):
                bounds = column.domain().bounds
                places = each.led(shown | found, self.described)
                places = places if bounds is None else np.clip(places, *bounds)
                cells = column.written(places).astype(shown[each.near].dtype)
                shown[each.near] = found[each.near] = shown[each.near].where(~is_led, cells)
                known[each.near] = known.get(each.near, none) | is_led
        return found

    def is_movable(self, name: str) -> bool:
        """Return true if a column may have any cell of its range beside all others: nothing else makes it."""
        near = next((each.near for each in self.differences if each.of == name), None)
        return name in self.inner.names if near is None else self.is_movable(near)

    def _computing(self, rule: Rule) -> Formula | Difference:
        """Return the source of the values of a column that a rule computes."""
        if isinstance(rule, Formula):
            return rule
        return next(each for each in self.differences if each.of == rule.computes)

    def _computed(self, rule: Rule, columns: Mapping[str, pd.Series]) -> pd.Series:
        column = self.described[str(rule.computes)]
        values = self._computing(rule).values(columns, self.described)
        return column.written(values).rename(column.name) if has_range(column) else pd.Series(values)

    @property
    def to_test(self) -> list[Rule]:
        """The rules that one sampled row may still break: all but merged columns, if none of these is emptied."""
        emptied = {rule.missing for rule in self.schema.rules if isinstance(rule, Missing)}
        return [
            rule
            for rule in self.schema.rules
            if not (rule.needs_rows or isinstance(rule, FixedCombinations | OneOf | Missing | Near | Same))
            or (not rule.needs_rows and emptied & set(rule.sides.values()) and not isinstance(rule, Missing))
        ]


def related_of(rules: Sequence[Rule], described: Mapping[str, Column]) -> tuple[FixedCombinations, ...]:
    """Return the open rules of fixed combinations of a number, or a moment, and one column of another kind.

    Noise hides the combinations of rare numbers, which need no threshold by themselves.
    """
    return tuple(
        rule
        for rule in rules
        if isinstance(rule, FixedCombinations)
        and rule.allowed is None
        and len(rule.columns) == 2
        and sum(has_range(described[name]) for name in rule.columns) == 1
    )


def computed_by(rules: Sequence[Rule]) -> set[str]:
    """Return the columns that rules compute from others."""
    return {rule.computes for rule in rules if rule.computes is not None}


def described_columns(df: pd.DataFrame, schema: Schema, *, untyped_text: bool) -> dict[str, Column]:
    """Return the columns that rules touch as public facts describe them: as declared, or by their dtype.

    Raises:
        SchemaError: the kind of one is left to a vote, and its rule depends on it.
    """
    found: dict[str, Column] = {}
    computed = computed_by(schema.rules)
    for where, rule in named(schema.statements):
        for name in rule.touches(df.columns):
            series = df[name]
            if name in schema:
                is_read = untyped_text and is_text(series)
                found[name] = schema[name].with_table_dtype(str(series.dtype), is_read)
                continue
            column = column_of_dtype(series.dtype, name)
            if column is None and isinstance(rule, Geo):
                column = Numeric(name=name).with_table_dtype(
                    str(series.dtype), untyped_text and is_text(series)
                )
            if column is None and untyped_text and name in computed:
                continue  # text, whose kind follows from the formula
            if column is None and not _takes_any_kind(rule, name):
                raise schema.error(
                    f"{where}: column {name!r} has dtype {series.dtype}, and only a noisy vote would find its "
                    "kind, after the rules are needed. Declare it in the schema."
                )
            found[name] = column or Categorical(name=name, dtype=str(series.dtype))
    kinds = {str(kind.quantity): kind for kind in (Numeric, Duration)}
    for rule in in_order(schema.rules):
        if isinstance(rule, Formula) and rule.column in df and rule.column not in found:
            kind = kinds.get(rule.expression.quantity(found))
            if kind is None:
                raise schema.error(
                    f"rules: column {rule.column!r} is text, and its format follows from no formula. Declare it."
                )
            found[rule.column] = kind(name=rule.column).with_table_dtype(str(df[rule.column].dtype), True)
    return found


def _takes_any_kind(rule: Rule, name: str) -> bool:
    is_emptied = isinstance(rule, Missing) and rule.missing == name
    return isinstance(rule, FixedCombinations | Unique | Same) or is_emptied


def check_rules_of_table(df: pd.DataFrame, schema: Schema, *, untyped_text: bool) -> None:
    """Raise unless a table's columns, as public facts describe them, can keep the schema's rules. Reads no cell.

    Raises:
        SchemaError: naming the rule and the column.
    """
    if not schema.statements:
        return
    names, statements = list(df.columns), named(schema.statements)
    try:
        for where, rule in statements:
            rule.check_names(names, where)
        described = described_columns(df, schema, untyped_text=untyped_text)
        check_together(schema.statements, described, schema.targets)
        for where, rule in statements:
            rule.check(described, where)
            rule.check_domain(described, where)
    except ConfigError as error:
        raise schema.error(f"schema: {error}") from None


def _emptied(series: pd.Series, applies: np.ndarray) -> pd.Series:
    """Return a column that is missing where it has to be."""
    if series.dtype == np.dtype(object):
        values: Any = series.to_numpy(copy=True)
        values[applies] = missing_value("object")
        return pd.Series(values, dtype=object, index=series.index, name=series.name)
    return series.mask(applies)
