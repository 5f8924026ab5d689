"""SDV's metadata: what it says becomes a schema, a schema becomes metadata, and what is lost is told."""

from __future__ import annotations

import json
import logging

import pytest
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
from tabgan.errors import SchemaError

#: A table as SDV's documentation describes one.
GUESTS = {
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
        "METADATA_SPEC_VERSION": "V1",
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
            Boolean(name="has_rewards"),
            Categorical(name="room"),
            Categorical(name="size", categories=("small", "large"), ordered=True),
            Numeric(name="fee"),
            Numeric(name="nights", decimals=0),
            Datetime(name="arrival", format="%d %b %Y"),
            Text(name="note", pattern="sdv-pii-[0-9a-z]{5}"),
        ]
    )


def test_there_and_back(caplog):
    assert Schema.from_sdv(GUESTS).to_sdv() == GUESTS
    assert Schema.from_sdv(Schema.from_sdv(GUESTS).to_sdv()) == Schema.from_sdv(GUESTS)
    assert not told(caplog)


def test_a_fit_takes_it_only_once_somebody_looked_at_it():
    """SDV detects metadata on rows: kinds by their cells would be exact facts of the table."""
    schema = Schema.from_sdv(GUESTS)
    with pytest.raises(SchemaError, match="drafted: from rows"):
        TabGAN(schema=schema).check_schema(["fee"])
    TabGAN(schema=schema.confirmed()).check_schema([*GUESTS["columns"]])


@pytest.mark.parametrize("version", ["V1", "MULTI_TABLE_V1"])
def test_one_of_several_tables(version, caplog):
    metadata = several(guests=GUESTS, hotels={"columns": {"hotel": {"sdtype": "id"}}})
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
    assert Schema.from_sdv(several(guests=GUESTS) | {"relationships": []}) == Schema.from_sdv(GUESTS)


@pytest.mark.parametrize(
    ("column", "becomes", "lost"),
    [
        (
            {"sdtype": "categorical", "order_by": "alphabetical"},
            {"kind": "categorical"},
            "order_by: alphabetical",
        ),
        ({"sdtype": "numerical", "computer_representation": "Float"}, {"kind": "numeric"}, None),
        (
            {"sdtype": "numerical", "computer_representation": "UInt8"},
            {"kind": "numeric", "decimals": 0},
            None,
        ),
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
    assert schema.to_sdv()["column_relationships"] == metadata["column_relationships"][:1]
    lines = "\n".join(told(caplog))
    for part in ("address of street, city", "sequence_key: customer", "sequence_index: day"):
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
        {"METADATA_SPEC_VERSION": "V2", "columns": {}},
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


#: A column of every kind, and what SDV's metadata has no place for.
COLUMNS = [
    (Numeric(name="a", bounds=(0, 9), decimals=2), "numerical", ["bounds", "decimals"]),
    (Numeric(name="a", dtype="int16"), "numerical", []),
    (Numeric(name="a", format="$1,234.5"), "unknown", ["format", "its kind"]),
    (Categorical(name="a", categories=("x", "y")), "categorical", ["categories"]),
    (Boolean(name="a", nullable=False), "boolean", ["nullable"]),
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
    assert metadata["columns"]["a"]["sdtype"] == sdtype
    assert json.loads(json.dumps(metadata)) == metadata
    lines = told(caplog)
    assert len(lines) == len(lost)
    assert all(f"Column 'a': {key}" in line for key, line in zip(lost, lines, strict=True))


def test_every_kind_is_among_them():
    assert {type(column) for column, *_ in COLUMNS} == set(KINDS)


def test_running_numbers_have_a_pattern():
    (column,) = Schema(columns=[Identifier(name="a", pattern="P-{:06d}x")]).to_sdv()["columns"].values()
    assert column["regex_format"] == "P-[0-9]{6}x"
    assert "regex_format" not in Schema(columns=[Identifier(name="a")]).to_sdv()["columns"]["a"]


def test_what_a_table_loses(caplog):
    schema = Schema(
        columns=[Numeric(name="a"), Numeric(name="b")],
        target="b",
        entity="who",
        max_rows=2,
        n_rows=100,
        rules=[{"low": "a", "high": "b"}],
    )
    assert schema.to_sdv()["sequence_key"] == "who"
    assert "primary_key" not in schema.to_sdv()
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
    assert json.loads(run(app, ["schema", "export", str(schema)]).output) == GUESTS
    assert run(app, ["schema", "import", str(tmp_path / "none.json")]).exit_code == 2
