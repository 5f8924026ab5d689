"""Tables that know something of the same columns are brought into agreement."""

from __future__ import annotations

import numpy as np
import pytest

from tabgan.model.margins import fit_margins, pool_margins
from tabgan.privacy.released import Marginal

EXISTS = [np.ones(3, dtype=bool), np.ones(2, dtype=bool)]


def _one_ways(noise=0.0):
    return [
        Marginal((0,), np.array([50.0, 30, 20]), noise),
        Marginal((1,), np.array([60.0, 40]), noise),
    ]


class TestPool:
    def test_without_pairs_the_1_ways(self):
        shares = pool_margins(_one_ways(), [], EXISTS, 100.0)
        np.testing.assert_allclose(shares[0], [0.5, 0.3, 0.2])
        np.testing.assert_allclose(shares[1], [0.6, 0.4])

    def test_a_precise_pair_outweighs_a_noisy_1_way(self):
        table = np.array([[30.0, 10], [20, 20], [10, 10]])
        shares = pool_margins(_one_ways(noise=100.0), [Marginal((0, 1), table, 0.01)], EXISTS, 100.0)
        np.testing.assert_allclose(shares[0], [0.4, 0.4, 0.2], atol=1e-3)

    def test_a_noisy_pair_hardly_counts(self):
        pair = Marginal((0, 1), np.full((3, 2), 100 / 6), 100.0)
        shares = pool_margins(_one_ways(noise=0.1), [pair], EXISTS, 100.0)
        np.testing.assert_allclose(shares[0], [0.5, 0.3, 0.2], atol=1e-3)

    def test_the_error_falls_as_inverse_variances_add_up(self):
        rng = np.random.default_rng(0)
        truth = np.array([500.0, 300, 200])
        errors = {0: [], 8: []}
        for _ in range(200):
            one = Marginal((0,), truth + 30 * rng.standard_normal(3), 30.0)
            others = [Marginal((k,), np.array([1000.0]), 30.0) for k in range(1, 9)]
            pairs = [
                Marginal((0, k), (truth + 30 * rng.standard_normal(3))[:, None], 30.0) for k in range(1, 9)
            ]
            exists = [np.ones(3, dtype=bool), *[np.ones(1, dtype=bool)] * 8]
            for n in errors:
                share = pool_margins([one, *others], pairs[:n], exists, 1000.0)[0]
                errors[n].append(np.square(1000 * share - truth).mean())
        assert np.mean(errors[8]) < np.mean(errors[0]) / 5
        assert np.mean(errors[8]) > np.mean(errors[0]) / 15

    def test_codes_that_do_not_exist_get_nothing_and_no_share_is_negative(self):
        one_ways = [Marginal((0,), np.array([-20.0, 90, 30]), 10.0)]
        (share,) = pool_margins(one_ways, [], [np.array([True, True, False])], 100.0)
        np.testing.assert_allclose(share, [0, 1, 0], atol=2e-6)
        assert share[0] > 0  # rows may have it
        assert share[2] == 0

    def test_where_nothing_is_drawn_the_shares_still_sum_to_one(self):
        (share,) = pool_margins([_one_ways()[0]], [], [np.zeros(3, dtype=bool)], 100.0)
        assert share.sum() == pytest.approx(1)


class TestFitMargins:
    rows, columns = np.array([0.5, 0.3, 0.2]), np.array([0.6, 0.4])

    def test_a_table_that_agrees_stays(self):
        table = np.outer(self.rows, self.columns)
        np.testing.assert_allclose(fit_margins(table, 0.1, self.rows, self.columns, 100.0), table, atol=1e-12)

    @pytest.mark.parametrize("noise", [0.0, 0.001, 0.1, 10.0])
    def test_both_margins_are_met(self, noise):
        rng = np.random.default_rng(1)
        table = np.abs(np.outer(self.rows, self.columns) + 0.02 * rng.standard_normal((3, 2)))
        fitted = fit_margins(table, noise, self.rows, self.columns, 1000.0)
        np.testing.assert_allclose(fitted.sum(1), self.rows, atol=1e-9)
        np.testing.assert_allclose(fitted.sum(0), self.columns, atol=1e-3)

    def test_empty_cells_stay_empty_without_noise_and_give_way_with_it(self):
        table = np.array([[0.5, 0.0], [0.1, 0.2], [0.1, 0.1]])
        kept = fit_margins(table, 0.0, self.rows, self.columns, 1e6)
        assert abs(kept[0, 1]) < 1e-6
        moved = fit_margins(table, 1.0, self.rows, self.columns, 1e6)
        assert abs(moved[0, 1]) > 0.01

    def test_noise_between_impossible_cells_adds_no_dependence_and_hides_none(self):
        """Raising negative cells to 0 bends a noisy table: the mean over many of them is then not the exact one."""
        size, rng = 12, np.random.default_rng(4)
        places, possible = np.arange(size), np.triu(np.ones((size, size), dtype=bool))
        table = possible * np.exp(-0.5 * (places[:, None] - places) ** 2 / 9)
        table /= table.sum()
        margins = table.sum(1), table.sum(0)
        noise = 2 * table.mean()
        noisy = [table + noise * rng.standard_normal(table.shape) for _ in range(200)]
        fitted = [fit_margins(each, noise, *margins, 1e4, possible) for each in noisy]
        assert all((each[~possible] == 0).all() for each in fitted)
        np.testing.assert_allclose(np.mean(fitted, axis=0), table, atol=5 * noise / len(fitted) ** 0.5)
        assert places @ np.mean(fitted, axis=0) @ places == pytest.approx(places @ table @ places, rel=0.005)
