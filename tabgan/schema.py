"""The public description of a table: its columns, their kinds and their domains.

A :class:`Schema` is public. A person declares as much of it as they know to be public; the parts
that they leave open (``None``) are completed under differential privacy by :mod:`tabgan.privacy.doors.release`, and
the completed schema is a ``Schema`` too. Nothing in this module looks at a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from tabgan._util.schema_errors import joined, line_of, name_of
from tabgan._util.validate import nearest
from tabgan._util.yaml import dump, parse
from tabgan.columns import (
    KINDS,
    AnyColumn,
    Boolean,
    Categorical,
    Column,
    Constant,
    Datetime,
    Duration,
    Identifier,
    Numeric,
    Time,
)
from tabgan.columns.kind import known_fields
from tabgan.errors import ConfigError, SchemaError
from tabgan.rules.judging import check_together, json_schema_of_rules, rules_of
from tabgan.rules.rule import Rule

__all__ = [
    "Boolean",
    "Categorical",
    "Column",
    "Constant",
    "Datetime",
    "Duration",
    "Identifier",
    "Numeric",
    "Schema",
    "Time",
]

#: The most rows of one entity that a fit may use; noise grows in proportion.
MOST_ROWS_EACH = 10**9

#: Keys of a schema besides its columns and rules.
_TABLE_KEYS = ("target", "entity", "max_rows", "n_rows")

#: Names of the kinds, as YAML has them.
KIND_NAMES = tuple(str(kind.model_fields["kind"].default) for kind in KINDS)

#: The most rows that a schema may declare.
MAX_ROWS = 10**12

#: Categories of a column that its line shows, and characters that a line may have.
_SHOWN_CATEGORIES, _SHOWN_CHARACTERS = 6, 140


def _short(column: Column) -> str:
    """Return a column in one line: its declared fields, long lists cut."""
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
        entity: The column that names the person of each row, if people have several: then whole entities are protected
            instead of rows. It is an identifier: generated in synthetic rows, never modelled.
        max_rows: The most rows of an entity that a fit uses, at least 1; the others are left out at random.
            Needed with ``entity``: noise grows in proportion to it.
        n_rows: About how many rows a fit is given, without those of a holdout, from 1 to 10**12: a nominal number that
            is publicly known, such as the planned size of a survey, never one that was counted on the table. A fit
            that needs more is then refused before a row is read. How many there are is still released with noise.
        rules: Statements that hold in every row by the nature of the table, such as ``Inequality("start", "end")``, or
            mappings as in YAML: every sampled row keeps them. They are declared, not checked on real rows.

    Raises:
        SchemaError: naming each column, key and rule that cannot be used; if two columns share a name; if rules
            contradict each other or the declared columns.

    >>> schema = Schema(columns=[Numeric(name="age", bounds=(0, 120), decimals=0), Boolean(name="smoker")])
    >>> schema["age"].bounds
    (0.0, 120.0)
    >>> Schema.from_yaml(schema.to_yaml()) == schema
    True
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[Annotated[AnyColumn, Field(discriminator="kind")], ...] = ()
    target: str | None = None
    entity: str | None = None
    max_rows: Annotated[int, Field(ge=1, le=MOST_ROWS_EACH, strict=True)] | None = None
    n_rows: Annotated[int, Field(ge=1, le=MAX_ROWS, strict=True)] | None = None
    rules: Annotated[
        tuple[Rule, ...], PlainValidator(lambda given: given), WithJsonSchema(json_schema_of_rules())
    ] = ()

    def __init__(
        self,
        columns: Iterable[AnyColumn | Mapping[str, object]] = (),
        target: str | None = None,
        entity: str | None = None,
        max_rows: int | None = None,
        n_rows: int | None = None,
        rules: Iterable[Rule | Mapping[str, object]] = (),
        **extra: object,
    ) -> None:
        given: object = columns
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise SchemaError(f"schema: columns: expected a list of columns, got {type(given).__name__}.")
        columns = tuple(columns)
        if isinstance(entity, str) and repr(entity) not in map(name_of, columns):
            columns = (*columns, Identifier(name=entity))
        try:
            known: dict[str, Any] = {"rules": rules_of([] if rules is None else rules), **extra}
            super().__init__(
                columns=columns, target=target, entity=entity, max_rows=max_rows, n_rows=n_rows, **known
            )
        except ConfigError as error:
            raise SchemaError(f"schema: {error}") from None
        except ValidationError as error:
            names = [name_of(column) for column in columns]
            raise SchemaError(joined(_explain(finding, names) for finding in error.errors())) from None

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
                "entity's key is never modelled: declare it as identifier, or leave it out of columns."
            )
        return self

    @model_validator(mode="after")
    def _check_rules(self) -> Schema:
        described = {column.name: column for column in self.columns}
        try:
            check_together(self.rules, described, self.target)
            for i, rule in enumerate(self.rules):
                if all(side in described or rule.is_constant(side) for side in rule.sides.values()):
                    rule.check(described, f"rules[{i}]")
                    rule.check_domain(described, f"rules[{i}]")
        except ConfigError as error:
            raise ValueError(str(error)) from None
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
        rules = ["  rules=[", *(f"    {rule!r}," for rule in self.rules), "  ],"] if self.rules else []
        return "\n".join(
            ["Schema(", "  columns=[", *lines, "  ],", *(f"  {each}," for each in further), *rules, ")"]
        )

    def __str__(self) -> str:
        return repr(self)

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise SchemaError(f"schema: no column {name!r}.{nearest(name, self.names)}")

    def replace(self, columns: Sequence[Column]) -> Schema:
        """Return this schema with other columns, to which its rules are not held: they may be those of a fit."""
        other = Schema(columns, self.target, self.entity, self.max_rows, self.n_rows)
        return other.with_rules(self.rules)

    def with_rules(self, rules: Sequence[Rule]) -> Schema:
        """Return this schema with other rules, which are not checked."""
        return self.model_copy(update={"rules": tuple(rules)})

    def with_target(self, target: str | None) -> Schema:
        """Return this schema with another target."""
        other = Schema(self.columns, target, self.entity, self.max_rows, self.n_rows)
        return other.with_rules(self.rules)

    def to_dict(self) -> dict[str, object]:
        """Return plain data: ``{"columns": {name: {...}}, "target": ..., "rules": ...}``, without open fields."""
        columns = {
            column.name: column.model_dump(mode="json", exclude={"name"}, exclude_none=True)
            for column in self
        }
        further = {key: getattr(self, key) for key in _TABLE_KEYS}
        further["rules"] = [rule.to_dict() for rule in self.rules] or None
        return {"columns": columns} | {key: value for key, value in further.items() if value is not None}

    @classmethod
    def from_dict(cls, data: Mapping[str, object], *, is_completed: bool = False) -> Schema:
        """Return the schema that :meth:`to_dict` wrote, or that a person did.

        Args:
            data: The schema as plain data.
            is_completed: True if a fit completed it: released domains are not held against its rules.

        Raises:
            SchemaError: naming each column and key that cannot be used.
        """
        listed = data.get("columns", {}) if isinstance(data, Mapping) else None
        if not isinstance(listed, Mapping):
            raise SchemaError(
                "schema: expected a mapping with the key 'columns', a mapping from names to columns."
            )
        known = ["columns", *_TABLE_KEYS, "rules"]
        unknown = sorted(set(data) - set(known), key=str)
        if unknown:
            raise SchemaError(f"schema: unknown key {unknown[0]!r}.{nearest(unknown[0], known)}")
        columns = []
        for name, spec in listed.items():
            if not isinstance(spec, Mapping):
                raise SchemaError(f"Column {name!r}: expected a mapping such as {{kind: numeric}}.")
            if "name" in spec:
                raise SchemaError(f"Column {name!r}: name: unknown key. The name stands before the colon.")
            columns.append({"name": str(name), **spec})
        others: dict[str, Any] = {key: data.get(key) for key in (*_TABLE_KEYS, "rules")}
        if is_completed:
            rules = rules_of(others.pop("rules") or [])
            return cls(columns=columns, **others).with_rules(rules)
        return cls(columns=columns, **others)

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


def _explain(finding: Any, names: Sequence[str]) -> str:
    """Return one of pydantic's findings on a schema in our wording: the column, the key, the rule."""
    place = finding["loc"]
    fields = known_fields()
    if len(place) < 2 or place[0] != "columns":
        return line_of("schema", finding, 0, fields)
    cause = finding.get("ctx", {}).get("error")
    if isinstance(cause, SchemaError):
        return str(cause)
    return line_of(f"Column {names[int(place[1])]}", finding, 3, fields, KIND_NAMES)
