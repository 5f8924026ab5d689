"""Draft of a schema from a table, for a person to edit.

**Guarantee.** None: a draft is read off the rows without noise. A fit takes all that a schema declares as
public, so a draft holds kinds and dtypes only, and :data:`NOTICE` at the head of its YAML describes it.
Domains are left open, to be found under differential privacy, unless ``with_domain`` asks for them.
"""

from __future__ import annotations

import pandas as pd

from tabgan._util.yaml import dump
from tabgan.columns import KINDS, Column, column_of_dtype
from tabgan.schema import Schema
from tabgan.table.checks import check_table

NOTICE = """\
# A draft, read off the rows of a table WITHOUT privacy.
# A fit treats all that stands here as public knowledge, and spends no epsilon on it.
# Edit it before use: keep what anybody may know, from a questionnaire or a code book, and delete the rest.
# All that is left out (bounds, decimals, categories, nullable) is found under differential privacy.
"""

DOMAIN_NOTICE = """\
# --with-domain: the categories and bounds below are those of the REAL ROWS. A rare category, the largest
# income, the first date can single out one person. Replace each by what you know without the table.
"""


def draft_schema(df: pd.DataFrame, *, with_domain: bool = False, target: str | None = None) -> Schema:
    """Return a schema with the kind and dtype of every column.

    Args:
        df: The table.
        with_domain: Also copy bounds, decimals and categories off the rows: not private.
        target: Noted as the schema's target.

    Raises:
        DataError: for a table that no fit takes.

    >>> draft_schema(pd.DataFrame({"age": [31, 44], "born": ["1990-01-31", "1977-05-02"]}))["born"].format
    '%Y-%m-%d'
    """
    check_table(df, Schema(target=target))
    columns = [_column(df[name], str(name)) for name in df.columns]
    if with_domain:
        columns = [column.with_domain_of(df[column.name].dropna()) for column in columns]
    return Schema(columns=columns, target=target)


def draft_yaml(schema: Schema, *, with_domain: bool = False) -> str:
    """Return a draft as YAML under a notice that describes it. Keys at their default are left out."""
    columns = {
        c.name: {"kind": c.kind} | c.model_dump(mode="json", exclude_defaults=True, exclude={"name"})
        for c in schema
    }
    data = {"columns": columns} | ({"target": schema.target} if schema.target else {})
    return NOTICE + (DOMAIN_NOTICE if with_domain else "") + dump(data)


def _column(series: pd.Series, name: str) -> Column:
    """Return an open column of the first kind that a series seems to be of."""
    claimed = column_of_dtype(series.dtype, name)
    if claimed is not None and claimed.has_categories:
        return claimed
    drafts = (kind.draft(series, name) for kind in KINDS)
    return next(draft for draft in drafts if draft is not None)
