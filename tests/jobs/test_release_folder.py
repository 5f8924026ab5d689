"""All that a release folder holds, and why it may leave."""

import json

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open

from tabgan.bundle.verification import verify
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
    "README.md": "the data card, with a header of public facts and a person's statements",
    "croissant.json": "the schema, statistics by released counts, digests of the files here",
    "datapackage.json": "the schema, digests of the files here",
    "dcat.jsonld": "a person's statements, the released number of rows, the schema",
    "dp-statement.json": "arguments, charges, constants",
    "dp-statement.schema.json": "a constant",
    "ledger-extract.json": "the statement of the fit, without its place in a ledger",
    "de-identification-statement.md": "a person's statements, and what the promise says",
    "manifest.json": "digests of the files here; arguments; a commitment under a fresh key that stays",
}

#: Every file of the internal folder, which never leaves.
INSIDE = {
    "outcome.json",
    "model.tabgan",
    "report.html",
    "report.json",
    "data-card.md",
    "input-key.json",
    "de-identification-statement.md",
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
    "told": "columns of which noise may hide rows, and at most how many: by the noise; left out if there are none",
    "persons": "columns of persons whose released values samples show, by their public names; left out for none",
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
        "bundle: {archive: true, pdf: false, about: {license: MIT, purpose: testing}}\n"
    )
    run_job(load_jobs(folder / "jobs.yaml")[0])
    return folder


def header_of(path):
    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()[FORMAT])


def test_a_release_holds_what_may_leave_and_nothing_else(folder):
    """Pitfall 39."""
    assert {path.name for path in (folder / "out/release").iterdir()} == set(WHY)
    assert {path.name for path in (folder / "out/internal").iterdir()} == INSIDE
    assert set(header_of(folder / "out/release/model.tabgan")) | {"told", "persons"} == set(HEADER)


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
    for path in (*(folder / "out/release").iterdir(), folder / "out/release.zip"):
        assert not [secret for secret in secrets if secret.encode() in path.read_bytes()]


def test_nothing_released_says_where_anything_lies(folder):
    """Names of private files, folders and keys stay in the organisation."""
    inside = [str(folder), "people.csv", "people.ledger", "jobs.yaml", json.loads(
        (folder / "out/internal/input-key.json").read_text())["data"]["key"]]  # fmt: skip
    for path in (*(folder / "out/release").iterdir(), folder / "out/release.zip"):
        assert not [name for name in inside if name.encode() in path.read_bytes()], path


def test_no_figure_on_real_rows_is_released(folder):
    """The internal edition's figures, and the number of held-out rows, are in no file of the release."""
    internal = json.loads((folder / "out/internal/report.json").read_text())
    shareable = json.loads((folder / "out/release/report.json").read_text())
    values = {metric["name"]: metric["value"] for metric in internal["evaluation"]["metrics"]}
    known = {metric["name"]: metric["value"] for metric in shareable["evaluation"]["metrics"]}
    assert (
        len([name for name, value in values.items() if isinstance(value, float) and name not in known]) > 10
    )
    told = [
        repr(value)
        for value in values.values()
        if isinstance(value, float)
        and value not in known.values()
        and len(repr(value)) > 12  # .5 is a size of a page's text, and 0.1875 may be a place on it
    ]
    assert repr(values["correlations"]) in told  # whose digits do not end, however many rows there are
    for path in (folder / "out/release").iterdir():
        assert not [value for value in told if value.encode() in path.read_bytes()], path


def test_the_bundle_verifies_and_its_key_opens_the_line_of_the_ledger(folder):
    key = folder / "out/internal/input-key.json"
    for bundle in (folder / "out/release", folder / "out/release.zip"):
        notes = verify(bundle, None, key).raise_if_failed().notes
        place = header_of(folder / "out/internal/model.tabgan")["privacy"]["place"]
        assert notes[-1].endswith(
            f"line {place['entry']} of ledger {place['ledger']}, whose hash is {place['hash']}"
        )
        assert any("private metrics 0.5 of 0.5" in note for note in notes)


def test_the_statement_with_attacks_stays_inside(folder):
    inside = (folder / "out/internal/de-identification-statement.md").read_text()
    assert "INTERNAL" in inside
    assert "Singling out" in inside
    assert "its 2 entries (fits and private metrics) promise epsilon 3.5 at delta 2e-06 together" in inside
    assert "INTERNAL" not in (folder / "out/release/de-identification-statement.md").read_text()


def test_both_models_draw_the_same_rows(folder):
    released, kept = (
        TabGAN.load(folder / "out" / where / "model.tabgan") for where in ("release", "internal")
    )
    pd.testing.assert_frame_equal(released.sample(50), kept.sample(50))
    assert kept.privacy_.place is not None


@pytest.mark.family
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
