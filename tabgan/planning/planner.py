"""The making of a plan: rehearsals at one epsilon or several, and of the changes that would help."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from scipy.special import ndtri

from tabgan.errors import ConfigError, DataError, PlanError
from tabgan.fitting.session import Request
from tabgan.planning.effort import megabytes_of, seconds_of
from tabgan.planning.expectation import Expectation, TableError, expect
from tabgan.planning.expected import CurvePoint, ExpectedError, Lever, PlannedColumn, PlannedRelease
from tabgan.planning.fitplan import FitPlan
from tabgan.planning.madeup import assumed_columns, assumptions_of, voted
from tabgan.planning.rehearsal import Rehearsal, rehearse
from tabgan.privacy.doors import mechanisms
from tabgan.privacy.events import GAIN, GAUSSIAN_THRESHOLD, PLACES, RECURRENCE
from tabgan.privacy.released import N_ROWS
from tabgan.schema import Schema
from tabgan.table.headers import PublicHeader
from tabgan.table.placing import may_have_places, most_tables

#: The factor of the intervals: measured errors lie within it, see ``benchmarks/plan.py``.
SPREAD = 1.5

#: Mean expected error of single columns above which a fit is hopeless.
HOPELESS = 0.2

#: Epsilons of the curve.
EPSILONS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

#: Least part of the error that a change has to remove to be named.
_HELPS = 0.1

#: Factors on epsilon that are tried in turn for a hopeless fit, up to a largest epsilon; and the largest table.
_FACTORS, _MOST_EPSILON, _MOST_ROWS = (1.5, 2.0, 3.0, 5.0), 10.0, 10**9

#: The advice at the end of a fit's own refusal, which a plan replaces by its own.
_ADVICE = re.compile(r" (Raise e|Widen |Declare )")

#: A function that returns the request of a fit, given a schema, the names of the columns, and an epsilon.
RequestOf = Callable[[Schema, Sequence[str], float], Request]

#: Probability with which a category of that size is kept.
_SURELY = 0.95


@dataclass(frozen=True)
class Setting:
    """The public facts of a fit.

    Attributes:
        request_of: The function that returns its request.
        header: Names and dtypes of the columns.
        schema: The declared schema.
        n_rows: Declared number of rows.
        epsilon: Of the fit.
        untyped_text: True if text may represent numbers and booleans.
    """

    request_of: RequestOf
    header: PublicHeader
    schema: Schema
    n_rows: int
    epsilon: float
    untyped_text: bool = False

    @property
    def modelled(self) -> list[str]:
        """Names of the columns that cost something: those declared as identifiers, for one, do not."""
        return [name for name in self.header if name not in self.schema or self.schema[name].is_modelled]

    @property
    def request(self) -> Request:
        """The request of the fit."""
        return self.request_of(self.schema, self.header.names, self.epsilon)

    def rehearsed(self) -> tuple[Rehearsal, Expectation]:
        """Return the rehearsal and the expectation.

        Raises:
            PlanError: the fit is hopeless; says no more than why.
        """
        try:
            rehearsal = rehearse(self.request, self.header, self.n_rows)
        except (ConfigError, DataError) as error:
            raise PlanError(
                f"plan: {str(error).removeprefix('fit: ').removeprefix('schema: n_rows: ')}"
            ) from None
        expectation = expect(rehearsal)
        wrong = expectation.one_way.total
        if wrong >= HOPELESS:
            raise PlanError(
                f"plan: with epsilon={self.epsilon:g}, {self.n_rows:,} rows and {len(self.modelled)} columns the "
                f"tables of single columns would be wrong by {wrong:.2f} of the rows on average; {HOPELESS:g} is "
                "the most at which a table is useful."
            )
        return rehearsal, expectation

    @property
    def is_hopeless(self) -> bool:
        """True if the fit would refuse, or its sample would be little more than noise."""
        try:
            self.rehearsed()
        except PlanError:
            return True
        return False

    def with_declared_domains(self) -> Setting | None:
        """Return the setting in which all domains are declared as they are assumed; ``None`` if they are already."""
        columns = assumed_columns(self.header, self.schema, untyped_text=self.untyped_text)
        if set(self.header) <= set(self.schema.names) and self.schema.is_complete:
            return None
        return replace(self, schema=self.schema.replace(columns))

    def with_half_the_columns(self) -> Setting | None:
        """Return the setting with half the modelled columns, the targets among them; ``None`` for few."""
        kept = {*self.schema.targets, self.schema.entity}
        others = [name for name in self.modelled if name not in kept]
        if len(others) < 4 or self.schema.statements:
            return None
        dropped = set(others[len(others) // 2 :])
        columns = [column for column in self.schema if column.name not in dropped]
        header = self.header.some(name for name in self.header if name not in dropped)
        return replace(self, header=header, schema=self.schema.replace(columns))

    def with_twice_the_rows(self) -> Setting:
        """Return the setting of a table with twice as many rows."""
        n_rows = 2 * self.n_rows
        declared = {} if self.schema.n_rows is None else {"n_rows": 2 * self.schema.n_rows}
        return replace(self, n_rows=n_rows, schema=self.schema.model_copy(update=declared))

    def with_half_the_bound(self) -> Setting | None:
        """Return the setting with half as many rows of each entity; ``None`` where a unit has one."""
        max_rows = self.schema.max_rows or 1
        if max_rows < 2:
            return None
        return replace(self, schema=self.schema.model_copy(update={"max_rows": max_rows // 2}))


def plan_fit(
    request_of: RequestOf,
    header: PublicHeader,
    schema: Schema,
    n_rows: int,
    epsilon: float,
    *,
    untyped_text: bool,
    adversary_share: float,
    is_brief: bool = False,
) -> FitPlan:
    """Return the plan of a fit.

    **Guarantee.** Reads no row: a header has none. Nothing is charged.

    Args:
        request_of: The function that returns the request of a fit.
        header: Names and dtypes of the columns.
        schema: The declared schema.
        n_rows: Declared number of rows.
        epsilon: Of the fit.
        untyped_text: True if text may represent numbers and booleans, as in a CSV.
        adversary_share: The critics' part of the budget.
        is_brief: True to leave out the curve, and the changes that would help.

    Raises:
        PlanError: the fit is hopeless; the message says what would help.
        SchemaError: the schema does not fit the header.
    """
    setting = Setting(request_of, header, schema, n_rows, epsilon, untyped_text)
    try:
        rehearsal, expectation = setting.rehearsed()
    except PlanError as error:
        raise PlanError(_with_help(str(error), setting)) from None
    plan = rehearsal.plan
    threshold, surely = _thresholds(rehearsal)
    width = sum(rehearsal.measured.encoder.sizes)
    return FitPlan(
        epsilon=epsilon,
        delta=plan.delta,
        unit=plan.unit.name,
        max_rows=plan.unit.max_rows,
        n_rows=n_rows,
        n_columns=len(rehearsal.measured.released.columns),
        releases=tuple(_releases(rehearsal)),
        columns=tuple(_columns(rehearsal, expectation, voted(header, schema, untyped_text=untyped_text))),
        threshold=threshold,
        surely_kept=surely,
        adversary_share=adversary_share if plan.has_adversary else 0.0,
        adversary=_adversary(rehearsal, adversary_share),
        adversary_steps=0 if plan.adversary is None else plan.adversary.steps,
        adversary_noise=None if plan.adversary is None else plan.adversary.noise_multiplier,
        one_way=_error(expectation.one_way),
        two_way=_error(expectation.two_way),
        pairs=len(expectation.pairs),
        pairs_measured=len(expectation.measured),
        seconds=seconds_of(width, len(expectation.columns), n_rows),
        megabytes=megabytes_of(len(expectation.columns), n_rows),
        curve=() if is_brief else tuple(_curve(setting)),
        levers=() if is_brief else tuple(_levers(setting, expectation)),
        assumptions=assumptions_of(header, schema, untyped_text=untyped_text),
        spread=SPREAD,
    )


def _error(error: TableError) -> ExpectedError:
    """Return an expected error with its interval."""
    value = min(error.total, 1.0)
    return ExpectedError(value, value / SPREAD, min(value * SPREAD, 1.0), min(error.sampling, 1.0))


def _releases(rehearsal: Rehearsal) -> Iterator[PlannedRelease]:
    """Yield the releases by name, and those that come after the pairs."""
    found: dict[str, list[float]] = {}
    for release in rehearsal.releases:
        found.setdefault(release.what, []).append(release.noise_stddev)
    votes = [release.columns[0] for release in rehearsal.releases if release.what == "kind of the values"]
    certain = {N_ROWS, RECURRENCE, "kind of the values", "1-way histogram", "categories and 1-way histogram"}
    if not votes:
        certain |= {"decimals or resolution"}
        has_cycles = any(each.encoder.column.cycles() for each in rehearsal.measured.released.columns)
        certain |= set() if has_cycles else {"dependence score"}
    for what, noises in found.items():
        source = "public facts" if what in certain else "assumptions"
        yield PlannedRelease(what, len(noises), float(min(noises)), float(max(noises)), source)  # type: ignore[arg-type]
    plan = rehearsal.plan
    if plan.has_adversary:
        noise = plan.noise_stddev("gain", plan.critics)
        yield PlannedRelease(GAIN, plan.critics, noise, noise, "public facts")
    encoder = rehearsal.measured.encoder
    if may_have_places(encoder):
        most = most_tables(encoder)
        low, high = plan.noise_stddev("places", 1), plan.noise_stddev("places", most)
        yield PlannedRelease(PLACES, most, low, high, "assumptions")


def _columns(
    rehearsal: Rehearsal, expectation: Expectation, assumed: frozenset[str]
) -> Iterator[PlannedColumn]:
    """Yield the modelled columns."""
    thresholds = {}
    for release in rehearsal.releases:
        if release.what == "categories and 1-way histogram":
            unit = rehearsal.plan.unit.max_rows
            thresholds[release.columns[0]] = mechanisms.threshold_for(
                release.noise_stddev, release.delta, unit
            )
    for released in rehearsal.measured.released.columns:
        name = released.encoder.name
        yield PlannedColumn(
            name,
            released.encoder.column.kind,
            name in assumed,
            float(released.noise_stddev),
            thresholds.get(name),
            _error(expectation.columns[name]),
        )


def _thresholds(rehearsal: Rehearsal) -> tuple[float | None, float | None]:
    """Return the rows with which a category is released as likely as not, and with which it nearly always is."""
    unit = rehearsal.plan.unit.max_rows
    for release in rehearsal.releases:
        if release.mechanism == GAUSSIAN_THRESHOLD and release.what.startswith("categories"):
            least = mechanisms.threshold_for(release.noise_stddev, release.delta, unit)
            return least, least + float(ndtri(_SURELY)) * release.noise_stddev
    return None, None


def _adversary(rehearsal: Rehearsal, share: float) -> str:
    """Return the critics' training in words."""
    plan = rehearsal.plan
    if plan.adversary is None or not plan.has_adversary:
        return ""
    run, critics = plan.adversary, "one critic" if plan.critics == 1 else f"{plan.critics} critics"
    rows = "all rows" if run.sample_rate == 1 else f"batches of {run.sample_rate:.2%} of the rows"
    return (
        f"{share:.0%} of the budget trains {critics} in {run.steps} steps over {rows}, "
        f"with a noise multiplier of {run.noise_multiplier:.3g}"
    )


