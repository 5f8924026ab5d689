"""First lines of files that hold a row where the names of columns are expected.

Names are public: they stand in every sample, schema, ledger and report. A file that was written without them would
publish the cells of its first row. Nothing here reads any other row.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import pairwise

from tabgan.columns.numerals import is_numeral
from tabgan.errors import DataError

#: Text that is a date, as names of columns and cells write it.
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{2}|\d{4})", re.ASCII)

#: Names in equal steps, from which on they are taken for names: columns of years, of questions, of months.
_LEAST_NUMBERS, _LEAST_DATES = 3, 12


def check_headings(names: Sequence[str], declared: Collection[str], name: str) -> None:
    """Raise unless the first line of a file can hold the names of its columns.

    A number or a date is taken for a cell. Exempt are names that somebody declared, whole numbers that count (from 0 or
    1, or three or more in equal steps), and twelve dates or more.

    Args:
        names: Texts of the first line.
        declared: Names that the schema, or ``dtypes``, has.
        name: Name of the source, for the message.

    Raises:
        DataError: the line seems to be a row. The message holds no text of it.
    """
    unknown = {place: text.strip() for place, text in enumerate(names, 1) if text not in declared}
    numbers = {place: text for place, text in unknown.items() if is_numeral(text)}
    dates = {place: text for place, text in unknown.items() if _DATE.match(text)}
    if _count(list(numbers.values()), len(names)):
        numbers = {}
    if len(dates) >= _LEAST_DATES:
        dates = {}
    cells = sorted({**numbers, **dates})
    if cells:
        places = f"column{'s' if len(cells) > 1 else ''} {', '.join(map(str, cells[:5]))}"
        raise DataError(
            f"source: the first line of {name!r} has numbers or dates where names of columns are expected ({places}"
            f"{', ...' if len(cells) > 5 else ''}). If the file has no names, its first row would be published as "
            "names: add a line of names. If these are the names, declare them in the schema, or rename them."
        )


def _count(numbers: list[str], n_columns: int) -> bool:
    """Return true if numbers are names by their order: the places of columns, or years in equal steps."""
    if not all(text.isascii() and text.isdigit() for text in numbers):
        return False
    values = [int(text) for text in numbers]
    steps = {after - before for before, after in pairwise(values)}
    is_long = len(values) >= _LEAST_NUMBERS
    counts = values[:1] in ([0], [1]) and steps <= {1} and (is_long or len(values) == n_columns)
    return not values or counts or (is_long and len(steps) == 1 and min(steps) > 0)
