"""The conditionals agree with the tables, as far as these are more than noise."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import torch

from tabgan._util.tensors import draw_codes
from tabgan.model import loglinear
from tabgan.model.generator import Generator
from tabgan.model.loglinear import (
    LEAST_VARIANCE,
    MOST_VARIANCE,
    VARIANCE_FACTOR,
    Axis,
    axes_of,
    fit_loglinear,
    prior_variance,
)
from tabgan.privacy.coding import code_table
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.doors.release import release_table
from tabgan.privacy.filter import PrivacyFilter
from tabgan.privacy.plan import make_plan
from tabgan.privacy.released import Marginal
from tabgan.schema import Schema

#: Conditionals are fitted as in a fit; only their biases are corrected on fewer rows.
FULL_RUN = ("POOL", "MIN_POOL", "ITERATIONS", "EVALUATIONS")

SIZES = [3, 4, 2]


def _rng(seed=0):
    return torch.Generator().manual_seed(seed)


def _plain(shares):
    size = len(shares)
    return Axis(np.asarray(shares), np.eye(size), np.full(size, -1), np.asarray(shares))


def _smooth(shares):
    waves = loglinear._cosines(len(shares))
    levels = np.ceil(np.log2(np.arange(len(shares)) + 1)).astype(int)
    return Axis(np.asarray(shares), waves, levels, np.full(len(shares), 1 / len(shares)))


def _rows(n=50_000, seed=0):
    """Three columns, each of which leans on those before it."""
    rng = np.random.default_rng(seed)
    first = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    second = np.where(rng.random(n) < 0.6, first, rng.choice(4, n))
    third = (rng.random(n) < np.array([0.1, 0.8, 0.4])[first] * np.array([1, 0.5, 1, 0.9])[second]).astype(
        int
    )
    return np.stack([first, second, third], axis=1)


def _table(rows, pair):
    table = np.zeros([SIZES[c] for c in pair])
    np.add.at(table, tuple(rows[:, c] for c in pair), 1)
    return table


def _fit(rows, noise=0.0, pairs=None, seed=0, axes=None):
    rng = np.random.default_rng(seed + 100)
    pairs = list(itertools.combinations(range(3), 2)) if pairs is None else pairs
    marginals = [
        Marginal(pair, table + noise * rng.standard_normal(table.shape), noise)
        for pair in pairs
        for table in [_table(rows, pair)]
    ]
    shares = [np.bincount(rows[:, c], minlength=SIZES[c]) / len(rows) for c in range(3)]
    weights = fit_loglinear(axes or [_plain(s) for s in shares], marginals, float(len(rows)), _rng(seed))
    generator = Generator(SIZES)
    generator.start_from(weights)
    return generator


def _distance(generator, rows, pair, n=200_000):
    drawn = generator.draw(n, _rng(9)).numpy()
    return 0.5 * np.abs(_table(drawn, pair) / n - _table(rows, pair) / len(rows)).sum()


class TestAgreement:
    def test_with_every_pair_without_noise(self):
        rows = _rows()
        generator = _fit(rows)
        assert all(_distance(generator, rows, pair) < 0.012 for pair in itertools.combinations(range(3), 2))

    def test_a_pair_that_was_not_measured_is_missed(self):
        rows = _rows()
        generator = _fit(rows, pairs=[(0, 1)])
        assert _distance(generator, rows, (0, 1)) < 0.012
        assert _distance(generator, rows, (0, 2)) > 0.1

    def test_nothing_measured_is_independence(self):
        rows = _rows()
        generator = _fit(rows, pairs=[])
        assert not generator.direct.any()
        drawn = generator.draw(100_000, _rng()).numpy()
        shares = [np.bincount(rows[:, c], minlength=SIZES[c]) / len(rows) for c in (0, 1)]
        np.testing.assert_allclose(_table(drawn, (0, 1)) / 100_000, np.outer(*shares), atol=0.01)

    @pytest.mark.family
    def test_an_empty_cell_stays_nearly_empty(self):
        rows = _rows()
        rows = rows[(rows[:, 0] != 1) | (rows[:, 1] != 2)]
        drawn = _fit(rows).draw(100_000, _rng()).numpy()
        assert _table(drawn, (0, 1))[1, 2] < 150

    @pytest.mark.family
    def test_the_same_stream_the_same_weights(self):
        rows = _rows(5_000)
        first, again = _fit(rows, 5.0), _fit(rows, 5.0)
        assert torch.equal(first.direct, again.direct)


class TestExtremes:
    @pytest.mark.family
    def test_columns_that_tell_each_other_for_certain(self):
        """Without a penalty the best weights are infinite."""
        first = np.random.default_rng(0).choice(3, 50_000, p=[0.7, 0.299, 0.001])
        rows = np.stack([first, first, first > 0], axis=1)
        generator = _fit(rows)
        assert generator.direct.abs().max() < 1_000
        drawn = generator.draw(100_000, _rng()).numpy()
        assert (drawn[:, 0] == drawn[:, 1]).mean() > 0.995
        assert ((drawn[:, 0] > 0) == drawn[:, 2]).mean() > 0.995
        assert np.bincount(drawn[:, 1], minlength=3)[2] > 20

    @pytest.mark.family
    def test_a_column_whose_search_ends_in_no_numbers_is_drawn_from_its_own_shares(self, monkeypatch):
        step = loglinear._LBFGS.step

        def fails(optimizer, closure):
            step(optimizer, closure)
            weights, _ = optimizer.param_groups[0]["params"]
            if weights.shape[1] == SIZES[1]:
                weights.data.fill_(torch.nan)

        monkeypatch.setattr(loglinear._LBFGS, "step", fails)
        rows = _rows()
        generator = _fit(rows)
        assert all(value.isfinite().all() for value in generator.state_dict().values())
        drawn = generator.draw(100_000, _rng()).numpy()
        shares = [np.bincount(rows[:, c], minlength=SIZES[c]) / len(rows) for c in (0, 1)]
        np.testing.assert_allclose(_table(drawn, (0, 1)) / 100_000, np.outer(*shares), atol=0.01)
        assert _distance(generator, rows, (0, 2)) < 0.02  # the others are fitted all the same

    @pytest.mark.family
    def test_a_wide_tables_pool_is_smaller(self, monkeypatch):
        drawn = []
        monkeypatch.setattr(loglinear, "POOL", 4_096)
        monkeypatch.setattr(loglinear, "MIN_POOL", 512)
        monkeypatch.setattr(
            loglinear, "draw_codes", lambda p, rng: drawn.append(len(p)) or draw_codes(p, rng)
        )
        for width in (40, 400, 800, 4_000):
            axis = _plain(np.full(width, 1 / width))
            fit_loglinear([axis], [], 1e6, _rng())
        assert drawn[::2] == [4_096, 4_096, 1_024, 512]
        assert set(drawn[1::2]) == {loglinear.FRESH}


class TestDrift:
    """Errors of a column's shares are not handed on to the columns after it."""

    @pytest.mark.family
    def test_the_shares_of_a_small_table_without_noise_hold(self):
        """Its tables have more cells than rows: conditionals that follow the pool bend the shares of other rows."""
        rng = np.random.default_rng(3)
        latent = rng.normal(size=(600, 1))
        rows = np.clip(8 + 3 * (0.6 * latent + rng.normal(size=(600, 7))), 0, 15).astype(int)
        rows[rng.random((600, 7)) < 0.3] = 0
        shares = [np.bincount(column, minlength=16) / 600 for column in rows.T]
        pairs = []
        for pair in itertools.combinations(range(7), 2):
            table = np.zeros((16, 16))
            np.add.at(table, tuple(rows[:, c] for c in pair), 1)
            pairs.append(Marginal(pair, table, 0.0))
        shares = [np.maximum(share, 1e-6) for share in shares]
        generator = Generator([16] * 7)
        generator.start_from(fit_loglinear([_plain(share) for share in shares], pairs, 600.0, _rng()))
        drawn = generator.draw(30_000, _rng(5)).numpy()
        found = [np.bincount(column, minlength=16) / 30_000 for column in drawn.T]
        errors = [0.5 * np.abs(a - b).sum() for a, b in zip(found, shares, strict=True)]
        assert max(errors) < 0.025

    def test_a_bias_meets_the_shares(self):
        logits, shares = torch.randn(4_000, 4, generator=_rng()) * 3, torch.tensor([0.7, 0.2, 0.1, 0.0])
        logits[:, 3] = -30.0
        shift = loglinear.margin_shift(logits, shares)
        np.testing.assert_allclose(torch.softmax(logits + shift, 1).mean(0), shares, atol=0.005)
        assert shift[3] == 0

    def test_a_bias_meets_the_shares_where_nearly_every_row_is_certain(self):
        sure = torch.randint(0, 4, (4_000,), generator=_rng())
        logits, shares = torch.zeros(4_000, 4), torch.tensor([0.94, 0.02, 0.02, 0.02])
        logits[torch.arange(4_000), sure] = 14.0 + 4 * torch.randn(4_000, generator=_rng())
        shift = loglinear.margin_shift(logits, shares)
        np.testing.assert_allclose(torch.softmax(logits + shift, 1).mean(0), shares, atol=0.025)

    def test_a_rare_code_that_no_row_can_have_is_not_forced_upon_all(self):
        logits, shares = torch.zeros(4_000, 3), torch.tensor([0.5, 0.4998, 0.0002])
        logits[:, 2] = -20.0
        shift = loglinear.margin_shift(logits, shares)
        assert torch.softmax(logits + shift, 1).mean(0)[2] < 1e-5


