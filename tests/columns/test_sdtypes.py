"""SDV's metadata: what it says becomes a schema, a schema becomes metadata, and what is lost is told."""

from __future__ import annotations

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tabgan import (
    Boolean,
    Categorical,
    Constant,
    Datetime,
    Duration,
    Identifier,
    Numeric,
    Pii,
    Schema,
    TabGAN,
    Text,
    Time,
)
from tabgan.cli.app import app
from tabgan.columns import KINDS
from tabgan.errors import ConfigError, SchemaError

#: A table as SDV 2 describes one.
TABLE = {
    "primary_key": "guest",
    "columns": {
        "guest": {"sdtype": "id", "regex_format": "G_[0-9]{3}"},
        "mail": {"sdtype": "email", "pii": True},
        "has_rewards": {"sdtype": "boolean", "range_is_nullable": False},
        "room": {"sdtype": "categorical", "range_values": ["single", "double"]},
        "size": {"sdtype": "ordinal", "range_values": ["small", "large"]},
        "fee": {"sdtype": "numerical", "range_min": 0.0, "range_max": 99.5, "decimal_places": 2},
        "nights": {"sdtype": "numerical", "decimal_places": 0, "range_is_nullable": True},
        "arrival": {
            "sdtype": "datetime",
            "datetime_format": "%d %b %Y",
            "range_min": "01 Jan 2020",
            "range_max": "31 Dec 2026",
        },
        "note": {"sdtype": "unknown", "pii": True},
    },
}
GUESTS = {"METADATA_SPEC_VERSION": "V2", "tables": {"table": TABLE}, "relationships": []}

#: The same of SDV 1, as far as it can say it.
GUESTS_V1 = {
    "METADATA_SPEC_VERSION": "SINGLE_TABLE_V1",
    "primary_key": "guest",
    "columns": {
        "guest": {"sdtype": "id", "regex_format": "G_[0-9]{3}"},
        "mail": {"sdtype": "email", "pii": True},
        "has_rewards": {"sdtype": "boolean"},
        "room": {"sdtype": "categorical"},
        "size": {"sdtype": "categorical", "order": ["small", "large"]},
        "fee": {"sdtype": "numerical"},
        "nights": {"sdtype": "numerical", "computer_representation": "Int64"},
        "arrival": {"sdtype": "datetime", "datetime_format": "%d %b %Y"},
        "note": {"sdtype": "unknown", "pii": True},
    },
}


def several(**tables):
    return {
        "METADATA_SPEC_VERSION": "V2",
        "tables": tables,
        "relationships": [
            {
                "parent_table_name": "hotels",
                "parent_primary_key": "hotel",
                "child_table_name": "guests",
                "child_foreign_key": "hotel",
            }
        ],
    }


