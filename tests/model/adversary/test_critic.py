"""The critic: features of released numbers, a game against the generator, and steps that know their noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional as F

from tabgan import Boolean, Categorical, Numeric, Schema
from tabgan.model.adversary import critic as critics
from tabgan.model.adversary.critic import Critic
from tabgan.model.adversary.natural import NaturalSteps
from tabgan.model.adversary.training import FACTORS, LEAST_SPREAD, SLOPE_BOUND, Game, play
from tabgan.privacy.doors.dpsgd import PlainSteps
from tabgan.privacy.filter import PrivacyFilter
from tabgan.privacy.plan import make_plan
from tabgan.synthesizer import TabGAN

CPU = torch.device("cpu")


def crossed_table(n_rows: int = 3_000, seed: int = 0) -> pd.DataFrame:
    """Two numbers, a colour, and a target that depends on whether the numbers have one sign: no pair shows it."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=n_rows).round(2), rng.normal(size=n_rows).round(2)
    target = np.where(rng.random(n_rows) < 0.9, x * y > 0, x * y <= 0)
    colour = rng.choice(["red", "green", "blue"], n_rows, p=[0.6, 0.3, 0.1])
    return pd.DataFrame({"x": x, "y": y, "colour": colour, "same": target})


SCHEMA = Schema(
    [
        Numeric(name="x", bounds=(-5, 5), decimals=2),
        Numeric(name="y", bounds=(-5, 5), decimals=2),
        Categorical(name="colour", categories=["red", "green", "blue"]),
        Boolean(name="same"),
    ],
    target="same",
)


@pytest.fixture(scope="module")
def anchored():
    """A fit without privacy and without a critic."""
    return TabGAN(epsilon=None, schema=SCHEMA, adversary_share=0, random_state=0).fit(crossed_table())._fitted


@pytest.fixture
def game(anchored):
    return Game(anchored.generator, anchored.encoder, 3, torch.Generator().manual_seed(0))


@pytest.fixture
def codes(anchored):
    return anchored.encoder.transform(crossed_table())


def test_a_target_before_all_other_columns_has_no_features_to_judge_and_no_warning():
    assert critics._correlation(torch.zeros(3, 0), torch.ones(3, 2)).shape == (0,)


def steps(game, codes, n=4):
    return PlainSteps(game, codes, PrivacyFilter(make_plan(None, 1e-6)), n, CPU)


class TestFeatures:
    def test_each_rows_follow_from_its_own_codes(self, game, codes):
        rows = torch.as_tensor(codes[:50])
        together, given = game.prepare(rows)
        for row in (0, 7, 49):
            alone, alone_given = game.prepare(rows[row : row + 1])
            torch.testing.assert_close(alone[0], together[row])
            torch.testing.assert_close(alone_given[0], given[row])

    def test_the_target_itself_is_none_of_them(self, game, codes):
        changed = codes.copy()
        changed[:, 3] = np.where(codes[:, 3] == codes[:, 3].max(), codes[:, 3].min(), codes[:, 3].max())
        torch.testing.assert_close(
            game.prepare(torch.as_tensor(changed))[0], game.prepare(torch.as_tensor(codes))[0]
        )

    def test_are_about_as_long_as_stated(self, game, codes):
        lengths = game.prepare(torch.as_tensor(codes))[0].norm(dim=1)
        assert 1.0 < float(lengths.median()) < 4.0

    def test_products_are_those_of_different_columns(self, game, codes):
        """Against each product of two single features, written out."""
        critic, rows = game.critic, torch.as_tensor(codes[:30])
        before, anchor = game._split(rows, torch.float64)
        features = critic.features(before, anchor)
        n_single = len(critic.owner)
        factor = torch.where(critic.owner == -1, critics.OWN, 1.0).double()
        single = features[:, :n_single] * n_single**0.5 / (critics.SINGLE * factor)
        pairs = [
            (a, b)
            for i, a in enumerate(critic.crossed.tolist())
            for b in critic.crossed.tolist()[i + 1 :]
            if critic.owner[a] != critic.owner[b]
        ]
        expected = torch.stack([single[:, a] * single[:, b] for a, b in pairs], dim=1)
        expected = expected * critics.PRODUCTS / len(pairs) ** 0.5
        torch.testing.assert_close(features[:, n_single:-1], expected)
        assert any(critic.owner[b] == -1 for _, b in pairs)
        torch.testing.assert_close(features[:, -1], torch.full((30,), critics.CONSTANT, dtype=torch.float64))

    def test_of_a_unit_of_several_rows_are_shorter(self, anchored):
        games = [
            Game(anchored.generator, anchored.encoder, 3, torch.Generator().manual_seed(0), n) for n in (1, 4)
        ]
        one, four = (
            each.critic.features(torch.zeros(1, 3, dtype=torch.int64), torch.zeros(1, 2)) for each in games
        )
        torch.testing.assert_close(four * 4, one)

    def test_stay_few_in_wide_tables(self, monkeypatch, anchored):
        monkeypatch.setattr(critics, "MOST_SINGLE", 3)
        monkeypatch.setattr(critics, "MOST_FEATURES", 10)
        critic = Game(anchored.generator, anchored.encoder, 3, torch.Generator().manual_seed(0)).critic
        assert critic.table.shape[1] == 3
        assert critic.network.in_features <= 12

    @pytest.mark.family
    def test_take_the_most_relevant(self, monkeypatch):
        """Of a colour that decides the target and noise, the colour stays."""
        monkeypatch.setattr(critics, "MOST_SINGLE", 1)
        df = crossed_table()
        df["same"] = df["colour"] == "red"
        fitted = TabGAN(epsilon=None, schema=SCHEMA, adversary_share=0, random_state=0).fit(df)._fitted
        critic = Game(fitted.generator, fitted.encoder, 3, torch.Generator().manual_seed(0)).critic
        assert critic.owner.tolist()[0] == 2


