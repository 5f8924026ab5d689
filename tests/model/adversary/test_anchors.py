from __future__ import annotations

import numpy as np
import pytest
import torch

from tabgan.model.adversary.anchors import EXACT_NOISE_SHARE, AnchorLoss, marginals_of
from tabgan.model.generator import Generator
from tabgan.privacy.doors.marginals import Marginal

SIZES = [2, 3]
TRUTH = np.array([[0.3, 0.1, 0.1], [0.05, 0.05, 0.4]])  # of two dependent columns
N_ROWS = 10_000.0


def _marginals(joint=TRUTH, noise=0.0, rng=None):
    """Return both 1-ways and the pair of a joint distribution, with noise added and declared."""
    tables = [((0,), joint.sum(1)), ((1,), joint.sum(0)), ((0, 1), joint)]
    draw = rng.normal if rng else lambda loc, scale, shape: np.zeros(shape)
    return [
        Marginal(columns, N_ROWS * table + draw(0, noise, table.shape), noise) for columns, table in tables
    ]


def _batch(joint, n, seed=0):
    """Return draws of ``joint`` and the probabilities of the second column given the first."""
    rng = np.random.default_rng(seed)
    first = (rng.random(n) < joint[1].sum()).astype(int)
    conditional = joint / joint.sum(1, keepdims=True)
    second = (rng.random(n)[:, None] > conditional[first].cumsum(1)).sum(1)
    one_hot = np.concatenate([np.eye(2)[first], np.eye(3)[second]], axis=1)
    probabilities = np.concatenate([np.tile(joint.sum(1), (n, 1)), conditional[first]], axis=1)
    return torch.tensor(one_hot, dtype=torch.float32), torch.tensor(probabilities, dtype=torch.float32)


class TestWorkedByHand:
    """Two rows, one a half: column 0 draws 0 and 1, column 1 has even probabilities."""

    one_hot = torch.tensor([[1.0, 0, 1, 0, 0], [0.0, 1, 1, 0, 0]])
    probabilities = torch.tensor([[0.5, 0.5, 0.5, 0.5, 0], [0.5, 0.5, 0.5, 0.5, 0]])

    def test_a_one_way(self):
        marginal = Marginal((0,), np.array([40.0, 60]), 10.0)
        loss = AnchorLoss(SIZES, [marginal], 100.0)
        # Errors of both halves: 0.5 - 0.4 and 0.5 - 0.6; noise 0.1: (1 + 1) / 2 cells.
        assert loss(self.one_hot, self.probabilities).item() == pytest.approx(1.0)

    def test_a_pair(self):
        marginal = Marginal((0, 1), np.array([[25.0, 25, 0], [25, 25, 0]]), 10.0)
        loss = AnchorLoss(SIZES, [marginal], 100.0)
        # Half a: row 0 gives (.5, .5, 0), so the errors are (.25, .25, 0) above and (-.25, -.25, 0) below;
        # half b has them the other way round. Products: -.0625 in four of six cells, over .01.
        assert loss(self.one_hot, self.probabilities).item() == pytest.approx(4 * -6.25 / 6)

    def test_noise_of_each_cell_weighs_its_error(self):
        marginal = Marginal((0,), np.array([40.0, 60]), np.array([10.0, 1000.0]))
        loss = AnchorLoss(SIZES, [marginal], 100.0)
        assert loss(self.one_hot, self.probabilities).item() == pytest.approx((1 + 1e-4) / 2)

    def test_without_noise_all_cells_weigh_alike(self):
        marginals = [Marginal((0,), np.array([40.0, 60]), 0.0)]
        loss = AnchorLoss(SIZES, marginals, 100.0)(self.one_hot, self.probabilities)
        assert loss.item() == pytest.approx((0.1 / EXACT_NOISE_SHARE) ** 2)

    def test_counts_of_cells(self):
        assert AnchorLoss(SIZES, _marginals(), N_ROWS).n_cells == 2 + 3 + 6


