"""Draft of a schema with a reason for each line, and the losses that it announces.

**Guarantee.** None: it looks at rows without noise, as :mod:`tabgan.table.draft` does. Each line says if it follows
from the column's name or dtype, which are public, or from the rows. Losses are told in words, without a number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from tabgan._util.yaml import dump, key_of
from tabgan.columns import Column, column_of_dtype
from tabgan.columns.keys import numbers_of
from tabgan.columns.kind import read_text
from tabgan.columns.named import by_name, by_name_alone, places_by_name
from tabgan.columns.recurring import recurring
from tabgan.columns.values import is_text
from tabgan.errors import SchemaError
from tabgan.rules import FixedCombinations, Formula, Inequality, Near, Same
from tabgan.rules.rule import Rule
from tabgan.schema import Identifier, Schema
from tabgan.table.decided import MOST_BROKEN, equalities, is_strong
from tabgan.table.draft import draft_schema, draft_yaml, with_values_of
from tabgan.table.headings import as_named
from tabgan.table.losses import unrelated_keys
from tabgan.table.relations import Relation

#: Ends the reason of a line that the rows decide.
FROM_ROWS = "READ OFF THE ROWS"

#: Keys whose rows would differ in a column by chance, from which on it is of interest that none does.
FEWEST_KEYS = 10


class Reason(NamedTuple):
    """The reason of one line of a draft.

    Attributes:
        why: The reason in words.
        loss: The values that a fit would likely lose, and the key that would save them; ``""`` if there are none.
    """

    why: str
    loss: str


@dataclass(frozen=True)
class ProposedRule:
    """A rule that a draft proposes, and the noisy evidence for it.

    Attributes:
        rule: The rule.
        why: The evidence in words.
        is_on: True if the draft declares the rule, else it is a comment.
    """

    rule: Rule
    why: str
    is_on: bool

    def lines(self) -> list[str]:
        """Return the lines of the draft's YAML."""
        lines = dump([self.rule.to_dict()]).splitlines()
        return [f"# {self.why}", *(lines if self.is_on else [f"# {line}" for line in lines])]


@dataclass(frozen=True)
class Proposals:
    """A drafted schema, and the reason for each of its columns.

    Attributes:
        schema: The draft.
        reasons: By the column's name.
        has_domain: True if bounds, decimals and categories were copied off the rows.
        rules: Rules that a private draft proposes; those that it declares are the schema's own, too.
        notice: Comments at the head of its YAML; ``None`` for those of a draft that was read off the rows.
    """

    schema: Schema
    reasons: Mapping[str, Reason]
    has_domain: bool = False
    rules: tuple[ProposedRule, ...] = ()
    notice: str | None = None

    def to_yaml(self) -> str:
        """Return the draft as YAML, with a comment above each column. Keys at their default are left out."""
        comments = {
            name: [reason.why, *([f"LOSS: {reason.loss}"] if reason.loss else [])]
            for name, reason in self.reasons.items()
        }
        return draft_yaml(
            self.schema,
            with_domain=self.has_domain,
            notice=self.notice,
            comments=comments,
            rules=[line for rule in self.rules for line in rule.lines()],
        )


def propose(
    df: pd.DataFrame,
    *,
    with_domain: bool = False,
    target: str | None = None,
    untyped_text: bool = False,
    targets: Sequence[str] = (),
) -> Proposals:
    """Return a draft of a table's schema: by its columns' names and dtypes, and else by the rows.

    Args:
        df: The table.
        with_domain: Also copy bounds, decimals and categories off the rows; the draft is then marked, and no fit takes
            it before somebody has confirmed it.
        target: Noted as the schema's target.
        untyped_text: True if the table was read from a CSV as text.
        targets: Noted as the schema's targets, if there are several.

    Raises:
        DataError, SchemaError: no fit takes the table, or it has no such target.
    """
    df = as_named(df, None)
    by_cells = draft_schema(df, target=target, untyped_text=untyped_text, targets=targets)
    with_values = draft_schema(df, with_domain=True, untyped_text=untyped_text) if with_domain else by_cells
    columns, reasons = [], {}
    for drafted, whole in zip(by_cells, with_values, strict=True):
        series = df[drafted.name]
        named = by_name(series, drafted.name, drafted)
        if named is not None:
            column = with_values_of(named.column, series) if with_domain else named.column
            why = named.why + (f"; {FROM_ROWS}" if named.is_from_rows else "")
        else:
            column, why = whole, _why(series, drafted, untyped_text)
        columns.append(column)
        reasons[column.name] = Reason(why, _loss(df, column, untyped_text))
    mark = "from rows" if with_domain else None
    schema = with_places(Schema(columns, target, targets=targets, drafted=mark))
    rules = [
        (rule, f"{why}; {FROM_ROWS}: remove the # if it is publicly known")
        for rule, why in _rules_of(df, schema)
    ]
    return Proposals(schema, reasons, with_domain, tuple(ProposedRule(*each, is_on=False) for each in rules))


