"""Files of a sample that are drawn on a cluster of Ray."""

from __future__ import annotations

import threading

import numpy as np
import pandas as pd
import pytest

from tabgan import TabGAN
from tabgan._util import ray_cluster
from tabgan.errors import ConfigError
from tabgan.schema import Categorical, Identifier, Numeric, Schema

ray = pytest.importorskip("ray")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]

SCHEMA = Schema(
    [
        Identifier(name="key", pattern="K{:07d}"),
        Numeric(name="age", bounds=(0, 99), decimals=0),
        Categorical(name="town", categories=("Ulm", "Bonn")),
    ]
)


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    df = pd.DataFrame(
        {
            "key": [f"K{i:07d}" for i in range(300)],
            "age": rng.integers(0, 100, 300).astype(float),
            "town": rng.choice(["Ulm", "Bonn"], 300),
        }
    )
    return TabGAN(epsilon=None, schema=SCHEMA, random_state=0).fit(df)


@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_they_are_the_same_to_the_byte(nodes, model, tmp_path, format, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = {"n": 200_000, "rows_per_file": 60_000, "random_state": 3, "format": format}
    alone = model.sample_to("alone", **asked, workers=1)
    many = model.sample_to("many", **asked, executor="ray")
    assert many == alone
    for file in alone.files:
        assert (tmp_path / "many" / file.name).read_bytes() == (tmp_path / "alone" / file.name).read_bytes()
    assert not list(tmp_path.rglob(".tabgan-*"))
    (tmp_path / "many" / many.files[1].name).unlink()
    assert model.sample_to("many", **asked, executor="ray") == alone


def test_nodes_that_do_not_share_the_folder_send_them(nodes, model, tmp_path, monkeypatch):
    asked = {"n": 70_000, "rows_per_file": 40_000, "random_state": 3}
    alone = model.sample_to(tmp_path / "alone", **asked, workers=1)
    monkeypatch.setattr(ray_cluster, "_MARK", "missing/{}")
    opened = ray_cluster.os.open

    def there(path, *flags, **options):
        return ray_cluster.os.dup(0) if "missing" in str(path) else opened(path, *flags, **options)

    monkeypatch.setattr(ray_cluster.os, "open", there)
    assert model.sample_to(tmp_path / "many", **asked, executor="ray") == alone
    for file in alone.files:
        assert (tmp_path / "many" / file.name).read_bytes() == (tmp_path / "alone" / file.name).read_bytes()


def test_one_of_a_node_that_is_killed_is_drawn_again(nodes, model, tmp_path):
    asked = {"n": 2_000_000, "rows_per_file": 500_000, "random_state": 3}
    killer = threading.Thread(target=nodes.kill_the_one_with, args=("sample",))
    killer.start()
    many = model.sample_to(tmp_path / "many", **asked, executor="ray")
    killer.join()
    assert many.is_complete
    assert many == model.sample_to(tmp_path / "alone", **asked, workers=1)


def test_a_single_file_is_refused(model, tmp_path):
    with pytest.raises(ConfigError, match="executor: expected a folder for ray"):
        model.sample_to(tmp_path / "one.csv", 10, executor="ray")
    with pytest.raises(ConfigError, match="executor: expected one of 'local', 'ray'"):
        model.sample_to(tmp_path / "a", 10, executor="dask")
