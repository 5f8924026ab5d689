"""Noise: its scale from both sides, its independence, its thresholds. Each check has a control that must fail."""

import math
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from tabgan.errors import PrivacyError
from tabgan.privacy.doors import mechanisms
from tabgan.privacy.doors.mechanisms import GRID, discover, noisy_vector, threshold_for

#: The noise of the package itself, in all of these.
FRESH_NOISE = True

N = 4_000


def has_scale(noise: np.ndarray, stddev: float) -> bool:
    """Return true for a sample with a Gaussian's spread; a false alarm happens once in ten million runs."""
    statistic = float((noise**2).sum()) / stddev**2
    low, high = stats.chi2.interval(1 - 1e-7, len(noise))
    return bool(low < statistic < high)


@pytest.mark.parametrize("stddev", [0.3, 1.0, 25.0, 4_000.0])
def test_noise_has_the_scale_that_was_asked_for(stddev):
    noise = noisy_vector(np.full(N, 17), stddev) - 17
    assert has_scale(noise, stddev)
    assert not has_scale(noise, stddev * 2 / 3)
    assert not has_scale(noise, stddev * 3 / 2)


def test_the_check_of_the_scale_fails_without_noise():
    """The negative control."""
    assert not has_scale(noisy_vector(np.full(N, 17), 0.0) - 17, 1.0)


def test_noise_is_gaussian_not_only_of_its_variance():
    noise = noisy_vector(np.zeros(N), 3.0)
    assert stats.kstest(noise / 3.0, "norm").pvalue > 1e-7
    laplace = np.random.default_rng(0).laplace(scale=3 / math.sqrt(2), size=N)
    assert stats.kstest(laplace / 3.0, "norm").pvalue < 1e-7


def test_cells_get_noise_of_their_own():
    """Pitfall 21: one scalar draw for a whole table has no spread within it."""
    noise = noisy_vector(np.zeros((40, 100)), 5.0)
    assert noise.shape == (40, 100)
    assert has_scale((noise - noise.mean()).ravel(), 5.0)
    neighbours = np.corrcoef(noise.ravel()[:-1], noise.ravel()[1:])[0, 1]
    assert abs(neighbours) < 5 / math.sqrt(N)


def test_two_calls_never_repeat_even_under_a_seed():
    """Pitfall 20."""
    np.random.seed(0)  # noqa: NPY002
    first = noisy_vector(np.zeros(50), 1.0)
    np.random.seed(0)  # noqa: NPY002
    assert not np.array_equal(first, noisy_vector(np.zeros(50), 1.0))


@pytest.mark.family
def test_two_processes_never_repeat():
    """Pitfall 20: no constant seed either, nor a state that a process hands to its children."""
    code = (
        "import os, numpy as np\n"
        "from tabgan.privacy.doors.mechanisms import noisy_vector\n"
        "if child := os.fork():\n    os.waitpid(child, 0)\n"
        "print(noisy_vector(np.zeros(8), 9.0).tolist())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    first, second = done.stdout.splitlines()
    assert len(eval(first)) == 8
    assert first != second


def test_what_leaves_lies_on_the_grid():
    released = noisy_vector(np.arange(100), 2.5) * GRID
    assert np.array_equal(released, np.rint(released))


@pytest.mark.parametrize("stddev", [-1.0, math.nan, math.inf])
def test_a_scale_that_is_no_scale_raises(stddev):
    with pytest.raises(PrivacyError):
        noisy_vector(np.zeros(3), stddev)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_values_that_are_no_numbers_raise_instead_of_leaving(value):
    with pytest.raises(PrivacyError):
        noisy_vector(np.array([value, 1.0]), 1.0)


def test_discovery_keeps_frequent_categories_and_their_counts():
    positions, counts = discover(np.array([5_000, 1, 3_000]), 10.0, 1e-7)
    assert positions.tolist() == [0, 2]
    assert counts == pytest.approx([5_000, 3_000], abs=60)


def test_the_threshold_is_the_smallest_that_its_delta_allows():
    for stddev in (1.0, 30.0):
        for delta in (1e-3, 1e-8):
            excess = (threshold_for(stddev, delta) - 1) / stddev
            assert stats.norm.sf(excess) <= delta
            assert stats.norm.sf(excess - 0.01) > delta


@pytest.mark.parametrize("delta", [0.3, 1e-3, 1e-8, 1e-15, 1e-100])
def test_the_quantile_of_a_threshold_is_that_of_scipys_distribution(delta):
    """To the last bit, by a function that takes no second to import."""
    assert threshold_for(3.0, delta) == 1 + float(stats.norm.isf(delta)) * 3.0 + 1 / GRID


@pytest.mark.parametrize("stddev", [0.3, 4.0, 400.0, 1e5])
@pytest.mark.parametrize("delta", [0.01, 1e-4, 1e-7, 1e-9, 1e-12, 1e-15])
def test_a_threshold_costs_no_more_than_its_delta_by_opendps_own_map(monkeypatch, stddev, delta):
    """Of the closed form alone the map says up to 1.1 times as much."""
    made = []
    make = mechanisms.make_gaussian_threshold
    monkeypatch.setattr(
        mechanisms, "make_gaussian_threshold", lambda *a, **k: made.append(make(*a, **k)) or made[-1]
    )
    discover(np.array([5, 10**7]), stddev, delta)
    _, spent = made[-1].map((1, float(GRID), float(GRID)))
    assert 0.99 * delta < spent <= delta


def shows_alone(stddev: float, delta: float, runs: int) -> int:
    """Return the number of ``runs`` categories with a single row each that show."""
    return len(discover(np.ones(runs, dtype=int), stddev, delta)[0])


def test_a_lone_row_shows_with_probability_delta_and_not_much_less():
    """Pitfalls 1 and 3, from both sides."""
    runs, delta = 20_000, 0.01
    low, high = stats.binom.interval(1 - 1e-7, runs, delta)
    assert low <= shows_alone(4.0, delta, runs) <= high


def test_the_check_of_the_threshold_fails_when_the_threshold_is_too_low(monkeypatch):
    """The negative control: OpenDP's own map refuses what costs more than its delta."""
    monkeypatch.setattr(mechanisms, "threshold_for", lambda stddev, delta, max_rows: 1.0 + stddev)
    with pytest.raises(PrivacyError, match="threshold"):
        shows_alone(4.0, 0.01, 10)


def test_released_counts_carry_noise_of_the_stated_scale():
    _, counts = discover(np.full(N, 10_000), 7.0, 1e-8)
    assert has_scale(counts - 10_000, 7.0)
    assert not has_scale(counts - 10_000, 7.0 * 1.5)
