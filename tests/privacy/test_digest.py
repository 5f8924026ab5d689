"""A digest tells one table from another, and tells nobody without its key anything."""

import hashlib
import secrets

import numpy as np
import pandas as pd
import pytest

from tabgan.errors import DataError
from tabgan.privacy.digest import table_digest

KEY = bytes(range(32))


def table(**changed):
    columns = {
        "age": [31, 47, 64],
        "income": [1.5, np.nan, 3.0],
        "town": ["Ulm", None, "Kiel"],
        "since": pd.to_datetime(["2020-01-01", "2021-05-05", None]),
        "member": pd.array([True, None, False], dtype="boolean"),
        "size": pd.Categorical(["S", "L", "S"]),
    }
    return pd.DataFrame(columns | changed)


def test_one_table_one_digest():
    assert table_digest(table(), KEY) == table_digest(table(), KEY)
    assert table_digest(table().set_index(pd.Index([7, 8, 9])), KEY) == table_digest(table(), KEY)


@pytest.mark.parametrize(
    "changed",
    [
        table(age=[31, 47, 65]),
        table(age=[31, 64, 47]),
        table(age=[31.0, 47.0, 64.0]),
        table(age=np.array([31, 47, 64], dtype=np.int32)),
        table(income=[1.5, 0.0, 3.0]),
        table(town=["Ulm", "None", "Kiel"]),
        table(town=["Ulm", None, "kiel"]),
        table(since=pd.to_datetime(["2020-01-01", "2021-05-05", "2021-05-05"])),
        table(member=pd.array([True, None, True], dtype="boolean")),
        table(size=pd.Categorical(["S", "S", "S"])),
        table(size=["S", "L", "S"]),
        table().iloc[:2],
        table().iloc[::-1],
        table().rename(columns={"age": "Age"}),
        table()[["income", "age", "town", "since", "member", "size"]],
        table().drop(columns="size"),
        table().assign(more=1),
        pd.DataFrame(),
    ],
)
def test_any_other_table_has_another(changed):
    assert table_digest(changed, KEY) != table_digest(table(), KEY)


def test_a_column_that_is_there_twice_counts_twice():
    twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
    assert table_digest(twice, KEY) != table_digest(pd.DataFrame([[1, 3]], columns=["a", "a"]), KEY)


def test_another_key_another_digest_and_none_is_a_plain_hash():
    """Pitfall 28."""
    keyed = [table_digest(table(), secrets.token_bytes(32)) for _ in range(5)]
    assert len(set(keyed)) == 5
    hashes = pd.util.hash_pandas_object(table(), index=False).to_numpy().tobytes()
    for data in (hashes, table().to_csv(index=False).encode(), table().to_csv().encode()):
        assert hashlib.sha256(data).hexdigest() not in keyed


@pytest.mark.parametrize("df", [None, "table.csv", [1, 2], {"age": [1]}, np.zeros((2, 2)), pd.Series([1])])
def test_what_is_no_table_has_no_digest(df):
    with pytest.raises(DataError, match="expected a pandas DataFrame"):
        table_digest(df, KEY)


class Unhashable:
    __hash__ = None

    def __str__(self):
        raise TypeError("a secret")


def test_values_that_cannot_be_hashed_are_not_shown():
    with pytest.raises(DataError, match="Column 'odd': expected text, numbers") as caught:
        table_digest(pd.DataFrame({"odd": [Unhashable(), Unhashable()]}), KEY)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
