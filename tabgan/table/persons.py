"""Values of single persons that samples show, by the names of their columns.

If the unit of privacy is a row, a person of many rows is no secret: the account, the address or the name in them is a
frequent value, and is released like any other. A column's name is public, and says if that is so.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from tabgan._util.yaml import key_of
from tabgan.columns.lattice import is_on_lattice
from tabgan.columns.named import line_of_person
from tabgan.schema import Schema
from tabgan.table.coded import CodedColumn
from tabgan.table.codes import TableEncoder

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shown:
    """A column that holds persons, accounts or contracts by its name, and values of which samples show as they are.

    Attributes:
        column: Name of the column.
        n_values: Number of these values.
        line: The declaration that would have them made up.
    """

    column: str
    n_values: int
    line: str


def shown_persons(declared: Schema, encoder: TableEncoder) -> tuple[Shown, ...]:
    """Return the columns of persons whose released values samples show.

    **Guarantee.** Post-processing of released numbers and public names. Values that the schema declares are public, and
    with an entity no value of one person alone is frequent.

    Args:
        declared: The schema that the fit was given.
        encoder: The encoder of the fit.
    """
    if declared.entity is not None:
        return ()
    columns = {column.encoder.name: column.encoder for column in encoder.columns}
    return shown_among(
        {
            name
            for name, each in columns.items()
            if name not in declared or declared[name].is_discovered or is_on_lattice(each)
        },
        encoder,
    )


def shown_among(names: Collection[str], encoder: TableEncoder) -> tuple[Shown, ...]:
    """Return those of some columns that hold persons by their names, and of which samples show frequent values."""
    found = []
    for column in encoder.columns:
        name = column.encoder.name
        line, n_values = line_of_person(name), _n_shown(column)
        if name in names and line is not None and n_values:
            found.append(Shown(name, n_values, line))
    return tuple(found)


def _n_shown(column: CodedColumn) -> int:
    """Return the number of a column's values that samples show as the table has them, if they are frequent."""
    encoder = column.encoder
    if is_on_lattice(encoder):
        return 0 if encoder.exact is None else int(np.count_nonzero(~np.isnan(encoder.exact)))
    return 0 if encoder.column.is_made_up or not encoder.column.has_categories else encoder.n_values


def say_persons(shown: tuple[Shown, ...]) -> None:
    """Log the columns of persons whose values samples show."""
    if shown:
        values = "\n".join(
            f"  {each.column}: {each.n_values:,} value{'s' if each.n_values > 1 else ''}. Declare "
            f"{key_of(each.column)}: {each.line}"
            for each in shown
        )
        logger.warning(
            "Samples show values of %d column%s as the table has them, and by its name each is of one person, account "
            "or contract: the fit protects rows, and these have many. Have them made up, drop the column, or declare "
            "the entity whose rows belong together:\n%s",
            len(shown),
            "" if len(shown) == 1 else "s",
            values,
        )
