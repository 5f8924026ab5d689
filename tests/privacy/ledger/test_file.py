"""One ledger a dataset: nothing is forgotten, nothing is let past the cap, and damage is never read as less spent."""

import hashlib
import hmac
import json
import math
import multiprocessing
import os
import shutil
import stat
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import dp_accounting
import numpy as np
import pandas as pd
import pytest
from dp_accounting import rdp
from filelock import FileLock

from tabgan._util.files import append_line, sealed, unsealed
from tabgan.errors import BudgetExceededError, ConfigError, LedgerError, PrivacyError
from tabgan.privacy.accounting import Cost, SubsampledGaussian, filter_order
from tabgan.privacy.doors.digest import table_digest
from tabgan.privacy.events import GAUSSIAN, POISSON_GAUSSIAN, Release
from tabgan.privacy.filter import PrivacyFilter
from tabgan.privacy.ledger import file as ledger_file
from tabgan.privacy.ledger.file import FitEntry, LedgerFile
from tabgan.privacy.ledger.records import Cap, LedgerConfig
from tabgan.privacy.plan import Plan
from tabgan.privacy.unit import PrivacyUnit

RUN = SubsampledGaussian(5.0, 0.02, 20)
PLAN = Plan(1.0, 1e-6, 1e-7, 0.2, {}, True, RUN)
CAP = Cap(3.0, 1e-5)
TABLE = pd.DataFrame({"age": [31, 47, 64], "town": ["Ulm", "Bonn", "Kiel"]})


def release(noise=10.0, what="1-way histogram"):
    return Release("release", what, ("age",), GAUSSIAN, noise)


def block(steps=10):
    return Release("dpsgd", "gradients", (), POISSON_GAUSSIAN, 5.0, sample_rate=0.02, steps=steps)


def digest_of(table=TABLE):
    return partial(table_digest, table)


def unread(key):
    raise AssertionError("a row was read")


def begin(path, name="f1", plan=PLAN, table=TABLE, **config) -> LedgerFile:
    ledger = LedgerFile(path)
    ledger.begin(name, plan, LedgerConfig(path, **config), digest_of(table))
    return ledger


def guard_of(path):
    return path.with_name(path.name + ".guard")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.jsonl"


@pytest.fixture
def written(path):
    """A ledger of two fits, the second unfinished, and eight lines."""
    begin(path, epsilon_cap=3.0, delta_cap=1e-5).charge("f1", "1 a", [release()])
    LedgerFile(path).end("f1", "done")
    begin(path, "f2")
    for call in ("1 a", "2 b"):
        LedgerFile(path).charge("f2", call, [release(20.0)])
    LedgerFile(path).charge("f2", "discriminator", [block()])
    return path


class Killed(BaseException):
    """A kill, which no process survives."""


# -- what it says -----------------------------------------------------------------------------------------------


def test_two_fits_add_up(path):
    for name in ("f1", "f2"):
        ledger = begin(path, name)
        ledger.charge(name, "1 a", [release(10.0), release(20.0)])
        ledger.charge(name, "2 b", [block(), block(7)])
        ledger.end(name, "done")
    read = LedgerFile(path)
    assert [fit.name for fit in read.fits] == ["f1", "f2"]
    assert read.held(CAP).mu_squared == pytest.approx(2 * (1 / 100 + 1 / 400))
    assert read.held(CAP).runs == (SubsampledGaussian(5.0, 0.02, 34),)


def test_all_that_was_written_is_read_again(written):
    ledger = LedgerFile(written)
    assert (ledger.unit, ledger.cap) == (PrivacyUnit(), Cap(3.0, 1e-5))
    assert [record["kind"] for record in ledger.records] == [
        "ledger",
        "cap",
        "fit",
        "charge",
        "end",
        "fit",
        "charge",
        "charge",
        "charge",
    ]
    second = ledger.fit("f2")
    assert second is not None
    assert second.charges == (
        ("1 a", (release(20.0),)),
        ("2 b", (release(20.0),)),
        ("discriminator", (block(),)),
    )
    assert (second.limit, second.outcome) == (PLAN.cost, None)
    assert ledger.fit("f3") is None


def test_the_place_is_the_last_line(written):
    place = LedgerFile(written).place()
    last = json.loads(written.read_text().splitlines()[-1])
    assert (place.entry, place.hash) == (8, last["hash"])
    assert place.ledger == LedgerFile(written).head["ledger"]


def test_every_line_is_the_hash_of_itself_and_of_the_one_before(written):
    """By hand, so that anybody can check it without this library."""
    previous = "0" * 64
    for entry, line in enumerate(written.read_text().splitlines()):
        record = json.loads(line)
        found = record.pop("hash")
        text = json.dumps(record, sort_keys=True, separators=(",", ":"))
        assert found == hashlib.sha256(text.encode()).hexdigest()
        assert (record["entry"], record["previous"]) == (entry, previous)
        previous = found


