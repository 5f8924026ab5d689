"""Small files that stand for what is too large: a typed error at once, from every reader of files."""

from __future__ import annotations

import json
import time
import tracemalloc
from contextlib import contextmanager

import pandas as pd
import pytest
import torch
from dp_accounting.pld import privacy_loss_distribution
from safetensors.torch import save_file

from tabgan._util.files import canonical, parse, sealed, sha256, unsealed
from tabgan.errors import CheckpointError, ConfigError, LedgerError, ModelFileError, PrivacyError, SchemaError
from tabgan.fitting.checkpoint import Checkpoint, holdout_seed
from tabgan.fitting.modelfile import FORMAT
from tabgan.jobs.loading import load_jobs
from tabgan.privacy import accounting
from tabgan.privacy.accounting import SubsampledGaussian, epsilon_of
from tabgan.privacy.events import GAUSSIAN, POISSON_GAUSSIAN, Release
from tabgan.privacy.ledger.file import LedgerFile
from tabgan.privacy.ledger.journal import Journal
from tabgan.privacy.ledger.records import read_chain
from tabgan.schema import Identifier, Schema
from tabgan.synthesizer import TabGAN

#: Seconds and bytes that a refusal may take. It takes milliseconds; machines that run tests are busy.
SECONDS, BYTES = 1.0, 50 * 2**20

DIGITS = "9" * 5_000
LAUGHS = "a0: &a0 [x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
)

#: JSON texts that Python's reader stumbles over, or takes and then stumbles over.
JSON = {"digits": DIGITS, "400 digits": "9" * 400, "beyond floats": "1e999", "brackets": "[" * 3_000 + "]" * 3_000,
        "900 brackets": "[" * 900 + "]" * 900, "mappings": '{"a":' * 500 + "1" + "}" * 500}  # fmt: skip

YAML = {
    "digits": f"a: {DIGITS}",
    "a tag": f"a: !!int '{DIGITS}'",
    "no integer": "a: !!int x",
    "no moment": "a: !!timestamp 2020-13-45",
    "no boolean": "a: !!bool x",
    "a directive": f"%YAML {DIGITS}.1\n--- a",
    "no character": 'a: "\\UFFFFFFFF"',
    "brackets": "a: " + "[" * 3_000 + "]" * 3_000,
    "braces": "{a: " * 3_000 + "1" + "}" * 3_000,
    "dashes": "- " * 3_000 + "1",
    "laughs": LAUGHS,
    "merged laughs": "a0: &a0 {x: 1}\n" + "".join(
        f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 12)
    ),
    "itself": "a: &a [*a]",
}  # fmt: skip

PATTERNS = ("{:1000000000d}", "{:>1000000000}", "{:.1000000000f}", "{:{}}", "{:{:d}}", "{0:0{0}d}", "x" * 1_000 + "{}",
            "{:0101d}", f"{{:{DIGITS}d}}", "{:c}")  # fmt: skip


@contextmanager
def quickly():
    """Fail if what is done within takes long, or much memory."""
    tracemalloc.start()
    start = time.perf_counter()
    try:
        yield
        seconds, (_, peak) = time.perf_counter() - start, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seconds < SECONDS
    assert peak < BYTES


@pytest.mark.parametrize("text", JSON.values(), ids=JSON)
def test_json(text, tmp_path):
    """Pitfall 44: all that is read as JSON: ledger, its copy, guard, checkpoint, seed, journal."""
    with quickly(), pytest.raises(ValueError, match="a number|nested"):
        parse(text)
    path = tmp_path / "f"
    path.write_text(text + "\n")
    with quickly(), pytest.raises(LedgerError):
        read_chain(path)
    with quickly(), pytest.raises(LedgerError):
        LedgerFile(path)
    path.with_name("f.guard").write_text(text)
    with quickly(), pytest.raises(LedgerError):
        LedgerFile(path)
    with quickly(), pytest.raises(CheckpointError):
        Journal(path, "f1")
    (tmp_path / "c").mkdir()
    for name in ("manifest.json", "holdout.json"):
        (tmp_path / "c" / name).write_text(text)
    with quickly(), pytest.raises(CheckpointError):
        Checkpoint(tmp_path / "c", {}, 1)


