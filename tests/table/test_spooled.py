"""The private copy of a table in parts."""

from __future__ import annotations

import datetime as dt
import errno
import os
import stat
import subprocess
import sys
import tempfile
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tabgan.errors import DataError, SchemaError, SourceError
from tabgan.privacy.doors import contributions
from tabgan.privacy.doors.contributions import bound_contributions
from tabgan.privacy.unit import PrivacyUnit
from tabgan.schema import Numeric, Schema
from tabgan.table import spooled as module
from tabgan.table.partitions import FrameParts
from tabgan.table.reduction import Reduction
from tabgan.table.spooled import PREFIX, SpooledTable, check_any, private_folder, spooled
from tabgan.table.summed import SpooledRows

SECRET = "Zanzibar-4711"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A place for temporary files of this test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def table() -> pd.DataFrame:
    """Return columns of every family of dtypes, with missing cells and text that pandas would cut or join."""
    moments = pd.to_datetime(["2020-01-01", None, "2021-05-05", "2020-01-01", "1999-12-31"])
    return pd.DataFrame(
        {
            "int": [3, 1, 3, 2, 1],
            "float": [0.0, -0.0, np.nan, 1.5, 1.5],
            "small": np.array([1, 2, 2, 300, 1], dtype=np.float32),
            "bool": [True, False, True, True, False],
            "moment": moments,
            "zoned": moments.tz_localize("Europe/Berlin"),
            "span": pd.to_timedelta([1, None, 2, 1, 1], unit="h"),
            "text": ["a", "a\0b", None, "", "ä"],
            "string": pd.array(["a", "a\0b", None, "", "ä"], dtype="string"),
            "category": pd.Categorical(["x", None, "y", "x", "x"]),
            "nullable": pd.array([1, None, 2, 1, 1], dtype="Int64"),
            "decimal": [Decimal("1.0"), Decimal("1.00"), None, Decimal(2), Decimal("1.0")],
            "date": [dt.date(2020, 1, 1), None, dt.date(2020, 1, 1), dt.date(1, 1, 1), dt.date(1, 1, 1)],
            "mixed": [1, 1.0, True, "1", None],
        }
    )


def comparable(df: pd.DataFrame) -> list[list[str]]:
    """Return the cells in words, in which 1, 1.0 and True differ; all missing ones are the same."""
    words = (
        df.astype(object)
        .map(lambda cell: (type(cell).__name__, repr(cell)))
        .to_numpy(dtype=object, copy=True)
    )
    words[df.isna().to_numpy()] = None
    return words.tolist()


