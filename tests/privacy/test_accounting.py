"""The total, recomputed on other roads than the package's own: for parts, and for whole plans."""

import itertools
import json
import math
from pathlib import Path

import dp_accounting
import numpy as np
import pytest
from dp_accounting import pld, rdp
from hypothesis import given, settings
from hypothesis import strategies as st
from opacus.accountants.analysis import prv
from scipy.special import logsumexp
from scipy.stats import norm

from tabgan.errors import PrivacyError
from tabgan.privacy import accounting
from tabgan.privacy.accounting import (
    _ORDERS,
    Cost,
    SubsampledGaussian,
    _merged,
    affordable_mu,
    epsilon_of,
    filter_order,
    gaussian_delta,
    largest,
)
from tabgan.privacy.plan import SHARES, Plan, make_plan

#: Plans are those of users, on the accountant's own grid.
FULL_RUN = True

DELTA = 1e-6


def sampled(run: SubsampledGaussian) -> dp_accounting.DpEvent:
    return dp_accounting.PoissonSampledDpEvent(
        run.sample_rate, dp_accounting.GaussianDpEvent(run.noise_multiplier)
    )


def rdp_epsilon(mu: float, runs: tuple[SubsampledGaussian, ...], delta: float) -> float:
    accountant = rdp.RdpAccountant()
    if mu:
        accountant.compose(dp_accounting.GaussianDpEvent(1 / mu))
    for run in runs:
        accountant.compose(sampled(run), run.steps)
    return float(accountant.get_epsilon(delta))


class GaussianPRV:
    """The privacy loss of a mu-GDP Gaussian, N(mu**2 / 2, mu**2): Opacus has subsampled ones only."""

    def __init__(self, mu: float) -> None:
        self.mu = mu

    def cdf(self, t):
        return norm.cdf(t, self.mu**2 / 2, self.mu)


def prv_epsilon(mu: float, runs: tuple[SubsampledGaussian, ...], delta: float) -> tuple[float, float]:
    """Return Opacus' lower and upper bounds, half a percent either side of its estimate and apart by delta's error.

    Mesh and domain are those of Gopi, Lee & Wutschitz (2021), with Opacus' margin of 3; the domain is from RDP.
    """
    everyone = [run for run in runs if run.sample_rate == 1.0]  # plain Gaussians
    mu = math.sqrt(mu**2 + sum(run.steps / run.noise_multiplier**2 for run in everyone))
    runs = tuple(run for run in runs if run not in everyone)
    parts = [prv.PoissonSubsampledGaussianPRV(run.sample_rate, run.noise_multiplier) for run in runs]
    steps = [run.steps for run in runs]
    if mu:
        parts.append(GaussianPRV(mu))
        steps.append(1)
    delta_error = delta / 1000
    one_each = tuple(SubsampledGaussian(run.noise_multiplier, run.sample_rate, 1) for run in runs)
    size = 3 + max(
        rdp_epsilon(mu, runs, delta_error / 4), rdp_epsilon(mu, one_each, delta_error / 8 / sum(steps))
    )
    eps_error = 0.005 * epsilon_of(mu, runs, delta)
    mesh = eps_error / math.sqrt(sum(steps) * math.log(12 / delta_error) / 2)
    domain = prv.Domain.create_aligned(-size, size, mesh)
    discrete = [
        prv.discretize(prv.TruncatedPrivacyRandomVariable(part, domain.t_min, domain.t_max), domain)
        for part in parts
    ]
    total = prv.compose_heterogeneous(discrete, steps)
    low, _, high = total.compute_epsilon(delta, delta_error, eps_error)
    return float(low), float(high)


def combined_mu(noise_multipliers) -> float:
    """Return the GDP parameter of Gaussian releases together."""
    return math.sqrt(math.fsum(1.0 / z**2 for z in noise_multipliers))


def closed_delta(mu: float, epsilon: float) -> float:
    """Balle & Wang (2018), Theorem 8, as it stands there."""
    return float(norm.cdf(mu / 2 - epsilon / mu) - math.exp(epsilon) * norm.cdf(-mu / 2 - epsilon / mu))


def fine_epsilon(mu: float, runs: tuple[SubsampledGaussian, ...], delta: float) -> float:
    """PLD on a grid four times finer than the package's at its finest, event by event."""
    accountant = pld.PLDAccountant(value_discretization_interval=2.5e-5 * max(1.0, 4 * mu))
    if mu:
        accountant.compose(dp_accounting.GaussianDpEvent(1 / mu))
    for run in runs:
        accountant.compose(sampled(run), run.steps)
    return float(accountant.get_epsilon(delta))


