"""The public description of a table: its columns, their kinds and their domains.

A :class:`Schema` is public. A person declares as much of it as they know to be public; the parts
that they leave open (``None``) are completed under differential privacy by :mod:`tabgan.privacy.doors.release`, and
the completed schema is a ``Schema`` too. Nothing in this module looks at a row.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    PrivateAttr,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from tabgan._util import html
from tabgan._util.schema_errors import SchemaLines, joined, line_of, name_of
from tabgan._util.validate import nearest
from tabgan._util.yaml import dump, parse_with_lines
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
    Pii,
    Text,
    Time,
)
from tabgan.columns.kind import known_fields
from tabgan.columns.sdtypes import metadata_of, table_of_metadata
from tabgan.errors import ConfigError, SchemaError
from tabgan.rules.geo import Geo, geo_of
from tabgan.rules.judging import check_together, json_schema_of_rules, named, rules_of
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
    "Pii",
    "Schema",
    "Text",
    "Time",
]

logger = logging.getLogger(__name__)

#: The most rows of one entity that a fit may use; noise grows in proportion.
MOST_ROWS_EACH = 10**9

#: Keys of a schema besides its columns and rules.
_TABLE_KEYS = ("target", "targets", "entity", "max_rows", "n_rows", "drafted", "geo")

#: Names of the kinds, as YAML has them.
KIND_NAMES = tuple(str(kind.model_fields["kind"].default) for kind in KINDS)

#: The most rows that a schema may declare.
MAX_ROWS = 10**12

#: The JSON Schema of the pairs of columns that are places.
_JSON_SCHEMA_OF_GEO = {
    "type": "array",
    "items": {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2},
}

#: Fields that a draft with domains copies off the rows.
_COPIED = ("bounds", "decimals", "resolution", "categories", "values")

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


def _said(column: Column, is_copied: bool) -> str:
    """Return the declared fields of a column in words, marked if they were read off private rows."""
    fields = type(column).model_fields
    said = []
    for key in fields:
        value = getattr(column, key)
        if key in ("name", "kind", "dtype") or value is None or value == fields[key].default:
            continue
        if isinstance(value, tuple):
            more = f", … {len(value):,} in all" if len(value) > _SHOWN_CATEGORIES else ""
            value = ", ".join(map(str, value[:_SHOWN_CATEGORIES])) + more
        mark = " (READ OFF PRIVATE ROWS)" if is_copied and key in _COPIED else ""
        said.append(f"{key}: {value}{mark}")
    return "; ".join(said) or "open"


class Schema(BaseModel):
    """The public description of a table.

    Args:
        columns: Columns in any order; those of a table that are not listed are left open.
        target: The column that models are trained to predict, if there is one: the short form of a list of one target.
            Of several it is the first.
        entity: The column that names the person of each row, if people have several: then whole entities are protected
            instead of rows. It is an identifier: generated in synthetic rows, never modelled.
        max_rows: The most rows of an entity that a fit uses, at least 1; the others are left out at random.
            Needed with ``entity``: noise grows in proportion to it.
        n_rows: About how many rows a fit is given, without those of a holdout, from 1 to 10**12: a nominal number that
            is publicly known, such as the planned size of a survey, never one that was counted on the table. A fit
            that needs more is then refused before a row is read. How many there are is still released with noise.
        targets: The columns that models are trained to predict, if there are several tasks, the most important first.
            They are drawn in this order, after all other columns.
        drafted: ``"from rows"`` says that values here were copied off rows of a table, and that nobody has confirmed
            yet that they are public: no fit takes it. ``None`` otherwise.
        rules: Statements that hold in every row by the nature of the table, such as ``Inequality("start", "end")``, or
            mappings as in YAML: every sampled row keeps them. They are declared, not checked on real rows.
        geo: Pairs of columns that are one place, ``[["latitude", "longitude"]]``: they are modelled as regions of a
            map, small where many rows are. Their bounds are those of the globe unless they are declared, and any two
            columns of numbers with declared bounds may be a pair.

    Raises:
        SchemaError: naming each column, key and rule that cannot be used; if two columns share a name; if ``target``
            and ``targets`` differ; if rules contradict each other or the declared columns.

    >>> schema = Schema(columns=[Numeric(name="age", bounds=(0, 120), decimals=0), Boolean(name="smoker")])
    >>> schema["age"].bounds
    (0.0, 120.0)
    >>> Schema.from_yaml(schema.to_yaml()) == schema
    True
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    _lines: SchemaLines = PrivateAttr(default_factory=SchemaLines)

    columns: tuple[Annotated[AnyColumn, Field(discriminator="kind")], ...] = ()
    target: str | None = None
    entity: str | None = None
    max_rows: Annotated[int, Field(ge=1, le=MOST_ROWS_EACH, strict=True)] | None = None
    n_rows: Annotated[int, Field(ge=1, le=MAX_ROWS, strict=True)] | None = None
    targets: tuple[Annotated[str, Field(strict=True)], ...] = ()
    drafted: Literal["from rows"] | None = None
    rules: Annotated[
        tuple[Rule, ...], PlainValidator(lambda given: given), WithJsonSchema(json_schema_of_rules())
    ] = ()
    geo: Annotated[
        tuple[Geo, ...], PlainValidator(lambda given: given), WithJsonSchema(_JSON_SCHEMA_OF_GEO)
    ] = ()

    def __init__(
        self,
        columns: Iterable[AnyColumn | Mapping[str, object]] = (),
        target: str | None = None,
        entity: str | None = None,
        max_rows: int | None = None,
        n_rows: int | None = None,
        targets: Sequence[str] | None = None,
        drafted: str | None = None,
        rules: Iterable[Rule | Mapping[str, object]] = (),
        geo: Sequence[Sequence[str]] | None = None,
        **extra: object,
    ) -> None:
        given: object = columns
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise SchemaError(f"schema: columns: expected a list of columns, got {type(given).__name__}.")
        columns = tuple(columns)
        if isinstance(entity, str) and repr(entity) not in map(name_of, columns):
            columns = (*columns, Identifier(name=entity))
        try:
            known: dict[str, Any] = {
                "rules": rules_of([] if rules is None else rules),
                "geo": geo_of(geo or []),
            }
            known |= extra
            super().__init__(
                columns=columns,
                **_one_list_of(target, targets),
                entity=entity,
                max_rows=max_rows,
                n_rows=n_rows,
                drafted=drafted,
                **known,
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
    def _check_targets(self) -> Schema:
        repeated = next((name for name in self.targets if self.targets.count(name) > 1), None)
        if repeated is not None:
            raise ValueError(
                f"targets: expected each column once, got {repeated!r} more than once. Drop one."
            )
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
    def _check_keys(self) -> Schema:
        for column in self.columns:
            if column.n_strings is not None and column.n_strings < (self.n_rows or 0):
                raise ValueError(
                    f"Column {column.name!r}: pattern: it has {column.n_strings:,} different strings, and n_rows is "
                    f"{self.n_rows:,}. Declare a longer pattern."
                )
        followed = {c.follows_column: c for c in self.columns if c.follows_column is not None}
        if len(followed) > 1:
            raise ValueError(
                f"follows: expected one column that all follow, got {' and '.join(map(repr, sorted(followed)))}."
            )
        for name, column in followed.items():
            if name in self.names and not self[name].is_modelled:
                raise ValueError(
                    f"Column {column.name!r}: follows: column {name!r} is generated. Name another."
                )
        return self

    @model_validator(mode="after")
    def _check_rules(self) -> Schema:
        described = {column.name: column for column in self.columns}
        try:
            check_together(self.statements, described, self.targets)
            for where, rule in named(self.statements):
                if all(side in described or rule.is_constant(side) for side in rule.sides.values()):
                    rule.check(described, where)
                    rule.check_domain(described, where)
                    rule.check_room(described, where, self.n_rows or 0)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def names(self) -> list[str]:
        """Names of the columns, in the schema's order."""
        return [column.name for column in self.columns]

    @property
    def statements(self) -> tuple[Rule, ...]:
        """The rules, then the places: everything that links columns."""
        return (*self.rules, *self.geo)

    @property
    def is_complete(self) -> bool:
        """True if every column's domain is known, so that nothing has to be released."""
        return all(column.is_complete for column in self.columns)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        further = (f"{key}={value!r}" for key, value in self._further.items())
        lines = (f"    {_short(column)}," for column in self)
        rules = ["  rules=[", *(f"    {rule!r}," for rule in self.rules), "  ],"] if self.rules else []
        return "\n".join(
            ["Schema(", "  columns=[", *lines, "  ],", *(f"  {each}," for each in further), *rules, ")"]
        )

    def __str__(self) -> str:
        return repr(self)

    def _repr_html_(self) -> str:
        is_copied = self.drafted is not None
        parts = []
        if is_copied:
            parts.append(
                html.note(
                    "A draft: ranges and categories below were READ OFF PRIVATE ROWS, and nobody has confirmed that "
                    "they are public. Show them to no one who may not see the rows; no fit takes this schema.",
                    "bad",
                )
            )
        rows = [
            (
                column.name,
                column.kind + (" · target" if column.name in self.targets else ""),
                column.dtype or "–",
                _said(column, is_copied),
            )
            for column in self
        ]
        parts.append(html.table(("Column", "Kind", "dtype", "Declared"), rows))
        further = {
            key: value for key, value in self._further.items() if key not in ("target", "targets", "drafted")
        }
        parts.append(html.facts(further.items()) if further else "")
        if self.rules:
            parts.append(html.listed(repr(rule) for rule in self.rules))
        is_open = "" if self.is_complete else ", partly open: a fit completes it privately"
        return html.card(f"Schema of {len(self)} columns{is_open}", *parts)

    def __iter__(self) -> Iterator[Column]:  # type: ignore[override]
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

    @property
    def _further(self) -> dict[str, object]:
        """All declarations besides the columns, by key; targets in their short form if there is one."""
        further = {key: getattr(self, key) for key in _TABLE_KEYS}
        further |= (
            {"target": None, "targets": list(self.targets)} if len(self.targets) > 1 else {"targets": None}
        )
        further["geo"] = [list(place.geo) for place in self.geo] or None
        return {key: value for key, value in further.items() if value is not None}

    def replace(self, columns: Sequence[Column]) -> Schema:
        """Return this schema with other columns, to which its rules are not held: they may be those of a fit."""
        return self._with(columns=columns)

    def with_rules(self, rules: Sequence[Rule]) -> Schema:
        """Return this schema with other rules, which are not checked."""
        return self.model_copy(update={"rules": tuple(rules)})

    def with_targets(self, targets: Sequence[str]) -> Schema:
        """Return this schema with other targets."""
        return self._with(targets=targets)

    def with_geo(self, geo: Sequence[Sequence[str] | Geo]) -> Schema:
        """Return this schema with other pairs of columns that are places.

        Raises:
            SchemaError: a pair of columns cannot be a place.
        """
        return Schema(**self._kept() | {"rules": self.rules, "geo": geo})

    def error(self, message: str) -> SchemaError:
        """Return an error about what is declared here, with its line of the file that the schema was read from."""
        return SchemaError(self._lines.told(message))

    def confirmed(self) -> Schema:
        """Return this schema without the mark of a draft: whoever calls this says that all in it is public."""
        return self._with(drafted=None)

    def _with(self, **changes: Any) -> Schema:
        """Return this schema with other declarations, to which its rules are not held."""
        kept = self._kept() | changes
        places = kept.pop("geo")
        changed = Schema(**kept).model_copy(update={"rules": self.rules, "geo": places})
        changed._lines = self._lines
        return changed

    def _kept(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in ("columns", *_TABLE_KEYS) if key != "target"}

    def check_confirmed(self) -> None:
        """Raise if values here were copied off rows, and nobody has confirmed that they are public.

        Raises:
            SchemaError: values were copied off rows and are not confirmed.
        """
        if self.drafted is not None:
            raise SchemaError(
                f"schema: drafted: {self.drafted}: its values were copied off rows of a table, and a fit takes all "
                "that a schema declares as public. Replace each by what is known without the table, or delete it; then "
                "remove the key drafted (in Python: schema.confirmed()). No row was read, and nothing is spent."
            )

    def to_dict(self) -> dict[str, object]:
        """Return plain data: ``{"columns": {name: {...}}, "target": ..., "rules": ...}``, without open fields."""
        columns = {
            column.name: column.model_dump(mode="json", exclude={"name"}, exclude_none=True)
            for column in self
        }
        rules = {"rules": [rule.to_dict() for rule in self.rules]} if self.rules else {}
        return {"columns": columns} | self._further | rules

    @classmethod
    def from_dict(cls, data: Mapping[str, object], *, is_completed: bool = False) -> Schema:
        """Return the schema that :meth:`to_dict` wrote, or that a person did.

        Args:
            data: The schema as plain data.
            is_completed: True if a fit completed it: released domains are not held against its rules.

        Raises:
            SchemaError: naming each column, key and rule that cannot be used.
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
        if not is_completed:
            return cls(columns=columns, **others)
        try:
            schema = cls(columns=columns, **others | {"rules": ()}).with_rules(
                rules_of(others["rules"] or [])
            )
            described = {column.name: column for column in schema}
            for where, rule in named(schema.statements):
                rule.check(described, where)
            check_together(schema.statements, described, schema.targets, are_released=True)
        except ConfigError as error:
            raise SchemaError(f"schema: {error}") from None
        return schema

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
        data, problems, by_path = parse_with_lines(text, {})
        if problems:
            raise SchemaError("\n".join(f"schema: {problem}" for problem in problems))
        if isinstance(source, str) and isinstance(data, str):
            raise SchemaError("schema: expected YAML, got one line of text. Read a file by its pathlib.Path.")
        lines = SchemaLines(by_path)
        try:
            found = cls.from_dict(data or {})
        except SchemaError as error:
            raise SchemaError(lines.told(str(error))) from None
        found._lines = lines
        return found

    @classmethod
    def from_sdv(cls, metadata: Mapping[str, object] | str | Path, *, table: str | None = None) -> Schema:
        """Return the schema that SDV's metadata describes, as a draft. A warning names each thing that is lost.

        SDV detects metadata on rows, with ranges, values and kinds, and nothing in it says so. A fit takes a schema as
        public, and so it takes this one only once somebody has looked at it: ``Schema.from_sdv(...).confirmed()``.

        Args:
            metadata: ``metadata.to_dict()``, or the path of the JSON file that ``metadata.save_to_json`` wrote, of SDV
                1 or 2.
            table: The name of the table, where the metadata has several.

        Raises:
            SchemaError: it is no such metadata, or has several tables and none was named.
        """
        where = "metadata" if isinstance(metadata, Mapping) else str(metadata)
        if not isinstance(metadata, Mapping):
            try:
                metadata = json.loads(Path(metadata).read_text(encoding="utf-8-sig"))
            except OSError as error:
                raise SchemaError(f"{where}: cannot be read: {error.strerror}.") from None
            except (ValueError, RecursionError):
                raise SchemaError(f"{where}: expected a JSON file of SDV's metadata.") from None
        columns, geo, lost = table_of_metadata(metadata, table, where)
        for line in lost:
            logger.warning("%s: not taken over: %s", where, line)
        return cls.from_dict({"columns": columns, "geo": geo or None, "drafted": "from rows"})

    def to_sdv(self, *, version: Literal["V1", "V2"] = "V2") -> dict[str, object]:
        """Return this schema as SDV's metadata of one table, for a JSON file. A warning names each thing that is lost.

        Args:
            version: The version of the metadata: that of SDV 2, or of SDV 1, which has no ranges.

        Raises:
            ConfigError: there is no such version.
        """
        if version not in ("V1", "V2"):
            raise ConfigError(f"version: expected V1 or V2, got {version!r}.")
        found, lost = metadata_of(self, self.entity, [place.geo for place in self.geo], version)
        lost += [f"{key}." for key in ("targets", "max_rows", "n_rows", "rules") if getattr(self, key)]
        for line in lost:
            logger.warning("schema: not in SDV's metadata: %s", line)
        return found


def _one_list_of(target: object, targets: object) -> dict[str, object]:
    """Return the fields of a schema for targets in either form, or in both if they agree.

    Raises:
        SchemaError: the two forms differ.
    """
    if targets is None or (isinstance(targets, list | tuple) and not targets):
        return {
            "target": target,
            "targets": () if target is None or not isinstance(target, str) else (target,),
        }
    if isinstance(targets, list | tuple):
        if target is not None and list(targets) != [target]:
            raise SchemaError(
                f"schema: targets: expected target or targets, got both, and they differ: {target!r} and "
                f"{list(targets)!r}. Drop target: the first of targets takes its place."
            )
        first = targets[0] if targets and isinstance(targets[0], str) else None
        return {"target": first, "targets": tuple(targets)}
    return {"target": target, "targets": targets}


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
