"""What is publicly known of a table: its columns, their kinds and their domains.

A :class:`Schema` is public. A person declares as much of it as they know to be public; what they
leave open (``None``) is completed under differential privacy by :mod:`tabgan.privacy.doors.release`, and
the completed schema is a ``Schema`` too. Nothing in this module looks at a row.
"""

from __future__ import annotations

import difflib
import math
import re
import reprlib
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from tabgan._util.yaml import dump, parse
from tabgan.errors import SchemaError

Kind = Literal["numeric", "categorical", "boolean", "datetime", "identifier"]
Scalar = bool | int | float | str

#: The most characters of an identifier's pattern, and of the keys that it makes.
MAX_KEY = 100

#: The most rows of one entity that a fit may use; noise grows in proportion.
MOST_ROWS_EACH = 10**9

#: Keys of a schema beside its columns.
_TABLE_KEYS = ("target", "entity", "max_rows", "n_rows")

KINDS = ("numeric", "categorical", "boolean", "datetime", "identifier")

#: The most rows that a schema may declare.
MAX_ROWS = 10**12

#: Values of a numeric column are kept as multiples of 10**-decimals; beyond this, floats have no more.
MAX_DECIMALS = 9

#: Those multiples, as integers, stay below this: floats hold no larger ones exactly.
LIMIT = 2**53


class _Column(BaseModel):
    """What every kind of column shares.

    Attributes:
        name: The column's name.
        dtype: The pandas dtype of the output, as ``str(series.dtype)``; ``None`` takes the table's own.
        nullable: ``False`` promises that the column holds no missing value; ``None`` leaves it open:
            the noisy counts then say how many values are missing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    dtype: str | None = None
    nullable: bool | None = None

    def __init__(self, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            where = f"Column {_name_of(data)}"
            raise SchemaError(_lines(_line(where, finding, 0) for finding in error.errors())) from None

    @field_validator("dtype")
    @classmethod
    def _check_dtype(cls, dtype: str | None) -> str | None:
        try:
            pd.api.types.pandas_dtype(dtype or "object")
        except (TypeError, ValueError, NotImplementedError):
            raise ValueError(f"expected a pandas dtype such as 'Int64', got {dtype!r}.") from None
        return dtype

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left for the private release to find out."""
        return True


class Numeric(_Column):
    """Integers and floats.

    Attributes:
        bounds: Smallest and largest value. Values outside are clipped, or refused
            (``out_of_range="error"``).
        decimals: Decimal places that are kept, 0 for integers.
    """

    kind: Literal["numeric"] = "numeric"
    bounds: tuple[float, float] | None = None
    decimals: Annotated[int, Field(ge=0, le=MAX_DECIMALS)] | None = None
    out_of_range: Literal["clip", "error"] = "clip"

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

    @property
    def is_complete(self) -> bool:
        return self.bounds is not None and self.decimals is not None


class Categorical(_Column):
    """Values from a list.

    Attributes:
        categories: The public list; ``None`` has it discovered by a threshold mechanism.
        ordered: Whether the order of ``categories`` means something.
        unknown: A value outside the list is pooled, and replaced in samples by listed ones (``"other"``), or refused
            (``"error"``).
    """

    kind: Literal["categorical"] = "categorical"
    categories: tuple[Scalar, ...] | None = None
    ordered: bool = False
    unknown: Literal["other", "error"] = "other"

    @model_validator(mode="after")
    def _check_categories(self) -> Categorical:
        if self.categories is not None:
            if any(isinstance(value, float) and not math.isfinite(value) for value in self.categories):
                raise ValueError("categories: expected finite numbers. A missing value is no category.")
            if len({(isinstance(value, bool), value) for value in self.categories}) < len(self.categories):
                raise ValueError("categories: expected each value once; 1 and 1.0 are one value.")
        return self

    @property
    def is_complete(self) -> bool:
        return self.categories is not None


class Boolean(_Column):
    """True and false: a domain that needs no discovery."""

    kind: Literal["boolean"] = "boolean"


