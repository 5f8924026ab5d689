"""Durations: lengths of time, as whole days, hours, minutes, seconds or milliseconds."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import field_validator, model_validator

from tabgan.columns import lengths, rounding
from tabgan.columns.kind import DURATIONS, TEXT, Ballot, Column, is_text_dtype
from tabgan.columns.lattice import LIMIT, LatticeColumn, LatticeEncoder, Precision
from tabgan.columns.occupied import SURELY
from tabgan.columns.values import Dtype, coarsest_units, declared_duration, duration_of, elapsed, objects
from tabgan.errors import ConfigError, DataError, SchemaError

#: Milliseconds of each resolution, coarsest first.
_MILLISECONDS = {"day": 86_400_000, "hour": 3_600_000, "minute": 60_000, "second": 1_000, "millisecond": 1}

_RESOLUTIONS = tuple(_MILLISECONDS)

#: dtype of durations that are read from text.
TEXT_DURATION = "timedelta64[ns]"

#: The longest duration in whole days that timedelta64[ns] holds, and pandas reads back of text, in milliseconds.
_NANO_LIMIT = 106_751 * 86_400_000

#: Text that is a duration beyond doubt; ``02:30:00`` may be a time of day.
_UNMISTAKABLE = re.compile(r"[+-]?\d+ days?.*|-?P(?=.)[0-9DTHMS.]+")

#: Text as pandas writes a duration.
_OF_PANDAS = re.compile(r"[+-]?\d+ days?[^,]*")


class Duration(LatticeColumn):
    """A column of lengths of time: timedelta64, ``datetime.timedelta`` objects, or text.

    Attributes:
        bounds: Shortest and longest, each with its unit: ``["0 days", "36 hours"]``; or as cells may be written.
        resolution: The precision that is kept.
        format: The length of one day, two hours and three minutes as text in the column writes it, and samples do:
            ``"1 day, 2:03:00"``, ``"P1DT2H3M"``, ``"P1DT2H3M0S"``, ``"PT26H3M"`` or ``"26:03:00"``. ``None`` for
            lengths of time, and for text as pandas writes it.
    """

    kind: Literal["duration"] = "duration"
    bounds: tuple[str, str] | None = None
    resolution: Literal["day", "hour", "minute", "second", "millisecond"] | None = None
    format: Literal["1 day, 2:03:00", "P1DT2H3M", "P1DT2H3M0S", "PT26H3M", "26:03:00"] | None = None
    out_of_range: Literal["clip", "error"] = "clip"

    quantity: ClassVar[str | None] = "a duration"
    is_regressed: ClassVar[bool] = True
    can_group: ClassVar[bool] = False
    precision: ClassVar[Precision] = Precision("resolution", "days")
    known_steps: ClassVar[tuple[float, ...]] = tuple(unit / 1_000 for unit in _MILLISECONDS.values())

    @field_validator("bounds", mode="before")
    @classmethod
    def _check_text(cls, bounds: Any) -> Any:
        if isinstance(bounds, list | tuple):
            return tuple(
                str(pd.Timedelta(b)) if isinstance(b, dt.timedelta | np.timedelta64) else b for b in bounds
            )
        return bounds

    @model_validator(mode="after")
    def _check_bounds(self) -> Duration:
        if self.bounds is not None:
            low, high = map(_milliseconds, self.bounds)
            if low is None or high is None:
                raise ValueError("bounds: expected two durations such as '0 days' and '36 hours'.")
            if low > high:
                raise ValueError("bounds: expected two durations, the shorter one first.")
            if self.resolution and -(-low // self.unit) > high // self.unit:
                raise ValueError(
                    f"bounds: no duration with resolution: {self.resolution} lies in them. Choose a finer one."
                )
        return self

    @property
    def has_precision(self) -> bool:
        return self.resolution is not None

    @property
    def unit(self) -> int:
        """Milliseconds of one lattice integer; 1,000 if the resolution is open."""
        return _MILLISECONDS[self.resolution or "second"]

    @property
    def step(self) -> float:
        return self.unit / 1_000

    def parse(self, text: str, where: str) -> pd.Timedelta:
        found = _milliseconds(text)
        if found is None:
            raise ConfigError(f"{where}: expected a duration such as '36 hours', got {text!r}.")
        return pd.Timedelta(milliseconds=found)

    @classmethod
    def has_dtype(cls, dtype: Dtype) -> bool:
        return bool(pd.api.types.is_timedelta64_dtype(dtype))

    @classmethod
    def ballots(cls) -> tuple[Ballot, ...]:
        return (
            Ballot("durations", _is_duration, lambda name, dtype: cls(name=name, dtype=dtype)),
            Ballot("written durations", _is_of_pandas, lambda name, _: cls(name=name, dtype=TEXT_DURATION)),
            *(_form_ballot(cls, form, further) for form, further in _FORMS.items()),
        )

    @classmethod
    def settled(cls, labels: Sequence[str], vote: np.ndarray, noise_stddev: float) -> np.ndarray:
        """Return the counts with those of ISO 8601 in one cell where it has hours beyond a day: 15 hours look alike."""
        short, beyond = map(labels.index, (lengths.ISO, lengths.ISO_HOURS))
        if vote[beyond] > SURELY * noise_stddev:
            vote = vote.copy()
            vote[beyond] += max(vote[short], 0.0)
            vote[short] = 0.0
        return vote

    def with_table_dtype(self, dtype: str, is_read_from_text: bool) -> Duration:
        is_read = is_read_from_text and self.format is None
        return super().with_table_dtype(TEXT_DURATION if is_read else dtype, is_read_from_text)

    def undeclared(self) -> Duration:
        return type(self)(name=self.name, format=self.format)

    def with_finest_precision(self) -> Duration:
        return self if self.has_precision else self.with_(resolution="millisecond")

    def precision_counts(self, series: pd.Series) -> np.ndarray:
        values, present = elapsed(series)
        found = np.rint(values[present] * 1_000)
        return coarsest_units(found, list(_MILLISECONDS.values()))

    def with_precision(self, finest: int) -> Duration:
        return self.with_(resolution=_RESOLUTIONS[finest])

    @property
    def reads_from_text(self) -> bool:
        return True

    def of_text(self, series: pd.Series) -> pd.Series:
        values, present = elapsed(series)
        longest = _NANO_LIMIT / 1_000
        found = np.rint(np.clip(values, -longest, longest) * 1e6).astype("timedelta64[us]")
        found[~present] = np.timedelta64("NaT", "us")
        return pd.Series(found, index=series.index)

    def read(self, series: pd.Series) -> np.ndarray:
        values, present = elapsed(series)
        return np.where(present, values, np.nan)

    def rounded(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(np.rint(values / self.step)) if self.has_precision else values

    def drawn_places(self, series: pd.Series) -> np.ndarray:
        return np.asarray(np.rint(self.read(series) / self.step) * self.step)

    def to_lattice(self, series: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        values, present = elapsed(series)
        lattice = np.rint(values * 1_000 / self.unit)
        return np.clip(lattice, 1 - LIMIT, LIMIT - 1).astype(np.int64), present

    def integers(self, places: np.ndarray) -> np.ndarray:
        lattice = np.rint(places * 1_000 / self.unit)
        return np.clip(lattice, 1 - LIMIT, LIMIT - 1).astype(np.int64)

    def places(self, lattice: np.ndarray) -> np.ndarray:
        return np.asarray(lattice * (self.unit / 1_000))

    def declared_range(self) -> tuple[int, int]:
        low, high = (_known(bound) for bound in self.bounds or ())
        return -(-low // self.unit), high // self.unit

    def dtype_range(self) -> tuple[int, int]:
        largest = min(_NANO_LIMIT // self.unit, LIMIT - 1)
        return -largest, largest

    def bounds_of(self, low: int, high: int) -> tuple[str, str]:
        first, last = (str(pd.Timedelta(milliseconds=end * self.unit)) for end in (low, high))
        return first, last

    def place(self, bound: float | str) -> float:
        return _known(str(bound)) / 1_000

    def shown(self, value: float) -> str:
        return str(pd.Timedelta(milliseconds=round(min(max(value * 1_000, -_NANO_LIMIT), _NANO_LIMIT))))

    def lattice_encoder(self, edges: np.ndarray) -> DurationEncoder:
        return DurationEncoder(self, self.dtype or TEXT_DURATION, edges)

    @property
    def takes(self) -> frozenset[str]:
        return frozenset((DURATIONS, TEXT))

    def fits_dtype(self, dtype: Dtype) -> bool:
        return is_text_dtype(dtype) or bool(pd.api.types.is_timedelta64_dtype(dtype))

    def check_readable(self, series: pd.Series) -> None:
        if (~elapsed(series)[1] & series.notna().to_numpy(bool)).any():
            raise DataError(
                f"Column {self.name!r}: expected durations, found other values. Correct them or make them missing."
            )

    @classmethod
    def draft(cls, series: pd.Series, name: str) -> Duration | None:
        if cls.has_dtype(series.dtype):
            return cls(name=name, dtype=str(series.dtype))
        if not is_text_dtype(series.dtype):
            return None
        present = objects(series.dropna())
        is_typed = all(isinstance(value, dt.timedelta | np.timedelta64) for value in present)
        is_written = all(_says_duration(value, True) for value in present)
        forms = {lengths.form_of(str(value)) for value in present} if is_written and not is_typed else {None}
        format_ = forms.pop() if len(forms) == 1 else None
        return cls(name=name, format=format_) if present and (is_typed or is_written) else None

    def with_domain_of(self, present: pd.Series) -> Column:
        values = self.read(present)
        values = values[~np.isnan(values)]
        if not len(values):
            return self
        finest = self.with_precision(int(np.flatnonzero(self.precision_counts(present))[-1]))
        lattice, _ = finest.to_lattice(present)
        lattice = np.clip(lattice, *finest.dtype_range())
        return finest.with_range(int(lattice.min()), int(lattice.max()))


class DurationEncoder(LatticeEncoder):
    """An encoder with cells over whole units of time."""

    column: Duration

    @property
    def steps(self) -> np.ndarray:
        units = [unit for unit in sorted(_MILLISECONDS.values()) if unit >= self.column.unit]
        steps = rounding.SECONDS if self.column.resolution == "second" else [u // units[0] for u in units]
        return np.array(steps, dtype=np.int64)

    def _is_on_lattice(self, series: pd.Series, lattice: np.ndarray) -> bool:
        values, _ = elapsed(series)
        return bool(np.allclose(values * 1_000, lattice * self.column.unit, rtol=0, atol=1e-3))

    def _from_lattice(self, lattice: np.ndarray) -> pd.Series:
        found = pd.Series((lattice * self.column.unit).astype("timedelta64[ms]"))
        resolved = pd.api.types.pandas_dtype(self.dtype)
        if self.column.format is not None and is_text_dtype(resolved):
            own = (lattice * self.column.unit).tolist()
            return pd.Series(lengths.written(self.column.format, own, self.column.unit), dtype=object)
        if resolved != np.dtype(object) and pd.api.types.is_string_dtype(resolved):
            return found.astype(str).astype(object)
        return found

    def inverse_transform(self, cells: np.ndarray, rng: np.random.Generator) -> pd.Series:
        return self._as_series(cells, rng)


#: Labels of further ballots that each form of text reads.
_FORMS: dict[str, tuple[str, ...]] = {
    lengths.PYTHON: (),
    lengths.ISO_WHOLE: (),
    lengths.ISO_HOURS: (lengths.ISO,),
    lengths.ISO: (lengths.ISO_WHOLE, lengths.ISO_HOURS),
    lengths.HOURS: (),
}


def _form_ballot(cls: type[Duration], form: str, further: tuple[str, ...]) -> Ballot:
    return Ballot(
        form,
        lambda value, untyped_text: _form_of(value, untyped_text) == form,
        lambda name, dtype: cls(name=name, dtype=dtype, format=form),
        _form_of,
        further,
        is_untyped=True,
    )


def _form_of(value: Any, untyped_text: bool) -> str | None:
    return lengths.form_of(value) if untyped_text and isinstance(value, str) else None


def _is_duration(value: Any, _: bool) -> bool:
    return isinstance(value, dt.timedelta | np.timedelta64)


def _is_of_pandas(value: Any, untyped_text: bool) -> bool:
    return _says_duration(value, untyped_text) and _OF_PANDAS.fullmatch(value.strip()) is not None


def _says_duration(value: Any, untyped_text: bool) -> bool:
    is_text = untyped_text and isinstance(value, str)
    return is_text and _UNMISTAKABLE.fullmatch(value.strip()) is not None and duration_of(value) is not None


def _known(bound: object) -> int:
    """Return the whole milliseconds of a bound that was checked.

    Raises:
        SchemaError: the bound is not a duration.
    """
    found = _milliseconds(bound)
    if found is None:
        raise SchemaError(f"bounds: expected two durations such as '0 days' and '36 hours', got {bound!r}.")
    return found


def _milliseconds(bound: object) -> int | None:
    """Return the whole milliseconds of a declared duration, ``None`` for text that is not one."""
    found = declared_duration(bound)
    return None if found is None else round(found * 1_000)
