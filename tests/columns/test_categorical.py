"""Categories that were not released, and the forms that they have in a sample."""

import numpy as np
import pytest

from tabgan.columns.categorical import OTHER_LABEL
from tabgan.errors import SchemaError
from tabgan.schema import Boolean, Categorical, Numeric


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
