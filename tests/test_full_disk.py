"""A disk that fills up: a typed error that says what was spent, nothing half-written, and no second answer.

The system's limit on the size of a file stands for the disk: whatever writes more gets the system's error, libraries
that are not Python's included.
"""

from __future__ import annotations

import errno
import json
import resource
import tempfile
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

from tabgan.errors import ConfigError, SourceError, StorageError
from tabgan.io import opening
from tabgan.jobs.eventlog import EventLog
from tabgan.jobs.executors import JobFailure, outcome_of
from tabgan.jobs.loading import load_jobs
from tabgan.jobs.run import JobResult
from tabgan.privacy.ledger.file import LedgerFile
from tabgan.synthesizer import TabGAN
from tabgan.table.partitions import FrameParts


@contextmanager
def room(n_bytes):
    """Let no file grow beyond some bytes."""
    _, most = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def table(n_rows=900) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "income": rng.normal(3_000, 500, n_rows).round(),
            "town": rng.choice(["Ulm", "Bonn", None], n_rows),
            "member": rng.random(n_rows) < 0.3,
        }
    )


@pytest.fixture(scope="module")
def model():
    return TabGAN(3.0, random_state=0).fit(table())


def _names(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("n_bytes", "is_charged"), [(100, False), (400, False), (1_000, None), (2_500, True), (20_000, True)]
)
@pytest.mark.family(keep=1)
def test_a_fit_with_a_ledger_says_what_it_spent_and_goes_on(tmp_path, n_bytes, is_charged):
    ledger, kept = tmp_path / "ledger.jsonl", tmp_path / "kept"
    with room(n_bytes), pytest.raises(StorageError, match=r"Cannot write .*Free some space") as raised:
        TabGAN(3.0, random_state=0).fit(table(), ledger=ledger, checkpoint=kept)
    said = str(raised.value)
    assert ("Already spent by this fit" in said) is not ("This call spent nothing." in said)
    assert is_charged is None or ("Already spent" in said) is is_charged
    assert not [name for name in _names(tmp_path) if name.endswith(".tmp")]
    found = LedgerFile(ledger).fits if ledger.exists() else ()
    assert [fit.outcome for fit in found] in ([], [None])
    TabGAN(3.0, random_state=0).fit(table(), ledger=ledger, checkpoint=kept)
    (fit,) = LedgerFile(ledger).fits
    assert fit.outcome == "done"
    assert fit.spent.epsilon(1e-6) <= 3.0 + 1e-9
    assert {name for before in found for name, _ in before.charges} <= {name for name, _ in fit.charges}


def test_a_charge_whose_guard_cannot_be_written_counts_in_ledger_and_words(tmp_path, monkeypatch):
    """The error said that nothing was spent, or one charge less than the ledger."""
    write, n_left = LedgerFile._write_guard, iter(range(3))

    def full(file):
        if file.records and file.records[-1]["kind"] == "charge" and next(n_left, None) is None:
            raise StorageError(file._guard_path, errno.ENOSPC)
        write(file)

    for n_charges in (4, 1):
        monkeypatch.setattr(LedgerFile, "_write_guard", full)
        ledger = tmp_path / f"{n_charges}.ledger"
        model = TabGAN(3.0, random_state=0)
        with pytest.raises(StorageError, match="Already spent by this fit") as raised:
            model.fit(table(), ledger=ledger)
        monkeypatch.undo()
        (fit,) = LedgerFile(ledger).fits
        assert len(fit.charges) == n_charges
        assert "spent nothing" not in str(raised.value)
        assert model.privacy_.epsilon_spent == pytest.approx(fit.spent.epsilon(1e-6))


@pytest.mark.family
def test_a_job_says_from_which_checkpoint_it_resumes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table().to_csv("people.csv", index=False)
    (tmp_path / "job.yaml").write_text(
        "{source: {path: people.csv}, model: {epsilon: 3}, ledger: {path: l.ledger}, report: null}"
    )
    (job,) = load_jobs("job.yaml")
    with room(2_500):
        outcome = outcome_of(job)
    assert isinstance(outcome, JobFailure)
    assert "Already spent by this fit" in outcome.message
    assert outcome.message.endswith(f"'{job.resumes_from}' is kept: the same command resumes from it.")
    assert isinstance(outcome_of(job), JobResult)
    (fit,) = LedgerFile(tmp_path / "l.ledger").fits
    assert fit.outcome == "done"


def test_a_log_that_cannot_be_written_stops_no_job(tmp_path, caplog):
    """It ended the command, and nobody was told what the jobs had spent."""
    log = EventLog(tmp_path / "events.jsonl")
    outcome = JobFailure("one", "It failed. " * 10)
    with room(700):
        for _ in range(5):
            log.finished(outcome)
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert 1 <= len(lines) < 5
    assert all(json.loads(line)["job"] == "one" for line in lines)
    (said,) = [record.getMessage() for record in caplog.records]
    assert "events.jsonl': File too large. The jobs go on, without events." in said


def test_a_private_copy_costs_nothing(tmp_path, monkeypatch):
    (tmp_path / "private").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "private"))
    monkeypatch.setattr(opening, "MOST_IN_MEMORY", 0)
    with room(500), pytest.raises(SourceError, match="File too large.*Free some space there, or set TMPDIR"):
        TabGAN(3.0).fit(FrameParts(table(), 200), ledger=tmp_path / "ledger.jsonl")
    assert _names(tmp_path) == []


def test_a_model_is_whole_or_the_one_before(model, tmp_path):
    with room(1_000), pytest.raises(StorageError, match=r"Cannot write .*m\.tabgan"):
        model.save(tmp_path / "m.tabgan")
    assert _names(tmp_path) == []
    model.save(tmp_path / "m.tabgan")
    before = (tmp_path / "m.tabgan").read_bytes()
    with room(1_000), pytest.raises(StorageError):
        model.save(tmp_path / "m.tabgan")
    assert (tmp_path / "m.tabgan").read_bytes() == before
    assert _names(tmp_path) == ["m.tabgan"]


@pytest.mark.family(keep=1)
@pytest.mark.parametrize("format_", ["parquet", "csv", "arrow"])
def test_files_of_a_sample_are_whole_or_not_there(model, tmp_path, format_):
    asked = {"n": 60_000, "rows_per_file": 30_000, "format": format_, "random_state": 1}
    with (
        room(25_000),
        pytest.raises(ConfigError, match=r"sample: cannot write .*part-00000.*call again to resume"),
    ):
        model.sample_to(tmp_path / "a", **asked)
    assert _names(tmp_path) == ["manifest.json"]
    whole = model.sample_to(tmp_path / "a", **asked)
    assert whole == model.sample_to(tmp_path / "b", **asked)


@pytest.mark.family(keep=1)
@pytest.mark.parametrize("suffix", ["html", "json"])
def test_a_report_is_whole_or_not_there(model, tmp_path, suffix):
    report = model.evaluate(table(), table(300))
    with room(2_000), pytest.raises(StorageError, match="Cannot write"):
        getattr(report, f"to_{suffix}")(tmp_path / f"report.{suffix}")
    assert _names(tmp_path) == []