def told(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_metadata_of_one_table(caplog):
    schema = Schema.from_sdv(GUESTS)
    assert not told(caplog)
    assert schema.confirmed() == Schema(
        columns=[
            Identifier(name="guest", pattern="G_[0-9]{3}"),
            Pii(name="mail", provider="email"),
            Boolean(name="has_rewards", nullable=False),
            Categorical(name="room", categories=("single", "double")),
            Categorical(name="size", categories=("small", "large"), ordered=True),
            Numeric(name="fee", bounds=(0, 99.5), decimals=2),
            Numeric(name="nights", decimals=0, nullable=True),
            Datetime(
                name="arrival", format="%d %b %Y", bounds=("2020-01-01T00:00:00", "2026-12-31T00:00:00")
            ),
            Text(name="note", pattern="sdv-pii-[0-9a-z]{5}"),
        ]
    )


def test_metadata_of_sdv_1(caplog):
    schema = Schema.from_sdv(GUESTS_V1)
    assert not told(caplog)
    assert schema["nights"] == Numeric(name="nights", decimals=0)
    assert schema["size"] == Categorical(name="size", categories=("small", "large"), ordered=True)
    assert (schema["fee"], schema["room"]) == (Numeric(name="fee"), Categorical(name="room"))


def test_there_and_back(caplog):
    assert Schema.from_sdv(GUESTS).to_sdv() == GUESTS
    assert Schema.from_sdv(Schema.from_sdv(GUESTS).to_sdv()) == Schema.from_sdv(GUESTS)
    assert (
        Schema.from_sdv(GUESTS_V1).to_sdv(version="V1")["tables"]["table"]["columns"] == GUESTS_V1["columns"]
    )
    assert not told(caplog)
    assert Schema.from_sdv(GUESTS).to_sdv(version="V1")["tables"]["table"]["columns"] == GUESTS_V1["columns"]
    lines = "\n".join(told(caplog))
    lost = {
        "has_rewards": "nullable",
        "room": "categories",
        "fee": "bounds",
        "nights": "nullable",
        "arrival": "bounds",
    }
    assert all(f"Column '{name}': {key}." in lines for name, key in lost.items())
    with pytest.raises(ConfigError, match="expected V1 or V2, got 'V3'"):
        Schema().to_sdv(version="V3")


def test_a_fit_takes_it_only_once_somebody_looked_at_it():
    """SDV detects metadata on rows: kinds by their cells would be exact facts of the table."""
    schema = Schema.from_sdv(GUESTS)
    with pytest.raises(SchemaError, match="drafted: from rows"):
        TabGAN(schema=schema).check_schema(["fee"])
    TabGAN(schema=schema.confirmed()).check_schema([*TABLE["columns"]])


@pytest.mark.parametrize("version", ["V1", "MULTI_TABLE_V1", "V2"])
def test_one_of_several_tables(version, caplog):
    metadata = several(guests=TABLE, hotels={"columns": {"hotel": {"sdtype": "id"}}})
    metadata["METADATA_SPEC_VERSION"] = version
    assert Schema.from_sdv(metadata, table="guests") == Schema.from_sdv(GUESTS)
    lines = told(caplog)
    assert any("the table 'hotels'" in line for line in lines)
    assert any("relationships: guests.hotel to hotels.hotel" in line for line in lines)
    with pytest.raises(SchemaError, match="expected one table, got 2: guests, hotels"):
        Schema.from_sdv(metadata)
    with pytest.raises(SchemaError, match="no table 'guest'.*'guests'"):
        Schema.from_sdv(metadata, table="guest")


def test_the_only_one_of_several_tables():
    assert Schema.from_sdv(several(guests=TABLE) | {"relationships": []}) == Schema.from_sdv(GUESTS)


@pytest.mark.parametrize(
    ("column", "becomes", "lost"),
    [
        ({"sdtype": "categorical", "order_by": "alphabetical"}, {"kind": "categorical"}, "its order"),
        ({"sdtype": "ordinal", "high_cardinality": True}, {"kind": "categorical"}, "its order"),
        ({"sdtype": "numerical", "range_min": 0}, {"kind": "numeric"}, "the only end of its range"),
        ({"sdtype": "numerical", "decimal_places": 14}, {"kind": "numeric"}, "decimal_places"),
        ({"sdtype": "datetime", "range_min": "2020-01-01"}, {"kind": "datetime"}, "its range"),
        ({"sdtype": "datetime", "range_min": 3, "range_max": 4}, {"kind": "datetime"}, "its range"),
        (
            {"sdtype": "datetime", "range_min": "2020-01-01 00:00:00", "range_max": "2021-01-01"},
            {"kind": "datetime", "bounds": ["2020-01-01T00:00:00", "2021-01-01T00:00:00"]},
            None,
        ),
        ({"sdtype": "numerical", "computer_representation": "Float"}, {"kind": "numeric"}, None),
        (
            {"sdtype": "numerical", "computer_representation": "UInt8"},
            {"kind": "numeric", "decimals": 0},
            None,
        ),
        ({"sdtype": "numerical", "computer_representation": []}, {"kind": "numeric"}, None),
        ({"sdtype": "datetime"}, {"kind": "datetime"}, None),
        ({"sdtype": "datetime", "datetime_format": "%A"}, {"kind": "datetime"}, "datetime_format"),
        ({"sdtype": "datetime", "datetime_format": 3}, {"kind": "datetime"}, "datetime_format"),
        ({"sdtype": "id", "regex_format": "[A-Z]+"}, {"kind": "identifier"}, "regex_format '[A-Z]+'"),
        ({"sdtype": "id", "regex_format": "A"}, {"kind": "identifier"}, "regex_format 'A'"),
        ({"sdtype": "first_name"}, {"kind": "pii", "provider": "first_name"}, None),
        ({"sdtype": "address"}, {"kind": "pii", "provider": "street_address"}, "sdtype address"),
        ({"sdtype": "vin"}, {"kind": "text", "placeholder": "(vin)"}, "sdtype vin"),
        ({"sdtype": "vin", "pii": False}, None, "pii: false"),
        ({"sdtype": "unknown", "pii": False}, None, "pii: false"),
        ({"sdtype": "latitude", "pii": False}, {"kind": "numeric"}, None),
    ],
)
def test_sdtypes(column, becomes, lost, caplog):
    schema = Schema.from_sdv({"columns": {"a": column}})
    assert schema.confirmed() == Schema(columns=[] if becomes is None else [{"name": "a", **becomes}])
    lines = told(caplog)
    assert [lost in line and "Column 'a'" in line for line in lines] == ([] if lost is None else [True])


def test_what_belongs_to_several_columns(caplog):
    metadata = {
        "columns": {
            "lat": {"sdtype": "latitude", "pii": False},
            "lon": {"sdtype": "longitude", "pii": False},
            "street": {"sdtype": "street_address"},
            "city": {"sdtype": "city"},
            "customer": {"sdtype": "id"},
            "day": {"sdtype": "datetime"},
        },
        "column_relationships": [
            {"type": "gps", "column_names": ["lat", "lon"]},
            {"type": "address", "column_names": ["street", "city"]},
        ],
        "sequence_key": "customer",
        "sequence_index": "day",
    }
    schema = Schema.from_sdv(metadata)
    assert [place.geo for place in schema.geo] == [("lat", "lon")]
    assert schema.to_sdv()["tables"]["table"]["column_relationships"] == metadata["column_relationships"][:1]
    lines = "\n".join(told(caplog))
    for part in ("'address' of street, city", "sequence_key: 'customer'", "sequence_index: 'day'"):
        assert part in lines


def test_keys_that_are_told(caplog):
    columns = {"mail": {"sdtype": "email"}, "room": {"sdtype": "id"}}
    Schema.from_sdv({"columns": columns, "primary_key": "mail"})
    lines = told(caplog)
    assert any("'mail'" in line and "its place as a key" in line for line in lines)
    assert any("'room'" in line and "may repeat" in line for line in lines)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        [],
        {"fields": {}},
        {"tables": {}},
        {"tables": []},
        {"tables": {"a": 1}},
        {"columns": []},
        {"columns": {"a": "id"}},
        {"columns": {"a": {"type": "id"}}},
        {"columns": {"a": {"sdtype": 3}}},
        {"METADATA_SPEC_VERSION": "V3", "columns": {}},
        {"columns": {"a": {"sdtype": "numerical", "range_min": 3, "range_max": 1}}},
        {"columns": {"a": {"sdtype": "numerical", "range_min": "x", "range_max": "y"}}},
        {"columns": {"a": {"sdtype": "categorical", "range_values": [None]}}},
        {"METADATA_SPEC_VERSION": ["V2"], "columns": {}},
    ],
)
def test_what_is_no_metadata(metadata):
    with pytest.raises(SchemaError, match="expected|no table"):
        Schema.from_sdv(metadata) if isinstance(metadata, dict) else Schema.from_sdv({"columns": metadata})


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "[]", "3"])
def test_files_that_are_none(text, tmp_path):
    path = tmp_path / "metadata.json"
    path.write_text(text)
    with pytest.raises(SchemaError, match=r"metadata\.json: expected"):
        Schema.from_sdv(path)
    with pytest.raises(SchemaError, match="cannot be read"):
        Schema.from_sdv(tmp_path / "no.json")