# -- the cap ----------------------------------------------------------------------------------------------------


def test_the_cap_refuses_a_fit_before_a_row_is_read(written):
    before = written.read_bytes()
    large = replace(PLAN, mu=1.0)
    with pytest.raises(BudgetExceededError, match=r"over its cap of 3\. .*No row was read"):
        LedgerFile(written).begin("f3", large, LedgerConfig(written), unread)
    with pytest.raises(BudgetExceededError, match="No row was read"):
        LedgerFile(written).check_cap(large, LedgerConfig(written))
    assert written.read_bytes() == before


def test_the_cap_refuses_the_first_fit_too_and_makes_no_ledger(path):
    with pytest.raises(BudgetExceededError):
        LedgerFile(path).begin("f1", replace(PLAN, mu=1.0), LedgerConfig(path, 3.0, 1e-5), unread)
    assert not path.exists()
    assert not guard_of(path).exists()


def test_a_delta_that_is_used_up_leaves_no_room(path):
    with pytest.raises(BudgetExceededError, match="epsilon=inf"):
        LedgerFile(path).begin("f1", PLAN, LedgerConfig(path, 3.0, 1e-7), unread)


def test_the_first_fit_has_the_tight_total_and_later_ones_a_filters(path):
    """Recomputed here with dp_accounting: PLD for a plan that has seen nothing, one fixed Renyi order after it."""
    plan, order = Plan(2.0, 1e-6, 0.0, 0.3, {}), filter_order(3.0, 1e-5)

    def renyi(n_fits):
        accountant = rdp.RdpAccountant([order])
        accountant.compose(dp_accounting.GaussianDpEvent(1 / 0.3), n_fits)
        return accountant.get_epsilon(1e-5)

    def tight(n_fits):
        accountant = dp_accounting.pld.PLDAccountant()
        accountant.compose(dp_accounting.GaussianDpEvent(1 / 0.3), n_fits)
        return accountant.get_epsilon(1e-5)

    cap = {"epsilon_cap": 3.0, "delta_cap": 1e-5}
    n_fits = next(n for n in range(1, 50) if renyi(n) > 3.0)
    assert tight(n_fits) < 3.0  # the tight total alone would have let it pass
    for n in range(1, n_fits):
        begin(path, f"f{n}", plan, **cap)
        found = LedgerFile(path).adaptive_epsilon(LedgerFile(path).held(CAP), CAP)
        assert found == pytest.approx(renyi(n))
    with pytest.raises(BudgetExceededError):
        begin(path, "one more", plan, **cap)
    alone = Plan(2.0, 1e-6, 0.0, 0.3 * math.sqrt(n_fits), {})  # as much in one fit is let pass
    begin(path.with_name("other"), "f1", alone, **cap)


def test_the_order_of_the_filter_is_that_of_the_first_cap(path):
    ledger = begin(path, epsilon_cap=3.0, delta_cap=1e-5)
    before = ledger.adaptive_epsilon(Cost(0.5), Cap(3.0, 1e-5))
    ledger.set_cap(Cap(0.5, 1e-5), may_end_fits=True)
    assert ledger.adaptive_epsilon(Cost(0.5), Cap(0.5, 1e-5)) == before
    assert filter_order(0.5, 1e-5) != filter_order(3.0, 1e-5)


def test_unfinished_fits_hold_their_whole_plan_and_ended_ones_what_they_charged(path):
    room = {"epsilon_cap": 1.0, "delta_cap": 1e-5}
    begin(path, "f1", **room).charge("f1", "1 a", [release(20.0)])
    with pytest.raises(BudgetExceededError, match=r"whole plans of 1 unfinished fits count \(f1\)"):
        begin(path, "f2", **room)
    assert LedgerFile(path).held(CAP) == PLAN.cost
    LedgerFile(path).end("f1", "closed")
    assert LedgerFile(path).held(CAP) == Cost(1 / 400)
    begin(path, "f2", **room)


def test_a_cap_is_never_raised_by_the_way(written):
    before = written.read_bytes()
    for cap in [(3.1, 1e-5), (3.0, 1e-4), (1.0, 1e-4), (9.0, 1e-6)]:
        with pytest.raises(
            LedgerError, match=r"the cap in .* is epsilon=3, delta=1e-05; .* `tabgan ledger cap`"
        ):
            LedgerFile(written).begin("f3", PLAN, LedgerConfig(written, *cap), unread)
    assert written.read_bytes() == before


def test_a_lower_cap_takes_effect_and_stays(written):
    begin(written, "f3", epsilon_cap=2.9, delta_cap=1e-5)
    assert LedgerFile(written).cap == Cap(2.9, 1e-5)
    with pytest.raises(LedgerError, match="the cap in"):
        LedgerFile(written).check_cap(PLAN, LedgerConfig(written, 3.0, 1e-5))
    with pytest.raises(BudgetExceededError):
        begin(written, "f4", epsilon_cap=1.0, delta_cap=1e-5)
    assert LedgerFile(written).cap == Cap(2.9, 1e-5)  # that of a fit that was refused does not