class TestWhatIsKnown:
    """The calendar's part: a cycle's codes that a moment's code rules out, or favours."""

    NEVER = -30.0

    def test_what_cannot_be_is_not_drawn_and_shares_become_the_nearest_that_can(self):
        lift = np.array(
            [[0.0, self.NEVER, self.NEVER], [self.NEVER, 0.0, 0.0], [self.NEVER, 0.0, self.NEVER]]
        )
        shares = ([0.2, 0.5, 0.3], [0.3, 0.5, 0.2])  # a tenth more is missing than the first column allows
        axes = [_plain(share) for share in shares]
        fitted = fit_loglinear(axes, [], 10_000, _rng(), None, {(0, 1): lift})
        generator = Generator([3, 3])
        generator.start_from(fitted)
        drawn = generator.draw(50_000, _rng(1)).numpy()
        table = np.zeros((3, 3))
        np.add.at(table, tuple(drawn.T), 1 / len(drawn))
        assert table[lift < 0].max() < 1e-4
        assert table.sum(0) == pytest.approx([0.2, 0.5 / 0.7 * 0.8, 0.2 / 0.7 * 0.8], abs=0.02)

    def test_pairs_are_met_beside_it(self):
        rows = _rows()
        shares = [np.bincount(rows[:, j], minlength=size) / len(rows) for j, size in enumerate(SIZES)]
        pairs = [Marginal(pair, _table(rows, pair), 0.0) for pair in ((0, 1), (1, 2))]
        joint = _table(rows, (0, 2)) / len(rows)
        lift = np.log(joint / np.outer(joint.sum(1), joint.sum(0)))
        fitted = fit_loglinear(list(map(_plain, shares)), pairs, len(rows), _rng(), None, {(0, 2): lift})
        generator = Generator(SIZES)
        generator.start_from(fitted)
        assert _distance(generator, rows, (1, 2)) < 0.02

    @pytest.mark.family
    def test_a_weak_effect_beside_a_strong_one_is_not_shrunk_away(self):
        """Its weight, given the strong one, is far larger than its table alone lets expect."""
        rng = np.random.default_rng(0)
        n, size = 20_000, 12
        season, hour = rng.integers(0, size, n), rng.integers(0, 8, n)
        warm = np.clip(season + (hour > 3) + rng.integers(0, 2, n) - 1, 0, size - 1)
        rows, sizes = np.stack([season, hour, warm], axis=1), [size, 8, size]
        axes = [_smooth(np.bincount(rows[:, j], minlength=width) / n) for j, width in enumerate(sizes)]
        pairs = []
        for pair in ((0, 2), (1, 2)):
            table = np.zeros([sizes[c] for c in pair])
            np.add.at(table, tuple(rows[:, c] for c in pair), 1)
            pairs.append(Marginal(pair, table + rng.normal(0, 30, table.shape), 30.0))

        def effect(known):
            generator = Generator(sizes)
            generator.start_from(fit_loglinear(axes, pairs, n, _rng(), None, known))
            drawn = generator.draw(40_000, _rng(1)).numpy()
            return drawn[drawn[:, 1] > 3, 2].mean() - drawn[drawn[:, 1] <= 3, 2].mean()

        real = warm[hour > 3].mean() - warm[hour <= 3].mean()
        shrunk, kept = effect(None), effect({(0, 1): np.zeros((size, 8))})
        assert shrunk < 0.5 * real
        assert kept == pytest.approx(real, rel=0.35)


