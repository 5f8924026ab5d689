"""Events of mechanisms: a line says all of one, and lines add up in any order."""

import json
import math
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabgan.errors import PrivacyError
from tabgan.privacy.accounting import Cost, SubsampledGaussian
from tabgan.privacy.events import (
    GAUSSIAN,
    GAUSSIAN_THRESHOLD,
    POISSON_GAUSSIAN,
    Release,
    RunningCost,
    cost_of,
    is_number,
)

COUNTS = Release("marginals", "1-way", ("age",), GAUSSIAN, 4.0, sensitivity=2.0)
FOUND = Release("release", "categories", ("town",), GAUSSIAN_THRESHOLD, 8.0, delta=1e-8)
STEPS = Release("dpsgd", "discriminator", (), POISSON_GAUSSIAN, 3.0, sample_rate=0.02, steps=200)
LINES = {"counts": COUNTS, "found": FOUND, "steps": STEPS}


@pytest.mark.parametrize("release", LINES.values(), ids=LINES)
def test_a_private_release_passes(release):
    release.check()
    least = 0.5 if release is STEPS else 1e-3
    replace(release, noise_multiplier=least, sensitivity=1e6).check()


OUT_OF_RANGE = {
    "noise_multiplier": [0.0, -1.0, math.nan, math.inf, -math.inf],
    "sensitivity": [0.0, -1.0, math.nan, math.inf],
    "delta": [-1e-9, 1.0, 2.0, math.nan, math.inf],
    "sample_rate": [0.0, -0.1, 1.0 + 1e-9, math.nan, math.inf],
    "steps": [0, -1, 1.5, math.nan, math.inf],
    "mechanism": ["", "Gaussian", "none", "Laplace"],
}


@pytest.mark.parametrize("release", LINES.values(), ids=LINES)
@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in OUT_OF_RANGE.items() for value in values]
)
def test_a_parameter_that_promises_nothing_is_refused(release, field, value):
    with pytest.raises(PrivacyError, match=r"^ledger: .* needs finite positive noise"):
        replace(release, **{field: value}).check()


@pytest.mark.parametrize(
    "release",
    [
        replace(COUNTS, delta=1e-9),  # delta belongs to a threshold
        replace(STEPS, delta=1e-9),
        replace(FOUND, delta=0.0),  # and a threshold never comes without
        replace(COUNTS, sample_rate=0.5),  # amplification belongs to a sampler
        replace(FOUND, sample_rate=0.5),
        replace(COUNTS, steps=2),
        replace(FOUND, steps=2),
    ],
)
def test_a_parameter_of_another_mechanism_is_refused(release):
    with pytest.raises(PrivacyError):
        release.check()


def test_a_line_cannot_be_changed_and_knows_its_noise_in_units_of_what_it_released():
    assert COUNTS.noise_stddev == 8.0
    with pytest.raises(FrozenInstanceError):
        COUNTS.noise_multiplier = 9.0


@pytest.mark.parametrize("release", LINES.values(), ids=LINES)
def test_a_line_comes_back_from_json_as_it_was(release):
    assert Release.from_dict(json.loads(json.dumps(release.to_dict()))) == release


@pytest.mark.parametrize("field", COUNTS.to_dict())
def test_no_field_has_a_default_on_load(field):
    data = COUNTS.to_dict()
    del data[field]
    with pytest.raises(KeyError):
        Release.from_dict(data)


def test_a_door_by_its_old_name_is_read_by_its_new_one():
    line = replace(COUNTS, door="private_metrics")
    assert Release.from_dict(line.to_dict() | {"door": "evaluation"}) == line


def test_an_unknown_field_is_refused():
    with pytest.raises(KeyError):
        Release.from_dict({**COUNTS.to_dict(), "is_free": True})


