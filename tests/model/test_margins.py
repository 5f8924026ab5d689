"""Tables that know something of the same columns are brought into agreement."""

from __future__ import annotations

import numpy as np
import pytest

from tabgan.model.margins import Joined, fit_margins, joined, noise_variance, pool_margins
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

    @pytest.mark.family
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


class TestJoined:
    """Two noisy tables of one pair, of codes and of groups of these."""

    groups = np.array([0, 0, 0, 1, 1]), np.array([0, 1, 1, 2])
    exact = np.random.default_rng(0).integers(0, 90, (5, 4)).astype(float)

    def pair(self, rng, own=3.0, of_groups=2.0):
        first, second = (np.eye(int(each.max()) + 1)[each] for each in self.groups)
        sums = first.T @ self.exact @ second
        fine = Marginal((0, 1), self.exact + own * rng.standard_normal(self.exact.shape), own)
        coarse = Marginal((0, 1), sums + of_groups * rng.standard_normal(sums.shape), of_groups, self.groups)
        (found,) = joined([fine, coarse])
        return found

    @pytest.mark.family
    def test_the_mean_is_the_exact_table_and_the_noise_is_the_stated_one(self):
        """Two-sided, by codes and by waves; with the noise of the table of codes alone as a control."""
        rng = np.random.default_rng(1)
        waves = np.linalg.qr(rng.standard_normal((5, 5)))[0], np.linalg.qr(rng.standard_normal((4, 4)))[0]
        pairs = [self.pair(rng) for _ in range(4_000)]
        error = np.array([each.counts - self.exact for each in pairs])
        for rows, columns in ((np.eye(5), np.eye(4)), waves, (np.ones((5, 1)), np.eye(4))):
            seen = rows.T @ error @ columns
            stated = noise_variance(pairs[0], rows, columns)
            np.testing.assert_allclose(seen.mean(0), 0, atol=5 * (stated.max() / len(pairs)) ** 0.5)
            np.testing.assert_allclose((seen**2).mean(0) / stated, 1, atol=0.15)
        alone = noise_variance(Marginal((0, 1), self.exact, 3.0), *waves)
        np.testing.assert_allclose(alone, 9.0)
        assert (noise_variance(pairs[0]) < 9.0).all()
        np.testing.assert_allclose(noise_variance(pairs[0]), noise_variance(pairs[0], np.eye(5), np.eye(4)))

    @pytest.mark.family
    def test_no_unbiased_mix_of_both_has_less_noise(self):
        """The error of the mix is not correlated with what the two tables disagree about."""
        rng = np.random.default_rng(2)
        first, second = (np.eye(int(each.max()) + 1)[each] for each in self.groups)
        found = [self.pair(rng) for _ in range(4_000)]
        errors = np.array([each.counts - self.exact for each in found])
        gaps = np.array([first.T @ each.counts @ second - each.of_groups.counts for each in found])
        cross = np.einsum("nij,nkl->ijkl", errors, gaps) / len(found)
        assert np.abs(cross).max() < 6 * 3.0 * gaps.std() / len(found) ** 0.5

    def test_a_table_without_noise_stays_and_groups_without_noise_are_met(self):
        rng = np.random.default_rng(3)
        np.testing.assert_allclose(self.pair(rng, own=0.0).counts, self.exact)
        found = self.pair(rng, of_groups=0.0)
        first, second = (np.eye(int(each.max()) + 1)[each] for each in self.groups)
        np.testing.assert_allclose(first.T @ found.counts @ second, first.T @ self.exact @ second)

    def test_one_table_alone_is_as_it_was_and_groups_alone_are_none(self):
        fine = Marginal((0, 1), self.exact, 3.0)
        assert joined([fine]) == [fine]
        assert joined([Marginal((0, 1), np.ones((2, 3)), 1.0, self.groups)]) == []
        assert isinstance(self.pair(np.random.default_rng(4)), Joined)

    def test_shares_are_pooled_by_the_noise_that_is_left(self):
        """Groups make the margins of a pair more exact, so they count for more beside the 1-way."""
        one_ways = [Marginal((0,), np.full(5, 100.0), 4.0), Marginal((1,), np.full(4, 125.0), 4.0)]
        exists = [np.ones(5, dtype=bool), np.ones(4, dtype=bool)]
        table = np.zeros((5, 4))
        table[0] = 125.0
        own = Marginal((0, 1), table, 6.0)
        alone = pool_margins(one_ways, [own], exists, 500.0)
        of_groups = Marginal((0, 1), np.zeros((2, 3)), 1.0, self.groups)
        both = pool_margins(one_ways, [Joined((0, 1), table, 6.0, of_groups=of_groups)], exists, 500.0)
        assert both[0][0] > alone[0][0] > 0.2
