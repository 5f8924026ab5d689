"""The noise of the tests themselves: the same in every run of a test, unless fresh noise is asked for."""

import json
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tabgan.privacy.doors import measured_table
from tabgan.privacy.doors.mechanisms import GRID, discover, noisy_vector

TESTS = """
import numpy as np
import pytest
from tabgan._util.rng import RandomStreams
from tabgan.privacy.doors import measured_table
from tabgan.privacy.doors.mechanisms import discover, noisy_vector

FRESH_NOISE = {constant}

def drawn():
    return [
        noisy_vector(np.zeros(2), 1.0).tolist(),
        discover(np.full(3, 100), 1.0, 0.01)[1].tolist(),
        measured_table._draws(2).tolist(),
        RandomStreams().entropy,
    ]

@pytest.fixture(scope="module", params=["a", "b"])
def shared(request):
    return drawn()

def test_one(shared, record_property):
    record_property("shared", shared)
    record_property("own", drawn())

def test_other(shared, record_property):
    record_property("shared", shared)
    record_property("own", drawn())

@pytest.mark.fresh_noise
def test_fresh(record_property):
    record_property("own", drawn())
"""

#: Loaded for each of these small runs, most plugins would cost more than the run: one ends with a search for garbage.
LEFT_OUT = (
    "cacheprovider",
    "hypothesispytest",
    "doctest",
    "stepwise",
    "unraisableexception",
    "threadexception",
)
PLUGINS = [f"-pno:{name}" for name in LEFT_OUT]


class Record:
    """The draws of each test of a run."""

    def __init__(self) -> None:
        self.drawn: dict[str, Any] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            assert report.passed, report.longreprtext
            self.drawn[report.nodeid.partition("::")[2]] = dict(report.user_properties)


@pytest.fixture
def run(tmp_path, noise):
    """Return a function that runs such a module, or tests of it, and returns what they have drawn."""

    def run(*names: str, constant: bool = False) -> dict[str, Any]:
        path, record = tmp_path / f"test_drawn_{constant}.py", Record()
        path.write_text(TESTS.format(constant=constant))
        (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = fresh_noise: of the system\n")
        options = ["-q", "--import-mode=importlib", f"--rootdir={tmp_path}", *PLUGINS]
        places = [f"{path}::{name}" for name in names] or [str(path)]
        pytest.main(["-c", str(tmp_path / "pytest.ini"), *options, *places], plugins=[noise, record])
        return record.drawn

    return run


class TestSeeds:
    def test_are_those_of_a_test_in_every_run_order_and_selection(self, run, monkeypatch):
        monkeypatch.delenv("TABGAN_TEST_NOISE", raising=False)
        first, again = run(), run("test_other", "test_one")
        assert len(first) == 5
        assert len(again) == 4
        for name, found in again.items():
            assert found == first[name], name
        assert run("test_other[b]")["test_other[b]"] == first["test_other[b]"]

    def test_are_each_tests_own_and_each_parameters(self, run, monkeypatch):
        monkeypatch.delenv("TABGAN_TEST_NOISE", raising=False)
        found = run("test_one", "test_other")
        assert len({json.dumps(each["own"]) for each in found.values()}) == 4
        assert len({json.dumps(each["shared"]) for each in found.values()}) == 2

    def test_are_none_where_fresh_noise_is_asked_for(self, run, monkeypatch):
        """The negative control: by the environment, by the module, and by the test's mark."""
        monkeypatch.delenv("TABGAN_TEST_NOISE", raising=False)
        runs = [[run("test_fresh")["test_fresh"]["own"] for _ in range(2)]]
        runs.append([run("test_one[a]", constant=True)["test_one[a]"]["own"] for _ in range(2)])
        monkeypatch.setenv("TABGAN_TEST_NOISE", "fresh")
        found = [run("test_one[a]")["test_one[a]"] for _ in range(2)]
        runs += [[each[whose] for each in found] for whose in ("own", "shared")]
        for first, second in runs:
            assert [one == other for one, other in zip(first, second, strict=True)] == [False] * len(first)


class TestDistribution:
    """Seeded noise is that of the package: from both sides, once for all."""

    N = 4_000

    @pytest.fixture(autouse=True)
    def of_a_seed(self, noise, monkeypatch):
        monkeypatch.delenv("TABGAN_TEST_NOISE", raising=False)
        with noise.seeded("distribution"):
            assert noise.source is not None
            yield

    def has_scale(self, drawn: np.ndarray, stddev: float) -> bool:
        low, high = stats.chi2.interval(1 - 1e-7, len(drawn))
        return bool(low < float((drawn**2).sum()) / stddev**2 < high)

    @pytest.mark.parametrize("stddev", [0.3, 25.0])
    def test_a_gaussian_on_the_grid(self, stddev):
        drawn = noisy_vector(np.full(self.N, 17), stddev) - 17
        assert self.has_scale(drawn, stddev)
        assert not self.has_scale(drawn, stddev * 2 / 3)
        assert not self.has_scale(drawn, stddev * 3 / 2)
        assert stats.kstest(drawn / stddev, "norm").pvalue > 1e-6
        assert np.array_equal(drawn * GRID, np.rint(drawn * GRID))

    def test_a_threshold_that_a_lone_row_passes_with_probability_delta(self):
        low, high = stats.binom.interval(1 - 1e-7, 20_000, 0.01)
        assert low <= len(discover(np.ones(20_000, dtype=int), 4.0, 0.01)[0]) <= high
        _, counts = discover(np.full(self.N, 10_000), 7.0, 1e-8)
        assert self.has_scale(counts - 10_000, 7.0)

    def test_draws_of_rows_are_uniform(self):
        assert stats.kstest(measured_table._draws(self.N), "uniform").pvalue > 1e-6
        low, high = stats.binom.interval(1 - 1e-7, self.N, 0.3)
        assert low <= measured_table.drawn_units(self.N, 0.3).sum() <= high
