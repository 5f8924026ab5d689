from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tabgan._util.validate import nearest
from tabgan._util.yaml import dump, parse
from tabgan.columns import KINDS
from tabgan.columns.numeric import MAX_DECIMALS
from tabgan.errors import SchemaError
from tabgan.schema import (
    KIND_NAMES,
    Boolean,
    Categorical,
    Datetime,
    Identifier,
    Numeric,
    Pii,
    Schema,
    Text,
    Time,
)
from tabgan.table.checks import check_table

#: Text that some reader of YAML takes for something else.
TRAPS = [
    *("no", "yes", "on", "off", "y", "n", "true", "True", "null", "~", "", " ", "1", "01089", "0o7", "0x1f"),
    *("1e5", "1e-6", "+1", "-.5", "5.", "1_000", ".inf", ".NaN", "12:30", "2024-01-31", "=", "<<", "-", "?"),
    *(
        "- a",
        "a: b",
        "a:",
        "#x",
        "x #y",
        "'",
        '"',
        "it's",
        "[a]",
        "{a: b}",
        "&a",
        "*a",
        "!a",
        "%a",
        "@a",
        "`a",
    ),
    *(
        "|",
        ">",
        "a\nb",
        "\n",
        "\t",
        " lead",
        "trail ",
        "\u2028",
        "\x00",
        "\x85",
        "é",
        "名前",
        "😀",
        "x" * 300,
    ),
    *("${HOME}", "$${X}", "$$${X}", "${", "${A:-b}", "$", "---", "...", "kind", "columns", "\\", "\\n"),
]

TEXT = st.one_of(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), st.sampled_from(TRAPS))
SCALARS = st.one_of(
    TEXT, st.booleans(), st.integers(-(10**20), 10**20), st.floats(allow_nan=False, allow_infinity=False)
)
MOMENTS = st.datetimes().map(lambda moment: moment.isoformat())
MAYBE_BOOL = st.one_of(st.none(), st.booleans())


def _pairs(values):
    return st.one_of(st.none(), st.tuples(values, values).map(lambda pair: tuple(sorted(pair))))


def _common(**more):
    return {
        "name": TEXT,
        "dtype": st.sampled_from([None, "object", "string", "int64", "datetime64[ns, Europe/Berlin]"]),
        "nullable": MAYBE_BOOL,
        **more,
    }


COLUMNS = st.one_of(
    st.builds(
        Time,
        **_common(),
        resolution=st.sampled_from([None, "minute", "second"]),
        bounds=st.sampled_from([None, ("00:00", "23:59:59"), ("08:05", "08:05")]),
        format=st.sampled_from([None, "%H:%M", "%-I:%M:%S %p", "%H.%M Uhr"]),
    ),
    st.builds(
        Numeric,
        **_common(
            bounds=_pairs(st.integers(-(10**6), 10**6).map(float)),
            decimals=st.one_of(st.none(), st.integers(0, MAX_DECIMALS)),
            out_of_range=st.sampled_from(["clip", "error"]),
        ),
    ),
    st.builds(
        Categorical,
        **_common(
            categories=st.one_of(
                st.none(),
                st.lists(SCALARS, max_size=6, unique_by=lambda v: (isinstance(v, bool), v)).map(tuple),
            ),
            ordered=st.booleans(),
            unknown=st.sampled_from(["other", "error"]),
        ),
    ),
    st.builds(Boolean, **_common()),
    st.builds(
        Datetime,
        **_common(
            bounds=_pairs(MOMENTS),
            resolution=st.sampled_from([None, "day", "second"]),
            format=st.one_of(st.none(), TEXT.map(lambda text: f"%d.%m.%Y|{text.replace('%', '%%')}")),
        ),
    ),
    st.builds(
        Identifier,
        **_common(pattern=st.sampled_from(["{}", "P{:06d}", "${{{}}}", "{0:>5}"]), start=st.integers(0, 99)),
    ),
    st.builds(
        Identifier,
        **_common(
            pattern=st.sampled_from(["{}", "[A-Z]{2}-[0-9]{4}", r"(a|b)\.\d{3}"]),
            recurrence=st.sampled_from([None, True, (0.5, 0.25, 0.25)]),
        ),
    ),
    st.builds(Text, **_common(pattern=st.sampled_from([None, "[A-Z]{2}-[0-9]{4}"]), unique=st.booleans())),
    st.builds(
        Pii,
        **_common(provider=st.sampled_from(["email", "city"]), locale=st.sampled_from(["de_DE", "en_US"])),
    ),
    st.builds(Text, **_common(placeholder=st.sampled_from(["(removed)", "no", "*"]))),
    st.builds(Text, **_common(templates=st.sampled_from([None, (), ("[0-9]{5}", "", "[A-Z][a-z]{3}, \\?")]))),
)
SCHEMAS = st.builds(
    Schema,
    columns=st.lists(COLUMNS, max_size=5, unique_by=lambda column: column.name),
    target=st.one_of(st.none(), TEXT),
)


