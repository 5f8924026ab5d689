"""All of the executor on Ray that needs no cluster; tests/ray has the rest."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tabgan._util import ray_cluster
from tabgan._util.ray_cluster import shared_place
from tabgan.errors import ConfigError, DataError
from tabgan.jobs import ray_executor
from tabgan.jobs.executors import JobFailure, Watcher
from tabgan.jobs.loading import executor_of, load_jobs
from tabgan.jobs.ray_executor import NodeSetting, RayExecutor, may_run_again
from tabgan.jobs.record import fingerprint
from tabgan.jobs.resources import Resources


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("people.csv").write_text("age\n" + "1\n" * 50)

    def loaded(keys="", beside=""):
        Path("jobs.yaml").write_text(
            f"{beside}\njobs:\n  - {{name: one, source: {{path: people.csv}}{keys}}}\n"
        )
        return load_jobs("jobs.yaml")

    return loaded


def test_without_ray_the_extra_is_named(load, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"executor: this needs the package ray.*'tabgan-dp\[ray\]'"):
        RayExecutor().run(load())


class TestKeys:
    def test_an_executor_beside_the_jobs(self, load):
        load(beside="executor: ray")
        assert executor_of("jobs.yaml") == "ray"
        load()
        assert executor_of("jobs.yaml") is None
        load(beside="executor: dask")
        with pytest.raises(ConfigError, match="executor: expected one of 'local', 'ray', got 'dask'"):
            executor_of("jobs.yaml")

    def test_resources(self, load):
        (job,) = load(", resources: {cpus: 2, memory_gb: 0.5, gpus: 1}")
        assert job.resources == Resources(2, 0.5, 1)
        assert job.resources.memory == 500_000_000
        assert load()[0].resources.memory == 0

    @pytest.mark.parametrize(
        ("keys", "message"),
        [
            ("{cpus: 0}", "resources.cpus: expected an integer of at least 1, got 0"),
            ("{gpus: a}", "resources.gpus: expected an integer of at least 0, got 'a'"),
            ("{memory_gb: 0}", "resources.memory_gb: expected a number in"),
            ("{cpu: 1}", "resources.cpu: unknown key. Did you mean 'cpus'"),
            ("[1]", "resources: expected a mapping"),
        ],
    )
    def test_wrong_ones_are_told(self, load, keys, message):
        with pytest.raises(ConfigError, match=message):
            load(f", resources: {keys}")

    def test_a_job_stays_done_when_it_asks_for_more(self, load):
        (job,) = load()
        assert fingerprint(job) == fingerprint(replace(job, resources=Resources(4)))


def test_a_private_job_without_a_checkpoint_may_not_run_again(load):
    (job,) = load()
    assert not may_run_again(job)
    assert may_run_again(load(", model: {epsilon: null}")[0])
    assert may_run_again(load(", ledger: {path: a.ledger}")[0])
    assert may_run_again(load(", checkpoint: out/a.checkpoint")[0])


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (", model: {epsilon: 0.5}", "epsilon up to 0.5, which no record of the fit says better."),
        (", ledger: {path: a.ledger}", "epsilon up to 1, which no record of the fit says better."),
        (", model: {epsilon: null}", None),
    ],
)
def test_a_job_whose_node_is_lost_says_what_it_can_have_spent(load, monkeypatch, keys, told):
    def lost(*args):
        raise DataError("job 'one': its process or its node was lost.")

    monkeypatch.setattr(ray_executor, "taken", lost)
    outcome = ray_executor._outcome(None, None, load(keys)[0])
    assert isinstance(outcome, JobFailure)
    assert ("spent" in outcome.message) == (told is not None)
    assert told is None or told in outcome.message
    assert "its node was lost." in outcome.message
    assert "The same command runs it again" in outcome.message


def test_an_interrupt_says_what_running_jobs_can_have_spent(load, monkeypatch):
    def interrupted(references):
        raise KeyboardInterrupt

    @contextmanager
    def connected():
        yield SimpleNamespace(wait=interrupted)

    said = []
    watcher = Watcher()
    watcher.interrupted = lambda job, words: said.append((job.name, words))
    monkeypatch.setattr(ray_executor, "connected", connected)
    monkeypatch.setattr(ray_executor, "cancel", lambda ray, running: None)
    monkeypatch.setattr(ray_executor, "_sent", lambda ray, job, *_: _[-1].update({job.name: job}))
    with pytest.raises(KeyboardInterrupt):
        RayExecutor().run(load(), watcher)
    ((name, words),) = said
    assert name == "one"
    assert "epsilon up to 1, which no record of the fit says better." in words


class TestPlaces:
    @pytest.fixture(autouse=True)
    def impatient(self, monkeypatch):
        monkeypatch.setattr(ray_cluster, "_SEEN", 0.0)

    def test_a_mark_is_there_as_long_as_it_is_needed(self, tmp_path):
        with shared_place(tmp_path / "later" / "still") as place, shared_place(tmp_path) as other:
            assert place.folder == other.folder == tmp_path
            place.check("the ledger")
            other.check("the ledger")
        assert not list(tmp_path.iterdir())

    def test_a_node_without_it_is_refused(self, tmp_path):
        with (
            shared_place(tmp_path) as place,
            pytest.raises(ConfigError, match="does not see .*keeps the ledger. Nothing was read or spent"),
        ):
            replace(place, mark=".tabgan-0.mark").check("the ledger")

    def test_locks_that_do_not_hold_off_others_are_refused(self, tmp_path):
        (tmp_path / "free").touch()
        with (
            shared_place(tmp_path) as place,
            pytest.raises(ConfigError, match="does not pass locks on to the node"),
        ):
            replace(place, mark="free").check("the ledger")

    def test_marks_of_a_driver_that_was_killed_go(self, tmp_path, monkeypatch):
        (tmp_path / ".tabgan-0123456789abcdef.mark").touch()
        monkeypatch.setattr(ray_cluster, "_OLD", -1.0)
        with shared_place(tmp_path), shared_place(tmp_path):
            assert len(list(tmp_path.iterdir())) == 2

    def test_a_node_with_other_files_is_refused(self, load, tmp_path):
        (job,) = load()
        setting = NodeSetting(str(tmp_path), (), fingerprint(job))
        setting.check(job)
        Path("people.csv").write_text("age\n")
        with pytest.raises(ConfigError, match="does not see the files that the machine of the command sees"):
            setting.check(job)
        with pytest.raises(ConfigError, match="does not see the working directory"):
            replace(setting, folder=str(tmp_path / "gone")).check(job)
