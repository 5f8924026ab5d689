"""A digest tells one table from another, and tells nobody without its key anything."""

import datetime as dt
import hashlib
import hmac
import secrets
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from tabgan.errors import DataError
from tabgan.io import read_table, write_table
from tabgan.privacy.doors import digest
from tabgan.privacy.doors.digest import table_digest

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


def same(values, dtype=None):
    """Return the digest of a column of values."""
    return table_digest(pd.DataFrame({"x": pd.Series(values, dtype=dtype)}), KEY)


def test_one_table_one_digest():
    assert table_digest(table(), KEY) == table_digest(table(), KEY)
    assert table_digest(table().set_index(pd.Index([7, 8, 9])), KEY) == table_digest(table(), KEY)


@pytest.mark.parametrize(
    "other",
    [
        table().iloc[::-1],
        table().iloc[[1, 2, 0]],
        table()[["income", "size", "age", "town", "since", "member"]],
        table(age=np.array([31, 47, 64], dtype=np.int32)),
        table(age=np.array([31, 47, 64], dtype=np.uint8)),
        table(age=[31.0, 47.0, 64.0]),
        table(age=pd.array([31, 47, 64], dtype="Int64")),
        table(age=pd.array([31, 47, 64], dtype="Float32")),
        table(age=pd.array([31, 47, 64], dtype="int16[pyarrow]")),
        table(age=["31", "47.0", "6.4e1"]),
        table(age=pd.Categorical([31, 47, 64])),
        table(age=pd.Series([Decimal("31.00"), np.int8(47), np.float16(64)], dtype=object)),
        table(income=["1.5", None, "3"]),
        table(income=pd.array([1.5, pd.NA, 3], dtype="Float64")),
        table(income=np.array([1.5, np.nan, 3], dtype=np.float32)),
        table(town=["Ulm", np.nan, "Kiel"]),
        table(town=["Ulm", "", "Kiel"]),
        table(town=pd.array(["Ulm", pd.NA, "Kiel"], dtype="string")),
        table(town=pd.array(["Ulm", None, "Kiel"], dtype="string[pyarrow]")),
        table(town=pd.Categorical(["Ulm", None, "Kiel"], categories=["Kiel", "Bonn", "Ulm"])),
        table(since=["2020-01-01", "2021-05-05T00:00:00", pd.NaT]),
        table(since=["2020-01-01 00:00:00.000", "2021-05-05 00:00", None]),
        table(since=[dt.date(2020, 1, 1), dt.datetime(2021, 5, 5), None]),
        table(since=pd.to_datetime(["2020-01-01", "2021-05-05", None]).astype("datetime64[s]")),
        table(since=pd.Series([np.datetime64("2020-01-01"), pd.Timestamp("2021-05-05"), None], dtype=object)),
        table(member=["True", None, "false"]),
        table(member=[True, None, np.False_]),
        table(size=["S", "L", "S"]),
    ],
)
def test_order_and_representation_do_not_count(other):
    assert table_digest(other, KEY) == table_digest(table(), KEY)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_file_of_the_table_has_its_digest(suffix, tmp_path):
    df, path = table(age=[31, 2**62 + 1, -4], income=[0.1, np.nan, 1e300]), tmp_path / f"t.{suffix}"
    write_table(df, path)
    assert table_digest(read_table(path, as_text=True), KEY) == table_digest(df, KEY)
    assert table_digest(read_table(path), KEY) == table_digest(df, KEY)


def test_a_csv_whose_numbers_are_read_keeps_their_last_bit(tmp_path):
    """Of which pandas loses some if left to itself: a table with declared dtypes and one read as text were two."""
    df = pd.DataFrame({"x": np.random.default_rng(0).random(200) * 1e3})
    write_table(df, tmp_path / "t.csv")
    for read in (read_table(tmp_path / "t.csv"), read_table(tmp_path / "t.csv", as_text=True)):
        assert table_digest(read, KEY) == table_digest(df, KEY)


@pytest.mark.parametrize(
    "changed",
    [
        table(age=[31, 47, 65]),
        table(age=[31, 64, 47]),
        table(age=[31, 47, None]),
        table(income=[1.5, 0.0, 3.0]),
        table(income=[np.nextafter(1.5, 2), np.nan, 3.0]),
        table(income=[1.5, np.nan, np.inf]),
        table(town=["Ulm", "None", "Kiel"]),
        table(town=["Ulm", None, "kiel"]),
        table(since=pd.to_datetime(["2020-01-01", "2021-05-05", "2021-05-05"])),
        table(since=pd.to_datetime(["2020-01-01", "2021-05-05 00:00:00.000000001", None], format="ISO8601")),
        table(since=pd.to_datetime(["2020-01-01", "2021-05-05", None]).tz_localize("UTC")),
        table(member=pd.array([True, None, True], dtype="boolean")),
        table(member=pd.array([1, None, 0], dtype="Int64")),
        table(size=pd.Categorical(["S", "S", "S"])),
        table().iloc[:2],
        table().iloc[[0, 1, 2, 2]],
        table().iloc[[0, 1, 1]],
        table().rename(columns={"age": "Age"}),
        table().rename(columns={"age": "income", "income": "age"}),
        table().drop(columns="size"),
        table().assign(more=None),
        pd.DataFrame(),
    ],
)
def test_any_other_table_has_another(changed):
    assert table_digest(changed, KEY) != table_digest(table(), KEY)