def laid_out(plan: Plan) -> list[float]:
    """Noise multipliers of a fit that spends the whole plan: two releases a stage, the rest on three pairs."""
    stages = [plan.noise_multiplier(stage, 2) for stage in SHARES for _ in range(2)]
    rest = plan.mu**2 * (1 - sum(SHARES.values()))
    return [*stages, *[math.sqrt(3 / rest)] * 3]


def mark_of(epsilon: float, delta: float, share: float):
    """Return the mark of a plan: all of them once in a while, the quicker ones at one delta each time."""
    if delta != 1e-6 or epsilon * share > 0.15:
        return pytest.mark.slow
    return () if epsilon * share == 0.05 or epsilon == 10.0 else pytest.mark.family


PLANS = [
    pytest.param(*plan, marks=mark_of(*plan))
    for plan in itertools.product((0.1, 1.0, 3.0, 10.0), (1e-9, 1e-6, 1e-5), (0.0, 0.05, 0.5))
]


@pytest.mark.parametrize("n_rows", [None, pytest.param(1_000_000, marks=pytest.mark.family)])
@pytest.mark.parametrize(("epsilon", "delta", "share"), PLANS)
def test_a_whole_plan_costs_what_four_other_roads_say(epsilon, delta, share, n_rows):
    check_four_roads(epsilon, delta, share, n_rows)


@pytest.mark.family
def test_a_whole_plan_with_batches_costs_what_four_other_roads_say():
    check_four_roads(0.1, 1e-6, 0.05, 1_000_000)


def check_four_roads(epsilon, delta, share, n_rows):
    plan = make_plan(epsilon, delta, adversary_share=share, n_rows=n_rows)
    runs, left = plan.cost.runs, delta - plan.discovery_delta
    ours = plan.cost.epsilon(delta)
    assert 0.97 * epsilon < ours <= epsilon
    assert combined_mu(laid_out(plan)) == pytest.approx(plan.mu, rel=1e-12)

    low, high = prv_epsilon(plan.mu, runs, left)
    assert low <= ours <= high

    # Renyi divergences of few steps on samples, with little noise, are the least tight of the roads.
    tight = 1.2 if all(run.sample_rate == 1 for run in runs) else 1.3
    assert ours <= rdp_epsilon(plan.mu, runs, left) < tight * epsilon

    accountant = pld.PLDAccountant(value_discretization_interval=1e-4 * max(1.0, epsilon))
    for noise_multiplier in laid_out(plan):
        accountant.compose(dp_accounting.GaussianDpEvent(noise_multiplier))
    for run in runs:
        accountant.compose(sampled(run), run.steps)
    assert ours == pytest.approx(accountant.get_epsilon(left), rel=1e-2)

    if not runs:
        assert (
            closed_delta(combined_mu(laid_out(plan)), epsilon) <= left < closed_delta(plan.mu, 0.99 * epsilon)
        )


@pytest.mark.parametrize(
    ("epsilon", "n_rows"),
    [
        (1.0, None),
        pytest.param(0.1, 1_000_000, marks=pytest.mark.family),
        pytest.param(1.0, 1_000_000, marks=pytest.mark.family),
    ],
)
def test_the_other_roads_would_see_noise_that_is_a_little_too_small(epsilon, n_rows):
    plan = make_plan(epsilon, DELTA, adversary_share=0.5, n_rows=n_rows)
    left = DELTA - plan.discovery_delta
    run = plan.adversary
    less = SubsampledGaussian(run.noise_multiplier * 0.97, run.sample_rate, run.steps)
    more = SubsampledGaussian(run.noise_multiplier, run.sample_rate, run.steps + 10)
    for mu, runs in ((plan.mu * 1.03, (run,)), (plan.mu, (less,)), (plan.mu, (more,))):
        assert prv_epsilon(mu, runs, left)[0] > epsilon


targets = {
    "epsilon": st.floats(math.log(0.05), math.log(20)).map(math.exp),
    "delta": st.floats(-10, -3).map(lambda x: 10**x),
    "share": st.just(0.0) | st.floats(1e-3, 0.9),
}


