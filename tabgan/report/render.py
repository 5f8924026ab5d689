"""The render step: a self-contained page.

Names and categories may hold any text. Jinja escapes all of them; the page runs one script, its own, and the page's
policy names its hash, so that no other can run.
"""

from __future__ import annotations

import base64
import hashlib
import math
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tabgan._util.files import atomic_path
from tabgan._util.printed import at_least, at_most
from tabgan.errors import ConfigError
from tabgan.evaluation.catalog import FigureFormat
from tabgan.evaluation.result import Interval, Metric, SubgroupResult
from tabgan.io import check_writable, write_text
from tabgan.privacy.events import POISSON_GAUSSIAN, Release
from tabgan.privacy.spending import DOORS, LedgerGroup, group_ledger
from tabgan.report.content import ColumnCard, ReportData
from tabgan.report.datacard import to_markdown
from tabgan.report.edition import check_edition, is_refused, words
from tabgan.report.figures import charts, pictures
from tabgan.report.figures.pairs import furthest_pairs
from tabgan.report.findings import (
    NEAR_RULE,
    REASONABLE_EPSILON,
    STRONG_EPSILON,
    badge,
    columns_behind,
    expected_of,
    figure_text,
    judged_by,
    percent,
)
from tabgan.report.pdf import to_pdf
from tabgan.report.sections import missing_pictures, sections
from tabgan.report.text import MAX_SHOWN, MAX_TOOLTIP, decimals, isolated, short, shown, signed
from tabgan.report.tiles import tiles
from tabgan.report.twin import SCHEMA_VERSION, overlay_type, to_json
from tabgan.report.who import LISTED_SHARE, RED_SHARE

#: Lines of one group of the ledger that the page lists; the JSON twin has all of them.
MAX_RELEASES = 200

#: Lines of subgroups, and of columns that give synthetic rows away, that the page lists.
MAX_SUBGROUPS, MAX_GIVEAWAYS = 40, 10


def write(data: ReportData, path: Path | str, *, summary: bool = False) -> Path:
    """Write the report by the suffix of ``path``, and return the path.

    ``.html`` is the page, ``.pdf`` the page on paper, ``.json`` the twin for programs, ``.md`` the data card.

    Args:
        data: The content.
        path: The file.
        summary: True for the two pages of the summary alone, as ``.html`` or ``.pdf``.

    Raises:
        ConfigError: for any other suffix, a folder that cannot be written, or a PDF without its extra.
        PrivacyError: a shareable report holds content computed on real rows.
    """
    path = Path(path)
    renderers = {".html": to_html, ".json": to_json, ".md": to_markdown}
    suffix = path.suffix.lower()
    if suffix not in renderers and suffix != ".pdf":
        raise ConfigError(f"report: expected a name ending in .html, .pdf, .json or .md, got {path.name!r}.")
    if summary and suffix not in (".html", ".pdf"):
        raise ConfigError(f"report: a summary ends in .html or .pdf, got {path.name!r}. Leave out summary.")
    check_writable(path.parent, "report")
    if suffix == ".html":
        return write_text(to_html(data, summary=summary), path)
    if suffix != ".pdf":
        return write_text(renderers[suffix](data), path)
    pdf = to_pdf(to_html(data, summary=summary))
    with atomic_path(path) as temporary:
        temporary.write_bytes(pdf)
    return path


def to_html(data: ReportData, *, summary: bool = False) -> str:
    """Return the report as one self-contained page. The same data gives the same page.

    Args:
        data: The content.
        summary: True for the summary alone, which is two pages on paper; False for the summary and its appendix.

    Raises:
        PrivacyError: a shareable report holds content computed on real rows.
    """
    check_edition(data)
    private_metrics = data.private_metrics
    values = {
        "data": data,
        "audit": data.audit,
        "is_whole": not summary,
        "who": data.who,
        "tiles": tiles(data),
        "versions": _main_versions(data),
        "evaluation": data.evaluation,
        "privacy": data.privacy,
        "private_metrics": private_metrics,
        "private_metrics_ledger": () if private_metrics is None else group_ledger(private_metrics.entries),
        "odds": data.odds,
        "positions": {card.name: position for position, card in enumerate(data.columns)},
        "sections": sections(data),
        "missing_pictures": missing_pictures(data),
        "words": words(data),
        "is_refused": is_refused(data),
        "behind": {column.name for column in columns_behind(data.evaluation.columns)},
        "giveaways": _giveaways(data),
        "subgroups": _subgroups(data),
        "has_dpsgd": any(entry.mechanism == POISSON_GAUSSIAN for entry in data.privacy.entries),
    }
    environment = _environment()
    style = environment.get_template("style.css.j2").render(**values).strip()
    script = environment.get_template("script.js").render().strip()
    return environment.get_template("report.html.j2").render(
        **values,
        style=Markup(style),
        script=Markup(script),
        policy=f"default-src 'none'; base-uri 'none'; form-action 'none'; "
        f"style-src '{_hash(style)}'; script-src '{_hash(script)}'",
    )


