"""Relations of columns that a fit or a draft keeps, by noisy numbers of the rows that break them."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from tabgan._util.yaml import dump
from tabgan.errors import ConfigError
from tabgan.rules import Formula, Inequality, Rule
from tabgan.rules.judging import in_order
from tabgan.table.relations import Relation, formula_of

logger = logging.getLogger(__name__)

#: Share of the rows that may break a rule which a draft declares, and that share of what would break it by chance.
MOST_BROKEN, OF_CHANCE = 0.02, 0.25

#: The same in a fit, whose samples would break it in more rows if it were left to the noise of a small table.
_MOST_BROKEN_OF_FIT, _OF_CHANCE_OF_FIT = 0.1, 0.5

#: Share of the rows in which a column may differ from what others determine: almost a function will do.
_ALMOST = 0.005

#: Standard deviations of its noise, up to which a count of rows that break a rule may be that of none.
_IN_DOUBT = 2.0

#: An order that chance breaks in at most this share of the rows is kept on less evidence: at worst it moves these.
_HARMLESS = 0.02


def kept_relations(
    relations: Sequence[Relation], broken: Sequence[float], noise_stddev: float, n_rows: float
) -> list[Relation]:
    """Return the relations that few rows can break, by noisy numbers of these rows, without contradictions.

    A computed column is made by one formula, and is part of no other relation, which its own values would break. Two
    opposite orders are an equality, and of orders in a larger circle the last one is left out.
    """
    strong = [
        relation
        for relation, count in zip(relations, broken, strict=True)
        if _is_kept(relation, count, noise_stddev, n_rows)
    ]
    equal = equalities([relation.rule for relation in strong])
    apart = [relation for relation in strong if not any(relation.rule in pair for pair in equal.values())]
    strong = [*(Relation(rule, 1.0) for rule in equal), *_without_circles(apart)]
    formulas: list[Relation] = []
    for relation in strong:
        if isinstance(relation.rule, Formula) and _are_in_order([*formulas, relation]):
            formulas.append(relation)
    computed = {str(relation.rule.changes) for relation in formulas}
    others = [
        relation
        for relation in strong
        if not isinstance(relation.rule, Formula) and not computed & set(relation.names)
    ]
    return [*formulas, *others]


def equalities(rules: Sequence[Rule]) -> dict[Formula, tuple[Inequality, Inequality]]:
    """Return, of opposite orders of two columns, the formulas that say the same, and the two that each stands for."""
    orders = [rule for rule in rules if isinstance(rule, Inequality)]
    known = {(rule.low, rule.high): rule for rule in orders}
    found: dict[Formula, tuple[Inequality, Inequality]] = {}
    for rule in orders:
        opposite = known.get((rule.high, rule.low))
        formula = None if opposite is None else formula_of(str(rule.high), "{}", [str(rule.low)])
        if opposite is not None and formula is not None and not any(rule in pair for pair in found.values()):
            found[formula] = (rule, opposite)
    return found


def _without_circles(relations: Sequence[Relation]) -> list[Relation]:
    """Return relations without the orders that close a circle with those before them."""
    kept: list[Relation] = []
    above: dict[object, set[object]] = {}

    def reaches(name: object, other: object) -> bool:
        return name == other or any(reaches(each, other) for each in above.get(name, ()))

    for relation in relations:
        rule = relation.rule
        if isinstance(rule, Inequality):
            if reaches(rule.high, rule.low):
                continue
            above.setdefault(rule.low, set()).add(rule.high)
        kept.append(relation)
    return kept


def _is_kept(relation: Relation, count: float, noise_stddev: float, n_rows: float) -> bool:
    """Return true if samples of a fit are to keep a relation, by the noisy number of rows that break it.

    None may, and likely a small part of those that would by chance. Less has to be sure than in a draft: what noise of
    small tables does to rows that nothing ties is worse. Least of an order that few rows can break in any case.
    """
    share, doubt = max(count / n_rows, 0.0), noise_stddev / n_rows
    is_order = isinstance(relation.rule, Inequality)
    none = max(3 * doubt, 0.0 if is_order else _ALMOST)
    sure = 0.0 if is_order and relation.by_chance <= _HARMLESS else doubt
    return share <= none and share + sure <= min(_MOST_BROKEN_OF_FIT, _OF_CHANCE_OF_FIT * relation.by_chance)


def undecided_relations(
    relations: Sequence[Relation], broken: Sequence[float], noise_stddev: float, n_rows: float
) -> list[Relation]:
    """Return the relations that are not kept although noise alone may explain the rows that seem to break them.

    These are likelier none than as many as chance would have.
    """
    return [
        relation
        for relation, count in zip(relations, broken, strict=True)
        if 0 < noise_stddev < np.inf
        and count <= min(_IN_DOUBT * noise_stddev, relation.by_chance * n_rows / 2)
        and not _is_kept(relation, count, noise_stddev, n_rows)
    ]


def say_undecided(relations: Sequence[Relation]) -> None:
    """Log relations that noise leaves undecided, as the rules that would make samples keep them."""
    if relations:
        logger.warning(
            "Noise hides if every row keeps these rules, and samples may break them. Declare those that hold by the "
            "nature of the table, under rules: in its schema:\n%s",
            dump([relation.rule.to_dict() for relation in relations]).rstrip(),
        )


def _are_in_order(formulas: Sequence[Relation]) -> bool:
    """Return true if formulas compute different columns, and none depends on itself."""
    try:
        in_order([relation.rule for relation in formulas])
    except ConfigError:
        return False
    return True


def is_strong(relation: Relation, count: float, noise_stddev: float, n_rows: float) -> bool:
    """Return true if few rows can break a relation, by the noisy number of those that do.

    None may, and surely a small part of those that would by chance; of almost a function, a few may.
    """
    share, doubt = max(count / n_rows, 0.0), 2 * noise_stddev / n_rows
    none = max(1.5 * doubt, 0.0 if isinstance(relation.rule, Inequality) else _ALMOST)
    return share <= none and share + doubt <= min(MOST_BROKEN, OF_CHANCE * relation.by_chance)
