"""A column of generated keys: it holds nothing of the table."""

import pytest

from tabgan import Identifier
from tabgan.errors import SchemaError


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