def check_calibration(epsilon, delta, share):
    plan = make_plan(epsilon, delta, adversary_share=share)
    assert plan.cost.runs or closed_delta(plan.mu, epsilon) <= delta - plan.discovery_delta
    low, _ = prv_epsilon(plan.mu, plan.cost.runs, delta - plan.discovery_delta)
    fine = fine_epsilon(plan.mu, plan.cost.runs, delta - plan.discovery_delta)
    assert low <= fine <= epsilon
    assert fine > 0.95 * epsilon


@pytest.mark.family
@settings(max_examples=2, deadline=None)
@given(**targets | {"delta": st.floats(-10, -5).map(lambda x: 10**x)})
def test_calibration_never_ends_above_the_target_and_uses_nearly_all_of_it(epsilon, delta, share):
    check_calibration(epsilon, delta, share)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(**targets)
def test_calibration_never_ends_above_any_target(epsilon, delta, share):
    check_calibration(epsilon, delta, share)


@pytest.mark.parametrize("mu", [0.05, 0.25, 1.0, 3.0])
def test_one_gaussian_costs_what_its_closed_form_says(mu):
    epsilon = epsilon_of(mu, (), DELTA)
    assert gaussian_delta(mu, epsilon) <= DELTA  # never below the truth
    assert gaussian_delta(mu, 0.98 * epsilon) > DELTA  # and not far above it


def test_gaussians_compose_like_one():
    parts = [4.0, 5.0, 10.0]
    accountant = pld.PLDAccountant(value_discretization_interval=1e-4)
    for z in parts:
        accountant.compose(dp_accounting.GaussianDpEvent(z))
    assert epsilon_of(combined_mu(parts), (), DELTA) == pytest.approx(accountant.get_epsilon(DELTA), rel=5e-3)


@pytest.mark.family(keep=1)
@pytest.mark.parametrize(
    "run",
    [
        SubsampledGaussian(1.0, 0.01, 200),
        SubsampledGaussian(4.0, 0.02, 200),
        SubsampledGaussian(0.8, 0.004, 50),
    ],
)
def test_dp_sgd_agrees_with_opacus_prv_and_stays_below_rdp(run):
    epsilon = epsilon_of(0.0, (run,), 1e-5)
    low, high = prv_epsilon(0.0, (run,), 1e-5)
    assert low <= epsilon <= high
    assert epsilon <= rdp_epsilon(0.0, (run,), 1e-5)


def test_everything_together_stays_below_rdp_and_above_its_parts():
    runs = (SubsampledGaussian(3.0, 0.02, 200),)
    total = epsilon_of(0.2, runs, DELTA)
    assert max(epsilon_of(0.2, (), DELTA), epsilon_of(0.0, runs, DELTA)) < total
    assert total <= rdp_epsilon(0.2, runs, DELTA)


@pytest.mark.family
@pytest.mark.parametrize("mu", [0.0, 0.3])
def test_runs_that_take_every_unit_are_plain_gaussians(mu):
    runs = (
        SubsampledGaussian(6.0, 1.0, 4),
        SubsampledGaussian(4.0, 1.0, 1),
        SubsampledGaussian(3.0, 0.02, 50),
    )
    whole = math.hypot(mu, combined_mu([*[6.0] * 4, 4.0]))
    assert epsilon_of(mu, runs, DELTA) == pytest.approx(epsilon_of(whole, runs[2:], DELTA), rel=1e-9)
    epsilon = epsilon_of(mu, runs[:2], DELTA)
    assert gaussian_delta(whole, epsilon) <= DELTA < gaussian_delta(whole, 0.98 * epsilon)
    assert epsilon <= fine_epsilon(mu, runs[:2], DELTA) * (1 + 1e-3)


def test_nothing_costs_nothing():
    assert epsilon_of(0.0, (), DELTA) == 0.0


@settings(max_examples=3, deadline=None)
@given(z=st.floats(0.7, 8.0), steps=st.integers(1, 100), more=st.floats(1.1, 2.0))
def test_epsilon_rises_with_steps_and_falls_with_noise(z, steps, more):
    def on_coarse_cells(z: float, steps: int) -> float:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(accounting, "VALUE_DISCRETIZATION_INTERVAL", 1e-3)
            return epsilon_of.__wrapped__(0.1, (SubsampledGaussian(z, 0.02, steps),), DELTA)

    base = on_coarse_cells(z, steps)
    assert on_coarse_cells(z, 2 * steps) >= base
    assert on_coarse_cells(z * more, steps) <= base