def _rules_of(df: pd.DataFrame, schema: Schema) -> Iterator[tuple[Rule, str]]:
    """Return an iterator over rules that the rows of a table suggest, and why. Not private."""
    shared = _rule_of_keys(df, schema)
    if shared is not None:
        yield shared, "one value in all rows of a key"
    for rule, is_ordered in _near_by_rows(df, schema):
        yield rule, "nearly all rows have both close together"
        if is_ordered:
            yield Inequality(rule.near, rule.column), "no row breaks it"
    for combinations_ in _together_by_rows(df, schema):
        yield combinations_, "each value of the first goes with one value of each other"


def _together_by_rows(df: pd.DataFrame, schema: Schema) -> Iterator[FixedCombinations]:
    """Return an iterator over columns of categories, each with those that it determines in all rows. Not private.

    A code comes with its label, a town with its county. Columns that repeat too seldom tell nothing.
    """
    cells = {
        column.name: numbers_of(df[column.name]) + 1
        for column in schema
        if column.has_categories and column.is_modelled and not column.is_made_up
    }
    sizes = {name: len(np.unique(codes)) for name, codes in cells.items()}
    free = [name for name in sorted(sizes, key=lambda name: -sizes[name]) if sizes[name] > 1]
    while free:
        known = free.pop(0)
        if sizes[known] < MANY_VALUES or len(df) < REPEATED * sizes[known]:
            continue
        told = [name for name in free if _determines(cells[known], cells[name])]
        rule = FixedCombinations((known, *told)) if told else None
        if rule is not None and _go_together(schema, [rule]):
            free = [name for name in free if name not in told]
            yield rule


def _determines(known: np.ndarray, told: np.ndarray) -> bool:
    """Return true if each code of the first goes with one code of the other."""
    first = np.zeros(int(known.max()) + 1, dtype=told.dtype)
    first[known] = told
    return bool((first[known] == told).all())


def _near_by_rows(df: pd.DataFrame, schema: Schema) -> Iterator[tuple[Near, bool]]:
    """Return an iterator over moments that lie close together, the later one near the other, and true if always later.

    Each is near one other at most. Not private.
    """
    moments = {c.name: c.read(df[c.name]) for c in schema if c.quantity == "a moment" and c.is_modelled}
    found: set[str] = set()
    for one, other in combinations(moments, 2):
        distance = moments[other] - moments[one]
        has_both = np.isfinite(distance)
        if has_both.sum() < FEWEST_ROWS:
            continue
        later, near = (other, one) if np.median(distance[has_both]) >= 0 else (one, other)
        spread = np.ptp(np.quantile(moments[near][has_both], [0.05, 0.95]))
        is_close = np.quantile(np.abs(distance[has_both]), 0.9) * CLOSE_PARTS <= spread
        rule = Near(later, near)
        if is_close and later not in found and _go_together(schema, [rule]):
            found.add(later)
            yield rule, bool((moments[later] - moments[near])[has_both].min() >= 0)


def _rule_of_keys(df: pd.DataFrame, schema: Schema) -> Same | None:
    """Return the rule on columns that are the same in all rows of a key, of the first key that has some."""
    for key in schema:
        names = tuple(shared_by_rows(df, key.name, schema)) if recurring(key) is not None else ()
        modelled = tuple(name for name in names if schema[name].is_modelled)
        for shared in (names, modelled):  # of made-up columns, some go with others that differ
            if shared and _go_together(schema, [Same(shared, key.name)]):
                return Same(shared, key.name)
    return None


def shared_by_rows(df: pd.DataFrame, key: str, schema: Schema) -> Iterator[str]:
    """Return an iterator over columns that have one value in all rows of a key, and by chance would not. Not private.

    Args:
        df: The table.
        key: The column of keys.
        schema: Of its columns.
    """
    has_key = df[key].notna().to_numpy(dtype=bool)
    keys = numbers_of(df[key][has_key])
    _, first, n_rows = np.unique(keys, return_index=True, return_counts=True)
    for column in schema:
        if column.name == key or column.has_unique_values or recurring(column) is not None:
            continue
        cells = numbers_of(df[column.name][has_key]) + 1
        shares = np.bincount(cells) / max(len(cells), 1)
        sizes, n_keys = np.unique(n_rows, return_counts=True)
        by_chance = sum(
            n * (1.0 - (shares**size).sum()) for size, n in zip(sizes.tolist(), n_keys, strict=True)
        )
        if by_chance >= FEWEST_KEYS and (cells == cells[first][keys]).all():
            yield column.name


