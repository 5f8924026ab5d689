"""Losses of a fit in words: each that the released numbers show, and none of a column that lost nothing."""

import logging

import numpy as np
import pytest

from tabgan.columns.categorical import OTHER_LABEL
from tabgan.columns.vote import Verdict
from tabgan.schema import Boolean, Categorical, Numeric, Schema
from tabgan.table.coded import CodedColumn, code_column
from tabgan.table.codes import TableEncoder
from tabgan.table.losses import Hidden, Loss, losses_of, losses_of_release, say

N = 1_000.0


def coded(column, counts, edges=None):
    encoder = column.encoder() if edges is None else column.lattice_encoder(np.array(edges))
    return code_column(encoder, np.array(counts, dtype=float), 10.0, N, 8, 8, 1.0)


def found(*columns, target=None, is_private=True):
    schema = Schema([column.encoder.column for column in columns], target=target)
    return losses_of(TableEncoder(schema, columns), N, is_private=is_private)


TOWN = Categorical(name="town", categories=("Ulm", "Bonn"), dtype="object")


def town(pool, **options):
    return coded(TOWN.with_(**options), [0, 900 - pool, 100, np.nan])


@pytest.mark.parametrize(
    ("unreleased", "said"),
    [
        ("other", f"they show {OTHER_LABEL!r}"),
        ("missing", "their cells are missing"),
        ("redistribute", "others take their place"),
    ],
)
def test_categories_that_were_not_released(unreleased, said):
    (loss,) = found(town(300, unreleased=unreleased))
    assert (loss.column, loss.kind) == ("town", "unreleased")
    assert loss.share == pytest.approx(0.3, abs=0.02)
    assert "about 30% of the rows hold none of the 2 categories" in loss.text
    assert said in loss.text
    assert loss.remedy == "town: {kind: categorical, categories: [...]}"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("E-Mail", "{kind: pii, provider: email}"),
        ("Telefon", "{kind: pii, provider: phone_number}"),
        ("Name", "{kind: pii, provider: name}"),
        ("PLZ", "{kind: text}"),
        ("patient_id", "{kind: identifier}"),
        (
            "title",
            "{kind: identifier} if it is a key, {kind: text} if the form of its cells is enough, else title: "
            "{kind: categorical, categories: [...]}",
        ),
        (
            "finish_time",
            "{kind: identifier} if it is a key, {kind: text} if the form of its cells is enough, "
            "{kind: duration} for lengths of time such as 38:31:00, else finish_time: "
            "{kind: categorical, categories: [...]}",
        ),
    ],
)
def test_the_line_for_text_follows_from_its_name(name, line):
    (loss,) = found(coded(TOWN.with_(name=name, categories=()), [0, np.nan]))
    assert loss.remedy == f"{name}: {line}"


def test_no_category_at_all():
    (loss,) = found(coded(TOWN.with_(categories=()), [200, np.nan]))
    assert loss.share == pytest.approx(0.8)
    assert "no value is frequent enough to be released" in loss.text
    assert OTHER_LABEL in loss.text


def test_a_range_that_the_noise_hides():
    column = Numeric(name="age", dtype="float64", decimals=0)
    (loss,) = found(coded(column, [100, 0], edges=[0, 1]))
    assert (loss.kind, loss.share) == ("unseen", pytest.approx(0.9))
    assert loss.remedy == "age: {kind: numeric, bounds: [low, high]}"


@pytest.mark.parametrize(
    ("column", "counts"),
    [
        (Numeric(name="a", bounds=(7, 7), decimals=0, dtype="Int64"), [0, 1_000]),
        (Categorical(name="a", categories=("x",), dtype="object"), [0, 1_000, np.nan]),
    ],
)
def test_one_value_alone(column, counts):
    (loss,) = found(coded(column, counts))
    assert (loss.kind, loss.share) == ("constant", None)
    assert found(coded(column, counts), is_private=False) == ()  # without noise, it is the table's


@pytest.mark.parametrize(
    "column",
    [
        town(0),
        coded(Boolean(name="a", dtype="boolean"), [0, 500, 500]),
        coded(Numeric(name="a", bounds=(0, 9), decimals=0, dtype="Int64"), [0, 991] + [1] * 9),
        coded(Numeric(name="a", bounds=(0, 99), decimals=0, dtype="Int64"), [0, 1_000], edges=[0, 100]),
    ],
)
def test_columns_that_lost_nothing(column):
    assert found(column) == ()


@pytest.mark.parametrize(
    "column",
    [
        coded(TOWN.with_(categories=()), [N, np.nan]),
        coded(Numeric(name="age", dtype="float64", decimals=0), [N, 0], edges=[0, 1]),
    ],
)
def test_without_noise_a_column_of_missing_cells_has_nothing_to_lose(column):
    assert found(column, is_private=False) == ()
    assert found(column, is_private=True) != ()


