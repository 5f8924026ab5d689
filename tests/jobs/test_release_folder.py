"""All that a release folder holds, and why it may leave."""

import json

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open

from tabgan.errors import LedgerError
from tabgan.fitting.modelfile import FORMAT
from tabgan.jobs.loading import load_jobs
from tabgan.jobs.run import run_job
from tabgan.synthesizer import TabGAN

#: Every file of a release folder. A new one needs a reason here.
WHY = {
    "synthetic.csv": "a sample of the model: post-processing of releases",
    "synthetic.csv.meta.json": "the label of the sample: version, promise, number of rows",
    "synthetic.parquet": "the same rows",
    "model.tabgan": "released counts and what was made of them; see HEADER",
    "marginals.parquet": "released counts, with their noise",
    "schema.yaml": "declared by a person, or completed by releases",
    "report.html": "the shareable edition: made of releases, private metrics and the table",
    "report.json": "the same",
    "data-card.md": "the same",
}

#: Every key of a released model's header.
HEADER = {
    "format": "a constant",
    "version": "a constant",
    "schema": "as schema.yaml",
    "columns": "names, in the order in which they are drawn: public, or by releases",
    "privacy": "the statement: arguments and charges, which follow from arguments and released numbers",
    "n_rows": "released with noise",
    "marginals": "positions of the columns of released counts",
    "params": "arguments of the fit",
    "csv": "form of the source: declared, or of its header line",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("job")
    rng = np.random.default_rng(0)
    df = pd.DataFrame({"age": rng.integers(18, 90, 900), "town": rng.choice(["Ulm", "Bonn"], 900)})
    df.to_csv(folder / "people.csv", index=False)
    (folder / "jobs.yaml").write_text(
        f"source: {{path: people.csv}}\noutput: {{folder: {folder / 'out'}, marginals: true}}\nledger: people.ledger\n"
        "model: {epsilon: 3.0, adversary_share: 0}\nrandom_state: 0\nreport: {private_metrics_epsilon: 0.5}\n"
    )
    run_job(load_jobs(folder / "jobs.yaml")[0])
    return folder


def header_of(path):
    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()[FORMAT])


def test_a_release_holds_what_may_leave_and_nothing_else(folder):
    """Pitfall 39."""
    assert {path.name for path in (folder / "out/release").iterdir()} == set(WHY)
    assert set(header_of(folder / "out/release/model.tabgan")) == set(HEADER)


def test_nothing_released_says_where_the_fit_stands_in_its_ledger(folder):
    """Pitfall 39: the line's hash covers a digest of the table, which is keyed but not noised."""
    kept = header_of(folder / "out/internal/model.tabgan")["privacy"]["place"]
    ledger = (folder / "people.ledger").read_text()
    assert kept["ledger"] in ledger
    assert kept["hash"] in ledger
    assert header_of(folder / "out/release/model.tabgan")["privacy"]["place"] == {
        "ledger": "",
        "entry": 0,
        "hash": "",
    }
    secrets = {line[key] for line in map(json.loads, ledger.splitlines()) for key in ("hash", "table", "fit", "ledger")
               if key in line}  # fmt: skip
    for path in (folder / "out/release").iterdir():
        assert not [secret for secret in secrets if secret.encode() in path.read_bytes()]


def test_both_models_draw_the_same_rows(folder):
    released, kept = (
        TabGAN.load(folder / "out" / where / "model.tabgan") for where in ("release", "internal")
    )
    pd.testing.assert_frame_equal(released.sample(50), kept.sample(50))
    assert kept.privacy_.place is not None


def test_no_private_metrics_are_measured_beside_a_released_model(folder):
    """Its fit stands in a ledger that it does not name: private metrics beside it would be in none."""
    df = pd.read_csv(folder / "people.csv")
    released = TabGAN.load(folder / "out/release/model.tabgan")
    before = (folder / "people.ledger").read_text()
    for ledger in (None, folder / "people.ledger"):
        with pytest.raises(LedgerError, match="model was released"):
            released.evaluate(
                df[:600],
                df[600:],
                private_metrics_epsilon=0.5,
                private_metrics_delta=released.delta,
                ledger=ledger,
            )
    assert (folder / "people.ledger").read_text() == before
    report = released.evaluate(df[:600], df[600:])
    assert report.data.privacy.place is None
