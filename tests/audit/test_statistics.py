"""One-run audits: p-values against sums by hand, bounds that hold and that reach. Passing an audit proves nothing."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import binom, norm

from tabgan.audit import statistics as audit
from tabgan.audit.statistics import (
    GUESS_SHARES,
    AuditBound,
    bound_from_scores,
    epsilon_lower_bound,
    p_value,
    simulated_bound,
)
from tabgan.errors import ConfigError


def gaussian(mu: float):
    """Return a draw of scores that tell of one canary as much as a ``mu``-GDP mechanism may: N(mu, 1) or N(0, 1)."""
    return lambda is_included, rng: rng.standard_normal(len(is_included)) + mu * is_included


def accuracy(epsilon: float) -> float:
    """Return the probability that randomized response tells the truth."""
    return math.exp(epsilon) / (1 + math.exp(epsilon))


def by_brute_force(m: int, r: int, v: int, epsilon: float, delta: float) -> float:
    """The p-value from a list of all ways in which ``r`` guesses may turn out."""
    q = accuracy(epsilon)
    mass = [0.0] * (r + 1)
    for outcome in itertools.product([0, 1], repeat=r):
        mass[sum(outcome)] += math.prod(q if right else 1 - q for right in outcome)
    alpha = max((sum(mass[v - i : v]) / i for i in range(1, v + 1)), default=0.0)
    return min(1.0, sum(mass[v:]) + 2 * m * delta * alpha)


def randomized_response(m: int, epsilon: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Scores that are one noisy bit a canary, and the coins."""
    is_included = rng.random(m) < 0.5
    is_true = rng.random(m) < accuracy(epsilon)
    return (is_included == is_true).astype(float), is_included