@pytest.mark.family(keep=3)
@pytest.mark.parametrize("epsilon", [0.01, 0.1, 1.0, 5.0])
@pytest.mark.parametrize("delta", [1e-9, 1e-5])
def test_affordable_mu_ends_on_the_private_side_and_close(epsilon, delta):
    mu = affordable_mu(epsilon, delta)
    assert epsilon_of(mu, (), delta) <= epsilon
    assert gaussian_delta(1.03 * mu, epsilon) > delta


@pytest.mark.family
def test_a_delta_that_the_accountant_cannot_resolve_ends_the_search_soon():
    for delta in (1e-25, 1e-300):
        mu = affordable_mu(1.0, delta)
        assert mu <= 1e-6 or epsilon_of(mu, (), delta) <= 1.0


def test_largest_never_returns_what_cannot_be_afforded():
    assert 6.9 < largest(lambda x: x <= 7.0, 0.0, 100.0) <= 7.0
    assert largest(lambda x: False, 2.0, 3.0) == 2.0  # the caller checks low


@pytest.mark.parametrize("mu", [-1.0, math.nan, math.inf])
@pytest.mark.parametrize("delta", [0.0, 1.0, math.nan, 1e-6])
def test_nonsense_raises_and_is_never_a_number(mu, delta):
    with pytest.raises(PrivacyError):
        epsilon_of(mu, (), delta)


@pytest.mark.parametrize(
    "run",
    [
        SubsampledGaussian(0.0, 0.1, 1),
        SubsampledGaussian(math.nan, 0.1, 1),
        SubsampledGaussian(1.0, 0.0, 1),
        SubsampledGaussian(1.0, 1.1, 1),
        SubsampledGaussian(1.0, math.nan, 1),
        SubsampledGaussian(1.0, 0.1, 0),
        SubsampledGaussian(1.0, 0.1, 1.5),
        SubsampledGaussian(1.0, 0.1, math.nan),
        SubsampledGaussian(1.0, 0.1, math.inf),
    ],
)
def test_nonsense_dp_sgd_raises(run):
    with pytest.raises(PrivacyError):
        epsilon_of(0.1, (run,), DELTA)
    with pytest.raises(PrivacyError):
        Cost(0.01, (run,)).adaptive_epsilon(DELTA, 8.0)


@pytest.mark.parametrize("mu_squared", [-1.0, math.nan, math.inf])
def test_a_cost_that_is_no_number_raises_on_either_road(mu_squared):
    with pytest.raises(PrivacyError):
        Cost(mu_squared).epsilon(DELTA)
    with pytest.raises(PrivacyError):
        Cost(mu_squared).adaptive_epsilon(DELTA, 8.0)


RUN, OTHER = SubsampledGaussian(3.0, 0.02, 200), SubsampledGaussian(2.0, 0.02, 50)


def test_costs_add_up_part_by_part():
    total = Cost(0.25, (RUN,), 1e-8) + Cost(0.5, (OTHER, RUN), 2e-8)
    assert total == Cost(0.75, (OTHER, SubsampledGaussian(3.0, 0.02, 400)), pytest.approx(3e-8))
    assert total == Cost(0.5, (OTHER, RUN), 2e-8) + Cost(0.25, (RUN,), 1e-8)
    assert total + Cost() == total
    assert (Cost().mu, total.mu) == (0.0, math.sqrt(0.75))


def test_runs_of_one_noise_and_rate_are_one_run():
    assert _merged([]) == ()
    assert _merged([RUN, OTHER, RUN]) == (OTHER, SubsampledGaussian(3.0, 0.02, 400))
    assert _merged([RUN, SubsampledGaussian(3.0, 0.01, 200)]) == (SubsampledGaussian(3.0, 0.01, 200), RUN)
    split = Cost(0.04, _merged([SubsampledGaussian(3.0, 0.02, 80), SubsampledGaussian(3.0, 0.02, 120)]))
    assert split.epsilon(DELTA) == Cost(0.04, (RUN,)).epsilon(DELTA)


