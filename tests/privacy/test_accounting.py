"""The total, recomputed on other roads than the package's own."""

import math

import dp_accounting
import pytest
from dp_accounting import rdp
from hypothesis import given, settings
from hypothesis import strategies as st
from opacus.accountants.analysis import prv

from tabgan.errors import PrivacyError
from tabgan.privacy.accounting import (
    SubsampledGaussian,
    affordable_mu,
    combined_mu,
    epsilon_of,
    gaussian_delta,
    largest,
)

DELTA = 1e-6


def rdp_epsilon(mu: float, runs: tuple[SubsampledGaussian, ...], delta: float) -> float:
    accountant = rdp.RdpAccountant()
    if mu:
        accountant.compose(dp_accounting.GaussianDpEvent(1 / mu))
    for run in runs:
        event = dp_accounting.PoissonSampledDpEvent(
            run.sample_rate, dp_accounting.GaussianDpEvent(run.noise_multiplier)
        )
        accountant.compose(event, run.steps)
    return float(accountant.get_epsilon(delta))


def prv_epsilon(run: SubsampledGaussian, delta: float) -> tuple[float, float]:
    """Return Opacus' lower and upper bounds."""
    variable = prv.PoissonSubsampledGaussianPRV(run.sample_rate, run.noise_multiplier)
    domain = prv.compute_safe_domain_size(
        prvs=[variable], max_self_compositions=[run.steps], eps_error=0.02, delta_error=delta / 1000
    )
    domain = prv.Domain.create_aligned(-domain, domain, 1e-4)
    truncated = prv.PoissonSubsampledGaussianPRV(run.sample_rate, run.noise_multiplier)
    discrete = prv.discretize(prv.TruncatedPrivacyRandomVariable(truncated, -5, 5), domain)
    total = prv.compose_heterogeneous([discrete], [run.steps])
    low, _, high = total.compute_epsilon(delta, 0.0, 0.02)
    return float(low), float(high)


@pytest.mark.parametrize("mu", [0.05, 0.25, 1.0, 3.0])
def test_one_gaussian_costs_what_its_closed_form_says(mu):
    epsilon = epsilon_of(mu, (), DELTA)
    assert gaussian_delta(mu, epsilon) <= DELTA  # never below the truth
    assert gaussian_delta(mu, 0.98 * epsilon) > DELTA  # and not far above it


def test_gaussians_compose_like_one():
    assert combined_mu([2.0, 2.0]) == pytest.approx(math.sqrt(0.5))
    assert combined_mu([]) == 0
    parts = [4.0, 5.0, 10.0]
    accountant = dp_accounting.pld.PLDAccountant(value_discretization_interval=1e-4)
    for z in parts:
        accountant.compose(dp_accounting.GaussianDpEvent(z))
    assert epsilon_of(combined_mu(parts), (), DELTA) == pytest.approx(accountant.get_epsilon(DELTA), rel=5e-3)


@pytest.mark.filterwarnings("ignore:Optimal order is the largest alpha")
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
    low, high = prv_epsilon(run, 1e-5)
    assert low * 0.99 <= epsilon <= high * 1.02
    assert epsilon <= rdp_epsilon(0.0, (run,), 1e-5)


def test_everything_together_stays_below_rdp_and_above_its_parts():
    runs = (SubsampledGaussian(3.0, 0.02, 200),)
    total = epsilon_of(0.2, runs, DELTA)
    assert max(epsilon_of(0.2, (), DELTA), epsilon_of(0.0, runs, DELTA)) < total
    assert total <= rdp_epsilon(0.2, runs, DELTA)


def test_nothing_costs_nothing():
    assert epsilon_of(0.0, (), DELTA) == 0.0


@settings(max_examples=15, deadline=None)
@given(z=st.floats(0.7, 8.0), steps=st.integers(1, 100), more=st.floats(1.1, 2.0))
def test_epsilon_rises_with_steps_and_falls_with_noise(z, steps, more):
    base = epsilon_of(0.1, (SubsampledGaussian(z, 0.02, steps),), DELTA)
    assert epsilon_of(0.1, (SubsampledGaussian(z, 0.02, 2 * steps),), DELTA) >= base
    assert epsilon_of(0.1, (SubsampledGaussian(z * more, 0.02, steps),), DELTA) <= base


@pytest.mark.parametrize("epsilon", [0.01, 0.1, 1.0, 5.0])
@pytest.mark.parametrize("delta", [1e-9, 1e-5])
def test_affordable_mu_ends_on_the_private_side_and_close(epsilon, delta):
    mu = affordable_mu(epsilon, delta)
    assert epsilon_of(mu, (), delta) <= epsilon
    assert gaussian_delta(1.03 * mu, epsilon) > delta


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
        SubsampledGaussian(1.0, 0.1, 0),
    ],
)
def test_nonsense_dp_sgd_raises(run):
    with pytest.raises(PrivacyError):
        epsilon_of(0.1, (run,), DELTA)