class Datetime(_Column):
    """Dates and points in time, as datetime64, ``datetime.date`` objects, or text in one format.

    Attributes:
        bounds: First and last moment, in ISO 8601.
        resolution: What is kept: days or seconds.
        format: ``strptime`` format of a column that holds text; ``None`` for datetime64 and dates.
    """

    kind: Literal["datetime"] = "datetime"
    bounds: tuple[str, str] | None = None
    resolution: Literal["day", "second"] | None = None
    format: str | None = None
    out_of_range: Literal["clip", "error"] = "clip"

    @model_validator(mode="after")
    def _check_bounds(self) -> Datetime:
        if self.bounds is not None:
            try:
                low, high = (pd.Timestamp(moment) for moment in self.bounds)
                is_ordered = bool(low <= high)
            except (ValueError, TypeError, OverflowError) as error:
                raise ValueError("bounds: expected two moments in ISO 8601 of one time zone.") from error
            if not is_ordered:
                raise ValueError("bounds: expected two moments, the earlier one first.")
        return self

    @property
    def is_complete(self) -> bool:
        return self.bounds is not None and self.resolution is not None


class Identifier(_Column):
    """A key. Generated from ``pattern`` for every sampled row, never learnt.

    Attributes:
        pattern: A format string with one field for the running number, such as ``"P{:06d}"``. An
            integer column takes the number itself. Neither it nor a key may have more than ``MAX_KEY`` characters.
        start: The first number, below ``LIMIT``.
    """

    kind: Literal["identifier"] = "identifier"
    pattern: str = "{}"
    start: Annotated[int, Field(ge=0, lt=LIMIT)] = 1

    @model_validator(mode="after")
    def _check_pattern(self) -> Identifier:
        try:
            if len(self.pattern) > MAX_KEY:
                raise ValueError
            parsed = list(string.Formatter().parse(self.pattern))
            fields = [(field, spec or "") for _, field, spec, _ in parsed if field is not None]
            widths = [number for _, spec in fields for number in re.findall("[0-9]+", spec)]
            is_bounded = all(len(number) <= 3 and int(number) <= MAX_KEY for number in widths)
            has_one = [field for field, _ in fields] in ([""], ["0"])
            if not (has_one and is_bounded) or any("{" in spec for _, spec in fields):
                raise ValueError  # before it is formatted: a field in a field, and a width, may ask for any length
            if len(self.pattern.format(self.start)) > MAX_KEY:
                raise ValueError
        except (ValueError, IndexError, KeyError, OverflowError):
            raise ValueError(
                f"pattern: expected one field for the running number, as in 'P{{:06d}}', and at most {MAX_KEY} "
                "characters."
            ) from None
        return self


Column = Annotated[Numeric | Categorical | Boolean | Datetime | Identifier, Field(discriminator="kind")]


#: Categories of a column that its line shows, and characters that a line may have.
_SHOWN_CATEGORIES, _SHOWN_CHARACTERS = 6, 140


def _short(column: _Column) -> str:
    """Return a column in one line: what is declared of it, long lists cut."""
    said = []
    for key in type(column).model_fields:
        value = getattr(column, key)
        if value is None or (key != "name" and value == type(column).model_fields[key].default):
            continue
        if isinstance(value, tuple) and len(value) > _SHOWN_CATEGORIES:
            first = ", ".join(map(repr, value[:_SHOWN_CATEGORIES]))
            said.append(f"{key}=({first}, … {len(value):,} in all)")
        else:
            said.append(f"{key}={value!r}")
    line = f"{type(column).__name__}({', '.join(said)})"
    return line if len(line) <= _SHOWN_CHARACTERS else line[: _SHOWN_CHARACTERS - 2] + "…)"