def test_a_cap_may_be_set_higher_and_lower_on_record(written):
    ledger = LedgerFile(written)
    for cap in (Cap(9.0, 1e-4), Cap(0.1, 1e-6)):
        ledger.set_cap(cap, may_end_fits=True)
        assert LedgerFile(written).cap == cap
    assert sum(record["kind"] == "cap" for record in LedgerFile(written).records) == 3
    with pytest.raises(BudgetExceededError):
        begin(written, "f3")


def test_without_a_cap_nothing_is_refused_until_one_is_set(path):
    for name in ("f1", "f2", "f3"):
        begin(path, name, replace(PLAN, mu=3.0))
    assert LedgerFile(path).cap is None
    with pytest.raises(BudgetExceededError):
        begin(path, "f4", epsilon_cap=3.0, delta_cap=1e-5)


def test_no_cap_can_be_set_on_a_ledger_that_has_not_begun(path, monkeypatch):
    with pytest.raises(LedgerError, match="no ledger"):
        LedgerFile(path).set_cap(Cap(1.0, 1e-5))
    with monkeypatch.context() as patch:  # a crash between the first guard and the first line
        patch.setattr(ledger_file, "append_line", die)
        with pytest.raises(Killed):
            begin(path)
    with pytest.raises(LedgerError, match="is empty"):
        LedgerFile(path).set_cap(Cap(1.0, 1e-5))
    begin(path)
    assert [record["kind"] for record in LedgerFile(path).records] == ["ledger", "fit"]


# -- charges ----------------------------------------------------------------------------------------------------


def test_a_fit_cannot_charge_more_than_its_plan(path):
    ledger = begin(path)
    ledger.charge("f1", "1 a", [release(6.0)])
    ledger.charge("f1", "discriminator", [block(), block()])
    before = path.read_bytes()
    for more in (release(6.0), block(1)):
        with pytest.raises(BudgetExceededError, match="would exceed its own plan"):
            ledger.charge("f1", "2 b", [more])
    assert path.read_bytes() == before


def test_charges_that_another_process_wrote_count_as_well(path):
    ledger, other = begin(path), LedgerFile(path)
    ledger.charge("f1", "1 a", [release(10.0)])
    other.charge("f1", "2 b", [release(10.0)])
    ledger.charge("f1", "3 c", [release(10.0)])
    for each in (ledger, other):
        with pytest.raises(BudgetExceededError, match="would exceed its own plan"):
            each.charge("f1", "4 d", [release(6.0)])
    other.charge("f1", "4 d", [release(10.0)])  # the last that fits
    assert LedgerFile(path).fit("f1").spent.mu_squared == pytest.approx(0.04)


def test_a_charge_reads_no_line_twice(path, monkeypatch):
    ledger, read = begin(path), []
    charge_of = ledger_file.charge_of
    monkeypatch.setattr(ledger_file, "charge_of", lambda line: read.append(line) or charge_of(line))
    for call in range(20):
        ledger.charge("f1", str(call), [release(1e3)])
    assert len(read) == 19


@pytest.mark.parametrize("outcome", ["done", "failed", "closed"])
def test_nothing_is_charged_after_the_end(path, outcome):
    ledger = begin(path)
    ledger.end("f1", outcome)
    before = path.read_bytes()
    with pytest.raises(PrivacyError, match=f"no open fit 'f1': that one is {outcome}"):
        ledger.charge("f1", "1 a", [release()])
    with pytest.raises(PrivacyError):
        ledger.end("f1", "done")
    with pytest.raises(PrivacyError, match="no open fit 'f2': it has none"):
        LedgerFile(path).charge("f2", "1 a", [release()])
    assert path.read_bytes() == before


def test_a_fit_that_another_process_has_closed_cannot_go_on(path):
    running = begin(path)
    running.charge("f1", "1 a", [release()])
    LedgerFile(path).end("f1", "closed")
    with pytest.raises(PrivacyError, match="that one is closed"):
        running.charge("f1", "2 b", [release(20.0)])


def test_a_ledger_of_one_fit_writes_where_it_stands(path):
    book = FitEntry(begin(path), "f1")
    fit = PrivacyFilter(PLAN, book)
    fit.charge(release(), call="1 a")
    statement = fit.statement()
    assert statement.place == LedgerFile(path).place()
    assert FitEntry(LedgerFile(path), "f1").past == (("1 a", (release(),)),)
    assert FitEntry(LedgerFile(path), "f1", has_place=False).place() is None


# -- the table and the unit -------------------------------------------------------------------------------------


