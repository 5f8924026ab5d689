"""Two columns that are one place, as a schema declares them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabgan.errors import SchemaError
from tabgan.rules import Geo
from tabgan.schema import Categorical, Numeric, Schema
from tabgan.table.checks import check_table


@pytest.mark.parametrize(
    "given", [[["lat", "lon"]], [("lat", "lon")], ["lat", "lon"], (Geo(("lat", "lon")),)]
)
def test_a_pair_is_a_pair_however_it_is_written(given):
    schema = Schema(geo=given)
    assert schema.geo == (Geo(("lat", "lon")),)
    assert Schema.from_yaml(schema.to_yaml()) == schema == schema.replace([])
    assert schema.to_dict()["geo"] == [["lat", "lon"]]
    assert "geo=[['lat', 'lon']]" in repr(schema)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("lat", r"geo: expected a list such as \[\[latitude, longitude\]\]"),
        ([["lat"]], r"geo\[0\]: expected a list of two different columns"),
        ([["lat", "lat"]], r"geo\[0\]: expected a list of two different columns"),
        ([["a", "b", "c"]], r"geo\[0\]: expected a latitude and a longitude"),
        ([["a", "b"], ["b", "c"]], "geo: column 'b' is part of two places"),
        ([["lat", 3]], r"geo\[0\]"),
    ],
)
def test_what_is_no_pair_is_refused(given, said):
    with pytest.raises(SchemaError, match=said):
        Schema(geo=given)


NUMBERS = [Numeric(name="lat", bounds=(46, 48)), Numeric(name="lon", bounds=(6, 10))]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"columns": [Categorical(name="lat"), NUMBERS[1]]},
            r"geo\[0\].latitude: column 'lat' is declared as categ",
        ),
        ({"columns": [NUMBERS[0], Numeric(name="lon", decimals=6)]}, r"geo\[0\].longitude: .*fewer decimals"),
        ({"columns": NUMBERS, "target": "lat"}, r"geo\[0\]: a column of it is a target"),
        (
            {"columns": NUMBERS, "rules": [{"columns": ["lat", "town"]}]},
            r"geo\[0\]: .*'lat' is made by rules\[0\]",
        ),
        ({"columns": NUMBERS, "rules": [{"column": "lon", "equals": "lat"}]}, "'lon' is made by"),
        ({"columns": [{"name": "lat", "kind": "identifier"}]}, "'lat' is generated"),
    ],
)
def test_what_cannot_be_a_place_is_refused(fields, said):
    with pytest.raises(SchemaError, match=said):
        Schema(**fields, geo=[["lat", "lon"]])


def test_the_table_has_to_have_both_and_of_numbers():
    df = pd.DataFrame({"lat": [1.0], "town": ["Ulm"]})
    with pytest.raises(SchemaError, match=r"geo\[0\].longitude.*'lon'"):
        check_table(df, Schema(geo=[["lat", "lon"]]))
    with pytest.raises(SchemaError, match=r"geo\[0\].longitude.*'town'.*declared as bool"):
        check_table(df.assign(town=True), Schema(geo=[["lat", "town"]]))
    check_table(df.assign(lon=np.nan), Schema(geo=[["lat", "lon"]]))
    as_text = df.assign(lat="46.1", lon="7")
    check_table(as_text, Schema(geo=[["lat", "lon"]]), untyped_text=True)


def test_nobody_declares_a_column_of_places():
    axes = NUMBERS
    with pytest.raises(SchemaError, match="declare geo"):
        check_table(
            pd.DataFrame({"x": [1.0]}),
            Schema([{"name": "x", "kind": "place", "axes": axes, "dtype": "float64"}]),
        )
