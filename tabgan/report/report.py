"""A report in the hand: its figures, and the files that it can be written to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tabgan.errors import ConfigError, PrivacyError
from tabgan.evaluation.gate import Decision
from tabgan.evaluation.result import Evaluation
from tabgan.report.collect import ReportData
from tabgan.report.render import write


@dataclass(frozen=True)
class Report:
    """The internal edition was computed on real rows outside the privacy guarantee; ``data.edition`` tells which it is.

    Attributes:
        data: Everything that it says.
        released: What the shareable edition says; ``None`` where there is none.
    """

    data: ReportData
    released: ReportData | None = None

    @property
    def shareable(self) -> Report:
        """The edition that may go out with the table.

        Raises:
            PrivacyError: there is none: the fit was not private.
        """
        if self.released is None:
            raise PrivacyError(
                "report: a fit with epsilon=None promises nothing, so there is no shareable edition. Fit with an "
                "epsilon."
            )
        return Report(self.released, self.released)

    @property
    def decision(self) -> Decision:
        """What the gate says."""
        return self.data.decision

    @property
    def evaluation(self) -> Evaluation:
        """All figures."""
        return self.data.evaluation

    @property
    def headline(self) -> tuple[tuple[str, str], ...]:
        """The few figures that a summary shows, as label and text."""
        return self.evaluation.headline

    def to_html(self, path: str | Path) -> Path:
        """Write one self-contained page and return its path.

        Raises:
            ConfigError: the name does not end in .html, or the folder cannot be written.
        """
        return _write(self.data, path, ".html")

    def to_json(self, path: str | Path) -> Path:
        """Write the page's twin for programs and return its path.

        Raises:
            ConfigError: the name does not end in .json, or the folder cannot be written.
        """
        return _write(self.data, path, ".json")

    def to_pdf(self, path: str | Path) -> Path:
        """Write the page on paper and return its path.

        Raises:
            ConfigError: the name does not end in .pdf, the folder cannot be written, or the extra ``pdf`` is missing.
        """
        return _write(self.data, path, ".pdf")

    def to_markdown(self, path: str | Path) -> Path:
        """Write the data card and return its path.

        Raises:
            ConfigError: the name does not end in .md, or the folder cannot be written.
        """
        return _write(self.data, path, ".md")


def _write(data: ReportData, path: str | Path, suffix: str) -> Path:
    if Path(path).suffix.lower() != suffix:
        raise ConfigError(f"report: expected a name ending in {suffix}, got {Path(path).name!r}.")
    return write(data, path)
