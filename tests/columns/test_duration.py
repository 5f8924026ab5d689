"""Durations go the whole way: schema, draft, fit, sample, file, evaluation, report."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from tabgan import Duration, Inequality, Schema, TabGAN, evaluate
from tabgan.columns.duration import DurationEncoder
from tabgan.errors import ConfigError, DataError, SchemaError
from tabgan.io import read_table
from tabgan.privacy.doors.digest import table_digest
from tabgan.table.checks import check_table
from tabgan.table.draft import draft_schema


def hours(*values, dtype="timedelta64[ns]"):
    return pd.Series([pd.NaT if v is None else pd.Timedelta(hours=v) for v in values]).astype(dtype)


def stays(n_rows, seed):
    rng = np.random.default_rng(seed)
    stay = pd.Series(pd.to_timedelta(rng.gamma(2, 20, n_rows).round(), unit="h"))
    stay[rng.random(n_rows) < 0.2] = pd.NaT
    return pd.DataFrame({"stay": stay, "ward": rng.choice(["a", "b"], n_rows)})


class TestSchema:
    def test_yaml_and_back(self):
        schema = Schema([Duration(name="stay", bounds=("0 days", "36 hours"), resolution="hour")])
        assert Schema.from_yaml(schema.to_yaml()) == schema
        assert schema["stay"].declared_range() == (0, 36)
        assert schema["stay"].describe() == "0 days to 36 hours"

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"bounds": ("0 days", "soon")}, "expected two durations such as"),
            ({"bounds": ("2 days", "1 day")}, "the shorter one first"),
            ({"bounds": ("1 hour", "2 hours"), "resolution": "day"}, "no duration with resolution: day"),
            ({"resolution": "week"}, "resolution: expected 'day'"),
        ],
    )
    def test_refused(self, fields, message):
        with pytest.raises(SchemaError, match=message):
            Duration(name="stay", **fields)

    def test_bounds_may_be_timedeltas(self):
        column = Duration(name="stay", bounds=(dt.timedelta(0), dt.timedelta(days=2)), resolution="day")
        assert column.declared_range() == (0, 2)

    def test_conditions_on_the_command_line(self):
        assert Duration(name="stay").parse("36 hours", "--condition stay") == pd.Timedelta(hours=36)
        with pytest.raises(ConfigError, match="--condition stay: expected a duration"):
            Duration(name="stay").parse("long", "--condition stay")


class TestCells:
    @pytest.mark.parametrize("dtype", ["timedelta64[ns]", "timedelta64[s]", "object", "string"])
    def test_decode_after_encode_is_the_identity(self, dtype):
        values = hours(1, None, 30, 0)
        if dtype == "string":
            values = values.astype(str).where(values.notna())
        series = values.astype(dtype)
        column = Duration(name="stay", dtype=dtype, bounds=("0 days", "2 days"), resolution="hour")
        encoder = column.encoder()
        assert isinstance(encoder, DurationEncoder)
        cells = encoder.transform(series)
        assert cells.tolist() == [2, 0, 31, 1]
        back = encoder.inverse_transform(cells, np.random.default_rng(0))
        assert str(back.dtype) == str(series.dtype)
        assert column.read(back)[[0, 2, 3]].tolist() == [3600, 108_000, 0]
        assert back.isna().tolist() == [False, True, False, False]

    def test_a_cell_that_is_none_is_missing_whatever_its_neighbours_are(self):
        column = Duration(name="stay", resolution="second")
        cells = [dt.timedelta(1), "1 days 00:00:01", "P1DT2S", "17", "1.5", 3, None, "a\0b"]
        lattice, present = column.to_lattice(pd.Series(cells, dtype=object))
        assert lattice[present].tolist() == [86_400, 86_401, 86_402]
        assert present.tolist() == [True] * 3 + [False] * 5

    @pytest.mark.parametrize("resolution", ["day", "hour", "minute", "second", "millisecond"])
    def test_bounds_of_any_range_are_read_back(self, resolution):
        column = Duration(name="stay", resolution=resolution)
        low, high = column.dtype_range()
        for ends in ((low, high), (low, low + 1), (high - 1, high), (-1, 1)):
            again = Duration.model_validate(column.with_range(*ends).model_dump())
            assert again.declared_range() == ends

    def test_far_ones_are_clipped_without_a_word(self):
        column = Duration(name="stay", dtype="timedelta64[ns]", resolution="day")
        far = pd.Series([np.timedelta64(2**62, "D"), pd.Timedelta.max, pd.Timedelta.min], dtype=object)
        assert column.of_text(far).isna().tolist() == [True, False, False]
        drafted = draft_schema(pd.DataFrame({"a": [pd.Timedelta.min, pd.Timedelta.max]}), with_domain=True)[
            "a"
        ]
        assert drafted.declared_range() == drafted.dtype_range()

    @pytest.mark.parametrize("text", ["106751 days 23:47:17", "PT1.2.3S", "1_000 days", "1 day 25"])
    def test_text_that_is_none(self, text):
        assert np.isnan(Duration(name="stay").read(pd.Series([text], dtype=object))).all()

    def test_precision_is_the_coarsest_that_holds_a_value(self):
        column = Duration(name="stay")
        values = pd.to_timedelta(pd.Series([86_400, 3_600, 60, 1, 0.001]), unit="s")
        assert column.precision_counts(values).tolist() == [1, 1, 1, 1, 1]
        assert (
            column.with_voted_precision(np.array([9.0, 9.0, 0.0, 0.0, 0.0]), 4.5, 2.75).resolution == "hour"
        )

    def test_refused_before_a_fit(self):
        table = pd.DataFrame({"stay": hours(1, 2, 90)})
        check_table(table, Schema([Duration(name="stay", bounds=("0 days", "4 days"), out_of_range="error")]))
        with pytest.raises(DataError, match="rows lie outside the declared bounds"):
            check_table(
                table, Schema([Duration(name="stay", bounds=("0 days", "1 day"), out_of_range="error")])
            )
        with pytest.raises(SchemaError, match="which takes durations or text; the table holds numbers"):
            check_table(pd.DataFrame({"stay": [1, 2]}), Schema([Duration(name="stay")]))
        with pytest.raises(SchemaError, match="dtype int64 cannot hold"):
            check_table(table, Schema([Duration(name="stay", dtype="int64")]))

    def test_one_digest_for_every_representation(self):
        typed = pd.DataFrame({"stay": hours(30, None, 1)})
        key = bytes(32)
        for other in (
            typed.astype("timedelta64[s]"),
            typed.astype(object),
            pd.DataFrame({"stay": ["1 days 06:00:00", "", "0 days 01:00:00"]}),
        ):
            assert table_digest(other, key) == table_digest(typed, key)
        assert table_digest(pd.DataFrame({"stay": hours(30, None, 2)}), key) != table_digest(typed, key)


class TestDraft:
    def test_kinds(self):
        assert draft_schema(pd.DataFrame({"a": hours(1, 2)}))["a"] == Duration(
            name="a", dtype="timedelta64[ns]"
        )
        assert draft_schema(pd.DataFrame({"a": hours(1, 2).astype(object)}))["a"].kind == "duration"
        assert draft_schema(pd.DataFrame({"a": ["1 days 00:00:00", "2 days"]}))["a"].kind == "duration"
        assert draft_schema(pd.DataFrame({"a": ["12:30:00", "13:00:00"]}))["a"].kind == "time"

    def test_domain(self):
        drafted = draft_schema(pd.DataFrame({"a": hours(1, 48)}), with_domain=True)["a"]
        assert drafted.resolution == "hour"
        assert drafted.declared_range() == (1, 48)


@pytest.fixture(scope="module")
def model():
    return TabGAN(epsilon=8.0, adversary_share=0, random_state=0).fit(stays(3_000, 0))


class TestWholeWay:
    def test_fit_and_sample(self, model):
        column = model.schema_["stay"]
        dtype = stays(1, 0)["stay"].dtype  # of another unit under pandas 3
        assert (column.kind, column.resolution, column.dtype) == ("duration", "hour", str(dtype))
        sample = model.sample(2_000)["stay"]
        assert (sample.dropna() >= pd.Timedelta(0)).all()
        assert sample.dtype == dtype
        assert 0.15 < sample.isna().mean() < 0.25
        assert abs(sample.mean() - stays(3_000, 0)["stay"].mean()) < pd.Timedelta(hours=3)
        assert (sample.dropna() % pd.Timedelta(hours=1) == pd.Timedelta(0)).all()
        assert (
            model.sample(5, conditions={"stay": pd.Timedelta(hours=20)})["stay"] == pd.Timedelta(hours=20)
        ).all()

    def test_model_file(self, model, tmp_path):
        model.save(tmp_path / "stays.tabgan")
        loaded = TabGAN.load(tmp_path / "stays.tabgan")
        assert loaded.sample(50, random_state=1).equals(model.sample(50, random_state=1))

    @pytest.mark.family
    def test_a_csv_is_read_as_such(self):
        text = stays(3_000, 1).astype(str).replace("NaT", None)
        model = TabGAN(epsilon=8.0, adversary_share=0, random_state=0).fit(text, untyped_text=True)
        assert model.schema_["stay"].dtype == "timedelta64[ns]"

    @pytest.mark.parametrize("as_text", [True, False])
    def test_a_csv_of_a_declared_dtype(self, tmp_path, as_text):
        path, wanted = tmp_path / "stays.csv", {"stay": "timedelta64[ns]"}
        path.write_text("stay,x\n1 days 02:00:00,1\nP1DT2H,1\n02:30:00,2\n,2\n")
        found = read_table(path, dtypes=wanted, as_text=as_text)["stay"]
        hours = [26.0, 26.0, 2.5, np.nan]
        assert found.equals(pd.Series(pd.to_timedelta(hours, unit="h"), name="stay").astype(wanted["stay"]))
        path.write_text("stay,x\n90,1\n1 days,1\n")
        with pytest.raises(DataError, match="cannot be read as timedelta64"):
            read_table(path, dtypes=wanted, as_text=as_text)

    @pytest.mark.family
    def test_evaluation_and_rules(self):
        real, holdout = stays(600, 2), stays(300, 3)
        rule = Inequality("least", "stay")
        tables = [table.assign(least=pd.Timedelta(0)) for table in (real, holdout, real)]
        found = evaluate(*tables, rules=[rule])
        assert found["validity"].value == 1
        assert found["rules"].value == 1
        worse = tables[2].assign(least=pd.Timedelta(days=99))
        assert evaluate(*tables[:2], worse, rules=[rule])["rules"].value < 0.5
        with pytest.raises(ConfigError, match="a duration"):
            evaluate(*tables, rules=[Inequality("stay", 3)])
