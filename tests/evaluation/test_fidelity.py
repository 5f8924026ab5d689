from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabgan._util.rng import RandomStreams
from tabgan.evaluation import evaluate, fidelity
from tabgan.evaluation.fidelity import equal_cells, to_cells, total_variation
from tabgan.evaluation.tables import prepare

#: The steps of an evaluation that are tested here.
STEPS = ("quality_metrics", "tvd_metrics", "rare_metrics", "duplicates")


def _sizes_and_cells(real, other=None):
    real = pd.DataFrame({"x": real})
    other = real if other is None else pd.DataFrame({"x": other})
    cells, sizes = to_cells(prepare(real, real, other, None))
    return sizes[0], cells.real[:, 0].tolist(), cells.synthetic[:, 0].tolist()


class TestTotalVariation:
    def test_four_rows_by_hand(self):
        real = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
        other = np.array([[0, 0], [0, 0], [1, 1], [1, 1]])
        assert total_variation(real[:, :1], [other[:, :1]], [2]) == [0.0]
        assert total_variation(real[:, 1:], [other[:, 1:]], [2]) == [0.0]
        # Shares 1/4 each against 1/2, 0, 0, 1/2: half of four quarters.
        assert total_variation(real, [other], [2, 2]) == [0.5]

    def test_tables_of_unequal_length(self):
        assert total_variation(np.array([[0], [1]]), [np.array([[0]]), np.array([[2]])], [3]) == [0.5, 1.0]

    def test_large_joint_tables_are_counted_alike(self, monkeypatch):
        rng = np.random.default_rng(0)
        first, other = rng.integers(0, 9, (2, 300, 3))
        dense = total_variation(first, [other, first], [9, 9, 9])
        monkeypatch.setattr(fidelity, "_DENSE_CELLS", 0)
        assert total_variation(first, [other, first], [9, 9, 9]) == pytest.approx(dense)
        assert dense[1] == 0

    @given(
        st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=20), st.integers(0, 99)
    )
    def test_a_distance(self, rows, seed):
        first = np.array(rows)
        other = np.random.default_rng(seed).integers(0, 3, first.shape)
        (forth,), (back,) = total_variation(first, [other], [3, 4]), total_variation(other, [first], [3, 4])
        (single,) = total_variation(first[:, :1], [other[:, :1]], [3])
        assert forth == pytest.approx(back)
        assert -1e-12 <= single <= forth + 1e-12 <= 1 + 1e-9  # a margin is never further away


class TestCells:
    def test_few_numbers_have_one_each(self):
        assert _sizes_and_cells([1.0, 5.0, 5.0, np.nan]) == (3, [1, 2, 2, 0], [1, 2, 2, 0])

    def test_many_numbers_are_cut_into_equal_parts(self):
        size, cells, _ = _sizes_and_cells(np.random.default_rng(0).permutation(1000) / 7)
        assert size == 21
        assert np.bincount(cells).tolist()[1:] == pytest.approx([50] * 20, abs=1)

    def test_a_spike_has_a_cell_of_its_own(self):
        """Nearly all of a column may be zero: its quantiles alone would put all into one cell."""
        size, cells, _ = _sizes_and_cells(np.r_[np.zeros(970), np.random.default_rng(0).normal(9, 1, 30)])
        assert len(set(cells[:970])) == 1
        assert not set(cells[:970]) & set(cells[970:])
        assert max(cells) < size

    def test_numbers_that_the_real_rows_lack(self):
        numbers = np.arange(100) / 3
        size, _, other = _sizes_and_cells(numbers, [-99.0, 99.0, np.nan])
        assert other == [1, size - 1, 0]

    def test_other_categories_share_one(self):
        assert _sizes_and_cells(["a", "a", "b", None], ["b", "z", "y", None]) == (
            4,
            [1, 1, 2, 0],
            [2, 3, 3, 0],
        )

    def test_rare_categories_share_one(self, monkeypatch):
        monkeypatch.setattr(fidelity, "_MAX_CATEGORIES", 2)
        assert _sizes_and_cells(["a", "a", "a", "b", "b", "c"])[1] == [1, 1, 1, 2, 2, 3]

    def test_value_and_reference_have_equally_many_rows(self, make):
        cells = equal_cells(prepare(make(90, 0), make(20, 1), make(70, 2), None), RandomStreams(0))
        assert [len(codes) for codes in cells.codes] == [90, 20, 20]


