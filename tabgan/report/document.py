"""The report as an object: its figures, and the files that it can be written to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from markupsafe import escape

from tabgan.errors import ConfigError, PrivacyError
from tabgan.evaluation.gate import Decision
from tabgan.evaluation.result import Evaluation
from tabgan.report.collect import ReportData
from tabgan.report.datacard import escaped
from tabgan.report.edition import words
from tabgan.report.render import write
from tabgan.report.text import shown

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
        """The edition that may go out with the table.

        Raises:
            PrivacyError: there is none, because the fit was not private.
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
        head, *lines = map(escape, self._summary())
        listed = "".join(f"<li>{line}</li>" for line in lines)
        return f"<p><strong>{head}</strong></p><ul>{listed}</ul>"

    def _summary(self) -> tuple[str, ...]:
        """Return the summary for a screen: the edition, the gate's decision, and the first findings."""
        data, outcome = self.data, self.decision.outcome
        gate = {
            "passed": "Gate: every limit is met.",
            "failed": f"Gate: {len(self.decision.failed)} of {len(self.decision.checks)} limits are not met. Do not "
            "release.",
            "open": "Gate: no limits were set.",
        }[outcome]
        figures = ", ".join(f"{label} {text}" for label, text in self.headline)
        findings = [
            shown(f"{_MARKS[finding.status]} {finding.subject}. {finding.text}", _SHOWN_CHARACTERS)
            for finding in data.findings
        ]
        further = len(findings) - _SHOWN_FINDINGS
        return (
            f"{shown(data.title)}, {words(data).name} ({words(data).mark})",
            gate,
            *([f"Figures: {figures}."] if figures else []),
            *findings[:_SHOWN_FINDINGS],
            *([f"and {further} more"] if further > 0 else []),
            "Full report: to_html(path), to_pdf(path), to_json(path), to_markdown(path)",
        )

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


def _write(data: ReportData, path: str | Path, suffix: str, *, summary: bool = False) -> Path:
    if Path(path).suffix.lower() != suffix:
        raise ConfigError(f"report: expected a name ending in {suffix}, got {Path(path).name!r}.")
    return write(data, path, summary=summary)
