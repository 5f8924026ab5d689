"""Times of day go the whole way: schema, draft, vote, fit, sample, file, evaluation."""

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tabgan import Inequality, Schema, TabGAN, Time, evaluate
from tabgan.columns import ballots, columns_of_votes
from tabgan.columns.kind import position_of
from tabgan.columns.timeofday import TimeEncoder
from tabgan.errors import ConfigError, DataError, SchemaError
from tabgan.io import read_table
from tabgan.io.sinks import write_table
from tabgan.privacy.doors.digest import table_digest
from tabgan.table.checks import check_table
from tabgan.table.draft import draft_schema

#: Steps of an evaluation that are run here.
STEPS = ("validity_metrics",)


def objects(*values):
    return pd.Series(list(values), dtype=object)


def shifts(n_rows, seed):
    rng = np.random.default_rng(seed)
    quarters = np.clip(rng.normal(40, 8, n_rows), 0, 95).astype(int)
    start = objects(*(dt.time(quarter // 4, 15 * (quarter % 4)) for quarter in quarters.tolist()))
    start[rng.random(n_rows) < 0.2] = None
    return pd.DataFrame({"start": start, "ward": rng.choice(["a", "b"], n_rows)})


class TestSchema:
    def test_yaml_and_back(self):
        text = (
            "columns:\n  start: {kind: time, bounds: [08:00, 18:30], resolution: minute, format: '%H:%M'}\n"
        )
        schema = Schema.from_yaml(text)
        assert Schema.from_yaml(schema.to_yaml()) == schema
        assert schema["start"].declared_range() == (480, 1110)
        assert schema["start"].describe() == "08:00 to 18:30"

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"bounds": ("08:00", "noon")}, "two times of day such as"),
            ({"bounds": ("08:00", "24:00")}, "two times of day such as"),
            ({"bounds": ("18:00", "08:00")}, "the earlier one first"),
            ({"bounds": ("08:30", "18:00"), "resolution": "hour"}, "kept with resolution: hour"),
            ({"resolution": "day"}, "resolution: expected 'hour'"),
            ({"format": "%d %H:%M"}, "without a date or an offset"),
            ({"format": "%I:%M"}, "can be written and read back"),
            ({"format": "%H:%M%z"}, "without a date or an offset"),
            ({"format": "soon"}, "can be written and read back"),
        ],
    )
    def test_refused(self, fields, message):
        with pytest.raises(SchemaError, match=message):
            Time(name="start", **fields)

    def test_bounds_may_be_times(self):
        column = Time(name="start", bounds=(dt.time(8), dt.time(18, 45)), resolution="hour")
        assert column.declared_range() == (8, 18)

    def test_conditions_on_the_command_line(self):
        column = Time(name="start")
        assert column.parse("14:30", "--condition start") == dt.time(14, 30)
        assert column.parse("8:00:05", "--condition start") == dt.time(8, 0, 5)
        american = column.with_(format="%-I:%M %p")
        assert american.parse("14:30", "") == american.parse("2:30 PM", "") == "2:30 PM"
        with pytest.raises(ConfigError, match="--condition start: expected a time of day"):
            column.parse("noon", "--condition start")


