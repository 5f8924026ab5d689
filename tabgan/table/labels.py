"""Labels that mark tables as synthetic: in a frame, beside a CSV, inside a Parquet file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from tabgan._util.files import parse
from tabgan._util.validate import shown
from tabgan.errors import ConfigError

#: Key of a frame's ``attrs``, of a Parquet file's metadata, and of the JSON beside a CSV.
LABEL = "tabgan.synthetic"

#: Most bytes of a label that is read.
_MOST = 10_000


def label_of(df: object) -> dict[str, object] | None:
    """Return the label of a frame, ``None`` if it has none."""
    attrs = getattr(df, "attrs", None)
    found = attrs.get(LABEL) if isinstance(attrs, Mapping) else None
    return dict(found) if isinstance(found, Mapping) else None


def labelled(df: pd.DataFrame, label: Mapping[str, object] | None) -> pd.DataFrame:
    """Return a frame with a label in its ``attrs``; unchanged without one."""
    if label is not None:
        df.attrs[LABEL] = dict(label)
    return df


def check_label_column(name: str | None, names: Iterable[str]) -> None:
    """Raise unless a column of a name can be added to a table's.

    Raises:
        ConfigError: the name is not text, or a column's own.
    """
    if name is not None and (not isinstance(name, str) or not name):
        raise ConfigError(f"label_column: expected a name, got {shown(name)}.")
    if name in set(names):
        raise ConfigError(f"label_column: the table has a column {name!r} already. Choose another name.")


def with_label_column(df: pd.DataFrame, name: str | None) -> pd.DataFrame:
    """Return a frame with a last column that is true in every row; as it is without a name."""
    if name is None:
        return df
    df = df.copy(deep=False)
    df[name] = True
    return df


def beside(path: Path) -> Path:
    """Return the path of the label beside a CSV."""
    return path.with_name(f"{path.name}.meta.json")


def to_json(label: Mapping[str, object]) -> str:
    """Return a label as a Parquet file's metadata holds it."""
    return json.dumps(dict(label), allow_nan=False)


def of_json(text: str | bytes | None) -> dict[str, object] | None:
    """Return the label in a Parquet file's metadata: empty if it cannot be read, ``None`` without one."""
    if text is None:
        return None
    try:
        found = parse(text.decode("utf-8") if isinstance(text, bytes) else text) if len(text) <= _MOST else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def of_side_file(path: Path) -> dict[str, object] | None:
    """Return the label beside a CSV, ``None`` if there is no such file, or it is another."""
    side = beside(path)
    try:
        text = side.read_text(encoding="utf-8") if side.stat().st_size <= _MOST else ""
    except (OSError, UnicodeDecodeError):
        return None
    found = (of_json(text) or {}).get(LABEL)
    return found if isinstance(found, dict) else None
