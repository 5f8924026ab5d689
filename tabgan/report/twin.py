"""The page's twin for programs: strict, versioned JSON. ``docs/report-json.md`` describes each key."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, is_dataclass
from importlib import resources
from typing import Any

import numpy as np

from tabgan.evaluation.catalog import GROUPS, figures
from tabgan.evaluation.result import Metric
from tabgan.privacy.filter import PrivacyStatement
from tabgan.privacy.spending import group_ledger
from tabgan.report.content import ReportData
from tabgan.report.edition import check_edition, words
from tabgan.report.figures.overlays import Bars, Histogram, Overlay
from tabgan.report.findings import judge

#: Version of the JSON twin; it rises when a key changes its meaning or is removed.
SCHEMA_VERSION = 6


def to_json(data: ReportData) -> str:
    """Return the report as strict JSON: the same data gives the same bytes.

    Counts are rows of each table. A figure that does not exist is null, with the reason beside it.

    Raises:
        PrivacyError: a shareable report holds content computed on real rows.
    """
    check_edition(data)
    private_metrics = data.private_metrics
    total = data.total
    twin = {
        "schema_version": SCHEMA_VERSION,
        "edition": data.edition,
        "notice": words(data).notice,
        "title": data.title,
        "created": data.created,
        **_fields(data.stated),
        "decision": _fields(data.decision),
        "findings": data.findings,
        "losses": data.losses,
        "persons": data.persons,
        "privacy": _statement(data.privacy)
        | {
            "total": None if total is None else {"epsilon": total[0], "delta": total[1]},
            "odds": data.odds,
        },
        "private_metrics": None if private_metrics is None else _statement(private_metrics),
        "ledger": data.ledger,
        "private_metrics_ledger": [] if private_metrics is None else group_ledger(private_metrics.entries),
        "evaluation": _evaluation(data),
        "audit": None if data.audit is None else data.audit.to_dict(),
        "pictures": data.evaluation.pictures,
        "pairs": data.pairs,
        "columns": [
            {**_fields(card), "overlay": {"type": overlay_type(card.overlay), **_fields(card.overlay)}}
            for card in data.columns
        ],
        "origin": data.origin,
        "target": data.target,
        "further_targets": data.further_targets,
        "model": dict(data.model),
        "versions": dict(data.versions),
    }
    return json.dumps(_strict(twin), indent=1, allow_nan=False) + "\n"


def json_schema() -> dict[str, object]:
    """Return the JSON Schema of the twin, with the catalog's names and groups of figures."""
    text = resources.files("tabgan.report").joinpath("report.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    figure = schema["$defs"]["metric"]["properties"]
    figure["name"] = {"enum": [each.name for each in figures()]}
    figure["group"] = {"enum": list(GROUPS)}
    return schema


def _statement(privacy: PrivacyStatement) -> dict[str, Any]:
    plain = privacy.to_dict()
    del plain["entries"]  # the ledger has them
    return plain


def _evaluation(data: ReportData) -> dict[str, Any]:
    evaluation, epsilon = data.evaluation, data.privacy.epsilon

    def plain(metric: Metric) -> dict[str, Any]:
        return asdict(metric) | {"judgement": judge(metric, epsilon)}

    return {
        "n_real": evaluation.n_real,
        "n_holdout": evaluation.n_holdout,
        "n_synthetic": evaluation.n_synthetic,
        "random_state": evaluation.random_state,
        "metrics": [plain(metric) for metric in evaluation.metrics],
        "subgroups": evaluation.subgroups,
        "unshown": evaluation.unshown,
    }


def overlay_type(overlay: Overlay) -> str:
    """Return the type of an overlay: histogram, bars or none."""
    return {Histogram: "histogram", Bars: "bars"}.get(type(overlay), "none")


def _fields(thing: Any) -> dict[str, Any]:
    return dict(vars(thing))


def _strict(value: Any) -> Any:
    """Return plain data; numbers that JSON cannot express become null."""
    if is_dataclass(value) and not isinstance(value, type):
        return _strict(_fields(value))
    if isinstance(value, dict):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    if isinstance(value, np.generic):
        return _strict(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
