"""Numbers: integers and floats, as multiples of a power of ten, or of another step."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator, model_validator

from tabgan.columns import marks, multiples, numerals, rounding
from tabgan.columns.kind import BOOLEANS, NUMBERS, TEXT, Ballot, Column, Domain, check_objects, is_text_dtype
from tabgan.columns.lattice import LIMIT, LatticeColumn, LatticeEncoder, Precision
from tabgan.columns.marks import MOST
from tabgan.columns.multiples import COMMON, DECIMALS_OF, LEAST_DECIMALS, PARTS, coarsest, common_step
from tabgan.columns.number_votes import of_numbers, without_scales
from tabgan.columns.values import (
    Dtype,
    dtype_ends,
    floats,
    holds_integers,
    integer_bits,
    is_text,
    narrowed,
    objects,
    short_float,
    shortest,
    stored,
)
from tabgan.errors import ConfigError, DataError, SchemaError

#: Most decimals that are kept: values are multiples of 10**-decimals, and floats hold no more.
MAX_DECIMALS = 9

#: The most numbers of a declared range that have a cell each in every fit.
_FEW_VALUES = 16

#: Ends of the axis on which values of any precision are looked for, as a power of two in whole numbers and as a number
#: of decimals; and the digits that the largest value keeps at least.
_REACH, _FINEST, _DIGITS = 100, 18, 6

#: Room above the largest values that certainly occur, as a factor, before others are clipped.
_ROOM = 8

#: Cells of a vote on precision, for numbers as they are, and again for those that were widened.
_N_PARTS = len(PARTS) + 1

#: dtypes of numbers that are read from text.
TEXT_INTEGER, TEXT_FLOAT = "Int64", "float64"


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
            12.5. Samples are written in the same form. Or -1234.5 where negative numbers have another sign, as in
            ``"(1,234.5)"``; a vote finds that sign where decimals are open.
        marks: Numbers that text stands for, such as ``{"<0.6": 0.5, "ND": 0}``, which is written back for them; needs
            ``format``; those beyond the bounds are clipped. Other limits, such as ``<0.7``, are read as their number,
            and ``1.2*`` as 1.2. Where decimals are open, a vote finds the limits that many rows have: ``{}`` has it
            look for them. ``None`` reads none.
        multiple_of: Values are multiples of it, such as 0.25 or 1000; ``None`` for all numbers with ``decimals``.
        is_widened: True if a column of float64 holds numbers that were float32 before, 2.0399999618530273 for 2.04, and
            samples are to; the vote on decimals finds it for columns of open precision.
    """

    kind: Literal["numeric"] = "numeric"
    bounds: tuple[float, float] | None = None
    decimals: Annotated[int, Field(ge=0, le=MAX_DECIMALS)] | None = None
    format: str | None = None
    marks: Annotated[dict[str, float], Field(max_length=MOST)] | None = None
    multiple_of: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    out_of_range: Literal["clip", "error"] = "clip"
    objects: Literal["decimal"] | None = None
    is_widened: bool | None = None

    quantity: ClassVar[str | None] = "a number"
    is_regressed: ClassVar[bool] = True
    precision: ClassVar[Precision] = Precision("decimals", "whole numbers")
    known_steps: ClassVar[tuple[float, ...]] = tuple(10.0**-d for d in range(MAX_DECIMALS))

    @model_validator(mode="after")
    def _check_bounds(self) -> Numeric:
        if self.multiple_of and math.isinf(1.0 / self.multiple_of):
            raise ValueError("multiple_of: expected a number whose inverse floats can hold, 1e-300 or more.")
        if self.bounds is not None:
            low, high = self.bounds
            if not (math.isfinite(low) and math.isfinite(high) and low <= high):
                raise ValueError("bounds: expected two finite numbers, the smaller one first.")
            scale = self._scale
            if max(-low, high) * scale > LIMIT:
                raise ValueError("bounds: expected numbers of at most 15 digits, decimals included.")
            is_known = self.decimals is not None or self.multiple_of is not None
            if is_known and math.ceil(low * scale - 1e-9) > math.floor(high * scale + 1e-9):
                key = "decimals" if self.multiple_of is None else "multiple_of"
                advice = "Raise decimals." if self.multiple_of is None else "Lower it."
                raise ValueError(f"bounds: no number with {key}: {getattr(self, key)} lies in them. {advice}")
        if self.marks is not None and not self.can_have_marks:
            raise ValueError(
                "marks: needs format: '1234.5', or as the column writes it, without other signs."
            )
        if self.marks is not None and not marks.are_valid(self.marks):
            raise ValueError(
                f"marks: expected text of 1 to {marks.LONGEST} characters, and for each a finite number."
            )
        step, decimals = self.multiple_of, self.decimals
        if step and decimals is not None and round(step, decimals) != step:
            raise ValueError(f"decimals: {decimals} cannot hold multiple_of: {step}. Leave it out.")
        return self

    @field_validator("format")
    @classmethod
    def _check_format(cls, example: str | None) -> str | None:
        if example is not None:
            numerals.form_of(example)
        return example

    @property
    def can_have_marks(self) -> bool:
        """True if the column's text has nothing beside its numbers that a form has."""
        return self.format is not None and not numerals.form_of(self.format).is_affixed

    @property
    def has_precision(self) -> bool:
        return self.decimals is not None or self.multiple_of is not None

    @property
    def step(self) -> float:
        return 10.0 ** -(self.decimals or 0) if self.multiple_of is None else self.multiple_of

    @property
    def is_counting(self) -> bool:
        return self.step == 1

    @property
    def _scale(self) -> float:
        """Lattice integers that make up 1: a whole number for steps such as a twelfth."""
        if self.multiple_of is None:
            return 10.0 ** (self.decimals or 0)
        inverse = 1.0 / self.multiple_of
        return float(round(inverse)) if abs(inverse - round(inverse)) < 1e-9 * inverse else inverse

    def _of_units(self, lattice: np.ndarray) -> np.ndarray:
        """Return the numbers that lattice integers stand for.

        Multiples of a decimal such as 1.15078 are decimals themselves, which their product as floats often is not.
        """
        step = self.multiple_of
        if step is None or (self._scale % 1 == 0 and step < 1):
            values = lattice / self._scale
            return np.asarray(values if self.decimals is None and step else values.round(self.decimals or 0))
        decimals = _decimals_of((step, step)) if self.decimals is None else self.decimals
        values = lattice * step
        is_exact = np.abs(values) < LIMIT / 10.0**decimals
        return np.where(is_exact, values.round(decimals), values)

    @property
    def _most_decimals(self) -> int:
        """The most decimals that declared bounds leave room for."""
        largest = max(map(abs, self.bounds or (0.0,)))
        return int(min(MAX_DECIMALS, math.log10(LIMIT / largest))) if largest else MAX_DECIMALS

    def domain(self) -> Domain:
        # More decimals than MAX_DECIMALS is every float there is.
        is_fine = self.multiple_of is None and (self.decimals is None or self.decimals >= MAX_DECIMALS)
        step = None if is_fine else self.step
        return Domain(self.bounds, step, None, self.nullable is not False)

    def undeclared(self) -> Numeric:
        return type(self)(name=self.name, format=self.format, marks=self.marks)

    def parse(self, text: str, where: str) -> float:
        written = math.nan if self.format is None else float(self._of_texts([text])[0])
        if not math.isnan(written):
            return written
        try:
            if "_" in text or not math.isfinite(float(text)):
                raise ValueError
            return int(text) if self.decimals == 0 else float(text)
        except ValueError:
            raise ConfigError(f"{where}: expected a number, got {text!r}.") from None

    @classmethod
    def has_dtype(cls, dtype: Dtype) -> bool:
        return bool(pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype))

    @classmethod
    def ballots(cls) -> tuple[Ballot, ...]:
        return of_numbers(cls)

    @classmethod
    def settled(cls, labels: Sequence[str], vote: np.ndarray, noise_stddev: float) -> np.ndarray:
        return without_scales(labels, vote, noise_stddev)

    def with_table_dtype(self, dtype: str, is_read_from_text: bool) -> Numeric:
        is_written = is_read_from_text and self.format is None
        return self if is_written else super().with_table_dtype(dtype, is_read_from_text)

    def with_implied_precision(self) -> Numeric:
        is_integer = self.dtype is not None and holds_integers(self.dtype)
        return self.with_(decimals=0) if is_integer and not self.has_precision else self

    def with_final_dtype(self) -> Numeric:
        read = "object" if self.objects else TEXT_INTEGER if self.step % 1 == 0 else TEXT_FLOAT
        return self if self.dtype else self.with_(dtype=read)

    def with_finest_precision(self) -> Numeric:
        return self if self.has_precision else self.with_(decimals=self._most_decimals)

    def precision_counts(self, series: pd.Series) -> np.ndarray:
        form = numerals.form_of(self.format) if self.format is not None and is_text(series) else None
        if form is not None and not form.mantissa:
            count = form.counts if self.marks is None else partial(marks.counts, form)
            return count(objects(series), self.read(series))
        short = short_float(pd.api.types.pandas_dtype(self.dtype or "float64"))
        values, widened = narrowed(series)
        values = shortest(values, short) if form is None else self.read(series)
        present, needed = ~np.isnan(values), coarsest(values, short)
        needed[widened] = coarsest(values[widened], np.dtype(np.float32)) + _N_PARTS
        return np.bincount(needed[present], minlength=2 * _N_PARTS)

    def with_precision(self, finest: int) -> Numeric:
        return self._with_part(PARTS[finest]) if finest < len(PARTS) else self.with_finest_precision()

    def with_voted_precision(self, vote: np.ndarray, surely: float, likely: float) -> Numeric:
        """Return the column with the coarsest step that all voted ones are multiples of; see the base's thresholds.

        Numbers that were widened have cells of their own, the second half; and those of a form, by the style of a sign.
        """
        if len(vote) >= numerals.N_COUNTS:
            form, parts = numerals.form_of(self.format or "").with_voted_styles(
                vote[: numerals.N_COUNTS], surely
            )
            column = self if form.example == self.format else self.with_(format=form.example)
            column = column.with_voted_precision(np.r_[parts, np.zeros(_N_PARTS)], surely, likely)
            if self.marks is None:
                return column
            return column.with_(marks=marks.found_in(form, vote, surely, column._scale, self.marks))
        plain, widened = np.split(vote, 2)
        if widened.max() > surely and widened.sum() > plain.sum():
            merged = np.r_[np.maximum(plain, widened), np.zeros(_N_PARTS)]
            return self.with_(is_widened=True).with_voted_precision(merged, surely, likely)
        vote = np.maximum(plain, widened)
        real = np.flatnonzero(vote > surely)
        if not len(real):
            return super().with_voted_precision(vote, surely, likely)
        if real[-1] == len(PARTS):
            return self.with_finest_precision()
        common = math.lcm(*(PARTS[position] for position in real), 10 ** min(_decimals_of(self.bounds), 6))
        part = next((part for part in COMMON if part % common == 0), None)
        return self.with_finest_precision() if part is None else self._with_part(part)

    def _with_part(self, part: int) -> Numeric:
        """Return the column with multiples of ``1 / part``, and at least the decimals that its bounds have."""
        decimals = DECIMALS_OF.get(part)
        if decimals is not None and part == 10**decimals:
            decimals = max(decimals, _decimals_of(self.bounds))
            return self.with_(decimals=min(decimals, self._most_decimals))
        if part > 10**self._most_decimals:
            return self.with_finest_precision()
        return self.with_(decimals=decimals, multiple_of=1 / part)

    @property
    def may_repeat_values(self) -> bool:
        if self.bounds is None or not self.has_precision:
            return True
        low, high = self.declared_range()
        return high - low >= _FEW_VALUES

    def repeated(self, series: pd.Series, is_exact: bool) -> tuple[np.ndarray, np.ndarray]:
        lattice, present = self.to_lattice(series)
        values = self.read(series) if is_exact else self._of_units(lattice[present])
        found, counts = np.unique(values[~np.isnan(values)] + 0.0, return_counts=True)  # no -0.0 beside 0.0
        return found, counts.astype(np.int64)

    @property
    def may_have_odd_step(self) -> bool:
        is_fine = self.multiple_of is None and (self.decimals or 0) >= LEAST_DECIMALS
        return is_fine and self.bounds is None

    def with_step_of(self, values: np.ndarray) -> tuple[Numeric, float]:
        step = common_step(values) if self.may_have_odd_step else None
        if step is None:
            return self, 1.0
        finer = self.with_(decimals=None, multiple_of=step)
        return finer, finer._scale / self._scale

    def scaled(self, series: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        values = self.read(series)
        present = ~np.isnan(values)
        with np.errstate(over="ignore"):  # a warning would tell of a value
            return np.rint(np.where(present, values, 0.0) * self._scale), present

    def with_range_axis(self) -> tuple[Numeric, np.ndarray]:
        is_integer = holds_integers(self.dtype)
        is_fine = self.decimals is not None and self.decimals >= MAX_DECIMALS
        column = self.with_(decimals=None, multiple_of=10.0**-_FINEST) if is_fine else self
        reach = integer_bits(self.dtype) if is_integer else _REACH + math.log2(column._scale)
        powers = 2.0 ** np.arange(0, math.ceil(reach) + 1)
        low, high = (end * column._scale for end in dtype_ends(self.dtype))
        edges = np.concatenate([[-powers[-1]], 1.0 - powers[::-1], powers])
        return column, np.unique(np.clip(edges, low, high + 1))

    def with_room_for(self, largest: float) -> tuple[Numeric, float]:
        """Return the column with the finest step that keeps a lattice integer below the limit, and the old one's share.

        Values that any precision may have keep at least ``_DIGITS`` digits; others stay as they are where they can.
        """
        if self.multiple_of == 10.0**-_FINEST:
            digits = math.floor(math.log10(largest)) + 1 - _FINEST if largest else 0  # before the point
            power = max(min(MAX_DECIMALS, 15 - digits), min(_FINEST, _DIGITS - digits))
        elif largest < LIMIT / _ROOM:
            return self, 1.0
        else:
            power = math.floor(math.log10(self._scale) + math.log10(LIMIT / largest / _ROOM))
        if 0 <= power <= MAX_DECIMALS:
            return self.with_(decimals=power, multiple_of=None), 10.0**power / self._scale
        decimals = 0 if power < 0 else None
        return self.with_(decimals=decimals, multiple_of=10.0**-power), 10.0**power / self._scale

    @property
    def reads_from_text(self) -> bool:
        return True

    def of_text(self, series: pd.Series) -> pd.Series:
        values = stored(series) if self.format is None else self.read(series)
        return pd.Series(values, index=series.index)

    def read(self, series: pd.Series) -> np.ndarray:
        if self.format is None or not is_text(series):
            return shortest(floats(series), short_float(pd.api.types.pandas_dtype(self.dtype or "float64")))
        return floats(pd.Series(self._of_texts(objects(series))))

    def _of_texts(self, values: Sequence[object]) -> np.ndarray:
        """Return ``(rows,)`` the numbers that cells of a form stand for, NaN for none."""
        form = numerals.form_of(self.format or "")
        found = form.floats(values) if self.marks is None else marks.floats(form, self.marks, values)
        return np.fromiter(found, dtype="float64", count=len(values))

    def rounded(self, values: np.ndarray) -> np.ndarray:
        if self.multiple_of is not None:
            return np.asarray(np.rint(values * self._scale))
        return values if self.decimals is None else np.asarray(values.round(self.decimals))

    def to_lattice(self, series: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        scaled, present = self.scaled(series)
        return np.clip(scaled, 1 - LIMIT, LIMIT - 1).astype(np.int64), present

    @property
    def is_writable(self) -> bool:
        return self.has_precision or (self.format is None and self.objects is None)

    def integers(self, places: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):  # a warning would tell of a value
            return np.clip(np.rint(places * self._scale), 1 - LIMIT, LIMIT - 1).astype(np.int64)

    def places(self, lattice: np.ndarray) -> np.ndarray:
        return self._of_units(lattice)

    def with_derived(self, parts: int | None, ends: tuple[float, float] | None) -> Numeric:
        if self.has_precision:
            return super().with_derived(parts, ends)
        largest = max(map(abs, ends or self.bounds or (0.0,)))
        room = self.with_(bounds=(-largest, largest))._most_decimals
        decimals, step = multiples.precision_of_parts(parts, room, LIMIT / max(largest, 1.0))
        return self.with_(decimals=decimals, multiple_of=step).with_derived(parts, ends)

    def declared_range(self) -> tuple[int, int]:
        low, high = (float(bound) * self._scale for bound in self.bounds or ())
        return _snapped(low, np.ceil), _snapped(high, np.floor)

    def dtype_range(self) -> tuple[int, int]:
        low, high = (end * self._scale for end in dtype_ends(self.dtype))
        return int(max(1 - LIMIT, low)), int(min(LIMIT - 1, high))

    def bounds_of(self, low: int, high: int) -> tuple[float, float]:
        ends = self._of_units(np.array([low, high], dtype=np.int64))
        return float(ends[0]), float(ends[1])

    def place(self, bound: float | str) -> float:
        return float(bound)

    def drawn_bound(self, bound: float | str) -> float:
        return float(bound)

    def shown(self, value: float) -> float:
        return round(
            float(value), MAX_DECIMALS if self.multiple_of and self.decimals is None else self.decimals or 0
        )

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

    def fits_dtype(self, dtype: Dtype) -> bool:
        is_number = bool(pd.api.types.is_numeric_dtype(dtype))
        return is_number or dtype == np.dtype(object) or (self.format is not None and is_text_dtype(dtype))

    def check_output(self) -> None:
        if (
            (self.decimals or self.step % 1)
            and self.fits_dtype(pd.api.types.pandas_dtype(self.dtype))
            and holds_integers(self.dtype)
        ):
            found = (
                f"decimals: {self.decimals} do" if self.decimals else f"multiple_of: {self.multiple_of} does"
            )
            raise SchemaError(
                f"Column {self.name!r}: {found} not go with dtype {self.dtype}. "
                f"Use {0 if self.decimals else 1}, or another dtype."
            )
        check_objects(self, self.objects)
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
                f"Column {self.name!r}: expected {expected}, found other values. Correct them, or make them missing"
                + (
                    ", or set another format, or marks."
                    if self.format
                    else ", or set format, such as '1,234.5'."
                )
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
            form, is_marked = marks.form_of_all(map(str, present))
            known: dict[str, float] | None = {} if is_marked else None
            if form is None:
                return None
            return cls(name=name, dtype=str(series.dtype), format=form, marks=known)
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

    def contains(self, series: pd.Series) -> bool:
        """Return true if every value could be sampled; the ends of the range count as the dtype holds them."""
        if self.exact is None:
            return self._draws(series)
        values, cells = self.column.read(series), self._encode(series)
        if np.isnan(values).any():
            return False
        exact = self.exact[cells - 1]
        is_drawn = np.isnan(exact)
        return bool((is_drawn | (values == exact)).all()) and self._draws(series[is_drawn])

    def _draws(self, series: pd.Series) -> bool:
        """Return true if every value is a multiple of the step within the range."""
        short = short_float(pd.api.types.pandas_dtype(self.dtype))
        if short is None:
            return super().contains(series)
        values = self.column.read(series)
        ends = np.array([self.edges[0], self.edges[-1] - 1]) / self.column._scale
        low, high = shortest(ends, short)
        is_inside = bool(((values >= low) & (values <= high)).all())  # NaN is not
        return is_inside and self._is_on_lattice(pd.Series(values), self.column.to_lattice(series)[0])

    def repeat(self, value: object, n_rows: int) -> pd.Series:
        series = pd.Series([value], dtype=object)
        if self.exact is None or series.isna().all() or np.isnan(self.exact[self._encode(series)[0] - 1]):
            return super().repeat(value, n_rows)
        return self.inverse_transform(np.full(n_rows, self._encode(series)[0]), np.random.default_rng(0))

    def _decode(self, positions: np.ndarray, rng: np.random.Generator) -> np.ndarray | pd.Series:
        values = np.asarray(super()._decode(positions, rng))
        if self.exact is not None:
            values, exact = values.copy(), self.exact[positions]
            frequent = exact[~np.isnan(exact)]
            values[~np.isnan(exact)] = (
                frequent if values.dtype.kind == "f" else [*map(round, frequent.tolist())]
            )
        if self.column.is_widened and values.dtype == np.float64:
            single = np.clip(values, *dtype_ends("float32")).astype(np.float32)
            return self._written(single.astype(np.float64))
        return self._written(values)

    def _written(self, values: np.ndarray) -> np.ndarray:
        """Return numbers as the objects or the text that the column holds."""
        decimals, written = self.column.decimals or 0, np.empty(len(values), dtype=object)
        if self.column.objects == "decimal":
            is_decimal = self.column.multiple_of is None
            written[:] = [
                Decimal(f"{value:.{decimals}f}") if is_decimal else Decimal(repr(value))
                for value in values.tolist()
            ]
            return written
        if self.column.format is not None and is_text_dtype(pd.api.types.pandas_dtype(self.dtype)):
            form = numerals.form_of(self.column.format)
            written[:] = [form.write(float(value), decimals) for value in values.tolist()]
            places = self.column.integers(np.asarray(values, dtype=np.float64)) if self.column.marks else None
            for text, number in reversed((self.column.marks or {}).items()):
                written[places == self.column.integers(np.array([number]))] = text
            return written
        return values

    @property
    def steps(self) -> np.ndarray:
        steps = rounding.number_steps(int(max(abs(self.edges[0]), abs(self.edges[-1] - 1))))
        return steps if self.grid is None else rounding.steps_of_grid(steps, *map(int, self.grid))

    def _is_on_lattice(self, series: pd.Series, lattice: np.ndarray) -> bool:
        scaled = self.column.read(series) * self.column._scale
        return bool(np.allclose(scaled, lattice, rtol=1e-12, atol=1e-6))

    def _from_lattice(self, lattice: np.ndarray) -> np.ndarray:
        kind = getattr(pd.api.types.pandas_dtype(self.dtype), "kind", "O")
        if self.column.step % 1 == 0 and kind != "f":
            return multiples.whole(lattice, int(self.column.step), int(np.abs(self.edges).max()))
        return self.column._of_units(lattice)


def _decimals_of(bounds: tuple[float, float] | None) -> int:
    """Return the decimals of declared bounds as written: at least these are public."""
    return max(
        (max(-int(Decimal(repr(b)).normalize().as_tuple().exponent), 0) for b in bounds or ()), default=0
    )


def _snapped(scaled: float, rounding: Callable[[float], Any]) -> int:
    """Return an integer that the product is up to rounding errors, else the next one within the bounds."""
    nearest = round(scaled)
    return nearest if abs(scaled - nearest) <= 1e-9 + 4e-16 * abs(scaled) else int(rounding(scaled))
