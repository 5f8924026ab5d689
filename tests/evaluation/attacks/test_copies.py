from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabgan._util.rng import RandomStreams
from tabgan.evaluation import evaluate
from tabgan.evaluation.attacks.copies import copy_findings, distance_shares
from tabgan.evaluation.attacks.neighbors import nearest_distances
from tabgan.evaluation.tables import embed, prepare
from tabgan.schema import Identifier, Numeric, Schema

#: The steps of an evaluation that are tested here.
STEPS = ("copy_findings",)


class TestNearest:
    def test_by_hand(self):
        found = nearest_distances(np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([[3.0, 4.0], [1.0, 1.0]]))
        assert found == pytest.approx([np.sqrt(2), 0.0], abs=1e-5)

    def test_in_chunks_as_at_once(self):
        rng = np.random.default_rng(0)
        queries, points = rng.random((1203, 4)), rng.random((50, 4))
        expected = np.sqrt(((queries[:, None] - points) ** 2).sum(axis=2)).min(axis=1)
        assert nearest_distances(queries, points) == pytest.approx(expected, abs=1e-5)

    def test_copies_are_at_no_distance(self):
        points = np.random.default_rng(0).random((300, 40)) * 1000
        assert (nearest_distances(points[::-1], points) == 0).all()


class TestEmbed:
    def test_two_categories_are_one_apart(self):
        df = pd.DataFrame({"x": ["a", "b", None]})
        a, b, missing = embed(prepare(df, df, df, None)).real
        assert np.linalg.norm(a - b) == pytest.approx(1)
        assert 0 < np.linalg.norm(a - missing) < 1

    def test_numbers_are_scaled_and_outliers_cut(self):
        df = pd.DataFrame({"x": np.r_[np.arange(1001.0), 1e9, np.nan]})
        points = embed(prepare(df, df, df, None)).real
        assert points[:, 0].min() >= -1
        assert points[:, 0].max() == 2
        assert points[-1].tolist() == [pytest.approx(0.5, abs=0.01), 1]

    def test_a_column_of_nothing(self):
        df = pd.DataFrame({"x": [np.nan] * 3})
        assert embed(prepare(df, df, df, None)).real.shape == (3, 1)


class TestDistances:
    def test_shares_by_hand(self):
        found = distance_shares(np.array([0.0, 0.0, 1.0, 4.0]), np.array([1.0, 1.0, 4.0, 4.0]))
        assert len(found.edges) == len(found.training) + 1 == len(found.holdout) + 1
        assert (found.edges[0], found.edges[-1]) == (0, 4)
        assert (found.training[0], found.training[-1]) == (0.5, 0.25)
        assert (found.holdout[0], found.holdout[-1]) == (0, 0.5)
        assert sum(found.training) == sum(found.holdout) == 1

    def test_rows_that_are_all_copies(self):
        found = distance_shares(np.zeros(5), np.zeros(5))
        assert found.training[0] == 1
        assert (np.diff(found.edges) > 0).all()

    def test_copies_lie_to_the_left(self, make):
        real = make(300, 0)
        found = evaluate(real, make(300, 1), real).pictures.distances
        assert found.training[0] == 1
        assert found.holdout[0] < 0.3


def _checked(real, holdout, synthetic):
    """Return the group's metrics by name."""
    metrics = copy_findings(prepare(real, holdout, synthetic, None), RandomStreams(0)).metrics
    return {metric.name: metric for metric in metrics}


class TestNearCopies:
    def test_copies_that_were_blurred(self, make):
        """No cell of a number is equal any more, and yet the rows are those of the training table."""
        real, rng = make(500, 0), np.random.default_rng(0)
        blurred = real.assign(
            age=real["age"] + rng.normal(0, 0.01, 500), income=real["income"] + rng.normal(0, 0.1, 500)
        )
        found = _checked(real, make(500, 1), blurred)
        assert found["exact_copies"].value < 0.01
        assert found["near_copies"].value > 0.9
        assert found["near_copies"].reference < 0.05

    @pytest.mark.family
    def test_fresh_rows(self, make):
        for seed in range(5):
            found = _checked(*(make(500, 10 + 3 * seed + i) for i in range(3)))["near_copies"]
            assert found.interval.low <= found.reference + 0.01
            assert found.value < 0.05

    def test_rows_that_coincide_by_chance(self):
        def table(seed: int) -> pd.DataFrame:
            cells = np.random.default_rng(seed).integers(0, 2, (300, 3)).astype(str)
            return pd.DataFrame(cells, columns=list("abc"))

        found = _checked(table(0), table(1), table(2))["near_copies"]
        assert (found.value, found.reference) == (1, 1)

    def test_few_rows(self, make):
        found = _checked(make(50, 0), make(39, 1), make(50, 2))["near_copies"]
        assert found.reason == "a table has fewer than 20 rows, or the holdout fewer than 200"


class TestMetrics:
    def test_half_of_the_rows_are_copies(self, make):
        real, holdout = make(400, 0), make(400, 1)
        synthetic = pd.concat([real.head(200), make(200, 2)])
        found = evaluate(real, holdout, synthetic)
        assert found["exact_copies"].value == pytest.approx(0.5, abs=0.01)
        assert found["dcr_share"].value == pytest.approx(0.75, abs=0.05)
        assert found["exact_copies"].interval.low < 0.5 < found["exact_copies"].interval.high

    def test_copies_of_the_holdout_are_on_the_other_side(self, make):
        holdout = make(200, 1)
        assert evaluate(make(200, 0), holdout, holdout)["dcr_share"].value < 0.02

    def test_a_new_identifier_hides_no_copy(self, make):
        real, holdout = make(100, 0).assign(id=range(100)), make(100, 1).assign(id=range(100))
        found = evaluate(
            real, holdout, real.assign(id=range(500, 600)), schema=Schema(columns=[Identifier(name="id")])
        )
        assert found["exact_copies"].value == 1

    def test_up_to_the_schemas_precision(self, make):
        schema = Schema(columns=[Numeric(name="height", decimals=1)])
        real = make(100, 0)
        copy = real.assign(height=real["height"] + 1e-9)
        assert evaluate(real, make(100, 1), copy, schema=schema)["exact_copies"].value == 1

    def test_other_dtypes_hide_no_copy(self, make):
        real = make(100, 0)
        copy = real.assign(age=real["age"].astype("float64"), town=real["town"].astype("category"))
        assert evaluate(real, make(100, 1), copy)["exact_copies"].value == 1

    def test_missing_is_a_value_and_zero_has_no_sign(self):
        real = pd.DataFrame({"x": [np.nan, 0.0, 1.5], "y": ["a", None, "b"]})
        synthetic = pd.DataFrame({"x": [np.nan, -0.0, np.nan], "y": ["a", None, None]})
        found = evaluate(real, real, synthetic)["exact_copies"]
        assert (found.value, found.reference) == (pytest.approx(2 / 3), 1)

    def test_no_promise_of_privacy(self, make):
        """Pitfall 30."""
        for metric in evaluate(make(50, 0), make(50, 1), make(50, 2)).group("copies"):
            assert "not a measure of privacy" in metric.meaning
            assert metric.direction == "none"
