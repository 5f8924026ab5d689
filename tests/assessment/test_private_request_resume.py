"""Private metrics of a job that is killed at any step: nothing is spent unseen, and no answer is charged twice."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabgan import TabGAN
from tabgan.assessment import private_request
from tabgan.errors import BudgetExceededError, CheckpointError, ConfigError
from tabgan.evaluation.gate import Gate
from tabgan.fitting import checkpoint
from tabgan.fitting.checkpoint import KeptRequests, discard
from tabgan.io import sinks
from tabgan.jobs.loading import load_jobs
from tabgan.jobs.run import run_job
from tabgan.privacy.doors import mechanisms, private_metrics
from tabgan.privacy.ledger import file as ledger_file
from tabgan.privacy.ledger import journal
from tabgan.privacy.ledger.file import LedgerFile
from tabgan.privacy.ledger.journal import Journal
from tabgan.privacy.ledger.records import LedgerConfig

FIT, EXTRA = 5.0, 0.5


class Killed(BaseException):
    """The process is gone: it catches nothing, and nothing is tidied up."""


def table(n_rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.integers(20, 80, n_rows)
    ill = np.where(rng.random(n_rows) < age / 100, "yes", "no")
    return pd.DataFrame({"age": age, "ill": ill, "town": rng.choice(["Ulm", "Bonn"], n_rows)})


REAL = table(600, 0)


class Fitted:
    """A model, and copies of the checkpoint and the ledger that its fit has left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.own = TabGAN(FIT, adversary_share=0.0, random_state=0).fit(REAL, checkpoint=folder / "own")
        self.shared = TabGAN(FIT, adversary_share=0.0, random_state=0).fit(
            REAL, checkpoint=folder / "shared", ledger=folder / "people.ledger"
        )

    def copy(self, place: Path, has_ledger: bool) -> Job:
        place.mkdir()
        shutil.copytree(self.folder / ("shared" if has_ledger else "own"), place / "fit")
        for file in self.folder.glob("people.ledger*"):
            shutil.copy(file, place)
        ledger = place / "people.ledger" if has_ledger else None
        return Job(self.shared if has_ledger else self.own, place / "fit", ledger)


@cache
def sampled(model: TabGAN, seed: int) -> pd.DataFrame:
    return model.sample(600, random_state=seed)


class Job:
    """The steps of a job after its fit, without the evaluation."""

    def __init__(self, model: TabGAN, checkpoint: Path, ledger: Path | None) -> None:
        self.model, self.checkpoint, self.ledger = model, checkpoint, ledger

    def measure(
        self, epsilon: float | None = EXTRA, seed: int = 3, config: LedgerConfig | None = None, **options
    ):
        """Return private metrics, or the promise for earlier ones if none are measured."""
        fitted = self.model._fitted
        config = config or (None if self.ledger is None else LedgerConfig(self.ledger))
        options = {"ledger": config, "checkpoint": self.checkpoint, "target": "ill"} | options
        terms = self.model.plan_.delta, self.model.plan_.unit
        with private_request.requested(
            fitted, REAL, sampled(self.model, seed), epsilon, terms=terms, **options
        ) as (measure, before):
            return before if measure is None else measure()

    @property
    def requests(self):
        """All entries of the ledger but the fit's."""
        return LedgerFile(self.ledger or self.checkpoint / "ledger.jsonl").fits[1:]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory) -> Fitted:
    return Fitted(tmp_path_factory.mktemp("fitted"))


@pytest.fixture(
    params=[pytest.param(False, marks=pytest.mark.family), True], ids=["own ledger", "the dataset's"]
)
def job(request, fitted, tmp_path) -> Job:
    return fitted.copy(tmp_path / "job", request.param)


