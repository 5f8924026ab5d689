"""Text formats of moments: each is read, written back as it was, and told from all others by a vote."""

import datetime as dt
import itertools

import numpy as np
import pandas as pd
import pytest

from tabgan import Datetime
from tabgan.columns import KINDS, ballots, columns_of_votes, numerals, spellings, vote_counts
from tabgan.columns.formats import compiled
from tabgan.columns.kind import position_of
from tabgan.errors import SchemaError
from tabgan.table.draft import draft_schema

#: Text, the format in which a column of such text is read, and the moment.
TEXTS = [
    ("2020-01-31", "%Y-%m-%d", "2020-01-31"),
    ("2020-1-3", "%Y-%-m-%-d", "2020-01-03"),
    ("2020/01/31", "%Y/%m/%d", "2020-01-31"),
    ("2020.01.31", "%Y.%m.%d", "2020-01-31"),
    ("20200131", "%Y%m%d", "2020-01-31"),
    ("2020-01-31 14:05", "%Y-%m-%d %H:%M", "2020-01-31T14:05"),
    ("2020-01-31 14:05:09", "%Y-%m-%d %H:%M:%S", "2020-01-31T14:05:09"),
    ("2020-01-31T14:05:09", "%Y-%m-%dT%H:%M:%S", "2020-01-31T14:05:09"),
    ("2020-01-31T14:05", "%Y-%m-%dT%H:%M", "2020-01-31T14:05"),
    ("2020-01-31T14:05Z", "%Y-%m-%dT%H:%MZ", "2020-01-31T14:05"),
    ("2020-01-31T14:05:09Z", "%Y-%m-%dT%H:%M:%SZ", "2020-01-31T14:05:09"),
    ("2020-01-31T14:05:09.000Z", "%Y-%m-%dT%H:%M:%S.%3fZ", "2020-01-31T14:05:09"),
    ("2020-01-31 14:05:09.000000", "%Y-%m-%d %H:%M:%S.%f", "2020-01-31T14:05:09"),
    ("2020-01-31 14:05:09.0000000", "%Y-%m-%d %H:%M:%S.%7f", "2020-01-31T14:05:09"),
    ("2020-01-31 14:05:09.000000000", "%Y-%m-%d %H:%M:%S.%9f", "2020-01-31T14:05:09"),
    ("2020-01-31 14:05:09,000", "%Y-%m-%d %H:%M:%S,%3f", "2020-01-31T14:05:09"),
    ("2020-01-31 14:05:09+00:00", "%Y-%m-%d %H:%M:%S%:z", "2020-01-31T14:05:09"),
    ("2020-01-31 14:05:09.000000+00:00", "%Y-%m-%d %H:%M:%S.%f%:z", "2020-01-31T14:05:09"),
    ("2020-01-31T14:05:09+0000", "%Y-%m-%dT%H:%M:%S%z", "2020-01-31T14:05:09"),
    ("2020-01-31 14:05:09+00", "%Y-%m-%d %H:%M:%S%:::z", "2020-01-31T14:05:09"),
    ("2020-01-31 14:05:09 +0000", "%Y-%m-%d %H:%M:%S %z", "2020-01-31T14:05:09"),
    ("2020-01-31 14:05:09 UTC", "%Y-%m-%d %H:%M:%S UTC", "2020-01-31T14:05:09"),
    ("2020-01-31 2:05 PM", "%Y-%m-%d %-I:%M %p", "2020-01-31T14:05"),
    ("2020/01/31 14:05:09", "%Y/%m/%d %H:%M:%S", "2020-01-31T14:05:09"),
    ("01/31/2020", "%m/%d/%Y", "2020-01-31"),
    ("1/31/2020", "%-m/%-d/%Y", "2020-01-31"),
    ("31/01/2020", "%d/%m/%Y", "2020-01-31"),
    ("31/1/2020", "%-d/%-m/%Y", "2020-01-31"),
    ("1/31/20", "%-m/%-d/%y", "2020-01-31"),
    ("31/01/99", "%d/%m/%y", "1999-01-31"),
    ("1/31/2020 14:05", "%-m/%-d/%Y %H:%M", "2020-01-31T14:05"),
    ("1/31/2020 2:05 PM", "%-m/%-d/%Y %-I:%M %p", "2020-01-31T14:05"),
    ("1/31/2020 9:05", "%-m/%-d/%Y %-H:%M", "2020-01-31T09:05"),
    ("01/31/2020 02:05:09 PM", "%m/%d/%Y %I:%M:%S %p", "2020-01-31T14:05:09"),
    ("01/31/2020 2:05 pm", "%m/%d/%Y %-I:%M %P", "2020-01-31T14:05"),
    ("1/31/2020, 2:05:09 PM", "%-m/%-d/%Y, %-I:%M:%S %p", "2020-01-31T14:05:09"),
    ("31/01/2020 14:05:09", "%d/%m/%Y %H:%M:%S", "2020-01-31T14:05:09"),
    ("8/31/20 18:57", "%-m/%-d/%y %H:%M", "2020-08-31T18:57"),
    ("31.01.2020", "%d.%m.%Y", "2020-01-31"),
    ("31.1.2020", "%-d.%-m.%Y", "2020-01-31"),
    ("31.01.20", "%d.%m.%y", "2020-01-31"),
    ("31.01.2020 14:05", "%d.%m.%Y %H:%M", "2020-01-31T14:05"),
    ("31-01-2020", "%d-%m-%Y", "2020-01-31"),
    ("01-31-2020", "%m-%d-%Y", "2020-01-31"),
    ("31-01-2020 14:05", "%d-%m-%Y %H:%M", "2020-01-31T14:05"),
    ("31-Jan-2020", "%d-%b-%Y", "2020-01-31"),
    ("31-JAN-2020", "%d-%^b-%Y", "2020-01-31"),
    ("6-Aug-09", "%-d-%b-%y", "2009-08-06"),
    ("31JAN2020", "%d%^b%Y", "2020-01-31"),
    ("31JAN2020:14:05:09", "%d%^b%Y:%H:%M:%S", "2020-01-31T14:05:09"),
    ("31 Jan 2020", "%d %b %Y", "2020-01-31"),
    ("31 January 2020", "%d %B %Y", "2020-01-31"),
    ("3. January 2020", "%-d. %B %Y", "2020-01-03"),
    ("31 Jan 2020 14:05", "%d %b %Y %H:%M", "2020-01-31T14:05"),
    ("Jan 31, 2020", "%b %d, %Y", "2020-01-31"),
    ("June 2, 2018", "%B %-d, %Y", "2018-06-02"),
    ("Jan 31 2020", "%b %d %Y", "2020-01-31"),
    ("Fri, 31 Jan 2020", "%a, %d %b %Y", "2020-01-31"),
    ("Friday, January 31, 2020", "%A, %B %d, %Y", "2020-01-31"),
    ("Fri, 31 Jan 2020 14:05:09 +0000", "%a, %d %b %Y %H:%M:%S %z", "2020-01-31T14:05:09"),
    ("Fri, 31 Jan 2020 14:05:09 GMT", "%a, %d %b %Y %H:%M:%S GMT", "2020-01-31T14:05:09"),
    ("Fri Jan 31 14:05:09 2020", "%a %b %e %H:%M:%S %Y", "2020-01-31T14:05:09"),
    ("Fri Jan 31 14:05:09 +0000 2020", "%a %b %d %H:%M:%S %z %Y", "2020-01-31T14:05:09"),
    ("2020-03", "%Y-%m", "2020-03-01"),
    ("03/2020", "%m/%Y", "2020-03-01"),
    ("Mar 2020", "%b %Y", "2020-03-01"),
    ("Mar-20", "%b-%y", "2020-03-01"),
]

