"""Released numbers: those of a range that its rows have."""

import numpy as np

from tabgan.privacy.released import Discovered

NOISE = 35.0


def found(rows: np.ndarray, rng: np.random.Generator) -> set[float]:
    """Return the numbers from 0 on that are found by noisy counts of all of them."""
    noisy = rows + rng.normal(0.0, NOISE, len(rows))
    return set(Discovered([], np.zeros(0), 0.0, noisy).numbers(range(len(rows)), NOISE))


def test_a_range_does_not_go_on_to_numbers_that_noise_brings_up():
    """Of 64 days, 31 have 118 rows each: in two draws of five, the range went on beyond 32."""
    rng, days = np.random.default_rng(0), np.arange(64)
    rows = np.where((days >= 1) & (days <= 31), 118.0, 0.0)
    draws = [found(rows, rng) for _ in range(100)]
    assert sum(max(each) > 32 for each in draws) <= 1
    assert np.mean([len(each & set(range(1, 32))) for each in draws]) > 25


def test_it_goes_on_to_thin_ends_and_to_codes_that_are_sure():
    rng, numbers = np.random.default_rng(1), np.arange(100)
    rows = np.where(numbers < 20, 900.0 * 0.8**numbers, 0.0)
    rows[98] = 9 * NOISE
    draws = [found(rows, rng) for _ in range(50)]
    assert all(98 in each for each in draws)
    assert np.mean([max(each - {98.0}) for each in draws]) > 11


def test_numbers_that_lie_apart_keep_their_thin_end():
    rng, numbers = np.random.default_rng(2), np.arange(400)
    rows = np.where(numbers % 10 == 0, 600.0 * 0.95 ** (numbers / 10), 0.0)
    draws = [found(rows, rng) for _ in range(20)]
    assert np.mean([sum(rows[int(number)] for number in each) for each in draws]) > 0.945 * rows.sum()