@pytest.mark.parametrize("data", ["9" * 5_000, [1], {"key": 1, "count": 1, "hash": 1}, None])
def test_sealed_files_whose_seal_is_right(data, tmp_path):
    """Pitfall 44: whoever changes a file can seal it."""
    path = tmp_path / "l"
    path.write_text("x\n")
    path.with_name("l.guard").write_text(sealed(data))
    with quickly(), pytest.raises(LedgerError):
        LedgerFile(path)
    Checkpoint(tmp_path / "c", {}, 1).take()
    holdout_seed(tmp_path / "c")
    for file in (tmp_path / "c").iterdir():
        if file.suffix == ".json":
            file.write_text(sealed(data))
    with quickly(), pytest.raises(CheckpointError):
        holdout_seed(tmp_path / "c")


@pytest.mark.parametrize(
    ("key", "value"),
    [("entropy", DIGITS), ("entropy", 1), ("entropy", "x"), ("key", "x"), ("key", 1), ("fit", 1), ("table", [1]),
     ("request", 1)],
)  # fmt: skip
def test_manifests_whose_seal_is_right(key, value, tmp_path):
    """Pitfall 44."""
    Checkpoint(tmp_path / "c", {}, 1).bind(pd.DataFrame({"a": [1]}))
    path = tmp_path / "c" / "manifest.json"
    manifest = unsealed(path.read_text())
    Checkpoint(tmp_path / "c", {}, 1)
    path.write_text(sealed(manifest | {key: value}))
    with quickly(), pytest.raises(CheckpointError):
        Checkpoint(tmp_path / "c", {}, 1)


@pytest.mark.family(keep=5)
@pytest.mark.parametrize("text", YAML.values(), ids=YAML)
def test_yaml(text, tmp_path):
    """Pitfall 44: schemas and jobs."""
    with quickly(), pytest.raises(SchemaError):
        Schema.from_yaml(text)
    (tmp_path / "s.yaml").write_text(text)
    with quickly(), pytest.raises(SchemaError):
        Schema.from_yaml(tmp_path / "s.yaml")
    with quickly(), pytest.raises(ConfigError):
        load_jobs(tmp_path / "s.yaml")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns(pattern):
    """Pitfall 44."""
    with quickly(), pytest.raises(SchemaError, match="pattern: expected one field"):
        Identifier(name="a", pattern=pattern, start=10**9 if pattern != "{:c}" else 2**40)
    with quickly(), pytest.raises(SchemaError, match="pattern: expected one field"):
        Schema.from_dict({"columns": {"a": {"kind": "identifier", "pattern": pattern, "start": 2**40}}})


@pytest.mark.parametrize("pattern", ["{}", "P{:06d}", "{0:>100}", "{:,}", "a{{b}}{:x}", "{:100d}", "{!r:>8}"])
def test_patterns_that_are_none(pattern):
    assert len(Identifier(name="a", pattern=pattern).pattern.format(12)) <= 100


@pytest.mark.parametrize(("key", "value"), [("start", 2**53), ("start", 10**299), ("max_rows", 10**10)])
def test_numbers_of_a_schema(key, value):
    data = {"columns": {"a": {"kind": "identifier", "start": 1}}, "entity": "a", "max_rows": 2}
    (data if key == "max_rows" else data["columns"]["a"])[key] = value
    with quickly(), pytest.raises(SchemaError, match=key):
        Schema.from_dict(data)


@pytest.fixture
def unrun(monkeypatch):
    """Fail if the accountant composes anything: it would for minutes."""
    monkeypatch.setattr(
        privacy_loss_distribution, "from_gaussian_mechanism", lambda *_, **__: pytest.fail("composed")
    )