#: Text that is no moment, or not beyond doubt.
OTHERS = [
    *(
        "",
        " ",
        "now",
        "today",
        "NaT",
        "2020",
        "12:30",
        "1.5",
        "17",
        "1/3",
        "8/29",
        "1/86",
        "2-10",
        "195/60",
        "11-20%",
    ),
    *(
        "2020-13-01",
        "2020-02-30",
        "1/32/2020",
        "13/13/2020",
        "25:00",
        "2020-01-31 25:00",
        "2003-04",
        "1960-64",
        "2003-2004",
    ),
    *(
        "17-000003",
        "37-063-0015",
        "99999999",
        "20201301",
        "12340131",
        "Jan 29 - Feb 25",
        "Albania 99",
        "1.2.3.4",
        "a" * 99,
    ),
    *("2020-01-31 14:05:09 EST", "31 Foo 2020", "1º/1/2020", "２０２０-01-31", "2020-01-31\n"),
]


def second(moment: str) -> int:
    return int(np.datetime64(moment, "s").astype(np.int64))


def vote(texts, noise=0.0, untyped_text=True):
    counts = vote_counts(pd.Series(texts, dtype=object), untyped_text)
    return columns_of_votes({"x": counts.astype(float)}, {"x": "object"}, noise, untyped_text)["x"].column


