"""A fit, its ledger and its checkpoint together: interrupted anywhere, it never spends more than it says."""

import contextlib
import itertools
import json
import os
import shutil
import struct
from collections import Counter

import dp_accounting
import numpy as np
import pandas as pd
import pytest
import torch
from filelock import FileLock

from tabgan._util.files import unsealed
from tabgan._util.printed import at_most
from tabgan.errors import (
    BudgetExceededError,
    CheckpointError,
    ConfigError,
    DataError,
    LedgerError,
    PrivacyError,
)
from tabgan.fitting import checkpoint, critics, session
from tabgan.fitting import fit as fitting
from tabgan.model.adversary.training import FACTORS, Game
from tabgan.privacy import plan as budget
from tabgan.privacy.accounting import Cost
from tabgan.privacy.doors import dpsgd, measured_table, mechanisms
from tabgan.privacy.ledger import file as ledger_file
from tabgan.privacy.ledger import journal
from tabgan.privacy.ledger.file import LedgerFile
from tabgan.privacy.ledger.journal import Journal
from tabgan.privacy.ledger.records import Cap, LedgerConfig
from tabgan.privacy.plan import ADVERSARY_STEPS, DISCOVERIES, DISCOVERY_TRIES
from tabgan.schema import Categorical, Datetime, Schema
from tabgan.synthesizer import TabGAN

EPSILON, DELTA = 2.0, 1e-6

#: The most that rounding losses upwards to a grid of 1e-3 adds to a total.
ROUNDING = 1e-3

#: Values of one row that must not be found in any file.
SECRET_TEXT, SECRET_NUMBER = "Zanzibar-4711", 98_765.4321


