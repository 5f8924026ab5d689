"""Samples in files: the same rows whatever the files, the processes and the interruptions."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tabgan import Between, TabGAN
from tabgan._util.rng import RandomStreams
from tabgan.drawing import stream
from tabgan.drawing.rows import RowSource
from tabgan.errors import ConfigError, DataError, NotFittedError, OutOfMemoryError
from tabgan.io.part_files import part_sink, types_of
from tabgan.schema import Categorical, Datetime, Identifier, Numeric, Pii, Schema, Text

SCHEMA = Schema(
    [
        Identifier(name="key", pattern="K{:07d}"),
        Numeric(name="age", bounds=(0, 99), decimals=0),
        Categorical(name="town", categories=("=A", "b;c")),
        Datetime(name="seen", bounds=("2020-01-01", "2020-12-31"), resolution="day"),
    ]
)


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    df = pd.DataFrame(
        {
            "key": [f"K{i:07d}" for i in range(300)],
            "age": rng.integers(0, 100, 300).astype(float),
            "town": rng.choice(["=A", "b;c"], 300),
            "seen": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 366, 300), unit="D"),
        }
    )
    df.loc[:50, "age"] = np.nan
    return TabGAN(epsilon=None, schema=SCHEMA, random_state=0).fit(df)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(stream, "CHUNK", 100)


def _rows(folder):
    return pd.concat([pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))], ignore_index=True)


class TestRows:
    @pytest.mark.family
    def test_they_do_not_depend_on_the_files(self, model, tmp_path):
        sizes = (1_000, 100, 70, 250)
        found = []
        for size in sizes:
            manifest = model.sample_to(tmp_path / str(size), 430, rows_per_file=size, random_state=5)
            assert manifest.is_complete
            assert sum(file.rows for file in manifest.files) == 430
            assert len(manifest.files) == -(-430 // size)
            found.append(_rows(tmp_path / str(size)))
        model.sample_to(tmp_path / "one.parquet", 430, random_state=5)
        found.append(pd.read_parquet(tmp_path / "one.parquet"))
        for other in found[1:]:
            pd.testing.assert_frame_equal(found[0], other)
        assert found[0]["key"].tolist() == [f"K{i:07d}" for i in range(1, 431)]
        assert not found[0]["age"].iloc[:100].equals(found[0]["age"].iloc[100:200].reset_index(drop=True))

    @pytest.mark.family
    def test_they_are_those_of_the_model(self, model, tmp_path):
        model.sample_to(tmp_path / "a", 5_000, random_state=1)
        drawn, plain = _rows(tmp_path / "a"), model.sample(5_000, random_state=2)
        assert drawn.dtypes.astype(str).to_dict() == plain.dtypes.astype(str).to_dict()
        assert abs(drawn["age"].mean() - plain["age"].mean()) < 4 * 29 * np.sqrt(2 / 5_000)
        assert abs(drawn["age"].isna().mean() - plain["age"].isna().mean()) < 0.04

    def test_conditions_hold(self, model, tmp_path):
        model.sample_to(tmp_path / "a", 250, conditions={"town": "=A"}, random_state=1)
        assert set(_rows(tmp_path / "a")["town"]) == {"=A"}

    @pytest.mark.family
    def test_conditions_of_every_form_hold_and_resume(self, model, tmp_path):
        forms = [
            {"town": {"=A", "b;c"}, "age": [Between(20, 30), {"min": 80}, None]},
            {"age": (Between(20, 30), Between(80), None), "town": ["=A", "b;c"]},
        ]
        first = model.sample_to(tmp_path / "a", 250, conditions=forms[0], rows_per_file=100, random_state=1)
        (tmp_path / "a" / first.files[1].name).unlink()
        again = model.sample_to(tmp_path / "a", 250, conditions=forms[0], rows_per_file=100, random_state=1)
        assert [file.sha256 for file in again.files] == [file.sha256 for file in first.files]
        rows = _rows(tmp_path / "a")
        assert (rows["age"].isna() | rows["age"].between(20, 30) | (rows["age"] >= 80)).all()
        other = model.sample_to(tmp_path / "b", 250, conditions=forms[1], rows_per_file=100, random_state=1)
        assert [file.sha256 for file in other.files] == [file.sha256 for file in first.files]

    def test_without_missing_values(self, model, tmp_path):
        asked = {"n": 250, "random_state": 1}
        model.sample_to(tmp_path / "a", **asked, impute=True)
        assert not _rows(tmp_path / "a").isna().any().any()
        with pytest.raises(ConfigError, match="another model, seed or request"):
            model.sample_to(tmp_path / "a", **asked)

    @pytest.mark.parametrize("n", [0, 1, 100])
    def test_few_rows(self, model, tmp_path, n):
        assert model.sample_to(tmp_path / "a", n, random_state=1).is_complete
        assert len(_rows(tmp_path / "a")) == n

    def test_another_seed_draws_other_rows(self, model, tmp_path):
        digests = {
            seed: model.sample_to(tmp_path / f"{seed}.parquet", 50, random_state=seed).files[0].sha256
            for seed in (1, 2)
        }
        assert digests[1] != digests[2]


class TestFormats:
    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize("compression", [None, "gzip"])
    def test_csv(self, model, tmp_path, compression):
        options = {"separator": ";", "decimal": ",", "compression": compression, "escape_formulas": True}
        manifest = model.sample_to(
            tmp_path / "a", 230, format="csv", rows_per_file=150, random_state=1, **options
        )
        suffix = ".csv" if compression is None else ".csv.gz"
        assert [file.name for file in manifest.files] == [f"part-0000{i}{suffix}" for i in (0, 1)]
        read = pd.concat(
            [
                pd.read_csv(tmp_path / "a" / f.name, sep=";", decimal=",", keep_default_na=True)
                for f in manifest.files
            ],
            ignore_index=True,
        )
        model.sample_to(tmp_path / "a.parquet", 230, random_state=1)
        plain = pd.read_parquet(tmp_path / "a.parquet")
        assert set(read["town"]) == {"'=A", "b;c"}
        assert read["age"].equals(plain["age"])
        assert (read["seen"] == plain["seen"].astype(str)).all()

    @pytest.mark.parametrize("compression", ["none", "lz4"])
    def test_arrow(self, model, tmp_path, compression):
        model.sample_to(tmp_path / "a.arrow", 230, compression=compression, random_state=1)
        model.sample_to(tmp_path / "a.parquet", 230, random_state=1)
        with pa.ipc.open_file(tmp_path / "a.arrow") as file:
            pd.testing.assert_frame_equal(file.read_pandas(), pd.read_parquet(tmp_path / "a.parquet"))

    def test_a_column_that_is_missing_in_one_part_has_the_type_of_the_first(self, tmp_path):
        first, second = (pd.DataFrame({"a": [value, None]}, dtype=object) for value in ("x", None))
        with part_sink(tmp_path / "a.parquet", "parquet", "none", {}, types_of(first)) as sink:
            sink.write(first)
            sink.write(second)
        assert pq.read_table(tmp_path / "a.parquet")["a"].to_pylist() == ["x", None, None, None]

    @pytest.mark.parametrize("df", [pd.DataFrame({"Größe €": ["a"]}), pd.DataFrame({"a": ["€"]})])
    def test_names_and_text_that_the_encoding_cannot_hold_end_in_words(self, tmp_path, df):
        form = {"separator": ",", "decimal": ".", "encoding": "latin-1"}
        with (
            part_sink(tmp_path / "a.csv", "csv", "none", form, types_of(df)) as sink,
            pytest.raises(DataError, match="characters that latin-1 cannot hold"),
        ):
            sink.write(df)

    def test_values_of_another_type_end_in_words(self, tmp_path):
        with (
            part_sink(
                tmp_path / "a.parquet", "parquet", "none", {}, types_of(pd.DataFrame({"a": ["x"]}))
            ) as sink,
            pytest.raises(DataError, match="another type than its first rows"),
        ):
            sink.write(pd.DataFrame({"a": [object()]}))

    def test_integers_beyond_64_bits_end_in_words(self, tmp_path):
        with pytest.raises(DataError, match="cannot store in one type"):
            types_of(pd.DataFrame({"a": [10**30]}))
        types = types_of(pd.DataFrame({"a": pd.Series([1], dtype=object)}))
        with (
            part_sink(tmp_path / "a.parquet", "parquet", "none", {}, types) as sink,
            pytest.raises(DataError, match="another type than its first rows"),
        ):
            sink.write(pd.DataFrame({"a": [10**30]}))

    def test_text_from_a_list_is_text_in_a_file(self, model, tmp_path):
        source = RowSource.of(model._fitted, None)
        drawn = _chunk_of(source.in_dictionaries()), _chunk_of(source)
        assert isinstance(drawn[0]["town"].dtype, pd.CategoricalDtype)
        pd.testing.assert_frame_equal(drawn[0].astype({"town": drawn[1]["town"].dtype}), drawn[1])
        model.sample_to(tmp_path / "a.parquet", 230, random_state=1)
        read = pq.read_table(tmp_path / "a.parquet")
        assert read.schema.field("town").type == types_of(drawn[1]).field("town").type
        assert pd.read_parquet(tmp_path / "a.parquet").dtypes.to_dict() == drawn[1].dtypes.to_dict()

    def test_text_that_a_rule_looks_at_stays_as_it_is(self, model):
        source = RowSource.of(model._fitted, {"town": "=A"})
        assert source.in_dictionaries() is not source
        looked_at = replace(source, keeps=lambda df: (df["town"] == "=A").to_numpy())
        assert looked_at.in_dictionaries() is looked_at


class TestResuming:
    @pytest.mark.family
    def test_missing_files_are_written_and_others_left(self, model, tmp_path):
        folder = tmp_path / "a"
        first = model.sample_to(folder, 430, rows_per_file=100, random_state=5)
        (folder / "part-00002.parquet").unlink()
        (folder / "part-00003.parquet").write_bytes(b"torn")
        for name in ("part-00002.parquet", "manifest.json"):
            (folder / f".{name}.00000000.tmp").write_bytes(b"left by a crash")
        times = {
            name: (folder / name).stat().st_mtime_ns for name in ("part-00000.parquet", "part-00004.parquet")
        }
        again = model.sample_to(folder, 430, rows_per_file=100, random_state=5)
        assert again == first
        assert {name: (folder / name).stat().st_mtime_ns for name in times} == times
        assert sorted(path.name for path in folder.iterdir()) == [
            "manifest.json",
            *(f"part-0000{i}.parquet" for i in range(5)),
        ]

    @pytest.mark.family
    def test_without_a_seed_the_manifest_keeps_the_one_drawn(self, model, tmp_path):
        unseeded = TabGAN.load(_saved(model, tmp_path)).set_params(random_state=None)
        first = unseeded.sample_to(tmp_path / "a", 300, rows_per_file=100)
        (tmp_path / "a" / "part-00001.parquet").unlink()
        assert unseeded.sample_to(tmp_path / "a", 300, rows_per_file=100) == first

    def test_the_manifest_says_what_there_is(self, model, tmp_path):
        model.sample_to(tmp_path / "a", 250, rows_per_file=100, random_state=5)
        said = json.loads((tmp_path / "a" / "manifest.json").read_text())
        assert said["synthetic"] is said["is_complete"] is True
        assert (said["n_rows"], said["seed"], said["format"]) == (250, 5, "parquet")
        for file in said["files"]:
            held = (tmp_path / "a" / file["name"]).read_bytes()
            assert (len(held), hashlib.sha256(held).hexdigest()) == (file["bytes"], file["sha256"])

    @pytest.mark.family(keep=2)
    @pytest.mark.parametrize(
        "change",
        [
            {"random_state": 6},
            {"n": 431},
            {"rows_per_file": 101},
            {"format": "csv"},
            {"conditions": {"town": "=A"}},
        ],
    )
    def test_a_folder_of_another_request_is_refused(self, model, tmp_path, change):
        asked = {"n": 430, "rows_per_file": 100, "random_state": 5}
        model.sample_to(tmp_path / "a", **asked)
        with pytest.raises(ConfigError, match="another model, seed or request"):
            model.sample_to(tmp_path / "a", **asked | change)

    def test_a_folder_of_other_things_is_left_alone(self, model, tmp_path):
        (tmp_path / "mine.txt").write_text("x")
        with pytest.raises(ConfigError, match="expected an empty folder"):
            model.sample_to(tmp_path, 10)
        assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]

    def test_a_damaged_manifest_is_refused(self, model, tmp_path):
        model.sample_to(tmp_path / "a", 10, random_state=5)
        (tmp_path / "a" / "manifest.json").write_text("{}")
        with pytest.raises(ConfigError, match="damaged"):
            model.sample_to(tmp_path / "a", 10, random_state=5)

    def test_two_at_once_are_refused(self, model, tmp_path):
        (tmp_path / "a").mkdir()
        handle = os.open(tmp_path / "a", os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="another process writes"):
            model.sample_to(tmp_path / "a", 10)
        os.close(handle)


class TestFailures:
    @pytest.mark.parametrize("place", ["a", "a.csv"])
    def test_a_full_disk_leaves_complete_files_only(self, model, tmp_path, monkeypatch, place):
        written = []

        def no_space(df, *rest, **more):
            written.append(len(df))
            if len(written) == 3:
                raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("tabgan.io.part_files.write_csv_part", no_space)
        with pytest.raises(ConfigError, match=r"No space left on device.*call again to resume"):
            model.sample_to(tmp_path / place, 400, format="csv", rows_per_file=200, random_state=1)
        found = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
        assert found == (["manifest.json", "part-00000.csv"] if place == "a" else [])

    @pytest.mark.parametrize(
        "short",
        [
            MemoryError(),
            pa.ArrowMemoryError("malloc of size 64 failed"),
            RuntimeError("can't allocate memory"),
        ],
    )
    @pytest.mark.parametrize("place", ["a", "a.csv"])
    def test_short_memory_leaves_complete_files_only(self, model, tmp_path, monkeypatch, place, short):
        written = []

        def no_memory(df, *rest, **more):
            written.append(len(df))
            if len(written) == 3:
                raise short

        with monkeypatch.context() as patch:
            patch.setattr("tabgan.io.part_files.write_csv_part", no_memory)
            with pytest.raises(OutOfMemoryError, match=r"sample: memory was not enough.*call again"):
                model.sample_to(tmp_path / place, 400, format="csv", rows_per_file=200, random_state=1)
        found = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
        assert found == (["manifest.json", "part-00000.csv"] if place == "a" else [])

    @pytest.mark.parametrize(
        ("asked", "words"),
        [
            ({"n": -1}, "n: expected"),
            ({"rows_per_file": 0}, "rows_per_file: expected"),
            ({"format": "xls"}, "format: expected one of"),
            ({"compression": "rar"}, "compression: expected one of"),
            ({"format": "csv", "compression": "zstd"}, "compression: expected one of"),
            ({"separator": ";"}, "separator: expected none for parquet"),
            ({"escape_formulas": True}, "escape: expected none for parquet"),
            ({"path": "a.xlsx"}, "a.xlsx"),
            ({"path": "a.csv", "format": "parquet"}, "format: expected csv"),
            ({"workers": 0}, "workers: expected"),
        ],
    )
    def test_bad_arguments(self, model, tmp_path, asked, words):
        path = tmp_path / asked.pop("path", "a")
        with pytest.raises(ConfigError, match=words):
            model.sample_to(path, **{"n": 10} | asked)
        assert not path.exists()

    def test_before_a_fit(self, tmp_path):
        with pytest.raises(NotFittedError):
            TabGAN().sample_to(tmp_path / "a", 10)


def _chunk_of(source):
    (table,) = source.tables(100, 100, RandomStreams(3))
    return table


def _saved(model, tmp_path):
    model.save(tmp_path / "saved.tabgan")
    return tmp_path / "saved.tabgan"


SCRIPT = """
import sys
from tabgan import TabGAN
print("script", flush=True)
model, folder, workers = sys.argv[1:]
TabGAN.load(model).sample_to(folder, 600_000, rows_per_file=100_000, workers=int(workers), random_state=4)
"""


@pytest.mark.slow
def test_processes_write_the_rows_of_one_and_do_not_run_the_script_again(model, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    digests = []
    for workers in "12":
        command = [
            sys.executable,
            tmp_path / "script.py",
            _saved(model, tmp_path),
            tmp_path / workers,
            workers,
        ]
        said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
        assert said.stdout.count("script") == 1
        digests.append(
            sorted(hashlib.sha256(p.read_bytes()).hexdigest() for p in (tmp_path / workers).glob("*.parquet"))
        )
    assert digests[0] == digests[1]


@pytest.mark.slow
def test_a_process_that_is_killed_for_its_memory_ends_in_words_and_the_same_call_goes_on(model, tmp_path):
    asked = {"n": 600_000, "rows_per_file": 100_000, "random_state": 4}
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, tmp_path / "script.py", _saved(model, tmp_path), tmp_path / "a", "2"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not list((tmp_path / "a").glob("part-*")):
        time.sleep(0.05)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    names = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
    os.kill(int(next(pid for pid, name in names.items() if b"spawn_main" in name)), signal.SIGKILL)
    _, said = process.communicate(timeout=300)
    assert "DataError: sample: a process that wrote a file ended" in said
    for path in (tmp_path / "a").glob("part-*"):
        assert pq.read_metadata(path).num_rows == 100_000
    assert model.sample_to(tmp_path / "a", workers=1, **asked).is_complete
    assert not list((tmp_path / "a").glob(".*"))


@pytest.mark.slow
def test_a_killed_sample_resumes(model, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, tmp_path / "script.py", _saved(model, tmp_path), tmp_path / "a", "1"]
    for _ in range(2):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        before = len(list((tmp_path / "a").glob("part-*"))) if (tmp_path / "a").exists() else 0
        while process.poll() is None and len(list((tmp_path / "a").glob("part-*"))) <= before:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=300)
    subprocess.run([*command[:3], tmp_path / "b", "1"], check=True, stdout=subprocess.DEVNULL, timeout=300)
    first, second = (sorted(p.read_bytes() for p in (tmp_path / f).glob("*.parquet")) for f in "ab")
    assert first == second
    assert not list((tmp_path / "a").glob(".*"))


def test_generated_columns_are_unique_over_all_chunks_and_the_same_in_any_files(small_chunks, tmp_path):
    rng = np.random.default_rng(0)
    n = 600
    df = pd.DataFrame(
        {
            "x": rng.integers(0, 3, n),
            "plate": [f"{'AB'[i % 2]}-{i:03d}" for i in range(n)],
            "key": 0,
            "who": 0,
            "mail": "",
        }
    )
    columns = [
        Text(name="plate", unique=True),
        Identifier(name="key", pattern="[A-Z]{2}", dtype="object"),
        Identifier(name="who", recurrence=(0.0, 1.0)),
        Pii(name="mail", provider="email", locale="de_DE"),
        Numeric(name="x", bounds=(0, 2), decimals=0),
    ]
    model = TabGAN(epsilon=None, schema=Schema(columns), random_state=0).fit(df)
    samples = []
    for rows_per_file in (70, 450):
        folder = tmp_path / str(rows_per_file)
        model.sample_to(folder, 450, rows_per_file=rows_per_file, random_state=1)
        parts = [pd.read_parquet(path) for path in sorted(folder.glob("part-*"))]
        samples.append(pd.concat(parts, ignore_index=True))
    first, second = samples
    pd.testing.assert_frame_equal(first, second)
    assert first["plate"].is_unique
    assert first["key"].is_unique
    assert first["mail"].is_unique
    assert set(first["who"].value_counts()) == {2}
    with pytest.raises(DataError, match="Column 'key': its pattern has 676 different strings"):
        model.sample_to(tmp_path / "more", 677)