@pytest.mark.family(keep=30)
@pytest.mark.parametrize(("text", "format_", "moment"), TEXTS)
def test_text_to_moment_to_text(text, format_, moment):
    column = vote([text] * 3)
    assert (column.kind, column.format) == ("datetime", format_)
    column = column.with_implied_precision()
    lattice, present = column.to_lattice(pd.Series([text]))
    assert present.all()
    assert column.seconds_of(lattice).tolist() == [second(moment)]
    encoder = column.with_range(int(lattice[0]), int(lattice[0])).encoder()
    assert encoder.inverse_transform(np.array([1, 0]), np.random.default_rng(0)).tolist() == [text, None]
    assert draft_schema(pd.DataFrame({"x": [text, text]}))["x"].format == format_


@pytest.mark.family
def test_every_spelling_is_written_as_it_is_read():
    """Over all cells of the vote, also those that no line above has: one text has one cell, whatever the day."""
    moments = np.array(
        [second(m) for m in ("1999-12-31T23:59:58", "2005-05-06T07:08:09", "2020-10-25T13:14:00")]
    )
    for spelling in sorted({spelling.format for spelling in spellings.spellings()}):
        format_ = compiled(spelling)
        assert format_.fault is None, spelling
        for text, moment in zip(format_.write(moments), moments.tolist(), strict=True):
            clock = format_.read(text)
            assert clock is not None, spelling
            assert format_.write(np.array([clock[0]])) == [text]
            kept = np.datetime64(moment, "s").astype(
                f"datetime64[{format_.resolution[0].upper().replace('S', 's')}]"
            )
            assert np.datetime64(clock[0], "s") <= np.datetime64(moment, "s")
            assert np.datetime64(clock[0], "s") >= kept - (59 if format_.resolution == "second" else 0)


#: Ends, signs and digits of numbers in text, in orders that people write and in others.
SIGNS = ("", "$", "€ ", "kr", "%", " %", "-", "+", "(", ".", "T", ":")
DIGITS = ("1", "01", "1,234", "1.234,5", "1 234", "1.5E+03")


def test_any_text_has_a_ballot():
    """Pitfall 35. ``$5%`` has the shape of a number and no form: it ended a fit that was charged."""
    find, size = position_of(ballots()[0]), len(ballots()[0])
    texts = {"".join(pieces) for pieces in itertools.product((*SIGNS, *DIGITS), repeat=3)}
    assert all(0 <= find(text, untyped_text) < size for text in texts for untyped_text in (True, False))


@pytest.mark.family
def test_labels_are_different_and_one_ballot_holds_a_text():
    of_all = ballots()[0]
    assert len({ballot.label for ballot in of_all}) == len(of_all)
    find = position_of(of_all)
    for value in (
        *(text for text, _, _ in TEXTS[::8]),
        *OTHERS[::8],
        1,
        1.5,
        True,
        dt.date(2020, 1, 1),
        dt.timedelta(1),
    ):
        for untyped_text in (True, False):
            holding = [i for i, ballot in enumerate(of_all) if ballot.holds(value, untyped_text)]
            assert find(value, untyped_text) == holding[0]


@pytest.mark.parametrize("text", OTHERS)
def test_text_that_is_no_moment(text):
    assert spellings.label_of(text, True) is None
    assert vote([text] * 3).kind != "datetime"


def dates(format_, n_rows=400, seed=0, step="D"):
    days = pd.Timestamp("2018-01-01") + pd.to_timedelta(
        np.random.default_rng(seed).integers(0, 900, n_rows), unit="D"
    )
    return compiled(format_).write(days.to_numpy().astype("datetime64[s]").astype(np.int64))


