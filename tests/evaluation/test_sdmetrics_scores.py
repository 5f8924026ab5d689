"""The scores of SDMetrics without the package."""

from __future__ import annotations

import sys

import pytest

from tabgan._util.rng import RandomStreams
from tabgan.evaluation.fidelity import quality_metrics
from tabgan.evaluation.gate import Gate, Limit
from tabgan.evaluation.result import Evaluation
from tabgan.evaluation.steps import Inputs, computed
from tabgan.evaluation.tables import prepare

NAMES = ("shapes", "trends", "diagnostic")


@pytest.fixture
def blocked(monkeypatch) -> None:
    """Let every import of the package fail, as where it is not installed."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "sdmetrics"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sdmetrics", None)


@pytest.fixture
def found(make) -> Evaluation:
    tables = prepare(make(200, 0), make(200, 1), make(200, 2), None)
    metrics = (
        *quality_metrics(tables, RandomStreams(0)),
        *computed("diagnostic", Inputs(tables, None, (), RandomStreams(0))),
    )
    return Evaluation(metrics, (), 200, 200, 200, None, 0)


class TestWithoutThePackage:
    def test_the_figures_say_why_they_are_not_there(self, blocked, found):
        assert {name: found[name].reason for name in NAMES} == dict.fromkeys(
            NAMES, "sdmetrics is not installed"
        )
        assert not any(found[name].is_computed for name in NAMES)

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("limit", [Limit(0.0), Limit(1.0, is_relative=True)])
    def test_a_gate_on_one_does_not_pass(self, blocked, found, name, limit):
        """Not even a limit that every table keeps."""
        decision = Gate(limits={name: limit}).decide(found, (1.0, 1e-6))
        assert decision.outcome == "failed"
        assert decision.failed[0].text.endswith(
            "not computed: sdmetrics is not installed. This does not pass."
        )

    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize("name", NAMES)
    def test_the_check_would_see_one_that_passes(self, found, name):
        pytest.importorskip("sdmetrics")
        assert Gate(limits={name: Limit(0.0)}).decide(found, (1.0, 1e-6)).outcome == "passed"
