"""JSON Schema of a YAML file of jobs, by which editors complete and check it. Made of the classes that check it."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, TypeAdapter

from tabgan.bundle.terms import HealthTerms, Terms
from tabgan.evaluation.catalog import gate_rules
from tabgan.evaluation.gate import Gate
from tabgan.jobs.bundle_options import BundleOptions
from tabgan.jobs.config import Job, Output, ReportOptions
from tabgan.jobs.fields import model_arguments, synthesizer
from tabgan.jobs.source_keys import Source
from tabgan.privacy.ledger.records import LedgerConfig
from tabgan.table.editor import described, editor_schema, plain

#: An environment variable, which may stand for any value.
_VARIABLE = {"type": "string", "pattern": r"\$\{"}

#: Keys that only a file has: they make several jobs of one.
_OF_FILES = {
    "matrix": {
        "type": "object",
        "additionalProperties": {"type": "array", "minItems": 1},
        "description": "Lists of values by key, such as model.epsilon: a job for each combination.",
    }
}

_GLOB = {"type": "string", "description": "Pattern of files, such as regions/*.csv: a job for each."}


def file_schema() -> dict[str, object]:
    """Return the JSON Schema (draft 7, which editors of YAML know) of a file of jobs.

    It knows the keys, types and listed values of every part. What depends on several keys, or on files, is checked by
    :func:`tabgan.jobs.loading.load_jobs` alone.
    """
    table: dict[str, Any] = editor_schema()
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "tabgan jobs",
        "description": "A job, a list of jobs, or jobs with defaults.",
        "if": {"type": "array"},
        "then": {"items": {"$ref": "#/definitions/job"}, "minItems": 1},
        "else": {
            "type": "object",
            "if": {"required": ["jobs"]},
            "then": {
                "additionalProperties": False,
                "properties": {
                    "defaults": {
                        "$ref": "#/definitions/part",
                        "description": "Keys of every job that does not say otherwise.",
                    },
                    "jobs": {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/part"}},
                },
            },
            "else": {"$ref": "#/definitions/job"},
        },
        "definitions": {
            **table.pop("definitions"),
            "schema": {key: value for key, value in table.items() if key not in ("$schema", "title")},
            "job": {"allOf": [{"$ref": "#/definitions/part"}], "required": ["source"]},
            "part": _job(),
        },
    }


def _object(of: type, **known: dict[str, Any]) -> dict[str, Any]:
    """Return the rule of a mapping that becomes a dataclass, with the rules of keys that take more than their type."""
    said, hints = described(of), get_type_hints(of, include_extras=True)
    keys = {each.name: known.get(each.name) or _of_type(hints[each.name]) for each in fields(of)}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            name: rule | ({"description": said[name]} if name in said else {}) for name, rule in keys.items()
        },
    }


def _of_type(hint: Any) -> dict[str, Any]:
    """Return the rule of a value's type, without the functions that check it further."""
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    try:
        rule: dict[str, Any] = plain(TypeAdapter(hint).json_schema())
    except (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError):
        return {}
    rule.pop("format", None)
    alternatives: list[dict[str, Any]] = []
    for each in rule.get("anyOf", [rule]):
        without = {key: value for key, value in each.items() if key != "format"}
        alternatives += [] if without in alternatives else [without]
    if any(each.get("type") == "string" and len(each) == 1 for each in alternatives):
        return rule if "anyOf" not in rule else {"anyOf": alternatives}
    return {"anyOf": [*alternatives, _VARIABLE]}


def _or_true(rule: dict[str, Any]) -> dict[str, Any]:
    """Return the rule of a mapping for which true, false or nothing may stand."""
    return {"anyOf": [rule, {"type": "boolean"}, {"type": "null"}]}


def _job() -> dict[str, Any]:
    """Return the rule of a job without its required keys."""
    text, null, mapping = {"type": "string"}, {"type": "null"}, {"type": "object"}
    source = _object(Source)
    source["properties"]["glob"] = _GLOB
    about = _object(Terms, health={"anyOf": [_object(HealthTerms), null]})
    bundle = _object(
        BundleOptions,
        about={"anyOf": [text, about]},
        sign_key={"anyOf": [text, null]},
        sigstore_trust={"anyOf": [text, null]},
    )
    ledger = _object(LedgerConfig) | {"required": ["path"]}
    table: dict[str, Any] = editor_schema()
    job = _object(
        Job,
        source=source,
        output=_object(Output, conditions=mapping, proportions={"anyOf": [mapping, null]}),
        schema={"anyOf": [text, {"$ref": "#/definitions/schema"}, null]},
        model=_model(),
        report=_or_true(_object(ReportOptions)),
        rules=table["properties"]["rules"],
        gate={"anyOf": [{"const": "standard"}, _gate(), null]},
        ledger={"anyOf": [text, ledger, null]},
        bundle=_or_true(bundle),
    )
    job["properties"] |= _OF_FILES
    return job


def _model() -> dict[str, Any]:
    """Return the rule of the arguments of TabGAN that a job may give."""
    said = described(synthesizer())
    hints = get_type_hints(synthesizer().__init__, localns={"Schema": Any, "Path": Path})
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            name: _of_type(hints[name]) | {"description": said[name]} for name in model_arguments()
        },
    }


def _gate() -> dict[str, Any]:
    """Return the rule of a gate: limits of promises, and of the figures of each part."""
    limit = {"type": "number", "minimum": -1, "maximum": 1}
    within = {
        "type": "object",
        "required": ["within"],
        "additionalProperties": False,
        "properties": {"within": limit},
    }
    parts = {
        part: {
            "type": "object",
            "additionalProperties": False,
            "properties": {name: {"anyOf": [limit, within, _VARIABLE]} for name in rules},
        }
        for part, rules in gate_rules().items()
    }
    positive = {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, _VARIABLE]}
    said = described(Gate)
    totals = {name: positive | {"description": said[name]} for name in ("epsilon", "delta", "audit")}
    return {"type": "object", "additionalProperties": False, "properties": {**totals, **parts}}
