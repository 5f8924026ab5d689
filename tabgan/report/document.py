"""The report as an object: its figures, and the files that it can be written to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tabgan._util import html
from tabgan.errors import ConfigError, PrivacyError
from tabgan.evaluation.gate import Decision
from tabgan.evaluation.result import Evaluation, Metric
from tabgan.report.content import ReportData
from tabgan.report.datacard import escaped
from tabgan.report.edition import words
from tabgan.report.findings import badge, expected_of, figure_text, judge
from tabgan.report.render import write
from tabgan.report.text import shown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from tabgan.report.figures.plots import Plot

#: Findings that a report shows where it is printed, and characters of each.
_SHOWN_FINDINGS, _SHOWN_CHARACTERS = 8, 160

_MARKS = {"alarm": "✕", "attention": "▲", "good": "✓", "open": "○"}


@dataclass(frozen=True, repr=False)
class Report:
    """A report, internal or shareable by ``data.edition``; the internal one is outside the privacy guarantee.

    Attributes:
        data: Its content.
        released: The content of the shareable edition; ``None`` for none.
    """

    data: ReportData
    released: ReportData | None = None

    @property
    def shareable(self) -> Report:
        """The edition that may accompany the table.

        Raises:
            PrivacyError: the fit was not private, so there is no such edition.
        """
        if self.released is None:
            raise PrivacyError(
                "report: a fit with epsilon=None promises nothing, so there is no shareable edition. Fit with an "
                "epsilon."
            )
        return Report(self.released, self.released)

    def __repr__(self) -> str:
        head, *lines = self._summary()
        return "\n".join([f"Report: {head}", *(f"  {line}" for line in lines)])

    def _repr_markdown_(self) -> str:
        head, *lines = (escaped(line, _SHOWN_CHARACTERS + 60) for line in self._summary())
        return "\n".join([f"**{head}**", "", *(f"- {line}" for line in lines)])

    def _repr_html_(self) -> str:
        data, says, outcome = self.data, words(self.data), self.decision.outcome
        gate = {"passed": "good", "failed": "bad", "open": ""}[outcome]
        judged = [metric for metric in self.evaluation.metrics if metric.is_computed]
        epsilon = data.privacy.epsilon
        rows = [
            (
                m.label,
                figure_text(m.value, m.format),
                figure_text(expected_of(m), m.format),
                badge(m, epsilon)[1],
            )
            for m in judged
        ]
        findings = (f"{_MARKS[each.status]} {each.subject}. {each.text}" for each in data.findings)
        return html.card(
            f"{says.mark}: {shown(data.title)}",
            html.soft(says.band),
            *([] if data.privacy.is_private else [html.note(says.no_promise.text, "bad")]),
            *([] if outcome == "open" else [html.note(self._gate, gate)]),
            html.facts(self.headline),
            html.listed(findings),
            html.folded(
                f"All {len(rows)} figures",
                html.table(("Figure", "Value", "Compared with", "Finding"), rows, numbers=(1, 2)),
            ),
            html.soft("to_html(path), to_pdf(path), to_json(path), to_markdown(path), to_frame(), plot()"),
        )

    def _summary(self) -> tuple[str, ...]:
        """Return the summary for a screen: the edition, the gate's decision, and the first findings."""
        data = self.data
        figures = ", ".join(f"{label} {text}" for label, text in self.headline)
        findings = [
            shown(f"{_MARKS[finding.status]} {finding.subject}. {finding.text}", _SHOWN_CHARACTERS)
            for finding in data.findings
        ]
        further = len(findings) - _SHOWN_FINDINGS
        return (
            f"{shown(data.title)}, {words(data).name} ({words(data).mark})",
            self._gate,
            *([f"Figures: {figures}."] if figures else []),
            *findings[:_SHOWN_FINDINGS],
            *([f"and {further} more"] if further > 0 else []),
            "Full report: to_html(path), to_pdf(path), to_json(path), to_markdown(path)",
        )

    @property
    def _gate(self) -> str:
        """The gate's decision in a sentence."""
        return {
            "passed": "Gate: every limit is met.",
            "failed": f"Gate: {len(self.decision.failed)} of {len(self.decision.checks)} limits are not met. Do not "
            "release.",
            "open": "Gate: no limits were set.",
        }[self.decision.outcome]

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each figure: its value, interval and reference, and the finding on it.

        ``value`` is empty where the figure was not computed, and ``reason`` then says why.
        """
        import pandas as pd

        epsilon = self.data.privacy.epsilon
        lines = [
            {"figure": metric.name, **plain_figure(metric)}
            | {
                "direction": metric.direction,
                "finding": judge(metric, epsilon),
                "is_shareable": metric.is_shareable,
            }
            for metric in self.evaluation.metrics
        ]
        return pd.DataFrame(lines)

    def plot(self, what: str = "figures", *, ax: Axes | None = None) -> Plot | Axes:
        """Return a picture of the report, which a notebook shows; or draw it on axes of matplotlib, and return these.

        Args:
            what: ``"figures"``, the figures beside their references; the name of a column, its distribution in the real
                and in the synthetic table; or ``"associations"``, ``"distances"``, ``"membership"``, ``"calibration"``.
            ax: Axes of matplotlib to draw on; ``None`` for a picture as SVG, which needs no library.

        Raises:
            ConfigError: there is no such picture, or it was not computed.
        """
        from tabgan.report.figures.plots import picture_of

        found = picture_of(self.data, what)
        return found if ax is None else found.draw(ax)

    @property
    def decision(self) -> Decision:
        """The gate's decision."""
        return self.data.decision

    @property
    def evaluation(self) -> Evaluation:
        """All figures."""
        return self.data.evaluation

    @property
    def headline(self) -> tuple[tuple[str, str], ...]:
        """The few figures of a summary, as label and text."""
        return self.evaluation.headline

    def to_dict(self) -> dict[str, object]:
        """Return the edition, promises, decision and figures, as plain data."""
        data = self.data
        total = data.total
        return {
            "title": data.title,
            "edition": data.edition,
            "epsilon": None if total is None else total[0],
            "delta": None if total is None else total[1],
            "decision": self.decision.outcome,
            "limits_not_met": [check.text for check in self.decision.failed],
            "figures": {metric.name: plain_figure(metric) for metric in self.evaluation.metrics},
        }

    def to_html(self, path: str | Path, *, summary: bool = False) -> Path:
        """Write one self-contained page and return its path.

        Args:
            path: The file.
            summary: True for the summary alone, without its appendix.

        Raises:
            ConfigError: the name does not end in .html, or the folder cannot be written.
        """
        return _write(self.data, path, ".html", summary=summary)

    def to_json(self, path: str | Path) -> Path:
        """Write the page's twin for programs and return its path.

        Raises:
            ConfigError: the name does not end in .json, or the folder cannot be written.
        """
        return _write(self.data, path, ".json")

    def to_pdf(self, path: str | Path, *, summary: bool = False) -> Path:
        """Write the page on paper and return its path.

        Args:
            path: The file.
            summary: True for the two pages of the summary alone.

        Raises:
            ConfigError: the name does not end in .pdf, the folder cannot be written, or the extra ``pdf`` is missing.
        """
        return _write(self.data, path, ".pdf", summary=summary)

    def to_markdown(self, path: str | Path) -> Path:
        """Write the data card and return its path.

        Raises:
            ConfigError: the name does not end in .md, or the folder cannot be written.
        """
        return _write(self.data, path, ".md")


def plain_figure(metric: Metric) -> dict[str, object]:
    """Return a figure with its interval and its reference as plain data."""
    risk, interval = metric.risk, metric.interval
    return {
        "group": metric.group,
        "label": metric.label,
        "value": metric.value,
        "low": None if interval is None else interval.low,
        "high": None if interval is None else interval.high,
        "reference": metric.reference,
        "excess_risk": None if risk is None else risk.value,
        "reason": metric.reason,
    }


def _write(data: ReportData, path: str | Path, suffix: str, *, summary: bool = False) -> Path:
    if Path(path).suffix.lower() != suffix:
        raise ConfigError(f"report: expected a name ending in {suffix}, got {Path(path).name!r}.")
    return write(data, path, summary=summary)
