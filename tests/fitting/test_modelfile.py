"""A model file brings the model back, holds nothing else, and runs nothing."""

from __future__ import annotations

import errno
import json
import os
import pickle
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from tabgan.errors import ConfigError, ModelFileError, NotFittedError, StorageError
from tabgan.fitting import critics
from tabgan.fitting.modelfile import FORMAT, form_of, keep_form
from tabgan.privacy.plan import ADVERSARY_STEPS
from tabgan.rules import Inequality, Same
from tabgan.schema import Boolean, Categorical, Identifier, Schema
from tabgan.synthesizer import TabGAN

SECRET = "Zanzibar-4711"
OUTLIER = 987_654.25


def _fit(epsilon, n=1500, target=None):
    rng = np.random.default_rng(0)
    df = pd.DataFrame(
        {
            "town": rng.choice(["Ulm", "Bonn"], n),
            "income": rng.normal(3000, 500, n).round(2),
            "n": pd.array(rng.integers(0, 5, n), dtype="Int64"),
            "day": np.datetime64("2024-01-01", "s") + rng.integers(0, 300, n).astype("timedelta64[D]"),
        }
    )
    df.loc[7, ["town", "income"]] = SECRET, OUTLIER
    schema = None if target is None else Schema(targets=[target] if isinstance(target, str) else target)
    return TabGAN(epsilon=epsilon, schema=schema, random_state=np.int64(3)).fit(df)


@pytest.fixture(scope="module")
def private():
    """Return a model with a critic, even if chance had found no gain."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(critics, "LET_IN", -np.inf)
        return _fit(3.0, target="town")


@pytest.fixture(scope="module")
def plain():
    return _fit(None)


@pytest.fixture(scope="module")
def corrected():
    """Return one with a critic, which gains nothing on the rows held out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(critics, "LET_IN", -np.inf)
        return _fit(None, target="n")


@pytest.fixture(scope="module")
def two_targets():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(critics, "LET_IN", -np.inf)
        return _fit(3.0, target=("n", "town"))


@pytest.fixture(scope="module")
def saved(plain, tmp_path_factory):
    """Return a file that no test changes."""
    path = tmp_path_factory.mktemp("saved") / "model.tabgan"
    plain.save(path)
    return path


