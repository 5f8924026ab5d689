"""Tables and columns as SDV describes them: its metadata, and the part of a declaration that it can hold.

References:
    DataCebo, *Metadata JSON* and *Sdtypes*, documentation of SDV 1 (spec V1) and SDV 2 (spec V2).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tabgan._util.validate import nearest, shown
from tabgan.columns.boolean import Boolean
from tabgan.columns.categorical import Categorical
from tabgan.columns.datetime import Datetime
from tabgan.columns.formats import compiled
from tabgan.columns.identifier import Identifier
from tabgan.columns.kind import Column
from tabgan.columns.numeric import MAX_DECIMALS, Numeric
from tabgan.columns.patterns import literal, pattern_of
from tabgan.columns.people import PROVIDERS, Pii
from tabgan.columns.plaintext import Text
from tabgan.errors import SchemaError

#: The versions that are written, and all that are read; files without one are those of SDMetrics.
V1, V2 = "V1", "V2"
VERSIONS = (
    V2,
    V1,
    *(f"{tables}_TABLE_{version}" for tables in ("SINGLE", "MULTI") for version in (V1, V2)),
    None,
)

#: The name of the only table.
TABLE = "table"

#: Integers, as SDV 1 names their representations.
_INTEGERS = [f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)]

#: SDV's types of personal data that have another name here.
_OTHER_NAMES = {"address": "street_address", "zipcode": "postcode"}

#: The text that SDV makes of columns of an unknown type.
_UNKNOWN = "sdv-pii-[0-9a-z]{5}"

#: Types that hold numbers where they are not personal data.
_COORDINATES = ("latitude", "longitude")

_FIELD = re.compile(r"\{(?::0(\d+)d)?\}")

SdvColumn = Mapping[str, object]
Read = tuple[dict[str, Any], list[str]]


def column_of_sdtype(described: SdvColumn) -> tuple[dict[str, object] | None, list[str]]:
    """Return the keys of a column that SDV describes, ``None`` for one that is left open, and what is lost.

    Args:
        described: The column's description: ``sdtype`` and what belongs to it.
    """
    sdtype = described["sdtype"]
    if sdtype in _READERS:
        column, lost = _READERS[sdtype](described)
        is_nullable = described.get("range_is_nullable")
        return column | ({"nullable": is_nullable} if isinstance(is_nullable, bool) else {}), lost
    if sdtype == "id":
        return _identifier(described)
    if described.get("pii", True) is False:
        if sdtype in _COORDINATES:
            return {"kind": "numeric"}, []
        return None, [f"sdtype {sdtype} with pii: false. The column is left open: a fit finds its kind."]
    provider = _OTHER_NAMES.get(str(sdtype), sdtype)
    if provider in PROVIDERS:
        lost = [] if provider == sdtype else [f"sdtype {sdtype}. Its cells become made-up {provider}."]
        return {"kind": "pii", "provider": provider}, lost
    if sdtype == "unknown":
        return {"kind": "text", "pattern": _UNKNOWN}, []
    lost = [
        f"sdtype {sdtype}, which cannot be made up here. Its cells become a placeholder; declare a pattern."
    ]
    return {"kind": "text", "placeholder": f"({sdtype})"}, lost


def _numeric(described: SdvColumn) -> Read:
    low, high, decimals = (described.get(key) for key in ("range_min", "range_max", "decimal_places"))
    found: dict[str, Any] = {"kind": "numeric"}
    lost = []
    if low is not None and high is not None:
        found["bounds"] = [low, high]
    elif low is not None or high is not None:
        lost.append("the only end of its range. Declare bounds.")
    if described.get("computer_representation") in _INTEGERS:
        decimals = 0
    if isinstance(decimals, int) and 0 <= decimals <= MAX_DECIMALS:
        found["decimals"] = decimals
    elif decimals is not None:
        lost.append(f"decimal_places: at most {MAX_DECIMALS} are kept. A fit finds them.")
    return found, lost


def _categorical(described: SdvColumn) -> Read:
    values = described.get("range_values") or described.get("order")
    is_ordered = described["sdtype"] == "ordinal" or "order" in described or "order_by" in described
    if not isinstance(values, list):
        lost = ["its order. Declare categories in their order, and ordered: true."] if is_ordered else []
        return {"kind": "categorical"}, lost
    return {"kind": "categorical", "categories": values, "ordered": is_ordered}, []


def _boolean(described: SdvColumn) -> Read:
    del described
    return {"kind": "boolean"}, []


def _datetime(described: SdvColumn) -> Read:
    form, low, high = (described.get(key) for key in ("datetime_format", "range_min", "range_max"))
    found: dict[str, Any] = {"kind": "datetime"}
    lost = []
    if isinstance(form, str) and not compiled(form).fault:
        found["format"] = form
    elif form is not None:
        lost.append("datetime_format, in which no moment can be written and read back. A fit finds it.")
    if low is not None or high is not None:
        ends = [_moment(end, form) for end in (low, high)]
        if None in ends:
            lost.append("its range, whose ends both have to be moments in its format. Declare bounds.")
        else:
            found["bounds"] = ends
    return found, lost


def _moment(text: object, form: object) -> str | None:
    """Return a moment in ISO 8601 that SDV writes in a format, or without one in that of ISO."""
    try:
        read = dt.datetime.strptime(text, form) if isinstance(form, str) else dt.datetime.fromisoformat(text)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return read.isoformat()


def _identifier(described: SdvColumn) -> Read:
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
        f"regex_format {shown(regex)}, which has no end, or more than patterns here can say. Keys become running "
        "numbers; declare a pattern."
    ]


_READERS: dict[str, Callable[[SdvColumn], Read]] = {
    "numerical": _numeric,
    "categorical": _categorical,
    "ordinal": _categorical,
    "boolean": _boolean,
    "datetime": _datetime,
}


def sdtype_of(column: Column, version: str) -> tuple[dict[str, object], list[str]]:
    """Return a column as SDV describes it, and the keys of its declaration that are lost."""
    described, held = _described(column) if version == V2 else _described_in_v1(column)
    if version == V2 and column.nullable is not None:
        described["range_is_nullable"] = column.nullable
        held = held | {"nullable"}
    given = column.model_dump(exclude_none=True)
    defaults = {name: field.default for name, field in type(column).model_fields.items()}
    lost = [key for key in given if key not in {"name", "kind"} | held and given[key] != defaults[key]]
    return described, lost


def _described(column: Column) -> tuple[dict[str, Any], set[str]]:
    """Return a column as SDV 2 describes it, and the keys of its declaration that this holds."""
    if isinstance(column, Numeric) and column.format is None:
        found: dict[str, Any] = {"sdtype": "numerical"}
        if column.bounds is not None:
            found |= dict(zip(("range_min", "range_max"), column.bounds, strict=True))
        if column.decimals is not None:
            found["decimal_places"] = column.decimals
        return found, {"bounds", "decimals"}
    if isinstance(column, Categorical):
        values = {"range_values": list(column.categories)} if column.categories else {}
        is_ordinal = bool(column.ordered and values)
        return {"sdtype": "ordinal" if is_ordinal else "categorical", **values}, {"categories", "ordered"}
    if isinstance(column, Datetime):
        form = {} if column.format is None else {"datetime_format": column.format}
        ends = {}
        if column.bounds is not None:
            moments = [dt.datetime.fromisoformat(end) for end in column.bounds]
            texts = [m.isoformat() if column.format is None else m.strftime(column.format) for m in moments]
            ends = dict(zip(("range_min", "range_max"), texts, strict=True))
        return {"sdtype": "datetime", **form, **ends}, {"format", "bounds"}
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


def _described_in_v1(column: Column) -> tuple[dict[str, Any], set[str]]:
    """Return a column as SDV 1 describes it, which has no ranges, and the keys that this holds."""
    found, held = _described(column)
    values = found.pop("range_values", None)
    whole = {"computer_representation": "Int64"} if found.pop("decimal_places", None) == 0 else {}
    found = {key: value for key, value in found.items() if key not in ("range_min", "range_max")} | whole
    held -= {"bounds", "categories", "ordered"} | (set() if whole else {"decimals"})
    if found["sdtype"] == "ordinal":
        return {"sdtype": "categorical", "order": values}, held | {"categories", "ordered"}
    name = (column.dtype or "").replace("uint", "UInt").replace("int", "Int")
    if found["sdtype"] == "numerical" and name in _INTEGERS:
        return found | {"computer_representation": name}, held | {"dtype"}
    return found, held


def _regex(column: Identifier) -> dict[str, str]:
    """Return the regular expression of a column's keys; ``None`` for running numbers without a form."""
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
) -> tuple[dict[str, dict[str, object]], list[list[str]], list[str]]:
    """Return the columns of a table in SDV's metadata, its places, and a line for each thing that is lost.

    Args:
        metadata: The metadata as plain data, of one table or of several.
        table: The name of the table, where there are several.
        where: The place of the metadata, for messages.

    Raises:
        SchemaError: it is not metadata of SDV; the table is not there, or was not named.
    """
    described, lost = _table(metadata, table, where)
    columns: dict[str, dict[str, Any]] = {}
    keys = _keys(described)
    for name, each in described["columns"].items():
        if not isinstance(each, Mapping) or not isinstance(each.get("sdtype"), str):
            raise SchemaError(f"{where}: Column {name!r}: expected a mapping with the key 'sdtype'.")
        column, of_column = column_of_sdtype(each)
        if column is not None:
            columns[str(name)] = column
        if name in keys and column is not None and column["kind"] != "identifier":
            of_column.append("its place as a key. Made-up cells may repeat: declare it as identifier.")
        if each["sdtype"] == "id" and name not in keys and keys:
            of_column.append("that its keys may repeat. Declare recurrence: true to keep it, or entity.")
        lost += [f"Column {name!r}: {line}" for line in of_column]
    if _is_composite(described.get("primary_key")):
        lost.append("a primary key of several columns. Declare it as a rule: {unique: [...]}.")
    if described.get("sequence_key"):
        lost.append(
            f"sequence_key: {shown(described['sequence_key'])}: rows are drawn one by one. Declare it as entity, with "
            "max_rows, to protect whole sequences."
        )
    if described.get("sequence_index"):
        lost.append(f"sequence_index: {shown(described['sequence_index'])}: rows have no order here.")
    geo: list[list[str]] = []
    for relationship in filter(_is_mapping, _items(described.get("column_relationships"))):
        kind, names = relationship.get("type"), [str(n) for n in _items(relationship.get("column_names"))]
        are_places = len(set(names)) == 2 == len(names) and all(
            columns.get(n) == {"kind": "numeric"} for n in names
        )
        if kind == "gps" and are_places and not set(names) & {name for place in geo for name in place}:
            geo.append(names)
        else:
            lost.append(f"column_relationships: {shown(kind)} of {', '.join(names)}.")
    return columns, geo, lost