def test_another_table_is_refused_and_nothing_is_written(written):
    before, older = written.read_bytes(), TABLE.iloc[:2]
    with pytest.raises(LedgerError, match=r"belongs to another table\. .*set table_may_change: true"):
        begin(written, "f3", table=older)
    assert written.read_bytes() == before
    begin(written, "f3", table=older, table_may_change=True)
    with pytest.raises(LedgerError):
        begin(written, "f4")  # from then on it is the ledger of the newer state
    begin(written, "f4", table=older)
    assert len(LedgerFile(written).fits) == 4


def test_the_same_rows_in_another_order_and_form_are_the_same_table(written):
    begin(written, "f3", table=TABLE.astype({"age": "float32", "town": "category"}).iloc[::-1, ::-1])
    begin(written, "f4", table=TABLE.astype(str))
    with pytest.raises(LedgerError, match="belongs to another table"):
        begin(written, "f5", table=TABLE.iloc[[0, 1, 2, 2]])


@pytest.fixture
def older(written):
    """A ledger whose fits were recorded with the first version of the digest, which had no version in its lines."""
    key = bytes.fromhex(unsealed(guard_of(written).read_text())["key"])

    def change(records):
        for record in records:
            if record["kind"] == "fit":
                text = f"{record['fit']} {table_digest(TABLE, key, 1)}"
                record["table"] = hmac.new(key, text.encode(), "sha256").hexdigest()

    forge(written, change)
    return written


def test_an_older_ledger_is_held_against_its_own_digest(older):
    for other in (TABLE.iloc[:2], TABLE.iloc[::-1], TABLE.astype({"age": "int32"})):
        with pytest.raises(LedgerError, match="belongs to another table"):
            begin(older, "f3", table=other)
        with pytest.raises(LedgerError, match="began on another table"):
            begin(older, "f2", table=other)
    begin(older, "f2")
    begin(older, "f3")
    begin(older, "f4", table=TABLE.iloc[::-1])  # from the newer line on
    tags = [record["table"] for record in LedgerFile(older).records if record["kind"] == "fit"]
    assert [tag.startswith("3:") for tag in tags] == [False, False, True, True]


@pytest.mark.family(keep=2)
@pytest.mark.parametrize("version", ["4", "0", "-2", "\u0662", "", "1" * 5000, "1:2"])
def test_a_digest_of_an_unknown_version_is_refused(written, version):
    def change(records):
        records[-4]["table"] = f"{version}:{'0' * 64}"

    forge(written, change)
    before = written.read_bytes()
    with pytest.raises(LedgerError, match="in a version that this tabgan does not know: expected 1 to 3"):
        begin(written, "f3")
    assert written.read_bytes() == before
    begin(written, "f3", table_may_change=True)  # which asks for no comparison


def test_another_privacy_unit_is_refused_before_a_row_is_read(written):
    before = written.read_bytes()
    entity = replace(PLAN, unit=PrivacyUnit("patient", 4))
    with pytest.raises(LedgerError, match=r"protects one row; this fit would protect one entity \(patient\)"):
        LedgerFile(written).begin("f3", entity, LedgerConfig(written), unread)
    with pytest.raises(LedgerError):
        LedgerFile(written).check_cap(entity, LedgerConfig(written))
    assert written.read_bytes() == before


def test_no_plain_hash_of_the_table_stands_in_it(path):
    """Pitfall 28."""
    other = path.with_name("other.jsonl")
    kept = [begin(p).records[-1]["table"] for p in (path, other)]
    assert kept[0] != kept[1]  # one table, two keys
    values = b"".join(
        pd.util.hash_pandas_object(TABLE[name], index=False).to_numpy().tobytes() for name in TABLE
    )
    csv = TABLE.to_csv(index=False).encode()
    rows = pd.util.hash_pandas_object(TABLE, index=False).to_numpy().tobytes()
    plain = {
        function(data).hexdigest()
        for data in (values, csv, rows, TABLE.to_json().encode())
        for function in (hashlib.sha256, hashlib.md5, hashlib.sha1, lambda d: hmac.new(b"", d, "sha256"))
    }
    plain |= {table_digest(TABLE, key) for key in (b"", bytes(32))}
    text = path.read_text()
    assert not [digest for digest in plain if digest in text]
    key = unsealed(guard_of(path).read_text())["key"]
    assert key not in text
    digest = table_digest(TABLE, bytes.fromhex(key))  # that the comparison is one of like with like
    assert kept[0] == "3:" + hmac.new(bytes.fromhex(key), f"f1 {digest}".encode(), "sha256").hexdigest()


def test_two_fits_on_one_table_do_not_show_that_it_is_one(path):
    """Equal lines would tell whoever sees the ledger that nobody joined and nobody left, and unequal ones the other."""
    begin(path, "f1")
    begin(path, "f2")
    begin(path, "f3", table=TABLE.iloc[:2], table_may_change=True)
    tables = [record["table"] for record in LedgerFile(path).records if record["kind"] == "fit"]
    assert len(set(tables)) == 3
    with pytest.raises(LedgerError, match="belongs to another table"):
        begin(path, "f4")