@pytest.fixture(scope="module")
def corrected_saved(corrected, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "corrected.tabgan"
    corrected.save(path)
    return path


@pytest.fixture(scope="module")
def private_saved(private, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "private.tabgan"
    private.save(path)
    return path


@pytest.fixture
def corrected_file(corrected_saved, tmp_path):
    return shutil.copy(corrected_saved, tmp_path / "corrected.tabgan")


@pytest.fixture
def file(saved, tmp_path):
    return shutil.copy(saved, tmp_path / "model.tabgan")


@pytest.fixture
def private_file(private_saved, tmp_path):
    return shutil.copy(private_saved, tmp_path / "m")


def _open(path):
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()[FORMAT])
        return header, {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118


def _write(path, header, tensors, raw=None):
    save_file(tensors, path, metadata={FORMAT: json.dumps(header) if raw is None else raw})


def _refused(path, match="damaged|incomplete|version"):
    with pytest.raises(ModelFileError, match=match) as caught:
        TabGAN.load(path)
    assert str(path) in str(caught.value) or "version" in str(caught.value)


class TestRoundTrip:
    @pytest.mark.parametrize("name", ["private", "plain", "corrected"])
    @pytest.mark.family(keep=1)
    def test_samples_the_same_rows(self, name, request, tmp_path):
        model = request.getfixturevalue(name)
        model.save(tmp_path / "m")
        loaded = TabGAN.load(tmp_path / "m", device="cpu")
        assert len(loaded._fitted.generator.critics) == (name != "plain")
        pd.testing.assert_frame_equal(loaded.sample(500), model.sample(500))
        pd.testing.assert_frame_equal(
            loaded.sample(50, conditions={"town": "Ulm"}), model.sample(50, conditions={"town": "Ulm"})
        )
        assert loaded.schema_ == model.schema_
        assert loaded.privacy_ == model.privacy_
        assert loaded.n_rows_ == model.n_rows_

    @pytest.mark.family
    def test_with_a_target_that_is_drawn_last_and_stands_first(self, tmp_path):
        rng = np.random.default_rng(0)
        b = rng.random((1500, 3)) < [0.5, 0.1, 0.8]
        names = ("y", "p", "q")  # two codes each: nothing but their order tells which is which
        df = pd.DataFrame(b ^ b[:, [1, 2, 2]], columns=names)
        schema = Schema([Boolean(name=n) for n in names], target="y")
        model = TabGAN(epsilon=None, schema=schema, random_state=1).fit(df)
        model.save(tmp_path / "m")
        loaded = TabGAN.load(tmp_path / "m", device="cpu")
        assert loaded._fitted.encoder.names == ["p", "q", "y"]
        pd.testing.assert_frame_equal(loaded.sample(2000), model.sample(2000))
        assert loaded.sample(5000).mean().to_numpy() == pytest.approx(df.mean().to_numpy(), abs=0.03)

    def test_several_targets_have_a_critic_each(self, two_targets, tmp_path):
        two_targets.save(tmp_path / "m")
        loaded = TabGAN.load(tmp_path / "m", device="cpu")
        assert loaded.schema_.targets == ("n", "town")
        assert loaded._fitted.encoder.names[-2:] == ["n", "town"]
        positions = {str(loaded._fitted.encoder.positions[name]) for name in ("n", "town")}
        assert set(loaded._fitted.generator.critics) == positions
        pd.testing.assert_frame_equal(loaded.sample(300), two_targets.sample(300))

    def test_a_critic_whose_test_is_not_among_the_releases_is_refused(self, two_targets, tmp_path):
        two_targets.save(tmp_path / "m")
        header, tensors = _open(tmp_path / "m")
        for targets in (["n", "income"], ["n"], []):
            wrong = {**header["schema"], "targets": targets}
            _write(tmp_path / "wrong", header | {"schema": wrong}, tensors)
            _refused(tmp_path / "wrong")

    def test_brings_the_arguments_back(self, plain, file):
        loaded = TabGAN.load(file, device="cpu")
        expected = plain.get_params() | {"device": "cpu"}
        assert loaded.get_params() == expected

    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize("name", ["file", "corrected_file"])
    def test_saved_again_it_is_the_same_file(self, name, request, tmp_path):
        file = request.getfixturevalue(name)
        TabGAN.load(file).save(tmp_path / "again")
        header, tensors = _open(file)
        again, same = _open(tmp_path / "again")
        assert again == header
        assert tensors.keys() == same.keys()
        assert all(torch.equal(tensors[name], same[name]) for name in tensors)

    @pytest.mark.family
    def test_keeps_the_form_of_its_csv(self, file, tmp_path):
        form = {"separator": ";", "decimal": ",", "na_values": ["?"]}
        model = TabGAN.load(file)
        assert form_of(model) == {}
        keep_form(model, {**form, "encoding": None})
        model.save(file)
        assert form_of(TabGAN.load(file)) == form
        header, tensors = _open(file)
        texts = ({"na_values": "abc"}, {"na_values": ["?", ["x"]]})
        for wrong in ({"separator": "xx"}, {"unknown": 1}, {"prefix": "x"}, 5, *texts):
            _write(tmp_path / "wrong", header | {"csv": wrong}, tensors)
            _refused(tmp_path / "wrong")

    @pytest.mark.parametrize("wrong", [["nobody"], ["town", "town"], "town", [["town"]], 3])
    def test_persons_are_columns(self, file, tmp_path, wrong):
        header, tensors = _open(file)
        _write(tmp_path / "wrong", header | {"persons": wrong}, tensors)
        _refused(tmp_path / "wrong")
        _write(tmp_path / "other", header | {"persons": ["town"]}, tensors)
        assert TabGAN.load(tmp_path / "other")._fitted.shown_persons == ()  # its name is not of a person

    def test_says_what_was_promised(self, private, plain, tmp_path):
        for model, is_private in ((private, True), (plain, False)):
            model.save(tmp_path / "m")
            assert TabGAN.load(tmp_path / "m").privacy_.is_private is is_private

    def test_takes_names_and_paths(self, plain, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        plain.save("m.tabgan")
        assert len(TabGAN.load("m.tabgan").sample(3)) == 3


class TestWhatItHolds:
    """Pitfall 22: no row, no rare value, no state of the training."""

    def test_neither_rare_categories_nor_outliers(self, private_saved):
        content = private_saved.read_bytes()
        assert SECRET.encode() not in content
        for value in (OUTLIER, OUTLIER * 100):
            for text in (repr(value), str(int(value))):
                assert text.encode() not in content
            for dtype in ("float64", "float32", "int64", "int32"):
                assert np.array([value]).astype(dtype).tobytes() not in content
        assert b"Ulm" in content

    def test_generator_and_released_counts_only(self, private, private_saved):
        header, tensors = _open(private_saved)
        assert set(header) == {
            *("format", "version", "schema", "columns", "privacy", "n_rows", "marginals", "params", "told")
        }
        for name in tensors:
            kind, rest = name.split(".", 1)
            assert kind in ("generator", "column", "marginal"), name
            if kind == "column":
                assert rest.split(".")[1] in (
                    "code_of_cell",
                    "weights",
                    "is_sampled",
                    "edges",
                    "emphasis",
                    "taper",
                    "exact",
                )
        assert {n for n in tensors if n.startswith("generator.")} == {
            f"generator.{n}" for n in private._fitted.generator.state_dict()
        }
        place = f"generator.critics.{header['columns'].index('town')}."
        critic = {n.removeprefix(place) for n in tensors if n.startswith("generator.critics.")}
        parts = {"table", "owner", "basis", "mean", "spread", "crossed", "scale", "offset", "network.weight"}
        assert critic == parts  # its features and their weights; neither gradients nor the optimizer's state
        assert max(t.numel() for n, t in tensors.items() if n.startswith("column.")) < 1500

    def test_neither_seed_of_noise_nor_path(self, private, private_saved):
        header, _ = _open(private_saved)
        assert "schema" not in header["params"]
        assert set(header["params"]) == set(private.get_params()) - {"schema"}


class TestDamaged:
    def test_missing(self, tmp_path):
        with pytest.raises(ModelFileError, match="no file .*nowhere"):
            TabGAN.load(tmp_path / "nowhere")

    def test_a_folder(self, tmp_path):
        _refused(tmp_path)

    @pytest.mark.parametrize("content", [b"", b"\x00", b"PK\x03\x04", b"{}", bytes(range(256)) * 20])
    def test_other_bytes(self, tmp_path, content):
        (tmp_path / "m").write_bytes(content)
        _refused(tmp_path / "m")

    @pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.9999])
    def test_cut(self, file, share):
        content = file.read_bytes()
        file.write_bytes(content[: int(share * len(content))])
        _refused(file)

    def test_grown(self, file):
        file.write_bytes(file.read_bytes() + b"\x00" * 8)
        _refused(file)

    @pytest.mark.parametrize("most", [30, pytest.param(400, marks=pytest.mark.slow)])
    def test_flipped_bytes_of_the_header_never_escape(self, file, most):
        content = file.read_bytes()
        length = int.from_bytes(content[:8], "little")
        rng = np.random.default_rng(0)
        for place in rng.integers(0, length, most):
            damaged = bytearray(content)
            damaged[place] ^= 1 << rng.integers(8)
            file.write_bytes(bytes(damaged))
            try:
                TabGAN.load(file)
            except ModelFileError:
                continue

    def test_a_header_that_asks_for_more_than_there_is(self, file):
        content = file.read_bytes()
        file.write_bytes((2**62).to_bytes(8, "little") + content[8:])
        _refused(file)

    def test_a_pickle_is_refused_and_runs_nothing(self, tmp_path):
        """Pitfall 23."""
        sentinel = tmp_path / "ran"

        class Hostile:
            def __reduce__(self):
                return Path.touch, (sentinel,)

        for name, content in (("m", pickle.dumps(Hostile())), ("n", pickle.dumps({"a": Hostile()}, 0))):
            (tmp_path / name).write_bytes(content)
            _refused(tmp_path / name)
        torch.save({"a": Hostile()}, tmp_path / "t")
        _refused(tmp_path / "t")
        assert not sentinel.exists()


class TestIncomplete:
    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize("name", ["file", "corrected_file"])
    def test_every_tensor_is_needed(self, name, request):
        file = request.getfixturevalue(name)
        header, tensors = _open(file)
        for name in tensors:
            _write(file, header, {k: v for k, v in tensors.items() if k != name})
            _refused(file)

    @pytest.mark.parametrize(
        "name", ["column.0.edges2", "column.9.weights", "column.x", "generator.more", "more"]
    )
    def test_no_other_tensor_is_passed_over(self, file, name):
        header, tensors = _open(file)
        _write(file, header, tensors | {name: torch.zeros(2)})
        _refused(file)

    @pytest.mark.parametrize("format_", ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"])
    def test_a_schema_whose_dtype_cannot_hold_its_values(self, file, format_):
        """It loaded, and sampling raised."""
        header, tensors = _open(file)
        header["schema"]["columns"]["day"]["format"] = format_
        _write(file, header, tensors)
        _refused(file)

    @pytest.mark.parametrize(
        "columns",
        [["town"], ["town", "town", "n", "day"], ["town", "income", "n", "x"], "town", None, 3, [1]],
    )
    def test_columns_that_are_not_the_schemas(self, file, columns):
        header, tensors = _open(file)
        _write(file, header | {"columns": columns}, tensors)
        _refused(file)

    def test_a_row_count_beyond_floats(self, file):
        header, tensors = _open(file)
        _write(file, header | {"n_rows": 10**400}, tensors)
        _refused(file)

    @pytest.mark.parametrize(
        "key", ["version", "schema", "columns", "privacy", "n_rows", "marginals", "params", "format"]
    )
    def test_every_key_is_needed(self, file, key):
        header, tensors = _open(file)
        del header[key]
        _write(file, header, tensors)
        _refused(file)

    def test_every_privacy_field_is_needed(self, private_saved, tmp_path):
        """Pitfall 24: no privacy parameter has a default on load."""
        header, tensors = _open(private_saved)
        for key in header["privacy"]:
            lacking = {k: v for k, v in header["privacy"].items() if k != key}
            _write(tmp_path / "m", {**header, "privacy": lacking}, tensors)
            _refused(tmp_path / "m")
        for key in header["privacy"]["entries"][0]:
            entries = [{k: v for k, v in entry.items() if k != key} for entry in header["privacy"]["entries"]]
            _write(tmp_path / "m", {**header, "privacy": {**header["privacy"], "entries": entries}}, tensors)
            _refused(tmp_path / "m")

    @pytest.mark.family
    def test_released_tables_that_are_not_those_of_a_fit(self, private, private_file):
        path = private_file
        header, tensors = _open(path)
        places, n_columns = header["marginals"], len(header["columns"])
        assert places[:n_columns] == [[position] for position in range(n_columns)]
        first, last = tensors["marginal.0"], f"marginal.{len(places) - 1}"
        wrong = [
            *(
                {"marginal.0": table}
                for table in (first[:-1], first.float(), first.reshape(1, -1), first * np.inf)
            ),
            {"marginal.0": torch.full_like(first, np.nan)},
            {last: tensors[last].T.contiguous()},
            {last: tensors[last] + 1e13},
        ]
        for damaged in wrong:
            _write(path, header, tensors | damaged)
            _refused(path)
        pair = places[-1]
        for other in (pair[::-1], places[0], [*pair, 0], [True, pair[1]], [-1, pair[1]], None):
            _write(path, header | {"marginals": [*places[:-1], other]}, tensors)
            _refused(path)
        for others in (places[1:], places[::-1], None, 3):
            _write(path, header | {"marginals": others}, tensors)
            _refused(path)
        unsaid = [entry for entry in header["privacy"]["entries"] if entry["what"] != "2-way marginal"]
        _write(path, header | {"privacy": header["privacy"] | {"entries": unsaid}}, tensors)
        _refused(path)
        _write(path, header, tensors)
        assert TabGAN.load(path).marginals().equals(private.marginals())

    def test_a_fit_without_privacy_keeps_no_counts(self, file, private):
        header, tensors = _open(file)
        assert header["marginals"] == []
        _write(
            file, header | {"marginals": [[0]]}, tensors | {"marginal.0": torch.zeros(3, dtype=torch.float64)}
        )
        _refused(file)

    def test_an_argument_is_missing_or_unknown(self, file):
        header, tensors = _open(file)
        for params in (
            {k: v for k, v in header["params"].items() if k != "delta"},
            {**header["params"], "discriminator": 1},
            [],
            None,
        ):
            _write(file, {**header, "params": params}, tensors)
            _refused(file)

    def test_unknown_keys(self, file):
        header, tensors = _open(file)
        _write(file, {**header, "rows": [1]}, tensors)
        _refused(file)
        _write(file, {**header, "privacy": {**header["privacy"], "note": "x"}}, tensors)
        _refused(file)

    @pytest.mark.parametrize("version", [0, 6, 8, "7", None])
    def test_another_version(self, file, version):
        header, tensors = _open(file)
        _write(file, {**header, "version": version}, tensors)
        _refused(file, "expected version 7 of the format. Load it with the tabgan that wrote it")

    @pytest.mark.parametrize("raw", ["", "[]", "5", "null", "{", "[" * 100_000, '{"version": 3}', "\x00"])
    def test_another_header(self, file, raw):
        _write(file, None, _open(file)[1], raw=raw)
        _refused(file)

    def test_no_metadata(self, file):
        save_file(_open(file)[1], file)
        _refused(file)

    @pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "0", '"many"', "null"])
    def test_numbers_that_are_none(self, file, value):
        header, tensors = _open(file)
        raw = json.dumps({**header, "n_rows": 12345.5}).replace("12345.5", value)
        _write(file, None, tensors, raw=raw)
        _refused(file)

    def test_an_epsilon_that_was_not_promised(self, private_saved, tmp_path):
        header, tensors = _open(private_saved)
        _write(tmp_path / "m", {**header, "params": {**header["params"], "epsilon": 0.1}}, tensors)
        _refused(tmp_path / "m")


