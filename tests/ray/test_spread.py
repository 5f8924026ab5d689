"""Fits to datasets of Ray whose rows stay on their nodes, one of which is killed in each phase."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tabgan import TabGAN
from tabgan.errors import SourceError
from tabgan.io import ray_parts, ray_source
from tabgan.privacy.doors import mechanisms
from tabgan.privacy.ledger.file import LedgerFile
from tabgan.schema import Categorical, Identifier, Numeric, Schema
from tabgan.table.spooled import PREFIX

ray = pytest.importorskip("ray")
data = pytest.importorskip("ray.data")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]

COLUMNS = [
    Numeric(name="age", bounds=(0, 99), decimals=0),
    Categorical(name="town", categories=("Ulm", "Bonn")),
    Numeric(name="income", bounds=(0, 9_999), decimals=0),
]
SCHEMA = Schema(COLUMNS)


def table_of(n_rows=3_000, seed=0) -> pa.Table:
    rng = np.random.default_rng(seed)
    age = rng.integers(0, 100, n_rows)
    return pa.table(
        {
            "age": pa.array([None if each < 3 else int(each) for each in age]),
            "town": pa.array(np.where(age + rng.integers(0, 40, n_rows) > 60, "Ulm", "Bonn")),
            "income": pa.array(np.minimum(age * 80 + rng.integers(0, 2_000, n_rows), 9_999)),
        }
    )


@pytest.fixture
def table():
    return table_of()


@pytest.fixture
def files(table, tmp_path):
    """Return a folder of six files of the table."""
    return written(table, tmp_path / "files")


@pytest.fixture
def large():
    """Return a table whose blocks are too large for Ray to keep them with the driver."""
    return table_of(60_000)


def written(table, folder):
    folder.mkdir(exist_ok=True)
    size = len(table) // 6
    for number in range(6):
        pq.write_table(table.slice(size * number, size), folder / f"{number}.parquet")
    return folder


@pytest.fixture
def same_noise(monkeypatch):
    """Have all fits draw the same noise, for the same questions in the same order."""
    drawn = {"rng": np.random.default_rng(0)}

    def noisy(exact, noise):
        return np.asarray(exact) + np.round(drawn["rng"].normal(0, noise, np.shape(exact)))

    monkeypatch.setattr(mechanisms, "noisy_vector", noisy)
    return lambda: drawn.update(rng=np.random.default_rng(0))


@pytest.fixture(autouse=True)
def no_row_comes_here(monkeypatch, nodes):
    def fail(*_):
        raise AssertionError("rows came to the driver")
        yield

    monkeypatch.setattr(ray_source, "_batches", fail)
    monkeypatch.setattr(ray_source, "_frames", fail)


def dataset_of(folder):
    return data.read_parquet(str(folder), override_num_blocks=6)


def test_a_fit_is_that_of_the_table_in_memory_where_noise_is_the_same(table, files, same_noise, nodes):
    schema = Schema(COLUMNS, target="town")
    models = []
    for source in (table, dataset_of(files)):
        same_noise()
        models.append(TabGAN(3.0, schema=schema, random_state=0).fit(source))
    here, there = models
    assert here.privacy_.entries == there.privacy_.entries
    assert here.n_rows_ == there.n_rows_
    for one, other in zip(here._fitted.marginals, there._fitted.marginals, strict=True):
        assert one.columns == other.columns if hasattr(one, "columns") else True
        np.testing.assert_array_equal(one.counts, other.counts)


def test_without_noise_the_sample_is_the_same_to_the_bit(table, files):
    models = [TabGAN(None, schema=SCHEMA, random_state=0).fit(each) for each in (table, dataset_of(files))]
    here, there = (model.sample(1_000, random_state=1, as_="pandas") for model in models)
    pd.testing.assert_frame_equal(here, there)


def test_nothing_declared(table, files, same_noise):
    """Kinds, ranges and frequent numbers are found where the rows lie."""
    models = [TabGAN(None, random_state=0).fit(each) for each in (table, dataset_of(files))]
    assert models[0].schema_ == models[1].schema_
    here, there = (model.sample(500, random_state=1, as_="pandas") for model in models)
    pd.testing.assert_frame_equal(here, there)


def test_an_entity_with_rows_on_many_nodes_counts_for_its_share(files, table, monkeypatch):
    monkeypatch.setattr(mechanisms, "noisy_vector", lambda exact, noise: np.asarray(exact, dtype=float))
    for number in range(6):  # 100 entities, each with rows in every block
        part = table.slice(500 * number, 500).append_column("who", pa.array(np.arange(500) % 100))
        pq.write_table(part, files / f"{number}.parquet")
    schema = Schema([*COLUMNS, Identifier(name="who")], entity="who", max_rows=4)
    model = TabGAN(20.0, schema=schema, random_state=0).fit(dataset_of(files))
    assert model.n_rows_ == pytest.approx(400)


def killer(nodes, phase):
    """Return a listener that kills a node with a holder, once, when a phase has begun."""
    killed = []

    def progress(stage, done, total):
        if stage == phase and not killed:
            killed.append(stage)
            nodes.kill_the_one_of("BlockHolder")

    return progress, killed


@pytest.mark.parametrize("phase", ["release", "measure"])
def test_a_node_that_is_killed_changes_no_answer_and_no_charge(phase, nodes, large, same_noise, tmp_path):
    """Later phases need no node: critics train on codes that the driver has."""
    table = large
    files = written(table, tmp_path / "files")
    schema = Schema(COLUMNS)
    same_noise()
    whole = TabGAN(3.0, schema=schema, random_state=0).fit(table)
    progress, killed = killer(nodes, phase)
    same_noise()
    ledger = tmp_path / "a.ledger"
    model = TabGAN(3.0, schema=schema, random_state=0)
    try:
        model.fit(dataset_of(files), progress=progress, ledger=ledger)
    except SourceError as error:  # if Ray cannot bring the blocks back
        told = " ".join([str(error), *getattr(error, "__notes__", ())])
        assert "Already spent by this fit" in told or "This call spent nothing." in told
        (fit,) = LedgerFile(ledger).fits
        assert fit.outcome == "failed"
        return
    assert killed == [phase]
    assert model.privacy_.entries == whole.privacy_.entries
    for one, other in zip(whole._fitted.marginals, model._fitted.marginals, strict=True):
        np.testing.assert_array_equal(one.counts, other.counts)
    (fit,) = LedgerFile(ledger).fits
    assert fit.outcome == "done"
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert len(lines) == len({json.dumps(line) for line in lines})


def test_a_node_that_is_killed_while_blocks_are_copied(nodes, large, monkeypatch, tmp_path):
    files, table = written(large, tmp_path / "files"), large
    taken = ray_parts._blocks_by_node

    def and_kill(*arguments):
        found = taken(*arguments)
        held = {node for node, blocks in found.items() if blocks}
        node = next(each for each in nodes.cluster.worker_nodes if each.node_id in held)
        nodes.cluster.remove_node(node, allow_graceful=False)
        nodes.fill()
        return found

    monkeypatch.setattr(ray_parts, "_blocks_by_node", and_kill)
    models = [TabGAN(None, schema=SCHEMA, random_state=0).fit(each) for each in (table, dataset_of(files))]
    here, there = (model.sample(1_000, random_state=1, as_="pandas") for model in models)
    pd.testing.assert_frame_equal(here, there)


def test_blocks_that_are_others_when_they_are_read_again_change_nothing(nodes, large, tmp_path, same_noise):
    """Ray may still have a copy of the old ones; else the fit ends."""
    files = written(large, tmp_path / "files")
    same_noise()
    whole = TabGAN(3.0, schema=SCHEMA, random_state=0).fit(large)
    model, ledger = TabGAN(3.0, schema=SCHEMA, random_state=0), tmp_path / "a.ledger"
    kill, killed = killer(nodes, "measure")

    def progress(*at):
        if at[0] == "measure" and not killed:
            written(table_of(60_000, seed=1), files)
        kill(*at)

    same_noise()
    try:
        model.fit(dataset_of(files), progress=progress, ledger=ledger)
    except SourceError as error:
        told = " ".join([str(error), *getattr(error, "__notes__", ())])
        assert re.search(r"(are others now|cannot be read again).*spent by this fit", told)
        (fit,) = LedgerFile(ledger).fits
        assert fit.outcome == "failed"
        assert fit.charges
    else:
        for one, other in zip(whole._fitted.marginals, model._fitted.marginals, strict=True):
            np.testing.assert_array_equal(one.counts, other.counts)


def test_a_cell_that_a_node_reads_is_not_told(files, table, secret, nodes):
    part = table.slice(0, 500).set_column(1, "town", pa.array([secret] * 500))
    pq.write_table(part, files / "0.parquet")
    model = TabGAN(None, schema=SCHEMA, random_state=0).fit(dataset_of(files))
    assert secret not in model.sample(500, as_="pandas")["town"].tolist()
    assert secret not in nodes.logs


def test_copies_of_holders_that_were_killed_are_swept_and_others_removed(files, nodes):
    left = nodes.private / f"{PREFIX}left"
    left.mkdir(mode=0o700)
    (left / "lock").touch()
    seen = []

    def progress(stage, done, total):
        seen.extend(each for each in nodes.private.glob(f"{PREFIX}*"))

    TabGAN(None, schema=SCHEMA, random_state=0).fit(dataset_of(files), progress=progress)
    assert seen
    assert left not in seen
    assert not list(nodes.private.glob(f"{PREFIX}*"))