def with_places(schema: Schema) -> Schema:
    """Return a draft with the pairs of columns that are places by their names, and that can be declared as such."""
    for pair in places_by_name(schema.columns):
        try:
            schema = schema.with_geo([*schema.geo, pair])
        except SchemaError:  # a target, or too many decimals for its bounds
            continue
    return schema


def named_columns(
    df: object,
    *,
    entity: str | None = None,
    max_rows: int | None = None,
    targets: Sequence[str] = (),
    untyped_text: bool = False,
) -> Schema:
    """Return the columns that names and dtypes suggest, for a private draft. Reads no cell.

    Args:
        df: The table; of anything that is not a table for a fit, nothing is said.
        entity: The column that names the person of each row; it is released how many rows a person has.
        max_rows: The most rows of a person.
        targets: Noted as the schema's targets.
        untyped_text: True if the table was read from a CSV as text.

    Raises:
        SchemaError: the arguments contradict each other.
    """
    columns: list[Column] = []
    is_table = isinstance(df, pd.DataFrame) and df.columns.is_unique
    for name, dtype in df.dtypes.items() if is_table and isinstance(df, pd.DataFrame) else ():
        named = by_name_alone(name, dtype, is_all_text=untyped_text) if isinstance(name, str) else None
        if name == entity and max_rows is not None:
            columns.append(Identifier(name=entity, recurrence=True))
        elif named is not None:
            columns.append(named.column)
    return Schema(columns, None, entity, max_rows, None, targets)


#: Rows that tell, without privacy, if moments lie close together: nine in ten within that part of their range.
FEWEST_ROWS, CLOSE_PARTS = 50, 20

#: Columns of at least so many categories may determine others, if a value has that many rows in the mean.
MANY_VALUES, REPEATED = 8, 5

#: The evidence for moments that lie close together.
CLOSE = "nearly all rows have both within the same or neighbouring intervals of the model"

#: Share of the rows by which a dependence has to be judged: combinations of the others are lost where it is declared.
MOSTLY_JUDGED = 0.97


def proposed_rules(
    relations: Sequence[Relation],
    broken: Sequence[float],
    noise_stddev: float,
    n_rows: float,
    schema: Schema,
    close: Sequence[Near] = (),
) -> tuple[ProposedRule, ...]:
    """Return rules with the noisy evidence for them: on where it is strong and they do not contradict each other.

    Args:
        relations: Rules that may hold.
        broken: Noisy number of rows that break each.
        noise_stddev: Of these numbers.
        n_rows: Noisy number of rows.
        schema: The draft, without rules.
        close: Rules of moments that lie close together.
    """
    doubt = 2 * noise_stddev / n_rows
    found: list[tuple[Rule, str, bool]] = []
    for relation, count in zip(relations, broken, strict=True):
        share = max(count / n_rows, 0.0)
        if share - doubt > MOST_BROKEN or not all(name in schema for name in relation.names):
            continue
        why = f"about {100 * share:.1f}% of the rows break it, or {100 * doubt / 2:.1f}% more or less"
        if relation.judged < MOSTLY_JUDGED:
            why += (
                f", of {100 * relation.judged:.0f}% of them: the other values are rare, and not distinguished"
            )
        is_sure = is_strong(relation, count, noise_stddev, n_rows)
        found.append((relation.rule, why, is_sure and relation.judged >= MOSTLY_JUDGED))
    for formula, pair in equalities([rule for rule, _, is_sure in found if is_sure]).items():
        why = "; ".join(f"{rule.low} <= {rule.high}: {why}" for rule, why, _ in found if rule in pair)
        found = [(formula, why, True), *(each for each in found if each[0] not in pair)]
    found += [(rule, CLOSE, True) for rule in close if set(rule.sides.values()) <= set(schema.names)]
    kept: list[Rule] = []
    proposals = []
    for rule, why, is_sure in _joined(found):
        is_on = is_sure and _go_together(schema, [*kept, rule])
        kept += [rule] if is_on else []
        said = why if is_on else f"{why}: not declared, since {'others are' if is_sure else 'it is in doubt'}"
        proposals.append(ProposedRule(rule, said, is_on))
    return tuple(sorted(proposals, key=lambda each: not each.is_on))


