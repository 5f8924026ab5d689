"""Warnings about facts of a column that the released numbers leave open. They use released numbers only."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import numpy as np

from tabgan.columns import occupied
from tabgan.columns.encoder import ColumnEncoder
from tabgan.columns.lattice import LatticeColumn, Precision, has_range, is_on_lattice
from tabgan.columns.spans import ends_with_axis
from tabgan.columns.vote import Verdict

logger = logging.getLogger(__name__)

#: Count of the next finer precisions, to hundredths, as a share of that of whole numbers or days, from which on values
#: that are written finer may be more than noise; and the number of these precisions.
FINER, _NEXT = 0.05, 7


class Released(Protocol):
    """A released column: its cells, ``(n_cells,)`` noisy counts, and the standard deviation of their noise."""

    @property
    def encoder(self) -> ColumnEncoder:
        """The cells."""

    @property
    def counts(self) -> np.ndarray:
        """The noisy counts."""

    @property
    def noise_stddev(self) -> float:
        """The noise."""


def warn_of_unclear_kinds(unclear: Mapping[str, Verdict]) -> None:
    """Log the columns whose kind the noise leaves open; uses released numbers only."""
    for kind in dict.fromkeys(verdict.column.kind for verdict in unclear.values()):
        of_kind = {name: verdict for name, verdict in unclear.items() if verdict.column.kind == kind}
        logger.warning(
            "The noise hides the kind of %s, so it is taken as %s. If that is wrong, declare it in the schema, such as "
            "%s, raise epsilon, or drop columns.",
            ", ".join(map(repr, of_kind)),
            kind,
            next(iter(of_kind.values())).line,
        )


def warn_of_absent_categories(released: Sequence[Released], declared: Collection[str]) -> None:
    """Log the columns without a declared category above the noise; uses released numbers only."""
    absent = []
    for column in released:
        encoder = column.encoder
        if encoder.name in declared and encoder.has_other and not np.isnan(column.counts[-1]):
            listed, other = column.counts[1:-1], column.counts[-1]
            is_seen = listed.sum() > occupied.SURELY * column.noise_stddev * math.sqrt(max(len(listed), 1))
            is_seen |= bool((listed > occupied.SURELY * column.noise_stddev).any())
            if len(listed) and not is_seen and other > occupied.SURELY * column.noise_stddev:
                absent.append(encoder.name)
    if absent:
        logger.warning(
            "None of the declared categories of %s rises above the noise, and other values do, so samples of it are "
            "noise. Check how the schema spells its categories.",
            ", ".join(map(repr, absent)),
        )


def may_be_finer(column: LatticeColumn, vote: np.ndarray, surely: float, likely: float) -> bool:
    """Return true if noise may hide finer values than those of the precision that a column was given.

    No precision rises above the noise; or the coarsest alone does, and those after it, together, have some rows.

    Args:
        column: With its precision.
        vote: ``(precisions,)`` noisy counts, the coarsest first.
        surely: A count that is more than noise for certain.
        likely: One that is likely to be.
    """
    most = float(vote.max())
    is_finer = min(surely, float(vote[1 : 1 + _NEXT].sum())) > FINER * most
    return most <= likely or (is_finer and column == column.with_precision(0))


def warn_of_coarse_columns(released: Sequence[Released], unsure: Collection[str]) -> None:
    """Log the columns of which noise may hide finer decimals or resolutions; uses released numbers only."""
    names: dict[Precision, list[str]] = {}
    for column in (r.encoder.column for r in released if r.encoder.name in unsure):
        if has_range(column) and column.bounds is not None:
            names.setdefault(column.precision, []).append(column.name)
    for (key, kept), of_key in names.items():
        logger.warning(
            "The noise may hide the %s of %s, so values are kept as %s. Declare %s in the schema, raise "
            "epsilon, or drop columns.",
            key,
            ", ".join(map(repr, of_key)),
            kept,
            key,
        )


def warn_of_limits(released: Sequence[Released], axes: Mapping[str, tuple[int, ...]]) -> None:
    """Log the columns whose released range reaches an end of the axis on which it was searched."""
    for encoder in (r.encoder for r in released if r.encoder.name in axes):
        if is_on_lattice(encoder) and ends_with_axis(encoder, *axes[encoder.name]):
            logger.warning(
                "Column %r: values lie at or beyond an end of %s, where this kind of column ends; those beyond are "
                "clipped. Declare its bounds, and a coarser precision if they need one.",
                encoder.name,
                encoder.column.describe(),
            )
