"""Keys: values of categories in the one form in which they are compared."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from tabgan.columns.values import float_of, objects
from tabgan.errors import DataError

#: A value that a schema can list.
Value = bool | int | float | str


def typed(values: Iterable[object]) -> list[Hashable]:
    """Return values as keys under which 1, 1.0 and True are one only where pandas would store them as one.

    Integral numbers become Python's integers, other numbers its floats, and text plain ``str``, so that a category
    read from YAML matches the value in a float column, and no key depends on which of several equal values came
    first; booleans are set apart from 0 and 1.
    """
    return [value if type(value) is str else _key(_python_of(value)) for value in objects(values)]


def _python_of(value: Hashable) -> Hashable:
    """Return Python's own value for one of NumPy's; its longest floats have none but the nearest float."""
    if isinstance(value, np.floating):
        return float(value)
    return value.item() if isinstance(value, np.generic) else value


def _key(item: Hashable) -> Hashable:
    if isinstance(item, bool):
        return ("bool", item)
    if isinstance(item, str):
        return str(item)
    if isinstance(item, int | float | Decimal | Real):
        number = float_of(item)
        if not math.isfinite(number):
            return _text_of(item)
        if item == int(item):
            return int(item)
        return int(number) if number.is_integer() else number  # the nearest float may be whole
    return item


def _text_of(item: Any) -> str:
    """Return a number that floats cannot hold as text, which is a key like any other."""
    try:
        return str(item)
    except ValueError:  # of more digits than Python writes
        return hex(int(item))


def numbers_of(series: pd.Series) -> np.ndarray:
    """Return ``(rows,)`` numbers of cells, equal for equal cells and -1 for missing ones.

    Not by pandas' ``factorize``, which takes text to end at a null character.
    """
    is_present = series.notna().to_numpy(dtype=bool)
    found: dict[Hashable, int] = {}
    numbers = np.full(len(series), -1, dtype=np.int64)
    numbers[is_present] = [found.setdefault(key, len(found)) for key in typed(series[is_present])]
    return numbers


def counted(present: pd.Series) -> tuple[list[Value], np.ndarray]:
    """Return the distinct values of a series that a schema can list, and ``(values,)`` int64 times that each occurs.

    Not by pandas' ``factorize``, which takes text to end at a null character.
    """
    return listed(Counter(typed(present)))


def add_keys(
    found: Counter[Hashable], keys: Sequence[Hashable], times: np.ndarray | None, piece: tuple[int, int]
) -> None:
    """Add keys to counts.

    Args:
        found: The counts.
        keys: Keys of values.
        times: ``(keys,)`` times that each of them stands for; ``None`` for once.
        piece: Number of the piece that is counted, by the hash of a key, and of all: ``(0, 1)`` for a single one.
    """
    which, pieces = piece
    counts = itertools.repeat(1, len(keys)) if times is None else times.tolist()
    weighted = zip(keys, counts, strict=False)
    if pieces > 1:
        weighted = ((key, n) for key, n in weighted if hash(key) % pieces == which)  # type: ignore[assignment]
    elif times is None:
        found.update(keys)
        return
    for key, n in weighted:
        found[key] += n


def listed(found: Counter[Hashable]) -> tuple[list[Value], np.ndarray]:
    """Return the values behind counted keys that a schema can list, and ``(values,)`` int64 counts."""
    plain = {key: value for key in found if isinstance(value := value_of(key), bool | int | float | str)}
    return list(plain.values()), np.array([found[key] for key in plain], dtype=np.int64)


def value_of(key: Hashable) -> Hashable:
    """Return the category behind a key of :func:`typed`, in which only booleans are marked."""
    return key[1] if isinstance(key, tuple) and len(key) == 2 and isinstance(key[1], bool) else key


def keys_of(series: pd.Series, name: str) -> list[Hashable]:
    """Return ``(rows,)`` keys as :func:`typed` does, ``None`` where a cell is missing.

    Raises:
        DataError: cells cannot be compared, such as lists.
    """
    known: dict[tuple[type, Any], Hashable] = {}
    keys: list[Hashable] = []
    try:
        for value, is_missing in zip(objects(series), series.isna(), strict=True):
            if is_missing or value is None:
                keys.append(None)
                continue
            place = type(value), value
            if place not in known:
                known[place] = typed([value])[0]
            keys.append(known[place])
    except TypeError:
        raise DataError(
            f"Column {name!r}: holds values that cannot be compared, such as lists. Convert or drop it."
        ) from None
    return keys