class TestCells:
    @pytest.mark.parametrize(
        ("dtype", "format_"),
        [("object", None), ("time32[s][pyarrow]", None), ("time64[us][pyarrow]", None), ("object", "%I:%M %p"),
         ("string", "%-H:%M")],
    )  # fmt: skip
    def test_decode_after_encode_is_the_identity(self, dtype, format_):
        values = objects(dt.time(1, 30), None, dt.time(23), dt.time(0))
        if format_:
            values = values.map(lambda t: t.strftime(format_), na_action="ignore")
        series = values.astype(dtype)
        column = Time(
            name="start", dtype=dtype, format=format_, bounds=("00:00", "23:59"), resolution="minute"
        )
        encoder = column.encoder()
        assert isinstance(encoder, TimeEncoder)
        cells = encoder.transform(series)
        assert cells.tolist() == [91, 0, 1381, 1]
        back = encoder.inverse_transform(cells, np.random.default_rng(0))
        assert back.equals(series.rename("start"))

    def test_a_cell_that_is_none_is_missing_whatever_its_neighbours_are(self):
        cells = ["14:30", "9:05", "14:30:00", "24:00", 3, None, dt.time(14, 30), "a\0b"]
        lattice, present = Time(name="a", format="%H:%M").to_lattice(objects(*cells))
        assert lattice[present].tolist() == [52_200, 32_700, 52_200]  # a time is one, whatever its form
        assert present.tolist() == [True, True, False, False, False, False, True, False]

    def test_precision_is_the_coarsest_that_holds_a_value(self):
        values = objects(dt.time(1), dt.time(1, 30), dt.time(1, 30, 1), dt.time(1, 0, 0, 7), None)
        assert Time(name="a").precision_counts(values).tolist() == [1, 1, 2]

    def test_a_format_of_minutes_keeps_no_seconds(self):
        assert Time(name="a", format="%H:%M").with_implied_precision().resolution == "minute"
        assert (
            Time(name="a", format="%I %p", resolution="second").with_implied_precision().resolution == "hour"
        )
        assert Time(name="a", format="%H:%M:%S").with_implied_precision().resolution is None  # by a vote

    def test_refused_before_a_fit(self):
        table = pd.DataFrame({"start": objects(dt.time(8), dt.time(9, 30), None)})
        check_table(table, Schema([Time(name="start", bounds=("08:00", "09:30"), out_of_range="error")]))
        with pytest.raises(DataError, match="rows lie outside the declared bounds"):
            check_table(table, Schema([Time(name="start", bounds=("08:00", "09:00"), out_of_range="error")]))
        with pytest.raises(SchemaError, match="the table holds text. Set format, such as '%H:%M'"):
            check_table(pd.DataFrame({"start": ["08:00"]}), Schema([Time(name="start")]))
        with pytest.raises(DataError, match="expected text in the format '%H:%M'"):
            check_table(pd.DataFrame({"start": ["soon"]}), Schema([Time(name="start", format="%H:%M")]))
        with pytest.raises(SchemaError, match="dtype int64 cannot hold"):
            check_table(table, Schema([Time(name="start", dtype="int64")]))
        with pytest.raises(DataError, match="expected values of one kind, found text and times of day"):
            check_table(pd.DataFrame({"start": objects(dt.time(8), "08:00")}), Schema())

    def test_one_digest_for_objects_and_a_csv(self):
        typed = pd.DataFrame({"start": objects(dt.time(8, 30), None, dt.time(9, 0, 0, 5))})
        arrow = typed.astype(pd.ArrowDtype(pa.time64("us")))
        text = pd.DataFrame({"start": ["08:30:00", "", "09:00:00.000005"]})
        key = bytes(32)
        assert len({table_digest(table, key) for table in (typed, arrow, text)}) == 1
        assert table_digest(text.replace("08:30:00", "08:31:00"), key) != table_digest(text, key)


def voted(*cells, noise=1.0):
    """Return the column of a vote on cells, each so many times."""
    listed, _ = ballots()
    place, vote = position_of(listed), np.zeros(len(listed) + 1)
    for cell, times in cells:
        vote[place(cell, True)] += times
    return columns_of_votes({"a": vote}, {"a": "object"}, noise, True)["a"].column


class TestVote:
    @pytest.mark.parametrize(
        ("cells", "format_"),
        [
            ([("14:30", 300)], "%H:%M"),
            ([("09:05:00", 300), ("14:30:00", 300)], "%H:%M:%S"),
            ([("9:05", 60), ("14:30", 300)], "%-H:%M"),
            ([("9:05", 4), ("09:05", 300)], "%H:%M"),
            ([("9:05 AM", 300)], "%-I:%M %p"),
            ([("09:05 AM", 100), ("11:30 PM", 100)], "%I:%M %p"),
            ([("2:05:10 PM", 50), ("11:30:00 PM", 100)], "%-I:%M:%S %p"),
            ([("14:30", 300), ("n/k", 20)], "%H:%M"),
        ],
    )
    @pytest.mark.parametrize("noise", [0.0, 3.0])
    def test_finds_the_format(self, cells, format_, noise):
        column = voted(*cells, noise=noise)
        assert (column.kind, getattr(column, "format", None)) == ("time", format_)

    @pytest.mark.parametrize(
        "cells",
        [
            [("02:30", 300), ("26:30", 20)],  # hours and minutes, or minutes and seconds
            [("4:33", 300)],  # minutes and seconds, or a ratio
            [("14:30", 100), ("later", 100)],
            [("13:30 PM", 300)],
            [("14:60", 300)],
        ],
    )
    def test_other_text_stays_text(self, cells):
        assert voted(*cells).kind == "categorical"

    def test_hours_beyond_a_day_are_lengths_of_time(self):
        column = voted(("02:30:00", 300), ("26:30:00", 20))
        assert (column.kind, column.format) == ("duration", "26:03:00")

    def test_objects_are_told_by_their_type(self):
        assert voted((dt.time(9), 100)) == Time(name="a", dtype="object")

    def test_each_cell_has_one_ballot_of_its_own(self):
        listed, _ = ballots()
        for ballot in listed:
            if ballot.label.startswith("%") and ballot.label in ("%H:%M", "%-H:%M", "%I:%M %p", "%-I:%M %p"):
                example = {"%H:%M": "14:30", "%-H:%M": "9:30", "%I:%M %p": "09:30 PM", "%-I:%M %p": "9:30 PM"}
                assert [b.label for b in listed if b.label_of and b.holds(example[ballot.label], True)] == [
                    ballot.label
                ]