def _exactly(schema):
    """Return what equality passes over: 1 and 1.0 and True are not alike."""
    return repr(schema)


def test_is_shown_in_one_line_a_column():
    many = tuple(f"c{i}" for i in range(1_000))
    schema = Schema(
        columns=[Numeric(name="age", bounds=(0, 9)), Categorical(name="town", categories=many)], target="age"
    )
    lines = repr(schema).splitlines()
    assert "    Numeric(name='age', bounds=(0.0, 9.0))," in lines
    assert sum("town" in line and "1,000 in all" in line for line in lines) == 1
    assert len(lines) == 7
    assert max(map(len, lines)) < 160
    assert str(schema) == repr(schema)


class TestYaml:
    @settings(deadline=None)
    @given(SCHEMAS)
    @example(Schema())
    def test_round_trip(self, schema):
        assert _exactly(Schema.from_yaml(schema.to_yaml())) == _exactly(schema)
        assert _exactly(Schema.from_dict(schema.to_dict())) == _exactly(schema)

    @pytest.mark.parametrize("text", TRAPS)
    def test_text_stays_text(self, text):
        schema = Schema([Categorical(name=text, categories=(text,))], target=text)
        back = Schema.from_yaml(schema.to_yaml())
        assert back.names == [text]
        assert back.target == text
        assert back[text].categories == (text,)

    @pytest.mark.parametrize("value", [True, 0, -1, 10**18, 0.5, 1e-7, 1e300, 5e-324, 1.0, -0.0])
    def test_numbers_stay_numbers(self, value):
        back = Schema.from_yaml(Schema([Categorical(name="a", categories=(value,))]).to_yaml())
        assert repr(back["a"].categories) == repr((value,))

    def test_an_environment_variable_in_a_schema_is_text(self, monkeypatch):
        monkeypatch.setenv("HOME", "elsewhere")
        schema = Schema([Categorical(name="a", categories=("${HOME}",))])
        assert Schema.from_yaml(schema.to_yaml())["a"].categories == ("${HOME}",)

    def test_the_name_of_a_file_as_text(self):
        with pytest.raises(SchemaError, match=r"Read a file by its pathlib\.Path"):
            Schema.from_yaml("schema.yaml")

    def test_what_a_person_writes(self):
        schema = Schema.from_yaml(
            "columns:\n"
            "  no: {kind: boolean}\n"
            "  7: {kind: categorical, categories: [no, 01089, '01089', 1e3, true]}\n"
            "  age: {kind: numeric, bounds: [0, 120], decimals: 0}\n"
            "target: no\n"
        )
        assert schema.names == ["no", "7", "age"]
        assert schema["7"].categories == ("no", 1089, "01089", 1000.0, True)
        assert schema["age"].bounds == (0.0, 120.0)
        assert schema.target == "no"

    def test_file(self, tmp_path):
        path = tmp_path / "schema.yaml"
        schema = Schema([Boolean(name="é😀")])
        path.write_text(schema.to_yaml(), encoding="utf-8")
        assert Schema.from_yaml(path) == schema

    def test_empty(self):
        assert Schema.from_yaml("") == Schema()

    @pytest.mark.parametrize("data", [{"a": ["01089", {"b": "${X}"}], "1e5": None}, [], "no", {"a": {}}])
    def test_what_dump_writes_is_what_parse_reads(self, data):
        assert parse(dump(data), {}) == (data, [])

    def test_order_of_the_columns_is_kept(self):
        names = ["z", "a", "m"]
        assert Schema.from_yaml(Schema([Boolean(name=name) for name in names]).to_yaml()).names == names

    def test_what_is_open_is_left_out(self):
        assert Schema([Numeric(name="a")]).to_dict() == {
            "columns": {"a": {"kind": "numeric", "out_of_range": "clip"}}
        }


