"""Hours, weekdays and months of lattice integers, held against pandas."""

import numpy as np
import pandas as pd
import pytest

from tabgan.columns import KINDS
from tabgan.columns.cycles import clock_cycles
from tabgan.schema import Datetime

DAY = 86_400
RNG = np.random.default_rng(0)


def parts(at, unit):
    clock = pd.Series((at * unit).astype("datetime64[s]")).dt
    hour = clock.hour.to_numpy()
    return {
        "hour of three": hour % 3,
        "three hours of the day": hour // 3,
        "weekday": clock.day_of_week.to_numpy(),
        "month": clock.month.to_numpy() - 1,
    }


@pytest.mark.parametrize("unit", [1, 60, 3_600, DAY])
def test_values_are_the_calendars_before_1970_too(unit):
    at = RNG.integers(-150 * 365 * DAY, 150 * 365 * DAY, 500) // unit
    cycles = clock_cycles(unit)
    assert [cycle.name for cycle in cycles] == list(parts(at, unit))[0 if unit <= 3_600 else 2 :]
    for cycle in cycles:
        assert (cycle.of(at) == parts(at, unit)[cycle.name]).all()
        assert cycle.of(at).max() < cycle.n_values


@pytest.mark.parametrize("unit", [1, 3_600, DAY])
@pytest.mark.parametrize("low_day", [-400, 0, 11_000])
def test_a_value_changes_at_its_starts_and_nowhere_else(unit, low_day):
    low = low_day * DAY // unit + (unit == 1) * 12_345
    high = low + 500 * DAY // unit
    finer = None
    for cycle in clock_cycles(unit):
        starts = cycle.starts(low, high)
        assert low <= starts[0]
        assert starts[-1] <= high
        assert (cycle.of(starts) != cycle.of(starts - 1)).all()
        assert np.diff(starts).max() <= cycle.length
        edges = np.union1d([low, high], starts)
        assert (cycle.of(edges[:-1]) == cycle.of(edges[1:] - 1)).all()
        assert finer is None or np.isin(starts, finer).all()
        finer = starts


def test_moments_have_them_and_other_kinds_do_not():
    assert [cycle.name for cycle in Datetime(name="a", resolution="day").cycles()] == ["weekday", "month"]
    assert len(Datetime(name="a", resolution="second").cycles()) == 4
    others = (kind.model_construct(name="a") for kind in KINDS if kind is not Datetime)
    assert all(column.cycles() == () for column in others)
