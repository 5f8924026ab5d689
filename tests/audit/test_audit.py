"""The audit passes what is sound, and fails loudly what is not: each way to break a mechanism is a negative control."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from tabgan import Categorical, Schema, TabGAN
from tabgan.audit import AuditResult, audit, audit_model, check_mechanisms, mechanism_checks, run_canaries
from tabgan.audit.canaries import Design, coins
from tabgan.audit.mechanism_checks import _private_metrics
from tabgan.audit.statistics import bound_from_scores
from tabgan.cli.app import app
from tabgan.errors import AuditError, ConfigError, PrivacyError
from tabgan.privacy.doors import dpsgd, mechanisms
from tabgan.privacy.doors.contributions import BoundedTable, units_of
from tabgan.privacy.doors.dpsgd import PrivateSteps
from tabgan.privacy.doors.marginals import PairTables
from tabgan.privacy.doors.release import _Door
from tabgan.privacy.events import cost_of
from tabgan.privacy.plan import ADVERSARY_BATCH, ADVERSARY_STEPS, make_plan
from tabgan.privacy.unit import PrivacyUnit
from tabgan.report import to_html, to_json

SMALL = {"epsilon": 8.0, "delta": 1e-6, "adversary_share": 0.3, "n_canaries": 1_500}


@pytest.fixture(autouse=True, scope="module")
def few_simulations():
    """Fewer simulated audits and measured figures than outside of tests: it is they that take the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tabgan.audit.REPETITIONS", 25)
        patch.setattr(mechanism_checks, "_TIMES", 10)
        yield


def failed_checks(result) -> set[str]:
    return {check.name for check in result.checks if not check.has_passed}


@pytest.fixture(scope="module")
def sound():
    return audit(**SMALL)


def test_what_is_sound_passes_and_its_bounds_are_what_simulations_show(sound):
    assert sound.has_passed, sound.failures
    assert sound.raise_if_failed() is sound
    assert [found.kind for found in sound.canaries] == ["counts", "gradients", "both"]
    for found in sound.canaries:
        assert found.bound.epsilon_lower_bound <= found.expected.high * 1.5
        assert found.bound.epsilon_lower_bound < sound.epsilon


@pytest.mark.family
@pytest.mark.fresh_noise
def test_mechanisms_are_sound_with_the_noise_of_the_package_itself(monkeypatch):
    """At a rate of false alarms that lets this test fail once in a million runs."""
    monkeypatch.setattr(mechanism_checks, "FALSE_ALARM", 5e-8)
    assert [check.name for check in check_mechanisms() if not check.has_passed] == []


def test_it_sees_most_of_what_there_is_to_see(sound):
    """An attack that cannot find anything passes everything: both doors' canaries give a bound above nothing."""
    counts, gradients, both = (found.bound.epsilon_lower_bound for found in sound.canaries)
    assert counts > 1.0
    assert gradients > 0.2
    assert both > 1.0


@pytest.mark.slow
def test_entities_too():
    result = audit(**SMALL, max_rows=3)
    assert result.has_passed, result.failures
    assert result.privacy_unit == "entity (unit), at most 3 rows each"
    assert result.epsilon_lower_bound > 0.5


def twice_the_rate(self):
    """Draw a batch at twice the rate that was charged."""
    is_in = torch.rand(self._n_units, dtype=torch.float64) < 2 * self._run.sample_rate
    return self._codes[is_in if self._units is None else is_in[self._units]]


