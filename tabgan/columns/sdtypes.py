"""Tables and columns as SDV describes them: its metadata, and the part of a declaration that it can hold.

References:
    DataCebo, *Metadata JSON* and *Sdtypes*, documentation of SDV 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tabgan._util.validate import nearest, shown
from tabgan.columns.boolean import Boolean
from tabgan.columns.categorical import Categorical
from tabgan.columns.datetime import Datetime
from tabgan.columns.formats import compiled
from tabgan.columns.identifier import Identifier
from tabgan.columns.kind import Column
from tabgan.columns.numeric import Numeric
from tabgan.columns.patterns import literal, pattern_of
from tabgan.columns.people import PROVIDERS, Pii
from tabgan.columns.plaintext import Text
from tabgan.errors import SchemaError

#: The version that is written, and all that are read; files without one are those of SDMetrics.
SINGLE = "SINGLE_TABLE_V1"
VERSIONS = (SINGLE, "MULTI_TABLE_V1", "V1", None)

#: Integers, as SDV names their representations.
_INTEGERS = frozenset(f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64))

#: SDV's types of personal data that have another name here.
_OTHER_NAMES = {"address": "street_address", "zipcode": "postcode"}

#: The text that SDV makes of columns of an unknown type.
_UNKNOWN = "sdv-pii-[0-9a-z]{5}"

#: Types that hold numbers where they are not personal data.
_COORDINATES = ("latitude", "longitude")

_FIELD = re.compile(r"\{(?::0(\d+)d)?\}")

#: Keys of a column that no sdtype holds, or that its own does.
_OWN = {"name", "kind", "dtype"}


def column_of_sdtype(described: Mapping[str, Any]) -> tuple[dict[str, Any] | None, list[str]]:
    """Return the keys of a column that SDV describes, ``None`` for one that is left open, and what is lost.

    Args:
        described: The column's description: ``sdtype`` and what belongs to it.
    """
    sdtype = described["sdtype"]
    if sdtype in _READERS:
        return _READERS[sdtype](described)
    if described.get("pii", True) is False:
        if sdtype in _COORDINATES:
            return {"kind": "numeric"}, []
        return None, [f"sdtype {sdtype} with pii: false. The column is left open: a fit finds its kind."]
    provider = _OTHER_NAMES.get(sdtype, sdtype)
    if provider in PROVIDERS:
        lost = [] if provider == sdtype else [f"sdtype {sdtype}. Its cells become made-up {provider}."]
        return {"kind": "pii", "provider": provider}, lost
    if sdtype == "unknown":
        return {"kind": "text", "pattern": _UNKNOWN}, []
    lost = [
        f"sdtype {sdtype}, which nobody makes up here. Its cells become a placeholder; declare a pattern."
    ]
    return {"kind": "text", "placeholder": f"({sdtype})"}, lost


def _numeric(described: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    is_whole = described.get("computer_representation") in _INTEGERS
    return {"kind": "numeric", **({"decimals": 0} if is_whole else {})}, []


def _categorical(described: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    order = described.get("order")
    if isinstance(order, list) and order:
        return {"kind": "categorical", "categories": order, "ordered": True}, []
    by = described.get("order_by")
    lost = [] if by is None else [f"order_by: {by}. Declare categories in their order, and ordered: true."]
    return {"kind": "categorical"}, lost


def _boolean(described: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    del described
    return {"kind": "boolean"}, []


def _datetime(described: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    form = described.get("datetime_format")
    if form is None:
        return {"kind": "datetime"}, []
    if not isinstance(form, str) or compiled(form).fault:
        return {"kind": "datetime"}, [
            "datetime_format, in which no moment can be written and read back. A fit finds it."
        ]
    return {"kind": "datetime", "format": form}, []


def _identifier(described: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    regex = described.get("regex_format")
    if regex is None:
        return {"kind": "identifier"}, []
    try:
        may_be = isinstance(regex, str) and pattern_of(regex).n_strings > 1
    except ValueError:
        may_be = False
    if may_be:
        return {"kind": "identifier", "pattern": regex}, []
    return {"kind": "identifier"}, [
        f"regex_format {regex!r}, which has no end, or more than patterns here can say. Keys become running numbers; "
        "declare a pattern."
    ]


_READERS = {
    "numerical": _numeric,
    "categorical": _categorical,
    "boolean": _boolean,
    "datetime": _datetime,
    "id": _identifier,
}


def sdtype_of(column: Column) -> tuple[dict[str, Any], list[str]]:
    """Return a column as SDV describes it, and the keys of its declaration that are lost."""
    described, held = _described(column)
    given = column.model_dump(exclude_none=True)
    defaults = {name: field.default for name, field in type(column).model_fields.items()}
    lost = [key for key in given if key not in _OWN | held and given[key] != defaults[key]]
    return described, lost


def _described(column: Column) -> tuple[dict[str, Any], set[str]]:
    """Return a column as SDV describes it, and the keys of its declaration that this holds."""
    if isinstance(column, Numeric) and column.format is None:
        held = {"decimals"} if column.decimals == 0 else set()
        return {"sdtype": "numerical", **_representation(column)}, held
    if isinstance(column, Categorical):
        if not column.ordered or not column.categories:
            return {"sdtype": "categorical"}, set()
        return {"sdtype": "categorical", "order": list(column.categories)}, {"ordered", "categories"}
    if isinstance(column, Datetime):
        form = {} if column.format is None else {"datetime_format": column.format}
        return {"sdtype": "datetime", **form}, {"format"}
    if isinstance(column, Identifier):
        regex = _regex(column)
        return {"sdtype": "id", **regex}, {"pattern", "start"} if regex else set()
    if isinstance(column, Pii):
        return {"sdtype": column.provider, "pii": True}, {"provider"}
    if isinstance(column, Text) and column.pattern == _UNKNOWN:
        return {"sdtype": "unknown", "pii": True}, {"pattern"}
    if isinstance(column, Text) and column.pattern is not None:
        return {"sdtype": "id", "regex_format": column.pattern}, {"pattern"}
    return (
        {"sdtype": "boolean"} if isinstance(column, Boolean) else {"sdtype": "unknown", "pii": True}
    ), set()


def _representation(column: Numeric) -> dict[str, str]:
    """Return the representation of a column of numbers, if it is known."""
    name = (column.dtype or "").replace("uint", "UInt").replace("int", "Int")
    if name in _INTEGERS:
        return {"computer_representation": name}
    return {"computer_representation": "Int64"} if column.decimals == 0 else {}


def _regex(column: Identifier) -> dict[str, str]:
    """Return the regular expression of a column's keys; there is none of running numbers without a form."""
    if column.pattern == "{}":
        return {}
    parts = _FIELD.split(column.pattern)
    if len(parts) == 3:
        before, digits, after = parts
        count = "{1,9}" if digits is None else f"{{{int(digits)}}}"
        return {"regex_format": f"{_escaped(before)}[0-9]{count}{_escaped(after)}"}
    try:
        pattern_of(column.pattern)
    except ValueError:
        return {}
    return {"regex_format": column.pattern}


