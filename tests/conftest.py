"""A stand-in for the model, so that what runs around it can be tested in milliseconds."""

from __future__ import annotations

import logging
import os

# Many small matrices, and often another process beside: threads cost more than they bring. Before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import gc
import sys
import types
from collections.abc import Callable, Iterator
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

from tabgan.evaluation import scores
from tabgan.evaluation.gate import NO_GATE, Decision
from tabgan.io.opening import as_frame
from tabgan.model import loglinear, sampling
from tabgan.model.adversary import training
from tabgan.privacy import accounting, plan
from tabgan.privacy.filter import PrivacyStatement
from tabgan.privacy.plan import check_budget
from tabgan.schema import Schema
from tabgan.table.draft import draft_schema

# A change is judged by the same few examples each time; `make fuzz` looks for many new ones.
settings.register_profile("repeatable", derandomize=True, max_examples=25)
settings.register_profile("fuzz", derandomize=False, max_examples=200)
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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out the rest of a family wherever slow tests are left out: all but ``keep`` cases, evenly spread."""
    families: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("family") and not item.get_closest_marker("slow"):
            families.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for cases in families.values():
        most = max(int(case.get_closest_marker("family").kwargs.get("keep", 0)) for case in cases)
        kept = {place * len(cases) // most for place in range(most)}
        for place, case in enumerate(cases):
            if place not in kept:
                case.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """Keep modules and collected tests out of every later search for garbage: they stay to the end."""
    gc.collect()
    gc.freeze()


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

    def to_html(self, path: Path) -> None:
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