class TestNegativeControls:
    """With the noise off, or wrong, inside the test."""

    @pytest.fixture(autouse=True)
    def without_the_longest(self, monkeypatch):
        """Leave out the two checks that take longest, of what is sound here; they have controls of their own."""
        for name in ("_threshold", "_private_metrics"):
            monkeypatch.setattr(mechanism_checks, name, lambda: ())

    def test_counts_without_noise(self, monkeypatch):
        monkeypatch.setattr(
            mechanisms, "noisy_vector", lambda values, stddev: np.asarray(values, dtype=float)
        )
        result = audit(**SMALL)
        assert result.canaries[0].bound.epsilon_lower_bound > 1.2 * result.canaries[0].expected.high
        assert {"counts: noise of standard deviation 1", "canaries in counts: separation"} <= failed_checks(
            result
        )
        with pytest.raises(AuditError, match="epsilon=8 at delta=1e-06 does not hold"):
            result.raise_if_failed()

    @pytest.mark.slow
    def test_counts_without_noise_where_much_is_promised_pass_the_stated_epsilon(self, monkeypatch):
        """The bound by itself: at epsilon 1 canaries that are plain to see show more than that."""
        monkeypatch.setattr(
            mechanisms, "noisy_vector", lambda values, stddev: np.asarray(values, dtype=float)
        )
        result = audit(**{**SMALL, "epsilon": 1.0})
        assert result.epsilon_lower_bound > 3.0
        assert any("Canaries in counts: epsilon is at least" in failure for failure in result.failures)

    def test_gradients_without_noise(self, monkeypatch):
        def quiet(self):
            for parameter in self.params:
                parameter.grad = parameter.summed_grad.view_as(parameter)

        monkeypatch.setattr(dpsgd._ExactNoise, "add_noise", quiet)
        result = audit(**{**SMALL, "epsilon": 1.0})
        assert result.canaries[1].bound.epsilon_lower_bound > 3.0
        expected = {"gradients: noise of an empty step", "canaries in gradients: separation"}
        assert expected <= failed_checks(result)
        with pytest.raises(AuditError, match="Canaries in gradients: epsilon is at least"):
            result.raise_if_failed()

    @pytest.mark.parametrize("factor", [2 / 3, 3 / 2])
    def test_counts_of_another_noise_than_was_charged_fail_a_check(self, monkeypatch, factor):
        sound = mechanisms.noisy_vector
        monkeypatch.setattr(mechanisms, "noisy_vector", lambda values, stddev: sound(values, factor * stddev))
        names = {check.name for check in check_mechanisms() if not check.has_passed}
        assert "counts: noise of standard deviation 25" in names

    @pytest.mark.slow
    @pytest.mark.parametrize("factor", [2 / 3, 3 / 2])
    def test_counts_of_another_noise_than_was_charged(self, monkeypatch, factor):
        sound = mechanisms.noisy_vector
        monkeypatch.setattr(mechanisms, "noisy_vector", lambda values, stddev: sound(values, factor * stddev))
        names = failed_checks(audit(**SMALL))
        assert "counts: noise of standard deviation 25" in names
        assert factor > 1 or "canaries in counts: separation" in names

    @pytest.mark.parametrize("factor", [2 / 3, 3 / 2])
    def test_private_metrics_of_another_noise_than_was_charged(self, monkeypatch, factor):
        sound = mechanisms.noisy_vector
        monkeypatch.setattr(mechanisms, "noisy_vector", lambda values, stddev: sound(values, factor * stddev))
        names = [check.name for check in _private_metrics() if not check.has_passed]
        assert names == [f"private metrics: noise over charged noise, units of {rows}" for rows in (1, 3)]

    def test_private_metrics_of_rows_that_are_not_bounded(self, monkeypatch):
        monkeypatch.setattr(
            "tabgan.privacy.doors.private_metrics.bound_contributions",
            lambda df, unit: BoundedTable(df, np.arange(len(df)), len(df)),
        )
        names = [check.name for check in _private_metrics() if not check.has_passed]
        assert names[0] == "private metrics: change by a unit of 3"

    def test_one_draw_for_a_whole_table(self, monkeypatch):
        """Pitfall 21."""

        def scalar(values, stddev):
            return values + np.random.default_rng().normal(0, stddev)

        monkeypatch.setattr(mechanisms, "noisy_vector", scalar)
        names = {check.name for check in check_mechanisms() if not check.has_passed}
        assert "counts: correlation of neighbouring cells" in names

    def test_rows_that_are_not_clipped(self, monkeypatch):
        monkeypatch.setattr(dpsgd, "CLIP_NORM", 1_000.0)
        names = {check.name for check in check_mechanisms() if not check.has_passed}
        assert "gradients: change by a unit of 3" in names

    def test_more_rows_in_a_batch_than_were_charged(self, monkeypatch):
        """Pitfalls 7 and 9."""
        monkeypatch.setattr(
            PrivateSteps, "_poisson_batch", lambda self: self._codes[: len(self._codes) // 20]
        )
        names = {check.name for check in check_mechanisms() if not check.has_passed}
        assert "batches: variance of the size" in names  # fixed sizes, of the very rate
        assert "batches: mean size" not in names
        monkeypatch.setattr(PrivateSteps, "_poisson_batch", twice_the_rate)
        names = {check.name for check in check_mechanisms() if not check.has_passed}
        assert "batches: mean size" in names

    @pytest.mark.slow
    @pytest.mark.parametrize("batch", [None, twice_the_rate])
    def test_twice_the_rows_in_a_batch_show_in_canaries(self, monkeypatch, batch):
        """Pitfalls 7 and 9: in a run that samples, as one of many declared rows does; with its control."""
        sampled = {**SMALL, "n_rows": 4 * ADVERSARY_BATCH}
        assert make_plan(sampled["epsilon"], 1e-6, n_rows=sampled["n_rows"]).adversary.sample_rate < 0.5
        if batch is None:
            assert audit(**sampled).has_passed
            return
        monkeypatch.setattr(PrivateSteps, "_poisson_batch", batch)
        assert {"batches: mean size", "canaries in gradients: separation"} <= failed_checks(audit(**sampled))

    def test_the_same_noise_in_every_step(self, monkeypatch):
        """Pitfall 20."""

        def seeded(values, stddev):
            return values + np.random.default_rng(1).normal(0.0, stddev, values.shape)

        monkeypatch.setattr(dpsgd, "mechanisms", SimpleNamespace(noisy_vector=seeded, GRID=mechanisms.GRID))
        names = {check.name for check in check_mechanisms() if not check.has_passed}
        assert names >= {f"gradients: correlation of the noise of two {what}" for what in ("steps", "runs")}

    @pytest.mark.family
    @pytest.mark.parametrize(
        ("owner", "name", "found"),
        [
            pytest.param(PairTables, "_release", "canaries in counts: separation", marks=pytest.mark.slow),
            (_Door, "_release", "a fit's histograms: noise over charged noise"),
        ],
    )
    def test_noise_of_rows_where_entities_are_promised(self, monkeypatch, owner, name, found):
        """The sensitivity forgotten: what is charged is for a unit, what is drawn for a row."""
        sound = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda self, *args: replace(sound(self, *args), sensitivity=1))
        assert found in failed_checks(audit(**SMALL, max_rows=3))

    @pytest.mark.family
    def test_contributions_that_are_not_bounded(self, monkeypatch):
        monkeypatch.setattr(
            "tabgan.audit.canaries.bound_contributions",
            lambda df, unit: BoundedTable(df, units_of(df, unit.entity), df[unit.entity].nunique()),
        )
        assert "canaries in counts: separation" in failed_checks(audit(**SMALL, max_rows=2))


