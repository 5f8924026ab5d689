"""The three attacks of the package anonymeter, for ``attacks.py`` to hold ours against, where it is installed."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from tabgan._util.rng import RandomStreams
from tabgan.evaluation.attacks.anonymity import require_rows, varying
from tabgan.evaluation.catalog import Entry
from tabgan.evaluation.metric import LEVEL, Figure, NotComputed, measure, wilson_interval
from tabgan.evaluation.result import Interval, Metric, Risk
from tabgan.evaluation.tables import Tables, Three, subsample

#: Attacks of a kind and rows of each table: it goes through rows one by one.
MAX_ATTACKS, MAX_ROWS = 1_000, 20_000

#: Predicates that it is to find, and drafts of them. Few: it counts those that it does not find as failed attacks.
MAX_PREDICATES, MAX_DRAFTS = 200, 100_000


def _entry(name: str, label: str, attack: str) -> Entry:
    return Entry(
        name=f"anonymeter_{name}",
        label=f"{label} (anonymeter)",
        group="attacks",
        direction="none",
        format="percent",
        meaning=f"Share of the package anonymeter's attacks that succeed on training rows: {attack}, one of the three "
        "risks of WP216. The control is its success on holdout rows.",
        good="No more than the control: the interval of the risk then contains 0.",
        told="the attack of that name in the package anonymeter",
        source="anonymeter",
        reference="control",
    )


#: Entries of its figures, which are no part of a report.
ENTRIES = (
    _entry(
        "singling_out",
        "Singling out",
        "singling out by three columns, where descriptions that fit no single synthetic row count as failed",
    ),
    _entry("linkability", "Linkability", "linkability of two halves of the columns"),
    _entry("inference", "Inference", "inference of the target, or of the last column, from all others"),
)


def anonymeter_metrics(tables: Tables, target: str | None, streams: RandomStreams) -> tuple[Metric, ...]:
    """Return anonymeter's three metrics; nothing where it cannot be imported."""
    try:
        from anonymeter import evaluators
    except ImportError:
        return ()

    def run(name: str, attack: Callable[[Any, Tables, np.random.Generator], Figure]) -> tuple[Metric, ...]:
        rng = streams.numpy(f"evaluation.{name}")

        def compute() -> list[Figure]:
            require_rows(tables)
            with _legacy_seed(int(rng.integers(2**31))), warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore"
                )  # that an attack is no better than its baseline: both are shown
                return [attack(evaluators, _sample(tables, rng), rng)]

        return measure([entry for entry in ENTRIES if entry.name == name], compute)

    return (
        *run("anonymeter_singling_out", _singling_out),
        *run("anonymeter_linkability", _linkability),
        *run("anonymeter_inference", lambda module, sample, _: _inference(module, sample, target)),
    )


