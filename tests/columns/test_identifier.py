"""A column of generated keys: it holds nothing of the table."""

import numpy as np
import pandas as pd
import pytest

from tabgan import Identifier, Schema
from tabgan.columns.filling import Filling
from tabgan.columns.patterns import pattern_of
from tabgan.errors import DataError, SchemaError


def test_says_nothing_of_the_table():
    column = Identifier(name="a", pattern="P{:03d}")
    assert column.describe() == "generated"
    assert column.domain().keys is None
    assert column.undeclared() == column
    assert column.trials() == []


@pytest.mark.parametrize("pattern", ["P", "{}{}", "{:{}d}", "{:999d}", "x" * 101 + "{}", "{a}"])
def test_a_pattern_has_one_short_field(pattern):
    with pytest.raises(SchemaError, match="pattern: expected one field for the running number"):
        Identifier(name="a", pattern=pattern)


def filled(column, sizes, seed=1):
    """Return the keys of tables of these sizes, which are filled one after the other."""
    filling, made = Filling(seed), []
    for n in sizes:
        made.append(column.fill(pd.DataFrame(index=range(n)), filling))
        filling.first_row += n
    return pd.concat(made, ignore_index=True)


class TestPatternsOfText:
    COLUMN = Identifier(name="a", pattern="[A-C][0-9]{2}", dtype="string")

    @pytest.mark.parametrize("sizes", [[300], [1, 199, 0, 100]])
    def test_every_string_once_over_all_tables(self, sizes):
        keys = filled(self.COLUMN, sizes)
        assert keys.is_unique
        assert all(map(pattern_of(self.COLUMN.pattern).matches, keys))
        assert str(keys.dtype) == "string"
        assert keys.tolist() != sorted(keys)
        assert filled(self.COLUMN, [300], seed=2).tolist() != keys.tolist()

    def test_more_rows_than_strings(self):
        self.COLUMN.check_room(300)
        with pytest.raises(
            DataError, match="Column 'a': its pattern has 300 different strings, and the sample"
        ):
            self.COLUMN.check_room(301)
        with pytest.raises(
            SchemaError, match="Column 'a': pattern: it has 300 different strings, and n_rows is 301"
        ):
            Schema([self.COLUMN], n_rows=301)
        Schema([self.COLUMN], n_rows=300)

    def test_dtypes(self):
        self.COLUMN.check_output()
        with pytest.raises(SchemaError, match="Column 'a': dtype int64 cannot hold"):
            self.COLUMN.with_(dtype="int64").check_output()

    @pytest.mark.parametrize(
        ("spec", "said"),
        [
            ({"pattern": "[A-Z]*"}, "pattern: expected one field .* is unbounded"),
            ({"pattern": "K"}, "pattern: expected one field .* with several strings"),
            ({"pattern": "[A-Z]{3}", "start": 5}, "start: needs a pattern with a field"),
        ],
    )
    def test_others_are_refused(self, spec, said):
        with pytest.raises(SchemaError, match=f"Column 'a': {said}"):
            Identifier(name="a", **spec)


def ks_distance(column: Identifier, rows: np.ndarray) -> float:
    """Return the Kolmogorov distance of the rows of a sample's keys from those of real ones."""
    most = max(len(column.recurrence), rows.max())
    shares = np.zeros(most)
    shares[: len(column.recurrence)] = column.recurrence
    return float(
        np.abs(shares.cumsum() - (np.bincount(rows, minlength=most + 1)[1:] / len(rows)).cumsum()).max()
    )


