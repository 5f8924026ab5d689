"""Sheets of Excel files, through pandas' reader, as cells of text.

A cell has a type of its own there, and a column has none: one that is typed by its cells would change with a row. So
every cell becomes text by itself, as a CSV would hold it, and a declared dtype or the fit's noisy vote reads it.
"""

from __future__ import annotations

import datetime as dt
import decimal
import warnings
from collections.abc import Sequence
from typing import IO

import pandas as pd

from tabgan.errors import ConfigError, DataError
from tabgan.io.answers import library
from tabgan.io.cells import frame_of

#: Packages that pandas reads a format with, by suffix.
_ENGINES = {".xls": "xlrd", ".ods": "odf", ".xlsb": "pyxlsb"}


def cells_of_sheet(file: IO[bytes], name: str, sheet: str | int | None, n_rows: int | None) -> pd.DataFrame:
    """Return the cells of a sheet as text, ``""`` for empty ones; its first row holds the names.

    Args:
        file: The file.
        name: Its name.
        sheet: The sheet's name, or its place from 0; ``None`` is the first one.
        n_rows: The most rows to read; ``None`` for all.

    Raises:
        ConfigError: there is no such sheet, or the package that reads the file is not installed.
        DataError: the file cannot be read, or a cell holds no value that text stands for.
    """
    suffix = "." + name.lower().rpartition(".")[2]
    library(_ENGINES.get(suffix, "openpyxl"), "excel")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and the like: a warning may quote a cell
            with pd.ExcelFile(file) as book:
                names = [str(each) for each in book.sheet_names]
                if isinstance(sheet, str) and sheet not in names:
                    raise ConfigError(f"sheet: no sheet {sheet!r} in {name!r}. Sheets: {', '.join(names)}.")
                if isinstance(sheet, int) and not 0 <= sheet < len(names):
                    raise ConfigError(
                        f"sheet: expected a place from 0 to {len(names) - 1} in {name!r}, got {sheet}."
                    )
                raw = book.parse(
                    0 if sheet is None else sheet,
                    header=None,
                    dtype=object,
                    na_filter=False,
                    nrows=None if n_rows is None else n_rows + 1,
                )
    except ConfigError:
        raise
    except Exception as error:
        raise DataError(f"source: {name!r} is not a readable Excel file ({type(error).__name__}).") from None
    if not len(raw):
        raise DataError(f"source: {name!r} is not a readable Excel file: the sheet is empty.")
    return _texts(raw)


def _texts(raw: pd.DataFrame) -> pd.DataFrame:
    columns, names = [], []
    for place in range(raw.shape[1]):
        first, *cells = raw.iloc[:, place].tolist()
        names.append(text_of_cell(first) or f"Unnamed: {place}")
        columns.append(texts_of_cells(cells, names[-1]))
    return frame_of(columns, names)


def texts_of_cells(cells: Sequence[object], name: str) -> list[str]:
    """Return the cells of a column as text, each by itself.

    Raises:
        DataError: a cell holds bytes or the like.
    """
    texts = [text_of_cell(cell) for cell in cells]
    if None in texts:
        raise DataError(
            f"Column {name!r}: expected text, numbers, booleans and moments, found values of another type. Convert it "
            "or leave it out."
        )
    return [text or "" for text in texts]


def text_of_cell(cell: object) -> str | None:
    """Return a cell as a CSV would hold it, empty if it is missing; ``None`` for a type that no text stands for.

    >>> [text_of_cell(cell) for cell in (1, 0.1, True, dt.date(2020, 1, 2), dt.datetime(2020, 1, 2, 3), None)]
    ['1', '0.1', 'True', '2020-01-02', '2020-01-02 03:00:00', '']
    """
    if cell is None or cell is pd.NaT or (isinstance(cell, float) and cell != cell):
        return ""
    if isinstance(cell, str | bool | int | decimal.Decimal | dt.date | dt.time):
        return str(cell)
    if isinstance(cell, float):
        return repr(float(cell))
    return str(pd.Timedelta(cell)) if isinstance(cell, dt.timedelta) else None
