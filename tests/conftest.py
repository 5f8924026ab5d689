"""A stand-in for the model, so that what runs around it can be tested in milliseconds."""

from __future__ import annotations

import logging
import os

# Many small matrices, and often another process beside: threads cost more than they bring. Before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import gc
import hashlib
import secrets
import sys
import types
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer.testing
from hypothesis import settings
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from tabgan._util.rng import RandomStreams
from tabgan.audit import canaries
from tabgan.evaluation import scores
from tabgan.evaluation.gate import NO_GATE, Decision
from tabgan.io.opening import as_frame
from tabgan.model import loglinear, sampling
from tabgan.model.adversary import training
from tabgan.privacy import accounting, plan
from tabgan.privacy.doors import contributions, measured_table, mechanisms
from tabgan.privacy.filter import PrivacyStatement
from tabgan.privacy.plan import check_budget
from tabgan.schema import Schema
from tabgan.table.draft import draft_schema

# A change is judged by the same few examples each time; `make fuzz` looks for many new ones.
settings.register_profile("repeatable", derandomize=True, max_examples=25, deadline=None)
settings.register_profile("fuzz", derandomize=False, max_examples=200, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

# The commands are built once for all calls of them, and not for each.
typer.testing._get_command = cache(typer.testing._get_command)


class Trees:
    """The most trees of each model of an evaluation."""

    most = 1_000


def capped(fit: Callable[..., Any]) -> Callable[..., Any]:
    """Return a model's ``fit`` that grows no more trees than that."""

    def fitted(self: Any, *args: Any, **options: Any) -> Any:
        self.max_iter = min(self.max_iter, Trees.most)
        return fit(self, *args, **options)

    return fitted


for kind in (HistGradientBoostingClassifier, HistGradientBoostingRegressor):
    kind.fit = capped(kind.fit)

#: The width of the accountant's cells in tests, ten times as wide: a coarser grid only over-counts, so that a plan
#: stays on the private side of its target. Then the rows that are drawn for critics and conditionals, an eighth to a
#: quarter, the iterations of each conditional, the candidates of a sample under conditions, the draws of
#: a bootstrap, and the trees of each model of an evaluation.
SHORT_RUN = {
    (accounting, "VALUE_DISCRETIZATION_INTERVAL"): 1e-3,
    (training, "DRAWN"): 2_048,
    (loglinear, "MIN_POOL"): 1_024,
    (loglinear, "POOL"): 8_192,
    (loglinear, "FRESH"): 2_048,
    (loglinear, "ITERATIONS"): 15,
    (loglinear, "EVALUATIONS"): 20,
    (sampling, "MIN_CANDIDATES"): 512,
    (sampling, "AMPLE"): 2**14,
    (scores, "_N_BOOTSTRAP"): 50,
    (Trees, "most"): 25,
}
FULL_RUN = {place: getattr(*place) for place in SHORT_RUN}


@pytest.fixture(autouse=True, scope="module")
def length_of_the_private_run(request: pytest.FixtureRequest) -> None:
    """Plan and train with little effort, but in modules that say ``FULL_RUN = True``: those of the accounting.

    A module may also name the constants that it needs in full.
    """
    kept = getattr(request.module, "FULL_RUN", ())
    chosen = {
        place: FULL_RUN[place] if kept is True or place[1] in kept else value
        for place, value in SHORT_RUN.items()
    }
    if any(getattr(*place) != value for place, value in chosen.items()):
        for place, value in chosen.items():
            setattr(*place, value)
        accounting.epsilon_of.cache_clear()
        plan._calibrate_adversary.cache_clear()


class ReproducibleNoise:
    """Privacy noise that is the same in every run of a test: a test fails always, or never.

    Each test draws from a generator that is seeded by its node id, and each fixture of a wider scope by its name and
    its place, so that neither order nor selection matters. The noise has the distribution of OpenDP's: a Gaussian that
    is rounded to the grid. Seeds that a fit without ``random_state`` draws come from there too. Tests about the noise
    itself carry the mark ``fresh_noise``, or lie in a module that says ``FRESH_NOISE = True``: they get the package's
    own source, as does every test under ``TABGAN_TEST_NOISE=fresh``, and as do other processes.
    """

    def __init__(self) -> None:
        self._sources: list[np.random.Generator | None] = []

    @property
    def source(self) -> np.random.Generator | None:
        """The generator of the test or the fixture that runs; ``None`` where the noise is fresh."""
        return self._sources[-1] if self._sources else None

    @contextmanager
    def seeded(self, *place: object) -> Iterator[None]:
        """Draw from the generator of a place; of none, fresh noise."""
        seed = hashlib.sha256("\n".join(map(str, place)).encode()).digest()
        is_fresh = not place or os.environ.get("TABGAN_TEST_NOISE") == "fresh"
        self._sources.append(None if is_fresh else np.random.default_rng(list(seed)))
        try:
            yield
        finally:
            self._sources.pop()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Give each test a generator of its own."""
        is_fresh = item.get_closest_marker("fresh_noise") or _has_fresh_noise(item)
        with self.seeded(*(() if is_fresh else (item.nodeid,))):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Generator[None, Any, Any]:
        """Give each fixture that several tests share one, too."""
        if fixturedef.scope == "function":
            return (yield)
        place = (request.node.nodeid, fixturedef.baseid, fixturedef.argname, request.param_index)
        with self.seeded(*(() if _has_fresh_noise(request.node) else place)):
            return (yield)

    def take_the_place_of_entropy(self) -> None:
        """Put the generators where the package draws noise, samples of rows, and seeds that nobody chose."""
        make_gaussian, make_threshold = mechanisms.make_gaussian, mechanisms.make_gaussian_threshold
        new_streams = RandomStreams.__init__

        def noisy(values: Any, scale: float) -> np.ndarray:
            return np.asarray(values, dtype=np.float64) + np.rint(self.source.normal(0.0, scale, len(values)))

        def gaussian(*domain: Any, scale: float) -> Callable[[Any], Any]:
            if self.source is None:
                return make_gaussian(*domain, scale=scale)
            return lambda values: noisy(values, scale)

        def gaussian_threshold(*domain: Any, scale: float, threshold: int) -> Any:
            sound = make_threshold(*domain, scale=scale, threshold=threshold)
            return sound if self.source is None else Threshold(sound, noisy, scale, threshold)

        def token_bytes(n: int) -> bytes:
            return secrets.token_bytes(n) if self.source is None else self.source.bytes(n)

        def streams(own: RandomStreams, random_state: int | None = None) -> None:
            new_streams(own, random_state)
            if random_state is None and self.source is not None:
                own._entropy = int.from_bytes(self.source.bytes(16), "little")

        space = ("vector_domain", "map_domain", "atom_domain")
        space += ("l2_distance", "l02inf_distance", "absolute_distance")
        for name in space:
            setattr(mechanisms, name, cache(getattr(mechanisms, name)))  # the same objects for all tests
        mechanisms.make_gaussian, mechanisms.make_gaussian_threshold = gaussian, gaussian_threshold
        for module in (contributions, measured_table, canaries):
            module.secrets = types.SimpleNamespace(token_bytes=token_bytes)
        RandomStreams.__init__ = streams


@dataclass
class Threshold:
    """OpenDP's noisy threshold, with noise from a test's generator and the cost by its own map."""

    sound: Any
    noisy: Callable[[Any, float], np.ndarray]
    scale: float
    threshold: int

    def __call__(self, counts: dict[int, int]) -> dict[int, float]:
        noisy = self.noisy(list(counts.values()), self.scale)
        return {key: count for key, count in zip(counts, noisy, strict=True) if count >= self.threshold}

    def map(self, unit: Any) -> Any:
        return self.sound.map(unit)


def _has_fresh_noise(node: Any) -> bool:
    """Return true for a test, class or module where the module says so."""
    module = node.getparent(pytest.Module)
    return bool(getattr(getattr(module, "obj", None), "FRESH_NOISE", False))


NOISE = ReproducibleNoise()


def pytest_configure(config: pytest.Config) -> None:
    """Make the noise of all tests reproducible, of the package's doctests too.

    There is no search for garbage until all tests are collected: the objects that are made for them all stay.
    """
    config.pluginmanager.register(NOISE, "reproducible_noise")
    gc.disable()


NOISE.take_the_place_of_entropy()


@pytest.fixture
def noise() -> ReproducibleNoise:
    """Return the source of noise, for what is computed once by whichever test comes first."""
    return NOISE


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out the rest of a family wherever slow tests are left out: all but ``keep`` cases, evenly spread.

    A case that is slow by itself stays slow, and is none of the family.
    """
    families: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("slow"):
            item.own_markers[:] = [mark for mark in item.own_markers if mark.name != "family"]
        elif item.get_closest_marker("family"):
            families.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for cases in families.values():
        most = max(int(case.get_closest_marker("family").kwargs.get("keep", 0)) for case in cases)
        kept = {place * len(cases) // most for place in range(most)}
        for place, case in enumerate(cases):
            if place not in kept:
                case.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """Keep modules and collected tests out of every later search for garbage, and search less often.

    Torch has dozens of loggers that do not propagate, and to each of these pytest adds its handlers for every test.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    gc.enable()
    for name, logger in logging.root.manager.loggerDict.items():
        if name.partition(".")[0] == "torch" and isinstance(logger, logging.Logger):
            logger.propagate = True


#: Lines of the log on swallowed errors that nobody foresaw, since the last look.
UNEXPECTED: list[str] = []


class _Listener(logging.Handler):
    """A handler that notes what is said of swallowed errors, by fixtures of any scope."""

    def emit(self, record: logging.LogRecord) -> None:
        UNEXPECTED.append(record.getMessage())


logging.getLogger("tabgan.errors").addHandler(_Listener())


def fail_on_unexpected() -> None:
    """Fail if an error of a library was swallowed that nobody foresaw."""
    said = "\n".join(UNEXPECTED)
    UNEXPECTED.clear()
    if said:
        pytest.fail(said)


@pytest.fixture(autouse=True)
def foreseen(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test in which such an error was swallowed, but one that is marked ``unexpected``."""
    yield
    if "unexpected" in request.keywords:
        UNEXPECTED.clear()
    fail_on_unexpected()


@pytest.fixture
def check_of_the_suite() -> Callable[[], None]:
    """Return the check that every test ends with, for its own negative control."""
    return fail_on_unexpected


@dataclass
class FakeReport:
    """Writes its edition."""

    title: str
    decision: Decision
    data: Any
    edition: str = "INTERNAL"
    headline: tuple[tuple[str, str], ...] = (("quality", "0.97"),)

    @property
    def shareable(self) -> FakeReport:
        return replace(self, edition="SHAREABLE")

    def to_html(self, path: Path, *, summary: bool = False) -> None:
        path.write_text(f"{self.edition} {self.title}")

    to_json = to_pdf = to_markdown = to_html


class FakeTabGAN:
    """Samples the rows that it was fitted to. Remembers every fit in ``fitted``."""

    fitted: list[FakeTabGAN] = []
    decision: Decision = NO_GATE

    def __init__(
        self,
        epsilon: float | None = 1.0,
        delta: float = 1e-6,
        *,
        schema: Schema | None = None,
        device: str = "auto",
        random_state: int | None = None,
    ) -> None:
        self.epsilon, self.delta, self.schema = epsilon, delta, schema
        self.device, self.random_state = device, random_state
        self.adversary_share = 0.05

    def set_params(self, **params: Any) -> FakeTabGAN:
        vars(self).update(params)
        return self

    def check_params(self) -> None:
        check_budget(self.epsilon, self.delta, 0.05)

    def check_cap(self, ledger: Any, *, private_metrics_epsilon: float | None = None) -> None:
        self.ledger = ledger

    def fit(
        self, source: Any, *, progress: Any = None, untyped_text: bool = False, **files: Any
    ) -> FakeTabGAN:
        df = as_frame(source)
        type(self).fitted.append(self)
        self.df, self.files = df, files
        if progress:
            progress("training", 1, 2)
            progress("training", 2, 2)
        self.n_rows_ = len(df) + 0.7
        self.schema_ = draft_schema(df, target=None if self.schema is None else self.schema.target)
        is_private = self.epsilon is not None
        self.privacy_ = PrivacyStatement(
            is_private, self.epsilon, self.delta if is_private else None, self.epsilon, 0.0
        )
        return self

    def sample(
        self,
        n: int,
        *,
        conditions: Any = None,
        random_state: int | None = None,
        as_: Any = None,
        **others: Any,
    ) -> pd.DataFrame:
        self.conditions, self.others = conditions, others
        rows = np.random.default_rng(random_state).integers(len(self.df), size=n)
        return self.df.iloc[rows].reset_index(drop=True)

    def evaluate(self, real: pd.DataFrame, holdout: pd.DataFrame, **options: Any) -> FakeReport:
        self.evaluated = (real, holdout, options)
        epsilon = None if self.epsilon is None else (self.epsilon, self.delta)
        return FakeReport(options["title"], self.decision, types.SimpleNamespace(total=epsilon))

    def save(self, path: Path, *, with_place: bool = True) -> None:
        self.df.to_json(path)

    @classmethod
    def load(cls, path: Path) -> FakeTabGAN:
        return cls().fit(pd.read_json(path))


@pytest.fixture
def fake_model(monkeypatch: pytest.MonkeyPatch) -> type[FakeTabGAN]:
    """Put the stand-in where the model is imported from."""
    model: type[FakeTabGAN] = type("TabGAN", (FakeTabGAN,), {"fitted": []})
    synthesizer = types.ModuleType("tabgan.synthesizer")
    synthesizer.TabGAN = model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tabgan.synthesizer", synthesizer)
    return model


SECRET = "Zanzibar-4711"


@pytest.fixture
def people() -> pd.DataFrame:
    """Return 200 rows, one of them with a value that must never be seen in a message."""
    rng = np.random.default_rng(0)
    df = pd.DataFrame(
        {
            "age": rng.integers(18, 90, 200),
            "income": rng.normal(3000, 500, 200).round(2),
            "town": rng.choice(["Ulm", "Bonn", "Kiel"], 200),
        }
    )
    df.loc[7, "town"] = SECRET
    return df


@pytest.fixture(scope="module")
def few_rows():
    """Fit on few drawn rows, where it matters that a fit runs, and not how well."""
    from tabgan.model import loglinear

    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"POOL": 1_024, "MIN_POOL": 512, "FRESH": 512, "ITERATIONS": 10}.items():
            patch.setattr(loglinear, name, value)
        yield


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the steps of an evaluation that take long, where they are not asked for."""
    from tabgan.evaluation import suite

    for name in ("attack_steps", "detection_findings", "membership_findings", "association_findings"):
        monkeypatch.setattr(suite, name, lambda *args: ())


@pytest.fixture
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grow three trees where it matters that models are trained, and not how well."""
    monkeypatch.setattr(Trees, "most", 3)