class TestAtTheTruth:
    def test_is_the_known_noise_alone(self):
        """With rows enough, the distance to noisy tables is their noise: a mean square of one."""
        batch = _batch(TRUTH, 200_000)
        rng = np.random.default_rng(1)
        losses = [
            AnchorLoss(SIZES, _marginals(noise=100.0, rng=rng), N_ROWS)(*batch).item() for _ in range(200)
        ]
        standard_error = np.std(losses) / np.sqrt(len(losses))
        assert abs(np.mean(losses) - 1) < 3 * standard_error + 0.1

    def test_has_no_bias_from_small_batches(self):
        """A plain squared error of 64 rows would be far above zero; the halves' product is zero on average."""
        loss = AnchorLoss(SIZES, _marginals(noise=100.0), N_ROWS)
        losses = [loss(*_batch(TRUTH, 64, seed)).item() for seed in range(600)]
        standard_error = np.std(losses) / np.sqrt(len(losses))
        assert abs(np.mean(losses)) < 4 * standard_error
        assert standard_error < 2

    def test_is_larger_elsewhere(self):
        loss = AnchorLoss(SIZES, _marginals(noise=100.0), N_ROWS)
        independent = np.outer(TRUTH.sum(1), TRUTH.sum(0))
        assert loss(*_batch(independent, 100_000)).item() > 10

    def test_is_the_squared_distance_in_units_of_noise(self):
        loss = AnchorLoss(SIZES, _marginals(noise=100.0), N_ROWS)
        other = TRUTH + np.array([[0.02, -0.02, 0], [0, 0, 0]])
        expected = 2 * 0.02**2 * 2  # the pair's two cells and the second column's
        assert loss(*_batch(other, 2_000_000)).item() == pytest.approx(
            expected * (N_ROWS / 100) ** 2 / 11, rel=0.15
        )


class TestGradient:
    def test_goes_through_probabilities_and_not_through_draws(self):
        one_hot, probabilities = _batch(TRUTH[::-1].copy(), 100)
        one_hot.requires_grad_()
        probabilities.requires_grad_()
        AnchorLoss(SIZES, _marginals(), N_ROWS)(one_hot.detach(), probabilities).backward()
        assert one_hot.grad is None
        assert probabilities.grad.abs().sum() > 0

    def test_unmeasured_cells_have_none(self):
        one_hot, probabilities = _batch(TRUTH[::-1].copy(), 100)
        probabilities = (probabilities * 0.9).requires_grad_()
        AnchorLoss(SIZES, _marginals()[:1], N_ROWS)(one_hot, probabilities).backward()
        assert (probabilities.grad[:, 2:] == 0).all()
        assert probabilities.grad[:, :2].abs().sum() > 0

    def test_measured_tables_are_no_parameters(self):
        loss = AnchorLoss(SIZES, _marginals(), N_ROWS)
        assert list(loss.parameters()) == []
        assert {name for name, _ in loss.named_buffers()} == {"target", "weight", "target_one", "weight_one"}


def test_a_generators_own_tables_take_the_place_of_measured_ones():
    generator = Generator(SIZES)
    with torch.no_grad():
        generator.code_bias[0, 0, :2] = torch.tensor([0.7, 0.3]).log()
        generator.direct[0, 2] = 30.0
        generator.code_weight.zero_()
    measured = _marginals(noise=5.0, rng=np.random.default_rng(0))
    first, second, pair = marginals_of(generator, measured, N_ROWS, torch.Generator().manual_seed(0))
    assert [m.columns for m in (first, second, pair)] == [(0,), (1,), (0, 1)]
    assert [m.noise_stddev for m in (first, second, pair)] == [5.0] * 3
    np.testing.assert_allclose(first.counts, [7_000, 3_000], atol=100)
    np.testing.assert_allclose(pair.counts.sum(1), first.counts, atol=1)
    np.testing.assert_allclose(pair.counts.sum(0), second.counts, atol=1)
    assert pair.counts[0, 0] > 6_900