JSON = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        3,
        -1,
        10**400,
        0.5,
        float("nan"),
        "",
        "a",
        "%Y",
        "2020-01-01",
        "[0-9]{2}",
        "[0-9]+",
    ]
    + [[], ["a"], ["a", "b"], [["a"]], [None], [1, "1", True], [{"a": 1}], {}, {"type": "gps"}]
    + [[{"type": "gps", "column_names": names}] for names in (["a", "b"], ["a", "a"], [["a"], "b"], 3, None)]
)
SDTYPES = [
    "numerical",
    "categorical",
    "ordinal",
    "boolean",
    "datetime",
    "id",
    "unknown",
    "email",
    "latitude",
    "x",
]
KEYS = ["range_min", "range_max", "range_values", "range_is_nullable", "decimal_places", "datetime_format"]
KEYS += ["regex_format", "order", "order_by", "pii", "computer_representation"]
DESCRIBED = st.builds(
    lambda sdtype, keys: {"sdtype": sdtype, **keys},
    st.sampled_from(SDTYPES),
    st.dictionaries(st.sampled_from(KEYS), JSON),
)


@pytest.mark.family
@given(
    st.dictionaries(st.sampled_from("ab"), DESCRIBED, min_size=1),
    st.dictionaries(
        st.sampled_from(
            ["primary_key", "alternate_keys", "sequence_key", "column_relationships", "relationships"]
        ),
        JSON,
    ),
)
def test_whatever_a_file_holds_it_is_read_or_refused_in_words(columns, others):
    try:
        schema = Schema.from_sdv({"columns": columns, **others})
    except SchemaError:
        return
    assert schema.drafted == "from rows"
    assert Schema.from_yaml(schema.to_yaml()) == schema