class TestMonthAndDay:
    @pytest.mark.parametrize("format_", ["%m/%d/%Y", "%d/%m/%Y", "%-m/%-d/%y", "%-d-%-m-%Y", "%m-%d-%Y"])
    @pytest.mark.parametrize("noise", [0.0, 8.0])
    def test_are_told_apart_by_the_rows_that_tell(self, format_, noise):
        assert vote(dates(format_), noise).format == format_

    def test_one_row_does_not_decide_beside_noise(self):
        texts = ["03/04/2020"] * 400 + ["31/01/2020"]
        assert vote(texts, 5.0).format == "%m/%d/%Y"
        assert vote(texts, 0.0).format == "%d/%m/%Y"

    @pytest.mark.parametrize(("text", "usual"), [("03/04/2020", "%m/%d/%Y"), ("03-04-2020", "%d-%m-%Y")])
    def test_undecided_is_the_usual_order_and_said(self, text, usual, caplog):
        assert vote([text] * 400, 5.0).format == usual
        other = {"%m/%d/%Y": "%d/%m/%Y", "%d-%m-%Y": "%m-%d-%Y"}[usual]
        assert f"read as {usual!r}" in caplog.text
        assert f"format: {other!r}" in caplog.text
        assert text not in caplog.text

    def test_rows_of_the_other_order_vote_against(self):
        texts = [*["31/01/2020"] * 40, *["01/31/2020"] * 60]
        assert vote(texts, 1.0).format == "%m/%d/%Y"
        assert vote([*texts, *["elsewhere"] * 30], 1.0).kind == "categorical"  # 60 of 130


def test_a_column_is_written_as_most_of_it_is():
    assert vote(dates("%-m/%-d/%Y"), 5.0).format == "%-m/%-d/%Y"  # October 10th has no zero to tell by
    assert vote([*dates("%Y-%m-%d"), "2020-1-3"], 5.0).format == "%Y-%m-%d"
    mixed = ["2020-01-31T14:05:09"] * 50 + ["2020-01-31T14:05:09.250"] * 50  # as Python writes them
    column = vote(mixed, 1.0)
    assert column.format == "%Y-%m-%dT%H:%M:%S.%3f"
    assert column.to_lattice(pd.Series(mixed))[1].all()
    assert vote(["May 5, 2020"] * 50 + ["June 5, 2020"] * 50, 1.0).format == "%B %-d, %Y"


def test_times_that_are_all_midnight_are_days(caplog):
    column = vote(["2020-01-31T00:00:00Z"] * 400, 5.0)
    assert (column.format, column.resolution) == ("%Y-%m-%dT%H:%M:%SZ", "day")
    column = vote(["2020-01-31T00:00:00Z"] * 400 + ["2020-01-31T06:00:00Z"] * 40, 5.0)
    assert column.with_implied_precision().resolution == "second"
    assert not caplog.text


def test_fractions_are_said_to_be_lost(caplog):
    vote(["2020-01-31T14:05:09.250"] * 9)
    assert "Column 'x': fractions of seconds are not kept" in caplog.text
    assert "250" not in caplog.text


class TestDigits:
    def test_are_dates_where_nearly_all_are(self):
        days = dates("%Y%m%d")
        assert vote(days, 3.0).format == "%Y%m%d"
        codes = [str(number) for number in np.random.default_rng(0).integers(19_000_000, 20_300_000, 900)]
        assert vote(codes, 3.0).kind == "numeric"
        assert vote([*days, *codes[:40]], 3.0).kind == "numeric"
        assert vote([*days, *codes[:40]], 3.0, untyped_text=False).kind == "categorical"

    def test_no_vote_is_lost(self):
        counts = vote_counts(pd.Series([*dates("%Y%m%d"), *["12345678"] * 60], dtype=object), True)
        counts = counts[:-1].astype(float)
        labels = [ballot.label for ballot in ballots()[0]]
        settled = Datetime.settled(labels, counts, 1.0)
        assert settled[labels.index("numerals")] == settled.sum() == counts.sum()


def test_noise_alone_adds_nothing_to_the_cells_of_dates():
    """There are a thousand of them: the positive parts of their noise would outvote a column's own cell."""
    labels = [ballot.label for ballot in ballots()[0]]
    rng, shapes = np.random.default_rng(0), {shape for shape, _, _ in numerals.forms()}
    is_no_shape = np.array([label not in shapes for label in labels])
    for _ in range(3):
        noisy = rng.normal(0, 10, len(labels))
        noisy[labels.index("numerals")] += 300
        settled = noisy
        for kind in KINDS:
            settled = kind.settled(labels, settled, 10.0)
        assert np.maximum(settled[is_no_shape], 0).sum() < 300 + 100
        noisy = np.append(noisy, 0.0)
        assert columns_of_votes({"x": noisy}, {"x": "object"}, 10.0, True)["x"].column.kind == "numeric"