def gains(game, codes):
    """Return ``(batch,)`` log-likelihoods of the rows' codes with the critic, minus those without it."""
    features, given = game.prepare(torch.as_tensor(codes))
    outputs = features @ game.network.weight.detach().double().T
    before = F.cross_entropy(given[:, :-1], given[:, -1].long(), reduction="none")
    return before - game.losses(outputs, given)


class TestGame:
    def test_slopes_are_gains_by_a_small_part_of_the_critic(self, game, codes):
        play(game, steps(game, codes))
        slopes = game.slopes(torch.as_tensor(codes))
        game.network.weight.data *= 1e-4
        game.critic.offset *= 1e-4
        torch.testing.assert_close(slopes, gains(game, codes) / 1e-4, atol=2e-3, rtol=2e-3)

    def test_a_factors_gain_is_its_slope_less_its_cost(self, game):
        """Of rows that the generator draws, whose targets a factor of 1 draws as well."""
        weight = torch.randn(game.network.weight.shape, generator=torch.Generator().manual_seed(2))
        game.network.weight.data.copy_(weight)
        game.recentre()
        ratios, anchor = game._ratios(game._features, game._anchor)
        corrected = torch.softmax(anchor + ratios, 1)
        slope = float((corrected * ratios).sum(1).mean())
        costs = game.costs()
        assert np.interp(1.0, FACTORS, costs) == pytest.approx(
            float(torch.logsumexp(anchor + ratios, 1).mean())
        )
        assert FACTORS[int(np.argmax(FACTORS * slope - costs))] == pytest.approx(1.0, abs=0.051)

    def test_a_slope_is_bounded_by_what_the_generators_rows_show(self, game, codes):
        assert game.slope_bound() == pytest.approx(SLOPE_BOUND * LEAST_SPREAD)  # it corrects nothing yet
        play(game, steps(game, codes))
        ratios, anchor = game._ratios(game._features, game._anchor)
        drawn = torch.multinomial(anchor.exp(), 1, generator=torch.Generator().manual_seed(0))
        spread = float(ratios.gather(1, drawn).std())
        assert game.slope_bound() == pytest.approx(SLOPE_BOUND * spread, rel=0.1)

    def test_a_factor_scales_the_log_ratio(self, game, codes):
        play(game, steps(game, codes))
        before, _ = game._ratios(game._features, game._anchor)
        game.scale(0.5)
        torch.testing.assert_close(
            game._ratios(game._features, game._anchor)[0], before / 2, atol=0.02, rtol=0.02
        )

    def test_codes_stay_as_frequent_as_by_the_anchors(self, game):
        weight = torch.randn(game.network.weight.shape, generator=torch.Generator().manual_seed(2))
        game.network.weight.data.copy_(weight)

        def shares():
            logits = game._anchor + game._features @ weight.T @ game.critic.basis.T + game.critic.offset
            return torch.softmax(logits, 1).mean(0)

        wanted = torch.softmax(game._anchor, 1).mean(0)
        assert (shares() - wanted).abs().max() > 0.05
        game.recentre()
        torch.testing.assert_close(shares(), wanted, atol=2e-3, rtol=0)

    def test_information_is_the_curvature_of_the_loss(self, game, codes):
        """Against the second derivative of the drawn rows' mean loss at weights that are not zero."""
        weight = 0.3 * torch.randn(game.network.weight.shape, generator=torch.Generator().manual_seed(1))

        def loss(flat):
            logits = game._anchor + game._features @ flat.reshape(weight.shape).T @ game.critic.basis.T
            return torch.logsumexp(logits, 1).mean()  # the linear part has no curvature

        expected = torch.autograd.functional.hessian(loss, weight.ravel())
        torch.testing.assert_close(game.information(weight)[0], expected, atol=1e-5, rtol=1e-3)

    def test_the_critic_finds_what_no_pair_shows(self, anchored, game, codes):
        assert float(gains(game, codes).abs().max()) == 0.0
        play(game, steps(game, codes))
        held_out = anchored.encoder.transform(crossed_table(seed=1))
        assert float(gains(game, held_out).mean()) > 0.15

    @pytest.mark.family
    def test_noise_teaches_it_nothing(self, anchored):
        """The prior's variance falls to the least: what it takes for signal costs held-out rows next to nothing."""
        df = crossed_table(400)
        df["same"] = np.random.default_rng(3).random(400) < 0.5
        fitted = TabGAN(epsilon=None, schema=SCHEMA, adversary_share=0, random_state=0).fit(df)._fitted
        game = Game(fitted.generator, fitted.encoder, 3, torch.Generator().manual_seed(0))
        play(game, steps(game, fitted.encoder.transform(df)))
        other = crossed_table(2_000, seed=5)
        other["same"] = np.random.default_rng(4).random(2_000) < 0.5
        assert float(gains(game, fitted.encoder.transform(other)).mean()) > -0.02

    def test_progress_counts_the_steps(self, game, codes):
        told = []
        play(game, steps(game, codes, 3), lambda done, total: told.append((done, total)))
        assert told == [(1, 3), (2, 3), (3, 3)]