@pytest.mark.parametrize(
    ("mu", "run"),
    [
        (0.0, (5.0, 0.02, 10**9)),
        (0.0, (1e-5, 0.02, 200)),
        (0.0, (0.19, 0.02, 1)),
        (0.0, (0.2, 1.0, 10_000)),
        (1e5, (5.0, 0.02, 200)),
        (1e154, (5.0, 0.02, 200)),
    ],
)
def test_the_accountant_refuses_what_it_cannot_do(unrun, mu, run):
    """Pitfall 44."""
    with quickly(), pytest.raises(PrivacyError):
        epsilon_of(mu, (SubsampledGaussian(*run),), 1e-6)
    with quickly(), pytest.raises(PrivacyError):
        accounting.Cost(mu**2, (SubsampledGaussian(*run),)).adaptive_epsilon(1e-6, 8.0)


LINES = {
    "steps": Release("dpsgd", "a", (), POISSON_GAUSSIAN, 5.0, sample_rate=0.02, steps=10**9),
    "noise of steps": Release("dpsgd", "a", (), POISSON_GAUSSIAN, 1e-5, sample_rate=0.02, steps=10),
    "noise": Release("release", "a", (), GAUSSIAN, 1e-5),
    "noise whose square is none": Release("release", "a", (), GAUSSIAN, 1e-200),
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_lines_of_a_ledger(unrun, line, tmp_path):
    """Pitfall 44."""
    with quickly(), pytest.raises(PrivacyError):
        line.check()
    with quickly(), pytest.raises(LedgerError, match="breaks off"):
        read_chain(_chain(tmp_path / "l", charge=line.to_dict()))


@pytest.mark.parametrize(
    "limit",
    [
        {"mu_squared": 1e300},
        {"mu_squared": 1e9},
        {"delta": 1.0},
        {"runs": [[5.0, 0.02, 10**9]]},
        {"runs": [[1e-5, 0.02, 20]]},
        {"runs": [[5.0 + i, 0.02, 20] for i in range(1_000)]},
    ],
)
def test_plans_of_a_ledger(unrun, limit, tmp_path):
    """Pitfall 44."""
    with quickly(), pytest.raises(LedgerError, match="breaks off"):
        read_chain(_chain(tmp_path / "l", **limit))


def _chain(path, charge=None, **limit):
    """Write a ledger's lines, with hashes that are right; return its path."""
    lines, previous = [], "0" * 64
    records = [
        {"kind": "ledger", "format": "tabgan-ledger", "version": 1, "ledger": "a",
         "neighboring_relation": "add_or_remove_one", "unit": {"entity": None, "max_rows": 1}},
        {"kind": "fit", "fit": "f", "epsilon": 1.0, "delta": 1e-6, "table": "a",
         "limit": {"mu_squared": 0.04, "runs": [[5.0, 0.02, 20]], "delta": 1e-7} | limit},
        *([] if charge is None else [{"kind": "charge", "fit": "f", "call": "1", "releases": [charge]}]),
    ]  # fmt: skip
    for entry, record in enumerate(records):
        full = {"at": "2026-01-01T00:00:00+00:00", "entry": entry, "previous": previous, **record}
        full["hash"] = previous = sha256(canonical(full))
        lines.append(canonical(full) + "\n")
    path.write_text("".join(lines))
    return path


def test_the_lines_that_the_tests_change_are_good_ones(tmp_path):
    good = Release("release", "a", (), GAUSSIAN, 10.0).to_dict()
    assert len(read_chain(_chain(tmp_path / "l", charge=good))) == 3


@pytest.mark.parametrize(
    "raw", [*JSON.values(), json.dumps({"version": 4, "schema": {"columns": [[[]]] * 9}})]
)
def test_headers_of_a_model(raw, tmp_path):
    """Pitfall 44."""
    save_file({"a": torch.zeros(1)}, tmp_path / "m", metadata={FORMAT: raw})
    with quickly(), pytest.raises(ModelFileError):
        TabGAN.load(tmp_path / "m", device="cpu")
