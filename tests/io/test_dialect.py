"""CSV files of every form: read as they were meant, or refused in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabgan.errors import ConfigError, DataError
from tabgan.io import column_names, read_table, write_table
from tabgan.schema import Categorical, Identifier, Numeric, Schema

SECRET = "Zanzibar-4711"

#: Names that a keyword, a separator, a condition or a spreadsheet could take for something else.
NAMES = [
    *(
        "self",
        "name",
        "kind",
        "index",
        "level_0",
        "columns",
        "",
        " ",
        " b",
        "a.b",
        "a=b",
        "a,b",
        "a:b",
        "a;b",
        "a|b",
    ),
    *(
        "t\tb",
        'q"x',
        '"',
        "l\nb",
        "r\rb",
        "{}",
        "${HOME}",
        "1",
        "NA",
        "None",
        "null",
        "~",
        "<<",
        "sep=;",
        "Unnamed: 0",
    ),
]


def _csv(folder: Path, text: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


class TestSeparator:
    @pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
    def test_found_in_the_header(self, tmp_path, mark):
        path = _csv(tmp_path, mark.join("abc") + "\n" + mark.join("123") + "\n")
        assert read_table(path, separator="auto").iloc[0].tolist() == [1, 2, 3]
        assert column_names(path, separator="auto") == ["a", "b", "c"]

    @pytest.mark.parametrize("mark", [";", "\t", "|"])
    def test_a_call_that_names_none_takes_a_comma_or_nothing(self, tmp_path, mark):
        with pytest.raises(DataError, match="no comma, and can be split at .* Give separator="):
            read_table(_csv(tmp_path, f"a{mark}b\n{SECRET}{mark}2\n"))

    @pytest.mark.parametrize("text", ["weight, kg;size\n1;2\n", "a;b|c\n1;2|3\n"])
    def test_two_are_refused(self, tmp_path, text):
        with pytest.raises(DataError, match="can be split at .* and at .* Name it"):
            read_table(_csv(tmp_path, text), separator="auto")
        assert len(read_table(_csv(tmp_path, text), separator=";").columns) == 2

    def test_within_quotes_it_separates_nothing(self, tmp_path):
        path = _csv(tmp_path, 'a,"b;c","d|e"\n1,2,3\n')
        assert list(read_table(path, separator="auto").columns) == ["a", "b;c", "d|e"]

    @pytest.mark.parametrize("first", ["# made by a program", "# x, y", "#", "## x", "#!x"])
    def test_a_comment_is_no_header(self, tmp_path, first):
        path = tmp_path / "t.csv"
        path.write_text(f"{first}\na,b\n1,2\n")
        with pytest.raises(DataError, match="begins with a comment"):
            read_table(path)
        path.write_text("#id,b\n1,2\n")
        assert list(read_table(path)) == ["#id", "b"]

    def test_blanks_between_words_may_separate(self, tmp_path):
        path = _csv(tmp_path, "first second\n1  2\n")
        with pytest.raises(DataError, match="one name with blanks"):
            read_table(path)
        assert read_table(path, separator="space").iloc[0].tolist() == [1, 2]
        assert list(read_table(_csv(tmp_path, "first second\n12\n"), separator=",").columns) == [
            "first second"
        ]

    def test_blanks_after_every_separator_belong_to_it(self, tmp_path):
        df = read_table(_csv(tmp_path, 'a, b, "c"\n1, x, "y, z"\n'))
        assert list(df.columns) == ["a", "b", "c"]
        assert df.iloc[0].tolist() == [1, "x", "y, z"]
        assert read_table(_csv(tmp_path, "a,b\n1, x\n"))["b"].tolist() == [" x"]

    def test_a_line_that_names_it(self, tmp_path):
        assert read_table(_csv(tmp_path, "sep=;\r\na;b\r\n1;2\r\n")).iloc[0].tolist() == [1, 2]

    def test_tabs_of_a_tsv_need_no_word(self, tmp_path):
        path = write_table(pd.DataFrame({"a": [1], "b": ["x"]}), tmp_path / "t.tsv")
        assert path.read_text() == "a\tb\n1\tx\n"
        assert read_table(path)["b"].tolist() == ["x"]

    @pytest.mark.parametrize("wrong", ["", "ab", "a", '"', "\n", 3])
    def test_no_separator(self, tmp_path, wrong):
        with pytest.raises(ConfigError, match="separator: expected one character"):
            read_table(_csv(tmp_path, "a\n1\n"), separator=wrong)


class TestRows:
    @pytest.mark.parametrize(
        ("row", "said"), [(SECRET, "fewer"), (f"{SECRET},1,2", "more"), ("1,2,", "more")]
    )
    def test_of_another_number_of_fields_are_refused_with_their_line(self, tmp_path, row, said):
        with pytest.raises(DataError, match=f"line 4 has {said} fields than the header") as caught:
            read_table(_csv(tmp_path, f'a,b\n"1\n",2\n{row}\n'))
        assert SECRET not in str(caught.value)

    def test_a_carriage_return_among_text_is_told(self, tmp_path):
        with pytest.raises(
            DataError, match="A carriage return alone .* put text with one in quotes"
        ) as caught:
            read_table(_csv(tmp_path, f"a,b\n1,x\r{SECRET}\n"))
        assert SECRET not in str(caught.value)
        for text in ("a,b\r1,2\r3\r", "a,b\r\n1,2\r\n3\r\n", "a,b\n1,2\n3\n"):
            with pytest.raises(DataError, match="fewer fields") as caught:
                read_table(_csv(tmp_path, text))
            assert "return alone" not in str(caught.value)

    @pytest.mark.parametrize("row", [f'1,"{SECRET}', f'1,"{SECRET}" x'])
    def test_quotes_that_do_not_end(self, tmp_path, row):
        with pytest.raises(DataError, match=r"line \d, text in quotes") as caught:
            read_table(_csv(tmp_path, f"a,b\n{row}\n"))
        assert SECRET not in str(caught.value)

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_blank_lines(self, tmp_path, end):
        """A row of a single column; no row of several."""
        one = _csv(tmp_path, end.join(["", "a", "1", "", "2", "", ""]))
        assert read_table(one, as_text=True)["a"].tolist() == ["1", np.nan, "2", np.nan]
        two = _csv(tmp_path, end.join(["", "a,b", "1,", "", "  ", ",", "2,3"]))
        assert read_table(two, as_text=True).isna().to_numpy().tolist() == [
            [False, True],
            [True, True],
            [False, False],
        ]

    def test_a_column_without_a_name_is_told(self, tmp_path, caplog):
        df = read_table(_csv(tmp_path, ",a,\n0,x,\n1,y,\n"))
        assert list(df.columns) == ["Unnamed: 0", "a", "Unnamed: 2"]
        assert "column 1, 3 has no name and is read as 'Unnamed: 0', 'Unnamed: 2'" in caplog.text

    def test_utf_16_without_a_mark(self, tmp_path):
        path = _csv(tmp_path, "a,b\n1,2\n".encode("utf-16-le"))
        with pytest.raises(DataError, match="null characters. If it is UTF-16"):
            read_table(path)
        assert read_table(path, encoding="utf-16-le").iloc[0].tolist() == [1, 2]


class TestEncoding:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
    def test_a_mark_names_it(self, tmp_path, encoding):
        path = _csv(tmp_path, "ä,b\nö,1\n".encode(encoding))
        assert read_table(path)["ä"].tolist() == ["ö"]

    @pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
    def test_others_are_declared(self, tmp_path, encoding):
        path = _csv(tmp_path, f"a,b\n{SECRET}ö,1\n".encode(encoding))
        assert read_table(path, encoding=encoding)["a"].tolist() == [f"{SECRET}ö"]
        with pytest.raises(DataError, match="it is not UTF-8 text. Name its encoding") as caught:
            read_table(path)
        assert SECRET not in str(caught.value)

    def test_mark_and_declaration_that_differ(self, tmp_path):
        path = _csv(tmp_path, "a,b\nö,1\n".encode("utf-8-sig"))
        with pytest.raises(DataError, match="mark of utf-8, and encoding says cp1252"):
            read_table(path, encoding="cp1252")
        assert read_table(path, encoding="utf8")["a"].tolist() == ["ö"]

    @pytest.mark.parametrize("wrong", ["utf-88", "", "base64", 8, "\0"])
    def test_unknown(self, tmp_path, wrong):
        with pytest.raises(ConfigError, match="encoding: expected the name of an encoding"):
            read_table(_csv(tmp_path, "a\n1\n"), encoding=wrong)

    def test_text_that_it_cannot_hold(self, tmp_path):
        with pytest.raises(DataError, match="cp1252 cannot hold") as caught:
            write_table(pd.DataFrame({"a": [f"{SECRET}→"]}), tmp_path / "t.csv", encoding="cp1252")
        assert SECRET not in str(caught.value)


class TestMissing:
    TEXT = "n,t,b\n1,NA,true\nNA,None,null\n,,\n"

    def test_a_word_is_a_value_of_text_alone(self, tmp_path):
        df = read_table(_csv(tmp_path, self.TEXT))
        assert df["n"].tolist() == [1, pytest.approx(np.nan, nan_ok=True), pytest.approx(np.nan, nan_ok=True)]
        assert df["t"].tolist()[:2] == ["NA", "None"]
        assert df.isna().to_numpy().tolist() == [[False] * 3, [True, False, True], [True] * 3]

    def test_by_declaration(self, tmp_path):
        path = _csv(tmp_path, self.TEXT)
        kinds = [Numeric(name="n"), Categorical(name="t", categories=("NA", "x")), Identifier(name="b")]
        df = read_table(path, as_text=True, schema=Schema(columns=kinds))
        assert df.isna().to_numpy().tolist() == [[False] * 3, [True, True, False], [True] * 3]
        df = read_table(path, as_text=True, dtypes={"n": "Int64", "b": "boolean"})
        assert df.isna().to_numpy().tolist() == [[False] * 3, [True, False, True], [True] * 3]

    def test_only_words_is_text(self, tmp_path):
        assert read_table(_csv(tmp_path, "a,b\nNone,1\nNone,2\n"))["a"].tolist() == ["None", "None"]


class TestDecimal:
    def test_comma(self, tmp_path):
        text = "a;b;c;d\n1,5;1.234,5;x,1;1.234\n-2,25;12;1,5;2.500.000\n"
        df = read_table(_csv(tmp_path, text), separator=";", decimal=",")
        assert df["a"].tolist() == [1.5, -2.25]
        assert df["b"].tolist() == [1234.5, 12]
        assert df["d"].tolist() == [1234, 2_500_000]
        declared = Schema(columns=[Categorical(name="c"), Numeric(name="b")])
        df = read_table(_csv(tmp_path, text), separator=";", decimal=",", schema=declared, as_text=True)
        assert df["c"].tolist() == ["x,1", "1,5"]
        assert df["b"].tolist() == ["1234.5", "12"]

    def test_neither(self, tmp_path):
        with pytest.raises(ConfigError, match="decimal: expected one of"):
            read_table(_csv(tmp_path, "a\n1\n"), decimal=";")


class TestRoundTrip:
    @pytest.mark.family(keep=4)
    @pytest.mark.parametrize("separator", [",", ";", "tab", "|"])
    @pytest.mark.parametrize(("decimal", "encoding"), [(".", None), (",", "cp1252"), (",", "utf-16")])
    def test_any_name_and_any_text(self, tmp_path, separator, decimal, encoding):
        cells = ["x", "NA", "None", np.nan, 'x"y', "a\rb", "a\r\nb", " lead", "1,5", "ö", "'", "-"]
        df = pd.DataFrame({name: pd.Series(cells, dtype=object) for name in NAMES})
        df["masked"] = pd.array([1.5, None] + [2.25] * 10, dtype="Float64")
        df["plain"] = np.arange(12) / 4
        form = {"decimal": decimal, "encoding": encoding}
        path = write_table(df, tmp_path / "t.csv", separator=separator, **form)
        dtypes = dict.fromkeys(NAMES, "object") | {"masked": "Float64", "plain": "float64"}
        pd.testing.assert_frame_equal(read_table(path, separator="auto", dtypes=dtypes, **form), df)

    def test_one_column_whose_name_has_blanks(self, tmp_path):
        df = pd.DataFrame({"first name": ["a", np.nan, "  "]}, dtype=object)
        pd.testing.assert_frame_equal(read_table(write_table(df, tmp_path / "t.csv"), as_text=True), df)