class TestDeclared:
    @pytest.mark.parametrize(
        ("format_", "resolution"),
        [
            ("%Y-%m-%d %I:%M:%S %p", "second"),
            ("%d/%m/%Y %I:%M %p", "second"),
            *(
                (f, "second")
                for f in ("%Y-%m-%d %X", "%c", "%F %T", "%D %R", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M %Z")
            ),
            *((f, "day") for f in ("%Y-%m-%d", "%x", "%Y-%j", "%D", "%A %d %B %Y", "100%% %Y-%m-%d")),
            *(("%Y-%m", "month"), ("%Y", "year"), ("%y", "year")),
        ],
    )
    def test_a_format_decides_the_resolution(self, format_, resolution):
        column = Datetime(name="a", format=format_, dtype="object").with_implied_precision()
        assert column.resolution == resolution
        low = second("2001-02-03T16:05:00" if resolution == "second" else "2001-02-03")
        written = compiled(format_).write(np.array([low]))
        lattice, present = column.to_lattice(pd.Series(written))
        assert present.all()
        encoder = column.with_(bounds=("2001-02-03T16:05:00",) * 2).encoder()
        assert lattice.tolist() == encoder.edges[:1].tolist()
        assert encoder.inverse_transform(np.array([1]), np.random.default_rng(0)).tolist() == written

    @pytest.mark.parametrize(
        ("format_", "fault"),
        [
            *((f, "holds no year") for f in ("%H:%M", "%d.%m.", "%m/%d %H:%M", "", "dates", "%Q")),
            *((f, "holds no day, or no month") for f in ("%Y-%m %H:%M", "%Y-%d", "%Y %H:%M")),
            *((f, "no %p beside %I") for f in ("%Y-%m-%d %I:%M", "%Y-%m-%d %M")),
            *((f, "cannot be read back") for f in ("%Y %Y", "%Y-%s", "%b%Y%")),
        ],
    )
    def test_a_format_that_cannot_be_read_back_is_refused(self, format_, fault):
        with pytest.raises(
            SchemaError, match="'a': format: expected a format in which a moment can be written"
        ) as caught:
            Datetime(name="a", format=format_)
        assert fault in str(caught.value)

    def test_offsets_are_converted(self):
        column = Datetime(name="a", format="%Y-%m-%dT%H:%M:%S%z", resolution="second", dtype="object")
        texts = pd.Series(["2020-07-01T02:00:00+0200", "2020-07-01T00:00:00Z", "2020-06-30T19:00:00-05:00"])
        lattice, _ = column.to_lattice(texts)
        assert set(lattice.tolist()) == {second("2020-07-01")}
        encoder = column.with_(bounds=("2020-07-01T02:00+02:00", "2020-07-01T00:00Z")).encoder()
        assert encoder.inverse_transform(np.array([1]), np.random.default_rng(0)).tolist() == [
            "2020-07-01T00:00:00+0000"
        ]
        assert column.ahead_of_utc(texts).tolist() == [0, 0, 0]

    def test_years_of_two_digits(self):
        column = Datetime(name="a", format="%d.%m.%y", resolution="day", dtype="object")
        low, high = column.dtype_range()
        assert column.bounds_of(low, high) == ("1969-01-01T00:00:00", "2068-12-31T00:00:00")
        with pytest.raises(SchemaError, match="cannot hold"):
            column.with_(bounds=("1950-01-01", "2000-01-01")).check_output()

    def test_months_are_sampled_as_months(self):
        column = Datetime(name="a", dtype="object", format="%Y-%m", bounds=("2019-11", "2020-02"))
        column = column.with_implied_precision()
        encoder = column.encoder()
        assert encoder.n_values == 4
        drawn = encoder.inverse_transform(np.arange(1, 5), np.random.default_rng(0))
        assert drawn.tolist() == ["2019-11", "2019-12", "2020-01", "2020-02"]
        assert column.shown(second("2020-02-01")) == "2020-02"


class TestWordsForMissingValues:
    """Of a CSV that is read as text."""

    @pytest.mark.parametrize("word", ["NA", "None", "nan"])
    def test_alone_are_text(self, word):
        """They became numbers that are all missing."""
        assert vote([word] * 900, 10.0).kind == "categorical"

    def test_beside_few_numbers_are_missing(self):
        assert vote(["NA"] * 900 + ["7"] * 30, 10.0).kind == "numeric"
        assert vote(["NA"] * 900 + [" "] * 900 + ["7.5"] * 300, 10.0).kind == "numeric"

    def test_blank_cells_are_no_words(self):
        assert vote([" "] * 900, 10.0).kind == "numeric"

    def test_without_noise(self):
        assert vote(["NA"] * 9, 0.0).kind == "categorical"
        assert vote(["NA"] * 9 + ["7"], 0.0).kind == "numeric"