def _keys(described: SdvColumn) -> set[str]:
    """Return the columns that are keys by themselves."""
    listed = [described.get("primary_key"), *_items(described.get("alternate_keys"))]
    single = [each[0] if isinstance(each, list) and len(each) == 1 else each for each in listed]
    return {each for each in single if isinstance(each, str)}


def _is_composite(key: object) -> bool:
    return isinstance(key, list) and len(key) > 1


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping)


def _items(value: object) -> list[Any]:
    """Return the items of a list; of anything else, none."""
    return value if isinstance(value, list) else []


def _table(metadata: object, table: str | None, where: str) -> tuple[Mapping[str, Any], list[str]]:
    """Return the description of one table, and what is lost of the others."""
    if not isinstance(metadata, Mapping) or not {"columns", "tables"} & set(metadata):
        raise SchemaError(f"{where}: expected metadata of SDV, a mapping with the key 'tables' or 'columns'.")
    version = metadata.get("METADATA_SPEC_VERSION")
    if version not in VERSIONS:
        raise SchemaError(
            f"{where}: METADATA_SPEC_VERSION: expected V1 or V2, got {shown(version)}. Have SDV upgrade it."
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
    lost += [
        f"relationships: {link.get('child_table_name')}.{link.get('child_foreign_key')} to "
        f"{link.get('parent_table_name')}.{link.get('parent_primary_key')}."
        for link in filter(_is_mapping, _items(metadata.get("relationships")))
    ]
    return described, lost


def metadata_of(
    columns: Iterable[Column], entity: str | None, geo: Sequence[Sequence[str]], version: str
) -> tuple[dict[str, object], list[str]]:
    """Return SDV's metadata of one table, and a line for each thing that is lost.

    Args:
        columns: The columns.
        entity: The column that names whose a row is.
        geo: Pairs of columns that are places.
        version: The version of the metadata.
    """
    described: dict[str, Any] = {}
    lost, keys = [], []
    for column in columns:
        described[column.name], of_column = sdtype_of(column, version)
        lost += [f"Column {column.name!r}: {key}." for key in of_column]
        if described[column.name]["sdtype"] == "unknown" and not isinstance(column, Text):
            lost.append(f"Column {column.name!r}: its kind, {column.kind}, which SDV has no sdtype for.")
        if isinstance(column, Identifier) and column.name != entity and column.has_unique_values:
            keys.append(column.name)
    table: dict[str, Any] = {"columns": described}
    if keys:
        table["primary_key"] = keys[0]
    if keys[1:]:
        table["alternate_keys"] = keys[1:]
    if entity is not None:
        table["sequence_key"] = entity
    for names in geo:
        described |= {
            name: {"sdtype": kind, "pii": False} for name, kind in zip(names, _COORDINATES, strict=True)
        }
        relationships = table.setdefault("column_relationships", [])
        relationships.append({"type": "gps", "column_names": list(names)})
    return {"METADATA_SPEC_VERSION": version, "tables": {TABLE: table}, "relationships": []}, lost
