from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from tabgan.errors import ConfigError, DataError
from tabgan.evaluation import FixedCombinations, Inequality, evaluate
from tabgan.evaluation.tables import prepare
from tabgan.evaluation.validity import check_columns, schema_validity, validity_metrics
from tabgan.schema import Boolean, Categorical, Datetime, Identifier, Numeric, Schema

#: The steps of an evaluation that are tested here.
STEPS = ("validity_metrics",)


def _valid(column, real, synthetic) -> float:
    real, synthetic = pd.DataFrame({"x": real}), pd.DataFrame({"x": synthetic})
    schema = None if column is None else Schema(columns=[column])
    return check_columns(prepare(real, real, synthetic, schema))["x"].valid


DAY, TEXT = dt.date(2020, 1, 1), "2020-01-01"


@pytest.mark.parametrize(
    ("column", "real", "synthetic", "share"),
    [
        (Numeric(name="x", bounds=(0, 9), decimals=0), [1, 2], [0, 9, 10, -1], 0.5),
        (Numeric(name="x", bounds=(0, 9), decimals=0), [1, 2], [0.5, 1.0, np.nan, np.inf], 0.5),
        (Numeric(name="x", bounds=(0, 9), decimals=0, nullable=False), [1, 2], [1.0, np.nan], 0.5),
        (Numeric(name="x", bounds=(0, 9), decimals=2), [1.0], [0.29, 1.15, 8.123, 7.0], 0.75),
        (Numeric(name="x", bounds=(0, 1e6), decimals=2), [1.0], np.float32([123456.78, 0.1]), 1.0),
        (Numeric(name="x", bounds=(0, 0.1), decimals=1), [0.1], np.float32([0.1, 0.2]), 0.5),
        (Numeric(name="x"), [1, 5], [1, 3, 6, 5], 0.75),
        (Numeric(name="x"), [1.5, 5.5], [2.5, 2.55], 0.5),
        (None, [1, 5], [1, None], 0.5),
        (Numeric(name="x"), [1, 5], ["1", "one"], 0.5),
        (Categorical(name="x", categories=("a", "b")), ["a", "z"], ["a", "b", "z", None], 0.75),
        (Categorical(name="x"), ["a", "z"], ["a", "b", "z", None], 0.75),
        (Categorical(name="x", categories=(1, 2)), [1, 2], [1.0, 2.0, np.nan, 3.0], 0.75),
        (Categorical(name="x", categories=("1",)), ["1"], ["1", 1], 0.5),
        (Boolean(name="x"), [True], [True, False], 1.0),
        (Boolean(name="x"), [True], [1, 0], 0.0),
        (Datetime(name="x", bounds=("2020-01-01", "2020-12-31")), [DAY], [DAY, dt.date(2021, 1, 1)], 0.5),
        (Datetime(name="x", format="%Y-%m-%d"), [TEXT], [TEXT, "01.01.2020", "?", None], 0.5),
        (
            Datetime(name="x", bounds=("2020-01-01", "2020-12-31"), resolution="day"),
            pd.to_datetime([TEXT]),
            pd.to_datetime(["2020-02-01 00:00", "2020-02-01 12:00"]),
            0.5,
        ),
        (Identifier(name="x"), [1, 2, 3], [1, 2, 2, None], 0.25),
        (None, [None, None], [None, None], 1.0),
    ],
)
def test_share_of_valid_cells(column, real, synthetic, share):
    assert _valid(column, real, synthetic) == share


def test_a_wall_clock_is_a_wall_clock_in_any_zone():
    column = Datetime(name="x", bounds=("2020-01-01", "2020-01-01T12:00"))
    noon = pd.to_datetime(["2020-01-01 12:00"]).tz_localize("Asia/Tokyo")
    assert _valid(column, noon, noon) == 1


def test_dtypes_and_identifiers():
    real = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "id": [1, 2], "when": pd.to_datetime([TEXT, TEXT])})
    synthetic = real.assign(a=[1.0, 2.0], id=[5, 5], when=real["when"].astype("datetime64[s]"))
    schema = Schema(columns=[Identifier(name="id"), Categorical(name="b", dtype="object")])
    tables = prepare(real, real, synthetic, schema)
    found = {metric.name: metric.value for metric in validity_metrics(tables, check_columns(tables))}
    assert (found["dtypes"], found["unique_ids"], found["validity"]) == (0.75, 0, 0.75)