def _curve(setting: Setting) -> Iterator[CurvePoint]:
    """Yield the expectation at the epsilons of the curve, the fit's own among them."""
    for epsilon in sorted({*EPSILONS, setting.epsilon}):
        try:
            rehearsal, expectation = replace(setting, epsilon=epsilon).rehearsed()
        except PlanError:
            yield CurvePoint(epsilon, None, None, None)
            continue
        one, two = _error(expectation.one_way), _error(expectation.two_way)
        yield CurvePoint(epsilon, one, two, _thresholds(rehearsal)[0])


def _levers(setting: Setting, now: Expectation) -> list[Lever]:
    """Return the changes that would lower the error, the most helpful first."""
    halved = setting.with_half_the_columns()
    tried = {
        "twice the epsilon": replace(setting, epsilon=2 * setting.epsilon),
        "declared domains of all columns": setting.with_declared_domains(),
        "half the rows of each entity": setting.with_half_the_bound(),
        f"{len(halved.modelled) if halved else 0} columns instead of {len(setting.modelled)}": halved,
    }
    found = []
    for change, changed in tried.items():
        if changed is None:
            continue
        try:
            error = changed.rehearsed()[1].two_way
        except PlanError:
            continue
        if error.total <= (1 - _HELPS) * now.two_way.total:
            found.append(Lever(change, _error(error)))
    return sorted(found, key=lambda lever: lever.two_way.value)