class TestTuples:
    @pytest.mark.family
    def test_a_seeded_subset_of_very_many(self, monkeypatch, make):
        monkeypatch.setattr(fidelity, "MAX_TRIPLES", 4)
        chosen = fidelity.column_tuples(5, 3, 4, np.random.default_rng(0))
        assert len(set(chosen)) == 4
        assert chosen == fidelity.column_tuples(5, 3, 4, np.random.default_rng(0))
        assert evaluate(make(50, 0), make(50, 1), make(50, 2))["tvd3"].is_computed


def test_sdmetrics_is_given_some_of_very_many_columns(monkeypatch, make):
    pytest.importorskip("sdmetrics")
    monkeypatch.setattr(fidelity, "MAX_QUALITY_COLUMNS", 3)
    found = evaluate(make(90, 0), make(90, 1), make(90, 2))
    assert found["shapes"].is_computed
    assert len(found.columns) == 5


class TestRareCategories:
    def _tables(self, n_rare: int) -> list[pd.DataFrame]:
        """Three tables of 2,000 rows, with ten categories of ``n_rare`` rows each."""
        rare = np.repeat([f"r{i}" for i in range(10)], n_rare)
        town = np.concatenate([rare, np.full(2000 - len(rare), "usual")])
        return [pd.DataFrame({"town": town, "x": np.arange(2000) % 7}) for _ in range(3)]

    def test_share_of_those_that_are_kept(self):
        real, holdout, synthetic = self._tables(15)
        synthetic = synthetic.replace({"town": {f"r{i}": "usual" for i in range(4)}})
        found = evaluate(real, holdout, synthetic)["rare_categories"]
        assert (found.value, found.reference) == (0.6, 1.0)

    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize(("n_rare", "is_computed"), [(4, False), (5, True), (20, True), (21, False)])
    def test_what_is_rare_and_yet_to_be_expected(self, n_rare, is_computed):
        found = evaluate(*self._tables(n_rare))["rare_categories"]
        assert found.is_computed == is_computed
        assert is_computed or "no category is held by at most 1% of the rows" in found.reason

    def test_a_smaller_table_is_expected_to_hold_fewer(self):
        real, holdout, synthetic = self._tables(15)
        assert not evaluate(real, holdout, synthetic.tail(500))["rare_categories"].is_computed

    def test_without_categories(self):
        table = pd.DataFrame({"x": np.arange(50) / 7})
        assert evaluate(table, table, table)["rare_categories"].reason


class TestDuplicates:
    @pytest.mark.family
    def test_a_table_without_variety(self, make):
        real, holdout, synthetic = make(200, 0), make(200, 1), make(20, 2)
        found = evaluate(real, holdout, pd.concat([synthetic] * 10))["duplicates"]
        assert found.value == 1
        assert found.reference < 0.05


def test_sdmetrics_own_scores(make):
    """The table that is handed over is coded; the scores are those of the table itself."""
    reports = pytest.importorskip("sdmetrics.reports")

    real, synthetic = make(300, 0), make(300, 2).assign(age=lambda df: df["age"] // 2)
    kinds = {name: {"sdtype": "categorical"} for name in ("town", "bought")}
    kinds |= {name: {"sdtype": "numerical"} for name in ("age", "income", "height")}
    report = reports.QualityReport()
    metadata = {"tables": {"t": {"columns": {name: kinds[name] for name in real}}}}
    report.generate({"t": real}, {"t": synthetic}, metadata, verbose=False)
    shapes, trends = report.get_properties()["Score"]
    found = evaluate(real, real, synthetic)
    assert (found["shapes"].value, found["trends"].value) == pytest.approx((shapes, trends))
