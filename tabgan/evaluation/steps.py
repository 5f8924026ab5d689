"""Registry of the functions that each compute one figure of the catalog."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tabgan._util.rng import RandomStreams
from tabgan.evaluation.catalog import entries
from tabgan.evaluation.metric import Figure, measure
from tabgan.evaluation.result import Metric
from tabgan.evaluation.tables import Tables
from tabgan.rules import Rule


@dataclass(frozen=True)
class Inputs:
    """The inputs of a figure of an evaluation.

    Attributes:
        tables: The three tables.
        target: The column that models predict, if any.
        rules: The rules that every row should keep.
        streams: Random streams; a figure draws from the one with its name.
    """

    tables: Tables
    target: str | None
    rules: Sequence[Rule]
    streams: RandomStreams


#: Function from the inputs of an evaluation to a figure, or to the reason for its absence.
Compute = Callable[[Inputs], Figure | str]

#: By name of the figure.
COMPUTED: dict[str, Compute] = {}


def computes(name: str) -> Callable[[Compute], Compute]:
    """Register a function as the computation of the catalog's figure of that name."""

    def register(compute: Compute) -> Compute:
        COMPUTED[name] = compute
        return compute

    return register


def computed(name: str, inputs: Inputs) -> tuple[Metric, ...]:
    """Return the metric of a registered figure."""
    return measure(entries(name), lambda: [COMPUTED[name](inputs)])
