"""Denoised counts: sums kept, spikes and steps kept, noise between even cells taken away."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabgan.columns.denoising import denoise_ordered

COUNTS = st.lists(st.floats(-1e4, 1e6), min_size=1, max_size=60).map(np.array)


class TestDenoise:
    def test_without_noise_nothing_changes(self):
        counts = np.array([5.0, 0, 0, 0, 100, 3, 0])
        np.testing.assert_allclose(denoise_ordered(counts, 0.0, counts.sum()), counts)

    def test_what_is_only_noise_becomes_flat(self):
        np.testing.assert_allclose(denoise_ordered(np.array([101.0, 99, 100, 100]), 5.0, 400), 100)

    def test_a_spike_stays_sharp(self):
        counts = np.array([2.0, -3, 1000, 1, -2, 4, 0, 1])
        np.testing.assert_allclose(denoise_ordered(counts, 3.0, 1000), [0, 0, 1000, 0, 0, 0, 0, 0], atol=3)

    @pytest.mark.parametrize("at", [1, 2, 3])
    def test_a_step_anywhere(self, at):
        counts = np.where(np.arange(4) < at, 300.0, 100.0)
        np.testing.assert_allclose(denoise_ordered(counts, 4.0, counts.sum()), counts, atol=1e-9)

    def test_counts_at_the_edge_of_what_floats_hold(self):
        np.testing.assert_array_equal(denoise_ordered(np.array([0.0, 2.0**-1073]), 0.0, 1e6), [0, 1e6])

    @settings(deadline=None)
    @given(counts=COUNTS, noise=st.just(0.0) | st.floats(1e-6, 100), total=st.floats(1, 1e6))
    def test_sums_to_the_total_and_is_non_negative(self, counts, noise, total):
        result = denoise_ordered(counts, noise, total)
        assert result.shape == counts.shape
        assert (result >= 0).all()
        np.testing.assert_allclose(result.sum(), total, rtol=1e-9)

    def test_is_closer_to_the_truth_than_the_noisy_counts(self):
        rng = np.random.default_rng(0)
        truth = np.where(np.arange(256) < 64, 40.0, 5.0)
        noisy = truth + rng.normal(0, 10, 256)
        denoised = denoise_ordered(noisy, 10, truth.sum())
        assert np.abs(denoised - truth).sum() < 0.6 * np.abs(noisy - truth).sum()

    @pytest.mark.family
    def test_noise_makes_no_holes_in_even_cells(self):
        rng, truth = np.random.default_rng(1), np.full(72, 60.0)
        truth[[0, -1]] = 480.0, 290.0
        found = np.array(
            [denoise_ordered(truth + rng.normal(0, 61.0, 72), 61.0, truth.sum()) for _ in range(100)]
        )
        assert (found < 1).sum(axis=1).mean() < 2  # of 72; in one partition with a fixed threshold, 10
        assert np.abs(found - truth).sum(axis=1).mean() / truth.sum() < 0.3  # twice the total variation; .46
        assert (found[:, [0, -1]] > 120).mean() > 0.9

    @pytest.mark.family
    def test_among_many_spikes_the_threshold_is_low_and_among_few_it_is_high(self):
        rng = np.random.default_rng(2)
        comb = np.where(np.arange(240) % 5 == 0, 150.0, 10.0)
        few = np.where(np.arange(240) == 100, 150.0, 38.0)
        for truth, most in ((comb, 0.47), (few, 0.15)):  # .54 and .35
            found = [denoise_ordered(truth + rng.normal(0, 30.0, 240), 30.0, truth.sum()) for _ in range(20)]
            assert np.mean([np.abs(each - truth).sum() / truth.sum() for each in found]) < most

    @pytest.mark.family
    def test_where_the_range_begins_matters_little(self):
        rng, moved = np.random.default_rng(3), []
        truth = 400.0 * np.exp(-np.arange(64) / 12)
        for _ in range(20):
            counts = truth + rng.normal(0, 20.0, 64)
            longer = denoise_ordered(np.concatenate([np.zeros(5), counts]), 20.0, 1.0)[5:]
            moved.append(np.abs(denoise_ordered(counts, 20.0, 1.0) - longer).sum())
        assert np.mean(moved) < 0.05  # .09
