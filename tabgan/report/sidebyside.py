"""A comparison as an object: its figures, and the files that it can be written to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tabgan.errors import ConfigError
from tabgan.io import check_writable, write_text
from tabgan.report.comparison import ComparedSystems
from tabgan.report.comparisonpage import fragment_of, page_of


@dataclass(frozen=True, repr=False)
class SystemComparison(ComparedSystems):
    """Several synthetic tables side by side, as a page, a table or JSON. INTERNAL."""

    def __repr__(self) -> str:
        head = f"SystemComparison (INTERNAL): {', '.join(self.names)}; {self.n_judged:,} rows of each"
        return f"{head}\n{self.to_frame().to_string(index=False)}"

    def _repr_html_(self) -> str:
        return fragment_of(self)

    def to_json(self, path: str | Path) -> Path:
        """Write the figures for programs and return the path.

        Raises:
            ConfigError: the name does not end in .json, or the folder cannot be written.
        """
        return self._write(path, ".json")

    def to_html(self, path: str | Path) -> Path:
        """Write one self-contained page and return its path.

        Raises:
            ConfigError: the name does not end in .html, or the folder cannot be written.
        """
        return self._write(path, ".html")

    def write(self, path: str | Path) -> Path:
        """Write the page or its JSON, by the suffix of ``path``, and return the path.

        Raises:
            ConfigError: the suffix is another, or the folder cannot be written.
        """
        suffix = Path(path).suffix.lower()
        return self._write(path, suffix if suffix in (".html", ".json") else ".html or .json")

    def _write(self, path: str | Path, suffix: str) -> Path:
        path = Path(path)
        if path.suffix.lower() != suffix:
            raise ConfigError(f"comparison: expected a name ending in {suffix}, got {path.name!r}.")
        check_writable(path.parent, "comparison")
        return write_text(page_of(self) if suffix == ".html" else self.as_json(), path)
