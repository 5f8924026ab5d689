"""Samples say that they are synthetic, in memory and in files, and a fit to them says so, too."""

import json
import logging

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import tabgan
from tabgan import Boolean, Schema, TabGAN
from tabgan.cli.app import app
from tabgan.errors import ConfigError
from tabgan.io import read_table, write_table
from tabgan.table.labels import LABEL, beside, label_of

EXPECTED = {
    "tabgan": tabgan.__version__, "epsilon": 50.0, "delta": 1e-6, "privacy_unit": "row", "n_rows": 30,
}  # fmt: skip


@pytest.fixture(scope="module")
def model():
    schema = Schema([Boolean(name="x", nullable=False)])
    table = pd.DataFrame({"x": np.arange(200) % 3 == 0})
    return TabGAN(epsilon=50.0, schema=schema, adversary_share=0, random_state=0).fit(table)


@pytest.fixture
def sample(model):
    return model.sample(30)


class TestSamples:
    def test_say_it(self, model, sample):
        assert label_of(sample) == EXPECTED
        assert label_of(pd.concat(model.sample_batches(30, 7))) == EXPECTED
        assert label_of(model.sample(0)) == EXPECTED | {"n_rows": 0}
        assert label_of(pd.DataFrame()) is None

    @pytest.mark.parametrize("name", ["made up", "self"])
    def test_in_a_column_on_request(self, model, name):
        sample = model.sample(5, label_column=name)
        assert sample.columns.tolist() == ["x", name]
        assert sample[name].dtype == bool
        assert sample[name].all()
        assert label_of(sample) is not None

    @pytest.mark.parametrize(
        ("name", "message"), [("x", "a column 'x' already"), ("", "expected a name"), (3, "a name")]
    )
    def test_a_column_that_cannot_be_added(self, model, name, message):
        with pytest.raises(ConfigError, match=f"label_column: .*{message}"):
            model.sample_batches(3, label_column=name)


class TestFiles:
    def test_parquet(self, sample, tmp_path):
        path = write_table(sample, tmp_path / "t.parquet")
        assert json.loads(pq.read_schema(path).metadata[LABEL.encode()]) == EXPECTED
        read = read_table(path)
        assert label_of(read) == EXPECTED
        assert read["x"].tolist() == sample["x"].tolist()
        assert pd.read_parquet(path).equals(sample)

    def test_csv(self, sample, tmp_path):
        path = write_table(sample, tmp_path / "t.csv")
        assert beside(path).name == "t.csv.meta.json"
        assert json.loads(beside(path).read_text()) == {LABEL: EXPECTED}
        assert path.read_text().startswith("x\n")
        assert label_of(read_table(path)) == EXPECTED

    def test_other_tables_have_none(self, tmp_path):
        for name in ("t.csv", "t.parquet"):
            write_table(pd.DataFrame({"x": [1]}), tmp_path / name)
            assert label_of(read_table(tmp_path / name)) is None
        assert {path.name for path in tmp_path.iterdir()} == {"t.csv", "t.parquet"}

    @pytest.mark.parametrize(
        "text", ["", "{", "[1]", "5", '{"a": 1}', '{"tabgan.synthetic": 1}', "[" * 99_999, "\ud800"]
    )
    def test_another_file_beside_a_csv_is_no_label(self, tmp_path, text):
        path = write_table(pd.DataFrame({"x": [1]}), tmp_path / "t.csv")
        beside(path).write_bytes(text.encode("utf-8", "surrogatepass"))
        assert label_of(read_table(path)) is None

    @pytest.mark.parametrize("text", [b"", b"{", b"[1]", b"\xff", b"[" * 99_999])
    def test_a_damaged_label_of_parquet_is_one(self, sample, tmp_path, text):
        path = write_table(sample, tmp_path / "t.parquet")
        stored = pq.read_table(path)
        pq.write_table(stored.replace_schema_metadata({LABEL: text}), path)
        assert label_of(read_table(path)) == {}

    @pytest.mark.parametrize("name", ["t.parquet", "t.csv", "parts"])
    def test_written_as_they_are_drawn(self, model, tmp_path, name):
        model.sample_to(tmp_path / name, 30)
        if name == "parts":
            assert json.loads((tmp_path / name / "manifest.json").read_text())["synthetic"] is True
            name = "parts/part-00000.parquet"
        assert label_of(read_table(tmp_path / name)) == EXPECTED


class TestFit:
    def test_warns(self, sample, tmp_path, caplog):
        read = read_table(write_table(sample, tmp_path / "t.parquet"))
        for table, is_told in (
            (sample, True),
            (read, True),
            (pd.DataFrame({"x": sample["x"].to_numpy()}), False),
        ):
            caplog.clear()
            with caplog.at_level(logging.WARNING):
                TabGAN(epsilon=50.0, adversary_share=0, random_state=0).fit(table)
            assert ("labelled as synthetic" in caplog.text) == is_told


def test_command(model, tmp_path):
    model.save(tmp_path / "model")
    arguments = [
        "sample",
        str(tmp_path / "model"),
        "-n",
        "30",
        "-o",
        str(tmp_path / "t.csv"),
        "--label-column",
    ]
    assert CliRunner().invoke(app, [*arguments, "x"]).exit_code == 2
    assert CliRunner().invoke(app, [*arguments, "is_synthetic"]).exit_code == 0
    read = pd.read_csv(tmp_path / "t.csv")
    assert read["is_synthetic"].all()
    assert label_of(read_table(tmp_path / "t.csv")) == EXPECTED
