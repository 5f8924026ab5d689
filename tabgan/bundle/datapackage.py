"""The Frictionless data package: tables with their fields, types and constraints.

References:
    Frictionless Data, *Data Package* and *Table Schema*, version 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tabgan.bundle.contents import Contents, DataField
from tabgan.bundle.manifest import FileFact
from tabgan.bundle.names import MEDIA_TYPES, SYNTHETIC_CSV, SYNTHETIC_PARQUET

#: Longest list of categories that becomes a constraint.
MOST_CATEGORIES = 1_000


def datapackage_of(contents: Contents, files: Mapping[str, FileFact]) -> dict[str, object]:
    """Return the descriptor as plain data.

    Args:
        contents: The bundle's contents.
        files: Its data files by their names.
    """
    terms = contents.terms
    found: dict[str, Any] = {
        "name": contents.slug,
        "title": contents.title,
        "description": contents.description,
        "version": terms.version,
        "created": None if contents.created is None else f"{contents.created}T00:00:00Z",
        "homepage": terms.url,
        "keywords": ["synthetic data", "differential privacy", *terms.keywords],
        "licenses": _licenses(contents),
        "contributors": [{"title": terms.controller, "role": "publisher"}] if terms.controller else None,
        "sources": [{"title": terms.source}] if terms.source else None,
        "resources": [
            _resource(contents, files[name]) for name in (SYNTHETIC_PARQUET, SYNTHETIC_CSV) if name in files
        ],
    }
    return {key: value for key, value in found.items() if value is not None}


def _licenses(contents: Contents) -> list[dict[str, str]] | None:
    license = contents.terms.license
    if license is None:
        return None
    name = {} if license == contents.terms.license_url else {"name": license}
    return [name | {"path": str(contents.terms.license_url)}]


def _resource(contents: Contents, fact: FileFact) -> dict[str, Any]:
    is_csv = fact.name == SYNTHETIC_CSV
    form = {"separator": ",", "encoding": "utf-8", "decimal": ".", **contents.form} if is_csv else {}
    fields = [
        _field(each, form.get("decimal", "."), is_csv, contents.has_escapes) for each in contents.fields
    ]
    name, _, suffix = fact.name.rpartition(".")
    csv: dict[str, Any] = {
        "encoding": form.get("encoding"),
        "dialect": {"csv": {"delimiter": form.get("separator"), "quoteChar": '"', "doubleQuote": True}},
    }
    return {
        "name": f"{name}-{suffix}",
        "type": "table",
        "path": fact.name,
        "format": suffix,
        "mediatype": MEDIA_TYPES[f".{suffix}"],
        "hash": f"sha256:{fact.sha256}",
        **(csv | {"bytes": fact.bytes} if is_csv else {}),  # frictionless counts no bytes of Parquet
        "schema": {"fields": fields, "missingValues": [""]},
    }


def _field(column: DataField, decimal: str, is_csv: bool, has_escapes: bool) -> dict[str, Any]:
    """Return a field, in a CSV with the constraints of its declared or released domain.

    In a Parquet file, frictionless takes a missing number for one that breaks them.
    """
    constraints: dict[str, Any] = {}
    if not is_csv:
        pass
    elif column.limits is not None:
        low, high = column.limits
        is_whole = column.type == "integer"
        constraints = {
            "minimum": math.ceil(low) if is_whole else low,
            "maximum": math.floor(high) if is_whole else high,
        }
    elif column.type == "string" and column.categories is not None and not has_escapes:
        is_text = all(isinstance(each, str) and each != "" for each in column.categories)
        if is_text and len(column.categories) <= MOST_CATEGORIES:
            constraints = {"enum": list(column.categories)}
    return {
        "name": column.name,
        "type": {"duration": "string" if is_csv else "any"}.get(column.type, column.type),
        **({"format": "any"} if column.type in ("datetime", "date", "time") else {}),
        **({"decimalChar": decimal} if column.type == "number" and decimal != "." else {}),
        "description": ": ".join(part for part in (column.kind, column.text) if part) or "true in every row",
        **({"constraints": constraints} if constraints else {}),
    }
