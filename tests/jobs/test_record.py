from __future__ import annotations

import json
import os
from dataclasses import fields, replace
from pathlib import Path

import pytest

import tabgan
from tabgan.evaluation.gate import Check, Decision
from tabgan.jobs import record
from tabgan.jobs.bundle_options import BundleOptions
from tabgan.jobs.eventlog import Collected, EventLog, Watchers, summary_of
from tabgan.jobs.executors import JobFailure, LocalExecutor, exit_code
from tabgan.jobs.index import index_page
from tabgan.jobs.loading import load_jobs
from tabgan.jobs.ray_executor import NodeSetting, run_there
from tabgan.jobs.record import OUTCOME, FinishedJob, fingerprint, finished, write_record
from tabgan.jobs.resources import Resources
from tabgan.jobs.run import JobResult, forget

TEXT = """
- {name: one, source: {path: people.csv}, random_state: 1}
- {name: two, source: {path: people.csv}, random_state: 2, needs: [one]}
"""


@pytest.fixture
def jobs(tmp_path, people, monkeypatch, fake_model):
    monkeypatch.chdir(tmp_path)
    people.to_csv("people.csv", index=False)
    Path("jobs.yaml").write_text(TEXT)
    return load_jobs("jobs.yaml")


class TestOnNodes:
    def test_a_job_whose_answer_was_lost_after_its_end_is_not_fitted_again(self, jobs, fake_model):
        """Ray runs a job again whose node was lost before it could say that it had finished."""
        setting = NodeSetting(str(Path.cwd()), (), fingerprint(jobs[0]))
        outcomes = [run_there(jobs[0], setting) for _ in range(2)]
        assert [type(each) for each in outcomes] == [JobResult, FinishedJob]
        assert len(fake_model.fitted) == 1
        forget(jobs[0])  # as the driver does where a job is to run again
        assert isinstance(run_there(jobs[0], setting), JobResult)


class TestAgain:
    def test_what_is_done_is_not_run_again(self, jobs, fake_model):
        first = LocalExecutor().run(jobs)
        assert [type(each) for each in first] == [JobResult, JobResult]
        second = LocalExecutor().run(load_jobs("jobs.yaml"))
        assert [type(each) for each in second] == [FinishedJob, FinishedJob]
        assert len(fake_model.fitted) == 2
        assert [each.files for each in second] == [each.files for each in first]
        assert [each.n_rows for each in second] == [each.n_rows for each in first]
        assert exit_code(second) == 0

    @pytest.mark.family
    def test_but_if_it_is_asked_for(self, jobs, fake_model):
        LocalExecutor().run(jobs)
        assert type(LocalExecutor(again=True).run(jobs)[0]) is JobResult
        assert len(fake_model.fitted) == 4

    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize("change", ["rows", "file", "settings", "version", "lost", "damaged"])
    def test_or_if_something_has_changed(self, jobs, fake_model, monkeypatch, people, change):
        LocalExecutor().run(jobs)
        if change == "rows":
            people.head(200).to_csv("people.csv", index=False)
        elif change == "file":
            os.utime("people.csv", ns=(1, 1))
        elif change == "settings":
            Path("jobs.yaml").write_text(TEXT.replace("random_state", "model: {epsilon: 2}, random_state"))
        elif change == "version":
            monkeypatch.setattr(record, "__version__", "9.9")
        elif change == "lost":
            Path("out/one/release/synthetic.csv").unlink()
            Path("out/two/release/schema.yaml").unlink()
        else:
            for name in ("one", "two"):
                Path(f"out/{name}/internal/outcome.json").write_text("[]")
        outcomes = LocalExecutor().run(load_jobs("jobs.yaml"))
        assert [type(each) for each in outcomes] == [JobResult, JobResult]
        assert len(fake_model.fitted) == 4

    def test_any_field_makes_another_job(self, jobs):
        job = jobs[0]
        others = {
            "name": "x",
            "source": replace(job.source, holdout=0.4),
            "output": replace(job.output, rows=3),
            "schema": tabgan.Schema(target="age"),
            "model": {"epsilon": 3},
            "target": "town",
            "targets": ("town", "age"),
            "report": None,
            "rules": (tabgan.Inequality("age", 100),),
            "gate": "standard",
            "random_state": 9,
            "ledger": tabgan.LedgerConfig(Path("x.ledger")),
            "checkpoint": Path("kept"),
            "bundle": BundleOptions(),
        }
        assert {field.name for field in fields(job)} - others.keys() == {"needs", "resources"}
        marks = [fingerprint(replace(job, **{name: value})) for name, value in others.items()]
        assert len({fingerprint(job), *marks}) == len(others) + 1
        assert fingerprint(replace(job, needs=("two",))) == fingerprint(job)
        assert fingerprint(replace(job, resources=Resources(2))) == fingerprint(job)