#: Beginning of the names of the only critic's tensors in ``corrected_file``.
CRITIC = "generator.critics.5."


def _of_size(table, basis, n_single, n_outputs, crossed):
    """Return the tensors of a critic with so many features and outputs."""
    n_all = n_single + n_outputs
    return {
        "table": torch.ones(len(table), n_single),
        "owner": torch.cat([torch.arange(n_single) % 4, torch.full((n_outputs,), -1)]),
        "basis": torch.ones(len(basis), n_outputs),
        "mean": torch.zeros(n_all),
        "spread": torch.ones(n_all),
        "crossed": torch.arange(crossed),
    }


#: Changes of a critic's tensors, and whether a file with them is refused.
HOSTILE = {
    "none": (lambda **t: {}, False),
    "another size": (lambda table, basis, **t: _of_size(table, basis, 20, 2, 5), False),
    "products": (lambda table, basis, **t: _of_size(table, basis, 250, 2, 250), True),
    "features": (lambda table, basis, **t: _of_size(table, basis, 301, 2, 2), True),
    "outputs": (lambda table, basis, **t: _of_size(table, basis, 20, 9, 5), True),
    "no output": (lambda table, basis, **t: _of_size(table, basis, 20, 0, 5), True),
    "the same twice": (lambda crossed, **t: {"crossed": torch.cat([crossed[:1], crossed[:-1]])}, True),
    "from the end": (lambda crossed, **t: {"crossed": torch.cat([torch.tensor([-1]), crossed[:-1]])}, True),
    "owned by the column itself": (lambda owner, **t: {"owner": owner.clamp(max=0) + 5}, True),
    "owned by nobody": (lambda owner, **t: {"owner": owner - 1}, True),
}


