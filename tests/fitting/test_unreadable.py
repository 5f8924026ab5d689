"""Cells that no library can read: a fit passes, or refuses the table before it has charged anything."""

from __future__ import annotations

import datetime as dt
import re
import traceback
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tabgan.columns.categorical import OTHER_LABEL
from tabgan.errors import DataError, TabGANError, UnexpectedError
from tabgan.fitting import fit as fitting
from tabgan.schema import Boolean, Categorical, Datetime, Duration, Identifier, Numeric, Schema, Text, Time
from tabgan.synthesizer import TabGAN
from tabgan.table.partitions import FrameParts
from tabgan.table.spooled import check_any, spooled

SECRET = "Zanzibar-4711"
FAR = pd.Timestamp(np.datetime64("20000-01-01", "s"))
EAST, WEST = (dt.timezone(dt.timedelta(hours=hours)) for hours in (23, -23))
N_ROWS = 300


class Hostile(float):
    """A number that cannot be converted."""

    def __float__(self):
        raise RuntimeError(SECRET)


def _arrow(values: list, type_: pa.DataType, stored: pa.DataType | None = None) -> pd.Series:
    array = pa.array(values, stored or type_).cast(type_)
    return pd.Series(pd.arrays.ArrowExtensionArray(array))


def _objects(*values: object) -> pd.Series:
    return pd.Series(list(values), dtype=object)


COLUMNS = {
    "shapes of numbers without a form": _objects("$5%", "1,234%", "€1 234", "$1.50E+03", "1.234,50 kr"),
    "year 20000": _objects(FAR, dt.datetime(2000, 1, 1)),
    "far NumPy moments": _objects(*(np.datetime64(2**62, unit) for unit in ("Y", "D", "m", "ns"))),
    "zones": _objects(dt.datetime(1, 1, 1, tzinfo=EAST), dt.datetime(9999, 12, 31, tzinfo=WEST)),
    "dates": _objects(dt.date(1, 1, 1), dt.date(9999, 12, 31)),
    "datetime64[s]": pd.Series(np.array(["20000-01-01", "2000-01-01"], "datetime64[s]")),
    "Arrow moments": _arrow([10**12, 0, None], pa.timestamp("s")),
    "Arrow moments with a zone": _arrow([10**12, 0], pa.timestamp("s", "Europe/Zurich")),
    "Arrow dates": _arrow([10**8, 0, None], pa.date32(), pa.int32()),
    "Arrow integers": _arrow([2**63 - 1, None], pa.int64()),
    "Arrow booleans": _arrow([True, None], pa.bool_()),
    "Arrow text": _arrow([SECRET, None], pa.string()),
    "Arrow dictionary": pd.Series(pd.arrays.ArrowExtensionArray(pa.array(["a", SECRET]).dictionary_encode())),
    "Arrow lists": _arrow([[1], [2]], pa.list_(pa.int64())),
    "shortest duration": pd.Series([pd.Timedelta.min, pd.Timedelta(days=1)]),
    "far durations": _objects(np.timedelta64(2**62, "s"), pd.Timedelta(days=-106751.5), pd.Timedelta.max),
    "timedelta64[s]": pd.Series(np.array([2**60, -(2**60), 7], "timedelta64[s]")),
    "units of NumPy's durations": _objects(*(np.timedelta64(5, unit) for unit in ("Y", "M", "D", "as"))),
    "written durations": _objects("106751 days 23:47:17", "-106751 days +00:00:01", "1 days"),
    "times of day": _objects(dt.time(0), dt.time(23, 59, 59, 999_999, tzinfo=EAST), dt.time(9, fold=1)),
    "Arrow times": _arrow([86_399_999_999_999, 1, None], pa.time64("ns")),
    "written times": _objects("24:00", "23:59:60", "9:5", "\u0661\u0662:30", "00:00", "99:00 AM", "-1:00"),
    "text of NumPy": _objects(np.str_("1 days"), "1 days", np.str_("x")),
    "attoseconds": _objects(np.datetime64(5, "as"), dt.datetime(2000, 1, 1)),
    "signalling NaN": _objects(Decimal("sNaN"), Decimal(1)),
    "integers too large": _objects(10**400, 1),
    "5,000 digits": _objects(10**5000, 1),
    "fractions": _objects(Fraction(10**400, 7), Fraction(1, 3)),
    "decimals": _objects(Decimal("1E-999999"), Decimal("1.5")),
    "hostile numbers": _objects(Hostile(1), 2.0),
    "extreme integers": pd.Series([2**63 - 1, -(2**63), None], dtype="Int64"),
    "extreme floats": pd.Series([1.7e308, -1.7e308, 5e-324, np.nan]),
    "NaN that is not missing": pd.Series(pd.arrays.FloatingArray(np.array([np.nan, 1.0]), np.zeros(2, bool))),
    "single floats": pd.Series([3e38, 1e-45], dtype="float32"),
    "surrogates": _objects("\ud800", "a"),
    "null characters": _objects("a\0", "a", "\x1b"),
    "bytes": _objects(b"1", b"2"),
    "text": _objects("1" + "0" * 5000, "1e400", "20000-01-01", "9999-12-31", "nan", "", "=1+1", "\u0663"),
    "numbers as text": _objects("9" * 400, "1", "2"),
    "categories": pd.Series(["a\0b", SECRET], dtype="category"),
    "nothing": _objects(None, None),
}  # fmt: skip