NOT_WHAT_IT_SHOULD_BE = {
    "door": [None, 1],
    "what": [None, ["x"]],
    "mechanism": [None, 0],
    "columns": ["age", None, 3, [1], [None], {"age": 1}],
    "noise_multiplier": ["4", None, True, math.nan, math.inf, -1.0, [4.0]],
    "delta": ["0", None, False, math.nan, math.inf, -1e-9],
    "sample_rate": ["1", None, True, math.nan, math.inf, -1.0],
    "sensitivity": ["1", None, True, math.nan, math.inf, -1.0],
    "steps": ["1", None, True, 1.0, 1.5, math.nan, math.inf, -1],
}


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, values in NOT_WHAT_IT_SHOULD_BE.items() for value in values],
)
def test_a_field_that_is_not_what_it_should_be_is_refused(field, value):
    with pytest.raises((TypeError, ValueError)):
        Release.from_dict({**COUNTS.to_dict(), field: value})


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, True), (1.5, True), (-1, False), (True, False), ("1", False), (None, False), (math.nan, False)],
)
def test_what_counts_as_a_number(value, expected):
    assert is_number(value) is expected
    assert not is_number(math.inf)


def test_each_mechanism_costs_in_its_own_part():
    assert COUNTS.cost == Cost(mu_squared=1 / 16)  # the sensitivity is in the multiplier already
    assert FOUND.cost == Cost(mu_squared=1 / 64, delta=1e-8)
    assert STEPS.cost == Cost(runs=(SubsampledGaussian(3.0, 0.02, 200),))


def test_nothing_costs_nothing():
    assert cost_of([]) == Cost()
    assert cost_of(iter([COUNTS, STEPS])) == cost_of([COUNTS, STEPS])  # an iterator is read once


def test_lines_cost_what_they_cost_one_by_one():
    lines = [COUNTS, FOUND, STEPS, COUNTS, replace(STEPS, steps=50), replace(STEPS, noise_multiplier=2.0)]
    total = cost_of(lines)
    apart = sum((line.cost for line in lines), Cost())
    assert total.mu_squared == pytest.approx(apart.mu_squared, rel=1e-14)
    assert total.delta == apart.delta == 1e-8
    assert (
        total.runs == apart.runs == (SubsampledGaussian(2.0, 0.02, 200), SubsampledGaussian(3.0, 0.02, 250))
    )
    assert total.epsilon(1e-6) == pytest.approx(apart.epsilon(1e-6), rel=1e-9)


noises = st.floats(0.5, 1e6)
any_line = st.one_of(
    st.builds(lambda z: replace(COUNTS, noise_multiplier=z), noises),
    st.builds(
        lambda z, delta: replace(FOUND, noise_multiplier=z, delta=delta), noises, st.floats(1e-12, 1e-6)
    ),
    st.builds(
        lambda z, steps: replace(STEPS, noise_multiplier=z, steps=steps),
        st.sampled_from([1.0, 2.5, 7.0]),
        st.integers(1, 500),
    ),
)


@settings(deadline=None)
@given(data=st.data(), lines=st.lists(any_line, max_size=20))
def test_the_order_of_the_lines_does_not_matter(data, lines):
    total = cost_of(lines)
    assert cost_of(data.draw(st.permutations(lines))) == total  # to the last bit
    assert total.covers(cost_of(lines[: len(lines) // 2]))
    assert sum(run.steps for run in total.runs) == sum(
        r.steps for r in lines if r.mechanism == POISSON_GAUSSIAN
    )


@settings(deadline=None)
@given(charges=st.lists(st.lists(any_line, max_size=4), max_size=12))
def test_a_running_cost_is_the_recomputed_one_to_the_last_bit(charges):
    running, lines = RunningCost(), []
    for charged in charges:
        running, lines = running.plus(charged), [*lines, *charged]
        assert running.cost == cost_of(lines)


def test_a_running_sum_of_floats_would_drift():
    """The control: rounded at every charge, the sum is another, and a long one falls short of the cost."""
    lines = [replace(COUNTS, noise_multiplier=z) for z in (1.0, *[3e7 + i for i in range(1000)])]
    total, running = Cost(), RunningCost()
    for line in lines:
        total, running = total + line.cost, running.plus([line])
    assert running.cost == cost_of(lines)
    assert total.mu_squared < cost_of(lines).mu_squared
