"""The result of an audit, with the stated privacy and the bounds that a sound mechanism would show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tabgan._util.files import canonical, finite, parse
from tabgan._util.printed import at_least, at_most
from tabgan.audit.mechanism_checks import MechanismCheck
from tabgan.audit.statistics import AuditBound, ExpectedBound
from tabgan.errors import AuditError, ConfigError
from tabgan.evaluation.catalog import ENTRIES
from tabgan.evaluation.metric import Figure, metric_of
from tabgan.evaluation.result import Metric


@dataclass(frozen=True)
class CanaryResult:
    """The bound from the canaries through one door, or through both.

    Attributes:
        kind: ``"counts"``, ``"gradients"`` or ``"both"``.
        bound: The empirical lower bound.
        expected: Simulated bound of the same attack on sound mechanisms.
    """

    kind: str
    bound: AuditBound
    expected: ExpectedBound


@dataclass(frozen=True)
class AuditResult:
    """The result of an audit. Passing proves nothing; failing disproves the statement.

    Attributes:
        epsilon: The stated epsilon.
        delta: The stated delta.
        privacy_unit: The unit of privacy, in words.
        checks: Checks of the mechanisms.
        canaries: Bounds from one run; each holds by itself at its confidence, all together at ``confidence``.
        confidence: Joint confidence of all bounds.
        seconds: Wall time.
    """

    epsilon: float
    delta: float
    privacy_unit: str
    checks: tuple[MechanismCheck, ...]
    canaries: tuple[CanaryResult, ...]
    confidence: float
    seconds: float

    @property
    def epsilon_lower_bound(self) -> float:
        """The largest empirical lower bound."""
        return max((result.bound.epsilon_lower_bound for result in self.canaries), default=0.0)

    @property
    def metric(self) -> Metric:
        """The largest lower bound as a report's figure. It comes from a made-up table, so it is shareable."""
        entry = ENTRIES["audit_bound"].within("shareable")
        if not self.canaries:
            return metric_of(entry, "the audit had no canaries")
        expected = max(result.expected.median for result in self.canaries)
        return metric_of(entry, Figure(self.epsilon_lower_bound, reference=expected))

    @property
    def failures(self) -> tuple[str, ...]:
        """The findings that disprove the statement, in whole sentences; none if the audit has passed."""
        found = [
            f"{check.name}: {check.observed:.4g} lies outside {check.low:.4g} to {check.high:.4g}."
            for check in self.checks
            if not check.has_passed
        ]
        found += [
            f"Canaries in {result.kind}: epsilon is at least {at_least(result.bound.epsilon_lower_bound, 4)} with "
            f"confidence {result.bound.confidence:.3g}, over the stated {at_most(self.epsilon)}."
            for result in self.canaries
            if not result.bound.epsilon_lower_bound <= self.epsilon
        ]
        return tuple(found)

    @property
    def has_passed(self) -> bool:
        """True if nothing disproves the statement."""
        return not self.failures

    def raise_if_failed(self) -> AuditResult:
        """Return the result itself if it has passed.

        Raises:
            AuditError: something disproves the statement.
        """
        if self.failures:
            raise AuditError(
                f"audit: epsilon={at_most(self.epsilon)} at delta={at_most(self.delta)} does not hold. "
                f"{' '.join(self.failures)} Do not use models from this installation, and report it."
            )
        return self

    def to_dict(self) -> dict[str, object]:
        """Return plain data for JSON."""
        checks = [asdict(check) | {"has_passed": check.has_passed} for check in self.checks]
        return asdict(self) | {
            "checks": checks,
            "epsilon_lower_bound": self.epsilon_lower_bound,
            "has_passed": self.has_passed,
            "failures": list(self.failures),
        }

    def to_json(self) -> str:
        """Return the result as JSON; a bound that is not finite is null."""
        return canonical(finite(self.to_dict()))

    @classmethod
    def from_json(cls, text: str) -> AuditResult:
        """Return the result that :meth:`to_json` wrote.

        Raises:
            ConfigError: the text is something else, or of another version.
        """
        try:
            told: dict[str, Any] = parse(text)
            checks = tuple(MechanismCheck(**_without(each, "has_passed")) for each in told["checks"])
            canaries = tuple(
                CanaryResult(each["kind"], AuditBound(**each["bound"]), ExpectedBound(**each["expected"]))
                for each in told["canaries"]
            )
            rest = _without(told, "epsilon_lower_bound", "has_passed", "failures", "checks", "canaries")
            return cls(checks=checks, canaries=canaries, **rest)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ConfigError(
                "audit: expected the JSON of tabgan audit -o FILE.json, got something else, or that of another version."
            ) from None


def _without(told: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in told.items() if key not in names}
