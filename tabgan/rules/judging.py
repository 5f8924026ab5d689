"""Rules together: read from data, checked against columns and each other, and held against a table."""

from __future__ import annotations

import graphlib
from collections.abc import Collection, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from tabgan._util.validate import nearest, shown
from tabgan.columns import Column
from tabgan.errors import ConfigError
from tabgan.rules.combinations import FixedCombinations
from tabgan.rules.formula import Formula
from tabgan.rules.geo import Geo
from tabgan.rules.groups import OneOf, Unique
from tabgan.rules.inequality import Inequality, constant
from tabgan.rules.missing import Missing
from tabgan.rules.near import Near
from tabgan.rules.rule import Rule
from tabgan.rules.same import Same, check_shared

#: Every kind of rule, with the keys that only it has.
KINDS_OF_RULES: tuple[tuple[type[Rule], frozenset[str]], ...] = (
    (FixedCombinations, frozenset(("columns", "allowed"))),
    (Near, frozenset(("near",))),
    (Formula, frozenset(("column", "equals"))),
    (OneOf, frozenset(("one_of",))),
    (Unique, frozenset(("unique",))),
    (Missing, frozenset(("missing", "when"))),
    (Same, frozenset(("same", "within"))),
    (Inequality, frozenset(("low", "high", "is_strict"))),
)


def json_schema_of_rules() -> dict[str, object]:
    """Return the JSON Schema of a list of rules, as editors use it: the keys of each kind, and their types."""
    name, names = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
    side = {"anyOf": [{"type": "string"}, {"type": "number"}]}
    types: dict[str, Any] = {
        **dict.fromkeys(("column", "equals", "near", "missing", "within"), name),
        **dict.fromkeys(("columns", "one_of", "unique", "same"), names),
        **dict.fromkeys(("low", "high"), side),
        "is_strict": {"type": "boolean"},
        "allowed": {"type": "array", "items": {"type": "array"}},
        "when": {"type": "object"},
    }
    kinds = [
        {
            "type": "object",
            "required": list(kind.keys[: kind.required]),
            "additionalProperties": False,
            "properties": {key: types[key] for key in kind.keys},
        }
        for kind, _ in KINDS_OF_RULES
    ]
    return {"type": "array", "items": {"anyOf": kinds}}


def rule_from_dict(data: object, where: str = "rule") -> Rule:
    """Return the rule that a mapping, as in YAML, describes.

    Args:
        data: ``{low: start, high: end}`` and optionally ``is_strict``; ``{columns: [...]}`` and optionally ``allowed``;
            ``{column: discharge, near: admit}``; ``{column: total, equals: "a + b"}``; ``{one_of: [...]}``;
            ``{unique: [...]}``; ``{missing: age, when: {known: false}}``; or ``{same: [sex], within: patient}``.
        where: Name of the place in errors, such as ``rules[0]``.

    Raises:
        ConfigError: the mapping has other keys, lacks one, or a value is not usable.

    >>> rule_from_dict({"low": 0, "high": "age"})
    Inequality(low=0, high='age', is_strict=False)
    """
    if not isinstance(data, Mapping):
        raise ConfigError(
            f"{where}: expected a mapping such as {{low: start, high: end}}, got {shown(data)}."
        )
    made = next((kind for kind, own in KINDS_OF_RULES if own & set(data)), Inequality)
    unknown = [key for key in data if key not in made.keys]
    if unknown:
        every = [key for kind, _ in KINDS_OF_RULES for key in kind.keys]
        raise ConfigError(
            f"{where}: expected the keys {', '.join(made.keys)}, got {str(unknown[0])!r}.{nearest(unknown[0], every)}"
        )
    lacking = [key for key in made.keys[: made.required] if key not in data]
    if lacking:
        rule = "a column or a constant" if made is Inequality else f"the key {lacking[0]}"
        raise ConfigError(f"{where}.{lacking[0]}: expected {rule}, got nothing.")
    try:
        return made(**data)
    except ConfigError as error:
        raise ConfigError(f"{where}.{error}") from None


def rules_of(value: object) -> tuple[Rule, ...]:
    """Return the rules of a list of rules, or of mappings.

    Raises:
        ConfigError: with one line for each that cannot be used.
    """
    if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
        raise ConfigError(f"rules: expected a list such as [{{low: start, high: end}}], got {shown(value)}.")
    problems, rules = [], []
    for position, rule in enumerate(value):
        try:
            is_made = isinstance(rule, Rule)
            rules.append(rule if is_made else rule_from_dict(rule, where=f"rules[{position}]"))
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))
    return tuple(rules)


