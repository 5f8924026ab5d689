"""The released tables of counts as data, for those who want statistics rather than rows. Nothing here sees a row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tabgan.columns.encoder import MISSING
from tabgan.errors import PrivacyError
from tabgan.privacy.events import Release
from tabgan.privacy.filter import PrivacyStatement
from tabgan.privacy.released import Marginal
from tabgan.table.coded import CodedColumn
from tabgan.table.codes import TableEncoder

#: The ledger's names of the releases that count a column's cells, and a pair's codes.
ONE_WAY = (
    "1-way histogram",
    "categories and 1-way histogram",
    "rare categories",
    "coarser combinations",
    "1-way histogram of a cycle",
)
TWO_WAY = "2-way marginal"

#: Columns of the frame, in their order.
COLUMNS = ("column_1", "value_1", "column_2", "value_2", "count", "noise_stddev", "release")

#: The largest count that a file may state.
_MOST = 1e12

_NOT_RELEASED = "other (not released)"


def marginals_of(
    places: Iterable[Sequence[int]],
    counts: Sequence[np.ndarray],
    encoder: TableEncoder,
    privacy: PrivacyStatement,
) -> tuple[Marginal, ...]:
    """Return the tables of a model file, with the noise that the statement's entries say.

    Args:
        places: Positions of each table's columns: every column by itself, and then pairs.
        counts: The tables.
        encoder: Of the model.
        privacy: Of the model.

    Raises:
        TypeError, ValueError: the tables are not those of a fit.
    """
    columns = [tuple(each) for each in places]
    pairs = columns[len(encoder.columns) :]
    expected = [(position,) for position in range(len(encoder.columns))] if privacy.is_private else []
    is_whole = columns == [*expected, *pairs] and (privacy.is_private or not columns)
    if not is_whole or len(set(pairs)) != len(pairs):
        raise ValueError
    found = []
    for place, table in zip(columns, counts, strict=True):
        if not all(type(position) is int and 0 <= position < len(encoder.columns) for position in place):
            raise ValueError
        if len(place) == 2 and place[0] >= place[1]:
            raise ValueError
        entry = _entry_of(place, encoder, privacy)
        _check_table(place, table, encoder)
        found.append(Marginal(place, table, entry.noise_stddev))
    return tuple(found)


def _check_table(place: tuple[int, ...], table: np.ndarray, encoder: TableEncoder) -> None:
    """Raise unless a table has the form of its columns, and finite counts but for those that are not measured.

    Raises:
        ValueError: the table has another form, or a count that is not finite.
    """
    columns = [encoder.columns[position] for position in place]
    is_single = len(columns) == 1
    shape = (columns[0].encoder.n_cells,) if is_single else tuple(column.width for column in columns)
    if table.dtype != np.float64 or table.shape != shape:
        raise ValueError
    measured = table[:-1] if is_single and columns[0].encoder.has_other and np.isnan(table[-1]) else table
    if not (np.abs(measured) < _MOST).all():
        raise ValueError


def _entry_of(place: tuple[int, ...], encoder: TableEncoder, privacy: PrivacyStatement) -> Release:
    """Return the last entry of the statement that released a table.

    Raises:
        ValueError: no entry released the table.
    """
    names = tuple(encoder.names[position] for position in place)
    known = ONE_WAY if len(place) == 1 else (TWO_WAY,)
    entries = [entry for entry in privacy.entries if entry.columns == names and entry.what in known]
    if not entries:
        raise ValueError
    return entries[-1]


def marginals_frame(
    marginals: Sequence[Marginal], encoder: TableEncoder, privacy: PrivacyStatement
) -> pd.DataFrame:
    """Return released tables as one tidy table: a row for each count.

    **Guarantee.** Post-processing of released numbers: counts are as noisy as they were released.

    Args:
        marginals: The tables.
        encoder: Of the columns.
        privacy: The statement, which names the releases.

    Raises:
        PrivacyError: the fit was not private, so that counts would be those of the rows.
    """
    if not privacy.is_private:
        raise PrivacyError(
            "marginals: expected a private fit, got epsilon=None. Its counts are those of the rows, without noise."
        )
    frames = [_frame(marginal, encoder, privacy) for marginal in marginals]
    table = pd.concat(frames, ignore_index=True)
    for name in COLUMNS[:4]:
        table[name] = table[name].astype(object).where(table[name].notna(), None)
    return table[list(COLUMNS)]


def _frame(marginal: Marginal, encoder: TableEncoder, privacy: PrivacyStatement) -> pd.DataFrame:
    columns = [encoder.columns[position] for position in marginal.columns]
    values = _cells(columns[0]) if len(columns) == 1 else _codes(columns[0])
    named: dict[str, Any] = {"column_1": columns[0].encoder.name, "column_2": None, "value_2": None}
    if len(columns) == 2:
        others = _codes(columns[1])
        named |= {"column_2": columns[1].encoder.name, "value_2": others * len(values)}
        values = [value for value in values for _ in others]
    counts = marginal.counts.ravel()
    is_measured = ~np.isnan(counts)
    data = {name: pd.Series(cells, index=range(len(counts)), dtype=object) for name, cells in named.items()}
    data |= {"value_1": pd.Series(values, dtype=object), "count": pd.Series(counts)}
    told = _entry_of(marginal.columns, encoder, privacy).what
    return pd.DataFrame(data).assign(noise_stddev=marginal.noise_stddev, release=told)[is_measured]


def _cells(column: CodedColumn) -> list[str | None]:
    """Return the label of each cell of a column; ``None`` stands for missing."""
    encoder = column.encoder
    found = [None, *(encoder.label(np.array([position])) for position in range(encoder.n_values))]
    return [*found, _other(column)] if encoder.has_other else found


def _codes(column: CodedColumn) -> list[str | None]:
    """Return the label of each code of a column; ``None`` stands for missing."""
    return [_code(column, code) for code in range(column.width)]


def _code(column: CodedColumn, code: int) -> str | None:
    cells = np.flatnonzero(column.code_of_cell == code)
    if column.encoder.has_other and cells[-1] == column.encoder.n_cells - 1:
        return _other(column)
    values = cells[cells != MISSING]
    return column.encoder.label(values - 1) if len(values) else None


def _other(column: CodedColumn) -> str:
    label = column.encoder.column.other_label
    return _NOT_RELEASED if label is None else str(label)
