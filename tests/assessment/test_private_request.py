"""Private metrics for the shareable edition: one more entry in the dataset's ledger."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pandas as pd
import pytest

from tabgan import TabGAN
from tabgan.assessment import assess as assessment
from tabgan.assessment.private_request import plan_private_metrics
from tabgan.errors import BudgetExceededError, ConfigError, DataError, LedgerError
from tabgan.evaluation.gate import Gate
from tabgan.privacy.filter import PrivacyStatement
from tabgan.privacy.ledger.file import LedgerFile
from tabgan.privacy.ledger.records import LedgerConfig
from tabgan.privacy.unit import PrivacyUnit
from tabgan.report import Report, to_json
from tabgan.schema import Schema


def table(n_rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.integers(20, 80, n_rows)
    ill = np.where(rng.random(n_rows) < age / 100, "yes", "no")
    return pd.DataFrame({"age": age, "ill": ill, "town": rng.choice(["Ulm", "Bonn"], n_rows)})


@pytest.fixture(scope="module")
def model() -> TabGAN:
    return TabGAN(epsilon=5.0, random_state=0).fit(table(1_500, 0))


@pytest.fixture(scope="module")
def open_model() -> TabGAN:
    return TabGAN(epsilon=None, random_state=0).fit(table(500, 0))


@pytest.fixture(autouse=True)
def quick(request, monkeypatch):
    """Leave out what takes long of an evaluation and has nothing to do with private metrics."""
    from tabgan.evaluation import suite

    steps = ("attack_steps", "detection_findings", "utility_findings", "membership_findings")
    for step in (*steps, "quality_metrics", "association_findings", "projection_findings"):
        monkeypatch.setattr(suite, step, lambda *_: ())


@cache
def evaluated_once(model: TabGAN) -> Report:
    return model.evaluate(table(1_500, 0), table(400, 1), target="ill", private_metrics_epsilon=1.0)


@pytest.fixture
def plain(model, noise) -> Report:
    with noise.seeded(__name__, "plain"):
        return evaluated_once(model)


class TestRequest:
    def evaluated(self, model, **options):
        real = table(1_500, 0)
        return model.evaluate(real, table(400, 1), target="ill", private_metrics_epsilon=1.0, **options)

    def test_adds_to_what_is_promised(self, plain):
        report = plain
        for data in (report.data, report.shareable.data):
            assert data.total == (6.0, 2e-6)
            assert {entry.door for entry in data.private_metrics.entries} == {"private_metrics"}
        assert report.shareable.evaluation["tvd2_private"].is_computed
        assert report.shareable.evaluation["accuracy_private"].value > 0.4
        assert "tvd2_private" not in {metric.name for metric in report.evaluation.metrics}

    @pytest.mark.family
    def test_by_old_names(self, model):
        with pytest.warns(FutureWarning, match="private_metrics_") as found:
            report = model.evaluate(
                table(1_500, 0), table(400, 1), evaluation_epsilon=1.0, evaluation_delta=1e-6
            )
        assert len(found) == 2
        assert report.shareable.data.total == (6.0, 2e-6)
        assert report.shareable.evaluation["tvd2_private"].is_computed

    @pytest.mark.parametrize("gate", [Gate(epsilon=5.5), Gate(epsilon=6.0, delta=1.5e-6)])
    def test_nothing_is_measured_that_the_gate_could_not_pass(self, model, gate, tmp_path):
        with pytest.raises(ConfigError, match="over the gate's limit"):
            self.evaluated(model, gate=gate, ledger=tmp_path / "people.ledger")
        assert not (tmp_path / "people.ledger").exists()

    @pytest.mark.family
    def test_the_gate_counts_it(self, model):
        report = self.evaluated(model, gate=Gate(epsilon=6.0, delta=2e-6))
        assert report.decision.outcome == report.shareable.data.decision.outcome == "passed"
        assert [check.found for check in report.decision.checks] == [6.0, 2e-6]

    @pytest.mark.family
    def test_belongs_into_the_ledger_of_the_fit(self, tmp_path):
        """Or a cap would not see it."""
        path, real = tmp_path / "people.ledger", table(1_500, 0)
        model = TabGAN(epsilon=5.0, random_state=0).fit(real, ledger=path)
        other = tmp_path / "other.ledger"
        TabGAN(epsilon=5.0, random_state=0).fit(real, ledger=other)
        for ledger in (None, other, tmp_path / "new.ledger"):
            with pytest.raises(LedgerError, match="its private metrics must be, too"):
                self.evaluated(model, ledger=ledger)
        assert [len(LedgerFile(each).fits) for each in (path, other)] == [1, 1]
        assert not (tmp_path / "new.ledger").exists()

    def test_its_lines_stand_beside_those_of_the_fit_and_not_among_them(self, plain):
        for data in (plain.data, plain.shareable.data):
            twin = json.loads(to_json(data))
            assert "private_metrics" not in {group["door"] for group in twin["ledger"]}
            assert {group["door"] for group in twin["private_metrics_ledger"]} == {"private_metrics"}

    def test_says_what_it_rests_on(self, plain):
        report = plain
        facts = report.shareable.data.assumptions
        assert any("each used once" in fact for fact in facts)
        assert sum("sample of the model" in fact for fact in facts) == 1

    def test_stands_in_the_ledger_as_an_entry_of_its_own(self, tmp_path):
        path, real = tmp_path / "people.ledger", table(1_500, 0)
        model = TabGAN(epsilon=5.0, random_state=0).fit(real, ledger=path)
        self.evaluated(model, ledger=path)
        fit, request = LedgerFile(path).fits
        assert (fit.outcome, request.outcome) == ("done", "done")
        assert (request.epsilon, request.delta) == (1.0, 1e-6)
        assert {release.door for _, releases in request.charges for release in releases} == {
            "private_metrics"
        }

    @pytest.mark.family
    def test_a_table_that_was_held_out_from_belongs_to_the_whole_ones_ledger(self, tmp_path):
        path, whole = tmp_path / "people.ledger", table(1_900, 0)
        real, holdout = whole.iloc[:1_500], whole.iloc[1_500:]
        model = TabGAN(epsilon=5.0, random_state=0).fit(real, ledger=path, source_table=whole)
        model.evaluate(real, holdout, private_metrics_epsilon=1.0, ledger=path, source_table=whole)
        assert len(LedgerFile(path).fits) == 2

    def test_a_cap_refuses_it_before_anything_is_done(self, tmp_path, monkeypatch):
        config = LedgerConfig(tmp_path / "people.ledger", epsilon_cap=5.0, delta_cap=1e-6)
        model = TabGAN(epsilon=5.0, random_state=0).fit(table(1_500, 0), ledger=config)
        monkeypatch.setattr(assessment, "evaluate", lambda *_, **__: pytest.fail("evaluated"))
        with pytest.raises(BudgetExceededError):
            self.evaluated(model, ledger=config)

    def test_room_for_both_is_asked_for_before_the_fit(self, tmp_path):
        config = LedgerConfig(tmp_path / "people.ledger", epsilon_cap=1.5, delta_cap=1e-5)
        TabGAN(epsilon=1.0).check_cap(config)
        with pytest.raises(BudgetExceededError, match="private metrics after it"):
            TabGAN(epsilon=1.0).check_cap(config, private_metrics_epsilon=1.5)
        assert not config.path.exists()

    def test_nothing_is_paid_for_a_report_that_fails(self, model, tmp_path):
        path = tmp_path / "people.ledger"
        with pytest.raises(DataError):
            model.evaluate(
                table(200, 0)[["age"]], table(200, 1), private_metrics_epsilon=1.0, target="ill", ledger=path
            )
        assert not path.exists()

    @pytest.mark.family
    def test_a_request_that_fails_is_recorded_as_failed(self, model, tmp_path, monkeypatch):
        from tabgan.assessment import private_request

        path = tmp_path / "people.ledger"

        def fails(*_, **__):
            raise RuntimeError

        monkeypatch.setattr(private_request, "release_private_metrics", fails)
        with pytest.raises(RuntimeError):
            self.evaluated(model, ledger=path)
        assert [fit.outcome for fit in LedgerFile(path).fits] == ["failed"]

    @pytest.mark.parametrize(
        ("terms", "message"),
        [
            ({}, "expected the fit's delta, because the model was loaded"),
            ({"private_metrics_delta": 1e-5}, "the model states 1e-06"),
            ({"private_metrics_delta": 1e-6, "entity": "town", "max_rows": 2}, "protects one row"),
            ({"private_metrics_delta": 1e-6, "entity": "town"}, "entity and max_rows together"),
            ({"private_metrics_delta": 2.0}, "private_metrics_delta: expected a"),
        ],
    )
    def test_a_loaded_model_is_not_asked_what_it_promises(self, model, terms, message, tmp_path):
        """Pitfall 38: a file may say anything that agrees with itself, and must not scale noise."""
        model.save(tmp_path / "m")
        loaded = TabGAN.load(tmp_path / "m", device="cpu")
        with pytest.raises(ConfigError, match=message):
            self.evaluated(loaded, **terms, ledger=tmp_path / "l")
        assert not (tmp_path / "l").exists()

    @pytest.mark.family
    def test_beside_a_loaded_model_the_callers_word_counts(self, model, tmp_path):
        model.save(tmp_path / "m")
        loaded = TabGAN.load(tmp_path / "m", device="cpu")
        report = self.evaluated(loaded, private_metrics_delta=1e-6)
        assert report.shareable.data.total == (6.0, 2e-6)
        assert "not signed" in repr(loaded)
        assert "not signed" not in repr(model)

    def test_protects_whom_the_fit_does(self):
        """Pitfall 40: noise for rows would be too little for people of several."""
        unit = PrivacyUnit("who", 3)
        statement = PrivacyStatement(True, 1.0, 1e-6, 0.5, 0.0, "entity", entity="who", max_rows=3)
        assert plan_private_metrics(statement, 1.0, 1e-6, unit).unit == unit
        for other in (PrivacyUnit(), PrivacyUnit("who", 1), PrivacyUnit("whom", 3)):
            with pytest.raises(ConfigError, match="protects one entity"):
                plan_private_metrics(statement, 1.0, 1e-6, other)

    @pytest.mark.family
    def test_beside_a_fit_of_entities_it_protects_entities(self):
        df = table(1_500, 0).assign(who=np.arange(1_500) // 2)
        model = TabGAN(5.0, schema=Schema(entity="who", max_rows=2), adversary_share=0, random_state=0).fit(
            df
        )
        holdout = table(400, 1).assign(who=np.arange(400))
        report = model.evaluate(df, holdout, private_metrics_epsilon=1.0)
        private_metrics = report.shareable.data.private_metrics
        assert private_metrics.unit == PrivacyUnit("who", 2)
        assert {entry.sensitivity for entry in private_metrics.entries} == {2.0}

    def test_not_without_privacy(self, open_model):
        with pytest.raises(
            ConfigError, match="private_metrics_epsilon: a fit with epsilon=None promises nothing"
        ):
            self.evaluated(open_model)

    @pytest.mark.parametrize("epsilon", [0, -1.0, float("nan"), "1"])
    def test_bad_budgets(self, model, epsilon):
        with pytest.raises(ConfigError, match="private_metrics_epsilon"):
            model.evaluate(table(500, 0), table(300, 1), private_metrics_epsilon=epsilon)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Return the codes that were compared, the private metrics and their ledger, which they begin."""
    from tabgan import Categorical, Schema
    from tabgan.assessment.private_request import requested
    from tabgan.privacy.doors import private_metrics as module

    df = table(900, 0).assign(who=np.r_[np.zeros(300, int), np.arange(600) // 2 + 1])  # one has 300 rows
    path = tmp_path_factory.mktemp("unit") / "people.ledger"
    schema = Schema([Categorical(name="town", categories=["Ulm", "Bonn"])], entity="who", max_rows=3)
    model = TabGAN(5.0, adversary_share=0.0, schema=schema, random_state=0).fit(df)
    seen = []
    comparison = module.Comparison

    def spying(codes, *arguments):
        seen.append(codes)
        return comparison(codes, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "Comparison", spying)
        config = LedgerConfig(path)
        terms = model.plan_.delta, model.plan_.unit
        given = {"terms": terms, "ledger": config, "target": "ill"}
        with requested(model._fitted, df, model.sample(600), 1.0, **given) as (measure, _):
            result = measure()
    return seen[0], result, LedgerFile(path)


class TestUnit:
    """Private metrics protect what the fit protects, or a patient's rows would count as many people's."""

    def test_contributions_are_bounded(self, measured):
        """Of 300 rows of one patient three count."""
        codes, _, _ = measured
        assert len(codes) == 3 + 600

    def test_noise_is_scaled_to_all_rows_of_a_unit(self, measured):
        _, result, ledger = measured
        lines = [release for _, releases in ledger.fits[0].charges for release in releases]
        assert {release.what for release in lines} >= {"distance of a column", "rows predicted right"}
        assert {release.sensitivity for release in lines} == {3}
        for noisy in result.metrics.columns.values():
            first = lines[0]
            assert first.noise_stddev == 3 * first.noise_multiplier
            assert noisy.noise_stddev * 500 < first.noise_stddev < noisy.noise_stddev * 700

    def test_the_promise_is_of_the_unit(self, measured):
        _, result, ledger = measured
        assert result.statement.unit == ledger.unit == PrivacyUnit("who", 3)