@pytest.mark.parametrize(
    "others",
    [
        {"primary_key": {"a": 1}},
        {"primary_key": [["a"]]},
        {"alternate_keys": "a"},
        {"alternate_keys": 3},
        {"alternate_keys": [["a"], {"a": 1}]},
        {"column_relationships": ["gps"]},
        {"column_relationships": {"type": "gps"}},
        {"column_relationships": [{"type": "gps", "column_names": 3}]},
        {"column_relationships": [{"type": "gps", "column_names": [["a"], "b"]}]},
        {"relationships": 3},
        {"relationships": ["a"]},
        {"sequence_key": ["a"]},
        {"METADATA_SPEC_VERSION": None, "primary_key": 3},
    ],
)
def test_keys_and_relations_of_another_form(others):
    columns = {
        "a": {"sdtype": "id"},
        "b": {"sdtype": "numerical", "range_min": 10**400, "range_max": 10**401},
    }
    del columns["b"]["range_min"]
    assert "a" in Schema.from_sdv({"columns": columns, **others})


#: A column of every kind, and what SDV's metadata has no place for.
COLUMNS = [
    (Numeric(name="a", bounds=(0, 9), multiple_of=0.5), "numerical", ["multiple_of"]),
    (Numeric(name="a", dtype="int16"), "numerical", ["dtype"]),
    (Numeric(name="a", format="$1,234.5"), "unknown", ["format", "its kind"]),
    (Categorical(name="a", categories=("x", "y"), unreleased="missing"), "categorical", ["unreleased"]),
    (Boolean(name="a", nullable=False), "boolean", []),
    (Datetime(name="a", resolution="day"), "datetime", ["resolution"]),
    (Duration(name="a"), "unknown", ["its kind"]),
    (Time(name="a", format="%H:%M"), "unknown", ["format", "its kind"]),
    (Constant(name="a", value="CH"), "unknown", ["value", "its kind"]),
    (Identifier(name="a", pattern="P{:06d}"), "id", []),
    (Identifier(name="a", recurrence=True), "id", ["recurrence"]),
    (Pii(name="a", provider="email", locale="de_DE"), "email", ["locale"]),
    (Text(name="a", pattern="[A-Z]{3}", unique=True), "id", ["unique"]),
    (Text(name="a", placeholder="(removed)"), "unknown", ["placeholder"]),
]


