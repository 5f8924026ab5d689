"""Fits to tables in parts, from the call to the ledger."""

from __future__ import annotations

import tempfile

import numpy as np
import pandas as pd
import pytest

from tabgan.errors import CheckpointError, LedgerError, OutOfMemoryError, SourceError
from tabgan.fitting import critics
from tabgan.io import opening
from tabgan.model.adversary import training
from tabgan.privacy.doors import dpsgd, measured_table
from tabgan.privacy.ledger.file import LedgerFile
from tabgan.privacy.unit import PrivacyUnit
from tabgan.schema import Schema
from tabgan.synthesizer import TabGAN
from tabgan.table import spooled
from tabgan.table.partitions import FrameParts
from tabgan.table.spooled import PREFIX

SECRET = "Zanzibar-4711"


@pytest.fixture(autouse=True)
def _small_memory(monkeypatch):
    """Have every table in parts copied to the disk, however small."""
    monkeypatch.setattr(opening, "MOST_IN_MEMORY", 0)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A place for temporary files of this test's own."""
    (tmp_path / "private").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "private"))
    return tmp_path / "private"


def table(n_rows=900, seed=0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "income": rng.normal(3_000, 500, n_rows).round(),
            "town": rng.choice(["Ulm", "Bonn", None], n_rows),
            "member": rng.random(n_rows) < 0.3,
        }
    )


class Broken(FrameParts):
    """A source that goes away after its first part."""

    def __iter__(self):
        yield next(super().__iter__())
        raise ConnectionError(SECRET)


@pytest.mark.family
def test_a_ledger_and_a_checkpoint_know_the_rows_in_any_parts(tmp_path, place):
    df, ledger, kept = table(), tmp_path / "ledger.jsonl", tmp_path / "kept"
    model = TabGAN(3.0, random_state=0)
    model.fit(FrameParts(df, 200), ledger=ledger, checkpoint=kept)
    first = model.sample(20, random_state=0)
    model.fit(df, ledger=ledger, checkpoint=kept)  # the same fit, which spends nothing more
    pd.testing.assert_frame_equal(model.sample(20, random_state=0), first)
    assert len(LedgerFile(ledger).fits) == 1
    with pytest.raises(CheckpointError, match=r"another table.* This call spent nothing\."):
        TabGAN(3.0, random_state=0).fit(FrameParts(df[1:], 200), ledger=ledger, checkpoint=kept)
    with pytest.raises(LedgerError, match=r"This call spent nothing\."):
        TabGAN(3.0).fit(FrameParts(df[1:], 200), ledger=ledger)
    assert not list(place.glob(f"{PREFIX}*"))


def test_a_source_that_goes_away_costs_nothing(tmp_path, place):
    ledger = tmp_path / "ledger.jsonl"
    model = TabGAN(3.0)
    with pytest.raises(SourceError, match="reading it stopped.*This call spent nothing") as raised:
        model.fit(Broken(table(), 200), ledger=ledger)
    assert SECRET not in str(raised.value)
    assert not hasattr(model, "privacy_")
    assert not ledger.exists()
    assert not list(place.glob(f"{PREFIX}*"))


def test_a_source_that_goes_away_when_a_fit_resumes_is_not_said_to_have_cost_nothing(tmp_path, place):
    """The interrupted call has spent; this one has not."""
    df, kept = table(), tmp_path / "kept"

    def interrupt(stage: str, done: int, total: int) -> None:
        if stage == "measure":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TabGAN(3.0, random_state=0).fit(FrameParts(df, 200), checkpoint=kept, progress=interrupt)
    with pytest.raises(SourceError, match="This call spent nothing") as raised:
        TabGAN(3.0, random_state=0).fit(Broken(df, 200), checkpoint=kept)
    assert "Nothing was spent" not in str(raised.value)
    model = TabGAN(3.0, random_state=0).fit(FrameParts(df, 200), checkpoint=kept)
    assert 0 < model.privacy_.epsilon_spent <= 3.0


