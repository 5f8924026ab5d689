"""The plan: complete before a row is read, never above its target."""

import math
from fractions import Fraction

import pytest

from tabgan.errors import ConfigError
from tabgan.privacy.accounting import Cost, epsilon_of
from tabgan.privacy.plan import (
    ADVERSARY_BATCH,
    ADVERSARY_SHARE,
    ADVERSARY_STEPS,
    DISCOVERY_DELTA_SHARE,
    ON_REQUEST,
    SHARES,
    UNTYPED_KINDS_SHARE,
    look_together,
    make_plan,
    parts_of_looks,
)
from tabgan.privacy.unit import PrivacyUnit

#: Plans are those of users, on the accountant's own grid.
FULL_RUN = True


@pytest.mark.family(keep=3)
@pytest.mark.parametrize(
    ("epsilon", "adversary_share"),
    [
        *((epsilon, share) for epsilon in (0.1, 1.0, 3.0, 10.0) for share in (0.0, 0.2)),
        (0.1, 0.5),
        (1.0, 0.5),
        pytest.param(3.0, 0.5, marks=pytest.mark.slow),
        pytest.param(10.0, 0.5, marks=pytest.mark.slow),
    ],
)
def test_a_plan_never_passes_its_target_and_uses_nearly_all_of_it(epsilon, adversary_share):
    plan = make_plan(epsilon, 1e-6, adversary_share=adversary_share)
    runs = () if plan.adversary is None else (plan.adversary,)
    spent = epsilon_of(plan.mu, runs, 1e-6 - plan.discovery_delta)
    assert 0.97 * epsilon < spent <= epsilon
    assert plan.cost == Cost(plan.mu**2, runs, plan.discovery_delta)
    assert plan.cost.epsilon(1e-6) == spent


def test_a_unit_of_several_rows_gets_the_same_plan_and_as_much_more_noise_in_rows():
    plan = make_plan(1.0, 1e-6, unit=PrivacyUnit("name", 4))
    assert plan.cost == make_plan(1.0, 1e-6).cost
    assert plan.noise_multiplier("rows", 2) == make_plan(1.0, 1e-6).noise_multiplier("rows", 2)
    assert plan.noise_stddev("rows", 2) == 4 * plan.noise_multiplier("rows", 2)
    assert make_plan(1.0, 1e-6).noise_stddev("rows", 2) == plan.noise_multiplier("rows", 2)


def test_discovery_takes_its_part_of_delta_only_when_there_is_any():
    assert make_plan(1.0, 1e-6).discovery_delta == pytest.approx(DISCOVERY_DELTA_SHARE * 1e-6)
    without = make_plan(1.0, 1e-6, has_discovery=False)
    assert without.discovery_delta == 0
    assert without.mu > make_plan(1.0, 1e-6).mu


def test_the_critics_run_is_made_of_public_numbers_and_its_noise():
    run = make_plan(1.0, 1e-6).adversary
    assert (run.sample_rate, run.steps) == (1.0, ADVERSARY_STEPS)
    assert make_plan(1.0, 1e-6, adversary_share=ADVERSARY_SHARE).adversary == run
    assert make_plan(1.0, 1e-6, adversary_share=0.3).adversary.noise_multiplier < run.noise_multiplier
    assert make_plan(1.0, 1e-6, adversary_share=0.0).adversary is None
    assert not make_plan(1.0, 1e-6, adversary_share=0.0).has_adversary


@pytest.mark.parametrize("share", [None, 0.5])
@pytest.mark.parametrize("epsilon", [None, 1.0])
def test_without_a_target_there_is_no_critic_and_the_anchors_have_its_share(epsilon, share):
    plan = make_plan(epsilon, 1e-6, adversary_share=share, n_targets=0)
    assert (plan.has_adversary, plan.adversary) == (False, None)
    assert plan.mu == make_plan(epsilon, 1e-6, adversary_share=0.0).mu


@pytest.mark.family(keep=1)
@pytest.mark.parametrize(
    ("n_rows", "rate"), [(None, 1.0), (1, 1.0), (ADVERSARY_BATCH, 1.0), (1_000_000, 0.065536)]
)
def test_batches_of_large_tables_are_as_large_as_those_of_others(n_rows, rate):
    plan = make_plan(0.1, 1e-6, n_rows=n_rows)
    assert plan.adversary.sample_rate == pytest.approx(rate)
    assert epsilon_of(plan.mu, (plan.adversary,), 1e-6 - plan.discovery_delta) <= 0.1


def test_the_stages_leave_most_to_the_pairs():
    assert sum(SHARES.values()) - SHARES["rare"] < 0.33
    assert sum(SHARES.values()) < 0.45  # a closer discovery is made only where many rows would be lost
    plan = make_plan(1.0, 1e-6)
    spent = sum(5 / plan.noise_multiplier(stage, 5) ** 2 for stage in SHARES)
    assert spent == pytest.approx(sum(SHARES.values()) * plan.mu**2)


def test_noise_grows_with_the_root_of_the_releases_that_share_a_stage():
    plan = make_plan(1.0, 1e-6)
    assert plan.noise_multiplier("one_way", 16) == pytest.approx(4 * plan.noise_multiplier("one_way", 1))


def test_without_privacy_there_is_no_noise():
    plan = make_plan(None, 1e-6)
    assert not plan.is_private
    assert plan.noise_multiplier("one_way", 3) == 0
    assert math.isinf(plan.mu)
    assert plan.adversary is None
    assert plan.has_adversary
    assert not make_plan(None, 1e-6, adversary_share=0).has_adversary