@pytest.mark.parametrize(
    ("other", "is_covered"),
    [
        (Cost(), True),
        (Cost(0.25, (RUN,), 1e-7), True),
        (Cost(0.25 * (1 + 1e-12), (RUN,), 1e-7), True),  # sums of 1/z**2 round
        (Cost(0.25 * (1 + 1e-6)), False),
        (Cost(delta=1.01e-7), False),
        (Cost(runs=(SubsampledGaussian(3.0, 0.02, 199),)), True),
        (Cost(runs=(SubsampledGaussian(3.0, 0.02, 201),)), False),
        (Cost(runs=(SubsampledGaussian(3.0, 0.02, 150), SubsampledGaussian(3.0, 0.02, 51))), False),
        (Cost(runs=(SubsampledGaussian(3.0, 0.019, 1),)), False),
        (Cost(runs=(SubsampledGaussian(3.1, 0.02, 1),)), False),  # less, but not of what was planned
        (Cost(math.nan), False),
        (Cost(delta=math.nan), False),
        (Cost(runs=(SubsampledGaussian(3.0, 0.02, math.nan),)), False),
    ],
)
def test_a_cost_covers_what_is_no_more_in_any_part(other, is_covered):
    assert Cost(0.25, (RUN,), 1e-7).covers(other) is is_covered
    assert not Cost().covers(Cost(1e-12))
    assert not Cost(math.nan, (RUN,), 1e-7).covers(Cost())


@pytest.mark.family
@settings(max_examples=4, deadline=None)
@given(share=st.floats(0.1, 1.0), steps=st.integers(1, 200))
def test_what_is_covered_costs_no_more(share, steps):
    whole = Cost(0.04, (RUN,), 1e-7)
    part = Cost(0.04 * share, (SubsampledGaussian(3.0, 0.02, steps),), 1e-7 * share)
    assert whole.covers(part)
    assert part.epsilon(DELTA) <= whole.epsilon(DELTA)
    assert part.adaptive_epsilon(DELTA, 16) <= whole.adaptive_epsilon(DELTA, 16)


@pytest.mark.parametrize("used", [DELTA, 2 * DELTA])
def test_thresholds_that_use_delta_up_leave_no_epsilon(used):
    assert Cost(delta=used).epsilon(DELTA) == math.inf
    assert Cost(0.01, (), used).epsilon(DELTA) == math.inf
    assert Cost(0.01, (), used).adaptive_epsilon(DELTA, 8.0) == math.inf


def test_thresholds_take_their_part_of_delta():
    assert Cost(0.04, (RUN,), 4e-7).epsilon(DELTA) == epsilon_of(0.2, (RUN,), DELTA - 4e-7)
    assert Cost(0.04, (), 4e-7).adaptive_epsilon(DELTA, 8.0) == Cost(0.04).adaptive_epsilon(6e-7, 8.0)


def renyi(run: SubsampledGaussian, order: float) -> float:
    """Return a step's Renyi divergence by quadrature: Mironov, Talwar & Zhang (2019), Theorem 4."""
    z, q = run.noise_multiplier, run.sample_rate
    x, step = np.linspace(-15 * z, 15 * z + order + 1, 200_001, retstep=True)
    ratio = np.logaddexp(np.log1p(-q), np.log(q) + (2 * x - 1) / (2 * z**2))
    return float(logsumexp(norm.logpdf(x, scale=z) + order * ratio) + math.log(step)) / (order - 1)


@pytest.mark.family(keep=5)
@pytest.mark.parametrize("order", [3.7, 16.0, 21.0, 128.0])
@pytest.mark.parametrize(
    "cost", [Cost(0.04), Cost(0.04, (RUN,)), Cost(1.5, (RUN, OTHER), 1e-7), Cost(0, (RUN,))]
)
def test_the_filter_is_renyi_composition_at_its_order_and_never_below_pld(cost, order):
    total = cost.mu_squared * order / 2 + sum(run.steps * renyi(run, order) for run in cost.runs)
    left = DELTA - cost.delta
    # Canonne, Kamath & Steinke (2020), Proposition 12.
    expected = total + math.log1p(-1 / order) - math.log(left * order) / (order - 1)
    ours = cost.adaptive_epsilon(DELTA, order)
    assert ours == pytest.approx(expected, rel=1e-5)  # dp_accounting bounds fractional orders from above
    assert ours >= expected * (1 - 1e-9)
    assert ours >= cost.epsilon(DELTA)


@pytest.mark.family(keep=1)
@pytest.mark.parametrize("fits", [1, 4])
def test_several_fits_cost_the_filter_more(fits):
    for epsilon in (0.1, 1.0, 3.0):
        plan = make_plan(epsilon, 1e-6)
        total = sum([plan.cost] * fits, Cost())
        assert total.runs[0].steps == fits * plan.adversary.steps
        order = filter_order(fits * epsilon, 1e-5)
        assert total.epsilon(1e-5) < total.adaptive_epsilon(1e-5, order) < 1.1 * fits * epsilon


