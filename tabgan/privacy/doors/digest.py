"""A keyed digest of a table, which shows the holder of the key whether the table has changed.

A plain hash of a private table would let anybody confirm a guess of it. The key is drawn by the operating system and
never leaves the organisation.

The digest covers the data, not a file or a frame: the order of rows and columns does not count, nor does the dtype or
text that represents a value. Two tables have the same digest if and only if they have the same column names and the
same rows, with the same multiplicities, up to these differences, which are ignored on purpose: see
:mod:`tabgan.columns.canonical`.

**References.** Bellare & Micciancio (1997), *A New Paradigm for Collision-Free Hashing*; Clarke, Devadas, van Dijk,
Gassend & Suh (2003), *Incremental Multiset Hash Functions*, Section 4: MSet-Add-Hash. Departures marked below.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from tabgan.columns.canonical import WIDTH, canonical_bytes
from tabgan.errors import DataError
from tabgan.privacy.ledger.records import DIGEST_VERSION
from tabgan.table.spooled import SpooledTable

#: Rows digested at a time, which bounds the memory.
_CHUNK = 1 << 16


def table_digest(df: object, key: bytes, version: int = DIGEST_VERSION) -> str:
    """Return the digest of a table's names and rows under a key, in hexadecimal.

    Each value becomes 17 canonical bytes; text and other values that do not fit go through keyed BLAKE2b. Each row, its
    values in the order of the columns' names, goes through keyed BLAKE2b to 512 bits. These are summed modulo 2**512,
    and names, number of rows and sum go through HMAC-SHA256.

    **Guarantee.** No differential privacy: the result is a function of all rows and stays in the organisation. To
    anyone without the key it is a pseudorandom string. BLAKE2b under a secret key is assumed to be a pseudorandom
    function, so two tables of ``n`` rows that are different multisets have equal sums with probability at most
    ``n / 2**512`` (``n``, because a repeated row counts as often as it occurs), and two of ``m`` distinct texts have
    the same form with ``m**2 / 2**129``. Without the key nobody can evaluate the function, and so nobody can search for
    sums that collide, as with the keyless hash of Bellare & Micciancio. Departure: no nonce, because digests must be
    comparable; a second keyed hash makes the lines of a ledger differ. The holder of the key could search for
    collisions (lattices, Wagner's generalised birthday), but the holder is the owner of the table, who could just as
    well declare that it may change.

    Args:
        df: The table; its index is ignored.
        key: 32 bytes from the operating system.
        version: 3, or an older one for ledgers and checkpoints: 2 had no durations, 1 covered the representation.

    Raises:
        DataError: ``df`` is not a DataFrame, or holds values that cannot be distinguished.
    """
    if not isinstance(df, pd.DataFrame | SpooledTable):
        raise DataError(f"fit: expected a pandas DataFrame, got {type(df).__name__}.")
    if version == 1 and isinstance(df, SpooledTable):
        raise DataError("ledger: it is of an older version, which knows no table in parts. Fit to a frame.")
    if version == 1:
        return _table_digest_v1(df, key)
    names = [str(name) for name in df.columns]
    order = sorted(range(len(names)), key=names.__getitem__)
    sums = partial(_sum_of_part, order=order, key=key, version=version)
    total = sums(df) if isinstance(df, pd.DataFrame) else sum(df.each(sums))
    digest = hmac.new(key, digestmod=hashlib.sha256)
    digest.update(_bytes(f"table {version} {len(df)} {len(names)}"))
    for position in order:
        digest.update(_bytes(names[position]))
    digest.update((total % 2**512).to_bytes(64, "little"))
    return digest.hexdigest()


def _sum_of_part(part: pd.DataFrame | SpooledTable, order: list[int], key: bytes, version: int) -> int:
    """Return the sum of the rows' hashes of a table, or of a part of it where it lies."""
    frames = [part] if isinstance(part, pd.DataFrame) else part.frames()
    return sum(
        _sum_of_rows(frame.iloc[start : start + _CHUNK], order, key, version)
        for frame in frames
        for start in range(0, len(frame), _CHUNK)
    )


def _sum_of_rows(df: pd.DataFrame, order: list[int], key: bytes, version: int) -> int:
    """Return the sum of the rows' hashes."""
    cells = np.empty((len(df), len(order), WIDTH), dtype=np.uint8)
    for place, position in enumerate(order):
        try:
            cells[:, place] = canonical_bytes(df.iloc[:, position], key, version)
        except (TypeError, ValueError, ArithmeticError):
            raise _odd(df.columns[position]) from None
    width = len(order) * WIDTH
    rows = cells.tobytes()
    new = hashlib.blake2b(key=key, person=b"tabgan row")
    hashes = []
    for start in range(0, len(df) * width, width) if width else [0] * len(df):
        row = new.copy()
        row.update(rows[start : start + width])
        hashes.append(row.digest())
    limbs = np.frombuffer(b"".join(hashes), dtype="<u4").reshape(len(df), 16).sum(axis=0, dtype=np.uint64)
    return sum(int(limb) << (32 * place) for place, limb in enumerate(limbs))


def _odd(name: object) -> DataError:
    return DataError(
        f"Column {str(name)!r}: expected text, numbers, booleans, dates, datetimes, times of day or durations; found "
        "values of another type. Convert or drop it."
    )


def _bytes(text: str) -> bytes:
    """Return any text as bytes, preceded by its length."""
    data = text.encode("utf-8", "surrogatepass")
    return len(data).to_bytes(8, "little") + data


# -- version 1 ------------------------------------------------------------------------------------------------------


def _table_digest_v1(df: pd.DataFrame, key: bytes) -> str:
    """Return the digest of older ledgers: HMAC-SHA256 of names, dtypes and values, row by row."""
    digest = hmac.new(key, digestmod=hashlib.sha256)
    digest.update(_bytes(f"{len(df)} {df.shape[1]}"))
    for position in range(df.shape[1]):
        series = df.iloc[:, position]
        dtype = "object" if str(series.dtype) == "str" else series.dtype  # text, as pandas before 3 has it
        digest.update(_bytes(f"{df.columns[position]!r} {dtype}"))
        try:
            digest.update(_values_v1(series))
        except (TypeError, ValueError, ArithmeticError):
            raise _odd(df.columns[position]) from None
    return digest.hexdigest()


def _values_v1(series: pd.Series) -> bytes:
    """Return bytes that are equal for equal values only: the numbers' own bytes, or digests of all other values."""
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "iufbM":
        return np.ascontiguousarray(series.to_numpy()).tobytes()
    known: dict[tuple[type, Any], bytes] = {}
    parts = []
    for value, is_missing in zip(series, series.isna(), strict=True):
        if is_missing:
            parts.append(b"-" * 16)
            continue
        key = (type(value), value)
        if key not in known:
            known[key] = hashlib.blake2b(_bytes(_text_v1(value)), digest_size=16).digest()
        parts.append(known[key])
    return b"".join(parts)


def _text_v1(value: object) -> str:
    """Return text that represents this value and no other."""
    if isinstance(value, int):
        return f"{type(value).__name__} {int(value):x}"  # of any length, unlike str()
    return f"{type(value).__name__} {value if isinstance(value, str) else repr(value)}"