class TestContradictions:
    @pytest.mark.parametrize(
        "change",
        [
            lambda columns: columns.reverse(),  # a cycle before its moment
            lambda columns: columns.insert(2, columns[1]),  # the same one twice
            lambda columns: columns[1].pop(),
            lambda columns: columns[1].reverse(),
            lambda columns: columns.__setitem__(1, ["day", "hour of three"]),
            lambda columns: columns.__setitem__(1, ["income", "weekday"]),
            lambda columns: columns.__setitem__(1, "weekday"),
        ],
    )
    def test_a_cycle_that_its_moment_does_not_have(self, file, change):
        header, tensors = _open(file)
        assert header["columns"][:2] == ["day", ["day", "weekday"]]
        change(header["columns"])
        _write(file, header, tensors)
        _refused(file)

    @pytest.mark.family(keep=12)
    @pytest.mark.parametrize(
        ("name", "change"),
        [
            ("column.3.code_of_cell", lambda t: t[:-1]),
            ("column.3.code_of_cell", lambda t: t + 100),
            ("column.3.code_of_cell", lambda t: t - 1),
            ("column.3.weights", lambda t: t.reshape(-1, 1)),
            ("column.3.weights", lambda t: t * torch.nan),
            ("column.3.weights", lambda t: -t - 1),
            ("column.3.is_sampled", lambda t: t * 0),
            ("column.3.is_sampled", lambda t: t[:1]),
            ("column.3.is_sampled", lambda t: t.reshape(-1, 1).repeat(1, 2)),
            ("column.4.edges", lambda t: t.flip(0)),
            ("column.4.edges", lambda t: t + 10**6),
            ("column.4.edges", lambda t: t * 0),
            ("column.4.edges", lambda t: t.reshape(1, -1)),
            ("column.4.emphasis", lambda t: t[:-1]),
            ("column.4.emphasis", lambda t: t * torch.nan),
            ("column.4.emphasis", lambda t: t * 0),
            ("column.4.emphasis", lambda t: t.float()),
            ("column.1.code_of_cell", lambda t: t[:-1]),
            ("column.1.code_of_cell", lambda t: t * 0),
            ("column.1.is_sampled", lambda t: 1 - t),
            ("column.1.weights", lambda t: -t - 1),
            ("generator.direct", lambda t: t[:, :3]),
            ("generator.direct", lambda t: t[:0]),
            ("generator.direct", lambda t: t * torch.nan),
            ("generator.direct", lambda t: t.long()),
            ("generator.bias", lambda t: t - torch.inf),
            ("generator.bias", lambda t: torch.zeros(4_000_000)),
        ],
    )
    def test_tensors_that_do_not_go_together(self, file, name, change):
        header, tensors = _open(file)
        _write(file, header, {**tensors, name: change(tensors[name]).contiguous()})
        _refused(file)

    @pytest.mark.family(keep=5)
    @pytest.mark.parametrize(
        ("name", "change"),
        [
            ("table", lambda t: t[:-1]),
            ("table", lambda t: t[:, :-1]),
            ("table", lambda t: t[:, :0]),
            ("table", lambda t: t.ravel()),
            ("table", lambda t: t * torch.nan),
            ("table", lambda t: t.double()),
            ("table", lambda t: t.long()),
            ("table", lambda t: torch.zeros(len(t), 100_000)),
            ("owner", lambda t: t[:-1]),
            ("owner", lambda t: t + 5),  # not an earlier one
            ("owner", lambda t: t - 2),
            ("owner", lambda t: t + 2**40),
            ("owner", lambda t: t.float()),
            ("basis", lambda t: t[:-1]),
            ("basis", lambda t: t[:, :0]),
            ("basis", lambda t: t[:, :-1]),
            ("basis", lambda t: t.repeat(1, 50)),
            ("basis", lambda t: t * torch.inf),
            ("mean", lambda t: t[:-1]),
            ("mean", lambda t: t * torch.nan),
            ("mean", lambda t: t.half()),
            ("spread", lambda t: -t),
            ("spread", lambda t: t * 0),
            ("spread", lambda t: t * torch.nan),
            ("spread", lambda t: t[:1]),
            ("crossed", lambda t: t[:-1]),
            ("crossed", lambda t: t.repeat(2)),
            ("crossed", lambda t: t * 0),
            ("crossed", lambda t: t + 10**6),
            ("crossed", lambda t: t - 10**6),
            ("crossed", lambda t: torch.arange(2_000_000)),
            ("crossed", lambda t: t.reshape(1, -1)),
            ("crossed", lambda t: t.float()),
            ("crossed", lambda t: t.sum()),
            ("scale", lambda t: t * 0),
            ("scale", lambda t: -t),
            ("scale", lambda t: t * 2),
            ("scale", lambda t: t * torch.nan),
            ("scale", lambda t: t.reshape(1)),
            ("network.weight", lambda t: t[:, :-1]),
            ("network.weight", lambda t: t[:-1]),
            ("network.weight", lambda t: t * torch.nan),
            ("network.weight", lambda t: t.long()),
            ("network.weight", lambda t: torch.zeros(1, 4_000_000)),
        ],
    )
    def test_a_critic_that_is_none(self, corrected_file, name, change):
        header, tensors = _open(corrected_file)
        name = CRITIC + name
        _write(corrected_file, header, {**tensors, name: change(tensors[name]).contiguous()})
        _refused(corrected_file)

    @pytest.mark.family(keep=5)
    @pytest.mark.parametrize(("change", "is_refused"), HOSTILE.values(), ids=HOSTILE)
    def test_a_critic_whose_tensors_go_together_and_that_no_fit_has(self, corrected_file, change, is_refused):
        """Some would fill memory with the products of a batch, others read a feature of another column."""
        header, tensors = _open(corrected_file)
        state = {name.removeprefix(CRITIC): value for name, value in tensors.items() if CRITIC in name}
        state |= change(**state)
        left, right = torch.triu_indices(len(state["crossed"]), len(state["crossed"]), 1)
        owners = state["owner"][state["crossed"]]
        n_features = len(state["owner"]) + int((owners[left] != owners[right]).sum()) + 1
        state["network.weight"] = torch.zeros(state["basis"].shape[1], n_features)
        changed = {CRITIC + name: value.contiguous() for name, value in state.items()}
        _write(corrected_file, header, {**tensors, **changed})
        if is_refused:
            _refused(corrected_file)
        else:
            assert len(TabGAN.load(corrected_file).sample(5)) == 5

    @pytest.mark.family(keep=4)
    @pytest.mark.parametrize("place", ["0", "4", "6", "-1", "05", "5.5", "x", "", str(10**30)])
    def test_a_critic_of_another_column(self, corrected_file, place):
        header, tensors = _open(corrected_file)
        moved = {name.replace("critics.5.", f"critics.{place}."): value for name, value in tensors.items()}
        _write(corrected_file, header, moved)
        _refused(corrected_file)

    @pytest.mark.parametrize(
        "change",
        [
            lambda columns: columns.pop("town"),
            lambda columns: columns["town"].pop("categories"),
            lambda columns: columns["town"]["categories"].append("Kiel"),
            lambda columns: columns["town"].update(kind="numeric"),
            lambda columns: columns["town"].update(dtype="int65"),
            lambda columns: columns["income"].pop("bounds"),
            lambda columns: columns["income"].update(bounds=[0, 10]),
            lambda columns: columns["income"].update(kind="identifier"),
            lambda columns: columns["n"].update(decimals=2),
        ],
    )
    def test_a_schema_that_does_not_go_with_the_tensors(self, file, change):
        header, tensors = _open(file)
        change(header["schema"]["columns"])
        _write(file, header, tensors)
        _refused(file)