class TestFiles:
    def test_missing(self, tmp_path):
        with pytest.raises(SchemaError, match="schema: cannot read .*nowhere.yaml"):
            Schema.from_yaml(tmp_path / "nowhere.yaml")

    def test_folder(self, tmp_path):
        with pytest.raises(SchemaError, match="schema: cannot read"):
            Schema.from_yaml(tmp_path)

    def test_not_utf_8(self, tmp_path):
        (tmp_path / "s.yaml").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(SchemaError, match="not UTF-8"):
            Schema.from_yaml(tmp_path / "s.yaml")

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("columns: {a: {kind: boolean}, a: {kind: numeric}}", "columns.a: the key occurs twice"),
            ("columns: [", "not valid YAML"),
            ("columns: {a: {kind: !!python/name:os.system x}}", "not valid YAML"),
            ("- a", "expected a mapping with the key 'columns'"),
            ("7", "expected a mapping with the key 'columns'"),
            ("columns: [a, b]", "expected a mapping with the key 'columns'"),
            ("columns: null", "expected a mapping with the key 'columns'"),
            ("columns: {a: numeric}", r"Column 'a': expected a mapping such as \{kind: numeric\}"),
            ("columns: {a: }", r"columns.a: expected a value"),
        ],
    )
    def test_that_are_no_schema(self, text, problem):
        with pytest.raises(SchemaError, match=problem):
            Schema.from_yaml(text)


def _refused(**spec):
    """Return what is said about a column, from a dictionary and, where it has a kind, from its class."""
    with pytest.raises(SchemaError) as caught:
        Schema.from_dict({"columns": {"a": spec}})
    classes = dict(zip(KIND_NAMES, KINDS, strict=True))
    if spec.get("kind") in classes:
        kind = classes[spec["kind"]]
        with pytest.raises(SchemaError) as direct:
            kind(name="a", **{key: value for key, value in spec.items() if key != "kind"})
        assert str(direct.value) == str(caught.value)
    return str(caught.value)


