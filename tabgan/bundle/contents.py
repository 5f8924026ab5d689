"""The contents of a release bundle as plain data: everything that its descriptions may say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from tabgan.bundle.terms import Terms
from tabgan.errors import PrivacyError
from tabgan.privacy.filter import PrivacyStatement
from tabgan.report import ReportData
from tabgan.report.figures.overlays import Bars, Histogram
from tabgan.schema import Schema


@dataclass(frozen=True)
class DataField:
    """A column of the synthetic table.

    Attributes:
        name: Its name.
        type: ``integer``, ``number``, ``boolean``, ``datetime``, ``date``, ``time``, ``duration`` or ``string``.
        kind: Its kind in the schema; empty for a column that only labels rows as synthetic.
        text: Its domain in words.
        is_target: True if it is one of the columns to be predicted.
        limits: Lowest and highest number of its declared or released domain; ``None`` for none.
        categories: The values of its declared or released domain; ``None`` if they are not listed.
        missing: Released, noisy share of the original's rows without a value; ``None`` if unknown.
        mean: Mean by the released, noisy histogram; ``None`` for no number.
        shares: Released, noisy shares of its most frequent categories.
    """

    name: str
    type: str
    kind: str = ""
    text: str = ""
    is_target: bool = False
    limits: tuple[float, float] | None = None
    categories: tuple[object, ...] | None = None
    missing: float | None = None
    mean: float | None = None
    shares: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Contents:
    """All that the descriptions of a bundle are made of.

    **Guarantee.** No attribute holds a real row, or a number that was computed on one without noise: the report is its
    shareable edition, the table a sample of the model, the rest is stated by a person or public.

    Attributes:
        report: The shareable edition of the report.
        schema: The completed schema.
        types: Arrow types of the synthetic table.
        n_rows: Number of its rows.
        form: Separator, decimal mark and encoding of its CSV.
        has_escapes: True if the CSV has an apostrophe before text that a spreadsheet would run.
        terms: The controller's statements.
        request: Rows that were asked for: their number, seed, conditions.
        commitment: The commitment to the fit's place in its ledger; ``None`` for none.
    """

    report: ReportData
    schema: Schema
    types: pa.Schema
    n_rows: int
    form: Mapping[str, str] = field(default_factory=dict)
    has_escapes: bool = False
    terms: Terms = field(default_factory=Terms)
    request: Mapping[str, object] = field(default_factory=dict)
    commitment: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if self.report.is_internal or self.report.total is None:
            raise PrivacyError(
                "bundle: expected the shareable edition of a private fit's report, got one on real rows, or a fit "
                "without a guarantee. Nothing was written."
            )

    @property
    def title(self) -> str:
        """Title of the dataset."""
        return self.terms.title or self.report.title

    @property
    def slug(self) -> str:
        """The title as a name of letters, digits and hyphens."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-") or "release"

    @property
    def created(self) -> str | None:
        """Date of the release."""
        return self.report.created

    @property
    def privacy(self) -> PrivacyStatement:
        """The statement of the fit."""
        return self.report.privacy

    @property
    def total(self) -> tuple[float, float]:
        """Epsilon and delta of everything in the bundle."""
        return self.report.total or (float("inf"), 1.0)

    @property
    def description(self) -> str:
        """A paragraph about the dataset."""
        epsilon, delta = self.total
        own = (
            f"Synthetic table of {self.n_rows:,} rows, sampled from a model of an original table. All that is released "
            f"is differentially private: epsilon {epsilon:g}, delta {delta:g}, for one {self.privacy.unit.name} "
            "added or removed."
        )
        return own if self.terms.description is None else f"{self.terms.description.rstrip()} {own}"

    @property
    def software(self) -> str:
        """Name and version of the software that made the model."""
        return f"tabgan {dict(self.report.model).get('tabgan', '')}".strip()

    @property
    def fields(self) -> tuple[DataField, ...]:
        """The columns of the synthetic table, in its order."""
        declared: Any = self.schema.to_dict()["columns"]
        cards = {card.name: card for card in self.report.columns}
        found = []
        for each in self.types:
            base = DataField(each.name, _type_of(each.type))
            if each.name in cards:
                base = self._described(base, declared[each.name], cards[each.name])
            found.append(base)
        return tuple(found)

    def _described(self, base: DataField, declared: Mapping[str, Any], card: Any) -> DataField:
        """Return a column with its domain, and with statistics from released numbers."""
        released = _statistics(card.overlay, self.report.evaluation.n_real)
        return DataField(
            name=base.name,
            type=base.type,
            kind=card.kind,
            text=card.domain,
            is_target=base.name in self.schema.targets,
            limits=_limits(declared.get("bounds")) if base.type in ("integer", "number") else None,
            categories=_listed(declared),
            **released,
        )


def _type_of(type_: pa.DataType) -> str:
    """Return the type of a column in words that the formats share."""
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    tests = {
        "boolean": pa.types.is_boolean,
        "integer": pa.types.is_integer,
        "number": lambda t: pa.types.is_floating(t) or pa.types.is_decimal(t),
        "datetime": pa.types.is_timestamp,
        "date": pa.types.is_date,
        "time": pa.types.is_time,
        "duration": pa.types.is_duration,
    }
    return next((name for name, test in tests.items() if test(type_)), "string")


def _limits(bounds: object) -> tuple[float, float] | None:
    if (
        isinstance(bounds, list | tuple)
        and len(bounds) == 2
        and all(isinstance(b, int | float) for b in bounds)
    ):
        return bounds[0], bounds[1]
    return None


def _listed(declared: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Return the categories that a column of the schema lists, and its label for values that were not released."""
    listed = declared.get("categories")
    if not listed:
        return None
    label = declared.get("unreleased_label")
    return (*listed, *([] if label is None or label in listed else [label]))


def _statistics(overlay: object, n_rows: int) -> dict[str, Any]:
    """Return the statistics of a column that follow from its released, noisy counts."""
    if isinstance(overlay, Histogram):
        counts = [one.counts.real for one in overlay.bins]
        ends = [(one.low, one.high) for one in overlay.bins]
        found = {"missing": _share(overlay.missing.real, n_rows)}
        if sum(counts) > 0 and all(isinstance(end, int | float) for pair in ends for end in pair):
            middles = [(float(low) + float(high)) / 2 for low, high in ends]
            total = sum(middle * count for middle, count in zip(middles, counts, strict=True))
            found["mean"] = float(f"{total / sum(counts):.4g}")
        return found
    if isinstance(overlay, Bars):
        shares = tuple((str(bar.category), _share(bar.counts.real, n_rows)) for bar in overlay.bars)
        return {"missing": _share(overlay.missing.real, n_rows), "shares": shares}
    return {}


def _share(count: int, n_rows: int) -> float:
    return round(min(max(count / max(n_rows, 1), 0.0), 1.0), 4)