def _with_help(reason: str, setting: Setting) -> str:
    """Return a reason, with the changes that would make a fit useful."""
    helps = []
    epsilons = {float(f"{setting.epsilon * factor:.2g}") for factor in _FACTORS} | set(EPSILONS)
    tried = sorted(each for each in epsilons if setting.epsilon < each <= _MOST_EPSILON)
    enough = next((each for each in tried if not replace(setting, epsilon=each).is_hopeless), None)
    if enough is not None:
        helps.append(f"epsilon of {enough:g}")
    halved = setting.with_half_the_columns()
    while halved is not None and halved.is_hopeless:
        halved = halved.with_half_the_columns()
    if halved is not None:
        helps.append(f"at most about {len(halved.modelled)} columns")
    declared = setting.with_declared_domains()
    if declared is not None and not declared.is_hopeless:
        helps.append("declared domains: bounds, decimals and categories of every column")
    bounded = setting.with_half_the_bound()
    while bounded is not None and bounded.is_hopeless:
        bounded = bounded.with_half_the_bound()
    if bounded is not None:
        helps.append(f"max_rows: {bounded.schema.max_rows}, fewer rows of each entity")
    larger = setting.with_twice_the_rows()
    while larger.is_hopeless and larger.n_rows < _MOST_ROWS:
        larger = larger.with_twice_the_rows()
    if larger.n_rows < _MOST_ROWS:
        helps.append(f"about {larger.n_rows:,} rows")
    said = f"Each of these alone would help: {'; or '.join(helps)}."
    if not helps:
        said = "None of more epsilon, fewer columns, declared domains and more rows would help alone."
    return f"{_ADVICE.split(reason)[0]} {said} No row was read, and nothing is spent."
