"""Text by template: forms stay, characters are made up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tabgan import Text
from tabgan.columns.filling import Filling
from tabgan.columns.patterns import pattern_of
from tabgan.columns.plaintext import template_of
from tabgan.errors import DataError, SchemaError

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("N-0815 Xy", "[A-Z]-[0-9]{4} [A-Z][a-z]"),
        ("01089", "[0-9]{5}"),
        ("+49 (0)30/1.5", r"\+[0-9]{2} \([0-9]\)[0-9]{2}/[0-9]\.[0-9]"),
        ("Ünïß", "[A-Z][a-z]{3}"),
        ("٣½", "[0-9]{2}"),
        ("名前", "[a-z]{2}"),
        ("प्रिया", "[a-z]{6}"),
        ("e\u0301Éc", "[a-z]{2}[A-Z][a-z]"),
        ("Ⓐⓑ", "[A-Z][a-z]"),
        ("a\tb\0", "[a-z] [a-z] "),
        ("--", "--"),
        ("", ""),
        ("x" * 3_000, "[a-z ]{101}"),
    ],
)
def test_template(text, template):
    assert template_of(text) == template


@pytest.mark.family
@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=130))
@example("[a-z]{3}\\")
def test_strings_of_a_template_have_it_and_nothing_of_the_text_but_its_signs(text):
    template = template_of(text)
    for made in pattern_of(template).draw(3, RNG):
        assert template_of(made) == template
    assert not [sign for sign in "ÄéQz7" if sign in text and sign in template.replace("[a-z", "")]


class TestTheEncoder:
    COLUMN = Text(name="a", templates=("[A-Z]{2}-[0-9]{3}", "[0-9]{5}"))

    @pytest.mark.parametrize("dtype", ["object", "string"])
    def test_cells_come_back_as_others_of_their_template(self, dtype):
        encoder = self.COLUMN.with_(dtype=dtype).encoder()
        series = pd.Series(["AB-123", "01234", "elsewhere", None], dtype=dtype)
        cells = encoder.transform(series)
        assert cells.tolist() == [1, 2, 3, 0]
        drawn = encoder.inverse_transform(cells, np.random.default_rng(0))
        assert str(drawn.dtype) == dtype
        assert [template_of(text) for text in drawn[:2]] == list(self.COLUMN.templates)
        assert drawn[2:].isna().all()
        assert set(drawn[:2]).isdisjoint(series.dropna())
        assert encoder.contains(pd.Series(["ZZ-000"]))
        assert not encoder.contains(pd.Series(["ZZ 000"]))

    def test_a_condition_is_kept_as_it_is(self):
        assert self.COLUMN.encoder().repeat("QX-777", 2).tolist() == ["QX-777"] * 2
        assert self.COLUMN.encoder().repeat(None, 2).isna().all()

    def test_of_a_pattern_only_the_missing_cells_are_told_apart(self):
        column = Text(name="a", pattern="[0-9]{2}", nullable=True)
        assert column.is_modelled
        encoder = column.encoder()
        assert encoder.transform(pd.Series(["anything", "12", None])).tolist() == [1, 1, 0]
        drawn = encoder.inverse_transform(np.array([1, 0]), np.random.default_rng(0))
        assert pattern_of("[0-9]{2}").matches(drawn[0])
        assert drawn[1] is None

    def test_dtypes(self):
        self.COLUMN.with_(dtype="string").check_output()
        for dtype in ("int64", "category"):
            with pytest.raises(
                SchemaError, match="Column 'a': dtype .* cannot hold what is declared as text"
            ):
                self.COLUMN.with_(dtype=dtype).check_output()


class TestGenerated:
    def test_by_a_pattern_nothing_is_released(self):
        column = Text(name="a", pattern="N[0-9]{5}[A-Z]")
        assert not column.is_modelled
        assert column.is_complete
        cells = column.fill(pd.DataFrame(index=range(500)), Filling(1))
        assert all(map(pattern_of(column.pattern).matches, cells))
        assert column.is_generated(pd.Series(["N12345X", "N12345x", None])).tolist() == [True, False, False]

    def test_with_a_public_share_of_missing_cells(self):
        column = Text(name="a", placeholder="(removed)", missing=0.25)
        cells = column.fill(pd.DataFrame(index=range(4_000)), Filling(1))
        assert set(cells.dropna()) == {"(removed)"}
        assert abs(cells.isna().mean() - 0.25) < 0.03
        assert column.is_generated(cells).all()

    @pytest.mark.parametrize("sizes", [[100], [40, 0, 60]])
    def test_unique_over_all_tables_of_a_sample(self, sizes):
        column, filling = Text(name="a", pattern="[0-9]{2}", unique=True), Filling(1)
        made = []
        for n in sizes:
            made += column.fill(pd.DataFrame(index=range(n)), filling).tolist()
            filling.first_row += n
        assert sorted(made) == [f"{i:02d}" for i in range(100)]
        with pytest.raises(DataError, match="Column 'a': its pattern has 100 different strings"):
            column.fill(pd.DataFrame(index=range(1)), filling)
        column.check_room(100)
        with pytest.raises(DataError, match="Column 'a': its pattern has 100 different strings"):
            column.check_room(101)

    def test_unique_of_a_modelled_column_keeps_templates_and_missing_cells(self):
        column = Text(name="a", templates=("[A-Z][0-9]", "[0-9]{2}"), unique=True)
        table = pd.DataFrame({"a": ["A1", "A1", None, "77", "77"]})
        made = column.fill(table, Filling(1))
        assert made.dropna().is_unique
        assert column.cells(made) == column.cells(table["a"])

    def test_the_seed_decides(self):
        column, table = Text(name="a", pattern="[a-z]{9}", unique=True), pd.DataFrame(index=range(9))
        first, second, other = (column.fill(table, Filling(seed)).tolist() for seed in (1, 1, 2))
        assert first == second != other


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"pattern": "a*"}, "pattern: .* is unbounded"),
        ({"pattern": ""}, "pattern: expected a pattern with a character"),
        ({"templates": ("[",)}, r"pattern: expected a '\]'"),
        ({"pattern": "a", "placeholder": "b"}, "placeholder: pattern says the same"),
        ({"placeholder": "a\n"}, "placeholder: expected printable text"),
        ({"placeholder": "a", "unique": True}, "unique: a placeholder is the same in all cells"),
        ({"missing": 0.5}, "missing: needs a pattern or a placeholder"),
        ({"missing": 0.5, "pattern": "a", "nullable": True}, "missing: needs a pattern or a placeholder"),
        ({"missing": 1.0, "pattern": "a"}, "missing: expected less than 1"),
        ({"patern": "a"}, "patern: unknown key. Did you mean 'pattern'"),
    ],
)
def test_declarations_that_are_refused(spec, said):
    with pytest.raises(SchemaError, match=f"Column 'a': {said}"):
        Text(name="a", **spec)


@pytest.mark.parametrize("template", ["[A-Z]{2}-[0-9]{3,4}", "N[0-9]{5}", "(a|b)"])
def test_a_template_that_no_cell_has_is_refused_with_the_reason(template):
    with pytest.raises(SchemaError, match="templates: .* stands for cells of other templates, such as"):
        Text(name="plate", dtype="object", templates=("[0-9]{5}", template)).check_output()
