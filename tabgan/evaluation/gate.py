"""The gate of a release: limits that are set in advance, and the decision on the figures found.

The worse end of a figure's interval must meet the limit. A figure that could not be computed fails: unknown figures
do not count in the table's favour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from tabgan._util.printed import at_least, at_most
from tabgan._util.validate import nearest, positive, real_in
from tabgan.errors import ConfigError
from tabgan.evaluation.catalog import ENTRIES, Sense, best_of, gate_rules
from tabgan.evaluation.result import Evaluation, Metric

Outcome = Literal["passed", "failed", "open"]

#: Least number of holdout and synthetic rows for fidelity limits relative to the reference.
MIN_ROWS = 100

_SENSES: dict[Sense, str] = {"at_most": "maximum", "at_least": "minimum"}


@dataclass(frozen=True)
class Limit:
    """The limit of a figure.

    Attributes:
        value: The limit; for an attack with a risk, on the risk.
        is_relative: True if it is a tolerance relative to the figure's reference.
    """

    value: float
    is_relative: bool = False


@dataclass(frozen=True)
class Check:
    """One limit, and the figure found.

    Attributes:
        name: The figure's name in code: ``"epsilon"``, ``"delta"``, ``"audit"``, or a metric's name.
        label: Its name for readers.
        sense: ``"at_most"`` if the limit is the largest allowed value, ``"at_least"`` if the smallest.
        limit: The limit.
        found: The value compared with it; ``None`` for none, which fails.
        is_passed: True if the limit is met.
        text: The result as a whole sentence.
    """

    name: str
    label: str
    sense: Sense
    limit: float
    found: float | None
    is_passed: bool
    text: str


@dataclass(frozen=True)
class Decision:
    """A gate's decision.

    Attributes:
        outcome: ``"open"`` if no gate was set: then a person decides.
        checks: Every limit, the broken ones first.
    """

    outcome: Outcome
    checks: tuple[Check, ...] = ()

    @property
    def failed(self) -> tuple[Check, ...]:
        """The limits that are not met."""
        return tuple(check for check in self.checks if not check.is_passed)


#: Without a gate.
NO_GATE = Decision("open")


@dataclass(frozen=True)
class Gate:
    """Limits that a synthetic table must meet before its release.

    Attributes:
        epsilon: The largest total epsilon of fit and private metrics; ``None`` sets no limit.
        delta: The largest total delta; ``None`` sets no limit.
        audit: The largest lower bound on epsilon that an audit of the installation may show.
        limits: By metric name; see :func:`tabgan.evaluation.catalog.gate_rules`.
    """

    epsilon: float | None = None
    delta: float | None = None
    audit: float | None = None
    limits: Mapping[str, Limit] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = [name for part in gate_rules().values() for name in part]
        for name in self.limits:
            if name not in known:
                raise ConfigError(f"gate: unknown figure {name!r}.{nearest(name, known)}")

    @property
    def promises(self) -> Gate:
        """The limits on promises and the audit: a decision on them reveals nothing about a real row."""
        return replace(self, limits={})

    @property
    def figures(self) -> Gate:
        """The limits on figures, the only ones that apply to a table without a known promise."""
        return replace(self, epsilon=None, delta=None, audit=None)

    @classmethod
    def standard(cls, *, has_target: bool = False) -> Gate:
        """Return a default gate for any table. Its limits are conventions of this project.

        Ponomareva et al. (2023) call epsilon up to 10 reasonable; delta 1e-5 is below one over the rows of most
        tables. An attack may succeed 10 points more often on training rows than on others, and 20 points if it singles
        out or guesses the secret most at risk, because these intervals are wide. One row in a hundred may be a copy;
        models and distributions may lose 10 points at most, and as many people may be missing beyond those whom a real
        table of as many rows would miss; the report's finding is red above 5.
        """
        attacks = ("singling_out", "linkability", "inference", "attribute_inference", "membership_auc")
        risks = {name: Limit(0.1 if name in ("linkability", "membership_auc") else 0.2) for name in attacks}
        others = {
            "types": Limit(1.0),
            "dtypes": Limit(1.0),
            "shapes": Limit(0.1, is_relative=True),
            "tvd2": Limit(0.1, is_relative=True),
            "exact_copies": Limit(0.01, is_relative=True),
            "missing_rows": Limit(0.1, is_relative=True),
        }
        utility = {"tstr": Limit(0.1, is_relative=True)} if has_target else {}
        return cls(epsilon=10.0, delta=1e-5, limits={**others, **utility, **risks})

    @classmethod
    def of(cls, gate: object, *, has_target: bool = False) -> Gate | None:
        """Return the gate of a caller's argument: a gate, a mapping, ``"standard"``, or ``None`` for none.

        Raises:
            ConfigError: the argument is something else.
        """
        if gate is None or isinstance(gate, cls):
            return gate
        return cls.standard(has_target=has_target) if gate == "standard" else cls.from_dict(gate)

    @classmethod
    def from_dict(cls, data: object) -> Gate:
        """Return the gate that a mapping, as in YAML, describes.

        ``{"epsilon": 1, "fidelity": {"tvd2": 0.1}, "utility": {"tstr": {"within": 0.05}}, "audit": 1}``.

        Raises:
            ConfigError: with a line for every problem.
        """
        if not isinstance(data, Mapping) or not data:
            raise ConfigError(
                "gate: expected standard, or a mapping such as {epsilon: 1.0, fidelity: {tvd2: 0.1}}, "
                f"got {data!r}."
            )
        parts = gate_rules()
        problems: list[str] = []
        totals: dict[str, float] = {}
        limits: dict[str, Limit] = {}
        for key, value in data.items():
            try:
                if key in ("epsilon", "audit"):
                    totals[key] = positive(f"gate.{key}", value)
                elif key == "delta":
                    totals[key] = real_in("gate.delta", value, 0.0, 1.0)
                elif key in parts:
                    limits |= _part(key, parts[key], value)
                else:
                    known = ["epsilon", "delta", "audit", *parts]
                    part = next((part for part, rules in parts.items() if key in rules), None)
                    hint = nearest(str(key), known) if part is None else f" It belongs under {part}."
                    problems.append(f"gate.{key}: unknown key.{hint}")
            except ConfigError as error:
                problems += str(error).splitlines()
        if problems:
            raise ConfigError("\n".join(problems))
        return cls(**totals, limits=limits)

    def decide(
        self, evaluation: Evaluation, total: tuple[float, float] | None, *, needs_guarantee: bool = True
    ) -> Decision:
        """Compare the figures with the limits.

        Args:
            evaluation: The figures; ``audit_bound`` among them if the gate limits the audit.
            total: Epsilon and delta promised for all releases together; ``None`` without a guarantee, and then nothing
                passes.
            needs_guarantee: False for a table of another generator: its figures alone are then judged, and a decision
                on them is not a statement about privacy. A limit on epsilon or delta still fails.
        """
        promised = (None, None) if total is None else total
        checks = [
            _total(name, limit, found)
            for name, limit, found in zip(
                ("epsilon", "delta"), (self.epsilon, self.delta), promised, strict=True
            )
            if limit is not None
        ]
        metrics = {metric.name: metric for metric in evaluation.metrics}
        if self.audit is not None:
            checks.append(_audit(self.audit, metrics.get("audit_bound")))
        parts = gate_rules()
        rules = {name: sense for part in parts.values() for name, sense in part.items()}
        few = min(evaluation.n_holdout, evaluation.n_synthetic) < MIN_ROWS
        checks += [
            _too_few(metrics[name], rules[name], limit)
            if few and limit.is_relative and name in parts["fidelity"] | parts["coverage"] and name in metrics
            else _held(name, rules[name], limit, metrics.get(name))
            for name, limit in self.limits.items()
        ]
        if not checks:
            return NO_GATE
        if (
            needs_guarantee
            and total is None
            and not any(check.name in ("epsilon", "delta") for check in checks)
        ):
            text = "There is no privacy guarantee: nothing is released, whatever the figures say."
            checks.append(Check("guarantee", "Guarantee", "at_most", 0.0, None, False, text))
        checks.sort(key=lambda check: check.is_passed)
        return Decision("passed" if all(check.is_passed for check in checks) else "failed", tuple(checks))


def _part(part: str, rules: Mapping[str, Sense], value: object) -> dict[str, Limit]:
    """Return the limits of one part of a gate.

    Raises:
        ConfigError: with a line for every problem.
    """
    if not isinstance(value, Mapping) or not value:
        raise ConfigError(f"gate.{part}: expected a mapping from figures to limits, got {value!r}.")
    problems: list[str] = []
    limits = {}
    for name, limit in value.items():
        where = f"gate.{part}.{name}"
        if name not in rules:
            known = list(rules)
            problems.append(
                f"{where}: unknown figure.{nearest(str(name), known) or ' Known: ' + ', '.join(known) + '.'}"
            )
            continue
        try:
            limits[str(name)] = _limit(where, limit)
            if limits[str(name)].is_relative and ENTRIES[name].reference is None:
                problems.append(f"{where}: the figure has no reference. Write a number instead of within.")
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))
    return limits


def _limit(where: str, value: object) -> Limit:
    is_relative = isinstance(value, Mapping)
    if isinstance(value, Mapping):
        if set(value) != {"within"}:
            raise ConfigError(f"{where}: expected a number, or {{within: a number}}, got {dict(value)!r}.")
        value = value["within"]
    number = real_in(where, value, -1.0, 1.0, open_low=False, open_high=False)
    return Limit(number, is_relative)


def _total(name: str, limit: float, found: float | None) -> Check:
    label = name.capitalize()
    if found is None:
        text = f"{label}: there is no privacy guarantee; the limit is {limit:g}."
        return Check(name, label, "at_most", limit, None, False, text)
    is_passed = found <= limit
    text = f"{label}: {at_most(found)} is promised; the limit is {limit:g}."
    return Check(name, label, "at_most", limit, found, is_passed, text)


def _audit(limit: float, metric: Metric | None) -> Check:
    found = None if metric is None else metric.value
    if found is None:
        text = "Audit: the installation was not audited."
        return Check("audit", "Audit", "at_most", limit, None, False, text)
    text = f"Audit: epsilon is at least {at_least(found)}; the limit is {limit:g}."
    return Check("audit", "Audit", "at_most", limit, found, found <= limit, text)


def _too_few(metric: Metric, sense: Sense, limit: Limit) -> Check:
    text = f"{metric.label}: with fewer than {MIN_ROWS} rows, real rows are as far off. This does not pass."
    return Check(metric.name, metric.label, sense, limit.value, None, False, text)


def _held(name: str, sense: Sense, limit: Limit, metric: Metric | None) -> Check:
    """Compare one figure with its limit."""
    if metric is None or metric.value is None:
        reason = "" if metric is None else f": {(metric.reason or '').rstrip('.')}"
        label = name if metric is None else metric.label
        return Check(
            name,
            label,
            sense,
            limit.value,
            None,
            False,
            f"{label}: not computed{reason}. This does not pass.",
        )
    worse = _worse_end(metric, sense, limit.is_relative)
    if worse is None:
        text = f"{metric.label}: its uncertainty is unknown. This does not pass."
        return Check(name, metric.label, sense, limit.value, None, False, text)
    found, what = worse
    reference = _reference(metric)
    bound = limit.value
    if limit.is_relative:
        if reference is None:
            text = f"{metric.label}: it has no reference to compare with. This does not pass."
            return Check(name, metric.label, sense, limit.value, None, False, text)
        bound = reference + limit.value if sense == "at_most" else reference - limit.value
    is_passed = found <= bound if sense == "at_most" else found >= bound
    beside = f", the reference with a tolerance of {limit.value:g}" if limit.is_relative else ""
    is_share = metric.format == "percent" or metric.risk is not None
    shown, at = (f"{100 * each:.3g}%" if is_share else f"{each:.4g}" for each in (found, bound))
    text = f"{metric.label}: {what}{shown}; the {_SENSES[sense]} is {at}{beside}."
    return Check(name, metric.label, sense, bound, found, is_passed, text)


def _reference(metric: Metric) -> float | None:
    """Return the reference of a relative limit: no excess, the figure's reference, or its known best value."""
    if metric.risk is not None:
        return 0.0
    return best_of(metric.name) if metric.reference is None else metric.reference


def _worse_end(metric: Metric, sense: Sense, is_relative: bool) -> tuple[float, str] | None:
    """Return the value that is compared with a limit, and its words; ``None`` if the uncertainty is unknown.

    Attacks are limited by their risk, and copies, relative to the reference, by their excess. Utility always has an
    interval, and an attack a risk, unless too few rows or a control that always succeeds leave it undefined.
    """
    interval, risk = metric.interval, metric.risk
    if risk is not None and (metric.group == "attacks" or is_relative):
        return risk.interval.high, "risk of up to " if metric.group == "attacks" else "excess of up to "
    if metric.group == "attacks" or (metric.group == "utility" and interval is None):
        return None
    if interval is None or metric.group == "validity":
        return metric.value or 0.0, ""
    return (interval.high, "up to ") if sense == "at_most" else (interval.low, "down to ")