class TestDeclared:
    """Of a schema that was completed with noise, only what was declared judges; the rest is read off the rows."""

    COMPLETED = Schema(
        columns=[
            Numeric(name="female", bounds=(0, 3), decimals=2, nullable=True),
            Categorical(name="town", categories=("Ulm", "Bonn", "Rome"), nullable=True),
            Datetime(name="day", bounds=("2019-01-01", "2021-12-31"), resolution="second", format="%Y-%m-%d"),
        ]
    )
    REAL = pd.DataFrame({"female": [0, 1], "town": ["Ulm", "Bonn"], "day": ["2020-01-01", "2020-12-31"]})

    def valid(self, declared, **cells):
        synthetic = pd.DataFrame({**self.REAL.to_dict("list"), **cells})
        tables = prepare(self.REAL, self.REAL, synthetic, self.COMPLETED)
        (name,) = cells
        return check_columns(tables, declared)[name].valid

    @pytest.mark.parametrize(
        ("cells", "by_rows"),
        [
            ({"female": [1, 2]}, 0.5),
            ({"female": [1, 0.25]}, 0.5),
            ({"female": [1, None]}, 0.5),
            ({"town": ["Ulm", "Rome"]}, 0.5),
            ({"town": ["Ulm", None]}, 0.5),
            ({"day": ["2020-02-02", "2021-01-01"]}, 0.5),
        ],
    )
    def test_the_rows_judge_what_was_not_declared(self, cells, by_rows):
        assert self.valid(None, **cells) == 1
        assert self.valid(Schema(), **cells) == by_rows
        name = next(iter(cells))
        assert self.valid(Schema(columns=[type(self.COMPLETED[name])(name=name)]), **cells) == by_rows
        assert self.valid(self.COMPLETED.replace([self.COMPLETED[name]]), **cells) == 1

    def test_in_the_whole_evaluation(self):
        synthetic = self.REAL.assign(female=[1, 2])
        found = evaluate(self.REAL, self.REAL, synthetic, schema=self.COMPLETED, declared=Schema())
        assert found["bounds"].value == pytest.approx(3 / 4)
        assert found.columns[0].valid == 0.5
        shareable, shares = schema_validity(synthetic, self.COMPLETED)
        assert (shares["female"], shareable[0].value) == (1.0, 1.0)
        assert "completed by values released with noise" in shareable[0].meaning

    def test_numbers_that_a_text_file_holds_keep_the_dtype_that_the_fit_gave_them(self):
        completed = Schema(
            columns=[Numeric(name="age", dtype="int64"), Categorical(name="town", dtype="object")]
        )
        real = pd.DataFrame({"age": ["30", "40"], "town": ["Ulm", "Bonn"]})
        synthetic = real.assign(age=[31, 39])
        found = evaluate(real, real, synthetic, schema=completed, declared=Schema())
        assert found["dtypes"].value == 1
        wrong = synthetic.assign(age=[31.5, 39])
        assert evaluate(real, real, wrong, schema=completed, declared=Schema())["dtypes"].value == 0.5


ASPECTS = ("types", "bounds", "precision", "categories", "missing_policy")
COLUMNS = {
    "age": Numeric(name="age", bounds=(0, 99), decimals=0, nullable=False, dtype="int64"),
    "amount": Numeric(name="amount", bounds=(0, 10), decimals=2),
    "day": Datetime(name="day", bounds=("2020-01-01", "2020-12-31"), resolution="day", format="%Y-%m-%d"),
    "town": Categorical(name="town", categories=("Ulm", "Bonn"), nullable=False),
    "flag": Boolean(name="flag"),
    "key": Identifier(name="key", pattern="P{}"),
}
SCHEMA = Schema(columns=list(COLUMNS.values()))


def _table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "age": [30, 40, 50, 60],
            "amount": [0.25, 1.5, 9.99, np.nan],
            "day": ["2020-02-03", "2020-02-04", None, "2020-12-31"],
            "town": ["Ulm", "Bonn", "Ulm", "Ulm"],
            "flag": [True, False, None, True],
            "key": ["P1", "P2", "P3", "P4"],
        }
    )


def _values(metrics) -> dict[str, float | str]:
    return {metric.name: metric.value if metric.reason is None else metric.reason for metric in metrics}