def test_a_ledger_that_another_process_starts_meanwhile_gives_its_key(path):
    """The table is read before the lock: its digest under the own key would belong to no ledger."""
    first, keys = LedgerFile(path), []

    def digest(key):
        keys.append(key)
        if len(keys) == 1:
            begin(path, "f1")
        return digest_of()(key)

    first.begin("f2", PLAN, LedgerConfig(path), digest)
    assert len(set(keys)) == 2
    assert [fit.name for fit in LedgerFile(path).fits] == ["f1", "f2"]
    begin(path, "f3")  # the same table
    with pytest.raises(LedgerError, match="belongs to another table"):
        begin(path, "f4", table=TABLE.iloc[:2])


def test_a_ledger_of_another_unit_that_another_process_starts_meanwhile_is_refused(path):
    """The unit was compared before there was a ledger: once more under the lock."""
    entity, before = replace(PLAN, unit=PrivacyUnit("patient", 4)), []

    def digest(key):
        if not before:
            begin(path, "f1")
            before.append(path.read_bytes())
        return digest_of()(key)

    with pytest.raises(LedgerError, match=r"protects one row; this fit would protect one entity \(patient\)"):
        LedgerFile(path).begin("f2", entity, LedgerConfig(path), digest)
    assert [path.read_bytes()] == before


def test_a_fit_that_began_before_is_held_against_its_own_table_and_not_put_down_again(path):
    begin(path, "f1")
    before = path.read_bytes()
    begin(path, "f1", epsilon_cap=0.001, delta_cap=1e-9)  # it was let pass, and goes on
    assert path.read_bytes() == before
    with pytest.raises(LedgerError, match="began on another table"):
        begin(path, "f1", table=TABLE.iloc[:2], table_may_change=True)
    assert path.read_bytes() == before


def test_a_first_fit_that_the_filter_would_refuse_counts_whole_for_ever(path):
    """Its outcome must not decide if others may follow."""
    room = {"epsilon_cap": PLAN.cost.epsilon(1e-5) * 1.01, "delta_cap": 1e-5}
    begin(path, "f1", **room).charge("f1", "1 a", [release(20.0)])
    LedgerFile(path).end("f1", "closed")
    assert LedgerFile(path).held(Cap(room["epsilon_cap"], 1e-5)) == PLAN.cost
    assert LedgerFile(path).held(CAP) == Cost(1 / 400)
    with pytest.raises(BudgetExceededError):
        begin(path, "f2", Plan(0.01, 1e-6, 0.0, 0.001, {}), **room)


def test_one_that_charged_nothing_before_it_does_not_open_a_way_round(path):
    room = {"epsilon_cap": PLAN.cost.epsilon(1e-5) * 1.01, "delta_cap": 1e-5}
    begin(path, "f0", Plan(0.01, 1e-6, 0.0, 0.001, {}), **room).end("f0", "failed")
    begin(path, "f1", **room).charge("f1", "1 a", [release(20.0)])
    LedgerFile(path).end("f1", "closed")
    with pytest.raises(BudgetExceededError):
        begin(path, "f2", Plan(0.01, 1e-6, 0.0, 0.001, {}), **room)


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"{}\n"])
def test_a_file_that_is_no_ledger_is_called_so_and_left_alone(path, content):
    path.write_bytes(content)
    with pytest.raises(LedgerError, match="is not a ledger"):
        LedgerFile(path)
    with pytest.raises(LedgerError):
        LedgerFile.adopt(path)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_copy_without_its_guard_shows_its_chain_and_takes_nothing(written):
    copy = written.with_name("copy.jsonl")
    copy.write_bytes(written.read_bytes())
    with pytest.raises(LedgerError, match="without it missing lines cannot be detected"):
        LedgerFile(copy)
    read = LedgerFile(copy, has_guard=False)
    assert (len(read.fits), read.place()) == (2, LedgerFile(written).place())
    with pytest.raises(LedgerError, match="read without its guard"):
        read.set_cap(CAP)
    copy.write_bytes(written.read_bytes().replace(b'"epsilon":1.0', b'"epsilon":0.1', 1))
    with pytest.raises(LedgerError, match="was changed"):
        LedgerFile(copy, has_guard=False)


def test_only_its_owner_can_read_the_guard(path):
    os.umask(os.umask(0o022))
    begin(path)
    assert stat.S_IMODE(guard_of(path).stat().st_mode) == 0o600
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 != 0  # the ledger itself may be shared


# -- damage -----------------------------------------------------------------------------------------------------


def refused(path, match=None):
    """Check that a ledger is refused by whoever opens it, and that nothing is appended to it."""
    before = {p: p.read_bytes() for p in (path, guard_of(path)) if p.exists()}
    with pytest.raises(LedgerError, match=match):
        begin(path, "f3", table_may_change=True)
    with pytest.raises(LedgerError):
        LedgerFile(path)
    assert {p: p.read_bytes() for p in (path, guard_of(path)) if p.exists()} == before