@pytest.mark.family(keep=1)
@pytest.mark.parametrize("noise", [0.0, 60.0])
def test_codes_that_a_rule_excludes_are_never_drawn_and_shares_stay(noise):
    """Noise in an excluded cell, or rows that break the rule, must not bring it back."""
    rng = np.random.default_rng(0)
    n, size = 20_000, 6
    low = rng.integers(0, size, n)
    rows = np.stack([low, np.minimum(low + rng.geometric(0.4, n) - 1, size - 1)], axis=1)
    table = np.zeros((size, size))
    np.add.at(table, tuple(rows.T), 1)
    table += np.tril(np.full((size, size), 40.0), -1) + rng.normal(0, noise, table.shape)
    axes = [_smooth(np.bincount(rows[:, j], minlength=size) / n) for j in range(2)]
    pairs = [Marginal((0, 1), table, noise)]
    possible = {(0, 1): np.triu(np.ones((size, size), dtype=bool))}
    generator = Generator([size, size])
    generator.start_from(fit_loglinear(axes, pairs, n, _rng(), None, None, possible))
    drawn = generator.draw(40_000, _rng(1)).numpy()
    assert (drawn[:, 0] <= drawn[:, 1]).all()
    for j in range(2):
        shares = np.bincount(drawn[:, j], minlength=size) / len(drawn)
        assert shares == pytest.approx(axes[j].shares, abs=0.01)


