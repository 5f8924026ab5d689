"""Rows of a CSV as text: strict about quotes and numbers of fields, so that no file is misread.

Messages name files, lines and columns, never a cell.
"""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd

from tabgan.columns.values import MISSING_WORDS
from tabgan.errors import DataError
from tabgan.io.dialect import Dialect, Header, open_text, read_header, shown
from tabgan.io.remote import AnyPath
from tabgan.schema import Schema

logger = logging.getLogger(__name__)

#: A number with a decimal comma, and points between thousands.
_COMMA_NUMERAL = re.compile(
    r"\s*[+-]?(?:[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]*)(?:,[0-9]+)?(?:[eE][+-]?[0-9]+)?\s*"
)


def read_cells(path: Path, dialect: Dialect) -> pd.DataFrame:
    """Return a CSV with the text of each cell; see :func:`cells_in_parts`."""
    (cells,) = cells_in_parts(path, dialect, None)
    return cells


def cells_in_parts(path: AnyPath, dialect: Dialect, n_rows: int | None) -> Iterator[pd.DataFrame]:
    """Yield a CSV with the text of each cell, in parts of some rows; ``None`` for one part.

    A blank line is a row of one empty cell if there is one column, and none otherwise.

    Raises:
        DataError: a row has another number of fields than the header, or a quote is never closed.
        UnicodeError: the file is not in the encoding.
    """
    with open_text(path, dialect.encoding) as file:
        header = read_header(file, path, dialect.separator)
        _say_what_has_no_name(header, path)
        rows = _rows(file, header, path)
        part = list(islice(rows, n_rows))
        while True:
            columns = list(zip(*part, strict=True)) if part else [()] * len(header.names)
            yield frame_of(columns, header.names)
            part = [] if n_rows is None else list(islice(rows, n_rows))
            if not part:
                return


def _say_what_has_no_name(header: Header, path: AnyPath) -> None:
    """Log a warning about columns without a name."""
    if header.unnamed:
        logger.warning(
            "%s: column %s has no name and is read as %s. If it numbers the rows, as pandas' to_csv writes them, drop "
            "it (to_csv(index=False)), or declare it as an identifier: a fit would spend on it.",
            path.name,
            ", ".join(str(place + 1) for place in header.unnamed),
            ", ".join(repr(header.names[place]) for place in header.unnamed),
        )


def frame_of(columns: Collection[Collection[object]], names: Collection[str]) -> pd.DataFrame:
    """Return a table of objects from the cells of each column, whatever the names are."""
    frame = pd.DataFrame({i: pd.Series(list(cells), dtype=object) for i, cells in enumerate(columns)})
    frame.columns = pd.Index(list(names))
    return frame


def _rows(file: TextIO, header: Header, path: AnyPath) -> Iterator[list[str]]:
    width = len(header.names)
    reader = csv.reader(
        file, delimiter=header.separator, strict=True, skipinitialspace=header.has_spaces, doublequote=True
    )
    try:
        for row in reader:
            if len(row) == width:
                yield row
            elif not any(cell.strip() for cell in row) and len(row) < 2:
                yield from [[""]] if width == 1 else []
            else:
                line = header.n_lines + reader.line_num
                raise _ragged(len(row), header, line, path, has_stray=_has_stray_returns(file))
    except csv.Error:
        raise DataError(
            f"source: {str(path)!r} is not a readable csv file: at line {header.n_lines + reader.line_num}, text in "
            "quotes goes on after the quote or never ends, or a field is too long. Double each quote within quotes."
        ) from None


def _has_stray_returns(file: TextIO) -> bool:
    """Return true if lines, as far as they were read, end in a carriage return alone, and others do not."""
    ends = file.newlines
    return isinstance(ends, tuple) and "\r" in ends


def _ragged(n_fields: int, header: Header, line: int, path: AnyPath, *, has_stray: bool) -> DataError:
    more = "more" if n_fields > len(header.names) else "fewer"
    fix = "Put text with the separator in it in quotes, or name another separator (separator, --separator)."
    if has_stray:
        fix += " A carriage return alone (\\r) ends a line too, and the file has some: put text with one in quotes."
    return DataError(
        f"source: {str(path)!r} is not a readable csv file: line {line} has {more} fields than the header has names, "
        f"{n_fields} instead of {len(header.names)}, split at {shown(header.separator)}. {fix}"
    )


def with_missing(
    cells: pd.DataFrame, dialect: Dialect, dtypes: Mapping[str, str], schema: Schema | None
) -> pd.DataFrame:
    """Return cells in which texts for a missing value are missing, and numbers have a decimal point.

    The texts that are missing follow from what is declared, never from the rows: the empty cell, and ``na_values``. If
    none are given, :data:`~tabgan.columns.values.MISSING_WORDS` in columns whose kind or dtype no text has, or whose
    declared categories do not list them: ``NA`` is a value of a column of text.
    """
    read = []
    for place, name in enumerate(cells.columns):
        missing = _missing_of(name, dialect, dtypes, schema)
        has_comma = dialect.decimal == "," and _may_be_number(name, dtypes, schema)
        known: dict[str, Any] = dict.fromkeys(missing, np.nan)
        read.append([_cell(cell, known, has_comma) for cell in cells.iloc[:, place]])
    return frame_of(read, cells.columns)


def _cell(cell: str, known: dict[str, Any], has_comma: bool) -> Any:
    """Return what a cell stands for; equal cells are one object."""
    if cell not in known:
        known[cell] = with_decimal_point(cell) if has_comma else cell
    return known[cell]


def with_decimal_point(text: str) -> str:
    """Return a number that has a decimal comma with a point, without those between thousands; other text as it is."""
    return text.replace(".", "").replace(",", ".") if _COMMA_NUMERAL.fullmatch(text) else text


def _missing_of(
    name: str, dialect: Dialect, dtypes: Mapping[str, str], schema: Schema | None
) -> frozenset[str]:
    """Return the texts that are missing in a column."""
    if dialect.na_values is not None:
        return frozenset(dialect.na_values) | {""}
    column = schema[name] if schema is not None and name in schema else None
    if column is not None and column.has_categories and column.listed:
        return (MISSING_WORDS - set(map(str, column.listed))) | {""}
    is_axis = column is not None and column.is_modelled and not column.has_categories
    return MISSING_WORDS | {""} if is_axis or is_typed(dtypes.get(name)) else frozenset({""})


def _may_be_number(name: str, dtypes: Mapping[str, str], schema: Schema | None) -> bool:
    """Return true unless a column is declared as one whose text is left as it is."""
    if name in dtypes:
        return is_typed(dtypes[name])
    return schema is None or name not in schema or schema[name].reads_from_text


def is_typed(dtype: str | None) -> bool:
    """Return true for a dtype that text is converted to."""
    if dtype is None:
        return False
    resolved = pd.api.types.pandas_dtype(dtype)
    return not (
        resolved == np.dtype(object) or isinstance(resolved, pd.CategoricalDtype | pd.StringDtype)
    ) or isinstance(resolved, pd.ArrowDtype)