def check_rules(rules: object, columns: Sequence[Column]) -> None:
    """Check that rules are valid, and that their columns exist and can be compared.

    Args:
        rules: The caller's rules.
        columns: The columns of the table, as the schema describes them.

    Raises:
        ConfigError: naming the rule by its place, and its side.
    """
    if isinstance(rules, str | Mapping) or not isinstance(rules, Sequence):
        raise ConfigError(
            f"rules: expected a list of rules, got {shown(rules)}. Use rules=[Inequality(...)]."
        )
    described = {column.name: column for column in columns}
    for i, rule in enumerate(rules):
        if not isinstance(rule, Rule):
            known = ", ".join(kind.__name__ for kind, _ in KINDS_OF_RULES)
            raise ConfigError(f"rules[{i}]: expected one of {known}, got {shown(rule)}.")
        rule.check(described, f"rules[{i}]")


def check_rule_columns(rules: Sequence[Rule], names: Collection[str]) -> None:
    """Check that the columns named by rules exist: all that can be checked before a fit finds their kinds.

    Raises:
        ConfigError: naming the rule by its place, and its side.
    """
    for i, rule in enumerate(rules):
        rule.check_names(names, f"rules[{i}]")


def keeps_rules(
    rules: Sequence[Rule], columns: Sequence[Column], table: pd.DataFrame, known: Sequence[pd.DataFrame] = ()
) -> np.ndarray:
    """Return ``(rows,)`` booleans, true for rows of the table that keep every rule.

    Args:
        rules: As :func:`check_rules` accepts them.
        columns: The columns of the table, as the schema describes them.
        table: The table to judge.
        known: Tables whose combinations are allowed if a rule names none; may be empty if none leaves them open.

    Raises:
        ConfigError: a rule leaves the combinations open and ``known`` is empty.
    """
    described = {column.name: column for column in columns}
    is_kept = np.ones(len(table), dtype=bool)
    for rule in rules:
        is_kept &= rule.keeps(table, described, known)
    return is_kept


def named(statements: Sequence[Rule]) -> list[tuple[str, Rule]]:
    """Return rules and places with the names that errors have for them, such as ``rules[0]`` and ``geo[0]``."""
    n_rules = sum(not isinstance(each, Geo) for each in statements)
    return [
        (f"geo[{i - n_rules}]" if isinstance(each, Geo) else f"rules[{i}]", each)
        for i, each in enumerate(statements)
    ]


def key_of_computed(rule: Rule) -> str:
    """Return the key of a rule that names the column it computes."""
    return next(key for key, side in rule.sides.items() if side == rule.computes)


def in_order(rules: Sequence[Rule]) -> list[Rule]:
    """Return the rules that compute or empty a column, each after those that change a column that it needs.

    Raises:
        ConfigError: two compute one column, or some go round in a circle.
    """
    changing = [(i, rule) for i, rule in enumerate(rules) if rule.changes is not None]
    computed: dict[str, int] = {}
    for i, rule in changing:
        if rule.computes is not None:
            if rule.computes in computed:
                raise ConfigError(
                    f"rules[{i}].{key_of_computed(rule)}: {rule.computes!r} is computed by "
                    f"rules[{computed[rule.computes]}] already. Drop one of them."
                )
            computed[rule.computes] = i
    graph: dict[int, set[int]] = {}
    for i, rule in changing:
        needed = set(rule.sides.values()) - {rule.changes}
        is_emptied = isinstance(rule, Missing)
        graph[i] = {
            j
            for j, other in changing
            if j != i and (other.changes in needed or (is_emptied and computed.get(str(rule.changes)) == j))
        }
    try:
        return [rules[i] for i in graphlib.TopologicalSorter(graph).static_order()]
    except graphlib.CycleError as error:
        circle = ", ".join(repr(rules[i].changes) for i in error.args[1][:-1])
        raise ConfigError(
            f"rules: the columns {circle} depend on each other in a circle. Drop one of their rules."
        ) from None


