"""Numbers: integers and floats, as multiples of a power of ten."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator, model_validator

from tabgan.columns import numerals, rounding
from tabgan.columns.kind import BOOLEANS, NUMBERS, TEXT, Ballot, Column, Domain, check_objects, is_text_dtype
from tabgan.columns.lattice import LIMIT, LatticeColumn, LatticeEncoder, Precision
from tabgan.columns.values import float_of, floats, is_text, objects, short_float, shortest
from tabgan.errors import ConfigError, DataError, SchemaError

#: Most decimals that are kept: values are multiples of 10**-decimals, and floats hold no more.
MAX_DECIMALS = 9

#: Cells of the vote on decimals.
DECIMALS = (0, 1, 2, 3, 4, 5, 6, MAX_DECIMALS)

#: dtypes of numbers that are read from text.
TEXT_INTEGER, TEXT_FLOAT = "Int64", "float64"

#: Share of the columns that one of a written form is expected to be, before any was seen.
_RARE = 0.0005


class Numeric(LatticeColumn):
    """A column of integers or floats.

    Attributes:
        bounds: Smallest and largest value. Values outside are clipped, or refused
            (``out_of_range="error"``).
        decimals: Decimal places that are kept, 0 for integers.
        objects: ``"decimal"`` if a column of objects holds ``decimal.Decimal``, and samples are to; the vote on kinds
            finds it for columns that are not declared. Otherwise numbers in objects come back as Python's own.
        format: The number 1234.5 as text in the column writes it, such as ``"1,234.5"``, ``"$1234.5"``, ``"1234,5%"``
            or ``"1.23E+03"``; ``None`` for numbers, and for numerals of a CSV. Values are what is written: ``12.5%`` is
            12.5. Samples are written in the same form.
    """

    kind: Literal["numeric"] = "numeric"
    bounds: tuple[float, float] | None = None
    decimals: Annotated[int, Field(ge=0, le=MAX_DECIMALS)] | None = None
    format: str | None = None
    out_of_range: Literal["clip", "error"] = "clip"
    objects: Literal["decimal"] | None = None

    quantity: ClassVar[str | None] = "a number"
    is_regressed: ClassVar[bool] = True
    precision: ClassVar[Precision] = Precision("decimals", "whole numbers")
    known_steps: ClassVar[tuple[float, ...]] = tuple(10.0**-d for d in range(MAX_DECIMALS))

    @model_validator(mode="after")
    def _check_bounds(self) -> Numeric:
        if self.bounds is not None:
            low, high = self.bounds
            if not (math.isfinite(low) and math.isfinite(high) and low <= high):
                raise ValueError("bounds: expected two finite numbers, the smaller one first.")
            scale = 10.0 ** (self.decimals or 0)
            if max(-low, high) * scale > LIMIT:
                raise ValueError("bounds: expected numbers of at most 15 digits, decimals included.")
            if self.decimals is not None and math.ceil(low * scale - 1e-9) > math.floor(high * scale + 1e-9):
                raise ValueError(
                    f"bounds: no number with decimals: {self.decimals} lies in them. Raise decimals."
                )
        return self

    @field_validator("format")
    @classmethod
    def _check_format(cls, example: str | None) -> str | None:
        if example is not None:
            numerals.form_of(example)
        return example

    @property
    def has_precision(self) -> bool:
        return self.decimals is not None

    @property
    def step(self) -> float:
        return 10.0 ** -(self.decimals or 0)

    def domain(self) -> Domain:
        # More decimals than MAX_DECIMALS is every float there is.
        step = None if self.decimals is None or self.decimals >= MAX_DECIMALS else self.step
        return Domain(self.bounds, step, None, self.nullable is not False)

    def undeclared(self) -> Numeric:
        return type(self)(name=self.name, format=self.format)

    def parse(self, text: str, where: str) -> float:
        written = math.nan if self.format is None else numerals.form_of(self.format).read(text)
        if not math.isnan(written):
            return written
        try:
            if "_" in text or not math.isfinite(float(text)):
                raise ValueError
            return int(text) if self.decimals == 0 else float(text)
        except ValueError:
            raise ConfigError(f"{where}: expected a number, got {text!r}.") from None

    @classmethod
    def has_dtype(cls, dtype: Any) -> bool:
        return bool(pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype))

    @classmethod
    def ballots(cls) -> tuple[Ballot, ...]:
        return (
            Ballot(
                _NUMERALS,
                _is_numeral,
                lambda name, _: cls(name=name),
                weight=1.0,
                is_untyped=True,
                is_fallback=True,
            ),
            Ballot(
                "decimals",
                _is_decimal,
                lambda name, dtype: cls(name=name, dtype=dtype, objects="decimal"),
                reads=("numbers",),
            ),
            Ballot(
                "numbers",
                _is_no_text,
                lambda name, dtype: cls(name=name, dtype=dtype),
                reads=("decimals",),
                weight=0.02,
            ),
            *(_form_ballot(cls, *form) for form in numerals.forms()),
        )

    def with_table_dtype(self, dtype: str, is_read_from_text: bool) -> Numeric:
        is_written = is_read_from_text and self.format is None
        return self if is_written else super().with_table_dtype(dtype, is_read_from_text)

    def with_implied_precision(self) -> Numeric:
        is_integer = self.dtype is not None and _is_integer(self.dtype)
        return self.with_(decimals=0) if is_integer and self.decimals is None else self

    def with_final_dtype(self) -> Numeric:
        read = "object" if self.objects else TEXT_FLOAT if self.decimals else TEXT_INTEGER
        return self if self.dtype else self.with_(dtype=read)

    def with_finest_precision(self) -> Numeric:
        return self if self.has_precision else self.with_(decimals=MAX_DECIMALS)

    def precision_counts(self, series: pd.Series) -> np.ndarray:
        values = self.read(series)
        form = None if self.format is None else numerals.form_of(self.format)
        if form is not None and not form.mantissa and is_text(series):  # $5.00 has two
            texts = [
                text for text, value in zip(objects(series), values, strict=True) if not math.isnan(value)
            ]
            written = [form.decimals(text) if isinstance(text, str) else 0 for text in texts]
            needed = np.minimum(np.searchsorted(DECIMALS, written), len(DECIMALS) - 1)
            return np.bincount(needed, minlength=len(DECIMALS))
        values = values[~np.isnan(values)]
        needed = np.full(len(values), len(DECIMALS) - 1)
        for position in range(len(DECIMALS) - 2, -1, -1):
            with np.errstate(over="ignore"):  # a warning would tell of a value
                rounded = np.round(values, DECIMALS[position])
            needed[rounded == values] = position
        return np.bincount(needed, minlength=len(DECIMALS))

    def with_precision(self, finest: int) -> Numeric:
        return self.with_(decimals=max(DECIMALS[finest], _decimals_of(self.bounds)))

    @property
    def reads_from_text(self) -> bool:
        return True

    def of_text(self, series: pd.Series) -> pd.Series:
        return pd.Series(self.read(series), index=series.index)

    def read(self, series: pd.Series) -> np.ndarray:
        if self.format is None or not is_text(series):
            return shortest(floats(series), short_float(pd.api.types.pandas_dtype(self.dtype or "float64")))
        values = numerals.form_of(self.format).floats(objects(series))
        return floats(pd.Series(np.fromiter(values, dtype="float64", count=len(series))))

    def rounded(self, values: np.ndarray) -> np.ndarray:
        return values if self.decimals is None else np.asarray(values.round(self.decimals))

    def to_lattice(self, series: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        values = self.read(series)
        present = ~np.isnan(values)
        with np.errstate(over="ignore"):  # a warning would tell of a value
            scaled = np.rint(np.where(present, values, 0.0) * 10.0 ** (self.decimals or 0))
        return np.clip(scaled, 1 - LIMIT, LIMIT - 1).astype(np.int64), present

    def declared_range(self) -> tuple[int, int]:
        low, high = (float(bound) * 10.0 ** (self.decimals or 0) for bound in self.bounds or ())
        return _snapped(low, np.ceil), _snapped(high, np.floor)

    def dtype_range(self) -> tuple[int, int]:
        resolved = pd.api.types.pandas_dtype(self.dtype or "object")
        base = getattr(resolved, "numpy_dtype", resolved)
        low, high = 1 - LIMIT, LIMIT - 1
        if pd.api.types.is_bool_dtype(resolved):
            return 0, 1
        if isinstance(base, np.dtype) and base.kind in "iu":
            return max(low, int(np.iinfo(base).min)), min(high, int(np.iinfo(base).max))
        if isinstance(base, np.dtype) and base.kind == "f":
            largest = int(min(float(np.finfo(base).max) * 10.0 ** (self.decimals or 0), high))
            return -largest, largest
        return low, high

    def bounds_of(self, low: int, high: int) -> tuple[float, float]:
        scale = 10.0 ** (self.decimals or 0)
        return (low / scale, high / scale)

    def place(self, bound: float) -> float:
        return float(bound)

    def drawn_bound(self, bound: float) -> float:
        return float(bound)

    def shown(self, value: float) -> float:
        return round(float(value), self.decimals or 0)

    def drawn_places(self, series: pd.Series) -> np.ndarray:
        if pd.api.types.is_float_dtype(series.dtype):
            values = series.to_numpy(dtype="float64", na_value=np.nan)  # infinities lie at the ends
            return shortest(np.asarray(values), short_float(series.dtype))
        return self.read(series)

    def lattice_encoder(self, edges: np.ndarray) -> NumericEncoder:
        return NumericEncoder(self, self.dtype or "float64", edges)

    @property
    def takes(self) -> frozenset[str]:
        return frozenset((TEXT,) if self.format else (NUMBERS, BOOLEANS))

    def advice(self, found: frozenset[str]) -> str:
        if found == {TEXT}:
            return "Set format, the number 1234.5 as the column writes it, such as '1,234.5', or convert the column."
        return super().advice(found)

    def fits_dtype(self, dtype: Any) -> bool:
        is_number = bool(pd.api.types.is_numeric_dtype(dtype))
        return is_number or dtype == np.dtype(object) or (self.format is not None and is_text_dtype(dtype))

    def check_output(self) -> None:
        if (
            self.decimals
            and self.fits_dtype(pd.api.types.pandas_dtype(self.dtype))
            and _is_integer(self.dtype)
        ):
            raise SchemaError(
                f"Column {self.name!r}: decimals: {self.decimals} do not go with dtype {self.dtype}. "
                "Use 0, or another dtype."
            )
        check_objects(self)
        super().check_output()

    @property
    def is_beyond_exact(self) -> bool:
        is_float = pd.api.types.is_float_dtype(pd.api.types.pandas_dtype(self.dtype or "object"))
        return self.bounds is not None and not is_float and max(map(abs, self.bounds)) >= LIMIT - 1

    def check_readable(self, series: pd.Series) -> None:
        present = series[series.notna()]
        if np.isnan(self.read(present)).any() and not pd.api.types.is_float_dtype(series.dtype):
            expected = f"numbers as in {self.format!r}" if self.format else "numbers"
            raise DataError(
                f"Column {self.name!r}: expected {expected}, found other values. Mend them, or make them missing"
                + (", or set another format." if self.format else ", or set format, such as '1,234.5'.")
            )

    @classmethod
    def draft(cls, series: pd.Series, name: str) -> Numeric | None:
        """Return an open column; the dtype of objects is left out: read from a CSV as ``object`` they become text."""
        if cls.has_dtype(series.dtype):
            return cls(name=name, dtype=str(series.dtype))
        if isinstance(series.dtype, pd.CategoricalDtype):
            return None
        present = objects(series.dropna())
        types = set(map(type, present))
        if types and all(issubclass(each, str) for each in types):
            form = numerals.form_of_all(present)
            return None if form is None else cls(name=name, dtype=str(series.dtype), format=form)
        if not types or any(issubclass(each, str) for each in types):
            return None
        return cls(name=name, objects="decimal" if types == {Decimal} else None)

    def with_domain_of(self, present: pd.Series) -> Column:
        values = self.read(present)
        values = values[~np.isnan(values)]
        if not len(values):
            return self
        fits = (d for d in range(MAX_DECIMALS) if np.array_equal(values.round(d), values))
        bounds = (float(values.min()), float(values.max()))
        return self.with_(bounds=bounds, decimals=next(fits, MAX_DECIMALS))


class NumericEncoder(LatticeEncoder):
    """An encoder with cells over multiples of ``10**-decimals``."""

    column: Numeric

    @property
    def steps(self) -> np.ndarray:
        return rounding.number_steps(int(max(abs(self.edges[0]), abs(self.edges[-1] - 1))))

    def contains(self, series: pd.Series) -> bool:
        """Return true if every value could be sampled; the ends of the range count as the dtype holds them."""
        short = short_float(pd.api.types.pandas_dtype(self.dtype))
        if short is None:
            return super().contains(series)
        values = self.column.read(series)
        ends = np.array([self.edges[0], self.edges[-1] - 1]) / 10.0 ** (self.column.decimals or 0)
        low, high = shortest(ends, short)
        is_inside = bool(((values >= low) & (values <= high)).all())  # NaN is not
        return is_inside and self._is_on_lattice(pd.Series(values), self.column.to_lattice(series)[0])

    def _is_on_lattice(self, series: pd.Series, lattice: np.ndarray) -> bool:
        scaled = self.column.read(series) * 10.0 ** (self.column.decimals or 0)
        return bool(np.allclose(scaled, lattice, rtol=1e-12, atol=1e-6))

    def _from_lattice(self, lattice: np.ndarray) -> np.ndarray:
        decimals = self.column.decimals or 0
        if self.column.objects == "decimal":
            exact = np.empty(len(lattice), dtype=object)
            exact[:] = [Decimal(number).scaleb(-decimals) for number in lattice.tolist()]
            return exact
        if self.column.format is not None and is_text_dtype(pd.api.types.pandas_dtype(self.dtype)):
            form, text = numerals.form_of(self.column.format), np.empty(len(lattice), dtype=object)
            text[:] = [form.write(value / 10**decimals, decimals) for value in lattice.tolist()]
            return text
        kind = getattr(pd.api.types.pandas_dtype(self.dtype), "kind", "O")
        if decimals == 0 and kind != "f":
            return lattice
        return np.round(lattice / 10.0**decimals, decimals)


#: The ballot of numerals.
_NUMERALS = "numerals"


def _is_numeral(value: Any, untyped_text: bool) -> bool:
    if not (untyped_text and numerals.is_numeral(value)):
        return False
    return (
        abs(float_of(value)) < LIMIT or not value.strip().lstrip("+-").isdigit()
    )  # more digits are a code's


def _is_decimal(value: Any, _: bool) -> bool:
    return isinstance(value, Decimal)


def _form_ballot(cls: type[Numeric], shape: str, example: str, further: tuple[str, ...]) -> Ballot:
    return Ballot(
        shape,
        lambda value, untyped_text: _shape_of(value, untyped_text) == shape,
        lambda name, dtype: cls(name=name, dtype=dtype, format=example),
        _shape_of,
        (*further, _NUMERALS, numerals.KEPT) if "1234.5" in further else further,
        "" if example == shape else example,
        _RARE,
    )


def _shape_of(value: Any, _: bool) -> str | None:
    """Return the shape of text that a form reads; plain numerals have a ballot of their own, or none."""
    shape = numerals.shape_of(value) if isinstance(value, str) else None
    return None if shape == "1234.5" else shape


def _is_no_text(value: Any, _: bool) -> bool:
    return not isinstance(value, str)


def _is_integer(dtype: str | None) -> bool:
    return bool(pd.api.types.is_integer_dtype(pd.api.types.pandas_dtype(dtype or "object")))


def _decimals_of(bounds: tuple[float, float] | None) -> int:
    """Return the decimals that declared bounds are written with: at least so many are public."""
    return max(
        (max(-int(Decimal(repr(b)).normalize().as_tuple().exponent), 0) for b in bounds or ()), default=0
    )


def _snapped(scaled: float, rounding: Callable[[float], Any]) -> int:
    """Return an integer that the product is up to rounding errors, else the next one within the bounds."""
    nearest = round(scaled)
    return nearest if abs(scaled - nearest) <= 1e-9 + 4e-16 * abs(scaled) else int(rounding(scaled))
