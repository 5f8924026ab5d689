"""A gate judges by the worse end of an interval, and never passes an unknown figure."""

from __future__ import annotations

import pytest

from tabgan.errors import ConfigError
from tabgan.evaluation.catalog import gate_rules
from tabgan.evaluation.gate import Gate, Limit
from tabgan.evaluation.result import Evaluation, Interval, Metric, Risk


def metric(
    name,
    value=0.5,
    *,
    group="fidelity",
    interval=None,
    reference=None,
    risk=None,
    reason=None,
    direction="none",
):
    return Metric(
        name, name.capitalize(), group, value, direction, "score", "what", "good",
        interval=interval, reference=reference, risk=risk, reason=reason,
    )  # fmt: skip


def evaluation(*metrics, n_holdout=200):
    return Evaluation(metrics, (), 200, n_holdout, 200, None, 0)


def decide(limits, *metrics, total=(1.0, 1e-6), **gate):
    return Gate(**gate, limits=limits).decide(evaluation(*metrics), total)


class TestDecision:
    @pytest.mark.parametrize(("found", "outcome"), [(0.1, "passed"), (0.1001, "failed")])
    def test_at_most(self, found, outcome):
        assert decide({"tvd2": Limit(0.1)}, metric("tvd2", found)).outcome == outcome

    @pytest.mark.parametrize(("found", "outcome"), [(0.9, "passed"), (0.8999, "failed")])
    def test_at_least(self, found, outcome):
        assert decide({"shapes": Limit(0.9)}, metric("shapes", found)).outcome == outcome

    def test_the_worse_end_of_an_interval_counts(self):
        above = metric("tstr", 0.9, group="utility", interval=Interval(0.84, 0.95))
        assert decide({"tstr": Limit(0.85)}, above).outcome == "failed"
        assert decide({"tstr": Limit(0.84)}, above).outcome == "passed"
        caught = metric("c2st", 0.5, interval=Interval(0.4, 0.62))
        assert decide({"c2st": Limit(0.6)}, caught).outcome == "failed"

    def test_attacks_are_held_by_their_risk(self):
        """However often an attack succeeds: what counts is what it learns from people being in the table."""
        attack = metric("inference", 0.9, group="attacks", interval=Interval(0.88, 0.92), reference=0.89,
                        risk=Risk(0.01, Interval(-0.02, 0.04)))  # fmt: skip
        assert decide({"inference": Limit(0.05)}, attack).outcome == "passed"
        assert decide({"inference": Limit(0.03)}, attack).outcome == "failed"

    @pytest.mark.parametrize(("margin", "outcome"), [(0.05, "passed"), (0.04, "failed")])
    @pytest.mark.parametrize(
        "found",
        [
            metric("tstr", 0.9, group="utility", reference=0.9, interval=Interval(0.85, 0.95)),
            metric("tvd2", 0.15, reference=0.1),
        ],
    )
    def test_beside_the_reference(self, found, margin, outcome):
        decision = decide({found.name: Limit(margin + 1e-9, is_relative=True)}, found)
        assert decision.outcome == outcome

    @pytest.mark.parametrize(
        "found", [None, metric("tvd2", None, reason="too few rows"), metric("tvd2", 0.0, reference=None)]
    )
    def test_what_is_not_known_does_not_pass(self, found):
        decision = decide({"tvd2": Limit(1.0, is_relative=True)}, *([] if found is None else [found]))
        assert decision.outcome == "failed"
        assert "does not pass" in decision.failed[0].text

    @pytest.mark.parametrize(
        "found",
        [
            metric("tstr", 0.99, group="utility", reference=0.9),
            metric("membership_auc", 0.5, group="attacks", reference=0.5),
        ],
    )
    def test_nor_does_what_has_no_uncertainty(self, found):
        """An interval that too few rows leave undefined, and an attack that always succeeds, on others too."""
        decision = decide({found.name: Limit(0.1, is_relative=True)}, found)
        assert decision.failed[0].text.endswith("its uncertainty is unknown. This does not pass.")

    def test_a_handful_of_real_rows_is_nothing_to_be_held_beside(self):
        few = evaluation(metric("tvd2", 0.9, reference=0.9), n_holdout=20)
        gate = Gate(limits={"tvd2": Limit(0.1, is_relative=True)})
        assert "fewer than 100 rows" in gate.decide(few, (1.0, 1e-6)).failed[0].text

    @pytest.mark.parametrize(("found", "outcome"), [(0.55, "passed"), (0.65, "failed")])
    def test_detection_is_held_beside_a_coin(self, found, outcome):
        assert decide({"c2st": Limit(0.1, is_relative=True)}, metric("c2st", found)).outcome == outcome

    def test_what_a_caller_may_mean(self):
        assert Gate.of(None) is None
        assert Gate.of("standard") == Gate.standard()
        assert Gate.of({"epsilon": 1}) == Gate.of(Gate(epsilon=1.0)) == Gate(epsilon=1.0)
        with pytest.raises(ConfigError, match="gate: expected standard"):
            Gate.of("strict")

    def test_without_a_guarantee_nothing_passes(self):
        decision = decide({"tvd2": Limit(0.9)}, metric("tvd2"), total=None)
        assert (decision.outcome, decision.failed[0].name) == ("failed", "guarantee")

    def test_without_a_limit_nothing_is_decided(self):
        assert Gate().decide(evaluation(metric("tvd2")), (1.0, 1e-6)).outcome == "open"
        assert Gate(limits={"tvd2": Limit(0.9)}).promises == Gate()

    def test_unknown_figures_are_refused_at_once(self):
        with pytest.raises(ConfigError, match="gate: unknown figure 'tvd9'"):
            Gate(limits={"tvd9": Limit(0.1)})

    def test_the_reason_is_named(self):
        decision = decide({"tvd2": Limit(1.0)}, metric("tvd2", None, reason="too few rows."))
        assert decision.failed[0].text == "Tvd2: not computed: too few rows. This does not pass."

    @pytest.mark.parametrize(
        ("gate", "total", "outcome"),
        [
            ({"epsilon": 1.0}, (1.0, 1e-6), "passed"),
            ({"epsilon": 1.0}, (1.1, 1e-6), "failed"),
            ({"delta": 1e-6}, (1.0, 1e-6), "passed"),
            ({"delta": 1e-6}, (1.0, 2e-6), "failed"),
            ({"epsilon": 100.0}, None, "failed"),
        ],
    )
    def test_the_guarantee(self, gate, total, outcome):
        assert decide({}, total=total, **gate).outcome == outcome

    def test_the_audit(self):
        found = metric("audit_bound", 0.4, group="audit")
        assert decide({}, found, audit=0.5).outcome == "passed"
        assert decide({}, found, audit=0.3).outcome == "failed"
        assert decide({}, audit=0.3).failed[0].text == "Audit: the installation was not audited."

    def test_broken_limits_come_first(self):
        decision = decide(
            {"tvd1": Limit(0.9), "tvd2": Limit(0.1)}, metric("tvd1"), metric("tvd2"), epsilon=1.0
        )
        assert [check.name for check in decision.checks] == ["tvd2", "epsilon", "tvd1"]
        assert [check.name for check in decision.failed] == ["tvd2"]