class Killer:
    """Kills at the n-th of the moments before something reaches the disk, and lets nothing through after that."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left: int | None = None
        self.moments = 0
        self.draws: Counter[bytes] = Counter()
        for owner, name in (
            (ledger_file, "append_line"),
            (LedgerFile, "_write_guard"),
            (Journal, "keep"),
            (journal, "append_line"),
            (KeptRequests, "begin"),
            (mechanisms, "noisy_vector"),
        ):
            monkeypatch.setattr(owner, name, self._around(getattr(owner, name), name))

    def _moment(self) -> None:
        self.moments += 1
        if self.left is not None and self.moments > self.left:
            raise Killed

    def _around(self, real: Callable, name: str) -> Callable:
        def wrapped(*arguments, **options):
            self._moment()
            result = real(*arguments, **options)
            if name == "noisy_vector":
                self.draws[result.tobytes()] += 1
            return result

        return wrapped

    def after(self, moments: int | None) -> None:
        self.left, self.moments = moments, 0


@pytest.fixture
def killer(monkeypatch) -> Iterator[Killer]:
    return Killer(monkeypatch)


def figures(metrics) -> list[float]:
    single = [noisy.value for noisy in metrics.columns.values()]
    others = (metrics.pairs, metrics.triples, metrics.correct, metrics.majority)
    return single + [each.value for each in others if each is not None]


def charged(job: Job) -> int:
    return sum(bool(each.charges) for each in job.requests)


class TestKilled:
    @pytest.mark.parametrize("has_ledger", [pytest.param(False, marks=pytest.mark.family), True])
    def test_at_every_step(self, fitted, killer, tmp_path, has_ledger):
        """Pitfall 33: what is stated is never less than what was drawn, and a kept answer is never drawn again."""
        seen = Counter()
        killer.after(None)
        fitted.copy(tmp_path / "whole", has_ledger).measure(target=None)
        for moment in range(killer.moments):
            job = fitted.copy(tmp_path / f"{moment}", has_ledger)
            killer.draws.clear()
            killer.after(moment)
            with pytest.raises(Killed):
                job.measure(target=None)
            killer.after(None)
            n_before = killer.draws.total()
            result = job.measure(target=None)
            assert result.statement.epsilon == pytest.approx(EXTRA * charged(job))
            assert result.statement.delta == pytest.approx(1e-6 * charged(job))
            lines = [r for each in job.requests for _, releases in each.charges for r in releases]
            assert list(result.statement.entries) == lines
            assert killer.draws.total() <= sum(len(each.charges) for each in job.requests)
            assert all(each.outcome is not None for each in job.requests)
            assert max(killer.draws.values()) == 1
            n_drawn = killer.draws.total()
            again = job.measure(target=None)
            assert killer.draws.total() == n_drawn
            assert figures(again.metrics) == figures(result.metrics)
            assert again.statement.epsilon == result.statement.epsilon
            seen[n_before, charged(job)] += 1
        # Killed with no answer, one and both of them, measured once and, where an answer was lost, a second time.
        assert {drawn for drawn, _ in seen} == {0, 1, 2}
        assert {times for _, times in seen} == {1, 2}

    @pytest.mark.family
    def test_one_that_an_older_version_began(self, fitted, killer, monkeypatch, tmp_path):
        """Its files and the door of its lines have other names: all of them count, and kept answers are read."""
        killer.after(None)
        fitted.copy(tmp_path / "whole", has_ledger=True).measure(target=None)
        left, seen = Counter(), set()
        for moment in range(killer.moments):
            job = fitted.copy(tmp_path / f"{moment}", has_ledger=True)
            killer.draws.clear()
            killer.after(moment)
            with monkeypatch.context() as patch, pytest.raises(Killed):
                patch.setattr(checkpoint, "_REQUESTS", "purchases.jsonl")
                patch.setattr(checkpoint, "_REQUEST_ANSWERS", "bought.{}.jsonl")
                patch.setattr(private_metrics, "DOOR", "evaluation")
                job.measure(target=None)
            left.update({path.name.split(".")[0] for path in job.checkpoint.iterdir()})
            left["lines"] += '"door":"evaluation"' in job.ledger.read_text()
            killer.after(None)
            n_before = killer.draws.total()
            result = job.measure(target=None)
            seen.add((n_before, charged(job)))
            assert result.statement.epsilon == pytest.approx(EXTRA * charged(job))
            assert {entry.door for entry in result.statement.entries} == {"private_metrics"}
            assert max(killer.draws.values()) == 1
            assert killer.draws.total() <= sum(len(each.charges) for each in job.requests)
            assert all(each.outcome is not None for each in job.requests)
            n_drawn = killer.draws.total()
            again = job.measure(target=None)
            assert killer.draws.total() == n_drawn
            assert figures(again.metrics) == figures(result.metrics)
            discard(job.checkpoint)
            assert not job.checkpoint.exists()
        assert {(1, 1), (2, 1)} <= seen  # killed with one and both answers kept, which are read
        assert min(left["purchases"], left["bought"], left["lines"]) > 0
        assert left["private-metrics"] == 0

    def test_a_lost_answer_is_measured_anew_and_both_count(self, job, killer, monkeypatch):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(Journal, "keep", lambda *_: (_ for _ in ()).throw(Killed()))
            job.measure()
        assert [each.outcome for each in job.requests] == [None]
        assert job.measure().statement.epsilon == 2 * EXTRA
        assert [each.outcome for each in job.requests] == ["failed", "done"]

    def test_an_answer_that_was_kept_is_not(self, job, killer, monkeypatch):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(LedgerFile, "end", lambda *_: (_ for _ in ()).throw(Killed()))
            job.measure()
        n_drawn = killer.draws.total()
        assert job.measure().statement.epsilon == EXTRA
        assert killer.draws.total() == n_drawn


class TestTotal:
    def test_another_synthetic_table_is_another_request(self, job):
        first, second = job.measure(), job.measure(seed=4)
        assert figures(first.metrics) != figures(second.metrics)
        assert second.statement.epsilon == 2 * EXTRA
        assert job.measure().statement.epsilon == 2 * EXTRA
        assert len(job.requests) == 2

    @pytest.mark.family(keep=2)
    @pytest.mark.parametrize("options", [{"epsilon": 0.25}, {"target": "town"}, {"random_state": 1}])
    def test_so_are_other_arguments(self, job, options):
        job.measure()
        assert job.measure(**options).statement.epsilon == EXTRA + options.get("epsilon", EXTRA)

    def test_counts_where_nothing_more_is_measured(self, job):
        assert job.measure(None) is None
        job.measure()
        assert job.measure(None).epsilon == EXTRA

    def test_counts_in_both_editions(self, job, monkeypatch):
        from tabgan.evaluation import suite

        steps = ("attack_steps", "detection_findings", "utility_findings", "membership_findings")
        for step in (*steps, "quality_metrics", "association_findings", "projection_findings"):
            monkeypatch.setattr(suite, step, lambda *_: ())
        job.measure()
        options = {"ledger": job.ledger, "checkpoint": job.checkpoint, "gate": Gate(epsilon=FIT)}
        report = job.model.evaluate(REAL, table(300, 1), **options)
        for data in (report.data, report.shareable.data):
            assert data.total == (FIT + EXTRA, 2e-6)
        assert report.decision.outcome == "failed"

    def test_nothing_is_measured_again_that_the_gate_could_not_pass(self, job):
        gate = Gate(epsilon=FIT + EXTRA)
        job.measure(gate=gate)
        assert job.measure(gate=gate).statement.epsilon == EXTRA  # read again
        with pytest.raises(ConfigError, match="over the gate's limit"):
            job.measure(gate=gate, seed=4)
        assert len(job.requests) == 1

    def test_a_cap_refuses_a_second_one_and_not_the_first_one_read_again(self, fitted, tmp_path):
        job = fitted.copy(tmp_path / "job", has_ledger=True)
        options = {"epsilon": 4.0, "config": LedgerConfig(job.ledger, epsilon_cap=7.0, delta_cap=1e-5)}
        for _ in range(2):
            assert job.measure(**options).statement.epsilon == 4.0
        with pytest.raises(BudgetExceededError, match="the fit itself is done"):
            job.measure(**options, seed=4)

    def test_one_that_its_ledger_does_not_know_counts(self, fitted, tmp_path):
        """In doubt it is spent."""
        job = fitted.copy(tmp_path / "job", has_ledger=True)
        job.measure()
        for file in job.ledger.parent.glob("people.ledger*"):
            file.unlink()
        for file in fitted.folder.glob("people.ledger*"):
            shutil.copy(file, job.ledger.parent)  # rolled back, guard and all
        assert job.measure(None).epsilon == EXTRA


class TestCheckpoint:
    def test_holds_no_more_once_it_is_discarded(self, job):
        job.measure()
        assert {"private-metrics.jsonl"} < {path.name for path in job.checkpoint.iterdir()}
        assert len(list(job.checkpoint.glob("private-metrics.*.jsonl"))) == 1
        discard(job.checkpoint)
        assert not job.checkpoint.exists()

    def test_is_the_owners_alone(self, job):
        job.measure()
        for name in (
            "private-metrics.jsonl",
            *(path.name for path in job.checkpoint.glob("private-metrics.*.jsonl")),
        ):
            assert (job.checkpoint / name).stat().st_mode & 0o077 == 0

    def test_one_of_no_fit(self, job, tmp_path):
        job.checkpoint = tmp_path / "none"
        with pytest.raises(CheckpointError, match="found no fit"):
            job.measure()

    @pytest.mark.parametrize("name", ["private-metrics.jsonl", "private-metrics.*.jsonl"])
    def test_a_changed_line(self, job, name):
        job.measure()
        (file,) = job.checkpoint.glob(name)
        file.write_text(file.read_text().replace("[", "[ ", 1).replace("1", "2", 1))
        with pytest.raises(CheckpointError, match="damaged"):
            job.measure()

    @pytest.mark.family(keep=2)
    @pytest.mark.parametrize(
        "change", [{"name": "../../mine"}, {"epsilon": 0}, {"epsilon": -1.0}, {"delta": 2}, {"ledger": None}]
    )
    def test_a_line_that_is_sealed_and_makes_no_sense(self, job, change):
        job.measure()
        kept = KeptRequests(job.checkpoint)
        kept.begin(replace(kept.begun()[0], **change))
        with pytest.raises(CheckpointError, match="damaged"):
            job.measure()

    def test_nobody_else_measures_meanwhile(self, job):
        with KeptRequests(job.checkpoint).taken(), pytest.raises(CheckpointError, match="another process"):
            job.measure()


class TestJob:
    """A whole job, killed between its private metrics and the moment when its folder takes its name, and after it."""

    @pytest.fixture
    def people(self, tmp_path, monkeypatch):
        from tabgan.evaluation import suite

        for step in ("attack_steps", "detection_findings", "utility_findings", "membership_findings"):
            monkeypatch.setattr(suite, step, lambda *_: ())
        table(900, 0).to_csv(tmp_path / "people.csv", index=False)
        (tmp_path / "jobs.yaml").write_text(
            "name: people\nsource: {path: people.csv}\ncheckpoint: people.checkpoint\n"
            f"model: {{epsilon: {FIT}, adversary_share: 0}}\noutput: {{parquet: false, model: false}}\n"
            f"report: {{private_metrics_epsilon: {EXTRA}, html: false, card: false}}\n"
        )
        monkeypatch.chdir(tmp_path)
        return load_jobs("jobs.yaml")[0]

    @pytest.mark.family
    @pytest.mark.parametrize(
        "step",
        [
            "tabgan.assessment.assess.shareable_data",
            "tabgan.jobs.run._write_report",
            "tabgan.io.sinks.sync",
            "tabgan.jobs.run.discard",
        ],
    )
    def test_measures_once(self, people, killer, monkeypatch, step):
        def dies(*_, **__):
            raise Killed

        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(sinks.shutil, "rmtree", lambda *_, **__: None)  # nothing is tidied up
            patch.setattr(step, dies)
            run_job(people)
        assert [each.epsilon for each in LedgerFile(Path("people.checkpoint/ledger.jsonl")).fits] == [
            FIT,
            EXTRA,
        ]
        left = list(Path("out").glob(".people.*.tmp"))
        assert len(left) == (step != "tabgan.jobs.run.discard")
        assert all(folder.stat().st_mode & 0o077 == 0 for folder in left)
        rows = [path.read_text() for path in Path("out").rglob("synthetic.csv")]
        n_drawn = killer.draws.total()
        result = run_job(people)
        assert result.total == (FIT + EXTRA, 2e-6)
        assert killer.draws.total() == n_drawn
        found = [path.read_text() for path in Path("out").rglob("synthetic.csv")]
        assert len(found) == 1
        assert rows in ([], found)
        assert [path.name for path in Path("out").iterdir()] == ["people"]
        assert not Path("people.checkpoint").exists()

    @pytest.mark.family
    def test_a_second_request_counts_in_all_that_it_says(self, people, killer, monkeypatch, capsys):
        from rich.console import Console

        from tabgan.cli import terminal

        keep = Journal.keep

        def dies(journal, call, answer):
            if "distance of a column" in call:
                raise Killed
            keep(journal, call, answer)

        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(Journal, "keep", dies)
            run_job(people)
        result = run_job(people)
        assert result.total == (FIT + 2 * EXTRA, 3e-6)
        for edition in ("internal", "release"):
            twin = json.loads(Path(f"out/people/{edition}/report.json").read_text())
            assert twin["privacy"]["total"] == {"epsilon": FIT + 2 * EXTRA, "delta": 3e-6}
        terminal.show_outcomes(Console(width=200), [result])
        assert "epsilon 6, delta 3e-06, private metrics of the report included" in capsys.readouterr().out