def _escaped(text: str) -> str:
    return "".join(map(literal, text))


def table_of_metadata(
    metadata: object, table: str | None, where: str
) -> tuple[dict[str, dict[str, Any]], list[list[str]], list[str]]:
    """Return the columns of a table in SDV's metadata, its places, and a line for each thing that is lost.

    Args:
        metadata: The metadata as plain data, of one table or of several.
        table: The name of the table, where there are several.
        where: The place of the metadata, for messages.

    Raises:
        SchemaError: it is no metadata of SDV 1; the table is not there, or was not named.
    """
    described, lost = _table(metadata, table, where)
    columns: dict[str, dict[str, Any]] = {}
    keys = {described.get("primary_key"), *(described.get("alternate_keys") or ())}
    for name, each in described["columns"].items():
        if not isinstance(each, Mapping) or not isinstance(each.get("sdtype"), str):
            raise SchemaError(f"{where}: Column {name!r}: expected a mapping with the key 'sdtype'.")
        column, of_column = column_of_sdtype(each)
        if column is not None:
            columns[str(name)] = column
        if name in keys and column is not None and column["kind"] != "identifier":
            of_column.append("its place as a key. Made-up cells may repeat: declare it as identifier.")
        if each["sdtype"] == "id" and name not in keys and keys != {None}:
            of_column.append("that its keys may repeat. Declare recurrence: true to keep it, or entity.")
        lost += [f"Column {name!r}: {line}" for line in of_column]
    if described.get("sequence_key"):
        lost.append(
            f"sequence_key: {described['sequence_key']}: rows are drawn one by one. Declare it as entity, with "
            "max_rows, to protect whole sequences."
        )
    if described.get("sequence_index"):
        lost.append(f"sequence_index: {described['sequence_index']}: rows have no order here.")
    geo = []
    for relationship in described.get("column_relationships") or ():
        kind, names = relationship.get("type"), list(relationship.get("column_names") or ())
        if kind == "gps" and len(names) == 2 and all(columns.get(n) == {"kind": "numeric"} for n in names):
            geo.append(names)
        else:
            lost.append(f"column_relationships: {kind} of {', '.join(map(str, names))}.")
    return columns, geo, lost