class TestRecurrence:
    @pytest.mark.parametrize("sizes", [[5], [1, 1, 3]])
    def test_keys_with_rows_in_common_keep_the_dtype(self, sizes):
        """pandas 3 makes its own text of objects that it repeats."""
        column = Identifier(name="a", dtype="object", pattern="P{:03d}", recurrence=(0.0, 1.0))
        filling = Filling()
        parts = [column.fill(pd.DataFrame(index=range(size)), filling) for size in sizes]
        assert {part.dtype for part in parts} == {np.dtype(object)}
        assert pd.concat(parts).tolist() == ["P001", "P001", "P002", "P002", "P003"]
        assert column.comes_back()

    @pytest.mark.parametrize("pattern", ["P{:04d}", "[A-Z]{4}"])
    @pytest.mark.parametrize("sizes", [[9_000], [1, 2, 3, 0, 1_000, 7_994]])
    def test_rows_of_a_key_follow_the_declared_shares(self, pattern, sizes):
        column = Identifier(name="a", pattern=pattern, recurrence=(0.5, 0.0, 0.5))
        keys = filled(column, sizes)
        assert len(keys) == 9_000
        shares = keys.value_counts().value_counts(normalize=True)
        assert set(shares.index) <= {1, 2, 3}  # 2 is the last one, if it was cut off
        assert abs(shares[1] - 0.5) < 0.03
        assert not column.has_unique_values

    def test_keys_run_out(self):
        column = Identifier(name="a", pattern="[0-9]", recurrence=(0.0, 1.0))
        assert filled(column, [20]).nunique() == 10
        with pytest.raises(DataError, match="Column 'a': its pattern has 10 different strings"):
            filled(column, [21])

    def test_numbers_of_keys_are_counted_in_stretches_and_capped(self):
        column = Identifier(name="a", recurrence=True)
        assert not column.is_complete
        rows = np.array([1, 1, 2, 5, 6, 7, 99, 5_000])
        assert column.recurrence_cells(None) == 23
        counts = column.recurrence_counts(rows, 23)
        assert counts.tolist() == [2, 1, 0, 0, 1, 2, *[0] * 8, 1, *[0] * 7, 1]
        assert column.recurrence_cells(3) == 3
        assert column.recurrence_counts(np.array([1, 3, 3]), 3).tolist() == [1, 0, 2]

    def test_noisy_numbers_become_shares(self):
        column = Identifier(name="a", recurrence=True)
        assert column.with_recurrence(np.array([60.0, 45.0, -5.0]), 3, 150.0).recurrence == (
            0.571428571,
            0.428571429,
        )
        assert column.with_recurrence(np.array([-3.0]), 1, 1.0).recurrence == (1.0,)
        long = column.with_recurrence(np.r_[np.zeros(22), 5.0], None, 10_000.0)
        assert len(long.recurrence) == 1_000
        assert sum(long.recurrence) == pytest.approx(1)
        assert long.is_complete
        Identifier(**long.model_dump())

    def test_keys_have_no_more_rows_than_the_table(self):
        """By hand: (80, 0, 30) keys have 170 rows; the nearest that have 100 are (73, 0, 9), each row taking 7."""
        column = Identifier(name="a", recurrence=True)
        found = column.with_recurrence(np.array([80.0, 0.0, 30.0]), 3, 100.0)
        np.testing.assert_allclose(found.recurrence, (73 / 82, 0.0, 9 / 82), atol=1e-8)
        free = column.with_recurrence(np.array([80.0, 0.0, 30.0]), 3, 170.0)
        np.testing.assert_allclose(free.recurrence, (80 / 110, 0.0, 30 / 110), atol=1e-8)
        few = column.with_recurrence(np.array([0.0, 0.0, 30.0]), 3, 1.0)
        np.testing.assert_allclose(few.recurrence, (0.0, 0.0, 1.0), atol=1e-8)

    def test_noise_moves_the_rows_of_few_keys_less(self):
        """Of 312 keys of up to 16 rows, as those of a study; noise as at epsilon 1. Without the cap it is .27."""
        rng, column = np.random.default_rng(0), Identifier(name="a", recurrence=True)
        keys = np.repeat(np.arange(1, 17), [27, 26, 32, 44, 30, 23, 19, 23, 17, 23, 16, 12, 6, 5, 6, 3])
        n_cells = column.recurrence_cells(None)
        counts = column.recurrence_counts(keys, n_cells)
        off = []
        for _ in range(200):
            noisy = column.with_recurrence(counts + rng.normal(0, 34.7, n_cells), None, 1_945.0)
            off.append(ks_distance(noisy, keys))
        assert np.median(off) < 0.2

    def test_keys_of_hundreds_of_rows_keep_them(self):
        """Planes have up to 575 flights each; a hundred at most would be off by .3."""
        rng, column = np.random.default_rng(0), Identifier(name="a", recurrence=True)
        keys = 1 + rng.gamma(1.2, 70.0, 4_000).astype(int)
        n_cells = column.recurrence_cells(None)
        counts = column.recurrence_counts(keys, n_cells) + rng.normal(0, 20.0, n_cells)
        assert ks_distance(column.with_recurrence(counts, None, keys.sum()), keys) < 0.05

    @pytest.mark.parametrize("shares", [[], [0, 0], [-1], ["x"], "perhaps"])
    def test_others_are_refused(self, shares):
        with pytest.raises(SchemaError, match="Column 'a': recurrence"):
            Identifier(name="a", recurrence=shares)