class TestWriting:
    def test_before_fit(self, tmp_path):
        with pytest.raises(NotFittedError, match="not fitted"):
            TabGAN().save(tmp_path / "m")
        assert list(tmp_path.iterdir()) == []

    def test_nothing_half_written_is_left(self, plain, tmp_path, monkeypatch):
        write = Path.write_bytes

        def cut_off(path, content):
            write(path, content[:100])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        (tmp_path / "m").write_bytes(b"the model before")
        monkeypatch.setattr(Path, "write_bytes", cut_off)
        with pytest.raises(
            StorageError, match=r"Cannot write .*m': No space left on device\. Free some space"
        ):
            plain.save(tmp_path / "m")
        assert [path.name for path in tmp_path.iterdir()] == ["m"]
        assert (tmp_path / "m").read_bytes() == b"the model before"

    def test_takes_the_place_of_another(self, plain, file):
        plain.save(file)
        assert len(TabGAN.load(file).sample(2)) == 2

    def test_makes_the_folders(self, plain, tmp_path):
        plain.save(tmp_path / "a" / "b" / "m")
        assert (tmp_path / "a" / "b" / "m").is_file()

    def test_onto_a_folder(self, plain, tmp_path):
        with pytest.raises(ConfigError, match="save: expected a file name, got the folder"):
            plain.save(tmp_path)

    def test_below_a_file(self, plain, file):
        with pytest.raises(ConfigError, match="save: expected a folder, got"):
            plain.save(file / "m")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_model_saved_on_a_gpu_loads_on_a_cpu(tmp_path):
    df = pd.DataFrame({"a": np.arange(500) % 3, "b": np.arange(500) % 2})
    model = TabGAN(epsilon=None, schema=Schema(target="b"), device="cuda", random_state=0).fit(df)
    model.save(tmp_path / "m")
    loaded = TabGAN.load(tmp_path / "m", device="cpu")
    assert loaded._fitted.generator.device.type == "cpu"
    assert len(loaded._fitted.generator.critics) == 1
    assert len(loaded.sample(10)) == 10