@pytest.mark.parametrize("name", ["a,b", "yes", "a: b", "#", "1"])
def test_the_line_that_saves_a_column_is_yaml_under_columns(name):
    (loss,) = found(town(300, name=name))
    schema = Schema.from_yaml("columns:\n  " + loss.remedy.replace("...", "Ulm, Bonn, Kiel"))
    assert schema[name].categories == ("Ulm", "Bonn", "Kiel")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("county_fips", "{kind: categorical, categories: [...]} for codes, {kind: identifier} for keys"),
        ("zip", "{kind: categorical, categories: [...]} for codes, {kind: identifier} for keys"),
        ("customer_id", "{kind: identifier}"),
    ],
)
def test_codes_between_released_ones_are_told(name, line):
    """Of 7,424 numbers of schools, 3% of a sample's rows held one, and nothing was said."""
    column = Numeric(name=name, bounds=(0, 999), decimals=0, dtype="int64", nullable=False)
    (loss,) = found(coded(column, [0, 400, 600], edges=[0, 1, 1_000]))
    assert (loss.kind, loss.share) == ("unreleased", pytest.approx(0.6, abs=0.02))
    assert "about 60% of the rows hold some that were not released" in loss.text
    assert loss.remedy == f"{name}: {line}"


def test_other_numbers_and_codes_with_cells_of_their_own_are_no_loss():
    age = Numeric(name="age", bounds=(0, 999), decimals=0, dtype="int64", nullable=False)
    assert not found(coded(age, [0, 400, 600], edges=[0, 1, 1_000]))
    state = age.with_(name="state", bounds=(0, 1))
    assert not found(coded(state, [0, 400, 600]))
    weight = age.with_(name="weight_id", decimals=1)
    assert not found(coded(weight, [0, 400, 600], edges=[0, 1, 10_000]))


class TestOfRelease:
    """Losses that only the release of a table knows of."""

    AGE = coded(
        Numeric(name="age", bounds=(0, 99), decimals=0, dtype="Int64"), [0, 500, 500], edges=[0, 50, 100]
    )
    FLAG = coded(Numeric(name="flag", bounds=(0, 1), decimals=0, dtype="Int64"), [0, 500, 500])
    SCALE = coded(Numeric(name="scale", bounds=(1, 4), decimals=0, dtype="Int64"), [0] + [250] * 4)

    def found(self, hidden=0.0, lost=0.0, columns=(AGE, FLAG), missing=0.0, replaced=0.0):
        encoder = TableEncoder(Schema([column.encoder.column for column in columns]), columns)
        verdict = Verdict(columns[0].encoder.column, True, "age: {kind: categorical}", lost)
        return losses_of_release(
            encoder,
            N,
            {"age": verdict},
            dict.fromkeys(("age", "flag", "scale", "gone"), Hidden(hidden, missing, replaced)),
        )

    def test_rows_beyond_a_range(self):
        (loss,) = self.found(hidden=120.0)
        assert (loss.column, loss.kind, loss.share) == ("age", "ends", None)  # flags do not go on
        assert "up to 12% of the rows beyond either end" in loss.text
        assert loss.remedy == "age: {kind: numeric, bounds: [low, high]}"
        assert self.found(hidden=9.0) == ()
        (short,) = self.found(hidden=120.0, columns=(self.SCALE, self.FLAG))
        assert (short.column, short.kind) == ("scale", "ends")  # 0 to 9 may show as 1 to 6

    def test_rows_in_categories_that_noise_hides(self, caplog):
        column = Categorical(name="grade", categories=("A", "B"), dtype="object")
        grade = CodedColumn(
            column.encoder(), np.arange(4), np.array([0.0, 600, 400, 0]), np.ones(4, dtype=bool)
        )
        encoder = TableEncoder(Schema([column]), [grade])
        (loss,) = losses_of_release(encoder, N, {}, {"grade": Hidden(61.0)})
        assert (loss.column, loss.kind, loss.share) == ("grade", "ends", None)
        assert loss.text == (
            "noise may hide up to 10% of the rows in categories that were not released; others take their place"
        )
        assert loss.remedy == "grade: {kind: categorical, categories: [...]}"
        assert losses_of_release(encoder, N, {}, {"grade": Hidden(49.0)}) == ()
        say((loss, self.found(hidden=120.0)[0]), ["years"])
        assert [line[:6] for line in caplog.messages[0].splitlines()[1:]] == ["  grad", "  age:"]

    def test_missing_cells_that_noise_hides(self):
        age, flag = self.found(missing=20.0)
        assert age.text == "noise may hide up to 2% of the rows with a missing cell, which show a value"
        assert age.remedy == "age: {kind: numeric, nullable: false} if none is missing"
        assert flag.column == "flag"
        (age, flag) = self.found(hidden=120.0, missing=20.0)
        assert age.text == (
            "noise may hide up to 12% of the rows beyond either end of its range, which show the end, and up to 2% "
            "with a missing cell, which show a value"
        )
        assert self.found(missing=9.0) == ()

    def test_numbers_that_the_nearest_released_ones_stand_for(self):
        (age, _) = self.found(hidden=120.0, missing=20.0, replaced=230.0)
        assert (age.kind, age.share) == ("unreleased", 0.23)
        assert "about 23% of the rows hold numbers that were not released" in age.text
        assert Loss.of_release(age.to_dict(), ["age"]) == age

    def test_values_of_another_kind(self):
        (loss,) = self.found(hidden=120.0, lost=0.08)
        assert (loss.column, loss.kind, loss.share) == ("age", "converted", 0.08)
        assert (
            loss.text
            == "taken as numeric: about 8% of its values are something else, and come back as missing"
        )
        assert loss.remedy == "age: {kind: categorical}"
        assert self.found(lost=0.009) == ()

    def test_columns_whose_ranges_may_go_on_share_a_line(self, caplog):
        one = self.found(hidden=120.0)[0]
        other = Loss("years", "ends", None, one.text, "")
        say((one, other), ["years"])
        (said,) = caplog.messages
        assert "of 2 columns" in said
        assert "  age, years: noise may hide up to 12%" in said

    @pytest.mark.parametrize(
        "changed",
        [
            {"column": "gone"},
            {"kind": "unseen"},
            {"share": 1.5},
            {"text": 3},
            {"text": "\x1b[2J"},
            {"text": "x" * 400},
            {"remedy": ""},
            {"share": None},
            {"more": 1},
            {"kind": []},
        ],
    )
    def test_a_file_that_holds_others_is_refused(self, changed):
        (loss,) = self.found(lost=0.08)
        assert Loss.of_release(loss.to_dict(), ["age"]) == loss
        with pytest.raises((TypeError, ValueError)):
            Loss.of_release(loss.to_dict() | changed, ["age"])