class TestRefused:
    @pytest.mark.parametrize(
        ("spec", "message"),
        [
            (
                {"kind": "numerc"},
                "Column 'a': kind: expected one of boolean, datetime, time, duration, identifier, "
                "pii, text, constant, numeric, categorical, got 'numerc'. Did you mean 'numeric'?",
            ),
            ({"kind": "numeric", "bound": [0, 1]}, "Column 'a': bound: unknown key. Did you mean 'bounds'?"),
            (
                {"kind": "numeric", "unreleased": "other"},
                "Column 'a': unreleased: not a key of this kind of column.",
            ),
            (
                {"kind": "boolean", "catgories": ["x"]},
                "Column 'a': catgories: unknown key. Did you mean 'categories'?",
            ),
            ({"kind": "numeric", "zzzzzz": 1}, "Column 'a': zzzzzz: unknown key."),
            (
                {"kind": "numeric", "bounds": [2, 1]},
                "Column 'a': bounds: expected two finite numbers, the smaller one first.",
            ),
            (
                {"kind": "numeric", "bounds": [0, math.nan]},
                "Column 'a': bounds: expected two finite numbers, the smaller one first.",
            ),
            (
                {"kind": "numeric", "bounds": [-math.inf, 0]},
                "Column 'a': bounds: expected two finite numbers, the smaller one first.",
            ),
            (
                {"kind": "numeric", "bounds": [0, 1e16]},
                "Column 'a': bounds: expected numbers of at most 15 digits, decimals included.",
            ),
            (
                {"kind": "numeric", "bounds": [0, 1e12], "decimals": 6},
                "Column 'a': bounds: expected numbers of at most 15 digits, decimals included.",
            ),
            (
                {"kind": "numeric", "bounds": [0.2, 0.8], "decimals": 0},
                "Column 'a': bounds: no number with decimals: 0 lies in them. Raise decimals.",
            ),
            (
                {"kind": "categorical", "categories": ["x", "y", "x"]},
                "Column 'a': categories: expected each value once; 1 and 1.0 are one value.",
            ),
            (
                {"kind": "categorical", "categories": [1, 1.0]},
                "Column 'a': categories: expected each value once; 1 and 1.0 are one value.",
            ),
            (
                {"kind": "categorical", "categories": [1.5, math.nan]},
                "Column 'a': categories: expected finite numbers. A missing value is not a category.",
            ),
            (
                {"kind": "categorical", "categories": ["x", None]},
                "Column 'a': categories.1: expected text, a number, true or false. A missing value is not a "
                "category.",
            ),
            (
                {"kind": "datetime", "bounds": ["2024-12-31", "2024-01-01"]},
                "Column 'a': bounds: expected two moments, the earlier one first.",
            ),
            (
                {"kind": "datetime", "bounds": ["NaT", "2024-01-01"]},
                "Column 'a': bounds: expected two moments in ISO 8601 of one time zone.",
            ),
            (
                {"kind": "datetime", "bounds": ["2024-01-01", "2024-01-01T00:00+01:00"]},
                "Column 'a': bounds: expected two moments in ISO 8601 of one time zone.",
            ),
            (
                {"kind": "datetime", "bounds": ["soon", "later"]},
                "Column 'a': bounds: expected two moments in ISO 8601 of one time zone.",
            ),
            (
                {"kind": "boolean", "dtype": "int65"},
                "Column 'a': dtype: expected a pandas dtype such as 'Int64', got 'int65'.",
            ),
            (
                {"kind": "boolean", "name": "b"},
                "Column 'a': name: unknown key. The name stands before the colon.",
            ),
        ],
    )
    def test_with_column_and_key_and_fix(self, spec, message):
        if "name" in spec:
            with pytest.raises(SchemaError) as caught:
                Schema.from_dict({"columns": {"a": spec}})
            assert str(caught.value) == message
            return
        assert _refused(**spec) == message

    @pytest.mark.parametrize(
        "pattern", ["x", "{}{}", "{1}", "{name}", "{0.__class__}", "{0[0]}", "{", "}", "{:q}", "{!r}{}"]
    )
    def test_patterns(self, pattern):
        assert _refused(kind="identifier", pattern=pattern).startswith(
            "Column 'a': pattern: expected one field for the running number"
        )

    @pytest.mark.parametrize(
        ("spec", "key"),
        [
            ({"kind": "numeric", "bounds": 5}, "bounds"),
            ({"kind": "numeric", "bounds": [1, 2, 3]}, "bounds"),
            ({"kind": "numeric", "decimals": -1}, "decimals"),
            ({"kind": "numeric", "decimals": MAX_DECIMALS + 1}, "decimals"),
            ({"kind": "numeric", "out_of_range": "cilp"}, "out_of_range"),
            ({"kind": "categorical", "categories": "abc"}, "categories"),
            ({"kind": "categorical", "unknown": "drop"}, "unknown"),
            ({"kind": "datetime", "resolution": "hour"}, "resolution"),
            ({"kind": "datetime", "bounds": [2020, 2021]}, "bounds.0"),
            ({"kind": "identifier", "start": -1}, "start"),
            ({"kind": "boolean", "nullable": "perhaps"}, "nullable"),
        ],
    )
    def test_with_column_and_key(self, spec, key):
        assert _refused(**spec).startswith(f"Column 'a': {key}: ")

    def test_a_kind_is_needed(self):
        with pytest.raises(SchemaError, match="Column 'a': kind: expected one of boolean.*got None"):
            Schema.from_dict({"columns": {"a": {}}})

    def test_all_problems_at_once(self):
        with pytest.raises(SchemaError) as caught:
            Schema.from_dict(
                {
                    "columns": {
                        "a": {"kind": "numeric", "bound": [0, 1], "decimals": "x"},
                        "b": {"kind": "boolean"},
                        "c": {"kind": "datetime", "bounds": ["x", "y"]},
                    }
                }
            )
        lines = str(caught.value).splitlines()
        assert sorted(line.split(":")[0] + ":" + line.split(":")[1] for line in lines) == [
            "Column 'a': bound",
            "Column 'a': decimals",
            "Column 'c': bounds",
        ]

    def test_unknown_key_of_the_schema(self):
        with pytest.raises(SchemaError, match="schema: unknown key 'colums'. Did you mean 'columns'"):
            Schema.from_dict({"colums": {}})

    def test_names_that_repeat(self):
        with pytest.raises(SchemaError, match="schema: declared more than once: 'a', 'b'"):
            Schema([Boolean(name=name) for name in "baacb"])

    @pytest.mark.parametrize("columns", [5, "abc", None])
    def test_no_columns(self, columns):
        with pytest.raises(SchemaError, match="schema: columns: expected a list of columns, got"):
            Schema(columns)

    def test_a_column_without_a_name(self):
        with pytest.raises(SchemaError, match="Column without a name: name: Field required"):
            Schema([{"kind": "boolean", "name": "a"}, {"kind": "boolean"}])

    @pytest.mark.parametrize("data", [None, [], 5, "x"])
    def test_no_mapping(self, data):
        with pytest.raises(SchemaError, match="expected a mapping with the key 'columns'"):
            Schema.from_dict(data)

    def test_nothing_of_pydantic_shows(self):
        message = _refused(kind="numeric", bounds=[2, 1], decimals="x")
        assert "pydantic" not in message
        assert "input_value" not in message


