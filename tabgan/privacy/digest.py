"""A keyed digest of a table: tells whether it is the one of last time, to whoever holds the key.

A plain hash of a private table would let anybody confirm a guess of it. The key is drawn by the operating system and
never leaves the house.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import numpy as np
import pandas as pd

from tabgan.errors import DataError


def table_digest(df: object, key: bytes) -> str:
    """Return the HMAC-SHA256 of a table's names, dtypes and values, row by row, in hexadecimal.

    Args:
        df: The table; its index does not count.
        key: 32 bytes from the operating system.

    Raises:
        DataError: ``df`` is no table, or holds values that cannot be told apart.
    """
    if not isinstance(df, pd.DataFrame):
        raise DataError(f"fit: expected a pandas DataFrame, got {type(df).__name__}.")
    digest = hmac.new(key, digestmod=hashlib.sha256)
    digest.update(_bytes(f"{len(df)} {df.shape[1]}"))
    for position in range(df.shape[1]):
        series = df.iloc[:, position]
        digest.update(_bytes(f"{df.columns[position]!r} {series.dtype}"))
        try:
            digest.update(_values(series))
        except (TypeError, ValueError, ArithmeticError):
            raise DataError(
                f"Column {str(df.columns[position])!r}: expected text, numbers, booleans, dates or datetimes; found "
                "values of another type. Convert or drop it."
            ) from None
    return digest.hexdigest()


def _values(series: pd.Series) -> bytes:
    """Return bytes that are the same for the same values, and for no others: those of numbers, digests of all else."""
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "iufbM":
        return np.ascontiguousarray(series.to_numpy()).tobytes()
    known: dict[tuple[type, Any], bytes] = {}
    parts = []
    for value, is_missing in zip(series, series.isna(), strict=True):
        if is_missing:
            parts.append(b"-" * _LENGTH)
            continue
        key = (type(value), value)
        if key not in known:
            known[key] = hashlib.blake2b(_bytes(_text(value)), digest_size=_LENGTH).digest()
        parts.append(known[key])
    return b"".join(parts)


#: Bytes of the digest of a value.
_LENGTH = 16


def _text(value: object) -> str:
    """Return text that stands for a value and no other."""
    if isinstance(value, int):
        return f"{type(value).__name__} {int(value):x}"  # of any length, which str() is not
    return f"{type(value).__name__} {value if isinstance(value, str) else repr(value)}"


def _bytes(text: str) -> bytes:
    """Return text as bytes, whatever it holds, and its length before it."""
    data = text.encode("utf-8", "surrogatepass")
    return len(data).to_bytes(8, "little") + data
