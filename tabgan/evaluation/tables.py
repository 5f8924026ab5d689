"""Three comparable tables: the same columns, read once into numbers.

The real rows are read here, outside the privacy guarantee. Messages name tables and columns, never cells.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import pandas as pd

from tabgan._util.validate import nearest
from tabgan.columns import Column
from tabgan.columns.keys import typed
from tabgan.errors import DataError
from tabgan.evaluation.metric import NotComputed
from tabgan.schema import Schema
from tabgan.table.draft import draft_schema

T = TypeVar("T")
U = TypeVar("U")

Keys = tuple[Hashable, ...]

#: Largest number of any size that figures tell apart: differences of larger ones are beyond all floats.
LARGEST = 1e305

#: Number of categories that a model or a distance keeps, most frequent first. scikit-learn's trees take 255.
MAX_FEATURE_CATEGORIES, MAX_INDICATORS = 250, 50


class Three(NamedTuple, Generic[T]):
    """One thing for each of the three tables."""

    real: T
    holdout: T
    synthetic: T

    def map(self, function: Callable[[T], U]) -> Three[U]:
        """Return ``function`` of each."""
        return Three(function(self.real), function(self.holdout), function(self.synthetic))


@dataclass(frozen=True)
class Tables:
    """Three tables with the same columns.

    Attributes:
        frames: The original tables, columns in the order of the real one.
        columns: The descriptions of all columns.
        modelled: The columns that are compared: all but identifiers.
        values: ``(rows, modelled)`` float64: numbers, seconds since 1970, or positions in ``keys``; NaN where a
            cell is missing or not of its kind.
        keys: Categories of each modelled column, the real rows' first and by falling frequency; ``None`` for
            numbers and moments. Their number stands for any other category.
        unreadable: Names of columns without a holdout cell of the column's kind.
    """

    frames: Three[pd.DataFrame]
    columns: tuple[Column, ...]
    modelled: tuple[Column, ...]
    values: Three[np.ndarray]
    keys: tuple[Keys | None, ...]
    unreadable: tuple[str, ...] = ()

    def of(self, j: int) -> Three[np.ndarray]:
        """Return ``(rows,)`` values of one modelled column."""
        return self.values.map(lambda values: values[:, j])

    @cached_property
    def row_hashes(self) -> Three[np.ndarray]:
        """``(rows,)`` uint64 of each table, equal for equal rows: to the schema's precision, without identifiers."""
        return self.values.map(lambda values: _row_hashes(values, self.modelled))

    def position(self, name: str) -> int:
        """Return the position of a modelled column."""
        return [column.name for column in self.modelled].index(name)


def _row_hashes(values: np.ndarray, columns: tuple[Column, ...]) -> np.ndarray:
    """Return ``(rows,)`` uint64, equal for equal rows, and different for others but for a chance of 2**-64."""
    rounded = np.stack([column.rounded(values[:, j]) for j, column in enumerate(columns)], axis=1)
    frame = pd.DataFrame(np.where(np.isnan(rounded), np.nan, rounded + 0.0))  # one NaN, one zero
    return np.asarray(pd.util.hash_pandas_object(frame, index=False))


def prepare(
    real: pd.DataFrame, holdout: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema | None
) -> Tables:
    """Return the three tables, checked and read.

    Raises:
        DataError: an argument is not a table, is empty, or has other columns than the real table.
    """
    tables = {"real": real, "holdout": holdout, "synthetic": synthetic}
    for label, table in tables.items():
        check_frame(table, label)
    for label in ("holdout", "synthetic"):
        _check_columns(tables[label], real, label)
    frames = Three(
        *(
            without_signals(table[list(real.columns)].reset_index(drop=True))
            for table in (real, holdout, synthetic)
        )
    )
    columns = _describe(frames, schema)
    modelled = tuple(column for column in columns if column.is_modelled)
    read = [_read(column, _column(frames, column.name)) for column in modelled]
    unreadable = tuple(
        column.name
        for column, (numbers, _) in zip(modelled, read, strict=True)
        if _is_unreadable(_column(frames, column.name), numbers)
    )
    values = Three(*(_stack([each[0][i] for each in read], len(frame)) for i, frame in enumerate(frames)))
    return Tables(frames, columns, modelled, values, tuple(keys for _, keys in read), unreadable)