class TestConfig:
    def test_all_of_it(self):
        gate = Gate.from_dict(
            {
                "epsilon": 1,
                "delta": 1e-5,
                "audit": 1,
                "validity": {"validity": 1},
                "fidelity": {"tvd2": 0.1},
                "utility": {"tstr": {"within": 0.05}},
                "attacks": {"singling_out": 0.1},
                "copies": {"dcr_share": 0.55},
            }
        )
        assert (gate.epsilon, gate.delta, gate.audit) == (1.0, 1e-5, 1.0)
        assert gate.limits["tstr"] == Limit(0.05, is_relative=True)
        assert set(gate.limits) == {"validity", "tvd2", "tstr", "singling_out", "dcr_share"}

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            ({}, "gate: expected standard, or a mapping"),
            ([1], "gate: expected standard, or a mapping"),
            ({"epsilon": 0}, "gate.epsilon: expected a number in (0, inf), got 0"),
            ({"epsilon": None}, "gate.epsilon: expected a number"),
            ({"delta": 2}, "gate.delta: expected a number in (0, 1), got 2"),
            ({"fidelty": {}}, "gate.fidelty: unknown key. Did you mean 'fidelity'?"),
            ({"fidelity": {}}, "gate.fidelity: expected a mapping from figures to limits, got {}"),
            ({"fidelity": 0.1}, "gate.fidelity: expected a mapping from figures to limits, got 0.1"),
            ({"fidelity": {"tvd": 0.1}}, "gate.fidelity.tvd: unknown figure. Did you mean 'tvd"),
            ({"attacks": {"zzz": 0.1}}, "Known: singling_out, linkability"),
            ({"fidelity": {"tvd2": "low"}}, "gate.fidelity.tvd2: expected a number in [-1, 1], got 'low'"),
            ({"fidelity": {"tvd2": float("nan")}}, "gate.fidelity.tvd2: expected a number in [-1, 1]"),
            ({"fidelity": {"tvd2": True}}, "gate.fidelity.tvd2: expected a number in [-1, 1]"),
            ({"fidelity": {"tvd2": 10}}, "gate.fidelity.tvd2: expected a number in [-1, 1]"),
            (
                {"utility": {"tstr": {"about": 1}}},
                "gate.utility.tstr: expected a number, or {within: a number}",
            ),
        ],
    )
    def test_bad(self, data, message):
        with pytest.raises(ConfigError) as error:
            Gate.from_dict(data)
        assert message in str(error.value)

    def test_all_problems_at_once(self):
        with pytest.raises(ConfigError) as error:
            Gate.from_dict({"epsilon": -1, "fidelity": {"a": 1, "tvd2": "x"}, "b": 1})
        assert len(str(error.value).splitlines()) == 4

    def test_standard(self):
        assert "tstr" in Gate.standard(has_target=True).limits
        assert "tstr" not in Gate.standard().limits
        assert Gate.standard().limits["missing_rows"] == Limit(0.1, is_relative=True)
        assert set(Gate.standard(has_target=True).limits) <= {
            name for part in gate_rules().values() for name in part
        }
