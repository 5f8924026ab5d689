"""The shareable edition follows from released numbers and the synthetic table alone."""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import pytest

from tabgan._util.rng import RandomStreams
from tabgan.assessment.shareable import Sets, evaluate_released, released_frame, train_guesser
from tabgan.columns.categorical import OTHER_LABEL, CategoricalEncoder
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.doors.measured_table import measure_table
from tabgan.privacy.filter import PrivacyFilter
from tabgan.privacy.plan import make_plan
from tabgan.privacy.released import Noisy, PrivateMetrics
from tabgan.schema import Boolean, Categorical, Datetime, Identifier, Numeric, Schema
from tabgan.table.coded import code_column
from tabgan.table.codes import TableEncoder

SCHEMA = Schema(
    columns=[
        Identifier(name="id"),
        Categorical(name="town", categories=("Ulm", "Bonn", "Kiel"), dtype="str", nullable=False),
        Numeric(name="age", bounds=(0, 90), decimals=0, dtype="Int64", nullable=True),
        Datetime(name="seen", bounds=("2020-01-01", "2021-12-31"), resolution="day", nullable=False),
        Boolean(name="ill", nullable=False),
    ]
)


def table(seed: int, n: int = 3_000) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = pd.Series(rng.integers(0, 91, n), dtype="Int64")
    ill = rng.random(n) < age.to_numpy(dtype=float) / 90
    age[rng.random(n) < 0.1] = pd.NA
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "town": rng.choice(["Ulm", "Bonn", "Kiel"], n, p=[0.7, 0.2, 0.1]),
            "age": age,
            "seen": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 365, n), unit="D"),
            "ill": ill,
        }
    )


@pytest.fixture(scope="module")
def encoder() -> TableEncoder:
    plan = make_plan(200.0, 1e-6, has_discovery=False, adversary_share=0.0)
    return measure_table(table(0), SCHEMA, plan, Measurer(PrivacyFilter(plan))).encoder.without_cycles


