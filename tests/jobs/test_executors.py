from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from tabgan.errors import SPENT, DataError, describe_error, trace_of
from tabgan.jobs.executors import (
    JobFailure,
    LocalExecutor,
    Watcher,
    exit_code,
    outcome_of,
)
from tabgan.jobs.loading import load_jobs
from tabgan.jobs.run import JobResult

SECRET = "Zanzibar-4711"


@pytest.fixture
def jobs(tmp_path, people, monkeypatch, fake_model):
    """Return three jobs; the model chokes on the second one and quotes a row."""
    fit = fake_model.fit

    def choke(self, df, *, progress=None, untyped_text=False, **files):
        if self.random_state == 666:
            pd.Series([SECRET]).astype("int64")
        return fit(self, df, progress=progress)

    monkeypatch.setattr(fake_model, "fit", choke)
    monkeypatch.chdir(tmp_path)
    people.to_csv("people.csv", index=False)
    Path("jobs.yaml").write_text(
        """
        - {name: one, source: {path: people.csv}, random_state: 1}
        - {name: two, source: {path: people.csv}, random_state: 666}
        - {name: three, source: {path: people.csv}, random_state: 3}
        """
    )
    return load_jobs("jobs.yaml")


class ExecutorContract:
    """The promises of every executor."""

    executor: LocalExecutor

    def test_a_failing_job_does_not_stop_the_others(self, jobs, tmp_path):
        outcomes = self.executor.run(jobs)
        assert [type(outcome) for outcome in outcomes] == [JobResult, JobFailure, JobResult]
        assert [outcome.name for outcome in outcomes] == ["one", "two", "three"]
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["one", "three"]
        assert exit_code(outcomes) == 1

    def test_no_cell_is_in_a_failure(self, jobs):
        failure = self.executor.run(jobs)[1]
        assert SECRET not in repr(failure)
        assert failure.message.startswith("Unexpected ValueError in tabgan/jobs/run.py line")

    def test_all_well(self, jobs):
        assert exit_code(self.executor.run([jobs[0], jobs[2]])) == 0
        assert exit_code(self.executor.run([])) == 0

    def test_a_table_that_went_away_after_the_check(self, jobs):
        Path("people.csv").unlink()
        outcomes = self.executor.run(jobs[:1])
        assert "no file 'people.csv'" in outcomes[0].message

    def test_a_folder_that_was_blocked_after_the_check(self, jobs):
        Path("blocked").touch()
        blocked = replace(jobs[0], output=replace(jobs[0].output, folder=Path("blocked/x")))
        outcomes = self.executor.run([blocked, jobs[2]])
        assert [type(outcome) for outcome in outcomes] == [JobFailure, JobResult]


class TestLocal(ExecutorContract):
    executor = LocalExecutor()

    def test_tells_its_watcher(self, jobs):
        seen = []

        class Notes(Watcher):
            def started(self, job):
                seen.append(f"{job.name} started")

            def progress(self, stage, done, total):
                if stage == "training" and done == total:
                    seen.append("trained")

            def finished(self, outcome):
                seen.append(f"{outcome.name} {type(outcome).__name__}")

        self.executor.run(jobs[:2], Notes())
        assert seen == ["one started", "trained", "one JobResult", "two started", "two JobFailure"]

    def test_an_interrupt_stops_all(self, jobs, fake_model, monkeypatch, tmp_path):
        def interrupt(*arguments, **options):
            raise KeyboardInterrupt

        class Notes(Watcher):
            said = ""

            def interrupted(self, job, said):
                self.said += f"{job.name}: {said}"

        monkeypatch.setattr(fake_model, "sample", interrupt)
        notes = Notes()
        with pytest.raises(KeyboardInterrupt):
            self.executor.run(jobs, notes)
        assert not (tmp_path / "out").exists()
        assert notes.said.startswith("one: ")
        assert "two" not in notes.said


def test_an_interrupt_names_the_checkpoint_from_which_the_same_command_resumes(jobs, monkeypatch, tmp_path):
    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("tabgan.jobs.executors.run_job", stop)
    job, place = jobs[0], tmp_path / "begun.checkpoint"
    for is_there in (False, True):
        if is_there:
            place.mkdir()
        with pytest.raises(KeyboardInterrupt) as raised:
            outcome_of(replace(job, checkpoint=place))
        notes = getattr(raised.value, "__notes__", [])
        assert [str(place) in note and "resumes from it" in note for note in notes] == [True] * is_there


class TestDescribe:
    def test_our_own_message(self):
        assert describe_error(DataError("Column 'a': no.")) == "Column 'a': no."

    def test_the_system(self):
        error = FileNotFoundError(2, "No such file or directory", "x.csv")
        assert describe_error(error) == "FileNotFoundError: No such file or directory: 'x.csv'."

    @pytest.mark.parametrize(
        "error",
        [
            ValueError(SECRET),
            KeyError(SECRET),
            OSError(SECRET),
            pa.ArrowInvalid(SECRET),
            OSError(SECRET, SECRET),
        ],
    )
    def test_others_are_not_quoted(self, error):
        text = describe_error(error)
        assert SECRET not in text
        assert text.startswith(f"Unexpected {type(error).__name__}")

    def test_trace_holds_no_message(self):
        try:
            pd.Series([SECRET]).astype("int64")
        except ValueError as error:
            trace = trace_of(error)
        assert "astype" in trace
        assert "Zanzibar-4711" not in trace


def test_what_a_failed_fit_has_spent_is_told_and_no_other_note():
    error = ValueError(SECRET)
    error.add_note(f"{SPENT}: epsilon 0.4 of 1.")
    error.add_note(SECRET)
    message = describe_error(error)
    assert message.endswith("Already spent by this fit: epsilon 0.4 of 1.")
    assert SECRET not in message


@pytest.mark.parametrize(
    "error", [DataError("Column 'a': no."), OSError(28, "No space left on device"), ValueError(SECRET)]
)
def test_an_error_after_the_fit_says_that_its_budget_is_gone(error, fake_model, monkeypatch, tmp_path):
    def fail(*arguments, **options):
        raise error

    (tmp_path / "people.csv").write_text("age\n" + "1\n" * 50)
    (tmp_path / "jobs.yaml").write_text(
        f"name: a\nsource: {{path: people.csv}}\noutput: {{folder: {tmp_path}/out}}\n"
    )
    monkeypatch.setattr(fake_model, "save", fail)
    (outcome,) = LocalExecutor().run(load_jobs(tmp_path / "jobs.yaml"))
    assert "spent by this fit: epsilon 1." in outcome.message
    assert SECRET not in outcome.message