def test_a_threshold_that_is_too_low(monkeypatch):
    """Pitfall 3."""
    monkeypatch.setattr(
        mechanisms,
        "discover",
        lambda counts, stddev, delta, rows=1: (np.arange(len(counts)), counts.astype(float)),
    )
    names = {check.name for check in check_mechanisms() if not check.has_passed}
    assert {name.split(":")[0] for name in names} == {"categories"}


class TestRun:
    @pytest.mark.fresh_noise
    def test_coins_are_fair_and_fresh(self):
        thrown = coins(20_000)
        assert 9_600 < thrown.sum() < 10_400
        assert not np.array_equal(thrown, coins(20_000))

    def test_canaries_lie_apart_from_each_other_and_from_base_rows(self):
        design = Design.of_plan(500, make_plan(8.0, 1e-6, has_discovery=False))
        assert len(np.unique(design.cells, axis=0)) == 500
        assert (design.cells[:, 0] != design.cells[:, 1]).all()
        df, _ = design.table(np.zeros(500, bool), make_plan(8.0, 1e-6))
        assert (df["left"] == df["right"]).all()

    def test_a_canary_is_a_unit_of_one_row_too_many(self):
        """So that bounding has to leave one out."""
        plan = make_plan(8.0, 1e-6, has_discovery=False, unit=PrivacyUnit("unit", 3))
        design = Design.of_plan(20, plan)
        df, schema = design.table(np.ones(20, bool), plan)
        sizes = df.groupby("unit").size()
        assert sorted(sizes.unique()) == [1, 4]
        assert (sizes == 4).sum() == 20
        assert (schema.entity, schema.max_rows) == ("unit", 3)

    @pytest.mark.family
    def test_scores_know_nothing_of_canaries_when_there_is_much_noise(self):
        scores = run_canaries(make_plan(0.2, 1e-6, has_discovery=False), 500)
        assert bound_from_scores(scores.counts, scores.is_in, 1e-6).epsilon_lower_bound < 0.3

    def test_it_spends_what_a_fit_spends(self):
        plan = make_plan(8.0, 1e-6, has_discovery=False)
        privacy = run_canaries(plan, 200).privacy
        assert 7.5 < privacy.epsilon_spent <= 8.0
        steps = [entry.steps for entry in privacy.entries if entry.door == "dpsgd"]
        assert steps == [1] * plan.adversary.steps == [1] * ADVERSARY_STEPS


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epsilon": 0}, "epsilon: expected a number"),
        ({"epsilon": None}, "epsilon: expected a number"),
        ({"epsilon": float("nan")}, "epsilon: expected a number"),
        ({"delta": 1.0}, "delta: expected a number"),
        ({"max_rows": 0}, "max_rows: expected an integer"),
        ({"n_canaries": 99}, "n_canaries: expected an integer of at least 100"),
        ({"n_canaries": 10**6}, "n_canaries: expected at most"),
        ({"confidence": 1.0}, "confidence: expected a number"),
        ({"adversary_share": 1.5}, "adversary_share: expected a number"),
    ],
)
def test_arguments_that_make_no_sense(arguments, message):
    with pytest.raises(ConfigError, match=message):
        audit(**arguments)