class TestNaturalSteps:
    INFORMATION = torch.diag(torch.tensor([0.2, 0.02, 0.0002]))[None].double()

    def steps(self, noise, n_rows=1_000.0):
        weight = torch.nn.Parameter(torch.zeros(1, 3, dtype=torch.float64))
        return weight, NaturalSteps([weight], lambda _: self.INFORMATION, n_rows, noise)

    def shown(self, true, noise, rng, n_rows=1_000.0):
        exact = n_rows * self.INFORMATION[0] @ true
        return -(exact + noise * torch.as_tensor(rng.standard_normal(3)))[None] / n_rows

    def test_without_noise_one_step_is_a_newton_step(self):
        weight, optimizer = self.steps(0.0, 1e9)
        true = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
        weight.grad = self.shown(true, 0.0, np.random.default_rng(0), 1e9)
        optimizer.step()
        torch.testing.assert_close(weight.detach()[0], true, rtol=1e-2, atol=1e-2)

    def test_directions_below_the_noise_stay_where_they_are(self):
        weight, optimizer = self.steps(20.0)
        true, rng = torch.tensor([1.0, 1.0, 1.0], dtype=torch.float64), np.random.default_rng(0)
        for _ in range(4):
            weight.grad = self.shown(true - weight.detach()[0], 20.0, rng)
            optimizer.step()
        assert abs(float(weight[0, 0].detach()) - 1.0) < 0.4
        assert abs(float(weight[0, 2].detach())) < 0.1

    @pytest.mark.parametrize("seed", range(5))
    def test_a_sum_of_noise_alone_changes_next_to_nothing(self, seed):
        """The change of a logit among the rows, against one where every weight is taken at its word."""
        information = torch.diag(torch.logspace(-1, -4, 60))[None].double()
        weight = torch.nn.Parameter(torch.zeros(1, 60, dtype=torch.float64))
        optimizer = NaturalSteps([weight], lambda _: information, 1_000.0, 20.0)
        noise = torch.as_tensor(20.0 * np.random.default_rng(seed).standard_normal(60))
        weight.grad = -noise[None] / 1_000.0
        optimizer.step()
        moved = (weight[0].detach().square() * information[0].diagonal()).sum()
        at_its_word = ((noise / 1_000.0).square() / information[0].diagonal()).sum()
        assert float(moved) < 0.02 * float(at_its_word)
        assert float(moved) < 0.1


class TestKinds:
    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize("epsilon", [None, 3.0])
    @pytest.mark.parametrize("target", ["same", "colour", "x"])
    def test_targets_of_every_kind_have_a_critic(self, epsilon, target):
        schema = SCHEMA.with_targets([target] if target else [])
        model = TabGAN(epsilon=epsilon, schema=schema, random_state=0).fit(crossed_table(1_500))
        sample = model.sample(200, random_state=0)
        assert sample[target].notna().all()
        whats = [entry.what for entry in model.privacy_.entries]
        assert whats[-1] == "critic's gain"
        assert whats.count("discriminator's gradient") == (0 if epsilon is None else 4)

    def test_basis_of_many_classes_is_that_of_the_most_frequent(self):
        df = pd.DataFrame({"x": np.arange(600) % 7, "t": [f"c{i % 30}" for i in range(600)]})
        schema = Schema([Categorical(name="t", categories=sorted(set(df["t"])))], target="t")
        fitted = TabGAN(epsilon=None, schema=schema, adversary_share=0, random_state=0).fit(df)._fitted
        critic = Game(fitted.generator, fitted.encoder, 1, torch.Generator().manual_seed(0)).critic
        assert critic.basis.shape == (fitted.encoder.sizes[1], critics.CLASSES)


def test_state_round_trip(game, codes, anchored):
    play(game, steps(game, codes, 2))
    again = Critic.of_state(anchored.encoder.sizes, 3, game.critic.state_dict())
    rows = torch.as_tensor(codes[:20])
    anchor = anchored.generator.anchor_logits(rows, 3)
    before = anchored.generator.ones_before(rows, 3)
    torch.testing.assert_close(again.log_ratio(before, anchor), game.critic.log_ratio(before, anchor))