class TestCopy:
    @pytest.mark.parametrize("most", [0, 2, 2**18])
    @pytest.mark.parametrize("rows", [1, 2, 5])
    def test_comes_back_cell_by_cell(self, monkeypatch, most, rows):
        monkeypatch.setattr(module, "MOST_VALUES", most)
        df = table()
        with spooled(FrameParts(df, rows), Schema()) as copy:
            back = pd.concat(list(copy.frames()), ignore_index=True)
        assert len(copy) == len(df)
        assert dict(back.dtypes) == dict(df.dtypes)
        assert comparable(back) == comparable(df)

    def test_numbers_that_python_writes_as_no_text_are_kept_as_in_memory(self):
        """Their repr raises: one cell had refused the whole table, by the number of its part."""
        cells = [10**5_000, 1, Fraction(10**5_000, 3), 10**5_000 + 1, 10**5_000, "1"]
        with spooled(FrameParts(pd.DataFrame({"a": pd.Series(cells, dtype=object)}), 4), Schema()) as copy:
            assert pd.concat(list(copy.frames()))["a"].tolist() == cells
            assert len(copy.column("a").values) == 5

    def test_a_few_values_take_a_byte_a_cell(self, place):
        rows = 10_000
        df = pd.DataFrame({"a": np.arange(rows) % 200 * 1_000, "b": ["a long text", "another"] * (rows // 2)})
        with spooled(FrameParts(df, 999), Schema()) as copy:
            sizes = [path.stat().st_size for path in copy.folder.glob("*.column")]
        assert sizes == [rows, rows]

    def test_a_frame_is_passed_on_as_it_is(self, place):
        df = table()
        with spooled(df, Schema()) as same:
            assert same is df
        assert not list(place.iterdir())

    def test_a_source_is_read_once(self):
        class Once(FrameParts):
            is_rereadable = False
            times = 0

            def __iter__(self):
                self.times += 1
                assert self.times == 1
                return super().__iter__()

        with spooled(Once(table(), 2), Schema()) as copy:
            assert [len(frame) for frame in copy.frames()] == [2, 2, 1]


class TestFolder:
    def test_is_its_owners_alone_and_gone_at_the_end(self, place):
        with private_folder() as folder:
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert folder.parent == place
        assert not list(place.iterdir())

    def test_is_gone_after_an_error(self, place):
        with pytest.raises(KeyboardInterrupt), private_folder():
            raise KeyboardInterrupt
        assert not list(place.iterdir())

    @pytest.mark.family
    def test_that_of_a_killed_process_is_swept_and_that_of_a_living_one_is_not(self, place):
        code = (
            "import os, tempfile; tempfile.tempdir = {!r}\n"
            "from tabgan.table.spooled import private_folder\n"
            "with private_folder() as folder:\n"
            "    (folder / 'rows').write_text('x'); print(folder, flush=True)\n"
            "    os.kill(os.getpid(), 9)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code.format(str(place))], capture_output=True, text=True, check=False
        )
        killed = Path(done.stdout.strip())
        assert (killed / "rows").exists()
        with private_folder() as first:
            assert not killed.exists()
            with private_folder():
                assert first.exists()

    def test_others_are_left_alone(self, place):
        other, young = place / "tabgan-models", place / f"{PREFIX}young"
        other.mkdir()
        young.mkdir()  # its owner is about to lock it
        with private_folder():
            assert other.exists()
            assert young.exists()
        os.utime(young, (0, 0))
        with private_folder():
            assert not young.exists()


class TestRefusals:
    def test_a_header_is_refused_before_a_row_is_read(self):
        class Unread(FrameParts):
            def __iter__(self):
                raise AssertionError("a row was read")

        with pytest.raises(SchemaError, match="in the schema, but not in the table"):
            spooled(Unread(table()), Schema([Numeric(name="age")])).__enter__()
        twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
        with pytest.raises(DataError, match="column names repeat"):
            spooled(Unread(twice), Schema()).__enter__()

    @pytest.mark.parametrize(
        ("error", "said"),
        [
            (FileNotFoundError(errno.ENOENT, "No such file", "part-2.parquet"), "part-2.parquet"),
            (RuntimeError(SECRET), "Unexpected RuntimeError"),
        ],
    )
    def test_a_part_that_disappears(self, place, error, said):
        class Broken(FrameParts):
            def __iter__(self):
                yield from super().__iter__()
                raise error

        with pytest.raises(SourceError, match="beyond its part 1.*This call spent nothing") as raised:
            spooled(Broken(table()), Schema()).__enter__()
        assert said in str(raised.value)
        assert SECRET not in str(raised.value)
        assert not list(place.iterdir())

    def test_a_part_of_other_dtypes(self):
        class Changing(FrameParts):
            def __iter__(self):
                yield table()
                yield table().astype({"int": "float64"})

        with pytest.raises(DataError, match="Part 2 of the table, column 'int'"):
            spooled(Changing(table()), Schema()).__enter__()

    def test_a_full_disk(self, place, monkeypatch):
        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(module.SpooledColumn, "_append", full)
        with pytest.raises(SourceError, match=r"No space left on device\. Free some space .* TMPDIR"):
            spooled(FrameParts(table()), Schema()).__enter__()
        assert not list(place.iterdir())

    def test_an_array_that_does_not_fit_leaves_no_half(self):
        def blocks():
            yield np.zeros((2, 3))
            raise OSError(errno.ENOSPC, "No space left on device")

        with spooled(FrameParts(table()), Schema()) as copy:
            with pytest.raises(SourceError, match="No space left"):
                copy.store("codes", np.dtype(np.uint8), 3, blocks())
            assert not (copy.folder / "codes").exists()
            whole = copy.store("codes", np.dtype(np.uint8), 3, iter([np.ones((2, 3)), np.zeros((1, 3))]))
            assert whole.tolist() == [[1, 1, 1], [1, 1, 1], [0, 0, 0]]


class TestChecks:
    def check(self, df, schema=None):
        with spooled(FrameParts(df, 2), schema or Schema()) as copy:
            check_any(copy, schema or Schema())

    def test_no_rows(self):
        with pytest.raises(DataError, match="expected a table with rows"):
            self.check(table()[:0])

    @pytest.mark.parametrize("most", [0, 2**18])
    def test_cells_of_two_kinds_in_two_parts(self, monkeypatch, most):
        monkeypatch.setattr(module, "MOST_VALUES", most)
        with pytest.raises(DataError, match="found numbers and text"):
            self.check(pd.DataFrame({"a": pd.Series(["x", "y", "z", 1], dtype=object)}))

    @pytest.mark.parametrize("most", [0, 2**18])
    def test_cells_that_the_schema_refuses(self, monkeypatch, most):
        monkeypatch.setattr(module, "MOST_VALUES", most)
        schema = Schema([Numeric(name="a", bounds=(0, 5), out_of_range="error")])
        df = pd.DataFrame({"a": [1, 2, 3, 4, 5, 6]})
        self.check(df[:5], schema)
        with pytest.raises(DataError, match="outside the declared bounds"):
            self.check(df, schema)
        with pytest.raises(DataError, match="infinite"):
            self.check(pd.DataFrame({"a": [1.0, 2.0, np.inf]}))
        with pytest.raises(DataError, match="not valid Unicode"):
            self.check(pd.DataFrame({"a": pd.Series(["x", "y", "\udc00"], dtype=object)}))
        with pytest.raises(DataError, match="another type"):
            self.check(pd.DataFrame({"a": ["x", "y", ["z"]]}))


def _categories(order, values):
    return pd.DataFrame({"who": pd.Categorical(values, categories=order), "n": range(len(values))})


class _Frames:
    """A table in the given parts."""

    is_rereadable = True

    def __init__(self, *parts):
        self._parts = parts
        self.header = parts[0].iloc[:0]

    def __iter__(self):
        return iter(self._parts)


class TestCategories:
    """Of parts whose categories stand in another order: pandas takes their dtypes for equal."""

    PARTS = (_categories(["a", "b"], list("aab")), _categories(["b", "a"], list("aab")))

    def test_keep_their_values(self, tmp_path):
        copied = SpooledTable(tmp_path, self.PARTS[0].iloc[:0])
        copied.read(_Frames(*self.PARTS))
        assert pd.concat(list(copied.frames()))["who"].tolist() == list("aabaab")

    def test_are_bounded_as_one_entity(self):
        unit = PrivacyUnit("who", 2)
        for _ in range(20):
            with spooled(_Frames(*self.PARTS), Schema(entity="who", max_rows=2)) as copied:
                bounded = bound_contributions(copied, unit)
                kept = bounded.df.frame(["who"])["who"].astype(object)
                assert kept.value_counts().to_dict() == {"a": 2, "b": 2}


def test_rows_that_no_entity_keeps_are_forgotten_on_the_way_and_the_choice_stays_the_same(monkeypatch):
    """Memory grows with the entities and not with their rows: the smallest of all keys are kept anyway."""
    df = pd.DataFrame({"who": [f"p{i % 20}" for i in range(180)] + ["once"], "visit": range(181)})
    chosen, unit = [], PrivacyUnit("who", 2)
    for waiting in (2**21, 1):
        rng = np.random.default_rng(0)
        monkeypatch.setattr(contributions, "_WAITING", waiting)
        monkeypatch.setattr(contributions, "secrets", SimpleNamespace(token_bytes=rng.bytes))
        with spooled(FrameParts(df, 11), Schema(entity="who", max_rows=2)) as copied:
            kept = bound_contributions(copied, unit).df.frame(["who", "visit"])
        assert kept["who"].value_counts().to_dict() == {**{f"p{i}": 2 for i in range(20)}, "once": 1}
        chosen.append(kept["visit"].tolist())
    assert chosen[0] == chosen[1]


def test_a_row_that_breaks_a_rule_stops_nothing_in_a_column_of_very_many_values(tmp_path, monkeypatch):
    """A merged column is text, but for rows that no list can hold: these may come after it is kept cell by cell."""
    monkeypatch.setattr(module, "ROWS", 100)
    monkeypatch.setattr(module, "MOST_VALUES", 100)
    declared = {name: {"kind": "numeric", "bounds": [0, 5000], "decimals": 0} for name in "xy"}
    schema = Schema.from_dict({"columns": declared, "rules": [{"columns": ["x", "y"]}]})
    found = []
    for last in (17, 9999):
        df = pd.DataFrame({"x": np.arange(1000), "y": np.arange(1000) * 7 % 5000})
        df.loc[999, "x"] = last
        with spooled(FrameParts(df, 100), schema) as copied:
            reduction = Reduction.of_table(copied.header, schema, untyped_text=False)
            rows = SpooledRows(copied).reduced(reduction)
            cells = rows.frame([reduction.merged[0].name], None).iloc[:, 0]
            in_memory = reduction.reduce(df)[reduction.merged[0].name]
            assert cells.tolist() == in_memory.tolist()
            found.append(len(cells))
    assert found == [1000, 1000]