def without_signals(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table without signalling NaNs: they raise on any comparison, even in a test for missing cells."""
    changed = table
    for name in table.columns:
        try:
            table[name].isna()
        except ArithmeticError:
            changed = table.copy() if changed is table else changed
            plain = [None if isinstance(v, Decimal) and v.is_snan() else v for v in table[name]]
            changed[name] = pd.Series(plain, index=table.index, dtype=object)
    return changed


def require_columns(tables: Tables) -> None:
    """Raise ``NotComputed`` if there is nothing to compare."""
    if not tables.modelled:
        raise NotComputed("there are only identifiers")


def read_alone(series: pd.Series, column: Column) -> tuple[np.ndarray, Keys | None]:
    """Return a column of one table by itself, without reading another table.

    Returns:
        ``(rows,)`` float64 as in :attr:`Tables.values`, and the categories or identifiers that they encode.

    Raises:
        DataError: categories cannot be compared, such as lists.
    """
    if not column.has_categories and column.is_modelled:
        return column.read(series), None
    codes, observed = _categories(column, series)
    return np.where(codes < 0, np.nan, codes), tuple(observed)


def subsample(rows: np.ndarray, n_rows: int, rng: np.random.Generator) -> np.ndarray:
    """Return ``n_rows`` of the rows, drawn without replacement; all of them if there are no more."""
    return rows if len(rows) <= n_rows else rows[rng.choice(len(rows), size=n_rows, replace=False)]


def parts_of_units(units: np.ndarray, n_parts: int, rng: np.random.Generator) -> np.ndarray:
    """Return ``(rows,)`` numbers of parts, drawn for each unit: all of a person's rows are in one of them.

    Args:
        units: ``(rows,)`` numbers of the people behind the rows.
        n_parts: Number of parts, of about as many people each.
        rng: Draws them.
    """
    people, person = np.unique(units, return_inverse=True)
    return np.asarray((rng.permutation(len(people)) % n_parts)[person])


def drawn_columns(tables: Tables, most: int, rng: np.random.Generator) -> Tables:
    """Return the tables with ``most`` of the modelled columns, in their order; all of them if there are no more."""
    if len(tables.modelled) <= most:
        return tables
    chosen = np.sort(rng.choice(len(tables.modelled), size=most, replace=False))
    return replace(
        tables,
        modelled=tuple(tables.modelled[j] for j in chosen),
        values=tables.values.map(lambda values: values[:, chosen]),
        keys=tuple(tables.keys[j] for j in chosen),
    )


def equal_rows(arrays: Three[np.ndarray], most: int, rng: np.random.Generator) -> Three[np.ndarray]:
    """Return equally many holdout and synthetic rows, and as many real ones as possible, ``most`` of each at most."""
    n_rows = min(len(arrays.holdout), len(arrays.synthetic), most)
    return Three(
        subsample(arrays.real, most, rng),
        subsample(arrays.holdout, n_rows, rng),
        subsample(arrays.synthetic, n_rows, rng),
    )


def features(tables: Tables) -> Three[np.ndarray]:
    """Return ``(rows, modelled)`` float64 for trees: rare categories are missing."""
    limits = np.array([np.inf if keys is None else MAX_FEATURE_CATEGORIES for keys in tables.keys])
    return tables.values.map(lambda values: np.where(values >= limits, np.nan, values))


def informative(x: np.ndarray) -> np.ndarray:
    """Return a mask of the features with two values or more: scikit-learn's binning fails on one without any."""
    low, high = np.fmin.reduce(x, axis=0), np.fmax.reduce(x, axis=0)
    return np.asarray(low < high)  # NaN, where all are missing, is not


def embed(tables: Tables, positions: Sequence[int] | None = None) -> Three[np.ndarray]:
    """Return ``(rows, dimensions)`` float64 in which every column weighs about the same.

    Numbers are scaled to the real rows' 1st to 99th percentile, missing ones are set to the median and marked in a
    dimension of their own; two categories are 1 apart. Like the distance of Gower (1971), *A General
    Coefficient of Similarity*, but Euclidean.

    Args:
        tables: The three tables.
        positions: The modelled columns to use; all by default.
    """
    chosen = range(len(tables.modelled)) if positions is None else positions
    blocks = [_block(tables.of(j), tables.keys[j]) for j in chosen]
    return Three(*(np.concatenate([block[i] for block in blocks], axis=1) for i in range(3)))


def _block(values: Three[np.ndarray], keys: Keys | None) -> Three[np.ndarray]:
    """Return ``(rows, width)`` dimensions of one column."""
    if keys is not None:
        shown = _frequent(values, len(keys))
        return values.map(lambda v: (v[:, None] == shown) / np.sqrt(2))
    present = values.real[~np.isnan(values.real)]
    if len(present) == 0:
        return values.map(lambda v: (~np.isnan(v)).astype(float)[:, None])
    low, high = np.quantile(present, [0.01, 0.99])
    if low == high:
        low, high = present.min(), present.max()
    scale, middle = (high - low) or 1.0, float(np.median(present))

    def scaled(v: np.ndarray) -> np.ndarray:
        is_missing = np.isnan(v)
        with np.errstate(over="ignore"):  # beyond the largest float is beyond the largest number kept
            multiples = (np.where(is_missing, middle, v) - low) / scale
        numbers = np.clip(multiples, -1.0, 2.0)
        return np.stack([numbers, is_missing.astype(float)], axis=1)

    return values.map(scaled)


def check_frame(table: object, label: str) -> None:
    """Raise ``DataError`` unless a table is a DataFrame with rows, and with columns named by unique text."""
    if not isinstance(table, pd.DataFrame):
        raise DataError(
            f"evaluate: expected the {label} table as a pandas DataFrame, got {type(table).__name__}."
        )
    if isinstance(table.columns, pd.MultiIndex) or not all(isinstance(name, str) for name in table.columns):
        raise DataError(
            f"evaluate: expected column names that are text in the {label} table. "
            "Use df.columns = df.columns.map(str)."
        )
    repeated = sorted(set(table.columns[table.columns.duplicated()]))
    if repeated:
        raise DataError(
            f"evaluate: column names repeat in the {label} table: {listed(repeated)}. Rename or drop them."
        )
    if 0 in table.shape:
        lacks = "no column" if table.shape[1] == 0 else "no row"
        raise DataError(f"evaluate: expected rows and columns in the {label} table, got {lacks}.")


def _check_columns(table: pd.DataFrame, real: pd.DataFrame, label: str) -> None:
    lacking = [name for name in real.columns if name not in table.columns]
    extra = [name for name in table.columns if name not in real.columns]
    if not lacking and not extra:
        return
    found = [f"lacks {listed(lacking)}"] if lacking else []
    found += [f"has {listed(extra)} besides"] if extra else []
    raise DataError(
        f"evaluate: the {label} table {' and '.join(found)}. Give it the columns of the real table."
    )


def listed(names: Sequence[str], most: int = 10) -> str:
    """Return names of columns in quotes, the first ``most`` of them."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more


def _describe(frames: Three[pd.DataFrame], schema: Schema | None) -> tuple[Column, ...]:
    """Return the schema's columns, and drafts of the others.

    Raises:
        DataError: the schema has a column that the tables lack.
    """
    declared = {column.name: column for column in schema or ()}
    for name in declared:
        if name not in frames.real.columns:
            raise DataError(
                f"evaluate: column {name!r} is in the schema, but not in the tables."
                f"{nearest(name, list(frames.real.columns))}"
            )
        zoned = frames.real[name].dtype
        if declared[name].dtype is None and isinstance(zoned, pd.DatetimeTZDtype):
            declared[name] = declared[name].with_(dtype=str(zoned))
    others = [name for name in frames.real.columns if name not in declared]
    for column in draft_schema(frames.real[others]) if others else ():
        is_missing = any(frame[column.name].isna().any() for frame in frames[:2])
        declared[column.name] = column.model_copy(update={"nullable": is_missing})
    return tuple(declared[name] for name in frames.real.columns)


def _is_unreadable(series: Three[pd.Series], values: Three[np.ndarray]) -> bool:
    """Return True if no holdout cell of a column is of its kind in the real table, which voids all comparisons."""
    has_cells = bool(series.holdout.notna().any())
    return has_cells and bool(np.isnan(values.holdout).all()) and not np.isnan(values.real).all()


def why_void(names: Sequence[str]) -> str:
    """Return the reason why nothing can be compared if holdout columns are unreadable."""
    return f"no cell of column {names[0]!r} in the holdout table can be read as it is in the real table"


def _frequent(values: Three[np.ndarray], n_keys: int) -> np.ndarray:
    """Return the categories that have a dimension of their own: the most frequent of both real tables alike.

    If they were chosen from the training rows alone, only these rows' rare categories would be distinguished, and all
    rows would be closer to one table than to the other.
    """
    shares = np.zeros(n_keys)
    for table in (values.real, values.holdout):
        present = table[table < n_keys].astype(np.int64)  # NaN is not
        shares += np.bincount(present, minlength=n_keys) / max(len(table), 1)
    return np.sort(np.argsort(-shares, kind="stable")[:MAX_INDICATORS])


def _column(frames: Three[pd.DataFrame], name: str) -> Three[pd.Series]:
    return frames.map(lambda frame: frame[name])


def _read(column: Column, series: Three[pd.Series]) -> tuple[Three[np.ndarray], Keys | None]:
    """Return one column's values in the three tables, and its categories."""
    if not column.has_categories:
        return series.map(lambda each: np.clip(column.read(each), -LARGEST, LARGEST)), None
    coded = series.map(lambda each: _categories(column, each))
    codes, observed = coded.real
    counts = np.bincount(codes[codes >= 0], minlength=len(observed))
    by_count = sorted(zip(-counts, observed, strict=True), key=lambda pair: (pair[0], repr(pair[1])))
    known = [key for _, key in by_count] + typed(column.listed) + sorted(coded.holdout[1], key=repr)
    position = {key: i for i, key in enumerate(dict.fromkeys(known))}

    def values(pair: tuple[np.ndarray, list[Hashable]]) -> np.ndarray:
        positions = [position.get(key, len(position)) for key in pair[1]]
        return np.asarray(np.array([*positions, np.nan])[pair[0]])  # code -1, missing, takes the last

    return coded.map(values), tuple(position)


def _categories(column: Column, series: pd.Series) -> tuple[np.ndarray, list[Hashable]]:
    """Return ``(rows,)`` codes of a column's cells, -1 for missing, and the keys that they encode."""
    known: dict[Hashable, int] = {}
    codes = [-1 if key is None else known.setdefault(key, len(known)) for key in column.keys(series)]
    return np.array(codes, dtype=np.int64), list(known)


def _stack(columns: Sequence[np.ndarray], n_rows: int) -> np.ndarray:
    return np.stack(columns, axis=1).astype(np.float64) if columns else np.empty((n_rows, 0))