def test_a_part_is_charged_as_the_whole(monkeypatch):
    """Steps, gain and tables of places get a random part of many rows, and the ledger has the same lines."""
    schema, trained, entries = Schema(target="member"), [], []

    class Watched(dpsgd.PrivateSteps):
        def __init__(self, game, codes, units, n_rows, *rest):
            trained.append((len(codes), n_rows))
            super().__init__(game, codes, units, n_rows, *rest)

    monkeypatch.setattr(critics, "PrivateSteps", Watched)
    monkeypatch.setattr(training, "DRAWN", 500)
    for many in (2**19, 500):
        monkeypatch.setattr(measured_table, "MANY_ROWS", many)
        monkeypatch.setattr(measured_table, "DRAWN_ROWS", 300)
        model = TabGAN(3.0, schema=schema, random_state=0).fit(FrameParts(table(), 200))
        steps = [entry for entry in model.privacy_.entries if entry.door == "dpsgd"]
        assert {entry.sample_rate for entry in steps} == {1.0}
        entries.append(steps)
    assert entries[0] == entries[1]
    (whole, _), (part, n_rows) = trained
    assert whole == 900
    assert 200 < part < 400
    assert n_rows == 300


def test_rows_of_an_entity_in_many_parts_count_as_those_of_one():
    df = table().assign(who=np.arange(900) % 60)
    schema = Schema(entity="who", max_rows=2)
    model = TabGAN(20.0, schema=schema, random_state=0).fit(FrameParts(df, 50))
    assert abs(model.n_rows_ - 120) < 30
    assert model.privacy_.unit == PrivacyUnit("who", 2)


@pytest.mark.family
@pytest.mark.parametrize(
    "short", [MemoryError(), RuntimeError("[enforce fail] can't allocate memory: you tried")]
)
def test_short_memory_in_a_fit_says_what_was_spent(tmp_path, monkeypatch, short):
    def no_memory(*_, **__):
        raise short

    kept = tmp_path / "kept"
    with monkeypatch.context() as patch:
        patch.setattr("tabgan.fitting.fit.Generator", no_memory)
        with pytest.raises(OutOfMemoryError, match="fit: memory was not enough.*Already spent by this fit"):
            TabGAN(3.0, random_state=0).fit(table(), checkpoint=kept)
    assert TabGAN(3.0, random_state=0).fit(table(), checkpoint=kept).privacy_.epsilon_spent <= 3.0


class TestProgress:
    """Whoever waits sees rows pass by; the private number of them is told to nobody."""

    @pytest.fixture(autouse=True)
    def _small_blocks(self, monkeypatch):
        monkeypatch.setattr(spooled, "ROWS", 1_024)

    def told(self, tmp_path, progress, **options):
        schema = Schema(entity="person", max_rows=2)
        df = table(7_321).assign(person=np.arange(7_321) // 3)
        model = TabGAN(schema=schema, random_state=0)
        return model.fit(FrameParts(df, 1_500), ledger=tmp_path / "l.jsonl", progress=progress, **options)

    @pytest.mark.family
    def test_every_pass_tells_its_rows(self, tmp_path):
        calls = []
        self.told(tmp_path, lambda *told: calls.append(told))
        passes = [stage for stage, done, total in calls if (done, total) == (0, 1)]
        assert passes[:3] == ["read", "check", "bound"]
        assert {"count", "code"} < set(passes)
        assert passes.count("count") >= 4  # each column
        for stage in ("read", "check", "bound", "count", "code"):
            own = [each[1:] for each in calls if each[0] == stage]
            assert len(own) > 4
            assert own[-1] == (1, 1)
            assert all(1_000 <= done <= total for done, total in own if (done, total) not in ((0, 1), (1, 1)))

    def test_no_number_that_is_told_is_that_of_the_rows(self, tmp_path):
        told = {n for _, *numbers in self.calls(tmp_path) for n in numbers}
        assert {1_000, 8_000} < told
        assert 7_321 not in told
        assert {n for n in told if n % 1_000} <= set(range(200))  # steps of other stages

    def calls(self, tmp_path):
        calls = []
        self.told(tmp_path, lambda *told: calls.append(told))
        return calls

    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize("stage", ["read", "check", "bound", "count", "code"])
    def test_an_error_of_the_callers_own_stays_it(self, tmp_path, stage):
        def fails(where, done, total):
            if where == stage and done > 1:
                raise ValueError("mine")

        with pytest.raises(ValueError, match="^mine"):
            self.told(tmp_path, fails)