class TestCommand:
    ARGUMENTS = ("audit", "--epsilon", "8", "--canaries", "300")

    @pytest.mark.family
    def test_says_what_was_found(self, tmp_path):
        result = CliRunner().invoke(app, [*self.ARGUMENTS, "-o", str(tmp_path / "audit.json")])
        assert result.exit_code == 0, result.output
        assert "Nothing disproves the claim" in result.output
        assert "it cannot prove one" in result.output
        found = json.loads((tmp_path / "audit.json").read_text())
        assert (found["epsilon"], found["has_passed"], found["failures"]) == (8.0, True, [])

    def test_fails_loudly(self, monkeypatch, tmp_path):
        monkeypatch.setattr(
            mechanisms, "noisy_vector", lambda values, stddev: np.asarray(values, dtype=float)
        )
        result = CliRunner().invoke(app, [*self.ARGUMENTS, "-o", str(tmp_path / "audit.json")])
        assert result.exit_code == 1
        assert "FAILED" in result.output
        assert json.loads((tmp_path / "audit.json").read_text())["has_passed"] is False
        assert "does not hold" in result.output


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Return the file of a small model of visits, whose unit is the person."""
    df = pd.DataFrame({"who": np.arange(600) // 3, "a": ["x", "y", "z"] * 200})
    schema = Schema([Categorical(name="a", categories=("x", "y", "z"))], entity="who", max_rows=2)
    path = tmp_path_factory.mktemp("model") / "visits.tabgan"
    TabGAN(epsilon=4.0, schema=schema, random_state=0).fit(df).save(path)
    return path


class TestModel:
    """Of a fitted model: its own releases, and the installation with its arguments."""

    def test_it_has_the_models_claims(self, path):
        model = TabGAN.load(path)
        result = audit_model(model, n_canaries=200)
        assert (result.epsilon, result.privacy_unit) == (4.0, "entity (who), at most 2 rows each")
        assert [found.kind for found in result.canaries] == ["counts"]  # no target, no critic
        assert "releases: epsilon, composed anew" in result.checks[0].name
        assert result.checks[0].observed == pytest.approx(model.privacy_.epsilon_spent)
        assert AuditResult.from_json(result.to_json()) == result
        shareable = model.shareable_report(audit=result)
        assert "composed anew" in to_html(shareable.data)
        assert json.loads(to_json(shareable.data))["audit"]["has_passed"]

    @pytest.mark.family
    def test_a_model_that_spent_more_than_it_promised(self, path, monkeypatch):
        monkeypatch.setattr("tabgan.audit.cost_of", lambda entries: cost_of(entries * 20))
        assert "composed anew" in audit_model(TabGAN.load(path), n_canaries=200).failures[0]

    def test_a_model_that_claims_nothing(self):
        model = TabGAN(epsilon=None).fit(pd.DataFrame({"a": ["x", "y"] * 50}))
        with pytest.raises(PrivacyError, match="claims nothing"):
            audit_model(model)

    @pytest.mark.family
    def test_its_page_and_its_json(self, path, tmp_path):
        def run(*words):
            return CliRunner().invoke(
                app, [*words, "--canaries", "200"] if words[0] == "audit" else list(words)
            )

        page, told = tmp_path / "audit.html", tmp_path / "audit.json"
        for output in (page, told):
            done = run("audit", "--model", str(path), "-o", str(output))
            assert done.exit_code == 0, done.output
        assert "Audit of visits" in page.read_text()
        assert "✓ Nothing disproves the claim." in page.read_text()
        report = tmp_path / "report.html"
        done = run("evaluate", str(path), "--shareable", "--audit", str(told), "-o", str(report))
        assert done.exit_code == 0, done.output
        assert "private metrics: change by a unit of 3" in report.read_text()
        assert run("audit", "--model", str(path), "--max-rows", "3").exit_code == 2
        (tmp_path / "no.json").write_text("{}")
        done = run("evaluate", str(path), "--shareable", "--audit", str(tmp_path / "no.json"), "-o", "-")
        assert done.exit_code == 2
        assert "expected the JSON of tabgan audit" in done.output


def test_each_target_of_a_fit_has_steps_that_are_attacked():
    plan = make_plan(8.0, 1e-6, has_discovery=False, n_targets=2)
    steps = [entry for entry in run_canaries(plan, 100).privacy.entries if entry.door == "dpsgd"]
    assert len(steps) == 2 * ADVERSARY_STEPS
    with pytest.raises(ConfigError, match="n_targets: expected"):
        audit(n_targets=0)
