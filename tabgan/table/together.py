"""Columns of many values that go together, such as a code and its label, by noisy numbers alone."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from itertools import combinations

import numpy as np

from tabgan._util.yaml import dump
from tabgan.columns.lattice import is_on_lattice
from tabgan.columns.naming import says_code
from tabgan.rules import FixedCombinations, Same
from tabgan.table.coded import CodedColumn
from tabgan.table.codes import TableEncoder
from tabgan.table.relations import may_be_related

logger = logging.getLogger(__name__)

#: The fewest values of a column whose table with another may be too large to be measured.
_MANY = 8

#: Part of the way from the dependence by chance to that of a function, from which on one column likely determines the
#: other, and the standard deviations of the score's noise that do not count.
_LIKELY, _IN_DOUBT = 0.7, 2.0

#: The most rules that are said.
_MOST = 4


class Scores:
    """Noisy dependence of pairs of columns: a callback for their measurement, which keeps them.

    Args:
        encoder: Of the table.
        n_rows: Noisy number of rows.
    """

    def __init__(self, encoder: TableEncoder, n_rows: float) -> None:
        self._encoder, self._n_rows = encoder, n_rows
        self.of_pairs: dict[tuple[int, int], float] = {}
        self.noise_stddev = 0.0

    def __call__(self, scores: Mapping[tuple[int, int], float], noise_stddev: float) -> bool:
        """Return true if a relation of columns may be found that no rule declares; see :func:`may_be_related`."""
        self.of_pairs, self.noise_stddev = dict(scores), noise_stddev
        return may_be_related(self._encoder, self._n_rows, scores, noise_stddev)

    def together(self, measured: Iterable[tuple[int, ...]]) -> list[FixedCombinations]:
        """Return rules on pairs of columns of which one likely determines the other, and samples do not keep it.

        Those are pairs of many values each whose table was not measured, since it is too large for its noise. The
        likeliest come first, the column of more values first in each.

        Args:
            measured: Positions of the pairs that were measured.
        """
        known = {frozenset(pair) for pair in measured}
        own = {place: self._encoder.columns[place] for place in self._encoder.own_positions}
        free = {place: column for place, column in own.items() if self._is_open(column)}
        found = []
        for pair, score in self.of_pairs.items():
            if not free.keys() >= set(pair) or frozenset(pair) in known:
                continue
            part = _part_of_function(free[pair[0]], free[pair[1]], score - _IN_DOUBT * self.noise_stddev)
            if part >= _LIKELY:
                both = sorted((free[place] for place in pair), key=lambda each: -each.encoder.n_values)
                found.append((part, FixedCombinations(tuple(each.encoder.name for each in both))))
        return _joined([rule.columns for _, rule in sorted(found, key=lambda each: -each[0])])[:_MOST]

    def _is_open(self, column: CodedColumn) -> bool:
        """Return true for a column of many categories, or of numbers that are codes by name, which no rule is about."""
        encoder = column.encoder
        rules = (rule for rule in self._encoder.schema.statements if not isinstance(rule, Same))
        is_code = is_on_lattice(encoder) and not encoder.is_unseen and says_code(encoder.name)
        is_many = encoder.n_values >= _MANY and not encoder.column.is_made_up
        is_tied = any(encoder.name in rule.sides.values() for rule in rules)
        return is_many and not is_tied and (is_code or encoder.column.has_categories)


def _joined(pairs: list[tuple[str, ...]]) -> list[FixedCombinations]:
    """Return rules on columns of which each goes together with each other: a name and its two codes are one rule."""
    known, groups = set(map(frozenset, pairs)), list[tuple[str, ...]]()
    for pair in pairs:
        for place, group in enumerate(groups):
            both = tuple(dict.fromkeys((*group, *pair)))
            if all(frozenset(each) in known for each in combinations(both, 2)):
                groups[place] = both
                break
        else:
            groups.append(pair)
    return [FixedCombinations(group) for group in groups]


def _part_of_function(one: CodedColumn, other: CodedColumn, score: float) -> float:
    """Return the part of the way from chance to a function that a score lies on.

    A score is the L1 distance of the counts from those of independent columns. If the finer column determines the other
    one, a row of a code with share ``p`` of the latter adds ``2 * (1 - p)``. By chance, each cell adds the mean
    deviation of a Poisson count, at most the root of its expected rows, and at most twice these.
    """
    weights = [column.code_weights for column in (one, other)]
    n_rows = max(min(float(each.sum()) for each in weights), 1.0)
    shares = [each / max(float(each.sum()), 1.0) for each in weights]
    function = 2 * n_rows * (1.0 - max(float(np.square(each).sum()) for each in shares))
    cells = n_rows * np.outer(*shares)
    chance = float(np.minimum(np.sqrt(2 / np.pi * cells), 2 * cells).sum())
    return (score - chance) / (function - chance) if function > chance else 0.0


def say_together(rules: Iterable[FixedCombinations]) -> None:
    """Log columns whose values go together, with the rules by which samples keep that."""
    rules = list(rules)
    if rules:
        logger.warning(
            "The values of these columns go together, by noisy numbers, as those of a code and its label do. They have "
            "too many for the model to keep that, so that samples put values together which no row has. Declare, under "
            "rules: in the schema:\n%s",
            dump([rule.to_dict() for rule in rules]).rstrip(),
        )