def _edited(header, path, value):
    """Return a copy of a header in which one place says something else; a number at its end is an index."""
    copied = json.loads(json.dumps(header))
    *way, last = path
    place = copied
    for key in way:
        place = place[key]
    place[last] = value(place[last]) if callable(value) else value
    return copied


CONTRADICTIONS = {
    "epsilon lower, and the argument too": [
        (("privacy", "epsilon"), lambda e: e / 10),
        (("params", "epsilon"), lambda e: e / 10),
    ],
    "epsilon lower in the statement": [(("privacy", "epsilon"), lambda e: e / 10)],
    "spent lower": [(("privacy", "epsilon_spent"), lambda e: e * 0.9)],
    "delta higher": [(("privacy", "delta"), 1e-3)],
    "delta higher, and the argument too": [(("privacy", "delta"), 1e-3), (("params", "delta"), 1e-3)],
    "delta of thresholds lower": [(("privacy", "delta_spent"), 0.5e-6)],
    "a charge left out": [(("privacy", "entries"), lambda entries: entries[:-1])],
    "more noise than charged": [(("privacy", "entries", 0, "noise_multiplier"), lambda z: 2 * z)],
    "another sensitivity": [(("privacy", "entries", 0, "sensitivity"), 5.0)],
    "a door that is none": [(("privacy", "entries", 0, "door"), "window")],
    "steps by another door": [(("privacy", "entries", -2, "door"), "evaluation")],
    "steps of the other door": [(("privacy", "entries", -2, "door"), "release")],
    "a step at another rate": [(("privacy", "entries", -2, "sample_rate"), 0.5)],
    "a step of another run": [(("privacy", "entries", -2, "noise_multiplier"), lambda z: z * 1.001)],
    "arguments of no fit": [(("params", "random_state"), -1)],
    "a unit that no schema has": [
        (("privacy", "entity"), "who"),
        (("privacy", "max_rows"), 1),
        (("privacy", "privacy_unit"), "entity"),
    ],
    "other neighbours": [(("privacy", "neighboring_relation"), "replace_one")],
    "steps without end": [(("privacy", "entries", -2, "steps"), 10**9)],
    "noise that fills memory": [(("privacy", "entries", 0, "noise_multiplier"), 1e-9)],
    "rows without end": [(("n_rows",), 1e15)],
}