def _hash(text: str) -> str:
    """Return the name of an inline script or style in a content security policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


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
        "signed": signed,
        "isolated": isolated,
        "at_least": at_least,
        "at_most": at_most,
        "delta": lambda value: at_most(value, 3),
        "css": lambda text: Markup(text.replace("\\", "").replace('"', "")),  # of our own words alone
        "count": lambda value: f"{value:,}",
    }
    environment.globals |= {
        "badge": badge,
        "bar_rows": charts.bar_rows,
        "bin_text": charts.bin_text,
        "doors": DOORS,
        "expected_text": _expected_text,
        "figure_text": figure_text,
        "gauge": charts.gauge,
        "group_details": _group_details,
        "furthest_pairs": furthest_pairs,
        "histogram_chart": charts.histogram_chart,
        "interval_text": _interval_text,
        "is_of_bars": charts.is_of_bars,
        "listed_share": LISTED_SHARE,
        "judged_by": judged_by,
        "max_releases": MAX_RELEASES,
        "max_shown": MAX_SHOWN,
        "max_subgroups": MAX_SUBGROUPS,
        "max_tooltip": MAX_TOOLTIP,
        "near_rule": NEAR_RULE,
        "overlay_type": overlay_type,
        "pictures": pictures,
        "reasonable_epsilon": REASONABLE_EPSILON,
        "release_details": _release_details,
        "sampling_details": _sampling_details,
        "schema_version": SCHEMA_VERSION,
        "shares": charts.shares,
        "red_share": RED_SHARE,
        "sparkline": charts.sparkline,
        "strong_epsilon": STRONG_EPSILON,
    }
    return environment


def _main_versions(data: ReportData) -> str:
    """Return the versions that the header names: the model's, and those of the packages that add the noise."""
    found = dict(data.versions) | {key: value for key, value in data.model if key == "tabgan"}
    named = ("tabgan", "python", "opendp", "dp-accounting")
    return ", ".join(f"{name} {found[name]}" for name in named if name in found)


def _giveaways(data: ReportData) -> list[ColumnCard]:
    """Return the columns that give synthetic rows away, the worst first."""

    def loss(card: ColumnCard) -> float:
        return 0.0 if card.result is None else card.result.giveaway or 0.0

    return sorted((card for card in data.columns if loss(card) >= 0.0005), key=loss, reverse=True)[
        :MAX_GIVEAWAYS
    ]


def _subgroups(data: ReportData) -> list[SubgroupResult]:
    """Return the groups by their loss, the largest first; those without a figure at the end."""

    def gap(group: SubgroupResult) -> float:
        return -math.inf if group.gap is None else group.gap

    return sorted(data.evaluation.subgroups, key=gap, reverse=True)


def _interval_text(interval: Interval | None, format: FigureFormat) -> str:
    if interval is None:
        return "–"
    return f"{figure_text(interval.low, format)} to {figure_text(interval.high, format)}"


def _expected_text(metric: Metric) -> str:
    return figure_text(expected_of(metric), metric.format)


def _sampling_details(group: LedgerGroup) -> str:
    """Return the sampling of a group's lines and the sum of their steps; empty if they did not sample."""
    first = group.releases[0]
    if first.sample_rate == 1:
        return ""
    return f"sample rate {first.sample_rate:.4g}, {sum(entry.steps for entry in group.releases):,} steps"


def _group_details(group: LedgerGroup) -> str:
    """Return the noise of a group's lines: one figure, or the smallest and the largest."""
    noises = sorted(entry.noise_multiplier for entry in group.releases)
    if not noises or noises[0] <= 0:
        return "none"
    low, high = short(noises[0]), short(noises[-1])
    return low if low == high else f"{low} – {high}"


def _release_details(entry: Release) -> str:
    """Return the further entries of a ledger's line: sensitivity, sampling, steps, delta."""
    parts = [] if entry.sensitivity == 1 else [f"sensitivity {entry.sensitivity:.4g}"]
    if entry.sample_rate != 1 or entry.steps != 1:
        parts.append(f"sample rate {entry.sample_rate:.4g}, {entry.steps:,} steps")
    if entry.delta:
        parts.append(f"delta {at_most(entry.delta, 3)}")
    return "; ".join(parts) or "–"
