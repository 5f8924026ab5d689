"""Associations of columns and their errors, against scipy and by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kruskal, rankdata, spearmanr

from tabgan.evaluation import association, evaluate
from tabgan.evaluation.association import associations, cramers_v

#: The steps of an evaluation that are tested here.
STEPS = ("association_findings",)

CATEGORIES = ("a", "b", "c")


class TestAssociations:
    def test_two_numbers_are_scipys_spearman(self):
        rng = np.random.default_rng(0)
        x = rng.normal(size=200)
        values = np.stack([x, np.exp(x) + rng.normal(size=200), -x], axis=1).round(1)
        found = associations(values, [None] * 3)
        assert found[0, 1] == pytest.approx(spearmanr(values[:, 0], values[:, 1]).statistic)
        assert found[0, 2] == pytest.approx(-1)
        assert (np.diag(found) == 1).all()
        assert found == pytest.approx(found.T)

    def test_pairs_with_a_missing_value_are_left_out(self):
        rng = np.random.default_rng(1)
        x = rng.normal(size=400)
        values = np.stack([x, 2 * x], axis=1)
        values[rng.random(400) < 0.3, 0] = np.nan
        values[rng.random(400) < 0.3, 1] = np.nan
        assert associations(values, [None, None])[0, 1] > 0.99

    def test_number_and_category_are_kruskals_h(self):
        """H = (n - 1) times the squared correlation ratio of ranks."""
        rng = np.random.default_rng(2)
        group = rng.integers(0, 3, 300)
        x = (rng.normal(size=300) + group).round(1)
        eta = associations(np.stack([x, group.astype(float)], axis=1), [None, CATEGORIES])[0, 1]
        expected = kruskal(*(x[group == g] for g in range(3))).statistic
        assert 299 * eta**2 == pytest.approx(expected)

    def test_number_and_category_by_hand(self):
        """Ranks 1, 2 | 3, 4: of the variance 1.25, 1 is between the two groups."""
        values = np.array([[10.0, 0], [20.0, 0], [30.0, 1], [99.0, 1]])
        assert rankdata(values[:, 0]).tolist() == [1, 2, 3, 4]
        assert associations(values, [None, CATEGORIES])[0, 1] == pytest.approx(np.sqrt(0.8))

    def test_two_categories_by_hand(self):
        """phi2 = 0.36 for 80 of 100 on the diagonal; corrected by 1/99 in counter and denominator."""
        found = cramers_v(np.array([[40, 10], [10, 40]]))
        assert found == pytest.approx(np.sqrt((0.36 - 1 / 99) / (1 - 1 / 99)))

    def test_independent_categories_are_not_overrated(self):
        """The plain V of these tables is 0.22 on average."""
        rng = np.random.default_rng(3)
        values = rng.integers(0, 6, (20, 100, 2)).astype(float)
        found = [associations(each, [tuple("abcdef")] * 2)[0, 1] for each in values]
        assert np.mean(found) < 0.07

    def test_constant_and_empty_columns_are_not_defined(self):
        rng = np.random.default_rng(4)
        values = np.stack(
            [rng.normal(size=50), np.ones(50), np.full(50, np.nan), rng.integers(0, 2, 50), np.zeros(50)],
            axis=1,
        )
        found = associations(values, [None, None, None, CATEGORIES, CATEGORIES])
        is_defined = ~np.isnan(found)
        assert is_defined[np.ix_([0, 3], [0, 3])].all()
        assert is_defined.sum() == 4

    def test_categories_beyond_the_most_frequent_are_one(self, monkeypatch):
        monkeypatch.setattr(association, "_MAX_CATEGORIES", 1)
        codes = np.array([0.0, 1, 2, 0, 1, 2])
        assert associations(np.stack([codes, codes > 0], axis=1).astype(float), [CATEGORIES] * 2)[0, 1] == 1


class TestMetric:
    def test_a_copy_is_not_off(self, make):
        real = make(300, 0)
        assert evaluate(real, make(300, 1), real)["correlations"].value == 0

    def test_shuffled_columns_are_off_by_all_there_is(self, make, shuffled):
        real, holdout = make(1000, 0), make(1000, 1)
        found = evaluate(real, holdout, shuffled(real))["correlations"]
        assert found.value > found.reference + 0.2
        assert found.reference < 0.05

    @pytest.mark.family
    def test_a_constant_column_goes_with_none(self, make):
        real, holdout, synthetic = (make(500, i) for i in range(3))
        found = evaluate(real, holdout, synthetic.assign(income=5.0))
        whole = evaluate(real, holdout, synthetic)
        assert found["correlations"].value > whole["correlations"].value + 0.1

    def test_reasons(self):
        one = pd.DataFrame({"x": np.arange(30.0)})
        assert "fewer than 2 columns" in evaluate(one, one, one)["correlations"].reason
        constant = one.assign(y=1)
        assert "no two columns vary" in evaluate(constant, constant, constant)["correlations"].reason


class TestPicture:
    def test_columns_in_order_and_plain(self, make):
        picture = evaluate(make(300, 0), make(300, 1), make(300, 2)).pictures.correlations
        assert picture.names == ("age", "income", "town", "bought", "height")
        assert picture.real[0][0] == 1
        assert picture.real[0][1] == pytest.approx(picture.synthetic[0][1], abs=0.1)
        assert abs(picture.real[0][4]) < 0.2

    def test_only_the_strongest_are_shown(self, monkeypatch, make):
        monkeypatch.setattr(association, "MAX_SHOWN", 2)
        assert evaluate(make(300, 0), make(300, 1), make(300, 2)).pictures.correlations.names == (
            "age",
            "income",
        )

    def test_a_constant_column_is_none(self, make):
        tables = [make(300, i).assign(height=1.7) for i in range(3)]
        picture = evaluate(*tables).pictures.correlations
        assert picture.real[0][4] is None

    def test_of_very_many_columns_some_are_drawn(self, monkeypatch, make):
        monkeypatch.setattr(association, "MAX_COLUMNS", 3)
        found = evaluate(make(100, 0), make(100, 1), make(100, 2))
        assert len(found.pictures.correlations.names) == 3
        assert found["correlations"].is_computed
