"""Two editions of one report: an internal one, and one that may accompany the table."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest

from tabgan import Categorical, Schema, TabGAN
from tabgan.assessment import assess as assessment
from tabgan.assessment.assess import Subject, assess, shareable_data
from tabgan.audit.outcome import AuditResult, CanaryResult
from tabgan.audit.statistics import AuditBound, ExpectedBound
from tabgan.errors import ConfigError, PrivacyError
from tabgan.evaluation.gate import Gate, Limit
from tabgan.report import to_html, to_json, to_markdown


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
def quick(monkeypatch, few_trees):
    leave_out_what_takes_long(monkeypatch)


def leave_out_what_takes_long(monkeypatch):
    """Leave out the steps of an evaluation that no edition or gate here reads."""
    from tabgan.evaluation import suite

    for step in ("attack_steps", "detection_findings"):
        monkeypatch.setattr(suite, step, lambda *_: ())


def editions(data) -> tuple[str, str, str]:
    return to_html(data), to_json(data), to_markdown(data)


class TestShareable:
    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize("edit", ["other rows", "one row less", "a secret"])
    def test_is_the_same_byte_for_byte_when_the_real_table_changes(self, model, edit):
        """Pitfalls 21 and 1: the model, its releases and the synthetic table are what the edition is made of."""
        real, holdout = table(1_500, 0), table(400, 1)
        other = {
            "other rows": table(1_500, 7),
            "one row less": real.iloc[1:],
            "a secret": real.assign(town="Zanzibar-4711", age=79),
        }[edit]
        synthetic = model.sample(800)
        first, second = (
            model.evaluate(
                rows,
                holdout,
                synthetic=synthetic,
                target="ill",
                gate=Gate(epsilon=5.0, limits=limits),
                created="2031-05-06",
            )
            for rows, limits in ((real, {}), (other, {"tvd2": Limit(0.0)}))
        )
        assert editions(first.data) != editions(second.data)
        assert first.decision.outcome != second.decision.outcome
        assert editions(first.shareable.data) == editions(second.shareable.data)

    @pytest.mark.family
    def test_private_metrics_are_all_that_may_change_it(self, model, monkeypatch):
        """With the noisy numbers of the first, the second says the same."""
        synthetic, results = model.sample(800), []

        def edition(real):
            report = model.evaluate(
                real,
                table(400, 1),
                synthetic=synthetic,
                target="ill",
                private_metrics_epsilon=1.0,
                created="2031-05-06",
            )
            return report.shareable.data

        from tabgan.assessment import private_request

        once = private_request.measure_private_metrics

        def keeping(*arguments, **options):
            results.append(once(*arguments, **options) if not results else results[0])
            return results[0]

        monkeypatch.setattr(private_request, "measure_private_metrics", keeping)
        first, second = edition(table(1_500, 0)), edition(table(1_500, 7))
        assert isinstance(results[0], assessment.PrivateMetricsResult)
        assert editions(first) == editions(second)

    @pytest.mark.family
    def test_groups_outside_of_the_released_domain(self, model):
        """The internal edition tells of them without a name; the other does not mention them."""
        real, holdout = table(1_500, 0), table(400, 1)
        for rows in (real, holdout):
            rows.loc[rows.index % 5 == 0, "town"] = "Zanzibar-4711"
        real.loc[:30, "town"] = "Geheimdorf"  # too few rows to be named anywhere
        report = model.evaluate(real, holdout, synthetic=model.sample(800), target="ill")
        internal = json.loads(to_json(report.data))["evaluation"]["subgroups"]
        (unnamed,) = [group for group in internal if group["column"] == "town" and group["category"] is None]
        assert unnamed["label"] == "not in the released domain"
        assert unnamed["n_rows"] == 80
        assert "not in the released domain" in to_html(report.data)
        assert [each.category for each in report.data.evaluation.unshown] == ["Zanzibar-4711"]
        assert all("Zanzibar" not in text for text in editions(report.shareable.data))
        assert all(
            "Geheimdorf" not in text for text in (*editions(report.data), *editions(report.shareable.data))
        )

    def test_both_editions_say_when_and_whose(self, model):
        stated = {"source": "A census", "controller": "The bureau"}
        report = model.evaluate(table(300, 0), table(300, 1), synthetic=model.sample(300), stated=stated)
        for data in (report.data, report.shareable.data):
            date = dt.date.fromisoformat(data.created)
            assert abs((date - dt.datetime.now(dt.UTC).date()).days) <= 1
            assert (data.stated.source, data.stated.controller, data.stated.contact) == (
                *stated.values(),
                None,
            )
        with pytest.raises(ConfigError, match="unknown key 'sorce'. Did you mean 'source'"):
            model.evaluate(table(300, 0), table(300, 1), stated={"sorce": "x"})

    @pytest.mark.family
    def test_a_value_that_no_row_holds_is_invalid_in_the_house(self, model):
        """Within the released domain it is valid out there."""
        real, holdout = table(300, 0), table(300, 1)
        real["age"], holdout["age"] = real["age"].clip(upper=50), holdout["age"].clip(upper=50)
        report = model.evaluate(real, holdout, synthetic=model.sample(300))
        assert report.evaluation["bounds"].value < 1
        assert report.shareable.evaluation["bounds"].value == 1

    @pytest.mark.family
    def test_in_a_notebook_it_is_one_screen(self, model):
        report = model.evaluate(table(300, 0), table(300, 1), synthetic=model.sample(300), title="<b>x")
        for text in (repr(report), report._repr_markdown_(), report._repr_html_()):
            assert len(text) < 12_000  # a third of it are the styles of a page
            assert len(text.splitlines()) < 60
            assert "INTERNAL" in text
        assert "<b>" not in report._repr_html_()
        assert "SHAREABLE" in repr(report.shareable)

    def test_says_what_it_is(self, model):
        report = model.shareable_report(target="ill")
        html = to_html(report.data)
        assert "SHAREABLE" in html
        assert "INTERNAL" not in html
        assert json.loads(to_json(report.data))["edition"] == "shareable"
        assert report.shareable.data == report.data

    def test_without_privacy_there_is_none(self, open_model):
        report = open_model.evaluate(table(500, 0), table(300, 1))
        with pytest.raises(PrivacyError, match="no shareable edition"):
            _ = report.shareable
        with pytest.raises(PrivacyError, match="expected a private fit"):
            open_model.shareable_report()

    @pytest.mark.family
    def test_the_place_in_the_ledger_is_left_out(self, tmp_path):
        """Its hash covers a digest of the table."""
        model = TabGAN(epsilon=5.0, random_state=0).fit(table(800, 0), ledger=tmp_path / "people.ledger")
        place = model.privacy_.place
        report = model.evaluate(table(800, 0), table(300, 1))
        assert place.hash in to_html(report.data)
        assert all(place.hash not in text for text in editions(report.shareable.data))

    def test_columns_are_drawn_as_they_were_released(self, model):
        (age, ill, _) = model.shareable_report().data.columns
        real = sum(one.counts.real for one in age.overlay.bins)
        assert real == pytest.approx(model.n_rows_, rel=0.05)
        assert sum(bar.counts.real for bar in ill.overlay.bars) == pytest.approx(model.n_rows_, rel=0.05)
        assert all(one.counts.holdout == 0 for one in age.overlay.bins)

    @pytest.mark.family
    def test_identifiers(self):
        from tabgan import Identifier, Schema

        df = table(800, 0).assign(id=np.arange(800))
        model = TabGAN(epsilon=5.0, schema=Schema(columns=[Identifier(name="id")])).fit(df)
        assert "generated" in to_html(model.shareable_report().data)


class TestGate:
    def test_what_it_says_of_real_rows_stays_in_the_house(self, model):
        """A figure on real rows is none of the shareable edition, nor whether it keeps a limit."""
        report = model.evaluate(
            table(1_500, 0), table(400, 1), gate=Gate(epsilon=1.0, limits={"tvd2": Limit(0.0)})
        )
        assert [check.name for check in report.decision.failed] == ["epsilon", "tvd2"]
        assert [check.name for check in report.shareable.decision.checks] == ["epsilon"]

    @pytest.mark.family
    def test_one_that_holds_figures_only_says_nothing_out_there(self, model):
        report = model.evaluate(table(1_500, 0), table(400, 1), gate=Gate(limits={"tvd2": Limit(1.0)}))
        assert report.decision.outcome == "passed"
        assert report.shareable.decision.outcome == "open"

    @pytest.mark.parametrize("has_all_steps", [False, pytest.param(True, marks=pytest.mark.slow)])
    @pytest.mark.family
    def test_known_extremes(self, has_all_steps, monkeypatch):
        """A copy of the real rows fails; fresh rows pass; shuffled columns lose pairs, not shapes."""
        monkeypatch.undo()  # here it matters how well models learn
        if not has_all_steps:
            leave_out_what_takes_long(monkeypatch)
        rng = np.random.default_rng(0)

        def people(n_rows: int, seed: int) -> pd.DataFrame:
            df = table(n_rows, seed)
            noise = np.random.default_rng(seed + 100).normal(0, 3, (n_rows, 4)).round(2)
            return df.assign(**{f"x{i}": noise[:, i] + df["age"] * (i % 2) for i in range(4)})

        real, holdout, fresh = (people(2_000, seed) for seed in range(3))
        shuffled = pd.DataFrame({name: rng.permutation(fresh[name].to_numpy()) for name in fresh})
        from tabgan import evaluate

        found = {
            name: evaluate(real, holdout, synthetic, target="ill")
            for name, synthetic in (("copy", real), ("fresh", fresh), ("shuffled", shuffled))
        }
        told, standard = {metric.name for metric in found["fresh"].metrics}, Gate.standard(has_target=True)
        gate = Gate(limits={name: limit for name, limit in standard.limits.items() if name in told})
        assert len(gate.limits) == len(standard.limits) or not has_all_steps
        decisions = {name: gate.decide(each, (1.0, 1e-6)) for name, each in found.items()}
        assert {"membership_auc", "exact_copies"} <= {check.name for check in decisions["copy"].failed}
        assert decisions["fresh"].failed == ()
        assert {"tstr"} <= {check.name for check in decisions["shuffled"].failed} <= {"tstr", "tvd2"}
        assert found["shuffled"]["shapes"].value > found["shuffled"]["shapes"].reference - 0.02
        assert found["shuffled"]["tvd2"].value > found["shuffled"]["tvd2"].reference + 0.03

    @pytest.mark.family
    def test_an_audit_is_told_in_both_editions(self, model):
        bound, expected = AuditBound(0.4, 0.95, 100, 50, 40), ExpectedBound(0.5, 0.3, 0.7, 100, 60)
        result = AuditResult(5.0, 1e-6, "row", (), (CanaryResult("both", bound, expected),), 0.95, 1.0)
        for limit, outcome in ((0.5, "passed"), (0.3, "failed")):
            report = model.evaluate(table(500, 0), table(300, 1), audit=result, gate=Gate(audit=limit))
            assert report.decision.outcome == report.shareable.decision.outcome == outcome
        assert report.shareable.evaluation["audit_bound"].value == 0.4

    @pytest.mark.family
    def test_an_audit_without_canaries_shows_nothing(self, model):
        result = AuditResult(5.0, 1e-6, "row", (), (), 0.95, 1.0)
        report = model.evaluate(table(500, 0), table(300, 1), audit=result, gate=Gate(audit=1.0))
        assert report.decision.outcome == "failed"

    def test_an_audit_of_another_promise_is_none(self, model):
        result = AuditResult(1.0, 1e-6, "row", (), (), 0.95, 1.0)
        with pytest.raises(ConfigError, match="audit: expected one of the fit's epsilon=5.0"):
            model.evaluate(table(500, 0), table(400, 1), audit=result)

    def test_without_privacy_it_never_passes(self, open_model):
        report = open_model.evaluate(table(500, 0), table(300, 1), gate=Gate(limits={"tvd2": Limit(1.0)}))
        assert [check.name for check in report.decision.failed] == ["guarantee"]


class TestInternal:
    def test_names_no_category_of_few_rows_that_was_neither_declared_nor_made(self):
        """Its charts hold real rows' counts, and none of their values; who is missing is named from 50 rows on."""
        schema = Schema(
            columns=[
                Categorical(name="town", categories=("Ulm", "Bonn")),
                Categorical(name="ill", categories=("yes", "no")),
            ]
        )

        def people(n_rows, seed):
            df, rng = table(n_rows, seed), np.random.default_rng(seed)
            df.loc[rng.random(n_rows) < 0.02, "town"] = "Geheimdorf"
            df.loc[rng.random(n_rows) < 0.02, "ill"] = "a-secret"
            df.loc[rng.random(n_rows) < 0.3, "town"] = "Kleinstadt"
            return df

        model = TabGAN(epsilon=5.0, schema=schema).fit(people(1_500, 0))
        report = model.evaluate(people(1_500, 0), people(600, 1), target="ill", subgroups=["town"])
        for text in editions(report.data):
            assert "Geheimdorf" not in text
            assert "a-secret" not in text
        assert [each.category for each in report.evaluation.unshown] == ["Kleinstadt"]
        assert all("Kleinstadt" not in text for text in editions(report.shareable.data))
        assert {group.category for group in report.evaluation.subgroups} >= {"Ulm", "Bonn", None}


def test_a_subject_of_a_loaded_model(model, tmp_path):
    model.save(tmp_path / "m.tabgan")
    loaded = TabGAN.load(tmp_path / "m.tabgan")
    synthetic = model.sample(500)
    subjects = [Subject(m._fitted, synthetic, m.schema_, "t") for m in (model, loaded)]
    assert editions(shareable_data(subjects[0])) == editions(shareable_data(subjects[1]))
    assert assess(subjects[1], table(1_500, 0), table(400, 1)).data.title == "t"