def test_one_byte_changed_anywhere_is_found(written):
    whole = written.read_bytes()
    rng = np.random.default_rng(0)
    ends = [position for position, byte in enumerate(whole) if byte == ord("\n")]
    for position in [*ends, *rng.choice(len(whole), 150, replace=False)]:
        damaged = bytearray(whole)
        damaged[position] ^= 1 << rng.integers(8)
        written.write_bytes(damaged)
        with pytest.raises(LedgerError):
            LedgerFile(written)
    refused(written)
    written.write_bytes(whole)
    LedgerFile(written)


def test_a_ledger_that_is_open_finds_it_before_it_writes(written):
    running = LedgerFile(written)
    whole = written.read_bytes()
    written.write_bytes(whole.replace(b"20.0", b"90.0", 1))
    with pytest.raises(LedgerError):
        running.charge("f2", "3 c", [release(50.0)])
    assert written.read_bytes() == whole.replace(b"20.0", b"90.0", 1)


def changed_lines(lines):
    """Every line missing, doubled, swapped with the next; from every line on, cut off."""
    for i in range(len(lines)):
        yield lines[:i] + lines[i + 1 :]
        yield [*lines[: i + 1], *lines[i:]]
        yield lines[:i]
        if i:
            yield [*lines[: i - 1], lines[i], lines[i - 1], *lines[i + 1 :]]


def test_lines_missing_doubled_swapped_or_cut_off_are_found(written):
    lines = written.read_bytes().splitlines(keepends=True)
    n_cases = 0
    for changed in changed_lines(lines):
        written.write_bytes(b"".join(changed))
        refused(written)
        n_cases += 1
    assert n_cases == 4 * 9 - 1
    written.write_bytes(b"".join(lines))
    begin(written, "f3")


def test_a_ledger_that_is_gone_is_found(written):
    written.unlink()
    refused(written, "is missing, its guard is not")
    assert not written.exists()


def test_without_its_guard_a_ledger_is_refused(written):
    guard_of(written).unlink()
    refused(written, "is missing, and without it missing lines cannot be detected")


def test_a_damaged_guard_is_found(written):
    whole = guard_of(written).read_bytes()
    rng = np.random.default_rng(1)
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << rng.integers(8)
        guard_of(written).write_bytes(damaged)
        with pytest.raises(LedgerError, match="is damaged"):
            LedgerFile(written)
    for text in ("", "[]", sealed({}), sealed([1]), whole.decode()[:-1]):
        guard_of(written).write_text(text)
        refused(written, "is damaged")


def test_an_old_guard_and_an_old_ledger_are_found(written):
    """A copy of one of the two from a backup. Of both, only a statement that names the place can tell."""
    old_ledger, old_guard = written.read_bytes(), guard_of(written).read_bytes()
    for call in ("3 c", "4 d"):
        LedgerFile(written).charge("f2", call, [release(30.0)])
    new_ledger, new_guard = written.read_bytes(), guard_of(written).read_bytes()
    guard_of(written).write_bytes(old_guard)
    refused(written, "lines that its guard does not know")
    guard_of(written).write_bytes(new_guard)
    written.write_bytes(old_ledger)
    refused(written, "has 9 lines, its guard has 11")
    written.write_bytes(new_ledger)
    LedgerFile(written)


def test_the_guard_of_another_ledger_is_found(written):
    other = written.with_name("other.jsonl")
    ledger = begin(other)
    for number in range(7):
        ledger.charge("f1", f"{number} a", [release(50.0)])
    assert len(LedgerFile(other).records) == len(LedgerFile(written).records)
    guard_of(written).write_bytes(guard_of(other).read_bytes())
    refused(written, "or different ones: lines are missing")


def forge(path, change):
    """Rewrite a ledger as somebody could who knows the format and has the guard: chain and guard are right again."""
    records, previous = [json.loads(line) for line in path.read_text().splitlines()], "0" * 64
    change(records)
    lines = []
    for entry, record in enumerate(records):
        del record["hash"]
        record |= {"entry": entry, "previous": previous}
        text = json.dumps(record, sort_keys=True, separators=(",", ":"))
        record["hash"] = previous = hashlib.sha256(text.encode()).hexdigest()
        lines.append(json.dumps(record, sort_keys=True, separators=(",", ":")) + "\n")
    path.write_text("".join(lines))
    guard = unsealed(guard_of(path).read_text()) | {"count": len(records), "hash": previous}
    guard_of(path).write_text(sealed(guard))


def test_a_forged_ledger_of_nonsense_is_refused_and_nothing_is_appended(written):
    forge(written, lambda records: None)
    LedgerFile(written)  # the control: a forgery that makes sense is the owner's own business
    forge(written, lambda records: records[3]["releases"][0].update(noise_multiplier=-10.0))
    refused(written)


