"""The render step: a page that needs nothing but itself, and its JSON twin.

Names and categories may hold anything. Jinja escapes all of them, the page allows no scripts, and text from
the table is cut to a readable length and kept from changing the direction of what stands around it.
"""

from __future__ import annotations

import json
import math
import unicodedata
from dataclasses import asdict, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from tabgan.errors import ConfigError
from tabgan.evaluation.result import Metric
from tabgan.io import check_writable, write_text
from tabgan.privacy.events import POISSON_GAUSSIAN, Release
from tabgan.report import charts
from tabgan.report.collect import LedgerGroup, ReportData
from tabgan.report.findings import (
    REASONABLE_EPSILON,
    STRONG_EPSILON,
    TOLERANCE,
    expected_of,
    figure_text,
    is_behind,
    judge,
    percent,
)
from tabgan.report.overlays import Bars, Histogram

#: Version of the JSON twin; it rises when a key changes its meaning or goes.
SCHEMA_VERSION = 2

NOTICE = (
    "INTERNAL: computed on real rows, outside the privacy guarantee. Do not pass on with the synthetic table."
)

#: What the notice of a fit without privacy adds.
NO_PRIVACY = (
    "NO PRIVACY GUARANTEE: the synthetic table and the model may give away rows of the original table."
)

#: Characters of a name or a category that are shown, and that a tooltip holds.
MAX_SHOWN, MAX_TOOLTIP = 48, 240

#: What people call the doors of the ledger.
DOORS = {"release": "Schema and histograms", "marginals": "Pairs of columns", "dpsgd": "Discriminator"}

_ELLIPSIS = "…"


def write(data: ReportData, path: Path | str) -> Path:
    """Write the report as a page or as JSON, by the suffix of ``path``, and return the path.

    Raises:
        ConfigError: for any other suffix, or a folder that cannot be written.
    """
    path = Path(path)
    renderers = {".html": to_html, ".json": to_json}
    if path.suffix.lower() not in renderers:
        raise ConfigError(f"report: expected a name ending in .html or .json, got {path.name!r}.")
    check_writable(path.parent, "report")
    return write_text(renderers[path.suffix.lower()](data), path)


def to_html(data: ReportData) -> str:
    """Return the report as one self-contained page. The same data gives the same page."""
    positions = {card.name: position for position, card in enumerate(data.columns)}
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            data=data,
            evaluation=data.evaluation,
            privacy=data.privacy,
            positions=positions,
            notice=_notice(data),
            schema_version=SCHEMA_VERSION,
            tolerance=TOLERANCE,
            strong_epsilon=STRONG_EPSILON,
            reasonable_epsilon=REASONABLE_EPSILON,
            has_dpsgd=any(entry.mechanism == POISSON_GAUSSIAN for entry in data.privacy.entries),
        )
    )


def to_json(data: ReportData) -> str:
    """Return the report as strict JSON.

    Keys, in the order of the page: ``schema_version``, ``edition`` (``"internal"``), ``notice``, ``title``,
    ``created``, ``findings``, ``privacy`` (the statement, ``odds`` of belief), ``ledger`` (groups with their
    releases), ``evaluation`` (``metrics`` with ``judgement``: good, attention, open or null; row counts),
    ``columns`` (public domain, result, and the ``overlay``'s counts: ``type`` is histogram, bars or none),
    ``target``, ``model``, ``versions``. Counts are rows of each table. A figure that does not exist is null,
    and the reason stands beside it.
    """
    privacy = data.privacy.to_dict()
    del privacy["entries"]  # they stand in the ledger
    twin = {
        "schema_version": SCHEMA_VERSION,
        "edition": "internal",
        "notice": _notice(data),
        "title": data.title,
        "created": data.created,
        "findings": data.findings,
        "privacy": privacy | {"odds": data.odds},
        "ledger": data.ledger,
        "evaluation": {
            "n_real": data.evaluation.n_real,
            "n_holdout": data.evaluation.n_holdout,
            "n_synthetic": data.evaluation.n_synthetic,
            "random_state": data.evaluation.random_state,
            "metrics": [asdict(metric) | {"judgement": judge(metric)} for metric in data.evaluation.metrics],
        },
        "columns": [
            {**_fields(card), "overlay": {"type": _overlay_type(card.overlay), **_fields(card.overlay)}}
            for card in data.columns
        ],
        "target": data.target,
        "model": dict(data.model),
        "versions": dict(data.versions),
    }
    return json.dumps(_strict(twin), indent=1, allow_nan=False) + "\n"