DECLARED = {
    "open": None,
    "numeric": Numeric(name="a", bounds=(0, 10)),
    "smallest steps": Numeric(name="a", multiple_of=1e-300),
    "boolean": Boolean(name="a"),
    "datetime": Datetime(name="a"),
    "text moments": Datetime(name="a", format="%Y-%m-%d"),
    "categorical": Categorical(name="a"),
    "duration": Duration(name="a"),
    "time": Time(name="a"),
    "text times": Time(name="a", format="%I:%M %p"),
    "keys of several rows": Identifier(name="a", recurrence=True),
    "templates": Text(name="a"),
}


def _fit(series: pd.Series, declared: object, *, untyped_text: bool) -> None:
    """Fit a table of one column, of which an error may only come before the first charge, and quote nothing."""
    rows = series.iloc[np.arange(N_ROWS) % len(series)].reset_index(drop=True)
    schema = None if declared is None else Schema([declared])
    model = TabGAN(5.0, schema=schema, adversary_share=0.0, random_state=0)
    refused: TabGANError | None = None
    try:
        model.fit(pd.DataFrame({"a": rows, "b": np.arange(N_ROWS) % 3}), untyped_text=untyped_text)
    except TabGANError as error:
        refused = error
    if refused is not None:
        assert not isinstance(refused, UnexpectedError), refused
        assert not hasattr(model, "privacy_"), refused
        assert not any(cell in str(refused) for cell in (SECRET, "20000", "e308", "sNaN", "9999"))


@pytest.mark.parametrize(("place", "name"), list(enumerate(COLUMNS)))
@pytest.mark.family(keep=1)
def test_no_cell_stops_a_fit_that_was_charged(place, name):
    """Pitfall 35: each column open, and under one declaration in turn."""
    kinds = [declared for declared in DECLARED.values() if declared is not None]
    _fit(COLUMNS[name], None, untyped_text=False)
    _fit(COLUMNS[name], None, untyped_text=True)
    _fit(COLUMNS[name], kinds[place % len(kinds)], untyped_text=False)


@pytest.mark.family
@pytest.mark.parametrize("name", COLUMNS)
def test_no_cell_stops_a_fit_whatever_is_declared(name):
    """Pitfall 35."""
    for declared in DECLARED.values():
        _fit(COLUMNS[name], declared, untyped_text=False)
    _fit(COLUMNS[name], None, untyped_text=True)
    _fit(COLUMNS[name], DECLARED["numeric"], untyped_text=True)


