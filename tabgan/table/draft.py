"""Draft of a schema from a table, for a person to edit.

**Guarantee.** None: a draft is read off the rows without noise. A fit takes all that a schema declares as
public, so a draft holds kinds and dtypes only, and :data:`NOTICE` at the head of its YAML describes it.
Domains are left open, to be found under differential privacy, unless ``with_domain`` asks for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from tabgan._util.yaml import dump
from tabgan.columns import KINDS, Column, Identifier, ballots, column_of_dtype, columns_of_votes
from tabgan.columns.kind import position_of
from tabgan.columns.values import is_text, objects, says_missing
from tabgan.errors import SchemaError
from tabgan.schema import Schema
from tabgan.table.checks import check_table
from tabgan.table.headings import as_named

NOTICE = """\
# A draft, read off the rows of a table WITHOUT privacy.
# A fit treats all that stands here as public knowledge, and spends no epsilon on it.
# Edit it before use: keep what anybody may know, from a questionnaire or a code book, and delete the rest.
# All that is left out (bounds, decimals, categories, nullable) is found under differential privacy.
"""

#: Votes of a column of text, in which what a fit takes for noise is none.
_CERTAIN = 1e6

DOMAIN_NOTICE = """\
# --with-domain: the categories and bounds below are those of the REAL ROWS. A rare category, the largest
# income, the first date can single out one person. Replace each by what you know without the table. Then remove
# the line "drafted: from rows", which says that nobody has done so yet: no fit takes the draft before.
"""


def draft_schema(
    df: pd.DataFrame,
    *,
    with_domain: bool = False,
    target: str | None = None,
    untyped_text: bool = False,
    targets: Sequence[str] = (),
) -> Schema:
    """Return a schema with the kind and dtype of every column.

    Cells are read as a fit reads them: by the kinds themselves.

    Args:
        df: The table; whole numbers and tuples as labels of its columns become names, as in a fit.
        with_domain: Also copy bounds, decimals and categories off the rows: not private, and refused by a fit until
            somebody confirms it, by :meth:`Schema.confirmed`.
        target: Noted as the schema's target.
        untyped_text: True if the table was read from a CSV as text, which may stand for numbers, booleans or durations.
        targets: Noted as the schema's targets, if there are several.

    Raises:
        DataError: for a table that no fit takes.

    >>> draft_schema(pd.DataFrame({"age": [31, 44], "born": ["1990-01-31", "1977-05-02"]}))["born"].format
    '%Y-%m-%d'
    """
    df = as_named(df, None)
    check_table(df, Schema(target=target, targets=targets), untyped_text=untyped_text)
    columns = []
    for name in df.columns:
        column, series = _column(df[name], str(name), untyped_text)
        columns.append(with_values_of(column, series) if with_domain else column)
    mark = "from rows" if with_domain else None
    return Schema(columns=columns, target=target, targets=targets, drafted=mark)


def with_values_of(column: Column, series: pd.Series) -> Column:
    """Return a column with the domain of its values; as it is where no schema could declare that domain."""
    found = column.with_domain_of(series.dropna())
    try:
        return type(found)(**found.model_dump())
    except SchemaError:
        return column


def draft_yaml(
    schema: Schema,
    *,
    with_domain: bool = False,
    notice: str | None = None,
    comments: Mapping[str, Sequence[str]] = MappingProxyType({}),
    rules: Sequence[str] = (),
) -> str:
    """Return a draft as YAML under a notice that describes it. Keys at their default are left out.

    Args:
        schema: The draft.
        with_domain: True if bounds, decimals and categories were copied off the rows.
        notice: Comments at its head, by default those of a draft that was read off the rows.
        comments: Lines above a column, by its name.
        rules: Lines of the list of rules, comments among them, in place of the schema's own.
    """
    data = schema.to_dict()
    own: Any = data.pop("rules", ())
    data.pop("columns")
    lines = dump(data | {"columns": {"": {}}}).rpartition("columns:")[0].splitlines()  # in block style
    if "geo:" in lines:
        said_of_places = "# places: by their names; bounds are those of the globe where none are declared"
        lines.insert(lines.index("geo:"), said_of_places)
    lines.append("columns:" if len(schema) else "columns: {}")
    for column in schema:
        keys = column.model_dump(mode="json", exclude_defaults=True, exclude={"name"})
        said = [f"# {line}" for line in comments.get(column.name, ())]
        said += dump({column.name: {"kind": column.kind} | keys}).splitlines()
        lines += [f"  {line}".rstrip() for line in said]
    listed = [*rules] or [line for rule in own for line in dump([rule]).splitlines()]
    lines += ["rules:" if any(line[0] != "#" for line in listed) else "# rules:", *listed] if listed else []
    head = NOTICE + (DOMAIN_NOTICE if with_domain else "") if notice is None else notice
    return head + "\n".join(lines) + "\n"


def _column(series: pd.Series, name: str, untyped_text: bool) -> tuple[Column, pd.Series]:
    """Return an open column of the first kind that a series seems to be of, and the values that it was read as."""
    claimed = column_of_dtype(series.dtype, name)
    if claimed is not None and claimed.has_categories:
        return claimed, series
    if untyped_text and is_text(series):
        read = _read(series, name)
        if read is not None:
            return read
    drafts = (kind.draft(series, name) for kind in KINDS)
    return next(draft for draft in drafts if draft is not None), series


def _read(series: pd.Series, name: str) -> tuple[Column, pd.Series] | None:
    """Return the column that text stands for, and its values; ``None`` if it is text.

    Each cell has a vote, as in a fit, and words for a missing value have none.
    """
    cells = [cell for cell in objects(series.dropna()) if not says_missing(cell)]
    if not cells:
        return None
    place = position_of(ballots()[0])
    known = {cell: place(cell, True) for cell in dict.fromkeys(cells)}
    shares = np.bincount([known[cell] for cell in cells], minlength=len(ballots()[0]) + 1) / len(cells)
    votes = shares * _CERTAIN  # exact counts: no number of rows is too small
    column = columns_of_votes({name: votes}, {name: str(series.dtype)}, 0.0, True)[name].column
    values = column.of_text(series)
    if values is None:
        return None if column.has_categories else (column, series)
    whole = values if values.dtype != "float64" else _whole(values)
    is_read = int(values.notna().sum()) == len(cells)  # else the dtype would refuse the file when it is read
    key = Identifier.draft(whole, name) if is_read else None
    if key is not None:
        return key, whole
    return column.with_(dtype=(column.dtype or str(whole.dtype)) if is_read else None), whole


def _whole(values: pd.Series) -> pd.Series:
    """Return numbers as integers if all of them are whole."""
    present = values.dropna()
    is_whole = len(present) > 0 and bool((present == present.round()).all() and (present.abs() < 2**53).all())
    return values.astype("Int64") if is_whole else values
