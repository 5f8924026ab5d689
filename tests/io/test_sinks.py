from __future__ import annotations

import os
import stat
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from tabgan._util.files import atomic_path
from tabgan.errors import ConfigError, DataError
from tabgan.io import check_writable, read_table, staged_folder, write_table, write_text


def _all(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


class TestCheckWritable:
    def test_folders_that_are_still_to_be_made(self, tmp_path):
        check_writable(tmp_path / "a" / "b")
        assert _all(tmp_path) == []

    def test_a_file_on_the_way(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(ConfigError, match="expected a folder"):
            check_writable(tmp_path / "file" / "b")

    def test_a_dangling_link_on_the_way(self, tmp_path):
        (tmp_path / "link").symlink_to(tmp_path / "nowhere")
        with pytest.raises(ConfigError, match="expected a folder"):
            check_writable(tmp_path / "link" / "b")

    def test_the_system_refuses(self, tmp_path, monkeypatch):
        def refuse(**options):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("tempfile.TemporaryFile", refuse)
        with pytest.raises(ConfigError, match="cannot write to .*: Permission denied"):
            check_writable(tmp_path)


class TestAtomicPath:
    def test_failure_leaves_the_old_file_and_nothing_else(self, tmp_path):
        (tmp_path / "a.txt").write_text("old")
        with pytest.raises(KeyboardInterrupt), atomic_path(tmp_path / "a.txt") as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt
        assert _all(tmp_path) == ["a.txt"]
        assert (tmp_path / "a.txt").read_text() == "old"

    def test_permissions_are_those_of_any_new_file(self, tmp_path):
        (tmp_path / "plain").touch()
        write_text("x", tmp_path / "a.txt")
        assert os.stat(tmp_path / "a.txt").st_mode == os.stat(tmp_path / "plain").st_mode


class TestWriteTable:
    @pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
    def test_round_trip(self, tmp_path, people, name):
        people = people.astype({"town": object})  # under pandas 3 it is not
        path = write_table(people, tmp_path / "new" / name)
        expected = people.astype({"age": "Int64"}) if name.endswith("parquet") else people
        pd.testing.assert_frame_equal(read_table(path), expected)
        assert _all(tmp_path) == ["new", f"new/{name}"]

    @pytest.mark.parametrize("name", ["t.xlsx", "t.csv.gz", "t"])
    def test_unknown_suffix(self, tmp_path, people, name):
        with pytest.raises(ConfigError, match=r"expected a name ending in \.csv or \.parquet"):
            write_table(people, tmp_path / name)

    @pytest.mark.parametrize("values", [[1, "Zanzibar-4711"], [10**30, 1]])
    def test_what_parquet_cannot_hold(self, tmp_path, values):
        with pytest.raises(DataError) as caught:
            write_table(pd.DataFrame({"a": values}), tmp_path / "t.parquet")
        assert "Zanzibar" not in str(caught.value)
        assert _all(tmp_path) == []


class TestStagedFolder:
    def test_new_folder_appears_whole(self, tmp_path):
        target = tmp_path / "a" / "out"
        with staged_folder(target, ["x"]) as folder:
            (folder / "x").write_text("1")
            assert not target.exists()
        assert _all(tmp_path) == ["a", "a/out", "a/out/x"]

    def test_failure_leaves_nothing(self, tmp_path):
        with pytest.raises(RuntimeError), staged_folder(tmp_path / "a" / "b" / "out", ["x"]) as folder:
            (folder / "x").write_text("1")
            raise RuntimeError
        assert _all(tmp_path) == []

    def test_old_results_go_other_files_stay(self, tmp_path):
        (tmp_path / "mine.txt").write_text("keep")
        (tmp_path / "x").write_text("old")
        (tmp_path / "y").write_text("old")
        with staged_folder(tmp_path, ["x", "y"]) as folder:
            (folder / "x").write_text("new")
        assert _all(tmp_path) == ["mine.txt", "x"]
        assert (tmp_path / "x").read_text() == "new"
        assert not list(tmp_path.parent.glob(".*.tmp"))

    def test_failure_keeps_old_results(self, tmp_path):
        (tmp_path / "x").write_text("old")
        with pytest.raises(RuntimeError), staged_folder(tmp_path, ["x"]) as folder:
            (folder / "x").write_text("new")
            raise RuntimeError
        assert (tmp_path / "x").read_text() == "old"

    def test_the_current_directory(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with staged_folder(Path("."), ["x"]) as folder:
            (folder / "x").touch()
        assert _all(tmp_path) == ["x"]

    def test_only_its_owner_enters_until_the_end(self, tmp_path):
        (tmp_path / "plain").mkdir()
        with staged_folder(tmp_path / "out", ["x"]) as folder:
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            (folder / "x").touch()
        assert (tmp_path / "out").stat().st_mode == (tmp_path / "plain").stat().st_mode


class TestFormulas:
    TABLE = pd.DataFrame(
        {
            "=name": ["=1+1", "+1", "-1", "@A1", "\tx", "\rx", "a=1", "", None],
            "number": [-1, 2, 3, 4, 5, 6, 7, 8, 9],
            "decimal": [Decimal("-1.5"), None] + [Decimal(1)] * 7,
            "string": pd.array(["-x", None, *"abcdefg"], dtype="string"),
            "category": pd.Categorical(["@x", None, *"abcdefg"]),
        }
    )

    def test_text_that_a_spreadsheet_would_run_is_escaped_on_demand(self, tmp_path):
        path = write_table(self.TABLE, tmp_path / "t.csv", escape_formulas=True)
        read = pd.read_csv(path, dtype=str, keep_default_na=False, lineterminator="\n")
        assert read["'=name"].tolist() == ["'=1+1", "'+1", "'-1", "'@A1", "'\tx", "'\rx", "a=1", "", ""]
        assert read["number"][0] == "-1"
        assert read["decimal"][0] == "-1.5"
        assert read["string"].tolist()[:3] == ["'-x", "", "a"]
        assert read["category"].tolist()[:3] == ["'@x", "", "a"]

    def test_by_default_it_is_written_as_it_is(self, tmp_path):
        path = write_table(self.TABLE, tmp_path / "t.csv")
        assert pd.read_csv(path, lineterminator="\n")["=name"][0] == "=1+1"

    def test_parquet_holds_no_formulas(self, tmp_path):
        path = write_table(self.TABLE, tmp_path / "t.parquet", escape_formulas=True)
        assert pd.read_parquet(path)["=name"][0] == "=1+1"


class TestSweep:
    """The next run removes the remains of killed ones, and nothing else."""

    def leave(self, tmp_path: Path, name: str = ".out.0123abcd.tmp", file: str = "release/x") -> Path:
        path = tmp_path / name / file
        path.parent.mkdir(parents=True)
        path.write_text("a row")
        return tmp_path / name

    def run(self, tmp_path: Path) -> None:
        with staged_folder(tmp_path / "out", ["release/x"]) as folder:
            (folder / "release").mkdir()
            (folder / "release/x").touch()

    @pytest.mark.parametrize("file", ["release/x", "release/.x.0123abcd.tmp"])
    def test_what_a_killed_run_has_left(self, tmp_path, file):
        left = self.leave(tmp_path, file=file)
        self.run(tmp_path)
        assert not left.exists()
        assert _all(tmp_path) == ["out", "out/release", "out/release/x"]

    @pytest.mark.parametrize(
        ("name", "file"),
        [
            (".out.0123abcd.tmp", "release/mine"),
            (".out.0123abcd.tmp", "manifest.json"),
            (".other.0123abcd.tmp", "release/x"),
            ("out.0123abcd.tmp", "release/x"),
        ],
    )
    def test_what_is_not_surely_of_this_job(self, tmp_path, name, file):
        left = self.leave(tmp_path, name, file)
        self.run(tmp_path)
        assert (left / file).read_text() == "a row"

    def test_a_link(self, tmp_path):
        target = self.leave(tmp_path, "target")
        (tmp_path / ".out.0123abcd.tmp").symlink_to(target)
        self.run(tmp_path)
        assert (target / "release/x").exists()

    def test_what_a_living_run_works_in(self, tmp_path):
        with staged_folder(tmp_path / "out", ["release/x"]) as folder:
            (folder / "release").mkdir()
            (folder / "release/x").write_text("of the first")
            self.run(tmp_path)
            assert (folder / "release/x").read_text() == "of the first"

    @pytest.mark.family
    def test_what_a_run_leaves_when_it_is_killed(self, tmp_path):
        """The lock goes with the process, whatever becomes of the folder."""
        script = (
            "import os\nfrom pathlib import Path\nfrom tabgan.io.sinks import _make_staging\n"
            f"_make_staging(Path({str(tmp_path / 'out')!r}))\nos._exit(9)"
        )
        assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 9
        assert [path.suffix for path in tmp_path.iterdir()] == [".tmp"]
        self.run(tmp_path)
        assert _all(tmp_path) == ["out", "out/release", "out/release/x"]