@pytest.fixture
def no_sync(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.jsonl"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "checkpoint"


def table(n_rows=1_500, seed=0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    df = pd.DataFrame(
        {
            "income": rng.normal(3_000, 500, n_rows).round(2),
            "town": rng.choice(["Ulm", "Bonn", "Kiel"], n_rows),
            "member": rng.random(n_rows) < 0.3,
        }
    )
    df.loc[7, ["income", "town"]] = [SECRET_NUMBER, SECRET_TEXT]
    return df


TARGET = Schema(target="member")

#: With the categories declared, no stage is one that cannot be charged twice.
DECLARED = Schema(
    [Categorical(name="town", categories=["Ulm", "Bonn", "Kiel"], unknown="other")], target="member"
)


def model(**changed) -> TabGAN:
    return TabGAN(**{"epsilon": EPSILON, "delta": DELTA, "schema": TARGET, "random_state": 0} | changed)


class Killed(BaseException):
    """A kill, which no process survives."""


# -- what the files say, without the library ------------------------------------------------------------------------


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def charged(path):
    return [release for line in lines_of(path) for release in line.get("releases", ())]


def recomputed(path, delta=DELTA) -> float:
    """The total of all lines, by dp_accounting's own accountant, one event a release."""
    events: Counter = Counter()
    for release in charged(path):
        event = dp_accounting.GaussianDpEvent(release["noise_multiplier"])
        if release["door"] == "dpsgd":
            event = dp_accounting.PoissonSampledDpEvent(release["sample_rate"], event)
        events[event] += release["steps"]
    accountant = dp_accounting.pld.PLDAccountant(value_discretization_interval=1e-3)
    for event, count in events.items():
        accountant.compose(event, count)
    return accountant.get_epsilon(delta - sum(release["delta"] for release in charged(path)))


def steps_charged(path) -> int:
    return sum(release["steps"] for release in charged(path) if release["door"] == "dpsgd")


def check_account(path, fitted):
    """Check that a finished fit states the file's lines, within the plan."""
    entries = [{**vars(entry), "columns": list(entry.columns)} for entry in fitted.privacy_.entries]
    assert entries == charged(path)
    assert fitted.privacy_.epsilon_spent <= EPSILON
    assert steps_charged(path) <= ADVERSARY_STEPS
    assert lines_of(path)[-1]["outcome"] == "done"
    assert len(fitted.sample(20)) == 20


# -- what is recorded, and when -----------------------------------------------------------------------------------


def test_a_fit_states_what_stands_in_its_ledger(path):
    fitted = model().fit(table(), ledger=path)
    check_account(path, fitted)
    assert recomputed(path) == pytest.approx(fitted.privacy_.epsilon_spent, abs=ROUNDING)
    assert steps_charged(path) == ADVERSARY_STEPS
    assert fitted.privacy_.place == LedgerFile(path).place()


@pytest.mark.family
def test_declared_rows_bring_the_rate_of_the_batches(path, monkeypatch, no_sync):
    """A public number, before a row is read; a step's charge states its own rate."""
    monkeypatch.setattr(budget, "ADVERSARY_BATCH", 500)
    sizes, real = [], dpsgd.PrivateSteps._poisson_batch
    monkeypatch.setattr(
        dpsgd.PrivateSteps, "_poisson_batch", lambda self: sizes.append(len(real(self))) or real(self)
    )
    fitted = model(schema=Schema(target="member", n_rows=1_500)).fit(table(), ledger=path)
    check_account(path, fitted)
    steps = [release for release in charged(path) if release["door"] == "dpsgd"]
    assert [(step["sample_rate"], step["steps"]) for step in steps] == [(1 / 3, 1)] * ADVERSARY_STEPS
    assert all(380 < size < 620 for size in sizes)
    assert recomputed(path) == pytest.approx(fitted.privacy_.epsilon_spent, abs=ROUNDING)


ENTITY = Schema(
    [Categorical(name="town", categories=["Ulm", "Bonn", "Kiel"])],
    target="member",
    entity="person",
    max_rows=2,
)


@pytest.fixture(scope="module")
def doors():
    """Return the tables that a fit with entities handed to doors 1 and 2."""
    handed = {}

    def measures(df, *args, **kwargs):
        handed["df"] = df
        return fitting_measures(df, *args, **kwargs)

    def trains(game, codes, units, *args):
        handed["codes"], handed["units"] = codes, units
        return fitting_trains(game, codes, units, *args)

    def tests(slopes, bound, codes, *args):
        handed["tested"] = codes
        return fitting_tests(slopes, bound, codes, *args)

    fitting_measures, fitting_trains, fitting_tests = (
        fitting.measure_table,
        critics.PrivateSteps,
        critics.measure_gain,
    )
    df = table().assign(person=np.arange(1_500) // 5)  # five rows each
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "measure_table", measures)
        patch.setattr(critics, "PrivateSteps", trains)
        patch.setattr(critics, "measure_gain", tests)
        handed["privacy"] = model(schema=ENTITY).fit(df).privacy_
    return handed


def test_door_1_measures_the_bounded_table(doors):
    """Pitfall 41."""
    assert doors["df"]["person"].value_counts().tolist() == [2] * 300
    counts = [entry for entry in doors["privacy"].entries if entry.door != "dpsgd"]
    assert {entry.sensitivity for entry in counts} == {2.0}
    assert counts[-1].what == "critic's gain"
    assert doors["tested"] is doors["codes"]


def test_door_2_samples_units_and_not_rows(doors):
    """Pitfall 40: whoever draws rows with the rate that was charged for units includes a person more often."""
    codes, units = doors["codes"], doors["units"]
    assert len(codes) == len(units) == 600
    assert np.bincount(units).tolist() == [2] * 300
    same = doors["df"]["person"].to_numpy()
    assert all(len(set(same[units == unit])) == 1 for unit in range(300))


@pytest.mark.family
def test_two_fits_on_one_table_add_up(path):
    spent = [model().fit(table(), ledger=path).privacy_.epsilon_spent for _ in range(2)]
    assert max(spent) < recomputed(path) < sum(spent)
    total = sum((fit.held for fit in LedgerFile(path).fits), Cost())
    assert total.epsilon(DELTA) == pytest.approx(recomputed(path), abs=ROUNDING)


def test_every_charge_is_on_the_disk_before_its_mechanism_runs(path, monkeypatch):
    """Pitfall 25: what was synced is what a crash leaves; each draw of noise finds its own release there."""
    synced, draws = [b""], Counter()
    fsync, noisy, discover, fill = (
        os.fsync,
        mechanisms.noisy_vector,
        mechanisms.discover,
        measured_table._draws,
    )

    def spy_on_fsync(handle):
        fsync(handle)
        if os.readlink(f"/proc/self/fd/{handle}") == str(path):
            synced[0] = path.read_bytes()

    def last():
        return json.loads(synced[0].splitlines()[-1])

    def spy_on_noise(values, noise):
        stddevs = [r["noise_multiplier"] * r["sensitivity"] for r in last()["releases"]]
        assert any(noise == pytest.approx(stddev, rel=1e-3) for stddev in stddevs)
        draws["counts"] += 1
        return noisy(values, noise)

    def spy_on_discover(counts, noise, delta, *rest):
        (line,) = last()["releases"]
        assert (line["noise_multiplier"], line["delta"]) == (noise, delta)
        draws["discoveries"] += 1
        return discover(counts, noise, delta, *rest)

    def spy_on_entropy(n):
        draws["steps"] += 1
        (step,) = last()["releases"]
        assert (step["door"], step["steps"]) == ("dpsgd", 1)
        lines = [json.loads(line) for line in synced[0].splitlines()]
        steps = [r["steps"] for line in lines for r in line.get("releases", ()) if r["door"] == "dpsgd"]
        assert sum(steps) == draws["steps"]
        return fill(n)

    monkeypatch.setattr(os, "fsync", spy_on_fsync)
    monkeypatch.setattr(mechanisms, "noisy_vector", spy_on_noise)
    monkeypatch.setattr(mechanisms, "discover", spy_on_discover)
    monkeypatch.setattr(measured_table, "_draws", spy_on_entropy)
    model().fit(table(), ledger=path)
    assert draws["counts"] > 7
    assert (draws["discoveries"], draws["steps"]) == (2, ADVERSARY_STEPS)  # of frequent incomes, and of towns


def test_a_fit_that_fails_counts_what_it_charged_and_no_more(path, monkeypatch, no_sync):
    monkeypatch.setattr(critics, "play", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
    failing = model()
    with pytest.raises(KeyboardInterrupt) as caught:
        failing.fit(table(), ledger=path)
    assert "spent by this fit: epsilon" in caught.value.__notes__[0]
    (fit,) = LedgerFile(path).fits
    assert fit.outcome == "failed"
    assert 0 < fit.held.mu_squared <= fit.limit.mu_squared
    assert fit.held.runs == ()
    assert recomputed(path) == pytest.approx(failing.privacy_.epsilon_spent, abs=ROUNDING)


def test_a_ledger_that_cannot_be_told_of_a_failure_goes_on_counting_the_plan(path, monkeypatch, no_sync):
    monkeypatch.setattr(critics, "play", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
    monkeypatch.setattr(LedgerFile, "end", lambda *args: (_ for _ in ()).throw(OSError("disk")))
    with pytest.raises(KeyboardInterrupt) as caught:
        model().fit(table(), ledger=path)
    assert any("its whole plan still counts" in note for note in caught.value.__notes__)
    (fit,) = LedgerFile(path).fits
    assert fit.held == fit.limit


# -- what is refused before a row is read ---------------------------------------------------------------------------


class Unread(pd.DataFrame):
    """A table of which nothing may be asked but the names of its columns."""

    def __getattribute__(self, name):
        if name not in ("columns", "_mgr", "__class__"):
            raise AssertionError(f"a row was read: {name}")
        return super().__getattribute__(name)


def unread(*args, **kwargs):
    raise AssertionError("a row was read")


@pytest.fixture
def no_reader(monkeypatch):
    monkeypatch.setattr(session, "table_digest", unread)
    monkeypatch.setattr(checkpoint, "table_digest", unread)
    monkeypatch.setattr(fitting, "learn", unread)


def test_the_cap_refuses_a_fit_before_a_row_is_read(path, folder, no_reader):
    for kept in (None, folder):
        with pytest.raises(BudgetExceededError, match="over its cap of 1. No row was read"):
            model().fit(Unread(table()), ledger=LedgerConfig(path, 1.0, 1e-5), checkpoint=kept)
    assert not path.exists()
    assert not folder.exists()


def test_that_table_would_have_told(path):
    """The control."""
    with pytest.raises(AssertionError, match="a row was read"):
        model().fit(Unread(table()), ledger=LedgerConfig(path, 9.0, 1e-5))


@pytest.mark.family
def test_the_cap_counts_earlier_fits(path, no_sync):
    model().fit(table(), ledger=LedgerConfig(path, 2.5, 1e-5))
    before = path.read_bytes()
    with pytest.raises(BudgetExceededError, match="No row was read"):
        model().fit(Unread(table()), ledger=path)
    assert path.read_bytes() == before
    LedgerFile(path).set_cap(Cap(9.0, 1e-5))
    model().fit(table(), ledger=path)


@pytest.mark.parametrize("ledger", [{"epsilon_cap": 9.0, "delta_cap": 1e-5}, {}])
def test_a_ledger_holds_no_fit_without_privacy(path, folder, no_reader, ledger):
    for kept in (None, folder):
        with pytest.raises(ConfigError, match="epsilon=None spends without limit"):
            model(epsilon=None).fit(Unread(table()), ledger=LedgerConfig(path, **ledger), checkpoint=kept)
    assert not path.exists()


@pytest.mark.parametrize("ledger", ["ledger.jsonl", "books/ledger.jsonl", "../checkpoint/l"])
def test_a_datasets_ledger_cannot_lie_where_a_finished_fit_is_removed(folder, no_reader, ledger):
    with pytest.raises(ConfigError, match="a place outside the checkpoint"):
        model().fit(Unread(table()), ledger=folder / ledger, checkpoint=folder)
    assert not folder.exists()


def test_a_damaged_ledger_or_checkpoint_is_refused_before_a_row_is_read(path, folder, monkeypatch, no_sync):
    with monkeypatch.context() as patch:
        interrupt(patch, (measured_table, "_draws"), 2, Killed)
        with pytest.raises(Killed):
            model().fit(table(), ledger=path, checkpoint=folder)
    monkeypatch.setattr(session, "table_digest", unread)
    monkeypatch.setattr(fitting, "learn", unread)
    for file, error in ((path, LedgerError), (folder / "manifest.json", CheckpointError)):
        whole, ledger = file.read_bytes(), path.read_bytes()
        file.write_bytes(whole[:99] + bytes([whole[99] ^ 1]) + whole[100:])
        with pytest.raises(error):
            model().fit(Unread(table()), ledger=path, checkpoint=folder)
        file.write_bytes(whole)
        assert path.read_bytes() == ledger


# -- interrupted, and resumed ----------------------------------------------------------------------------------


def interrupt(patch, place, at, error, after=False):
    """Have the ``at``-th call of a function die before it does anything, or ``after`` it has done all."""
    owner, name = place
    real, calls = getattr(owner, name), itertools.count(1)

    def dying(*args, **kwargs):
        dies = next(calls) == at
        if dies and not after:
            raise error
        result = real(*args, **kwargs)
        if dies:
            raise error
        return result

    patch.setattr(owner, name, dying)


def fit_until_done(monkeypatch, path, folder, place, at, error=Killed, after=False, most=60):
    """Return the model, and how often a fit that dies at every ``at``-th call had to be taken up again."""
    kept = b""
    for attempt in range(most):
        with monkeypatch.context() as patch:
            interrupt(patch, place, at, error, after)
            try:
                return model(schema=DECLARED).fit(table(), ledger=path, checkpoint=folder), attempt
            except error:
                pass
        ledger = LedgerFile(path)
        (fit,) = ledger.fits
        assert fit.outcome is None or (fit.outcome == "done" and place in (LINE, GUARD, END))
        assert fit.limit.covers(fit.spent)
        answers = folder / "released.jsonl"
        found = answers.read_bytes() if answers.exists() else b""
        assert found.startswith(kept)  # answers never change once they are kept
        kept = found[: found.rfind(b"\n") + 1]
    raise AssertionError(f"not done after {most} attempts")


NOISE, ENTROPY, LINE = (
    (mechanisms, "noisy_vector"),
    (measured_table, "_draws"),
    (ledger_file, "append_line"),
)
GUARD, ANSWER = (LedgerFile, "_write_guard"), (journal, "append_line")
STEP, END = (dpsgd.PrivateSteps, "_noisy_gradient"), (LedgerFile, "end")


@pytest.mark.family(keep=3)
@pytest.mark.parametrize(
    ("place", "at", "after", "error"),
    [
        pytest.param(NOISE, 2, False, Killed, marks=pytest.mark.family),
        pytest.param(NOISE, 3, True, Killed, marks=pytest.mark.family),
        (NOISE, 4, False, KeyboardInterrupt),
        pytest.param(LINE, 3, False, Killed, marks=pytest.mark.family),
        (LINE, 3, True, Killed),
        (GUARD, 4, False, Killed),
        pytest.param(ANSWER, 2, False, Killed, marks=pytest.mark.family),
        pytest.param(ANSWER, 1, True, Killed, marks=pytest.mark.family),
        (ANSWER, 3, False, OSError),
        pytest.param(ENTROPY, 1, False, KeyboardInterrupt, marks=pytest.mark.family),
        (ENTROPY, 2, True, Killed),
        pytest.param(STEP, 1, True, Killed, marks=pytest.mark.family),
        (STEP, 3, False, Killed),
        (END, 1, True, Killed),
    ],
)
def test_a_fit_that_is_stopped_again_and_again_ends_within_its_plan(
    path, folder, monkeypatch, no_sync, place, at, after, error
):
    """Pitfall 25."""
    fitted, n_stops = fit_until_done(monkeypatch, path, folder, place, at, error, after)
    assert n_stops > 0
    check_account(path, fitted)
    assert steps_charged(path) == ADVERSARY_STEPS
    if place in (NOISE, ENTROPY) and not after:
        assert recomputed(path) == pytest.approx(fitted.privacy_.epsilon_spent, abs=ROUNDING)


@pytest.mark.family
def test_one_that_never_gets_past_a_stage_ends_in_a_typed_error(path, folder, monkeypatch, no_sync):
    """Its charge is spent each time, until the plan has no room for it; nothing is overspent."""
    with (
        monkeypatch.context() as patch,
        pytest.raises(BudgetExceededError, match="'range' would bring the total"),
    ):
        keep = Journal.keep
        patch.setattr(
            Journal, "keep", lambda self, call, answer: _die_at(call, "range") or keep(self, call, answer)
        )
        for _ in range(99):
            with contextlib.suppress(Killed):
                model(schema=DECLARED).fit(table(), ledger=path, checkpoint=folder)
    (fit,) = LedgerFile(path).fits
    assert fit.outcome == "failed"  # nor will it go on the next time
    assert fit.limit.covers(fit.spent)
    assert recomputed(path) <= EPSILON + ROUNDING
    assert Counter(call for call, _ in fit.charges).most_common(1)[0][1] > 10
    assert fit.held == fit.spent
    refused(path, folder, CheckpointError, "records the fit as failed", schema=DECLARED)


def _die_at(call, what):
    if call.endswith(what):
        raise Killed


@pytest.mark.family
def test_categories_are_discovered_again_while_delta_lasts(path, folder, monkeypatch, no_sync):
    """Stopped between charge and answer, a fit has delta for a second try of each discovery that it may make."""
    for _ in range(DISCOVERY_TRIES * 2 * DISCOVERIES):  # of towns, and of frequent numbers
        stopped(path, folder, monkeypatch, (mechanisms, "discover"), 1)
    with pytest.raises(BudgetExceededError, match="'categories and 1-way histogram' would bring the total"):
        model().fit(table(), ledger=path, checkpoint=folder)
    (fit,) = LedgerFile(path).fits
    assert (fit.outcome, folder.exists()) == ("failed", True)
    assert recomputed(path) <= EPSILON + ROUNDING


@pytest.mark.family
def test_a_fit_that_was_stopped_in_a_discovery_is_done_in_the_end(path, folder, monkeypatch, no_sync):
    stopped(path, folder, monkeypatch, (mechanisms, "discover"), 1)
    assert model().fit(table(), ledger=path, checkpoint=folder).schema_["town"].categories
    assert recomputed(path) <= EPSILON + ROUNDING


def test_a_resumed_fit_that_fails_says_all_that_it_has_spent(halfway):
    """Earlier lines of the ledger count, even if the resumed fit did not reach them again."""
    path, folder = halfway
    spent = LedgerFile(path).fits[0].spent.epsilon(DELTA)

    def stop(stage, done, total):
        raise KeyboardInterrupt

    again = model()
    with pytest.raises(KeyboardInterrupt, match=f"spent by this fit: epsilon {at_most(spent)} of"):
        again.fit(table(), ledger=path, checkpoint=folder, progress=stop)
    assert again.privacy_.epsilon_spent == pytest.approx(spent)


def test_a_checkpoint_is_one_processs_at_a_time(halfway):
    path, folder = halfway
    before = path.read_bytes()
    with FileLock(folder / "lock"):
        refused(path, folder, CheckpointError, "another process is using")
    assert path.read_bytes() == before
    model().fit(table(), ledger=path, checkpoint=folder)


def test_answers_of_another_fit_are_refused(path, folder, monkeypatch, no_sync):
    stopped(path, folder, monkeypatch)
    other = folder.with_name("other")
    stopped(path, other, monkeypatch)
    own = (folder / "released.jsonl").read_bytes()
    (folder / "released.jsonl").write_bytes((other / "released.jsonl").read_bytes())
    refused(path, folder, CheckpointError, "is damaged")
    (folder / "released.jsonl").write_bytes(own)
    model().fit(table(), ledger=path, checkpoint=folder)


@pytest.mark.family
def test_a_part_of_the_table_is_the_same_part_when_it_goes_on(path, folder, monkeypatch, no_sync):
    df = table()
    with monkeypatch.context() as patch:
        interrupt(patch, ENTROPY, 2, Killed)
        with pytest.raises(Killed):
            model().fit(df.iloc[:1_200], ledger=path, checkpoint=folder, source_table=df)
    with pytest.raises(CheckpointError, match="belongs to a fit to another table"):
        model().fit(df.iloc[:1_300], ledger=path, checkpoint=folder, source_table=df)
    model().fit(df.iloc[:1_200], ledger=path, checkpoint=folder, source_table=df)


@pytest.mark.parametrize(
    ("cell", "schema", "message"),
    [
        (["a list"], TARGET, "Column 'town'"),
        (None, Schema(target="member", entity="town", max_rows=500), "entity has missing values"),
    ],
)
def test_a_source_table_that_no_fit_can_read_is_refused_before_anything_is_charged(
    path, cell, schema, message
):
    """Pitfall 35: also where the part of it that is fitted could be read."""
    df = table().astype({"town": object})
    df.at[1_400, "town"] = cell
    with pytest.raises(DataError, match=message):
        model(schema=schema).fit(df.iloc[:1_200], ledger=path, source_table=df)
    assert not path.exists()


def test_no_value_of_a_person_stops_a_fit_that_has_begun(path, folder, monkeypatch, no_sync):
    """The whole table is checked first, not what chance has left of it: the choice is made anew when a fit goes on."""
    df = pd.concat([table(), table().tail(1).assign(income=np.inf)], ignore_index=True)
    df["key"] = [*range(len(df) - 1), len(df) - 2]
    for _ in range(5):
        with pytest.raises(DataError, match="infinite"):
            model(schema=Schema(target="member", entity="key", max_rows=1)).fit(
                df, ledger=path, checkpoint=folder
            )
    assert not path.exists()


def stopped(path, folder, monkeypatch, place=ENTROPY, at=2, df=None, after=False, **changed):
    """Begin a fit that is stopped in the middle of its training."""
    with monkeypatch.context() as patch:
        interrupt(patch, place, at, Killed, after)
        with pytest.raises(Killed):
            model(**changed).fit(table() if df is None else df, ledger=path, checkpoint=folder)


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """Return the folder of a fit that was stopped in the middle of its training, and a copy of it."""
    place = tmp_path_factory.mktemp("begun")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        stopped(place / "ledger.jsonl", place / "checkpoint", patch)
    return place, shutil.copytree(place, tmp_path_factory.mktemp("copy") / "begun")


@pytest.fixture
def halfway(begun, no_sync):
    """Return ledger and checkpoint of that fit, as it left them."""
    place, copy = begun
    shutil.rmtree(place)
    shutil.copytree(copy, place)
    return place / "ledger.jsonl", place / "checkpoint"


def gradients_of(folder):
    """Return the gradients that a checkpoint has kept, in order."""
    answers = [unsealed(line)[2] for line in (folder / "released.jsonl").read_text().splitlines()]
    return [answer["drawn"] for answer in answers if len(answer.get("drawn", ())) > 1]


@pytest.mark.family(keep=1)
@pytest.mark.parametrize("at", [1, 2, ADVERSARY_STEPS])
def test_a_step_that_was_charged_and_lost_is_not_taken_again(path, folder, monkeypatch, no_sync, at):
    """Pitfalls 20 and 25: the fit takes the steps that remain, and no noise a second time."""
    drawn = []
    real = dpsgd.PrivateSteps._noisy_gradient
    monkeypatch.setattr(
        dpsgd.PrivateSteps,
        "_noisy_gradient",
        lambda self: drawn.append(real(self)) or drawn[-1],
    )
    stopped(path, folder, monkeypatch, STEP, at, after=True)
    kept = gradients_of(folder) if at > 1 else []
    assert (steps_charged(path), len(drawn), len(kept)) == (at, at, at - 1)
    fitted = model().fit(table(), ledger=path, checkpoint=folder)
    check_account(path, fitted)
    assert steps_charged(path) == len(drawn) == ADVERSARY_STEPS
    taken = [gradient.tolist() for gradient in drawn]
    assert gradients_of(folder) == taken[: at - 1] + taken[at:]
    assert gradients_of(folder)[: at - 1] == kept
    assert len({str(gradient) for gradient in taken}) == ADVERSARY_STEPS


def test_a_resumed_fit_reads_no_row_for_a_gradient_that_it_has(path, folder, monkeypatch, no_sync):
    monkeypatch.setattr(critics, "LET_IN", -np.inf)
    stopped(path, folder, monkeypatch, (critics, "measure_gain"), 1)
    before = gradients_of(folder)
    assert len(before) == ADVERSARY_STEPS
    with monkeypatch.context() as patch:
        patch.setattr(dpsgd.PrivateSteps, "_noisy_gradient", unread)
        patch.setattr(dpsgd.PrivateSteps, "_poisson_batch", unread)
        fitted = model().fit(table(), ledger=path, checkpoint=folder)
    assert gradients_of(folder) == before
    assert fitted._fitted.generator.critics["2"].network.weight.abs().sum() > 0
    check_account(path, fitted)


def test_a_test_of_the_critic_that_was_charged_and_lost_leaves_it_out(path, folder, monkeypatch, no_sync):
    """Its share is spent, and has no room for a second test."""
    real = dpsgd.mechanisms.noisy_vector

    def dies(values, noise):
        if charged(path)[-1]["what"] == "critic's gain":
            raise Killed
        return real(values, noise)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(mechanisms, "noisy_vector", dies)
        model().fit(table(), ledger=path, checkpoint=folder)
    before = path.read_bytes()
    fitted = model().fit(table(), ledger=path, checkpoint=folder)
    check_account(path, fitted)
    assert len(lines_of(path)) == len(before.splitlines()) + 1
    assert not fitted._fitted.generator.critics


@pytest.mark.family
def test_a_critic_is_let_in_if_its_noisy_gain_is_large_enough(path, monkeypatch, no_sync):
    """Charged once, by the share of the plan that is kept for it."""
    for let_in, positions in ((-np.inf, ["2"]), (np.inf, [])):
        monkeypatch.setattr(critics, "LET_IN", let_in)
        fitted = model().fit(table(), ledger=path)
        assert list(fitted._fitted.generator.critics) == positions
        (test,) = [entry for entry in fitted.privacy_.entries if entry.what == "critic's gain"]
        assert (test, test.columns) == (fitted.privacy_.entries[-1], ("member",))
        assert test.noise_multiplier == fitted.plan_.noise_multiplier("gain", 1)


@pytest.mark.parametrize(
    ("slope", "noise", "is_let_in", "factor", "gain"),
    [
        (0.7, 0.0, True, 0.7, 0.7 * 0.7 - 0.7**2 / 2),
        (1.0, 0.1, True, 1.0, 1.0 - 0.5),
        (0.5, 0.4, True, 0.7, 0.7 * 0.5 - 0.7**2 / 2),  # likely .695
        (1.5, 0.5, True, 1.25, 1.25 * 1.5 - 1.25**2 / 2),  # as doubtful as the guess
        (9.0, 0.1, True, 2.0, 18.0 - 2.0),  # the largest factor
        (0.1, 0.2, False, 1.0, 0.1 - 0.5),
        (-3.0, 0.2, False, 1.0, -3.5),
        (0.2, 0.2, False, 1.0, -0.3),
    ],
)
def test_a_critic_is_multiplied_as_its_noisy_slope_asks(slope, noise, is_let_in, factor, gain):
    """By the largest gain of a slope between the noisy one and 1, where a factor costs half its square."""
    outcome = critics._judge(FACTORS**2 / 2, "member", slope, noise)
    assert (outcome.is_let_in, outcome.factor) == (is_let_in, pytest.approx(factor, abs=0.026))
    assert outcome.gain == pytest.approx(gain, abs=0.01)
    assert outcome.noise_stddev == pytest.approx(noise * outcome.factor)


@pytest.mark.parametrize(("slope", "factor"), [(1.5, 1.0), (0.7, 1.0), (0.55, 0.55)])
def test_without_privacy_a_critic_that_clearly_gains_stays_as_it_is(slope, factor):
    outcome = critics._judge(FACTORS**2 / 2, "member", slope, 0.1, is_plain=True)
    assert outcome.factor == pytest.approx(factor, abs=0.051)


def test_a_lost_slope_lets_no_critic_in():
    outcome = critics._judge(FACTORS**2 / 2, "member", None, 0.1)
    assert (outcome.is_let_in, outcome.gain) == (False, None)


@pytest.mark.family
def test_the_critic_of_the_model_is_the_trained_one_times_its_factor(path, monkeypatch, no_sync):
    monkeypatch.setattr(critics, "LET_IN", -np.inf)
    weights, scale = [], Game.scale
    monkeypatch.setattr(
        Game, "scale", lambda self, factor: weights.append(self.network.weight.clone()) or scale(self, factor)
    )
    fitted = model().fit(table(), ledger=path)
    (outcome,) = fitted.privacy_.critics
    critic = fitted._fitted.generator.critics["2"]
    torch.testing.assert_close(critic.network.weight, weights[0] * outcome.factor)
    assert f"times {outcome.factor:.2g}" in str(fitted.privacy_)


def test_each_target_has_a_critic_a_test_and_its_part_of_the_budget(path, monkeypatch, no_sync):
    """The second is judged beside the first, whose column it may look at."""
    monkeypatch.setattr(critics, "LET_IN", -np.inf)
    monkeypatch.setattr(mechanisms, "noisy_vector", lambda values, _: np.asarray(values, dtype=np.float64))
    fitted = model(schema=Schema(targets=["member", "town"])).fit(table(), ledger=path)
    assert fitted._fitted.encoder.names == ["income", "member", "town"]
    assert set(fitted._fitted.generator.critics) == {"1", "2"}
    assert 1 in fitted._fitted.generator.critics["2"].owner
    lines = [(entry.what, entry.columns) for entry in fitted.privacy_.entries][-2 * ADVERSARY_STEPS - 2 :]
    assert lines == [
        line
        for name in ("member", "town")
        for line in (
            *[("discriminator's gradient", (name,))] * ADVERSARY_STEPS,
            ("critic's gain", (name,)),
        )
    ]
    tests = [entry for entry in fitted.privacy_.entries if entry.what == "critic's gain"]
    assert sum(test.noise_multiplier**-2 for test in tests) == pytest.approx(
        fitted.plan_.mu**2 * fitted.plan_.shares["gain"]
    )
    assert steps_charged(path) == fitted.plan_.adversary.steps
    assert recomputed(path) == pytest.approx(fitted.privacy_.epsilon_spent, abs=ROUNDING)


@pytest.mark.family
@pytest.mark.parametrize("at", [2, ADVERSARY_STEPS + 2])
def test_a_fit_with_several_critics_resumes_in_the_middle_of_any(path, folder, monkeypatch, no_sync, at):
    schema = Schema(
        [Categorical(name="town", categories=["Ulm", "Bonn", "Kiel"])], targets=["member", "town"]
    )
    stopped(path, folder, monkeypatch, STEP, at, schema=schema)
    before = gradients_of(folder)
    assert len(before) == at - 1
    fitted = model(schema=schema).fit(table(), ledger=path, checkpoint=folder)
    assert gradients_of(folder)[: len(before)] == before
    assert steps_charged(path) == 2 * ADVERSARY_STEPS
    assert fitted.privacy_.epsilon_spent <= EPSILON
    assert len(fitted.sample(20)) == 20


@pytest.mark.family
def test_a_fit_without_a_target_has_no_adversary(path, folder, no_sync):
    fitted = model(schema=None).fit(table(), ledger=path, checkpoint=folder)
    assert not fitted.plan_.has_adversary
    assert steps_charged(path) == 0
    assert {release["door"] for release in charged(path)} == {"release", "marginals"}
    assert not any(release["what"] == "critic's gain" for release in charged(path))
    assert not fitted._fitted.generator.critics
    assert fitted.plan_.mu > model()._request((), untyped_text=False).plan.mu
    check_account(path, fitted)


def test_a_finished_checkpoint_gives_the_same_model_and_spends_nothing(path, folder, monkeypatch, no_sync):
    monkeypatch.setattr(critics, "LET_IN", -np.inf)
    first = model().fit(table(), ledger=path, checkpoint=folder)
    before = path.read_bytes()
    for name in ("noisy_vector", "discover"):
        monkeypatch.setattr(mechanisms, name, unread)
    monkeypatch.setattr(measured_table, "_draws", unread)
    monkeypatch.setattr(Game, "prepare", unread)
    again = model().fit(table(), ledger=path, checkpoint=folder)
    pd.testing.assert_frame_equal(again.sample(50), first.sample(50))
    states = [each._fitted.generator.state_dict() for each in (first, again)]
    assert states[0].keys() == states[1].keys() > {"critics.2.network.weight"}
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert again.privacy_ == first.privacy_
    assert path.read_bytes() == before


@pytest.mark.family
def test_without_a_datasets_ledger_a_checkpoint_keeps_its_own(folder, monkeypatch, no_sync):
    """Pitfall 25."""
    stopped(None, folder, monkeypatch)
    own = folder / "ledger.jsonl"
    assert steps_charged(own) == 2
    fitted = model().fit(table(), checkpoint=folder)
    check_account(own, fitted)
    assert fitted.privacy_.place is None


def test_no_value_of_a_row_is_found_in_any_file(path, folder, monkeypatch, no_sync):
    """Pitfall 22: neither in the middle of a fit nor at its end; what is common is, which is the control."""
    df = table()
    wanted = [SECRET_TEXT.encode(), b"98765.43", b"9876543"]
    wanted += [struct.pack(order + "d", SECRET_NUMBER) for order in "<>"]
    wanted += [struct.pack(order + "q", round(SECRET_NUMBER * 100)) for order in "<>"]
    for finish in (
        lambda: stopped(path, folder, monkeypatch),
        lambda: model().fit(df, ledger=path, checkpoint=folder),
    ):
        finish()
        files = [p for p in path.parent.rglob("*") if p.is_file()]
        data = b"".join(p.read_bytes() for p in files)
        assert len(files) == 6
        assert not [value for value in wanted if value in data]
        assert b"Kiel" in data


@pytest.mark.family
def test_a_fit_without_privacy_can_be_gone_on_with_too(folder, monkeypatch, no_sync):
    with monkeypatch.context() as patch:
        interrupt(patch, ANSWER, 3, Killed)
        with pytest.raises(Killed):
            model(epsilon=None).fit(table(), checkpoint=folder)
    assert not (folder / "ledger.jsonl").exists()
    fitted = model(epsilon=None).fit(table(), checkpoint=folder)
    assert not fitted.privacy_.is_private
    assert len(fitted.sample(5)) == 5


# -- what cannot be resumed ----------------------------------------------------------------------------------


def refused(path, folder, error, match, df=None, **changed):
    """Check that a fit is refused, that nothing was charged for it, and that nothing was removed."""
    files = [p for p in (*folder.iterdir(), path) if p.is_file()]
    before = {p: p.read_bytes() for p in files}
    with pytest.raises(error, match=match):
        model(**changed).fit(table() if df is None else df, ledger=path, checkpoint=folder)
    assert {p: p.read_bytes() for p in files} == before


def test_another_fit_or_table_is_no_continuation(halfway):
    path, folder = halfway
    refused(path, folder, CheckpointError, "adversary, epsilon differ", epsilon=1.0)
    refused(path, folder, CheckpointError, "adversary differ", adversary_share=0.1)
    refused(path, folder, CheckpointError, "adversary, has_adversary differ", adversary_share=0)
    refused(path, folder, CheckpointError, "random_state differ", random_state=1)
    refused(
        path,
        folder,
        CheckpointError,
        "schema differ",
        schema=Schema([Categorical(name="town")], target="member"),
    )
    refused(path, folder, CheckpointError, "another table", df=table(1_499))
    refused(path, folder, CheckpointError, "another table", df=table().astype({"town": "category"}))
    with pytest.raises(CheckpointError, match="ledger differ"):
        model().fit(table(), ledger=path.with_name("other"), checkpoint=folder)
    with pytest.raises(CheckpointError, match="ledger differ"):
        model().fit(table(), checkpoint=folder)
    model().fit(table().iloc[::-1], ledger=path, checkpoint=folder)  # no batch is drawn by place


@pytest.mark.family
def test_what_is_no_table_leaves_the_checkpoint_as_it_was(path, folder, monkeypatch, no_sync):
    """Though a table that cannot be fitted gives it up."""
    given = {"schema": Schema([Categorical(name="town")], target="member")}
    stopped(path, folder, monkeypatch, **given)
    refused(path, folder, ConfigError, "no file 'table.csv'", df="table.csv", **given)
    for df in (table().to_numpy(), table().to_dict()):
        refused(path, folder, DataError, "expected a pandas DataFrame", df=df, **given)
    check_account(path, model(**given).fit(table(), ledger=path, checkpoint=folder))


def test_a_table_that_cannot_be_learnt_gives_its_checkpoint_up(path, folder, no_sync):
    with pytest.raises(DataError):
        model().fit(table().assign(income=np.inf), ledger=path, checkpoint=folder)
    assert not folder.exists()
    assert not path.exists()


def test_a_fit_that_was_closed_by_hand_cannot_go_on(halfway):
    path, folder = halfway
    LedgerFile(path).end(LedgerFile(path).fits[0].name, "closed")
    refused(path, folder, CheckpointError, "records the fit as closed")


def test_a_ledger_that_does_not_know_the_fit_is_not_the_one(halfway):
    """Pitfall 25."""
    path, folder = halfway
    for name in (path, path.with_name("ledger.jsonl.guard")):
        name.unlink()
    with pytest.raises(CheckpointError, match="does not know the fit to resume"):
        model().fit(table(), ledger=path, checkpoint=folder)
    assert not path.exists()


def test_a_ledger_that_was_put_back_to_before_an_answer_is_found(path, folder, monkeypatch, no_sync):
    """Pitfall 25: the file and its guard are both whole, and older than the checkpoint."""
    guard = path.with_name("ledger.jsonl.guard")
    stopped(path, folder, monkeypatch, place=NOISE, at=3)
    older = path.read_bytes(), guard.read_bytes()
    stopped(path, folder, monkeypatch)
    path.write_bytes(older[0])
    guard.write_bytes(older[1])
    refused(path, folder, PrivacyError, "answers do not match at")


@pytest.mark.family
def test_a_ledger_that_was_put_back_to_before_steps_of_the_discriminator_is_found(
    path, folder, monkeypatch, no_sync
):
    """Pitfall 25."""
    guard = path.with_name("ledger.jsonl.guard")
    stopped(path, folder, monkeypatch, at=1)
    older = path.read_bytes(), guard.read_bytes()
    stopped(path, folder, monkeypatch)
    path.write_bytes(older[0])
    guard.write_bytes(older[1])
    refused(path, folder, PrivacyError, "do not match at .* discriminator's gradient")


def test_answers_that_are_gone_are_not_released_again(halfway):
    """Nor is what is left thrown away: they may be restored from a copy."""
    path, folder = halfway
    answers = (folder / "released.jsonl").read_bytes()
    (folder / "released.jsonl").unlink()
    refused(path, folder, CheckpointError, "'.*released.jsonl' is damaged", df=Unread(table()))
    (folder / "released.jsonl").write_bytes(answers)
    model().fit(table(), ledger=path, checkpoint=folder)
    (folder / "released.jsonl").unlink()
    with pytest.raises(PrivacyError, match="no open fit .*that one is done"):
        model().fit(table(), ledger=path, checkpoint=folder)


def test_an_entity_that_cannot_be_bounded_is_refused_before_the_ledger_knows_of_it(path, folder, no_sync):
    df = table().assign(key=[None, *range(len(table()) - 1)])
    with pytest.raises(DataError, match="missing values"):
        model(schema=Schema(entity="key", max_rows=2)).fit(df, ledger=path, checkpoint=folder)
    assert not path.exists()
    assert not folder.exists()


def test_a_fit_that_charged_nothing_ties_a_ledger_to_no_table_and_to_no_plan(path, monkeypatch, no_sync):
    with monkeypatch.context() as patch:
        patch.setattr(fitting, "measure_table", lambda *a, **k: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            model().fit(table(), ledger=LedgerConfig(path, EPSILON * 1.001, DELTA))
    model().fit(table(1_400), ledger=path)
    assert [fit.outcome for fit in LedgerFile(path).fits] == ["failed", "done"]


@pytest.mark.family
def test_a_second_start_that_came_too_late_changes_nothing(path, folder, monkeypatch, no_sync):
    """It was opened before the first one had put its manifest down."""
    request = model()._request(table().columns, False)
    late = session.Session(request, LedgerConfig(path), folder)
    stopped(path, folder, monkeypatch)
    before = path.read_bytes(), (folder / "manifest.json").read_bytes()
    with pytest.raises(CheckpointError, match="another process has changed"):
        late.begin(table())
    assert before == (path.read_bytes(), (folder / "manifest.json").read_bytes())
    model().fit(table(), ledger=path, checkpoint=folder)


def test_damaged_answers_are_refused_and_nothing_is_charged(halfway):
    path, folder = halfway
    answers = folder / "released.jsonl"
    whole = answers.read_bytes()
    position = len(whole) // 2
    answers.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
    refused(path, folder, CheckpointError, "is damaged")
    answers.write_bytes(whole)
    check_account(path, model().fit(table(), ledger=path, checkpoint=folder))


@pytest.mark.family
def test_a_ledger_of_another_table_is_refused_and_nothing_is_written(path, folder, no_sync):
    model().fit(table(), ledger=path)
    before = path.read_bytes()
    for kept in (None, folder):
        with pytest.raises(LedgerError, match="belongs to another table"):
            model().fit(table(1_400), ledger=path, checkpoint=kept)
    assert path.read_bytes() == before
    model().fit(table(1_400), ledger=LedgerConfig(path, table_may_change=True))
    assert [fit.outcome for fit in LedgerFile(path).fits] == ["done", "done"]


@pytest.mark.family
def test_a_part_of_a_table_adds_to_the_ledger_of_the_whole(path, no_sync):
    whole = table()
    model().fit(whole.iloc[:1_200], ledger=path, source_table=whole)
    model().fit(whole.iloc[300:], ledger=path, source_table=whole)
    with pytest.raises(LedgerError, match="another table"):
        model().fit(whole.iloc[:1_200], ledger=path)
    assert len(LedgerFile(path).fits) == 2


# -- arguments that a file has to hold ----------------------------------------------------------------------------


@pytest.mark.family
def test_all_that_may_be_an_argument_can_be_kept(folder, monkeypatch, no_sync):
    """Numbers of NumPy, and dates in a schema."""
    df = table().assign(since=pd.Timestamp("2020-03-01"))
    schema = Schema(
        [Datetime(name="since", bounds=("2020-01-01", "2020-12-31"), resolution="day")], target="member"
    )
    given = {
        "random_state": np.int64(3),
        "epsilon": np.float32(EPSILON),
        "adversary_share": np.float32(0.125),
        "schema": schema,
    }
    stopped(None, folder, monkeypatch, df=df, **given)
    fitted = model(**given).fit(df, checkpoint=folder)
    assert fitted.privacy_.is_private
    assert fitted.sample(5)["since"].dt.year.eq(2020).all()


@pytest.mark.family
def test_a_seed_that_was_left_open_is_drawn_once_for_a_checkpoint(folder, monkeypatch, no_sync):
    stopped(None, folder, monkeypatch, random_state=None)
    first = model(random_state=None).fit(table(), checkpoint=folder)
    again = model(random_state=None).fit(table(), checkpoint=folder)
    pd.testing.assert_frame_equal(again.sample(20, random_state=1), first.sample(20, random_state=1))


@pytest.mark.family
def test_what_only_the_release_knows_is_told_and_kept(tmp_path, no_sync):
    rng, n = np.random.default_rng(0), 2_000
    hours = np.where(rng.random(n) > 0.05, np.round(rng.normal(40, 9, n), 1).astype(str), "n/k")
    df = pd.DataFrame(
        {"hours": hours.astype(object), "days": rng.integers(0, 400, n).astype(str).astype(object)}
    )
    model = TabGAN(epsilon=4.0, random_state=0).fit(df, untyped_text=True)
    assert {loss.column: loss.kind for loss in model.losses_} == {"hours": "converted", "days": "ends"}
    smaller = TabGAN(epsilon=1.0, random_state=0).fit(df[["days"]].head(900), untyped_text=True)
    assert {loss.column: loss.kind for loss in smaller.losses_} == {"days": "ends"}
    for each in (model, smaller):
        each.save(tmp_path / "m.tabgan")
        assert TabGAN.load(tmp_path / "m.tabgan").losses_ == each.losses_