@pytest.mark.parametrize("epsilon", [None, 1.0])
def test_a_share_that_no_float_can_hold_is_none(epsilon):
    plan = make_plan(epsilon, 1e-6, adversary_share=Fraction(1, 10**400))
    assert (plan.has_adversary, plan.adversary) == (False, None)


@pytest.mark.parametrize("share", [1e-14, 1e-300, 5e-324])
def test_a_share_that_is_worth_nothing_is_refused(share):
    with pytest.raises(ConfigError, match="adversary_share: .*set adversary_share=0"):
        make_plan(1.0, 1e-6, adversary_share=share)


@pytest.mark.parametrize("epsilon", [0, -1.0, math.nan, math.inf, "1", True, 1e-9])
def test_an_epsilon_that_promises_nothing_is_refused(epsilon):
    with pytest.raises(ConfigError, match="epsilon"):
        make_plan(epsilon, 1e-6)


def test_a_delta_too_small_for_the_accountant_is_refused_or_planned_but_never_searched_for_hours():
    plan = make_plan(1.0, 1e-25, adversary_share=0)
    assert epsilon_of(plan.mu, (), 1e-25 - plan.discovery_delta) <= 1.0
    assert make_plan(1.0, 1e-25).cost.epsilon(1e-25) <= 1.0


@pytest.mark.parametrize("delta", [0, 1.0, 1.5, -1e-6, math.nan, "x", None])
def test_a_delta_outside_its_range_is_refused(delta):
    with pytest.raises(ConfigError, match="delta"):
        make_plan(1.0, delta)


@pytest.mark.parametrize("share", [-0.1, 1.0, 2.0, math.nan])
def test_a_share_outside_its_range_is_refused(share):
    with pytest.raises(ConfigError, match="adversary_share"):
        make_plan(1.0, 1e-6, adversary_share=share)


@pytest.mark.parametrize(
    ("lost", "numbers", "expected"),
    [
        ([9_000], [100], [1.0]),  # ninety rows each
        ([10_000], [10_000], [0.0]),  # a key
        ([10_000, 750], [10_000, 15], [0.0, 0.5]),  # the key takes nothing from the other column
        ([2_500, 2_500], [50, 50], [0.5, 0.5]),
        ([3_000], [-90], [(50 / 75) ** 2]),  # noise below zero: twenty at most
        ([], [], []),
    ],
)
def test_a_closer_look_gets_what_it_can_use(lost, numbers, expected):
    parts = parts_of_looks(lost, numbers, 10.0 if numbers == [-90] else 1.0, 10_000, 50.0)
    assert parts == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(
    ("lost", "are_categories", "expected"),
    [
        ([9_000, 9_000], [True, False], [1 / 1.2, 0.2 / 1.2]),  # the names of storms beside their winds
        ([9_000, 9_000], [False, False], [0.5, 0.5]),
        ([400, 9_000], [True, False], [400 / 1_500, 1 - 400 / 1_500]),  # no more than its need, and the rest
        ([9_000], [False], [1.0]),
    ],
)
def test_numbers_give_way_to_categories(lost, are_categories, expected):
    parts = parts_of_looks(lost, [rows / 80 for rows in lost], 1.0, 10_000, 50.0, are_categories)
    assert parts == pytest.approx(expected, rel=0.1)


def test_one_look_for_all_gives_each_the_whole_part_where_lost_rows_overlap_little():
    together = {"room": 1.0, "are_together": True}
    parts = parts_of_looks([2_500, 1_500], [50, 30], 1.0, 10_000, 50.0, **together)
    assert parts == pytest.approx([1.0, 1.0])
    assert look_together(parts, [2_500, 1_500], 10_000)
    assert not look_together([1.0, 0.4], [2_500, 9_900], 10_000)  # names, whose rows are those of all others
    assert look_together([1.0, 1.0, 0.0], [2_500, 1_500, 9_900], 10_000)
    assert not look_together([1.0, 0.0], [2_500, 1_500], 10_000)


def test_looks_take_more_where_pairs_are_measured_well_all_the_same():
    plan = make_plan(1.0, 1e-6, adversary_share=0.0)
    rooms = [plan.room_for_looks(n, d) for n, d in ((5_000, 15), (15_000, 15), (337_000, 19))]
    assert rooms == [1.0, pytest.approx(2.1, abs=0.2), 3.0]
    assert make_plan(None, 1e-6).room_for_looks(1e9, 3) == 1.0
    parts = parts_of_looks([2_500, 2_500], [50, 50], 1.0, 10_000, 50.0, [True, False], 3.0)
    assert parts[0] > 2 * parts[1]
    most = sum(SHARES.values()) + (3.0 - 1.0) * SHARES["rare"]
    assert most < 0.71  # the pairs keep the rest
    assert (
        most + sum(ON_REQUEST.values()) + UNTYPED_KINDS_SHARE - SHARES["kinds"] < 0.93
    )  # whatever is asked for


def test_critics_share_the_adversarys_budget_in_equal_parts():
    one, three = (make_plan(1.0, 1e-6, n_targets=n) for n in (1, 3))
    assert (one.critics, three.critics) == (1, 3)
    assert three.adversary.steps == 3 * one.adversary.steps == 3 * ADVERSARY_STEPS
    assert three.adversary.noise_multiplier == pytest.approx(
        3**0.5 * one.adversary.noise_multiplier, rel=0.01
    )
    assert three.mu == one.mu
    assert three.cost.epsilon(1e-6) <= 1.0
    gains = [plan.noise_multiplier("gain", plan.critics) for plan in (one, three)]
    assert gains[1] == pytest.approx(3**0.5 * gains[0])
    assert make_plan(None, 1e-6, n_targets=2).critics == 2
    assert make_plan(1.0, 1e-6, n_targets=2, adversary_share=0.0).critics == 0