def _table(metadata: object, table: str | None, where: str) -> tuple[Mapping[str, Any], list[str]]:
    """Return the description of one table, and what is lost of the others."""
    if not isinstance(metadata, Mapping) or not {"columns", "tables"} & set(metadata):
        raise SchemaError(f"{where}: expected metadata of SDV, a mapping with the key 'tables' or 'columns'.")
    version = metadata.get("METADATA_SPEC_VERSION")
    if version not in VERSIONS:
        raise SchemaError(
            f"{where}: METADATA_SPEC_VERSION: expected V1, SINGLE_TABLE_V1 or MULTI_TABLE_V1, got {shown(version)}. "
            "Have SDV upgrade it."
        )
    tables = metadata.get("tables", {table: metadata})
    if not isinstance(tables, Mapping) or not tables:
        raise SchemaError(f"{where}: tables: expected a mapping from names to tables, got none.")
    if table is None and len(tables) > 1:
        raise SchemaError(
            f"{where}: expected one table, got {len(tables)}: {', '.join(map(str, tables))}. Name one of them; a model "
            "is of one table."
        )
    chosen = next(iter(tables)) if table is None else table
    if chosen not in tables:
        raise SchemaError(f"{where}: no table {chosen!r}.{nearest(str(chosen), list(map(str, tables)))}")
    described = tables[chosen]
    if not isinstance(described, Mapping) or not isinstance(described.get("columns"), Mapping):
        raise SchemaError(
            f"{where}: expected a table with the key 'columns', a mapping from names to columns."
        )
    lost = [f"the table {other!r}." for other in tables if other != chosen]
    links = metadata.get("relationships") or ()
    lost += [
        f"relationships: {link.get('child_table_name')}.{link.get('child_foreign_key')} to "
        f"{link.get('parent_table_name')}.{link.get('parent_primary_key')}."
        for link in links
        if isinstance(link, Mapping)
    ]
    return described, lost


def metadata_of(
    columns: Iterable[Column], entity: str | None, geo: Sequence[Sequence[str]]
) -> tuple[dict[str, Any], list[str]]:
    """Return SDV's metadata of one table, and a line for each thing that is lost.

    Args:
        columns: The columns.
        entity: The column that names whose a row is.
        geo: Pairs of columns that are places.
    """
    described: dict[str, Any] = {}
    lost, keys = [], []
    for column in columns:
        described[column.name], of_column = sdtype_of(column)
        lost += [f"Column {column.name!r}: {key}." for key in of_column]
        if described[column.name]["sdtype"] == "unknown" and not isinstance(column, Text):
            lost.append(f"Column {column.name!r}: its kind, {column.kind}, which SDV has no sdtype for.")
        if isinstance(column, Identifier) and column.name != entity and column.has_unique_values:
            keys.append(column.name)
    found: dict[str, Any] = {"METADATA_SPEC_VERSION": SINGLE, "columns": described}
    if keys:
        found["primary_key"] = keys[0]
    if keys[1:]:
        found["alternate_keys"] = keys[1:]
    if entity is not None:
        found["sequence_key"] = entity
    for names in geo:
        described |= {
            name: {"sdtype": kind, "pii": False} for name, kind in zip(names, _COORDINATES, strict=True)
        }
        relationships = found.setdefault("column_relationships", [])
        relationships.append({"type": "gps", "column_names": list(names)})
    return found, lost
