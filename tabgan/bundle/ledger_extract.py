"""The ledger extract: every release of a fit and of its private metrics, without digests, names or dates.

The extract is enough to recompute epsilon. It does not give the fit's place in its dataset's ledger: that line's hash
covers a digest of the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tabgan.errors import BundleError, PrivacyError
from tabgan.privacy.events import Release, cost_of, sensitivity_of
from tabgan.privacy.filter import PrivacyStatement
from tabgan.privacy.unit import PrivacyUnit

FORMAT, VERSION = "tabgan-ledger-extract", 1

#: Relative difference allowed between recomputed and stated epsilon: other versions' accountants use other grids.
ROUNDING = 1e-4

#: Most lines of an extract; a fit has hundreds.
MOST_LINES = 200_000


def extract_of(privacy: PrivacyStatement, private_metrics: PrivacyStatement | None) -> dict[str, object]:
    """Return the extract of a fit and of its private metrics."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "unit": {"entity": privacy.entity, "max_rows": privacy.max_rows},
        "neighboring_relation": privacy.neighboring_relation,
        "parts": [
            _part("fit", privacy),
            *([] if private_metrics is None else [_part("private metrics", private_metrics)]),
        ],
    }


def _part(what: str, privacy: PrivacyStatement) -> dict[str, Any]:
    told = replace(privacy, place=None)
    return {
        "what": what,
        "epsilon": told.epsilon,
        "delta": told.delta,
        "epsilon_spent": told.epsilon_spent,
        "delta_spent": told.delta_spent,
        "releases": [release.to_dict() for release in told.entries],
    }


@dataclass(frozen=True)
class RecomputedPart:
    """A part of an extract, with its epsilon as the package's accountant gives it.

    Attributes:
        what: ``"fit"`` or ``"private metrics"``.
        epsilon: The promised epsilon.
        delta: The promised delta.
        epsilon_spent: The stated cost.
        recomputed: The cost of the part's lines by the accountant.
        releases: The lines.
    """

    what: str
    epsilon: float
    delta: float
    epsilon_spent: float
    recomputed: float
    releases: tuple[Release, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """Contradictions between the part's lines and its statements, in words."""
        found = []
        if self.recomputed > self.epsilon * (1 + ROUNDING):
            found.append(
                f"the releases of the {self.what} cost epsilon {self.recomputed:.6g} at delta {self.delta:g}, over the "
                f"promised {self.epsilon:g}"
            )
        if self.recomputed > self.epsilon_spent * (1 + ROUNDING):
            found.append(
                f"the releases of the {self.what} cost epsilon {self.recomputed:.6g} at delta {self.delta:g}; "
                f"{self.epsilon_spent:.6g} is stated as spent"
            )
        return tuple(found)


def recomputed(extract: Mapping[str, object]) -> tuple[RecomputedPart, ...]:
    """Return the parts of an extract, each with its epsilon recomputed from its lines.

    Raises:
        BundleError: the extract is damaged, or of another version.
    """
    stated: Mapping[str, Any] = extract
    try:
        if extract["format"] != FORMAT:
            raise ValueError
        if extract["version"] != VERSION:
            raise BundleError(
                f"ledger extract: expected version {VERSION} of its format, got {extract['version']!r}. Use the tabgan "
                "that wrote the bundle, or a newer one."
            )
        unit = PrivacyUnit.from_dict(stated["unit"])
        parts = tuple(_recomputed(part, unit) for part in stated["parts"])
        if [part.what for part in parts] not in (["fit"], ["fit", "private metrics"]):
            raise ValueError
        if extract["neighboring_relation"] != "add_or_remove_one":
            raise ValueError
        return parts
    except BundleError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, PrivacyError) as error:
        raise BundleError(
            f"ledger extract: fields are missing, unknown, or out of their range ({type(error).__name__}): it is "
            "damaged, or not an extract of tabgan."
        ) from None


def _recomputed(part: Mapping[str, Any], unit: PrivacyUnit) -> RecomputedPart:
    if len(part["releases"]) > MOST_LINES:
        raise ValueError
    releases = tuple(Release.from_dict(release) for release in part["releases"])
    for release in releases:
        release.check()
        if release.door in ("release", "marginals") and release.sensitivity != sensitivity_of(
            release.what, release.columns, unit
        ):
            raise ValueError
    epsilon, delta, spent = (part[key] for key in ("epsilon", "delta", "epsilon_spent"))
    for value in (epsilon, delta, spent):
        if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
            raise ValueError
    if not delta < 1:
        raise ValueError
    cost = cost_of(releases)
    if len(cost.runs) > 1:  # a fit has one critic's noise and rate; more would only slow the accountant down
        raise ValueError
    return RecomputedPart(str(part["what"]), epsilon, delta, spent, cost.epsilon(delta), releases)