def test_a_file_of_another_version_is_refused(written):
    forge(written, lambda records: records[0].update(version=2))
    refused(written, "expected version 1 of the format")


# -- crashes ----------------------------------------------------------------------------------------------------


def die(*args):
    raise Killed


def die_after_the_line(path, line, mode=0o666):
    append_line(path, line, mode)
    raise Killed


@pytest.mark.parametrize("every", [23, pytest.param(1, marks=pytest.mark.slow)])
def test_a_last_line_that_was_cut_off_while_it_was_written_is_no_line(written, every):
    """At whatever byte. What it would have charged for never ran."""
    before, guard = written.read_bytes(), guard_of(written).read_bytes()
    LedgerFile(written).charge("f2", "3 c", [release(30.0)])
    line = written.read_bytes()[len(before) :]
    for cut in sorted({*range(0, len(line), every), 1, len(line) - 2, len(line) - 1}):
        written.write_bytes(before + line[:cut])
        guard_of(written).write_bytes(guard)
        assert len(LedgerFile(written).records) == 9
    LedgerFile(written).charge("f2", "3 c", [release(30.0)])
    assert len(LedgerFile(written).records) == 10


def test_the_same_line_cut_off_later_is_damage(written):
    """Once the guard knows it, its mechanism may have run."""
    whole = written.read_bytes()
    for cut in (1, 2, 50):
        written.write_bytes(whole[:-cut])
        refused(written, "has 8 lines, its guard has 9")


def test_a_line_that_was_written_without_the_guard_counts_as_charged(written):
    guard = guard_of(written).read_bytes()
    LedgerFile(written).charge("f2", "3 c", [release(30.0)])
    guard_of(written).write_bytes(guard)
    fit = LedgerFile(written).fit("f2")
    assert fit is not None
    assert fit.charges[-1] == ("3 c", (release(30.0),))
    begin(written, "f3")
    assert len(LedgerFile(written).records) == 11


def test_crashes_between_line_and_guard_may_follow_one_another(written, monkeypatch):
    """Each is caught up with before the next line, so that the guard never lacks two."""
    with monkeypatch.context() as patch:
        patch.setattr(ledger_file, "append_line", die_after_the_line)
        for number in range(3):
            with pytest.raises(Killed):
                LedgerFile(written).charge("f2", f"{3 + number} c", [release(50.0)])
    fit = LedgerFile(written).fit("f2")
    assert fit is not None
    assert len(fit.charges) == 6
    LedgerFile(written).end("f2", "done")


@pytest.mark.parametrize("dies", [die, die_after_the_line])
def test_a_crash_while_the_ledger_is_made_leaves_one_that_can_be_begun(path, monkeypatch, dies):
    with monkeypatch.context() as patch:
        patch.setattr(ledger_file, "append_line", dies)
        with pytest.raises(Killed):
            begin(path)
    begin(path)
    assert [record["kind"] for record in LedgerFile(path).records] == ["ledger", "fit"]


def test_a_disk_that_is_full_stops_the_fit_and_what_stands_there_counts(written, monkeypatch):
    running = LedgerFile(written)
    with monkeypatch.context() as patch:
        patch.setattr(ledger_file.LedgerFile, "_write_guard", lambda self: os.write(-1, b""))
        with pytest.raises(OSError, match="Bad file descriptor"):
            running.charge("f2", "3 c", [release(30.0)])
    running.charge("f2", "4 d", [release(30.0)])  # the same object, which has to read again
    fit = LedgerFile(written).fit("f2")
    assert fit is not None
    assert [call for call, _ in fit.charges[-2:]] == ["3 c", "4 d"]


