"""A report in the hand: its figures, and the files that it can be written to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tabgan.evaluation.result import Evaluation
from tabgan.io import check_writable, write_text
from tabgan.report.collect import ReportData
from tabgan.report.render import to_html, to_json


@dataclass(frozen=True)
class Report:
    """INTERNAL: its figures were computed on real rows outside the privacy guarantee.

    Attributes:
        data: Everything that it says.
    """

    data: ReportData

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
            ConfigError: the folder cannot be written.
        """
        return _write(to_html(self.data), Path(path))

    def to_json(self, path: str | Path) -> Path:
        """Write the page's twin for programs and return its path.

        Raises:
            ConfigError: the folder cannot be written.
        """
        return _write(to_json(self.data), Path(path))


def _write(text: str, path: Path) -> Path:
    check_writable(path.parent, "report")
    return write_text(text, path)
