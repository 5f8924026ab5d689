"""Kinds of columns: the protocol that each kind keeps, and that all others are written against.

A kind is a class in a file of its own: the fields that a person declares, and every function that depends on the kind.
Its functions of values look at one value at a time; a door, or the evaluation, calls them with rows. Nothing here
releases anything, and nothing here raises because of a value, but for :meth:`Column.check_values`.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from tabgan._util.schema_errors import joined, line_of, name_of
from tabgan.columns.cycles import Cycle
from tabgan.columns.encoder import MISSING, ColumnEncoder, can_hold_missing
from tabgan.columns.filling import Filling, too_few
from tabgan.columns.keys import keys_of
from tabgan.columns.tails import Tail
from tabgan.columns.values import Dtype, dtype_named, is_boolean, is_text, objects
from tabgan.errors import ConfigError, DataError, SchemaError

Scalar = bool | int | float | str

#: Types of the cells of a column; one column holds values of one of them.
TEXT, BOOLEANS, NUMBERS = "text", "booleans", "numbers"
DATETIMES, DATES, DURATIONS, TIMES = "datetimes", "dates", "durations", "times of day"
ZONED_DATETIMES, ZONED_TIMES = "datetimes with a time zone", "times of day with a time zone"


#: Rows of a category, below which a draft calls it rare, and the share of rows with rare ones that it calls many.
RARE, MANY = 50, 0.03


class Ballot(NamedTuple):
    """One cell of the noisy vote on the kind of an object column.

    Attributes:
        label: Name of the cell.
        holds: A function that returns true if a value, neither missing nor taken by an earlier ballot, belongs in the
            cell; its second argument is true if text may stand for other values, as in a CSV.
        column: A function that returns the open column that the cell stands for, from a name and the table's dtype.
        label_of: One function of many ballots that stand together, which returns the label of the one that holds a
            value, ``None`` if none does: it is quicker than to ask each.
        reads: Labels of further ballots that the column keeps the values of; ``None`` for every one.
        same_as: Label of a ballot that makes the same column; ``""`` if none does.
        weight: Columns that are expected to be like this before the vote, beside one of numerals.
        is_untyped: True if nothing is held unless text may stand for other values.
        is_fallback: True if an unclear vote may lead here.
    """

    label: str
    holds: Callable[[object, bool], bool]
    column: Callable[[str, str], Column]
    label_of: Callable[[object, bool], str | None] | None = None
    reads: tuple[str, ...] | None = ()
    same_as: str = ""
    weight: float = 0.005
    is_untyped: bool = False
    is_fallback: bool = False


@dataclass(frozen=True)
class Domain:
    """The values that a column may hold; ``None`` is no limit.

    Attributes:
        bounds: Smallest and largest value, as :meth:`Column.read` returns them.
        step: Values are multiples of it.
        keys: Categories, as :func:`~tabgan.columns.categorical.typed` returns them.
        may_miss: True if cells may be missing.
        holds: A function that returns true for further categories; ``None`` if there are none.
    """

    bounds: tuple[float, float] | None = None
    step: float | None = None
    keys: frozenset[Hashable] | None = None
    may_miss: bool = True
    holds: Callable[[Hashable], bool] | None = None


class Column(BaseModel):
    """A column of a schema: the base of every kind.

    Attributes:
        name: The column's name.
        dtype: The pandas dtype of the output, as ``str(series.dtype)``; ``None`` takes the table's own.
        nullable: ``False`` promises that no value is missing; ``None`` leaves their number to noisy counts.
        kind: The name of the kind in YAML.
        generated_as: The kind of a column that is generated, in words.
        has_categories: True if values are distinct categories, False for numbers on an axis.
        quantity: The values on the axis in words, by which two columns can be compared; ``None`` for categories.
        is_regressed: True if a target of many values is predicted as a number.
        is_exact: True if values are multiples of their step exactly, and not as far as floats can tell.
        can_group: True if rows can be grouped by the column's values.
        is_linear: False for places, whose cells lie along a curve through a map.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    dtype: str | None = None
    nullable: bool | None = None

    #: Set by each kind as ``kind: Literal[...] = ...``.
    kind: str

    generated_as: ClassVar[str] = ""
    has_categories: ClassVar[bool] = False
    quantity: ClassVar[str | None] = None
    is_regressed: ClassVar[bool] = False
    can_group: ClassVar[bool] = True
    is_exact: ClassVar[bool] = False
    is_linear: ClassVar[bool] = True
    most_coarser: ClassVar[int] = 0

    def __init__(self, **data: object) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            where, fields = f"Column {name_of(data)}", known_fields()
            raise SchemaError(joined(line_of(where, each, 0, fields) for each in error.errors())) from None

    @field_validator("dtype")
    @classmethod
    def _check_dtype(cls, dtype: str | None) -> str | None:
        if dtype_named(dtype or "object") is None:
            raise ValueError(f"expected a pandas dtype such as 'Int64', got {dtype!r}.")
        return dtype

    # The declaration.

    @property
    def is_complete(self) -> bool:
        """True if nothing is left for the private release to find out."""
        return True

    @property
    def is_modelled(self) -> bool:
        """False for columns that are generated, such as keys: no value of them is released."""
        return True

    @property
    def is_filled(self) -> bool:
        """True if :meth:`fill` makes the cells of a sample, once the modelled columns are drawn."""
        return not self.is_modelled

    @property
    def is_made_up(self) -> bool:
        """True if a category stands for many values, which are drawn."""
        return False

    @property
    def has_unique_values(self) -> bool:
        """True if no value of a sample occurs twice."""
        return False

    @property
    def n_strings(self) -> int | None:
        """Number of different values that a key may have; ``None`` if it is not known, or if values may repeat."""
        return None

    @property
    def has_open_recurrence(self) -> bool:
        """True if the number of rows that share a key is to be released."""
        return False

    def recurrence_cells(self, max_rows: int | None) -> int:
        """Return the number of cells of a histogram of keys by their rows, at most ``max_rows`` of each key."""
        raise TypeError(f"Column {self.name!r}: a column of kind {self.kind} does not support this.")

    def recurrence_counts(self, rows: np.ndarray, n_cells: int) -> np.ndarray:
        """Return ``(n_cells,)`` numbers of keys by their rows, given ``(keys,)`` the number of rows of each."""
        raise TypeError(f"Column {self.name!r}: a column of kind {self.kind} does not support this.")

    def with_recurrence(self, counts: np.ndarray, max_rows: int | None, n_rows: float) -> Self:
        """Return the column with the noisy numbers of keys by their rows: post-processing of released numbers."""
        raise TypeError(f"Column {self.name!r}: a column of kind {self.kind} does not support this.")

    @property
    def follows_column(self) -> str | None:
        """The name of another column that generated cells follow, ``None`` if they follow none."""
        return None

    @property
    def saving_line(self) -> str:
        """The declaration, without the name, that would save values which noise hid."""
        domain = "categories: [...]" if self.has_categories else "bounds: [low, high]"
        return f"{{kind: {self.kind}, {domain}}}"

    @property
    def is_empty(self) -> bool:
        """True if the completed domain has no value, so that every cell of a sample is missing."""
        return False

    @property
    def is_beyond_exact(self) -> bool:
        """True if the completed domain goes beyond the integers that are kept exactly."""
        return False

    @property
    def is_discovered(self) -> bool:
        """True if the categories are open: a threshold mechanism finds them."""
        return False

    @property
    def public_words(self) -> tuple[str, ...]:
        """Values of open categories that a column may have by public knowledge: none of them needs a threshold."""
        return ()

    @property
    def may_repeat_values(self) -> bool:
        """True if a threshold mechanism may look for frequent values in a range that has too many for a cell each."""
        return False

    @property
    def listed(self) -> tuple[Scalar, ...]:
        """The categories that are known, in their order."""
        return ()

    @property
    def is_ordered(self) -> bool:
        """True if neighbouring categories are neighbouring values."""
        return False

    @property
    def pools_unknown(self) -> bool:
        """True if values outside the categories have a cell of their own."""
        return False

    @property
    def unreleased_as(self) -> Literal["other", "missing", "redistribute"]:
        """The form of pooled values in a sample: a category of their own, missing, or listed values."""
        return "redistribute"

    @property
    def tail(self) -> Tail | None:
        """The values that pooled ones show, where they are not one label; ``None`` if they are, or show none."""
        return None

    @property
    def other_label(self) -> Scalar | None:
        """The category that stands for pooled values in a sample, ``None`` if none does."""
        return None

    def with_(self, **changes: object) -> Self:
        """Return the same column with other fields, which are not checked."""
        return self.model_copy(update=changes)

    def with_listed(self, values: Sequence[object]) -> Self:
        """Return an open column of categories with those that a threshold mechanism found."""
        return self.with_(categories=tuple(values))

    def coarser(self) -> Self | None:
        """Return the column that finds coarser values of rows with none of the released ones; ``None`` for none."""
        return None

    @property
    def n_coarser(self) -> int:
        """Calls of :meth:`coarser` that made the column; 0 if it finds the values themselves."""
        return 0

    def closed(self) -> Self | None:
        """Return such a column with the coarser values that are declared; ``None`` if they are to be found."""
        return None

    @abstractmethod
    def describe(self) -> str:
        """Return the public domain in words; categories are counted, not listed."""

    @abstractmethod
    def domain(self) -> Domain:
        """Return the declared domain; an open one is no limit."""

    def undeclared(self) -> Column:
        """Return the same column with only its name and the fields needed to read its values."""
        return type(self)(name=self.name)

    def parse(self, text: str, where: str) -> object:
        """Return the value that text from a command line stands for.

        Raises:
            ConfigError: the text stands for no value; ``where`` begins the message.
        """
        del where
        return text

    # The table's dtype.

    @classmethod
    def has_dtype(cls, dtype: Dtype) -> bool:
        """Return true if a column of this dtype is of this kind, whatever its values are."""
        del dtype
        return False

    @classmethod
    def ballots(cls) -> tuple[Ballot, ...]:
        """Return the cells of the vote on object columns that stand for this kind, in the order in which to ask."""
        return ()

    @classmethod
    def settled(cls, labels: Sequence[str], vote: np.ndarray, noise_stddev: float) -> np.ndarray:
        """Return the noisy counts of a vote after those of cells that stand for one column are added up.

        Post-processing of released counts.

        Args:
            labels: Of all ballots.
            vote: ``(ballots,)`` noisy counts.
            noise_stddev: Standard deviation of their noise; 0 without privacy.
        """
        del labels, noise_stddev
        return vote

    def with_table_dtype(self, dtype: str, is_read_from_text: bool) -> Self:
        """Return a declared column with a dtype: its own, or the table's, or the one that is read from text."""
        del is_read_from_text
        return self.with_(dtype=self.dtype or dtype)

    def with_implied_precision(self) -> Self:
        """Return the column with the precision that its dtype or format implies."""
        return self

    def with_final_dtype(self) -> Self:
        """Return a column that was read from text with the dtype that its precision calls for."""
        return self

    # The values.

    @property
    def reads_from_text(self) -> bool:
        """True if the values can be read from the text of a CSV."""
        return False

    @property
    def is_read_by_value(self) -> bool:
        """True if text stands for declared values of another type, whatever the dtype of the output."""
        return False

    def of_text(self, series: pd.Series) -> pd.Series | None:
        """Return the values that a column of text stands for; ``None`` if text is left as it is."""
        del series
        return None

    def read(self, series: pd.Series) -> np.ndarray:
        """Return ``(rows,)`` float64 places on the axis, NaN where a cell is missing or not of the kind.

        Each cell is read by itself. Only for columns without categories.
        """
        raise TypeError(f"Column {self.name!r}: a column of kind {self.kind} does not support this.")

    def stated(self, value: object) -> object:
        """Return a value that a person states, such as the end of a range, in the form of a cell of the column.

        Only for columns without categories. Text may be as on a command line.

        Raises:
            DataError: the value is not one of the column's; true and false are no numbers.
        """
        if not is_boolean(value) and not np.isnan(self.read(pd.Series([value], dtype=object))).all():
            return value
        try:
            if isinstance(value, str):
                return self.parse(value, self.name)
        except ConfigError:
            pass  # said below, without the text
        raise DataError(f"Column {self.name!r}: expected {self.quantity}, got {type(value).__name__}.")

    def ahead_of_utc(self, series: pd.Series) -> np.ndarray:
        """Return ``(rows,)`` float64 by which places on the axis are ahead of UTC, NaN for those without a zone.

        Each cell is read by itself. Two places with a zone are compared in UTC, others as they are.
        """
        return np.full(len(series), np.nan)

    def cells(self, series: pd.Series) -> list[object]:
        """Return ``(rows,)`` values of a column with categories, ``None`` for any other cell."""
        return objects(series)

    def keys(self, series: pd.Series) -> list[Hashable]:
        """Return ``(rows,)`` categories as they are compared, ``None`` where a cell is missing.

        Raises:
            DataError: cells cannot be compared, such as lists.
        """
        return keys_of(series, self.name)

    def rounded(self, values: np.ndarray) -> np.ndarray:
        """Return values on the axis in units of the column's precision, as far as it is declared."""
        return values

    def cycles(self) -> tuple[Cycle, ...]:
        """Return the cycles of the column's lattice, such as the weekday, shortest first; none for most kinds."""
        return ()

    # The rows of a column that is not modelled.

    def generate(self, n_rows: int, first_row: int) -> pd.Series:
        """Return values that follow from the declaration alone, after ``first_row`` earlier rows."""
        raise TypeError(f"Column {self.name!r}: a column of kind {self.kind} does not support this.")

    # The encoder.

    def encoder(self) -> ColumnEncoder:
        """Return the encoder of a completed column, whose cells follow from the domain alone."""
        raise TypeError(f"Column {self.name!r}: a column of kind {self.kind} does not support this.")

    def encoder_of(self, arrays: Mapping[str, np.ndarray]) -> tuple[ColumnEncoder, bool]:
        """Return the encoder of :meth:`ColumnEncoder.arrays`, and true if a fit could have left it behind."""
        del arrays
        return self.encoder(), bool(self.is_complete)

    # The cells that are generated.

    def fill(self, table: pd.DataFrame, filling: Filling) -> pd.Series:
        """Return ``(rows,)`` generated cells for the rows of a table, in the column's dtype.

        Args:
            table: The modelled columns of some rows; where the column is one of them, with a cell for each value.
            filling: The sample that they belong to.

        Raises:
            DataError: there are not enough different values, or the dtype cannot hold them.
        """
        return self.generate(len(table), filling.first_row)

    def is_generated(self, series: pd.Series) -> np.ndarray:
        """Return ``(rows,)`` true for cells of a table that :meth:`fill` could have made."""
        return np.asarray(series.notna().to_numpy(dtype=bool))

    def check_room(self, n_rows: int) -> None:
        """Raise if a sample of that size needs more keys than there are.

        Raises:
            DataError: the sample needs more keys than there are.
        """
        if self.has_unique_values and self.n_strings is not None and n_rows > self.n_strings:
            raise too_few(self.name, self.n_strings)

    # The checks before a fit.

    @property
    def takes(self) -> frozenset[str]:
        """Types of cells that the column can be made of."""
        moments = (DATETIMES, DATES, DURATIONS, TIMES, ZONED_DATETIMES, ZONED_TIMES)
        return frozenset((TEXT, BOOLEANS, NUMBERS, *moments))

    def advice(self, found: frozenset[str]) -> str:
        """Return the end of a message about cells of types that the kind does not take."""
        del found
        return "Declare another kind, or convert the column."

    def fits_dtype(self, dtype: Dtype) -> bool:
        """Return true if a resolved pandas dtype can hold the declared domain."""
        del dtype
        return True

    def check_output(self) -> None:
        """Raise unless the column's dtype can hold the declared domain: made-up values of it are written and read.

        Raises:
            SchemaError: the dtype cannot hold it.
        """
        if not (self.fits_dtype(pd.api.types.pandas_dtype(self.dtype)) and self.comes_back()):
            raise SchemaError(
                f"Column {self.name!r}: dtype {self.dtype} cannot hold what is declared as {self.kind}. "
                "Declare another dtype or kind."
            )

    def comes_back(self) -> bool:
        """Return true if made-up values of the declared domain, and missing ones, come back from the column's dtype."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return any(map(_comes_back, self.trials()))

    def trials(self) -> list[ColumnEncoder]:
        """Return encoders of the declared domain, made up where it is open; one of them has to work."""
        return [self.encoder()]

    def check_values(self, series: pd.Series) -> None:
        """Raise if a column holds values that its declaration refuses.

        Each is refused or not by itself.

        Raises:
            DataError: the column holds a refused value; none is quoted.
            SchemaError: the declaration refuses values without a domain.
        """
        if self.nullable is False and series.isna().any():
            raise DataError(
                f"Column {self.name!r}: the schema says nullable: false, but values are missing. Set nullable: true."
            )
        if self.dtype is not None and not can_hold_missing(self.dtype) and series.isna().any():
            raise DataError(
                f"Column {self.name!r}: values are missing, which dtype {self.dtype} cannot hold. Declare one that "
                "can, such as Int64, boolean or float64."
            )

    # The draft, which is not private.

    @classmethod
    def draft(cls, series: pd.Series, name: str) -> Column | None:
        """Return an open column that fits a series, ``None`` if it seems to be of another kind. Not private."""
        return cls(name=name, dtype=str(series.dtype)) if cls.has_dtype(series.dtype) else None

    def loss_in(self, series: pd.Series) -> tuple[str, str] | None:
        """Return what a fit would likely lose of a series, in words without a number, and the keys that would save it.

        Not private: it is for a draft, and for a check before a fit.
        """
        if self.is_modelled and series.isna().all():
            return "holds no value, so every cell of a sample is missing", "drop the column"
        return None

    def with_domain_of(self, present: pd.Series) -> Column:
        """Return the column with the domain of the values of a series without missing ones. Not private."""
        del present
        return self


def has_many_rare(keys: Iterable[Hashable]) -> bool:
    """Return true if many rows have a value that few rows have; ``None`` is none. Not private."""
    counts = Counter(key for key in keys if key is not None)
    rare = sum(count for count in counts.values() if count < RARE)
    return rare > MANY * sum(counts.values())


def position_of(ballots: Sequence[Ballot]) -> Callable[[object, bool], int]:
    """Return a function that finds the place of the ballot that holds a value, of the arguments of ``holds``."""
    places = {ballot.label: place for place, ballot in enumerate(ballots)}
    steps: list[tuple[int, Ballot]] = []
    for place, ballot in enumerate(ballots):
        if ballot.label_of is None or not steps or steps[-1][1].label_of is not ballot.label_of:
            steps.append((place, ballot))

    def find(value: object, untyped_text: bool) -> int:
        for place, ballot in steps:
            if ballot.label_of is not None:
                label = ballot.label_of(value, untyped_text)
                if label is not None and label in places:  # else a later one holds it: no value stops a vote
                    return places[label]
            elif ballot.holds(value, untyped_text):
                return place
        raise LookupError("no ballot holds the value")  # the last one holds all

    return find


def _comes_back(encoder: ColumnEncoder) -> bool:
    """Return true if every value of a few cells, and a missing one, is read back as it was written."""
    cells = np.repeat(np.arange(1, encoder.n_values + 1), 1 + 8 // max(encoder.n_values, 1))
    if encoder.is_nullable:
        cells = np.append(cells, MISSING)
    try:
        written = encoder.inverse_transform(cells, np.random.default_rng(0))
        is_kept = str(written.dtype) == str(pd.api.types.pandas_dtype(encoder.dtype))
        return is_kept and np.array_equal(encoder.transform(written), cells)
    except Exception:  # pandas, NumPy and Arrow raise what they like
        return False


def check_objects(column: Column, objects: str | None) -> None:
    """Raise ``SchemaError`` if a column of another dtype says which Python objects its cells are."""
    if objects and pd.api.types.pandas_dtype(column.dtype) != np.dtype(object):
        raise SchemaError(
            f"Column {column.name!r}: objects: {objects} needs dtype object, got {column.dtype}. Leave out one."
        )


def known_fields(of: type[Column] = Column) -> set[str]:
    """Return the names of the fields of all kinds."""
    return set(of.model_fields).union(*map(known_fields, of.__subclasses__()))


def read_text(df: pd.DataFrame, columns: Iterable[Column]) -> pd.DataFrame:
    """Return a table in which text stands for what its columns say, such as numbers: it is read once.

    A column of a schema whose dtype is that of the table stays as it is.
    """
    read = df
    for column in columns:
        series = df[column.name]
        if is_text(series) and (column.is_read_by_value or column.dtype != str(series.dtype)):
            values = column.of_text(series)
            if values is not None:
                read = df.copy(deep=False) if read is df else read
                read[column.name] = values
    return read


def is_text_dtype(dtype: Dtype) -> bool:
    """Return true for a resolved dtype that text may have."""
    return bool(dtype == np.dtype(object) or pd.api.types.is_string_dtype(dtype))