@pytest.mark.parametrize(("column", "sdtype", "lost"), COLUMNS)
def test_kinds(column, sdtype, lost, caplog):
    metadata = Schema(columns=[column]).to_sdv()
    assert metadata["tables"]["table"]["columns"]["a"]["sdtype"] == sdtype
    assert json.loads(json.dumps(metadata)) == metadata
    lines = told(caplog)
    assert len(lines) == len(lost)
    assert all(f"Column 'a': {key}" in line for key, line in zip(lost, lines, strict=True))


def test_every_kind_is_among_them():
    assert {type(column) for column, *_ in COLUMNS} == set(KINDS)


def test_running_numbers_have_a_pattern():
    def regex(**keys):
        schema = Schema(columns=[Identifier(name="a", **keys)])
        return schema.to_sdv()["tables"]["table"]["columns"]["a"].get("regex_format")

    assert regex(pattern="P-{:06d}x") == "P-[0-9]{6}x"
    assert regex(pattern="P{}") == "P[0-9]{1,9}"
    assert regex(pattern="N[0-9]{5}[A-Z]") == "N[0-9]{5}[A-Z]"
    assert regex() is None


def test_integers_of_sdv_1():
    schema = Schema(columns=[Numeric(name="a", dtype="uint8"), Numeric(name="b", dtype="Int32")])
    columns = schema.to_sdv(version="V1")["tables"]["table"]["columns"]
    assert [each["computer_representation"] for each in columns.values()] == ["UInt8", "Int32"]


def test_a_key_of_several_columns(caplog):
    columns = {"a": {"sdtype": "id"}, "b": {"sdtype": "id"}}
    Schema.from_sdv({"columns": columns, "primary_key": ["a", "b"]})
    assert any("a primary key of several columns" in line for line in told(caplog))


def test_what_a_table_loses(caplog):
    schema = Schema(
        columns=[Numeric(name="a"), Numeric(name="b")],
        target="b",
        entity="who",
        max_rows=2,
        n_rows=100,
        rules=[{"low": "a", "high": "b"}],
    )
    table = schema.to_sdv()["tables"]["table"]
    assert table["sequence_key"] == "who"
    assert "primary_key" not in table
    lines = "\n".join(told(caplog))
    assert all(f"{key}." in lines for key in ("targets", "max_rows", "n_rows", "rules"))


def test_commands(tmp_path, caplog):
    metadata, schema, back = (tmp_path / name for name in ("m.json", "s.yaml", "back.json"))
    metadata.write_text(json.dumps(GUESTS))
    run = CliRunner().invoke
    first = run(app, ["schema", "import", str(metadata), "-o", str(schema)])
    assert (first.exit_code, "a draft" in first.output) == (0, True)
    assert Schema.from_yaml(schema) == Schema.from_sdv(GUESTS)
    assert run(app, ["schema", "export", str(schema), "-o", str(back)]).exit_code == 0
    assert json.loads(back.read_text()) == GUESTS
    assert run(app, ["schema", "export", str(schema), "-o", str(back)]).exit_code == 2
    assert json.loads(run(app, ["schema", "export", str(schema)]).stdout) == GUESTS
    assert json.loads(
        run(app, ["schema", "export", str(schema), "--version", "V1"]).stdout
    ) == Schema.from_sdv(GUESTS).to_sdv(version="V1")
    assert run(app, ["schema", "export", str(schema), "--version", "V3"]).exit_code == 2
    assert run(app, ["schema", "import", str(tmp_path / "none.json")]).exit_code == 2
