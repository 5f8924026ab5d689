"""The released counts as data: every table of the ledger, with the noise that it states."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from tabgan import Boolean, Categorical, Constant, Datetime, Numeric, Schema, TabGAN, Time
from tabgan.cli.app import app
from tabgan.errors import NotFittedError, PrivacyError
from tabgan.fitting.measured import COLUMNS, ONE_WAY, TWO_WAY, marginals_frame
from tabgan.model import loglinear
from tabgan.privacy.events import GAUSSIAN, Release
from tabgan.privacy.filter import PrivacyStatement
from tabgan.privacy.released import Marginal
from tabgan.table.coded import CodedColumn
from tabgan.table.codes import TableEncoder

N = 3_000
TOWNS = ("Ulm", "Bonn", 'a, "b"')


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    answers = ["often", "seldom", *(f"rare {i}" for i in range(500))]
    opens = rng.integers(6, 12, N)
    return pd.DataFrame(
        {
            "age": pd.Series(rng.integers(0, 20, N)).where(rng.random(N) > 0.1).astype("Int64"),
            "town": rng.choice(TOWNS, N, p=[0.6, 0.3, 0.1]),
            "free": rng.choice(answers, N, p=[0.5, 0.3] + [0.2 / 500] * 500),
            "opens": [f"{hour:02d}:00" for hour in opens],
            "late": opens > 9,
            "seen": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 10**8, N), "s"),
            "note": 1,
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def model(table):
    schema = Schema(
        [
            Numeric(name="age", bounds=(0, 19), decimals=0),
            Categorical(name="town", categories=TOWNS, nullable=False),
            Time(name="opens", format="%H:%M", bounds=("06:00", "11:00"), resolution="hour"),
            Boolean(name="late", nullable=False),
            Datetime(name="seen", bounds=("2020-01-01", "2023-12-31"), resolution="second"),
            Constant(name="note", value=1),
        ]
    )
    with pytest.MonkeyPatch.context() as patch:
        for name in ("POOL", "MIN_POOL", "FRESH"):  # of the generator, which nothing here looks at
            patch.setattr(loglinear, name, 256)
        return TabGAN(epsilon=4.0, schema=schema, adversary_share=0, random_state=0).fit(table)


@pytest.fixture(scope="module")
def counts(model):
    return model.marginals()


def of(counts, first, second=None):
    is_second = counts["column_2"].isna() if second is None else counts["column_2"] == second
    return counts[(counts["column_1"] == first) & is_second]


class TestFrame:
    def test_form(self, counts):
        assert tuple(counts.columns) == COLUMNS
        assert counts[["column_1", "release"]].map(type).eq(str).all(axis=None)
        assert (counts["count"].dtype, counts["noise_stddev"].dtype) == (np.float64, np.float64)
        assert np.isfinite(counts["count"]).all()
        assert (counts["count"] < 0).any()

    def test_every_table_of_the_ledger_is_there(self, model, counts):
        expected = {entry.columns for entry in model.privacy_.entries if entry.what in (*ONE_WAY, TWO_WAY)}
        found = counts[["column_1", "column_2"]].drop_duplicates().itertuples(index=False)
        assert {(a,) if b is None else (a, b) for a, b in found} == expected
        assert {name for place in expected for name in place} >= {
            "age",
            "town",
            "free",
            "opens",
            "late",
            "seen",
        }
        for entry in (
            entry for entry in model.privacy_.entries if entry.columns in expected and entry.what == TWO_WAY
        ):
            assert (of(counts, *entry.columns)["noise_stddev"] == entry.noise_stddev).all()

    def test_values_are_what_people_read(self, counts):
        assert of(counts, "age")["value_1"].tolist() == [None, *map(str, range(20))]
        assert of(counts, "town")["value_1"].tolist() == [None, *TOWNS, "other (not released)"]
        assert of(counts, "late")["value_1"].tolist() == [None, "False", "True"]
        assert of(counts, "opens")["value_1"].tolist()[:3] == [None, "06:00:00", "07:00:00"]
        assert set(of(counts, "free")["value_1"]) == {None, "often", "seldom"}  # others are not measured
        assert of(counts, "seen")["value_1"].iloc[1].startswith("2020-01-01T00:00:00 to 2020-")
        assert of(counts, "seen (weekday)")["value_1"].tolist() == [None, *map(str, range(7))]


def test_codes_of_several_cells():
    """By hand: a column of numbers with four codes, one of categories with a shared code, and a pair of both."""
    schema = Schema(
        [
            Numeric(name="n", bounds=(0, 5), decimals=0, dtype="Int64"),
            Categorical(
                name="c", categories=("x", "y", "z"), dtype="object", nullable=False, unreleased_label="rest"
            ),
        ]
    )
    codes = [np.array([0, 1, 1, 2, 2, 2, 3]), np.array([0, 0, 1, 1, 2])]
    columns = [
        CodedColumn(column.encoder(), of_cell, np.ones(len(of_cell)), np.ones(of_cell.max() + 1, dtype=bool))
        for column, of_cell in zip(schema, codes, strict=True)
    ]
    pair = Release("marginals", TWO_WAY, ("n", "c"), GAUSSIAN, 2.0, sensitivity=3.0)
    privacy = PrivacyStatement(True, 1.0, 1e-6, 1.0, 0.0, entries=(pair,))
    counts = np.arange(12.0).reshape(4, 3) - 1
    frame = marginals_frame([Marginal((0, 1), counts, 6.0)], TableEncoder(schema, columns), privacy)
    assert frame["value_1"].tolist() == [v for v in (None, "0 to 1", "2 to 4", "5") for _ in range(3)]
    assert frame["value_2"].tolist() == ["x", '["y", "z"]', "rest"] * 4
    assert frame["count"].tolist() == list(range(-1, 11))
    assert (frame["noise_stddev"] == 6).all()
    assert (frame["release"] == TWO_WAY).all()


class TestNoise:
    """The counts are the rows' counts and the stated noise: no more, no less, and no bias."""

    def errors(self, model, table):
        """Return the deviations of the tables from those of the rows, in standard deviations."""
        encoder = model._fitted.encoder
        codes = encoder.transform(table)
        for marginal in model._fitted.marginals:
            columns = [encoder.columns[position] for position in marginal.columns]
            if len(columns) == 1:
                name = columns[0].encoder.column.name
                cells = columns[0].encoder.transform(table[name])[:, None]
            else:
                cells = codes[:, list(marginal.columns)]
            exact = np.zeros(marginal.counts.shape)
            np.add.at(exact, tuple(cells.T), 1)
            found = (marginal.counts - exact) / marginal.noise_stddev
            yield len(columns), found[~np.isnan(found)]

    @pytest.mark.parametrize("n_columns", [1, 2])
    def test_is_that_which_is_stated(self, model, table, n_columns):
        found = np.concatenate([errors for n, errors in self.errors(model, table) if n == n_columns])
        assert abs(found.mean()) < 4.5 / np.sqrt(len(found))
        assert self.is_plausible(found)

    def is_plausible(self, errors):
        return abs((errors**2).mean() - 1) < 4.5 * np.sqrt(2 / len(errors))

    def test_the_check_would_see_another(self, model, table):
        found = np.concatenate([errors for _, errors in self.errors(model, table)])
        assert len(found) > 100
        assert not self.is_plausible(found * 2)
        assert not self.is_plausible(found / 2)


def test_refused(table):
    with pytest.raises(NotFittedError):
        TabGAN().marginals()
    plain = TabGAN(epsilon=None, adversary_share=0, random_state=0).fit(table[["late"]])
    with pytest.raises(PrivacyError, match="expected a private fit"):
        plain.marginals()


@pytest.mark.family
def test_command(model, counts, tmp_path):
    model.save(tmp_path / "model")
    for name in ("counts.parquet", "counts.csv"):
        arguments = ["release", "marginals", str(tmp_path / "model"), "-o", str(tmp_path / name)]
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        assert f"{len(counts):,} noisy counts" in result.output
        assert CliRunner().invoke(app, arguments).exit_code == 2  # the file exists
    assert pq.read_table(tmp_path / "counts.parquet").equals(pa.Table.from_pandas(counts))
    assert np.allclose(pd.read_csv(tmp_path / "counts.csv")["count"], counts["count"])
