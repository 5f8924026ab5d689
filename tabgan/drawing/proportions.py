"""Rebalanced samples: stated shares of a column's values, met exactly up to rounding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from tabgan._util.rng import RandomStreams
from tabgan.drawing.kept import Memory
from tabgan.drawing.keyed import interleaved, source_under
from tabgan.drawing.raking import Margin, Raked, quotas
from tabgan.drawing.rows import EFFECTIVE, RowSource, TableSource
from tabgan.errors import ConfigError, DataError
from tabgan.fitting.modelfile import Fitted
from tabgan.table.conditions import ROUNDING, Condition, check_proportions, conditions_of, released


@dataclass(frozen=True)
class Strata(TableSource):
    """Parts of a sample in random order, each under conditions of its own.

    Attributes:
        fitted: The model.
        sources: The rows of each part.
        shares: Their shares, which sum to 1.
    """

    fitted: Fitted
    sources: Sequence[RowSource]
    shares: Sequence[float]

    def stated(self) -> set[str]:
        return set().union(*(source.constants for source in self.sources))

    def modelled(
        self, n: int, batch_size: int, streams: RandomStreams, memory: Memory | None = None
    ) -> Iterator[pd.DataFrame]:
        memory = {} if memory is None else memory  # no row of a part repeats one of another
        sizes = quotas(self.shares, n)
        part_of_row = streams.numpy("order").permutation(np.repeat(np.arange(len(sizes)), sizes))
        seeds = streams.numpy("parts")
        for first in range(0, max(len(part_of_row), 1), batch_size):
            parts = part_of_row[first : first + batch_size]
            tables, worth = [], 0.0
            for part, source in enumerate(self.sources):
                size, own = int((parts == part).sum()), RandomStreams(int(seeds.integers(2**62)))
                if size or not len(parts):
                    (table,) = source.modelled(size, max(size, 1), own, memory)
                    worth += table.attrs.pop(EFFECTIVE, 0.0)
                    tables.append(table)
            places = np.argsort(np.argsort(parts, kind="stable"), kind="stable")
            whole = pd.concat(tables, ignore_index=True).iloc[places].reset_index(drop=True)
            whole.attrs[EFFECTIVE] = worth
            yield whole

    def by_key(
        self, n: int, batch_size: int, streams: RandomStreams, memory: Memory | None = None
    ) -> Iterator[tuple[pd.DataFrame, np.ndarray | None]]:
        if self.fitted.encoder.key is None or not n:
            return super().by_key(n, batch_size, streams, memory)
        return interleaved(
            self.sources, quotas(self.shares, n), batch_size, streams, {} if memory is None else memory
        )


def shares_of(fitted: Fitted, proportions: object, conditions: Mapping[str, Condition]) -> TableSource:
    """Return the rows of a sample whose shares a person states for the values of columns.

    Args:
        fitted: The model.
        proportions: ``{column: {value: share}}``, or ``{column: [{"value": ..., "share": ...}]}`` where a value may be
            anything that a condition may be. What the shares leave of 1 goes to all other values.
        conditions: Conditions on other columns.

    Raises:
        ConfigError: these are not shares of columns.
        SchemaError, DataError: there is no such column, or no such value of it.
    """
    margins = [_margin(fitted, *stated, conditions) for stated in check_proportions(proportions)]
    if len(margins) > 1:
        return Raked(fitted, conditions, margins)
    (margin,) = margins
    sources = [source_under(fitted, {**conditions, margin.name: part}) for part in margin.parts]
    return Strata(fitted, sources, margin.shares)


def _margin(
    fitted: Fitted,
    name: str,
    parts: list[Condition],
    shares: list[float],
    conditions: Mapping[str, Condition],
) -> Margin:
    """Return the shares of one column's values, those of all others among them."""
    where = f"proportions: column {name!r}"
    conditions_of({name: parts[0]}, fitted.encoder.schema.names, "proportions")
    column = fitted.encoder.schema[name]
    if column.is_modelled and name not in fitted.encoder.positions:
        raise ConfigError(
            f"{where}: it is made of others by a rule, and has no shares of its own. Use conditions."
        )
    if name in conditions:
        raise ConfigError(f"{where}: expected no condition on it, too. Leave out one of the two.")
    everything = Condition(
        tuple(value for part in parts for value in part.values),
        tuple(ends for part in parts for ends in part.ranges),
        any(part.missing for part in parts),
    )
    for part in parts:
        source_under(fitted, {**conditions, name: part})
    _check_apart(fitted, name, parts, everything)
    rest = 1.0 - sum(shares)
    if rest <= ROUNDING:
        return Margin(name, parts, shares)
    others = replace(everything, is_excluded=True)
    try:
        source_under(fitted, {**conditions, name: others})
    except DataError:
        raise DataError(
            f"{where}: the shares sum to {sum(shares):g}, and the model has no other value. Have them sum to 1."
        ) from None
    return Margin(name, [*parts, others], [*shares, rest])


def _check_apart(fitted: Fitted, name: str, parts: Sequence[Condition], everything: Condition) -> None:
    """Raise if two parts hold the same value.

    Raises:
        ConfigError: two parts hold the same value.
    """
    column = fitted.encoder.columns[fitted.encoder.positions[name]]
    finer = released(everything, column).cut(column.encoder).encoder
    held = sum(released(part, column).cut(finer).allowed.astype(int) for part in parts)
    if np.max(held) > 1:
        raise ConfigError(
            f"proportions: column {name!r}: two shares are of the same value. State each value once."
        )