def test_values_that_look_alike_and_are_not():
    kinds = [
        1,
        "01",
        "+1",
        " 1",
        "1_0",
        "\u0661",
        True,
        "yes",
        "2020-13-01",
        "2020-01-01+01:00",
        b"1",
        "1x",
        2**63,
    ]
    kinds += [2**63 - 1, -(2**63), 2**53 + 1, float(2**53), 10**5000, "1e400", "2020-01-01", dt.time(1), (1,)]
    assert len({same([value], object) for value in kinds}) == len(kinds)


def test_numbers_that_no_integer_dtype_holds():
    assert (
        same([2**63], object) == same([2.0**63]) == same(["9223372036854775808"]) == same([2**63], "uint64")
    )
    assert same([10**22], object) == same([1e22]) == same(["1e22"])
    assert same([np.inf]) == same(["inf"]) != same([-np.inf])
    assert same([0.1], "float32") == same([0.1]) == same(["0.1"]) == same([".10"])
    assert same([-0.0]) == same([0]) == same(["-0"])


def test_moments_keep_their_wall_clock_and_offset():
    moments = pd.to_datetime(["2024-07-01 12:00", None]).tz_localize("Europe/Berlin")
    texts = ["2024-07-01 12:00:00+02:00", None]
    assert same(moments) == same(texts) == same([dt.datetime.fromisoformat(texts[0]), None], object)
    assert same(moments) != same(moments.tz_convert("UTC"))
    assert same(["20000-01-01"]) != same([pd.Timestamp(np.datetime64("20000-01-01", "s"))], object)
    assert same([np.datetime64("20000-01-01", "s")]) == same(
        [pd.Timestamp(np.datetime64("20000-01-01", "s"))], object
    )


def test_what_a_value_becomes_does_not_follow_from_its_neighbours():
    """``1 == True`` and text that ends at a null: what pandas' factorize would make one."""
    assert same([1, True], object) == same([True, 1], object) != same([1, 1], object)
    assert same(["a\0b", "a"]) != same(["a", "a"])


def test_rows_in_several_chunks_have_the_digest_of_one(monkeypatch):
    whole = table_digest(table(), KEY)
    monkeypatch.setattr(digest, "_CHUNK", 2)
    assert table_digest(table(), KEY) == whole


def test_rows_add_up_and_do_not_cancel():
    """A sum modulo 2**512, recomputed by hand; in an exclusive-or, two equal rows would be none."""
    rows = [bytes([2, number, *bytes(15)]) for number in (7, 7, 9)]
    total = sum(
        int.from_bytes(hashlib.blake2b(row, key=KEY, person=b"tabgan row").digest(), "little") for row in rows
    )
    parts = [b"table 3 3 1", b"x"]
    data = b"".join(len(part).to_bytes(8, "little") + part for part in parts)
    data += (total % 2**512).to_bytes(64, "little")
    assert same([7, 9, 7]) == hmac.new(KEY, data, "sha256").hexdigest()
    assert len({same([7] * count + [9]) for count in range(5)}) == 5


def test_older_ledgers_digest_is_what_it_was():
    """Of version 1; computed with the release before. It counted order and dtypes."""
    df = pd.DataFrame({"age": [31, 47, 64], "town": ["Ulm", None, "Kiel"]})
    assert table_digest(df, KEY, 1) == "94de291335728577d40bf95bcc0d8e44fdc0a94b89f7d030d6fd011283d6be8c"
    assert table_digest(df.iloc[::-1], KEY, 1) != table_digest(df, KEY, 1)


def test_version_2_is_what_it_was():
    """It knew no durations: text that is written like one was text."""
    text = pd.DataFrame({"stay": ["5 days", "1 days 02:00:00", "x"], "n": [1, 2, 3]})
    assert table_digest(text, KEY, 2) == "e764bf02e1796e61f7652f66c1b606529bdf27ec7824a59d736205ca60246e96"
    assert table_digest(text, KEY, 2) != table_digest(text, KEY)


def test_durations():
    """One duration whatever its unit, dtype and text; another one for each other."""
    one = {table_digest(pd.DataFrame({"a": values}), KEY) for values in (
        [pd.Timedelta(hours=-1)],
        [np.timedelta64(-3600, "s")],
        ["-1 days +23:00:00"],
        pd.Series(np.array([-3600], "timedelta64[s]")),
        pd.Series([dt.timedelta(hours=-1)], dtype=object),
    )}  # fmt: skip
    assert len(one) == 1
    others = (
        [5], [np.timedelta64(5, "ns")], [np.timedelta64(5, "M")], [np.timedelta64(5, "Y")], [np.timedelta64(5, "s")],
        [np.timedelta64(2**62, "s")], [np.timedelta64(2**62, "D")], [dt.timedelta.max], ["5 days"], [str(2**62)],
    )  # fmt: skip
    digests = {table_digest(pd.DataFrame({"a": pd.Series(values, dtype=object)}), KEY) for values in others}
    assert len(digests) == len(others)
    far = pd.DataFrame({"a": pd.Series(np.array([2**62, 1], "timedelta64[s]"))})
    assert table_digest(far, KEY) == table_digest(far.iloc[::-1], KEY)
    assert table_digest(pd.DataFrame({"a": [np.str_("x")]}), KEY) == table_digest(
        pd.DataFrame({"a": ["x"]}), KEY
    )


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