def test_a_header_that_is_written_again_unchanged_loads(private, private_saved, tmp_path):
    """The control of the next test."""
    header, tensors = _open(private_saved)
    _write(tmp_path / "m", header, tensors)
    assert TabGAN.load(tmp_path / "m").privacy_ == private.privacy_
    doors = [entry["door"] for entry in header["privacy"]["entries"]]
    assert (doors.count("dpsgd"), doors[-2:]) == (ADVERSARY_STEPS, ["dpsgd", "release"])


@pytest.mark.family(keep=10)
@pytest.mark.parametrize("edits", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_header_that_contradicts_itself_is_refused(private_saved, tmp_path, edits):
    """Pitfall 38. What is loaded calibrates later noise, and is printed as the promise."""
    header, tensors = _open(private_saved)
    for path, value in edits:
        header = _edited(header, path, value)
    _write(tmp_path / "m", header, tensors)
    start = time.perf_counter()
    with pytest.raises(ModelFileError, match="contradicts itself"):
        TabGAN.load(tmp_path / "m")
    assert time.perf_counter() - start < 5


#: Rules in place of those of the file, beside words of the error.
RULES_THAT_NO_SCHEMA_HAS = {
    "two that make columns equal": ([{"low": "b", "high": "a"}], "'a' is to be at most 'b', and 'b' at most"),
    "a circle that no row keeps": (
        [{"low": "b", "high": "a", "is_strict": True}],
        "'b' is to be below 'a', and 'a' at most 'b': no row keeps both",
    ),
    "a key that is none": (
        [{"same": ["sex"], "within": "x"}],
        r"rules\[2\]\.within: expected a key that several rows share, got 'x'",
    ),
    "two keys": ([{"same": ["x"], "within": "other"}], r"rules\[2\]\.within: expected one key for all rules"),
    "part of a combination": ([{"columns": ["sex", "x"]}], "column 'sex' is tied to 'x' by rules"),
    "no order of words": ([{"low": "sex", "high": "a"}], r"rules\[2\]\.low"),
    "a column of no table": ([{"unique": ["zz"]}], r"rules\[2\]\.unique\[0\]"),
    "no two keys of one": (
        [{"unique": ["sex"]}],
        r"rules\[2\]: its columns are the same in all rows of a key",
    ),
}


@pytest.fixture(scope="module")
def ruled_saved(tmp_path_factory):
    rng = np.random.default_rng(0)
    key = rng.integers(0, 60, 300)
    df = pd.DataFrame({"key": key, "other": key, "sex": np.array(list("mf"))[key % 2]})
    df["x"], df["a"] = rng.integers(0, 3, 300), rng.integers(0, 50, 300)
    df["b"] = df["a"] + rng.integers(0, 9, 300)
    keys = [Identifier(name=name, recurrence=True) for name in ("key", "other")]
    rules = [Inequality("a", "b"), Same(("sex",), "key")]
    path = tmp_path_factory.mktemp("ruled") / "m"
    TabGAN(epsilon=None, schema=Schema(keys, rules=rules), random_state=0).fit(df).save(path)
    return path


@pytest.mark.family(keep=3)
@pytest.mark.parametrize(("rules", "match"), RULES_THAT_NO_SCHEMA_HAS.values(), ids=RULES_THAT_NO_SCHEMA_HAS)
def test_rules_that_no_schema_would_have_are_refused(ruled_saved, tmp_path, rules, match):
    header, tensors = _open(ruled_saved)
    _write(tmp_path / "m", header, tensors)
    assert len(TabGAN.load(tmp_path / "m").sample(20)) == 20
    _write(tmp_path / "m", _edited(header, ("schema", "rules"), lambda own: own + rules), tensors)
    with pytest.raises(ModelFileError, match=match) as caught:
        TabGAN.load(tmp_path / "m")
    assert str(tmp_path / "m") in str(caught.value)


@pytest.mark.family
def test_arguments_that_are_set_after_the_fit_make_no_file_that_contradicts_itself(tmp_path):
    model = _fit(5.0)
    model.set_params(delta=1e-9, epsilon=0.1)
    model.save(tmp_path / "m")
    loaded = TabGAN.load(tmp_path / "m")
    assert (
        (loaded.epsilon, loaded.delta)
        == (5.0, model.privacy_.delta)
        == (loaded.privacy_.epsilon, loaded.privacy_.delta)
    )


@pytest.mark.family(keep=1)
@pytest.mark.parametrize("unreleased", ["redistribute", "other"])
def test_a_pooled_code_that_the_schema_does_not_show_is_refused(tmp_path, unreleased):
    """Rows of it would come back missing in a column that holds no missing value."""
    rare = [f"x{i}" for i in range(500)]
    df = pd.DataFrame({"name": ["a", "b"] * 750 + rare, "number": range(2_000)})
    schema = Schema([Categorical(name="name", unreleased=unreleased)])
    TabGAN(5.0, adversary_share=0, random_state=0, schema=schema).fit(df).save(tmp_path / "m")
    header, tensors = _open(tmp_path / "m")
    prefix = f"column.{header['columns'].index('name')}."
    assert tensors[prefix + "is_sampled"][-1] == (unreleased == "other")
    tensors[prefix + "is_sampled"][-1] = 1
    if unreleased == "other":
        tensors[prefix + "weights"][-1] = 0.0
    _write(tmp_path / "m", header, tensors)
    _refused(tmp_path / "m")