def _joined(found: Sequence[tuple[Rule, str, bool]]) -> list[tuple[Rule, str, bool]]:
    """Return rules in the order in which they are declared: combinations that one column determines are one rule."""
    strong: dict[str, list[tuple[str, str]]] = {}
    others: list[tuple[Rule, str, bool]] = []
    orders: list[tuple[Rule, str, bool]] = []
    for rule, why, is_sure in found:
        if not isinstance(rule, FixedCombinations):
            (orders if isinstance(rule, Inequality) else others).append((rule, why, is_sure))
        elif is_sure:
            strong.setdefault(rule.columns[0], []).append((rule.columns[1], why))
        else:
            orders.insert(0, (rule, why, False))
    made = {rule.column for rule, _, is_sure in others if is_sure and isinstance(rule, Formula)}
    for known, told in sorted(strong.items(), key=lambda each: -len(each[1])):
        new = [(name, why) for name, why in told if name not in made]
        if known not in made and new:
            columns = (known, *(name for name, _ in new))
            others.append(
                (FixedCombinations(columns), "; ".join(f"{name}: {why}" for name, why in new), True)
            )
            made |= set(columns)
    merged = {name for rule, _, _ in others if isinstance(rule, FixedCombinations) for name in rule.columns}
    implied = [set(rule.sides.values()) for rule, _, _ in others if isinstance(rule, Formula)]
    free = [
        (rule, why, is_sure and not merged & set(rule.sides.values()))
        for rule, why, is_sure in orders
        if not any(set(rule.sides.values()) <= names for names in implied)
    ]
    return [*others, *free]


def with_losses_of(rules: Sequence[ProposedRule], reasons: Mapping[str, Reason]) -> dict[str, Reason]:
    """Return the reasons of columns, with the loss that a declared rule of combinations brings."""
    found = dict(reasons)
    for rule in (each.rule for each in rules if each.is_on and each.rule.needs_rows):
        names = list(rule.sides.values())
        together = ", ".join(names)
        loss = f"a row in which {together} are too rare together gets other values. Remedy: the rule's key allowed"
        found |= {name: reasons[name]._replace(loss=reasons[name].loss or loss) for name in names}
    return found


def _go_together(schema: Schema, rules: Sequence[Rule]) -> bool:
    """Return true if a schema may declare some rules together."""
    try:
        Schema(schema.columns, None, schema.entity, schema.max_rows, None, schema.targets, None, rules)
    except SchemaError:
        return False
    return True


def losses_in(df: pd.DataFrame, schema: Schema, *, untyped_text: bool = False) -> Iterator[str]:
    """Return an iterator over lines: a loss that a fit by a schema is likely to have, and the key that would save it.

    Not private. Columns that the schema lacks are taken as a draft has them.

    Args:
        df: The table, which has passed :func:`tabgan.table.checks.check_table`.
        schema: The schema.
        untyped_text: True if the table was read from a CSV as text.
    """
    undeclared = [name for name in df.columns if name not in schema]
    drafted = draft_schema(df[undeclared], untyped_text=untyped_text) if undeclared else Schema()
    for name in df.columns:
        loss = _loss(df, schema[name] if name in schema else drafted[name], untyped_text)
        if loss:
            yield f"{key_of(name)}: {loss}"
    whole = schema.replace([schema[name] if name in schema else drafted[name] for name in df.columns])
    for unrelated in unrelated_keys(whole):
        names = ", ".join(map(key_of, shared_by_rows(df, unrelated.column, whole)))
        if names:
            key = key_of(unrelated.column)
            yield f"{key}: {unrelated.text}. Remedy: a rule, {{same: [{names}], within: {key}}}"


def _why(series: pd.Series, drafted: Column, untyped_text: bool) -> str:
    """Return the reason of a column that its name says nothing about."""
    claimed = column_of_dtype(series.dtype, drafted.name)
    if claimed is not None and claimed.kind == drafted.kind and not (untyped_text and is_text(series)):
        return f"{drafted.kind}: by its dtype"
    return f"{drafted.kind}: by its cells; {FROM_ROWS}"


def _loss(df: pd.DataFrame, column: Column, untyped_text: bool) -> str:
    """Return the likely loss of a column in words; ``""`` if it likely has none."""
    series = df[column.name]
    if untyped_text and is_text(series):
        series = read_text(df[[column.name]], [column.with_table_dtype(str(series.dtype), True)])[column.name]
    found = column.loss_in(series)
    return "" if found is None else f"{found[0]}. Remedy: {found[1]}"