class TestNoise:
    @pytest.mark.family
    @pytest.mark.parametrize(
        "noise",
        [pytest.param(30.0, marks=pytest.mark.family), 100.0, pytest.param(300.0, marks=pytest.mark.family)],
    )
    def test_the_fit_is_nearer_to_the_truth_than_the_noisy_tables(self, noise):
        rows = _rows(20_000)
        raw, fitted = [], []
        for seed in range(4):
            rng = np.random.default_rng(seed + 100)
            table = _table(rows, (0, 1))
            noisy = table + noise * rng.standard_normal(table.shape)
            raw.append(0.5 * np.abs(noisy - table).sum() / len(rows))
            fitted.append(_distance(_fit(rows, noise, seed=seed), rows, (0, 1)))
        assert np.mean(fitted) < 0.9 * np.mean(raw) + 0.003

    def test_pure_noise_is_taken_for_independence(self):
        rng = np.random.default_rng(0)
        rows = np.stack([rng.choice(size, 20_000) for size in SIZES], axis=1)
        generator = _fit(rows, noise=1_000.0)
        assert _distance(generator, rows, (0, 1)) < 0.06  # the noise alone is .24

    def test_tables_that_contradict_each_other_still_give_numbers(self):
        axes = [_plain(np.full(size, 1 / size)) for size in SIZES]
        pairs = [
            Marginal(pair, np.full([SIZES[c] for c in pair], -500.0), 10.0)
            for pair in itertools.combinations(range(3), 2)
        ]
        weights = fit_loglinear(axes, pairs, 1_000.0, _rng())
        assert weights.direct.isfinite().all()
        assert weights.bias.isfinite().all()


