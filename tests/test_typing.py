"""The types that a user's checker sees: a sample is the kind of table that the model was fitted to."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: As much of these libraries as the test names: their own types may be installed, or not.
STUBS = {
    "pandas": "class DataFrame:\n    def head(self, n: int = 5) -> DataFrame: ...\n",
    "pyarrow": "class Table:\n    def to_batches(self) -> list[object]: ...\n",
    "polars": "class DataFrame: ...\nclass LazyFrame: ...\n",
}

USE = """
import pandas as pd
import polars as pl
import pyarrow as pa
from typing_extensions import assert_type

from tabgan import TabGAN

def use(frame: pd.DataFrame, table: pa.Table, polars: pl.DataFrame, lazy: pl.LazyFrame) -> None:
    model = TabGAN(epsilon=1.0)
    assert_type(model.sample(3), pd.DataFrame)
    assert_type(model.sample(3, as_="arrow"), pa.Table)
    assert_type(model.sample(3, conditions={"age": 3}, random_state=0, as_="polars"), pl.DataFrame)
    assert_type(TabGAN().fit(frame).sample(3).head(), pd.DataFrame)
    assert_type(TabGAN().fit("people.csv", ledger="people.ledger").sample(3, impute=True), pd.DataFrame)
    assert_type(TabGAN().fit(table).sample(3), pa.Table)
    assert_type(TabGAN().fit(polars).sample(3), pl.DataFrame)
    assert_type(TabGAN().fit(lazy, checkpoint="kept").sample(3), pl.DataFrame)
    assert_type(TabGAN().fit(table).sample(3, as_="pandas"), pd.DataFrame)
    assert_type(next(model.sample_batches(3)), pd.DataFrame)
    assert_type(next(TabGAN().fit(table).sample_batches(3, 2)), pa.Table)
    assert_type(TabGAN.load("model.tabgan").sample(3), pd.DataFrame)
    model.evaluate(frame, frame).to_html("report.html")

def wrong(model: TabGAN, frame: pd.DataFrame) -> None:
    model.sample("3")
    model.sample(3, seed=0)
    model.fit(frame, ledgr="people.ledger")
    model.sample(3, as_="arrow").head()
"""


@pytest.mark.slow
def test_a_sample_is_the_kind_of_table_that_the_model_was_fitted_to(tmp_path):
    pytest.importorskip("mypy")
    for name, text in STUBS.items():
        (tmp_path / "stubs" / name).mkdir(parents=True)
        (tmp_path / "stubs" / name / "__init__.pyi").write_text(text)
    (tmp_path / "use.py").write_text(USE)
    (tmp_path / "mypy.ini").write_text(
        "[mypy]\nstrict = true\nfollow_imports = silent\nignore_missing_imports = true\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--cache-dir", "cache", "use.py"],
        cwd=tmp_path,
        env=os.environ | {"MYPYPATH": f"{tmp_path / 'stubs'}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
    )
    wrong = USE.splitlines().index("def wrong(model: TabGAN, frame: pd.DataFrame) -> None:") + 1
    found = {int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error:" in line}
    assert found == set(range(wrong + 1, len(USE.splitlines()) + 1)), done.stdout + done.stderr