class TestAspects:
    @pytest.mark.family(keep=4)
    @pytest.mark.parametrize(
        ("column", "cells", "shares"),
        [
            ("age", [30, 40, 50, 200], {"bounds": 9 / 10}),
            ("age", [30, 40, 50, 60.5], {"precision": 9 / 10, "dtypes": 0.0}),
            ("age", [30, 40, None, 60], {"missing_policy": 7 / 8, "dtypes": 0.0}),
            ("age", [30, 40, "x", 60], {"types": 16 / 17, "dtypes": 0.0}),
            ("amount", [0.255, 1.5, -3, None], {"bounds": 9 / 10, "precision": 9 / 10}),
            ("day", ["2020-02-03", "2021-02-04", None, "2020-12-31"], {"bounds": 9 / 10}),
            ("day", ["2020-02-03", "soon", None, "2020-12-31"], {"types": 16 / 17}),
            ("town", ["Ulm", "Rome", "Ulm", "Ulm"], {"categories": 6 / 7}),
            ("town", ["Ulm", 7, "Ulm", "Ulm"], {"types": 16 / 17, "categories": 6 / 7}),
            ("town", ["Ulm", None, "Ulm", "Ulm"], {"missing_policy": 7 / 8}),
            ("flag", [True, "yes", None, True], {"types": 16 / 17, "categories": 6 / 7}),
            ("key", ["P1", "P2", "P2", "P4"], {"unique_ids": 0.5}),
        ],
    )
    def test_one_fault_shows_in_its_aspect_and_its_column(self, column, cells, shares):
        synthetic = _table().assign(**{column: pd.Series(cells)})
        metrics, columns = schema_validity(synthetic, SCHEMA)
        found = _values(metrics)
        expected = dict.fromkeys((*ASPECTS, "dtypes", "unique_ids"), 1.0) | shares
        assert {name: found[name] for name in expected} == pytest.approx(expected)
        assert [name for name, share in columns.items() if share < 1] == [column] or set(shares) == {"dtypes"}
        real = _table()
        checked = check_columns(prepare(real, real, synthetic, SCHEMA))
        house = _values(validity_metrics(prepare(real, real, synthetic, SCHEMA), checked))
        assert {name: house[name] for name in ASPECTS} == {name: found[name] for name in ASPECTS}
        assert {name: each.valid for name, each in checked.items()} == columns

    def test_what_the_schema_leaves_open_is_read_off_the_rows(self):
        real = _table()
        other = real.assign(age=[31, 99, 50, 60], town=["Ulm", "Rome", "Ulm", "Ulm"])
        found = {metric.name: metric for metric in evaluate(real, real, other).metrics}
        assert found["bounds"].value == pytest.approx(9 / 10)
        assert found["categories"].value < 1
        assert "read off the real and the holdout rows" in found["bounds"].meaning
        assert not any(found[name].is_shareable for name in ASPECTS)

    def test_reasons_where_nothing_is_to_be_checked(self):
        table = pd.DataFrame({"key": [1, 2, 3]})
        found = evaluate(table, table, table, schema=Schema(columns=[Identifier(name="key")]))
        assert all(found[name].reason for name in ASPECTS)
        assert found["validity"].value == 1


class TestSchemaAlone:
    def test_all_is_valid_and_may_go_out(self):
        metrics, columns = schema_validity(_table(), SCHEMA)
        assert [metric.name for metric in metrics] == ["validity", *ASPECTS, "dtypes", "unique_ids", "rules"]
        assert all(metric.is_shareable and metric.group == "validity" for metric in metrics)
        assert [metric.name for metric in metrics if metric.value != 1] == ["rules"]
        assert not any("real" in metric.meaning for metric in metrics)
        assert columns == dict.fromkeys(COLUMNS, 1.0)

    def test_index_order_and_types_of_the_table_do_not_matter(self):
        table = _table()[list(COLUMNS)[::-1]]
        table.index = [5, 5, 0, 1]
        assert schema_validity(table, SCHEMA)[0][0].value == 1

    @pytest.mark.parametrize(
        ("column", "missing"),
        [
            (Numeric(name="age", decimals=0), {"validity", "bounds"}),
            (Numeric(name="age", bounds=(0, 99)), {"validity", "precision"}),
            (Datetime(name="day", resolution="day"), {"validity", "bounds"}),
            (Datetime(name="day", bounds=("2020-01-01", "2020-12-31")), {"validity", "precision"}),
            (Categorical(name="town"), {"validity", "types", "categories"}),
        ],
    )
    def test_what_is_left_open_is_not_computed(self, column, missing):
        metrics, columns = schema_validity(
            _table(), Schema(columns=list((COLUMNS | {column.name: column}).values()))
        )
        reason = f"the schema leaves open what this needs of '{column.name}'"
        assert {metric.name for metric in metrics if metric.reason == reason} == missing
        assert set(columns) == set(COLUMNS) - {column.name}

    def test_rules_that_need_no_real_row(self):
        rules = [
            Inequality("amount", "age"),
            FixedCombinations(("town", "flag"), (("Ulm", True), ("Bonn", False))),
        ]
        assert _values(schema_validity(_table(), SCHEMA, rules)[0])["rules"] == 0.75
        found = _values(schema_validity(_table(), SCHEMA, [FixedCombinations(("town", "flag"))])[0])
        assert found["rules"] == "a rule leaves open which combinations are allowed"
        with pytest.raises(ConfigError, match=r"rules\[0\]\.low"):
            schema_validity(_table(), SCHEMA, [Inequality("agee", 3)])

    def test_without_dtypes(self):
        schema = Schema(columns=[Boolean(name="flag")])
        assert (
            _values(schema_validity(_table()[["flag"]], schema)[0])["dtypes"] == "the schema names no dtype"
        )

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda df: df.drop(columns="age"), "the synthetic table lacks 'age'. Declare or drop them"),
            (lambda df: df.assign(x=1), "the synthetic table has 'x' besides"),
            (lambda df: df.head(0), "expected rows and columns in the synthetic table"),
            (lambda df: df.to_dict(), "expected the synthetic table as a pandas DataFrame, got dict"),
            (lambda df: df.assign(town=[["Ulm"]] * 4), "'town': holds values that cannot be compared"),
        ],
    )
    def test_wrong_tables(self, change, message):
        with pytest.raises(DataError, match=message):
            schema_validity(change(_table()), SCHEMA)