class TestSchema:
    def test_completeness(self):
        assert Schema().is_complete
        assert Schema([Boolean(name="a"), Identifier(name="b")]).is_complete
        for column in (
            Numeric(name="a", bounds=(0, 1)),
            Numeric(name="a", decimals=0),
            Categorical(name="a"),
            Datetime(name="a", resolution="day"),
        ):
            assert not column.is_complete
            assert not Schema([Boolean(name="b"), column]).is_complete
        assert Categorical(name="a", categories=()).is_complete

    def test_access(self):
        schema = Schema([Boolean(name="a"), Numeric(name="b")])
        assert len(schema) == 2
        assert [column.name for column in schema] == ["a", "b"]
        assert "a" in schema
        assert "c" not in schema
        assert isinstance(schema["b"], Numeric)
        assert Schema()  # empty, and true all the same

    def test_unknown_column(self):
        with pytest.raises(SchemaError, match="schema: no column 'smokr'. Did you mean 'smoker'"):
            Schema([Boolean(name="smoker")])["smokr"]

    def test_frozen(self):
        schema = Schema([Numeric(name="a")])
        with pytest.raises(ValueError, match="frozen"):
            schema["a"].bounds = (0, 1)
        with pytest.raises(ValueError, match="frozen"):
            schema.target = "a"

    @pytest.mark.parametrize("n_rows", [1, 20_000, 10**12])
    def test_a_declared_number_of_rows_is_kept(self, n_rows):
        schema = Schema([Boolean(name="a")], n_rows=n_rows)
        for same in (
            Schema.from_yaml(schema.to_yaml()),
            Schema.from_dict(schema.to_dict()),
            schema.replace([]),
            schema.with_targets(["a"]),
        ):
            assert same.n_rows == n_rows
        assert "n_rows" not in Schema([Boolean(name="a")]).to_dict()

    @pytest.mark.parametrize("n_rows", [0, -5, 2.5, "many", True, 10**12 + 1, 10**400])
    def test_a_number_of_rows_that_is_none(self, n_rows):
        with pytest.raises(SchemaError, match="^schema: n_rows: ") as caught:
            Schema(n_rows=n_rows)
        assert len(str(caught.value)) < 200

    def test_replace_keeps_the_target(self):
        assert Schema([Boolean(name="a")], target="a").replace([Numeric(name="a")]).target == "a"


@pytest.mark.parametrize(
    ("name", "expected"), [("colums", " Did you mean 'columns'?"), ("zzz", ""), (5, ""), (None, "")]
)
def test_nearest(name, expected):
    assert nearest(name, ["columns", "target"]) == expected


def test_one_category_without_brackets_is_said_to_need_them():
    with pytest.raises(SchemaError, match=r"categories: expected a list such as \['Bern'\], got 'Bern'"):
        Schema.from_dict({"columns": {"town": {"kind": "categorical", "categories": "Bern"}}})
    with pytest.raises(SchemaError, match=r"decimals: expected less than or equal to 9, got 12"):
        Schema.from_dict({"columns": {"size": {"kind": "numeric", "decimals": 12}}})