@pytest.mark.parametrize(("epsilon", "delta"), [(0.1, 1e-6), (1.0, 1e-6), (1.0, 1e-9), (10.0, 1e-5)])
def test_the_filters_order_lets_in_about_the_most_that_any_would(epsilon, delta):
    def room(order: float) -> float:
        """Return the ``mu**2`` that fits at an order."""
        return 2 / order * (epsilon - math.log1p(-1 / order) + math.log(delta * order) / (order - 1))

    order = filter_order(epsilon, delta)
    assert order in _ORDERS
    assert order == filter_order(epsilon, delta)
    most = max(map(room, _ORDERS))
    assert 0.92 * most <= room(order) <= affordable_mu(epsilon, delta) ** 2
    assert Cost(0.999 * room(order)).adaptive_epsilon(delta, order) <= epsilon
    assert Cost(1.001 * room(order)).adaptive_epsilon(delta, order) > epsilon


def test_the_filters_order_falls_as_the_cap_rises():
    orders = [filter_order(epsilon, DELTA) for epsilon in (0.1, 0.5, 1.0, 3.0, 10.0)]
    assert orders == sorted(orders, reverse=True)


BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "results" / "accounting.json"


def test_the_benchmark_says_what_it_measured():
    result = json.loads(BENCHMARK.read_text())
    assert result["command"] == "python benchmarks/accounting.py"
    assert {"question", "seed", "commit", "python", "cores", "versions", "seconds"} < set(result)
    assert [row["epsilon"] for row in result["joint"]] == [0.1, 1.0, 3.0, 10.0]
    assert [row["epsilon"] for row in result["conversion"]] == [0.1, 1.0, 3.0, 10.0]
    assert [row["fits"] for row in result["filter"]] == [1, 2, 4, 8]
    for row in result["joint"] + result["conversion"]:
        assert all(0 < row[key] < 0.35 for key in row if key.startswith("saved"))
    for row in result["in_a_cap"]:
        assert row["basic"] <= row["filter"] <= row["pld"]


@pytest.mark.family
def test_the_benchmarks_savings_are_there():
    result = json.loads(BENCHMARK.read_text())
    row = result["joint"][1]
    epsilon, delta = row["epsilon"], row["delta"]

    def run(noise_multiplier: float) -> tuple[SubsampledGaussian, ...]:
        return (SubsampledGaussian(noise_multiplier, 0.02, 200),)

    each = [
        epsilon_of(1 / row["noise_counts_halves"], (), delta / 2),
        epsilon_of(0.0, run(row["noise_dp_sgd_halves"]), delta / 2),
    ]
    assert each == [pytest.approx(epsilon / 2, rel=1e-3)] * 2  # the baseline has no slack
    joint = epsilon_of(1 / row["noise_counts_joint"], run(row["noise_dp_sgd_joint"]), delta)
    assert joint == pytest.approx(epsilon, rel=1e-3)
    for part in ("counts", "dp_sgd"):
        saved = 1 - row[f"noise_{part}_joint"] / row[f"noise_{part}_halves"]
        assert row["saved"] == pytest.approx(saved, abs=1e-4)

    row = result["conversion"][1]
    assert closed_delta(1 / row["noise_exact"], row["epsilon"]) == pytest.approx(row["delta"], rel=1e-3)
    rho = 1 / (2 * row["noise_zcdp_simple"] ** 2)
    assert rho + 2 * math.sqrt(rho * math.log(1 / row["delta"])) == pytest.approx(row["epsilon"], rel=1e-4)
    tight = Cost(row["noise_zcdp_tight"] ** -2)
    assert min(tight.adaptive_epsilon(row["delta"], order) for order in _ORDERS) == pytest.approx(
        1.0, rel=1e-3
    )

    row = result["filter"][1]
    cost = make_plan(row["fit_epsilon"], row["fit_delta"]).cost
    total = cost + cost
    assert total.epsilon(row["delta"]) == pytest.approx(row["epsilon_pld"], rel=1e-4)
    assert row["order"] == filter_order(row["epsilon_filter"], row["delta"])
    assert total.adaptive_epsilon(row["delta"], row["order"]) == pytest.approx(
        row["epsilon_filter"], rel=5e-3
    )
