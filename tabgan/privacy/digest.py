"""A keyed digest of a table: tells whether it is the one of last time, to whoever holds the key.

A plain hash of a private table would let anybody confirm a guess of it. The key is drawn by the operating system and
never leaves the house.
"""

from __future__ import annotations

import hashlib
import hmac

import numpy as np
import pandas as pd

from tabgan.errors import DataError


def table_digest(df: object, key: bytes) -> str:
    """Return the HMAC-SHA256 of a table's names, dtypes and values, row by row, in hexadecimal.

    Args:
        df: The table; its index does not count.
        key: 32 bytes from the operating system.

    Raises:
        DataError: ``df`` is no table, or holds values that cannot be hashed.
    """
    if not isinstance(df, pd.DataFrame):
        raise DataError(f"fit: expected a pandas DataFrame, got {type(df).__name__}.")
    digest = hmac.new(key, digestmod=hashlib.sha256)
    digest.update(
        repr([(str(name), str(dtype)) for name, dtype in zip(df.columns, df.dtypes, strict=True)]).encode()
    )
    for position in range(df.shape[1]):
        try:
            values = pd.util.hash_pandas_object(df.iloc[:, position], index=False)
        except TypeError:
            raise DataError(
                f"Column {str(df.columns[position])!r}: expected text, numbers, booleans, dates or datetimes; found "
                "values of another type. Convert or drop it."
            ) from None
        digest.update(np.ascontiguousarray(values.to_numpy()).tobytes())
    return digest.hexdigest()