@pytest.mark.parametrize(
    ("marks", "share"), [({}, 0.2), ({"<1": 0.0}, 0.1)], ids=["none was released", "one of them was"]
)
def test_limits_that_were_not_released_are_told(marks, share):
    dose = Numeric(
        name="dose", format="1234.5", marks=marks, bounds=(0, 2), decimals=0, dtype="object", nullable=False
    )
    column = coded(dose, [0, 100, 500, 400])
    line = "dose: {kind: numeric, format: '1234.5', marks: {ND: 0}}"
    verdict = Verdict(dose, True, "dose: {kind: categorical}", limits=0.2, marks_line=line)
    encoder = TableEncoder(Schema([dose]), [column])
    (loss,) = losses_of_release(encoder, N, {"dose": verdict}, {})
    assert (loss.kind, loss.remedy) == ("converted", line)
    assert loss.share == pytest.approx(share, abs=0.01)
    assert f"about {100 * share:.0f}% hold limits such as <0.6 that were not released" in loss.text
    assert losses_of_release(encoder, N, {"dose": verdict._replace(limits=0.105)}, {}) == () or not marks


@pytest.mark.parametrize(("doubtful", "is_told"), [(0.06, True), (0.03, False), (0.0, False)])
def test_missing_cells_that_may_hold_text_are_told(doubtful, is_told):
    """Rain of ``T`` in 7% of the rows: the noise of the vote may be all of its text, but more likely it is missing."""
    rain = Numeric(name="rain", bounds=(0, 2), decimals=0, dtype="float64")
    line = "rain: {kind: numeric, format: '1234.5', marks: {ND: 0}}"
    verdict = Verdict(rain, True, "rain: {kind: categorical}", marks_line=line, doubtful=doubtful)
    encoder = TableEncoder(Schema([rain]), [coded(rain, [70, 100, 430, 400])])
    losses = losses_of_release(encoder, N, {"rain": verdict}, {})
    assert [loss.share for loss in losses] == ([pytest.approx(0.07)] if is_told else [])
    for loss in losses:
        assert (
            "about 7% of its cells come back as missing, and some of them, or all, seem to hold text"
            in loss.text
        )
        assert loss.remedy == f"{line} if it stands for numbers, else rain: {{kind: categorical}}"


class TestWords:
    def test_a_lost_target_comes_first(self, caplog):
        y = coded(Categorical(name="y", categories=("x",), dtype="object"), [0, 1_000, np.nan])
        losses = found(town(300), y, target="y")
        assert [loss.column for loss in losses] == ["y", "town"]
        with caplog.at_level(logging.WARNING):
            say(losses, ["y"])
        first, second = caplog.messages
        assert first.startswith("The target 'y' is lost: one value alone stands out")
        assert "town: about 30%" in second

    def test_a_target_of_which_no_value_was_released_is_lost(self, caplog):
        y = coded(Categorical(name="y", categories=(), dtype="object"), [0, np.nan])
        say(found(y, target="y"), ["y"])
        assert caplog.messages[0].startswith("The target 'y' is lost: no value is frequent enough")
        assert len(caplog.messages) == 1

    def test_a_target_with_a_few_unreleased_classes_is_not_lost(self, caplog):
        say(found(town(300), target="town"), ["town"])
        assert "is lost" not in caplog.text
        assert "town: about 30%" in caplog.text

    def test_many_columns_are_cut(self, caplog):
        columns = [town(300, name=f"c{i}") for i in range(30)]
        say(found(*columns), [])
        assert "30 columns" in caplog.text
        assert "and 10 more: see losses_" in caplog.text

    def test_nothing_lost_nothing_said(self, caplog):
        say((), [])
        assert not caplog.messages
