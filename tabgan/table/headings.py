"""Column labels that are not text, and a kept index: a model uses names, and samples get the labels back.

The name of a whole number is its text, that of a tuple the text of its parts with `` / `` between them. A schema, its
rules and reports use names; conditions and shares take either.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import pandas as pd

from tabgan._util.validate import shown
from tabgan.errors import DataError

T = TypeVar("T")

#: The text between the parts of a tuple.
BETWEEN = " / "

_FIX = "Use df.columns = df.columns.map(str)."


def name_of(label: Hashable) -> str | None:
    """Return the name for a column's label; ``None`` if it cannot be one.

    >>> name_of(3), name_of(("size", 2)), name_of(2.5)
    ('3', 'size / 2', None)
    """
    if isinstance(label, str):
        return str(label)
    if pd.api.types.is_integer(label):
        return str(label)
    if isinstance(label, tuple):
        parts = [None if isinstance(part, tuple) else name_of(part) for part in label]
        return None if not parts or None in parts else BETWEEN.join(map(str, parts))
    return None


@dataclass(frozen=True)
class Headings:
    """The labels of a table's columns, and the names of its index.

    Attributes:
        labels: Labels by name, of columns that have other labels than their names.
        levels: Names of the labels' levels: one, or several of tuples.
        index: Names of the columns that are the index of a sample; none where the index is not kept.
    """

    labels: Mapping[str, Hashable]
    levels: tuple[str | None, ...] = (None,)
    index: tuple[str, ...] = ()

    @classmethod
    def of(cls, df: pd.DataFrame, *, keep_index: bool) -> Headings | None:
        """Return the headings of a table; ``None`` if its column names are enough.

        Raises:
            DataError: labels are neither text, whole numbers nor tuples of them, two have one name, or a level of an
                index that is to be kept has no name of its own.
        """
        index = _index_of(df) if keep_index else ()
        if not isinstance(df.columns, pd.MultiIndex) and all(isinstance(each, str) for each in df.columns):
            own = tuple(None if each is None else str(each) for each in df.columns.names)
            return cls({}, own, index) if index or own != (None,) else None
        labels: dict[str, Any] = {}
        for label in df.columns:
            name = name_of(label)
            if name is None:
                raise DataError(
                    f"fit: expected labels of columns that are text, whole numbers, or tuples of these. {_FIX}"
                )
            if name in labels:
                raise DataError(f"fit: two labels of columns are {name!r} as text. Rename one of them.")
            labels[name] = _plain(label)
        levels = tuple(None if each is None else str(each) for each in df.columns.names)
        return cls(labels, levels, index)

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Headings:
        """Return the headings that :meth:`to_dict` describes.

        Raises:
            ValueError, KeyError, TypeError: the data describe no headings.
        """
        plain: dict[str, Any] = dict(data)
        labels = [tuple(each) if isinstance(each, list) else each for each in plain["labels"]]
        names = [name_of(each) for each in labels]
        levels, index = tuple(plain["levels"]), tuple(plain["index"])
        texts = (*(each for each in levels if each is not None), *index)
        if (
            set(data) != {"labels", "levels", "index"}
            or not levels
            or not all(isinstance(t, str) for t in texts)
        ):
            raise ValueError
        if None in names or len(set(names)) < len(names):
            raise ValueError
        return cls(dict(zip(map(str, names), labels, strict=True)), levels, index)

    def to_dict(self) -> dict[str, object]:
        """Return the headings as plain data."""
        return {"labels": list(self.labels.values()), "levels": list(self.levels), "index": list(self.index)}

    def shown(self, df: pd.DataFrame) -> pd.DataFrame:
        """Return a table of a model with its labels, and its index."""
        attrs = dict(df.attrs)
        if self.index and set(self.index) <= set(df.columns):
            df = df.set_index(list(self.index))
        if self.labels or self.levels != (None,):
            width = len(self.levels)
            labels = [self.labels.get(name, name) for name in df.columns]
            if width > 1:
                whole = [each if isinstance(each, tuple) else (each, *[""] * (width - 1)) for each in labels]
                df = df.set_axis(pd.MultiIndex.from_tuples(whole, names=self.levels), axis=1)
            else:
                df = df.set_axis(pd.Index(labels, name=self.levels[0], tupleize_cols=False), axis=1)
        df.attrs.update(attrs)
        return df

    def within(self, df: pd.DataFrame) -> pd.DataFrame:
        """Return a table with the levels of its index as columns, if they are those that are kept."""
        if not self.index or tuple(df.index.names) != self.index:
            return df
        return df.reset_index()


def named_columns_of(df: pd.DataFrame) -> pd.DataFrame:
    """Return a table with names in place of its labels, where each has one; else as it is."""
    if not isinstance(df.columns, pd.MultiIndex) and all(isinstance(each, str) for each in df.columns):
        return df
    names = [name_of(_trimmed(label)) for label in df.columns]
    return df if None in names else df.set_axis(pd.Index(names), axis=1)


def as_named(table: T, headings: Headings | None) -> T:
    """Return a frame with names in place of labels, and with a kept index as columns; anything else as it is."""
    if not isinstance(table, pd.DataFrame):
        return table
    named: T = named_columns_of(table if headings is None else headings.within(table))
    return named


def _index_of(df: pd.DataFrame) -> tuple[str, ...]:
    names = [each for each in df.index.names if isinstance(each, str) and each]
    if len(names) < df.index.nlevels or len(set(names)) < len(names):
        raise DataError(
            f"keep_index: expected an index whose levels have names, got {shown(list(df.index.names))}. Use "
            "df.rename_axis(...)."
        )
    taken = set(names) & {name_of(label) for label in df.columns}
    if taken:
        raise DataError(f"keep_index: {sorted(map(str, taken))[0]!r} is a column, too. Rename one of them.")
    return tuple(names)


def _plain(label: Any) -> Any:
    if isinstance(label, tuple):
        return tuple(map(_plain, label))
    return int(label) if pd.api.types.is_integer(label) else str(label)


def _trimmed(label: Any) -> Any:
    """Return a label without empty parts at its end, which a table with an added column or index has."""
    if not isinstance(label, tuple):
        return label
    parts: Sequence[Any] = label
    while len(parts) > 1 and parts[-1] == "":
        parts = parts[:-1]
    return parts[0] if len(parts) == 1 and len(label) > 1 else tuple(parts)