class TestPriorVariance:
    def _estimate(self, variance, noise, seed=0):
        rng = np.random.default_rng(seed)
        expected = np.full((30, 30), 200.0)
        weights = rng.standard_normal((30, 30)) * np.sqrt(variance)
        beyond = expected * weights + noise * rng.standard_normal((30, 30))
        labels = np.full(30, -1)
        return prior_variance(beyond, expected, noise, labels, labels)

    @pytest.mark.parametrize("variance", [0.03, 0.3, 1.0])
    @pytest.mark.parametrize("noise", [1.0, 40.0])
    def test_finds_what_the_weights_have(self, variance, noise):
        found = self._estimate(variance, noise)
        assert np.unique(found).size == 1
        assert found[0, 0] == pytest.approx(VARIANCE_FACTOR * variance, rel=0.3)

    def test_noise_alone_is_next_to_nothing(self):
        assert self._estimate(0.0, 100.0)[0, 0] <= 0.05

    def test_stays_within_its_limits(self):
        assert self._estimate(0.0, 1e-3)[0, 0] == LEAST_VARIANCE
        assert self._estimate(1e4, 1.0)[0, 0] == MOST_VARIANCE

    def test_groups_have_their_own(self):
        rng = np.random.default_rng(0)
        levels = np.repeat([0, 1], 20)
        beyond = rng.standard_normal((40, 40)) * np.where(levels[:, None] == 0, 300.0, 1.0)
        found = prior_variance(beyond, np.full((40, 40), 300.0), 1.0, levels, levels)
        assert found[0, 0] > 20 * found[30, 30]


def _encoder():
    rng = np.random.default_rng(0)
    df = pd.DataFrame({"x": rng.normal(size=3_000).round(3), "word": rng.choice(["a", "b", "c"], 3_000)})
    plan = make_plan(None, 1e-6)
    released = release_table(df, Schema(), plan, Measurer(PrivacyFilter(plan)))
    return code_table(released, plan, float("inf"))


class TestAxes:
    def test_bases_are_orthonormal_and_levels_follow_the_order(self):
        encoder = _encoder()
        shares = [np.full(size, 1 / size) for size in encoder.sizes]
        axes = axes_of(encoder, shares)
        smooth = 0
        for column, axis in zip(encoder.columns, axes, strict=True):
            np.testing.assert_allclose(axis.basis @ axis.basis.T, np.eye(column.width), atol=1e-9)
            assert axis.mass.sum() == pytest.approx(1)
            if not column.encoder.is_ordered:
                assert set(axis.levels) == {-1}
            smooth += int((axis.levels >= 0).any())
        assert smooth > 0

    def test_a_heavy_code_stands_for_itself(self):
        encoder = _encoder()
        position = next(i for i, c in enumerate(encoder.columns) if c.encoder.is_ordered and c.width > 8)
        shares = [np.full(size, 1 / size) for size in encoder.sizes]
        size = encoder.sizes[position]
        shares[position] = np.where(np.arange(size) == 5, 0.9, 0.1 / (size - 1))
        axis = axes_of(encoder, shares)[position]
        assert axis.levels[5] == -2
        assert axis.basis[5, 5] == 1
        assert (axis.levels >= 0).sum() >= 4

    @pytest.mark.family
    def test_a_smooth_table_is_found_under_more_noise_than_a_rough_one(self):
        """The prior lets neighbours of an ordered column share their evidence."""
        size, n, noise = 16, 20_000, 60.0
        x = (np.arange(size) + 0.5) / size
        density = np.exp(-((x[:, None] - x[None]) ** 2) / 0.05)
        truth = n * density / density.sum()
        for _ in range(50):
            truth *= (n / size) / truth.sum(1, keepdims=True)
            truth *= (n / size) / truth.sum(0, keepdims=True)
        waves = np.cos(np.pi * np.outer(np.arange(size) + 0.5, np.arange(size)) / size)
        waves /= np.linalg.norm(waves, axis=0)
        share, octaves = np.full(size, 1 / size), np.ceil(np.log2(np.arange(size) + 1)).astype(int)
        smooth, rough = Axis(share, waves, octaves, share), _plain(share)
        errors = {"smooth": [], "rough": []}
        for seed in range(3):
            noisy = truth + noise * np.random.default_rng(seed).standard_normal(truth.shape)
            for name, axis in (("smooth", smooth), ("rough", rough)):
                loglinear = fit_loglinear([axis, axis], [Marginal((0, 1), noisy, noise)], n, _rng())
                logits = loglinear.direct[:size, size:] + loglinear.bias[size:]
                found = torch.softmax(logits, dim=1).numpy() / size
                errors[name].append(0.5 * np.abs(found - truth / n).sum())
        assert np.mean(errors["smooth"]) < 0.75 * np.mean(errors["rough"])