class TestDraft:
    def test_kinds(self):
        times = objects(dt.time(8, 30), dt.time(18), None)
        assert draft_schema(pd.DataFrame({"a": times}))["a"] == Time(name="a")
        arrow = times.astype(pd.ArrowDtype(pa.time32("s")))
        assert draft_schema(pd.DataFrame({"a": arrow}))["a"] == Time(name="a", dtype="time32[s][pyarrow]")
        assert draft_schema(pd.DataFrame({"a": ["9:30", "14:00"]}))["a"].format == "%-H:%M"
        for untyped_text, kind in ((False, "categorical"), (True, "duration")):
            cells = pd.DataFrame({"a": ["26:30:00", "12:30:00"]})
            assert draft_schema(cells, untyped_text=untyped_text)["a"].kind == kind
        assert draft_schema(pd.DataFrame({"a": ["08:30"] * 3}), untyped_text=True)["a"].kind == "time"

    def test_domain(self):
        drafted = draft_schema(pd.DataFrame({"a": ["08:30", "18:00"]}), with_domain=True)["a"]
        assert (drafted.resolution, drafted.declared_range()) == ("minute", (510, 1080))


@pytest.fixture(scope="module")
def model():
    return TabGAN(epsilon=8.0, adversary_share=0, random_state=0).fit(shifts(3_000, 0))


class TestWholeWay:
    def test_fit_and_sample(self, model):
        column = model.schema_["start"]
        assert (column.kind, column.resolution, column.dtype) == ("time", "minute", "object")
        sample = model.sample(2_000)["start"]
        present = sample.dropna()
        assert set(map(type, present)) == {dt.time}
        assert 0.15 < sample.isna().mean() < 0.25
        assert np.isclose(
            np.nanmean(column.read(sample)), np.nanmean(column.read(shifts(3_000, 0)["start"])), atol=900
        )
        assert np.mean([time.minute % 15 == 0 for time in present]) > 0.9
        assert (model.sample(5, conditions={"start": dt.time(9, 30)})["start"] == dt.time(9, 30)).all()

    def test_ranges_as_conditions(self, model):
        wanted = {"start": {"min": "09:00", "max": dt.time(10, 0)}}
        sample = model.sample(20, conditions=wanted)["start"]
        assert sample.between(dt.time(9), dt.time(10)).all()

    def test_files(self, model, tmp_path):
        model.save(tmp_path / "model.tabgan")
        sample = model.sample(50, random_state=1)
        assert TabGAN.load(tmp_path / "model.tabgan").sample(50, random_state=1).equals(sample)
        write_table(sample, tmp_path / "t.parquet")
        assert read_table(tmp_path / "t.parquet").equals(sample.astype({"ward": object}))
        write_table(sample, tmp_path / "t.csv", escape_formulas=True)
        read = read_table(tmp_path / "t.csv", as_text=True)["start"]
        assert Time(name="start", format="%H:%M:%S").read(read).tolist() == pytest.approx(
            model.schema_["start"].read(sample["start"]).tolist(), nan_ok=True
        )

    @pytest.mark.parametrize("type_", [pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")])
    def test_a_parquet_file_holds_them_in_any_unit(self, type_, tmp_path):
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"a": pa.array([dt.time(9, 30), None], type=type_)}), tmp_path / "t.parquet")
        assert read_table(tmp_path / "t.parquet")["a"].tolist() == [dt.time(9, 30), None]

    @pytest.mark.family
    def test_evaluation_and_rules(self):
        real, holdout = shifts(400, 2), shifts(200, 3)
        rule = Inequality("open", "start")
        tables = [table.assign(open=dt.time(0)) for table in (real, holdout, real)]
        found = evaluate(*tables, rules=[rule])
        assert (found["validity"].value, found["rules"].value) == (1, 1)
        worse = tables[2].assign(open=dt.time(23, 59))
        assert evaluate(*tables[:2], worse, rules=[rule])["rules"].value < 0.5
