"""Categories that were not released, and the forms that they have in a sample."""

import numpy as np
import pandas as pd
import pytest

from tabgan.columns.categorical import OTHER_LABEL
from tabgan.errors import SchemaError
from tabgan.schema import Boolean, Categorical, Numeric, Schema


class TestUnreleased:
    """The cell of values that were not released, in a sample."""

    @staticmethod
    def _sample(column, dtype="object"):
        encoder = column.with_(dtype=dtype).encoder().showing_other()
        return encoder.inverse_transform(np.array([1, 2, 3, 0]), np.random.default_rng(0))

    @pytest.mark.parametrize("dtype", ["object", "string", "category"])
    def test_is_a_category_of_its_own(self, dtype):
        values = self._sample(Categorical(name="a", categories=("x", "y")), dtype)
        assert values[:3].tolist() == ["x", "y", OTHER_LABEL]
        assert values[3:].isna().all()
        assert str(values.dtype) == dtype

    def test_has_the_declared_label(self):
        column = Categorical(name="a", categories=(1, 2), unreleased_label=-1)
        assert self._sample(column, "Int64").tolist()[:3] == [1, 2, -1]

    def test_is_missing(self):
        assert (
            self._sample(Categorical(name="a", categories=("x", "y"), unreleased="missing"))[2:].isna().all()
        )

    @pytest.mark.parametrize(
        ("column", "expected"),
        [
            (Categorical(name="a", categories=("x",)), "other"),
            (Categorical(name="a"), "other"),
            (Categorical(name="a", categories=(1, 2)), "redistribute"),  # no label of their type
            (Categorical(name="a", categories=(1, 2), unreleased_label=-1), "other"),
            (Categorical(name="a", categories=(True,), unreleased_label=-1), "redistribute"),
            (
                Categorical(name="a", categories=("x", "y"), ordered=True),
                "redistribute",
            ),  # no place in the order
            (Categorical(name="a", dtype="int64"), "redistribute"),
            (Categorical(name="a", categories=("x",), unreleased="missing"), "missing"),
            (Boolean(name="a"), "redistribute"),
            (Numeric(name="a"), "redistribute"),
        ],
    )
    def test_form(self, column, expected):
        assert column.unreleased_as == expected
        assert (column.other_label is not None) == (expected == "other")

    def test_label_belongs_to_the_domain(self):
        assert OTHER_LABEL in Categorical(name="a", categories=("x",)).domain().keys
        assert OTHER_LABEL not in Categorical(name="a", categories=("x",), unknown="error").domain().keys

    def test_label_that_is_a_category_is_refused(self):
        with pytest.raises(
            SchemaError, match="Column 'a'.*unreleased_label: expected none of the categories"
        ):
            Categorical(name="a", categories=("x", "rest"), unreleased_label="rest")
        Categorical(name="a", categories=("x", "rest"), unreleased_label="rest", unreleased="redistribute")
        Categorical(name="a", categories=("x", "rest"), unreleased_label="rest", unknown="error")
        Categorical(name="a", categories=("x", "rest"), unreleased_label="rest", unreleased="missing")
        Categorical(name="a", categories=("x", "rest"), unreleased_label="rest", ordered=True)

    @pytest.mark.parametrize(
        "column",
        [
            Categorical(name="a", categories=(1, 2), unreleased="other", dtype="int64"),
            Categorical(name="a", categories=(1, 2), unreleased="missing", dtype="int64"),
            Categorical(name="a", categories=("x",), unreleased="missing", nullable=False, dtype="object"),
        ],
    )
    def test_form_that_the_dtype_cannot_hold_is_refused(self, column):
        with pytest.raises(SchemaError, match="Column 'a': unreleased"):
            column.check_output()


