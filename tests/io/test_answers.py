"""Samples as the same kind of thing as the table of the fit."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tabgan import Identifier, Schema, TabGAN
from tabgan.errors import ConfigError
from tabgan.io.answers import AnswerForm, answer_as
from tabgan.io.arrow_types import frame_of_arrow
from tabgan.io.data_source import in_one_frame
from tabgan.io.opening import open_table
from tabgan.model import loglinear
from tests.io.test_opening import TABLE

SCHEMA = Schema([Identifier(name="name", pattern="N{:03d}")])


@pytest.fixture(scope="module")
def model():
    rows = TABLE.select(["age", "town", "born", "name"]).to_pylist() * 20
    with pytest.MonkeyPatch.context() as patch:
        for name in ("POOL", "MIN_POOL", "FRESH"):
            patch.setattr(loglinear, name, 256)
        return TabGAN(None, schema=SCHEMA, random_state=0).fit(pa.Table.from_pylist(rows, SCHEMA_OF_ROWS))


SCHEMA_OF_ROWS = pa.schema([TABLE.schema.field(name) for name in ("age", "town", "born", "name")])


class TestSample:
    def test_arrow_for_arrow(self, model):
        table = model.sample(7)
        assert isinstance(table, pa.Table)
        assert table.num_rows == 7
        types = {name: str(type_) for name, type_ in zip(table.schema.names, table.schema.types, strict=True)}
        assert types == {
            "age": "int16",
            "town": "dictionary<values=string, indices=int32, ordered=0>",
            "born": "date32[day]",
            "name": "string",
        }
        assert json.loads(table.schema.metadata[b"tabgan.synthetic"])["n_rows"] == 7

    def test_another_kind_on_request(self, model):
        df = model.sample(7, as_="pandas")
        assert isinstance(df, pd.DataFrame)
        assert df["age"].dtype == "Int16"
        pd.testing.assert_frame_equal(frame_of_arrow(model.sample(7)), df, check_dtype=True)
        with pytest.raises(
            ConfigError,
            match="as_: expected one of 'pandas', 'arrow', 'polars', 'duckdb', 'ray', got 'numpy'",
        ):
            model.sample(7, as_="numpy")

    def test_polars(self, model):
        pl = pytest.importorskip("polars", reason="polars is not installed (extra polars)")
        frame = model.sample(7, as_="polars", label_column="made")
        assert frame.schema["age"] == pl.Int16
        assert frame.schema["town"] == pl.Categorical
        assert frame["made"].to_list() == [True] * 7

    def test_a_polars_frame_comes_back_with_its_types(self):
        pl = pytest.importorskip("polars", reason="polars is not installed (extra polars)")
        frame = pl.from_arrow(TABLE).with_columns(
            pl.col("name").cast(pl.Categorical), pl.col("age").cast(pl.Int8)
        )
        source = open_table(frame)
        assert answer_as(in_one_frame(source), "polars", source.answer).schema == frame.schema

    def test_batches(self, model):
        batches = list(model.sample_batches(5, 3))
        assert [batch.num_rows for batch in batches] == [3, 2]
        assert batches[0].schema == batches[1].schema

    def test_a_model_file_keeps_it(self, model, tmp_path):
        model.save(tmp_path / "m.tabgan")
        assert TabGAN.load(tmp_path / "m.tabgan").sample(7).equals(model.sample(7))


class TestForm:
    @pytest.mark.parametrize(
        "type_",
        [
            pa.int8(),
            pa.float32(),
            pa.large_string(),
            pa.string_view(),
            pa.date64(),
            pa.timestamp("ms", "UTC"),
            pa.time32("s"),
            pa.duration("us"),
            pa.decimal128(9, 2),
            pa.dictionary(pa.int8(), pa.large_string()),
            pa.null(),
        ],
    )
    def test_types_come_back(self, type_):
        schema = pa.schema([("a", type_)])
        form = AnswerForm.of_schema("arrow", schema)
        assert AnswerForm.from_dict(json.loads(json.dumps(form.to_dict()))) == form
        found = (
            answer_as(frame_of_arrow(pa.table({"a": pa.nulls(2, type_)})), "arrow", form)
            .schema.field("a")
            .type
        )
        wanted = pa.dictionary(pa.int32(), type_.value_type) if pa.types.is_dictionary(type_) else type_
        assert found == wanted

    def test_a_further_value_of_a_dictionary_changes_nothing(self):
        """Arrow numbers the 126 values of a category in 8 bits, and 127 in 16: one row may bring the further one."""
        towns = [pd.DataFrame({"town": pd.Categorical([f"town {i}" for i in range(n)])}) for n in (126, 127)]
        schemas = [pa.Schema.from_pandas(df) for df in towns]
        assert schemas[0].field("town").type != schemas[1].field("town").type
        forms = [AnswerForm.of_schema("arrow", schema) for schema in schemas]
        assert forms[0] == forms[1]
        assert "indices=int32" in forms[0].types["town"]

    def test_a_declared_dtype_goes_before_the_type_of_the_table(self):
        form = AnswerForm("arrow", {"a": "int8", "b": "date32[day]"})
        df = pd.DataFrame({"a": [0.5], "b": pd.Series(["1.1.2020"], dtype=object)})
        assert answer_as(df, "arrow", form).to_pydict() == {"a": [0.5], "b": ["1.1.2020"]}

    def test_values_keep_theirs(self):
        form = AnswerForm("arrow", {"a": "date32[day]", "b": "decimal128(9, 2)"})
        df = pd.DataFrame({"a": [dt.date(2020, 1, 1), None], "b": pd.Series([None, np.nan], dtype=object)})
        assert answer_as(df, "arrow", form).schema.types == [pa.date32(), pa.decimal128(9, 2)]

    @pytest.mark.parametrize(
        "data",
        [
            {},
            {"kind": "numpy", "types": {}},
            {"kind": "arrow", "types": {"a": "struct<x: int8>"}},
            {"kind": "arrow", "types": {}, "more": 1},
        ],
    )
    def test_no_form(self, data):
        with pytest.raises((ValueError, KeyError)):
            AnswerForm.from_dict(data)