class TestTargets:
    def test_one_target_has_a_short_form(self):
        short = Schema(target="a")
        assert (
            short
            == Schema(targets=["a"])
            == Schema(target="a", targets=["a"])
            == Schema(target="a", targets=[])
        )
        assert (short.target, short.targets) == ("a", ("a",))
        assert short.to_dict() == {"columns": {}, "target": "a"}
        assert Schema().targets == ()

    def test_the_first_of_several_is_the_target(self):
        schema = Schema([Boolean(name="a")], targets=["b", "a"], n_rows=5)
        assert (schema.target, schema.targets) == ("b", ("b", "a"))
        assert "targets=['b', 'a'],\n" in repr(schema)
        assert "target=" not in repr(schema)
        assert Schema.from_yaml(schema.to_yaml()) == Schema.from_dict(schema.to_dict()) == schema
        assert schema.replace([Boolean(name="a")]) == schema
        assert schema.with_targets(["a"]) == Schema([Boolean(name="a")], target="a", n_rows=5)
        assert schema.with_targets(["a"]).with_targets(["b", "a"]) == schema
        assert schema.with_targets(()).targets == ()

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"target": "a", "targets": ["a", "b"]}, "targets: expected target or targets, got both"),
            ({"target": "a", "targets": ["b"]}, "targets: expected target or targets, got both"),
            ({"targets": ["a", "b", "a"]}, "targets: expected each column once, got 'a' more than once"),
            ({"targets": "a"}, "targets: expected a list"),
            ({"targets": ""}, "targets: expected a list"),
            ({"targets": [1]}, "targets.0: expected a valid string"),
            ({"target": 1}, "target: expected a valid string"),
        ],
    )
    def test_what_is_no_list_of_targets_is_refused(self, given, message):
        with pytest.raises(SchemaError, match=message):
            Schema(**given)
        with pytest.raises(SchemaError, match=message):
            Schema.from_dict({"columns": {}, **given})


class TestLinesOfAFile:
    TEXT = """\
n_rows: 5000
columns:
  month: {kind: numeric, bounds: [1, 12], decimals: 0, nullable: false}
  day: {kind: numeric, bounds: [1, 31], decimals: 0, nullable: false}
  paid: {kind: numeric, bounds: [0, 10]}
rules:
- {low: month, high: 12}
"""

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ("bounds: [1, 12]", "bounds: [12, 1]", "schema: line 3: Column 'month': bounds: expected two"),
            (
                "kind: numeric, bounds: [0",
                "kind: number, bounds: [0",
                "schema: line 5: Column 'paid': kind: expected",
            ),
            ("high: 12", "high: 0", "schema: line 7: rules[0]: 'month' is at least 1 and 0 at most 0"),
            (
                "{low: month, high: 12}",
                "{column: paid, equals: day / 0}",
                "line 7: rules[0].equals: 'day / 0' divides by 0",
            ),
            (
                "{low: month, high: 12}",
                "{unique: [month, day]}",
                "line 7: rules[0]: its columns have 372 different values",
            ),
            ("5000", "many", "schema: line 1: n_rows: expected"),
        ],
    )
    def test_errors_name_the_line(self, old, new, said):
        assert old in self.TEXT
        with pytest.raises(SchemaError) as caught:
            Schema.from_yaml(self.TEXT.replace(old, new))
        assert said in str(caught.value)

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ("  paid:", "  piad:", "schema: line 5: Column 'piad': in the schema, but not in the table"),
            ("high: 12", "high: dya", "schema: line 7: rules[0].high: expected a column of the table"),
            (
                "high: 12",
                "high: town",
                f"schema: line 7: rules[0]: column 'town' has dtype {pd.Series(['a']).dtype}",
            ),
            (
                "{low: month, high: 12}",
                "{missing: town, when: {month: true}}",
                "line 7: rules[0].when.month: the column, declared as numeric (1 to 12), cannot hold True",
            ),
            ("rules:", "target: twon\nrules:", "schema: line 6: target: no column 'twon'"),
        ],
    )
    def test_so_do_errors_of_a_table_that_does_not_fit(self, old, new, said):
        schema = Schema.from_yaml(self.TEXT.replace(old, new))
        df = pd.DataFrame({"month": [1, 2], "day": [3, 4], "paid": [1.5, 2.5], "town": ["a", "b"]})
        for declared in (schema, schema.confirmed()):
            with pytest.raises(SchemaError) as caught:
                check_table(df, declared)
            assert said in str(caught.value)

    def test_schemas_of_several_files_are_equal(self):
        moved = Schema.from_yaml("\n\n" + self.TEXT)
        assert moved == Schema.from_yaml(self.TEXT)
        assert moved.model_copy(deep=True) == moved

    def test_room_is_not_known_where_cells_may_be_missing(self):
        text = self.TEXT.replace("{low: month, high: 12}", "{unique: [month, day]}").replace(
            ", nullable: false", "", 1
        )
        assert len(Schema.from_yaml(text).rules) == 1
