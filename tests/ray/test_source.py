"""Datasets of Ray as sources of a fit, and samples as datasets."""

from __future__ import annotations

import threading
import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tabgan import TabGAN, open_table
from tabgan.errors import ConfigError, SourceError
from tabgan.io import opening
from tabgan.io.data_source import in_one_frame
from tabgan.schema import Categorical, Numeric, Schema
from tabgan.table.labels import LABEL

ray = pytest.importorskip("ray")
data = pytest.importorskip("ray.data")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]

SCHEMA = Schema(
    [Numeric(name="age", bounds=(0, 99), decimals=0), Categorical(name="town", categories=("Ulm", "Bonn"))]
)


@pytest.fixture
def table(nodes):
    rng = np.random.default_rng(0)
    ages = [None if age < 5 else int(age) for age in rng.integers(0, 100, 2_000)]
    return pa.table({"age": pa.array(ages), "town": pa.array(rng.choice(["Ulm", "Bonn"], 2_000))})


def test_a_fit_is_that_of_the_arrow_table_and_the_sample_a_dataset(table):
    found = TabGAN(epsilon=None, schema=SCHEMA, random_state=0).fit(data.from_arrow(table).repartition(3))
    plain = TabGAN(epsilon=None, schema=SCHEMA, random_state=0).fit(table)
    sample = found.sample(500, random_state=1)
    assert type(sample).__module__ == "ray.data.dataset"
    rows = found.sample(500, random_state=1, as_="arrow")
    assert rows.equals(plain.sample(500, random_state=1))
    assert sample.schema().base_schema.metadata.keys() >= {LABEL.encode()}
    pd.testing.assert_frame_equal(sample.to_pandas(), rows.to_pandas(), check_dtype=False)  # Ray has its own
    assert type(plain.sample(5, as_="ray")) is type(sample)


def test_a_large_one_is_copied_block_by_block(table, monkeypatch):
    monkeypatch.setattr(opening, "MOST_IN_MEMORY", 1_000)
    found = TabGAN(epsilon=None, schema=SCHEMA, random_state=0).fit(data.from_arrow(table).repartition(4))
    plain = TabGAN(epsilon=None, schema=SCHEMA, random_state=0).fit(
        table.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    )
    left, right = (model.sample(500, random_state=1, as_="pandas") for model in (found, plain))
    pd.testing.assert_frame_equal(left, right)


def test_an_evaluation_reads_it_as_it_reads_the_arrow_table(table):
    read = opening.as_frame(data.from_arrow(table).repartition(3), SCHEMA)
    pd.testing.assert_frame_equal(read, opening.as_frame(table, SCHEMA))


def test_blocks_of_pandas_keep_their_dtypes(nodes):
    df = pd.DataFrame({"age": [1.5, np.nan, 3.0], "town": ["Ulm", None, "Bonn"]})
    source = open_table(data.from_pandas([df, df]))
    assert source.header.dtypes.astype(str).to_dict() == {"age": "float64", "town": "object"}
    assert in_one_frame(source).equals(pd.concat([df, df], ignore_index=True))
    with pytest.raises(SourceError, match="it can be read once, and was"):
        list(source)


def test_types_that_follow_from_rows_are_refused_before_any_is_read(nodes, tmp_path):
    (tmp_path / "a.csv").write_text("age\n1\n")

    def fail(batch):
        raise AssertionError

    for dataset in (data.read_csv(str(tmp_path / "a.csv")), data.range(5).map_batches(fail)):
        with pytest.raises(ConfigError, match="not known before its rows"):
            open_table(dataset)


def test_an_error_of_a_block_shows_no_cell(table, tmp_path, secret):
    import pyarrow.parquet as pq

    pq.write_table(table, tmp_path / "a.parquet")
    dataset = data.read_parquet(str(tmp_path / "a.parquet"))
    source = open_table(dataset)
    (tmp_path / "a.parquet").write_text(secret)
    with pytest.raises(SourceError, match="reading it stopped") as caught:
        list(source)
    assert secret not in str(caught.value)


def test_a_node_that_is_killed_costs_no_row_or_is_told(nodes, table, tmp_path):
    """Ray reads the blocks of a lost node again, or ends the reading: never are there fewer rows."""
    import pyarrow.parquet as pq

    for number in range(6):
        pq.write_table(table, tmp_path / f"{number}.parquet")

    dataset = data.read_parquet(str(tmp_path), override_num_blocks=6)
    source = open_table(dataset)
    rows = iter(source)
    killer = threading.Thread(
        target=lambda: (
            time.sleep(0.2),
            nodes.cluster.remove_node(nodes.cluster.worker_nodes.copy().pop(), allow_graceful=False),
        )
    )
    killer.start()
    try:
        found = pd.concat(list(rows))
    except SourceError as error:
        assert "reading it stopped" in str(error)  # noqa: PT017
        return
    finally:
        killer.join()
    assert len(found) == 12_000
    assert found["town"].value_counts().to_dict() == {
        key: 6 * n for key, n in pd.Series(table["town"].to_pylist()).value_counts().items()
    }
