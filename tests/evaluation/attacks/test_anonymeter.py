"""The benchmarks' adapter to anonymeter, with a small module in the package's place."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from tabgan._util.rng import RandomStreams
from tabgan.evaluation.tables import prepare

PATH = Path(__file__).parents[3] / "benchmarks" / "anonymeter_adapter.py"
SPEC = importlib.util.spec_from_file_location("anonymeter_adapter", PATH)
ADAPTER = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(ADAPTER)

NAMES = ("singling_out", "linkability", "inference")


class _Results:
    """Stand-ins for anonymeter's results."""

    n_attacks_ori = n_attacks_control = n_attacks_baseline = 100
    n_success, n_control, n_baseline = 60, 20, 10

    def risk(self):
        return types.SimpleNamespace(value=0.5, ci=(0.4, 0.6))


class TestAnonymeter:
    @pytest.fixture
    def calls(self, monkeypatch) -> dict[str, dict]:
        """Put a small module in anonymeter's place and return what it is called with."""
        seen: dict[str, dict] = {}

        def evaluator(name: str):
            class Evaluator:
                def __init__(self, **options):
                    np.random.random()  # noqa: NPY002
                    seen[name] = options

                def evaluate(self, **options):
                    return self

                def results(self, confidence_level):
                    assert confidence_level == 0.95
                    return _Results()

            return Evaluator

        module = types.ModuleType("anonymeter")
        module.evaluators = types.ModuleType("anonymeter.evaluators")
        for name in ("SinglingOutEvaluator", "LinkabilityEvaluator", "InferenceEvaluator"):
            setattr(module.evaluators, name, evaluator(name))
        monkeypatch.setitem(sys.modules, "anonymeter", module)
        monkeypatch.setitem(sys.modules, "anonymeter.evaluators", module.evaluators)
        return seen

    def test_nothing_where_it_is_not_installed(self, make, monkeypatch):
        monkeypatch.setitem(sys.modules, "anonymeter", None)
        assert ADAPTER.anonymeter_metrics(prepare(*[make(50, 0)] * 3, None), None, RandomStreams(0)) == ()

    def test_wiring(self, make, calls):
        tables = prepare(make(300, 0), make(200, 1), make(250, 2).assign(bought="no"), None)
        state = np.random.get_state()[1].copy()  # noqa: NPY002
        metrics = ADAPTER.anonymeter_metrics(tables, "town", RandomStreams(0))
        assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
        assert [m.name for m in metrics] == [f"anonymeter_{name}" for name in NAMES]
        assert all(m.label.endswith("(anonymeter)") for m in metrics)
        for metric in metrics:
            assert (metric.value, metric.reference) == (0.6, 0.2)
            assert (metric.risk.value, metric.risk.interval.low, metric.risk.interval.high) == (0.5, 0.4, 0.6)
        assert [m.baseline for m in metrics] == [None, 1 / 250, None]
        for options in calls.values():
            assert len(options["ori"]) == len(options["control"]) == 200
            assert options["ori"].columns.tolist() == ["c0", "c1", "c2", "c4"]  # a constant tells nothing
            assert not options["ori"].isna().any().any()
        assert calls["InferenceEvaluator"]["secret"] == "c2"
        assert not calls["InferenceEvaluator"]["regression"]
        first, second = calls["LinkabilityEvaluator"]["aux_cols"]
        assert sorted(first + second) == ["c0", "c1", "c2", "c4"]

    def test_reasons_in_words(self, make, calls):
        metrics = ADAPTER.anonymeter_metrics(prepare(*[make(19, 0)] * 3, None), None, RandomStreams(0))
        assert {m.reason for m in metrics} == {"a table has fewer than 20 rows"}

    def test_the_package_itself(self, make):
        pytest.importorskip("anonymeter")
        real = make(300, 0)
        tables = prepare(real, make(300, 1), real, None)
        metrics = ADAPTER.anonymeter_metrics(tables, "bought", RandomStreams(0))
        assert metrics == ADAPTER.anonymeter_metrics(tables, "bought", RandomStreams(0))
        assert all(m.is_computed for m in metrics), [m.reason for m in metrics]
        assert metrics[0].risk.interval.low > 0