def test_line_and_guard_are_on_the_disk_when_a_charge_returns(path, monkeypatch):
    ledger, done = begin(path), []
    real, replaced = os.fsync, os.replace

    def fsync(handle):
        name = os.readlink(f"/proc/self/fd/{handle}").rpartition("/")[2]
        done.append("guard" if ".guard." in name else name)
        real(handle)

    def put(source, target):
        done.append("replaced")
        replaced(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", put)
    ledger.charge("f1", "1 a", [release()])
    assert done == ["ledger.jsonl", "guard", "replaced", path.parent.name]


# -- several processes ------------------------------------------------------------------------------------------


def write(path: Path, name: str, n_charges: int, go: Any) -> None:
    """Charge a fit, as a process of its own."""
    go.wait()
    ledger = LedgerFile(path)
    ledger.begin(name, Plan(1.0, 1e-6, 0.0, 1.0, {}), LedgerConfig(path), lambda key: "one table")
    for number in range(n_charges):
        ledger.charge(name, f"{number} a", [Release("release", name, (), GAUSSIAN, 50.0)])
    ledger.end(name, "done")


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_processes_that_write_at_once_lose_no_line(path):
    """And one that reads meanwhile, without the lock, never finds it damaged."""
    names = ["f1", "f2"]
    forks = multiprocessing.get_context("fork")
    go = forks.Event()
    writers = [forks.Process(target=write, args=(path, name, 40, go)) for name in names]
    for writer in writers:
        writer.start()
    go.set()
    n_read = 0
    while any(writer.is_alive() for writer in writers):
        n_read = max(n_read, len(LedgerFile(path).records))
        time.sleep(0.005)  # a core for the writers
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert 0 < n_read <= 1 + 2 * 42
    ledger = LedgerFile(path)
    assert len(ledger.records) == 1 + 2 * 42
    for name in names:
        fit = ledger.fit(name)
        assert fit is not None
        assert [call for call, _ in fit.charges] == [f"{number} a" for number in range(40)]
        assert {r.what for _, releases in fit.charges for r in releases} == {name}


def test_who_reads_while_another_writes_reads_again(written, monkeypatch):
    """Else the guard of before would not know the lines of after."""
    writer, read, calls = LedgerFile(written), ledger_file.read_chain, iter(range(9))

    def slow(path):
        if next(calls) == 0:
            for number in range(3):
                writer.charge("f2", f"{3 + number} c", [release(50.0)])
        return read(path)

    monkeypatch.setattr(ledger_file, "read_chain", slow)
    assert len(LedgerFile(written).records) == 12
    assert next(calls) == 2


def test_a_ledger_that_another_process_holds_is_not_waited_for_without_end(path, monkeypatch):
    begin(path)
    monkeypatch.setattr(ledger_file, "_PATIENCE", 0.05)
    with FileLock(path.with_name(path.name + ".lock")), pytest.raises(LedgerError, match="another process"):
        LedgerFile(path).charge("f1", "1 a", [release()])


def test_a_place_that_cannot_be_written_is_a_wrong_argument(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write"):
        begin(tmp_path / "file" / "ledger.jsonl")


# -- a new guard ------------------------------------------------------------------------------------------------


def test_a_ledger_without_its_guard_can_be_adopted_on_record(written):
    guard_of(written).unlink()
    LedgerFile.adopt(written)
    ledger = LedgerFile(written)
    assert ledger.records[-1]["kind"] == "adopted"
    assert len(ledger.fits) == 2
    assert ledger.held(CAP).mu_squared == pytest.approx(0.01 + PLAN.mu**2)
    begin(written, "f3")  # the table's digest begins anew, under a new key
    with pytest.raises(LedgerError, match="another table"):
        begin(written, "f4", table=TABLE.iloc[:2])


def test_only_a_whole_ledger_without_a_guard_can_be_adopted(written):
    with pytest.raises(LedgerError, match="Only a ledger without a guard can be adopted"):
        LedgerFile.adopt(written)
    guard_of(written).unlink()
    whole = written.read_bytes()
    for damaged in (whole.replace(b"20.0", b"90.0"), b""):
        written.write_bytes(damaged)
        with pytest.raises(LedgerError):
            LedgerFile.adopt(written)
        assert written.read_bytes() == damaged
        assert not guard_of(written).exists()


def test_a_crash_while_a_ledger_is_adopted_leaves_one_that_can_be(written, monkeypatch):
    guard_of(written).unlink()
    with monkeypatch.context() as patch:
        patch.setattr(ledger_file, "append_line", die_after_the_line)
        with pytest.raises(Killed):
            LedgerFile.adopt(written)
    refused(written, "is missing")
    LedgerFile.adopt(written)
    begin(written, "f3")


def test_a_ledger_of_an_older_version_is_read_and_written_on(path):
    """Written by the version in which the door of private metrics was ``"evaluation"``; nothing of it is lost."""
    old = Path(__file__).with_name("older.jsonl")
    shutil.copy(old, path)
    shutil.copy(guard_of(old), guard_of(path))
    text = path.read_text()
    assert text.count('"door":"evaluation"') == 3
    fit, metrics = LedgerFile(path).fits
    assert [(each.epsilon, each.outcome) for each in (fit, metrics)] == [(3.0, "done"), (0.5, "done")]
    assert [call for call, _ in metrics.charges] == ["1 distance of a column", "2 mean distance of pairs"]
    lines = [release for _, releases in metrics.charges for release in releases]
    assert {release.door for release in lines} == {"private_metrics"}
    assert [release.columns for release in lines] == [("ill",), ("town",), ()]
    assert metrics.spent.mu_squared == pytest.approx(2 * 16.115253937698345**-2 + 11.395205339889712**-2)
    assert {r.door for _, releases in fit.charges for r in releases} == {"release", "marginals"}
    begin(path, table_may_change=True).charge("f1", "1 a", [replace(lines[0], noise_multiplier=30.0)])
    assert path.read_text().startswith(text)
    assert '"door":"private_metrics"' in path.read_text()
    assert len(LedgerFile(path).fits) == 3