@pytest.mark.family(keep=12)
@pytest.mark.parametrize("name", COLUMNS)
def test_a_table_in_parts_is_refused_where_a_frame_is_and_in_the_same_words(name):
    df = pd.DataFrame({"a": COLUMNS[name].iloc[np.arange(20) % len(COLUMNS[name])].reset_index(drop=True)})

    def said(table: object) -> str:
        try:
            with spooled(table, Schema()) as read:
                check_any(read, Schema())
        except TabGANError as error:
            return str(error)
        return ""

    assert said(FrameParts(df, 7)) == said(df)


@pytest.mark.family(keep=1)
@pytest.mark.parametrize("name", ["year 20000", "Arrow moments", "Arrow dates", "far NumPy moments"])
def test_a_column_with_a_far_moment_is_learnt(name):
    """Pitfall 35."""
    rows = COLUMNS[name].iloc[np.arange(N_ROWS) % 2].reset_index(drop=True)
    model = TabGAN(5.0, adversary_share=0.0, random_state=0).fit(pd.DataFrame({"a": rows}))
    assert model.schema_["a"].kind == "datetime"


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"unreleased": "other"},
        {"unreleased": "missing"},
        {"unreleased": "redistribute"},
        {"unreleased": {"list": ["q", "r"]}},
        {"ordered": True},
    ],
    ids=str,
)
def test_a_category_that_is_the_label_of_others_stops_no_fit(form):
    """Pitfall 35: a table may be a model's sample. Where no cell shows the label, it is a category like others."""
    rows = _objects("x", "y", OTHER_LABEL).iloc[np.arange(N_ROWS) % 3].reset_index(drop=True)
    column = Categorical(name="a", **form)
    model = TabGAN(20.0, schema=Schema([column]), adversary_share=0.0, random_state=0)
    shares = model.fit(pd.DataFrame({"a": rows})).sample(N_ROWS)["a"].value_counts(normalize=True)
    assert (OTHER_LABEL in model.schema_["a"].listed) == (
        column.unreleased_as != "other" or column.tail is not None
    )
    assert shares[["x", "y", OTHER_LABEL]].to_numpy() == pytest.approx(1 / 3, abs=0.15)


@pytest.mark.parametrize("error", [KeyError(SECRET), UnicodeEncodeError("utf-8", SECRET, 0, 1, SECRET)])
def test_what_another_library_raises_is_told_without_its_message(monkeypatch, error):
    """Pitfall 35."""

    def broken(*args, **kwargs):
        try:
            raise ValueError(SECRET)
        except ValueError:
            error.add_note(SECRET)
            raise error from None

    monkeypatch.setattr(fitting, "_anchored_generator", broken)
    model = TabGAN(5.0, adversary_share=0.0)
    with pytest.raises((KeyError, UnexpectedError)) as caught:
        model.fit(pd.DataFrame({"a": np.arange(N_ROWS) % 3}))
    shown = "".join(traceback.format_exception(caught.value))
    assert re.search(
        rf"Unexpected {type(error).__name__} in tabgan/fitting/fit\.py line \d+, _learn\.", shown
    )
    assert SECRET not in shown.replace(f"KeyError({SECRET})", "")
    assert "spent by this fit" in shown
    assert model.privacy_.epsilon_spent > 0


@pytest.mark.parametrize(
    "error", [KeyError("mine"), KeyboardInterrupt(), OSError(28, "No space left on device")]
)
def test_the_callers_own_errors_and_the_systems_stay_as_they_are(error):
    def progress(stage, done, total):
        raise error

    with pytest.raises(type(error)) as caught:
        TabGAN(5.0, adversary_share=0.0).fit(pd.DataFrame({"a": np.arange(N_ROWS) % 3}), progress=progress)
    assert caught.value is error


def test_text_that_is_no_unicode_is_refused_in_words():
    with pytest.raises(DataError, match="Column 'a': text that is not valid Unicode"):
        TabGAN(5.0).fit(pd.DataFrame({"a": COLUMNS["surrogates"]}))
