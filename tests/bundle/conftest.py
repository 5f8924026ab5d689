"""One small bundle for the module's tests, made of a private fit, and copies of it to tamper with."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabgan import Schema, TabGAN
from tabgan.bundle.assembly import assemble
from tabgan.bundle.terms import Terms

#: A name that Markdown, HTML, JSON-LD and CSV could take for something else.
ODD = 'a "b" <i>|c'

TERMS = {
    "license": "CC-BY-4.0",
    "controller": "Ward | office <b>",
    "source": "ward records",
    "purpose": "testing software",
    "contact": "office@example.org",
    "url": "https://example.org/people",
    "health": {
        "category": "EHRS",
        "dataset_type": "STATISTICAL",
        "access_body": "The body",
        "access_body_contact": "body@example.org",
        "access_url": "https://example.org/apply",
    },
}


def fitted() -> TabGAN:
    rng = np.random.default_rng(0)
    n = 400
    df = pd.DataFrame(
        {
            "age": rng.integers(18, 90, n),
            "town": rng.choice(["Ulm", "Bonn"], n),
            "income": np.where(rng.random(n) < 0.2, np.nan, rng.normal(3000, 500, n).round(1)),
            "seen": pd.to_datetime("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n), unit="D"),
            "stay": pd.to_timedelta(rng.integers(0, 9_000, n), unit="s"),
            ODD: rng.random(n) < 0.3,
        }
    )
    schema = Schema(target=ODD)
    return TabGAN(epsilon=5.0, schema=schema, adversary_share=0, random_state=0).fit(df)


@pytest.fixture(scope="session")
def model() -> TabGAN:
    return fitted()


@pytest.fixture(scope="session")
def made(model: TabGAN, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an unsigned bundle; its archive lies beside it. Nobody changes either."""
    folder = tmp_path_factory.mktemp("made") / "people"
    assemble(
        model,
        folder,
        title="people",
        n_rows=60,
        formats=("parquet", "csv"),
        terms=Terms.of(TERMS),
        archive=True,
        pdf=False,
        random_state=0,
    )
    return folder


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """Return a copy of the bundle."""
    return Path(shutil.copytree(made, tmp_path / "people"))


@pytest.fixture
def resealed() -> Callable[[Path], None]:
    """Return a function that writes the manifest of a changed bundle anew, as a forger would."""
    from tabgan.bundle.manifest import read_manifest
    from tabgan.bundle.names import MANIFEST
    from tabgan.bundle.writing import seal

    def again(folder: Path) -> None:
        content = read_manifest((folder / MANIFEST).read_bytes()).content
        own = ("format", "version", "files", "seal")
        seal(folder, {key: value for key, value in content.items() if key not in own}, into=folder)

    return again