class TestPValue:
    @pytest.mark.family(keep=12)
    @pytest.mark.parametrize("delta", [0.0, 1e-3, 0.02])
    @pytest.mark.parametrize("epsilon", [0.0, 0.7, 3.0])
    @pytest.mark.parametrize(("m", "r"), [(1, 0), (1, 1), (8, 5), (12, 12)])
    def test_by_brute_force(self, m, r, epsilon, delta):
        for v in range(r + 1):
            assert p_value(m, r, v, epsilon, delta) == pytest.approx(by_brute_force(m, r, v, epsilon, delta))

    @pytest.mark.parametrize(("r", "v"), [(10, 9), (1_000, 560), (20_000, 14_800), (20_000, 20_000)])
    def test_without_delta_it_is_a_binomial_tail(self, r, v):
        for epsilon in (0.0, 0.3, 1.0, 8.0):
            expected = binom.sf(v - 1, r, accuracy(epsilon))
            assert p_value(30_000, r, v, epsilon, 0.0) == pytest.approx(expected, rel=1e-8, abs=1e-300)

    @pytest.mark.parametrize("delta", [0.0, 1e-6, 1e-4, 1e-2])
    @pytest.mark.parametrize(("m", "r"), [(20, 20), (300, 40), (600, 600)])
    def test_it_rises_with_epsilon_and_falls_with_right_guesses(self, m, r, delta):
        epsilons = np.linspace(0, 9, 30)
        counts = range(0, r + 1, max(1, r // 30))
        values = np.array([[p_value(m, r, v, epsilon, delta) for epsilon in epsilons] for v in counts])
        assert (np.diff(values, axis=1) >= -1e-12).all()
        assert (np.diff(values, axis=0) <= 1e-12).all()

    def test_it_rises_with_delta_and_with_canaries_that_were_not_guessed(self):
        of_delta = [p_value(500, 100, 90, 1.0, delta) for delta in (0.0, 1e-8, 1e-5, 1e-3, 0.5)]
        assert of_delta == sorted(set(of_delta))
        of_canaries = [p_value(m, 100, 90, 1.0, 1e-5) for m in (100, 200, 5_000)]
        assert of_canaries == sorted(set(of_canaries))
        assert p_value(500, 100, 90, 1.0, 0.9) == 1.0

    @pytest.mark.parametrize("m", [60, 400])
    @pytest.mark.parametrize("delta", [1e-5, 1e-3])
    def test_it_covers_what_delta_may_do(self, m, delta):
        """Rarely, ``k`` canaries are told outright: each with probability delta, else randomized response."""
        q, v = accuracy(1.0), np.arange(m + 1)
        p = np.array([p_value(m, m, int(each), 1.0, delta) for each in v])
        without = binom.sf(v - 1, m, q)
        worst = without.copy()
        for k in range(1, m + 1):
            rate = m * delta / k
            if rate <= 1:
                told = binom.sf(v - 1 - k, m - k, q)
                worst = np.maximum(worst, (1 - rate) * without + rate * told)
        assert (worst <= p + 1e-12).all()
        assert (worst > 1.5 * without).any()  # the control: delta may not be left out
        is_telling = (p > 1.1 * without) & (p < 0.1)
        # The theorem over-counts: twofold, and as if none was told what it would have guessed anyway. No more.
        assert (p[is_telling] < 2 / (1 - q) * worst[is_telling]).all()


class TestLowerBound:
    @pytest.mark.parametrize(
        ("arguments", "printed"),
        [((1_000, 100, 75, 1e-4), 0.673), ((100_000, 1_510, 1_439, 1e-5), 2.675)],
    )
    def test_published_values(self, arguments, printed):
        """Appendix D and Section 7 of the paper, one rounded and one cut off."""
        assert epsilon_lower_bound(*arguments) == pytest.approx(printed, abs=1e-3)

    @pytest.mark.parametrize("delta", [0.0, 1e-5])
    @pytest.mark.parametrize("confidence", [0.9, 0.99])
    def test_it_is_the_largest_refuted_from_below(self, delta, confidence):
        bound = epsilon_lower_bound(2_000, 400, 330, delta, confidence)
        assert p_value(2_000, 400, 330, bound, delta) < 1 - confidence
        assert p_value(2_000, 400, 330, bound + audit.TOLERANCE, delta) >= 1 - confidence

    @pytest.mark.parametrize("m", [30, 100, 1_000, 10_000])
    def test_perfect_guesses_solved_by_hand(self, m):
        """q**m = 0.05: about log(m / 3)."""
        bound = epsilon_lower_bound(m, m, m, 0.0)
        assert bound == pytest.approx(-math.log(0.05 ** (-1 / m) - 1), abs=1e-4)
        assert bound == pytest.approx(math.log(m / 3), abs=0.1)
        assert m < 100 or bound > 3

    def test_nothing_is_refuted(self):
        assert epsilon_lower_bound(100, 0, 0, 0.0) == 0.0
        assert epsilon_lower_bound(100, 100, 50, 0.0) == 0.0
        assert epsilon_lower_bound(100, 100, 0, 0.0) == 0.0
        assert epsilon_lower_bound(100, 100, 100, 0.5) == 0.0

    @pytest.mark.parametrize("epsilon", [0.2, 1.0, 3.0])
    @pytest.mark.parametrize("r", [100, 1_000])
    def test_coverage_of_randomized_response_is_exact(self, r, epsilon):
        """All that can happen, weighted; it can be no closer to 5% than whole guesses allow."""
        is_above = [epsilon_lower_bound(r, r, v, 0.0) > epsilon for v in range(r + 1)]
        rate = binom.pmf(np.arange(r + 1), r, accuracy(epsilon))[is_above].sum()
        assert 0.01 < rate <= 0.05

    @pytest.mark.parametrize(("m", "share"), [(3_000, 0.9), (300, 0.7)])
    def test_power_on_randomized_response(self, m, share):
        typical = round(m * accuracy(1.0))
        assert share < epsilon_lower_bound(m, m, typical, 1e-5) < 1.0


class TestBoundFromScores:
    def test_by_hand(self):
        """Of eight canaries, guesses are the two at either end; one of the four is wrong."""
        scores = [8, 1, 7, 2, 6, 3, 5, 4]
        is_included = np.array([True, False, False, False, True, True, False, True])
        found = bound_from_scores(scores, is_included, 0.0, shares=[0.5])
        assert found == AuditBound(0.0, 0.95, n_canaries=8, n_guesses=4, n_correct=3)

    def test_an_odd_guess_goes_to_the_top(self):
        found = bound_from_scores([3.0, 2.0, 1.0], np.array([True, True, False]), 0.0, shares=[1.0])
        assert (found.n_guesses, found.n_correct) == (3, 3)

    def test_no_noise_violates_a_stated_epsilon_of_one(self):
        """The negative control that every audit needs."""
        is_included = np.random.default_rng(0).random(1_000) < 0.5
        found = bound_from_scores(np.where(is_included, np.inf, -np.inf), is_included, 1e-5)
        assert found.epsilon_lower_bound > 3
        assert found.n_canaries == 1_000
        assert found.n_guesses * 0.9 < found.n_correct <= found.n_guesses

    def test_the_best_share_is_reported_at_its_corrected_level(self):
        rng = np.random.default_rng(1)
        is_included = rng.random(2_000) < 0.5
        scores = rng.standard_normal(2_000) + 1.5 * is_included
        found = bound_from_scores(scores, is_included, 1e-5)
        alone = [
            bound_from_scores(
                scores, is_included, 1e-5, shares=[share], confidence=1 - 0.05 / len(GUESS_SHARES)
            )
            for share in GUESS_SHARES
        ]
        best = max(alone, key=lambda each: each.epsilon_lower_bound)
        assert found.epsilon_lower_bound == pytest.approx(best.epsilon_lower_bound, abs=1e-5)
        assert (found.n_guesses, found.n_correct) == (best.n_guesses, best.n_correct)
        assert found.confidence == 0.95

    def test_of_few_canaries_shares_coincide_and_cost_once(self):
        is_included = np.array([True] * 5 + [False] * 5)
        found = bound_from_scores(is_included.astype(float), is_included, 0.0, shares=[1.0, 0.99, 0.96])
        assert found.epsilon_lower_bound == epsilon_lower_bound(10, 10, 10, 0.0) > 0

    @pytest.mark.parametrize("sign", [1, -1])
    def test_equal_scores_know_nothing_whatever_the_order_of_canaries(self, sign):
        is_included = (np.arange(2_000) < 1_000)[::sign]
        found = bound_from_scores(np.zeros(2_000), is_included, 0.0)
        assert found.epsilon_lower_bound == 0.0
        assert found.n_correct == pytest.approx(1_000, abs=100)

    def test_the_check_of_equal_scores_fails_where_the_first_come_first(self, monkeypatch):
        """The negative control."""
        monkeypatch.setattr(audit, "_descending", lambda scores: np.argsort(-scores, kind="stable"))
        assert bound_from_scores(np.zeros(2_000), np.arange(2_000) < 1_000, 0.0).epsilon_lower_bound > 3

    def test_the_same_scores_give_the_same_bound(self):
        scores, is_included = randomized_response(500, 2.0, np.random.default_rng(2))
        assert bound_from_scores(scores, is_included, 1e-6) == bound_from_scores(scores, is_included, 1e-6)


class TestOverManyRuns:
    RUNS = 400
    #: More false alarms than this among the runs have a probability below 1e-3 if each has one of 5%.
    ALLOWED = int(binom.isf(1e-3, RUNS, 0.05))

    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize("epsilon", [0.0, 1.0, 2.5])
    def test_bounds_on_randomized_response_hold(self, epsilon):
        rng = np.random.default_rng(3)
        bounds = [
            bound_from_scores(*randomized_response(600, epsilon, rng), 0.0).epsilon_lower_bound
            for _ in range(self.RUNS)
        ]
        assert sum(bound > epsilon for bound in bounds) <= self.ALLOWED

    @pytest.mark.family
    def test_without_paying_for_the_choice_they_would_not(self):
        """The negative control: the best of six bounds, each at 95%, of scores that know nothing."""
        rng = np.random.default_rng(4)
        alarms = corrected = 0
        for _ in range(self.RUNS):
            scores, is_included = rng.standard_normal(1_000), rng.random(1_000) < 0.5
            best = max(
                bound_from_scores(scores, is_included, 0.0, shares=[share]).epsilon_lower_bound
                for share in GUESS_SHARES
            )
            alarms += best > 0
            corrected += bound_from_scores(scores, is_included, 0.0).epsilon_lower_bound > 0
        assert alarms > self.ALLOWED >= corrected

    def test_coin_flips_give_nearly_nothing(self):
        rng = np.random.default_rng(5)
        bounds = [
            bound_from_scores(rng.standard_normal(2_000), rng.random(2_000) < 0.5, 1e-5).epsilon_lower_bound
            for _ in range(100)
        ]
        assert np.mean(bounds) < 0.02

    def test_bounds_reach_most_of_epsilon(self):
        rng = np.random.default_rng(6)
        bounds = [
            bound_from_scores(*randomized_response(3_000, 1.0, rng), 1e-5).epsilon_lower_bound
            for _ in range(50)
        ]
        assert 0.7 < np.median(bounds) < 1.0

    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize(("mu", "delta"), [(0.5, 1e-2), (1.0, 1e-3), (1.0, 1e-5), (3.0, 1e-5)])
    def test_bounds_on_a_gaussian_stay_below_its_epsilon(self, mu, delta):
        def excess(epsilon: float) -> float:
            spent = norm.cdf(mu / 2 - epsilon / mu) - math.exp(epsilon) * norm.cdf(-mu / 2 - epsilon / mu)
            return spent - delta

        found = simulated_bound(gaussian(mu), 1_000, delta, repetitions=100)
        assert found.high < brentq(excess, 0.0, 60.0)


class TestExpectedBound:
    def test_more_canaries_and_more_mu_show_more(self):
        few, many = (simulated_bound(gaussian(1.0), m, 1e-5, repetitions=40) for m in (300, 5_000))
        assert 0 < few.median < many.median
        assert few.high - few.low > many.high - many.low
        assert simulated_bound(gaussian(2.0), 300, 1e-5, repetitions=40).median > few.median

    def test_it_is_what_such_scores_give(self):
        found = simulated_bound(gaussian(1.5), 800, 1e-5, repetitions=60, rng_seed=7)
        assert found.low < found.median < found.high
        rng = np.random.default_rng(8)
        is_included = rng.random((60, 800)) < 0.5
        scores = rng.standard_normal((60, 800)) + 1.5 * is_included
        bounds = [
            bound_from_scores(*each, 1e-5).epsilon_lower_bound
            for each in zip(scores, is_included, strict=True)
        ]
        assert np.median(bounds) == pytest.approx(found.median, abs=0.15)

    def test_no_leak_shows_nothing_and_seeds_repeat(self):
        assert simulated_bound(gaussian(0.0), 500, 1e-5, repetitions=20).median == 0.0
        twice = [simulated_bound(gaussian(1.0), 200, 0.0, repetitions=5, rng_seed=1) for _ in range(2)]
        assert twice[0] == twice[1]
        assert twice[0] != simulated_bound(gaussian(1.0), 200, 0.0, repetitions=5, rng_seed=2)
        assert (twice[0].n_canaries, twice[0].repetitions) == (200, 5)


COINS = np.array([True, False, True])


class TestBadInputs:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ((0, 0, 0, 1.0, 0.0), "n_canaries: expected an integer of at least 1, got 0"),
            ((9, -1, 0, 1.0, 0.0), "n_guesses: expected an integer of at least 0, got -1"),
            ((9, 5, 2.5, 1.0, 0.0), "n_correct: expected an integer of at least 0, got 2.5"),
            ((9, 10, 2, 1.0, 0.0), "n_guesses: expected at most n_canaries, 9, got 10. Count"),
            ((9, 5, 6, 1.0, 0.0), "n_correct: expected at most n_guesses, 5, got 6. Count"),
            ((9, 5, 3, -0.1, 0.0), "epsilon: expected a number in .0, inf., got -0.1"),
            ((9, 5, 3, math.inf, 0.0), "epsilon: expected"),
            ((9, 5, 3, math.nan, 0.0), "epsilon: expected"),
            ((9, 5, 3, 1.0, 1.0), "delta: expected a number in .0, 1., got 1.0. Use the delta"),
            ((9, 5, 3, 1.0, -1e-9), "delta: expected"),
            ((9, 5, 3, 1.0, math.nan), "delta: expected"),
        ],
    )
    def test_of_a_p_value(self, arguments, message):
        with pytest.raises(ConfigError, match=message):
            p_value(*arguments)

    @pytest.mark.parametrize("confidence", [0.0, 1.0, math.nan, 95])
    def test_confidence(self, confidence):
        with pytest.raises(ConfigError, match="confidence: expected a number in .0, 1., got"):
            epsilon_lower_bound(10, 5, 5, 0.0, confidence)
        with pytest.raises(ConfigError, match="confidence: expected"):
            bound_from_scores([1.0, 2.0, 3.0], COINS, 0.0, confidence=confidence)

    @pytest.mark.parametrize(
        ("scores", "is_included", "message"),
        [
            (
                [1.0, math.nan, math.nan],
                COINS,
                "scores: expected no NaN, got 2. Use 0 for an uninformative score.",
            ),
            (
                [1.0, 2.0],
                COINS,
                "is_included: expected booleans of the scores' shape .2,., got bool of shape .3,.",
            ),
            ([1.0, 2.0, 3.0], [1, 0, 1], "is_included: expected booleans"),
            ([[1.0], [2.0], [3.0]], COINS, "scores: expected numbers in one dimension"),
            (["a", "b", "c"], COINS, "scores: expected numbers"),
            ([], np.array([], dtype=bool), "scores: expected numbers in one dimension, at least one"),
        ],
    )
    def test_of_canaries(self, scores, is_included, message):
        with pytest.raises(ConfigError, match=message):
            bound_from_scores(scores, is_included, 0.0)

    @pytest.mark.parametrize(
        ("shares", "message"),
        [
            ([], "shares: expected at least one, got none"),
            ([0.5, 0.0], r"shares\[1\]: expected a number in .0, 1., got 0.0. Give"),
            ([1.5], r"shares\[0\]: expected"),
        ],
    )
    def test_of_shares(self, shares, message):
        with pytest.raises(ConfigError, match=message):
            bound_from_scores([1.0, 2.0, 3.0], COINS, 0.0, shares=shares)

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"n_canaries": 0}, "n_canaries: expected"),
            ({"delta": 1.0}, "delta: expected"),
            ({"repetitions": 0}, "repetitions: expected"),
            ({"rng_seed": -1}, "rng_seed: expected"),
        ],
    )
    def test_of_a_simulation(self, changed, message):
        with pytest.raises(ConfigError, match=message):
            simulated_bound(**{"draw": gaussian(1.0), "n_canaries": 10, "delta": 0.0, **changed})
