"""Constants: the declared value in every row; the table's own cells have no part in anything."""

import numpy as np
import pandas as pd
import pytest

from tabgan import Constant, Identifier, Numeric, Schema, TabGAN, evaluate
from tabgan.errors import DataError, SchemaError
from tabgan.table.checks import check_table

#: Steps of an evaluation that are run here.
STEPS = ("validity_metrics",)

N = 60


def table(**columns):
    rng = np.random.default_rng(0)
    return pd.DataFrame({"x": rng.integers(0, 3, N), **columns})


class TestSchema:
    @pytest.mark.parametrize("value", ["CH", 7, 0.5, True, None, ""])
    def test_yaml_and_back(self, value):
        schema = Schema([Constant(name="c", value=value)])
        again = Schema.from_yaml(schema.to_yaml())
        assert again == schema
        assert type(again["c"].value) is type(value)

    def test_null_is_a_column_that_is_always_missing(self):
        schema = Schema.from_yaml("columns: {c: {kind: constant, value: null}}")
        assert schema["c"] == Constant(name="c")
        assert (schema["c"].describe(), Constant(name="c", value=7).describe()) == (
            "always missing",
            "always 7",
        )

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"value": float("nan")}, "expected text, a finite number"),
            ({"value": [1]}, "Column 'c': value"),
            ({"nullable": False}, "value: null is a missing value"),
        ],
    )
    def test_refused(self, fields, message):
        with pytest.raises(SchemaError, match=message):
            Constant(name="c", **fields)


class TestOutput:
    @pytest.mark.parametrize(
        ("value", "dtype"),
        [
            ("CH", "object"), ("CH", "string"), ("CH", "category"), (7, "int64"), (7, "Int8"), (7, "float32"),
            (0.1, "float32"), (True, "boolean"), (True, "object"), ("2020-01-31", "datetime64[ns]"),
            ("2 days", "timedelta64[s]"), (None, "object"), (None, "Int64"), (None, "datetime64[ns]"),
        ],
    )  # fmt: skip
    def test_has_its_dtype(self, value, dtype):
        column = Constant(name="c", value=value, dtype=dtype)
        column.check_output()
        made = column.generate(3, 5)
        assert str(made.dtype) == dtype
        assert made.isna().all() if value is None else made.nunique() == 1
        assert column.is_generated(made).all()

    @pytest.mark.parametrize(
        ("value", "dtype"),
        [(300, "int8"), ("CH", "int64"), (None, "int64"), (None, "bool"), (7, "string"), ("x", "bool"), (1, "bool"),
         (0.5, "int64"), ("soon", "datetime64[ns]")],
    )  # fmt: skip
    def test_that_no_dtype_holds_is_refused(self, value, dtype):
        with pytest.raises(SchemaError, match=f"dtype {dtype}".replace("[", r"\[") + " cannot hold"):
            Constant(name="c", value=value, dtype=dtype).check_output()

    def test_other_cells_are_told(self):
        cells = pd.Series(["CH", "LI", None], dtype=object)
        assert Constant(name="c", value="CH").is_generated(cells).tolist() == [True, False, False]
        assert Constant(name="c").is_generated(cells).tolist() == [False, False, True]


@pytest.fixture(scope="module")
def model():
    schema = Schema(
        [
            Constant(name="note"),
            Constant(name="land", value="CH"),
            Identifier(name="key"),
            Numeric(name="x", bounds=(0, 2), decimals=0),
        ]
    )
    model = TabGAN(epsilon=50.0, schema=schema, adversary_share=0, random_state=0)
    return model.fit(table(note=[f"secret {i}" for i in range(N)], land="FR", key=np.arange(N)))


class TestWholeWay:
    def test_sample(self, model):
        sample = model.sample(9)
        assert sample.columns.tolist() == ["x", "note", "land", "key"]
        assert sample["note"].isna().all()
        assert set(sample["land"]) == {"CH"}
        with pytest.raises(
            DataError, match="column 'land' is a constant, which is generated and cannot be fixed"
        ):
            model.sample(1, conditions={"land": "CH"})

    def test_partial_rows_are_completed(self, model):
        rows = pd.DataFrame({"x": pd.Series([1, None], dtype="Int64"), "land": ["CH", None]})
        found = model.complete(rows)
        assert found["land"].tolist() == ["CH", "CH"]
        assert found["note"].isna().all()

    def test_nothing_is_spent_on_it(self, model):
        assert {name for entry in model.privacy_.entries for name in entry.columns} == {"x"}

    def test_model_file(self, model, tmp_path):
        model.save(tmp_path / "model")
        assert (
            TabGAN.load(tmp_path / "model").sample(9, random_state=1).equals(model.sample(9, random_state=1))
        )

    @pytest.mark.family
    def test_validity(self, model):
        real = table(land="CH")
        schema = Schema([Constant(name="land", value="CH")])
        found = evaluate(real, real, real, schema=schema)
        assert found["validity"].value == 1
        assert found["unique_ids"].reason == "no column is an identifier"
        assert evaluate(real, real, real.assign(land="FR"), schema=schema)["validity"].value == 0.5

    def test_any_cells_pass(self):
        check_table(table(c=[None] * N), Schema([Constant(name="c", value="x")]))
        check_table(table(c=np.arange(N)), Schema([Constant(name="c", value=3, nullable=False)]))
        with pytest.raises(SchemaError, match="dtype int64 cannot hold what is declared as constant"):
            check_table(table(c=np.arange(N)), Schema([Constant(name="c")]))

    def test_a_table_of_constants_has_nothing_to_learn(self):
        model = TabGAN(epsilon=50.0, schema=Schema([Constant(name="x", value=1)]))
        with pytest.raises(DataError, match="every column is an identifier or a constant"):
            model.fit(table())