def _notice(data: ReportData) -> str:
    return NOTICE if data.privacy.is_private else f"{NOTICE} {NO_PRIVACY}"


def _fields(thing: Any) -> dict[str, Any]:
    return dict(vars(thing))


def _overlay_type(overlay: object) -> str:
    return {Histogram: "histogram", Bars: "bars"}.get(type(overlay), "none")


def _strict(value: Any) -> Any:
    """Return plain data; what JSON has no number for becomes null."""
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


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tabgan.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "shown": shown,
        "percent": percent,
        "decimals": decimals,
        "short": short,
        "isolated": isolated,
        "delta": lambda value: f"{value:.3g}",
    }
    environment.globals |= {
        "bar_rows": charts.bar_rows,
        "bin_text": charts.bin_text,
        "doors": DOORS,
        "expected_text": _expected_text,
        "figure_text": figure_text,
        "gauge": charts.gauge,
        "group_details": _group_details,
        "histogram_chart": charts.histogram_chart,
        "interval_text": _interval_text,
        "is_behind": is_behind,
        "judge": judge,
        "max_shown": MAX_SHOWN,
        "max_tooltip": MAX_TOOLTIP,
        "overlay_type": _overlay_type,
        "release_details": _release_details,
        "sampling_details": _sampling_details,
        "shares": charts.shares,
    }
    return environment


def shown(text: object, limit: int = MAX_SHOWN) -> str:
    r"""Return text for display: control characters made visible, cut to ``limit`` characters.

    >>> shown("a\nb"), shown("x" * 100, 5), shown("")
    ('a↵b', 'xxxx…', '(empty)')
    """
    whole = str(text)
    cut = whole if len(whole) <= limit else whole[: limit - 1] + _ELLIPSIS
    return "".join(map(_visible, cut)) or "(empty)"


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category not in ("Cc", "Cs"):
        return character
    return {"\n": "↵", "\r": "↵", "\t": "⇥"}.get(character, "\N{REPLACEMENT CHARACTER}")


def isolated(text: str) -> str:
    """Return text that cannot turn what stands around it, for places where there is no ``<bdi>``.

    Characters that close the isolation are taken out of it.
    """
    inner = text.replace("\N{POP DIRECTIONAL ISOLATE}", "")
    return f"\N{FIRST STRONG ISOLATE}{inner}\N{POP DIRECTIONAL ISOLATE}"


def decimals(value: float | None, places: int = 3) -> str:
    """Return a figure with a fixed number of decimals; a dash where there is none."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.{places}f}"


def short(value: float | None) -> str:
    """Return a parameter with four significant digits; a dash where there is none."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.4g}"


def _interval_text(metric: Metric) -> str:
    if metric.interval is None:
        return "–"
    low, high = (figure_text(end, metric.format) for end in (metric.interval.low, metric.interval.high))
    return f"{low} – {high}"


def _expected_text(metric: Metric) -> str:
    return figure_text(expected_of(metric), metric.format)


def _sampling_details(group: LedgerGroup) -> str:
    """Return how a group's lines sampled, with their steps together; empty where they did not."""
    first = group.releases[0]
    if first.sample_rate == 1:
        return ""
    return f"sample rate {first.sample_rate:.4g}, {sum(entry.steps for entry in group.releases):,} steps"


def _group_details(group: LedgerGroup) -> str:
    """Return the noise of a group's lines: one figure, or the least and the most."""
    noises = sorted(entry.noise_multiplier for entry in group.releases)
    if not noises or noises[0] <= 0:
        return "none"
    low, high = short(noises[0]), short(noises[-1])
    return low if low == high else f"{low} – {high}"


def _release_details(entry: Release) -> str:
    """Return what else a line of the ledger says: sensitivity, sampling, steps, delta."""
    parts = [] if entry.sensitivity == 1 else [f"sensitivity {entry.sensitivity:.4g}"]
    if entry.sample_rate != 1 or entry.steps != 1:
        parts.append(f"sample rate {entry.sample_rate:.4g}, {entry.steps:,} steps")
    if entry.delta:
        parts.append(f"delta {entry.delta:.3g}")
    return "; ".join(parts) or "–"