class Schema(BaseModel):
    """The public description of a table.

    Args:
        columns: Columns in any order; those of a table that are not listed are left open.
        target: The column that models are trained to predict, if there is one.
        entity: The column that says whose a row is, where people have several: then whole entities are protected
            instead of rows. It is an identifier: generated in synthetic rows, never learnt.
        max_rows: The most rows of an entity that a fit uses, at least 1; the others are left out at random.
            Needed with ``entity``: noise grows in proportion to it.
        n_rows: About how many rows a fit is given, without those of a holdout, from 1 to 10**12: a nominal number that
            is publicly known, such as the planned size of a survey, never one that was counted on the table. A fit
            that needs more is then refused before a row is read. How many there are is still released with noise.

    Raises:
        SchemaError: naming each column and key that cannot be used; if two columns share a name.

    >>> schema = Schema(columns=[Numeric(name="age", bounds=(0, 120), decimals=0), Boolean(name="smoker")])
    >>> schema["age"].bounds
    (0.0, 120.0)
    >>> Schema.from_yaml(schema.to_yaml()) == schema
    True
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[Column, ...] = ()
    target: str | None = None
    entity: str | None = None
    max_rows: Annotated[int, Field(ge=1, le=MOST_ROWS_EACH, strict=True)] | None = None
    n_rows: Annotated[int, Field(ge=1, le=MAX_ROWS, strict=True)] | None = None

    def __init__(
        self,
        columns: Sequence[Any] = (),
        target: str | None = None,
        entity: str | None = None,
        max_rows: int | None = None,
        n_rows: int | None = None,
        **extra: Any,
    ) -> None:
        if isinstance(columns, str) or not isinstance(columns, Iterable):
            raise SchemaError(f"schema: columns: expected a list of columns, got {type(columns).__name__}.")
        columns = tuple(columns)
        if isinstance(entity, str) and repr(entity) not in map(_name_of, columns):
            columns = (*columns, Identifier(name=entity))
        try:
            super().__init__(
                columns=columns, target=target, entity=entity, max_rows=max_rows, n_rows=n_rows, **extra
            )
        except ValidationError as error:
            names = [_name_of(column) for column in columns]
            raise SchemaError(_lines(_explain(finding, names) for finding in error.errors())) from None

    @model_validator(mode="after")
    def _check_names(self) -> Schema:
        names = self.names
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"declared more than once: {', '.join(map(repr, repeated))}")
        return self

    @model_validator(mode="after")
    def _check_entity(self) -> Schema:
        if (self.entity is None) != (self.max_rows is None):
            raise ValueError(
                "entity: expected entity and max_rows together, got one of them. max_rows is the most rows of an "
                "entity that a fit may use."
            )
        if self.entity is not None and not isinstance(self[self.entity], Identifier):
            raise ValueError(
                f"entity: expected column {self.entity!r} to be an identifier, got {self[self.entity].kind}. An "
                "entity's key is never learnt: declare it as identifier, or leave it out of columns."
            )
        return self

    @property
    def names(self) -> list[str]:
        """Names of the columns, in the schema's order."""
        return [column.name for column in self.columns]

    @property
    def is_complete(self) -> bool:
        """True if every column's domain is known, so that nothing has to be released."""
        return all(column.is_complete for column in self.columns)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        further = (f"{key}={getattr(self, key)!r}" for key in _TABLE_KEYS if getattr(self, key) is not None)
        lines = (f"    {_short(column)}," for column in self)
        return "\n".join(["Schema(", "  columns=[", *lines, "  ],", *(f"  {each}," for each in further), ")"])

    def __str__(self) -> str:
        return repr(self)

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __getitem__(self, name: str) -> Any:
        for column in self.columns:
            if column.name == name:
                return column
        raise SchemaError(f"schema: no column {name!r}.{nearest(name, self.names)}")

    def replace(self, columns: Sequence[Any]) -> Schema:
        """Return this schema with other columns."""
        return Schema(columns, self.target, self.entity, self.max_rows, self.n_rows)

    def with_target(self, target: str | None) -> Schema:
        """Return this schema with another target."""
        return Schema(self.columns, target, self.entity, self.max_rows, self.n_rows)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: ``{"columns": {name: {...}}, "target": ..., ...}``, without what is left open."""
        columns = {
            column.name: column.model_dump(mode="json", exclude={"name"}, exclude_none=True)
            for column in self
        }
        further = {key: getattr(self, key) for key in _TABLE_KEYS}
        return {"columns": columns} | {key: value for key, value in further.items() if value is not None}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Schema:
        """Return the schema that :meth:`to_dict` wrote, or that a person did.

        Raises:
            SchemaError: naming each column and key that cannot be used.
        """
        if not isinstance(data, Mapping) or not isinstance(data.get("columns", {}), Mapping):
            raise SchemaError(
                "schema: expected a mapping with the key 'columns', a mapping from names to columns."
            )
        known = ["columns", *_TABLE_KEYS]
        unknown = sorted(set(data) - set(known), key=str)
        if unknown:
            raise SchemaError(f"schema: unknown key {unknown[0]!r}.{nearest(unknown[0], known)}")
        columns = []
        for name, spec in data.get("columns", {}).items():
            if not isinstance(spec, Mapping):
                raise SchemaError(f"Column {name!r}: expected a mapping such as {{kind: numeric}}.")
            if "name" in spec:
                raise SchemaError(f"Column {name!r}: name: unknown key. The name stands before the colon.")
            columns.append({"name": str(name), **spec})
        return cls(columns=columns, **{key: data.get(key) for key in _TABLE_KEYS})

    def to_yaml(self) -> str:
        """Return the schema as YAML, for people to edit."""
        return dump(self.to_dict())

    @classmethod
    def from_yaml(cls, source: str | Path) -> Schema:
        """Read a schema from a YAML file (a ``Path``) or from YAML text (a ``str``)."""
        try:
            text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8"
            raise SchemaError(f"schema: cannot read {str(source)!r}: {reason}.") from None
        data, problems = parse(text, {})
        if problems:
            raise SchemaError("\n".join(f"schema: {problem}" for problem in problems))
        return cls.from_dict(data or {})


def nearest(name: object, candidates: Sequence[str]) -> str:
    """Return `` Did you mean 'x'?`` for the closest candidate, or an empty string."""
    close = difflib.get_close_matches(str(name), [str(c) for c in candidates], n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def _name_of(column: Any) -> str:
    name = column.get("name") if isinstance(column, Mapping) else getattr(column, "name", None)
    return "without a name" if name is None else repr(str(name))


def _lines(lines: Iterable[str]) -> str:
    """Return lines as one text, each once."""
    return "\n".join(dict.fromkeys(lines))


def _explain(finding: Any, names: Sequence[str]) -> str:
    """Return one of pydantic's findings on a schema in our wording: the column, the key, the rule."""
    place = finding["loc"]
    if len(place) < 2 or place[0] != "columns":
        return _line("schema", finding, 0)
    cause = finding.get("ctx", {}).get("error")
    if isinstance(cause, SchemaError):
        return str(cause)
    return _line(f"Column {names[int(place[1])]}", finding, 3)