def check_together(
    rules: Sequence[Rule],
    described: Mapping[str, Column],
    targets: Collection[str] = (),
    *,
    are_released: bool = False,
) -> None:
    """Raise unless the rules of a schema go together, and no column is made in two ways.

    Args:
        rules: The rules.
        described: Columns by name, as far as they are known.
        targets: The declared targets, which no rule may compute.
        are_released: True if bounds may be those that a fit found, which are not held against rules.

    Raises:
        ConfigError: naming the rules by their places, and the column.
    """
    ordered = in_order(rules)
    made: dict[str, str] = {}
    for where, rule in named(rules):
        if isinstance(rule, Geo) and set(rule.geo) & set(targets):
            raise ConfigError(
                f"{where}: a column of it is a target, which a model predicts by itself. Drop the pair, or the target."
            )
        if rule.computes in targets:
            raise ConfigError(
                f"{where}.{key_of_computed(rule)}: {rule.computes!r} is a target, which a model predicts, and cannot "
                "be computed. Drop the rule, or the target."
            )
        group = isinstance(rule, FixedCombinations | OneOf | Geo)
        for name in rule.sides.values() if group else [rule.computes] if rule.computes is not None else ():
            if name in made:
                raise ConfigError(
                    f"{where}: column {name!r} is made by {made[str(name)]} already. Join the two rules, or drop one "
                    "of them."
                )
            made[str(name)] = where
        for name in rule.touches(described):
            if not described[name].is_modelled and not isinstance(rule, Unique | Same):
                raise ConfigError(
                    f"{where}: column {name!r} is generated, so no rule can hold for it. Drop the rule."
                )
    _check_emptied(rules)
    check_shared(
        sorted(named(rules), key=lambda each: ordered.index(each[1]) if each[1] in ordered else -1), described
    )
    orders = [(i, rule) for i, rule in enumerate(rules) if isinstance(rule, Inequality)]
    if not are_released:
        _check_ends(orders, described)
    _check_circles([rule for _, rule in orders])


def _check_emptied(rules: Sequence[Rule]) -> None:
    """Raise if other columns empty a column of open combinations: the remaining combinations may not occur.

    Raises:
        ConfigError: naming the rule by its place, and the column.
    """
    emptied = [(where, rule) for where, rule in named(rules) if isinstance(rule, Missing)]
    for where, rule in named(rules):
        columns = (
            set(rule.sides.values()) if isinstance(rule, FixedCombinations) and rule.needs_rows else set()
        )
        for place, other in emptied:
            outside = [name for name in other.when if name not in columns]
            if other.missing in columns and outside:
                raise ConfigError(
                    f"{place}.missing: column {other.missing!r} is part of the combinations of {where}, and "
                    f"{outside[0]!r} is not. Add it to their columns, state allowed combinations, or drop a rule."
                )


def _check_ends(orders: Sequence[tuple[int, Inequality]], described: Mapping[str, Column]) -> None:
    """Raise if declared bounds make it impossible to keep all inequalities.

    Raises:
        ConfigError: no row can keep all inequalities.
    """
    lowest: dict[object, float] = {}
    for _, rule in orders:
        for side in (rule.low, rule.high):
            if side in described:
                bounds = described[str(side)].domain().bounds
                lowest[side] = -np.inf if bounds is None else bounds[0]
            else:
                lowest[side] = value if np.isfinite(value := constant(side)[0]) else -np.inf
    for _, (i, rule) in product(range(len(orders) + 1), orders):
        lowest[rule.high] = max(lowest[rule.high], lowest[rule.low])
        highest = np.inf
        if rule.high in described:
            bounds = described[str(rule.high)].domain().bounds
            highest = np.inf if bounds is None else bounds[1]
        elif np.isfinite(value := constant(rule.high)[0]):
            highest = value
        if lowest[rule.high] > highest or (rule.is_strict and lowest[rule.low] >= highest):
            raise ConfigError(
                f"rules[{i}]: {rule.low!r} is at least {lowest[rule.low]:g} and {rule.high!r} at most {highest:g}, so "
                "no row can keep it. Correct the rule, or the bounds."
            )


def _check_circles(orders: Sequence[Inequality]) -> None:
    """Raise if inequalities go round in a circle.

    Raises:
        ConfigError: two columns would be equal, or no row can keep all inequalities.
    """
    strict = {(str(rule.low), str(rule.high)) for rule in orders if rule.is_strict}
    below = {(str(rule.low), str(rule.high)) for rule in orders}
    names = sorted({name for pair in below for name in pair})
    for middle, low, high in product(names, names, names):
        if (low, middle) in below and (middle, high) in below:
            below.add((low, high))
    for low, high in below:
        if (high, low) in below and low < high and not strict & {(low, high), (high, low)}:
            raise ConfigError(
                f"rules: {low!r} is to be at most {high!r}, and {high!r} at most {low!r}, so the two are equal. "
                "Declare one as computed from the other."
            )
    for low, high in strict:
        if (high, low) in below:
            raise ConfigError(
                f"rules: {low!r} is to be below {high!r}, and {high!r} at most {low!r}: no row keeps both."
            )