def shuffled(df: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    return pd.DataFrame({name: df[name].to_numpy()[rng.permutation(len(df))] for name in df}).astype(
        df.dtypes
    )


class TestReleased:
    def test_no_argument_holds_a_real_row(self):
        names = set(inspect.signature(evaluate_released).parameters)
        assert not names & {"real", "holdout", "df"}

    def test_every_figure_may_go_out(self, encoder):
        found = evaluate_released(table(1), encoder, 3_000.0)
        assert found.metrics
        assert all(metric.is_shareable for metric in found.metrics)
        assert (found.n_real, found.n_holdout, found.n_synthetic) == (3_000, 0, 3_000)
        assert found.subgroups == ()
        assert set(vars(found.pictures).values()) == {None}

    def test_a_table_like_the_real_one_is_near(self, encoder):
        found = evaluate_released(table(1), encoder, 3_000.0)["tvd1_released"]
        assert found.value < found.reference + 0.03

    def test_another_one_is_not(self, encoder):
        other = table(1).assign(town="Kiel")
        found = evaluate_released(other, encoder, 3_000.0)
        town = next(column for column in found.columns if column.name == "town")
        assert town.tvd == pytest.approx(0.9, abs=0.02)
        assert found["tvd1_released"].value > 0.2

    def test_columns_say_what_was_released_of_them(self, encoder):
        columns = {column.name: column for column in evaluate_released(table(1), encoder, 3_000.0).columns}
        assert list(columns) == list(SCHEMA.names)
        assert columns["id"].tvd is None
        assert columns["age"].missing_real == pytest.approx(0.1, abs=0.03)
        assert columns["town"].missing_real == 0
        assert all(column.valid == 1 for column in columns.values())

    def test_cells_outside_of_the_schema_are_seen(self, encoder):
        found = evaluate_released(table(1).assign(town="Atlantis"), encoder, 3_000.0)
        assert found["validity"].value < 1

    def test_repeated_rows(self, encoder):
        one = pd.concat([table(1, 10)] * 3, ignore_index=True)
        assert evaluate_released(one, encoder, 30.0)["repeated_rows"].value == 1

    def test_the_same_figures_for_the_same_seed(self, encoder):
        assert evaluate_released(table(1), encoder, 3_000.0) == evaluate_released(table(1), encoder, 3_000.0)


class TestPrivateMetrics:
    METRICS = PrivateMetrics(
        {name: Noisy(0.02, 0.01) for name in ("town", "age", "seen", "ill")},
        Noisy(-0.01, 0.02),
        Noisy(0.3, 0.1),
    )

    def figures(self, encoder, df=None, **options):
        sets = Sets.of(4, RandomStreams(0))
        df = table(1) if df is None else df
        fresh = tuple(encoder.transform(table(seed, n)) for seed, n in ((5, 3_000), (6, len(df))))
        options = {"private_metrics": self.METRICS, "sets": sets, "fresh": fresh} | options
        return evaluate_released(df, encoder, 3_000.0, **options)

    def test_noise_is_in_the_interval(self, encoder):
        found = self.figures(encoder)["tvd3_private"]
        assert (found.value, found.is_shareable) == (0.3, True)
        assert found.interval.low == pytest.approx(0.3 - 1.96 * 0.1, abs=1e-3)

    def test_so_is_that_of_the_number_of_rows(self, encoder):
        """Figures in rows are divided by it."""
        found = self.figures(encoder, n_rows_stddev=1_500.0)["tvd3_private"]
        assert found.interval.high == pytest.approx(0.3 + 1.96 * np.hypot(0.1, 0.15), abs=1e-3)

    def test_without_fresh_samples_there_is_no_reference(self, encoder):
        assert self.figures(encoder, fresh=None)["tvd2_private"].reference is None

    def test_chance_is_not_that_of_two_samples_of_one_table(self, encoder):
        """Rows that both hold make sparse tables look nearer than two tables are."""
        df = table(1, 400)
        codes = encoder.transform(df)
        rng = np.random.default_rng(0)
        shared = tuple(codes[rng.integers(len(codes), size=n)] for n in (3_000, 400))
        assert self.figures(encoder, df)["tvd3_private"].reference > (
            1.1 * self.figures(encoder, df, fresh=shared)["tvd3_private"].reference
        )

    def test_the_mean_over_columns_has_less_of_it(self, encoder):
        found = self.figures(encoder)["tvd1_private"]
        assert found.value == pytest.approx(0.02)
        assert found.interval.high == pytest.approx(0.02 + 1.96 * 0.01 / 2, abs=1e-3)

    def test_what_noise_takes_below_nothing_is_cut(self, encoder):
        found = self.figures(encoder)["tvd2_private"]
        assert (found.value, found.interval.low) == (0.0, 0.0)

    def test_the_reference_is_what_chance_shows(self, encoder):
        """Two samples of 3,000 rows of one table: more of it for pairs than for columns, and for few rows."""
        found = self.figures(encoder)
        assert 0.0 < found["tvd1_private"].reference < found["tvd2_private"].reference < 0.2
        assert (
            self.figures(encoder, table(1, 100))["tvd2_private"].reference > found["tvd2_private"].reference
        )

    def test_what_was_not_measured_says_why(self, encoder):
        found = self.figures(encoder)["accuracy_private"]
        assert (found.value, found.reason) == (None, "no target was named that is a class")

    def test_columns_have_their_private_distance(self, encoder):
        assert {c.tvd for c in self.figures(encoder).columns if c.name != "id"} == {0.02}


class TestGuesser:
    def train(self, encoder, target, df=None):
        codes = encoder.transform(table(1) if df is None else df)
        return train_guesser(codes, encoder, target, RandomStreams(0)), codes

    def majority_share(self, trained, codes):
        return (codes[:, trained.guesser.target] == trained.guesser.majority).mean()

    def test_learns_what_there_is(self, encoder):
        trained, codes = self.train(encoder, "ill")
        assert trained.accuracy > self.majority_share(trained, codes) + 0.1
        right = trained.guesser.predict(codes) == codes[:, trained.guesser.target]
        assert right.mean() > 0.65

    def test_a_guess_follows_from_its_own_row_alone(self, encoder):
        """Or the sensitivity of right guesses would not be 1."""
        trained, codes = self.train(encoder, "ill")
        rows = codes[:50]
        alone = np.concatenate([trained.guesser.predict(row[None]) for row in rows])
        np.testing.assert_array_equal(trained.guesser.predict(rows), alone)
        np.testing.assert_array_equal(trained.guesser.predict(rows[::-1]), alone[::-1])

    def test_learns_nothing_where_columns_do_not_go_together(self, encoder):
        trained, codes = self.train(encoder, "ill", shuffled(table(1)))
        assert trained.accuracy < self.majority_share(trained, codes) + 0.05

    @pytest.mark.parametrize("target", [None, "age", "id", "unknown"])
    def test_no_class_to_guess(self, encoder, target):
        assert self.train(encoder, target)[0] is None

    def test_a_constant_target(self, encoder):
        assert self.train(encoder, "ill", table(1).assign(ill=True))[0] is None

    def test_a_table_of_one_row(self, encoder):
        assert self.train(encoder, "ill", table(1, 1))[0] is None


class TestFrame:
    def test_is_spread_as_released(self, encoder):
        frame = released_frame(encoder, 3_000.0, 5_000)
        assert list(frame.columns) == ["town", "age", "seen", "ill"]
        assert len(frame) == 5_000
        assert frame["town"].value_counts(normalize=True)["Ulm"] == pytest.approx(0.7, abs=0.05)
        assert frame["age"].isna().mean() == pytest.approx(0.1, abs=0.03)
        assert frame["age"].dropna().between(0, 90).all()

    def test_what_was_not_released_is_there_without_a_name(self):
        df = pd.DataFrame(
            {"town": ["Ulm"] * 2_000 + ["Bonn"] * 1_000 + [f"village {i}" for i in range(1_000)]}
        )
        plan = make_plan(50.0, 1e-6, adversary_share=0.0)
        encoder = measure_table(df, Schema(), plan, Measurer(PrivacyFilter(plan))).encoder
        counts = released_frame(encoder, 4_000.0, 4_000)["town"].map(str).value_counts()
        assert set(counts.index) == {"Ulm", "Bonn", OTHER_LABEL}
        assert counts[OTHER_LABEL] == pytest.approx(1_000, abs=100)

    def test_integers_cannot_be_missing(self):
        column = Categorical(name="a", categories=(1, 2), dtype="int64", unreleased="redistribute")
        counts = np.array([0, 60.0, 30, np.nan])
        coded = code_column(CategoricalEncoder(column, "int64"), counts, 0.0, 100.0, 4, 256, 0.0)
        counts = (
            released_frame(TableEncoder(Schema([column]), [coded]), 100.0, 100)["a"].map(str).value_counts()
        )
        assert counts.to_dict() == {"1": 60, "2": 30, "<other>": 10}

    @pytest.mark.parametrize("nullable", [None, False])
    def test_a_label_that_samples_show_stands_for_what_was_not_released(self, nullable):
        column = Categorical(name="town", categories=("Ulm", "Bonn"), dtype="object", nullable=nullable)
        counts = np.array([0.0, 600.0, 100.0, np.nan])
        coded = code_column(column.encoder(), counts, 5.0, 1_000.0, 8, 8, 1.0)
        frame = released_frame(TableEncoder(Schema([column]), [coded]), 1_000.0, 1_000)
        assert (frame["town"] == OTHER_LABEL).mean() == pytest.approx(0.3, abs=0.01)

    def test_repeats(self, encoder):
        pd.testing.assert_frame_equal(
            released_frame(encoder, 3_000.0, 100), released_frame(encoder, 3_000.0, 100)
        )

    def test_one_row(self, encoder):
        assert len(released_frame(encoder, 3_000.0, 1)) == 1