def _rule(finding: Any) -> str:
    """Return what a finding says, and, of a value that pydantic refuses, what was found; a schema is public."""
    rule, found = finding["msg"].removeprefix("Value error, "), reprlib.repr(finding["input"])
    if finding["type"] in ("tuple_type", "list_type"):
        return f"expected a list such as [{found}], got {found}."
    return (
        f"expected {rule.removeprefix('Input should be ')}, got {found}."
        if rule.startswith("Input")
        else rule
    )


def _line(where: str, finding: Any, skipped: int) -> str:
    """Return where, the key without the first ``skipped`` parts of its path, and the rule."""
    keys = [str(key) for key in finding["loc"][skipped:]]
    message = _rule(finding)
    if finding["type"] == "extra_forbidden":
        kinds = (Numeric, Categorical, Boolean, Datetime, Identifier)
        fields = sorted({field for kind in kinds for field in kind.model_fields})
        message = f"unknown key.{nearest(keys[-1], fields)}"
    elif finding["type"].startswith("union_tag"):
        found = finding.get("ctx", {}).get("tag")
        keys = ["kind"]
        message = f"expected one of {', '.join(KINDS)}, got {found!r}.{nearest(found, KINDS)}"
    elif keys and keys[0] == "categories" and len(keys) == 3:
        keys, message = keys[:2], "expected text, a number, true or false. A missing value is no category."
    return f"{where}: {'.'.join(keys) + ': ' if keys else ''}{message}"