@contextmanager
def _legacy_seed(seed: int) -> Iterator[None]:
    """Seed NumPy's global generator, which anonymeter draws from, and put it back."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.set_state(np.random.RandomState(seed).get_state())  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


def _sample(tables: Tables, rng: np.random.Generator) -> Tables:
    """Return equally many training and held-out rows, and synthetic ones, all that the attacks may use."""
    n_rows = min(len(tables.values.real), len(tables.values.holdout), MAX_ROWS)
    real, holdout = (subsample(each, n_rows, rng) for each in tables.values[:2])
    return dataclasses.replace(
        tables, values=Three(real, holdout, subsample(tables.values.synthetic, MAX_ROWS, rng))
    )


def _frames(tables: Tables) -> Three[pd.DataFrame]:
    """Return tables that it can read: plain names, categories as text, missing numbers at the median.

    Columns that do not vary in the synthetic table are left out.
    """
    columns = varying(tables.values.synthetic).tolist()
    if len(columns) < 2:
        raise NotComputed("fewer than two columns of the synthetic table vary")

    def frame(values: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame({f"c{j}": _plain(values[:, j], tables, j) for j in columns})

    return tables.values.map(frame)


def _plain(values: np.ndarray, tables: Tables, j: int) -> np.ndarray:
    if tables.keys[j] is not None:
        codes = np.where(np.isnan(values), -1, values).astype(int)
        return np.array([f"k{code}" for code in codes], dtype=object)
    present = tables.of(j).synthetic[~np.isnan(tables.of(j).synthetic)]
    return np.where(np.isnan(values), np.median(present) if len(present) else 0.0, values)


def _few(frames: Three[pd.DataFrame]) -> Three[pd.DataFrame]:
    """Return as many training and held-out rows as are attacked, so that it attacks all it gets."""
    n_rows = min(len(frames.real), MAX_ATTACKS)
    return Three(frames.real.head(n_rows), frames.holdout.head(n_rows), frames.synthetic)


def _singling_out(evaluators: Any, tables: Tables, rng: np.random.Generator) -> Figure:
    frames = _frames(tables)
    # It drops repeated rows and corrects for unequal tables with draws that have no seed: so none are left to drop.
    real, holdout = (each.drop_duplicates() for each in (frames.real, frames.holdout))
    n_rows = min(len(real), len(holdout))
    evaluator = evaluators.SinglingOutEvaluator(
        ori=real.head(n_rows),
        syn=frames.synthetic,
        control=holdout.head(n_rows),
        n_attacks=MAX_PREDICATES,
        n_cols=min(3, frames.real.shape[1]),
        max_attempts=MAX_DRAFTS,
        seed=int(rng.integers(2**31)),
    )
    figure = _figure(evaluator.evaluate(mode="multivariate").results(confidence_level=LEVEL))
    return figure._replace(baseline=None)  # its own follows the order of a hash table, which no seed fixes


def _linkability(evaluators: Any, tables: Tables, rng: np.random.Generator) -> Figure:
    frames = _few(_frames(tables))
    names = rng.permutation(frames.real.columns.to_numpy()).tolist()
    evaluator = evaluators.LinkabilityEvaluator(
        ori=frames.real,
        syn=frames.synthetic,
        control=frames.holdout,
        aux_cols=(names[: len(names) // 2], names[len(names) // 2 :]),
        n_attacks=len(frames.real),
        n_neighbors=1,
    )
    figure = _figure(evaluator.evaluate(n_jobs=1).results(confidence_level=LEVEL))
    # Its own is drawn without a seed; this is what it is on average.
    return figure._replace(baseline=1 / len(frames.synthetic))


def _inference(evaluators: Any, tables: Tables, target: str | None) -> Figure:
    frames = _few(_frames(tables))
    positions = {column.name: f"c{j}" for j, column in enumerate(tables.modelled)}
    names = frames.real.columns.tolist()
    secret = positions.get(target or "", "")
    secret = secret if secret in names else names[-1]
    evaluator = evaluators.InferenceEvaluator(
        ori=frames.real,
        syn=frames.synthetic,
        control=frames.holdout,
        aux_cols=[name for name in names if name != secret],
        secret=secret,
        regression=pd.api.types.is_numeric_dtype(frames.real[secret]),
        n_attacks=len(frames.real),
    )
    figure = _figure(evaluator.evaluate(n_jobs=1).results(confidence_level=LEVEL))
    # Its own loses the guesses that come from synthetic rows with other positions than the targets.
    return figure._replace(baseline=None)


def _figure(results: Any) -> Figure:
    """Return its results; the risk and its interval, which it cuts at 0, are its own."""
    risk = results.risk()
    value = results.n_success / results.n_attacks_ori
    return Figure(
        value=value,
        interval=wilson_interval(results.n_success, results.n_attacks_ori),
        reference=results.n_control / results.n_attacks_control,
        baseline=results.n_baseline / results.n_attacks_baseline,
        risk=Risk(float(risk.value), Interval(float(risk.ci[0]), float(risk.ci[1]), LEVEL)),
    )
