"""The plan of a fit as a reader sees it: its numbers, as data, as text and as a table in a notebook."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tabgan._util.printed import at_most
from tabgan.io import write_text
from tabgan.planning.expected import CurvePoint, ExpectedError, Lever, PlannedColumn, PlannedRelease
from tabgan.planning.page import plan_page

if TYPE_CHECKING:
    import pandas as pd

PlanPart = Literal["releases", "columns", "curve"]

#: Version of the plain data, and columns that the text names.
_VERSION, _SHOWN = 1, 5


@dataclass(frozen=True)
class FitPlan:
    """The expectation of a fit that has not read a row. ``model.plan(...)`` returns one.

    **Guarantee.** It follows from public facts: names and dtypes of the columns, the schema, the declared number of
    rows, and the arguments of the fit. It costs nothing.

    Attributes:
        epsilon: Of the fit.
        delta: Of the fit.
        unit: The unit of privacy, in words that follow "one".
        max_rows: The most rows of one unit.
        n_rows: Declared number of rows.
        n_columns: Modelled columns.
        releases: All releases, in the order of a fit.
        columns: The modelled columns.
        threshold: Rows below which a category of an open column is likely not released; ``None`` without such columns.
        surely_kept: Rows above which it is released with a probability of 95%.
        adversary_share: Part of the budget, of mu**2, that trains critics of declared targets.
        adversary: Its steps and noise, in words; empty without a critic.
        adversary_steps: Steps of DP-SGD, of all critics together.
        adversary_noise: Noise of each step over the clipping bound; ``None`` without a critic.
        one_way: Mean expected error of single columns.
        two_way: Mean expected error of pairs.
        pairs: Number of pairs of columns.
        pairs_measured: Number of them that are expected to get a table of their own.
        seconds: About how long the fit takes, on two cores.
        megabytes: About how much memory it needs.
        curve: The expectation over epsilon; empty if it was not asked for.
        levers: Changes that would lower the error, the most helpful first.
        assumptions: Assumptions about what public facts leave open, in whole sentences.
        spread: The factor of the intervals.
    """

    epsilon: float
    delta: float
    unit: str
    max_rows: int
    n_rows: int
    n_columns: int
    releases: tuple[PlannedRelease, ...]
    columns: tuple[PlannedColumn, ...]
    threshold: float | None
    surely_kept: float | None
    adversary_share: float
    adversary: str
    adversary_steps: int
    adversary_noise: float | None
    one_way: ExpectedError
    two_way: ExpectedError
    pairs: int
    pairs_measured: int
    seconds: float
    megabytes: float
    curve: tuple[CurvePoint, ...]
    levers: tuple[Lever, ...]
    assumptions: tuple[str, ...]
    spread: float

    def to_dict(self) -> dict[str, object]:
        """Return plain data for JSON."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return {"format": "tabgan-plan", "version": _VERSION} | plain

    def to_frame(self, part: PlanPart = "releases") -> pd.DataFrame:
        """Return a part as a frame: ``"releases"``, ``"columns"`` or ``"curve"``, errors in columns of their own."""
        import pandas as pd

        rows = []
        for each in getattr(self, part):
            row: dict[str, Any] = {}
            for key in each.__dataclass_fields__:
                value = getattr(each, key)
                if key in ("error", "one_way", "two_way"):
                    ends = ("value", "low", "high", "sampling")
                    row |= {f"{key}_{end}": None if value is None else getattr(value, end) for end in ends}
                else:
                    row[key] = value
            rows.append(row)
        return pd.DataFrame(rows)

    def lines(self) -> list[tuple[str, str]]:
        """Return the plan as labels and sentences."""
        known = [column for column in self.columns if not column.is_assumed]
        worst = sorted(known, key=lambda column: -column.error.value)[:_SHOWN]
        errors = ", ".join(f"{column.name} {column.error.value:.3f}" for column in worst)
        said = [
            ("fit", f"{self.n_rows:,} rows, {self.n_columns:,} modelled columns"),
            ("promise", f"epsilon {at_most(self.epsilon)}, delta {at_most(self.delta)}, for one {self.unit}"),
            (
                "single columns",
                f"expected error {self.one_way}; of a perfect model {self.one_way.sampling:.3f}",
            ),
            ("pairs", f"expected error {self.two_way}; of a perfect model {self.two_way.sampling:.3f}"),
            ("tables of pairs", f"about {self.pairs_measured:,} of {self.pairs:,} are measured"),
            ("worst columns", errors or "not told: no kind of a column is declared, and text has none"),
            ("lost categories", self.lost),
            ("adversary", self.adversary or "none: no target is declared, or its share is 0"),
            ("effort", f"about {self.time} on two cores, about {self.memory} of memory"),
        ]
        for number, lever in enumerate(self.levers):
            said.append(("" if number else "would help", f"{lever.change}: pairs {lever.two_way}"))
        return said

    @property
    def time(self) -> str:
        """The time of the fit, in words."""
        return duration(self.seconds)

    @property
    def memory(self) -> str:
        """The memory of the fit, in words."""
        return f"{self.megabytes / 1000:.2g} GB"

    def to_html(self, path: str | Path, title: str = "Plan of a fit") -> None:
        """Write the plan as an HTML page, with a picture of the error over epsilon.

        Raises:
            ConfigError: the file cannot be written.
        """
        write_text(plan_page(self, self.curve, self.epsilon, title), Path(path))

    @property
    def lost(self) -> str:
        """The categories that will not be released, in a sentence."""
        if self.threshold is None or self.surely_kept is None:
            return "none: no list of categories is open"
        return (
            f"those of an open list with fewer than about {self.threshold:,.0f} rows, except public words such as yes "
            f"and no; of those with {self.surely_kept:,.0f} or more, 19 of 20 are kept"
        )

    def __str__(self) -> str:
        lines = self.lines()
        width = max(len(label) for label, _ in lines)
        text = [f"{label:<{width}}  {said}" for label, said in lines]
        return "\n".join([*text, "", *self.notes])

    @property
    def notes(self) -> list[str]:
        """The assumptions, and the meaning of an error, in whole sentences."""
        return [
            "An error is a total variation distance, the mean over tables: the share of rows in the wrong cell.",
            f"Intervals are a factor of {self.spread:g} to either side, as found on public tables.",
            *self.assumptions,
            "No row was read, and nothing is spent.",
        ]

    def _repr_html_(self) -> str:
        """Return the plan as a table for a notebook."""
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(label)}</th><td style='text-align:left'>{escape(said)}</td></tr>"
            for label, said in self.lines()
        )
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return f"<table>{rows}</table><ul>{notes}</ul>"


def duration(seconds: float) -> str:
    """Return a duration in words.

    >>> duration(12.2), duration(200), duration(9000)
    ('12 s', '3 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def curve_bars(points: Sequence[CurvePoint], width: int = 40) -> list[tuple[str, str, str]]:
    """Return epsilon, a bar and a figure for each point of a curve, for a terminal."""
    known = [point.two_way.value for point in points if point.two_way is not None]
    longest = max(known, default=1.0) or 1.0
    bars = []
    for point in points:
        if point.two_way is None:
            bars.append((f"{point.epsilon:g}", "", "hopeless"))
            continue
        length = max(round(width * point.two_way.value / longest), 1)
        bars.append((f"{point.epsilon:g}", "█" * length, str(point.two_way)))
    return bars