class TestTail:
    """Declared values for cells that were not released."""

    PATTERN = Categorical(name="a", categories=("A1", "B2"), unreleased={"pattern": "[AB][0-9]"})
    LIST = Categorical(name="a", categories=("A1", "B2"), unreleased={"list": ["A1", "C3", "D4"]})

    @staticmethod
    def _encoder(column, dtype="object"):
        return column.with_(dtype=dtype).encoder().showing_other()

    @pytest.mark.parametrize(
        ("column", "dtype"), [(PATTERN, "object"), (PATTERN, "string"), (LIST, "string"), (LIST, "category")]
    )
    def test_is_drawn_from_what_is_declared(self, column, dtype):
        encoder = self._encoder(column, dtype)
        cells = np.array([1, 2, 0, *[3] * 200])
        values = encoder.inverse_transform(cells, np.random.default_rng(0))
        assert str(values.dtype) == dtype
        assert values[:2].tolist() == ["A1", "B2"]
        assert values.isna().tolist() == [False, False, True, *[False] * 200]
        tail = set(values[3:])
        assert tail.isdisjoint({"A1", "B2"})  # the head keeps its counts
        assert tail == (
            {"C3", "D4"}
            if column is self.LIST
            else {f"{x}{i}" for x in "AB" for i in range(10)} - {"A1", "B2"}
        )
        assert encoder.contains(values[3:])
        assert not encoder.contains(pd.Series(["Z9"]))
        assert encoder.transform(values).tolist() == cells.tolist()
        last = str(values.iloc[-1])
        assert encoder.repeat(last, 2).tolist() == [last] * 2  # a condition
        assert str(encoder.repeat(last, 2).dtype) == dtype

    def test_domain(self):
        for column, value in ((self.PATTERN, "B7"), (self.LIST, "C3")):
            assert column.unreleased_as == "other"
            assert column.other_label is None
            assert column.domain().holds(value)
            assert not column.domain().holds("Z9")
            assert column.parse(value, "--condition") == value

    def test_a_list_that_was_released_as_a_whole_is_drawn_from_all_the_same(self):
        column = Categorical(name="a", categories=(1, 2), unreleased={"list": [1, 2.0]})
        values = self._encoder(column, "Int64").inverse_transform(np.full(50, 3), np.random.default_rng(0))
        assert set(values) == {1, 2}

    @pytest.mark.parametrize("column", [PATTERN, LIST])
    def test_round_trip(self, column):
        schema = Schema([column])
        assert Schema.from_yaml(schema.to_yaml()) == schema
        assert repr(Schema.from_dict(schema.to_dict())) == repr(schema)
        assert Categorical(**column.model_dump()) == column

    @pytest.mark.parametrize(
        ("unreleased", "said"),
        [
            ("others", "expected other, missing, redistribute, .*got 'others'"),
            ({"lst": [1]}, "expected other, missing, .*got the key 'lst'"),
            ({}, "expected a pattern or a list with values"),
            ({"list": []}, "expected a pattern or a list with values"),
            ({"list": ["a"], "pattern": "a"}, "expected a pattern or a list with values, and one of them"),
            ({"list": [1, 1.0]}, "list: expected each value once"),
            ({"list": [float("nan")]}, "list: expected finite numbers"),
            ({"list": "abc"}, "list: expected a list of text"),
            ({"list": [None]}, "list: expected a list of text"),
            ({"pattern": "a*"}, "pattern: .* is unbounded"),
            ({"pattern": 7}, "pattern: expected text"),
        ],
    )
    def test_others_are_refused(self, unreleased, said):
        with pytest.raises(SchemaError, match=f"Column 'a': unreleased: {said}"):
            Categorical(name="a", unreleased=unreleased)

    @pytest.mark.parametrize(
        ("column", "dtype", "said"),
        [
            (PATTERN, "category", "a pattern has no list of categories"),
            (
                Categorical(name="a", categories=(1, 2), unreleased={"pattern": "[A-Z]"}),
                "object",
                "not of the categories'",
            ),
            (Categorical(name="a", unreleased={"list": ["x"]}), "int64", "dtype int64 cannot hold them"),
        ],
    )
    def test_what_the_dtype_cannot_hold_is_refused(self, column, dtype, said):
        with pytest.raises(SchemaError, match=f"Column 'a': unreleased: .*{said}"):
            column.with_(dtype=dtype).check_output()