class TestNeeds:
    def test_a_job_whose_need_failed_is_not_run(self, jobs, fake_model, monkeypatch):
        monkeypatch.setattr(fake_model, "fit", lambda *a, **k: 1 / 0)
        one, two = LocalExecutor().run(jobs)
        assert isinstance(one, JobFailure)
        assert two == JobFailure("two", "Not run: it needs the job 'one', which did not succeed.")


class TestEvents:
    def test_are_a_line_each(self, jobs, tmp_path):
        log = EventLog(tmp_path / "events.jsonl")
        LocalExecutor().run(jobs, Watchers(log))
        LocalExecutor().run(jobs, Watchers(log))
        lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
        told = [(line["event"], line["job"], line.get("stage") or line.get("state")) for line in lines]
        assert told[0] == ("started", "one", None)
        assert ("stage", "one", "read") in told
        assert told[-2:] == [("finished", "one", "done"), ("finished", "two", "done")]
        assert "finished_before" in lines[-1]
        done = next(line for line in lines if line["event"] == "finished")
        assert done["rows"] > 0
        assert done["epsilon"] == 1.0

    def test_the_summary_and_the_page_tell_of_every_job(self, jobs, tmp_path, fake_model, monkeypatch):
        outcomes = [*LocalExecutor().run(jobs[:1]), JobFailure("two", "<b>It</b> failed.")]
        summary = summary_of(jobs, outcomes, Path("jobs.yaml"))
        assert summary["exit_code"] == 1
        assert [job["state"] for job in summary["jobs"]] == ["done", "failed"]
        page = index_page(outcomes, tmp_path / "run" / "index.html", summary["ended"])
        assert "&lt;b&gt;It&lt;/b&gt; failed." in page
        assert '<a href="../out/one/release/synthetic.csv">release/synthetic.csv</a>' in page
        assert "INTERNAL" in page
        packed = replace(outcomes[0], files=(*outcomes[0].files, jobs[0].output.folder / "release.zip"))
        page = index_page([packed], tmp_path / "run" / "index.html", summary["ended"])
        assert '<a href="../out/one/release.zip">release.zip</a>' in page

    def test_the_page_says_why_a_release_was_refused_and_of_which_file(self, jobs, tmp_path, fake_model):
        (done,) = LocalExecutor().run(jobs[:1])
        check = Check("tvd2", "pairs", "at_most", 0.1, 0.2, False, "Pairs: 0.2; the maximum is 0.1.")
        withheld = replace(done, decision=Decision("failed", (check,)))
        page = index_page([withheld], tmp_path / "index.html", "2026-01-01", "some/batch.yaml")
        assert "<li>Pairs: 0.2; the maximum is 0.1.</li>" in page
        assert "<h1>Jobs of batch.yaml</h1>" in page
        assert "1 job: 1 withheld" in page
        names = [str(path.relative_to(jobs[0].output.folder)) for path in withheld.files]
        write_record(jobs[0], fingerprint(jobs[0]), withheld.to_record(names), tmp_path)
        before = finished(jobs[0], tmp_path / OUTCOME)
        page = index_page([before], tmp_path / "index.html", "2026-01-01")
        assert "1 job: 1 withheld before" in page
        assert "<li>Pairs: 0.2; the maximum is 0.1.</li>" in page

    def test_the_page_of_an_interrupted_batch_tells_of_every_job(
        self, jobs, tmp_path, fake_model, monkeypatch
    ):
        def stop(self, n, **options):
            raise KeyboardInterrupt

        kept = Collected()
        LocalExecutor().run(jobs[:1], kept)
        monkeypatch.setattr(fake_model, "sample", stop)
        with pytest.raises(KeyboardInterrupt):
            LocalExecutor().run(jobs, kept)
        three = replace(jobs[1], name="three")
        found = kept.of([*jobs, three])
        summary = summary_of([*jobs, three], found, Path("jobs.yaml"))
        assert [job["state"] for job in summary["jobs"]] == ["done", "interrupted", "not begun"]
        assert "spent by this fit: epsilon" in summary["jobs"][1]["note"]
        assert summary["exit_code"] == 130
        page = index_page(found, tmp_path / "index.html", summary["ended"])
        assert "3 jobs: 1 interrupted, 1 done before, 1 not begun" in page
        assert "spent by this fit: epsilon" in page
