"""Drafts a schema from a table, for a person to edit.

**Guarantee.** None: a draft is read off the rows without noise. A fit takes all that a schema declares as
public, so a draft holds kinds and dtypes only, and :data:`NOTICE` at the head of its YAML says what it is.
Domains are left open, to be found under differential privacy, unless ``with_domain`` asks for them.
"""

from __future__ import annotations

import datetime as dt
import re

import numpy as np
import pandas as pd

from tabgan._util.yaml import dump
from tabgan.columns.checks import check_table
from tabgan.columns.values import DATETIME_FORMATS
from tabgan.schema import (
    MAX_DECIMALS,
    Boolean,
    Categorical,
    Column,
    Datetime,
    Identifier,
    Numeric,
    Scalar,
    Schema,
)

NOTICE = """\
# A draft, read off the rows of a table WITHOUT privacy.
# A fit treats all that stands here as public knowledge, and spends no epsilon on it.
# Edit it before use: keep what anybody may know, from a questionnaire or a code book, and delete the rest.
# What is left out (bounds, decimals, categories, nullable) is found under differential privacy.
"""

DOMAIN_NOTICE = """\
# --with-domain: the categories and bounds below are those of the REAL ROWS. A rare category, the largest
# income, the first date can single out one person. Replace each by what you know without the table.
"""

#: Unique text in a table with fewer rows than this may well be a name for something that is not a key.
MIN_KEY_ROWS = 20

_KEY_NAME = re.compile(r"(^|[^a-z])(id|key|uuid|guid|no|nr|number)$", re.IGNORECASE)


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
        columns = [_with_domain(column, df[column.name].dropna()) for column in columns]
    return Schema(columns=columns, target=target)


def draft_yaml(schema: Schema, *, with_domain: bool = False) -> str:
    """Return a draft as YAML under a notice that says what it is. Keys at their default are left out."""
    columns = {
        c.name: {"kind": c.kind} | c.model_dump(mode="json", exclude_defaults=True, exclude={"name"})
        for c in schema
    }
    data = {"columns": columns} | ({"target": schema.target} if schema.target else {})
    return NOTICE + (DOMAIN_NOTICE if with_domain else "") + dump(data)


def _column(series: pd.Series, name: str) -> Column:
    """Return what a column seems to hold, domain left open."""
    dtype = str(series.dtype)
    if isinstance(series.dtype, pd.CategoricalDtype):
        return Categorical(name=name, dtype=dtype)
    if pd.api.types.is_bool_dtype(series.dtype):
        return Boolean(name=name, dtype=dtype)
    if pd.api.types.is_integer_dtype(series.dtype) and _is_integer_key(series, name):
        return Identifier(name=name, dtype=dtype)
    if pd.api.types.is_numeric_dtype(series.dtype):
        return Numeric(name=name, dtype=dtype)
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        return Datetime(name=name, dtype=dtype)
    return _object_column(series, name)


def _object_column(series: pd.Series, name: str) -> Column:
    """Return what a column of text or Python objects holds.

    The dtype of objects that are not text is left out: read from a CSV as ``object`` they would become text.
    """
    present = series.dropna()
    types = set(map(type, present))
    if types and types <= {bool, np.bool_}:
        return Boolean(name=name)
    if types and all(issubclass(t, dt.date | np.datetime64) for t in types):
        is_date = not any(issubclass(t, dt.datetime | np.datetime64) for t in types)
        return Datetime(name=name, resolution="day" if is_date else None)
    if types and not any(issubclass(t, str) for t in types):
        return Numeric(name=name)
    format_ = _datetime_format(present.astype(str))
    if format_ is not None:
        return Datetime(name=name, dtype=str(series.dtype), format=format_)
    if _is_text_key(series, name):
        return Identifier(name=name, dtype=str(series.dtype), pattern="ID{:06d}")
    return Categorical(name=name, dtype=str(series.dtype))


def _datetime_format(text: pd.Series) -> str | None:
    """Return the format in which every value is a moment."""
    for format_ in DATETIME_FORMATS:
        if len(text) and pd.to_datetime(text, format=format_, errors="coerce").notna().all():
            return format_
    return None


def _is_integer_key(series: pd.Series, name: str) -> bool:
    """Unique, and either named like a key or counting upwards."""
    if series.isna().any() or not series.is_unique:
        return False
    counts_up = len(series) >= MIN_KEY_ROWS and bool((series.diff().dropna() == 1).all())
    return counts_up or (len(series) > 1 and _KEY_NAME.search(name) is not None)


def _is_text_key(series: pd.Series, name: str) -> bool:
    """Unique, and either named like a key or in a table with many rows."""
    if series.isna().any() or not series.is_unique:
        return False
    return len(series) >= MIN_KEY_ROWS or (len(series) > 1 and _KEY_NAME.search(name) is not None)


def _with_domain(column: Column, present: pd.Series) -> Column:
    """Return a column with the domain of its values. Not private."""
    if len(present) == 0:
        return column
    if isinstance(column, Numeric):
        values = pd.to_numeric(present).astype("float64")
        decimals = next(
            (d for d in range(MAX_DECIMALS) if np.array_equal(values.round(d), values)), MAX_DECIMALS
        )
        return column.model_copy(
            update={"bounds": (float(values.min()), float(values.max())), "decimals": decimals}
        )
    if isinstance(column, Datetime):
        moments = pd.to_datetime(present, format=column.format)
        is_daily = bool((moments == moments.dt.normalize()).all())
        bounds = (moments.min().isoformat(), moments.max().isoformat())
        return column.model_copy(update={"bounds": bounds, "resolution": "day" if is_daily else "second"})
    if isinstance(column, Categorical):
        return column.model_copy(update={"categories": _categories(present)})
    return column


def _categories(present: pd.Series) -> tuple[Scalar, ...]:
    values = [v.item() if isinstance(v, np.generic) else v for v in present.astype(object).unique()]
    return tuple(sorted(values, key=lambda value: (type(value).__name__, value)))
